//! The rules of `docs/FEEDS.md`, checked on the document as any reader gets it: on the tree of a strict XML parser or
//! the value of a JSON parser, never on our own model.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset};
use loa::domain::format::Format;
use roxmltree::{Document, Node};
use serde_json::Value;
use url::Url;

const ATOM: &str = "http://www.w3.org/2005/Atom";
const CONTENT: &str = "http://purl.org/rss/1.0/modules/content/";
const DC: &str = "http://purl.org/dc/elements/1.1/";
const GEORSS: &str = "http://www.georss.org/georss";
const MEDIA: &str = "http://search.yahoo.com/mrss/";
const SY: &str = "http://purl.org/rss/1.0/modules/syndication/";
const TOMBSTONES: &str = "http://purl.org/atompub/tombstones/1.0";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// What a rule finds wrong; nothing if the rule is about another format.
type Rule = fn(&Parsed<'_>) -> Vec<String>;

/// Every rule, in the order of `docs/FEEDS.md`.
pub(crate) const RULES: [(&str, Rule); 43] = [
    ("well_formed", well_formed),
    ("utf8_declared", utf8_declared),
    ("urls_are_absolute", urls_are_absolute),
    ("urls_hold_only_uri_characters", urls_hold_only_uri_characters),
    ("html_urls_are_absolute", html_urls_are_absolute),
    ("html_is_safe", html_is_safe),
    ("no_html_in_text", no_html_in_text),
    ("no_blank_values", no_blank_values),
    ("no_white_space_around_values", no_white_space_around_values),
    ("ids_are_unique", ids_are_unique),
    ("language_tags", language_tags),
    ("not_newer_than_the_feed", not_newer_than_the_feed),
    ("rss_channel_has_title_link_description", rss_channel_has_title_link_description),
    ("rss_items_have_titles", rss_items_have_titles),
    ("rss_elements_once", rss_elements_once),
    ("rss_guids_are_no_permalinks", rss_guids_are_no_permalinks),
    ("rss_guids_are_unique_enough", rss_guids_are_unique_enough),
    ("rss_dates", rss_dates),
    ("rss_self_link", rss_self_link),
    ("rss_enclosures", rss_enclosures),
    ("rss_authors_are_creators", rss_authors_are_creators),
    ("rss_no_second_word_for_a_thing", rss_no_second_word_for_a_thing),
    ("rss_description_before_content", rss_description_before_content),
    ("rss_image_is_of_the_channel", rss_image_is_of_the_channel),
    ("rss_ttl_and_update_period", rss_ttl_and_update_period),
    ("atom_feed_has_id_title_updated_author", atom_feed_has_id_title_updated_author),
    ("atom_entries_have_id_title_updated_link", atom_entries_have_id_title_updated_link),
    ("atom_dates", atom_dates),
    ("atom_ids_are_absolute", atom_ids_are_absolute),
    ("atom_links", atom_links),
    ("atom_metadata_before_entries", atom_metadata_before_entries),
    ("atom_text_is_escaped", atom_text_is_escaped),
    ("atom_updated_not_before_published", atom_updated_not_before_published),
    ("atom_authors_are_names", atom_authors_are_names),
    ("atom_tombstones", atom_tombstones),
    ("json_has_version_title_items", json_has_version_title_items),
    ("json_items_have_id_and_content", json_items_have_id_and_content),
    ("json_dates", json_dates),
    ("json_words_of_1_1", json_words_of_1_1),
    ("json_extensions_say_what_they_are", json_extensions_say_what_they_are),
    ("json_attachments_have_types", json_attachments_have_types),
    ("media_rss", media_rss),
    ("points_are_on_earth", points_are_on_earth),
];

/// Everything that is wrong with a document, each with its rule's name.
pub(crate) fn violations(format: Format, body: &str) -> Vec<(&'static str, String)> {
    let parsed = Parsed::new(format, body);
    let found = RULES.iter().map(|(name, rule)| (name, rule(&parsed)));
    found.flat_map(|(name, found)| found.into_iter().map(|what| (*name, what))).collect()
}

pub(crate) struct Parsed<'a> {
    format: Format,
    body: &'a str,
    xml: Option<Document<'a>>,
    json: Value,
    error: Option<String>,
}

impl<'a> Parsed<'a> {
    fn new(format: Format, body: &'a str) -> Self {
        let mut parsed = Self { format, body, xml: None, json: Value::Null, error: None };
        if format == Format::Json {
            match serde_json::from_str(body) {
                Ok(json) => parsed.json = json,
                Err(error) => parsed.error = Some(error.to_string()),
            }
        } else {
            match Document::parse(body) {
                Ok(xml) => parsed.xml = Some(xml),
                Err(error) => parsed.error = Some(error.to_string()),
            }
        }
        parsed
    }

