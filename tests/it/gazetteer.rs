//! The administrative units as a whole: what the tables hold, what their texts resolve to, and that addresses stay. The
//! numbers and traps are those of the official lists (`src/gazetteer/data/README.md`).

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use loa::domain::place::{Level, Place, UnitCode};
use loa::gazetteer::{Gazetteer, Kind, Tables, Unit, Unresolved, extend};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

/// The seed's day.
const SEED: &str = "2022-03-18";
/// The last day of the districts, and the first one without.
const BEFORE: &str = "2025-06-30";
const AFTER: &str = "2025-07-01";

/// Two wards of one name in one city for a month: the statistics office struck the one out late. Only the code tells
/// them apart.
const TWICE: [&str; 2] = ["02638", "02641"];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn code(text: &str) -> UnitCode {
    text.parse().unwrap()
}

fn at(code: &str, day: &str) -> String {
    let gazetteer = Gazetteer::built_in();
    gazetteer.at(code.parse().unwrap(), day.parse().unwrap()).map(Unit::full_name).unwrap_or_default()
}

/// Every row of the table of units.
fn every_unit(gazetteer: &Gazetteer) -> impl Iterator<Item = &Unit> {
    gazetteer.places().flat_map(|place| gazetteer.units_of(place))
}

fn path_of(code: &str, day: &str) -> String {
    let gazetteer = Gazetteer::built_in();
    let unit = gazetteer.at(code.parse().unwrap(), day.parse().unwrap()).unwrap();
    gazetteer.path_of(gazetteer.place_of(unit)).unwrap().to_owned()
}

