//! What `loa adopt` tells: of every entry of the old feed how it stands, what subscribers will see as new, and the lines
//! that lead them over.

use chrono_tz::Tz;
use serde::Serialize;

use super::adopt_target::{Redirects, Target};
use crate::adopt::{self, Found, How, OldEntry};
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::text::stamp;

/// What to do about entries that have left the old feed before they could be adopted.
const OLDER: &str = "\
older than all that the old feed has now: subscribers may have read them there. Run
  `loa adopt` every day for some days before the move, so that every entry is taken over while the old feed has it";

/// How an entry of the old feed stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// State is asked, by this number.
    Asked(usize),
    /// Its guid is recorded now.
    Recorded,
    /// Its article has had the guid before.
    Known,
    /// No article.
    Unmatched,
    /// Several articles.
    Ambiguous(Vec<ArticleId>),
    /// The guid came damaged.
    Damaged,
    /// The guid is longer than can be kept.
    TooLong,
    /// The article has adopted another guid.
    OtherGuid(String),
    /// The guid is another article's.
    OtherArticle(ArticleId),
    /// The article is published already, under this guid of the store, or under Loa's own id.
    Published(Option<String>),
}

impl Standing {
    /// The word for scripts.
    const fn code(&self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Known | Self::Asked(_) => "known",
            Self::Unmatched => "unmatched",
            Self::Ambiguous(_) => "ambiguous",
            Self::Damaged => "damaged",
            Self::TooLong => "too_long",
            Self::OtherGuid(_) => "other_guid",
            Self::OtherArticle(_) => "other_article",
            Self::Published(_) => "published",
        }
    }

    /// Why the guid was not adopted; `None` if it was.
    fn reason(&self) -> Option<String> {
        Some(match self {
            Self::Recorded | Self::Known | Self::Asked(_) => return None,
            Self::Unmatched => "no article has its address, or its title within 24 hours".to_owned(),
            Self::Ambiguous(ids) => {
                let ids: Vec<&str> = ids.iter().map(ArticleId::as_str).collect();
                format!("articles {} fit equally well", ids.join(", "))
            }
            Self::Damaged => "its guid has broken characters: nobody can tell which guid readers know".to_owned(),
            Self::TooLong => format!("its guid is longer than {} bytes", crate::state::GUID_BYTES_MAX),
            Self::OtherGuid(guid) => format!("the article has adopted the guid `{}`", clean(guid)),
            Self::OtherArticle(id) => format!("the guid is that of article {id}"),
            Self::Published(guid) => {
                let name = guid.as_deref().map_or("Loa's own id".to_owned(), |guid| format!("`{}`", clean(guid)));
                format!(
                    "already published as {name}: subscribers that Loa has had until now would see it again; \
                     --also-published takes the old guid all the same"
                )
            }
        })
    }
}

/// How things are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// Zone of stamps.
    pub(super) zone: Tz,
    /// The oldest entry of the old feed.
    pub(super) oldest: Option<Timestamp>,
}

/// An entry of the old feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct OldLine {
    title: String,
    guid: String,
    /// Does the link stand for a guid that is missing?
    guid_is_link: bool,
    published: Option<String>,
    article: Option<String>,
    by: Option<How>,
    standing: &'static str,
    reason: Option<String>,
}

impl OldLine {
    /// Of what was found and done.
    pub(super) fn of(found: Found, standing: &Standing, shown: &Shown) -> Self {
        let (article, by) = match found.outcome {
            adopt::Outcome::Matched(candidate, how) => (Some(candidate.id.to_string()), Some(how)),
            _ => (None, None),
        };
        Self {
            title: clean(&adopt::shown_title(&found.entry.title)),
            published: found.entry.published.map(|at| stamp::rfc3339(at, shown.zone)),
            guid: found.entry.guid,
            guid_is_link: !found.entry.has_guid,
            article,
            by,
            standing: standing.code(),
            reason: standing.reason(),
        }
    }
}

/// An entry of our feed that a subscriber of the old one has not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct NewEntry {
    title: String,
    guid: String,
    published: Option<String>,
    /// Is it in the old feed, under another guid? Then it is seen twice.
    twice: bool,
    /// Is it older than everything in the old feed? Then subscribers may have read it there once.
    older: bool,
}

impl NewEntry {
    /// Of an entry as a reader reads it.
    pub(super) fn of(entry: &OldEntry, twice: bool, shown: &Shown) -> Self {
        Self {
            title: clean(&adopt::shown_title(&entry.title)),
            guid: entry.guid.clone(),
            published: entry.published.map(|at| stamp::rfc3339(at, shown.zone)),
            twice,
            older: matches!((entry.published, shown.oldest), (Some(at), Some(oldest)) if at < oldest),
        }
    }
}

/// The feed of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct OurFeed {
    path: String,
    why: String,
}

