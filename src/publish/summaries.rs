//! Summaries that are ready to stand in feeds, in an SQLite file beside the documents: a feed that nobody has asked for is
//! made of one look into it, however large the store is and wherever it lies, and also while it does not answer.
//!
//! A line counts only for exactly the article that the catalog has (version and digest), so nothing here is ever wrong; what
//! changed is made anew, and what left is taken out. The file is a cache: it is thrown away when anything is otherwise that
//! its lines depend on, and when it is damaged. Why so: `docs/decisions/summaries.md`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, QueryBuilder, Row as _, Sqlite, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::catalog::Entry;
use crate::domain::article::{Article, ArticleId};
use crate::domain::ledger::ArticleRecord;
use crate::feed::{self, Content, Prepared};
use crate::parallel;

/// What the lines mean; another one is not read.
const FORMAT: u32 = 1;
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS made (circumstances TEXT NOT NULL, ledger TEXT NOT NULL, cursor INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS summaries (id TEXT PRIMARY KEY, version INTEGER NOT NULL, digest INTEGER NOT NULL,
        line TEXT NOT NULL) STRICT";
const MADE: &str = "SELECT circumstances, ledger, cursor FROM made";
const BEGIN: &str = "INSERT INTO made (circumstances, ledger, cursor) VALUES (?1, ?2, ?3)";
const GO_ON: &str = "UPDATE made SET cursor = max(cursor, ?1)";
const OF: &str = "SELECT id, version, digest, line FROM summaries WHERE id IN (SELECT value FROM json_each(?1))";
const FORGET: &str = "DELETE FROM summaries WHERE id IN (SELECT value FROM json_each(?1))";
const AFTER: &str = "SELECT id FROM summaries WHERE id > ?1 ORDER BY id LIMIT ?2";
/// Ids that are looked at in one step of a sweep.
const SWEEP_AT_A_TIME: usize = 5_000;
/// Lines in one statement.
const LINES_AT_A_TIME: usize = 500;
/// Changes that wait to be written. Of more the lines are not kept this time.
const WAITING_MAX: usize = 1_000;
/// Beside the one that writes.
const READERS_MAX: u32 = 2;
/// Pages that a connection keeps, in KiB: the file lies in the page cache.
const CACHE_KIB: &str = "-512";
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// SQLite's result codes of a file that is damaged, or none of its own (<https://sqlite.org/rescode.html>).
const CORRUPT: u32 = 11;
const NOTADB: u32 = 26;

/// Where summaries are kept, and by what they are made.
#[derive(Debug, Clone)]
pub struct SummariesOptions {
    /// The file. It need not be there.
    pub path: PathBuf,
    /// Everything but `feed` that a summary depends on, as one text.
    pub circumstances: String,
    /// What all feeds have in common.
    pub feed: Arc<feed::Options>,
}

impl SummariesOptions {
    /// A summary shows what the program, its configuration and the store say.
    fn all(&self) -> String {
        format!("{FORMAT} {} {}", self.circumstances, self.feed.of_articles())
    }
}

/// The file.
#[derive(Debug)]
pub struct Summaries {
    file: Arc<File>,
    changes: mpsc::Sender<Change>,
    feed: Arc<feed::Options>,
    /// Ends with this.
    _writer: JoinSet<()>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    pool: SqlitePool,
    /// How far the ledger has been followed.
    cursor: AtomicU64,
    left: Mutex<Left>,
    /// Could it not be read or written the last time?
    failing: AtomicBool,
}

/// What left the feeds.
#[derive(Debug, Default)]
struct Left {
    /// Since the start, and has not come back: a feed that was begun before may make it ready once more.
    all: HashSet<ArticleId>,
    /// What of it is still to be taken out.
    unwritten: Vec<ArticleId>,
}

/// What is to be written.
#[derive(Debug)]
enum Change {
    Keep(Vec<Line>),
    /// Something has left.
    Forget,
    /// Tells that everything before it is written.
    Tell(oneshot::Sender<()>),
}

/// An article that is ready.
#[derive(Debug)]
pub(super) struct Line {
    entry: Entry,
    json: String,
}

impl Line {
    fn of(prepared: &Prepared, entry: &Entry) -> Option<Self> {
        Some(Self { entry: entry.clone(), json: prepared.to_json()? })
    }
}

impl Summaries {
    /// Opens the file, which begins empty if it is of another ledger, of one that was ahead of this one, or of other
    /// circumstances. `None`, with a warning, if there can be none.
    pub(super) async fn open(options: &SummariesOptions, ledger: &str, cursor: u64) -> Option<Self> {
        let made = (options.all(), ledger.to_owned());
        let opened = match open(&options.path, &made, cursor).await {
            Err(error) if is_useless(&error) => {
                tracing::info!(%error, "summaries that are ready are made anew");
                remove(&options.path);
                open(&options.path, &made, cursor).await
            }
            opened => opened,
        };
        match opened {
            Ok(pool) => {
                let (changes, receiver) = mpsc::channel(WAITING_MAX);
                let (path, cursor) = (options.path.clone(), AtomicU64::new(cursor));
                let (left, failing) = (Mutex::default(), AtomicBool::new(false));
                let file = Arc::new(File { path, pool, cursor, left, failing });
                let mut writer = JoinSet::new();
                writer.spawn(write_down(Arc::clone(&file), receiver));
                Some(Self { file, changes, feed: Arc::clone(&options.feed), _writer: writer })
            }
            Err(error) => {
                let file = options.path.display();
                tracing::warn!(%file, %error, "summaries that are ready cannot be kept, feeds are made of the store");
                None
            }
        }
    }

    /// Those of these articles that are there, exactly as the catalog has them.
    pub(super) async fn get(&self, entries: &[&Entry]) -> HashMap<ArticleId, Prepared> {
        let mut found = HashMap::with_capacity(entries.len());
        let read = self.read(entries, &mut found).await;
        self.file.note(read);
        found
    }

    /// Each line is looked at while the next one is read.
    async fn read(&self, entries: &[&Entry], found: &mut HashMap<ArticleId, Prepared>) -> Result<(), sqlx::Error> {
        let wanted: HashMap<&str, &Entry> = entries.iter().map(|entry| (entry.id.as_str(), *entry)).collect();
        let mut rows = sqlx::query(OF).bind(json(entries.iter().map(|entry| &entry.id))).fetch(&self.file.pool);
        while let Some(row) = rows.try_next().await? {
            let Some(entry) = wanted.get(row.try_get::<&str, _>(0)?) else { continue };
            let (version, digest): (u32, i64) = (row.try_get(1)?, row.try_get(2)?);
            if (entry.version, entry.digest) == (version, digest.cast_unsigned())
                && let Ok(prepared) = Prepared::from_json(row.try_get(3)?)
            {
                found.insert(entry.id.clone(), prepared);
            }
        }
        Ok(())
    }

    /// Keeps an article that was just made ready, unless too many wait already.
    pub(super) fn keep(&self, entry: &Entry, prepared: &Prepared) {
        if let Some(line) = Line::of(prepared, entry) {
            drop(self.changes.try_send(Change::Keep(vec![line])));
        }
    }

    /// Makes articles ready that were decided just now; leaves out those that are kept nowhere.
    pub(super) async fn ready(&self, articles: Vec<(Box<Article>, ArticleRecord)>) -> Vec<(ArticleRecord, Line)> {
        let options = Arc::clone(&self.feed);
        let line = move |(article, record): (Box<Article>, ArticleRecord)| {
            let prepared = Prepared::unfiled(&options, Content::Summary, (&article, &record));
            Some((record.clone(), Line::of(&prepared, &Entry::of(&record))?))
        };
        let made = tokio::task::spawn_blocking(move || parallel::map(articles, usize::MAX, line)).await;
        made.unwrap_or_default().into_iter().flatten().collect()
    }

    /// Keeps them; ends when they are written.
    pub(super) async fn keep_all(&self, lines: Vec<Line>) {
        drop(self.changes.send(Change::Keep(lines)).await);
        self.settled().await;
    }

    /// The ledger has been followed up to `cursor`: nothing of it is shown before this was told.
    pub(super) fn follow(&self, cursor: u64) {
        self.file.cursor.store(cursor, Ordering::Relaxed);
    }

    /// Takes out what left the feeds with these changes. Nobody waits for it.
    pub(super) fn take_out(&self, articles: &[ArticleRecord]) {
        let mut left = self.file.left();
        let before = left.unwritten.len();
        for record in articles {
            if record.is_public() {
                left.all.remove(&record.id);
            } else {
                left.all.insert(record.id.clone());
                left.unwritten.push(record.id.clone());
            }
        }
        if left.unwritten.len() > before {
            // If too much waits, the writer comes by anyway.
            drop(self.changes.try_send(Change::Forget));
        }
    }

    /// Takes out what `retain_gone` says is not public, whatever kept it here: the process may have ended before it was.
    pub(super) async fn sweep(&self, retain_gone: impl Fn(&mut Vec<ArticleId>)) {
        let swept = self.sweep_all(retain_gone).await;
        self.file.note(swept);
    }

    async fn sweep_all(&self, retain_gone: impl Fn(&mut Vec<ArticleId>)) -> Result<(), sqlx::Error> {
        let mut last = String::new();
        loop {
            let limit = i64::try_from(SWEEP_AT_A_TIME).unwrap_or(i64::MAX);
            let ids: Vec<String> = sqlx::query_scalar(AFTER).bind(&last).bind(limit).fetch_all(&self.file.pool).await?;
            let Some(end) = ids.last() else { return Ok(()) };
            last.clone_from(end);
            let mut ids = ids.into_iter().map(ArticleId::new).collect();
            retain_gone(&mut ids);
            if !ids.is_empty() {
                self.file.left().unwritten.extend(ids);
                drop(self.changes.send(Change::Forget).await);
            }
        }
    }

    /// Ends when everything that waited is written.
    pub async fn settled(&self) {
        let (tell, told) = oneshot::channel();
        if self.changes.send(Change::Tell(tell)).await.is_ok() {
            drop(told.await);
        }
    }
}

impl File {
    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs what is otherwise than the last time. A damaged file is gone with the next start.
    fn note(&self, outcome: Result<(), sqlx::Error>) {
        let failed = outcome.is_err();
        if let Err(error) = outcome
            && !self.failing.swap(failed, Ordering::Relaxed)
        {
            tracing::warn!(%error, "the summaries that are ready cannot be used, feeds are made of the store");
            if is_useless(&error) {
                remove(&self.path);
            }
        }
        self.failing.store(failed, Ordering::Relaxed);
    }

    /// Everything in one transaction; what cannot be taken out now is tried again with the next one.
    async fn write(&self, lines: Vec<Line>) -> Result<(), sqlx::Error> {
        let (lines, gone) = {
            let mut left = self.left();
            let gone = std::mem::take(&mut left.unwritten);
            let lines: Vec<Line> = lines.into_iter().filter(|line| !left.all.contains(&line.entry.id)).collect();
            (lines, gone)
        };
        if lines.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let written = self.commit(&lines, &gone).await;
        if written.is_err() {
            self.left().unwritten.extend(gone);
        } else if !gone.is_empty() {
            // What left stands in the log until it is begun anew.
            sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await?;
        }
        written
    }

    async fn commit(&self, lines: &[Line], gone: &[ArticleId]) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        insert(&mut transaction, lines).await?;
        if !gone.is_empty() {
            sqlx::query(FORGET).bind(json(gone)).execute(&mut *transaction).await?;
        }
        let cursor = self.cursor.load(Ordering::Relaxed).cast_signed();
        sqlx::query(GO_ON).bind(cursor).execute(&mut *transaction).await?;
        transaction.commit().await
    }
}

