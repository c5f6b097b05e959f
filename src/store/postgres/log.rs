//! How the change log is read in PostgreSQL: by transactions, never by stamps or by the order of lines. Everything before
//! the horizon of a snapshot has ended; whatever is visible is told at once. Why that loses nothing is
//! `docs/decisions/change-log.md`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, FromRow, Row as _};
use tokio::sync::Mutex;

use super::listen::Listening;
use crate::domain::article::ArticleId;
use crate::store::StoreError;
use crate::store::contract::Place;
use crate::store::install::foreign::{IS_FOREIGN, is_foreign};
use crate::store::install::postgres::Survey;
use crate::store::install::{CHANGES, INSUFFICIENT_PRIVILEGE, IS_EMPTY, LOG, MAY_NOT_BE_READ};
use crate::store::log::{Detection, LogChanges, LogCursor, LogRead};

/// Lines of one read: with a thousand ids each, a few megabytes. A transaction's lines come together, however many.
const BLOCK_LINES: i64 = 256;
/// SQLSTATE of a relation that is not there.
const UNDEFINED_TABLE: &str = "42P01";
/// What is said then.
const NO_LOG: &str = "`loa store install` makes a change log";

/// How changes are found without a log, and with one that covers everything.
const LEVEL_C: &str = "C: complete reconciliation";
const LEVEL_A: &str = "A: change log with NOTIFY, milliseconds; complete reconciliation besides";

/// Tells lines apart that have one number, such as before and after a restore: the transaction, and the instant.
const MARK: &str = "txid || '.' || to_char(at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS')";

/// Where the log ends. One statement sees one snapshot, whose horizon the function tells.
const END: &str = "
SELECT l.id || '/' || l.tableoid AS name, now.horizon AS complete, newest.line AS last, newest.mark AS mark,
    ARRAY(SELECT c.line FROM @changes c WHERE c.txid >= now.horizon) AS beyond, @foreign AS is_foreign
FROM @log l
CROSS JOIN (SELECT txid_snapshot_xmin(txid_current_snapshot()) AS horizon) now
LEFT JOIN (SELECT line, @mark AS mark FROM @changes ORDER BY line DESC LIMIT 1) newest ON true";

/// What is visible and untold, transaction by transaction; where that is very much, up to the transaction in which the block
/// is full.
const SINCE: &str = "
WITH edge AS (
    SELECT now.horizon, stop.txid AS stop, LEAST(now.horizon, stop.txid + 1) AS complete
    FROM (SELECT txid_snapshot_xmin(txid_current_snapshot()) AS horizon) now
    LEFT JOIN (
        SELECT c.txid FROM @changes c
        WHERE c.txid >= $1 AND NOT EXISTS (SELECT FROM unnest($2::bigint[]) AS told (line) WHERE told.line = c.line)
        ORDER BY c.txid, c.line OFFSET $4 LIMIT 1
    ) stop ON true
)
SELECT l.id || '/' || l.tableoid AS name, l.pruned, e.horizon, e.complete, newest.line AS last, newest.mark AS mark,
    (SELECT @mark FROM @changes WHERE line = $3) AS mark_then,
    CASE WHEN row_number() OVER (ORDER BY untold.txid, untold.line) = 1 THEN
        ARRAY(SELECT b.line FROM @changes b WHERE b.txid >= e.complete AND b.line = ANY ($2)) END AS beyond,
    untold.txid, untold.line, untold.what, untold.articles
FROM @log l
CROSS JOIN edge e
LEFT JOIN (SELECT line, @mark AS mark FROM @changes ORDER BY line DESC LIMIT 1) newest ON true
LEFT JOIN (
    SELECT c.txid, c.line, c.what, c.articles FROM @changes c
    WHERE c.txid >= $1 AND NOT EXISTS (SELECT FROM unnest($2::bigint[]) AS told (line) WHERE told.line = c.line)
) untold ON untold.txid <= COALESCE(e.stop, 9223372036854775807)
ORDER BY untold.txid, untold.line";

/// An empty log looks large to the planner: it would compile a query that takes a millisecond, for half a second, and plan it
/// anew each time. PostgreSQL 11 does not have both settings.
const QUICK: &str = "
SELECT set_config(name, CASE name WHEN 'jit' THEN 'off' ELSE 'force_generic_plan' END, false) FROM pg_settings
WHERE name IN ('jit', 'plan_cache_mode')";

/// What else tells a server from its restored copy. A role that may not ask leaves it out.
const SERVER: [&str; 2] = [
    "SELECT system_identifier::text FROM pg_control_system()",
    "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END",
];

/// The change log of a store.
pub(super) struct ChangeLog {
    options: PgConnectOptions,
    place: Place,
    /// One connection for all reads: they are short, and there is one reader.
    reader: Mutex<Option<Reader>>,
    listening: Mutex<Listening>,
    /// Did the last read end before the log did? Then there is no need to wait for more.
    more: AtomicBool,
    found: Detection,
}

