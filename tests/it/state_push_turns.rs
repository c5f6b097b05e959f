//! The contract of `state` for whose turn it is: hosts, what is due longest, what ends by itself, and what waits. On every
//! backend.

use std::time::Duration;

use loa::domain::scope::Scope;
use loa::state::push::{Backlog, DeadLetter, Outcome, Settled};

use crate::state_push::{
    LEASE_S, OTHER, READER, all, asked, at, both, change, host, listed, open, record, schema, settle, settled,
    subscribe,
};
use crate::state_push_deliveries::{claimed, failed, many, numbers};
use crate::support::http::patiently;
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on, rounds};

/// One test on every backend.
macro_rules! contract {
    ($($test:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $test() { super::on::<super::Sqlite>(super::$test).await; })* }
        mod postgres { $(#[tokio::test] async fn $test() { super::on::<super::Postgres>(super::$test).await; })* }
    };
}

contract! {
    hosts_are_told_in_turn
    the_longest_due_is_taken_first
    concurrent_claims_take_different_deliveries
    leases_end
    many_are_enqueued_and_end_part_by_part
    what_waits_is_counted
}

async fn hosts_are_told_in_turn(database: &impl Database) {
    let (ledger, push) = both(database).await;
    // In the order of their bytes.
    let hosts = ["a.example", "b.example:8443", "z.example", "ảnh.example"];
    let callbacks: Vec<String> =
        hosts.iter().flat_map(|host| (0..3).map(move |n| format!("https://{host}/{n}"))).collect();
    let ids = many(&*push, &callbacks).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    let check = async |after: &str, max: usize, seconds: i64, expect: &[&str]| {
        assert_eq!(push.hosts_due(after, max, at(seconds)).await.unwrap(), expect, "{after}, {max}, {seconds}");
    };
    check("", 9, 10, &[]).await;
    check("", 9, 11, &hosts).await;
    check("", 2, 11, &hosts[..2]).await;
    check("", 0, 11, &[]).await;
    check("b", 2, 11, &hosts[1..3]).await;
    check("b.example:8443", 9, 11, &hosts[2..]).await;
    check("ảnh.example", 9, 11, &[]).await;

    claimed(&*push, &callbacks[0], 2, 11).await;
    check("", 1, 12, &hosts[..1]).await;
    claimed(&*push, &callbacks[0], 2, 12).await;
    check("", 1, 13, &hosts[1..2]).await;
    check("", 1, 41, &hosts[..1]).await;
    assert_eq!(claimed(&*push, &callbacks[3], 9, 14).await.len(), 3);
    for id in &ids[3..6] {
        settle(&*push, *id, failed(100), 14, 14).await;
    }
    check("a.example", 1, 14, &hosts[2..3]).await;
    check("a.example", 1, 100, &hosts[1..2]).await;
}

async fn the_longest_due_is_taken_first(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let callbacks: Vec<String> = (0..4).map(|n| format!("https://h.example/{n}")).collect();
    let ids = many(&*push, &callbacks).await;
    let other = subscribe(&*push, OTHER, 0, 0).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    assert_eq!(claimed(&*push, &callbacks[0], 9, 12).await.len(), 4);
    for (id, until) in ids.iter().zip([40, 20, 30, 900]) {
        settle(&*push, *id, failed(until), 12, 12).await;
    }
    assert_eq!(claimed(&*push, &callbacks[0], 9, 19).await, []);
    let turns = [(host(&callbacks[0]), 2), (host(OTHER), 2), ("nobody.example".to_owned(), 2)];
    let taken = push.claim(&turns, at(50), at(60)).await.unwrap();
    assert_eq!(numbers(&taken), [ids[1], ids[2], other]);
    assert_eq!(push.claim(&[], at(50), at(60)).await.unwrap(), []);
    assert_eq!(claimed(&*push, &callbacks[0], 0, 50).await, []);
    assert_eq!(numbers(&claimed(&*push, &callbacks[0], 9, 50).await), [ids[0]]);
    assert_eq!(claimed(&*push, &callbacks[0], 9, 59).await, []);
    // Who took them has not come back.
    assert_eq!(numbers(&claimed(&*push, &callbacks[0], 9, 60).await), [ids[1], ids[2]]);
}

async fn concurrent_claims_take_different_deliveries(database: &impl Database) {
    let (ledger, one) = both(database).await;
    let two = open(database).await;
    let callbacks: Vec<String> = (0..30).map(|n| format!("https://h{}.example/{n}", n % 3)).collect();
    let ids = many(&*one, &callbacks).await;
    let turns: Vec<(String, usize)> = callbacks[..3].iter().map(|callback| (host(callback), 4)).collect();
    for round in 1..=rounds().cast_signed() {
        let now = round * 100;
        change(&*ledger, Scope::All, now).await;
        one.enqueue(at(now)).await.unwrap();
        let mut taken: Vec<i64> = Vec::new();
        let claims = async {
            while taken.len() < ids.len() {
                let (until, now) = (at(now + 30), at(now));
                let (a, b) = tokio::join!(one.claim(&turns, now, until), two.claim(&turns, now, until));
                for claim in [a.unwrap(), b.unwrap()] {
                    for (host, max) in &turns {
                        assert!(claim.iter().filter(|delivery| delivery.host == *host).count() <= *max, "{claim:?}");
                    }
                    taken.extend(numbers(&claim));
                }
            }
        };
        patiently("every delivery", claims).await;
        taken.sort_unstable();
        assert_eq!(taken, ids, "each once");
        let sequence = u64::try_from(round).unwrap();
        let delivered = |subscription: &i64| settled(*subscription, now, Outcome::Delivered { sequence });
        // In two orders at once: they must not wait for each other for ever.
        let there: Vec<Settled> = ids.iter().map(delivered).collect();
        let back: Vec<Settled> = ids.iter().rev().map(delivered).collect();
        let (a, b) = tokio::join!(one.settle(&there, at(now)), two.settle(&back, at(now)));
        a.unwrap();
        b.unwrap();
        assert_eq!(one.backlog(at(now)).await.unwrap().deliveries, 0);
    }
}

async fn leases_end(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let (keep, over) = (Duration::from_mins(1), i64::from(LEASE_S));
    let reader = subscribe(&*push, READER, 0, 0).await;
    let other = subscribe(&*push, OTHER, 0, 5).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    assert_eq!(claimed(&*push, READER, 9, 11).await.len(), 1);
    settle(&*push, reader, failed(20), 11, 12).await;
    assert_eq!(push.expire(at(over - 1), keep).await.unwrap(), 0);
    assert_eq!(push.expire(at(over), keep).await.unwrap(), 1);
    assert_eq!(listed(&*push).await.iter().map(|one| one.id).collect::<Vec<_>>(), [other]);
    let letter = DeadLetter {
        subscription: reader,
        key: all(),
        callback: READER.to_owned(),
        sequence: 1,
        since: at(10),
        given_up_at: at(over),
        attempts: 1,
        failure: "answers 500".to_owned(),
    };
    assert_eq!(push.dead_letters(9).await.unwrap(), std::slice::from_ref(&letter));

    change(&*ledger, Scope::All, over + 5).await;
    assert_eq!(push.enqueue(at(over + 5)).await.unwrap(), 0, "its lease is over");
    assert_eq!(push.backlog(at(over + 5)).await.unwrap().subscriptions, 0);
    assert_eq!(push.expire(at(over + 5), keep).await.unwrap(), 1);
    let letters = push.dead_letters(9).await.unwrap();
    assert_eq!((letters.len(), letters[0].subscription, letters[0].attempts), (2, other, 0), "the newest first");
    assert!(letters[0].failure.contains("lease"), "{letters:?}");
    assert_eq!(push.dead_letters(1).await.unwrap(), letters[..1]);
    assert_eq!(push.expire(at(over + 60), keep).await.unwrap(), 0);
    assert_eq!(push.dead_letters(9).await.unwrap().len(), 2);
    push.expire(at(over + 61), keep).await.unwrap();
    assert_eq!(push.dead_letters(9).await.unwrap(), letters[..1]);
    push.expire(at(over + 61), Duration::MAX).await.unwrap();
    assert_eq!(push.dead_letters(9).await.unwrap().len(), 1);
}

async fn many_are_enqueued_and_end_part_by_part(database: &impl Database) {
    let (ledger, push) = both(database).await;
    // A part is of 2000; the last one is full, or not.
    for (round, count) in [(0, 4000), (1, 4001)] {
        let (now, over) = (round * 100 + 10, round * 100 + 50);
        let subscriptions = format!(
            "INSERT INTO {}subscriptions (scope, format, topic, callback, host, verified_at, expires_at, sequence)
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
            SELECT '{}', 'atom', 'x', 'https://h.example/' || n, 'h.example', 0, {}, 0 FROM numbers",
            schema(database),
            Scope::All,
            at(over).timestamp_micros()
        );
        database.sql(&subscriptions).await;
        change(&*ledger, Scope::All, now).await;
        assert_eq!(push.enqueue(at(now)).await.unwrap(), count);
        assert_eq!(push.enqueue(at(now)).await.unwrap(), 0);
        assert_eq!(push.backlog(at(now)).await.unwrap().deliveries, count);
        assert_eq!(push.expire(at(over), Duration::ZERO).await.unwrap(), count);
        let left = Backlog { dead_letters: count, ..Backlog::default() };
        assert_eq!(push.backlog(at(over)).await.unwrap(), left);
    }
}

async fn what_waits_is_counted(database: &impl Database) {
    let (ledger, push) = both(database).await;
    assert_eq!(push.backlog(at(0)).await.unwrap(), Backlog::default());
    let ids = [subscribe(&*push, READER, 0, 0).await, subscribe(&*push, OTHER, 0, 0).await];
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    let turns = [(host(READER), 1), (host(OTHER), 1)];
    assert_eq!(push.claim(&turns, at(11), at(41)).await.unwrap().len(), 2);
    record(&*push, &asked(all(), READER), 12).await;
    let waiting = Backlog { deliveries: 2, oldest: Some(at(10)), subscriptions: 2, requests: 1, ..Backlog::default() };
    assert_eq!(push.backlog(at(12)).await.unwrap(), waiting);

    settle(&*push, ids[0], Outcome::Delivered { sequence: 1 }, 11, 14).await;
    settle(&*push, ids[1], Outcome::GivenUp { failure: "answers 500".to_owned() }, 11, 13).await;
    let done = Backlog { deliveries: 0, oldest: None, dead_letters: 1, delivered_at: Some(at(14)), ..waiting };
    assert_eq!(push.backlog(at(14)).await.unwrap(), done);
    change(&*ledger, Scope::All, 20).await;
    push.enqueue(at(20)).await.unwrap();
    settle(&*push, ids[0], Outcome::Delivered { sequence: 2 }, 11, 12).await;
    assert_eq!(push.backlog(at(20)).await.unwrap().delivered_at, Some(at(14)), "another process's clock is slow");
    push.remove(ids[0], "", at(21)).await.unwrap();
    assert_eq!(push.backlog(at(21)).await.unwrap().delivered_at, Some(at(14)), "whoever it was");
}
