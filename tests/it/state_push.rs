//! The contract of `state` for what the hub keeps: requests, subscriptions, limits, and what people see. On every backend.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use loa::domain::clock::Timestamp;
use loa::domain::feed_key::FeedKey;
use loa::domain::format::Format;
use loa::domain::ledger::{Batch, Touch};
use loa::domain::scope::Scope;
use loa::domain::secret::Secret;
use loa::state::push::{
    Accepted, Backlog, Limit, NewRequest, Outcome, Request, RequestLimits, Settled, Subscription, Subscriptions,
    Verdict, Waiting, Wish,
};
use loa::state::{self, State, StateError};
use tokio::time::timeout;

use crate::state_push_deliveries;
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
    what_is_asked_comes_back_as_it_was
    a_request_is_taken_by_one_at_a_time
    concurrent_verifiers_take_different_requests
    of_one_host_only_so_many_are_asked
    the_newest_request_replaces_the_one_before_it
    a_callback_that_does_not_answer_is_asked_again
    only_what_is_confirmed_changes_a_subscription
    a_renewal_overrides_what_was_asked_and_keeps_what_is_owed
    each_limit_refuses_by_its_name
    of_one_client_only_so_many_requests_wait
    denials_count_for_no_limit
    who_is_removed_is_told
    subscriptions_follow_a_feed_into_another_one
    what_is_over_keeps_nobody_from_following_a_feed
    subscriptions_are_listed_page_by_page
    a_row_that_cannot_be_read_is_named
}

pub(crate) const READER: &str = "https://reader.example/push?k=1";
pub(crate) const OTHER: &str = "https://other.example/push";
pub(crate) const SECRET: &str = "bí 'mật'\t\"\\";
/// Leases of these tests, in seconds.
pub(crate) const LEASE_S: u32 = 864_000;
pub(crate) const LIMITS: RequestLimits = RequestLimits {
    subscriptions_max: 1000,
    subscriptions_per_host_max: 1000,
    requests_per_host_max: 1000,
    requests_per_client_max: 1000,
    requests_max: 1000,
};

pub(crate) async fn open(database: &impl Database) -> Arc<dyn Subscriptions> {
    state::open_subscriptions(&database.url()).await.unwrap()
}

/// The ledger, and what the hub keeps beside it.
pub(crate) async fn both(database: &impl Database) -> (Arc<dyn State>, Arc<dyn Subscriptions>) {
    (state::open(&database.url()).await.unwrap(), open(database).await)
}

/// Seconds after an instant in 2022.
pub(crate) fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_647_560_000 + seconds, 0).unwrap()
}

/// The front page feed.
pub(crate) fn all() -> FeedKey {
    FeedKey::new(Scope::All, Format::Atom)
}

/// A subscriber asks for a feed.
pub(crate) fn asked(key: FeedKey, callback: &str) -> NewRequest {
    NewRequest {
        topic: format!("https://tin.example/feeds/{}.{}", key.scope, key.format),
        key,
        callback: callback.to_owned(),
        host: host(callback),
        wish: Wish::Subscribe { lease_s: LEASE_S, secret: None },
        client: Some("2001:db8::1".to_owned()),
    }
}

pub(crate) fn host(callback: &str) -> String {
    callback.split('/').nth(2).unwrap().to_owned()
}

/// Asks, and confirms at once.
pub(crate) async fn confirm(push: &dyn Subscriptions, asked: &NewRequest, sequence: u64, seconds: i64) {
    assert_eq!(push.request(asked, &LIMITS, at(seconds)).await.unwrap(), Accepted::Recorded);
    let requests = claimed(push, seconds).await;
    let request = requests.iter().find(|request| request.asked == *asked).unwrap();
    let verdict = Verdict::Confirmed { asked_at: at(seconds), sequence };
    push.settle_request(request, &verdict, at(seconds)).await.unwrap();
}

/// Subscribes to the front page feed; gives the number.
pub(crate) async fn subscribe(push: &dyn Subscriptions, callback: &str, sequence: u64, seconds: i64) -> i64 {
    confirm(push, &asked(all(), callback), sequence, seconds).await;
    found(push, callback).await.id
}

