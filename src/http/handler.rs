//! From a request to its answer.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use tokio::time::timeout;

use super::conditional::{self, Outcome, Validators};
use super::guard::Guard;
use super::headers::{self, Answer, Caching, Kind, Selected, Writer};
use super::pages::Pages;
use super::server::{Answers, Asked, NoBody};
use super::{Options, encoding, errors};
use crate::domain::clock::Timestamp;
use crate::domain::feed_key::FeedKey;
use crate::hub;
use crate::observe::metrics::Requests;
use crate::publish::document::{Body, Encoding};
use crate::publish::{Health, Published, Route, Unavailable};
use crate::purge::HubHealth;
use crate::site::{self, OPML_PATH, Site};

/// What a web reader's script may send along (it asks with OPTIONS before it does).
const PREFLIGHT_HEADERS: &str = "If-None-Match, If-Modified-Since, Cache-Control";
/// Seconds for which a browser may remember that.
const PREFLIGHT_MAX_AGE_S: &str = "86400";
/// Seconds after which readiness is worth another look.
const UNREADY_RETRY_AFTER: Duration = Duration::from_secs(5);
/// As OPML is called by those who read it; no type of it was ever registered.
const OPML_CONTENT_TYPE: &str = "text/x-opml; charset=utf-8";
/// Paths that are answered here; `published` knows the rest.
const INDEX_PATH: &str = "/";
const LIVE_PATH: &str = "/healthz";
const READY_PATH: &str = "/readyz";
const HUB_PATH: &str = "/hub";

/// Answers the public requests.
pub(super) struct Handler {
    published: Arc<dyn Published>,
    options: Options,
    guard: Guard,
    pages: Pages,
    writer: Writer,
    requests: [(Kind, Requests); Kind::ALL.len()],
}

/// A response, and what it is for the metrics.
type Told = (Kind, Response<Bytes>);

impl Answers for Handler {
    fn at_once(&self, asked: &Asked) -> Option<Response<Bytes>> {
        let started = Instant::now();
        let request = &asked.head;
        let response = catch_unwind(AssertUnwindSafe(|| self.short_way(asked, self.options.clock.now())));
        // After a panic the long way is gone, and says so if it has another.
        let response = response.ok()??;
        self.observe(request, Kind::Feed, &response, started);
        Some(response)
    }

    async fn answer(&self, mut asked: Asked) -> Response<Bytes> {
        let started = Instant::now();
        let now = self.options.clock.now();
        // A panic is this request's alone: nothing of ours is held across it that could be left half done.
        let told = AssertUnwindSafe(self.guarded(&mut asked, now)).catch_unwind().await;
        let request = &asked.head;
        let (kind, mut response) = told.unwrap_or_else(|_| {
            tracing::error!(http.path = ?request.uri.path(), "a request ended by a panic and is answered with 500");
            self.write(errors::answer(StatusCode::INTERNAL_SERVER_ERROR), request, now)
        });
        if asked.has_body() {
            // Nobody reads it, so nobody may take it for the next request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.observe(request, kind, &response, started);
        response
    }

    fn refuse(&self, status: StatusCode) -> Response<Bytes> {
        self.note(Kind::Error, status, Duration::ZERO);
        self.writer.response(errors::answer(status), &Method::GET, self.options.clock.now())
    }
}

impl Handler {
    /// Answers with what is published.
    pub(super) fn new(published: Arc<dyn Published>, options: Options) -> Self {
        let guard = Guard::new(&options.base_url, &options.host_names, &options.limits);
        let writer = Writer::new(options.cache);
        let requests = Kind::ALL.map(|kind| (kind, Requests::new(kind.label())));
        Self { published, options, guard, pages: Pages::default(), writer, requests }
    }

    async fn guarded(&self, asked: &mut Asked, now: Timestamp) -> Told {
        let request = &asked.head;
        if let Err(status) = self.guard.check(request, asked.local) {
            return self.write(errors::answer(status), request, now);
        }
        let answer = match request.method {
            Method::GET | Method::HEAD | Method::OPTIONS if asked.has_body() => errors::answer(StatusCode::BAD_REQUEST),
            Method::GET | Method::HEAD => return self.get(request, now).await,
            Method::OPTIONS => preflight(),
            Method::POST if request.uri.path() == HUB_PATH => {
                let answer = self.hub(asked).await;
                return self.write(answer, &asked.head, now);
            }
            _ => errors::answer(StatusCode::METHOD_NOT_ALLOWED),
        };
        self.write(answer, request, now)
    }

