//! The engine on a store with a change log: what a newsroom commits is found without reading everything, and whatever else
//! happens, nothing is lost.

use std::sync::Arc;

use loa::domain::article::ArticleId;
use loa::domain::category::CategoryId;
use loa::domain::clock::Clock as _;
use loa::domain::scope::Scope;
use loa::store::log::LogRead;
use loa::store::{self, install};
use loa::text::stamp::Zones;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::purge::until;
use crate::support::app::{App, FEEDS, Site};
use crate::support::newsroom::{article, small};
use crate::support::odd::{OddStore, Oddity};
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

macro_rules! on_every_backend {
    ($($test:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $test() { super::on::<super::Sqlite>(async |db| super::$test(db).await).await; })* }
        mod postgres { $(#[tokio::test] async fn $test() { super::on::<super::Postgres>(async |db| super::$test(db).await).await; })* }
    };
}

on_every_backend! {
    a_change_is_found_without_reading_everything
    a_mass_edit_is_one_step_for_readers
    what_stands_twice_counts_once
    a_mass_edit_that_no_reader_sees_moves_nothing
    a_scheduled_article_needs_no_store_at_its_hour
    a_deleted_row_leaves_when_two_looks_agree
    a_row_that_is_made_anew_never_leaves
    sections_move_with_their_articles
    sections_move_even_if_state_fails_meanwhile
    what_goes_before_its_hour_never_appears
    much_at_once_is_held_until_it_is_accepted
    a_log_that_is_made_anew_leads_to_a_complete_read
    after_a_restart_the_log_goes_on
    while_everything_is_read_the_log_is_followed
    what_was_withdrawn_while_we_were_down_stays_away
}

/// Nobody but a complete read finds what is written under this name.
const UNSEEN: &str = "9";

/// A newsroom with four articles and a change log, and an app that has read it.
async fn running(db: &impl Database) -> (Site, App) {
    db.sql(&small()).await;
    install_log(db, "1").await;
    let site = Site::on(db);
    let app = site.running().await;
    (site, app)
}

/// Installs a change log of this name.
pub(crate) async fn install_log(db: &impl Database, id: &str) {
    let options =
        store::Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 20_000 };
    let wishes = install::Wishes { id: id.to_owned(), ..install::Wishes::default() };
    let script = install::script(&db.url(), &options, &wishes).await.unwrap();
    install::run(&db.url(), &script).await.unwrap();
}

async fn uninstall_log(db: &impl Database) {
    let options =
        store::Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 20_000 };
    let script = install::removal(&db.url(), &options).await.unwrap();
    install::run(&db.url(), &script).await.unwrap();
}

/// Writes without the log's knowledge: a complete read would show it.
async fn write_unseen(db: &impl Database) {
    let unseen = article(UNSEEN, "20", "2026-03-18 07:30:00", &[]);
    if db.url().starts_with("sqlite:") {
        // No trigger is silent in SQLite: the article is there, and its lines are taken away again. One line stays before
        // them, or the log would have lost its beginning.
        let before = "UPDATE articles SET title = title WHERE id = '1'";
        db.sql(&format!("{before}; {unseen}; DELETE FROM loa_changes WHERE article = '{UNSEEN}'")).await;
    } else {
        db.sql(&format!("SET session_replication_role = replica; {unseen}; SET session_replication_role = origin"))
            .await;
    }
}

async fn a_change_is_found_without_reading_everything(db: &impl Database) {
    let (site, mut app) = running(db).await;
    write_unseen(db).await;
    db.sql("UPDATE articles SET title = 'Tin số hai' WHERE id = '2'").await;
    db.sql(&article("5", "11", "2026-03-18 07:45:00", &[])).await;
    app.step().await;
    assert_eq!(app.ids("all").await, "5 4 3 2 1");
    assert_eq!(app.entry("all", "2").await.unwrap()["title"], "Tin số hai");
    assert!(app.health().await["change_detection"].as_str().unwrap().starts_with("A:"), "{}", app.health().await);
    app.save().await;
    app.stop().await;

    // From the kept catalog it goes on by the log.
    let mut app = site.started().await;
    app.step().await;
    assert_eq!(app.ids("all").await, "5 4 3 2 1");
    assert!(app.health().await["change_detection"].as_str().unwrap().starts_with("A:"), "{}", app.health().await);
    app.stop().await;

    let anew = Site { complete_read_interval: std::time::Duration::ZERO, ..site };
    let mut app = anew.running().await;
    app.step().await;
    assert_eq!(app.ids("all").await, "5 9 4 3 2 1", "the complete read is the safety net");
}

