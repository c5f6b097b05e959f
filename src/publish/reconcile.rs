//! Complete reconciliation (DESIGN 4, level C): reads the store once, compares it with the ledger, writes what differs.
//! The live engine will give it smaller questions; what it decides will be the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::engine::EngineOptions;
use super::naming::{CATEGORIES_MARK, changed_categories, claims, stands_above, wish, write_categories};
use super::view::{Names, View};
use crate::catalog::transition::{self, Circumstances, Decision, Row};
use crate::domain::address::AddressBook;
use crate::domain::article::{ArticleId, Status};
use crate::domain::category::{CategoryId, CategoryTree};
use crate::domain::clock::Timestamp;
use crate::domain::fault::{Fault, FaultCode, Severity, Subject};
use crate::domain::ledger::{ArticleRecord, Batch, Committed, Touch};
use crate::domain::scope::Scope;
use crate::observe::metrics;
use crate::state::{Control, State, StateError};
use crate::store::{ArticleStore, Loaded, Scan, StoreError};
use crate::text::slug;

/// Articles loaded at a time: bodies of so many are in memory at once.
const LOAD_AT_A_TIME: usize = 500;
/// Articles written in one transaction while the ledger is filled for the first time. Later everything that one
/// reconciliation finds is one transaction.
const FILL_AT_A_TIME: usize = 5_000;
/// Tries to agree with other replicas on an address.
const CLAIM_TRIES: usize = 3;

/// Why a reconciliation came to nothing. Everything stays as it was.
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

/// What a reconciliation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// Articles, and with them sequences of feeds.
    Articles,
    /// Names or addresses too: documents change that no sequence counts.
    Names,
}

/// Compares store and ledger.
pub(super) struct Reconciler {
    pub(super) store: Arc<dyn ArticleStore>,
    pub(super) state: Arc<dyn State>,
    pub(super) view: Arc<View>,
    pub(super) options: EngineOptions,
    pub(super) control: Control,
    /// Rows that were looked at and are in no ledger record: drafts, faulty ones, those that wait.
    seen: HashMap<ArticleId, u64>,
    /// When articles become due.
    waiting: Waiting,
    /// Public articles that the last read did not show.
    missing: BTreeSet<ArticleId>,
    /// Articles that somebody withdrew or restored by command since they were last decided.
    commanded: BTreeSet<ArticleId>,
    held_since: Option<Timestamp>,
}

/// What the decisions of one reconciliation add up to.
#[derive(Default)]
struct Outcome {
    batch: Batch,
    /// Rows whose `updated_at` is earlier than the one they were published with.
    gone_back: usize,
    faults: BTreeMap<ArticleId, Vec<Fault>>,
}

impl Reconciler {
    pub(super) fn new(
        store: Arc<dyn ArticleStore>,
        state: Arc<dyn State>,
        view: Arc<View>,
        options: EngineOptions,
    ) -> Self {
        Self {
            store,
            state,
            view,
            options,
            control: Control::default(),
            seen: HashMap::new(),
            waiting: Waiting::default(),
            missing: BTreeSet::new(),
            commanded: BTreeSet::new(),
            held_since: None,
        }
    }

