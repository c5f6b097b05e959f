//! The walls of the design, held by reading the sources: who may name which crate, who may know whom, how long a file
//! may be, and what may stand nowhere. Each rule is a function from a file to its complaints, tried on bad examples.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file, in lines without its tests.
const FILE_LINES_MAX: usize = 500;

/// Crates that are named only below these paths.
const KEPT_IN: [(&str, &[&str]); 21] = [
    ("ammonia::", &["src/text/"]),
    ("anyhow::", &["src/cli/"]),
    ("askama::", &["src/site/"]),
    ("atom_syndication::", &["src/feed/"]),
    ("clap::", &["src/cli/"]),
    ("encoding_rs::", &["src/adopt/"]),
    ("hyper::", &["src/http/", "src/outgoing/"]),
    ("hyper_util::", &["src/http/", "src/outgoing/"]),
    ("icu_collator::", &["src/text/"]),
    ("indicatif::", &["src/cli/"]),
    ("listenfd::", &["src/cli/"]),
    ("quick_xml::", &["src/adopt/", "src/feed/"]),
    ("rayon::", &["src/parallel.rs"]),
    ("roxmltree::", &["src/feed/"]),
    ("rss::", &["src/feed/"]),
    ("rustix::", &["src/http/", "src/purge/"]),
    ("sd_notify::", &["src/cli/"]),
    // Import writes through the store.
    ("sqlx::", &["src/publish/summaries.rs", "src/state/", "src/store/"]),
    ("tokio_rustls::", &["src/outgoing/"]),
    ("toml::", &["src/config/"]),
    ("webpki_roots::", &["src/outgoing/"]),
];
/// How the wall clock is read, and the one file that may.
const CLOCKS: [&str; 3] = ["Utc::now", "Local::now", "SystemTime::now"];
const CLOCK_HOME: &str = "src/domain/clock.rs";

/// The top-level modules, and those that each may know. Stages stand in the order of an article's way.
const KNOWS: [(&str, &[&str]); 21] = [
    ("domain", &[]),
    ("text", &["domain"]),
    ("gazetteer", &["domain", "text"]),
    ("parallel", &[]),
    ("store", &["domain", "text"]),
    ("import", &["domain", "store", "text"]),
    ("state", &["domain"]),
    ("catalog", &["domain", "gazetteer", "text"]),
    ("feed", &["domain", "gazetteer", "parallel", "text"]),
    ("adopt", &["domain", "text"]),
    ("observe", &[]),
    ("lifecycle", &[]),
    ("outgoing", &[]),
    ("publish", &["catalog", "domain", "feed", "gazetteer", "observe", "parallel", "state", "store", "text"]),
    ("purge", &["domain", "observe", "outgoing", "publish", "state"]),
    ("site", &["domain", "publish"]),
    ("hub", &["domain", "observe", "outgoing", "publish", "state"]),
    ("http", &["domain", "hub", "observe", "publish", "purge", "site"]),
    ("demo", &["domain", "gazetteer", "text"]),
    ("config", &["domain", "feed", "text"]),
    // Puts everything together, so it may know everybody.
    (
        "cli",
        &[
            "adopt",
            "catalog",
            "config",
            "demo",
            "domain",
            "feed",
            "gazetteer",
            "http",
            "hub",
            "import",
            "lifecycle",
            "observe",
            "outgoing",
            "publish",
            "purge",
            "site",
            "state",
            "store",
            "text",
        ],
    ),
];

/// Files and directories that are not ours to tidy.
const NOT_OURS: [&str; 5] = [".git", "Cargo.lock", "__pycache__", "loa-data", "target"];

#[test]
fn crates_stay_behind_their_walls() {
    check_sources(&["src"], crates_outside);
}

#[test]
fn one_place_reads_the_wall_clock() {
    check_sources(&["src"], clocks_outside);
}

#[test]
fn modules_know_only_those_to_their_left() {
    check_sources(&["src"], modules_that_look_right);
}

