//! Articles that wait for their instant.

use std::collections::{BTreeSet, HashMap};

use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;

/// Articles that become due by themselves, by instant and by id.
#[derive(Default)]
pub(super) struct Waiting {
    by_instant: BTreeSet<(Timestamp, ArticleId)>,
    by_id: HashMap<ArticleId, Timestamp>,
}

impl Waiting {
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.by_instant.first().map(|(due, _)| *due)
    }

    pub(super) fn until(&self, now: Timestamp) -> Vec<ArticleId> {
        self.by_instant.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| id.clone()).collect()
    }

    pub(super) fn set(&mut self, id: &ArticleId, due: Timestamp) {
        self.forget(id);
        self.by_id.insert(id.clone(), due);
        self.by_instant.insert((due, id.clone()));
    }

    pub(super) fn forget(&mut self, id: &ArticleId) {
        if let Some(due) = self.by_id.remove(id) {
            self.by_instant.remove(&(due, id.clone()));
        }
    }

    pub(super) fn forget_until(&mut self, id: &ArticleId, now: Timestamp) {
        if self.by_id.get(id).is_some_and(|due| *due <= now) {
            self.forget(id);
        }
    }
}
