//! One snapshot of a PostgreSQL store: a read transaction on a connection that rests between two calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _, ValueRef as _};
use tokio::sync::SemaphorePermit;

use crate::domain::article::ArticleId;
use crate::store::contract::{self, ARTICLE_CATEGORIES, ARTICLES, CATEGORIES, Layout, Place, Relation, quote};
use crate::store::read::{Block, Bodies, Snapshot};
use crate::store::row::for_each_row;
use crate::store::{StoreError, limited, next_block};

/// How long it is believed that the relations have no more columns than they had. That they have fewer is said by the next
/// statement.
const LAYOUT_FOR: Duration = Duration::from_secs(2);
/// Longest `statement_timeout` that PostgreSQL takes, in milliseconds.
const STATEMENT_MS_MAX: u64 = 0x7fff_ffff;
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

/// What the database has of the contract.
#[derive(Clone)]
pub(super) struct Known {
    since: Instant,
    layout: Arc<Layout>,
    /// The statement that loads articles; its parameters are their ids, once for each of these kinds.
    load: Arc<str>,
    /// The same without bodies that summaries do not need.
    load_summaries: Arc<str>,
    kinds: Arc<[IdKind]>,
}

impl Known {
    /// Is it fresh enough to be believed?
    pub(super) fn is_fresh(&self) -> bool {
        self.since.elapsed() < LAYOUT_FOR
    }

    async fn ask(connection: &mut PgConnection, place: &Place) -> Result<Self, StoreError> {
        let since = Instant::now();
        let layout = layout(connection, place).await?.check(place)?;
        let sql = Sql { layout: &layout, place };
        let (load, kinds) = sql.load(Bodies::All);
        let (load_summaries, _) = sql.load(Bodies::Unled);
        let (load, load_summaries) = (load.into(), load_summaries.into());
        Ok(Self { since, layout: Arc::new(layout), load, load_summaries, kinds: kinds.into() })
    }
}

/// One snapshot. Dropped before its end it closes the connection.
pub(super) struct PostgresSnapshot<'a> {
    connection: PgConnection,
    known: Known,
    place: &'a Place,
    timeout_ms: u64,
    _slot: Option<SemaphorePermit<'a>>,
}

impl<'a> PostgresSnapshot<'a> {
    /// Begins a transaction, in one message with its settings; a statement in it may take so long.
    pub(super) async fn enter(connection: &mut PgConnection, statement_ms: u64) -> Result<(), sqlx::Error> {
        let settings = Self::settings("SET LOCAL", statement_ms);
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {settings}");
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(connection).await?;
        Ok(())
    }

    /// What reading needs, to be set by `SET` or `SET LOCAL`; a statement may take so long.
    pub(super) fn settings(set: &str, statement_ms: u64) -> String {
        let statement_ms = statement_ms.min(STATEMENT_MS_MAX);
        format!("{set} statement_timeout = {statement_ms}; {set} TimeZone = 'UTC'; {set} jit = off")
    }

    /// A snapshot on a connection that has entered a transaction, or that will run one statement; `None` instead of what is known has it asked for. A block
    /// of a complete read may take so long.
    pub(super) async fn new(
        mut connection: PgConnection,
        place: &'a Place,
        known: Option<Known>,
        timeout_ms: u64,
        slot: Option<SemaphorePermit<'a>>,
    ) -> Result<Self, StoreError> {
        let known = match known {
            Some(known) => known,
            None => Known::ask(&mut connection, place).await?,
        };
        Ok(Self { connection, known, place, timeout_ms, _slot: slot })
    }

    /// The server's number of the process that answers.
    pub(super) async fn backend(&mut self) -> Result<i32, StoreError> {
        Ok(sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut self.connection).await?)
    }

    /// What the database has of the contract.
    pub(super) const fn known(&self) -> &Known {
        &self.known
    }

    /// Gives the connection back, which has not entered a transaction.
    pub(super) fn leave(self) -> PgConnection {
        self.connection
    }

    /// Ends it, and gives the connection back.
    pub(super) async fn end(mut self) -> Result<PgConnection, StoreError> {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await?;
        Ok(self.connection)
    }
}

