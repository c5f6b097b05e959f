//! An article's page as text, as it is when all but the text of a page is left away: update stamp, title, sapo, body,
//! byline, the list "Các tin đã đưa", the locality block, the footer.
//!
//! Blocks are parted by empty lines. The text stays verbatim (NFC): missing spaces and typing slips are the
//! newsroom's. What a page glues together is parted: a caption follows the picture's alt text, which repeats the title.

use crate::text::normalize::{collapse_white_space, nfc, title_key};
use crate::text::stamp::{self, Stamp, StampError, Zones};

/// Longest sub-head or byline, in characters: a longer paragraph is one, even without a full stop.
const HEAD_CHARS_MAX: usize = 100;
/// Before the stamp of the last update.
const UPDATED_LABELS: [&str; 4] = ["Cập nhật lúc:", "Cập nhật:", "Cập nhật", "Ngày cập nhật:"];
/// Before the stories that the page lists.
const LISTED: [&str; 4] = ["Các tin đã đưa", "Các tin đã đăng", "Tin đã đưa", "Các tin khác"];
/// Before the links to more of a locality.
const LOCALITY: &str = "Tin địa phương";
/// Before the name of the locality.
const MORE_OF: &str = "Xem thêm ";
/// Where the page's own furniture begins.
const FOOTER: [&str; 2] = ["Thời tiết", "POWERED BY"];

/// A page as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// When it was last updated.
    pub updated: Stamp,
    /// Title.
    pub title: String,
    /// The sapo.
    pub lead: Option<String>,
    /// The body as HTML.
    pub body_html: Option<String>,
    /// Author line.
    pub byline: Option<String>,
    /// The locality whose news it points to.
    pub locality: Option<String>,
    /// The stories that it lists.
    pub listed: Vec<Listed>,
    /// Parts that cannot be read, each with its line.
    pub faults: Vec<(u64, String)>,
}

/// A story of the list "Các tin đã đưa".
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Line of the page where it begins.
    pub line: u64,
    /// Title.
    pub title: String,
    /// When it was published.
    pub published: Stamp,
    /// Its summary, as far as the list gives it.
    pub lead: Option<String>,
}

/// Why a page cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum BadPage {
    /// Nothing in it.
    #[error("the page is empty")]
    Empty,
    /// It does not begin with a stamp.
    #[error("the page does not begin with its update stamp: {0}")]
    Stamp(#[from] StampError),
    /// Nothing after the stamp.
    #[error("there is no title after the update stamp")]
    NoTitle,
}

/// Reads a page.
///
/// # Errors
/// [`BadPage`] where not even stamp and title can be read; what else cannot is a fault of the page.
pub fn read(text: &str, zones: &Zones) -> Result<Page, BadPage> {
    let text = nfc(text.trim_start_matches('\u{feff}')).replace('\0', "");
    let lines = (1..).zip(text.lines().map(collapse_white_space));
    let lines: Vec<Line> = lines.map(|(number, text)| Line { number, text }).collect();
    let parts = Parts::of(&lines);
    let blocks: Vec<&[Line]> = parts.story.split(Line::is_empty).filter(|block| !block.is_empty()).collect();
    let mut blocks = blocks.into_iter();
    let stamp = blocks.next().ok_or(BadPage::Empty)?;
    let updated = stamp::read(without_label(&joined(stamp, " ")), zones)?;
    let title = blocks.next().map(|block| joined(block, " ")).ok_or(BadPage::NoTitle)?;
    let mut body: Vec<String> = blocks.map(|block| joined(block, "\n")).collect();
    let byline = take_byline(&mut body);
    let lead = (!body.is_empty()).then(|| body.remove(0).replace('\n', " "));
    let (listed, faults) = listed(parts.listed, *zones);
    let locality = parts.locality.iter().find_map(|line| line.text.strip_prefix(MORE_OF)).map(str::to_owned);
    Ok(Page { updated, body_html: body_html(&body, &title), title, lead, byline, locality, listed, faults })
}

/// A line with its number; white space folded.
#[derive(Debug)]
struct Line {
    number: u64,
    text: String,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// The parts of a page, in their order.
struct Parts<'a> {
    story: &'a [Line],
    listed: &'a [Line],
    locality: &'a [Line],
}

impl<'a> Parts<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let (lines, _footer) = split_before(lines, |line| FOOTER.contains(&line));
        let (lines, locality) = split_before(lines, |line| line == LOCALITY);
        let (story, listed) = split_before(lines, |line| LISTED.contains(&line.trim_end_matches(':')));
        Self { story, listed: listed.get(1..).unwrap_or_default(), locality }
    }
}

fn split_before(lines: &[Line], is_head: impl Fn(&str) -> bool) -> (&[Line], &[Line]) {
    lines.split_at(lines.iter().position(|line| is_head(&line.text)).unwrap_or(lines.len()))
}

fn joined(block: &[Line], separator: &str) -> String {
    block.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(separator)
}

fn without_label(text: &str) -> &str {
    UPDATED_LABELS.iter().find_map(|label| text.strip_prefix(label)).unwrap_or(text)
}

/// The byline stands at the end, mostly twice. Once, it is a line too short for a paragraph: a sub-head does not end a
/// story.
fn take_byline(body: &mut Vec<String>) -> Option<String> {
    let last = body.pop_if(|last| is_head(last))?;
    while body.last() == Some(&last) {
        body.pop();
    }
    Some(last)
}

/// A short line without the mark that ends a sentence.
fn is_head(block: &str) -> bool {
    let ends_sentence = block.ends_with(['.', '…', '!', '?', ':', ';', ',', '”', '"']);
    !ends_sentence && !block.contains('\n') && block.chars().count() <= HEAD_CHARS_MAX
}

