//! Newer tables of administrative units, given as files to a program that is built: what `loa` takes and refuses, and a
//! reform that comes at midnight while the service runs.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use loa::gazetteer::{Gazetteer, Tables, grow};
use tempfile::TempDir;

use crate::support::app::{App, Site};
use crate::support::clock::ManualClock;
use crate::support::http::patiently;
use crate::support::newsroom::{article, small};
use crate::support::postgres::Postgres;
use crate::support::process::{Served, loa, run, told};
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

const HOST: &[&str] = &["Host: localhost"];
/// The day of the reform in these tests, and the last second before it and its first in Vietnam.
const REFORM: &str = "2027-01-01";
const BEFORE: &str = "2026-12-31T16:59:59Z";
const MIDNIGHT: &str = "2026-12-31T17:00:00Z";

/// Feeds that the reform touches, and some that it does not.
const FEEDS: [&str; 6] = [
    "all",
    "locality/phu-tho",
    "locality/phu-tho/thanh-pho-viet-tri",
    "locality/phu-tho/phuong-den-hung",
    "locality/phu-tho/phuong-nong-trang",
    "locality/phu-tho/phuong-thanh-mieu",
];
const VAN_PHU: &str = "/feeds/locality/phu-tho/phuong-van-phu.rss";
const DEN_HUNG: &str = "/feeds/locality/phu-tho/phuong-den-hung.rss";

