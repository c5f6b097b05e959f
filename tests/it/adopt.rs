//! Moving from a feed that the paper had before: its subscribers, with readers of others' making, see nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use loa::domain::article::ArticleId;
use loa::domain::clock::Clock as _;
use loa::state::{Adopted, Adoption};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::app::{App, Site};
use crate::support::feeds;
use crate::support::newsroom::small;
use crate::support::old_server::OldServer;
use crate::support::process::{Served, run};
use crate::support::sqlite::Sqlite;
use crate::support::{Database as _, on};

/// The old feed in three kinds, of the articles 1 to 3 of [`small`]: found by the address as it was written then, by the
/// title alone, by an address with a line break.
const WITH_GUIDS: &str = r#"<?xml version="1.0" encoding="utf-16"?>
<rss version="2.0"><channel><title>Báo Ví Dụ</title><link>https://baovidu.example/</link><description/>
<item><title>Tin số 3</title><link>http://www.baovidu.example/tin-3.htm?utm_source=rss</link>
  <guid isPermaLink="false">bai 3</guid><pubDate>Wed, 18 Mar 2026 06:30:00 GMT+7</pubDate></item>
<item><title><![CDATA[Tin&nbsp;số 2]]></title><link>https://cu.baovidu.example/?p=2</link>
  <guid>https://cu.baovidu.example/?p=2</guid><pubDate>Tue, 17 Mar 2026 20:15:00 GMT</pubDate></item>
<item><title>Tên khác 1</title><link>
  https://baovidu.example/tin-1.htm
</link><guid>urn:bai:1</guid><pubDate>3/17/2026 8:00:00 AM</pubDate></item>
</channel></rss>"#;

const WITHOUT_GUIDS: &str = r#"<?xml version="1.0"?>
<rss version="2.0"><channel><title>Báo Ví Dụ</title><link>https://baovidu.example/</link><description/>
<item><title>Tin số 3</title><link>http://www.baovidu.example/tin-3.htm?utm_source=rss</link></item>
<item><title>Tin số 2</title><link>https://cu.baovidu.example/?p=2&amp;x=1</link>
  <pubDate>Tue, 17 Mar 2026 20:15:00 +0700</pubDate></item>
<item><title>Tin số 1</title><link>https://baovidu.example/tin-1.htm</link></item>
</channel></rss>"#;

const ATOM: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:baovidu.example,2014:tin</id><title>Báo Ví Dụ</title>
<updated>2026-03-18T06:30:00+07:00</updated>
<entry><id>tag:baovidu.example,2014:bai/3</id><title>Tin số 3</title><updated>2026-03-18T06:30:00+07:00</updated>
  <link href="https://baovidu.example/tin-3.htm"/></entry>
<entry><id>https://baovidu.example/tin-2</id><title type="html">Tin số &lt;b&gt;2&lt;/b&gt;</title>
  <updated>2026-03-18T05:00:00+07:00</updated><published>2026-03-17T20:15:00+07:00</published>
  <link href="https://cu.baovidu.example/?p=2"/></entry>
<entry><id>urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6</id><title>Tin số 1</title>
  <updated>2026-03-17T08:00:00+07:00</updated><link href="https://baovidu.example/tin-1.htm"/></entry>
</feed>"#;

const CONFIG: &[&str] = &["--config", "loa.toml"];

/// A directory with a store of four articles, and a configuration.
async fn place(db: &Sqlite) -> TempDir {
    db.sql(&small()).await;
    let directory = tempfile::tempdir().unwrap();
    let config = format!(
        "store.url = \"{}\"\nstore.poll_interval_ms = 100\nhttp.metrics_listen = \"\"\nsite.article_url = \"https://baovidu.example/{{slug}}.htm\"\n",
        db.url()
    );
    fs::write(directory.path().join("loa.toml"), config).unwrap();
    directory
}

/// Runs `loa adopt`: exit status and report.
fn adopt(directory: &Path, args: &[&str]) -> (i32, Value) {
    let args = [&["adopt", "--json"], args, CONFIG].concat();
    let (status, out, error) = run(directory, &args);
    let report = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{args:?}: {status}\n{out}{error}"));
    (status, report)
}

/// What a reader knows entries by, under the digit in their titles, which is the number of the article.
type Seen = BTreeMap<char, BTreeSet<String>>;
/// A reader: of a document, each entry's title and what it is known by.
type Reader = fn(&str) -> Vec<(String, String)>;

