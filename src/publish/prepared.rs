//! Articles that are decided before they are due: at their hour nothing is asked of the store, which may be down, and of many
//! articles none waits for the others. What they were decided by may change meanwhile; then they are decided anew, by
//! their rows, like everything else.

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalog::classify;
use crate::domain::article::ArticleId;
use crate::domain::category::CategoryTree;
use crate::domain::fault::Fault;
use crate::domain::found::FindPolicy;
use crate::domain::ledger::ArticleWrite;
use crate::domain::scope::Scope;

/// Articles kept; more of them are decided by their rows when they are due.
const PREPARED_MAX: usize = 10_000;

/// What is to be written of an article when it is due.
#[derive(Debug)]
pub(super) struct Early {
    /// Decided for the instant at which it is due.
    pub(super) write: ArticleWrite,
    /// How its authors and tags are spelled.
    pub(super) labels: Vec<(Scope, String)>,
    /// What editors should know.
    pub(super) faults: Vec<Fault>,
    /// The guid that it takes over from a former feed.
    pub(super) adopted: Option<String>,
    /// What somebody has decided about the places in its text.
    pub(super) find: Option<FindPolicy>,
}

/// Everything that is decided beforehand, by one set of rules and categories.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    by: Option<(Arc<classify::Options>, CategoryTree)>,
    articles: HashMap<ArticleId, Early>,
}

impl Prepared {
    /// From now on these rules and categories count: forgets what was decided by others.
    pub(super) fn decide_by(&mut self, rules: &Arc<classify::Options>, categories: &CategoryTree) {
        if !self.by.as_ref().is_some_and(|(by, tree)| Arc::ptr_eq(by, rules) && tree == categories) {
            self.articles.clear();
            self.by = Some((Arc::clone(rules), categories.clone()));
        }
    }

    /// Keeps a decision, or forgets the one before.
    pub(super) fn set(&mut self, id: &ArticleId, early: Option<Early>) {
        self.articles.remove(id);
        if let Some(early) = early.filter(|_| self.articles.len() < PREPARED_MAX) {
            self.articles.insert(id.clone(), early);
        }
    }

    /// The decision about an article, which is no longer kept.
    pub(super) fn take(&mut self, id: &ArticleId) -> Option<Early> {
        self.articles.remove(id)
    }
}
