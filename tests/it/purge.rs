//! A cache in front is told what has changed: after the new is served, once for each address, again if it fails, and also what
//! an earlier process did not come to.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use loa::outgoing::Call as Kind;
use loa::purge::{self, Hook, Options};
use loa::state::{self, INSTANCE_MARK, State};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::app::{App, Site};
use crate::support::http::{Client, patiently};
use crate::support::newsroom::small;
use crate::support::process::Served;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

pub(crate) const HOST: &[&str] = &["Host: localhost"];
pub(crate) const DONE: &str = "loa_purges_total{result=\"done\"}";

/// A cache's management address, on threads that end with the process.
#[derive(Clone)]
pub(crate) struct Cdn {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: Mutex<Vec<Call>>,
    /// Whom to ask, when called, for what is told.
    loa: Mutex<Option<SocketAddr>>,
    /// So many calls more are refused.
    refusals: AtomicUsize,
    /// Nobody is answered.
    held: AtomicBool,
    /// It has nothing of what is purged.
    empty: AtomicBool,
    /// Calls that are not answered yet, and how many were at a time, at most.
    under_way: AtomicUsize,
    under_way_most: AtomicUsize,
}

/// A call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    head: String,
    pub(crate) path: String,
    pub(crate) accepted: bool,
    /// What Loa answered in this moment for the path.
    answer: String,
}

impl Cdn {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cdn = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = Arc::clone(&cdn.seen);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                thread::spawn(move || seen.take(&stream));
            }
        });
        cdn
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.seen.calls.lock().unwrap().clone()
    }

    /// How often each path was told.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.calls() {
            *counts.entry(call.path).or_default() += 1;
        }
        counts
    }

    pub(crate) fn forget(&self) {
        self.seen.calls.lock().unwrap().clear();
    }

    /// Asks there, when called, for what is told.
    pub(crate) fn asks(&self, loa: SocketAddr) {
        *self.seen.loa.lock().unwrap() = Some(loa);
    }

    /// Refuses so many calls.
    pub(crate) fn refuses(&self, calls: usize) {
        self.seen.refusals.store(calls, Ordering::SeqCst);
    }

    /// Answers nobody, or everybody.
    pub(crate) fn holds(&self, held: bool) {
        self.seen.held.store(held, Ordering::SeqCst);
    }

    /// Has nothing of what is purged.
    pub(crate) fn has_nothing(&self) {
        self.seen.empty.store(true, Ordering::SeqCst);
    }

    /// Calls that are not answered yet.
    pub(crate) fn under_way(&self) -> usize {
        self.seen.under_way.load(Ordering::SeqCst)
    }

    /// How many were at a time, at most.
    pub(crate) fn under_way_most(&self) -> usize {
        self.seen.under_way_most.load(Ordering::SeqCst)
    }

    /// Waits until it has accepted these paths.
    pub(crate) async fn accepts(&self, paths: &[&str]) {
        let accepted = |path: &&str| self.calls().iter().any(|call| call.accepted && call.path == *path);
        until("addresses to be purged", async || paths.iter().all(accepted)).await;
    }

    /// Waits until it has accepted these paths while they said this.
    pub(crate) async fn has(&self, paths: &[String], text: &str) {
        let told = |path: &String| {
            self.calls().iter().any(|call| call.accepted && call.path == *path && call.answer.contains(text))
        };
        until(&format!("{text} to be purged"), async || paths.iter().all(told)).await;
    }
}

