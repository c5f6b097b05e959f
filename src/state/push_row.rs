//! Rows of what the hub keeps, the same for every backend; packed as those of `row`. No message holds a line of them: it may
//! have a secret in it.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StateError;
use super::push::{
    Accepted, Backlog, DeadLetter, Delivery, Limit, NewRequest, Outcome, Request, Settled, Subscription, Waiting, Wish,
};
use super::row::{corrupt, instant, json, micros};
use crate::domain::clock::Timestamp;
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;
use crate::domain::scope::Scope;
use crate::domain::secret::Secret;

const SUBSCRIBE: &str = "subscribe";
const UNSUBSCRIBE: &str = "unsubscribe";
const DENY: &str = "deny";

/// Rows of one transaction of a long write: the newsroom's ledger, which may be in the same file, waits no longer than that.
pub(super) const PART_ROWS: i64 = 2000;
/// Why a delivery is a dead letter that never failed.
pub(super) const LEASE_OVER: &str = "the lease was over before it could be delivered";

/// What was asked, in a row of `subscription_requests`.
#[derive(Serialize, Deserialize)]
pub(super) struct AskedRow {
    scope: String,
    format: String,
    topic: String,
    callback: String,
    host: String,
    wish: String,
    lease_s: Option<u32>,
    secret: Option<String>,
    reason: Option<String>,
    client: Option<String>,
}

/// What has ended: scope, format, topic, callback, host.
pub(super) type EndedRow = (String, String, String, String, String);

#[derive(Deserialize)]
struct DeliveryRow {
    subscription: i64,
    scope: String,
    format: String,
    topic: String,
    callback: String,
    host: String,
    secret: Option<String>,
    sequence: u64,
    since: i64,
    attempts: u32,
    expires_at: i64,
}

#[derive(Deserialize)]
struct SubscriptionRow {
    id: i64,
    scope: String,
    format: String,
    topic: String,
    callback: String,
    host: String,
    signed: bool,
    verified_at: i64,
    expires_at: i64,
    sequence: u64,
    delivered_at: Option<i64>,
    /// What follows is of the delivery, if there is one.
    waiting_sequence: Option<u64>,
    since: Option<i64>,
    attempts: Option<u32>,
    next_at: Option<i64>,
    failure: Option<String>,
}

#[derive(Deserialize)]
struct DeadLetterRow {
    subscription: i64,
    scope: String,
    format: String,
    callback: String,
    sequence: u64,
    since: i64,
    given_up_at: i64,
    attempts: u32,
    failure: String,
}

/// Deliveries, the oldest event; subscriptions, requests, dead letters; the last delivery that succeeded.
pub(super) type BacklogRow = (i64, Option<i64>, i64, i64, i64, Option<i64>);

/// What happens to a delivery. Each has statements of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    PutOff,
    GivenUp,
    Gone,
}

/// What became of a delivery, as statements take it.
#[derive(Serialize)]
struct SettledRow<'a> {
    subscription: i64,
    /// Until when it was taken.
    claim: i64,
    sequence: Option<u64>,
    until: Option<i64>,
    tries: u32,
    failure: Option<&'a str>,
}

impl From<&NewRequest> for AskedRow {
    fn from(asked: &NewRequest) -> Self {
        let (wish, lease_s, secret, reason) = match &asked.wish {
            Wish::Subscribe { lease_s, secret } => (SUBSCRIBE, Some(*lease_s), secret.as_ref(), None),
            Wish::Unsubscribe => (UNSUBSCRIBE, None, None, None),
            Wish::Deny { reason } => (DENY, None, None, Some(reason.clone())),
        };
        Self {
            scope: asked.key.scope.to_string(),
            format: asked.key.format.to_string(),
            topic: asked.topic.clone(),
            callback: asked.callback.clone(),
            host: asked.host.clone(),
            wish: wish.to_owned(),
            lease_s,
            secret: secret.map(|secret| secret.expose().to_owned()),
            reason,
            client: asked.client.clone(),
        }
    }
}

impl AskedRow {
    /// What the subscriber of an ended subscription is told.
    pub(super) fn denial((scope, format, topic, callback, host): EndedRow, reason: &str) -> Self {
        let (wish, reason) = (DENY.to_owned(), Some(reason.to_owned()));
        Self { scope, format, topic, callback, host, wish, lease_s: None, secret: None, reason, client: None }
    }

