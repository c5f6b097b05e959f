//! The one place where an answer gets its headers. An answer says what it is ([`Answer`]); what follows from that for
//! caches, browsers and other sites' scripts is written here, for documents and errors alike.

use std::cell::RefCell;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use url::Url;

use super::{CacheTimes, Options};
use crate::domain::clock::Timestamp;
use crate::domain::format::Format;
pub(super) use crate::publish::address::{public_url, written_path};
use crate::publish::document::{Document, Encoded, Encoding};
use crate::publish::shelf::Head;

/// Nothing in an answer may run, load, or be framed: browsers run scripts in an XML document of an unlucky type.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// What scripts of other sites may see, beside what they always may.
const EXPOSED: &str = "ETag, Link, Last-Modified, Retry-After";
/// Seconds for which a cache may keep "there is nothing here", at most: soon there may be.
const MISSING_MAX_AGE_S: u32 = 60;
/// Seconds for which a redirect is kept: short, so that a category can take back its old address.
const MOVED_MAX_AGE_S: u32 = 300;
/// What a negotiated answer depends on.
pub(super) const VARY: &str = "Accept-Encoding";
/// How a browser may treat a body.
const OF_A_BODY: [HeaderName; 3] =
    [header::CONTENT_SECURITY_POLICY, header::X_CONTENT_TYPE_OPTIONS, header::REFERRER_POLICY];
/// Room for the headers of a feed's answer.
const HEADERS_USUAL: usize = 16;

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caching {
    /// As the options say.
    Document,
    /// A redirect.
    Moved,
    /// Nothing is here, for now.
    Missing,
    /// Not at all.
    Never,
}

/// What an answer is for the metrics: few values, whatever clients ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A feed's document, or that it did not change.
    Feed,
    /// A page for people.
    Page,
    /// The list of feeds for programs.
    Opml,
    /// `/healthz`, `/readyz`.
    Health,
    /// What somebody who asks the hub is told.
    Hub,
    /// What a script may ask.
    Preflight,
    /// A redirect.
    Moved,
    /// Everything that was refused, or is not there.
    Error,
}

impl Kind {
    /// Every kind.
    pub(super) const ALL: [Self; 8] =
        [Self::Feed, Self::Page, Self::Opml, Self::Health, Self::Hub, Self::Preflight, Self::Moved, Self::Error];

    /// The label's value.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Page => "page",
            Self::Opml => "opml",
            Self::Health => "health",
            Self::Hub => "hub",
            Self::Preflight => "preflight",
            Self::Moved => "moved",
            Self::Error => "error",
        }
    }
}

/// One answer, before it has its headers.
#[derive(Debug)]
pub(super) struct Answer {
    /// What it is.
    pub kind: Kind,
    /// The status.
    pub status: StatusCode,
    /// How long it may be kept.
    pub caching: Caching,
    /// Media type and body; `None` for 204 and 304, which have none.
    pub content: Option<(&'static str, Bytes)>,
    /// What only this answer has; wins over what all have.
    pub own: HeaderMap,
}

impl Answer {
    /// An answer with a body.
    pub(super) fn new(kind: Kind, caching: Caching, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let content = Some((media_type, body.into()));
        Self { kind, status: StatusCode::OK, caching, content, own: HeaderMap::new() }
    }

    /// The same with another body of the same type.
    pub(super) fn with_body(self, body: Bytes) -> Self {
        Self { content: self.content.map(|(media_type, _)| (media_type, body)), ..self }
    }

    /// The same with another status.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same with one header more. A value that cannot stand in a header is left out; ours are all ASCII.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        put(&mut self.own, name, value);
        self
    }

    /// The same as 304: without body, type and coding, else with the headers of the 200 (RFC 9110 section 15.4.5).
    /// `Last-Modified` stays as well: the copy that is confirmed may have come before it could be shown.
    pub(super) fn not_modified(mut self) -> Self {
        self.own.remove(header::CONTENT_ENCODING);
        Self { status: StatusCode::NOT_MODIFIED, content: None, ..self }
    }
}

/// A feed's document as one client gets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selected<'a> {
    /// How it is written.
    pub format: Format,
    /// In which coding it goes.
    pub coding: Encoding,
    /// Its bytes.
    pub bytes: &'a Bytes,
    /// Its header values.
    pub head: &'a Head,
}

/// Makes responses of answers.
#[derive(Debug)]
pub(super) struct Writer {
    document: HeaderValue,
    missing: HeaderValue,
    moved: HeaderValue,
    /// What every feed's document carries, with room for what each has of its own: copying a map that has all its names
    /// costs a third of filling one.
    feed: HeaderMap,
    /// The same for 304.
    feed_same: HeaderMap,
}

