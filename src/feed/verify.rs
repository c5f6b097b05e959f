//! Reads a document back with a strict parser that is not its writer's: `rss`, `atom_syndication` and `quick-xml` write
//! and read characters that every other parser refuses.

use roxmltree::{Document, Node};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::ext::atom;
use super::model::Feed;
use crate::domain::format::Format;

/// Does the document parse, and hold as many entries as the feed?
///
/// # Errors
/// What the parser says, or the two numbers.
pub(super) fn verify(feed: &Feed, format: Format, body: &str) -> Result<(), String> {
    let (found, expected) = match format {
        Format::Rss => (xml_entries(body, None, "item")?, feed.with_stubs().len()),
        Format::Atom => (xml_entries(body, Some(atom::NAMESPACE), "entry")?, feed.without_stubs().len()),
        Format::Json => (json_entries(body)?, feed.with_stubs().len()),
    };
    if found == expected { Ok(()) } else { Err(format!("{found} entries instead of {expected}")) }
}

fn xml_entries(body: &str, namespace: Option<&str>, name: &str) -> Result<usize, String> {
    let document = Document::parse(body).map_err(|error| error.to_string())?;
    let is_entry = |node: &Node<'_, '_>| node.tag_name().name() == name && node.tag_name().namespace() == namespace;
    Ok(document.descendants().filter(is_entry).count())
}

/// All of it is parsed, and nothing of it kept.
#[derive(Deserialize)]
struct JsonFeed {
    items: Vec<IgnoredAny>,
}

fn json_entries(body: &str) -> Result<usize, String> {
    let document: JsonFeed = serde_json::from_str(body).map_err(|error| error.to_string())?;
    Ok(document.items.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::render;
    use crate::feed::testing::{article, front_page};

    #[test]
    fn what_a_strict_parser_refuses_is_refused() {
        let feed = front_page(&[article("1")]).feed;
        for format in Format::ALL {
            let good = render(&feed, format).unwrap().body;
            assert_eq!(verify(&feed, format, &good), Ok(()), "{format}");
            let half = good.get(..good.len() / 3).unwrap_or_default();
            assert!(verify(&feed, format, half).is_err(), "{format}");
            assert!(verify(&feed, format, &good.replace("Cầu", "\u{8}Cầu")).is_err(), "{format}");
            let empty = Feed { entries: Vec::new(), ..feed.clone() };
            assert_eq!(verify(&empty, format, &good), Err("1 entries instead of 0".to_owned()), "{format}");
        }
    }
}
