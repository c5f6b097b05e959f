//! An SQLite file of one test's own.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::Database;

/// An SQLite file in WAL mode, held open by its writer.
pub(crate) struct Sqlite {
    directory: TempDir,
    writer: Mutex<SqliteConnection>,
}

impl Sqlite {
    /// The file.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("tòa soạn.db")
    }

    /// Runs statements on the writer's connection without a transaction around them.
    pub(crate) async fn plain(&self, statements: &str) {
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut *self.writer.lock().await).await.unwrap();
    }
}

impl Database for Sqlite {
    async fn create() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options =
            SqliteConnectOptions::new().filename(directory.path().join("tòa soạn.db")).create_if_missing(true);
        let writer = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
        Self { directory, writer: Mutex::new(writer) }
    }

    async fn sql(&self, statements: &str) {
        self.plain(&format!("BEGIN IMMEDIATE; {statements}; COMMIT")).await;
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    async fn remove(self) {}
}
