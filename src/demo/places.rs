//! Where the demo's news happens: the units of Phú Thọ as they were on the story's day, by official code. Codes are used
//! again for other units, so the day matters.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::place::UnitCode;
use crate::domain::point::Point;
use crate::gazetteer::{Gazetteer, Unit};

use super::random::Random;

/// The province, before and after the merger of 2025.
const PROVINCE_CODE: &str = "25";

/// Names that the paper writes of more than of others, whatever their kind was at the time.
const BUSY: [&str; 12] = [
    "Việt Trì",
    "Phú Thọ",
    "Vĩnh Yên",
    "Hòa Bình",
    "Hùng Lô",
    "Lâm Thao",
    "Đoan Hùng",
    "Hạ Hòa",
    "Thanh Ba",
    "Cẩm Khê",
    "Thanh Sơn",
    "Yên Lập",
];
/// Places of a thousand that are one of [`BUSY`] whatever chance says of the others.
const BUSY_SHARE: u64 = 450;

/// What an article calls its place that has none.
const ANYWHERE: [&str; 5] = ["vùng trung du", "toàn tỉnh", "nhiều địa phương", "miền Đất Tổ", "các xã vùng đồi"];

/// Articles of a thousand that name a place of the province.
const WITH_PLACE: u64 = 650;
/// Of a thousand with a place, those that say where exactly.
const WITH_POINT: u64 = 250;
/// Other places that an article may speak of.
const OTHERS: usize = 6;

/// Where stories with a point lie, in ten-thousandths of a degree: the valleys around Việt Trì.
const LATITUDES: (u64, u64) = (209_000, 217_000);
const LONGITUDES: (u64, u64) = (1_048_000, 1_056_000);
/// Steps of one degree in these.
const STEPS_PER_DEGREE: u64 = 10_000;

/// Where one article happens.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting {
    /// For the text: `phường Việt Trì`.
    pub(super) here: String,
    /// Other places of that time.
    pub(super) others: Vec<String>,
    /// Official codes, the most particular first: up to three.
    pub(super) codes: Vec<String>,
    /// Where exactly.
    pub(super) point: Option<Point>,
}

/// The province with all its units of all times.
#[derive(Debug)]
pub(super) struct Places {
    gazetteer: Arc<Gazetteer>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self { gazetteer: Gazetteer::built_in() }
    }

    /// Chooses a place of that day.
    pub(super) fn choose(&self, day: NaiveDate, random: &mut Random) -> Setting {
        let units = Units::new(self.units_of(day));
        let others = (0..OTHERS).filter_map(|_| units.one(random).map(in_a_sentence)).collect();
        let Some(unit) = units.one(random).filter(|_| random.chance(WITH_PLACE)) else {
            let here = random.pick(&ANYWHERE).copied().unwrap_or_default().to_owned();
            return Setting { here, others, ..Setting::default() };
        };
        let mut codes = vec![unit.code.to_string()];
        if random.chance(250) {
            codes.extend(units.one(random).map(|unit| unit.code.to_string()));
        }
        if random.chance(300) {
            codes.push(PROVINCE_CODE.to_owned());
        }
        codes.dedup();
        let point = random.chance(WITH_POINT).then(|| point(random)).flatten();
        Setting { here: in_a_sentence(unit), others, codes, point }
    }

    /// Everything below the province on that day, districts (of old) and communes.
    fn units_of(&self, day: NaiveDate) -> Vec<&Unit> {
        let below = |code: UnitCode| self.gazetteer.children(code, day);
        let parts = PROVINCE_CODE.parse().map(below).unwrap_or_default();
        parts.into_iter().flat_map(|unit| std::iter::once(unit).chain(below(unit.code))).collect()
    }
}

/// The units of a day.
struct Units<'a> {
    all: Vec<&'a Unit>,
    busy: Vec<&'a Unit>,
}

impl<'a> Units<'a> {
    fn new(all: Vec<&'a Unit>) -> Self {
        let busy = all.iter().copied().filter(|unit| BUSY.contains(&&*unit.name)).collect();
        Self { all, busy }
    }

    /// One of them, those that are busy more often.
    fn one(&self, random: &mut Random) -> Option<&'a Unit> {
        let units = if random.chance(BUSY_SHARE) { &self.busy } else { &self.all };
        random.pick(units).copied()
    }
}

fn in_a_sentence(unit: &Unit) -> String {
    format!("{} {}", unit.kind.word(), unit.name)
}

/// A point near the province: no real one of the unit.
fn point(random: &mut Random) -> Option<Point> {
    let mut degrees = |(from, to)| {
        let steps = random.between(from, to);
        format!("{}.{:04}", steps / STEPS_PER_DEGREE, steps % STEPS_PER_DEGREE)
    };
    Point::read(Some(&degrees(LATITUDES)), Some(&degrees(LONGITUDES))).ok().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_code_is_used_in_its_own_time() {
        let places = Places::new();
        let check = |on: &str, code: &str, expect: Option<&str>| {
            let units = places.units_of(day(on));
            let name = units.iter().find(|unit| unit.code.to_string() == code).map(|unit| in_a_sentence(unit));
            assert_eq!(name.as_deref(), expect, "{code} on {on}");
        };
        check("2022-03-18", "07900", Some("phường Gia Cẩm"));
        check("2025-06-30", "227", Some("thành phố Việt Trì"));
        check("2025-06-30", "08287", Some("xã Hùng Lô"));
        check("2025-07-01", "07900", Some("phường Việt Trì"));
        check("2025-07-01", "227", None);
        check("2025-07-01", "08287", None);
        check("2025-07-01", "08707", Some("phường Vĩnh Yên"));
        assert_eq!(places.units_of(day("2025-07-01")).len(), 148);
    }

    #[test]
    fn every_unit_has_news_at_times_and_a_few_have_them_often() {
        let (places, mut random) = (Places::new(), Random::new(1, 1));
        for on in ["2022-03-18", "2026-03-18"] {
            let mut news: HashMap<String, u32> = HashMap::new();
            for code in (0..10_000).filter_map(|_| places.choose(day(on), &mut random).codes.into_iter().next()) {
                *news.entry(code).or_default() += 1;
            }
            let seldom = places.units_of(day(on)).iter().map(|unit| news.get(&unit.code.to_string()).copied()).min();
            assert!(seldom.flatten().is_some(), "{on}: every unit is there");
            let mut counts: Vec<u32> = news.into_values().collect();
            counts.sort_unstable();
            let (middle, most) = (counts[counts.len() / 2], counts[counts.len() - 1]);
            assert!(most > 5 * middle, "{on}: {most} against {middle}");
        }
    }

    #[test]
    fn points_lie_near_the_province() {
        let mut random = Random::new(1, 1);
        for _ in 0..1000 {
            let point = point(&mut random).unwrap();
            assert!((20.9..=21.7).contains(&point.latitude()), "{point}");
            assert!((104.8..=105.6).contains(&point.longitude()), "{point}");
        }
    }
}
