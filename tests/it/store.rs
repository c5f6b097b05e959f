//! The contract suite of the article store: every test runs on every backend.

use std::collections::BTreeMap;
use std::sync::Arc;

use loa::domain::article::{Article, ArticleId, Media, Status};
use loa::domain::category::CategoryId;
use loa::domain::fault::{FaultCode, Subject};
use loa::domain::point::Point;
use loa::store::{ArticleStore, Loaded, Options, StoreError, open};
use loa::text::stamp::Zones;

use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::store::{Scan, scan};
use crate::support::{Database, on, own_name};

macro_rules! on_every_backend {
    ($($test:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $test() { super::on::<super::Sqlite>(async |db| super::$test(db).await).await; })* }
        mod postgres { $(#[tokio::test] async fn $test() { super::on::<super::Postgres>(async |db| super::$test(db).await).await; })* }
    };
}

on_every_backend! {
    every_column_is_read
    naive_and_aware_columns_give_the_same_instant
    a_point_may_be_of_any_type
    ids_may_be_integers_texts_and_uuids
    summaries_come_without_the_bodies_that_they_do_not_need
    the_least_contract_is_enough
    what_is_missing_is_named
    views_stand_beside_the_tables_of_a_cms
    a_bad_row_is_set_aside_alone
    bad_rows_without_an_id_are_told_by_the_scan
    a_withdrawal_needs_nothing_but_its_status
    the_digest_moves_with_every_row_of_an_article
    the_order_of_joined_rows_is_their_position
    categories_are_read_or_told
    one_read_sees_one_snapshot
    many_rows_come_in_blocks
    a_slow_store_is_left_in_time
}

const TABLES: &str = "
CREATE TABLE articles (id text, guid text, url text, slug text, title text, lead text, body_html text, byline text,
    status text, published_at text, updated_at text, embargo_until text, correction text, language text, rights text,
    revision text, published_from text, latitude text, longitude double precision);
CREATE TABLE article_categories (article_id text, category_id text, position integer);
CREATE TABLE article_localities (article_id text, locality text);
CREATE TABLE article_tags (article_id text, tag text, position integer);
CREATE TABLE article_media (article_id text, position integer, url text, type text, length bigint, width integer,
    height integer, duration integer, role text, caption text, credit text, alt text);
CREATE TABLE categories (id text, parent_id text, slug text, name text, position integer)";

const A_CATEGORY: &str = "INSERT INTO categories VALUES ('nn', NULL, 'nong-nghiep', 'Nông nghiệp', 1)";

fn options() -> Options {
    Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 60_000 }
}

fn store(db: &impl Database) -> Arc<dyn ArticleStore> {
    open(&db.url(), &options()).unwrap()
}

