//! Metrics: every name, unit and meaning in this file. No label holds a path, an id or anything else that readers or
//! editors can make up, so the number of series is bounded.

use std::time::Duration;

use metrics::{Counter, Histogram, Unit, counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

const HTTP_REQUESTS: &str = "loa_http_requests_total";
const HTTP_REQUEST_SECONDS: &str = "loa_http_request_duration_seconds";
const DOCUMENT_LOOKUPS: &str = "loa_document_lookups_total";
const DOCUMENT_RENDERS: &str = "loa_document_renders_total";
const DOCUMENT_RENDER_SECONDS: &str = "loa_document_render_seconds";
const STORE_READS: &str = "loa_store_reads_total";
const STORE_READ_SECONDS: &str = "loa_store_read_seconds";
const STORE_AGE_SECONDS: &str = "loa_store_age_seconds";
const STORE_UP: &str = "loa_store_up";
const STORE_HELD: &str = "loa_store_held";
const RECONCILE_CHANGES: &str = "loa_reconcile_changes_total";
const ARTICLES: &str = "loa_articles";
const FEEDS: &str = "loa_feeds";
const SET_ASIDE: &str = "loa_articles_set_aside";
const PURGES: &str = "loa_purges_total";
const PURGES_WAITING: &str = "loa_purges_waiting";
const PINGS: &str = "loa_pings_total";
const PINGS_WAITING: &str = "loa_pings_waiting";
const PUSH_REQUESTS: &str = "loa_push_requests_total";
const PUSH_VERIFICATIONS: &str = "loa_push_verifications_total";
const PUSH_DELIVERIES: &str = "loa_push_deliveries_total";
const PUSH_SECONDS: &str = "loa_push_seconds";
const PUSH_WAITING: &str = "loa_push_waiting";
const PUSH_OLDEST_SECONDS: &str = "loa_push_oldest_seconds";
const PUSH_SUBSCRIPTIONS: &str = "loa_push_subscriptions";
const PUSH_BREAKERS: &str = "loa_push_breakers_open";

/// Bounds of the classes of durations, in seconds: from an answer from memory (a tenth of a millisecond) to a complete read (half a minute).
const SECONDS: [f64; 13] = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0];

/// Where a document was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// In memory.
    Memory,
    /// In memory, and about to be made anew.
    Stale,
    /// On disk, because it could not be made.
    Disk,
    /// It was made.
    Rendered,
    /// Nowhere, and it could not be made.
    Unavailable,
}

impl Lookup {
    const ALL: [Self; 5] = [Self::Memory, Self::Stale, Self::Disk, Self::Rendered, Self::Unavailable];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Stale => "stale",
            Self::Disk => "disk",
            Self::Rendered => "rendered",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What became of an address that a cache or an external hub was to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purged {
    /// It is told.
    Done,
    /// The cache does not have it.
    Absent,
    /// It could not be told, and is tried again.
    Failed,
    /// It is not tried any more.
    GivenUp,
}

impl Purged {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Absent => "absent",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

/// What a callback said that was asked whether it means it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// That it does.
    Confirmed,
    /// That it does not, or nothing sensible.
    Dropped,
    /// Nothing: it is asked again.
    Postponed,
}

impl Verified {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Dropped => "dropped",
            Self::Postponed => "postponed",
        }
    }
}

/// What became of a delivery to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// He has it.
    Delivered,
    /// It is tried again.
    Failed,
    /// It is tried again, and not for a fault of his.
    Released,
    /// It is not tried any more.
    GivenUp,
    /// He wants nothing any more.
    Gone,
}

impl Pushed {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Released => "released",
            Self::GivenUp => "given_up",
            Self::Gone => "gone",
        }
    }
}

