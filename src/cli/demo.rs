//! `loa demo`: a self-made newspaper in an embedded store, served at once.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DurationRound as _, TimeDelta};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Global, Outcome, output, serve};
use crate::demo::{self, Newsroom};
use crate::domain::clock::{Clock as _, SystemClock, Timestamp};
use crate::import::record::{PublishedFrom, Record};
use crate::import::writer::Writer;

/// Articles in one transaction: some megabytes.
const BATCH_ARTICLES: usize = 1000;
/// A progress line is written after so many articles where there is no terminal to draw a bar on.
const LINE_EVERY_ARTICLES: u64 = 100_000;
/// Says what the directory holds; written last, so that its presence means the store is complete.
const MARK_FILE: &str = "demo.json";
/// What the command makes in its directory, and what it may therefore delete from it.
const OWN_FILES: [&str; 7] = [
    MARK_FILE,
    "articles.sqlite",
    "articles.sqlite-wal",
    "articles.sqlite-shm",
    "state.sqlite",
    "state.sqlite-wal",
    "state.sqlite-shm",
];
const OWN_DIRECTORY: &str = "documents";
/// Counts the changes of the generator: a store of an older one is made anew.
const GENERATOR: u64 = 1;

/// Try Loa with a self-made newspaper.
///
/// Makes a whole newsroom in Vietnamese, `Báo Trung Du`, in an embedded store and serves its feeds at once. The same
/// seed and time give the same newspaper. A second start uses what the first one made.
///
/// Examples:
///   loa demo
///   loa demo --articles 1000000 --data /var/tmp/loa-demo --listen 127.0.0.1:0
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// How many articles.
    #[arg(long, default_value_t = 3000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    articles: u64,
    /// Another number makes another newspaper.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Directory of the store and of what Loa remembers.
    #[arg(long, default_value = "loa-data/demo", value_name = "DIR")]
    data: PathBuf,
    /// Make it anew, with the present hour as its newest.
    #[arg(long)]
    fresh: bool,
    /// Address to answer on; port 0 takes a free one and prints it.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
}

/// What a directory holds.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Mark {
    generator: u64,
    articles: u64,
    seed: u64,
    anchor: Timestamp,
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let data = &args.data;
    prepare(&args, SystemClock.now()).await?;
    let place = |name: &str| Some(format!("sqlite:{}", data.join(name).display()));
    let (authority, since) = demo::IDENTITY;
    let text = |value: &str| Some(value.to_owned());
    let config = global.start_service([
        ("store.url", place("articles.sqlite"), "demo"),
        ("state.url", place("state.sqlite"), "demo"),
        ("state.directory", Some(data.display().to_string()), "demo"),
        ("identity.authority", text(authority), "demo"),
        ("identity.since", text(since), "demo"),
        ("site.title", text(demo::TITLE), "demo"),
        ("site.description", text(demo::DESCRIPTION), "demo"),
        ("site.home_url", text(demo::HOME_URL), "demo"),
        ("site.rights", text(demo::RIGHTS), "demo"),
        ("feeds.content", text("full"), "demo"),
        // Somebody else's may be on the usual port; a demo needs none.
        ("http.metrics_listen", text(""), "demo"),
        ("http.listen", args.listen, "--listen"),
    ])?;
    serve::serve(&config).await
}

/// Leaves a complete store in the directory: the one that is there, or a new one.
async fn prepare(args: &Args, now: Timestamp) -> anyhow::Result<()> {
    let data = args.data.as_path();
    fs::create_dir_all(data).with_context(|| format!("the directory `{}` cannot be made", data.display()))?;
    let known = mark(data)?;
    let fits = |mark: &Mark| (mark.generator, mark.articles, mark.seed) == (GENERATOR, args.articles, args.seed);
    if let Some(known) = known.filter(|mark| fits(mark) && !args.fresh) {
        output::note(&format!("the newspaper of {} in `{}` is used again (--fresh makes it anew)", known.anchor, data.display()));
        return Ok(());
    }
    clear(data)?;
    let anchor = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
    let options = demo::Options { articles: args.articles, seed: args.seed, anchor };
    make(options, data).await?;
    let mark = Mark { generator: GENERATOR, articles: args.articles, seed: args.seed, anchor };
    fs::write(data.join(MARK_FILE), serde_json::to_string(&mark)?).context("the mark of the demo cannot be written")
}