    fn write(&self, answer: Answer, request: &Parts, now: Timestamp) -> Told {
        (answer.kind, self.writer.response(answer, &request.method, now))
    }

    /// The short way, with nothing to wait for: of a document that is in memory, current, and made in the coding that the
    /// client likes best. Everything else, and what is not a plain 200 or 304, goes the long way.
    fn short_way(&self, asked: &Asked, now: Timestamp) -> Option<Response<Bytes>> {
        let request = &asked.head;
        if asked.has_body() || !matches!(request.method, Method::GET | Method::HEAD) {
            return None;
        }
        self.guard.check(request, asked.local).ok()?;
        let path = request.uri.path();
        let kept = self.published.ready(path, now)?;
        let document = kept.document();
        let coding = encoding::choose(&request.headers)?;
        let encoded = document.body().made(coding)?;
        let last_modified = match document.changed_at() {
            Some(changed_at) => Some(conditional::last_modified(changed_at, now)?),
            None => None,
        };
        let make = || headers::head(&self.options, path, document, encoded, last_modified);
        let head = kept.head(coding, make);
        let selected = Selected { format: document.format(), coding, bytes: &encoded.bytes, head };
        match conditional::evaluate(&request.headers, Validators { etag: &encoded.etag, last_modified }) {
            Outcome::Send => Some(self.writer.feed(selected, &request.method, now)),
            Outcome::NotModified => Some(self.writer.feed_not_modified(head, now)),
            Outcome::PreconditionFailed => None,
        }
    }

    /// The long way.
    async fn get(&self, request: &Parts, now: Timestamp) -> Told {
        let answer = match request.uri.path() {
            INDEX_PATH => self.page(None, request).await,
            OPML_PATH => self.opml(request).await,
            LIVE_PATH => Answer::new(Kind::Health, Caching::Never, "text/plain; charset=utf-8", "ok\n"),
            READY_PATH => self.readiness(),
            HUB_PATH if self.options.hub.is_some() => {
                errors::answer(StatusCode::METHOD_NOT_ALLOWED).with(header::ALLOW, "POST, OPTIONS")
            }
            path => match self.route(path) {
                Route::Feed(key) => return self.feed(&key, request, now).await,
                Route::Page(path) => self.page(Some(&path), request).await,
                Route::Moved(path) => self.moved(&path),
                Route::Gone => errors::answer(StatusCode::GONE),
                Route::Starting => errors::unavailable(UNREADY_RETRY_AFTER),
                Route::Unknown => errors::answer(StatusCode::NOT_FOUND),
            },
        };
        self.write(answer, request, now)
    }

    /// A path is decoded and looked up as it is: there are no dots to resolve and no files behind it. Other ways of
    /// writing a known path lead to the one that documents use, so that caches hold each document once.
    fn route(&self, written: &str) -> Route {
        let Ok(path) = percent_encoding::percent_decode_str(written).decode_utf8() else {
            return Route::Unknown;
        };
        match self.published.route(&path) {
            Route::Feed(_) | Route::Page(_) if headers::written_path(&path) != written => {
                Route::Moved(path.into_owned())
            }
            Route::Unknown => self.redirected(&path),
            route => route,
        }
    }

    /// Where an address of the time before Loa leads: in one step, also if the feed has moved since.
    fn redirected(&self, path: &str) -> Route {
        let Some(target) = self.options.redirects.get(path) else { return Route::Unknown };
        match self.published.route(target) {
            Route::Feed(_) => Route::Moved(target.clone()),
            route => route,
        }
    }

