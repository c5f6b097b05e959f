//! Keeps the documents: renders what a change affects, once, off the request path, and answers from memory; behind
//! it the disk copies of promise 7.

pub mod address;
mod afresh;
pub mod articles;
mod comparison;
mod day;
pub mod disk;
pub mod document;
pub mod engine;
mod follower;
pub mod listing;
mod lists;
pub mod live;
pub mod make;
pub mod moves;
pub(crate) mod names;
mod outcome;
mod prepared;
pub mod publisher;
mod reconcile;
mod refresh;
pub mod shelf;
pub mod snapshot;
pub mod summaries;
pub mod view;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::domain::clock::Timestamp;
use crate::domain::feed_key::FeedKey;
use document::{Body, Document, Encoding};
use listing::Listing;
use shelf::Kept;

/// What a request path stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A feed's document.
    Feed(FeedKey),
    /// A page of [`Listing`]: a group's segment, or the path of a feed below `/feeds/`.
    Page(String),
    /// A path that moved for good: the present path.
    Moved(String),
    /// A feed that ended for good: 410.
    Gone,
    /// Cannot be told yet: nothing was ever read.
    Starting,
    /// Nothing of ours.
    Unknown,
}

/// Why there is no document now: 503 with `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unavailable {
    /// For the log and `/readyz`; never for the client.
    pub reason: String,
    /// When to ask again.
    pub retry_after: Duration,
}

/// How the service is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Health {
    /// Can feeds be served? Also while the store is down: see `serving`.
    pub ready: bool,
    /// What answers are made of: `current`, `stale` (the last good documents), `starting`.
    pub serving: &'static str,
    /// The store's address without its password, and what it is.
    pub store: PartHealth,
    /// Loa's own data.
    pub state: PartHealth,
    /// How changes are found, with the bound.
    pub change_detection: String,
    /// Articles in the feeds.
    pub articles: usize,
    /// Feeds with articles.
    pub feeds: usize,
    /// Articles set aside because of a fault.
    pub set_aside: usize,
    /// A change that is held back until `loa store accept`, and why.
    pub held: Option<String>,
}

/// How one part is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartHealth {
    /// Does it answer?
    pub ok: bool,
    /// What it is.
    pub what: String,
    /// When it last answered, RFC 3339 in UTC.
    pub last_ok: Option<Timestamp>,
    /// What it last said, if it is not well.
    pub error: Option<String>,
}

/// What the HTTP side knows of everything to the left of it.
pub trait Published: Send + Sync + 'static {
    /// What is served at a request path (as it is written, without query), if it is in memory and current, and nothing
    /// has to be looked up, waited for or begun for it: the short way, for nearly every request. `None` means nothing
    /// but that the long way is to be gone.
    fn ready(&self, path: &str, now: Timestamp) -> Option<Arc<Kept>>;

    /// What a request path (decoded, without query) stands for.
    fn route(&self, path: &str) -> Route;

    /// The document of a feed: from memory, else made, at once in the coding that it is wanted in, or read back.
    fn document<'a>(&'a self, key: &'a FeedKey, coding: Encoding) -> BoxFuture<'a, Result<Arc<Document>, Unavailable>>;

    /// The feeds that hold articles, in groups. The same `Arc` for as long as they are the same.
    fn listed(&self) -> BoxFuture<'_, Result<Arc<Listing>, Unavailable>>;

    /// The same as OPML 2.0.
    fn opml(&self) -> BoxFuture<'_, Result<Arc<Body>, Unavailable>>;

    /// How the service is.
    fn health(&self) -> Health;
}
