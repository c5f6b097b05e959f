//! `loa store install`, `uninstall` and `status`, by the real program.

use loa::domain::article::ArticleId;
use loa::store::install::{self, Wishes};
use loa::store::log::LogRead;
use loa::store::sqlite::embedded::Embedded;
use loa::store::{Options, open};
use loa::text::stamp::Zones;

use crate::support::newsroom::{TABLES, small};
use crate::support::postgres::Postgres;
use crate::support::process::run;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

fn options() -> Options {
    Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 60_000 }
}

/// `loa store ...` on a store: exit status, standard output, standard error.
fn loa(url: &str, args: &[&str]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), &[&["store"], args, &["--store", url]].concat())
}

const VIEWS: &str = "
CREATE TABLE posts (no integer, headline text, section integer);
CREATE TABLE sections (no integer, label text);
CREATE VIEW articles AS SELECT no AS id, headline AS title, headline AS slug, headline AS body_html, 'published' AS status,
    '2026-01-01 08:00:00' AS published_at FROM posts;
CREATE VIEW article_categories AS SELECT no AS article_id, section AS category_id FROM posts;
CREATE VIEW categories AS SELECT no AS id, label AS slug, label AS name FROM sections";

/// What is told of one statement.
async fn told(db: &impl Database, statement: &str) -> LogRead {
    let store = open(&db.url(), &options()).unwrap();
    let cursor = store.log_end().await.unwrap().expect("a complete log");
    db.sql(statement).await;
    store.log_since(&cursor).await.unwrap()
}

async fn ids(db: &impl Database, statement: &str) -> (Vec<String>, bool) {
    match told(db, statement).await {
        LogRead::Changes(changes) => {
            (changes.articles.iter().map(|id| id.as_str().to_owned()).collect(), changes.categories)
        }
        LogRead::Lost { why } => panic!("{statement}: {why}"),
    }
}

async fn tables_are_watched(db: &impl Database) {
    db.sql(&small()).await;
    let url = db.url();
    let (status, said, _) = loa(&url, &["status"]);
    assert_eq!(
        (status, said.as_str()),
        (1, "no change log is installed: changes are found by complete reads (level C)\n")
    );
    let store = open(&url, &options()).unwrap();
    assert_eq!(store.log_end().await.unwrap(), None);
    assert!(store.change_detection().starts_with("C:"), "{}", store.change_detection());

    let (status, printed, _) = loa(&url, &["install", "--print"]);
    assert_eq!(status, 0);
    assert!(printed.contains("CREATE TRIGGER"), "{printed}");
    assert_eq!(loa(&url, &["status"]).0, 1, "--print does nothing");
    assert_eq!(loa(&url, &["install"]).0, 0);
    assert!(store.log_end().await.unwrap().is_some(), "found while it runs");
    assert!(store.change_detection().starts_with("A:"), "{}", store.change_detection());

    let check = async |statement: &str, expect: &[&str], categories: bool| {
        let (articles, told_categories) = ids(db, statement).await;
        assert_eq!(
            (articles, told_categories),
            (expect.iter().map(ToString::to_string).collect(), categories),
            "{statement}"
        );
    };
    check("INSERT INTO articles (id) VALUES ('8'), ('9')", &["8", "9"], false).await;
    check("UPDATE articles SET id = '7' WHERE id = '8'", &["7", "8"], false).await;
    check("UPDATE article_categories SET article_id = '3' WHERE article_id = '1'", &["1", "3"], false).await;
    check("DELETE FROM articles WHERE id IN ('7', '9')", &["7", "9"], false).await;
    check("INSERT INTO article_tags VALUES ('2', 'chè', 0)", &["2"], false).await;
    check("INSERT INTO article_media (article_id, url) VALUES ('4', 'x')", &["4"], false).await;
    check("INSERT INTO article_localities VALUES ('4', '25')", &["4"], false).await;
    check("UPDATE categories SET name = 'X' WHERE id = '10'", &[], true).await;
    check("UPDATE articles SET title = 'x' WHERE id = 'nobody'", &[], false).await;

    // Again, without and with something missing.
    let cursor = store.log_end().await.unwrap().unwrap();
    assert_eq!(loa(&url, &["install"]).0, 0);
    assert!(matches!(store.log_since(&cursor).await.unwrap(), LogRead::Changes(_)), "nothing was missing");
    db.sql("DROP TABLE article_tags; CREATE TABLE article_tags (article_id text, tag text)").await;
    let (status, said, _) = loa(&url, &["status"]);
    assert!(status == 1 && said.contains("article_tags` lacks a trigger"), "{said}");
    assert_eq!(store.log_end().await.unwrap(), None);
    let shown = store.change_detection();
    assert!(shown.starts_with("C:") && shown.ends_with("see `loa store status`"), "{shown}");
    assert!(!shown.contains("article_tags"), "{shown}");
    assert_eq!(loa(&url, &["install"]).0, 0);
    assert!(matches!(store.log_since(&cursor).await.unwrap(), LogRead::Lost { .. }), "lines may be missing");
    let (status, json, _) = loa(&url, &["status", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, &json["complete"]), (0, &serde_json::Value::Bool(true)));
    assert!(json["last_line"].as_i64() > Some(0));

    assert_eq!(loa(&url, &["uninstall"]).0, 0);
    assert_eq!(loa(&url, &["uninstall"]).0, 0, "twice does no harm");
    assert!(matches!(store.log_since(&cursor).await.unwrap(), LogRead::Lost { .. }));
    assert_eq!(store.log_end().await.unwrap(), None);
    db.sql("INSERT INTO articles (id) VALUES ('10')").await;
}

