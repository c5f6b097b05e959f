//! The documents in memory: by their feeds, for those who make them, and by the addresses under which they are served, for
//! those who ask. Bounded by bytes; what was not asked for longest goes first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use http::HeaderValue;

use super::document::{Document, Encoding};
use super::live::{Live, Standing};
use crate::domain::clock::Timestamp;
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;
use crate::domain::scope::Scope;

/// What a document takes beside its bytes: keys, addresses, validators, header values.
const OVERHEAD_BYTES: usize = 2_048;
/// After so many looks from the long way the documents are weighed: each look may have made another coding of one.
const WEIGH_EVERY: u32 = 256;
/// When memory is full, one part in so many is made free: weighing them all is not done for each new one.
const FREED_PART: u64 = 10;

/// A document in memory.
#[derive(Debug)]
pub struct Kept {
    document: Arc<Document>,
    live: Arc<Live>,
    /// Second of the last request; 0 if there was none.
    asked_s: AtomicI64,
    heads: [OnceLock<Head>; Encoding::ALL.len()],
}

/// Header values that hold for as long as the document does, made once by the HTTP side.
#[derive(Debug, Clone)]
pub struct Head {
    /// `ETag`.
    pub etag: HeaderValue,
    /// `Content-Length`.
    pub length: HeaderValue,
    /// `Link`.
    pub link: HeaderValue,
    /// `Last-Modified`.
    pub last_modified: Option<HeaderValue>,
}

impl Kept {
    /// Keeps a document of a feed that stands at `live`, and that nobody has asked for.
    #[must_use]
    pub fn new(document: Arc<Document>, live: Arc<Live>) -> Self {
        Self { document, live, asked_s: AtomicI64::new(0), heads: [const { OnceLock::new() }; _] }
    }

    /// The document.
    #[must_use]
    pub const fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// What has become of it since it was made.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.live.standing(self.document.sequence())
    }

    /// The header values of the document in a coding; `make` makes them for the first who asks.
    pub fn head(&self, encoding: Encoding, make: impl FnOnce() -> Head) -> &Head {
        let [zstd, brotli, gzip, identity] = &self.heads;
        let head = match encoding {
            Encoding::Zstd => zstd,
            Encoding::Brotli => brotli,
            Encoding::Gzip => gzip,
            Encoding::Identity => identity,
        };
        head.get_or_init(make)
    }

    /// Notes that somebody asks for it.
    pub fn ask(&self, now: Timestamp) {
        // Most requests fall into a second that is noted already, and need not write to memory that others read.
        if self.asked_s.load(Ordering::Relaxed) != now.timestamp() {
            self.asked_s.store(now.timestamp(), Ordering::Relaxed);
        }
    }

    /// The second in which it was last asked for; `None` if it never was, since it or one before it came into memory.
    #[must_use]
    pub fn asked(&self) -> Option<Timestamp> {
        let second = self.asked_s.load(Ordering::Relaxed);
        if second == 0 { None } else { Timestamp::from_timestamp(second, 0) }
    }

    fn weight(&self) -> u64 {
        u64::try_from(self.document.body().weight() + OVERHEAD_BYTES).unwrap_or(u64::MAX)
    }
}

/// The documents in memory.
#[derive(Debug)]
pub struct Shelf {
    bytes_max: u64,
    /// Locked before `by_path`, where both are.
    by_key: Mutex<ByKey>,
    by_path: RwLock<hashbrown::HashMap<Arc<str>, Addressed>>,
}

#[derive(Debug, Default)]
struct ByKey {
    slots: HashMap<FeedKey, Slot>,
    /// Of the last weighing, and what came and went since.
    bytes: u64,
    looks: u32,
}

#[derive(Debug)]
struct Slot {
    kept: Arc<Kept>,
    /// Under which it is in `by_path`.
    path: Option<Arc<str>>,
}

/// A document at an address.
#[derive(Debug)]
struct Addressed {
    kept: Arc<Kept>,
    /// Of the names by which the address was found.
    names_version: u64,
}

