//! What a newsroom writes as a place, resolved at the article's date: a code, or a name with or without its kind and
//! with or without what it is a part of. Exact by tones, and never a guess.

use std::fmt;

use chrono::NaiveDate;

use super::Gazetteer;
use super::names::{Phrase, SPELLINGS, Spelling, key};
use super::unit::Unit;
use crate::domain::place::{Level, UnitCode};

/// Longest text that can name a unit, in characters: the longest official form, decomposed, has 85.
const TEXT_CHARS_MAX: usize = 200;
/// How much of a longer one an error shows, in characters.
const SHOWN_CHARS: usize = 60;
/// How many units an error shows before it only counts them.
const SHOWN_MAX: usize = 5;
/// What a unit can be a part of: a district and a province.
const PARENTS_MAX: usize = 2;
/// Hyphens within one name: `Bà Rịa - Vũng Tàu` has one.
const NAME_HYPHENS_MAX: usize = 2;

/// Why a text names no unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// No unit of any date is called so.
    #[error(
        "`{text}` is no administrative unit: expected an official code, or a kind and a name, with what it is a part of \
         after commas{}",
        close_to(near)
    )]
    Unknown {
        /// The text.
        text: String,
        /// Units that are spelt nearly so, with when they hold.
        near: Listed,
    },
    /// It is known, but not of that day.
    #[error("`{text}` does not hold on {day}, it was or will be {was}")]
    NotThen {
        /// The text.
        text: String,
        /// The day.
        day: NaiveDate,
        /// What it was or will be, with when that holds.
        was: Listed,
    },
    /// It may be several.
    #[error("`{text}` is {} units on {day}, give the code or what it is a part of: {candidates}", candidates.count)]
    Ambiguous {
        /// The text.
        text: String,
        /// The day.
        day: NaiveDate,
        /// Each with its kind, what it is a part of, and its code.
        candidates: Listed,
    },
}

