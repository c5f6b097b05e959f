//! What `loa store install` makes in the newsroom's database: the change log and the triggers that write it. Loa itself
//! never runs any of this but at that command; why the log is as it is says `docs/decisions/change-log.md`.

pub(super) mod foreign;
pub(super) mod postgres;
pub(super) mod sqlite;
mod timed;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::contract::Place;
use super::{Options, StoreError};

/// What the change log's relations are called, after the prefix.
pub(super) const LOG: &str = "loa_log";
pub(super) const CHANGES: &str = "loa_changes";

/// SQLSTATE of a relation that may not be read.
pub(super) const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// What is to be said of such a log, and of one without a name.
pub(super) const MAY_NOT_BE_READ: &str = "the change log may not be read: run `loa store install --grant ROLE`";
pub(super) const IS_EMPTY: &str = "the change log is empty, run `loa store install` again";

/// What a person asks for beside the relations that are tables.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The tables behind relations that are views.
    pub watch: Vec<Watch>,
    /// The roles that may read the log.
    pub grants: Vec<String>,
    /// What names a new log: must not have been used before.
    pub id: String,
}

/// A table behind a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The table, with its schema where the name alone is not clear.
    pub table: String,
    /// Its column that holds the article's id as the view shows it; `None` if it has none.
    pub column: Option<String>,
}

impl FromStr for Watch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (table, column) = text.split_once('=').map_or((text, None), |(table, column)| (table, Some(column)));
        let plain = |name: &str| !name.is_empty() && !name.contains(['"', '\'', '\0']);
        if plain(table) && column.is_none_or(plain) {
            return Ok(Self { table: table.to_owned(), column: column.map(ToOwned::to_owned) });
        }
        Err(format!("`{text}` is no TABLE=COLUMN, such as cms.posts=post_id"))
    }
}

/// What a change of a watched table means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Articles whose ids stand in a column.
    Articles,
    /// The categories.
    Categories,
    /// Anything: only a complete read can tell.
    Everything,
}

impl What {
    /// As it stands in the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Articles => "articles",
            Self::Categories => "categories",
            Self::Everything => "everything",
        }
    }
}

/// Whether the change log is there, and how it stands.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Status {
    /// Are its tables there?
    pub installed: bool,
    /// Is everything covered that the contract's relations are made of?
    pub complete: bool,
    /// What is not covered, and the way out.
    pub uncovered: Vec<String>,
    /// The tables that are watched, each with what a change of it means.
    pub watched: Vec<String>,
    /// What the log cannot tell although it is complete, each with the way out.
    pub warnings: Vec<String>,
    /// The newest line; none yet where it is 0.
    pub last_line: i64,
    /// The oldest line that is kept.
    pub oldest_line: i64,
    /// Every transaction before this one has ended (PostgreSQL).
    pub horizon: Option<i64>,
    /// How many transactions have begun since the oldest one that is still open (PostgreSQL).
    pub lag: Option<i64>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.installed {
            return writeln!(f, "no change log is installed: changes are found by complete reads (level C)");
        }
        let level = if self.complete { "complete (level A)" } else { "INCOMPLETE (level C)" };
        writeln!(f, "the change log is installed and {level}")?;
        writeln!(f, "lines {} to {}", self.oldest_line, self.last_line)?;
        if let (Some(horizon), Some(lag)) = (self.horizon, self.lag) {
            writeln!(f, "every transaction before {horizon} has ended; {lag} have begun since")?;
        }
        self.watched.iter().try_for_each(|watched| writeln!(f, "watched: {watched}"))?;
        self.uncovered.iter().try_for_each(|uncovered| writeln!(f, "not covered: {uncovered}"))?;
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

/// The SQL that installs the change log, or brings it up to date; `None` if nothing is to be done.
///
/// # Errors
/// [`StoreError::Contract`] where a relation cannot be covered, with the way out; [`StoreError::Database`].
pub async fn script(url: &str, options: &Options, wishes: &Wishes) -> Result<String, StoreError> {
    if is_sqlite(url) {
        sqlite::script(url, &place(options)?, wishes).await
    } else {
        postgres::script(url, &place(options)?, wishes).await
    }
}

/// The SQL that takes all of it away.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn removal(url: &str, options: &Options) -> Result<String, StoreError> {
    if is_sqlite(url) {
        sqlite::removal(url, &place(options)?).await
    } else {
        postgres::removal(url, &place(options)?).await
    }
}

/// Runs such SQL: all of it or nothing.
///
/// # Errors
/// [`StoreError::Contract`] where the role may not, with the way out; [`StoreError::Database`].
pub async fn run(url: &str, script: &str) -> Result<(), StoreError> {
    if is_sqlite(url) { sqlite::run(url, script).await } else { postgres::run(url, script).await }
}

/// How the change log stands.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn status(url: &str, options: &Options) -> Result<Status, StoreError> {
    if is_sqlite(url) {
        sqlite::status(url, &place(options)?).await
    } else {
        postgres::status(url, &place(options)?).await
    }
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

fn place(options: &Options) -> Result<Place, StoreError> {
    Place::new(options.schema.as_deref(), &options.prefix)
}

/// An identifier in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Why a person must do something first.
pub(super) fn refused(what: String, way_out: &str) -> StoreError {
    StoreError::Contract { what, way_out: way_out.to_owned() }
}