/// The one subscription of a callback.
pub(crate) async fn found(push: &dyn Subscriptions, callback: &str) -> Subscription {
    let found = push.list(Some(callback), 0, 100).await.unwrap();
    let mut found: Vec<Subscription> = found.into_iter().filter(|one| one.callback == callback).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// The ledger records a change of a feed.
pub(crate) async fn change(ledger: &dyn State, scope: Scope, seconds: i64) {
    let touches = vec![Touch { scope, at: at(seconds), removes: false }];
    ledger.commit(&Batch { touches, ..Batch::default() }).await.unwrap();
}

/// What became of a delivery that was taken then, for half a minute.
pub(crate) fn settled(subscription: i64, taken: i64, outcome: Outcome) -> Settled {
    Settled { subscription, claimed_until: at(taken + 30), outcome }
}

pub(crate) async fn settle(push: &dyn Subscriptions, subscription: i64, outcome: Outcome, taken: i64, seconds: i64) {
    push.settle(&[settled(subscription, taken, outcome)], at(seconds)).await.unwrap();
}

/// How tables are named in statements.
pub(crate) fn schema(database: &impl Database) -> &'static str {
    if database.url().starts_with("sqlite:") { "" } else { "loa." }
}

/// Requests that are due, taken for half a minute.
async fn claimed(push: &dyn Subscriptions, seconds: i64) -> Vec<Request> {
    push.claim_requests(1000, 1000, at(seconds), at(seconds + 30)).await.unwrap()
}

pub(crate) async fn listed(push: &dyn Subscriptions) -> Vec<Subscription> {
    push.list(None, 0, 1000).await.unwrap()
}

pub(crate) async fn record(push: &dyn Subscriptions, request: &NewRequest, seconds: i64) {
    assert_eq!(push.request(request, &LIMITS, at(seconds)).await.unwrap(), Accepted::Recorded);
}

async fn what_is_asked_comes_back_as_it_was(database: &impl Database) {
    let push = open(database).await;
    let full = NewRequest {
        key: FeedKey::new("tag:hà \"nội\" 1".parse().unwrap(), Format::Json),
        topic: "https://tin.example/feeds/tag/hà nội?\"x\"\n'\\".to_owned(),
        callback: "https://báo.example:8443/nhận?khóa=\"á\"\\&b='1'".to_owned(),
        host: "xn--bo-jia.example:8443".to_owned(),
        wish: Wish::Subscribe { lease_s: u32::MAX, secret: Some(Secret::new(SECRET)) },
        client: Some("2001:db8::1".to_owned()),
    };
    let leaves = NewRequest { wish: Wish::Unsubscribe, client: None, ..asked(all(), READER) };
    let denied = NewRequest { wish: Wish::Deny { reason: "hết \"rồi\"".to_owned() }, ..asked(all(), OTHER) };
    let unsigned = asked(FeedKey::new(Scope::All, Format::Rss), OTHER);
    let wishes = [full, leaves, denied, unsigned];
    for (second, request) in (0..).zip(&wishes) {
        record(&*push, request, second).await;
    }
    let told = claimed(&*open(database).await, 9).await;
    assert_eq!(told.iter().map(|request| &request.asked).collect::<Vec<_>>(), wishes.iter().collect::<Vec<_>>());
    assert!(told.iter().all(|request| request.attempts == 0) && told.is_sorted_by(|a, b| a.id < b.id), "{told:?}");
}

async fn a_request_is_taken_by_one_at_a_time(database: &impl Database) {
    let (one, two) = (open(database).await, open(database).await);
    record(&*one, &asked(all(), READER), 10).await;
    assert_eq!(claimed(&*one, 9).await, [], "it is not due");
    let taken = claimed(&*one, 10).await;
    assert_eq!(taken.len(), 1);
    assert_eq!(claimed(&*two, 39).await, []);
    assert_eq!(claimed(&*two, 40).await, taken, "whoever took it has not come back");
    assert_eq!(claimed(&*one, 69).await, []);
}

