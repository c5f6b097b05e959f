//! What goes on being wrong is warned of once, and once more when it was well in between: a log that says the same every
//! half second is read by nobody.

use std::fs;
use std::time::Duration;

use loa::domain::clock::Clock as _;
use loa::store::{self, open};
use loa::text::stamp::Zones;
use tokio::time::sleep;

use crate::live::install_log;
use crate::purge::{Cdn, Telling, edit, paths, until};
use crate::support::app::Site;
use crate::support::log::warned;
use crate::support::newsroom::{article, small};
use crate::support::odd::{OddStore, Oddity};
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

/// How often each of some looks in a row warns while something is wrong.
const ONCE: [usize; 3] = [1, 0, 0];

#[tokio::test]
async fn a_store_that_does_not_answer() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        assert_eq!(warned("store does not answer"), 0);
        for _ in 0..2 {
            db.sql("ALTER TABLE articles RENAME TO bai").await;
            for expected in ONCE {
                app.step().await;
                assert_eq!(warned("store does not answer"), expected);
            }
            db.sql("ALTER TABLE bai RENAME TO articles").await;
            app.step().await;
            assert_eq!(app.health().await["store"]["ok"], true);
        }
    })
    .await;
}

#[tokio::test]
async fn a_state_that_does_not_answer() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        on::<Sqlite>(async |state| {
            let site = Site { state_url: state.url(), ..Site::on(db) };
            let mut app = site.running().await;
            assert_eq!(warned("state does not answer"), 0);
            for _ in 0..2 {
                state.sql("ALTER TABLE control RENAME TO away").await;
                for expected in ONCE {
                    app.step().await;
                    assert_eq!(warned("state does not answer"), expected);
                }
                state.sql("ALTER TABLE away RENAME TO control").await;
                app.step().await;
                assert_eq!(app.health().await["state"]["ok"], true);
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_change_that_is_held() {
    const HELD: &str = "the feeds stay as they are";
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        assert_eq!(warned(HELD), 0);
        for hour in ["02", "03"] {
            db.sql("DELETE FROM articles WHERE id <> '4'").await;
            for (minute, expected) in ONCE.into_iter().enumerate() {
                app.step_at(&format!("2026-03-18T{hour}:0{minute}:00Z")).await;
                assert_eq!(warned(HELD), expected);
            }
            app.state.accept_store(app.clock.now()).await.unwrap();
            app.step_at(&format!("2026-03-18T{hour}:10:00Z")).await;
            assert!(app.health().await["held"].is_null(), "{}", app.health().await);
            let more = ["5", "6", "7"].map(|id| article(id, "20", "2026-03-18 07:30:00", &[]));
            db.sql(&more.join("; ")).await;
            app.step_at(&format!("2026-03-18T{hour}:20:00Z")).await;
            assert_eq!(app.ids("all").await, "5 6 7 4");
        }
    })
    .await;
}

/// Of which the engine knows nothing: it has decided what had changed.
#[tokio::test]
async fn a_document_that_cannot_be_made_now() {
    const UNMADE: &str = "a feed cannot be made now";
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let odd = OddStore::before(&db.url());
        let site = Site { store: Some(odd.clone()), articles_bytes_max: 0, ..Site::on(db) };
        let mut app = site.running().await;
        app.feed("all.json").await;
        assert_eq!(warned(UNMADE), 0);
        for title in ["Bản 1.", "Bản 2."] {
            odd.becomes(Oddity::FailsForMany);
            edit(db, title).await;
            for expected in ONCE {
                app.step().await;
                assert_eq!(warned(UNMADE), expected);
            }
            odd.becomes(Oddity::Nothing);
            app.step().await;
            assert!(app.feed("all.json").await.text().contains(title), "{title}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_disk_that_takes_no_document() {
    const UNWRITTEN: &str = "last good documents cannot be written";
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        let documents = site.directory.path().join("documents");
        assert_eq!(warned(UNWRITTEN), 0);
        for title in ["Bản 1.", "Bản 2."] {
            fs::remove_dir_all(&documents).unwrap();
            edit(db, title).await;
            app.step().await;
            app.feed("all.json").await;
            let mut warnings = 0;
            // It is tried about once a second.
            for _ in 0..30 {
                sleep(Duration::from_millis(100)).await;
                warnings += warned(UNWRITTEN);
            }
            assert_eq!(warnings, 1);
            fs::create_dir(&documents).unwrap();
            until("a document", async || fs::read_dir(&documents).unwrap().count() > 0).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_row_that_belongs_to_no_article() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        assert_eq!(warned("id_missing"), 0);
        for _ in 0..2 {
            db.sql("INSERT INTO articles (title) VALUES ('Tin không mã')").await;
            for (revision, expected) in ONCE.into_iter().enumerate() {
                // Something else is always new, so that everything is read.
                db.sql(&format!("UPDATE articles SET revision = '{revision}' WHERE id = '1'")).await;
                app.step().await;
                assert_eq!(warned("id_missing"), expected);
            }
            db.sql("DELETE FROM articles WHERE id IS NULL").await;
            app.step().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_log_that_cannot_be_followed_in_sqlite() {
    on::<Sqlite>(async |db| a_change_log_that_cannot_be_followed(db).await).await;
}

#[tokio::test]
async fn a_change_log_that_cannot_be_followed_in_postgres() {
    on::<Postgres>(async |db| a_change_log_that_cannot_be_followed(db).await).await;
}

async fn a_change_log_that_cannot_be_followed(db: &impl Database) {
    const NOT_FOLLOWED: &str = "the change log is not followed";
    db.sql(&small()).await;
    install_log(db, "1").await;
    let options =
        store::Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 60_000 };
    let store = open(&db.url(), &options).unwrap();
    for _ in 0..2 {
        assert!(store.log_end().await.unwrap().is_some());
        assert_eq!(warned(NOT_FOLLOWED), 0);
        // One table that nobody watches, then another one: that is something else.
        for table in ["article_tags (article_id text, tag text)", "article_media (article_id text, url text)"] {
            let name = table.split(' ').next().unwrap();
            db.sql(&format!("DROP TABLE {name}; CREATE TABLE {table}")).await;
            for expected in ONCE {
                assert_eq!(store.log_end().await.unwrap(), None);
                assert_eq!(warned(NOT_FOLLOWED), expected, "{name}");
            }
        }
        install_log(db, "1").await;
    }
}

#[tokio::test]
async fn a_cache_that_cannot_be_purged() {
    const FAILS: &str = "purging fails, it is tried again";
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let (site, cdn) = (Site::on(db), Cdn::start());
        let mut app = site.running().await;
        let telling = Telling::start(&app, &site, &cdn, |_| {});
        assert_eq!(warned(FAILS), 0);
        let edited = paths(&["all", "author/le-hoa", "category/kinh-te"]);
        for title in ["Bản 1.", "Bản 2."] {
            cdn.refuses(usize::MAX);
            edit(db, title).await;
            app.step().await;
            // One after the other: when the fifth comes, four have failed.
            until("failures", async || cdn.calls().len() >= 5).await;
            assert_eq!(warned(FAILS), 1);
            cdn.refuses(0);
            cdn.accepts(&edited.iter().map(String::as_str).collect::<Vec<_>>()).await;
            cdn.forget();
        }
        telling.end().await;
    })
    .await;
}
