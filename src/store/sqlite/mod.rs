//! A store in an SQLite file, which is only read and never made; but [`embedded`] is the store that Loa makes itself.

pub mod embedded;

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, Transaction};
use tokio::sync::{Mutex, Semaphore};

use super::contract::{self, ARTICLES, Layout, Place, Relation, quote};
use super::read::{self, Snapshot, Which};
use super::row::for_each_row;
use super::{ArticleStore, CONNECTIONS_MAX, Loaded, Options, Scan, StoreError, StoreInfo, limited};
use crate::domain::article::ArticleId;
use crate::domain::category::Category;
use crate::domain::fault::Fault;

/// Rows in one packed block: enough that a block's cost vanishes, few enough that one with bodies stays small.
const BLOCK_ROWS: u32 = 250;
/// Steps of SQLite's machine between two looks at the clock, under a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;
/// SQLite's result codes that we explain (<https://sqlite.org/rescode.html>).
const INTERRUPT: &str = "9";
const CANTOPEN: &str = "14";
const READONLY: &str = "8";

/// A store in an SQLite file.
pub(crate) struct SqliteStore {
    info: StoreInfo,
    options: SqliteConnectOptions,
    place: Place,
    reading: Options,
    slots: Semaphore,
    watch: Mutex<Watch>,
}

/// What the change marker is made of.
#[derive(Debug, Default)]
struct Watch {
    /// Held open, because `data_version` means something only within one connection.
    connection: Option<SqliteConnection>,
    /// The file that it has open: device and inode.
    file: (u64, u64),
    /// Counts the connections, whose `data_version`s begin anew.
    generation: u64,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("info", &self.info).finish_non_exhaustive()
    }
}

impl SqliteStore {
    pub(super) fn open(url: &str, options: &Options) -> Result<Self, StoreError> {
        if options.schema.is_some() {
            return Err(StoreError::Contract {
                what: "store.schema is set, but SQLite has no schemas".to_owned(),
                way_out: "leave it out, and use store.prefix where names collide".to_owned(),
            });
        }
        let info = StoreInfo { backend: "SQLite".to_owned(), url: url.to_owned() };
        let connect = url.parse::<SqliteConnectOptions>()?.read_only(true).create_if_missing(false);
        Ok(Self {
            info,
            options: connect.busy_timeout(Duration::from_millis(options.query_timeout_ms)).disable_statement_logging(),
            place: Place::new(None, &options.prefix)?,
            reading: options.clone(),
            slots: Semaphore::new(CONNECTIONS_MAX),
            watch: Mutex::default(),
        })
    }

    async fn scan_once(&self) -> Result<Scan, StoreError> {
        let _slot = self.slots.acquire().await;
        let mut connection = self.connect().await?;
        let mut snapshot = self.begin(&mut connection).await?;
        read::scan(&mut snapshot).await
    }

    async fn categories_once(&self) -> Result<(Vec<Category>, Vec<Fault>), StoreError> {
        let _slot = self.slots.acquire().await;
        let mut connection = self.connect().await?;
        let mut snapshot = self.begin(&mut connection).await?;
        let mut faults = Vec::new();
        let categories = read::categories(&mut snapshot, &mut faults).await?;
        Ok((categories, faults))
    }

    async fn load_once(&self, ids: &[ArticleId]) -> Result<Vec<Loaded>, StoreError> {
        let _slot = self.slots.acquire().await;
        let mut connection = self.connect().await?;
        let mut snapshot = self.begin(&mut connection).await?;
        read::load(&mut snapshot, ids, &self.reading.zones).await
    }