async fn concurrent_verifiers_take_different_requests(database: &impl Database) {
    const REQUESTS: usize = 12;
    let (one, two) = (open(database).await, open(database).await);
    for round in 0..rounds().cast_signed() {
        for number in 0..REQUESTS {
            record(&*one, &asked(all(), &format!("https://h{number}.example/{round}")), round * 100).await;
        }
        let (now, until) = (at(round * 100), at(round * 100 + 30));
        let mut taken: Vec<Request> = Vec::new();
        let both = async {
            while taken.len() < REQUESTS {
                let (a, b) = tokio::join!(one.claim_requests(5, 5, now, until), two.claim_requests(5, 5, now, until));
                taken.extend([a.unwrap(), b.unwrap()].concat());
            }
        };
        patiently("every request", both).await;
        assert_eq!(claimed(&*one, round * 100).await, []);
        taken.sort_by_key(|request| request.id);
        taken.dedup_by_key(|request| request.id);
        assert_eq!(taken.len(), REQUESTS);
        for request in taken {
            one.settle_request(&request, &Verdict::Dropped, now).await.unwrap();
        }
    }
}

async fn of_one_host_only_so_many_are_asked(database: &impl Database) {
    let push = open(database).await;
    let callbacks = ["https://a.example/1", "https://a.example/2", "https://a.example/3", "https://b.example/1"];
    for (second, callback) in (0..).zip(callbacks) {
        record(&*push, &asked(all(), callback), second).await;
    }
    let check = async |max: usize, per_host_max: usize, expect: &[&str]| {
        let told = push.claim_requests(max, per_host_max, at(9), at(60)).await.unwrap();
        assert_eq!(told.iter().map(|request| request.asked.callback.as_str()).collect::<Vec<_>>(), expect);
    };
    check(0, 2, &[]).await;
    check(1, 2, &[callbacks[0]]).await;
    // One of them is taken already.
    check(3, 1, &[callbacks[3]]).await;
    check(3, 2, &[callbacks[1]]).await;
    check(3, 2, &[]).await;
    check(3, 3, &[callbacks[2]]).await;
}

async fn the_newest_request_replaces_the_one_before_it(database: &impl Database) {
    let push = open(database).await;
    let first = asked(all(), READER);
    record(&*push, &first, 0).await;
    let old = claimed(&*push, 1).await.remove(0);
    let wish = Wish::Subscribe { lease_s: 5, secret: Some(Secret::new(SECRET)) };
    let second = NewRequest { wish, topic: "https://tin.example/alias".to_owned(), ..first };
    record(&*push, &second, 2).await;
    let other_format = asked(FeedKey::new(Scope::All, Format::Rss), READER);
    record(&*push, &other_format, 3).await;

    let told = claimed(&*push, 30).await;
    assert_eq!(told.iter().map(|request| &request.asked).collect::<Vec<_>>(), [&other_format], "one is being asked");
    let told = claimed(&*push, 31).await;
    assert_eq!(told.iter().map(|request| (&request.asked, request.attempts)).collect::<Vec<_>>(), [(&second, 0)]);
    assert!(told[0].id > old.id, "also one that was taken");
    let confirmed = Verdict::Confirmed { asked_at: at(4), sequence: 1 };
    for verdict in [&confirmed, &Verdict::Postponed { until: at(900), tries: 1 }, &Verdict::Dropped] {
        push.settle_request(&old, verdict, at(5)).await.unwrap();
        assert_eq!(listed(&*push).await, [], "{verdict:?}");
        assert_eq!(push.backlog(at(5)).await.unwrap().requests, 2, "{verdict:?}");
    }
    push.settle_request(&told[0], &confirmed, at(5)).await.unwrap();
    push.settle_request(&told[0], &confirmed, at(6)).await.unwrap();
    let subscription = found(&*push, READER).await;
    assert_eq!((subscription.topic, subscription.signed), (second.topic, true));
    assert_eq!((subscription.verified_at, subscription.expires_at), (at(5), at(9)), "what came twice changes nothing");
}

async fn a_callback_that_does_not_answer_is_asked_again(database: &impl Database) {
    let push = open(database).await;
    record(&*push, &asked(all(), READER), 0).await;
    let request = claimed(&*push, 0).await.remove(0);
    push.settle_request(&request, &Verdict::Postponed { until: at(100), tries: 1 }, at(5)).await.unwrap();
    assert_eq!(claimed(&*push, 99).await, []);
    let request = Request { attempts: 1, ..request };
    assert_eq!(claimed(&*push, 100).await, std::slice::from_ref(&request));
    // It was not asked.
    push.settle_request(&request, &Verdict::Postponed { until: at(200), tries: 0 }, at(105)).await.unwrap();
    assert_eq!(claimed(&*push, 199).await, []);
    assert_eq!(claimed(&*push, 200).await, [request]);
}

