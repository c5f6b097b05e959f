//! Answers requests, from memory, over HTTP/1.1. It knows [`Published`](crate::publish::Published) and nothing else of
//! the program: no store, no catalog, no configuration, no file system.
//!
//! A request goes one straight way: `server` (accept, connection limit) -> `deadlines` (time limits) -> hyper (parsing)
//! -> `guard` (Host, sizes) -> `handler` (route) -> `encoding` (which coding) -> `conditional` (304, 412) -> `headers`
//! (what every answer carries). What hyper refuses before it is a request gets the same headers in `unparsed`.
//!
//! Not here: TLS and HTTP/2, which a reverse proxy speaks; ranges, which are answered with the whole (RFC 9110
//! section 14.2 allows it).

mod conditional;
mod deadlines;
mod encoding;
mod errors;
mod guard;
mod handler;
mod headers;
mod metrics_listener;
mod pages;
mod server;
mod unparsed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::domain::clock::Clock;
use crate::hub::Hub;
use crate::publish::Published;
use crate::purge::ExternalHub;

pub use metrics_listener::serve_metrics;

/// What the public listener needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Public address of this service, ending in `/`: every address of ours in a header begins with it.
    pub base_url: Url,
    /// Who pushes the feeds (WebSub): our own hub first.
    pub hubs: Vec<Url>,
    /// The hub, if there is one.
    pub hub: Option<Arc<Hub>>,
    /// The hubs of others, to say how they are.
    pub external_hubs: Vec<Arc<ExternalHub>>,
    /// The header in which a proxy in front says who asks; `None`: nobody stands in front, or he does not say.
    pub client_header: Option<HeaderName>,
    /// Further names by which clients may call us in `Host`. The base URL's own, `localhost`, loopback addresses and
    /// the address that was connected to are known anyway; ports are not looked at.
    pub host_names: Vec<String>,
    /// Addresses of the time before Loa (decoded paths), and the paths of the documents that took their place.
    pub redirects: BTreeMap<String, String>,
    /// Title of the site, for the index page.
    pub title: String,
    /// BCP 47 tag of the titles, such as `vi`.
    pub language: String,
    /// How long caches may keep documents.
    pub cache: CacheTimes,
    /// How much and how long.
    pub limits: Limits,
    /// What time it is: for `Date`, and for when `Last-Modified` may be shown.
    pub clock: Arc<dyn Clock>,
}

/// `Cache-Control` of documents, in seconds. Their sum bounds how long a withdrawn story lingers (promise 5). There is
/// no `s-maxage`: it would forbid caches to serve stale (RFC 9111 section 5.2.2.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheTimes {
    /// `max-age`.
    pub max_age_s: u32,
    /// `stale-while-revalidate` (RFC 5861 section 3).
    pub stale_while_revalidate_s: u32,
    /// `stale-if-error` (RFC 5861 section 4).
    pub stale_if_error_s: u32,
}

impl Default for CacheTimes {
    fn default() -> Self {
        Self { max_age_s: 60, stale_while_revalidate_s: 60, stale_if_error_s: 600 }
    }
}

/// The limits of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Bytes of all header names and values; more is 431.
    pub headers_bytes_max: usize,
    /// Header lines; more is 431. hyper takes 100 at most.
    pub headers_count_max: usize,
    /// Bytes of the request target; more is 414.
    pub target_bytes_max: usize,
    /// From accepting a connection to its first complete request head; then it is closed.
    pub first_request_timeout: Duration,
    /// From the first byte of a further request head to its last.
    pub header_timeout: Duration,
    /// From an answer to the first byte of the next request.
    pub idle_timeout: Duration,
    /// For the client to take an answer, once it no longer fits the socket's buffer.
    pub answer_timeout: Duration,
    /// Bytes of a request to the hub: an address of ours, one of theirs and a secret, all of them escaped; more is 413.
    pub hub_body_bytes_max: usize,
    /// For answers under way when the shutdown begins.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            headers_bytes_max: 16 * 1024,
            headers_count_max: 100,
            target_bytes_max: 2_048,
            first_request_timeout: Duration::from_secs(8),
            header_timeout: Duration::from_secs(8),
            idle_timeout: Duration::from_secs(75),
            answer_timeout: Duration::from_mins(1),
            hub_body_bytes_max: 16 * 1024,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

/// Answers on `listener` until `shutdown` is cancelled, then finishes the answers under way within the grace and
/// returns; it never ends by itself. A service on several addresses calls it once for each.
pub async fn serve(
    listener: TcpListener,
    published: Arc<dyn Published>,
    options: Options,
    shutdown: CancellationToken,
) {
    let limits = options.limits;
    server::run(listener, handler::Handler::new(published, options), limits, shutdown).await;
}
