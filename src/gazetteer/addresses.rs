//! The addresses of places: a table that is generated once and then only grows, because an address that ever worked
//! has to work for good.

use std::collections::{HashMap, HashSet};

use chrono::Datelike as _;

use super::places::{self, province};
use super::table::{self, GazetteerError, Tables, check_heads, day, rows};
use super::unit::Unit;
use super::units::Units;
use crate::domain::place::{Level, Place};
use crate::text::slug::{self, slug};

/// The head of the table.
const HEAD: &str = "code,from,path\n";
/// The year in which the series of codes begins: that of units whose first day is before it.
const SERIES_YEAR: i32 = 2004;

/// The addresses, for looking up both ways. In the order of their paths.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// All paths, each with a line end after it, so that nothing is found across two.
    text: Box<str>,
    /// Each place with the end of its path within `text`; it begins after the line end of the one before.
    by_path: Vec<(Place, usize)>,
    /// Places of `by_path`, in the order of places.
    by_place: Vec<(Place, u32)>,
}

impl Addresses {
    /// Reads the table.
    pub(super) fn parse(table: &str) -> Result<Self, GazetteerError> {
        let (mut text, mut by_path, mut last) = (String::with_capacity(table.len()), Vec::new(), "");
        for row in rows("addresses", table) {
            let row = row?;
            let [code, from, path] = row.fields;
            if path <= last {
                return Err(row.wrong("has a path that is not after the one before"));
            }
            last = path;
            text.push_str(path);
            let code = row.read(code.parse().ok(), "has no official code")?;
            let since = row.optional(from, day, "has no first day that can be read")?;
            by_path.push((Place { code, since }, text.len()));
            text.push('\n');
        }
        let mut by_place: Vec<_> = by_path.iter().zip(0..).map(|((place, _), at)| (*place, at)).collect();
        by_place.sort_unstable();
        let addresses = Self { text: text.into(), by_path, by_place };
        addresses.second().map_or(Ok(()), Err)?;
        Ok(addresses)
    }

    /// A place that has two.
    fn second(&self) -> Option<GazetteerError> {
        let mut neighbours = self.by_place.iter().zip(self.by_place.iter().skip(1));
        let ((place, at), _) = neighbours.find(|((one, _), (next, _))| one == next)?;
        let path = self.path(usize::try_from(*at).ok()?)?.to_owned();
        Some(GazetteerError::TwoAddresses { place: *place, path })
    }

    /// The address of a place.
    pub(super) fn path_of(&self, place: Place) -> Option<&str> {
        let at = self.by_place.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.path(usize::try_from(self.by_place.get(at)?.1).ok()?)
    }

    /// The first of some places in order that has no address.
    pub(super) fn first_missing(&self, mut places: impl Iterator<Item = Place>) -> Option<Place> {
        let mut known = self.by_place.iter();
        places.find(|place| !known.any(|(known, _)| known == place))
    }