impl Writer {
    /// Knows how long documents may be kept.
    pub(super) fn new(cache: CacheTimes) -> Self {
        let CacheTimes { max_age_s, stale_while_revalidate_s, stale_if_error_s } = cache;
        let public = |rest: String| value(&format!("public, max-age={rest}"));
        let mut writer = Self {
            document: public(format!(
                "{max_age_s}, stale-while-revalidate={stale_while_revalidate_s}, stale-if-error={stale_if_error_s}"
            )),
            missing: public(max_age_s.min(MISSING_MAX_AGE_S).to_string()),
            moved: public(MOVED_MAX_AGE_S.to_string()),
            feed: HeaderMap::new(),
            feed_same: HeaderMap::new(),
        };
        writer.feed = writer.common(HeaderValue::from_static(""), Caching::Document);
        writer.feed.insert(header::VARY, HeaderValue::from_static(VARY));
        for name in [header::ETAG, header::LINK, header::LAST_MODIFIED] {
            writer.feed.insert(name, HeaderValue::from_static(""));
        }
        let same = writer.feed.iter().filter(|(name, _)| !OF_A_BODY.contains(name));
        writer.feed_same = same.map(|(name, value)| (name.clone(), value.clone())).collect();
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
            writer.feed.insert(name, HeaderValue::from_static(""));
        }
        writer
    }

    /// The response to a request of this method; to HEAD, everything but the body (RFC 9110 section 9.3.2). `now` is
    /// `Date`, from the clock that also judged `Last-Modified`.
    pub(super) fn response(&self, answer: Answer, method: &Method, now: Timestamp) -> Response<Bytes> {
        let mut all = self.common(date(now), answer.caching);
        if let Some((media_type, body)) = &answer.content {
            put(&mut all, header::CONTENT_TYPE, media_type);
            all.insert(header::CONTENT_LENGTH, body.len().into());
        }
        all.extend(answer.own);
        let body = answer.content.map(|(_, body)| body).filter(|_| *method != Method::HEAD);
        respond(answer.status, all, body.unwrap_or_default())
    }

    /// The response with a feed's document.
    pub(super) fn feed(&self, selected: Selected<'_>, method: &Method, now: Timestamp) -> Response<Bytes> {
        let mut all = self.feed.clone();
        own(&mut all, selected.head, now);
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static(selected.format.content_type()));
        all.insert(header::CONTENT_LENGTH, selected.head.length.clone());
        if selected.coding == Encoding::Identity {
            all.remove(header::CONTENT_ENCODING);
        } else {
            all.insert(header::CONTENT_ENCODING, HeaderValue::from_static(selected.coding.token()));
        }
        let body = if *method == Method::HEAD { Bytes::new() } else { selected.bytes.clone() };
        respond(StatusCode::OK, all, body)
    }

    /// The response that says that the client has the feed's document (RFC 9110 section 15.4.5): without body, type and
    /// coding, and without what tells a browser how to treat them, for nearly every answer is this one. `Last-Modified`
    /// stays: the copy that is confirmed may have come before it could be shown.
    pub(super) fn feed_not_modified(&self, head: &Head, now: Timestamp) -> Response<Bytes> {
        let mut all = self.feed_same.clone();
        own(&mut all, head, now);
        respond(StatusCode::NOT_MODIFIED, all, Bytes::new())
    }

    /// What every answer carries.
    fn common(&self, date: HeaderValue, caching: Caching) -> HeaderMap {
        let mut all = HeaderMap::with_capacity(HEADERS_USUAL);
        all.insert(header::DATE, date);
        all.insert(header::CACHE_CONTROL, self.cache_control(caching));
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        ] {
            all.insert(name, HeaderValue::from_static(value));
        }
        all
    }

    fn cache_control(&self, caching: Caching) -> HeaderValue {
        match caching {
            Caching::Document => self.document.clone(),
            Caching::Missing => self.missing.clone(),
            Caching::Moved => self.moved.clone(),
            Caching::Never => HeaderValue::from_static("no-store"),
        }
    }
}

