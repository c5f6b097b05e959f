//! The addresses of places: a table that is generated once and then only grows, because an address that ever worked
//! has to work for good.

use std::collections::{HashMap, HashSet};

use chrono::Datelike as _;

use super::places::{self, province};
use super::table::{self, GazetteerError, Tables, day, rows};
use super::unit::Unit;
use super::units::Units;
use crate::domain::place::{Level, Place};
use crate::text::slug::slug;

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
        Ok(Self { text: text.into(), by_path, by_place })
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
    let mut units = Units::parse(tables.units)?;
    places::join(&mut units, &table::edges(tables.succession)?)?;
    let mut book = Book::new(&Addresses::parse(tables.addresses)?);
    for unit in in_order_of_claim(&units) {
        book.add(&units, unit)?;
    }
    Ok(book.table())
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
        self.taken.insert(path.clone());
        self.paths.insert(place, path);
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
        let since = |place: &Place| place.since.map(|day| day.to_string()).unwrap_or_default();
        let lines = rows.into_iter().map(|(path, place)| format!("{},{},{path}\n", place.code, since(place)));
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
