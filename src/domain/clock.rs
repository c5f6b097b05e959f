//! The one place where the program learns what time it is. Everything else takes a [`Timestamp`] or a [`Clock`].

use chrono::{DateTime, SubsecRound, Utc};

/// An instant. Zones are a matter of reading (`text::stamp`) and of writing (`text::stamp`), never of storing.
pub type Timestamp = DateTime<Utc>;

/// What time it is. Tests move theirs by hand.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The current instant, to the microsecond (what every database of ours can hold).
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Utc::now().trunc_subsecs(6)
    }
}
