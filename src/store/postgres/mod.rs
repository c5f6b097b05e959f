//! A store in PostgreSQL, read by a role that need not be able to write.

mod listen;
mod log;
mod snapshot;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tokio::sync::Semaphore;

use self::snapshot::{Known, PostgresSnapshot};
use super::contract::Place;
use super::log::{LogCursor, LogRead};
use super::read::{self, Bodies};
use super::{ArticleStore, CONNECTIONS_MAX, Loaded, Options, Piece, StoreError, StoreInfo, limited, without_password};
use crate::domain::article::ArticleId;
use crate::domain::category::Category;
use crate::domain::fault::Fault;

/// How many times as long as a block a whole relation may take in a complete read: if we are gone, the server ends it then.
const SCAN_TIMEOUTS: u64 = 100;
/// SQLSTATE of a statement that ran into `statement_timeout`.
const QUERY_CANCELED: &str = "57014";
/// SQLSTATE of a relation that the role may not read.
const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// SQLSTATEs of a statement that does not fit what is there begin like this.
const SYNTAX_OR_ACCESS: &str = "42";

/// A store in PostgreSQL.
pub(super) struct PostgresStore {
    info: StoreInfo,
    options: PgConnectOptions,
    place: Place,
    reading: Options,
    /// Connections at rest. sqlx's pool would do, but hides a refused connection behind its own timeout.
    rested: Mutex<Vec<PgConnection>>,
    slots: Semaphore,
    log: log::ChangeLog,
    /// What the database has of the contract, as it was last asked.
    known: Mutex<Option<Known>>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("info", &self.info).finish_non_exhaustive()
    }
}

impl PostgresStore {
    pub(super) fn open(url: &str, options: &Options) -> Result<Self, StoreError> {
        let info = StoreInfo { backend: "PostgreSQL".to_owned(), url: without_password(url) };
        let connect = url.parse::<PgConnectOptions>()?.application_name("loa").disable_statement_logging();
        let place = Place::new(options.schema.as_deref(), &options.prefix)?;
        Ok(Self {
            info,
            log: log::ChangeLog::new(connect.clone(), place.clone(), Duration::from_millis(options.query_timeout_ms)),
            options: connect,
            place,
            reading: options.clone(),
            rested: Mutex::default(),
            slots: Semaphore::new(CONNECTIONS_MAX),
            known: Mutex::default(),
        })
    }

    async fn scan_once(&self, take: &mut (dyn FnMut(Piece<'_>) + Send)) -> Result<Vec<Fault>, StoreError> {
        let timeout_ms = self.reading.query_timeout_ms;
        let begin = async {
            let mut snapshot = self.begin(None, timeout_ms.saturating_mul(SCAN_TIMEOUTS)).await?;
            let backend = snapshot.backend().await?;
            Ok((snapshot, backend))
        };
        let (mut snapshot, backend) = limited(timeout_ms, begin).await?;
        let scanned = read::scan(&mut snapshot, take).await;
        if let Err(StoreError::Timeout { .. }) = &scanned {
            self.cancel(backend).await;
        }
        let faults = scanned?;
        limited(timeout_ms, self.end(snapshot)).await?;
        Ok(faults)
    }

    /// Ends a statement that we do not wait for any more: its own time limit is for the whole, ours for a block.
    async fn cancel(&self, backend: i32) {
        let cancel = async {
            let mut connection = self.options.connect().await?;
            sqlx::query("SELECT pg_cancel_backend($1)").bind(backend).execute(&mut connection).await?;
            Ok(())
        };
        if let Err(error) = limited(self.reading.query_timeout_ms, cancel).await {
            tracing::debug!(%error, "a statement that takes too long cannot be ended");
        }
    }

    async fn categories_once(&self) -> Result<(Vec<Category>, Vec<Fault>), StoreError> {
        let mut snapshot = self.begin(None, self.reading.query_timeout_ms).await?;
        let mut faults = Vec::new();
        let categories = read::categories(&mut snapshot, &mut faults).await?;
        self.end(snapshot).await?;
        Ok((categories, faults))
    }

    async fn loaded(&self, ids: &[ArticleId], bodies: Bodies) -> Result<Vec<Loaded>, StoreError> {
        let call = self.load_once(ids, bodies);
        limited(self.reading.query_timeout_ms, call).await.map_err(|error| self.explained(error))
    }

    async fn load_once(&self, ids: &[ArticleId], bodies: Bodies) -> Result<Vec<Loaded>, StoreError> {
        let known = lock(&self.known).clone().filter(Known::is_fresh);
        if let Some(known) = known {
            match self.load_by(ids, bodies, known).await {
                Err(StoreError::Database(error)) if is_misfit(&error) => {}
                outcome => return outcome,
            }
        }
        let mut snapshot = self.begin(None, self.reading.query_timeout_ms).await?;
        let loaded = read::load(&mut snapshot, ids, bodies, &self.reading.zones).await?;
        self.end(snapshot).await?;
        Ok(loaded)
    }

    /// The statement that loads is a snapshot of its own: with what is known of the relations it needs no transaction, which
    /// would be two messages more.
    async fn load_by(&self, ids: &[ArticleId], bodies: Bodies, known: Known) -> Result<Vec<Loaded>, StoreError> {
        let slot = self.slots.acquire().await.ok();
        while let Some(connection) = self.take_rested() {
            match self.load_on(connection, (ids, bodies), known.clone()).await {
                // It died at rest.
                Err(StoreError::Database(error)) if error.as_database_error().is_none() => {}
                outcome => return outcome,
            }
        }
        let loaded = self.load_on(self.connect().await?, (ids, bodies), known).await;
        drop(slot);
        loaded
    }

    async fn load_on(
        &self,
        connection: PgConnection,
        (ids, bodies): (&[ArticleId], Bodies),
        known: Known,
    ) -> Result<Vec<Loaded>, StoreError> {
        let timeout_ms = self.reading.query_timeout_ms;
        let mut snapshot = PostgresSnapshot::new(connection, &self.place, Some(known), timeout_ms, None).await?;
        let loaded = read::load(&mut snapshot, ids, bodies, &self.reading.zones).await?;
        lock(&self.rested).push(snapshot.leave());
        Ok(loaded)
    }

    /// A connection whose statements end in time, and are not compiled: ours take less time than that.
    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let mut connection = self.options.connect().await?;
        let settings = PostgresSnapshot::settings("SET", self.reading.query_timeout_ms);
        sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut connection).await?;
        Ok(connection)
    }

