//! A store in an SQLite file, which is only read and never made; but [`embedded`] is the store that Loa makes itself.

pub mod embedded;

mod log;
mod snapshot;

use std::fmt;
use std::sync::{Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{Mutex, Semaphore};

use self::snapshot::{FileId, Open, SqliteSnapshot};
use super::contract::Place;
use super::log::{LogCursor, LogRead};
use super::read::{self, Bodies};
use super::{ArticleStore, CONNECTIONS_MAX, Loaded, Options, Piece, StoreError, StoreInfo, limited};
use crate::domain::article::ArticleId;
use crate::domain::category::Category;
use crate::domain::fault::Fault;

/// Blocks that are read ahead while one is looked at: those of articles without revision hold their bodies.
const BLOCKS_AHEAD: usize = 4;
/// What a connection keeps of the file, in KiB: the system has it as well.
const CACHE_KIB: &str = "-1000";
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
    /// Connections at rest, never more than slots.
    rested: SyncMutex<Vec<Open>>,
    watch: Mutex<Watch>,
    log: log::ChangeLog,
}

/// What the change marker is made of.
#[derive(Debug, Default)]
struct Watch {
    /// Held open, because `data_version` means something only within one connection.
    connection: Option<SqliteConnection>,
    /// The file that it has open: device and inode.
    file: FileId,
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
        let connect = connect.busy_timeout(Duration::from_millis(options.query_timeout_ms)).disable_statement_logging();
        let place = Place::new(None, &options.prefix)?;
        Ok(Self {
            info,
            log: log::ChangeLog::new(connect.clone(), place.clone()),
            options: connect.row_buffer_size(BLOCKS_AHEAD).pragma("cache_size", CACHE_KIB),
            place,
            reading: options.clone(),
            slots: Semaphore::new(CONNECTIONS_MAX),
            rested: SyncMutex::default(),
            watch: Mutex::default(),
        })
    }

    async fn scan_once(&self, take: &mut (dyn FnMut(Piece<'_>) + Send)) -> Result<Vec<Fault>, StoreError> {
        let timeout_ms = self.reading.query_timeout_ms;
        let mut snapshot = limited(timeout_ms, self.begin()).await?;
        let faults = read::scan(&mut snapshot, take).await?;
        limited(timeout_ms, self.end(snapshot)).await?;
        Ok(faults)
    }

    async fn categories_once(&self) -> Result<(Vec<Category>, Vec<Fault>), StoreError> {
        let mut snapshot = self.begin().await?;
        let mut faults = Vec::new();
        let categories = read::categories(&mut snapshot, &mut faults).await?;
        self.end(snapshot).await?;
        Ok((categories, faults))
    }

    async fn load_once(&self, ids: &[ArticleId], bodies: Bodies) -> Result<Vec<Loaded>, StoreError> {
        let mut snapshot = self.begin().await?;
        let loaded = read::load(&mut snapshot, ids, bodies, &self.reading.zones).await?;
        self.end(snapshot).await?;
        Ok(loaded)
    }

    async fn loaded(&self, ids: &[ArticleId], bodies: Bodies) -> Result<Vec<Loaded>, StoreError> {
        let call = self.load_once(ids, bodies);
        limited(self.reading.query_timeout_ms, call).await.map_err(|error| self.explained(error))
    }

    async fn begin(&self) -> Result<SqliteSnapshot<'_>, StoreError> {
        let slot = self.slots.acquire().await.ok();
        let file = self.file().await?;
        let rested = {
            let mut rested = self.rested.lock().unwrap_or_else(PoisonError::into_inner);
            // A replaced file is read at once.
            rested.retain(|open| open.file == file);
            rested.pop()
        };
        let timeout_ms = self.reading.query_timeout_ms;
        let open = match rested {
            Some(open) => open,
            None => Open::new(&self.options, file, timeout_ms).await?,
        };
        SqliteSnapshot::begin(open, &self.place, timeout_ms, slot).await
    }

    /// Only after a call that ended well: what failed or was too slow is closed.
    async fn end(&self, snapshot: SqliteSnapshot<'_>) -> Result<(), StoreError> {
        let open = snapshot.end().await?;
        self.rested.lock().unwrap_or_else(PoisonError::into_inner).push(open);
        Ok(())
    }

    /// The file's device and inode.
    async fn file(&self) -> Result<FileId, StoreError> {
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

    fn change_marker(&self) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        Box::pin(async {
            limited(self.reading.query_timeout_ms, self.marker()).await.map_err(|error| self.explained(error))
        })
    }

    fn scan<'a>(
        &'a self,
        take: &'a mut (dyn FnMut(Piece<'_>) + Send),
    ) -> BoxFuture<'a, Result<Vec<Fault>, StoreError>> {
        Box::pin(async { self.scan_once(take).await.map_err(|error| self.explained(error)) })
    }

    fn load<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<Loaded>, StoreError>> {
        Box::pin(self.loaded(ids, Bodies::All))
    }

    fn load_summaries<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<Loaded>, StoreError>> {
        Box::pin(self.loaded(ids, Bodies::Unled))
    }

    fn categories(&self) -> BoxFuture<'_, Result<(Vec<Category>, Vec<Fault>), StoreError>> {
        Box::pin(async {
            limited(self.reading.query_timeout_ms, self.categories_once()).await.map_err(|error| self.explained(error))
        })
    }
}
