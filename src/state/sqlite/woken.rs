//! Sees that something was committed, by this process or another one: a command, such as `loa articles withdraw`.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Error};
use tokio::sync::Mutex;
use tokio::time::sleep;

/// Differs when another connection has committed since. It reads a word of shared memory, and no row.
const DATA_VERSION: &str = "PRAGMA data_version";
/// How often it is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often a file is opened that cannot be.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Who watches.
#[derive(Debug)]
pub(super) struct Watcher {
    options: SqliteConnectOptions,
    /// A connection of its own, opened when somebody first watches, with the version that it saw last.
    seen: Mutex<Option<(SqliteConnection, i64)>>,
}

impl Watcher {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options: options.create_if_missing(false).optimize_on_close(false, None), seen: Mutex::default() }
    }

    /// Ends when something was committed, and when watching begins anew.
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

    /// Is the version another one than it was?
    async fn look(&self, seen: &mut Option<(SqliteConnection, i64)>) -> Result<bool, Error> {
        if let Some((connection, before)) = seen {
            let version = sqlx::query_scalar(DATA_VERSION).fetch_one(connection).await?;
            return Ok(std::mem::replace(before, version) != version);
        }
        let mut connection = self.options.connect().await?;
        let version = sqlx::query_scalar(DATA_VERSION).fetch_one(&mut connection).await?;
        *seen = Some((connection, version));
        Ok(true)
    }
}
