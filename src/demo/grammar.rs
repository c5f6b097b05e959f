//! Text from rules: a small context-free grammar, read from the word lists in `lexicon/`.
//!
//! `[name]` begins a rule; `;` and line ends part its alternatives. Inside an alternative `{name}` expands a rule,
//! `{a/b}` one of the words, `{10..99}` a number, and `{here}`, `{chief}`, `{today}`, `{place}` what the caller gives.
//! Of two rules of one name the one in the later file counts, so a section overrides what all share.

use std::collections::HashMap;

use super::random::Random;

/// Rules within rules at most: the lists reach 6. A circle ends here, with nothing.
const DEPTH_MAX: usize = 12;

/// A mistake in the word lists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the demo's word lists name `{{{name}}}` in `{text}`, which is no rule, choice or number")]
pub struct GrammarError {
    /// What is named.
    pub name: String,
    /// Where.
    pub text: String,
}

/// What an article gives to its text.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    /// Where it happens, such as `xã Hạ Hòa`.
    pub(super) here: String,
    /// The official who speaks.
    pub(super) chief: String,
    /// The day, such as `18/3`.
    pub(super) today: String,
    /// Other places of that time.
    pub(super) places: Vec<String>,
}

/// The rules of one section.
#[derive(Debug)]
pub(super) struct Grammar {
    names: HashMap<&'static str, usize>,
    rules: Vec<Vec<Vec<Piece>>>,
}

#[derive(Debug)]
enum Piece {
    Text(&'static str),
    Rule(usize),
    Choice(Vec<&'static str>),
    Number(u64, u64),
    Here,
    Chief,
    Today,
    Place,
}

impl Grammar {
    /// Reads the lists, the general one first.
    ///
    /// # Errors
    /// [`GrammarError`] for a name that stands for nothing.
    pub(super) fn parse(lists: &[&'static str]) -> Result<Self, GrammarError> {
        let mut sources: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
        let mut names = HashMap::new();
        for list in lists {
            for (name, alternatives) in rules_of(list) {
                names.insert(name, sources.len());
                sources.push((name, alternatives));
            }
        }
        let parse_all =
            |alternatives: &Vec<&'static str>| alternatives.iter().map(|text| pieces(text, &names)).collect();
        let rules = sources.iter().map(|(_, alternatives)| parse_all(alternatives)).collect::<Result<_, _>>()?;
        Ok(Self { names, rules })
    }

    /// An expansion of a rule; nothing if there is no such rule.
    pub(super) fn expand(&self, name: &str, given: &Given, random: &mut Random) -> String {
        let mut expansion = Expansion { grammar: self, given, random, out: String::new() };
        if let Some(rule) = self.names.get(name) {
            expansion.rule(*rule, DEPTH_MAX);
        }
        expansion.out
    }
}

struct Expansion<'a> {
    grammar: &'a Grammar,
    given: &'a Given,
    random: &'a mut Random,
    out: String,
}

impl Expansion<'_> {
    fn rule(&mut self, rule: usize, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let alternatives = self.grammar.rules.get(rule).map_or(&[][..], Vec::as_slice);
        for piece in self.random.pick(alternatives).map_or(&[][..], Vec::as_slice) {
            match piece {
                Piece::Rule(rule) => self.rule(*rule, depth),
                Piece::Text(text) => self.out.push_str(text),
                Piece::Choice(words) => self.out.push_str(self.random.pick(words).copied().unwrap_or_default()),
                Piece::Number(from, to) => self.out.push_str(&self.random.between(*from, *to).to_string()),
                Piece::Here => self.out.push_str(&self.given.here),
                Piece::Chief => self.out.push_str(&self.given.chief),
                Piece::Today => self.out.push_str(&self.given.today),
                Piece::Place => {
                    let place = self.random.pick(&self.given.places);
                    self.out.push_str(place.unwrap_or(&self.given.here));
                }
            }
        }
    }
}

/// The rules of a list with their alternatives, as written.
fn rules_of(list: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut rules: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            rules.push((name, Vec::new()));
        } else if let Some((_, alternatives)) = rules.last_mut() {
            alternatives.extend(line.split(';').map(str::trim).filter(|text| !text.is_empty()));
        }
    }
    rules
}

fn pieces(text: &'static str, names: &HashMap<&'static str, usize>) -> Result<Vec<Piece>, GrammarError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        pieces.push(Piece::Text(before));
        let unknown = || GrammarError { name: name.to_owned(), text: text.to_owned() };
        pieces.push(slot(name, names).ok_or_else(unknown)?);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn slot(name: &'static str, names: &HashMap<&'static str, usize>) -> Option<Piece> {
    if let Some(rule) = names.get(name) {
        return Some(Piece::Rule(*rule));
    }
    if let Some((from, to)) = name.split_once("..") {
        return Some(Piece::Number(from.parse().ok()?, to.parse().ok()?));
    }
    match name {
        "here" => Some(Piece::Here),
        "chief" => Some(Piece::Chief),
        "today" => Some(Piece::Today),
        "place" => Some(Piece::Place),
        _ => name.contains('/').then(|| Piece::Choice(name.split('/').collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(lists: &[&'static str], rule: &str) -> String {
        let given = Given { here: "xã Hạ Hòa".to_owned(), ..Given::default() };
        Grammar::parse(lists).unwrap().expand(rule, &given, &mut Random::new(1, 1))
    }

    #[test]
    fn rules_choices_numbers_and_given_words_are_filled_in() {
        assert_eq!(expand(&["[a]\n{b} ở {here}, {7..7} {ha/ha}\n[b]\nTrồng chè"], "a"), "Trồng chè ở xã Hạ Hòa, 7 ha");
        assert_eq!(expand(&["# note\n[a]\nmột", "[a]\nhai"], "a"), "hai", "the later list counts");
        assert_eq!(expand(&["[a]\nx{a}"], "a"), "x".repeat(DEPTH_MAX), "a circle ends");
        assert_eq!(expand(&["[a]\nx"], "nothing"), "");
    }

    #[test]
    fn a_name_that_stands_for_nothing_is_an_error() {
        let error = Grammar::parse(&["[a]\nmua {cropp}"]).unwrap_err();
        let text = "the demo's word lists name `{cropp}` in `mua {cropp}`, which is no rule, choice or number";
        assert_eq!(error.to_string(), text);
        assert!(Grammar::parse(&["[a]\n{1..x}"]).is_err());
    }
}
