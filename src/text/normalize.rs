//! One form for equal texts: Unicode NFC, and white space folded. Nothing else is changed: a newspaper's text is
//! verbatim.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text in Unicode normal form C (UAX 15). Borrowed where it is so already.
#[must_use]
pub fn nfc(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(text.nfc().collect()),
    }
}

/// The text with every run of white space (no-break spaces and line ends included) as one space, none at the ends.
#[must_use]
pub fn collapse_white_space(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}

/// What two titles are compared by: NFC, white space folded. Tones, case and spelling count.
#[must_use]
pub fn title_key(title: &str) -> String {
    collapse_white_space(&nfc(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_normal_forms_are_one_title_and_tones_are_not() {
        let decomposed: String = "Thủy điện  Hòa Bình".nfd().collect();
        assert_ne!(decomposed, "Thủy điện  Hòa Bình");
        assert_eq!(title_key(&decomposed), title_key(" Thủy điện\u{a0}Hòa\nBình "));
        assert_ne!(title_key("Lam Sơn"), title_key("Lâm Sơn"));
        assert!(matches!(nfc("Đất Tổ"), Cow::Borrowed(_)));
    }

    #[test]
    fn white_space_is_folded() {
        assert_eq!(collapse_white_space("  a \t\r\n b\u{a0}\u{2003}c "), "a b c");
        assert_eq!(collapse_white_space(" \n "), "");
    }
}
