//! Under which of its places a story is filed. Finding and filing are apart: a story names more places than it is about.

use hashbrown::HashMap;

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
    let mut numbers: HashMap<_, usize> = HashMap::new();
    let mut units: Vec<(&Unit, Vec<usize>)> = Vec::new();
    for (at, hit) in hits.iter().enumerate() {
        let number = *numbers.entry((hit.unit.code, hit.unit.from)).or_insert(units.len());
        match units.get_mut(number) {
            Some((_, own)) => own.push(at),
            None => units.push((hit.unit, vec![at])),
        }
    }
    let assigned = units.into_iter().filter_map(|(unit, own)| Some(Assigned { unit, why: why(story, hits, &own)? }));
    assigned.collect()
}

/// Why a story is filed under the unit that has some of its hits.
fn why(story: &[Part<'_>], hits: &[Hit<'_>], own: &[usize]) -> Option<Why> {
    let hit = |at: usize| hits.get(at);
    let role = |at: &usize| Some(story.get(hit(*at)?.part)?.role);
    let stands_in = |wanted: Role| own.iter().any(|at| role(at) == Some(wanted));
    let roles = [(Role::Title, Why::Title), (Role::Lead, Why::Lead), (Role::Caption, Why::Caption)];
    if let Some((_, why)) = roles.into_iter().find(|(role, _)| stands_in(*role)) {
        return Some(why);
    }
    let counts = |at: &&usize| {
        let Some(own) = hit(**at) else { return false };
        let text = story.get(own.part).map(|part| part.text).unwrap_or_default();
        let before = at.checked_sub(1).and_then(hit);
        !is_origin(text, own) && !before.is_some_and(|before| is_address(text, before, own))
    };
    let times = own.iter().filter(counts).count();
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
