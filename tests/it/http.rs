//! What is answered, and with which headers, seen from a raw socket. `T..` and `F..` name the points of the review.

use std::sync::Arc;

use loa::domain::format::Format;
use loa::http::serve_metrics;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::clock::ManualClock;
use crate::support::http::{Answer, Behaviour, Client, SECRET, START, TestServer, patiently, request};

const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
const DOCUMENT_CACHING: &str = "public, max-age=60, stale-while-revalidate=60, stale-if-error=600";

/// What every answer has to carry.
fn assert_safe(answer: &Answer, what: &str) {
    let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("{what}: no {name} in {answer:?}"));
    let names: std::collections::HashSet<_> = answer.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), answer.headers.len(), "{what}: each header once");
    if answer.status != 304 {
        assert!(header("content-security-policy").starts_with("default-src 'none'; "), "{what}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
    }
    assert_eq!(header("access-control-allow-origin"), "*", "{what}");
    assert_eq!(header("date"), "Thu, 17 Mar 2022 23:30:00 GMT", "{what}");
    assert!(!header("cache-control").contains("s-maxage"), "{what}");
    assert!(answer.header("set-cookie").is_none() && answer.header("server").is_none(), "{what}");
    if !matches!(answer.status, 204 | 304) {
        header("content-type");
        header("content-length");
    }
    assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET), "{what}");
}

#[tokio::test]
async fn a_feed_has_all_its_headers() {
    let server = TestServer::start().await;
    for (format, media_type) in [
        (Format::Rss, "application/rss+xml; charset=utf-8"),
        (Format::Atom, "application/atom+xml; charset=utf-8"),
        (Format::Json, "application/feed+json; charset=utf-8"),
    ] {
        // T16: one address, one format, whatever is accepted.
        let answer = server.ask(&format!("GET /feeds/all.{format}"), &["Accept: application/json"]).await;
        assert_safe(&answer, "a feed");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type").unwrap(), media_type);
        assert_eq!(answer.header("content-security-policy").unwrap(), POLICY);
        assert_eq!(answer.header("cache-control").unwrap(), DOCUMENT_CACHING);
        assert_eq!(answer.header("vary").unwrap(), "Accept-Encoding");
        assert_eq!(answer.header("last-modified").unwrap(), "Thu, 17 Mar 2022 23:00:01 GMT");
        assert_eq!(answer.header("access-control-expose-headers").unwrap(), "ETag, Link, Last-Modified, Retry-After");
        let link = answer.header("link").unwrap();
        let expected = format!(
            "<https://tin.example.vn/feeds/all.{format}>; rel=\"self\"; type=\"{}\", \
             <https://tin.example.vn/hub>; rel=\"hub\", <https://hub.example/>; rel=\"hub\", ",
            format.media_type()
        );
        assert!(link.starts_with(&expected), "{link}");
        assert_eq!((link.matches("rel=\"self\"").count(), link.matches("rel=\"alternate\"").count()), (1, 2), "{link}");
        let same = format!("If-None-Match: {}", answer.header("etag").unwrap());
        let requests: [(&str, &[&str], u16); 2] = [("HEAD", &[], 200), ("GET", &[&same], 304)];
        for (method, headers, status) in requests {
            let again = server.ask(&format!("{method} /feeds/all.{format}"), headers).await;
            assert_eq!((again.status, again.header("link")), (status, Some(link.clone())), "{method}");
        }
        assert!(answer.text().starts_with(&format!("tin {format}")));
    }
    let empty = server.ask("GET /feeds/category/doi-song.atom", &[]).await;
    assert_eq!((empty.status, empty.header("last-modified")), (200, None), "it never held an article");
}

