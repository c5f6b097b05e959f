//! Makes documents anew off the request path: those of the feeds that have moved on. A feed that somebody asked for lately,
//! whose documents are in memory, gets them at once. One whose documents are only on disk gets them when somebody asks; but if
//! something had to leave it, they are made now, for until then there is nothing that may be served should the store go down.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::make::{MakeError, Wanted};
use super::publisher::Publisher;
use crate::domain::article::ArticleId;
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;
use crate::domain::scope::Scope;

/// Renderings at a time, off the request path.
const REFRESHES_AT_A_TIME: usize = 2;
/// How long documents are made anew before the feeds that have moved on meanwhile are looked at: the newest change first.
const REFRESH_BUDGET: Duration = Duration::from_millis(500);
/// Between two attempts while the store or state does not answer.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// After so many attempts in a row that made nothing, or found the same articles otherwise than the engine had just decided them,
/// each waits, whatever has moved on: with a store that says something else each time engine and documents would chase each
/// other.
const STUCK_MAX: u32 = 10;

/// What is left to be done.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    feeds: Mutex<BTreeSet<Scope>>,
    rung: Notify,
    /// Articles that the last refresh found otherwise than the catalog has them.
    behind: Mutex<BTreeSet<ArticleId>>,
    /// Feeds with such articles that have taken all the time of the last refreshes, which made nothing, and of how many.
    in_vain: Mutex<HashMap<Scope, u32>>,
    /// Did store or state not answer when documents were made last?
    unanswered: AtomicBool,
    /// Feeds that cannot be made, with the sequence at which that was found.
    broken: Mutex<HashMap<Scope, u64>>,
}

/// How far a refresh came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refreshed {
    /// Every document is current.
    All,
    /// Its time was up.
    UntilBudget,
    /// Some documents cannot be made before the engine has caught up, or the store answers.
    InPart,
    /// None that was tried can be made before the engine has caught up.
    InVain,
    /// Some documents cannot be made now, and there is nothing to wait for.
    Stuck,
}

/// A feed to be made anew.
#[derive(Debug)]
pub(super) struct Job {
    scope: Scope,
    /// With what readers had the documents before compressed to: none of them waits for that.
    wanted: Vec<Wanted>,
    sequence: u64,
    /// Did somebody ask for it lately?
    is_hot: bool,
}

impl Backlog {
    /// Takes over what a refresh has found; gives what the one before had found.
    fn found_behind(&self, now: &BTreeSet<ArticleId>) -> BTreeSet<ArticleId> {
        std::mem::replace(&mut *self.behind.lock().unwrap_or_else(PoisonError::into_inner), now.clone())
    }

    /// These come last, after all that were said before; `None`: nobody does.
    fn come_last(&self, behind: Option<Vec<Scope>>) {
        let mut in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(behind) = behind else {
            in_vain.clear();
            return;
        };
        for scope in behind {
            *in_vain.entry(scope).or_default() += 1;
        }
    }
}

impl Publisher {
    /// These feeds have moved on.
    pub(super) fn refresh_soon(&self, moved: impl IntoIterator<Item = Scope>) {
        let mut feeds = self.backlog.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.extend(moved);
        if !feeds.is_empty() {
            self.backlog.rung.notify_one();
        }
    }

    /// Any feed may have moved on.
    pub(super) fn refresh_all_soon(&self) {
        let on_disk = self.disk.all().into_iter().map(|(key, _)| key.scope);
        let in_memory = self.memory.all().into_iter().map(|(key, _)| key.scope);
        self.refresh_soon(on_disk.chain(in_memory).collect::<BTreeSet<_>>());
    }

