//! State in PostgreSQL, in a schema `loa` of its own, where several replicas share it. Every writer first locks the one
//! row of `control`: nearly every batch touches the feed `all` anyway, so writers take turns at no cost, and none can
//! deadlock with another. Readers see their snapshot and wait for nobody.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::time::Duration;

use futures_util::future::{BoxFuture, join};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions};
use sqlx::query::QueryScalar;
use sqlx::{Connection as _, Executor as _, PgConnection, PgExecutor, PgPool, Postgres, Transaction};

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

use woken::Waker;

/// What writers of the ledger notify.
pub(super) const LEDGER_CHANNEL: &str = "loa_state";
/// What is notified when something may be due to be delivered or verified.
pub(super) const PUSH_CHANNEL: &str = "loa_push";

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
const MIGRATIONS_TABLE: &str = "loa.migrations";
const SCHEMA: &str = "loa";

const HAS_SCHEMA: &str = "SELECT to_regnamespace('loa') IS NOT NULL";
/// A writer that hangs must not hold the others for ever: ten seconds to wait for one's turn, thirty to use it.
/// Nothing in the first message can be refused: sqlx takes what began and then failed for no transaction, and would give the
/// connection back within it.
const BEGIN_WRITE: &str = "
    BEGIN;
    SET LOCAL lock_timeout = '10s';
    SET LOCAL idle_in_transaction_session_timeout = '30s'";
const LOCK: &str = "SELECT FROM loa.control FOR UPDATE";
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// One statement, so one snapshot; no row if nothing is new.
const SINCE: &str = "
    SELECT written, EXISTS (SELECT FROM loa.marks WHERE written > $1),
        (SELECT string_agg(json_build_array(scope, sequence, changed_at, removal_sequence, notice_until)::text, E'\n'
            ORDER BY scope) FROM loa.feeds WHERE written > $1),
        (SELECT string_agg(json_build_array(path, scope, claim, label)::text, E'\n' ORDER BY path) FROM loa.addresses
            WHERE written > $1),
        (SELECT string_agg(json_build_array(id, guid, published, updated, fingerprint, digest, store_updated,
            categories, scopes, standing, gone_at, version, found)::text, E'\n' ORDER BY written, id)
            FROM (SELECT * FROM loa.articles WHERE written > $1 ORDER BY written, id LIMIT $2) AS block)
    FROM loa.control WHERE written <> $1";
const ARTICLES_SINCE: &str = "
    SELECT max(written), string_agg(json_build_array(id, guid, published, updated, fingerprint, digest, store_updated,
        categories, scopes, standing, gone_at, version, found)::text, E'\n' ORDER BY written, id)
    FROM (SELECT * FROM loa.articles WHERE (written, id) > ($1, $2) ORDER BY written, id LIMIT $3) AS block";
const ARTICLES_OF: &str = "
    SELECT string_agg(json_build_array(id, guid, published, updated, fingerprint, digest, store_updated, categories,
        scopes, standing, gone_at, version, found)::text, E'\n' ORDER BY id)
    FROM loa.articles WHERE id IN (SELECT json_array_elements_text($1::json))";
const ARTICLES_OF_GUIDS: &str = "
    SELECT string_agg(json_build_array(id, guid, published, updated, fingerprint, digest, store_updated, categories,
        scopes, standing, gone_at, version, found)::text, E'\n' ORDER BY id)
    FROM loa.articles
    WHERE guid IS NOT NULL AND btrim(guid, E'\t\n\r ') IN (SELECT json_array_elements_text($1::json))";
