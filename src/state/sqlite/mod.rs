//! State in a SQLite file: WAL, and every commit is on disk before it counts. One writer at a time (`BEGIN IMMEDIATE`),
//! who waits for the one before; readers see their snapshot.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use futures_util::future::{BoxFuture, join};
use sqlx::query::QueryScalar;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteExecutor, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};

use super::row::{self, AddressRow, AdoptedRow, ArticleRow, Decoder, FeedRow, WithdrawalRow, limit};
use super::schema::{self, Migrations};
use super::{Adopted, Adoption, BLOCK_ROWS, Changes, Control, State, StateError, Take, Withdrawal, decide};
use crate::domain::address::{AddressRecord, Claim};
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::entry_id::Identity;
use crate::domain::found::FindPolicy;
use crate::domain::ledger::{ArticleRecord, Batch, Committed};

mod push;
mod woken;

use woken::Watcher;

const MIGRATIONS: &Migrations = &[
    (1, "state", include_str!("migrations/0001_state.sql")),
    (2, "labels", include_str!("migrations/0002_labels.sql")),
    (3, "adopted_guids", include_str!("migrations/0003_adopted_guids.sql")),
    (4, "guids", include_str!("migrations/0004_guids.sql")),
    (5, "notices", include_str!("migrations/0005_notices.sql")),
    (6, "found_places", include_str!("migrations/0006_found_places.sql")),
    (7, "instance", include_str!("migrations/0007_instance.sql")),
    (8, "push", include_str!("migrations/0008_push.sql")),
    (9, "push_clients", include_str!("migrations/0009_push_clients.sql")),
];
const MIGRATIONS_TABLE: &str = "migrations";

/// One statement, so one snapshot; no row if nothing is new.
/// The signs keep SQLite from planning the statement anew for each value, as it does where it has statistics of a column.
const SINCE: &str = "
    SELECT written, EXISTS (SELECT 1 FROM marks WHERE written > +?1),
        (SELECT group_concat(json_array(scope, sequence, changed_at, removal_sequence, notice_until), char(10)
            ORDER BY scope) FROM feeds WHERE written > +?1),
        (SELECT group_concat(json_array(path, scope, claim, label), char(10) ORDER BY path) FROM addresses
            WHERE written > +?1),
        (SELECT group_concat(json_array(id, guid, published, updated, fingerprint, digest, store_updated,
            json(categories), json(scopes), standing, gone_at, version, json(found)), char(10) ORDER BY written, id)
            FROM (SELECT * FROM articles WHERE written > +?1 ORDER BY written, id LIMIT ?2))
    FROM control WHERE written <> ?1";
const ARTICLES_SINCE: &str = "
    SELECT max(written), group_concat(json_array(id, guid, published, updated, fingerprint, digest, store_updated,
        json(categories), json(scopes), standing, gone_at, version, json(found)), char(10) ORDER BY written, id)
    FROM (SELECT * FROM articles WHERE (written, id) > (?1, ?2) ORDER BY written, id LIMIT ?3)";
const ARTICLES_OF: &str = "
    SELECT group_concat(json_array(id, guid, published, updated, fingerprint, digest, store_updated, json(categories),
        json(scopes), standing, gone_at, version, json(found)), char(10) ORDER BY id)
    FROM articles WHERE id IN (SELECT value FROM json_each(?1))";
const ARTICLES_OF_GUIDS: &str = "
    SELECT group_concat(json_array(id, guid, published, updated, fingerprint, digest, store_updated, json(categories),
        json(scopes), standing, gone_at, version, json(found)), char(10) ORDER BY id)
    FROM articles
    WHERE guid IS NOT NULL AND trim(guid, char(9, 10, 13, 32)) IN (SELECT value FROM json_each(?1))";
/// The articles and the feeds that a batch is about: each statement of a transaction is a trip to SQLite's thread and back.
const STANDING: &str = "
    SELECT (SELECT group_concat(json_array(id, guid, published, updated, fingerprint, digest, store_updated,
            json(categories), json(scopes), standing, gone_at, version, json(found)), char(10) ORDER BY id)
            FROM articles WHERE id IN (SELECT value FROM json_each(?1))),
        (SELECT group_concat(json_array(scope, sequence, changed_at, removal_sequence, notice_until), char(10)
            ORDER BY scope) FROM feeds WHERE scope IN (SELECT value FROM json_each(?2)))";
