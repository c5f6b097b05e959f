//! The first reading of a store, into an empty ledger.

use tokio_util::sync::CancellationToken;

use super::{ReconcileError, Reconciler};
use crate::catalog::classify::Classifier;
use crate::domain::clock::Timestamp;
use crate::publish::comparison::Ids;

/// Articles decided and written at a time.
const FILL_AT_A_TIME: usize = 5_000;

impl Reconciler {
    /// Decides everything and writes it down, in transactions of bounded size. Nothing is served until it is done, and what was
    /// done before a break is not done again. False: `stop` came first.
    pub(super) async fn fill(
        &mut self,
        ids: &Ids,
        by: &Classifier<'_>,
        now: Timestamp,
        stop: &CancellationToken,
    ) -> Result<bool, ReconcileError> {
        for (count, chunk) in ids.chunks(FILL_AT_A_TIME).enumerate() {
            if stop.is_cancelled() {
                return Ok(false);
            }
            let outcome = self.decide_all(&chunk, by, now, true).await?;
            self.take_over(outcome).await?;
            tracing::info!(
                articles = count * FILL_AT_A_TIME + chunk.len(),
                of = ids.len(),
                "reading the store for the first time"
            );
        }
        Ok(true)
    }
}
