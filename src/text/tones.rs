//! Where a tone mark stands: `hòa` as the press and the administration write it, `hoà` as school books do. Both spell
//! the same syllable, and both are found within one official text, so whoever compares names folds one to the other.

use std::borrow::Cow;

use unicode_normalization::char::{compose, decompose_canonical};

/// The combining marks of the five tones: grave (huyền), acute (sắc), tilde (ngã), hook (hỏi), dot below (nặng).
const TONES: [char; 5] = ['\u{300}', '\u{301}', '\u{303}', '\u{309}', '\u{323}'];

/// The text with the tone of every open `oa`, `oe` and `uy` on its first vowel: `hoà` becomes `hòa`, `thuỷ` `thủy`.
/// A closed syllable (`hoàn`) and the `u` that belongs to a `q` (`quý`) have only one way to be written, and stay. The
/// text has to be in normal form C. Borrowed where nothing moves.
#[must_use]
pub fn tones_on_first_vowel(text: &str) -> Cow<'_, str> {
    // Most texts have nothing to move: look before copying.
    let mut moved: Option<String> = None;
    let mut before = None;
    let mut rest = text.char_indices();
    while let Some((at, first)) = rest.next() {
        let pair = if is_opening(first, before) { toned_pair(first, rest.as_str()) } else { None };
        before = Some(first);
        if let Some((toned, plain)) = pair {
            moved.get_or_insert_with(|| text.split_at(at).0.to_owned()).extend([toned, plain]);
            before = Some(plain);
            rest.next();
        } else if let Some(moved) = &mut moved {
            moved.push(first);
        }
    }
    moved.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Can the letter begin such a pair?
fn is_opening(letter: char, before: Option<char>) -> bool {
    match letter {
        'o' | 'O' => true,
        'u' | 'U' => !matches!(before, Some('q' | 'Q')),
        _ => false,
    }
}

/// `o` and `à` at the end of a syllable are `ò` and `a`; `None` where nothing is to be moved.
fn toned_pair(first: char, rest: &str) -> Option<(char, char)> {
    let mut following = rest.chars();
    let (plain, tone) = toned(following.next()?)?;
    let opens = match first {
        'o' | 'O' => matches!(plain, 'a' | 'A' | 'e' | 'E'),
        _ => matches!(plain, 'y' | 'Y'),
    };
    let ends = following.next().is_none_or(|next| !next.is_alphabetic());
    if opens && ends { Some((compose(first, tone)?, plain)) } else { None }
}

/// A letter with a tone and no other mark, as the letter and its tone.
fn toned(letter: char) -> Option<(char, char)> {
    if letter.is_ascii() {
        return None;
    }
    let (mut marks, mut count) = ([letter; 2], 0);
    decompose_canonical(letter, |part| {
        if let Some(slot) = marks.get_mut(count) {
            *slot = part;
        }
        count += 1;
    });
    let [plain, tone] = marks;
    (count == 2 && TONES.contains(&tone)).then_some((plain, tone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tone_of_an_open_pair_moves_to_its_first_vowel() {
        let check = |text: &str, expect: &str| assert_eq!(tones_on_first_vowel(text), expect, "{text}");
        check("Hoà Bình, xã Hoà", "Hòa Bình, xã Hòa");
        check("Thanh Thuỷ", "Thanh Thủy");
        check("khoẻ loé hoạ loã HOÀ Uỷ ban, Hoạ", "khỏe lóe họa lõa HÒA Ủy ban, Họa");
        check("huỳ huý huỷ huỹ huỵ", "hùy húy hủy hũy hụy");
        check("(Nguỵ)", "(Ngụy)");
        check("oà", "òa");
    }

    #[test]
    fn what_has_one_spelling_stays() {
        let texts =
            ["Hòa Bình", "hoàn toàn", "Quý Hợp quỳ QUỶ", "huỳnh", "khoắn", "oằ", "thuở", "hoa", "ngoài", "khoảng", ""];
        for text in texts {
            assert!(matches!(tones_on_first_vowel(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