    /// When the next article becomes due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.waiting.next()
    }

    /// Must the next complete read come even if the store says that nothing has changed?
    pub(super) fn wants_read(&self) -> bool {
        !self.missing.is_empty() || !self.commanded.is_empty()
    }

    /// Takes over what people have commanded.
    pub(super) fn set_control(&mut self, control: Control) {
        let ids = |control: &Control| control.withdrawn.iter().map(|w| w.id.clone()).collect::<BTreeSet<_>>();
        self.commanded.extend(ids(&self.control).symmetric_difference(&ids(&control)).cloned());
        self.control = control;
    }

    /// Takes out what people have withdrawn, by the ledger alone: it counts while the store is down, or its change held.
    /// True: something left.
    pub(super) async fn take_down(&self, now: Timestamp) -> Result<bool, ReconcileError> {
        let denied = self.control.withdrawn.iter().map(|withdrawal| &withdrawal.id);
        let ids: Vec<ArticleId> = denied.filter(|id| self.commanded.contains(*id)).cloned().collect();
        if ids.is_empty() {
            return Ok(false);
        }
        let names = self.view.names();
        let circumstances = Circumstances { now, tree: &names.categories, denied: true, first_fill: false };
        let records = self.state.records(&ids).await?;
        let writes: Vec<_> = records.iter().filter_map(|record| transition::withdraw(record, &circumstances)).collect();
        if writes.is_empty() {
            return Ok(false);
        }
        let committed = self.state.commit(&Batch { writes, ..Batch::default() }).await?;
        self.view.apply(None, &committed);
        Ok(true)
    }

    /// Publishes what has become due, without a complete read. True: something changed.
    pub(super) async fn publish_due(&mut self, now: Timestamp) -> Result<bool, ReconcileError> {
        let due = self.waiting.until(now);
        if due.is_empty() {
            return Ok(false);
        }
        let names = self.view.names();
        let outcome = self.decide_all(&due, &names.categories, now, false).await?;
        let changed = !outcome.batch.writes.is_empty();
        let committed = self.state.commit(&outcome.batch).await?;
        self.view.apply(None, &committed);
        // Only now: what a failed commit leaves undone is due again. A row that has gone is no longer waited for.
        for id in &due {
            self.waiting.forget_until(id, now);
        }
        self.note_faults(outcome.faults, &due);
        Ok(changed)
    }

    /// Reads the whole store and brings ledger and catalog up to it.
    pub(super) async fn reconcile(&mut self, now: Timestamp) -> Result<Change, ReconcileError> {
        let first_fill = self.view.with_catalog(crate::catalog::Catalog::is_blank) && !self.view.is_filled();
        let scan = self.store.scan().await?;
        let accepted = self.accepted();
        let old_names = self.view.names();
        if scan.categories.is_empty() && !old_names.categories.all().is_empty() && !accepted {
            return Err(self.hold(now, "every category has vanished from the store at once".to_owned()));
        }
        let tree = CategoryTree::new(scan.categories.clone());
        let vanished = self.vanished(&scan, now, accepted)?;
        let changed = self.changed(&scan);
        if first_fill {
            self.fill(&changed, &tree, now).await?;
        }
        let rest = if first_fill { Vec::new() } else { changed };
        let mut outcome = self.decide_all(&rest, &tree, now, false).await?;
        if outcome.gone_back > self.options.vanish_limit(scan.heads.len()) && !accepted {
            let count = outcome.gone_back;
            return Err(
                self.hold(now, format!("{count} articles have an earlier updated_at than before: an older backup?"))
            );
        }
        self.add_vanished(&vanished, &tree, now, &mut outcome.batch).await?;
        if !first_fill && old_names.categories != tree {
            self.add_re_scoped(&old_names.categories, &tree, now, &mut outcome.batch).await?;
        }
        let names = self.names(&old_names, &scan, tree).await?;
        let renamed = names.is_some();
        let committed = if outcome.batch == Batch::default() {
            Committed::default()
        } else {
            self.state.commit(&outcome.batch).await?
        };
        let affected = self.view.apply(names, &committed);
        self.note_faults(outcome.faults, &rest);
        self.note_general(&scan);
        self.held_since = None;
        self.view.note(|status| {
            status.filled = true;
            status.held = None;
        });
        self.commanded.clear();
        let heads: HashSet<&ArticleId> = scan.heads.iter().map(|head| &head.id).collect();
        self.seen.retain(|id, _| heads.contains(id));
        metrics::reconcile_changes(outcome.batch.writes.len());
        Ok(match (renamed, affected.is_empty()) {
            (true, _) => Change::Names,
            (false, false) => Change::Articles,
            (false, true) => Change::Nothing,
        })
    }

    /// Has somebody let the held change through?
    fn accepted(&self) -> bool {
        matches!((self.held_since, self.control.store_accepted_at), (Some(held), Some(accepted)) if accepted >= held)
    }

    fn hold(&mut self, now: Timestamp, why: String) -> ReconcileError {
        self.held_since.get_or_insert(now);
        ReconcileError::Held(why)
    }

    /// Articles in the feeds that two complete reads did not show. Those that only this one does not show are noted.
    fn vanished(&mut self, scan: &Scan, now: Timestamp, accepted: bool) -> Result<Vec<ArticleId>, ReconcileError> {
        let heads: HashSet<&ArticleId> = scan.heads.iter().map(|head| &head.id).collect();
        let (public, absent) = self.view.with_catalog(|catalog| {
            (catalog.len(), catalog.public().filter(|id| !heads.contains(id)).collect::<BTreeSet<_>>())
        });
        let all = public > 1 && absent.len() == public;
        if (all || absent.len() > self.options.vanish_limit(public)) && !accepted {
            let count = absent.len();
            return Err(self.hold(now, format!("{count} of {public} articles have vanished from the store at once")));
        }
        let agreed = absent.iter().filter(|id| accepted || self.missing.contains(*id)).cloned().collect::<Vec<_>>();
        self.missing = absent.into_iter().filter(|id| !agreed.contains(id)).collect();
        Ok(agreed)
    }

    /// Rows that are not as they were when they were last decided.
    fn changed(&self, scan: &Scan) -> Vec<ArticleId> {
        self.view.with_catalog(|catalog| {
            let known = |id: &ArticleId| self.seen.get(id).copied().or_else(|| catalog.digest(id));
            let differs = scan
                .heads
                .iter()
                .filter(|head| known(&head.id) != Some(head.digest) || self.commanded.contains(&head.id));
            differs.map(|head| head.id.clone()).collect()
        })
    }

    /// Fills an empty ledger, in transactions of bounded size. Nothing is served until it is done.
    async fn fill(&mut self, ids: &[ArticleId], tree: &CategoryTree, now: Timestamp) -> Result<(), ReconcileError> {
        for chunk in ids.chunks(FILL_AT_A_TIME) {
            let outcome = self.decide_all(chunk, tree, now, true).await?;
            let committed = self.state.commit(&outcome.batch).await?;
            self.view.apply(None, &committed);
            self.note_faults(outcome.faults, chunk);
            tracing::debug!(articles = chunk.len(), "the ledger is being filled");
        }
        Ok(())
    }

    async fn decide_all(
        &mut self,
        ids: &[ArticleId],
        tree: &CategoryTree,
        now: Timestamp,
        first_fill: bool,
    ) -> Result<Outcome, ReconcileError> {
        let mut outcome = Outcome::default();
        for chunk in ids.chunks(LOAD_AT_A_TIME) {
            let records: HashMap<ArticleId, ArticleRecord> = if first_fill {
                HashMap::new()
            } else {
                self.state.records(chunk).await?.into_iter().map(|record| (record.id.clone(), record)).collect()
            };
            for loaded in self.store.load(chunk).await? {
                let denied = self.is_denied(&loaded).await?;
                let circumstances = Circumstances { now, tree, denied, first_fill };
                self.decide_one(records.get(&loaded.id), loaded, &circumstances, &mut outcome);
            }
        }
        Ok(outcome)
    }

    fn decide_one(
        &mut self,
        record: Option<&ArticleRecord>,
        loaded: Loaded,
        now: &Circumstances<'_>,
        outcome: &mut Outcome,
    ) {
        let Loaded { id, digest, article, notices } = loaded;
        let row = Row { id: &id, digest, article: article.as_deref() };
        let Decision { write, due, withdraw, fault } = transition::decide(record, row, now);
        let faults: Vec<Fault> = fault.into_iter().chain(notices).collect();
        if !faults.is_empty() {
            outcome.faults.insert(id.clone(), faults);
        }
        let before = record.and_then(|record| record.store_updated);
        let after = article.as_ref().ok().and_then(|article| article.updated_at);
        if matches!((before, after), (Some(before), Some(after)) if after < before) {
            outcome.gone_back += 1;
        }
        if withdraw {
            outcome.batch.withdrawals.push((id.clone(), now.now));
        }
        match due {
            Some(due) => self.waiting.set(&id, due),
            None if now.first_fill || write.is_none() => self.waiting.forget(&id),
            // Until the write is committed it stays due: the next read, or the next turn, finds it published.
            None => {}
        }
        match write {
            Some(write) => {
                self.seen.remove(&id);
                outcome.batch.writes.push(write);
            }
            None => drop(self.seen.insert(id, digest)),
        }
    }

    /// On the deny list? A store that may restore takes its own withdrawals back by saying `published` again.
    async fn is_denied(&mut self, loaded: &Loaded) -> Result<bool, ReconcileError> {
        let Some(at) = self.control.withdrawn.iter().position(|withdrawal| withdrawal.id == loaded.id) else {
            return Ok(false);
        };
        let by_store = self.control.withdrawn.get(at).is_some_and(|withdrawal| withdrawal.by_store);
        let says_published = loaded.article.as_ref().is_ok_and(|article| article.status == Status::Published);
        if !(by_store && says_published && self.options.store_may_restore) {
            return Ok(true);
        }
        self.state.restore(&loaded.id, self.options.clock.now()).await?;
        self.control.withdrawn.remove(at);
        Ok(false)
    }

    async fn add_vanished(
        &self,
        ids: &[ArticleId],
        tree: &CategoryTree,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), ReconcileError> {
        let circumstances = Circumstances { now, tree, denied: false, first_fill: false };
        for chunk in ids.chunks(LOAD_AT_A_TIME) {
            let records = self.state.records(chunk).await?;
            batch.writes.extend(records.iter().filter_map(|record| transition::vanish(record, &circumstances)));
        }
        Ok(())
    }

    /// The tree has changed: articles move to other scopes, and documents that name a changed category change.
    async fn add_re_scoped(
        &self,
        old: &CategoryTree,
        tree: &CategoryTree,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), ReconcileError> {
        let changed = changed_categories(old, tree);
        let decided: HashSet<ArticleId> = batch.writes.iter().map(|write| write.record.id.clone()).collect();
        let ids: Vec<ArticleId> =
            self.view.with_catalog(|catalog| catalog.public().filter(|id| !decided.contains(id)).collect());
        let circumstances = Circumstances { now, tree, denied: false, first_fill: false };
        let mut renamed: BTreeSet<Scope> = BTreeSet::new();
        for chunk in ids.chunks(LOAD_AT_A_TIME) {
            for record in self.state.records(chunk).await? {
                let above = |tree: &CategoryTree, id: &CategoryId| {
                    tree.self_and_ancestors(id).iter().any(|category| changed.contains(&category.id))
                };
                if record.categories.iter().any(|id| above(old, id) || above(tree, id)) {
                    renamed.extend(record.scopes.iter().cloned());
                }
                batch.writes.extend(transition::re_scope(&record, &circumstances));
            }
        }
        batch.touches.extend(renamed.into_iter().map(|scope| Touch { scope, at: now, removes: false }));
        Ok(())
    }

    /// Addresses for every category, and the names as they are now; `None` if nothing differs.
    async fn names(&self, old: &Names, scan: &Scan, tree: CategoryTree) -> Result<Option<Names>, ReconcileError> {
        let mut addresses = old.addresses.clone();
        for _ in 0..CLAIM_TRIES {
            let claims = claims(&addresses, &tree);
            if claims.is_empty() {
                break;
            }
            addresses = AddressBook::new(self.state.claim_addresses(&claims).await?);
        }
        let moved = tree.all().iter().any(|category| {
            let scope = Scope::Category(category.id.clone());
            addresses.current(&scope) != old.addresses.current(&scope)
        });
        if !moved && tree == old.categories {
            return Ok(None);
        }
        self.state.set_mark(CATEGORIES_MARK, &write_categories(&scan.categories)).await?;
        Ok(Some(Names { categories: tree, addresses }))
    }

    fn note_faults(&self, faults: BTreeMap<ArticleId, Vec<Fault>>, decided: &[ArticleId]) {
        for fault in faults.values().flatten() {
            match fault.code.severity() {
                Severity::SetAside => tracing::warn!(code = fault.code.code(), "{fault}"),
                Severity::Repaired | Severity::Notice => tracing::debug!(code = fault.code.code(), "{fault}"),
            }
        }
        self.view.note(|status| {
            for id in decided {
                status.faults.remove(id);
            }
            status.faults.extend(faults);
        });
    }

    fn note_general(&self, scan: &Scan) {
        let names = self.view.names();
        let mut faults = scan.faults.clone();
        for category in names.categories.all() {
            let wish = wish(category);
            let current = names.addresses.current(&Scope::Category(category.id.clone())).unwrap_or_default();
            if current != wish {
                let subject = Subject::Category(category.id.clone());
                faults.push(Fault::new(subject, FaultCode::SlugTaken, format!("{wish}, now {current}")));
            }
            if let Some(parent) = &category.parent_id
                && !stands_above(&names.categories, parent, category)
            {
                let subject = Subject::Category(category.id.clone());
                faults.push(Fault::new(subject, FaultCode::CategoryParentUnknown, parent));
            }
            if !slug::is_usable(&category.slug) {
                let subject = Subject::Category(category.id.clone());
                faults.push(Fault::new(subject, FaultCode::SlugUnusable, &category.slug));
            }
        }
        self.view.note(|status| {
            for fault in faults.iter().filter(|fault| !status.general_faults.contains(fault)) {
                tracing::warn!(code = fault.code.code(), "{fault}");
            }
            status.general_faults = faults;
        });
    }
}

/// Articles that become due by themselves, by instant and by id.
#[derive(Default)]
struct Waiting {
    by_instant: BTreeSet<(Timestamp, ArticleId)>,
    by_id: HashMap<ArticleId, Timestamp>,
}

impl Waiting {
    fn next(&self) -> Option<Timestamp> {
        self.by_instant.first().map(|(due, _)| *due)
    }

    fn until(&self, now: Timestamp) -> Vec<ArticleId> {
        self.by_instant.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| id.clone()).collect()
    }

    fn set(&mut self, id: &ArticleId, due: Timestamp) {
        self.forget(id);
        self.by_id.insert(id.clone(), due);
        self.by_instant.insert((due, id.clone()));
    }

    fn forget(&mut self, id: &ArticleId) {
        if let Some(due) = self.by_id.remove(id) {
            self.by_instant.remove(&(due, id.clone()));
        }
    }

    fn forget_until(&mut self, id: &ArticleId, now: Timestamp) {
        if self.by_id.get(id).is_some_and(|due| *due <= now) {
            self.forget(id);
        }
    }
}
