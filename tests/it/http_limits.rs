//! Limits, malformed requests and smuggling, seen from a raw socket.

use std::time::Duration;

use loa::domain::format::Format;
use loa::http::Limits;

use crate::support::http::{Behaviour, TestServer, document, request};

const SHORT: Duration = Duration::from_millis(300);

fn short() -> Limits {
    Limits {
        first_request_timeout: SHORT,
        header_timeout: SHORT,
        idle_timeout: SHORT,
        answer_timeout: SHORT,
        ..Limits::default()
    }
}

/// How many answers are in these bytes.
fn answers(bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes).matches("HTTP/1.").count()
}

/// F20: who does not finish a request is let go, without an answer.
#[tokio::test]
async fn slow_requests_are_closed() {
    let server = TestServer::with(short()).await;
    for start in ["", "G", "PRI * H", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: tin.exam"] {
        let mut client = server.connect().await;
        client.send(start).await;
        assert_eq!(answers(&client.rest().await), 0, "{start:?}");
    }
    let mut idle = server.connect().await;
    assert_eq!(idle.ask("GET /healthz", &[]).await.status, 200);
    assert!(idle.rest().await.is_empty(), "idle after an answer");
    let mut half = server.connect().await;
    assert_eq!(half.ask("GET /healthz", &[]).await.status, 200);
    half.send("GET /hea").await;
    assert!(half.rest().await.is_empty(), "half a second request");
}

/// A slow answer is not a slow request: no time limit of reading cuts it off.
#[tokio::test]
async fn an_answer_may_take_longer_than_a_request() {
    let server = TestServer::with(short()).await;
    let go = std::sync::Arc::new(tokio::sync::Notify::new());
    let late = document(Format::Rss, 8, "2022-03-17T23:00:00Z", "muộn");
    server.published.set(Format::Rss, Behaviour::After(go.clone(), late));
    let mut slow = server.connect().await;
    slow.send(request("GET /feeds/all.rss", &[])).await;
    let mut silent = server.connect().await;
    assert!(silent.answer(false).await.is_none(), "a whole time limit goes by");
    go.notify_one();
    assert_eq!(slow.answer(false).await.unwrap().status, 200);
}

/// F20: who does not take an answer is let go, too.
#[tokio::test]
async fn an_answer_that_is_not_taken_is_dropped() {
    let server = TestServer::with(short()).await;
    let size = 32 * 1024 * 1024;
    server.published.set(Format::Rss, Behaviour::Ready(document(Format::Rss, 8, "", &"x".repeat(size))));
    let mut client = server.connect().await;
    client.send(request("GET /feeds/all.rss", &[])).await;
    for _ in 0..2 {
        let mut silent = server.connect().await;
        assert!(silent.answer(false).await.is_none(), "a whole time limit goes by");
    }
    assert!(client.rest().await.len() < size);
}

/// Who sends nothing more after a request, and says so, gets the whole answer and the end of the connection.
#[tokio::test]
async fn the_last_answer_is_whole() {
    let server = TestServer::start().await;
    let size = 8 * 1024 * 1024;
    server.published.set(Format::Rss, Behaviour::Ready(document(Format::Rss, 8, "", &"x".repeat(size))));
    let mut client = server.connect().await;
    let answer = client.ask("GET /feeds/all.rss", &["Connection: close"]).await;
    assert_eq!((answer.status, answer.body.len()), (200, size));
    assert!(client.rest().await.is_empty());
}

/// Who says that as well as something else may go on, and has the time limits of everybody.
#[tokio::test]
async fn who_says_close_and_stays_is_let_go() {
    let server = TestServer::with(short()).await;
    for lines in [&["Connection: close", "Connection: keep-alive"][..], &["Connection: keep-alive, close"]] {
        let mut client = server.connect().await;
        assert_eq!(client.ask("GET /healthz", lines).await.status, 200, "{lines:?}");
        assert!(client.rest().await.is_empty(), "{lines:?}");
    }
}

