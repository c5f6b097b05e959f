//! Everything that the finder looks for, as one tree of syllables: the names of all units of all dates, and the phrases
//! of [`super::words`]. Built once, at the first search.
//!
//! A tree over syllables rather than an automaton over bytes: a name ends only where a syllable does, most syllables
//! begin nothing and cost one look, and the spellings of a syllable are folded in the vocabulary instead of in the text,
//! so that no second copy of the text with other positions is needed.

use hashbrown::HashMap;

use super::super::Gazetteer;
use super::super::units::Number;
use super::atlas::mergers;
use super::guard_words::SURNAMES;
use super::tokens::{Shape, Token, tokens};
use super::vocabulary::{Vocabulary, WordId};
use super::words::{AFTER, Class, PHRASES, phrases};
use crate::domain::place::UnitCode;

/// Number of a node of the tree.
type Node = u32;
/// Where names begin, and where phrases do: those of their own, and those right after something.
const NAMES: Node = 0;
const PHRASE: Node = 1;
const PHRASE_AFTER: Node = 2;

/// Names and phrases.
#[derive(Debug, Default)]
pub(in crate::gazetteer) struct Lexicon {
    pub(super) vocabulary: Vocabulary,
    edges: HashMap<(Node, WordId), Node>,
    /// What ends at a node: the units of a name, or the class of a phrase.
    names: HashMap<Node, Vec<Number>>,
    phrases: HashMap<Node, Class>,
    nodes: Node,
    /// By word: what it can begin.
    begins: Vec<Begins>,
    /// Provinces of the past, with those that they are in now.
    mergers: Vec<(UnitCode, UnitCode)>,
}

/// What a word can begin, as bits.
#[derive(Debug, Clone, Copy, Default)]
struct Begins(u8);

impl Begins {
    const NAME: u8 = 1;
    const PHRASE: u8 = 1 << 1;
    /// The name of a person.
    const PERSON: u8 = 1 << 2;

    const fn has(self, what: u8) -> bool {
        self.0 & what != 0
    }
}

/// A name in a text: which, and how many tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) name: NameId,
    pub(super) tokens: usize,
}

/// A name of the lexicon, whatever it is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NameId(Node);

impl Lexicon {
    /// The names of a gazetteer.
    pub(in crate::gazetteer) fn new(gazetteer: &Gazetteer) -> Self {
        let mut lexicon = Self { nodes: PHRASE_AFTER, mergers: mergers(gazetteer), ..Self::default() };
        for mark in ["-", "'", ".", ",", "/", "&"] {
            lexicon.vocabulary.add(mark);
        }
        for (name, units) in gazetteer.names.all() {
            lexicon.add_name(name, units);
        }
        let after = AFTER.iter().map(|row| (PHRASE_AFTER, row));
        for (root, (class, rows)) in PHRASES.iter().map(|row| (PHRASE, row)).chain(after) {
            for phrase in phrases(rows) {
                let end = lexicon.path(root, phrase);
                lexicon.phrases.insert(end, *class);
            }
        }
        lexicon.know_beginnings();
        lexicon
    }

    /// A name, and the same without the hyphens in it, as some write it.
    fn add_name(&mut self, name: &str, units: &[Number]) {
        let plain = name.contains('-').then(|| name.replace('-', " "));
        for name in [Some(name), plain.as_deref()].into_iter().flatten() {
            let end = self.path(NAMES, name);
            let known = self.names.entry(end).or_default();
            known.extend(units);
            known.sort_unstable();
            known.dedup();
        }
    }

    /// The node at the end of a text.
    fn path(&mut self, root: Node, text: &str) -> Node {
        let mut node = root;
        // The marks are known by now, so they are cut as they will be in texts.
        for token in tokens(text, &self.vocabulary) {
            let word = match token.shape {
                Shape::Mark(_) => token.word,
                _ => self.vocabulary.add(text.get(token.start..token.end).unwrap_or_default()),
            };
            let nodes = &mut self.nodes;
            node = *self.edges.entry((node, word)).or_insert_with(|| {
                *nodes += 1;
                *nodes
            });
        }
        node
    }