    /// A connection for one call: it costs less than a millisecond, and a replaced file is read at once.
    async fn connect(&self) -> Result<SqliteConnection, StoreError> {
        self.file().await?;
        let mut connection = self.options.connect().await?;
        let deadline = Instant::now() + Duration::from_millis(self.reading.query_timeout_ms);
        // The statement runs on a thread of its own, so that ending our wait would not end it.
        connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_LOOKS, move || Instant::now() < deadline);
        Ok(connection)
    }

    async fn begin<'a>(&'a self, connection: &'a mut SqliteConnection) -> Result<SqliteSnapshot<'a>, StoreError> {
        let mut transaction = connection.begin().await?;
        let encoding: String = sqlx::query_scalar("PRAGMA encoding").fetch_one(&mut *transaction).await?;
        let layout = layout(&mut transaction, &self.place).await?.check(&self.place)?;
        Ok(SqliteSnapshot { transaction, place: &self.place, layout, utf8: encoding == "UTF-8" })
    }

    /// The file's device and inode.
    async fn file(&self) -> Result<(u64, u64), StoreError> {
        use std::os::unix::fs::MetadataExt as _;
        let path = self.options.get_filename();
        let metadata = tokio::fs::metadata(path).await.map_err(|error| StoreError::Contract {
            what: format!("file `{}` cannot be opened: {error}", path.display()),
            way_out: "correct the address of the store, or make an embedded store with `loa import`".to_owned(),
        })?;
        Ok((metadata.dev(), metadata.ino()))
    }

    async fn marker(&self) -> Result<Option<u64>, StoreError> {
        let file = self.file().await?;
        let mut watch = self.watch.lock().await;
        let mut connection = match watch.connection.take() {
            Some(connection) if watch.file == file => connection,
            _ => {
                watch.file = file;
                watch.generation += 1;
                self.options.connect().await?
            }
        };
        let version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut connection).await?;
        // Only on success: a connection that failed or was too slow is dropped, and the next one counts anew.
        watch.connection = Some(connection);
        Ok(Some(watch.generation.rotate_left(u64::BITS / 2) ^ version.cast_unsigned()))
    }

    fn explained(&self, error: StoreError) -> StoreError {
        let StoreError::Database(sqlx::Error::Database(said)) = &error else { return error };
        // An extended code carries the primary one in its lowest byte.
        let primary = said.code().and_then(|code| code.parse::<u32>().ok()).map(|code| (code & 0xff).to_string());
        match primary.as_deref() {
            Some(INTERRUPT) => StoreError::Timeout { timeout_ms: self.reading.query_timeout_ms },
            Some(CANTOPEN | READONLY) => StoreError::Contract {
                what: format!("file `{}` cannot be read: {}", self.options.get_filename().display(), said.message()),
                way_out: "let Loa's user read the file and its directory; a file in WAL mode is readable only while \
                          its program has it open, or where Loa may write to the directory"
                    .to_owned(),
            },
            _ => error,
        }
    }
}

impl ArticleStore for SqliteStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    fn change_detection(&self) -> String {
        "C: complete reconciliation whenever PRAGMA data_version changes".to_owned()
    }

    fn change_marker(&self) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        Box::pin(async {
            limited(self.reading.query_timeout_ms, self.marker()).await.map_err(|error| self.explained(error))
        })
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
}

/// The type of a column is of no use in SQLite; instead, `rowid` counts as a column of the tables that have one.
async fn layout(transaction: &mut Transaction<'_, Sqlite>, place: &Place) -> Result<Layout, StoreError> {
    let mut layout = Layout::default();
    for relation in contract::ALL {
        let name = place.name(relation);
        let columns = sqlx::query_scalar::<_, String>("SELECT name FROM pragma_table_xinfo(?1)").bind(&name);
        for column in columns.fetch_all(&mut **transaction).await? {
            layout.add(relation, &column, "");
        }
        let kind = "SELECT 1 FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'table' AND wr = 0";
        let has_rowid = sqlx::query(kind).bind(&name).fetch_optional(&mut **transaction).await?.is_some();
        if has_rowid && layout.type_of(relation, ROWID).is_none() {
            layout.add(relation, ROWID, ROWID);
        }
    }
    Ok(layout)
}

/// SQLite's own key of a table's rows.
const ROWID: &str = "rowid";

struct SqliteSnapshot<'a> {
    transaction: Transaction<'a, Sqlite>,
    place: &'a Place,
    layout: Layout,
    /// Is text stored as UTF-8? Then it may hold bytes that are none, and is taken as bytes.
    utf8: bool,
}

impl Snapshot for SqliteSnapshot<'_> {
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
            Which::Of(ids) => self.of(relation, ids, take).await,
            Which::All if self.layout.type_of(relation, ROWID) == Some(ROWID) => self.by_rowid(relation, take).await,
            Which::All => self.by_number(relation, take).await,
        }
    }
}

