//! A neutral feed as a document of one format, which is read back strictly before it leaves. An entry that breaks the
//! document in spite of every filter goes, the others stay.

use super::model::{Entry, Feed};
use super::verify::verify;
use super::{atom, json, rss};
use crate::domain::fault::{Fault, FaultCode, Subject};
use crate::domain::format::Format;

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
    let empty = Feed { entries: Vec::new(), stubs: Vec::new(), ..feed.clone() };
    let mut faults = Vec::new();
    let mut is_good = |entry: &Entry| match attempt(&Feed { entries: vec![entry.clone()], ..empty.clone() }) {
        Ok(_) => true,
        Err(why) => {
            faults.push(Fault::of_article(&entry.article, FaultCode::EntryUnrenderable, why));
            false
        }
    };
    let mut good = feed.clone();
    good.entries.retain(&mut is_good);
    good.stubs.retain(&mut is_good);
    if faults.is_empty() {
        return Err(unrenderable(feed, reason));
    }
    let body = attempt(&good).map_err(|reason| unrenderable(feed, reason))?;
    Ok(Rendered { body, faults })
}

fn write(feed: &Feed, format: Format) -> Result<String, String> {
    match format {
        Format::Rss => rss::write(feed),
        Format::Atom => atom::write(feed),
        Format::Json => json::write(feed),
    }
}

fn unrenderable(feed: &Feed, reason: String) -> Fault {
    Fault::new(Subject::Feed(feed.path.clone()), FaultCode::FeedUnrenderable, reason)
}
