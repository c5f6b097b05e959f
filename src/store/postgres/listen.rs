//! `LISTEN` on a connection of its own. A notification is a hint: nothing depends on it but how soon changes are found.
//! Whoever waits here stops waiting every moment, so whatever takes longer stands in [`Line`] and goes on the next time.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::store::contract::Place;
use crate::store::install::postgres::{Survey, channel};

/// After how long a silent connection is asked whether it still leads anywhere; sooner where calls may take less.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long it may take to answer, with the same exception, and to be made.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Waits before a connection is tried again, also one that was made and lost before anything came over it.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Listens for what the triggers tell.
pub(super) struct Listening {
    options: PgConnectOptions,
    place: Place,
    /// How long a call of the store may take.
    call_timeout: Duration,
    held: Held,
    retry: Duration,
}

/// How the connection stands.
enum Line {
    /// There is none; this is when it is tried.
    Away(Instant),
    /// It is being made.
    Connecting(BoxFuture<'static, Option<PgListener>>),
    /// It is there, and was heard then.
    Open(PgListener, Instant),
    /// It was silent for long, and is being asked.
    Asked(BoxFuture<'static, Option<PgListener>>),
}

/// A connection that is dropped says goodbye to the server in a task, for which there must be a runtime.
struct Held(Line);

impl Drop for Held {
    fn drop(&mut self) {
        if tokio::runtime::Handle::try_current().is_err() {
            std::mem::forget(std::mem::replace(&mut self.0, Line::Away(Instant::now())));
        }
    }
}

impl Listening {
    pub(super) fn new(options: PgConnectOptions, place: Place, call_timeout: Duration) -> Self {
        Self { options, place, call_timeout, held: Held(Line::Away(Instant::now())), retry: RETRY_FIRST }
    }

    /// Ends when something may have been committed: at a notification, when the connection is lost, and when there is one
    /// again. What came while nobody waited is in the connection's buffer.
    pub(super) async fn woken(&mut self) {
        loop {
            match &mut self.held.0 {
                Line::Away(next_try) => {
                    sleep_until(*next_try).await;
                    self.held.0 = Line::Connecting(connected(self.options.clone(), self.place.clone()).boxed());
                }
                Line::Connecting(connecting) => {
                    if let Some(listener) = connecting.await {
                        self.held.0 = Line::Open(listener, Instant::now());
                        return;
                    }
                    self.put_off();
                }
                Line::Open(listener, heard_at) => {
                    let ask_at = *heard_at + KEEPALIVE.min(self.call_timeout);
                    if let Ok(heard) = timeout_at(ask_at, listener.try_recv()).await {
                        if matches!(heard, Ok(Some(_))) {
                            // Many commits are one reason to look.
                            while let Some(Ok(Some(_))) = listener.try_recv().now_or_never() {}
                            *heard_at = Instant::now();
                            self.retry = RETRY_FIRST;
                        } else {
                            self.lost();
                        }
                        return;
                    }
                    if let Line::Open(listener, _) = self.take() {
                        self.held.0 = Line::Asked(asked(listener, ANSWER_TIMEOUT.min(self.call_timeout)).boxed());
                    }
                }
                Line::Asked(answer) => {
                    let Some(listener) = answer.await else {
                        self.lost();
                        return;
                    };
                    self.retry = RETRY_FIRST;
                    self.held.0 = Line::Open(listener, Instant::now());
                }
            }
        }
    }

    /// Nobody will wait for a while: what nobody reads would fill the connection.
    pub(super) fn hang_up(&mut self) {
        if !matches!(self.held.0, Line::Away(_)) {
            self.take();
        }
    }

    fn lost(&mut self) {
        tracing::info!("the connection on which the store tells of changes is lost; it is made anew");
        self.put_off();
    }

    /// There is no connection. The next one is tried later and later, until something comes over one.
    fn put_off(&mut self) {
        self.held.0 = Line::Away(Instant::now() + self.retry);
        self.retry = (self.retry * 2).min(RETRY_MAX);
    }

    fn take(&mut self) -> Line {
        std::mem::replace(&mut self.held.0, Line::Away(Instant::now()))
    }
}

/// A new connection that listens.
async fn connected(options: PgConnectOptions, place: Place) -> Option<PgListener> {
    match timeout(ANSWER_TIMEOUT, connect(options, &place)).await {
        Ok(Ok(listener)) => return Some(listener),
        Ok(Err(error)) => tracing::debug!(error = %error, "the store cannot be listened to"),
        Err(_) => tracing::debug!("the store cannot be listened to in time"),
    }
    None
}

async fn connect(options: PgConnectOptions, place: &Place) -> Result<PgListener, sqlx::Error> {
    // The pool of the listener would try for long to reach a server that refuses.
    let mut connection = options.connect().await?;
    let schema = Survey::take(&mut connection, place).await?.schema().to_owned();
    connection.close().await?;
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let pool = pool.acquire_timeout(ANSWER_TIMEOUT).connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.ignore_pool_close_event(true);
    listener.listen(&channel(&schema, place.prefix())).await?;
    Ok(listener)
}

/// The same connection, if it answers.
async fn asked(mut listener: PgListener, answer_timeout: Duration) -> Option<PgListener> {
    let answer = timeout(answer_timeout, listener.execute("SELECT 1")).await;
    matches!(answer, Ok(Ok(_))).then_some(listener)
}
