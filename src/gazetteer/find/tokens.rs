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
    /// Can it be no syllable of Vietnamese?
    pub(super) is_foreign: bool,
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

/// What a word at the beginning of a text is.
#[derive(Default)]
struct Word {
    bytes: usize,
    /// Letters, those of them that are capitals, and combining marks.
    letters: usize,
    capitals: usize,
    marks: usize,
    /// Is the first letter a capital?
    is_capital: bool,
    /// Can it be no syllable of Vietnamese?
    is_foreign: bool,
}

impl Word {
    /// Reads as far as the word goes.
    fn read(text: &str) -> Self {
        /// Letters of the longest syllable.
        const LETTERS_MAX: usize = 7;
        let (mut word, mut last) = (Self::default(), ' ');
        for c in text.chars() {
            if is_combining(c) && word.letters > 0 {
                word.marks += 1;
            } else if is_letter(c) {
                let is_capital = is_capital(c);
                word.is_capital |= is_capital && word.letters == 0;
                word.capitals += usize::from(is_capital);
                word.letters += 1;
                // Looks like a letter of Vietnamese, and is none.
                word.marks += usize::from(c == ETH);
            } else {
                break;
            }
            // No syllable has one of these letters.
            word.is_foreign |= matches!(c.to_ascii_lowercase(), 'f' | 'j' | 'w' | 'z');
            word.bytes += c.len_utf8();
            last = c;
        }
        // None is longer than `nghiêng`, ends so, or has capitals in the middle.
        word.is_foreign |= word.letters > LETTERS_MAX
            || word.letters > 1 && matches!(last, 'b' | 'd' | 'k' | 'l' | 'q' | 'r' | 's' | 'v' | 'x')
            || word.capitals > 1 && word.capitals < word.letters;
        word
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

    /// The number of the word, whose text is given. Most words are small and composed, and need no copy.
    fn id(&self, text: &str, vocabulary: &Vocabulary) -> WordId {
        if self.capitals == 0 && self.marks == 0 {
            return vocabulary.find(text);
        }
        let folded: String =
            text.chars().flat_map(char::to_lowercase).map(|c| if c == ETH { 'đ' } else { c }).collect();
        if self.marks == 0 { vocabulary.find(&folded) } else { vocabulary.find(&nfc(&folded)) }
    }
}

/// U+00F0 is Icelandic; it, or rather its capital, is taken for Đ often.
const ETH: char = '\u{f0}';

/// The combining marks that Vietnamese letters are made of, and their block.
const fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Letters, quickly for those that most texts are made of.
fn is_letter(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphabetic(),
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{1b0}' | '\u{1ea0}'..='\u{1ef9}' => true,
        _ => c.is_alphabetic(),
    }
}

/// Capitals, quickly for the same.
fn is_capital(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_uppercase(),
        '\u{df}'..='\u{ff}' => false,
        // Capitals and small letters take turns.
        '\u{1ea0}'..='\u{1ef9}' => u32::from(c).is_multiple_of(2),
        _ => c.is_uppercase(),
    }
}

/// Cuts a text.
pub(super) fn tokens(text: &str, vocabulary: &Vocabulary) -> Vec<Token> {
    /// Bytes of a token with what parts it from the next one, roughly.
    const TOKEN_BYTES: usize = 5;
    let mut tokens = Vec::with_capacity(text.len() / TOKEN_BYTES);
    let (mut start, mut is_apart) = (0, true);
    while let Some((rest, c)) = text.get(start..).and_then(|rest| Some((rest, rest.chars().next()?))) {
        if c != '\n' && (c.is_whitespace() || is_invisible(c)) {
            is_apart |= c.is_whitespace();
            start += c.len_utf8();
            continue;
        }
        let mut end = start + c.len_utf8();
        if c.is_ascii_digit() {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            end = start + digits.len();
            let word = vocabulary.find(digits.trim_start_matches('0'));
            tokens.push(Token { start, end, word, shape: Shape::Number, is_apart, is_foreign: false });
        } else if is_letter(c) {
            let word = Word::read(rest);
            end = start + word.bytes;
            push_word(
                &mut tokens,
                &word,
                text,
                Token { start, end, word: WordId::NONE, shape: word.shape(), is_apart, is_foreign: word.is_foreign },
                vocabulary,
            );
        } else {
            tokens.push(mark(vocabulary, start, c, is_apart));
        }
        is_apart = c == '\n';
        start = end;
    }
    tokens
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
    Token { start, end: start + c.len_utf8(), word, shape: Shape::Mark(plain), is_apart, is_foreign: false }
}

/// Adds a word. `TPHCM` is the one kind that is written together with a name.
fn push_word(tokens: &mut Vec<Token>, word: &Word, text: &str, token: Token, vocabulary: &Vocabulary) {
    const TOGETHER: (&str, &str) = ("TP", "HCM");
    let own = text.get(token.start..token.end).unwrap_or_default();
    let kind = own.get(..TOGETHER.0.len()).filter(|kind| kind.eq_ignore_ascii_case(TOGETHER.0));
    if kind.is_some() && own.get(TOGETHER.0.len()..) == Some(TOGETHER.1) {
        let middle = token.start + TOGETHER.0.len();
        let part = |text: &str| vocabulary.find(&text.to_lowercase());
        tokens.push(Token { end: middle, word: part(TOGETHER.0), shape: Shape::Upper, ..token });
        tokens.push(Token { start: middle, word: part(TOGETHER.1), shape: Shape::Upper, is_apart: false, ..token });
    } else {
        tokens.push(Token { word: word.id(own, vocabulary), ..token });
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
