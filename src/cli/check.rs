//! `loa check`: is everything right? Configuration, store, every article, every feed.

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeSet;

use super::service::{Places, Service};
use super::{Global, Outcome, options, output};
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::fault::{Fault, FaultCode, Severity, Subject};
use crate::domain::format::Format;
use crate::domain::scope::Scope;
use crate::feed;
use crate::publish::view::View;
use crate::publish::{Published as _, Route};

/// Check the configuration, the store and every feed, and name what is wrong.
///
/// Nothing is recorded and nothing is changed. Ends with 1 if anything is listed.
///
/// Examples:
///   loa check --config loa.toml
///   loa check --json --store sqlite:loa-data/articles.sqlite
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Write a JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    store: String,
    articles: usize,
    feeds: usize,
    faults: Vec<Line>,
}

/// One fault, for scripts.
#[derive(Debug, Serialize)]
struct Line {
    subject: String,
    code: &'static str,
    severity: &'static str,
    vi: &'static str,
    en: &'static str,
    detail: String,
}

impl From<Fault> for Line {
    fn from(fault: Fault) -> Self {
        let severity = match fault.code.severity() {
            Severity::SetAside => "set_aside",
            Severity::Repaired => "repaired",
            Severity::Notice => "notice",
        };
        let (code, vi, en) = (fault.code.code(), fault.code.vietnamese(), fault.code.english());
        Self { subject: fault.subject.to_string(), code, severity, vi, en, detail: fault.detail }
    }
}

impl Line {
    fn text(&self) -> String {
        let detail = if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        let Self { subject, severity, code, vi, en, .. } = self;
        format!("{subject} [{severity}] {code}\n    {vi} / {en}{detail}\n")
    }
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let config = global.start()?;
    let base_url = options::base_url(&config, config.http.listen)?;
    let places = Places::scratch(&config).await?;
    let mut service = Service::start(&config, base_url, &places).await?;
    service.engine.settle().await.map_err(anyhow::Error::msg)?;

    let mut faults: BTreeSet<Fault> = service
        .view
        .with_status(|status| status.general_faults.iter().chain(status.faults.values().flatten()).cloned().collect());
    let scopes = scopes(&service.view);
    let progress = progress(scopes.len());
    for scope in &scopes {
        faults.extend(check_feed(&service, scope).await);
        progress.inc(1);
    }
    progress.finish_and_clear();
    faults.extend(config.redirects.iter().filter_map(|(old, target)| check_redirect(&service, old, target)));

    let health = service.publisher.health();
    let faults: Vec<Line> = faults.into_iter().map(Line::from).collect();
    let outcome = if faults.is_empty() { Outcome::Clean } else { Outcome::Faults };
    let report = Report { store: health.store.what, articles: health.articles, feeds: health.feeds, faults };
    output::print(&if args.json { serde_json::to_string_pretty(&report)? + "\n" } else { text(&report) })?;
    Ok(outcome)
}

/// Every feed that has an address of its own and holds something, and every category.
fn scopes(view: &View) -> BTreeSet<Scope> {
    let names = view.names();
    let categories = names.categories.all().iter().map(|category| Scope::Category(category.id.clone()));
    let holding: Vec<Scope> = view.with_catalog(|catalog| catalog.scopes_with_articles().cloned().collect());
    holding.into_iter().chain(categories).chain([Scope::All]).collect()
}

/// Makes the feed in every format, and says what was left out, mended, cut, or did not come out.
async fn check_feed(service: &Service, scope: &Scope) -> Vec<Fault> {
    let path = service.view.names().addresses.current(scope).unwrap_or_else(|| "?".to_owned());
    let maker = service.publisher.maker();
    let mut faults = match maker.make(scope, &Format::ALL).await {
        Ok(made) => made.faults,
        Err(error) => vec![Fault::new(Subject::Feed(path.clone()), FaultCode::FeedUnrenderable, error)],
    };
    let window = maker.options.window;
    let unlimited = feed::Window { entries_max: usize::MAX, ..window };
    let wanted = service
        .view
        .with_catalog(|catalog| feed::window_len(catalog.newest(scope).map(|entry| entry.published), &unlimited));
    if wanted > window.entries_max {
        let detail = format!("{wanted} entries by number and age, {} allowed", window.entries_max);
        faults.push(Fault::new(Subject::Feed(path), FaultCode::WindowLimited, detail));
    }
    faults
}

/// An address of the time before Loa that leads nowhere.
fn check_redirect(service: &Service, old: &str, target: &str) -> Option<Fault> {
    let leads = matches!(service.publisher.route(target), Route::Feed(_) | Route::Moved(_));
    let path = target.strip_prefix(FEEDS_PREFIX).unwrap_or(target).to_owned();
    (!leads).then(|| Fault::new(Subject::Feed(path), FaultCode::RedirectNowhere, old))
}

fn progress(feeds: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    let bar = ProgressBar::new(feeds.try_into().unwrap_or(u64::MAX)).with_message("feeds");
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

fn text(report: &Report) -> String {
    let head = format!("{}: {} articles in {} feeds\n", report.store, report.articles, report.feeds);
    let faults: String = report.faults.iter().map(Line::text).collect();
    let end = match report.faults.len() {
        0 => "nothing is wrong\n".to_owned(),
        count => format!("{count} faults\n"),
    };
    head + &faults + &end
}