async fn a_mass_edit_is_one_step_for_readers(db: &impl Database) {
    const COUNT: usize = 3_000;
    db.sql(&small()).await;
    let rows = |of: &dyn Fn(usize) -> String| (100..100 + COUNT).map(of).collect::<Vec<_>>().join(", ");
    let articles = rows(&|id| {
        let minute = id % 60;
        format!("('{id}', 'tin-{id}', 'Tin số {id}', '<p>x</p>', 'published', '2026-03-17 07:{minute:02}:00')")
    });
    let categories = rows(&|id| format!("('{id}', '11', 0)"));
    db.sql(&format!(
        "INSERT INTO articles (id, slug, title, body_html, status, published_at) VALUES {articles};
         INSERT INTO article_categories VALUES {categories}"
    ))
    .await;
    install_log(db, "1").await;
    let site = Site::on(db);
    let mut app = site.running().await;
    let sequence = |app: &App, scope: &str| {
        let scope: Scope = scope.parse().unwrap();
        app.view.with_catalog(|catalog| (catalog.count(&scope), catalog.feed(&scope).map_or(0, |feed| feed.sequence)))
    };
    let (before, entered) = (sequence(&app, "category:11"), sequence(&app, "category:20"));
    assert_eq!(before.0, COUNT + 1);
    db.sql("UPDATE article_categories SET category_id = '20' WHERE article_id >= '100' AND category_id = '11'").await;
    app.step().await;
    // One change of each feed: no reader and no replica can ever have seen a part of it.
    assert_eq!(sequence(&app, "category:11").1, before.1 + 1);
    assert_eq!(sequence(&app, "category:20").1, entered.1 + 1);
    let moved = sequence(&app, "category:20").0 - entered.0;
    assert_eq!(moved + sequence(&app, "category:11").0, COUNT + 1);
    assert!(moved > 1_000, "{moved}");
}

