//! The change log in PostgreSQL: statement triggers with transition tables, so that a mass edit costs one line.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, FromRow, Row as _};

use super::{
    CHANGES, INSUFFICIENT_PRIVILEGE, IS_EMPTY, LOG, MAY_NOT_BE_READ, Status, Watch, What, Wishes, foreign, literal,
    quoted, refused, timed,
};
use crate::store::StoreError;
use crate::store::contract::{self, ARTICLES, CATEGORIES, Place, Relation};

/// Ids in one line: a larger statement gives several.
const CHUNK_IDS: u32 = 1_000;
/// Lines between two looks for what may be deleted.
const PRUNE_EVERY_LINES: u32 = 64;
/// Lines that are looked at then: more than come in between, so that the log shrinks.
const PRUNE_LINES: u32 = 512;
/// How long lines are kept: as long as a Loa may stand still without a complete read afterwards.
const KEEP_DAYS: u32 = 7;
/// How long the installation waits for a table that is in use, in milliseconds: everybody who wants to write waits behind it.
const LOCK_TIMEOUT_MS: u32 = 5_000;
/// The longest name of a channel, in bytes.
const CHANNEL_BYTES_MAX: usize = 63;

const TABLES: &str = include_str!("postgres.sql");

/// The relations of the contract that are there, each with the tables that its rows come from: itself, with its partitions,
/// or the tables behind a view. `root` is the table itself, or the one that it is a partition of.
pub(super) const SOURCES: &str = "
WITH RECURSIVE source (relation, base, oid, root) AS (
    SELECT c.relname::text, c.oid, c.oid, c.oid
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY ($1) AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
        AND (n.nspname = $2 OR ($2 IS NULL AND pg_catalog.pg_table_is_visible(c.oid)))
    UNION
    SELECT s.relation, s.base, next.oid, next.root FROM source s, LATERAL (
        SELECT d.refobjid, d.refobjid
        FROM pg_catalog.pg_class v
        JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
        WHERE v.oid = s.oid AND v.relkind IN ('v', 'm')
        UNION ALL
        SELECT i.inhrelid, s.root FROM pg_catalog.pg_inherits i WHERE i.inhparent = s.oid
    ) AS next (oid, root)
)
SELECT s.relation, c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
    rn.nspname::text AS root_schema, r.relname::text AS root_name, s.base = s.root AS own
FROM source s
JOIN pg_catalog.pg_class c ON c.oid = s.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class r ON r.oid = s.root JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY s.relation, n.nspname, c.relname";

/// The triggers of a log: each with its table, arguments, and whether it fires.
const TRIGGERS: &str = r"
SELECT t.tgrelid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS table_name, t.tgname::text AS name,
    replace(encode(t.tgargs, 'escape'), '\000', E'\n') AS arguments, t.tgenabled IN ('O', 'A') AS fires
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace of_proc ON of_proc.oid = p.pronamespace
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND of_proc.nspname = $1 AND p.proname = $2
ORDER BY n.nspname, c.relname, t.tgname";

/// A table that the rows of a relation come from, or that relation.
#[derive(Debug, Clone)]
struct Source {
    relation: String,
    oid: i64,
    schema: String,
    name: String,
    kind: String,
    root_schema: String,
    root_name: String,
    /// Is it the relation itself, or a partition of it?
    own: bool,
}

impl FromRow<'_, PgRow> for Source {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            relation: row.try_get("relation")?,
            oid: row.try_get("oid")?,
            schema: row.try_get("schema")?,
            name: row.try_get("name")?,
            kind: row.try_get("kind")?,
            root_schema: row.try_get("root_schema")?,
            root_name: row.try_get("root_name")?,
            own: row.try_get("own")?,
        })
    }
}

/// A trigger that writes the log.
#[derive(Debug, Clone)]
struct Trigger {
    oid: i64,
    schema: String,
    table_name: String,
    name: String,
    arguments: String,
    fires: bool,
}

