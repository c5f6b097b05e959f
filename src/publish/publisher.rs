//! Answers for documents: from memory; else made on demand, once for all who wait; else the last good one from disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use moka::sync::Cache;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::disk::DiskCopies;
use super::document::Document;
use super::make::{Made, MakeError, Maker};
use super::view::View;
use super::{Health, ListedFeed, PartHealth, Published, Route, Unavailable};
use crate::domain::address::Resolved;
use crate::domain::category::{CategoryId, CategoryTree};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::fault::Severity;
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;
use crate::domain::scope::Scope;
use crate::observe::metrics::{self, Lookup};

/// A document in memory counts as so many times its own length: the encodings made of it.
const WEIGHT_FACTOR: usize = 2;
/// Renderings at a time, off the request path.
const REFRESHES_AT_A_TIME: usize = 2;
/// How often a rendering is tried again when the store has moved on meanwhile.
const BEHIND_TRIES: usize = 3;
/// How long to wait for the engine to catch up before such a try.
const BEHIND_WAIT: Duration = Duration::from_millis(500);

/// `/readyz` is public, what a database says is not.
const SEE_LOG: &str = "does not answer, see the log";

/// Limits of the publisher.
#[derive(Debug, Clone)]
pub struct PublisherOptions {
    /// Bytes of documents kept in memory.
    pub memory_bytes_max: u64,
    /// How long a request waits for a document to be made.
    pub demand_timeout: Duration,
    /// What `Retry-After` says.
    pub retry_after: Duration,
}

/// Keeps and gives documents.
#[derive(Debug)]
pub struct Publisher {
    maker: Maker,
    disk: Arc<DiskCopies>,
    memory: Cache<FeedKey, Arc<Document>>,
    /// One lock per document that is being made on demand.
    flights: Mutex<HashMap<FeedKey, Arc<tokio::sync::Mutex<()>>>>,
    clock: Arc<dyn Clock>,
    options: PublisherOptions,
    /// Wakes the engine.
    pub(super) wake: Arc<Notify>,
    /// Rung by the engine after it has caught up.
    pub(super) caught_up: Arc<Notify>,
}

impl Publisher {
    /// Puts the parts together.
    #[must_use]
    pub fn new(maker: Maker, disk: Arc<DiskCopies>, clock: Arc<dyn Clock>, options: PublisherOptions) -> Self {
        let weight = |_: &FeedKey, document: &Arc<Document>| {
            u32::try_from(document.identity().bytes.len() * WEIGHT_FACTOR).unwrap_or(u32::MAX)
        };
        Self {
            maker,
            disk,
            memory: Cache::builder().weigher(weight).max_capacity(options.memory_bytes_max).build(),
            flights: Mutex::default(),
            clock,
            options,
            wake: Arc::default(),
            caught_up: Arc::default(),
        }
    }

    /// What makes the documents.
    #[must_use]
    pub const fn maker(&self) -> &Maker {
        &self.maker
    }

    fn view(&self) -> &View {
        &self.maker.view
    }

    /// The feed's sequence, and the one below which no document may be served any more.
    fn sequences(&self, scope: &Scope) -> (u64, u64) {
        let record = self.view().with_catalog(|catalog| catalog.feed(scope).cloned());
        record.map_or((0, 0), |record| (record.sequence, record.removal_sequence))
    }

    async fn get(&self, key: &FeedKey) -> Result<Arc<Document>, Unavailable> {
        let (current, floor) = self.sequences(&key.scope);
        self.disk.asked(key, self.clock.now());
        if let Some(document) = self.memory.get(key) {
            if document.sequence() == current {
                metrics::document_lookup(Lookup::Memory);
                return Ok(document);
            }
            // The engine is about to make the new one; until then the old one is good, if nothing had to leave it.
            if document.sequence() >= floor && document.sequence() < current {
                metrics::document_lookup(Lookup::Stale);
                self.wake.notify_one();
                return Ok(document);
            }
        }
        let reason = match timeout(self.options.demand_timeout, self.make_once(key)).await {
            Ok(Ok(document)) => {
                metrics::document_lookup(Lookup::Rendered);
                return Ok(document);
            }
            Ok(Err(reason)) => reason,
            Err(_) => "the document was not ready in time".to_owned(),
        };
        let last_good = self.last_good(key, &reason).await;
        metrics::document_lookup(if last_good.is_ok() { Lookup::Disk } else { Lookup::Unavailable });
        last_good
    }

