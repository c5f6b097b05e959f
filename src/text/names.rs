//! Names of authors and tags: what a reader is shown, and the key by which two spellings are one name. What this file
//! decides is in the ids and addresses of feeds, so it never changes.

use std::borrow::Cow;
use std::collections::HashSet;

use super::byline;
use super::normalize::{collapse_white_space, nfc};
use super::plain::plain;
use super::tones::tones_on_first_vowel;
use crate::domain::scope::NameKey;

/// Longest name, in characters: a longer one is no name.
const NAME_CHARS_MAX: usize = 80;

/// A name as readers see it, with its key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Name {
    /// Case folded; see [`key`].
    pub key: NameKey,
    /// As spelled, in NFC, white space folded. A name all in capitals is written as names are.
    pub label: String,
}

/// The key of a name: NFC, white space folded, lower case, tones where the press puts them (`hòa`). Tones and marks
/// count: they tell people apart.
#[must_use]
pub fn key(name: &str) -> NameKey {
    NameKey::new(tones_on_first_vowel(&collapse_white_space(&nfc(name)).to_lowercase()))
}

/// The people in an author line, each once, without those whose key is in `nobody` and without sources (`Theo TTXVN`).
#[must_use]
pub fn authors(line: &str, nobody: &[NameKey]) -> Vec<Name> {
    let names = byline::authors(&plain(line));
    let people = names.iter().filter(|name| !byline::is_source(name)).filter_map(|author| name(&capitalised(author)));
    unique(people.filter(|name| !nobody.contains(&name.key)))
}

/// The tags, each once. A number sign before a tag is not a part of it.
#[must_use]
pub fn tags<'a>(tags: impl Iterator<Item = &'a str>) -> Vec<Name> {
    unique(tags.filter_map(|tag| name(plain(tag).trim_start_matches('#'))))
}

fn name(text: &str) -> Option<Name> {
    let label = collapse_white_space(&nfc(&text.replace(is_formatting, "")));
    let is_name = label.contains(char::is_alphanumeric) && label.chars().count() <= NAME_CHARS_MAX;
    is_name.then(|| Name { key: key(&label), label })
}

/// Marks of direction and width, soft hyphens: nobody sees them, and a name with them would be another name.
const fn is_formatting(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn unique(names: impl Iterator<Item = Name>) -> Vec<Name> {
    let mut known = HashSet::new();
    names.filter(|name| known.insert(name.key.clone())).collect()
}

/// `HÀ MY` as `Hà My`; of one word (`TTXVN`) nothing is known, so it stays.
fn capitalised(name: &str) -> Cow<'_, str> {
    if name.chars().any(char::is_lowercase) || !name.trim().contains(char::is_whitespace) {
        return Cow::Borrowed(name);
    }
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().chain(letters.flat_map(char::to_lowercase)).collect::<String>()
    };
    Cow::Owned(name.split_whitespace().map(word).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    #[test]
    fn two_spellings_are_one_name() {
        let check = |a: &str, b: &str| assert_eq!(key(a), key(b));
        check("Hà My", " HÀ\u{a0}MY ");
        check("Hà My", &"Hà My".nfd().collect::<String>());
        check("OCOP", "ocop");
        check("Văn hoá", "Văn hóa");
        assert_ne!(key("Hà My"), key("Hạ My"));
    }

    #[test]
    fn people_in_author_lines() {
        let nobody = ["PV", "BBT"].map(key);
        let check = |line: &str, expect: &[&str]| {
            let labels: Vec<String> = authors(line, &nobody).into_iter().map(|name| name.label).collect();
            assert_eq!(labels, expect, "{line}");
        };
        check("Bài, ảnh: <b>HÀ MY</b> - Lê Nam", &["Hà My", "Lê Nam"]);
        check("Hà My - HÀ MY", &["Hà My"]);
        check("PV - Lê Nam", &["Lê Nam"]);
        check("pv", &[]);
        check("L\u{202e}ê\u{200b} Nam", &["Lê Nam"]);
        check("Theo TTXVN", &[]);
        check("", &[]);
        check(&"a".repeat(NAME_CHARS_MAX + 1), &[]);
    }

    #[test]
    fn tags_are_named_once() {
        let found = tags(["#OCOP", "ocop", " ", "Chuyển đổi  số", "---"].into_iter());
        let shown: Vec<_> = found.iter().map(|name| (name.key.as_str(), name.label.as_str())).collect();
        assert_eq!(shown, [("ocop", "OCOP"), ("chuyển đổi số", "Chuyển đổi số")]);
    }
}