/// A good article, changed by `columns`: pairs of a column and its SQL value.
fn article(id: &str, columns: &[(&str, &str)]) -> String {
    let mut values = BTreeMap::from([
        ("id", format!("'{id}'")),
        ("slug", format!("'che-xanh-{id}'")),
        ("title", "'Mùa chè xanh trên đồi Long Cốc'".to_owned()),
        ("body_html", "'<p>Đồi chè vào vụ hái.</p>'".to_owned()),
        ("status", "'published'".to_owned()),
        ("published_at", "'2024-05-02 06:30:00'".to_owned()),
    ]);
    values.extend(columns.iter().map(|(column, value)| (*column, (*value).to_owned())));
    let (names, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
    format!("INSERT INTO articles ({}) VALUES ({})", names.join(", "), values.join(", "))
}

fn ids(ids: &[&str]) -> Vec<ArticleId> {
    ids.iter().map(|id| ArticleId::new(*id)).collect()
}

async fn load_one(store: &dyn ArticleStore, id: &str) -> Loaded {
    let mut loaded = store.load(&ids(&[id])).await.unwrap();
    assert_eq!(loaded.len(), 1, "{id}");
    loaded.remove(0)
}

async fn good(store: &dyn ArticleStore, id: &str) -> Article {
    *load_one(store, id).await.article.unwrap()
}

fn digest_of(scan: &Scan, id: &str) -> u64 {
    scan.heads.iter().find(|head| head.id.as_str() == id).unwrap().digest
}

async fn every_column_is_read(db: &impl Database) {
    db.sql(TABLES).await;
    db.sql(A_CATEGORY).await;
    db.sql(&article(
        "b-1",
        &[
            ("guid", "'http://cu.example/?p=17'"),
            ("url", "'https://bao.example/che-xanh'"),
            ("lead", "'Vụ chè xuân\nđược mùa'"),
            ("byline", "'Lê Hòa'"),
            ("updated_at", "'02/05/2024 08:15 GMT+7'"),
            ("embargo_until", "'2024-05-02T06:45:00+07:00'"),
            ("correction", "'Sửa tên xã'"),
            ("language", "'vi'"),
            ("rights", "'© Tòa soạn'"),
            ("latitude", "'21.3227'"),
            ("longitude", "105.4019"),
        ],
    ))
    .await;
    db.sql(
        "INSERT INTO article_categories VALUES ('b-1', 'nn', 0); INSERT INTO article_localities VALUES ('b-1', '08665');
         INSERT INTO article_tags VALUES ('b-1', 'chè', 0);
         INSERT INTO article_media VALUES ('b-1', 0, 'https://bao.example/a.jpg', 'image/jpeg', 5000000000, 1200, 800,
             NULL, 'main', 'Hái chè', 'Lê Hòa', 'Đồi chè')",
    )
    .await;
    let store = store(db);
    let text = |text: &str| Some(text.to_owned());
    let instant = |stamp: &str| Some(chrono::DateTime::parse_from_rfc3339(stamp).unwrap().to_utc());
    let picture = Media {
        url: "https://bao.example/a.jpg".to_owned(),
        mime_type: text("image/jpeg"),
        length: Some(5_000_000_000),
        width: Some(1200),
        height: Some(800),
        duration: None,
        role: text("main"),
        caption: text("Hái chè"),
        credit: text("Lê Hòa"),
        alt: text("Đồi chè"),
    };
    let expected = Article {
        id: ArticleId::new("b-1"),
        guid: text("http://cu.example/?p=17"),
        url: text("https://bao.example/che-xanh"),
        slug: text("che-xanh-b-1"),
        title: "Mùa chè xanh trên đồi Long Cốc".to_owned(),
        lead: text("Vụ chè xuân\nđược mùa"),
        body_html: text("<p>Đồi chè vào vụ hái.</p>"),
        byline: text("Lê Hòa"),
        status: Status::Published,
        published_at: instant("2024-05-02T06:30:00+07:00"),
        updated_at: instant("2024-05-02T08:15:00+07:00"),
        embargo_until: instant("2024-05-02T06:45:00+07:00"),
        correction: text("Sửa tên xã"),
        language: text("vi"),
        rights: text("© Tòa soạn"),
        point: Point::read(Some("21.3227"), Some("105.4019")).unwrap(),
        categories: vec![CategoryId::new("nn")],
        localities: vec!["08665".to_owned()],
        tags: vec!["chè".to_owned()],
        media: vec![picture],
    };
    assert_eq!(good(&*store, "b-1").await, expected);
    assert!(load_one(&*store, "b-1").await.notices.is_empty());
    assert!(scan(&*store).await.unwrap().faults.is_empty());
}

async fn naive_and_aware_columns_give_the_same_instant(db: &impl Database) {
    let cases = [
        ("a", "timestamp", "'2024-05-02 06:30:00'"),
        ("b", "timestamptz", "'2024-05-01 23:30:00+00'"),
        ("c", "text", "'02/05/2024 06:30 GMT+7'"),
        ("d", "bigint", "1714606200"),
    ];
    for (prefix, column_type, value) in cases {
        db.sql(&format!(
            "CREATE TABLE {prefix}_articles (id text, slug text, title text, status text, published_at {column_type},
                 updated_at {column_type}, embargo_until {column_type}, body_html text);
             INSERT INTO {prefix}_articles VALUES ('1', 's', 'Tin', 'published', {value}, {value}, {value}, NULL)"
        ))
        .await;
        let store = open(&db.url(), &Options { prefix: format!("{prefix}_"), ..options() }).unwrap();
        let article = good(&*store, "1").await;
        for stamp in [article.published_at, article.updated_at, article.embargo_until] {
            assert_eq!(stamp.unwrap().to_rfc3339(), "2024-05-01T23:30:00+00:00", "{column_type}");
        }
    }
}

async fn a_point_may_be_of_any_type(db: &impl Database) {
    let cases = [
        ("t", "text", "'21.3227'", "' 105.40190 '", Some("21.3227 105.4019")),
        ("d", "double precision", "21.3227", "105.4019", Some("21.3227 105.4019")),
        ("n", "numeric(12, 8)", "21.3227", "105.4019", Some("21.3227 105.4019")),
        ("s", "double precision", "-0.00001", "105", Some("-0.00001 105")),
        ("i", "integer", "21", "105", Some("21 105")),
        ("z", "numeric(12, 8)", "0", "0.0", None),
        ("e", "text", "''", "' '", None),
        ("o", "double precision", "105.4019", "21.3227", None),
        ("c", "text", "'21,3227'", "'105,4019'", None),
    ];
    for (prefix, column_type, latitude, longitude, expected) in cases {
        db.sql(&format!(
            "CREATE TABLE {prefix}_articles (id text, slug text, title text, status text, published_at text,
                 latitude {column_type}, longitude {column_type}, body_html text);
             INSERT INTO {prefix}_articles VALUES
                 ('1', 's', 'Tin', 'published', '2024-05-02 06:30:00', {latitude}, {longitude}, NULL)"
        ))
        .await;
        let store = open(&db.url(), &Options { prefix: format!("{prefix}_"), ..options() }).unwrap();
        let loaded = load_one(&*store, "1").await;
        let point = loaded.article.unwrap().point.map(|point| point.to_string());
        assert_eq!(point.as_deref(), expected, "{latitude} {longitude}");
        let told: Vec<_> = loaded.notices.iter().map(|fault| fault.code).collect();
        let is_told = expected.is_none() && prefix != "e";
        assert_eq!(told, if is_told { vec![FaultCode::PointUnusable] } else { vec![] }, "{latitude} {longitude}");
    }
}

