//! The real program with a hub (WebSub), on a newsroom's store, as a subscriber knows it: an address.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::Database;
use super::http::{Answer, Client};
use super::newsroom::small;
use super::process::{Served, run};
use super::subscriber::{self, until};

const HOST: &str = "Host: localhost";
/// Counts requests that were confirmed, by this process.
const CONFIRMED: &str = "loa_push_verifications_total{result=\"confirmed\"}";
/// What is quick enough for tests; a test's own settings win.
const SETTINGS: [(&str, &str); 13] = [
    ("store.poll_interval_ms", "100"),
    ("push.callbacks_may_be_local", "true"),
    ("push.lease_min_seconds", "1"),
    ("push.connect_timeout_ms", "1000"),
    ("push.verification_timeout_ms", "1000"),
    ("push.verification_retry_first_ms", "50"),
    ("push.verification_retry_max_ms", "200"),
    ("push.delivery_timeout_ms", "1000"),
    ("push.retry_first_ms", "50"),
    ("push.retry_max_ms", "200"),
    // Tests with failing subscribers are not about the breaker.
    ("push.breaker_failures", "1000"),
    ("push.breaker_pause_ms", "100"),
    ("log.level", "\"debug\""),
];
/// Ports that no outgoing connection has, so that an address stays free while the process behind it is killed and started.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A service with a hub. It is killed at the end of the test.
pub(crate) struct Hub {
    served: Option<Served>,
    directory: TempDir,
    /// Where it answers, also after it was started again.
    pub(crate) address: SocketAddr,
    metrics: SocketAddr,
    /// The public address, ending in `/`.
    base_url: String,
}

impl Hub {
    /// On a small newsroom, with settings beside the usual ones: keys, and values as TOML. It has read the store.
    pub(crate) async fn start(db: &impl Database, settings: &[(&str, &str)]) -> Self {
        db.sql(&small()).await;
        let mut hub = Self::on(&db.url(), settings);
        hub.go_on().await;
        hub
    }

