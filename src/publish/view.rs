//! What is published now, shared by the engine, which alone writes it, and by those who answer requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::live::{Live, Lives};
use crate::catalog::{Catalog, Departed, Entry};
use crate::domain::article::ArticleId;
use crate::domain::category::CategoryTree;
use crate::domain::clock::Timestamp;
use crate::domain::fault::{Fault, Severity};
use crate::domain::ledger::{Committed, FeedRecord};
use crate::domain::place::Place;
use crate::domain::scope::Scope;
use crate::feed::{self, DELETED_MAX, Window};
use crate::gazetteer::FeedAddresses;

/// Articles whose faults are kept for `loa check` and for counting: where more are faulty, one fault has them all.
pub const FAULTY_ARTICLES_MAX: usize = 10_000;

/// What is published now.
#[derive(Debug, Default)]
pub struct View {
    published: RwLock<Content>,
    status: RwLock<Status>,
    /// Changes with the catalog, under its lock.
    lives: Lives,
    /// Counts the changes of the names, under the same lock.
    names_version: AtomicU64,
}

/// One lock: whoever reads sees names and articles of one moment.
#[derive(Debug, Default)]
struct Content {
    names: Arc<Names>,
    catalog: Catalog,
}

/// Categories and addresses: they change together.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The categories.
    pub categories: CategoryTree,
    /// Every address.
    pub addresses: FeedAddresses,
}

impl Names {
    /// As `feed` takes them.
    #[must_use]
    pub const fn filing(&self) -> feed::Names<'_> {
        feed::Names { addresses: &self.addresses, categories: &self.categories }
    }
}

/// How the engine is doing.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Has everything been read at least once, now or by an earlier process?
    pub filled: bool,
    /// When the store last answered.
    pub store_ok_at: Option<Timestamp>,
    /// What it last said, if it did not answer.
    pub store_error: Option<String>,
    /// When state last answered.
    pub state_ok_at: Option<Timestamp>,
    /// What it last said, if it did not answer.
    pub state_error: Option<String>,
    /// Why a change is held back.
    pub held: Option<String>,
    /// Faults by article, of [`FAULTY_ARTICLES_MAX`] articles at most.
    pub faults: BTreeMap<ArticleId, Vec<Fault>>,
    /// Articles that cannot be published.
    pub set_aside: usize,
    /// Faults of the store that concern no article.
    pub general_faults: Vec<Fault>,
}

/// One feed at one moment.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Categories and addresses.
    pub names: Arc<Names>,
    /// The feed's record.
    pub record: Option<FeedRecord>,
    /// Its newest articles, newest first.
    pub newest: Vec<Entry>,
    /// Recent departures, newest first.
    pub departed: Vec<Departed>,
}

impl View {
    /// Takes over records, and with them new names where they changed; returns the scopes that change.
    pub fn apply(&self, names: Option<Names>, committed: &Committed) -> BTreeSet<Scope> {
        let mut content = self.published.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = names {
            content.names = Arc::new(names);
            self.names_version.fetch_add(1, Ordering::Release);
        }
        let affected = content.catalog.apply(&committed.articles, &committed.feeds);
        self.lives.follow(&content.catalog, committed.feeds.iter().map(|feed| &feed.scope));
        affected
    }

    /// Where a feed stands, now and from now on.
    #[must_use]
    pub fn live(&self, scope: &Scope) -> Arc<Live> {
        self.with_catalog(|catalog| self.lives.of(scope, catalog))
    }

    /// Forgets where feeds stand that nobody holds any more.
    pub fn tidy(&self) {
        self.lives.tidy();
    }

    /// A number that moves with the names: an address that was looked up stands for the same as long as it does.
    #[must_use]
    pub fn names_version(&self) -> u64 {
        self.names_version.load(Ordering::Acquire)
    }

    /// Begins with these names and this catalog.
    pub fn begin(&self, names: Names, catalog: Catalog) {
        let content = Content { names: Arc::new(names), catalog };
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = content;
    }