impl SqliteSnapshot<'_> {
    /// A complete read of a table, block after block of its keys.
    async fn by_rowid(&mut self, relation: &Relation, take: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), StoreError> {
        let (row, packed) = (self.packed_row(relation, false), self.as_bytes("group_concat(packed, char(10))"));
        let sql = format!(
            "SELECT {packed}, max(key) FROM (SELECT rowid AS key, {row} AS packed FROM {} WHERE rowid > ?1 \
             ORDER BY rowid LIMIT {BLOCK_ROWS})",
            self.place.quoted(relation)
        );
        let mut after = Some(i64::MIN);
        while let Some(key) = after {
            let block = sqlx::query(AssertSqlSafe(sql.clone())).bind(key).fetch_one(&mut *self.transaction).await?;
            if let Some(rows) = bytes(&block)? {
                for_each_row(rows, &mut *take);
            }
            after = block.try_get(1)?;
        }
        Ok(())
    }

    /// A complete read of a view, or of a table without rowid: its rows numbered, and packed by number.
    async fn by_number(&mut self, relation: &Relation, take: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), StoreError> {
        let (row, packed) = (self.packed_row(relation, false), self.as_bytes("group_concat(packed, char(10))"));
        let sql = format!(
            "SELECT {packed} FROM (SELECT {row} AS packed, (row_number() OVER () - 1) / {BLOCK_ROWS} AS block FROM {}) \
             GROUP BY block",
            self.place.quoted(relation)
        );
        self.stream(sql, None, take).await
    }

    /// The rows of some articles, by the index on the id. An id that is written like an integer may be one.
    async fn of(
        &mut self,
        relation: &Relation,
        ids: &[ArticleId],
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), StoreError> {
        let Some(key) = relation.columns.first() else { return Ok(()) };
        let texts = ids.iter().map(|id| serde_json::Value::from(id.as_str()));
        let integers = ids.iter().filter_map(|id| integer(id.as_str())).map(serde_json::Value::from);
        let wanted = texts.chain(integers).collect::<serde_json::Value>().to_string();
        let rows = format!(
            "SELECT {} AS packed FROM {} WHERE {} IN (SELECT value FROM json_each(?1))",
            self.packed_row(relation, true),
            self.place.quoted(relation),
            quote(key.name)
        );
        // Bodies may be large, so that each article travels alone; its joined rows are small and travel together.
        let sent = if *relation == ARTICLES { "packed" } else { "group_concat(packed, char(10))" };
        let sql = format!("SELECT {} FROM ({rows})", self.as_bytes(sent));
        self.stream(sql, Some(wanted), take).await
    }

    async fn stream(
        &mut self,
        sql: String,
        parameter: Option<String>,
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        if let Some(parameter) = parameter {
            query = query.bind(parameter);
        }
        let mut blocks = query.fetch(&mut *self.transaction);
        while let Some(block) = blocks.try_next().await? {
            if let Some(rows) = bytes(&block)? {
                for_each_row(rows, &mut *take);
            }
        }
        Ok(())
    }

    /// A row as one JSON array of texts.
    fn packed_row(&self, relation: &Relation, with_body: bool) -> String {
        let column = |name: &str| match self.layout.type_of(relation, name) {
            Some(_) => quote(name),
            None => "NULL".to_owned(),
        };
        let mut cells: Vec<String> = relation.columns.iter().map(|known| cell(&column(known.name))).collect();
        if *relation == ARTICLES {
            let body = cells.pop().unwrap_or_default();
            cells.push(format!("CASE WHEN {} IS NULL THEN {body} END", column("revision")));
            if with_body {
                cells.push(body);
            }
        }
        format!("json_array({})", cells.join(", "))
    }

    fn as_bytes(&self, text: &str) -> String {
        if self.utf8 { format!("CAST({text} AS BLOB)") } else { text.to_owned() }
    }
}

/// A column as text. SQLite's JSON refuses a BLOB, so that one is marked by the character that no text may hold.
fn cell(column: &str) -> String {
    format!("CASE typeof({column}) WHEN 'blob' THEN char(0) || hex({column}) ELSE CAST({column} AS TEXT) END")
}

fn bytes(row: &sqlx::sqlite::SqliteRow) -> Result<Option<&[u8]>, sqlx::Error> {
    row.try_get_unchecked::<Option<&[u8]>, _>(0)
}

fn integer(id: &str) -> Option<i64> {
    id.parse().ok().filter(|number: &i64| number.to_string() == id)
}