    async fn feed(&self, key: &FeedKey, request: &Parts, now: Timestamp) -> Told {
        let Some(wanted) = encoding::choose(&request.headers) else {
            return self.write(not_acceptable(), request, now);
        };
        let document = match self.published.document(key, wanted).await {
            Ok(document) => document,
            Err(unavailable) => {
                tracing::warn!(feed.scope = %key.scope, feed.format = %key.format, reason = %unavailable, "a feed is unavailable");
                return self.write(errors::unavailable(unavailable.retry_after), request, now);
            }
        };
        let (coding, encoded) = document.body().encoded(wanted).await;
        let last_modified = document.changed_at().and_then(|at| conditional::last_modified(at, now));
        let head = &headers::head(&self.options, request.uri.path(), &document, encoded, last_modified);
        let selected = Selected { format: key.format, coding, bytes: &encoded.bytes, head };
        let response = match conditional::evaluate(&request.headers, Validators { etag: &encoded.etag, last_modified })
        {
            Outcome::Send => self.writer.feed(selected, &request.method, now),
            Outcome::NotModified => self.writer.feed_not_modified(head, now),
            Outcome::PreconditionFailed => {
                return self.write(errors::answer(StatusCode::PRECONDITION_FAILED), request, now);
            }
        };
        (Kind::Feed, response)
    }

    async fn opml(&self, request: &Parts) -> Answer {
        match self.published.opml().await {
            Ok(body) => {
                let frame = Answer::new(Kind::Opml, Caching::Document, OPML_CONTENT_TYPE, "");
                coded(request, frame, &body).await
            }
            Err(error) => unavailable("the list of feeds", &error),
        }
    }

