//! A store in PostgreSQL, read by a role that need not be able to write.

mod listen;
mod log;

use std::fmt;

use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgConnection, Postgres};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, Transaction, ValueRef as _};
use tokio::sync::{Mutex, Semaphore};

use super::contract::{self, ARTICLES, Layout, Place, Relation, quote};
use super::log::{LogCursor, LogRead};
use super::read::{self, Snapshot, Which};
use super::row::for_each_row;
use super::{ArticleStore, CONNECTIONS_MAX, Loaded, Options, Scan, StoreError, StoreInfo, limited, without_password};
use crate::domain::article::ArticleId;
use crate::domain::category::Category;
use crate::domain::fault::Fault;

/// SQLSTATE of a statement that ran into `statement_timeout`.
const QUERY_CANCELED: &str = "57014";
/// SQLSTATE of a relation that the role may not read.
const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// Characters of a UUID as PostgreSQL writes it.
const UUID_CHARS: usize = 36;

/// Columns of the relations, with the types as PostgreSQL names them. From the catalog and not the information schema,
/// which hides what the role may not read: a forgotten GRANT must be an error, never an article without categories.
const COLUMNS: &str = "
SELECT c.relname::text, a.attname::text, format_type(COALESCE(NULLIF(t.typbasetype, 0), t.oid), NULL)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE c.relname = ANY ($1) AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
    AND (n.nspname = $2 OR ($2 IS NULL AND pg_catalog.pg_table_is_visible(c.oid)))";

/// A store in PostgreSQL.
pub(super) struct PostgresStore {
    info: StoreInfo,
    options: PgConnectOptions,
    place: Place,
    reading: Options,
    /// Connections at rest. sqlx's pool would do, but hides a refused connection behind its own timeout.
    idle: Mutex<Vec<PgConnection>>,
    slots: Semaphore,
    log: log::ChangeLog,
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
            log: log::ChangeLog::new(connect.clone(), place.clone()),
            options: connect,
            place,
            reading: options.clone(),
            idle: Mutex::default(),
            slots: Semaphore::new(CONNECTIONS_MAX),
        })
    }

    async fn scan_once(&self) -> Result<Scan, StoreError> {
        let _slot = self.slots.acquire().await;
        let mut connection = self.connect().await?;
        let mut snapshot = self.begin(&mut connection).await?;
        let scan = read::scan(&mut snapshot).await?;
        snapshot.end().await?;
        self.idle.lock().await.push(connection);
        Ok(scan)
    }

    async fn categories_once(&self) -> Result<(Vec<Category>, Vec<Fault>), StoreError> {
        let _slot = self.slots.acquire().await;
        let mut connection = self.connect().await?;
        let mut snapshot = self.begin(&mut connection).await?;
        let mut faults = Vec::new();
        let categories = read::categories(&mut snapshot, &mut faults).await?;
        snapshot.end().await?;
        self.idle.lock().await.push(connection);
        Ok((categories, faults))
    }

    async fn load_once(&self, ids: &[ArticleId]) -> Result<Vec<Loaded>, StoreError> {
        let _slot = self.slots.acquire().await;
        let mut connection = self.connect().await?;
        let mut snapshot = self.begin(&mut connection).await?;
        let loaded = read::load(&mut snapshot, ids, &self.reading.zones).await?;
        snapshot.end().await?;
        self.idle.lock().await.push(connection);
        Ok(loaded)
    }

    /// A connection, made anew if the one at rest has died. It goes back to rest only after a call that ended well.
    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let rested = self.idle.lock().await.pop();
        if let Some(mut connection) = rested
            && connection.ping().await.is_ok()
        {
            return Ok(connection);
        }
        Ok(self.options.connect().await?)
    }

    async fn begin<'a>(&'a self, connection: &'a mut PgConnection) -> Result<PostgresSnapshot<'a>, StoreError> {
        let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let timeout_ms = self.reading.query_timeout_ms;
        let settings = format!("SET LOCAL statement_timeout = {timeout_ms}; SET LOCAL TimeZone = 'UTC'");
        sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut *transaction).await?;
        let layout = layout(&mut transaction, &self.place).await?.check(&self.place)?;
        Ok(PostgresSnapshot { transaction, place: &self.place, layout })
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

    fn scan(&self) -> BoxFuture<'_, Result<Scan, StoreError>> {
        Box::pin(async {
            limited(self.reading.query_timeout_ms, self.scan_once()).await.map_err(|error| self.explained(error))
        })
    }

    fn load<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<Loaded>, StoreError>> {
        Box::pin(async {
            limited(self.reading.query_timeout_ms, self.load_once(ids)).await.map_err(|error| self.explained(error))
        })
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

async fn layout(transaction: &mut Transaction<'_, Postgres>, place: &Place) -> Result<Layout, StoreError> {
    let names: Vec<String> = contract::ALL.iter().map(|relation| place.name(relation)).collect();
    let columns = sqlx::query_as::<_, (String, String, String)>(COLUMNS).bind(names).bind(place.schema());
    let mut layout = Layout::default();
    for (name, column, type_name) in columns.fetch_all(&mut **transaction).await? {
        if let Some(relation) = contract::ALL.into_iter().find(|relation| place.name(relation) == name) {
            layout.add(relation, &column, &type_name);
        }
    }
    Ok(layout)
}

struct PostgresSnapshot<'a> {
    transaction: Transaction<'a, Postgres>,
    place: &'a Place,
    layout: Layout,
}

