//! Names as they are compared: whatever two people may write differently and mean the same is folded, tones are not.

use hashbrown::HashMap;

use super::table::{GazetteerError, rows};
use super::unit::{Kind, Unit};
use super::units::{Number, Units};
use crate::domain::place::{Level, UnitCode};
use crate::text::normalize::nfc;
use crate::text::tones::tones_on_first_vowel;

/// Kinds as they are shortened, with or without a dot after them. Longer ones first.
const SHORT_KINDS: [(&str, Kind); 11] = [
    ("t.p", Kind::ThanhPho),
    ("t.x", Kind::ThiXa),
    ("t.t", Kind::ThiTran),
    ("tp", Kind::ThanhPho),
    ("tx", Kind::ThiXa),
    ("tt", Kind::ThiTran),
    ("q", Kind::Quan),
    ("h", Kind::Huyen),
    ("x", Kind::Xa),
    ("p", Kind::Phuong),
    ("t", Kind::Tinh),
];

/// What two names are compared by: NFC, small letters, one place of tones, one kind of `đ`, apostrophe and hyphen, no
/// space beside these two, single spaces elsewhere.
pub(super) fn key(text: &str) -> String {
    let (mut key, mut is_parted) = (String::with_capacity(text.len()), false);
    for c in nfc(text).chars() {
        if c.is_whitespace() {
            is_parted = true;
            continue;
        }
        let c = plain(c);
        if is_parted && !key.is_empty() && !is_joint(c) && !key.ends_with(is_joint) {
            key.push(' ');
        }
        is_parted = false;
        key.extend(c.to_lowercase());
    }
    tones_on_first_vowel(&key).into_owned()
}

/// One character for those that look like it: U+00D0 is Icelandic, and taken for `Đ` often.
fn plain(c: char) -> char {
    match c {
        '\u{d0}' | '\u{f0}' => 'đ',
        '’' | '‘' | 'ʼ' | '′' | '`' | '´' => '\'',
        '‐' | '‑' | '–' | '—' | '−' => '-',
        _ => c,
    }
}

fn is_joint(c: char) -> bool {
    matches!(c, '\'' | '-')
}

/// A name with or without its kind, as somebody wrote it. There may be several ways to read it: `Phường Đúc` is the
/// whole name of one ward.
#[derive(Debug)]
pub(super) struct Phrase<'a> {
    /// What it may mean: a kind (if there is one before the name), and the key of a name.
    pub(super) readings: Vec<(Option<Kind>, &'a str)>,
}

impl<'a> Phrase<'a> {
    /// All readings of a key.
    pub(super) fn new(key: &'a str) -> Self {
        let long =
            Kind::ALL.into_iter().filter_map(|kind| Some((kind, key.strip_prefix(kind.word())?.strip_prefix(' ')?)));
        let short = SHORT_KINDS.iter().filter_map(|(word, kind)| Some((*kind, after_short(key.strip_prefix(word)?)?)));
        let with_kind = long.chain(short).map(|(kind, name)| (Some(kind), without_zeros(name)));
        Self { readings: std::iter::once((None, key)).chain(with_kind).collect() }
    }
}

/// What stands after a short kind: a dot, a space or a number has to part them.
fn after_short(rest: &str) -> Option<&str> {
    let name = rest.trim_start_matches(['.', ' ']);
    (name.len() < rest.len() || name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
}

/// `Phường 01` is `Phường 1`.
fn without_zeros(name: &str) -> &str {
    if name.bytes().all(|byte| byte.is_ascii_digit()) { name.trim_start_matches('0') } else { name }
}

/// Which units have which name.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// With the other spellings of provinces: the commune Đăk Nông is no reason to take the province for it.
    official: HashMap<Box<str>, Vec<Number>>,
    aliases: HashMap<Box<str>, Vec<Number>>,
}

/// The official spelling counts first.
pub(super) const SPELLINGS: [Spelling; 2] = [Spelling::Official, Spelling::Alias];

/// How a unit may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As in the official list; or the name of a province in any spelling.
    Official,
    /// As in the table of aliases.
    Alias,
}

impl Names {
    /// The names of the units, and those that the table of aliases gives them.
    pub(super) fn new(units: &Units, aliases: &str) -> Result<Self, GazetteerError> {
        let mut names = Self { official: official(units), aliases: HashMap::new() };
        for row in rows("aliases", aliases) {
            let row = row?;
            let [code, name, alias] = row.fields;
            let code: UnitCode = row.read(code.parse().ok(), "has no official code")?;
            let meant: Vec<_> = units.of_code(code).filter(|(_, unit)| *unit.name == *name).map(|(at, _)| at).collect();
            if meant.is_empty() {
                return Err(row.wrong("means no unit"));
            }
            let table = if code.level() == Level::Province { &mut names.official } else { &mut names.aliases };
            table.entry(key(alias).into()).or_default().extend(meant);
        }
        Ok(names)
    }

