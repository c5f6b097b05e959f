//! Time stamps in and out (DESIGN 7). What newsrooms write is read, or refused with the reason; nothing is guessed.
//!
//! Read: RFC 3339 (also with a space, `+0700`, `+07`, fractions), `2022-03-17 08:47`, `18/03/2022 06:30 GMT+7`,
//! `Thứ Sáu, 18/03/2022 | 06:30`, `18-3-2022 6h30`, halves of the day (`SA`, `CH`, `AM`, `PM`), RFC 822 dates, epoch
//! seconds (10 digits) and milliseconds (13 digits). `GMT+7` means `+07:00`. Refused: a date without a time of day,
//! years of two digits, `3/18/2022` and every other `m/d/y h:m AM` that could be American.
//!
//! A stamp without a zone is the newsroom's ([`Zones`]). A local time that does not exist is read with the offset
//! before the gap; of one that exists twice the earlier is taken; both give a [`StampNote`], as does a wrong weekday.
//! A leap second counts as the second before it. Stamps are kept to the microsecond.

use std::fmt;
use std::sync::LazyLock;

use chrono::format::{Item, StrftimeItems};
use chrono::offset::LocalResult;
use chrono::{
    DateTime, Datelike, Duration, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, SecondsFormat, SubsecRound,
    TimeZone, Timelike, Utc, Weekday,
};
use chrono_tz::Tz;

use super::normalize::{collapse_white_space, nfc};
use super::stamp_words::{Half, Words, half, month, offset, weekday};
use crate::domain::clock::Timestamp;

/// The first Vietnamese newspaper, Gia Định báo, is of 1865: no article is older.
pub const YEAR_MIN: i32 = 1865;
/// After every plan of a newsroom.
pub const YEAR_MAX: i32 = 2100;
/// From this local date on all of Vietnam has had +07:00 (tzdb: `Asia/Ho_Chi_Minh`).
const UNITED: (i32, u32, u32) = (1975, 6, 13);
/// No stamp is longer, in bytes; what is longer is not looked at.
const TEXT_BYTES_MAX: usize = 120;

/// The zones of stamps that name none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zones {
    /// From 1975-06-13 on.
    pub zone: Tz,
    /// Before 1975-06-13: the clock of the north, unless the paper is a southern one.
    pub archive: Tz,
}

impl Default for Zones {
    fn default() -> Self {
        Self { zone: Tz::Asia__Ho_Chi_Minh, archive: Tz::Asia__Bangkok }
    }
}

/// A stamp as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The instant, to the microsecond.
    pub instant: Timestamp,
    /// What an editor should know of how it was read.
    pub notes: Vec<StampNote>,
}

/// Something odd about a stamp that was read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StampNote {
    /// The clocks were put forward over this local time: read with the offset before.
    Gap,
    /// The clocks were put back over this local time: the earlier instant was taken.
    Ambiguous,
    /// The weekday is not that of the date: the date counts.
    Weekday {
        /// What the stamp says.
        said: Weekday,
        /// What the date is.
        is: Weekday,
    },
}

impl fmt::Display for StampNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap => f.write_str("the clocks were put forward over this local time, read with the offset before"),
            Self::Ambiguous => f.write_str("this local time exists twice, the earlier was taken"),
            Self::Weekday { said, is } => write!(f, "the stamp says {said}, the date is a {is}; the date counts"),
        }
    }
}

/// Why a stamp cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// In no form that we read.
    #[error("`{text}` is no time stamp: {why}; expected one like `2022-03-18 06:30` or `18/03/2022 06:30 GMT+7`")]
    Unreadable {
        /// The stamp, shortened.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A date alone could be published up to a day early or late.
    #[error("`{text}` has no time of day; write `00:00` if midnight is meant")]
    DateOnly {
        /// The stamp.
        text: String,
    },
    /// May be month/day/year.
    #[error("`{text}` may be American (month/day/year); write day/month/year with 24 hours, or `2022-03-18 06:30`")]
    American {
        /// The stamp.
        text: String,
    },
    /// Out of all range.
    #[error("`{text}` is of the year {year}, expected one from {YEAR_MIN} to {YEAR_MAX}")]
    Absurd {
        /// The stamp.
        text: String,
        /// Its year.
        year: i64,
    },
}

