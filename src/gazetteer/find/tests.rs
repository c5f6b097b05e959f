//! The rules, one table each. A text is labelled as in [`super::labelled`]: what is labelled is found, nothing else is.

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use super::labelled::stories;
use super::*;
use crate::gazetteer::{Gazetteer, evaluate};

/// A day before the reform of July 2025, and one after it.
const BEFORE: &str = "2022-03-18";
const AFTER: &str = "2026-03-18";

/// A story of one paragraph in each line.
fn check(day: &str, home: &str, lines: &str) {
    let gazetteer = Gazetteer::built_in();
    let bodies: String = lines.lines().map(|line| ["body: ", line.trim(), "\n"].concat()).collect();
    let text = format!("## 1 test\ndate: {day}\nhome: {home}\nassign:\ntitle:\n{bodies}");
    let stories = stories("test", &text, &gazetteer).unwrap();
    let result = evaluate::evaluate(&gazetteer, &stories);
    let told: Vec<String> = result
        .find_faults
        .iter()
        .map(|fault| format!("{:?} {} {:?}", fault.error, fault.unit.full_name(), fault.place))
        .collect();
    assert!(told.is_empty(), "{lines}\n{}", told.join("\n"));
}

fn before(lines: &str) {
    check(BEFORE, "25", lines);
}

fn after(lines: &str) {
    check(AFTER, "25", lines);
}

fn reason(day: &str, text: &str) -> Vec<String> {
    let gazetteer = Gazetteer::built_in();
    let home = ["25".parse().unwrap()];
    let hits = gazetteer.find_places(&[Part { role: Role::Body, text }], day.parse().unwrap(), &home);
    hits.into_iter().map(|hit| hit.reason.to_string()).collect()
}

#[test]
fn a_kind_and_a_name_are_a_place() {
    before("Xã [Hùng Lô|08287], thành phố [Việt Trì|227], thị trấn [Lâm Thao|08494], huyện [Lâm Thao|237].");
    before(
        "H.[Lâm Thao|237], TX.[Phú Thọ|228], T.[Phú Thọ|25], Tp [Việt Trì|227], T.P [Việt Trì|227], TP.[Việt Trì|227]",
    );
    before("X.[Hùng Lô|08287], P.[Gia Cẩm|07900], P. [Nông Trang|07894], TT [Phong Châu|08230] (H.[Phù Ninh|233])");
    before("Huyện miền núi [Tân Sơn|240], các xã vùng cao [Thu Cúc|08545], [Thạch Kiệt|08548]");
    before("Tại TP.[HCM|79], TP HCM, TP. [Hồ Chí Minh|79], TP[HCM|79]".replace("TP HCM", "TP [HCM|79]").as_str());
    before("XÃ [HÙNG LÔ|08287] VÀ THÀNH PHỐ [VIỆT TRÌ|227]");
    check("2024-05-01", "79", "P[1|27298], Q[4|773]; phường [01|27298], quận [4|773]");
}

#[test]
fn tones_and_letters_count_and_customs_of_spelling_do_not() {
    before("Huyện [Thanh Thuỷ|239], huyện [Thanh Thủy|239], huyện Thánh Thủy, Thanh Thụy.");
    before("Xã [Mỹ Lung|08293], xã [Mĩ Lung|08293]. Huyện Lam Thao, huyện Lâm Thạo, xã hùng lô.");
    check(BEFORE, "17", "Xã [Mỵ Hòa|05083], xã [Mị Hoà|05083]");
    check(BEFORE, "52", "Thành phố [Quy Nhơn|540], thành phố [Qui Nhơn|540]");
    before("Thành phố \u{d0}à Nẵng".replace("\u{d0}à Nẵng", "[\u{d0}à Nẵng|48]").as_str());
    check(BEFORE, "66", "Huyện [Cư M’gar|648], huyện [Cư M'gar|648], xã [Ea H’leo|24184], huyện [Ea H'leo|645]");
    before("Tỉnh [Bà Rịa-Vũng Tàu|77], tỉnh [Bà Rịa – Vũng Tàu|77], [Thừa Thiên - Huế|46], tỉnh [Đắc Lắc|66]");
}