/// Starts collecting in this process, and returns what renders the page of the private listener (`handle.render()`).
/// Without it every function here does nothing. Somebody must call `handle.run_upkeep()` every few seconds.
///
/// # Errors
/// [`BuildError`] if another recorder was installed before.
pub fn start() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    metrics::describe_counter!(HTTP_REQUESTS, "Requests answered, by class of status and kind of target.");
    metrics::describe_histogram!(
        HTTP_REQUEST_SECONDS,
        Unit::Seconds,
        "How long finding an answer took, without sending it."
    );
    metrics::describe_counter!(DOCUMENT_LOOKUPS, "Documents asked for, by where they were found.");
    metrics::describe_counter!(DOCUMENT_RENDERS, "Documents made, by result.");
    metrics::describe_histogram!(DOCUMENT_RENDER_SECONDS, Unit::Seconds, "How long making a document took.");
    metrics::describe_counter!(STORE_READS, "Readings of the article store, by result.");
    metrics::describe_histogram!(STORE_READ_SECONDS, Unit::Seconds, "How long a reading of the article store took.");
    metrics::describe_gauge!(
        STORE_AGE_SECONDS,
        Unit::Seconds,
        "Time since the article store was last read completely."
    );
    metrics::describe_gauge!(
        STORE_UP,
        "1 while the article store answers, else 0: the last good documents are served."
    );
    metrics::describe_gauge!(STORE_HELD, "1 while a change of the store is held back until `loa store accept`.");
    metrics::describe_counter!(RECONCILE_CHANGES, "Articles whose record in the ledger changed.");
    metrics::describe_gauge!(ARTICLES, "Articles in the feeds.");
    metrics::describe_gauge!(FEEDS, "Feeds that hold articles.");
    metrics::describe_gauge!(SET_ASIDE, "Articles that cannot be published because of a fault.");
    metrics::describe_counter!(PURGES, "Addresses of which caches were told that they changed, by result.");
    metrics::describe_gauge!(PURGES_WAITING, "Addresses that wait to be purged from caches.");
    metrics::describe_counter!(PINGS, "Addresses of which external hubs were told that they changed, by result.");
    metrics::describe_gauge!(PINGS_WAITING, "Addresses that wait to be told to external hubs, of all hubs together.");
    metrics::describe_counter!(PUSH_REQUESTS, "Requests to the hub, by result.");
    metrics::describe_counter!(PUSH_VERIFICATIONS, "Callbacks asked whether they mean it, by what they said.");
    metrics::describe_counter!(PUSH_DELIVERIES, "Documents posted to subscribers, by result.");
    metrics::describe_histogram!(
        PUSH_SECONDS,
        Unit::Seconds,
        "How long after its record in the ledger a change was delivered to a subscriber."
    );
    metrics::describe_gauge!(PUSH_WAITING, "Deliveries that wait or are under way.");
    metrics::describe_gauge!(PUSH_OLDEST_SECONDS, Unit::Seconds, "Age of the oldest change that a subscriber lacks.");
    metrics::describe_gauge!(PUSH_SUBSCRIPTIONS, "Subscriptions that stand.");
    metrics::describe_gauge!(PUSH_BREAKERS, "Hosts of subscribers that are left alone for now.");
}

