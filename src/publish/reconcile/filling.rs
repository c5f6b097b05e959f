//! The first reading of a store, into an empty ledger.

use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use super::{ReconcileError, Reconciler};
use crate::catalog::classify::Classifier;
use crate::domain::article::{Article, ArticleId};
use crate::domain::clock::Timestamp;
use crate::domain::ledger::{ArticleRecord, ArticleWrite, Committed};
use crate::publish::comparison::Ids;
use crate::publish::summaries::{Line, Summaries};
use crate::store::Loaded;

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
            let mut outcome = self.decide_all(&chunk, by, now, true).await?;
            let summaries = std::mem::take(&mut outcome.summaries);
            let committed = self.take_over(outcome).await?;
            if let Some(file) = self.follower.articles.file() {
                file.keep_all(committed_only(summaries, &committed)).await;
            }
            tracing::info!(
                articles = count * FILL_AT_A_TIME + chunk.len(),
                of = ids.len(),
                "reading the store for the first time"
            );
        }
        Ok(true)
    }
}

/// What is to be written of these rows, ready to stand in feeds: the rows are at hand now, and never all at once again.
pub(super) async fn summaries(
    file: &Summaries,
    rows: Vec<Loaded>,
    writes: &[ArticleWrite],
) -> Vec<(ArticleRecord, Line)> {
    let articles = rows.into_iter().filter_map(|row| Some((row.id, row.article.ok()?)));
    let mut articles: HashMap<ArticleId, Box<Article>> = articles.collect();
    let public = writes.iter().map(|write| &write.record).filter(|record| record.is_public());
    // As state will have it.
    let record = |record: &ArticleRecord| ArticleRecord { version: record.version + 1, ..record.clone() };
    let ready = public.filter_map(|it| Some((articles.remove(&it.id)?, record(it)))).collect();
    file.ready(ready).await
}

/// Those that another process has not decided otherwise meanwhile.
fn committed_only(summaries: Vec<(ArticleRecord, Line)>, committed: &Committed) -> Vec<Line> {
    let records: HashMap<&ArticleId, &ArticleRecord> = committed.articles.iter().map(|it| (&it.id, it)).collect();
    let is_committed = |(record, _): &(ArticleRecord, Line)| records.get(&record.id) == Some(&record);
    summaries.into_iter().filter(is_committed).map(|(_, line)| line).collect()
}
