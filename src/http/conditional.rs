//! Conditional requests.

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, header};

use crate::domain::clock::Timestamp;

/// What proxies that compress put at the end of an entity tag, and leave there when a client sends it back: Apache (`-gzip`,
/// `-br`, `-zstd`), Jetty (`--gzip`), others (`;gzip`, `;br`).
const ADDED_BY_PROXIES: [&str; 6] = ["-gzip", "-br", "-zstd", ";gzip", ";br", "--gzip"];

/// What a client may compare its copy with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Validators<'a> {
    /// The strong entity tag of the selected representation, quotes included.
    pub etag: &'a str,
    /// `Last-Modified`, in whole seconds; `None` if the answer has none.
    pub last_modified: Option<Timestamp>,
}

/// What becomes of a GET or HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 200.
    Send,
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
}

/// Evaluates the preconditions of a GET or HEAD whose answer would be 200, in the order of RFC 9110 section 13.2.2:
/// 1. `If-Match` (strong comparison): false is 412, true leads to 3;
/// 2. else `If-Unmodified-Since`, if there is a date to compare with: false is 412;
/// 3. `If-None-Match` (weak comparison): false is 304, true is 200;
/// 4. else `If-Modified-Since`, if there is a date to compare with: false is 304;
/// 5. `If-Range` does not matter to who ignores `Range`.
///
/// A date that is malformed or comes twice is as if it were not there.
pub(super) fn evaluate(headers: &HeaderMap, validators: Validators<'_>) -> Outcome {
    let since = |name| Some((date(headers, name)?, validators.last_modified?));
    if headers.contains_key(header::IF_MATCH) {
        if !names(headers, header::IF_MATCH, |tag| !tag.weak && tag.opaque == validators.etag.as_bytes()) {
            return Outcome::PreconditionFailed;
        }
    } else if since(header::IF_UNMODIFIED_SINCE).is_some_and(|(date, modified)| modified > date) {
        return Outcome::PreconditionFailed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        if names(headers, header::IF_NONE_MATCH, |tag| is_same_text(tag.opaque, validators.etag.as_bytes())) {
            return Outcome::NotModified;
        }
    } else if since(header::IF_MODIFIED_SINCE).is_some_and(|(date, modified)| modified <= date) {
        return Outcome::NotModified;
    }
    Outcome::Send
}

/// The start of the second after the change: `Last-Modified` may be shown once it has begun, and no change that comes
/// later can have the same one (RFC 9110 section 8.8.2.2). `None` until then.
pub(super) fn last_modified(changed_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let second = DateTime::from_timestamp(changed_at.timestamp().checked_add(1)?, 0)?;
    (second <= now).then_some(second)
}

/// One entity tag of a list.
struct Tag<'a> {
    weak: bool,
    /// With its quotes.
    opaque: &'a [u8],
}

