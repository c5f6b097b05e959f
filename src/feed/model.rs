//! The neutral feed: what every format is written from. Whatever stands in it has been made safe to write; nothing in
//! it is escaped yet.

use std::borrow::Cow;
use std::fmt;

use chrono_tz::Tz;
use percent_encoding::percent_encode_byte;
use quick_xml::escape::partial_escape;
use url::{Position, Url};

use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::format::Format;
use crate::text::html::SafeHtml;
use crate::text::xml_chars::XmlText;

/// Longest address that we publish, in bytes: some proxies and readers cut or refuse longer ones.
pub const URL_BYTES_MAX: usize = 4096;

/// What stands before the text of a correction.
const CORRECTION_LABEL: &str = "Đính chính:";

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
    /// Who pushes it (WebSub).
    pub hubs: Vec<Url>,
    /// A wide picture.
    pub logo_url: Option<Url>,
    /// A square picture.
    pub icon_url: Option<Url>,
    /// Minutes for which a reader need not ask again.
    pub ttl_minutes: u32,
    /// Zone in which stamps are written.
    pub zone: Tz,
    /// The last publication, edit or removal; `None` if it never held an article.
    pub changed_at: Option<Timestamp>,
    /// The same, or the day on which the newsroom began to use its identity, where Atom must have a date.
    pub updated: Timestamp,
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

    /// Entries and stubs in one order: newest publication first, then id.
    #[must_use]
    pub fn with_stubs(&self) -> Vec<&Entry> {
        let mut all: Vec<_> = self.entries.iter().chain(&self.stubs).collect();
        all.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| a.article.cmp(&b.article)));
        all
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Which article it is.
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
    /// Body.
    pub content: Option<SafeHtml>,
    /// What was corrected, plain text, not empty.
    pub correction: Option<XmlText>,
    /// One name each, not empty.
    pub authors: Vec<XmlText>,
    /// Its categories and their ancestors that have a feed.
    pub categories: Vec<Term>,
    /// Its pictures, sound and film; the one to show first comes first.
    pub media: Vec<Media>,
    /// Its language, if other than the feed's.
    pub language: Option<LanguageTag>,
    /// Its rights line, if other than the feed's.
    pub rights: Option<XmlText>,
}

impl Entry {
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
        let terms = self.categories.iter().map(|term| term.slug.len() + term.name.len());
        own.into_iter()
            .chain(optional)
            .chain([self.link.as_str().len(), self.content.as_ref().map_or(0, |html| html.as_str().len())])
            .chain(self.authors.iter().map(|name| name.len()))
            .chain(terms)
            .chain(self.media.iter().map(Media::bytes))
            .sum()
    }

    /// Takes body and all but the first picture away.
    pub(super) fn shorten(&mut self) {
        self.content = None;
        self.media.truncate(1);
        self.media.retain(|media| media.medium == Some(Medium::Image));
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

/// A category of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The last part of the category feed's present address.
    pub slug: XmlText,
    /// Name for readers.
    pub name: XmlText,
}

/// One picture, sound or film.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// What a file is, in the words of Media RSS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Film.
    Video,
}

impl Medium {
    /// The word in Media RSS.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

/// An absolute http(s) address without user name, of at most [`URL_BYTES_MAX`] bytes, in the characters of RFC 3986.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl(String);

impl WebUrl {
    /// Reads an address; `None` if it is no such one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_url(&Url::parse(text.trim()).ok()?)
    }

    /// Takes a parsed address; `None` if it is no such one. What the URL standard of browsers lets through but RFC 3986
    /// does not (`|`, `^`, a lone `%` ...) is percent-encoded.
    #[must_use]
    pub fn from_url(url: &Url) -> Option<Self> {
        let web = matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty();
        if !web || url.password().is_some() {
            return None;
        }
        let (path, fragment) = (&url[Position::BeforePath..Position::AfterQuery], url.fragment());
        let mut text = url[..Position::BeforePath].to_owned();
        push_encoded(&mut text, path);
        if let Some(fragment) = fragment {
            text.push('#');
            push_encoded(&mut text, fragment);
        }
        (text.len() <= URL_BYTES_MAX).then_some(Self(text))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends, percent-encoding what RFC 3986 section 3.3 does not allow in a path, query or fragment.
fn push_encoded(text: &mut String, part: &str) {
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        let mut ahead = rest.clone();
        let plain = match byte {
            b'%' => hex(ahead.next()) && hex(ahead.next()),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte),
        };
        if plain {
            text.push(char::from(byte));
        } else {
            text.push_str(percent_encode_byte(byte));
        }
    }
}

