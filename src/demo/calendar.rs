//! When the demo's newspaper publishes: back from the anchor, most of it at 05:00 to 07:00 and in the evening of Vietnam.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::{Asia::Ho_Chi_Minh, Tz};

use crate::domain::clock::Timestamp;

use super::random::Random;

/// Articles a day, as a provincial newspaper has them.
const A_DAY: u64 = 30;
/// Days that the archive goes back at most: all of it lies where one clock and one list of places count. A larger
/// newsroom publishes more a day instead.
const DAYS_MAX: u64 = 15 * 365;
/// Hours of the day in Vietnam, each as often as the newsroom publishes in it.
const HOURS: [u32; 30] =
    [5, 5, 5, 6, 6, 6, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 15, 15, 16, 17, 18, 18, 19, 19, 20, 20, 21, 21, 22, 23];
/// The newest articles are this many minutes old at most, whatever the hour.
const FRESH_MINUTES_MAX: u64 = 170;
/// How many are that fresh.
const FRESH: u64 = 3;

/// The days on which a newsroom of some size published.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    anchor: Timestamp,
    a_day: u64,
}

impl Calendar {
    pub(super) fn new(articles: u64, anchor: Timestamp) -> Self {
        Self { anchor, a_day: articles.div_ceil(DAYS_MAX).max(A_DAY) }
    }

    /// When the article was published that has `age` newer ones before it. Not after the anchor; whole minutes.
    pub(super) fn published(&self, age: u64, random: &mut Random) -> Timestamp {
        if age < FRESH {
            return self.anchor - minutes(random.between(5, FRESH_MINUTES_MAX));
        }
        let hour = random.pick(&HOURS).copied().unwrap_or_default();
        let minute = u32::try_from(random.between(0, 59)).unwrap_or_default();
        let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default();
        let day = self.day_before(age / self.a_day);
        let instant = in_vietnam(day, time);
        if instant < self.anchor { instant } else { instant - TimeDelta::days(1) }
    }

    fn day_before(&self, days: u64) -> NaiveDate {
        let today = local(self.anchor).date_naive();
        today.checked_sub_days(Days::new(days)).unwrap_or(today)
    }
}

/// The instant as Vietnam's clocks show it.
pub(super) fn local(instant: Timestamp) -> DateTime<Tz> {
    instant.with_timezone(&Ho_Chi_Minh)
}

/// So many minutes.
pub(super) fn minutes(count: u64) -> TimeDelta {
    i64::try_from(count).ok().and_then(TimeDelta::try_minutes).unwrap_or_default()
}

/// Vietnam's clock knows no gap and no doubled hour in the years of [`DAYS_MAX`], so one instant is always found.
fn in_vietnam(day: NaiveDate, time: NaiveTime) -> Timestamp {
    day.and_time(time).and_local_timezone(Ho_Chi_Minh).earliest().map(|found| found.to_utc()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::Timelike as _;

    use super::*;

    fn anchor() -> Timestamp {
        "2026-11-22T22:00:00Z".parse().unwrap()
    }

    #[test]
    fn nothing_is_newer_than_the_anchor_and_the_newest_is_some_hours_old_at_most() {
        let calendar = Calendar::new(3000, anchor());
        for age in 0..3000 {
            let published = calendar.published(age, &mut Random::new(1, age));
            let days = i64::try_from(age / A_DAY).unwrap();
            assert!(published < anchor() && published > anchor() - TimeDelta::days(days + 2), "{age}: {published}");
            assert!(age >= FRESH || published > anchor() - TimeDelta::hours(3));
        }
    }

    #[test]
    fn a_million_articles_lie_within_fifteen_years() {
        let oldest = Calendar::new(1_000_000, anchor()).published(999_999, &mut Random::new(1, 1));
        assert!(oldest > anchor() - TimeDelta::days(15 * 365 + 2), "{oldest}");
    }

    #[test]
    fn the_morning_is_busier_than_noon() {
        let calendar = Calendar::new(3000, anchor());
        let hours = (3..3000).map(|age| local(calendar.published(age, &mut Random::new(1, age))).hour());
        let (mut morning, mut noon) = (0, 0);
        for hour in hours {
            morning += usize::from((5..7).contains(&hour));
            noon += usize::from((11..13).contains(&hour));
        }
        assert!(morning > 2 * noon, "{morning} against {noon}");
    }
}