async fn ids_may_be_integers_texts_and_uuids(db: &impl Database) {
    let cases = [
        ("i", "bigint", "42", "-7"),
        ("n", "numeric(20)", "42", "7"),
        ("t", "text", "042", "bài số 1"),
        ("u", "uuid", "6f1c3c52-9d2e-4b6a-8f0e-0a1b2c3d4e5f", "00000000-0000-0000-0000-000000000001"),
    ];
    for (prefix, id_type, one, other) in cases {
        db.sql(&format!(
            "CREATE TABLE {prefix}_articles (id {id_type}, slug text, title text, status text, published_at text,
                 body_html text);
             CREATE TABLE {prefix}_article_tags (article_id {id_type}, tag text);
             INSERT INTO {prefix}_articles VALUES ('{one}', 's', 'Một', 'draft', NULL, NULL);
             INSERT INTO {prefix}_articles VALUES ('{other}', 's', 'Hai', 'draft', NULL, NULL);
             INSERT INTO {prefix}_article_tags VALUES ('{other}', 'chợ phiên')"
        ))
        .await;
        let store = open(&db.url(), &Options { prefix: format!("{prefix}_"), ..options() }).unwrap();
        let mut heads: Vec<_> = scan(&*store).await.unwrap().heads.into_iter().map(|head| head.id).collect();
        heads.sort();
        let mut expected = ids(&[one, other]);
        expected.sort();
        assert_eq!(heads, expected, "{id_type}");
        let asked = ids(&[other, "không có", "99999999999999999999", "+42", one, "x'; --"]);
        let loaded = store.load(&asked).await.unwrap();
        let titles: Vec<_> = loaded.iter().map(|loaded| loaded.article.as_ref().unwrap().title.as_str()).collect();
        assert_eq!(titles, ["Hai", "Một"], "{id_type}: in the order asked for");
        assert_eq!(loaded[0].article.as_ref().unwrap().tags, ["chợ phiên"], "{id_type}");
    }
}

async fn summaries_come_without_the_bodies_that_they_do_not_need(db: &impl Database) {
    // Lead, and whether the body has to come along.
    let cases = [
        ("'Trời mưa.'", false),
        ("'5.000 ha'", false),
        ("NULL", true),
        ("''", true),
        ("' \u{a0} '", true),
        ("'<p></p>'", true),
        ("'<b>Trời mưa.</b>'", true),
        ("'&nbsp;'", true),
        // Who knows whether anything is seen of these?
        ("'…'", true),
        ("'ốc ổ'", false),
        ("'ố'", true),
    ];
    db.sql(TABLES).await;
    for (number, (lead, _)) in cases.iter().enumerate() {
        db.sql(&article(&number.to_string(), &[("lead", lead)])).await;
        db.sql(&format!("INSERT INTO article_tags VALUES ('{number}', 'thẻ {number}', 0)")).await;
    }
    let store = store(db);
    let all: Vec<_> = (0..cases.len()).rev().map(|number| ArticleId::new(number.to_string())).collect();
    let (whole, summaries) = (store.load(&all).await.unwrap(), store.load_summaries(&all).await.unwrap());
    assert_eq!(summaries.len(), cases.len());
    for ((whole, summary), (lead, needs_body)) in whole.into_iter().zip(summaries).zip(cases.iter().rev()) {
        assert_eq!((&summary.id, summary.digest), (&whole.id, whole.digest), "{lead}");
        let (mut whole, summary) = (whole.article.unwrap(), summary.article.unwrap());
        assert_eq!(summary.body_html.is_some(), *needs_body, "{lead}");
        whole.body_html = whole.body_html.filter(|_| *needs_body);
        assert_eq!(summary, whole, "{lead}");
    }
}

#[tokio::test]
async fn summaries_come_whatever_the_collation_of_the_lead() {
    on::<Postgres>(async |db| {
        db.sql(TABLES).await;
        db.sql(&article("1", &[("lead", "'Trời mưa.'")])).await;
        let made = "CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false)";
        db.sql(&format!("{made}; ALTER TABLE articles ALTER COLUMN lead TYPE text COLLATE loose")).await;
        let loaded = store(db).load_summaries(&ids(&["1"])).await.unwrap().remove(0).article.unwrap();
        assert_eq!((loaded.lead.as_deref(), loaded.body_html), (Some("Trời mưa."), None));
    })
    .await;
}

const LEAST: &str =
    "CREATE TABLE articles (id text, slug text, title text, status text, published_at text, body_html text)";

async fn the_least_contract_is_enough(db: &impl Database) {
    db.sql(LEAST).await;
    db.sql(&article("1", &[])).await;
    let store = store(db);
    let scan = scan(&*store).await.unwrap();
    assert_eq!((scan.heads.len(), scan.categories.len(), scan.faults.len()), (1, 0, 0));
    let loaded = load_one(&*store, "1").await;
    assert_eq!(loaded.digest, scan.heads[0].digest);
    assert_eq!(loaded.article.unwrap().slug.as_deref(), Some("che-xanh-1"));
    assert!(store.load(&[]).await.unwrap().is_empty());
    assert_eq!(store.load_summaries(&ids(&["1"])).await.unwrap().len(), 1, "without a column for the lead");
}