impl From<Target> for OurFeed {
    fn from(target: Target) -> Self {
        Self { path: target.path, why: target.why }
    }
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) old_feed: String,
    pub(super) kind: &'static str,
    pub(super) dry_run: bool,
    pub(super) entries: Vec<OldLine>,
    /// Items without guid and link, which no reader can tell apart.
    pub(super) nameless: usize,
    pub(super) our_feed: OurFeed,
    pub(super) new: Vec<NewEntry>,
    pub(super) redirects: Redirects,
}

impl Report {
    /// Has every entry its guid, and is none seen twice?
    pub(super) fn is_clean(&self) -> bool {
        self.nameless == 0
            && self.entries.iter().all(|entry| entry.reason.is_none())
            && self.new.iter().all(|entry| !entry.twice)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let entries = count(self.entries.len(), "entry", "entries");
        let mut text = format!("{}: {}, {entries}\n", self.old_feed, self.kind);
        let by = |how: How| self.entries.iter().filter(|entry| entry.by == Some(how)).count();
        let (guid, address, title) = (by(How::Guid), by(How::Address), by(How::Title));
        let by_guid = if guid == 0 { String::new() } else { format!("{guid} by guid, ") };
        let matched = guid + address + title;
        let ways = format_args!("{by_guid}{address} by address, {title} by title");
        line(&mut text, format_args!("found the article of {matched} of {entries}: {ways}"));
        let stand = |code: &str| self.entries.iter().filter(|entry| entry.standing == code).count();
        let (recorded, known) = (count(stand("recorded"), "guid", "guids"), stand("known"));
        let done = if self.dry_run { "dry run, nothing is recorded; to record" } else { "recorded" };
        line(&mut text, format_args!("{done}: {recorded}; known before: {known}"));
        self.refused(&mut text);
        line(&mut text, format_args!("\nour feed: {} ({})", self.our_feed.path, self.our_feed.why));
        self.seen_as_new(&mut text);
        self.lines(&mut text);
        text
    }

    fn refused(&self, text: &mut String) {
        let refused: Vec<_> = self.entries.iter().filter_map(|entry| Some((entry, entry.reason.as_ref()?))).collect();
        if !refused.is_empty() || self.nameless > 0 {
            line(text, format_args!("\nnot taken over:"));
        }
        for (entry, reason) in refused {
            line(text, format_args!("  {}", named(&entry.title, entry.published.as_deref())));
            line(text, format_args!("    guid {}", clean(&entry.guid)));
            let article = entry.article.as_ref().map(|id| format!("article {id}: ")).unwrap_or_default();
            line(text, format_args!("    {article}{reason}"));
        }
        if self.nameless > 0 {
            let items = count(self.nameless, "item has", "items have");
            line(text, format_args!("  {items} neither guid nor link: no reader can tell them apart"));
        }
    }

    /// What is older than the old feed is only counted: it may be very much.
    fn seen_as_new(&self, text: &mut String) {
        let twice = self.new.iter().filter(|entry| entry.twice).count();
        let (older, fresh): (Vec<_>, Vec<_>) = self.new.iter().partition(|entry| entry.older && !entry.twice);
        let new = count(self.new.len(), "entry", "entries");
        let seen = match (self.new.len(), twice) {
            (0, _) => "nothing as new".to_owned(),
            (_, 0) => format!("{new} as new, nothing twice"),
            (_, twice) => format!("{new} as new, {twice} OF THEM TWICE"),
        };
        line(text, format_args!("a subscriber who comes over from the old feed sees {seen}"));
        for entry in fresh {
            let mark = if entry.twice { "TWICE " } else { "" };
            line(text, format_args!("  {mark}{}", named(&entry.title, entry.published.as_deref())));
        }
        if !older.is_empty() {
            line(text, format_args!("  {} {OLDER}", count(older.len(), "entry is", "entries are")));
        }
    }

    fn lines(&self, text: &mut String) {
        let Redirects { loa, nginx, is_address_known } = &self.redirects;
        line(
            text,
            format_args!("\nto lead subscribers over, in Loa's configuration, if the old address is led to Loa:"),
        );
        match loa {
            Some(ours) => line(text, format_args!("  [redirects]\n  {ours}")),
            None => line(text, format_args!("  (not possible: only its query tells the old feed from others)")),
        }
        line(text, format_args!("or in nginx:\n  {nginx}"));
        if !is_address_known {
            line(text, format_args!("the feed does not tell its address: put it in, or give it by --from"));
        }
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push('\n');
}

/// `1 guid`, `2 guids`.
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn named(title: &str, published: Option<&str>) -> String {
    let title = if title.is_empty() { "(no title)" } else { title };
    published.map_or(title.to_owned(), |published| format!("{title} ({published})"))
}

/// Without control characters, which a terminal would obey.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