/// Reads a stamp in one of the forms named in this module's documentation.
///
/// # Errors
/// [`StampError`] with the stamp and what is expected.
pub fn read(text: &str, zones: &Zones) -> Result<Stamp, StampError> {
    let shown = || shorten(text);
    if text.len() > TEXT_BYTES_MAX {
        return Err(StampError::Unreadable { text: shown(), why: "it is too long" });
    }
    let folded = collapse_white_space(&nfc(text));
    if let Some(instant) = canonical(&folded).or_else(|| epoch(&folded)) {
        return in_range(instant.year().into(), shown).map(|()| Stamp { instant, notes: Vec::new() });
    }
    let parts = Parts::read(&folded).map_err(|why| StampError::Unreadable { text: shown(), why })?;
    let unreadable = |why| StampError::Unreadable { text: shown(), why };
    let date = parts.date.ok_or_else(|| unreadable("there is no date"))?;
    in_range(date.year.into(), shown)?;
    if date.is_slashed && (date.month > 12 || (parts.is_english_half && date.day <= 12)) {
        return Err(StampError::American { text: shown() });
    }
    let day = date.naive().ok_or_else(|| unreadable("there is no such day"))?;
    let time = parts.time.ok_or_else(|| StampError::DateOnly { text: shown() })?;
    let time = in_half(time, parts.half).ok_or_else(|| unreadable("the hour does not fit the half of the day"))?;
    let (instant, note) = place(day.and_time(time), parts.offset, *zones);
    let said = parts.weekday.filter(|said| *said != day.weekday());
    let notes = note.into_iter().chain(said.map(|said| StampNote::Weekday { said, is: day.weekday() })).collect();
    Ok(Stamp { instant: instant.trunc_subsecs(6), notes })
}

/// For RSS and OPML: `Fri, 18 Mar 2022 06:30:00 +0700` (RFC 822 section 5, RFC 1123 section 5.2.14). English names
/// whatever the locale; in UTC where the zone's offset of that time has seconds.
#[must_use]
pub fn rfc822(instant: Timestamp, zone: Tz) -> String {
    // Parsing the pattern takes longer than what it is for.
    static PATTERN: LazyLock<Vec<Item<'static>>> =
        LazyLock::new(|| StrftimeItems::new("%a, %d %b %Y %H:%M:%S %z").collect());
    in_zone(instant, zone).format_with_items(PATTERN.iter()).to_string()
}

/// For Atom and JSON Feed: `2022-03-18T06:30:00+07:00` (RFC 3339), whole seconds; in UTC (`Z`) where the zone's offset
/// of that time has seconds.
#[must_use]
pub fn rfc3339(instant: Timestamp, zone: Tz) -> String {
    in_zone(instant, zone).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// For HTTP headers: IMF-fixdate (RFC 9110 section 5.6.7), `Thu, 17 Mar 2022 23:30:00 GMT`.
#[must_use]
pub fn http_date(instant: Timestamp) -> String {
    instant.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// For the embedded store and state: `2022-03-17T23:30:00.000000Z`, which sorts as it reads.
#[must_use]
pub fn stored(instant: Timestamp) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// RFC 3339 proper, the form in which stores keep stamps by the million.
fn canonical(text: &str) -> Option<Timestamp> {
    let instant = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    // chrono keeps a leap second as a fraction above one; the slow way reads it as the second before.
    (instant.nanosecond() < 1_000_000_000).then(|| instant.trunc_subsecs(6))
}

fn epoch(text: &str) -> Option<Timestamp> {
    let number: i64 = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())??;
    match text.len() {
        10 => DateTime::from_timestamp(number, 0),
        13 => DateTime::from_timestamp_millis(number),
        _ => None,
    }
}

fn in_range(year: i64, shown: impl Fn() -> String) -> Result<(), StampError> {
    let range = i64::from(YEAR_MIN)..=i64::from(YEAR_MAX);
    if range.contains(&year) { Ok(()) } else { Err(StampError::Absurd { text: shown(), year }) }
}

/// A date as written, not yet known to exist.
#[derive(Debug, Clone, Copy)]
struct Date {
    year: i32,
    month: u32,
    day: u32,
    /// Written `a/b/year`, which may be American.
    is_slashed: bool,
}

impl Date {
    fn naive(self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(self.year, self.month, self.day)
    }
}

/// What the words of a stamp say, each thing at most once.
#[derive(Debug, Default)]
struct Parts {
    weekday: Option<Weekday>,
    date: Option<Date>,
    time: Option<NaiveTime>,
    half: Option<Half>,
    is_english_half: bool,
    offset: Option<FixedOffset>,
}

impl Parts {
    fn read(text: &str) -> Result<Self, &'static str> {
        let mut parts = Self::default();
        let mut words = Words::new(text);
        while let Some(word) = words.next() {
            let is_number = word.starts_with(|c: char| c.is_ascii_digit());
            if let Some((day, used)) = weekday(&word, words.peek()) {
                words.skip(used);
                once(&mut parts.weekday, day, "two weekdays")?;
            } else if let Some((half, is_english)) = half(&word) {
                parts.is_english_half = is_english;
                once(&mut parts.half, half, "two halves of the day")?;
            } else if let Some((offset, used)) = offset(&word, words.peek()) {
                words.skip(used);
                once(&mut parts.offset, offset, "two zones")?;
            } else if is_number && let Some(month) = words.peek().and_then(month) {
                words.skip(1);
                let year = words.next().filter(|year| year.len() == 4);
                let year = year.and_then(|year| year.parse().ok()).ok_or("the year needs four digits")?;
                let day = word.parse().ok().ok_or("the day is no number")?;
                once(&mut parts.date, Date { year, month, day, is_slashed: false }, "two dates")?;
            } else if is_number && (word.contains(['-', '/']) || word.matches('.').count() == 2) {
                once(&mut parts.date, date(&word)?, "two dates")?;
            } else if is_number {
                once(&mut parts.time, time(&word)?, "two times of day")?;
            } else {
                return Err("there is a word that belongs to no stamp");
            }
        }
        Ok(parts)
    }
}

