//! The running line, from the store to HTTP: what a newsroom does, and what a reader then gets. On every backend.

use loa::domain::article::ArticleId;
use loa::domain::clock::Clock as _;

use crate::support::app::{App, FEEDS, Site};
use crate::support::newsroom::{article, small};
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
    articles_appear_in_the_feeds_of_their_section_and_above
    a_corrected_typo_moves_one_entry
    what_no_reader_sees_moves_nothing
    a_point_comes_and_goes_without_a_new_date
    a_changed_slug_redirects_and_is_never_given_away
    a_renamed_section_changes_its_titles
    a_moved_section_takes_its_articles_along
    two_sections_with_one_slug_get_two_addresses
    what_is_held_back_leaves_at_once_and_may_return
    a_withdrawal_by_the_store_is_final
    a_store_that_may_restore_restores
    a_withdrawal_by_command_is_final_until_it_is_restored
    a_vanished_row_leaves_when_two_reads_agree
    many_rows_that_vanish_are_held
    an_empty_store_is_held
    sections_that_all_vanish_are_held
    a_store_that_goes_backwards_is_held
    a_withdrawal_counts_while_the_store_is_held
    a_scheduled_article_is_nowhere_before_its_second
    a_scheduled_article_comes_after_a_restart_too
    what_was_restored_while_we_were_down_comes_back
    a_restart_changes_no_byte
    another_base_url_changes_no_id
}

/// A newsroom with four articles, and an app that has read it.
async fn running(db: &impl Database) -> (Site, App) {
    db.sql(&small()).await;
    let site = Site::on(db);
    let app = site.running().await;
    (site, app)
}

async fn articles_appear_in_the_feeds_of_their_section_and_above(db: &impl Database) {
    let (_site, app) = running(db).await;
    for (feed, ids) in
        [("all", "4 3 2 1"), ("category/kinh-te", "3 2 1"), ("category/nong-nghiep", "2"), ("category/van-hoa", "4")]
    {
        assert_eq!(app.ids(feed).await, ids, "{feed}");
        for seen in app.everything(&[feed]).await {
            assert_eq!(seen.entries(), ids.split(' ').count(), "{}", seen.path);
        }
    }
    let stamps =
        [("1", "2026-03-17T08:00:00+07:00"), ("3", "2026-03-18T06:30:00+07:00"), ("4", "2026-03-18T07:00:00+07:00")];
    for (id, stamp) in stamps {
        assert_eq!(app.entry("all", id).await.unwrap()["date_published"], stamp);
    }
    let rss = app.feed("category/nong-nghiep.rss").await.text();
    assert!(rss.contains("<pubDate>Tue, 17 Mar 2026 20:15:00 +0700</pubDate>"), "{rss}");
    let health = app.health().await;
    assert_eq!((&health["articles"], &health["feeds"], &health["serving"]), (&4.into(), &5.into(), &"current".into()));
    assert_eq!(app.get("/feeds/category/khong-co.rss").await.status, 404);
}

async fn a_corrected_typo_moves_one_entry(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let (before, json) = (app.everything(&FEEDS).await, app.json("all").await);
    db.sql("UPDATE articles SET title = 'Tin số hai', updated_at = '2026-03-18 08:59:00' WHERE id = '2'").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    app.clock.set("2026-03-18T02:00:05Z");
    let (after, now) = (app.everything(&FEEDS).await, app.json("all").await);
    for (old, new) in before.iter().zip(&after) {
        let affected = !old.path.contains("van-hoa");
        assert_eq!(old.etag != new.etag, affected, "{}", old.path);
        assert_eq!(old.last_modified < new.last_modified, affected, "{}", old.path);
        assert_eq!(old.body != new.body, affected, "{}", old.path);
    }
    let (old, new) = (json["items"].as_array().unwrap(), now["items"].as_array().unwrap());
    assert_eq!(old.len(), new.len());
    for (old, new) in old.iter().zip(new) {
        assert_eq!((&old["id"], &old["date_published"]), (&new["id"], &new["date_published"]), "the order stays");
        if new["title"] == "Tin số hai" {
            assert_eq!(new["date_modified"], "2026-03-18T08:59:00+07:00");
        } else {
            assert_eq!(old, new);
        }
    }
}

