//! The change log in SQLite: row triggers, kept as small as they can be. The embedded store has the same by a migration.

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::{CHANGES, LOG, Status, Watch, What, Wishes, literal, quoted, refused, timed};
use crate::store::StoreError;
use crate::store::contract::{self, ARTICLES, CATEGORIES, Place};

/// Lines that are kept: a reader that is further behind reads everything, which is hardly slower then.
const KEEP_LINES: u32 = 100_000;
/// Lines between two looks for what is to be deleted.
const PRUNE_EVERY_LINES: u32 = 1_000;

const OBJECTS: &str = "SELECT type, name, tbl_name FROM sqlite_master WHERE type IN ('table', 'view', 'trigger')";
const VIEWS: &str = "SELECT name, sql FROM sqlite_master WHERE type = 'view' ORDER BY name";
const EVENTS: [&str; 3] = ["insert", "update", "delete"];
/// SQLite's result code of a file that may not be written.
const READONLY: &str = "8";

/// A table with what its changes mean.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Watched {
    table: String,
    what: What,
    column: Option<String>,
}

/// A wish as the log remembers it: nothing else tells what is behind a view.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    table: String,
    column: Option<String>,
}

/// What is there: tables, views and triggers, and what the log remembers.
#[derive(Debug)]
pub(in crate::store) struct Survey {
    place: Place,
    objects: Vec<(String, String, String)>,
    remembered: Vec<Watch>,
}

impl Survey {
    /// Looks at what is there.
    pub(in crate::store) async fn take(connection: &mut SqliteConnection, place: &Place) -> Result<Self, sqlx::Error> {
        let objects = sqlx::query_as(OBJECTS).fetch_all(&mut *connection).await?;
        let mut survey = Self { place: place.clone(), objects, remembered: Vec::new() };
        if survey.is_installed() {
            let sql = format!("SELECT watched FROM {}", place.beside(LOG));
            let text: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(connection).await?;
            let known: Vec<Remembered> = serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
            survey.remembered =
                known.into_iter().map(|known| Watch { table: known.table, column: known.column }).collect();
        }
        Ok(survey)
    }

    pub(in crate::store) fn is_installed(&self) -> bool {
        [LOG, CHANGES].iter().all(|name| self.has("table", &self.name(name)))
    }

