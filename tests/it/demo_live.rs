//! `loa demo --live`: a reader sees what the newsroom does.

use std::time::Duration;

use serde_json::Value;

use crate::support::http::Client;
use crate::support::process::Served;

/// Two stories take twelve deeds, one a second.
const PATIENCE: Duration = Duration::from_mins(2);

const ARGS: &[&str] = &["--articles", "60", "--data", "d"];

async fn feed(client: &mut Client, format: &str) -> String {
    client.ask(&format!("GET /feeds/all.{format}"), &["Host: localhost"]).await.text()
}

/// An entry of the front page feed.
fn entry(json: &str, id: &str) -> Option<Value> {
    let feed: Value = serde_json::from_str(json).unwrap();
    let items = feed["items"].as_array().unwrap();
    items.iter().find(|item| item["id"].as_str().unwrap().ends_with(&format!("/{id}"))).cloned()
}

#[tokio::test]
async fn a_reader_sees_stories_come_change_and_go() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start_command(directory.path(), "demo", &[ARGS, &["--live", "1"]].concat());
    let mut client = served.connect().await;
    let seen = async {
        let (mut came, mut went, mut changed) = (false, false, false);
        while !(came && went && changed) {
            // A feed that is not there yet is an error page.
            let json = feed(&mut client, "json").await;
            if json.starts_with('{') {
                came |= entry(&json, "61").is_some_and(|entry| entry["title"] != "Bài viết đã được gỡ");
                let corrected =
                    |entry: Value| entry["content_html"].as_str().is_some_and(|html| html.contains("Đính chính"));
                changed |= entry(&json, "62").is_some_and(corrected);
                went |= entry(&json, "61").is_some_and(|entry| entry["title"] == "Bài viết đã được gỡ");
            }
            tokio::task::yield_now().await;
        }
        assert!(feed(&mut client, "atom").await.contains("/61\" when=\""), "a tombstone");
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("a story that comes, one that changes, one that goes");

    served.terminate();
    let (status, said) = served.told();
    assert_eq!(status, Some(0), "{said}");
    for told in ["đã đăng (published) 61 «", "đã đính chính (corrected) 62 «", "đã gỡ hẳn (withdrawn) 61 «"]
    {
        let line = said.lines().find(|line| line.starts_with(told)).unwrap_or_else(|| panic!("{told} in {said}"));
        assert!(line.contains("» → http://") && line.contains("/feeds/all.rss http://"), "{line}");
    }
    let again = Served::start_command(directory.path(), "demo", ARGS);
    let mut client = again.connect().await;
    let goes_on = async { while !feed(&mut client, "json").await.contains("article/62\"") {} };
    tokio::time::timeout(PATIENCE, goes_on).await.expect("what was written is there after a restart");
}
