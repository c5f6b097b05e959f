//! The real program: its commands, its start and its end.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::app::Site;
use crate::support::http::{Client, patiently, request};
use crate::support::newsroom::{article, small};
use crate::support::process::{Served, loa, run, told};
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

const HOST: &[&str] = &["Host: localhost"];

/// A directory with a store in it and a configuration; further lines of the configuration may be given.
async fn place(db: &Sqlite, lines: &str) -> TempDir {
    db.sql(&small()).await;
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), db, lines);
    directory
}

fn configure(directory: &Path, db: &Sqlite, lines: &str) {
    let store = db.url();
    let text = format!("store.url = \"{store}\"\nstore.poll_interval_ms = 100\n{lines}\n");
    fs::write(directory.join("loa.toml"), text).unwrap();
}

/// Every file below a directory with its bytes.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Other zones, locales and hash seeds; the clock goes on by itself.
#[tokio::test]
async fn two_processes_render_the_same_bytes() {
    on::<Sqlite>(async |db| {
        let directory = place(db, "").await;
        db.sql("UPDATE articles SET updated_at = '2026-03-18 07:30:00', correction = 'Sửa tên xã' WHERE id = '1'")
            .await;
        for feed in ["all", "category/kinh-te", "category/nong-nghiep", "category/van-hoa"] {
            for format in ["rss", "atom", "json"] {
                let path = format!("/feeds/{feed}.{format}");
                let args = ["render", &path, "--config", "loa.toml"];
                let rendered = [
                    [("TZ", "America/New_York"), ("LC_ALL", "C")],
                    [("TZ", "Asia/Ho_Chi_Minh"), ("LC_ALL", "vi_VN.UTF-8")],
                ]
                .map(|env| told(&loa(directory.path(), &args, &env).output().unwrap()));
                assert_eq!(rendered[0], rendered[1], "{path}");
                assert_eq!((rendered[0].0, rendered[0].2.as_str()), (0, ""), "{path}");
                assert!(rendered[0].1.contains("Nội dung") || rendered[0].1.contains("Sapo"), "{path}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn render_and_check_write_nothing() {
    on::<Sqlite>(async |db| {
        let directory = place(db, "").await;
        let commands: [&[&str]; 2] =
            [&["render", "all.atom", "--config", "loa.toml"], &["check", "--config", "loa.toml"]];
        let before = files(directory.path());
        for command in commands {
            assert_eq!(run(directory.path(), command).0, 0, "{command:?}");
            assert_eq!(files(directory.path()), before, "{command:?}");
        }
        let served = Served::start(directory.path(), &["--config", "loa.toml"]);
        ready(&served).await;
        let live = served.connect().await.ask("GET /feeds/all.atom", HOST).await;
        served.terminate();
        assert_eq!(served.ended(), Some(0));
        db.sql("UPDATE articles SET title = 'Chưa ai biết' WHERE id = '1'").await;
        let before = recorded(directory.path()).await;
        for command in commands {
            assert_eq!(run(directory.path(), command).0, 0, "{command:?}");
            assert_eq!(recorded(directory.path()).await, before, "{command:?}");
        }
        let (_, rendered, _) = run(directory.path(), commands[0]);
        assert!(rendered.contains("Chưa ai biết") && !live.text().contains("Chưa ai biết"));
    })
    .await;
}

/// Everything in state, and the documents on disk. The bytes of an SQLite file move with every clean close.
async fn recorded(directory: &Path) -> String {
    let data = directory.join("loa-data");
    let state = loa::state::open(&format!("sqlite:{}", data.join("state.sqlite").display())).await.unwrap();
    let (ledger, control) = (state.load().await.unwrap(), state.control().await.unwrap());
    format!("{ledger:?} {control:?} {:?}", files(&data.join("documents")))
}

/// Asks until the store has been read.
async fn ready(served: &Served) {
    let asking = async {
        let mut client = served.connect().await;
        while client.ask("GET /readyz", HOST).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    patiently("the first read of the store", asking).await;
}

#[tokio::test]
async fn sigterm_under_load_finishes_what_was_begun() {
    on::<Sqlite>(async |db| {
        let directory = place(db, "feeds.content = \"full\"").await;
        let body = format!("'<p>{}</p>'", "Lúa chín vàng trên cánh đồng làng. ".repeat(1000));
        for id in 20..40 {
            db.sql(&article(&id.to_string(), "10", "2026-03-17 09:00:00", &[("body_html", &body)])).await;
        }
        let served = Served::start(directory.path(), &["--config", "loa.toml"]);
        ready(&served).await;
        let whole = served.connect().await.ask("GET /feeds/all.atom", HOST).await;
        assert!(whole.status == 200 && whole.body.len() > 500_000);
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut client = served.connect().await;
            client.send(request("GET /feeds/all.atom", HOST)).await;
            clients.push(client);
        }
        // The first answer shows that the server is at it.
        let first = clients[0].answer(false).await.unwrap();
        served.terminate();
        assert_eq!(first.body, whole.body);
        for client in &mut clients[1..] {
            if let Some(answer) = client.answer(false).await {
                assert_eq!((answer.status, answer.body == whole.body), (200, true));
            }
        }
        assert_eq!(served.ended(), Some(0));
    })
    .await;
}

#[tokio::test]
async fn a_public_service_without_an_identity_does_not_start() {
    on::<Sqlite>(async |db| {
        let directory = place(db, "site.base_url = \"https://tin.baovidu.example/\"").await;
        let (status, _, said) = run(directory.path(), &["serve", "--config", "loa.toml", "--listen", "127.0.0.1:0"]);
        assert_eq!(status, 2);
        assert!(said.contains("identity.authority and identity.since are not set"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn a_changed_identity_is_refused() {
    on::<Sqlite>(async |db| {
        let identity = |authority: &str| {
            format!(
                "site.base_url = \"https://tin.baovidu.example/\"\nidentity.authority = \"{authority}\"\n\
                 identity.since = \"2022\""
            )
        };
        let directory = place(db, &identity("baovidu.example")).await;
        let served = Served::start(directory.path(), &["--config", "loa.toml"]);
        served.terminate();
        assert_eq!(served.ended(), Some(0));
        configure(directory.path(), db, &identity("bao-khac.example"));
        let (status, _, said) = run(directory.path(), &["serve", "--config", "loa.toml", "--listen", "127.0.0.1:0"]);
        assert_eq!(status, 2);
        assert!(said.contains("`tag:bao-khac.example,2022`") && said.contains("`tag:baovidu.example,2022`"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn metrics_are_answered_on_their_own_address() {
    on::<Sqlite>(async |db| {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let directory = place(db, &format!("http.metrics_listen = \"{free}\"")).await;
        let served = Served::start(directory.path(), &["--config", "loa.toml"]);
        ready(&served).await;
        let page = Client::connect(free).await.ask("GET /metrics", HOST).await.text();
        for line in ["loa_articles 4", "loa_feeds 5", "loa_store_up 1", "loa_store_held 0"] {
            assert!(page.lines().any(|found| found == line), "{line} in {page}");
        }
        assert_eq!(served.connect().await.ask("GET /metrics", HOST).await.status, 404);
    })
    .await;
}

/// A withdrawal by the command line, while the service runs.
#[tokio::test]
async fn an_article_is_withdrawn_by_command() {
    on::<Sqlite>(async |db| {
        let directory = place(db, "").await;
        let served = Served::start(directory.path(), &["--config", "loa.toml"]);
        ready(&served).await;
        let mut client = served.connect().await;
        assert!(client.ask("GET /feeds/all.json", HOST).await.text().contains("Tin số 3"));
        let (status, said, _) = run(directory.path(), &["articles", "withdraw", "3", "--config", "loa.toml"]);
        assert_eq!((status, said.as_str()), (0, "article 3 is withdrawn\n"));
        let gone = async {
            while client.ask("GET /feeds/all.json", HOST).await.text().contains("Tin số 3") {
                tokio::task::yield_now().await;
            }
        };
        patiently("the article to leave", gone).await;
        let (status, said, _) = run(directory.path(), &["articles", "restore", "3", "--config", "loa.toml"]);
        assert_eq!((status, said.as_str()), (0, "article 3 may come back\n"));
    })
    .await;
}

/// What a published row may look like, and the code of the fault that names it.
const BAD: [(&str, &str, &str); 26] = [
    ("title", "NULL", "title_missing"),
    ("title", "'   '", "title_missing"),
    ("title", "'<b>&nbsp;</b>'", "title_missing"),
    ("status", "NULL", "status_unknown"),
    ("status", "'đã đăng'", "status_unknown"),
    ("published_at", "NULL", "published_at_missing"),
    ("published_at", "'hôm qua'", "stamp_unreadable"),
    ("published_at", "'0001-01-01 00:00:00'", "stamp_absurd"),
    ("published_at", "'2999-12-31 00:00:00'", "stamp_absurd"),
    ("published_at", "'Thứ Hai, 17/03/2026 06:30'", "stamp_weekday"),
    ("embargo_until", "'khi có lệnh'", "embargo_unreadable"),
    ("updated_at", "'0000-00-00 00:00:00'", "updated_at_unusable"),
    ("updated_at", "'2026-03-10 06:30:00'", "updated_before_published"),
    ("slug", "NULL", "link_missing"),
    ("url", "'javascript:alert(1)'", "link_missing"),
    ("language", "'tiếng Việt'", "language_unusable"),
    ("title", "'Tin ' || char(11) || 'có ký tự lạ'", "characters_forbidden"),
    ("body_html", "'<p>Tin ' || char(1) || char(65535) || ' lạ</p>'", "characters_forbidden"),
    ("body_html", "'<p>' || replace(hex(zeroblob(5000000)), '00', 'lá') || '</p>'", "body_too_large"),
    ("body_html", "'<p>Tin</p><script>alert(1)</script>'", "html_unsafe"),
    ("lead", "replace(hex(zeroblob(200000)), '00', 'lá ')", "text_too_long"),
    ("title", "CAST(X'54C3' AS TEXT)", "row_unreadable"),
    ("title", "X'FFFE00'", "row_unreadable"),
    ("published_from", "'update'", "publication_from_update"),
    ("guid", "'trùng'", "guid_taken"),
    ("latitude", "'21.3227'", "point_unusable"),
];

/// The store with every kind of bad row among the good ones.
async fn bad_store(db: &Sqlite) {
    for (case, (column, value, _)) in BAD.iter().enumerate() {
        let id = format!("xau-{case}");
        // A bad address is no fault where a slug stands in for it.
        let slug = if *column == "url" { "NULL".to_owned() } else { format!("'{id}'") };
        db.sql(&article(&id, "10", "2026-03-17 06:00:00", &[("slug", &slug), (column, value)])).await;
    }
    let twice = article("doi", "10", "2026-03-17 06:00:00", &[]);
    db.sql(&format!("{twice}; {twice}")).await;
    db.sql(&article("trung", "10", "2026-03-17 06:00:01", &[("guid", "'trùng'")])).await;
    db.sql(&article("lac", "khong-co", "2026-03-17 06:00:01", &[])).await;
    db.sql(&article("anh", "10", "2026-03-17 06:00:01", &[])).await;
    db.sql(
        "INSERT INTO article_media (article_id, position, url) VALUES ('anh', 0, 'C:\\anh.jpg');
         INSERT INTO articles (title, status) VALUES ('Không mã', 'published');
         INSERT INTO categories VALUES ('40', '99', 'the-thao', 'Thể thao', 4);
         INSERT INTO categories VALUES ('41', NULL, 'Xã hội!', 'Xã hội', 5);
         INSERT INTO categories VALUES ('42', NULL, 'kinh-te', 'Kinh tế mới', 6)",
    )
    .await;
}

#[tokio::test]
async fn check_names_every_bad_row_and_serve_serves_the_rest() {
    on::<Sqlite>(async |db| {
        let directory = place(db, "feeds.content = \"full\"").await;
        bad_store(db).await;
        let fresh = check_json(directory.path());
        let told = |subject: &str, code: &str| fresh.contains(&(subject.to_owned(), code.to_owned()));
        for (case, (column, value, code)) in BAD.iter().enumerate() {
            assert!(
                told(&format!("article xau-{case}"), code) || *code == "guid_taken",
                "{column} = {value}: {fresh:#?}"
            );
        }
        for (subject, code) in [
            ("article doi", "id_duplicate"),
            ("article xau-24", "guid_taken"),
            ("article lac", "category_unknown"),
            ("article anh", "media_unusable"),
            ("relation articles", "id_missing"),
            ("category 40", "category_parent_unknown"),
            ("category 41", "slug_unusable"),
            ("category 42", "slug_taken"),
        ] {
            assert!(told(subject, code), "{subject} {code}: {fresh:#?}");
        }
        assert!(
            !fresh.iter().any(|(subject, _)| ["1", "2", "3", "4"].contains(&subject.trim_start_matches("article ")))
        );

        let site = Site::on(db);
        let app = site.running().await;
        for seen in app.everything(&["all", "category/kinh-te", "category/van-hoa"]).await {
            assert!(seen.entries() > 0, "{}", seen.path);
        }
        let ids = app.ids("all").await;
        for id in ["1", "2", "3", "4", "lac", "anh", "xau-9", "xau-18", "xau-20"] {
            assert!(ids.split(' ').any(|found| found == id), "{id} in {ids}");
        }
        assert!(app.health().await["set_aside"].as_u64().unwrap() >= 15);
        app.stop().await;
        // What a service has recorded takes nothing from what is told.
        let state = ["--state", &site.state_url];
        assert_eq!(check_json_with(directory.path(), &state), fresh);
    })
    .await;
}

fn check_json(directory: &Path) -> Vec<(String, String)> {
    check_json_with(directory, &[])
}

/// Subject and code of everything that `loa check --json` names.
fn check_json_with(directory: &Path, more: &[&str]) -> Vec<(String, String)> {
    let (status, out, said) = run(directory, &[&["check", "--json", "--config", "loa.toml"], more].concat());
    assert_eq!(status, 1, "{said}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let text = |fault: &Value, key: &str| fault[key].as_str().unwrap().to_owned();
    let faults = report["faults"].as_array().unwrap();
    assert!(faults.iter().all(|fault| !text(fault, "vi").is_empty() && !text(fault, "en").is_empty()));
    faults.iter().map(|fault| (text(fault, "subject"), text(fault, "code"))).collect()
}

/// From a page of text to the feed: six stories, newest first, at the right instants.
#[test]
fn a_page_becomes_a_feed() {
    let directory = tempfile::tempdir().unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pages/lang-nghe-dan-lat.txt");
    let import = ["import", "--category", "lang-nghe", page.to_str().unwrap()];
    let (status, _, said) = run(directory.path(), &import);
    assert_eq!(status, 0, "{said}");
    let (_, rss, said) = run(directory.path(), &["render", "category/lang-nghe.rss"]);
    let tree = roxmltree::Document::parse(&rss).unwrap_or_else(|error| panic!("{error}: {said}"));
    let dates: Vec<_> =
        tree.descendants().filter(|node| node.has_tag_name("pubDate")).filter_map(|node| node.text()).collect();
    let instants: Vec<_> = dates.iter().map(|date| chrono::DateTime::parse_from_rfc2822(date).unwrap()).collect();
    assert!(dates.len() > 3 && instants.is_sorted_by(|a, b| a >= b), "{dates:?}");
    assert!(dates.iter().all(|date| date.ends_with(" +0700")), "{dates:?}");
}
