//! One article of the demo's newspaper, made of its number alone: any article can be made at any time, in any order.

use std::collections::HashMap;

use crate::domain::article::{Article, ArticleId, Media, Status};
use crate::domain::category::CategoryId;
use crate::domain::clock::Timestamp;

use super::calendar::{Calendar, local, minutes};
use super::grammar::{Given, Grammar, GrammarError};
use super::places::{self, Setting};
use super::prose::{Figure, Genre, Writer};
use super::random::Random;
use super::sections::{self, Section, Topic};
use super::spelling::Spelling;
use super::{HOME_URL, MEDIA_URL, Options};

/// The word list that all sections share.
const COMMON: &str = include_str!("lexicon/common.txt");
/// Articles in which at most one series runs: two days of the smallest newspaper.
const SERIES_BLOCK: u64 = 60;
/// Articles between two parts of a series.
const SERIES_STEP: u64 = 11;
/// What parts are called, from the first.
const PARTS: [&str; 4] = ["Kỳ I: ", "Kỳ II: ", "Kỳ III: ", "Kỳ IV: "];
/// What the last part is called.
const LAST_PART: &str = "Kỳ cuối: ";
/// Sizes of pictures, in pixels.
const PICTURE_SIZES: [(u32, u32); 4] = [(1280, 853), (1024, 683), (900, 1200), (1600, 1067)];
/// Keeps the numbers of series apart from those of articles.
const SERIES_STREAM: u64 = 1 << 63;

/// The newsroom's desk: everything that all articles need.
#[derive(Debug)]
pub(super) struct Desk {
    options: Options,
    calendar: Calendar,
    grammars: Vec<(Topic, Grammar)>,
}

/// What becomes of an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Published,
    /// A typo was mended later.
    Updated,
    /// A mistake was mended later, and readers are told.
    Corrected,
    Draft,
    Withdrawn,
    /// Its day comes so many minutes after the anchor.
    Scheduled(u64),
    /// Held back until so many minutes after the anchor.
    Embargoed(u64),
}

/// A part of a series.
struct Part {
    prefix: &'static str,
    series: String,
    random: Random,
}

impl Desk {
    pub(super) fn new(options: Options) -> Result<Self, GrammarError> {
        let grammar = |topic: Topic| Ok((topic, Grammar::parse(&[COMMON, topic.lexicon()])?));
        let grammars = Topic::ALL.into_iter().map(grammar).collect::<Result<_, _>>()?;
        Ok(Self { options, calendar: Calendar::new(options.articles, options.anchor), grammars })
    }
}
