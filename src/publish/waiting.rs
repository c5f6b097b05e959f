//! Articles that become due by themselves, by instant and by id.

use std::collections::{BTreeSet, HashMap};

use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;

/// Articles that become due by themselves.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_instant: BTreeSet<(Timestamp, ArticleId)>,
    by_id: HashMap<ArticleId, Timestamp>,
}

impl Waiting {
    /// When the next one becomes due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.by_instant.first().map(|(due, _)| *due)
    }

    /// Those that are due.
    pub(super) fn until(&self, now: Timestamp) -> Vec<ArticleId> {
        self.by_instant.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| id.clone()).collect()
    }

    /// All of them, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = &(Timestamp, ArticleId)> {
        self.by_instant.iter()
    }

    /// It becomes due then, whatever was known before; `None`: it does not wait any more.
    pub(super) fn set(&mut self, id: &ArticleId, due: Option<Timestamp>) {
        if let Some(old) = self.by_id.remove(id) {
            self.by_instant.remove(&(old, id.clone()));
        }
        if let Some(due) = due {
            self.by_id.insert(id.clone(), due);
            self.by_instant.insert((due, id.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_is_the_earliest_and_a_later_word_counts() {
        let at = |second| Timestamp::from_timestamp(second, 0).unwrap();
        let (a, b) = (ArticleId::new("a"), ArticleId::new("b"));
        let mut waiting = Waiting::default();
        waiting.set(&a, Some(at(20)));
        waiting.set(&b, Some(at(10)));
        assert_eq!((waiting.next(), waiting.until(at(10))), (Some(at(10)), vec![b.clone()]));
        waiting.set(&b, Some(at(30)));
        assert_eq!(waiting.until(at(29)), std::slice::from_ref(&a));
        waiting.set(&a, None);
        assert_eq!(waiting.next(), Some(at(30)));
    }
}
