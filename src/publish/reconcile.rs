//! Compares the store with the ledger and writes what differs: of every row (complete reconciliation, DESIGN 4 level C),
//! of some rows, or of none, when a command needs no row.

mod filling;
mod held;
mod known;
mod logged;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::afresh::Afresh;
use super::comparison::{Comparison, Ids};
use super::day;
use super::engine::EngineOptions;
use super::follower::{Follower, renamed};
use super::names;
use super::outcome::{Outcome, Said};
use super::prepared::Prepared;
use super::view::{Names, View};
use super::waiting::Waiting;
use crate::catalog::Catalog;
use crate::catalog::classify::Classifier;
use crate::catalog::transition::{self, Circumstances};
use crate::domain::article::{ArticleId, Status};
use crate::domain::category::{CategoryId, CategoryTree};
use crate::domain::clock::Timestamp;
use crate::domain::fault::{Fault, Severity};
use crate::domain::found::FindPolicy;
use crate::domain::ledger::{Announcement, Batch, Committed, Touch};
use crate::domain::scope::Scope;
use crate::feed;
use crate::observe::metrics;
use crate::state::{Control, State, StateError};
use crate::store::{ArticleStore, Loaded, StoreError};
use logged::Doubtful;

/// Articles loaded at a time: bodies of so many are in memory at once.
const LOAD_AT_A_TIME: usize = 500;
/// Set once the store has been read completely: until then nothing is served, for it would be too little.
pub const FILLED_MARK: &str = "filled";

/// Why a reconciliation came to nothing, or to less than all.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReconcileError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    State(#[from] StateError),
    /// Too much left at once, or the store went back in time.
    #[error("{0}")]
    Held(String),
}

/// Compares store and ledger.
pub(super) struct Reconciler {
    store: Arc<dyn ArticleStore>,
    state: Arc<dyn State>,
    view: Arc<View>,
    options: EngineOptions,
    /// What has to be decided anew because the rules of scopes have changed.
    afresh: Afresh,
    /// The deny list; true: the store said so.
    denied: HashMap<ArticleId, bool>,
    /// Guids taken over from former feeds.
    adopted: HashMap<ArticleId, String>,
    /// What somebody has decided about places in texts.
    find: HashMap<ArticleId, FindPolicy>,
    store_accepted_at: Option<Timestamp>,
    /// Rows that were decided and are in no feed: drafts, faulty ones, those that wait or have gone.
    seen: HashMap<ArticleId, u64>,
    waiting: Waiting,
    /// What waits, decided beforehand.
    prepared: Prepared,
    /// Public articles that the last read did not show.
    missing: BTreeSet<ArticleId>,
    /// The same, of what the change log told.
    doubtful: Doubtful,
    /// Articles that somebody withdrew, restored or gave a guid by command since they were last decided.
    commanded: BTreeSet<ArticleId>,
    held_since: Option<Timestamp>,
    /// What is written, and what others have written.
    pub(super) follower: Follower,
}

impl Reconciler {
    /// Compares a store with the ledger that `follower` follows.
    pub(super) fn new(store: Arc<dyn ArticleStore>, follower: Follower, options: EngineOptions) -> Self {
        let (state, view) = (Arc::clone(&follower.state), Arc::clone(&follower.view));
        Self {
            store,
            state,
            view,
            options,
            afresh: Afresh::default(),
            denied: HashMap::new(),
            adopted: HashMap::new(),
            find: HashMap::new(),
            store_accepted_at: None,
            seen: HashMap::new(),
            waiting: Waiting::default(),
            prepared: Prepared::default(),
            doubtful: Doubtful::default(),
            missing: BTreeSet::new(),
            commanded: BTreeSet::new(),
            held_since: None,
            follower,
        }
    }

    /// Compares the rules of scopes with those that the ledger was made by.
    pub(super) async fn compare_rules(&mut self) -> Result<(), StateError> {
        self.afresh = Afresh::compare(&*self.state, self.options.classify.digest()).await?;
        Ok(())
    }

