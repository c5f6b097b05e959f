//! Answers for documents: from memory; else made on demand, once for all who wait; else the last good one from disk.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::disk::DiskCopies;
use super::document::{Body, Document, Encoding};
use super::listing::{GroupKind, Listing};
use super::lists::Lists;
use super::live::Standing;
use super::make::{Made, MakeError, Maker, Wanted};
use super::moves::Moves;
use super::refresh::Backlog;
use super::shelf::{Kept, Shelf};
use super::view::View;
use super::{Health, PartHealth, Published, Route, Unavailable};
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::article::ArticleId;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::feed_key::FeedKey;
use crate::domain::scope::Scope;
use crate::feed;
use crate::gazetteer::{FeedAddresses, Resolved};
use crate::observe::metrics::{Lookup, Lookups};

/// How often a rendering is tried again when the store has moved on meanwhile.
const BEHIND_TRIES: u32 = 20;
/// How long to wait for the engine to catch up before such a try.
const BEHIND_WAIT: Duration = Duration::from_millis(500);
/// How much longer to wait before each further one: a row that is gone is looked for once more before it counts as gone.
const BEHIND_PAUSE: Duration = Duration::from_millis(10);

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
    pub(super) maker: Maker,
    pub(super) disk: Arc<DiskCopies>,
    /// The documents in memory.
    pub(super) memory: Shelf,
    lookups: Lookups,
    lists: Lists,
    /// One lock per document that is being made on demand.
    flights: Mutex<HashMap<FeedKey, Arc<tokio::sync::Mutex<()>>>>,
    /// Articles that renderings found otherwise than the catalog has them.
    behind: Mutex<BTreeSet<ArticleId>>,
    /// Feeds that somebody asks for and that have something to begin with: see [`Publisher::want`].
    wanted: Mutex<BTreeSet<Scope>>,
    /// Feeds whose documents are to be made anew.
    pub(super) backlog: Backlog,
    /// Which addresses answer something new, for each who wants to know.
    pub(super) takers: RwLock<Vec<Arc<Moves>>>,
    /// How far the ledger was followed.
    pub(super) ledger: watch::Sender<u64>,
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
        Self {
            lists: Lists::new(Arc::clone(&maker.view), Arc::clone(&maker.options)),
            maker,
            disk,
            memory: Shelf::new(options.memory_bytes_max),
            lookups: Lookups::new(),
            flights: Mutex::default(),
            behind: Mutex::default(),
            wanted: Mutex::default(),
            backlog: Backlog::default(),
            takers: RwLock::default(),
            ledger: watch::Sender::new(0),
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

    /// Where the last good documents are.
    #[must_use]
    pub const fn disk(&self) -> &Arc<DiskCopies> {
        &self.disk
    }

    fn view(&self) -> &View {
        &self.maker.view
    }

    /// The feed's sequence, and the one below which no document may be served any more.
    pub(super) fn sequences(&self, scope: &Scope) -> (u64, u64) {
        let record = self.view().with_catalog(|catalog| catalog.feed(scope).cloned());
        record.map_or((0, 0), |record| (record.sequence, record.removal_sequence))
    }

    async fn get(&self, key: &FeedKey, coding: Encoding) -> Result<Arc<Document>, Unavailable> {
        let (wanted, now) = (self.want(&key.scope), self.clock.now());
        self.disk.asked(key, now);
        if let Some(kept) = self.memory.get(key) {
            kept.ask(now);
            match kept.standing() {
                Standing::Current => {
                    self.lookups.note(Lookup::Memory);
                    // What is wanted is wanted again by every request until it is there.
                    if !wanted {
                        self.address(key, &kept);
                    }
                    return Ok(Arc::clone(kept.document()));
                }
                // The new one is about to be made; until then the old one is good.
                Standing::Behind if self.view().is_filled() => {
                    self.lookups.note(Lookup::Stale);
                    self.refresh_soon([key.scope.clone()]);
                    return Ok(Arc::clone(kept.document()));
                }
                Standing::Behind | Standing::Out => {}
            }
        }
        let reason = match timeout(self.options.demand_timeout, self.make_once(key, coding)).await {
            Ok(Ok(document)) => {
                self.lookups.note(Lookup::Rendered);
                return Ok(document);
            }
            Ok(Err(reason)) => reason,
            Err(_) => "the document was not ready in time".to_owned(),
        };
        let last_good = self.last_good(key, &reason).await;
        self.lookups.note(if last_good.is_ok() { Lookup::Disk } else { Lookup::Unavailable });
        last_good
    }

    /// Lets requests for the feed's present address find the document the short way.
    fn address(&self, key: &FeedKey, kept: &Arc<Kept>) {
        let (path, names_version) =
            self.view().with_published(|names, _| (names.addresses.path_of(key), self.view().names_version()));
        if let Some(path) = path {
            self.memory.address(key, kept, &path, names_version);
        }
    }

    /// One task makes it, the others wait for that.
    async fn make_once(&self, key: &FeedKey, coding: Encoding) -> Result<Arc<Document>, String> {
        if !self.view().is_filled() {
            return Err("the store is being read for the first time".to_owned());
        }
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            flights.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(flights.entry(key.clone()).or_default())
        };
        let _turn = flight.lock().await;
        if let Some(kept) = self.memory.get(key)
            && kept.standing() == Standing::Current
        {
            return Ok(Arc::clone(kept.document()));
        }
        if !self.view().store_answers() {
            return Err("the store does not answer".to_owned());
        }
        self.begun(&key.scope).await;
        let codings = if coding == Encoding::Identity { Vec::new() } else { vec![coding] };
        let wanted = [Wanted { format: key.format, codings }];
        let made = self.make_caught_up(&key.scope, &wanted).await.map_err(|error| error.to_string())?;
        let kept = self.keep(&key.scope, made).await;
        let document = kept.into_iter().next().ok_or("no document was made")?;
        if document.sequence() < self.sequences(&key.scope).0 {
            // It has moved on meanwhile, when this one was nowhere yet: nobody else has it made anew.
            self.refresh_soon([key.scope.clone()]);
        }
        Ok(document)
    }

    /// Has the engine give a combination its first record, if it has none; has it begin to announce in the feed of a unit
    /// that it is no more, if it has not. True: it has to.
    pub fn want(&self, scope: &Scope) -> bool {
        let wanted = self.lacks_record(scope) || self.lacks_notice(scope);
        if wanted {
            self.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(scope.clone());
            self.wake.notify_one();
        }
        wanted
    }

    /// The same for a combination that nobody asks for, as soon as it has a story: an empty one is news to nobody. True: it
    /// has no record yet.
    pub fn want_with_stories(&self, scope: &Scope) -> bool {
        let lacks = self.lacks_record(scope);
        if lacks && self.view().with_catalog(|catalog| catalog.has_any(scope)) {
            self.want(scope);
        }
        lacks
    }

    fn lacks_record(&self, scope: &Scope) -> bool {
        scope.parts().is_some() && self.view().with_catalog(|catalog| catalog.feed(scope).is_none())
    }

    /// Is the feed of a unit that is no more, and does not announce it yet?
    fn lacks_notice(&self, scope: &Scope) -> bool {
        let Scope::Locality(place) = scope else { return false };
        let (names, zone) = (self.view().names(), self.maker.options.zone);
        let Some(day) = names.addresses.gazetteer().ended_on(*place) else { return false };
        let change = feed::start_of(day, zone);
        let begun = || self.view().with_catalog(|catalog| catalog.feed(scope).is_some_and(|f| f.has_announced(change)));
        change <= self.clock.now() && !begun() && feed::announced(scope, &names.addresses, zone).is_some()
    }

    /// Waits for an announcement, for as long as state answers.
    async fn announced(&self, scope: &Scope) {
        while self.lacks_notice(scope) && self.view().with_status(|status| status.state_error.is_none()) {
            let caught_up = self.caught_up.notified();
            self.want(scope);
            caught_up.await;
        }
    }

    /// Waits until a combination has its first record, which it cannot be made without; the caller knows how long. An
    /// announcement is waited for a little: the next request may have it.
    async fn begun(&self, scope: &Scope) {
        drop(timeout(BEHIND_WAIT, self.announced(scope)).await);
        while self.lacks_record(scope) {
            let caught_up = self.caught_up.notified();
            self.want(scope);
            // Whether it was rung or not: the record tells.
            drop(timeout(BEHIND_WAIT, caught_up).await);
        }
    }

    /// Combinations that somebody asks for.
    pub(super) fn take_wanted(&self) -> Vec<Scope> {
        std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }

    /// Makes documents of one moment that is not over yet: if the store has moved on since the catalog was made, or an
    /// article had to leave meanwhile, the engine catches up and it is tried again.
    async fn make_caught_up(&self, scope: &Scope, wanted: &[Wanted]) -> Result<Made, MakeError> {
        let mut tries = 0;
        loop {
            let caught_up = self.caught_up.notified();
            match self.maker.make_wanted(scope, wanted.to_vec()).await {
                Ok(made) if tries < BEHIND_TRIES && !self.may_serve(scope, &made) => tries += 1,
                Err(MakeError::Behind(ids)) if tries < BEHIND_TRIES && !self.is_held() => {
                    tries += 1;
                    self.note_behind(ids);
                    // Whether it was rung or not: the next try tells.
                    drop(timeout(BEHIND_WAIT, caught_up).await);
                    tokio::time::sleep(BEHIND_PAUSE * (tries - 1)).await;
                }
                other => return other,
            }
        }
    }

    /// Is a change of the store held back? Then waiting for it leads nowhere.
    fn is_held(&self) -> bool {
        self.view().with_status(|status| status.held.is_some())
    }

    fn may_serve(&self, scope: &Scope, made: &Made) -> bool {
        let floor = self.sequences(scope).1;
        made.documents.iter().all(|document| document.sequence() >= floor)
    }

    /// Has the engine look at these articles before anything else.
    pub(super) fn note_behind(&self, ids: Vec<ArticleId>) {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        self.wake.notify_one();
    }

    /// Articles that renderings found otherwise than the catalog has them.
    pub(super) fn take_behind(&self) -> Vec<ArticleId> {
        let behind = std::mem::take(&mut *self.behind.lock().unwrap_or_else(PoisonError::into_inner));
        behind.into_iter().collect()
    }

    /// Into memory, and onto disk in a moment.
    pub(super) async fn keep(&self, scope: &Scope, made: Made) -> Vec<Arc<Document>> {
        let now = self.clock.now();
        let documents: Vec<Arc<Document>> = made.documents.into_iter().map(Arc::new).collect();
        for document in &documents {
            let key = FeedKey::new(scope.clone(), document.format());
            self.remember(&key, document);
            self.disk.write(&key, document, now).await;
        }
        documents
    }

    /// Into memory, unless a newer one is there.
    fn remember(&self, key: &FeedKey, document: &Arc<Document>) {
        let kept = Kept::new(Arc::clone(document), self.view().live(&key.scope));
        self.memory.put(key.clone(), Arc::new(kept));
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
        self.remember(key, &document);
        Ok(document)
    }

    /// What is made of everything that is published, once everything has been read.
    async fn when_filled<T>(&self, made: impl Future<Output = Result<T, String>>) -> Result<T, Unavailable> {
        let unavailable = |reason| Unavailable { reason, retry_after: self.options.retry_after };
        if !self.view().is_filled() {
            return Err(unavailable("the store is being read for the first time".to_owned()));
        }
        made.await.map_err(unavailable)
    }

    /// Forgets what is in memory: names changed, which no sequence counts.
    pub(super) fn forget_memory(&self) {
        self.memory.clear();
        self.tell_renamed();
    }

    /// Forgets disk copies that nobody asked for lately.
    pub(super) fn sweep(&self, now: Timestamp) {
        for (key, kept) in self.memory.all() {
            // Who asks the short way does not tell the disk.
            if let Some(asked) = kept.asked() {
                self.disk.asked(&key, asked);
            }
        }
        for key in self.disk.sweep(now) {
            self.memory.forget(&key);
        }
        self.view().tidy();
    }
}

