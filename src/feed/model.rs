//! The neutral feed: what every format is written from. Whatever stands in it has been made safe to write; nothing in
//! it is escaped yet.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use chrono_tz::Tz;
use quick_xml::escape::partial_escape;
use serde::{Deserialize, Serialize};
use url::Url;

use super::pieces::Pieces;
use super::values::{LanguageTag, Medium, MimeType, WebUrl};
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::format::Format;
use crate::domain::place::UnitCode;
use crate::domain::point::Point;
use crate::text::html::SafeHtml;
use crate::text::xml_chars::XmlText;

/// What stands before the text of a correction.
const CORRECTION_LABEL: &str = "Đính chính:";

/// What the allocator takes beside the bytes of a text.
const TEXT_OVERHEAD_BYTES: usize = 16;
/// Texts of a story, and of a file: at most about so many.
const STORY_TEXTS: usize = 6;
const MEDIA_TEXTS: usize = 3;

/// One feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    /// Tag URI, for ever.
    pub id: XmlText,
    /// Its path below `/feeds/`, without extension.
    pub path: String,
    /// Address of the documents, without extension.
    pub(super) stem: Url,
    /// Title, plain text.
    pub title: XmlText,
    /// What it is about, plain text, not empty.
    pub subtitle: XmlText,
    /// The newspaper's name: the author of entries that name none.
    pub site: XmlText,
    /// Language of entries that name none.
    pub language: Option<LanguageTag>,
    /// Rights line of entries that name none.
    pub rights: Option<XmlText>,
    /// This service's index page.
    pub service_url: Url,
    /// The newspaper's front page.
    pub home_url: Url,
    /// What category terms are relative to.
    pub category_scheme: Url,
    /// What the terms of places are relative to.
    pub locality_scheme: Url,
    /// What tag terms are relative to.
    pub tag_scheme: Url,
    /// Who pushes it (WebSub): our own hub first.
    pub hubs: Vec<Url>,
    /// A wide picture.
    pub logo_url: Option<Url>,
    /// A square picture.
    pub icon_url: Option<Url>,
    /// Minutes for which a reader need not ask again.
    pub ttl_minutes: u32,
    /// Zone in which stamps are written.
    pub zone: Tz,
    /// The last publication, edit, removal or announcement; `None` if it never held anything.
    pub changed_at: Option<Timestamp>,
    /// The same, or the day on which the newsroom began to use its identity, where Atom must have a date.
    pub updated: Timestamp,
    /// Says that the feed's unit is no more; stands first, whatever its date.
    pub notice: Option<Entry>,
    /// What is in it, newest first.
    pub entries: Vec<Entry>,
    /// Stand-ins for withdrawn entries, for formats without tombstones.
    pub stubs: Vec<Entry>,
    /// What left it, newest departure first.
    pub deleted: Vec<Deleted>,
}

impl Feed {
    /// Where the document of this format is.
    #[must_use]
    pub fn address(&self, format: Format) -> Url {
        let mut address = self.stem.clone();
        address.set_path(&format!("{}.{}", self.stem.path(), format.extension()));
        address
    }

    /// The announcement, then the entries: what formats with tombstones show.
    #[must_use]
    pub fn without_stubs(&self) -> Vec<&Entry> {
        self.notice.iter().chain(&self.entries).collect()
    }

    /// The announcement, then entries and stubs in one order: newest publication first, then id.
    #[must_use]
    pub fn with_stubs(&self) -> Vec<&Entry> {
        let mut all: Vec<_> = self.entries.iter().chain(&self.stubs).collect();
        all.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| a.article.cmp(&b.article)));
        self.notice.iter().chain(all).collect()
    }
}

/// One entry: what it says, and what it is filed under. Copies share both, and how they are written.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it says.
    pub story: Arc<Story>,
    /// What it is filed under.
    pub filed: Arc<Filed>,
    /// Both, written.
    pub(super) pieces: Pieces,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.story == other.story && self.filed == other.filed
    }
}

impl Deref for Entry {
    type Target = Story;

    fn deref(&self) -> &Story {
        &self.story
    }
}

/// What an entry says: all that follows from its article alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// Which article it is; of an announcement its id.
    pub article: ArticleId,
    /// Absolute IRI, for ever.
    pub id: XmlText,
    /// The stored guid as it was given, else the same as `id`.
    pub guid: XmlText,
    /// The article's page.
    pub link: WebUrl,
    /// Headline, plain text, not empty.
    pub title: XmlText,
    /// First publication.
    pub published: Timestamp,
    /// Last change that a reader can see; never earlier than `published`.
    pub updated: Timestamp,
    /// Lead, or an excerpt of the body; plain text, not empty.
    pub summary: Option<XmlText>,
    /// Body. Too large to be kept anywhere but in memory.
    #[serde(skip)]
    pub content: Option<SafeHtml>,
    /// What was corrected, plain text, not empty.
    pub correction: Option<XmlText>,
    /// One name each, not empty.
    pub authors: Vec<XmlText>,
    /// Its pictures, sound and film; the one to show first comes first.
    pub media: Vec<Media>,
    /// Its language, if other than the feed's.
    pub language: Option<LanguageTag>,
    /// Its rights line, if other than the feed's.
    pub rights: Option<XmlText>,
    /// Where it happens.
    pub point: Option<Point>,
}

/// What an entry is filed under.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filed {
    /// Its categories and their ancestors that have a feed.
    pub categories: Vec<Term>,
    /// The administrative units that it is located in, as of its day.
    pub localities: Vec<Locality>,
    /// The same units and all above them, each once.
    pub places: Vec<Term>,
    /// Its tags.
    pub tags: Vec<Term>,
}