impl Seen {
    fn take(&self, mut stream: &TcpStream) {
        let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let head = lines.collect::<Vec<_>>().join("\n");
        let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
        let path = path.trim_start_matches("/xoa").to_owned();
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.under_way_most.fetch_max(under_way, Ordering::SeqCst);
        let answer = self.loa.lock().unwrap().map(|loa| ask(loa, &path)).unwrap_or_default();
        while self.held.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        let refusals = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let accepted = refusals.is_err();
        self.calls.lock().unwrap().push(Call { head, path, accepted, answer });
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let status = match (accepted, self.empty.load(Ordering::SeqCst)) {
            (true, false) => "200 OK",
            (true, true) => "404 Not Found",
            (false, _) => "503 Service Unavailable",
        };
        drop(write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
    }
}

pub(crate) fn ask(loa: SocketAddr, path: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(loa) {
        drop(write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        drop(stream.read_to_string(&mut answer));
    }
    answer
}

/// A running service that tells somebody.
pub(crate) struct Place {
    directory: TempDir,
    metrics: SocketAddr,
}

impl Place {
    pub(crate) async fn new(db: &Sqlite, lines: &str) -> Self {
        db.sql(&small()).await;
        Self::on(db, lines)
    }

    /// On a store that is there.
    pub(crate) fn on(db: &impl Database, lines: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = format!(
            "store.url = \"{}\"\nstore.poll_interval_ms = 100\nhttp.metrics_listen = \"{metrics}\"\n{lines}\n",
            db.url()
        );
        fs::write(directory.path().join("loa.toml"), text).unwrap();
        fs::write(directory.path().join("khoa"), "Fastly-Key: bi-mat-123\n").unwrap();
        Self { directory, metrics }
    }

    pub(crate) fn start(&self) -> Served {
        Served::start(self.directory.path(), &["--config", "loa.toml"])
    }

    /// A file of its own: what it keeps is below `loa-data`.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let page = Client::connect(self.metrics).await.ask("GET /metrics", HOST).await.text();
        page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or_default()
    }

    /// Waits until everything that has changed is told: so many calls accepted as this process counts, and none waits.
    pub(crate) async fn all_told(&self, cdn: &Cdn) {
        self.told_beyond(cdn, 0).await;
    }

    /// The same, if the cache has forgotten so many.
    pub(crate) async fn told_beyond(&self, cdn: &Cdn, forgotten: u64) {
        until("all to be told", async || {
            let accepted = cdn.calls().iter().filter(|call| call.accepted).count();
            self.metric("loa_purges_waiting").await == 0
                && self.metric(DONE).await == forgotten + u64::try_from(accepted).unwrap()
        })
        .await;
    }
}

/// An app that tells a cache, as the program does: one address after the other.
pub(crate) struct Telling {
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Telling {
    /// With other options than the usual ones.
    pub(crate) fn start(app: &App, site: &Site, cdn: &Cdn, change: impl FnOnce(&mut Options)) -> Self {
        let kind = Kind { method: "PURGE".parse().unwrap(), host: None, header: None };
        let mut options = Options {
            hook: Hook::Request { template: format!("http://{}{{path}}", cdn.address), call: kind },
            base_url: site.base_url.parse().unwrap(),
            timeout: Duration::from_secs(20),
            calls_max: 1,
            give_up_after: Duration::from_hours(1),
            place: site.directory.path().join("purged"),
            ledger: "so".to_owned(),
        };
        change(&mut options);
        let (stop, mut task) = (CancellationToken::new(), JoinSet::new());
        let moves = app.publisher.follow_moves();
        task.spawn(purge::run(Arc::clone(&app.publisher), moves, options, stop.clone()));
        Self { stop, task }
    }

    /// Ends it, as the end of the process would.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        self.task.join_next().await.unwrap().unwrap();
    }
}

pub(crate) fn by_requests(cdn: &Cdn) -> String {
    format!("purge.url = \"http://{}/xoa{{path}}?u={{url}}\"", cdn.address)
}

pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patiently(what, waiting).await;
}

pub(crate) async fn serves(served: &Served, path: &str, text: &str) {
    let mut client = served.connect().await;
    until(text, async || client.ask(&format!("GET {path}"), HOST).await.text().contains(text)).await;
}

pub(crate) async fn edit(db: &impl Database, title: &str) {
    db.sql(&format!("UPDATE articles SET title = '{title}', updated_at = '2026-03-18 09:00:00' WHERE id = '1'")).await;
}

/// Three formats of each.
pub(crate) fn paths(feeds: &[&str]) -> Vec<String> {
    let each = |feed: &&str| ["atom", "json", "rss"].map(|format| format!("/feeds/{feed}.{format}"));
    feeds.iter().flat_map(each).collect()
}

