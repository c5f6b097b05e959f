//! Units that are no more say so in their feeds, from the first request on and for 90 days. On every backend.

use loa::domain::article::Article;
use loa::domain::fault::FaultCode;
use loa::domain::scope::Scope;
use loa::feed::model::Entry;
use loa::feed::values::LanguageTag;
use loa::feed::{Built, Content, Options, Window};
use loa::gazetteer::Gazetteer;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use crate::support::app::{App, Seen, Site};
use crate::support::feeds::{self, Case};
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
    the_first_request_begins_it_and_after_90_days_it_is_gone
    every_replica_says_the_same
    what_is_over_when_nothing_runs_is_gone_afterwards
    a_dissolved_province_links_all_its_successors
    what_is_present_or_redirects_announces_nothing
    without_state_a_feed_is_served_without
}

/// The feed of a town that is no more, and what it holds without and with its announcement.
const TOWN: &str = "locality/phu-tho/thanh-pho-viet-tri";
const WITHOUT: &str = "5";
const WITH: &str = "2025-07-01 5";
/// 90 days after the clock's start.
const UNTIL: &str = "2026-06-16T01:00:00Z";
const JUST_BEFORE: &str = "2026-06-16T00:59:59Z";
/// When a header of a change at [`UNTIL`] may be shown.
const JUST_AFTER: &str = "2026-06-16T01:00:05Z";

/// The feed of a place that announces what became of it until spring 2027.
fn announcing(path: &str, articles: Vec<Article>, options: &Options) -> Built {
    let scope = Scope::Locality(Gazetteer::built_in().by_path(path).unwrap());
    let notice_until = Some("2027-02-18T09:00:00+07:00");
    Case { scope, notice_until, ..Case::of(articles, Content::Summary) }.build_with(options)
}

fn notice(path: &str) -> Entry {
    announcing(path, Vec::new(), &feeds::options()).feed.notice.unwrap_or_else(|| panic!("{path}"))
}

#[test]
fn an_announcement_names_what_became_of_the_unit() {
    let check = |path: &str, title: &str, summary: &str| {
        let entry = notice(path);
        assert_eq!(entry.title.as_str(), title);
        let (said, goes_on) = (entry.summary.clone().unwrap(), "Nguồn tin này vẫn tiếp tục, với tin của ");
        assert_eq!(said.strip_prefix(goes_on), Some(summary), "{path}");
    };
    check(
        "phu-tho/thanh-pho-viet-tri",
        "Thành phố Việt Trì không còn là đơn vị hành chính từ ngày 1/7/2025",
        "các đơn vị hành chính hiện nay trên địa bàn cũ: phường Nông Trang, phường Việt Trì, phường Thanh Miếu, phường \
         Vân Phú, xã Hy Cương.",
    );
    check(
        "hoa-binh/xa-vay-nua",
        "Xã Vầy Nưa không còn là đơn vị hành chính từ ngày 1/7/2025",
        "các đơn vị hành chính hiện nay trên địa bàn cũ: phường Thống Nhất (gồm cả địa bàn khác), xã Tiền Phong (gồm cả \
         địa bàn khác).",
    );
    let content = notice("hoa-binh/xa-vay-nua").content.clone().unwrap();
    assert_eq!(content.matches("</a> (gồm cả địa bàn khác)</li>").count(), 2, "{content}");
    let long = notice("vinh-phuc").summary.clone().unwrap();
    assert!(long.ends_with("và 26 đơn vị khác."), "{long}");
    let early = notice("ha-tay");
    assert_eq!(early.id.as_str(), "tag:baovidu.example,2022-03-18:change/28/2008-08-01");
}

#[test]
fn an_announcement_stands_first_whatever_the_window_and_the_articles() {
    let path = "phu-tho/thanh-pho-viet-tri";
    let none = Window { entries_min: 0, span_hours: 0, entries_max: 0, bytes_max: 0 };
    let options = Options { window: none, language: "en".to_owned(), ..feeds::options() };
    let feed = announcing(path, Vec::new(), &options).feed;
    let first = feed.with_stubs().remove(0);
    assert_eq!((feed.with_stubs().len(), first.language.as_ref().map(LanguageTag::as_str)), (1, Some("vi")));
    assert!(first.content.as_ref().unwrap().contains("/feeds/locality/phu-tho/phuong-viet-tri.rss"));
    // An article that came with the id of the announcement.
    let guid = Some("tag:baovidu.example,2022-03-18:change/227/2025-07-01".to_owned());
    let built = announcing(path, vec![Article { guid, ..feeds::article("201001") }], &feeds::options());
    assert_eq!((built.feed.entries.len(), built.faults[0].code), (0, FaultCode::GuidTaken));
    assert_eq!(announcing("phu-tho", Vec::new(), &feeds::options()).feed.notice, None, "it is there");
    assert_eq!(announcing("phu-tho/xa-hung-lo", Vec::new(), &feeds::options()).feed.notice, None, "it redirects");
}

