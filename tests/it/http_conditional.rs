//! Validators and codings, seen from a raw socket.

use std::io::Read as _;

use loa::domain::format::Format;

use crate::support::http::{Answer, Behaviour, TestServer, document};

const RSS: &str = "GET /feeds/all.rss";

async fn rss(server: &TestServer, headers: &[&str]) -> Answer {
    server.ask(RSS, headers).await
}

/// T1, T9: each coding has its own strong tag, and all say the same.
#[tokio::test]
async fn codings_differ_in_tag_and_agree_in_text() {
    let server = TestServer::start().await;
    let plain = rss(&server, &[]).await;
    let mut tags = std::collections::HashSet::from([plain.header("etag").unwrap()]);
    for (coding, accept) in [("zstd", "gzip, br, zstd"), ("br", "gzip, deflate, br"), ("gzip", "gzip;q=1.0, br;q=0.5")]
    {
        let answer = rss(&server, &[&format!("Accept-Encoding: {accept}")]).await;
        assert_eq!(answer.header("content-encoding").as_deref(), Some(coding), "{accept}");
        assert_eq!(answer.header("vary").unwrap(), "Accept-Encoding");
        assert_eq!(unpack(coding, &answer.body), plain.body, "{coding}");
        let tag = answer.header("etag").unwrap();
        assert!(tag.starts_with("\"7-") && tags.insert(tag), "{coding}");
        assert_eq!(rss(&server, &[&format!("Accept-Encoding: {accept}")]).await, answer, "the same again");
    }
    assert_eq!((plain.header("content-encoding"), plain.header("vary").as_deref()), (None, Some("Accept-Encoding")));
}

fn unpack(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "zstd" => out = zstd::stream::decode_all(bytes).unwrap(),
        "br" => brotli::BrotliDecompress(&mut &bytes[..], &mut out).unwrap(),
        _ => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap()),
    }
    out
}

/// T4.
#[tokio::test]
async fn if_none_match_in_all_its_forms() {
    let server = TestServer::start().await;
    let tag = rss(&server, &[]).await.header("etag").unwrap();
    for same in [tag.clone(), format!("W/{tag}"), format!("\"a\", W/{tag}"), "*".to_owned()] {
        assert_eq!(rss(&server, &[&format!("If-None-Match: {same}")]).await.status, 304, "{same}");
    }
    let two = rss(&server, &["If-None-Match: \"a\"", &format!("If-None-Match: {tag}")]).await;
    assert_eq!(two.status, 304, "two lines");
    for other in [tag.trim_matches('"').to_owned(), "\"\"".to_owned(), tag.to_uppercase().replace('-', "_")] {
        assert_eq!(rss(&server, &[&format!("If-None-Match: {other}")]).await.status, 200, "{other}");
    }
    let gzip = rss(&server, &["Accept-Encoding: gzip", &format!("If-None-Match: {tag}")]).await;
    assert_eq!(gzip.status, 200, "the tag of another representation");
}

