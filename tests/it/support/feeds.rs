//! Feeds made of the articles under `fixtures/articles`, in the form that `loa import` reads too.

use std::path::{Path, PathBuf};

use chrono::DateTime;
use std::collections::BTreeMap;

use loa::domain::address::{AddressBook, AddressRecord};
use loa::domain::article::{Article, ArticleId, Media, Status};
use loa::domain::category::{Category, CategoryId, CategoryTree};
use loa::domain::clock::Timestamp;
use loa::domain::entry_id::Identity;
use loa::domain::ledger::{ArticleRecord, Departure, FeedRecord, Standing};
use loa::domain::point::Point;
use loa::domain::scope::Scope;
use loa::feed::{Built, Content, HtmlLimits, Input, Names, Options, Window, build, prepare};
use loa::gazetteer::FeedAddresses;
use loa::text::names;
use serde_json::Value;

/// Articles of `fixtures/articles`, newest first.
pub(crate) const IDS: [&str; 8] = ["201001", "201002", "201003", "201004", "201005", "201006", "201007", "201008"];

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub(crate) fn instant(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_utc()
}

pub(crate) fn options() -> Options {
    Options {
        title: "Báo Ví Dụ".to_owned(),
        description: "Tin tức trong tỉnh, đọc ở loa phường & trên điện thoại".to_owned(),
        base_url: "https://tin.baovidu.example/".parse().unwrap(),
        hubs: vec!["https://tin.baovidu.example/hub".parse().unwrap()],
        home_url: "https://baovidu.example/".parse().unwrap(),
        article_url: Some("https://baovidu.example/{slug}-{id}.htm".to_owned()),
        language: "vi".to_owned(),
        rights: Some("© Báo Ví Dụ".to_owned()),
        logo_url: Some("https://baovidu.example/logo.png".parse().unwrap()),
        icon_url: Some("https://baovidu.example/icon.png".parse().unwrap()),
        zone: chrono_tz::Asia::Ho_Chi_Minh,
        identity: Identity::new("baovidu.example", "2022-03-18").unwrap(),
        window: Window { entries_min: 50, span_hours: 48, entries_max: 200, bytes_max: 1_000_000 },
        ttl_minutes: 5,
        tombstone_days: 30,
        stub_days: 7,
        excerpt_chars_max: 120,
        html: HtmlLimits { bytes_max: 2_000_000, depth_max: 100, attributes_max: 50 },
        home: Vec::new(),
        custom: BTreeMap::new(),
    }
}

/// Reads `fixtures/articles/{name}.json`.
pub(crate) fn article(name: &str) -> Article {
    let path = fixtures().join("articles").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let row: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let number = |key: &str| row[key].as_f64().map(|number| number.to_string());
    let list = |key: &str| row[key].as_array().cloned().unwrap_or_default();
    let texts = |key: &str| list(key).iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    Article {
        id: ArticleId::new(row["id"].as_str().unwrap()),
        guid: text("guid"),
        url: text("url"),
        slug: text("slug"),
        title: text("title").unwrap(),
        lead: text("lead"),
        body_html: text("body_html"),
        byline: text("byline"),
        status: Status::Published,
        published_at: text("published_at").map(|stamp| instant(&stamp)),
        updated_at: text("updated_at").map(|stamp| instant(&stamp)),
        embargo_until: None,
        correction: text("correction"),
        language: text("language"),
        rights: text("rights"),
        point: Point::read(number("latitude").as_deref(), number("longitude").as_deref()).unwrap(),
        categories: list("categories").iter().map(|id| CategoryId::new(id.as_str().unwrap())).collect(),
        localities: texts("localities"),
        tags: texts("tags"),
        media: list("media").iter().map(media).collect(),
    }
}

fn media(row: &Value) -> Media {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let number = |key: &str| row[key].as_u64().map(|number| u32::try_from(number).unwrap());
    Media {
        url: text("url").unwrap(),
        mime_type: text("type"),
        length: row["length"].as_u64(),
        width: number("width"),
        height: number("height"),
        duration: number("duration"),
        role: text("role"),
        caption: text("caption"),
        credit: text("credit"),
        alt: text("alt"),
    }
}

