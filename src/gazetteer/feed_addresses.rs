//! The address of every feed: what state records (categories, authors, tags, custom feeds), and the gazetteer's own table
//! for places, which never changes and needs no record.

use std::sync::Arc;

use super::Gazetteer;
use crate::domain::address::{AddressBook, FEEDS_PREFIX};
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;
use crate::domain::place::Place;
use crate::domain::scope::Scope;

/// What the paths of places, and of combinations after the category, begin with.
const LOCALITY: &str = "locality/";
/// Between the path of a category and that of a place.
const WITHIN: &str = "/locality/";

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The feed itself.
    Feed(FeedKey),
    /// The feed's present path, to redirect to (301).
    Moved(String),
}

/// All addresses, for looking up both ways.
#[derive(Debug, Clone)]
pub struct FeedAddresses {
    book: AddressBook,
    gazetteer: Arc<Gazetteer>,
}

impl Default for FeedAddresses {
    fn default() -> Self {
        Self::new(AddressBook::new([]), Gazetteer::built_in())
    }
}

impl FeedAddresses {
    /// Puts both tables together.
    #[must_use]
    pub const fn new(book: AddressBook, gazetteer: Arc<Gazetteer>) -> Self {
        Self { book, gazetteer }
    }

    /// What state records.
    #[must_use]
    pub const fn book(&self) -> &AddressBook {
        &self.book
    }

    /// The same places, another book.
    #[must_use]
    pub fn with_book(&self, book: AddressBook) -> Self {
        Self::new(book, Arc::clone(&self.gazetteer))
    }

    /// The same book, other places.
    #[must_use]
    pub fn with_gazetteer(&self, gazetteer: Arc<Gazetteer>) -> Self {
        Self::new(self.book.clone(), gazetteer)
    }

    /// The administrative units.
    #[must_use]
    pub fn gazetteer(&self) -> &Gazetteer {
        &self.gazetteer
    }

    /// The scope's present path below `/feeds/`, without extension.
    #[must_use]
    pub fn current(&self, scope: &Scope) -> Option<String> {
        match scope {
            Scope::Locality(place) => Some(format!("{LOCALITY}{}", self.gazetteer.path_of(*place)?)),
            Scope::Combination(category, place) => {
                let category = self.book.current(&Scope::Category(category.clone()))?;
                Some(format!("{category}{WITHIN}{}", self.gazetteer.path_of(*place)?))
            }
            _ => self.book.current(scope).map(str::to_owned),
        }
    }

    /// The document's path on our server, such as `/feeds/category/xay-dung-dang.rss`.
    #[must_use]
    pub fn path_of(&self, key: &FeedKey) -> Option<String> {
        self.current(&key.scope).map(|path| format!("{FEEDS_PREFIX}{path}.{}", key.format))
    }

    /// What a path below `/feeds/`, without extension, stands for.
    #[must_use]
    pub fn owner(&self, path: &str) -> Option<Scope> {
        if let Some(place) = path.strip_prefix(LOCALITY) {
            return self.place(place).map(Scope::Locality);
        }
        match path.split_once(WITHIN) {
            Some((category, place)) => match self.book.owner(category)? {
                Scope::Category(id) => Some(Scope::Combination(id.clone(), self.place(place)?)),
                _ => None,
            },
            None => self.book.owner(path).cloned(),
        }
    }

    /// The place whose feed a path leads to: that of a commune that is no more leads to its one successor.
    fn place(&self, path: &str) -> Option<Place> {
        Some(self.gazetteer.canonical(self.gazetteer.by_path(path)?))
    }

    /// What a request path leads to; `None` if it never was a feed.
    #[must_use]
    pub fn resolve(&self, request_path: &str) -> Option<Resolved> {
        let (path, extension) = request_path.strip_prefix(FEEDS_PREFIX)?.rsplit_once('.')?;
        let key = FeedKey::new(self.owner(path)?, Format::from_extension(extension)?);
        let current = self.path_of(&key)?;
        Some(if current == request_path { Resolved::Feed(key) } else { Resolved::Moved(current) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::AddressRecord;
    use crate::domain::category::CategoryId;

    fn addresses() -> FeedAddresses {
        let record = |path: &str, claim| AddressRecord {
            path: path.to_owned(),
            scope: Scope::Category(CategoryId::new("1")),
            claim,
            label: None,
        };
        let book = AddressBook::new([record("category/doi-song", 1), record("category/net-dep", 2)]);
        FeedAddresses::default().with_book(book)
    }

    #[test]
    fn every_kind_of_feed_is_found_and_an_old_slug_redirects() {
        let check = |path: &str, expect: Option<&str>, moved: Option<&str>| {
            let found = addresses().resolve(path);
            let (scope, to) = match &found {
                Some(Resolved::Feed(key)) => (Some(key.scope.to_string()), None),
                Some(Resolved::Moved(to)) => (None, Some(to.as_str())),
                None => (None, None),
            };
            assert_eq!((scope.as_deref(), to), (expect, moved), "{path}");
        };
        check("/feeds/all.json", Some("all"), None);
        check("/feeds/category/net-dep.atom", Some("category:1"), None);
        check("/feeds/category/doi-song.rss", None, Some("/feeds/category/net-dep.rss"));
        check("/feeds/locality/phu-tho.rss", Some("locality:25"), None);
        check("/feeds/locality/phu-tho/thanh-pho-viet-tri.json", Some("locality:227"), None);
        check("/feeds/category/net-dep/locality/phu-tho.rss", Some("combination:25+1"), None);
        check("/feeds/locality/phu-tho/xa-hung-lo.rss", None, Some("/feeds/locality/phu-tho/phuong-van-phu.rss"));
        let moved = "/feeds/category/net-dep/locality/phu-tho/phuong-van-phu.rss";
        check("/feeds/category/doi-song/locality/phu-tho/phuong-van-phu.rss", None, Some(moved));
        check("/feeds/category/doi-song/locality/phu-tho/xa-hung-lo.rss", None, Some(moved));
        for path in [
            "/feeds/all",
            "/feeds/all.xml",
            "/feeds/",
            "/feeds/.rss",
            "/all.rss",
            "/feeds/ALL.rss",
            "/feeds/../feeds/all.rss",
            "/feeds/locality/nowhere.rss",
            "/feeds/category/nothing/locality/phu-tho.rss",
            "/feeds/all/locality/phu-tho.rss",
        ] {
            check(path, None, None);
        }
    }
}