#[test]
fn authorities_are_named_by_their_units() {
    before("Thành ủy [Việt Trì|227], Thành uỷ TP [Việt Trì|227], Huyện ủy [Lâm Thao|237], Thị ủy [Phú Thọ|228]");
    before("Tỉnh ủy [Phú Thọ|25], Tỉnh đoàn [Phú Thọ|25], Đảng ủy [Hùng Lô|08287], Công an [Phú Thọ|25]");
    before("UBND huyện [Hạ Hòa|231], HĐND và UBND [Cẩm Khê|235], Ban CHQS huyện [Đoan Hùng|230]");
    before("Sở Giáo dục và Đào tạo [Phú Thọ|25]. Báo Công an Hà Nội. Đội bóng đá Công an Hà Nội.");
    before("Chủ tịch UBND xã [Hùng Lô|08287] Nguyễn Tiến Đức cho biết. Bí thư Huyện ủy [Lâm Thao|237] Lê Hòa Bình.");
}

#[test]
fn lists_share_a_kind() {
    before("Các xã [Phượng Lâu|07921], [Hùng Lô|08287] và [Kim Đức|08281] (TP [Việt Trì|227])");
    before("Bốn xã: [Thục Luyện|08581], [Giáp Lai|08575], [Địch Quả|08572] và [Cự Đồng|08614] về đích.");
    before("Các xã đi đầu là [Tây Cốc|08023], [Ca Đình|08050] và thị trấn [Đoan Hùng|07969]");
    before("UBND các huyện, thành, thị: [Lâm Thao|237], [Việt Trì|227], [Phú Thọ|228] báo cáo.");
    before("Xã [Gia Điền|08092], [Ấm Hạ|08095]. Bị can trú tại xã [Vĩnh Chân|08143] và Đỗ Văn Lang, 39 tuổi.");
    check(
        "2024-05-01",
        "79",
        "Quận [1|760], [3|770] và [10|771]; các phường [1|27298], [2|27292] của quận [4|773] năm nay",
    );
}

#[test]
fn numbers_that_count_are_no_names() {
    check("2024-05-01", "79", "Cả quận 3 năm qua, quận 10/24, phường 12 người, quận 1.000 dân, Q1/2024");
    check("2024-05-01", "79", "Bị cáo dùng 10 tài khoản; VKS khu vực 1; tổ 5");
}

#[test]
fn addresses_tell_which_unit_is_meant() {
    before("Xã [Tân Lập|08641] có chợ.");
    before("Xã [Tân Lập|08641], huyện [Thanh Sơn|238] và xã [Tân Lập|03997], huyện [Mộc Châu|123]");
    before("Xã [Tân Lập|09820] của huyện [Đan Phượng|273] (TP [Hà Nội|01])");
    before("Huyện [Mộc Châu|123] có thị trấn [Mộc Châu|03979] và xã [Tân Lập|03997]");
    before("Xã [Hy Cương|08503], [Việt Trì|227], [Phú Thọ|25]; xã [Minh Hạc|08119] ([Hạ Hòa|231])");
    before("Huyện [Thanh Thủy|239] khá; huyện [Yên Lập|234]: [Mỹ Lung|08293], [Lương Sơn|08299].");
    check(BEFORE, "", "Huyện [Châu Thành|821], tỉnh [Tiền Giang|82]; huyện [Châu Thành|847], [Trà Vinh|84]");
}

#[test]
fn nothing_is_guessed() {
    check(BEFORE, "", "Xã Tân Lập, huyện Châu Thành, phường 1, Tân Lập, Việt Trì.");
    check(BEFORE, "25 17", "Xã Tân Lập");
    before("Phường 1");
}

#[test]
fn names_alone_are_places_at_home_and_where_the_story_names_them_in_full() {
    before("Người dân ở [Hùng Lô|08287]. [Việt Trì|227] khởi công. Hùng Lô.");
    before("Xã [Hùng Lô|08287]. Kinh tế của [Hùng Lô|08287]. [Hùng Lô|08287] phát triển.");
    before("[Lâm Thao|237], [Phù Ninh|233] và [Thanh Ba|232]; [Hà Nội|01] - [Phú Thọ|25]");
    before("Từ [Nha Trang|568] ra [Đà Nẵng|48]. Nha Trang.");
    before("Thái Nguyên".replace("Thái Nguyên", "[Thái Nguyên|19] thắng [Vĩnh Phúc|26]").as_str());
    check(BEFORE, "01", "Xã [Hòa Bình|06508], huyện [Chi Lăng|187]. [Hòa Bình|06508] hôm nay.");
    check(BEFORE, "17", "[Hòa Bình|17] đẩy mạnh du lịch.");
    before("Hòa Bình là khát vọng.");
}

