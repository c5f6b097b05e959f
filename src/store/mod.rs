//! The newsroom's articles: reads the article store through the relational contract of `docs/STORE.md`, and says what
//! changed. Only reads. `import` is the one writer, into the embedded SQLite store.

pub mod sqlite;

use futures_util::future::BoxFuture;

use crate::domain::article::{Article, ArticleId};
use crate::domain::category::Category;
use crate::domain::fault::Fault;

/// One row of a complete read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which article.
    pub id: ArticleId,
    /// Changes when the row, or a row joined to it, changes: of `revision` and all columns but the body, or of all
    /// columns where `revision` is null. The same function in [`ArticleStore::scan`] and [`ArticleStore::load`].
    pub digest: u64,
}

/// A complete read: one snapshot.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// Every row that has an id, whatever its status. An id that stands twice is here once, with a fault.
    pub heads: Vec<Head>,
    /// Every readable category.
    pub categories: Vec<Category>,
    /// Rows without a readable id, categories that cannot be used. Faults of articles come from `load`.
    pub faults: Vec<Fault>,
}

/// An article as loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Which article.
    pub id: ArticleId,
    /// As in [`Head`].
    pub digest: u64,
    /// The article, or why it cannot be published (a fault of severity `SetAside`).
    pub article: Result<Box<Article>, Fault>,
    /// Faults that do not keep it from being published.
    pub notices: Vec<Fault>,
}

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is of no known kind.
    #[error("store `{url}` is of no known kind, expected `sqlite:PATH` or `postgres://...`")]
    UnknownKind {
        /// The address, without its password.
        url: String,
    },
    /// The relations are not there, or a required column is missing.
    #[error("store: {what}; {way_out}")]
    Contract {
        /// What is missing, by relation and column.
        what: String,
        /// What to do.
        way_out: String,
    },
    /// It took too long.
    #[error("store did not answer within {timeout_ms} ms")]
    Timeout {
        /// The limit that was passed.
        timeout_ms: u64,
    },
    /// The database said no, or is gone.
    #[error("store: {0}")]
    Database(#[from] sqlx::Error),
}

/// What `/readyz` and `loa check` tell of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreInfo {
    /// `SQLite` or `PostgreSQL`, with its version.
    pub backend: String,
    /// The address without its password.
    pub url: String,
    /// How changes are found (DESIGN 4), in words.
    pub change_detection: String,
}

/// An article store. Every call sees one snapshot: never an article without its categories or media.
pub trait ArticleStore: Send + Sync + std::fmt::Debug {
    /// What it is.
    fn info(&self) -> &StoreInfo;

    /// A cheap value that differs when anything may have been committed since; `None`: cannot tell, read everything.
    fn change_marker(&self) -> BoxFuture<'_, Result<Option<u64>, StoreError>>;

    /// Reads the id and digest of every article, and all categories.
    fn scan(&self) -> BoxFuture<'_, Result<Scan, StoreError>>;

    /// Loads articles, in the order of `ids`; an id that is not there is left out.
    fn load<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<Loaded>, StoreError>>;
}
