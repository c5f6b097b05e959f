//! The units as of a story's day: which hold, which are of the past, which lie in which, and which at home.

use chrono::NaiveDate;

use super::super::Gazetteer;
use super::super::unit::Unit;
use super::super::units::Number;
use super::lexicon::Lexicon;
use super::words::Kinds;
use crate::domain::place::{Level, UnitCode};

/// The country on a day, as a newspaper of some provinces sees it.
pub(super) struct Atlas<'g> {
    gazetteer: &'g Gazetteer,
    pub(super) lexicon: &'g Lexicon,
    day: NaiveDate,
    /// Provinces of that day.
    home: Vec<UnitCode>,
}

/// For how many days people tell the former unit from the present one of the same name: a few years after a reform.
const REMEMBERED_DAYS: i64 = 5 * 365;
/// How many reforms a province of the past is followed through.
const REFORMS_MAX: usize = 8;

impl<'g> Atlas<'g> {
    /// `home` may name provinces that were merged into others by that day.
    pub(super) fn new(gazetteer: &'g Gazetteer, lexicon: &'g Lexicon, day: NaiveDate, home: &[UnitCode]) -> Self {
        let mut atlas = Self { gazetteer, lexicon, day, home: Vec::new() };
        let present = home.iter().map(|code| atlas.present_province(*code)).collect();
        atlas.home = present;
        atlas
    }

    /// Does the unit hold on the day?
    pub(super) fn holds(&self, unit: &Unit) -> bool {
        unit.is_valid(self.day)
    }

    /// The unit of a number.
    pub(super) fn unit(&self, number: Number) -> Option<&'g Unit> {
        self.gazetteer.units.get(number)
    }

    /// The units of some of the kinds that hold on the day.
    pub(super) fn valid(&self, meant: &[Number], kinds: Kinds) -> Vec<&'g Unit> {
        let units = meant.iter().filter_map(|number| self.unit(*number));
        units.filter(|unit| kinds.has(unit.kind) && unit.is_valid(self.day)).collect()
    }

    /// The units of some of the kinds that no longer hold on the day, each code in the last of its periods.
    pub(super) fn past(&self, meant: &[Number], kinds: Kinds) -> Vec<&'g Unit> {
        let units = meant.iter().filter_map(|number| self.unit(*number));
        let mut past: Vec<&Unit> = Vec::new();
        for unit in units.filter(|unit| kinds.has(unit.kind) && unit.until.is_some_and(|until| until <= self.day)) {
            match past.iter_mut().find(|known| known.code == unit.code) {
                Some(known) if known.until < unit.until => *known = unit,
                Some(_) => {}
                None => past.push(unit),
            }
        }
        past.retain(|unit| !self.goes_on(unit, meant));
        past
    }

    /// Did a period end long ago, and the unit go on in another one?
    fn goes_on(&self, unit: &Unit, meant: &[Number]) -> bool {
        let is_long_ago = unit.until.is_none_or(|until| (self.day - until).num_days() > REMEMBERED_DAYS);
        let mut same = meant.iter().filter_map(|number| self.unit(*number)).filter(|other| other.code == unit.code);
        is_long_ago && same.any(|other| other.kind == unit.kind && other.is_valid(self.day))
    }

    /// The unit and what it lies in, on the day, or on the last one that it saw.
    pub(super) fn upwards(&self, unit: &'g Unit) -> impl Iterator<Item = &'g Unit> {
        self.gazetteer.units.upwards(unit, unit.nearest_day(self.day))
    }

    /// The province of the day that a unit lies or lay in.
    pub(super) fn province(&self, unit: &'g Unit) -> UnitCode {
        let top = self.upwards(unit).last().map_or(unit.code, |top| top.code);
        self.present_province(top)
    }

    /// Does the one lie in the other? A present unit lies in one of the past if what had its code lay there.
    pub(super) fn lies_in(&self, unit: &'g Unit, whole: &'g Unit) -> bool {
        if unit.level() <= whole.level() {
            return false;
        }
        let is_within = |unit: &'g Unit| self.upwards(unit).skip(1).any(|above| above.code == whole.code);
        if whole.is_valid(self.day) {
            return is_within(unit) || whole.level() == Level::Province && self.province(unit) == whole.code;
        }
        if !unit.is_valid(self.day) {
            return is_within(unit);
        }
        let then = whole.last_day();
        let known = self.gazetteer.units.at(unit.code, then).map(|(_, known)| known);
        known.is_some_and(|known| {
            self.gazetteer.units.upwards(known, then).skip(1).any(|above| above.code == whole.code)
        })
    }

    /// Is it in the newspaper's own provinces?
    pub(super) fn is_home(&self, unit: &'g Unit) -> bool {
        !self.home.is_empty() && self.home.contains(&self.province(unit))
    }

    /// Those that lie in none of the others.
    pub(super) fn topmost(&self, units: Vec<&'g Unit>) -> Vec<&'g Unit> {
        // Nothing lies in a commune, and most names are of communes only.
        let wholes: Vec<&Unit> = units.iter().copied().filter(|unit| unit.level() != Level::Commune).collect();
        if wholes.is_empty() || units.len() < 2 {
            return units;
        }
        units.into_iter().filter(|unit| !wholes.iter().any(|whole| self.lies_in(unit, whole))).collect()
    }

    /// What a province is on the day: itself, or the one that most of its codes are in now.
    fn present_province(&self, code: UnitCode) -> UnitCode {
        let is_present = |code: &UnitCode| self.gazetteer.units.at(*code, self.day).is_some();
        let followed = std::iter::successors(Some(code), |code| self.lexicon.merged_into(*code)).take(REFORMS_MAX);
        followed.into_iter().find(is_present).unwrap_or(code)
    }
}

/// Into which province each of the past went: the one that has most of the codes of its parts on the day after its end.
/// Nearly every commune of 2025 has the code of one that it was made of.
pub(super) fn mergers(gazetteer: &Gazetteer) -> Vec<(UnitCode, UnitCode)> {
    let units = &gazetteer.units;
    let provinces = units.all().map(|(_, unit)| unit).take_while(|unit| unit.level() == Level::Province);
    let gone = provinces.filter_map(|unit| Some((unit, unit.until?)));
    let gone = gone.filter(|(unit, end)| units.at(unit.code, *end).is_none());
    gone.filter_map(|(unit, end)| {
        let mut counts: Vec<(UnitCode, usize)> = Vec::new();
        let direct = gazetteer.children(unit.code, unit.last_day());
        let parts = direct.iter().flat_map(|part| gazetteer.children(part.code, unit.last_day()));
        for top in parts.filter_map(|part| units.upwards(units.at(part.code, end)?.1, end).last()) {
            match counts.iter_mut().find(|(code, _)| *code == top.code) {
                Some((_, count)) => *count += 1,
                None => counts.push((top.code, 1)),
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count)?;
        Some((unit.code, most.0))
    })
    .collect()
}
