//! The one task that moves things: notices changes of the store, of what people command and of the clock, has them
//! reconciled, and has the documents that they affect made anew.

mod options;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use self::options::EngineOptions;
use super::Published as _;
use super::comparison::Comparison;
use super::day;
use super::follower::Follower;
use super::names;
use super::publisher::Publisher;
pub use super::reconcile::FILLED_MARK;
use super::reconcile::{ReconcileError, Reconciler};
use super::snapshot::{self, Known, Restored, SnapshotOptions, Standing};
use super::view::{View, note_error, note_well};
use crate::domain::address::AddressBook;
use crate::domain::clock::Clock;
use crate::gazetteer::FeedAddresses;
use crate::observe::metrics;
use crate::state::{INSTANCE_MARK, State, StateError};
use crate::store::ArticleStore;
use crate::store::log::{LogCursor, LogRead};

/// Without a change log: a complete read at least this often, whatever the store's change marker says.
const READ_EVERY: Duration = Duration::from_mins(5);
/// How often commands and due articles are looked for, also while the store is being read: a withdrawal has two seconds.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// How long documents are made anew in one step of who moves the engine by hand.
const REFRESH_BUDGET: Duration = Duration::from_millis(500);
/// Between two turns that requests rang for: a thousand of them at once are one turn.
const WAKE_PAUSE: Duration = Duration::from_millis(2);
/// How often the catalog is kept for the next start: what it lacks is read from the ledger, so this only saves time.
const SAVE_EVERY: Duration = Duration::from_mins(10);
/// How often documents that nobody asks for are looked for.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// How long before a start the last one counts as: what left while nothing ran is to go a minute after it.
const SWEPT_BEFORE: Duration = Duration::from_mins(59);

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
    complete_read_interval: Duration,
    /// How far the store's change log is read; `None`: it has none, or a complete read must begin first.
    log: Option<LogCursor>,
    /// When the log was lost or refused, unless everything was read since: until then nothing of a log counts.
    log_refused: Option<Instant>,
    store_marker: Option<u64>,
    control_marker: Option<u64>,
    /// When everything was read last, or what an earlier process had read was taken over; `None`: a read is due.
    last_read: Option<Instant>,
    /// Not before this: the last read took long.
    next_read: Instant,
    last_sweep: Instant,
    sweeping: JoinSet<()>,
    /// Did the last turn go through?
    well: bool,
    /// Did the last turn find something, so that there may be more?
    busy: bool,
    /// Where the catalog is kept over a restart.
    snapshot: Option<SnapshotOptions>,
    /// What was kept last.
    saved: Option<Standing>,
    last_save: Instant,
    /// Cancelled when it is to end.
    stop: CancellationToken,
}

/// What a turn has seen of the store.
#[derive(Debug, Clone, Copy, Default)]
struct Looked {
    /// It answered.
    store: bool,
    /// It was read completely, and nothing is held back.
    completely: bool,
}

