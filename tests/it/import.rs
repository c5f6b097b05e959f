//! Importing into a real embedded store.

use std::path::{Path, PathBuf};

use loa::domain::category::CategoryId;
use loa::domain::clock::Timestamp;
use loa::import::ndjson::CategoryWish;
use loa::import::record::{PublishedFrom, Record};
use loa::import::writer::{Tally, Writer};
use loa::import::{Import, Options, Summary};
use tempfile::TempDir;

const PAGE: &str = include_str!("../../fixtures/pages/lang-nghe-dan-lat.txt");
const TITLE: &str = "Giữ nghề đan lát bên sông";

struct Newsroom {
    _directory: TempDir,
    store: PathBuf,
}

impl Newsroom {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let store = directory.path().join("store.db");
        Self { _directory: directory, store }
    }

    async fn import(&self, source: impl AsRef<[u8]>, options: &Options) -> Summary {
        run(Writer::open(&self.store).await.unwrap(), source.as_ref(), options).await
    }

    async fn titled(&self, title: &str) -> Vec<Record> {
        let mut writer = Writer::open(&self.store).await.unwrap();
        let found = writer.find(Some(title), None, None).await.unwrap();
        writer.close().await.unwrap();
        found
    }

    async fn only(&self, title: &str) -> Record {
        let mut found = self.titled(title).await;
        assert_eq!(found.len(), 1, "{title}: {found:?}");
        found.remove(0)
    }
}

async fn run(mut writer: Writer, mut source: &[u8], options: &Options) -> Summary {
    let mut import = Import::new(&mut writer, options);
    import.run("test", &mut source, &mut |_| {}).await.unwrap();
    let summary = import.summary;
    writer.close().await.unwrap();
    summary
}

fn crafts() -> Options {
    let category = CategoryWish { key: "lang-nghe".to_owned(), ..CategoryWish::default() };
    Options { category: Some(category), localities: vec!["08287".to_owned()], ..Options::default() }
}

