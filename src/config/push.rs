//! `[push]`: the hub, whom it serves and how much, and hubs of others.

use std::time::Duration;

use http::HeaderName;
use url::Url;

use super::reader::Reader;
use super::{HOUR_MS, milliseconds, minutes};

const LEASE_SECONDS_MAX: i64 = 31_536_000;
const COUNT_MAX: i64 = 1_000_000_000;
const TIMEOUT_MS_MIN: i64 = 100;
const TIMEOUT_MS_MAX: i64 = 60_000;
const PAUSE_MS_MIN: i64 = 10;

/// Of each pair the first must not be more than the second.
const ORDERED: [(&str, &str); 7] = [
    ("push.lease_min_seconds", "push.lease_default_seconds"),
    ("push.lease_default_seconds", "push.lease_max_seconds"),
    ("push.subscriptions_per_host_max", "push.subscriptions_max"),
    ("push.requests_per_host_max", "push.requests_max"),
    ("push.deliveries_per_host_max", "push.deliveries_max"),
    ("push.retry_first_ms", "push.retry_max_ms"),
    ("push.breaker_pause_ms", "push.breaker_pause_max_ms"),
];

/// `[push]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Is there a hub of our own?
    pub enabled: bool,
    /// Hubs of others, named after our own.
    pub hubs: Vec<Url>,
    /// The lease where none is asked for, in seconds.
    pub lease_default_seconds: u32,
    /// The shortest lease, in seconds.
    pub lease_min_seconds: u32,
    /// The longest lease, in seconds.
    pub lease_max_seconds: u32,
    /// Subscriptions in all.
    pub subscriptions_max: u64,
    /// Subscriptions of one callback host.
    pub subscriptions_per_host_max: u64,
    /// Requests in all that wait for their verification.
    pub requests_max: u64,
    /// Requests of one callback host that wait for their verification.
    pub requests_per_host_max: u64,
    /// Requests of one client's address in an hour.
    pub requests_per_client_hour: u32,
    /// The header in which the proxy in front writes the client's address; `None`: that of the connection counts.
    pub client_header: Option<HeaderName>,
    /// Ports that callbacks may have.
    pub callback_ports: Vec<u16>,
    /// May callbacks be on this machine and in private networks, on any port?
    pub callbacks_may_be_local: bool,
    /// How long connecting to a callback may take.
    pub connect_timeout: Duration,
    /// How long a verification may take.
    pub verification_timeout: Duration,
    /// How long a delivery may take.
    pub delivery_timeout: Duration,
    /// Deliveries at a time.
    pub deliveries_max: usize,
    /// Deliveries at a time to one callback host.
    pub deliveries_per_host_max: usize,
    /// Verifications at a time.
    pub verifications_max: usize,
    /// Verifications at a time at one callback host.
    pub verifications_per_host_max: usize,
    /// The first retry comes after this at the earliest.
    pub retry_first: Duration,
    /// No retry waits longer than this.
    pub retry_max: Duration,
    /// How long a delivery is tried.
    pub give_up_after: Duration,
    /// Failures of a host in a row that open its breaker.
    pub breaker_failures: u32,
    /// For how long the breaker is open the first time.
    pub breaker_pause: Duration,
    /// For how long at most.
    pub breaker_pause_max: Duration,
    /// How long dead letters are kept.
    pub dead_letters_keep: Duration,
}

pub(super) fn read(reader: &Reader<'_>) -> Push {
    contradictions(reader);
    let lease = |key| reader.number(key, 1..=LEASE_SECONDS_MAX);
    let count = |key| reader.number(key, 1..=COUNT_MAX);
    let timeout = |key| milliseconds(reader, key, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX);
    let header_expected = "the name of a header such as `X-Forwarded-For`";
    Push {
        enabled: reader.flag("push.enabled"),
        hubs: reader.http_urls("push.hubs"),
        lease_default_seconds: lease("push.lease_default_seconds"),
        lease_min_seconds: lease("push.lease_min_seconds"),
        lease_max_seconds: lease("push.lease_max_seconds"),
        subscriptions_max: count("push.subscriptions_max"),
        subscriptions_per_host_max: count("push.subscriptions_per_host_max"),
        requests_max: count("push.requests_max"),
        requests_per_host_max: count("push.requests_per_host_max"),
        requests_per_client_hour: reader.number("push.requests_per_client_hour", 1..=COUNT_MAX),
        client_header: reader.parsed("push.client_header", header_expected, |text| text.parse().ok()),
        callback_ports: reader.numbers("push.callback_ports", 1..=65_535),
        callbacks_may_be_local: reader.flag("push.callbacks_may_be_local"),
        connect_timeout: timeout("push.connect_timeout_ms"),
        verification_timeout: timeout("push.verification_timeout_ms"),
        delivery_timeout: timeout("push.delivery_timeout_ms"),
        deliveries_max: reader.number("push.deliveries_max", 1..=10_000),
        deliveries_per_host_max: reader.number("push.deliveries_per_host_max", 1..=1000),
        verifications_max: reader.number("push.verifications_max", 1..=1000),
        verifications_per_host_max: reader.number("push.verifications_per_host_max", 1..=1000),
        retry_first: milliseconds(reader, "push.retry_first_ms", PAUSE_MS_MIN, HOUR_MS),
        retry_max: milliseconds(reader, "push.retry_max_ms", PAUSE_MS_MIN, 24 * HOUR_MS),
        give_up_after: minutes(reader, "push.give_up_minutes", 1..=43_200),
        breaker_failures: reader.number("push.breaker_failures", 1..=1000),
        breaker_pause: milliseconds(reader, "push.breaker_pause_ms", PAUSE_MS_MIN, HOUR_MS),
        breaker_pause_max: milliseconds(reader, "push.breaker_pause_max_ms", PAUSE_MS_MIN, 24 * HOUR_MS),
        dead_letters_keep: Duration::from_hours(24 * reader.number::<u64>("push.dead_letters_days", 1..=3650)),
    }
}

/// What single keys cannot tell.
fn contradictions(reader: &Reader<'_>) {
    let number = |key| reader.number::<i64>(key, i64::MIN..=i64::MAX);
    for (key, other) in ORDERED {
        let (less, more) = (number(key), number(other));
        if less > more {
            reader.fault(key, format!("{less} is more than `{other}` ({more}); lower it or raise the other"));
        }
    }
}
