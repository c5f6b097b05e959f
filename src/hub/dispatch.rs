//! Whose turn it is. Hosts take turns, each with so many deliveries at a time and a breaker; nobody waits for another.

use std::collections::{BTreeSet, HashMap};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::breaker::Breaker;
use super::deliver::{Posted, deliver};
use super::{CLAIM_MARGIN, Hub, LOOK_EVERY, after, age};
use crate::domain::clock::Timestamp;
use crate::domain::feed_key::FeedKey;
use crate::domain::scope::Scope;
use crate::observe::metrics::{self, Pushed};
use crate::outgoing::egress::Kept;
use crate::state::StateError;
use crate::state::push::{Delivery, Outcome, Settled};

/// Hosts that are looked at in one question to state.
const HOSTS_AT_ONCE: usize = 64;
/// A claim costs a commit: what becomes free meanwhile is taken by the next one.
const CLAIM_EVERY: Duration = Duration::from_millis(20);
/// How long a connection is kept for the next delivery to its host.
const KEPT_FOR: Duration = Duration::from_secs(20);
/// The shortest pause.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// Delivers what is owed until it is told to stop.
pub(super) async fn run(hub: &Arc<Hub>, stop: &CancellationToken) {
    let mut ledger = hub.publisher.follow_ledger();
    let mut work = Dispatch {
        hub,
        hosts: HashMap::new(),
        under_way: JoinSet::new(),
        tasks: HashMap::new(),
        settled: Vec::new(),
        last: String::new(),
        put_off: HashMap::new(),
        connections: 0,
        wake_at: None,
        places: None,
        unbegun: BTreeSet::new(),
        claimed: None,
        looked: Instant::now(),
        more: true,
    };
    // What was recorded while nobody ran.
    work.enqueue().await;
    while !stop.is_cancelled() {
        // First: what was delivered and is not written down would be delivered again.
        work.settle().await;
        work.fill().await;
        work.tidy();
        let pause = work.pause();
        tokio::select! {
            () = stop.cancelled() => {}
            Ok(()) = ledger.changed() => work.enqueue().await,
            Some(ended) = work.under_way.join_next_with_id() => work.ended(ended),
            () = hub.due.notified() => work.look_anew().await,
            () = sleep(pause) => work.look().await,
        }
    }
    work.finish().await;
}

/// What is under way.
struct Dispatch<'a> {
    hub: &'a Arc<Hub>,
    hosts: HashMap<String, Host>,
    under_way: JoinSet<Posted>,
    tasks: HashMap<Id, Delivery>,
    /// Ended, and not written down yet.
    settled: Vec<Settled>,
    /// The host that was looked at last: the turn goes on from there.
    last: String,
    /// Feeds whose documents were not to be had, and until when nobody asks for them.
    put_off: HashMap<FeedKey, Timestamp>,
    /// Connections that are kept, to all hosts together.
    connections: usize,
    /// When something that failed here is due, or a breaker may be tried.
    wake_at: Option<Timestamp>,
    /// The tables of units by which subscriptions were led to where the addresses of their places lead.
    places: Option<String>,
    /// Feeds that somebody has subscribed to and that have no record yet.
    unbegun: BTreeSet<Scope>,
    /// When something was claimed last.
    claimed: Option<Instant>,
    looked: Instant,
    /// May there be something due that nobody has taken?
    more: bool,
}

/// A host that something is, or was, delivered to.
#[derive(Default)]
struct Host {
    under_way: usize,
    /// Did it answer sensibly the last time?
    proven: bool,
    breaker: Breaker,
    kept: Vec<(Instant, Kept)>,
}

