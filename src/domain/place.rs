//! Administrative units as keys: an official code, and the place that a feed is about. Codes are not identities (nearly
//! every unit of July 2025 uses the code of another one again), so a place is a code together with the day from which
//! it is the place's.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

/// What a unit is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Level {
    /// Tỉnh, thành phố (of the country).
    Province,
    /// Quận, huyện, thị xã, thành phố (of a province): until 30 June 2025.
    District,
    /// Xã, phường, thị trấn, đặc khu.
    Commune,
}

/// The official code of the statistics office: two digits for a province, three for a district, five for a commune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct UnitCode {
    level: Level,
    number: u32,
}

impl UnitCode {
    /// What has such a code.
    #[must_use]
    pub const fn level(self) -> Level {
        self.level
    }
}

/// With the zeros before it.
impl fmt::Display for UnitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.level {
            Level::Province => 2,
            Level::District => 3,
            Level::Commune => 5,
        };
        write!(f, "{:0digits$}", self.number)
    }
}

/// A text that is no official code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no official code: a province has two digits, a district three, a commune five")]
pub struct NotACode(pub String);

impl FromStr for UnitCode {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let not = || NotACode(text.to_owned());
        let level = match text.len() {
            2 => Level::Province,
            3 => Level::District,
            5 => Level::Commune,
            _ => return Err(not()),
        };
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(not());
        }
        text.parse().ok().map(|number| Self { level, number }).ok_or_else(not)
    }
}

/// A place that has a feed: one unit for as long as it keeps its full name and province, whatever happens to its code
/// and its borders. Named by the code and the first day of its first period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The code of its first period.
    pub code: UnitCode,
    /// The first day of its first period; `None`: on or before 31 August 2004, where the series of codes begins.
    pub since: Option<NaiveDate>,
}

/// `25`, or `08287@2006-11-25`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.since {
            Some(since) => write!(f, "{}@{since}", self.code),
            None => self.code.fmt(f),
        }
    }
}

/// A text that names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place, expected an official code, or one with a date: `08287@2006-11-25`")]
pub struct NotAPlace(pub String);

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (code, since) = text.split_once('@').map_or((text, None), |(code, since)| (code, Some(since)));
        let read = || Some(Self { code: code.parse().ok()?, since: since.map(str::parse).transpose().ok()? });
        read().filter(|place| place.to_string() == text).ok_or_else(|| NotAPlace(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_places_survive_being_written_down() {
        for text in ["01", "25", "227", "08287", "08287@2006-11-25", "00004@2025-07-01"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in
            ["", "1", "2277", "082871", "o8287", "+1", "08287@", "08287@2006-11-31", "08287@2006-1-1", "@2006-11-25"]
        {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_length_of_a_code_is_its_level() {
        let level = |text: &str| text.parse::<UnitCode>().unwrap().level();
        assert_eq!([level("25"), level("227"), level("08287")], [Level::Province, Level::District, Level::Commune]);
        assert_ne!("01".parse::<UnitCode>(), "001".parse::<UnitCode>());
    }
}
