//! Feed addresses: which path stands for which scope, now and in the past. An address once used is never given to
//! another scope, and an address that ever worked redirects to the present one.

use std::collections::{HashMap, HashSet};

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
    /// How an author or a tag was spelled when it was first published; other scopes are named by what they are.
    pub label: Option<String>,
}

/// A wish for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Path below `/feeds/`, without extension.
    pub path: String,
    /// Who wants it.
    pub scope: Scope,
    /// As in [`AddressRecord`].
    pub label: Option<String>,
}

/// The addresses that state records, for looking up both ways.
#[derive(Debug, Clone, Default)]
pub struct AddressBook {
    by_path: HashMap<String, Scope>,
    current: HashMap<Scope, AddressRecord>,
}

impl AddressBook {
    /// Makes the book of what state has recorded. `all` is always in it.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = AddressRecord>) -> Self {
        let mut book = Self::default();
        book.add([AddressRecord { path: "all".to_owned(), scope: Scope::All, claim: 0, label: None }]);
        book.add(records);
        book
    }

    /// Takes over records as they stand in state.
    pub fn add(&mut self, records: impl IntoIterator<Item = AddressRecord>) {
        for record in records {
            self.by_path.insert(record.path.clone(), record.scope.clone());
            let newest = self.current.get(&record.scope).is_none_or(|known| known.claim <= record.claim);
            if newest {
                self.current.insert(record.scope.clone(), record);
            }
        }
    }

    /// What owns this path (below `/feeds/`, without extension).
    #[must_use]
    pub fn owner(&self, path: &str) -> Option<&Scope> {
        self.by_path.get(path)
    }

    /// The scope's present path (below `/feeds/`, without extension).
    #[must_use]
    pub fn current(&self, scope: &Scope) -> Option<&str> {
        self.current.get(scope).map(|record| record.path.as_str())
    }

    /// How the scope was spelled when it was first published, for an author or a tag.
    #[must_use]
    pub fn label(&self, scope: &Scope) -> Option<&str> {
        self.current.get(scope)?.label.as_deref()
    }

    /// Every scope that has an address, with its present one, in no order that means anything.
    pub fn records(&self) -> impl Iterator<Item = &AddressRecord> {
        self.current.values()
    }

    /// Every path ever claimed (below `/feeds/`, without extension), in no order that means anything.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path.keys().map(String::as_str)
    }

    /// The path that a scope should claim for its wish: its present one if that still is the wish (or the wish with a
    /// suffix it was given before), one it had before, or the first free one of `wish`, `wish-2`, `wish-3` ... that is not
    /// `taken`. `None`: nothing to claim.
    #[must_use]
    pub fn claim_for(&self, scope: &Scope, wish: &str, taken: &HashSet<String>) -> Option<String> {
        let candidates = std::iter::once(wish.to_owned()).chain((2_u32..).map(|n| format!("{wish}-{n}")));
        let is_free = |path: &String| match self.owner(path) {
            Some(owner) => owner == scope,
            None => !taken.contains(path),
        };
        let free = candidates.into_iter().find(is_free)?;
        (self.current(scope) != Some(free.as_str())).then_some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::category::CategoryId;

    fn record(path: &str, id: &str, claim: u64) -> AddressRecord {
        AddressRecord { path: path.to_owned(), scope: scope(id), claim, label: None }
    }

    fn scope(id: &str) -> Scope {
        Scope::Category(CategoryId::new(id))
    }

    #[test]
    fn a_path_once_claimed_is_never_given_away() {
        let book = AddressBook::new([record("category/doi-song", "1", 1), record("category/net-dep", "1", 2)]);
        let none = HashSet::new();
        let taken = HashSet::from(["category/doi-song-2".to_owned()]);
        assert_eq!(book.claim_for(&scope("2"), "category/doi-song", &taken), Some("category/doi-song-3".to_owned()));
        assert_eq!(book.current(&scope("1")), Some("category/net-dep"));
        assert_eq!(book.owner("category/doi-song"), Some(&scope("1")));
        assert_eq!(book.claim_for(&scope("2"), "category/doi-song", &none), Some("category/doi-song-2".to_owned()));
        assert_eq!(book.claim_for(&scope("1"), "category/net-dep", &none), None, "has it");
        assert_eq!(
            book.claim_for(&scope("1"), "category/doi-song", &none),
            Some("category/doi-song".to_owned()),
            "back"
        );
    }
}