    /// Reads it, from the row of this name.
    fn asked(self, row: &str) -> Result<NewRequest, StateError> {
        let wish = match (self.wish.as_str(), self.lease_s, self.reason) {
            (SUBSCRIBE, Some(lease_s), None) => Wish::Subscribe { lease_s, secret: self.secret.map(Secret::new) },
            (UNSUBSCRIBE, None, None) => Wish::Unsubscribe,
            (DENY, None, Some(reason)) => Wish::Deny { reason },
            (other, ..) => return Err(corrupt(row, format!("wish `{other}`"))),
        };
        Ok(NewRequest {
            key: key(row, &self.scope, &self.format)?,
            topic: self.topic,
            callback: self.callback,
            host: self.host,
            wish,
            client: self.client,
        })
    }
}

/// Reads packed requests: number, attempts, what was asked.
pub(super) fn requests(packed: &str) -> Result<Vec<Request>, StateError> {
    let request = |(id, attempts, row): (i64, u32, AskedRow)| {
        Ok(Request { id, asked: row.asked(&format!("subscription request {id}"))?, attempts })
    };
    lines::<(i64, u32, AskedRow)>("subscription request", packed)?.into_iter().map(request).collect()
}

/// What a request came to, from the limit that refused it.
pub(super) fn accepted(refused_by: Option<&str>) -> Accepted {
    match refused_by {
        None => Accepted::Recorded,
        Some("requests_per_host") => Accepted::TooMany(Limit::RequestsPerHost),
        Some("requests_per_client") => Accepted::TooMany(Limit::RequestsPerClient),
        Some("requests") => Accepted::TooMany(Limit::Requests),
        Some("subscriptions_per_host") => Accepted::TooMany(Limit::SubscriptionsPerHost),
        Some(_) => Accepted::TooMany(Limit::Subscriptions),
    }
}

/// Reads packed deliveries, which are taken until then.
pub(super) fn deliveries(packed: &str, claimed_until: Timestamp) -> Result<Vec<Delivery>, StateError> {
    let delivery = |row: DeliveryRow| {
        let name = subscription_name(row.subscription);
        Ok(Delivery {
            subscription: row.subscription,
            key: key(&name, &row.scope, &row.format)?,
            topic: row.topic,
            callback: row.callback,
            host: row.host,
            secret: row.secret.map(Secret::new),
            sequence: row.sequence,
            since: instant(&name, row.since)?,
            attempts: row.attempts,
            expires_at: instant(&name, row.expires_at)?,
            claimed_until,
        })
    };
    lines::<DeliveryRow>("delivery", packed)?.into_iter().map(delivery).collect()
}

/// Reads packed subscriptions.
pub(super) fn subscriptions(packed: &str) -> Result<Vec<Subscription>, StateError> {
    lines::<SubscriptionRow>("subscription", packed)?.into_iter().map(subscription).collect()
}

fn subscription(row: SubscriptionRow) -> Result<Subscription, StateError> {
    let name = subscription_name(row.id);
    let waiting = match (row.waiting_sequence, row.since, row.attempts, row.next_at) {
        (Some(sequence), Some(since), Some(attempts), Some(next_at)) => Some(Waiting {
            sequence,
            since: instant(&name, since)?,
            attempts,
            next_at: instant(&name, next_at)?,
            failure: row.failure,
        }),
        _ => None,
    };
    Ok(Subscription {
        id: row.id,
        key: key(&name, &row.scope, &row.format)?,
        topic: row.topic,
        callback: row.callback,
        host: row.host,
        signed: row.signed,
        verified_at: instant(&name, row.verified_at)?,
        expires_at: instant(&name, row.expires_at)?,
        sequence: row.sequence,
        delivered_at: row.delivered_at.map(|at| instant(&name, at)).transpose()?,
        waiting,
    })
}