    /// The page of a group or a feed; the index, where there is no path.
    async fn page(&self, path: Option<&str>, request: &Parts) -> Answer {
        let listing = match self.published.listed().await {
            Ok(listing) => listing,
            Err(error) => return unavailable("a page", &error),
        };
        let Options { title, language, base_url, .. } = &self.options;
        let site = Site { title, language, base_url, listing: &listing };
        let make = || path.map_or_else(|| site.index().map(Some), |path| site.page(path));
        match self.pages.page(&listing, path.unwrap_or_default(), make) {
            Ok(Some(body)) => {
                let frame = Answer::new(Kind::Page, Caching::Document, "text/html; charset=utf-8", "")
                    .with(header::CONTENT_SECURITY_POLICY, site::policy());
                coded(request, frame, &body).await
            }
            Ok(None) => errors::answer(StatusCode::NOT_FOUND),
            Err(error) => {
                tracing::error!(%error, "a page cannot be made");
                errors::answer(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// What somebody who asks the hub is told, in one line.
    async fn hub(&self, asked: &mut Asked) -> Answer {
        let said = |status: StatusCode, text: &str| {
            let line = format!("{text}\n");
            Answer::new(Kind::Hub, Caching::Never, "text/plain; charset=utf-8", line).with_status(status)
        };
        let Some(hub) = &self.options.hub else { return errors::answer(StatusCode::NOT_FOUND) };
        if !is_form(&asked.head.headers) {
            return said(StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected application/x-www-form-urlencoded");
        }
        let bytes_max = self.options.limits.hub_body_bytes_max;
        let body = timeout(self.options.limits.header_timeout, asked.read_body(bytes_max)).await;
        let body = match body {
            Ok(Ok(body)) => body,
            Ok(Err(NoBody::TooLarge)) => {
                let text = format!("the request has more than {bytes_max} bytes");
                return said(StatusCode::PAYLOAD_TOO_LARGE, &text);
            }
            Ok(Err(NoBody::Broken)) => return said(StatusCode::BAD_REQUEST, "the request broke off"),
            Err(_) => return said(StatusCode::REQUEST_TIMEOUT, "the request did not come in time"),
        };
        let told = hub.ask(&body, self.client(asked)).await;
        let answer = said(told.status, &told.text);
        match told.retry_after {
            Some(pause) => answer.with(header::RETRY_AFTER, &pause.as_secs().max(1).to_string()),
            None => answer,
        }
    }

    /// Who asks, if that can be told: behind a proxy by the header that it writes, if we are told which.
    fn client(&self, asked: &Asked) -> Option<IpAddr> {
        let Some(name) = &self.options.client_header else {
            return Some(asked.peer).filter(|peer| !peer.is_loopback());
        };
        // What the client wrote itself stands first.
        let line = asked.head.headers.get_all(name).iter().next_back()?.to_str().ok()?;
        line.rsplit(',').next()?.trim().parse().ok()
    }

    fn readiness(&self) -> Answer {
        let health = self.published.health();
        let hubs: Vec<_> = self.options.external_hubs.iter().map(|hub| hub.health()).collect();
        let push = self.options.hub.as_ref().map(|hub| Push { hub: hub.health(), hubs });
        let answer = match serde_json::to_string_pretty(&Readiness { health: &health, push }) {
            Ok(json) => Answer::new(Kind::Health, Caching::Never, "application/json", json + "\n"),
            Err(error) => {
                tracing::error!(%error, "the health report cannot be written");
                return errors::answer(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        if health.ready {
            return answer;
        }
        let seconds = UNREADY_RETRY_AFTER.as_secs().to_string();
        answer.with_status(StatusCode::SERVICE_UNAVAILABLE).with(header::RETRY_AFTER, &seconds)
    }

    fn note(&self, kind: Kind, status: StatusCode, took: Duration) {
        if let Some((_, requests)) = self.requests.iter().find(|(each, _)| *each == kind) {
            requests.note(status.as_u16(), took);
        }
    }

    fn observe(&self, request: &Parts, kind: Kind, response: &Response<Bytes>, started: Instant) {
        let took = started.elapsed();
        self.note(kind, response.status(), took);
        // Never the query: it is none of ours and may hold anything.
        tracing::debug!(
            http.method = %request.method,
            http.path = ?request.uri.path(),
            http.status = response.status().as_u16(),
            http.body_bytes = response.body().len(),
            http.took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
    }

    fn moved(&self, path: &str) -> Answer {
        let url = headers::public_url(&self.options.base_url, &headers::written_path(path));
        Answer::new(Kind::Moved, Caching::Moved, "text/plain; charset=utf-8", format!("{url}\n"))
            .with_status(StatusCode::MOVED_PERMANENTLY)
            .with(header::LOCATION, &url)
    }
}

/// How the service is, with its hub.
#[derive(serde::Serialize)]
struct Readiness<'a> {
    #[serde(flatten)]
    health: &'a Health,
    #[serde(skip_serializing_if = "Option::is_none")]
    push: Option<Push>,
}

/// How the hub is, and those of others.
#[derive(serde::Serialize)]
struct Push {
    #[serde(flatten)]
    hub: hub::Health,
    hubs: Vec<HubHealth>,
}

/// Is it the type of a form, whatever its parameters (WebSub 5.1)?
fn is_form(headers: &HeaderMap) -> bool {
    let essence = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// An answer that is kept and coded: the frame with the body in the coding that the client likes best, its validator,
/// and what the client's conditions make of it.
async fn coded(request: &Parts, frame: Answer, body: &Body) -> Answer {
    let Some(wanted) = encoding::choose(&request.headers) else { return not_acceptable() };
    let (coding, encoded) = body.encoded(wanted).await;
    let mut answer =
        frame.with_body(encoded.bytes.clone()).with(header::ETAG, &encoded.etag).with(header::VARY, headers::VARY);
    if coding != Encoding::Identity {
        answer = answer.with(header::CONTENT_ENCODING, coding.token());
    }
    match conditional::evaluate(&request.headers, Validators { etag: &encoded.etag, last_modified: None }) {
        Outcome::Send => answer,
        Outcome::NotModified => answer.not_modified(),
        Outcome::PreconditionFailed => errors::answer(StatusCode::PRECONDITION_FAILED),
    }
}

fn not_acceptable() -> Answer {
    errors::answer(StatusCode::NOT_ACCEPTABLE).with(header::VARY, headers::VARY)
}

fn unavailable(what: &str, unavailable: &Unavailable) -> Answer {
    tracing::warn!(reason = %unavailable, "{what} is unavailable");
    errors::unavailable(unavailable.retry_after)
}

/// OPTIONS, also `OPTIONS *`: what may be asked here, and by whom (Fetch standard, CORS preflight).
fn preflight() -> Answer {
    let empty = Answer::new(Kind::Preflight, Caching::Never, "", "").with_status(StatusCode::NO_CONTENT);
    Answer { content: None, ..empty }
        .with(header::ALLOW, errors::ALLOWED)
        .with(header::ACCESS_CONTROL_ALLOW_METHODS, errors::ALLOWED)
        .with(header::ACCESS_CONTROL_ALLOW_HEADERS, PREFLIGHT_HEADERS)
        .with(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_S)
}
