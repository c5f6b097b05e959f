//! Elements of other vocabularies within RSS and Atom: one small tree that both crates' extension maps are made of.
//! The next vocabulary gets a file of its own here and a line in [`RSS_NAMESPACES`] and [`ATOM_NAMESPACES`].

pub(super) mod atom;
pub(super) mod dc;
pub(super) mod dcterms;
pub(super) mod georss;
pub(super) mod media;
pub(super) mod sy;
pub(super) mod tombstones;

use std::collections::BTreeMap;

use quick_xml::escape::escape;

/// Prefixes declared on every RSS document, used or not: readers that look for `xmlns:media` as text find it, and an
/// entry that comes or goes changes nothing else in the document.
pub(super) const RSS_NAMESPACES: [(&str, &str); 7] = [
    ("atom", atom::NAMESPACE),
    ("content", "http://purl.org/rss/1.0/modules/content/"),
    ("dc", dc::NAMESPACE),
    ("dcterms", dcterms::NAMESPACE),
    ("georss", georss::NAMESPACE),
    ("media", media::NAMESPACE),
    ("sy", sy::NAMESPACE),
];

/// Prefixes declared on every Atom document, used or not.
pub(super) const ATOM_NAMESPACES: [(&str, &str); 4] = [
    ("at", tombstones::NAMESPACE),
    ("dcterms", dcterms::NAMESPACE),
    ("georss", georss::NAMESPACE),
    ("media", media::NAMESPACE),
];

/// One element, named with its prefix. Values are not escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    name: &'static str,
    attributes: BTreeMap<&'static str, String>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, attributes: BTreeMap::new(), text: String::new(), children: Vec::new() }
    }

    pub(super) fn attribute(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.attributes.insert(name, value.to_string());
        self
    }

    /// The attribute, if there is a value for it.
    pub(super) fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.attribute(name, &value),
            None => self,
        }
    }

    pub(super) fn text(mut self, text: &(impl ToString + ?Sized)) -> Self {
        self.text = text.to_string();
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// What both crates write between the tags. An empty text keeps their indenting out of an element without content.
    fn value(&self) -> Option<String> {
        (self.children.is_empty() || !self.text.is_empty()).then(|| self.text.clone())
    }

    fn into_rss(self) -> rss::extension::Extension {
        let value = self.value();
        let mut children: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for child in self.children {
            children.entry(child.name.to_owned()).or_default().push(child.into_rss());
        }
        let attrs = self.attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        rss::extension::Extension { name: self.name.to_owned(), value, attrs, children }
    }

    /// `atom_syndication` writes the attributes of extensions as they are (`rss` escapes them), so they are escaped
    /// here: an address with `&` would break the document.
    fn into_atom(self) -> atom_syndication::extension::Extension {
        let value = self.value();
        let mut children: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for child in self.children {
            children.entry(child.name.to_owned()).or_default().push(child.into_atom());
        }
        let escaped = |(name, value): (&str, String)| (name.to_owned(), escape(value.as_str()).into_owned());
        let attrs = self.attributes.into_iter().map(escaped).collect();
        atom_syndication::extension::Extension { name: self.name.to_owned(), value, attrs, children }
    }
}

/// The elements as the `rss` crate takes them: in the order of their prefixes, then names, then as given.
pub(super) fn rss_map(elements: impl IntoIterator<Item = Element>) -> rss::extension::ExtensionMap {
    let mut map = rss::extension::ExtensionMap::new();
    for element in elements {
        let (prefix, local) = element.name.split_once(':').unwrap_or_default();
        map.entry(prefix.to_owned()).or_default().entry(local.to_owned()).or_default().push(element.into_rss());
    }
    map
}

/// The elements as `atom_syndication` takes them, in the same order.
pub(super) fn atom_map(elements: impl IntoIterator<Item = Element>) -> atom_syndication::extension::ExtensionMap {
    let mut map = atom_syndication::extension::ExtensionMap::new();
    for element in elements {
        let (prefix, local) = element.name.split_once(':').unwrap_or_default();
        map.entry(prefix.to_owned()).or_default().entry(local.to_owned()).or_default().push(element.into_atom());
    }
    map
}

/// A namespace table as both crates take it.
pub(super) fn namespaces(table: &[(&str, &str)]) -> BTreeMap<String, String> {
    table.iter().map(|(prefix, uri)| ((*prefix).to_owned(), (*uri).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_crates_write_an_attribute_escaped_once() {
        let element =
            || Element::new("media:content").attribute("url", "https://a.example/?a=1&b=\"2\"").text("R&D <b>");
        let written = "url=\"https://a.example/?a=1&amp;b=&quot;2&quot;\">R&amp;D &lt;b&gt;</media:content>";

        let item = rss::Item { extensions: rss_map([element()]), ..rss::Item::default() };
        let channel = rss::Channel { items: vec![item], ..rss::Channel::default() };
        assert!(channel.to_string().contains(written), "{channel}");

        let feed = atom_syndication::Feed { extensions: atom_map([element()]), ..atom_syndication::Feed::default() };
        assert!(feed.to_string().contains(written), "{}", feed.to_string());
    }

    #[test]
    fn elements_of_one_name_keep_their_order() {
        let map = rss_map(["b", "a", "c"].map(|name| Element::new("dc:creator").text(name)));
        let names: Vec<_> = map["dc"]["creator"].iter().filter_map(rss::extension::Extension::value).collect();
        assert_eq!(names, ["b", "a", "c"]);
    }
}