/// Does the header, over all its lines, say `*` or name a tag that `is_ours`? What is no list says nothing.
fn names(headers: &HeaderMap, name: HeaderName, is_ours: impl Fn(&Tag<'_>) -> bool) -> bool {
    headers.get_all(name).iter().any(|line| {
        let mut rest = line.as_bytes().trim_ascii();
        if rest == b"*" {
            return true;
        }
        while let Some((tag, after)) = next_tag(rest) {
            if is_ours(&tag) {
                return true;
            }
            rest = after;
        }
        false
    })
}

/// Is the tag ours, as it is or as a proxy that compresses has rewritten it? No tag of ours ends like that, and what was
/// compressed on the way is still the same text.
fn is_same_text(tag: &[u8], ours: &[u8]) -> bool {
    let bare = tag.strip_suffix(b"\"").unwrap_or_default();
    let added = ours.strip_suffix(b"\"").and_then(|ours| bare.strip_prefix(ours));
    added.is_some_and(|added| added.is_empty() || ADDED_BY_PROXIES.iter().any(|known| added == known.as_bytes()))
}

/// The next tag and what follows it; `None` at the end, or where there is no tag.
fn next_tag(list: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let start = list.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
    let (_, tag) = list.split_at_checked(start)?;
    let (weak, tag) = tag.strip_prefix(b"W/").map_or((false, tag), |tag| (true, tag));
    let inner = tag.strip_prefix(b"\"")?;
    let length = inner.iter().position(|byte| *byte == b'"')?;
    let (opaque, after) = tag.split_at_checked(length + 2)?;
    let apart = after.trim_ascii_start();
    (apart.is_empty() || apart.starts_with(b",")).then_some((Tag { weak, opaque }, after))
}

/// The header's date, in any of the three forms of RFC 9110 section 5.6.7.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    let mut lines = headers.get_all(name).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    httpdate::parse_http_date(line.to_str().ok()?).ok().map(DateTime::<Utc>::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: &str = "Thu, 17 Mar 2022 23:30:00 GMT";

    fn check(lines: &[(&str, &str)], expect: Outcome) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let last_modified = httpdate::parse_http_date(MODIFIED).ok().map(DateTime::<Utc>::from);
        assert_eq!(evaluate(&headers, Validators { etag: "\"7-ab\"", last_modified }), expect, "{lines:?}");
    }

    #[test]
    fn if_none_match_compares_weakly_and_over_all_lines() {
        for same in [
            "\"7-ab\"",
            "W/\"7-ab\"",
            "\"a\", W/\"7-ab\"",
            "\"a,b\" ,\"7-ab\"",
            "*",
            " * ",
            ",, \"7-ab\"",
            "\"7-ab-gzip\"",
            "W/\"7-ab;gzip\"",
        ] {
            check(&[("if-none-match", same)], Outcome::NotModified);
        }
        check(&[("if-none-match", "\"a\""), ("if-none-match", "W/\"7-ab\"")], Outcome::NotModified);
        for other in [
            "7-ab",
            "\"\"",
            "\"7-AB\"",
            "w/\"7-ab\"",
            "\"7-ab",
            "\"a\"\"7-ab\"",
            "x, \"7-ab\"",
            "",
            "**",
            "\"7-ab-\"",
            "\"7-gzip\"",
            "\"7-abc\"",
        ] {
            check(&[("if-none-match", other)], Outcome::Send);
        }
    }

    #[test]
    fn if_modified_since_counts_only_alone_and_sound() {
        for same in [MODIFIED, "Thursday, 17-Mar-22 23:30:00 GMT", "Thu Mar 17 23:30:00 2022"] {
            check(&[("if-modified-since", same)], Outcome::NotModified);
        }
        check(&[("if-modified-since", "Thu, 17 Mar 2022 23:30:01 GMT")], Outcome::NotModified);
        for other in [
            "Thu, 17 Mar 2022 23:29:59 GMT",
            "Fri, 18 Mar 2022 06:30:00 +0700",
            "Fri, 18 Mar 2022 06:30:00 ICT",
            "2022-03-18T06:30:00+07:00",
            "hôm qua",
            "",
            "Thu, 17 Mar 2022 23:30:00 GMT, Thu, 17 Mar 2022 23:30:00 GMT",
        ] {
            check(&[("if-modified-since", other)], Outcome::Send);
        }
        check(&[("if-modified-since", MODIFIED), ("if-modified-since", MODIFIED)], Outcome::Send);
        let future = "Fri, 01 Jan 2100 00:00:00 GMT";
        check(&[("if-none-match", "\"other\""), ("if-modified-since", future)], Outcome::Send);
    }

    #[test]
    fn if_match_comes_first_and_compares_strongly() {
        check(&[("if-match", "\"7-ab\"")], Outcome::Send);
        check(&[("if-match", "*")], Outcome::Send);
        check(&[("if-match", "W/\"7-ab\"")], Outcome::PreconditionFailed);
        check(&[("if-match", "\"other\""), ("if-none-match", "*")], Outcome::PreconditionFailed);
        check(&[("if-match", "\"7-ab\""), ("if-none-match", "\"7-ab\"")], Outcome::NotModified);
        let before = "Thu, 17 Mar 2022 23:29:59 GMT";
        check(&[("if-unmodified-since", before)], Outcome::PreconditionFailed);
        check(&[("if-unmodified-since", MODIFIED)], Outcome::Send);
        check(&[("if-unmodified-since", "hôm qua")], Outcome::Send);
        check(&[("if-match", "\"7-ab\""), ("if-unmodified-since", before)], Outcome::Send);
    }

    #[test]
    fn last_modified_is_the_next_second_and_waits_for_it() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        for (changed_at, now, expect) in [
            ("2022-03-17T23:30:00Z", "2022-03-17T23:30:00Z", None),
            ("2022-03-17T23:30:00Z", "2022-03-17T23:30:00.999999Z", None),
            ("2022-03-17T23:30:00.999999Z", "2022-03-17T23:30:01Z", Some("2022-03-17T23:30:01Z")),
            ("2022-03-17T23:30:01Z", "2022-03-17T23:30:01Z", None),
            ("2099-01-01T00:00:00Z", "2022-03-17T23:30:00Z", None),
        ] {
            assert_eq!(last_modified(at(changed_at), at(now)), expect.map(at), "{changed_at} at {now}");
        }
    }
}
