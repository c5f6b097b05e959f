//! JSON Feed 1.1 (jsonfeed.org/version/1.1). What it has no word for stands in objects whose names begin with `_` and
//! whose `about` says where they are explained.

use quick_xml::escape::partial_escape;
use serde::Serialize;

use super::model::{Entry, Feed, Locality, Media};
use super::pieces;
use super::values::{LanguageTag, Medium};
use crate::domain::format::Format;
use crate::text::stamp;
use crate::text::xml_chars::XmlText;

const VERSION: &str = "https://jsonfeed.org/version/1.1";
/// How a document without items ends.
const NO_ITEMS: &str = "[]\n}";
/// The same with items, and what stands between them.
const OPEN: &str = "[\n    ";
const BETWEEN: &str = ",\n    ";
const CLOSE: &str = "\n  ]\n}";

/// Writes the document.
///
/// # Errors
/// What the serialiser says.
pub(super) fn write(feed: &Feed) -> Result<String, String> {
    let items = pieces::of(feed, Format::Json, feed.with_stubs(), piece)?;
    let mut text = pretty(&document(feed))?;
    if !items.is_empty() {
        let Some(frame) = text.strip_suffix(NO_ITEMS) else {
            return Err(format!("the document ends otherwise than `{NO_ITEMS}`"));
        };
        text = format!("{frame}{OPEN}{}{CLOSE}", items.join(BETWEEN));
    }
    text.push('\n');
    Ok(text)
}

/// An item as it stands in a document: within two others.
fn piece(feed: &Feed, entry: &Entry) -> Result<String, String> {
    let alone = pretty(&[[item(feed, entry)]])?;
    let piece = alone.strip_prefix("[\n  [\n    ").and_then(|rest| rest.strip_suffix("\n  ]\n]"));
    piece.map(str::to_owned).ok_or_else(|| "an item is indented otherwise than by two spaces".to_owned())
}

fn pretty(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    title: &'a str,
    home_page_url: &'a str,
    feed_url: String,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    favicon: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    authors: [Author<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hubs: Vec<Hub<'a>>,
    #[serde(rename = "_loa", skip_serializing_if = "Option::is_none")]
    loa: Option<FeedExtension<'a>>,
    #[serde(rename = "_deleted", skip_serializing_if = "Option::is_none")]
    deleted: Option<Deletions<'a>>,
    /// Stand last, so that they can be put into the text.
    items: [(); 0],
}

#[derive(Serialize)]
struct Author<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

#[derive(Serialize)]
struct Hub<'a> {
    r#type: &'static str,
    url: &'a str,
}

#[derive(Serialize)]
struct FeedExtension<'a> {
    about: &'a str,
    rights: &'a str,
}

#[derive(Serialize)]
struct Deletions<'a> {
    about: &'a str,
    entries: Vec<Deletion<'a>>,
}

#[derive(Serialize)]
struct Deletion<'a> {
    id: &'a str,
    when: String,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    url: &'a str,
    title: &'a str,
    content_html: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    date_published: String,
    date_modified: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<Author<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'a>>,
    #[serde(rename = "_locality", skip_serializing_if = "Option::is_none")]
    locality: Option<Localities<'a>>,
    #[serde(rename = "_loa", skip_serializing_if = "Option::is_none")]
    loa: Option<FeedExtension<'a>>,
    #[serde(rename = "_geo", skip_serializing_if = "Option::is_none")]
    geo: Option<Geo<'a>>,
}

#[derive(Serialize)]
struct Geo<'a> {
    about: &'a str,
    latitude: f64,
    longitude: f64,
}

/// Where an item is located.
#[derive(Serialize)]
struct Localities<'a> {
    about: &'a str,
    units: Vec<Unit<'a>>,
}

#[derive(Serialize)]
struct Unit<'a> {
    code: String,
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    within: Vec<&'a str>,
    feed_url: String,
}

#[derive(Serialize)]
struct Attachment<'a> {
    url: &'a str,
    mime_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_in_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_in_seconds: Option<u32>,
    #[serde(rename = "_loa", skip_serializing_if = "Option::is_none")]
    loa: Option<MediaExtension<'a>>,
}

#[derive(Serialize)]
struct MediaExtension<'a> {
    about: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt: Option<&'a str>,
}