async fn only_what_is_confirmed_changes_a_subscription(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let wish = Wish::Subscribe { lease_s: LEASE_S, secret: Some(Secret::new(SECRET)) };
    let wanted = NewRequest { wish, ..asked(all(), READER) };
    record(&*push, &wanted, 0).await;
    let request = claimed(&*push, 0).await.remove(0);
    push.settle_request(&request, &Verdict::Dropped, at(1)).await.unwrap();
    assert_eq!((listed(&*push).await.len(), claimed(&*push, 900).await.len()), (0, 0));

    record(&*push, &wanted, 10).await;
    let request = claimed(&*push, 10).await.remove(0);
    push.settle_request(&request, &Verdict::Confirmed { asked_at: at(11), sequence: 5 }, at(12)).await.unwrap();
    let expect = Subscription {
        id: found(&*push, READER).await.id,
        key: wanted.key.clone(),
        topic: wanted.topic.clone(),
        callback: wanted.callback.clone(),
        host: wanted.host.clone(),
        signed: true,
        verified_at: at(12),
        expires_at: at(11 + i64::from(LEASE_S)),
        sequence: 5,
        delivered_at: None,
        waiting: None,
    };
    assert_eq!(listed(&*open(database).await).await, std::slice::from_ref(&expect));

    let leaves = NewRequest { wish: Wish::Unsubscribe, ..wanted };
    record(&*push, &leaves, 20).await;
    let request = claimed(&*push, 20).await.remove(0);
    push.settle_request(&request, &Verdict::Dropped, at(21)).await.unwrap();
    assert_eq!(listed(&*push).await, [expect]);
    for seconds in 31..37 {
        change(&*ledger, Scope::All, seconds).await;
    }
    assert_eq!(push.enqueue(at(40)).await.unwrap(), 1);
    confirm(&*push, &leaves, 0, 41).await;
    assert_eq!(push.backlog(at(41)).await.unwrap(), Backlog::default(), "and what it was owed");
    confirm(&*push, &leaves, 0, 42).await;
}

async fn a_renewal_overrides_what_was_asked_and_keeps_what_is_owed(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let id = subscribe(&*push, READER, 0, 0).await;
    change(&*ledger, Scope::All, 10).await;
    push.enqueue(at(11)).await.unwrap();
    assert_eq!(state_push_deliveries::claimed(&*push, READER, 1, 11).await.len(), 1);
    settle(&*push, id, state_push_deliveries::failed(50), 11, 12).await;
    let first = found(&*push, READER).await;
    let waiting =
        Waiting { sequence: 1, since: at(10), attempts: 1, next_at: at(50), failure: Some("answers 500".to_owned()) };
    assert_eq!((first.signed, &first.waiting), (false, &Some(waiting)));

    for (seconds, secret) in [(20, Some(SECRET)), (21, Some("khác")), (22, None)] {
        let wish = Wish::Subscribe { lease_s: 60, secret: secret.map(Secret::new) };
        let topic = format!("https://tin.example/{seconds}");
        confirm(&*push, &NewRequest { wish, topic: topic.clone(), ..asked(all(), READER) }, 9, seconds).await;
        let (verified_at, expires_at) = (at(seconds), at(seconds + 60));
        let expect = Subscription { topic, signed: secret.is_some(), verified_at, expires_at, ..first.clone() };
        assert_eq!(found(&*push, READER).await, expect);
        let hosts = [(host(READER), 1)];
        let told = push.claim(&hosts, at(50), at(50)).await.unwrap();
        assert_eq!(told.iter().map(|one| one.secret.clone()).collect::<Vec<_>>(), [secret.map(Secret::new)]);
    }
    assert_eq!(listed(&*push).await.len(), 1);
}

