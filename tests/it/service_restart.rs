//! A restart is no event: the catalog that is kept saves reading the ledger, and changes nothing that anybody sees.

use std::fs;
use std::time::Duration;

use loa::catalog::Catalog;
use loa::domain::article::ArticleId;
use loa::domain::clock::Clock as _;
use loa::publish::engine::FILLED_MARK;
use loa::state::{self, State};
use tokio::time::sleep;

use crate::purge::until;
use crate::support::app::{App, FEEDS, Seen, Site};
use crate::support::http::patiently;
use crate::support::newsroom::{article, small};
use crate::support::postgres::Postgres;
use crate::support::process::Served;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

/// A site on this store, with a state of its own of the same kind.
async fn on_site<D: Database>(test: impl AsyncFnOnce(&D, &D, Site)) {
    on::<D>(async |store| {
        store.sql(&small()).await;
        on::<D>(async |state| {
            let site = Site { state_url: state.url(), ..Site::on(store) };
            test(store, state, site).await;
        })
        .await;
    })
    .await;
}

/// Runs an app until it has read the store, has it keep its catalog, and ends it.
async fn kept(site: &Site) {
    let mut app = site.running().await;
    app.save().await;
    app.stop().await;
}

fn articles(app: &App) -> usize {
    app.view.with_catalog(Catalog::len)
}

#[tokio::test]
async fn a_restart_changes_nothing() {
    on_site::<Sqlite>(changes_nothing).await;
    on_site::<Postgres>(changes_nothing).await;
}

async fn changes_nothing(store: &impl Database, _state: &impl Database, site: Site) {
    store.sql("UPDATE articles SET status = 'withdrawn' WHERE id = '2'").await;
    let mut app = site.running().await;
    store.sql("UPDATE articles SET status = 'draft' WHERE id = '1'").await;
    app.step_at("2026-03-18T01:00:30Z").await;
    let before = app.everything(&FEEDS).await;
    app.save().await;
    app.stop().await;
    assert!(site.snapshot().exists());
    let mut app = site.started().await;
    assert_eq!(app.everything(&FEEDS).await, before, "before the store is looked at");
    app.step().await;
    assert_eq!(app.everything(&FEEDS).await, before);
    let all = app.get("/feeds/all.atom").await;
    let tag = all.header("etag").unwrap();
    assert_eq!(app.get_with("/feeds/all.atom", &[&format!("If-None-Match: {tag}")]).await.status, 304);
}

/// Whatever happens while a process is down, it begins with what the ledger says then, as every other replica has it.
#[tokio::test]
async fn what_happened_meanwhile_counts_from_the_first_answer_on() {
    on_site::<Sqlite>(what_happened_counts).await;
    on_site::<Postgres>(what_happened_counts).await;
}

async fn what_happened_counts(store: &impl Database, _state: &impl Database, site: Site) {
    kept(&site).await;
    let other = Site { state_url: site.state_url.clone(), clock: site.clock.clone(), ..Site::on(store) };
    let mut replica = other.running().await;
    store.sql("UPDATE articles SET title = 'Tựa mới' WHERE id = '3'").await;
    store.sql("UPDATE articles SET status = 'withdrawn' WHERE id = '2'").await;
    store.sql(&article("5", "20", "2026-03-18 08:00:10", &[])).await;
    replica.step_at("2026-03-18T01:01:00Z").await;
    // By command, and nobody has looked since.
    replica.state.withdraw(&ArticleId::new("4"), site.clock.now()).await.unwrap();
    site.clock.set("2026-03-18T01:02:00Z");
    let mut app = site.started().await;
    assert_eq!(app.ids("all").await, "5 [4] 3 [2] 1", "what was withdrawn is gone before the store is looked at");
    replica.step().await;
    assert_eq!(app.everything(&FEEDS).await, replica.everything(&FEEDS).await);
    app.step().await;
    assert_eq!(app.everything(&FEEDS).await, replica.everything(&FEEDS).await);
    assert_eq!(app.entry("all", "3").await.unwrap()["title"], "Tựa mới");
}

