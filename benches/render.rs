//! What it costs to build a feed and to write it, next to the bare minimum: the same items written by hand with
//! `quick_xml` from strings that are ready, without sanitising, without reading back. The ratio is the price of safety.

#![expect(clippy::expect_used, reason = "a bench without its input has nothing to measure")]

use std::hint::black_box;

use chrono::{TimeDelta, TimeZone as _, Utc};
use criterion::{Criterion, criterion_group, criterion_main};
use loa::domain::article::{Article, ArticleId, Media, Status};
use loa::domain::category::CategoryTree;
use loa::domain::entry_id::Identity;
use loa::domain::format::Format;
use loa::domain::ledger::{ArticleRecord, FeedRecord, Standing};
use loa::domain::scope::Scope;
use loa::feed::model::Feed;
use loa::feed::{Content, HtmlLimits, Input, Names, Options, Prepared, Window, build, prepare, render};
use loa::gazetteer::FeedAddresses;
use quick_xml::Writer;
use quick_xml::events::{BytesCData, BytesDecl, BytesText, Event};

/// Entries of a feed: what DESIGN's window holds at least.
const ENTRIES: u32 = 50;
/// Paragraphs of a body, with 480 bytes each: a feature of some 1,300 syllables.
const PARAGRAPHS: usize = 14;

fn options() -> Options {
    Options {
        title: "Báo Ví Dụ".to_owned(),
        description: "Tin tức trong tỉnh".to_owned(),
        base_url: "https://tin.baovidu.example/".parse().expect("an address"),
        hubs: Vec::new(),
        home_url: "https://baovidu.example/".parse().expect("an address"),
        article_url: None,
        language: "vi".to_owned(),
        rights: Some("© Báo Ví Dụ".to_owned()),
        logo_url: None,
        icon_url: None,
        zone: chrono_tz::Asia::Ho_Chi_Minh,
        identity: Identity::new("baovidu.example", "2022").expect("an identity"),
        window: Window { entries_min: 50, span_hours: 48, entries_max: 200, bytes_max: 1_000_000 },
        ttl_minutes: 5,
        tombstone_days: 30,
        stub_days: 7,
        excerpt_chars_max: 300,
        html: HtmlLimits { bytes_max: 2_000_000, depth_max: 100, attributes_max: 50 },
        home: Vec::new(),
        custom: std::collections::BTreeMap::new(),
    }
}

fn articles() -> Vec<(Article, ArticleRecord)> {
    let paragraph =
        "Từ sáng sớm, bà con trong xóm đã ra đồng gieo mạ, tiếng cười nói rộn ràng cả một triền đồi. ".repeat(4);
    let body = format!("<h2>Ra đồng</h2>{}", format!("<p>{paragraph}</p>").repeat(PARAGRAPHS));
    let newest = Utc.with_ymd_and_hms(2026, 11, 20, 2, 0, 0).single().expect("an instant");
    let made = |number: u32| {
        let published = newest - TimeDelta::minutes(i64::from(number) * 20);
        let article = Article {
            id: ArticleId::new(number.to_string()),
            guid: None,
            url: Some(format!("https://baovidu.example/mua-gieo-ma-tren-doi-{number}.htm")),
            slug: None,
            title: format!("Mùa gieo mạ trên đồi: chuyện thứ {number}"),
            lead: Some(paragraph.clone()),
            body_html: Some(body.clone()),
            byline: Some("Bài, ảnh: Hà My - Lê Nam".to_owned()),
            status: Status::Published,
            published_at: Some(published),
            updated_at: Some(published),
            embargo_until: None,
            correction: None,
            language: None,
            rights: None,
            point: None,
            categories: Vec::new(),
            localities: Vec::new(),
            tags: Vec::new(),
            media: vec![Media {
                url: format!("https://anh.baovidu.example/{number}.jpg"),
                mime_type: Some("image/jpeg".to_owned()),
                length: Some(180_000),
                caption: Some("Gieo mạ sáng sớm.".to_owned()),
                ..Media::default()
            }],
        };
        let record = ArticleRecord {
            id: article.id.clone(),
            guid: None,
            published,
            updated: published,
            fingerprint: [0; 16],
            digest: 0,
            store_updated: None,
            categories: Vec::new(),
            scopes: vec![Scope::All],
            found: Vec::new(),
            standing: Standing::Public,
            version: 1,
        };
        (article, record)
    };
    (0..ENTRIES).map(made).collect()
}

fn prepared(options: &Options, articles: &[(Article, ArticleRecord)], content: Content) -> Vec<Prepared> {
    let (addresses, categories) = (FeedAddresses::default(), CategoryTree::default());
    let names = Names { addresses: &addresses, categories: &categories };
    articles.iter().map(|(article, record)| prepare(options, names, content, (article, record))).collect()
}

fn built(options: &Options, articles: &[Prepared]) -> Feed {
    let changed_at = Utc.with_ymd_and_hms(2026, 11, 20, 2, 0, 0).single().expect("an instant");
    let feed_record =
        FeedRecord { scope: Scope::All, sequence: 1, changed_at, removal_sequence: 0, notice_until: None };
    let input = Input {
        scope: &Scope::All,
        addresses: &FeedAddresses::default(),
        categories: &CategoryTree::default(),
        record: Some(&feed_record),
        articles: articles.iter().collect(),
        gone: Vec::new(),
    };
    let built = build(options, &input);
    assert_eq!(built.feed.entries.len(), articles.len(), "{:?}", built.faults);
    built.feed
}

/// The peer: title, link, guid, date, description and body of each item, and nothing else.
fn by_hand(articles: &[(Article, ArticleRecord)], content: Content) -> std::io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    let rss = writer.create_element("rss").with_attribute(("version", "2.0"));
    rss.write_inner_content(|writer| {
        writer.create_element("channel").write_inner_content(|writer| {
            for (article, record) in articles {
                writer.create_element("item").write_inner_content(|writer| {
                    let date = record.published.format("%a, %d %b %Y %H:%M:%S +0000").to_string();
                    let link = article.url.as_deref().unwrap_or_default();
                    for (name, text) in
                        [("title", article.title.as_str()), ("link", link), ("guid", link), ("pubDate", &date)]
                    {
                        writer.create_element(name).write_text_content(BytesText::new(text))?;
                    }
                    let body = article.body_html.as_ref().filter(|_| content == Content::Full);
                    for (name, html) in [("description", article.lead.as_ref()), ("content:encoded", body)] {
                        if let Some(html) = html {
                            writer.create_element(name).write_cdata_content(BytesCData::new(html.as_str()))?;
                        }
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(writer.into_inner())
}

fn feeds(criterion: &mut Criterion) {
    let (options, articles) = (options(), articles());
    for (name, content) in [("summary", Content::Summary), ("full", Content::Full)] {
        let mut group = criterion.benchmark_group(format!("{ENTRIES} entries, {name}"));
        group.bench_function("prepare", |bencher| bencher.iter(|| prepared(&options, black_box(&articles), content)));
        let prepared = prepared(&options, &articles, content);
        group.bench_function("build", |bencher| bencher.iter(|| built(&options, black_box(&prepared))));
        let feed = built(&options, &prepared);
        for format in Format::ALL {
            group.bench_function(format!("render {format}"), |bencher| {
                bencher.iter(|| render(black_box(&feed), format));
            });
        }
        group.bench_function("peer: quick_xml by hand", |bencher| {
            bencher.iter(|| by_hand(black_box(&articles), content));
        });
        group.finish();
    }
}

criterion_group!(benches, feeds);
criterion_main!(benches);
