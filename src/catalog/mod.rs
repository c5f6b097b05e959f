//! The in-memory index of published articles: a projection of the ledger. Per scope a newest-first list of article
//! keys, so that no query needs an index of ours in the newsroom's database.

pub mod classify;
pub mod finding;
pub mod fingerprint;
pub mod flat;
mod index;
pub mod transition;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::ledger::{ArticleRecord, FeedRecord, Standing};
use crate::domain::scope::Scope;
use index::{Applied, Index};

/// An article that left a feed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Departed {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub id: ArticleId,
}

/// An article in a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub id: ArticleId,
    /// When it was published.
    pub published: Timestamp,
    /// Of the store's row that its record was decided on.
    pub digest: u64,
    /// Of its record in the ledger. With the digest it says exactly what a document shows of the article.
    pub version: u32,
}

impl Entry {
    /// Of a record of a public article.
    #[must_use]
    pub fn of(record: &ArticleRecord) -> Self {
        let version = u32::try_from(record.version).unwrap_or(u32::MAX);
        Self { id: record.id.clone(), published: record.published, digest: record.digest, version }
    }

    /// Was it made of this record?
    #[must_use]
    pub fn is_of(&self, record: &ArticleRecord) -> bool {
        let Self { id, digest, version, .. } = Self::of(record);
        record.is_public() && (&id, digest, version) == (&self.id, self.digest, self.version)
    }
}

/// A catalog that is made of a whole ledger, in blocks of any size: everything is sorted once, at the end.
#[derive(Debug, Default)]
pub struct Gathering(Catalog);

impl Gathering {
    /// Takes over records, each article once.
    pub fn add(&mut self, articles: &[ArticleRecord]) {
        for record in articles {
            if record.is_public() {
                self.0.index.gather(record);
            }
            self.0.note_absence(record);
        }
    }

    /// The catalog.
    #[must_use]
    pub fn finish(mut self, feeds: &[FeedRecord]) -> Catalog {
        self.0.index.arrange();
        self.0.apply(&[], feeds);
        self.0
    }
}

/// The catalog.
#[derive(Debug, Default)]
pub struct Catalog {
    index: Index,
    feeds: HashMap<Scope, FeedRecord>,
    /// When announcements have to leave their feeds.
    notices: BTreeSet<(Timestamp, Scope)>,
    /// Per scope, the articles that left it: candidates for tombstones.
    gone: HashMap<Scope, BTreeSet<Departed>>,
    /// Articles of the ledger that are in no feed, with their departure if they had one.
    absent: BTreeMap<ArticleId, Option<(Timestamp, Vec<Scope>)>>,
    /// See [`Catalog::listing_version`].
    listing_version: u64,
}

impl Catalog {
    /// Takes over records as they stand in the ledger, each article and each feed once, and returns the scopes whose list
    /// of articles, or whose documents, change. Taking over a record twice changes nothing.
    pub fn apply(&mut self, articles: &[ArticleRecord], feeds: &[FeedRecord]) -> BTreeSet<Scope> {
        for record in articles {
            self.forget_absence(&record.id);
            self.note_absence(record);
        }
        let Applied { mut affected, lists_changed } = self.index.apply(articles);
        self.listing_version += u64::from(lists_changed);
        for feed in feeds {
            if self.take_over_feed(feed) {
                affected.insert(feed.scope.clone());
            }
        }
        affected
    }

    /// True: the feed has moved on.
    fn take_over_feed(&mut self, feed: &FeedRecord) -> bool {
        if self.feeds.get(&feed.scope).is_some_and(|known| known.sequence >= feed.sequence) {
            return false;
        }
        let due = |feed: &FeedRecord| Some((feed.notice_due()?, feed.scope.clone()));
        let before = self.feeds.insert(feed.scope.clone(), feed.clone());
        if let Some(before) = before.as_ref().and_then(due) {
            self.notices.remove(&before);
        }
        self.notices.extend(due(feed));
        true
    }

