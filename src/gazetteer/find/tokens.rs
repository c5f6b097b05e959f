//! A text as syllables and marks, in one pass. Vietnamese parts its syllables by spaces, so that names are sequences of
//! syllables; each is looked up in the lexicon's vocabulary once, and everything after that compares numbers.

use super::vocabulary::{Vocabulary, WordId};
use crate::text::normalize::nfc;

/// How a token is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A word without a capital at its beginning.
    Lower,
    /// A word with a capital at its beginning.
    Capital,
    /// A word of at least two letters, all of them capitals.
    Upper,
    /// Digits.
    Number,
    /// Anything else, one character. Dashes are `-`, apostrophes `'`, line ends `\n`.
    Mark(char),
}

/// A syllable, a number or a mark, with its bytes in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) word: WordId,
    pub(super) shape: Shape,
    /// Is there white space before it?
    pub(super) is_apart: bool,
}

impl Token {
    /// Is it this mark?
    pub(super) fn is_mark(&self, mark: char) -> bool {
        self.shape == Shape::Mark(mark)
    }

    /// Does it begin with a capital?
    pub(super) const fn is_capital(&self) -> bool {
        matches!(self.shape, Shape::Capital | Shape::Upper)
    }
}

/// What the word is, as far as it was read.
#[derive(Default)]
struct Word {
    folded: String,
    /// Letters, those of them that are capitals, and combining marks.
    letters: usize,
    capitals: usize,
    marks: usize,
    /// Is the first letter a capital?
    is_capital: bool,
}

impl Word {
    fn clear(&mut self) {
        self.folded.clear();
        (self.letters, self.capitals, self.marks, self.is_capital) = (0, 0, 0, false);
    }

    fn push(&mut self, c: char) {
        let is_capital = if c.is_ascii() { c.is_ascii_uppercase() } else { c.is_uppercase() };
        self.is_capital |= is_capital && self.letters == 0;
        if is_combining(c) {
            self.marks += 1;
        } else {
            self.capitals += usize::from(is_capital);
            self.letters += 1;
        }
        match c {
            // U+00D0 is Icelandic, and taken for Đ often.
            '\u{d0}' | '\u{f0}' => self.folded.push('đ'),
            _ if !is_capital => self.folded.push(c),
            _ if c.is_ascii() => self.folded.push(c.to_ascii_lowercase()),
            _ => self.folded.extend(c.to_lowercase()),
        }
    }

    const fn shape(&self) -> Shape {
        if !self.is_capital {
            Shape::Lower
        } else if self.letters > 1 && self.letters == self.capitals {
            Shape::Upper
        } else {
            Shape::Capital
        }
    }

    fn id(&self, vocabulary: &Vocabulary) -> WordId {
        if self.marks > 0 { vocabulary.find(&nfc(&self.folded)) } else { vocabulary.find(&self.folded) }
    }
}

/// The combining marks that Vietnamese letters are made of, and their block.
const fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Cuts a text.
pub(super) fn tokens(text: &str, vocabulary: &Vocabulary) -> Vec<Token> {
    /// Bytes of a token with what parts it from the next one, roughly.
    const TOKEN_BYTES: usize = 5;
    let mut tokens = Vec::with_capacity(text.len() / TOKEN_BYTES);
    let mut word = Word::default();
    let mut rest = text.char_indices().peekable();
    let mut is_apart = true;
    while let Some((start, c)) = rest.next() {
        if c == '\n' {
            tokens.push(mark(vocabulary, start, c, is_apart));
            is_apart = true;
            continue;
        }
        if c.is_whitespace() || is_invisible(c) {
            is_apart |= c.is_whitespace();
            continue;
        }
        let mut end = start + c.len_utf8();
        let mut read_on = |belongs: fn(char) -> bool, take: &mut dyn FnMut(char)| {
            while let Some((at, c)) = rest.next_if(|(_, c)| belongs(*c)) {
                end = at + c.len_utf8();
                take(c);
            }
        };
        word.clear();
        if c.is_ascii_digit() {
            word.folded.push(c);
            read_on(|c| c.is_ascii_digit(), &mut |c| word.folded.push(c));
            let digits = word.folded.trim_start_matches('0');
            tokens.push(Token { start, end, word: vocabulary.find(digits), shape: Shape::Number, is_apart });
        } else if is_letter(c) {
            word.push(c);
            read_on(|c| is_letter(c) || is_combining(c), &mut |c| word.push(c));
            push_word(&mut tokens, &word, vocabulary, (start, end, is_apart));
        } else {
            tokens.push(mark(vocabulary, start, c, is_apart));
        }
        is_apart = false;
    }
    tokens
}

