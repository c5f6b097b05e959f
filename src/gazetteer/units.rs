//! All units of all times, in the order of code and first day.

use std::sync::Arc;

use chrono::NaiveDate;
use hashbrown::HashSet;

use super::table::{GazetteerError, Row, day, rows};
use super::unit::{Kind, Unit};
use crate::domain::place::{Place, UnitCode};

/// Number of a unit within [`Units`].
pub(super) type Number = u32;

/// The units, and who is part of whom.
#[derive(Debug, Default)]
pub(super) struct Units {
    rows: Vec<Unit>,
    /// Numbers of all units in the order of their parents' codes.
    by_parent: Vec<Number>,
}

impl Units {
    /// Reads the table. Every unit is a place of its own at first.
    pub(super) fn parse(text: &str) -> Result<Self, GazetteerError> {
        let mut names = Names::default();
        let mut units: Vec<Unit> = rows("units", text).map(|row| unit(&row?, &mut names)).collect::<Result<_, _>>()?;
        units.sort_by_key(|unit| (unit.code, unit.from));
        if let Some(code) = overlapping(&units) {
            return Err(GazetteerError::Overlap { code });
        }
        Number::try_from(units.len()).map_err(|_error| GazetteerError::TooMany)?;
        let mut by_parent: Vec<_> = (0..).zip(&units).map(|(at, unit)| (unit.parent, at)).collect();
        by_parent.sort_unstable();
        Ok(Self { rows: units, by_parent: by_parent.into_iter().map(|(_, at)| at).collect() })
    }

    /// All of them with their numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = (Number, &Unit)> {
        (0..).zip(&self.rows)
    }

    /// The unit of a number.
    pub(super) fn get(&self, number: Number) -> Option<&Unit> {
        self.rows.get(usize::try_from(number).ok()?)
    }

    /// The unit of a number, to be changed.
    pub(super) fn get_mut(&mut self, number: Number) -> Option<&mut Unit> {
        self.rows.get_mut(usize::try_from(number).ok()?)
    }

    /// Every period of a code, oldest first.
    pub(super) fn of_code(&self, code: UnitCode) -> impl Iterator<Item = (Number, &Unit)> {
        let start = self.rows.partition_point(|unit| unit.code < code);
        let rows = self.rows.get(start..).unwrap_or_default().iter().take_while(move |unit| unit.code == code);
        (Number::try_from(start).unwrap_or_default()..).zip(rows)
    }

    /// What a code was on that day.
    pub(super) fn at(&self, code: UnitCode, day: NaiveDate) -> Option<(Number, &Unit)> {
        self.of_code(code).find(|(_, unit)| unit.is_valid(day))
    }

    /// The number of a unit.
    pub(super) fn number_of(&self, unit: &Unit) -> Option<Number> {
        self.of_code(unit.code).find(|(_, found)| found.from == unit.from).map(|(number, _)| number)
    }

    /// Every unit that was ever a part of a code, with its number.
    pub(super) fn parts_of(&self, code: UnitCode) -> impl Iterator<Item = (Number, &Unit)> {
        let parent = |number: &Number| self.get(*number).and_then(|unit| unit.parent);
        let start = self.by_parent.partition_point(|number| parent(number) < Some(code));
        let parts = self.by_parent.get(start..).unwrap_or_default().iter();
        parts
            .filter_map(|number| Some((*number, self.get(*number)?)))
            .take_while(move |(_, unit)| unit.parent == Some(code))
    }

    /// All of them in the order of their parents' codes.
    pub(super) fn by_parent(&self) -> impl Iterator<Item = &Unit> {
        self.by_parent.iter().filter_map(|number| self.get(*number))
    }

    /// The unit, what it was a part of on that day, and so on up to the province.
    pub(super) fn upwards<'a>(&'a self, unit: &'a Unit, day: NaiveDate) -> impl Iterator<Item = &'a Unit> {
        std::iter::successors(Some(unit), move |unit| Some(self.at(unit.parent?, day)?.1))
    }
}

/// A code of which two periods hold on the same day, or one on none. The units are in order.
fn overlapping(units: &[Unit]) -> Option<UnitCode> {
    let ends_late = |old: &Unit, new: &Unit| old.code == new.code && (old.until.is_none() || old.until > new.from);
    let late = units.iter().zip(units.iter().skip(1)).find(|(old, new)| ends_late(old, new)).map(|(old, _)| old);
    let backwards = |unit: &&Unit| unit.until.is_some() && unit.until <= unit.from;
    late.or_else(|| units.iter().find(backwards)).map(|unit| unit.code)
}

/// Names that several units have are kept once.
#[derive(Default)]
struct Names(HashSet<Arc<str>>);

impl Names {
    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.0.insert(Arc::clone(&name));
        name
    }
}

fn unit(row: &Row<'_, 6>, names: &mut Names) -> Result<Unit, GazetteerError> {
    let [code, kind, name, parent, from, until] = row.fields;
    let code: UnitCode = row.read(code.parse().ok(), "has no official code")?;
    let from = row.optional(from, day, "has no first day that can be read")?;
    Ok(Unit {
        code,
        kind: row.read(Kind::of_word(kind), "has no known kind")?,
        name: row.read(Some(name).filter(|name| !name.is_empty()).map(|name| names.shared(name)), "has no name")?,
        parent: row.optional(parent, |code| code.parse().ok(), "has no code of a parent")?,
        from,
        until: row.optional(until, day, "has no last day that can be read")?,
        place: Place { code, since: from },
        next: None,
    })
}