/// A connection, with the name of the server that it leads to.
struct Reader {
    connection: PgConnection,
    server: String,
}

struct End {
    name: String,
    complete: i64,
    last: Option<i64>,
    mark: Option<String>,
    beyond: Vec<i64>,
    is_foreign: bool,
}

impl FromRow<'_, PgRow> for End {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            complete: row.try_get("complete")?,
            last: row.try_get("last")?,
            mark: row.try_get("mark")?,
            beyond: row.try_get("beyond")?,
            is_foreign: row.try_get("is_foreign")?,
        })
    }
}

struct Told {
    name: String,
    pruned: i64,
    horizon: i64,
    complete: i64,
    last: Option<i64>,
    mark: Option<String>,
    mark_then: Option<String>,
    beyond: Option<Vec<i64>>,
    txid: Option<i64>,
    line: Option<i64>,
    what: Option<String>,
    articles: Option<Vec<String>>,
}

impl FromRow<'_, PgRow> for Told {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            pruned: row.try_get("pruned")?,
            horizon: row.try_get("horizon")?,
            complete: row.try_get("complete")?,
            last: row.try_get("last")?,
            mark: row.try_get("mark")?,
            mark_then: row.try_get("mark_then")?,
            beyond: row.try_get("beyond")?,
            txid: row.try_get("txid")?,
            line: row.try_get("line")?,
            what: row.try_get("what")?,
            articles: row.try_get("articles")?,
        })
    }
}

impl ChangeLog {
    /// `call_timeout` is how long a call of the store may take.
    pub(super) fn new(options: PgConnectOptions, place: Place, call_timeout: Duration) -> Self {
        let found = Detection::new(LEVEL_C.to_owned());
        let listening = Mutex::new(Listening::new(options.clone(), place.clone(), call_timeout));
        Self { options, place, reader: Mutex::default(), listening, more: AtomicBool::new(false), found }
    }

    /// How changes are found, as it was found last.
    pub(super) fn found(&self) -> String {
        self.found.shown()
    }

    /// Where the log ends; `None` where there is none, or one that does not cover every relation: what it does not tell
    /// must be looked for as if there were none.
    pub(super) async fn end(&self) -> Result<Option<LogCursor>, StoreError> {
        let end = self.look_for_end().await?;
        if end.is_none() {
            self.hang_up();
        }
        Ok(end)
    }

    async fn look_for_end(&self) -> Result<Option<LogCursor>, StoreError> {
        let mut held = self.reader.lock().await;
        let mut reader = self.reader(held.take()).await?;
        let survey = Survey::take(&mut reader.connection, &self.place).await?;
        let end = match sqlx::query_as::<_, End>(AssertSqlSafe(self.sql(END))).fetch_one(&mut reader.connection).await {
            Ok(end) => end,
            Err(error) => {
                match no_log(&error).ok_or(error)? {
                    NO_LOG => self.found.is(format!("{LEVEL_C}; {NO_LOG}")),
                    why => self.found.falls_back(LEVEL_C, why),
                }
                *held = Some(reader);
                return Ok(None);
            }
        };
        let server = reader.server.clone();
        *held = Some(reader);
        let uncovered = survey.uncovered(&self.place);
        if !uncovered.is_empty() {
            self.found.falls_back(LEVEL_C, &format!("the change log does not cover all: {}", uncovered.join("; ")));
            return Ok(None);
        }
        if end.is_foreign {
            self.found.falls_back(LEVEL_C, IS_FOREIGN);
            return Ok(None);
        }
        self.found.is(LEVEL_A.to_owned());
        let log = LogName { name: format!("{}/{server}", end.name), mark: end.mark.unwrap_or_default() };
        let (complete, last) = (end.complete, end.last.unwrap_or_default());
        Ok(Some(LogCursor { log: log.to_string(), complete, last, beyond: end.beyond.into_iter().collect() }))
    }

    /// What was committed since.
    pub(super) async fn since(&self, cursor: &LogCursor) -> Result<LogRead, StoreError> {
        let mut held = self.reader.lock().await;
        let rested = held.take();
        let reused = rested.is_some();
        let mut reader = self.reader(rested).await?;
        let mut read = self.lines(&mut reader, cursor).await;
        if reused && matches!(&read, Err(error) if error.as_database_error().is_none()) {
            // It died at rest.
            reader = self.reader(None).await?;
            read = self.lines(&mut reader, cursor).await;
        }
        let read = match read {
            Ok(lines) => {
                let more = lines.first().is_some_and(|head| head.complete < head.horizon);
                self.more.store(more, Ordering::Relaxed);
                let read = judge(cursor, &reader.server, lines);
                if matches!(read, LogRead::Changes(_)) {
                    self.found.is(LEVEL_A.to_owned());
                }
                read
            }
            Err(error) => lost(no_log(&error).ok_or(error)?),
        };
        *held = Some(reader);
        if matches!(read, LogRead::Lost { .. }) {
            self.hang_up();
        }
        Ok(read)
    }

