//! Articles that are kept ready, and documents that wait for the disk: what is made of the ones is what would be made
//! without them, whatever changed; of the others nothing comes back that had to leave.

use std::fs;
use std::sync::Arc;

use loa::domain::article::ArticleId;
use loa::domain::clock::Clock as _;
use loa::domain::format::Format;
use loa::domain::ledger::{ArticleWrite, Batch, Touch};
use loa::domain::scope::Scope;
use loa::feed::Content;
use loa::publish::articles::Articles;
use loa::publish::make::{ContentPolicy, Maker};
use loa::publish::{Published as _, Route};

use crate::support::app::{App, FEEDS, Site};
use crate::support::newsroom::small;
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

/// The documents of all feeds with whole texts and without.
pub(crate) async fn documents(makers: &[Maker], app: &App) -> Vec<String> {
    let mut documents = Vec::new();
    for (maker, feed) in makers.iter().flat_map(|maker| FEEDS.map(|feed| (maker, feed))) {
        let Route::Feed(key) = app.publisher.route(&format!("/feeds/{feed}.rss")) else { panic!("{feed}") };
        let made = maker.make(&key.scope, &Format::ALL).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        documents.extend(made.documents.iter().map(|document| text(&document.identity().bytes)));
    }
    documents
}

pub(crate) fn makers(app: &App, articles: &Arc<Articles>) -> Vec<Maker> {
    let made = |default| {
        let content = Arc::new(ContentPolicy { default, by_path: [].into() });
        Maker { articles: Arc::clone(articles), content, ..app.publisher.maker().clone() }
    };
    vec![made(Content::Full), made(Content::Summary)]
}

#[tokio::test]
async fn no_change_is_hidden_by_articles_that_are_ready() {
    on::<Sqlite>(async |db| check(db).await).await;
    on::<Postgres>(async |db| check(db).await).await;
}

async fn check(db: &impl Database) {
    db.sql(&small()).await;
    let site = Site { articles_bytes_max: 0, ..Site::on(db) };
    let mut app = site.running().await;
    let (ready, in_file) = (makers(&app, &Arc::default()), makers(&app, &app.publisher.maker().articles));
    let mut before = documents(&ready, &app).await;
    for (at, edit) in [
        "UPDATE articles SET title = 'Tin khác' WHERE id = '2'",
        "UPDATE articles SET lead = NULL, body_html = '<p>Thân bài.</p>' WHERE id = '1'",
        "UPDATE articles SET body_html = '<p>Thân bài khác.</p>' WHERE id = '1'",
        "INSERT INTO article_tags VALUES ('3', 'Lúa xuân', 0)",
        "INSERT INTO article_localities VALUES ('3', 'Phường Vân Phú, Phú Thọ')",
        "INSERT INTO article_media (article_id, position, url) VALUES ('3', 0, 'https://anh.example/a.jpg')",
        "UPDATE categories SET name = 'Ruộng đồng' WHERE id = '11'",
        "UPDATE categories SET parent_id = '20' WHERE id = '11'",
        "UPDATE articles SET status = 'draft' WHERE id = '4'",
        "UPDATE articles SET status = 'published' WHERE id = '4'",
        "UPDATE articles SET correction = 'Sửa ngày' WHERE id = '4'",
        "another writer of the ledger",
        "UPDATE articles SET status = 'withdrawn' WHERE id = '4'",
    ]
    .into_iter()
    .enumerate()
    {
        if edit.starts_with("another") {
            adopt_a_guid(&app).await;
        } else {
            db.sql(edit).await;
        }
        app.step_at(&format!("2026-03-18T03:00:{at:02}Z")).await;
        let now = documents(&ready, &app).await;
        let afresh = documents(&makers(&app, &Arc::new(Articles::new(0))), &app).await;
        assert_eq!(now, afresh, "{edit}");
        // Those that the file does not have yet, and then has.
        for _ in 0..2 {
            assert_eq!(documents(&in_file, &app).await, afresh, "{edit}");
            app.publisher.maker().articles.file().unwrap().settled().await;
        }
        assert_ne!(now, before, "{edit}");
        before = now;
    }
}

/// As `loa adopt` does it: a record changes, and the row that it is of does not.
async fn adopt_a_guid(app: &App) {
    let mut record = app.state.records(&[ArticleId::new("2")]).await.unwrap().remove(0);
    record.guid = Some("urn:isbn:0451450523".to_owned());
    let touch = |scope: &Scope| Touch { scope: scope.clone(), at: app.clock.now(), removes: false };
    let touches = record.scopes.iter().map(touch).collect();
    let writes = vec![ArticleWrite { record, touches }];
    app.state.commit(&Batch { writes, ..Batch::default() }).await.unwrap();
}

#[tokio::test]
async fn a_feed_of_articles_that_are_ready_needs_no_store() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let app = Site::on(db).running().await;
        let ready = makers(&app, &Arc::default());
        let before = documents(&ready, &app).await;
        let away = db.path().with_extension("away");
        fs::rename(db.path(), &away).unwrap();
        assert_eq!(documents(&ready, &app).await, before);
        fs::rename(&away, db.path()).unwrap();
    })
    .await;
}

/// The process ends before the document without the withdrawn article is on disk; the store does not answer to the next.
#[tokio::test]
async fn what_had_to_leave_does_not_come_back_from_the_disk_after_a_crash() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        assert_eq!(app.ids("all").await, "4 3 2 1");
        app.publisher.disk().flush().unwrap();
        db.sql("UPDATE articles SET status = 'withdrawn' WHERE id = '4'").await;
        app.step_at("2026-03-18T03:00:00Z").await;
        assert_eq!(app.ids("all").await, "[4] 3 2 1");
        drop(app);

        fs::rename(db.path(), db.path().with_extension("away")).unwrap();
        let app = site.running().await;
        let answer = app.get("/feeds/all.json").await;
        assert!(!answer.text().contains("Tin số 4"), "{}", answer.text());
        assert!(matches!(answer.status, 200 | 503), "{}", answer.status);
    })
    .await;
}
