//! One administrative unit as it was for one period: a row of the table of units.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::place::{Level, Place, UnitCode};

/// What a unit is called by law. `Thành phố` is a province or a district: the code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Tỉnh: a province.
    Tinh,
    /// Thành phố: a city of the country, or one of a province.
    ThanhPho,
    /// Quận: an urban district, until 30 June 2025.
    Quan,
    /// Huyện: a rural district, until 30 June 2025.
    Huyen,
    /// Thị xã: a town, a district by level, until 30 June 2025.
    ThiXa,
    /// Phường: a ward.
    Phuong,
    /// Xã: a rural commune.
    Xa,
    /// Thị trấn: a small town, a commune by level, until 30 June 2025.
    ThiTran,
    /// Đặc khu: a special zone, since 1 July 2025.
    DacKhu,
}

impl Kind {
    /// Every kind, larger units first.
    pub const ALL: [Self; 9] = [
        Self::Tinh,
        Self::ThanhPho,
        Self::Quan,
        Self::Huyen,
        Self::ThiXa,
        Self::Phuong,
        Self::Xa,
        Self::ThiTran,
        Self::DacKhu,
    ];

    /// The word within a sentence: `thành phố`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tinh => "tỉnh",
            Self::ThanhPho => "thành phố",
            Self::Quan => "quận",
            Self::Huyen => "huyện",
            Self::ThiXa => "thị xã",
            Self::Phuong => "phường",
            Self::Xa => "xã",
            Self::ThiTran => "thị trấn",
            Self::DacKhu => "đặc khu",
        }
    }

    /// The word at the beginning of a full name: `Thành phố`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tinh => "Tỉnh",
            Self::ThanhPho => "Thành phố",
            Self::Quan => "Quận",
            Self::Huyen => "Huyện",
            Self::ThiXa => "Thị xã",
            Self::Phuong => "Phường",
            Self::Xa => "Xã",
            Self::ThiTran => "Thị trấn",
            Self::DacKhu => "Đặc khu",
        }
    }

    /// The kind of a word such as `thành phố`.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A unit in one period of its life. A code is no identity: another period of it may be another unit altogether.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The official code; it tells the level.
    pub code: UnitCode,
    /// What it is called by law.
    pub kind: Kind,
    /// The name without the kind, in NFC, spelt as in the official list.
    pub name: Arc<str>,
    /// What it is a part of; `None` for provinces.
    pub parent: Option<UnitCode>,
    /// The first day; `None`: on or before 31 August 2004, where the series of codes begins.
    pub from: Option<NaiveDate>,
    /// The first day on which it no longer holds; `None`: it holds at present.
    pub until: Option<NaiveDate>,
    /// The place that this period belongs to.
    pub(super) place: Place,
    /// Number of the next period of the same place.
    pub(super) next: Option<u32>,
}

impl Unit {
    /// Kind and name, as a sign at its border has it: `Xã Hùng Lô`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.kind.title(), self.name)
    }

    /// What it is a part of.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.code.level()
    }

    /// Does it hold on that day?
    #[must_use]
    pub fn is_valid(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }

    /// The last day on which it holds; far in the future if it holds at present.
    #[must_use]
    pub fn last_day(&self) -> NaiveDate {
        self.until.and_then(|until| until.pred_opt()).unwrap_or(NaiveDate::MAX)
    }

    /// The day of its life that is nearest to the given one.
    #[must_use]
    pub fn nearest_day(&self, day: NaiveDate) -> NaiveDate {
        self.from.map_or(day, |from| day.max(from)).min(self.last_day())
    }

    /// When it holds, for people: `from 2006-11-25 to 2025-06-30`, with both days; `always` where neither is known.
    #[must_use]
    pub fn period(&self) -> String {
        match (self.from, self.until.map(|_| self.last_day())) {
            (Some(from), Some(last)) => format!("from {from} to {last}"),
            (Some(from), None) => format!("from {from}"),
            (None, Some(last)) => format!("to {last}"),
            (None, None) => "always".to_owned(),
        }
    }
}
