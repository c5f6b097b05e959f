//! What a reform does to feeds that lose or gain no article on its day.

use crate::support::sqlite::Sqlite;
use crate::support::{Database as _, on};
use crate::tables::site;

/// What changes of a feed at a reform without an article of its own: a client that has only `Last-Modified` is told so.
async fn bytes_and_dates(path: &str) {
    on::<Sqlite>(async |db| {
        let site = site(db).await;
        let mut app = site.running().await;
        app.step().await;
        let _ = app.get(path).await;
        app.step().await;
        app.step_at("2026-12-31T16:59:59Z").await;
        let before = app.get(path).await;
        app.step_at("2026-12-31T17:00:00Z").await;
        for minute in 1..4 {
            app.step_at(&format!("2026-12-31T17:0{minute}:00Z")).await;
        }
        let after = app.get(path).await;
        assert_eq!((before.status, after.status), (200, 200));
        assert_ne!(before.body, after.body, "the title or the successors are others now");
        let sequence =
            |tag: Option<String>| tag.unwrap_or_default().split_once('-').map(|(sequence, _)| sequence.to_owned());
        assert_ne!(
            sequence(before.header("etag")),
            sequence(after.header("etag")),
            "other bytes of the same sequence and date"
        );
    })
    .await;
}

#[tokio::test]
async fn a_combination_of_an_ended_unit() {
    bytes_and_dates("/feeds/category/kinh-te/locality/phu-tho/phuong-thanh-mieu.atom").await;
}

#[tokio::test]
async fn a_dissolved_town_whose_successors_change() {
    bytes_and_dates("/feeds/locality/phu-tho/thanh-pho-viet-tri.atom").await;
}

/// Who reads the feed of a unit that merges learns that an article was taken down the evening before: the feed that the
/// address leads to names it as gone.
#[tokio::test]
async fn what_was_taken_down_before_a_reform_is_named_where_the_address_leads() {
    on::<Sqlite>(async |db| {
        let site = site(db).await;
        let mut app = site.running().await;
        db.sql("UPDATE articles SET status = 'withdrawn' WHERE id = '6'").await;
        app.step().await;
        let before = app.get("/feeds/locality/phu-tho/phuong-van-phu.atom").await.text();
        assert!(before.contains("article/6"), "a tombstone or a stub\n{before}");
        app.step_at("2026-12-31T17:00:00Z").await;
        app.step_at("2026-12-31T17:01:00Z").await;
        let after = app.get("/feeds/locality/phu-tho/phuong-den-hung.atom").await.text();
        assert!(after.contains("article/6"), "nobody is told that article 6 was taken down");
    })
    .await;
}
