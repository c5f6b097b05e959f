//! Loa's own durable data: the ledger, the addresses, the deny list, a few marks. Never in the newsroom's tables.
//! SQLite by default, PostgreSQL where several replicas share it. The first writer wins; the others read it back.

mod decide;
mod postgres;
pub mod push;
mod push_row;
mod row;
mod schema;
pub mod scratch;
mod sqlite;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use url::Url;

use crate::domain::address::{AddressRecord, Claim};
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::entry_id::Identity;
use crate::domain::found::FindPolicy;
use crate::domain::ledger::{ArticleRecord, Batch, Committed, FeedRecord};

/// The mark that tells this state from every other: random, made with its tables, and kept for ever.
pub const INSTANCE_MARK: &str = "instance";

/// Rows that are read as one packed value: enough that the number of values does not matter, few enough that a value is
/// well under a megabyte.
const BLOCK_ROWS: usize = 1000;

/// Longest guid that can be adopted, in bytes: what PostgreSQL can index is not much longer.
pub const GUID_BYTES_MAX: usize = 2000;

/// Everything that was published.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Every article ever published.
    pub articles: Vec<ArticleRecord>,
    /// Every feed that ever held an article.
    pub feeds: Vec<FeedRecord>,
    /// Every address ever published.
    pub addresses: Vec<AddressRecord>,
    /// Where [`State::since`] goes on from here.
    pub cursor: u64,
}

/// What was written after a cursor: every record once, as it now stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Where the next [`State::since`] goes on: the number of the last transaction that these changes hold.
    pub cursor: u64,
    /// Article records, in the order in which they were written last; those of one transaction in the order of ids.
    pub articles: Vec<ArticleRecord>,
    /// Feed records, in the order of scopes.
    pub feeds: Vec<FeedRecord>,
    /// Address records, in the order of paths.
    pub addresses: Vec<AddressRecord>,
    /// Was a mark written?
    pub marks_changed: bool,
}

/// Takes article records, a block at a time.
pub type Take<'a> = &'a mut (dyn FnMut(Vec<ArticleRecord>) + Send);

/// What people have told Loa by commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// The deny list: articles withdrawn and not restored. It wins over whatever the store says.
    pub withdrawn: Vec<Withdrawal>,
    /// `loa store accept`: the instant of the last call.
    pub store_accepted_at: Option<Timestamp>,
    /// `loa adopt`: the guids that articles had in the paper's former feeds. They win over those of the store, and stand
    /// for ever.
    pub adopted: HashMap<ArticleId, String>,
    /// `loa import --localities`: what is done about places in the texts of these articles, whatever the configuration
    /// says.
    pub find: HashMap<ArticleId, FindPolicy>,
}

/// Guids that articles are to take over from a former feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Article and guid: the guid without white space around it, at most [`GUID_BYTES_MAX`] bytes.
    pub guids: Vec<(ArticleId, String)>,
    /// Also for articles that have been published under another guid, which readers have seen then?
    pub also_published: bool,
    /// Who mints ids if none is recorded yet: no article takes over the id that another one has or would get.
    pub identity: Identity,
}

/// What became of one wish of an [`Adoption`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopted {
    /// It is written down now.
    Recorded,
    /// The article has had it before, or gets it anyway: it is the id that Loa makes for it.
    Known,
    /// Refused: the article has adopted this other guid.
    OtherGuid(String),
    /// Refused: this other article has adopted the guid, or has been published under it, or it is the id that Loa makes
    /// for it, whether or not there is such an article yet.
    OtherArticle(ArticleId),
    /// Refused: the article has been published, under this guid (`None`: under the id that Loa made).
    Published(Option<String>),
}

/// One line of the deny list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Which article.
    pub id: ArticleId,
    /// Did the store say so (`status = 'withdrawn'`)? Else a command did.
    pub by_store: bool,
}

