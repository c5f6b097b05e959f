//! The contract of `state` for what subscribers are owed: it is enqueued once, delivered at least once, and given up in the
//! end. On every backend.

use loa::domain::feed_key::FeedKey;
use loa::domain::format::Format;
use loa::domain::ledger::{Batch, Touch};
use loa::domain::scope::Scope;
use loa::domain::secret::Secret;
use loa::state::push::{DeadLetter, Delivery, NewRequest, Outcome, Settled, Subscriptions, Verdict, Waiting, Wish};

use crate::state_push::{
    LEASE_S, OTHER, READER, SECRET, all, asked, at, both, change, confirm, found, host, listed, open, record, schema,
    settle, settled, subscribe,
};
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
    a_change_is_enqueued_once_for_each_subscription_of_the_feed
    concurrent_enqueues_enqueue_each_change_once
    an_enqueue_that_is_cut_off_loses_nothing
    a_newer_event_supersedes_the_one_that_waits
    what_came_while_it_was_under_way_is_due_at_once
    a_document_that_was_newer_is_not_sent_again
    a_new_subscription_is_owed_what_came_while_it_was_verified
    a_concurrent_change_is_owed_to_a_new_subscription
    a_ledger_that_was_restored_goes_on
    what_is_put_off_is_due_later
    what_is_given_up_is_owed_no_more
    who_is_gone_is_forgotten
    what_comes_of_a_claim_that_ran_out_is_not_written_over_the_next
    a_batch_of_outcomes_is_written_in_one_go
    what_is_retried_is_due_at_once
}

/// What a host is owed, taken for half a minute.
pub(crate) async fn claimed(push: &dyn Subscriptions, callback: &str, max: usize, seconds: i64) -> Vec<Delivery> {
    push.claim(&[(host(callback), max)], at(seconds), at(seconds + 30)).await.unwrap()
}

pub(crate) fn numbers(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|delivery| delivery.subscription).collect()
}

pub(crate) fn failed(seconds: i64) -> Outcome {
    Outcome::Failed { until: at(seconds), failure: "answers 500".to_owned() }
}

/// Subscriptions of the front page feed, which have nothing of it.
pub(crate) async fn many(push: &dyn Subscriptions, callbacks: &[String]) -> Vec<i64> {
    let mut numbers = Vec::new();
    for callback in callbacks {
        numbers.push(subscribe(push, callback, 0, 0).await);
    }
    numbers
}

async fn a_change_is_enqueued_once_for_each_subscription_of_the_feed(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let category: Scope = "category:7".parse().unwrap();
    let wish = Wish::Subscribe { lease_s: LEASE_S, secret: Some(Secret::new(SECRET)) };
    let signed = NewRequest { wish, ..asked(FeedKey::new(Scope::All, Format::Json), READER) };
    confirm(&*push, &signed, 0, 0).await;
    let json = found(&*push, READER).await.id;
    let atom = subscribe(&*push, OTHER, 0, 0).await;
    confirm(&*push, &asked(FeedKey::new(category.clone(), Format::Atom), "https://third.example/"), 0, 0).await;
    subscribe(&*push, "https://fourth.example/", 1, 0).await;
    assert_eq!(push.enqueue(at(1)).await.unwrap(), 0);

    change(&*ledger, Scope::All, 10).await;
    assert_eq!(push.enqueue(at(11)).await.unwrap(), 2, "not who has it already, nor whose feed is another");
    assert_eq!(push.enqueue(at(12)).await.unwrap(), 0);
    ledger.set_mark("names", "x").await.unwrap();
    assert_eq!(push.enqueue(at(13)).await.unwrap(), 0, "something else was written");
    let expect = Delivery {
        subscription: json,
        key: signed.key,
        topic: signed.topic,
        callback: signed.callback,
        host: signed.host,
        secret: Some(Secret::new(SECRET)),
        sequence: 1,
        since: at(10),
        attempts: 0,
        expires_at: at(i64::from(LEASE_S)),
        claimed_until: at(41),
    };
    let reopened = open(database).await;
    assert_eq!(claimed(&*reopened, READER, 9, 10).await, [], "not due before it was enqueued");
    assert_eq!(claimed(&*reopened, READER, 9, 11).await, [expect]);
    let other = claimed(&*reopened, OTHER, 9, 11).await;
    assert_eq!(other.iter().map(|one| (one.subscription, one.secret.clone())).collect::<Vec<_>>(), [(atom, None)]);

    let touches = [Scope::All, category].map(|scope| Touch { scope, at: at(20), removes: true });
    ledger.commit(&Batch { touches: touches.to_vec(), ..Batch::default() }).await.unwrap();
    assert_eq!(push.enqueue(at(21)).await.unwrap(), 4);
}

