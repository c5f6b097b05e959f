//! The neutral feed, and its documents. Pure: no I/O, no clock, no async; knows nothing of the catalog.

mod atom;
mod build;
mod coverage;
mod entry;
mod ext;
mod filing;
mod ids;
mod json;
pub mod model;
mod notice;
mod opml;
mod pieces;
mod prepared;
mod render;
mod rss;
#[cfg(test)]
mod testing;
mod title;
pub mod values;
mod verify;

use std::collections::BTreeMap;

use chrono_tz::Tz;
use url::Url;

pub use build::{Built, DELETED_MAX, build, window_len};
pub use entry::address as article_address;
pub use notice::{Announced, announced, start_of};
pub use opml::{Outline, opml};
pub use prepared::{Prepared, prepare};
pub use render::{Rendered, render, render_into, write};
pub use title::title;

use crate::domain::category::CategoryTree;
use crate::domain::entry_id::Identity;
use crate::domain::ledger::{ArticleRecord, FeedRecord};
use crate::domain::place::UnitCode;
use crate::domain::scope::{NameKey, Scope};
use crate::gazetteer::FeedAddresses;
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
    /// Who pushes the feeds (WebSub): our own hub first.
    pub hubs: Vec<Url>,
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
    /// Provinces in which a locality without a parent is looked for first.
    pub home: Vec<UnitCode>,
    /// The custom feeds that are configured.
    pub custom: BTreeMap<NameKey, Custom>,
}

/// What a custom feed says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// Its title, without the newspaper's name.
    pub title: String,
    /// One sentence about it; `None`: its title.
    pub description: Option<String>,
    /// Its language, if other than the site's.
    pub language: Option<String>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// Lead and first picture.
    Summary,
    /// The body as well.
    Full,
}

/// Categories, places and their addresses: what an article is filed under depends on them.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The present addresses of feeds, and the places.
    pub addresses: &'a FeedAddresses,
    /// The categories.
    pub categories: &'a CategoryTree,
}

/// What one feed is made of.
#[derive(Debug)]
pub struct Input<'a> {
    /// Which feed.
    pub scope: &'a Scope,
    /// Its present address and those of the categories.
    pub addresses: &'a FeedAddresses,
    /// The categories.
    pub categories: &'a CategoryTree,
    /// The feed's own record; `None` if it never held anything.
    pub record: Option<&'a FeedRecord>,
    /// The articles of its window, newest first.
    pub articles: Vec<&'a Prepared>,
    /// Articles that left it, newest departure first.
    pub gone: Vec<&'a ArticleRecord>,
}