    fn nodes(&self) -> Vec<Node<'_, 'a>> {
        self.xml.iter().flat_map(|xml| xml.descendants().filter(Node::is_element)).collect()
    }

    fn named(&self, namespace: &str, name: &str) -> Vec<Node<'_, 'a>> {
        self.nodes().into_iter().filter(|node| is(*node, namespace, name)).collect()
    }

    /// `channel` or `feed`; none in JSON.
    fn top(&self) -> Option<Node<'_, 'a>> {
        self.nodes().into_iter().find(|node| is(*node, "", "channel") || is(*node, ATOM, "feed"))
    }

    fn rss_channel(&self) -> Vec<Node<'_, 'a>> {
        self.named("", "channel")
    }

    fn rss_items(&self) -> Vec<Node<'_, 'a>> {
        self.named("", "item")
    }

    fn atom_entries(&self) -> Vec<Node<'_, 'a>> {
        self.named(ATOM, "entry")
    }

    fn json_items(&self) -> Vec<&Value> {
        self.json["items"].as_array().map(|items| items.iter().collect()).unwrap_or_default()
    }

    /// Every value in the JSON with its key.
    fn json_values(&self) -> Vec<(&str, &Value)> {
        fn walk<'v>(key: &'v str, value: &'v Value, found: &mut Vec<(&'v str, &'v Value)>) {
            found.push((key, value));
            match value {
                Value::Object(map) => map.iter().for_each(|(key, value)| walk(key, value, found)),
                Value::Array(list) => list.iter().for_each(|value| walk(key, value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        walk("", &self.json, &mut found);
        found
    }

    fn json_texts(&self, keys: &[&str]) -> Vec<String> {
        let texts = self.json_values().into_iter().filter(|(key, _)| keys.contains(key));
        texts.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect()
    }

    fn urls(&self) -> Vec<String> {
        let attributes = ["url", "href", "domain", "scheme", "uri", "src"];
        let elements = ["link", "url", "docs", "uri", "icon", "logo"];
        let mut urls =
            self.json_texts(&["url", "home_page_url", "feed_url", "icon", "favicon", "image", "about", "version"]);
        for node in self.nodes() {
            urls.extend(node.attributes().filter(|a| attributes.contains(&a.name())).map(|a| a.value().to_owned()));
            if elements.contains(&node.tag_name().name()) && !is(node, ATOM, "link") {
                urls.push(text(node));
            }
        }
        urls
    }

    /// Values that readers take for HTML.
    fn html(&self) -> Vec<String> {
        let encoded = self.named(CONTENT, "encoded").into_iter();
        let descriptions = self.rss_items().into_iter().flat_map(|item| children(item, "", "description"));
        let atom = self.nodes().into_iter().filter(|node| node.attribute("type") == Some("html"));
        let xml = encoded.chain(descriptions).chain(atom).map(text);
        xml.chain(self.json_texts(&["content_html"])).collect()
    }

    /// Values that are plain text.
    fn texts(&self) -> Vec<String> {
        let html = |node: &Node<'_, '_>| node.attribute("type") == Some("html");
        let words = ["title", "subtitle", "category", "creator", "name", "rights", "copyright", "credit", "generator"];
        let nodes = self.nodes().into_iter().filter(|node| !html(node));
        let mut texts: Vec<_> = nodes
            .clone()
            .filter(|node| words.contains(&node.tag_name().name()) || is(*node, MEDIA, "description"))
            .map(text)
            .collect();
        texts.extend(nodes.filter_map(|node| node.attribute("label").map(str::to_owned)));
        texts.extend(self.rss_channel().into_iter().flat_map(|channel| children(channel, "", "description")).map(text));
        texts.extend(self.json_texts(&["title", "name", "tags", "summary", "description", "rights", "credit", "alt"]));
        texts
    }

    fn languages(&self) -> Vec<String> {
        let elements = self.named("", "language").into_iter().chain(self.named(DC, "language")).map(text);
        let attributes = self.nodes().into_iter().filter_map(|node| node.attribute((XML, "lang")).map(str::to_owned));
        elements.chain(attributes).chain(self.json_texts(&["language"])).collect()
    }
}

fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.tag_name().name() == name && node.tag_name().namespace().unwrap_or_default() == namespace
}

fn children<'a, 'i>(node: Node<'a, 'i>, namespace: &str, name: &str) -> Vec<Node<'a, 'i>> {
    node.children().filter(|child| is(*child, namespace, name)).collect()
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

fn one_text(node: Node<'_, '_>, namespace: &str, name: &str) -> String {
    children(node, namespace, name).first().map(|child| text(*child)).unwrap_or_default()
}

fn where_not(values: Vec<String>, holds: impl Fn(&str) -> bool) -> Vec<String> {
    values.into_iter().filter(|value| !holds(value)).collect()
}

fn well_formed(doc: &Parsed<'_>) -> Vec<String> {
    let forbidden = |c: char| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}');
    let mut found: Vec<_> = doc.error.clone().into_iter().collect();
    found.extend(doc.body.chars().filter(|c| forbidden(*c)).map(|c| format!("{c:?}")));
    let in_json = doc.json_values().into_iter().filter_map(|(_, value)| value.as_str());
    found.extend(in_json.flat_map(str::chars).filter(|c| forbidden(*c)).map(|c| format!("{c:?}")));
    found
}

fn utf8_declared(doc: &Parsed<'_>) -> Vec<String> {
    let head: String = doc.body.chars().take(60).collect();
    let good = match doc.format {
        Format::Json => head.starts_with('{'),
        Format::Rss | Format::Atom => head.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>"),
    };
    if good { Vec::new() } else { vec![head] }
}

fn urls_are_absolute(doc: &Parsed<'_>) -> Vec<String> {
    where_not(doc.urls(), |url| {
        Url::parse(url).is_ok_and(|url| url.has_host() && matches!(url.scheme(), "http" | "https"))
    })
}

fn urls_hold_only_uri_characters(doc: &Parsed<'_>) -> Vec<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(c);
    let percent = |url: &str| {
        let hex = |part: &str| part.len() >= 2 && part.chars().take(2).all(|c| c.is_ascii_hexdigit());
        url.split('%').skip(1).all(hex)
    };
    where_not(doc.urls(), |url| url.chars().all(fits) && percent(url) && url.matches('#').count() <= 1)
}

/// Tags of serialised HTML: name, then attributes.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(tag.len());
        let (name, mut attributes_text) = tag.split_at(end);
        let mut attributes = Vec::new();
        while let Some((attribute, value_text)) =
            attributes_text.split_once('=').filter(|(name, _)| !name.contains('>'))
        {
            let mut parts = value_text.splitn(3, '"');
            let (_, value, after) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            attributes.push((attribute.trim().to_lowercase(), value.to_owned()));
            attributes_text = after;
        }
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            tags.push((name.to_lowercase(), attributes));
        }
        rest = attributes_text;
    }
    tags
}

