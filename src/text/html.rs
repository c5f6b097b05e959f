//! HTML of articles: made safe, made absolute, made plain, cut. The whole work is linear in the length of the input,
//! however hostile: limits come before the sanitiser.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use unicode_segmentation::UnicodeSegmentation;
use url::Url;

use super::html_scan::scan;
use super::normalize::collapse_white_space;
use super::xml_chars::XmlText;

/// Passes of the sanitiser until its output no longer changes. Two do for all that people write; a text that is still
/// changing after these is made to fool parsers.
const PASSES_MAX: usize = 4;

/// Limits for titles and leads: far above any that people write.
const PLAIN_LIMITS: HtmlLimits = HtmlLimits { bytes_max: 4 << 20, depth_max: 200, attributes_max: 200 };

/// What news pages are made of. Their attributes: see [`cleaner`].
const ELEMENTS: [&str; 61] = [
    "a",
    "abbr",
    "article",
    "aside",
    "audio",
    "b",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
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
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "source",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "u",
    "ul",
    "video",
    "wbr",
];

/// Elements that part words: a title "A<br>B" is read as "A B".
const PARTING: [&str; 14] =
    ["br", "dd", "div", "dt", "figcaption", "h1", "h2", "h3", "h4", "li", "p", "td", "th", "tr"];

/// What a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HtmlLimits {
    /// Bytes.
    pub bytes_max: usize,
    /// Elements within elements.
    pub depth_max: usize,
    /// Attributes of one element.
    pub attributes_max: usize,
}

/// Why a body is not sanitised at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// Too long.
    #[error("{bytes} bytes, at most {bytes_max} are allowed")]
    Bytes {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Nested too deep.
    #[error("more than {depth_max} elements within one another")]
    Depth {
        /// The limit.
        depth_max: usize,
    },
    /// An element with too many attributes.
    #[error("more than {attributes_max} attributes on one `{element}`")]
    Attributes {
        /// The element's name.
        element: String,
        /// The limit.
        attributes_max: usize,
    },
    /// Unclosed formatting that a parser would write again and again.
    #[error("unclosed formatting elements grow to more than {bytes_max} bytes")]
    Reopened {
        /// The limit.
        bytes_max: usize,
    },
    /// A long text after an element within which nesting cannot be bounded (`svg`, `select` ...).
    #[error("more than {tags_max} elements after an element of other rules such as `svg` or `select`")]
    Unknowable {
        /// The limit.
        tags_max: usize,
    },
    /// Reads differently each time it is parsed.
    #[error("still changing after {passes_max} passes of the sanitiser")]
    Unsettled {
        /// The limit.
        passes_max: usize,
    },
}

/// HTML without active content, with absolute addresses only and with characters of XML 1.0 only. Sanitising it again
/// changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SafeHtml(XmlText);

impl SafeHtml {
    /// The HTML.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same as text for an XML document (still to be escaped there).
    #[must_use]
    pub fn into_xml_text(self) -> XmlText {
        self.0
    }
}

