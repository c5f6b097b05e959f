//! The one task that moves things: notices changes of the store, of what people command and of the clock, has them
//! reconciled, and has the documents that they affect made anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Published as _;
use super::naming::{CATEGORIES_MARK, read_categories};
use super::publisher::Publisher;
use super::reconcile::{Change, ReconcileError, Reconciler};
use super::view::{Names, View};
use crate::domain::address::AddressBook;
use crate::domain::category::CategoryTree;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ledger::Committed;
use crate::observe::metrics;
use crate::state::{State, StateError};
use crate::store::ArticleStore;

/// A complete read at least this often, whatever the store's change marker says.
const READ_EVERY: Duration = Duration::from_mins(5);
/// How often documents that nobody asks for are looked for.
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// Limits and policies of the engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How often the store is asked whether anything has changed.
    pub poll_interval: Duration,
    /// A complete read is followed by a pause so many times as long: a large store is not read without end.
    pub read_pause_factor: u32,
    /// Rows that may vanish at once without being held.
    pub vanish_max_rows: usize,
    /// The same, in percent of the articles in the feeds; the larger of both counts.
    pub vanish_max_percent: usize,
    /// May the store take back a withdrawal of its own?
    pub store_may_restore: bool,
}

impl EngineOptions {
    /// Rows that may vanish at once, or go back in time.
    pub(super) fn vanish_limit(&self, articles: usize) -> usize {
        self.vanish_max_rows.max(articles.saturating_mul(self.vanish_max_percent) / 100)
    }
}

/// The engine.
pub struct Engine {
    reconciler: Reconciler,
    state: Arc<dyn State>,
    store: Arc<dyn ArticleStore>,
    view: Arc<View>,
    publisher: Arc<Publisher>,
    clock: Arc<dyn Clock>,
    poll_interval: Duration,
    read_pause_factor: u32,
    store_marker: Option<u64>,
    control_marker: Option<u64>,
    last_read: Option<Instant>,
    /// Not before this: the last read took long.
    next_read: Instant,
    last_sweep: Instant,
    documents_current: bool,
    /// Did the last turn go through?
    well: bool,
}

impl Engine {
    /// Reads the ledger, so that everything published before is known, and makes the engine.
    ///
    /// # Errors
    /// State does not answer: nothing can be decided without it.
    pub async fn start(publisher: Arc<Publisher>, options: EngineOptions) -> Result<Self, StateError> {
        let (maker, clock) = (publisher.maker(), Arc::clone(&options.clock));
        let (store, state, view) = (Arc::clone(&maker.store), Arc::clone(&maker.state), Arc::clone(&maker.view));
        let ledger = state.load().await?;
        let categories = read_categories(&state.mark(CATEGORIES_MARK).await?.unwrap_or_default());
        let names = Names { categories: CategoryTree::new(categories), addresses: AddressBook::new(ledger.addresses) };
        let blank = ledger.articles.is_empty();
        tracing::info!(articles = ledger.articles.len(), feeds = ledger.feeds.len(), "the ledger is loaded");
        view.apply(Some(names), &Committed { articles: ledger.articles, feeds: ledger.feeds });
        view.note(|status| {
            status.filled = !blank;
            status.state_ok_at = Some(clock.now());
        });
        let (poll_interval, read_pause_factor) = (options.poll_interval, options.read_pause_factor);
        let reconciler = Reconciler::new(Arc::clone(&store), Arc::clone(&state), Arc::clone(&view), options);
        Ok(Self {
            reconciler,
            state,
            store,
            view,
            publisher,
            clock,
            poll_interval,
            read_pause_factor,
            store_marker: None,
            control_marker: None,
            last_read: None,
            next_read: Instant::now(),
            last_sweep: Instant::now(),
            documents_current: false,
            well: true,
        })
    }