async fn what_is_missing_is_named(db: &impl Database) {
    let store = store(db);
    let said = |outcome: Result<Scan, StoreError>| outcome.unwrap_err().to_string();
    assert!(said(scan(&*store).await).starts_with("store: relation `articles` is missing; "));
    db.sql("CREATE TABLE articles (id text, slug text, status text, published_at text, body_html text)").await;
    assert!(said(scan(&*store).await).starts_with("store: relation `articles` has no column `title`; "));
    db.sql("DROP TABLE articles").await;
    db.sql(LEAST).await;
    scan(&*store).await.expect("mended while open");
}

async fn views_stand_beside_the_tables_of_a_cms(db: &impl Database) {
    db.sql(
        "CREATE TABLE articles (ma_bai integer, tieu_de text, noi_dung text, trang_thai integer, dang_luc text);
         CREATE TABLE categories (ma integer, ten text);
         CREATE TABLE bai_chuyen_muc (bai integer, muc integer);
         INSERT INTO articles VALUES (11, 'Chợ quê ngày giáp Tết', '<p>Họp từ mờ sáng.</p>', 1, '2023-01-18 05:00:00');
         INSERT INTO articles VALUES (12, 'Bản thảo', '', 0, NULL);
         INSERT INTO categories VALUES (3, 'Đời sống');
         INSERT INTO bai_chuyen_muc VALUES (11, 3);
         CREATE VIEW loa_articles AS SELECT ma_bai AS id, 'bai-' || ma_bai AS slug, tieu_de AS title,
             noi_dung AS body_html, CASE trang_thai WHEN 1 THEN 'published' ELSE 'draft' END AS status,
             dang_luc AS published_at FROM articles;
         CREATE VIEW loa_categories AS SELECT ma AS id, 'doi-song' AS slug, ten AS name FROM categories;
         CREATE VIEW loa_article_categories AS SELECT bai AS article_id, muc AS category_id FROM bai_chuyen_muc",
    )
    .await;
    let store = open(&db.url(), &Options { prefix: "loa_".to_owned(), ..options() }).unwrap();
    let scan = scan(&*store).await.unwrap();
    assert_eq!((scan.heads.len(), scan.categories.len(), scan.faults.len()), (2, 1, 0));
    let article = good(&*store, "11").await;
    assert_eq!(article.title, "Chợ quê ngày giáp Tết");
    assert_eq!(article.categories, [scan.categories[0].id.clone()]);
    assert_eq!(good(&*store, "12").await.status, Status::Draft);
}

async fn a_bad_row_is_set_aside_alone(db: &impl Database) {
    use FaultCode as F;
    let cases: &[(&str, &str, FaultCode)] = &[
        ("title", "NULL", F::TitleMissing),
        ("title", "''", F::TitleMissing),
        ("title", "'<b> &nbsp;</b>'", F::TitleMissing),
        ("status", "NULL", F::StatusUnknown),
        ("status", "'đã đăng'", F::StatusUnknown),
        ("published_at", "NULL", F::PublishedAtMissing),
        ("published_at", "'hôm qua'", F::StampUnreadable),
        ("published_at", "'infinity'", F::StampUnreadable),
        ("published_at", "'2024-05-02'", F::StampUnreadable),
        ("published_at", "'0001-01-01 00:00:00'", F::StampAbsurd),
        ("published_at", "'2999-12-31 00:00:00'", F::StampAbsurd),
        ("published_at", "'1959-12-31 23:30:00'", F::StampAmbiguous),
        ("published_at", "'Thứ Hai, 02/05/2024 06:30'", F::StampWeekday),
        ("embargo_until", "'khi có lệnh'", F::EmbargoUnreadable),
        ("embargo_until", "'2999-12-31 00:00:00'", F::EmbargoUnreadable),
        ("updated_at", "'0000-00-00 00:00:00'", F::UpdatedAtUnusable),
        ("updated_at", "'2024-05-01 06:30:00'", F::UpdatedBeforePublished),
        ("slug", "NULL", F::LinkMissing),
        ("slug", "NULL, url) VALUES ('ftp://bao.example/a')", F::LinkMissing),
        ("language", "'tiếng Việt'", F::LanguageUnusable),
        ("published_from", "'update'", F::PublicationFromUpdate),
        ("latitude", "'21.3227'", F::PointUnusable),
        ("longitude", "105.4019", F::PointUnusable),
        ("latitude", "'Việt Trì'", F::PointUnusable),
    ];
    db.sql(TABLES).await;
    db.sql(&article("tốt", &[])).await;
    for (case, (column, value, _)) in cases.iter().enumerate() {
        let id = format!("xấu-{case}");
        let row = match value.split_once(", url) VALUES (") {
            Some((slug, url)) => article(&id, &[(column, slug), ("url", url.trim_end_matches(')'))]),
            None => article(&id, &[(column, value)]),
        };
        db.sql(&row).await;
    }
    db.sql(&format!("{}; {}", article("đôi", &[]), article("đôi", &[]))).await;
    db.sql(&article("kèm", &[])).await;
    db.sql(
        "INSERT INTO article_categories VALUES ('kèm', 'không có', 0); INSERT INTO article_categories VALUES ('kèm', NULL, 1);
         INSERT INTO article_media (article_id, url) VALUES ('kèm', '/anh/a.jpg')",
    )
    .await;
    let store = zoned_south(db);
    let scan = scan(&*store).await.unwrap();
    assert_eq!(scan.faults, []);
    let all: Vec<_> = scan.heads.iter().map(|head| head.id.clone()).collect();
    let loaded = store.load(&all).await.unwrap();
    assert_eq!(loaded.len(), cases.len() + 3, "each id once");
    for (head, loaded) in scan.heads.iter().zip(&loaded) {
        assert_eq!((&head.id, head.digest), (&loaded.id, loaded.digest));
        let told: Vec<FaultCode> =
            loaded.notices.iter().chain(loaded.article.as_ref().err()).map(|fault| fault.code).collect();
        let expected = match loaded.id.as_str() {
            "tốt" => vec![],
            "đôi" => vec![F::IdDuplicate],
            "kèm" => vec![F::JoinedRowUnreadable, F::MediaUnusable, F::CategoryUnknown],
            id => vec![cases[id.strip_prefix("xấu-").unwrap().parse::<usize>().unwrap()].2],
        };
        assert_eq!(told, expected, "{}", loaded.id);
    }
}

