//! One request and its answer.

use std::io::Read as _;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use url::{Position, Url};

use super::connection::{Stream, host_of};
use super::{Call, FetchError};

/// Who asks: a server's people must be able to tell, and to find us.
pub(super) const USER_AGENT: &str = concat!("Loa/", env!("CARGO_PKG_VERSION"));
const ACCEPT: &str = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5";

/// What was answered, still packed.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Asks for a document on a connection that is used once.
pub(super) async fn ask(
    url: &Url,
    request: Request<Empty<Bytes>>,
    stream: Box<dyn Stream>,
    bytes_max: usize,
) -> Result<Answer, FetchError> {
    let broken = |error: hyper::Error| FetchError::Broken { host: host_of(url), why: error.to_string() };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let exchange = Box::pin(async move {
        let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        let body = collect(url, body, bytes_max).await?;
        Ok(Answer { status: head.status, headers: head.headers, body })
    });
    // The connection moves the bytes; what it says at its end the exchange says better.
    match select(exchange, connection).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, exchange)) => exchange.await,
    }
}

/// Asks for a document.
pub(super) fn fetching(url: &Url) -> Result<Request<Empty<Bytes>>, FetchError> {
    let mut request = request(url, &Method::GET)?;
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
    request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    Ok(request)
}

/// Tells a server something.
pub(super) fn calling(url: &Url, call: &Call) -> Result<Request<Empty<Bytes>>, FetchError> {
    let mut request = request(url, &call.method)?;
    if let Some(host) = &call.host {
        request.headers_mut().insert(header::HOST, host.clone());
    }
    if let Some((name, value)) = &call.header {
        request.headers_mut().insert(name, value.clone());
    }
    if call.method != Method::GET {
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(request)
}

fn request(url: &Url, method: &Method) -> Result<Request<Empty<Bytes>>, FetchError> {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONNECTION, "close")
        .body(Empty::new());
    request.ok().ok_or_else(|| FetchError::NotWeb(url.to_string()))
}

async fn collect(url: &Url, mut body: Incoming, bytes_max: usize) -> Result<Bytes, FetchError> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchError::Broken { host: host_of(url), why: error.to_string() })?;
        if let Ok(data) = frame.into_data() {
            if collected.len() + data.len() > bytes_max {
                return Err(FetchError::TooLarge { url: url.clone(), bytes_max });
            }
            collected.extend_from_slice(&data);
        }
    }
    Ok(collected.freeze())
}

/// The document without its packing. Small bytes may unpack to very many: they stop at the same limit.
pub(super) fn unpacked(url: &Url, headers: &HeaderMap, body: Bytes, bytes_max: usize) -> Result<Bytes, FetchError> {
    let packed = |why: String| FetchError::Packed { url: url.clone(), why };
    let coding = headers.get(header::CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("?"));
    match coding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => {
            let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
            let mut document = Vec::new();
            let mut unpacking = MultiGzDecoder::new(body.as_ref()).take(limit.saturating_add(1));
            unpacking.read_to_end(&mut document).map_err(|error| packed(error.to_string()))?;
            if document.len() > bytes_max {
                return Err(FetchError::TooLarge { url: url.clone(), bytes_max });
            }
            Ok(document.into())
        }
        other => Err(packed(format!("`{other}` was not asked for"))),
    }
}
