//! Dates: an instant is an instant, whatever the zone of the store, the server or the clock on the wall.

use chrono::{DateTime, FixedOffset};
use loa::domain::clock::Clock as _;
use loa::domain::format::Format;
use loa::feed::{Content, Options, render};

use super::{newsroom, told, value, values};
use crate::support::Database as _;
use crate::support::feeds::{self, Case, instant};
use crate::support::newsroom::article;
use crate::support::process::{loa, told as told_by};

fn parse(date: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc2822(date).unwrap_or_else(|error| panic!("{date}: {error}"))
}

/// `pubDate` of articles published at these instants, newest first, where the site's clock is in a zone.
fn pub_dates(zone: chrono_tz::Tz, published: &[&str]) -> Vec<String> {
    let articles = published.iter().enumerate().map(|(at, stamp)| loa::domain::article::Article {
        id: loa::domain::article::ArticleId::new(format!("z{at}")),
        published_at: Some(instant(stamp)),
        updated_at: None,
        ..feeds::article("201001")
    });
    let case = Case::of(articles.collect(), Content::Summary);
    let feed = case.build_with(&Options { zone, ..feeds::options() }).feed;
    values(&render(&feed, Format::Rss).unwrap().body, "pubDate")
}

#[tokio::test]
async fn c07_a_naive_stamp_is_local_time_and_nothing_is_from_the_future() {
    let more = [article("5", "10", "2026-03-18 07:59:00", &[]), article("6", "10", "2026-03-18 08:01:00", &[])];
    newsroom(&more.join("; "), async |_, _, mut app| {
        let rss = app.feed("all.rss").await.text();
        assert_eq!(value(&rss, "article/5", "pubDate").as_deref(), Some("Wed, 18 Mar 2026 07:59:00 +0700"));
        assert_eq!(app.ids("all").await, "5 4 3 2 1", "it is 08:00, and article 6 says 08:01");
        app.step_at("2026-03-18T01:01:00Z").await;
        assert_eq!(app.ids("all").await, "6 5 4 3 2 1");
        let now = app.clock.now();
        assert!(values(&app.feed("all.rss").await.text(), "pubDate").iter().all(|date| parse(date) <= now));
    })
    .await;
}