#[tokio::test]
async fn what_is_told_is_served_already_and_told_again_until_it_is_accepted() {
    on::<Sqlite>(async |db| {
        let cdn = Cdn::start();
        let lines = format!("{}\npurge.host = \"tin.example\"\npurge.header_file = \"khoa\"", by_requests(&cdn));
        let place = Place::new(db, &lines).await;
        let served = place.start();
        cdn.asks(served.address);
        // The first reading: every feed, its page, and the lists.
        cdn.accepts(&["/", "/opml.xml", "/feeds/category/", "/feeds/category/van-hoa.rss", "/feeds/all/"]).await;
        cdn.accepts(&["/feeds/author/le-hoa.json", "/feeds/category/nong-nghiep/"]).await;
        place.all_told(&cdn).await;

        // One feed in memory, the others not.
        serves(&served, "/feeds/all.json", "Tin số 1").await;
        cdn.forget();
        let done = place.metric(DONE).await;
        cdn.refuses(2);
        edit(db, "Tin mới tinh").await;
        let expected = paths(&["all", "author/le-hoa", "category/kinh-te"]);
        cdn.accepts(&expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let calls = cdn.calls();
        let mut told: Vec<_> = calls.iter().filter(|call| call.accepted).map(|call| call.path.clone()).collect();
        told.sort();
        assert_eq!(told, expected, "nothing else, and nothing twice");
        for call in &calls {
            assert!(call.answer.starts_with("HTTP/1.1 200") && call.answer.contains("Tin mới tinh"), "{call:?}");
            let head = call.head.to_ascii_lowercase();
            let url = format!("?u=http://{}{}", served.address, call.path);
            assert!(head.starts_with(&format!("purge /xoa{}{url} http/1.1\n", call.path)), "{head}");
            assert!(head.contains("host: tin.example\n") && head.contains("fastly-key: bi-mat-123"), "{head}");
        }
        until("the numbers", async || {
            place.metric(DONE).await == done + 9 && place.metric("loa_purges_total{result=\"failed\"}").await == 2
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_command_reads_what_has_changed() {
    on::<Sqlite>(async |db| {
        let place = Place::new(db, "purge.command = [\"/bin/sh\", \"xoa.sh\", \"told\"]").await;
        let script = "{ cat; env; echo --; } >>\"$1\"";
        fs::write(place.file("xoa.sh"), script).unwrap();
        let served = place.start();
        let told = || fs::read_to_string(place.file("told")).unwrap_or_default();
        until("the lists", async || told().contains("/opml.xml\n") && told().ends_with("--\n")).await;
        let before = told().len();
        edit(db, "Tin mới").await;
        until("the change", async || told().split_off(before).contains("/feeds/all.rss\n") && told().ends_with("--\n"))
            .await;
        let told = told();
        let since = told.clone().split_off(before);
        let addresses: Vec<_> = since.lines().filter(|line| line.starts_with("http")).collect();
        let url = |path: String| format!("http://{}{path}", served.address);
        let expected: Vec<_> = paths(&["all", "author/le-hoa", "category/kinh-te"]).into_iter().map(url).collect();
        assert_eq!(addresses, expected, "in one call");
        assert!(!told.contains("LOA_") && !told.contains("sqlite:"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn what_one_process_did_not_come_to_the_next_one_tells() {
    on::<Sqlite>(async |db| {
        let cdn = Cdn::start();
        let place = Place::new(db, &by_requests(&cdn)).await;
        let served = place.start();
        cdn.accepts(&["/", "/feeds/all.json"]).await;
        place.all_told(&cdn).await;
        cdn.refuses(usize::MAX);
        edit(db, "Tin lúc mạng đứt").await;
        serves(&served, "/feeds/all.json", "Tin lúc mạng đứt").await;
        until("a refusal", async || cdn.calls().iter().any(|call| !call.accepted)).await;
        served.terminate();
        assert_eq!(served.ended(), Some(0));

        cdn.forget();
        cdn.refuses(0);
        let served = place.start();
        let expected = paths(&["all", "author/le-hoa", "category/kinh-te"]);
        cdn.accepts(&expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
        place.all_told(&cdn).await;
        assert!(cdn.calls().iter().all(|call| !call.path.contains("van-hoa")), "told before: {:?}", cdn.calls());
        served.terminate();
        assert_eq!(served.ended(), Some(0));
        let state = format!("sqlite:{}", place.file("loa-data/state.sqlite").display());
        let state = state::open(&state).await.unwrap();
        let ledger = state.mark(INSTANCE_MARK).await.unwrap().unwrap();
        assert_eq!(left_to_tell(&place.file("loa-data/purged"), &*state, &ledger).await, 0);
    })
    .await;
}

/// Feeds that the next process would have to tell, by the place that was written down.
pub(crate) async fn left_to_tell(place: &Path, state: &dyn State, ledger: &str) -> usize {
    let place = fs::read_to_string(place).unwrap();
    let (named, number) = place.trim_end().split_once(' ').unwrap();
    assert_eq!(named, ledger);
    state.since(number.parse().unwrap()).await.unwrap().feeds.len()
}

#[tokio::test]
async fn an_address_that_changes_many_times_is_told_once_more() {
    on::<Sqlite>(async |db| {
        let cdn = Cdn::start();
        let place =
            Place::new(db, &format!("{}\npurge.calls_max = 1\npurge.timeout_ms = 60000", by_requests(&cdn))).await;
        let served = place.start();
        cdn.accepts(&["/", "/feeds/all.json"]).await;
        place.all_told(&cdn).await;
        let forgotten = place.metric(DONE).await;
        cdn.forget();
        cdn.holds(true);
        for edition in 0..10 {
            edit(db, &format!("Bản {edition}.")).await;
            serves(&served, "/feeds/all.json", &format!("Bản {edition}.")).await;
        }
        cdn.holds(false);
        until("the rest", async || cdn.calls().len() >= 9).await;
        place.told_beyond(&cdn, forgotten).await;
        let counts = cdn.counts();
        let (expected, seen) = (paths(&["all", "author/le-hoa", "category/kinh-te"]), counts.keys().cloned());
        assert_eq!(seen.collect::<Vec<_>>(), expected);
        // Only what was under way when the later changes came is told twice.
        assert!(counts.values().all(|count| *count <= 2) && counts.values().sum::<usize>() <= 10, "{counts:?}");
    })
    .await;
}
