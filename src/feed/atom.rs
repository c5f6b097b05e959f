//! Atom 1.0 (RFC 4287) with tombstones (RFC 6721) and Media RSS. Every field that `atom_syndication` would fill with its
//! own default (an empty id, the year 1970) is given.

use atom_syndication as atom;
use atom_syndication::{Category, Content, FixedDateTime, Generator, Link, Person, Text, TextType, WriteConfig};
use chrono::{DateTime, SubsecRound as _};
use url::Url;

use super::ext::{self, dcterms, georss, media, tombstones};
use super::model::{Entry, Feed, Media, Term};
use super::pieces;
use super::render::{GENERATOR, utf8};
use super::values::LanguageTag;
use crate::domain::clock::Timestamp;
use crate::domain::format::Format;
use crate::text::stamp;

/// The crate's own declaration does not name the encoding.
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
/// The element that holds an entry.
const ENTRY: &str = "entry";
/// What cannot be: the crate writes the entry that it is given.
const NO_ENTRY: &str = "the document is written without its entries";
/// Spaces for each level.
const INDENT: WriteConfig = WriteConfig { write_document_declaration: false, indent_size: Some(1) };

/// Writes the document.
///
/// # Errors
/// What the crate says.
pub(super) fn write(feed: &Feed) -> Result<String, String> {
    let entries = pieces::of(feed, Format::Atom, feed.without_stubs(), piece)?;
    let frame = written(&document(feed))?;
    let frame = format!("{DECLARATION}\n{}\n", frame.trim_start());
    pieces::joined(&frame, ENTRY, &entries).ok_or_else(|| NO_ENTRY.to_owned())
}

/// An entry as it stands in a document.
fn piece(feed: &Feed, entry: &Entry) -> Result<String, String> {
    let alone = written(&atom::Feed { entries: vec![self::entry(feed, entry)], ..atom::Feed::default() })?;
    pieces::cut(&alone, ENTRY).map(|(_, piece, _)| piece.to_owned()).ok_or_else(|| NO_ENTRY.to_owned())
}

fn written(feed: &atom::Feed) -> Result<String, String> {
    utf8(&feed.write_with_config(Vec::new(), INDENT).map_err(|error| error.to_string())?)
}

/// The feed with one entry, in whose place all of them stand.
fn document(feed: &Feed) -> atom::Feed {
    atom::Feed {
        title: plain(&feed.title, None),
        id: feed.id.to_string(),
        updated: instant(feed, feed.updated),
        authors: vec![Person {
            name: feed.site.to_string(),
            uri: Some(feed.home_url.to_string()),
            ..Person::default()
        }],
        categories: Vec::new(),
        contributors: Vec::new(),
        generator: Some(Generator {
            value: GENERATOR.to_owned(),
            uri: Some(feed.service_url.to_string()),
            version: None,
        }),
        icon: feed.icon_url.as_ref().map(ToString::to_string),
        links: links(feed),
        logo: feed.logo_url.as_ref().map(ToString::to_string),
        rights: feed.rights.as_ref().map(|rights| plain(rights, None)),
        subtitle: Some(plain(&feed.subtitle, None)),
        entries: vec![atom::Entry::default()],
        extensions: ext::atom_map(tombstones::elements(feed)),
        namespaces: ext::namespaces(&ext::ATOM_NAMESPACES),
        base: None,
        lang: feed.language.as_ref().map(ToString::to_string),
    }
}

/// Itself, who pushes it, the newspaper's front page, the other formats: in this order, for some subscribers look at the
/// first links only.
fn links(feed: &Feed) -> Vec<Link> {
    let link = |rel: &str, href: String, mime_type: Option<&str>| Link {
        rel: rel.to_owned(),
        href,
        mime_type: mime_type.map(str::to_owned),
        ..Link::default()
    };
    let document = |rel: &str, of: Format| link(rel, feed.address(of).to_string(), Some(of.media_type()));
    let hubs = feed.hubs.iter().map(|hub| link("hub", hub.to_string(), None));
    let page = link("alternate", feed.home_url.to_string(), Some("text/html"));
    let others = [Format::Rss, Format::Json].map(|other| document("alternate", other));
    [document("self", Format::Atom)].into_iter().chain(hubs).chain([page]).chain(others).collect()
}

