//! Stories that carry no locality find their places by their text: from the store to HTTP, and by the real program.

use std::fs;

use loa::domain::article::ArticleId;
use loa::domain::found::FindPolicy;
use serde_json::Value;

use crate::support::app::{App, Site};
use crate::support::newsroom::{SECTIONS, TABLES, article};
use crate::support::process::run;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

/// A story of a commune that is named twice, in a town that stands in the lead; of a ward below a picture, and of places
/// that are only mentioned.
const LEAD: &str = "Sáng 17/3, Thành ủy Việt Trì khen các hộ làm đường hoa.";
const BODY: &str = "<p>Xã Hùng Lô trồng hai cây số hoa giấy.</p><p>Người Hùng Lô góp công, một nhà vườn ở xã Kim Đức tặng cây.</p>\
    <figure><figcaption>Đường hoa ở phường Minh Phương</figcaption></figure>";

fn story(id: &str) -> String {
    let columns = [("lead", format!("'{LEAD}'")), ("body_html", format!("'{BODY}'"))];
    let columns: Vec<_> = columns.iter().map(|(name, value)| (*name, value.as_str())).collect();
    article(id, "10", "2022-03-18 06:30:00", &columns)
}

/// A store with story 1, which carries no locality, and 2, which does.
async fn with_stories(db: &impl Database) {
    let given = "INSERT INTO article_localities VALUES ('2', '08287')".to_owned();
    db.sql(&[TABLES.to_owned(), SECTIONS.to_owned(), story("1"), story("2"), given].join("; ")).await;
}

/// The site goes last: its directory holds the state.
async fn with_policy(db: &Sqlite, find: FindPolicy) -> (Site, App) {
    let mut site = Site::on(db);
    site.classify.find = find;
    let app = site.running().await;
    (site, app)
}

const FEEDS: [&str; 6] = [
    "locality/phu-tho",
    "locality/phu-tho/thanh-pho-viet-tri",
    "locality/phu-tho/phuong-van-phu",
    "locality/phu-tho/phuong-nong-trang",
    "locality/phu-tho/phuong-viet-tri",
    "locality/phu-tho/xa-hy-cuong",
];

async fn ids(app: &App) -> Vec<String> {
    let mut ids = Vec::new();
    for feed in FEEDS {
        // Without an announcement, whose id ends with a day.
        let all = app.ids(feed).await;
        ids.push(all.split(' ').filter(|id| !id.contains('-')).collect::<Vec<_>>().join(" "));
    }
    ids
}

async fn found(app: &App, id: &str) -> Vec<String> {
    let records = app.state.records(&[ArticleId::new(id)]).await.unwrap();
    records.iter().flat_map(|record| &record.found).map(ToString::to_string).collect()
}

#[tokio::test]
async fn each_policy_does_what_it_says() {
    let check = async |policy, first: &[&str], second: &[&str], feeds: [&str; 6]| {
        on::<Sqlite>(async |db| {
            with_stories(db).await;
            let (_site, app) = with_policy(db, policy).await;
            assert_eq!(found(&app, "1").await, first, "{policy}");
            assert_eq!(found(&app, "2").await, second, "{policy}");
            assert_eq!(ids(&app).await, feeds, "{policy}");
            app.stop().await;
        })
        .await;
    };
    let given = ["2", "2", "2", "", "", ""];
    check(FindPolicy::Off, &[], &[], given).await;
    // What lies above a given commune is no news; 08287 is given to story 2.
    let second = ["suggested:07927@2010-05-06"];
    check(FindPolicy::Suggest, &["suggested:227", "suggested:07927@2010-05-06", "suggested:08287"], &second, given)
        .await;
    let assigned = ["assigned:227", "assigned:07927@2010-05-06", "assigned:08287"];
    check(FindPolicy::Assign, &assigned, &second, ["1 2", "1 2", "1 2", "1", "", ""]).await;
}

