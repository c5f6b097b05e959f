//! What the hub (WebSub) keeps: who has subscribed, who has asked and is not verified yet, what has to be delivered, and what
//! could not be. `docs/decisions/push.md` says why it is so.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::StateError;
use crate::domain::clock::Timestamp;
use crate::domain::feed_key::FeedKey;
use crate::domain::scope::Scope;
use crate::domain::secret::Secret;

/// Longest callback, in bytes: what PostgreSQL can index is not much longer.
pub const CALLBACK_BYTES_MAX: usize = 2000;

/// What somebody asks for, or what we tell him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// To get every change for so long, signed if there is a secret.
    Subscribe {
        /// Lease granted, in seconds.
        lease_s: u32,
        /// What deliveries are signed with.
        secret: Option<Secret>,
    },
    /// To get nothing any more.
    Unsubscribe,
    /// Nobody asks: the subscription is ended by us, and the subscriber is told (WebSub 5.2).
    Deny {
        /// Why, for people.
        reason: String,
    },
}

/// A request as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// The feed and its format.
    pub key: FeedKey,
    /// `hub.topic` as it was written.
    pub topic: String,
    /// `hub.callback` as it was written; at most [`CALLBACK_BYTES_MAX`] bytes.
    pub callback: String,
    /// Host and port of the callback, in one spelling: what limits and turns are counted by.
    pub host: String,
    /// What is asked for.
    pub wish: Wish,
    /// Who asked, an IP address, of the sixth version its network; `None` if it cannot be told.
    pub client: Option<String>,
}

/// How much may be asked for. What is counted is what stands in state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Subscriptions in all.
    pub subscriptions_max: u64,
    /// Subscriptions of one host.
    pub subscriptions_per_host_max: u64,
    /// Requests of one host that wait for their verification.
    pub requests_per_host_max: u64,
    /// Requests of one client that wait for their verification, at whatever hosts.
    pub requests_per_client_max: u64,
    /// Requests in all that wait for their verification.
    pub requests_max: u64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It waits to be verified; one of the same feed, format and callback that waited is replaced.
    Recorded,
    /// Refused by this limit. Renewals and unsubscriptions are refused only by the limits of what waits.
    TooMany(Limit),
}

/// A limit of [`RequestLimits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `subscriptions_max`.
    Subscriptions,
    /// `subscriptions_per_host_max`.
    SubscriptionsPerHost,
    /// `requests_per_host_max`.
    RequestsPerHost,
    /// `requests_per_client_max`.
    RequestsPerClient,
    /// `requests_max`.
    Requests,
}

/// A request that is being verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number: a newer request of the same feed, format and callback has another.
    pub id: i64,
    /// What was asked.
    pub asked: NewRequest,
    /// How often it was tried before.
    pub attempts: u32,
}

/// What the callback said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It means it. A lease counts from `asked_at`, when the question went out (WebSub 5.3); a new subscription is owed what
    /// is newer than `sequence` of its feed.
    Confirmed {
        /// When the callback was asked.
        asked_at: Timestamp,
        /// Of the feed.
        sequence: u64,
    },
    /// It does not, or nothing can be told for good: what was before stays. Also the end of a denial that was told.
    Dropped,
    /// It did not answer, or could not be asked: to be asked again.
    Postponed {
        /// Not before.
        until: Timestamp,
        /// 1: it was asked. 0: it was not, which is no fault of its.
        tries: u32,
    },
}

/// What has to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The number of the subscription.
    pub subscription: i64,
    /// The feed and its format.
    pub key: FeedKey,
    /// The topic as the subscriber wrote it, for denials.
    pub topic: String,
    /// Where to.
    pub callback: String,
    /// Host and port of the callback.
    pub host: String,
    /// What it is signed with.
    pub secret: Option<Secret>,
    /// The document has to be of this sequence at least.
    pub sequence: u64,
    /// When the oldest event was recorded that the subscriber has not got.
    pub since: Timestamp,
    /// How often it was tried before.
    pub attempts: u32,
    /// End of the subscription.
    pub expires_at: Timestamp,
    /// Until when it is taken: tells this claim from every later one.
    pub claimed_until: Timestamp,
}

impl Delivery {
    /// What became of it.
    #[must_use]
    pub fn settled(&self, outcome: Outcome) -> Settled {
        Settled { subscription: self.subscription, claimed_until: self.claimed_until, outcome }
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The number of the subscription.
    pub subscription: i64,
    /// Until when the delivery was taken.
    pub claimed_until: Timestamp,
    /// What happened.
    pub outcome: Outcome,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The subscriber has the document of this sequence. What was enqueued meanwhile and is newer is due at once.
    Delivered {
        /// Of the document that was posted.
        sequence: u64,
    },
    /// Not now; counts as an attempt.
    Failed {
        /// Not before.
        until: Timestamp,
        /// Why, for people.
        failure: String,
    },
    /// Not now, and not the subscriber's fault: no attempt.
    Released {
        /// Not before.
        until: Timestamp,
    },
    /// It is not tried any more: a dead letter. The subscription stays.
    GivenUp {
        /// Why, for people.
        failure: String,
    },
    /// The subscriber wants nothing any more (410): the subscription ends. If it was verified again after the delivery was
    /// taken, he does: the delivery is due at once.
    Gone,
}

/// What waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries, also those under way.
    pub deliveries: u64,
    /// When the oldest event was recorded that a subscriber has not got.
    pub oldest: Option<Timestamp>,
    /// Subscriptions that stand.
    pub subscriptions: u64,
    /// Requests that wait for their verification.
    pub requests: u64,
    /// Dead letters that are kept.
    pub dead_letters: u64,
    /// The last delivery that succeeded, of all processes.
    pub delivered_at: Option<Timestamp>,
}

