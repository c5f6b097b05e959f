//! The administrative units as a whole: what the tables hold, what their texts resolve to, and that addresses stay. The
//! numbers and traps are those of the official lists (src/gazetteer/data/README.md).

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use loa::domain::place::{Level, Place, UnitCode};
use loa::gazetteer::{Gazetteer, Kind, Tables, Unit, Unresolved, extend};
use unicode_normalization::UnicodeNormalization as _;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn code(text: &str) -> UnitCode {
    text.parse().unwrap()
}

#[test]
fn the_table_of_addresses_is_that_of_the_units() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gazetteer/data/addresses.csv");
    let present = std::fs::read_to_string(file).unwrap();
    let grown = extend(&Tables { addresses: &present, ..Tables::built_in() }).unwrap();
    if std::env::var("LOA_UPDATE_EXPECTED").is_ok_and(|value| value == "1") {
        std::fs::write(file, &grown).unwrap();
    } else {
        assert!(grown == present, "units without an address: run once with LOA_UPDATE_EXPECTED=1");
    }
}

/// What holds on a day, by level.
fn count(day: NaiveDate) -> [usize; 3] {
    let gazetteer = Gazetteer::built_in();
    [Level::Province, Level::District, Level::Commune]
        .map(|level| gazetteer.all_at(day).filter(|unit| unit.level() == level).count())
}

#[test]
fn every_unit_resolves_by_its_own_name_and_parents() {
    let gazetteer = Gazetteer::built_in();
    let mut wrong = Vec::new();
    for unit in every_unit(&gazetteer) {
        for day in [unit.nearest_day(day("1999-01-01")), unit.nearest_day(day("2030-01-01"))] {
            let names: Vec<_> = gazetteer.self_and_ancestors(unit, day).into_iter().map(Unit::full_name).collect();
            let text = names.join(", ");
            if gazetteer.resolve(&text, day, &[]) != Ok(unit) {
                wrong.push(format!("{text} {day}: {:?}", gazetteer.resolve(&text, day, &[])));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Every row of the table of units.
fn every_unit(gazetteer: &Gazetteer) -> impl Iterator<Item = &Unit> {
    gazetteer.places().flat_map(|place| gazetteer.units_of(place))
}
