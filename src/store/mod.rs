//! The newsroom's articles: reads the article store through the relational contract of `docs/STORE.md`, and says what
//! changed. Only reads. `import` is the one writer, into the embedded SQLite store.

mod article;
mod contract;
pub mod install;
pub mod log;
mod postgres;
mod read;
mod row;
pub mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{Stream, TryStreamExt as _};
use url::Url;

use crate::domain::article::{Article, ArticleId};
use crate::domain::category::Category;
use crate::domain::fault::Fault;
use crate::text::stamp::Zones;
use log::{LogCursor, LogRead};

/// Connections that read at the same time: a complete read, and the loads of a few feeds beside it.
const CONNECTIONS_MAX: usize = 4;

/// How a store is read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The schema in which the relations are; only PostgreSQL has any. `None`: where the database looks by itself.
    pub schema: Option<String>,
    /// What stands before the name of every relation, such as `loa_`; mostly empty.
    pub prefix: String,
    /// The zones of naive stamps.
    pub zones: Zones,
    /// Longest time for one call, or for one block of a complete read, in milliseconds.
    pub query_timeout_ms: u64,
}

/// Opens a store by its address: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`. Nothing is connected before the
/// first call, and every call connects anew where it must: a store that is away now may be back later.
///
/// # Errors
/// [`StoreError::UnknownKind`] for another kind of address, [`StoreError::Contract`] for a schema or prefix that is no
/// plain identifier, [`StoreError::Database`] for an address that cannot be read.
pub fn open(url: &str, options: &Options) -> Result<Arc<dyn ArticleStore>, StoreError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => Ok(Arc::new(sqlite::SqliteStore::open(url, options)?)),
        Some("postgres" | "postgresql") => Ok(Arc::new(postgres::PostgresStore::open(url, options)?)),
        _ => Err(StoreError::UnknownKind { url: without_password(url) }),
    }
}

/// One row of a complete read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Which article it belongs to.
    pub id: &'a str,
    /// A value that changes when the row does: of `revision` and all columns but the body, or of all columns where
    /// `revision` is null. The digest of an article is the sum of those of its rows, whatever their order.
    pub digest: u64,
    /// Is it a row of `articles`? These come before all others.
    pub of_article: bool,
}

/// An article as loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Which article.
    pub id: ArticleId,
    /// The sum of the digests of its rows, each as in [`Piece`].
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
    /// `SQLite` or `PostgreSQL`.
    pub backend: String,
    /// The address without its password.
    pub url: String,
}

/// All readable categories, and the faults of the others.
pub type Categories = (Vec<Category>, Vec<Fault>);

/// An article store. Every call sees one snapshot: never an article without its categories or media.
pub trait ArticleStore: Send + Sync + std::fmt::Debug {
    /// What it is.
    fn info(&self) -> &StoreInfo;

    /// How changes are found (DESIGN 4), with the bound, in words: as it was found at the last [`ArticleStore::log_end`].
    fn change_detection(&self) -> String;

    /// A cheap value that differs when anything may have been committed since; `None`: cannot tell, read everything.
    fn change_marker(&self) -> BoxFuture<'_, Result<Option<u64>, StoreError>>;

    /// Reads everything but the bodies, and lets every row of an article that has an id pass by, whatever its status; an id
    /// may stand twice, and rows may belong to articles that are not there. Returns what is wrong with rows without a
    /// readable id; faults of articles come from `load`. The time limit holds for each block of rows.
    fn scan<'a>(&'a self, take: &'a mut (dyn FnMut(Piece<'_>) + Send))
    -> BoxFuture<'a, Result<Vec<Fault>, StoreError>>;

    /// Loads articles, in the order of `ids`; an id that is not there is left out.
    fn load<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<Loaded>, StoreError>>;

    /// The same for summaries: without the body of an article whose lead is sure to stand there instead.
    fn load_summaries<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<Loaded>, StoreError>> {
        self.load(ids)
    }

    /// Reads all categories, with the faults of those that cannot be used.
    fn categories(&self) -> BoxFuture<'_, Result<Categories, StoreError>>;

    /// Where the change log ends now; `None`: there is none. Asked for before a complete read, it is where to go on after
    /// it: what is committed in between is told twice and not lost.
    fn log_end(&self) -> BoxFuture<'_, Result<Option<LogCursor>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    /// What was committed since a cursor of [`ArticleStore::log_end`] or of an earlier read.
    fn log_since<'a>(&'a self, _cursor: &'a LogCursor) -> BoxFuture<'a, Result<LogRead, StoreError>> {
        Box::pin(async { Ok(LogRead::Lost { why: "the store has no change log".to_owned() }) })
    }

    /// Ends when something may have been committed, or when it can no longer be told: a hint, on which nothing depends but
    /// how soon changes are found. May be dropped and asked for again at any time; what happened in between counts.
    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// The next block of many, if it does not take too long.
async fn next_block<T: Send>(
    timeout_ms: u64,
    blocks: &mut (impl Stream<Item = Result<T, sqlx::Error>> + Unpin + Send),
) -> Result<Option<T>, StoreError> {
    limited(timeout_ms, async { Ok(blocks.try_next().await?) }).await
}

/// Ends a call that takes too long.
async fn limited<T>(
    timeout_ms: u64,
    call: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    let timeout = Duration::from_millis(timeout_ms);
    tokio::time::timeout(timeout, call).await.unwrap_or(Err(StoreError::Timeout { timeout_ms }))
}

/// The address as it may be shown: without a password, wherever it stands.
fn without_password(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        return if scheme.is_empty() { url.to_owned() } else { format!("{scheme}://...") };
    };
    if parsed.cannot_be_a_base() || parsed.scheme() == "sqlite" {
        return url.to_owned();
    }
    if parsed.set_password(None).is_err() {
        return url.to_owned();
    }
    if parsed.query_pairs().any(|(key, _)| key == "password") {
        let kept: Vec<(String, String)> =
            parsed.query_pairs().into_owned().filter(|(key, _)| key != "password").collect();
        parsed.query_pairs_mut().clear().extend_pairs(kept);
    }
    parsed.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let check = |url: &str, expect: &str| assert_eq!(without_password(url), expect);
        check("postgres://loa:bi-mat@db.example/toasoan", "postgres://loa@db.example/toasoan");
        check(
            "postgres://loa@db.example/toasoan?password=bi-mat&sslmode=require",
            "postgres://loa@db.example/toasoan?sslmode=require",
        );
        check("postgres://loa:bi-mat@:x/toasoan", "postgres://...");
        check("postgres:///toasoan?host=/run/postgresql", "postgres:///toasoan?host=/run/postgresql");
        check("sqlite:bai/viet.db", "sqlite:bai/viet.db");
        check("sqlite:///srv/bài.db", "sqlite:///srv/bài.db");
        check("mysql://loa:bi-mat@db/x", "mysql://loa@db/x");
        check("toasoan.db", "toasoan.db");
    }
}
