//! From the configuration to the small options of each module: nobody else imports `config`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use crate::catalog::classify;
use crate::config::{Config, CustomCriteria, CustomFeed, LogFormat, PurgeHook};
use crate::domain::clock::SystemClock;
use crate::domain::entry_id::Identity;
use crate::domain::scope::NameKey;
use crate::gazetteer::Gazetteer;
use crate::outgoing::egress::{Egress, EgressOptions};
use crate::publish::make::ContentPolicy;
use crate::purge::ExternalHub;
use crate::text::names;
use crate::text::stamp::Zones;
use crate::{feed, observe, outgoing, purge, store};

/// The identity of a service that nobody but this machine can see.
const LOCAL_AUTHORITY: &str = "loa.localhost";
const LOCAL_SINCE: &str = "2025";

/// Options of the log.
pub(crate) fn log(config: &Config) -> observe::log::Options {
    observe::log::Options { json: config.log.format == LogFormat::Json, level: config.log.level }
}

/// Zones of naive stamps.
pub(crate) fn zones(config: &Config) -> Zones {
    Zones { zone: config.site.timezone, archive: config.site.archive_timezone }
}

/// Options of the article store.
pub(crate) fn store(config: &Config) -> store::Options {
    store::Options {
        schema: config.store.schema.clone(),
        prefix: config.store.prefix.clone(),
        zones: zones(config),
        query_timeout_ms: u64::try_from(config.store.query_timeout.as_millis()).unwrap_or(u64::MAX),
    }
}

/// The public address of the service: the configured one, else where it listens.
pub(crate) fn base_url(config: &Config, listen: SocketAddr) -> anyhow::Result<Url> {
    if let Some(url) = &config.site.base_url {
        return Ok(url.clone());
    }
    // Nobody can call the unspecified address, but this machine answers there.
    let address =
        if listen.ip().is_unspecified() { format!("localhost:{}", listen.port()) } else { listen.to_string() };
    Url::parse(&format!("http://{address}/")).context("http.listen gives no address")
}

/// Who mints the ids. A service that the public sees must have been told; one on this machine need not.
pub(crate) fn identity(config: &Config, base_url: &Url) -> anyhow::Result<Identity> {
    if let Some(identity) = &config.identity {
        return Ok(identity.clone());
    }
    if !is_local(base_url) {
        anyhow::bail!(
            "identity.authority and identity.since are not set, but `{base_url}` is public: set a host name that the \
             newspaper owns and a day on which it owned it, such as `baovidu.example` and `2022-03-18`; every id begins \
             with them for ever"
        );
    }
    Ok(Identity::new(LOCAL_AUTHORITY, LOCAL_SINCE)?)
}

/// Options of all feeds.
pub(crate) fn feed(config: &Config, base_url: Url) -> anyhow::Result<feed::Options> {
    let (site, feeds) = (&config.site, &config.feeds);
    let home_url = site.home_url.clone().unwrap_or_else(|| base_url.clone());
    Ok(feed::Options {
        title: site.title.clone(),
        description: site.description.clone(),
        identity: identity(config, &base_url)?,
        // What most content management systems do; `site.article_url` says otherwise.
        article_url: site.article_url.clone().or_else(|| Some(format!("{home_url}{{slug}}"))),
        hubs: hubs(config, &base_url),
        home_url,
        base_url,
        language: site.language.clone(),
        rights: site.rights.clone(),
        logo_url: site.logo_url.clone(),
        icon_url: site.icon_url.clone(),
        zone: site.timezone,
        window: feeds.window,
        ttl_minutes: feeds.ttl_minutes,
        tombstone_days: feeds.tombstone_days,
        stub_days: feeds.stub_days,
        excerpt_chars_max: feeds.excerpt_chars_max,
        html: feeds.html,
        home: feeds.home.clone(),
        custom: feeds.custom.iter().map(|(name, feed)| (NameKey::new(name.as_str()), texts(feed))).collect(),
    })
}

fn texts(feed: &CustomFeed) -> feed::Custom {
    let CustomFeed { title, description, language, .. } = feed.clone();
    feed::Custom { title, description, language }
}

/// What decides which feeds an article is in.
pub(crate) fn classify(config: &Config, gazetteer: Arc<Gazetteer>) -> anyhow::Result<classify::Options> {
    let mut custom = Vec::new();
    for (name, feed) in &config.feeds.custom {
        let criteria = |criteria| {
            self::criteria(criteria, &gazetteer).with_context(|| format!("feeds.custom.{name} cannot be used"))
        };
        let (include, exclude) = (criteria(&feed.include)?, criteria(&feed.exclude)?);
        custom.push(classify::CustomFeed { name: NameKey::new(name.as_str()), include, exclude });
    }
    Ok(classify::Options {
        home: config.feeds.home.clone(),
        zone: config.site.timezone,
        language: config.site.language.clone(),
        find: config.localities.find,
        nobody: config.feeds.nobody.iter().map(|name| names::key(name)).collect(),
        custom,
        gazetteer,
    })
}

fn criteria(written: &CustomCriteria, gazetteer: &Gazetteer) -> anyhow::Result<classify::Criteria> {
    let place = |path: &String| {
        let known = gazetteer.by_path(path);
        known.with_context(|| format!("`{path}` is no address of a place; `loa localities search NAME` finds it"))
    };
    let keys = |names: &[String]| names.iter().map(|name| names::key(name)).collect();
    Ok(classify::Criteria {
        categories: written.categories.clone(),
        localities: written.localities.iter().map(place).collect::<anyhow::Result<_>>()?,
        authors: keys(&written.authors),
        tags: keys(&written.tags),
        languages: written.languages.clone(),
    })
}

