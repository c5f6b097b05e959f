//! What a newsroom writes as a place, resolved at the article's date: a code, or a name with or without its kind and
//! with or without what it is a part of. Exact by tones, and never a guess.

use std::fmt;

use chrono::NaiveDate;

use super::Gazetteer;
use super::names::{Phrase, SPELLINGS, Spelling, key};
use super::unit::Unit;
use crate::domain::place::UnitCode;

/// How many candidates an error shows before it only counts them.
const SHOWN_MAX: usize = 5;
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
        near: Vec<String>,
    },
    /// It is known, but not of that day.
    #[error("`{text}` does not hold on {day}, it was or will be {}", List(was))]
    NotThen {
        /// The text.
        text: String,
        /// The day.
        day: NaiveDate,
        /// What it was or will be, with when that holds.
        was: Vec<String>,
    },
    /// It may be several.
    #[error("`{text}` is {} units on {day}, give the code or what it is a part of: {}", candidates.len(), List(candidates))]
    Ambiguous {
        /// The text.
        text: String,
        /// The day.
        day: NaiveDate,
        /// Each with its kind, what it is a part of, and its code.
        candidates: Vec<String>,
    },
}

/// The first of some texts, and how many more there are.
struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.0.iter().take(SHOWN_MAX).map(String::as_str).collect();
        f.write_str(&shown.join("; "))?;
        match self.0.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

fn close_to(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; close to it: {}", List(near)) }
}

impl Gazetteer {
    /// The unit that a text names on a day: an official code; or kind and name, or a name that is enough by itself,
    /// followed by what it is a part of (`xã Hùng Lô, TP Việt Trì, Phú Thọ`), where levels may be left out. Case,
    /// normal form, place of tones, apostrophes, hyphens and the usual short forms of kinds do not matter, tones do.
    ///
    /// It is looked for in the provinces `home` first, and means the one unit there that fits, whatever fits elsewhere.
    ///
    /// # Errors
    /// [`Unresolved`]: not known at all, not on that day, or not one alone.
    pub fn resolve(&self, text: &str, day: NaiveDate, home: &[UnitCode]) -> Result<&Unit, Unresolved> {
        if let Ok(code) = text.trim().parse::<UnitCode>() {
            return self.at(code, day).ok_or_else(|| self.unresolved(text, day, self.periods(code)));
        }
        let key = key(text);
        let question = Question::new(self, &key);
        let now = SPELLINGS.map(|spelling| {
            let answers = self.answers(&question, day, spelling);
            answers.filter(|unit| unit.is_valid(day)).collect::<Vec<_>>()
        });
        let mut in_order = now.iter().map(|units| self.within(home, day, units)).chain(now.iter().cloned());
        match in_order.find(|units| !units.is_empty()).as_deref() {
            Some([unit]) => Ok(unit),
            Some(several) => Err(self.ambiguous(text, day, several)),
            None => Err(self.unresolved(text, day, self.meanings_of(&question, day))),
        }
    }

    /// Every unit of any date that a text may name, in the order of their codes and dates.
    #[must_use]
    pub fn meanings(&self, text: &str, day: NaiveDate) -> Vec<&Unit> {
        match text.trim().parse::<UnitCode>() {
            Ok(code) => self.periods(code),
            Err(_) => self.meanings_of(&Question::new(self, &key(text)), day),
        }
    }

    fn meanings_of(&self, question: &Question<'_>, day: NaiveDate) -> Vec<&Unit> {
        let official: Vec<_> = self.answers(question, day, Spelling::Official).collect();
        if official.is_empty() { self.answers(question, day, Spelling::Alias).collect() } else { official }
    }

    /// Units of any date of the name in question that are or were parts of what it says, on the day of their lives that
    /// is nearest.
    fn answers(&self, question: &Question<'_>, day: NaiveDate, spelling: Spelling) -> impl Iterator<Item = &Unit> {
        let named = question.name.as_ref().map(|name| self.names.meant(&self.units, name, spelling));
        let units = named.unwrap_or_default().into_iter().filter_map(|number| self.units.get(number));
        units.filter(move |unit| self.is_part_of(unit, &question.parents, unit.nearest_day(day)))
    }

    /// Do the parents stand above the unit, in this order? Levels may be left out.
    fn is_part_of(&self, unit: &Unit, parents: &[Phrase<'_>], day: NaiveDate) -> bool {
        let mut above = self.units.upwards(unit, day).skip(1);
        parents.iter().all(|parent| above.any(|unit| self.names.may_mean(&self.units, parent, unit)))
    }

    /// Those that lie in one of the provinces.
    fn within<'a>(&'a self, home: &[UnitCode], day: NaiveDate, units: &[&'a Unit]) -> Vec<&'a Unit> {
        let is_home = |unit: &Unit| self.units.upwards(unit, day).last().is_some_and(|top| home.contains(&top.code));
        units.iter().copied().filter(|unit| is_home(unit)).collect()
    }

    fn ambiguous(&self, text: &str, day: NaiveDate, units: &[&Unit]) -> Unresolved {
        let candidates = units.iter().map(|unit| self.describe(unit, day)).collect();
        Unresolved::Ambiguous { text: text.to_owned(), day, candidates }
    }

    /// The error for a text that means something at other dates, or nothing.
    fn unresolved(&self, text: &str, day: NaiveDate, at_other_dates: Vec<&Unit>) -> Unresolved {
        let dated = |unit: &Unit| format!("{} {}", self.describe(unit, day), unit.period());
        let text = text.to_owned();
        if at_other_dates.is_empty() {
            let near = self.near(&text).into_iter().map(dated).collect();
            return Unresolved::Unknown { text, near };
        }
        Unresolved::NotThen { text, day, was: at_other_dates.into_iter().map(dated).collect() }
    }

    /// A unit for people: full name, what it was a part of on that day of its life that is nearest, code.
    #[must_use]
    pub fn describe(&self, unit: &Unit, day: NaiveDate) -> String {
        let names = self.units.upwards(unit, unit.nearest_day(day)).map(Unit::full_name);
        format!("{} ({})", names.collect::<Vec<_>>().join(", "), unit.code)
    }
}

/// A text cut into the name in question and what it is a part of.
struct Question<'a> {
    name: Option<Phrase<'a>>,
    parents: Vec<Phrase<'a>>,
}

impl<'a> Question<'a> {
    fn new(gazetteer: &Gazetteer, key: &'a str) -> Self {
        let segments = key.split([',', ';', '(', ')']).map(|segment| segment.trim_matches([' ', '.', '-']));
        let segments = segments.filter(|segment| !segment.is_empty());
        let mut phrases = segments.flat_map(|segment| phrases(gazetteer, segment));
        Self { name: phrases.next(), parents: phrases.collect() }
    }
}

/// The names of a segment: a hyphen is a part of some names, and parts others. As much as is a known name together is
/// one.
fn phrases<'a>(gazetteer: &Gazetteer, segment: &'a str) -> Vec<Phrase<'a>> {
    let (mut phrases, mut rest) = (Vec::new(), segment);
    while !rest.is_empty() {
        let (phrase, after) = longest_name(gazetteer, rest);
        phrases.push(phrase);
        rest = after;
    }
    phrases
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
