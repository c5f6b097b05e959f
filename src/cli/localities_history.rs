//! What `loa localities show` says of what became of what.

use std::fmt::Write as _;

use chrono::NaiveDate;
use serde::Serialize;

use crate::domain::address::FEEDS_PREFIX;
use crate::domain::place::Place;
use crate::gazetteer::{Gazetteer, Unit};

/// What came before a place and after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct History {
    /// Where its feeds lead, if they redirect.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirects_to: Option<String>,
    /// The first day without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<NaiveDate>,
    /// The present units on its ground, over which its feed lives on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lives_on_over: Vec<Neighbour>,
    /// The units whose past its feed has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    formed_from: Vec<Neighbour>,
}

/// A unit before or after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Neighbour {
    unit: String,
    path: String,
    /// Not all of it: of a successor, it has other ground, too; of a predecessor, only a part of it is here.
    in_part: bool,
}

impl History {
    /// Of a place.
    pub(super) fn of(gazetteer: &Gazetteer, place: Place) -> Self {
        let path = |place: Place| format!("{FEEDS_PREFIX}locality/{}", gazetteer.path_of(place).unwrap_or_default());
        let neighbour = |unit: &Unit, in_part| {
            let unit_name = gazetteer.describe(unit, unit.last_day());
            Neighbour { unit: unit_name, path: path(gazetteer.place_of(unit)), in_part }
        };
        let canonical = gazetteer.canonical(place);
        let change = gazetteer.change_of(place);
        let successors = change.iter().flat_map(|change| &change.successors);
        let last = |place| gazetteer.units_of(place).last().copied();
        let before = gazetteer.predecessors_of(place);
        Self {
            redirects_to: (canonical != place).then(|| path(canonical)),
            ended: change.as_ref().map(|change| change.day),
            lives_on_over: successors.filter_map(|next| Some(neighbour(last(next.place)?, next.is_shared))).collect(),
            formed_from: before.iter().map(|before| neighbour(before.unit, before.is_split)).collect(),
        }
    }

    /// For people, a line each; empty if there is nothing to say.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(path) = &self.redirects_to {
            writeln!(text, "its feeds redirect to {path}").unwrap_or_default();
        }
        match self.ended {
            Some(day) if self.lives_on_over.is_empty() => {
                writeln!(text, "ended on {day}; the tables do not say what became of it").unwrap_or_default();
            }
            Some(day) => add(
                &mut text,
                &format!("ended on {day}, its feed lives on over"),
                " (and other ground)",
                &self.lives_on_over,
            ),
            None => {}
        }
        add(&mut text, "its feed has the past of", " (a part)", &self.formed_from);
        text
    }
}

fn add(text: &mut String, heading: &str, in_part: &str, neighbours: &[Neighbour]) {
    if neighbours.is_empty() {
        return;
    }
    writeln!(text, "{heading}").unwrap_or_default();
    let width = neighbours.iter().map(|one| one.unit.chars().count()).max().unwrap_or_default();
    for Neighbour { unit, path, in_part: partly } in neighbours {
        writeln!(text, "  {unit:width$}  {path}{}", if *partly { in_part } else { "" }).unwrap_or_default();
    }
}
