//! Atom elements within RSS: links (RSS Advisory Board profile, `atom:link`) and the instant of the last change.

use super::Element;
use crate::domain::clock::Timestamp;
use crate::domain::format::Format;
use crate::feed::model::{Entry, Feed};
use crate::text::stamp;

/// RFC 4287 section 1.2.
pub(in crate::feed) const NAMESPACE: &str = "http://www.w3.org/2005/Atom";

/// Where this document is, who pushes it, where its other formats are: in this order, for some subscribers look at the first
/// links only.
pub(in crate::feed) fn links(feed: &Feed, own: Format) -> Vec<Element> {
    let link = |rel: &str, href: &str| Element::new("atom:link").attribute("rel", rel).attribute("href", href);
    let document = |rel: &str, of: Format| link(rel, feed.address(of).as_str()).attribute("type", of.media_type());
    let hubs = feed.hubs.iter().map(|hub| link("hub", hub.as_str()));
    let others = Format::ALL.into_iter().filter(|other| *other != own).map(|other| document("alternate", other));
    [document("self", own)].into_iter().chain(hubs).chain(others).collect()
}

/// `atom:updated`, where a reader's text changed after publication: RSS itself has no word for it.
pub(in crate::feed) fn updated(feed: &Feed, entry: &Entry) -> Option<Element> {
    let written = |instant: Timestamp| stamp::rfc3339(instant, feed.zone);
    (entry.updated > entry.published).then(|| Element::new("atom:updated").text(&written(entry.updated)))
}