/// Articles and feeds, in one go: other processes are told as it is committed.
const WRITE_BATCH: &str = "
    WITH of_articles AS (
        INSERT INTO loa.articles (id, guid, published, updated, fingerprint, digest, store_updated, categories, scopes,
            standing, gone_at, version, found, written)
        SELECT id, guid, published, updated, fingerprint, digest, store_updated, categories, scopes, standing, gone_at,
            version, found, (SELECT written + 1 FROM loa.control)
        FROM json_to_recordset($1::json) AS row (id text, guid text, published bigint, updated bigint, fingerprint text,
            digest bigint, store_updated bigint, categories text[], scopes text[], standing text, gone_at bigint,
            version bigint, found text[])
        ON CONFLICT (id) DO UPDATE SET guid = excluded.guid, published = excluded.published, updated = excluded.updated,
            fingerprint = excluded.fingerprint, digest = excluded.digest, store_updated = excluded.store_updated,
            categories = excluded.categories, scopes = excluded.scopes, standing = excluded.standing,
            gone_at = excluded.gone_at, version = excluded.version, found = excluded.found, written = excluded.written
    ), of_feeds AS (
        INSERT INTO loa.feeds (scope, sequence, changed_at, removal_sequence, notice_until, written)
        SELECT scope, sequence, changed_at, removal_sequence, notice_until, (SELECT written + 1 FROM loa.control)
        FROM json_to_recordset($2::json) AS row (scope text, sequence bigint, changed_at bigint,
            removal_sequence bigint, notice_until bigint)
        ON CONFLICT (scope) DO UPDATE SET sequence = excluded.sequence, changed_at = excluded.changed_at,
            removal_sequence = excluded.removal_sequence, notice_until = excluded.notice_until,
            written = excluded.written
    )
    UPDATE loa.control SET written = written + 1 RETURNING written, pg_notify('loa_state', '')";
/// The articles and the feeds that a batch is about.
const STANDING: &str = "
    SELECT (SELECT string_agg(json_build_array(id, guid, published, updated, fingerprint, digest, store_updated,
            categories, scopes, standing, gone_at, version, found)::text, E'\n' ORDER BY id)
            FROM loa.articles WHERE id IN (SELECT json_array_elements_text($1::json))),
        (SELECT string_agg(json_build_array(scope, sequence, changed_at, removal_sequence, notice_until)::text, E'\n'
            ORDER BY scope) FROM loa.feeds WHERE scope IN (SELECT json_array_elements_text($2::json)))";
const ADDRESSES: &str = "
    SELECT string_agg(json_build_array(path, scope, claim, label)::text, E'\n' ORDER BY path) FROM loa.addresses";
const ADDRESSES_OF: &str = "
    SELECT string_agg(json_build_array(path, scope, claim, label)::text, E'\n' ORDER BY path) FROM loa.addresses
    WHERE path IN (SELECT json_array_elements_text($1::json)) OR scope IN (SELECT json_array_elements_text($2::json))";
const LAST_CLAIM: &str = "SELECT coalesce(max(claim), 0) FROM loa.addresses";
const WRITE_ADDRESSES: &str = "
    INSERT INTO loa.addresses (path, scope, claim, label, written)
    SELECT path, scope, claim, label, (SELECT written + 1 FROM loa.control)
    FROM json_to_recordset($1::json) AS row (path text, scope text, claim bigint, label text)
    ON CONFLICT (path) DO UPDATE SET scope = excluded.scope, claim = excluded.claim, label = excluded.label,
        written = excluded.written";
const WRITE_WITHDRAWALS: &str = "
    INSERT INTO loa.withdrawals AS old (article_id, at, origin)
    SELECT article_id, at, $2 FROM json_to_recordset($1::json) AS row (article_id text, at bigint)
    ON CONFLICT (article_id) DO UPDATE SET at = excluded.at, origin = excluded.origin, restored_at = NULL
    WHERE old.restored_at IS NOT NULL";
const WITHDRAWN: &str =
    "SELECT article_id, origin = 'store' FROM loa.withdrawals WHERE restored_at IS NULL ORDER BY article_id";
const RESTORE: &str = "UPDATE loa.withdrawals SET restored_at = $2 WHERE article_id = $1 AND restored_at IS NULL";
const ADOPTED: &str = "SELECT article_id, guid FROM loa.adopted_guids ORDER BY article_id";
const WRITE_ADOPTED: &str = "
    INSERT INTO loa.adopted_guids (article_id, guid, at)
    SELECT article_id, guid, at FROM json_to_recordset($1::json) AS row (article_id text, guid text, at bigint)";
const FIND_POLICIES: &str = "SELECT article_id, policy FROM loa.find_policies";
const WRITE_FIND_POLICIES: &str = "
    INSERT INTO loa.find_policies AS old (article_id, policy) SELECT DISTINCT json_array_elements_text($1::json), $2
    ON CONFLICT (article_id) DO UPDATE SET policy = excluded.policy WHERE old.policy <> excluded.policy";
