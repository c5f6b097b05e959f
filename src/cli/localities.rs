//! `loa localities`: the administrative units that the program knows, of any date, and the addresses of their feeds.

use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Subcommand;
use serde::Serialize;

use super::localities_explain::{self, ExplainArgs};
use super::localities_find::{self, EvaluateArgs, FindArgs};
use super::localities_history::History;
use super::{Global, Outcome, localities_tables, output, tables};
use crate::config::Config;
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::clock::{Clock as _, SystemClock};
use crate::domain::place::{Level, Place};
use crate::gazetteer::{Gazetteer, Kind, Unit};

/// Where the feeds of localities live, below [`FEEDS_PREFIX`].
const LOCALITY_PREFIX: &str = "locality/";
/// Spaces before a unit for each one above it.
const INDENT: usize = 2;

/// List, find and explain the administrative units of Vietnam, as of any date since 2004.
///
/// A UNIT is an official code (08287), or a kind and a name with what it is a part of after
/// commas (`xã Hùng Lô, Việt Trì`). Tones count; case, short kinds (TP, P., Q.) and the place of
/// a tone do not. What a text means depends on the date: today, or that of --at.
///
/// Examples:
///   loa localities list --province 'Phú Thọ' --level commune
///   loa localities tree 227 --at 2022-03-18
///   loa localities search 'hung lo'
///   loa localities show phu-tho/xa-hung-lo
///   loa localities at 2025-06-30
///   loa localities at 2022-03-18 'P.Minh Phương, Việt Trì'
///   loa localities find tin.txt --at 2022-03-18 --home 25
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Write JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the units of a day, with the addresses of their feeds.
    List {
        /// The day; today if it is left out.
        #[arg(long, value_name = "DATE", value_parser = day)]
        at: Option<NaiveDate>,
        /// Only this province, or any other unit, and what it is made of.
        #[arg(long, value_name = "UNIT")]
        province: Option<String>,
        /// Only units of this level.
        #[arg(long, value_enum)]
        level: Option<LevelName>,
    },
    /// Show a unit, or all of them, with what they are made of.
    Tree {
        /// The unit; the whole country if it is left out.
        unit: Option<String>,
        /// The day; today if it is left out.
        #[arg(long, value_name = "DATE", value_parser = day)]
        at: Option<NaiveDate>,
    },
    /// Find units of any date by some words of their names, with or without tones.
    Search {
        /// The words.
        text: String,
    },
    /// Show everything that is known of a unit: all its periods, its place, the address of its feed.
    Show {
        /// A code, a name, or the address of a feed. Of a code or a name, everything that it ever meant.
        #[arg(value_name = "UNIT|PATH")]
        unit: String,
    },
    /// Write the tables of the program into a directory, to start newer ones from.
    ///
    /// Writes units.csv, succession.csv, aliases.csv and addresses.csv, and never over a file that is there. Change them as
    /// docs/LOCALITIES.md tells, run `loa localities add-addresses DIR`, then set `localities.tables` (or --tables).
    Export {
        /// Where to; it is made if it is not there.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Give an address to every place of newer tables that has none.
    ///
    /// Checks the tables of the directory first, then adds lines to its addresses.csv and changes none. An address stays
    /// for ever: look at what is added before you serve it.
    AddAddresses {
        /// The directory of the tables.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Count the units of a day, or show what a text means on that day.
    At {
        /// The day.
        #[arg(value_name = "DATE", value_parser = day)]
        date: NaiveDate,
        /// What an article of that day might say.
        unit: Option<String>,
    },
    Find(FindArgs),
    Evaluate(EvaluateArgs),
    Explain(ExplainArgs),
}

/// The levels as the command line has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LevelName {
    /// Tỉnh, thành phố.
    Province,
    /// Quận, huyện, thị xã, thành phố of a province; until 30 June 2025.
    District,
    /// Xã, phường, thị trấn, đặc khu.
    Commune,
}

