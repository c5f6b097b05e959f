//! What the decisions of one reconciliation add up to. Nothing of it is taken over before it is committed.

use std::collections::{BTreeMap, HashMap};

use super::prepared::Early;
use super::summaries::Line;
use crate::catalog::transition::{self, Circumstances, Decision, Row};
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::fault::{Fault, Severity};
use crate::domain::found::FindPolicy;
use crate::domain::ledger::{ArticleRecord, ArticleWrite, Batch};
use crate::domain::scope::Scope;
use crate::store::Loaded;

/// Faults that are logged one by one; the others are only counted.
const LOGGED_FAULTS_MAX: usize = 20;

/// What people have said of an article by commands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said<'a> {
    /// The guid that it takes over from a former feed.
    pub(super) adopted: Option<&'a str>,
    /// What is done about the places in its text.
    pub(super) find: Option<FindPolicy>,
}

/// What decisions add up to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What is to be written.
    pub(super) batch: Batch,
    /// What was decided.
    pub(super) decided: Vec<ArticleId>,
    /// Those of them that have no row.
    pub(super) absent: Vec<ArticleId>,
    /// What is to be published later, decided for the instant at which it is due.
    pub(super) early: Vec<(ArticleId, Early)>,
    /// Digest of each row that is decided and leads to no write; `None`: look at it again.
    pub(super) seen: Vec<(ArticleId, Option<u64>)>,
    /// When each is to be looked at again.
    pub(super) due: Vec<(ArticleId, Option<Timestamp>)>,
    /// What editors should know.
    pub(super) faults: BTreeMap<ArticleId, Vec<Fault>>,
    /// Summaries of what is written, if they are to be kept.
    pub(super) summaries: Vec<(ArticleRecord, Line)>,
    /// How the authors and tags of what is written are spelled.
    pub(super) labels: HashMap<Scope, String>,
    /// Rows whose `updated_at` is earlier than the one they were published with.
    pub(super) gone_back: usize,
    /// Articles that had categories and have none any more.
    pub(super) uncategorised: usize,
}

impl Outcome {
    /// Decides one row.
    pub(super) fn add(
        &mut self,
        record: Option<&ArticleRecord>,
        loaded: &Loaded,
        said: Said<'_>,
        now: &Circumstances<'_>,
    ) {
        let Loaded { id, digest, article, notices } = loaded;
        let digest = *digest;
        let Said { adopted, find } = said;
        let row = Row { id, digest, article: article.as_deref(), adopted, find };
        let Decision { write, due, withdraw, faults, labels } = transition::decide(record, row, now);
        if let Some(due) = due.filter(|_| write.is_none()) {
            let then = transition::decide(record, row, &Circumstances { now: due, ..*now });
            let early = |write| Early {
                write,
                labels: then.labels,
                faults: then.faults,
                adopted: adopted.map(str::to_owned),
                find,
            };
            self.early.extend(then.write.map(|write| (id.clone(), early(write))));
        }
        let faults: Vec<Fault> = faults.into_iter().chain(notices.iter().cloned()).collect();
        if !faults.is_empty() {
            self.faults.insert(id.clone(), faults);
        }
        let before = record.and_then(|record| record.store_updated);
        let after = article.as_ref().ok().and_then(|article| article.updated_at);
        self.gone_back += usize::from(matches!((before, after), (Some(before), Some(after)) if after < before));
        if withdraw {
            self.batch.withdrawals.push((id.clone(), now.now));
        }
        self.due.push((id.clone(), due));
        let in_feeds = write
            .as_ref()
            .map_or_else(|| record.is_some_and(ArticleRecord::is_public), |write| write.record.is_public());
        self.seen.push((id.clone(), (!in_feeds).then_some(digest)));
        self.add_labels(labels);
        if let Some(write) = write {
            self.add_write(record, write);
        }
    }

    /// Of several spellings the first by code point, whatever the order of the rows: `OCOP` before `ocop`.
    fn add_labels(&mut self, labels: Vec<(Scope, String)>) {
        for (scope, label) in labels {
            let known = self.labels.entry(scope).or_insert_with(|| label.clone());
            if label < *known {
                *known = label;
            }
        }
    }

    /// Adds what was decided beforehand and is due.
    pub(super) fn add_early(&mut self, id: ArticleId, early: Early, now: Timestamp) {
        let mut write = early.write;
        for touch in &mut write.touches {
            touch.at = now;
        }
        self.batch.writes.push(write);
        self.add_labels(early.labels);
        if !early.faults.is_empty() {
            self.faults.insert(id.clone(), early.faults);
        }
        self.seen.push((id.clone(), None));
        self.due.push((id.clone(), None));
        self.decided.push(id);
    }

    /// Adds what is to be written of one article.
    pub(super) fn add_write(&mut self, record: Option<&ArticleRecord>, write: ArticleWrite) {
        let listed = |record: &ArticleRecord| record.scopes.iter().any(|scope| matches!(scope, Scope::Category(_)));
        let loses = record.is_some_and(listed) && write.record.is_public() && !listed(&write.record);
        self.uncategorised += usize::from(loses);
        self.batch.writes.push(write);
    }

    /// Logs the articles that are set aside.
    pub(super) fn log_faults(&self) {
        let severe = || self.faults.values().flatten().filter(|fault| fault.code.severity() == Severity::SetAside);
        for fault in severe().take(LOGGED_FAULTS_MAX) {
            tracing::warn!(code = fault.code.code(), "{fault}");
        }
        let count = severe().count();
        if count > LOGGED_FAULTS_MAX {
            tracing::warn!(
                count,
                "articles are set aside, the first {LOGGED_FAULTS_MAX} are named: `loa check` lists all"
            );
        }
    }
}
