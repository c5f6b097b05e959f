//! The HTTP side alone: a server on port 0 in front of documents that a test sets, and a client that writes bytes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use loa::domain::address::{AddressBook, AddressRecord};
use loa::domain::category::CategoryId;
use loa::domain::clock::Timestamp;
use loa::domain::feed_key::FeedKey;
use loa::domain::format::Format;
use loa::domain::scope::Scope;
use loa::gazetteer::{FeedAddresses, Resolved};
use loa::http::{CacheTimes, Limits, Options, serve};
use loa::publish::document::{Body, Document, Encoding};
use loa::publish::listing::{GroupKind, ListedFeed, ListedGroup, Listing};
use loa::publish::shelf::Kept;
use loa::publish::{Health, PartHealth, Published, Route, Unavailable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::clock::ManualClock;

/// When a test gives up waiting.
const PATIENCE: Duration = Duration::from_secs(20);
/// When the server's clock starts: 06:30 on 18 March 2022 in Vietnam.
pub(crate) const START: &str = "2022-03-17T23:30:00Z";
/// A text that must never leave.
pub(crate) const SECRET: &str = "CANARY-ly-do-noi-bo";

/// What happens when a document is asked for.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// It is there.
    Ready(Arc<Document>),
    /// It is there once the test says so.
    After(Arc<Notify>, Arc<Document>),
    /// There is none.
    Unavailable,
    /// The code is broken.
    Panics,
}

/// Documents that a test sets. `category/doi-song` is there, `category/cu` has moved to it, `category/het` has ended.
pub(crate) struct FakePublished {
    addresses: FeedAddresses,
    behaviour: Mutex<HashMap<FeedKey, Behaviour>>,
    pub(crate) ready: Mutex<bool>,
    /// `None`: nothing was ever read.
    pub(crate) listing: Mutex<Option<Arc<Listing>>>,
    opml: Arc<Body>,
    /// Are documents that are there found the short way?
    pub(crate) short: AtomicBool,
}

impl FakePublished {
    fn new() -> Arc<Self> {
        let scope = Scope::Category(CategoryId::new("1"));
        let record =
            |path: &str, claim| AddressRecord { path: path.to_owned(), scope: scope.clone(), claim, label: None };
        let book = AddressBook::new([record("category/cu", 1), record("category/doi-song", 2)]);
        let fake = Self {
            addresses: FeedAddresses::default().with_book(book),
            behaviour: Mutex::default(),
            ready: Mutex::new(true),
            listing: Mutex::new(Some(Arc::new(listing()))),
            opml: Arc::new(Body::new("<opml/>\n")),
            short: AtomicBool::new(false),
        };
        for format in Format::ALL {
            let body = format!("tin {format} của hôm nay\n").repeat(40);
            fake.set(format, Behaviour::Ready(document(format, 7, "2022-03-17T23:00:00.5Z", &body)));
        }
        Arc::new(fake)
    }

    /// Sets the front page feed in one format.
    pub(crate) fn set(&self, format: Format, behaviour: Behaviour) {
        self.behaviour.lock().unwrap().insert(FeedKey::new(Scope::All, format), behaviour);
    }
}

fn listing() -> Listing {
    let path = Some("category/doi-song".to_owned());
    let feeds = vec![ListedFeed { title: "Đời sống".to_owned(), path, depth: 0 }];
    Listing { groups: vec![ListedGroup { kind: GroupKind::Category, feeds }] }
}

/// A document.
pub(crate) fn document(format: Format, sequence: u64, changed_at: &str, body: &str) -> Arc<Document> {
    Arc::new(Document::new(format, sequence, changed_at.parse().ok(), body.to_owned()))
}

fn unavailable() -> Unavailable {
    Unavailable { reason: SECRET.to_owned(), retry_after: Duration::from_secs(30) }
}

impl Published for FakePublished {
    fn ready(&self, path: &str, _now: Timestamp) -> Option<Arc<Kept>> {
        let Some(Resolved::Feed(key)) = self.addresses.resolve(path) else { return None };
        match self.behaviour.lock().unwrap().get(&key) {
            Some(Behaviour::Ready(document)) if self.short.load(Ordering::Relaxed) => {
                Some(Arc::new(Kept::new(Arc::clone(document), Arc::default())))
            }
            _ => None,
        }
    }

    fn route(&self, path: &str) -> Route {
        match self.addresses.resolve(path) {
            _ if path.starts_with("/feeds/category/het.") => Route::Gone,
            Some(Resolved::Feed(key)) => Route::Feed(key),
            Some(Resolved::Moved(path)) => Route::Moved(path),
            None if path == "/feeds/category" => Route::Moved("/feeds/category/".to_owned()),
            None if ["/feeds/category/", "/feeds/tag/", "/feeds/tag/khong/"].contains(&path) => {
                Route::Page(path.trim_start_matches("/feeds/").trim_end_matches('/').to_owned())
            }
            None => Route::Unknown,
        }
    }

