//! What a feed holds: enough and not too much, nothing old on top, nothing that is not meant for readers, and word of
//! what has left.

use chrono::TimeDelta;
use loa::domain::format::Format;
use roxmltree::Document;

use super::{EVERY_KIND, links, newsroom, newsroom_with_every_kind, value, values};
use crate::support::Database as _;
use crate::support::app::{FEEDS, Site};
use crate::support::feeds::{instant, options};
use crate::support::newsroom::article;
use crate::support::process::run;

/// Articles numbered from 1000, one every so many minutes, the last of them at 07:30.
fn many(count: u32, every: TimeDelta, body: &str) -> String {
    let last = instant("2026-03-18T07:30:00+07:00");
    let row = |at: u32| {
        let stamp = (last - every * i32::try_from(count - 1 - at).unwrap()).to_rfc3339();
        article(&(1000 + at).to_string(), "20", &stamp, &[("body_html", &format!("'{body}'"))])
    };
    (0..count).map(row).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn c31_a_feed_is_neither_too_large_nor_too_short() {
    let (busy, text) = (many(300, TimeDelta::minutes(5), "<p>Tin ngắn.</p>"), "<p>Lúa chín vàng trên đồng.</p>");
    newsroom(&busy, async |_, _, app| assert_eq!(app.ids("category/van-hoa").await.split(' ').count(), 200)).await;

    let long = many(60, TimeDelta::minutes(5), &text.repeat(1_500));
    newsroom(&long, async |_, _, app| {
        for format in Format::ALL {
            let bytes = app.feed(&format!("category/van-hoa.{format}")).await.body.len();
            // The limit counts before escaping; the strictest aggregators of today refuse 2 MB.
            assert!((500_000..2_000_000).contains(&bytes), "{format}: {bytes} bytes");
        }
    })
    .await;

    let rare = many(80, TimeDelta::days(1), text);
    newsroom(&rare, async |_, _, app| {
        let count = app.ids("category/van-hoa").await.split(' ').count();
        assert_eq!(count, options().window.entries_min, "who asks once a month misses nothing");
    })
    .await;
}

#[tokio::test]
async fn c32_what_was_published_for_a_minute_is_taken_back() {
    newsroom("", async |db, _, mut app| {
        db.sql(&article("5", "10", "2026-03-18 08:30:00", &[])).await;
        app.step_at("2026-03-18T01:30:00Z").await;
        assert_eq!(app.ids("all").await, "5 4 3 2 1");
        db.sql("UPDATE articles SET status = 'draft' WHERE id = '5'").await;
        app.step_at("2026-03-18T01:31:00Z").await;
        let atom = app.feed("all.atom").await.text();
        let tree = Document::parse(&atom).unwrap();
        let tombstone = tree.descendants().find(|node| node.tag_name().name() == "deleted-entry").unwrap();
        let id = "tag:baovidu.example,2022-03-18:article/5";
        let said = (tombstone.attribute("ref"), tombstone.attribute("when"));
        assert_eq!(said, (Some(id), Some("2026-03-18T08:31:00+07:00")));
        let json = app.json("all").await;
        assert_eq!(json["_deleted"]["entries"][0]["id"], id);

        db.sql("UPDATE articles SET status = 'withdrawn' WHERE id IN ('3', '5')").await;
        app.step_at("2026-03-18T01:32:00Z").await;
        let rss = app.feed("all.rss").await.text();
        for (id, published, gone) in [
            ("article/3", "Wed, 18 Mar 2026 06:30:00 +0700", "2026-03-18T08:32:00+07:00"),
            ("article/5", "Wed, 18 Mar 2026 08:30:00 +0700", "2026-03-18T08:31:00+07:00"),
        ] {
            assert_eq!(
                value(&rss, id, "title").as_deref(),
                Some("Bài viết đã được gỡ"),
                "it replaces what readers hold"
            );
            assert_eq!(value(&rss, id, "pubDate").as_deref(), Some(published));
            assert_eq!(value(&rss, id, "updated").as_deref(), Some(gone), "{id}");
        }
        for seen in app.everything(&FEEDS).await {
            seen.entries();
            assert!(!seen.body.contains("tin số 5") && !seen.body.contains("tin số 3"), "{}", seen.path);
        }
    })
    .await;
}

#[tokio::test]
async fn c34_an_old_story_stays_where_its_date_puts_it() {
    let old = article("7", "11", "2024-02-01 06:00:00", &[]);
    newsroom(&format!("{old}; {}", many(60, TimeDelta::minutes(30), "<p>Tin.</p>")), async |db, _, mut app| {
        assert_eq!(app.ids("category/nong-nghiep").await, "2 7");
        for edit in [
            "INSERT INTO article_categories VALUES ('7', '20', 1)",
            "UPDATE articles SET title = 'Chuyện cũ kể lại', updated_at = '2026-03-18 08:40:00' WHERE id = '7'",
        ] {
            db.sql(edit).await;
            app.step_at("2026-03-18T02:00:00Z").await;
            for feed in ["all", "category/van-hoa"] {
                let ids = app.ids(feed).await;
                assert!(!ids.split(' ').any(|id| id == "7"), "{edit}: {feed} {ids}");
            }
            assert_eq!(app.ids("category/nong-nghiep").await, "2 7", "in its own section it is the last");
            let rss = app.feed("category/nong-nghiep.rss").await.text();
            assert_eq!(value(&rss, "article/7", "pubDate").as_deref(), Some("Thu, 01 Feb 2024 06:00:00 +0700"));
        }
    })
    .await;
}

#[tokio::test]
async fn c36_what_is_held_back_is_in_no_answer() {
    let held = [
        ("71", "2026-03-18 06:00:00", ("embargo_until", "'2026-03-19 06:00:00'")),
        ("72", "2026-03-18 06:00:00", ("status", "'draft'")),
        ("73", "2026-03-18 09:00:00", ("rights", "NULL")),
        ("74", "2026-03-18 06:00:00", ("embargo_until", "'bao giờ họp xong'")),
    ];
    let held = held.map(|(id, stamp, column)| {
        let title = format!("'Bí mật {id}'");
        let row = article(id, "10", stamp, &[column, ("title", &title), ("byline", "'Lê Hòa, Bí Mật'")]);
        format!("{row}; {}; INSERT INTO article_tags VALUES ('{id}', 'Bí mật', 1)", links(id))
    });
    newsroom_with_every_kind(&held.join("; "), async |db, _, mut app| {
        let feeds = EVERY_KIND.iter().chain(&["tag/bi-mat", "author/bi-mat"]);
        let paths = feeds.flat_map(|feed| Format::ALL.map(|format| format!("/feeds/{feed}.{format}")));
        let paths: Vec<String> = paths.chain(["/", "/readyz"].map(str::to_owned)).collect();
        for public in [4, 3] {
            for path in &paths {
                let answer = app.get(path).await;
                let unknown = path.contains("bi-mat");
                assert_eq!(answer.status, if unknown { 404 } else { 200 }, "{path}");
                let all = format!("{:?} {}", answer.headers, answer.text());
                for word in ["Bí mật", "Bí Mật", "article/7", "tin-7"] {
                    assert!(!all.contains(word), "{path}: {word} in {all}");
                }
            }
            assert_eq!(app.health().await["articles"], public);
            // What is already out is held back just as well.
            db.sql("UPDATE articles SET embargo_until = '2026-03-19 06:00:00', title = 'Bí mật 2' WHERE id = '2'")
                .await;
            app.step_at("2026-03-18T01:30:00Z").await;
        }
    })
    .await;
}

#[tokio::test]
async fn c41_a_newsroom_makes_a_feed_of_some_tags_without_others() {
    let more =
        "INSERT INTO article_tags VALUES ('3', 'QUẢNG CÁO', 1); INSERT INTO article_tags VALUES ('4', '#nông sản', 0)";
    newsroom_with_every_kind(more, async |db, _, mut app| {
        assert_eq!(app.ids("custom/nong-san").await, "4 2", "however the tags are written");
        for seen in app.everything(&["custom/nong-san"]).await {
            assert_eq!(seen.entries(), 2, "{}", seen.path);
        }
        db.sql("DELETE FROM article_tags WHERE tag = 'QUẢNG CÁO'").await;
        app.step_at("2026-03-18T02:00:00Z").await;
        assert_eq!(app.ids("custom/nong-san").await, "4 3 2");
    })
    .await;
}

/// One rule for every way out: a document that is rendered by hand or kept on disk obeys it too.
#[tokio::test]
async fn c44_an_embargo_holds_on_every_way_out() {
    newsroom("", async |db, site, mut app| {
        app.everything(&FEEDS).await;
        db.sql("UPDATE articles SET embargo_until = '2090-03-19 06:00:00', title = 'Bí mật' WHERE id = '2'").await;
        let directory = site.directory.path();
        std::fs::write(directory.join("loa.toml"), format!("store.url = \"{}\"\n", db.url())).unwrap();
        for feed in FEEDS {
            for format in Format::ALL {
                let path = format!("{feed}.{format}");
                let (status, document, said) = run(directory, &["render", &path, "--config", "loa.toml"]);
                assert_eq!(status, 0, "{said}");
                assert!(!document.contains("Bí mật") && !document.contains("tin số 2"), "{path}: {document}");
            }
        }

        app.step_at("2026-03-18T02:00:00Z").await;
        app.stop().await;
        for file in std::fs::read_dir(directory.join("documents")).unwrap() {
            let path = file.unwrap().path();
            let kept = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(!kept.contains("tin số 2"), "a copy on disk: {}", path.display());
        }
        std::fs::rename(db.path(), db.path().with_extension("away")).unwrap();
        let app = Site { query_timeout_ms: 300, ..Site::on(db) }.running().await;
        for feed in FEEDS {
            assert!(!app.get(&format!("/feeds/{feed}.rss")).await.text().contains("tin số 2"), "{feed}");
        }
    })
    .await;
}

#[tokio::test]
async fn c42_a_person_gets_a_page_and_no_style_sheet() {
    newsroom("", async |_, _, app| {
        for seen in app.everything(&FEEDS).await {
            assert!(!seen.body.contains("xml-stylesheet"), "{}", seen.path);
        }
        let page = app.get("/").await;
        assert_eq!(page.header("content-type").as_deref(), Some("text/html; charset=utf-8"));
        for feed in FEEDS {
            for format in Format::ALL {
                let link = format!("href=\"https://tin.baovidu.example/feeds/{feed}.{format}\"");
                assert!(page.text().contains(&link), "{link}");
            }
        }
        let titles = values(&app.feed("all.rss").await.text(), "link");
        assert!(titles.iter().all(|link| link.starts_with("https://baovidu.example/")), "entries lead to pages");
    })
    .await;
}

#[tokio::test]
async fn c35_feeds_can_be_found() {
    newsroom("", async |_, _, app| {
        let page = app.get("/").await.text();
        for format in Format::ALL {
            let kind = format.media_type();
            let address = format!("https://tin.baovidu.example/feeds/all.{format}");
            let link = page.lines().find(|line| line.starts_with("<link rel=\"alternate\"") && line.contains(&address));
            assert!(link.is_some_and(|link| link.contains(kind)), "{kind}: {page}");
            // Each document leads to the others, and to the page that lists all.
            let answer = app.feed(&format!("category/kinh-te.{format}")).await;
            let header = answer.header("link").unwrap();
            for other in Format::ALL {
                let address = format!("https://tin.baovidu.example/feeds/category/kinh-te.{other}");
                assert!(header.contains(&format!("<{address}>")), "{header}");
                let in_text = answer.text().contains(&address);
                assert!(in_text || format == Format::Json, "{format} does not name {address}");
            }
            assert!(header.contains("<https://tin.baovidu.example/>; rel=\"index\""), "{header}");
        }
    })
    .await;
}
