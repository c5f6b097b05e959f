//! Tells others which addresses answer something new: a cache or CDN in front of the service, by a command or by HTTP
//! requests; external hubs (WebSub 6), by pings. Each address once, however often it changed meanwhile; after this process
//! serves the new document; again and again until it is done, or too late to matter. Each of them is told by a task of its
//! own: one that does not answer delays nobody else.
//!
//! Durable without a table of its own: what has to be told follows from the ledger, so a file for each keeps how far in it
//! everything is told, and the next start goes on from there. Every replica tells: the last to serve the new document must.

mod external;
mod hook;
mod place;
mod queue;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use external::{ExternalHub, HubHealth};
pub use hook::Hook;
use hook::Told;
use queue::{Purge, Queue};

use crate::observe::metrics::Purged;
use crate::publish::moves::{Moves, Served};
use crate::publish::publisher::Publisher;

/// Addresses that wait at most, some 20 MB: ten thousand feeds in all formats, many times over.
const WAITING_MAX: usize = 200_000;
/// How often is looked whether what has moved on is served now, though nobody rang.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often the place in the ledger is written down.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// What is told to whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who is told, and how.
    pub hook: Hook,
    /// The public address of the service, ending in `/`.
    pub base_url: url::Url,
    /// How long one call may take.
    pub timeout: Duration,
    /// Calls at a time.
    pub calls_max: usize,
    /// An address that could not be told for so long is given up: caches have asked again by themselves, and hubs are
    /// told of the next change.
    pub give_up_after: Duration,
    /// File that keeps how far in the ledger everything is told.
    pub place: PathBuf,
    /// The ledger's name: the place in another one means nothing.
    pub ledger: String,
}

/// What is under way and what waits.
struct Work {
    publisher: Arc<Publisher>,
    moves: Arc<Moves>,
    options: Options,
    queue: Queue,
    /// Of each call under way: the transaction up to which its addresses were told.
    under_way: BTreeMap<u64, u64>,
    calls: u64,
    /// Of what was taken last.
    followed: Option<u64>,
    held_at: Option<u64>,
    saved: Option<u64>,
    saved_at: Instant,
    /// Did the last call succeed?
    well: bool,
}

/// What became of a call.
struct Called {
    call: u64,
    purges: Vec<Purge>,
    told: Result<Told, String>,
}

/// Tells what has moved on since the last process did, and goes on with it until it is told to stop. What is under way then
/// is cut off, and told again by the next process.
pub async fn run(publisher: Arc<Publisher>, moves: Arc<Moves>, options: Options, stop: CancellationToken) {
    let queue = Queue::new(WAITING_MAX, options.give_up_after);
    let saved = place::read(&options.place, &options.ledger);
    let mut work = Work {
        publisher,
        moves,
        options,
        queue,
        under_way: BTreeMap::new(),
        calls: 0,
        followed: None,
        held_at: None,
        saved,
        saved_at: Instant::now(),
        well: true,
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work.go_on() => {}
    }
    work.save();
}

impl Work {
    /// Never ends.
    async fn go_on(&mut self) {
        while let Err(error) = self.recall().await {
            tracing::warn!(%error, "what has changed since the last start cannot be read, {} waits", self.options.hook);
            sleep(LOOK_EVERY).await;
        }
        let mut calls = FuturesUnordered::new();
        loop {
            self.take();
            while calls.len() < self.options.calls_max
                && let Some(call) = self.next_call()
            {
                calls.push(call);
            }
            let pause = self.pause(calls.len());
            let moves = Arc::clone(&self.moves);
            tokio::select! {
                Some(called) = calls.next(), if !calls.is_empty() => self.called(called),
                () = moves.rung() => {}
                () = sleep(pause) => {}
            }
            if self.saved_at.elapsed() >= SAVE_EVERY {
                self.save();
            }
        }
    }

    async fn recall(&self) -> Result<(), crate::state::StateError> {
        match self.saved {
            Some(since) => self.publisher.recall_moves(&self.moves, since).await,
            None => Ok(()),
        }
    }

    /// Takes over what is served now.
    fn take(&mut self) {
        let Served { paths, followed, held_at } = self.publisher.take_served(&self.moves);
        let (hook, now) = (&self.options.hook, Instant::now());
        let paths = paths.into_iter().filter(|(path, _)| hook.is_told_of(path));
        let dropped = paths.filter(|(path, since)| !self.queue.add(path, *since, now)).count();
        if dropped > 0 {
            tracing::error!(dropped, "too many addresses wait, {hook} leaves these out");
            hook.count(Purged::GivenUp, dropped);
        }
        (self.followed, self.held_at) = (followed, held_at);
        hook.count_waiting(self.queue.len());
    }

    /// The next call, if something is due.
    fn next_call(&mut self) -> Option<impl Future<Output = Called> + use<>> {
        let purges = self.queue.take(self.options.hook.addresses_max(), Instant::now());
        let since = purges.iter().map(|purge| purge.since).min()?;
        self.calls += 1;
        self.under_way.insert(self.calls, since);
        let (call, hook, timeout) = (self.calls, self.options.hook.clone(), self.options.timeout);
        // Paths are of our own making, and stand in a URL as they are.
        let base = self.options.base_url.as_str().trim_end_matches('/').to_owned();
        Some(async move {
            let addresses: Vec<String> = purges.iter().map(|purge| format!("{base}{}", purge.path)).collect();
            let told = hook.tell(&addresses, timeout).await;
            Called { call, purges, told }
        })
    }

    fn called(&mut self, Called { call, purges, told }: Called) {
        self.under_way.remove(&call);
        let (hook, count) = (&self.options.hook, purges.len());
        match told {
            Ok(told) => {
                hook.count(if told == Told::Absent { Purged::Absent } else { Purged::Done }, count);
                if !std::mem::replace(&mut self.well, true) {
                    tracing::info!("{hook} works again");
                }
            }
            Err(error) => {
                hook.count(Purged::Failed, count);
                // Thousands of addresses may fail for one reason.
                if std::mem::replace(&mut self.well, false) {
                    tracing::warn!(error, addresses = count, "{hook} fails, it is tried again");
                }
                let now = Instant::now();
                let given_up = purges.into_iter().filter_map(|purge| self.queue.failed(purge, now)).count();
                if given_up > 0 {
                    tracing::error!(error, addresses = given_up, "{hook} is given up");
                    hook.count(Purged::GivenUp, given_up);
                }
            }
        }
    }

    /// Until something may be due. Who calls or rings ends it earlier.
    fn pause(&self, calls: usize) -> Duration {
        let due = self.queue.next_due(Instant::now()).filter(|_| calls < self.options.calls_max);
        due.map_or(LOOK_EVERY, |due| due.min(LOOK_EVERY))
    }

    /// Writes down how far in the ledger everything is told.
    fn save(&mut self) {
        self.saved_at = Instant::now();
        let open = self.under_way.values().copied().chain(self.held_at).chain(self.queue.oldest()).min();
        let Some(place) = open.or(self.followed) else { return };
        if self.saved == Some(place) {
            return;
        }
        match place::write(&self.options.place, &self.options.ledger, place) {
            Ok(()) => self.saved = Some(place),
            Err(error) => {
                let hook = &self.options.hook;
                tracing::warn!(%error, "how far {hook} has come cannot be written down, the next start does it again");
            }
        }
    }
}