async fn concurrent_enqueues_enqueue_each_change_once(database: &impl Database) {
    const COUNT: u64 = 12;
    let (ledger, one) = both(database).await;
    let two = open(database).await;
    let callbacks: Vec<String> = (0..COUNT).map(|n| format!("https://h.example/{n}")).collect();
    let ids = many(&*one, &callbacks).await;
    for round in 1..=rounds().cast_signed() {
        let now = round * 10;
        change(&*ledger, Scope::All, now).await;
        let (a, b) = tokio::join!(one.enqueue(at(now)), two.enqueue(at(now)));
        assert_eq!(a.unwrap() + b.unwrap(), COUNT);
        let taken = claimed(&*one, &callbacks[0], 100, now).await;
        assert_eq!(numbers(&taken), ids);
        let delivered = |delivery: &Delivery| delivery.settled(Outcome::Delivered { sequence: delivery.sequence });
        one.settle(&taken.iter().map(delivered).collect::<Vec<_>>(), at(now)).await.unwrap();
    }
}

/// Whenever it is cut off, the next one enqueues what it has not.
async fn an_enqueue_that_is_cut_off_loses_nothing(database: &impl Database) {
    let (ledger, one) = both(database).await;
    let two = open(database).await;
    let id = subscribe(&*one, READER, 0, 0).await;
    for steps in 0..30 {
        let now = (steps + 1) * 10;
        change(&*ledger, Scope::All, now).await;
        let mut cut = one.enqueue(at(now));
        for _ in 0..steps {
            if futures_util::poll!(&mut cut).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(cut);
        patiently("the next to enqueue", two.enqueue(at(now))).await.unwrap();
        let taken = claimed(&*two, READER, 9, now).await;
        let sequence = u64::try_from(steps + 1).unwrap();
        assert_eq!(taken.iter().map(|one| (one.subscription, one.sequence)).collect::<Vec<_>>(), [(id, sequence)]);
        settle(&*two, id, Outcome::Delivered { sequence }, now, now).await;
    }
}

async fn a_newer_event_supersedes_the_one_that_waits(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let id = subscribe(&*push, READER, 0, 0).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    claimed(&*push, READER, 9, 12).await;
    settle(&*push, id, failed(500), 12, 13).await;
    change(&*ledger, Scope::All, 20).await;
    assert_eq!(push.enqueue(at(21)).await.unwrap(), 1);
    let failure = Some("answers 500".to_owned());
    let raised = Waiting { sequence: 2, since: at(10), attempts: 1, next_at: at(500), failure };
    assert_eq!(found(&*push, READER).await.waiting, Some(raised));
    assert_eq!(claimed(&*push, READER, 9, 499).await, []);

    assert_eq!(claimed(&*push, READER, 9, 500).await.len(), 1);
    change(&*ledger, Scope::All, 501).await;
    assert_eq!(push.enqueue(at(502)).await.unwrap(), 1);
    assert_eq!(claimed(&*push, READER, 9, 529).await, [], "it is still under way");
    let taken = claimed(&*push, READER, 9, 530).await;
    assert_eq!(taken.iter().map(|one| (one.sequence, one.since)).collect::<Vec<_>>(), [(3, at(10))]);
}

async fn what_came_while_it_was_under_way_is_due_at_once(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let id = subscribe(&*push, READER, 0, 0).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    assert_eq!(claimed(&*push, READER, 9, 11).await.len(), 1);
    settle(&*push, id, failed(12), 11, 11).await;
    assert_eq!(claimed(&*push, READER, 9, 12).await.len(), 1);
    change(&*ledger, Scope::All, 13).await;
    push.enqueue(at(13)).await.unwrap();
    settle(&*push, id, Outcome::Delivered { sequence: 1 }, 12, 14).await;
    let next = Waiting { sequence: 2, since: at(14), attempts: 0, next_at: at(14), failure: None };
    let subscription = found(&*push, READER).await;
    assert_eq!((subscription.sequence, subscription.delivered_at), (1, Some(at(14))));
    assert_eq!(subscription.waiting, Some(next));
    assert_eq!(claimed(&*push, READER, 9, 14).await.len(), 1, "nobody has taken it");
    settle(&*push, id, Outcome::Delivered { sequence: 2 }, 14, 15).await;
    assert_eq!(found(&*push, READER).await.waiting, None);
}

async fn a_document_that_was_newer_is_not_sent_again(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let id = subscribe(&*push, READER, 0, 0).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    claimed(&*push, READER, 9, 11).await;
    change(&*ledger, Scope::All, 12).await;
    settle(&*push, id, Outcome::Delivered { sequence: 2 }, 11, 13).await;
    assert_eq!(push.enqueue(at(14)).await.unwrap(), 0);
    // What another process says later, of the document before.
    settle(&*push, id, Outcome::Delivered { sequence: 1 }, 11, 15).await;
    let subscription = found(&*push, READER).await;
    assert_eq!((subscription.sequence, subscription.waiting), (2, None));
    change(&*ledger, Scope::All, 20).await;
    assert_eq!(push.enqueue(at(20)).await.unwrap(), 1);
}

async fn a_new_subscription_is_owed_what_came_while_it_was_verified(database: &impl Database) {
    let (ledger, push) = both(database).await;
    change(&*ledger, Scope::All, 10).await;
    record(&*push, &asked(all(), READER), 11).await;
    let request = push.claim_requests(1, 1, at(11), at(60)).await.unwrap().remove(0);
    change(&*ledger, Scope::All, 12).await;
    assert_eq!(push.enqueue(at(12)).await.unwrap(), 0, "nobody has subscribed yet");
    push.settle_request(&request, &Verdict::Confirmed { asked_at: at(11), sequence: 1 }, at(13)).await.unwrap();
    let owed = Waiting { sequence: 2, since: at(12), attempts: 0, next_at: at(13), failure: None };
    assert_eq!(found(&*push, READER).await.waiting, Some(owed));
    assert_eq!(push.enqueue(at(14)).await.unwrap(), 0);
}

/// Whatever comes first: the change, that it is enqueued, or that the subscription is confirmed.
async fn a_concurrent_change_is_owed_to_a_new_subscription(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let two = open(database).await;
    for round in 0..rounds().cast_signed() {
        let (now, callback) = (round * 10, format!("https://h.example/{round}"));
        change(&*ledger, Scope::All, now).await;
        record(&*push, &asked(all(), &callback), now).await;
        let request = push.claim_requests(1, 1, at(now), at(now + 5)).await.unwrap().remove(0);
        let sequence = u64::try_from(round * 2 + 1).unwrap();
        let confirmed = Verdict::Confirmed { asked_at: at(now), sequence };
        let changed_and_enqueued = async {
            change(&*ledger, Scope::All, now + 1).await;
            two.enqueue(at(now + 1)).await
        };
        let (settled, enqueued) =
            tokio::join!(push.settle_request(&request, &confirmed, at(now + 1)), changed_and_enqueued);
        settled.unwrap();
        enqueued.unwrap();
        assert_eq!(found(&*push, &callback).await.waiting.map(|waiting| waiting.sequence), Some(sequence + 1));
    }
}

async fn a_ledger_that_was_restored_goes_on(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let id = subscribe(&*push, READER, 0, 0).await;
    for seconds in [10, 20, 30] {
        change(&*ledger, Scope::All, seconds).await;
    }
    assert_eq!(push.enqueue(at(31)).await.unwrap(), 1);
    settle(&*push, id, Outcome::Delivered { sequence: 3 }, 31, 32).await;
    // Its transactions are counted from an earlier one.
    let tables = ["control", "feeds"].map(|table| format!("UPDATE {}{table} SET written = 1", schema(database)));
    database.sql(&tables.join("; ")).await;
    change(&*ledger, Scope::All, 40).await;
    assert_eq!(push.enqueue(at(41)).await.unwrap(), 1);
    assert_eq!(push.enqueue(at(42)).await.unwrap(), 0);
    change(&*ledger, Scope::All, 50).await;
    assert_eq!(push.enqueue(at(51)).await.unwrap(), 1);
    assert_eq!(found(&*push, READER).await.waiting.map(|waiting| waiting.sequence), Some(5));
}

async fn what_is_put_off_is_due_later(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let id = subscribe(&*push, READER, 0, 0).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    let check = async |outcome: Outcome, seconds: i64, attempts: u32, failure: Option<&str>| {
        assert_eq!(claimed(&*push, READER, 9, seconds).await.len(), 1);
        settle(&*push, id, outcome, seconds, seconds).await;
        let (next_at, failure) = (at(seconds + 10), failure.map(str::to_owned));
        let expect = Waiting { sequence: 1, since: at(10), attempts, next_at, failure };
        assert_eq!(found(&*push, READER).await.waiting, Some(expect));
        assert_eq!(claimed(&*push, READER, 9, seconds + 9).await, []);
    };
    check(Outcome::Released { until: at(21) }, 11, 0, None).await;
    check(failed(31), 21, 1, Some("answers 500")).await;
    check(Outcome::Released { until: at(41) }, 31, 1, Some("answers 500")).await;
    let failure = "đứt\n\"giữa\" chừng".to_owned();
    check(Outcome::Failed { until: at(51), failure: failure.clone() }, 41, 2, Some(failure.as_str())).await;
    let last = claimed(&*push, READER, 9, 51).await;
    assert_eq!(last.iter().map(|delivery| delivery.attempts).collect::<Vec<_>>(), [2]);
}

async fn what_is_given_up_is_owed_no_more(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let id = subscribe(&*push, READER, 0, 0).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    assert_eq!(claimed(&*push, READER, 9, 11).await.len(), 1);
    settle(&*push, id, failed(12), 11, 11).await;
    assert_eq!(claimed(&*push, READER, 9, 12).await.len(), 1);
    change(&*ledger, Scope::All, 13).await;
    push.enqueue(at(13)).await.unwrap();
    settle(&*push, id, Outcome::GivenUp { failure: "không có \"ai\"".to_owned() }, 12, 14).await;
    let letter = DeadLetter {
        subscription: id,
        key: all(),
        callback: READER.to_owned(),
        sequence: 2,
        since: at(10),
        given_up_at: at(14),
        attempts: 2,
        failure: "không có \"ai\"".to_owned(),
    };
    assert_eq!(push.dead_letters(9).await.unwrap(), [letter]);
    let subscription = found(&*push, READER).await;
    assert_eq!((subscription.sequence, subscription.waiting, subscription.delivered_at), (2, None, None));
    // Once more: nothing waits.
    settle(&*push, id, Outcome::GivenUp { failure: String::new() }, 12, 15).await;
    assert_eq!(push.dead_letters(9).await.unwrap().len(), 1);

    change(&*ledger, Scope::All, 20).await;
    assert_eq!(push.enqueue(at(20)).await.unwrap(), 1, "the next change");
    assert!(push.remove(id, "", at(21)).await.unwrap());
    assert_eq!(push.dead_letters(9).await.unwrap().len(), 1, "it outlives its subscription");
}

async fn who_is_gone_is_forgotten(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let ids = many(&*push, &[READER.to_owned(), OTHER.to_owned()]).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    assert_eq!(claimed(&*push, READER, 9, 11).await.len(), 1);
    settle(&*push, ids[0], Outcome::Gone, 11, 12).await;
    assert_eq!(listed(&*push).await.iter().map(|one| one.id).collect::<Vec<_>>(), ids[1..]);
    let backlog = push.backlog(at(12)).await.unwrap();
    assert_eq!((backlog.deliveries, backlog.dead_letters, backlog.requests), (1, 0, 0));
    // What comes too late is about nobody.
    for outcome in [failed(20), Outcome::Gone, Outcome::Delivered { sequence: 1 }] {
        settle(&*push, ids[0], outcome, 11, 13).await;
    }
    assert_eq!(push.backlog(at(13)).await.unwrap().deliveries, 1);

    assert_eq!(claimed(&*push, OTHER, 9, 14).await.len(), 1);
    subscribe(&*push, OTHER, 0, 15).await;
    settle(&*push, ids[1], Outcome::Gone, 14, 16).await;
    let waiting = Waiting { sequence: 1, since: at(10), attempts: 0, next_at: at(16), failure: None };
    assert_eq!(found(&*push, OTHER).await.waiting, Some(waiting), "it came back meanwhile");
    assert_eq!(claimed(&*push, OTHER, 9, 16).await.len(), 1);
    settle(&*push, ids[1], Outcome::Gone, 16, 17).await;
    assert_eq!(listed(&*push).await, []);
}

/// Whoever took the delivery anew: another process, or the same one.
async fn what_comes_of_a_claim_that_ran_out_is_not_written_over_the_next(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let id = subscribe(&*push, READER, 0, 0).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    let first = claimed(&*push, READER, 9, 11).await.remove(0);
    let second = claimed(&*open(database).await, READER, 9, 41).await.remove(0);
    let standing = found(&*push, READER).await;
    let given_up = Outcome::GivenUp { failure: "cannot be reached".to_owned() };
    for outcome in [failed(50), Outcome::Released { until: at(50) }, given_up, Outcome::Gone] {
        push.settle(&[first.settled(outcome.clone())], at(42)).await.unwrap();
        assert_eq!(found(&*push, READER).await, standing, "{outcome:?}");
        assert_eq!(claimed(&*push, READER, 9, 70).await, [], "{outcome:?}");
    }
    assert_eq!(push.dead_letters(9).await.unwrap(), []);

    // What the subscriber has, he has; what was raised meanwhile is the second one's to deliver.
    change(&*ledger, Scope::All, 43).await;
    push.enqueue(at(43)).await.unwrap();
    push.settle(&[first.settled(Outcome::Delivered { sequence: 1 })], at(44)).await.unwrap();
    let told = found(&*push, READER).await;
    assert_eq!((told.sequence, told.delivered_at), (1, Some(at(44))));
    let waiting = Waiting { sequence: 2, since: at(10), attempts: 0, next_at: at(11), failure: None };
    assert_eq!(told.waiting, Some(waiting));
    assert_eq!(claimed(&*push, READER, 9, 70).await, []);
    // It fails; that is said twice, because nobody heard the answer.
    for until in [80, 90] {
        push.settle(&[second.settled(failed(until))], at(45)).await.unwrap();
        let waiting = found(&*push, READER).await.waiting.unwrap();
        assert_eq!((waiting.attempts, waiting.next_at), (1, at(80)));
    }
    assert_eq!(numbers(&claimed(&*push, READER, 9, 80).await), [id]);
    // All that was owed: the third one has nothing more to say.
    push.settle(&[first.settled(Outcome::Delivered { sequence: 2 })], at(81)).await.unwrap();
    settle(&*push, id, Outcome::Gone, 80, 82).await;
    assert_eq!((found(&*push, READER).await.sequence, push.backlog(at(82)).await.unwrap().deliveries), (2, 0));
}

async fn a_batch_of_outcomes_is_written_in_one_go(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let callbacks: Vec<String> = (0..6).map(|n| format!("https://h.example/{n}")).collect();
    let ids = many(&*push, &callbacks).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    let outcomes = [
        Outcome::Delivered { sequence: 1 },
        failed(20),
        Outcome::GivenUp { failure: "x".to_owned() },
        Outcome::Gone,
        Outcome::Delivered { sequence: 7 },
        Outcome::Released { until: at(30) },
    ];
    assert_eq!(claimed(&*push, &callbacks[0], 9, 11).await.len(), 6);
    let batch: Vec<Settled> = ids.iter().zip(outcomes).map(|(id, outcome)| settled(*id, 11, outcome)).collect();
    push.settle(&batch, at(12)).await.unwrap();
    let left = listed(&*push).await;
    let left = left.iter().map(|one| (one.id, one.sequence, one.waiting.as_ref().map(|waiting| waiting.next_at)));
    let expect = [(ids[0], 1, None), (ids[1], 0, Some(at(20))), (ids[2], 1, None)];
    let expect = expect.into_iter().chain([(ids[4], 7, None), (ids[5], 0, Some(at(30)))]);
    assert_eq!(left.collect::<Vec<_>>(), expect.collect::<Vec<_>>());
    push.settle(&[], at(13)).await.unwrap();

    // Whole or not at all.
    database.sql(&format!("DROP TABLE {}dead_letters", schema(database))).await;
    assert_eq!(numbers(&claimed(&*push, &callbacks[0], 9, 30).await), [ids[1], ids[5]]);
    let given_up = Outcome::GivenUp { failure: "x".to_owned() };
    let batch = [settled(ids[1], 30, failed(99)), settled(ids[5], 30, given_up)];
    push.settle(&batch, at(31)).await.unwrap_err();
    assert_eq!(found(&*push, &callbacks[1]).await.waiting.map(|waiting| waiting.next_at), Some(at(20)));
}

async fn what_is_retried_is_due_at_once(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let id = subscribe(&*push, READER, 0, 0).await;
    assert!(!push.retry(id + 1, at(1)).await.unwrap(), "there is no such subscription");
    let check = async |seconds: i64, sequence: u64, since: i64| {
        assert!(push.retry(id, at(seconds)).await.unwrap());
        let waiting = found(&*push, READER).await.waiting.unwrap();
        assert_eq!((waiting.sequence, waiting.attempts, waiting.next_at), (sequence, 0, at(seconds)));
        assert_eq!((waiting.since, waiting.failure), (at(since), None));
    };
    check(2, 0, 2).await;
    settle(&*push, id, Outcome::Delivered { sequence: 0 }, 2, 3).await;
    change(&*ledger, Scope::All, 10).await;
    check(11, 1, 11).await;
    assert_eq!(claimed(&*push, READER, 9, 11).await.len(), 1);
    check(12, 1, 11).await;
    assert_eq!(claimed(&*push, READER, 9, 12).await, [], "it is under way");
    settle(&*push, id, failed(900), 11, 13).await;
    assert!(found(&*push, READER).await.waiting.unwrap().failure.is_some());
    change(&*ledger, Scope::All, 14).await;
    assert_eq!(push.enqueue(at(15)).await.unwrap(), 1);
    check(16, 2, 11).await;
    assert_eq!(claimed(&*push, READER, 9, 16).await.len(), 1);
}
