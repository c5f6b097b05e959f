//! The one way out, over HTTP/1.1 or HTTPS: nobody else opens a connection to a server that is not the newsroom's database.
//! There are two policies.
//! - What people of the newsroom have written down (`get` for former feeds, `call` for caches) may be anywhere, also beside
//!   us: `connection::open` goes there.
//! - What strangers have written down (callbacks) has to be on the public internet, and so have external hubs:
//!   `egress::Egress` is the guard, and connects by itself.
//!
//! Not here: cookies, proxies from the environment, HTTP/2.

mod addresses;
pub mod callback;
mod connection;
pub mod egress;
mod exchange;
mod kept;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use url::Url;

use exchange::Answer;

/// How often a server may send us on to another address.
const REDIRECTS_MAX: usize = 5;

/// What a fetch may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For all of it: names, connections, redirects, the last byte.
    pub total_timeout: Duration,
    /// Bytes of the document, also once it is unpacked.
    pub body_bytes_max: usize,
}

/// A document as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it was in the end, after redirects.
    pub url: Url,
    /// The document, unpacked.
    pub body: Bytes,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Another kind of address, or one without a host.
    #[error("`{0}` is no address of the web, expected one that begins with http:// or https://")]
    NotWeb(String),
    /// No connection came about, or it broke off.
    #[error("`{host}` cannot be reached: {why}")]
    Unreachable {
        /// Name and port.
        host: String,
        /// What the system said.
        why: String,
    },
    /// What came is no HTTP, or came only in part.
    #[error("`{host}` broke off: {why}")]
    Broken {
        /// Name and port.
        host: String,
        /// What the library said.
        why: String,
    },
    /// The server answered, but not with the document.
    #[error("`{url}` answers {status}")]
    Status {
        /// What was asked for.
        url: Url,
        /// What was answered.
        status: StatusCode,
    },
    /// From one address to the next without end.
    #[error("`{0}` leads on more than {REDIRECTS_MAX} times")]
    Redirects(Url),
    /// A redirect to nowhere.
    #[error("`{url}` leads on to `{target}`, which is no address")]
    RedirectTarget {
        /// What was asked for.
        url: Url,
        /// What `Location` says.
        target: String,
    },
    /// More than allowed.
    #[error("`{url}` has more than {bytes_max} bytes")]
    TooLarge {
        /// What was asked for.
        url: Url,
        /// The limit.
        bytes_max: usize,
    },
    /// Packed in a way that was not asked for, or damaged.
    #[error("`{url}` is packed in a way that cannot be read: {why}")]
    Packed {
        /// What was asked for.
        url: Url,
        /// What is wrong.
        why: String,
    },
    /// Time was up.
    #[error("`{url}` did not come within {timeout_ms} ms")]
    Timeout {
        /// What was asked for.
        url: Url,
        /// The limit.
        timeout_ms: u64,
    },
}

/// Fetches a document, following redirects.
///
/// # Errors
/// [`FetchError`]; half a document is none.
pub async fn get(url: &Url, limits: Limits) -> Result<Fetched, FetchError> {
    let timeout_ms = u64::try_from(limits.total_timeout.as_millis()).unwrap_or(u64::MAX);
    let late = || FetchError::Timeout { url: url.clone(), timeout_ms };
    let tls = Arc::new(connection::tls());
    timeout(limits.total_timeout, follow(url, &tls, limits.body_bytes_max)).await.unwrap_or_else(|_| Err(late()))
}

/// What a server is told, beside the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Such as `PURGE`, of which the address says the rest.
    pub method: Method,
    /// What `Host` says; `None`: the name in the address.
    pub host: Option<HeaderValue>,
    /// One more header, such as the one that says who we are. A value that is marked sensitive is in no message.
    pub header: Option<(HeaderName, HeaderValue)>,
}

