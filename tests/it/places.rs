//! From a page to the feeds of its places, by the real program.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::process::run;

/// The page of the fixture, as it came at half past six on 18 March 2022.
const PAGE: &str = include_str!("../../fixtures/pages/lang-nghe-dan-lat.txt");
const TITLE: &str = "Giữ nghề đan lát bên sông";
const CONFIG: &[&str] = &["--config", "loa.toml"];

/// The document of a path, made by `loa render`.
fn render(directory: &Path, path: &str) -> String {
    let (status, out, error) = run(directory, &[&["render", path], CONFIG].concat());
    assert_eq!((status, error.as_str()), (0, ""), "{path}");
    out
}

/// Titles and instants in RSS.
fn items(rss: &str) -> Vec<(String, String)> {
    let tree = roxmltree::Document::parse(rss).unwrap();
    let text = |item: roxmltree::Node<'_, '_>, name: &str| {
        item.children().find(|node| node.has_tag_name(name)).and_then(|node| node.text()).unwrap().to_owned()
    };
    let items = tree.descendants().filter(|node| node.has_tag_name("item"));
    items.map(|item| (text(item, "title"), text(item, "pubDate"))).collect()
}

#[test]
fn an_imported_page_is_in_the_feeds_of_its_places_and_in_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    // The story alone, without those that it lists.
    let story = PAGE.replace("09/10/2023 06:30", "18/03/2022 06:30").replace("Huyện Ven Sông", "Phú Thọ");
    let story = story.split("Các tin đã đưa").next().unwrap();
    fs::write(directory.join("trang.txt"), story).unwrap();
    fs::write(directory.join("loa.toml"), "site.article_url = \"https://baovidu.example/{slug}.htm\"\n").unwrap();
    let import = ["import", "trang.txt", "--category", "lang-nghe", "--locality", "08287,07927,227"];
    let (status, out, error) = run(directory, &[&import, CONFIG].concat());
    assert_eq!(status, 0, "{out}{error}");

    let story = (TITLE.to_owned(), "Fri, 18 Mar 2022 06:30:00 +0700".to_owned());
    for place in ["phu-tho/phuong-van-phu", "phu-tho/phuong-nong-trang", "phu-tho"] {
        let items = items(&render(directory, &format!("/feeds/locality/{place}.rss")));
        assert_eq!(items, std::slice::from_ref(&story), "{place}");
    }
    let change = "Thành phố Việt Trì không còn là đơn vị hành chính từ ngày 1/7/2025".to_owned();
    let announced = [(change, "Tue, 01 Jul 2025 00:00:00 +0700".to_owned()), story];
    assert_eq!(items(&render(directory, "/feeds/locality/phu-tho/thanh-pho-viet-tri.rss")), announced);
    assert_eq!(items(&render(directory, "/feeds/locality/phu-tho/xa-hy-cuong.rss")), []);
    let neighbours = items(&render(directory, "/feeds/locality/phu-tho/huyen-phu-ninh.rss"));
    assert!(neighbours.iter().all(|(title, _)| title != TITLE), "{neighbours:?}");
    let (status, _, error) = run(directory, &[&["render", "/feeds/locality/phu-tho/xa-hung-lo.rss"], CONFIG].concat());
    assert!(status == 2 && error.contains("has moved to `/feeds/locality/phu-tho/phuong-van-phu.rss`"), "{error}");
    let both: Value =
        serde_json::from_str(&render(directory, "/feeds/category/lang-nghe/locality/phu-tho.json")).unwrap();
    assert_eq!(both["items"][0]["title"], TITLE);
    assert_eq!(both["items"].as_array().unwrap().len(), 1);
}
