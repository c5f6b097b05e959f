//! Addresses of ours as they are written: each in one way only, wherever it stands.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;

use super::publisher::Publisher;
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::feed_key::FeedKey;
use crate::domain::scope::Scope;
use crate::gazetteer::Resolved;

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
    /// Where a feed's document is now; `None` if it has no address, or has ended.
    #[must_use]
    pub fn public_address(&self, key: &FeedKey, base_url: &Url) -> Option<String> {
        let path = self.maker.view.names().addresses.current(&key.scope).filter(|_| !self.has_ended(&key.scope))?;
        Some(public_url(base_url, &written_path(&format!("{FEEDS_PREFIX}{path}.{}", key.format))))
    }

    /// The feed at a path that is its present one, whether or not it has ended.
    #[must_use]
    pub fn feed_at(&self, path: &str) -> Option<FeedKey> {
        match self.maker.view.names().addresses.resolve(path)? {
            Resolved::Feed(key) => Some(key),
            Resolved::Moved(_) => None,
        }
    }

    /// Has it ended for good? A custom feed is there as long as it is configured.
    pub(super) fn has_ended(&self, scope: &Scope) -> bool {
        matches!(scope, Scope::Custom(name) if !self.maker.options.custom.contains_key(name))
    }

    /// The feed that the address of a feed leads to: itself, unless its place has gone into another one.
    #[must_use]
    pub fn leads_to(&self, scope: &Scope) -> Scope {
        let names = self.maker.view.names();
        let places = names.addresses.gazetteer();
        match scope {
            Scope::Locality(place) => Scope::Locality(places.canonical(*place)),
            Scope::Combination(category, place) => Scope::Combination(category.clone(), places.canonical(*place)),
            other => other.clone(),
        }
    }

    /// A value that differs when [`Publisher::leads_to`] may answer otherwise.
    #[must_use]
    pub fn places(&self) -> String {
        self.maker.view.names().addresses.gazetteer().digest()
    }
}
