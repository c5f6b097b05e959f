//! Localities through time: what became of what, and in whose feeds a story is then. The numbers are those of the statistics
//! office's own table of conversion (`src/gazetteer/data/README.md`).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use loa::domain::place::{Level, Place};
use loa::gazetteer::{Gazetteer, Tables, Unit, extend};

/// The seed's day.
const SEED: &str = "2022-03-18";
/// The first day without districts.
const REFORM: &str = "2025-07-01";
const TODAY: &str = "2026-11-23";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn unit<'a>(gazetteer: &'a Gazetteer, code: &str, on: &str) -> &'a Unit {
    gazetteer.at(code.parse().unwrap(), day(on)).unwrap_or_else(|| panic!("{code} on {on}"))
}

/// The feeds of a story that is located in the unit of this code on that day, by their addresses.
fn feeds<'a>(gazetteer: &'a Gazetteer, code: &str, on: &str) -> BTreeSet<&'a str> {
    let places = gazetteer.feeds_of(unit(gazetteer, code, on), day(on));
    places.into_iter().map(|place| gazetteer.path_of(place).unwrap()).collect()
}

fn place(gazetteer: &Gazetteer, path: &str) -> Place {
    gazetteer.by_path(path).unwrap_or_else(|| panic!("{path}"))
}

/// Where an address leads now.
fn leads_to<'a>(gazetteer: &'a Gazetteer, path: &str) -> &'a str {
    gazetteer.path_of(gazetteer.canonical(place(gazetteer, path))).unwrap()
}

/// The present units that a place became: shared ones with a `+`.
fn became(gazetteer: &Gazetteer, path: &str) -> BTreeSet<String> {
    let change = gazetteer.change_of(place(gazetteer, path)).unwrap_or_else(|| panic!("{path} is present"));
    let name = |place: Place| gazetteer.path_of(place).unwrap().split_once('/').unwrap().1;
    let told = |shared: bool| if shared { "+" } else { "" };
    change.successors.iter().map(|next| format!("{}{}", name(next.place), told(next.is_shared))).collect()
}

#[test]
fn a_story_is_in_the_feeds_of_then_and_since() {
    let gazetteer = Gazetteer::built_in();
    let check = |code: &str, on: &str, expect: &[&str]| {
        assert_eq!(feeds(&gazetteer, code, on), expect.iter().copied().collect(), "{code} on {on}");
    };
    let viet_tri = "phu-tho/thanh-pho-viet-tri";
    // The seed's: xã Hùng Lô went whole into phường Vân Phú, phường Minh Phương into phường Nông Trang.
    check("08287", SEED, &["phu-tho", viet_tri, "phu-tho/phuong-van-phu"]);
    check("07927", SEED, &["phu-tho", viet_tri, "phu-tho/phuong-nong-trang"]);
    // A story about a whole dissolved unit is not each successor's.
    check("227", SEED, &["phu-tho", viet_tri]);
    // And the other way round: the feed of the town lives on over what was made of it.
    for code in ["07918", "08515"] {
        assert!(feeds(&gazetteer, code, TODAY).contains(viet_tri), "{code}");
    }
    check("25", TODAY, &["phu-tho"]);
    // Hùng Lô was a commune of Phù Ninh until 2006: a story of that time is in its feed, one of today is not.
    check("08287", "2005-03-18", &["phu-tho", "phu-tho/huyen-phu-ninh", viet_tri, "phu-tho/phuong-van-phu"]);
    check("07918", TODAY, &["phu-tho", viet_tri, "phu-tho/phuong-van-phu"]);
    // The new province has the past of the three; a story about all of Vĩnh Phúc is a story of the new one's past.
    check("26", SEED, &["phu-tho", "vinh-phuc"]);
    // Codes are not identities: 04795 was phường Thịnh Lang, 08716 phường Đống Đa.
    // The town of Hòa Bình ended in 2006, when it became a city: its feed lives on, too.
    let (city, town) = ("hoa-binh/thanh-pho-hoa-binh", "hoa-binh/thi-xa-hoa-binh");
    check("04795", SEED, &["hoa-binh", city, town, "phu-tho", "phu-tho/phuong-hoa-binh"]);
    check("04795", TODAY, &["hoa-binh", city, town, "phu-tho", "phu-tho/phuong-hoa-binh"]);
    check(
        "08716",
        "2025-06-30",
        &[
            "phu-tho",
            "phu-tho/phuong-vinh-phuc",
            "vinh-phuc",
            "vinh-phuc/thanh-pho-vinh-yen",
            "vinh-phuc/thi-xa-vinh-yen",
        ],
    );
    // The same ground under another name.
    let hue = feeds(&gazetteer, "46", TODAY);
    assert_eq!(hue, BTreeSet::from(["hue", "thua-thien-hue"]));
    let change = gazetteer.change_of(place(&gazetteer, "thua-thien-hue")).unwrap();
    assert_eq!(gazetteer.path_of(change.successors[0].place), Some("hue"));
    // What stays as it is.
    check("08545", SEED, &["phu-tho", "phu-tho/huyen-tan-son", "phu-tho/xa-thu-cuc"]);
    check("08545", TODAY, &["phu-tho", "phu-tho/huyen-tan-son", "phu-tho/xa-thu-cuc"]);
    // Merged before the reform, then merged again.
    check("08044", "2019-03-18", &["phu-tho", "phu-tho/huyen-doan-hung", "phu-tho/xa-chan-mong"]);
    // Xã Tân Đức went over from Hà Tây to Việt Trì in 2008.
    assert_eq!(leads_to(&gazetteer, "ha-noi/quan-ba-dinh"), "ha-noi/quan-ba-dinh");
    assert!(became(&gazetteer, "ha-tay").contains("phuong-viet-tri+"));
}

