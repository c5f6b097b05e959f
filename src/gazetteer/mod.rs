//! The administrative units of Vietnam, of all dates since 2004: what a code was on a day, what a name means, which
//! periods are one place, and where its feed lives. Pure tables that come with the program (`data/README.md`);
//! `docs/LOCALITIES.md` has the rules.

mod addresses;
mod feed_addresses;
mod find;
mod locate;
mod names;
mod places;
mod resolve;
mod search;
mod succession;
mod table;
mod unit;
mod units;

use std::fmt;
use std::sync::{Arc, OnceLock};

use chrono::NaiveDate;
use sha2::{Digest as _, Sha256};

use self::addresses::Addresses;
use self::names::Names;
use self::succession::{Moves, Succession};
use self::units::Units;
use crate::domain::place::{Place, UnitCode};

pub use self::addresses::{Grown, extend, grow};
pub use self::feed_addresses::{FeedAddresses, Resolved};
pub use self::find::{Assigned, Hit, Part, Reason, Role, Why, assign};
pub use self::find::{evaluate, labelled};
pub use self::locate::Located;
pub use self::resolve::{Listed, Unresolved};
pub use self::succession::{Change, Predecessor, Successor};
pub use self::table::{Extent, GazetteerError, Tables};
pub use self::unit::{Kind, Unit};

/// All units of all dates. The tables are read once and shared; what has happened by now is what [`Gazetteer::as_of`] says.
#[derive(Clone, Default)]
pub struct Gazetteer {
    units: Arc<Units>,
    names: Arc<Names>,
    addresses: Arc<Addresses>,
    succession: Arc<Succession>,
    /// Where the feeds of places lead that are no more.
    moves: Arc<Moves>,
    /// The last day whose changes have happened; `None`: all have.
    today: Option<NaiveDate>,
    digest: String,
    /// What the finder looks for, built at the first search.
    lexicon: Arc<OnceLock<find::Lexicon>>,
}

