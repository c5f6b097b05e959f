//! One snapshot of an SQLite file: a read transaction on a connection that rests between two calls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};
use tokio::sync::SemaphorePermit;

use crate::domain::article::ArticleId;
use crate::store::StoreError;
use crate::store::contract::{self, ARTICLE_CATEGORIES, ARTICLES, CATEGORIES, JOINED, Layout, Place, Relation, quote};
use crate::store::read::{Block, Snapshot};
use crate::store::row::for_each_row;

/// Rows in one packed block: enough that a block's cost vanishes, few enough that one with bodies stays small.
const BLOCK_ROWS: u32 = 250;
/// Steps of SQLite's machine between two looks at the clock, under a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;
/// SQLite's own key of a table's rows.
const ROWID: &str = "rowid";

/// A file's device and inode.
pub(super) type FileId = (u64, u64);

/// An open file, with what is known of it. Prepared statements rest with the connection.
pub(super) struct Open {
    /// Which file it is.
    pub(super) file: FileId,
    connection: SqliteConnection,
    deadline: Deadline,
    /// Is text stored as UTF-8? Then it may hold bytes that are none, and is taken as bytes.
    utf8: bool,
    known: Option<Known>,
}

/// What a file has of the contract.
#[derive(Clone)]
struct Known {
    /// What `PRAGMA schema_version` said: it moves with every table, column and view.
    version: i64,
    layout: Arc<Layout>,
    /// The statement that loads articles.
    load: Arc<str>,
}

/// Until when the statement under way may run. It runs on a thread of its own, so that ending our wait would not end it.
#[derive(Clone)]
struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    fn set(&self, timeout: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + timeout;
    }

    fn has_passed(&self) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) <= Instant::now()
    }
}

impl Open {
    /// Opens a file. A statement may take so long.
    pub(super) async fn new(
        options: &SqliteConnectOptions,
        file: FileId,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let mut connection = options.connect().await?;
        let deadline = Deadline(Arc::new(Mutex::new(Instant::now() + timeout)));
        let watched = deadline.clone();
        connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_LOOKS, move || !watched.has_passed());
        let encoding: String = sqlx::query_scalar("PRAGMA encoding").fetch_one(&mut connection).await?;
        Ok(Self { file, connection, deadline, utf8: encoding == "UTF-8", known: None })
    }

    /// What the file has of the contract, as of the snapshot that has begun. Looked at again whenever anything changes.
    async fn look(&mut self, place: &Place) -> Result<Known, StoreError> {
        let version = sqlx::query_scalar("PRAGMA schema_version").fetch_one(&mut self.connection).await?;
        match &self.known {
            Some(known) if known.version == version => Ok(known.clone()),
            _ => {
                let layout = layout(&mut self.connection, place).await?.check(place)?;
                let load = Sql { layout: &layout, place, utf8: self.utf8 }.load().into();
                Ok(self.known.insert(Known { version, layout: Arc::new(layout), load }).clone())
            }
        }
    }
}

/// One snapshot. Dropped before its end it closes the connection, and whatever runs there ends.
pub(super) struct SqliteSnapshot<'a> {
    open: Open,
    known: Known,
    place: &'a Place,
    _slot: Option<SemaphorePermit<'a>>,
}

impl<'a> SqliteSnapshot<'a> {
    /// Begins one that lasts so long at most.
    pub(super) async fn begin(
        mut open: Open,
        place: &'a Place,
        timeout: Duration,
        slot: Option<SemaphorePermit<'a>>,
    ) -> Result<Self, StoreError> {
        open.deadline.set(timeout);
        sqlx::query("BEGIN").execute(&mut open.connection).await?;
        let known = open.look(place).await?;
        Ok(Self { open, known, place, _slot: slot })
    }

    /// Ends it, and gives the connection back.
    pub(super) async fn end(mut self) -> Result<Open, StoreError> {
        sqlx::query("ROLLBACK").execute(&mut self.open.connection).await?;
        Ok(self.open)
    }

