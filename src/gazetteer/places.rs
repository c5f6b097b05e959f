//! Which periods are one place: one unit for as long as it keeps its full name and its province, whatever happens to
//! its code, its district and its borders. See `docs/decisions/locality-addresses.md`.

use chrono::NaiveDate;

use super::table::{Edge, GazetteerError};
use super::unit::Unit;
use super::units::{Number, Units};
use crate::domain::place::{Level, Place, UnitCode};

/// The first day whose edges join places, and from which on codes mean little. What became of what before was learnt after those places had got their addresses,
/// which stay.
pub(super) const JOINED_SINCE: NaiveDate = match NaiveDate::from_ymd_opt(2025, 7, 1) {
    Some(day) => day,
    None => NaiveDate::MAX,
};

/// Two periods that may be one place. Ordered by what is the better claim.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    is_other_code: bool,
    is_minor: bool,
    old_code: UnitCode,
    new_code: UnitCode,
    old: Number,
    new: Number,
}

/// Joins the periods of each place.
pub(super) fn join(units: &mut Units, edges: &[Edge]) -> Result<(), GazetteerError> {
    let claims = claims(units, edges);
    // Provinces first: whether others have the same one is asked of the places of their provinces.
    let (provinces, others): (Vec<_>, Vec<_>) =
        claims.into_iter().partition(|claim| claim.new_code.level() == Level::Province);
    let provinces = provinces.into_iter().filter(|claim| same(units, claim, |old, new| Some(old.name == new.name)));
    link(units, &provinces.collect::<Vec<_>>());
    if let Some(unit) = homeless(units) {
        return Err(GazetteerError::NoProvince { code: unit.code, from: unit.from });
    }
    let others = others.into_iter().filter(|claim| {
        same(units, claim, |old, new| {
            let same_name = (old.kind, &old.name) == (new.kind, &new.name);
            Some(same_name && province(units, old)? == province(units, new)?)
        })
    });
    link(units, &others.collect::<Vec<_>>());
    Ok(())
}

/// The place of the province that a unit belonged to on its last day.
pub(super) fn province(units: &Units, unit: &Unit) -> Option<Place> {
    let top = units.upwards(unit, unit.last_day()).last()?;
    (top.level() == Level::Province).then_some(top.place)
}

/// A unit without a province. The parts of one parent that end on one day have the same one: it is asked once.
fn homeless(units: &Units) -> Option<&Unit> {
    let mut known = None;
    units.by_parent().find(|unit| {
        let question = Some((unit.parent, unit.until));
        let is_known = known == question;
        known = question;
        !is_known && province(units, unit).is_none()
    })
}

/// Every pair of which the one follows the other, the better claims first: two rows of one code (the lists lost some
/// units for a month or two, so there may be a gap between), or an edge of the table of succession.
fn claims(units: &Units, edges: &[Edge]) -> Vec<Claim> {
    let rows: Vec<_> = units.all().collect();
    let neighbours = rows.iter().zip(rows.iter().skip(1)).filter(|((_, old), (_, new))| old.code == new.code);
    let by_code = neighbours.map(|((old_number, old), (number, new))| Claim {
        is_other_code: false,
        is_minor: false,
        old_code: old.code,
        new_code: new.code,
        old: *old_number,
        new: *number,
    });
    let joining = edges.iter().filter(|edge| edge.old != edge.new && edge.day >= JOINED_SINCE);
    let by_edge = joining.filter_map(|edge| {
        let (old, _) = units.of_code(edge.old).find(|(_, unit)| unit.until == Some(edge.day))?;
        let (new, _) = units.of_code(edge.new).find(|(_, unit)| unit.from == Some(edge.day))?;
        let (old_code, new_code) = (edge.old, edge.new);
        Some(Claim { is_other_code: true, is_minor: !edge.is_main, old_code, new_code, old, new })
    });
    let mut claims: Vec<_> = by_code.chain(by_edge).collect();
    claims.sort_unstable();
    claims
}

fn same(units: &Units, claim: &Claim, rule: impl Fn(&Unit, &Unit) -> Option<bool>) -> bool {
    let pair = units.get(claim.old).zip(units.get(claim.new));
    pair.and_then(|(old, new)| rule(old, new)).unwrap_or_default()
}

/// Grants each claim in turn, unless one of the two is joined to another already: no two rows of one place hold on the
/// same day.
fn link(units: &mut Units, claims: &[Claim]) {
    let mut joined = std::collections::HashSet::new();
    for claim in claims {
        let is_free = units.get(claim.old).is_some_and(|old| old.next.is_none());
        if is_free
            && joined.insert(claim.new)
            && let Some(old) = units.get_mut(claim.old)
        {
            old.next = Some(claim.new);
        }
    }
    let heads: Vec<Number> = claims.iter().map(|claim| claim.old).filter(|old| !joined.contains(old)).collect();
    for head in heads {
        name_after(units, head);
    }
}

/// Gives the place of the first period to those after it.
fn name_after(units: &mut Units, head: Number) {
    let Some(place) = units.get(head).map(|unit| unit.place) else { return };
    let mut next = Some(head);
    while let Some(unit) = next.and_then(|number| units.get_mut(number)) {
        unit.place = place;
        next = unit.next;
    }
}