impl Dispatch<'_> {
    /// Enqueues what the ledger has that nobody has enqueued.
    async fn enqueue(&mut self) {
        // Before: nobody gets the feed that all stories have just left.
        self.follow_places().await;
        match self.hub.subscriptions.enqueue(self.hub.clock.now()).await {
            Ok(owed) => self.more |= owed > 0,
            Err(error) => {
                tracing::warn!(%error, "what has changed cannot be enqueued for subscribers, trying again");
            }
        }
        // Again and again: a combination can begin once its place has a story.
        self.unbegun.retain(|scope| self.hub.publisher.want_with_stories(scope));
    }

    /// Has subscriptions be where the addresses of their places lead.
    async fn follow_places(&mut self) {
        let strayed = self.hub.strayed.swap(false, Ordering::SeqCst);
        let places = self.hub.publisher.places();
        if self.places.as_ref() == Some(&places) && !strayed {
            return;
        }
        match rehome(self.hub).await {
            Ok(subscribed) => {
                (self.places, self.unbegun) = (Some(places), subscribed);
                self.more = true;
            }
            Err(error) => {
                self.places = None;
                tracing::warn!(%error, "subscriptions cannot follow their places, trying again");
            }
        }
    }

    /// Takes as much as may be under way.
    async fn fill(&mut self) {
        let free = self.free();
        if !self.more || free == 0 || !self.claim_pause().is_zero() || !self.settled.is_empty() {
            return;
        }
        self.more = false;
        self.claimed = Some(Instant::now());
        let taken = match self.turns(free, self.hub.clock.now()).await {
            Ok(turns) if turns.is_empty() => return,
            Ok(turns) => {
                let now = self.hub.clock.now();
                let until = after(now, self.hub.options.delivery_timeout + CLAIM_MARGIN);
                self.hub.subscriptions.claim(&turns, now, until).await
            }
            Err(error) => Err(error),
        };
        match taken {
            Ok(deliveries) => deliveries.into_iter().for_each(|delivery| self.begin(delivery)),
            Err(error) => tracing::warn!(%error, "what has to be delivered cannot be read, trying again"),
        }
    }

    fn free(&self) -> usize {
        self.hub.options.deliveries_max.saturating_sub(self.under_way.len())
    }

    /// Until the next claim may be made.
    fn claim_pause(&self) -> Duration {
        self.claimed.map_or(Duration::ZERO, |at| CLAIM_EVERY.saturating_sub(at.elapsed()))
    }

    /// Which hosts may be delivered to, and how much: one round at most, first the hosts after the last one, then those up to
    /// it.
    async fn turns(&mut self, free: usize, now: Timestamp) -> Result<Vec<(String, usize)>, StateError> {
        let (mut turns, mut left) = (Vec::new(), free);
        let held: usize = self.hosts.values().filter(|host| !host.proven).map(|host| host.under_way).sum();
        let mut unproven = self.hub.options.deliveries_unproven_max.saturating_sub(held);
        let begin = self.last.clone();
        let again = (!begin.is_empty()).then(|| (String::new(), Some(begin.clone())));
        for (mut from, end) in iter::once((begin, None)).chain(again) {
            loop {
                let hosts = self.hub.subscriptions.hosts_due(&from, HOSTS_AT_ONCE, now).await?;
                let are_the_last = hosts.len() < HOSTS_AT_ONCE;
                for host in hosts {
                    if end.as_ref().is_some_and(|end| host > *end) {
                        return Ok(turns);
                    }
                    from.clone_from(&host);
                    self.last.clone_from(&host);
                    let (mut allowed, proven) = self.allowed(&host, now);
                    allowed = allowed.min(left);
                    if !proven {
                        allowed = allowed.min(unproven);
                        unproven -= allowed;
                    }
                    if allowed > 0 {
                        left -= allowed;
                        turns.push((host, allowed));
                    }
                    if left == 0 {
                        self.more = true;
                        return Ok(turns);
                    }
                }
                if are_the_last {
                    break;
                }
            }
        }
        Ok(turns)
    }

    /// How much more may go to a host, and whether it has answered lately.
    fn allowed(&self, host: &str, now: Timestamp) -> (usize, bool) {
        let max = self.hub.options.deliveries_per_host_max;
        let unproven = max.min(self.hub.options.deliveries_per_unproven_host_max);
        let Some(host) = self.hosts.get(host) else { return (unproven, false) };
        let max = if host.proven { max } else { unproven };
        (host.breaker.allows(max, now).saturating_sub(host.under_way), host.proven)
    }

    fn begin(&mut self, delivery: Delivery) {
        // Its claim is over, and it is under way all the same: it is enough to post it once. What comes of that is not this
        // claim's.
        if self.tasks.values().any(|other| other.subscription == delivery.subscription) {
            return;
        }
        if let Some(until) = self.put_off.get(&delivery.key).copied().filter(|until| *until > self.hub.clock.now()) {
            self.settled.push(delivery.settled(Outcome::Released { until }));
            return;
        }
        let host = self.hosts.entry(delivery.host.clone()).or_default();
        host.under_way += 1;
        let kept = host.kept.pop().map(|(_, kept)| kept);
        self.connections -= usize::from(kept.is_some());
        let (hub, what) = (Arc::clone(self.hub), delivery.clone());
        let task = self.under_way.spawn(async move { deliver(&hub, &what, kept).await });
        self.tasks.insert(task.id(), delivery);
    }

    /// Takes note of this one and of all that have ended meanwhile.
    fn ended(&mut self, ended: Result<(Id, Posted), JoinError>) {
        let mut next = Some(ended);
        while let Some(ended) = next {
            match ended {
                Ok((id, posted)) => self.note(id, posted),
                Err(error) => {
                    tracing::error!(%error, "a delivery ended by a panic");
                    let until = after(self.hub.clock.now(), self.hub.options.retry.first);
                    let outcome = Outcome::Failed { until, failure: "the delivery broke off inside".to_owned() };
                    self.note(error.id(), Posted::unasked(outcome));
                }
            }
            next = self.under_way.try_join_next_with_id();
        }
    }

    fn note(&mut self, id: Id, posted: Posted) {
        let Some(delivery) = self.tasks.remove(&id) else { return };
        let (now, options) = (self.hub.clock.now(), &self.hub.options);
        let host = self.hosts.entry(delivery.host.clone()).or_default();
        host.under_way = host.under_way.saturating_sub(1);
        host.proven = posted.host_is_well.unwrap_or(host.proven);
        match posted.host_is_well {
            Some(true) => host.breaker.succeeded(),
            Some(false) => host.breaker.failed(options.breaker, now),
            None => {}
        }
        if let Some(kept) = posted.kept.filter(|_| self.connections < options.deliveries_max) {
            self.connections += 1;
            host.kept.push((Instant::now(), kept));
        }
        if let (Outcome::Released { until }, true) = (&posted.outcome, posted.is_unready) {
            self.put_off.insert(delivery.key.clone(), *until);
        }
        let due = match &posted.outcome {
            Outcome::Failed { until, .. } | Outcome::Released { until } => Some(*until),
            _ => None,
        };
        self.wake_at = self.wake_at.into_iter().chain(due).chain(host.breaker.open_until()).min();
        tell(&delivery, &posted.outcome, now);
        self.settled.push(delivery.settled(posted.outcome));
    }

    /// Writes down what has ended. What cannot be written down waits for the next time.
    async fn settle(&mut self) {
        if self.settled.is_empty() {
            return;
        }
        match self.hub.subscriptions.settle(&self.settled, self.hub.clock.now()).await {
            Ok(()) => {
                self.settled.clear();
                // What was enqueued while it was under way is due.
                self.more = true;
            }
            Err(error) => tracing::warn!(%error, "what was delivered cannot be written down, trying again"),
        }
    }

    /// Until when nothing happens by itself.
    fn pause(&self) -> Duration {
        let now = self.hub.clock.now();
        let wait = |at: Timestamp| at.signed_duration_since(now).to_std().unwrap_or_default();
        let due = self.wake_at.map_or(LOOK_EVERY, wait);
        // While nothing can be written down, nothing is taken either.
        let takes = self.more && self.free() > 0 && self.settled.is_empty();
        let claim = if takes { self.claim_pause() } else { LOOK_EVERY };
        due.min(claim).clamp(PAUSE_MIN, LOOK_EVERY)
    }

    /// Something is due here, or others may have made it so.
    async fn look(&mut self) {
        let now = self.hub.clock.now();
        if self.wake_at.is_none_or(|at| at > now) && self.more {
            return; // only a claim was waited for
        }
        self.wake_at = self.wake_at.filter(|at| *at > now);
        self.look_anew().await;
    }

    /// Somebody else may have enqueued something, or made it due.
    async fn look_anew(&mut self) {
        self.more = true;
        self.enqueue().await;
    }

    /// Lets go of what nobody needs any more, now and then.
    fn tidy(&mut self) {
        if self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        let now = self.hub.clock.now();
        self.put_off.retain(|_, until| *until > now);
        for host in self.hosts.values_mut() {
            host.kept.retain(|(since, _)| since.elapsed() < KEPT_FOR);
        }
        self.connections = self.hosts.values().map(|host| host.kept.len()).sum();
        self.hosts.retain(|_, host| host.under_way > 0 || !host.kept.is_empty() || host.breaker.matters(now));
        let open = self.hosts.values().filter(|host| host.breaker.open_until() > Some(now)).count();
        metrics::push_breakers(open);
        self.hub.health.send_modify(|health| health.breakers_open = open);
    }

    /// Waits a moment for what is under way, and leaves the rest to the next process at once.
    async fn finish(mut self) {
        let grace = self.hub.options.end_grace;
        let end = async {
            loop {
                // At once: its claim may be over before the others have ended.
                self.settle().await;
                let Some(ended) = self.under_way.join_next_with_id().await else { return };
                self.ended(ended);
            }
        };
        drop(timeout(grace, end).await);
        self.under_way.shutdown().await;
        let until = self.hub.clock.now();
        self.settled.extend(self.tasks.values().map(|delivery| delivery.settled(Outcome::Released { until })));
        self.settle().await;
    }
}

