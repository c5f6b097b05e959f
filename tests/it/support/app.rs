//! The whole line from the store to HTTP, on port 0, with a clock and an engine that a test moves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use loa::catalog::classify;
use loa::domain::clock::Clock;
use loa::domain::format::Format;
use loa::domain::found::FindPolicy;
use loa::domain::scope::NameKey;
use loa::feed::{Content, Custom};
use loa::gazetteer::Gazetteer;
use loa::http::{CacheTimes, Limits, Options, serve};
use loa::publish::articles::Articles;
use loa::publish::disk::DiskCopies;
use loa::publish::engine::{Engine, EngineOptions};
use loa::publish::make::{ContentPolicy, Maker};
use loa::publish::publisher::{Publisher, PublisherOptions};
use loa::publish::snapshot::SnapshotOptions;
use loa::publish::summaries::SummariesOptions;
use loa::publish::view::View;
use loa::state::{self, State};
use loa::store::{self, ArticleStore};
use loa::text::names;
use loa::text::stamp::Zones;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Database;
use super::clock::ManualClock;
use super::feed_checker::violations;
use super::feeds;
use super::http::{Answer, Client, patiently};

/// When the clock of an app starts: 8 o'clock on 18 March 2026 in Vietnam.
pub(crate) const START: &str = "2026-03-18T01:00:00Z";
/// The feeds of the sections of [`super::newsroom::SECTIONS`].
pub(crate) const FEEDS: [&str; 4] = ["all", "category/kinh-te", "category/nong-nghiep", "category/van-hoa"];

/// What an app is made of. Keeps the directory of documents, so that a second app can find it.
pub(crate) struct Site {
    pub(crate) store_url: String,
    /// Instead of the store at that address.
    pub(crate) store: Option<Arc<dyn ArticleStore>>,
    pub(crate) state_url: String,
    pub(crate) prefix: String,
    pub(crate) base_url: &'static str,
    pub(crate) memory_bytes_max: u64,
    pub(crate) articles_bytes_max: u64,
    pub(crate) store_may_restore: bool,
    pub(crate) query_timeout_ms: u64,
    pub(crate) complete_read_interval: Duration,
    pub(crate) redirects: BTreeMap<String, String>,
    /// By which articles come into feeds.
    pub(crate) classify: classify::Options,
    /// What custom feeds say of themselves.
    pub(crate) custom: BTreeMap<NameKey, Custom>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) directory: TempDir,
}

impl Site {
    /// On this store. Its state is of the same kind: a file of its own, or a schema in the same database.
    pub(crate) fn on(store: &impl Database) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = format!("sqlite:{}", directory.path().join("state.sqlite").display());
        Self {
            store_url: store.url(),
            store: None,
            state_url: if store.url().starts_with("sqlite:") { file } else { store.url() },
            prefix: String::new(),
            base_url: "https://tin.baovidu.example/",
            memory_bytes_max: 10_000_000,
            articles_bytes_max: 10_000_000,
            store_may_restore: false,
            query_timeout_ms: 20_000,
            complete_read_interval: Duration::from_hours(1),
            redirects: BTreeMap::new(),
            classify: classify::Options {
                gazetteer: Gazetteer::built_in(),
                home: Vec::new(),
                zone: chrono_tz::Asia::Ho_Chi_Minh,
                language: "vi".to_owned(),
                find: FindPolicy::Off,
                nobody: vec![names::key("PV")],
                custom: Vec::new(),
            },
            custom: BTreeMap::new(),
            clock: ManualClock::at(START),
            directory,
        }
    }

    /// Starts an app, which has not looked at the store yet.
    pub(crate) async fn start(&self) -> App {
        App::start(self).await
    }

    /// Starts an app and lets it read the store.
    pub(crate) async fn running(&self) -> App {
        let mut app = self.start().await;
        app.step().await;
        app
    }

    /// Starts an app that has not looked at the store yet: it has what the ledger says.
    pub(crate) async fn started(&self) -> App {
        App::start(self).await
    }

    fn store_options(&self) -> store::Options {
        store::Options {
            schema: None,
            prefix: self.prefix.clone(),
            zones: Zones::default(),
            query_timeout_ms: self.query_timeout_ms,
        }
    }

    fn engine_options(&self) -> EngineOptions {
        EngineOptions {
            classify: Arc::new(self.classify.clone()),
            clock: self.clock.clone(),
            poll_interval: Duration::from_secs(2),
            read_pause_factor: 0,
            complete_read_interval: self.complete_read_interval,
            look_again_after: Duration::ZERO,
            decide_all: false,
            vanish_max_rows: 2,
            vanish_max_percent: 1,
            store_may_restore: self.store_may_restore,
            snapshot: Some(SnapshotOptions { path: self.snapshot(), circumstances: self.prefix.clone() }),
            summaries: None,
        }
    }

    /// Where an app keeps summaries that are ready.
    pub(crate) fn summaries(&self) -> PathBuf {
        self.directory.path().join("summaries.sqlite")
    }

    /// Where an app keeps its catalog, if it is told to ([`App::save`]).
    pub(crate) fn snapshot(&self) -> PathBuf {
        self.directory.path().join("catalog.snapshot")
    }

    fn hubs(&self) -> Vec<Url> {
        vec![format!("{}hub", self.base_url).parse().unwrap()]
    }

    fn http_options(&self) -> Options {
        Options {
            base_url: self.base_url.parse().unwrap(),
            hubs: self.hubs(),
            hub: None,
            external_hubs: Vec::new(),
            client_header: None,
            host_names: Vec::new(),
            redirects: self.redirects.clone(),
            title: "Báo Ví Dụ".to_owned(),
            language: "vi".to_owned(),
            cache: CacheTimes::default(),
            limits: Limits::default(),
            clock: self.clock.clone(),
        }
    }

    fn disk(&self, directory: &Path) -> Arc<DiskCopies> {
        let kept = Duration::from_hours(24 * 30);
        Arc::new(DiskCopies::open(&directory.join("documents"), kept, self.clock.now()).unwrap())
    }
}