/// Counts the requests of one kind. Made once: looking up a metric by its labels costs more than the rest of an answer.
pub struct Requests {
    /// By class of status.
    answered: [(&'static str, Counter); Self::CLASSES.len()],
    took: Histogram,
}

impl Requests {
    /// Classes of statuses; 304 has one of its own, for it is what a good reader gets.
    const CLASSES: [&str; 5] = ["2xx", "304", "3xx", "4xx", "5xx"];

    /// `kind` is one of the few words of `http`, never anything a client can make up.
    #[must_use]
    pub fn new(kind: &'static str) -> Self {
        Self {
            answered: Self::CLASSES.map(|class| (class, counter!(HTTP_REQUESTS, "kind" => kind, "class" => class))),
            took: histogram!(HTTP_REQUEST_SECONDS, "kind" => kind),
        }
    }

    /// A request was answered.
    pub fn note(&self, status: u16, took: Duration) {
        let wanted = class(status);
        if let Some((_, counter)) = self.answered.iter().find(|(class, _)| *class == wanted) {
            counter.increment(1);
        }
        self.took.record(took);
    }
}

const fn class(status: u16) -> &'static str {
    match status {
        304 => "304",
        0..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// Counts where documents are found. Made once, as [`Requests`] is.
#[derive(Debug)]
pub struct Lookups {
    found: [(Lookup, Counter); Lookup::ALL.len()],
}

impl Default for Lookups {
    fn default() -> Self {
        Self::new()
    }
}

impl Lookups {
    /// None was counted.
    #[must_use]
    pub fn new() -> Self {
        Self { found: Lookup::ALL.map(|found| (found, counter!(DOCUMENT_LOOKUPS, "found" => found.as_str()))) }
    }

    /// A document was asked for.
    pub fn note(&self, found: Lookup) {
        if let Some((_, counter)) = self.found.iter().find(|(each, _)| *each == found) {
            counter.increment(1);
        }
    }
}

/// A document was made, or could not be made.
pub fn document_render(ok: bool, took: Duration) {
    counter!(DOCUMENT_RENDERS, "result" => result(ok)).increment(1);
    histogram!(DOCUMENT_RENDER_SECONDS).record(took);
}

/// The article store was read, or did not answer.
pub fn store_read(ok: bool, took: Duration) {
    counter!(STORE_READS, "result" => result(ok)).increment(1);
    histogram!(STORE_READ_SECONDS).record(took);
}

/// The article store was last read completely this long ago.
pub fn store_age(age: Duration) {
    gauge!(STORE_AGE_SECONDS).set(age.as_secs_f64());
}

/// The article store answers, or it does not.
pub fn store_up(up: bool) {
    gauge!(STORE_UP).set(if up { 1.0 } else { 0.0 });
}

/// A change of the store is held back, or none is.
pub fn store_held(held: bool) {
    gauge!(STORE_HELD).set(if held { 1.0 } else { 0.0 });
}

/// Records of this many articles changed.
pub fn reconcile_changes(count: usize) {
    counter!(RECONCILE_CHANGES).increment(u64::try_from(count).unwrap_or(u64::MAX));
}

/// What the catalog holds now.
pub fn catalog(articles: usize, feeds: usize, set_aside: usize) {
    gauge!(ARTICLES).set(number(articles));
    gauge!(FEEDS).set(number(feeds));
    gauge!(SET_ASIDE).set(number(set_aside));
}

/// So many addresses were told to a cache, or were not.
pub fn purged(result: Purged, addresses: usize) {
    counter!(PURGES, "result" => result.as_str()).increment(u64::try_from(addresses).unwrap_or(u64::MAX));
}

/// So many addresses were told to an external hub, or were not.
pub fn pinged(result: Purged, addresses: usize) {
    counter!(PINGS, "result" => result.as_str()).increment(u64::try_from(addresses).unwrap_or(u64::MAX));
}

/// So many addresses wait to be told to a cache.
pub fn purges_waiting(addresses: usize) {
    gauge!(PURGES_WAITING).set(number(addresses));
}

/// Of one of the external hubs so many addresses wait now, where so many did before.
pub fn pings_waiting(before: usize, now: usize) {
    gauge!(PINGS_WAITING).increment(number(now) - number(before));
}

/// Somebody asked the hub, and was accepted or refused.
pub fn push_request(accepted: bool) {
    counter!(PUSH_REQUESTS, "result" => if accepted { "accepted" } else { "refused" }).increment(1);
}

/// A callback was asked whether it means it.
pub fn push_verified(said: Verified) {
    counter!(PUSH_VERIFICATIONS, "result" => said.as_str()).increment(1);
}

/// A document was posted to a subscriber, or could not be.
pub fn pushed(result: Pushed) {
    counter!(PUSH_DELIVERIES, "result" => result.as_str()).increment(1);
}

/// A change reached a subscriber so long after it was recorded.
pub fn push_took(took: Duration) {
    histogram!(PUSH_SECONDS).record(took);
}

/// So much waits for subscribers, of so many subscriptions, and the oldest for so long.
pub fn push_backlog(waiting: u64, subscriptions: u64, oldest: Duration) {
    gauge!(PUSH_WAITING).set(number(usize::try_from(waiting).unwrap_or(usize::MAX)));
    gauge!(PUSH_SUBSCRIPTIONS).set(number(usize::try_from(subscriptions).unwrap_or(usize::MAX)));
    gauge!(PUSH_OLDEST_SECONDS).set(oldest.as_secs_f64());
}

/// So many hosts of subscribers are left alone.
pub fn push_breakers(open: usize) {
    gauge!(PUSH_BREAKERS).set(number(open));
}

const fn result(ok: bool) -> &'static str {
    if ok { "ok" } else { "failed" }
}

/// A count as a gauge holds it. Above four milliards nobody counts.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_metric_with_its_meaning() {
        let recorder = PrometheusBuilder::new().set_buckets(&SECONDS).unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            Requests::new("feed").note(304, Duration::from_millis(1));
            Requests::new("error").note(404, Duration::from_millis(1));
            Lookups::new().note(Lookup::Memory);
            document_render(true, Duration::from_millis(2));
            store_read(false, Duration::from_secs(30));
            store_age(Duration::from_millis(1500));
            store_up(true);
            store_held(true);
            reconcile_changes(7);
            catalog(1000, 20, 1);
            purged(Purged::GivenUp, 3);
            purges_waiting(5);
            pinged(Purged::Done, 4);
            pings_waiting(0, 9);
            pings_waiting(0, 2);
            pings_waiting(9, 6);
            push_request(false);
            push_verified(Verified::Confirmed);
            pushed(Pushed::GivenUp);
            push_took(Duration::from_millis(20));
            push_backlog(7, 100, Duration::from_secs(2));
            push_breakers(1);
        });
        let page = handle.render();
        for line in [
            "# HELP loa_http_requests_total Requests answered, by class of status and kind of target.",
            "loa_http_requests_total{kind=\"feed\",class=\"304\"} 1",
            "loa_http_requests_total{kind=\"error\",class=\"4xx\"} 1",
            "loa_http_request_duration_seconds_count{kind=\"feed\"} 1",
            "loa_document_lookups_total{found=\"memory\"} 1",
            "loa_document_renders_total{result=\"ok\"} 1",
            "loa_document_render_seconds_bucket{le=\"0.003\"} 1",
            "loa_store_reads_total{result=\"failed\"} 1",
            "loa_store_read_seconds_count 1",
            "loa_store_age_seconds 1.5",
            "loa_store_up 1",
            "loa_store_held 1",
            "loa_reconcile_changes_total 7",
            "loa_articles 1000",
            "loa_feeds 20",
            "loa_articles_set_aside 1",
            "loa_purges_total{result=\"given_up\"} 3",
            "loa_purges_waiting 5",
            "loa_pings_total{result=\"done\"} 4",
            "loa_pings_waiting 8",
            "loa_push_requests_total{result=\"refused\"} 1",
            "loa_push_verifications_total{result=\"confirmed\"} 1",
            "loa_push_deliveries_total{result=\"given_up\"} 1",
            "loa_push_seconds_bucket{le=\"0.03\"} 1",
            "loa_push_waiting 7",
            "loa_push_subscriptions 100",
            "loa_push_oldest_seconds 2",
            "loa_push_breakers_open 1",
        ] {
            assert!(page.lines().any(|found| found == line), "`{line}` is not in\n{page}");
        }
        let helps = page.lines().filter(|line| line.starts_with("# HELP")).count();
        assert_eq!(helps, 26, "one of each");
    }
}