/// A language tag in the form of BCP 47 (RFC 5646 section 2.1), not looked up in its registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageTag(String);

impl LanguageTag {
    /// Reads a tag: a language of two or three letters, then subtags of up to eight letters and digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut subtags = text.split('-');
        let language = subtags.next()?;
        let language_fits = matches!(language.len(), 2 | 3) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
        let fits = |tag: &str| matches!(tag.len(), 1..=8) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (language_fits && subtags.all(fits)).then(|| Self(text.to_owned()))
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A media type without parameters (RFC 6838 section 4.2), in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MimeType(String);

/// Types told by a file's extension, where the store does not say.
const MIME_TYPES: [(&str, &str); 13] = [
    ("avif", "image/avif"),
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("m4a", "audio/mp4"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
];

impl MimeType {
    /// Reads a media type; parameters are left out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let essence = text.split(';').next()?.trim().to_ascii_lowercase();
        let token = |part: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
            matches!(part.len(), 1..=127) && part.bytes().all(fits)
        };
        let (kind, subtype) = essence.split_once('/')?;
        (token(kind) && token(subtype)).then_some(Self(essence))
    }

    /// The type that the extension of an address tells.
    #[must_use]
    pub fn of_address(url: &WebUrl) -> Option<Self> {
        let path = url.as_str().split(['?', '#']).next()?;
        let extension = path.rsplit_once('.')?.1.to_ascii_lowercase();
        let (_, mime_type) = MIME_TYPES.into_iter().find(|(known, _)| *known == extension)?;
        Some(Self(mime_type.to_owned()))
    }

    /// What such a file is.
    #[must_use]
    pub fn medium(&self) -> Option<Medium> {
        match self.0.split('/').next()? {
            "image" => Some(Medium::Image),
            "audio" => Some(Medium::Audio),
            "video" => Some(Medium::Video),
            _ => None,
        }
    }
}

impl std::ops::Deref for MimeType {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_absolute_and_hold_only_characters_of_rfc_3986() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(WebUrl::parse(text).as_ref().map(WebUrl::as_str), expect, "{text}");
        };
        check("https://a.example/tin/đầu 1.htm", Some("https://a.example/tin/%C4%91%E1%BA%A7u%201.htm"));
        check(" http://a.example ", Some("http://a.example/"));
        check(
            "https://a.example/a|b^c?[x]={y}&z=%zz%41#p#q",
            Some("https://a.example/a%7Cb%5Ec?%5Bx%5D=%7By%7D&z=%25zz%41#p%23q"),
        );
        check("https://[::1]:8080/x", Some("https://[::1]:8080/x"));
        for bad in [
            "",
            "/tin.htm",
            "//a.example/x",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://a.example/",
            "https://u:p@a.example/",
            "https://u@a.example/",
            "http://",
        ] {
            check(bad, None);
        }
        check(&format!("https://a.example/{}", "x".repeat(URL_BYTES_MAX)), None);
    }

    #[test]
    fn language_tags() {
        let check = |text: &str, expect: bool| assert_eq!(LanguageTag::parse(text).is_some(), expect, "{text}");
        for good in ["vi", "vi-VN", "mww", "zh-Hant-TW", "en-x-bao"] {
            check(good, true);
        }
        for bad in ["", "v", "tiếng Việt", "vi_VN", "vi-", "-vi", "vi VN", "vietnamese", "1x"] {
            check(bad, false);
        }
    }

    #[test]
    fn media_types() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(MimeType::parse(text).as_deref(), expect, "{text}");
        check("Image/JPEG; q=1", Some("image/jpeg"));
        check("image/svg+xml", Some("image/svg+xml"));
        for bad in ["", "image", "image/", "/png", "image/pn g", "image/png/x", "ảnh/png"] {
            check(bad, None);
        }
        let of = |text: &str| MimeType::of_address(&WebUrl::parse(text).unwrap()).as_deref().map(str::to_owned);
        assert_eq!(of("https://a.example/a.b/x.JPG?w=1.png").as_deref(), Some("image/jpeg"));
        assert_eq!(of("https://a.example/jpg"), None);
    }
}