    fn sql(&self) -> Sql<'_> {
        Sql { layout: &self.known.layout, place: self.place, utf8: self.open.utf8 }
    }

    /// A complete read of a table, block after block of its keys.
    async fn by_rowid(&mut self, relation: &Relation, take: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), StoreError> {
        let sql: Arc<str> = self.sql().by_rowid(relation).into();
        let mut after = Some(i64::MIN);
        while let Some(key) = after {
            let query = sqlx::query(AssertSqlSafe(Arc::clone(&sql))).bind(key);
            let block = query.fetch_one(&mut self.open.connection).await?;
            if let Some(rows) = bytes(&block, 0)? {
                for_each_row(rows, &mut *take);
            }
            after = block.try_get(1)?;
        }
        Ok(())
    }

    /// A complete read of a view, or of a table without rowid: its rows numbered, and packed by number.
    async fn by_number(&mut self, relation: &Relation, take: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), StoreError> {
        let sql = self.sql().by_number(relation);
        let mut blocks = sqlx::query(AssertSqlSafe(sql)).fetch(&mut self.open.connection);
        while let Some(block) = blocks.try_next().await? {
            if let Some(rows) = bytes(&block, 0)? {
                for_each_row(rows, &mut *take);
            }
        }
        Ok(())
    }
}

impl Snapshot for SqliteSnapshot<'_> {
    async fn all(
        &mut self,
        relation: &'static Relation,
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), StoreError> {
        if !self.known.layout.has(relation) {
            return Ok(());
        }
        match self.known.layout.type_of(relation, ROWID) {
            Some(ROWID) => self.by_rowid(relation, take).await,
            _ => self.by_number(relation, take).await,
        }
    }

    /// By the index on the id. An id that is written like an integer may be one.
    async fn of(&mut self, ids: &[ArticleId], take: &mut (dyn FnMut(Block<'_>) + Send)) -> Result<(), StoreError> {
        let texts = ids.iter().map(|id| serde_json::Value::from(id.as_str()));
        let integers = ids.iter().filter_map(|id| integer(id.as_str())).map(serde_json::Value::from);
        let wanted = texts.chain(integers).collect::<serde_json::Value>().to_string();
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.known.load))).bind(wanted);
        let mut blocks = query.fetch(&mut self.open.connection);
        while let Some(block) = blocks.try_next().await? {
            let relation = usize::try_from(block.try_get::<i64, _>(0)?).ok().and_then(|at| contract::ALL.get(at));
            if let (Some(relation), Some(rows)) = (relation, bytes(&block, 1)?) {
                take(Block { relation, rows, body: bytes(&block, 2)? });
            }
        }
        Ok(())
    }
}

/// The statements, put together of what is there.
struct Sql<'a> {
    layout: &'a Layout,
    place: &'a Place,
    utf8: bool,
}