fn feed_rs(document: &str) -> Vec<(String, String)> {
    // Entries without an id are known by their link, as in nearly every reader.
    let by_link = |links: &[feed_rs::model::Link], _: &Option<feed_rs::model::Text>, _: Option<&str>| {
        links.first().map(|link| link.href.clone()).unwrap_or_default()
    };
    // It believes what a document says of its encoding.
    let document = document.replace("encoding=\"utf-16\"", "");
    let feed = feed_rs::parser::Builder::new().id_generator(by_link).build().parse(document.as_bytes()).unwrap();
    feed.entries.into_iter().map(|entry| (entry.title.unwrap().content, entry.id)).collect()
}

/// Python's feedparser, which most aggregators are made with.
fn feedparser(document: &str) -> Vec<(String, String)> {
    const SCRIPT: &str = "import sys, json, feedparser\n\
        feed = feedparser.parse(sys.argv[1].encode())\n\
        print(json.dumps([[e.title, e.get('id') or e.link] for e in feed.entries]))";
    let python = std::env::var_os("LOA_TEST_FEEDPARSER").expect("a Python with feedparser is missing: run tests/run");
    let output = Command::new(python).args(["-c", SCRIPT, document]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn look(seen: &mut Seen, reader: Reader, document: &str) {
    for (title, id) in reader(document) {
        seen.entry(title.chars().find(char::is_ascii_digit).unwrap()).or_default().insert(id);
    }
}

/// Asks for an address of the old feed and goes where it leads, as a subscriber's reader does.
async fn subscribe(served: &Served, old_path: &str) -> String {
    let host: &[&str] = &["Host: localhost"];
    let mut client = served.connect().await;
    let moved = client.ask(&format!("GET {old_path}"), host).await;
    assert_eq!(moved.status, 301, "{old_path}");
    let target = url::Url::parse(&moved.header("location").unwrap()).unwrap();
    loop {
        let answer = client.ask(&format!("GET {}", target.path()), host).await;
        if answer.status == 200 {
            return answer.text();
        }
        assert_eq!(answer.status, 503, "{target}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_subscriber_of_the_old_feed_sees_nothing_twice() {
    for (document, old_path, new_path) in [
        (WITH_GUIDS, "/rss/tin.rss", "/feeds/all.rss"),
        (WITHOUT_GUIDS, "/rss/tin.xml?nguon=web", "/feeds/all.rss"),
        (ATOM, "/tin.atom", "/feeds/all.atom"),
    ] {
        on::<Sqlite>(async |db| {
            let directory = place(db).await;
            fs::write(directory.path().join("cu.xml"), document).unwrap();
            let from = old_path.split('?').next().unwrap();
            let (status, report) = adopt(directory.path(), &["cu.xml", "--from", from, "--to", "all"]);
            assert_eq!(status, 0, "{report:#}");
            let new: Vec<_> = report["new"].as_array().unwrap().iter().map(|entry| &entry["title"]).collect();
            assert_eq!(new, ["Tin số 4"], "{report:#}");
            assert_eq!(report["our_feed"]["path"], new_path);

            let line = report["redirects"]["loa"].as_str().unwrap();
            let config = fs::read_to_string(directory.path().join("loa.toml")).unwrap();
            fs::write(directory.path().join("loa.toml"), format!("{config}[redirects]\n{line}\n")).unwrap();
            let (status, checked, _) = run(directory.path(), &[&["check"], CONFIG].concat());
            assert_eq!(status, 0, "{checked}");
            let served = Served::start(directory.path(), CONFIG);
            let ours = subscribe(&served, old_path).await;
            let readers: [Reader; 2] = [feed_rs, feedparser];
            for reader in readers {
                let mut seen = Seen::new();
                look(&mut seen, reader, document);
                assert_eq!(seen.keys().collect::<String>(), "123");
                look(&mut seen, reader, &ours);
                assert_eq!(seen.keys().collect::<String>(), "1234");
                assert!(seen.values().all(|ids| ids.len() == 1), "seen twice: {seen:#?}\n{ours}");
            }
            served.terminate();
            assert_eq!(served.ended(), Some(0));
        })
        .await;
    }
}

#[tokio::test]
async fn the_present_feed_is_fetched() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        let server = OldServer::start(&[("/rss/cu.rss", WITH_GUIDS)]);
        let (status, report) = adopt(directory.path(), &[&server.url("/moved/rss/cu.rss")]);
        assert_eq!(status, 0, "{report:#}");
        assert_eq!(report["redirects"]["loa"], "\"/moved/rss/cu.rss\" = \"/feeds/category/kinh-te.rss\"");
        let asked = server.requests();
        assert!(asked[0].contains(concat!("user-agent: Loa/", env!("CARGO_PKG_VERSION"))), "{asked:?}");

        let (status, _, error) = run(directory.path(), &[&["adopt", &server.url("/404")], CONFIG].concat());
        assert_eq!((status, error), (2, format!("loa: `{}` answers 404 Not Found\n", server.url("/404"))));
    })
    .await;
}

#[tokio::test]
async fn the_smallest_category_that_holds_all_is_chosen() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        let feed = |ids: &[u32]| {
            let item = |id| format!("<item><link>https://baovidu.example/tin-{id}.htm</link><guid>{id}</guid></item>");
            format!("<rss><channel>{}</channel></rss>", ids.iter().map(item).collect::<Vec<_>>().concat())
        };
        let check = |ids: &[u32], path: &str, why: &str| {
            fs::write(directory.path().join("cu.xml"), feed(ids)).unwrap();
            let (status, report) = adopt(directory.path(), &["cu.xml", "--dry-run"]);
            assert_eq!((status, &report["our_feed"]["path"]), (0, &Value::from(path)), "{report:#}");
            assert!(report["our_feed"]["why"].as_str().unwrap().contains(why), "{report:#}");
        };
        check(&[1, 2, 3], "/feeds/category/kinh-te.rss", "the smallest category that holds the 3 articles found");
        check(&[2], "/feeds/category/nong-nghiep.rss", "holds the 1 articles");
        check(&[1, 2, 4], "/feeds/all.rss", "category/kinh-te holds 2 of them, `--to category/kinh-te` chooses it");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_taken_over_is_listed() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        db.sql("UPDATE articles SET title = 'Thời tiết', published_at = '2026-03-18 05:00:00' WHERE id IN ('1', '2')")
            .await;
        let old = "<rss><channel>
            <item><guid>g3</guid><link>https://baovidu.example/tin-3.htm</link></item>
            <item><guid>g3b</guid><link>http://baovidu.example/tin-3.htm</link></item>
            <item><guid>g0</guid><title>Bài đã\u{7} xóa</title><pubDate>18/03/2026 06:30</pubDate></item>
            <item><guid>g1</guid><title>Thời tiết</title><pubDate>18/03/2026 06:30</pubDate></item>
            <item><title>Không tên</title></item></channel></rss>";
        fs::write(directory.path().join("cu.xml"), old).unwrap();
        let args = ["adopt", "cu.xml", "--to", "van-hoa", "--config", "loa.toml"];
        let (status, _, error) = run(directory.path(), &args);
        assert_eq!((status, error.contains("--to: `van-hoa` is no feed")), (2, true), "{error}");
        assert!(!directory.path().join("loa-data").exists(), "what could not run wrote nothing");
        let args = ["adopt", "cu.xml", "--to", "category/van-hoa", "--config", "loa.toml"];
        let dry_run = [&args[..], &["--dry-run"]].concat();
        let (_, out, _) = run(directory.path(), &dry_run);
        assert!(out.contains("dry run, nothing is recorded; to record: 1 guid; known before: 0"), "{out}");
        assert!(!directory.path().join("loa-data").exists(), "a dry run writes nothing");
        insta::assert_snapshot!(told(&run(directory.path(), &args)), @r#"
        cu.xml: RSS, 4 entries
        found the article of 2 of 4 entries: 2 by address, 0 by title
        recorded: 1 guid; known before: 0

        not taken over:
          (no title)
            guid g3b
            article 3: the article has adopted the guid `g3`
          Bài đã xóa (2026-03-18T06:30:00+07:00)
            guid g0
            no article has its address, or its title within 24 hours
          Thời tiết (2026-03-18T06:30:00+07:00)
            guid g1
            articles 1, 2 fit equally well
          1 item has neither guid nor link: no reader can tell them apart

        our feed: /feeds/category/van-hoa.rss (--to names it)
        a subscriber who comes over from the old feed sees 1 entry as new, nothing twice
          Tin số 4 (2026-03-18T07:00:00+07:00)

        to lead subscribers over, in Loa's configuration, if the old address is led to Loa:
          [redirects]
          "/ADDRESS/OF/THE/OLD/FEED" = "/feeds/category/van-hoa.rss"
        or in nginx:
          location = "/ADDRESS/OF/THE/OLD/FEED" { return 301 http://127.0.0.1:8090/feeds/category/van-hoa.rss; }
        the feed does not tell its address: put it in, or give it by --from
        [1]
        "#);
        assert!(run(directory.path(), &args).1.contains("recorded: 0 guids; known before: 1"));
    })
    .await;
}