async fn what_no_reader_sees_moves_nothing(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let before = app.everything(&FEEDS).await;
    for edit in [
        "UPDATE articles SET updated_at = '2026-03-18 08:01:00' WHERE id = '2'",
        "UPDATE articles SET revision = 'r7' WHERE id = '3'",
        "INSERT INTO article_localities VALUES ('4', 'xã Không Đâu Cả')",
        &article("90", "10", "2026-03-18 07:30:00", &[("status", "'draft'")]),
        "UPDATE articles SET title = 'Bản nháp khác' WHERE id = '90'",
        "UPDATE categories SET position = 9 WHERE id = '10'",
        "DELETE FROM articles WHERE id = '90'",
    ] {
        db.sql(edit).await;
        app.step_at("2026-03-18T02:00:00Z").await;
        assert_eq!(app.everything(&FEEDS).await, before, "{edit}");
    }
}

async fn a_point_comes_and_goes_without_a_new_date(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let dates = app.entry("all", "2").await.unwrap()["date_modified"].clone();
    for (hour, set, expected) in
        [("02", "'21.3227'", Some("21.3227 105.4019")), ("03", "'21.33'", Some("21.33 105.4019")), ("04", "'x'", None)]
    {
        let before = app.everything(&FEEDS).await;
        db.sql(&format!("UPDATE articles SET latitude = {set}, longitude = 105.4019 WHERE id = '2'")).await;
        app.step_at(&format!("2026-03-18T{hour}:00:00Z")).await;
        for (old, new) in before.iter().zip(app.everything(&FEEDS).await) {
            new.entries();
            assert_eq!(old.body != new.body, !new.path.contains("van-hoa"), "{}", new.path);
        }
        let rss = app.feed("category/nong-nghiep.rss").await.text();
        let found = rss.split_once("<georss:point>").map(|(_, rest)| rest.split_once('<').unwrap().0);
        assert_eq!(found, expected);
        assert_eq!(app.entry("all", "2").await.unwrap()["date_modified"], dates);
    }
    let faults = app.view.with_status(|status| status.faults.clone());
    let told: Vec<_> = faults.into_values().flatten().map(|fault| fault.code.code()).collect();
    assert_eq!(told, ["point_unusable"]);
}

async fn a_changed_slug_redirects_and_is_never_given_away(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    app.everything(&FEEDS).await;
    db.sql("UPDATE categories SET slug = 'kinh-doanh' WHERE id = '10'").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    assert_eq!(app.ids("category/kinh-doanh").await, "3 2 1");
    assert_redirect(&app, "/feeds/category/kinh-te.atom", "/feeds/category/kinh-doanh.atom").await;
    for seen in app.everything(&["all", "category/kinh-doanh", "category/nong-nghiep"]).await {
        seen.entries();
        assert!(!seen.body.contains("category/kinh-te"), "an old address in {}", seen.path);
    }
    db.sql(&format!(
        "INSERT INTO categories VALUES ('30', NULL, 'kinh-te', 'Kinh tế số', 3); {}",
        article("5", "30", "2026-03-18 08:00:00", &[])
    ))
    .await;
    app.step_at("2026-03-18T02:00:05Z").await;
    assert_redirect(&app, "/feeds/category/kinh-te.atom", "/feeds/category/kinh-doanh.atom").await;
    assert_eq!(app.ids("category/kinh-te-2").await, "5");
    db.sql("UPDATE categories SET slug = 'kinh-te' WHERE id = '10'").await;
    app.step_at("2026-03-18T02:00:10Z").await;
    assert_redirect(&app, "/feeds/category/kinh-doanh.rss", "/feeds/category/kinh-te.rss").await;
    assert_eq!(app.ids("category/kinh-te").await, "3 2 1");
}

async fn assert_redirect(app: &App, from: &str, to: &str) {
    let answer = app.get(from).await;
    let expected = format!("https://tin.baovidu.example{to}");
    assert_eq!((answer.status, answer.header("location")), (301, Some(expected)), "{from}");
}