async fn each_limit_refuses_by_its_name(database: &impl Database) {
    let push = open(database).await;
    let limits = RequestLimits {
        subscriptions_max: 2,
        subscriptions_per_host_max: 1,
        requests_per_host_max: 2,
        requests_max: 3,
        ..LIMITS
    };
    let check = async |request: &NewRequest, seconds: i64, expect: Accepted| {
        assert_eq!(push.request(request, &limits, at(seconds)).await.unwrap(), expect, "{request:?}");
    };
    let (reader, second) = (asked(all(), READER), asked(all(), "https://reader.example/2"));
    let (other, third) = (asked(all(), OTHER), asked(all(), "https://third.example/"));
    let leaves = |request: &NewRequest| NewRequest { wish: Wish::Unsubscribe, ..request.clone() };
    subscribe(&*push, READER, 0, 0).await;

    check(&second, 1, Accepted::TooMany(Limit::SubscriptionsPerHost)).await;
    check(&reader, 2, Accepted::Recorded).await;
    check(&leaves(&second), 3, Accepted::Recorded).await;
    check(&leaves(&asked(all(), "https://reader.example/3")), 4, Accepted::TooMany(Limit::RequestsPerHost)).await;
    check(&reader, 5, Accepted::Recorded).await;
    check(&other, 6, Accepted::Recorded).await;
    check(&leaves(&third), 7, Accepted::TooMany(Limit::Requests)).await;
    check(&other, 8, Accepted::Recorded).await;
    for request in claimed(&*push, 9).await {
        push.settle_request(&request, &Verdict::Dropped, at(9)).await.unwrap();
    }

    confirm(&*push, &other, 0, 10).await;
    check(&third, 11, Accepted::TooMany(Limit::Subscriptions)).await;
    check(&leaves(&third), 12, Accepted::Recorded).await;
    check(&other, 13, Accepted::Recorded).await;
    let over = i64::from(LEASE_S);
    check(&third, over, Accepted::Recorded).await;
    check(&reader, over, Accepted::Recorded).await;
    let all: Vec<_> = claimed(&*push, over).await.into_iter().map(|request| request.asked).collect();
    assert_eq!(all, [other, third, reader], "nothing that was refused");
}

/// At whatever hosts: who names thousands that never answer keeps nobody else waiting.
async fn of_one_client_only_so_many_requests_wait(database: &impl Database) {
    let push = open(database).await;
    let limits = RequestLimits { requests_per_client_max: 2, ..LIMITS };
    let check = async |client: Option<&str>, host: i64, expect: Accepted| {
        let wanted = asked(all(), &format!("https://h{host}.example/"));
        let request = NewRequest { client: client.map(str::to_owned), ..wanted };
        assert_eq!(push.request(&request, &limits, at(host)).await.unwrap(), expect, "{request:?}");
    };
    let (one, other) = (Some("192.0.2.1"), Some("192.0.2.2"));
    check(one, 1, Accepted::Recorded).await;
    check(one, 2, Accepted::Recorded).await;
    check(one, 3, Accepted::TooMany(Limit::RequestsPerClient)).await;
    check(one, 2, Accepted::Recorded).await;
    check(other, 3, Accepted::Recorded).await;
    for host in 4..8 {
        check(None, host, Accepted::Recorded).await;
    }
    for request in claimed(&*push, 9).await {
        push.settle_request(&request, &Verdict::Dropped, at(9)).await.unwrap();
    }
    check(one, 3, Accepted::Recorded).await;
}

async fn denials_count_for_no_limit(database: &impl Database) {
    let push = open(database).await;
    for callback in [READER, OTHER] {
        let id = subscribe(&*push, callback, 0, 0).await;
        assert!(push.remove(id, "hết", at(1)).await.unwrap());
    }
    let limits = RequestLimits { requests_max: 1, requests_per_host_max: 1, ..LIMITS };
    let again = asked(FeedKey::new(Scope::All, Format::Rss), READER);
    assert_eq!(push.request(&again, &limits, at(2)).await.unwrap(), Accepted::Recorded);
    assert_eq!(push.backlog(at(2)).await.unwrap().requests, 1);
    assert_eq!(claimed(&*push, 2).await.len(), 3);
}

async fn who_is_removed_is_told(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let reason = "xin lấy \"Atom\"";
    for verdict in [Verdict::Dropped, Verdict::Confirmed { asked_at: at(1), sequence: 0 }] {
        let wanted = asked(all(), READER);
        let id = subscribe(&*push, READER, 0, 0).await;
        change(&*ledger, Scope::All, 10).await;
        push.enqueue(at(10)).await.unwrap();
        record(&*push, &wanted, 11).await;
        assert!(push.remove(id, reason, at(12)).await.unwrap());
        assert_eq!(push.backlog(at(12)).await.unwrap(), Backlog::default(), "and what it was owed");
        assert!(!push.remove(id, reason, at(13)).await.unwrap());

        let told = claimed(&*push, 13).await;
        let denied = NewRequest { wish: Wish::Deny { reason: reason.to_owned() }, client: None, ..wanted };
        assert_eq!(told.iter().map(|request| &request.asked).collect::<Vec<_>>(), [&denied]);
        push.settle_request(&told[0], &verdict, at(14)).await.unwrap();
        assert_eq!((claimed(&*push, 900).await, listed(&*push).await), (vec![], vec![]));
    }
}

