//! Ids: what a reader has seen never comes again as new.

use loa::domain::format::Format;

use super::{EVERY_KIND, ids, newsroom, newsroom_with_every_kind, value, values};
use crate::support::Database as _;
use crate::support::app::{App, FEEDS, Site};

/// Everything that a reader remembers an article by, in every feed and format.
async fn all_ids(app: &App) -> Vec<Vec<String>> {
    app.everything(&FEEDS).await.iter().map(|seen| ids(format_of(&seen.path), &seen.body)).collect()
}

fn format_of(path: &str) -> Format {
    Format::from_extension(path.rsplit_once('.').unwrap().1).unwrap()
}

#[tokio::test]
async fn c01_links_move_to_https_and_guids_stay() {
    const OLD: &str = "http://baovidu.example/tin/2";
    let with_guid = format!("UPDATE articles SET guid = '{OLD}', url = '{OLD}' WHERE id = '2'");
    newsroom(&with_guid, async |db, _, mut app| {
        let (ids, published) = (all_ids(&app).await, values(&app.feed("all.rss").await.text(), "pubDate"));
        for edit in [
            "UPDATE articles SET url = replace(url, 'http:', 'https:')",
            "UPDATE articles SET guid = replace(guid, 'http:', 'https:')",
        ] {
            db.sql(edit).await;
            app.step_at("2026-03-18T02:00:00Z").await;
            assert_eq!(all_ids(&app).await, ids, "{edit}");
            let rss = app.feed("all.rss").await.text();
            assert_eq!(values(&rss, "pubDate"), published, "{edit}");
            assert_eq!(value(&rss, OLD, "link").as_deref(), Some("https://baovidu.example/tin/2"));
            assert_eq!(value(&rss, OLD, "updated"), None, "no reader sees another text");
        }
    })
    .await;
}