    /// The place of an address.
    pub(super) fn by_path(&self, path: &str) -> Option<Place> {
        let (mut low, mut high) = (0, self.by_path.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.path(middle)?.cmp(path) {
                std::cmp::Ordering::Equal => return Some(self.by_path.get(middle)?.0),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Has the place no other address, and the address no other place?
    fn check_beside(&self, place: Place, path: &str) -> Result<(), GazetteerError> {
        let other_path = self.path_of(place).filter(|other| *other != path).map(|other| line(place, other));
        let other_place = self.by_path(path).filter(|other| *other != place).map(|other| line(other, path));
        let moved = |line| GazetteerError::AddressMoved { line, known: self::line(place, path) };
        other_path.or(other_place).map_or(Ok(()), |line| Err(moved(line)))
    }

    /// Every place with its address, in the order of addresses.
    pub(super) fn all(&self) -> impl Iterator<Item = (Place, &str)> {
        (0..).zip(&self.by_path).filter_map(|(at, (place, _))| Some((*place, self.path(at)?)))
    }

    /// Every place whose address has the text in it, in the order of addresses. One search through all of them, many
    /// times faster than one in each.
    pub(super) fn containing(&self, text: &str) -> impl Iterator<Item = (Place, &str)> {
        let found = self.text.match_indices(text).map(|(start, _)| start);
        let mut numbers: Vec<_> = found.map(|start| self.by_path.partition_point(|(_, end)| *end <= start)).collect();
        numbers.dedup();
        numbers.into_iter().filter_map(|at| Some((self.by_path.get(at)?.0, self.path(at)?)))
    }

    fn path(&self, at: usize) -> Option<&str> {
        let start = at.checked_sub(1).map_or(Some(0), |before| Some(self.by_path.get(before)?.1 + 1))?;
        self.text.get(start..self.by_path.get(at)?.1)
    }
}

/// The table of addresses with a line for every place of the tables that had none. No line that is there is changed,
/// whatever the other tables say by now.
///
/// # Errors
/// Those of the tables; [`GazetteerError::NoFreeAddress`] if all that a place could have is taken.
pub fn extend(tables: &Tables<'_>) -> Result<String, GazetteerError> {
    extended(tables, Book::new(&Addresses::parse(tables.addresses)?)).map(|book| book.table())
}

/// Adds the addresses of places that have none.
fn extended(tables: &Tables<'_>, mut book: Book) -> Result<Book, GazetteerError> {
    let mut units = Units::parse(tables.units)?;
    places::join(&mut units, &table::edges(tables.succession)?)?;
    for unit in in_order_of_claim(&units) {
        book.add(&units, unit)?;
    }
    Ok(book)
}

/// A table of addresses that has grown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// The whole table.
    pub table: String,
    /// The lines that it did not have before, in their order.
    pub added: Vec<String>,
}

/// Extends newer tables that take the place of those of the program: also by the program's own addresses, which theirs may
/// not have.
///
/// # Errors
/// Those of [`extend`]; [`GazetteerError::AddressMoved`] if theirs contradict the program's own.
pub fn grow(tables: &Tables<'_>) -> Result<Grown, GazetteerError> {
    check_heads(tables)?;
    let (given, own) = (Addresses::parse(tables.addresses)?, Addresses::parse(Tables::built_in().addresses)?);
    let mut book = Book::new(&given);
    for (place, path) in own.all() {
        given.check_beside(place, path)?;
        book.keep(place, path);
    }
    let table = extended(tables, book)?.table();
    let known: HashSet<&str> = tables.addresses.lines().collect();
    let added = table.lines().filter(|line| !known.contains(line)).map(str::to_owned).collect();
    Ok(Grown { table, added })
}

/// Do newer tables begin with their heads, have every line of the program's own addresses, and none that could be no
/// address?
pub(super) fn check_newer(tables: &Tables<'_>) -> Result<(), GazetteerError> {
    check_heads(tables)?;
    for row in rows::<3>("addresses", tables.addresses) {
        let row = row?;
        let [_, _, path] = row.fields;
        row.read(is_address(path).then_some(()), "has a path that is no address, such as `phu-tho/xa-hung-lo`")?;
    }
    let (given, own) = (Addresses::parse(tables.addresses)?, Addresses::parse(Tables::built_in().addresses)?);
    for (place, path) in own.all() {
        given.check_beside(place, path)?;
        if given.path_of(place).is_none() {
            return Err(GazetteerError::AddressLost { line: line(place, path) });
        }
    }
    Ok(())
}

/// One slug for a province, two for anything else.
fn is_address(path: &str) -> bool {
    let (province, unit) = path.split_once('/').map_or((path, None), |(province, unit)| (province, Some(unit)));
    slug::is_usable(province) && unit.is_none_or(slug::is_usable)
}

/// A line of the table.
fn line(place: Place, path: &str) -> String {
    let since = place.since.map(|day| day.to_string()).unwrap_or_default();
    format!("{},{since},{path}", place.code)
}

/// The last period of every place, in the order in which they choose an address. Provinces first, because theirs are
/// part of the others'. Of several that would have the same, that which holds at present; else that which held last;
/// else the lowest code.
fn in_order_of_claim(units: &Units) -> Vec<&Unit> {
    let mut last: Vec<_> = units.all().map(|(_, unit)| unit).filter(|unit| unit.next.is_none()).collect();
    last.sort_by_key(|unit| (unit.level(), std::cmp::Reverse(unit.last_day()), unit.place));
    last
}

/// The table as it grows.
struct Book {
    paths: HashMap<Place, String>,
    taken: HashSet<String>,
}

impl Book {
    fn new(known: &Addresses) -> Self {
        let paths: HashMap<_, _> = known.all().map(|(place, path)| (place, path.to_owned())).collect();
        let taken = paths.values().cloned().collect();
        Self { paths, taken }
    }

    /// The place has this address.
    fn keep(&mut self, place: Place, path: &str) {
        self.taken.insert(path.to_owned());
        self.paths.insert(place, path.to_owned());
    }

    /// Gives the place of a unit an address, if it has none.
    fn add(&mut self, units: &Units, unit: &Unit) -> Result<(), GazetteerError> {
        let place = unit.place;
        if self.paths.contains_key(&place) {
            return Ok(());
        }
        let plain = self.plain(units, unit)?;
        let mut forms = forms(&plain, place);
        let path = forms.find(|path| !self.taken.contains(path));
        let path = path.ok_or(GazetteerError::NoFreeAddress { place, path: plain })?;
        self.keep(place, &path);
        Ok(())
    }

    /// What a unit's address would be if nobody else had it.
    fn plain(&self, units: &Units, unit: &Unit) -> Result<String, GazetteerError> {
        if unit.level() == Level::Province {
            return Ok(slug(&unit.name));
        }
        let province = province(units, unit).and_then(|place| self.paths.get(&place));
        let province = province.ok_or(GazetteerError::NoProvince { code: unit.code, from: unit.from })?;
        Ok(format!("{province}/{}", slug(&unit.full_name())))
    }

    fn table(&self) -> String {
        let mut rows: Vec<_> = self.paths.iter().map(|(place, path)| (path, place)).collect();
        rows.sort_unstable();
        let lines = rows.into_iter().map(|(path, place)| line(*place, path) + "\n");
        std::iter::once(HEAD.to_owned()).chain(lines).collect()
    }
}

/// The forms of an address: plain, with the code, with the year, with the whole day.
fn forms(plain: &str, place: Place) -> impl Iterator<Item = String> + use<> {
    let with_code = format!("{plain}-{}", place.code);
    let year = place.since.map_or(SERIES_YEAR, |day| day.year());
    let with_year = format!("{with_code}-{year}");
    let with_day = place.since.map(|day| format!("{with_code}-{day}"));
    [plain.to_owned(), with_code, with_year].into_iter().chain(with_day)
}
