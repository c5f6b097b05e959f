//! What reading a store costs: loading the fifty articles of a feed, and a row of a complete read; the time, and what it adds
//! to the memory of the process at most.
//!
//! `cargo bench --bench store` makes an embedded store of 20,000 articles; `-- URL` after it reads a store that is there, such
//! as `sqlite:PATH` or `postgres://...`, and changes nothing in it.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use loa::demo::{self, Newsroom};
use loa::domain::article::ArticleId;
use loa::import::record::{PublishedFrom, Record};
use loa::import::writer::Writer;
use loa::store::{self, ArticleStore, Options, Piece};
use loa::text::stamp::Zones;

/// Articles of the store that is made.
const ARTICLES: u64 = 20_000;
/// The newest article is of this time, so that no run differs from another.
const ANCHOR: &str = "2026-03-18T00:00:00Z";
/// Articles in one transaction while it is made.
const BATCH: usize = 1_000;
/// Articles of a feed.
const FEED: usize = 50;
/// Feeds loaded, of articles that lie far apart.
const FEEDS: usize = 200;

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let url = match std::env::args().skip(1).find(|arg| arg.contains(':')) {
        Some(url) => url,
        None => made(&directory.path().join("articles.sqlite")).await,
    };
    let options = Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 60_000 };
    let store = store::open(&url, &options).unwrap();
    let ids = scan(&*store).await;
    load(&*store, &ids).await;
}

async fn made(path: &Path) -> String {
    let options = demo::Options { articles: ARTICLES, seed: 1, anchor: ANCHOR.parse().unwrap() };
    let newsroom = Newsroom::new(options).unwrap();
    let mut writer = Writer::open(path).await.unwrap();
    writer.categories(&newsroom.categories()).await.unwrap();
    let articles = newsroom.articles().map(|article| Record { article, published_from: PublishedFrom::Stated });
    let articles: Vec<Record> = articles.collect();
    for batch in articles.chunks(BATCH) {
        writer.write_batch(batch).await.unwrap();
    }
    writer.close().await.unwrap();
    format!("sqlite:{}", path.display())
}

/// A complete read: twice, because the first one also warms the caches of the database. The second keeps nothing.
async fn scan(store: &dyn ArticleStore) -> Vec<ArticleId> {
    let mut ids = Vec::new();
    let mut keep = |piece: Piece<'_>| {
        if piece.of_article {
            ids.push(ArticleId::new(piece.id));
        }
    };
    store.scan(&mut keep).await.unwrap();
    let (mut rows, mut sum, began, before) = (0_u32, 0_u64, Instant::now(), resident());
    let mut add = |piece: Piece<'_>| {
        rows += 1;
        sum = sum.wrapping_add(piece.digest);
    };
    store.scan(&mut add).await.unwrap();
    let took = began.elapsed();
    println!("{:<42}{:>12}", "articles", ids.len());
    println!("{:<42}{rows:>12}", "rows of a complete read");
    println!("{:<42}{:>9.2} s ", "time of a complete read", took.as_secs_f64());
    println!("{:<42}{:>9.2} us", "time of one of its rows", took.as_secs_f64() * 1e6 / f64::from(rows.max(1)));
    println!("{:<42}{:>9} kB", "memory more than before it", resident().saturating_sub(before));
    ids
}

/// Loads feeds of articles that lie far apart, again and again.
async fn load(store: &dyn ArticleStore, ids: &[ArticleId]) {
    let step = (ids.len() / FEED).max(1);
    let mut times: Vec<Duration> = Vec::new();
    for round in 0..FEEDS {
        let feed: Vec<ArticleId> = ids.iter().skip(round % step).step_by(step).take(FEED).cloned().collect();
        let began = Instant::now();
        let loaded = store.load(&feed).await.unwrap();
        times.push(began.elapsed());
        assert_eq!(loaded.len(), feed.len());
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    println!("{:<42}{:>9.2} ms", "loading 50 articles, the middle one of 200", at(50));
    println!("{:<42}{:>9.2} ms", "loading 50 articles, the fastest tenth", at(10));
}

/// Memory of the process, in kilobytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