/// T17, F6: every status has its own document, caching and the safe headers.
#[tokio::test]
async fn every_error_is_a_small_clear_document() {
    let server = TestServer::start().await;
    server.published.set(Format::Json, Behaviour::Unavailable);
    server.published.set(Format::Atom, Behaviour::Panics);
    let long = format!("GET /{}", "x".repeat(3_000));
    let wide = format!("X: {}", "x".repeat(17_000));
    for (line, header, status, caching) in [
        ("GET /feeds/all.json", "X: y", 503, "no-store"),
        ("GET /feeds/all.atom", "X: y", 500, "no-store"),
        ("GET /feeds/none.rss", "X: y", 404, "public, max-age=60"),
        ("GET /feeds/none.rss", "If-None-Match: *", 404, "public, max-age=60"),
        ("GET /robots.txt", "X: y", 404, "public, max-age=60"),
        ("GET /favicon.ico", "X: y", 404, "public, max-age=60"),
        ("GET /feeds/category/het.rss", "If-None-Match: *", 410, "public, max-age=60"),
        ("POST /feeds/all.rss", "Content-Length: 0", 405, "no-store"),
        ("DELETE /", "X: y", 405, "no-store"),
        ("TRACE /", "X: y", 405, "no-store"),
        ("GET /feeds/all.rss", "Accept-Encoding: identity;q=0", 406, "no-store"),
        ("CONNECT tin.example.vn:443", "X: y", 405, "no-store"),
        ("GET *", "X: y", 404, "public, max-age=60"),
        ("GET http://evil.example/feeds/all.rss", "X: y", 421, "no-store"),
        ("GET /feeds/all.rss", "If-Match: \"other\"", 412, "no-store"),
        ("GET /feeds/all.rss", "Host: evil.example", 421, "no-store"),
        ("GET /feeds/all.rss", "Host: a@tin.example.vn", 400, "no-store"),
        (&long, "X: y", 414, "no-store"),
        ("GET /feeds/all.rss", &wide, 431, "no-store"),
    ] {
        let answer = server.ask(line, &[header]).await;
        let what = format!("{status} to {line:.40}");
        assert_eq!(answer.status, status, "{what}");
        assert_safe(&answer, &what);
        assert_eq!(answer.header("cache-control").unwrap(), caching, "{what}");
        assert_eq!(answer.header("content-type").unwrap(), "text/html; charset=utf-8", "{what}");
        assert_eq!(answer.header("content-security-policy").unwrap(), POLICY, "{what}");
        assert!(answer.text().contains(&format!("<title>{status} ")) && answer.body.len() < 1_024, "{what}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{what}");
        assert_eq!(answer.header("retry-after").as_deref(), (status == 503).then_some("30"), "{what}"); // T12
        assert_eq!(answer.header("etag"), None, "{what}");
    }
}

/// T11, F10: nothing that a client says of itself or of us changes a byte.
#[tokio::test]
async fn hostile_headers_and_queries_change_nothing() {
    let server = TestServer::start().await;
    for line in ["GET /feeds/all.rss", "GET /", "GET /feeds/category/cu.rss", "GET /feeds/none.rss"] {
        let clean = server.ask(line, &[]).await;
        for header in [
            "X-Forwarded-Host: evil.example",
            "X-Forwarded-Proto: gopher",
            "X-Forwarded-For: 6.6.6.6",
            "Forwarded: host=evil.example",
            "X-Original-URL: /evil",
            "X-Rewrite-URL: /evil",
            "Cookie: a=evil",
            "Origin: https://evil.example",
            "Referer: https://evil.example/",
            "User-Agent: evil",
            "Range: bytes=0-1",
            "Accept-Language: en",
            "Authorization: Bearer evil",
            "Host: localhost:80",
            "Host: TIN-CU.example.vn",
        ] {
            assert_eq!(server.ask(line, &[header]).await, clean, "{line} with {header}");
        }
        let absolute = line.replace("GET ", "GET http://tin.example.vn:80");
        assert_eq!(server.ask(&absolute, &[]).await, clean, "{absolute}");
        assert_eq!(server.ask(&format!("{line}?utm_source=evil&x=%00"), &[]).await, clean, "{line} with a query");
    }
}