/// Units as an error tells of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The first five of them.
    pub first: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl Listed {
    fn new(units: &[&Unit], tell: impl Fn(&Unit) -> String) -> Self {
        Self { first: units.iter().take(SHOWN_MAX).map(|unit| tell(unit)).collect(), count: units.len() }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join("; "))?;
        match self.count.saturating_sub(self.first.len()) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

fn close_to(near: &Listed) -> String {
    if near.count == 0 { String::new() } else { format!("; close to it: {near}") }
}

impl Gazetteer {
    /// The unit that a text names on a day: an official code; or kind and name, or a name that is enough by itself,
    /// followed by what it is a part of (`xã Hùng Lô, TP Việt Trì, Phú Thọ`), where levels may be left out. Case,
    /// normal form, place of tones, apostrophes, hyphens and the usual short forms of kinds do not matter, tones do.
    ///
    /// Official names come before other spellings, and of several units those in the provinces `home` before others. A
    /// province keeps its name, though: a unit at home that is called like one of that day needs its kind or a parent.
    ///
    /// # Errors
    /// [`Unresolved`]: not known at all, not on that day, or not one alone.
    pub fn resolve(&self, text: &str, day: NaiveDate, home: &[UnitCode]) -> Result<&Unit, Unresolved> {
        self.resolve_only(text, day, home).map_err(|why| match why {
            Unresolved::Unknown { text, .. } => Unresolved::Unknown { near: self.dated(&self.near(&text), day), text },
            why => why,
        })
    }

    /// As [`Gazetteer::resolve`], but what an unknown text is close to stays open: that is a search through all names.
    pub(super) fn resolve_only(&self, text: &str, day: NaiveDate, home: &[UnitCode]) -> Result<&Unit, Unresolved> {
        self.find(text, day, home).map_err(|several| self.unresolved(text, day, &several))
    }

    /// The unit that a text names on a day, or else all that it may be, if there are any.
    pub(super) fn find(&self, text: &str, day: NaiveDate, home: &[UnitCode]) -> Result<&Unit, Vec<&Unit>> {
        let units = self.meant(text, day, |units| self.home_first(units, day, home));
        if let [unit] = *units { Ok(unit) } else { Err(units) }
    }

    /// Every unit of any date that a text may name, in the order of their codes and dates.
    #[must_use]
    pub fn meanings(&self, text: &str, day: NaiveDate) -> Vec<&Unit> {
        self.meant(text, day, |units| units)
    }

    /// What is chosen of the units of any date that a text names as a code, or as an official name; where that is none,
    /// of those that it names in another spelling.
    fn meant<'a>(
        &'a self,
        text: &str,
        day: NaiveDate,
        choose: impl Fn(Vec<&'a Unit>) -> Vec<&'a Unit>,
    ) -> Vec<&'a Unit> {
        if is_too_long(text) {
            return Vec::new();
        }
        if let Ok(code) = text.trim().parse() {
            return choose(self.periods(code));
        }
        let key = key(text);
        let question = Question::new(self, &key);
        let mut chosen = SPELLINGS.iter().map(|spelling| choose(self.answers(&question, day, *spelling)));
        chosen.find(|units| !units.is_empty()).unwrap_or_default()
    }

    /// Units of any date of the name in question that are or were parts of what it says, on the day of their lives that
    /// is nearest.
    fn answers(&self, question: &Question<'_>, day: NaiveDate, spelling: Spelling) -> Vec<&Unit> {
        let named = question.name.as_ref().map(|name| self.names.meant(&self.units, name, spelling));
        let units = named.unwrap_or_default().into_iter().filter_map(|number| self.units.get(number));
        units.filter(|unit| self.is_part_of(unit, &question.parents, unit.nearest_day(day))).collect()
    }

    /// Do the parents stand above the unit, in this order? Levels may be left out.
    fn is_part_of(&self, unit: &Unit, parents: &[Phrase<'_>], day: NaiveDate) -> bool {
        let mut above = self.units.upwards(unit, day).skip(1);
        parents.iter().all(|parent| above.any(|unit| self.names.may_mean(&self.units, parent, unit)))
    }

    /// Those of that day: where some lie in the provinces `home`, only these, and the province that is called so.
    fn home_first<'a>(&'a self, mut units: Vec<&'a Unit>, day: NaiveDate, home: &[UnitCode]) -> Vec<&'a Unit> {
        let is_home = |unit: &Unit| self.units.upwards(unit, day).last().is_some_and(|top| home.contains(&top.code));
        units.retain(|unit| unit.is_valid(day));
        if units.iter().any(|unit| is_home(unit)) {
            units.retain(|unit| unit.level() == Level::Province || is_home(unit));
        }
        units
    }

    /// The error for a text that may be several units, or means something at other dates, or nothing.
    fn unresolved(&self, text: &str, day: NaiveDate, several: &[&Unit]) -> Unresolved {
        let shown = shortened(text);
        if !several.is_empty() {
            let candidates = Listed::new(several, |unit| self.describe(unit, day));
            return Unresolved::Ambiguous { text: shown, day, candidates };
        }
        let was = self.dated(&self.meanings(text, day), day);
        if was.count == 0 {
            return Unresolved::Unknown { text: shown, near: Listed::default() };
        }
        Unresolved::NotThen { text: shown, day, was }
    }

    /// Units with when they hold.
    fn dated(&self, units: &[&Unit], day: NaiveDate) -> Listed {
        Listed::new(units, |unit| format!("{} {}", self.describe(unit, day), unit.period()))
    }

    /// A unit for people: full name, what it was a part of on that day of its life that is nearest, code.
    #[must_use]
    pub fn describe(&self, unit: &Unit, day: NaiveDate) -> String {
        let names = self.units.upwards(unit, unit.nearest_day(day)).map(Unit::full_name);
        format!("{} ({})", names.collect::<Vec<_>>().join(", "), unit.code)
    }
}

/// Above this no name is looked for, so that a body in the wrong column costs nothing.
fn is_too_long(text: &str) -> bool {
    text.chars().nth(TEXT_CHARS_MAX).is_some()
}

/// A text that is too long by its beginning.
fn shortened(text: &str) -> String {
    if is_too_long(text) { text.chars().take(SHOWN_CHARS).chain(['…']).collect() } else { text.to_owned() }
}

/// A text cut into the name in question and what it is a part of.
struct Question<'a> {
    name: Option<Phrase<'a>>,
    parents: Vec<Phrase<'a>>,
}