#[tokio::test]
async fn an_edit_finds_other_places_and_a_given_one_wins() {
    on::<Sqlite>(async |db| {
        with_stories(db).await;
        let (_site, mut app) = with_policy(db, FindPolicy::Assign).await;
        let entry = app.entry("locality/phu-tho", "1").await.unwrap();
        let names: Vec<_> = entry["_locality"]["units"].as_array().unwrap().iter().map(|unit| unit["name"].clone()).collect();
        assert_eq!(names, ["Thành phố Việt Trì", "Phường Minh Phương", "Xã Hùng Lô"], "{entry}");

        db.sql("UPDATE articles SET lead = 'Chuyện cũ', body_html = '<p>Ở phường Gia Cẩm, người Gia Cẩm kể.</p>' WHERE id = '1'").await;
        app.step_at("2026-03-18T02:00:00Z").await;
        assert_eq!(found(&app, "1").await, ["assigned:07900"]);
        assert_eq!(ids(&app).await[1], "1 2", "the town, as the parent of the ward");
        assert_eq!(ids(&app).await[2], "2", "it has left phường Vân Phú");

        db.sql("INSERT INTO article_localities VALUES ('1', '227')").await;
        app.step_at("2026-03-18T03:00:00Z").await;
        assert_eq!(found(&app, "1").await, ["suggested:07900"], "what the newsroom says counts");
        assert_eq!(ids(&app).await[..2], ["1 2", "1 2"]);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_somebody_says_of_an_article_wins_over_the_configuration() {
    on::<Sqlite>(async |db| {
        with_stories(db).await;
        let (_site, mut app) = with_policy(db, FindPolicy::Off).await;
        assert_eq!(ids(&app).await[3], "");
        app.state.set_find_policy(&[ArticleId::new("1")], FindPolicy::Assign).await.unwrap();
        app.step_at("2026-03-18T02:00:00Z").await;
        assert_eq!(found(&app, "1").await.len(), 3);
        assert_eq!(ids(&app).await[3], "1");
        app.state.set_find_policy(&[ArticleId::new("1")], FindPolicy::Off).await.unwrap();
        app.step_at("2026-03-18T03:00:00Z").await;
        assert_eq!((ids(&app).await[3].as_str(), found(&app, "1").await), ("", vec![]));
        app.stop().await;
    })
    .await;
}

/// Adding one article to a commune touches exactly the feeds that it belongs to.
#[tokio::test]
async fn a_story_touches_exactly_its_feeds() {
    on::<Sqlite>(async |db| {
        with_stories(db).await;
        let (_site, mut app) = with_policy(db, FindPolicy::Off).await;
        let sequences = |app: &App| {
            let scopes = app.view.with_catalog(|catalog| catalog.scopes_with_articles().cloned().collect::<Vec<_>>());
            let sequence = |scope| app.view.with_catalog(|catalog| catalog.feed(scope).map(|feed| feed.sequence));
            scopes
                .iter()
                .map(|scope| (scope.to_string(), sequence(scope)))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        let before = sequences(&app);
        db.sql(&article("3", "20", "2026-03-18 07:30:00", &[("byline", "NULL")])).await;
        db.sql("INSERT INTO article_localities VALUES ('3', '07918')").await;
        app.step_at("2026-03-18T02:00:00Z").await;
        let after = sequences(&app);
        let touched: Vec<_> =
            after.iter().filter(|(scope, n)| before.get(*scope) != Some(n)).map(|(s, _)| s.as_str()).collect();
        assert_eq!(touched, ["all", "category:20", "locality:07918@2010-05-06", "locality:227", "locality:25"]);
        app.stop().await;
    })
    .await;
}

#[test]
fn an_imported_page_is_filed_under_the_places_of_its_text() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let page = "Cập nhật: 18/03/2022 06:30 GMT+7\n\nĐường hoa làng ven đô\n\nSáng 17/3, Thành ủy Việt Trì khen các hộ làm đường hoa...\n\n\
        Đường hoa làng ven đôBà con xã Hùng Lô trồng hoa giấy dọc đường bê tông.\n\n\
        Người Hùng Lô góp công, phường Minh Phương cho mượn xe chở đất. Năm nay Minh Phương cũng làm một tuyến.\n\nAnh Hòa\n\n\
        Tin địa phương\n\nXem thêm Huyện Lâm Thao\n";
    fs::write(directory.join("trang.txt"), page).unwrap();
    fs::write(directory.join("loa.toml"), "site.article_url = \"https://baovidu.example/{slug}.htm\"\n").unwrap();
    let config = ["--config", "loa.toml"];
    let run = |args: &[&str]| {
        let (status, out, error) = run(directory, &[args, &config].concat());
        assert_eq!((status, error.as_str()), (0, ""), "{args:?}: {out}");
        out
    };
    run(&["import", "trang.txt", "--category", "doi-song", "--localities", "assign", "--id", "duong-hoa"]);
    let held: Vec<&str> = FEEDS
        .into_iter()
        .filter(|feed| run(&["render", &format!("/feeds/{feed}.rss")]).contains("Đường hoa"))
        .collect();
    assert_eq!(held, FEEDS[..4]);

    let explained: Value = serde_json::from_str(&run(&["localities", "explain", "duong-hoa", "--json"])).unwrap();
    let listed = |key: &str, field: &str| -> Vec<String> {
        explained[key].as_array().unwrap().iter().map(|line| line[field].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(explained["policy"], "assign");
    assert_eq!(listed("found", "code"), ["227", "08287", "08287", "07927", "07927"]);
    assert_eq!(listed("filed", "standing"), ["assigned"; 3]);
    assert_eq!(listed("filed", "why"), ["in the lead", "in a caption", "named 2 times"]);
    let text = run(&["localities", "explain", "duong-hoa"]);
    assert!(text.contains("policy  assign (said for this article)") && text.contains("authority and name"), "{text}");
    assert!(text.contains("/feeds/locality/phu-tho/phuong-van-phu\n"), "{text}");

    run(&["import", "trang.txt", "--category", "doi-song", "--localities", "off", "--id", "duong-hoa"]);
    assert!(!run(&["render", "/feeds/locality/phu-tho/phuong-van-phu.rss"]).contains("<item>"));
    let again = run(&["import", "trang.txt", "--category", "doi-song", "--id", "duong-hoa"]);
    assert!(again.contains(" 0 changed"), "the link to more news of a place does not come back: {again}");
}
