//! DCMI Metadata Terms: where an entry is located.

use super::Element;
use crate::feed::model::Entry;

/// DCMI Metadata Terms.
pub(in crate::feed) const NAMESPACE: &str = "http://purl.org/dc/terms/";

/// The official code of each unit, as of the entry's day.
pub(in crate::feed) fn spatial(entry: &Entry) -> Vec<Element> {
    entry.filed.localities.iter().map(|unit| Element::new("dcterms:spatial").text(&unit.code)).collect()
}
