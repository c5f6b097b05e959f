//! What is too much to happen at once: then the feeds stay as they are until somebody lets it through.

use std::collections::HashSet;

use super::{LOAD_AT_A_TIME, ReconcileError, Reconciler};
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::publish::comparison::{Comparison, Ids};
use crate::publish::outcome::Outcome;
use crate::store::StoreError;

impl Reconciler {
    /// Has somebody let the held change through?
    pub(super) fn accepted(&self) -> bool {
        matches!((self.held_since, self.store_accepted_at), (Some(held), Some(accepted)) if accepted >= held)
    }

    pub(super) fn hold(&mut self, now: Timestamp, why: String) -> ReconcileError {
        self.held_since.get_or_insert(now);
        ReconcileError::Held(why)
    }

    /// Articles in the feeds that two complete reads did not show. Those that only this one does not show are noted.
    pub(super) async fn vanished(
        &mut self,
        shown: &Comparison,
        now: Timestamp,
        accepted: bool,
    ) -> Result<Vec<ArticleId>, ReconcileError> {
        let (public, absent) = self.view.with_catalog(|catalog| (catalog.len(), shown.absent(catalog)));
        let absent = self.still_absent(&absent).await?;
        let all = public > 1 && absent.len() == public;
        if (all || absent.len() > self.options.vanish_limit(public)) && !accepted {
            let count = absent.len();
            return Err(self.hold(now, format!("{count} of {public} articles have vanished from the store at once")));
        }
        let (agreed, first): (Vec<_>, Vec<_>) =
            absent.into_iter().partition(|id| accepted || self.missing.contains(id));
        self.missing = first.into_iter().collect();
        Ok(agreed)
    }

    /// Those of them that are not in the store now: the others were published after the read had begun, here or by another
    /// replica.
    async fn still_absent(&self, ids: &Ids) -> Result<Vec<ArticleId>, StoreError> {
        let mut absent = Vec::new();
        for chunk in ids.chunks(LOAD_AT_A_TIME) {
            let there: HashSet<ArticleId> =
                self.store.load_summaries(&chunk).await?.into_iter().map(|loaded| loaded.id).collect();
            absent.extend(chunk.into_iter().filter(|id| !there.contains(id)));
        }
        Ok(absent)
    }

    pub(super) fn hold_if_suspicious(
        &mut self,
        outcome: &Outcome,
        rows: usize,
        now: Timestamp,
        accepted: bool,
    ) -> Result<(), ReconcileError> {
        let limit = self.options.vanish_limit(rows);
        if accepted {
            return Ok(());
        }
        if outcome.gone_back > limit {
            let count = outcome.gone_back;
            return Err(
                self.hold(now, format!("{count} articles have an earlier updated_at than before: an older backup?"))
            );
        }
        if outcome.uncategorised > limit {
            let count = outcome.uncategorised;
            return Err(self.hold(now, format!("{count} articles have lost all their categories at once")));
        }
        Ok(())
    }
}