/// Subscriptions of a place that has gone into another one go on there, where its address leads. Gives the feeds that somebody
/// has subscribed to then.
async fn rehome(hub: &Hub) -> Result<BTreeSet<Scope>, StateError> {
    let (mut subscribed, mut pairs) = (BTreeSet::new(), Vec::new());
    for from in hub.subscriptions.subscribed().await? {
        let to = hub.publisher.leads_to(&from);
        if to != from {
            pairs.push((from, to.clone()));
        }
        subscribed.insert(to);
    }
    if !pairs.is_empty() {
        hub.subscriptions.rehome(&pairs, hub.clock.now()).await?;
        tracing::info!(feeds = pairs.len(), "subscriptions follow their places, which have gone into others");
    }
    Ok(subscribed)
}

/// Metrics and log: the host, never the callback, which is a capability.
fn tell(delivery: &Delivery, outcome: &Outcome, now: Timestamp) {
    let (host, attempts) = (&delivery.host, delivery.attempts + 1);
    let (pushed, failure) = match outcome {
        Outcome::Delivered { .. } => {
            metrics::push_took(age(delivery.since, now));
            (Pushed::Delivered, None)
        }
        Outcome::Failed { failure, .. } => (Pushed::Failed, Some(failure)),
        Outcome::Released { .. } => (Pushed::Released, None),
        Outcome::GivenUp { failure } => (Pushed::GivenUp, Some(failure)),
        Outcome::Gone => (Pushed::Gone, None),
    };
    metrics::pushed(pushed);
    match (pushed, failure) {
        (Pushed::GivenUp, Some(failure)) => {
            tracing::warn!(push.host = host, push.attempts = attempts, failure, "a delivery is given up");
        }
        (_, Some(failure)) => {
            tracing::debug!(push.host = host, push.attempts = attempts, failure, "a delivery failed");
        }
        (Pushed::Gone, None) => tracing::info!(push.host = host, "a subscriber is gone (410)"),
        _ => {}
    }
}
