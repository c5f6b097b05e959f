//! `[redirects]`: addresses of the time before Loa, and the feeds that took their place.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::layers::{Layers, Value};
use super::reader::Reader;
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::format::Format;

/// What the service answers itself.
const OWN_PATHS: [&str; 5] = ["/", "/healthz", "/hub", "/opml.xml", "/readyz"];

/// Every redirect: decoded path, and the path of the document of ours. Whether there is such a feed is seen when it is
/// asked for, for categories come and go.
pub(super) fn read(reader: &Reader<'_>, layers: &Layers) -> BTreeMap<String, String> {
    let mut redirects = BTreeMap::new();
    for (key, path, setting) in layers.redirects() {
        let target = if let Value::Text(target) = &setting.value { target.as_str() } else { "" };
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        if let Some(problem) = problem_of_path(path, &decoded).or_else(|| problem_of_target(target)) {
            reader.fault(key, problem);
        }
        redirects.insert(decoded.into_owned(), target.to_owned());
    }
    redirects
}

/// Requests are decoded before they are looked up, so what is ours is ours however it is written.
fn problem_of_path(path: &str, decoded: &str) -> Option<String> {
    if !path.starts_with('/') || path.contains(char::is_whitespace) {
        return Some(format!("`{path}` is no path, expected one such as `/rss/thoi-su.rss`, in quotes"));
    }
    if path.contains(['?', '#']) {
        return Some(format!("`{path}` has a query or a fragment, which redirects do not look at; leave it out"));
    }
    let is_ours = decoded.starts_with(FEEDS_PREFIX) || OWN_PATHS.contains(&decoded);
    is_ours.then(|| format!("`{path}` is an address of Loa's own, which cannot lead elsewhere"))
}

fn problem_of_target(target: &str) -> Option<String> {
    let document = target.strip_prefix(FEEDS_PREFIX).and_then(|path| path.rsplit_once('.'));
    let is_feed =
        document.is_some_and(|(path, extension)| !path.is_empty() && Format::from_extension(extension).is_some());
    (!is_feed || target.contains(['?', '#'])).then(|| {
        format!("`{target}` is no document of ours, expected one such as `{FEEDS_PREFIX}category/thoi-su.rss`")
    })
}
