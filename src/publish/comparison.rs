//! What a complete read of the store shows, beside what is known of it, in few bytes: of a million articles the sum of each
//! one's digests, and the ids of those only that are in no feed.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::view::View;
use crate::catalog::Catalog;
use crate::domain::article::ArticleId;
use crate::domain::fault::Fault;
use crate::store::{ArticleStore, Piece, StoreError};

/// What a complete read shows. It may be older than the catalog, which follows the ledger while the read goes on: so it
/// says only which articles to look at, and what is done with these depends on what they are when they are loaded.
#[derive(Debug)]
pub(super) struct Comparison {
    sums: Sums,
    /// The ids of articles that were in no feed when the read came by.
    others: Ids,
    /// Rows that belong to no article.
    pub(super) faults: Vec<Fault>,
}

impl Comparison {
    /// Reads the store.
    pub(super) async fn read(store: &dyn ArticleStore, view: &View) -> Result<Self, StoreError> {
        let expected = view.with_catalog(Catalog::len);
        let mut comparison = Self { sums: Sums::with_capacity(expected), others: Ids::default(), faults: Vec::new() };
        let mut take = |piece: Piece<'_>| comparison.take(piece, |id| view.with_catalog(|c| c.digest(id).is_some()));
        let faults = store.scan(&mut take).await?;
        comparison.faults = faults;
        Ok(comparison)
    }

    fn take(&mut self, piece: Piece<'_>, is_public: impl FnOnce(&str) -> bool) {
        if !piece.of_article {
            self.sums.add(piece.id, piece.digest);
        } else if self.sums.enter(piece.id, piece.digest) && !is_public(piece.id) {
            self.others.push(piece.id);
        }
    }

    /// Articles that the read shows.
    pub(super) fn len(&self) -> usize {
        self.sums.table.len()
    }

    /// Does the read show this article?
    pub(super) fn shows(&self, id: &ArticleId) -> bool {
        self.sums.get(id.as_str()).is_some()
    }

    /// Articles in the feeds that the read does not show: they have vanished, or came after it had begun.
    pub(super) fn absent(&self, catalog: &Catalog) -> Ids {
        let mut absent = Ids::default();
        for (id, _) in catalog.public_digests().filter(|(id, _)| self.sums.get(id).is_none()) {
            absent.push(id);
        }
        absent
    }

    /// Articles whose digest is not that of the catalog, or, if they are in no feed, not that in `seen`; and those of which
    /// neither knows. `also` has others looked at whatever their digest, as far as the read shows them.
    pub(super) fn changed(
        &self,
        catalog: &Catalog,
        seen: &HashMap<ArticleId, u64>,
        also: impl Fn(&str) -> bool,
    ) -> Ids {
        let in_no_feed = |id: &&str| catalog.digest(*id).is_none();
        let decided = seen.iter().map(|(id, digest)| (id.as_str(), *digest)).filter(|(id, _)| in_no_feed(id));
        let mut changed = Ids::default();
        for (id, digest) in catalog.public_digests().chain(decided) {
            if self.sums.get(id).is_some_and(|sum| sum != digest || also(id)) {
                changed.push(id);
            }
        }
        for id in self.others.iter().filter(in_no_feed).filter(|id| !seen.contains_key(*id)) {
            changed.push(id);
        }
        changed
    }

    /// Every article that the read shows, and whatever else is in the feeds.
    pub(super) fn all<'a>(&'a self, catalog: &'a Catalog) -> impl Iterator<Item = ArticleId> + 'a {
        catalog.public().chain(self.others.iter().filter(|id| catalog.digest(*id).is_none()).map(ArticleId::new))
    }
}

/// For each id, by its hash alone, the sum of its digests. Two ids with the same hash (one pair in forty million reads of
/// a million) are loaded in vain, until the next read, which hashes otherwise.
#[derive(Debug)]
struct Sums {
    hasher: RandomState,
    table: HashTable<(u64, u64)>,
}

impl Sums {
    fn with_capacity(articles: usize) -> Self {
        Self { hasher: RandomState::new(), table: HashTable::with_capacity(articles) }
    }

    fn get(&self, id: &str) -> Option<u64> {
        let hash = self.hasher.hash_one(id);
        self.table.find(hash, |known| known.0 == hash).map(|(_, sum)| *sum)
    }

    /// Adds to what is there.
    fn add(&mut self, id: &str, digest: u64) -> bool {
        let hash = self.hasher.hash_one(id);
        let known = self.table.find_mut(hash, |known| known.0 == hash);
        known.map(|(_, sum)| *sum = sum.wrapping_add(digest)).is_some()
    }

    /// Adds to what is there, or begins with it. True: it has begun.
    fn enter(&mut self, id: &str, digest: u64) -> bool {
        let is_new = !self.add(id, digest);
        if is_new {
            let hash = self.hasher.hash_one(id);
            self.table.insert_unique(hash, (hash, digest), |known| known.0);
        }
        is_new
    }
}

/// Many ids, in one text.
#[derive(Debug, Default)]
pub(super) struct Ids {
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Ids {
    fn push(&mut self, id: &str) {
        self.text.push_str(id);
        self.ends.push(self.text.len());
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The ids, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).filter_map(|(begin, end)| self.text.get(begin..*end))
    }

    /// The ids, so many at a time.
    pub(super) fn chunks(&self, at_a_time: usize) -> impl Iterator<Item = Vec<ArticleId>> {
        let mut ids = self.iter().map(ArticleId::new);
        std::iter::from_fn(move || {
            let chunk: Vec<ArticleId> = ids.by_ref().take(at_a_time).collect();
            (!chunk.is_empty()).then_some(chunk)
        })
    }
}

#[cfg(test)]
mod tests;