fn html_urls_are_absolute(doc: &Parsed<'_>) -> Vec<String> {
    let attributes = doc.html().into_iter().flat_map(|html| tags(&html)).flat_map(|(_, attributes)| attributes);
    let urls = attributes.filter(|(name, _)| ["href", "src", "poster", "cite"].contains(&name.as_str()));
    where_not(urls.map(|(_, url)| url).collect(), |url| {
        Url::parse(url).is_ok_and(|url| ["http", "https", "mailto", "tel"].contains(&url.scheme()))
    })
}

fn html_is_safe(doc: &Parsed<'_>) -> Vec<String> {
    let active =
        ["script", "style", "iframe", "object", "embed", "form", "input", "link", "meta", "base", "svg", "math"];
    let unsafe_tag = |(name, attributes): &(String, Vec<(String, String)>)| {
        active.contains(&name.as_str()) || attributes.iter().any(|(name, _)| name.starts_with("on") || name == "style")
    };
    let found = doc.html().into_iter().flat_map(|html| tags(&html)).filter(unsafe_tag);
    found.map(|(name, attributes)| format!("{name} {attributes:?}")).collect()
}

fn no_html_in_text(doc: &Parsed<'_>) -> Vec<String> {
    let known = ["amp", "lt", "gt", "quot", "apos", "nbsp", "copy", "eacute", "hellip", "ldquo", "rdquo"];
    let entity = |rest: &str| {
        rest.split_once(';').is_some_and(|(name, _)| {
            known.contains(&name)
                || name.strip_prefix('#').is_some_and(|n| n.trim_start_matches('x').parse::<u32>().is_ok())
        })
    };
    let tag = |rest: &str| {
        rest.split_once('>').is_some_and(|(tag, _)| tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'))
    };
    where_not(doc.texts(), |text| !text.split('&').skip(1).any(entity) && !text.split('<').skip(1).any(tag))
}

fn no_blank_values(doc: &Parsed<'_>) -> Vec<String> {
    let empty_by_nature = ["link", "category", "deleted-entry", "content", "enclosure"];
    let leaf = |node: &Node<'_, '_>| !node.children().any(|child| child.is_element());
    let nodes = doc.nodes().into_iter().filter(leaf);
    let values =
        nodes.filter(|node| !(empty_by_nature.contains(&node.tag_name().name()) && node.attributes().len() > 0));
    let containers = ["channel", "feed", "item", "entry"];
    let named = values.filter(|node| !containers.contains(&node.tag_name().name()));
    let blank = named.filter(|node| text(*node).trim().is_empty()).map(|node| node.tag_name().name().to_owned());
    let attributes = doc.nodes().into_iter().flat_map(|node| node.attributes().collect::<Vec<_>>());
    let blank_attributes = attributes.filter(|a| a.value().trim().is_empty()).map(|a| a.name().to_owned());
    let json =
        doc.json_values().into_iter().filter(|(_, value)| value.as_str().is_some_and(|text| text.trim().is_empty()));
    blank.chain(blank_attributes).chain(json.map(|(key, _)| key.to_owned())).collect()
}

fn no_white_space_around_values(doc: &Parsed<'_>) -> Vec<String> {
    let exact = [
        "id",
        "guid",
        "updated",
        "published",
        "pubDate",
        "lastBuildDate",
        "link",
        "url",
        "uri",
        "icon",
        "logo",
        "language",
        "title",
        "name",
        "creator",
    ];
    let nodes = doc.nodes().into_iter().filter(|node| exact.contains(&node.tag_name().name())).map(text);
    let json = doc.json_texts(&["id", "url", "date_published", "date_modified", "title", "name", "language", "when"]);
    where_not(nodes.chain(json).collect(), |value| value.trim() == value)
}

fn ids(doc: &Parsed<'_>) -> Vec<String> {
    let rss = doc.rss_items().into_iter().map(|item| one_text(item, "", "guid"));
    let atom = doc.atom_entries().into_iter().map(|entry| one_text(entry, ATOM, "id"));
    let json = doc.json_items().into_iter().filter_map(|item| item["id"].as_str().map(str::to_owned));
    rss.chain(atom).chain(json).collect()
}

fn ids_are_unique(doc: &Parsed<'_>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    ids(doc).into_iter().filter(|id| !seen.insert(id.clone())).collect()
}

fn language_tags(doc: &Parsed<'_>) -> Vec<String> {
    where_not(doc.languages(), |tag| {
        let mut parts = tag.split('-');
        parts.next().is_some_and(|first| matches!(first.len(), 2 | 3) && first.chars().all(|c| c.is_ascii_alphabetic()))
            && parts.all(|part| matches!(part.len(), 1..=8) && part.chars().all(|c| c.is_ascii_alphanumeric()))
    })
}

fn not_newer_than_the_feed(doc: &Parsed<'_>) -> Vec<String> {
    let Some(top) = doc.top() else { return Vec::new() };
    let of_feed = match doc.format {
        Format::Rss => rfc822(&one_text(top, "", "lastBuildDate")),
        Format::Atom | Format::Json => rfc3339(&one_text(top, ATOM, "updated")),
    };
    let dates = doc.rss_items().into_iter().map(|item| rfc822(&one_text(item, "", "pubDate")));
    let updates = doc.atom_entries().into_iter().map(|entry| rfc3339(&one_text(entry, ATOM, "updated")));
    dates.chain(updates).filter(|date| *date > of_feed).map(|date| format!("{date:?}")).collect()
}

/// Exactly `Fri, 18 Mar 2022 06:30:00 +0700`.
fn rfc822(text: &str) -> Option<DateTime<FixedOffset>> {
    let format = "%a, %d %b %Y %H:%M:%S %z";
    DateTime::parse_from_str(text, format).ok().filter(|date| date.format(format).to_string() == text)
}

/// Exactly `2022-03-18T06:30:00+07:00` or `2022-03-17T23:30:00Z`.
fn rfc3339(text: &str) -> Option<DateTime<FixedOffset>> {
    let written = |date: &DateTime<FixedOffset>, z| date.to_rfc3339_opts(chrono::SecondsFormat::Secs, z);
    DateTime::parse_from_rfc3339(text).ok().filter(|date| written(date, true) == text || written(date, false) == text)
}

fn rss_channel_has_title_link_description(doc: &Parsed<'_>) -> Vec<String> {
    let channels = doc.rss_channel().into_iter();
    let wanted = ["title", "link", "description"];
    channels
        .flat_map(|channel| wanted.into_iter().filter(move |name| children(channel, "", name).len() != 1))
        .map(str::to_owned)
        .collect()
}

fn rss_items_have_titles(doc: &Parsed<'_>) -> Vec<String> {
    let titles = doc.rss_items().into_iter().map(|item| one_text(item, "", "title"));
    titles.filter(|title| title.trim().is_empty()).collect()
}

fn rss_elements_once(doc: &Parsed<'_>) -> Vec<String> {
    let many = ["item", "category", "creator", "content", "link", "spatial"];
    let mut found = Vec::new();
    for parent in doc.rss_channel().into_iter().chain(doc.rss_items()) {
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for child in parent.children().filter(Node::is_element) {
            *counts.entry((child.tag_name().namespace(), child.tag_name().name())).or_default() += 1;
        }
        let once =
            |(namespace, name): &(Option<&str>, &str)| !many.contains(name) || (namespace.is_none() && *name == "link");
        found.extend(
            counts.into_iter().filter(|(name, count)| once(name) && *count > 1).map(|(name, _)| name.1.to_owned()),
        );
    }
    found
}

fn rss_guids_are_no_permalinks(doc: &Parsed<'_>) -> Vec<String> {
    let good = |item: &Node<'_, '_>| matches!(children(*item, "", "guid").as_slice(), [guid] if guid.attribute("isPermaLink") == Some("false"));
    doc.rss_items().into_iter().filter(|item| !good(item)).map(text).collect()
}

fn rss_guids_are_unique_enough(doc: &Parsed<'_>) -> Vec<String> {
    let guids = doc.rss_items().into_iter().map(|item| one_text(item, "", "guid"));
    where_not(guids.collect(), |guid| !(guid.len() < 9 && guid.chars().all(|c| c.is_ascii_digit())))
}

fn rss_dates(doc: &Parsed<'_>) -> Vec<String> {
    let dates = doc.named("", "pubDate").into_iter().chain(doc.named("", "lastBuildDate")).map(text);
    let missing = doc.rss_items().into_iter().filter(|item| children(*item, "", "pubDate").len() != 1).map(text);
    let updates = doc.rss_items().into_iter().flat_map(|item| children(item, ATOM, "updated")).map(text);
    let updates = updates.filter(|date| rfc3339(date).is_none()).collect::<Vec<_>>();
    where_not(dates.collect(), |date| rfc822(date).is_some()).into_iter().chain(missing).chain(updates).collect()
}

fn rss_self_link(doc: &Parsed<'_>) -> Vec<String> {
    let good = |channel: &Node<'_, '_>| {
        let links = children(*channel, ATOM, "link");
        let own: Vec<_> = links.iter().filter(|link| link.attribute("rel") == Some("self")).collect();
        matches!(own.as_slice(), [link] if link.attribute("type") == Some("application/rss+xml") && link.attribute("href").is_some_and(|href| href.rsplit_once('.').is_some_and(|(_, extension)| extension == "rss")))
    };
    doc.rss_channel().into_iter().filter(|channel| !good(channel)).map(|_| "atom:link rel=self".to_owned()).collect()
}

fn is_number(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()))
}