#[tokio::test]
async fn c02_an_article_has_one_guid_in_every_feed() {
    newsroom_with_every_kind("UPDATE articles SET guid = 'bai-0003' WHERE id = '3'", async |_, _, app| {
        for (id, in_rss, elsewhere) in [
            ("2", "tag:baovidu.example,2022-03-18:article/2", "tag:baovidu.example,2022-03-18:article/2"),
            ("3", "bai-0003", "tag:baovidu.example,2022-03-18:article/3"),
        ] {
            for feed in EVERY_KIND {
                for format in Format::ALL {
                    let body = app.feed(&format!("{feed}.{format}")).await.text();
                    let expected = if format == Format::Rss { in_rss } else { elsewhere };
                    let found = ids(format, &body).into_iter().filter(|found| found.ends_with(id)).collect::<Vec<_>>();
                    assert_eq!(found, [expected], "{feed}.{format}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn c03_the_services_own_move_to_https_changes_no_guid() {
    newsroom("", async |db, _, app| {
        app.stop().await;
        let site = Site { base_url: "http://tin.baovidu.example/", ..Site::on(db) };
        let app = site.running().await;
        let before = all_ids(&app).await;
        assert!(app.feed("all.atom").await.text().contains("http://tin.baovidu.example/"));
        app.stop().await;
        let app = Site { base_url: "https://tin.baovidu.example/", ..site }.running().await;
        assert!(!app.feed("all.atom").await.text().contains("http://tin.baovidu.example/"), "it has moved");
        assert_eq!(all_ids(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn c04_another_cms_with_other_addresses_delivers_nothing_again() {
    newsroom("", async |db, _, mut app| {
        let (ids, before) = (all_ids(&app).await, app.feed("all.rss").await.text());
        db.sql(
            "UPDATE articles SET slug = NULL, url = 'https://moi.baovidu.example/bai-viet/' || id || '.html';
             UPDATE categories SET slug = slug || '-moi'",
        )
        .await;
        app.step_at("2026-03-18T02:00:00Z").await;
        let rss = app.feed("all.rss").await.text();
        assert!(values(&rss, "link").iter().all(|link| link.starts_with("https://moi.baovidu.example/bai-viet/")));
        assert_eq!(super::ids(Format::Rss, &rss), ids[0]);
        assert_eq!(values(&rss, "pubDate"), values(&before, "pubDate"));
        assert_eq!(values(&rss, "updated"), values(&before, "updated"), "nothing claims to be edited");
    })
    .await;
}

#[tokio::test]
async fn c05_no_id_holds_the_day() {
    newsroom("", async |db, site, mut app| {
        let before = all_ids(&app).await;
        for day in 19..25 {
            db.sql(&format!("UPDATE articles SET title = 'Tin của ngày {day}' WHERE id = '2'")).await;
            app.step_at(&format!("2026-03-{day}T02:00:00Z")).await;
            assert_eq!(all_ids(&app).await, before, "day {day}");
        }
        app.stop().await;
        let app = site.running().await;
        assert_eq!(all_ids(&app).await, before, "after a restart");
        assert!(before.iter().flatten().all(|id| !id.contains("2026")), "{before:?}");
    })
    .await;
}

#[tokio::test]
async fn c06_a_signed_picture_address_makes_no_new_item() {
    let picture = "INSERT INTO article_media (article_id, url, type)
        VALUES ('2', 'https://anh.baovidu.example/a.jpg?sig=0', 'image/jpeg')";
    newsroom(picture, async |db, _, mut app| {
        let (before, published) = (all_ids(&app).await, values(&app.feed("all.rss").await.text(), "pubDate"));
        for turn in 1..5 {
            db.sql(&format!("UPDATE article_media SET url = 'https://anh.baovidu.example/a.jpg?sig={turn}'")).await;
            app.step_at(&format!("2026-03-18T02:0{turn}:00Z")).await;
            let rss = app.feed("all.rss").await.text();
            assert!(rss.contains(&format!("sig={turn}\"")), "the address is the new one");
            assert_eq!(all_ids(&app).await, before);
            assert_eq!(values(&rss, "pubDate"), published);
        }
        assert!(before.iter().all(|ids| [4, 3, 1].contains(&ids.len())), "every item has an id: {before:?}");
    })
    .await;
}

#[tokio::test]
async fn c13_a_wrong_zone_mended_later_floods_nobody() {
    newsroom("", async |db, _, mut app| {
        let before = all_ids(&app).await;
        let published = values(&app.feed("all.rss").await.text(), "pubDate");
        for (stamp, hour) in [("2026-03-17 13:15:00", "02"), ("2026-03-18 03:15:00", "03")] {
            db.sql(&format!("UPDATE articles SET published_at = '{stamp}' WHERE id = '2'")).await;
            app.step_at(&format!("2026-03-18T{hour}:00:00Z")).await;
            assert_eq!(all_ids(&app).await, before, "{stamp}");
            assert_eq!(values(&app.feed("all.rss").await.text(), "pubDate"), published, "{stamp}");
        }
    })
    .await;
}

#[tokio::test]
async fn c33_a_small_edit_is_told_and_delivers_nothing_again() {
    newsroom("", async |db, _, mut app| {
        let (before, published) = (all_ids(&app).await, values(&app.feed("all.rss").await.text(), "pubDate"));
        db.sql("UPDATE articles SET title = 'Tin số hai' WHERE id = '2'").await;
        app.step_at("2026-03-18T02:00:00Z").await;
        let rss = app.feed("all.rss").await.text();
        assert_eq!((all_ids(&app).await, values(&rss, "pubDate")), (before, published));
        assert_eq!(value(&rss, "article/2", "updated").as_deref(), Some("2026-03-18T09:00:00+07:00"));
        assert_eq!(values(&rss, "updated").len(), 1, "the other items say nothing of an edit");

        let stamps = |rss: &str| (values(rss, "pubDate"), values(rss, "updated"));
        db.sql("INSERT INTO article_tags VALUES ('2', 'lúa', 0)").await;
        app.step_at("2026-03-18T03:00:00Z").await;
        let tagged = app.feed("all.rss").await.text();
        assert!(tagged.contains(">lúa</category>"), "{tagged}");
        assert_eq!(stamps(&tagged), stamps(&rss), "a tag is shown, but it is no edit");
    })
    .await;
}
