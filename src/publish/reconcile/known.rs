//! What the reconciler knows of the store, from one process to the next.

use super::Reconciler;
use crate::domain::clock::Timestamp;
use crate::publish::snapshot::Known;
use crate::state::Control;
use crate::store::log::LogCursor;

impl Reconciler {
    /// What a later process need not find out again. `None`: something is under way that only a complete read ends.
    pub(in crate::publish) fn known(&self, log: Option<LogCursor>, control_marker: u64) -> Option<Known> {
        if self.wants_read() || self.has_other_rules() || !self.commanded.is_empty() || !self.doubtful.is_empty() {
            return None;
        }
        let mut waiting: Vec<_> = self.waiting.all().cloned().collect();
        // What is faulty is decided again at once: a process has to know the faults that it tells of.
        let seen = self.view.with_status(|status| {
            waiting.extend(status.faults.keys().map(|id| (Timestamp::UNIX_EPOCH, id.clone())));
            let seen = self.seen.iter().filter(|(id, _)| !status.faults.contains_key(*id));
            seen.map(|(id, digest)| (id.clone(), *digest)).collect()
        });
        Some(Known { log, control_marker, seen, waiting })
    }

    /// Goes on from what an earlier process knew. `control` is what it had obeyed.
    pub(in crate::publish) fn go_on(&mut self, known: Known, control: Control) {
        self.denied = control.withdrawn.into_iter().map(|w| (w.id, w.by_store)).collect();
        self.adopted = control.adopted;
        self.find = control.find;
        self.store_accepted_at = control.store_accepted_at;
        self.seen = known.seen.into_iter().collect();
        for (due, id) in known.waiting {
            self.waiting.set(&id, Some(due));
        }
    }

    /// Was the ledger made by other rules than the present ones, in part or as a whole?
    pub(in crate::publish) const fn has_other_rules(&self) -> bool {
        self.afresh.is_behind()
    }
}
