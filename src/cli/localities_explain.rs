//! `loa localities explain`: why an article is in the feeds of the places that it is in.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::NaiveDate;
use serde::Serialize;

use super::{Global, options, tables};
use crate::catalog::classify;
use crate::catalog::finding::{Finding, Given};
use crate::config::Config;
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::article::{Article, ArticleId};
use crate::domain::clock::{Clock as _, SystemClock};
use crate::domain::found::{FindPolicy, FoundPlace};
use crate::domain::ledger::{ArticleRecord, Standing};
use crate::gazetteer::{Gazetteer, Hit, Located, Role, Unit};
use crate::state::{self, Control};
use crate::store;

/// Explain which places an article is filed under, and why.
///
/// Shown are what the store gives, every place that the text names with the reason why it is that
/// unit, what would be filed and what is kept of it, and the feeds that follow. Without an article:
/// every article whose text names a place that the store does not give.
///
/// What is done with places in texts is `localities.find` in the configuration, or what
/// `loa import --localities` has said for the article.
///
/// Examples:
///   loa localities explain 182035 --config loa.toml
///   loa localities explain --json --config loa.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ExplainArgs {
    /// The article's id, as the store has it.
    article: Option<String>,
}

/// Everything about one article.
#[derive(Debug, Serialize)]
struct Explanation {
    article: String,
    title: String,
    /// The day whose units count.
    day: NaiveDate,
    /// `public`, `set aside`, `left`, `vanished`, `withdrawn`; `not published` if it never was. Only a public one is in feeds.
    standing: &'static str,
    policy: &'static str,
    /// Did `loa import --localities` say so?
    policy_of_article: bool,
    given: Vec<UnitLine>,
    unresolved: Vec<String>,
    found: Vec<FoundLine>,
    filed: Vec<FiledLine>,
    /// What state holds; none before the article is published.
    kept: Vec<String>,
    /// Addresses of the feeds of places that follow, without extension.
    feeds: Vec<String>,
}

#[derive(Debug, Serialize)]
struct UnitLine {
    code: String,
    unit: String,
}

#[derive(Debug, Serialize)]
struct FoundLine {
    part: &'static str,
    text: String,
    #[serde(flatten)]
    unit: UnitLine,
    reason: String,
}

#[derive(Debug, Serialize)]
struct FiledLine {
    #[serde(flatten)]
    unit: UnitLine,
    why: String,
    /// `assigned`, `suggested`, `given`, or `no` where the policy is `off`.
    standing: &'static str,
}

/// An article of which state holds found places.
#[derive(Debug, Serialize)]
struct KeptLine {
    article: String,
    assigned: Vec<String>,
    suggested: Vec<String>,
}

/// What the command prints.
pub(super) async fn explain(args: &ExplainArgs, global: &Global, as_json: bool) -> anyhow::Result<String> {
    let config = global.start()?;
    let today = SystemClock.now().with_timezone(&config.site.timezone).date_naive();
    let gazetteer = Arc::new(tables::gazetteer(&config)?.as_of(today));
    let options = options::classify(&config, gazetteer)?;
    if let Some(id) = &args.article {
        let explanation = explanation(&config, &options, &ArticleId::new(id.as_str())).await?;
        return Ok(if as_json { serde_json::to_string_pretty(&explanation)? + "\n" } else { told(&explanation) });
    }
    let lines = every(&config, &options).await?;
    Ok(if as_json { serde_json::to_string_pretty(&lines)? + "\n" } else { listed(&lines) })
}

async fn explanation(config: &Config, options: &classify::Options, id: &ArticleId) -> anyhow::Result<Explanation> {
    let store = store::open(config.store.url.expose(), &options::store(config))?;
    let loaded = store.load(std::slice::from_ref(id)).await?.into_iter().next();
    let loaded = loaded.with_context(|| format!("the store has no article `{id}`"))?;
    let article = loaded.article.map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let (control, record) = match state::open_existing(config.state.url.expose()).await? {
        Some(state) => (state.control().await?, state.records(std::slice::from_ref(id)).await?.into_iter().next()),
        None => (Control::default(), None),
    };
    let published = record.as_ref().map(|record| record.published).or_else(|| article.due_at());
    // A draft has no day yet: it is read as if it were published today.
    let published = published.unwrap_or_else(|| SystemClock.now());
    let said = control.find.get(id).copied();
    let day = options.day_of(published);
    Ok(explained(options, &article, day, said, record.as_ref()))
}