#[test]
fn a_split_commune_is_in_each_successor_and_its_feed_lives_on() {
    let gazetteer = Gazetteer::built_in();
    let split = "hoa-binh/xa-vay-nua";
    let expect =
        ["hoa-binh", "hoa-binh/huyen-da-bac", split, "phu-tho", "phu-tho/phuong-thong-nhat", "phu-tho/xa-tien-phong"];
    assert_eq!(feeds(&gazetteer, "04891", SEED), BTreeSet::from(expect));
    assert_eq!(
        became(&gazetteer, split),
        BTreeSet::from(["phuong-thong-nhat+".to_owned(), "xa-tien-phong+".to_owned()])
    );
    assert_eq!(leads_to(&gazetteer, split), split);
    assert!(feeds(&gazetteer, "04828", TODAY).contains(split));
    let before = gazetteer.predecessors_of(place(&gazetteer, "phu-tho/xa-tien-phong"));
    let told: Vec<_> = before.iter().map(|found| (found.unit.full_name(), found.is_split)).collect();
    assert!(told.contains(&("Xã Vầy Nưa".to_owned(), true)), "{told:?}");
    assert_eq!(told.iter().filter(|(_, is_split)| *is_split).count(), 1, "{told:?}");
}

#[test]
fn a_commune_with_one_whole_successor_redirects() {
    let gazetteer = Gazetteer::built_in();
    let check = |path: &str, expect: &str| assert_eq!(leads_to(&gazetteer, path), expect, "{path}");
    check("phu-tho/xa-hung-lo", "phu-tho/phuong-van-phu");
    check("phu-tho/xa-van-phu", "phu-tho/phuong-van-phu");
    check("phu-tho/phuong-minh-phuong", "phu-tho/phuong-nong-trang");
    check("vinh-phuc/phuong-dong-da", "phu-tho/phuong-vinh-phuc");
    // Renamed by one tone.
    check("phu-tho/xa-van-ban", "phu-tho/xa-van-ban");
    // Merged in 2020, renamed or merged in 2025.
    check("phu-tho/xa-tan-duc", "phu-tho/phuong-viet-tri");
    // A district that had no communes became one.
    check("ba-ria-vung-tau/huyen-con-dao", "ho-chi-minh/dac-khu-con-dao");
    // Not: a district, a province, a town that is a unit of another level now.
    for path in ["phu-tho/thanh-pho-viet-tri", "vinh-phuc", "hoa-binh", "phu-tho/huyen-lam-thao", "phu-tho"] {
        check(path, path);
    }
}