/// T5.
#[tokio::test]
async fn if_modified_since_only_where_it_counts() {
    let server = TestServer::start().await;
    for (date, status) in [
        ("Thu, 17 Mar 2022 23:00:01 GMT", 304),
        ("Thursday, 17-Mar-22 23:00:01 GMT", 304),
        ("Thu Mar 17 23:00:01 2022", 304),
        ("Thu, 17 Mar 2022 23:00:00 GMT", 200),
        ("Fri, 18 Mar 2022 06:00:01 +0700", 200),
        ("Fri, 18 Mar 2022 06:00:01 ICT", 200),
        ("rác", 200),
    ] {
        assert_eq!(rss(&server, &[&format!("If-Modified-Since: {date}")]).await.status, status, "{date}");
    }
    let both = ["If-None-Match: \"other\"", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"];
    assert_eq!(rss(&server, &both).await.status, 200, "a tag that differs wins");
    let never = server.ask("GET /feeds/category/doi-song.rss", &[both[1]]).await;
    assert_eq!(never.status, 200, "a feed that never changed has no date to compare with");
}

/// T6: the precondition of what is not there is not looked at; `If-Match` and its date are.
#[tokio::test]
async fn preconditions_only_where_the_answer_would_be_200() {
    let server = TestServer::start().await;
    server.published.set(Format::Json, Behaviour::Unavailable);
    for (path, status) in [("/feeds/none.rss", 404), ("/feeds/category/het.rss", 410), ("/feeds/all.json", 503)] {
        for header in ["If-None-Match: *", "If-Match: \"other\"", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"] {
            assert_eq!(server.ask(&format!("GET {path}"), &[header]).await.status, status, "{path} {header}");
        }
    }
    let tag = rss(&server, &[]).await.header("etag").unwrap();
    for (header, status) in [
        (format!("If-Match: {tag}"), 200),
        (format!("If-Match: W/{tag}"), 412),
        ("If-Match: *".to_owned(), 200),
        ("If-Unmodified-Since: Thu, 17 Mar 2022 23:00:00 GMT".to_owned(), 412),
        ("If-Unmodified-Since: Thu, 17 Mar 2022 23:00:01 GMT".to_owned(), 200),
    ] {
        assert_eq!(rss(&server, &[&header]).await.status, status, "{header}");
    }
}

/// T7: a 304 has every header of the 200 but those of the body, and of what may be done with it.
#[tokio::test]
async fn a_304_has_the_headers_of_the_200() {
    let server = TestServer::start().await;
    for accept in ["Accept-Encoding: br", "Accept-Encoding: identity"] {
        let full = rss(&server, &[accept]).await;
        let tag = format!("If-None-Match: {}", full.header("etag").unwrap());
        let same = rss(&server, &[accept, &tag]).await;
        let of_the_body = ["content-type", "content-length", "content-encoding"];
        let of_its_use = ["content-security-policy", "x-content-type-options", "referrer-policy"];
        let expect = of_the_body.into_iter().chain(of_its_use).fold(full, Answer::without);
        assert_eq!((same.status, &same.headers, same.body.len()), (304, &expect.headers, 0));
        for name in ["cache-control", "date", "etag", "vary", "link", "last-modified"] {
            assert!(same.header(name).is_some(), "{name}");
        }
        let head = server.ask("HEAD /feeds/all.rss", &[accept, &tag]).await;
        assert_eq!((head.status, head.headers), (304, same.headers), "HEAD");
    }
}

/// T3, F30: two changes in one second never give a false 304; T2: never later than `Date`.
#[tokio::test]
async fn two_changes_in_one_second_are_both_delivered() {
    let server = TestServer::start().await;
    let set = |sequence, changed_at: &str, body: &str| {
        server.published.set(Format::Rss, Behaviour::Ready(document(Format::Rss, sequence, changed_at, body)));
    };
    for (first, second) in [("10:00:00Z", "10:00:00Z"), ("10:00:00.1Z", "10:00:00.9Z")] {
        server.clock.set(&format!("2022-03-18T{first}"));
        set(8, &format!("2022-03-18T{first}"), "A");
        let early = rss(&server, &[]).await;
        assert_eq!((early.text().as_str(), early.header("last-modified")), ("A", None), "its second has not begun");
        server.clock.set(&format!("2022-03-18T{second}"));
        set(9, &format!("2022-03-18T{second}"), "B");
        for since in ["10:00:00", "10:00:01", "09:59:59"] {
            let header = format!("If-Modified-Since: Fri, 18 Mar 2022 {since} GMT");
            assert_eq!(rss(&server, &[&header]).await.text(), "B", "{since}");
        }
        server.clock.set("2022-03-18T10:00:01Z");
        let later = rss(&server, &[]).await;
        assert_eq!(later.header("last-modified").as_deref(), Some("Fri, 18 Mar 2022 10:00:01 GMT"));
        let header = format!("If-Modified-Since: {}", later.header("last-modified").unwrap());
        assert_eq!(rss(&server, &[&header]).await.status, 304);
        set(10, "2022-03-18T10:00:01Z", "C");
        assert_eq!(rss(&server, &[&header]).await.text(), "C", "in the very second that was shown");
    }
}
