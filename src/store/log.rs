//! The change log of a store (DESIGN 4, level A): what `loa store install` makes beside the newsroom's tables, as those
//! see it who read it. How each backend keeps it, and why nothing is ever lost, is `docs/decisions/change-log.md`.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::domain::article::ArticleId;

/// How far a change log has been read. Survives restarts as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCursor {
    /// Which log this is. Another one, such as after a restore or a new installation, has another name: then nothing of
    /// the cursor means anything.
    pub log: String,
    /// Everything before this is complete: no transaction that is still open can add to it. A number of the backend's
    /// choice (PostgreSQL: a transaction; SQLite: a line of the log).
    pub complete: i64,
    /// The last line that was seen; a log whose last line is before it has gone back in time.
    pub last: i64,
    /// Lines that were read although they are not before `complete`: they are not told again.
    pub beyond: BTreeSet<i64>,
}

/// What a change log says since a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogRead {
    /// What was committed since, whatever the order of the commits.
    Changes(LogChanges),
    /// The log does not go back to the cursor, is another one, or has gone back in time: only a complete read tells what
    /// has changed.
    Lost {
        /// Why, for the log and `/readyz`.
        why: String,
    },
}

/// Committed changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChanges {
    /// Where to go on, once these are decided.
    pub cursor: LogCursor,
    /// Articles whose row, or a row joined to it, was written or deleted; sorted, each once.
    pub articles: Vec<ArticleId>,
    /// Was a row of `categories` written or deleted?
    pub categories: bool,
}

impl LogChanges {
    /// Is there nothing to decide?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.articles.is_empty() && !self.categories
    }
}

/// How changes are found, as everybody may see it. Why the log cannot be followed may name the newsroom's tables: that is for
/// the operator.
#[derive(Debug)]
pub(super) struct Detection(Mutex<(String, Option<String>)>);

impl Detection {
    pub(super) const fn new(found: String) -> Self {
        Self(Mutex::new((found, None)))
    }

    pub(super) fn shown(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Changes are found like this, and nothing is wrong.
    pub(super) fn is(&self, found: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (found, None);
    }

    /// There is a log, but it cannot be followed; the operator is told once.
    pub(super) fn falls_back(&self, to: &str, why: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.1.as_deref() != Some(why) {
            tracing::warn!(%why, "the change log is not followed");
            *known = (format!("{to}; see `loa store status`"), Some(why.to_owned()));
        }
    }
}
