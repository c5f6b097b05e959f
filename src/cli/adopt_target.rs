//! Which feed of ours takes the place of an old one, and the lines that lead its subscribers there.

use std::collections::BTreeSet;

use anyhow::Context as _;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use url::Url;

use super::adopt::Args;
use super::service::{Places, Service};
use crate::adopt::OldFeed;
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::article::ArticleId;
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;
use crate::domain::scope::Scope;
use crate::publish::{Published as _, Route};

/// What stands in the lines where the old address is not known.
const UNKNOWN_PATH: &str = "/ADDRESS/OF/THE/OLD/FEED";

/// The feed of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Which document.
    pub(super) key: FeedKey,
    /// Its path, such as `/feeds/category/thoi-su.rss`.
    pub(super) path: String,
    /// Why this one.
    pub(super) why: String,
}

/// The lines that lead subscribers over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Redirects {
    /// For `[redirects]` of Loa's configuration; `None` where a path cannot tell the old feed.
    pub(super) loa: Option<String>,
    /// For nginx, within `server`.
    pub(super) nginx: String,
    /// Do the lines name the old address? Else somebody has to put it in.
    pub(super) is_address_known: bool,
}

/// The old feed's address: as given, else as it says itself. `None`: nobody knows.
pub(super) fn old_address(args: &Args, old: &OldFeed, base_url: &Url) -> anyhow::Result<Option<Url>> {
    let given = args.given_address();
    let given = given.map(|given| base_url.join(given).with_context(|| format!("`{given}` is no address, see --from")));
    Ok(given.transpose()?.or_else(|| old.address.clone()))
}

/// The feed that is named, else the smallest category that holds all these articles, else the front page feed.
pub(super) async fn choose(
    service: &Service,
    places: &Places,
    named: Option<&str>,
    ids: &[ArticleId],
    format: Format,
) -> anyhow::Result<Target> {
    let (scope, why) = match named {
        Some(path) => (of_path(service, path, format)?, "--to names it".to_owned()),
        None => smallest(service, places, ids).await?,
    };
    let key = FeedKey::new(scope, format);
    let path = service.view.names().addresses.path_of(&key).context("the feed has no address yet")?;
    Ok(Target { key, path, why })
}

fn of_path(service: &Service, named: &str, format: Format) -> anyhow::Result<Scope> {
    let path = named.trim_start_matches('/');
    let path = path.strip_prefix(FEEDS_PREFIX.trim_start_matches('/')).unwrap_or(path);
    let stem = path.rsplit_once('.').filter(|(_, end)| Format::from_extension(end).is_some());
    let path = stem.map_or(path, |(stem, _)| stem);
    match service.publisher.route(&format!("{FEEDS_PREFIX}{path}.{format}")) {
        Route::Feed(key) => Ok(key.scope),
        Route::Moved(to) => anyhow::bail!("`{named}` has moved to `{to}`: give that to --to"),
        Route::Page(_) | Route::Gone | Route::Starting | Route::Unknown => {
            anyhow::bail!("--to: `{named}` is no feed; `loa categories` lists the paths, such as category/thoi-su")
        }
    }
}

/// By the records of what is published: an article that no feed holds says nothing of which feed it was in.
async fn smallest(service: &Service, places: &Places, ids: &[ArticleId]) -> anyhow::Result<(Scope, String)> {
    let records = places.state().records(ids).await?;
    let held: Vec<&Vec<Scope>> =
        records.iter().filter(|record| record.is_public()).map(|record| &record.scopes).collect();
    if held.is_empty() {
        return Ok((Scope::All, "none of our feeds holds an article of the old one; --to chooses another".to_owned()));
    }
    let categories: BTreeSet<&Scope> =
        held.iter().copied().flatten().filter(|scope| matches!(scope, Scope::Category(_))).collect();
    let holds = |scope: &Scope| held.iter().filter(|scopes| scopes.contains(scope)).count();
    let articles = |scope: &Scope| service.view.with_catalog(|catalog| catalog.count(scope));
    let all = categories.iter().filter(|scope| holds(scope) == held.len());
    if let Some(scope) = all.min_by_key(|scope| articles(scope)) {
        let why = format!("the smallest category that holds the {} articles found", held.len());
        return Ok(((*scope).clone(), why));
    }
    let most = categories.iter().max_by_key(|scope| holds(scope));
    let names = service.view.names();
    let hint = most.and_then(|scope| Some((holds(scope), names.addresses.current(scope)?)));
    let hint = hint.map(|(count, path)| format!("; {path} holds {count} of them, `--to {path}` chooses it"));
    let why = format!("no category holds the {} articles found{}", held.len(), hint.unwrap_or_default());
    Ok((Scope::All, why))
}

/// The lines. nginx compares the decoded path; a query it can compare only with the whole request.
pub(super) fn redirects(old: Option<&Url>, target: &Target, base_url: &Url) -> Redirects {
    let ours = format!("{}{}", base_url.as_str().trim_end_matches('/'), target.path);
    let is_address_known = old.is_some();
    let path = old.map_or(UNKNOWN_PATH, Url::path);
    if let Some(query) = old.and_then(Url::query) {
        let condition = quoted(&format!("{path}?{query}"));
        let nginx = format!("if ($request_uri = {condition}) {{ return 301 {ours}; }}");
        return Redirects { loa: None, nginx, is_address_known };
    }
    let decoded = percent_decode_str(path).decode_utf8().ok().filter(|path| !path.contains(char::is_control));
    let path = quoted(&decoded.unwrap_or(path.into()));
    Redirects {
        loa: Some(format!("{path} = {}", quoted(&target.path))),
        nginx: format!("location = {path} {{ return 301 {ours}; }}"),
        is_address_known,
    }
}

/// A text in quotes, as TOML and nginx read it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_the_address_as_each_server_compares_it() {
        let target = Target {
            key: FeedKey::new(Scope::All, Format::Rss),
            path: "/feeds/all.rss".to_owned(),
            why: String::new(),
        };
        let base_url = Url::parse("https://tin.example/nguon/").unwrap();
        let check = |old: Option<&str>, loa: Option<&str>, nginx: &str| {
            let old = old.map(|old| Url::parse(old).unwrap());
            let lines = redirects(old.as_ref(), &target, &base_url);
            assert_eq!((lines.loa.as_deref(), lines.nginx.as_str()), (loa, nginx));
        };
        check(
            Some("https://a.example/rss/th%E1%BB%9Di%20s%E1%BB%B1.rss"),
            Some("\"/rss/thời sự.rss\" = \"/feeds/all.rss\""),
            "location = \"/rss/thời sự.rss\" { return 301 https://tin.example/nguon/feeds/all.rss; }",
        );
        check(
            Some("https://a.example/rss.aspx?muc=3"),
            None,
            "if ($request_uri = \"/rss.aspx?muc=3\") { return 301 https://tin.example/nguon/feeds/all.rss; }",
        );
        check(
            None,
            Some("\"/ADDRESS/OF/THE/OLD/FEED\" = \"/feeds/all.rss\""),
            "location = \"/ADDRESS/OF/THE/OLD/FEED\" { return 301 https://tin.example/nguon/feeds/all.rss; }",
        );
    }
}