/// What is told by commands, and what only the rows tell, is not forgotten either.
#[tokio::test]
async fn what_was_restored_while_nothing_ran_comes_back() {
    on_site::<Sqlite>(async |store, _, site| {
        let mut app = site.running().await;
        app.state.withdraw(&ArticleId::new("3"), site.clock.now()).await.unwrap();
        store.sql(&article("5", "20", "2026-03-18 08:30:00", &[])).await;
        store.sql(&article("6", "20", "2026-03-18 07:30:00", &[("status", "'draft'")])).await;
        app.step_at("2026-03-18T01:01:00Z").await;
        app.step().await;
        app.save().await;
        let state = app.state.clone();
        app.stop().await;
        assert!(state.restore(&ArticleId::new("3"), site.clock.now()).await.unwrap());
        let mut app = site.running().await;
        assert_eq!(app.ids("all").await, "4 3 2 1");
        app.step().await;
        app.save().await;
        app.stop().await;
        store.sql("UPDATE articles SET status = 'published' WHERE id = '6'").await;
        let mut app = site.started().await;
        app.step_at("2026-03-18T01:30:00Z").await;
        assert_eq!(app.ids("all").await, "5 6 4 3 2 1", "the one that was due, and the one that was a draft");
    })
    .await;
}

/// One article less in the ledger than in the file tells which of them a process began with.
#[tokio::test]
async fn a_file_that_is_not_of_this_ledger_is_not_used() {
    on_site::<Sqlite>(async |_, state, site| {
        kept(&site).await;
        let good = std::fs::read(site.snapshot()).unwrap();
        state.sql("DELETE FROM articles WHERE id = '1'").await;
        let begins_with = async |file: Option<Vec<u8>>| {
            match file {
                Some(bytes) => std::fs::write(site.snapshot(), bytes).unwrap(),
                None => std::fs::remove_file(site.snapshot()).unwrap(),
            }
            let app = site.started().await;
            let count = articles(&app);
            app.stop().await;
            count
        };
        assert_eq!(begins_with(Some(good.clone())).await, 4, "the file");
        let whole = (3, "the ledger");
        for at in (0..good.len()).step_by(good.len() / 60) {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            assert_eq!((begins_with(Some(damaged)).await, "the ledger"), whole, "byte {at}");
        }
        for length in [0, 10, good.len() / 2, good.len() - 1] {
            assert_eq!((begins_with(Some(good[..length].to_vec())).await, "the ledger"), whole, "{length} bytes");
        }
        let longer = [good.as_slice(), b"x"].concat();
        assert_eq!((begins_with(Some(longer)).await, "the ledger"), whole, "a byte more");
        assert_eq!((begins_with(None).await, "the ledger"), whole, "no file");
        state.sql("UPDATE marks SET value = 'another' WHERE name = 'instance'").await;
        assert_eq!((begins_with(Some(good.clone())).await, "the ledger"), whole, "of another ledger");
    })
    .await;
}

/// The ledger was restored from a backup: what the file has of later is not published.
#[tokio::test]
async fn a_file_that_is_ahead_of_the_ledger_is_not_used() {
    on_site::<Sqlite>(async |_, state, site| {
        kept(&site).await;
        state.sql("DELETE FROM articles WHERE id = '1'; UPDATE control SET written = 1").await;
        let app = site.started().await;
        assert_eq!(articles(&app), 3);
    })
    .await;
}

/// The ledger was restored from a backup: what was made of a later one is no last good document, whatever has happened since.
#[tokio::test]
async fn a_document_of_a_time_that_was_given_up_is_never_served() {
    on_site::<Sqlite>(given_up).await;
    on_site::<Postgres>(given_up).await;
}