/// Further connections wait until one ends.
#[tokio::test]
async fn connections_are_capped() {
    let server = TestServer::with(Limits { connections_max: 2, ..Limits::default() }).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    assert_eq!(first.ask("GET /healthz", &[]).await.status, 200);
    assert_eq!(second.ask("GET /healthz", &[]).await.status, 200);
    let mut third = server.connect().await;
    third.send(request("GET /healthz", &[])).await;
    for _ in 0..50 {
        assert_eq!(first.ask("GET /healthz", &[]).await.status, 200);
        assert!(third.nothing_came());
    }
    drop(second);
    assert_eq!(third.answer(false).await.unwrap().status, 200);
}

/// P1, P12, F12: what is no request is refused with a whole answer of ours, and never is it two answers.
#[tokio::test]
async fn malformed_requests_get_one_answer_and_no_more() {
    let server = TestServer::start().await;
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: tin.example.vn\r\n\r\n";
    let host = "Host: tin.example.vn\r\n";
    let many = "X: y\r\n".repeat(101);
    for (bytes, status) in [
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}{host}\r\n"), 400),
        (format!("GET /healthz HTTP/1.1\r\nHost : tin.example.vn\r\n\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}X: a\r\n folded\r\n\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}X: a\rb\r\n\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}X: a\0b\r\n\r\n{smuggled}"), 400),
        (format!("GET /hea lthz HTTP/1.1\r\n{host}\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/3.1\r\n{host}\r\n{smuggled}"), 400),
        (format!("G\u{1}T /healthz HTTP/1.1\r\n{host}\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}Content-Length: +5\r\n\r\nhello{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: 5\r\n\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}Content-Length: 0, 5\r\n\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"), 400),
        (
            format!(
                "GET /healthz HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
            ),
            400,
        ),
        (
            format!(
                "GET /healthz HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{smuggled}"
            ),
            400,
        ),
        (format!("GET /healthz HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}Transfer-Encoding: chunked, identity\r\n\r\n{smuggled}"), 400),
        (format!("GET /healthz HTTP/1.0\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"), 400),
        (format!("POST /healthz HTTP/1.1\r\n{host}Content-Length: 200\r\n\r\n{smuggled}"), 405),
        (format!("POST /healthz HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello{smuggled}"), 405),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(10_000)), 414),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(200_000)), 414),
        (format!("GET /healthz HTTP/1.1\r\n{host}{many}\r\n"), 431),
        (format!("GET /healthz HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(200_000)), 431),
    ] {
        let what = format!("{:.120}", bytes.escape_debug().to_string());
        let mut client = server.connect().await;
        client.send(bytes).await;
        let answer = client.answer(false).await.unwrap_or_else(|| panic!("no answer to {what}"));
        assert_eq!(answer.status, status, "{what}");
        assert!(answer.text().contains(&format!("<title>{status} ")), "{what}");
        for name in ["cache-control", "content-security-policy", "x-content-type-options", "date", "referrer-policy"] {
            assert!(answer.header(name).is_some(), "{name} for {what}");
        }
        let closes = answer.header("connection").is_some_and(|value| value.contains("close"));
        if closes {
            assert_eq!(client.rest().await, b"", "{what}");
        } else {
            // Complete and refused by us: the connection is in step, and the next answer is to the next request.
            assert_eq!(client.ask("GET /healthz", &[]).await.status, 200, "{what}");
        }
    }
    assert_eq!(server.ask("GET /healthz", &[]).await.status, 200, "still alive");
}

/// HTTP/1.0 clients come without `Host` and get a connection that closes.
#[tokio::test]
async fn http_1_0_is_answered() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send("GET /feeds/all.rss HTTP/1.0\r\n\r\n").await;
    assert_eq!(client.answer(false).await.unwrap().status, 200);
    assert!(client.rest().await.is_empty());
}

/// The last instant of the grace is the last: an answer that never comes does not keep the process.
#[tokio::test]
async fn the_grace_is_an_end() {
    let server = TestServer::with(Limits { shutdown_grace: SHORT, ..Limits::default() }).await;
    let never = std::sync::Arc::new(tokio::sync::Notify::new());
    let late = document(Format::Rss, 8, "2022-03-17T23:00:00Z", "không bao giờ");
    server.published.set(Format::Rss, Behaviour::After(never, late));
    let mut client = server.connect().await;
    client.send(request("GET /feeds/all.rss", &[])).await;
    assert_eq!(server.ask("GET /healthz", &[]).await.status, 200);
    server.stop();
    server.ended().await;
    assert_eq!(answers(&client.rest().await), 0);
}