    /// Begins a snapshot on a connection that has rested, or on a new one if those have died. `None` instead of what is known
    /// of the relations has it asked for.
    async fn begin(&self, known: Option<Known>, statement_ms: u64) -> Result<PostgresSnapshot<'_>, StoreError> {
        let slot = self.slots.acquire().await.ok();
        let mut entered = None;
        while let Some(mut connection) = self.take_rested() {
            if PostgresSnapshot::enter(&mut connection, statement_ms).await.is_ok() {
                entered = Some(connection);
                break;
            }
        }
        let connection = if let Some(connection) = entered {
            connection
        } else {
            let mut connection = self.connect().await?;
            PostgresSnapshot::enter(&mut connection, statement_ms).await?;
            connection
        };
        let asks = known.is_none();
        let timeout_ms = self.reading.query_timeout_ms;
        let snapshot = PostgresSnapshot::new(connection, &self.place, known, timeout_ms, slot).await?;
        if asks {
            *lock(&self.known) = Some(snapshot.known().clone());
        }
        Ok(snapshot)
    }

    fn take_rested(&self) -> Option<PgConnection> {
        lock(&self.rested).pop()
    }

    /// Only after a call that ended well: what failed or was too slow is closed.
    async fn end(&self, snapshot: PostgresSnapshot<'_>) -> Result<(), StoreError> {
        let connection = snapshot.end().await?;
        lock(&self.rested).push(connection);
        Ok(())
    }

    fn explained(&self, error: StoreError) -> StoreError {
        let StoreError::Database(sqlx::Error::Database(said)) = &error else { return error };
        match said.code().as_deref() {
            Some(QUERY_CANCELED) => StoreError::Timeout { timeout_ms: self.reading.query_timeout_ms },
            Some(INSUFFICIENT_PRIVILEGE) => StoreError::Contract {
                what: said.message().to_owned(),
                way_out: "GRANT SELECT on it, and USAGE on its schema, to the role that Loa uses".to_owned(),
            },
            _ => error,
        }
    }
}

impl ArticleStore for PostgresStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    /// Nothing that a read-only role can ask for cheaply tells whether any transaction has committed.
    fn change_marker(&self) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn scan<'a>(
        &'a self,
        take: &'a mut (dyn FnMut(Piece<'_>) + Send),
    ) -> BoxFuture<'a, Result<Vec<Fault>, StoreError>> {
        Box::pin(async { self.scan_once(take).await.map_err(|error| self.explained(error)) })
    }

    fn load<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<Loaded>, StoreError>> {
        Box::pin(self.loaded(ids, Bodies::All))
    }

    fn load_summaries<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<Loaded>, StoreError>> {
        Box::pin(self.loaded(ids, Bodies::Unled))
    }

    fn categories(&self) -> BoxFuture<'_, Result<(Vec<Category>, Vec<Fault>), StoreError>> {
        Box::pin(async {
            limited(self.reading.query_timeout_ms, self.categories_once()).await.map_err(|error| self.explained(error))
        })
    }

    fn change_detection(&self) -> String {
        self.log.found()
    }

    fn log_end(&self) -> BoxFuture<'_, Result<Option<LogCursor>, StoreError>> {
        Box::pin(limited(self.reading.query_timeout_ms, self.log.end()))
    }

    fn log_since<'a>(&'a self, cursor: &'a LogCursor) -> BoxFuture<'a, Result<LogRead, StoreError>> {
        Box::pin(limited(self.reading.query_timeout_ms, self.log.since(cursor)))
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.woken())
    }
}

/// Does the statement not fit the relations, because these are others than they were?
fn is_misfit(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with(SYNTAX_OR_ACCESS))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
