//! One linear look at hostile HTML before the sanitiser sees it, which takes quadratic time on nesting and attributes.
//!
//! The depth is an upper bound of what an HTML parser would build, never an estimate: an end tag counts only where a
//! parser is sure to close the same element. Where that cannot be known without being a parser (`svg`, `select`,
//! a comment within a script ...), the rest of the text is held to a flat limit instead.

use super::html::{HtmlLimits, TooLarge};

/// Start tags after the point from which nesting cannot be known: if all of them nest, parsing takes about 20 ms.
const UNKNOWN_TAGS_MAX: usize = 2000;
/// Bytes after that point that can separate attributes: if all of them do, parsing takes about 100 ms.
const UNKNOWN_SEPARATORS_MAX: usize = 20_000;

const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
/// Elements whose content a parser takes as text, up to their end tag.
const RAW: [&str; 6] = ["iframe", "script", "style", "textarea", "title", "xmp"];
/// Elements in which other rules of parsing hold.
const UNKNOWABLE: [&str; 9] =
    ["frameset", "math", "noembed", "noframes", "noscript", "plaintext", "select", "svg", "template"];
/// Elements that a parser opens again after a block that cut them off.
const FORMATTING: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
/// Elements whose end tag may be left out: closed by the end of a block around them.
const IMPLIED: [&str; 5] = ["dd", "dt", "li", "option", "p"];
/// Parts of a table, which close all that is open within them.
const TABLE_PARTS: [&str; 7] = ["table", "tbody", "td", "tfoot", "th", "thead", "tr"];
/// Elements that close an open paragraph.
const BLOCKS: [&str; 23] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "li",
    "ol",
    "p",
    "section",
    "ul",
];
/// Elements that do something by themselves.
const ACTIVE: [&str; 12] =
    ["applet", "base", "embed", "form", "frame", "iframe", "link", "meta", "object", "script", "frameset", "svg"];

/// Checks the limits in one pass. Returns whether there is anything unsafe that the sanitiser is going to take out
/// (scripts, frames, event handlers ...).
pub(super) fn scan(html: &str, limits: &HtmlLimits) -> Result<bool, TooLarge> {
    if html.len() > limits.bytes_max {
        return Err(TooLarge::Bytes { bytes: html.len(), bytes_max: limits.bytes_max });
    }
    let mut scan = Scan { rest: html, limits, open: Vec::new(), reopened_bytes: 0, found_unsafe: false };
    scan.run()?;
    Ok(scan.found_unsafe)
}

struct Scan<'a> {
    rest: &'a str,
    limits: &'a HtmlLimits,
    open: Vec<Open>,
    /// What a parser may write again of cut-off formatting elements.
    reopened_bytes: usize,
    found_unsafe: bool,
}