    /// Takes over the changes of administrative units whose day has come: addresses lead to the successors from now on, and
    /// every article is put into its feeds anew. True: there were some.
    pub(super) async fn turn_day(&mut self, now: Timestamp) -> Result<bool, StateError> {
        let Some(turned) = day::turned(&self.options.classify, now) else { return Ok(false) };
        let (before, gazetteer) = (&self.options.classify.gazetteer, &turned.gazetteer);
        let (articles, retold) = self.view.with_catalog(|catalog| {
            (day::articles(catalog, before, gazetteer), day::retold(catalog, before, gazetteer))
        });
        tracing::info!(
            articles = articles.len(),
            "administrative units change today, articles are put into feeds anew"
        );
        day::record(&*self.state, &turned).await?;
        self.follower.publish_places(gazetteer);
        self.afresh.change(turned.digest(), articles, &*self.state).await?;
        // Titles, subtitles and announcements are others now, whether or not an article comes or goes.
        let touches = retold.into_iter().map(|scope| Touch { scope, at: now, removes: false }).collect();
        self.options.classify = turned;
        self.follower.commit(Batch { touches, ..Batch::default() }).await?;
        Ok(true)
    }

    /// How long until the next article, the end of an announcement, or a row that was not there is to be looked at.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<Duration> {
        let notice = self.view.with_catalog(Catalog::next_notice_due);
        let due = self.waiting.next().into_iter().chain(notice).min();
        let until = due.map(|due| (due - now).to_std().unwrap_or_default());
        until.into_iter().chain(self.doubtful.next(self.options.look_again_after)).min()
    }

    /// Must the next complete read come even if the store says that nothing has changed?
    pub(super) fn wants_read(&self) -> bool {
        !self.missing.is_empty() || self.held_since.is_some()
    }

    /// Takes over what people have commanded. What they withdrew leaves now: that needs no store.
    pub(super) async fn obey(&mut self, control: Control, now: Timestamp) -> Result<bool, StateError> {
        let denied: HashMap<ArticleId, bool> = control.withdrawn.into_iter().map(|w| (w.id, w.by_store)).collect();
        self.commanded.extend(self.denied.keys().filter(|id| !denied.contains_key(*id)).cloned());
        self.commanded.extend(denied.keys().filter(|id| !self.denied.contains_key(*id)).cloned());
        let known: Vec<ArticleId> =
            self.view.with_catalog(|catalog| denied.keys().filter(|id| catalog.is_known(id)).cloned().collect());
        self.commanded.extend(control.adopted.keys().filter(|id| !self.adopted.contains_key(*id)).cloned());
        self.adopted = control.adopted;
        let decided = control.find.iter().filter(|(id, policy)| self.find.get(*id) != Some(policy));
        self.afresh.also(decided.map(|(id, _)| id.clone()));
        self.find = control.find;
        self.store_accepted_at = control.store_accepted_at;
        self.denied = denied;
        let mut batch = Batch::default();
        for chunk in known.chunks(LOAD_AT_A_TIME) {
            let records = self.state.records(chunk).await?;
            batch.writes.extend(records.iter().filter_map(|record| transition::withdraw(record, now)));
        }
        let changed = !batch.writes.is_empty();
        self.follower.commit(batch).await?;
        Ok(changed)
    }

    /// Decides these articles by their rows as they are now. True: something changed.
    pub(super) async fn decide_now(&mut self, ids: &[ArticleId], now: Timestamp) -> Result<bool, ReconcileError> {
        if ids.is_empty() {
            return Ok(false);
        }
        let (names, options) = (self.view.names(), Arc::clone(&self.options.classify));
        let classifier = Classifier::new(&options, &names.categories, names.addresses.book());
        let outcome = self.decide_all(ids, &classifier, now, false).await?;
        let changed = !outcome.batch.writes.is_empty();
        self.take_over(outcome).await?;
        Ok(changed)
    }

    /// Goes on deciding everything anew, if the rules of scopes have changed. True: something changed.
    pub(super) async fn decide_afresh(&mut self, now: Timestamp) -> Result<bool, ReconcileError> {
        let part = self.afresh.next();
        let changed = self.decide_now(&part, now).await?;
        self.afresh.done(&part, &*self.state).await?;
        Ok(changed)
    }

    /// Is there more to decide anew?
    pub(super) const fn is_behind_rules(&self) -> bool {
        !self.afresh.is_done()
    }

    /// Gives combinations that somebody asks for their first record, and has feeds of units that are no more begin to
    /// announce it. True: something changed.
    pub(super) async fn begin(&mut self, wanted: Vec<Scope>, now: Timestamp) -> Result<bool, StateError> {
        let (names, zone) = (self.view.names(), self.options.classify.zone);
        let (begins, places): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|scope| scope.parts().is_some());
        let announcement = |scope: Scope| {
            let announced = feed::announced(&scope, &names.addresses, zone)?;
            Some(Announcement { scope, change: announced.at, at: now })
        };
        let announcements: Vec<_> = places.into_iter().filter_map(announcement).collect();
        let changed = !announcements.is_empty();
        if changed || !begins.is_empty() {
            self.follower.commit(Batch { begins, announcements, ..Batch::default() }).await?;
        }
        Ok(changed)
    }

    /// Takes announcements out whose time is up. True: something changed.
    pub(super) async fn end_notices(&mut self, now: Timestamp) -> Result<bool, StateError> {
        let due = |catalog: &Catalog| catalog.notices_due(now).map(|scope| (scope.clone(), now)).collect();
        let expiries: Vec<_> = self.view.with_catalog(due);
        let changed = !expiries.is_empty();
        if changed {
            self.follower.commit(Batch { expiries, ..Batch::default() }).await?;
        }
        Ok(changed)
    }

    /// Brings ledger and catalog up to a complete read. False: it was the first one, and was cut off by `stop`.
    pub(super) async fn reconcile(
        &mut self,
        shown: Comparison,
        now: Timestamp,
        stop: &CancellationToken,
    ) -> Result<bool, ReconcileError> {
        let old_names = self.view.names();
        let done = self.reconcile_from(&old_names, shown, now, stop).await;
        if done.is_err() && self.view.is_filled() {
            self.take_back(&old_names);
        }
        done
    }

    async fn reconcile_from(
        &mut self,
        old_names: &Names,
        shown: Comparison,
        now: Timestamp,
        stop: &CancellationToken,
    ) -> Result<bool, ReconcileError> {
        let accepted = self.accepted();
        // Now, and not while the read went on: they may have changed since, and that may have been taken over.
        let (categories, faults) = self.store.categories().await?;
        if categories.is_empty() && !old_names.categories.all().is_empty() && !accepted {
            return Err(self.hold(now, "every category has vanished from the store at once".to_owned()));
        }
        let tree = CategoryTree::new(categories);
        let vanished = self.vanished(&shown, now, accepted).await?;
        let options = Arc::clone(&self.options.classify);
        let wishes = names::wishes(&tree, &options.custom);
        let book = names::claim(&*self.state, old_names.addresses.book(), &wishes).await?;
        let same = matches!(book, Cow::Borrowed(_)) && tree == old_names.categories;
        let names = Names { categories: tree.clone(), addresses: old_names.addresses.with_book(book.into_owned()) };
        let is_renamed = renamed(old_names, &names);
        let classifier = Classifier::new(&options, &tree, names.addresses.book());
        let changed = self.changed(&shown);
        if self.view.is_filled() {
            let changed: Vec<ArticleId> = changed.iter().map(ArticleId::new).collect();
            let mut outcome = self.decide_all(&changed, &classifier, now, false).await?;
            self.add_vanished(&vanished, now, &mut outcome.batch).await?;
            if old_names.categories != tree {
                let now = Circumstances { now, classifier: &classifier, denied: false, first_fill: false };
                self.add_re_scoped(&old_names.categories, &tree, &now, &mut outcome).await?;
            }
            self.hold_if_suspicious(&outcome, shown.len(), now, accepted)?;
            metrics::reconcile_changes(outcome.batch.writes.len());
            if !same {
                self.follower.publish(&names);
            }
            self.take_over(outcome).await?;
        } else {
            self.follower.publish(&names);
            if self.view.with_catalog(Catalog::is_empty) {
                // Before the first decision: if it is cut off and the rules change, the next process knows.
                self.afresh.record(&*self.state).await?;
            }
            if !self.fill(&changed, &classifier, now, stop).await? {
                return Ok(false);
            }
        }
        if is_renamed {
            names::record(&*self.state, &tree).await?;
        }
        self.completed(shown, faults).await?;
        Ok(true)
    }

    async fn completed(&mut self, shown: Comparison, faults: Vec<Fault>) -> Result<(), ReconcileError> {
        if !self.view.is_filled() {
            self.state.set_mark(FILLED_MARK, "1").await?;
        }
        self.view.with_catalog(|catalog| self.afresh.begin(shown.all(catalog)));
        self.held_since = None;
        self.commanded.clear();
        self.seen.retain(|id, _| shown.shows(id));
        // What is gone before its hour is not published by what was decided then: its row is asked for.
        for (_, id) in self.waiting.all().filter(|(_, id)| !shown.shows(id)) {
            self.prepared.set(id, None);
        }
        let mut faults = [shown.faults, faults].concat();
        let names = self.view.names();
        faults.extend(names::faults(&names));
        faults.extend(names::unknown_criteria(&self.options.classify.custom, names.addresses.book()));
        self.view.note(|status| {
            let known: BTreeSet<&Fault> = status.general_faults.iter().collect();
            let new = || faults.iter().filter(|fault| !known.contains(fault));
            let is_notice = |fault: &&Fault| fault.code.severity() == Severity::Notice;
            for fault in new().filter(|fault| !is_notice(fault)) {
                tracing::warn!(code = fault.code.code(), "{fault}");
            }
            let notices = new().filter(is_notice).count();
            if notices > 0 {
                tracing::info!(notices, "there is something to look at, `loa check` names it");
            }
            status.general_faults = faults;
            status.filled = true;
        });
        Ok(())
    }

    /// Rows that are not as they were when they were last decided.
    fn changed(&self, shown: &Comparison) -> Ids {
        let also = |id: &str| self.options.decide_all || self.commanded.contains(id);
        self.view.with_catalog(|catalog| shown.changed(catalog, &self.seen, also))
    }

    async fn decide_all(
        &mut self,
        ids: &[ArticleId],
        classifier: &Classifier<'_>,
        now: Timestamp,
        first_fill: bool,
    ) -> Result<Outcome, ReconcileError> {
        let mut outcome = Outcome { decided: ids.to_vec(), ..Outcome::default() };
        outcome.batch.filling = first_fill;
        for chunk in ids.chunks(LOAD_AT_A_TIME) {
            // In this order: another replica may have decided by newer rows in between, and nothing may go back.
            let records = self.state.records(chunk).await?;
            let mut records: HashMap<_, _> = records.into_iter().map(|record| (record.id.clone(), record)).collect();
            let mut absent: HashSet<&ArticleId> = chunk.iter().collect();
            let rows = self.store.load(chunk).await?;
            self.follower.articles.keep_rows(&rows);
            let before = outcome.batch.writes.len();
            for loaded in &rows {
                absent.remove(&loaded.id);
                let record = records.remove(&loaded.id);
                let denied = self.is_denied(loaded).await?;
                let circumstances = Circumstances { now, classifier, denied, first_fill };
                let adopted = self.adopted.get(&loaded.id).map(String::as_str);
                let said = Said { adopted, find: self.find.get(&loaded.id).copied() };
                outcome.add(record.as_ref(), loaded, said, &circumstances);
            }
            if first_fill && let Some(file) = self.follower.articles.file() {
                let writes = outcome.batch.writes.get(before..).unwrap_or_default();
                outcome.summaries.extend(filling::summaries(file, rows, writes).await);
            }
            // Deleted since; if it comes back, it has to be looked at.
            outcome.seen.extend(absent.iter().map(|id| ((*id).clone(), None)));
            outcome.due.extend(absent.iter().map(|id| ((*id).clone(), None)));
            outcome.absent.extend(absent.into_iter().cloned());
        }
        Ok(outcome)
    }

    /// On the deny list? A store that may restore takes its own withdrawals back by saying `published` again.
    async fn is_denied(&mut self, loaded: &Loaded) -> Result<bool, StateError> {
        let Some(by_store) = self.denied.get(&loaded.id) else { return Ok(false) };
        let says_published = loaded.article.as_ref().is_ok_and(|article| article.status == Status::Published);
        if !(*by_store && says_published && self.options.store_may_restore) {
            return Ok(true);
        }
        self.state.restore(&loaded.id, self.options.clock.now()).await?;
        self.denied.remove(&loaded.id);
        Ok(false)
    }

    /// Gives authors and tags that are new their addresses: before their articles come, so that documents name them.
    async fn claim_labels(&mut self, labels: &HashMap<Scope, String>) -> Result<(), StateError> {
        let names = self.view.names();
        let wishes = names::new_labels(labels, names.addresses.book());
        if wishes.is_empty() {
            return Ok(());
        }
        let book = names::claim(&*self.state, names.addresses.book(), &wishes).await?;
        let addresses = names.addresses.with_book(book.into_owned());
        self.follower.publish(&Names { categories: names.categories.clone(), addresses });
        Ok(())
    }

    /// Commits what was decided, and only then remembers it. Gives what has changed.
    async fn take_over(&mut self, outcome: Outcome) -> Result<Committed, StateError> {
        self.claim_labels(&outcome.labels).await?;
        outcome.log_faults();
        let committed = self.follower.commit(outcome.batch).await?;
        for (id, digest) in outcome.seen {
            match digest {
                Some(digest) => self.seen.insert(id, digest),
                None => self.seen.remove(&id),
            };
        }
        for (id, due) in outcome.due {
            self.waiting.set(&id, due);
            self.prepared.set(&id, None);
        }
        self.prepared.decide_by(&self.options.classify, &self.view.names().categories);
        for (id, early) in outcome.early {
            self.prepared.set(&id, Some(early));
        }
        self.view.note_faults(&outcome.decided, outcome.faults);
        Ok(committed)
    }

    async fn add_vanished(&self, ids: &[ArticleId], now: Timestamp, batch: &mut Batch) -> Result<(), StateError> {
        for chunk in ids.chunks(LOAD_AT_A_TIME) {
            let records = self.state.records(chunk).await?;
            batch.writes.extend(records.iter().filter_map(|record| transition::vanish(record, now)));
        }
        Ok(())
    }

    /// The tree has changed: articles move to other scopes, and documents that name a changed category change.
    async fn add_re_scoped(
        &self,
        old: &CategoryTree,
        tree: &CategoryTree,
        circumstances: &Circumstances<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), StateError> {
        let changed = names::changed(old, tree);
        if changed.is_empty() {
            return Ok(());
        }
        let decided: HashSet<ArticleId> = outcome.decided.iter().cloned().collect();
        let ids: Vec<ArticleId> = self.view.with_catalog(|catalog| catalog.public().collect());
        let mut renamed = self.retitled(old, tree);
        for chunk in ids.chunks(LOAD_AT_A_TIME) {
            for record in self.state.records(chunk).await? {
                let above = |tree: &CategoryTree, id: &CategoryId| {
                    tree.self_and_ancestors(id).iter().any(|category| changed.contains(&category.id))
                };
                if record.categories.iter().any(|id| above(old, id) || above(tree, id)) {
                    renamed.extend(record.scopes.iter().cloned());
                    renamed.extend(Scope::combinations(record.scopes.iter(), record.scopes.iter()));
                }
                // What was decided comes into the scopes of its row.
                if !decided.contains(&record.id)
                    && let Some(write) = transition::re_scope(&record, circumstances)
                {
                    outcome.add_write(Some(&record), write);
                }
            }
        }
        let touch = |scope| Touch { scope, at: circumstances.now, removes: false };
        outcome.batch.touches.extend(renamed.into_iter().map(touch));
        Ok(())
    }

    /// The feeds that are called otherwise with the tree, also those that hold nothing: somebody may have subscribed to them.
    fn retitled(&self, old: &CategoryTree, tree: &CategoryTree) -> BTreeSet<Scope> {
        let retitled = names::retitled(old, tree);
        let is_theirs = |scope: &&Scope| match scope {
            Scope::Category(id) | Scope::Combination(id, _) => retitled.contains(id),
            _ => false,
        };
        let mut scopes: BTreeSet<Scope> =
            self.view.with_catalog(|catalog| catalog.recorded().filter(is_theirs).cloned().collect());
        scopes.extend(retitled.iter().filter(|id| old.get(id).is_some()).cloned().map(Scope::Category));
        scopes
    }
}