impl FromRow<'_, PgRow> for Trigger {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            oid: row.try_get("oid")?,
            schema: row.try_get("schema")?,
            table_name: row.try_get("table_name")?,
            name: row.try_get("name")?,
            arguments: row.try_get("arguments")?,
            fires: row.try_get("fires")?,
        })
    }
}

/// What is there: the contract's relations with what they are made of, and the log's triggers.
#[derive(Debug)]
pub(in crate::store) struct Survey {
    names: Names,
    sources: Vec<Source>,
    triggers: Vec<Trigger>,
    installed: bool,
}

/// The names of a log's parts.
#[derive(Debug, Clone)]
struct Names {
    schema: String,
    prefix: String,
}

/// A table with what its changes mean.
#[derive(Debug, Clone)]
struct Watched {
    source: Source,
    what: What,
    column: Option<String>,
}

impl Names {
    fn of(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&format!("{}{name}", self.prefix)))
    }

    fn function(&self) -> String {
        format!("{}loa_changed", self.prefix)
    }

    /// Two logs may watch one table.
    fn trigger(&self, event: &str) -> String {
        let digest = Sha256::digest(format!("{}.{}", self.schema, self.prefix));
        let mark = digest.first_chunk().map_or(0, |first| u32::from_be_bytes(*first));
        format!("loa_{mark:08x}_{event}")
    }
}

/// The channel on which a log's triggers tell of a commit. A name that is cut is that of another log at worst, and then one
/// wakes for nothing.
pub(in crate::store) fn channel(schema: &str, prefix: &str) -> String {
    let name = format!("{schema}.{prefix}{CHANGES}");
    let end = name.floor_char_boundary(CHANNEL_BYTES_MAX);
    name.get(..end).unwrap_or_default().to_owned()
}

impl Watched {
    fn arguments(&self) -> String {
        let column = self.column.as_deref().unwrap_or_default();
        format!("{}\n{column}\n", self.what.name())
    }
}

impl Source {
    /// Is it a table, whose changes triggers see?
    fn is_table(&self) -> bool {
        matches!(self.kind.as_str(), "r" | "p")
    }

    fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    fn shown(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

impl Survey {
    /// Looks at what is there.
    pub(in crate::store) async fn take(connection: &mut PgConnection, place: &Place) -> Result<Self, sqlx::Error> {
        let relations: Vec<String> = contract::ALL.iter().map(|relation| place.name(relation)).collect();
        let sources: Vec<Source> =
            sqlx::query_as(SOURCES).bind(relations).bind(place.schema()).fetch_all(&mut *connection).await?;
        let articles = place.name(&ARTICLES);
        let beside = sources.iter().find(|source| source.relation == articles && source.name == articles);
        let schema = place.schema().or(beside.map(|source| source.schema.as_str())).unwrap_or("public");
        let names = Names { schema: schema.to_owned(), prefix: place.prefix().to_owned() };
        let triggers = sqlx::query_as(TRIGGERS).bind(schema).bind(names.function()).fetch_all(&mut *connection).await?;
        let tables = vec![names.of(LOG), names.of(CHANGES)];
        let installed = sqlx::query_scalar("SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest($1) AS name")
            .bind(tables)
            .fetch_one(connection)
            .await?;
        Ok(Self { names, sources, triggers, installed })
    }

    /// The schema that the log is in, or would be.
    pub(in crate::store) fn schema(&self) -> &str {
        &self.names.schema
    }

    /// What a complete log would lack, each with the way out.
    pub(in crate::store) fn uncovered(&self, place: &Place) -> Vec<String> {
        let (watched, mut uncovered) = self.watched(place, &[]);
        let bare = watched.iter().filter(|watched| !self.is_covered(watched));
        uncovered.extend(bare.map(|watched| {
            format!("table `{}` lacks a trigger that fires; run `loa store install` again", watched.source.shown())
        }));
        uncovered
    }

    fn is_covered(&self, watched: &Watched) -> bool {
        EVENTS.iter().all(|event| self.has(watched, event))
    }

    fn has(&self, watched: &Watched, event: &Event) -> bool {
        let (name, arguments) = (self.names.trigger(event.name), watched.arguments());
        let is_it = |trigger: &Trigger| trigger.oid == watched.source.oid && trigger.name == name;
        self.triggers.iter().any(|trigger| is_it(trigger) && trigger.fires && trigger.arguments == arguments)
    }

    /// Every table that is to be watched, and what stands in the way.
    fn watched(&self, place: &Place, wishes: &[Watch]) -> (Vec<Watched>, Vec<String>) {
        let (mut watched, mut faults) = (BTreeMap::<i64, Watched>::new(), Vec::new());
        for source in self.sources.iter().filter(|source| source.kind != "v") {
            let Some(relation) = contract::ALL.into_iter().find(|relation| place.name(relation) == source.relation)
            else {
                continue;
            };
            if !source.is_table() {
                faults.push(unseen(source));
                continue;
            }
            match self.meaning(relation, source, wishes) {
                Some((what, column)) => {
                    let known = watched.entry(source.oid);
                    let new = Watched { source: source.clone(), what, column };
                    known.and_modify(|known| known.join(&new)).or_insert(new);
                }
                None => faults.push(unnamed(source)),
            }
        }
        (watched.into_values().collect(), faults)
    }

    /// What a change of a table means for a relation: by the contract, else by what is wished, else as it is installed.
    fn meaning(&self, relation: &Relation, source: &Source, wishes: &[Watch]) -> Option<(What, Option<String>)> {
        if source.own {
            let column = relation.columns.first()?.name.to_owned();
            let categories = *relation == CATEGORIES;
            return Some(if categories { (What::Categories, None) } else { (What::Articles, Some(column)) });
        }
        let named = |wish: &&Watch| {
            wish.table == source.root_name || wish.table == format!("{}.{}", source.root_schema, source.root_name)
        };
        if let Some(wish) = wishes.iter().find(named) {
            let without = if *relation == CATEGORIES { What::Categories } else { What::Everything };
            return Some(wish.column.clone().map_or((without, None), |column| (What::Articles, Some(column))));
        }
        let trigger = self.triggers.iter().find(|trigger| trigger.oid == source.oid)?;
        let mut arguments = trigger.arguments.split('\n');
        let what = [What::Articles, What::Categories, What::Everything]
            .into_iter()
            .find(|what| arguments.clone().next() == Some(what.name()))?;
        Some((what, arguments.nth(1).filter(|column| !column.is_empty()).map(ToOwned::to_owned)))
    }
}

impl Watched {
    /// One table may be behind several relations. With an article's id it tells the articles; where that is not all that
    /// its changes mean, they mean everything.
    fn join(&mut self, other: &Self) {
        if self.what != other.what || self.column != other.column {
            (self.what, self.column) = (What::Everything, None);
        }
    }
}

fn unseen(source: &Source) -> String {
    let what = if source.kind == "m" { "materialized view" } else { "foreign table" };
    let relation = &source.relation;
    format!(
        "{what} `{}` (relation `{relation}`) cannot have triggers that see its changes; use a view of the tables themselves, or \
         leave the store at level C",
        source.shown()
    )
}

fn unnamed(source: &Source) -> String {
    let Source { root_schema, root_name, relation, .. } = source;
    let column = if *relation == CATEGORIES.name { "" } else { "=COLUMN" };
    format!(
        "table `{root_schema}.{root_name}` is behind the view `{relation}`: say --watch {root_schema}.{root_name}{column}, where \
         COLUMN holds the article's id as the view shows it; without a column any change of it means a complete read"
    )
}

struct Event {
    name: &'static str,
    sql: &'static str,
    tables: &'static str,
}

const EVENTS: [Event; 4] = [
    Event { name: "insert", sql: "INSERT", tables: " REFERENCING NEW TABLE AS new_rows" },
    Event { name: "update", sql: "UPDATE", tables: " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows" },
    Event { name: "delete", sql: "DELETE", tables: " REFERENCING OLD TABLE AS old_rows" },
    Event { name: "truncate", sql: "TRUNCATE", tables: "" },
];

/// The SQL that installs the log or brings it up to date.
pub(super) async fn script(url: &str, place: &Place, wishes: &Wishes) -> Result<String, StoreError> {
    let mut connection = connect(url).await?;
    let survey = Survey::take(&mut connection, place).await?;
    connection.close().await?;
    if !survey.sources.iter().any(|source| source.relation == place.name(&ARTICLES)) {
        let what = format!("relation `{}` is missing", place.name(&ARTICLES));
        return Err(refused(what, "make it as docs/STORE.md says, or set store.schema and store.prefix"));
    }
    let (watched, faults) = survey.watched(place, &wishes.watch);
    if !faults.is_empty() {
        return Err(refused(
            format!("not every relation can be watched:\n  {}\n", faults.join("\n  ")),
            "nothing was changed",
        ));
    }
    unknown_wishes(&survey, &wishes.watch)?;
    let names = &survey.names;
    let mut sql = vec![tables(names)];
    let mut made = !survey.installed;
    for trigger in survey.triggers.iter().filter(|trigger| !watched.iter().any(|w| w.source.oid == trigger.oid)) {
        sql.push(drop_trigger(trigger));
    }
    for watched in &watched {
        for event in EVENTS.iter().filter(|event| !survey.has(watched, event)) {
            sql.push(make_trigger(names, watched, event));
            made = true;
        }
    }
    let id = literal(&wishes.id);
    let log = names.of(LOG);
    sql.push(format!("INSERT INTO {log} (id) SELECT {id} WHERE NOT EXISTS (SELECT FROM {log});\n"));
    sql.push(foreign::begin_anew(&log, &names.of(CHANGES), &id));
    if made {
        sql.push(format!("UPDATE {log} SET id = {id};\n"));
    }
    for role in &wishes.grants {
        let (schema, role) = (quoted(&names.schema), quoted(role));
        sql.push(format!("GRANT USAGE ON SCHEMA {schema} TO {role};\n"));
        sql.push(format!("GRANT SELECT ON {log}, {} TO {role};\n", names.of(CHANGES)));
    }
    Ok(whole(&sql.concat()))
}

/// The SQL that takes the log away.
pub(super) async fn removal(url: &str, place: &Place) -> Result<String, StoreError> {
    let mut connection = connect(url).await?;
    let survey = Survey::take(&mut connection, place).await?;
    connection.close().await?;
    let names = &survey.names;
    let mut sql: Vec<String> = survey.triggers.iter().map(drop_trigger).collect();
    sql.push(format!("DROP FUNCTION IF EXISTS {}();\n", names.of("loa_changed")));
    sql.push(format!("DROP TABLE IF EXISTS {}, {};\n", names.of(CHANGES), names.of(LOG)));
    Ok(whole(&sql.concat()))
}

fn whole(sql: &str) -> String {
    format!("BEGIN;\nSET LOCAL lock_timeout = {LOCK_TIMEOUT_MS};\n{sql}COMMIT;\n")
}

fn tables(names: &Names) -> String {
    TABLES
        .replace("@changes_index", &quoted(&format!("{}loa_changes_txid", names.prefix)))
        .replace("@changes", &names.of(CHANGES))
        .replace("@log", &names.of(LOG))
        .replace("@function", &names.of("loa_changed"))
        .replace("@channel", &literal(&channel(&names.schema, &names.prefix)))
        .replace("@chunk_ids", &CHUNK_IDS.to_string())
        .replace("@prune_every", &PRUNE_EVERY_LINES.to_string())
        .replace("@prune_lines", &PRUNE_LINES.to_string())
        .replace("@keep_days", &KEEP_DAYS.to_string())
}

fn drop_trigger(trigger: &Trigger) -> String {
    let (name, schema, table) = (quoted(&trigger.name), quoted(&trigger.schema), quoted(&trigger.table_name));
    format!("DROP TRIGGER IF EXISTS {name} ON {schema}.{table};\n")
}

fn make_trigger(names: &Names, watched: &Watched, event: &Event) -> String {
    let (name, table) = (quoted(&names.trigger(event.name)), watched.source.quoted());
    let (what, column) = (literal(watched.what.name()), literal(watched.column.as_deref().unwrap_or_default()));
    format!(
        "DROP TRIGGER IF EXISTS {name} ON {table};\nCREATE TRIGGER {name} AFTER {} ON {table}{}\n    \
         FOR EACH STATEMENT EXECUTE PROCEDURE {}({what}, {column});\n",
        event.sql,
        event.tables,
        names.of("loa_changed")
    )
}

/// A table that is named and stands behind no relation is a slip of the pen.
fn unknown_wishes(survey: &Survey, wishes: &[Watch]) -> Result<(), StoreError> {
    let known = |wish: &Watch| {
        survey.sources.iter().any(|source| {
            wish.table == source.root_name || wish.table == format!("{}.{}", source.root_schema, source.root_name)
        })
    };
    wishes.iter().find(|wish| !known(wish)).map_or(Ok(()), |wish| {
        let what = format!("--watch {}: no relation is made of a table of this name", wish.table);
        Err(refused(
            what,
            "name a table that a view of the contract reads; functions that a view calls are not seen through",
        ))
    })
}

/// Runs a script.
pub(super) async fn run(url: &str, script: &str) -> Result<(), StoreError> {
    let mut connection = connect(url).await?;
    let outcome = sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut connection).await;
    if let Err(sqlx::Error::Database(said)) = &outcome {
        let way_out = match said.code().as_deref() {
            Some("42501") => "run it as the owner of the tables, or give the SQL of --print to your database's keeper",
            Some("55P03") => "a transaction holds the table; run it again when it has ended",
            Some("42703") => "name the column that holds the article's id as the view shows it",
            _ => return Ok(outcome.map(drop)?),
        };
        return Err(refused(said.message().to_owned(), way_out));
    }
    outcome?;
    Ok(connection.close().await?)
}

/// How the log stands.
pub(super) async fn status(url: &str, place: &Place) -> Result<Status, StoreError> {
    let mut connection = connect(url).await?;
    let survey = Survey::take(&mut connection, place).await?;
    let mut status = Status { installed: survey.installed, ..Status::default() };
    if survey.installed {
        status.uncovered = survey.uncovered(place);
        status.watched = survey.watched(place, &[]).0.iter().map(shown).collect();
        status.warnings = timed::in_postgres(&mut connection, place).await?;
        let said = match count(&mut connection, &survey.names, &mut status).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
                Some(MAY_NOT_BE_READ)
            }
            counted => counted?,
        };
        status.uncovered.extend(said.map(ToOwned::to_owned));
        status.complete = status.uncovered.is_empty();
    }
    connection.close().await?;
    Ok(status)
}