/// Where the clocks of 1959 have a gap.
fn zoned_south(db: &impl Database) -> Arc<dyn ArticleStore> {
    let zones = Zones { archive: Zones::default().zone, ..Zones::default() };
    open(&db.url(), &Options { zones, ..options() }).unwrap()
}

async fn bad_rows_without_an_id_are_told_by_the_scan(db: &impl Database) {
    db.sql(TABLES).await;
    db.sql(&[article("1", &[]), article("", &[]), article("x", &[("id", "NULL")])].join("; ")).await;
    let scan = scan(&*store(db)).await.unwrap();
    assert_eq!(scan.heads.len(), 1);
    let told: Vec<_> = scan.faults.iter().map(|fault| (fault.subject.clone(), fault.code)).collect();
    assert_eq!(told, vec![(Subject::Relation("articles".to_owned()), FaultCode::IdMissing); 2]);
}

async fn a_withdrawal_needs_nothing_but_its_status(db: &impl Database) {
    db.sql(TABLES).await;
    let nothing = [("title", "NULL"), ("slug", "NULL"), ("published_at", "'?'"), ("status", "' Withdrawn'")];
    db.sql(&article("gỡ", &nothing)).await;
    let loaded = load_one(&*store(db), "gỡ").await;
    assert_eq!(loaded.article.unwrap().status, Status::Withdrawn);
    assert_eq!(loaded.notices, []);
}

async fn the_digest_moves_with_every_row_of_an_article(db: &impl Database) {
    db.sql(TABLES).await;
    db.sql(&[article("a", &[]), article("b", &[("revision", "'1'")])].join("; ")).await;
    let store = store(db);
    let mut seen = vec![digest_of(&scan(&*store).await.unwrap(), "a")];
    let untouched = digest_of(&scan(&*store).await.unwrap(), "b");
    for change in [
        "UPDATE articles SET title = 'Khác' WHERE id = 'a'",
        "UPDATE articles SET body_html = '<p>Khác</p>' WHERE id = 'a'",
        "UPDATE articles SET body_html = '<p>Khác nữa</p>' WHERE id IN ('a', 'b')",
        "UPDATE articles SET revision = '2' WHERE id = 'a'",
        "INSERT INTO article_categories VALUES ('a', 'x', 0)",
        "UPDATE article_categories SET position = 1",
        "INSERT INTO article_localities VALUES ('a', '08665')",
        "INSERT INTO article_tags VALUES ('a', 'x', 0)",
        "INSERT INTO article_tags VALUES ('a', 'x', 0)",
        "INSERT INTO article_media (article_id, url) VALUES ('a', 'https://bao.example/a.jpg')",
        "UPDATE article_media SET caption = 'Hái chè'",
    ] {
        db.sql(change).await;
        let scan = scan(&*store).await.unwrap();
        let digest = digest_of(&scan, "a");
        assert!(!seen.contains(&digest), "{change}");
        assert_eq!(digest, load_one(&*store, "a").await.digest, "{change}");
        assert_eq!(untouched, digest_of(&scan, "b"), "{change}: b has a revision, which speaks for its body");
        seen.push(digest);
    }
    db.sql("DELETE FROM article_media; DELETE FROM article_tags").await;
    assert_eq!(digest_of(&scan(&*store).await.unwrap(), "a"), seen[7], "the same rows, the same digest");
}

async fn the_order_of_joined_rows_is_their_position(db: &impl Database) {
    db.sql(TABLES).await;
    db.sql(&article("1", &[])).await;
    db.sql(
        "INSERT INTO article_tags VALUES ('1', 'ba', NULL); INSERT INTO article_tags VALUES ('1', 'hai', 10);
         INSERT INTO article_tags VALUES ('1', 'một', 9); INSERT INTO article_tags VALUES ('1', 'một', 11)",
    )
    .await;
    assert_eq!(good(&*store(db), "1").await.tags, ["một", "hai", "ba"]);
}

