//! An article as the store tells it (DESIGN: the article store contract).

use std::fmt;
use std::sync::Arc;

use super::category::CategoryId;
use super::clock::Timestamp;
use super::point::Point;

/// The store's own id of an article: stable for ever, text or an integer written as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ArticleId(Arc<str>);

impl ArticleId {
    /// Takes the id as the store writes it.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as the store writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ArticleId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArticleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the newsroom says of an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Meant for readers, from its publication instant on.
    Published,
    /// Not, or no longer, for readers; may come back.
    Draft,
    /// Taken down for good: a final, legally meant withdrawal.
    Withdrawn,
}

/// One article, with everything that hangs on it, as of one snapshot of the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Article {
    /// The store's id.
    pub id: ArticleId,
    /// An id already published elsewhere (a former system's guid), kept verbatim.
    pub guid: Option<String>,
    /// Absolute address of the article's page, if the store knows it.
    pub url: Option<String>,
    /// Last part of the article's address, used with the configured address pattern where `url` is missing.
    pub slug: Option<String>,
    /// Headline, as the store has it (may hold entities or tags; the feed makes plain text of it).
    pub title: String,
    /// The *sapo*: lead paragraph.
    pub lead: Option<String>,
    /// Body as HTML, unsanitised.
    pub body_html: Option<String>,
    /// Author line as printed: one or several names, "PV", "Theo TTXVN" ...
    pub byline: Option<String>,
    /// What the newsroom says of it.
    pub status: Status,
    /// When it is, or was, published. A published row without it is a fault.
    pub published_at: Option<Timestamp>,
    /// When the store last changed it.
    pub updated_at: Option<Timestamp>,
    /// Not before this instant.
    pub embargo_until: Option<Timestamp>,
    /// What was corrected, shown to readers.
    pub correction: Option<String>,
    /// BCP 47 tag, if other than the site's.
    pub language: Option<String>,
    /// Rights line of this article, if other than the site's.
    pub rights: Option<String>,
    /// Where it happens.
    pub point: Option<Point>,
    /// Categories, the main one first.
    pub categories: Vec<CategoryId>,
    /// Localities as the store names them: official unit codes, or names to resolve.
    pub localities: Vec<String>,
    /// Tags, in the store's order.
    pub tags: Vec<String>,
    /// Pictures, sound, film, in their order.
    pub media: Vec<Media>,
}

impl Article {
    /// The instant from which readers may see it: the later of publication and end of embargo.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let published = self.published_at?;
        Some(self.embargo_until.map_or(published, |embargo| published.max(embargo)))
    }
}

/// One picture, sound or film of an article.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Media {
    /// Absolute address of the file.
    pub url: String,
    /// Media type, such as `image/jpeg`.
    pub mime_type: Option<String>,
    /// Size in bytes.
    pub length: Option<u64>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Playing time in seconds.
    pub duration: Option<u32>,
    /// What it is for, as the store says: `main`, `inline`, `gallery` ...
    pub role: Option<String>,
    /// Caption printed below it.
    pub caption: Option<String>,
    /// Who made it.
    pub credit: Option<String>,
    /// What it shows, for those who cannot see it.
    pub alt: Option<String>,
}
