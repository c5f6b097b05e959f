//! The numbered rules of `docs/FEEDS.md`: each holds for every expected document and for feeds made of hostile input,
//! and each finds the fault that it is there for.

use std::sync::LazyLock;

use loa::domain::article::{Article, Media};
use loa::domain::format::Format;
use loa::feed::{Content, render};
use loa::text::normalize::collapse_white_space;
use loa::text::xml_chars::XmlText;
use proptest::prelude::*;
use serde_json::Value;

use crate::feed_golden;
use crate::support::feed_checker::{RULES, violations};
use crate::support::feeds::{Case, article, fixtures};

/// What people, machines and attackers have put into fields.
const HOSTILE: [&str; 32] = [
    "",
    " \u{a0}\u{200b} ",
    "\u{0}\u{1}\u{8}\u{b}\u{c}\u{e}\u{1f}",
    "Tin\u{fffe} \u{ffff}mới\u{7f}\u{85}",
    "]]>",
    "]]]]><![CDATA[>",
    "<![CDATA[Tin]]>",
    "<!-- Tin -->",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>&e;",
    "<b>Tin</b>",
    "&lt;b&gt;Tin&lt;/b&gt;",
    "&amp;lt;b&amp;gt;Tin&amp;lt;/b&amp;gt;",
    "&amp;amp;amp;amp;amp;lt;b&amp;amp;amp;amp;amp;gt;",
    "&lt;\u{1}script&gt;x&lt;/script&gt;",
    "K&yacute; ức &nbsp; &#8211; &#x1; &khongco; AT&T; R&D",
    "5 < 6 & 7 > 2, a<b",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "</title></item></channel></rss>",
    "' \" ` \\ {} [] | ^ % %zz %00",
    "javascript:alert(1)",
    "//a.example/tin.htm",
    "/tin đầu.htm?x=1&y=2#a#b",
    "https://a.example/tin đầu|^{}.htm?x=[1]&y=\"2\"#a#b",
    "https://user:password@a.example/",
    "🎉👨‍👩‍👧‍👦 Việt Trì 🇻🇳",
    "Vie\u{302}\u{323}t Tri\u{300}\r\n\tdòng hai\rba",
    "\u{202e}gnud yâX\u{202c}",
    "Hà My <ha.my@a.example>, , ; - và ",
    "tag:a.example:x y",
];

/// A field of an article, set to a text.
type Setter = fn(&mut Article, String);

const FIELDS: [(&str, Setter); 17] = [
    ("id", |article, text| article.id = loa::domain::article::ArticleId::new(text)),
    ("guid", |article, text| article.guid = Some(text)),
    ("url", |article, text| article.url = Some(text)),
    ("slug", |article, text| {
        article.url = None;
        article.slug = Some(text);
    }),
    ("title", |article, text| article.title = text),
    ("lead", |article, text| article.lead = Some(text)),
    ("body_html", |article, text| article.body_html = Some(text)),
    ("body_without_lead", |article, text| {
        article.lead = None;
        article.body_html = Some(text);
    }),
    ("byline", |article, text| article.byline = Some(text)),
    ("correction", |article, text| article.correction = Some(text)),
    ("language", |article, text| article.language = Some(text)),
    ("rights", |article, text| article.rights = Some(text)),
    ("media_url", |article, text| media(article).url = text),
    ("media_type", |article, text| media(article).mime_type = Some(text)),
    ("media_caption", |article, text| media(article).caption = Some(text)),
    ("media_credit", |article, text| media(article).credit = Some(text)),
    ("media_alt", |article, text| media(article).alt = Some(text)),
];

fn media(article: &mut Article) -> &mut Media {
    if article.media.is_empty() {
        article.media.push(Media { url: "https://a.example/anh.jpg".to_owned(), ..Media::default() });
    }
    &mut article.media[0]
}