    /// What a complete log would lack, each with the way out.
    pub(in crate::store) fn uncovered(&self) -> Vec<String> {
        let (watched, mut uncovered) = self.watched(&self.remembered);
        let bare = watched.iter().filter(|watched| !self.is_covered(watched));
        uncovered
            .extend(bare.map(|bare| format!("table `{}` lacks a trigger; run `loa store install` again", bare.table)));
        uncovered
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.place.prefix())
    }

    fn trigger(&self, table: &str, event: &str) -> String {
        self.name(&format!("loa_{table}_{event}"))
    }

    fn has(&self, kind: &str, name: &str) -> bool {
        self.objects.iter().any(|(known, found, _)| known == kind && found.eq_ignore_ascii_case(name))
    }

    fn is_covered(&self, watched: &Watched) -> bool {
        EVENTS.iter().all(|event| {
            let name = self.trigger(&watched.table, event);
            let is_it = |(kind, found, table): &(String, String, String)| {
                kind == "trigger" && *found == name && table.eq_ignore_ascii_case(&watched.table)
            };
            self.objects.iter().any(is_it)
        })
    }

    /// Every table that is to be watched, and what stands in the way.
    fn watched(&self, wishes: &[Watch]) -> (Vec<Watched>, Vec<String>) {
        let (mut watched, mut faults) = (Vec::new(), Vec::new());
        for relation in contract::ALL {
            let table = self.place.name(relation);
            if self.has("table", &table) {
                let key = relation.columns.first().map(|column| column.name.to_owned());
                let (what, column) =
                    if *relation == CATEGORIES { (What::Categories, None) } else { (What::Articles, key) };
                watched.push(Watched { table, what, column });
            } else if self.has("view", &table) && wishes.is_empty() {
                faults.push(format!(
                    "relation `{table}` is a view: name every table behind it by --watch TABLE=COLUMN, where COLUMN holds the \
                     article's id as the view shows it; without a column any change of it means a complete read"
                ));
            }
        }
        for wish in wishes {
            if !self.has("table", &wish.table) {
                faults.push(format!("--watch {}: there is no such table", wish.table));
            } else if !watched.iter().any(|known| known.table.eq_ignore_ascii_case(&wish.table)) {
                let what = if wish.column.is_some() { What::Articles } else { What::Everything };
                watched.push(Watched { table: wish.table.clone(), what, column: wish.column.clone() });
            }
        }
        (watched, faults)
    }

    /// The views that read the clock, of those that the relations are made of: each is named in one that is.
    fn timed<'a>(&self, views: &'a [(String, String)]) -> impl Iterator<Item = &'a str> {
        let is_relation =
            |name: &str| contract::ALL.iter().any(|known| self.place.name(known).eq_ignore_ascii_case(name));
        let (mut read, mut rest): (Vec<_>, Vec<_>) = views.iter().partition(|(name, _)| is_relation(name));
        let mut at = 0;
        while let Some((_, definition)) = read.get(at).copied() {
            let (named, others) = rest.into_iter().partition(|(name, _)| definition.contains(name.as_str()));
            read.extend::<Vec<_>>(named);
            (rest, at) = (others, at + 1);
        }
        read.into_iter().filter(|(_, definition)| timed::in_sqlite(definition)).map(|(name, _)| name.as_str())
    }

    /// The statements that take away every trigger of ours.
    fn without_triggers(&self) -> Vec<String> {
        let begin = self.name("loa_");
        let ours = |name: &str| {
            name.strip_prefix(&begin).is_some_and(|rest| {
                rest == "changes_prune" || EVENTS.iter().any(|event| rest.ends_with(&format!("_{event}")))
            })
        };
        let triggers = self.objects.iter().filter(|(kind, name, _)| kind == "trigger" && ours(name));
        triggers.map(|(_, name, _)| format!("DROP TRIGGER IF EXISTS {};\n", quoted(name))).collect()
    }

    fn make_trigger(&self, watched: &Watched, event: &str) -> String {
        let (name, table) = (quoted(&self.trigger(&watched.table, event)), quoted(&watched.table));
        let changes = self.place.beside(CHANGES);
        let what = match watched.what {
            What::Articles => 0,
            What::Categories => 1,
            What::Everything => 2,
        };
        let told = match (&watched.column, event) {
            (None, _) => format!("    INSERT INTO {changes} (what) VALUES ({what});\n"),
            (Some(column), "update") => {
                let column = quoted(column);
                format!(
                    "    INSERT INTO {changes} (article) SELECT OLD.{column} WHERE OLD.{column} IS NOT NEW.{column};\n    \
                     INSERT INTO {changes} (article) VALUES (NEW.{column});\n"
                )
            }
            (Some(column), event) => {
                let row = if event == "insert" { "NEW" } else { "OLD" };
                format!("    INSERT INTO {changes} (article) VALUES ({row}.{});\n", quoted(column))
            }
        };
        format!("CREATE TRIGGER {name} AFTER {} ON {table} BEGIN\n{told}END;\n", event.to_uppercase())
    }

    fn tables(&self) -> String {
        let (log, changes) = (self.place.beside(LOG), self.place.beside(CHANGES));
        format!(
            "CREATE TABLE IF NOT EXISTS {log} (id TEXT NOT NULL, watched TEXT NOT NULL);\n\
             CREATE TABLE IF NOT EXISTS {changes} (line INTEGER PRIMARY KEY AUTOINCREMENT, what INTEGER NOT NULL DEFAULT 0, \
             article TEXT, mark INTEGER NOT NULL DEFAULT (random()));\n\
             CREATE TRIGGER {} AFTER INSERT ON {changes} WHEN NEW.line % {PRUNE_EVERY_LINES} = 0 BEGIN\n    \
             DELETE FROM {changes} WHERE line <= NEW.line - {KEEP_LINES};\nEND;\n",
            quoted(&self.name("loa_changes_prune"))
        )
    }
}