impl Publisher {
    /// Forgets the documents of a time that was given up, because state was restored from a backup of before: what had to
    /// leave since is told by numbers that these documents have already.
    pub(super) fn forget_abandoned(&self) {
        for (key, sequence) in self.disk.all() {
            if sequence > self.sequences(&key.scope).0 {
                tracing::warn!(scope = %key.scope, "a last good document is newer than the ledger and is not kept");
                self.memory.forget(&key);
                self.disk.forget(&key);
            }
        }
    }

    /// A combination is there once it has had an article.
    fn route_of(&self, key: FeedKey) -> Route {
        match &key.scope {
            Scope::Combination(..) if self.view().with_catalog(|catalog| catalog.has_any(&key.scope)) => {
                Route::Feed(key)
            }
            Scope::Combination(..) if !self.view().is_filled() => Route::Starting,
            Scope::Combination(..) => Route::Unknown,
            scope if self.has_ended(scope) => Route::Gone,
            _ => Route::Feed(key),
        }
    }
}

impl Published for Publisher {
    fn ready(&self, path: &str, now: Timestamp) -> Option<Arc<Kept>> {
        let kept = self.memory.at(path, self.view().names_version())?;
        // Last of all: a document that something had to leave a moment ago is not served.
        if kept.standing() != Standing::Current {
            return None;
        }
        kept.ask(now);
        self.lookups.note(Lookup::Memory);
        Some(kept)
    }

