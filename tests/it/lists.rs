//! The lists of feeds: OPML as its readers take it, and the pages for people.

use loa::feed::{Outline, opml};
use opml::{OPML, Outline as Read};
use roxmltree::Document;

use crate::feed_golden::assert_expected;
use crate::support::app::{App, Site};
use crate::support::newsroom::{article, small};
use crate::support::sqlite::Sqlite;
use crate::support::{Database as _, feeds, on};

/// A list with everything that has to be grouped, sorted out or escaped.
const OUTLINES: [Outline<'static>; 10] = [
    Outline { text: "Báo Ví Dụ", path: Some("all"), depth: 0 },
    Outline { text: "Chuyên mục", path: None, depth: 0 },
    Outline { text: "Kinh tế", path: Some("category/kinh-te"), depth: 1 },
    Outline { text: "Nông nghiệp & \"nông thôn\"", path: Some("category/nong-nghiep"), depth: 2 },
    Outline { text: "Giá cả <b>thị trường</b>", path: Some("category/gia-ca"), depth: 3 },
    Outline { text: "Văn\u{8}\u{b} hóa\n\u{ffff}", path: Some("category/van-hoa"), depth: 1 },
    Outline { text: "Địa phương", path: None, depth: 0 },
    Outline { text: "Đồng Tháp", path: None, depth: 1 },
    Outline { text: "Phường 🎉 5 < 6", path: Some("locality/dong-thap/phuong-5"), depth: 2 },
    Outline { text: " \u{200b} ", path: Some("locality/phu-tho"), depth: 1 },
];

#[test]
fn opml_is_as_expected() {
    assert_expected("feeds.opml", &opml(&feeds::options(), &OUTLINES).unwrap());
    assert_expected("empty.opml", &opml(&feeds::options(), &[]).unwrap());
}