#[test]
fn the_table_of_modules_is_that_of_the_library() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let missing: Vec<&str> = declared.filter(|name| KNOWS.iter().all(|(known, _)| known != name)).collect();
    assert!(missing.is_empty(), "say in KNOWS what these may know: {missing:?}");
}

#[test]
fn files_are_one_room_each() {
    check_sources(&["src"], too_long);
}

#[test]
fn nothing_is_left_open() {
    check_sources(&["src", "tests", "benches"], left_open);
}

#[test]
fn no_file_names_one_machine() {
    let complaints: Vec<String> = files(&[""], "")
        .into_iter()
        .filter_map(|path| Some((path.clone(), fs::read_to_string(root().join(path)).ok()?)))
        .flat_map(|(path, text)| machine_paths(&path, &text))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn links_in_documents_lead_somewhere() {
    let exists = |path: &str| root().join(path).exists();
    let complaints: Vec<String> = pages().iter().flat_map(|path| dead_links(path, &read(path), exists)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_broken_rule_is_seen() {
    let check = |complaints: Vec<String>, count: usize| assert_eq!(complaints.len(), count, "{complaints:?}");
    check(crates_outside("src/http/mod.rs", "use rss::Channel;\nlet x = ::clap::Parser;"), 2);
    check(crates_outside("src/http/mod.rs", "// rss::Channel\nuse crate::feed::rss::write;\nlet my_rss::x;"), 0);
    check(crates_outside("src/feed/rss.rs", "use rss::Channel;"), 0);
    check(clocks_outside("src/http/mod.rs", "let t = chrono::Utc::now();"), 1);
    check(clocks_outside("src/domain/clock.rs", "let t = Utc::now();"), 0);
    check(modules_that_look_right("src/feed/build.rs", "use crate::catalog::Index;"), 1);
    check(modules_that_look_right("src/feed/build.rs", "use crate::{domain, store::Scan};"), 1);
    check(modules_that_look_right("src/feed.rs", "fn f(x: crate::http::Server) {}"), 1);
    check(modules_that_look_right("src/feed/build.rs", "use crate::{domain, text};\nuse crate::feed::x;"), 0);
    check(modules_that_look_right("src/novel/mod.rs", "use crate::domain::x;"), 1);
    check(too_long("src/a.rs", &"x\n".repeat(FILE_LINES_MAX + 1)), 1);
    check(too_long("src/a.rs", &format!("x\n#[cfg(test)]\nmod tests {{\n{}}}", "x\n".repeat(900))), 0);
    check(left_open("src/a.rs", &format!("{}!()\n#[{}(dead_code)]", "todo", "allow")), 2);
    check(left_open("src/a.rs", &format!("#[{}]\nfn a() {{}}", "ignore")), 1);
    check(left_open("src/a.rs", "fn todo() {}\n#[expect(dead_code, reason = \"x\")]"), 0);
    check(machine_paths("a.md", &format!("see /{}/x and /{}/y", "work", "root")), 2);
    check(dead_links("docs/A.md", "[b](B.md#part) [c](../c) [web](https://a.example/)", |path| path == "docs/B.md"), 1);
}

/// A crate named where it must not be.
fn crates_outside(path: &str, text: &str) -> Vec<String> {
    let kept = KEPT_IN.iter().filter(|(_, homes)| homes.iter().all(|home| !path.starts_with(home)));
    kept.flat_map(|(name, homes)| {
        let lines = code(text).filter(move |(_, line)| names_crate(line, name));
        lines.map(move |(number, _)| format!("{path}:{number}: `{name}` is named only below {}", homes.join(", ")))
    })
    .collect()
}

/// Does the line name the crate? `crate::feed::rss::` is a module of ours.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line.split_at(at).0;
        let is_module = before.strip_suffix("::").is_some_and(|path| path.ends_with(is_name_char));
        !before.ends_with(is_name_char) && !is_module
    })
}