/// Articles and feeds, and that something was written.
const WRITE_BATCH: &str = "
    INSERT OR REPLACE INTO articles (id, guid, published, updated, fingerprint, digest, store_updated, categories,
        scopes, standing, gone_at, version, found, written)
    SELECT value ->> 'id', value ->> 'guid', value ->> 'published', value ->> 'updated', value ->> 'fingerprint',
        value ->> 'digest', value ->> 'store_updated', value -> 'categories', value -> 'scopes', value ->> 'standing',
        value ->> 'gone_at', value ->> 'version', value -> 'found', (SELECT written + 1 FROM control)
    FROM json_each(?1);
    INSERT OR REPLACE INTO feeds (scope, sequence, changed_at, removal_sequence, notice_until, written)
    SELECT value ->> 'scope', value ->> 'sequence', value ->> 'changed_at', value ->> 'removal_sequence',
        value ->> 'notice_until', (SELECT written + 1 FROM control)
    FROM json_each(?2);
    UPDATE control SET written = written + 1 RETURNING written";
const ADDRESSES: &str =
    "SELECT group_concat(json_array(path, scope, claim, label), char(10) ORDER BY path) FROM addresses";
const ADDRESSES_OF: &str = "
    SELECT group_concat(json_array(path, scope, claim, label), char(10) ORDER BY path) FROM addresses
    WHERE path IN (SELECT value FROM json_each(?1)) OR scope IN (SELECT value FROM json_each(?2))";
const LAST_CLAIM: &str = "SELECT coalesce(max(claim), 0) FROM addresses";
const WRITE_ADDRESSES: &str = "
    INSERT OR REPLACE INTO addresses (path, scope, claim, label, written)
    SELECT value ->> 'path', value ->> 'scope', value ->> 'claim', value ->> 'label', (SELECT written + 1 FROM control)
    FROM json_each(?1)";
const WRITE_WITHDRAWALS: &str = "
    INSERT INTO withdrawals AS old (article_id, at, origin)
    SELECT value ->> 'article_id', value ->> 'at', ?2 FROM json_each(?1) WHERE true
    ON CONFLICT (article_id) DO UPDATE SET at = excluded.at, origin = excluded.origin, restored_at = NULL
    WHERE old.restored_at IS NOT NULL";
const WITHDRAWN: &str =
    "SELECT article_id, origin = 'store' FROM withdrawals WHERE restored_at IS NULL ORDER BY article_id";
const RESTORE: &str = "UPDATE withdrawals SET restored_at = ?2 WHERE article_id = ?1 AND restored_at IS NULL";
const ADOPTED: &str = "SELECT article_id, guid FROM adopted_guids ORDER BY article_id";
const WRITE_ADOPTED: &str = "
    INSERT INTO adopted_guids (article_id, guid, at)
    SELECT value ->> 'article_id', value ->> 'guid', value ->> 'at' FROM json_each(?1)";
const FIND_POLICIES: &str = "SELECT article_id, policy FROM find_policies";
const WRITE_FIND_POLICIES: &str = "
    INSERT INTO find_policies AS old (article_id, policy) SELECT value, ?2 FROM json_each(?1) WHERE true
    ON CONFLICT (article_id) DO UPDATE SET policy = excluded.policy WHERE old.policy <> excluded.policy";
const IDENTITY: &str = "SELECT coalesce(authority, ?1), coalesce(since, ?2) FROM control";
const CLAIM_IDENTITY: &str = "
    UPDATE control SET authority = coalesce(authority, ?1), since = coalesce(since, ?2) RETURNING authority, since";
const CONTROL_SEQUENCE: &str = "SELECT sequence FROM control";
const STORE_ACCEPTED: &str = "SELECT store_accepted_at FROM control";
const ACCEPT_STORE: &str = "UPDATE control SET sequence = sequence + 1, store_accepted_at = ?1";
const MARK_CONTROL: &str = "UPDATE control SET sequence = sequence + 1";
const MARK: &str = "SELECT value FROM marks WHERE name = ?1";
const SET_MARK: &str = "
    INSERT INTO marks AS old (name, value, written) VALUES (?1, ?2, (SELECT written + 1 FROM control))
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, written = excluded.written
    WHERE old.value <> excluded.value";
