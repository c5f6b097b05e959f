//! A clock that a test moves.

use std::sync::{Arc, Mutex};

use loa::domain::clock::{Clock, Timestamp};

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Shows this instant, in RFC 3339.
    pub(crate) fn at(instant: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(instant.parse().unwrap())))
    }

    /// Moves to an instant, also backwards.
    pub(crate) fn set(&self, instant: &str) {
        *self.0.lock().unwrap() = instant.parse().unwrap();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}