    /// One task makes it, the others wait for that.
    async fn make_once(&self, key: &FeedKey) -> Result<Arc<Document>, String> {
        if !self.view().is_filled() {
            return Err("the store is being read for the first time".to_owned());
        }
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            flights.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(flights.entry(key.clone()).or_default())
        };
        let _turn = flight.lock().await;
        if let Some(document) = self.memory.get(key)
            && document.sequence() == self.sequences(&key.scope).0
        {
            return Ok(document);
        }
        if !self.view().store_answers() {
            return Err("the store does not answer".to_owned());
        }
        let made = self.make_caught_up(&key.scope, &[key.format]).await.map_err(|error| error.to_string())?;
        let kept = self.keep(&key.scope, made).await;
        kept.into_iter().next().ok_or_else(|| "no document was made".to_owned())
    }

    async fn make_caught_up(&self, scope: &Scope, formats: &[Format]) -> Result<Made, MakeError> {
        let mut tries = 0;
        loop {
            let caught_up = self.caught_up.notified();
            match self.maker.make(scope, formats).await {
                Err(MakeError::Behind(_)) if tries < BEHIND_TRIES => {
                    tries += 1;
                    self.wake.notify_one();
                    // Whether it was rung or not: the next try tells.
                    drop(timeout(BEHIND_WAIT, caught_up).await);
                }
                other => return other,
            }
        }
    }

    /// Into memory and onto disk. A document that an older one overtook is given to who waits, but not kept.
    async fn keep(&self, scope: &Scope, made: Made) -> Vec<Arc<Document>> {
        let now = self.clock.now();
        let documents: Vec<Arc<Document>> = made.documents.into_iter().map(Arc::new).collect();
        for document in &documents {
            let key = FeedKey::new(scope.clone(), document.format());
            let newer = self.memory.get(&key).is_some_and(|kept| kept.sequence() > document.sequence());
            if newer {
                continue;
            }
            self.memory.insert(key.clone(), Arc::clone(document));
            let (disk, document) = (Arc::clone(&self.disk), Arc::clone(document));
            let written = tokio::task::spawn_blocking(move || disk.write(&key, &document, now)).await;
            if let Err(error) = written.map_err(std::io::Error::other).flatten() {
                tracing::error!(%error, "a last good document cannot be written");
            }
        }
        documents
    }

    /// The last good document, unless something had to leave it since.
    async fn last_good(&self, key: &FeedKey, reason: &str) -> Result<Arc<Document>, Unavailable> {
        let unavailable = || Unavailable { reason: reason.to_owned(), retry_after: self.options.retry_after };
        let (disk, wanted) = (Arc::clone(&self.disk), key.clone());
        let read = tokio::task::spawn_blocking(move || disk.read(&wanted)).await;
        let document = read.ok().flatten().ok_or_else(unavailable)?;
        let (current, floor) = self.sequences(&key.scope);
        if document.sequence() < floor || document.sequence() > current {
            return Err(unavailable());
        }
        let document = Arc::new(document);
        self.memory.insert(key.clone(), Arc::clone(&document));
        Ok(document)
    }

    /// Makes every document anew that somebody asked for lately and that has changed since. Stops at the first sign
    /// that the store does not answer; the next call goes on where this one stopped. True: all is current.
    pub(super) async fn refresh(&self) -> bool {
        let mut stale: HashMap<Scope, Vec<Format>> = HashMap::new();
        for (key, sequence) in self.disk.all() {
            if sequence != self.sequences(&key.scope).0 {
                stale.entry(key.scope).or_default().push(key.format);
            }
        }
        let mut jobs = futures_util::stream::iter(stale)
            .map(|(scope, formats)| async move {
                let made = self.maker.make(&scope, &formats).await;
                (scope, made)
            })
            .buffer_unordered(REFRESHES_AT_A_TIME);
        let mut all_current = true;
        while let Some((scope, made)) = jobs.next().await {
            match made {
                Ok(made) => drop(self.keep(&scope, made).await),
                Err(MakeError::Behind(_)) => all_current = false,
                Err(error @ MakeError::Unrenderable(_)) => tracing::error!(%scope, %error, "a feed cannot be made"),
                Err(error) => {
                    tracing::warn!(%scope, %error, "a feed cannot be made now, the last good document stays");
                    return false;
                }
            }
        }
        all_current
    }

    /// Forgets what is in memory: names changed, which no sequence counts.
    pub(super) fn forget_memory(&self) {
        self.memory.invalidate_all();
    }

    /// Forgets disk copies that nobody asked for lately.
    pub(super) fn sweep(&self, now: Timestamp) {
        self.disk.sweep(now);
    }
}

