//! A name in a text, with what the words around it say of it.

use super::lexicon::NameId;
use super::words::Kinds;

/// How a name is introduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// By its kind.
    Kind,
    /// By an authority.
    Authority,
    /// As a further member of a list that shares a kind.
    Listed {
        /// Does the kind say that there are several (`các xã`)?
        is_plural: bool,
    },
    /// By nothing.
    Bare,
}

/// Does a text speak of units of the past?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Past {
    /// No.
    No,
    /// It may: the sentence is about a reform.
    Perhaps,
    /// The sentence is about the time before a reform.
    Before,
    /// This very name is said to be of the past.
    Former,
}

/// What the words around a name make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// Nothing.
    Open,
    /// Perhaps a thing: an unknown word before it begins the sentence (`Su su Tam Đảo`).
    Tied,
    /// A place.
    Place,
    /// Somebody.
    Person,
    /// A part of a longer name, or of something else's.
    Other,
}

/// A name that may mean a unit.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    /// Number of the part.
    pub(super) part: usize,
    /// Tokens: the first of kind and name, the first of the name, the first after it.
    pub(super) from: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) name: NameId,
    pub(super) how: How,
    /// The kinds that it may be of.
    pub(super) kinds: Kinds,
    /// Number of its list within the story; names of one list stand one after the other.
    pub(super) list: usize,
    /// Number of its sentence within the part.
    pub(super) sentence: usize,
    /// Is it said to be of the past?
    pub(super) past: Past,
    pub(super) looks: Looks,
    /// Does somebody of that name speak?
    pub(super) speaks: bool,
}