    /// Runs until it is told to stop.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let wake = Arc::clone(&self.publisher.wake);
        while !shutdown.is_cancelled() {
            self.step().await;
            let pause = self.pause();
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = sleep(pause) => {}
                () = wake.notified() => {}
            }
        }
    }

    /// One turn: looks for changes, applies them, makes documents anew.
    pub async fn step(&mut self) {
        let now = self.clock.now();
        let outcome = self.look(now).await;
        self.well = outcome.is_ok();
        if !self.well {
            // Half done is not done: the next turn reads everything, whatever the marker says.
            self.store_marker = None;
        }
        self.note(outcome, now);
        if !self.documents_current {
            self.documents_current = self.view.store_answers() && self.publisher.refresh().await;
        }
        self.publisher.caught_up.notify_waiters();
        if self.last_sweep.elapsed() > SWEEP_EVERY {
            self.publisher.sweep(now);
            self.last_sweep = Instant::now();
        }
    }

    async fn look(&mut self, now: Timestamp) -> Result<(), ReconcileError> {
        let control_marker = self.state.control_marker().await?;
        if self.control_marker != Some(control_marker) {
            self.reconciler.set_control(self.state.control().await?);
            self.control_marker = Some(control_marker);
        }
        // Each is noted as soon as it is committed: what comes after it may fail.
        let taken_down = self.reconciler.take_down(now).await?;
        self.documents_current &= !taken_down;
        let published = self.reconciler.publish_due(now).await?;
        self.documents_current &= !published;
        let read = self.read_if_changed(now).await?;
        self.documents_current &= !read;
        Ok(())
    }

    async fn read_if_changed(&mut self, now: Timestamp) -> Result<bool, ReconcileError> {
        let marker = self.store.change_marker().await?;
        let same = marker.is_some() && marker == self.store_marker;
        let recent = self.last_read.is_some_and(|last| last.elapsed() < READ_EVERY);
        let held = self.view.status().held.is_some();
        let wanted = self.reconciler.wants_read() || held;
        if (same && recent && !wanted) || (Instant::now() < self.next_read && !wanted) {
            return Ok(false);
        }
        let began = Instant::now();
        let result = self.reconciler.reconcile(now).await;
        let took = began.elapsed();
        metrics::store_read(!matches!(result, Err(ReconcileError::Store(_))), took);
        self.next_read = Instant::now() + took * self.read_pause_factor;
        let change = result?;
        if change == Change::Names {
            self.publisher.forget_memory();
        }
        self.store_marker = marker;
        self.last_read = Some(Instant::now());
        Ok(change != Change::Nothing)
    }

    /// Writes down how the parts are; logs what has become otherwise.
    fn note(&mut self, outcome: Result<(), ReconcileError>, now: Timestamp) {
        let before = self.view.status();
        let (mut store_error, mut state_error, mut held) = (None, None, None);
        match outcome {
            Ok(()) => {}
            Err(ReconcileError::Store(error)) => store_error = Some(error.to_string()),
            Err(ReconcileError::State(error)) => state_error = Some(error.to_string()),
            Err(ReconcileError::Held(why)) => held = Some(why),
        }
        log_turn("store", before.store_error.as_deref(), store_error.as_deref());
        log_turn("state", before.state_error.as_deref(), state_error.as_deref());
        if held.is_some() && before.held.is_none() {
            let why = held.as_deref().unwrap_or_default();
            tracing::error!("{why}: the feeds stay as they are; `loa store accept` lets the change through");
        }
        if before.store_error.is_some() && store_error.is_none() {
            self.documents_current = false;
        }
        self.view.note(|status| {
            if store_error.is_none() && state_error.is_none() {
                status.store_ok_at = Some(now);
            }
            if state_error.is_none() {
                status.state_ok_at = Some(now);
            }
            status.store_error = store_error;
            status.state_error = state_error;
            status.held = held;
        });
        self.publish_metrics();
    }

    fn publish_metrics(&self) {
        let health = self.publisher.health();
        metrics::catalog(health.articles, health.feeds, health.set_aside);
        metrics::store_up(health.store.ok);
        metrics::store_held(health.held.is_some());
        if let Some(last) = self.last_read {
            metrics::store_age(last.elapsed());
        }
    }

    /// Until the next turn: the poll interval, or the next publication if that comes first. A publication that failed
    /// is due all the time, but is not tried all the time.
    fn pause(&self) -> Duration {
        if !self.well {
            return self.poll_interval;
        }
        let until_due = self.reconciler.next_due().map(|due| (due - self.clock.now()).to_std().unwrap_or_default());
        until_due.map_or(self.poll_interval, |due| due.min(self.poll_interval))
    }

    /// Steps until the store has been read once, for commands that need one moment and end.
    ///
    /// # Errors
    /// What the store or state said.
    pub async fn settle(&mut self, within: Duration) -> Result<(), String> {
        let read = timeout(within, self.step()).await;
        let status = self.view.status();
        let said = status.state_error.or(status.store_error).or(status.held);
        match (read, said) {
            (_, Some(said)) => Err(said),
            (Err(_), None) => Err(format!("the store was not read within {} s", within.as_secs())),
            (Ok(()), None) => Ok(()),
        }
    }
}

fn log_turn(part: &str, before: Option<&str>, after: Option<&str>) {
    match (before, after) {
        (None, Some(error)) => {
            tracing::error!(part, error, "{part} does not answer, the last good documents are served");
        }
        (Some(_), None) => tracing::info!(part, "{part} answers again"),
        _ => {}
    }
}