impl Deref for SafeHtml {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for SafeHtml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A sanitised body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanitised {
    /// The body.
    pub html: SafeHtml,
    /// Was there anything that could have done harm?
    pub unsafe_removed: bool,
}

/// Makes a body safe: no scripts, frames, forms, styles or event handlers; addresses absolute against `base` and only
/// `http`, `https`, `mailto` and `tel`.
///
/// # Errors
/// [`TooLarge`] where the body is over a limit; nothing of it is parsed then.
pub fn sanitise(body: &str, base: &Url, limits: &HtmlLimits) -> Result<Sanitised, TooLarge> {
    let unsafe_removed = scan(body, limits)?;
    let cleaner = cleaner(base);
    let mut text = XmlText::new(&cleaner.clean(body).to_string());
    for _ in 1..PASSES_MAX {
        let again = XmlText::new(&cleaner.clean(&text).to_string());
        if again == text {
            return Ok(Sanitised { html: SafeHtml(text), unsafe_removed });
        }
        text = again;
    }
    Err(TooLarge::Unsettled { passes_max: PASSES_MAX })
}

/// Plain text of a title or lead: entities decoded once, tags taken out, white space collapsed. A `<` or `&` that
/// begins neither stays. Not escaped.
#[must_use]
pub fn plain_text(text: &str) -> String {
    if !text.contains(['<', '&']) {
        return collapse_white_space(text);
    }
    let text = without_cdata(text);
    if scan(&text, &PLAIN_LIMITS).is_err() {
        return collapse_white_space(&text);
    }
    collapse_white_space(&without_tags(&PLAIN.clean(&text).to_string()))
}

/// Text of a body with bare tags of the elements that part words, and nothing else but entities.
pub(super) fn parted(body: &str, limits: &HtmlLimits) -> Result<String, TooLarge> {
    scan(body, limits)?;
    Ok(PLAIN.clean(body).to_string())
}

/// The beginning of a plain text, at most `graphemes_max` characters as readers count them (grapheme clusters), cut
/// between words and ended with `…` where something is left out.
#[must_use]
pub fn excerpt(text: &str, graphemes_max: usize) -> String {
    let text = text.trim();
    // A character has a byte at least: most texts need no count.
    if text.len() <= graphemes_max {
        return text.to_owned();
    }
    let mut ends = text.grapheme_indices(true).map(|(at, _)| at).skip(graphemes_max.saturating_sub(1));
    let (Some(cut), Some(_)) = (ends.next(), ends.next()) else { return text.to_owned() };
    let (head, tail) = text.split_at(cut);
    let at_word = if tail.starts_with(char::is_whitespace) { None } else { head.rfind(char::is_whitespace) };
    let head = at_word.and_then(|at| head.get(..at)).unwrap_or(head);
    format!(
        "{}…",
        head.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '.' | '…' | '-' | '–'))
    )
}

fn cleaner(base: &Url) -> Builder<'static> {
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from(ELEMENTS))
        .clean_content_tags(HashSet::from(["script", "style", "iframe", "object", "noscript", "template", "title"]))
        .add_generic_attributes(["lang", "dir", "title"])
        .add_tag_attributes("a", ["href", "hreflang"])
        .add_tag_attributes("img", ["src", "alt", "width", "height"])
        .add_tag_attributes("audio", ["src", "controls"])
        .add_tag_attributes("video", ["src", "poster", "controls", "width", "height"])
        .add_tag_attributes("source", ["src", "type"])
        .add_tag_attributes("time", ["datetime"])
        .add_tag_attributes("ol", ["start"])
        .add_tag_attributes("td", ["colspan", "rowspan"])
        .add_tag_attributes("th", ["colspan", "rowspan", "scope"])
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .url_relative(UrlRelative::RewriteWithBase(base.clone()))
        .link_rel(None);
    builder
}

/// Leaves only bare tags of elements that part words, everything else escaped.
static PLAIN: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder.tags(HashSet::from(PARTING)).clean_content_tags(HashSet::from(["script", "style"])).link_rel(None);
    builder
});

/// Some systems write CDATA marks into a title: HTML would take such a title for a comment.
fn without_cdata(text: &str) -> Cow<'_, str> {
    if text.contains("<![CDATA[") {
        Cow::Owned(text.replace("<![CDATA[", "").replace("]]>", ""))
    } else {
        Cow::Borrowed(text)
    }
}