#[test]
fn persons_are_no_places() {
    before("Chủ tịch Hồ Chí Minh, đồng chí Nguyễn Tiến Đức, bà Hà Giang, anh Hòa Bình, Trần Lâm Thao, em Yên Bái.");
    before("Chị Minh Phương ở phường [Minh Phương|07927]. Minh Phương nói vậy.");
    before("Ảnh: Hòa Bình\nHà Giang\nTin, ảnh: Thanh Sơn");
    before("Nguyễn Thị Thanh Thủy, trú tại xã [Đồng Trung|08686], huyện [Thanh Thủy|239]");
}

#[test]
fn organisations_streets_dishes_and_events_are_no_places() {
    before("Công ty CP Supe Lâm Thao, Báo Phú Thọ, Đài PTTH Vĩnh Phúc, CLB Thanh Hóa, CLB TP.HCM, bia Hà Nội.");
    before("Đường Hùng Vương, phố Minh Phương, cao tốc Tuyên Quang - Phú Thọ, tuyến Hà Nội - Việt Trì - Phú Thọ.");
    before("Chè xanh Thái Nguyên, bưởi Đoan Hùng, su su Tam Đảo. Sữa Ba Vì. Chiến dịch Điện Biên Phủ.");
    before("Thôn Hòa Bình, khu Lâm Thao, làng Minh Phương, sông Lô, hợp tác xã Hùng Lô, phường hội, xã hội.");
    before("Quán “Thanh Sơn” và “Hà Nội”. Cầu Việt Trì, Trường THPT Việt Trì; Bệnh viện Đa khoa tỉnh [Phú Thọ|25].");
    before("Phường [Minh Phương|07927], thị trường [Hà Nội|01], nhu cầu ở [Phú Thọ|25]");
}

#[test]
fn teams_songs_and_sponsors_are_no_places() {
    before("Phú Thọ FC thua. U15 Nam Định, SHB Đà Nẵng, LPBank Ninh Bình. Than Quảng Ninh. Hà Nội Tower.");
    before("Bình Phước hòa Cần Thơ 1-1 ở [Việt Trì|227]. Hải Phòng thua Hà Nội.");
    before("Xếp hạng: 1. Quảng Nam 31 điểm; 2. Khánh Hòa 29; 10. CLB Phú Thọ 9.");
    before("Họ hát Tình ca, Hà Tĩnh mình thương. [Hà Tĩnh|42] mưa. Tổ hợp đa chức năng Hà Nội-Moskva.");
    before("Cô Ba Bình Phước, ông P.V.K. Hà Giang (32 tuổi) vắng. Bài, ảnh: Hà Giang - Lâm Đồng");
    before("Sau 5-6 năm, [Phú Thọ|25] họp.\nHải Phòng cầm hòa Nam Định.");
    before("Ruộng Phù Ninh, diễn viên múa Yên Lập, tương Lâm Thao. Sinh viên [Việt Trì|227]. Giao cho [Phù Ninh|233].");
    before("Sở Nông nghiệp và Phát triển nông thôn [Phú Thọ|25], Sở Giao thông vận tải [Hà Nội|01].");
}

