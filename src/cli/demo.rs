//! `loa demo`: a self-made newspaper in an embedded store, served at once.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DurationRound as _, TimeDelta};
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::demo_live::Work;
use super::{Global, Outcome, demo_subscriber, output, serve};
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
const GENERATOR: u64 = 2;

/// Try Loa with a self-made newspaper.
///
/// Makes a whole newsroom in Vietnamese, `Báo Trung Du`, in an embedded store and serves its feeds at once. The same
/// seed and time give the same newspaper. A second start uses what the first one made.
///
/// Examples:
///   loa demo
///   loa demo --live
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
    /// Go on working: every so many seconds (5 if not said) publish, edit, take back or withdraw a story, and say where
    /// to watch it. A subscriber on this machine says what is pushed to it.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    live: Option<u64>,
    /// Address to answer on; port 0 takes a free one and prints it.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
}

/// What a directory holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Mark {
    generator: u64,
    articles: u64,
    seed: u64,
    anchor: Timestamp,
    /// False while it is being made.
    complete: bool,
}

impl Mark {
    /// The newspaper.
    const fn options(self) -> demo::Options {
        demo::Options { articles: self.articles, seed: self.seed, anchor: self.anchor }
    }
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let data = &args.data;
    let mark = prepare(&args, SystemClock.now()).await?;
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
        // The subscriber of `--live` is on this machine, and gone when the demo ends.
        ("push.callbacks_may_be_local", text("true"), "demo"),
        ("push.lease_min_seconds", text("60"), "demo"),
        ("http.listen", args.listen, "--listen"),
    ])?;
    let live = args.live.map(|seconds| Work {
        newsroom: mark.options(),
        store: data.join("articles.sqlite"),
        every: Duration::from_secs(seconds),
    });
    let beside = async |base_url: Url, stop: CancellationToken| {
        if let Some(work) = live {
            let subscriber = demo_subscriber::run(base_url.clone(), stop.clone());
            tokio::join!(work.run(base_url, stop), subscriber);
        }
    };
    Box::pin(serve::serve(&config, beside)).await
}

/// Leaves a complete store in the directory: the one that is there, or a new one.
async fn prepare(args: &Args, now: Timestamp) -> anyhow::Result<Mark> {
    let data = args.data.as_path();
    let known = read_mark(data)?;
    let shown = data.display();
    anyhow::ensure!(
        known.is_some() || !data.join("articles.sqlite").exists(),
        "`{shown}` holds a store that `loa demo` did not make; choose another directory with --data"
    );
    let anchor = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
    let wanted = Mark { generator: GENERATOR, articles: args.articles, seed: args.seed, anchor, complete: true };
    if let Some(known) = known.filter(|known| wanted == Mark { anchor, ..*known } && !args.fresh) {
        output::note(&format!("using the newspaper of {} in `{shown}`; --fresh makes it anew", known.anchor));
        return Ok(known);
    }
    clear(data).with_context(|| format!("the directory `{shown}` cannot be cleared"))?;
    write_mark(data, Mark { complete: false, ..wanted })?;
    let newsroom = Newsroom::new(wanted.options())?;
    make(&newsroom, args.articles, data).await?;
    write_mark(data, wanted)?;
    Ok(wanted)
}

/// Writes the newspaper into the store, a batch at a time.
async fn make(newsroom: &Newsroom, count: u64, data: &Path) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut writer = Writer::open(&data.join("articles.sqlite")).await?;
    writer.categories(&newsroom.categories()).await?;
    let bar = progress_bar(count, data)?;
    let mut articles = newsroom.articles().map(|article| Record { article, published_from: PublishedFrom::Stated });
    loop {
        let batch: Vec<Record> = articles.by_ref().take(BATCH_ARTICLES).collect();
        if batch.is_empty() {
            break;
        }
        writer.write_batch(&batch).await?;
        bar.inc(u64::try_from(batch.len()).unwrap_or_default());
        if bar.is_hidden() && bar.position().is_multiple_of(LINE_EVERY_ARTICLES) {
            output::note(&format!("{} of {count} articles", bar.position()));
        }
    }
    writer.close().await?;
    bar.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    output::note(&format!("{count} articles in `{}`, made in {seconds:.1} s", data.display()));
    Ok(())
}

/// A bar on a terminal; elsewhere nothing is drawn.
fn progress_bar(count: u64, data: &Path) -> anyhow::Result<ProgressBar> {
    let style = "making articles in {msg} {wide_bar} {pos}/{len} {per_sec} {eta}";
    let bar = ProgressBar::new(count).with_style(ProgressStyle::with_template(style)?);
    Ok(bar.with_message(data.display().to_string()))
}

fn read_mark(data: &Path) -> anyhow::Result<Option<Mark>> {
    match fs::read(data.join(MARK_FILE)) {
        // A mark of another form is one of another generator.
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or_default())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("`{}` cannot be read", data.display())),
    }
}

fn write_mark(data: &Path, mark: Mark) -> anyhow::Result<()> {
    fs::create_dir_all(data)
        .and_then(|()| fs::write(data.join(MARK_FILE), serde_json::to_vec(&mark)?))
        .with_context(|| format!("the directory `{}` cannot be written; choose another with --data", data.display()))
}

/// Deletes what an earlier demo made, and nothing else.
fn clear(data: &Path) -> io::Result<()> {
    let files = OWN_FILES.iter().map(|name| fs::remove_file(data.join(name)));
    for removed in files.chain([fs::remove_dir_all(data.join(OWN_DIRECTORY))]) {
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(data: &Path, seed: u64) -> Args {
        Args { articles: 50, seed, data: data.to_owned(), fresh: false, live: None, listen: None }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_complete_store_is_used_again_and_any_other_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("demo");
        let made = async |args: Args, now: &str| {
            prepare(&args, at(now)).await.unwrap();
            read_mark(&data).unwrap().unwrap()
        };
        let first = made(args(&data, 1), "2026-11-22T22:36:00Z").await;
        assert_eq!((first.anchor, first.complete), (at("2026-11-22T22:00:00Z"), true));
        assert_eq!(made(args(&data, 1), "2026-11-23T05:00:00Z").await, first, "used again");
        assert_eq!(made(args(&data, 2), "2026-11-23T05:00:00Z").await.seed, 2, "another seed");
        write_mark(&data, Mark { complete: false, ..first }).unwrap();
        assert_eq!(
            made(args(&data, 1), "2026-11-23T06:10:00Z").await.anchor,
            at("2026-11-23T06:00:00Z"),
            "was cut off"
        );
        let fresh = Args { fresh: true, ..args(&data, 1) };
        assert_eq!(made(fresh, "2026-11-23T07:10:00Z").await.anchor, at("2026-11-23T07:00:00Z"));
    }

    #[tokio::test]
    async fn a_store_of_somebody_else_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("articles.sqlite"), "theirs").unwrap();
        let error = prepare(&args(directory.path(), 1), at("2026-11-22T22:36:00Z")).await.unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("holds a store that `loa demo` did not make; choose another directory with --data")
        );
        assert_eq!(fs::read(directory.path().join("articles.sqlite")).unwrap(), b"theirs");
    }
}
