//! The tables as text: what their lines look like, and what is wrong with one that does not.

use chrono::NaiveDate;

use crate::domain::place::{Place, UnitCode};

/// The tables of a gazetteer, as the files under `data/` have them.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    /// `code,kind,name,parent,from,until`: a unit in one period of its life.
    pub units: &'a str,
    /// `date,old,new,extent,main`: what became of what on that day. `extent` is a word of [`Extent`].
    pub succession: &'a str,
    /// `code,name,alias`: another spelling of the unit of that code and name.
    pub aliases: &'a str,
    /// `code,from,path`: the address of the place whose first period that is. Sorted by path.
    pub addresses: &'a str,
}

/// The tables that the program carries.
pub(super) const BUILT_IN: Tables<'static> = Tables {
    units: include_str!("data/units.csv"),
    succession: include_str!("data/succession.csv"),
    aliases: include_str!("data/aliases.csv"),
    addresses: include_str!("data/addresses.csv"),
};

/// The names of the tables, and the heads that they begin with.
const HEADS: [(&str, &str); 4] = [
    ("units", "code,kind,name,parent,from,until"),
    ("succession", "date,old,new,extent,main"),
    ("aliases", "code,name,alias"),
    ("addresses", "code,from,path"),
];
/// So much of a line is shown where it cannot be read.
const SHOWN_CHARS_MAX: usize = 200;

impl<'a> Tables<'a> {
    /// Each table with its name, which its file has before `.csv`.
    #[must_use]
    pub const fn each(&self) -> [(&'static str, &'a str); 4] {
        let Self { units, succession, aliases, addresses } = *self;
        [("units", units), ("succession", succession), ("aliases", aliases), ("addresses", addresses)]
    }
}

/// Does every table begin with its head? Else its first line would be lost.
pub(super) fn check_heads(tables: &Tables<'_>) -> Result<(), GazetteerError> {
    let wrong = HEADS.into_iter().zip(tables.each()).find(|((_, head), (_, text))| text.lines().next() != Some(head));
    wrong.map_or(Ok(()), |((table, head), _)| Err(GazetteerError::Head { table, head }))
}

/// Why tables make no gazetteer. Every message begins with the table's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GazetteerError {
    /// A line is not of its table's form.
    #[error("{table}, line {line}: `{text}` {problem}")]
    Line {
        /// The table.
        table: &'static str,
        /// The line, from 1.
        line: usize,
        /// The line itself.
        text: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A table does not begin with its head.
    #[error("{table}, line 1: is not the head `{head}`")]
    Head {
        /// The table.
        table: &'static str,
        /// What it has to begin with.
        head: &'static str,
    },
    /// Two periods of one code that hold on the same day, or one that ends before it begins.
    #[error("units, {code}: a period does not end before the next one begins")]
    Overlap {
        /// The code.
        code: UnitCode,
    },
    /// A unit without a province on its last day.
    #[error("units, {code} from {}: its parent or its province does not hold on its last day", since(*from))]
    NoProvince {
        /// The unit.
        code: UnitCode,
        /// Its first day.
        from: Option<NaiveDate>,
    },
    /// An edge of the table of succession that joins no units.
    #[error("succession: `{old}` does not end on {day}, or there is no `{new}` on that day")]
    NothingToJoin {
        /// The day of the edge.
        day: NaiveDate,
        /// What is said to end.
        old: UnitCode,
        /// What is said to follow it.
        new: UnitCode,
    },
    /// A place that the table of addresses does not know.
    #[error("addresses: place {0} has none, extend the table")]
    NoAddress(Place),
    /// An address that was given to a place and would lead nowhere.
    #[error(
        "addresses: `{path}` is of place {place}, which the tables no longer have; old rows keep their code and first day"
    )]
    NoPlace {
        /// The place.
        place: Place,
        /// Its address.
        path: String,
    },
    /// A place that has two addresses.
    #[error("addresses: place {place} has two, one of them is `{path}`")]
    TwoAddresses {
        /// The place.
        place: Place,
        /// One of its addresses.
        path: String,
    },
    /// A line of the program's own addresses that newer tables do not have.
    #[error("addresses: the line `{line}` is missing, which the program's own table has")]
    AddressLost {
        /// The line.
        line: String,
    },
    /// A line that contradicts one of the program's own addresses.
    #[error("addresses: `{line}` contradicts `{known}` of the program's own table; an address stays for ever")]
    AddressMoved {
        /// The line.
        line: String,
        /// The one that counts.
        known: String,
    },
    /// A place for which every form of address is taken.
    #[error("addresses: all that place {place} could have are taken, the last one was `{path}`")]
    NoFreeAddress {
        /// The place.
        place: Place,
        /// What it could have had.
        path: String,
    },
    /// More units than can be counted.
    #[error("units: more than {} lines", u32::MAX)]
    TooMany,
}

