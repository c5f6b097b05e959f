//! What the store's change log tells (DESIGN 4, level A): which rows to look at, and nothing of what is in them. So a line
//! that comes twice, late, or together with another one does no harm: a row is decided by what it is now.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ReconcileError, Reconciler, names, renamed};
use crate::catalog::Catalog;
use crate::catalog::classify::Classifier;
use crate::catalog::transition::Circumstances;
use crate::domain::article::ArticleId;
use crate::domain::category::CategoryTree;
use crate::domain::clock::Timestamp;
use crate::domain::ledger::Batch;
use crate::observe::metrics;
use crate::publish::outcome::Outcome;
use crate::publish::prepared::Early;
use crate::publish::view::Names;
use crate::store::log::LogChanges;

/// Articles that are decided and committed in one step: whatever a newsroom changes at once is one step for readers too.
const DECIDE_AT_A_TIME: usize = 20_000;

/// Articles in the feeds whose row was not there, and since when.
#[derive(Debug, Default)]
pub(super) struct Doubtful(HashMap<ArticleId, Instant>);

/// What a faulty store does much of at once.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    gone_back: usize,
    uncategorised: usize,
}

impl Doubtful {
    fn forget_present(&mut self, outcome: &Outcome) {
        if !self.0.is_empty() {
            let absent: HashSet<&ArticleId> = outcome.absent.iter().collect();
            for id in outcome.decided.iter().filter(|id| !absent.contains(id)) {
                self.0.remove(id);
            }
        }
    }

    fn note(&mut self, absent: impl IntoIterator<Item = ArticleId>) {
        let now = Instant::now();
        for id in absent {
            self.0.entry(id).or_insert(now);
        }
    }

    /// Those that are to be looked for once more.
    fn due(&self, after: Duration) -> Vec<ArticleId> {
        let due = self.0.iter().filter(|(_, since)| since.elapsed() >= after);
        due.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How long until the first of them is to be looked for.
    pub(super) fn next(&self, after: Duration) -> Option<Duration> {
        self.0.values().map(|since| after.saturating_sub(since.elapsed())).min()
    }
}

impl Reconciler {
    /// Brings ledger and catalog up to what the log tells. `Some`: it was not done, because so much must not happen at once
    /// without a complete read; the reason.
    pub(in crate::publish) async fn follow_log(
        &mut self,
        changes: &LogChanges,
        now: Timestamp,
    ) -> Result<Option<String>, ReconcileError> {
        let old = self.view.names();
        let new = if changes.categories { self.present_names(&old).await? } else { Some(Arc::clone(&old)) };
        let Some(new) = new else { return Ok(Some("every category has vanished".to_owned())) };
        let refused = self.take_over_told(changes, &old, &new, now).await;
        if !matches!(refused, Ok(None)) {
            self.take_back(&old);
        }
        refused
    }

    /// Half done is not done: with the categories of before, the next turn finds again what has changed.
    pub(super) fn take_back(&mut self, old: &Names) {
        let now = self.view.names();
        if now.categories != old.categories {
            let addresses = now.addresses.clone();
            self.follower.publish(&Names { categories: old.categories.clone(), addresses });
        }
    }

    async fn take_over_told(
        &mut self,
        changes: &LogChanges,
        old: &Arc<Names>,
        new: &Arc<Names>,
        now: Timestamp,
    ) -> Result<Option<String>, ReconcileError> {
        let is_other = !Arc::ptr_eq(old, new);
        let options = Arc::clone(&self.options.classify);
        let classifier = Classifier::new(&options, &new.categories, new.addresses.book());
        let mut counted = Counted::default();
        let none: &[ArticleId] = &[];
        let parts = changes.articles.chunks(DECIDE_AT_A_TIME).chain(changes.articles.is_empty().then_some(none));
        for (number, part) in parts.enumerate() {
            let mut outcome = self.decide_all(part, &classifier, now, false).await?;
            if number == 0 && is_other {
                let circumstances = Circumstances { now, classifier: &classifier, denied: false, first_fill: false };
                self.add_re_scoped(&old.categories, &new.categories, &circumstances, &mut outcome).await?;
            }
            let absent = self.public_of(&outcome.absent);
            if let Some(why) = self.refused(&mut counted, &outcome, &absent) {
                return Ok(Some(why));
            }
            if number == 0 && is_other {
                self.follower.publish(new);
            }
            self.doubtful.note(absent);
            self.doubtful.forget_present(&outcome);
            metrics::reconcile_changes(outcome.batch.writes.len());
            self.take_over(outcome).await?;
        }
        if is_other && renamed(old, new) {
            names::record(&*self.state, &new.categories).await?;
        }
        Ok(None)
    }

