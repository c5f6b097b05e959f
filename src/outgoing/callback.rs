//! An address that a stranger has given us: checked once, and asked for exactly as it was written.

use std::fmt;

use url::{ParseError, Url, form_urlencoded};

use super::connection::host_of;

/// Longest callback, in bytes.
const BYTES_MAX: usize = 2000;

/// Where a subscriber wants to be called. Whoever knows it can speak as we do, so it is never logged whole.
#[derive(Clone)]
pub struct Callback {
    text: String,
    url: Url,
}

/// Why a text is no callback. The messages go on where the name of the parameter ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACallback {
    /// More than anybody needs.
    #[error("is longer than {BYTES_MAX} bytes")]
    TooLong,
    /// Another kind of address.
    #[error("is no address of the web, expected one that begins with http:// or https://")]
    NotWeb,
    /// Something that no address has as it is, such as a space, a line break or `đ`.
    #[error("has the character {0:?}, which has to be percent-encoded, or in the host's name written in Punycode")]
    Character(char),
    /// Something before an `@`.
    #[error("has a user name or a password, expected what tells it from others in its path or query")]
    UserInfo,
    /// Its host or its port is none.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] ParseError),
}

impl Callback {
    /// Reads a callback.
    ///
    /// # Errors
    /// [`NotACallback`].
    pub fn parse(text: &str) -> Result<Self, NotACallback> {
        if text.len() > BYTES_MAX {
            return Err(NotACallback::TooLong);
        }
        if let Some(character) = text.chars().find(|c| !may_stand(*c)) {
            return Err(NotACallback::Character(character));
        }
        let (authority, _) = parts(text).ok_or(NotACallback::NotWeb)?;
        // The parser would go on to the next name after `http:///`, and our reading of the path would not be its.
        if authority.is_empty() {
            return Err(ParseError::EmptyHost.into());
        }
        if authority.contains('@') {
            return Err(NotACallback::UserInfo);
        }
        Ok(Self { text: text.to_owned(), url: Url::parse(text)? })
    }

    /// As it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Host and port in one spelling, such as `example.org:443`.
    #[must_use]
    pub fn host(&self) -> String {
        host_of(&self.url)
    }

    /// What is asked for: path and query as they were given, without the fragment.
    #[must_use]
    pub fn target(&self) -> String {
        let target = parts(&self.text).and_then(|(_, target)| target.split('#').next()).unwrap_or_default();
        if target.starts_with('/') { target.to_owned() } else { format!("/{target}") }
    }

    /// The same with more parameters at its end. Those that it has stay as they are, also if they have the same names
    /// (WebSub 5.3).
    #[must_use]
    pub fn target_with(&self, parameters: &[(&str, &str)]) -> String {
        let target = self.target();
        let joint = match target.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        let added = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        format!("{target}{joint}{added}")
    }

    /// As the URL standard reads it: what is connected to.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Is it asked by TLS?
    pub(super) fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The host's name, or its address without brackets.
    pub(super) fn name(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("host", &self.host()).finish_non_exhaustive()
    }
}

/// What a request line can hold as it is; no backslash, which some read as a slash.
fn may_stand(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '`')
}

