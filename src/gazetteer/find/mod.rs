//! Finding the units that a story names. Exact by tones and capitals, one pass over the text, and never a guess: a name
//! is a hit only where the words around it, the rest of the story or the newspaper's own province say which unit it is.
//!
//! The way of a story: [`tokens`] cuts each part into syllables; [`scan`] finds names of the [`lexicon`] and reads what
//! the words around them say ([`words`], [`before`]); [`settle`] chooses the unit, with the whole story in view.

mod assign;
mod atlas;
mod before;
pub mod evaluate;
mod guard_words;
pub mod labelled;
mod lexicon;
mod place_words;
mod scan;
mod settle;
mod tokens;
mod vocabulary;
mod words;

use std::fmt;
use std::ops::Range;

use chrono::NaiveDate;

use self::atlas::Atlas;
use self::scan::{Line, Mention, Scan};
use self::settle::Settle;
use super::Gazetteer;
use super::unit::Unit;
use crate::domain::place::UnitCode;

pub use self::assign::{Assigned, Why, assign};
pub(super) use self::lexicon::Lexicon;

/// What a part of a story is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The title.
    Title,
    /// The lead (sapo).
    Lead,
    /// What stands below a picture.
    Caption,
    /// A paragraph of the body.
    Body,
}

/// A part of a story: one paragraph of plain text, in any normal form.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// What it is.
    pub role: Role,
    /// Its text.
    pub text: &'a str,
}

/// A unit named in a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'g> {
    /// Number of the part, from 0.
    pub part: usize,
    /// Bytes of the part's text, the words for its kind included.
    pub span: Range<usize>,
    /// Bytes of the bare name.
    pub name: Range<usize>,
    /// The unit, as it was on the story's day; or in its last period, if that was before.
    pub unit: &'g Unit,
    /// Why this is a unit, and this one.
    pub reason: Reason,
}

/// Why a name is a unit's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// `xã Hùng Lô`
    Kind,
    /// `Thành ủy Việt Trì`
    Authority,
    /// `các xã Hùng Lô, Kim Đức`
    SharedKind,
    /// `Việt Trì` beside `thành phố Việt Trì` elsewhere in the story.
    NamedInFull,
    /// `Mộc Châu` in `Mộc Châu, Sơn La`
    InParent,
    /// `Việt Trì` in `xã Hùng Lô, Việt Trì`
    Parent,
    /// `Phú Thọ`
    Province,
    /// A name alone in the newspaper's own provinces.
    Home,
    /// The name alone of a city that everybody knows.
    City,
    /// `huyện Lâm Thao (cũ)`
    Former,
    /// `huyện Lâm Thao` after its end.
    FormerKind,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind => "kind and name",
            Self::Authority => "authority and name",
            Self::SharedKind => "list that shares its kind",
            Self::NamedInFull => "named in full elsewhere in the story",
            Self::InParent => "named with what it lies in",
            Self::Parent => "named after a part of it",
            Self::Province => "province by name",
            Self::Home => "own province",
            Self::City => "well-known city by name",
            Self::Former => "abolished unit, marked as former",
            Self::FormerKind => "abolished unit, its kind fits",
        })
    }
}

/// A byline has at most so many words.
const BYLINE_WORDS_MAX: usize = 6;

impl Gazetteer {
    /// Every place in a story that names a unit, in the order of the text. The units are those of the story's day; one
    /// that was abolished before is found where its kind fits, or where it is marked as former. Of several units of one
    /// name those in the provinces `home` come first, then what the story says; where neither tells, there is no hit.
    ///
    /// `home` may be empty, and may name provinces that have been merged into others by that day.
    #[must_use]
    pub fn find_places(&self, story: &[Part<'_>], day: NaiveDate, home: &[UnitCode]) -> Vec<Hit<'_>> {
        let lexicon = self.lexicon();
        let lines: Vec<Line> = story.iter().map(|part| Line::new(part.text, lexicon)).collect();
        let mut mentions = Vec::new();
        for (number, (part, line)) in story.iter().zip(&lines).enumerate() {
            let is_byline = part.role == Role::Body && is_byline(line);
            Scan::run(lexicon, line, number, is_byline, &mut mentions);
        }
        let atlas = Atlas::new(self, lexicon, day, home);
        let chosen = Settle::new(&atlas, &lines, &mentions).run();
        let pairs = mentions.iter().zip(chosen);
        pairs.filter_map(|(mention, chosen)| hit(&lines, mention, chosen?)).collect()
    }
}

fn hit<'g>(lines: &[Line], mention: &Mention, (unit, reason): (&'g Unit, Reason)) -> Option<Hit<'g>> {
    let line = lines.get(mention.part)?;
    let end = line.token(mention.end.checked_sub(1)?)?.end;
    let (from, start) = (line.token(mention.from)?.start, line.token(mention.start)?.start);
    Some(Hit { part: mention.part, span: from..end, name: start..end, unit, reason })
}

/// Is a paragraph nothing but a few words with capitals, as the author's name at the end of a story?
fn is_byline(line: &Line) -> bool {
    let words = line.tokens.iter().filter(|token| !matches!(token.shape, tokens::Shape::Mark(_)));
    line.tokens.iter().all(|token| token.is_capital() || token.is_mark('-') || token.is_mark(',') || token.is_mark('.'))
        && (1..=BYLINE_WORDS_MAX).contains(&words.count())
}
