//! Taking over a feed that the paper had before: reads it, whatever it looks like, and finds the article of each entry.
//! Pure: no I/O, no clock. `cli::adopt` fetches, asks the store, and has state remember.

mod address;
mod matching;
mod read;
mod text;

pub use matching::{Candidate, Found, How, Matcher, Outcome};
pub use read::{ReadError, read};
pub use text::title as shown_title;

use url::Url;

use crate::domain::clock::Timestamp;

/// Most entries that are read: feeds hold 20 to 200.
pub const ENTRIES_MAX: usize = 10_000;
/// Most bytes of a feed: a hundred times the largest that a reader would take.
pub const FEED_BYTES_MAX: usize = 20_000_000;

/// What kind of feed it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RSS 0.9x, 1.0 or 2.0.
    Rss,
    /// Atom 1.0 (RFC 4287), or the 0.3 before it.
    Atom,
}

/// A feed of the time before Loa.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldFeed {
    /// What kind it is.
    pub kind: Kind,
    /// The address that it gives for itself (`rel="self"`), if it does.
    pub address: Option<Url>,
    /// In the order of the feed, each guid once.
    pub entries: Vec<OldEntry>,
    /// Items in which there is nothing that a reader could know them by: neither a guid nor a link.
    pub nameless: usize,
}

/// One entry of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldEntry {
    /// What readers know it by: its guid or id, else its link. Verbatim, but for white space around it.
    pub guid: String,
    /// Has it a guid of its own? Else the link stands for it.
    pub has_guid: bool,
    /// Where it may lead: the link, the link before a counting service, the guid. As written.
    pub links: Vec<String>,
    /// Title as written: may hold markup and entities.
    pub title: String,
    /// When it was published; `None` if that is missing or in no form that we read.
    pub published: Option<Timestamp>,
}