/// Four articles; 5 is of March 2022 and located in the town.
fn newsroom() -> String {
    let located = "INSERT INTO article_localities VALUES ('5', '227')";
    [small(), article("5", "11", "2022-03-18 06:30:00", &[]), located.to_owned()].join("; ")
}

/// The first request: the engine runs beside it. On a slow machine it is answered before the engine is done, so that takes
/// another turn.
async fn ask(app: &mut App, feed: &str) {
    let answer = app.get_of_running(&format!("/feeds/{feed}.json")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    app.step().await;
}

fn until(app: &App, feed: &str) -> Option<String> {
    let scope = app.view.names().addresses.owner(feed).unwrap();
    let record = app.view.with_catalog(|catalog| catalog.feed(&scope).cloned())?;
    Some(record.notice_until?.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

/// Does the server say that what a client has seen is still so, by either condition?
async fn unchanged(app: &App, seen: &[Seen]) -> Vec<bool> {
    let mut answers = Vec::new();
    for seen in seen {
        let by_tag = format!("If-None-Match: {}", seen.etag.clone().unwrap());
        let by_date = format!("If-Modified-Since: {}", seen.last_modified.clone().unwrap());
        for condition in [by_tag, by_date] {
            answers.push(app.get_with(&seen.path, &[&condition]).await.status == 304);
        }
    }
    answers
}

async fn the_first_request_begins_it_and_after_90_days_it_is_gone(db: &impl Database) {
    db.sql(&newsroom()).await;
    let site = Site::on(db);
    let mut app = site.running().await;
    assert_eq!(until(&app, TOWN), None, "nobody has asked");
    ask(&mut app, TOWN).await;
    assert_eq!((app.ids(TOWN).await.as_str(), until(&app, TOWN).as_deref()), (WITH, Some(UNTIL)));
    app.step_at("2026-03-18T01:00:05Z").await;
    let begun = app.everything(&[TOWN]).await;
    for seen in &begun {
        assert_eq!(seen.entries(), 2, "{}", seen.path);
    }
    app.step_at("2026-04-18T01:00:00Z").await;
    assert_eq!(unchanged(&app, &begun).await, [true; 6]);
    assert_eq!(app.everything(&[TOWN]).await, begun);

    db.sql("UPDATE articles SET title = 'Khác' WHERE id = '5'").await;
    app.step_at("2026-05-01T01:00:00Z").await;
    app.step_at(JUST_BEFORE).await;
    assert_eq!((app.ids(TOWN).await.as_str(), until(&app, TOWN).as_deref()), (WITH, Some(UNTIL)), "not prolonged");
    let edited = app.everything(&[TOWN]).await;
    app.step_at(UNTIL).await;
    assert_eq!(app.ids(TOWN).await, WITHOUT);
    app.clock.set(JUST_AFTER);
    assert_eq!(unchanged(&app, &edited).await, [false; 6], "etag and date have moved");
    let left = app.everything(&[TOWN]).await;
    for seen in &left {
        assert_eq!(seen.entries(), 1, "{}", seen.path);
    }
    ask(&mut app, TOWN).await;
    app.step_at("2026-07-01T01:00:00Z").await;
    assert_eq!(app.everything(&[TOWN]).await, left, "it does not come back");
    app.stop().await;
    let mut app = site.running().await;
    ask(&mut app, TOWN).await;
    assert_eq!(app.everything(&[TOWN]).await, left, "nor after a restart");
}

async fn every_replica_says_the_same(db: &impl Database) {
    db.sql(&newsroom()).await;
    let site = Site::on(db);
    let beside = Site { state_url: site.state_url.clone(), clock: site.clock.clone(), ..Site::on(db) };
    let (mut a, mut b) = (site.running().await, beside.running().await);
    ask(&mut a, TOWN).await;
    // The other one has not heard of it, and is asked later.
    site.clock.set("2026-03-19T01:00:00Z");
    ask(&mut b, TOWN).await;
    a.step().await;
    assert_eq!([until(&a, TOWN).as_deref(), until(&b, TOWN).as_deref()], [Some(UNTIL); 2]);
    assert_eq!((a.ids(TOWN).await.as_str(), a.everything(&[TOWN]).await), (WITH, b.everything(&[TOWN]).await));
    // Both find that it is over.
    site.clock.set(UNTIL);
    tokio::join!(a.step(), b.step());
    site.clock.set(JUST_AFTER);
    for app in [&mut a, &mut b] {
        app.step().await;
    }
    assert_eq!((a.ids(TOWN).await.as_str(), a.everything(&[TOWN]).await), (WITHOUT, b.everything(&[TOWN]).await));
}

async fn what_is_over_when_nothing_runs_is_gone_afterwards(db: &impl Database) {
    db.sql(&newsroom()).await;
    let site = Site::on(db);
    let mut app = site.running().await;
    ask(&mut app, TOWN).await;
    app.step_at("2026-03-18T01:00:05Z").await;
    let begun = app.everything(&[TOWN]).await;
    app.stop().await;
    site.clock.set("2026-08-01T01:00:00Z");
    let mut app = site.running().await;
    app.step_at("2026-08-01T01:00:05Z").await;
    assert_eq!(app.ids(TOWN).await, WITHOUT);
    assert_eq!(unchanged(&app, &begun).await, [false; 6]);
}

async fn a_dissolved_province_links_all_its_successors(db: &impl Database) {
    let province = "locality/vinh-phuc";
    db.sql(&newsroom()).await;
    let mut app = Site::on(db).running().await;
    ask(&mut app, province).await;
    assert_eq!((app.ids(province).await.as_str(), until(&app, province).as_deref()), ("2025-07-01", Some(UNTIL)));
    app.step_at("2026-03-18T01:00:05Z").await;
    for seen in app.everything(&[province]).await {
        assert_eq!((seen.entries(), seen.last_modified.is_some()), (1, true), "{}", seen.path);
    }
    let entry = app.entry(province, "2025-07-01").await.unwrap();
    assert_eq!(entry["id"], "tag:baovidu.example,2022-03-18:change/26/2025-07-01");
    assert_eq!(entry["title"], "Tỉnh Vĩnh Phúc không còn là đơn vị hành chính từ ngày 1/7/2025");
    assert_eq!(entry["date_published"], "2025-07-01T00:00:00+07:00");
    let content = entry["content_html"].as_str().unwrap();
    let links: Vec<_> = content.split("href=\"https://tin.baovidu.example").skip(1).collect();
    let paths: Vec<_> = links.iter().map(|link| link.split('"').next().unwrap()).collect();
    assert_eq!(paths.len(), 36);
    for path in paths {
        let answer = app.get(path).await;
        assert_eq!((answer.status, answer.text().contains("Phú Thọ - ")), (200, true), "{path}");
    }
    assert_eq!(app.get(entry["url"].as_str().unwrap().split_once(".example").unwrap().1).await.status, 200);
}

async fn what_is_present_or_redirects_announces_nothing(db: &impl Database) {
    db.sql(&newsroom()).await;
    let mut app = Site::on(db).running().await;
    let moved = app.get("/feeds/locality/phu-tho/xa-hung-lo.json").await;
    assert_eq!(moved.status, 301);
    for feed in ["locality/phu-tho/phuong-van-phu", "locality/phu-tho/xa-hung-lo", "all", "category/kinh-te"] {
        app.step().await;
        assert_eq!(until(&app, feed), None, "{feed}");
    }
    ask(&mut app, "locality/phu-tho/phuong-van-phu").await;
    app.step().await;
    let place: Scope = app.view.names().addresses.owner("locality/phu-tho/phuong-van-phu").unwrap();
    assert!(app.view.with_catalog(|catalog| catalog.feed(&place).is_none()), "never held anything");
    // A combination has no announcement of its own.
    let both = "category/nong-nghiep/locality/phu-tho/thanh-pho-viet-tri";
    ask(&mut app, both).await;
    assert_eq!((app.ids(both).await.as_str(), until(&app, both)), (WITHOUT, None));
}

async fn without_state_a_feed_is_served_without(db: &impl Database) {
    db.sql(&newsroom()).await;
    let site = Site::on(db);
    let mut app = site.running().await;
    let in_state = async |statements: &str| match site.state_url.strip_prefix("sqlite:") {
        Some(path) => {
            let mut state = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut state).await.unwrap();
        }
        None => db.sql(&statements.replace("TABLE ", "TABLE loa.")).await,
    };
    in_state("ALTER TABLE feeds RENAME TO feeds_gone").await;
    ask(&mut app, TOWN).await;
    assert_eq!((app.ids(TOWN).await.as_str(), until(&app, TOWN)), (WITHOUT, None));
    in_state("ALTER TABLE feeds_gone RENAME TO feeds").await;
    app.step_at("2026-03-18T01:00:10Z").await;
    assert_eq!((app.ids(TOWN).await.as_str(), until(&app, TOWN).as_deref()), (WITH, Some("2026-06-16T01:00:10Z")));
}