const COUNT_WRITTEN: &str = "UPDATE control SET written = written + 1";
/// How long a writer waits for the one before.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// What a connection keeps of the file, in KiB: the system has it as well.
const CACHE_KIB: &str = "-1000";
/// Beside the one that writes.
const READERS_MAX: u32 = 3;

/// State in a SQLite file.
#[derive(Debug)]
pub(super) struct SqliteState {
    pool: SqlitePool,
    /// Of one connection: who writes waits here, in the order of coming. At the file's own lock waits who is lucky.
    writer: SqlitePool,
    watcher: Watcher,
}

impl SqliteState {
    /// Opens the file, which it makes if need be, and brings its tables up to date.
    pub(super) async fn open(url: &str) -> Result<Self, StateError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", CACHE_KIB)
            .optimize_on_close(true, None);
        let directory = options.get_filename().parent().unwrap_or(Path::new("")).to_owned();
        tokio::fs::create_dir_all(&directory).await.map_err(sqlx::Error::Io)?;
        let watcher = Watcher::new(options.clone());
        let pool = |connections_max| {
            let pool = SqlitePoolOptions::new().max_connections(connections_max).test_before_acquire(false);
            // Where SQLite itself has ended a transaction, as on a full disk, sqlx goes on in it for ever.
            let pool = pool.before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }));
            pool.connect_with(options.clone())
        };
        let (writer, pool) = (pool(1).await?, pool(READERS_MAX).await?);
        let state = Self { pool, writer, watcher };
        state.migrate(url).await?;
        Ok(state)
    }

    /// Two processes that start at once take turns: sqlx's own lock does nothing on SQLite, so this holds the file's.
    async fn migrate(&self, url: &str) -> Result<(), StateError> {
        let mut transaction = self.write().await?;
        let migrator = schema::migrator(MIGRATIONS, MIGRATIONS_TABLE);
        migrator.run(&mut *transaction).await.map_err(|error| schema::explain(error, url, MIGRATIONS))?;
        Ok(transaction.commit().await?)
    }

    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StateError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

impl State for SqliteState {
    fn claim_identity<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Result<Identity, StateError>> {
        Box::pin(async move { recorded(&self.pool, CLAIM_IDENTITY, identity).await })
    }

    fn read_since<'a>(&'a self, cursor: u64, take: Take<'a>) -> BoxFuture<'a, Result<Changes, StateError>> {
        Box::pin(async move {
            let mut decoder = Decoder::default();
            let (changes, articles) = changes(&self.pool, cursor, BLOCK_ROWS, &mut decoder).await?;
            if articles.len() < BLOCK_ROWS {
                take(articles);
                return Ok(changes);
            }
            let mut snapshot = self.pool.begin().await?;
            let (changes, _) = self::changes(&mut *snapshot, cursor, 0, &mut decoder).await?;
            let (mut number, mut id) = (cursor.saturating_add(1).cast_signed(), String::new());
            let mut before: Option<String> = None;
            loop {
                let query = sqlx::query_as(ARTICLES_SINCE).bind(number).bind(&id).bind(limit(BLOCK_ROWS));
                let look = async { before.take().map(|block| decoder.articles(&block).map(&mut *take)).transpose() };
                // One is looked at while the next one is read.
                let (block, looked) = join(query.fetch_one(&mut *snapshot), look).await;
                looked?;
                let (Some(last), Some(block)): (Option<i64>, Option<String>) = block? else { return Ok(changes) };
                (number, id) = (last, row::last_id(&block)?);
                before = Some(block);
            }
        })
    }