fn is_media_type(text: Option<&str>) -> bool {
    let token =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c));
    text.and_then(|text| text.split_once('/')).is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

fn rss_enclosures(doc: &Parsed<'_>) -> Vec<String> {
    let good = |node: &Node<'_, '_>| {
        node.attribute("url").is_some() && is_number(node.attribute("length")) && is_media_type(node.attribute("type"))
    };
    let bad = doc.named("", "enclosure").into_iter().filter(|node| !good(node));
    let many = doc.rss_items().into_iter().filter(|item| children(*item, "", "enclosure").len() > 1);
    bad.chain(many).map(|node| format!("{node:?}")).collect()
}

fn rss_authors_are_creators(doc: &Parsed<'_>) -> Vec<String> {
    let wrong = ["author", "managingEditor", "webMaster"];
    wrong.into_iter().flat_map(|name| doc.named("", name)).map(text).collect()
}

fn rss_no_second_word_for_a_thing(doc: &Parsed<'_>) -> Vec<String> {
    let second = [
        (DC, "date"),
        (DC, "subject"),
        (DC, "source"),
        (ATOM, "id"),
        (ATOM, "published"),
        (ATOM, "author"),
        (ATOM, "title"),
        (ATOM, "summary"),
        (ATOM, "content"),
    ];
    let found = second.into_iter().flat_map(|(namespace, name)| doc.named(namespace, name));
    let in_channel = doc.rss_channel().into_iter().flat_map(|channel| {
        ["language", "rights", "creator", "publisher"].into_iter().flat_map(move |name| children(channel, DC, name))
    });
    let found = found.filter(|_| doc.format == Format::Rss).chain(in_channel);
    found.map(|node| node.tag_name().name().to_owned()).collect()
}

