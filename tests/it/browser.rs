//! What a real browser makes of our pages and documents: the index is read, and nothing that an article holds ever runs.

use std::process::Command;

use loa::domain::format::Format;

use crate::support::app::Site;
use crate::support::newsroom::{article, small};
use crate::support::sqlite::Sqlite;
use crate::support::{Database as _, on};

/// Runs wherever a browser takes the document for XHTML, and leaves a mark that its source does not hold.
const SCRIPT: &str = r#"<x:script xmlns:x="http://www.w3.org/1999/xhtml">document.documentElement.setAttribute("data-"+"ran","yes")</x:script><img src="x" onerror="document.documentElement.setAttribute('data-'+'ran','yes')"/>]]>"#;
const MARK: &str = "data-ran=\"yes\"";

/// The document tree of a page, after its scripts, if any, have run.
async fn browse(url: String) -> String {
    let run = move || {
        let profile = tempfile::tempdir().unwrap();
        let output = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .output()
            .expect("chromium is missing: run tests/run");
        String::from_utf8(output.stdout).unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn the_index_is_read_and_nothing_in_a_feed_runs() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let quoted = format!("'{}'", SCRIPT.replace('\'', "''"));
        let hostile = [("title", quoted.as_str()), ("lead", &quoted), ("body_html", &quoted), ("byline", &quoted)];
        db.sql(&article("9", "10", "2026-03-18 07:30:00", &hostile)).await;
        let site = Site::on(db);
        let app = site.running().await;

        let index = browse(app.url("/")).await;
        assert!(index.contains(">Báo Ví Dụ</h1>"), "{index}");
        assert!(index.contains("rel=\"alternate\""), "{index}");
        let group = browse(app.url("/feeds/category/")).await;
        assert!(group.contains(">Chuyên mục</h1>") && group.contains(">Nông nghiệp</th>"), "{group}");
        for format in Format::ALL {
            let page = browse(app.url(&format!("/feeds/all.{format}"))).await;
            assert!(page.contains("tin-9"), "the browser shows it: {page}");
            assert!(!page.contains(MARK), "{format}: a script ran");
        }
        let control = browse(
            "data:text/html,<script>document.documentElement.setAttribute('data-'+'ran','yes')</script>".to_owned(),
        )
        .await;
        assert!(control.contains(MARK), "the mark shows when a script runs: {control}");
        app.stop().await;
    })
    .await;
}