impl Shelf {
    /// An empty one, for so many bytes of documents in all their codings.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes_max, by_key: Mutex::default(), by_path: RwLock::default() }
    }

    /// The document at an address, if the address was found by these names.
    #[must_use]
    pub fn at(&self, path: &str, names_version: u64) -> Option<Arc<Kept>> {
        let by_path = self.by_path.read().unwrap_or_else(PoisonError::into_inner);
        let found = by_path.get(path).filter(|addressed| addressed.names_version == names_version);
        found.map(|addressed| Arc::clone(&addressed.kept))
    }

    /// The document of a key.
    #[must_use]
    pub fn get(&self, key: &FeedKey) -> Option<Arc<Kept>> {
        let mut by_key = self.lock();
        by_key.looks += 1;
        if by_key.looks >= WEIGH_EVERY {
            self.weigh(&mut by_key);
        }
        by_key.slots.get(key).map(|slot| Arc::clone(&slot.kept))
    }

    /// The documents of a feed.
    #[must_use]
    pub fn of(&self, scope: &Scope) -> Vec<Arc<Kept>> {
        let by_key = self.lock();
        let keys = Format::ALL.map(|format| FeedKey::new(scope.clone(), format));
        keys.iter().filter_map(|key| by_key.slots.get(key)).map(|slot| Arc::clone(&slot.kept)).collect()
    }

    /// Every document, in no order that means anything.
    #[must_use]
    pub fn all(&self) -> Vec<(FeedKey, Arc<Kept>)> {
        self.lock().slots.iter().map(|(key, slot)| (key.clone(), Arc::clone(&slot.kept))).collect()
    }

    /// Puts a document in the place of the one before, unless that is newer.
    pub fn put(&self, key: FeedKey, kept: Arc<Kept>) {
        let mut by_key = self.lock();
        if let Some(before) = by_key.slots.get(&key) {
            if before.kept.document.sequence() > kept.document.sequence() {
                return;
            }
            kept.asked_s.fetch_max(before.kept.asked_s.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.take(&mut by_key, &key);
        by_key.bytes = by_key.bytes.saturating_add(kept.weight());
        by_key.slots.insert(key, Slot { kept, path: None });
        if by_key.bytes > self.bytes_max {
            self.weigh(&mut by_key);
        }
    }

    /// Gives a document its address, as long as it is in memory.
    pub fn address(&self, key: &FeedKey, kept: &Arc<Kept>, path: &str, names_version: u64) {
        let mut by_key = self.lock();
        let Some(slot) = by_key.slots.get_mut(key).filter(|slot| Arc::ptr_eq(&slot.kept, kept)) else { return };
        let mut by_path = self.by_path.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = slot.path.take() {
            by_path.remove(&before);
        }
        let path: Arc<str> = Arc::from(path);
        by_path.insert(Arc::clone(&path), Addressed { kept: Arc::clone(kept), names_version });
        slot.path = Some(path);
    }

    /// Forgets a document.
    pub fn forget(&self, key: &FeedKey) {
        self.take(&mut self.lock(), key);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut by_key = self.lock();
        *by_key = ByKey::default();
        self.by_path.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take(&self, by_key: &mut ByKey, key: &FeedKey) {
        let Some(slot) = by_key.slots.remove(key) else { return };
        by_key.bytes = by_key.bytes.saturating_sub(slot.kept.weight());
        if let Some(path) = slot.path {
            self.by_path.write().unwrap_or_else(PoisonError::into_inner).remove(&path);
        }
    }

    /// Counts what is really there; if that is too much, the documents go that were not asked for longest.
    fn weigh(&self, by_key: &mut ByKey) {
        by_key.looks = 0;
        let weigh = |slot: &Slot| (slot.kept.asked_s.load(Ordering::Relaxed), slot.kept.weight());
        let mut oldest: Vec<_> = by_key.slots.iter().map(|(key, slot)| (weigh(slot), key)).collect();
        let mut bytes = oldest.iter().map(|((_, weight), _)| weight).sum();
        by_key.bytes = bytes;
        if bytes <= self.bytes_max {
            return;
        }
        oldest.sort_unstable_by_key(|(asked_and_weight, _)| *asked_and_weight);
        let goal = self.bytes_max - self.bytes_max / FREED_PART;
        let going = oldest.into_iter().take_while(|((_, weight), _)| {
            let go = bytes > goal;
            bytes = bytes.saturating_sub(*weight);
            go
        });
        let going: Vec<FeedKey> = going.map(|(_, key)| key.clone()).collect();
        for key in going {
            self.take(by_key, &key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, ByKey> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::Scope;

    const PART: usize = 10_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    fn key(name: &str) -> FeedKey {
        FeedKey::new(format!("category:{name}").parse::<Scope>().unwrap(), Format::Rss)
    }

    fn kept(sequence: u64, bytes: usize) -> Arc<Kept> {
        let document = Document::new(Format::Rss, sequence, None, vec![b'x'; bytes - OVERHEAD_BYTES]);
        Arc::new(Kept::new(Arc::new(document), Arc::default()))
    }

    fn names(shelf: &Shelf) -> Vec<String> {
        let mut names: Vec<_> = shelf.all().into_iter().map(|(key, _)| key.scope.to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_not_asked_for_longest_goes_first() {
        let shelf = Shelf::new(u64::try_from(PART * 10).unwrap());
        for (name, asked_s) in [("a", 3), ("b", 1), ("c", 2), ("d", 4)] {
            shelf.put(key(name), kept(1, PART * 5 / 2));
            let kept = shelf.get(&key(name)).unwrap();
            kept.ask(at(asked_s));
            shelf.address(&key(name), &kept, name, 1);
        }
        assert_eq!(names(&shelf).len(), 4, "full, but not too full");
        shelf.put(key("e"), kept(1, PART));
        assert_eq!(names(&shelf), ["category:a", "category:c", "category:d"], "nobody ever asked for e");
        assert!(shelf.at("b", 1).is_none() && shelf.at("a", 1).is_some());
    }

    #[tokio::test]
    async fn codings_weigh_too() {
        let shelf = Shelf::new(u64::try_from(PART * 2).unwrap());
        let noise: Vec<u8> =
            (0..7_000_u32).flat_map(|n| n.wrapping_mul(0x9E37_79B9).to_be_bytes()).take(9_000).collect();
        let document = Arc::new(Document::new(Format::Rss, 1, None, noise));
        shelf.put(key("a"), Arc::new(Kept::new(Arc::clone(&document), Arc::default())));
        document.body().encoded(Encoding::Gzip).await;
        document.body().encoded(Encoding::Zstd).await;
        for _ in 0..WEIGH_EVERY {
            drop(shelf.get(&key("a")));
        }
        assert!(shelf.get(&key("a")).is_none(), "its codings made it too heavy");
    }

    #[test]
    fn a_newer_document_stays_and_takes_over_what_was_asked() {
        let shelf = Shelf::new(u64::MAX);
        shelf.put(key("a"), kept(2, PART));
        shelf.get(&key("a")).unwrap().ask(at(7));
        shelf.put(key("a"), kept(1, PART));
        assert_eq!(shelf.get(&key("a")).unwrap().document().sequence(), 2);
        shelf.put(key("a"), kept(3, PART));
        let now = shelf.get(&key("a")).unwrap();
        assert_eq!((now.document().sequence(), now.asked()), (3, Some(at(7))));
        assert_eq!(shelf.of(&key("a").scope).len(), 1);
        assert_eq!(shelf.lock().bytes, u64::try_from(PART).unwrap());
    }

    #[test]
    fn an_address_leads_to_the_document_that_is_kept_and_to_no_other() {
        let shelf = Shelf::new(u64::MAX);
        let (first, second) = (kept(1, PART), kept(2, PART));
        shelf.put(key("a"), Arc::clone(&first));
        shelf.address(&key("a"), &first, "/a", 1);
        assert!(shelf.at("/a", 1).is_some());
        assert!(shelf.at("/a", 2).is_none(), "the names have changed");
        shelf.address(&key("a"), &first, "/b", 2);
        assert!(shelf.at("/a", 1).is_none() && shelf.at("/b", 2).is_some());
        shelf.put(key("a"), Arc::clone(&second));
        assert!(shelf.at("/b", 2).is_none(), "an old document holds no address");
        shelf.address(&key("a"), &first, "/b", 2);
        assert!(shelf.at("/b", 2).is_none());
        shelf.address(&key("a"), &second, "/b", 2);
        shelf.clear();
        assert!(shelf.at("/b", 2).is_none() && shelf.all().is_empty());
    }
}