    fn document<'a>(
        &'a self,
        key: &'a FeedKey,
        _coding: Encoding,
    ) -> BoxFuture<'a, Result<Arc<Document>, Unavailable>> {
        let behaviour = self.behaviour.lock().unwrap().get(key).cloned();
        async move {
            match behaviour {
                Some(Behaviour::Ready(document)) => Ok(document),
                Some(Behaviour::After(notify, document)) => {
                    notify.notified().await;
                    Ok(document)
                }
                Some(Behaviour::Panics) => panic!("{SECRET}"),
                Some(Behaviour::Unavailable) => Err(unavailable()),
                None => Ok(Arc::new(Document::new(key.format, 0, None, "chưa có tin"))),
            }
        }
        .boxed()
    }

    fn listed(&self) -> BoxFuture<'_, Result<Arc<Listing>, Unavailable>> {
        let listing = self.listing.lock().unwrap().clone();
        async move { listing.ok_or_else(unavailable) }.boxed()
    }

    fn opml(&self) -> BoxFuture<'_, Result<Arc<Body>, Unavailable>> {
        let filled = self.listing.lock().unwrap().is_some();
        async move { filled.then(|| Arc::clone(&self.opml)).ok_or_else(unavailable) }.boxed()
    }

    fn health(&self) -> Health {
        let part = PartHealth { ok: true, what: "giả".to_owned(), last_ok: None, error: None };
        Health {
            ready: *self.ready.lock().unwrap(),
            serving: "current",
            store: part.clone(),
            state: part,
            change_detection: "none".to_owned(),
            articles: 1,
            feeds: 1,
            set_aside: 0,
            held: None,
        }
    }
}

/// A server that ends with the test.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) published: Arc<FakePublished>,
    pub(crate) clock: Arc<ManualClock>,
    shutdown: CancellationToken,
    task: JoinSet<()>,
}

impl TestServer {
    /// With the usual limits.
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    /// With limits of its own.
    pub(crate) async fn with(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (published, clock) = (FakePublished::new(), ManualClock::at(START));
        let options = Options {
            base_url: "https://tin.example.vn/".parse().unwrap(),
            hubs: vec!["https://tin.example.vn/hub".parse().unwrap(), "https://hub.example/".parse().unwrap()],
            hub: None,
            external_hubs: Vec::new(),
            client_header: None,
            host_names: vec!["tin-cu.example.vn".to_owned()],
            redirects: [
                ("/rss/đời-sống.rss", "doi-song.rss"),
                ("/cu.xml", "cu.atom"),
                ("/het.xml", "het.rss"),
                ("/x", "x.rss"),
            ]
            .map(|(from, to)| (from.to_owned(), format!("/feeds/category/{to}")))
            .into(),
            title: "Báo Làng".to_owned(),
            language: "vi".to_owned(),
            cache: CacheTimes::default(),
            limits,
            clock: clock.clone(),
        };
        let shutdown = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(serve(listener, published.clone(), options, shutdown.clone()));
        Self { address, published, clock, shutdown, task }
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request on a connection of its own: a request line without the version, and header lines. It is asked twice,
    /// the long way and the short one, which has to give the same bytes.
    pub(crate) async fn ask(&self, line: &str, headers: &[&str]) -> Answer {
        self.published.short.store(false, Ordering::Relaxed);
        let long = self.connect().await.ask(line, headers).await;
        self.published.short.store(true, Ordering::Relaxed);
        let short = self.connect().await.ask(line, headers).await;
        assert_eq!(short, long, "{line} {headers:?}");
        short
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(mut self) {
        patiently("the server's end", self.task.join_next()).await.unwrap().unwrap();
    }
}

/// Waits, but not for ever.
pub(crate) async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value; all its lines joined.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Without one header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }
}

impl Client {
    /// A new connection.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    /// Writes bytes. That the other side has closed shows when reading.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _closed = self.stream.write_all(bytes.as_ref()).await;
    }

    /// One request and its answer.
    pub(crate) async fn ask(&mut self, line: &str, headers: &[&str]) -> Answer {
        self.send(request(line, headers)).await;
        self.answer(line.starts_with("HEAD")).await.expect("an answer")
    }

    /// The next answer; `None` if the connection is closed before one.
    pub(crate) async fn answer(&mut self, to_head: bool) -> Option<Answer> {
        let head_end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.more().await {
                assert!(self.buffer.is_empty(), "half an answer: {:?}", String::from_utf8_lossy(&self.buffer));
                return None;
            }
        };
        let head: Vec<u8> = self.buffer.drain(..head_end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).unwrap();
        let mut answer = Answer { status, headers: lines.map(header).collect(), body: Vec::new() };
        if !to_head && !matches!(status, 204 | 304) {
            let length = answer.header("content-length").unwrap().parse().unwrap();
            while self.buffer.len() < length {
                assert!(self.more().await, "half a body");
            }
            answer.body = self.buffer.drain(..length).collect();
        }
        Some(answer)
    }

    /// Has nothing come, so far?
    pub(crate) fn nothing_came(&self) -> bool {
        let peeked = self.stream.try_read(&mut [0]);
        self.buffer.is_empty() && peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Waits until the server closes; what came before that.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        while self.more().await {}
        self.buffer
    }

    async fn more(&mut self) -> bool {
        let read = patiently("bytes", self.stream.read_buf(&mut self.buffer)).await;
        read.is_ok_and(|count| count > 0)
    }
}

/// A request as bytes, with a `Host` unless the headers bring one.
pub(crate) fn request(line: &str, headers: &[&str]) -> String {
    let mut text = format!("{line} HTTP/1.1\r\n");
    if !headers.iter().any(|header| header.to_ascii_lowercase().starts_with("host:")) {
        text.push_str("Host: tin.example.vn\r\n");
    }
    for header in headers {
        text += header;
        text += "\r\n";
    }
    text + "\r\n"
}
