//! Two real processes on one PostgreSQL, store and state, while a newsroom writes all the time and one of them is killed: what
//! they say of one state of a feed is the same to the byte, and nothing that was committed is missing in the end.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use loa::store::{self, install};
use loa::text::stamp::Zones;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::http::{Answer, Client};
use crate::support::newsroom::{article, small};
use crate::support::postgres::Postgres;
use crate::support::process::Served;
use crate::support::{Database, on, rounds};

const HOST: &[&str] = &["Host: localhost"];
/// What is compared.
const PATHS: [&str; 6] = [
    "/feeds/all.rss",
    "/feeds/all.atom",
    "/feeds/all.json",
    "/feeds/category/kinh-te.json",
    "/feeds/category/nong-nghiep.atom",
    "/feeds/category/van-hoa.rss",
];
/// Fewer than a feed's window holds: whatever is published is in the front page feed.
const ARTICLES_MAX: u64 = 150;
/// Longer than any change may take, on the slowest machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was said of a feed's state, by whomever: path and sequence lead to the validators.
#[derive(Default)]
struct Told(HashMap<(String, String), (String, String)>);

impl Told {
    /// One state of a feed has one document.
    fn note(&mut self, path: &str, answer: &Answer) {
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let etag = answer.header("etag").unwrap();
        let sequence = etag.trim_start_matches('"').split('-').next().unwrap().to_owned();
        let told = (etag, answer.text());
        let known = self.0.entry((path.to_owned(), sequence)).or_insert_with(|| told.clone());
        assert_eq!(*known, told, "{path}: two documents of one state");
    }
}

/// A number from another one: the same stream in every run.
fn next(random: &mut u64, below: u64) -> u64 {
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*random >> 33) % below
}

/// What a newsroom does at some moment.
fn edit(random: &mut u64, new: &mut u64, at: u64) -> String {
    let id = 1 + next(random, *new);
    match next(random, 6) {
        0 | 1 if *new < ARTICLES_MAX => {
            *new += 1;
            let (hour, minute) = (8 + at / 60 % 12, at % 60);
            article(
                &new.to_string(),
                ["10", "11", "20"][usize::try_from(at % 3).unwrap()],
                &format!("2026-03-17 {hour:02}:{minute:02}:00"),
                &[],
            )
        }
        0..=3 => format!("UPDATE articles SET title = 'Tin {id}, sửa lần {at}' WHERE id = '{id}'"),
        4 => format!(
            "UPDATE article_categories SET category_id = '{}' WHERE article_id = '{id}'",
            ["10", "11", "20"][usize::try_from(at % 3).unwrap()]
        ),
        _ => format!(
            "UPDATE articles SET status = CASE status WHEN 'draft' THEN 'published' ELSE 'draft' END WHERE id = '{id}'"
        ),
    }
}

fn configure(db: &Postgres) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let url = db.url();
    let text = format!(
        "store.url = \"{url}\"\nstate.url = \"{url}\"\nsite.base_url = \"http://localhost/\"\nhttp.metrics_listen = \"\"\n\
         store.vanish_max_rows = 1000\n"
    );
    fs::write(directory.path().join("loa.toml"), text).unwrap();
    directory
}

fn start(directory: &Path) -> Served {
    Served::start(directory, &["--config", "loa.toml"])
}

async fn ask(served: &Served, path: &str) -> Answer {
    Client::connect(served.address).await.ask(&format!("GET {path}"), HOST).await
}

/// Id and title of what is published, newest first, as the store has it.
async fn published(db: &Postgres) -> Vec<(String, String)> {
    db.pairs("SELECT id, title FROM articles WHERE status = 'published' ORDER BY id").await
}

fn shown(answer: &Answer) -> BTreeMap<String, String> {
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    let item = |item: &Value| {
        let id = item["id"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
        (id, item["title"].as_str().unwrap().to_owned())
    };
    json["items"].as_array().unwrap().iter().map(item).collect()
}

/// Waits until the process shows everything that is committed, and nothing else.
async fn caught_up(db: &Postgres, served: &Served) {
    let began = Instant::now();
    loop {
        let (store, feed) = (published(db).await, shown(&ask(served, "/feeds/all.json").await));
        let same = store.len() == feed.len() && store.iter().all(|(id, title)| feed.get(id) == Some(title));
        if same {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "the store has {store:?},\nthe feed {feed:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Both say the same of everything, once both have followed the ledger.
async fn assert_same(a: &Served, b: &Served, told: &mut Told) {
    let began = Instant::now();
    for path in PATHS {
        loop {
            let (one, other) = (ask(a, path).await, ask(b, path).await);
            told.note(path, &one);
            told.note(path, &other);
            let validators = |answer: &Answer| (answer.header("etag"), answer.header("last-modified"));
            if validators(&one) == validators(&other) {
                assert_eq!(one.body, other.body, "{path}");
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{path}: {:?}, {:?}", validators(&one), validators(&other));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_under_concurrent_changes_serve_the_same_and_lose_nothing() {
    on::<Postgres>(async |db| {
        db.sql(&small()).await;
        let options =
            store::Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 20_000 };
        let wishes = install::Wishes { id: "1".to_owned(), ..install::Wishes::default() };
        let script = install::script(&db.url(), &options, &wishes).await.unwrap();
        install::run(&db.url(), &script).await.unwrap();
        let directories = [configure(db), configure(db)];
        let mut replicas = [start(directories[0].path()), start(directories[1].path())];
        for served in &replicas {
            ready(served).await;
        }
        let (mut told, mut random, mut new) = (Told::default(), 7, 4);
        for round in 0..rounds() {
            // Never more than a feed's window holds.
            for at in 0..if new < 40 { 12 } else { 4 } {
                let mut edits = [edit(&mut random, &mut new, round * 12 + at), String::new()];
                if new < 40 {
                    edits[1] = edit(&mut random, &mut new, round * 12 + at + 5);
                }
                // At the same time, so that they may commit in any order; while both processes are asked.
                let edits = edits.iter().filter(|edit| !edit.is_empty());
                futures_util::future::join_all(edits.map(|edit| db.sql_retried(edit))).await;
                let path = PATHS[usize::try_from(next(&mut random, 6)).unwrap()];
                for served in &replicas {
                    told.note(path, &ask(served, path).await);
                }
                if at == 6 && round % 2 == 0 {
                    let killed = usize::from(round % 4 == 0);
                    replicas[killed].kill();
                    replicas[killed] = start(directories[killed].path());
                    ready(&replicas[killed]).await;
                }
            }
            for served in &replicas {
                caught_up(db, served).await;
            }
            assert_same(&replicas[0], &replicas[1], &mut told).await;
        }
    })
    .await;
}

/// Waits until it serves.
async fn ready(served: &Served) {
    let began = Instant::now();
    while ask(served, "/readyz").await.status != 200 {
        assert!(began.elapsed() < PATIENCE, "not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