    /// Reads the catalog.
    pub fn with_catalog<T>(&self, read: impl FnOnce(&Catalog) -> T) -> T {
        read(&self.published.read().unwrap_or_else(PoisonError::into_inner).catalog)
    }

    /// Reads names and catalog of one moment.
    pub fn with_published<T>(&self, read: impl FnOnce(&Arc<Names>, &Catalog) -> T) -> T {
        let content = self.published.read().unwrap_or_else(PoisonError::into_inner);
        read(&content.names, &content.catalog)
    }

    /// Categories and addresses.
    #[must_use]
    pub fn names(&self) -> Arc<Names> {
        Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner).names)
    }

    /// Looks at how the engine is doing.
    pub fn with_status<T>(&self, read: impl FnOnce(&Status) -> T) -> T {
        read(&self.status.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes how the engine is doing.
    pub fn note(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Replaces the faults of the articles that were decided.
    pub fn note_faults(&self, decided: &[ArticleId], faults: BTreeMap<ArticleId, Vec<Fault>>) {
        self.note(|status| {
            for id in decided {
                status.faults.remove(id);
            }
            let room = FAULTY_ARTICLES_MAX.saturating_sub(status.faults.len());
            status.faults.extend(faults.into_iter().take(room));
            let severe = |faults: &&Vec<Fault>| faults.iter().any(|f| f.code.severity() == Severity::SetAside);
            status.set_aside = status.faults.values().filter(severe).count();
        });
    }

    /// Does the store answer, as far as we know?
    #[must_use]
    pub fn store_answers(&self) -> bool {
        self.with_status(|status| status.store_error.is_none())
    }

    /// Has everything been read at least once?
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.with_status(|status| status.filled)
    }

    /// One feed at this moment: the articles within the window, and the departures of `departures_days` before the feed's
    /// last change.
    #[must_use]
    pub fn slice(&self, scope: &Scope, window: &Window, departures_days: u32) -> Slice {
        let content = self.published.read().unwrap_or_else(PoisonError::into_inner);
        let catalog = &content.catalog;
        let record = catalog.feed(scope).cloned();
        let since = record.as_ref().map(|feed| feed.changed_at - chrono::TimeDelta::days(departures_days.into()));
        let departed = since.map(|since| departed(&content, scope, since)).unwrap_or_default();
        let held = feed::window_len(catalog.published(scope), window);
        let newest = catalog.newest(scope).take(held).collect();
        Slice { names: Arc::clone(&content.names), record, newest, departed }
    }
}

/// What left a feed, newest first; with what left the feeds that redirect to it now.
fn departed(content: &Content, scope: &Scope, since: Timestamp) -> Vec<Departed> {
    let former = |place: &Place| content.names.addresses.gazetteer().redirecting_to(*place).iter().copied();
    let former: Vec<Scope> = match scope {
        Scope::Locality(place) => former(place).map(Scope::Locality).collect(),
        Scope::Combination(category, place) => {
            former(place).map(|place| Scope::Combination(category.clone(), place)).collect()
        }
        _ => Vec::new(),
    };
    let scopes = std::iter::once(scope).chain(&former);
    let each = scopes.flat_map(|scope| content.catalog.departed(scope, since).take(DELETED_MAX));
    let all: BTreeSet<&Departed> = each.collect();
    all.into_iter().rev().take(DELETED_MAX).cloned().collect()
}

/// A part answers; logged if it did not before.
pub(super) fn note_well(part: &str, error: &mut Option<String>) {
    if error.take().is_some() {
        tracing::info!(part, "{part} answers again");
    }
}

/// A part does not answer; logged if it did before.
pub(super) fn note_error(part: &str, before: &mut Option<String>, error: &dyn std::fmt::Display) {
    let error = error.to_string();
    if before.is_none() {
        tracing::error!(part, error, "{part} does not answer, the last good documents are served");
    }
    *before = Some(error);
}