async fn a_renamed_section_changes_its_titles(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let before = app.everything(&FEEDS).await;
    db.sql("UPDATE categories SET name = 'Nhà nông' WHERE id = '11'").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    app.clock.set("2026-03-18T02:00:05Z");
    let after = app.everything(&FEEDS).await;
    for (old, new) in before.iter().zip(&after) {
        new.entries();
        let affected = !new.path.contains("van-hoa");
        assert_eq!(new.body.contains("Nhà nông"), affected, "{}", new.path);
        assert_eq!(old.etag != new.etag, affected, "{}", new.path);
        assert_eq!(old.last_modified < new.last_modified, affected, "{}", new.path);
        assert!(!new.body.contains("Nông nghiệp"), "{}", new.path);
    }
    let title = app.json("category/nong-nghiep").await["title"].clone();
    assert!(title.as_str().unwrap().contains("Nhà nông"), "{title}");
    assert!(app.get("/").await.text().contains("Nhà nông"));
}

async fn a_moved_section_takes_its_articles_along(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let own = app.entry("category/nong-nghiep", "2").await.unwrap();
    app.everything(&FEEDS).await;
    db.sql("UPDATE categories SET parent_id = '20' WHERE id = '11'").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    for (feed, ids) in
        [("all", "4 3 2 1"), ("category/kinh-te", "3 1"), ("category/nong-nghiep", "2"), ("category/van-hoa", "4 2")]
    {
        assert_eq!(app.ids(feed).await, ids, "{feed}");
    }
    let moved = app.entry("category/van-hoa", "2").await.unwrap();
    for key in ["id", "date_published", "date_modified", "title", "content_html"] {
        assert_eq!(own[key], moved[key], "{key}");
    }
    for seen in app.everything(&FEEDS).await {
        seen.entries();
    }
}

async fn two_sections_with_one_slug_get_two_addresses(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    db.sql(&format!(
        "INSERT INTO categories VALUES ('21', '20', 'kinh-te', 'Kinh tế văn hóa', 1); {}",
        article("5", "21", "2026-03-18 07:45:00", &[])
    ))
    .await;
    app.step().await;
    assert_eq!(app.ids("category/kinh-te").await, "3 2 1");
    assert_eq!(app.ids("category/kinh-te-2").await, "5");
    let faults = app.view.with_status(|status| status.general_faults.clone());
    let told: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.subject, fault.code)).collect();
    assert_eq!(told, ["category 21 slug_taken"]);
}

async fn what_is_held_back_leaves_at_once_and_may_return(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let back = "UPDATE articles SET status = 'published', embargo_until = NULL, published_at = '2026-03-17 20:15:00'";
    let cases = [
        ("UPDATE articles SET status = 'draft'", "02"),
        ("UPDATE articles SET embargo_until = '2026-03-19 06:00:00'", "03"),
        ("UPDATE articles SET published_at = '2026-03-20 06:00:00'", "04"),
    ];
    for (edit, hour) in cases {
        let before = app.entry("all", "2").await.unwrap();
        db.sql(&format!("{edit} WHERE id = '2'")).await;
        app.step_at(&format!("2026-03-18T{hour}:00:00Z")).await;
        assert_gone(&app, "2").await;
        db.sql(&format!("{back} WHERE id = '2'")).await;
        app.step_at(&format!("2026-03-18T{hour}:30:00Z")).await;
        let after = app.entry("all", "2").await.unwrap();
        assert_eq!((&before["id"], &before["date_published"]), (&after["id"], &after["date_published"]), "{edit}");
        assert!(before["date_modified"].as_str() < after["date_modified"].as_str(), "{edit}: {before} {after}");
        for seen in app.everything(&FEEDS).await {
            seen.entries();
            assert!(!seen.body.contains("deleted-entry") && !seen.body.contains("_deleted"), "{edit}: {}", seen.path);
        }
    }
}

/// The article is in no feed, but in the tombstones of those it was in; no word of it is left.
async fn assert_gone(app: &App, id: &str) {
    for seen in app.everything(&FEEDS).await {
        seen.entries();
        assert!(!seen.body.contains(&format!("Nội dung của tin số {id}")), "{}", seen.path);
        let buried = seen.body.contains("deleted-entry") || seen.body.contains("_deleted");
        let was_in = !seen.path.contains("van-hoa") && !seen.path.contains(".rss");
        assert_eq!(buried, was_in, "{}: {}", seen.path, seen.body);
    }
    assert!(!app.ids("all").await.split(' ').any(|left| left == id));
    let health = app.health().await;
    assert_eq!(health["articles"], 3, "{health}");
}