macro_rules! on_every_backend {
    ($($test:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $test() { super::on::<super::Sqlite>(async |db| super::$test(db).await).await; })* }
        mod postgres { $(#[tokio::test] async fn $test() { super::on::<super::Postgres>(async |db| super::$test(db).await).await; })* }
    };
}

on_every_backend! {
    a_reform_comes_at_midnight_without_a_restart
    replicas_whose_clocks_differ_end_with_the_same_feeds
    a_clock_that_goes_wrong_undoes_no_reform
    no_reform_comes_while_the_store_is_down
}

/// The tables of a reform as texts: units and succession. Vân Phú and Hy Cương become phường Đền Hùng; Thanh Miếu is split
/// between that and phường Sông Lô.
fn reform(day: &str) -> (String, String) {
    let old = Tables::built_in();
    let ends = |text: String, code: &str| {
        let row = text.lines().rfind(|line| line.starts_with(code)).unwrap().to_owned();
        text.replace(&format!("{row}\n"), &format!("{row}{day}\n"))
    };
    let units = ["07918", "08515", "07909"].into_iter().fold(old.units.to_owned(), ends);
    let units = units + &format!("99901,phường,Đền Hùng,25,{day},\n99902,phường,Sông Lô,25,{day},\n");
    let edges = ["07918,99901,whole,1", "08515,99901,whole,1", "07909,99901,part,", "07909,99902,part,g"];
    let succession = old.succession.to_owned() + &edges.map(|edge| format!("{day},{edge}\n")).concat();
    (units, succession)
}

/// The reform as a gazetteer.
pub(crate) fn reformed(day: &str) -> Arc<Gazetteer> {
    let (units, succession) = reform(day);
    let tables = Tables { units: &units, succession: &succession, ..Tables::built_in() };
    let addresses = grow(&tables).unwrap().table;
    Arc::new(Gazetteer::newer(&Tables { addresses: &addresses, ..tables }).unwrap())
}

/// A second before the reform.
pub(crate) async fn site(db: &impl Database) -> Site {
    let mut site = newsroom(db).await;
    site.clock.set(BEFORE);
    site.classify.gazetteer = reformed(REFORM);
    site
}

/// With a story of 2022, some of the present order, and one of what stays.
async fn newsroom(db: &impl Database) -> Site {
    db.sql(&small()).await;
    for (id, published, code) in [
        ("5", "2022-03-18 06:30:00", "08287"),
        ("6", "2026-03-16 06:30:00", "07918"),
        ("7", "2026-03-16 07:30:00", "08515"),
        ("8", "2026-03-16 08:30:00", "07909"),
        ("9", "2026-03-16 09:30:00", "07894"),
    ] {
        db.sql(&located(id, published, code)).await;
    }
    Site::on(db)
}

pub(crate) fn located(id: &str, published: &str, code: &str) -> String {
    format!("{}; INSERT INTO article_localities VALUES ('{id}', '{code}')", article(id, "10", published, &[]))
}

/// The documents of [`FEEDS`] without `Last-Modified`, which is left out where the clock says that it is to come.
async fn documents(app: &App) -> Vec<(String, u16, Option<String>)> {
    app.everything(&FEEDS).await.into_iter().map(|seen| (seen.path, seen.status, seen.etag)).collect()
}

/// Asks for all of [`FEEDS`], so that the announcements among them begin.
async fn asked(app: &mut App) {
    drop(documents(app).await);
    app.step().await;
}

/// The articles of a feed, without its announcement, whose id ends with a day.
async fn articles(app: &App, feed: &str) -> String {
    let ids = app.ids(feed).await;
    ids.split(' ').filter(|id| !id.contains('-')).collect::<Vec<_>>().join(" ")
}

async fn moved(app: &App, path: &str) -> Option<String> {
    let answer = app.get(path).await;
    let location = answer.header("location").filter(|_| answer.status == 301)?;
    Some(location.trim_start_matches("https://tin.baovidu.example").to_owned())
}

async fn a_reform_comes_at_midnight_without_a_restart(db: &impl Database) {
    let site = site(db).await;
    let mut app = site.running().await;
    assert_eq!(app.get(VAN_PHU).await.status, 200);
    assert_eq!(app.ids("locality/phu-tho/phuong-van-phu").await, "6 5");
    assert_eq!(moved(&app, "/feeds/locality/phu-tho/xa-hung-lo.rss").await.as_deref(), Some(VAN_PHU));
    assert_eq!(app.ids("locality/phu-tho/phuong-den-hung").await, "", "not yet");
    let towns = articles(&app, "locality/phu-tho/thanh-pho-viet-tri").await;
    let entry = app.entry("locality/phu-tho", "6").await.unwrap();
    let kept = app.everything(&["all", "locality/phu-tho/phuong-nong-trang"]).await;
    app.step().await;
    assert_eq!(app.get(VAN_PHU).await.status, 200, "the last second has not passed");

    app.step_at(MIDNIGHT).await;
    for path in ["phuong-van-phu", "xa-hung-lo", "xa-hy-cuong"] {
        let path = format!("/feeds/locality/phu-tho/{path}.rss");
        assert_eq!(moved(&app, &path).await.as_deref(), Some(DEN_HUNG), "{path}");
    }
    assert_eq!(app.ids("locality/phu-tho/phuong-den-hung").await, "8 7 6 5");
    assert_eq!(app.ids("locality/phu-tho/phuong-song-lo").await, "8");
    assert_eq!(articles(&app, "locality/phu-tho/phuong-thanh-mieu").await, "8", "split, so it lives on");
    assert_eq!(articles(&app, "locality/phu-tho/thanh-pho-viet-tri").await, towns);
    assert_eq!(app.entry("locality/phu-tho/phuong-den-hung", "6").await.unwrap()["id"], entry["id"]);
    assert_eq!(app.everything(&["all", "locality/phu-tho/phuong-nong-trang"]).await, kept, "nothing else moves");

    db.sql(&located("10", "2027-01-01 00:00:30", "99901")).await;
    app.step_at("2026-12-31T17:01:00Z").await;
    assert_eq!(app.ids("locality/phu-tho/phuong-den-hung").await, "10 8 7 6 5");
    assert_eq!(articles(&app, "locality/phu-tho/thanh-pho-viet-tri").await, format!("10 {towns}"));
    asked(&mut app).await;
    app.clock.set("2026-12-31T17:02:00Z");
    let all = app.everything(&FEEDS).await;
    for seen in &all {
        seen.entries();
    }
    app.stop().await;
    site.clock.set("2027-01-02T01:00:00Z");
    let mut app = site.running().await;
    app.step().await;
    assert_eq!(app.everything(&FEEDS).await, all, "a restart changes nothing");
    assert_eq!(moved(&app, VAN_PHU).await.as_deref(), Some(DEN_HUNG));
}

async fn replicas_whose_clocks_differ_end_with_the_same_feeds(db: &impl Database) {
    let site = site(db).await;
    let mut beside = Site { state_url: site.state_url.clone(), clock: ManualClock::at(BEFORE), ..Site::on(db) };
    beside.classify.gazetteer = reformed(REFORM);
    let (mut a, mut b) = (site.running().await, beside.running().await);
    a.step_at(MIDNIGHT).await;
    a.step().await;
    assert_eq!(a.ids("locality/phu-tho/phuong-den-hung").await, "8 7 6 5");
    // By the clock of the other one it is still the day before.
    db.sql(&located("11", "2026-12-31 23:00:00", "07918")).await;
    b.step().await;
    a.step_at("2026-12-31T17:00:01Z").await;
    b.step_at(MIDNIGHT).await;
    for _ in 0..2 {
        a.step().await;
        b.step().await;
    }
    assert_eq!(a.ids("locality/phu-tho/phuong-den-hung").await, "11 8 7 6 5");
    asked(&mut a).await;
    b.step().await;
    let all = documents(&a).await;
    assert_eq!(documents(&b).await, all);
    for second in 2..6 {
        a.step_at(&format!("2026-12-31T17:00:0{second}Z")).await;
        b.step_at(&format!("2026-12-31T17:00:0{second}Z")).await;
    }
    assert_eq!(documents(&a).await, all, "nobody goes on");
    assert_eq!(documents(&b).await, all);
    assert_eq!(moved(&b, VAN_PHU).await.as_deref(), Some(DEN_HUNG));
}

async fn a_clock_that_goes_wrong_undoes_no_reform(db: &impl Database) {
    let site = site(db).await;
    let mut app = site.running().await;
    app.step_at(MIDNIGHT).await;
    app.step().await;
    asked(&mut app).await;
    let all = documents(&app).await;
    app.step_at("2004-01-01T00:00:00Z").await;
    assert_eq!(documents(&app).await, all);
    app.stop().await;
    let mut app = site.running().await;
    app.step().await;
    assert_eq!(documents(&app).await, all);
    assert_eq!(moved(&app, VAN_PHU).await.as_deref(), Some(DEN_HUNG));
}

async fn no_reform_comes_while_the_store_is_down(db: &impl Database) {
    // Documents on disk are dated by the clock of this machine, which has passed this day.
    let mut site = newsroom(db).await;
    site.classify.gazetteer = reformed("2026-03-19");
    let mut app = site.running().await;
    let last_good = app.get(VAN_PHU).await;
    db.sql("ALTER TABLE articles RENAME TO bai").await;
    app.step().await;
    app.step_at("2026-03-18T17:00:00Z").await;
    assert_eq!((app.get(VAN_PHU).await.status, app.get(VAN_PHU).await.body), (200, last_good.body.clone()));
    app.stop().await;
    let mut app = site.running().await;
    app.step().await;
    assert_eq!((app.get(VAN_PHU).await.status, app.get(VAN_PHU).await.body), (200, last_good.body), "after a restart");
    db.sql("ALTER TABLE bai RENAME TO articles").await;
    app.step().await;
    app.step().await;
    assert_eq!(moved(&app, VAN_PHU).await.as_deref(), Some(DEN_HUNG));
    assert_eq!(app.ids("locality/phu-tho/phuong-den-hung").await, "8 7 6 5");
}

/// A directory with a store and a configuration.
async fn place(db: &Sqlite) -> TempDir {
    db.sql(&small()).await;
    db.sql(&located("5", "2022-03-18 06:30:00", "08287")).await;
    let directory = tempfile::tempdir().unwrap();
    let text =
        format!("store.url = \"{}\"\nstore.poll_interval_ms = 100\nsite.base_url = \"http://localhost/\"\n", db.url());
    fs::write(directory.path().join("loa.toml"), text).unwrap();
    directory
}

/// What a service answers for these paths once it is ready: status, validator, body.
async fn answers(served: &Served, paths: &[&str]) -> Vec<(u16, Option<String>, String)> {
    let mut client = served.connect().await;
    let ready = async { while client.ask("GET /readyz", HOST).await.status != 200 {} };
    patiently("the first read of the store", ready).await;
    let mut seen = Vec::new();
    for path in paths {
        let answer = client.ask(&format!("GET /feeds/{path}"), HOST).await;
        seen.push((answer.status, answer.header("etag"), answer.text()));
    }
    seen
}

#[tokio::test]
async fn exported_tables_change_nothing() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        let paths = ["all.rss", "locality/phu-tho.atom", "locality/phu-tho/phuong-van-phu.json", "locality/"];
        let served = Served::start(directory.path(), &["--config", "loa.toml"]);
        let own = answers(&served, &paths).await;
        served.terminate();
        served.ended();
        let (status, said, _) = run(directory.path(), &["localities", "export", "tables"]);
        assert_eq!(
            (status, said.as_str()),
            (0, "written: tables/units.csv, tables/succession.csv, tables/aliases.csv, tables/addresses.csv\n")
        );
        for (name, text) in Tables::built_in().each() {
            assert_eq!(
                fs::read_to_string(directory.path().join(format!("tables/{name}.csv"))).unwrap(),
                text,
                "{name}"
            );
        }
        let served = Served::start(directory.path(), &["--config", "loa.toml", "--tables", "tables"]);
        assert_eq!(answers(&served, &paths).await, own);
        served.terminate();
        assert_eq!(served.ended(), Some(0));
        let (status, _, said) = run(directory.path(), &["localities", "export", "tables"]);
        assert_eq!(status, 2);
        assert!(said.contains("`tables/units.csv` is there already and is not written over"), "{said}");
    })
    .await;
}

