//! Addresses of ours as they are written: each in one way only, wherever it stands.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;

use super::publisher::Publisher;
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::feed_key::FeedKey;

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

/// A decoded path as it is written in a URL: of the many ways to write a path, the one that is not redirected.
#[must_use]
pub fn written_path(path: &str) -> String {
    utf8_percent_encode(path, NOT_IN_PATH).to_string()
}

/// The public URL of a path as it is written.
#[must_use]
pub fn public_url(base_url: &Url, path: &str) -> String {
    format!("{}{path}", base_url.as_str().trim_end_matches('/'))
}

impl Publisher {
    /// Where a feed's document is now; `None` if it has no address.
    #[must_use]
    pub fn public_address(&self, key: &FeedKey, base_url: &Url) -> Option<String> {
        let path = self.maker.view.names().addresses.current(&key.scope)?;
        Some(public_url(base_url, &written_path(&format!("{FEEDS_PREFIX}{path}.{}", key.format))))
    }
}