    fn know_beginnings(&mut self) {
        for surname in phrases(SURNAMES) {
            self.vocabulary.add(surname);
        }
        self.begins = vec![Begins::default(); usize::try_from(self.vocabulary.len()).unwrap_or_default()];
        let mut mark = |word: WordId, what: u8| {
            if let Some(begins) = index(word).and_then(|at| self.begins.get_mut(at)) {
                begins.0 |= what;
            }
        };
        for (from, word) in self.edges.keys() {
            match *from {
                NAMES => mark(*word, Begins::NAME),
                PHRASE => mark(*word, Begins::PHRASE),
                _ => {}
            }
        }
        for surname in phrases(SURNAMES) {
            mark(self.vocabulary.find(surname), Begins::PERSON);
        }
    }

    fn begins(&self, token: &Token) -> Begins {
        index(token.word).and_then(|at| self.begins.get(at)).copied().unwrap_or_default()
    }

    /// The longest name at the beginning of the tokens. Every syllable of it has a capital, but for what follows an
    /// apostrophe.
    pub(super) fn name(&self, tokens: &[Token]) -> Option<Named> {
        let first = tokens.first()?;
        if first.shape == Shape::Lower || !self.begins(first).has(Begins::NAME) {
            return None;
        }
        let (mut node, mut found, mut before) = (NAMES, None, None);
        for (count, token) in (1..).zip(tokens) {
            let follows_apostrophe = before == Some(Shape::Mark('\''));
            if token.shape == Shape::Lower && !follows_apostrophe || is_mixed(before, token) {
                break;
            }
            let Some(next) = self.edges.get(&(node, token.word)) else { break };
            (node, before) = (*next, Some(token.shape));
            if self.names.contains_key(&node) {
                found = Some(Named { name: NameId(node), tokens: count });
            }
        }
        found
    }

    /// Is this how that name is written?
    pub(super) fn is_name(&self, name: NameId, text: &str) -> bool {
        let tokens = tokens(text, &self.vocabulary);
        self.name(&tokens).is_some_and(|named| named.name == name && named.tokens == tokens.len())
    }

    /// The longest phrase at the beginning of the tokens, in any letters, and how many tokens it has.
    pub(super) fn phrase(&self, tokens: &[Token]) -> Option<(Class, usize)> {
        if self.begins(tokens.first()?).has(Begins::PHRASE) { self.longest(PHRASE, tokens) } else { None }
    }

    /// The same of the phrases that stand right after something.
    pub(super) fn phrase_after(&self, tokens: &[Token]) -> Option<(Class, usize)> {
        self.longest(PHRASE_AFTER, tokens)
    }

    fn longest(&self, root: Node, tokens: &[Token]) -> Option<(Class, usize)> {
        let (mut node, mut found) = (root, None);
        for (count, token) in (1..).zip(tokens) {
            let Some(next) = self.edges.get(&(node, token.word)) else { break };
            node = *next;
            found = self.phrases.get(&node).map(|class| (*class, count)).or(found);
        }
        found
    }

    /// Can this be a surname?
    pub(super) fn is_surname(&self, token: &Token) -> bool {
        token.is_capital() && self.begins(token).has(Begins::PERSON)
    }

    /// The province that one of the past went into.
    pub(super) fn merged_into(&self, code: UnitCode) -> Option<UnitCode> {
        self.mergers.iter().find(|(old, _)| *old == code).map(|(_, new)| *new)
    }

    /// The units of any date that a name may mean.
    pub(super) fn units(&self, name: NameId) -> &[Number] {
        self.names.get(&name.0).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A number belongs to the word before it only where names are made so.
fn is_mixed(before: Option<Shape>, token: &Token) -> bool {
    before.is_some() && !matches!(token.shape, Shape::Mark('-' | '\'')) && !token.is_apart && {
        !matches!(before, Some(Shape::Mark(_)))
    }
}

fn index(word: WordId) -> Option<usize> {
    usize::try_from(word.0).ok().filter(|at| *at > 0)
}