type Violations = Vec<(&'static str, String)>;

struct Sample {
    name: String,
    format: Format,
    body: String,
}

fn samples_of(name: &str, case: &Case) -> Vec<Sample> {
    let feed = case.build().feed;
    let sample = |format| {
        let rendered = render(&feed, format).unwrap_or_else(|fault| panic!("{name}.{format}: {fault}"));
        assert_eq!(rendered.faults, [], "{name}.{format}");
        Sample { name: format!("{name}.{format}"), format, body: rendered.body }
    };
    Format::ALL.map(sample).into()
}

fn numbered(name: &str, at: usize) -> Article {
    let mut article = article(name);
    article.id = loa::domain::article::ArticleId::new(format!("{}-{at}", article.id));
    article
}

/// One feed for each field, with an article for each hostile text in it; one with the hostile text in every field; and
/// one of hostile bodies.
fn hostile_cases() -> Vec<(String, Case)> {
    let with = |set: Setter| {
        let articles = HOSTILE.iter().enumerate().map(|(at, text)| {
            let mut article = numbered("201001", at);
            set(&mut article, (*text).to_owned());
            article
        });
        articles.collect::<Vec<_>>()
    };
    let everywhere = HOSTILE.iter().enumerate().map(|(at, text)| {
        let mut article = numbered("201006", at);
        for (_, set) in FIELDS {
            set(&mut article, format!("{text} bài {at}"));
        }
        article
    });
    let bodies = std::fs::read_to_string(fixtures().join("hostile/bodies.json")).unwrap();
    let bodies: Vec<Value> = serde_json::from_str(&bodies).unwrap();
    let bodies = bodies.iter().enumerate().map(|(at, row)| {
        let body_html = row["body"].as_str().map(str::to_owned);
        Article { lead: None, body_html, ..numbered("201002", at) }
    });
    let mut cases: Vec<_> =
        FIELDS.iter().map(|(name, set)| (format!("hostile {name}"), Case::of(with(*set), Content::Full))).collect();
    cases.push(("hostile everywhere".to_owned(), Case::of(everywhere.collect(), Content::Full)));
    cases.push(("hostile bodies".to_owned(), Case::of(bodies.collect(), Content::Full)));
    let summaries = cases
        .iter()
        .map(|(name, case)| (format!("{name}, summary"), Case::of(case.articles.clone(), Content::Summary)));
    let summaries: Vec<_> = summaries.collect();
    cases.into_iter().chain(summaries).collect()
}

/// Every sample with what is wrong with it: rule and value.
static SAMPLES: LazyLock<Vec<(Sample, Violations)>> = LazyLock::new(|| {
    let golden = feed_golden::cases().into_iter().map(|(name, case)| (name.to_owned(), case));
    let samples = golden.chain(hostile_cases()).flat_map(|(name, case)| samples_of(&name, &case));
    let judged = samples.map(|sample| {
        let found = violations(sample.format, &sample.body);
        (sample, found)
    });
    judged.collect()
});

/// The rule holds for every sample, and finds the fault that `spoil` puts into a good document.
fn check(rule: &str, good: &str, spoil: impl Fn(&str) -> String) {
    for (sample, found) in SAMPLES.iter() {
        let found: Vec<_> = found.iter().filter(|(name, _)| *name == rule).collect();
        assert!(found.is_empty(), "{}: {found:?}", sample.name);
    }
    let (sample, _) = SAMPLES.iter().find(|(sample, _)| sample.name == good).unwrap();
    let spoilt = spoil(&sample.body);
    assert_ne!(spoilt, sample.body, "nothing was spoilt in {good}");
    let found = violations(sample.format, &spoilt);
    assert!(found.iter().any(|(name, _)| *name == rule), "{rule} does not see the fault, only {found:?}");
}

macro_rules! rules {
    ($($rule:ident: $good:literal, $from:literal => $to:literal;)*) => {
        $(
            #[test]
            fn $rule() {
                check(stringify!($rule), $good, |document| document.replace($from, $to));
            }
        )*

        #[test]
        fn every_rule_has_a_test_and_a_line_in_the_document() {
            let names = RULES.map(|(name, _)| name);
            assert_eq!([$(stringify!($rule)),*], names);
            let path = fixtures().join("../docs/FEEDS.md");
            let text = std::fs::read_to_string(path).unwrap();
            let lines = text.lines().filter_map(|line| line.split_once(". `"));
            let numbered = lines.filter_map(|(number, rest)| Some((number.parse::<usize>().ok()?, rest.split_once('`')?.0)));
            let expected = names.into_iter().enumerate().map(|(at, name)| (at + 1, name));
            assert_eq!(numbered.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    };
}

rules! {
    well_formed: "all-full.rss", "<title>" => "<title>\u{8}";
    utf8_declared: "all-full.rss", "utf-8" => "iso-8859-1";
    urls_are_absolute: "all-full.rss", "<link>https://baovidu.example/xa-doi" => "<link>/xa-doi";
    urls_hold_only_uri_characters: "all-full.atom", "nuoc-sach.jpg?" => "nuoc sach.jpg?";
    html_urls_are_absolute: "all-full.json", "https://baovidu.example/chuyen-de" => "/chuyen-de";
    html_is_safe: "all-full.rss", "<h2>" => "<h2 onclick=\"x()\">";
    no_html_in_text: "all-full.rss", "<title>Cầu" => "<title>&lt;b&gt;Cầu&lt;/b&gt;";
    no_blank_values: "all-full.atom", "<name>Hà My" => "<name> ";
    no_white_space_around_values: "all-full.atom", "<updated>2026" => "<updated> 2026";
    ids_are_unique: "all-full.rss", "article/201002" => "article/201001";
    language_tags: "all-full.rss", "<language>vi" => "<language>tiếng Việt";
    not_newer_than_the_feed: "all-full.rss", "Fri, 20 Nov 2026 06:30:00" => "Sat, 21 Nov 2026 06:30:00";
    rss_channel_has_title_link_description: "all-full.rss", "  <link>https://baovidu.example/</link>\n  <desc" => "  <desc";
    rss_items_have_titles: "all-full.rss", "<title>Lớp học dưới tán cây gạo</title>" => "";
    rss_elements_once: "all-full.rss", "<ttl>5</ttl>" => "<ttl>5</ttl><ttl>6</ttl>";
    rss_guids_are_no_permalinks: "all-full.rss", " isPermaLink=\"false\">tag" => ">tag";
    rss_guids_are_unique_enough: "all-full.rss", "tag:baovidu.example,2022-03-18:article/201001" => "201001";
    rss_dates: "all-full.rss", " +0700</pubDate>" => " GMT+7</pubDate>";
    rss_self_link: "all-full.rss", "rel=\"self\"" => "rel=\"me\"";
    rss_enclosures: "all-full.rss", " length=\"0\"" => "";
    rss_authors_are_creators: "all-full.rss", "dc:creator>" => "author>";
    rss_no_second_word_for_a_thing: "all-full.rss", "atom:updated>" => "atom:published>";
    rss_description_before_content: "all-full.rss", "<link>https" => "<content:encoded>x</content:encoded><link>https";
    rss_image_is_of_the_channel: "all-full.rss", "   <link>https://baovidu.example/</link>" => "   <link>https://a.example/</link>";
    rss_ttl_and_update_period: "all-full.rss", ">hourly<" => ">minutely<";
    atom_feed_has_id_title_updated_author: "all-full.atom", "<updated>2026-11-20T09:00:00+07:00</updated>" => "";
    atom_entries_have_id_title_updated_link: "all-full.atom", "<title>Lớp học dưới tán cây gạo</title>" => "";
    atom_dates: "all-full.atom", "+07:00</published>" => "+0700</published>";
    atom_ids_are_absolute: "all-full.atom", "<id>tag:baovidu.example,2022-03-18:article" => "<id>article";
    atom_links: "all-full.atom", "application/feed+json" => "application/rss+xml";
    atom_metadata_before_entries: "all-full.atom", "</feed>" => "<rights>x</rights></feed>";
    atom_text_is_escaped: "all-full.atom", "type=\"html\">" => "type=\"html\"><b/>";
    atom_updated_not_before_published: "all-full.atom", "<updated>2026-11-17T19" => "<updated>2026-11-17T09";
    atom_authors_are_names: "all-full.atom", "<name>Hà My" => "<name>Hà My &lt;ha.my@a.example&gt;";
    atom_tombstones: "departures.atom", "></at:deleted-entry>" => ">Cầu Suối Ngang</at:deleted-entry>";
    json_has_version_title_items: "all-full.json", "version/1.1" => "version/1";
    json_items_have_id_and_content: "all-full.json", "\"content_html\"" => "\"content\"";
    json_dates: "all-full.json", "+07:00" => "+0700";
    json_words_of_1_1: "all-full.json", "\"authors\"" => "\"author\"";
    json_extensions_say_what_they_are: "departures.json", "\"about\"" => "\"abut\"";
    json_attachments_have_types: "all-full.json", "\"mime_type\"" => "\"type\"";
    media_rss: "all-full.rss", "width=\"1200\"" => "width=\"1200px\"";
    points_are_on_earth: "all-full.atom", "21.3227 105.4019" => "105.4019 21.3227";
}

#[test]
fn every_format_holds_the_same_entries() {
    for (name, case) in
        feed_golden::cases().into_iter().map(|(name, case)| (name.to_owned(), case)).chain(hostile_cases())
    {
        let feed = case.build().feed;
        let titles = |format| {
            let rendered = render(&feed, format).unwrap();
            let read = feed_rs::parser::parse(rendered.body.as_bytes())
                .unwrap_or_else(|error| panic!("{name}.{format}: {error}"));
            read.entries.len()
        };
        assert_eq!(titles(Format::Rss), titles(Format::Json), "{name}");
        assert_eq!(titles(Format::Atom), feed.without_stubs().len(), "{name}");
    }
}

#[test]
fn good_articles_go_out_beside_hostile_ones() {
    for (name, case) in hostile_cases() {
        let mut articles = case.articles.clone();
        articles.push(article("201003"));
        let feed = Case::of(articles, case.content).build().feed;
        assert!(feed.entries.iter().any(|entry| entry.article.as_str() == "201003"), "{name}");
    }
}

#[test]
fn media_types_name_format_and_charset() {
    for format in Format::ALL {
        let (kind, charset) = format.content_type().split_once("; ").unwrap();
        assert_eq!((kind, charset), (format.media_type(), "charset=utf-8"));
        assert!(kind.starts_with("application/"), "text/* means US-ASCII to some clients");
    }
}

/// The title that each format shows.
fn titles(format: Format, body: &str) -> Vec<String> {
    let (parent, name) = if format == Format::Rss { ("item", "title") } else { ("entry", "title") };
    if format == Format::Json {
        let json: Value = serde_json::from_str(body).unwrap();
        return json["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["title"].as_str().unwrap().to_owned())
            .collect();
    }
    let document = roxmltree::Document::parse(body).unwrap();
    let parents = document.descendants().filter(|node| node.has_tag_name(parent) || node.tag_name().name() == parent);
    let nodes =
        parents.flat_map(|node| node.children().filter(|child| child.tag_name().name() == name).collect::<Vec<_>>());
    nodes.map(|node| node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever stands in a field, every format parses, keeps every rule and shows the text without what XML forbids.
    #[test]
    fn any_text_in_any_field(text in any::<String>(), field in 0..FIELDS.len()) {
        let (name, set) = FIELDS[field];
        prop_assume!(name != "guid" || !text.chars().all(|c| c.is_ascii_digit()));
        let mut article = article("201001");
        set(&mut article, text.clone());
        let feed = Case::of(vec![article], Content::Full).build().feed;
        for format in Format::ALL {
            let rendered = render(&feed, format).unwrap();
            prop_assert_eq!(&rendered.faults, &[]);
            prop_assert_eq!(violations(format, &rendered.body), []);
            let expected: Vec<_> = feed.entries.iter().map(|entry| entry.title.to_string()).collect();
            prop_assert_eq!(titles(format, &rendered.body), expected);
        }
        if name == "title" && !text.contains(['<', '&']) && !feed.entries.is_empty() {
            let clean = collapse_white_space(&XmlText::new(&text));
            prop_assert_eq!(feed.entries[0].title.as_str(), clean);
        }
    }
}
