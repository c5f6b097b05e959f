//! The hub (WebSub, W3C Recommendation of 2 June 2026): who asks to be told is asked whether he means it, and gets each changed
//! document by POST. What is owed to whom stands in state; here are the turns, and what is said on the wire.
//!
//! A request goes `request` (is it one?) -> state -> `verify` (does the callback mean it?) -> state. An event goes ledger ->
//! state (`Subscriptions::enqueue`) -> `dispatch` (whose turn is it?) -> `deliver` (one POST) -> state.
//! `docs/decisions/push.md` says why.

mod breaker;
mod challenge;
mod clients;
mod deliver;
mod dispatch;
mod request;
mod retry;
mod topic;
mod verify;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use breaker::BreakerOptions;
pub use retry::Retry;

use crate::domain::clock::{Clock, Timestamp};
use crate::observe::metrics;
use crate::outgoing::egress::Egress;
use crate::publish::publisher::Publisher;
use crate::state::push::{Accepted, Backlog, Limit, NewRequest, RequestLimits, Subscriptions, Wish};
use clients::Clients;
use request::{Form, Refusal};

/// How often is looked for what others have made due: replicas, commands, claims of a process that was killed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often leases are looked at.
const EXPIRE_EVERY: Duration = Duration::from_secs(5);
/// What waits is counted in one part in so many of the time.
const COUNT_PART: u32 = 100;
/// Requests that are written down at a time: the ledger is written in the same place.
const ASKING_MAX: usize = 2;
/// What a claim lasts beyond the time that its work may take.
const CLAIM_MARGIN: Duration = Duration::from_secs(5);
/// When somebody who was refused for a limit, or who came too early, may ask again.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// How the hub behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its public address.
    pub address: Url,
    /// The public address of the service, ending in `/`.
    pub base_url: Url,
    /// The hubs of others, which documents name after ours.
    pub external: Vec<Url>,
    /// Addresses of the time before Loa (decoded paths), and the paths of the documents that took their place.
    pub redirects: BTreeMap<String, String>,
    /// How long a subscription stands.
    pub leases: Leases,
    /// How much may be asked for.
    pub limits: RequestLimits,
    /// Requests of one client in an hour.
    pub requests_per_client_hour: u32,
    /// All of a verification.
    pub verification_timeout: Duration,
    /// How often a callback that does not answer is asked.
    pub verification_tries_max: u32,
    /// When it is asked again.
    pub verification_retry: Retry,
    /// Verifications at a time.
    pub verifications_max: usize,
    /// Verifications at one host at a time: whoever is asked for by strangers is not flooded.
    pub verifications_per_host_max: usize,
    /// All of a delivery.
    pub delivery_timeout: Duration,
    /// Deliveries at a time.
    pub deliveries_max: usize,
    /// Deliveries to one host at a time.
    pub deliveries_per_host_max: usize,
    /// Of these to one that has not answered lately, until it does ...
    pub deliveries_per_unproven_host_max: usize,
    /// ... and to all such hosts together: they may all hang.
    pub deliveries_unproven_max: usize,
    /// When what fails is tried again.
    pub retry: Retry,
    /// How long an event is tried to be delivered ...
    pub give_up_after: Duration,
    /// ... and how often at least.
    pub give_up_tries_min: u32,
    /// When a host is left alone.
    pub breaker: BreakerOptions,
    /// How long dead letters are kept.
    pub dead_letters_kept: Duration,
    /// How long what is under way may take when the process ends; the rest is delivered by the next.
    pub end_grace: Duration,
}

/// How long a subscription stands, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leases {
    /// Where none is asked for.
    pub default_s: u32,
    /// The shortest.
    pub min_s: u32,
    /// The longest.
    pub max_s: u32,
}

/// What somebody who asked is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// 202, or why not.
    pub status: StatusCode,
    /// One line in English, for the people behind the program that asked.
    pub text: String,
    /// When to ask again, if that helps.
    pub retry_after: Option<Duration>,
}

/// How the hub is, for `/readyz`, as of a second ago.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Health {
    /// Subscriptions that stand.
    pub subscriptions: u64,
    /// Deliveries that wait or are under way.
    pub waiting: u64,
    /// Age of the oldest event that a subscriber has not got.
    pub oldest_seconds: Option<u64>,
    /// When something was delivered last, RFC 3339 in UTC.
    pub last_delivered: Option<Timestamp>,
    /// Hosts that this process leaves alone for now.
    pub breakers_open: usize,
}

/// The hub.
#[derive(Debug)]
pub struct Hub {
    options: Options,
    subscriptions: Arc<dyn Subscriptions>,
    publisher: Arc<Publisher>,
    egress: Arc<Egress>,
    clock: Arc<dyn Clock>,
    clients: Mutex<Clients>,
    asking: Semaphore,
    /// There may be requests to verify.
    asked: Notify,
    /// There may be something to deliver.
    due: Notify,
    /// May there be a subscription of a place that has gone into another one meanwhile?
    strayed: AtomicBool,
    health: watch::Sender<Health>,
}