/// What entries carry, by feed.
pub(crate) fn content(config: &Config) -> ContentPolicy {
    let own = |(name, feed): (&String, &CustomFeed)| Some((format!("custom/{name}"), feed.content?));
    let custom = config.feeds.custom.iter().filter_map(own);
    let by_path = custom.chain(config.feeds.content_of.clone()).collect();
    ContentPolicy { default: config.feeds.content, by_path }
}

/// The public address of our own hub.
pub(crate) fn own_hub(base_url: &Url) -> Url {
    let mut hub = base_url.clone();
    hub.set_path(&format!("{}hub", base_url.path()));
    hub
}

/// Who pushes the feeds: our own hub first, then those of others.
pub(crate) fn hubs(config: &Config, base_url: &Url) -> Vec<Url> {
    let own = config.push.enabled.then(|| own_hub(base_url));
    own.into_iter().chain(config.push.hubs.iter().cloned()).collect()
}

/// What caches are told, if any is. `ledger` is the name of the ledger.
pub(crate) fn purge(config: &Config, base_url: &Url, ledger: &str) -> Option<purge::Options> {
    let hook = match config.purge.hook.clone()? {
        PurgeHook::Command(command) => purge::Hook::Command(command),
        PurgeHook::Request { template, method, host, header } => {
            purge::Hook::Request { template, call: outgoing::Call { method, host, header } }
        }
    };
    Some(purge::Options {
        hook,
        base_url: base_url.clone(),
        timeout: config.purge.timeout,
        calls_max: config.purge.calls_max,
        give_up_after: config.purge.give_up_after,
        place: config.state.directory.join("purged"),
        ledger: ledger.to_owned(),
    })
}

/// The hubs of others. They may have any port, for it is people of the newsroom who name them.
pub(crate) fn external_hubs(config: &Config) -> anyhow::Result<Vec<Arc<ExternalHub>>> {
    let push = &config.push;
    let egress = Arc::new(Egress::new(EgressOptions {
        ports: push.hubs.iter().filter_map(Url::port_or_known_default).collect(),
        may_be_local: push.callbacks_may_be_local,
        own: None,
        connect_timeout: push.connect_timeout,
    }));
    let hub = |url: &Url| {
        let hub = ExternalHub::new(url, Arc::clone(&egress), Arc::new(SystemClock));
        hub.map(Arc::new).map_err(|error| anyhow::anyhow!("`{url}` in push.hubs {error}"))
    };
    push.hubs.iter().map(hub).collect()
}

/// What an external hub is told.
pub(crate) fn ping(config: &Config, base_url: &Url, ledger: &str, hub: Arc<ExternalHub>) -> purge::Options {
    // Its place outlives another order of the hubs in the configuration.
    let hash = Sha256::digest(hub.to_string()).first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    purge::Options {
        hook: purge::Hook::Ping(hub),
        base_url: base_url.clone(),
        timeout: config.push.delivery_timeout,
        calls_max: config.push.pings_max,
        give_up_after: config.push.give_up_after,
        place: config.state.directory.join(format!("pinged-{hash:016x}")),
        ledger: ledger.to_owned(),
    }
}

/// Can only this machine see the address?
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn config(flags: &[(&'static str, &str)]) -> Config {
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned(), "--test")).collect();
        Config::load(Sources { flags, ..Sources::default() }).unwrap()
    }

    #[test]
    fn without_a_configured_address_it_is_where_the_service_listens() {
        let check = |listen: &str, expect: &str| {
            assert_eq!(base_url(&config(&[]), listen.parse().unwrap()).unwrap().as_str(), expect);
        };
        check("127.0.0.1:8090", "http://127.0.0.1:8090/");
        check("0.0.0.0:80", "http://localhost/");
        check("[::1]:8090", "http://[::1]:8090/");
        check("[::]:8090", "http://localhost:8090/");
    }

    #[test]
    fn our_own_hub_comes_first_if_there_is_one() {
        let check = |enabled: &str, expect: &[&str]| {
            let variables = [("LOA_PUSH_ENABLED", enabled), ("LOA_PUSH_HUBS", "https://hub.example:8443/")];
            let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let config = Config::load(Sources { environment, ..Sources::default() }).unwrap();
            let named = hubs(&config, &"https://tin.example/nguon/".parse().unwrap());
            assert_eq!(named.iter().map(Url::as_str).collect::<Vec<_>>(), expect);
            let told = external_hubs(&config).unwrap();
            assert_eq!(told.iter().map(|hub| hub.health().url).collect::<Vec<_>>(), ["https://hub.example:8443/"]);
        };
        check("true", &["https://tin.example/nguon/hub", "https://hub.example:8443/"]);
        check("false", &["https://hub.example:8443/"]);
    }

    #[test]
    fn a_public_service_must_know_who_it_is() {
        let check = |base: &str, flags: &[(&'static str, &str)], expect: Option<&str>| {
            let identity = identity(&config(flags), &base.parse().unwrap()).ok().map(|identity| identity.to_string());
            assert_eq!(identity.as_deref(), expect, "{base}");
        };
        check("http://localhost:8090/", &[], Some("tag:loa.localhost,2025"));
        check("http://[::1]/", &[], Some("tag:loa.localhost,2025"));
        check("https://localhost.example/", &[], None);
        check("http://192.168.1.7/", &[], None);
        let flags = [("identity.authority", "baovidu.example"), ("identity.since", "2022")];
        check("https://feeds.baovidu.example/", &flags, Some("tag:baovidu.example,2022"));
    }
}