impl Entry {
    /// Puts both parts together.
    pub(super) fn new(story: Story, filed: Filed) -> Self {
        Self { story: Arc::new(story), filed: Arc::new(filed), pieces: Pieces::default() }
    }

    /// The same, filed anew.
    pub(super) fn filed_under(&self, filed: Filed) -> Self {
        Self { story: Arc::clone(&self.story), filed: Arc::new(filed), pieces: Pieces::default() }
    }

    /// The summary as HTML, correction first. Without a correction it is the bare text.
    #[must_use]
    pub fn summary_html(&self) -> Option<String> {
        let summary = self.summary.as_ref().map(|text| partial_escape(text.as_str()));
        let Some(correction) = self.correction_html() else { return summary.map(Cow::into_owned) };
        Some(summary.map_or(correction.clone(), |summary| format!("{correction}<p>{summary}</p>")))
    }

    /// The summary as text, correction first.
    #[must_use]
    pub fn summary_text(&self) -> Option<String> {
        let correction = self.correction.as_ref().map(|text| format!("{CORRECTION_LABEL} {text}"));
        let parts: Vec<_> = correction.into_iter().chain(self.summary.iter().map(XmlText::to_string)).collect();
        (!parts.is_empty()).then(|| parts.join("\n\n"))
    }

    /// The body, correction first.
    #[must_use]
    pub fn content_html(&self) -> Option<String> {
        let body = self.content.as_ref()?.as_str();
        Some(self.correction_html().unwrap_or_default() + body)
    }

    fn correction_html(&self) -> Option<String> {
        let text = self.correction.as_ref()?;
        Some(format!("<p><strong>{CORRECTION_LABEL}</strong> {}</p>", partial_escape(text.as_str())))
    }

    /// Bytes of everything in it, the same for all formats.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let own = [&self.id, &self.guid, &self.title].map(|text| text.len());
        let optional = [&self.summary, &self.correction, &self.rights].map(|text| text.as_ref().map_or(0, |t| t.len()));
        let terms = self.filed.categories.iter().chain(&self.filed.places).chain(&self.filed.tags);
        let terms = terms.map(|term| term.slug.len() + term.name.len());
        own.into_iter()
            .chain(optional)
            .chain([self.link.as_str().len(), self.content.as_ref().map_or(0, |html| html.as_str().len())])
            .chain(self.authors.iter().map(|name| name.len()))
            .chain(terms)
            .chain(self.media.iter().map(Media::bytes))
            .sum()
    }

    /// Bytes that it holds in memory, about: its texts, and what each text and each element of a list costs beside them.
    pub(super) fn weight(&self) -> usize {
        let filed = &self.filed;
        let terms = filed.categories.len() + filed.places.len() + filed.tags.len();
        let above: usize = filed.localities.iter().flat_map(|unit| &unit.within).map(|name| name.len()).sum();
        let names: usize = filed.localities.iter().map(|unit| 1 + unit.within.len()).sum();
        let texts = STORY_TEXTS + self.authors.len() + 2 * (terms + names) + MEDIA_TEXTS * self.media.len();
        let lists = terms * size_of::<Term>() + names * size_of::<Locality>() + size_of_val(self.media.as_slice());
        let own = size_of::<Story>() + size_of::<Filed>() + self.bytes() + above + texts * TEXT_OVERHEAD_BYTES + lists;
        own + Pieces::weight(self.bytes())
    }

    /// Takes body and all but the first picture away.
    pub(super) fn shorten(&mut self) {
        self.pieces = Pieces::default();
        let story = Arc::make_mut(&mut self.story);
        story.content = None;
        story.media.truncate(1);
        story.media.retain(|media| media.medium == Some(Medium::Image));
    }
}

/// An entry that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Its id.
    pub id: XmlText,
    /// When Loa took it out.
    pub at: Timestamp,
}

/// An administrative unit that an entry is located in, as of the entry's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locality {
    /// Official code.
    pub code: UnitCode,
    /// Kind and name, as `Xã Hùng Lô`.
    pub name: XmlText,
    /// Kind and name of the units above it, the nearest first.
    pub within: Vec<XmlText>,
    /// The address of its feed, below the scheme of places.
    pub path: XmlText,
}

/// What an entry is filed under: a category, a place, a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The present address of its feed, below the scheme.
    pub slug: XmlText,
    /// Name for readers.
    pub name: XmlText,
}

/// One picture, sound or film.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Address of the file.
    pub url: WebUrl,
    /// Media type, given or told by the address's extension.
    pub mime_type: Option<MimeType>,
    /// What it is, if the type tells.
    pub medium: Option<Medium>,
    /// Bytes.
    pub length: Option<u64>,
    /// Pixels, not 0.
    pub width: Option<u32>,
    /// Pixels, not 0.
    pub height: Option<u32>,
    /// Seconds.
    pub duration: Option<u32>,
    /// Caption, plain text.
    pub caption: Option<XmlText>,
    /// Who made it, plain text.
    pub credit: Option<XmlText>,
    /// What it shows, plain text; none where it only repeats the caption.
    pub alt: Option<XmlText>,
}

impl Media {
    fn bytes(&self) -> usize {
        let texts = [&self.caption, &self.credit, &self.alt].map(|text| text.as_ref().map_or(0, |t| t.len()));
        self.url.as_str().len() + texts.into_iter().sum::<usize>()
    }
}
