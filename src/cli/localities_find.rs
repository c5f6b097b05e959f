//! `loa localities find` and `loa localities evaluate`: the places that a text names, and how well they are found.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::NaiveDate;
use serde::Serialize;

use crate::domain::place::{Level, UnitCode};
use crate::gazetteer::evaluate::{Error, Evaluation, Fault, Tally, evaluate};
use crate::gazetteer::labelled::stories;
use crate::gazetteer::{Assigned, Gazetteer, Hit, Part, Role, Unit, assign};

/// Longest text that is read from standard input or a file, in bytes: some thousand stories.
const TEXT_BYTES_MAX: u64 = 64 << 20;
/// Labelled stories are in files that end so.
const LABELLED: &str = "txt";

/// Find the places that a text names.
///
/// The text is plain, one paragraph a line; the first line is the title. A name counts where its
/// kind stands before it (`xã Hùng Lô`, `TP Việt Trì`, `Thành ủy Việt Trì`), in a list that shares
/// one (`các xã Kim Đức, Hùng Lô`), where it is a province's, where the story names it in full
/// elsewhere, or where it is one of the newspaper's own provinces. Tones and capitals count. A name
/// that may be several units, and of which nothing tells which, is no place.
///
/// Each place is printed with its line and character, the unit, and why; then the units that the
/// story would be filed under: those in the title, or named twice or more.
///
/// Examples:
///   loa localities find tin.txt --at 2022-03-18 --home 25
///   echo 'UBND xã Hùng Lô họp' | loa localities find --body
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct FindArgs {
    /// The file; standard input if it is left out.
    file: Option<PathBuf>,
    /// The day of the text; today if it is left out.
    #[arg(long, value_name = "DATE", value_parser = super::localities::day)]
    at: Option<NaiveDate>,
    /// The newspaper's own provinces, as codes or names.
    #[arg(long, value_name = "UNIT", num_args = 1..)]
    home: Vec<String>,
    /// There is no title: every line is a paragraph of the body.
    #[arg(long)]
    body: bool,
    /// Every line is a story of its own, of which nothing but that line is known; nothing is filed.
    #[arg(long, conflicts_with = "body")]
    apart: bool,
}

/// Measure how well places are found, with labelled stories.
///
/// A labelled story is plain text in which each name is marked with its unit: `xã [Hùng Lô|08287]`.
/// How such files are written is told by the documentation of the module `labelled`.
///
/// Printed are, for names in texts and for stories filed: how many there are, how many were found,
/// how many of these are right, and the shares: precision (of what was found, how much is right)
/// and recall (of what there is, how much was found).
///
/// Examples:
///   loa localities evaluate fixtures/places
///   loa localities evaluate fixtures/places/tuned --errors
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct EvaluateArgs {
    /// Files of labelled stories, or directories of them.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Show everything that was found and is not right, or is right and was not found.
    #[arg(long)]
    errors: bool,
}

/// A place as it is listed.
#[derive(Debug, Serialize)]
struct FoundLine<'a> {
    /// Line and character of the place, from 1.
    line: usize,
    character: usize,
    text: &'a str,
    name: &'a str,
    code: String,
    unit: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct FiledLine {
    code: String,
    unit: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    places: Vec<FoundLine<'a>>,
    filed: Vec<FiledLine>,
}

#[derive(Debug, Serialize)]
struct TallyLine {
    wanted: usize,
    found: usize,
    right: usize,
    precision: f64,
    recall: f64,
}

#[derive(Debug, Serialize)]
struct FaultLine {
    error: &'static str,
    file: String,
    line: usize,
    story: String,
    code: String,
    unit: String,
    reason: Option<String>,
    text: Option<[String; 3]>,
}

#[derive(Debug, Serialize)]
struct EvaluationLine {
    stories: usize,
    find: TallyLine,
    assign: TallyLine,
    find_errors: Vec<FaultLine>,
    assign_errors: Vec<FaultLine>,
}

/// What `find` prints.
pub(super) fn find(gazetteer: &Gazetteer, args: &FindArgs, today: NaiveDate, as_json: bool) -> anyhow::Result<String> {
    let text = read(args.file.as_deref())?;
    let day = args.at.unwrap_or(today);
    let home = home(gazetteer, &args.home, day)?;
    let parts = parts(&text, args.body || args.apart);
    let hits = if args.apart {
        let alone = |(at, part)| {
            let hits = gazetteer.find_places(std::slice::from_ref(part), day, &home);
            hits.into_iter().map(move |hit| Hit { part: at, ..hit })
        };
        parts.iter().enumerate().flat_map(alone).collect()
    } else {
        gazetteer.find_places(&parts, day, &home)
    };
    let places = hits.iter().map(|hit| found_line(gazetteer, &parts, hit, day)).collect();
    let filed = if args.apart { Vec::new() } else { assign(&parts, &hits) };
    let filed = filed.iter().map(|assigned| filed_line(gazetteer, assigned, day)).collect();
    let answer = Answer { places, filed };
    Ok(if as_json { serde_json::to_string_pretty(&answer)? + "\n" } else { told(&answer) })
}