#[tokio::test]
async fn tables_are_watched_in_postgres() {
    on::<Postgres>(async |db| {
        tables_are_watched(db).await;
        db.sql(
            "DO $$ BEGIN
                ASSERT NOT EXISTS (SELECT FROM pg_class WHERE relname LIKE 'loa%');
                ASSERT NOT EXISTS (SELECT FROM pg_proc WHERE proname LIKE 'loa%');
                ASSERT NOT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal);
            END $$",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn tables_are_watched_in_sqlite() {
    on::<Sqlite>(async |db| {
        tables_are_watched(db).await;
        db.sql("CREATE TABLE rest AS SELECT 1 FROM sqlite_master WHERE name LIKE 'loa%'").await;
        db.sql("CREATE TABLE none (n CHECK (n = 0)); INSERT INTO none SELECT count(*) FROM rest").await;
    })
    .await;
}

#[tokio::test]
async fn tables_behind_views_are_asked_for_in_postgres() {
    on::<Postgres>(async |db| {
        db.sql(VIEWS).await;
        let url = db.url();
        let (status, _, said) = loa(&url, &["install"]);
        assert_eq!(status, 2);
        assert!(said.contains("--watch public.posts=COLUMN") && said.contains("--watch public.sections"), "{said}");
        let (status, _, said) = loa(&url, &["install", "--watch", "posts=no", "--watch", "section"]);
        assert!(status == 2 && said.contains("public.sections"), "{said}");
        let (status, _, said) = loa(&url, &["install", "--watch", "posts=number", "--watch", "sections"]);
        assert!(status == 0 || said.contains("number"), "{said}");
        assert_eq!(loa(&url, &["install", "--watch", "public.posts=no", "--watch", "sections"]).0, 0);
        assert_eq!(loa(&url, &["install"]).0, 0, "what was wished is remembered");
        assert_eq!(
            ids(db, "INSERT INTO posts VALUES (1, 'x', 1), (2, 'y', 1)").await,
            (vec!["1".into(), "2".into()], false)
        );
        assert_eq!(ids(db, "INSERT INTO sections VALUES (1, 'x')").await, (vec![], true));
        let (status, _, said) = loa(&url, &["install", "--watch", "nothing"]);
        assert!(status == 2 && said.contains("nothing"), "{said}");
        assert_eq!(loa(&url, &["uninstall"]).0, 0);
    })
    .await;
}

#[tokio::test]
async fn tables_behind_views_are_asked_for_in_sqlite() {
    on::<Sqlite>(async |db| {
        db.sql(VIEWS).await;
        let url = db.url();
        let (status, _, said) = loa(&url, &["install"]);
        assert!(status == 2 && said.contains("--watch TABLE=COLUMN"), "{said}");
        let (status, _, said) = loa(&url, &["install", "--watch", "nothing=no"]);
        assert!(status == 2 && said.contains("nothing"), "{said}");
        assert_eq!(loa(&url, &["install", "--watch", "posts=no", "--watch", "sections"]).0, 0);
        assert_eq!(loa(&url, &["install"]).0, 0, "what was wished is remembered");
        assert_eq!(ids(db, "INSERT INTO posts VALUES (1, 'x', 1)").await, (vec!["1".into()], false));
        assert!(matches!(told(db, "INSERT INTO sections VALUES (1, 'x')").await, LogRead::Lost { .. }));
    })
    .await;
}

#[tokio::test]
async fn the_newsroom_and_loa_need_no_more_rights_than_they_have() {
    on::<Postgres>(async |db| {
        let (url, name) = (db.url(), db.name().to_owned());
        let (writer, reader) = (format!("{name}_writer"), format!("{name}_reader"));
        db.sql(TABLES).await;
        db.sql(&format!(
            "CREATE ROLE {writer} LOGIN; CREATE ROLE {reader} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {writer};
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}"
        ))
        .await;
        let (status, _, said) = loa(&db.url_as(&writer), &["install"]);
        assert!(status == 2 && said.contains("permission denied") && said.contains("--print"), "{said}");
        assert_eq!(loa(&url, &["install"]).0, 0);
        let store = open(&db.url_as(&reader), &options()).unwrap();
        assert_eq!(store.log_end().await.unwrap(), None);
        assert!(store.change_detection().starts_with("C:"), "{}", store.change_detection());
        let (status, said, _) = loa(&db.url_as(&reader), &["status"]);
        assert!(status == 1 && said.contains("--grant"), "{said}");
        assert_eq!(loa(&url, &["install", "--grant", &reader]).0, 0);
        let cursor = store.log_end().await.unwrap().unwrap();
        let role = format!("SET ROLE {writer}; INSERT INTO articles (id) VALUES ('1'); RESET ROLE");
        db.sql(&role).await;
        let LogRead::Changes(changes) = store.log_since(&cursor).await.unwrap() else { panic!("lost") };
        assert_eq!(changes.articles.len(), 1);
        db.sql(&format!("DROP OWNED BY {writer}; DROP ROLE {writer}; DROP OWNED BY {reader}; DROP ROLE {reader}")).await;
    })
    .await;
}

#[tokio::test]
async fn old_lines_leave_postgres_and_a_cursor_from_before_is_lost() {
    on::<Postgres>(async |db| {
        db.sql(TABLES).await;
        assert_eq!(loa(&db.url(), &["install"]).0, 0);
        let store = open(&db.url(), &options()).unwrap();
        let old = store.log_end().await.unwrap().unwrap();
        let write = "INSERT INTO articles (id) VALUES ('1')";
        for _ in 0..20 {
            db.sql(write).await;
        }
        // Transactions of other databases hold the horizon, too.
        let current = loop {
            let end = store.log_end().await.unwrap().unwrap();
            if end.beyond.is_empty() {
                break end;
            }
        };
        // All of them may go, with the line that this cursor names as the last.
        let horizon = current.complete;
        db.sql(&format!("UPDATE loa_changes SET at = at - interval '8 days', horizon = {horizon}")).await;
        let mut fresh = store.log_end().await.unwrap().unwrap();
        for _ in 0..60 {
            db.sql(write).await;
            let LogRead::Changes(changes) = store.log_since(&fresh).await.unwrap() else { panic!("lost") };
            fresh = changes.cursor;
        }
        assert!(matches!(store.log_since(&old).await.unwrap(), LogRead::Lost { .. }));
        let LogRead::Changes(changes) = store.log_since(&current).await.unwrap() else { panic!("a good cursor") };
        assert_eq!(changes.articles.len(), 1);
        let (_, said, _) = loa(&db.url(), &["status"]);
        assert!(said.contains("lines 21 to 80"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn an_id_that_is_no_text_holds_up_no_other() {
    on::<Sqlite>(async |db| {
        db.sql(TABLES).await;
        assert_eq!(loa(&db.url(), &["install"]).0, 0);
        let store = open(&db.url(), &options()).unwrap();
        let cursor = store.log_end().await.unwrap().unwrap();
        db.sql(
            "INSERT INTO articles (id) VALUES (x'ff00fe'); INSERT INTO articles (id) VALUES (CAST(x'c3' AS TEXT));
             INSERT INTO articles (id) VALUES (x'')",
        )
        .await;
        db.sql("INSERT INTO articles (id) VALUES ('đúng')").await;
        let LogRead::Changes(changes) = store.log_since(&cursor).await.unwrap() else { panic!("lost") };
        assert!(changes.articles.iter().any(|id| id.as_str() == "đúng"), "{changes:?}");
        let LogRead::Changes(changes) = store.log_since(&changes.cursor).await.unwrap() else { panic!("lost") };
        assert!(changes.is_empty(), "{changes:?}");
        let ids: Vec<_> = ["\u{fffd}\0\u{fffd}", "\u{fffd}", ""].map(ArticleId::new).into();
        assert!(store.load(&ids).await.unwrap().is_empty(), "and nothing is found by what stands for them");
    })
    .await;
}

async fn a_view_that_depends_on_the_time_is_warned_of(db: &impl Database, clock: &str) {
    db.sql(VIEWS).await;
    let watch = ["install", "--watch", "posts=no", "--watch", "sections"];
    let (status, said, _) = loa(&db.url(), &watch);
    assert!(status == 0 && !said.contains("warning"), "{said}");
    db.sql(&format!(
        "DROP VIEW article_categories; DROP VIEW articles;
         CREATE VIEW due_posts AS SELECT no, headline FROM posts WHERE headline < {clock};
         CREATE VIEW other AS SELECT {clock} AS now;
         CREATE VIEW articles AS SELECT no AS id, headline AS title, headline AS slug, headline AS body_html,
             'published' AS status, '2026-01-01 08:00:00' AS published_at FROM due_posts"
    ))
    .await;
    let (status, said, _) = loa(&db.url(), &watch);
    assert!(status == 0 && said.contains("level A") && said.contains("due_posts` depends on the time"), "{said}");
    assert!(!said.contains("other"), "{said}");
    let (_, json, _) = loa(&db.url(), &["status", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1, "{json}");
}

#[tokio::test]
async fn a_view_that_depends_on_the_time_is_warned_of_in_postgres() {
    for clock in ["now()::text", "CURRENT_DATE::text", "localtimestamp::text", "clock_timestamp()::text"] {
        on::<Postgres>(async |db| a_view_that_depends_on_the_time_is_warned_of(db, clock).await).await;
    }
}

#[tokio::test]
async fn a_view_that_depends_on_the_time_is_warned_of_in_sqlite() {
    for clock in ["datetime('now')", "strftime('%Y-%m-%d', 'now')", "CURRENT_TIMESTAMP"] {
        on::<Sqlite>(async |db| a_view_that_depends_on_the_time_is_warned_of(db, clock).await).await;
    }
}

#[tokio::test]
async fn young_lines_stay_in_postgres() {
    on::<Postgres>(async |db| {
        db.sql(TABLES).await;
        assert_eq!(loa(&db.url(), &["install"]).0, 0);
        let store = open(&db.url(), &options()).unwrap();
        let cursor = store.log_end().await.unwrap().unwrap();
        for _ in 0..130 {
            db.sql("INSERT INTO articles (id) VALUES ('1')").await;
        }
        assert!(matches!(store.log_since(&cursor).await.unwrap(), LogRead::Changes(_)));
        let (_, said, _) = loa(&db.url(), &["status"]);
        assert!(said.contains("lines 1 to 130"), "{said}");
    })
    .await;
}

/// What `pg_dump` and a restore into another server leave: the numbers of the old one, to which the new one comes much later.
const RESTORED: &str = "
UPDATE loa_changes SET txid = txid + 5000000000, horizon = horizon + 5000000000, at = at - interval '8 days'";

async fn a_log_from_another_server_begins_anew(db: &Postgres, restored: &str) {
    const WRITE: &str = "INSERT INTO articles (id) VALUES ('1')";
    db.sql(TABLES).await;
    assert_eq!(loa(&db.url(), &["install"]).0, 0);
    let store = open(&db.url(), &options()).unwrap();
    for _ in 0..5 {
        db.sql(WRITE).await;
    }
    let old = store.log_end().await.unwrap().unwrap();
    db.sql(restored).await;
    assert_eq!(store.log_end().await.unwrap(), None, "{restored}");
    assert!(store.change_detection().starts_with("C:"), "{}", store.change_detection());
    for _ in 0..70 {
        db.sql(WRITE).await;
    }
    // To delete what is not over yet would lose it.
    let ours = "pruned <= txid_snapshot_xmin(txid_current_snapshot())";
    db.sql(&format!("DO $$ BEGIN ASSERT (SELECT pruned = 5000000000 OR {ours} FROM loa_log); END $$")).await;
    let (status, said, _) = loa(&db.url(), &["status"]);
    assert!(status == 1 && said.contains("INCOMPLETE") && said.contains("another server"), "{said}");

    assert_eq!(loa(&db.url(), &["install"]).0, 0);
    assert_eq!(loa(&db.url(), &["status"]).0, 0);
    assert!(matches!(store.log_since(&old).await.unwrap(), LogRead::Lost { .. }), "another log");
    let cursor = store.log_end().await.unwrap().expect("a log of this server");
    assert!(store.change_detection().starts_with("A:"), "{}", store.change_detection());
    db.sql(WRITE).await;
    let LogRead::Changes(changes) = store.log_since(&cursor).await.unwrap() else { panic!("lost") };
    assert_eq!(changes.articles.len(), 1);
    assert_eq!(loa(&db.url(), &["install"]).0, 0);
    assert!(matches!(store.log_since(&cursor).await.unwrap(), LogRead::Changes(_)), "only once");
}

#[tokio::test]
async fn lines_from_another_server_begin_anew() {
    on::<Postgres>(async |db| a_log_from_another_server_begins_anew(db, RESTORED).await).await;
}

#[tokio::test]
async fn a_log_that_another_server_has_pruned_begins_anew() {
    let restored = "UPDATE loa_log SET pruned = 5000000000; DELETE FROM loa_changes";
    on::<Postgres>(async |db| a_log_from_another_server_begins_anew(db, restored).await).await;
}

#[tokio::test]
async fn an_embedded_store_has_the_log_from_the_start_and_keeps_it_small() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.sqlite");
    Embedded::open(&path).await.unwrap().close().await.unwrap();
    let url = format!("sqlite:{}", path.display());
    let (status, said, _) = loa(&url, &["status"]);
    assert!(status == 0 && said.contains("complete (level A)"), "{said}");
    let store = open(&url, &options()).unwrap();
    let cursor = store.log_end().await.unwrap().unwrap();
    let wishes = Wishes { id: "unused".to_owned(), ..Wishes::default() };
    let script = install::script(&url, &options(), &wishes).await.unwrap();
    assert!(!script.contains("unused"), "nothing is missing: {script}");
    install::run(&url, &script).await.unwrap();
    install::run(
        &url,
        "INSERT INTO articles (id, title) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 101000)
         SELECT i, 'x' FROM n",
    )
    .await
    .unwrap();
    assert!(matches!(store.log_since(&cursor).await.unwrap(), LogRead::Lost { .. }));
    let (_, said, _) = loa(&url, &["status"]);
    assert!(said.contains("lines 1001 to 101000"), "{said}");
}
