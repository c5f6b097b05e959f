//! Documents that are answered from memory the short way: the same bytes as the long way gives, and never one that something
//! had to leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use loa::domain::article::ArticleId;
use loa::domain::clock::Clock as _;
use loa::domain::feed_key::FeedKey;
use loa::domain::format::Format;
use loa::domain::ledger::{Committed, FeedRecord};
use loa::domain::scope::Scope;
use loa::publish::Published as _;

use crate::support::app::{App, Site};
use crate::support::http::{Answer, Client};
use crate::support::newsroom::{article, small};
use crate::support::sqlite::Sqlite;
use crate::support::{Database as _, on};

/// Where the front page feed is.
const ALL: &str = "/feeds/all.json";
/// Rounds of a race: each is some milliseconds long.
const ROUNDS: usize = 40;
/// Who asks at the same time.
const READERS: usize = 4;
/// What a request may say that matters, one at a time.
const HEADERS: [&str; 8] = [
    "Accept: */*",
    "Accept-Encoding: gzip",
    "Accept-Encoding: br;q=0.5, zstd;q=0",
    "Accept-Encoding: identity;q=0",
    "If-None-Match: *",
    "If-Match: \"other\"",
    "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
    "Host: evil.example",
];

fn is_ready(app: &App, path: &str) -> bool {
    app.publisher.ready(path, app.clock.now()).is_some()
}

/// Asks until the short way is open: the first request has the document made, the second finds its address.
async fn warm(app: &App, path: &str) {
    for _ in 0..2 {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    assert!(is_ready(app, path), "{path}");
}

#[tokio::test]
async fn both_ways_give_the_same_bytes() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let mut site = Site::on(db);
        let short = site.running().await;
        site.memory_bytes_max = 0; // nothing is ever ready
        let long = site.running().await;
        site.clock.set("2026-03-18T01:00:05Z");
        let documents = ["/feeds/all.rss", "/feeds/all.atom", ALL, "/feeds/category/van-hoa.rss"];
        for path in documents {
            warm(&short, path).await;
        }
        for path in [&documents[..], &["/feeds/category/khong-co.rss", "/feeds/%61ll.rss", "/feeds/all.rss?x"]].concat()
        {
            for method in ["GET", "HEAD", "OPTIONS", "POST"] {
                for header in HEADERS {
                    let line = format!("{method} {path}");
                    let expect = ask(&long, &line, header).await;
                    // Twice: the first may have the coding made.
                    assert_eq!(ask(&short, &line, header).await, expect, "{line} with {header}");
                    assert_eq!(ask(&short, &line, header).await, expect, "{line} with {header}");
                }
            }
        }
        assert!(!is_ready(&long, ALL) && !is_ready(&short, "/feeds/%61ll.rss") && is_ready(&short, ALL));
    })
    .await;
}

async fn ask(app: &App, line: &str, header: &str) -> Answer {
    let host: &[&str] = if header.starts_with("Host") { &[] } else { &["Host: localhost"] };
    Client::connect(app.address).await.ask(line, &[host, &[header]].concat()).await
}

#[tokio::test]
async fn an_address_that_moved_redirects_at_once() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        let (old, new) = ("/feeds/category/van-hoa.json", "/feeds/category/van-hoa-moi.json");
        warm(&app, old).await;
        db.sql("UPDATE categories SET slug = 'van-hoa-moi' WHERE id = '20'").await;
        app.step_at("2026-03-18T02:00:00Z").await;
        assert!(!is_ready(&app, old));
        let answer = app.get(old).await;
        assert_eq!(answer.status, 301);
        assert!(answer.header("location").unwrap().ends_with(new), "{answer:?}");
        warm(&app, new).await;
    })
    .await;
}

/// Promise 5: whoever asks after a story was taken out does not get it, however many ask at that moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_withdrawn_story_is_not_served_to_whoever_asks_after_it() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        for id in 100..100 + ROUNDS {
            db.sql(&article(&id.to_string(), "10", "2026-03-18 07:30:00", &[])).await;
        }
        let site = Site::on(db);
        let mut app = site.running().await;
        warm(&app, ALL).await;
        let (withdrawn, answers) = (Arc::new(AtomicUsize::new(100)), Arc::new(AtomicUsize::new(0)));
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..READERS {
            let (withdrawn, answers, address) = (Arc::clone(&withdrawn), Arc::clone(&answers), app.address);
            readers.spawn(async move {
                let mut client = Client::connect(address).await;
                while withdrawn.load(Ordering::SeqCst) < 100 + ROUNDS {
                    let gone = withdrawn.load(Ordering::SeqCst);
                    let text = client.ask(&format!("GET {ALL}"), &["Host: localhost"]).await.text();
                    for id in 100..gone {
                        assert!(!text.contains(&format!("Nội dung của tin số {id}.")), "{id} of {gone}");
                    }
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for id in 100..100 + ROUNDS {
            app.state.withdraw(&ArticleId::new(id.to_string()), app.clock.now()).await.unwrap();
            app.step().await;
            withdrawn.store(id + 1, Ordering::SeqCst);
        }
        while let Some(ended) = readers.join_next().await {
            ended.unwrap();
        }
        assert!(answers.load(Ordering::SeqCst) > ROUNDS, "somebody asked meanwhile");
    })
    .await;
}

/// The same where it is decided, between two looks at the catalog: the moment the floor has moved, what is older is out.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_below_the_floor_is_ready() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let app = site.running().await;
        let (key, floor, over) =
            (FeedKey::new(Scope::All, Format::Json), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let readers: Vec<_> = std::iter::repeat_with(|| {
            let (publisher, floor, over) = (Arc::clone(&app.publisher), Arc::clone(&floor), Arc::clone(&over));
            let now = app.clock.now();
            std::thread::spawn(move || {
                let mut found = 0_usize;
                while !over.load(Ordering::SeqCst) {
                    let floor = floor.load(Ordering::SeqCst);
                    if let Some(kept) = publisher.ready(ALL, now) {
                        assert!(kept.document().sequence() >= floor);
                        found += 1;
                    }
                }
                found
            })
        })
        .take(READERS)
        .collect();
        for _ in 0..ROUNDS {
            warm(&app, ALL).await;
            let record = app.view.with_catalog(|catalog| catalog.feed(&key.scope).cloned()).unwrap();
            let sequence = record.sequence + 1;
            let feeds = vec![FeedRecord { sequence, removal_sequence: sequence, ..record }];
            app.view.apply(None, &Committed { feeds, ..Committed::default() });
            floor.store(sequence, Ordering::SeqCst);
        }
        over.store(true, Ordering::SeqCst);
        let found: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert!(found > ROUNDS, "it was ready in between");
    })
    .await;
}