#[test]
fn a_dissolved_unit_lives_on_over_its_own_ground() {
    let gazetteer = Gazetteer::built_in();
    let viet_tri = ["phuong-nong-trang", "phuong-thanh-mieu", "phuong-van-phu", "phuong-viet-tri", "xa-hy-cuong"];
    assert_eq!(became(&gazetteer, "phu-tho/thanh-pho-viet-tri"), viet_tri.map(str::to_owned).into());
    // The 148 units of the new province by the old ones; none is shared between them.
    let (vinh_phuc, hoa_binh) = (became(&gazetteer, "vinh-phuc"), became(&gazetteer, "hoa-binh"));
    assert_eq!((vinh_phuc.len(), hoa_binh.len()), (36, 46));
    assert!(vinh_phuc.is_disjoint(&hoa_binh));
    assert!(!vinh_phuc.iter().chain(&hoa_binh).any(|name| name.ends_with('+')));
    let of_vinh_phuc = gazetteer.all_at(day(TODAY)).filter(|unit| {
        let feeds = gazetteer.feeds_of(unit, day(TODAY));
        unit.level() == Level::Commune && feeds.contains(&place(&gazetteer, "vinh-phuc"))
    });
    assert_eq!(of_vinh_phuc.count(), 36, "the reader of Vĩnh Phúc does not get all of the new Phú Thọ");
    assert!(gazetteer.change_of(place(&gazetteer, "phu-tho")).is_none());
    assert!(gazetteer.change_of(place(&gazetteer, "phu-tho/xa-hung-lo")).is_none(), "it redirects");
}

/// All 696 districts against the official table of conversion.
#[test]
fn districts_became_what_the_official_table_says() {
    let gazetteer = Gazetteer::built_in();
    let districts = gazetteer.all_at(day("2025-06-30")).filter(|unit| unit.level() == Level::District);
    let (mut moved, mut living, mut pairs, mut shared) = (0, 0, 0, 0);
    for district in districts {
        match gazetteer.change_of(gazetteer.place_of(district)) {
            None => moved += 1,
            Some(change) => {
                assert_eq!(change.day, day(REFORM));
                living += 1;
                pairs += change.successors.len();
                shared += change.successors.iter().filter(|successor| successor.is_shared).count();
            }
        }
    }
    assert_eq!((moved, living), (5, 691), "five islands without communes");
    assert_eq!((pairs, shared), (3647, 628));
}

#[test]
fn the_rule_holds_for_every_unit_of_every_day() {
    let gazetteer = Gazetteer::built_in();
    let mut moved: BTreeMap<Place, Place> = BTreeMap::new();
    for place in gazetteer.places() {
        let to = gazetteer.canonical(place);
        assert_eq!(gazetteer.canonical(to), to, "{place}");
        if to != place {
            moved.insert(place, to);
            assert!(gazetteer.change_of(place).is_none(), "{place}: redirects and lives on");
        }
        for unit in gazetteer.units_of(place) {
            let on = unit.nearest_day(day(SEED));
            let feeds = gazetteer.feeds_of(unit, on);
            assert!(feeds.contains(&to), "{}: not in its own feed", gazetteer.describe(unit, on));
            for above in gazetteer.self_and_ancestors(unit, on) {
                let above = gazetteer.canonical(gazetteer.place_of(above));
                assert!(feeds.contains(&above), "{}: not in {above}", gazetteer.describe(unit, on));
            }
            assert!(
                feeds.iter().all(|place| gazetteer.canonical(*place) == *place),
                "{place}: in a feed that redirects"
            );
        }
    }
    let present = |place: &Place| gazetteer.units_of(*place).last().is_some_and(|unit| unit.until.is_none());
    let stranded = moved.values().filter(|to| !present(to)).count();
    // Merged before 2025 into what was split later, or merged again by a law that the table does not have.
    assert!(stranded * 100 < moved.len(), "{stranded} of {} lead to what is no more", moved.len());
    assert!(moved.len() > 9_000, "{}", moved.len());
}

