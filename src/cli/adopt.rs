//! `loa adopt`: takes over a feed that the paper had before, so that its subscribers see nothing twice.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use url::Url;

use super::adopt_report::{NewEntry, OldLine, Report, Shown, Standing};
use super::adopt_target;
use super::service::{Places, Service};
use super::{Global, Outcome, options, output};
use crate::adopt::{self, Candidate, FEED_BYTES_MAX, Found, Kind, Matcher, OldEntry, OldFeed};
use crate::config::Config;
use crate::domain::article::ArticleId;
use crate::domain::clock::{Clock as _, SystemClock};
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;
use crate::feed;
use crate::outgoing;
use crate::state::{self, Adopted, Adoption, GUID_BYTES_MAX};
use crate::store::Piece;

/// How long the old feed may take to come: some servers make it anew for everyone who asks.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
/// Articles that are looked at in one go: bodies of so many are in memory at once.
const LOAD_AT_A_TIME: usize = 500;

/// Take over the feed that the paper has now, so that its subscribers see nothing twice.
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT)]
pub(crate) struct Args {
    /// The old feed: its address, or a file that holds it.
    #[arg(value_name = "FILE|URL")]
    source: String,
    /// The feed of ours that takes its place, such as category/thoi-su or locality/phu-tho. Else the smallest category
    /// that holds all the articles found, or the front page feed: feeds of places, authors and tags and custom feeds only
    /// if they are named here.
    #[arg(long, value_name = "PATH")]
    to: Option<String>,
    /// Address of the old feed, if a file is given that does not tell its own.
    #[arg(long, value_name = "URL|PATH")]
    from: Option<String>,
    #[command(flatten)]
    recording: Recording,
    /// Write a JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Recording {
    /// Also for articles that Loa has published under another guid: right if `loa serve` was only tried out, for whoever
    /// has subscribed to our feeds since sees these articles once more.
    #[arg(long)]
    also_published: bool,
    /// Show everything, record nothing.
    #[arg(long)]
    dry_run: bool,
}

const LONG_ABOUT: &str = "\
Take over the feed that the paper has now, so that its subscribers see nothing twice.

Feed readers know an entry by its guid. This reads the present RSS or Atom feed, finds the article of each entry (by its \
address, else by its title if it was published at most 24 hours apart), and records its guid: from then on the article \
has it in every feed of ours. Then it shows what a subscriber of the old feed will see as new in ours, and prints the \
lines that lead subscribers over. Repeating it changes nothing. Do it before the first `loa serve`, for every feed that \
has subscribers, every day until the move; docs/MIGRATION.md has the steps.

Examples:
  loa adopt https://baovidu.example/rss/thoi-su.rss --dry-run --config loa.toml
  loa adopt https://baovidu.example/rss/thoi-su.rss --config loa.toml
  loa adopt thoi-su.xml --from /rss/thoi-su.rss --to category/thoi-su --config loa.toml

Ends with 0 if every entry has its article and its guid, with 1 if some have not: they are listed.";

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let config = global.start()?;
    let old = fetch(&args.source, &config).await?;
    let report = take_over(&args, &config, old).await?;
    output::print(&if args.json { serde_json::to_string_pretty(&report)? + "\n" } else { report.text() })?;
    Ok(if report.is_clean() { Outcome::Clean } else { Outcome::Faults })
}