async fn subscriptions_follow_a_feed_into_another_one(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let [old, new]: [Scope; 2] = ["category:1", "category:2"].map(|scope| scope.parse().unwrap());
    let of = |scope: &Scope, callback: &str| asked(FeedKey::new(scope.clone(), Format::Atom), callback);
    let wish = Wish::Subscribe { lease_s: LEASE_S, secret: Some(Secret::new(SECRET)) };
    confirm(&*push, &NewRequest { wish, ..of(&old, READER) }, 0, 0).await;
    confirm(&*push, &of(&old, OTHER), 0, 1).await;
    confirm(&*push, &of(&new, OTHER), 0, 2).await;
    for seconds in 10..15 {
        change(&*ledger, old.clone(), seconds).await;
    }
    change(&*ledger, new.clone(), 20).await;
    assert_eq!(push.enqueue(at(21)).await.unwrap(), 3);
    let (before, taken) = (found(&*push, READER).await, state_push_deliveries::claimed(&*push, READER, 9, 21).await);
    let mut subscribed = push.subscribed().await.unwrap();
    subscribed.sort();
    assert_eq!(subscribed, [old.clone(), new.clone()]);

    let pairs = [(old, new.clone())];
    for seconds in [22, 23] {
        push.rehome(&pairs, at(seconds)).await.unwrap();
        assert_eq!(push.subscribed().await.unwrap(), std::slice::from_ref(&new));
        let after = found(&*push, READER).await;
        let owed = Waiting { sequence: 1, since: at(20), attempts: 0, next_at: at(22), failure: None };
        let (id, key) = (after.id, FeedKey::new(new.clone(), Format::Atom));
        assert_eq!(after, Subscription { id, key, sequence: 0, waiting: Some(owed), ..before.clone() });
        // What was under way is of the feed that it was.
        push.settle(&[taken[0].settled(Outcome::Delivered { sequence: 5 })], at(seconds)).await.unwrap();
        assert_eq!(found(&*push, READER).await, after);
        assert!(after.id > before.id && after.signed);
        assert_eq!(found(&*push, OTHER).await.topic, of(&new, OTHER).topic, "who had both keeps the one");
    }
    let told = state_push_deliveries::claimed(&*push, READER, 9, 23).await;
    let told: Vec<_> = told.iter().map(|delivery| (&delivery.key.scope, delivery.secret.clone())).collect();
    assert_eq!(told, [(&new, Some(Secret::new(SECRET)))]);
}

async fn what_is_over_keeps_nobody_from_following_a_feed(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let [one, two, new]: [Scope; 3] = ["category:1", "category:2", "category:3"].map(|scope| scope.parse().unwrap());
    for (callback, leases) in [(READER, [10, 900, 20]), (OTHER, [900, 10, 30])] {
        for (scope, lease_s) in [&one, &two, &new].into_iter().zip(leases) {
            let wish = Wish::Subscribe { lease_s, secret: None };
            let wanted = NewRequest { wish, ..asked(FeedKey::new(scope.clone(), Format::Atom), callback) };
            confirm(&*push, &wanted, 0, 0).await;
        }
    }
    change(&*ledger, new.clone(), 5).await;
    push.rehome(&[(one, new.clone()), (two, new.clone())], at(25)).await.unwrap();
    for (callback, expires_at) in [(READER, at(900)), (OTHER, at(30))] {
        let after = found(&*push, callback).await;
        assert_eq!((&after.key.scope, after.expires_at), (&new, expires_at), "{callback}");
        assert_eq!(after.waiting.map(|waiting| waiting.sequence), Some(1), "{callback}");
    }
}