/// Writes the units and what became of them, without addresses.
pub(crate) fn write_reform(directory: &Path, day: &str) {
    let (units, succession) = reform(day);
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join("units.csv"), units).unwrap();
    fs::write(directory.join("succession.csv"), succession).unwrap();
}

#[tokio::test]
async fn newer_tables_are_served_once_their_places_have_addresses() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        let tables = directory.path().join("tables");
        // Past, whatever the clock of this machine says.
        write_reform(&tables, "2025-07-02");
        let serve = ["serve", "--config", "loa.toml", "--listen", "127.0.0.1:0", "--tables", "tables"];
        let (status, out, said) = run(directory.path(), &serve);
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(said.contains("place 99901@2025-07-02 has none"), "{said}");
        assert!(said.contains("`loa localities add-addresses tables` adds what is missing"), "{said}");

        let (status, said, _) = run(directory.path(), &["localities", "add-addresses", "tables"]);
        let added = "99901,2025-07-02,phu-tho/phuong-den-hung\n99902,2025-07-02,phu-tho/phuong-song-lo\n2 addresses are \
                     added to tables/addresses.csv\n";
        assert_eq!((status, said.as_str()), (0, added));
        let written = fs::read_to_string(tables.join("addresses.csv")).unwrap();
        assert!(Tables::built_in().addresses.lines().all(|line| written.contains(&format!("{line}\n"))));
        let (status, said, _) = run(directory.path(), &["localities", "add-addresses", "tables", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!((status, &json["added"]), (0, &serde_json::json!([])));
        assert_eq!(fs::read_to_string(tables.join("addresses.csv")).unwrap(), written);
        assert_eq!(fs::read_dir(&tables).unwrap().count(), 3, "nothing is left beside");

        let shown = told(
            &loa(directory.path(), &["localities", "show", "99901"], &[("LOA_LOCALITIES_TABLES", "tables")])
                .output()
                .unwrap(),
        );
        assert!(shown.0 == 0 && shown.1.contains("phu-tho/phuong-den-hung"), "{shown:?}");
        assert_eq!(run(directory.path(), &["localities", "show", "99901"]).0, 2, "the program does not know it");
        let served = Served::start(directory.path(), &["--config", "loa.toml", "--tables", "tables"]);
        let seen = answers(&served, &["locality/phu-tho/xa-hung-lo.json", "locality/phu-tho/phuong-den-hung.json"]).await;
        assert_eq!((seen[0].0, seen[1].0), (301, 200));
        assert!(seen[1].2.contains("Tin số 5"), "{}", seen[1].2);
    })
    .await;
}

#[tokio::test]
async fn tables_that_cannot_be_used_are_refused_by_every_command() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        let tables = directory.path().join("tables");
        write_reform(&tables, REFORM);
        let units = fs::read_to_string(tables.join("units.csv")).unwrap();
        let line = units.lines().count();
        fs::write(tables.join("units.csv"), units.replace("99902,phường,", "99902,phuong,")).unwrap();
        let expect = format!(
            "tables/units.csv, line {line}: `99902,phuong,Sông Lô,25,2027-01-01,` has no known kind; correct it"
        );
        let commands: [&[&str]; 6] = [
            &["serve", "--listen", "127.0.0.1:0", "--tables", "tables"],
            &["check", "--tables", "tables"],
            &["render", "all.rss", "--tables", "tables"],
            &["localities", "list", "--tables", "tables"],
            &["localities", "add-addresses", "tables"],
            &["demo", "--articles", "10", "--listen", "127.0.0.1:0", "--tables", "tables"],
        ];
        for command in commands {
            let (status, out, said) = run(directory.path(), &[command, &["--config", "loa.toml"]].concat());
            assert_eq!((status, out.as_str()), (2, ""), "{command:?}");
            assert!(said.contains(&expect), "{command:?}: {said}");
        }
    })
    .await;
}