/// What stands between the scheme and the path, and what comes after that. `None`: the scheme is not of the web.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_web = ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    is_web.then(|| rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())))
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;

    fn read(text: &str) -> Callback {
        Callback::parse(text).unwrap_or_else(|error| panic!("{text} {error}"))
    }

    #[test]
    fn the_target_is_as_it_was_written() {
        let check = |text: &str, expect: &str| assert_eq!(read(text).target(), expect, "{text}");
        check("http://a.example/%7e/./a/../b;c?x=%2f&&y=+#z?w", "/%7e/./a/../b;c?x=%2f&&y=+");
        check("HTTPS://A.example:443/Nhan", "/Nhan");
        check("http://a.example//b", "//b");
        check("http://a.example", "/");
        check("http://a.example#z", "/");
        check("http://a.example?x=1", "/?x=1");
        check("http://a.example/?", "/?");
        check("http://a.example/?a?b/c", "/?a?b/c");
        check("http://a.example:8080/http://b.example/@", "/http://b.example/@");
    }

    #[test]
    fn parameters_come_at_the_end() {
        let check = |text: &str, expect: &str| {
            let parameters = [("hub.mode", "subscribe"), ("hub.topic", "https://t.example/a b?c=&đ")];
            let target = read(text).target_with(&parameters);
            let added = "hub.mode=subscribe&hub.topic=https%3A%2F%2Ft.example%2Fa+b%3Fc%3D%26%C4%91";
            assert_eq!(target, expect.replace("MORE", added), "{text}");
        };
        check("http://a.example", "/?MORE");
        check("http://a.example/cb#z", "/cb?MORE");
        check("http://a.example/cb?", "/cb?MORE");
        check("http://a.example/cb?k=%7e", "/cb?k=%7e&MORE");
        check("http://a.example/cb?k&", "/cb?k&MORE");
        check("http://a.example/cb?hub.mode=x&hub.topic=", "/cb?hub.mode=x&hub.topic=&MORE");
    }

    #[test]
    fn a_host_has_one_spelling() {
        let check = |text: &str, expect: &str| assert_eq!(read(text).host(), expect, "{text}");
        check("http://A.Example/", "a.example:80");
        check("https://a.example./", "a.example:443");
        check("https://a.example:/", "a.example:443");
        check("http://a.example:0443/", "a.example:443");
        check("http://0x7f.1/", "127.0.0.1:80");
        check("http://[0:0::1]:8080/", "[::1]:8080");
        assert_eq!(read("http://[::1]/").name(), "::1");
    }

    #[test]
    fn what_is_none_is_told_why() {
        let check = |text: &str, expect: NotACallback| assert_eq!(Callback::parse(text).err(), Some(expect), "{text}");
        for text in ["", "a.example", "//a.example/", "http:a.example", "http:/a.example", "ftp://a.example/"] {
            check(text, NotACallback::NotWeb);
        }
        for character in [' ', '\r', '\n', '\t', '\0', '\x7f', '"', '<', '>', '\\', '`', 'đ', '\u{202e}'] {
            for text in ["http://a.example/{}", "http://a.{}example/", "{}http://a.example/?x"] {
                check(&text.replace("{}", &character.to_string()), NotACallback::Character(character));
            }
        }
        for text in ["http://u@a.example/", "http://u:p@a.example/", "http://@a.example/", "http://a.example:80@b/"] {
            check(text, NotACallback::UserInfo);
        }
        for text in ["http://", "http:///a.example/", "https://?x", "http://:80/"] {
            check(text, NotACallback::Unreadable(ParseError::EmptyHost));
        }
        check("http://a.example:x/", NotACallback::Unreadable(ParseError::InvalidPort));
        check("http://a.example:65536/", NotACallback::Unreadable(ParseError::InvalidPort));
        check("http://1.2.3.256/", NotACallback::Unreadable(ParseError::InvalidIpv4Address));
        check("http://[::1/", NotACallback::Unreadable(ParseError::InvalidIpv6Address));
        let long = |bytes: usize| format!("http://a.example/{}", "x".repeat(bytes - 17));
        check(&long(BYTES_MAX + 1), NotACallback::TooLong);
        assert_eq!(read(&long(BYTES_MAX)).text().len(), BYTES_MAX);
    }

    #[test]
    fn whatever_may_stand_can_be_sent() {
        for c in ('\0'..='\x7f').filter(|c| may_stand(*c) && *c != '#') {
            let target = read(&format!("http://a.example/{c}?{c}")).target();
            assert_eq!(target.parse::<Uri>().unwrap().to_string(), target);
        }
    }

    #[test]
    fn a_callback_does_not_get_into_logs() {
        assert_eq!(format!("{:?}", read("https://a.example/bi-mat?k=1")), "Callback { host: \"a.example:443\", .. }");
    }
}