/// Letters, quickly for those that most texts are made of.
fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { c.is_alphabetic() }
}

/// Soft hyphens and marks of direction and width, which stand within words of copied texts.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn mark(vocabulary: &Vocabulary, start: usize, c: char, is_apart: bool) -> Token {
    let plain = match c {
        '’' | '‘' | 'ʼ' | '′' | '`' | '´' => '\'',
        '‐' | '‑' | '–' | '—' | '−' => '-',
        c => c,
    };
    let word = match plain {
        '-' | '\'' | '.' | ',' | '/' | '&' => vocabulary.find(plain.encode_utf8(&mut [0; 4])),
        _ => WordId::NONE,
    };
    Token { start, end: start + c.len_utf8(), word, shape: Shape::Mark(plain), is_apart }
}

/// `TPHCM` is the one kind that is written together with a name.
fn push_word(
    tokens: &mut Vec<Token>,
    word: &Word,
    vocabulary: &Vocabulary,
    (start, end, is_apart): (usize, usize, bool),
) {
    const TOGETHER: (&str, &str) = ("tp", "hcm");
    let shape = word.shape();
    if word.folded.strip_prefix(TOGETHER.0) == Some(TOGETHER.1) && shape != Shape::Lower {
        let middle = start + TOGETHER.0.len();
        let part = |start, end, word, is_apart| Token { start, end, word, shape: Shape::Upper, is_apart };
        tokens.push(part(start, middle, vocabulary.find(TOGETHER.0), is_apart));
        tokens.push(part(middle, end, vocabulary.find(TOGETHER.1), false));
    } else {
        tokens.push(Token { start, end, word: word.id(vocabulary), shape, is_apart });
    }
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        tokens(text, &Vocabulary::default())
            .into_iter()
            .map(|token| text.get(token.start..token.end).unwrap())
            .collect()
    }

    #[test]
    fn a_text_is_cut_into_syllables_numbers_and_marks() {
        let check = |text: &str, expect: &[&str]| assert_eq!(cut(text), expect, "{text}");
        check("xã Hùng Lô, TP.Việt Trì", &["xã", "Hùng", "Lô", ",", "TP", ".", "Việt", "Trì"]);
        check("P1, Q.10", &["P", "1", ",", "Q", ".", "10"]);
        check("TPHCM", &["TP", "HCM"]);
        check("Ea H’leo – B'Lao", &["Ea", "H", "’", "leo", "–", "B", "'", "Lao"]);
        check("\u{feff}a\u{a0}b\u{ad}", &["a", "b"]);
        check("", &[]);
    }

    #[test]
    fn both_normal_forms_are_cut_alike() {
        let text: String = "Thủy, Phú Thọ".nfd().collect();
        assert_eq!(cut(&text).len(), 4);
        assert_eq!(cut(&text).concat().nfc().collect::<String>(), "Thủy,PhúThọ");
    }

    #[test]
    fn shapes_are_those_of_capitals() {
        let check = |text: &str, expect: Shape| {
            assert_eq!(tokens(text, &Vocabulary::default()).first().map(|token| token.shape), Some(expect), "{text}");
        };
        check("xã", Shape::Lower);
        check("Xã", Shape::Capital);
        check("XÃ", Shape::Upper);
        check("Đ", Shape::Capital);
        check("X\u{303}", Shape::Capital);
        check("12", Shape::Number);
        check("–", Shape::Mark('-'));
    }
}
