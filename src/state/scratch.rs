//! State that is forgotten: begins as a copy of another one, or empty, and never writes anything back. For commands that
//! show what a service would do and must not do it (`loa check`, `loa render`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{Adopted, Adoption, Changes, Control, State, StateError, Take, Withdrawal, decide};
use crate::domain::address::{AddressRecord, Claim};
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::entry_id::Identity;
use crate::domain::found::FindPolicy;
use crate::domain::ledger::{ArticleRecord, Batch, Committed, FeedRecord};
use crate::domain::scope::Scope;

/// State in memory.
#[derive(Debug, Default)]
pub struct Scratch(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    identity: Option<Identity>,
    articles: BTreeMap<ArticleId, Stamped<ArticleRecord>>,
    feeds: BTreeMap<Scope, Stamped<FeedRecord>>,
    addresses: BTreeMap<String, Stamped<AddressRecord>>,
    /// The number of the last write.
    written: u64,
    /// The number of the last write of a mark.
    marks_written: u64,
    control: Control,
    control_marker: u64,
    marks: BTreeMap<String, String>,
}

/// A record with the number of its last write.
#[derive(Debug)]
struct Stamped<T> {
    written: u64,
    record: T,
}

impl Scratch {
    /// A copy of `other`, with the marks named. Its identity is not copied: the next claim decides.
    ///
    /// # Errors
    /// The other one does not answer.
    pub async fn copy_of(other: &dyn State, marks: &[&str]) -> Result<Self, StateError> {
        let control = other.control().await?;
        // What is copied was written before whatever is written here.
        let mut contents = Contents { control, written: 1, ..Contents::default() };
        let changes = other.read_since(0, &mut |block| contents.write(block, Vec::new())).await?;
        contents.write(Vec::new(), changes.feeds);
        contents.write_addresses(changes.addresses);
        (contents.written, contents.marks_written) = (changes.cursor, changes.cursor);
        for name in marks {
            if let Some(value) = other.mark(name).await? {
                contents.marks.insert((*name).to_owned(), value);
            }
        }
        Ok(Self(Mutex::new(contents)))
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
        let articles = ids.filter_map(|id| self.articles.get(id)).map(|kept| kept.record.clone()).collect();
        let scopes: BTreeSet<String> = decide::scopes(batch).into_iter().collect();
        let feeds = self.feeds.values().map(|kept| &kept.record);
        let feeds = feeds.filter(|feed| scopes.contains(&feed.scope.to_string())).cloned().collect();
        let decision = decide::batch(batch, articles, feeds);
        self.written += u64::from(!(decision.articles.is_empty() && decision.feeds.is_empty()));
        self.write(decision.articles, decision.feeds);
        for (id, _) in decide::withdrawals(batch) {
            self.withdraw(id, true);
        }
        decision.committed
    }

    /// Keeps records under the number of the last write.
    fn write(&mut self, articles: Vec<ArticleRecord>, feeds: Vec<FeedRecord>) {
        let written = self.written;
        self.articles.extend(articles.into_iter().map(|record| (record.id.clone(), Stamped { written, record })));
        self.feeds.extend(feeds.into_iter().map(|record| (record.scope.clone(), Stamped { written, record })));
    }

    fn write_addresses(&mut self, addresses: Vec<AddressRecord>) {
        let written = self.written;
        let stamped = addresses.into_iter().map(|record| (record.path.clone(), Stamped { written, record }));
        self.addresses.extend(stamped);
    }

    fn claim(&mut self, claims: &[Claim]) -> Vec<AddressRecord> {
        let addresses: Vec<_> = self.addresses.values().map(|kept| kept.record.clone()).collect();
        let last = addresses.iter().map(|record| record.claim).max().unwrap_or_default();
        let claimed = decide::claims(addresses, last, claims);
        self.written += u64::from(!claimed.changed.is_empty());
        self.write_addresses(claimed.changed);
        claimed.standing
    }

    fn since(&self, cursor: u64) -> Changes {
        let mut articles: Vec<_> = self.articles.values().filter(|kept| kept.written > cursor).collect();
        articles.sort_by_key(|kept| kept.written);
        let feeds = self.feeds.values().filter(|kept| kept.written > cursor);
        Changes {
            cursor: self.written,
            articles: articles.into_iter().map(|kept| kept.record.clone()).collect(),
            feeds: feeds.map(|kept| kept.record.clone()).collect(),
            addresses: self
                .addresses
                .values()
                .filter(|kept| kept.written > cursor)
                .map(|kept| kept.record.clone())
                .collect(),
            marks_changed: self.marks_written > cursor,
        }
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

    fn read_since<'a>(&'a self, cursor: u64, take: Take<'a>) -> BoxFuture<'a, Result<Changes, StateError>> {
        let mut changes = self.lock().since(cursor);
        take(std::mem::take(&mut changes.articles));
        done(changes)
    }

    fn addresses(&self) -> BoxFuture<'_, Result<Vec<AddressRecord>, StateError>> {
        done(self.lock().addresses.values().map(|kept| kept.record.clone()).collect())
    }

    fn records<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<ArticleRecord>, StateError>> {
        let contents = self.lock();
        done(ids.iter().filter_map(|id| contents.articles.get(id)).map(|kept| kept.record.clone()).collect())
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Committed, StateError>> {
        done(self.lock().commit(batch))
    }

    fn claim_addresses<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<AddressRecord>, StateError>> {
        done(self.lock().claim(claims))
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

    fn adopt<'a>(&'a self, adoption: &'a Adoption, _at: Timestamp) -> BoxFuture<'a, Result<Vec<Adopted>, StateError>> {
        let mut contents = self.lock();
        // All of them: this is memory, and the question is asked once.
        let records: Vec<ArticleRecord> = contents.articles.values().map(|kept| kept.record.clone()).collect();
        let identity = contents.identity.clone().unwrap_or_else(|| adoption.identity.clone());
        let answers = decide::adoption(adoption, &identity, &contents.control.adopted, &records);
        for (wish, _) in adoption.guids.iter().zip(&answers).filter(|(_, answer)| **answer == Adopted::Recorded) {
            contents.control.adopted.insert(wish.0.clone(), wish.1.clone());
            contents.control_marker += 1;
        }
        done(answers)
    }

    fn set_find_policy<'a>(
        &'a self,
        ids: &'a [ArticleId],
        policy: FindPolicy,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        let mut contents = self.lock();
        contents.control.find.extend(ids.iter().map(|id| (id.clone(), policy)));
        contents.control_marker += 1;
        done(())
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
        let mut contents = self.lock();
        if contents.marks.insert(name.to_owned(), value.to_owned()).as_deref() != Some(value) {
            contents.written += 1;
            contents.marks_written = contents.written;
        }
        done(())
    }
}
