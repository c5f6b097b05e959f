//! The units that an article names, as of its day.

use std::collections::HashSet;

use chrono::NaiveDate;

use super::{Gazetteer, Unit, Unresolved};
use crate::domain::found::FoundPlace;
use crate::domain::place::{Place, UnitCode};

/// What became of the localities of one article.
#[derive(Debug, Default)]
pub struct Located<'g> {
    /// The units, each once, in the order in which they were named.
    pub units: Vec<&'g Unit>,
    /// Why the others are none.
    pub unresolved: Vec<Unresolved>,
}

impl Gazetteer {
    /// Resolves every text of an article, by the rules of [`Gazetteer::resolve`]. What unknown texts are close to stays
    /// open: for thousands of articles that would take too long.
    #[must_use]
    pub fn locate<'a>(
        &self,
        texts: impl IntoIterator<Item = &'a str>,
        day: NaiveDate,
        home: &[UnitCode],
    ) -> Located<'_> {
        let mut located = Located::default();
        for text in texts {
            match self.resolve_only(text, day, home) {
                Ok(unit) => located.units.push(unit),
                Err(unresolved) => located.unresolved.push(unresolved),
            }
        }
        each_once(&mut located.units);
        located
    }

    /// The units that the texts of an article name, as [`Gazetteer::locate`] has them, without a word on the others.
    #[must_use]
    pub fn units_named<'a>(
        &self,
        texts: impl IntoIterator<Item = &'a str>,
        day: NaiveDate,
        home: &[UnitCode],
    ) -> Vec<&Unit> {
        let mut units = texts.into_iter().filter_map(|text| self.find(text, day, home).ok()).collect();
        each_once(&mut units);
        units
    }

    /// The units of an article that were found in its text and assigned, as of its day.
    #[must_use]
    pub fn units_found(&self, found: &[FoundPlace], day: NaiveDate) -> Vec<&Unit> {
        let assigned = found.iter().filter(|found| found.is_assigned);
        assigned.filter_map(|found| self.unit_on(found.place, day)).collect()
    }

    /// What a place was on a day; before its first or after its last one what it was then.
    #[must_use]
    pub fn unit_on(&self, place: Place, day: NaiveDate) -> Option<&Unit> {
        let units = self.units_of(place);
        let begun = units.iter().rfind(|unit| unit.from.is_none_or(|from| from <= day));
        begun.or_else(|| units.first()).copied()
    }
}

fn each_once(units: &mut Vec<&Unit>) {
    let mut seen = HashSet::new();
    units.retain(|unit| seen.insert(unit.code));
}