/// F11: a path is looked up, never resolved.
#[tokio::test]
async fn paths_do_not_traverse() {
    let server = TestServer::start().await;
    for path in [
        "/feeds/../feeds/all.rss",
        "/feeds/%2e%2e/feeds/all.rss",
        "/feeds/%252e%252e/all.rss",
        "/feeds/..%5call.rss",
        "/feeds/all.rss%00",
        "/feeds/%c0%ae%c0%ae/all.rss",
        "/feeds//all.rss",
        "//feeds/all.rss",
        "/feeds/ALL.rss",
        "/feeds/all.rss/",
        "/feeds/all.xml",
        "/feeds/all",
        "/etc/passwd",
        "/feeds/all%252erss",
        "/feeds/đời.rss",
        "/feeds/%ff.rss",
        "/%",
    ] {
        let answer = server.ask(&format!("GET {path}"), &[]).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn old_and_odd_addresses_lead_to_the_present_one() {
    let server = TestServer::start().await;
    for (path, to) in [
        ("/feeds/category/cu.atom?utm=x", "https://tin.example.vn/feeds/category/doi-song.atom"),
        ("/feeds/%61ll.rss", "https://tin.example.vn/feeds/all.rss"),
        ("/feeds%2Fall.rss?x", "https://tin.example.vn/feeds/all.rss"),
    ] {
        let answer = server.ask(&format!("GET {path}"), &["If-None-Match: *"]).await;
        assert_safe(&answer, path);
        assert_eq!((answer.status, answer.header("location").as_deref()), (301, Some(to)), "{path}");
        assert_eq!(answer.header("cache-control").unwrap(), "public, max-age=300");
    }
}

/// T8: the same headers, no body, and the connection stays in step.
#[tokio::test]
async fn addresses_of_the_time_before_lead_over() {
    let server = TestServer::start().await;
    let check = async |path: &str, status: u16, to: Option<&str>| {
        let answer = server.ask(&format!("GET {path}"), &[]).await;
        assert_eq!((answer.status, answer.header("location").as_deref()), (status, to), "{path}");
    };
    let present = "https://tin.example.vn/feeds/category/doi-song.rss";
    check("/rss/%C4%91%E1%BB%9Di-s%E1%BB%91ng.rss?nguon=web", 301, Some(present)).await;
    check("/cu.xml", 301, Some("https://tin.example.vn/feeds/category/doi-song.atom")).await;
    check("/het.xml", 410, None).await;
    check("/x", 404, None).await;
}

#[tokio::test]
async fn head_then_get_on_one_connection() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    for path in ["/feeds/all.rss", "/", "/opml.xml", "/feeds/none.rss", "/feeds/category/cu.rss", "/readyz", "/healthz"]
    {
        for accept in ["Accept-Encoding: gzip", "Accept-Encoding: identity"] {
            let head = client.ask(&format!("HEAD {path}"), &[accept]).await;
            let get = client.ask(&format!("GET {path}"), &[accept]).await;
            assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
            assert_eq!((head.status, head.headers), (get.status, get.headers), "{path}");
        }
    }
    assert_eq!(client.ask("HEAD /feeds/all.rss", &["Connection: close"]).await.status, 200);
    assert!(client.rest().await.is_empty(), "a body after HEAD");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    let paths = ["/feeds/all.rss", "/feeds/none.rss", "/feeds/all.json", "/healthz"];
    client.send(paths.map(|path| request(&format!("GET {path}"), &[])).concat()).await;
    let mut statuses = Vec::new();
    for _ in paths {
        statuses.push(client.answer(false).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 404, 200, 200]);
}

#[tokio::test]
async fn a_web_reader_may_ask_first() {
    let server = TestServer::start().await;
    let ask = ["Origin: https://doc.example", "Access-Control-Request-Method: GET"];
    for target in ["/feeds/all.rss", "*"] {
        let answer = server.ask(&format!("OPTIONS {target}"), &ask).await;
        assert_safe(&answer, target);
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{target}");
        assert_eq!(answer.header("content-length"), None, "RFC 9110 section 8.6");
        assert_eq!(answer.header("access-control-allow-methods").unwrap(), "GET, HEAD, OPTIONS");
        assert!(answer.header("access-control-allow-headers").unwrap().contains("If-None-Match"));
    }
}

#[tokio::test]
async fn the_index_page_finds_the_feeds_and_has_its_own_policy() {
    let server = TestServer::start().await;
    let page = server.ask("GET /", &[]).await;
    assert_safe(&page, "the index");
    assert_eq!((page.status, page.header("cache-control").as_deref()), (200, Some(DOCUMENT_CACHING)));
    let text = page.text();
    assert!(text.starts_with("<!doctype html>\n<html lang=\"vi\">"), "{text}");
    assert!(text.contains("<link rel=\"alternate\" type=\"application/atom+xml\""), "{text}");
    assert!(text.contains("https://tin.example.vn/feeds/category/doi-song.json"), "{text}");
    assert!(page.header("content-security-policy").unwrap().contains("style-src 'sha256-"));
    let again = server.ask("GET /", &[&format!("If-None-Match: {}", page.header("etag").unwrap())]).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("content-security-policy"), page.header("content-security-policy"));
}

