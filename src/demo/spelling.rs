//! The ways in which the same Vietnamese text is written in real archives: decomposed letters (NFD), and tone marks in
//! the new place (`hoà`, `thuỷ` for `hòa`, `thủy`).

use unicode_normalization::UnicodeNormalization as _;

/// First letters of the open syllables whose tone mark has two places: as written in the old place, without the mark.
const FIRST: [(char, char, usize); 15] = [
    ('ò', 'o', 0),
    ('ó', 'o', 1),
    ('ỏ', 'o', 2),
    ('õ', 'o', 3),
    ('ọ', 'o', 4),
    ('ù', 'u', 0),
    ('ú', 'u', 1),
    ('ủ', 'u', 2),
    ('ũ', 'u', 3),
    ('ụ', 'u', 4),
    ('Ò', 'O', 0),
    ('Ó', 'O', 1),
    ('Ỏ', 'O', 2),
    ('Õ', 'O', 3),
    ('Ọ', 'O', 4),
];
/// Second letters with the marks in the order of [`FIRST`].
const SECOND: [(char, [char; 5]); 3] =
    [('a', ['à', 'á', 'ả', 'ã', 'ạ']), ('e', ['è', 'é', 'ẻ', 'ẽ', 'ẹ']), ('y', ['ỳ', 'ý', 'ỷ', 'ỹ', 'ỵ'])];

/// How an article is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Composed, tone marks in the old place: what the press writes.
    Usual,
    /// Tone marks in the new place.
    NewTones,
    /// Decomposed letters.
    Decomposed,
}

impl Spelling {
    /// The text in this spelling.
    pub(super) fn apply(self, text: &str) -> String {
        match self {
            Self::Usual => text.to_owned(),
            Self::NewTones => with_new_tones(text),
            Self::Decomposed => text.nfd().collect(),
        }
    }
}

/// Moves the tone mark of `oa`, `oe`, `uy` at the end of a syllable from the first letter to the second.
fn with_new_tones(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        let mut ahead = chars.clone();
        let second = ahead.next().and_then(|second| moved(first, second));
        let open = ahead.next().is_none_or(|next| !next.is_alphabetic());
        match second.filter(|_| open) {
            Some((first, second)) => {
                out.extend([first, second]);
                chars.next();
            }
            None => out.push(first),
        }
    }
    out
}

fn moved(first: char, second: char) -> Option<(char, char)> {
    let (_, plain, tone) = FIRST.iter().find(|entry| entry.0 == first)?;
    let (base, marked) = SECOND.iter().find(|entry| entry.0 == second)?;
    let pair = (plain.to_ascii_lowercase(), *base);
    let known = matches!(pair, ('o', 'a' | 'e') | ('u', 'y'));
    marked.get(*tone).filter(|_| known).map(|second| (*plain, *second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_syllables_have_two_places() {
        let check = |old: &str, new: &str| assert_eq!(Spelling::NewTones.apply(old), new);
        check("Hòa Bình, khỏe, Thủy", "Hoà Bình, khoẻ, Thuỷ");
        check("hoàn thành, quý, thúy.", "hoàn thành, quý, thuý.");
        check("mùa, cúa, của", "mùa, cúa, của");
        check("ngoài, xoáy", "ngoài, xoáy");
    }

    #[test]
    fn decomposed_text_composes_back() {
        let text = "Đường về Hạ Hòa";
        let decomposed = Spelling::Decomposed.apply(text);
        assert!(decomposed.len() > text.len());
        assert_eq!(decomposed.nfc().collect::<String>(), text);
    }
}