async fn categories_are_read_or_told(db: &impl Database) {
    db.sql(TABLES).await;
    db.sql(
        "INSERT INTO categories VALUES ('1', NULL, 'kinh-te', 'Kinh tế', 2); INSERT INTO categories VALUES ('2', '1', NULL, 'Chợ', NULL);
         INSERT INTO categories VALUES ('1', NULL, 'kinh-te', 'Kinh tế cũ', 3); INSERT INTO categories VALUES ('3', NULL, '', NULL, 1);
         INSERT INTO categories VALUES (NULL, NULL, 'x', 'Không mã', 1)",
    )
    .await;
    let scan = scan(&*store(db)).await.unwrap();
    let read: Vec<_> = scan
        .categories
        .iter()
        .map(|c| {
            format!("{} {:?} {} {} {}", c.id, c.parent_id.as_ref().map(ToString::to_string), c.slug, c.name, c.position)
        })
        .collect();
    assert_eq!(read, ["1 None kinh-te Kinh tế 2", "2 Some(\"1\") Chợ Chợ 0"]);
    let mut codes: Vec<_> = scan.faults.iter().map(|fault| fault.code).collect();
    codes.sort();
    assert_eq!(codes, [FaultCode::RowUnreadable, FaultCode::IdDuplicate, FaultCode::IdMissing]);
}

/// A writer changes an article and all its joined rows in one transaction, again and again; a reader never sees a mixture.
async fn one_read_sees_one_snapshot(db: &impl Database) {
    const WRITES: u32 = 60;
    db.sql(TABLES).await;
    db.sql(&article("1", &[("title", "'0'")])).await;
    db.sql(
        "INSERT INTO article_tags VALUES ('1', '0', 0); INSERT INTO article_categories VALUES ('1', '0', 0);
         INSERT INTO article_media (article_id, url, caption) VALUES ('1', 'https://bao.example/a.jpg', '0');
         INSERT INTO categories VALUES ('0', NULL, 's', '0', 0)",
    )
    .await;
    let store = store(db);
    let write = async {
        let mut digests = Vec::new();
        for n in 1..=WRITES {
            db.sql(&format!(
                "UPDATE articles SET title = '{n}'; UPDATE article_tags SET tag = '{n}';
                 UPDATE article_categories SET category_id = '{n}'; UPDATE article_media SET caption = '{n}';
                 UPDATE categories SET id = '{n}', name = '{n}'"
            ))
            .await;
            digests.push(store.load(&ids(&["1"])).await.unwrap()[0].digest);
        }
        digests
    };
    let read = async {
        let mut scanned = Vec::new();
        for _ in 0..WRITES {
            let scan = scan(&*store).await.unwrap();
            let loaded = load_one(&*store, "1").await;
            assert_eq!(loaded.notices, [], "the category is that of the same snapshot");
            let article = loaded.article.unwrap();
            let (n, tag) = (article.title.clone(), article.tags[0].clone());
            let caption = article.media[0].caption.clone().unwrap();
            assert_eq!([&tag, article.categories[0].as_str(), &caption], [&n, n.as_str(), &n]);
            scanned.push(scan.heads[0].digest);
        }
        scanned
    };
    let first = scan(&*store).await.unwrap().heads[0].digest;
    let (mut written, scanned) = tokio::join!(write, read);
    written.push(first);
    assert!(scanned.iter().all(|digest| written.contains(digest)), "a scan saw a mixture");
}

async fn many_rows_come_in_blocks(db: &impl Database) {
    const ROWS: usize = 1001;
    db.sql(TABLES).await;
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})");
    db.sql(&format!(
        "INSERT INTO articles (id, slug, title, status, published_at, body_html)
             {numbers} SELECT 'b' || i, 's', 'Tin ' || i, 'published', '2024-05-02 06:30:00', 'x' FROM n;
         INSERT INTO article_tags {numbers} SELECT 'b' || i, 'chè', 0 FROM n;
         CREATE VIEW v_articles AS SELECT * FROM articles; CREATE VIEW v_article_tags AS SELECT * FROM article_tags"
    ))
    .await;
    let tables = scan(&*store(db)).await.unwrap();
    assert_eq!(tables.heads.len(), ROWS);
    let views = open(&db.url(), &Options { prefix: "v_".to_owned(), ..options() }).unwrap();
    let views = scan(&*views).await.unwrap();
    let sorted = |scan: Scan| scan.heads.into_iter().map(|head| (head.id, head.digest)).collect::<BTreeMap<_, _>>();
    assert_eq!(sorted(tables), sorted(views));
}