fn told((status, out, error): &(i32, String, String)) -> String {
    format!("{out}{error}[{status}]")
}

#[tokio::test]
async fn what_subscribers_see_twice_is_said() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        // No reader of Atom takes a number for an id, so ours has to mint one.
        let old = "<feed><entry><id>77</id><link href='https://baovidu.example/tin-4.htm'/>
            <published>2026-03-18T07:00:00+07:00</published></entry></feed>";
        fs::write(directory.path().join("cu.xml"), old).unwrap();
        let (status, report) = adopt(directory.path(), &["cu.xml", "--to", "all", "--dry-run"]);
        let new: Vec<_> = report["new"].as_array().unwrap().iter().collect();
        let told = |entry: &Value| (entry["title"].clone(), entry["twice"].clone(), entry["older"].clone());
        assert_eq!((status, new.len()), (1, 4), "{report:#}");
        assert_eq!(told(new[0]), ("Tin số 4".into(), true.into(), false.into()));
        assert_eq!(told(new[1]), ("Tin số 3".into(), false.into(), true.into()));
        let (_, out, _) = run(directory.path(), &[&["adopt", "cu.xml", "--to", "all", "--dry-run"], CONFIG].concat());
        let told = "sees 4 entries as new, 1 OF THEM TWICE\n  TWICE Tin số 4 (2026-03-18T07:00:00+07:00)\n  3 entries are older";
        assert!(out.contains(told), "{out}");

        // What was adopted on an earlier day, subscribers have seen, also when the old feed has lost it.
        let item =
            |id: u32| format!("<item><guid>g{id}</guid><link>https://baovidu.example/tin-{id}.htm</link></item>");
        for (day, expect) in [(1..=2, 2), (2..=3, 1), (3..=4, 0)] {
            let items: Vec<String> = day.map(item).collect();
            fs::write(directory.path().join("cu.xml"), format!("<rss>{}</rss>", items.concat())).unwrap();
            let (status, report) = adopt(directory.path(), &["cu.xml", "--to", "all"]);
            assert_eq!((status, report["new"].as_array().unwrap().len()), (0, expect), "{report:#}");
        }
    })
    .await;
}

