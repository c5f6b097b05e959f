//! What `docs/OPERATIONS.md` promises of purging, rule by rule: which addresses, how many at a time, what is told again, and
//! when it is given up.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use loa::domain::article::ArticleId;
use loa::domain::clock::Clock as _;
use loa::publish::moves::{Moves, Served};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::purge::{Cdn, Place, Telling, by_requests, edit, left_to_tell, paths, serves, until};
use crate::support::app::{App, Site};
use crate::support::newsroom::{article, small};
use crate::support::odd::{OddStore, Oddity};
use crate::support::sqlite::Sqlite;
use crate::support::{Database as _, on};

/// The feeds of the first article, which is edited.
const EDITED: [&str; 3] = ["all", "author/le-hoa", "category/kinh-te"];
/// Those of the last one.
const LAST: [&str; 3] = ["all", "author/le-hoa", "category/van-hoa"];
/// What changes when feeds come or go.
const LISTS: [&str; 8] = [
    "/",
    "/feeds/all/",
    "/feeds/author/",
    "/feeds/category/",
    "/feeds/custom/",
    "/feeds/locality/",
    "/feeds/tag/",
    "/opml.xml",
];

/// Three formats of each feed.
fn formats(feeds: &[&str]) -> BTreeSet<String> {
    paths(feeds).into_iter().collect()
}

/// An app that has nothing more to tell.
async fn settled(site: &Site) -> App {
    let mut app = site.running().await;
    app.step().await;
    app
}

/// One turn, and what can be told then.
async fn told(app: &mut App, moves: &Moves) -> Served {
    app.step().await;
    app.publisher.take_served(moves)
}

fn paths_of(served: Served) -> BTreeSet<String> {
    served.paths.into_keys().collect()
}

#[tokio::test]
async fn lists_and_pages_are_told_when_feeds_come_and_go() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = settled(&site).await;
        let moves = app.publisher.follow_moves();
        assert_eq!(paths_of(told(&mut app, &moves).await), BTreeSet::new());

        let lists: BTreeSet<String> = LISTS.map(str::to_owned).into();
        let edited = &formats(&EDITED) | &formats(&["tag/che"]);
        let pages = ["author/le-hoa", "category/kinh-te", "tag/che"].map(|feed| format!("/feeds/{feed}/"));
        let expected = &(&edited | &lists) | &pages.into();
        db.sql("INSERT INTO article_tags VALUES ('1', 'chè', 0)").await;
        assert_eq!(paths_of(told(&mut app, &moves).await), expected, "the first article of a feed");
        edit(db, "Tin mới").await;
        assert_eq!(paths_of(told(&mut app, &moves).await), edited, "no list, no page");
        db.sql("DELETE FROM article_tags").await;
        assert_eq!(paths_of(told(&mut app, &moves).await), expected, "the last one");
        assert_eq!(paths_of(told(&mut app, &moves).await), BTreeSet::new(), "once");
    })
    .await;
}

#[tokio::test]
async fn a_new_address_is_told_with_every_former_one() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = settled(&site).await;
        let moves = app.publisher.follow_moves();
        db.sql("UPDATE categories SET slug = 'kinh-doanh' WHERE id = '10'").await;
        let told = paths_of(told(&mut app, &moves).await);
        let categories = ["kinh-doanh", "kinh-te", "nong-nghiep", "van-hoa"].map(|slug| format!("category/{slug}"));
        for feed in categories.iter().map(String::as_str).chain(["all", "author/le-hoa"]) {
            let mut expected = formats(&[feed]);
            expected.insert(format!("/feeds/{feed}/"));
            assert!(expected.is_subset(&told), "{expected:?} in {told:?}");
        }
        assert!(LISTS.iter().all(|path| told.contains(*path)), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn a_feed_that_cannot_be_served_yet_is_told_later_and_the_others_at_once() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        // More than are kept from their decision to the document.
        for id in 100..120 {
            db.sql(&article(&id.to_string(), "20", "2026-03-18 07:30:00", &[("byline", "NULL")])).await;
        }
        let odd = OddStore::before(&db.url());
        let site = Site { store: Some(odd.clone()), articles_bytes_max: 0, ..Site::on(db) };
        let mut app = settled(&site).await;
        let moves = app.publisher.follow_moves();
        assert_eq!(app.get("/feeds/all.json").await.status, 200);
        odd.becomes(Oddity::Restless { seen: false });
        edit(db, "Tin mới").await;
        let served = told(&mut app, &moves).await;
        assert!(served.held_at.is_some(), "somebody reads the front page feed, and it is not made yet");
        assert_eq!(paths_of(served), formats(&["author/le-hoa", "category/kinh-te"]));
        odd.becomes(Oddity::Nothing);
        let mut late = BTreeSet::new();
        // What was decided by odd rows has to be decided once more.
        for _ in 0..4 {
            late.extend(paths_of(told(&mut app, &moves).await));
        }
        assert_eq!(late, formats(&["all"]));
    })
    .await;
}

