//! Under which of its places a story is filed. Finding and filing are apart: a story names more places than it is about.

use super::super::unit::Unit;
use super::{Hit, Part, Role};

/// How often a unit is named in a body that is about it.
const NAMED_MIN: usize = 2;
/// Before a name, where somebody comes from: the story happens elsewhere.
const ORIGINS: [&str; 9] =
    ["quê", "quê ở", "quê quán", "sinh ra ở", "sinh ra tại", "sinh tại", "sinh ở", "đến từ", "gốc"];
/// Between a name and that of what it lies in.
const ADDRESS_MARKS: [char; 4] = [',', '(', '-', ' '];

/// A unit that a story is filed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned<'g> {
    /// The unit.
    pub unit: &'g Unit,
    /// Why.
    pub why: Why,
}

/// Why a story is filed under a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It stands in the title.
    Title,
    /// It stands in the lead.
    Lead,
    /// It stands in a caption.
    Caption,
    /// The body names it so many times.
    Named(usize),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Title => f.write_str("in the title"),
            Self::Lead => f.write_str("in the lead"),
            Self::Caption => f.write_str("in a caption"),
            Self::Named(times) => write!(f, "named {times} times"),
        }
    }
}

/// The units that a story is filed under, in the order in which they are named: those in its title, lead or captions, and
/// those that the body names twice or more. In the body neither somebody's origin counts, nor the rest of an address: a
/// province that is only the third part of `xã X, huyện Y, tỉnh Z` is told by the first.
#[must_use]
pub fn assign<'g>(story: &[Part<'_>], hits: &[Hit<'g>]) -> Vec<Assigned<'g>> {
    let mut assigned: Vec<Assigned<'g>> = Vec::new();
    for hit in hits {
        if !assigned.iter().any(|known| known.unit == hit.unit)
            && let Some(why) = why(story, hits, hit.unit)
        {
            assigned.push(Assigned { unit: hit.unit, why });
        }
    }
    assigned
}

fn why(story: &[Part<'_>], hits: &[Hit<'_>], unit: &Unit) -> Option<Why> {
    let own = || hits.iter().enumerate().filter(|(_, hit)| hit.unit == unit);
    let stands_in = |role: Role| own().any(|(_, hit)| story.get(hit.part).is_some_and(|part| part.role == role));
    let roles = [(Role::Title, Why::Title), (Role::Lead, Why::Lead), (Role::Caption, Why::Caption)];
    if let Some((_, why)) = roles.into_iter().find(|(role, _)| stands_in(*role)) {
        return Some(why);
    }
    let before = |at: usize| at.checked_sub(1).and_then(|before| hits.get(before));
    let counts = |(at, hit): &(usize, &Hit<'_>)| {
        let text = story.get(hit.part).map(|part| part.text).unwrap_or_default();
        !is_origin(text, hit) && !before(*at).is_some_and(|before| is_address(text, before, hit))
    };
    let times = own().filter(counts).count();
    (times >= NAMED_MIN).then_some(Why::Named(times))
}

/// Is it where somebody comes from?
fn is_origin(text: &str, hit: &Hit<'_>) -> bool {
    let before = text.get(..hit.span.start).unwrap_or_default().trim_end();
    ORIGINS.iter().any(|origin| {
        let rest = before.strip_suffix(origin);
        rest.is_some_and(|rest| !rest.ends_with(char::is_alphabetic))
    })
}

/// Is it only told to say where the one before lies?
fn is_address(text: &str, before: &Hit<'_>, hit: &Hit<'_>) -> bool {
    let between = text.get(before.span.end..hit.span.start);
    let is_joined =
        between.is_some_and(|between| !between.is_empty() && between.chars().all(|c| ADDRESS_MARKS.contains(&c)));
    before.part == hit.part && is_joined && before.unit.level() > hit.unit.level()
}
