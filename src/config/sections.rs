//! The sections of the configuration, typed. `config/default.toml` says what each key means to those who set it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;
use url::Url;

use super::Secret;
use super::custom::CustomFeed;
use crate::domain::found::FindPolicy;
use crate::domain::place::UnitCode;
use crate::feed::{Content, HtmlLimits, Window};

/// `[site]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Title of the site.
    pub title: String,
    /// One sentence about the site.
    pub description: String,
    /// The newspaper's own front page; `None`: that of the service.
    pub home_url: Option<Url>,
    /// Public address of the service, ending in `/`; `None`: where it listens.
    pub base_url: Option<Url>,
    /// Address of an article's page, with `{slug}` or `{id}`.
    pub article_url: Option<String>,
    /// BCP 47 tag.
    pub language: String,
    /// Rights line.
    pub rights: Option<String>,
    /// Wide logo.
    pub logo_url: Option<Url>,
    /// Square icon.
    pub icon_url: Option<Url>,
    /// Zone of stamps.
    pub timezone: Tz,
    /// Zone of stamps before 1975-06-13.
    pub archive_timezone: Tz,
}

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Address of the database.
    pub url: Secret,
    /// Schema of the relations.
    pub schema: Option<String>,
    /// What the names of the relations begin with.
    pub prefix: String,
    /// How often changes are looked for.
    pub poll_interval: Duration,
    /// How often everything is read although the store keeps a change log.
    pub complete_read_interval: Duration,
    /// How long one reading may take.
    pub query_timeout: Duration,
    /// Rows that may vanish at once.
    pub vanish_max_rows: usize,
    /// Percent of all rows that may vanish at once.
    pub vanish_max_percent: usize,
}

/// `[state]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Address of the database.
    pub url: Secret,
    /// Where the last good documents are.
    pub directory: PathBuf,
}

/// `[feeds]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feeds {
    /// What entries carry.
    pub content: Content,
    /// What entries of single feeds carry, by the feed's path below `/feeds/`.
    pub content_of: BTreeMap<String, Content>,
    /// The feeds that the newspaper puts together itself, by their names in addresses.
    pub custom: BTreeMap<String, CustomFeed>,
    /// Names in author lines that are nobody's.
    pub nobody: Vec<String>,
    /// Provinces in which a locality without a parent is looked for first.
    pub home: Vec<UnitCode>,
    /// How much a feed holds.
    pub window: Window,
    /// Minutes for which a reader need not ask again.
    pub ttl_minutes: u32,
    /// Days for which a tombstone stands.
    pub tombstone_days: u32,
    /// Days for which the stub of a withdrawn article stands.
    pub stub_days: u32,
    /// Longest excerpt, in characters.
    pub excerpt_chars_max: usize,
    /// Limits of a body.
    pub html: HtmlLimits,
}

/// `[localities]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Localities {
    /// Directory of tables that take the place of those of the program; `None`: there are no others.
    pub tables: Option<PathBuf>,
    /// What is done about places that a story's text names.
    pub find: FindPolicy,
}

/// `[documents]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Documents {
    /// Documents in memory, in bytes.
    pub memory_bytes_max: u64,
    /// Days on disk since somebody last asked.
    pub disk_days: u32,
}

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where to answer.
    pub listen: SocketAddr,
    /// Where to answer for metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// Further names in `Host`.
    pub host_names: Vec<String>,
    /// `max-age` of documents, seconds.
    pub cache_max_age_seconds: u32,
    /// `stale-while-revalidate` (RFC 5861 section 3), seconds.
    pub stale_while_revalidate_seconds: u32,
    /// `stale-if-error` (RFC 5861 section 4), seconds.
    pub stale_if_error_seconds: u32,
    /// Connections at a time.
    pub connections_max: usize,
    /// Bytes of a request's head.
    pub headers_bytes_max: usize,
    /// Fields of a request's head.
    pub headers_count_max: usize,
    /// Bytes of the request target.
    pub target_bytes_max: usize,
    /// How long a head may take.
    pub header_timeout: Duration,
    /// How long a new connection may be silent.
    pub first_request_timeout: Duration,
    /// How long a connection may be idle.
    pub idle_timeout: Duration,
    /// How long running answers may take at the end.
    pub shutdown_grace: Duration,
}

/// `[log]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// How lines are written.
    pub format: LogFormat,
    /// The least important level that is written.
    pub level: tracing::Level,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