fn document(feed: &Feed) -> Document<'_> {
    let about = feed.service_url.as_str();
    Document {
        version: VERSION,
        title: &feed.title,
        home_page_url: feed.home_url.as_str(),
        feed_url: feed.address(Format::Json).to_string(),
        description: &feed.subtitle,
        icon: feed.logo_url.as_ref().or(feed.icon_url.as_ref()).map(url::Url::as_str),
        favicon: feed.icon_url.as_ref().map(url::Url::as_str),
        language: feed.language.as_ref().map(LanguageTag::as_str),
        authors: [Author { name: &feed.site, url: Some(feed.home_url.as_str()) }],
        hubs: feed.hubs.iter().map(|hub| Hub { r#type: "WebSub", url: hub.as_str() }).collect(),
        loa: feed.rights.as_ref().map(|rights| FeedExtension { about, rights }),
        deleted: deletions(feed),
        items: [],
    }
}

fn deletions(feed: &Feed) -> Option<Deletions<'_>> {
    let when = |at| stamp::rfc3339(at, feed.zone);
    let entries: Vec<_> = feed.deleted.iter().map(|gone| Deletion { id: &gone.id, when: when(gone.at) }).collect();
    (!entries.is_empty()).then_some(Deletions { about: feed.service_url.as_str(), entries })
}

fn item<'a>(feed: &'a Feed, entry: &'a Entry) -> Item<'a> {
    let about = feed.service_url.as_str();
    let is_picture = |media: &&Media| media.medium == Some(Medium::Image);
    Item {
        id: &entry.id,
        url: entry.link.as_str(),
        title: &entry.title,
        content_html: content(entry),
        summary: entry.summary_text(),
        image: entry.media.iter().find(is_picture).map(|media| media.url.as_str()),
        date_published: stamp::rfc3339(entry.published, feed.zone),
        date_modified: stamp::rfc3339(entry.updated, feed.zone),
        authors: entry.authors.iter().map(|name| Author { name, url: None }).collect(),
        tags: tags(entry),
        language: entry.language.as_ref().map(LanguageTag::as_str),
        attachments: entry.media.iter().filter_map(|media| attachment(about, media)).collect(),
        locality: localities(feed, entry),
        loa: entry.rights.as_ref().map(|rights| FeedExtension { about, rights }),
        geo: entry.point.map(|at| Geo { about, latitude: at.latitude(), longitude: at.longitude() }),
    }
}

/// The names of its categories and tags, each once.
fn tags(entry: &Entry) -> Vec<&str> {
    let mut tags: Vec<&str> = Vec::new();
    for term in entry.filed.categories.iter().chain(&entry.filed.tags) {
        if !tags.contains(&term.name.as_str()) {
            tags.push(&term.name);
        }
    }
    tags
}

fn localities<'a>(feed: &'a Feed, entry: &'a Entry) -> Option<Localities<'a>> {
    let unit = |locality: &'a Locality| Unit {
        code: locality.code.to_string(),
        name: &locality.name,
        within: locality.within.iter().map(XmlText::as_str).collect(),
        feed_url: format!("{}{}.{}", feed.locality_scheme, locality.path, Format::Json),
    };
    let units: Vec<_> = entry.filed.localities.iter().map(unit).collect();
    (!units.is_empty()).then_some(Localities { about: feed.service_url.as_str(), units })
}

/// An item must have content: the body, else the summary, else the title.
fn content(entry: &Entry) -> String {
    let summary =
        || entry.summary_html().map(|html| if html.starts_with("<p>") { html } else { format!("<p>{html}</p>") });
    entry.content_html().or_else(summary).unwrap_or_else(|| format!("<p>{}</p>", partial_escape(entry.title.as_str())))
}

/// An attachment must have a type.
fn attachment<'a>(about: &'a str, media: &'a Media) -> Option<Attachment<'a>> {
    let (credit, alt) = (media.credit.as_deref(), media.alt.as_deref());
    Some(Attachment {
        url: media.url.as_str(),
        mime_type: media.mime_type.as_deref()?,
        title: media.caption.as_deref(),
        size_in_bytes: media.length,
        duration_in_seconds: media.duration,
        loa: (credit.is_some() || alt.is_some()).then_some(MediaExtension { about, credit, alt }),
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::article::Article;
    use crate::feed::testing::{article, front_page};

    #[test]
    fn its_address_comes_before_the_hubs() {
        let document = super::write(&front_page(&[]).feed).unwrap();
        let read: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(read["feed_url"], "https://tin.baovidu.example/bao/feeds/all.json");
        let hub = |url: &str| serde_json::json!({ "type": "WebSub", "url": url });
        let expected = ["https://tin.baovidu.example/bao/hub", "https://hub.example/?a=1&b=2"].map(hub);
        assert_eq!(read["hubs"], serde_json::json!(expected));
        assert!(document.find("\"feed_url\"") < document.find("\"hubs\""), "{document}");
    }

    #[test]
    fn an_item_always_has_content() {
        let content = |lead: Option<&str>, body: Option<&str>| {
            let (lead, body_html) = (lead.map(str::to_owned), body.map(str::to_owned));
            let title = "A & B".to_owned();
            super::content(&front_page(&[Article { title, lead, body_html, ..article("1") }]).feed.entries[0])
        };
        assert_eq!(content(Some("a < b"), Some("<p>c</p>")), "<p>c</p>");
        assert_eq!(content(Some("a < b"), None), "<p>a &lt; b</p>");
        assert_eq!(content(None, None), "<p>A &amp; B</p>");
    }
}
