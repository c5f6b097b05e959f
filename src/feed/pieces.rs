//! An entry as it stands in the documents of a format, written once for however many documents it stands in: of the fifty
//! entries of a feed that changes, forty-nine are what they were.

use std::sync::{Arc, OnceLock};

use super::model::{Entry, Feed};
use crate::domain::format::Format;
use crate::parallel;

/// Longer pieces are not kept: they are compressed each time, which costs many times what it costs to write them.
const KEPT_BYTES_MAX: usize = 4_096;
/// What a piece has beside the texts of its entry, about.
const MARKUP_BYTES: usize = 900;

/// The pieces of an entry. What one looks like follows from the entry and from what all feeds of a site have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces(Arc<[OnceLock<Arc<str>>; Format::ALL.len()]>);

impl Pieces {
    fn of(&self, format: Format) -> &OnceLock<Arc<str>> {
        let [rss, atom, json] = &*self.0;
        match format {
            Format::Rss => rss,
            Format::Atom => atom,
            Format::Json => json,
        }
    }

    /// Bytes that they hold when all are written, of an entry with so many bytes of text.
    pub(super) const fn weight(text_bytes: usize) -> usize {
        let piece = text_bytes + MARKUP_BYTES;
        if piece > KEPT_BYTES_MAX { 0 } else { piece * Format::ALL.len() }
    }
}

/// The entries' pieces, in their order; `write` writes those that are not there.
///
/// # Errors
/// What the writer says.
pub(super) fn of<'a>(
    feed: &Feed,
    format: Format,
    entries: impl IntoIterator<Item = &'a Entry>,
    write: impl Fn(&Feed, &Entry) -> Result<String, String> + Sync,
) -> Result<Vec<Arc<str>>, String> {
    let piece = |entry: &Entry| {
        let kept = entry.pieces.of(format);
        if let Some(piece) = kept.get() {
            return Ok(Arc::clone(piece));
        }
        let piece: Arc<str> = write(feed, entry)?.into();
        if piece.len() <= KEPT_BYTES_MAX {
            // Who wrote it meanwhile wrote the same.
            drop(kept.set(Arc::clone(&piece)));
        }
        Ok(piece)
    };
    let entries: Vec<&Entry> = entries.into_iter().collect();
    let missing = entries.iter().filter(|entry| entry.pieces.of(format).get().is_none()).count();
    parallel::map(entries, missing, piece).into_iter().collect()
}

/// A document: `frame` is one that holds a single entry, in whose place all of them stand, each on a line of its own as the
/// single one does. `tag` is the element's name.
pub(super) fn joined(frame: &str, tag: &str, pieces: &[Arc<str>]) -> Option<String> {
    let (before, _, after) = cut(frame, tag)?;
    let line = before.rfind('\n').and_then(|at| before.get(at..))?;
    let length = frame.len() + pieces.iter().map(|piece| piece.len() + line.len()).sum::<usize>();
    let mut document = String::with_capacity(length);
    document.push_str(before.strip_suffix(line)?);
    for piece in pieces {
        document.push_str(line);
        document.push_str(piece);
    }
    document.push_str(after);
    Some(document)
}

/// The only entry of a document, with what stands before and after it. Its tags stand nowhere else unescaped, but within itself.
pub(super) fn cut<'a>(document: &'a str, tag: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let (before, rest) = document.split_at_checked(document.find(&open)?)?;
    let (piece, after) = rest.split_at_checked(rest.rfind(&close)? + close.len())?;
    Some((before, piece, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::{Article, Media};
    use crate::feed::model::Filed;
    use crate::feed::testing::{article, front_page};
    use crate::feed::write;

    #[test]
    fn an_entry_that_becomes_another_is_written_anew() {
        let media =
            ["a.jpg", "b.jpg"].map(|name| Media { url: format!("https://a.example/{name}"), ..Media::default() });
        let mut feed = front_page(&[Article { media: media.into(), ..article("1") }]).feed;
        assert_eq!(shown(&feed), [(true, true); 3]);
        let entry = &mut feed.entries[0];
        *entry = entry.filed_under(Filed::default());
        assert_eq!(shown(&feed), [(false, true); 3]);
        feed.entries[0].shorten();
        assert_eq!(shown(&feed), [(false, false); 3]);
    }

    /// Its category and its second picture, in each format.
    fn shown(feed: &Feed) -> [(bool, bool); 3] {
        Format::ALL.map(|format| {
            let document = write(feed, format).unwrap();
            assert_eq!(write(feed, format), Ok(document.clone()), "a kept piece is the same");
            (document.contains("Giao thông"), document.contains("b.jpg"))
        })
    }

    #[test]
    fn pieces_take_the_place_of_the_single_entry() {
        let frame = "<a>\n  <item>\n  </item>\n</a>\n";
        let joined = |pieces: &[&str]| {
            let pieces: Vec<Arc<str>> = pieces.iter().map(|piece| Arc::from(*piece)).collect();
            super::joined(frame, "item", &pieces).unwrap()
        };
        assert_eq!(joined(&["<item>\n  </item>"]), frame);
        assert_eq!(joined(&["<item>1</item>", "<item>2</item>"]), "<a>\n  <item>1</item>\n  <item>2</item>\n</a>\n");
        assert_eq!(joined(&[]), "<a>\n</a>\n");
        assert_eq!(
            cut("<a><item><![CDATA[</item>]]></item></a>", "item").unwrap().1,
            "<item><![CDATA[</item>]]></item>"
        );
    }
}