/// Nor is it forgotten if the process ends before.
#[tokio::test]
async fn while_the_store_does_not_answer_nothing_is_told() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let (site, cdn) = (Site::on(db), Cdn::start());
        let mut app = settled(&site).await;
        let telling = Telling::start(&app, &site, &cdn, |_| {});
        let moves = app.publisher.follow_moves();
        app.step().await;
        db.sql("ALTER TABLE articles RENAME TO bai").await;
        app.step().await;
        app.state.withdraw(&ArticleId::new("4"), app.clock.now()).await.unwrap();
        let served = told(&mut app, &moves).await;
        assert!(served.paths.is_empty() && served.held_at.is_some(), "{served:?}");
        assert!(served.held_at < served.followed, "{served:?}");
        let (place, state) = (site.directory.path().join("purged"), app.state.clone());
        until("a place", async || place.exists()).await;
        telling.end().await;
        assert!(cdn.calls().is_empty(), "{:?}", cdn.calls());
        assert!(left_to_tell(&place, &*state, "so").await > 0);

        let telling = Telling::start(&app, &site, &cdn, |_| {});
        db.sql("ALTER TABLE bai RENAME TO articles").await;
        app.step().await;
        cdn.accepts(&paths(&LAST).iter().map(String::as_str).collect::<Vec<_>>()).await;
        telling.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_told_again() {
    on::<Sqlite>(async |db| {
        let cdn = Cdn::start();
        let lines = format!("{}\npurge.timeout_ms = 60000\npurge.calls_max = 64", by_requests(&cdn));
        let place = Place::new(db, &lines).await;
        let served = place.start();
        cdn.accepts(&["/", "/feeds/all.json"]).await;
        place.all_told(&cdn).await;
        // All of them: none waits any more.
        cdn.holds(true);
        db.sql("UPDATE article_categories SET category_id = '11' WHERE article_id = '1'").await;
        until("calls", async || cdn.under_way() > 0 && place.metric("loa_purges_waiting").await == 0).await;
        served.terminate();
        assert_eq!(served.ended(), Some(0));
        cdn.holds(false);
        until("the end of these calls", async || cdn.under_way() == 0).await;
        cdn.forget();
        let _served = place.start();
        cdn.accepts(&["/feeds/category/nong-nghiep.atom", "/feeds/category/nong-nghiep.rss"]).await;
    })
    .await;
}

