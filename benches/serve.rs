//! What a request for a document in memory costs, the kernel's part and a client's in one process included: the whole way
//! from the socket to the socket.
//!
//! `cargo bench --bench serve` prints nanoseconds. Instructions, which no busy machine changes, are the difference of two
//! runs under `valgrind --tool=callgrind BINARY COUNT`, with the server's part by function.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use loa::domain::clock::{SystemClock, Timestamp};
use loa::domain::feed_key::FeedKey;
use loa::domain::format::Format;
use loa::domain::scope::Scope;
use loa::http::{CacheTimes, Limits, Options, serve};
use loa::observe::metrics;
use loa::publish::document::{Body, Document, Encoding};
use loa::publish::listing::Listing;
use loa::publish::live::Standing;
use loa::publish::shelf::{Kept, Shelf};
use loa::publish::view::View;
use loa::publish::{Health, PartHealth, Published, Route, Unavailable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Requests of each sort, unless an argument says otherwise.
const COUNT: usize = 20_000;
/// What is asked for.
const PATH: &str = "/feeds/all.rss";
/// As large as a feed of 50 summaries.
const BODY_BYTES: usize = 66_000;

/// One document, found as the publisher finds its.
struct One {
    shelf: Shelf,
    view: View,
    key: FeedKey,
}

impl One {
    fn new() -> Self {
        let key = FeedKey::new(Scope::All, Format::Rss);
        let (shelf, view) = (Shelf::new(u64::MAX), View::default());
        let noise = (0_u32..).flat_map(|n| n.wrapping_mul(0x9E37_79B9).to_string().into_bytes());
        let body: Vec<u8> = noise.take(BODY_BYTES).collect();
        let document = Arc::new(Document::new(Format::Rss, 0, None, body));
        shelf.put(key.clone(), Arc::new(Kept::new(document, view.live(&key.scope))));
        let kept = shelf.get(&key).unwrap();
        shelf.address(&key, &kept, PATH, view.names_version());
        Self { shelf, view, key }
    }
}

impl Published for One {
    fn ready(&self, path: &str, now: Timestamp) -> Option<Arc<Kept>> {
        let kept = self.shelf.at(path, self.view.names_version())?;
        kept.ask(now);
        (kept.standing() == Standing::Current).then_some(kept)
    }

    fn route(&self, _path: &str) -> Route {
        Route::Feed(self.key.clone())
    }

    fn document<'a>(
        &'a self,
        key: &'a FeedKey,
        _coding: Encoding,
    ) -> BoxFuture<'a, Result<Arc<Document>, Unavailable>> {
        Box::pin(async { Ok(Arc::clone(self.shelf.get(key).unwrap().document())) })
    }

    fn listed(&self) -> BoxFuture<'_, Result<Arc<Listing>, Unavailable>> {
        Box::pin(async { Ok(Arc::default()) })
    }

    fn opml(&self) -> BoxFuture<'_, Result<Arc<Body>, Unavailable>> {
        Box::pin(async { Ok(Arc::new(Body::new(""))) })
    }

    fn health(&self) -> Health {
        let part = PartHealth { ok: true, what: String::new(), last_ok: None, error: None };
        Health {
            ready: true,
            serving: "current",
            store: part.clone(),
            state: part,
            change_detection: String::new(),
            articles: 0,
            feeds: 1,
            set_aside: 0,
            held: None,
        }
    }
}

fn main() {
    // `cargo bench` passes `--bench`.
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(COUNT);
    let recorder = metrics::start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(count));
    assert!(recorder.render().contains("loa_http_requests_total"));
}

async fn run(count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options {
        base_url: "https://tin.example.vn/".parse().unwrap(),
        hubs: Vec::new(),
        hub: None,
        external_hubs: Vec::new(),
        client_header: None,
        host_names: Vec::new(),
        redirects: [].into(),
        title: String::new(),
        language: "vi".to_owned(),
        cache: CacheTimes::default(),
        limits: Limits::default(),
        clock: Arc::new(SystemClock),
    };
    let shutdown = CancellationToken::new();
    let mut server = JoinSet::new();
    server.spawn(serve(listener, Arc::new(One::new()), options, shutdown.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let gzip = format!("GET {PATH} HTTP/1.1\r\nHost: tin.example.vn\r\nAccept-Encoding: gzip\r\n\r\n");
    let same = gzip.replace("\r\n\r\n", "\r\nIf-None-Match: *\r\n\r\n");
    for (what, request) in [("200 gzip", gzip), ("304", same)] {
        let mut buffer = vec![0; BODY_BYTES * 2];
        let length = ask(&mut stream, &request, &mut buffer, None).await;
        let begun = Instant::now();
        for _ in 0..count {
            ask(&mut stream, &request, &mut buffer, Some(length)).await;
        }
        let nanos = begun.elapsed().as_nanos() / u128::try_from(count).unwrap();
        println!("serve: {what}, {length} bytes: {nanos} ns");
    }
    drop(stream);
    shutdown.cancel();
    server.join_next().await.unwrap().unwrap();
}

/// One request; without a length known, its answer's end is found out.
async fn ask(stream: &mut TcpStream, request: &str, buffer: &mut [u8], length: Option<usize>) -> usize {
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut read, mut length) = (0, length);
    while length.is_none_or(|length| read < length) {
        read += stream.read(buffer.get_mut(read..).unwrap()).await.unwrap();
        length = length.or_else(|| whole(buffer.get(..read)?));
    }
    read
}

/// Length of an answer whose head is complete.
fn whole(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(answer.get(..head)?).ok()?;
    let body = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    Some(head + body.map_or(0, |length| length.parse().unwrap()))
}
