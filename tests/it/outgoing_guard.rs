//! The egress guard on real sockets: what goes out, what is waited for and read, and who is not called at all.

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use loa::outgoing::callback::Callback;
use loa::outgoing::egress::{Egress, EgressOptions, Kept, Message, Refusal, Reply, SendError, Sent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::http::patiently;
use crate::support::old_server::OldServer;

const LONG: Duration = Duration::from_secs(15);
const SHORT: Duration = Duration::from_millis(200);
/// Between two bytes that drip.
const DRIP: Duration = Duration::from_millis(10);
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
/// What stands in paths and queries and in no message.
const SECRET: &str = "bi-mat";

/// The other side of a connection.
struct Peer {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Peer {
    async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = patiently("a connection", listener.accept()).await.unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// The next request: the lines of its head, and its body.
    async fn request(&mut self) -> (Vec<String>, Vec<u8>) {
        let head_end = loop {
            match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.more().await,
            }
        };
        let head: Vec<u8> = self.buffer.drain(..head_end).collect();
        let head: Vec<String> = String::from_utf8(head).unwrap().trim_end().split("\r\n").map(str::to_owned).collect();
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.buffer.len() < length {
            self.more().await;
        }
        (head, self.buffer.drain(..length).collect())
    }

    async fn more(&mut self) {
        let read = patiently("a request", self.stream.read_buf(&mut self.buffer)).await.unwrap();
        assert!(read > 0, "half a request: {:?}", String::from_utf8_lossy(&self.buffer));
    }

    /// Answers the next request. Whoever has read enough may be gone before the end.
    async fn answer(&mut self, text: &str) -> (Vec<String>, Vec<u8>) {
        let body_seen = self.request().await;
        let _gone = self.stream.write_all(text.as_bytes()).await;
        body_seen
    }

    /// Says the same again and again until nobody listens any more.
    async fn go_on_with(&mut self, bytes: &[u8], pause: Duration) {
        let saying = async {
            while self.stream.write_all(bytes).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        };
        patiently("the end of the connection", saying).await;
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn options(may_be_local: bool, port: u16) -> EgressOptions {
    EgressOptions { ports: vec![port], may_be_local, own: None, connect_timeout: LONG }
}

/// As tests and demos have it.
fn open_guard() -> Egress {
    Egress::new(options(true, 443))
}

fn callback(listener: &TcpListener, path: &str) -> Callback {
    Callback::parse(&format!("http://{}{path}", listener.local_addr().unwrap())).unwrap()
}

fn post(to: &Callback, reply_bytes_max: usize) -> Message {
    Message {
        method: Method::POST,
        target: to.target(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"tin"),
        total_timeout: LONG,
        reply_bytes_max,
    }
}

/// Posts to somebody who answers this on the first connection, and holds that.
async fn posted(answer: &str, reply_bytes_max: usize) -> Result<(Reply, Option<Kept>), SendError> {
    let (guard, listener) = (open_guard(), listen().await);
    let to = callback(&listener, "/nhan");
    let answering = async {
        let mut peer = Peer::accept(&listener).await;
        peer.answer(answer).await;
        peer
    };
    let (Sent { reply, kept }, _peer) = tokio::join!(guard.send(&to, post(&to, reply_bytes_max), None), answering);
    reply.map(|reply| (reply, kept))
}

#[tokio::test]
async fn what_is_sent_arrives_byte_for_byte() {
    let (guard, listener) = (open_guard(), listen().await);
    let address = listener.local_addr().unwrap();
    let to = callback(&listener, "/a/../%7ex?k=1&k=%C3%A9#z");
    let arrived = async |message: Message| {
        let answering = async { Peer::accept(&listener).await.answer(EMPTY).await };
        let (sent, (mut head, body)) = tokio::join!(guard.send(&to, message, None), answering);
        assert_eq!(sent.reply.unwrap().status, 200);
        let line = head.remove(0);
        head.sort();
        (line, head, body)
    };
    let (host, agent) = (format!("host: {address}"), format!("user-agent: Loa/{}", env!("CARGO_PKG_VERSION")));

    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/rss+xml; charset=utf-8")),
        (header::LINK, HeaderValue::from_static("<https://tin.example/a>; rel=\"self\"")),
    ]);
    let body = Bytes::from([b"\xff\x00tin\r\n".to_vec(), vec![b'x'; 300_000]].concat());
    let (line, head, body_seen) = arrived(Message { headers, body: body.clone(), ..post(&to, 0) }).await;
    assert_eq!(line, "POST /a/../%7ex?k=1&k=%C3%A9 HTTP/1.1");
    let expect = [
        "content-length: 300007",
        "content-type: application/rss+xml; charset=utf-8",
        &host,
        "link: <https://tin.example/a>; rel=\"self\"",
        &agent,
    ];
    assert_eq!(head, expect);
    assert!(body == body_seen, "{} bytes", body_seen.len());

    // Nothing has a length too.
    let (_, head, body_seen) = arrived(Message { body: Bytes::new(), ..post(&to, 0) }).await;
    assert_eq!((head, body_seen.len()), (vec!["content-length: 0".to_owned(), host.clone(), agent.clone()], 0));

    let target = to.target_with(&[("hub.mode", "subscribe"), ("k", "2")]);
    let get = Message { method: Method::GET, target, body: Bytes::new(), ..post(&to, 0) };
    let (line, head, _) = arrived(get).await;
    assert_eq!(line, "GET /a/../%7ex?k=1&k=%C3%A9&hub.mode=subscribe&k=2 HTTP/1.1");
    assert_eq!(head, [host, agent]);
}

/// The test above, in a process whose environment names proxies where nobody is.
#[test]
fn proxies_of_the_environment_are_not_asked() {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "outgoing_guard::what_is_sent_arrives_byte_for_byte"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        again.env(name, "http://127.0.0.1:1/");
    }
    let told = again.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("1 passed; 0 failed"), "{told}");
}

