//! `docs/COMPLAINTS.md` and these tests say the same: every number is there, and every test it names exists and is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const COMPLAINTS: usize = 45;
const DEFECTS: usize = 11;
/// What stands in place of a test.
const WITHOUT: &str = "no test: ";

/// The last cell of each numbered row of a table.
fn rows(table: &str) -> Vec<(usize, &str)> {
    let cells = table.lines().map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells.filter_map(|cells| Some((cells.first()?.parse().ok()?, *cells.last()?))).collect()
}

/// The names between back quotes that are those of tests.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The tests in the files of this directory.
fn tests(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in fs::read_dir(directory).unwrap() {
        let source = fs::read_to_string(file.unwrap().path()).unwrap();
        let lines: Vec<&str> = source.lines().collect();
        for pair in
            lines.windows(2).filter(|pair| pair[0].starts_with("#[test]") || pair[0].starts_with("#[tokio::test]"))
        {
            let name = pair[1].trim_start_matches("async ").trim_start_matches("fn ").split('(').next().unwrap();
            found.extend(name.starts_with(['c', 'd']).then(|| name.to_owned()));
        }
    }
    found
}

/// What the page says wrongly.
fn complaints_about(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let (complaints, defects) = page.split_once("## Defects").unwrap();
    let mut found = Vec::new();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for (table, letter, count) in [(complaints, 'c', COMPLAINTS), (defects, 'd', DEFECTS)] {
        let rows = rows(table);
        let numbers: Vec<usize> = rows.iter().map(|(number, _)| *number).collect();
        if numbers != (1..=count).collect::<Vec<_>>() {
            found.push(format!("the numbers of `{letter}` are {numbers:?}"));
        }
        for (number, cell) in rows {
            let own = names(cell).any(|name| name.starts_with(&format!("c{number:02}_")));
            let told = if letter == 'c' { own } else { names(cell).next().is_some() };
            let excused = cell.strip_prefix(WITHOUT).is_some_and(|reason| !reason.is_empty());
            if told == excused {
                found.push(format!("{letter}{number:02} has neither a test nor a reason, or both"));
            }
            found.extend(names(cell).filter(|name| !tests.contains(*name)).map(|name| format!("there is no `{name}`")));
            named.extend(names(cell));
        }
    }
    found
        .extend(tests.iter().filter(|name| !named.contains(name.as_str())).map(|name| format!("`{name}` is not told")));
    found
}

#[test]
fn every_complaint_has_its_test_or_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/COMPLAINTS.md")).unwrap();
    let tests = tests(&root.join("tests/it/complaints"));
    assert_eq!(complaints_about(&page, &tests), Vec::<String>::new());

    let without = page.replace("| 17 |", "| 170 |");
    assert_eq!(complaints_about(&without, &tests).len(), 2, "a number is missing, and 170 is not its test");
    let renamed = page.replacen("c01_links", "c01_link", 1);
    assert_eq!(complaints_about(&renamed, &tests).len(), 2, "one is not there, one is not told");
    let excused = page.replace("no test: there are no partner tokens yet", "later");
    assert_eq!(complaints_about(&excused, &tests).len(), 1);
}