/// Where the server stands and which language it speaks is nobody's business.
#[tokio::test]
async fn c08_the_servers_zone_moves_no_date() {
    let more = article("5", "10", "2026-03-18T00:30:00Z", &[]);
    newsroom(&more, async |db, site, _| {
        let toml = format!("store.url = \"{}\"\n", db.url());
        std::fs::write(site.directory.path().join("loa.toml"), toml).unwrap();
        for zone in ["America/New_York", "UTC", "Asia/Ho_Chi_Minh", "Asia/Shanghai"] {
            let env = [("TZ", zone), ("LC_ALL", "vi_VN.UTF-8"), ("LANG", "it_IT.UTF-8")];
            let mut command = loa(site.directory.path(), &["render", "all.rss", "--config", "loa.toml"], &env);
            let (status, rss, said) = told_by(&command.output().unwrap());
            assert_eq!(status, 0, "{said}");
            for (id, date) in [
                ("5", "Wed, 18 Mar 2026 07:30:00 +0700"),
                ("4", "Wed, 18 Mar 2026 07:00:00 +0700"),
                ("3", "Wed, 18 Mar 2026 06:30:00 +0700"),
                ("2", "Tue, 17 Mar 2026 20:15:00 +0700"),
            ] {
                assert_eq!(value(&rss, &format!("article/{id}"), "pubDate").as_deref(), Some(date), "TZ={zone}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn c09_the_offset_that_is_printed_belongs_to_the_time_that_is_printed() {
    let stamps = ["2026-03-17T23:30:00Z", "2026-03-17 16:30:00-07:00", "1773790200", "Wed, 18 Mar 2026 06:30:00 +0700"];
    let rows = stamps.iter().zip(5..).map(|(stamp, id)| article(&id.to_string(), "10", stamp, &[]));
    newsroom(&rows.collect::<Vec<_>>().join("; "), async |_, _, app| {
        let (rss, atom) = (app.feed("all.rss").await.text(), app.feed("all.atom").await.text());
        for id in 5..9 {
            let id = format!("article/{id}");
            assert_eq!(value(&rss, &id, "pubDate").as_deref(), Some("Wed, 18 Mar 2026 06:30:00 +0700"), "{id}");
            assert_eq!(value(&atom, &id, "published").as_deref(), Some("2026-03-18T06:30:00+07:00"), "{id}");
        }
    })
    .await;
}

#[test]
fn c10_the_offset_is_that_of_the_day() {
    let summer_and_winter = ["2026-07-15T12:00:00Z", "2026-01-15T12:00:00Z"];
    let expected = ["Wed, 15 Jul 2026 14:00:00 +0200", "Thu, 15 Jan 2026 13:00:00 +0100"];
    assert_eq!(pub_dates(chrono_tz::Europe::Berlin, &summer_and_winter), expected);
    let now_and_then = ["2026-05-01T00:00:00Z", "1962-05-01T00:00:00Z"];
    let expected = ["Fri, 01 May 2026 07:00:00 +0700", "Tue, 01 May 1962 08:00:00 +0800"];
    assert_eq!(pub_dates(chrono_tz::Asia::Ho_Chi_Minh, &now_and_then), expected);
}

#[tokio::test]
async fn c11_the_feeds_date_is_the_instant_of_the_change() {
    newsroom("", async |db, _, mut app| {
        db.sql("UPDATE articles SET title = 'Tin số hai' WHERE id = '2'").await;
        app.step_at("2026-03-18T02:00:07Z").await;
        let rss = app.feed("all.rss").await.text();
        let (_, date) = rss.split_once("<lastBuildDate>").unwrap();
        let date = date.split_once('<').unwrap().0;
        assert_eq!(date, "Wed, 18 Mar 2026 09:00:07 +0700");
        assert_eq!(parse(date), app.clock.now());
    })
    .await;
}

#[tokio::test]
async fn c12_a_date_without_a_time_is_not_midnight() {
    let forms = [
        article("5", "10", "2026-03-18", &[]),
        article("6", "10", "18/3/2026 6h30", &[]),
        article("7", "10", "Thứ Tư, 18/03/2026 | 06:30", &[]),
        article("8", "10", "18/03/2026 06:30 SA", &[]),
    ];
    newsroom(&forms.join("; "), async |_, _, app| {
        let rss = app.feed("all.rss").await.text();
        assert_eq!(value(&rss, "article/5", "pubDate"), None, "nobody knows when it was published");
        assert_eq!(told(&app), ["article 5 stamp_unreadable"]);
        assert!(values(&rss, "pubDate").iter().all(|date| !date.contains(" 00:00:00 ")), "{rss}");
        for id in ["article/6", "article/7", "article/8"] {
            assert_eq!(value(&rss, id, "pubDate").as_deref(), Some("Wed, 18 Mar 2026 06:30:00 +0700"), "{id}");
        }
    })
    .await;
}

#[test]
fn c14_days_and_months_have_english_names() {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let stamps: Vec<String> =
        (0..12).rev().map(|at| format!("2025-{:02}-{:02}T01:00:00Z", at + 1, 6 + at % 7)).collect();
    let stamps: Vec<&str> = stamps.iter().map(String::as_str).collect();
    let dates = pub_dates(chrono_tz::Asia::Ho_Chi_Minh, &stamps);
    assert_eq!(dates.len(), MONTHS.len());
    for ((date, stamp), month) in dates.iter().zip(stamps).zip(MONTHS.into_iter().rev()) {
        let words: Vec<&str> = date.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        assert!(DAYS.contains(&words[0]) && words[2] == month, "{date}");
        assert_eq!(parse(date), instant(stamp), "{date}");
    }
}

#[tokio::test]
async fn c45_what_has_no_date_gets_none_of_ours() {
    let undated = article("5", "10", "", &[("published_at", "NULL")]);
    newsroom(&undated, async |db, _, mut app| {
        assert_eq!(app.ids("all").await, "4 3 2 1");
        assert_eq!(told(&app), ["article 5 published_at_missing"]);
        db.sql("UPDATE articles SET lead = 'Sapo mới' WHERE id = '2'").await;
        app.step_at("2026-03-18T02:00:00Z").await;
        let entry = app.entry("all", "2").await.unwrap();
        assert_eq!(entry["date_modified"], "2026-03-18T09:00:00+07:00", "found at 02:00 UTC");
    })
    .await;
}