    fn addresses(&self) -> BoxFuture<'_, Result<Vec<AddressRecord>, StateError>> {
        Box::pin(async move {
            let packed: Option<String> = sqlx::query_scalar(ADDRESSES).fetch_one(&self.pool).await?;
            Decoder::default().addresses(&packed.unwrap_or_default())
        })
    }

    fn records<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<ArticleRecord>, StateError>> {
        Box::pin(async move {
            let query = sqlx::query_scalar(ARTICLES_OF).bind(row::json(ids.iter().map(ArticleId::as_str))?);
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            Decoder::default().articles(&packed.unwrap_or_default())
        })
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Committed, StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            let mut decoder = Decoder::default();
            let query = sqlx::query_as(STANDING).bind(row::json(decide::article_ids(batch))?);
            let standing: (Option<String>, Option<String>) =
                query.bind(row::json(decide::scopes(batch))?).fetch_one(&mut *transaction).await?;
            let articles = decoder.articles(&standing.0.unwrap_or_default())?;
            let feeds = decoder.feeds(&standing.1.unwrap_or_default())?;
            let decision = decide::batch(batch, articles, feeds);
            let mut number: Option<i64> = None;
            if !(decision.articles.is_empty() && decision.feeds.is_empty()) {
                let query =
                    sqlx::query_scalar(WRITE_BATCH).bind(row::json(decision.articles.iter().map(ArticleRow::from))?);
                let query = query.bind(row::json(decision.feeds.iter().map(FeedRow::from))?);
                number = Some(query.fetch_one(&mut *transaction).await?);
            }
            let withdrawals = decide::withdrawals(batch);
            if !withdrawals.is_empty() {
                let rows = row::json(withdrawals.into_iter().map(|(id, at)| WithdrawalRow::new(id, at)))?;
                let done = sqlx::query(WRITE_WITHDRAWALS).bind(rows).bind("store").execute(&mut *transaction).await?;
                count(&mut transaction, MARK_CONTROL, done.rows_affected()).await?;
            }
            transaction.commit().await?;
            Ok(decision.committed(number))
        })
    }

    fn claim_addresses<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<AddressRecord>, StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            let (paths, scopes) = decide::claimed(claims);
            let of = sqlx::query_scalar(ADDRESSES_OF).bind(row::json(paths)?).bind(row::json(scopes)?);
            let addresses = Decoder::default().addresses(&packed(&mut transaction, of).await?)?;
            let last: i64 = sqlx::query_scalar(LAST_CLAIM).fetch_one(&mut *transaction).await?;
            let claimed = decide::claims(addresses, last.cast_unsigned(), claims);
            let rows = row::json(claimed.changed.iter().map(AddressRow::from))?;
            let done = sqlx::query(WRITE_ADDRESSES).bind(rows).execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, COUNT_WRITTEN, done).await?;
            transaction.commit().await?;
            Ok(claimed.standing)
        })
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.watcher.woken())
    }

    fn control_marker(&self) -> BoxFuture<'_, Result<u64, StateError>> {
        Box::pin(async move {
            let sequence: i64 = sqlx::query_scalar(CONTROL_SEQUENCE).fetch_one(&self.pool).await?;
            Ok(sequence.cast_unsigned())
        })
    }

    fn control(&self) -> BoxFuture<'_, Result<Control, StateError>> {
        Box::pin(async move {
            let mut snapshot = self.pool.begin().await?;
            let accepted: Option<i64> = sqlx::query_scalar(STORE_ACCEPTED).fetch_one(&mut *snapshot).await?;
            let lines: Vec<(String, bool)> = sqlx::query_as(WITHDRAWN).fetch_all(&mut *snapshot).await?;
            let store_accepted_at = accepted.map(|at| row::instant("store_accepted_at", at)).transpose()?;
            let withdrawal = |(id, by_store): (String, bool)| Withdrawal { id: ArticleId::new(id), by_store };
            let withdrawn = lines.into_iter().map(withdrawal).collect();
            let policies: Vec<(String, String)> = sqlx::query_as(FIND_POLICIES).fetch_all(&mut *snapshot).await?;
            let find = row::find_policies(policies)?;
            Ok(Control { withdrawn, store_accepted_at, adopted: adopted(&mut *snapshot).await?, find })
        })
    }

    fn withdraw<'a>(&'a self, id: &'a ArticleId, at: Timestamp) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            let rows = row::json([WithdrawalRow::new(id, at)])?;
            let done = sqlx::query(WRITE_WITHDRAWALS).bind(rows).bind("command").execute(&mut *transaction).await?;
            count(&mut transaction, MARK_CONTROL, done.rows_affected()).await?;
            Ok(transaction.commit().await?)
        })
    }

    fn restore<'a>(&'a self, id: &'a ArticleId, at: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            let query = sqlx::query(RESTORE).bind(id.as_str()).bind(row::micros(at));
            let restored = query.execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, MARK_CONTROL, restored).await?;
            transaction.commit().await?;
            Ok(restored > 0)
        })
    }

    fn adopt<'a>(&'a self, adoption: &'a Adoption, at: Timestamp) -> BoxFuture<'a, Result<Vec<Adopted>, StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            let standing = adopted(&mut *transaction).await?;
            let ids = adoption.guids.iter().map(|(id, _)| id.as_str());
            let ids = sqlx::query_scalar(ARTICLES_OF).bind(row::json(ids)?);
            let mut records = Decoder::default().articles(&packed(&mut transaction, ids).await?)?;
            let guids = adoption.guids.iter().map(|(_, guid)| guid.as_str());
            let guids = sqlx::query_scalar(ARTICLES_OF_GUIDS).bind(row::json(guids)?);
            records.extend(Decoder::default().articles(&packed(&mut transaction, guids).await?)?);
            let identity = recorded(&mut *transaction, IDENTITY, &adoption.identity).await?;
            let answers = decide::adoption(adoption, &identity, &standing, &records);
            let new = adoption.guids.iter().zip(&answers).filter(|(_, answer)| **answer == Adopted::Recorded);
            let rows = row::json(new.map(|((id, guid), _)| AdoptedRow::new(id, guid, at)))?;
            let done = sqlx::query(WRITE_ADOPTED).bind(rows).execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, MARK_CONTROL, done).await?;
            transaction.commit().await?;
            Ok(answers)
        })
    }

    fn set_find_policy<'a>(
        &'a self,
        ids: &'a [ArticleId],
        policy: FindPolicy,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            let rows = row::json(ids.iter().map(ArticleId::as_str))?;
            let query = sqlx::query(WRITE_FIND_POLICIES).bind(rows).bind(policy.as_str());
            let done = query.execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, MARK_CONTROL, done).await?;
            Ok(transaction.commit().await?)
        })
    }

    fn accept_store(&self, at: Timestamp) -> BoxFuture<'_, Result<(), StateError>> {
        Box::pin(async move {
            sqlx::query(ACCEPT_STORE).bind(row::micros(at)).execute(&self.pool).await?;
            Ok(())
        })
    }

    fn mark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, StateError>> {
        Box::pin(async move { Ok(sqlx::query_scalar(MARK).bind(name).fetch_optional(&self.pool).await?) })
    }

    fn set_mark<'a>(&'a self, name: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let standing: Option<String> = sqlx::query_scalar(MARK).bind(name).fetch_optional(&self.pool).await?;
            if standing.as_deref() == Some(value) {
                return Ok(());
            }
            let mut transaction = self.write().await?;
            let query = sqlx::query(SET_MARK).bind(name).bind(value);
            let done = query.execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, COUNT_WRITTEN, done).await?;
            Ok(transaction.commit().await?)
        })
    }
}