/// A period of a unit as it is listed.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line<'a> {
    code: String,
    level: &'static str,
    kind: &'static str,
    name: &'a str,
    full_name: String,
    /// Full names of what it is a part of, the nearest first.
    parents: Vec<String>,
    /// The first day; `None`: before the series of codes begins.
    from: Option<NaiveDate>,
    /// The first day on which it no longer holds; `None`: it holds at present.
    until: Option<NaiveDate>,
    place: String,
    /// Path of its feeds without extension.
    path: String,
    /// What came before and after; only shown with the last period of a single place.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    history: Option<History>,
    /// How deep it stands below where the list began, from 0.
    #[serde(skip)]
    depth: usize,
}

/// How lines are written for people.
type Writer = fn(&[Line<'_>]) -> String;

/// The numbers of a day.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Counts {
    date: NaiveDate,
    provinces: usize,
    districts: usize,
    communes: usize,
    kinds: Vec<KindCount>,
}

/// How many of one kind.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct KindCount {
    kind: &'static str,
    count: usize,
}

/// Runs the command.
pub(crate) async fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Export { directory } => localities_tables::export(directory, args.json)?,
        Command::AddAddresses { directory } => localities_tables::add_addresses(directory, args.json)?,
        Command::Explain(explain) => output::print(&localities_explain::explain(explain, global, args.json).await?)?,
        _ => tell(args, &global.start()?)?,
    }
    Ok(Outcome::Clean)
}

/// Answers a question about the tables that the configuration names.
fn tell(args: &Args, config: &Config) -> anyhow::Result<()> {
    let today = SystemClock.now().with_timezone(&config.site.timezone).date_naive();
    let text = answer(&tables::gazetteer(config)?.as_of(today), args, today)?;
    if text.is_empty() {
        output::note("nothing is called like that");
    }
    output::print(&text)
}

/// What the command prints.
fn answer(gazetteer: &Gazetteer, args: &Args, today: NaiveDate) -> anyhow::Result<String> {
    let day = |at: &Option<NaiveDate>| at.unwrap_or(today);
    let (lines, write): (Vec<Line<'_>>, Writer) = match &args.command {
        Command::List { at, province, level } => (list(gazetteer, day(at), province.as_deref(), *level)?, listed),
        Command::Tree { unit, at } => (tree(gazetteer, day(at), unit.as_deref())?, indented),
        Command::Search { text } => (found(gazetteer, text), dated),
        Command::Show { unit } => (with_history(gazetteer, known(gazetteer, unit, today)?), told),
        Command::At { date, unit: Some(unit) } => {
            let unit = gazetteer.resolve(unit, *date, &[])?;
            (vec![line(gazetteer, unit, *date, 0)], listed)
        }
        // They ask nothing.
        Command::Export { .. } | Command::AddAddresses { .. } | Command::Explain(_) => return Ok(String::new()),
        Command::At { date, unit: None } => {
            let counts = counts(gazetteer, *date);
            return Ok(if args.json { serde_json::to_string_pretty(&counts)? + "\n" } else { counted(&counts) });
        }
        Command::Find(find) => return localities_find::find(gazetteer, find, today, args.json),
        Command::Evaluate(evaluate) => return localities_find::measure(gazetteer, evaluate, args.json),
    };
    Ok(if args.json { serde_json::to_string_pretty(&lines)? + "\n" } else { write(&lines) })
}

fn list<'a>(
    gazetteer: &'a Gazetteer,
    day: NaiveDate,
    province: Option<&str>,
    level: Option<LevelName>,
) -> anyhow::Result<Vec<Line<'a>>> {
    let units: Vec<&Unit> = match province {
        Some(text) => {
            below(gazetteer, province_of(gazetteer, text, day)?, day).into_iter().map(|(unit, _)| unit).collect()
        }
        None => gazetteer.all_at(day).collect(),
    };
    let units = units.into_iter().filter(|unit| level.is_none_or(|level| level == level_name(unit.level())));
    Ok(units.map(|unit| line(gazetteer, unit, day, 0)).collect())
}