/// The newsroom's tables may have no keys, and one transaction may touch an article many times.
async fn what_stands_twice_counts_once(db: &impl Database) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (_counted, page) = (metrics::set_default_local_recorder(&recorder), recorder.handle());
    let metric = |name: &str| -> usize {
        let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        page.render().lines().find_map(value).unwrap_or_default()
    };
    let (site, mut app) = running(db).await;
    let options =
        store::Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 20_000 };
    let store = store::open(&db.url(), &options).unwrap();
    let cursor = store.log_end().await.unwrap().unwrap();
    let scopes = ["all", "category:10", "category:11"].map(|scope| scope.parse::<Scope>().unwrap());
    let standing = |app: &App| {
        let of = |scope: &Scope| {
            app.view.with_catalog(|catalog| (catalog.count(scope), catalog.feed(scope).map_or(0, |feed| feed.sequence)))
        };
        scopes.each_ref().map(of)
    };
    let [all, above, own] = standing(&app);
    db.sql(&format!(
        "{}; INSERT INTO article_categories VALUES ('5', '11', 0), ('5', '11', 7), ('5', '10', 8);
         INSERT INTO article_tags VALUES ('5', 'chè', 0), ('5', 'chè', 1);
         UPDATE articles SET title = 'Tin số năm' WHERE id = '5'; UPDATE articles SET lead = 'Sapo' WHERE id = '5'",
        article("5", "11", "2026-03-18 07:45:00", &[])
    ))
    .await;
    let five = ArticleId::new("5");
    let LogRead::Changes(changes) = store.log_since(&cursor).await.unwrap() else { panic!("lost") };
    assert_eq!(changes.articles, std::slice::from_ref(&five), "told once");
    let loaded = store.load(&[five]).await.unwrap().remove(0).article.unwrap();
    assert_eq!(loaded.categories, ["11", "10"].map(CategoryId::new));
    assert_eq!(loaded.tags, ["chè"]);

    app.step().await;
    let entered = [all, above, own].map(|(count, sequence)| (count + 1, sequence + 1));
    assert_eq!(standing(&app), entered);
    assert_eq!((app.ids("all").await, app.ids("category/kinh-te").await), ("5 4 3 2 1".into(), "5 3 2 1".into()));
    assert_eq!(app.health().await["articles"], 5);
    assert_eq!((metric("loa_articles"), metric("loa_reconcile_changes_total")), (5, 1));
    let opml = app.get("/opml.xml").await.text();
    assert_eq!(opml.matches("/feeds/category/nong-nghiep.rss\"").count(), 1, "{opml}");

    db.sql(
        "UPDATE articles SET title = 'Bản hai' WHERE id = '5'; UPDATE articles SET title = 'Bản ba' WHERE id = '5';
         UPDATE article_categories SET position = position + 1 WHERE article_id = '5'",
    )
    .await;
    app.step().await;
    assert_eq!(standing(&app), entered.map(|(count, sequence)| (count, sequence + 1)), "one change");
    assert_eq!(metric("loa_reconcile_changes_total"), 2);
    app.stop().await;

    // The complete read adds up the same rows.
    let anew = Site { complete_read_interval: std::time::Duration::ZERO, ..site };
    let mut app = anew.running().await;
    app.step().await;
    assert_eq!(standing(&app), entered.map(|(count, sequence)| (count, sequence + 1)));
    assert_eq!((metric("loa_articles"), metric("loa_reconcile_changes_total")), (5, 2));
}

async fn a_mass_edit_that_no_reader_sees_moves_nothing(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let before = app.everything(&FEEDS).await;
    db.sql("UPDATE articles SET revision = 'nhập lại', updated_at = '2026-03-18 07:50:00'").await;
    db.sql("UPDATE article_categories SET position = 3").await;
    app.step_at("2026-03-18T01:05:00Z").await;
    app.step_at("2026-03-18T01:06:00Z").await;
    assert_eq!(app.everything(&FEEDS).await, before);
}

async fn a_scheduled_article_needs_no_store_at_its_hour(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    db.sql(&article("5", "11", "2026-03-18 08:30:00", &[])).await;
    db.sql(&article("6", "11", "2026-03-18 07:30:00", &[("embargo_until", "'2026-03-18 08:30:00'")])).await;
    app.step().await;
    assert_eq!(app.ids("all").await, "4 3 2 1");
    db.sql("ALTER TABLE articles RENAME TO articles_away").await;
    app.step_at("2026-03-18T01:29:59Z").await;
    let held = |app: &App| app.view.with_catalog(|catalog| catalog.count(&Scope::All));
    assert_eq!(held(&app), 4);
    app.step_at("2026-03-18T01:30:00Z").await;
    assert_eq!(held(&app), 6, "decided beforehand, published at its second");
    assert_eq!(app.ids("all").await, "4 3 2 1", "what cannot be made is as it was");
    db.sql("ALTER TABLE articles_away RENAME TO articles").await;
    app.step_at("2026-03-18T01:30:05Z").await;
    assert_eq!(app.ids("all").await, "5 6 4 3 2 1");
    assert_eq!(app.entry("all", "6").await.unwrap()["date_published"], "2026-03-18T08:30:00+07:00");
}

