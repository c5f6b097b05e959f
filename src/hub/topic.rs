//! From the address of a topic to the feed.

use url::Url;

use super::Options;
use super::request::Refusal;
use crate::domain::feed_key::FeedKey;
use crate::publish::publisher::Publisher;
use crate::publish::{Published as _, Route};

/// How often a feed may have moved on: each address leads to the present one in one step.
const MOVES_MAX: usize = 3;

/// The feed that an address of ours is of, or was of before it moved; for who `leaves` also one that has ended. The scheme is
/// not looked at: a proxy in front may speak both. What has a query is no feed.
pub(super) fn find(published: &Publisher, options: &Options, topic: &str, leaves: bool) -> Result<FeedKey, Refusal> {
    let path = path_of(&options.base_url, topic).ok_or(Refusal::NoTopic)?;
    let mut path = percent_encoding::percent_decode_str(&path).decode_utf8().ok().ok_or(Refusal::NoTopic)?.into_owned();
    for _ in 0..=MOVES_MAX {
        match published.route(&path) {
            Route::Feed(key) => return Ok(key),
            Route::Moved(to) => path = to,
            Route::Gone => return published.feed_at(&path).filter(|_| leaves).ok_or(Refusal::TopicGone),
            Route::Starting => return Err(Refusal::NotNow("the service is starting")),
            Route::Unknown => match options.redirects.get(&path) {
                Some(to) => path.clone_from(to),
                None => break,
            },
            Route::Page(_) => break,
        }
    }
    Err(Refusal::NoTopic)
}

/// The path below the service, as it is written.
fn path_of(base_url: &Url, topic: &str) -> Option<String> {
    let url = Url::parse(topic).ok()?;
    let same_host = url.host() == base_url.host();
    let same_port = url.port() == base_url.port();
    let bare = url.query().is_none() && url.username().is_empty() && url.password().is_none();
    let web = matches!(url.scheme(), "http" | "https");
    let rest = url.path().strip_prefix(base_url.path().trim_end_matches('/'))?;
    (web && same_host && same_port && bare).then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_below_the_service_have_a_path() {
        let base_url = Url::parse("https://tin.example/nguon/").unwrap();
        for (topic, path) in [
            ("https://tin.example/nguon/feeds/all.rss", Some("/feeds/all.rss")),
            ("http://TIN.example:80/nguon/feeds/%61ll.rss#x", Some("/feeds/%61ll.rss")),
            ("https://tin.example/feeds/all.rss", None),
            ("https://tin.example/nguon/feeds/all.rss?a=b", None),
            ("https://tin.example:8443/nguon/feeds/all.rss", None),
            ("https://a@tin.example/nguon/feeds/all.rss", None),
            ("https://khac.example/nguon/feeds/all.rss", None),
            ("ftp://tin.example/nguon/feeds/all.rss", None),
            ("/nguon/feeds/all.rss", None),
        ] {
            assert_eq!(path_of(&base_url, topic).as_deref(), path, "{topic}");
        }
    }
}