/// What the ledger would say of the article.
pub(crate) fn record(article: &Article) -> ArticleRecord {
    let published = article.due_at().unwrap();
    ArticleRecord {
        id: article.id.clone(),
        guid: article.guid.clone(),
        published,
        updated: article.updated_at.unwrap_or(published).max(published),
        fingerprint: [0; 16],
        digest: 0,
        store_updated: article.updated_at,
        categories: article.categories.clone(),
        scopes: vec![Scope::All],
        found: Vec::new(),
        standing: Standing::Public,
        version: 1,
    }
}

/// The record of an article that left.
pub(crate) fn gone(article: &Article, at: &str, reason: Departure) -> ArticleRecord {
    ArticleRecord { standing: Standing::Gone { at: instant(at), reason }, ..record(article) }
}

pub(crate) fn categories() -> CategoryTree {
    let category = |(id, parent, slug, name): (&str, Option<&str>, &str, &str)| Category {
        id: CategoryId::new(id),
        parent_id: parent.map(CategoryId::new),
        slug: slug.to_owned(),
        name: name.to_owned(),
        position: 0,
    };
    let rows = [
        ("10", None, "chinh-tri", "Chính trị"),
        ("11", Some("10"), "xay-dung-dang", "Xây dựng Đảng"),
        ("12", Some("20"), "nong-thon-moi", "Nông thôn mới"),
        ("20", None, "kinh-te", "Kinh tế & Đời sống"),
        ("30", None, "van-hoa", "Văn hóa"),
        ("40", None, "the-thao", "Thể thao"),
        ("99", None, "chua-co-dia-chi", "Chưa có địa chỉ"),
    ];
    CategoryTree::new(rows.map(category).into())
}

/// Every category but 99 has an address; `van-hoa` was called `van-nghe` before.
pub(crate) fn addresses() -> FeedAddresses {
    let tree = categories();
    let with_address = tree.all().iter().filter(|category| category.id.as_str() != "99");
    let record = |path: &str, id: &CategoryId, claim| AddressRecord {
        path: format!("category/{path}"),
        scope: Scope::Category(id.clone()),
        claim,
        label: None,
    };
    let old = record("van-nghe", &CategoryId::new("30"), 1);
    let tag = AddressRecord {
        path: "tag/nuoc-sach".to_owned(),
        scope: Scope::Tag(names::key("Nước sạch")),
        claim: 1,
        label: Some("Nước sạch".to_owned()),
    };
    let records = with_address.map(|category| record(&category.slug, &category.id, 2)).chain([old, tag]);
    FeedAddresses::default().with_book(AddressBook::new(records))
}

/// What a test says of a feed; the rest is the same for all.
pub(crate) struct Case {
    pub(crate) scope: Scope,
    pub(crate) content: Content,
    pub(crate) changed_at: Option<&'static str>,
    pub(crate) notice_until: Option<&'static str>,
    pub(crate) articles: Vec<Article>,
    pub(crate) gone: Vec<ArticleRecord>,
}

impl Case {
    pub(crate) fn of(articles: Vec<Article>, content: Content) -> Self {
        let changed_at = Some("2026-11-20T09:00:00+07:00");
        Self { scope: Scope::All, content, changed_at, notice_until: None, articles, gone: Vec::new() }
    }

    pub(crate) fn build(&self) -> Built {
        self.build_with(&options())
    }

    pub(crate) fn build_with(&self, options: &Options) -> Built {
        let (addresses, categories) = (addresses(), categories());
        let feed_record = self.changed_at.map(|changed_at| FeedRecord {
            scope: self.scope.clone(),
            sequence: 7,
            changed_at: instant(changed_at),
            removal_sequence: 0,
            notice_until: self.notice_until.map(instant),
        });
        let records: Vec<_> = self.articles.iter().map(record).collect();
        let names = Names { addresses: &addresses, categories: &categories };
        let prepared: Vec<_> =
            self.articles.iter().zip(&records).map(|article| prepare(options, names, self.content, article)).collect();
        let input = Input {
            scope: &self.scope,
            addresses: &addresses,
            categories: &categories,
            record: feed_record.as_ref(),
            articles: prepared.iter().collect(),
            gone: self.gone.iter().collect(),
        };
        build(options, &input)
    }
}
