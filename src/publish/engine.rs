//! The one task that moves things: notices changes of the store, of what people command and of the clock, has them
//! reconciled, and has the documents that they affect made anew.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Published as _;
use super::comparison::Comparison;
use super::day;
use super::follower::Follower;
use super::names;
use super::publisher::Publisher;
pub use super::reconcile::FILLED_MARK;
use super::reconcile::{ReconcileError, Reconciler};
use super::refresh::Refreshed;
use super::view::View;
use crate::catalog::classify;
use crate::domain::address::AddressBook;
use crate::domain::clock::Clock;
use crate::domain::ledger::Committed;
use crate::gazetteer::FeedAddresses;
use crate::observe::metrics;
use crate::state::{State, StateError};
use crate::store::ArticleStore;

/// A complete read at least this often, whatever the store's change marker says.
const READ_EVERY: Duration = Duration::from_mins(5);
/// How often commands and due articles are looked for, also while the store is being read: a withdrawal has two seconds.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// How long documents are made anew in one turn before the engine looks around again.
const REFRESH_BUDGET: Duration = Duration::from_millis(500);
/// Between two turns that something rang for: a thousand requests for one stale document are one turn.
const WAKE_PAUSE: Duration = Duration::from_millis(20);
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
    /// What decides the scopes of articles. Its gazetteer is read as of the day, and changes with it.
    pub classify: Arc<classify::Options>,
    /// Decide every row at the first read, also those that are as they were: for `loa check`.
    pub decide_all: bool,
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
    /// How far the documents have followed their feeds; `None`: something has changed since the last look.
    refreshed: Option<Refreshed>,
    /// Did the last turn go through?
    well: bool,
}