async fn a_slow_store_is_left_in_time(db: &impl Database) {
    db.sql(
        "CREATE VIEW articles AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 - 1 FROM n)
         SELECT i AS id, 's' AS slug, 't' AS title, 'draft' AS status, NULL AS published_at, NULL AS body_html FROM n
         WHERE i < 0",
    )
    .await;
    let store = open(&db.url(), &Options { query_timeout_ms: 200, ..options() }).unwrap();
    for _ in 0..2 {
        let error = scan(&*store).await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout { timeout_ms: 200 }), "{error}");
        assert!(matches!(store.load(&ids(&["1"])).await.unwrap_err(), StoreError::Timeout { .. }));
    }
}

#[tokio::test]
async fn postgres_reads_a_schema_with_a_role_that_may_only_read() {
    on::<Postgres>(async |db| {
        let role = db.name();
        db.sql(&TABLES.replace("CREATE TABLE ", "CREATE TABLE cms_")).await;
        db.sql(&format!(
            "CREATE SCHEMA loa; CREATE VIEW loa.articles AS SELECT * FROM cms_articles;
             CREATE VIEW loa.article_tags AS SELECT * FROM cms_article_tags;
             CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA loa TO {role}; GRANT SELECT ON loa.articles TO {role}"
        ))
        .await;
        let options = Options { schema: Some("loa".to_owned()), ..options() };
        let store = open(&db.url_as(role), &options).unwrap();
        let error = scan(&*store).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "store: permission denied for view article_tags; GRANT SELECT on it, and USAGE on its schema, to the role \
             that Loa uses"
        );
        db.sql(&format!("GRANT SELECT ON loa.article_tags TO {role}")).await;
        assert!(scan(&*store).await.unwrap().heads.is_empty());
        assert!(store.load(&ids(&["1"])).await.unwrap().is_empty());
        assert_eq!(store.change_marker().await.unwrap(), None);
        db.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    })
    .await;
}

#[tokio::test]
async fn postgres_keeps_stamps_that_are_no_instants_from_costing_more_than_their_row() {
    on::<Postgres>(async |db| {
        db.sql(
            "CREATE TABLE articles (id int, slug text, title text, status varchar(20), published_at timestamptz, body_html text);
             INSERT INTO articles SELECT i, 's', 'Tin', 'published', '2024-05-02 06:30+07', NULL FROM generate_series(1, 3) i;
             UPDATE articles SET published_at = 'infinity' WHERE id = 2;
             UPDATE articles SET published_at = '0044-03-15 00:00 BC' WHERE id = 3",
        )
        .await;
        let loaded = store(db).load(&ids(&["1", "2", "3"])).await.unwrap();
        let codes: Vec<_> = loaded.iter().map(|loaded| loaded.article.as_ref().err().map(|fault| fault.code)).collect();
        assert_eq!(codes, [None, Some(FaultCode::StampUnreadable), Some(FaultCode::StampUnreadable)]);
    })
    .await;
}

#[tokio::test]
async fn postgres_that_is_away_is_an_error_and_works_when_it_is_back() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = open(&format!("postgres://loa:bi-mat@{closed}/x"), &options()).unwrap();
    let error = scan(&*store).await.unwrap_err().to_string();
    assert!(error.contains("refused") && !error.contains("bi-mat"), "{error}");
    assert_eq!(store.info().url, format!("postgres://loa@{closed}/x"));
    assert!(!format!("{store:?}").contains("bi-mat"));
    on::<Postgres>(async |db| {
        db.sql(LEAST).await;
        let (store, name) = (store_of(db), db.name());
        scan(&*store).await.unwrap();
        db.sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'loa'"
        ))
        .await;
        scan(&*store).await.expect("a dead connection is replaced");
    })
    .await;
}

fn store_of(db: &Postgres) -> Arc<dyn ArticleStore> {
    store(db)
}