    /// On a store that is there. It is not started.
    pub(crate) fn on(store: &str, settings: &[(&str, &str)]) -> Self {
        let (address, metrics) = (free(), free());
        let (store, metrics_listen) = (format!("\"{store}\""), format!("\"{metrics}\""));
        let mut all: BTreeMap<&str, &str> = SETTINGS.into();
        all.extend([("store.url", store.as_str()), ("http.metrics_listen", metrics_listen.as_str())]);
        all.extend(settings.iter().copied());
        let own = format!("http://{address}/");
        let base_url = all.get("site.base_url").map_or(own.as_str(), |url| url.trim_matches('"')).to_owned();
        let lines: String = all.iter().map(|(key, value)| [*key, " = ", *value, "\n"].concat()).collect();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("loa.toml"), lines).unwrap();
        Self { served: None, directory, address, metrics, base_url }
    }

    /// Starts it, and waits until it listens.
    pub(crate) async fn listen(&mut self) {
        self.listen_with(&[]).await;
    }

    /// Starts it, and waits until it has read the store.
    pub(crate) async fn go_on(&mut self) {
        self.go_on_with(&[]).await;
    }

    /// The same with an environment.
    pub(crate) async fn go_on_with(&mut self, env: &[(&str, &str)]) {
        self.listen_with(env).await;
        until("the first read of the store", async || self.get("/readyz").await.status == 200).await;
    }

    async fn listen_with(&mut self, env: &[(&str, &str)]) {
        let command = self.command(env);
        let started = spawn_blocking(move || Served::by(command)).await;
        self.served = Some(started.unwrap_or_else(|_| panic!("it does not start: {}", self.log())));
    }

    /// What starts it: a shell that becomes the service. Its log goes to a file, as nobody reads a pipe while it runs.
    pub(crate) fn command(&self, env: &[(&str, &str)]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$0\" \"$@\" 2>>log", env!("CARGO_BIN_EXE_loa"), "serve", "--config", "loa.toml"]);
        command.args(["--listen", &self.address.to_string()]);
        command.env_clear().envs(env.iter().copied()).current_dir(self.directory.path());
        command
    }

    /// Kills it at once: it finishes nothing.
    pub(crate) fn kill(&mut self) {
        self.served.take().unwrap().kill();
    }

    /// Has it begin to end.
    pub(crate) fn terminate(&self) {
        self.served.as_ref().unwrap().terminate();
    }

    /// Has it end by itself.
    pub(crate) fn stop(&mut self) {
        let served = self.served.take().unwrap();
        served.terminate();
        assert_eq!(served.ended(), Some(0), "{}", self.log());
    }

    /// Where it runs.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Has it start without the settings whose keys begin so.
    pub(crate) fn forget(&self, keys: &str) {
        let file = self.directory.path().join("loa.toml");
        let settings = fs::read_to_string(&file).unwrap();
        let kept = settings.lines().filter(|line| !line.starts_with(keys)).flat_map(|line| [line, "\n"]);
        fs::write(file, kept.collect::<String>()).unwrap();
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The public address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{}", self.base_url, path.trim_start_matches('/'))
    }

    /// The topic of a feed, such as `all.rss`.
    pub(crate) fn topic(&self, feed: &str) -> String {
        self.url(&format!("feeds/{feed}"))
    }

    /// What `Link` of a delivery says.
    pub(crate) fn link(&self, feed: &str) -> String {
        format!("<{}>; rel=\"self\", <{}>; rel=\"hub\"", self.topic(feed), self.url("hub"))
    }

    /// One request: a request line without the version, and header lines.
    pub(crate) async fn request(&self, line: &str, headers: &[&str]) -> Answer {
        Client::connect(self.address).await.ask(line, &[&[HOST], headers].concat()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(&format!("GET {path}"), &[]).await
    }

    /// A feed's document, such as `all.rss`.
    pub(crate) async fn feed(&self, feed: &str) -> Answer {
        let answer = self.get(&format!("/feeds/{feed}")).await;
        assert_eq!(answer.status, 200, "{feed}: {}", answer.text());
        answer
    }

    /// Waits until a feed shows this.
    pub(crate) async fn shows(&self, feed: &str, text: &str) {
        let path = format!("/feeds/{feed}");
        until(&format!("{text} in {feed}"), async || self.get(&path).await.text().contains(text)).await;
    }

    /// Sends a form.
    pub(crate) async fn ask(&self, fields: &[(&str, &str)]) -> Answer {
        subscriber::ask(self.address, fields).await
    }

    /// Asks for a subscription, or for its end.
    pub(crate) async fn wish(&self, mode: &str, feed: &str, callback: &str, also: &[(&str, &str)]) -> Answer {
        let topic = self.topic(feed);
        let fields = [("hub.mode", mode), ("hub.topic", topic.as_str()), ("hub.callback", callback)];
        self.ask(&[&fields, also].concat()).await
    }

    /// Subscribes, or unsubscribes, and waits until that is verified.
    pub(crate) async fn confirmed(&self, mode: &str, feed: &str, callback: &str, also: &[(&str, &str)]) {
        let before = self.metric(CONFIRMED).await;
        let answer = self.wish(mode, feed, callback, also).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        self.counts(CONFIRMED, before + 1).await;
    }

    /// Subscribes.
    pub(crate) async fn subscribe(&self, feed: &str, callback: &str) {
        self.confirmed("subscribe", feed, callback, &[]).await;
    }

    /// A metric, zero if there is none.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let page = Client::connect(self.metrics).await.ask("GET /metrics", &[HOST]).await.text();
        page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or_default()
    }

    /// Waits until a metric is so much at least.
    pub(crate) async fn counts(&self, name: &str, count: u64) {
        until(&format!("{count} of {name}"), async || self.metric(name).await >= count).await;
    }

    /// `push` of `/readyz`.
    pub(crate) async fn health(&self) -> Value {
        let report: Value = serde_json::from_slice(&self.get("/readyz").await.body).unwrap();
        report["push"].clone()
    }

    /// `loa subscriptions`, which has to succeed: what it prints.
    pub(crate) fn subscriptions(&self, args: &[&str]) -> String {
        let args = [&["subscriptions"], args, &["--config", "loa.toml"]].concat();
        let (status, said, error) = run(self.directory.path(), &args);
        assert_eq!(status, 0, "{args:?}: {said}{error}");
        said
    }

    /// The subscriptions with this text in their callback.
    pub(crate) fn listed(&self, callback: &str) -> Vec<Value> {
        let listed = self.subscriptions(&["list", "--json", "--callback", callback]);
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// An address that nobody has, as far as one can know.
pub(crate) fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let (first, count) = (PORTS.start, PORTS.end - PORTS.start);
    // Beside those of other processes with tests.
    let own = u16::try_from(std::process::id() * 89 % u32::from(count)).unwrap();
    loop {
        let port = first + (own + NEXT.fetch_add(1, Ordering::SeqCst)) % count;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().unwrap();
        }
    }
}

/// Gives an article another title, which its feeds show then.
pub(crate) async fn retitle(db: &impl Database, id: &str, title: &str) {
    db.sql(&format!("UPDATE articles SET title = '{title}' WHERE id = '{id}'")).await;
}
