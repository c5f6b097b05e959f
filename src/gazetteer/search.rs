//! Finding units by what somebody remembers of a name, with or without tones. The addresses are the names without
//! tones, so they are what is searched.

use super::Gazetteer;
use super::names::key;
use super::unit::Unit;
use crate::domain::place::Place;
use crate::text::slug::slug;

/// How well a place fits. Better ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The name or the full name, tones and all.
    Exact,
    /// The name or the full name but for the tones.
    Toneless,
    /// Some words of it, tones and all.
    Words,
    /// Some words of it, but for the tones.
    WordsToneless,
}

/// How many nearly equal names are offered.
const NEAR_MAX: usize = 5;

impl Gazetteer {
    /// The places of any date whose name has the words of the text, with or without tones. What fits better comes
    /// first; of equals those that hold at present, then by address.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<Place> {
        self.fitting(text).into_iter().map(|(_, place)| place).collect()
    }

    /// The last periods of some places that are called like that but for tones or kind.
    pub(super) fn near(&self, text: &str) -> Vec<&Unit> {
        let name = text.split([',', '(']).next().unwrap_or_default();
        let fitting = self.fitting(name).into_iter().filter(|(fit, _)| *fit <= Fit::Toneless);
        fitting.filter_map(|(_, place)| self.units_of(place).pop()).take(NEAR_MAX).collect()
    }

    fn fitting(&self, text: &str) -> Vec<(Fit, Place)> {
        let (words, key) = (slug(text), key(text));
        if words.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<_> = self
            .addresses
            .containing(&words)
            .filter(|(_, path)| has_words(path.rsplit('/').next().unwrap_or(path), &words))
            .filter_map(|(place, path)| {
                let unit = self.units_of(place).pop()?;
                Some((fit(unit, &words, &key)?, unit.until.is_some(), path, place))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(fit, _, _, place)| (fit, place)).collect()
    }
}

/// Do the words stand in the slug, as whole words?
fn has_words(slug: &str, words: &str) -> bool {
    slug.match_indices(words).any(|(at, _)| {
        let (before, after) = (slug.get(..at).unwrap_or_default(), slug.get(at + words.len()..).unwrap_or_default());
        (before.is_empty() || before.ends_with('-')) && (after.is_empty() || after.starts_with('-'))
    })
}

/// An address may have a code at its end, which is no part of the name: hence `None`.
fn fit(unit: &Unit, words: &str, name: &str) -> Option<Fit> {
    let full_name = unit.full_name();
    let full_key = key(&full_name);
    let is_whole = slug(&unit.name) == words || slug(&full_name) == words;
    match full_key.contains(name) {
        true if is_whole => Some(Fit::Exact),
        false if is_whole => Some(Fit::Toneless),
        true => Some(Fit::Words),
        false => has_words(&slug(&full_name), words).then_some(Fit::WordsToneless),
    }
}