/// More articles lie between them than are looked at in one go.
#[tokio::test]
async fn two_articles_of_one_address_are_none() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        db.sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
             INSERT INTO articles (id, slug, title, status, published_at)
             SELECT 'x' || i, 'x-' || i, 'Tin khác ' || i, 'published', '2026-03-17 08:00:00' FROM n;
             UPDATE articles SET slug = 'tin-1' WHERE id = 'x999'",
        )
        .await;
        let old = "<rss><item><guid>g1</guid><link>https://baovidu.example/tin-1.htm</link></item></rss>";
        fs::write(directory.path().join("cu.xml"), old).unwrap();
        let (status, report) = adopt(directory.path(), &["cu.xml", "--to", "all", "--dry-run"]);
        assert_eq!((status, &report["entries"][0]["standing"]), (1, &Value::from("ambiguous")), "{report:#}");
        assert_eq!(report["entries"][0]["reason"], "articles 1, x999 fit equally well");
    })
    .await;
}

/// The old feed is one of ours, say, and its links were exchanged.
#[tokio::test]
async fn no_article_takes_over_the_id_of_another() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        db.sql("UPDATE articles SET guid = 'g2' WHERE id = '2'").await;
        let config = fs::read_to_string(directory.path().join("loa.toml")).unwrap();
        let identity = "identity.authority = \"baovidu.example\"\nidentity.since = \"2022\"\n";
        fs::write(directory.path().join("loa.toml"), config + identity).unwrap();
        let made_for = |id: u32| format!("tag:baovidu.example,2022:article/{id}");
        let item = |guid: &str, link: u32| {
            format!("<item><guid>{guid}</guid><link>https://baovidu.example/tin-{link}.htm</link></item>")
        };
        let items = [item(&made_for(4), 3), item(&made_for(1), 1), item(&made_for(9), 4)];
        fs::write(directory.path().join("cu.xml"), format!("<rss>{}</rss>", items.concat())).unwrap();
        let check = |expect: [(&str, Option<&str>); 3]| {
            let (status, report) = adopt(directory.path(), &["cu.xml", "--to", "all"]);
            let of = |n: usize| {
                let entry = &report["entries"][n];
                (entry["standing"].as_str().unwrap(), entry["reason"].as_str())
            };
            assert_eq!((status, [of(0), of(1), of(2)]), (1, expect), "{report:#}");
        };
        let expect = [
            ("other_article", Some("the guid is that of article 4")),
            ("known", None),
            ("other_article", Some("the guid is that of article 9")),
        ];
        check(expect);
        let (_, rendered, _) = run(directory.path(), &[&["render", "/feeds/all.json"], CONFIG].concat());
        let rendered: Value = serde_json::from_str(&rendered).unwrap();
        let ids: Vec<_> = rendered["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
        assert_eq!(ids, [4, 3, 2, 1].map(|id| Value::from(made_for(id))));
        // The same once they are published.
        let served = Served::start(directory.path(), CONFIG);
        while served.connect().await.ask("GET /readyz", &["Host: localhost"]).await.status != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        served.terminate();
        assert_eq!(served.ended(), Some(0));
        check(expect);
    })
    .await;
}

