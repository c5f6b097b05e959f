//! What the documents say exists: commands, configuration keys, metrics, dependencies. Each rule is a function from a
//! page to its complaints, tried on bad examples.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use super::tidy::{pages, read};

/// Tells how the service is run; holds the table of metrics.
const OPERATIONS: &str = "docs/OPERATIONS.md";
const DEPENDENCIES: &str = "docs/decisions/dependencies.md";
/// Fields of the log, a column of state, and files, that look like keys of the configuration.
const NOT_KEYS: [&str; 12] = [
    "http.body_bytes",
    "http.connections",
    "http.method",
    "http.path",
    "http.status",
    "http.took_us",
    "feeds.scope",
    "feeds.written",
    "push.attempts",
    "push.host",
    "push.subscriptions",
    "state.sqlite",
];

#[test]
fn commands_exist() {
    let commands = commands();
    check_pages(|path, text| unknown_commands(path, text, &commands));
}

#[test]
fn configuration_keys_exist() {
    let keys = configuration_keys(&read("config/default.toml"));
    check_pages(|path, text| unknown_keys(path, text, &keys));
}

#[test]
fn the_table_of_metrics_is_that_of_the_program() {
    let source = read("src/observe/metrics.rs");
    let constants = source.lines().filter(|line| line.starts_with("const "));
    let made: BTreeSet<&str> = constants.filter_map(|line| line.split('"').nth(1)).collect();
    let page = read(OPERATIONS);
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let told: BTreeSet<&str> =
        rows.filter_map(|row| row.split(['`', '{']).next()).filter(|name| name.starts_with("loa_")).collect();
    assert!(!made.is_empty());
    assert_eq!(told, made, "{OPERATIONS} on the left, the program on the right");
}

#[test]
fn every_dependency_is_argued_for() {
    let page = read(DEPENDENCIES);
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let tables = ["dependencies", "dev-dependencies"].map(|table| manifest[table].as_table().unwrap());
    let names = tables.iter().flat_map(|table| table.keys());
    let missing: Vec<&String> = names.filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{DEPENDENCIES} does not say why these are here: {missing:?}");
}

#[test]
fn an_untrue_word_is_seen() {
    let commands = BTreeMap::from([
        ("serve".to_owned(), BTreeSet::new()),
        ("articles".to_owned(), BTreeSet::from(["withdraw".to_owned()])),
    ]);
    let check = |text: &str, expect: &str| assert_eq!(unknown_commands("A.md", text, &commands).join("|"), expect);
    check("`loa serve --listen :0`, `loa articles withdraw ID`, `loa COMMAND`, `loa --help`, a loa dances", "");
    check("`loa serve fast`", "");
    check("```\n$ loa dance\n```", "A.md:2: there is no `loa dance`");
    check("`loa articles sing`", "A.md:1: there is no `loa articles sing`");
    check("`cargo run --release -- dance`", "A.md:1: there is no `loa dance`");

    let keys = configuration_keys("[store]\nurl = \"\"\n");
    let check = |text: &str, expect: &str| assert_eq!(unknown_keys("A.md", text, &keys).join("|"), expect);
    check("`store.url`, `store.url = \"x\"`, `other.thing`, `store`, `store.rs:1`, store.uri", "");
    check("a\n`store.uri`", "A.md:2: there is no key `store.uri`");
}

fn check_pages(rule: impl Fn(&str, &str) -> Vec<String>) {
    let complaints: Vec<String> = pages().iter().flat_map(|path| rule(path, &read(path))).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// `loa WORD`, and `loa WORD WORD` where the first has commands of its own.
fn unknown_commands(path: &str, text: &str, commands: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (number, code) in code(text) {
        let mut words = arguments(code).split_whitespace().take_while(|word| is_name(word));
        let Some(first) = words.next() else { continue };
        match (commands.get(first), words.next()) {
            (None, _) => found.push(format!("{path}:{number}: there is no `loa {first}`")),
            (Some(own), Some(second)) if !own.is_empty() && !own.contains(second) => {
                found.push(format!("{path}:{number}: there is no `loa {first} {second}`"));
            }
            _ => {}
        }
    }
    found
}

/// What follows the program's name, if it is ours that is called.
fn arguments(code: &str) -> &str {
    let code = code.trim_start_matches("$ ");
    let by_cargo = || code.strip_prefix("cargo run ")?.split_once("-- ").map(|(_, rest)| rest);
    code.strip_prefix("loa ").or_else(by_cargo).unwrap_or_default()
}

fn is_name(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase())
}

/// The commands of the program with those of their own, as its help tells them.
fn commands() -> BTreeMap<String, BTreeSet<String>> {
    let names = listed_by_help(&[]);
    assert!(names.contains("serve"), "the help lists {names:?}");
    names.into_iter().map(|name| (name.clone(), listed_by_help(&[&name]))).collect()
}

fn listed_by_help(command: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_loa")).args(command).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let list = help.split_once("\nCommands:\n").and_then(|(_, rest)| rest.split("\n\n").next()).unwrap_or_default();
    let name = |line: &str| Some(line.strip_prefix("  ")?.split(' ').next()?.to_owned());
    list.lines().filter_map(name).filter(|name| !name.is_empty()).collect()
}

fn configuration_keys(text: &str) -> BTreeSet<String> {
    let table: toml::Table = text.parse().unwrap();
    let keys = |(section, values): (&String, &toml::Value)| {
        let keys = values.as_table().unwrap().keys();
        keys.map(|key| format!("{section}.{key}")).collect::<Vec<_>>()
    };
    table.iter().flat_map(keys).collect()
}

fn unknown_keys(path: &str, text: &str, keys: &BTreeSet<String>) -> Vec<String> {
    let sections: BTreeSet<&str> = keys.iter().filter_map(|key| key.split('.').next()).collect();
    let mut found = Vec::new();
    for (number, code) in code(text) {
        let word = code.split([' ', '=']).next().unwrap();
        let Some((section, key)) = word.split_once('.') else { continue };
        let like_a_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '_') && key != "rs";
        if sections.contains(section) && like_a_key && !keys.contains(word) && !NOT_KEYS.contains(&word) {
            found.push(format!("{path}:{number}: there is no key `{word}`"));
        }
    }
    found
}

/// What a page shows as code, with the number of its line: spans between back quotes, and lines of blocks.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            found.push((number, line.trim()));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (number, span)));
        }
    }
    found
}