    /// The categories as they are now, with their addresses; `None` if there are none any more.
    async fn present_names(&self, old: &Arc<Names>) -> Result<Option<Arc<Names>>, ReconcileError> {
        let (categories, _) = self.store.categories().await?;
        if categories.is_empty() && !old.categories.all().is_empty() {
            return Ok(None);
        }
        let tree = CategoryTree::new(categories);
        if tree == old.categories {
            return Ok(Some(Arc::clone(old)));
        }
        let wishes = names::wishes(&tree, &self.options.classify.custom);
        let book = names::claim(&*self.state, old.addresses.book(), &wishes).await?;
        let addresses = old.addresses.with_book(book.into_owned());
        Ok(Some(Arc::new(Names { categories: tree, addresses })))
    }

    /// Is it too much at once?
    fn refused(&self, counted: &mut Counted, outcome: &Outcome, absent: &[ArticleId]) -> Option<String> {
        counted.gone_back += outcome.gone_back;
        counted.uncategorised += outcome.uncategorised;
        let public = self.view.with_catalog(Catalog::len);
        let limit = self.options.vanish_limit(public);
        let missing = self.doubtful.0.len() + absent.iter().filter(|id| !self.doubtful.0.contains_key(*id)).count();
        let all = public > 1 && missing >= public;
        let Counted { gone_back, uncategorised } = *counted;
        (all || missing.max(gone_back).max(uncategorised) > limit).then(|| {
            format!(
                "at once, {missing} articles have vanished, {gone_back} have gone back in time, {uncategorised} have lost \
                 their categories"
            )
        })
    }

    /// Looks once more for rows that were not there; what two looks did not show has vanished.
    pub(in crate::publish) async fn look_again(&mut self, now: Timestamp) -> Result<(), ReconcileError> {
        let due = self.doubtful.due(self.options.look_again_after);
        if due.is_empty() {
            return Ok(());
        }
        let (names, options) = (self.view.names(), Arc::clone(&self.options.classify));
        let classifier = Classifier::new(&options, &names.categories, names.addresses.book());
        let mut outcome = self.decide_all(&due, &classifier, now, false).await?;
        let vanished = self.public_of(&outcome.absent);
        self.add_vanished(&vanished, now, &mut outcome.batch).await?;
        self.take_over(outcome).await?;
        for id in &due {
            self.doubtful.0.remove(id);
        }
        Ok(())
    }

    /// Decides what people have commanded of articles: restored, given a guid. Their rows have not changed, so nothing else
    /// tells.
    pub(in crate::publish) async fn decide_commanded(&mut self, now: Timestamp) -> Result<(), ReconcileError> {
        let ids: Vec<ArticleId> = self.commanded.iter().cloned().collect();
        self.decide_now(&ids, now).await?;
        for id in &ids {
            self.commanded.remove(id);
        }
        Ok(())
    }

    /// Publishes what is due: what was decided beforehand without asking the store, the rest by its row. Returns those that
    /// are to be decided by their rows. Unless the log has `told` that nothing has changed since they were decided, the rows
    /// are asked, if the store answers.
    pub(in crate::publish) async fn publish_due(
        &mut self,
        now: Timestamp,
        told: bool,
    ) -> Result<Vec<ArticleId>, ReconcileError> {
        let due = self.waiting.until(now);
        if due.is_empty() {
            return Ok(due);
        }
        if !told {
            match self.decide_now(&due, now).await {
                Err(ReconcileError::Store(error)) => {
                    tracing::warn!(%error, "what is due cannot be looked at, it is published as it was");
                }
                done => return done.map(|_| Vec::new()),
            }
        }
        // No document shows what nobody has looked at since.
        self.follower.articles.keep_rows(&[]);
        self.prepared.decide_by(&self.options.classify, &self.view.names().categories);
        let mut outcome = Outcome::default();
        let mut rest = Vec::new();
        for id in due {
            match self.prepared.take(&id).filter(|early| self.still_holds(&id, early)) {
                Some(early) => outcome.add_early(id, early, now),
                None => rest.push(id),
            }
        }
        if outcome.batch != Batch::default() {
            metrics::reconcile_changes(outcome.batch.writes.len());
            self.take_over(outcome).await?;
        }
        Ok(rest)
    }

    /// Would the article be decided in the same way now?
    fn still_holds(&self, id: &ArticleId, early: &Early) -> bool {
        let is_same = early.adopted.as_ref() == self.adopted.get(id) && early.find == self.find.get(id).copied();
        is_same && !self.denied.contains_key(id)
    }

    fn public_of(&self, ids: &[ArticleId]) -> Vec<ArticleId> {
        self.view.with_catalog(|catalog| ids.iter().filter(|id| catalog.digest(*id).is_some()).cloned().collect())
    }
}
