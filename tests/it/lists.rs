//! The lists of feeds: OPML as its readers take it, and the pages for people.

use loa::domain::place::Level;
use loa::feed::{Outline, opml};
use loa::gazetteer::Gazetteer;
use opml::{OPML, Outline as Read};
use roxmltree::Document;
use unicode_normalization::UnicodeNormalization as _;

use crate::feed_golden::assert_expected;
use crate::support::app::{App, Site};
use crate::support::newsroom::{TABLES, article, small};
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

/// A newsroom of the size that the issue names: a tree of categories, and places of several provinces.
const CATEGORIES: usize = 60;
const LOCALITIES: usize = 300;
/// Each category has so many below it, on three levels.
const BRANCHES: usize = 4;
/// The stories are of this day.
const DAY: &str = "2026-03-17";

/// Codes of communes that make, with their provinces, [`LOCALITIES`] feeds. Phú Thọ comes first.
fn communes() -> Vec<String> {
    let (gazetteer, day) = (Gazetteer::built_in(), DAY.parse().unwrap());
    let mut provinces: Vec<_> = gazetteer.all_at(day).filter(|unit| unit.level() == Level::Province).collect();
    provinces.sort_by_key(|unit| unit.code.to_string() != "25");
    let mut left = LOCALITIES;
    let mut codes = Vec::new();
    for province in provinces {
        left = left.saturating_sub(1);
        let parts = gazetteer.children(province.code, day).into_iter().take(left);
        let before = codes.len();
        codes.extend(parts.map(|unit| unit.code.to_string()));
        left -= codes.len() - before;
    }
    codes
}

/// An article of each commune, which between them are of all categories.
fn large() -> String {
    let parent =
        |at: usize| at.checked_sub(BRANCHES).map_or("NULL".to_owned(), |below| format!("'{}'", below / BRANCHES));
    let category =
        |at| format!("INSERT INTO categories VALUES ('{at}', {}, 'muc-{at}', 'Mục số {at}', {at})", parent(at));
    let story = |(at, code): (usize, &String)| {
        let story = article(&at.to_string(), &(at % CATEGORIES).to_string(), &format!("{DAY} 08:00:00"), &[]);
        format!("{story}; INSERT INTO article_localities VALUES ('{at}', '{code}')")
    };
    let communes = communes();
    let categories = (0..CATEGORIES).map(category);
    std::iter::once(TABLES.to_owned())
        .chain(categories)
        .chain(communes.iter().enumerate().map(story))
        .collect::<Vec<_>>()
        .join("; ")
}

/// Where a name stands in a Vietnamese dictionary, told by other means than the program's: its letters, then its tones.
fn dictionary_key(name: &str) -> (Vec<usize>, Vec<usize>) {
    const LETTERS: &str = " -'aăâbcdđeêfghijklmnoôơpqrstuưvwxyz";
    const TONES: [char; 5] = ['\u{300}', '\u{309}', '\u{303}', '\u{301}', '\u{323}'];
    let tone = |c: char| TONES.iter().position(|tone| *tone == c);
    let letters: String = name.to_lowercase().nfd().filter(|c| tone(*c).is_none()).nfc().collect();
    let tones = name.to_lowercase().nfd().fold(Vec::new(), |mut tones, c| {
        match tone(c) {
            Some(tone) => *tones.last_mut().unwrap() = tone + 1,
            None if c.is_alphabetic() || c == ' ' => tones.push(0),
            None => {}
        }
        tones
    });
    (letters.chars().map(|c| LETTERS.chars().position(|letter| letter == c).unwrap()).collect(), tones)
}

/// The outline with this text.
fn folder<'a>(outlines: &'a [Read], text: &str) -> &'a Read {
    outlines.iter().find(|outline| outline.text == text).unwrap_or_else(|| panic!("{text}"))
}

#[tokio::test]
async fn a_list_of_sixty_categories_and_three_hundred_localities_is_read_and_each_feed_answers() {
    on::<Sqlite>(async |db| {
        db.sql(&large()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        let document = OPML::from_str(&app.get("/opml.xml").await.text()).unwrap();
        let outlines = &document.body.outlines;
        let mut found = Vec::new();
        read(outlines, "", &mut found);
        let below = |part: &str| found.iter().filter(|feed| feed.contains(&format!("/feeds/{part}"))).count();
        let former = found.iter().filter(|feed| feed.contains(" (đến ")).count();
        let counts = ["", "all.", "category/", "locality/", "author/"].map(below);
        let localities = LOCALITIES + former;
        assert_eq!(counts, [1 + CATEGORIES + localities + 1, 1, CATEGORIES, localities, 1]);
        assert!(former > LOCALITIES / 2, "the units that these were made of have feeds, too: {former}");

        let provinces = &folder(outlines, "Địa phương").outlines;
        present_ones_first(provinces);
        for province in provinces {
            assert!(province.outlines[0].text.starts_with(&province.text), "its own feed stands first");
            present_ones_first(&province.outlines[1..]);
        }
        for line in &found {
            answers(&mut app, line).await;
        }
        app.stop().await;
    })
    .await;
}

/// The units that are no more stand after the others.
fn present_ones_first(outlines: &[Read]) {
    let is_former = |outline: &Read| outline.text.contains(" (đến ");
    let (former, present): (Vec<_>, Vec<_>) = outlines.iter().cloned().partition(is_former);
    assert!(outlines.iter().skip(present.len()).all(is_former));
    in_dictionary_order(&present);
    // What a dictionary does not tell: numbered wards, and two of one name.
    let is_numbered = |outline: &Read| {
        outline.text.split(" (").next().is_some_and(|name| name.contains(|c: char| c.is_ascii_digit()))
    };
    let named = former.into_iter().filter(|outline| !is_numbered(outline));
    in_dictionary_order(&named.collect::<Vec<_>>());
}

fn in_dictionary_order(outlines: &[Read]) {
    for (a, b) in outlines.iter().zip(outlines.iter().skip(1)) {
        let name = |outline: &Read| {
            let title = outline.text.trim_end_matches(" - Báo Ví Dụ");
            // A commune's title names its province, which is the same for all that stand together.
            let name = title.split_once(", ").map_or(title, |(name, _)| name);
            name.split_once(" (").map_or(name, |(name, _)| name).to_owned()
        };
        assert!(dictionary_key(&name(a)) <= dictionary_key(&name(b)), "{} stands before {}", a.text, b.text);
    }
}

/// The feed of a line of the list answers under its title, and holds something.
async fn answers(app: &mut App, line: &str) {
    let (titles, address) = line.rsplit_once(' ').unwrap();
    let (_, title) = titles.rsplit_once(" / ").unwrap_or(("", titles));
    let answer = app.get_of_running(path(address)).await;
    assert_eq!(answer.status, 200, "{address}");
    let feed = feed_rs::parser::parse(answer.body.as_slice()).unwrap();
    assert_eq!(feed.title.unwrap().content, title, "{address}");
    assert!(!feed.entries.is_empty(), "{address}");
}