/// The lists are answered as feeds are: HEAD, codings, validators, the safe headers.
#[tokio::test]
async fn lists_are_answered_with_every_header() {
    let server = TestServer::start().await;
    for (path, media_type) in [
        ("/opml.xml", "text/x-opml; charset=utf-8"),
        ("/", "text/html; charset=utf-8"),
        ("/feeds/category/", "text/html; charset=utf-8"),
        ("/feeds/tag/", "text/html; charset=utf-8"),
    ] {
        let get = format!("GET {path}");
        let plain = server.ask(&get, &[]).await;
        assert_safe(&plain, path);
        assert_eq!((plain.status, plain.header("content-type").as_deref()), (200, Some(media_type)), "{path}");
        assert_eq!(plain.header("cache-control").unwrap(), DOCUMENT_CACHING, "{path}");
        assert_eq!((plain.header("vary").as_deref(), plain.header("last-modified")), (Some("Accept-Encoding"), None));
        let head = server.ask(&format!("HEAD {path}"), &[]).await;
        assert_eq!((head.headers, head.body.len()), (plain.headers.clone(), 0), "{path}");
        let packed = server.ask(&get, &["Accept-Encoding: gzip"]).await;
        assert_eq!(packed.header("content-encoding").unwrap(), "gzip", "{path}");
        assert_ne!(packed.header("etag"), plain.header("etag"), "{path}");
        let same = server.ask(&get, &[&format!("If-None-Match: {}", plain.header("etag").unwrap())]).await;
        assert_eq!((same.status, same.body.len()), (304, 0), "{path}");
    }
    let moved = server.ask("GET /feeds/category?x", &[]).await;
    assert_eq!(
        (moved.status, moved.header("location").unwrap().as_str()),
        (301, "https://tin.example.vn/feeds/category/")
    );
    assert_eq!(server.ask("GET /feeds/tag/khong/", &[]).await.status, 404, "known, but not listed");
}

#[tokio::test]
async fn lists_wait_until_everything_was_read() {
    let server = TestServer::start().await;
    *server.published.listing.lock().unwrap() = None;
    for path in ["/", "/opml.xml", "/feeds/category/"] {
        let answer = server.ask(&format!("GET {path}"), &[]).await;
        assert_safe(&answer, path);
        assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, Some("30")), "{path}");
    }
}

#[tokio::test]
async fn health_is_told_and_never_kept() {
    let server = TestServer::start().await;
    let live = server.ask("GET /healthz", &[]).await;
    assert_eq!((live.status, live.text().as_str()), (200, "ok\n"));
    assert_eq!(server.ask("GET /readyz", &[]).await.status, 200);
    *server.published.ready.lock().unwrap() = false;
    let ready = server.ask("GET /readyz", &[]).await;
    assert_safe(&ready, "readyz");
    assert_eq!((ready.status, ready.header("cache-control").as_deref()), (503, Some("no-store")));
    assert!(ready.header("retry-after").is_some());
    let health: serde_json::Value = serde_json::from_slice(&ready.body).unwrap();
    assert_eq!((&health["ready"], &health["serving"]), (&false.into(), &"current".into()));
    assert_eq!(server.ask("GET /healthz", &[]).await.status, 200, "alive all the same");
}

