//! When what failed is tried again.

use std::time::Duration;

use crate::domain::clock::Timestamp;

/// The first time is drawn from one to so many times [`Retry::first`].
const FIRST_SPREAD: f64 = 2.5;

/// Exponential, with full jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The shortest pause.
    pub first: Duration,
    /// The longest.
    pub max: Duration,
}

impl Retry {
    /// The pause after the failure that came after `attempts` others. `chance` is from 0 to below 1.
    pub(super) fn pause(&self, attempts: u32, chance: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(attempts.saturating_add(1)));
        let longest = if attempts == 0 { self.first.mul_f64(FIRST_SPREAD) } else { doubled };
        let spread = longest.min(self.max).saturating_sub(self.first);
        self.first.min(self.max) + spread.mul_f64(chance)
    }

    /// What a server asks for by `Retry-After` (RFC 9110 section 10.2.3: seconds, or a date), at most the longest pause.
    pub(super) fn asked(&self, retry_after: &str, now: Timestamp) -> Option<Duration> {
        let text = retry_after.trim();
        let seconds = text.parse().ok().map(Duration::from_secs);
        let until = || {
            let date = httpdate::parse_http_date(text).ok().map(Timestamp::from)?;
            Some(date.signed_duration_since(now).to_std().unwrap_or_default())
        };
        seconds.or_else(until).map(|pause| pause.min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry { first: Duration::from_secs(2), max: Duration::from_hours(1) };

    #[test]
    fn pauses_grow_with_full_jitter_up_to_the_longest() {
        let range = |attempts| (RETRY.pause(attempts, 0.0), RETRY.pause(attempts, 0.999_999).as_secs_f64().round());
        let first = Duration::from_secs(2);
        assert_eq!(range(0), (first, 5.0));
        assert_eq!(range(1), (first, 8.0));
        assert_eq!(range(2), (first, 16.0));
        assert_eq!(range(40), (first, 3600.0));
        assert_eq!(range(u32::MAX), (first, 3600.0));
    }

    #[test]
    fn what_the_server_asks_for_is_bounded() {
        let now = "2026-11-20T00:00:00Z".parse().unwrap();
        let asked = |text| RETRY.asked(text, now).map(|pause| pause.as_secs());
        assert_eq!(asked("7"), Some(7));
        assert_eq!(asked("999999999"), Some(3600));
        assert_eq!(asked("Fri, 20 Nov 2026 00:00:30 GMT"), Some(30));
        assert_eq!(asked("Thu, 19 Nov 2026 00:00:30 GMT"), Some(0));
        assert_eq!(asked("soon"), None);
    }
}
