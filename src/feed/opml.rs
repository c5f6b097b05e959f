//! OPML 2.0 (opml.org/spec2.opml): every feed of the site as a subscription list, for readers to take over.

use std::io::Write;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::Options;
use super::build::{below, visible_or};
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::format::Format;
use crate::text::plain::plain;
use crate::text::xml_chars::XmlText;

/// Spaces for each level.
const INDENT_SPACES: usize = 1;
/// Where the format is described, as the format itself wants it told.
const DOCS: &str = "http://opml.org/spec2.opml";
/// The feed's format in the words of OPML: of all versions of RSS but 1.0.
const FEED_VERSION: &str = "RSS";
/// A body without outlines would break the format.
const EMPTY: &str = "Chưa có tin nào được đăng";

/// One line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline<'a> {
    /// What it is about, without the site's name.
    pub text: &'a str,
    /// A feed's path below `/feeds/`, without extension; `None` for what only groups.
    pub path: Option<&'a str>,
    /// How deep it stands, from 0; at most one deeper than the line before it.
    pub depth: usize,
}

/// Writes the list: what has others below it becomes a folder, with its own feed first, because many readers look for no
/// feeds below a feed. No date of making: the same outlines give the same bytes.
///
/// # Errors
/// What the writer says, or the strict parser that reads the document back.
pub fn opml(options: &Options, outlines: &[Outline<'_>]) -> Result<String, String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', INDENT_SPACES);
    Opml { options, site: visible_or(plain(&options.title), options.base_url.authority()) }
        .write(&mut writer, outlines)
        .map_err(|error| error.to_string())?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    verify(&text, outlines).map(|()| text)
}

struct Opml<'a> {
    options: &'a Options,
    /// The site's name, as it stands in the titles of its feeds.
    site: XmlText,
}

impl Opml<'_> {
    fn write(&self, to: &mut Writer<impl Write>, outlines: &[Outline<'_>]) -> std::io::Result<()> {
        to.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
        to.write_event(Event::Start(BytesStart::new("opml").with_attributes([("version", "2.0")])))?;
        to.create_element("head").write_inner_content(|head| {
            for (name, text) in [("title", self.site.as_str()), ("ownerName", self.site.as_str()), ("docs", DOCS)] {
                head.create_element(name).write_text_content(BytesText::new(text))?;
            }
            Ok(())
        })?;
        to.write_event(Event::Start(BytesStart::new("body")))?;
        if outlines.is_empty() {
            to.create_element("outline").with_attribute(("text", EMPTY)).write_empty()?;
        }
        self.body(to, outlines)?;
        to.write_event(Event::End(BytesEnd::new("body")))?;
        to.write_event(Event::End(BytesEnd::new("opml")))
    }

    fn body(&self, to: &mut Writer<impl Write>, outlines: &[Outline<'_>]) -> std::io::Result<()> {
        let mut open: Vec<usize> = Vec::new();
        let next_depths = outlines.iter().skip(1).map(|next| Some(next.depth)).chain([None]);
        for (outline, next) in outlines.iter().zip(next_depths) {
            while open.pop_if(|depth| *depth >= outline.depth).is_some() {
                to.write_event(Event::End(BytesEnd::new("outline")))?;
            }
            if outline.path.is_none() || next.is_some_and(|next| next > outline.depth) {
                open.push(outline.depth);
                let name = name_of(outline);
                let folder = [("text", name.as_str()), ("title", name.as_str())];
                to.write_event(Event::Start(BytesStart::new("outline").with_attributes(folder)))?;
            }
            if let Some(path) = outline.path {
                self.feed(to, &name_of(outline), path)?;
            }
        }
        for _ in open {
            to.write_event(Event::End(BytesEnd::new("outline")))?;
        }
        Ok(())
    }

    /// `text` and `title` are the feed's own title, `htmlUrl` and `language` its own as well, as the format asks.
    fn feed(&self, to: &mut Writer<impl Write>, name: &XmlText, path: &str) -> std::io::Result<()> {
        let title = if *name == self.site { name.to_string() } else { format!("{name} - {}", self.site) };
        let address = below(&self.options.base_url, &format!("{FEEDS_PREFIX}{path}.{}", Format::Rss));
        let attributes = [
            ("type", "rss"),
            ("text", &title),
            ("title", &title),
            ("xmlUrl", address.as_str()),
            ("htmlUrl", self.options.home_url.as_str()),
            ("language", &self.options.language),
            ("version", FEED_VERSION),
        ];
        to.create_element("outline").with_attributes(attributes).write_empty()?;
        Ok(())
    }
}

/// Where nothing visible is left of its text, the end of its address.
fn name_of(outline: &Outline<'_>) -> XmlText {
    let otherwise = outline.path.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    visible_or(plain(outline.text), otherwise)
}

/// Does the document parse, and hold every feed?
fn verify(text: &str, outlines: &[Outline<'_>]) -> Result<(), String> {
    let document = roxmltree::Document::parse(text).map_err(|error| error.to_string())?;
    let found = document.descendants().filter(|node| node.has_attribute("xmlUrl")).count();
    let expected = outlines.iter().filter(|outline| outline.path.is_some()).count();
    if found == expected { Ok(()) } else { Err(format!("{found} feeds instead of {expected}")) }
}
