//! Limits and policies of the engine.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::classify;
use crate::domain::clock::Clock;
use crate::publish::snapshot::SnapshotOptions;
use crate::publish::summaries::SummariesOptions;

/// Limits and policies of the engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How often the store is asked whether anything has changed.
    pub poll_interval: Duration,
    /// A complete read is followed by a pause so many times as long: a large store is not read without end.
    pub read_pause_factor: u32,
    /// With a change log: how often the store is read completely all the same.
    pub complete_read_interval: Duration,
    /// A row that the change log names and that is not there is looked for once more after so long: many systems save a
    /// story by deleting its row and making it anew.
    pub look_again_after: Duration,
    /// Rows that may vanish at once without being held.
    pub vanish_max_rows: usize,
    /// The same, in percent of the articles in the feeds; the larger of both counts.
    pub vanish_max_percent: usize,
    /// May the store take back a withdrawal of its own?
    pub store_may_restore: bool,
    /// What decides the scopes of articles. Its gazetteer is read as of the day, and changes with it.
    pub classify: Arc<classify::Options>,
    /// Decide every row at the first read, also those that are as they were: for `loa check`.
    pub decide_all: bool,
    /// Where the catalog is kept over a restart; `None`: it is not.
    pub snapshot: Option<SnapshotOptions>,
    /// Where summaries are kept that are ready; `None`: nowhere.
    pub summaries: Option<SummariesOptions>,
}

impl EngineOptions {
    /// Rows that may vanish at once, or go back in time.
    pub(in crate::publish) fn vanish_limit(&self, articles: usize) -> usize {
        self.vanish_max_rows.max(articles.saturating_mul(self.vanish_max_percent) / 100)
    }
}
