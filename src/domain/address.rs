//! Feed addresses: which path stands for which scope, now and in the past. An address once used is never given to
//! another scope, and an address that ever worked redirects to the present one.

use std::collections::HashMap;

use super::feed_key::FeedKey;
use super::format::Format;
use super::scope::Scope;

/// Where all feeds live.
pub const FEEDS_PREFIX: &str = "/feeds/";

/// An address as state records it: the path below `/feeds/`, without extension, such as `category/xay-dung-dang`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRecord {
    /// Path below `/feeds/`, without extension.
    pub path: String,
    /// What it stands for, for ever.
    pub scope: Scope,
    /// Counts the claims of addresses, from 1: the scope's address is the one claimed last.
    pub claim: u64,
}

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The feed itself.
    Feed(FeedKey),
    /// The feed's present path, to redirect to (301).
    Moved(String),
}

/// All addresses, for looking up both ways.
#[derive(Debug, Clone, Default)]
pub struct AddressBook {
    by_path: HashMap<String, Scope>,
    current: HashMap<Scope, (u64, String)>,
}

impl AddressBook {
    /// Makes the book of what state has recorded. `all` is always in it.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = AddressRecord>) -> Self {
        let mut book = Self::default();
        book.add(AddressRecord { path: "all".to_owned(), scope: Scope::All, claim: 0 });
        for record in records {
            book.add(record);
        }
        book
    }

    fn add(&mut self, record: AddressRecord) {
        let newest = self.current.get(&record.scope).is_none_or(|(claim, _)| *claim < record.claim);
        if newest {
            self.current.insert(record.scope.clone(), (record.claim, record.path.clone()));
        }
        self.by_path.insert(record.path, record.scope);
    }

    /// What owns this path (below `/feeds/`, without extension).
    #[must_use]
    pub fn owner(&self, path: &str) -> Option<&Scope> {
        self.by_path.get(path)
    }

    /// The scope's present path (below `/feeds/`, without extension).
    #[must_use]
    pub fn current(&self, scope: &Scope) -> Option<&str> {
        self.current.get(scope).map(|(_, path)| path.as_str())
    }

    /// The document's path on our server, such as `/feeds/category/xay-dung-dang.rss`.
    #[must_use]
    pub fn path_of(&self, key: &FeedKey) -> Option<String> {
        self.current(&key.scope).map(|path| format!("{FEEDS_PREFIX}{path}.{}", key.format))
    }

    /// What a request path leads to; `None` if it never was a feed.
    #[must_use]
    pub fn resolve(&self, request_path: &str) -> Option<Resolved> {
        let (path, extension) = request_path.strip_prefix(FEEDS_PREFIX)?.rsplit_once('.')?;
        let key = FeedKey::new(self.owner(path)?.clone(), Format::from_extension(extension)?);
        let current = self.path_of(&key)?;
        Some(if current == request_path { Resolved::Feed(key) } else { Resolved::Moved(current) })
    }

    /// The path that a scope should claim for its wish: its present one if that still is the wish (or the wish with a
    /// suffix it was given before), one it had before, or the first free one of `wish`, `wish-2`, `wish-3` ...
    /// `None`: nothing to claim.
    #[must_use]
    pub fn claim_for(&self, scope: &Scope, wish: &str) -> Option<String> {
        let candidates = std::iter::once(wish.to_owned()).chain((2_u32..).map(|n| format!("{wish}-{n}")));
        let free = candidates.into_iter().find(|path| self.owner(path).is_none_or(|owner| owner == scope))?;
        (self.current(scope) != Some(free.as_str())).then_some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::category::CategoryId;

    fn record(path: &str, id: &str, claim: u64) -> AddressRecord {
        AddressRecord { path: path.to_owned(), scope: scope(id), claim }
    }

    fn scope(id: &str) -> Scope {
        Scope::Category(CategoryId::new(id))
    }

    #[test]
    fn a_changed_slug_redirects_and_is_never_given_away() {
        let book = AddressBook::new([record("category/doi-song", "1", 1), record("category/net-dep", "1", 2)]);
        let key = FeedKey::new(scope("1"), Format::Atom);
        assert_eq!(book.resolve("/feeds/category/net-dep.atom"), Some(Resolved::Feed(key)));
        let moved = Resolved::Moved("/feeds/category/net-dep.rss".to_owned());
        assert_eq!(book.resolve("/feeds/category/doi-song.rss"), Some(moved));
        assert_eq!(book.claim_for(&scope("2"), "category/doi-song"), Some("category/doi-song-2".to_owned()));
        assert_eq!(book.claim_for(&scope("1"), "category/net-dep"), None, "has it");
        assert_eq!(book.claim_for(&scope("1"), "category/doi-song"), Some("category/doi-song".to_owned()), "back");
    }

    #[test]
    fn only_known_paths_and_formats_resolve() {
        let book = AddressBook::new([]);
        assert!(matches!(book.resolve("/feeds/all.json"), Some(Resolved::Feed(_))));
        for path in [
            "/feeds/all",
            "/feeds/all.xml",
            "/feeds/",
            "/feeds/.rss",
            "/all.rss",
            "/feeds/ALL.rss",
            "/feeds/../feeds/all.rss",
        ] {
            assert_eq!(book.resolve(path), None, "{path}");
        }
    }
}