/// Tells a server something. Its answer is its status, whichever it is: redirects are not followed, what comes with it is
/// read and forgotten.
///
/// # Errors
/// [`FetchError`] if there is no answer.
pub async fn call(url: &Url, call: &Call, limits: Limits) -> Result<StatusCode, FetchError> {
    let timeout_ms = u64::try_from(limits.total_timeout.as_millis()).unwrap_or(u64::MAX);
    let answered = async {
        let stream = connection::open(url, Arc::new(connection::tls())).await?;
        let answer = exchange::ask(url, exchange::calling(url, call)?, stream, limits.body_bytes_max).await?;
        Ok(answer.status)
    };
    let late = || FetchError::Timeout { url: url.clone(), timeout_ms };
    timeout(limits.total_timeout, answered).await.unwrap_or_else(|_| Err(late()))
}

async fn follow(first: &Url, tls: &Arc<ClientConfig>, body_bytes_max: usize) -> Result<Fetched, FetchError> {
    let mut url = first.clone();
    for _ in 0..=REDIRECTS_MAX {
        match step(&url, Arc::clone(tls), body_bytes_max).await? {
            Step::Document(body) => return Ok(Fetched { url, body }),
            Step::Onward(next) => url = next,
        }
    }
    Err(FetchError::Redirects(first.clone()))
}

enum Step {
    Document(Bytes),
    Onward(Url),
}

/// One request. A redirect without a target is an answer like any other.
async fn step(url: &Url, tls: Arc<ClientConfig>, body_bytes_max: usize) -> Result<Step, FetchError> {
    let stream = connection::open(url, tls).await?;
    let Answer { status, headers, body } = exchange::ask(url, exchange::fetching(url)?, stream, body_bytes_max).await?;
    let location = headers.get(header::LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match (status, location) {
        (
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT,
            Some(target),
        ) => {
            let next = url.join(&target).ok();
            Ok(Step::Onward(next.ok_or_else(|| FetchError::RedirectTarget { url: url.clone(), target })?))
        }
        (StatusCode::OK, _) => Ok(Step::Document(exchange::unpacked(url, &headers, body, body_bytes_max)?)),
        (status, _) => Err(FetchError::Status { url: url.clone(), status }),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};

    use super::*;

    /// Answers one request by TLS, if the client trusts it so far.
    pub(super) async fn answer_one(listener: TcpListener) {
        let chain = vec![CertificateDer::from(&include_bytes!("../../fixtures/tls/localhost.der")[..])];
        let key = PrivatePkcs8KeyDer::from(&include_bytes!("../../fixtures/tls/localhost.key.der")[..]);
        let server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key.into()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = TlsAcceptor::from(Arc::new(server)).accept(stream).await else { return };
        let mut head = [0; 1000];
        assert!(stream.read(&mut head).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>").await.unwrap();
        stream.shutdown().await.unwrap();
    }

    /// TLS that trusts the authority of `answer_one` and no other.
    pub(super) fn trusting() -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(&include_bytes!("../../fixtures/tls/ca.der")[..])).unwrap();
        connection::trusting(roots)
    }

    async fn asked(host: &str, tls: ClientConfig) -> Result<Fetched, String> {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let url = format!("https://{host}:{}/cu.rss", listener.local_addr().unwrap().port()).parse().unwrap();
        let tls = Arc::new(tls);
        let (fetched, ()) = tokio::join!(follow(&url, &tls, 1000), answer_one(listener));
        fetched.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn https_is_spoken_with_whom_one_trusts() {
        assert_eq!(asked("localhost", trusting()).await.unwrap().body, "<rss/>");
        let error = asked("127.0.0.1", trusting()).await.unwrap_err();
        assert!(error.contains("cannot be reached") && error.contains("certificate"), "{error}");
        let error = asked("localhost", connection::tls()).await.unwrap_err();
        assert!(error.contains("cannot be reached") && error.contains("UnknownIssuer"), "{error}");
    }
}
