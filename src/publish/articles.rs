//! Articles ready to stand in feeds, kept in memory: a feed of which one article is new loads and sanitises that one, and
//! the other formats of a feed none. What is kept of an article is exactly determined by its key, so nothing here is ever
//! invalid: what changed has another key, and what nobody asks for ages out. Summaries stand in a file as well, so that also a
//! feed that nobody has asked for needs neither store nor state ([`super::summaries`]).

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::summaries::Summaries;
use super::view::Names;
use crate::catalog::Entry;
use crate::domain::article::ArticleId;
use crate::domain::ledger::ArticleRecord;
use crate::feed::{Content, Prepared};
use crate::store::Loaded;

/// Bytes of articles kept in memory: some thousand, as summaries with how they are written, or with their bodies. These are
/// the newest of a newspaper's last weeks.
pub const ARTICLES_BYTES_MAX: u64 = 8 << 20;
/// What the cache itself takes for an article, in bytes.
const OVERHEAD_BYTES: usize = 250;
/// Articles of which rows and records are kept; of more at once they are loaded again.
const FRESH_MAX: usize = 16;

/// The articles.
#[derive(Debug)]
pub struct Articles {
    kept: Cache<Key, Kept>,
    bytes_max: u64,
    fresh: Mutex<Fresh>,
    /// Opened when it is known of which ledger the articles are.
    file: OnceLock<Summaries>,
}

/// What was decided last, if that is little: the documents that are made next need it, and neither store nor state is asked
/// a second time.
#[derive(Debug, Default)]
struct Fresh {
    rows: Vec<Loaded>,
    records: Vec<ArticleRecord>,
}

/// What decides everything that a document shows of an article, but where it is filed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    id: ArticleId,
    version: u32,
    digest: u64,
    content: Content,
}

/// An article, and the names under which it is filed. The names are only compared: they go when nobody else has them.
#[derive(Debug, Clone)]
pub struct Kept {
    prepared: Arc<Prepared>,
    names: Weak<Names>,
}

impl Kept {
    /// An article that is filed nowhere yet.
    #[must_use]
    pub fn unfiled(prepared: Prepared) -> Self {
        Self { prepared: Arc::new(prepared), names: Weak::new() }
    }

    /// An article that was prepared under these names.
    #[must_use]
    pub fn new(prepared: Prepared, names: &Arc<Names>) -> Self {
        Self { prepared: Arc::new(prepared), names: Arc::downgrade(names) }
    }

    /// Is it filed under these names?
    #[must_use]
    pub fn is_under(&self, names: &Arc<Names>) -> bool {
        std::ptr::eq(self.names.as_ptr(), Arc::as_ptr(names))
    }

    /// The article.
    #[must_use]
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

impl Default for Articles {
    fn default() -> Self {
        Self::new(ARTICLES_BYTES_MAX)
    }
}

impl Articles {
    /// Keeps none yet, and never more than about so many bytes; with 0 never any.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        let weight = |key: &Key, kept: &Kept| {
            let id = key.id.as_str().len();
            u32::try_from(OVERHEAD_BYTES + size_of::<Key>() + size_of::<Kept>() + id + kept.prepared.weight())
                .unwrap_or(u32::MAX)
        };
        // What was asked for last: by frequency, a new article would have to wait until it is asked for more often than an
        // old one was.
        let policy = EvictionPolicy::lru();
        Self {
            kept: Cache::builder().weigher(weight).max_capacity(bytes_max).eviction_policy(policy).build(),
            bytes_max,
            fresh: Mutex::default(),
            file: OnceLock::new(),
        }
    }

    /// Keeps summaries in a file from now on.
    pub(super) fn keep_in(&self, file: Summaries) {
        drop(self.file.set(file));
    }

    /// The file of summaries, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Summaries> {
        self.file.get()
    }

    /// Those of these articles that stand in the file.
    pub(super) async fn read(&self, entries: &[&Entry], content: Content) -> HashMap<ArticleId, Kept> {
        match self.file() {
            Some(file) if content == Content::Summary && !entries.is_empty() => {
                file.get(entries).await.into_iter().map(|(id, prepared)| (id, Kept::unfiled(prepared))).collect()
            }
            _ => HashMap::new(),
        }
    }

    /// Keeps the rows that were just decided, instead of those before.
    pub(super) fn keep_rows(&self, rows: &[Loaded]) {
        self.fresh().rows = few(rows);
    }

    /// Keeps the records that were just written, if there are any, instead of those before.
    pub(super) fn keep_records(&self, records: &[ArticleRecord]) {
        if !records.is_empty() {
            self.fresh().records = few(records);
        }
    }

    /// What the article, as the catalog has it, was decided by, if that is kept.
    pub(super) fn decided(&self, entry: &Entry) -> Option<(Loaded, ArticleRecord)> {
        let fresh = self.fresh();
        let row = fresh.rows.iter().find(|row| row.id == entry.id && row.digest == entry.digest)?;
        let record = fresh.records.iter().find(|record| entry.is_of(record))?;
        Some((row.clone(), record.clone()))
    }

    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The article as the catalog has it, if it is ready.
    #[must_use]
    pub fn get(&self, entry: &Entry, content: Content) -> Option<Kept> {
        self.kept.get(&key(entry, content))
    }

    /// Keeps an article.
    pub fn put(&self, entry: &Entry, content: Content, kept: Kept) {
        if self.bytes_max > 0 {
            self.kept.insert(key(entry, content), kept);
        }
    }

    /// Keeps an article that was not ready anywhere.
    pub(super) fn put_new(&self, entry: &Entry, content: Content, prepared: &Prepared) {
        if let (Some(file), Content::Summary) = (self.file(), content) {
            file.keep(entry, prepared);
        }
    }

    /// Bytes kept now, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.kept.run_pending_tasks();
        self.kept.weighted_size()
    }
}

fn few<T: Clone>(all: &[T]) -> Vec<T> {
    if all.len() <= FRESH_MAX { all.to_vec() } else { Vec::new() }
}

fn key(entry: &Entry, content: Content) -> Key {
    Key { id: entry.id.clone(), version: entry.version, digest: entry.digest, content }
}
