//! Summaries that are ready in a file: what is made of them is what would be made of the store, they need no store, they do
//! not outlast what they were made of, and nothing depends on the file.

use std::fs;
use std::sync::Arc;

use loa::publish::articles::Articles;
use loa::publish::make::Maker;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use crate::service_articles::{documents, makers};
use crate::support::app::{App, Site};
use crate::support::newsroom::small;
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

/// Documents of summaries, by what the app has ready; the others would ask the store for bodies.
async fn summaries(app: &App) -> Vec<String> {
    documents(&of_summaries(app, &app.publisher.maker().articles), app).await
}

/// The same, as the store has them.
async fn afresh(app: &App) -> Vec<String> {
    documents(&of_summaries(app, &Articles::new(0).into()), app).await
}

fn of_summaries(app: &App, articles: &Arc<Articles>) -> Vec<Maker> {
    makers(app, articles).split_off(1)
}

/// Of SQLite, unless a file says otherwise.
const PAGE_BYTES: usize = 4_096;

/// The ids in the file.
async fn kept(site: &Site) -> String {
    scalar(site, "SELECT coalesce(group_concat(id, ' ' ORDER BY id), '') FROM summaries").await
}

async fn scalar(site: &Site, sql: &str) -> String {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut open(site).await).await.unwrap()
}

async fn execute(site: &Site, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut open(site).await).await.unwrap();
}

async fn open(site: &Site) -> SqliteConnection {
    SqliteConnectOptions::new().filename(site.summaries()).connect().await.unwrap()
}

/// A site that keeps nothing ready in memory, after an app has read the store for the first time.
async fn filled(db: &impl Database) -> (Site, App) {
    db.sql(&small()).await;
    let site = Site { articles_bytes_max: 0, ..Site::on(db) };
    let app = site.running().await;
    (site, app)
}

#[tokio::test]
async fn a_feed_that_nobody_has_asked_for_needs_no_store() {
    on::<Sqlite>(async |db| {
        let (site, app) = filled(db).await;
        let before = afresh(&app).await;
        app.stop().await;
        let away = db.path().with_extension("away");
        fs::rename(db.path(), &away).unwrap();
        let app = site.started().await;
        assert_eq!(summaries(&app).await, before);
        assert_eq!(kept(&site).await, "1 2 3 4");
        fs::rename(&away, db.path()).unwrap();
    })
    .await;
}

/// A title that nobody is to read any more.
const SECRET: &str = "Chuyện chưa được phép đăng";

/// Does the text stand anywhere in the file, or in what SQLite lays beside it?
fn holds(site: &Site, text: &str) -> bool {
    let path = site.summaries().display().to_string();
    let files = ["", "-wal"].map(|suffix| fs::read(format!("{path}{suffix}")).unwrap_or_default());
    files.concat().windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

#[tokio::test]
async fn what_left_is_taken_out() {
    on::<Sqlite>(async |db| left(db).await).await;
    on::<Postgres>(async |db| left(db).await).await;
}

async fn left(db: &impl Database) {
    let (site, mut app) = filled(db).await;
    let file = |app: &App| Arc::clone(&app.publisher.maker().articles);
    db.sql(&format!("UPDATE articles SET title = '{SECRET}' WHERE id = '4'")).await;
    app.step_at("2026-03-18T01:00:30Z").await;
    assert!(summaries(&app).await.concat().contains(SECRET));
    file(&app).file().unwrap().settled().await;
    assert!(holds(&site, SECRET));
    for (edit, at, left) in [
        ("UPDATE articles SET status = 'withdrawn' WHERE id = '4'", "2026-03-18T01:01:00Z", "1 2 3"),
        ("DELETE FROM articles WHERE id = '3'", "2026-03-18T01:02:00Z", "1 2 3"),
        // Missing rows are looked at twice.
        ("UPDATE articles SET status = 'draft' WHERE id = '1'", "2026-03-18T01:03:00Z", "2"),
    ] {
        db.sql(edit).await;
        app.step_at(at).await;
        file(&app).file().unwrap().settled().await;
        assert_eq!(kept(&site).await, left, "{edit}");
        assert!(!holds(&site, SECRET), "{edit}");
    }
    app.stop().await;
}

/// The process ended after an article had left and before it was taken out.
#[tokio::test]
async fn what_left_is_looked_for() {
    on::<Sqlite>(async |db| {
        let (site, app) = filled(db).await;
        app.stop().await;
        execute(&site, "INSERT INTO summaries SELECT 'gone', version, digest, line FROM summaries WHERE id = '1'")
            .await;
        let app = site.running().await;
        let articles = Arc::clone(&app.publisher.maker().articles);
        app.publisher.maker().clone().sweep_summaries().await;
        articles.file().unwrap().settled().await;
        assert_eq!(kept(&site).await, "1 2 3 4");
    })
    .await;
}

#[tokio::test]
async fn a_damaged_file_is_no_loss() {
    on::<Sqlite>(async |db| {
        let (site, app) = filled(db).await;
        let before = afresh(&app).await;
        app.stop().await;
        // One line, then the file, then what stands in its place.
        execute(&site, "UPDATE summaries SET line = 'không phải JSON' WHERE id = '2'").await;
        let app = site.started().await;
        assert_eq!(summaries(&app).await, before);
        app.stop().await;
        // A page of it: found when it is read, and gone with the next start.
        execute(&site, "PRAGMA wal_checkpoint(TRUNCATE)").await;
        let mut bytes = fs::read(site.summaries()).unwrap();
        let pages = bytes.len() / PAGE_BYTES;
        bytes[pages / 2 * PAGE_BYTES..].fill(0xff);
        fs::write(site.summaries(), bytes).unwrap();
        for _ in 0..2 {
            let app = site.started().await;
            assert_eq!(summaries(&app).await, before);
            app.publisher.maker().articles.file().unwrap().settled().await;
            app.stop().await;
        }
        assert_eq!(kept(&site).await, "1 2 3 4", "begun anew");
        fs::write(site.summaries(), "không phải SQLite".repeat(1_000)).unwrap();
        let app = site.started().await;
        assert_eq!(summaries(&app).await, before);
        app.publisher.maker().articles.file().unwrap().settled().await;
        assert_eq!(kept(&site).await, "1 2 3 4", "what was asked for is kept anew");
        app.stop().await;
        for suffix in ["", "-wal", "-shm"] {
            drop(fs::remove_file(format!("{}{suffix}", site.summaries().display())));
        }
        fs::create_dir(site.summaries()).unwrap();
        let app = site.started().await;
        assert_eq!(summaries(&app).await, before);
    })
    .await;
}

/// What a summary shows follows from the program, the configuration and the ledger as well.
#[tokio::test]
async fn a_file_of_other_circumstances_is_not_read() {
    on::<Sqlite>(async |db| {
        let (site, app) = filled(db).await;
        app.stop().await;
        for (what, change) in [
            ("a ledger that was ahead", "UPDATE made SET cursor = cursor + 1000"),
            ("another ledger", "UPDATE made SET ledger = 'another'"),
            ("another configuration", "UPDATE made SET circumstances = replace(circumstances, 'vi', 'en')"),
        ] {
            execute(&site, change).await;
            let app = site.started().await;
            assert_eq!(kept(&site).await, "", "{what}");
            let asked = summaries(&app).await;
            assert_eq!(asked, afresh(&app).await);
            app.publisher.maker().articles.file().unwrap().settled().await;
            assert_eq!(kept(&site).await, "1 2 3 4", "{what}");
            app.stop().await;
        }
    })
    .await;
}