fn rss_description_before_content(doc: &Parsed<'_>) -> Vec<String> {
    let position =
        |item: Node<'_, '_>, namespace: &str, name: &str| item.children().position(|child| is(child, namespace, name));
    let bad = |item: &Node<'_, '_>| {
        let (description, content) = (position(*item, "", "description"), position(*item, CONTENT, "encoded"));
        content.is_some() && (description.is_none() || description > content)
    };
    doc.rss_items().into_iter().filter(bad).map(text).collect()
}

fn rss_image_is_of_the_channel(doc: &Parsed<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for channel in doc.rss_channel() {
        for image in children(channel, "", "image") {
            let differs = |name: &&str| one_text(image, "", name) != one_text(channel, "", name);
            found.extend(["title", "link"].iter().filter(|name| differs(name)).map(|name| (*name).to_owned()));
        }
    }
    found
}

fn rss_ttl_and_update_period(doc: &Parsed<'_>) -> Vec<String> {
    let periods = ["hourly", "daily", "weekly", "monthly", "yearly"];
    let numbers = doc.named("", "ttl").into_iter().chain(doc.named(SY, "updateFrequency")).map(text);
    let bad = numbers.filter(|number| !is_number(Some(number)) || number == "0");
    let periods =
        doc.named(SY, "updatePeriod").into_iter().map(text).filter(|period| !periods.contains(&period.as_str()));
    bad.chain(periods).collect()
}

