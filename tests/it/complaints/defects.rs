//! Defects read in other systems' code (`docs/COMPLAINTS.md`), where no complaint's test covers them.

use std::collections::BTreeSet;

use super::{newsroom, value, values};
use crate::support::app::FEEDS;
use crate::support::newsroom::article;

#[tokio::test]
async fn d02_each_feed_has_validators_of_its_own() {
    newsroom("", async |_, _, app| {
        app.clock.set("2026-03-18T01:00:05Z");
        let tags: BTreeSet<_> = app.everything(&FEEDS).await.into_iter().map(|seen| seen.etag.unwrap()).collect();
        assert_eq!(tags.len(), 12, "{tags:?}");
    })
    .await;
}

#[tokio::test]
async fn d03_feed_ids_outlive_builds_and_links_are_whole() {
    newsroom("", async |_, site, app| {
        let id = |atom: &str| atom.split_once("<id>").unwrap().1.split_once("</id>").unwrap().0.to_owned();
        let before = app.feed("category/kinh-te.atom").await.text();
        assert_eq!(id(&before), "tag:baovidu.example,2022-03-18:feed/category/10");
        let document = roxmltree::Document::parse(&before).unwrap();
        let mut hrefs = document.descendants().filter_map(|node| node.attribute("href"));
        assert!(hrefs.all(|href| href.starts_with("https://")), "{before}");
        app.stop().await;
        std::fs::remove_dir_all(site.directory.path().join("documents")).unwrap();
        let after = site.running().await.feed("category/kinh-te.atom").await.text();
        assert_eq!(id(&after), id(&before));
    })
    .await;
}

#[tokio::test]
async fn d05_the_date_is_that_of_publication() {
    let held = article("5", "10", "2026-03-16 06:00:00", &[("embargo_until", "'2026-03-18 09:00:00'")]);
    newsroom(&held, async |_, _, mut app| {
        app.step_at("2026-03-18T02:00:00Z").await;
        let rss = app.feed("all.rss").await.text();
        assert_eq!(value(&rss, "article/5", "pubDate").as_deref(), Some("Wed, 18 Mar 2026 09:00:00 +0700"));
        assert_eq!(app.ids("all").await, "5 4 3 2 1", "on top, where readers look for news");
    })
    .await;
}

#[tokio::test]
async fn d07_the_year_is_the_calendars_and_pictures_in_titles_stay() {
    let rows = [
        article("5", "10", "2024-12-30 06:00:00", &[("title", "'🎉 Hội làng 🇻🇳 vào xuân'")]),
        article("6", "10", "2027-01-01 06:00:00", &[]),
    ];
    newsroom(&rows.join("; "), async |_, _, mut app| {
        let rss = app.feed("all.rss").await.text();
        assert_eq!(value(&rss, "article/5", "pubDate").as_deref(), Some("Mon, 30 Dec 2024 06:00:00 +0700"));
        assert_eq!(value(&rss, "article/5", "title").as_deref(), Some("🎉 Hội làng 🇻🇳 vào xuân"));
        app.step_at("2027-01-02T00:00:00Z").await;
        let rss = app.feed("all.rss").await.text();
        assert_eq!(value(&rss, "article/6", "pubDate").as_deref(), Some("Fri, 01 Jan 2027 06:00:00 +0700"));
    })
    .await;
}

#[tokio::test]
async fn d09_an_enclosure_of_unknown_length_keeps_its_element() {
    let picture = "INSERT INTO article_media (article_id, url) VALUES ('2', 'https://anh.baovidu.example/a.jpg')";
    newsroom(picture, async |_, _, app| {
        let rss = app.feed("all.rss").await.text();
        assert!(rss.contains("length=\"0\" type=\"image/jpeg\""), "{rss}");
        assert_eq!(values(&rss, "enclosure").len(), 1);
    })
    .await;
}