impl Engine {
    /// Brings the catalog to where the ledger is, so that everything published before is known and everything withdrawn is
    /// out, and makes the engine.
    ///
    /// # Errors
    /// State does not answer: nothing can be decided without it.
    pub async fn start(publisher: Arc<Publisher>, mut options: EngineOptions) -> Result<Self, StateError> {
        let (maker, clock) = (publisher.maker(), Arc::clone(&options.clock));
        let (store, state, view) = (Arc::clone(&maker.store), Arc::clone(&maker.state), Arc::clone(&maker.view));
        let snapshot = options.snapshot.take();
        let Restored { catalog, cursor, addresses, known } = snapshot::restore(&*state, snapshot.as_ref()).await?;
        maker.open_summaries(options.summaries.take(), cursor).await?;
        options.classify = day::recorded(&*state, &options.classify, clock.now()).await?;
        let addresses = FeedAddresses::new(AddressBook::new(addresses), Arc::clone(&options.classify.gazetteer));
        let names = names::recorded(&*state, addresses).await?;
        let filled = state.mark(FILLED_MARK).await?.is_some();
        view.begin(names, catalog);
        view.note(|status| {
            status.filled = filled;
            status.state_ok_at = Some(clock.now());
        });
        let (poll_interval, read_pause_factor) = (options.poll_interval, options.read_pause_factor);
        let complete_read_interval = options.complete_read_interval;
        let follower = Follower::new(Arc::clone(&state), Arc::clone(&view), Arc::clone(&maker.articles), cursor);
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
            complete_read_interval,
            log: None,
            log_refused: None,
            store_marker: None,
            control_marker: None,
            last_read: None,
            next_read: Instant::now(),
            last_sweep: Instant::now().checked_sub(SWEPT_BEFORE).unwrap_or_else(Instant::now),
            sweeping: JoinSet::new(),
            well: true,
            busy: false,
            snapshot,
            saved: None,
            last_save: Instant::now(),
            stop: CancellationToken::new(),
        };
        if let Some(known) = known {
            engine.go_on(known).await?;
        }
        engine.obey().await?;
        engine.publisher.forget_abandoned();
        Ok(engine)
    }

    /// Goes on from what an earlier process knew of the store, unless people have commanded something since, or the rules
    /// are others: then the rows tell.
    async fn go_on(&mut self, known: Known) -> Result<(), StateError> {
        // In this order: what is commanded in between counts as not obeyed.
        let control = self.state.control().await?;
        let obeyed = self.state.control_marker().await? == known.control_marker;
        if obeyed && !self.reconciler.has_other_rules() {
            self.control_marker = Some(known.control_marker);
            self.log.clone_from(&known.log);
            // The log tells what has changed since; a complete read has time.
            self.last_read = self.log.is_some().then(Instant::now);
            self.reconciler.go_on(known, control);
        }
        Ok(())
    }

    /// Keeps the catalog for the next start, if it has changed since it was kept last. What cannot be written is logged:
    /// the next start reads the ledger instead.
    pub async fn save(&mut self) {
        self.last_save = Instant::now();
        let (Some(options), true) = (self.snapshot.clone(), self.view.is_filled()) else { return };
        // Without the read that its log began with, a log does not tell enough.
        let log = self.log.clone().filter(|_| self.last_read.is_some());
        let known = self.control_marker.and_then(|marker| self.reconciler.known(log, marker));
        let (view, state) = (Arc::clone(&self.view), Arc::clone(&self.state));
        let standing = Standing { cursor: self.reconciler.follower.cursor(), known };
        if self.saved.as_ref() == Some(&standing) {
            return;
        }
        let Ok(Some(ledger)) = state.mark(INSTANCE_MARK).await else { return };
        let began = Instant::now();
        let write = move || {
            let catalog = |output: &mut snapshot::Output<'_>| view.with_catalog(|catalog| catalog.write(output));
            snapshot::write(&options, &ledger, &standing, catalog).map(|()| standing)
        };
        match tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other).flatten() {
            Ok(standing) => {
                tracing::info!(took_ms = began.elapsed().as_millis(), "the catalog is kept for the next start");
                self.saved = Some(standing);
            }
            Err(error) => tracing::warn!(%error, "the catalog cannot be kept for the next start"),
        }
    }

    /// Runs until it is told to stop.
    pub async fn run(mut self, shutdown: CancellationToken) {
        self.stop.clone_from(&shutdown);
        let wake = Arc::clone(&self.publisher.wake);
        let (store, state) = (Arc::clone(&self.store), Arc::clone(&self.state));
        while !shutdown.is_cancelled() {
            self.turn().await;
            let pause = self.pause();
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = sleep(pause) => {}
                () = store.woken(), if self.well && self.log.is_some() => {}
                () = state.woken(), if self.well => {}
                () = wake.notified(), if self.well => sleep(WAKE_PAUSE).await,
            }
            if self.last_save.elapsed() > SAVE_EVERY {
                self.save().await;
            }
        }
        self.save().await;
        if let Some(file) = self.publisher.maker().articles.file() {
            file.settled().await;
        }
    }

    /// One turn, and the documents that it affects: for who moves the engine by hand.
    pub async fn step(&mut self) {
        self.turn().await;
        self.publisher.refresh(REFRESH_BUDGET).await;
    }

    /// Looks for changes and applies them; the documents follow by [`Publisher::refreshing`].
    async fn turn(&mut self) {
        let outcome = self.look().await;
        if self.reconciler.follower.take_renamed() {
            self.publisher.forget_memory();
        }
        self.publish_moved();
        self.well = outcome.is_ok();
        if !self.well {
            // Half done is not done: the next turn reads everything, whatever the marker says.
            self.store_marker = None;
        }
        self.note(outcome);
        self.publisher.caught_up.notify_waiters();
        if self.last_sweep.elapsed() > SWEEP_EVERY {
            self.publisher.sweep(self.clock.now());
            self.sweeping.spawn(self.publisher.maker().clone().sweep_summaries());
            self.last_sweep = Instant::now();
        }
    }

    /// Has the documents of the feeds that have moved on made anew.
    fn publish_moved(&mut self) {
        let moved = self.reconciler.follower.take_moved();
        self.busy = !moved.is_empty();
        self.publisher.tell_moved(&moved, self.reconciler.follower.cursor());
        self.publisher.refresh_soon(moved);
    }

    /// Looks for everything there may be, the most urgent first. What comes first is done even if what comes after it
    /// fails.
    async fn look(&mut self) -> Result<Looked, ReconcileError> {
        let logged = self.read_log().await;
        self.publish_moved();
        self.reconciler.follower.follow().await?;
        self.turn_day().await?;
        self.obey().await?;
        let small = self.publish_small().await;
        let completely = self.read_if_due().await?;
        small?;
        Ok(Looked { store: logged? || completely, completely })
    }

    /// Applies what the store's change log tells. True: the store answered.
    async fn read_log(&mut self) -> Result<bool, ReconcileError> {
        let Some(cursor) = self.log.as_ref().filter(|_| self.view.is_filled()) else { return Ok(false) };
        let lost = match self.store.log_since(cursor).await? {
            LogRead::Changes(changes) => {
                let refused = self.reconciler.follow_log(&changes, self.clock.now()).await?;
                if refused.is_none() {
                    self.log = Some(changes.cursor);
                }
                refused
            }
            LogRead::Lost { why } => Some(why),
        };
        if let Some(why) = lost {
            tracing::warn!(why, "the change log does not tell what has changed, the store is read completely");
            (self.log, self.last_read, self.log_refused) = (None, None, Some(Instant::now()));
        }
        Ok(true)
    }

    /// Has administrative units change on their day, once it is known that the store can tell what is in their feeds then:
    /// until that the last good documents of before are better than none.
    async fn turn_day(&mut self) -> Result<(), StateError> {
        if self.last_read.is_some() && self.view.store_answers() {
            self.reconciler.turn_day(self.clock.now()).await?;
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
        self.reconciler.obey(control, self.clock.now()).await?;
        self.control_marker = Some(marker);
        Ok(())
    }

    /// Decides what needs no complete read: announcements and articles that are due, articles that renderings found
    /// changed, feeds that somebody asks for for the first time.
    async fn publish_small(&mut self) -> Result<(), ReconcileError> {
        let now = self.clock.now();
        // First: it needs no store.
        self.reconciler.end_notices(now).await?;
        let told = self.log.is_some() && self.last_read.is_some() && !self.reconciler.wants_read();
        let mut ids = self.reconciler.publish_due(now, told).await?;
        if self.view.is_filled() {
            ids.extend(self.publisher.take_behind());
        }
        ids.sort();
        ids.dedup();
        self.reconciler.decide_now(&ids, now).await?;
        if self.view.is_filled() {
            self.reconciler.begin(self.publisher.take_wanted(), now).await?;
            self.reconciler.decide_afresh(now).await?;
            self.reconciler.look_again(now).await?;
            self.reconciler.decide_commanded(now).await?;
        }
        Ok(())
    }

    /// Is it time to read everything?
    async fn is_read_due(&mut self) -> Result<bool, ReconcileError> {
        if Instant::now() < self.next_read {
            return Ok(false);
        }
        let older_than = |limit: Duration| self.last_read.is_none_or(|last| last.elapsed() >= limit);
        if self.reconciler.wants_read() {
            return Ok(true);
        }
        if self.log.is_some() {
            return Ok(older_than(self.complete_read_interval));
        }
        let marker = self.store.change_marker().await?;
        let same = marker.is_some() && marker == self.store_marker;
        Ok(!same || older_than(READ_EVERY))
    }

    async fn read_if_due(&mut self) -> Result<bool, ReconcileError> {
        if !self.is_read_due().await? {
            return Ok(false);
        }
        // Both before the read: what is committed while it goes on is found once more.
        let (marker, log_end) = (self.store.change_marker().await?, self.store.log_end().await?);
        let first = self.log.is_none() && self.last_read.is_none();
        if first && self.log_refused.is_none() && !self.reconciler.wants_read() {
            // Readers do not wait for the end of the first read either.
            self.log.clone_from(&log_end);
        }
        let began = Instant::now();
        let result = self.read().await;
        if first && !matches!(result, Ok(true)) {
            // What was before it is not known yet, or it is held back.
            self.log = None;
        }
        if matches!(result, Ok(false)) {
            return Ok(false);
        }
        let took = began.elapsed();
        let failed = matches!(result, Err(ReconcileError::Store(_)));
        metrics::store_read(!failed, took);
        self.next_read = Instant::now() + if failed { Duration::ZERO } else { took * self.read_pause_factor };
        result?;
        self.store_marker = marker;
        (self.last_read, self.log_refused) = (Some(Instant::now()), None);
        if log_end.is_none() || self.log.is_none() {
            self.log = log_end;
        }
        Ok(true)
    }

    /// Reads everything and reconciles it; meanwhile goes on with everything else. False: it was cut off, for the engine is to
    /// end, and a large store takes longer to read, and for the first time to write down, than anybody waits for that.
    async fn read(&mut self) -> Result<bool, ReconcileError> {
        let (store, view, stop) = (Arc::clone(&self.store), Arc::clone(&self.view), self.stop.clone());
        let mut read = pin!(Comparison::read(&*store, &view));
        let mut stopped = pin!(stop.cancelled());
        let shown = loop {
            tokio::select! {
                () = &mut stopped => return Ok(false),
                shown = &mut read => break shown?,
                () = self.store.woken(), if self.log.is_some() => {}
                () = sleep(WATCH_EVERY) => {}
            }
            self.reconciler.follower.follow().await?;
            self.obey().await?;
            // Its failure will be found again when the scan is done.
            if let Err(error) = self.read_log().await.and(self.publish_small().await) {
                tracing::debug!(%error, "cannot publish while the store is being read");
            }
            self.publish_moved();
        };
        self.reconciler.reconcile(shown, self.clock.now(), &self.stop).await
    }

    /// Writes down how the parts are; logs what has become otherwise. A part that was not asked is as it was.
    fn note(&mut self, outcome: Result<Looked, ReconcileError>) {
        let now = self.clock.now();
        let store_before = self.view.with_status(|status| status.store_error.clone());
        self.view.note(|status| match outcome {
            Ok(looked) => {
                note_well("state", &mut status.state_error);
                status.state_ok_at = Some(now);
                if looked.store {
                    note_well("store", &mut status.store_error);
                }
                if looked.completely {
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
            self.publisher.refresh_all_soon();
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

    /// Until the next turn: at once if there may be more, else when the next article is due or it is time to look. What
    /// failed is due all the time, but is not tried all the time.
    fn pause(&self) -> Duration {
        let often = self.poll_interval.min(WATCH_EVERY);
        if !self.well {
            return often;
        }
        if self.busy || self.reconciler.is_behind_rules() {
            return Duration::ZERO;
        }
        self.reconciler.next_due(self.clock.now()).map_or(often, |due| due.min(often))
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
