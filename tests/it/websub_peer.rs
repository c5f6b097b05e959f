//! Subscribers that are not ours, as processes of their own: one made with another language's library for WebSub, and the
//! example that `docs/PUSH.md` gives to aggregators.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::support::hub::{Hub, free, retitle};
use crate::support::sqlite::Sqlite;
use crate::support::subscriber::{Subscriber, until};
use crate::support::{Database as _, on};

/// A program that reads commands and tells what happens, line by line. It is killed at the end of the test.
struct Peer {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    fn start(mut command: Command) -> Self {
        command.env("PYTHONUTF8", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (said, lines) = (BufReader::new(child.stdout.take().unwrap()), Arc::default());
        let peer = Self { child, lines: Arc::clone(&lines) };
        thread::spawn(move || said.lines().map_while(Result::ok).for_each(|line| lines.lock().unwrap().push(line)));
        peer
    }

    fn told(&mut self, command: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line with this text.
    async fn says(&self, text: &str) {
        until(text, async || self.lines().iter().any(|line| line.contains(text))).await;
    }

    /// The events of this kind, of a peer that speaks JSON.
    fn events(&self, kind: &str) -> Vec<Value> {
        let events = self.lines().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        events.filter(|event| event["event"] == kind).collect()
    }

    /// Waits for so many of them, and gives the last one.
    async fn event(&self, kind: &str, count: usize) -> Value {
        until(&format!("{count} of {kind}"), async || self.events(kind).len() >= count).await;
        self.events(kind).pop().unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A Python with Flask-WebSub.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration; tests/run tells them by this variable")]
fn python() -> PathBuf {
    let python = std::env::var("LOA_TEST_FLASK_WEBSUB");
    python.expect("a Python with Flask-WebSub is missing: run tests/run").into()
}

#[tokio::test]
async fn flask_websub_subscribes_receives_renews_and_unsubscribes() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let witness = Subscriber::start();
        hub.subscribe("all.atom", &witness.callback("/cb")).await;
        let mut command = Command::new(python());
        command.arg(repository().join("tests/it/websub_peer/flask_websub_reader.py"));
        let mut peer = Peer::start(command);
        let host = peer.event("listening", 1).await["url"].as_str().unwrap().to_owned();

        // It looks at the headers of the feed, gives a secret, and confirms.
        peer.told(&format!("subscribe {}", hub.topic("all.atom")));
        let asked = peer.event("asked", 1).await;
        assert_eq!((&asked["hub_url"], &asked["topic_url"]), (&hub.url("hub").into(), &hub.topic("all.atom").into()));
        let id = asked["id"].as_str().unwrap().to_owned();
        assert_eq!(peer.event("subscribe", 1).await["id"], asked["id"]);
        until("a subscription", async || hub.listed(&host).len() == 1).await;
        let before = hub.listed(&host).remove(0);
        assert_eq!(before["signed"], true);

        // It has checked the signature, or it would say nothing.
        retitle(db, "1", "Đến tay người đọc").await;
        let got = peer.event("delivered", 1).await;
        assert_eq!(got["text"], hub.feed("all.atom").await.text());
        assert!(got["text"].as_str().unwrap().contains("Đến tay người đọc"));

        peer.told(&format!("renew {id}"));
        peer.event("subscribe", 2).await;
        until("a later end", async || hub.listed(&host)[0]["expires_at"] != before["expires_at"]).await;
        assert_eq!(hub.listed(&host).len(), 1);
        retitle(db, "1", "Lần nữa").await;
        let got = peer.event("delivered", 2).await;
        assert!(got["text"].as_str().unwrap().contains("Lần nữa"));

        peer.told(&format!("unsubscribe {id}"));
        peer.event("unsubscribe", 1).await;
        until("the end", async || hub.listed(&host).is_empty()).await;
        retitle(db, "1", "Không gửi nữa").await;
        witness.has("/cb", "Không gửi nữa").await;
        witness.stays_at("/cb", 3).await;
        assert_eq!(peer.events("delivered").len(), 2);

        // It understands that it is put out, too.
        peer.told(&format!("subscribe {}", hub.topic("all.json")));
        peer.event("subscribe", 3).await;
        until("a subscription", async || hub.listed(&host).len() == 1).await;
        hub.subscriptions(&["remove", &hub.listed(&host)[0]["id"].to_string(), "--reason", "thôi nhé"]);
        assert_eq!(peer.event("denied", 1).await["reason"], "thôi nhé");
        assert!(peer.events("failed").is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_example_for_aggregators_works() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        for format in ["rss", "atom", "json"] {
            let listen = free().to_string();
            let callback = format!("http://{listen}/nhan/{format}?k=1");
            let mut command = Command::new("python3");
            command.arg(repository().join("docs/examples/subscriber.py")).arg(hub.topic(&format!("all.{format}")));
            command.args(["--listen", &listen, "--callback-url", &callback, "--secret", "bí mật"]);
            let peer = Peer::start(command);
            until("a subscription", async || hub.listed(&callback).len() == 1).await;
            assert_eq!(hub.listed(&callback)[0]["signed"], true);
            let title = format!("Tin mới cho {format}");
            // Later than the last time, or it is no change for readers.
            db.sql(&format!(
                "UPDATE articles SET title = '{title}', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ') WHERE id = '1'"
            ))
            .await;
            peer.says(&title).await;
            assert!(!peer.lines().iter().any(|line| line.contains("signature")), "{:?}", peer.lines());
            let interrupted = Command::new("kill").args(["-INT", &peer.child.id().to_string()]).status().unwrap();
            assert!(interrupted.success());
            peer.says("unsubscribed").await;
            until("the end", async || hub.listed(&callback).is_empty()).await;
        }
    })
    .await;
}
