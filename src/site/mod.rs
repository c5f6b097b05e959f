//! Pages for people: the index of all feeds. It works without JavaScript, on a phone and in the dark.

use askama::Template;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::domain::address::FEEDS_PREFIX;
use crate::domain::format::Format;
use crate::publish::ListedFeed;
use crate::publish::document::tag_hash;

/// Path of the front page feed below `/feeds/`.
const FRONT_FEED: &str = "all";
/// Deeper rows are indented no further.
const INDENT_MAX: usize = 4;
/// The page's style. It stands in the page; the policy allows exactly these bytes.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:0 auto;padding:1rem}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:start;padding:.4rem .5rem;border-block-end:1px solid #8886}\
th{font-weight:400}thead th{font-weight:600}\
td a{display:inline-block;padding:.2rem .4rem}\
.d1{padding-inline-start:1.5rem}.d2{padding-inline-start:3rem}\
.d3{padding-inline-start:4.5rem}.d4{padding-inline-start:6rem}";

/// What the index page shows.
#[derive(Debug, Clone, Copy)]
pub struct Index<'a> {
    /// Title of the site.
    pub title: &'a str,
    /// BCP 47 tag of the titles.
    pub language: &'a str,
    /// Public address of this service.
    pub base_url: &'a Url,
    /// The feeds, in order.
    pub feeds: &'a [ListedFeed],
}

/// A page, made.
#[derive(Debug)]
pub struct Page {
    /// The document.
    pub html: String,
    /// Strong entity tag, with its quotes.
    pub etag: String,
    /// Its `Content-Security-Policy`: nothing but its own style. No `sandbox`, which would forbid to download a feed.
    pub policy: String,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="vi">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Nguồn tin – {{ title }}</title>
{%- for link in autodiscovery %}
<link rel="alternate" type="{{ link.media_type }}" title="{{ title }} ({{ link.name }})" href="{{ link.url }}">
{%- endfor %}
<style>{{ style|safe }}</style>
</head>
<body>
<h1 lang="{{ language }}">{{ title }}</h1>
<p>Chép một địa chỉ dưới đây vào trình đọc tin: tin mới sẽ tự đến với bạn. RSS, Atom và JSON Feed có cùng nội dung.</p>
<p lang="en">Copy one of these addresses into your feed reader. RSS, Atom and JSON Feed carry the same entries.</p>
{%- if rows.is_empty() %}
<p>Chưa có tin nào được đăng. <span lang="en">Nothing has been published yet.</span></p>
{%- else %}
<table>
<thead><tr><th scope="col">Nguồn tin</th><th scope="col">Địa chỉ</th></tr></thead>
<tbody>
{%- for row in rows %}
<tr><th scope="row" class="d{{ row.indent }}" lang="{{ language }}">{{ row.title }}</th><td>
{%- for link in row.links %}
<a type="{{ link.media_type }}" href="{{ link.url }}">{{ link.name }}</a>
{%- endfor %}</td></tr>
{%- endfor %}
</tbody>
</table>
{%- endif %}
</body>
</html>
"#
)]
struct IndexPage<'a> {
    title: &'a str,
    language: &'a str,
    style: &'static str,
    autodiscovery: Vec<Link>,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    title: &'a str,
    indent: usize,
    links: Vec<Link>,
}

struct Link {
    name: &'static str,
    media_type: &'static str,
    url: Url,
}

impl Index<'_> {
    /// Makes the page: the same bytes for the same feeds.
    ///
    /// # Errors
    /// If the template fails, which it has no reason to.
    pub fn render(&self) -> Result<Page, askama::Error> {
        let rows = self.feeds.iter().map(|feed| Row {
            title: &feed.title,
            indent: feed.depth.min(INDENT_MAX),
            links: self.links(&feed.path),
        });
        let html = IndexPage {
            title: self.title,
            language: self.language,
            style: STYLE,
            autodiscovery: self.links(FRONT_FEED),
            rows: rows.collect(),
        }
        .render()?;
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            base64(&Sha256::digest(STYLE))
        );
        Ok(Page { etag: format!("\"{}\"", tag_hash(html.as_bytes())), html, policy })
    }

    fn links(&self, path: &str) -> Vec<Link> {
        let base = self.base_url.path().trim_end_matches('/');
        let link = |format: Format| {
            let mut url = self.base_url.clone();
            url.set_path(&format!("{base}{FEEDS_PREFIX}{path}.{format}"));
            Link { name: format.name(), media_type: format.media_type(), url }
        };
        Format::ALL.into_iter().map(link).collect()
    }
}

/// Base64 with padding (RFC 4648 section 4), for the one hash that the policy needs.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, i| bits << 8 | chunk.get(i).copied().map_or(0, usize::from));
        for digit in 0..4 {
            let sextet = bits >> (18 - 6 * digit) & 63;
            let letter = ALPHABET.get(sextet).copied().map_or('=', char::from);
            text.push(if digit <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(feeds: &[ListedFeed]) -> Page {
        let base_url = Url::parse("https://tin.example.vn/").unwrap();
        Index { title: "Báo <Làng> & Xã", language: "vi", base_url: &base_url, feeds }.render().unwrap()
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, expect) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), expect);
        }
    }

    #[test]
    fn titles_are_escaped_and_every_format_is_linked() {
        let feed = ListedFeed { title: "\"><script>".to_owned(), path: "category/doi-song".to_owned(), depth: 9 };
        let page = index(&[feed]).html;
        assert!(!page.contains("<script>") && !page.contains("<Làng>"), "{page}");
        for format in Format::ALL {
            assert!(page.contains(&format!("href=\"https://tin.example.vn/feeds/all.{format}\"")), "{page}");
            assert!(
                page.contains(&format!("href=\"https://tin.example.vn/feeds/category/doi-song.{format}\"")),
                "{page}"
            );
        }
        assert!(page.contains("class=\"d4\""), "{page}");
    }

    #[test]
    fn the_style_is_the_one_that_the_policy_allows() {
        let page = index(&[]);
        let style = page.html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        assert_eq!(style, STYLE);
        assert!(page.policy.contains(&base64(&Sha256::digest(style))));
        assert!(page.html.contains("Chưa có tin nào"), "an empty site says so");
        assert_eq!(page.etag, index(&[]).etag);
    }
}
