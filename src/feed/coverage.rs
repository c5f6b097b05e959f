//! What the feed of a place covers beside the unit of its title, in a sentence for readers: units that are no more, and
//! units that were made of them. What happened when is the gazetteer's matter.

use chrono::{Datelike as _, NaiveDate};

use crate::domain::place::Place;
use crate::domain::scope::Scope;
use crate::gazetteer::{Change, Gazetteer, Unit};

/// Units that are named before the others are only counted: a province is made of a hundred.
const NAMED_MAX: usize = 12;

/// Behind a successor that was formed from other ground, too.
pub(super) const SHARED: &str = "(gồm cả địa bàn khác)";

/// A day as readers write it: `30/6/2025`.
pub(super) fn day_text(day: NaiveDate) -> String {
    format!("{}/{}/{}", day.day(), day.month(), day.year())
}

/// A unit within a sentence: `xã Hùng Lô`.
pub(super) fn in_sentence(unit: &Unit) -> String {
    format!("{} {}", unit.kind.word(), unit.name)
}

/// What readers should know of a feed of a place; `None` if it is just that unit, or a feed of anything else.
pub(super) fn coverage(gazetteer: &Gazetteer, scope: &Scope) -> Option<String> {
    let (Scope::Locality(place) | Scope::Combination(_, place)) = scope else { return None };
    match gazetteer.change_of(*place) {
        Some(change) => Some(of_the_past(gazetteer, &change)),
        None => of_the_present(gazetteer, *place),
    }
}

/// A unit that is no more: where its ground is now.
fn of_the_past(gazetteer: &Gazetteer, change: &Change<'_>) -> String {
    let ended = format!(
        "Tin của địa bàn {}, đơn vị hành chính đến ngày {}",
        in_sentence(change.unit),
        day_text(change.unit.last_day())
    );
    let successors = change.successors.iter().filter_map(|successor| {
        let unit = gazetteer.units_of(successor.place).last().copied()?;
        Some(if successor.is_shared { format!("{} {SHARED}", in_sentence(unit)) } else { in_sentence(unit) })
    });
    match listed(successors.collect()) {
        Some(units) => format!("{ended}, nay thuộc {units}."),
        None => format!("{ended}."),
    }
}

/// A unit that was made of others: their past is here.
fn of_the_present(gazetteer: &Gazetteer, place: Place) -> Option<String> {
    let present = gazetteer.units_of(place).last().copied()?;
    let before = gazetteer.predecessors_of(place).into_iter().map(|predecessor| {
        let name = in_sentence(predecessor.unit);
        if predecessor.is_split { format!("một phần {name}") } else { name }
    });
    let units = listed(before.collect())?;
    Some(format!("Tin của {}, gồm cả tin trước đây của {units}.", in_sentence(present)))
}

/// `a, b và c`; of many the first ones and how many more; `None` of nothing.
fn listed(mut names: Vec<String>) -> Option<String> {
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    if more > 0 {
        names.push(format!("{more} đơn vị khác"));
    }
    let last = names.pop()?;
    Some(if names.is_empty() { last } else { format!("{} và {last}", names.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_told_what_a_feed_covers() {
        let gazetteer = Gazetteer::built_in();
        let of =
            |path: &str| coverage(&gazetteer, &Scope::Locality(gazetteer.by_path(path).unwrap())).unwrap_or_default();
        let check = |path: &str, expect: &str| assert_eq!(of(path), expect, "{path}");
        check(
            "phu-tho/phuong-van-phu",
            "Tin của phường Vân Phú, gồm cả tin trước đây của xã Vân Phú, xã Phượng Lâu, xã Kim Đức và xã Hùng Lô.",
        );
        check("phu-tho", "Tin của tỉnh Phú Thọ, gồm cả tin trước đây của tỉnh Hòa Bình và tỉnh Vĩnh Phúc.");
        check(
            "phu-tho/thanh-pho-viet-tri",
            "Tin của địa bàn thành phố Việt Trì, đơn vị hành chính đến ngày 30/6/2025, nay thuộc phường Nông Trang, \
             phường Việt Trì, phường Thanh Miếu, phường Vân Phú và xã Hy Cương.",
        );
        let vinh_phuc = of("vinh-phuc");
        assert!(vinh_phuc.ends_with(" và 24 đơn vị khác."), "{vinh_phuc}");
        let split = of("hoa-binh/xa-vay-nua");
        assert!(split.ends_with("(gồm cả địa bàn khác)."), "{split}");
        assert!(of("phu-tho/xa-tien-phong").contains("một phần xã Vầy Nưa"));
        check("phu-tho/xa-thu-cuc", "");
        assert_eq!(coverage(&gazetteer, &Scope::All), None);
    }
}