/// A subscription, for people. Its secret is in no list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its number.
    pub id: i64,
    /// The feed and its format.
    pub key: FeedKey,
    /// The topic as the subscriber wrote it last.
    pub topic: String,
    /// Where deliveries go.
    pub callback: String,
    /// Host and port of the callback.
    pub host: String,
    /// Are deliveries signed?
    pub signed: bool,
    /// When it was verified last.
    pub verified_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Of the feed: the subscriber has this.
    pub sequence: u64,
    /// The last delivery that succeeded.
    pub delivered_at: Option<Timestamp>,
    /// The delivery that waits or is under way.
    pub waiting: Option<Waiting>,
}

/// A delivery that waits or is under way, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Up to this sequence.
    pub sequence: u64,
    /// When the oldest event was recorded.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before.
    pub next_at: Timestamp,
    /// Why it failed last.
    pub failure: Option<String>,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The number of the subscription, which may have ended since.
    pub subscription: i64,
    /// The feed and its format.
    pub key: FeedKey,
    /// Where it was to go.
    pub callback: String,
    /// Up to this sequence.
    pub sequence: u64,
    /// When the oldest event was recorded.
    pub since: Timestamp,
    /// When it was given up.
    pub given_up_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed last.
    pub failure: String,
}

/// What the hub keeps. Every method is one transaction, but those that say otherwise.
pub trait Subscriptions: Send + Sync + std::fmt::Debug {
    /// Records a request. If one that is taken is replaced, nobody takes the new one before that one would have been free.
    fn request<'a>(
        &'a self,
        request: &'a NewRequest,
        limits: &'a RequestLimits,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Accepted, StateError>>;

    /// Takes requests to verify until `until`: those that are due and that nobody has taken, the longest waiting first, at
    /// most `max`, of one host at most `per_host_max` with those that are taken.
    fn claim_requests(
        &self,
        max: usize,
        per_host_max: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Request>, StateError>>;

    /// Applies what the callback said. A request that was replaced meanwhile changes nothing.
    fn settle_request<'a>(
        &'a self,
        request: &'a Request,
        verdict: &'a Verdict,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StateError>>;

    /// Enqueues what the ledger has recorded since the last call of whichever process: one delivery for each subscription
    /// that stands, of a feed whose sequence has grown beyond what the subscriber has. One that waits is raised, and keeps its
    /// place, its attempts and who has taken it. Gives how many subscriptions are owed something new; 0 costs one small query.
    /// In parts, each a transaction: whatever is cut off, the next call enqueues what is left.
    fn enqueue(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StateError>>;

    /// Hosts that are owed something that is due and that nobody has taken, in the order of their names, from the first one
    /// after `after`.
    fn hosts_due<'a>(
        &'a self,
        after: &'a str,
        max: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<String>, StateError>>;

    /// Takes deliveries until `until`: for each host at most so many, of those that are due and that nobody has taken, the
    /// longest due first.
    fn claim<'a>(
        &'a self,
        hosts: &'a [(String, usize)],
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Delivery>, StateError>>;

    /// Writes down what became of deliveries. That the subscriber has a document counts in any case; all else only of a claim
    /// that still stands: nobody has taken the delivery anew.
    fn settle<'a>(&'a self, settled: &'a [Settled], now: Timestamp) -> BoxFuture<'a, Result<(), StateError>>;

    /// Ends subscriptions whose lease is over; what they were owed becomes dead letters. Forgets dead letters older than
    /// `keep`. Gives how many ended. In parts, each a transaction.
    fn expire(&self, now: Timestamp, keep: Duration) -> BoxFuture<'_, Result<u64, StateError>>;

    /// What waits.
    fn backlog(&self, now: Timestamp) -> BoxFuture<'_, Result<Backlog, StateError>>;

    /// Subscriptions, in the order of their numbers, from the first one after `after`. `callback`: only those whose callback
    /// contains this text.
    fn list<'a>(
        &'a self,
        callback: Option<&'a str>,
        after: i64,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StateError>>;

    /// One subscription.
    fn subscription(&self, id: i64) -> BoxFuture<'_, Result<Option<Subscription>, StateError>> {
        Box::pin(async move {
            let found = self.list(None, id.saturating_sub(1), 1).await?;
            Ok(found.into_iter().find(|subscription| subscription.id == id))
        })
    }

    /// Dead letters, the newest first.
    fn dead_letters(&self, max: usize) -> BoxFuture<'_, Result<Vec<DeadLetter>, StateError>>;

    /// Ends a subscription, and has the subscriber told by the service ([`Wish::Deny`]); false if there is none.
    fn remove<'a>(&'a self, id: i64, reason: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>>;

    /// Has the subscriber get the present document at once: what waits is due now, and how often and why it failed is forgotten;
    /// if nothing waits, a delivery is enqueued. False if there is no such subscription.
    fn retry(&self, id: i64, now: Timestamp) -> BoxFuture<'_, Result<bool, StateError>>;

    /// The feeds that somebody has subscribed to.
    fn subscribed(&self) -> BoxFuture<'_, Result<Vec<Scope>, StateError>>;

    /// Of each pair the first feed has gone into the second: its subscriptions are of that one from now on, under new numbers,
    /// and are owed its document. Who has subscribed to both keeps the second one, unless its lease is over; of several
    /// that go into one, the one with the longest lease goes on.
    fn rehome<'a>(&'a self, pairs: &'a [(Scope, Scope)], now: Timestamp) -> BoxFuture<'a, Result<(), StateError>>;

    /// Ends when something may have become due that this process does not know of; a hint. May be dropped and asked for again.
    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}