/// Text of HTML that the sanitiser wrote: every `<` begins a tag, and only four entities stand in it.
fn without_tags(html: &str) -> String {
    let mut parts = html.split('<');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (_, after_tag) in parts.filter_map(|part| part.split_once('>')) {
        text.push(' ');
        text.push_str(after_tag);
    }
    text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    const LIMITS: HtmlLimits = HtmlLimits { bytes_max: 1_000_000, depth_max: 100, attributes_max: 50 };

    fn clean(body: &str) -> Sanitised {
        sanitise(body, &Url::parse("https://bao.example/tin/bai-1.htm").unwrap(), &LIMITS).unwrap()
    }

    #[test]
    fn a_body_is_kept_and_made_absolute() {
        let check = |body: &str, expect: &str| {
            let out = clean(body);
            assert_eq!((out.html.as_str(), out.unsafe_removed), (expect, false), "{body}");
        };
        check("<p>Việt Trì &amp; <b>Hùng Lô</b></p>", "<p>Việt Trì &amp; <b>Hùng Lô</b></p>");
        check(
            "<figure><img src=/a.jpg alt='Lúa \"mới\"' width=600 class=x><figcaption>Ảnh: A</figcaption></figure>",
            "<figure><img src=\"https://bao.example/a.jpg\" alt=\"Lúa &quot;mới&quot;\" width=\"600\"><figcaption>Ảnh: A</figcaption></figure>",
        );
        check("<a href='//cdn.example/x'>x</a>", "<a href=\"https://cdn.example/x\">x</a>");
        check("<a href='mailto:bt@bao.example'>x</a>", "<a href=\"mailto:bt@bao.example\">x</a>");
        check("a &#x1;b\u{b}c 🎉", "a bc 🎉");
        check("<p>một<p>hai<ul><li>x<li>y</ul>", "<p>một</p><p>hai</p><ul><li>x</li><li>y</li></ul>");
    }

    #[test]
    fn unsafe_html_goes_and_is_told() {
        let check = |body: &str, expect: &str| {
            let out = clean(body);
            assert_eq!((out.html.as_str(), out.unsafe_removed), (expect, true), "{body}");
        };
        check("a<script>alert(1)</script>b", "ab");
        check("<p onclick=\"x()\">a</p>", "<p>a</p>");
        check("<a href=' JaVa\tscript:x()'>a</a>", "<a>a</a>");
        check("<iframe src=https://x.example></iframe>b", "b");
    }

    #[test]
    fn titles_become_plain() {
        let check = |text: &str, expect: &str| assert_eq!(plain_text(text), expect, "{text}");
        check("  Xuân\u{a0}về \n bản ", "Xuân về bản");
        check("Tom &amp;amp; J", "Tom &amp; J");
        check("K&yacute; &#x1ee9;c &lt;b&gt;", "Ký ức <b>");
        check("a < b & c", "a < b & c");
        check("3<5 &unknown; AT&T", "3<5 &unknown; AT&T");
        check("Bản <i>tin</i><br>sáng<script>x</script>", "Bản tin sáng");
        check("<![CDATA[Thể thao]]> &gt; Bóng đá", "Thể thao > Bóng đá");
        check(&"<b>".repeat(300), &"<b>".repeat(300));
    }

    #[test]
    fn excerpts_end_between_words() {
        let check = |text: &str, max: usize, expect: &str| assert_eq!(excerpt(text, max), expect, "{text} {max}");
        check("Đảng ủy xã", 10, "Đảng ủy xã");
        check("Đảng ủy xã", 9, "Đảng ủy…");
        check("Đảng ủy xã", 8, "Đảng ủy…");
        check("Đảng ủy, xã Hùng Lô", 11, "Đảng ủy…");
        check("mộttừdài", 4, "một…");
        check("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 2, "👩‍👩‍👧…");
        check("a\u{302}\u{323}b\u{302}\u{323}", 2, "a\u{302}\u{323}b\u{302}\u{323}");
        check("  ", 5, "");
        check("abc", 0, "…");
    }

    #[test]
    fn limits_hold_and_name_themselves() {
        let base = Url::parse("https://bao.example/").unwrap();
        let check = |body: String, expect: &str| {
            let error = sanitise(&body, &base, &LIMITS).map(|_| String::new()).unwrap_err();
            assert_eq!(error.to_string(), expect);
        };
        check("x".repeat(1_000_001), "1000001 bytes, at most 1000000 are allowed");
        check("<div>".repeat(101), "more than 100 elements within one another");
        check("<div></span>".repeat(101), "more than 100 elements within one another");
        check("<div><table><tr><td></div>".repeat(60), "more than 100 elements within one another");
        check("<b><p></b>".repeat(101), "more than 100 elements within one another");
        check("<div><script></div></script>".repeat(101), "more than 100 elements within one another");
        check("<p><a href=x></p>".repeat(101), "more than 100 elements within one another");
        check(format!("<p {}>", "a ".repeat(51)), "more than 50 attributes on one `p`");
        let unknowable = "more than 2000 elements after an element of other rules such as `svg` or `select`";
        check("<div><svg><style></div></style></svg>".repeat(1001), unknowable);
        check(
            format!("<p><a href='{}'></p>{}", "x".repeat(9_000), "<p>x</p>".repeat(200)),
            "unclosed formatting elements grow to more than 1000000 bytes",
        );
    }

    #[test]
    fn ordinary_pages_are_within_the_limits() {
        for unit in
            ["<p>đoạn", "<p>x</p>", "<li>x", "<p>a<br>b <b>c</b></p>", "<!-- <div> -->", "<tr><td>x<td>y", "<dt>a<dd>b"]
        {
            clean(&unit.repeat(3_000));
        }
        clean(&format!("<ul>{}</ul>", "<li><p>x".repeat(100)));
    }

    /// Generous: a quadratic algorithm takes minutes on these.
    #[test]
    fn hostile_megabytes_are_refused_at_once() {
        let base = Url::parse("https://bao.example/").unwrap();
        let limits = HtmlLimits { bytes_max: 20_000_000, ..LIMITS };
        for unit in
            ["<div>", "<script></a ", "<!--", "<!---->", "<a b='", "&amp;<", "</p", "<p><b>", "<svg><", "<x a=1 "]
        {
            let body = unit.repeat(2_000_000 / unit.len());
            let begun = Instant::now();
            let _refused = scan(&body, &limits);
            let _title = if scan(&body, &PLAIN_LIMITS).is_err() { plain_text(&body) } else { String::new() };
            let _cut = excerpt(&body, 200);
            assert!(begun.elapsed() < Duration::from_secs(20), "{unit}");
        }
        assert!(sanitise(&"<div>".repeat(1_000_000), &base, &limits).is_err());
    }

    #[test]
    fn hostile_bodies_come_out_clean() {
        let bodies: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../../fixtures/hostile/bodies.json")).unwrap();
        assert!(bodies.len() >= 60);
        for case in &bodies {
            check_harmless(case["body"].as_str().unwrap());
        }
    }

    /// Whatever goes in: XML characters only, nothing active, and settled.
    fn check_harmless(body: &str) {
        let base = Url::parse("https://bao.example/").unwrap();
        let Ok(once) = sanitise(body, &base, &LIMITS) else { return };
        let html = once.html.as_str();
        assert!(XmlText::is_clean(html), "{body}");
        let lower = html.to_lowercase();
        for bad in
            ["<script", "<iframe", "<svg", "<math", "<style", "<object", "<form", "<base", "<link", "<meta", "<!"]
        {
            assert!(!lower.contains(bad), "{body} -> {html}");
        }
        let again = sanitise(html, &base, &LIMITS).unwrap();
        assert_eq!((again.html.as_str(), again.unsafe_removed), (html, false), "{body}");
        assert!(XmlText::is_clean(&XmlText::new(&plain_text(body))));
    }

    proptest! {
        #[test]
        fn any_text_comes_out_clean(text in any::<String>()) {
            check_harmless(&text);
        }

        #[test]
        fn any_tags_come_out_clean(parts in prop::collection::vec(prop::sample::select(PARTS.to_vec()), 0..24)) {
            check_harmless(&parts.concat());
        }

        #[test]
        fn an_excerpt_is_short(text in any::<String>(), max in 1_usize..40) {
            let cut = excerpt(&text, max);
            prop_assert!(cut.graphemes(true).count() <= max, "{}", cut);
        }
    }

    const PARTS: [&str; 34] = [
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<a href='x'>",
        "</a>",
        "<table>",
        "</table>",
        "<tr>",
        "<td>",
        "</td>",
        "<svg>",
        "</svg>",
        "<style>",
        "</style>",
        "<math>",
        "<mtext>",
        "<script>",
        "</script>",
        "<select>",
        "<option>",
        "<pre>",
        "\n",
        "x",
        "&lt;",
        "&#1;",
        "<!--",
        "-->",
        "<div onx=1>",
        "</div>",
        "<li>",
        "<ul>",
        "</ul>",
        "<img src=x>",
    ];
}