/// `Phú Thọ` is a province here, whatever else is called so.
fn province_of<'a>(gazetteer: &'a Gazetteer, text: &str, day: NaiveDate) -> anyhow::Result<&'a Unit> {
    let meanings = gazetteer.meanings(text, day).into_iter();
    let mut provinces = meanings.filter(|unit| unit.level() == Level::Province && unit.is_valid(day));
    Ok(provinces.next().map_or_else(|| gazetteer.resolve(text, day, &[]), Ok)?)
}

fn tree<'a>(gazetteer: &'a Gazetteer, day: NaiveDate, unit: Option<&str>) -> anyhow::Result<Vec<Line<'a>>> {
    let roots: Vec<&Unit> = match unit {
        Some(text) => vec![gazetteer.resolve(text, day, &[])?],
        None => gazetteer.all_at(day).filter(|unit| unit.level() == Level::Province).collect(),
    };
    let units = roots.into_iter().flat_map(|root| below(gazetteer, root, day));
    Ok(units.map(|(unit, depth)| line(gazetteer, unit, day, depth)).collect())
}

/// A unit and all that it is made of on a day, each with its depth.
fn below<'a>(gazetteer: &'a Gazetteer, root: &'a Unit, day: NaiveDate) -> Vec<(&'a Unit, usize)> {
    let (mut found, mut waiting) = (Vec::new(), vec![(root, 0)]);
    while let Some((unit, depth)) = waiting.pop() {
        found.push((unit, depth));
        let parts = gazetteer.children(unit.code, day);
        waiting.extend(parts.into_iter().rev().map(|part| (part, depth + 1)));
    }
    found
}

/// The periods of all places that have the words.
fn found<'a>(gazetteer: &'a Gazetteer, text: &str) -> Vec<Line<'a>> {
    periods(gazetteer, gazetteer.search(text))
}

/// The periods of the place of an address, or of all that a code or a name ever meant.
fn known<'a>(gazetteer: &'a Gazetteer, text: &str, today: NaiveDate) -> anyhow::Result<Vec<Line<'a>>> {
    if let Some(place) = gazetteer.by_path(without_affixes(text)) {
        return Ok(periods(gazetteer, [place]));
    }
    let mut places: Vec<Place> = Vec::new();
    for place in gazetteer.meanings(text, today).into_iter().map(|unit| gazetteer.place_of(unit)) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        gazetteer.resolve(text, today, &[])?;
    }
    Ok(periods(gazetteer, places))
}

/// The path of a feed's address, as a person may have copied it.
fn without_affixes(text: &str) -> &str {
    let path = text.strip_prefix(FEEDS_PREFIX).unwrap_or(text);
    let path = path.strip_prefix(LOCALITY_PREFIX).unwrap_or(path);
    path.split_once('.').map_or(path, |(path, _)| path)
}

fn periods(gazetteer: &Gazetteer, places: impl IntoIterator<Item = Place>) -> Vec<Line<'_>> {
    let units = places.into_iter().flat_map(|place| gazetteer.units_of(place));
    units.map(|unit| line(gazetteer, unit, unit.last_day(), 0)).collect()
}

fn line<'a>(gazetteer: &'a Gazetteer, unit: &'a Unit, day: NaiveDate, depth: usize) -> Line<'a> {
    let place = gazetteer.place_of(unit);
    Line {
        code: unit.code.to_string(),
        level: level_word(unit.level()),
        kind: unit.kind.word(),
        name: &unit.name,
        full_name: unit.full_name(),
        parents: gazetteer.self_and_ancestors(unit, day).into_iter().skip(1).map(Unit::full_name).collect(),
        from: unit.from,
        until: unit.until,
        place: place.to_string(),
        path: format!("{FEEDS_PREFIX}{LOCALITY_PREFIX}{}", gazetteer.path_of(place).unwrap_or_default()),
        history: None,
        depth,
    }
}

