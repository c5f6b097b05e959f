//! Configuration: defaults < file < environment < flags, validated whole at start. Every fault names key, place and way
//! out, and all of them come in one message. Only `cli` reads this; everybody else has small options of their own.

mod custom;
mod layers;
mod purge;
mod push;
mod reader;
mod redirects;
mod sections;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::domain::entry_id::Identity;
use crate::domain::found::FindPolicy;
use crate::domain::place::{Level, UnitCode};
pub use crate::domain::secret::Secret;
use crate::feed::{Content, HtmlLimits, Window};
pub use custom::{CustomCriteria, CustomFeed};
use layers::{Layers, SCOPE, Value};
pub use purge::{Purge, PurgeHook};
pub use push::Push;
use reader::Reader;
pub use sections::{Documents, Feeds, Http, Localities, Log, LogFormat, Site, State, Store};

/// A withdrawn article has left every cache that honours our headers after this time, in seconds (promise 5).
const STALE_SECONDS_MAX: u32 = 180;
/// The same while we are down.
const STALE_IF_ERROR_SECONDS_MAX: u32 = 600;
const HOUR_MS: i64 = 3_600_000;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The newspaper.
    pub site: Site,
    /// Who mints the ids; `None` if not set.
    pub identity: Option<Identity>,
    /// The newsroom's articles.
    pub store: Store,
    /// Loa's own memory.
    pub state: State,
    /// What feeds hold.
    pub feeds: Feeds,
    /// The administrative units.
    pub localities: Localities,
    /// May the store bring back what it had withdrawn for good?
    pub store_may_restore: bool,
    /// The documents that are kept.
    pub documents: Documents,
    /// The service.
    pub http: Http,
    /// Addresses of the time before Loa (decoded paths), and the paths of the documents that took their place.
    pub redirects: BTreeMap<String, String>,
    /// What is told to caches.
    pub purge: Purge,
    /// The hub.
    pub push: Push,
    /// The log.
    pub log: Log,
}

/// What is laid over the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file, if one is named.
    pub file: Option<PathBuf>,
    /// The process's environment.
    pub environment: Vec<(String, String)>,
    /// Key, value and name of each flag that was given.
    pub flags: Vec<(&'static str, String, &'static str)>,
}

impl Sources {
    /// A file and flags, with the environment of this process.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(&'static str, String, &'static str)>) -> Self {
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self { file, environment: std::env::vars_os().filter_map(text).collect(), flags }
    }
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    key: String,
    place: String,
    problem: String,
}

impl ConfigFault {
    fn new(key: &str, place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self { key: key.to_owned(), place: place.to_string(), problem: problem.to_string() }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.as_str(), self.place.as_str()) {
            ("", place) => write!(f, "{place}: {}", self.problem),
            (key, "") => write!(f, "{key}: {}", self.problem),
            (key, place) => write!(f, "{key} ({place}): {}", self.problem),
        }
    }
}

/// Everything that is wrong with the configuration, in one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub faults: Vec<ConfigFault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used")?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Lays the sources over the defaults and validates the whole.
    ///
    /// # Errors
    /// [`ConfigError`] with every fault there is.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let mut faults = Vec::new();
        let mut layers = Layers::defaults(&mut faults);
        if let Some(path) = &sources.file {
            layers.add_file(path, &mut faults);
        }
        layers.add_environment(sources.environment, &mut faults);
        layers.add_flags(sources.flags, &mut faults);
        Self::of(&layers, faults).0
    }

    fn of(layers: &Layers, faults: Vec<ConfigFault>) -> (Result<Self, ConfigError>, BTreeSet<String>) {
        let reader = Reader::new(layers, faults);
        let config = Self {
            site: site(&reader),
            identity: identity(&reader),
            store: store(&reader),
            state: State {
                url: database(&reader, "state.url"),
                directory: Path::new(&reader.text("state.directory")).into(),
            },
            feeds: feeds(&reader, layers),
            localities: Localities {
                tables: reader.optional_text("localities.tables").map(PathBuf::from),
                find: reader.word(
                    "localities.find",
                    &FindPolicy::ALL.map(|policy| (policy.as_str(), policy)),
                    FindPolicy::Off,
                ),
            },
            store_may_restore: reader.flag("withdrawals.store_may_restore"),
            documents: Documents {
                memory_bytes_max: reader.number("documents.memory_bytes_max", 1_000_000..=1_000_000_000_000),
                disk_days: reader.number("documents.disk_days", 1..=3650),
            },
            http: http(&reader),
            redirects: redirects::read(&reader, layers),
            purge: purge::read(&reader),
            push: push::read(&reader),
            log: Log {
                format: reader.word(
                    "log.format",
                    &[("text", LogFormat::Text), ("json", LogFormat::Json)],
                    LogFormat::Text,
                ),
                level: reader.word("log.level", &LEVELS, tracing::Level::INFO),
            },
        };
        contradictions(&config, &reader);
        let (faults, asked) = reader.finish();
        (if faults.is_empty() { Ok(config) } else { Err(ConfigError { faults }) }, asked)
    }
}