async fn subscriptions_are_listed_page_by_page(database: &impl Database) {
    let push = open(database).await;
    let callbacks = ["https://báo.example/1", "https://a.example/100%_", "https://báo.example/2"];
    let mut ids = Vec::new();
    for callback in callbacks {
        ids.push(subscribe(&*push, callback, 0, 0).await);
    }
    let check = async |callback: Option<&str>, after: i64, max: usize, expect: &[i64]| {
        let told = push.list(callback, after, max).await.unwrap();
        assert_eq!(told.iter().map(|one| one.id).collect::<Vec<_>>(), expect, "{callback:?}, {after}, {max}");
    };
    check(None, 0, 2, &ids[..2]).await;
    check(None, ids[1], 2, &ids[2..]).await;
    check(None, ids[2], 2, &[]).await;
    check(Some("báo"), 0, 9, &[ids[0], ids[2]]).await;
    check(Some("báo"), 0, 1, &[ids[0]]).await;
    check(Some("%_"), 0, 9, &[ids[1]]).await;
    check(Some("_"), ids[1], 9, &[]).await;
    for (id, callback) in ids.iter().zip(callbacks) {
        let one = push.subscription(*id).await.unwrap().unwrap();
        assert_eq!((one.id, one.callback.as_str()), (*id, callback));
    }
    for id in [0, ids[2] + 1, i64::MIN, i64::MAX] {
        assert_eq!(push.subscription(id).await.unwrap(), None, "{id}");
    }
    assert!(push.remove(ids[2], "", at(1)).await.unwrap());
    assert_eq!(push.subscription(ids[2]).await.unwrap(), None);
    assert!(subscribe(&*push, callbacks[2], 0, 2).await > ids[2], "no number is given twice");
}

async fn a_row_that_cannot_be_read_is_named(database: &impl Database) {
    let (ledger, push) = both(database).await;
    let wish = Wish::Subscribe { lease_s: LEASE_S, secret: Some(Secret::new(SECRET)) };
    let signed = NewRequest { wish, ..asked(all(), READER) };
    confirm(&*push, &signed, 0, 0).await;
    change(&*ledger, Scope::All, 1).await;
    push.enqueue(at(1)).await.unwrap();
    record(&*push, &signed, 2).await;
    let tables = ["subscriptions", "subscription_requests"];
    let statements = tables.map(|table| format!("UPDATE {}{table} SET scope = 'vùng:1'", schema(database)));
    database.sql(&statements.join("; ")).await;

    let id = found_id(&*push).await;
    let check = |error: StateError, expect: &str| {
        let StateError::Corrupt { key, why } = &error else { panic!("{error}") };
        assert!(key.contains(expect) && why.contains("vùng:1") && !error.to_string().contains(SECRET), "{error}");
    };
    check(push.list(None, 0, 9).await.unwrap_err(), &id);
    let hosts = [(host(READER), 9)];
    check(push.claim(&hosts, at(2), at(3)).await.unwrap_err(), &id);
    check(push.claim_requests(9, 9, at(2), at(3)).await.unwrap_err(), "subscription request ");
}

/// The name of the one subscription, which cannot be read.
async fn found_id(push: &dyn Subscriptions) -> String {
    let Err(StateError::Corrupt { key, .. }) = push.list(None, 0, 1).await else { panic!("it can be read") };
    assert!(key.strip_prefix("subscription ").is_some_and(|id| id.parse::<i64>().is_ok()), "{key}");
    key
}

#[tokio::test]
async fn who_waits_is_woken_by_what_may_be_due() {
    on::<Postgres>(is_woken).await;
}

/// Whether it waits while something becomes due, or begins to afterwards.
async fn is_woken(database: &Postgres) {
    let (reader, writer) = (open(database).await, open(database).await);
    let ledger = state::open(&database.url()).await.unwrap();
    let id = subscribe(&*writer, READER, 0, 0).await;
    reader.woken().await;
    change(&*ledger, Scope::All, 10).await;
    for turn in 0..4 {
        // What was said before is heard.
        while timeout(Duration::from_millis(20), reader.woken()).await.is_ok() {}
        match turn {
            0 => assert_eq!(writer.enqueue(at(11)).await.unwrap(), 1),
            1 => assert!(writer.retry(id, at(12)).await.unwrap()),
            2 => record(&*writer, &asked(all(), OTHER), 13).await,
            _ => assert!(writer.remove(id, "", at(14)).await.unwrap()),
        }
        patiently("the one who waits", reader.woken()).await;
    }
}
