//! Who may ask, and how much. hyper takes a request without `Host`, with two of them, or with nonsense in it, so the
//! check is ours (RFC 9112 section 3.2). `Host` decides nothing else: it never comes into an answer.

use std::net::{IpAddr, Ipv6Addr};

use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, StatusCode, Version, header};
use url::Url;

/// A host that we may be called by.
#[derive(Debug, Clone, Copy)]
enum Host<'a> {
    /// In any case.
    Name(&'a str),
    /// Without brackets.
    Address(IpAddr),
}

/// Checks a request's head.
#[derive(Debug)]
pub(super) struct Guard {
    /// A handful: looking through them is faster than hashing.
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    /// `Host` as nearly everybody writes it: there is nothing to be read in it.
    usual: String,
    target_bytes_max: usize,
    headers_bytes_max: usize,
    headers_count_max: usize,
}

impl Guard {
    /// Knows the base URL's host, `host_names` and `localhost`.
    pub(super) fn new(base_url: &Url, host_names: &[String], limits: &super::Limits) -> Self {
        let (mut names, mut addresses) = (Vec::new(), Vec::new());
        for name in host_names.iter().map(String::as_str).chain(base_url.host_str()).chain(["localhost"]) {
            match parse_host(name.as_bytes()) {
                Some(Host::Name(name)) => names.push(name.to_owned()),
                Some(Host::Address(address)) => addresses.push(address),
                None => {}
            }
        }
        Self {
            names,
            addresses,
            usual: base_url.authority().to_owned(),
            target_bytes_max: limits.target_bytes_max,
            headers_bytes_max: limits.headers_bytes_max,
            headers_count_max: limits.headers_count_max,
        }
    }

    /// Lets a request pass, or says what to answer: 414, 431, 400 (no host, several, or a malformed one) or 421 (a host
    /// that is not us). `local` is the address that the client connected to.
    pub(super) fn check(&self, request: &Parts, local: IpAddr) -> Result<(), StatusCode> {
        if request.uri.path_and_query().is_some_and(|target| target.as_str().len() > self.target_bytes_max) {
            return Err(StatusCode::URI_TOO_LONG);
        }
        let headers = &request.headers;
        if headers.len() > self.headers_count_max || headers_bytes(headers) > self.headers_bytes_max {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        if request.uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS) {
            return Err(StatusCode::BAD_REQUEST);
        }
        // The target's authority comes before `Host` (RFC 9112 section 3.2.2), but both have to be sound.
        let of_target = request.uri.authority().map(|authority| authority.as_str().as_bytes());
        let of_header = host_header(request)?;
        for written in of_target.into_iter().chain(of_header).filter(|written| *written != self.usual.as_bytes()) {
            let host = parse_host(written).ok_or(StatusCode::BAD_REQUEST)?;
            if !self.knows(host, local) {
                return Err(StatusCode::MISDIRECTED_REQUEST);
            }
        }
        Ok(())
    }

    fn knows(&self, host: Host<'_>, local: IpAddr) -> bool {
        match host {
            Host::Name(name) => self.names.iter().any(|known| known.eq_ignore_ascii_case(name)),
            Host::Address(address) => address.is_loopback() || address == local || self.addresses.contains(&address),
        }
    }
}

fn headers_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// The one `Host`; only HTTP/1.0 may leave it out.
fn host_header(request: &Parts) -> Result<Option<&[u8]>, StatusCode> {
    let mut values = request.headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (Some(host), None) => Ok(Some(host.as_bytes())),
        (None, None) if request.version < Version::HTTP_11 => Ok(None),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// `host [":" port]` of RFC 9110 section 7.2, without percent-encoding, which no name of ours needs.
fn parse_host(written: &[u8]) -> Option<Host<'_>> {
    let written = std::str::from_utf8(written).ok()?;
    if let Some(rest) = written.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        return is_port_part(port).then(|| Host::Address(IpAddr::V6(address).to_canonical()));
    }
    let end = written.find(':').unwrap_or(written.len());
    let (host, port) = written.split_at_checked(end)?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || !host.bytes().all(sound) || !is_port_part(port) {
        return None;
    }
    Some(host.parse().map_or(Host::Name(host), Host::Address))
}

/// Nothing, or a colon and a port; digits may be missing (RFC 3986 section 3.2.3).
fn is_port_part(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some(port) => {
            port.is_empty() || (port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: http::request::Builder, expect: Result<(), u16>) {
        let base_url = Url::parse("https://Tin.Example.vn/").unwrap();
        let guard = Guard::new(&base_url, &["tin-cu.example.vn".to_owned()], &super::super::Limits::default());
        let (request, ()) = request.body(()).unwrap().into_parts();
        let result = guard.check(&request, "192.0.2.7".parse().unwrap()).map_err(|status| status.as_u16());
        assert_eq!(result, expect, "{request:?}");
    }

    fn hosts(hosts: &[&[u8]]) -> http::request::Builder {
        let request = http::Request::builder().uri("/");
        hosts.iter().fold(request, |request, host| request.header("host", *host))
    }

    #[test]
    fn only_our_names_pass() {
        for ours in [
            "tin.example.vn",
            "TIN.example.vn:443",
            "tin.example.vn:",
            "tin-cu.example.vn:8080",
            "localhost:1",
            "127.0.0.1",
            "127.1.2.3:80",
            "[::1]:8080",
            "[::ffff:127.0.0.1]",
            "192.0.2.7",
        ] {
            check(hosts(&[ours.as_bytes()]), Ok(()));
        }
        for foreign in ["example.vn", "tin.example.vn.evil", "192.0.2.8", "[2001:db8::1]", "2130706433", "0x7f.1"] {
            check(hosts(&[foreign.as_bytes()]), Err(421));
        }
    }

    #[test]
    fn malformed_hosts_are_refused() {
        for bad in [
            "",
            "a@tin.example.vn",
            "tin.example.vn/../x",
            "tin.example.vn, evil",
            "ex ample<>",
            "tin.example.vn:80a",
            "tin.example.vn:65536",
            "tin.example.vn:80:80",
            "[::1",
            "[::1]x",
            "::1",
            "%74in.example.vn",
            "tin\u{e9}.vn",
        ] {
            check(hosts(&[bad.as_bytes()]), Err(400));
        }
        check(hosts(&[]), Err(400));
        check(hosts(&[b"tin.example.vn", b"tin.example.vn"]), Err(400));
        check(hosts(&[]).version(Version::HTTP_10), Ok(()));
        check(hosts(&[b"tin.example.vn", b"evil"]).version(Version::HTTP_10), Err(400));
    }

    #[test]
    fn the_target_has_its_own_authority_and_limits() {
        let ours = || hosts(&[b"tin.example.vn"]);
        check(ours().uri("http://tin.example.vn/feeds/all.rss"), Ok(()));
        check(ours().uri("http://evil.example/feeds/all.rss"), Err(421));
        check(ours().uri("http://a@tin.example.vn/"), Err(400));
        check(ours().uri("gopher://tin.example.vn/"), Err(400));
        check(ours().uri(format!("/?{}", "x".repeat(2_046))), Ok(()));
        check(ours().uri(format!("/?{}", "x".repeat(2_047))), Err(414));
        check(ours().header("x", "x".repeat(16 * 1024)), Err(431));
    }
}
