//! The words of time stamps: weekdays, months, halves of the day, zones.

use std::borrow::Cow;

use chrono::{FixedOffset, Weekday};

/// Half of the day, for hours that count to twelve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// SA (sáng), AM.
    Morning,
    /// CH (chiều), PM.
    Afternoon,
}

/// Weekdays of one word.
const WEEKDAYS: [(&str, Weekday); 21] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
    ("sunday", Weekday::Sun),
    ("t2", Weekday::Mon),
    ("t3", Weekday::Tue),
    ("t4", Weekday::Wed),
    ("t5", Weekday::Thu),
    ("t6", Weekday::Fri),
    ("t7", Weekday::Sat),
    ("cn", Weekday::Sun),
];
/// What follows `thứ`.
const ORDINALS: [(&str, Weekday); 13] = [
    ("hai", Weekday::Mon),
    ("2", Weekday::Mon),
    ("ba", Weekday::Tue),
    ("3", Weekday::Tue),
    ("tư", Weekday::Wed),
    ("4", Weekday::Wed),
    ("năm", Weekday::Thu),
    ("5", Weekday::Thu),
    ("sáu", Weekday::Fri),
    ("6", Weekday::Fri),
    ("bảy", Weekday::Sat),
    ("bẩy", Weekday::Sat),
    ("7", Weekday::Sat),
];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The words of a stamp in lower case. A stroke, a comma or a bracket parts them; so do the `T` of ISO 8601, and the
/// end of a time of day (`06:30GMT+7`, `06:30+07:00`).
#[derive(Debug)]
pub(super) struct Words {
    words: Vec<String>,
    at: usize,
}

impl Words {
    pub(super) fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        let rough = lower.split([' ', '|', ',', '(', ')']);
        let words = rough
            .flat_map(split_iso)
            .filter(|word| !matches!(*word, "" | "-" | "–" | "ngày" | "lúc"))
            .flat_map(split_time);
        Self { words: words.map(str::to_owned).collect(), at: 0 }
    }

    pub(super) fn next(&mut self) -> Option<String> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word
    }

    pub(super) fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.at += count;
    }
}

fn split_iso(word: &str) -> Vec<&str> {
    match word.split_once('t') {
        Some((date, time)) if date.starts_with(|c: char| c.is_ascii_digit()) && date.contains('-') => vec![date, time],
        _ => vec![word],
    }
}

/// Parts what is glued to the end of a time of day.
fn split_time(word: &str) -> Vec<&str> {
    let is_time = word.starts_with(|c: char| c.is_ascii_digit()) && word.contains([':', 'h', 'g']);
    let end = |c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.' | 'h' | 'g');
    let cut = word.find("gmt").or_else(|| word.find(end));
    match cut {
        Some(at) if is_time => {
            <[&str; 2]>::from(word.split_at(at)).into_iter().filter(|part| !part.is_empty()).collect()
        }
        _ => vec![word],
    }
}

/// The weekday, and how many more words it takes.
pub(super) fn weekday(word: &str, next: Option<&str>) -> Option<(Weekday, usize)> {
    let find =
        |table: &[(&str, Weekday)], word: &str| table.iter().find(|(name, _)| *name == word).map(|(_, day)| *day);
    match (word, next) {
        ("thứ", Some(ordinal)) => find(&ORDINALS, ordinal).map(|day| (day, 1)),
        ("chủ", Some("nhật")) => Some((Weekday::Sun, 1)),
        _ => find(&WEEKDAYS, word).map(|day| (day, 0)),
    }
}

/// The half of the day, and whether it is the English word.
pub(super) fn half(word: &str) -> Option<(Half, bool)> {
    match word {
        "sa" => Some((Half::Morning, false)),
        "ch" => Some((Half::Afternoon, false)),
        "am" => Some((Half::Morning, true)),
        "pm" => Some((Half::Afternoon, true)),
        _ => None,
    }
}

/// The number of an English month (RFC 822 section 5.1).
pub(super) fn month(word: &str) -> Option<u32> {
    (1..).zip(MONTHS).find(|(_, name)| *name == word).map(|(number, _)| number)
}

/// The offset, and how many more words it takes. The sign of `GMT+7` is that of the clock (east is plus), not that of
/// POSIX zone names.
pub(super) fn offset(word: &str, next: Option<&str>) -> Option<(FixedOffset, usize)> {
    if let Some(offset) = signed(word) {
        return Some((offset, 0));
    }
    match word {
        "z" => FixedOffset::east_opt(0).map(|offset| (offset, 0)),
        "ict" => FixedOffset::east_opt(7 * 3600).map(|offset| (offset, 0)),
        "gmt" | "utc" | "ut" => match next.and_then(signed) {
            Some(offset) => Some((offset, 1)),
            None => FixedOffset::east_opt(0).map(|offset| (offset, 0)),
        },
        _ => word.strip_prefix("gmt").or_else(|| word.strip_prefix("utc")).and_then(signed).map(|offset| (offset, 0)),
    }
}

/// `+7`, `+07`, `+0700`, `+07:00`, `-05:30`, `+07:06:40`.
fn signed(text: &str) -> Option<FixedOffset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-" | "−", digits) => (-1, digits),
        _ => return None,
    };
    let plain: Cow<'_, str> = if digits.contains(':') { digits.replace(':', "").into() } else { digits.into() };
    let padded = if plain.len() == 1 { format!("0{plain}") } else { plain.into_owned() };
    if !matches!(padded.len(), 2 | 4 | 6) || !padded.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let pair = |at: usize| padded.get(at..at + 2).map_or(Some(0), |pair| pair.parse::<i32>().ok());
    let (hours, minutes, seconds) = (pair(0)?, pair(2)?, pair(4)?);
    if hours > 14 || minutes > 59 || seconds > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60 + seconds))
}