fn at(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn tally(new: u64, changed: u64, unchanged: u64) -> Tally {
    Tally { new, changed, unchanged }
}

#[tokio::test]
async fn a_page_gives_its_story_and_those_it_lists() {
    let newsroom = Newsroom::new();
    let summary = newsroom.import(PAGE, &crafts()).await;
    assert_eq!((summary.tally, summary.faulty, summary.completed), (tally(4, 0, 0), 0, 0), "{summary:?}");
    assert_eq!(summary.categories_made, [("lang-nghe".to_owned(), "Lang nghe".to_owned())]);

    let Record { article, published_from } = newsroom.only(TITLE).await;
    assert_eq!(published_from, PublishedFrom::Update);
    assert_eq!(article.published_at, at("2023-10-08T23:30:00Z"));
    assert_eq!(article.updated_at, at("2023-10-08T23:30:00Z"));
    assert_eq!(article.slug.as_deref(), Some("giu-nghe-dan-lat-ben-song"));
    assert_eq!(article.byline.as_deref(), Some("Thu Bến"));
    assert!(article.lead.unwrap().starts_with("Ba chục năm trước"));
    assert_eq!(article.localities, ["08287", "Huyện Ven Sông"]);
    let body = article.body_html.unwrap();
    let beginnings: Vec<String> = body.lines().map(|line| line.chars().take(36).collect()).collect();
    assert_eq!(
        beginnings,
        [
            "<figure><figcaption>Bà Lê Thị Nhàn v",
            "<h2>Từ chợ phiên lên mạng</h2>",
            "<p>Nghề đan ở đây có từ khi con đê c",
            "<p>Năm ngoái, hợp tác xã mở gian hàn",
            "<figure><figcaption>Lớp dạy nghề cho",
            "<h2>Truyền nghề</h2>",
            "<p>Ông Phạm Văn Tự- tổ trưởng tổ đan",
            "<p>Giữ nghề đan lát bên sông không c",
        ]
    );
    assert!(
        body.contains("vải.Theo bà con") && body.contains("giá &lt; 90.000 đồng một chiếc &amp; miễn phí"),
        "{body}"
    );

    let listed = newsroom.only("Kỳ II: Theo thuyền nan về phố").await;
    assert_eq!(listed.published_from, PublishedFrom::List);
    assert_eq!(listed.article.published_at, at("2023-10-05T00:47:00Z"));
    assert_eq!(listed.article.lead.as_deref(), Some("Chuyến hàng xuôi sông dài một ngày một đêm, qua bốn bến đò..."));
    assert_eq!(listed.article.categories.len(), 1);
    assert_eq!(listed.article.body_html, None);
}

#[tokio::test]
async fn importing_twice_changes_nothing() {
    let newsroom = Newsroom::new();
    newsroom.import(PAGE, &crafts()).await;
    let before = newsroom.only(TITLE).await;
    let decomposed: String = {
        use unicode_normalization::UnicodeNormalization as _;
        PAGE.nfd().collect()
    };
    for again in [PAGE, &decomposed] {
        let summary = newsroom.import(again, &crafts()).await;
        assert_eq!((summary.tally, summary.faulty), (tally(0, 0, 4), 0));
        assert_eq!(summary.categories_made, []);
    }
    assert_eq!(newsroom.only(TITLE).await, before);
}

/// A page whose list names the story of the fixture, published at the given local time.
fn page_listing_it(published: &str) -> String {
    format!(
        "Cập nhật: 10/10/2023 07:00\n\nTin khác\n\nSapo.\n\nCác tin đã đưa\n\n{TITLE}\n\n{TITLE}\n{published}\n\nbaovidu.vn Tóm tắt..."
    )
}

#[tokio::test]
async fn a_page_completes_a_story_known_from_a_list_whichever_comes_first() {
    let list = page_listing_it("2023-10-07 05:00:00");
    for list_first in [true, false] {
        let newsroom = Newsroom::new();
        let sources = if list_first { [list.as_str(), PAGE] } else { [PAGE, list.as_str()] };
        newsroom.import(sources[0], &Options::default()).await;
        let first_id = newsroom.only(TITLE).await.article.id;
        let summary = newsroom.import(sources[1], &Options::default()).await;
        assert_eq!(summary.faulty, 0, "{summary:?}");
        assert_eq!(summary.completed, u64::from(list_first));
        let Record { article, published_from } = newsroom.only(TITLE).await;
        assert_eq!((article.id, published_from), (first_id, PublishedFrom::List));
        assert_eq!(article.published_at, at("2023-10-06T22:00:00Z"));
        assert!(article.body_html.is_some() && article.lead.unwrap().starts_with("Ba chục"));
        for source in sources {
            assert_eq!(newsroom.import(source, &Options::default()).await.tally.changed, 0);
        }
    }
}

#[tokio::test]
async fn an_old_namesake_is_another_story() {
    let newsroom = Newsroom::new();
    newsroom.import(page_listing_it("2023-10-06 06:29:00"), &Options::default()).await;
    let summary = newsroom.import(PAGE, &Options::default()).await;
    assert_eq!((summary.completed, summary.faulty), (0, 0));
    assert_eq!(newsroom.titled(TITLE).await.len(), 2);
}

#[tokio::test]
async fn two_candidates_are_listed_and_nothing_is_guessed() {
    let newsroom = Newsroom::new();
    newsroom.import(page_listing_it("2023-10-07 05:00:00"), &Options::default()).await;
    newsroom.import(page_listing_it("2023-10-06 08:00:00"), &Options::default()).await;
    let ids: Vec<String> = newsroom.titled(TITLE).await.iter().map(|r| r.article.id.to_string()).collect();
    assert_eq!(ids.len(), 2);
    let summary = newsroom.import(PAGE, &Options::default()).await;
    assert_eq!((summary.faulty, summary.tally), (1, tally(3, 0, 0)), "the rest of the page goes in");
    assert!(ids.iter().all(|id| summary.faults[0].text.contains(id.as_str())), "{summary:?}");
}

#[tokio::test]
async fn an_id_is_kept_once_given() {
    let newsroom = Newsroom::new();
    let with_id = |id: &str| Options { id: Some(id.to_owned()), ..Options::default() };
    newsroom.import(PAGE, &with_id("182035")).await;
    assert_eq!(newsroom.import(PAGE, &Options::default()).await.tally, tally(0, 0, 4));
    assert_eq!(newsroom.only(TITLE).await.article.id.as_str(), "182035");
    let summary = newsroom.import(PAGE, &with_id("7")).await;
    assert!(summary.faults[0].text.contains("is article 182035 already"), "{summary:?}");
}

#[tokio::test]
async fn an_older_page_does_not_undo_a_newer_one() {
    let newsroom = Newsroom::new();
    newsroom.import(PAGE, &Options::default()).await;
    let newer = PAGE.replace("09/10/2023 06:30", "10/10/2023 06:30").replace("Ba chục", "Bốn chục");
    assert_eq!(newsroom.import(&newer, &Options::default()).await.tally, tally(0, 1, 3));
    assert_eq!(newsroom.import(PAGE, &Options::default()).await.tally, tally(0, 0, 4));
    let article = newsroom.only(TITLE).await.article;
    assert!(article.lead.unwrap().starts_with("Bốn chục"));
    assert_eq!(article.published_at, at("2023-10-08T23:30:00Z"));
}

#[tokio::test]
async fn broken_lines_cost_only_themselves() {
    let good =
        |id: u32| format!("{{\"id\":{id},\"title\":\"Tin {id}\",\"published_at\":\"2023-10-0{id} 06:30:00\"}}\n");
    let mut source = good(1).into_bytes();
    source.extend(b"\xff\xfe\n{\"id\":\n[1]\n\n");
    source.extend(b"{\"id\":9,\"title\":\"Ng\xc3\xa0y l\xe1\xba\xa1\",\"published_at\":\"h\xc3\xb4m qua\"}\n");
    source.extend(good(2).bytes());
    source.extend(good(2).bytes());
    source.extend(b"{\"id\":3,\"title\":\"T");
    let newsroom = Newsroom::new();
    let summary = newsroom.import(&source, &Options::default()).await;
    assert_eq!(summary.tally, tally(2, 0, 0));
    let faults: Vec<(u64, &str)> = summary.faults.iter().map(|f| (f.line, f.text.get(..12).unwrap())).collect();
    assert_eq!(faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 6, 9], "{faults:?}");
    assert!(summary.faults[4].text.contains("torn"));
    assert_eq!(newsroom.import(&source, &Options::default()).await.tally, tally(0, 0, 2));
}