/// Not all of its units.
impl fmt::Debug for Gazetteer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gazetteer").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Gazetteer {
    /// The gazetteer of this version of the program, read once. A test proves that its tables can be read: if they
    /// could not, it would be empty.
    #[must_use]
    pub fn built_in() -> Arc<Self> {
        static BUILT_IN: OnceLock<Arc<Gazetteer>> = OnceLock::new();
        Arc::clone(BUILT_IN.get_or_init(|| Arc::new(Self::parse(&Tables::built_in()).unwrap_or_default())))
    }

    /// Reads tables.
    ///
    /// # Errors
    /// [`GazetteerError`] names the line that cannot be read, the unit without a province, or the place without an
    /// address.
    pub fn parse(tables: &Tables<'_>) -> Result<Self, GazetteerError> {
        let mut units = Units::parse(tables.units)?;
        let edges = table::edges(tables.succession)?;
        places::join(&mut units, &edges)?;
        let succession = Succession::new(&units, &edges)?;
        let gazetteer = Self {
            names: Names::new(&units, tables.aliases)?.into(),
            addresses: Addresses::parse(tables.addresses)?.into(),
            moves: Moves::new(&units, &succession, None).into(),
            succession: succession.into(),
            units: units.into(),
            today: None,
            digest: digest(tables),
            lexicon: Arc::default(),
        };
        // First what vanished: whoever changes an old row makes a place of it that has no address, and must not be given one.
        if let Some((place, path)) = gazetteer.addresses.all().find(|(place, _)| gazetteer.units_of(*place).is_empty())
        {
            return Err(GazetteerError::NoPlace { place, path: path.to_owned() });
        }
        let missing = gazetteer.addresses.first_missing(gazetteer.places());
        missing.map_or(Ok(gazetteer), |place| Err(GazetteerError::NoAddress(place)))
    }

    /// What the finder looks for.
    fn lexicon(&self) -> &find::Lexicon {
        self.lexicon.get_or_init(|| find::Lexicon::new(self))
    }

    /// Reads tables that take the place of those of the program. An address that the program has once given stays for ever.
    ///
    /// # Errors
    /// Those of [`Gazetteer::parse`], and [`GazetteerError`] about a table without its head, an address of the program's own
    /// that is missing or belongs to another place, or what could be no address.
    pub fn newer(tables: &Tables<'_>) -> Result<Self, GazetteerError> {
        addresses::check_newer(tables)?;
        Self::parse(tables)
    }

    /// The same units, of which only those changes have happened that took effect on that day or before: a table may hold a
    /// reform before it comes.
    #[must_use]
    pub fn as_of(&self, today: NaiveDate) -> Self {
        let moves = Moves::new(&self.units, &self.succession, Some(today)).into();
        Self { moves, today: Some(today), ..self.clone() }
    }

    /// A value that differs when articles may come into other places: a short hash of all tables, and the last change that
    /// has happened.
    #[must_use]
    pub fn digest(&self) -> String {
        let last = self.succession.last_day(self.today).map(|day| day.to_string()).unwrap_or_default();
        format!("{}-{last}", self.digest)
    }

    /// The last day, up to today, on which something changed by the tables.
    #[must_use]
    pub fn last_change(&self) -> Option<NaiveDate> {
        self.succession.last_day(self.today)
    }

    /// The first day after `today` on which something changes by the tables.
    #[must_use]
    pub fn next_change(&self) -> Option<NaiveDate> {
        self.succession.first_day_after(self.today?)
    }

    /// What a code was on that day.
    #[must_use]
    pub fn at(&self, code: UnitCode, day: NaiveDate) -> Option<&Unit> {
        self.units.at(code, day).map(|(_, unit)| unit)
    }

    /// Every period of a code, oldest first: units that may have nothing in common but the code.
    #[must_use]
    pub fn periods(&self, code: UnitCode) -> Vec<&Unit> {
        self.units.of_code(code).map(|(_, unit)| unit).collect()
    }

    /// All units of a day, in the order of their codes: provinces, districts, communes.
    pub fn all_at(&self, day: NaiveDate) -> impl Iterator<Item = &Unit> {
        self.units.all().map(|(_, unit)| unit).filter(move |unit| unit.is_valid(day))
    }

    /// The unit and what it is a part of, each as it was on that day: commune, district (of old), province.
    #[must_use]
    pub fn self_and_ancestors<'a>(&'a self, unit: &'a Unit, day: NaiveDate) -> Vec<&'a Unit> {
        self.units.upwards(unit, day).collect()
    }

    /// The parts that a code had on that day, in the order of their codes.
    #[must_use]
    pub fn children(&self, code: UnitCode, day: NaiveDate) -> Vec<&Unit> {
        self.units.parts_of(code).map(|(_, unit)| unit).filter(|unit| unit.is_valid(day)).collect()
    }

    /// The place that a unit is a period of: the key of its feed.
    #[must_use]
    pub fn place_of(&self, unit: &Unit) -> Place {
        unit.place
    }

    /// The periods of a place, oldest first. Empty if there is no such place.
    #[must_use]
    pub fn units_of(&self, place: Place) -> Vec<&Unit> {
        let first = self.units.of_code(place.code).map(|(_, unit)| unit).find(|unit| unit.from == place.since);
        let first = first.filter(|unit| unit.place == place);
        std::iter::successors(first, |unit| self.units.get(unit.next?)).collect()
    }

    /// The address of a place: `phu-tho`, `phu-tho/xa-hung-lo`.
    #[must_use]
    pub fn path_of(&self, place: Place) -> Option<&str> {
        self.addresses.path_of(place)
    }

    /// The place of an address.
    #[must_use]
    pub fn by_path(&self, path: &str) -> Option<Place> {
        self.addresses.by_path(path).filter(|place| !self.units_of(*place).is_empty())
    }

    /// Every place, in the order of their codes and first days.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        let is_first = |unit: &&Unit| unit.place == Place { code: unit.code, since: unit.from };
        self.units.all().map(|(_, unit)| unit).filter(is_first).map(|unit| unit.place)
    }
}

impl Tables<'static> {
    /// The tables that the program carries.
    #[must_use]
    pub const fn built_in() -> Self {
        table::BUILT_IN
    }
}

fn digest(tables: &Tables<'_>) -> String {
    let mut hash = Sha256::new();
    for (_, table) in tables.each() {
        hash.update(table.len().to_le_bytes());
        hash.update(table);
    }
    let start = hash.finalize().first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(start))
}