fn counts(gazetteer: &Gazetteer, date: NaiveDate) -> Counts {
    let units: Vec<&Unit> = gazetteer.all_at(date).collect();
    let of_level = |level| units.iter().filter(|unit| unit.level() == level).count();
    let of_kind =
        |kind: Kind| KindCount { kind: kind.word(), count: units.iter().filter(|unit| unit.kind == kind).count() };
    Counts {
        date,
        provinces: of_level(Level::Province),
        districts: of_level(Level::District),
        communes: of_level(Level::Commune),
        kinds: Kind::ALL.map(of_kind).into_iter().filter(|kind| kind.count > 0).collect(),
    }
}

const fn level_name(level: Level) -> LevelName {
    match level {
        Level::Province => LevelName::Province,
        Level::District => LevelName::District,
        Level::Commune => LevelName::Commune,
    }
}

const fn level_word(level: Level) -> &'static str {
    match level {
        Level::Province => "province",
        Level::District => "district",
        Level::Commune => "commune",
    }
}

/// Code, name with parents, address.
fn listed(lines: &[Line<'_>]) -> String {
    table(lines, |line| vec![line.code.clone(), with_parents(line), line.path.clone()])
}

/// The same with parents as indents.
fn indented(lines: &[Line<'_>]) -> String {
    let name = |line: &Line<'_>| format!("{:indent$}{}", "", line.full_name, indent = line.depth * INDENT);
    table(lines, |line| vec![name(line), line.code.clone(), line.path.clone()])
}

/// The same with the dates: periods of one place stand together.
fn dated(lines: &[Line<'_>]) -> String {
    let from = |line: &Line<'_>| line.from.map(|day| day.to_string()).unwrap_or_default();
    let last =
        |line: &Line<'_>| line.until.and_then(|day| day.pred_opt()).map(|day| day.to_string()).unwrap_or_default();
    let period = |line: &Line<'_>| format!("{:10} – {:10}", from(line), last(line));
    table(lines, |line| vec![line.code.clone(), period(line), with_parents(line), line.path.clone()])
}

/// Adds to the last period of each place what came before and after it.
fn with_history<'a>(gazetteer: &Gazetteer, mut lines: Vec<Line<'a>>) -> Vec<Line<'a>> {
    let places: Vec<String> = lines.iter().skip(1).map(|line| line.place.clone()).collect();
    let next = places.into_iter().map(Some).chain([None]);
    for (line, next) in lines.iter_mut().zip(next) {
        if next.as_ref() != Some(&line.place) {
            line.history = line.place.parse().ok().map(|place| History::of(gazetteer, place));
        }
    }
    lines
}

/// The periods of each place, and what came before and after it.
fn told(lines: &[Line<'_>]) -> String {
    let is_end = |line: &Line<'_>| line.history.is_some();
    let places = lines.split_inclusive(is_end);
    let tell = |place: &[Line<'_>]| {
        let history = place.last().and_then(|line| line.history.as_ref()).map(History::text).unwrap_or_default();
        dated(place) + &history
    };
    places.map(tell).collect::<Vec<_>>().join("\n")
}

fn with_parents(line: &Line<'_>) -> String {
    [std::slice::from_ref(&line.full_name), &line.parents].concat().join(", ")
}

/// Columns of equal width.
fn table(lines: &[Line<'_>], cells: impl Fn(&Line<'_>) -> Vec<String>) -> String {
    let rows: Vec<Vec<String>> = lines.iter().map(cells).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(row.len(), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn counted(counts: &Counts) -> String {
    let Counts { date, provinces, districts, communes, kinds } = counts;
    let mut text = format!("{date}: {provinces} provinces, {districts} districts, {communes} communes\n");
    let width = kinds.iter().map(|line| line.kind.chars().count()).max().unwrap_or_default();
    for KindCount { kind, count } in kinds {
        // Writing to a String cannot fail.
        let _infallible = writeln!(text, "  {kind:width$}  {count:>6}");
    }
    text
}

pub(super) fn day(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_error| "expected a date such as 2022-03-18".to_owned())
}

#[cfg(test)]
mod tests;
