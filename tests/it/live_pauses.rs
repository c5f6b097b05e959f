//! Whatever a store says, neither the engine nor who makes the documents goes round without a pause. Nothing here is timed:
//! what the store is asked in some moments is counted, and is half a dozen questions or thousands.

use std::sync::Arc;
use std::time::Duration;

use loa::domain::article::ArticleId;
use tokio::time::sleep;

use crate::live::install_log;
use crate::support::app::Site;
use crate::support::newsroom::{article, small};
use crate::support::odd::{OddStore, Oddity};
use crate::support::sqlite::Sqlite;
use crate::support::{Database as _, on};

/// How many moments are watched, and how long each is at least.
const MOMENTS: u32 = 150;
const MOMENT: Duration = Duration::from_millis(20);
/// What is asked meanwhile: more than once, for it is tried again.
const FEW: std::ops::Range<u32> = 2..100;

async fn moments() {
    for _ in 0..MOMENTS {
        sleep(MOMENT).await;
    }
}

/// A small newsroom with a change log, behind a store that may become odd.
async fn place(db: &Sqlite) -> (Site, Arc<OddStore>) {
    db.sql(&small()).await;
    install_log(db, "1").await;
    let odd = OddStore::before(&db.url());
    (Site { store: Some(odd.clone()), ..Site::on(db) }, odd)
}

#[tokio::test]
async fn a_change_that_is_told_again_and_again_is_looked_at_now_and_then() {
    on::<Sqlite>(async |db| {
        let (site, odd) = place(db).await;
        let mut app = site.running().await;
        app.step().await;
        let state = Arc::clone(&app.state);
        let written = state.load().await.unwrap().cursor;
        odd.becomes(Oddity::Repeats(ArticleId::new("1")));
        app.runs_while(moments()).await;
        assert!(FEW.contains(&odd.log_reads()), "{} looks", odd.log_reads());
        assert!(FEW.contains(&odd.loads()), "{} articles", odd.loads());
        assert_eq!(state.load().await.unwrap().cursor, written, "it is as it was");
    })
    .await;
}

/// Also while something is due that only its row can tell.
#[tokio::test]
async fn a_store_that_fails_at_each_look_is_asked_now_and_then() {
    on::<Sqlite>(async |db| {
        let (site, odd) = place(db).await;
        db.sql(&article("5", "11", "2026-03-18 08:30:00", &[])).await;
        let mut app = site.running().await;
        app.step().await;
        app.save().await;
        app.stop().await;
        // What was decided beforehand is not kept over a restart.
        let app = site.started().await;
        app.clock.set("2026-03-18T01:30:00Z");
        odd.becomes(Oddity::Fails);
        app.runs_while(moments()).await;
        assert!(FEW.contains(&odd.log_reads()), "{} looks", odd.log_reads());
        assert!(FEW.contains(&odd.loads()), "{} articles", odd.loads());
    })
    .await;
}

/// With nothing in memory that would save asking: a feed that somebody reads cannot be made, for each row is another one as
/// soon as it is decided.
#[tokio::test]
async fn rows_that_are_never_the_same_are_not_chased() {
    for seen in [false, true] {
        on::<Sqlite>(async |db| {
            let (site, odd) = place(db).await;
            // More than are kept from their decision to the document.
            for id in 100..120 {
                db.sql(&article(&id.to_string(), "20", "2026-03-18 07:30:00", &[])).await;
            }
            let site = Site { articles_bytes_max: 0, ..site };
            let app = site.running().await;
            assert_eq!(app.json("all").await["items"].as_array().unwrap().len(), 24);
            odd.becomes(Oddity::Restless { seen });
            db.sql("UPDATE articles SET title = 'Tin mới' WHERE id = '1'").await;
            app.runs_while(moments()).await;
            assert!(FEW.contains(&odd.loads()), "seen by readers: {seen}: {} times", odd.loads());
        })
        .await;
    }
}