/// The SQL that installs the log or brings it up to date.
pub(super) async fn script(url: &str, place: &Place, wishes: &Wishes) -> Result<String, StoreError> {
    let mut connection = connect(url, true).await?;
    let survey = Survey::take(&mut connection, place).await?;
    connection.close().await?;
    let articles = place.name(&ARTICLES);
    if !survey.has("table", &articles) && !survey.has("view", &articles) {
        return Err(refused(
            format!("relation `{articles}` is missing"),
            "make it as docs/STORE.md says, or set store.prefix",
        ));
    }
    if !wishes.grants.is_empty() {
        return Err(refused("--grant: SQLite has no roles".to_owned(), "leave it out"));
    }
    let tables = if wishes.watch.is_empty() { &survey.remembered } else { &wishes.watch };
    let (watched, faults) = survey.watched(tables);
    if !faults.is_empty() {
        let what = format!("not every relation can be watched:\n  {}\n", faults.join("\n  "));
        return Err(refused(what, "nothing was changed"));
    }
    let as_it_was = survey.is_installed() && *tables == survey.remembered && survey.uncovered().is_empty();
    let mut sql = survey.without_triggers();
    sql.push(survey.tables());
    for watched in &watched {
        sql.extend(EVENTS.iter().map(|event| survey.make_trigger(watched, event)));
    }
    if !as_it_was {
        let remembered: Vec<Remembered> =
            tables.iter().map(|w| Remembered { table: w.table.clone(), column: w.column.clone() }).collect();
        let json = serde_json::to_string(&remembered).unwrap_or_default();
        let (log, id, json) = (place.beside(LOG), literal(&wishes.id), literal(&json));
        sql.push(format!("DELETE FROM {log};\nINSERT INTO {log} (id, watched) VALUES ({id}, {json});\n"));
    }
    Ok(whole(&sql))
}

/// The SQL that takes the log away.
pub(super) async fn removal(url: &str, place: &Place) -> Result<String, StoreError> {
    let mut connection = connect(url, true).await?;
    let survey = Survey::take(&mut connection, place).await?;
    connection.close().await?;
    let mut sql = survey.without_triggers();
    sql.extend([CHANGES, LOG].map(|name| format!("DROP TABLE IF EXISTS {};\n", place.beside(name))));
    Ok(whole(&sql))
}

fn whole(sql: &[String]) -> String {
    format!("BEGIN IMMEDIATE;\n{}COMMIT;\n", sql.concat())
}

/// Runs a script.
pub(super) async fn run(url: &str, script: &str) -> Result<(), StoreError> {
    let mut connection = connect(url, false).await?;
    let outcome = sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut connection).await;
    if let Err(sqlx::Error::Database(said)) = &outcome
        && said.code().as_deref() == Some(READONLY)
    {
        return Err(refused(said.message().to_owned(), "run it as a user that may write the file and its directory"));
    }
    outcome?;
    Ok(connection.close().await?)
}

/// How the log stands.
pub(super) async fn status(url: &str, place: &Place) -> Result<Status, StoreError> {
    let mut connection = connect(url, true).await?;
    let survey = Survey::take(&mut connection, place).await?;
    let mut status = Status { installed: survey.is_installed(), ..Status::default() };
    if status.installed {
        status.uncovered = survey.uncovered();
        status.complete = status.uncovered.is_empty();
        status.watched = survey.watched(&survey.remembered).0.iter().map(shown).collect();
        let views: Vec<(String, String)> = sqlx::query_as(VIEWS).fetch_all(&mut connection).await?;
        status.warnings = survey.timed(&views).map(timed::warning).collect();
        let sql = format!("SELECT COALESCE(min(line), 0), COALESCE(max(line), 0) FROM {}", place.beside(CHANGES));
        (status.oldest_line, status.last_line) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
    }
    connection.close().await?;
    Ok(status)
}

fn shown(watched: &Watched) -> String {
    let column = watched.column.as_ref().map_or_else(String::new, |column| format!(" by `{column}`"));
    format!("{}: {}{column}", watched.table, watched.what.name())
}

async fn connect(url: &str, read_only: bool) -> Result<SqliteConnection, StoreError> {
    let options = url.parse::<SqliteConnectOptions>()?.create_if_missing(false).read_only(read_only);
    Ok(options.disable_statement_logging().connect().await?)
}
