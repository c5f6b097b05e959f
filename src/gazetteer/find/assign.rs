//! Under which of its places a story is filed. Finding and filing are apart: a story names more places than it is about.

use super::super::unit::Unit;
use super::{Hit, Part, Role};

/// How often a unit is named in a body that is about it.
const NAMED_MIN: usize = 2;

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

/// The units that a story is filed under, in the order in which they are named.
#[must_use]
pub fn assign<'g>(story: &[Part<'_>], hits: &[Hit<'g>]) -> Vec<Assigned<'g>> {
    let mut assigned: Vec<Assigned<'g>> = Vec::new();
    for hit in hits {
        if assigned.iter().any(|known| known.unit == hit.unit) {
            continue;
        }
        let own: Vec<&Hit<'_>> = hits.iter().filter(|other| other.unit == hit.unit).collect();
        if let Some(why) = why(story, &own) {
            assigned.push(Assigned { unit: hit.unit, why });
        }
    }
    assigned
}

fn why(story: &[Part<'_>], own: &[&Hit<'_>]) -> Option<Why> {
    let stands_in = |role: Role| own.iter().any(|hit| story.get(hit.part).is_some_and(|part| part.role == role));
    let role = [(Role::Title, Why::Title), (Role::Lead, Why::Lead), (Role::Caption, Why::Caption)];
    let role = role.into_iter().find(|(role, _)| stands_in(*role)).map(|(_, why)| why);
    role.or_else(|| (own.len() >= NAMED_MIN).then_some(Why::Named(own.len())))
}