impl GazetteerError {
    /// The message with something else, such as the path of a file, in place of the table's name.
    #[must_use]
    pub fn in_file(&self, file: impl Fn(&str) -> String) -> String {
        let text = self.to_string();
        let renamed = HEADS.iter().find_map(|(table, _)| Some(format!("{}{}", file(table), text.strip_prefix(table)?)));
        renamed.unwrap_or(text)
    }
}

fn since(from: Option<NaiveDate>) -> String {
    from.map_or_else(|| "the beginning".to_owned(), |day| day.to_string())
}

/// A line of a table, cut at its commas.
pub(super) struct Row<'a, const N: usize> {
    /// The fields.
    pub(super) fields: [&'a str; N],
    table: &'static str,
    line: usize,
    text: &'a str,
}

impl<const N: usize> Row<'_, N> {
    /// The error of this line.
    pub(super) fn wrong(&self, problem: &'static str) -> GazetteerError {
        wrong(self.table, self.line, self.text, problem)
    }

    /// Reads a field.
    pub(super) fn read<T>(&self, value: Option<T>, problem: &'static str) -> Result<T, GazetteerError> {
        value.ok_or_else(|| self.wrong(problem))
    }

    /// Reads a field that may be empty.
    pub(super) fn optional<T>(
        &self,
        field: &str,
        read: impl FnOnce(&str) -> Option<T>,
        problem: &'static str,
    ) -> Result<Option<T>, GazetteerError> {
        if field.is_empty() { Ok(None) } else { self.read(read(field), problem).map(Some) }
    }
}

fn wrong(table: &'static str, line: usize, text: &str, problem: &'static str) -> GazetteerError {
    GazetteerError::Line { table, line, text: text.chars().take(SHOWN_CHARS_MAX).collect(), problem }
}

/// The lines of a table after its head.
pub(super) fn rows<'a, const N: usize>(
    table: &'static str,
    text: &'a str,
) -> impl Iterator<Item = Result<Row<'a, N>, GazetteerError>> {
    let lines = text.lines().enumerate().skip(1).map(|(at, text)| (at + 1, text));
    lines.map(move |(line, text)| match fields(text) {
        Some(fields) => Ok(Row { fields, table, line, text }),
        None => Err(wrong(table, line, text, "has too few or too many fields")),
    })
}

/// Fields are so short that looking at every byte beats the search of `str::split`.
fn fields<const N: usize>(line: &str) -> Option<[&str; N]> {
    let (mut fields, mut rest) = ([""; N], Some(line));
    for field in &mut fields {
        let text = rest?;
        (*field, rest) = match text.bytes().position(|byte| byte == b',') {
            Some(comma) => (text.get(..comma)?, text.get(comma + 1..)),
            None => (text, None),
        };
    }
    rest.is_none().then_some(fields)
}

/// `2025-07-01`. By hand: the parser of chrono would take a third of the time that loading has.
pub(super) fn day(text: &str) -> Option<NaiveDate> {
    let is_form = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?;
    let (year, month, day) = (number(text.get(..4)?)?, number(text.get(5..7)?)?, number(text.get(8..)?)?);
    NaiveDate::from_ymd_opt(year.try_into().ok()?, month, day).filter(|_| is_form)
}

/// What became of what: some or all of `old` is `new` from that day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    /// The first day of the new unit.
    pub(super) day: NaiveDate,
    /// A unit until the day before.
    pub(super) old: UnitCode,
    /// A unit from that day on.
    pub(super) new: UnitCode,
    /// How much of the old unit it is.
    pub(super) extent: Extent,
    /// Is this the one successor of the old unit, by law or by population?
    pub(super) is_main: bool,
}

/// How much of a unit became another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// All of it, as it was, under whatever parent.
    Unchanged,
    /// All of it, under another name.
    Renamed,
    /// All of it, as another kind of unit.
    KindChanged,
    /// All of it, together with others.
    Whole,
    /// Some of its ground or of its people.
    Part,
}

impl Extent {
    /// Is it all of the unit?
    #[must_use]
    pub const fn is_whole(self) -> bool {
        !matches!(self, Self::Part)
    }

    /// Reads the word of the table. How much a part is does not matter: no source has numbers.
    fn of_word(word: &str) -> Option<Self> {
        match word {
            "unchanged" => Some(Self::Unchanged),
            "renamed" => Some(Self::Renamed),
            "kind_changed" => Some(Self::KindChanged),
            "whole" => Some(Self::Whole),
            "part" | "part_area" | "part_people" | "part_all_area" | "part_area_all_people" => Some(Self::Part),
            _ => None,
        }
    }
}

/// Reads the table of succession.
pub(super) fn edges(text: &str) -> Result<Vec<Edge>, GazetteerError> {
    let edge = |row: Row<'_, 5>| {
        let [date, old, new, extent, main] = row.fields;
        Ok(Edge {
            day: row.read(day(date), "has no date")?,
            old: row.read(old.parse().ok(), "has no code of an old unit")?,
            new: row.read(new.parse().ok(), "has no code of a new unit")?,
            extent: row.read(Extent::of_word(extent), "has no known extent")?,
            is_main: main == "1",
        })
    };
    rows("succession", text).map(|row| edge(row?)).collect()
}
