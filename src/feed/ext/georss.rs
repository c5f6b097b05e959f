//! GeoRSS Simple (OGC 17-002r1): where an article happens.

use super::Element;
use crate::feed::model::Entry;

/// Without a slash at its end.
pub(in crate::feed) const NAMESPACE: &str = "http://www.georss.org/georss";

/// `georss:point`: latitude, then longitude, as WGS 84 has them.
pub(in crate::feed) fn point(entry: &Entry) -> Option<Element> {
    entry.point.map(|point| Element::new("georss:point").text(&point))
}