#[test]
fn units_of_the_past_are_found_by_kind_or_where_they_are_called_so() {
    after("Xã [Hùng Lô|08287@2025-06-30] cũ nay thuộc phường [Vân Phú|07918].");
    after("Huyện [Lâm Thao|237@2025-06-30] (cũ), huyện [Hạ Hòa|231@2025-06-30]; xã [Lâm Thao|08494].");
    after(
        "Trên địa bàn [Vĩnh Phúc|26@2025-06-30] cũ; phường [Vĩnh Phúc|08716]. Tỉnh [Hòa Bình|17@2025-06-30] trước đây.",
    );
    after("Xã [Minh Nông|?], thành phố [Việt Trì|227@2025-06-30] (nay là phường [Nông Trang|07894])");
    after("Phường [Vân Phú|07918] (trước đây là xã [Hùng Lô|08287@2025-06-30])");
    after("Trước khi hợp nhất, [Phú Thọ|25@2025-06-30] có 13 huyện; nay [Phú Thọ|25] có 148 xã.");
    after("Từ nay, [Phú Thọ|25], [Vĩnh Phúc|26@2025-06-30] và [Hòa Bình|17@2025-06-30] hợp nhất thành tỉnh mới.");
    after("Sáp nhập ba tỉnh [Phú Thọ|25@2025-06-30], [Vĩnh Phúc|26@2025-06-30], [Hòa Bình|17@2025-06-30].");
    after(
        "Xã [Hùng Lô|08287@2025-06-30] (nay là phường [Vân Phú|07918]). Người ở [Hùng Lô|08287@2025-06-30] gói bánh.",
    );
    check(AFTER, "", "Từ nay, [Yên Bái|15@2025-06-30] nhập vào [Lào Cai|?].");
    after("Ba xã [Văn Bán|08380@2025-06-30], [Tam Sơn|08377@2025-06-30] và [Tùng Khê|08374@2025-06-30].");
    after("Ở Tam Đảo có sương. Hùng Lô có đình.");
    before("Xã [Hùng Lô|08287] trước đây nghèo. Tỉnh [Hà Tây|28@2008-07-31] cũ.");
}

#[test]
fn the_reason_is_told() {
    let one = |day: &str, text: &str, expect: &str| assert_eq!(reason(day, text), [expect], "{text}");
    one(BEFORE, "xã Hùng Lô", "kind and name");
    one(BEFORE, "Thành ủy Việt Trì", "authority and name");
    one(BEFORE, "Phú Thọ đón khách", "province by name");
    one(BEFORE, "về Hùng Lô", "own province");
    one(BEFORE, "ở Nha Trang", "the only one of that name");
    one(AFTER, "huyện Lâm Thao (cũ)", "abolished unit, marked as former");
    one(AFTER, "huyện Lâm Thao", "abolished unit, its kind fits");
    assert_eq!(reason(BEFORE, "các xã Hùng Lô, Kim Đức").pop().unwrap(), "list that shares its kind");
    assert_eq!(reason(BEFORE, "xã Hùng Lô. Hùng Lô họp").pop().unwrap(), "named in full elsewhere in the story");
    assert_eq!(reason(BEFORE, "ở Mộc Châu, Sơn La").first().unwrap(), "named with what it lies in");
    assert_eq!(reason(BEFORE, "xã Hùng Lô, Việt Trì").pop().unwrap(), "named after a part of it");
}

#[test]
fn a_story_is_filed_under_what_it_is_about() {
    let gazetteer = Gazetteer::built_in();
    let check = |parts: &[(Role, &str)], expect: &[&str]| {
        let parts: Vec<Part<'_>> = parts.iter().map(|(role, text)| Part { role: *role, text }).collect();
        let hits = gazetteer.find_places(&parts, BEFORE.parse().unwrap(), &["25".parse().unwrap()]);
        let filed = assign(&parts, &hits);
        let filed: Vec<String> = filed.iter().map(|filed| format!("{} {}", filed.unit.code, filed.why)).collect();
        assert_eq!(filed, expect, "{parts:?}");
    };
    check(&[(Role::Title, "Xã Hùng Lô đổi mới"), (Role::Body, "Hùng Lô")], &["08287 in the title"]);
    check(&[(Role::Lead, "Ở Việt Trì"), (Role::Caption, "Xã Hùng Lô")], &["227 in the lead", "08287 in a caption"]);
    check(&[(Role::Body, "Xã Hùng Lô và huyện Lâm Thao."), (Role::Body, "Xã Hùng Lô.")], &["08287 named 2 times"]);
    check(&[(Role::Body, "Anh quê ở Thái Bình, chị quê Thái Bình.")], &[]);
    check(&[(Role::Body, "Xã Tân Lập, tỉnh Sơn La và xã Chiềng Hặc, tỉnh Sơn La.")], &[]);
}

