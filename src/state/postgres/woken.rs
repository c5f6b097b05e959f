//! Hears what every writing transaction says as it is committed, on a connection of its own.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::sync::Mutex;
use tokio::time::sleep;

/// How often a connection is tried that cannot be made.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Who listens.
#[derive(Debug)]
pub(super) struct Waker {
    /// Of one connection, made when somebody first listens: a command does not.
    pool: PgPool,
    channel: &'static str,
    listener: Mutex<Option<PgListener>>,
}

impl Waker {
    pub(super) fn new(options: PgConnectOptions, channel: &'static str) -> Self {
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        Self { pool, channel, listener: Mutex::default() }
    }

    /// Ends when something was said, when the connection is lost, and when there is a new one: what was said before that
    /// was not heard.
    pub(super) async fn woken(&self) {
        let mut kept = self.listener.lock().await;
        let Some(listener) = kept.as_mut() else {
            *kept = Some(self.listen().await);
            return;
        };
        match listener.try_recv().await {
            // What was said several times is heard once.
            Ok(Some(_)) => while listener.next_buffered().is_some() {},
            Ok(None) | Err(_) => *kept = None,
        }
    }

    async fn listen(&self) -> PgListener {
        loop {
            match self.try_listen().await {
                Ok(listener) => return listener,
                Err(error) => tracing::debug!(%error, "cannot listen to state"),
            }
            sleep(RETRY_EVERY).await;
        }
    }

    async fn try_listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.eager_reconnect(false);
        listener.listen(self.channel).await?;
        Ok(listener)
    }
}