#[tokio::test]
async fn redirects_are_answers() {
    let server = OldServer::start(&[("/x", "tin")]);
    let to = Callback::parse(&server.url("/moved/x")).unwrap();
    let get = Message { method: Method::GET, body: Bytes::new(), ..post(&to, 100) };
    let sent = open_guard().send(&to, get, None).await;
    assert_eq!(sent.reply.unwrap().status, 302);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn bodies_are_read_as_far_as_is_wanted() {
    let check = async |answer: &str, bytes_max: usize, expect: (&str, bool), again: bool| {
        let (reply, kept) = posted(&format!("HTTP/1.1 {answer}"), bytes_max).await.unwrap();
        assert_eq!((reply.body, reply.whole), (Bytes::from(expect.0.to_owned()), expect.1), "{answer}");
        assert_eq!(kept.is_some(), again, "{answer}");
    };
    check("200 OK\r\nContent-Length: 5\r\n\r\n12345", 5, ("12345", true), true).await;
    check("200 OK\r\nContent-Length: 6\r\n\r\n123456", 5, ("12345", false), false).await;
    check("200 OK\r\nContent-Length: 4\r\n\r\n1234", 5, ("1234", true), true).await;
    check("200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n", 5, ("12345", true), true).await;
    check("200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n", 5, ("12345", false), false).await;
    check("204 No Content\r\n\r\n", 5, ("", true), true).await;
    // Nothing is wanted.
    check("200 OK\r\nContent-Length: 0\r\n\r\n", 0, ("", true), true).await;
    check("410 Gone\r\n\r\n", 0, ("", false), false).await;
    check("200 OK\r\nContent-Length: 2\r\n\r\nOK", 0, ("", false), false).await;
    check("200 OK\r\nContent-Length: 1000000\r\n\r\n", 0, ("", false), false).await;
    check("200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0, ("", true), false).await;

    let (reply, _) = posted("HTTP/1.1 503 X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", 0).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.retry_after.as_deref()), (503, Some("120")));
}