const IDENTITY: &str = "SELECT coalesce(authority, $1), coalesce(since, $2) FROM loa.control";
const CLAIM_IDENTITY: &str = "
    UPDATE loa.control SET authority = coalesce(authority, $1), since = coalesce(since, $2)
    RETURNING authority, since";
const CONTROL_SEQUENCE: &str = "SELECT sequence FROM loa.control";
const STORE_ACCEPTED: &str = "SELECT store_accepted_at FROM loa.control";
const ACCEPT_STORE: &str = "
    UPDATE loa.control SET sequence = sequence + 1, store_accepted_at = $1 RETURNING pg_notify('loa_state', '')";
const MARK_CONTROL: &str = "UPDATE loa.control SET sequence = sequence + 1 RETURNING pg_notify('loa_state', '')";
const MARK: &str = "SELECT value FROM loa.marks WHERE name = $1";
const SET_MARK: &str = "
    INSERT INTO loa.marks AS old (name, value, written) VALUES ($1, $2, (SELECT written + 1 FROM loa.control))
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, written = excluded.written
    WHERE old.value <> excluded.value";
const COUNT_WRITTEN: &str = "UPDATE loa.control SET written = written + 1 RETURNING pg_notify('loa_state', '')";
/// A few readers and a writer for each replica.
const CONNECTIONS_MAX: u32 = 4;
/// How long to wait for a connection before state counts as down.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may rest without being asked whether it still stands.
const UNASKED_MAX: Duration = Duration::from_secs(1);
/// How long a call, or one block of a long one, may take.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// State in PostgreSQL.
#[derive(Debug)]
pub(super) struct PostgresState {
    pool: PgPool,
    waker: Waker,
}