fn atom_feed_has_id_title_updated_author(doc: &Parsed<'_>) -> Vec<String> {
    let Some(feed) = doc.top().filter(|_| doc.format == Format::Atom) else { return Vec::new() };
    let wanted = ["id", "title", "updated", "author"];
    wanted.into_iter().filter(|name| children(feed, ATOM, name).len() != 1).map(str::to_owned).collect()
}

fn atom_entries_have_id_title_updated_link(doc: &Parsed<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for entry in doc.atom_entries() {
        let count = |name: &str| children(entry, ATOM, name).len();
        found.extend(
            ["id", "title", "updated", "published"].into_iter().filter(|name| count(name) != 1).map(str::to_owned),
        );
        found.extend(
            ["summary", "content", "rights", "source"].into_iter().filter(|name| count(name) > 1).map(str::to_owned),
        );
        let page = |link: &&Node<'_, '_>| link.attribute("rel") == Some("alternate");
        found.extend((children(entry, ATOM, "link").iter().filter(page).count() != 1).then(|| "link".to_owned()));
    }
    found
}

fn atom_dates(doc: &Parsed<'_>) -> Vec<String> {
    let elements = doc.named(ATOM, "updated").into_iter().chain(doc.named(ATOM, "published")).map(text);
    let when = doc
        .named(TOMBSTONES, "deleted-entry")
        .into_iter()
        .map(|node| node.attribute("when").unwrap_or_default().to_owned());
    where_not(elements.chain(when).collect(), |date| rfc3339(date).is_some())
}

fn is_absolute_id(id: &str) -> bool {
    match id.split_once(':') {
        Some(("tag", rest)) => rest.split_once(',').is_some_and(|(authority, rest)| {
            !authority.is_empty()
                && rest.starts_with(|c: char| c.is_ascii_digit())
                && rest.split_once(':').is_some_and(|(_, specific)| !specific.is_empty())
        }),
        Some((scheme, rest)) => {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && !rest.is_empty() && Url::parse(id).is_ok()
        }
        None => false,
    }
}

fn atom_ids_are_absolute(doc: &Parsed<'_>) -> Vec<String> {
    let elements = doc.named(ATOM, "id").into_iter().map(text).filter(|_| doc.format == Format::Atom);
    let references = doc
        .named(TOMBSTONES, "deleted-entry")
        .into_iter()
        .map(|node| node.attribute("ref").unwrap_or_default().to_owned());
    where_not(elements.chain(references).collect(), |id| is_absolute_id(id) && !id.contains(char::is_whitespace))
}