impl Sql<'_> {
    /// A block of a table and its last key, after the key `?1`.
    fn by_rowid(&self, relation: &Relation) -> String {
        format!(
            "SELECT {}, max(key) FROM (SELECT rowid AS key, {} AS packed FROM {} WHERE rowid > ?1 ORDER BY rowid \
             LIMIT {BLOCK_ROWS})",
            self.together(),
            self.packed(relation),
            self.place.quoted(relation)
        )
    }

    /// All blocks of a relation without keys.
    fn by_number(&self, relation: &Relation) -> String {
        format!(
            "SELECT {} FROM (SELECT {} AS packed, (row_number() OVER () - 1) / {BLOCK_ROWS} AS block FROM {}) \
             GROUP BY block",
            self.together(),
            self.packed(relation),
            self.place.quoted(relation)
        )
    }

    /// Everything of the articles in the JSON array `?1`, as the number of a relation, packed rows, a body. One statement,
    /// because each costs more than its rows. Bodies may be large, so that each article travels alone.
    fn load(&self) -> String {
        let body = self.as_bytes(&cell(&self.column(&ARTICLES, "body_html")));
        let articles = format!("{}, {body} FROM {}", self.as_bytes(&self.packed(&ARTICLES)), self.those(&ARTICLES));
        let mut selects = vec![format!("SELECT 0, {articles}")];
        for (number, relation) in contract::ALL.iter().enumerate().filter(|(_, relation)| self.layout.has(relation)) {
            let rows = if JOINED.contains(relation) {
                self.those(relation)
            } else if **relation == CATEGORIES && self.layout.has(&ARTICLE_CATEGORIES) {
                let named = format!("SELECT CAST(category_id AS TEXT) FROM {}", self.those(&ARTICLE_CATEGORIES));
                format!("{} WHERE CAST(id AS TEXT) IN ({named})", self.place.quoted(relation))
            } else {
                continue;
            };
            let packed = format!("SELECT {} AS packed FROM {rows}", self.packed(relation));
            selects.push(format!("SELECT {number}, {}, NULL FROM ({packed})", self.together()));
        }
        selects.join(" UNION ALL ")
    }

    /// The rows of the articles in the JSON array `?1`.
    fn those(&self, relation: &Relation) -> String {
        let key = relation.columns.first().map_or("id", |column| column.name);
        format!("{} WHERE {} IN (SELECT value FROM json_each(?1))", self.place.quoted(relation), quote(key))
    }

    /// A row as one JSON array of texts; of an article without its body, but with what stands for it in the digest.
    fn packed(&self, relation: &Relation) -> String {
        let column = |name: &str| self.column(relation, name);
        let mut cells: Vec<String> = relation.columns.iter().map(|known| cell(&column(known.name))).collect();
        if *relation == ARTICLES {
            let body = cells.pop().unwrap_or_default();
            cells.push(format!("CASE WHEN {} IS NULL THEN {body} END", column("revision")));
        }
        format!("json_array({})", cells.join(", "))
    }

    fn column(&self, relation: &Relation, name: &str) -> String {
        self.layout.type_of(relation, name).map_or_else(|| "NULL".to_owned(), |_| quote(name))
    }

    /// Many packed rows as one value.
    fn together(&self) -> String {
        self.as_bytes("group_concat(packed, char(10))")
    }

    fn as_bytes(&self, text: &str) -> String {
        if self.utf8 { format!("CAST({text} AS BLOB)") } else { text.to_owned() }
    }
}

/// The type of a column is of no use in SQLite; instead, `rowid` counts as a column of the tables that have one.
async fn layout(connection: &mut SqliteConnection, place: &Place) -> Result<Layout, StoreError> {
    let mut layout = Layout::default();
    for relation in contract::ALL {
        let name = place.name(relation);
        let columns = sqlx::query_scalar::<_, String>("SELECT name FROM pragma_table_xinfo(?1)").bind(&name);
        for column in columns.fetch_all(&mut *connection).await? {
            layout.add(relation, &column, "");
        }
        let kind = "SELECT 1 FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'table' AND wr = 0";
        let has_rowid = sqlx::query(kind).bind(&name).fetch_optional(&mut *connection).await?.is_some();
        if has_rowid && layout.type_of(relation, ROWID).is_none() {
            layout.add(relation, ROWID, ROWID);
        }
    }
    Ok(layout)
}

/// A column as text. SQLite's JSON refuses a BLOB, so that one is marked by the character that no text may hold.
fn cell(column: &str) -> String {
    format!("CASE typeof({column}) WHEN 'blob' THEN char(0) || hex({column}) ELSE CAST({column} AS TEXT) END")
}

fn bytes(row: &SqliteRow, column: usize) -> Result<Option<&[u8]>, sqlx::Error> {
    row.try_get_unchecked::<Option<&[u8]>, _>(column)
}

fn integer(id: &str) -> Option<i64> {
    id.parse().ok().filter(|number: &i64| number.to_string() == id)
}