fn read(file: Option<&Path>) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = |reader: &mut dyn std::io::Read, text: &mut String| reader.take(TEXT_BYTES_MAX).read_to_string(text);
    match file {
        Some(path) => {
            let mut opened = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
            read(&mut opened, &mut text).with_context(|| format!("{} cannot be read", path.display()))?;
        }
        None => {
            read(&mut std::io::stdin().lock(), &mut text).context("standard input cannot be read")?;
        }
    }
    Ok(text)
}

/// A name of a province is that province, whatever else is called so.
fn home(gazetteer: &Gazetteer, texts: &[String], day: NaiveDate) -> anyhow::Result<Vec<UnitCode>> {
    let province = |text: &String| {
        let meanings = gazetteer.meanings(text, day).into_iter();
        let mut provinces: Vec<&Unit> = meanings.filter(|unit| unit.level() == Level::Province).collect();
        provinces.sort_by_key(|unit| !unit.is_valid(day));
        match provinces.first() {
            Some(unit) => Ok(unit.code),
            None => Err(anyhow::anyhow!("--home {text}: expected a province, as code or name")),
        }
    };
    texts.iter().map(province).collect()
}

fn parts(text: &str, is_body: bool) -> Vec<Part<'_>> {
    let role = |at: usize| if at == 0 && !is_body { Role::Title } else { Role::Body };
    text.lines().enumerate().map(|(at, text)| Part { role: role(at), text }).collect()
}

fn found_line<'a>(gazetteer: &Gazetteer, parts: &[Part<'a>], hit: &Hit<'_>, day: NaiveDate) -> FoundLine<'a> {
    let text = parts.get(hit.part).map(|part| part.text).unwrap_or_default();
    FoundLine {
        line: hit.part + 1,
        character: text.get(..hit.span.start).unwrap_or_default().chars().count() + 1,
        text: text.get(hit.span.clone()).unwrap_or_default(),
        name: text.get(hit.name.clone()).unwrap_or_default(),
        code: hit.unit.code.to_string(),
        unit: described(gazetteer, hit.unit, day),
        reason: hit.reason.to_string(),
    }
}

fn filed_line(gazetteer: &Gazetteer, assigned: &Assigned<'_>, day: NaiveDate) -> FiledLine {
    FiledLine {
        code: assigned.unit.code.to_string(),
        unit: described(gazetteer, assigned.unit, day),
        why: assigned.why.to_string(),
    }
}

/// The unit with what it lies in, and its period where that is over.
fn described(gazetteer: &Gazetteer, unit: &Unit, day: NaiveDate) -> String {
    let name = gazetteer.describe(unit, day);
    if unit.is_valid(day) { name } else { format!("{name} {}", unit.period()) }
}

fn told(answer: &Answer<'_>) -> String {
    let mut text = String::new();
    for place in &answer.places {
        let FoundLine { line, character, text: found, unit, reason, .. } = place;
        // Writing to a String cannot fail.
        let _infallible = writeln!(text, "{line}:{character}  {found}  →  {unit}: {reason}");
    }
    if answer.places.is_empty() {
        text.push_str("no place is named\n");
    }
    for FiledLine { unit, why, .. } in &answer.filed {
        let _infallible = writeln!(text, "filed under {unit}: {why}");
    }
    text
}

/// What `evaluate` prints.
pub(super) fn measure(gazetteer: &Gazetteer, args: &EvaluateArgs, as_json: bool) -> anyhow::Result<String> {
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, &mut files)?;
    }
    let mut read = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        read.extend(stories(&path.display().to_string(), &text, gazetteer)?);
    }
    let result = evaluate(gazetteer, &read);
    if as_json {
        return Ok(serde_json::to_string_pretty(&evaluation_line(&result))? + "\n");
    }
    let mut text = tallied(&result);
    if args.errors {
        list_faults(&mut text, "names", &result.find_faults);
        list_faults(&mut text, "filed", &result.assign_faults);
    }
    Ok(text)
}

/// The files of labelled stories below a path, in order.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() || path.extension().is_some_and(|extension| extension == LABELLED) {
            collect(&path, files)?;
        }
    }
    Ok(())
}

fn tallied(result: &Evaluation<'_>) -> String {
    let mut text = format!("{} stories\n        mentions   found   right  precision  recall\n", result.stories);
    for (name, tally) in [("find", &result.find), ("assign", &result.assign)] {
        let Tally { wanted, found, right } = tally;
        let (precision, recall) = (tally.precision(), tally.recall());
        let _infallible =
            writeln!(text, "{name:6}  {wanted:>8}  {found:>6}  {right:>6}  {precision:>9.4}  {recall:>6.4}");
    }
    text
}