/// The name of a unit with those of what it is a part of, as an official letter would write it.
fn own_text(gazetteer: &Gazetteer, unit: &Unit, day: NaiveDate) -> String {
    let names = gazetteer.self_and_ancestors(unit, day).into_iter().map(Unit::full_name);
    names.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_tables_are_read() {
    let gazetteer = Gazetteer::parse(&Tables::built_in()).unwrap();
    assert_eq!(every_unit(&gazetteer).count(), 17_457);
    assert_eq!(gazetteer.digest(), Gazetteer::built_in().digest());
    assert_eq!(gazetteer.digest().split_once('-').map(|(hash, last)| (hash.len(), last)), Some((16, "2026-04-30")));
}

#[test]
fn the_numbers_of_units_are_those_of_the_official_lists() {
    let gazetteer = Gazetteer::built_in();
    let count = |on: &str, rule: &dyn Fn(&Unit) -> bool| gazetteer.all_at(day(on)).filter(|unit| rule(unit)).count();
    let check = |on: &str, expect: [usize; 3]| {
        let levels = [Level::Province, Level::District, Level::Commune];
        assert_eq!(levels.map(|level| count(on, &|unit| unit.level() == level)), expect, "{on}");
    };
    check(SEED, [63, 705, 10_599]);
    check(BEFORE, [63, 696, 10_035]);
    check(AFTER, [34, 0, 3_321]);
    check("2026-11-01", [34, 0, 3_321]);
    assert_eq!(count("2019-12-31", &|unit| unit.level() == Level::Province), 63);
    let kinds = [Kind::Xa, Kind::Phuong, Kind::DacKhu];
    assert_eq!(kinds.map(|kind| count(AFTER, &|unit| unit.kind == kind)), [2_621, 687, 13]);
}

#[test]
fn the_numbers_of_phu_tho_are_those_of_the_official_lists() {
    let gazetteer = Gazetteer::built_in();
    let communes = |province: &str, on: &str| -> usize {
        let districts = gazetteer.children(code(province), day(on));
        districts.iter().map(|unit| gazetteer.children(unit.code, day(on)).len()).sum()
    };
    let check = |on: &str, expect: [usize; 3]| {
        assert_eq!(["25", "26", "17"].map(|province| communes(province, on)), expect, "{on}");
    };
    check("2019-12-31", [277, 137, 210]);
    check(SEED, [225, 136, 151]);
    check(BEFORE, [207, 121, 151]);
    let new = gazetteer.children(code("25"), day(AFTER));
    let of_kind = |kind| new.iter().filter(|unit| unit.kind == kind).count();
    assert_eq!((new.len(), of_kind(Kind::Xa), of_kind(Kind::Phuong)), (148, 133, 15));
    assert_eq!(gazetteer.children(code("227"), day(SEED)).len(), 22);
    assert_eq!(gazetteer.children(code("227"), day(BEFORE)).len(), 20);
}

#[test]
fn every_unit_has_its_parent_for_all_of_its_life() {
    let gazetteer = Gazetteer::built_in();
    for unit in every_unit(&gazetteer) {
        let (first, last) = (unit.nearest_day(NaiveDate::MIN), unit.last_day());
        let Some(parent) = unit.parent else { continue };
        // A gap in the parent's life begins where one of its periods ends.
        let ends = gazetteer.periods(parent).into_iter().filter_map(|period| period.until);
        for day in ends.filter(|day| (first..=last).contains(day)).chain([first, last]) {
            let above = gazetteer.at(parent, day);
            assert!(above.is_some_and(|above| above.level() < unit.level()), "{} on {day}", unit.full_name());
        }
    }
}

#[test]
fn every_unit_resolves_by_its_own_name_and_parents() {
    let gazetteer = Gazetteer::built_in();
    for unit in every_unit(&gazetteer).filter(|unit| !TWICE.contains(&&*unit.code.to_string())) {
        let (first, last) = (unit.nearest_day(NaiveDate::MIN), unit.nearest_day(NaiveDate::MAX));
        let text = own_text(&gazetteer, unit, last);
        let decomposed: String = text.nfd().collect();
        let other_tones = Some(as_school_books(&text)).filter(|other| *other != text);
        let texts = [(own_text(&gazetteer, unit, first), first), (decomposed, last)];
        for (text, day) in texts.into_iter().chain(other_tones.map(|text| (text, last))) {
            assert_eq!(gazetteer.resolve(&text, day, &[]), Ok(unit), "{text} on {day}");
        }
    }
}

/// `hoà` for `hòa`: the other place of the tone.
fn as_school_books(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for at in 1..chars.len() {
        let (toned, plain): (Vec<char>, char) = (chars[at - 1].nfd().collect(), chars[at]);
        let [first, tone @ ('\u{300}' | '\u{301}' | '\u{303}' | '\u{309}' | '\u{323}')] = *toned else { continue };
        let is_pair = matches!((first.to_ascii_lowercase(), plain), ('o', 'a' | 'e') | ('u', 'y'));
        if is_pair && chars.get(at + 1).is_none_or(|next| !next.is_alphabetic()) {
            chars[at - 1] = first;
            chars[at] = [plain, tone].into_iter().nfc().next().unwrap();
        }
    }
    chars.into_iter().collect()
}

#[test]
fn the_other_place_of_tones_is_really_tried() {
    assert_eq!(as_school_books("Xã Hòa Bình, Huyện Thanh Thủy, Quý Hòa"), "Xã Hoà Bình, Huyện Thanh Thuỷ, Quý Hoà");
    let gazetteer = Gazetteer::built_in();
    let moved = |unit: &&Unit| as_school_books(&unit.full_name()) != unit.full_name();
    assert!(every_unit(&gazetteer).filter(moved).count() > 842, "191 new and 651 old communes have a variant");
}

#[test]
fn what_only_the_code_tells_apart_is_reported() {
    let gazetteer = Gazetteer::built_in();
    let on = day("2020-02-15");
    let error = gazetteer.resolve("Phường Lào Cai, Thành phố Lào Cai, Tỉnh Lào Cai", on, &[]).unwrap_err();
    let Unresolved::Ambiguous { candidates, .. } = error else { panic!("{error}") };
    assert_eq!(candidates.first, TWICE.map(|code| format!("Phường Lào Cai, Thành phố Lào Cai, Tỉnh Lào Cai ({code})")));
}

#[test]
fn the_places_of_the_seed_are_those_of_its_day() {
    let gazetteer = Gazetteer::built_in();
    let upwards = |text: &str| {
        let unit = gazetteer.resolve(text, day(SEED), &[]).unwrap();
        own_text(&gazetteer, unit, day(SEED))
    };
    assert_eq!(upwards("08287"), "Xã Hùng Lô, Thành phố Việt Trì, Tỉnh Phú Thọ");
    assert_eq!(upwards("07927"), "Phường Minh Phương, Thành phố Việt Trì, Tỉnh Phú Thọ");
    assert_eq!(upwards("227"), "Thành phố Việt Trì, Tỉnh Phú Thọ");
    assert_eq!(upwards("25"), "Tỉnh Phú Thọ");
    let codes = |text: &str| -> Vec<String> {
        let unit = gazetteer.resolve(text, day(SEED), &[]).unwrap();
        gazetteer.self_and_ancestors(unit, day(SEED)).iter().map(|unit| unit.code.to_string()).collect()
    };
    assert_eq!(codes("08287"), ["08287", "227", "25"]);
}

#[test]
fn codes_are_not_identities() {
    assert_eq!((at("04795", SEED), at("04795", AFTER)), ("Phường Thịnh Lang".into(), "Phường Hòa Bình".into()));
    assert_eq!((at("08716", SEED), at("08716", AFTER)), ("Phường Đống Đa".into(), "Phường Vĩnh Phúc".into()));
    assert_eq!((at("07918", "2010-05-05"), at("07918", "2010-05-06")), ("Xã Vân Phú".into(), "Phường Vân Phú".into()));
    assert_eq!(at("227", AFTER), "");
    let gazetteer = Gazetteer::built_in();
    let old: HashMap<_, _> = gazetteer.all_at(day(BEFORE)).map(|unit| (unit.code, unit.full_name())).collect();
    let new: Vec<_> = gazetteer.all_at(day(AFTER)).filter(|unit| unit.level() == Level::Commune).collect();
    assert_eq!(new.iter().filter(|unit| gazetteer.periods(unit.code).len() > 1).count(), 3_316);
    assert_eq!(new.iter().filter(|unit| old.get(&unit.code) == Some(&unit.full_name())).count(), 1_183);
}

/// Resolves a text in a newspaper of the three provinces that are Phú Thọ now: the code, or the variant and what it
/// lists.
fn resolved(text: &str, on: &str) -> String {
    let home = ["25", "26", "17"].map(code);
    match Gazetteer::built_in().resolve(text, day(on), &home) {
        Ok(unit) => unit.code.to_string(),
        Err(Unresolved::Unknown { .. }) => "unknown".to_owned(),
        Err(Unresolved::NotThen { was, .. }) => format!("not then: {was}"),
        Err(Unresolved::Ambiguous { candidates, .. }) => format!("ambiguous: {candidates}"),
    }
}

#[test]
fn texts_of_newsrooms_resolve() {
    let check = |text: &str, on: &str, expect: &str| assert_eq!(resolved(text, on), expect, "{text} on {on}");
    // As the seed writes them.
    for text in
        ["xã Hùng Lô", "Hùng Lô", "X. Hùng Lô", "XÃ HÙNG LÔ", "xã Hùng Lô (TP Việt Trì, Phú Thọ)", " xã  Hùng Lô. "]
    {
        check(text, SEED, "08287");
    }
    for text in [
        "Xã Hùng Lô - TP. Việt Trì - Tỉnh Phú Thọ",
        "xã Hùng Lô, T. Phú Thọ",
        "Hùng Lô, Việt Trì",
        "xã Hùng Lô – Phú Thọ",
    ] {
        check(text, SEED, "08287");
    }
    for text in ["thành phố Việt Trì", "TP Việt Trì", "T.P Việt Trì", "Tp.Việt Trì", "Việt Trì"] {
        check(text, SEED, "227");
    }
    check("P.Nông Trang", SEED, "07894");
    check("TX Phú Thọ", SEED, "228");
    check("H. Lâm Thao", SEED, "237");
    check("tỉnh Phú Thọ", SEED, "25");
    check("Phú Thọ", SEED, "ambiguous: Tỉnh Phú Thọ (25); Thị xã Phú Thọ, Tỉnh Phú Thọ (228)");
    // Spelling.
    check("H. Thanh Thuỷ", SEED, "239");
    check("huyện Thanh Thu\u{309}y", SEED, "239");
    check("TP Hoà Bình", SEED, "148");
    check("\u{d0}ống \u{d0}a, Vĩnh Yên", SEED, "08716");
    check("TP Đà Lạt", SEED, "672");
    check("TP \u{d0}à Lạt, Lâm \u{d0}ồng", SEED, "672");
    check("phường B’Lao", SEED, "24826");
    check("xã Ea H' Leo", SEED, "24184");
    check("Tỉnh Bà Rịa-Vũng Tàu", SEED, "77");
    check("TP Vũng Tàu - Bà Rịa – Vũng Tàu", SEED, "747");
    check("TP Phan Rang - Tháp Chàm", SEED, "582");
    check("phường Xuân Hương – Đà Lạt, Lâm Đồng", AFTER, "24781");
    check("Thừa Thiên - Huế", SEED, "46");
    check("P1, Q.10, TP.HCM", SEED, "27184");
    check("Phường 01, Quận 10, TPHCM", SEED, "27184");
    check("TP Qui Nhơn", SEED, "540");
    check("xã Tu Lý, Đà Bắc", SEED, "04867");
    check("Phường Phường Đúc, TP Huế", SEED, "19780");
    check("Phường Đúc, TP Huế", SEED, "19780");
    // Tones are exact.
    check("xã Lam Sơn, Tam Nông", SEED, "08461");
    check("xã Lâm Sơn", SEED, "04942");
    check("xã Hung Lo", SEED, "unknown");
    // Not of that day.
    check("xã Minh Phương", SEED, "not then: Xã Minh Phương, Thành phố Việt Trì, Tỉnh Phú Thọ (07927) to 2010-05-05");
    check(
        "xã Hùng Lô",
        AFTER,
        "not then: Xã Hùng Lô, Huyện Phù Ninh, Tỉnh Phú Thọ (08287) to 2006-11-24; \
         Xã Hùng Lô, Thành phố Việt Trì, Tỉnh Phú Thọ (08287) from 2006-11-25 to 2025-06-30",
    );
    check("227", AFTER, "not then: Thành phố Việt Trì, Tỉnh Phú Thọ (227) to 2025-06-30");
    check("xã Hùng Lô, huyện Lâm Thao", SEED, "unknown");
    check("99999", SEED, "unknown");
    check("", SEED, "unknown");
    check(" , ()", SEED, "unknown");
    check("xã", SEED, "unknown");
}

#[test]
fn homonyms_are_never_guessed() {
    let ambiguous = |text: &str, on: &str| {
        let error = Gazetteer::built_in().resolve(text, day(on), &[]).unwrap_err();
        let Unresolved::Ambiguous { candidates, .. } = error else { panic!("{text}: {error}") };
        candidates.count
    };
    assert_eq!(ambiguous("Phường 1", BEFORE), 33);
    assert_eq!(ambiguous("Xã Tân Thành", BEFORE), 27);
    assert_eq!(ambiguous("Xã Tân Lập", BEFORE), 22);
    assert_eq!(ambiguous("phường Hòa Bình", AFTER), 3);
    // At home a name is enough if it is the only one there, whoever has it elsewhere.
    assert!(resolved("xã Tân Lập", SEED).starts_with("ambiguous: Xã Tân Lập, Huyện "));
    assert_eq!(resolved("xã Tân Lập", SEED).matches("; ").count(), 2);
    assert_eq!(resolved("phường Hòa Bình", AFTER), "04795");
    assert_eq!(resolved("phường Phú Thọ", AFTER), "07942");
    // So are name and district, where two districts share their names as well.
    let of_dong_thap = |home: &[UnitCode]| {
        let found = Gazetteer::built_in();
        found.resolve("xã An Khánh, huyện Châu Thành", day(SEED), home).map(|unit| unit.code.to_string()).ok()
    };
    assert_eq!((of_dong_thap(&[]), of_dong_thap(&[code("87")])), (None, Some("30271".to_owned())));
    // Elsewhere it is, where home has none.
    assert_eq!(resolved("quận Hoàn Kiếm", SEED), "002");
}

#[test]
fn in_new_phu_tho_a_bare_name_is_enough_but_for_those_of_the_province() {
    let gazetteer = Gazetteer::built_in();
    for unit in gazetteer.children(code("25"), day(AFTER)) {
        let found = gazetteer.resolve(&unit.name, day(AFTER), &[code("25")]);
        let expect_one = &*unit.name != "Phú Thọ";
        assert_eq!(found == Ok(unit), expect_one, "{}", unit.name);
    }
}

/// A province keeps its bare name: whatever else is called so needs its kind or a parent, at home, too.
#[test]
fn a_bare_name_of_a_province_is_nothing_else() {
    let gazetteer = Gazetteer::built_in();
    let others = ["Bắc Cạn", "Thừa Thiên - Huế", "Đăk Lăk", "Đắc Lắc", "Đăk Nông", "Đắc Nông", "HCM", "TPHCM"];
    for day in [SEED, "2024-06-01", "2025-08-01", "2026-11-01"].map(day) {
        let provinces: Vec<_> = gazetteer.all_at(day).filter(|unit| unit.level() == Level::Province).collect();
        let is_then = |text: &&str| gazetteer.meanings(text, day).iter().any(|unit| provinces.contains(unit));
        let texts: Vec<_> =
            provinces.iter().map(|unit| &*unit.name).chain(others.into_iter().filter(is_then)).collect();
        for (home, text) in provinces.iter().flat_map(|home| texts.iter().map(move |text| (home, text))) {
            match gazetteer.resolve(text, day, &[home.code]) {
                Ok(unit) => assert_eq!(unit.level(), Level::Province, "{text} on {day}, home {}", home.name),
                Err(Unresolved::Ambiguous { candidates, .. }) => {
                    assert!(candidates.first[0].split(", ").count() == 1, "{text} on {day}: no province, {candidates}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn home_comes_first_but_not_before_provinces_and_official_names() {
    let gazetteer = Gazetteer::built_in();
    let check = |text: &str, home: &str, on: &str, expect: &str| {
        let found = match gazetteer.resolve(text, day(on), &[code(home)]) {
            Ok(unit) => unit.code.to_string(),
            Err(Unresolved::Ambiguous { candidates, .. }) => candidates.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expect, "{text} on {on}, home {home}");
    };
    // Hà Nội and a province's name.
    let (hanoi, then) = ("01", "2024-06-01");
    check("Vĩnh Phúc", hanoi, then, "Tỉnh Vĩnh Phúc (26); Phường Vĩnh Phúc, Quận Ba Đình, Thành phố Hà Nội (00006)");
    check("Hòa Bình", hanoi, then, "Tỉnh Hòa Bình (17); Xã Hòa Bình, Huyện Thường Tín, Thành phố Hà Nội (10198)");
    check("xã Hòa Bình", hanoi, then, "10198");
    check("Hòa Bình, Thường Tín", hanoi, then, "10198");
    check("tỉnh Hòa Bình", hanoi, then, "17");
    check("P. Vĩnh Phúc", hanoi, then, "00006");
    // The province is home itself, with or without another unit of its name.
    check("Vĩnh Phúc", "26", then, "26");
    check("Phú Thọ", "25", then, "Tỉnh Phú Thọ (25); Thị xã Phú Thọ, Tỉnh Phú Thọ (228)");
    check("Phú Thọ", "25", AFTER, "Tỉnh Phú Thọ (25); Phường Phú Thọ, Tỉnh Phú Thọ (07942)");
    // No province any more, and a ward at home.
    check("Vĩnh Phúc", "25", AFTER, "08716");
    // A district and a commune of one name, both at home.
    let both = "Huyện Lâm Thao, Tỉnh Phú Thọ (237); Thị trấn Lâm Thao, Huyện Lâm Thao, Tỉnh Phú Thọ (08494)";
    check("Lâm Thao", "25", SEED, both);
    // Another spelling at home is less than an official name anywhere.
    let many = "Tỉnh Hưng Yên (33); Thành phố Hưng Yên, Tỉnh Hưng Yên (323); Xã Hưng Yên, Huyện An Biên, Tỉnh Kiên Giang \
                (30997)";
    check("Hưng Yên", "40", SEED, many);
    check("Đăk Nông", "01", SEED, "Tỉnh Đắk Nông (67); Xã Đăk Nông, Huyện Ngọc Hồi, Tỉnh Kon Tum (23386)");
    check("xã Đăk Nông", "01", SEED, "23386");
    check("xã Hưng Yên", "40", SEED, "30997");
    check("xã Hưng Yên, Hưng Nguyên", "40", SEED, "18007");
    check("Tu Lý", "17", SEED, "04867");
}

/// What somebody may put into the wrong column. Of none is more read than 200 characters, a name and three parents, and
/// none is looked for among all names, so that a megabyte costs no more than a line.
#[test]
fn hostile_texts_name_nothing() {
    let gazetteer = Gazetteer::built_in();
    let long = ["a", "a,", "a-", "-", ",", " ", "\0", "\u{301}", "oà", "xã ", "Phú Thọ, ", "10"];
    let long = long.map(|part| part.repeat(1_000_000 / part.len()));
    let short = ["", ".", "xã", "thành phố", "\0", "(((", "\u{301}\u{323}", "Hùng Lô,,,,--,Phú Thọ,Phú Thọ,Phú Thọ"];
    let just_short_enough = ["a-", "a,", "\u{301}", "Phú Thọ, "].map(|part| part.chars().cycle().take(200).collect());
    let texts: Vec<String> = short.map(str::to_owned).into_iter().chain(just_short_enough).chain(long).collect();
    let located = gazetteer.locate(texts.iter().map(String::as_str), day(SEED), &[code("25")]);
    assert!(located.units.is_empty());
    assert!(gazetteer.units_named(texts.iter().map(String::as_str), day(SEED), &[]).is_empty());
    for (text, why) in texts.iter().zip(located.unresolved) {
        let Unresolved::Unknown { text: shown, near } = why else { panic!("{why}") };
        assert!(shown.chars().count() <= 200 && near.count == 0, "{shown}");
        assert_eq!(shown == *text, text.chars().count() <= 200, "{shown}");
        assert!(gazetteer.meanings(text, day(SEED)).is_empty());
    }
}

#[test]
fn the_units_of_an_article_are_told_once_and_with_few_others() {
    let gazetteer = Gazetteer::built_in();
    let texts = ["xã Hùng Lô", "phường 1", "Việt Trì", "08287", "xã Hung Lô", "xã Minh Phương"];
    let located = gazetteer.locate(texts, day(SEED), &[]);
    assert_eq!(located.units.iter().map(|unit| unit.code.to_string()).collect::<Vec<_>>(), ["08287", "227"]);
    assert_eq!(located.units, gazetteer.units_named(texts, day(SEED), &[]));
    let [Unresolved::Ambiguous { candidates, .. }, Unresolved::Unknown { near, .. }, Unresolved::NotThen { was, .. }] =
        &*located.unresolved
    else {
        panic!("{:?}", located.unresolved)
    };
    assert_eq!((candidates.count, candidates.first.len(), near.count, was.count), (34, 5, 0, 1));
}

/// Districts of one name in several provinces: their communes need the province, too.
#[test]
fn some_communes_need_more_than_their_district() {
    let gazetteer = Gazetteer::built_in();
    let needs_more = |on: &str| {
        let with_parent = |unit: &Unit| -> String {
            own_text(&gazetteer, unit, day(on)).split(", ").take(2).collect::<Vec<_>>().join(", ")
        };
        gazetteer.all_at(day(on)).filter(|unit| gazetteer.resolve(&with_parent(unit), day(on), &[]) != Ok(unit)).count()
    };
    assert_eq!(needs_more(SEED), 20);
    assert_eq!(needs_more(AFTER), 0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the one switch of the tests")]
fn the_table_of_addresses_is_that_of_the_units() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gazetteer/data/addresses.csv");
    let present = std::fs::read_to_string(file).unwrap();
    let grown = extend(&Tables { addresses: &present, ..Tables::built_in() }).unwrap();
    if std::env::var("LOA_UPDATE_EXPECTED").is_ok_and(|value| value == "1") {
        std::fs::write(file, &grown).unwrap();
    } else {
        assert!(grown == present, "places without an address: run once with LOA_UPDATE_EXPECTED=1");
    }
}

#[test]
fn every_place_has_an_address_of_its_own() {
    let gazetteer = Gazetteer::built_in();
    let places: Vec<Place> = gazetteer.places().collect();
    let mut paths = HashSet::new();
    for place in &places {
        let path = gazetteer.path_of(*place).unwrap();
        assert!(paths.insert(path), "{path} twice");
        assert_eq!(gazetteer.by_path(path), Some(*place));
        assert!(path.split('/').all(loa::text::slug::is_usable), "{path}");
        assert_eq!(path.split('/').count(), if place.code.level() == Level::Province { 1 } else { 2 }, "{path}");
    }
    assert_eq!(places.len(), places.iter().collect::<HashSet<_>>().len());
    assert_eq!(gazetteer.by_path("phu-tho/xa-khong-co"), None);
    assert_eq!(gazetteer.path_of("99999".parse().unwrap()), None);
}

#[test]
fn the_periods_of_a_place_follow_one_another() {
    let gazetteer = Gazetteer::built_in();
    let mut rows = 0;
    for place in gazetteer.places() {
        let units = gazetteer.units_of(place);
        rows += units.len();
        assert_eq!((units[0].code, units[0].from), (place.code, place.since));
        for pair in units.windows(2) {
            assert!(pair[0].until.is_some() && pair[0].until <= pair[1].from, "{place}");
            let same = if place.code.level() == Level::Province {
                pair[0].name == pair[1].name
            } else {
                pair[0].full_name() == pair[1].full_name()
            };
            assert!(same, "{place}");
        }
        assert!(units.iter().all(|unit| gazetteer.place_of(unit) == place));
    }
    assert_eq!(rows, 17_457);
    assert!(gazetteer.units_of("25@2025-07-01".parse().unwrap()).is_empty(), "not the first period of its place");
}

/// Two communes of one name become one of that name: which of them does it continue?
#[test]
fn the_same_code_continues_a_place_then_the_main_successor_then_the_lowest_code() {
    let check = |new: &str, edges: [&str; 2], expect: &str| {
        let units = format!(
            "code,kind,name,parent,from,until\n25,tỉnh,Phú Thọ,,,\n00001,xã,Ao,25,,2025-07-01\n\
             00002,xã,Ao,25,,2025-07-01\n{new},xã,Ao,25,2025-07-01,\n"
        );
        let edge = |(old, main): (&str, &str)| format!("2025-07-01,{old},{new},whole,{main}\n");
        let edges: String = ["00001", "00002"].into_iter().zip(edges).map(edge).collect();
        let succession = format!("date,old,new,extent,main\n{edges}");
        let tables = Tables { units: &units, succession: &succession, aliases: "h\n", addresses: "code,from,path\n" };
        let addresses = extend(&tables).unwrap();
        let gazetteer = Gazetteer::parse(&Tables { addresses: &addresses, ..tables }).unwrap();
        let place = gazetteer.by_path("phu-tho/xa-ao").unwrap();
        assert_eq!(place.to_string(), expect, "{new} {succession}");
        assert_eq!(gazetteer.place_of(gazetteer.at(code(new), day(AFTER)).unwrap()), place);
        assert_eq!(gazetteer.places().count(), 3, "the other one ends");
    };
    check("00001", ["", "1"], "00001");
    check("00003", ["", "1"], "00002");
    check("00003", ["", "g"], "00001");
    check("00003", ["1", "1"], "00001");
}

#[test]
fn addresses_are_as_the_design_has_them() {
    let check = |code: &str, on: &str, expect: &str| assert_eq!(path_of(code, on), expect, "{code} on {on}");
    check("25", SEED, "phu-tho");
    check("25", AFTER, "phu-tho");
    check("227", SEED, "phu-tho/thanh-pho-viet-tri");
    check("08287", "2004-01-01", "phu-tho/xa-hung-lo");
    check("08287", SEED, "phu-tho/xa-hung-lo");
    check("07918", "2010-05-05", "phu-tho/xa-van-phu");
    check("07918", SEED, "phu-tho/phuong-van-phu");
    check("07918", AFTER, "phu-tho/phuong-van-phu");
    // Kinds do not matter in a province's address, and codes do not matter at all.
    check("75", SEED, "dong-nai");
    check("75", "2026-11-01", "dong-nai");
    check("10", SEED, "lao-cai");
    check("15", AFTER, "lao-cai");
    check("15", SEED, "yen-bai");
    // A province that got another name is another place.
    check("46", SEED, "thua-thien-hue");
    check("46", AFTER, "hue");
    // Under the province of that time.
    check("08716", BEFORE, "vinh-phuc/phuong-dong-da");
    check("08716", AFTER, "phu-tho/phuong-vinh-phuc");
    // Two of one slug: the present one has the plain address.
    check("26941", SEED, "ho-chi-minh/phuong-2");
    check("27367", SEED, "ho-chi-minh/phuong-2-27367");
    // Lost by the list for a month.
    check("21541", "2020-01-31", "quang-ngai/xa-an-vinh");
    check("21541", "2020-03-01", "quang-ngai/xa-an-vinh");
}

/// A reform in 2027: two communes become one that keeps a name, one is renamed, and one gets a name that another had.
#[test]
fn a_newer_table_adds_addresses_and_changes_none() {
    let old = Tables::built_in();
    let (reform, mut ended, mut next) = ("2027-01-01", Vec::new(), Vec::new());
    let mut becomes = |row: &str, name: Option<(&str, &str)>| {
        let present = old.units.lines().find(|line| *line == row).unwrap_or_else(|| panic!("no row {row}"));
        ended.push((present, format!("{present}{reform}")));
        let fields: Vec<&str> = present.split(',').collect();
        if let Some((kind, name)) = name {
            next.push(format!("{},{kind},{name},{},{reform},", fields[0], fields[3]));
        }
    };
    let current = |code: &str| {
        let row = old.units.lines().rfind(|line| line.starts_with(code));
        row.unwrap_or_else(|| panic!("no unit {code}")).to_owned()
    };
    let (van_phu, hy_cuong, thanh_mieu) = (current("07918"), current("08290"), current("07909"));
    // Merged under one of the two names, renamed to what was a commune of old, and a homonym of the slug alone.
    becomes(&van_phu, Some(("phường", "Vân Phú")));
    becomes(&hy_cuong, None);
    becomes(&thanh_mieu, Some(("phường", "Minh Phương")));
    let units: Vec<&str> = old.units.lines().collect();
    let units: Vec<&str> = units
        .into_iter()
        .map(|line| ended.iter().find(|(row, _)| *row == line).map_or(line, |(_, ended)| ended.as_str()))
        .collect();
    let units = units.join("\n") + "\n" + &next.join("\n") + "\n" + "99901,phường,Văn Phú,25,2027-01-01,\n";
    let succession = format!("{}{reform},08290,07918,whole,1\n", old.succession);
    let newer = Tables { units: &units, succession: &succession, ..old };

    assert!(Gazetteer::parse(&newer).is_err(), "new places have no address yet");
    let addresses = extend(&newer).unwrap();
    let known: HashSet<&str> = addresses.lines().collect();
    assert!(old.addresses.lines().all(|line| known.contains(line)), "an address has moved");
    let expect = ["99901,2027-01-01,phu-tho/phuong-van-phu-99901", "07909,2027-01-01,phu-tho/phuong-minh-phuong-07909"];
    let added: HashSet<&str> = known.difference(&old.addresses.lines().collect()).copied().collect();
    assert_eq!(added, HashSet::from(expect));

    let newer = Gazetteer::parse(&Tables { addresses: &addresses, ..newer }).unwrap();
    assert_ne!(newer.digest(), Gazetteer::built_in().digest());
    let place = newer.by_path("phu-tho/phuong-van-phu").unwrap();
    assert_eq!(newer.units_of(place).len(), 3);
    assert_eq!(
        extend(&Tables { addresses: &addresses, units: &units, succession: &succession, ..old }).unwrap(),
        addresses
    );
}

#[test]
fn tables_that_cannot_be_read_are_named() {
    let error = |change: &dyn Fn(&mut Tables<'_>)| {
        let mut tables = Tables {
            units: "code,kind,name,parent,from,until\n25,tỉnh,Phú Thọ,,,\n00001,xã,Ao,25,,\n",
            succession: "date,old,new,extent,main\n",
            aliases: "code,name,alias\n",
            addresses: "code,from,path\n25,,phu-tho\n00001,,phu-tho/xa-ao\n",
        };
        assert!(Gazetteer::parse(&tables).is_ok());
        change(&mut tables);
        Gazetteer::parse(&tables).unwrap_err().to_string()
    };
    let check = |found: String, expect: &str| assert_eq!(found, expect);
    check(
        error(&|t| t.units = "h\n25,tỉnh,Phú Thọ\n"),
        "units, line 2: `25,tỉnh,Phú Thọ` has too few or too many fields",
    );
    check(error(&|t| t.units = "h\n25,bang,Phú Thọ,,,\n"), "units, line 2: `25,bang,Phú Thọ,,,` has no known kind");
    check(
        error(&|t| t.units = "h\n00001,xã,Ao,25,,\n"),
        "units, 00001 from the beginning: its parent or its province does not hold on its last day",
    );
    let twice = "h\n25,tỉnh,Phú Thọ,,,2025-07-01\n25,tỉnh,Phú Thọ,,2025-06-30,\n";
    check(error(&|t| t.units = twice), "units, 25: a period does not end before the next one begins");
    let backwards = "h\n25,tỉnh,Phú Thọ,,2025-07-01,2025-06-30\n";
    check(error(&|t| t.units = backwards), "units, 25: a period does not end before the next one begins");
    check(error(&|t| t.aliases = "h\n25,Phú Tho,x\n"), "aliases, line 2: `25,Phú Tho,x` means no unit");
    check(error(&|t| t.addresses = "h\n25,,phu-tho\n"), "addresses: place 00001 has none, extend the table");
    check(
        error(&|t| t.addresses = "h\n25,,phu-tho\n00001,,phu-tho\n"),
        "addresses, line 3: `00001,,phu-tho` has a path that is not after the one before",
    );
    check(
        error(&|t| t.succession = "h\n2025-7-1,25,25,whole,1\n"),
        "succession, line 2: `2025-7-1,25,25,whole,1` has no date",
    );
}

#[test]
fn errors_tell_an_editor_what_to_write() {
    let error =
        |text: &str, on: &str| Gazetteer::built_in().resolve(text, day(on), &[code("25")]).unwrap_err().to_string();
    let check = |text: &str, on: &str, expect: &str| assert_eq!(error(text, on), expect);
    check(
        "xã Hung Lô",
        SEED,
        "`xã Hung Lô` is no administrative unit: expected an official code, or a kind and a name, with what it is a part \
         of after commas; close to it: Xã Hùng Lô, Thành phố Việt Trì, Tỉnh Phú Thọ (08287) from 2006-11-25 to 2025-06-30",
    );
    check(
        "xã Minh Phương",
        SEED,
        "`xã Minh Phương` does not hold on 2022-03-18, it was or will be Xã Minh Phương, Thành phố Việt Trì, Tỉnh Phú \
         Thọ (07927) to 2010-05-05",
    );
    check(
        "xã Hùng Lô, tỉnh Vĩnh Phúc",
        SEED,
        "`xã Hùng Lô, tỉnh Vĩnh Phúc` is no administrative unit: expected an official code, or a kind and a name, with \
         what it is a part of after commas; close to it: Xã Hùng Lô, Thành phố Việt Trì, Tỉnh Phú Thọ (08287) from \
         2006-11-25 to 2025-06-30",
    );
    check(
        "phường 1",
        SEED,
        "`phường 1` is 34 units on 2022-03-18, give the code or what it is a part of: Phường 1, Thành phố Đông Hà, Tỉnh \
         Quảng Trị (19333); Phường 1, Thị xã Quảng Trị, Tỉnh Quảng Trị (19357); Phường 1, Thành phố Tuy Hòa, Tỉnh Phú \
         Yên (22015); Phường 1, Thành phố Đà Lạt, Tỉnh Lâm Đồng (24784); Phường 1, Thành phố Bảo Lộc, Tỉnh Lâm Đồng \
         (24823); and 29 more",
    );
}

#[test]
fn names_are_found_with_and_without_tones() {
    let gazetteer = Gazetteer::built_in();
    let found = |text: &str| -> Vec<&str> {
        gazetteer.search(text).into_iter().filter_map(|place| gazetteer.path_of(place)).collect()
    };
    assert_eq!(found("hung lo"), ["phu-tho/xa-hung-lo"]);
    assert_eq!(found("Hùng Lô"), ["phu-tho/xa-hung-lo"]);
    assert_eq!(found("thành phố Việt Trì"), ["phu-tho/thanh-pho-viet-tri"]);
    assert_eq!(found("viet tri"), ["phu-tho/phuong-viet-tri", "phu-tho/thanh-pho-viet-tri"]);
    assert_eq!(found("Lâm Sơn").first(), found("Lâm Sơn").iter().find(|path| path.contains("lam-son")));
    assert_eq!(found("không đâu có"), [""; 0]);
    assert_eq!(found("  "), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a store says: no panic, and an answer holds on the day.
    #[test]
    fn any_text_resolves_or_does_not(text in "[ ,()\\-.'a-zàòủýđð0-9PXTQH]{0,24}") {
        let gazetteer = Gazetteer::built_in();
        if let Ok(unit) = gazetteer.resolve(&text, day(SEED), &[code("25")]) {
            prop_assert!(unit.is_valid(day(SEED)));
        }
        prop_assert!(gazetteer.search(&text).len() <= gazetteer.places().count());
    }
}