fn once<T>(slot: &mut Option<T>, value: T, twice: &'static str) -> Result<(), &'static str> {
    if slot.replace(value).is_some() { Err(twice) } else { Ok(()) }
}

/// `2022-03-18`, `18/03/2022`, `18-3-2022`, `18.3.2022`.
fn date(word: &str) -> Result<Date, &'static str> {
    let fields: Vec<&str> = word.split(['-', '/', '.']).collect();
    let number = |field: &str| {
        field.parse::<u32>().ok().filter(|_| field.len() <= 2).ok_or("a day or month is no number of two digits")
    };
    let year_of = |field: &str| field.parse().ok().ok_or("the year is no number");
    match fields.as_slice() {
        [year, month, day] if year.len() == 4 => {
            Ok(Date { year: year_of(year)?, month: number(month)?, day: number(day)?, is_slashed: false })
        }
        [day, month, year] if year.len() == 4 => {
            let is_slashed = word.contains('/');
            Ok(Date { year: year_of(year)?, month: number(month)?, day: number(day)?, is_slashed })
        }
        _ => Err("the date is not day/month/year or year-month-day with a year of four digits"),
    }
}

/// `06:30`, `06:30:00`, `06:30:00.123`, `6h30`, `6h`, `6g30`.
fn time(word: &str) -> Result<NaiveTime, &'static str> {
    const WRONG: &str = "the time of day is not like 06:30 or 6h30";
    let (whole, fraction) = word.split_once('.').unwrap_or((word, ""));
    let is_short = whole.contains(['h', 'g']);
    let mut fields = whole.split([':', 'h', 'g']);
    let mut field = || match fields.next() {
        None | Some("") => Ok(None),
        Some(text) if text.len() <= 2 => text.parse::<u32>().ok().ok_or(WRONG).map(Some),
        Some(_) => Err(WRONG),
    };
    let (hour, minute, second) = (field()?, field()?, field()?.unwrap_or(0));
    let hour = hour.ok_or(WRONG)?;
    let minute = minute.or(is_short.then_some(0)).ok_or(WRONG)?;
    if fields.next().is_some() {
        return Err(WRONG);
    }
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let micros = digits.parse().ok().ok_or(WRONG)?;
    let second = if second == 60 { 59 } else { second };
    NaiveTime::from_hms_micro_opt(hour, minute, second, micros).ok_or("there is no such time of day")
}

fn in_half(time: NaiveTime, half: Option<Half>) -> Option<NaiveTime> {
    match (half, time.hour()) {
        (None, _) | (Some(Half::Morning), 0..=11) | (Some(Half::Afternoon), 12..) => Some(time),
        (Some(Half::Morning), 12) => time.with_hour(0),
        (Some(Half::Afternoon), hour @ 1..=11) => time.with_hour(hour + 12),
        (Some(_), _) => None,
    }
}