#[test]
fn spans_hold_the_kind_and_names_do_not() {
    let gazetteer = Gazetteer::built_in();
    let check = |text: &str, expect: &[(&str, &str)]| {
        for text in [text.to_owned(), text.nfd().collect::<String>()] {
            let parts = [Part { role: Role::Body, text: &text }];
            let hits = gazetteer.find_places(&parts, BEFORE.parse().unwrap(), &["25".parse().unwrap()]);
            let read = |range: &Range<usize>| text.get(range.clone()).unwrap().nfc().collect::<String>();
            let found: Vec<(String, String)> = hits.iter().map(|hit| (read(&hit.span), read(&hit.name))).collect();
            let expect: Vec<(String, String)> =
                expect.iter().map(|(span, name)| ((*span).to_owned(), (*name).to_owned())).collect();
            assert_eq!(found, expect, "{text}");
        }
    };
    check("Ở xã Hùng Lô, TP. Việt Trì.", &[("xã Hùng Lô", "Hùng Lô"), ("TP. Việt Trì", "Việt Trì")]);
    check("Huyện miền núi Thanh Thuỷ", &[("Huyện miền núi Thanh Thuỷ", "Thanh Thuỷ")]);
    check("Các xã sau: Hùng Lô, Kim Đức", &[("Hùng Lô", "Hùng Lô"), ("Kim Đức", "Kim Đức")]);
    check("Thành ủy Việt Trì", &[("Việt Trì", "Việt Trì")]);
}

/// Pieces of which hostile texts are made.
const PIECES: [&str; 24] = [
    "xã ",
    "Xã",
    "TP.",
    "các ",
    "Hùng Lô",
    "Việt Trì",
    "Phú Thọ",
    "Hòa Bình",
    ", ",
    " và ",
    "(",
    ")",
    "(cũ)",
    " nay là ",
    "trước đây là ",
    "P1",
    "1",
    "Ea H'leo",
    " - ",
    "\n",
    ". ",
    "Thành ủy ",
    "\u{301}",
    "Trước khi sáp nhập, ",
];

proptest! {
    #[test]
    fn every_text_can_be_read_and_every_name_is_one(
        pieces in proptest::collection::vec(prop_oneof![
            3 => proptest::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
            1 => ".{0,6}",
        ], 0..40),
        after in any::<bool>(),
    ) {
        let gazetteer = Gazetteer::built_in();
        let text = pieces.concat();
        let day = if after { AFTER } else { BEFORE };
        let parts = [Part { role: Role::Body, text: &text }];
        for hit in gazetteer.find_places(&parts, day.parse().unwrap(), &["25".parse().unwrap()]) {
            let name = text.get(hit.name.clone());
            prop_assert!(text.get(hit.span.clone()).is_some() && name.is_some());
            prop_assert!(hit.span.start <= hit.name.start && hit.span.end == hit.name.end);
            // A number alone is read as a code elsewhere (`18`), and is the name of a ward here.
            let is_number = name.unwrap().parse::<u32>().is_ok_and(|number| *number.to_string() == *hit.unit.name);
            let meanings = gazetteer.meanings(name.unwrap(), day.parse().unwrap());
            prop_assert!(is_number || meanings.contains(&hit.unit), "{name:?}");
        }
    }

    #[test]
    fn paragraphs_that_share_nothing_do_not_change_each_other(count in 0_usize..4, at in 0_usize..5) {
        let gazetteer = Gazetteer::built_in();
        let mut texts = vec!["Trời mưa to, ai cũng vội."; count];
        let at = at.min(count);
        texts.insert(at, "Xã Hùng Lô, TP Việt Trì họp.");
        let parts: Vec<Part<'_>> = texts.iter().map(|text| Part { role: Role::Body, text }).collect();
        let hits = gazetteer.find_places(&parts, BEFORE.parse().unwrap(), &[]);
        let found: Vec<_> = hits.iter().map(|hit| (hit.part, hit.unit.code.to_string(), hit.name.start)).collect();
        prop_assert_eq!(found, vec![(at, "08287".to_owned(), 4), (at, "227".to_owned(), 18)]);
    }
}