    /// Makes documents anew for as long as it is not told to stop.
    pub async fn refreshing(&self, shutdown: CancellationToken) {
        self.refresh_all_soon();
        let mut stuck = 0_u32;
        while !shutdown.is_cancelled() {
            let mut caught_up = pin!(self.caught_up.notified());
            caught_up.as_mut().enable();
            let refreshed = self.refresh(REFRESH_BUDGET).await;
            let is_stuck = matches!(refreshed, Refreshed::InVain | Refreshed::Stuck);
            stuck = if is_stuck { stuck.saturating_add(1) } else { 0 };
            let each_waits = stuck >= STUCK_MAX;
            let waits_for_engine = matches!(refreshed, Refreshed::InPart | Refreshed::InVain);
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.backlog.rung.notified(), if !each_waits => {}
                () = caught_up, if waits_for_engine && !each_waits => {}
                () = sleep(RETRY_AFTER), if waits_for_engine || is_stuck => {}
                () = std::future::ready(()), if refreshed == Refreshed::UntilBudget => {}
            }
        }
    }

    /// Makes documents anew that feeds have left behind, for at most `budget`. Stops at the first sign that the store does
    /// not answer; the next call goes on where this one stopped.
    pub(super) async fn refresh(&self, budget: Duration) -> Refreshed {
        if !self.maker.view.is_filled() || !self.maker.view.store_answers() {
            return Refreshed::InPart;
        }
        let until = Instant::now() + budget;
        let jobs = self.jobs();
        let count = jobs.len();
        let mut made = futures_util::stream::iter(jobs)
            .take_while(|_| std::future::ready(Instant::now() < until))
            .map(async |job| (self.maker.make_wanted(&job.scope, job.wanted.clone()).await, job))
            .buffer_unordered(REFRESHES_AT_A_TIME);
        let (mut tried, mut behind, mut unmade) = (0, BTreeSet::new(), Vec::new());
        while let Some((made, job)) = made.next().await {
            tried += 1;
            match made {
                Ok(made) => {
                    self.backlog.unanswered.store(false, Ordering::Relaxed);
                    self.keep(&job.scope, made).await;
                    self.done(&job);
                }
                Err(MakeError::Behind(ids)) => {
                    behind.extend(ids.iter().cloned());
                    self.note_behind(ids);
                    unmade.push(job.scope);
                }
                Err(error @ (MakeError::Unrenderable(_) | MakeError::Broke(_))) => {
                    tracing::error!(scope = %job.scope, %error, "a feed cannot be made, until it changes");
                    self.broken(&job);
                }
                Err(error) => {
                    // Once: what follows fails for the same reason.
                    if !self.backlog.unanswered.swap(true, Ordering::Relaxed) {
                        tracing::warn!(scope = %job.scope, %error, "a feed cannot be made now, the last good document stays");
                    }
                    return Refreshed::InPart;
                }
            }
        }
        self.tell_made();
        let (is_cut, made_any) = (tried < count, tried > unmade.len());
        self.backlog.come_last((is_cut && !made_any).then_some(unmade));
        let before = self.backlog.found_behind(&behind);
        match (is_cut, behind.is_empty()) {
            // Something was done, or nothing was in the way.
            (true, is_well) if is_well || made_any => Refreshed::UntilBudget,
            (_, true) => Refreshed::All,
            // The engine has looked at these already.
            _ if behind == before => Refreshed::Stuck,
            _ if made_any => Refreshed::InPart,
            _ => Refreshed::InVain,
        }
    }

    /// What is to be made: what was asked for lately first, what took all the time in vain last. Forgets the feeds of which nothing is
    /// to be made.
    fn jobs(&self) -> Vec<Job> {
        let mut feeds = self.backlog.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs: Vec<Option<Job>> = feeds.iter().map(|scope| self.job(scope)).collect();
        let mut kept = jobs.iter().map(Option::is_some);
        feeds.retain(|_| kept.next().unwrap_or_default());
        let mut jobs: Vec<Job> = jobs.into_iter().flatten().collect();
        let in_vain = self.backlog.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.sort_by_key(|job| (in_vain.get(&job.scope).copied(), !job.is_hot));
        jobs
    }

    /// What is to be made of a feed; `None`: nothing, what is served of it is current.
    pub(super) fn job(&self, scope: &Scope) -> Option<Job> {
        let (sequence, floor) = self.sequences(scope);
        let broken = self.backlog.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if broken.get(scope) == Some(&sequence) {
            return None;
        }
        let mut job = Job { scope: scope.clone(), wanted: Vec::new(), sequence, is_hot: false };
        for format in Format::ALL {
            let key = FeedKey::new(scope.clone(), format);
            let in_memory = self.memory.get(&key);
            let is_hot = in_memory.as_ref().is_some_and(|kept| kept.document().sequence() < sequence);
            let on_disk = || self.disk.sequence(&key).is_some_and(|kept| kept < floor);
            if is_hot || (in_memory.is_none() && on_disk()) {
                let codings = in_memory.map_or_else(Vec::new, |kept| kept.document().body().codings());
                job.wanted.push(Wanted { format, codings });
                job.is_hot |= is_hot;
            }
        }
        (!job.wanted.is_empty()).then_some(job)
    }

    /// Made, unless it has moved on once more, or a document of before has come into memory meanwhile, for somebody who had asked
    /// for it.
    fn done(&self, job: &Job) {
        let is_made = |wanted: &Wanted| job.wanted.iter().any(|made| made.format == wanted.format);
        let is_left = |left: Job| left.sequence != job.sequence || !left.wanted.iter().all(is_made);
        let is_left = self.job(&job.scope).is_some_and(is_left);
        let mut feeds = self.backlog.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if is_left {
            self.backlog.rung.notify_one();
        } else if self.sequences(&job.scope).0 == job.sequence {
            feeds.remove(&job.scope);
        }
    }

    fn broken(&self, job: &Job) {
        let mut broken = self.backlog.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.insert(job.scope.clone(), job.sequence);
    }
}