/// F80: a panic costs its own request only.
#[tokio::test]
async fn a_panic_is_one_requests_alone() {
    let server = TestServer::start().await;
    server.published.set(Format::Rss, Behaviour::Panics);
    let mut client = server.connect().await;
    assert_eq!(client.ask("GET /feeds/all.rss", &[]).await.status, 500);
    assert_eq!(client.ask("GET /feeds/all.atom", &[]).await.status, 200, "on the same connection");
}

/// P4: `Date` follows the clock, also backwards.
#[tokio::test]
async fn date_follows_the_clock() {
    let server = TestServer::start().await;
    for (instant, date) in [
        ("2022-03-18T03:00:00Z", "Fri, 18 Mar 2022 03:00:00 GMT"),
        ("2022-03-17T23:00:00Z", "Thu, 17 Mar 2022 23:00:00 GMT"),
    ] {
        server.clock.set(instant);
        assert_eq!(server.ask("GET /feeds/all.rss", &[]).await.header("date").unwrap(), date);
    }
}

#[tokio::test]
async fn metrics_have_a_listener_of_their_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let mut task = JoinSet::new();
    task.spawn(serve_metrics(listener, || "loa_up 1\n".to_owned(), ManualClock::at(START), shutdown.clone()));
    let mut client = Client::connect(address).await;
    let answer = client.ask("GET /metrics", &["Host: anything.internal:9100"]).await;
    assert_safe(&answer, "metrics");
    assert_eq!((answer.status, answer.text().as_str()), (200, "loa_up 1\n"));
    assert_eq!(answer.header("content-type").unwrap(), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(client.ask("GET /feeds/all.rss", &[]).await.status, 404);
    assert_eq!(client.ask("POST /metrics", &[]).await.status, 405);
    let public = TestServer::start().await;
    assert_eq!(public.ask("GET /metrics", &[]).await.status, 404, "not for the public");
    shutdown.cancel();
    patiently("the listener's end", task.join_next()).await.unwrap().unwrap();
}

/// F81: what is under way is finished, nothing new is begun.
#[tokio::test]
async fn shutdown_finishes_running_answers() {
    let server = TestServer::start().await;
    let go = Arc::new(tokio::sync::Notify::new());
    let document = crate::support::http::document(Format::Rss, 8, START, "muộn mà vẫn đến");
    server.published.set(Format::Rss, Behaviour::After(go.clone(), document));
    let mut idle = server.connect().await;
    assert_eq!(idle.ask("GET /healthz", &[]).await.status, 200);
    let silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.send(request("GET /feeds/all.rss", &[])).await;
    // An answer on a later connection shows that the earlier ones were accepted.
    assert_eq!(server.ask("GET /healthz", &[]).await.status, 200);
    server.stop();
    assert!(idle.rest().await.is_empty(), "an idle connection is closed");
    assert!(silent.rest().await.is_empty(), "a silent one too");
    go.notify_one();
    let answer = slow.answer(false).await.expect("the slow answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "muộn mà vẫn đến"));
    assert!(slow.rest().await.is_empty());
    server.ended().await;
}

/// F13: whatever is asked for, the metrics stay few, and name nothing that was asked for.
#[test]
fn metrics_are_bounded() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    // One thread, so that the server's metrics go to this test's recorder.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let server = TestServer::start().await;
            let mut client = server.connect().await;
            for number in 0..50 {
                assert_eq!(client.ask(&format!("GET /feeds/evil-{number}.rss"), &[]).await.status, 404);
            }
            assert_eq!(client.ask("GET /feeds/all.rss?evil", &[]).await.status, 200);
            assert_eq!(client.ask("GET /feeds/all.rss", &["If-None-Match: *"]).await.status, 304);
        });
    });
    let text = metrics.render();
    for line in [
        "loa_http_requests_total{kind=\"error\",class=\"4xx\"} 50",
        "loa_http_requests_total{kind=\"feed\",class=\"2xx\"} 1",
        "loa_http_requests_total{kind=\"feed\",class=\"304\"} 1",
        "loa_http_request_duration_seconds_count{kind=\"feed\"} 2",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("evil") && text.lines().count() < 150, "{text}");
}
