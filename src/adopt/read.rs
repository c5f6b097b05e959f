//! Reads RSS (0.9x, 1.0, 2.0) and Atom as a feed reader does that wants to lose nothing: end tags that fit nothing,
//! entities that XML does not know, a declaration that is not true. quick-xml goes on where a strict parser stops; names
//! are taken as they are written, for in broken markup prefixes lead nowhere.

use std::borrow::Cow;
use std::collections::HashSet;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use url::Url;

use super::text::decode;
use super::{ENTRIES_MAX, Kind, OldEntry, OldFeed};
use crate::text::stamp::{self, Zones};

/// Why a document is no feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is another root element, or none.
    #[error("it is no RSS or Atom feed: {0}; give the address that feed readers have, not that of a page")]
    NoFeed(String),
    /// The markup breaks off in a way that leaves nothing to go on with.
    #[error("it cannot be read from byte {at} on: {why}")]
    Broken {
        /// Bytes before the place.
        at: u64,
        /// In the library's words.
        why: String,
    },
    /// There are more entries than a feed has.
    #[error(
        "it has more than {ENTRIES_MAX} entries, which is no feed but an archive; give the feed that subscribers read"
    )]
    TooMany,
}

/// What an element is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Guid,
    Link,
    /// The link before a counting service.
    Origin,
    Title,
    Published,
    /// A date that counts where there is no other.
    Changed,
    /// May hold what looks like the others and is not: the source of an entry, a body of XHTML.
    Foreign,
}

/// An entry as it stands in the document; empty where there is nothing.
#[derive(Debug, Default)]
struct Item {
    guid: String,
    link: String,
    origin: String,
    title: String,
    published: String,
    changed: String,
}

/// Reads a feed. `from` is its address, for links that are relative; `zones` are those of dates that name none.
///
/// # Errors
/// [`ReadError`] if it is no feed. A faulty entry is no error: what it lacks is left out.
pub fn read(bytes: &[u8], from: Option<&Url>, zones: &Zones) -> Result<OldFeed, ReadError> {
    let text = decode(bytes);
    let document = Document::parse(&text)?;
    let base = from.cloned().or_else(|| document.address.clone()).or_else(|| Url::parse(document.home.trim()).ok());
    let (mut seen, mut entries, mut nameless) = (HashSet::new(), Vec::new(), 0);
    for item in document.items {
        match item.entry(base.as_ref(), *zones) {
            Some(entry) if seen.insert(entry.guid.clone()) => entries.push(entry),
            Some(_) => {}
            None => nameless += 1,
        }
    }
    Ok(OldFeed { kind: document.kind, address: document.address, entries, nameless })
}

/// What has been read so far.
#[derive(Debug)]
struct Document {
    kind: Kind,
    /// Of the root's name: `atom:` where the root is `atom:feed`.
    prefix: String,
    items: Vec<Item>,
    in_item: bool,
    /// The element whose text is being read, by its name as written.
    open: Option<(Field, Vec<u8>)>,
    /// The address that the feed gives for itself.
    address: Option<Url>,
    /// The link of the feed: the site.
    home: String,
}

impl Document {
    fn parse(text: &str) -> Result<Self, ReadError> {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        let mut document = None;
        loop {
            let at = reader.buffer_position();
            let event = reader.read_event().map_err(|error| ReadError::Broken { at, why: error.to_string() })?;
            match (event, &mut document) {
                (Event::Eof, document) => {
                    return document.take().ok_or_else(|| ReadError::NoFeed("it has no element".to_owned()));
                }
                (Event::Start(root), None) => document = Some(Self::of_root(&root)?),
                (event, Some(document)) => document.add(&event)?,
                _ => {}
            }
        }
    }

    fn of_root(root: &BytesStart<'_>) -> Result<Self, ReadError> {
        let name = root.name();
        let written = String::from_utf8_lossy(name.as_ref());
        let prefix = written.split_once(':').map(|(prefix, _)| format!("{prefix}:")).unwrap_or_default();
        let (kind, prefix) = match name.local_name().as_ref() {
            b"rss" | b"RDF" => (Kind::Rss, String::new()),
            b"feed" => (Kind::Atom, prefix),
            _ => return Err(ReadError::NoFeed(format!("its first element is `{written}`"))),
        };
        let home = String::new();
        Ok(Self { kind, prefix, items: Vec::new(), in_item: false, open: None, address: None, home })
    }