/// Packed rows; empty text if there is none.
async fn packed(
    transaction: &mut Transaction<'static, Sqlite>,
    query: QueryScalar<'_, Sqlite, Option<String>, SqliteArguments>,
) -> Result<String, StateError> {
    Ok(query.fetch_one(&mut **transaction).await?.unwrap_or_default())
}

/// The recorded identity, which `statement` asks for; if there is none, the one given.
async fn recorded(
    executor: impl SqliteExecutor<'_>,
    statement: &'static str,
    identity: &Identity,
) -> Result<Identity, StateError> {
    let query = sqlx::query_as(statement).bind(identity.authority()).bind(identity.since());
    let (authority, since): (String, String) = query.fetch_one(executor).await?;
    row::identity(&authority, &since)
}

/// The adopted guids.
async fn adopted(executor: impl SqliteExecutor<'_>) -> Result<HashMap<ArticleId, String>, StateError> {
    let rows: Vec<(String, String)> = sqlx::query_as(ADOPTED).fetch_all(executor).await?;
    Ok(rows.into_iter().map(|(id, guid)| (ArticleId::new(id), guid)).collect())
}

/// What was written since `cursor`; of the articles the first ones.
async fn changes(
    executor: impl SqliteExecutor<'_>,
    cursor: u64,
    articles_max: usize,
    decoder: &mut Decoder,
) -> Result<(Changes, Vec<ArticleRecord>), StateError> {
    let query = sqlx::query_as(SINCE).bind(cursor.cast_signed()).bind(limit(articles_max));
    decoder.changes(query.fetch_optional(executor).await?, cursor)
}

/// Runs `statement`, which counts up what others watch, if there were changes.
async fn count(
    transaction: &mut Transaction<'static, Sqlite>,
    statement: &'static str,
    changes: u64,
) -> Result<(), StateError> {
    if changes > 0 {
        sqlx::query(statement).execute(&mut **transaction).await?;
    }
    Ok(())
}
