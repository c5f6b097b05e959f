//! Dublin Core elements of an RSS item. `author` would need an e-mail address, so names go into `dc:creator`.

use super::Element;
use crate::feed::model::Entry;

/// Dublin Core Metadata Element Set 1.1.
pub(in crate::feed) const NAMESPACE: &str = "http://purl.org/dc/elements/1.1/";

/// The authors, and the language and rights where they are not the feed's.
pub(in crate::feed) fn elements(entry: &Entry) -> Vec<Element> {
    let creators = entry.authors.iter().map(|name| Element::new("dc:creator").text(name));
    let language = entry.language.iter().map(|tag| Element::new("dc:language").text(tag));
    let rights = entry.rights.iter().map(|rights| Element::new("dc:rights").text(rights));
    creators.chain(language).chain(rights).collect()
}
