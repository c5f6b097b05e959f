//! What the unit tests of this module share: a site, an article, a feed made of articles.

use std::collections::BTreeMap;

use super::ext::atom;
use super::{Built, Content, HtmlLimits, Input, Names, Options, Window, build, prepare};
use crate::domain::address::{AddressBook, AddressRecord};
use crate::domain::article::{Article, ArticleId, Status};
use crate::domain::category::{Category, CategoryId, CategoryTree};
use crate::domain::clock::Timestamp;
use crate::domain::entry_id::Identity;
use crate::domain::ledger::{ArticleRecord, FeedRecord, Standing};
use crate::domain::scope::Scope;
use crate::gazetteer::FeedAddresses;

/// 20 November 2026, 06:30 in Vietnam.
pub(super) const MORNING: &str = "2026-11-20T06:30:00+07:00";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse::<chrono::DateTime<chrono::FixedOffset>>().unwrap().to_utc()
}

pub(super) fn options() -> Options {
    Options {
        title: "Báo Ví Dụ".to_owned(),
        description: "Tin trong tỉnh".to_owned(),
        base_url: "https://tin.baovidu.example/bao/".parse().unwrap(),
        hubs: vec![
            "https://tin.baovidu.example/bao/hub".parse().unwrap(),
            "https://hub.example/?a=1&b=2".parse().unwrap(),
        ],
        home_url: "https://baovidu.example/".parse().unwrap(),
        article_url: Some("https://baovidu.example/{slug}-{id}.htm".to_owned()),
        language: "vi".to_owned(),
        rights: None,
        logo_url: None,
        icon_url: None,
        zone: chrono_tz::Asia::Ho_Chi_Minh,
        identity: Identity::new("baovidu.example", "2022").unwrap(),
        window: Window { entries_min: 2, span_hours: 48, entries_max: 5, bytes_max: 1_000_000 },
        ttl_minutes: 5,
        tombstone_days: 30,
        stub_days: 7,
        excerpt_chars_max: 40,
        html: HtmlLimits { bytes_max: 1_000, depth_max: 20, attributes_max: 20 },
        home: Vec::new(),
        custom: BTreeMap::new(),
    }
}

/// An article of this id, complete enough to be published.
pub(super) fn article(id: &str) -> Article {
    Article {
        id: ArticleId::new(id),
        guid: None,
        url: Some(format!("https://baovidu.example/{id}.htm")),
        slug: Some("tin".to_owned()),
        title: "Cầu mới thông xe".to_owned(),
        lead: Some("Xe đã qua cầu.".to_owned()),
        body_html: Some("<p>Cầu dài 62 mét.</p>".to_owned()),
        byline: None,
        status: Status::Published,
        published_at: Some(at(MORNING)),
        updated_at: None,
        embargo_until: None,
        correction: None,
        language: None,
        rights: None,
        point: None,
        categories: vec![CategoryId::new("2")],
        localities: Vec::new(),
        tags: Vec::new(),
        media: Vec::new(),
    }
}

pub(super) fn record(article: &Article) -> ArticleRecord {
    ArticleRecord {
        id: article.id.clone(),
        guid: article.guid.clone(),
        published: article.published_at.unwrap(),
        updated: article.updated_at.or(article.published_at).unwrap(),
        fingerprint: [0; 16],
        digest: 0,
        store_updated: None,
        categories: Vec::new(),
        scopes: Vec::new(),
        found: Vec::new(),
        standing: Standing::Public,
        version: 1,
    }
}

/// A feed of these articles and departures, changed at [`MORNING`].
pub(super) fn built(
    options: &Options,
    scope: &Scope,
    content: Content,
    articles: &[Article],
    gone: &[ArticleRecord],
) -> Built {
    let category = |id: &str, parent: Option<&str>, name: &str| Category {
        id: CategoryId::new(id),
        parent_id: parent.map(CategoryId::new),
        slug: format!("muc-{id}"),
        name: name.to_owned(),
        position: 0,
    };
    let tree = CategoryTree::new(vec![
        category("1", None, "Kinh tế"),
        category("2", Some("1"), "Giao thông"),
        category("3", None, ""),
    ]);
    let address = |id: &str| AddressRecord {
        path: format!("category/muc-{id}"),
        scope: Scope::Category(CategoryId::new(id)),
        claim: 1,
        label: None,
    };
    let book = FeedAddresses::default().with_book(AddressBook::new(["1", "2"].map(address)));
    let feed_record = FeedRecord {
        scope: scope.clone(),
        sequence: 1,
        changed_at: at(MORNING),
        removal_sequence: 0,
        notice_until: None,
    };
    let records: Vec<_> = articles.iter().map(record).collect();
    let names = Names { addresses: &book, categories: &tree };
    let prepared: Vec<_> =
        articles.iter().zip(&records).map(|article| prepare(options, names, content, article)).collect();
    let input = Input {
        scope,
        addresses: &book,
        categories: &tree,
        record: (!articles.is_empty() || !gone.is_empty()).then_some(&feed_record),
        articles: prepared.iter().collect(),
        gone: gone.iter().collect(),
    };
    build(options, &input)
}

/// Relation and address of each Atom link right below the first element of this name.
pub(super) fn links(document: &str, parent: &str) -> Vec<String> {
    let tree = roxmltree::Document::parse(document).unwrap();
    let parent = tree.descendants().find(|node| node.tag_name().name() == parent).unwrap();
    let links = parent.children().filter(|node| node.has_tag_name((atom::NAMESPACE, "link")));
    let text = |link: roxmltree::Node<'_, '_>, name: &str| link.attribute(name).unwrap_or_default().to_owned();
    links.map(|link| format!("{} {}", text(link, "rel"), text(link, "href"))).collect()
}

/// The full front page feed of these articles.
pub(super) fn front_page(articles: &[Article]) -> Built {
    built(&options(), &Scope::All, Content::Full, articles, &[])
}