/// What a present unit's feed holds, the feed of its province holds, too.
#[test]
fn feeds_are_rolled_up() {
    let gazetteer = Gazetteer::built_in();
    let province_of = |place: Place| {
        let unit = *gazetteer.units_of(place).last().unwrap();
        let present = unit.is_valid(day(TODAY)).then(|| gazetteer.self_and_ancestors(unit, day(TODAY)));
        present.map(|above| gazetteer.place_of(above.last().unwrap()))
    };
    for on in ["2010-01-01", SEED, "2025-06-30", TODAY] {
        for unit in gazetteer.all_at(day(on)) {
            let feeds = gazetteer.feeds_of(unit, day(on));
            for province in feeds.iter().filter_map(|place| province_of(*place)) {
                assert!(feeds.contains(&province), "{} on {on}: not in {province}", gazetteer.describe(unit, day(on)));
            }
        }
    }
}

/// A reform in 2027, known before it comes: only data, and nothing happens before its day.
#[test]
fn a_second_reform_needs_only_data() {
    let old = Tables::built_in();
    let ends = |text: String, code: &str| {
        let row = text.lines().rfind(|line| line.starts_with(code)).unwrap().to_owned();
        text.replace(&format!("{row}\n"), &format!("{row}2027-01-01\n"))
    };
    let units = ["07918", "08515", "07909"].into_iter().fold(old.units.to_owned(), ends);
    // Vân Phú and Hy Cương become phường Đền Hùng; Thanh Miếu is split between that and phường Sông Lô.
    let units = units + "99901,phường,Đền Hùng,25,2027-01-01,\n99902,phường,Sông Lô,25,2027-01-01,\n";
    let edge = |text: &str| format!("2027-01-01,{text}\n");
    let edges = ["07918,99901,whole,1", "08515,99901,whole,1", "07909,99901,part,", "07909,99902,part,g"].map(edge);
    let succession = old.succession.to_owned() + &edges.concat();
    let tables = Tables { units: &units, succession: &succession, ..old };
    let addresses = extend(&tables).unwrap();
    let newer = Gazetteer::parse(&Tables { addresses: &addresses, ..tables }).unwrap();

    let before = newer.as_of(day("2026-12-31"));
    assert_eq!(before.next_change(), Some(day("2027-01-01")));
    assert_ne!(before.digest(), Gazetteer::built_in().as_of(day(TODAY)).digest(), "another table");
    assert_eq!(leads_to(&before, "phu-tho/xa-hung-lo"), "phu-tho/phuong-van-phu");
    assert_eq!(leads_to(&before, "phu-tho/phuong-van-phu"), "phu-tho/phuong-van-phu");
    assert!(before.change_of(place(&before, "phu-tho/phuong-thanh-mieu")).is_none());
    let today = feeds(&Gazetteer::built_in(), "07909", TODAY).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(feeds(&before, "07909", TODAY).into_iter().collect::<Vec<_>>(), today);

    let after = newer.as_of(day("2027-01-01"));
    assert_eq!(after.next_change(), None);
    assert_ne!(after.digest(), before.digest());
    for path in ["phu-tho/xa-hung-lo", "phu-tho/phuong-van-phu", "phu-tho/xa-hy-cuong"] {
        assert_eq!(leads_to(&after, path), "phu-tho/phuong-den-hung", "{path}");
    }
    // A story of 2022 follows twice; the feed of the town goes on over the units of 2027.
    let expect = ["phu-tho", "phu-tho/phuong-den-hung", "phu-tho/thanh-pho-viet-tri"];
    assert_eq!(feeds(&after, "08287", SEED), BTreeSet::from(expect));
    let now = ["phuong-den-hung", "phuong-nong-trang", "phuong-song-lo", "phuong-viet-tri"];
    assert_eq!(became(&after, "phu-tho/thanh-pho-viet-tri"), now.map(str::to_owned).into());
    let split = BTreeSet::from(["phuong-den-hung+".to_owned(), "phuong-song-lo".to_owned()]);
    assert_eq!(became(&after, "phu-tho/phuong-thanh-mieu"), split);
    let told = feeds(&after, "99902", "2027-02-01");
    assert!(told.contains("phu-tho/phuong-thanh-mieu") && told.contains("phu-tho/thanh-pho-viet-tri"), "{told:?}");
}