    fn add(&mut self, event: &Event<'_>) -> Result<(), ReadError> {
        match event {
            Event::Start(element) => self.begin(element)?,
            Event::End(element) => self.end(element.name().as_ref()),
            Event::Text(text) => self.text(&text.decode().unwrap_or_default()),
            Event::CData(text) => self.text(&text.decode().unwrap_or_default()),
            Event::GeneralRef(reference) => self.text(&resolved(reference)),
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        let name = element.name();
        if self.is_item(name.as_ref()) {
            if self.items.len() == ENTRIES_MAX {
                return Err(ReadError::TooMany);
            }
            // RSS 1.0 names an item here.
            let guid = attribute(element, "rdf:about").unwrap_or_default();
            self.items.push(Item { guid, ..Item::default() });
            (self.in_item, self.open) = (true, None);
        } else if self.open.is_none() {
            self.link(element);
            let field = self.field(name.as_ref()).filter(|field| self.in_item || *field == Field::Link);
            // What stands a second time is taken for nothing.
            let field = field.map(|field| match self.slot(field) {
                Some(text) if text.trim().is_empty() => field,
                _ => Field::Foreign,
            });
            self.open = field.map(|field| (field, name.as_ref().to_vec()));
        }
        Ok(())
    }

    fn end(&mut self, name: &[u8]) {
        if self.is_item(name) {
            (self.in_item, self.open) = (false, None);
        } else if self.open.as_ref().is_some_and(|(_, open)| open == name) {
            self.open = None;
        }
    }

    fn text(&mut self, text: &str) {
        let field = self.open.as_ref().map(|(field, _)| *field);
        if let Some(slot) = field.and_then(|field| self.slot(field)) {
            slot.push_str(text);
        }
    }

    fn is_item(&self, name: &[u8]) -> bool {
        match self.kind {
            Kind::Rss => name == b"item",
            Kind::Atom => name.strip_prefix(self.prefix.as_bytes()) == Some(b"entry"),
        }
    }

    /// What an element is for, in this kind of feed.
    fn field(&self, name: &[u8]) -> Option<Field> {
        let own = name.strip_prefix(self.prefix.as_bytes()).unwrap_or(name);
        Some(match (self.kind, own) {
            (_, b"title") => Field::Title,
            (_, b"feedburner:origLink") => Field::Origin,
            (Kind::Rss, b"guid") | (Kind::Atom, b"id") => Field::Guid,
            (Kind::Rss, b"link") => Field::Link,
            (Kind::Rss, b"pubDate") | (Kind::Atom, b"published" | b"issued") => Field::Published,
            (Kind::Rss, b"dc:date") | (Kind::Atom, b"updated" | b"modified") => Field::Changed,
            (Kind::Rss, b"description" | b"content:encoded")
            | (Kind::Atom, b"source" | b"content" | b"summary" | b"author" | b"contributor") => Field::Foreign,
            _ => return None,
        })
    }

    /// Where the text of a field goes; outside of an item only the feed's own link is kept.
    fn slot(&mut self, field: Field) -> Option<&mut String> {
        let item = self.items.last_mut().filter(|_| self.in_item);
        match (item, field) {
            (None, Field::Link) => Some(&mut self.home),
            (None, _) | (_, Field::Foreign) => None,
            (Some(item), Field::Guid) => Some(&mut item.guid),
            (Some(item), Field::Link) => Some(&mut item.link),
            (Some(item), Field::Origin) => Some(&mut item.origin),
            (Some(item), Field::Title) => Some(&mut item.title),
            (Some(item), Field::Published) => Some(&mut item.published),
            (Some(item), Field::Changed) => Some(&mut item.changed),
        }
    }

    /// Atom says links in attributes, and so do RSS feeds that tell their own address.
    fn link(&mut self, element: &BytesStart<'_>) {
        let Some(target) = attribute(element, "href").filter(|_| element.local_name().as_ref() == b"link") else {
            return;
        };
        match attribute(element, "rel").as_deref() {
            Some("self") if !self.in_item => self.address = Url::parse(target.trim()).ok(),
            None | Some("alternate") if self.kind == Kind::Atom => {
                if let Some(slot) = self.slot(Field::Link).filter(|slot| slot.is_empty()) {
                    *slot = target;
                }
            }
            _ => {}
        }
    }
}

impl Item {
    /// `None` where there is nothing that a reader could know it by.
    fn entry(self, base: Option<&Url>, zones: Zones) -> Option<OldEntry> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let own_guid = given(&self.guid);
        // Readers take a link for what it leads to.
        let link = given(&self.link).map(|link| match base {
            Some(base) if Url::parse(&link).is_err() => base.join(&link).map_or(link, String::from),
            _ => link,
        });
        let has_guid = own_guid.is_some();
        let guid = own_guid.clone().or_else(|| link.clone())?;
        let links = [link, given(&self.origin), own_guid].into_iter().flatten().collect();
        let stamp = |text: &str| Some(stamp::read(text, &zones).ok()?.instant);
        let published = stamp(&self.published).or_else(|| stamp(&self.changed));
        Some(OldEntry { guid, has_guid, links, title: self.title, published })
    }
}