/// Why state did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The address is of no known kind.
    #[error("state `{url}` is of no known kind, expected `sqlite:PATH` or `postgres://...`")]
    UnknownKind {
        /// The address, without its password.
        url: String,
    },
    /// It was made by a newer Loa.
    #[error(
        "state `{url}` has schema version {found}, this program knows up to {known}; use the program that made it or a newer one"
    )]
    TooNew {
        /// The address, without its password.
        url: String,
        /// Version found.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// It took too long.
    #[error("state did not answer within {timeout_ms} ms")]
    Timeout {
        /// The limit that was passed.
        timeout_ms: u64,
    },
    /// A record cannot be read back.
    #[error("state: record `{key}` cannot be read: {why}")]
    Corrupt {
        /// Which record.
        key: String,
        /// Why.
        why: String,
    },
    /// The database said no, or is gone.
    #[error("state: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("state: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// Loa's memory.
pub trait State: Send + Sync + std::fmt::Debug {
    /// Records the identity if none is recorded, and returns the recorded one: the caller refuses to run with another.
    fn claim_identity<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Result<Identity, StateError>>;

    /// Everything written since `cursor` (0: since ever), in one snapshot: how a process learns what others have written,
    /// and what it wrote itself without hearing the answer. With nothing new it costs one small query. `take` is given the
    /// articles, in the order of [`Changes::articles`], which stays empty; a million of them are never in memory at once.
    ///
    /// Every transaction that writes articles, feeds, addresses or marks takes the next number and stamps its rows with
    /// it. It takes it under the lock that every writer holds until it has committed, so numbers become visible in their
    /// order: who has seen one will never find an earlier one later. What writes nothing, such as a batch that lost all
    /// its writes, takes none. The deny list has its own [`State::control_marker`].
    fn read_since<'a>(&'a self, cursor: u64, take: Take<'a>) -> BoxFuture<'a, Result<Changes, StateError>>;

    /// [`State::read_since`], of changes that fit into memory.
    fn since(&self, cursor: u64) -> BoxFuture<'_, Result<Changes, StateError>> {
        Box::pin(async move {
            let mut articles = Vec::new();
            let changes = self.read_since(cursor, &mut |block| articles.extend(block)).await?;
            Ok(Changes { articles, ..changes })
        })
    }

    /// Everything there is, of a ledger that fits into memory. Articles come in the order of ids.
    fn load(&self) -> BoxFuture<'_, Result<Ledger, StateError>> {
        Box::pin(async move {
            let Changes { cursor, mut articles, feeds, addresses, .. } = self.since(0).await?;
            articles.sort_by(|a, b| a.id.cmp(&b.id));
            Ok(Ledger { articles, feeds, addresses, cursor })
        })
    }

    /// Every address ever published.
    fn addresses(&self) -> BoxFuture<'_, Result<Vec<AddressRecord>, StateError>>;

    /// Ends when something may have been written, or when it can no longer be told: a hint, on which nothing depends but
    /// how soon it is followed. May be dropped and asked for again at any time; what happened in between counts.
    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// The records of these articles, in any order; an article without one is left out.
    fn records<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<ArticleRecord>, StateError>>;

    /// Writes a batch in one transaction. A write whose record has moved on since `record.version` is not made: the
    /// record as it stands comes back instead, and only the feeds of writes that were made are touched. A touched feed's
    /// sequence grows by one however many touches it has in the batch.
    fn commit<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Committed, StateError>>;

    /// Records that each scope now wants this path, unless the path belongs to another scope; returns the record of each
    /// of these paths as it now stands. A label once recorded stays.
    fn claim_addresses<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<AddressRecord>, StateError>>;

    /// A cheap value that differs when [`State::control`] may answer otherwise.
    fn control_marker(&self) -> BoxFuture<'_, Result<u64, StateError>>;

    /// The deny list, the acceptance, the adopted guids.
    fn control(&self) -> BoxFuture<'_, Result<Control, StateError>>;

    /// Puts an article on the deny list, by command. Repeating it changes nothing.
    fn withdraw<'a>(&'a self, id: &'a ArticleId, at: Timestamp) -> BoxFuture<'a, Result<(), StateError>>;

    /// Takes an article off the deny list; false if it was not on it.
    fn restore<'a>(&'a self, id: &'a ArticleId, at: Timestamp) -> BoxFuture<'a, Result<bool, StateError>>;

    /// Records guids of a former feed, those that can be, in one transaction. Answers in the order of the wishes;
    /// repeating them changes nothing.
    fn adopt<'a>(&'a self, adoption: &'a Adoption, at: Timestamp) -> BoxFuture<'a, Result<Vec<Adopted>, StateError>>;

    /// Records what is done about the places that the texts of these articles name. It replaces what was recorded.
    fn set_find_policy<'a>(&'a self, ids: &'a [ArticleId], policy: FindPolicy)
    -> BoxFuture<'a, Result<(), StateError>>;

    /// Lets a held change of the store through.
    fn accept_store(&self, at: Timestamp) -> BoxFuture<'_, Result<(), StateError>>;

    /// A named mark, such as the digest of the last category tree. `None`: never set.
    fn mark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, StateError>>;

    /// Sets a named mark. Setting it to what it is writes nothing.
    fn set_mark<'a>(&'a self, name: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), StateError>>;
}

