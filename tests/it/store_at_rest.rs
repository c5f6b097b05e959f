//! What rests between two reads of a store (connections, and what is known of its columns) never shows what is no more.

use loa::domain::article::ArticleId;
use loa::store::{ArticleStore, Options, StoreError, open};
use loa::text::stamp::Zones;

use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::store::scan;
use crate::support::{Database, on};

const TABLE: &str =
    "CREATE TABLE cms (id text, slug text, title text, lead text, status text, published_at text, body_html text);
     INSERT INTO cms VALUES ('1', 's', 'Chợ quê', 'Họp từ mờ sáng', 'published', '2024-05-02 06:30:00', '<p>x</p>')";
const WITH_LEAD: &str = "CREATE VIEW articles AS SELECT * FROM cms";
const WITHOUT_LEAD: &str = "DROP VIEW articles;
     CREATE VIEW articles AS SELECT id, slug, title, status, published_at, body_html FROM cms";

fn options(query_timeout_ms: u64) -> Options {
    Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms }
}

/// The lead of article 1, and its digest.
async fn lead(store: &dyn ArticleStore) -> (Option<String>, u64) {
    let mut loaded = store.load(&[ArticleId::new("1")]).await.unwrap();
    let row = loaded.remove(0);
    (row.article.unwrap().lead, row.digest)
}

/// A view with other columns is read as it is: by a load with fewer of them at once, by a complete read at once, and by a
/// load after it; scan and load agree then.
async fn a_replaced_view_is_read_as_it_is(db: &impl Database) {
    db.sql(&format!("{TABLE}; {WITH_LEAD}")).await;
    let store = open(&db.url(), &options(60_000)).unwrap();
    let (text, first) = lead(&*store).await;
    assert_eq!(text.as_deref(), Some("Họp từ mờ sáng"));
    db.sql(WITHOUT_LEAD).await;
    let (text, second) = lead(&*store).await;
    assert_eq!(text, None, "at once");
    assert_ne!(first, second);
    db.sql(&format!("DROP VIEW articles; {WITH_LEAD}; CREATE TABLE article_tags (article_id text, tag text)")).await;
    db.sql("INSERT INTO article_tags VALUES ('1', 'chợ')").await;
    let scanned = scan(&*store).await.unwrap();
    let loaded = store.load(&[ArticleId::new("1")]).await.unwrap().remove(0);
    assert_eq!(scanned.heads[0].digest, loaded.digest, "what a scan has seen of the columns, a load knows");
    let article = loaded.article.unwrap();
    assert_eq!((article.lead.as_deref(), article.tags.as_slice()), (Some("Họp từ mờ sáng"), &["chợ".to_owned()][..]));
}

#[tokio::test]
async fn a_replaced_view_is_read_as_it_is_in_sqlite() {
    on::<Sqlite>(async |db| a_replaced_view_is_read_as_it_is(db).await).await;
}

#[tokio::test]
async fn a_replaced_view_is_read_as_it_is_in_postgres() {
    on::<Postgres>(async |db| a_replaced_view_is_read_as_it_is(db).await).await;
}

#[tokio::test]
async fn a_load_that_may_no_longer_read_a_relation_says_so() {
    on::<Postgres>(async |db| {
        let role = db.name();
        db.sql(&format!(
            "{TABLE}; {WITH_LEAD}; CREATE TABLE article_tags (article_id text, tag text);
             CREATE ROLE {role} LOGIN; GRANT SELECT ON articles, article_tags TO {role}"
        ))
        .await;
        let store = open(&db.url_as(role), &options(60_000)).unwrap();
        lead(&*store).await;
        db.sql(&format!("REVOKE SELECT ON article_tags FROM {role}")).await;
        let error = store.load(&[ArticleId::new("1")]).await.unwrap_err().to_string();
        assert!(error.contains("permission denied for table article_tags; GRANT SELECT on it"), "{error}");
        db.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    })
    .await;
}

#[tokio::test]
async fn a_replaced_sqlite_file_is_loaded_from_at_once() {
    on::<Sqlite>(async |db| {
        db.sql(&format!("{TABLE}; {WITH_LEAD}")).await;
        let store = open(&db.url(), &options(60_000)).unwrap();
        lead(&*store).await;
        on::<Sqlite>(async |other| {
            other.sql(&format!("{TABLE}; {WITH_LEAD}; UPDATE cms SET lead = 'Tan lúc trưa'")).await;
            other.plain("PRAGMA wal_checkpoint(TRUNCATE)").await;
            let copy = db.path().with_extension("new");
            std::fs::copy(other.path(), &copy).unwrap();
            db.plain("PRAGMA wal_checkpoint(TRUNCATE)").await;
            std::fs::rename(&copy, db.path()).unwrap();
        })
        .await;
        assert_eq!(lead(&*store).await.0.as_deref(), Some("Tan lúc trưa"));
    })
    .await;
}

/// Loads at the same time use connections of their own, and leave no transaction open when they rest.
#[tokio::test]
async fn postgres_rests_outside_of_any_transaction() {
    on::<Postgres>(async |db| {
        db.sql(&format!("{TABLE}; {WITH_LEAD}")).await;
        let store = open(&db.url(), &options(60_000)).unwrap();
        let loads = (0..20).map(|_| lead(&*store));
        futures_util::future::join_all(loads).await;
        scan(&*store).await.unwrap();
        db.sql(&format!(
            "DO $$ BEGIN
                 ASSERT (SELECT count(*) BETWEEN 1 AND 4 FROM pg_stat_activity
                         WHERE datname = '{0}' AND application_name = 'loa');
                 ASSERT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{0}' AND application_name = 'loa'
                                    AND xact_start IS NOT NULL);
             END $$",
            db.name()
        ))
        .await;
    })
    .await;
}

/// The server goes on with a statement whose client has gone: what nobody waits for is ended.
#[tokio::test]
async fn postgres_ends_a_complete_read_that_takes_too_long() {
    on::<Postgres>(async |db| {
        db.sql(
            "CREATE VIEW articles AS SELECT i AS id, 's' AS slug, pg_sleep(3600)::text AS title, 'draft' AS status,
                 NULL::text AS published_at, NULL::text AS body_html FROM generate_series(1, 9) i",
        )
        .await;
        let store = open(&db.url(), &options(200)).unwrap();
        let error = scan(&*store).await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout { timeout_ms: 200 }), "{error}");
        db.sql(&format!(
            "DO $$ BEGIN
                 FOR i IN 1..1000 LOOP
                     EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{0}' AND state = 'active'
                                           AND application_name = 'loa');
                     PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
                     ASSERT i < 1000;
                 END LOOP;
             END $$",
            db.name()
        ))
        .await;
    })
    .await;
}

/// The time limit is one for each block: a read of many blocks that each come in time may take longer than it.
#[tokio::test]
async fn a_complete_read_may_take_longer_than_its_time_limit() {
    on::<Postgres>(async |db| {
        // Six rows of 200 ms each, sent as they come; the limit is five times as long as what one takes.
        db.sql(
            "CREATE VIEW articles AS SELECT i AS id, 's' AS slug, pg_sleep(0.2)::text || repeat('x', 9000) AS title,
                 'draft' AS status, NULL::text AS published_at, NULL::text AS body_html FROM generate_series(1, 8) i",
        )
        .await;
        let store = open(&db.url(), &options(1_000)).unwrap();
        assert_eq!(scan(&*store).await.unwrap().heads.len(), 8);
    })
    .await;
}