    /// The key of every name in every spelling, with the units of any date that have it.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &[Number])> {
        self.official.iter().chain(&self.aliases).map(|(name, units)| (&**name, &**units))
    }

    /// The units of any date that a phrase may mean, by one spelling.
    pub(super) fn meant(&self, units: &Units, phrase: &Phrase<'_>, spelling: Spelling) -> Vec<Number> {
        let mut found: Vec<_> = self.answers(units, phrase, spelling).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// May the phrase mean that unit?
    pub(super) fn may_mean(&self, units: &Units, phrase: &Phrase<'_>, unit: &Unit) -> bool {
        let is_it = |number| units.get(number).is_some_and(|found| found == unit);
        SPELLINGS.iter().any(|spelling| self.answers(units, phrase, *spelling).any(is_it))
    }

    /// May the phrase mean any unit of any date?
    pub(super) fn knows(&self, units: &Units, phrase: &Phrase<'_>) -> bool {
        SPELLINGS.iter().any(|spelling| self.answers(units, phrase, *spelling).next().is_some())
    }

    /// What each reading may mean, one after the other.
    fn answers(&self, units: &Units, phrase: &Phrase<'_>, spelling: Spelling) -> impl Iterator<Item = Number> {
        let table = match spelling {
            Spelling::Official => &self.official,
            Spelling::Alias => &self.aliases,
        };
        let is_of = |number: Number, kind: Kind| units.get(number).is_some_and(|unit| unit.kind == kind);
        let readings = phrase.readings.iter().filter_map(|(kind, name)| Some((*kind, table.get(*name)?)));
        readings.flat_map(move |(kind, numbers)| {
            numbers.iter().copied().filter(move |number| kind.is_none_or(|kind| is_of(*number, kind)))
        })
    }
}

/// Names repeat a lot, and a key costs more than finding one: each name is folded once.
fn official(units: &Units) -> HashMap<Box<str>, Vec<Number>> {
    let mut by_name: HashMap<&str, Vec<Number>> = HashMap::new();
    for (number, unit) in units.all() {
        by_name.entry(&unit.name).or_default().push(number);
    }
    let mut by_key: HashMap<Box<str>, Vec<Number>> = HashMap::with_capacity(by_name.len());
    for (name, numbers) in by_name {
        by_key.entry(key(name).into()).or_default().extend(numbers);
    }
    by_key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        let check = |text: &str, expect: &str| assert_eq!(key(text), expect, "{text}");
        check("  Xã  Hùng\u{a0}Lô ", "xã hùng lô");
        check("Thanh Thuỷ", "thanh thủy");
        check("Thanh Thu\u{309}y", "thanh thủy");
        check("\u{d0}à N\u{1eb5}ng", "đà nẵng");
        check("ĐẮK R’LẤP", "đắk r'lấp");
        check("Ea H' Leo", "ea h'leo");
        check("Bà Rịa – Vũng Tàu", "bà rịa-vũng tàu");
        assert_ne!(key("Lam Sơn"), key("Lâm Sơn"));
    }

    #[test]
    fn kinds_are_read_in_all_their_forms() {
        let check = |text: &str, expect: &[(Kind, &str)]| {
            let key = key(text);
            let read: Vec<_> =
                Phrase::new(&key).readings.into_iter().filter_map(|(kind, name)| Some((kind?, name))).collect();
            assert_eq!(read, expect, "{text}");
        };
        check("Hùng Lô", &[]);
        check("Xã Hùng Lô", &[(Kind::Xa, "hùng lô")]);
        for text in ["TP Việt Trì", "TP.Việt Trì", "Tp. Việt Trì", "tp việt trì"] {
            check(text, &[(Kind::ThanhPho, "việt trì")]);
        }
        check("TX. Phú Thọ", &[(Kind::ThiXa, "phú thọ")]);
        check("P.Nông Trang", &[(Kind::Phuong, "nông trang")]);
        check("P1", &[(Kind::Phuong, "1")]);
        check("Phường 01", &[(Kind::Phuong, "1")]);
        check("Q. 10", &[(Kind::Quan, "10")]);
        check("Thị trấn Thị Ngân", &[(Kind::ThiTran, "thị ngân")]);
        check("Phú Thọ", &[]);
        check("Tỉnh", &[]);
    }
}