impl Published for Publisher {
    fn route(&self, path: &str) -> Route {
        match self.view().names().addresses.resolve(path) {
            Some(Resolved::Feed(key)) => Route::Feed(key),
            Some(Resolved::Moved(path)) => Route::Moved(path),
            None => Route::Unknown,
        }
    }

    fn document<'a>(&'a self, key: &'a FeedKey) -> BoxFuture<'a, Result<Arc<Document>, Unavailable>> {
        Box::pin(self.get(key))
    }

    fn listed(&self) -> Vec<ListedFeed> {
        let names = self.view().names();
        let mut listed = Vec::new();
        let held = |scope: &Scope| self.view().with_catalog(|catalog| catalog.count(scope)) > 0;
        if let Some(path) = names.addresses.current(&Scope::All)
            && held(&Scope::All)
        {
            listed.push(ListedFeed { title: self.maker.options.title.clone(), path: path.to_owned(), depth: 0 });
        }
        for (id, depth) in in_tree_order(&names.categories) {
            let scope = Scope::Category(id);
            let (Scope::Category(id), Some(path)) = (&scope, names.addresses.current(&scope)) else { continue };
            if let Some(category) = names.categories.get(id)
                && held(&scope)
            {
                listed.push(ListedFeed { title: category.name.clone(), path: path.to_owned(), depth });
            }
        }
        listed
    }

    fn health(&self) -> Health {
        let status = self.view().status();
        let (articles, feeds) = self.view().with_catalog(|catalog| (catalog.len(), catalog.feeds_with_articles()));
        let well = status.store_error.is_none() && status.state_error.is_none() && status.held.is_none();
        let info = self.maker.store.info();
        let set_aside = |faults: &&Vec<_>| faults.iter().any(severe);
        Health {
            // Ready to serve: a balancer that took us out for a store that is down would make it worse.
            ready: status.filled,
            serving: match (status.filled, well) {
                (false, _) => "starting",
                (true, true) => "current",
                (true, false) => "stale",
            },
            store: PartHealth {
                ok: status.store_error.is_none() && status.store_ok_at.is_some(),
                what: info.backend.clone(),
                last_ok: status.store_ok_at,
                error: status.store_error.map(|_| SEE_LOG.to_owned()),
            },
            state: PartHealth {
                ok: status.state_error.is_none() && status.state_ok_at.is_some(),
                what: String::new(),
                last_ok: status.state_ok_at,
                error: status.state_error.map(|_| SEE_LOG.to_owned()),
            },
            change_detection: info.change_detection.clone(),
            articles,
            feeds,
            set_aside: status.faults.values().filter(set_aside).count(),
            held: status.held,
        }
    }
}

fn severe(fault: &crate::domain::fault::Fault) -> bool {
    fault.code.severity() == Severity::SetAside
}

/// Every category after its parent, with its depth. What hangs in a circle is left out: it has no root.
fn in_tree_order(tree: &CategoryTree) -> Vec<(CategoryId, usize)> {
    let mut ordered = Vec::new();
    let mut open: Vec<(CategoryId, usize)> = tree.children(None).into_iter().rev().map(|c| (c.id.clone(), 0)).collect();
    while let Some((id, depth)) = open.pop() {
        open.extend(tree.children(Some(&id)).into_iter().rev().map(|child| (child.id.clone(), depth + 1)));
        ordered.push((id, depth));
    }
    ordered
}
