//! Where feeds stand now, for whoever keeps documents of them: whether a document is current is told by two numbers of
//! its feed, without a lock and without a look into the catalog.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::Catalog;
use crate::domain::ledger::FeedRecord;
use crate::domain::scope::Scope;

/// Where one feed stands now.
#[derive(Debug, Default)]
pub struct Live {
    sequence: AtomicU64,
    /// The feed's `removal_sequence`: no document older than that may be served any more.
    floor: AtomicU64,
}

/// What has become of a document since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its feed has not changed.
    Current,
    /// Its feed has changed; it may be served until the new one is made.
    Behind,
    /// Something in it had to leave, or it is of a feed that state does not know (any more): it is not served.
    Out,
}

impl Live {
    /// What has become of a document that was made at `sequence`.
    #[must_use]
    pub fn standing(&self, sequence: u64) -> Standing {
        // In this order: who sees a new sequence sees the floor that came with it.
        let current = self.sequence.load(Ordering::Acquire);
        if sequence == current {
            return Standing::Current;
        }
        let floor = self.floor.load(Ordering::Acquire);
        if sequence < current && sequence >= floor { Standing::Behind } else { Standing::Out }
    }

    fn follow(&self, record: Option<&FeedRecord>) {
        let (sequence, floor) = record.map_or((0, 0), |record| (record.sequence, record.removal_sequence));
        self.floor.store(floor, Ordering::Release);
        self.sequence.store(sequence, Ordering::Release);
    }
}

/// Where the feeds stand of which documents are kept.
#[derive(Debug, Default)]
pub(super) struct Lives {
    of: Mutex<HashMap<Scope, Arc<Live>>>,
}

impl Lives {
    /// Where a feed stands, now and from now on. The caller holds the lock under which the catalog changes.
    pub(super) fn of(&self, scope: &Scope, catalog: &Catalog) -> Arc<Live> {
        let mut lives = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = lives.get(scope) {
            return Arc::clone(live);
        }
        let live = Arc::<Live>::default();
        live.follow(catalog.feed(scope));
        lives.insert(scope.clone(), Arc::clone(&live));
        live
    }

    /// Follows the catalog, which has just changed in these feeds. The caller holds the lock under which it did.
    pub(super) fn follow<'a>(&self, catalog: &Catalog, feeds: impl Iterator<Item = &'a Scope>) {
        let lives = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        for scope in feeds {
            if let Some(live) = lives.get(scope) {
                live.follow(catalog.feed(scope));
            }
        }
    }

    /// Forgets the feeds of which no document is kept any more.
    pub(super) fn tidy(&self) {
        let mut lives = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        lives.retain(|_, live| Arc::strong_count(live) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_current_behind_or_out() {
        let live = Live::default();
        assert_eq!(live.standing(0), Standing::Current, "a feed that never held an article");
        live.floor.store(5, Ordering::Release);
        live.sequence.store(7, Ordering::Release);
        for (sequence, expect) in [
            (7, Standing::Current),
            (6, Standing::Behind),
            (5, Standing::Behind),
            (4, Standing::Out),
            (0, Standing::Out),
            (8, Standing::Out),
        ] {
            assert_eq!(live.standing(sequence), expect, "{sequence}");
        }
    }
}