/// Is the file of no use any more: damaged, none, or of other circumstances?
fn is_useless(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let primary = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    matches!(error, sqlx::Error::Configuration(_)) || matches!(primary, Some(CORRUPT | NOTADB))
}

/// Opens the file; what is there for nothing is an error.
async fn open(path: &Path, made: &(String, String), cursor: u64) -> Result<SqlitePool, sqlx::Error> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    // Nobody waits for the disk but the writer, now and then; what left is overwritten.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("secure_delete", "ON")
        .pragma("cache_size", CACHE_KIB);
    let pool = SqlitePoolOptions::new().max_connections(1 + READERS_MAX).test_before_acquire(false);
    // Where SQLite itself has ended a transaction, as on a full disk, sqlx goes on in it for ever.
    let pool = pool.before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }));
    let pool = pool.connect_with(options).await?;
    sqlx::raw_sql(TABLES).execute(&pool).await?;
    let cursor = cursor.cast_signed();
    let known: Option<(String, String, i64)> = sqlx::query_as(MADE).fetch_optional(&pool).await?;
    match known {
        None => {
            sqlx::query(BEGIN).bind(&made.0).bind(&made.1).bind(cursor).execute(&pool).await?;
        }
        Some((circumstances, ledger, before))
            if (&circumstances, &ledger) == (&made.0, &made.1) && before <= cursor => {}
        Some(_) => {
            pool.close().await;
            return Err(sqlx::Error::Configuration("they were made by other rules, or of another ledger".into()));
        }
    }
    Ok(pool)
}