impl<'a> Question<'a> {
    /// Of too many parents only so many are read that nothing can be a part of them.
    fn new(gazetteer: &Gazetteer, key: &'a str) -> Self {
        let segments = key.split([',', ';', '(', ')']).map(|segment| segment.trim_matches([' ', '.', '-']));
        let mut phrases = segments.flat_map(|segment| phrases(gazetteer, segment));
        Self { name: phrases.next(), parents: phrases.take(PARENTS_MAX + 1).collect() }
    }
}

/// The names of a segment: a hyphen is a part of some names, and parts others. As much as is a known name together is
/// one.
fn phrases<'a>(gazetteer: &Gazetteer, segment: &'a str) -> impl Iterator<Item = Phrase<'a>> {
    let mut rest = segment;
    std::iter::from_fn(move || {
        let (phrase, after) = (!rest.is_empty()).then(|| longest_name(gazetteer, rest))?;
        rest = after;
        Some(phrase)
    })
}

/// The longest beginning that is a known name and ends at a hyphen, or else what stands before the first one.
fn longest_name<'a>(gazetteer: &Gazetteer, text: &'a str) -> (Phrase<'a>, &'a str) {
    let hyphens = text.match_indices('-').map(|(at, _)| at).take(NAME_HYPHENS_MAX + 1);
    let mut ends: Vec<_> = hyphens.filter_map(|at| Some((text.get(..at)?, text.get(at + 1..)?))).collect();
    if ends.len() <= NAME_HYPHENS_MAX {
        ends.push((text, ""));
    }
    let first = ends.first().copied().unwrap_or((text, ""));
    let known = ends.into_iter().rev().map(|(name, rest)| (Phrase::new(name.trim()), rest));
    let mut known = known.filter(|(phrase, _)| gazetteer.names.knows(&gazetteer.units, phrase));
    known.next().unwrap_or_else(|| (Phrase::new(first.0.trim()), first.1))
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    #[test]
    fn no_text_is_cut_into_more_than_a_unit_can_be_a_part_of() {
        let gazetteer = Gazetteer::built_in();
        let check = |part: &str, parents: usize| {
            let key = key(&part.repeat(100_000));
            assert_eq!(Question::new(&gazetteer, &key).parents.len(), parents, "{part}");
        };
        for part in ["a,", "a-", "a(", "Phú Thọ, ", "Bà Rịa - Vũng Tàu - ", "\0;"] {
            check(part, PARENTS_MAX + 1);
        }
        for part in [",", "-", " ", "a", "xã ", "\u{301}"] {
            check(part, 0);
        }
    }

    #[test]
    fn the_limit_is_above_every_official_form() {
        let gazetteer = Gazetteer::built_in();
        let check = |chars: usize, expect: bool| assert_eq!(is_too_long(&"ă".repeat(chars)), expect, "{chars}");
        check(TEXT_CHARS_MAX, false);
        check(TEXT_CHARS_MAX + 1, true);
        let units = gazetteer.places().flat_map(|place| gazetteer.units_of(place));
        let longest = units.map(|unit| gazetteer.describe(unit, unit.last_day()).nfd().count()).max().unwrap();
        assert!(longest < TEXT_CHARS_MAX / 2, "{longest}");
        assert_eq!(shortened(&"ă".repeat(TEXT_CHARS_MAX + 1)), "ă".repeat(SHOWN_CHARS) + "…");
    }
}