async fn a_withdrawal_by_the_store_is_final(db: &impl Database) {
    let (site, mut app) = running(db).await;
    app.everything(&FEEDS).await;
    db.sql("UPDATE articles SET status = 'withdrawn' WHERE id = '2'").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    assert_gone(&app, "2").await;
    assert!(app.ids("all").await.contains("[2]"), "a stub takes its place: {}", app.ids("all").await);
    assert!(app.feed("all.rss").await.text().contains("Bài viết đã được gỡ"));

    db.sql("UPDATE articles SET status = 'published' WHERE id = '2'").await;
    app.step_at("2026-03-18T03:00:00Z").await;
    assert_gone(&app, "2").await;
    let told: Vec<_> = app
        .view
        .with_status(|status| status.faults.clone())
        .into_values()
        .flatten()
        .map(|fault| fault.to_string())
        .collect();
    assert!(told.len() == 1 && told[0].contains("withdrawn for good"), "{told:?}");
    app.stop().await;

    let mut app = site.running().await;
    assert_gone(&app, "2").await;
    let now = app.clock.now();
    assert!(app.state.restore(&ArticleId::new("2"), now).await.unwrap());
    app.step_at("2026-03-18T04:00:00Z").await;
    let entry = app.entry("all", "2").await.unwrap();
    assert_eq!(entry["date_published"], "2026-03-17T20:15:00+07:00");
    assert_eq!(entry["date_modified"], "2026-03-18T11:00:00+07:00");
}

async fn a_store_that_may_restore_restores(db: &impl Database) {
    db.sql(&small()).await;
    let site = Site { store_may_restore: true, ..Site::on(db) };
    let mut app = site.running().await;
    db.sql("UPDATE articles SET status = 'withdrawn' WHERE id IN ('2', '4')").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    app.state.withdraw(&ArticleId::new("3"), app.clock.now()).await.unwrap();
    app.step_at("2026-03-18T02:30:00Z").await;
    assert_eq!(app.health().await["articles"], 1);
    db.sql("UPDATE articles SET status = 'published', revision = 'x' WHERE id IN ('2', '3')").await;
    app.step_at("2026-03-18T03:00:00Z").await;
    let ids = app.ids("all").await;
    assert!(ids.contains("[4]") && ids.contains("[3]"), "a withdrawal by command is not the store's to lift: {ids}");
    assert_eq!(app.entry("all", "2").await.unwrap()["title"], "Tin số 2");
}

async fn a_withdrawal_by_command_is_final_until_it_is_restored(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    app.everything(&FEEDS).await;
    let id = ArticleId::new("2");
    app.clock.set("2026-03-18T02:00:00Z");
    app.state.withdraw(&id, app.clock.now()).await.unwrap();
    app.step().await;
    assert_gone(&app, "2").await;
    db.sql("UPDATE articles SET title = 'Tin số 2, viết lại', updated_at = '2026-03-18 09:30:00' WHERE id = '2'").await;
    app.step_at("2026-03-18T03:00:00Z").await;
    assert_gone(&app, "2").await;
    assert!(app.state.restore(&id, app.clock.now()).await.unwrap());
    app.step_at("2026-03-18T03:10:00Z").await;
    assert_eq!(app.entry("all", "2").await.unwrap()["title"], "Tin số 2, viết lại");
    assert_eq!(app.health().await["articles"], 4);
}

async fn a_vanished_row_leaves_when_two_reads_agree(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    let before = app.everything(&FEEDS).await;
    let row = article("2", "11", "2026-03-17 20:15:00", &[]);
    db.sql("DELETE FROM articles WHERE id = '2'").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    assert_eq!(app.everything(&FEEDS).await, before, "one read is not enough");
    db.sql("DELETE FROM article_categories WHERE article_id = '2'").await;
    db.sql(&row).await;
    app.step_at("2026-03-18T02:00:02Z").await;
    assert_eq!(app.everything(&FEEDS).await, before, "it was back in time");
    db.sql("DELETE FROM articles WHERE id = '2'; DELETE FROM article_categories WHERE article_id = '2'").await;
    app.step_at("2026-03-18T02:00:04Z").await;
    app.step_at("2026-03-18T02:00:06Z").await;
    assert_gone(&app, "2").await;
    assert!(!app.ids("all").await.contains('['), "no legal notice");
    db.sql(&row).await;
    app.step_at("2026-03-18T03:00:00Z").await;
    assert_eq!(app.ids("all").await, "4 3 2 1", "never final");
}