fn atom_links(doc: &Parsed<'_>) -> Vec<String> {
    let Some(feed) = doc.top().filter(|_| doc.format == Format::Atom) else { return Vec::new() };
    let own = children(feed, ATOM, "link").into_iter().filter(|link| link.attribute("rel") == Some("self")).count();
    let mut found: Vec<_> = (own != 1).then(|| format!("{own} self links")).into_iter().collect();
    for parent in doc.atom_entries().into_iter().chain([feed]) {
        let mut seen = BTreeSet::new();
        for link in children(parent, ATOM, "link") {
            let (rel, kind) = (link.attribute("rel"), (link.attribute("type"), link.attribute("hreflang")));
            found.extend(link.attribute("href").is_none().then(|| "no href".to_owned()));
            found.extend(
                (link.attribute("type").is_some() && !is_media_type(link.attribute("type"))).then(|| "type".to_owned()),
            );
            found.extend(
                (link.attribute("length").is_some() && !is_number(link.attribute("length")))
                    .then(|| "length".to_owned()),
            );
            found.extend(
                (rel == Some("alternate") && !seen.insert(kind)).then(|| format!("two alternates of {kind:?}")),
            );
        }
    }
    found
}

fn atom_metadata_before_entries(doc: &Parsed<'_>) -> Vec<String> {
    let Some(feed) = doc.top().filter(|_| doc.format == Format::Atom) else { return Vec::new() };
    let after = feed.children().skip_while(|child| !is(*child, ATOM, "entry"));
    let misplaced = after.filter(|child| child.tag_name().namespace() == Some(ATOM) && !is(*child, ATOM, "entry"));
    misplaced.map(|node| node.tag_name().name().to_owned()).collect()
}

fn atom_text_is_escaped(doc: &Parsed<'_>) -> Vec<String> {
    let words = ["title", "subtitle", "summary", "content", "rights"];
    let nodes = doc.nodes().into_iter().filter(|node| words.iter().any(|name| is(*node, ATOM, name)));
    let bad = nodes.filter(|node| {
        let kind = node.attribute("type").unwrap_or("text");
        !["text", "html"].contains(&kind) || node.children().any(|child| child.is_element())
    });
    bad.map(|node| node.tag_name().name().to_owned()).collect()
}

fn atom_updated_not_before_published(doc: &Parsed<'_>) -> Vec<String> {
    let dates = doc
        .atom_entries()
        .into_iter()
        .map(|entry| (one_text(entry, ATOM, "published"), one_text(entry, ATOM, "updated")));
    dates.filter(|(published, updated)| rfc3339(published) > rfc3339(updated)).map(|(_, updated)| updated).collect()
}

fn atom_authors_are_names(doc: &Parsed<'_>) -> Vec<String> {
    let names = doc.named(ATOM, "author").into_iter().map(|author| one_text(author, ATOM, "name"));
    let address = |name: &str| name.split_once('<').is_some_and(|(_, rest)| rest.contains('@') && rest.contains('>'));
    where_not(names.collect(), |name| !name.trim().is_empty() && !address(name))
}

fn atom_tombstones(doc: &Parsed<'_>) -> Vec<String> {
    let present: BTreeSet<_> = ids(doc).into_iter().collect();
    let mut seen = BTreeSet::new();
    let mut good = |node: &Node<'_, '_>| {
        let (id, when) = (node.attribute("ref"), node.attribute("when"));
        let empty = text(*node).trim().is_empty() && !node.children().any(|child| child.is_element());
        when.is_some()
            && id.is_some_and(|id| !present.contains(id))
            && seen.insert(id.map(str::to_owned))
            && empty
            && node.attributes().len() == 2
    };
    doc.named(TOMBSTONES, "deleted-entry")
        .into_iter()
        .filter(|node| !good(node))
        .map(|node| format!("{node:?}"))
        .collect()
}

fn json_has_version_title_items(doc: &Parsed<'_>) -> Vec<String> {
    if doc.format != Format::Json {
        return Vec::new();
    }
    let version = doc.json["version"] == "https://jsonfeed.org/version/1.1";
    let text = |key: &str| doc.json[key].as_str().is_some_and(|text| !text.is_empty());
    let checks = [
        ("version", version),
        ("title", text("title")),
        ("feed_url", text("feed_url")),
        ("home_page_url", text("home_page_url")),
        ("items", doc.json["items"].is_array()),
    ];
    checks.into_iter().filter(|(_, good)| !good).map(|(key, _)| key.to_owned()).collect()
}

fn json_items_have_id_and_content(doc: &Parsed<'_>) -> Vec<String> {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let good = |item: &&Value| {
        text(&item["id"]) && text(&item["url"]) && (text(&item["content_html"]) || text(&item["content_text"]))
    };
    doc.json_items().into_iter().filter(|item| !good(item)).map(Value::to_string).collect()
}

fn json_dates(doc: &Parsed<'_>) -> Vec<String> {
    let items = doc.json_items().into_iter();
    let missing = items.filter(|item| item["date_published"].is_null() || item["date_modified"].is_null());
    let missing: Vec<_> = missing.map(Value::to_string).collect();
    let dates = doc.json_texts(&["date_published", "date_modified", "when"]);
    where_not(dates, |date| rfc3339(date).is_some()).into_iter().chain(missing).collect()
}