/// Does everything on a copy of state first: what cannot be shown to the end is not recorded.
async fn take_over(args: &Args, config: &Config, old: OldFeed) -> anyhow::Result<Report> {
    let base_url = options::base_url(config, config.http.listen)?;
    let address = adopt_target::old_address(args, &old, &base_url)?;
    let places = Places::preview(config).await?;
    let mut service = Service::start(config, base_url.clone(), &places).await?;

    let OldFeed { kind, entries, nameless, .. } = old;
    let guids: HashSet<String> = entries.iter().map(|entry| entry.guid.clone()).collect();
    let oldest = entries.iter().filter_map(|entry| entry.published).min();
    let found = search(&service, entries).await?;
    let (wishes, mut standings) = wishes(&service, &found, args.recording.also_published);
    let mut answers = places.state().adopt(&wishes, SystemClock.now()).await?;
    service.engine.settle().await.map_err(anyhow::Error::msg)?;

    let ids: Vec<ArticleId> = matched(&found).map(|candidate| candidate.id.clone()).collect();
    let target = adopt_target::choose(&service, &places, args.to.as_deref(), &ids, format(kind)).await?;
    let adopted = places.state().control().await?.adopted.into_values().collect();
    let addresses = matched(&found).filter_map(|candidate| candidate.address.clone()).collect();
    let new = new_entries(&service, &target.key, &Known { guids, adopted, addresses }, config).await?;
    if !args.recording.dry_run {
        let state = state::open(config.state.url.expose()).await?;
        answers = state.adopt(&wishes, SystemClock.now()).await?;
    }
    tell_standings(&mut standings, &answers);
    let shown = Shown { zone: config.site.timezone, oldest };
    let entries = found.into_iter().zip(&standings).map(|(found, standing)| OldLine::of(found, standing, &shown));
    Ok(Report {
        old_feed: args.source.clone(),
        kind: if kind == Kind::Rss { "RSS" } else { "Atom" },
        dry_run: args.recording.dry_run,
        entries: entries.collect(),
        nameless,
        new: new.into_iter().map(|(entry, twice)| NewEntry::of(&entry, twice, &shown)).collect(),
        redirects: adopt_target::redirects(address.as_ref(), &target, &base_url),
        our_feed: target.into(),
    })
}

impl Args {
    /// The address that the old feed has, as far as the operator says so: relative to ours.
    pub(super) fn given_address(&self) -> Option<&str> {
        self.from.as_deref().or_else(|| web(&self.source).map(|_| self.source.as_str()))
    }
}

/// The source as an address of the web; `None` for a file.
fn web(source: &str) -> Option<Url> {
    let is_web = ["http://", "https://"].iter().any(|scheme| source.starts_with(scheme));
    Url::parse(source).ok().filter(|_| is_web)
}

async fn fetch(source: &str, config: &Config) -> anyhow::Result<OldFeed> {
    let limits = outgoing::Limits { total_timeout: FETCH_TIMEOUT, body_bytes_max: FEED_BYTES_MAX };
    let (bytes, from) = match web(source) {
        Some(url) => {
            let fetched = outgoing::get(&url, limits).await?;
            (fetched.body.to_vec(), Some(fetched.url))
        }
        None => (file(source)?, None),
    };
    let feed = adopt::read(&bytes, from.as_ref(), &options::zones(config));
    let feed = feed.with_context(|| format!("`{source}` cannot be taken over"))?;
    anyhow::ensure!(
        !feed.entries.is_empty(),
        "`{source}` has no entry with a guid or a link: there is nothing to take over"
    );
    Ok(feed)
}

fn file(path: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(FEED_BYTES_MAX).unwrap_or(u64::MAX);
    let read = File::open(path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
    read.with_context(|| format!("`{path}` cannot be read"))?;
    anyhow::ensure!(bytes.len() <= FEED_BYTES_MAX, "`{path}` has more than {FEED_BYTES_MAX} bytes");
    Ok(bytes)
}

/// Lets every article of the store pass by, also when every entry has been found: another article may fit as well.
async fn search(service: &Service, entries: Vec<OldEntry>) -> anyhow::Result<Vec<Found>> {
    let maker = service.publisher.maker();
    let pattern = maker.options.article_url.as_deref();
    let mut ids: BTreeSet<ArticleId> = BTreeSet::new();
    let mut take = |piece: Piece<'_>| {
        if piece.of_article {
            ids.insert(ArticleId::new(piece.id));
        }
    };
    maker.store.scan(&mut take).await?;
    let ids: Vec<ArticleId> = ids.into_iter().collect();
    let mut matcher = Matcher::new(entries);
    let bar = progress(ids.len());
    for chunk in ids.chunks(LOAD_AT_A_TIME) {
        for article in maker.store.load(chunk).await?.into_iter().filter_map(|loaded| loaded.article.ok()) {
            let address = feed::article_address(&article, pattern);
            matcher.offer(&article, address.as_ref().map(feed::values::WebUrl::as_str));
        }
        bar.inc(chunk.len().try_into().unwrap_or(u64::MAX));
    }
    bar.finish_and_clear();
    Ok(matcher.finish())
}

