//! Which addresses answer something new, for whoever has to tell others (caches, external hubs). A feed that has moved on is
//! told only once this process serves its new documents: who asks again at once must not get the old ones again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLockReadGuard};

use tokio::sync::{Notify, watch};

use super::listing::GroupKind;
use super::publisher::Publisher;
use crate::catalog::Catalog;
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::format::Format;
use crate::domain::scope::Scope;
use crate::gazetteer::FeedAddresses;
use crate::state::StateError;

/// The lists that are no page of a kind of feeds.
const LISTS: [&str; 2] = ["/", "/opml.xml"];

/// What has moved on and one who takes it did not take yet. At most one record a feed.
#[derive(Debug, Default)]
pub struct Moves {
    told: Mutex<Told>,
    rung: Notify,
}

/// Each with the number of a transaction of the ledger: what was written up to it, others have been told.
#[derive(Debug, Default)]
struct Told {
    feeds: BTreeMap<Scope, Move>,
    /// The lists of feeds.
    lists: Option<u64>,
    /// Names have changed: every address there is.
    everything: Option<u64>,
    /// How far the ledger was followed; `None`: nobody has said.
    followed: Option<u64>,
    /// Of the catalog, see [`crate::catalog::Catalog::listing_version`].
    listing_version: u64,
}

#[derive(Debug, Clone, Copy)]
struct Move {
    since: u64,
    /// Does its page for people change with it?
    page: bool,
}

/// What can be told now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Paths, each with the number of the transaction up to which it was told.
    pub paths: BTreeMap<String, u64>,
    /// How far the ledger was followed; `None`: nobody has said.
    pub followed: Option<u64>,
    /// What is not served yet was told up to this transaction; `None`: everything is served.
    pub held_at: Option<u64>,
}