const LEVELS: [(&str, tracing::Level); 5] = [
    ("error", tracing::Level::ERROR),
    ("warn", tracing::Level::WARN),
    ("info", tracing::Level::INFO),
    ("debug", tracing::Level::DEBUG),
    ("trace", tracing::Level::TRACE),
];

/// Texts without which nothing works.
const NEVER_EMPTY: [&str; 6] =
    ["site.title", "site.language", "site.timezone", "site.archive_timezone", "state.directory", "http.listen"];

/// What the paths of feeds begin with.
const FEED_KINDS: [&str; 5] = ["category/", "locality/", "author/", "tag/", "custom/"];

const CONTENTS: [(&str, Content); 2] = [("summary", Content::Summary), ("full", Content::Full)];

fn site(reader: &Reader<'_>) -> Site {
    let zone =
        |key| reader.parsed(key, "a zone of the IANA database such as `Asia/Ho_Chi_Minh`", |text| text.parse().ok());
    let pattern = |text: &str| {
        let filled = text.replace("{slug}", "s").replace("{id}", "1");
        let url = Url::parse(&filled).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.filter(|_| filled != text && !filled.contains(['{', '}'])).map(|_| text.to_owned())
    };
    let pattern_expected = "an absolute address with {slug} or {id}, such as `https://baovidu.example/{slug}-{id}.htm`";
    let language_expected = "a language tag such as `vi`";
    Site {
        title: reader.text("site.title").trim().to_owned(),
        description: reader.text("site.description"),
        home_url: reader.http_url("site.home_url"),
        base_url: reader.http_url("site.base_url").map(with_final_slash),
        article_url: reader.parsed("site.article_url", pattern_expected, pattern),
        language: reader.parsed("site.language", language_expected, language).unwrap_or_default(),
        rights: reader.optional_text("site.rights"),
        logo_url: reader.http_url("site.logo_url"),
        icon_url: reader.http_url("site.icon_url"),
        timezone: zone("site.timezone").unwrap_or_default(),
        archive_timezone: zone("site.archive_timezone").unwrap_or_default(),
    }
}

fn language(text: &str) -> Option<String> {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
    let first = text.split('-').next()?;
    let good =
        (2..=3).contains(&first.len()) && first.chars().all(|c| c.is_ascii_alphabetic()) && text.split('-').all(part);
    good.then(|| text.to_owned())
}