fn list_faults(text: &mut String, what: &str, faults: &[Fault<'_>]) {
    for fault in faults {
        let error = error_word(fault.error);
        let _infallible =
            write!(text, "{what} {error}: {}:{} [{}] {}", fault.file, fault.line, fault.head, named(fault.unit));
        if let Some((reason, [before, name, after])) = &fault.place {
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            let _infallible = write!(text, "{reason}\n    {before}⟦{name}⟧{after}");
        }
        text.push('\n');
    }
}

const fn error_word(error: Error) -> &'static str {
    match error {
        Error::False => "false",
        Error::Missed => "missed",
    }
}

fn named(unit: &Unit) -> String {
    format!("{} {} {}", unit.code, unit.full_name(), unit.period())
}

fn evaluation_line(result: &Evaluation<'_>) -> EvaluationLine {
    let tally = |tally: &Tally| TallyLine {
        wanted: tally.wanted,
        found: tally.found,
        right: tally.right,
        precision: tally.precision(),
        recall: tally.recall(),
    };
    let faults = |faults: &[Fault<'_>]| faults.iter().map(fault_line).collect();
    EvaluationLine {
        stories: result.stories,
        find: tally(&result.find),
        assign: tally(&result.assign),
        find_errors: faults(&result.find_faults),
        assign_errors: faults(&result.assign_faults),
    }
}

fn fault_line(fault: &Fault<'_>) -> FaultLine {
    FaultLine {
        error: error_word(fault.error),
        file: fault.file.clone(),
        line: fault.line,
        story: fault.head.clone(),
        code: fault.unit.code.to_string(),
        unit: fault.unit.full_name(),
        reason: fault.place.as_ref().and_then(|(reason, _)| Some((*reason)?.to_string())),
        text: fault.place.as_ref().map(|(_, text)| text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn found(text: &str, flags: &str) -> String {
        let (body, apart, as_json) = (flags == "body", flags == "apart", flags == "json");
        let file = file(text);
        let day = "2022-03-18".parse().unwrap();
        let args = FindArgs {
            file: Some(file.path().to_owned()),
            at: Some(day),
            home: vec!["Phú Thọ".to_owned()],
            body,
            apart,
        };
        find(&Gazetteer::built_in(), &args, day, as_json).unwrap()
    }

    #[test]
    fn places_are_printed_with_position_unit_and_reason() {
        let expect = "\
1:1  Xã Hùng Lô  →  Xã Hùng Lô, Thành phố Việt Trì, Tỉnh Phú Thọ (08287): kind and name
2:4  TP Việt Trì  →  Thành phố Việt Trì, Tỉnh Phú Thọ (227): kind and name
filed under Xã Hùng Lô, Thành phố Việt Trì, Tỉnh Phú Thọ (08287): in the title
";
        assert_eq!(found("Xã Hùng Lô đổi mới\nTừ TP Việt Trì về.\n", ""), expect);
        assert!(!found("Xã Hùng Lô đổi mới\n", "body").contains("filed"));
        let apart = found("Xã Hùng Lô đổi mới\nHùng Lô vui\n", "apart");
        assert_eq!(apart.lines().count(), 1, "{apart}");
        assert_eq!(found("Không có gì", ""), "no place is named\n");
        let json: serde_json::Value = serde_json::from_str(&found("Xã Hùng Lô", "json")).unwrap();
        assert_eq!((&json["places"][0]["code"], &json["places"][0]["name"]), (&"08287".into(), &"Hùng Lô".into()));
        assert_eq!(json["filed"][0]["why"], "in the title");
    }

    #[test]
    fn an_evaluation_is_a_table_and_lists_its_errors() {
        let story =
            "## 1 x\ndate: 2022-03-18\nhome: 25\nassign:\ntitle: Chè\nbody: Xã [Hùng Lô|08287], [Chè|227] Tu Vũ\n";
        let file = file(story);
        let measured = |errors, as_json| {
            let args = EvaluateArgs { paths: vec![file.path().to_owned()], errors };
            measure(&Gazetteer::built_in(), &args, as_json).unwrap()
        };
        let expect = "\
1 stories
        mentions   found   right  precision  recall
find           2       1       1     1.0000  0.5000
assign         0       0       0     1.0000  1.0000
";
        assert_eq!(measured(false, false), expect);
        let listed = measured(true, false);
        assert!(
            listed.contains(":6 [1 x] 227 Thành phố Việt Trì to 2025-06-30\n    Xã Hùng Lô, ⟦Chè⟧ Tu Vũ\n"),
            "{listed}"
        );
        let json: serde_json::Value = serde_json::from_str(&measured(false, true)).unwrap();
        assert_eq!(json["find"]["recall"], 0.5);
        assert_eq!(json["find_errors"][0]["error"], "missed");
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let args = EvaluateArgs { paths: vec!["nowhere.txt".into()], errors: false };
        let error = measure(&Gazetteer::built_in(), &args, false).unwrap_err();
        assert_eq!(error.to_string(), "nowhere.txt cannot be read");
        let error = home(&Gazetteer::built_in(), &["Hùng Lô".to_owned()], "2022-03-18".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "--home Hùng Lô: expected a province, as code or name");
    }
}
