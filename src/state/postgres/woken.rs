//! Hears what every writing transaction says as it is committed, on a connection of its own.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// How long after a connection was tried the next one is made, also where each is lost at once.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Who listens.
#[derive(Debug)]
pub(super) struct Waker {
    /// Of one connection, made when somebody first listens: a command does not.
    pool: PgPool,
    channel: &'static str,
    ear: Mutex<Ear>,
}

/// The connection, if there is one, and when one may be made next.
#[derive(Debug)]
struct Ear {
    listener: Option<PgListener>,
    next_try: Instant,
}

impl Waker {
    pub(super) fn new(options: PgConnectOptions, channel: &'static str) -> Self {
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        Self { pool, channel, ear: Mutex::new(Ear { listener: None, next_try: Instant::now() }) }
    }

    /// Ends when something was said, when the connection is lost, and when there is a new one: what was said before that
    /// was not heard.
    pub(super) async fn woken(&self) {
        let mut ear = self.ear.lock().await;
        let Some(listener) = ear.listener.as_mut() else {
            ear.listener = Some(self.listen(&mut ear.next_try).await);
            return;
        };
        match listener.try_recv().await {
            // What was said several times is heard once.
            Ok(Some(_)) => while listener.next_buffered().is_some() {},
            Ok(None) | Err(_) => ear.listener = None,
        }
    }

    /// Whoever waits may give up and ask again: the instant of the next try stays.
    async fn listen(&self, next_try: &mut Instant) -> PgListener {
        loop {
            sleep_until(*next_try).await;
            let tried = self.try_listen().await;
            *next_try = Instant::now() + RETRY_EVERY;
            match tried {
                Ok(listener) => return listener,
                Err(error) => tracing::debug!(%error, "cannot listen to state"),
            }
        }
    }

    async fn try_listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.eager_reconnect(false);
        listener.listen(self.channel).await?;
        Ok(listener)
    }
}
