//! Sees that the ledger or what controls it was written, by this process or another one: a command, such as
//! `loa articles withdraw`. What the hub commits to the same file wakes nobody.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Error};
use tokio::sync::Mutex;
use tokio::time::sleep;

/// Differs when another connection has committed since. It reads a word of shared memory, and no row.
const DATA_VERSION: &str = "PRAGMA data_version";
/// What differs when there is something to read.
const COUNTERS: &str = "SELECT written, sequence FROM control";
/// How often the version is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often a file is opened that cannot be.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Who watches.
#[derive(Debug)]
pub(super) struct Watcher {
    options: SqliteConnectOptions,
    /// Opened when somebody first watches.
    seen: Mutex<Option<Seen>>,
}

/// A connection of its own, with what it saw last.
#[derive(Debug)]
struct Seen {
    connection: SqliteConnection,
    version: i64,
    counters: (i64, i64),
}

impl Watcher {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options: options.create_if_missing(false).optimize_on_close(false, None), seen: Mutex::default() }
    }

    /// Ends when something was written, and when watching begins anew.
    pub(super) async fn woken(&self) {
        let mut seen = self.seen.lock().await;
        loop {
            let pause = match self.look(&mut seen).await {
                Ok(true) => return,
                Ok(false) => LOOK_EVERY,
                Err(error) => {
                    tracing::debug!(%error, "cannot watch state");
                    *seen = None;
                    RETRY_EVERY
                }
            };
            sleep(pause).await;
        }
    }

    /// Are the counters others than they were?
    async fn look(&self, seen: &mut Option<Seen>) -> Result<bool, Error> {
        if let Some(seen) = seen {
            let version: i64 = sqlx::query_scalar(DATA_VERSION).fetch_one(&mut seen.connection).await?;
            if seen.version == version {
                return Ok(false);
            }
            let counters: (i64, i64) = sqlx::query_as(COUNTERS).fetch_one(&mut seen.connection).await?;
            // Not before: whoever waits may give up in between.
            seen.version = version;
            return Ok(std::mem::replace(&mut seen.counters, counters) != counters);
        }
        let mut connection = self.options.connect().await?;
        let version = sqlx::query_scalar(DATA_VERSION).fetch_one(&mut connection).await?;
        let counters = sqlx::query_as(COUNTERS).fetch_one(&mut connection).await?;
        *seen = Some(Seen { connection, version, counters });
        Ok(true)
    }
}
