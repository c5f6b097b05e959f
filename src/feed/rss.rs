//! RSS 2.0 (rssboard.org/rss-specification) with the modules of `ext`, by the RSS Advisory Board's profile.

use quick_xml::escape::partial_escape;
use rss::{Category, Channel, Enclosure, Guid, Image, Item};
use url::Url;

use super::ext::{self, atom, dc, dcterms, georss, media, sy};
use super::model::{Entry, Feed, Term};
use super::pieces;
use super::render::{GENERATOR, utf8};
use crate::domain::format::Format;
use crate::text::stamp;

/// Spaces for each level: documents are read by people, and compress to the same size.
const INDENT_SPACES: usize = 1;
/// The element that holds an entry.
const ITEM: &str = "item";
/// What cannot be: the crate writes the item that it is given.
const NO_ITEM: &str = "the document is written without its items";
/// Where the format is described, as the format itself wants it told.
const DOCS: &str = "https://www.rssboard.org/rss-specification";

/// Writes the document.
///
/// # Errors
/// What the crate says.
pub(super) fn write(feed: &Feed) -> Result<String, String> {
    let items = pieces::of(feed, Format::Rss, feed.with_stubs(), piece)?;
    let frame = written(&channel(feed))?;
    pieces::joined(&frame, ITEM, &items).ok_or_else(|| NO_ITEM.to_owned())
}

/// An item as it stands in a document.
fn piece(feed: &Feed, entry: &Entry) -> Result<String, String> {
    let alone = written(&Channel { items: vec![item(feed, entry)], ..Channel::default() })?;
    pieces::cut(&alone, ITEM).map(|(_, piece, _)| piece.to_owned()).ok_or_else(|| NO_ITEM.to_owned())
}

fn written(channel: &Channel) -> Result<String, String> {
    let mut bytes = channel.pretty_write_to(Vec::new(), b' ', INDENT_SPACES).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    utf8(&bytes)
}

/// The channel with one item, in whose place all of them stand.
fn channel(feed: &Feed) -> Channel {
    Channel {
        title: feed.title.to_string(),
        link: feed.home_url.to_string(),
        description: feed.subtitle.to_string(),
        language: feed.language.as_ref().map(ToString::to_string),
        copyright: feed.rights.as_ref().map(ToString::to_string),
        last_build_date: feed.changed_at.map(|changed_at| stamp::rfc822(changed_at, feed.zone)),
        generator: Some(GENERATOR.to_owned()),
        docs: Some(DOCS.to_owned()),
        ttl: Some(feed.ttl_minutes.to_string()),
        image: image(feed),
        namespaces: ext::namespaces(&ext::RSS_NAMESPACES),
        extensions: ext::rss_map(atom::links(feed, Format::Rss).into_iter().chain(sy::elements(feed.ttl_minutes))),
        items: vec![Item::default()],
        ..Channel::default()
    }
}

/// Title and link must be the channel's own (RSS Advisory Board profile, `image`).
fn image(feed: &Feed) -> Option<Image> {
    let url = feed.logo_url.as_ref().or(feed.icon_url.as_ref())?.to_string();
    Some(Image { url, title: feed.title.to_string(), link: feed.home_url.to_string(), ..Image::default() })
}

fn item(feed: &Feed, entry: &Entry) -> Item {
    let media = entry.media.iter().map(media::content);
    let place = dcterms::spatial(entry).into_iter().chain(georss::point(entry));
    let elements = media.chain(dc::elements(entry)).chain(place).chain(atom::updated(feed, entry));
    Item {
        title: Some(entry.title.to_string()),
        link: Some(entry.link.to_string()),
        description: Some(description(entry)),
        categories: categories(feed, entry),
        enclosure: enclosure(entry),
        guid: Some(Guid { value: entry.guid.to_string(), permalink: false }),
        pub_date: Some(stamp::rfc822(entry.published, feed.zone)),
        content: entry.content_html(),
        extensions: ext::rss_map(elements),
        ..Item::default()
    }
}

/// The summary as HTML; the title where there is none, as `content:encoded` wants a description before it.
fn description(entry: &Entry) -> String {
    entry.summary_html().unwrap_or_else(|| partial_escape(entry.title.as_str()).into_owned())
}

fn categories(feed: &Feed, entry: &Entry) -> Vec<Category> {
    let filed = [
        (&feed.category_scheme, &entry.filed.categories),
        (&feed.locality_scheme, &entry.filed.places),
        (&feed.tag_scheme, &entry.filed.tags),
    ];
    let category =
        |scheme: &Url, term: &Term| Category { name: term.name.to_string(), domain: Some(scheme.to_string()) };
    filed.into_iter().flat_map(|(scheme, terms)| terms.iter().map(move |term| category(scheme, term))).collect()
}

/// One at most, as many readers look at one only; the type is required, and a length that nobody knows is 0.
fn enclosure(entry: &Entry) -> Option<Enclosure> {
    let (media, mime_type) = entry.media.iter().find_map(|media| Some((media, media.mime_type.as_ref()?)))?;
    let length = media.length.unwrap_or_default().to_string();
    Some(Enclosure { url: media.url.to_string(), length, mime_type: mime_type.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::{Article, Media};
    use crate::feed::testing::{self, article, front_page};

    #[test]
    fn itself_comes_first_and_the_hubs_next() {
        let document = write(&front_page(&[article("1")]).feed).unwrap();
        let expected = [
            "self https://tin.baovidu.example/bao/feeds/all.rss",
            "hub https://tin.baovidu.example/bao/hub",
            "hub https://hub.example/?a=1&b=2",
            "alternate https://tin.baovidu.example/bao/feeds/all.atom",
            "alternate https://tin.baovidu.example/bao/feeds/all.json",
        ];
        assert_eq!(testing::links(&document, "channel"), expected);
    }

    #[test]
    fn text_is_escaped_once_for_html_and_once_for_xml() {
        let title = "5 < 6 & 7".to_owned();
        let document =
            write(&front_page(&[Article { lead: Some(title.clone()), title, ..article("1") }]).feed).unwrap();
        assert!(document.contains("<title>5 &lt; 6 &amp; 7</title>"), "{document}");
        assert!(document.contains("<description><![CDATA[5 &lt; 6 &amp; 7]]></description>"), "{document}");
    }

    #[test]
    fn an_enclosure_needs_a_type_and_has_a_length() {
        let with = |url: &str| {
            let media = vec![Media { url: url.to_owned(), ..Media::default() }];
            enclosure(&front_page(&[Article { media, ..article("1") }]).feed.entries[0])
        };
        let found = with("https://a.example/a.jpg").unwrap();
        assert_eq!((found.mime_type.as_str(), found.length.as_str()), ("image/jpeg", "0"));
        assert_eq!(with("https://a.example/a"), None);
    }
}
