//! Atom tombstones (RFC 6721): which entries left, and when. Never what they said.

use super::Element;
use crate::feed::model::Feed;
use crate::text::stamp;

/// RFC 6721 section 2.
pub(in crate::feed) const NAMESPACE: &str = "http://purl.org/atompub/tombstones/1.0";

/// One `at:deleted-entry` (RFC 6721 section 3) for each entry that left.
pub(in crate::feed) fn elements(feed: &Feed) -> impl Iterator<Item = Element> {
    feed.deleted.iter().map(|deleted| {
        let when = stamp::rfc3339(deleted.at, feed.zone);
        Element::new("at:deleted-entry").attribute("ref", &deleted.id).attribute("when", &when)
    })
}