impl Snapshot for PostgresSnapshot<'_> {
    /// A complete read by COPY, which sends a row at a tenth of what a row of a query costs and keeps nothing in the
    /// server's memory. JSON has no control characters, so with these as delimiter and quote a row is sent as it is.
    async fn all(
        &mut self,
        relation: &'static Relation,
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), StoreError> {
        if !self.known.layout.has(relation) {
            return Ok(());
        }
        let packed = Sql { layout: &self.known.layout, place: self.place }.packed(relation);
        let select = format!("SELECT {packed} FROM {}", self.place.quoted(relation));
        let sql = format!(r"COPY ({select}) TO STDOUT (FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01', ENCODING 'UTF8')");
        let copy = async { Ok(self.connection.copy_out_raw(&sql).await?) };
        let mut blocks = limited(self.timeout_ms, copy).await?;
        while let Some(block) = next_block(self.timeout_ms, &mut blocks).await? {
            for_each_row(&block, &mut *take);
        }
        Ok(())
    }

    async fn of(
        &mut self,
        ids: &[ArticleId],
        bodies: Bodies,
        take: &mut (dyn FnMut(Block<'_>) + Send),
    ) -> Result<(), StoreError> {
        let load = match bodies {
            Bodies::All => &self.known.load,
            Bodies::Unled => &self.known.load_summaries,
        };
        let mut query = sqlx::query(AssertSqlSafe(Arc::clone(load)));
        for kind in self.known.kinds.iter() {
            query = query.bind(ids.iter().map(ArticleId::as_str).filter(|id| kind.fits(id)).collect::<Vec<_>>());
        }
        let mut blocks = query.fetch(&mut self.connection);
        while let Some(block) = blocks.try_next().await? {
            let relation = usize::try_from(block.try_get::<i32, _>(0)?).ok().and_then(|at| contract::ALL.get(at));
            if let (Some(relation), Some(rows)) = (relation, bytes(&block, 1)?) {
                take(Block { relation, rows, body: bytes(&block, 2)? });
            }
        }
        Ok(())
    }
}

async fn layout(connection: &mut PgConnection, place: &Place) -> Result<Layout, StoreError> {
    let names: Vec<String> = contract::ALL.iter().map(|relation| place.name(relation)).collect();
    let columns = sqlx::query_as::<_, (String, String, String)>(COLUMNS).bind(names).bind(place.schema());
    let mut layout = Layout::default();
    for (name, column, type_name) in columns.fetch_all(connection).await? {
        if let Some(relation) = contract::ALL.into_iter().find(|relation| place.name(relation) == name) {
            layout.add(relation, &column, &type_name);
        }
    }
    Ok(layout)
}

fn bytes(row: &PgRow, column: usize) -> Result<Option<&[u8]>, StoreError> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(None);
    }
    Ok(Some(value.as_bytes().map_err(sqlx::Error::Decode)?))
}

/// The statements, put together of what is there.
struct Sql<'a> {
    layout: &'a Layout,
    place: &'a Place,
}

impl Sql<'_> {
    /// Everything of some articles, as the number of a relation, packed rows, a body; with the kinds of its parameters, the
    /// ids. One statement, because each costs more than its rows. Bodies may be large, so that each article with its body
    /// travels alone.
    fn load(&self, bodies: Bodies) -> (String, Vec<IdKind>) {
        let (mut selects, mut kinds, mut named) = (Vec::new(), Vec::new(), None);
        for (number, relation) in contract::ALL.iter().enumerate().filter(|(_, relation)| self.layout.has(relation)) {
            let name = self.place.quoted(relation);
            let packed = self.packed(relation);
            if **relation == CATEGORIES {
                let Some(named) = &named else { continue };
                let known = format!("{name} WHERE id::text IN (SELECT category_id::text FROM {named})");
                selects.push(together(number, &packed, &known));
                continue;
            }
            let key = relation.columns.first().map_or("id", |column| column.name);
            let kind = IdKind::of(self.layout.type_of(relation, key));
            let those = format!("{name} WHERE {}", kind.is_any(&quote(key), kinds.len() + 1));
            kinds.push(kind);
            if **relation == ARTICLES {
                let body = self.cell(relation, "body_html");
                let has_no_lead = self.layout.type_of(relation, "lead").is_none();
                selects.push(if bodies == Bodies::All || has_no_lead {
                    format!("SELECT {number}, {packed}, ({body})::text FROM {those}")
                } else {
                    let mut cells = self.cells(relation);
                    cells.push(format!("CASE WHEN NOT {} THEN {body} END", self.is_led()));
                    together(number, &array(&cells), &those)
                });
            } else {
                selects.push(together(number, &packed, &those));
            }
            if **relation == ARTICLE_CATEGORIES {
                named = Some(those);
            }
        }
        (selects.join(" UNION ALL "), kinds)
    }

    /// Has an article a lead of which a reader is sure to see something, whatever is made of tags and entities?
    fn is_led(&self) -> String {
        // Some collations have no regular expressions.
        let lead = format!("({}) COLLATE \"C\"", self.cell(&ARTICLES, "lead"));
        format!("coalesce({lead} ~ '[a-zA-Z0-9]' AND {lead} !~ '[<&]', false)")
    }

    /// A row as one JSON array of texts; of an article without its body, but with what stands for it in the digest.
    fn packed(&self, relation: &Relation) -> String {
        array(&self.cells(relation))
    }

    fn cells(&self, relation: &Relation) -> Vec<String> {
        let mut cells: Vec<String> = relation.columns.iter().map(|column| self.cell(relation, column.name)).collect();
        if *relation == ARTICLES {
            let (body, revision) = (cells.pop().unwrap_or_default(), self.cell(relation, "revision"));
            cells.push(format!("CASE WHEN {revision} IS NULL THEN encode(sha256(textsend({body})), 'hex') END"));
        }
        cells
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

fn array(cells: &[String]) -> String {
    format!("json_build_array({})::text", cells.join(", "))
}

/// Rows of a relation that are small, and travel together.
fn together(number: usize, packed: &str, rows: &str) -> String {
    format!(r"SELECT {number}, string_agg({packed}, E'\n'), NULL FROM {rows}")
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

    fn is_any(&self, column: &str, parameter: usize) -> String {
        match self {
            Self::Integer => format!("{column} = ANY (${parameter}::text[]::bigint[])"),
            Self::Uuid => format!("{column} = ANY (${parameter}::text[]::uuid[])"),
            Self::Text => format!("{column} = ANY (${parameter}::text[])"),
            Self::Other => format!("{column}::text = ANY (${parameter}::text[])"),
        }
    }
}