/// A running line. Ends with the test.
pub(crate) struct App {
    pub(crate) state: Arc<dyn State>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) view: Arc<View>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) address: SocketAddr,
    engine: Engine,
    shutdown: CancellationToken,
    task: JoinSet<()>,
}

impl App {
    async fn start(site: &Site) -> Self {
        let state = state::open(&site.state_url).await.unwrap();
        let (base_url, custom) = (site.base_url.parse().unwrap(), site.custom.clone());
        let feed = loa::feed::Options { base_url, custom, hubs: site.hubs(), ..feeds::options() };
        assert_eq!(state.claim_identity(&feed.identity).await.unwrap(), feed.identity);
        let feed = Arc::new(feed);
        let (path, circumstances) = (site.summaries(), site.prefix.clone());
        let summaries = Some(SummariesOptions { path, circumstances, feed: Arc::clone(&feed) });
        let view = Arc::new(View::default());
        let store = site.store.clone();
        let maker = Maker {
            store: store.unwrap_or_else(|| store::open(&site.store_url, &site.store_options()).unwrap()),
            state: Arc::clone(&state),
            view: Arc::clone(&view),
            options: feed,
            content: Arc::new(ContentPolicy { default: Content::Full, by_path: [].into() }),
            articles: Arc::new(Articles::new(site.articles_bytes_max)),
        };
        let limits = PublisherOptions {
            memory_bytes_max: site.memory_bytes_max,
            demand_timeout: Duration::from_secs(15),
            retry_after: Duration::from_secs(30),
        };
        let disk = site.disk(site.directory.path());
        let publisher = Arc::new(Publisher::new(maker, disk, site.clock.clone(), limits));
        let options = EngineOptions { summaries, ..site.engine_options() };
        let engine = Engine::start(Arc::clone(&publisher), options).await.unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(Arc::clone(publisher.disk()).run(shutdown.clone()));
        task.spawn(serve(listener, publisher.clone(), site.http_options(), shutdown.clone()));
        Self { state, clock: site.clock.clone(), view, engine, publisher, address, shutdown, task }
    }

    /// One turn of the engine.
    pub(crate) async fn step(&mut self) {
        self.engine.step().await;
    }

    /// Keeps the catalog for the next app of this site, as a process does at its end.
    pub(crate) async fn save(&mut self) {
        self.engine.save().await;
    }

    /// One turn of the engine at an instant.
    pub(crate) async fn step_at(&mut self, instant: &str) {
        self.clock.set(instant);
        self.step().await;
    }

