//! What has to be decided anew because the rules by which articles come into feeds have changed (custom feeds, the
//! gazetteer, a new release): every article, a few in each turn, so that what people command is not kept waiting.

use crate::domain::article::ArticleId;
use crate::state::{State, StateError};

/// Articles decided anew in one turn: a tenth of a second, or half of one where places are looked for in their texts.
const AT_A_TIME: usize = 500;
/// The mark that holds the rules by which the ledger was made.
const RULES_MARK: &str = "scoping";

/// What is left to be decided anew.
#[derive(Debug, Default)]
pub(super) struct Afresh {
    rules: String,
    /// Was the ledger made by other rules, and is nothing done about it yet?
    is_outdated: bool,
    left: Vec<ArticleId>,
    /// Articles of whose texts somebody has decided something, or may have while nothing ran: an import may do so of
    /// thousands. After `left`.
    also: Vec<ArticleId>,
}

impl Afresh {
    /// Compares the present rules with those that the ledger was made by.
    pub(super) async fn compare(state: &dyn State, rules: String) -> Result<Self, StateError> {
        let made_by = state.mark(RULES_MARK).await?;
        Ok(Self { is_outdated: made_by.as_ref() != Some(&rules), rules, ..Self::default() })
    }

    /// A complete read shows these articles: all of them are to be decided anew, if the rules have changed.
    pub(super) fn begin(&mut self, all: impl Iterator<Item = ArticleId>) {
        if std::mem::take(&mut self.is_outdated) {
            self.left = all.collect();
            tracing::info!(
                articles = self.left.len(),
                "the rules of feeds have changed, articles are put into them anew"
            );
        }
    }

    /// The rules become others while everything is known: all of these are to be decided anew, the last ones first, also by a
    /// replica that finds them recorded already, for until now it decided by the rules of before.
    pub(super) async fn change(
        &mut self,
        rules: String,
        all: Vec<ArticleId>,
        state: &dyn State,
    ) -> Result<(), StateError> {
        (self.rules, self.left) = (rules, all);
        if self.left.is_empty() { self.record(state).await } else { Ok(()) }
    }

    /// These are to be decided anew, too, whatever the rules.
    pub(super) fn also(&mut self, ids: impl Iterator<Item = ArticleId>) {
        self.also.extend(ids);
    }

    /// The next ones.
    pub(super) fn next(&self) -> Vec<ArticleId> {
        let queue = if self.left.is_empty() { &self.also } else { &self.left };
        queue.iter().rev().take(AT_A_TIME).cloned().collect()
    }

    /// These were decided. After the last ones the ledger is made by the present rules.
    pub(super) async fn done(&mut self, part: &[ArticleId], state: &dyn State) -> Result<(), StateError> {
        if self.left.is_empty() {
            self.also.truncate(self.also.len().saturating_sub(part.len()));
            return Ok(());
        }
        self.left.truncate(self.left.len().saturating_sub(part.len()));
        if self.left.is_empty() {
            self.record(state).await?;
            tracing::info!("every article is in its feeds by the present rules");
        }
        Ok(())
    }

    /// Everything was decided by the present rules.
    pub(super) async fn record(&mut self, state: &dyn State) -> Result<(), StateError> {
        self.is_outdated = false;
        state.set_mark(RULES_MARK, &self.rules).await
    }

    /// Was the ledger made by other rules, in part or as a whole?
    pub(super) const fn is_behind(&self) -> bool {
        self.is_outdated || !self.is_done()
    }

    /// Is there anything left?
    pub(super) const fn is_done(&self) -> bool {
        self.left.is_empty() && self.also.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::scratch::Scratch;

    fn ids(range: std::ops::Range<usize>) -> impl Iterator<Item = ArticleId> {
        range.map(|id| ArticleId::new(id.to_string()))
    }

    /// What somebody has decided of thousands of texts comes a few at a time, and after what the rules ask for: it says
    /// nothing about these.
    #[tokio::test]
    async fn everything_comes_in_turns_and_the_rules_first() {
        let state = Scratch::default();
        let mut afresh = Afresh::compare(&state, "new".to_owned()).await.unwrap();
        afresh.also(ids(0..AT_A_TIME + 1));
        let part = afresh.next();
        assert_eq!(part.len(), AT_A_TIME);
        afresh.done(&part, &state).await.unwrap();
        assert!(!afresh.is_done());
        assert_eq!(state.mark(RULES_MARK).await.unwrap(), None, "the ledger is as it was made");
        afresh.begin(ids(10..12));
        let part = afresh.next();
        assert_eq!(part.len(), 2, "the rules first");
        afresh.done(&part, &state).await.unwrap();
        assert_eq!(state.mark(RULES_MARK).await.unwrap().as_deref(), Some("new"));
        let part = afresh.next();
        assert_eq!(part, ids(0..1).collect::<Vec<_>>());
        afresh.done(&part, &state).await.unwrap();
        assert!(afresh.is_done() && afresh.next().is_empty());
    }
}