fn json_words_of_1_1(doc: &Parsed<'_>) -> Vec<String> {
    let feed = [
        "version",
        "title",
        "home_page_url",
        "feed_url",
        "description",
        "user_comment",
        "next_url",
        "icon",
        "favicon",
        "authors",
        "language",
        "expired",
        "hubs",
        "items",
    ];
    let item = [
        "id",
        "url",
        "external_url",
        "title",
        "content_html",
        "content_text",
        "summary",
        "image",
        "banner_image",
        "date_published",
        "date_modified",
        "authors",
        "tags",
        "language",
        "attachments",
    ];
    let unknown = |value: &Value, words: &[&str]| -> Vec<String> {
        let keys = value.as_object().map_or_else(Vec::new, |map| map.keys().cloned().collect());
        keys.into_iter().filter(|key| !key.starts_with('_') && !words.contains(&key.as_str())).collect()
    };
    let items = doc.json_items().into_iter().flat_map(|value| unknown(value, &item));
    unknown(&doc.json, &feed).into_iter().chain(items).collect()
}

fn json_extensions_say_what_they_are(doc: &Parsed<'_>) -> Vec<String> {
    let extensions = doc.json_values().into_iter().filter(|(key, _)| key.starts_with('_'));
    let good = |(_, value): &(&str, &Value)| value["about"].as_str().is_some_and(|about| about.starts_with("https://"));
    extensions.filter(|extension| !good(extension)).map(|(key, _)| key.to_owned()).collect()
}

fn json_attachments_have_types(doc: &Parsed<'_>) -> Vec<String> {
    let attachments = doc.json_items().into_iter().filter_map(|item| item["attachments"].as_array()).flatten();
    let size = |value: &Value| value.is_null() || value.is_u64();
    let good = |attachment: &&Value| {
        attachment["url"].is_string()
            && is_media_type(attachment["mime_type"].as_str())
            && size(&attachment["size_in_bytes"])
            && size(&attachment["duration_in_seconds"])
    };
    attachments.filter(|attachment| !good(attachment)).map(Value::to_string).collect()
}

fn media_rss(doc: &Parsed<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for node in doc.nodes() {
        let wrong = node.tag_name().namespace().is_some_and(|uri| uri.contains("mrss") && uri != MEDIA);
        found.extend(wrong.then(|| "namespace".to_owned()));
    }
    for node in doc.named(MEDIA, "content") {
        let sizes = ["fileSize", "width", "height", "duration"].map(|name| node.attribute(name));
        let good = node.attribute("url").is_some()
            && (node.attribute("type").is_none() || is_media_type(node.attribute("type")))
            && node
                .attribute("medium")
                .is_none_or(|medium| ["image", "audio", "video", "document", "executable"].contains(&medium))
            && sizes.into_iter().all(|size| size.is_none() || is_number(size))
            && ["width", "height"].iter().all(|name| node.attribute(*name) != Some("0"));
        found.extend((!good).then(|| format!("{node:?}")));
        let texts = children(node, MEDIA, "title").into_iter().chain(children(node, MEDIA, "description"));
        found.extend(texts.filter(|node| node.attribute("type") != Some("plain")).map(text));
    }
    found
}

fn points_are_on_earth(doc: &Parsed<'_>) -> Vec<String> {
    let is_decimal = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
    let degrees = |text: &str| text.parse::<f64>().ok().filter(|_| is_decimal(text));
    let on_earth = |latitude: f64, longitude: f64| latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    let is_point = |text: &str| {
        let numbers = text.split_once(' ').and_then(|(first, second)| Some((degrees(first)?, degrees(second)?)));
        numbers.is_some_and(|(latitude, longitude)| on_earth(latitude, longitude))
    };
    let nodes = doc.nodes();
    let namespaced = nodes.iter().filter(|node| node.tag_name().namespace().is_some_and(|uri| uri.contains("georss")));
    let bad = namespaced.filter(|node| !is(**node, GEORSS, "point") || !is_point(&text(**node)));
    let geo = doc.json_items().into_iter().map(|item| &item["_geo"]).filter(|geo| !geo.is_null());
    let good = |geo: &&Value| {
        geo["latitude"].as_f64().zip(geo["longitude"].as_f64()).is_some_and(|(north, east)| on_earth(north, east))
    };
    bad.map(|node| format!("{node:?}")).chain(geo.filter(|geo| !good(geo)).map(Value::to_string)).collect()
}
