//! One snapshot of an SQLite file: a read transaction on a connection that rests between two calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};
use tokio::sync::SemaphorePermit;

use crate::domain::article::ArticleId;
use crate::store::contract::{self, ARTICLE_CATEGORIES, ARTICLES, CATEGORIES, JOINED, Layout, Place, Relation, quote};
use crate::store::read::{Block, Bodies, Snapshot};
use crate::store::row::for_each_row;
use crate::store::{StoreError, next_block};

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
    shape: Arc<Shape>,
    /// The statement that loads articles.
    load: Arc<str>,
    /// The same without bodies that summaries do not need.
    load_summaries: Arc<str>,
}

/// The columns that are there. A column's type is known in STRICT tables only; elsewhere it is of no use.
#[derive(Default)]
struct Shape {
    layout: Layout,
    /// For each relation that is a table the column in whose order its rows lie.
    keys: HashMap<&'static str, &'static str>,
}

/// Until when the statement under way may run; `None`: nobody waits for it. It runs on a thread of its own, so that ending
/// our wait would not end it.
#[derive(Clone, Default)]
struct Deadline(Arc<Mutex<Option<Instant>>>);

impl Deadline {
    fn set(&self, at: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    fn after(timeout_ms: u64) -> Option<Instant> {
        Instant::now().checked_add(Duration::from_millis(timeout_ms))
    }

    fn has_passed(&self) -> bool {
        let at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at <= Instant::now())
    }
}

/// Whoever drops a connection does not wait for its statement any more.
impl Drop for Open {
    fn drop(&mut self) {
        self.deadline.set(Some(Instant::now()));
    }
}

impl Open {
    /// Opens a file. A statement may take so long.
    pub(super) async fn new(options: &SqliteConnectOptions, file: FileId, timeout_ms: u64) -> Result<Self, StoreError> {
        let mut connection = options.connect().await?;
        let deadline = Deadline::default();
        deadline.set(Deadline::after(timeout_ms));
        let watched = deadline.clone();
        connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_LOOKS, move || !watched.has_passed());
        let encoding: String = sqlx::query_scalar("PRAGMA encoding").fetch_one(&mut connection).await?;
        Ok(Self { file, connection, deadline, utf8: encoding == "UTF-8", known: None })
    }

    /// Begins a snapshot, and gives what the file has of the contract then. Looked at again whenever anything changes. One trip
    /// to SQLite's thread, of which each takes longer than what is done there.
    async fn enter(&mut self, place: &Place) -> Result<Known, StoreError> {
        let version = sqlx::query_scalar("BEGIN; PRAGMA schema_version").fetch_one(&mut self.connection).await?;
        match &self.known {
            Some(known) if known.version == version => Ok(known.clone()),
            _ => {
                let shape = shape(&mut self.connection, place).await?;
                let sql = Sql { shape: &shape, place, utf8: self.utf8 };
                let (load, load_summaries) = (sql.load(Bodies::All).into(), sql.load(Bodies::Unled).into());
                Ok(self.known.insert(Known { version, shape: Arc::new(shape), load, load_summaries }).clone())
            }
        }
    }
}

/// One snapshot. Dropped before its end it closes the connection, and whatever runs there ends.
pub(super) struct SqliteSnapshot<'a> {
    open: Open,
    known: Known,
    place: &'a Place,
    timeout_ms: u64,
    _slot: Option<SemaphorePermit<'a>>,
}

impl<'a> SqliteSnapshot<'a> {
    /// Begins one in which a call may take so long, or a block of a complete read.
    pub(super) async fn begin(
        mut open: Open,
        place: &'a Place,
        timeout_ms: u64,
        slot: Option<SemaphorePermit<'a>>,
    ) -> Result<Self, StoreError> {
        open.deadline.set(Deadline::after(timeout_ms));
        let known = open.enter(place).await?;
        Ok(Self { open, known, place, timeout_ms, _slot: slot })
    }

    /// Ends it, and gives the connection back.
    pub(super) async fn end(mut self) -> Result<Open, StoreError> {
        sqlx::query("ROLLBACK").execute(&mut self.open.connection).await?;
        Ok(self.open)
    }

    fn sql(&self) -> Sql<'_> {
        Sql { shape: &self.known.shape, place: self.place, utf8: self.open.utf8 }
    }
}

