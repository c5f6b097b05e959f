//! Localities, combinations, authors, tags and custom feeds, from the store to HTTP. On every backend.

use loa::catalog::classify::{Criteria, CustomFeed};
use loa::domain::scope::{NameKey, Scope};
use loa::feed::Custom;
use loa::gazetteer::Gazetteer;
use loa::text::names;
use unicode_normalization::UnicodeNormalization as _;

use crate::support::app::{App, Site};
use crate::support::newsroom::{article, small};
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

macro_rules! on_every_backend {
    ($($test:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $test() { super::on::<super::Sqlite>(async |db| super::$test(db).await).await; })* }
        mod postgres { $(#[tokio::test] async fn $test() { super::on::<super::Postgres>(async |db| super::$test(db).await).await; })* }
    };
}

on_every_backend! {
    an_article_is_in_its_places_and_those_above_and_in_no_other
    places_are_resolved_at_the_articles_date_by_code_or_name
    a_combination_is_the_common_part_and_has_dates_of_its_own
    what_leaves_a_combination_leaves_a_tombstone
    authors_and_tags_have_feeds
    names_that_share_a_slug_get_two_addresses
    a_custom_feed_holds_what_its_rule_says
    another_rule_takes_effect_after_a_restart
    a_language_edition_is_a_custom_feed
}

/// Four articles; 5 is of March 2022 and names places: the story that this newspaper is made for.
async fn running(db: &impl Database) -> (Site, App) {
    db.sql(&with_places()).await;
    let site = Site::on(db);
    let app = site.running().await;
    (site, app)
}

fn with_places() -> String {
    let places = ["08287", "07927", "227"].map(|place| located("5", place));
    [small(), article("5", "11", "2022-03-18 06:30:00", &[])].into_iter().chain(places).collect::<Vec<_>>().join("; ")
}

fn located(id: &str, place: &str) -> String {
    format!("INSERT INTO article_localities VALUES ('{id}', '{place}')")
}

fn tagged(id: &str, tag: &str) -> String {
    format!("INSERT INTO article_tags VALUES ('{id}', '{tag}', 0)")
}

async fn an_article_is_in_its_places_and_those_above_and_in_no_other(db: &impl Database) {
    let (_site, app) = running(db).await;
    let gazetteer = Gazetteer::built_in();
    let has_any = |place| app.view.with_catalog(|catalog| catalog.count(&Scope::Locality(place))) > 0;
    let mut holding: Vec<_> = gazetteer.places().filter(|place| has_any(*place)).collect();
    holding.sort();
    let paths: Vec<_> = holding.into_iter().map(|place| gazetteer.path_of(place).unwrap()).collect();
    let expect = ["phu-tho", "phu-tho/thanh-pho-viet-tri", "phu-tho/phuong-nong-trang", "phu-tho/phuong-van-phu"];
    assert_eq!(paths, expect);
    for path in expect {
        let feed = format!("locality/{path}");
        assert_eq!(app.ids(&feed).await, "5", "{feed}");
        for seen in app.everything(&[&feed]).await {
            assert_eq!(seen.entries(), 1, "{}", seen.path);
        }
    }
    // The communes that it names are no more: each went whole into one ward, and there its readers are led.
    for (from, to) in [("xa-hung-lo", "phuong-van-phu"), ("phuong-minh-phuong", "phuong-nong-trang")] {
        let answer = app.get(&format!("/feeds/locality/phu-tho/{from}.atom")).await;
        let expect = format!("https://tin.baovidu.example/feeds/locality/phu-tho/{to}.atom");
        assert_eq!((answer.status, answer.header("location")), (301, Some(expect)), "{from}");
    }
    let empty = app.feed("locality/phu-tho/xa-hy-cuong.rss").await;
    assert_eq!(
        (empty.header("last-modified").as_deref(), empty.text().contains("<item>")),
        (None, false),
        "known, but empty"
    );
    assert!(empty.text().contains("<title>Xã Hy Cương, Phú Thọ - Báo Ví Dụ</title>"), "{}", empty.text());
    assert_eq!(app.get("/feeds/locality/phu-tho/xa-khong-co.rss").await.status, 404);

    let entry = app.entry("locality/phu-tho", "5").await.unwrap();
    let unit = &entry["_locality"]["units"][0];
    assert_eq!((&unit["code"], &unit["name"]), (&"07927".into(), &"Phường Minh Phương".into()), "{entry}");
    assert_eq!(unit["within"], serde_json::json!(["Thành phố Việt Trì", "Tỉnh Phú Thọ"]));
    assert_eq!(unit["feed_url"], "https://tin.baovidu.example/feeds/locality/phu-tho/phuong-minh-phuong.json");
    let rss = app.feed("locality/phu-tho.rss").await.text();
    assert!(rss.contains("<dcterms:spatial>08287</dcterms:spatial>"), "{rss}");
    assert!(rss.contains("/feeds/locality/\">Thành phố Việt Trì</category>"), "{rss}");
}

async fn places_are_resolved_at_the_articles_date_by_code_or_name(db: &impl Database) {
    let decomposed: String = "xã Hùng Lô, TP Việt Trì, Phú Thọ".nfd().collect();
    db.sql(&with_places()).await;
    db.sql(&article("6", "10", "2022-03-19 06:30:00", &[])).await;
    db.sql(&located("6", &decomposed)).await;
    // The same code, three years later: another unit.
    db.sql(&article("7", "10", "2025-08-01 06:30:00", &[])).await;
    db.sql(&located("7", "07900")).await;
    db.sql(&article("8", "10", "2022-03-19 07:30:00", &[])).await;
    for place in ["Xã Tân Lập", "07918@x", "xã Hy Cương, Phú Thọ", "08515"] {
        db.sql(&located("8", place)).await;
    }
    let app = Site::on(db).running().await;
    assert_eq!(app.ids("locality/phu-tho/phuong-van-phu").await, "6 5");
    assert_eq!(app.ids("locality/phu-tho/phuong-viet-tri").await, "7");
    assert_eq!(app.ids("locality/phu-tho").await, "7 8 6 5", "8 by its code, which was another commune's");
    let faults = app.view.with_status(|status| {
        let faults = status.faults.values().flatten();
        faults.map(|fault| format!("{} {}", fault.code, fault.detail)).collect::<Vec<_>>()
    });
    let named = |code: &str, text: &str| faults.iter().any(|fault| fault.starts_with(code) && fault.contains(text));
    assert!(named("locality_ambiguous", "Xã Tân Lập"), "{faults:#?}");
    assert!(named("locality_unknown", "07918@x"), "{faults:#?}");
    // An xã Hy Cương there was in 2022 too; see what it says of a unit of another time.
    db.sql(&located("6", "phường Nông Trang cũ")).await;
    assert_eq!(faults.len(), 2, "{faults:#?}");
}

async fn a_combination_is_the_common_part_and_has_dates_of_its_own(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let path = "/feeds/category/kinh-te/locality/phu-tho/phuong-van-phu";
    let old = app.get("/feeds/category/kinh-te/locality/phu-tho/xa-hung-lo.json").await;
    let to = format!("https://tin.baovidu.example{path}.json");
    assert_eq!((old.status, old.header("location")), (301, Some(to)), "of a commune that is no more");
    assert_eq!(app.get("/feeds/category/van-hoa/locality/phu-tho.rss").await.status, 404, "never had an article");
    assert_eq!(app.get("/feeds/category/khong-co/locality/phu-tho.rss").await.status, 404);
    let first = app.get_of_running(&format!("{path}.json")).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(app.ids("category/kinh-te/locality/phu-tho/phuong-van-phu").await, "5", "of the section below, too");
    let feed = first.text();
    assert!(feed.contains("Kinh tế – Phường Vân Phú, Phú Thọ - Báo Ví Dụ"), "{feed}");

    app.clock.set("2026-03-18T01:10:00Z");
    let before = app.everything(&["category/kinh-te/locality/phu-tho/phuong-van-phu"]).await;
    // A change of the section that is no change of the place, and the other way round.
    db.sql("UPDATE articles SET title = 'Khác' WHERE id = '3'").await;
    db.sql(&article("9", "20", "2026-03-18 08:05:00", &[])).await;
    db.sql(&located("9", "25")).await;
    app.step_at("2026-03-18T02:00:00Z").await;
    assert_eq!(app.ids("locality/phu-tho").await, "9 5");
    assert_eq!(app.everything(&["category/kinh-te/locality/phu-tho/phuong-van-phu"]).await, before);
    db.sql("UPDATE articles SET title = 'Tin ở hai nơi' WHERE id = '5'").await;
    app.step_at("2026-03-18T03:00:00Z").await;
    let after = app.get(&format!("{path}.json")).await;
    assert!(after.text().contains("Tin ở hai nơi"), "{}", after.text());
    assert_ne!(after.header("etag"), first.header("etag"));

    db.sql("UPDATE categories SET slug = 'lam-an' WHERE id = '10'").await;
    app.step_at("2026-03-18T04:00:00Z").await;
    let moved = app.get(&format!("{path}.json")).await;
    let to = "https://tin.baovidu.example/feeds/category/lam-an/locality/phu-tho/phuong-van-phu.json";
    assert_eq!((moved.status, moved.header("location").as_deref()), (301, Some(to)));
}

async fn what_leaves_a_combination_leaves_a_tombstone(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let path = "category/kinh-te/locality/phu-tho";
    assert_eq!(app.get_of_running(&format!("/feeds/{path}.atom")).await.status, 200);
    db.sql("UPDATE articles SET status = 'withdrawn' WHERE id = '5'").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    let atom = app.feed(&format!("{path}.atom")).await.text();
    assert!(atom.contains("at:deleted-entry") && !atom.contains("Tin số 5"), "{atom}");
    assert_eq!(app.ids(path).await, "[5]");
    assert_eq!(app.ids("locality/phu-tho").await, "[5]");
}

async fn authors_and_tags_have_feeds(db: &impl Database) {
    db.sql(&small()).await;
    db.sql("UPDATE articles SET byline = 'Bài, ảnh: HÀ MY - PV' WHERE id = '1'").await;
    db.sql("UPDATE articles SET byline = 'Hà My, Lê Hòa' WHERE id = '2'").await;
    db.sql("UPDATE articles SET byline = 'Theo TTXVN' WHERE id = '4'").await;
    for (id, tag) in [("1", "OCOP"), ("3", "#ocop"), ("3", "Chuyển đổi số")] {
        db.sql(&tagged(id, tag)).await;
    }
    let site = Site::on(db);
    let mut app = site.running().await;
    for (feed, ids) in
        [("author/ha-my", "2 1"), ("author/le-hoa", "3 2"), ("tag/ocop", "3 1"), ("tag/chuyen-doi-so", "3")]
    {
        assert_eq!(app.ids(feed).await, ids, "{feed}");
    }
    for nobody in ["author/pv", "author/ttxvn", "author/theo-ttxvn"] {
        assert_eq!(app.get(&format!("/feeds/{nobody}.rss")).await.status, 404, "{nobody}");
    }
    let title = |rss: String| rss.split("<title>").nth(1).unwrap().split("</title>").next().unwrap().to_owned();
    assert_eq!(title(app.feed("author/ha-my.rss").await.text()), "Hà My - Báo Ví Dụ");
    assert_eq!(title(app.feed("tag/ocop.rss").await.text()), "OCOP - Báo Ví Dụ");
    let atom = app.feed("tag/ocop.atom").await.text();
    assert!(atom.contains("tag:baovidu.example,2022-03-18:feed/tag/ocop</id>"), "{atom}");
    assert!(atom.contains("term=\"ocop\" scheme=\"https://tin.baovidu.example/feeds/tag/\" label=\"OCOP\""), "{atom}");

    // An article that nobody may see yet names an author and a tag that nobody may know of.
    db.sql(&article("9", "20", "2026-03-18 09:30:00", &[("byline", "'Bí Mật'")])).await;
    db.sql(&tagged("9", "sáp nhập")).await;
    app.step_at("2026-03-18T02:00:00Z").await;
    assert_eq!(app.get("/feeds/author/bi-mat.rss").await.status, 404);
    assert_eq!(app.get("/feeds/tag/sap-nhap.rss").await.status, 404);
    app.step_at("2026-03-18T02:30:00Z").await;
    assert_eq!((app.ids("author/bi-mat").await, app.ids("tag/sap-nhap").await), ("9".to_owned(), "9".to_owned()));

    let before = app.everything(&["author/ha-my", "tag/ocop", "author/bi-mat"]).await;
    app.stop().await;
    let app = site.running().await;
    assert_eq!(app.everything(&["author/ha-my", "tag/ocop", "author/bi-mat"]).await, before, "after a restart");
}

async fn names_that_share_a_slug_get_two_addresses(db: &impl Database) {
    let bylines = [("1", "Hạ My"), ("2", "Hà My")];
    db.sql(&small()).await;
    for (id, byline) in bylines {
        db.sql(&format!("UPDATE articles SET byline = '{byline}' WHERE id = '{id}'")).await;
    }
    let app = Site::on(db).running().await;
    let feeds = ["author/ha-my", "author/ha-my-2"];
    let mut found = [app.ids(feeds[0]).await, app.ids(feeds[1]).await];
    found.sort();
    assert_eq!(found, ["1", "2"]);
    let faults = app.view.with_status(|status| status.general_faults.clone());
    assert!(faults.iter().any(|fault| fault.to_string().contains("slug_taken")), "{faults:?}");
}

fn custom(name: &str, title: &str) -> ((NameKey, Custom), NameKey) {
    let key = NameKey::new(name);
    ((key.clone(), Custom { title: title.to_owned(), description: None, language: None }), key)
}

async fn a_custom_feed_holds_what_its_rule_says(db: &impl Database) {
    db.sql(&with_places()).await;
    db.sql(&tagged("3", "Quảng cáo")).await;
    let mut site = Site::on(db);
    let (said, name) = custom("kinh-te-sach", "Kinh tế, không quảng cáo");
    site.custom.extend([said]);
    site.classify.custom.push(CustomFeed {
        name,
        include: Criteria { categories: vec!["kinh-te".to_owned()], ..Criteria::default() },
        exclude: Criteria { tags: vec![names::key("quảng cáo")], ..Criteria::default() },
    });
    let (said, name) = custom("viet-tri", "Việt Trì và cô Lê Hòa");
    site.custom.extend([said]);
    let place = Gazetteer::built_in().by_path("phu-tho/thanh-pho-viet-tri").unwrap();
    site.classify.custom.push(CustomFeed {
        name,
        include: Criteria {
            localities: vec![place],
            authors: vec![names::key("Lê Hòa"), names::key("Hà My")],
            ..Criteria::default()
        },
        exclude: Criteria { categories: vec!["khong-co".to_owned()], ..Criteria::default() },
    });
    let mut app = site.running().await;
    assert_eq!(app.ids("custom/kinh-te-sach").await, "2 1 5");
    assert_eq!(app.ids("custom/viet-tri").await, "5", "place and author");
    let faults = app.view.with_status(|status| status.general_faults.clone());
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(faults[0].starts_with("custom:viet-tri: ") && faults[0].contains("khong-co"), "{faults:?}");
    let rss = app.feed("custom/kinh-te-sach.rss").await.text();
    assert!(rss.contains("<title>Kinh tế, không quảng cáo - Báo Ví Dụ</title>"), "{rss}");
    db.sql("DELETE FROM article_tags").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    assert_eq!(app.ids("custom/kinh-te-sach").await, "3 2 1 5");
    // The section moves out of the tree: the rule follows.
    db.sql("UPDATE categories SET parent_id = NULL WHERE id = '11'").await;
    app.step_at("2026-03-18T03:00:00Z").await;
    assert_eq!(app.ids("custom/kinh-te-sach").await, "3 1");
}

async fn another_rule_takes_effect_after_a_restart(db: &impl Database) {
    db.sql(&small()).await;
    let mut site = Site::on(db);
    let (said, name) = custom("chon-loc", "Chọn lọc");
    site.custom.extend([said]);
    let include = |slug: &str| Criteria { categories: vec![slug.to_owned()], ..Criteria::default() };
    let rule = |slug| CustomFeed { name: name.clone(), include: include(slug), exclude: Criteria::default() };
    site.classify.custom = vec![rule("kinh-te")];
    let app = site.running().await;
    assert_eq!(app.ids("custom/chon-loc").await, "3 2 1");
    let all = app.everything(&["all", "category/kinh-te"]).await;
    app.stop().await;
    site.classify.custom = vec![rule("van-hoa")];
    site.clock.set("2026-03-18T02:00:00Z");
    let mut app = site.running().await;
    app.step().await;
    assert_eq!(app.ids("custom/chon-loc").await, "4");
    let etags = |seen: &[crate::support::app::Seen]| seen.iter().map(|seen| seen.etag.clone()).collect::<Vec<_>>();
    assert_eq!(etags(&app.everything(&["all", "category/kinh-te"]).await), etags(&all), "nothing else has changed");
    app.stop().await;
    site.classify.custom.clear();
    site.custom.clear();
    let app = site.running().await;
    assert_eq!(app.get("/feeds/custom/chon-loc.rss").await.status, 410, "it was there, and is no more");
    assert_eq!(app.get("/feeds/custom/khong-co.rss").await.status, 404);
}

async fn a_language_edition_is_a_custom_feed(db: &impl Database) {
    db.sql(&small()).await;
    db.sql("UPDATE articles SET language = 'EN' WHERE id = '2'").await;
    let mut site = Site::on(db);
    for language in ["en", "vi"] {
        let ((key, said), name) = custom(&format!("ban-{language}"), language);
        site.custom.insert(key, Custom { language: Some(language.to_owned()), ..said });
        let include = Criteria { languages: vec![language.to_owned()], ..Criteria::default() };
        site.classify.custom.push(CustomFeed { name, include, exclude: Criteria::default() });
    }
    let app = site.running().await;
    assert_eq!((app.ids("custom/ban-en").await, app.ids("custom/ban-vi").await), ("2".to_owned(), "4 3 1".to_owned()));
    let rss = app.feed("custom/ban-en.rss").await.text();
    assert!(rss.contains("<language>en</language>"), "{rss}");
}