fn explained(
    options: &classify::Options,
    article: &Article,
    day: NaiveDate,
    said: Option<FindPolicy>,
    record: Option<&ArticleRecord>,
) -> Explanation {
    let gazetteer = &*options.gazetteer;
    let policy = said.unwrap_or(options.find);
    let texts = article.localities.iter().map(String::as_str);
    let Located { units: given, unresolved } = gazetteer.locate(texts, day, &options.home);
    let finding = Finding::new(gazetteer, article, day, &options.home);
    let carries_any = !article.localities.is_empty();
    let kept = match policy {
        FindPolicy::Off => Vec::new(),
        _ => finding.kept(gazetteer, &Given { units: &given, carries_any }, day, policy),
    };
    let located: Vec<&Unit> = given.iter().copied().chain(gazetteer.units_found(&kept, day)).collect();
    let places: BTreeSet<_> = located.iter().flat_map(|unit| gazetteer.feeds_of(unit, day)).collect();
    let paths = places.into_iter().filter_map(|place| gazetteer.path_of(place));
    let is_given = |unit: &&Unit| given.iter().any(|given| gazetteer.self_and_ancestors(given, day).contains(unit));
    let standing = |unit: &Unit| if is_given(&unit) { "given" } else { standing(gazetteer, unit, &kept) };
    Explanation {
        article: article.id.to_string(),
        title: finding.story.first().map(|(_, title)| title.clone()).unwrap_or_default(),
        day,
        standing: record.map_or("not published", |record| standing_word(record.standing)),
        policy: policy.as_str(),
        policy_of_article: said.is_some(),
        given: given.iter().map(|unit| line(gazetteer, unit, day)).collect(),
        unresolved: unresolved.iter().map(ToString::to_string).collect(),
        found: found(gazetteer, &finding, day),
        filed: finding
            .assigned
            .iter()
            .map(|assigned| FiledLine {
                unit: line(gazetteer, assigned.unit, day),
                why: assigned.why.to_string(),
                standing: standing(assigned.unit),
            })
            .collect(),
        kept: record.map(|record| record.found.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        feeds: paths.map(|path| format!("{FEEDS_PREFIX}locality/{path}")).collect(),
    }
}

const fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Public => "public",
        Standing::SetAside => "set aside",
        Standing::Gone { reason, .. } => reason.as_str(),
    }
}

fn standing(gazetteer: &Gazetteer, unit: &Unit, kept: &[FoundPlace]) -> &'static str {
    let place = gazetteer.place_of(unit);
    match kept.iter().find(|found| found.place == place) {
        Some(found) if found.is_assigned => "assigned",
        Some(_) => "suggested",
        None => "no",
    }
}

fn found(gazetteer: &Gazetteer, finding: &Finding<'_>, day: NaiveDate) -> Vec<FoundLine> {
    let line = |hit: &Hit<'_>| {
        let (role, text) = finding.story.get(hit.part)?;
        Some(FoundLine {
            part: part(*role),
            text: text.get(hit.span.clone())?.to_owned(),
            unit: line(gazetteer, hit.unit, day),
            reason: hit.reason.to_string(),
        })
    };
    finding.hits.iter().filter_map(line).collect()
}

const fn part(role: Role) -> &'static str {
    match role {
        Role::Title => "title",
        Role::Lead => "lead",
        Role::Caption => "caption",
        Role::Body => "body",
    }
}

fn line(gazetteer: &Gazetteer, unit: &Unit, day: NaiveDate) -> UnitLine {
    UnitLine { code: unit.code.to_string(), unit: gazetteer.describe(unit, day) }
}

async fn every(config: &Config, options: &classify::Options) -> anyhow::Result<Vec<KeptLine>> {
    let Some(state) = state::open_existing(config.state.url.expose()).await? else { return Ok(Vec::new()) };
    let mut records = Vec::new();
    let found = |record: &ArticleRecord| record.is_public() && !record.found.is_empty();
    state.read_since(0, &mut |block| records.extend(block.into_iter().filter(found))).await?;
    records.sort_by(|a, b| a.id.cmp(&b.id));
    let gazetteer = &*options.gazetteer;
    let line = |record: &ArticleRecord| {
        let day = options.day_of(record.published);
        let (assigned, suggested): (Vec<FoundPlace>, Vec<FoundPlace>) =
            record.found.iter().partition(|found| found.is_assigned);
        let named = |found: Vec<FoundPlace>| {
            let units = found.iter().filter_map(|found| gazetteer.unit_on(found.place, day));
            units.map(|unit| gazetteer.describe(unit, day)).collect()
        };
        KeptLine { article: record.id.to_string(), assigned: named(assigned), suggested: named(suggested) }
    };
    Ok(records.iter().map(line).collect())
}

fn told(it: &Explanation) -> String {
    let mut text = String::new();
    let by = if it.policy_of_article { "said for this article" } else { "localities.find" };
    let mut add = |args: std::fmt::Arguments<'_>| writeln!(text, "{args}").unwrap_or_default();
    add(format_args!("{}  {}\nday     {}\nis      {}", it.article, it.title, it.day, it.standing));
    add(format_args!("policy  {} ({by})", it.policy));
    add(format_args!("\ngiven by the store:"));
    it.given.iter().for_each(|unit| add(format_args!("  {}", unit.unit)));
    it.unresolved.iter().for_each(|why| add(format_args!("  not understood: {why}")));
    add(format_args!("\nnamed in the text:"));
    for found in &it.found {
        add(format_args!("  {:8}{}  →  {}: {}", found.part, found.text, found.unit.unit, found.reason));
    }
    add(format_args!("\nfiled:"));
    for filed in &it.filed {
        add(format_args!("  {:10}{}: {}", filed.standing, filed.unit.unit, filed.why));
    }
    add(format_args!("\nfeeds:"));
    it.feeds.iter().for_each(|path| add(format_args!("  {path}")));
    if !it.kept.is_empty() {
        add(format_args!("\nkept in state: {}", it.kept.join(", ")));
    }
    text
}

fn listed(lines: &[KeptLine]) -> String {
    let mut text = String::new();
    for line in lines {
        let kinds = [("assigned", &line.assigned), ("suggested", &line.suggested)];
        for (kind, units) in kinds.into_iter().filter(|(_, units)| !units.is_empty()) {
            writeln!(text, "{}  {kind}: {}", line.article, units.join("; ")).unwrap_or_default();
        }
    }
    text
}