impl Moves {
    /// Ends when there may be more to take.
    pub async fn rung(&self) {
        self.rung.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn feed(&mut self, scope: Scope, moved: Move) {
        let known = self.feeds.entry(scope).or_insert(moved);
        known.since = known.since.min(moved.since);
        known.page |= moved.page;
    }
}

impl Publisher {
    /// Begins to write down what moves on, for one more who takes it: what was before is not told.
    pub fn follow_moves(&self) -> Arc<Moves> {
        let moves = Arc::new(Moves::default());
        moves.lock().listing_version = self.listing_version();
        self.takers.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&moves));
        moves
    }

    /// How far the ledger was followed, each time that it was followed further.
    #[must_use]
    pub fn follow_ledger(&self) -> watch::Receiver<u64> {
        self.ledger.subscribe()
    }

    /// Writes down for one who takes it what has moved on since a transaction of the ledger, while he did not look.
    ///
    /// # Errors
    /// State does not answer.
    pub async fn recall_moves(&self, moves: &Moves, since: u64) -> Result<(), StateError> {
        // Of a million articles only the feeds count.
        let changes = self.maker.state.read_since(since, &mut |articles| drop(articles)).await?;
        let renamed = changes.addresses.iter().any(|record| matches!(record.scope, Scope::Category(_)));
        let mut told = moves.lock();
        if renamed || changes.marks_changed {
            told.everything = Some(since);
        }
        if !changes.feeds.is_empty() {
            told.lists = Some(since);
        }
        for feed in changes.feeds {
            told.feed(feed.scope, Move { since, page: true });
        }
        // How far the engine has come, it says itself: it may be behind what was just read.
        told.followed = told.followed.or(Some(since));
        moves.rung.notify_one();
        Ok(())
    }

    /// These feeds have moved on, with the ledger followed up to `cursor`.
    pub(super) fn tell_moved<'a>(&self, scopes: impl IntoIterator<Item = &'a Scope> + Copy, cursor: u64) {
        for moves in self.takers().iter() {
            let mut told = moves.lock();
            let since = told.followed.unwrap_or(cursor);
            let listing_version = self.listing_version();
            let page = std::mem::replace(&mut told.listing_version, listing_version) != listing_version;
            if page {
                told.lists = told.lists.or(Some(since));
            }
            for scope in scopes {
                told.feed(scope.clone(), Move { since, page });
            }
            told.followed = told.followed.max(Some(cursor));
            if page || !told.feeds.is_empty() {
                moves.rung.notify_one();
            }
        }
        self.ledger.send_if_modified(|followed| std::mem::replace(followed, cursor) != cursor);
    }

    /// Names have changed, and with them documents that no sequence counts.
    pub(super) fn tell_renamed(&self) {
        for moves in self.takers().iter() {
            let mut told = moves.lock();
            told.everything = told.everything.or(Some(told.followed.unwrap_or_default()));
            moves.rung.notify_one();
        }
    }

    /// Documents were made anew.
    pub(super) fn tell_made(&self) {
        for moves in self.takers().iter() {
            moves.rung.notify_one();
        }
    }

    fn takers(&self) -> RwLockReadGuard<'_, Vec<Arc<Moves>>> {
        self.takers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn listing_version(&self) -> u64 {
        self.maker.view.with_catalog(Catalog::listing_version)
    }

    /// Takes what has moved on and is served now. While the store does not answer nothing is: documents of before might be
    /// served once more.
    pub fn take_served(&self, moves: &Moves) -> Served {
        let view = &self.maker.view;
        let mut told = moves.lock();
        let followed = told.followed;
        if !view.is_filled() || !view.store_answers() {
            let each = told.feeds.values().map(|moved| moved.since);
            return Served {
                followed,
                held_at: each.chain(told.lists).chain(told.everything).min(),
                ..Served::default()
            };
        }
        let (feeds, lists, everything) = (std::mem::take(&mut told.feeds), told.lists.take(), told.everything.take());
        drop(told);
        let (served, held): (BTreeMap<_, _>, BTreeMap<_, _>) =
            feeds.into_iter().partition(|(scope, _)| self.serves(scope));
        let names = view.names();
        let mut paths = BTreeMap::new();
        let mut add = |path: String, since: u64| {
            let known = paths.entry(path).or_insert(since);
            *known = since.min(*known);
        };
        for (scope, moved) in &served {
            for_each_path(&names.addresses, scope, moved.page, |path| add(path, moved.since));
        }
        if let Some(since) = lists.into_iter().chain(everything).min() {
            list_paths().for_each(|path| add(path, since));
        }
        if let Some(since) = everything {
            self.every_path(&names.addresses).into_iter().for_each(|path| add(path, since));
        }
        let held_at = held.values().map(|moved| moved.since).min();
        let mut told = moves.lock();
        for (scope, moved) in held {
            told.feed(scope, moved);
        }
        Served { paths, followed, held_at }
    }

    /// Are the documents that this process serves of a feed the new ones, also those that nobody has asked for yet?
    fn serves(&self, scope: &Scope) -> bool {
        self.job(scope).is_none()
    }

    /// The addresses of every feed that holds articles, and every one that ever was of a category, an author, a tag.
    fn every_path(&self, addresses: &FeedAddresses) -> Vec<String> {
        let scopes: Vec<Scope> =
            self.maker.view.with_catalog(|catalog| catalog.scopes_with_articles().cloned().collect());
        let mut paths = Vec::new();
        for scope in &scopes {
            for_each_path(addresses, scope, true, |path| paths.push(path));
        }
        for path in addresses.book().paths() {
            feed_paths(path, true, |path| paths.push(path));
        }
        paths
    }
}

fn list_paths() -> impl Iterator<Item = String> {
    let groups = GroupKind::ALL.into_iter().map(|kind| format!("{FEEDS_PREFIX}{}/", kind.segment()));
    LISTS.map(str::to_owned).into_iter().chain(groups)
}

fn for_each_path(addresses: &FeedAddresses, scope: &Scope, page: bool, take: impl FnMut(String)) {
    if let Some(path) = addresses.current(scope) {
        // Combinations have no page.
        feed_paths(&path, page && scope.parts().is_none(), take);
    }
}

fn feed_paths(path: &str, page: bool, mut take: impl FnMut(String)) {
    for format in Format::ALL {
        take(format!("{FEEDS_PREFIX}{path}.{format}"));
    }
    if page {
        take(format!("{FEEDS_PREFIX}{path}/"));
    }
}