#[tokio::test]
async fn sqlite_rows_of_any_bytes_cost_only_themselves() {
    on::<Sqlite>(async |db| {
        let bad = ["CAST(x'54ff49' AS TEXT)", "x'544954'", "'T' || char(0) || 'IT'"];
        db.sql(TABLES).await;
        db.sql(&article("tốt", &[("title", "'Một \u{fffd} dấu'")])).await;
        for (case, value) in bad.iter().enumerate() {
            for column in ["title", "body_html", "embargo_until"] {
                db.sql(&article(&format!("{column}-{case}"), &[(column, value)])).await;
            }
            db.sql(&article("x", &[("id", value)])).await;
            db.sql(&article(&format!("gỡ-{case}"), &[("title", value), ("status", "'withdrawn'")])).await;
            db.sql(&format!("INSERT INTO article_media (article_id, url) VALUES ('tốt', {value})")).await;
            db.sql(&format!("INSERT INTO article_tags VALUES ('tốt', {value}, 0)")).await;
        }
        let store = store(db);
        let scan = scan(&*store).await.unwrap();
        assert_eq!(scan.faults.len(), bad.len());
        assert!(scan.faults.iter().all(|fault| fault.code == FaultCode::RowUnreadable && fault.detail.contains("id")));
        let all: Vec<_> = scan.heads.iter().map(|head| head.id.clone()).collect();
        assert_eq!(all.len(), 1 + 4 * bad.len());
        for (head, loaded) in scan.heads.iter().zip(store.load(&all).await.unwrap()) {
            assert_eq!(head.digest, loaded.digest, "{}", head.id);
            match (loaded.id.as_str().split('-').next().unwrap(), loaded.article) {
                ("tốt", Ok(article)) => {
                    assert_eq!(
                        (article.title.as_str(), article.media.len(), article.tags.len()),
                        ("Một \u{fffd} dấu", 0, 0)
                    );
                    assert_eq!(loaded.notices.len(), 2 * bad.len());
                }
                ("gỡ", Ok(article)) => assert_eq!(article.status, Status::Withdrawn),
                ("embargo_until", Err(fault)) => assert_eq!(fault.code, FaultCode::EmbargoUnreadable),
                (column, Err(fault)) => {
                    assert_eq!(fault.code, FaultCode::RowUnreadable);
                    assert!(fault.detail.contains(column), "{fault}");
                }
                (id, Ok(_)) => panic!("{id} was let through"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn sqlite_tells_cheaply_whether_anything_changed() {
    on::<Sqlite>(async |db| {
        db.sql(LEAST).await;
        let store = store(db);
        let marker = async || store.change_marker().await.unwrap().unwrap();
        let first = marker().await;
        assert_eq!(first, marker().await);
        scan(&*store).await.unwrap();
        assert_eq!(first, marker().await, "reading is no change");
        db.sql(&article("1", &[])).await;
        let second = marker().await;
        assert_ne!(first, second);
        let other = db.path().with_extension("new");
        std::fs::copy(db.path(), &other).unwrap();
        std::fs::rename(&other, db.path()).unwrap();
        assert!(![first, second].contains(&marker().await), "another file");
    })
    .await;
}

#[tokio::test]
async fn sqlite_never_makes_a_file_and_never_panics_at_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bài.db");
    let store = open(&format!("sqlite:{}", path.display()), &options()).unwrap();
    let error = scan(&*store).await.unwrap_err().to_string();
    assert!(error.contains("bài.db") && error.contains("loa import"), "{error}");
    assert!(store.change_marker().await.is_err());
    assert!(!path.exists());
    std::fs::write(&path, "không phải cơ sở dữ liệu ".repeat(100)).unwrap();
    assert!(scan(&*store).await.unwrap_err().to_string().contains("not a database"));
    on::<Sqlite>(async |db| {
        db.sql(TABLES).await;
        db.sql(&[article("1", &[]), "PRAGMA user_version = 1".to_owned()].join("; ")).await;
        db.sql("COMMIT; PRAGMA wal_checkpoint(TRUNCATE); BEGIN").await;
        let whole = std::fs::read(db.path()).unwrap();
        for at in (100..whole.len()).step_by(997) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            std::fs::write(&path, &damaged).unwrap();
            if let Ok(scan) = scan(&*store).await {
                assert!(scan.heads.len() <= 1);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn sqlite_of_any_text_encoding_and_journal_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(own_name());
    let url = format!("sqlite:{}", path.display());
    let options_rw: sqlx::sqlite::SqliteConnectOptions = url.parse().unwrap();
    let mut writer = sqlx::ConnectOptions::connect(&options_rw.create_if_missing(true)).await.unwrap();
    let statements = ["PRAGMA encoding = 'UTF-16le'", TABLES, &article("1", &[])].join("; ");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut writer).await.unwrap();
    let store = open(&url, &options()).unwrap();
    assert_eq!(scan(&*store).await.unwrap().heads.len(), 1);
    assert_eq!(good(&*store, "1").await.title, "Mùa chè xanh trên đồi Long Cốc");
}

#[test]
fn an_address_of_another_kind_or_a_wrong_place_is_refused() {
    let check = |url: &str, schema: Option<&str>, prefix: &str, expect: &str| {
        let options = Options { schema: schema.map(ToOwned::to_owned), prefix: prefix.to_owned(), ..options() };
        assert_eq!(open(url, &options).unwrap_err().to_string(), expect);
    };
    let kind = "store `mysql://loa@db/x` is of no known kind, expected `sqlite:PATH` or `postgres://...`";
    check("mysql://loa:bi-mat@db/x", None, "", kind);
    check(
        "sqlite:a.db",
        Some("loa"),
        "",
        "store: store.schema is set, but SQLite has no schemas; leave it out, and use store.prefix where names collide",
    );
    check(
        "postgres://db/x",
        Some("a-b"),
        "",
        "store: store.schema `a-b` is no plain identifier; use letters A-Z, a-z, digits and _, not beginning with a digit",
    );
}

#[test]
fn the_manual_names_every_column_and_fault() {
    let manual = include_str!("../../docs/STORE.md");
    for code in FaultCode::ALL {
        let row = format!("| `{}` | {:?} | {} | {} |", code.code(), code.severity(), code.english(), code.vietnamese());
        assert!(manual.contains(&row), "docs/STORE.md lacks the line\n{row}");
    }
    let migration = include_str!("../../src/store/sqlite/migrations/0001_article_store.sql");
    for column in migration.lines().filter_map(|line| line.strip_prefix("    ")?.split(' ').next()) {
        if column.starts_with(|c: char| c.is_ascii_lowercase()) {
            assert!(manual.contains(&format!("`{column}`")), "docs/STORE.md does not name the column {column}");
        }
    }
}