impl Snapshot for SqliteSnapshot<'_> {
    async fn all(
        &mut self,
        relation: &'static Relation,
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), StoreError> {
        if !self.known.shape.layout.has(relation) {
            return Ok(());
        }
        let sql = self.sql().all(relation);
        let mut blocks = sqlx::query(AssertSqlSafe(sql)).fetch(&mut self.open.connection);
        loop {
            self.open.deadline.set(Deadline::after(self.timeout_ms));
            let Some(block) = next_block(self.timeout_ms, &mut blocks).await? else { return Ok(()) };
            // What is read ahead while this block is looked at keeps nobody waiting.
            self.open.deadline.set(None);
            if let Some(rows) = bytes(&block, 0)? {
                for_each_row(rows, &mut *take);
            }
        }
    }

    /// By the index on the id. An id that is written like an integer may be one.
    async fn of(
        &mut self,
        ids: &[ArticleId],
        bodies: Bodies,
        take: &mut (dyn FnMut(Block<'_>) + Send),
    ) -> Result<(), StoreError> {
        let texts = ids.iter().map(|id| serde_json::Value::from(id.as_str()));
        let integers = ids.iter().filter_map(|id| integer(id.as_str())).map(serde_json::Value::from);
        let wanted = texts.chain(integers).collect::<serde_json::Value>().to_string();
        let load = match bodies {
            Bodies::All => &self.known.load,
            Bodies::Unled => &self.known.load_summaries,
        };
        let mut blocks = sqlx::query(AssertSqlSafe(Arc::clone(load))).bind(wanted).fetch(&mut self.open.connection);
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
    shape: &'a Shape,
    place: &'a Place,
    utf8: bool,
}

impl Sql<'_> {
    /// A complete read, a block for each row of the result: the keys between two that are so many rows apart.
    fn all(&self, relation: &Relation) -> String {
        let (packed, from) = (self.packed(relation), self.place.quoted(relation));
        let Some(key) = self.shape.keys.get(relation.name).copied().map(quote) else {
            // The rows of a view have to be counted.
            return format!(
                "SELECT {} FROM (SELECT {packed} AS packed, (row_number() OVER () - 1) / {BLOCK_ROWS} AS block FROM {from}) \
                 GROUP BY block",
                self.together()
            );
        };
        let last = |whose: &str| {
            let keys = format!("SELECT {key} AS key FROM {from} {whose} ORDER BY {key} LIMIT {BLOCK_ROWS}");
            format!("SELECT max(key) FROM ({keys})")
        };
        let block = |whose: &str| {
            format!("SELECT {} FROM (SELECT {packed} AS packed FROM {from} WHERE {whose})", self.together())
        };
        format!(
            "WITH RECURSIVE first (last) AS ({}), block (after, last) AS (SELECT last, ({}) FROM first \
             UNION ALL SELECT last, ({}) FROM block WHERE last IS NOT NULL) \
             SELECT ({}) FROM first UNION ALL SELECT ({}) FROM block WHERE last IS NOT NULL",
            last(""),
            last(&format!("WHERE {key} > first.last")),
            last(&format!("WHERE {key} > block.last")),
            block(&format!("{key} <= first.last")),
            block(&format!("{key} > block.after AND {key} <= block.last"))
        )
    }

    /// Everything of the articles in the JSON array `?1`, as the number of a relation, packed rows, a body. One statement,
    /// because each costs more than its rows. Bodies may be large, so that each article with its body travels alone.
    fn load(&self, bodies: Bodies) -> String {
        let (those, body) = (self.those(&ARTICLES), self.cell(&ARTICLES, "body_html"));
        let articles = if bodies == Bodies::All || self.shape.layout.type_of(&ARTICLES, "lead").is_none() {
            let packed = self.as_bytes(&self.packed(&ARTICLES));
            format!("SELECT 0, {packed}, {} FROM {those}", self.as_bytes(&body))
        } else {
            let mut cells = self.cells(&ARTICLES);
            cells.push(format!("CASE WHEN NOT {} THEN {body} END", self.is_led()));
            let packed = format!("SELECT {} AS packed FROM {those}", array(&cells));
            format!("SELECT 0, {}, NULL FROM ({packed})", self.together())
        };
        let mut selects = vec![articles];
        for (number, relation) in
            contract::ALL.iter().enumerate().filter(|(_, relation)| self.shape.layout.has(relation))
        {
            let rows = if JOINED.contains(relation) {
                self.those(relation)
            } else if **relation == CATEGORIES && self.shape.layout.has(&ARTICLE_CATEGORIES) {
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

    /// Has an article a lead of which a reader is sure to see something, whatever is made of tags and entities?
    fn is_led(&self) -> String {
        let lead = self.cell(&ARTICLES, "lead");
        format!("coalesce({lead} GLOB '*[a-zA-Z0-9]*' AND {lead} NOT GLOB '*[<&]*', 0)")
    }

    /// The rows of the articles in the JSON array `?1`.
    fn those(&self, relation: &Relation) -> String {
        let key = relation.columns.first().map_or("id", |column| column.name);
        format!("{} WHERE {} IN (SELECT value FROM json_each(?1))", self.place.quoted(relation), quote(key))
    }

    /// A row as one JSON array of texts; of an article without its body, but with what stands for it in the digest.
    fn packed(&self, relation: &Relation) -> String {
        array(&self.cells(relation))
    }

    fn cells(&self, relation: &Relation) -> Vec<String> {
        let mut cells: Vec<String> = relation.columns.iter().map(|known| self.cell(relation, known.name)).collect();
        if *relation == ARTICLES {
            let body = cells.pop().unwrap_or_default();
            cells.push(format!("CASE WHEN {} IS NULL THEN {body} END", self.cell(relation, "revision")));
        }
        cells
    }

    /// A column as text. SQLite's JSON refuses a BLOB, so that one is marked by the character that no text may hold.
    fn cell(&self, relation: &Relation, name: &str) -> String {
        let column = quote(name);
        match self.shape.layout.type_of(relation, name) {
            None => "NULL".to_owned(),
            Some("TEXT") => column,
            Some("INT" | "INTEGER" | "REAL") => format!("CAST({column} AS TEXT)"),
            Some(_) => {
                format!("iif(typeof({column}) = 'blob', char(0) || hex({column}), CAST({column} AS TEXT))")
            }
        }
    }

    /// Many packed rows as one value.
    fn together(&self) -> String {
        self.as_bytes("group_concat(packed, char(10))")
    }

    fn as_bytes(&self, text: &str) -> String {
        if self.utf8 { format!("CAST({text} AS BLOB)") } else { text.to_owned() }
    }
}

fn array(cells: &[String]) -> String {
    format!("json_array({})", cells.join(", "))
}

/// What is there, as far as the contract knows of it.
async fn shape(connection: &mut SqliteConnection, place: &Place) -> Result<Shape, StoreError> {
    let mut shape = Shape::default();
    for relation in contract::ALL {
        let name = place.name(relation);
        let kind = "SELECT wr, strict FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'table'";
        let table = sqlx::query_as(kind).bind(&name).fetch_optional(&mut *connection).await?;
        let columns = sqlx::query_as("SELECT name, type, pk FROM pragma_table_xinfo(?1)").bind(&name);
        let columns: Vec<(String, String, i64)> = columns.fetch_all(&mut *connection).await?;
        for (column, declared, _) in &columns {
            shape.layout.add(relation, column, if matches!(table, Some((_, true))) { declared } else { "" });
        }
        let first = relation.columns.first().map_or("id", |column| column.name);
        let begins_key = |(column, _, place): &(String, String, i64)| *place == 1 && column.eq_ignore_ascii_case(first);
        let key = match table {
            Some((true, _)) => columns.iter().any(begins_key).then_some(first),
            Some((false, _)) => shape.layout.type_of(relation, ROWID).is_none().then_some(ROWID),
            None => None,
        };
        shape.keys.extend(key.map(|key| (relation.name, key)));
    }
    shape.layout = shape.layout.check(place)?;
    Ok(shape)
}

fn bytes(row: &SqliteRow, column: usize) -> Result<Option<&[u8]>, sqlx::Error> {
    row.try_get_unchecked::<Option<&[u8]>, _>(column)
}

fn integer(id: &str) -> Option<i64> {
    id.parse().ok().filter(|number: &i64| number.to_string() == id)
}