fn progress(articles: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    let bar = ProgressBar::new(articles.try_into().unwrap_or(u64::MAX)).with_message("articles");
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

fn matched(found: &[Found]) -> impl Iterator<Item = &Candidate> {
    found.iter().filter_map(|found| match &found.outcome {
        adopt::Outcome::Matched(candidate, _) => Some(candidate),
        _ => None,
    })
}

/// What state is asked for, the surest matches first; and of each entry how it stands, as far as state is not asked.
fn wishes(service: &Service, found: &[Found], also_published: bool) -> (Adoption, Vec<Standing>) {
    let mut wishes = Vec::new();
    let mut standings = Vec::new();
    for Found { entry, outcome } in found {
        standings.push(match outcome {
            adopt::Outcome::Matched(..) if entry.guid.len() > GUID_BYTES_MAX => Standing::TooLong,
            adopt::Outcome::Matched(candidate, how) => {
                wishes.push((*how, standings.len(), (candidate.id.clone(), entry.guid.clone())));
                Standing::Asked(0)
            }
            adopt::Outcome::Ambiguous(ids) => Standing::Ambiguous(ids.clone()),
            adopt::Outcome::Damaged => Standing::Damaged,
            adopt::Outcome::Unmatched => Standing::Unmatched,
        });
    }
    wishes.sort_by_key(|(how, at, _)| (*how, *at));
    for (number, (_, at, _)) in wishes.iter().enumerate() {
        if let Some(standing) = standings.get_mut(*at) {
            *standing = Standing::Asked(number);
        }
    }
    let guids = wishes.into_iter().map(|(_, _, wish)| wish).collect();
    let identity = service.publisher.maker().options.identity.clone();
    (Adoption { guids, also_published, identity }, standings)
}

/// Puts the answers of state where they were asked for.
fn tell_standings(standings: &mut [Standing], answers: &[Adopted]) {
    for standing in standings {
        if let Standing::Asked(number) = standing {
            *standing = match answers.get(*number) {
                Some(Adopted::Recorded) => Standing::Recorded,
                Some(Adopted::Known) | None => Standing::Known,
                Some(Adopted::OtherGuid(guid)) => Standing::OtherGuid(guid.clone()),
                Some(Adopted::OtherArticle(id)) => Standing::OtherArticle(id.clone()),
                Some(Adopted::Published(guid)) => Standing::Published(guid.clone()),
            };
        }
    }
}

/// What a subscriber of the old feed has seen.
struct Known {
    guids: HashSet<String>,
    /// Guids adopted before, from this feed at another time or from another feed.
    adopted: HashSet<String>,
    /// Addresses of the articles found.
    addresses: HashSet<String>,
}

/// The entries of our feed, as a reader reads them, that a subscriber of the old feed has not seen; and of each whether it
/// is one that was found in the old feed.
async fn new_entries(
    service: &Service,
    key: &FeedKey,
    known: &Known,
    config: &Config,
) -> anyhow::Result<Vec<(OldEntry, bool)>> {
    let made = service.publisher.maker().make(&key.scope, &[key.format]).await?;
    let bytes = made.documents.first().map(|document| document.identity().bytes.clone()).unwrap_or_default();
    let ours = adopt::read(&bytes, None, &options::zones(config)).context("our own feed cannot be read")?;
    let mut new = Vec::new();
    for entry in ours.entries.into_iter().filter(|entry| !known.guids.contains(&entry.guid)) {
        let is_matched = entry.links.iter().any(|link| known.addresses.contains(link));
        // A guid that was adopted from this feed at another time has been seen there.
        if is_matched || !known.adopted.contains(&entry.guid) {
            new.push((entry, is_matched));
        }
    }
    Ok(new)
}

/// The format of ours in which subscribers of this kind of feed lose nothing.
const fn format(kind: Kind) -> Format {
    match kind {
        Kind::Rss => Format::Rss,
        Kind::Atom => Format::Atom,
    }
}