fn place(local: NaiveDateTime, offset: Option<FixedOffset>, zones: Zones) -> (Timestamp, Option<StampNote>) {
    if let Some(offset) = offset {
        return ((local - offset).and_utc(), None);
    }
    let is_archive = (local.year(), local.month(), local.day()) < UNITED;
    let zone = if is_archive { zones.archive } else { zones.zone };
    match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) => (instant.to_utc(), None),
        LocalResult::Ambiguous(earlier, _) => (earlier.to_utc(), Some(StampNote::Ambiguous)),
        LocalResult::None => ((local - offset_before(local, zone)).and_utc(), Some(StampNote::Gap)),
    }
}

/// The offset that held a day before a gap.
fn offset_before(local: NaiveDateTime, zone: Tz) -> FixedOffset {
    zone.offset_from_utc_datetime(&(local - Duration::days(1))).fix()
}

/// The instant in the zone; in UTC where the zone's offset cannot be written in hours and minutes.
fn in_zone(instant: Timestamp, zone: Tz) -> DateTime<FixedOffset> {
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
    let offset = if offset.local_minus_utc() % 60 == 0 { offset } else { Utc.fix() };
    instant.with_timezone(&offset)
}

fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut shown: String = text.trim().chars().take(CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.trim().chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utc(text: &str) -> String {
        match read(text, &Zones::default()) {
            Ok(stamp) => stored(stamp.instant).replace(".000000", ""),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form_of_half_past_six() {
        for text in [
            "2022-03-18T06:30:00+07:00",
            "2022-03-18t06:30:00+07:00",
            "2022-03-18 06:30:00+07:00",
            "2022-03-18 06:30:00 +0700",
            "2022-03-18 06:30:00+07",
            "2022-03-17T23:30:00Z",
            "2022-03-17 23:30:00.000Z",
            "2022-03-18 06:30:00",
            "2022-03-18T06:30",
            "18/03/2022 06:30 GMT+7",
            "18/03/2022 06:30 (GMT+7)",
            "18/03/2022 06:30 GMT +7",
            "18/03/2022 06:30GMT+07:00",
            "18/03/2022 06:30 UTC+7",
            "18/03/2022 06:30 ICT",
            "\u{a0}18/03/2022\u{a0}06:30 ",
            "18/3/2022 6:30",
            "Thứ Sáu, 18/03/2022 | 06:30",
            "Thứ sáu, ngày 18/03/2022 06:30",
            "Thứ 6, 18/03/2022 06:30:00 GMT+7",
            "T6, 18/03/2022 - 06:30",
            "06:30 | 18/03/2022",
            "18-3-2022 6h30",
            "18.3.2022 6g30",
            "18/03/2022 06:30 SA",
            "18/03/2022 06:30 AM",
            "18-3-2022 06:30AM",
            "Fri, 18 Mar 2022 06:30:00 +0700",
            "18 Mar 2022 06:30 +0700",
            "Thu, 17 Mar 2022 23:30:00 GMT",
            "Fri, 18 Mar 2022 06:30:00 GMT+7",
            "1647559800",
            "1647559800000",
        ] {
            assert_eq!(utc(text), "2022-03-17T23:30:00Z", "{text}");
        }
    }

    #[test]
    fn other_stamps() {
        let check = |text: &str, expect: &str| assert_eq!(utc(text), expect, "{text}");
        check("2022-03-17 08:47:00", "2022-03-17T01:47:00Z");
        check("Chủ nhật, 20/03/2022 06:30 CH", "2022-03-20T11:30:00Z");
        check("18-3-2022 6h", "2022-03-17T23:00:00Z");
        check("18/03/2022 12:05 SA", "2022-03-17T17:05:00Z");
        check("18/03/2022 12:05 CH", "2022-03-18T05:05:00Z");
        check("18/03/2022 13:05 CH", "2022-03-18T06:05:00Z");
        check("2022-03-18T06:30:00.1234567+07:00", "2022-03-17T23:30:00.123456Z");
        check("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z");
        check("2024-02-29 00:00", "2024-02-28T17:00:00Z");
        check("1962-05-01 06:30:00", "1962-04-30T23:30:00Z");
        check("1975-06-12 23:30", "1975-06-12T16:30:00Z");
        check("1975-06-13 00:00", "1975-06-12T17:00:00Z");
    }

    #[test]
    fn what_is_refused_says_why() {
        let check = |text: &str, part: &str| assert!(utc(text).contains(part), "{text}: {}", utc(text));
        check("18/03/2022", "write `00:00` if midnight is meant");
        check("2022-03-18", "has no time of day");
        check("3/18/2022 6:30:00 AM", "American");
        check("3/8/2022 6:30:00 AM", "American");
        check("18/03/22 06:30", "year of four digits");
        check("Fri, 18 Mar 22 06:30:00 +0700", "year needs four digits");
        check("31/02/2022 06:30", "no such day");
        check("18/03/2022 25:30", "no such time of day");
        check("18/03/2022 13:30 SA", "half of the day");
        check("18/03/2022 06:30 EST", "belongs to no stamp");
        check("18/03/2022 06:30 07:30", "two times of day");
        check("18/03/2022 06:30 +99:00", "belongs to no stamp");
        check("0001-01-01 00:00:00", "year 1, expected one from 1865 to 2100");
        check("0000-00-00 00:00:00", "year 0");
        check("2999-01-01T00:00:00Z", "year 2999");
        check("9999-12-31 23:59:59", "year 9999");
        check("9999999999", "year 2286");
        check("20220318", "`20220318` is no time stamp");
        check("", "there is no date");
        check("hôm qua", "belongs to no stamp");
        check(&"x".repeat(10_000), "too long");
    }

    #[test]
    fn errors_read_well() {
        let error = read("18/03/2022 quãng sáu giờ", &Zones::default()).unwrap_err();
        let expect = "`18/03/2022 quãng sáu giờ` is no time stamp: there is a word that belongs to no stamp; \
                      expected one like `2022-03-18 06:30` or `18/03/2022 06:30 GMT+7`";
        assert_eq!(error.to_string(), expect);
    }

    #[test]
    fn gaps_and_doubled_hours_follow_the_rule() {
        let south = Zones { zone: Tz::Asia__Ho_Chi_Minh, archive: Tz::Asia__Ho_Chi_Minh };
        let check = |text: &str, expect: &str, note: StampNote| {
            let stamp = read(text, &south).unwrap();
            assert_eq!((stored(stamp.instant).as_str(), stamp.notes.as_slice()), (expect, [note].as_slice()), "{text}");
        };
        check("1959-12-31 23:30", "1959-12-31T16:30:00.000000Z", StampNote::Gap);
        check("1975-06-12 23:30", "1975-06-12T15:30:00.000000Z", StampNote::Ambiguous);
        let weekday = StampNote::Weekday { said: Weekday::Mon, is: Weekday::Fri };
        check("Thứ Hai, 18/03/2022 06:30", "2022-03-17T23:30:00.000000Z", weekday);
        let no_note = read("1965-01-01 06:30", &south).unwrap();
        assert_eq!((stored(no_note.instant).as_str(), no_note.notes.len()), ("1964-12-31T22:30:00.000000Z", 0));
    }

    #[test]
    fn written_stamps() {
        let instant = read("18/03/2022 06:30", &Zones::default()).unwrap().instant;
        assert_eq!(rfc822(instant, Tz::Asia__Ho_Chi_Minh), "Fri, 18 Mar 2022 06:30:00 +0700");
        assert_eq!(rfc3339(instant, Tz::Asia__Ho_Chi_Minh), "2022-03-18T06:30:00+07:00");
        assert_eq!(rfc822(instant, Tz::UTC), "Thu, 17 Mar 2022 23:30:00 +0000");
        assert_eq!(rfc3339(instant, Tz::UTC), "2022-03-17T23:30:00Z");
        assert_eq!(http_date(instant), "Thu, 17 Mar 2022 23:30:00 GMT");
        let local_mean_time = read("1866-01-01T00:00:00Z", &Zones::default()).unwrap().instant;
        assert_eq!(rfc3339(local_mean_time, Tz::Asia__Ho_Chi_Minh), "1866-01-01T00:00:00Z");
        assert_eq!(rfc822(local_mean_time, Tz::Asia__Ho_Chi_Minh), "Mon, 01 Jan 1866 00:00:00 +0000");
    }

    proptest! {
        #[test]
        fn stamps_round_trip(seconds in -3_250_000_000_i64..4_133_000_000) {
            let instant = DateTime::from_timestamp(seconds, 0).unwrap();
            for zone in [Tz::Asia__Ho_Chi_Minh, Tz::UTC, Tz::America__New_York] {
                for text in [rfc822(instant, zone), rfc3339(instant, zone), http_date(instant), stored(instant)] {
                    let stamp = read(&text, &Zones::default());
                    prop_assert_eq!(stamp, Ok(Stamp { instant, notes: vec![] }), "{}", text);
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>(), digits in "[0-9:/ hTSACH+.-]{0,30}") {
            for text in [text, digits] {
                if let Err(error) = read(&text, &Zones::default()) {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}
