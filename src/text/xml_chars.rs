//! Characters that may stand in an XML 1.0 document (section 2.2, production Char). Feed writers and most databases let
//! the others through, and one of them makes a whole feed unreadable.

use std::fmt;
use std::ops::Deref;

/// Text that holds only characters of XML 1.0 section 2.2: no C0 controls but tab, LF and CR, no U+FFFE, no U+FFFF.
/// Emoji and everything else stay. Not escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct XmlText(String);

impl XmlText {
    /// Takes the text without the characters that XML forbids.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if Self::is_clean(text) {
            return Self(text.to_owned());
        }
        Self(text.chars().filter(|c| is_xml_char(*c)).collect())
    }

    /// Would [`XmlText::new`] keep every character?
    #[must_use]
    pub fn is_clean(text: &str) -> bool {
        // Nearly every text is, and bytes are looked at many at a time.
        let suspect = |found: bool, byte: u8| found | is_suspect(byte);
        !text.bytes().fold(false, suspect) || text.chars().all(is_xml_char)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Deref for XmlText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for XmlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// May the byte belong to a character that XML forbids? U+FFFE and U+FFFF begin with EF, which Vietnamese has not.
const fn is_suspect(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0xEF
}

const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_xml_forbids_goes_and_the_rest_stays() {
        let check = |text: &str, expect: &str| assert_eq!(XmlText::new(text).as_str(), expect);
        check("Việt\u{0} Trì\u{8}\u{b}\u{1f}", "Việt Trì");
        check("a\tb\r\nc", "a\tb\r\nc");
        check("\u{fffe}x\u{ffff}\u{fffd}", "x\u{fffd}");
        check("🎉 \u{1fffe} \u{7f}\u{85}", "🎉 \u{1fffe} \u{7f}\u{85}");
    }

    proptest! {
        #[test]
        fn filtered_text_is_clean_and_stays_the_same(text in any::<String>()) {
            let once = XmlText::new(&text);
            prop_assert!(XmlText::is_clean(&once));
            prop_assert_eq!(&XmlText::new(&once), &once);
            prop_assert_eq!(XmlText::is_clean(&text), once.as_str() == text);
        }
    }
}