    fn route(&self, path: &str) -> Route {
        let names = self.view().names();
        match names.addresses.resolve(path) {
            Some(Resolved::Feed(key)) => self.route_of(key),
            Some(Resolved::Moved(path)) => Route::Moved(path),
            None => match page_route(path, &names.addresses) {
                Route::Unknown if path.starts_with(FEEDS_PREFIX) && !self.view().is_filled() => Route::Starting,
                route => route,
            },
        }
    }

    fn document<'a>(&'a self, key: &'a FeedKey, coding: Encoding) -> BoxFuture<'a, Result<Arc<Document>, Unavailable>> {
        Box::pin(self.get(key, coding))
    }

    fn listed(&self) -> BoxFuture<'_, Result<Arc<Listing>, Unavailable>> {
        Box::pin(self.when_filled(self.lists.listing()))
    }

    fn opml(&self) -> BoxFuture<'_, Result<Arc<Body>, Unavailable>> {
        Box::pin(self.when_filled(self.lists.opml()))
    }

    fn health(&self) -> Health {
        let (articles, feeds) =
            self.view().with_catalog(|catalog| (catalog.len(), catalog.scopes_with_articles().count()));
        let info = self.maker.store.info();
        let part = |what: &str, last_ok: Option<Timestamp>, error: &Option<String>| PartHealth {
            ok: error.is_none() && last_ok.is_some(),
            what: what.to_owned(),
            last_ok,
            error: error.as_ref().map(|_| SEE_LOG.to_owned()),
        };
        self.view().with_status(|status| {
            let well = status.store_error.is_none() && status.state_error.is_none() && status.held.is_none();
            Health {
                // Ready to serve: a balancer that took us out for a store that is down would make it worse.
                ready: status.filled,
                serving: match (status.filled, well && status.store_ok_at.is_some()) {
                    (false, _) => "starting",
                    (true, true) => "current",
                    // Also until the store was looked at for the first time.
                    (true, false) => "stale",
                },
                store: part(&info.backend, status.store_ok_at, &status.store_error),
                state: part("", status.state_ok_at, &status.state_error),
                change_detection: self.maker.store.change_detection(),
                articles,
                feeds,
                set_aside: status.set_aside,
                held: status.held.clone(),
            }
        })
    }
}

/// The page at a path: of a group (`/feeds/category/`), or of a feed and what is below it (`/feeds/category/doi-song/`).
fn page_route(path: &str, addresses: &FeedAddresses) -> Route {
    let Some(below) = path.strip_prefix(FEEDS_PREFIX) else { return Route::Unknown };
    let wished = below.strip_suffix('/').unwrap_or(below);
    let known = match GroupKind::from_segment(wished) {
        Some(kind) => Some(kind.segment().to_owned()),
        // Combinations are in no list.
        None => {
            addresses.owner(wished).filter(|scope| scope.parts().is_none()).and_then(|scope| addresses.current(&scope))
        }
    };
    match known {
        Some(known) if known == wished && wished != below => Route::Page(known),
        Some(known) => Route::Moved(format!("{FEEDS_PREFIX}{known}/")),
        None => Route::Unknown,
    }
}