async fn many_rows_that_vanish_are_held(db: &impl Database) {
    check_held(db, "DELETE FROM articles WHERE id <> '1'").await;
}

async fn an_empty_store_is_held(db: &impl Database) {
    check_held(db, "DELETE FROM articles").await;
}

async fn sections_that_all_vanish_are_held(db: &impl Database) {
    check_held(db, "DELETE FROM categories").await;
}

/// After the edit nothing changes but the health, whatever time passes, until somebody accepts it.
async fn check_held(db: &impl Database, edit: &str) {
    let (_site, mut app) = running(db).await;
    let before = app.everything(&FEEDS).await;
    db.sql(edit).await;
    for instant in ["2026-03-18T02:00:00Z", "2026-03-18T02:00:02Z", "2026-03-18T02:30:00Z"] {
        app.step_at(instant).await;
        assert_eq!(app.everything(&FEEDS).await, before, "{edit}");
        let health = app.health().await;
        assert!(health["held"].is_string() && health["serving"] == "stale", "{edit}: {health}");
    }
    app.clock.set("2026-03-18T03:00:00Z");
    app.state.accept_store(app.clock.now()).await.unwrap();
    app.step().await;
    let health = app.health().await;
    assert_eq!((&health["held"], &health["serving"]), (&serde_json::Value::Null, &"current".into()), "{edit}");
    assert_ne!(app.everything(&["all"]).await, before[..3], "{edit}");
}

async fn a_store_that_goes_backwards_is_held(db: &impl Database) {
    let stamped = "UPDATE articles SET title = title || '!', updated_at = '2026-03-18 08:0";
    let (_site, mut app) = running(db).await;
    db.sql(&format!("{stamped}5:00'")).await;
    app.step_at("2026-03-18T02:00:00Z").await;
    app.clock.set("2026-03-18T02:00:05Z");
    let before = app.everything(&FEEDS).await;
    db.sql(&format!("{stamped}4:00'")).await;
    app.step_at("2026-03-18T02:01:00Z").await;
    assert_eq!(app.everything(&FEEDS).await, before);
    let held = app.health().await["held"].clone();
    assert!(held.as_str().unwrap().contains("older backup"), "{held}");
    app.state.accept_store(app.clock.now()).await.unwrap();
    app.step_at("2026-03-18T02:02:00Z").await;
    assert_eq!(app.entry("all", "2").await.unwrap()["title"], "Tin số 2!!");
}

async fn a_withdrawal_counts_while_the_store_is_held(db: &impl Database) {
    let (_site, mut app) = running(db).await;
    db.sql(&article("5", "10", "2026-03-18 09:30:00", &[])).await;
    app.step().await;
    app.everything(&FEEDS).await;
    db.sql("DELETE FROM articles WHERE id IN ('1', '3', '4')").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    assert!(app.health().await["held"].is_string());
    app.state.withdraw(&ArticleId::new("2"), app.clock.now()).await.unwrap();
    app.step_at("2026-03-18T02:00:02Z").await;
    for feed in FEEDS {
        let answer = app.get(&format!("/feeds/{feed}.atom")).await;
        assert!(!answer.text().contains("Nội dung của tin số 2"), "{feed}: {}", answer.text());
    }
    assert_eq!(app.health().await["articles"], 3, "the others stay");
}

/// F55: whoever compares the service with one that has never heard of the article finds no difference.
async fn a_scheduled_article_is_nowhere_before_its_second(db: &impl Database) {
    let (_site, mut without) = running(db).await;
    let public = [without.everything(&FEEDS).await, vec![]].concat();
    let (index, health) = (without.get("/").await, without.health().await);
    let scheduled = article("7", "11", "2026-03-18 08:00:00", &[("embargo_until", "'2026-03-18 09:00:00'")]);
    let later = article("8", "20", "2026-03-18 09:00:01", &[]);
    db.sql(&format!("{scheduled}; {later}")).await;
    without.step().await;

    on::<Sqlite>(async |other| {
        other.sql(&format!("{}; {scheduled}; {later}", small())).await;
        let site = Site::on(other);
        let mut with = site.running().await;
        for app in [&with, &without] {
            assert_eq!(app.everything(&FEEDS).await, public);
            assert_eq!(app.get("/").await, index);
            for key in ["articles", "feeds", "set_aside", "held", "serving"] {
                assert_eq!(app.health().await[key], health[key], "{key}");
            }
        }
        for app in [&mut with, &mut without] {
            app.step_at("2026-03-18T01:59:59.999999Z").await;
            assert_eq!(app.ids("all").await, "4 3 2 1");
            app.step_at("2026-03-18T02:00:00Z").await;
            assert_eq!(
                (app.ids("all").await, app.ids("category/kinh-te").await),
                ("7 4 3 2 1".into(), "7 3 2 1".into())
            );
            assert_eq!(app.entry("all", "7").await.unwrap()["date_published"], "2026-03-18T09:00:00+07:00");
            app.step_at("2026-03-18T02:00:01Z").await;
            assert_eq!(app.ids("all").await, "8 7 4 3 2 1");
        }
    })
    .await;
}