impl PostgresState {
    /// Connects and brings the tables up to date. Who waits hears what is said on this channel.
    pub(super) async fn open(url: &str, channel: &'static str) -> Result<Self, StateError> {
        let options = PgConnectOptions::from_str(url)?.application_name("loa state");
        migrate(&options, url).await?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT);
        // A change is several calls in a row, and each question whether the server is still there is a trip of its own.
        let pool = pool.test_before_acquire(false).before_acquire(|connection, rested| {
            Box::pin(async move {
                if rested.idle_for > UNASKED_MAX {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
        // Our statements take less time than compiling them would.
        let pool =
            pool.after_connect(|connection, _| Box::pin(async { connection.execute("SET jit = off").await.map(drop) }));
        Ok(Self { waker: Waker::new(options.clone(), channel), pool: pool.connect_with(options).await? })
    }

    async fn snapshot(&self) -> Result<Transaction<'static, Postgres>, StateError> {
        Ok(self.pool.begin_with(BEGIN_SNAPSHOT).await?)
    }

    async fn write(&self) -> Result<Transaction<'static, Postgres>, StateError> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        sqlx::raw_sql(LOCK).execute(&mut *transaction).await?;
        Ok(transaction)
    }
}

/// Two processes that start at once take turns by sqlx's advisory lock. The connection is closed afterwards, because a
/// failure would leave that lock on it.
async fn migrate(options: &PgConnectOptions, url: &str) -> Result<(), StateError> {
    let mut connection = PgConnection::connect_with(options).await?;
    let mut migrator = schema::migrator(MIGRATIONS, MIGRATIONS_TABLE);
    // Even `IF NOT EXISTS` needs the right to make schemas: a role without it can have one made by an administrator.
    let has_schema: bool = sqlx::query_scalar(HAS_SCHEMA).fetch_one(&mut connection).await?;
    if !has_schema {
        migrator.create_schema(SCHEMA);
    }
    let migrated = migrator.run(&mut connection).await;
    connection.close().await?;
    migrated.map_err(|error| schema::explain(error, url, MIGRATIONS))
}

impl State for PostgresState {
    fn claim_identity<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Result<Identity, StateError>> {
        Box::pin(within(async move { recorded(&self.pool, CLAIM_IDENTITY, identity).await }))
    }

    fn read_since<'a>(&'a self, cursor: u64, take: Take<'a>) -> BoxFuture<'a, Result<Changes, StateError>> {
        Box::pin(async move {
            let mut decoder = Decoder::default();
            let (changes, articles) = within(changes(&self.pool, cursor, BLOCK_ROWS, &mut decoder)).await?;
            if articles.len() < BLOCK_ROWS {
                take(articles);
                return Ok(changes);
            }
            let mut snapshot = within(self.snapshot()).await?;
            let (changes, _) = within(self::changes(&mut *snapshot, cursor, 0, &mut decoder)).await?;
            let (mut number, mut id) = (cursor.saturating_add(1).cast_signed(), String::new());
            let mut before: Option<String> = None;
            loop {
                let query = sqlx::query_as(ARTICLES_SINCE).bind(number).bind(&id).bind(limit(BLOCK_ROWS));
                let look = async { before.take().map(|block| decoder.articles(&block).map(&mut *take)).transpose() };
                // One is looked at while the next one is read.
                let (block, looked) = join(within(async { Ok(query.fetch_one(&mut *snapshot).await?) }), look).await;
                looked?;
                let (Some(last), Some(block)): (Option<i64>, Option<String>) = block? else { return Ok(changes) };
                (number, id) = (last, row::last_id(&block)?);
                before = Some(block);
            }
        })
    }

    fn addresses(&self) -> BoxFuture<'_, Result<Vec<AddressRecord>, StateError>> {
        Box::pin(within(async move {
            let packed: Option<String> = sqlx::query_scalar(ADDRESSES).fetch_one(&self.pool).await?;
            Decoder::default().addresses(&packed.unwrap_or_default())
        }))
    }

    fn records<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<ArticleRecord>, StateError>> {
        Box::pin(within(async move {
            let query = sqlx::query_scalar(ARTICLES_OF).bind(row::json(ids.iter().map(ArticleId::as_str))?);
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            Decoder::default().articles(&packed.unwrap_or_default())
        }))
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Committed, StateError>> {
        Box::pin(within(async move {
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
        }))
    }

    fn claim_addresses<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<AddressRecord>, StateError>> {
        Box::pin(within(async move {
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
        }))
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.waker.woken())
    }

    fn control_marker(&self) -> BoxFuture<'_, Result<u64, StateError>> {
        Box::pin(within(async move {
            let sequence: i64 = sqlx::query_scalar(CONTROL_SEQUENCE).fetch_one(&self.pool).await?;
            Ok(sequence.cast_unsigned())
        }))
    }

