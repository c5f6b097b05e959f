//! Makes documents anew off the request path.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;

use super::make::MakeError;
use super::publisher::Publisher;
use crate::domain::format::Format;
use crate::domain::scope::Scope;

/// Renderings at a time, off the request path.
const REFRESHES_AT_A_TIME: usize = 2;

/// How far a refresh came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refreshed {
    /// Every document is current.
    All,
    /// Its time was up.
    UntilBudget,
    /// Some documents cannot be made now.
    InPart,
}

impl Publisher {
    /// Makes every document anew that somebody asked for lately and that has changed since, for at most `budget`. Stops
    /// at the first sign that the store does not answer; the next call goes on where this one stopped.
    pub(super) async fn refresh(&self, budget: Duration) -> Refreshed {
        let until = Instant::now() + budget;
        let stale = self.stale();
        let count = stale.len();
        let mut jobs = futures_util::stream::iter(stale)
            .take_while(|_| std::future::ready(Instant::now() < until))
            .map(|(scope, formats)| async move {
                let formats: Vec<Format> = formats.into_iter().collect();
                let sequence = self.sequences(&scope).0;
                (self.maker.make(&scope, &formats).await, scope, sequence)
            })
            .buffer_unordered(REFRESHES_AT_A_TIME);
        let (mut tried, mut behind) = (0, false);
        while let Some((made, scope, sequence)) = jobs.next().await {
            tried += 1;
            match made {
                Ok(made) => drop(self.keep(&scope, made).await),
                Err(MakeError::Behind(ids)) => {
                    behind = true;
                    self.behind.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
                }
                Err(error @ (MakeError::Unrenderable(_) | MakeError::Broke(_))) => {
                    tracing::error!(%scope, %error, "a feed cannot be made, until it changes");
                    self.broken.lock().unwrap_or_else(PoisonError::into_inner).insert(scope, sequence);
                }
                Err(error) => {
                    tracing::warn!(%scope, %error, "a feed cannot be made now, the last good document stays");
                    return Refreshed::InPart;
                }
            }
        }
        match (tried < count, behind) {
            (true, _) => Refreshed::UntilBudget,
            (false, true) => Refreshed::InPart,
            (false, false) => Refreshed::All,
        }
    }

    /// Documents in memory or on disk that their feeds have left behind, but for feeds that cannot be made.
    fn stale(&self) -> BTreeMap<Scope, BTreeSet<Format>> {
        let in_memory = self.memory.all().into_iter().map(|(key, kept)| (key, kept.document().sequence()));
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut stale: BTreeMap<Scope, BTreeSet<Format>> = BTreeMap::new();
        for (key, sequence) in self.disk.all().into_iter().chain(in_memory) {
            let current = self.sequences(&key.scope).0;
            if sequence < current && broken.get(&key.scope) != Some(&current) {
                stale.entry(key.scope).or_default().insert(key.format);
            }
        }
        stale
    }
}
