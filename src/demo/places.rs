//! Where the demo's news happens: a few units of Phú Thọ by official code, each with the days between which the name
//! and the code belonged together. Codes are used again for other units, so the day matters.

use chrono::NaiveDate;

use super::random::Random;

/// The province, before and after the merger of 2025.
pub(super) const PROVINCE_CODE: &str = "25";

/// The day on which the communes were made anew (resolution 1676/NQ-UBTVQH15): year, month, day.
const MERGER: (i32, u32, u32) = (2025, 7, 1);

/// Communes and wards since the merger: official code, kind and name.
const SINCE_MERGER: [(&str, &str); 18] = [
    ("07900", "phường Việt Trì"),
    ("07918", "phường Vân Phú"),
    ("07894", "phường Nông Trang"),
    ("07948", "phường Âu Cơ"),
    ("08515", "xã Hy Cương"),
    ("07969", "xã Đoan Hùng"),
    ("08053", "xã Hạ Hòa"),
    ("08152", "xã Thanh Ba"),
    ("08341", "xã Cẩm Khê"),
    ("08542", "xã Thanh Sơn"),
    ("08545", "xã Thu Cúc"),
    ("08290", "xã Yên Lập"),
    ("08494", "xã Lâm Thao"),
    ("08620", "xã Long Cốc"),
    ("05200", "xã Mai Châu"),
    ("08911", "xã Tam Đảo"),
    ("08707", "phường Vĩnh Yên"),
    ("04795", "phường Hòa Bình"),
];

/// Communes and wards of 2010-05-06 to the merger, unchanged in between.
const BEFORE_MERGER: [(&str, &str); 14] = [
    ("08287", "xã Hùng Lô"),
    ("07927", "phường Minh Phương"),
    ("07900", "phường Gia Cẩm"),
    ("07888", "phường Dữu Lâu"),
    ("07921", "xã Phượng Lâu"),
    ("08506", "xã Chu Hóa"),
    ("07951", "xã Hà Lộc"),
    ("07999", "xã Chí Đám"),
    ("08209", "xã Đông Thành"),
    ("08305", "xã Xuân Viên"),
    ("08545", "xã Thu Cúc"),
    ("08572", "xã Địch Quả"),
    ("08608", "xã Long Cốc"),
    ("08662", "xã Đào Xá"),
];

/// What an article calls its place that has none.
const ANYWHERE: [&str; 5] = ["vùng trung du", "toàn tỉnh", "nhiều địa phương", "miền Đất Tổ", "các xã vùng đồi"];

/// Articles of a thousand that name a place of the province.
const WITH_PLACE: u64 = 650;

/// Where one article happens.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting {
    /// For the text.
    pub(super) here: String,
    /// Official codes, the most particular first: one to three.
    pub(super) codes: Vec<String>,
}

/// The units of a day: code, kind and name.
pub(super) fn units_of(day: NaiveDate) -> &'static [(&'static str, &'static str)] {
    let (year, month, first) = MERGER;
    let merged = NaiveDate::from_ymd_opt(year, month, first).is_some_and(|merger| day >= merger);
    if merged { &SINCE_MERGER } else { &BEFORE_MERGER }
}

/// Chooses a place of that day.
pub(super) fn choose(day: NaiveDate, random: &mut Random) -> Setting {
    let unit = random.pick(units_of(day)).filter(|_| random.chance(WITH_PLACE));
    let Some((code, name)) = unit else {
        return Setting { here: random.pick(&ANYWHERE).copied().unwrap_or_default().to_owned(), codes: Vec::new() };
    };
    let mut codes = vec![(*code).to_owned()];
    if random.chance(250) {
        codes.extend(random.pick(units_of(day)).map(|(code, _)| (*code).to_owned()));
    }
    if random.chance(300) {
        codes.push(PROVINCE_CODE.to_owned());
    }
    codes.dedup();
    Setting { here: (*name).to_owned(), codes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_used_in_its_own_time() {
        let day = |year| NaiveDate::from_ymd_opt(year, 3, 18).unwrap();
        let name_of = |year, code| units_of(day(year)).iter().find(|unit| unit.0 == code).map(|unit| unit.1);
        assert_eq!(name_of(2022, "07900"), Some("phường Gia Cẩm"));
        assert_eq!(name_of(2026, "07900"), Some("phường Việt Trì"));
        assert_eq!(name_of(2026, "08287"), None);
    }
}