async fn given_up(store: &impl Database, state: &impl Database, site: Site) {
    let schema = if state.url().starts_with("sqlite:") { "" } else { "loa." };
    let each = |of: &dyn Fn(&str) -> String| ["articles", "feeds", "control"].map(of).join("; ");
    let backup = |table: &str| format!("CREATE TABLE {schema}kept_{table} AS SELECT * FROM {schema}{table}");
    let restore = |table: &str| {
        let (from, to) = (format!("{schema}kept_{table}"), format!("{schema}{table}"));
        format!("DELETE FROM {to}; INSERT INTO {to} SELECT * FROM {from}")
    };
    let mut app = site.running().await;
    let before = app.everything(&FEEDS).await;
    state.sql(&each(&backup)).await;
    store.sql("UPDATE articles SET title = 'Tin phải gỡ' WHERE id = '3'").await;
    app.step_at("2026-03-18T01:01:00Z").await;
    let changed = |seen: &Seen| seen.body.contains("Tin phải gỡ");
    assert_eq!(app.everything(&FEEDS).await.iter().filter(|seen| changed(seen)).count(), 6, "two feeds");
    app.stop().await;

    state.sql(&each(&restore)).await;
    store.sql("UPDATE articles SET status = 'withdrawn' WHERE id = '3'").await;
    let mut app = site.start().await;
    app.step_at("2026-03-18T01:02:00Z").await;
    store.sql("ALTER TABLE articles RENAME TO bai").await;
    app.step().await;
    for (seen, before) in app.everything(&FEEDS).await.into_iter().zip(before) {
        let held_it = before.body.contains("Nội dung của tin số 3");
        assert_eq!(seen.status, if held_it { 503 } else { 200 }, "{}: {}", seen.path, seen.body);
        assert!(held_it || seen.body == before.body, "{}: what stayed as it was is still good", seen.path);
    }
}

/// A large store takes longer to read than a supervisor waits.
#[tokio::test]
async fn a_stop_does_not_wait_until_the_store_is_read() {
    on::<Postgres>(async |db| {
        db.sql(&small()).await;
        let directory = tempfile::tempdir().unwrap();
        fs::write(
            directory.path().join("loa.toml"),
            format!("store.url = \"{}\"\nhttp.metrics_listen = \"\"\n", db.url()),
        )
        .unwrap();
        // Whoever reads waits.
        let hold = db.sql("LOCK TABLE articles IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)");
        let stopped = async {
            let served = Served::start(directory.path(), &["--config", "loa.toml"]);
            let waiting = "SELECT locktype, mode FROM pg_locks WHERE NOT granted";
            let reads = async {
                while db.pairs(waiting).await.is_empty() {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            patiently("a read to wait", reads).await;
            served.terminate();
            assert_eq!(served.ended(), Some(0));
        };
        tokio::select! {
            () = hold => panic!("the lock was given back"),
            () = stopped => {}
        }
    })
    .await;
}

/// The next process goes on there.
#[tokio::test]
async fn a_stop_does_not_wait_until_a_large_store_is_written_down() {
    const ARTICLES: usize = 20_000;
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        db.sql(&format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000 + {ARTICLES})
            INSERT INTO articles (id, slug, title, status, published_at, revision)
            SELECT n, 'tin-' || n, 'Tin số ' || n, 'published', '2026-03-17 08:00:00', '1' FROM numbers;
            CREATE INDEX articles_id ON articles (id)"
        ))
        .await;
        let directory = tempfile::tempdir().unwrap();
        let state_url = format!("sqlite:{}", directory.path().join("state.sqlite").display());
        let config = format!("store.url = \"{}\"\nstate.url = \"{state_url}\"\nhttp.metrics_listen = \"\"\n", db.url());
        fs::write(directory.path().join("loa.toml"), config).unwrap();
        let serve = || Served::start(directory.path(), &["--config", "loa.toml"]);
        let served = serve();
        let state = state::open(&state_url).await.unwrap();
        until("the first articles", async || written(&*state).await > 0).await;
        served.terminate();
        assert_eq!(served.ended(), Some(0));
        let first = written(&*state).await;
        assert!(first < ARTICLES, "{first}");
        assert_eq!(state.mark(FILLED_MARK).await.unwrap(), None);

        let served = serve();
        until("the rest", async || state.mark(FILLED_MARK).await.unwrap().is_some()).await;
        served.terminate();
        assert_eq!(served.ended(), Some(0));
        assert!(written(&*state).await > ARTICLES);
    })
    .await;
}

async fn written(state: &dyn State) -> usize {
    state.load().await.unwrap().articles.len()
}
