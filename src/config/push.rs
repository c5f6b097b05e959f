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
const ORDERED: [(&str, &str); 8] = [
    ("push.lease_min_seconds", "push.lease_default_seconds"),
    ("push.lease_default_seconds", "push.lease_max_seconds"),
    ("push.subscriptions_per_host_max", "push.subscriptions_max"),
    ("push.requests_per_host_max", "push.requests_max"),
    ("push.deliveries_per_host_max", "push.deliveries_max"),
    ("push.verification_retry_first_ms", "push.verification_retry_max_ms"),
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
    /// Requests of one client's address that wait for their verification.
    pub requests_per_client_max: u64,
    /// Requests of one client's address in an hour.
    pub requests_per_client_hour: u32,
    /// Bytes of a request.
    pub request_bytes_max: usize,
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
    /// How often a callback that does not answer is asked.
    pub verification_tries_max: u32,
    /// It is asked again after this at the earliest.
    pub verification_retry_first: Duration,
    /// It is asked again after this at the latest.
    pub verification_retry_max: Duration,
    /// How long a delivery, or a ping, may take.
    pub delivery_timeout: Duration,
    /// Deliveries at a time.
    pub deliveries_max: usize,
    /// Deliveries at a time to one callback host.
    pub deliveries_per_host_max: usize,
    /// Deliveries at a time to one callback host that has not answered lately.
    pub deliveries_per_unproven_host_max: usize,
    /// Deliveries at a time to all such hosts, in percent of all.
    pub deliveries_unproven_percent: usize,
    /// Verifications at a time.
    pub verifications_max: usize,
    /// Verifications at a time at one callback host.
    pub verifications_per_host_max: usize,
    /// Pings at a time of one hub of others.
    pub pings_max: usize,
    /// The first retry comes after this at the earliest.
    pub retry_first: Duration,
    /// No retry waits longer than this.
    pub retry_max: Duration,
    /// How long a delivery, or a ping, is tried.
    pub give_up_after: Duration,
    /// How often a delivery is tried at least.
    pub give_up_tries_min: u32,
    /// Failures of a host in a row that open its breaker.
    pub breaker_failures: u32,
    /// For how long the breaker is open the first time.
    pub breaker_pause: Duration,
    /// For how long at most.
    pub breaker_pause_max: Duration,
    /// How long dead letters are kept.
    pub dead_letters_keep: Duration,
    /// How long deliveries under way may take at the end.
    pub shutdown_grace: Duration,
}

pub(super) fn read(reader: &Reader<'_>) -> Push {
    contradictions(reader);
    let lease = |key| reader.number(key, 1..=LEASE_SECONDS_MAX);
    let count = |key| reader.number(key, 1..=COUNT_MAX);
    let timeout = |key| milliseconds(reader, key, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX);
    let pause = |key, max| milliseconds(reader, key, PAUSE_MS_MIN, max);
    let header_expected = "the name of a header such as `X-Forwarded-For`";
    Push {
        enabled: reader.flag("push.enabled"),
        hubs: hubs(reader),
        lease_default_seconds: lease("push.lease_default_seconds"),
        lease_min_seconds: lease("push.lease_min_seconds"),
        lease_max_seconds: lease("push.lease_max_seconds"),
        subscriptions_max: count("push.subscriptions_max"),
        subscriptions_per_host_max: count("push.subscriptions_per_host_max"),
        requests_max: count("push.requests_max"),
        requests_per_host_max: count("push.requests_per_host_max"),
        requests_per_client_max: count("push.requests_per_client_max"),
        requests_per_client_hour: reader.number("push.requests_per_client_hour", 1..=COUNT_MAX),
        request_bytes_max: reader.number("push.request_bytes_max", 1024..=1_048_576),
        client_header: reader.parsed("push.client_header", header_expected, |text| text.parse().ok()),
        callback_ports: reader.numbers("push.callback_ports", 1..=65_535),
        callbacks_may_be_local: reader.flag("push.callbacks_may_be_local"),
        connect_timeout: timeout("push.connect_timeout_ms"),
        verification_timeout: timeout("push.verification_timeout_ms"),
        verification_tries_max: reader.number("push.verification_tries_max", 1..=100),
        verification_retry_first: pause("push.verification_retry_first_ms", HOUR_MS),
        verification_retry_max: pause("push.verification_retry_max_ms", 24 * HOUR_MS),
        delivery_timeout: timeout("push.delivery_timeout_ms"),
        deliveries_max: reader.number("push.deliveries_max", 1..=10_000),
        deliveries_per_host_max: reader.number("push.deliveries_per_host_max", 1..=1000),
        deliveries_per_unproven_host_max: reader.number("push.deliveries_per_unproven_host_max", 1..=1000),
        deliveries_unproven_percent: reader.number("push.deliveries_unproven_percent", 1..=100),
        verifications_max: reader.number("push.verifications_max", 1..=1000),
        verifications_per_host_max: reader.number("push.verifications_per_host_max", 1..=1000),
        pings_max: reader.number("push.pings_max", 1..=100),
        retry_first: pause("push.retry_first_ms", HOUR_MS),
        retry_max: pause("push.retry_max_ms", 24 * HOUR_MS),
        give_up_after: minutes(reader, "push.give_up_minutes", 1..=43_200),
        give_up_tries_min: reader.number("push.give_up_tries_min", 1..=1000),
        breaker_failures: reader.number("push.breaker_failures", 1..=1000),
        breaker_pause: pause("push.breaker_pause_ms", HOUR_MS),
        breaker_pause_max: pause("push.breaker_pause_max_ms", 24 * HOUR_MS),
        dead_letters_keep: Duration::from_hours(24 * reader.number::<u64>("push.dead_letters_days", 1..=3650)),
        shutdown_grace: milliseconds(reader, "push.shutdown_grace_ms", 0, 600_000),
    }
}

/// Hubs of others. One that stands there twice would be told everything twice.
fn hubs(reader: &Reader<'_>) -> Vec<Url> {
    let hubs = reader.http_urls("push.hubs");
    let again = hubs.iter().enumerate().filter(|(at, hub)| hubs.iter().take(*at).any(|before| before == *hub));
    for (_, hub) in again {
        reader.fault("push.hubs", format!("`{hub}` stands there more than once; leave it there once"));
    }
    hubs
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