#[tokio::test]
async fn no_more_calls_than_allowed_are_under_way() {
    on::<Sqlite>(async |db| {
        let cdn = Cdn::start();
        cdn.holds(true);
        let lines = format!("{}\npurge.timeout_ms = 60000\npurge.calls_max = 2", by_requests(&cdn));
        let place = Place::new(db, &lines).await;
        let _served = place.start();
        until("calls", async || cdn.under_way() == 2).await;
        cdn.holds(false);
        cdn.accepts(&["/", "/opml.xml", "/feeds/all.rss", "/feeds/category/van-hoa/"]).await;
        place.all_told(&cdn).await;
        assert_eq!(cdn.under_way_most(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_command_reads_so_many_addresses_at_most() {
    const TAGS: usize = 140;
    on::<Sqlite>(async |db| {
        let place = Place::new(db, "purge.command = [\"/bin/sh\", \"xoa.sh\", \"told\"]").await;
        fs::write(place.file("xoa.sh"), "wc -l >>\"$1\"").unwrap();
        // An article has a hundred at most.
        let tags = (0..TAGS).map(|tag| format!("('{}', 'the so {tag}', {tag})", 1 + tag % 2));
        db.sql(&format!("INSERT INTO article_tags VALUES {}", tags.collect::<Vec<_>>().join(", "))).await;
        let _served = place.start();
        let runs = || -> Vec<usize> {
            let told = fs::read_to_string(place.file("told")).unwrap_or_default();
            told.split_whitespace().map(|count| count.parse().unwrap()).collect()
        };
        // Three formats and a page of each.
        until("all tags", async || runs().iter().sum::<usize>() > 4 * TAGS).await;
        assert!(runs().contains(&500) && runs().iter().all(|count| *count <= 500), "{:?}", runs());
    })
    .await;
}

/// The metrics of the test's own thread.
fn result(page: &str, result: &str) -> usize {
    let name = format!("loa_purges_total{{result=\"{result}\"}}");
    page.lines().find_map(|line| line.strip_prefix(&name)?.trim().parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn what_cannot_be_told_for_too_long_is_given_up_until_it_changes() {
    on::<Sqlite>(async |db| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (_counted, page) = (metrics::set_default_local_recorder(&recorder), recorder.handle());
        db.sql(&small()).await;
        let (site, cdn) = (Site::on(db), Cdn::start());
        let mut app = settled(&site).await;
        let telling = Telling::start(&app, &site, &cdn, |options| options.give_up_after = Duration::ZERO);
        cdn.refuses(usize::MAX);
        edit(db, "Tin mới").await;
        app.step().await;
        until("all to be given up", async || result(&page.render(), "given_up") == 9).await;
        assert_eq!(result(&page.render(), "failed"), 9);
        cdn.refuses(0);
        db.sql("UPDATE articles SET title = 'Tin khác' WHERE id = '4'").await;
        app.step().await;
        until("the next change", async || result(&page.render(), "done") == 9).await;
        let accepted = cdn.calls().into_iter().filter(|call| call.accepted).map(|call| call.path);
        assert_eq!(accepted.collect::<BTreeSet<_>>(), formats(&LAST));
        assert_eq!(cdn.counts()["/feeds/category/kinh-te.rss"], 1, "tried once: {:?}", cdn.counts());
        let state = app.state.clone();
        telling.end().await;
        assert_eq!(left_to_tell(&site.directory.path().join("purged"), &*state, "so").await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_a_cache_does_not_have_is_purged() {
    on::<Sqlite>(async |db| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (_counted, page) = (metrics::set_default_local_recorder(&recorder), recorder.handle());
        db.sql(&small()).await;
        let (site, cdn) = (Site::on(db), Cdn::start());
        let mut app = settled(&site).await;
        let telling = Telling::start(&app, &site, &cdn, |_| {});
        cdn.has_nothing();
        edit(db, "Tin mới").await;
        app.step().await;
        until("an answer to each", async || result(&page.render(), "absent") == 9).await;
        assert_eq!((result(&page.render(), "failed"), cdn.calls().len()), (0, 9), "none is told again");
        telling.end().await;
    })
    .await;
}

/// Before that nobody can have one.
#[tokio::test]
async fn combinations_are_told_from_their_first_reader_on() {
    on::<Sqlite>(async |db| {
        let cdn = Cdn::start();
        let place = Place::new(db, &by_requests(&cdn)).await;
        db.sql("INSERT INTO article_localities VALUES ('1', '25')").await;
        let served = place.start();
        cdn.asks(served.address);
        let combination = "category/kinh-te/locality/phu-tho";
        serves(&served, "/feeds/all.json", "Tin số 1").await;
        edit(db, "Bản 1.").await;
        cdn.has(&paths(&["category/kinh-te", "locality/phu-tho"]), "Bản 1.").await;
        assert!(cdn.calls().iter().all(|call| !call.path.contains(combination)), "nobody has it");
        serves(&served, &format!("/feeds/{combination}.json"), "Bản 1.").await;
        edit(db, "Bản 2.").await;
        cdn.has(&paths(&[combination]), "Bản 2.").await;
        assert!(!cdn.counts().contains_key(&format!("/feeds/{combination}/")), "it has no page");
    })
    .await;
}