/// An attribute's value; `None` if it is not there or cannot be read.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok().flatten()?;
    let value = String::from_utf8_lossy(&attribute.value).into_owned();
    Some(quick_xml::escape::unescape(&value).map_or_else(|_| value.clone(), Cow::into_owned))
}

/// A reference as text. One that XML does not know (`&nbsp;`) stays as it is: titles are read as HTML later.
fn resolved(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let name = reference.decode().unwrap_or_default();
    quick_xml::escape::resolve_xml_entity(&name).map_or_else(|| format!("&{name};"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(document: &str) -> Vec<OldEntry> {
        read(document.as_bytes(), None, &Zones::default()).unwrap().entries
    }

    /// Guid, links, title and instant of the only entry.
    fn check(item: &str, guid: &str, link: &str, title: &str, published: &str) {
        let document = format!(
            "<rss version='2.0'><channel><title>Báo</title><link>https://a.example/</link>{item}</channel></rss>"
        );
        let entry = entries(&document).pop().unwrap();
        let instant = entry.published.map(stamp::stored).unwrap_or_default().replace(".000000", "");
        let found = (entry.guid.as_str(), entry.links[0].as_str(), entry.title.trim(), instant.as_str());
        assert_eq!(found, (guid, link, title, published), "{item}");
    }

    #[test]
    fn what_sites_emit_is_read() {
        let instant = "2022-03-17T23:30:00Z";
        check(
            "<item><title><![CDATA[Giá chè]]> tăng</title><link>\n  https://a.example/1\n</link>\
             <guid isPermaLink='false'> bai-1 </guid><pubDate>Fri, 18 Mar 2022 06:30:00 GMT+7</pubDate></item>",
            "bai-1",
            "https://a.example/1",
            "Giá chè tăng",
            instant,
        );
        // No guid; markup that ends what it never began; an entity that XML does not know; an ampersand alone.
        check(
            "<item><title>K&yacute; ức A & B &lt;i&gt;x</title><link>https://a.example/?a=1&amp;b=2&c=3</link>\
             <description>Ảnh</br>đẹp<br><title>Không phải</title></description>\
             <media:title>Không phải</media:title><pubDate>18/03/2022 06:30</pubDate></item>",
            "https://a.example/?a=1&b=2&c=3",
            "https://a.example/?a=1&b=2&c=3",
            "K&yacute; ức A & B <i>x",
            instant,
        );
        check(
            "<item><title>A</title><link>/tin-1.htm</link></item>",
            "https://a.example/tin-1.htm",
            "https://a.example/tin-1.htm",
            "A",
            "",
        );
        check(
            "<item><guid>7</guid><title>A<link>https://a.example/1</link><pubDate>3/18/2022 6:30:00 AM</pubDate></item>",
            "7",
            "7",
            "Ahttps://a.example/13/18/2022 6:30:00 AM",
            "",
        );
        check(
            "<item><link>https://dem.example/1</link><feedburner:origLink>https://a.example/1</feedburner:origLink>\
             <guid>7</guid><guid>8</guid><dc:date>2022-03-18T06:30:00+07:00</dc:date></item>",
            "7",
            "https://dem.example/1",
            "",
            instant,
        );
    }

    #[test]
    fn atom_and_rss_1_are_read() {
        let atom = "<?xml version='1.0' encoding='utf-16'?><a:feed xmlns:a='http://www.w3.org/2005/Atom'><a:id>x</a:id>
            <a:link rel='self' href='https://a.example/cu.atom'/><a:link href='https://a.example/'/>
            <a:entry><a:source><a:id>khác</a:id><a:title>khác</a:title></a:source><a:id>tag:a.example,2020:1</a:id>
            <a:title type='html'>Tin &amp;amp; ảnh</a:title><a:link rel='enclosure' href='https://a.example/1.jpg'/>
            <a:link href='tin-1?a=1&amp;b=2'/><a:updated>2022-03-19T06:30:00+07:00</a:updated>
            <a:published>2022-03-18T06:30:00+07:00</a:published></a:entry></a:feed>";
        let feed = read(atom.as_bytes(), None, &Zones::default()).unwrap();
        assert_eq!(
            (feed.kind, feed.address.as_ref().map(Url::as_str)),
            (Kind::Atom, Some("https://a.example/cu.atom"))
        );
        let links = ["https://a.example/tin-1?a=1&b=2", "tag:a.example,2020:1"];
        assert_eq!(
            (feed.entries[0].guid.as_str(), feed.entries[0].links.as_slice()),
            (links[1], links.map(String::from).as_slice())
        );
        assert_eq!(feed.entries[0].title, "Tin &amp; ảnh");
        assert_eq!(feed.entries[0].published.map(stamp::stored).unwrap(), "2022-03-17T23:30:00.000000Z");

        let rdf = "<rdf:RDF><channel><title>x</title></channel><item rdf:about='https://a.example/#1'><title>A</title>
            <link>https://a.example/1</link></item></rdf:RDF>";
        let feed = read(rdf.as_bytes(), None, &Zones::default()).unwrap();
        assert_eq!((feed.kind, feed.entries[0].guid.as_str()), (Kind::Rss, "https://a.example/#1"));
    }

    #[test]
    fn an_entry_twice_is_one_and_a_nameless_one_is_counted() {
        let item = "<item><guid>1</guid></item>";
        let feed =
            read(format!("<rss>{item}{item}<item><title>A</title></item></rss>").as_bytes(), None, &Zones::default());
        let feed = feed.unwrap();
        assert_eq!((feed.entries.len(), feed.nameless), (1, 1));
    }

    #[test]
    fn what_is_no_feed_says_so() {
        let check = |document: &str, expect: &str| {
            let error = read(document.as_bytes(), None, &Zones::default()).unwrap_err().to_string();
            assert!(error.contains(expect), "{document:.40}: {error}");
        };
        check("<!doctype html><html><body>404</body></html>", "its first element is `html`");
        check("", "it has no element");
        check("{\"version\": \"https://jsonfeed.org/version/1.1\"}", "it has no element");
        check("<rss><item><![CDATA[", "cannot be read from byte 11 on");
        check(&format!("<rss>{}</rss>", "<item/>".repeat(ENTRIES_MAX + 1)), "more than 10000 entries");
    }

    #[test]
    fn many_entries_are_read_in_no_time() {
        let items: Vec<String> = (0..ENTRIES_MAX).map(|n| format!("<item><guid>{n}</guid></item>")).collect();
        assert_eq!(entries(&format!("<rss>{}</rss>", items.concat())).len(), ENTRIES_MAX);
    }
}