#[tokio::test]
async fn what_has_no_end_is_not_read() {
    for (bytes_max, expect) in [(0, ""), (3, "xxx")] {
        let (guard, listener) = (open_guard(), listen().await);
        let to = callback(&listener, "/nhan");
        let flooding = async {
            let mut peer = Peer::accept(&listener).await;
            peer.answer("HTTP/1.1 200 OK\r\n\r\n").await;
            peer.go_on_with(&vec![b'x'; 100_000], Duration::ZERO).await;
        };
        let (sent, ()) = tokio::join!(guard.send(&to, post(&to, bytes_max), None), flooding);
        let reply = sent.reply.unwrap();
        assert_eq!((reply.body, reply.whole), (Bytes::from_static(expect.as_bytes()), false));
        assert!(sent.kept.is_none());
    }
    let endless = format!("HTTP/1.1 200 OK\r\nX-Dai: {}", "x".repeat(100_000));
    assert!(matches!(posted(&endless, 0).await, Err(SendError::Broken(_))), "a head has an end too");
}

#[tokio::test]
async fn all_of_it_has_one_deadline() {
    let beginnings = ["HTTP/1.1 200 OK\r\nX-Cham: ", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"];
    for beginning in beginnings {
        let (guard, listener) = (open_guard(), listen().await);
        let to = callback(&listener, "/nhan");
        let dripping = async {
            let mut peer = Peer::accept(&listener).await;
            peer.answer(beginning).await;
            peer.go_on_with(b"x", DRIP).await;
        };
        let message = Message { total_timeout: SHORT, ..post(&to, 100_000) };
        let (sent, ()) = tokio::join!(guard.send(&to, message, None), dripping);
        assert_eq!(sent.reply, Err(SendError::Timeout), "{beginning}");
    }
    // Nobody even takes the connection from the system.
    let listener = listen().await;
    let to = callback(&listener, "/nhan");
    let sent = open_guard().send(&to, Message { total_timeout: SHORT, ..post(&to, 0) }, None).await;
    assert_eq!(sent.reply, Err(SendError::Timeout));
}

#[tokio::test]
async fn a_connection_is_used_again_as_long_as_it_stands() {
    let (guard, listener) = (open_guard(), listen().await);
    let to = callback(&listener, "/nhan");
    let sending = async {
        let mut kept = None;
        for _ in 0..3 {
            let sent = guard.send(&to, post(&to, 0), kept).await;
            assert_eq!(sent.reply.unwrap().status, 200);
            kept = sent.kept;
        }
        kept
    };
    let serving = async {
        let mut peer = Peer::accept(&listener).await;
        for _ in 0..3 {
            assert_eq!(peer.answer(EMPTY).await.1, b"tin");
        }
        peer
    };
    let (kept, peer) = tokio::join!(sending, serving);

    // Closed while nobody used it: costs a new one.
    drop(peer);
    let serving = async {
        let mut peer = Peer::accept(&listener).await;
        peer.answer(EMPTY).await;
        peer
    };
    let (sent, mut peer) = tokio::join!(guard.send(&to, post(&to, 0), kept), serving);
    assert_eq!(sent.reply.unwrap().status, 200);

    // Closed without a word when the request was there: it is made once more.
    let serving = async {
        peer.request().await;
        drop(peer);
        let mut peer = Peer::accept(&listener).await;
        assert_eq!(peer.answer(EMPTY).await.1, b"tin");
        peer
    };
    let (sent, mut peer) = tokio::join!(guard.send(&to, post(&to, 0), sent.kept), serving);
    assert_eq!(sent.reply.unwrap().status, 200);

    // Closed after half a word: that was body_seen, and nobody is asked once more.
    let serving = async {
        peer.answer("HTTP/1.1 200 O").await;
        drop(peer);
    };
    let (sent, ()) = tokio::join!(guard.send(&to, post(&to, 0), sent.kept), serving);
    assert!(matches!(sent.reply, Err(SendError::Broken(_))), "{sent:?}");

    // Nor is he who does not answer on a new connection.
    let serving = async {
        Peer::accept(&listener).await.request().await;
    };
    let (sent, ()) = tokio::join!(guard.send(&to, post(&to, 0), None), serving);
    assert!(matches!(sent.reply, Err(SendError::Broken(_))), "{sent:?}");
}

#[tokio::test]
async fn a_connection_leads_to_one_host() {
    let (_, kept) = posted(EMPTY, 0).await.unwrap();
    assert!(kept.is_some());
    let (guard, listener) = (open_guard(), listen().await);
    let to = callback(&listener, "/nhan");
    let answering = async { Peer::accept(&listener).await.answer(EMPTY).await };
    let (sent, (head, _)) = tokio::join!(guard.send(&to, post(&to, 0), kept), answering);
    assert_eq!(sent.reply.unwrap().status, 200);
    assert!(head.contains(&format!("host: {}", listener.local_addr().unwrap())), "{head:?}");
}

/// Also a name that has more addresses than one, of which the first may be deaf.
#[tokio::test]
async fn a_name_is_connected_to_and_named() {
    let (guard, listener) = (open_guard(), listen().await);
    let host = format!("localhost:{}", listener.local_addr().unwrap().port());
    let to = Callback::parse(&format!("http://{host}/nhan")).unwrap();
    let answering = async { Peer::accept(&listener).await.answer(EMPTY).await };
    let (sent, (head, _)) = tokio::join!(guard.send(&to, post(&to, 0), None), answering);
    assert_eq!(sent.reply.unwrap().status, 200);
    assert!(head.contains(&format!("host: {host}")), "{head:?}");
}

#[tokio::test]
async fn what_is_local_is_not_called_however_it_is_written() {
    let listener = listen().await;
    let port = listener.local_addr().unwrap().port();
    let guard = Egress::new(options(false, port));
    let hosts = ["localhost", "127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]"];
    for host in hosts.into_iter().chain(["[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "%31%32%37.0.0.1"]) {
        let to = Callback::parse(&format!("http://{host}:{port}/{SECRET}?k={SECRET}")).unwrap();
        // A name has to be looked up; whatever is written out is told at once.
        assert_eq!(guard.admits(&to).is_ok(), host == "localhost", "{host}");
        let error = guard.send(&to, post(&to, 0), None).await.reply.unwrap_err();
        assert!(matches!(error, SendError::Refused(Refusal::Address(_))) && error.is_refusal(), "{host}: {error}");
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
    let to = callback(&listener, "/nhan");
    let told = Egress::new(options(false, 443)).send(&to, post(&to, 0), None).await.reply;
    assert!(matches!(told, Err(SendError::Refused(Refusal::Port { .. }))), "{told:?}");
    // Ourselves: also where everything local is called.
    let own = Some(format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap());
    let told = Egress::new(EgressOptions { own, ..options(true, port) }).send(&to, post(&to, 0), None).await.reply;
    assert_eq!(told, Err(SendError::Refused(Refusal::Own)));

    let nobody = tokio::time::timeout(SHORT, listener.accept()).await;
    assert!(nobody.is_err(), "{nobody:?}");
}

#[tokio::test]
async fn messages_keep_the_secret_of_a_callback() {
    let failed = async |base: &str| {
        let to = Callback::parse(&format!("{base}/{SECRET}?k={SECRET}")).unwrap();
        let error = open_guard().send(&to, post(&to, 0), None).await.reply.unwrap_err();
        let told = format!("{error} {error:?} {to:?}");
        assert!(!told.contains(SECRET) && !error.is_refusal(), "{told}");
        error
    };
    let listener = listen().await;
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(failed(&base).await, SendError::Unreachable(_)));
    // No label of a name is that long, so nobody is asked for it.
    let nowhere = format!("http://{}.example", "x".repeat(70));
    assert!(matches!(failed(&nowhere).await, SendError::Unresolved(_)));
}