/// Counts lines and transactions; says what is wrong with these.
async fn count(
    connection: &mut PgConnection,
    names: &Names,
    status: &mut Status,
) -> Result<Option<&'static str>, sqlx::Error> {
    let (log, changes) = (names.of(LOG), names.of(CHANGES));
    let sql = format!(
        "SELECT COALESCE(min(line), 0), COALESCE(max(line), 0), txid_snapshot_xmin(txid_current_snapshot()), \
         txid_snapshot_xmax(txid_current_snapshot()), EXISTS (SELECT FROM {log}), {} FROM {changes}",
        foreign::is_foreign(&log, &changes)
    );
    let (oldest, last, horizon, next, has_id, is_foreign): (i64, i64, i64, i64, bool, bool) =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_one(connection).await?;
    (status.oldest_line, status.last_line) = (oldest, last);
    (status.horizon, status.lag) = (Some(horizon), Some(next - horizon));
    Ok(if has_id { is_foreign.then_some(foreign::IS_FOREIGN) } else { Some(IS_EMPTY) })
}

fn shown(watched: &Watched) -> String {
    let column = watched.column.as_ref().map_or_else(String::new, |column| format!(" by `{column}`"));
    format!("{}: {}{column}", watched.source.shown(), watched.what.name())
}

async fn connect(url: &str) -> Result<PgConnection, StoreError> {
    let options = url.parse::<PgConnectOptions>()?.application_name("loa store").disable_statement_logging();
    Ok(options.connect().await?)
}