#[tokio::test]
async fn check_names_redirects_that_lead_nowhere() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        let config = fs::read_to_string(directory.path().join("loa.toml")).unwrap();
        let lines = "[redirects]\n\"/a.rss\" = \"/feeds/category/kinh-t.rss\"\n\"/b.rss\" = \"/feeds/all.rss\"\n";
        fs::write(directory.path().join("loa.toml"), config + lines).unwrap();
        let (status, out, _) = run(directory.path(), &[&["check"], CONFIG].concat());
        assert!(out.contains("feed category/kinh-t.rss [notice] redirect_nowhere"), "{out}");
        assert_eq!((status, out.matches("redirect_nowhere").count()), (1, 1), "{out}");
    })
    .await;
}

/// Loa was tried out before the move, and goes on while the old feed is taken over.
#[tokio::test]
async fn a_running_service_takes_over_guids_on_request() {
    on::<Sqlite>(async |db| {
        let directory = place(db).await;
        fs::write(directory.path().join("cu.xml"), WITH_GUIDS).unwrap();
        let served = Served::start(directory.path(), CONFIG);
        let rss = async || {
            let answer = served.connect().await.ask("GET /feeds/all.rss", &["Host: localhost"]).await;
            if answer.status == 200 { answer.text() } else { String::new() }
        };
        while !rss().await.contains("tin-3") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let (status, report) = adopt(directory.path(), &["cu.xml", "--to", "all"]);
        assert_eq!((status, &report["entries"][0]["standing"]), (1, &Value::from("published")), "{report:#}");
        let twice = report["new"].as_array().unwrap().iter().filter(|entry| entry["twice"] == true).count();
        assert_eq!(twice, 3, "{report:#}");
        assert!(!rss().await.contains(">bai 3<"));

        let (status, report) = adopt(directory.path(), &["cu.xml", "--to", "all", "--also-published"]);
        assert_eq!((status, &report["entries"][0]["standing"]), (0, &Value::from("recorded")), "{report:#}");
        while !rss().await.contains(">bai 3<") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// Loa was tried out before the move: what it has published keeps its id unless somebody says that this is no loss.
#[tokio::test]
async fn what_is_published_changes_its_guid_only_on_request() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let site = Site::on(db);
        let mut app = site.running().await;
        app.step_at("2026-03-18T01:10:00Z").await;
        let before = app.json("all").await;
        let guids = vec![(ArticleId::new("3"), "https://cu.example/3".to_owned())];
        let mut adoption = Adoption { guids, also_published: false, identity: feeds::options().identity };
        let answers = app.state.adopt(&adoption, app.clock.now()).await.unwrap();
        assert_eq!(answers, [Adopted::Published(None)]);
        app.step_at("2026-03-18T01:20:00Z").await;
        assert_eq!(app.json("all").await, before);

        adoption.also_published = true;
        assert_eq!(app.state.adopt(&adoption, app.clock.now()).await.unwrap(), [Adopted::Recorded]);
        app.step_at("2026-03-18T01:30:00Z").await;
        let check = async |app: &App| {
            let after = app.json("all").await;
            let (old, new) = (&before["items"][1], &after["items"][1]);
            assert_eq!((&new["id"], &old["title"]), (&Value::from("https://cu.example/3"), &new["title"]));
            assert_eq!(new["date_modified"], old["date_modified"], "no reader is told of a change");
            assert_eq!(after["items"][0], before["items"][0]);
            let rss = app.feed("category/kinh-te.rss").await.text();
            assert!(rss.contains("<guid isPermaLink=\"false\">https://cu.example/3</guid>"), "{rss}");
        };
        check(&app).await;
        app.stop().await;
        let again = site.running().await;
        check(&again).await;
        again.stop().await;
    })
    .await;
}