/// Every feed that a reader finds: the folders above it, its title, its address.
fn read(outlines: &[Read], folders: &str, found: &mut Vec<String>) {
    for outline in outlines {
        match &outline.xml_url {
            Some(address) => {
                assert_eq!((outline.r#type.as_deref(), outline.title.as_ref()), (Some("rss"), Some(&outline.text)));
                assert_eq!(outline.outlines.len(), 0, "many readers look for no feeds below a feed");
                found.push(format!("{folders}{} {address}", outline.text));
            }
            None => read(&outline.outlines, &format!("{folders}{} / ", outline.text), found),
        }
    }
}

/// The crate `opml` is a reader by other hands.
#[test]
fn an_independent_reader_finds_folders_and_feeds() {
    let document = OPML::from_str(&opml(&feeds::options(), &OUTLINES).unwrap()).unwrap();
    assert_eq!(document.head.unwrap().title.as_deref(), Some("Báo Ví Dụ"));
    let mut found = Vec::new();
    read(&document.body.outlines, "", &mut found);
    let expect = [
        "Báo Ví Dụ https://tin.baovidu.example/feeds/all.rss",
        "Chuyên mục / Kinh tế / Kinh tế - Báo Ví Dụ https://tin.baovidu.example/feeds/category/kinh-te.rss",
        "Chuyên mục / Kinh tế / Nông nghiệp & \"nông thôn\" / Nông nghiệp & \"nông thôn\" - Báo Ví Dụ \
         https://tin.baovidu.example/feeds/category/nong-nghiep.rss",
        "Chuyên mục / Kinh tế / Nông nghiệp & \"nông thôn\" / Giá cả thị trường - Báo Ví Dụ \
         https://tin.baovidu.example/feeds/category/gia-ca.rss",
        "Chuyên mục / Văn hóa - Báo Ví Dụ https://tin.baovidu.example/feeds/category/van-hoa.rss",
        "Địa phương / Đồng Tháp / Phường 🎉 5 < 6 - Báo Ví Dụ \
         https://tin.baovidu.example/feeds/locality/dong-thap/phuong-5.rss",
        "Địa phương / phu-tho - Báo Ví Dụ https://tin.baovidu.example/feeds/locality/phu-tho.rss",
    ];
    assert_eq!(found, expect);
    assert!(OPML::from_str(&opml(&feeds::options(), &[]).unwrap()).is_ok(), "also of nothing");
}

/// The addresses and titles in the served list.
async fn listed(app: &App) -> Vec<(String, String)> {
    let answer = app.get("/opml.xml").await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let document = Document::parse(&text).unwrap();
    let outlines = document.descendants().filter(|node| node.has_attribute("xmlUrl"));
    let of = |node: &roxmltree::Node<'_, '_>, name: &str| node.attribute(name).unwrap().to_owned();
    outlines.map(|node| (of(&node, "xmlUrl"), of(&node, "text"))).collect()
}

fn path(address: &str) -> &str {
    address.strip_prefix("https://tin.baovidu.example").unwrap()
}

#[tokio::test]
async fn every_listed_feed_answers_under_its_title() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        db.sql("INSERT INTO categories VALUES ('30', NULL, 'trong', 'Trống', 3)").await;
        let site = Site::on(db);
        let app = site.running().await;
        let listed = listed(&app).await;
        let paths: Vec<&str> = listed.iter().map(|(address, _)| path(address)).collect();
        let expect = ["all", "category/kinh-te", "category/nong-nghiep", "category/van-hoa", "author/le-hoa"];
        assert_eq!(paths, expect.map(|feed| format!("/feeds/{feed}.rss")), "the empty one is not listed");
        for (address, title) in &listed {
            let answer = app.get(path(address)).await;
            assert_eq!(answer.status, 200, "{address}");
            assert!(answer.text().contains(&format!("<title>{title}</title>")), "{address}: {title}");
        }
        assert_eq!(app.get("/feeds/category/trong.rss").await.status, 200, "but it is there");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn lists_change_only_with_what_they_hold() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        let tags = async |app: &App| {
            let mut tags = Vec::new();
            for path in ["/opml.xml", "/", "/feeds/category/"] {
                tags.push(app.get(path).await.header("etag").unwrap());
            }
            tags
        };
        let first = tags(&app).await;
        db.sql(&article("5", "20", "2026-03-18 08:00:00", &[])).await;
        db.sql("UPDATE articles SET title = 'Sửa rồi' WHERE id = '2'").await;
        app.step_at("2026-03-18T02:00:00Z").await;
        assert!(app.ids("all").await.starts_with("5 "), "it was read");
        assert_eq!(tags(&app).await, first, "news is no new feed");

        db.sql("UPDATE articles SET status = 'draft' WHERE id IN ('4', '5')").await;
        app.step_at("2026-03-18T02:01:00Z").await;
        let without = tags(&app).await;
        assert!(without.iter().zip(&first).all(|(new, old)| new != old), "a feed is empty");
        assert!(listed(&app).await.iter().all(|(address, _)| !address.contains("van-hoa")));

        db.sql("UPDATE categories SET name = 'Kinh doanh' WHERE id = '10'").await;
        app.step_at("2026-03-18T02:10:00Z").await;
        assert!(tags(&app).await.iter().zip(&without).all(|(new, old)| new != old), "a name has changed");
        assert!(listed(&app).await.iter().any(|(_, title)| title == "Kinh doanh - Báo Ví Dụ"));
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn groups_and_feeds_have_pages() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        let index = app.get("/").await.text();
        for part in ["<section id=\"all\">", "<section id=\"category\">", "type=\"text/x-opml\""] {
            assert!(index.contains(part), "{part} in {index}");
        }
        for kind in ["all", "category", "locality", "author", "tag", "custom"] {
            assert_eq!(app.get(&format!("/feeds/{kind}/")).await.status, 200, "a scheme leads somewhere: {kind}");
        }
        let page = app.get("/feeds/category/kinh-te/").await.text();
        assert!(page.contains("nong-nghiep.atom") && !page.contains("van-hoa.atom\">Atom"), "{page}");

        db.sql("UPDATE categories SET slug = 'kinh-doanh' WHERE id = '10'").await;
        app.step_at("2026-03-18T02:10:00Z").await;
        for (from, to) in [
            ("category", "category/"),
            ("category/kinh-te", "category/kinh-doanh/"),
            ("category/kinh-te/", "category/kinh-doanh/"),
            ("category/kinh-doanh", "category/kinh-doanh/"),
        ] {
            let answer = app.get(&format!("/feeds/{from}")).await;
            let expect = format!("https://tin.baovidu.example/feeds/{to}");
            assert_eq!((answer.status, answer.header("location")), (301, Some(expect)), "{from}");
        }
        for nothing in ["category/khong-co/", "category/khong-co", "", "category//", "/"] {
            assert_eq!(app.get(&format!("/feeds/{nothing}")).await.status, 404, "{nothing}");
        }
        app.stop().await;
    })
    .await;
}
