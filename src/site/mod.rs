//! Pages for people: all feeds, those of one kind, a feed and those below it. They work without JavaScript, on a phone
//! and in the dark, and stay small whatever is listed.

mod rows;

use std::sync::LazyLock;

use askama::Template;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::domain::address::FEEDS_PREFIX;
use crate::domain::format::Format;
use crate::publish::listing::{GroupKind, ListedFeed, ListedGroup, Listing};
use rows::{Row, rows};

/// Path of OPML, the list for programs.
pub const OPML_PATH: &str = "/opml.xml";
/// Media type of OPML without parameters, as in `link` elements.
pub const OPML_MEDIA_TYPE: &str = "text/x-opml";

/// Path of the front page feed below `/feeds/`.
const FRONT_FEED: &str = GroupKind::Front.segment();
/// Rows of one group on the index page; of a larger one its upper levels are shown, each with a link to its own page.
const INDEX_ROWS_MAX: usize = 500;
/// Rows of any other page: at 400 bytes a row less than a megabyte.
const PAGE_ROWS_MAX: usize = 2_000;
/// Larger groups are folded on the index page.
const OPEN_ROWS_MAX: usize = 40;
/// Categories that a browser's own list of feeds offers, beside the front page feed.
const AUTODISCOVERY_MAX: usize = 100;
/// The pages' style. It stands in each page; the policy allows exactly these bytes.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:0 auto;padding:1rem}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:start;padding:.4rem .5rem;border-block-end:1px solid #8886}\
th{font-weight:400;overflow-wrap:anywhere}thead th{font-weight:600}\
td{width:1%;white-space:nowrap}td a{display:inline-block;padding:.2rem .4rem}\
summary{padding:.5rem 0;cursor:pointer}small{font-weight:400;opacity:.8}\
.d1{padding-inline-start:1.5rem}.d2{padding-inline-start:3rem}\
.d3{padding-inline-start:4.5rem}.d4{padding-inline-start:6rem}";
/// The `Content-Security-Policy` of the pages: nothing but their own style. No `sandbox`, which would forbid to download
/// a feed.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        base64(&Sha256::digest(STYLE))
    )
});

/// The `Content-Security-Policy` of the pages.
#[must_use]
pub fn policy() -> &'static str {
    &POLICY
}

/// What the pages show.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Title of the site.
    pub title: &'a str,
    /// BCP 47 tag of the titles.
    pub language: &'a str,
    /// Public address of this service.
    pub base_url: &'a Url,
    /// The feeds.
    pub listing: &'a Listing,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="vi">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% if let Some(heading) = heading %}{{ heading }} – {% endif %}Nguồn tin – {{ title }}</title>
{%- for link in autodiscovery %}
<link rel="alternate" type="{{ link.media_type }}" title="{{ link.title }}" href="{{ link.url }}">
{%- endfor %}
<style>{{ style|safe }}</style>
</head>
<body>
{%- if let Some(heading) = heading %}
<p><a href="{{ home }}" lang="{{ language }}">{{ title }}</a></p>
<h1>{{ heading }}</h1>
{%- else %}
<h1 lang="{{ language }}">{{ title }}</h1>
{%- endif %}
<p>Chép một địa chỉ dưới đây vào trình đọc tin: tin mới sẽ tự đến với bạn. RSS, Atom và JSON Feed có cùng nội dung.
<a type="{{ opml.media_type }}" href="{{ opml.url }}">{{ opml.title }}</a>.</p>
<p lang="en">Copy one of these addresses into your feed reader. RSS, Atom and JSON Feed carry the same entries; OPML lists
every feed for import.</p>
{%- if sections.is_empty() %}
<p>Chưa có tin nào được đăng. <span lang="en">Nothing has been published yet.</span></p>
{%- endif %}
{%- for section in sections %}
<section{% if let Some(kind) = section.kind %} id="{{ kind.segment() }}"{% endif %}>
{%- if let Some(kind) = section.kind %}
<h2><a href="{{ section.url }}">{{ kind.heading() }}</a> <small lang="en">{{ kind.heading_en() }}</small></h2>
{%- endif %}
{%- if section.folded %}
<details><summary>{{ section.count }} nguồn tin <small lang="en">feeds</small></summary>
{%- endif %}
<table>
<thead><tr><th scope="col">Nguồn tin</th><th scope="col">Địa chỉ</th></tr></thead>
<tbody>
{%- for row in section.rows %}
<tr><th scope="row" class="d{{ row.indent }}" lang="{{ language }}">{{ row.title }}
{%- if let Some(page) = row.page %} <a href="{{ page }}" lang="vi">chi tiết hơn</a>{% endif %}</th><td>
{%- for link in row.links %}
<a type="{{ link.media_type }}" href="{{ link.url }}">{{ link.title }}</a>
{%- endfor %}</td></tr>
{%- endfor %}
</tbody>
</table>
{%- if section.folded %}
</details>
{%- endif %}
{%- if section.cut %}
<p>Có {{ section.count }} nguồn tin, ở đây chỉ là một phần: <a href="{{ section.url }}">xem thêm</a>, hoặc dùng OPML.
<span lang="en">This is a part of {{ section.count }} feeds; OPML has all.</span></p>
{%- endif %}
</section>
{%- endfor %}
</body>
</html>
"#
)]
struct Page<'a> {
    title: &'a str,
    language: &'a str,
    /// What the page is of; `None`: the index.
    heading: Option<&'a str>,
    style: &'static str,
    home: Url,
    opml: Link,
    autodiscovery: Vec<Link>,
    sections: Vec<Section<'a>>,
}

