//! Values of a feed that cannot be wrong: each is read once, at the edge (house rule: preconditions live in types). What this
//! program has written for itself (`publish::summaries`) is not looked at again.

use std::fmt;

use percent_encoding::percent_encode_byte;
use url::{Position, Url};

/// Longest address that we publish, in bytes: some proxies and readers cut or refuse longer ones.
pub const URL_BYTES_MAX: usize = 4096;

/// Types told by a file's extension, where the store does not say.
const MIME_TYPES: [(&str, &str); 13] = [
    ("avif", "image/avif"),
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("m4a", "audio/mp4"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
];

/// What a file is, in the words of Media RSS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Medium {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Film.
    Video,
}

impl Medium {
    /// The word in Media RSS.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

/// An absolute http(s) address without user name, of at most [`URL_BYTES_MAX`] bytes, in the characters of RFC 3986.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WebUrl(String);

impl WebUrl {
    /// Reads an address; `None` if it is no such one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_url(&Url::parse(text.trim()).ok()?)
    }

    /// Takes a parsed address; `None` if it is no such one. What the URL standard of browsers lets through but RFC 3986
    /// does not (`|`, `^`, a lone `%` ...) is percent-encoded.
    #[must_use]
    pub fn from_url(url: &Url) -> Option<Self> {
        let web = matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty();
        if !web || url.password().is_some() {
            return None;
        }
        let (path, fragment) = (&url[Position::BeforePath..Position::AfterQuery], url.fragment());
        let mut text = url[..Position::BeforePath].to_owned();
        push_encoded(&mut text, path);
        if let Some(fragment) = fragment {
            text.push('#');
            push_encoded(&mut text, fragment);
        }
        (text.len() <= URL_BYTES_MAX).then_some(Self(text))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends, percent-encoding what RFC 3986 section 3.3 does not allow in a path, query or fragment.
fn push_encoded(text: &mut String, part: &str) {
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        let mut ahead = rest.clone();
        let plain = match byte {
            b'%' => hex(ahead.next()) && hex(ahead.next()),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte),
        };
        if plain {
            text.push(char::from(byte));
        } else {
            text.push_str(percent_encode_byte(byte));
        }
    }
}

/// A language tag in the form of BCP 47 (RFC 5646 section 2.1), not looked up in its registry.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LanguageTag(String);

impl LanguageTag {
    /// Reads a tag: a language of two or three letters, then subtags of up to eight letters and digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut subtags = text.split('-');
        let language = subtags.next()?;
        let language_fits = matches!(language.len(), 2 | 3) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
        let fits = |tag: &str| matches!(tag.len(), 1..=8) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (language_fits && subtags.all(fits)).then(|| Self(text.to_owned()))
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A media type without parameters (RFC 6838 section 4.2), in lower case.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MimeType(String);

impl MimeType {
    /// Reads a media type; parameters are left out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let essence = text.split(';').next()?.trim().to_ascii_lowercase();
        let token = |part: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
            matches!(part.len(), 1..=127) && part.bytes().all(fits)
        };
        let (kind, subtype) = essence.split_once('/')?;
        (token(kind) && token(subtype)).then_some(Self(essence))
    }

    /// The type that the extension of an address tells.
    #[must_use]
    pub fn of_address(url: &WebUrl) -> Option<Self> {
        let path = url.as_str().split(['?', '#']).next()?;
        let extension = path.rsplit_once('.')?.1.to_ascii_lowercase();
        let (_, mime_type) = MIME_TYPES.into_iter().find(|(known, _)| *known == extension)?;
        Some(Self(mime_type.to_owned()))
    }

    /// What such a file is.
    #[must_use]
    pub fn medium(&self) -> Option<Medium> {
        match self.0.split('/').next()? {
            "image" => Some(Medium::Image),
            "audio" => Some(Medium::Audio),
            "video" => Some(Medium::Video),
            _ => None,
        }
    }
}

impl std::ops::Deref for MimeType {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_absolute_and_hold_only_characters_of_rfc_3986() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(WebUrl::parse(text).as_ref().map(WebUrl::as_str), expect, "{text}");
        };
        check("https://a.example/tin/đầu 1.htm", Some("https://a.example/tin/%C4%91%E1%BA%A7u%201.htm"));
        check(" http://a.example ", Some("http://a.example/"));
        check(
            "https://a.example/a|b^c?[x]={y}&z=%zz%41#p#q",
            Some("https://a.example/a%7Cb%5Ec?%5Bx%5D=%7By%7D&z=%25zz%41#p%23q"),
        );
        check("https://[::1]:8080/x", Some("https://[::1]:8080/x"));
        for bad in [
            "",
            "/tin.htm",
            "//a.example/x",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://a.example/",
            "https://u:p@a.example/",
            "https://u@a.example/",
            "http://",
        ] {
            check(bad, None);
        }
        check(&format!("https://a.example/{}", "x".repeat(URL_BYTES_MAX)), None);
    }

    #[test]
    fn language_tags() {
        let check = |text: &str, expect: bool| assert_eq!(LanguageTag::parse(text).is_some(), expect, "{text}");
        for good in ["vi", "vi-VN", "mww", "zh-Hant-TW", "en-x-bao"] {
            check(good, true);
        }
        for bad in ["", "v", "tiếng Việt", "vi_VN", "vi-", "-vi", "vi VN", "vietnamese", "1x"] {
            check(bad, false);
        }
    }

    #[test]
    fn media_types() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(MimeType::parse(text).as_deref(), expect, "{text}");
        check("Image/JPEG; q=1", Some("image/jpeg"));
        check("image/svg+xml", Some("image/svg+xml"));
        for bad in ["", "image", "image/", "/png", "image/pn g", "image/png/x", "ảnh/png"] {
            check(bad, None);
        }
        let of = |text: &str| MimeType::of_address(&WebUrl::parse(text).unwrap()).as_deref().map(str::to_owned);
        assert_eq!(of("https://a.example/a.b/x.JPG?w=1.png").as_deref(), Some("image/jpeg"));
        assert_eq!(of("https://a.example/jpg"), None);
    }
}
