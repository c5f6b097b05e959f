//! `LISTEN` on a connection of its own. A notification is a hint: nothing depends on it but how soon changes are found.

use std::time::Duration;

use futures_util::FutureExt as _;
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use crate::store::contract::Place;
use crate::store::install::postgres::{Survey, channel};

/// How often a silent connection is asked whether it still leads anywhere.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long it may take to answer, and to be made.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Waits before a connection is tried again.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Listens for what the triggers tell.
pub(super) struct Listening {
    options: PgConnectOptions,
    place: Place,
    ears: Ears,
    retry: Duration,
}

/// The listener. Dropping it says goodbye to the server in a task, for which there must be a runtime.
#[derive(Default)]
struct Ears(Option<PgListener>);

impl Drop for Ears {
    fn drop(&mut self) {
        if let Some(listener) = self.0.take()
            && tokio::runtime::Handle::try_current().is_err()
        {
            std::mem::forget(listener);
        }
    }
}

impl Listening {
    pub(super) fn new(options: PgConnectOptions, place: Place) -> Self {
        Self { options, place, ears: Ears::default(), retry: RETRY_FIRST }
    }

    /// Ends when something may have been committed: at a notification, when the connection is lost, and when there is one
    /// again. What came while nobody waited is in the connection's buffer.
    pub(super) async fn woken(&mut self) {
        while self.ears.0.is_none() {
            match tokio::time::timeout(ANSWER_TIMEOUT, self.connect()).await {
                Ok(Ok(listener)) => {
                    self.ears.0 = Some(listener);
                    self.retry = RETRY_FIRST;
                    return;
                }
                Ok(Err(error)) => tracing::debug!(error = %error, "the store cannot be listened to"),
                Err(_) => tracing::debug!("the store cannot be listened to in time"),
            }
            tokio::time::sleep(self.retry).await;
            self.retry = (self.retry * 2).min(RETRY_MAX);
        }
        if !self.heard().await {
            tracing::info!("the connection on which the store tells of changes is lost; it is made anew");
            self.ears.0 = None;
        }
    }

    /// Waits for a notification; `false` if the connection is lost.
    async fn heard(&mut self) -> bool {
        let Some(listener) = &mut self.ears.0 else { return false };
        loop {
            if let Ok(heard) = tokio::time::timeout(KEEPALIVE, listener.try_recv()).await {
                // Many commits are one reason to look.
                while let Some(Ok(Some(_))) = listener.try_recv().now_or_never() {}
                return matches!(heard, Ok(Some(_)));
            }
            let answered = tokio::time::timeout(ANSWER_TIMEOUT, listener.execute("SELECT 1")).await;
            if !matches!(answered, Ok(Ok(_))) {
                return false;
            }
        }
    }

    async fn connect(&self) -> Result<PgListener, sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let pool = pool.acquire_timeout(ANSWER_TIMEOUT).connect_lazy_with(self.options.clone());
        let schema = {
            let mut connection = pool.acquire().await?;
            Survey::take(&mut connection, &self.place).await?.schema().to_owned()
        };
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.ignore_pool_close_event(true);
        listener.listen(&channel(&schema, self.place.prefix())).await?;
        Ok(listener)
    }
}