fn entry(feed: &Feed, entry: &Entry) -> atom::Entry {
    let lang = entry.language.as_ref();
    let html = |value| Content {
        value: Some(value),
        content_type: Some("html".to_owned()),
        lang: lang.map(ToString::to_string),
        ..Content::default()
    };
    let page = Link { href: entry.link.to_string(), mime_type: Some("text/html".to_owned()), ..Link::default() };
    atom::Entry {
        title: plain(&entry.title, lang),
        id: entry.id.to_string(),
        updated: instant(feed, entry.updated),
        authors: entry.authors.iter().map(|name| Person { name: name.to_string(), ..Person::default() }).collect(),
        categories: categories(feed, entry),
        contributors: Vec::new(),
        links: std::iter::once(page).chain(entry.media.iter().map(enclosure)).collect(),
        published: Some(instant(feed, entry.published)),
        rights: entry.rights.as_ref().map(|rights| plain(rights, None)),
        source: None,
        summary: entry.summary_html().map(|value| Text { value, r#type: TextType::Html, ..plain("", lang) }),
        content: entry.content_html().map(html),
        extensions: ext::atom_map(
            entry.media.iter().map(media::content).chain(dcterms::spatial(entry)).chain(georss::point(entry)),
        ),
        namespaces: ext::namespaces(&[]),
    }
}

fn categories(feed: &Feed, entry: &Entry) -> Vec<Category> {
    let filed = [
        (&feed.category_scheme, &entry.filed.categories),
        (&feed.locality_scheme, &entry.filed.places),
        (&feed.tag_scheme, &entry.filed.tags),
    ];
    let category = |scheme: &Url, term: &Term| Category {
        term: term.slug.to_string(),
        scheme: Some(scheme.to_string()),
        label: Some(term.name.to_string()),
    };
    filed.into_iter().flat_map(|(scheme, terms)| terms.iter().map(move |term| category(scheme, term))).collect()
}

fn enclosure(media: &Media) -> Link {
    Link {
        rel: "enclosure".to_owned(),
        href: media.url.to_string(),
        mime_type: media.mime_type.as_deref().map(str::to_owned),
        length: media.length.map(|bytes| bytes.to_string()),
        ..Link::default()
    }
}

fn plain(text: &str, lang: Option<&LanguageTag>) -> Text {
    Text { value: text.to_owned(), base: None, lang: lang.map(ToString::to_string), r#type: TextType::Text }
}

/// The same text as in the other formats: the crate writes the zone and precision of what it is given.
fn instant(feed: &Feed, instant: Timestamp) -> FixedDateTime {
    let written = DateTime::parse_from_rfc3339(&stamp::rfc3339(instant, feed.zone));
    written.unwrap_or_else(|_| instant.trunc_subsecs(0).fixed_offset())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::{Article, Media};
    use crate::feed::testing::{self, article, at, front_page};

    #[test]
    fn itself_comes_first_and_the_hubs_next() {
        let document = write(&front_page(&[article("1")]).feed).unwrap();
        let expected = [
            "self https://tin.baovidu.example/bao/feeds/all.atom",
            "hub https://tin.baovidu.example/bao/hub",
            "hub https://hub.example/?a=1&b=2",
            "alternate https://baovidu.example/",
            "alternate https://tin.baovidu.example/bao/feeds/all.rss",
            "alternate https://tin.baovidu.example/bao/feeds/all.json",
        ];
        assert_eq!(testing::links(&document, "feed"), expected);
    }

    #[test]
    fn addresses_in_extensions_are_escaped() {
        let media = vec![Media { url: "https://a.example/a.jpg?x=1&y=\"2\"".to_owned(), ..Media::default() }];
        let document = write(&front_page(&[Article { media, ..article("1") }]).feed).unwrap();
        assert_eq!(document.matches("https://a.example/a.jpg?x=1&amp;y=%222%22").count(), 2, "{document}");
    }

    #[test]
    fn instants_are_written_as_in_the_other_formats() {
        let feed = front_page(&[]).feed;
        let check = |stamp: &str, expect: &str| assert_eq!(instant(&feed, at(stamp)).to_rfc3339(), expect);
        check("2026-11-20T06:30:00.123456+07:00", "2026-11-20T06:30:00+07:00");
        check("2026-11-19T23:30:00Z", "2026-11-20T06:30:00+07:00");
        check("1962-05-01T00:00:00+08:00", "1962-05-01T00:00:00+08:00");
    }
}
