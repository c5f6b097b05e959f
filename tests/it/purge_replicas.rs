//! Two real processes on one PostgreSQL, each with a cache to purge: each tells its own of every change once it serves it,
//! whoever has written it, and goes on when the other one is killed.

use crate::purge::{Cdn, DONE, Place, by_requests, edit, left_to_tell, paths, serves, until};
use crate::support::newsroom::small;
use crate::support::postgres::Postgres;
use crate::support::process::Served;
use crate::support::{Database, on};

const EDITS: usize = 5;

/// A process with its cache.
struct Replica {
    place: Place,
    cdn: Cdn,
    served: Served,
    /// Calls of this process that the cache has forgotten.
    forgotten: u64,
}

impl Replica {
    /// Starts it, and waits until it has read the store.
    async fn start(db: &Postgres) -> Self {
        let (cdn, url) = (Cdn::start(), db.url());
        let lines = format!("{}\nstate.url = \"{url}\"\nsite.base_url = \"http://localhost/\"", by_requests(&cdn));
        let place = Place::on(db, &lines);
        let served = place.start();
        cdn.asks(served.address);
        serves(&served, "/feeds/all.json", "Tin số 1").await;
        Self { place, cdn, served, forgotten: 0 }
    }

    /// Waits until everything is told.
    async fn all_told(&self) {
        self.place.told_beyond(&self.cdn, self.forgotten).await;
    }

    /// Has the cache forget everything, once all is told.
    async fn forget(&mut self) {
        self.all_told().await;
        self.forgotten = self.place.metric(DONE).await;
        self.cdn.forget();
    }
}

/// The feeds of the first article, which is edited.
fn edited() -> Vec<String> {
    paths(&["all", "author/le-hoa", "category/kinh-te"])
}

/// Edits once, and waits until all of these have told it while they served it.
async fn edit_and_wait(db: &Postgres, edition: usize, replicas: &[&Replica]) {
    let title = format!("Bản {edition}.");
    edit(db, &title).await;
    for replica in replicas {
        replica.cdn.has(&edited(), &title).await;
    }
}

#[tokio::test]
async fn each_replica_purges_every_change_also_when_the_other_one_is_killed() {
    on::<Postgres>(async |db| {
        db.sql(&small()).await;
        let mut first = Replica::start(db).await;
        first.cdn.accepts(&["/", "/feeds/category/van-hoa.rss"]).await;
        first.all_told().await;
        let mut second = Replica::start(db).await;
        edit_and_wait(db, 0, &[&first, &second]).await;
        assert!(!second.cdn.counts().contains_key("/feeds/category/van-hoa.rss"), "it begins with the next change");

        for replica in [&mut first, &mut second] {
            replica.forget().await;
        }
        for edition in 1..=EDITS {
            edit_and_wait(db, edition, &[&first, &second]).await;
        }
        for replica in [&first, &second] {
            let counts = replica.cdn.counts();
            assert!(counts.keys().eq(edited().iter()), "nothing else: {counts:?}");
            // The last call from before may have been counted late.
            assert!(counts.values().all(|count| (EDITS..=EDITS + 1).contains(count)), "once for each: {counts:?}");
        }

        until("a place", async || first.place.file("loa-data/purged").exists()).await;
        first.served.kill();
        first.cdn.forget();
        for edition in EDITS + 1..=2 * EDITS {
            edit_and_wait(db, edition, &[&second]).await;
        }
        assert!(first.cdn.calls().is_empty());
        (first.served, first.forgotten) = (first.place.start(), 0);
        first.cdn.asks(first.served.address);
        first.cdn.accepts(&edited().iter().map(String::as_str).collect::<Vec<_>>()).await;
        edit_and_wait(db, 2 * EDITS + 1, &[&first, &second]).await;

        let state = loa::state::open(&db.url()).await.unwrap();
        let ledger = state.mark(loa::state::INSTANCE_MARK).await.unwrap().unwrap();
        for replica in [first, second] {
            replica.all_told().await;
            replica.served.terminate();
            assert_eq!(replica.served.ended(), Some(0));
            assert_eq!(left_to_tell(&replica.place.file("loa-data/purged"), &*state, &ledger).await, 0, "without end");
        }
    })
    .await;
}
