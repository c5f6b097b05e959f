//! The neutral feed, and its documents. Pure: no I/O, no clock, no async; knows nothing of the catalog.

mod atom;
mod build;
mod byline;
mod entry;
mod ext;
mod ids;
mod json;
pub mod model;
mod render;
mod rss;
#[cfg(test)]
mod testing;
pub mod values;
mod verify;

use chrono_tz::Tz;
use url::Url;

pub use build::{Built, DELETED_MAX, build, window_len};
pub use byline::authors;
pub use entry::address as article_address;
pub use render::{Rendered, render};

use crate::domain::address::AddressBook;
use crate::domain::article::Article;
use crate::domain::category::CategoryTree;
use crate::domain::entry_id::Identity;
use crate::domain::ledger::{ArticleRecord, FeedRecord};
use crate::domain::scope::Scope;
pub use crate::text::html::HtmlLimits;

/// What all feeds of a site have in common.
#[derive(Debug, Clone)]
pub struct Options {
    /// Title of the site, such as the newspaper's name.
    pub title: String,
    /// One sentence about the site.
    pub description: String,
    /// Public address of this service, ending in `/`; every address of ours in a document begins with it.
    pub base_url: Url,
    /// The newspaper's own front page.
    pub home_url: Url,
    /// Address of an article's page where the store has only a slug: `{slug}` and `{id}` are filled in.
    pub article_url: Option<String>,
    /// BCP 47 tag, such as `vi`.
    pub language: String,
    /// Rights line.
    pub rights: Option<String>,
    /// Address of a logo (wide) and of an icon (square).
    pub logo_url: Option<Url>,
    /// Address of a square icon.
    pub icon_url: Option<Url>,
    /// Zone in which stamps are written.
    pub zone: Tz,
    /// Who mints the ids.
    pub identity: Identity,
    /// How much a feed holds.
    pub window: Window,
    /// Minutes for which a reader need not ask again (RSS `ttl`).
    pub ttl_minutes: u32,
    /// Days for which a tombstone stands, counted back from the feed's last change.
    pub tombstone_days: u32,
    /// Days for which the stub of a withdrawn article stands, counted the same way.
    pub stub_days: u32,
    /// Longest excerpt made of a body where there is no lead, in characters (graphemes).
    pub excerpt_chars_max: usize,
    /// Limits of a body, checked before the sanitiser sees it.
    pub html: HtmlLimits,
}

/// How much a feed holds (DESIGN 6): at least `entries_min`, and everything within `span_hours` of its newest entry,
/// but at most `entries_max` and `bytes_max`, which win.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// N, entries.
    pub entries_min: usize,
    /// T, hours.
    pub span_hours: u32,
    /// M, entries.
    pub entries_max: usize,
    /// B, bytes of the neutral entries.
    pub bytes_max: usize,
}

/// What an entry carries of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Lead and first picture.
    Summary,
    /// The body as well.
    Full,
}

/// What one feed is made of.
#[derive(Debug)]
pub struct Input<'a> {
    /// Which feed.
    pub scope: &'a Scope,
    /// Its present address and those of the categories.
    pub addresses: &'a AddressBook,
    /// The categories.
    pub categories: &'a CategoryTree,
    /// What entries carry.
    pub content: Content,
    /// The feed's own record; `None` if it never held an article.
    pub record: Option<&'a FeedRecord>,
    /// The articles of its window with their records, newest first.
    pub articles: Vec<(&'a Article, &'a ArticleRecord)>,
    /// Articles that left it, newest departure first.
    pub gone: Vec<&'a ArticleRecord>,
}