/// Writes what comes, as much at once as waits, until nobody can send any more.
async fn write_down(file: Arc<File>, mut changes: mpsc::Receiver<Change>) {
    let mut waiting = Vec::new();
    while changes.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        let (mut lines, mut told) = (Vec::new(), Vec::new());
        for change in waiting.drain(..) {
            match change {
                Change::Keep(more) => lines.extend(more),
                Change::Forget => {}
                Change::Tell(tell) => told.push(tell),
            }
        }
        let written = file.write(lines).await;
        file.note(written);
        for tell in told {
            // Who asked may have given up.
            tell.send(()).unwrap_or_default();
        }
    }
}

async fn insert(transaction: &mut sqlx::Transaction<'_, Sqlite>, lines: &[Line]) -> Result<(), sqlx::Error> {
    for lines in lines.chunks(LINES_AT_A_TIME) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO summaries (id, version, digest, line) ");
        query.push_values(lines, |mut row, line| {
            row.push_bind(line.entry.id.as_str()).push_bind(line.entry.version);
            row.push_bind(line.entry.digest.cast_signed()).push_bind(line.json.as_str());
        });
        // As many statements as there are numbers of lines: not to be kept.
        query.build().persistent(false).execute(&mut **transaction).await?;
    }
    Ok(())
}

/// The file, and what SQLite lays beside it.
fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        drop(fs::remove_file(file));
    }
}

fn json<'a>(ids: impl IntoIterator<Item = &'a ArticleId>) -> String {
    ids.into_iter().map(ArticleId::as_str).collect::<serde_json::Value>().to_string()
}