#[tokio::test]
async fn a_whole_record_comes_back_as_it_went_in() {
    let line = r#"{"id":"a1","guid":"http://cu.example/1","url":"https://bao.example/a1","title":"Lúa <b>xuân</b>","lead":"Sapo","body_html":"<p>Thân\n</p>","byline":"Thu Bến","status":"draft","updated_at":"2023-10-08T01:02:03.000004Z","embargo_until":"2023-10-09 06:30","correction":"Sửa tên","language":"vi","rights":"©","latitude":21.3227,"longitude":"105.40190","categories":[{"id":7,"slug":"kinh-te","name":"Kinh tế"},"nong-nghiep"],"localities":["Xã B","08287"],"tags":["lúa","xuân"],"media":[{"url":"https://bao.example/a.jpg","type":"image/jpeg","length":12,"width":3,"height":4,"duration":5,"role":"main","caption":"c","credit":"d","alt":"e"}]}"#;
    let newsroom = Newsroom::new();
    assert_eq!(newsroom.import(line, &Options::default()).await.tally, tally(1, 0, 0));
    let record = newsroom.only("Lúa <b>xuân</b>").await;
    let article = &record.article;
    assert_eq!(article.categories.iter().map(CategoryId::as_str).collect::<Vec<_>>(), ["7", "nong-nghiep"]);
    assert_eq!(article.updated_at, at("2023-10-08T01:02:03.000004Z"));
    assert_eq!(article.point.unwrap().to_string(), "21.3227 105.4019");
    assert_eq!((article.media[0].duration, article.media[0].mime_type.as_deref()), (Some(5), Some("image/jpeg")));
    assert_eq!(newsroom.import(line, &Options::default()).await.tally, tally(0, 0, 1));
    let changed = line.replace("\"alt\":\"e\"", "\"alt\":\"f\"");
    assert_eq!(newsroom.import(changed, &Options::default()).await.tally, tally(0, 1, 0));
    assert_eq!(newsroom.only("Lúa <b>xuân</b>").await.article.media[0].alt.as_deref(), Some("f"));
    let moved = line.replace("21.3227", "0").replace("105.40190", "0");
    let summary = newsroom.import(moved, &Options::default()).await;
    assert_eq!((summary.tally, summary.faulty, summary.notes.len()), (tally(0, 1, 0), 0, 1), "{summary:?}");
    assert_eq!(newsroom.only("Lúa <b>xuân</b>").await.article.point, None);
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_keeps_nothing() {
    let newsroom = Newsroom::new();
    let dry = run(Writer::open_dry(&newsroom.store).await.unwrap(), PAGE.as_bytes(), &crafts()).await;
    assert_eq!(dry.tally, tally(4, 0, 0));
    assert!(!Path::new(&newsroom.store).exists());
    newsroom.import("{\"id\":1,\"title\":\"Tin\",\"status\":\"draft\"}", &Options::default()).await;
    let dry = run(Writer::open_dry(&newsroom.store).await.unwrap(), PAGE.as_bytes(), &crafts()).await;
    assert_eq!(dry.tally, tally(4, 0, 0));
    assert!(newsroom.titled(TITLE).await.is_empty());
}

#[tokio::test]
async fn categories_are_found_or_made_with_the_one_above_them() {
    let line = |id: u32, categories: &str| {
        format!("{{\"id\":{id},\"title\":\"Tin\",\"status\":\"draft\",\"categories\":{categories}}}\n")
    };
    let source = [
        line(1, r#"[{"id":7,"slug":"y-te","name":"Y tế","parent":"Đời sống"}]"#),
        line(2, r#"["y-te", 7, "doi-song"]"#),
        line(3, r#"["?"]"#),
    ];
    let newsroom = Newsroom::new();
    let summary = newsroom.import(source.concat(), &Options::default()).await;
    let made: Vec<(&str, &str)> = summary.categories_made.iter().map(|(slug, name)| (&**slug, &**name)).collect();
    assert_eq!(made, [("doi-song", "Đời sống"), ("y-te", "Y tế")]);
    assert_eq!((summary.tally, summary.faulty), (tally(2, 0, 0), 1));
    let second = newsroom.titled("Tin").await.remove(1).article;
    assert_eq!(second.categories.iter().map(CategoryId::as_str).collect::<Vec<_>>(), ["7", "doi-song"]);
}
