//! The contract of `state` for announcements: they begin once, with whoever asks first, and leave once. On every backend.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use loa::domain::clock::Timestamp;
use loa::domain::ledger::{Announcement, Batch, FeedRecord, NOTICE_DAYS, Touch};
use loa::domain::scope::Scope;
use loa::state::{self, State};

use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

macro_rules! on_every_backend {
    ($($test:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $test() { super::on::<super::Sqlite>(super::$test).await; })* }
        mod postgres { $(#[tokio::test] async fn $test() { super::on::<super::Postgres>(super::$test).await; })* }
    };
}

on_every_backend! {
    an_announcement_begins_with_the_first_who_asks
    two_who_ask_at_once_are_told_the_same
    a_change_of_the_feed_keeps_its_announcement
    an_announcement_leaves_once
    a_later_change_is_announced_anew
    a_state_of_the_release_before_is_taken_over
}

/// The migrations of the release before announcements.
const BEFORE_SQLITE: [&str; 4] = [
    include_str!("../../src/state/sqlite/migrations/0001_state.sql"),
    include_str!("../../src/state/sqlite/migrations/0002_labels.sql"),
    include_str!("../../src/state/sqlite/migrations/0003_adopted_guids.sql"),
    include_str!("../../src/state/sqlite/migrations/0004_guids.sql"),
];
const BEFORE_POSTGRES: [&str; 4] = [
    include_str!("../../src/state/postgres/migrations/0001_state.sql"),
    include_str!("../../src/state/postgres/migrations/0002_labels.sql"),
    include_str!("../../src/state/postgres/migrations/0003_adopted_guids.sql"),
    include_str!("../../src/state/postgres/migrations/0004_guids.sql"),
];

async fn open(database: &impl Database) -> Arc<dyn State> {
    state::open(&database.url()).await.unwrap()
}

fn scope() -> Scope {
    "locality:227".parse().unwrap()
}

/// So many days after the change of 1 July 2025.
fn day(days: i64) -> Timestamp {
    DateTime::from_timestamp(1_751_302_800, 0).unwrap() + TimeDelta::days(days)
}

fn asked(scope: Scope, days: i64) -> Batch {
    Batch { announcements: vec![Announcement { scope, change: day(0), at: day(days) }], ..Batch::default() }
}

fn touched(at: Timestamp) -> Batch {
    Batch { touches: vec![Touch { scope: scope(), at, removes: false }], ..Batch::default() }
}

fn over(at: Timestamp) -> Batch {
    Batch { expiries: vec![(scope(), at)], ..Batch::default() }
}

fn feed(sequence: u64, changed_at: Timestamp, notice_until: Option<Timestamp>) -> FeedRecord {
    FeedRecord { scope: scope(), sequence, changed_at, removal_sequence: 0, notice_until }
}

async fn an_announcement_begins_with_the_first_who_asks(database: &impl Database) {
    let state = open(database).await;
    let until = Some(day(10 + NOTICE_DAYS));
    let begun = feed(1, day(10), until);
    for days in [10, 20, 10] {
        assert_eq!(state.commit(&asked(scope(), days)).await.unwrap().feeds, std::slice::from_ref(&begun), "{days}");
    }
    assert_eq!(open(database).await.load().await.unwrap().feeds, [begun], "after a restart");
    assert_eq!(state.since(0).await.unwrap().cursor, 1, "what changes nothing writes nothing");
    // Before the change, as a clock may be that runs slow.
    let early: Scope = "locality:228".parse().unwrap();
    let found = state.commit(&asked(early, -3)).await.unwrap().feeds;
    assert_eq!(found.iter().map(|feed| feed.notice_until).collect::<Vec<_>>(), [Some(day(NOTICE_DAYS))]);
}

async fn two_who_ask_at_once_are_told_the_same(database: &impl Database) {
    let (one, two, reader) = (open(database).await, open(database).await, open(database).await);
    let (of_one, of_two) = (asked(scope(), 10), asked(scope(), 11));
    let touch = touched(day(12));
    let (said_one, said_two, touched) = tokio::join!(one.commit(&of_one), two.commit(&of_two), reader.commit(&touch));
    let (said_one, said_two) = (said_one.unwrap().feeds, said_two.unwrap().feeds);
    touched.unwrap();
    assert_eq!(said_one[0].notice_until, said_two[0].notice_until);
    let last = reader.load().await.unwrap().feeds.remove(0);
    assert_eq!((last.notice_until, last.sequence), (said_one[0].notice_until, 2), "one began, one touched");
    assert!(last.notice_due().is_some() && last.changed_at >= day(12), "{last:?}");
}

async fn a_change_of_the_feed_keeps_its_announcement(database: &impl Database) {
    let state = open(database).await;
    let until = Some(day(10 + NOTICE_DAYS));
    let check = async |batch: Batch, expect: FeedRecord| {
        assert_eq!(state.commit(&batch).await.unwrap().feeds, [expect]);
    };
    check(touched(day(5)), feed(1, day(5), None)).await;
    check(asked(scope(), 10), feed(2, day(10), until)).await;
    check(touched(day(20)), feed(3, day(20), until)).await;
    // In one transaction: one step.
    check(Batch { announcements: asked(scope(), 30).announcements, ..touched(day(30)) }, feed(4, day(30), until)).await;
    let whole = feed(4, day(30), until);
    assert!(whole.announces(day(0)) && whole.notice_due() == until);
}

async fn an_announcement_leaves_once(database: &impl Database) {
    let state = open(database).await;
    let until = day(10 + NOTICE_DAYS);
    let second = TimeDelta::seconds(1);
    let check = async |batch: Batch, expect: &FeedRecord| {
        assert_eq!(state.commit(&batch).await.unwrap().feeds, std::slice::from_ref(expect));
    };
    assert_eq!(state.commit(&over(until)).await.unwrap().feeds, [], "it never began");
    state.commit(&asked(scope(), 10)).await.unwrap();
    let begun = feed(1, day(10), Some(until));
    check(over(until - second), &begun).await;
    let left = feed(2, until + second, Some(until));
    check(over(until + second), &left).await;
    check(over(until + second * 9), &left).await;
    check(asked(scope(), 200), &left).await;
    assert!(!left.announces(day(0)) && left.has_announced(day(0)) && left.notice_due().is_none());
    assert_eq!(open(database).await.load().await.unwrap().feeds, [left]);
}

async fn a_later_change_is_announced_anew(database: &impl Database) {
    let state = open(database).await;
    state.commit(&asked(scope(), 10)).await.unwrap();
    let later = Announcement { scope: scope(), change: day(50), at: day(60) };
    let found = state.commit(&Batch { announcements: vec![later], ..Batch::default() }).await.unwrap().feeds;
    assert_eq!(found, [feed(2, day(60), Some(day(60 + NOTICE_DAYS)))]);
    assert!(feed(1, day(10), Some(day(10 + NOTICE_DAYS))).announces(day(0)), "the first one");
    assert!(!feed(1, day(10), Some(day(10 + NOTICE_DAYS))).announces(day(50)), "not begun yet");
}

async fn a_state_of_the_release_before_is_taken_over(database: &impl Database) {
    drop(open(database).await);
    let (schema, before) =
        if database.url().starts_with("sqlite:") { ("", BEFORE_SQLITE) } else { ("loa.", BEFORE_POSTGRES) };
    // As that release left it: its tables, its record of migrations, and a feed.
    let tables = [
        "deliveries",
        "subscriptions",
        "subscription_requests",
        "dead_letters",
        "push_place",
        "articles",
        "feeds",
        "addresses",
        "withdrawals",
        "marks",
        "control",
        "adopted_guids",
        "find_policies",
    ];
    let mut statements: Vec<String> = tables.iter().map(|table| format!("DROP TABLE {schema}{table}")).collect();
    statements.push(format!("DELETE FROM {schema}migrations WHERE version > 4"));
    statements.extend(before.iter().map(|sql| sql.trim().trim_end_matches(';').to_owned()));
    let row = format!("('locality:227', 7, {}, 3, 1)", day(5).timestamp_micros());
    statements.push(format!(
        "INSERT INTO {schema}feeds (scope, sequence, changed_at, removal_sequence, written) VALUES {row}"
    ));
    let none = if schema.is_empty() { "[]" } else { "{}" };
    let values = format!("'1', NULL, 0, 0, '{:032}', 1, NULL, '{none}', '{none}', 'public', NULL, 1, 1", 0);
    statements.push(format!(
        "INSERT INTO {schema}articles (id, guid, published, updated, fingerprint, digest, store_updated, categories, \
         scopes, standing, gone_at, version, written) VALUES ({values})"
    ));
    statements.push(format!("UPDATE {schema}control SET written = 1"));
    database.sql(&statements.join(";\n")).await;

    let state = open(database).await;
    let articles = state.load().await.unwrap().articles;
    assert_eq!(articles.iter().map(|record| (record.id.as_str(), record.found.len())).collect::<Vec<_>>(), [("1", 0)]);
    let known = FeedRecord { removal_sequence: 3, ..feed(7, day(5), None) };
    assert_eq!(state.load().await.unwrap().feeds, std::slice::from_ref(&known));
    let begun = FeedRecord { sequence: 8, changed_at: day(10), notice_until: Some(day(10 + NOTICE_DAYS)), ..known };
    assert_eq!(state.commit(&asked(scope(), 10)).await.unwrap().feeds, std::slice::from_ref(&begun));
    drop(state);
    assert_eq!(open(database).await.load().await.unwrap().feeds, [begun]);
}
