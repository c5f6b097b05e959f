//! Replicas that share one state serve the same bytes and validators; and a newsroom's database that may only be read.

use crate::support::app::{App, FEEDS, Site};
use crate::support::newsroom::{article, small};
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

#[tokio::test]
async fn two_replicas_serve_the_same_bytes() {
    on::<Postgres>(async |db| {
        db.sql(&small()).await;
        check_replicas(db).await;
    })
    .await;
}

#[tokio::test]
async fn two_processes_on_one_machine_serve_the_same_bytes() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        check_replicas(db).await;
    })
    .await;
}

/// After each edit both look once, now this one first, now that one.
async fn check_replicas(db: &impl Database) {
    let site = Site::on(db);
    let beside = Site { state_url: site.state_url.clone(), clock: site.clock.clone(), ..Site::on(db) };
    let (mut a, mut b) = (site.running().await, beside.running().await);
    assert_same(&a, &b, "at first").await;
    let edits = [
        "UPDATE articles SET title = 'Tin số hai', updated_at = '2026-03-18 08:30:00' WHERE id = '2'".to_owned(),
        "UPDATE articles SET lead = 'Sapo mới' WHERE id IN ('1', '4')".to_owned(),
        article("5", "11", "2026-03-18 08:10:00", &[]),
        "UPDATE articles SET status = 'draft' WHERE id = '1'".to_owned(),
        "UPDATE articles SET status = 'published' WHERE id = '1'".to_owned(),
        "UPDATE articles SET status = 'withdrawn' WHERE id = '4'".to_owned(),
        "UPDATE article_categories SET category_id = '20' WHERE article_id = '3'".to_owned(),
        "UPDATE categories SET name = 'Kinh tế xanh' WHERE id = '10'".to_owned(),
        "UPDATE categories SET slug = 'nha-nong' WHERE id = '11'".to_owned(),
        "UPDATE categories SET slug = 'nong-nghiep', parent_id = '20' WHERE id = '11'".to_owned(),
        "INSERT INTO categories VALUES ('12', NULL, 'van-hoa', 'Văn hóa đọc', 7)".to_owned(),
        article("6", "12", "2026-03-18 09:30:00", &[]),
        "DELETE FROM articles WHERE id = '2'".to_owned(),
        "SELECT 1".to_owned(),
        "UPDATE articles SET title = NULL WHERE id = '5'".to_owned(),
        "UPDATE articles SET title = 'Có tiêu đề' WHERE id = '5'".to_owned(),
    ];
    for (turn, edit) in edits.iter().enumerate() {
        db.sql(edit).await;
        site.clock.set(&format!("2026-03-18T02:{:02}:00Z", turn * 3));
        let order = if turn % 2 == 0 { [&mut a, &mut b] } else { [&mut b, &mut a] };
        for (app, second) in order.into_iter().zip([1, 2]) {
            site.clock.set(&format!("2026-03-18T02:{:02}:0{second}Z", turn * 3));
            app.step().await;
        }
        assert_same(&a, &b, edit).await;
    }
}

async fn assert_same(a: &App, b: &App, edit: &str) {
    let (here, there) = (a.everything(&FEEDS).await, b.everything(&FEEDS).await);
    for (here, there) in here.into_iter().zip(there) {
        assert_eq!(here, there, "{edit}");
        assert!(here.status == 301 || here.entries() < 10, "{edit}: {}", here.path);
    }
}

/// The newsroom's own tables, views over them, and a role that may read the views and nothing else.
#[tokio::test]
async fn a_newsrooms_own_database_is_only_read() {
    on::<Postgres>(async |db| {
        let role = db.name();
        db.sql(&format!(
            "CREATE TABLE bai_viet (ma bigint PRIMARY KEY, tieu_de text, sapo text, noi_dung text, trang_thai smallint,
                 ngay_dang timestamp, sua_luc timestamptz);
             CREATE TABLE chuyen_muc (ma integer PRIMARY KEY, ten text, duong_dan text);
             CREATE TABLE bai_chuyen_muc (bai bigint, muc integer);
             INSERT INTO bai_viet VALUES (71, 'Chợ phiên vùng cao', 'Họp từ mờ sáng', '<p>Đông vui.</p>', 1,
                 '2026-03-18 06:30:00', NULL), (72, 'Bản thảo', '', '', 0, NULL, NULL);
             INSERT INTO chuyen_muc VALUES (3, 'Đời sống', 'doi-song');
             INSERT INTO bai_chuyen_muc VALUES (71, 3);
             CREATE VIEW loa_articles AS SELECT ma AS id, 'bai-' || ma AS slug, tieu_de AS title, sapo AS lead,
                 noi_dung AS body_html, CASE trang_thai WHEN 1 THEN 'published' ELSE 'draft' END AS status,
                 ngay_dang AS published_at, sua_luc AS updated_at FROM bai_viet;
             CREATE VIEW loa_categories AS SELECT ma AS id, duong_dan AS slug, ten AS name FROM chuyen_muc;
             CREATE VIEW loa_article_categories AS SELECT bai AS article_id, muc AS category_id FROM bai_chuyen_muc;
             CREATE ROLE {role} LOGIN;
             GRANT SELECT ON loa_articles, loa_categories, loa_article_categories TO {role}"
        ))
        .await;
        on::<Sqlite>(async |own| {
            let site = Site { store_url: db.url_as(role), prefix: "loa_".to_owned(), ..Site::on(own) };
            let mut app = site.running().await;
            assert_eq!((app.ids("all").await, app.ids("category/doi-song").await), ("71".into(), "71".into()));
            db.sql("UPDATE bai_viet SET trang_thai = 1, ngay_dang = '2026-03-18 07:59:00' WHERE ma = 72").await;
            app.step().await;
            assert_eq!(app.ids("all").await, "72 71");
            let entry = app.entry("category/doi-song", "71").await.unwrap();
            assert_eq!(entry["date_published"], "2026-03-18T06:30:00+07:00");
            for seen in app.everything(&["all", "category/doi-song"]).await {
                seen.entries();
            }
        })
        .await;
        db.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    })
    .await;
}
