//! The units that an article names, as of its day.

use chrono::NaiveDate;

use super::{Gazetteer, Unit, Unresolved};
use crate::domain::place::UnitCode;

/// What became of the localities of one article.
#[derive(Debug, Default)]
pub struct Located<'g> {
    /// The units, each once, in the order in which they were named.
    pub units: Vec<&'g Unit>,
    /// Why the others are none.
    pub unresolved: Vec<Unresolved>,
}

impl Gazetteer {
    /// Resolves every text of an article; see [`Gazetteer::resolve`].
    #[must_use]
    pub fn locate<'a>(
        &self,
        texts: impl IntoIterator<Item = &'a str>,
        day: NaiveDate,
        home: &[UnitCode],
    ) -> Located<'_> {
        let mut located = Located::default();
        for text in texts {
            match self.resolve(text, day, home) {
                Ok(unit) if located.units.iter().any(|known| known.code == unit.code) => {}
                Ok(unit) => located.units.push(unit),
                Err(unresolved) => located.unresolved.push(unresolved),
            }
        }
        located
    }
}