async fn a_scheduled_article_comes_after_a_restart_too(db: &impl Database) {
    let (site, mut app) = running(db).await;
    db.sql(&article("7", "11", "2026-03-18 09:00:00", &[])).await;
    app.step().await;
    app.stop().await;
    site.clock.set("2026-03-18T02:00:00Z");
    let mut app = site.running().await;
    assert_eq!(app.ids("all").await, "7 4 3 2 1");

    db.sql("UPDATE articles SET embargo_until = '2026-03-18 10:00:00' WHERE id = '7'").await;
    app.step().await;
    assert_eq!(app.ids("all").await, "4 3 2 1");
    app.stop().await;
    let mut app = site.running().await;
    app.step_at("2026-03-18T03:00:00Z").await;
    assert_eq!(app.ids("all").await, "7 4 3 2 1", "published before, and held back since");
}

async fn what_was_restored_while_we_were_down_comes_back(db: &impl Database) {
    let (site, mut app) = running(db).await;
    let id = ArticleId::new("2");
    app.state.withdraw(&id, app.clock.now()).await.unwrap();
    app.step().await;
    assert_eq!(app.ids("all").await, "4 3 [2] 1");
    let state = app.state.clone();
    app.stop().await;
    assert!(state.restore(&id, site.clock.now()).await.unwrap());
    let app = site.running().await;
    assert_eq!(app.ids("all").await, "4 3 2 1");
}

async fn a_restart_changes_no_byte(db: &impl Database) {
    let (site, mut app) = running(db).await;
    db.sql("UPDATE articles SET title = 'Tin số hai' WHERE id = '2'; UPDATE articles SET status = 'withdrawn' WHERE id = '4';
        UPDATE categories SET slug = 'kinh-doanh', name = 'Kinh doanh' WHERE id = '10'").await;
    app.step_at("2026-03-18T02:00:00Z").await;
    let feeds = ["all", "category/kinh-doanh", "category/nong-nghiep", "category/van-hoa", "category/kinh-te"];
    app.clock.set("2026-03-18T02:00:05Z");
    let before = app.everything(&feeds).await;
    app.stop().await;
    site.clock.set("2026-03-18T05:00:00Z");
    let mut app = site.running().await;
    assert_eq!(app.everything(&feeds).await, before);
    app.step().await;
    assert_eq!(app.everything(&feeds).await, before);
}

async fn another_base_url_changes_no_id(db: &impl Database) {
    let (site, app) = running(db).await;
    let ids = async |app: &App| {
        let mut ids = Vec::new();
        for feed in FEEDS {
            let atom = app.feed(&format!("{feed}.atom")).await.text();
            let tree = roxmltree::Document::parse(&atom).unwrap();
            ids.extend(
                tree.descendants()
                    .filter(|node| node.has_tag_name(("http://www.w3.org/2005/Atom", "id")))
                    .map(|node| node.text().unwrap().to_owned()),
            );
        }
        ids
    };
    let (before, ids_before) = (app.everything(&FEEDS).await, ids(&app).await);
    app.stop().await;
    let moved = Site { base_url: "https://rss.toasoan.example/tin/", ..site };
    let app = moved.running().await;
    assert_eq!(ids(&app).await, ids_before);
    assert_eq!(ids_before.len(), FEEDS.len() + 4 + 3 + 1 + 1);
    for (old, new) in before.iter().zip(app.everything(&FEEDS).await) {
        new.entries();
        assert!(new.body != old.body && new.etag != old.etag, "{}", new.path);
        assert!(
            new.body.contains("https://rss.toasoan.example/tin/feeds/") && !new.body.contains("tin.baovidu.example")
        );
    }
}
