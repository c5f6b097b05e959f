//! What `loa localities` prints.

use clap::Parser as _;

use super::*;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn printed(line: &[&str]) -> String {
    let args = Line::parse_from(["localities"].iter().chain(line)).args;
    answer(&Gazetteer::built_in(), &args, day("2026-11-23").unwrap()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn units_are_listed_with_their_parents_and_addresses() {
    assert_eq!(
        printed(&["list", "--province", "Phú Thọ", "--level", "province"]),
        "25  Tỉnh Phú Thọ  /feeds/locality/phu-tho\n"
    );
    let listed = printed(&["list", "--at", "2022-03-18", "--province", "TP Việt Trì", "--level", "commune"]);
    assert_eq!(listed.lines().count(), 22);
    let row = "08287  Xã Hùng Lô, Thành phố Việt Trì, Tỉnh Phú Thọ          /feeds/locality/phu-tho/xa-hung-lo";
    assert!(listed.contains(row), "{listed}");
}

#[test]
fn the_tree_is_indented() {
    let tree = printed(&["tree", "tỉnh Phú Thọ", "--at", "2022-03-18"]);
    let rows: Vec<&str> = tree.lines().take(3).map(|row| row.split("  /").next().unwrap().trim_end()).collect();
    assert_eq!(rows[0].split_whitespace().last(), Some("25"));
    assert!(rows[1].starts_with("  Thành phố Việt Trì ") && rows[2].starts_with("    Phường Dữu Lâu "), "{rows:?}");
    assert_eq!(tree.lines().count(), 1 + 13 + 225);
}

#[test]
fn what_a_unit_was_is_shown_by_code_name_and_address() {
    let expect = "\
08287             – 2006-11-24  Xã Hùng Lô, Huyện Phù Ninh, Tỉnh Phú Thọ      /feeds/locality/phu-tho/xa-hung-lo
08287  2006-11-25 – 2025-06-30  Xã Hùng Lô, Thành phố Việt Trì, Tỉnh Phú Thọ  /feeds/locality/phu-tho/xa-hung-lo
";
    let moved = "its feeds redirect to /feeds/locality/phu-tho/phuong-van-phu\n";
    for text in ["xã Hùng Lô", "phu-tho/xa-hung-lo", "/feeds/locality/phu-tho/xa-hung-lo.rss"] {
        assert_eq!(printed(&["show", text]), format!("{expect}{moved}"), "{text}");
    }
    assert_eq!(printed(&["show", "08287"]), format!("{expect}{moved}"));
    assert_eq!(printed(&["search", "hung lo"]), expect);
    assert_eq!(printed(&["search", "không đâu có"]), "");
    assert!(printed(&["show", "xã Không Có"]).starts_with("`xã Không Có` is no administrative unit"));
}

#[test]
fn what_became_of_what_is_shown() {
    let town = printed(&["show", "phu-tho/thanh-pho-viet-tri"]);
    assert!(town.contains("ended on 2025-07-01, its feed lives on over\n"), "{town}");
    assert!(
        town.contains("  Xã Hy Cương, Tỉnh Phú Thọ (08515)        /feeds/locality/phu-tho/xa-hy-cuong\n"),
        "{town}"
    );
    let ward = printed(&["show", "phu-tho/xa-tien-phong"]);
    assert!(ward.contains("its feed has the past of\n") && ward.contains("xa-vay-nua (a part)\n"), "{ward}");
    let lost = printed(&["show", "00235"]);
    assert_eq!(lost.matches("\n\n").count(), 2, "three places of one code, apart: {lost}");
}

#[test]
fn a_day_is_counted_and_asked() {
    let expect = "\
2025-07-01: 34 provinces, 0 districts, 3321 communes
  tỉnh           28
  thành phố       6
  phường        687
  xã           2621
  đặc khu        13
";
    assert_eq!(printed(&["at", "2025-07-01"]), expect);
    assert_eq!(
        printed(&["at", "2022-03-18", "P.Minh Phương, Việt Trì"]),
        "07927  Phường Minh Phương, Thành phố Việt Trì, Tỉnh Phú Thọ  /feeds/locality/phu-tho/phuong-minh-phuong\n"
    );
    assert!(printed(&["at", "2022-03-18", "xã Tân Lập"]).contains("give the code or what it is a part of"));
}

#[test]
fn scripts_get_the_same_as_json() {
    let line = &serde_json::from_str::<serde_json::Value>(&printed(&["show", "227", "--json"])).unwrap()[0];
    assert_eq!(line["full_name"], "Thành phố Việt Trì");
    assert_eq!(line["parents"][0], "Tỉnh Phú Thọ");
    assert_eq!((&line["from"], &line["until"]), (&serde_json::Value::Null, &"2025-07-01".into()));
    assert_eq!(line["path"], "/feeds/locality/phu-tho/thanh-pho-viet-tri");
    assert_eq!(line["lives_on_over"][4]["path"], "/feeds/locality/phu-tho/xa-hy-cuong");
    assert_eq!(line["ended"], "2025-07-01");
    let counts: serde_json::Value = serde_json::from_str(&printed(&["at", "2025-06-30", "--json"])).unwrap();
    assert_eq!((&counts["provinces"], &counts["districts"]), (&63.into(), &696.into()));
}
