//! Syllables as numbers. The spellings of one syllable that differ only by custom have one number: `hòa` and `hoà`, `lý`
//! and `lí`, `quy` and `qui`. Tones always count.

use hashbrown::HashMap;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::compose;

use crate::text::tones::tones_on_first_vowel;

/// The number of a syllable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct WordId(pub(super) u32);

impl WordId {
    /// A word that stands in no name and no rule.
    pub(super) const NONE: Self = Self(0);
}

/// Every syllable of every name and rule.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    ids: HashMap<Box<str>, WordId>,
    count: u32,
}

/// Consonants after which school books write `i`, and the press `y`, for the same sound (QĐ 1989/QĐ-BGDĐT, Art. 9).
const BEFORE_I: [&str; 8] = ["h", "k", "l", "m", "qu", "s", "t", "v"];
/// The letters that change, tone by tone.
const I: [char; 6] = ['i', 'ì', 'í', 'ỉ', 'ĩ', 'ị'];
const Y: [char; 6] = ['y', 'ỳ', 'ý', 'ỷ', 'ỹ', 'ỵ'];

impl Vocabulary {
    /// The number of a syllable in small letters and normal form C.
    pub(super) fn find(&self, word: &str) -> WordId {
        self.ids.get(word).copied().unwrap_or_default()
    }

    /// How many there are, with [`WordId::NONE`].
    pub(super) const fn len(&self) -> u32 {
        self.count + 1
    }

    /// Takes in a syllable with its other spellings.
    pub(super) fn add(&mut self, word: &str) -> WordId {
        if let Some(known) = self.ids.get(word) {
            return *known;
        }
        self.count += 1;
        let id = WordId(self.count);
        let first = tones_on_first_vowel(word).into_owned();
        let spellings = [exchanged(&first, &Y, &I), exchanged(&first, &I, &Y), tone_on_last_vowel(&first)];
        for spelling in spellings.into_iter().flatten().chain([first]) {
            self.ids.insert(spelling.into(), id);
        }
        id
    }
}

/// `lý` as `lí`, or the other way round.
fn exchanged(word: &str, from: &[char; 6], to: &[char; 6]) -> Option<String> {
    let last = word.chars().next_back()?;
    let onset = word.strip_suffix(last)?;
    let (_, other) = from.iter().zip(to).find(|(letter, _)| **letter == last)?;
    BEFORE_I.contains(&onset).then(|| format!("{onset}{other}"))
}

/// `hòa` as `hoà`.
fn tone_on_last_vowel(word: &str) -> Option<String> {
    let mut letters = word.chars();
    let (last, toned) = (letters.next_back()?, letters.next_back()?);
    let mut parts = toned.nfd();
    let (first, tone, end) = (parts.next()?, parts.next()?, parts.next());
    let is_open = matches!((first, last), ('o', 'a' | 'e') | ('u', 'y')) && end.is_none();
    let moved = is_open.then(|| compose(last, tone))??;
    Some(format!("{}{first}{moved}", letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_by_custom_are_one_syllable() {
        let same = [
            ("hòa", "hoà"),
            ("thủy", "thuỷ"),
            ("lý", "lí"),
            ("mỵ", "mị"),
            ("quy", "qui"),
            ("quý", "quí"),
            ("kỳ", "kì"),
        ];
        for (word, other) in same {
            for (word, other) in [(word, other), (other, word)] {
                let mut vocabulary = Vocabulary::default();
                let id = vocabulary.add(word);
                assert_eq!((vocabulary.find(other), vocabulary.find(word)), (id, id), "{word} {other}");
                assert_eq!(vocabulary.add(other), id);
            }
        }
    }

    #[test]
    fn tones_and_letters_count() {
        for (word, other) in
            [("lam", "lâm"), ("hòa", "hoa"), ("thúy", "thúi"), ("đông", "dông"), ("lý", "lì"), ("ai", "ay")]
        {
            let mut vocabulary = Vocabulary::default();
            vocabulary.add(word);
            assert_eq!(vocabulary.find(other), WordId::NONE, "{word} {other}");
        }
    }
}