/// An element that may be open.
struct Open {
    name: String,
    /// Bytes of the start tag, if a parser may open it again.
    formatting_bytes: usize,
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), TooLarge> {
        while let Some((_, after)) = self.rest.split_once('<') {
            self.rest = after;
            if after.starts_with(|c: char| c.is_ascii_alphabetic()) {
                self.start_tag()?;
            } else if let Some(end) =
                after.strip_prefix('/').filter(|r| r.starts_with(|c: char| c.is_ascii_alphabetic()))
            {
                let tag = Tag::read(end);
                self.rest = tag.rest;
                self.close(&tag.name);
            } else if after.starts_with("![CDATA[") {
                return self.rest_is_unknown();
            } else if let Some(comment) = after.strip_prefix("!--") {
                self.rest = after_comment(comment);
            } else if after.starts_with(['!', '?', '/']) {
                self.rest = after.split_once('>').map_or("", |(_, rest)| rest);
            }
        }
        Ok(())
    }

    fn start_tag(&mut self) -> Result<(), TooLarge> {
        let before = self.rest.len();
        let tag = Tag::read(self.rest);
        self.found_unsafe |= tag.is_unsafe || ACTIVE.contains(&tag.name.as_str());
        if tag.attributes > self.limits.attributes_max {
            let attributes_max = self.limits.attributes_max;
            return Err(TooLarge::Attributes { element: tag.name, attributes_max });
        }
        if UNKNOWABLE.contains(&tag.name.as_str()) {
            return self.rest_is_unknown();
        }
        self.rest = tag.rest;
        self.reopened_bytes += self.open.iter().map(|open| open.formatting_bytes).sum::<usize>();
        if self.reopened_bytes > self.limits.bytes_max {
            return Err(TooLarge::Reopened { bytes_max: self.limits.bytes_max });
        }
        if RAW.contains(&tag.name.as_str()) {
            return self.raw_text(&tag.name);
        }
        self.open(tag.name, before - tag.rest.len())
    }

    /// Leaves out the content of a raw text element with its end tag.
    fn raw_text(&mut self, name: &str) -> Result<(), TooLarge> {
        let mut rest = self.rest;
        while let Some((_, after)) = rest.split_once('<') {
            if after.starts_with("!--") {
                return self.rest_is_unknown();
            }
            rest = after;
            let end = after
                .get(..=name.len())
                .filter(|end| end.strip_prefix('/').is_some_and(|n| n.eq_ignore_ascii_case(name)));
            let tag = end.and_then(|_| after.get(1..)).map(Tag::read).filter(|tag| tag.name == name);
            if let Some(tag) = tag {
                self.rest = tag.rest;
                return Ok(());
            }
        }
        self.rest = "";
        Ok(())
    }

    fn open(&mut self, name: String, tag_bytes: usize) -> Result<(), TooLarge> {
        if VOID.contains(&name.as_str()) {
            return Ok(());
        }
        if BLOCKS.contains(&name.as_str()) {
            self.pop_if(|top| top == "p");
        }
        match name.as_str() {
            "li" => self.pop_if(|top| top == "li"),
            "dd" | "dt" => self.pop_if(|top| top == "dd" || top == "dt"),
            "td" | "th" | "tr" => self.pop_if(|top| top == "td" || top == "th"),
            _ => {}
        }
        if name == "tr" {
            self.pop_if(|top| top == "tr");
        }
        let formatting_bytes = if FORMATTING.contains(&name.as_str()) { tag_bytes } else { 0 };
        self.open.push(Open { name, formatting_bytes });
        if self.open.len() > self.limits.depth_max {
            return Err(TooLarge::Depth { depth_max: self.limits.depth_max });
        }
        Ok(())
    }

    fn pop_if(&mut self, ends: impl Fn(&str) -> bool) {
        if self.open.last().is_some_and(|open| ends(&open.name)) {
            self.open.pop();
        }
    }

    /// Closes the element if nothing is open within it but what its end is sure to close; else it stays in our count.
    fn close(&mut self, name: &str) {
        let is_table_part = TABLE_PARTS.contains(&name);
        let is_block = is_table_part || BLOCKS.contains(&name);
        let closes = |open: &str| {
            is_block && IMPLIED.contains(&open) || is_table_part && open != "table" && TABLE_PARTS.contains(&open)
        };
        let within = self.open.iter().rev().take_while(|open| open.name != name && closes(&open.name)).count();
        let at = self.open.len().saturating_sub(within + 1);
        if self.open.get(at).is_some_and(|open| open.name == name) {
            self.open.truncate(at);
        }
    }

    fn rest_is_unknown(&mut self) -> Result<(), TooLarge> {
        let bytes = self.rest.as_bytes();
        let starts = |pair: &&[u8]| matches!(pair, [b'<', letter] if letter.is_ascii_alphabetic());
        let tags = bytes.windows(2).filter(starts).count();
        let separators = bytes.iter().filter(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'"' | b'\'')).count();
        let lower = self.rest.to_ascii_lowercase();
        self.found_unsafe |= ["svg", "<script", "<iframe", " on"].iter().any(|sign| lower.contains(sign));
        self.rest = "";
        if tags > UNKNOWN_TAGS_MAX || separators > UNKNOWN_SEPARATORS_MAX {
            return Err(TooLarge::Unknowable { tags_max: UNKNOWN_TAGS_MAX });
        }
        Ok(())
    }
}

/// A tag as the tokenizer of the HTML standard (13.2.5) cuts it.
struct Tag<'a> {
    name: String,
    attributes: usize,
    is_unsafe: bool,
    rest: &'a str,
}

impl<'a> Tag<'a> {
    /// Reads a tag from its name on.
    fn read(text: &'a str) -> Self {
        let ends = |c: char| c.is_ascii_whitespace() || c == '/' || c == '>';
        let (name, mut rest) = split_at_char(text, ends);
        let mut tag = Self { name: name.to_ascii_lowercase(), attributes: 0, is_unsafe: false, rest: "" };
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if let Some(after) = rest.strip_prefix('>') {
                return Self { rest: after, ..tag };
            }
            let Some(first) = rest.chars().next() else { return tag };
            let (more, after) =
                split_at_char(rest.get(first.len_utf8()..).unwrap_or_default(), |c| ends(c) || c == '=');
            tag.attributes += 1;
            tag.is_unsafe |= first.eq_ignore_ascii_case(&'o') && more.starts_with(['n', 'N']);
            let trimmed = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
            rest = match trimmed.strip_prefix('=') {
                Some(value) => tag.value(value.trim_start_matches(|c: char| c.is_ascii_whitespace())),
                None => after,
            };
        }
    }

    /// Reads an attribute's value; returns what comes after it.
    fn value(&mut self, text: &'a str) -> &'a str {
        let quoted = ['"', '\''].into_iter().find_map(|quote| Some((quote, text.strip_prefix(quote)?)));
        let (value, rest) = match quoted {
            Some((quote, inner)) => inner.split_once(quote).unwrap_or((inner, "")),
            None => split_at_char(text, |c| c.is_ascii_whitespace() || c == '>'),
        };
        let start: String = value.chars().filter(|c| !c.is_ascii_control() && *c != ' ').take(11).collect();
        self.is_unsafe |= ["javascript:", "vbscript:"].iter().any(|bad| start.to_ascii_lowercase().starts_with(bad));
        rest
    }
}

/// The text before and from the first character that `is_end`.
fn split_at_char(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

/// What follows a comment, given the text after `<!--` (HTML standard 13.2.5.43 and following).
fn after_comment(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix('>').or_else(|| text.strip_prefix("->")) {
        return rest;
    }
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("--") {
        if let Some(end) = after.strip_prefix('>').or_else(|| after.strip_prefix("!>")) {
            return end;
        }
        // Of `--->`, the last two hyphens end the comment.
        rest = rest.get(rest.len() - after.len() - 1..).unwrap_or_default();
    }
    ""
}
