//! Scopes where something goes wrong between two steps: two replicas at once, a first reading that is cut off, a store
//! that fails before a feed is made anew.

use loa::catalog::classify::{Criteria, CustomFeed};
use loa::domain::article::ArticleId;
use loa::domain::clock::Clock as _;
use loa::domain::scope::NameKey;
use loa::feed::Custom;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::support::app::Site;
use crate::support::newsroom::{article, small};
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

/// New authors and tags whose turns of two replicas are interleaved.
const ROUNDS: usize = 12;

macro_rules! on_every_backend {
    ($($test:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $test() { super::on::<super::Sqlite>(async |db| super::$test(db).await).await; })* }
        mod postgres { $(#[tokio::test] async fn $test() { super::on::<super::Postgres>(async |db| super::$test(db).await).await; })* }
    };
}

on_every_backend! {
    two_replicas_at_once_know_every_address
    a_first_reading_that_was_cut_off_goes_by_the_present_rules
    what_has_left_a_feed_and_is_withdrawn_is_not_served_while_the_store_is_down
    an_article_of_a_thousand_tags_is_in_the_first_hundred
}

async fn two_replicas_at_once_know_every_address(db: &impl Database) {
    db.sql(&small()).await;
    let site = Site::on(db);
    let beside = Site { state_url: site.state_url.clone(), clock: site.clock.clone(), ..Site::on(db) };
    let (mut a, mut b) = (site.running().await, beside.running().await);
    for round in 0..ROUNDS {
        site.clock.set(&format!("2026-03-18T02:{round:02}:00Z"));
        let byline = format!("'Người Thứ {round}'");
        db.sql(&article(&format!("x{round}"), "20", "2026-03-18 08:00:30", &[("byline", &byline)])).await;
        db.sql(&format!("INSERT INTO article_tags VALUES ('x{round}', 'Thẻ mới {round}', 0)")).await;
        tokio::join!(a.step(), b.step());
        for _ in 0..2 {
            a.step().await;
            b.step().await;
        }
        let author = format!("author/nguoi-thu-{round}");
        let feeds = ["all", author.as_str()];
        assert_eq!(a.ids(&author).await, format!("x{round}"));
        assert_eq!(a.everything(&feeds).await, b.everything(&feeds).await, "round {round}");
    }
    assert_eq!(a.get("/opml.xml").await.text(), b.get("/opml.xml").await.text());
}

async fn a_first_reading_that_was_cut_off_goes_by_the_present_rules(db: &impl Database) {
    db.sql(&small()).await;
    let mut site = Site::on(db);
    let app = site.running().await;
    // As a process leaves it that ends before everything is read: decided, but not marked as complete.
    match site.state_url.strip_prefix("sqlite:") {
        Some(path) => {
            let mut state = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
            sqlx::raw_sql("DELETE FROM marks WHERE name = 'filled'").execute(&mut state).await.unwrap();
        }
        None => db.sql("DELETE FROM loa.marks WHERE name = 'filled'").await,
    }
    app.stop().await;
    let name = NameKey::new("chon-loc");
    let said = Custom { title: "Chọn lọc".to_owned(), description: None, language: None };
    site.custom.insert(name.clone(), said);
    let include = Criteria { categories: vec!["kinh-te".to_owned()], ..Criteria::default() };
    site.classify.custom = vec![CustomFeed { name, include, exclude: Criteria::default() }];
    let mut app = site.running().await;
    app.step().await;
    assert_eq!(app.ids("custom/chon-loc").await, "3 2 1");
}

async fn what_has_left_a_feed_and_is_withdrawn_is_not_served_while_the_store_is_down(db: &impl Database) {
    db.sql(&small()).await;
    let site = Site::on(db);
    let app = site.running().await;
    assert_eq!(app.ids("category/kinh-te").await, "3 2 1");
    app.stop().await;
    // Another process moves the article and ends before this one's documents are made anew.
    let beside = Site { state_url: site.state_url.clone(), clock: site.clock.clone(), ..Site::on(db) };
    let mut other = beside.running().await;
    db.sql("UPDATE article_categories SET category_id = '20' WHERE article_id = '3'").await;
    other.step_at("2026-03-18T02:00:00Z").await;
    other.stop().await;
    db.sql("ALTER TABLE articles RENAME TO articles_gone").await;
    let mut app = site.running().await;
    app.state.withdraw(&ArticleId::new("3"), app.clock.now()).await.unwrap();
    app.step_at("2026-03-18T02:00:05Z").await;
    let answer = app.get("/feeds/category/kinh-te.json").await;
    assert_eq!((answer.status, answer.text().contains("Tin số 3")), (503, false));
}

async fn an_article_of_a_thousand_tags_is_in_the_first_hundred(db: &impl Database) {
    db.sql(&small()).await;
    let tags: Vec<_> = (0..1000).map(|n| format!("('1', 'thẻ số {n}', {n})")).collect();
    db.sql(&format!("INSERT INTO article_tags VALUES {}", tags.join(", "))).await;
    let app = Site::on(db).running().await;
    assert_eq!(app.ids("tag/the-so-99").await, "1");
    assert_eq!(app.get("/feeds/tag/the-so-100.rss").await.status, 404);
    let faults = app.view.with_status(|status| status.faults.values().flatten().cloned().collect::<Vec<_>>());
    assert_eq!(faults.iter().map(|fault| fault.code.code()).collect::<Vec<_>>(), ["joined_rows_too_many"]);
}