fn body_html(blocks: &[String], title: &str) -> Option<String> {
    let mut html = String::new();
    for block in blocks.iter().filter(|block| *block != title) {
        let caption = caption(block, title);
        let (open, text, close) = match caption {
            Some(caption) => ("<figure><figcaption>", caption, "</figcaption></figure>"),
            None if is_head(block) => ("<h2>", block.as_str(), "</h2>"),
            None => ("<p>", block.as_str(), "</p>"),
        };
        html.extend([open, &escaped(text), close, "\n"]);
    }
    (!html.is_empty()).then_some(html)
}

/// The caption that is glued to the alt text: what follows the title without any space.
fn caption<'a>(block: &'a str, title: &str) -> Option<&'a str> {
    block.strip_prefix(title).filter(|rest| rest.starts_with(char::is_alphanumeric))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>")
}

/// The stories of the list: each is its title twice, its stamp, its summary.
fn listed(lines: &[Line], zones: Zones) -> (Vec<Listed>, Vec<(u64, String)>) {
    let lines: Vec<&Line> = lines.iter().filter(|line| !line.is_empty()).collect();
    let begins = |pair: &[&Line]| matches!(pair, [a, b] if title_key(&a.text) == title_key(&b.text));
    let starts = lines.windows(2).enumerate().filter(|(_, pair)| begins(pair)).map(|(at, _)| at);
    let mut bounds: Vec<usize> = starts.collect();
    let before = bounds.first().copied().unwrap_or(lines.len());
    bounds.push(lines.len());
    let mut faults: Vec<(u64, String)> = Vec::new();
    if let Some(line) = lines.get(..before).and_then(<[_]>::first) {
        faults.push((line.number, format!("no story of the list: expected its title twice, found `{}`", line.text)));
    }
    let mut stories = Vec::new();
    for bound in bounds.windows(2) {
        let [from, to] = bound else { continue };
        match story(lines.get(*from..*to).unwrap_or_default(), zones) {
            Ok(story) => stories.push(story),
            Err(fault) => faults.push(fault),
        }
    }
    (stories, faults)
}

fn story(lines: &[&Line], zones: Zones) -> Result<Listed, (u64, String)> {
    let [title, _again, rest @ ..] = lines else { return Err((0, "no story of the list".to_owned())) };
    let (stamp, summary) = rest.split_first().ok_or((title.number, "the story has no stamp".to_owned()))?;
    let published = stamp::read(&stamp.text, &zones).map_err(|error| (stamp.number, error.to_string()))?;
    let summary: Vec<&str> = summary.iter().map(|line| line.text.as_str()).collect();
    let lead = without_site(&summary.join(" ")).to_owned();
    Ok(Listed { line: title.number, title: title.text.clone(), published, lead: Some(lead).filter(|l| !l.is_empty()) })
}

/// The summary without the name of the site (`baophutho.vn`) that lists put before it.
fn without_site(summary: &str) -> &str {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match summary.split_once(' ') {
        Some((site, rest))
            if site.contains('.') && site.split('.').all(is_label) && !site.ends_with(|c: char| c.is_ascii_digit()) =>
        {
            rest
        }
        _ => summary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_before_summaries_go() {
        let check = |text: &str, expect: &str| assert_eq!(without_site(text), expect);
        check("baovidu.vn Vụ lúa", "Vụ lúa");
        check("en.bao-vi-du.com.vn Vụ lúa", "Vụ lúa");
        check("Ngày 4.3 có mưa", "Ngày 4.3 có mưa");
        check("1.200 hộ dân", "1.200 hộ dân");
        check("Đ.C Minh", "Đ.C Minh");
        check("baovidu.vn", "baovidu.vn");
    }

    #[test]
    fn captions_are_parted_from_the_alt_text() {
        let check = |block: &str, expect: Option<&str>| assert_eq!(caption(block, "Mùa vải chín"), expect, "{block}");
        check("Mùa vải chínNông dân thu hoạch.", Some("Nông dân thu hoạch."));
        check("Mùa vải chín đã về.", None);
        check("Mùa vải chín", None);
    }

    #[test]
    fn heads_are_short_and_end_no_sentence() {
        for (text, expect) in [
            ("Giữ nghề", true),
            ("Giữ nghề.", false),
            ("Bà con nói:", false),
            ("“Giữ nghề”", false),
            (&"dài ".repeat(60), false),
        ] {
            assert_eq!(is_head(text), expect, "{text}");
        }
    }

    #[test]
    fn what_is_no_page_says_so() {
        let check = |text: &str, part: &str| {
            let error = read(text, &Zones::default()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check(" \n\n", "empty");
        check("Mùa vải chín\n\nSapo", "does not begin with its update stamp: `Mùa vải chín`");
        check("Cập nhật: 18/03/2022 06:30", "no title");
    }

    #[test]
    fn a_faulty_story_of_the_list_costs_only_itself() {
        let text = "Cập nhật: 18/03/2022 06:30\n\nTin\n\nCác tin đã đưa\n\nlạ\n\nMột\n\nMột\nhôm qua\n\nx\n\nHai\n\nHai\n\
                    2022-03-17 08:47:00\n\nbaovidu.vn Tóm tắt";
        let page = read(text, &Zones::default()).unwrap();
        assert_eq!(page.listed.len(), 1);
        assert_eq!(page.listed[0].lead.as_deref(), Some("Tóm tắt"));
        assert_eq!(page.faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [7, 12]);
    }
}