struct Section<'a> {
    /// `None`: the page has this one only, and its heading says it.
    kind: Option<GroupKind>,
    /// The page of the whole.
    url: Url,
    /// Feeds in the whole.
    count: usize,
    folded: bool,
    /// Is there more than the rows?
    cut: bool,
    rows: Vec<Row<'a>>,
}

struct Link {
    title: String,
    media_type: &'static str,
    url: Url,
}

impl<'a> Site<'a> {
    /// The index page: the same bytes for the same feeds.
    ///
    /// # Errors
    /// If the template fails, which it has no reason to.
    pub fn index(&self) -> Result<String, askama::Error> {
        let section = |group: &'a ListedGroup| {
            let section = self.section(&group.feeds, group.kind.segment(), INDEX_ROWS_MAX);
            Section { kind: Some(group.kind), folded: section.rows.len() > OPEN_ROWS_MAX, ..section }
        };
        self.render(None, FRONT_FEED, self.listing.groups.iter().map(section).collect())
    }

    /// The page of a kind (by its segment), or of a feed with everything below it (by its path below `/feeds/`); `None`
    /// if no such feed is listed. A kind always has its page.
    ///
    /// # Errors
    /// If the template fails, which it has no reason to.
    pub fn page(&self, path: &str) -> Result<Option<String>, askama::Error> {
        let kind = GroupKind::from_segment(path);
        let feeds = kind.map_or_else(|| self.listing.branch(path), |kind| self.listing.of_kind(kind));
        let heading = kind.map(GroupKind::heading).or_else(|| feeds.first().map(|feed| feed.title.as_str()));
        let offered = if kind.is_some() { FRONT_FEED } else { path };
        let Some(heading) = heading else { return Ok(None) };
        let sections = if feeds.is_empty() { Vec::new() } else { vec![self.section(feeds, path, PAGE_ROWS_MAX)] };
        self.render(Some(heading), offered, sections).map(Some)
    }

    fn render(
        &self,
        heading: Option<&str>,
        offered: &str,
        sections: Vec<Section<'_>>,
    ) -> Result<String, askama::Error> {
        let opml = || Link {
            title: "OPML: tất cả nguồn tin".to_owned(),
            media_type: OPML_MEDIA_TYPE,
            url: self.url(OPML_PATH),
        };
        let whose = heading.filter(|_| offered != FRONT_FEED).unwrap_or(self.title);
        let formats =
            self.links(offered).into_iter().map(|link| Link { title: format!("{whose} ({})", link.title), ..link });
        Page {
            title: self.title,
            language: self.language,
            heading,
            style: STYLE,
            home: self.url("/"),
            opml: opml(),
            autodiscovery: formats.chain([opml()]).chain(self.categories()).collect(),
            sections,
        }
        .render()
    }

    /// For autodiscovery: each category in one format, as browsers list every link.
    fn categories(&self) -> impl Iterator<Item = Link> {
        let feeds = self.listing.of_kind(GroupKind::Category).iter().take(AUTODISCOVERY_MAX);
        feeds.filter_map(|feed| {
            let link = self.links(feed.path.as_ref()?).into_iter().next()?;
            Some(Link { title: format!("{} - {} ({})", feed.title, self.title, link.title), ..link })
        })
    }

    fn section(&self, feeds: &'a [ListedFeed], path: &str, rows_max: usize) -> Section<'a> {
        let rows = rows(self, feeds, rows_max);
        Section {
            kind: None,
            url: self.page_url(path),
            count: feeds.iter().filter(|feed| feed.path.is_some()).count(),
            folded: false,
            cut: rows.len() < feeds.len(),
            rows,
        }
    }

    /// A feed's documents.
    fn links(&self, path: &str) -> Vec<Link> {
        let link = |format: Format| Link {
            title: format.name().to_owned(),
            media_type: format.media_type(),
            url: self.url(&format!("{FEEDS_PREFIX}{path}.{format}")),
        };
        Format::ALL.into_iter().map(link).collect()
    }

    /// The address of [`Site::page`].
    fn page_url(&self, path: &str) -> Url {
        self.url(&format!("{FEEDS_PREFIX}{path}/"))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}{path}", self.base_url.path().trim_end_matches('/')));
        url
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

    fn feed(title: &str, path: &str, depth: usize) -> ListedFeed {
        ListedFeed { title: title.to_owned(), path: Some(path.to_owned()), depth }
    }

    /// `count` communes below each of two provinces.
    fn listing(count: usize) -> Listing {
        let mut feeds = Vec::new();
        for province in ["ha-noi", "phu-tho"] {
            feeds.push(feed(province, &format!("locality/{province}"), 0));
            feeds.extend((0..count).map(|n| feed(&format!("Xã {n}"), &format!("locality/{province}/xa-{n}"), 1)));
        }
        Listing { groups: vec![ListedGroup { kind: GroupKind::Locality, feeds }] }
    }

    fn pages<T>(listing: &Listing, look: impl FnOnce(&Site<'_>) -> T) -> T {
        let base_url = Url::parse("https://tin.example.vn/").unwrap();
        look(&Site { title: "Báo <Làng> & Xã", language: "vi", base_url: &base_url, listing })
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, expect) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), expect);
        }
    }

    #[test]
    fn titles_are_escaped_and_every_format_is_linked() {
        let feeds = vec![feed("Xã hội", "category/xa-hoi", 0), feed("\"><script>", "category/doi-song", 9)];
        let listing = Listing { groups: vec![ListedGroup { kind: GroupKind::Category, feeds }] };
        let index = pages(&listing, |site| site.index().unwrap());
        let page = pages(&listing, |site| site.page("category/doi-song").unwrap().unwrap());
        for page in [&index, &page] {
            assert!(!page.contains("<script>") && !page.contains("<Làng>"), "{page}");
            for format in Format::ALL {
                let address = format!("href=\"https://tin.example.vn/feeds/category/doi-song.{format}\"");
                assert!(page.contains(&address), "{page}");
            }
        }
        assert!(index.contains("class=\"d4\"") && page.contains("class=\"d0\""), "as deep as it needs");
        for format in Format::ALL {
            assert!(index.contains(&format!("href=\"https://tin.example.vn/feeds/all.{format}\"")), "{index}");
        }
    }

    #[test]
    fn a_kind_has_a_page_and_what_is_not_listed_has_none() {
        let listing = listing(3);
        let page = |path: &str| pages(&listing, |site| site.page(path).unwrap());
        assert!(page("locality").unwrap().contains("<h1>Địa phương</h1>"));
        assert!(page("category").unwrap().contains("Chưa có tin nào"));
        let branch = page("locality/phu-tho").unwrap();
        assert!(branch.contains("phu-tho/xa-2.rss") && !branch.contains("ha-noi"), "{branch}");
        assert_eq!([page("locality/hue"), page("khong"), page("")], [None, None, None]);
    }

    #[test]
    fn a_large_group_is_folded_and_a_larger_one_shows_its_upper_level() {
        let index = |count: usize| pages(&listing(count), |site| site.index().unwrap());
        let small = index(10);
        assert!(small.contains("<section id=\"locality\">") && !small.contains("<details>"), "{small}");
        assert!(index(100).contains("<details><summary>202 nguồn tin"), "folded, but all there");
        let large = index(5_000);
        assert!(large.contains("Có 10002 nguồn tin") && !large.contains("xa-1.rss"), "{large}");
        assert!(
            large.contains("href=\"https://tin.example.vn/feeds/locality/phu-tho/\" lang=\"vi\">chi tiết hơn"),
            "{large}"
        );
    }

    #[test]
    fn a_page_is_bounded_whatever_is_listed() {
        let feeds = (0..12_000).map(|n| feed(&format!("Tác giả {n}"), &format!("author/tac-gia-{n}"), 0)).collect();
        let listing = Listing { groups: vec![ListedGroup { kind: GroupKind::Author, feeds }] };
        let (index, page) = pages(&listing, |site| (site.index().unwrap(), site.page("author").unwrap().unwrap()));
        assert_eq!(index.matches("<tr>").count(), INDEX_ROWS_MAX + 1);
        assert_eq!(page.matches("<tr>").count(), PAGE_ROWS_MAX + 1);
        assert!(page.len() < 1_000_000, "{} bytes", page.len());
        assert!(page.contains("/opml.xml\">OPML: tất cả nguồn tin</a>"), "the way to all of them");
    }

    #[test]
    fn the_style_is_the_one_that_the_policy_allows() {
        let page = pages(&Listing::default(), |site| site.index().unwrap());
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        assert_eq!(style, STYLE);
        assert!(policy().contains(&base64(&Sha256::digest(style))));
        assert!(page.contains("Chưa có tin nào"), "an empty site says so");
    }
}