fn with_final_slash(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

fn identity(reader: &Reader<'_>) -> Option<Identity> {
    let (authority, since) = (reader.text("identity.authority"), reader.text("identity.since"));
    match (authority.as_str(), since.as_str()) {
        ("", "") => None,
        ("", _) => {
            reader.fault("identity.since", "needs `identity.authority` beside it; set both or none");
            None
        }
        (_, "") => {
            reader.fault("identity.authority", "needs `identity.since` beside it; set both or none");
            None
        }
        (authority, since) => {
            let key = if Identity::new(authority, "2000").is_ok() { "identity.since" } else { "identity.authority" };
            Identity::new(authority, since).map_err(|error| reader.fault(key, error)).ok()
        }
    }
}

fn store(reader: &Reader<'_>) -> Store {
    Store {
        url: database(reader, "store.url"),
        schema: reader.optional_text("store.schema"),
        prefix: reader.text("store.prefix"),
        poll_interval: milliseconds(reader, "store.poll_interval_ms", 100, HOUR_MS),
        complete_read_interval: minutes(reader, "store.complete_read_minutes", 1..=10_080),
        query_timeout: milliseconds(reader, "store.query_timeout_ms", 100, HOUR_MS),
        vanish_max_rows: reader.number("store.vanish_max_rows", 0..=1_000_000_000),
        vanish_max_percent: reader.number("store.vanish_max_percent", 0..=100),
    }
}

fn minutes(reader: &Reader<'_>, key: &str, minutes: RangeInclusive<i64>) -> Duration {
    Duration::from_mins(reader.number(key, minutes))
}

/// The address of a database. The text is a secret, so a fault does not show it.
fn database(reader: &Reader<'_>, key: &str) -> Secret {
    let url = reader.secret(key);
    if !["sqlite:", "postgres://", "postgresql://"].iter().any(|kind| url.expose().starts_with(kind)) {
        reader.fault(
            key,
            "is no address of a database, expected `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`",
        );
    }
    url
}

fn feeds(reader: &Reader<'_>, layers: &Layers) -> Feeds {
    Feeds {
        content: reader.word("feeds.content", &CONTENTS, Content::Summary),
        content_of: layers
            .named(SCOPE)
            .filter_map(|(path, _, setting)| content_of(reader, path, &setting.value))
            .collect(),
        window: Window {
            entries_min: reader.number("feeds.window_entries_min", 1..=10_000),
            span_hours: reader.number("feeds.window_span_hours", 0..=8760),
            entries_max: reader.number("feeds.window_entries_max", 1..=10_000),
            bytes_max: reader.number("feeds.window_bytes_max", 10_000..=100_000_000),
        },
        custom: custom::read(reader, layers),
        nobody: reader.list("feeds.nobody"),
        home: home(reader),
        ttl_minutes: reader.number("feeds.ttl_minutes", 1..=1440),
        tombstone_days: reader.number("feeds.tombstone_days", 0..=3650),
        stub_days: reader.number("feeds.stub_days", 0..=3650),
        excerpt_chars_max: reader.number("feeds.excerpt_chars_max", 20..=10_000),
        html: HtmlLimits {
            bytes_max: reader.number("feeds.body_bytes_max", 1000..=10_000_000),
            depth_max: reader.number("feeds.body_depth_max", 1..=1000),
            attributes_max: reader.number("feeds.body_attributes_max", 1..=10_000),
        },
    }
}

fn home(reader: &Reader<'_>) -> Vec<UnitCode> {
    let key = "feeds.home_provinces";
    let province = |text: &String| {
        let code: Option<UnitCode> = text.parse().ok().filter(|code: &UnitCode| code.level() == Level::Province);
        if code.is_none() {
            reader.fault(key, format!("`{text}` is no code of a province, expected two digits such as `25`"));
        }
        code
    };
    reader.list(key).iter().filter_map(province).collect()
}

fn content_of(reader: &Reader<'_>, path: &str, value: &Value) -> Option<(String, Content)> {
    let key = format!("feeds.scope.{path}.content");
    if path != "all" && !FEED_KINDS.iter().any(|kind| path.starts_with(kind)) {
        let problem = "is no feed, expected the path below /feeds/, such as `all` or `category/SLUG`, in quotes";
        reader.fault(&key, format!("`{path}` {problem}"));
    }
    let word = if let Value::Text(word) = value { word.as_str() } else { "" };
    let content = CONTENTS.iter().find(|(known, _)| *known == word);
    if content.is_none() {
        reader.fault(&key, format!("`{word}` is unknown, expected `summary` or `full`"));
    }
    content.map(|(_, content)| (path.to_owned(), *content))
}

fn http(reader: &Reader<'_>) -> Http {
    let address = |key| reader.parsed(key, "ADDRESS:PORT such as `127.0.0.1:8090`", |text| text.parse().ok());
    Http {
        listen: address("http.listen").unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        metrics_listen: address("http.metrics_listen"),
        host_names: reader.list("http.host_names"),
        cache_max_age_seconds: reader.number("http.cache_max_age_seconds", 0..=STALE_SECONDS_MAX.into()),
        stale_while_revalidate_seconds: reader
            .number("http.stale_while_revalidate_seconds", 0..=STALE_SECONDS_MAX.into()),
        stale_if_error_seconds: reader.number("http.stale_if_error_seconds", 0..=STALE_IF_ERROR_SECONDS_MAX.into()),
        connections_max: reader.number("http.connections_max", 1..=1_000_000),
        headers_bytes_max: reader.number("http.headers_bytes_max", 8192..=1_048_576),
        headers_count_max: reader.number("http.headers_count_max", 10..=1000),
        target_bytes_max: reader.number("http.target_bytes_max", 64..=65_536),
        header_timeout: milliseconds(reader, "http.header_timeout_ms", 100, 600_000),
        first_request_timeout: milliseconds(reader, "http.first_request_timeout_ms", 100, 600_000),
        idle_timeout: milliseconds(reader, "http.idle_timeout_ms", 100, HOUR_MS),
        shutdown_grace: milliseconds(reader, "http.shutdown_grace_ms", 0, 600_000),
    }
}

fn milliseconds(reader: &Reader<'_>, key: &str, min: i64, max: i64) -> Duration {
    Duration::from_millis(reader.number(key, min..=max))
}

/// What single keys cannot tell.
fn contradictions(config: &Config, reader: &Reader<'_>) {
    let (http, window) = (&config.http, &config.feeds.window);
    let stale = http.cache_max_age_seconds + http.stale_while_revalidate_seconds;
    if stale > STALE_SECONDS_MAX {
        let key = "http.stale_while_revalidate_seconds";
        let problem = "and `http.cache_max_age_seconds` together are";
        reader.fault(key, format!("{problem} {stale}, at most {STALE_SECONDS_MAX} are allowed; lower one of them"));
    }
    if window.entries_min > window.entries_max {
        let problem =
            format!("{} is more than `feeds.window_entries_max` ({})", window.entries_min, window.entries_max);
        reader.fault("feeds.window_entries_min", format!("{problem}; lower it or raise the other"));
    }
    if http.metrics_listen.is_some_and(|metrics| metrics == http.listen && metrics.port() != 0) {
        reader.fault("http.metrics_listen", "is the same as `http.listen`; metrics are private, give another port");
    }
    for key in NEVER_EMPTY {
        if reader.text(key).trim().is_empty() {
            reader.fault(key, "must not be empty; leave it out to get the default");
        }
    }
}

#[cfg(test)]
mod tests;
