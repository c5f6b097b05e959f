//! The addresses that have to be told, each once, with those that failed after a pause. Pure: time comes in.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The pause after a first failure; it doubles with each ...
const PAUSE: Duration = Duration::from_secs(1);
/// ... up to this.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// An address that has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Purge {
    /// Path of the address.
    pub(super) path: Arc<str>,
    /// What was written to the ledger up to this transaction was told before.
    pub(super) since: u64,
    failures: u32,
    /// When it last changed.
    changed: Instant,
}

/// What waits.
#[derive(Debug)]
pub(super) struct Queue {
    by_path: HashMap<Arc<str>, (Purge, Instant)>,
    by_due: BTreeSet<(Instant, Arc<str>)>,
    waiting_max: usize,
    give_up_after: Duration,
}

impl Queue {
    pub(super) fn new(waiting_max: usize, give_up_after: Duration) -> Self {
        Self { by_path: HashMap::new(), by_due: BTreeSet::new(), waiting_max, give_up_after }
    }

    /// An address has changed. One that waits goes on waiting. False: there is no room for it.
    pub(super) fn add(&mut self, path: &str, since: u64, now: Instant) -> bool {
        if let Some((purge, _)) = self.by_path.get_mut(path) {
            purge.since = purge.since.min(since);
            purge.changed = now;
            return true;
        }
        if self.by_path.len() >= self.waiting_max {
            return false;
        }
        self.put(Purge { path: path.into(), since, failures: 0, changed: now }, now);
        true
    }

    /// So many of those that are due, the longest waiting first. They do not wait any more.
    pub(super) fn take(&mut self, count: usize, now: Instant) -> Vec<Purge> {
        let mut taken = Vec::new();
        while taken.len() < count
            && self.by_due.first().is_some_and(|(due, _)| *due <= now)
            && let Some((_, path)) = self.by_due.pop_first()
        {
            taken.extend(self.by_path.remove(&path).map(|(purge, _)| purge));
        }
        taken
    }

    /// It could not be told: it waits again, unless it is too late. What is given up comes back.
    pub(super) fn failed(&mut self, mut purge: Purge, now: Instant) -> Option<Purge> {
        let doubled = PAUSE.saturating_mul(2_u32.saturating_pow(purge.failures));
        purge.failures += 1;
        if now.saturating_duration_since(purge.changed) >= self.give_up_after {
            return Some(purge);
        }
        let mut due = now + doubled.min(PAUSE_MAX);
        // It has changed once more meanwhile.
        if let Some((later, later_due)) = self.by_path.remove(&purge.path) {
            self.by_due.remove(&(later_due, Arc::clone(&later.path)));
            purge.since = purge.since.min(later.since);
            purge.changed = later.changed;
            due = due.max(later_due);
        }
        self.put(purge, due);
        None
    }

    fn put(&mut self, purge: Purge, due: Instant) {
        self.by_due.insert((due, Arc::clone(&purge.path)));
        self.by_path.insert(Arc::clone(&purge.path), (purge, due));
    }

    /// How long until one is due; `None`: none waits.
    pub(super) fn next_due(&self, now: Instant) -> Option<Duration> {
        self.by_due.first().map(|(due, _)| due.saturating_duration_since(now))
    }

    /// Up to which transaction everything that waits was told.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.by_path.values().map(|(purge, _)| purge.since).min()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.by_path.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn taken(queue: &mut Queue, now: Instant) -> Vec<(String, u64)> {
        queue.take(10, now).into_iter().map(|purge| (purge.path.to_string(), purge.since)).collect()
    }

    #[test]
    fn an_address_waits_once_with_its_oldest_place() {
        let (mut queue, now) = (Queue::new(2, 60 * SECOND), Instant::now());
        assert!(queue.add("/a", 7, now) && queue.add("/b", 9, now) && queue.add("/a", 8, now + SECOND));
        assert!(!queue.add("/c", 9, now), "no room");
        assert!(queue.add("/b", 5, now), "has its place already");
        assert_eq!((queue.len(), queue.oldest(), queue.next_due(now)), (2, Some(5), Some(Duration::ZERO)));
        assert_eq!(taken(&mut queue, now), [("/a".to_owned(), 7), ("/b".to_owned(), 5)]);
        assert_eq!((queue.len(), queue.oldest(), queue.next_due(now)), (0, None, None));
    }

    #[test]
    fn what_has_waited_longest_comes_first_and_what_failed_holds_up_nobody() {
        let (mut queue, now) = (Queue::new(9, 300 * SECOND), Instant::now());
        for (path, after) in [("/c", 0_u32), ("/a", 1), ("/b", 2)] {
            queue.add(path, 1, now + after * SECOND);
        }
        let (mut now, mut told) = (now + 2 * SECOND, Vec::new());
        let failing = queue.take(1, now).pop().unwrap();
        assert_eq!((&*failing.path, queue.failed(failing.clone(), now)), ("/c", None));
        for _ in 0..3 {
            told.extend(queue.take(1, now).into_iter().map(|purge| purge.path.to_string()));
            now += SECOND;
        }
        assert_eq!(told, ["/a", "/b", "/c"]);
    }

    #[test]
    fn a_failure_is_tried_again_later_and_later_and_given_up_at_last() {
        let (mut queue, mut now) = (Queue::new(9, 300 * SECOND), Instant::now());
        let begin = now;
        queue.add("/a", 1, now);
        let mut pauses = Vec::new();
        loop {
            let purge = queue.take(1, now).pop().unwrap();
            if queue.failed(purge, now).is_some() {
                break;
            }
            assert_eq!(queue.take(1, now), [], "not at once");
            let pause = queue.next_due(now).unwrap();
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert!(now - begin >= 300 * SECOND && queue.len() == 0);
    }

    #[test]
    fn what_changes_while_it_is_told_waits_once_more() {
        let (mut queue, now) = (Queue::new(9, 60 * SECOND), Instant::now());
        queue.add("/a", 1, now);
        let purge = queue.take(1, now).pop().unwrap();
        queue.add("/a", 4, now);
        assert_eq!(queue.failed(purge.clone(), now), None);
        assert_eq!(taken(&mut queue, now), [], "the failure counts for the later change, too");
        assert_eq!(taken(&mut queue, now + SECOND), [("/a".to_owned(), 1)]);
        // And it is given its whole time from the later change on.
        queue.add("/a", 9, now + 59 * SECOND);
        assert_eq!(queue.failed(purge, now + 59 * SECOND), None);
    }
}
