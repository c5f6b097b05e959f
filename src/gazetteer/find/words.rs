//! The words around names that tell what a name is: kinds, authorities, prepositions, and what makes the same letters a
//! person, a firm, a street. Tables only; [`super::scan`] has the rules. In small letters, tones in the old place; the
//! vocabulary knows the other spellings.

use super::super::unit::Kind;
use super::guard_words::{
    BRANDS, EVENTS, FIRMS, LANDMARKS, MATCHES, ORGANISATIONS, PERSONS, PRODUCTS, SPEECH, STREETS, TEAMS, VILLAGES,
};
use super::place_words::{ADJECTIVES, AUTHORITIES, COUNTED, OFFICES, PLACES, PLAIN, STOPS};

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    /// Any kind.
    pub(super) const ANY: Self = Self::of(&Kind::ALL);
    /// Those of communes.
    const COMMUNES: Self = Self::of(&[Kind::Xa, Kind::Phuong, Kind::ThiTran, Kind::DacKhu]);

    pub(super) const fn of(kinds: &[Kind]) -> Self {
        let (mut set, mut rest) = (0, kinds);
        while let [kind, others @ ..] = rest {
            set |= Self::bit(*kind);
            rest = others;
        }
        Self(set)
    }

    const fn bit(kind: Kind) -> u16 {
        match kind {
            Kind::Tinh => 1,
            Kind::ThanhPho => 1 << 1,
            Kind::Quan => 1 << 2,
            Kind::Huyen => 1 << 3,
            Kind::ThiXa => 1 << 4,
            Kind::Phuong => 1 << 5,
            Kind::Xa => 1 << 6,
            Kind::ThiTran => 1 << 7,
            Kind::DacKhu => 1 << 8,
        }
    }

    pub(super) const fn has(self, kind: Kind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// Are both of one level? A thành phố may be of two.
    pub(super) const fn is_of_level(self, other: Self) -> bool {
        (self.0 & Self::COMMUNES.0 != 0) == (other.0 & Self::COMMUNES.0 != 0)
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The phrases of a row.
pub(super) fn phrases(row: &'static str) -> impl Iterator<Item = &'static str> {
    row.split(';').map(str::trim)
}

/// What words say of a name near them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The kind of the unit that is named next.
    Kind(Kinds),
    /// A short kind of one letter: only with a capital, only right before a name.
    Initial(Kinds),
    /// An authority, which is named by its unit without a kind.
    Authority(Kinds),
    /// An office of an authority: its own name stands between it and the unit's (`Sở Y tế Phú Thọ`).
    Office,
    /// What may stand between a kind and a name (`huyện miền núi Thanh Sơn`).
    Adjective,
    /// Right after a name, or right after its kind: the unit is one of the past.
    Former,
    /// After a name: it is of the past; what follows is of the present (`nay là`).
    Now,
    /// Before a name: it is of the past; what stands before is of the present (`trước đây là`).
    Once,
    /// What follows in the sentence was so before a reform.
    Before,
    /// What follows in the sentence is about a reform: units of the past may be named without a word for that.
    Reform,
    /// What follows in the sentence is of the present again.
    Today,
    /// After several of a kind: which they are.
    Which,
    /// Right before a name: a place is meant.
    Place,
    /// The same; and between two names, the first lies in the second.
    Within,
    /// The phrase before a name does not reach across this.
    Stop,
    /// Joins the members of a list.
    And,
    /// Before a kind: there are several.
    Several,
    /// Before a colon: who made this follows.
    Credit,
    /// Right before a name: somebody, whatever the name.
    Person,
    /// A firm, a paper, a school: named by everything after it.
    Organisation,
    /// A shop, a hotel, a project: the same, but with a short name.
    Brand,
    /// A team: the same, even where it is called by a unit with its kind.
    Team,
    /// After a number: somebody's age.
    Years,
    /// Before a capital: the title of a song, and perhaps of more.
    Song,
    /// What is told of matches only; the names alone near it are those of teams.
    Match,
    /// Right after a name, with a capital: what a firm or a team of that name is called.
    Firm,
    /// A street or a line of traffic.
    Street,
    /// A part of a commune.
    Village,
    /// Water, mountains, and what people build; named after where it is.
    Landmark,
    /// Something to eat or to wear, named after where it is from.
    Product,
    /// An event of history, a prize, a campaign.
    Event,
    /// Right after a name: somebody is who does that.
    Speech,
    /// Right after a number: the number counts these.
    Counted,
    /// Nothing; here so that no shorter phrase in it is seen.
    Plain,
}

/// Phrases that stand by themselves or before a name. Where several begin at one word, the longest counts.
pub(super) const PHRASES: [(Class, &str); 47] = [
    (Class::Kind(Kinds::of(&[Kind::Tinh])), "tỉnh"),
    (Class::Kind(Kinds::of(&[Kind::ThanhPho])), "thành phố; tp; tp .; t . p; t . p .; thủ đô"),
    (Class::Kind(Kinds::of(&[Kind::Quan])), "quận"),
    (Class::Kind(Kinds::of(&[Kind::Huyen])), "huyện; huyện đảo"),
    (Class::Kind(Kinds::of(&[Kind::ThiXa])), "thị xã; tx; tx .; t . x; t . x ."),
    (Class::Kind(Kinds::of(&[Kind::Phuong])), "phường"),
    (Class::Kind(Kinds::of(&[Kind::Xa])), "xã; xã đảo"),
    (Class::Kind(DISTRICTS), "huyện , thành , thị; huyện , thị , thành; huyện , thành thị; huyện , thị"),
    (Class::Kind(Kinds::of(&[Kind::ThiTran])), "thị trấn; tt; tt .; t . t; t . t ."),
    (Class::Kind(Kinds::of(&[Kind::DacKhu])), "đặc khu"),
    (Class::Initial(Kinds::of(&[Kind::Quan])), "q .; q"),
    (Class::Initial(Kinds::of(&[Kind::Huyen])), "h ."),
    (Class::Initial(Kinds::of(&[Kind::Xa])), "x ."),
    (Class::Initial(Kinds::of(&[Kind::Phuong])), "p .; p"),
    (Class::Initial(Kinds::of(&[Kind::Tinh])), "t ."),
    (Class::Authority(Kinds::of(&[Kind::Tinh])), "tỉnh ủy; tỉnh đoàn; tỉnh hội"),
    (Class::Authority(Kinds::of(&[Kind::ThanhPho])), "thành ủy; thành đoàn; thành hội"),
    (Class::Authority(Kinds::of(&[Kind::ThiXa])), "thị ủy; thị đoàn; thị hội"),
    (Class::Authority(Kinds::of(&[Kind::Huyen])), "huyện ủy; huyện đoàn; huyện hội"),
    (Class::Authority(Kinds::of(&[Kind::Quan])), "quận ủy; quận đoàn; quận hội"),
    (Class::Authority(Kinds::COMMUNES), "đảng ủy"),
    (Class::Authority(Kinds::ANY), AUTHORITIES),
    (Class::Office, OFFICES),
    (
        Class::Once,
        "trước đây là; trước là; trước kia là; tiền thân là; vốn là; nguyên là; trước đây thuộc; trước thuộc; tên cũ là; từng có; từng là; từng thuộc; từng mang tên",
    ),
    (
        Class::Before,
        "trước khi hợp nhất; trước khi sáp nhập; trước hợp nhất; trước sáp nhập; trước ngày 1 / 7 / 2025; \
         trước 1 / 7 / 2025; trước tháng 7 / 2025; thành lập trên cơ sở; hình thành trên cơ sở; thành lập từ; \
         hình thành từ; sáp nhập từ; hợp nhất từ; nhập từ; trước khi có chính quyền hai cấp",
    ),
    (Class::Reform, "trước đây; trước kia; ngày trước; hợp nhất; sáp nhập; nhập vào; sắp xếp đơn vị hành chính"),
    (Class::Today, "nay; hiện; hiện nay; ngày nay; bây giờ; đến nay"),
    (Class::Which, "là; gồm; gồm có; bao gồm; như"),
    (Class::Team, TEAMS),
    (Class::Place, PLACES),
    (Class::Within, "ở; tại; thuộc; của; trong"),
    (Class::Stop, STOPS),
    (Class::And, "và; hoặc; hay; cùng; với; cùng với; cũng như; lẫn"),
    (
        Class::Several,
        "các; những; hai; ba; bốn; năm; sáu; bảy; tám; chín; mười; mấy; nhiều; một số; tất cả các; toàn bộ các",
    ),
    (
        Class::Credit,
        "ảnh; bài; tin; bài , ảnh; tin , ảnh; bài và ảnh; ảnh minh họa; thực hiện; đồ họa; nguồn; video; clip; biên tập; trình bày",
    ),
    (Class::Person, PERSONS),
    (Class::Organisation, ORGANISATIONS),
    (Class::Brand, BRANDS),
    (Class::Street, STREETS),
    (Class::Village, VILLAGES),
    (Class::Landmark, LANDMARKS),
    (Class::Product, PRODUCTS),
    (Class::Match, MATCHES),
    (Class::Song, "hát"),
    (Class::Years, "tuổi"),
    (Class::Event, EVENTS),
    (Class::Plain, PLAIN),
];

/// Phrases right after a name, a number or a kind.
pub(super) const AFTER: [(Class, &str); 7] = [
    (Class::Adjective, ADJECTIVES),
    (
        Class::Former,
        "cũ; trước đây; trước kia; ngày trước; khi trước; trước khi sáp nhập; trước sáp nhập; trước khi hợp nhất; \
         trước hợp nhất; khi ấy; khi đó; lúc đó; lúc ấy; hồi đó; hồi ấy; thời đó",
    ),
    (Class::Now, "nay là; nay thuộc; hiện là; nay đổi thành; nay đã sáp nhập; bây giờ là; hiện nay là"),
    (Class::Speech, SPEECH),
    (Class::Firm, FIRMS),
    (Class::Counted, COUNTED),
    (Class::Plain, "tổ chức; điểm cầu; giải quyết; trường kỳ; năm nay; năm ngoái; ngày mai"),
];

/// How the districts of a province are told together.
const DISTRICTS: Kinds = Kinds::of(&[Kind::Huyen, Kind::ThiXa, Kind::ThanhPho, Kind::Quan]);

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn no_phrase_says_two_things() {
        for table in [&PHRASES[..], &AFTER[..]] {
            let mut known: HashMap<&str, Class> = HashMap::new();
            for (class, row) in table {
                for phrase in phrases(row) {
                    assert!(!phrase.is_empty() && phrase == phrase.to_lowercase(), "{class:?}: `{phrase}`");
                    let before = known.insert(phrase, *class);
                    assert!(before.is_none_or(|before| before == *class), "`{phrase}` is {before:?} and {class:?}");
                }
            }
        }
    }
}
