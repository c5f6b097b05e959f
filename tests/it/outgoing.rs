//! Fetching a document of another server: what comes, and what goes wrong.

use std::time::Duration;

use loa::outgoing::{Fetched, Limits, get};
use url::Url;

use crate::support::old_server::OldServer;

const LIMITS: Limits = Limits { total_timeout: Duration::from_secs(20), body_bytes_max: 1000 };

async fn asked(url: &str, limits: Limits) -> Result<Fetched, String> {
    get(&Url::parse(url).unwrap(), limits).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_document_comes_unpacked_and_tells_where_it_was() {
    let server = OldServer::start(&[("/cu.rss?muc=3", "<rss/>")]);
    let fetched = asked(&server.url("/moved/moved/cu.rss?muc=3#x"), LIMITS).await.unwrap();
    assert_eq!((fetched.body.as_ref(), fetched.url.path()), (&b"<rss/>"[..], "/cu.rss"));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[0].starts_with("get /moved/moved/cu.rss?muc=3 http/1.1\nhost: 127.0.0.1:"), "{requests:?}");
}

#[tokio::test]
async fn what_goes_wrong_names_the_address() {
    let server = OldServer::start(&[]);
    let check = async |path: &str, expect: &str| {
        let error = asked(&server.url(path), LIMITS).await.unwrap_err();
        assert!(error.contains(expect), "{path}: {error}");
    };
    check("/404", "/404` answers 404 Not Found").await;
    check("/round", "/round` leads on more than 5 times").await;
    check("/nowhere", "/nowhere` leads on to `http://[`, which is no address").await;
    check("/half", "broke off").await;
    check("/no-http", "broke off").await;
    check("/brotli", "`br` was not asked for").await;
    check("/bomb", "has more than 1000 bytes").await;
    let limits = Limits { total_timeout: Duration::from_millis(100), ..LIMITS };
    let error = asked(&server.url("/silent"), limits).await.unwrap_err();
    assert!(error.contains("/silent` did not come within 100 ms"), "{error}");
    let tls = server.url("/404").replace("http:", "https:");
    assert!(asked(&tls, LIMITS).await.unwrap_err().contains("cannot be reached"));
    for no_web in ["ftp://a.example/", "file:///etc/hostname", "data:,x"] {
        assert!(asked(no_web, LIMITS).await.unwrap_err().contains("is no address of the web"), "{no_web}");
    }
}