    /// Goes on by itself, as a process does, for as long as something else takes.
    pub(crate) async fn runs_while<T>(self, during: impl Future<Output = T>) -> T {
        let Self { engine, publisher, shutdown, task: _task, .. } = self;
        let engine = Box::pin(engine.run(shutdown.clone()));
        let documents = Box::pin(publisher.refreshing(shutdown.clone()));
        tokio::select! {
            done = during => done,
            () = engine => panic!("the engine has ended"),
            () = documents => panic!("nobody makes documents any more"),
        }
    }

    /// The address of a path, for a client that is not ours.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What is answered to GET.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    /// What is answered to GET with further header lines.
    pub(crate) async fn get_with(&self, path: &str, headers: &[&str]) -> Answer {
        let headers = [&["Host: localhost"], headers].concat();
        Client::connect(self.address).await.ask(&format!("GET {path}"), &headers).await
    }

    /// What is answered to a GET that needs the engine: it goes on until there is an answer.
    pub(crate) async fn get_of_running(&mut self, path: &str) -> Answer {
        let (mut client, line) = (Client::connect(self.address).await, format!("GET {path}"));
        let mut asked = Box::pin(async move { client.ask(&line, &["Host: localhost"]).await });
        loop {
            if let Ok(answer) = tokio::time::timeout(Duration::from_millis(20), &mut asked).await {
                return answer;
            }
            self.step().await;
        }
    }

    /// A feed's document.
    pub(crate) async fn feed(&self, path: &str) -> Answer {
        let answer = self.get(&format!("/feeds/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    }

    /// A feed as JSON.
    pub(crate) async fn json(&self, feed: &str) -> Value {
        serde_json::from_slice(&self.feed(&format!("{feed}.json")).await.body).unwrap()
    }

    /// The ids of a feed's entries in their order, without what all ids begin with; a stub is in brackets.
    pub(crate) async fn ids(&self, feed: &str) -> String {
        let json = self.json(feed).await;
        let id = |item: &Value| {
            let id = item["id"].as_str().unwrap();
            let id = id.rsplit_once('/').map_or(id, |(_, last)| last).to_owned();
            if item["title"].as_str().unwrap().contains("đã được gỡ") { format!("[{id}]") } else { id }
        };
        json["items"].as_array().unwrap().iter().map(id).collect::<Vec<_>>().join(" ")
    }

    /// One entry of a feed.
    pub(crate) async fn entry(&self, feed: &str, id: &str) -> Option<Value> {
        let json = self.json(feed).await;
        let found = json["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["id"].as_str().unwrap().rsplit_once('/').is_some_and(|(_, last)| last == id));
        found.cloned()
    }

    /// Every document of these feeds with what a client compares: status, `ETag`, `Last-Modified`, body.
    pub(crate) async fn everything(&self, feeds: &[&str]) -> Vec<Seen> {
        let mut seen = Vec::new();
        for feed in feeds {
            for format in Format::ALL {
                let path = format!("/feeds/{feed}.{format}");
                seen.push(Seen::of(&path, &self.get(&path).await));
            }
        }
        seen
    }

    /// What `/readyz` says.
    pub(crate) async fn health(&self) -> Value {
        serde_json::from_slice(&self.get("/readyz").await.body).unwrap()
    }

    /// Ends it, as far as a process would: what is kept is in state and on disk.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = patiently("the end of the app", self.task.join_next()).await {
            ended.unwrap();
        }
        self.publisher.disk().flush().unwrap();
    }
}

/// What a client compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    pub(crate) body: String,
}

impl Seen {
    fn of(path: &str, answer: &Answer) -> Self {
        Self {
            path: path.to_owned(),
            status: answer.status,
            etag: answer.header("etag"),
            last_modified: answer.header("last-modified"),
            body: answer.text(),
        }
    }

    /// Every rule of `docs/FEEDS.md`, and an independent reader: how many entries it finds.
    pub(crate) fn entries(&self) -> usize {
        let format = Format::from_extension(self.path.rsplit_once('.').unwrap().1).unwrap();
        assert_eq!((self.status, violations(format, &self.body)), (200, vec![]), "{}", self.path);
        let read = feed_rs::parser::parse(self.body.as_bytes());
        read.unwrap_or_else(|error| panic!("{}: {error}", self.path)).entries.len()
    }
}