fn respond(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// What each feed's document has of its own, whether the client has it or not: in the places that the copied map has for
/// them, which are found sooner by a look at each than by hashing four names.
fn own(all: &mut HeaderMap, head: &Head, now: Timestamp) {
    for (name, value) in all.iter_mut() {
        if *name == header::DATE {
            *value = date(now);
        } else if *name == header::ETAG {
            value.clone_from(&head.etag);
        } else if *name == header::LINK {
            value.clone_from(&head.link);
        } else if let (true, Some(last_modified)) = (*name == header::LAST_MODIFIED, &head.last_modified) {
            value.clone_from(last_modified);
        }
    }
    if head.last_modified.is_none() {
        all.remove(header::LAST_MODIFIED);
    }
}

/// The header values of a feed's document at `path` (its present one, as it is written), in one coding.
pub(super) fn head(
    options: &Options,
    path: &str,
    document: &Document,
    encoded: &Encoded,
    last_modified: Option<Timestamp>,
) -> Head {
    Head {
        etag: value(&encoded.etag),
        length: encoded.bytes.len().into(),
        link: value(&links(&options.base_url, &options.hubs, path, document.format())),
        last_modified: last_modified.map(|instant| value(&http_date(instant))),
    }
}

/// `Date`: written once a second by each thread.
fn date(now: Timestamp) -> HeaderValue {
    thread_local! {
        static WRITTEN: RefCell<(i64, HeaderValue)> = const { RefCell::new((i64::MIN, HeaderValue::from_static(""))) };
    }
    WRITTEN.with_borrow_mut(|(second, written)| {
        if *second != now.timestamp() {
            (*second, *written) = (now.timestamp(), value(&http_date(now)));
        }
        written.clone()
    })
}

/// A value that cannot stand in a header is left empty; ours are all ASCII.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
pub(super) fn http_date(instant: Timestamp) -> String {
    instant.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `Link` of a feed's document (RFC 8288, WebSub 4): itself, who pushes it, its other formats, the index page; in this
/// order, and with `rel` before the rest, for some subscribers look at the first link only. `path` is its present one, as it
/// is written.
fn links(base_url: &Url, hubs: &[Url], path: &str, format: Format) -> String {
    let stem = path.strip_suffix(format.extension()).unwrap_or(path);
    let link = |rel: &str, of: Format| {
        let url = public_url(base_url, &format!("{stem}{}", of.extension()));
        format!("<{url}>; rel=\"{rel}\"; type=\"{}\"", of.media_type())
    };
    let mut links = vec![link("self", format)];
    links.extend(hubs.iter().map(|hub| format!("<{hub}>; rel=\"hub\"")));
    links.extend(Format::ALL.into_iter().filter(|other| *other != format).map(|other| link("alternate", other)));
    links.push(format!("<{}>; rel=\"index\"; type=\"text/html\"", public_url(base_url, "/")));
    links.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_absolute_and_escaped() {
        let base_url = Url::parse("https://tin.example.vn/nguon/").unwrap();
        let hubs = ["https://tin.example.vn/nguon/hub", "https://hub.example/?a=<,>"];
        let hubs = hubs.map(|hub| Url::parse(hub).unwrap());
        assert_eq!(
            links(&base_url, &hubs, &written_path("/feeds/tag/a>b, c.atom"), Format::Atom),
            "<https://tin.example.vn/nguon/feeds/tag/a%3Eb,%20c.atom>; rel=\"self\"; type=\"application/atom+xml\", \
             <https://tin.example.vn/nguon/hub>; rel=\"hub\", \
             <https://hub.example/?a=%3C,%3E>; rel=\"hub\", \
             <https://tin.example.vn/nguon/feeds/tag/a%3Eb,%20c.rss>; rel=\"alternate\"; type=\"application/rss+xml\", \
             <https://tin.example.vn/nguon/feeds/tag/a%3Eb,%20c.json>; rel=\"alternate\"; type=\"application/feed+json\", \
             <https://tin.example.vn/nguon/>; rel=\"index\"; type=\"text/html\""
        );
    }

    #[test]
    fn dates_are_in_gmt() {
        let instant = chrono::DateTime::parse_from_rfc3339("2022-03-18T06:30:00+07:00").unwrap().to_utc();
        assert_eq!(http_date(instant), "Thu, 17 Mar 2022 23:30:00 GMT");
    }

    #[test]
    fn head_and_304_differ_from_the_200_only_as_they_must() {
        let answer = || Answer::new(Kind::Feed, Caching::Document, "text/plain", "tin").with(header::ETAG, "\"1\"");
        let writer = Writer::new(CacheTimes::default());
        let now = Timestamp::UNIX_EPOCH;
        let get = writer.response(answer(), &Method::GET, now);
        assert_eq!(get.body(), "tin");
        let head = writer.response(answer(), &Method::HEAD, now);
        assert_eq!((head.headers(), head.body().len()), (get.headers(), 0));
        let mut expect = get.headers().clone();
        expect.remove(header::CONTENT_TYPE);
        expect.remove(header::CONTENT_LENGTH);
        let same = writer.response(answer().not_modified(), &Method::GET, now);
        assert_eq!((same.headers(), same.body().len()), (&expect, 0));
    }
}
