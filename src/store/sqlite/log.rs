//! How the change log is read in SQLite: there is one writer at a time, so lines are committed in their order, and what is
//! after the last line seen is what is new.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, FromRow, Row as _};
use tokio::sync::Mutex;

use crate::domain::article::ArticleId;
use crate::store::StoreError;
use crate::store::contract::Place;
use crate::store::install::sqlite::Survey;
use crate::store::install::{CHANGES, LOG};
use crate::store::log::{Detection, LogChanges, LogCursor, LogRead};

/// How often it is asked whether anything was committed, while somebody waits for it.
const POLL: Duration = Duration::from_millis(10);
/// How long one waits before a file that cannot be opened is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How changes are found without a log.
const LEVEL_C: &str = "C: complete reconciliation whenever PRAGMA data_version changes";

/// The log's name, its oldest and last line with the mark of the last, and the mark of the line that was last before.
const HEAD: &str = "
SELECT l.id, COALESCE((SELECT min(line) FROM @changes), 0), COALESCE((SELECT max(line) FROM @changes), 0),
    (SELECT mark FROM @changes ORDER BY line DESC LIMIT 1), (SELECT mark FROM @changes WHERE line = ?1)
FROM @log l";
const LINES: &str = "SELECT what, CAST(article AS TEXT) FROM @changes WHERE line > ?1 ORDER BY line";

/// `what` of a line.
const CATEGORIES: i64 = 1;
const EVERYTHING: i64 = 2;

type Head = (String, i64, i64, Option<i64>, Option<i64>);

struct Line {
    what: i64,
    article: Option<String>,
}

impl FromRow<'_, SqliteRow> for Line {
    /// An id that is no text is that of no article which can be published: what is not UTF-8 is replaced, so that the lines
    /// after it are read.
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let article: Option<&[u8]> = row.try_get_unchecked(1)?;
        Ok(Self { what: row.try_get(0)?, article: article.map(|bytes| String::from_utf8_lossy(bytes).into_owned()) })
    }
}

/// The change log of a store.
pub(super) struct ChangeLog {
    options: SqliteConnectOptions,
    place: Place,
    reader: Mutex<Option<Held>>,
    watcher: Mutex<Watcher>,
    found: Detection,
}

/// A connection, with the state of the file when it was made: one that was overwritten in place must not be read through
/// what a connection remembers of it.
struct Held {
    connection: SqliteConnection,
    file: FileState,
}

/// Device, inode, size, and the instant of the last write in seconds and nanoseconds.
type FileState = (u64, u64, u64, i64, i64);

/// What was seen when somebody last waited.
#[derive(Default)]
struct Watcher {
    held: Option<Held>,
    version: Option<i64>,
}

impl ChangeLog {
    pub(super) fn new(options: SqliteConnectOptions, place: Place) -> Self {
        let found = Detection::new(LEVEL_C.to_owned());
        Self { options, place, reader: Mutex::default(), watcher: Mutex::default(), found }
    }

    /// How changes are found, as it was found last.
    pub(super) fn found(&self) -> String {
        self.found.shown()
    }

    fn find(&self) {
        let poll_ms = POLL.as_millis();
        self.found
            .is(format!("A: change log, PRAGMA data_version every {poll_ms} ms; complete reconciliation besides"));
    }

    /// Where the log ends; `None` where there is none that covers every relation.
    pub(super) async fn end(&self) -> Result<Option<LogCursor>, StoreError> {
        let mut slot = self.reader.lock().await;
        let mut reader = self.held(slot.take()).await?;
        let mut transaction = reader.connection.begin().await?;
        let survey = Survey::take(&mut transaction, &self.place).await?;
        let uncovered = survey.uncovered();
        let end = if !survey.is_installed() {
            self.found.is(format!("{LEVEL_C}; `loa store install` makes a change log"));
            None
        } else if uncovered.is_empty() {
            self.find();
            let head: Head =
                sqlx::query_as(AssertSqlSafe(self.sql(HEAD))).bind(0_i64).fetch_one(&mut *transaction).await?;
            Some(cursor(&head))
        } else {
            self.found.falls_back(LEVEL_C, &format!("the change log does not cover all: {}", uncovered.join("; ")));
            None
        };
        transaction.rollback().await?;
        *slot = Some(reader);
        Ok(end)
    }