/// Reads packed dead letters.
pub(super) fn dead_letters(packed: &str) -> Result<Vec<DeadLetter>, StateError> {
    let letter = |row: DeadLetterRow| {
        let name = format!("dead letter of subscription {}", row.subscription);
        Ok(DeadLetter {
            subscription: row.subscription,
            key: key(&name, &row.scope, &row.format)?,
            callback: row.callback,
            sequence: row.sequence,
            since: instant(&name, row.since)?,
            given_up_at: instant(&name, row.given_up_at)?,
            attempts: row.attempts,
            failure: row.failure,
        })
    };
    lines::<DeadLetterRow>("dead letter", packed)?.into_iter().map(letter).collect()
}

/// Reads what waits.
pub(super) fn backlog(row: BacklogRow) -> Result<Backlog, StateError> {
    let (deliveries, oldest, subscriptions, requests, dead_letters, delivered_at) = row;
    Ok(Backlog {
        deliveries: deliveries.cast_unsigned(),
        oldest: oldest.map(|at| instant("deliveries", at)).transpose()?,
        subscriptions: subscriptions.cast_unsigned(),
        requests: requests.cast_unsigned(),
        dead_letters: dead_letters.cast_unsigned(),
        delivered_at: delivered_at.map(|at| instant("push_place", at)).transpose()?,
    })
}

/// Reads feeds.
pub(super) fn scopes(names: &[String]) -> Result<Vec<Scope>, StateError> {
    names.iter().map(|name| name.parse().map_err(|error| corrupt("subscriptions", error))).collect()
}

/// Pairs of feeds as a JSON parameter.
pub(super) fn pairs(pairs: &[(Scope, Scope)]) -> Result<String, StateError> {
    json(pairs.iter().map(|(from, to)| (from.to_string(), to.to_string())))
}

/// Those with one fate, as a JSON parameter; `None` if there are none.
pub(super) fn settled(settled: &[Settled], fate: Fate) -> Result<Option<String>, StateError> {
    let rows = settled.iter().map(settled_row).filter(|(of, _)| *of == fate);
    let rows: Vec<SettledRow<'_>> = rows.map(|(_, row)| row).collect();
    if rows.is_empty() { Ok(None) } else { json(rows).map(Some) }
}

fn settled_row(settled: &Settled) -> (Fate, SettledRow<'_>) {
    let (subscription, claim) = (settled.subscription, micros(settled.claimed_until));
    let row = SettledRow { subscription, claim, sequence: None, until: None, tries: 0, failure: None };
    match &settled.outcome {
        Outcome::Delivered { sequence } => (Fate::Delivered, SettledRow { sequence: Some(*sequence), ..row }),
        Outcome::Failed { until, failure } => {
            (Fate::PutOff, SettledRow { until: Some(micros(*until)), tries: 1, failure: Some(failure), ..row })
        }
        Outcome::Released { until } => (Fate::PutOff, SettledRow { until: Some(micros(*until)), ..row }),
        Outcome::GivenUp { failure } => (Fate::GivenUp, SettledRow { failure: Some(failure), ..row }),
        Outcome::Gone => (Fate::Gone, row),
    }
}

/// The number of the last transaction whose changes are known to be enqueued. A ledger that is an older copy than the place
/// counts anew, so nothing is known then; what subscribers have is not enqueued again.
pub(super) const fn enqueued_to(place: i64, written: i64) -> i64 {
    if written < place { 0 } else { place }
}

/// End of a lease that counts from an instant.
pub(super) fn lease_end(asked_at: Timestamp, lease_s: u32) -> i64 {
    micros(asked_at).saturating_add(i64::from(lease_s).saturating_mul(1_000_000))
}

/// The instant so long ago.
pub(super) fn before(now: Timestamp, time: Duration) -> i64 {
    micros(now).saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}

/// So many rows at most.
pub(super) fn most(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn subscription_name(id: i64) -> String {
    format!("subscription {id}")
}

fn key(row: &str, scope: &str, format: &str) -> Result<FeedKey, StateError> {
    let scope: Scope = scope.parse().map_err(|error| corrupt(row, error))?;
    let format = Format::from_extension(format).ok_or_else(|| corrupt(row, format!("`{format}` is no format")))?;
    Ok(FeedKey::new(scope, format))
}

/// Reads packed rows of a kind.
fn lines<T: DeserializeOwned>(kind: &str, packed: &str) -> Result<Vec<T>, StateError> {
    packed.lines().map(|line| serde_json::from_str(line).map_err(|error| corrupt(kind, error))).collect()
}
