//! A host that fails again and again is left alone for a while, so that nobody waits for it in vain.

use std::time::Duration;

use crate::domain::clock::Timestamp;

/// A host that has not failed for so long is as good as one that never did.
const REMEMBERED: Duration = Duration::from_hours(1);

/// When a host is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// After so many failures in a row.
    pub failures: u32,
    /// For so long; twice as long each further time.
    pub pause: Duration,
    /// At most.
    pub pause_max: Duration,
}

/// Of one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    failures: u32,
    /// How often it opened since the last success.
    opened: u32,
    open_until: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl Breaker {
    /// How many deliveries may be under way, of `max`: none while it is open; after that one, which shows whether it can be
    /// closed.
    pub(super) fn allows(&self, max: usize, now: Timestamp) -> usize {
        match self.open_until {
            None => max,
            Some(until) if now < until => 0,
            Some(_) => 1,
        }
    }

    /// The host has answered sensibly.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It has not. What was under way when it opened does not open it further.
    pub(super) fn failed(&mut self, options: BreakerOptions, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(now);
        let probe = self.open_until.is_some_and(|until| now >= until);
        if probe || (self.open_until.is_none() && self.failures >= options.failures) {
            let pause = options.pause.saturating_mul(2_u32.saturating_pow(self.opened)).min(options.pause_max);
            self.opened = self.opened.saturating_add(1);
            self.open_until = Some(super::after(now, pause));
        }
    }

    /// When it may be tried again; `None`: it is closed.
    pub(super) const fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// Is it worth remembering?
    pub(super) fn matters(&self, now: Timestamp) -> bool {
        self.failed_at.is_some_and(|at| super::age(at, now) < REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: BreakerOptions =
        BreakerOptions { failures: 3, pause: Duration::from_secs(10), pause_max: Duration::from_mins(15) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_by_one_success() {
        let mut breaker = Breaker::default();
        breaker.failed(OPTIONS, at(0));
        breaker.failed(OPTIONS, at(0));
        breaker.succeeded();
        breaker.failed(OPTIONS, at(1));
        breaker.failed(OPTIONS, at(1));
        assert_eq!(breaker.allows(16, at(1)), 16);
        assert!(breaker.matters(at(3_600)) && !breaker.matters(at(3_601)));
        breaker.failed(OPTIONS, at(1));
        // Was under way.
        breaker.failed(OPTIONS, at(2));
        assert_eq!((breaker.allows(16, at(10)), breaker.allows(16, at(11))), (0, 1));
        breaker.succeeded();
        assert!(!breaker.matters(at(11)) && breaker.allows(16, at(11)) == 16);
    }

    #[test]
    fn a_failed_probe_leaves_it_open_for_twice_as_long() {
        let mut breaker = Breaker::default();
        (0..3).for_each(|_| breaker.failed(OPTIONS, at(0)));
        assert_eq!(breaker.open_until(), Some(at(10)));
        breaker.failed(OPTIONS, at(10));
        assert_eq!(breaker.open_until(), Some(at(30)));
        for _ in 0..40 {
            let until = breaker.open_until().unwrap();
            breaker.failed(OPTIONS, until);
            assert!(breaker.open_until().unwrap() - until <= chrono::TimeDelta::minutes(15));
        }
    }
}