    fn control(&self) -> BoxFuture<'_, Result<Control, StateError>> {
        Box::pin(within(async move {
            let mut snapshot = self.snapshot().await?;
            let accepted: Option<i64> = sqlx::query_scalar(STORE_ACCEPTED).fetch_one(&mut *snapshot).await?;
            let lines: Vec<(String, bool)> = sqlx::query_as(WITHDRAWN).fetch_all(&mut *snapshot).await?;
            let store_accepted_at = accepted.map(|at| row::instant("store_accepted_at", at)).transpose()?;
            let withdrawal = |(id, by_store): (String, bool)| Withdrawal { id: ArticleId::new(id), by_store };
            let withdrawn = lines.into_iter().map(withdrawal).collect();
            let policies: Vec<(String, String)> = sqlx::query_as(FIND_POLICIES).fetch_all(&mut *snapshot).await?;
            let find = row::find_policies(policies)?;
            Ok(Control { withdrawn, store_accepted_at, adopted: adopted(&mut *snapshot).await?, find })
        }))
    }

    fn withdraw<'a>(&'a self, id: &'a ArticleId, at: Timestamp) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write().await?;
            let rows = row::json([WithdrawalRow::new(id, at)])?;
            let done = sqlx::query(WRITE_WITHDRAWALS).bind(rows).bind("command").execute(&mut *transaction).await?;
            count(&mut transaction, MARK_CONTROL, done.rows_affected()).await?;
            Ok(transaction.commit().await?)
        }))
    }

    fn restore<'a>(&'a self, id: &'a ArticleId, at: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write().await?;
            let query = sqlx::query(RESTORE).bind(id.as_str()).bind(row::micros(at));
            let restored = query.execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, MARK_CONTROL, restored).await?;
            transaction.commit().await?;
            Ok(restored > 0)
        }))
    }

    fn adopt<'a>(&'a self, adoption: &'a Adoption, at: Timestamp) -> BoxFuture<'a, Result<Vec<Adopted>, StateError>> {
        Box::pin(within(async move {
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
        }))
    }

    fn set_find_policy<'a>(
        &'a self,
        ids: &'a [ArticleId],
        policy: FindPolicy,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write().await?;
            let rows = row::json(ids.iter().map(ArticleId::as_str))?;
            let query = sqlx::query(WRITE_FIND_POLICIES).bind(rows).bind(policy.as_str());
            let done = query.execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, MARK_CONTROL, done).await?;
            Ok(transaction.commit().await?)
        }))
    }

    fn accept_store(&self, at: Timestamp) -> BoxFuture<'_, Result<(), StateError>> {
        Box::pin(within(async move {
            sqlx::query(ACCEPT_STORE).bind(row::micros(at)).execute(&self.pool).await?;
            Ok(())
        }))
    }

    fn mark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, StateError>> {
        Box::pin(within(async move { Ok(sqlx::query_scalar(MARK).bind(name).fetch_optional(&self.pool).await?) }))
    }

    fn set_mark<'a>(&'a self, name: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(within(async move {
            let standing: Option<String> = sqlx::query_scalar(MARK).bind(name).fetch_optional(&self.pool).await?;
            if standing.as_deref() == Some(value) {
                return Ok(());
            }
            let mut transaction = self.write().await?;
            let query = sqlx::query(SET_MARK).bind(name).bind(value);
            let done = query.execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, COUNT_WRITTEN, done).await?;
            Ok(transaction.commit().await?)
        }))
    }
}

/// A server that stopped answering, or a network that swallows packets, must not hold the caller for ever. A commit that
/// was cut off may have been made: who repeats it gets back the record that it wrote.
async fn within<T>(work: impl Future<Output = Result<T, StateError>>) -> Result<T, StateError> {
    let timeout_ms = u64::try_from(CALL_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
    tokio::time::timeout(CALL_TIMEOUT, work).await.unwrap_or(Err(StateError::Timeout { timeout_ms }))
}

/// Packed rows; empty text if there is none.
async fn packed(
    transaction: &mut Transaction<'static, Postgres>,
    query: QueryScalar<'_, Postgres, Option<String>, PgArguments>,
) -> Result<String, StateError> {
    Ok(query.fetch_one(&mut **transaction).await?.unwrap_or_default())
}

/// The recorded identity, which `statement` asks for; if there is none, the one given.
async fn recorded(
    executor: impl PgExecutor<'_>,
    statement: &'static str,
    identity: &Identity,
) -> Result<Identity, StateError> {
    let query = sqlx::query_as(statement).bind(identity.authority()).bind(identity.since());
    let (authority, since): (String, String) = query.fetch_one(executor).await?;
    row::identity(&authority, &since)
}

/// The adopted guids.
async fn adopted(executor: impl PgExecutor<'_>) -> Result<HashMap<ArticleId, String>, StateError> {
    let rows: Vec<(String, String)> = sqlx::query_as(ADOPTED).fetch_all(executor).await?;
    Ok(rows.into_iter().map(|(id, guid)| (ArticleId::new(id), guid)).collect())
}

/// What was written since `cursor`; of the articles the first ones.
async fn changes(
    executor: impl PgExecutor<'_>,
    cursor: u64,
    articles_max: usize,
    decoder: &mut Decoder,
) -> Result<(Changes, Vec<ArticleRecord>), StateError> {
    let query = sqlx::query_as(SINCE).bind(cursor.cast_signed()).bind(limit(articles_max));
    decoder.changes(query.fetch_optional(executor).await?, cursor)
}

/// Runs `statement`, which counts up what others watch, if there were changes.
async fn count(
    transaction: &mut Transaction<'static, Postgres>,
    statement: &'static str,
    changes: u64,
) -> Result<(), StateError> {
    if changes > 0 {
        sqlx::query(statement).execute(&mut **transaction).await?;
    }
    Ok(())
}
