//! A part of a story as the rules see it: its tokens, and the phrase of the tables that each belongs to.

use super::lexicon::Lexicon;
use super::tokens::{Shape, Token, tokens};
use super::words::Class;

/// A phrase of the tables in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phrase {
    pub(super) class: Class,
    /// Its tokens.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The tokens of a part, with the phrase that each belongs to.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) tokens: Vec<Token>,
    phrases: Vec<Option<Phrase>>,
    /// Does it tell of a match? Then a name alone is a team's.
    pub(super) is_match: bool,
    /// Does it name a team?
    pub(super) has_team: bool,
}

impl Line {
    /// Cuts a text and finds its phrases.
    pub(super) fn new(text: &str, lexicon: &Lexicon) -> Self {
        let tokens = tokens(text, &lexicon.vocabulary);
        let mut phrases = vec![None; tokens.len()];
        let mut start = 0;
        while let Some(rest) = tokens.get(start..).filter(|rest| !rest.is_empty()) {
            let longest = lexicon.phrase(rest);
            let is_name = longest.is_some_and(|(class, count)| class == Class::Plain && has_capital(rest, count));
            let phrase = if is_name { lexicon.phrase(rest.get(..1).unwrap_or_default()) } else { longest };
            let Some((class, count)) = phrase else {
                start += 1;
                continue;
            };
            let end = start + count;
            let is_small = rest.first().is_some_and(|token| token.shape == Shape::Lower);
            if !(is_small && matches!(class, Class::Initial(_)))
                && let Some(slots) = phrases.get_mut(start..end)
            {
                slots.fill(Some(Phrase { class, start, end }));
            }
            start = end;
        }
        let has = |class: Class| phrases.iter().flatten().any(|phrase| phrase.class == class);
        let (is_match, has_team) = (has(Class::Match), has(Class::Team));
        let mut line = Self { tokens, phrases, is_match, has_team };
        line.is_match |= line.has_score(lexicon);
        line
    }

    /// `0-1`, and nothing that would make it a date, a sum or a span of something counted.
    fn has_score(&self, lexicon: &Lexicon) -> bool {
        let is_number = |token: &Token| token.shape == Shape::Number && token.end - token.start <= 1;
        let is_score = |at: usize, tokens: &[Token]| {
            let [first, hyphen, last] = tokens else { return false };
            let is_close = !hyphen.is_apart && !last.is_apart && hyphen.is_mark('-');
            let is_last =
                self.token(at + 3).is_none_or(|next| !matches!(next.shape, Shape::Number | Shape::Mark('/' | '-')))
                    && lexicon.phrase_after(self.from(at + 3)).is_none_or(|(class, _)| class != Class::Counted);
            let follows_name = at.checked_sub(1).and_then(|at| self.token(at)).is_some_and(Token::is_capital);
            is_number(first) && is_number(last) && is_close && is_last && follows_name
        };
        self.tokens.windows(3).enumerate().any(|(at, tokens)| is_score(at, tokens))
    }

    /// `(32 tuổi)`, `, 32 tuổi`: what stands before is somebody.
    pub(super) fn tells_age(&self, at: usize) -> bool {
        let is_number = self.token(at + 1).is_some_and(|token| token.shape == Shape::Number);
        let is_years = self.phrase(at + 2).is_some_and(|phrase| phrase.class == Class::Years);
        self.is_mark(at, &['(', ',']) && is_number && is_years
    }

    pub(super) fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    pub(super) fn is_mark(&self, at: usize, marks: &[char]) -> bool {
        self.token(at).is_some_and(|token| matches!(token.shape, Shape::Mark(mark) if marks.contains(&mark)))
    }

    /// The phrase that a token belongs to.
    pub(super) fn phrase(&self, at: usize) -> Option<Phrase> {
        self.phrases.get(at).copied().flatten()
    }

    /// The phrase that begins at a token.
    pub(super) fn phrase_from(&self, at: usize) -> Option<Phrase> {
        self.phrase(at).filter(|phrase| phrase.start == at)
    }

    pub(super) fn from(&self, at: usize) -> &[Token] {
        self.tokens.get(at..).unwrap_or_default()
    }

    /// Does a sentence, or a part of one that has a capital of its own, begin at the token?
    pub(super) fn begins_sentence(&self, at: usize) -> bool {
        at.checked_sub(1).is_none_or(|before| {
            self.is_mark(before, &['.', '!', '?', '…', ':', '\n', '“', '"', '-', '–', '•', '*', '”'])
        })
    }
}

/// `phường Hội Hợp` is no `phường hội`.
fn has_capital(tokens: &[Token], count: usize) -> bool {
    tokens.iter().take(count).skip(1).any(Token::is_capital)
}