/// Opens state, makes it if it is not there, and brings its tables up to date. The address chooses the backend:
/// `sqlite:PATH` or `postgres://...` (its tables stand in a schema `loa`).
///
/// # Errors
/// [`StateError`] if the address is of no known kind, the database cannot be reached, or a newer Loa made it.
pub async fn open(url: &str) -> Result<Arc<dyn State>, StateError> {
    match kind(url)? {
        Kind::Sqlite => Ok(Arc::new(sqlite::SqliteState::open(url).await?)),
        Kind::Postgres => Ok(Arc::new(postgres::PostgresState::open(url, postgres::LEDGER_CHANNEL).await?)),
    }
}

/// Opens what the hub keeps, which stands in the same database, with connections of its own: what waits for a subscriber
/// does not wait for the ledger.
///
/// # Errors
/// As [`open`].
pub async fn open_subscriptions(url: &str) -> Result<Arc<dyn push::Subscriptions>, StateError> {
    match kind(url)? {
        Kind::Sqlite => Ok(Arc::new(sqlite::SqliteState::open(url).await?)),
        Kind::Postgres => Ok(Arc::new(postgres::PostgresState::open(url, postgres::PUSH_CHANNEL).await?)),
    }
}

/// Opens state as [`open`] does, but makes no file: `None` if there is none yet.
///
/// # Errors
/// As [`open`].
pub async fn open_existing(url: &str) -> Result<Option<Arc<dyn State>>, StateError> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
        if !std::path::Path::new(path).exists() {
            return Ok(None);
        }
    }
    open(url).await.map(Some)
}

/// The backends.
enum Kind {
    Sqlite,
    Postgres,
}

fn kind(url: &str) -> Result<Kind, StateError> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() && !path.contains(":memory:") => Ok(Kind::Sqlite),
        Some(("postgres" | "postgresql", _)) => Ok(Kind::Postgres),
        _ => Err(StateError::UnknownKind { url: without_password(url) }),
    }
}

/// An address as it may stand in a message.
fn without_password(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return "(unreadable)".to_owned() };
    if parsed.password().is_some() && parsed.set_password(Some("***")).is_err() {
        return "(unreadable)".to_owned();
    }
    if parsed.scheme() != "sqlite" {
        parsed.set_query(None);
    }
    parsed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_never_holds_a_password() {
        let check = |url: &str, expect: &str| assert_eq!(without_password(url), expect);
        check("postgres://loa:geheim@db.example/news?password=geheim", "postgres://loa:***@db.example/news");
        check("sqlite:loa-data/state.sqlite", "sqlite:loa-data/state.sqlite");
    }

    #[tokio::test]
    async fn an_unknown_kind_is_refused() {
        for url in ["", "loa.sqlite", "mysql://h/d", "sqlite:", "sqlite::memory:"] {
            assert!(matches!(open(url).await, Err(StateError::UnknownKind { .. })), "{url}");
            assert!(matches!(open_subscriptions(url).await, Err(StateError::UnknownKind { .. })), "{url}");
        }
    }
}
