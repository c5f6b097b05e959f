//! `[purge]`: which cache is told of changed addresses, and how.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use url::Url;

use super::reader::Reader;
use super::{HOUR_MS, milliseconds, minutes};

/// `[purge]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// How a cache is told; `None`: nobody is.
    pub hook: Option<PurgeHook>,
    /// How long one call may take.
    pub timeout: Duration,
    /// Calls at a time.
    pub calls_max: usize,
    /// How long it is tried.
    pub give_up_after: Duration,
}

/// How a cache is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurgeHook {
    /// By a program with its arguments.
    Command(Vec<String>),
    /// By a request for each address.
    Request {
        /// Address of the request, with `{url}` or `{path}`.
        template: String,
        /// Its method.
        method: Method,
        /// What `Host` says, if not the name in the address.
        host: Option<HeaderValue>,
        /// One more header; its value is a secret.
        header: Option<(HeaderName, HeaderValue)>,
    },
}

pub(super) fn read(reader: &Reader<'_>) -> Purge {
    let (command, request) = (reader.list("purge.command"), request(reader));
    if !command.is_empty() && request.is_some() {
        reader.fault("purge.url", "contradicts `purge.command`; keep one of the two");
    }
    Purge {
        hook: if command.is_empty() { request } else { Some(PurgeHook::Command(command)) },
        timeout: milliseconds(reader, "purge.timeout_ms", 100, HOUR_MS),
        calls_max: reader.number("purge.calls_max", 1..=100),
        give_up_after: minutes(reader, "purge.give_up_minutes", 1..=10_080),
    }
}

fn request(reader: &Reader<'_>) -> Option<PurgeHook> {
    let expected = "an address with {url} or {path}, such as `http://127.0.0.1:6081{path}`";
    let template = reader.parsed("purge.url", expected, template);
    let method = reader.parsed("purge.method", "a method such as `PURGE`", |text| text.parse().ok());
    let host =
        reader.parsed("purge.host", "a name as in `Host`, such as `feeds.baovidu.example`", |text| text.parse().ok());
    let secret = reader.secret("purge.header");
    let header = header(secret.expose());
    if header.is_none() && !secret.expose().is_empty() {
        reader.fault("purge.header", "is no header, expected a name, a colon and a value");
    }
    Some(PurgeHook::Request { template: template?, method: method.unwrap_or_default(), host, header })
}

fn template(text: &str) -> Option<String> {
    let filled = text.replace("{url}", "https://a.example/x").replace("{path}", "/x");
    let url = Url::parse(&filled).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.filter(|_| filled != text && !filled.contains(['{', '}'])).map(|_| text.to_owned())
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let mut value: HeaderValue = value.trim().parse().ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}