/// Without a log: a complete read has told, or nothing has yet.
async fn what_goes_before_its_hour_never_appears(db: &impl Database) {
    db.sql(&small()).await;
    let site = Site::on(db);
    let mut app = site.running().await;
    for id in ["5", "6", "7"] {
        db.sql(&article(id, "11", "2026-03-18 08:30:00", &[])).await;
    }
    app.step().await;
    db.sql("DELETE FROM articles WHERE id = '5'").await;
    app.step_at("2026-03-18T01:10:00Z").await;
    db.sql("UPDATE articles SET published_at = '2026-03-19 08:30:00' WHERE id = '6'").await;
    app.step_at("2026-03-18T01:30:00Z").await;
    assert_eq!(app.ids("all").await, "7 4 3 2 1");
    let known = |id: &str| app.view.with_catalog(|catalog| catalog.is_known(&ArticleId::new(id)));
    assert_eq!([known("5"), known("6"), known("7")], [false, false, true], "nothing was ever published of them");
}

async fn a_deleted_row_leaves_when_two_looks_agree(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    db.sql("DELETE FROM articles WHERE id = '3'").await;
    app.step().await;
    app.step_at("2026-03-18T01:10:00Z").await;
    assert_eq!(app.ids("all").await, "4 2 1");
    db.sql(&article("3", "10", "18/03/2026 06:30 GMT+7", &[])).await;
    app.step_at("2026-03-18T01:11:00Z").await;
    assert_eq!(app.ids("all").await, "4 3 2 1", "never final");
}

async fn a_row_that_is_made_anew_never_leaves(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let before = app.everything(&FEEDS).await;
    // In one transaction, and in two.
    db.sql(&format!(
        "DELETE FROM articles WHERE id = '4'; DELETE FROM article_categories WHERE article_id = '4'; {}",
        article("4", "20", "2026-03-18T07:00:00+07:00", &[])
    ))
    .await;
    db.sql("DELETE FROM articles WHERE id = '3'; DELETE FROM article_categories WHERE article_id = '3'").await;
    db.sql(&article("3", "10", "18/03/2026 06:30 GMT+7", &[])).await;
    app.step_at("2026-03-18T01:10:00Z").await;
    app.step_at("2026-03-18T01:11:00Z").await;
    assert_eq!(app.everything(&FEEDS).await, before);
}

async fn sections_move_with_their_articles(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    db.sql("UPDATE categories SET name = 'Kinh tế xanh' WHERE id = '10'").await;
    app.step_at("2026-03-18T01:10:00Z").await;
    assert!(app.feed("category/kinh-te.rss").await.text().contains("Kinh tế xanh"));
    db.sql(&format!(
        "UPDATE categories SET parent_id = '20' WHERE id = '11'; {}",
        article("5", "11", "2026-03-18 07:45:00", &[])
    ))
    .await;
    app.step_at("2026-03-18T01:11:00Z").await;
    assert_eq!((app.ids("category/van-hoa").await, app.ids("category/kinh-te").await), ("5 4 2".into(), "3 1".into()));
}

async fn sections_move_even_if_state_fails_meanwhile(db: &impl Database) {
    on::<Sqlite>(async |state| {
        db.sql(&small()).await;
        install_log(db, "1").await;
        let site = Site { state_url: state.url(), ..Site::on(db) };
        let mut app = site.running().await;
        assert_eq!(app.ids("category/van-hoa").await, "4");
        state.sql("CREATE TRIGGER broken BEFORE INSERT ON feeds BEGIN SELECT RAISE(ABORT, 'full'); END").await;
        db.sql("UPDATE categories SET parent_id = '20' WHERE id = '11'").await;
        app.step().await;
        state.sql("DROP TRIGGER broken").await;
        app.step().await;
        assert_eq!(app.ids("category/van-hoa").await, "4 2");
        assert_eq!(app.ids("category/kinh-te").await, "3 1");
    })
    .await;
}

