//! Validators and caching: a client that asks politely gets the news, and only the news.

use std::fs;
use std::time::SystemTime;

use chrono::DateTime;

use super::newsroom;
use crate::support::Database as _;
use crate::support::app::{FEEDS, Seen, Site};
use crate::support::http::Answer;
use crate::support::newsroom::article;

/// The header lines with which a client asks again, having got this answer.
fn again(answer: &Answer) -> Vec<String> {
    let with = |name: &str, header: &str| answer.header(header).map(|value| format!("{name}: {value}"));
    [with("If-None-Match", "etag"), with("If-Modified-Since", "last-modified")].into_iter().flatten().collect()
}

fn lines(headers: &[String]) -> Vec<&str> {
    headers.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn c15_an_empty_feed_does_not_starve_its_readers() {
    let more = "INSERT INTO categories VALUES ('30', NULL, 'the-thao', 'Thể thao', 3)";
    newsroom(more, async |db, _, mut app| {
        for extension in ["rss", "atom", "json"] {
            let path = format!("/feeds/category/the-thao.{extension}");
            let empty = app.get(&path).await;
            assert_eq!((empty.status, empty.header("last-modified")), (200, None), "nothing has changed yet");
            assert!(!empty.text().contains("1970"), "{}", empty.text());
            for since in ["Thu, 01 Jan 1970 00:00:00 GMT", "Wed, 18 Mar 2026 01:00:00 GMT"] {
                let header = format!("If-Modified-Since: {since}");
                assert_eq!(app.get_with(&path, &[&header]).await.status, 200, "{path} {since}");
            }
        }
        let empty = app.feed("category/the-thao.rss").await;
        db.sql(&article("5", "30", "2026-03-18 08:30:00", &[])).await;
        app.step_at("2026-03-18T02:00:00Z").await;
        let first = app.get_with("/feeds/category/the-thao.rss", &lines(&again(&empty))).await;
        assert!(first.status == 200 && first.text().contains("Tin số 5"), "the first article arrives");
        app.clock.set("2026-03-18T02:00:05Z");
        let modified = app.feed("category/the-thao.rss").await.header("last-modified").unwrap();
        assert_eq!(modified, "Wed, 18 Mar 2026 02:00:01 GMT");
    })
    .await;
}

#[tokio::test]
async fn c16_no_cache_tells_a_date_of_its_own() {
    newsroom("", async |db, site, app| {
        app.clock.set("2026-03-18T01:00:05Z");
        let before = app.everything(&FEEDS).await;
        for since in ["Thu, 01 Jan 1970 00:00:00 GMT", "Tue, 01 Jan 1980 00:00:00 GMT"] {
            let header = format!("If-Modified-Since: {since}");
            assert_eq!(app.get_with("/feeds/all.rss", &[&header]).await.status, 200, "{since}");
        }
        app.stop().await;

        // Served from files that look three weeks older, because the store is away.
        let copied = SystemTime::from(DateTime::parse_from_rfc3339("2026-02-25T00:00:00Z").unwrap());
        for file in fs::read_dir(site.directory.path().join("documents")).unwrap() {
            fs::File::options().write(true).open(file.unwrap().path()).unwrap().set_modified(copied).unwrap();
        }
        fs::rename(db.path(), db.path().with_extension("away")).unwrap();
        let app = site.running().await;
        assert_eq!(app.everything(&FEEDS).await, before);
        assert!(before.iter().all(|seen| seen.last_modified.as_ref().unwrap().contains("Mar 2026")), "{before:#?}");
    })
    .await;
}

#[tokio::test]
async fn c17_drafts_and_other_sections_move_no_validator() {
    newsroom("", async |db, _, mut app| {
        app.clock.set("2026-03-18T01:30:00Z");
        let before = app.everything(&["category/nong-nghiep"]).await;
        let asked = app.feed("category/nong-nghiep.rss").await;
        for (minute, edit) in [
            (31, article("90", "11", "2026-03-18 08:00:00", &[("status", "'draft'")])),
            (32, "UPDATE articles SET title = 'Ghi chú nội bộ' WHERE id = '90'".to_owned()),
            (33, article("91", "11", "2026-03-18 08:00:00", &[("embargo_until", "'2026-03-19 00:00:00'")])),
            (
                34,
                "UPDATE articles SET body_html = '<p>Khác</p>', updated_at = '2026-03-18 08:30:00' WHERE id = '4'"
                    .to_owned(),
            ),
            (35, article("92", "20", "2026-03-18 08:20:00", &[])),
            (36, "UPDATE articles SET status = 'withdrawn' WHERE id = '4'".to_owned()),
            (37, "DELETE FROM articles WHERE id = '90'".to_owned()),
            (38, "UPDATE categories SET name = 'Văn hóa và nghệ thuật' WHERE id = '20'".to_owned()),
        ] {
            db.sql(&edit).await;
            app.step_at(&format!("2026-03-18T01:{minute}:00Z")).await;
            assert_eq!(app.everything(&["category/nong-nghiep"]).await, before, "{edit}");
            let answer = app.get_with("/feeds/category/nong-nghiep.rss", &lines(&again(&asked))).await;
            assert_eq!(answer.status, 304, "{edit}");
        }
    })
    .await;
}

#[tokio::test]
async fn c18_time_alone_modifies_nothing() {
    newsroom("", async |_, site, mut app| {
        app.clock.set("2026-03-18T01:00:05Z");
        let before = app.everything(&FEEDS).await;
        for hour in 2..6 {
            app.step_at(&format!("2026-03-18T0{hour}:00:00Z")).await;
            assert_eq!(app.everything(&FEEDS).await, before, "{hour} o'clock");
        }
        app.stop().await;
        site.clock.set("2026-03-20T01:00:00Z");
        let mut app = site.running().await;
        app.step().await;
        assert_eq!(app.everything(&FEEDS).await, before, "two days and a restart later");
    })
    .await;
}

/// Nothing is kept, so that every document is made again.
#[tokio::test]
async fn c19_a_document_made_again_is_the_same_document() {
    newsroom("", async |_, site, app| {
        app.clock.set("2026-03-18T01:00:05Z");
        let before = app.everything(&FEEDS).await;
        app.stop().await;
        fs::remove_dir_all(site.directory.path().join("documents")).unwrap();
        site.clock.set("2026-03-21T17:00:00Z");
        let app = site.running().await;
        assert_eq!(app.everything(&FEEDS).await, before);
    })
    .await;
}

#[tokio::test]
async fn c20_a_removal_moves_the_feeds_date() {
    newsroom("", async |db, _, mut app| {
        app.clock.set("2026-03-18T01:00:05Z");
        let (before, asked) = (app.everything(&FEEDS).await, app.feed("category/nong-nghiep.atom").await);
        db.sql("UPDATE articles SET status = 'draft' WHERE id = '2'").await;
        app.step_at("2026-03-18T02:00:00Z").await;
        app.clock.set("2026-03-18T02:00:05Z");
        for (old, new) in before.iter().zip(app.everything(&FEEDS).await) {
            let held_it = !old.path.contains("van-hoa");
            assert_eq!(old.etag != new.etag, held_it, "{}", old.path);
            assert_eq!(old.last_modified < new.last_modified, held_it, "{}", old.path);
            let now = ["<updated>2026-03-18T09:00:00+07:00", "<lastBuildDate>Wed, 18 Mar 2026 09:00:00 +0700"];
            let dated = now.iter().any(|date| new.body.contains(date));
            assert!(dated == held_it || new.body.starts_with('{'), "{}: {}", new.path, new.body);
        }
        let answer = app.get_with("/feeds/category/nong-nghiep.atom", &lines(&again(&asked))).await;
        assert!(answer.status == 200 && !answer.text().contains("Tin số 2"), "no cache keeps it");
    })
    .await;
}

#[tokio::test]
async fn c21_both_validators_move_with_the_bytes() {
    newsroom("", async |db, _, mut app| {
        let mut before: Vec<Seen> = Vec::new();
        for (minute, edit) in (10..).zip([
            "UPDATE articles SET title = 'Tin số hai' WHERE id = '2'",
            "UPDATE articles SET guid = 'x', rights = '© Lê Hòa' WHERE id = '4'",
            "UPDATE articles SET slug = 'tin-khac' WHERE id = '3'",
            "UPDATE categories SET name = 'Nhà nông' WHERE id = '11'",
            "UPDATE articles SET status = 'withdrawn' WHERE id = '1'",
        ]) {
            let held = app.feed("all.rss").await;
            db.sql(edit).await;
            app.step_at(&format!("2026-03-18T02:{minute}:00Z")).await;
            app.clock.set(&format!("2026-03-18T02:{minute}:05Z"));
            let after = app.everything(&FEEDS).await;
            for (old, new) in before.iter().zip(&after) {
                let moved = old.body != new.body;
                assert_eq!(old.etag != new.etag, moved, "{}: {edit}", new.path);
                assert_eq!(old.last_modified < new.last_modified, moved, "{}: {edit}", new.path);
            }
            assert_eq!(app.get_with("/feeds/all.rss", &lines(&again(&held))).await.status, 200, "{edit}");
            before = after;
        }
    })
    .await;
}

#[tokio::test]
async fn c22_compression_breaks_no_validator() {
    newsroom("", async |db, _, mut app| {
        let mut held = Vec::new();
        for accept in ["identity", "gzip", "br", "zstd"] {
            let accept = format!("Accept-Encoding: {accept}");
            let answer = app.get_with("/feeds/all.rss", &[&accept]).await;
            let tag = answer.header("etag").unwrap();
            let bare = tag.trim_matches('"');
            // As it is, and as proxies that compress rewrite it: weak, or with a suffix within or behind the quotes.
            for tag in [
                tag.clone(),
                format!("W/{tag}"),
                format!("\"{bare}-gzip\""),
                format!("W/\"{bare}-gzip\""),
                format!("\"{bare};gzip\""),
                format!("\"{bare}--gzip\""),
                format!("\"{bare}-br\""),
            ] {
                held.push((accept.clone(), format!("If-None-Match: {tag}")));
            }
        }
        for (accept, tag) in &held {
            assert_eq!(app.get_with("/feeds/all.rss", &[accept, tag]).await.status, 304, "{accept} {tag}");
        }
        db.sql("UPDATE articles SET title = 'Tin số hai' WHERE id = '2'").await;
        app.step_at("2026-03-18T02:00:00Z").await;
        for (accept, tag) in &held {
            assert_eq!(app.get_with("/feeds/all.rss", &[accept, tag]).await.status, 200, "{accept} {tag}");
        }
    })
    .await;
}

#[tokio::test]
async fn c38_every_client_gets_the_feed_and_no_challenge() {
    newsroom("", async |_, _, app| {
        let plain = app.feed("all.rss").await;
        for headers in [
            vec!["User-Agent: FreshRSS/1.24 (Linux; https://freshrss.org)"],
            vec!["User-Agent: Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers)"],
            vec!["User-Agent: FeedValidator/1.3"],
            vec!["User-Agent: curl/8.5.0", "Accept: */*"],
            vec!["User-Agent: python-requests/2.31", "Accept: text/html"],
            vec!["User-Agent: ", "Referer: https://example.org/"],
            vec!["Via: 1.1 trung-gian", "X-Forwarded-For: 203.0.113.7"],
            vec!["Cookie: a=b", "DNT: 1"],
        ] {
            let answer = app.get_with("/feeds/all.rss", &headers).await;
            assert_eq!(answer, plain, "{headers:?}");
        }
        assert_eq!(plain.header("set-cookie"), None);
        assert_eq!(plain.header("access-control-allow-origin").as_deref(), Some("*"), "readers in browsers too");
    })
    .await;
}

#[tokio::test]
async fn c39_every_answer_says_when_to_ask_again() {
    newsroom("", async |db, _, app| {
        let full = app.feed("all.rss").await;
        let same = app.get_with("/feeds/all.rss", &lines(&again(&full))).await;
        let missing = app.get("/feeds/khong-co.rss").await;
        for (answer, status) in [(&full, 200), (&same, 304), (&missing, 404)] {
            let caching = answer.header("cache-control").unwrap();
            assert!(answer.status == status && caching.contains("max-age="), "{status}: {caching}");
        }
        assert!(full.text().contains("<ttl>5</ttl>"), "for those who read no headers");
        app.stop().await;
        fs::rename(db.path(), db.path().with_extension("away")).unwrap();
        let app = Site::on(db).running().await;
        let down = app.get("/feeds/all.rss").await;
        let limits = (down.header("retry-after"), down.header("cache-control"));
        assert_eq!((down.status, limits), (503, (Some("30".into()), Some("no-store".into()))));
    })
    .await;
}

#[tokio::test]
async fn c43_no_answer_is_older_than_the_last_change_or_waits_for_the_store() {
    newsroom("", async |db, _, mut app| {
        app.clock.set("2026-03-18T01:00:05Z");
        let held = app.feed("all.rss").await;
        db.sql(&article("5", "10", "2026-03-18 08:30:00", &[])).await;
        app.step_at("2026-03-18T02:00:00Z").await;
        let answer = app.get_with("/feeds/all.rss", &lines(&again(&held))).await;
        assert!(answer.status == 200 && answer.text().contains("Tin số 5"), "at the very next request");

        app.clock.set("2026-03-18T02:00:05Z");
        let held = app.feed("all.rss").await;
        fs::rename(db.path(), db.path().with_extension("away")).unwrap();
        let same = app.get_with("/feeds/all.rss", &lines(&again(&held))).await;
        assert_eq!((same.status, same.header("last-modified")), (304, held.header("last-modified")));
    })
    .await;
}