impl Hub {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        options: Options,
        subscriptions: Arc<dyn Subscriptions>,
        publisher: Arc<Publisher>,
        egress: Arc<Egress>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let clients = Mutex::new(Clients::new(options.requests_per_client_hour));
        Self {
            options,
            subscriptions,
            publisher,
            egress,
            clock,
            clients,
            asking: Semaphore::new(ASKING_MAX),
            asked: Notify::new(),
            due: Notify::new(),
            strayed: AtomicBool::new(false),
            health: watch::Sender::default(),
        }
    }

    /// Answers a request with this body (`application/x-www-form-urlencoded`). `client` is who asked; `None` if that cannot be
    /// told. The answer never depends on what the callback says (WebSub 5.1, H5).
    pub async fn ask(&self, body: &[u8], client: Option<IpAddr>) -> Told {
        let told = match self.accept(body, client).await {
            Ok(()) => {
                let text = "accepted, the callback will be asked whether it means it".to_owned();
                Told { status: StatusCode::ACCEPTED, text, retry_after: None }
            }
            Err(refusal) => refusal.told(),
        };
        metrics::push_request(told.status == StatusCode::ACCEPTED);
        told
    }

    async fn accept(&self, body: &[u8], client: Option<IpAddr>) -> Result<(), Refusal> {
        let now = self.clock.now();
        if !self.clients().admits(client, now) {
            return Err(Refusal::TooMany("this client has asked too often within an hour"));
        }
        let form = Form::read(body)?;
        let wanted = form.checked(&self.options.leases)?;
        self.egress.admits(&wanted.callback).map_err(|refusal| Refusal::Forbidden(refusal.to_string()))?;
        let leaves = wanted.wish == Wish::Unsubscribe;
        let key = topic::find(&self.publisher, &self.options, &wanted.topic, leaves)?;
        let request = NewRequest {
            key,
            topic: wanted.topic,
            callback: wanted.callback.text().to_owned(),
            host: wanted.callback.host(),
            wish: wanted.wish,
            client: client.map(|client| clients::network(client).to_string()),
        };
        let _turn = self.asking.acquire().await;
        match self.subscriptions.request(&request, &self.options.limits, now).await {
            Ok(Accepted::Recorded) => {
                self.asked.notify_one();
                Ok(())
            }
            Ok(Accepted::TooMany(limit)) => Err(Refusal::TooMany(said(limit))),
            Err(error) => {
                tracing::warn!(%error, "a subscription cannot be recorded");
                Err(Refusal::NotNow("the hub cannot write anything down for the moment"))
            }
        }
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Verifies and delivers until it is told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::join!(verify::run(&self, &stop), dispatch::run(&self, &stop), self.watch(&stop), self.listen(&stop));
    }

    fn note(&self, backlog: &Backlog, oldest: Option<Duration>) {
        self.health.send_modify(|health| {
            let breakers_open = health.breakers_open;
            *health = Health {
                subscriptions: backlog.subscriptions,
                waiting: backlog.deliveries,
                oldest_seconds: oldest.map(|age| age.as_secs()),
                last_delivered: backlog.delivered_at,
                breakers_open,
            };
        });
    }

    /// Hears what others have made due.
    async fn listen(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.subscriptions.woken() => {
                    self.asked.notify_one();
                    self.due.notify_one();
                }
            }
        }
    }

    /// Ends what is over, and says how the hub is.
    async fn watch(&self, stop: &CancellationToken) {
        let mut expired: Option<Instant> = None;
        let (mut counted, mut count_pause) = (Instant::now(), Duration::ZERO);
        while !stop.is_cancelled() {
            let now = self.clock.now();
            if expired.is_none_or(|at| at.elapsed() >= EXPIRE_EVERY) {
                expired = Some(Instant::now());
                match self.subscriptions.expire(now, self.options.dead_letters_kept).await {
                    Ok(0) => {}
                    Ok(ended) => tracing::info!(push.subscriptions = ended, "leases are over"),
                    Err(error) => tracing::warn!(%error, "leases cannot be looked at"),
                }
            }
            if counted.elapsed() < count_pause {
                wait(stop).await;
                continue;
            }
            counted = Instant::now();
            match self.subscriptions.backlog(now).await {
                Ok(backlog) => {
                    let oldest = backlog.oldest.map(|oldest| age(oldest, now));
                    metrics::push_backlog(backlog.deliveries, backlog.subscriptions, oldest.unwrap_or_default());
                    self.note(&backlog, oldest);
                }
                Err(error) => tracing::debug!(%error, "what waits to be delivered cannot be counted"),
            }
            count_pause = counted.elapsed() * COUNT_PART;
            wait(stop).await;
        }
    }
}

async fn wait(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = sleep(LOOK_EVERY) => {}
    }
}

/// How long ago something was; zero if it is still to come.
fn age(of: Timestamp, now: Timestamp) -> Duration {
    now.signed_duration_since(of).to_std().unwrap_or_default()
}

/// An instant after so long.
fn after(now: Timestamp, time: Duration) -> Timestamp {
    chrono::TimeDelta::from_std(time).ok().and_then(|time| now.checked_add_signed(time)).unwrap_or(now)
}

const fn said(limit: Limit) -> &'static str {
    match limit {
        Limit::Subscriptions => "the hub has as many subscriptions as it may have",
        Limit::SubscriptionsPerHost => "this callback host has as many subscriptions as it may have",
        Limit::RequestsPerHost => "too many requests of this callback host wait for their verification",
        Limit::RequestsPerClient => "too many requests of this client wait for their verification",
        Limit::Requests => "too many requests wait for their verification",
    }
}
