//! Promise 7: serving outlives the store. A feed that was asked for is served as it last was, one that never was is 503,
//! nothing shorter or empty ever goes out, and all is well again by itself.

use std::fs;

use loa::domain::article::ArticleId;
use loa::domain::clock::Clock as _;

use crate::support::app::{App, Seen, Site};
use crate::support::newsroom::{article, small};
use crate::support::postgres::Postgres;
use crate::support::proxy::Proxy;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

/// Feeds that were asked for before the outage.
const ASKED: [&str; 3] = ["all", "category/kinh-te", "category/van-hoa"];
/// A feed that was not.
const NEVER_ASKED: &str = "category/nong-nghiep";
/// How long a call of the store takes in these tests, in milliseconds.
const QUERY_TIMEOUT_MS: u64 = 300;

#[tokio::test]
async fn a_file_that_was_removed() {
    on::<Sqlite>(async |db| {
        let away = db.path().with_extension("away");
        let begin = async || fs::rename(db.path(), &away).unwrap();
        let end = async || fs::rename(&away, db.path()).unwrap();
        check(db, &site(db), begin, end).await;
    })
    .await;
}

#[tokio::test]
async fn a_file_that_became_garbage() {
    on::<Sqlite>(async |db| {
        // Without a log beside the file, from which SQLite would read everything all the same.
        db.plain("PRAGMA journal_mode = DELETE").await;
        let away = db.path().with_extension("away");
        let begin = async || {
            fs::rename(db.path(), &away).unwrap();
            fs::write(db.path(), "không phải cơ sở dữ liệu".repeat(1000)).unwrap();
        };
        let end = async || fs::rename(&away, db.path()).unwrap();
        check(db, &site(db), begin, end).await;
    })
    .await;
}

#[tokio::test]
async fn a_file_that_somebody_has_locked() {
    on::<Sqlite>(async |db| {
        db.plain("PRAGMA journal_mode = DELETE").await;
        let begin = async || db.plain("BEGIN EXCLUSIVE").await;
        let end = async || db.plain("ROLLBACK").await;
        check(db, &site(db), begin, end).await;
    })
    .await;
}

