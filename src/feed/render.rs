//! A neutral feed as a document of one format, which is read back strictly before it leaves. An entry that breaks the
//! document in spite of every filter goes, the others stay.

use super::model::{Entry, Feed};
use super::verify::verify;
use super::{atom, json, rss};
use crate::domain::fault::{Fault, FaultCode, Subject};
use crate::domain::format::Format;
use crate::parallel;

/// The program's name in documents. No version: an upgrade alone changes no byte.
pub(super) const GENERATOR: &str = "Loa";

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its text, UTF-8.
    pub body: String,
    /// Entries that had to be left out.
    pub faults: Vec<Fault>,
}

/// Writes the feed. The same feed gives the same bytes.
///
/// # Errors
/// A fault of code [`FaultCode::FeedUnrenderable`] if there is no good document even without the guilty entries.
pub fn render(feed: &Feed, format: Format) -> Result<Rendered, Fault> {
    render_with(feed, format, verify)
}

/// The same, for who makes something of the document: that is done on another core while the document is read back, and thrown
/// away if it is not good. Gives what was made of the good one, and the entries that had to be left out.
///
/// # Errors
/// As [`render`] says.
pub fn render_into<T: Send>(
    feed: &Feed,
    format: Format,
    make: impl Fn(&str) -> T + Sync,
) -> Result<(T, Vec<Fault>), Fault> {
    if let Ok(body) = write(feed, format)
        && let (Ok(()), made) = parallel::join(|| verify(feed, format, &body), || make(&body))
    {
        return Ok((made, Vec::new()));
    }
    // Who is guilty?
    render(feed, format).map(|rendered| (make(&rendered.body), rendered.faults))
}

fn render_with(
    feed: &Feed,
    format: Format,
    verify: impl Fn(&Feed, Format, &str) -> Result<(), String>,
) -> Result<Rendered, Fault> {
    let attempt = |feed: &Feed| {
        let body = write(feed, format)?;
        verify(feed, format, &body).map(|()| body)
    };
    let reason = match attempt(feed) {
        Ok(body) => return Ok(Rendered { body, faults: Vec::new() }),
        Err(reason) => reason,
    };
    let empty = Feed { notice: None, entries: Vec::new(), stubs: Vec::new(), ..feed.clone() };
    let mut faults = Vec::new();
    let mut is_good = |entry: &Entry| match attempt(&Feed { entries: vec![entry.clone()], ..empty.clone() }) {
        Ok(_) => true,
        Err(why) => {
            faults.push(Fault::of_article(&entry.article, FaultCode::EntryUnrenderable, why));
            false
        }
    };
    let mut good = feed.clone();
    good.notice = good.notice.filter(&mut is_good);
    good.entries.retain(&mut is_good);
    good.stubs.retain(&mut is_good);
    if faults.is_empty() {
        return Err(unrenderable(feed, reason));
    }
    let body = attempt(&good).map_err(|reason| unrenderable(feed, reason))?;
    Ok(Rendered { body, faults })
}

/// Writes the feed, and does not read back what was written: that is what costs most in [`render`].
///
/// # Errors
/// What the writer says.
pub fn write(feed: &Feed, format: Format) -> Result<String, String> {
    match format {
        Format::Rss => rss::write(feed),
        Format::Atom => atom::write(feed),
        Format::Json => json::write(feed),
    }
}

/// What a crate wrote, as text: the check of the standard library takes longer than the writing.
pub(super) fn utf8(written: &[u8]) -> Result<String, String> {
    simdutf8::basic::from_utf8(written).map(str::to_owned).map_err(|error| error.to_string())
}

fn unrenderable(feed: &Feed, reason: String) -> Fault {
    Fault::new(Subject::Feed(feed.path.clone()), FaultCode::FeedUnrenderable, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::Article;
    use crate::feed::testing::{article, front_page};

    fn feed() -> Feed {
        let titled = |id: &str, title: &str| Article { title: title.to_owned(), ..article(id) };
        front_page(&[titled("1", "Một"), titled("2", "Hỏng"), titled("3", "Ba")]).feed
    }

    #[test]
    fn a_guilty_entry_goes_and_the_others_stay() {
        let strict =
            |_: &Feed, _: Format, body: &str| if body.contains("Hỏng") { Err("no".to_owned()) } else { Ok(()) };
        for format in Format::ALL {
            let rendered = render_with(&feed(), format, strict).unwrap();
            assert!(rendered.body.contains("Một") && rendered.body.contains("Ba"), "{format}");
            let faults: Vec<_> = rendered.faults.iter().map(|fault| (fault.subject.to_string(), fault.code)).collect();
            assert_eq!(faults, [("article 2".to_owned(), FaultCode::EntryUnrenderable)], "{format}");
        }
    }

    #[test]
    fn a_feed_that_no_entry_is_guilty_of_is_a_fault() {
        let check = |verify: fn(&Feed, Format, &str) -> Result<(), String>| {
            let fault = render_with(&feed(), Format::Rss, verify).unwrap_err();
            assert_eq!((fault.subject.to_string(), fault.code), ("feed all".to_owned(), FaultCode::FeedUnrenderable));
        };
        check(|feed, _, _| if feed.entries.len() > 1 { Err("no".to_owned()) } else { Ok(()) });
        check(|_, _, _| Err("no".to_owned()));
    }

    #[test]
    fn what_is_made_of_a_document_is_of_the_one_that_is_rendered() {
        for format in Format::ALL {
            let Rendered { body, faults } = render(&feed(), format).unwrap();
            assert_eq!(render_into(&feed(), format, str::to_owned), Ok((body, faults)), "{format}");
        }
    }

    #[test]
    fn every_format_renders_and_ends_with_a_line_end() {
        for format in Format::ALL {
            let rendered = render(&feed(), format).unwrap();
            assert!(rendered.faults.is_empty() && rendered.body.ends_with('\n'), "{format}");
            assert_eq!(render(&feed(), format), Ok(rendered), "{format}");
        }
    }
}