impl Engine {
    /// Reads the ledger, so that everything published before is known and everything withdrawn is out, and makes the
    /// engine.
    ///
    /// # Errors
    /// State does not answer: nothing can be decided without it.
    pub async fn start(publisher: Arc<Publisher>, mut options: EngineOptions) -> Result<Self, StateError> {
        let (maker, clock) = (publisher.maker(), Arc::clone(&options.clock));
        let (store, state, view) = (Arc::clone(&maker.store), Arc::clone(&maker.state), Arc::clone(&maker.view));
        let ledger = state.load().await?;
        let cursor = ledger.cursor;
        options.classify = day::recorded(&*state, &options.classify, clock.now()).await?;
        let addresses = FeedAddresses::new(AddressBook::new(ledger.addresses), Arc::clone(&options.classify.gazetteer));
        let names = names::recorded(&*state, addresses).await?;
        let filled = state.mark(FILLED_MARK).await?.is_some();
        tracing::info!(articles = ledger.articles.len(), feeds = ledger.feeds.len(), "the ledger is loaded");
        view.apply(Some(names), &Committed { articles: ledger.articles, feeds: ledger.feeds });
        view.note(|status| {
            status.filled = filled;
            status.state_ok_at = Some(clock.now());
        });
        let (poll_interval, read_pause_factor) = (options.poll_interval, options.read_pause_factor);
        let follower = Follower::new(Arc::clone(&state), Arc::clone(&view), cursor);
        let mut reconciler = Reconciler::new(Arc::clone(&store), follower, options);
        reconciler.compare_rules().await?;
        let mut engine = Self {
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
            refreshed: None,
            well: true,
        };
        engine.obey().await?;
        Ok(engine)
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
                () = wake.notified(), if self.well => sleep(WAKE_PAUSE).await,
            }
        }
    }

    /// One turn: looks for changes, applies them, makes documents anew.
    pub async fn step(&mut self) {
        let outcome = self.look().await;
        if self.reconciler.follower.take_renamed() {
            self.publisher.forget_memory();
        }
        self.well = outcome.is_ok();
        if !self.well {
            // Half done is not done: the next turn reads everything, whatever the marker says.
            self.store_marker = None;
        }
        self.note(outcome);
        self.publisher.caught_up.notify_waiters();
        let all = self.refreshed == Some(Refreshed::All);
        if self.view.is_filled() && self.view.store_answers() && !all {
            self.refreshed = Some(self.publisher.refresh(REFRESH_BUDGET).await);
        }
        if self.last_sweep.elapsed() > SWEEP_EVERY {
            self.publisher.sweep(self.clock.now());
            self.last_sweep = Instant::now();
        }
    }

    /// Documents have something to follow.
    const fn changed_if(&mut self, changed: bool) {
        if changed {
            self.refreshed = None;
        }
    }

    /// Looks for everything there may be. True: the store was really read. What comes first is done even if what comes
    /// after it fails.
    async fn look(&mut self) -> Result<bool, ReconcileError> {
        let moved = self.reconciler.follower.follow().await?;
        self.changed_if(moved);
        self.turn_day().await?;
        self.obey().await?;
        let small = self.publish_small().await;
        let read = self.read_if_changed().await?;
        small?;
        Ok(read)
    }

    /// Has administrative units change on their day, once it is known that the store can tell what is in their feeds then:
    /// until that the last good documents of before are better than none.
    async fn turn_day(&mut self) -> Result<(), StateError> {
        if self.last_read.is_some() && self.view.store_answers() {
            let turned = self.reconciler.turn_day(self.clock.now()).await?;
            self.changed_if(turned);
        }
        Ok(())
    }

    /// Does what people have commanded since.
    async fn obey(&mut self) -> Result<(), StateError> {
        let marker = self.state.control_marker().await?;
        if self.control_marker == Some(marker) {
            return Ok(());
        }
        let control = self.state.control().await?;
        let changed = self.reconciler.obey(control, self.clock.now()).await?;
        self.changed_if(changed);
        self.control_marker = Some(marker);
        Ok(())
    }

    /// Decides what needs no complete read: announcements and articles that are due, articles that renderings found
    /// changed, feeds that somebody asks for for the first time.
    async fn publish_small(&mut self) -> Result<(), ReconcileError> {
        let now = self.clock.now();
        // First: it needs no store.
        let changed = self.reconciler.end_notices(now).await?;
        self.changed_if(changed);
        let mut ids = self.reconciler.due(now);
        if self.view.is_filled() {
            ids.extend(self.publisher.take_behind());
        }
        ids.sort();
        ids.dedup();
        let changed = self.reconciler.decide_now(&ids, now).await?;
        self.changed_if(changed);
        if self.view.is_filled() {
            let changed = self.reconciler.begin(self.publisher.take_wanted(), now).await?;
            self.changed_if(changed);
            let changed = self.reconciler.decide_afresh(now).await?;
            self.changed_if(changed);
        }
        Ok(())
    }

    async fn read_if_changed(&mut self) -> Result<bool, ReconcileError> {
        if Instant::now() < self.next_read {
            return Ok(false);
        }
        let marker = self.store.change_marker().await?;
        let same = marker.is_some() && marker == self.store_marker;
        let recent = self.last_read.is_some_and(|last| last.elapsed() < READ_EVERY);
        if same && recent && !self.reconciler.wants_read() {
            return Ok(false);
        }
        let began = Instant::now();
        let result = self.read().await;
        let took = began.elapsed();
        let failed = matches!(result, Err(ReconcileError::Store(_)));
        metrics::store_read(!failed, took);
        self.next_read = Instant::now() + if failed { Duration::ZERO } else { took * self.read_pause_factor };
        result?;
        self.changed_if(true);
        self.store_marker = marker;
        self.last_read = Some(Instant::now());
        Ok(true)
    }

    /// Reads everything and reconciles it; meanwhile goes on watching for commands and due articles.
    async fn read(&mut self) -> Result<(), ReconcileError> {
        let (store, view) = (Arc::clone(&self.store), Arc::clone(&self.view));
        let mut read = pin!(Comparison::read(&*store, &view));
        let shown = loop {
            tokio::select! {
                shown = &mut read => break shown?,
                () = sleep(WATCH_EVERY) => {
                    self.obey().await?;
                    // Its failure will be found again when the scan is done.
                    if let Err(error) = self.publish_small().await {
                        tracing::debug!(%error, "cannot publish while the store is being read");
                    }
                }
            }
        };
        self.reconciler.reconcile(shown, self.clock.now()).await
    }

    /// Writes down how the parts are; logs what has become otherwise. A part that was not asked is as it was.
    fn note(&mut self, outcome: Result<bool, ReconcileError>) {
        let now = self.clock.now();
        let store_before = self.view.with_status(|status| status.store_error.clone());
        self.view.note(|status| match outcome {
            Ok(read) => {
                note_well("state", &mut status.state_error);
                status.state_ok_at = Some(now);
                if read {
                    note_well("store", &mut status.store_error);
                    status.held = None;
                }
                if status.store_error.is_none() {
                    status.store_ok_at = Some(now);
                }
            }
            Err(ReconcileError::Store(error)) => note_error("store", &mut status.store_error, &error),
            Err(ReconcileError::State(error)) => note_error("state", &mut status.state_error, &error),
            Err(ReconcileError::Held(why)) => {
                note_well("store", &mut status.store_error);
                if status.held.is_none() {
                    tracing::error!("{why}: the feeds stay as they are; `loa store accept` lets the change through");
                }
                status.held = Some(why);
            }
        });
        if store_before.is_some() && self.view.store_answers() {
            self.changed_if(true);
        }
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

    /// Until the next turn: soon if documents are left to be made, else when the next article is due or it is time to
    /// look. What failed is due all the time, but is not tried all the time.
    fn pause(&self) -> Duration {
        let often = self.poll_interval.min(WATCH_EVERY);
        if !self.well {
            return often;
        }
        if self.refreshed == Some(Refreshed::UntilBudget) || self.reconciler.is_behind_rules() {
            return Duration::ZERO;
        }
        let until_due = self.reconciler.next_due().map(|due| (due - self.clock.now()).to_std().unwrap_or_default());
        until_due.map_or(often, |due| due.min(often))
    }

    /// One turn, for commands that need one moment and end.
    ///
    /// # Errors
    /// What the store or state said.
    pub async fn settle(&mut self) -> Result<(), String> {
        self.step().await;
        let said = self.view.with_status(|status| {
            let errors = [&status.state_error, &status.store_error, &status.held];
            errors.into_iter().flatten().next().cloned()
        });
        said.map_or(Ok(()), Err)
    }
}

fn note_well(part: &str, error: &mut Option<String>) {
    if error.take().is_some() {
        tracing::info!(part, "{part} answers again");
    }
}

fn note_error(part: &str, before: &mut Option<String>, error: &dyn std::fmt::Display) {
    let error = error.to_string();
    if before.is_none() {
        tracing::error!(part, error, "{part} does not answer, the last good documents are served");
    }
    *before = Some(error);
}
