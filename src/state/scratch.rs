//! State that is forgotten: begins as a copy of another one, or empty, and never writes anything back. For commands that
//! show what a service would do and must not do it (`loa check`, `loa render`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{Control, Ledger, State, StateError, Withdrawal, decide};
use crate::domain::address::AddressRecord;
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::entry_id::Identity;
use crate::domain::ledger::{ArticleRecord, Batch, Committed, FeedRecord};
use crate::domain::scope::Scope;

/// State in memory.
#[derive(Debug, Default)]
pub struct Scratch(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    identity: Option<Identity>,
    articles: BTreeMap<ArticleId, ArticleRecord>,
    feeds: BTreeMap<Scope, FeedRecord>,
    addresses: Vec<AddressRecord>,
    control: Control,
    control_marker: u64,
    marks: BTreeMap<String, String>,
}

impl Scratch {
    /// A copy of `other`, with the marks named. Its identity is not copied: the next claim decides.
    ///
    /// # Errors
    /// The other one does not answer.
    pub async fn copy_of(other: &dyn State, marks: &[&str]) -> Result<Self, StateError> {
        let ledger = other.load().await?;
        let mut contents = Contents {
            articles: ledger.articles.into_iter().map(|record| (record.id.clone(), record)).collect(),
            feeds: ledger.feeds.into_iter().map(|record| (record.scope.clone(), record)).collect(),
            addresses: ledger.addresses,
            control: other.control().await?,
            ..Contents::default()
        };
        for name in marks {
            if let Some(value) = other.mark(name).await? {
                contents.marks.insert((*name).to_owned(), value);
            }
        }
        Ok(Self(Mutex::new(contents)))
    }

    /// Forgets which rows the records were decided on, so that every row is looked at anew and tells its faults.
    pub fn forget_rows(&self) {
        for record in self.lock().articles.values_mut() {
            record.digest = 0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn done<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, StateError>> {
    ready(Ok(value)).boxed()
}

impl Contents {
    fn commit(&mut self, batch: &Batch) -> Committed {
        let ids = batch.writes.iter().map(|write| &write.record.id);
        let articles = ids.filter_map(|id| self.articles.get(id).cloned()).collect();
        let scopes: BTreeSet<String> = decide::scopes(batch).into_iter().collect();
        let feeds = self.feeds.values().filter(|feed| scopes.contains(&feed.scope.to_string())).cloned().collect();
        let decision = decide::batch(batch, articles, feeds);
        self.articles.extend(decision.articles.into_iter().map(|record| (record.id.clone(), record)));
        self.feeds.extend(decision.feeds.into_iter().map(|record| (record.scope.clone(), record)));
        for (id, _) in decide::withdrawals(batch) {
            self.withdraw(id, true);
        }
        decision.committed
    }

    fn withdraw(&mut self, id: &ArticleId, by_store: bool) {
        if !self.control.withdrawn.iter().any(|withdrawal| withdrawal.id == *id) {
            self.control.withdrawn.push(Withdrawal { id: id.clone(), by_store });
            self.control.withdrawn.sort_by(|a, b| a.id.cmp(&b.id));
            self.control_marker += 1;
        }
    }

    fn restore(&mut self, id: &ArticleId) -> bool {
        let before = self.control.withdrawn.len();
        self.control.withdrawn.retain(|withdrawal| withdrawal.id != *id);
        let restored = self.control.withdrawn.len() < before;
        self.control_marker += u64::from(restored);
        restored
    }
}

impl State for Scratch {
    fn claim_identity<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Result<Identity, StateError>> {
        done(self.lock().identity.get_or_insert_with(|| identity.clone()).clone())
    }

    fn load(&self) -> BoxFuture<'_, Result<Ledger, StateError>> {
        let contents = self.lock();
        done(Ledger {
            articles: contents.articles.values().cloned().collect(),
            feeds: contents.feeds.values().cloned().collect(),
            addresses: contents.addresses.clone(),
        })
    }

    fn records<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<ArticleRecord>, StateError>> {
        let contents = self.lock();
        done(ids.iter().filter_map(|id| contents.articles.get(id).cloned()).collect())
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Committed, StateError>> {
        done(self.lock().commit(batch))
    }

    fn claim_addresses<'a>(
        &'a self,
        claims: &'a [(Scope, String)],
    ) -> BoxFuture<'a, Result<Vec<AddressRecord>, StateError>> {
        let mut contents = self.lock();
        decide::claims(&mut contents.addresses, claims);
        done(contents.addresses.clone())
    }

    fn control_marker(&self) -> BoxFuture<'_, Result<u64, StateError>> {
        done(self.lock().control_marker)
    }

    fn control(&self) -> BoxFuture<'_, Result<Control, StateError>> {
        done(self.lock().control.clone())
    }

    fn withdraw<'a>(&'a self, id: &'a ArticleId, _at: Timestamp) -> BoxFuture<'a, Result<(), StateError>> {
        self.lock().withdraw(id, false);
        done(())
    }

    fn restore<'a>(&'a self, id: &'a ArticleId, _at: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        done(self.lock().restore(id))
    }

    fn accept_store(&self, at: Timestamp) -> BoxFuture<'_, Result<(), StateError>> {
        let mut contents = self.lock();
        contents.control.store_accepted_at = Some(at);
        contents.control_marker += 1;
        done(())
    }

    fn mark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, StateError>> {
        done(self.lock().marks.get(name).cloned())
    }

    fn set_mark<'a>(&'a self, name: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), StateError>> {
        self.lock().marks.insert(name.to_owned(), value.to_owned());
        done(())
    }
}
