//! The one place where an answer gets its headers. An answer says what it is ([`Answer`]); what follows from that for
//! caches, browsers and other sites' scripts is written here, for documents and errors alike.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;

use super::CacheTimes;
use crate::domain::clock::Timestamp;
use crate::domain::format::Format;

/// Nothing in an answer may run, load, or be framed: browsers run scripts in an XML document of an unlucky type.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// What scripts of other sites may see, beside what they always may.
const EXPOSED: &str = "ETag, Link, Last-Modified, Retry-After";
/// Seconds for which a cache may keep "there is nothing here", at most: soon there may be.
const MISSING_MAX_AGE_S: u32 = 60;
/// Seconds for which a redirect is kept: short, so that a category can take back its old address.
const MOVED_MAX_AGE_S: u32 = 300;
/// Room for the headers of a feed's answer.
const HEADERS_USUAL: usize = 16;
/// What a path may not hold in a URL (RFC 3986 section 3.3); `%` was decoded before.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

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
    /// What a script may ask.
    Preflight,
    /// A redirect.
    Moved,
    /// Everything that was refused, or is not there.
    Error,
}

impl Kind {
    /// The label's value.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Page => "page",
            Self::Opml => "opml",
            Self::Health => "health",
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

/// Makes responses of answers.
#[derive(Debug)]
pub(super) struct Writer {
    document: String,
    missing: String,
    moved: String,
}

impl Writer {
    /// Knows how long documents may be kept.
    pub(super) fn new(cache: CacheTimes) -> Self {
        let CacheTimes { max_age_s, stale_while_revalidate_s, stale_if_error_s } = cache;
        Self {
            document: format!(
                "public, max-age={max_age_s}, stale-while-revalidate={stale_while_revalidate_s}, \
                 stale-if-error={stale_if_error_s}"
            ),
            missing: format!("public, max-age={}", max_age_s.min(MISSING_MAX_AGE_S)),
            moved: format!("public, max-age={MOVED_MAX_AGE_S}"),
        }
    }

    /// The response to a request of this method; to HEAD, everything but the body (RFC 9110 section 9.3.2). `now` is
    /// `Date`, from the clock that also judged `Last-Modified`.
    pub(super) fn response(&self, answer: Answer, method: &Method, now: Timestamp) -> Response<Bytes> {
        let mut all = HeaderMap::with_capacity(HEADERS_USUAL);
        put(&mut all, header::DATE, &http_date(now));
        put(&mut all, header::CACHE_CONTROL, self.cache_control(answer.caching));
        put(&mut all, header::CONTENT_SECURITY_POLICY, POLICY);
        put(&mut all, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        put(&mut all, header::REFERRER_POLICY, "no-referrer");
        put(&mut all, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        put(&mut all, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if let Some((media_type, body)) = &answer.content {
            put(&mut all, header::CONTENT_TYPE, media_type);
            put(&mut all, header::CONTENT_LENGTH, &body.len().to_string());
        }
        all.extend(answer.own);
        let body = answer.content.map(|(_, body)| body).filter(|_| *method != Method::HEAD);
        let mut response = Response::new(body.unwrap_or_default());
        *response.status_mut() = answer.status;
        *response.headers_mut() = all;
        response
    }

    fn cache_control(&self, caching: Caching) -> &str {
        match caching {
            Caching::Document => &self.document,
            Caching::Missing => &self.missing,
            Caching::Moved => &self.moved,
            Caching::Never => "no-store",
        }
    }
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

/// A decoded path as it is written in a URL: of the many ways to write a path, the one that is not redirected.
pub(super) fn written_path(path: &str) -> String {
    utf8_percent_encode(path, NOT_IN_PATH).to_string()
}

/// The public URL of a path as it is written.
pub(super) fn public_url(base_url: &Url, path: &str) -> String {
    format!("{}{path}", base_url.as_str().trim_end_matches('/'))
}

/// `Link` of a feed's document (RFC 8288): itself, its other formats, the index page. `path` is its
/// present one, as it is written.
pub(super) fn links(base_url: &Url, path: &str, format: Format) -> String {
    let stem = path.strip_suffix(format.extension()).unwrap_or(path);
    let link = |rel: &str, of: Format| {
        let url = public_url(base_url, &format!("{stem}{}", of.extension()));
        format!("<{url}>; rel=\"{rel}\"; type=\"{}\"", of.media_type())
    };
    let mut links = vec![link("self", format)];
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
        assert_eq!(
            links(&base_url, &written_path("/feeds/tag/a>b, c.atom"), Format::Atom),
            "<https://tin.example.vn/nguon/feeds/tag/a%3Eb,%20c.atom>; rel=\"self\"; type=\"application/atom+xml\", \
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
