//! The key of one document: a scope in a format.

use super::format::Format;
use super::scope::Scope;

/// The key of one document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedKey {
    /// What it is about.
    pub scope: Scope,
    /// How it is written.
    pub format: Format,
}

impl FeedKey {
    /// The key of a scope's document in one format.
    #[must_use]
    pub const fn new(scope: Scope, format: Format) -> Self {
        Self { scope, format }
    }
}