impl Snapshot for PostgresSnapshot<'_> {
    async fn rows(
        &mut self,
        relation: &'static Relation,
        which: Which<'_>,
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), StoreError> {
        if !self.layout.has(relation) {
            return Ok(());
        }
        match which {
            Which::All => self.copy(relation, take).await,
            Which::Of(ids) => self.of(relation, ids, take).await,
        }
    }
}

impl PostgresSnapshot<'_> {
    async fn end(self) -> Result<(), StoreError> {
        Ok(self.transaction.rollback().await?)
    }

    /// A complete read by COPY, which sends a row at a tenth of what a row of a query costs and keeps nothing in the
    /// server's memory. JSON has no control characters, so with these as delimiter and quote a row is sent as it is.
    async fn copy(&mut self, relation: &Relation, take: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), StoreError> {
        let select = self.select(relation, false);
        let sql = format!(r"COPY ({select}) TO STDOUT (FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01', ENCODING 'UTF8')");
        let mut blocks = self.transaction.copy_out_raw(&sql).await?;
        while let Some(block) = blocks.try_next().await? {
            for_each_row(&block, &mut *take);
        }
        Ok(())
    }

    async fn of(
        &mut self,
        relation: &Relation,
        ids: &[ArticleId],
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), StoreError> {
        let Some(key) = relation.columns.first() else { return Ok(()) };
        let kind = IdKind::of(self.layout.type_of(relation, key.name));
        let fitting: Vec<&str> = ids.iter().map(ArticleId::as_str).filter(|id| kind.fits(id)).collect();
        let rows = format!("{} WHERE {}", self.select(relation, true), kind.is_any(&quote(key.name)));
        // Bodies may be large, so that each article travels alone; its joined rows are small and travel together.
        let sent = if *relation == ARTICLES { "packed" } else { r"string_agg(packed, E'\n')" };
        let sql = format!("SELECT {sent} FROM ({rows}) AS found");
        let mut blocks = sqlx::query(AssertSqlSafe(sql)).bind(fitting).fetch(&mut *self.transaction);
        while let Some(block) = blocks.try_next().await? {
            let block = block.try_get_raw(0)?;
            if !block.is_null() {
                for_each_row(block.as_bytes().map_err(sqlx::Error::Decode)?, &mut *take);
            }
        }
        Ok(())
    }

    /// Selects every row as one JSON array of texts.
    fn select(&self, relation: &Relation, with_body: bool) -> String {
        let mut cells: Vec<String> = relation.columns.iter().map(|column| self.cell(relation, column.name)).collect();
        if *relation == ARTICLES {
            let body = cells.pop().unwrap_or_default();
            let revision = self.cell(relation, "revision");
            cells.push(format!("CASE WHEN {revision} IS NULL THEN encode(sha256(textsend({body})), 'hex') END"));
            if with_body {
                cells.push(body);
            }
        }
        format!("SELECT json_build_array({})::text AS packed FROM {}", cells.join(", "), self.place.quoted(relation))
    }

    fn cell(&self, relation: &Relation, column: &str) -> String {
        let name = quote(column);
        match self.layout.type_of(relation, column) {
            None => "NULL::text".to_owned(),
            // JSON writes these as ISO 8601, whatever the role's DateStyle.
            Some("timestamp with time zone" | "timestamp without time zone" | "date") => name,
            Some(_) => format!("{name}::text"),
        }
    }
}

/// How an id column is searched by its index.
enum IdKind {
    Integer,
    Uuid,
    Text,
    /// Of a type without a sure way there and back: compared as text, without the index.
    Other,
}

impl IdKind {
    fn of(type_name: Option<&str>) -> Self {
        match type_name {
            Some("smallint" | "integer" | "bigint") => Self::Integer,
            Some("uuid") => Self::Uuid,
            Some("text" | "character varying") => Self::Text,
            _ => Self::Other,
        }
    }

    /// Can the column hold what is written like this? What does not fit is not there.
    fn fits(&self, id: &str) -> bool {
        match self {
            Self::Integer => id.parse::<i64>().is_ok_and(|number| number.to_string() == id),
            Self::Uuid => {
                id.len() == UUID_CHARS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
            }
            Self::Text | Self::Other => !id.contains('\0'),
        }
    }

    fn is_any(&self, column: &str) -> String {
        match self {
            Self::Integer => format!("{column} = ANY ($1::text[]::bigint[])"),
            Self::Uuid => format!("{column} = ANY ($1::text[]::uuid[])"),
            Self::Text => format!("{column} = ANY ($1::text[])"),
            Self::Other => format!("{column}::text = ANY ($1::text[])"),
        }
    }
}