    fn forget_absence(&mut self, id: &ArticleId) {
        let Some(Some((at, scopes))) = self.absent.remove(id) else { return };
        let departed = Departed { at, id: id.clone() };
        for scope in scopes {
            if let Some(list) = self.gone.get_mut(&scope) {
                list.remove(&departed);
            }
        }
    }

    fn note_absence(&mut self, record: &ArticleRecord) {
        match record.standing {
            Standing::Public => {}
            Standing::SetAside => self.depart(record.id.clone(), None),
            Standing::Gone { at, .. } => self.depart(record.id.clone(), Some((at, record.scopes.clone()))),
        }
    }

    /// An article is in no feed, since when, and in which it was.
    fn depart(&mut self, id: ArticleId, departure: Option<(Timestamp, Vec<Scope>)>) {
        if let Some((at, scopes)) = &departure {
            for scope in scopes {
                self.gone.entry(scope.clone()).or_default().insert(Departed { at: *at, id: id.clone() });
            }
        }
        self.absent.insert(id, departure);
    }

    /// The articles of a feed, newest first: by publication, then by id.
    pub fn newest(&self, scope: &Scope) -> impl Iterator<Item = Entry> + '_ {
        self.index.newest(scope)
    }

    /// When they were published, in the same order.
    pub fn published(&self, scope: &Scope) -> impl Iterator<Item = Timestamp> + '_ {
        self.index.published(scope)
    }

    /// The departures from a feed at `since` or later, newest first.
    pub fn departed(&self, scope: &Scope, since: Timestamp) -> impl Iterator<Item = &Departed> + '_ {
        let (list, other) = match scope.parts() {
            None => (self.gone.get(scope), None),
            Some((category, place)) => match (self.gone.get(&category), self.gone.get(&place)) {
                (Some(a), Some(b)) => (Some(a), Some(b)),
                _ => (None, None),
            },
        };
        let within = list.into_iter().flat_map(|list| list.iter().rev()).take_while(move |gone| gone.at >= since);
        within.filter(move |gone| other.is_none_or(|other| other.contains(*gone)))
    }

    /// The feeds that have a record.
    pub fn recorded(&self) -> impl Iterator<Item = &Scope> {
        self.feeds.keys()
    }

    /// The feeds whose announcement has to leave by now.
    pub fn notices_due(&self, now: Timestamp) -> impl Iterator<Item = &Scope> {
        self.notices.iter().take_while(move |(due, _)| *due <= now).map(|(_, scope)| scope)
    }

    /// When the next announcement has to leave its feed.
    #[must_use]
    pub fn next_notice_due(&self) -> Option<Timestamp> {
        self.notices.first().map(|(due, _)| *due)
    }

    /// The feed's record; `None` if it never held anything.
    #[must_use]
    pub fn feed(&self, scope: &Scope) -> Option<&FeedRecord> {
        self.feeds.get(scope)
    }

    /// The digest of the store's row on which the record of an article in the feeds was decided; `None` if it is in no
    /// feed: what has left may come back with the very row that it left with, so that has to be decided anew.
    #[must_use]
    pub fn digest(&self, id: &(impl Borrow<str> + ?Sized)) -> Option<u64> {
        self.index.digest(id.borrow())
    }

    /// Was it ever published?
    #[must_use]
    pub fn is_known(&self, id: &ArticleId) -> bool {
        self.digest(id).is_some() || self.absent.contains_key(id)
    }

    /// Every article in the feeds, in no order that means anything.
    pub fn public(&self) -> impl Iterator<Item = ArticleId> + '_ {
        self.index.ids()
    }

    /// The same, each with its digest.
    pub fn public_digests(&self) -> impl Iterator<Item = (&str, u64)> {
        self.index.digests()
    }

    /// Articles in the feeds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Is there no article in the feeds?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Articles that a feed holds, in all.
    #[must_use]
    pub fn count(&self, scope: &Scope) -> usize {
        self.index.count(scope)
    }

    /// Did the feed ever hold an article, as far as the lists tell?
    #[must_use]
    pub fn has_any(&self, scope: &Scope) -> bool {
        self.feeds.contains_key(scope)
            || self.index.has_any(scope)
            || self.departed(scope, Timestamp::MIN_UTC).next().is_some()
    }

    /// The feeds that hold articles, in no order that means anything. Combinations are in no list.
    pub fn scopes_with_articles(&self) -> impl Iterator<Item = &Scope> {
        self.index.scopes_with_rows().filter(|scope| !matches!(scope, Scope::Language(_)))
    }

    /// A number that moves whenever a feed gets its first article or loses its last: as long as it stands, so does
    /// [`Catalog::scopes_with_articles`].
    #[must_use]
    pub const fn listing_version(&self) -> u64 {
        self.listing_version
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::Departure;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    fn record(id: &str, published: i64, scopes: &[&str], standing: Standing) -> ArticleRecord {
        ArticleRecord {
            id: ArticleId::new(id),
            guid: None,
            published: at(published),
            updated: at(published),
            fingerprint: [0; 16],
            digest: u64::try_from(published).unwrap(),
            store_updated: None,
            categories: Vec::new(),
            scopes: scopes.iter().map(|s| s.parse().unwrap()).collect(),
            found: Vec::new(),
            standing,
            version: 1,
        }
    }

    fn ids(catalog: &Catalog, scope: &str) -> String {
        catalog.newest(&scope.parse().unwrap()).map(|entry| entry.id.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_change_only_when_a_feed_gets_its_first_or_loses_its_last_article() {
        let mut catalog = Catalog::default();
        let public = |id: &str, scopes: &[&str]| record(id, 1, scopes, Standing::Public);
        let gone =
            |id: &str, scopes: &[&str]| record(id, 1, scopes, Standing::Gone { at: at(50), reason: Departure::Left });
        for (record, moves) in [
            (public("a", &["all", "category:1"]), true),
            (public("a", &["all", "category:1"]), false),
            (public("b", &["all", "category:1"]), false),
            (public("b", &["all", "category:2"]), true),
            (gone("b", &["all", "category:2"]), true),
            (gone("b", &["all", "category:2"]), false),
        ] {
            let before = catalog.listing_version();
            catalog.apply(std::slice::from_ref(&record), &[]);
            assert_eq!(catalog.listing_version() != before, moves, "{record:?}");
        }
    }

    #[test]
    fn a_record_moves_between_lists_and_leaves_a_departure() {
        let mut catalog = Catalog::default();
        let gone = Standing::Gone { at: at(50), reason: Departure::Left };
        catalog.apply(&[record("a", 1, &["all", "category:1"], Standing::Public)], &[]);
        catalog.apply(&[record("b", 2, &["all", "category:1"], Standing::Public)], &[]);
        assert_eq!(ids(&catalog, "category:1"), "b a");

        let moved = catalog.apply(&[record("a", 1, &["all", "category:2"], Standing::Public)], &[]);
        assert_eq!(moved.len(), 3, "all, the old and the new category: {moved:?}");
        assert_eq!((ids(&catalog, "category:1"), ids(&catalog, "category:2")), ("b".to_owned(), "a".to_owned()));

        catalog.apply(&[record("b", 2, &["all", "category:1"], gone)], &[]);
        assert_eq!(ids(&catalog, "all"), "a");
        let scope = "category:1".parse().unwrap();
        assert_eq!(catalog.departed(&scope, at(50)).count(), 1);
        assert_eq!(catalog.departed(&scope, at(51)).count(), 0);
        let b = ArticleId::new("b");
        assert_eq!((catalog.digest(&b), catalog.is_known(&b)), (None, true), "known, but to be decided anew");

        catalog.apply(&[record("b", 2, &["all", "category:1"], Standing::Public)], &[]);
        assert_eq!(catalog.departed(&scope, at(0)).count(), 0, "it came back");
        assert_eq!(ids(&catalog, "all"), "b a");
    }
}