#[tokio::test]
async fn a_table_that_is_missing() {
    on::<Sqlite>(async |db| {
        let begin = async || db.sql("ALTER TABLE articles RENAME TO bai").await;
        let end = async || db.sql("ALTER TABLE bai RENAME TO articles").await;
        check(db, &site(db), begin, end).await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_refuses_connections() {
    on::<Postgres>(async |db| {
        let proxy = Proxy::before(&db.url()).await;
        let site = Site { store_url: proxy.url(&db.url()), query_timeout_ms: 20_000, ..site(db) };
        check(db, &site, async || proxy.stop().await, async || proxy.go_on().await).await;
    })
    .await;
}

#[tokio::test]
async fn a_server_without_the_table() {
    on::<Postgres>(async |db| {
        let begin = async || db.sql("ALTER TABLE articles RENAME TO bai").await;
        let end = async || db.sql("ALTER TABLE bai RENAME TO articles").await;
        check(db, &Site { query_timeout_ms: 20_000, ..site(db) }, begin, end).await;
    })
    .await;
}

/// Without articles in memory: a feed could be made of those that another one has just shown.
fn site(db: &impl Database) -> Site {
    Site { query_timeout_ms: QUERY_TIMEOUT_MS, articles_bytes_max: 0, ..Site::on(db) }
}

/// The same with everything in memory, with nothing in memory, and after a restart during the outage.
async fn check(db: &impl Database, site: &Site, begin: impl AsyncFn(), end: impl AsyncFn()) {
    db.sql(&small()).await;
    let mut app = site.running().await;
    let asked = app.everything(&ASKED).await;
    assert!(asked.iter().all(|seen| seen.entries() > 0));

    begin().await;
    assert_eq!(app.everything(&ASKED).await, asked);
    app.step().await;
    assert_last_good(&app, &asked).await;
    assert_stale(&app).await;
    app.stop().await;

    let mut app = site.running().await;
    assert_last_good(&app, &asked).await;
    assert_stale(&app).await;

    app.clock.set("2026-03-18T02:00:00Z");
    app.state.withdraw(&ArticleId::new("3"), app.clock.now()).await.unwrap();
    app.step().await;
    for seen in app.everything(&ASKED).await {
        let held_it = !seen.path.contains("van-hoa");
        assert_eq!(seen.status == 503, held_it, "{}", seen.path);
        assert!(!seen.body.contains("Nội dung của tin số 3"), "{}", seen.path);
    }

    end().await;
    db.sql(&article("5", "11", "2026-03-18 08:30:00", &[])).await;
    app.step_at("2026-03-18T02:10:00Z").await;
    let health = app.health().await;
    assert_eq!((&health["serving"], &health["store"]["ok"]), (&"current".into(), &true.into()), "{health}");
    assert_eq!(app.ids("all").await, "5 4 [3] 2 1");
    assert_eq!(app.ids(NEVER_ASKED).await, "5 2");
}

/// What was asked for is as it was, to the byte; what was not is 503 with `Retry-After`.
async fn assert_last_good(app: &App, asked: &[Seen]) {
    assert_eq!(app.everything(&ASKED).await, asked);
    for extension in ["rss", "atom", "json"] {
        let answer = app.get(&format!("/feeds/{NEVER_ASKED}.{extension}")).await;
        assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, Some("30")), "{}", answer.text());
        assert_eq!((answer.header("etag"), answer.header("last-modified")), (None, None));
    }
}

/// Ready, because there is something to serve, but it says how that is.
async fn assert_stale(app: &App) {
    let answer = app.get("/readyz").await;
    let health: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &health["ready"], &health["serving"]), (200, &true.into(), &"stale".into()));
    assert_eq!((&health["store"]["ok"], &health["state"]["ok"]), (&false.into(), &true.into()), "{health}");
    assert!(!answer.text().contains("127.0.0.1") && !answer.text().contains(".db"), "{health}");
}

/// With almost no memory every answer comes from disk, or is made for the one who asks.
#[tokio::test]
async fn an_evicted_feed_is_served_from_disk() {
    on::<Sqlite>(async |db| {
        let away = db.path().with_extension("away");
        let begin = async || fs::rename(db.path(), &away).unwrap();
        let end = async || fs::rename(&away, db.path()).unwrap();
        check(db, &Site { memory_bytes_max: 0, ..site(db) }, begin, end).await;
    })
    .await;
}

/// A store that is down when the service starts for the first time has nothing to be served from.
#[tokio::test]
async fn without_a_store_there_is_nothing_at_first() {
    on::<Sqlite>(async |db| {
        let site = site(db);
        let mut app = site.running().await;
        let answer = app.get("/readyz").await;
        let health: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, &health["serving"]), (503, &"starting".into()), "no table yet");
        assert_eq!(app.get("/feeds/all.rss").await.status, 503);
        db.sql(&small()).await;
        app.step().await;
        assert_eq!(app.ids("all").await, "4 3 2 1");
        assert_eq!(app.get("/readyz").await.status, 200);
    })
    .await;
}

/// Metrics tell what the health page tells.
#[test]
fn metrics_tell_of_the_outage() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    // One thread, so that the metrics go to this test's recorder.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(on::<Sqlite>(async |db| {
            db.sql(&small()).await;
            let site = site(db);
            let mut app = site.running().await;
            fs::rename(db.path(), db.path().with_extension("away")).unwrap();
            app.step().await;
            let health = app.health().await;
            assert_eq!(health["store"]["ok"], false, "{health}");
        }));
    });
    let text = page.render();
    for line in ["loa_articles 4", "loa_store_up 0"] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}