async fn much_at_once_is_held_until_it_is_accepted(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let before = app.everything(&FEEDS).await;
    db.sql("DELETE FROM articles WHERE id IN ('1', '2', '3')").await;
    for minute in 1..5 {
        app.step_at(&format!("2026-03-18T01:0{minute}:00Z")).await;
        assert!(app.health().await["held"].as_str().is_some(), "{}", app.health().await);
        db.sql(&format!("UPDATE articles SET title = 'Bản {minute}' WHERE id = '4'")).await;
    }
    assert_eq!(app.everything(&FEEDS).await, before, "nothing else comes in meanwhile");
    app.state.accept_store(app.clock.now()).await.unwrap();
    app.step_at("2026-03-18T01:10:00Z").await;
    app.step_at("2026-03-18T01:11:00Z").await;
    assert_eq!(app.ids("all").await, "4");
    db.sql(&article("5", "20", "2026-03-18 08:11:00", &[])).await;
    app.step_at("2026-03-18T01:12:00Z").await;
    assert_eq!(app.ids("all").await, "5 4", "and the log goes on");
}

async fn a_log_that_is_made_anew_leads_to_a_complete_read(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    uninstall_log(db).await;
    db.sql(&article("5", "20", "2026-03-18 07:45:00", &[])).await;
    install_log(db, "2").await;
    db.sql(&article("6", "20", "2026-03-18 07:50:00", &[])).await;
    app.step_at("2026-03-18T01:01:00Z").await;
    app.step_at("2026-03-18T01:02:00Z").await;
    assert_eq!(app.ids("all").await, "6 5 4 3 2 1");
}

async fn after_a_restart_the_log_goes_on(db: &impl Database) {
    let (site, mut app) = running(db).await;
    db.sql(&article("7", "20", "2026-03-18 08:05:00", &[])).await;
    app.step().await;
    let before = app.everything(&FEEDS).await;
    app.save().await;
    app.stop().await;
    write_unseen(db).await;
    db.sql("UPDATE articles SET title = 'Tin số hai' WHERE id = '2'").await;

    let mut app = site.start().await;
    assert_eq!(app.everything(&FEEDS).await, before, "a restart is invisible");
    app.step_at("2026-03-18T01:04:00Z").await;
    assert_eq!(app.entry("all", "2").await.unwrap()["title"], "Tin số hai");
    assert_eq!(app.ids("all").await, "4 3 2 1", "nothing was read completely");
    app.step_at("2026-03-18T01:05:00Z").await;
    assert_eq!(app.ids("all").await, "7 4 3 2 1", "what waits is known");
}

/// A large store takes half a minute to read, and nothing that is kept saves it here.
async fn while_everything_is_read_the_log_is_followed(db: &impl Database) {
    let (site, app) = running(db).await;
    app.stop().await;
    write_unseen(db).await;
    let odd = OddStore::before(&db.url());
    odd.becomes(Oddity::SlowToRead);
    let site = Site { store: Some(odd.clone()), ..site };
    let mut app = site.start().await;
    let view = Arc::clone(&app.view);
    let digest = || view.with_catalog(|catalog| catalog.digest("2"));
    let before = digest();
    let newsroom = async {
        until("a read", async || odd.scans() > 0).await;
        db.sql("UPDATE articles SET title = 'Tin số hai' WHERE id = '2'").await;
        until("the change", async || digest() != before).await;
    };
    tokio::select! {
        () = app.step() => panic!("everything is read"),
        () = newsroom => {}
    }
    assert_eq!(app.entry("all", "2").await.unwrap()["title"], "Tin số hai");
    assert_eq!(app.ids("all").await, "4 3 2 1");
    // The read was cut off, and what the log has told does not stand for it.
    app.save().await;
    app.stop().await;
    odd.becomes(Oddity::Nothing);
    let app = site.running().await;
    assert_eq!(app.ids("all").await, "9 4 3 2 1");
}

async fn what_was_withdrawn_while_we_were_down_stays_away(db: &impl Database) {
    let (site, mut app) = running(db).await;
    assert!(app.feed("all.rss").await.text().contains("Nội dung của tin số 3"));
    app.save().await;
    let state = std::sync::Arc::clone(&app.state);
    app.stop().await;
    state.withdraw(&ArticleId::new("3"), site.clock.now()).await.unwrap();

    let app = site.start().await;
    for seen in app.everything(&FEEDS).await {
        assert!(!seen.body.contains("Nội dung của tin số 3"), "{}", seen.path);
    }
}