    /// What was committed since.
    pub(super) async fn since(&self, from: &LogCursor) -> Result<LogRead, StoreError> {
        let mut slot = self.reader.lock().await;
        let mut reader = self.held(slot.take()).await?;
        let mut transaction = reader.connection.begin().await?;
        let head = sqlx::query_as::<_, Head>(AssertSqlSafe(self.sql(HEAD))).bind(from.last);
        let read = match head.fetch_optional(&mut *transaction).await {
            Ok(Some(head)) => match why_lost(from, &head) {
                None => {
                    self.find();
                    let lines = sqlx::query_as(AssertSqlSafe(self.sql(LINES))).bind(from.last);
                    changes(cursor(&head), lines.fetch_all(&mut *transaction).await?)
                }
                Some(why) => lost(why),
            },
            Ok(None) => lost("the store has no change log any more"),
            Err(error) if error.to_string().contains("no such table") => lost("the store has no change log any more"),
            Err(error) => return Err(error.into()),
        };
        transaction.rollback().await?;
        *slot = Some(reader);
        Ok(read)
    }

    /// Ends when something may have been committed since somebody last waited.
    pub(super) async fn woken(&self) {
        let mut watcher = self.watcher.lock().await;
        loop {
            match self.version(&mut watcher).await {
                Ok(version) if watcher.version.replace(version) == Some(version) => tokio::time::sleep(POLL).await,
                Ok(_) => return,
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    }

    async fn version(&self, watcher: &mut Watcher) -> Result<i64, StoreError> {
        let file = self.file()?;
        if watcher.held.as_ref().is_none_or(|held| held.file != file) {
            watcher.version = None;
        }
        let mut held = self.held(watcher.held.take()).await?;
        let version = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut held.connection).await?;
        watcher.held = Some(held);
        Ok(version)
    }

    /// The connection at rest, if the file is still as it was when it was made.
    async fn held(&self, rested: Option<Held>) -> Result<Held, StoreError> {
        let file = self.file()?;
        match rested {
            Some(held) if held.file == file => Ok(held),
            _ => Ok(Held { connection: self.options.connect().await?, file }),
        }
    }

    /// One call of the system: cheaper than to hand it to a thread.
    fn file(&self) -> Result<FileState, StoreError> {
        let metadata = std::fs::metadata(self.options.get_filename()).map_err(sqlx::Error::Io)?;
        Ok((metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
    }

    fn sql(&self, template: &str) -> String {
        template.replace("@changes", &self.place.beside(CHANGES)).replace("@log", &self.place.beside(LOG))
    }
}

fn lost(why: &str) -> LogRead {
    LogRead::Lost { why: why.to_owned() }
}

/// The log's name and the mark of its last line make the `log` of a cursor.
fn cursor((id, _, last, mark, _): &Head) -> LogCursor {
    LogCursor {
        log: format!("{id}#{}", mark.unwrap_or_default()),
        complete: *last,
        last: *last,
        beyond: BTreeSet::new(),
    }
}

fn why_lost(from: &LogCursor, (id, oldest, last, _, mark): &Head) -> Option<&'static str> {
    let (name, mark_then) = from.log.split_once('#').unwrap_or((&from.log, ""));
    if name != id {
        Some("the change log is another one")
    } else if *last < from.last {
        Some("the change log has gone back in time")
    } else if *oldest > from.last + 1 {
        Some("the change log does not go back so far")
    } else if from.last > 0 && mark.map(|mark| mark.to_string()).as_deref() != Some(mark_then) {
        Some("the change log has gone back in time, or does not go back so far")
    } else {
        None
    }
}

fn changes(cursor: LogCursor, lines: Vec<Line>) -> LogRead {
    if lines.iter().any(|line| line.what == EVERYTHING) {
        return lost("a table behind the views was written of which the log cannot tell whom it concerns");
    }
    let categories = lines.iter().any(|line| line.what == CATEGORIES);
    let articles: BTreeSet<String> = lines.into_iter().filter_map(|line| line.article).collect();
    LogRead::Changes(LogChanges { cursor, articles: articles.into_iter().map(ArticleId::new).collect(), categories })
}