/// The wall clock read where it must not be.
fn clocks_outside(path: &str, text: &str) -> Vec<String> {
    let reads = |line: &str| CLOCKS.iter().any(|clock| line.contains(clock));
    let found = code(text).filter(|(_, line)| path != CLOCK_HOME && reads(line));
    found.map(|(number, _)| format!("{path}:{number}: only {CLOCK_HOME} reads the wall clock")).collect()
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A module that uses one to its right.
fn modules_that_look_right(path: &str, text: &str) -> Vec<String> {
    let Some(module) = path.strip_prefix("src/").and_then(|path| path.split(['/', '.']).next()) else {
        return Vec::new();
    };
    if matches!(module, "lib" | "main") {
        return Vec::new();
    }
    let Some((_, known)) = KNOWS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{path}: say in KNOWS what `{module}` may know")];
    };
    let code: String = code(text).flat_map(|(_, line)| [line, "\n"]).collect();
    let used = code.split("crate::").skip(1).flat_map(modules_named);
    let strangers = used.filter(|used| used != module && !known.contains(&used.as_str()));
    strangers.map(|stranger| format!("{path}: `{module}` must not know `{stranger}`")).collect()
}

/// The modules named right after `crate::`: one, or several in braces.
fn modules_named(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|c| is_name_char(*c)).collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut depth = 0;
    let mut names = vec![name(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(group.split_at(at + 1).1)),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// A file that does too much.
fn too_long(path: &str, text: &str) -> Vec<String> {
    let lines = text.split("#[cfg(test)]\nmod ").next().unwrap().lines().count();
    let long = lines > FILE_LINES_MAX && !path.ends_with("tests.rs");
    long.then(|| format!("{path}: {lines} lines without its tests, at most {FILE_LINES_MAX}")).into_iter().collect()
}

/// Something that waits to be written, or a lint that is switched off without a reason.
fn left_open(path: &str, text: &str) -> Vec<String> {
    let marks = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let attributes = ["#[", "#!["].map(|start| format!("{start}allow("));
    // A test runs or is deleted.
    let marks: Vec<String> = marks.into_iter().chain(attributes).chain([format!("#[{}", "ignore")]).collect();
    let found = |(number, line): (usize, &str)| {
        let mark = marks.iter().find(|mark| line.contains(mark.as_str()))?;
        Some(format!("{path}:{number}: `{mark}` must not stay"))
    };
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter_map(found).collect()
}

/// A path that only one machine has.
fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let places = ["work", "root", "farm"].map(|name| format!("/{name}/"));
    let found = places.iter().filter(|place| text.contains(place.as_str()));
    found.map(|place| format!("{path}: names `{place}`, which is a path of one machine")).collect()
}

/// A link to a file that is not there. Links to other sites are not followed.
fn dead_links(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let folder = Path::new(path).parent().unwrap();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let ours = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    let file_of = |target: &str| normal(&folder.join(target.split('#').next().unwrap()));
    ours.filter(|target| !exists(&file_of(target))).map(|target| format!("{path}: nothing at `{target}`")).collect()
}

/// The path without `..`.
fn normal(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.iter().filter_map(|part| part.to_str()) {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The lines with their numbers, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn check_sources(folders: &[&str], rule: fn(&str, &str) -> Vec<String>) {
    let sources = files(folders, "rs");
    assert!(!sources.is_empty(), "no sources below {folders:?}");
    let complaints: Vec<String> = sources.iter().flat_map(|path| rule(path, &read(path))).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of the documentation.
pub(crate) fn pages() -> Vec<String> {
    files(&[""], "md")
}

/// The files below some folders with an extension (any if it is empty), as paths from the root.
fn files(folders: &[&str], extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            let (name, path) = (entry.file_name().into_string().unwrap(), entry.path());
            if NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.retain(|path| extension.is_empty() || Path::new(path).extension().is_some_and(|found| found == extension));
    found.sort();
    found
}