    /// Without a log nobody waits, and what nobody reads must not pile up; who waits now reads.
    fn hang_up(&self) {
        if let Ok(mut listening) = self.listening.try_lock() {
            listening.hang_up();
        }
    }

    async fn lines(&self, reader: &mut Reader, cursor: &LogCursor) -> Result<Vec<Told>, sqlx::Error> {
        let beyond: Vec<i64> = cursor.beyond.iter().copied().collect();
        let query = sqlx::query_as(AssertSqlSafe(self.sql(SINCE))).bind(cursor.complete).bind(beyond).bind(cursor.last);
        query.bind(BLOCK_LINES - 1).fetch_all(&mut reader.connection).await
    }

    pub(super) async fn woken(&self) {
        if !self.more.swap(false, Ordering::Relaxed) {
            self.listening.lock().await.woken().await;
        }
    }

    async fn reader(&self, rested: Option<Reader>) -> Result<Reader, sqlx::Error> {
        if let Some(reader) = rested {
            return Ok(reader);
        }
        let mut connection = self.options.connect().await?;
        connection.execute(QUICK).await?;
        let mut server = Vec::new();
        for sql in SERVER {
            let part: Result<String, _> = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
            server.push(part.unwrap_or_default());
        }
        let database: i64 =
            sqlx::query_scalar("SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = current_database()")
                .fetch_one(&mut connection)
                .await?;
        Ok(Reader { connection, server: format!("{database}/{}", server.join("/")) })
    }

    fn sql(&self, template: &str) -> String {
        let (log, changes) = (self.place.beside(LOG), self.place.beside(CHANGES));
        template
            .replace("@mark", MARK)
            .replace("@foreign", &is_foreign(&log, &changes))
            .replace("@changes", &changes)
            .replace("@log", &log)
    }
}

/// The `log` of a cursor: which log, and which its last line was.
struct LogName {
    name: String,
    mark: String,
}

impl std::fmt::Display for LogName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.name, self.mark)
    }
}

impl LogName {
    fn read(text: &str) -> Self {
        let (name, mark) = text.split_once('#').unwrap_or((text, ""));
        Self { name: name.to_owned(), mark: mark.to_owned() }
    }

    /// The transaction of the last line, with which its mark begins.
    fn transaction(&self) -> Option<i64> {
        self.mark.split_once('.')?.0.parse().ok()
    }
}

/// Why there is no log to read, if that is what the error says.
fn no_log(error: &sqlx::Error) -> Option<&'static str> {
    if matches!(error, sqlx::Error::RowNotFound) {
        return Some(IS_EMPTY);
    }
    match error.as_database_error()?.code()?.as_ref() {
        UNDEFINED_TABLE => Some(NO_LOG),
        INSUFFICIENT_PRIVILEGE => Some(MAY_NOT_BE_READ),
        _ => None,
    }
}

fn lost(why: &str) -> LogRead {
    LogRead::Lost { why: why.to_owned() }
}

/// What the lines say, if they follow the cursor.
fn judge(cursor: &LogCursor, server: &str, lines: Vec<Told>) -> LogRead {
    let Some(head) = lines.first() else { return lost("the store has no change log any more") };
    let then = LogName::read(&cursor.log);
    let now = LogName { name: format!("{}/{server}", head.name), mark: head.mark.clone().unwrap_or_default() };
    let last = head.last.unwrap_or_default();
    if now.name != then.name {
        return lost("the change log is another one");
    }
    if cursor.complete < head.pruned {
        return lost("the change log does not go back so far");
    }
    let same_line = match &head.mark_then {
        Some(mark) => *mark == then.mark,
        // It may have been deleted for its age.
        None => cursor.last == 0 || then.transaction().is_some_and(|transaction| transaction < head.pruned),
    };
    if head.horizon < cursor.complete || last < cursor.last || !same_line {
        return lost("the change log has gone back in time");
    }
    let mut beyond: BTreeSet<i64> = head.beyond.iter().flatten().copied().collect();
    let complete = head.complete;
    let (mut articles, mut categories) = (BTreeSet::new(), false);
    for line in lines {
        match line.what.as_deref() {
            Some("everything") => return lost("the log says that anything may have changed, such as by TRUNCATE"),
            Some("categories") => categories = true,
            _ => articles.extend(line.articles.into_iter().flatten()),
        }
        if line.txid.is_some_and(|txid| txid >= complete) {
            beyond.extend(line.line);
        }
    }
    let cursor = LogCursor { log: now.to_string(), complete, last, beyond };
    LogRead::Changes(LogChanges { cursor, articles: articles.into_iter().map(ArticleId::new).collect(), categories })
}
