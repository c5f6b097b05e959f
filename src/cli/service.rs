//! Puts the stages together, for every command that needs the whole line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use url::Url;

use super::{options, tables};
use crate::catalog::classify;
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock};
use crate::feed::Content;
use crate::publish::disk::DiskCopies;
use crate::publish::engine::FILLED_MARK;
use crate::publish::engine::{Engine, EngineOptions};
use crate::publish::make::Maker;
use crate::publish::names::CATEGORIES_MARK;
use crate::publish::publisher::{Publisher, PublisherOptions};
use crate::publish::snapshot::SnapshotOptions;
use crate::publish::summaries::SummariesOptions;
use crate::publish::view::View;
use crate::state::scratch::Scratch;
use crate::state::{self, State};
use crate::store::ArticleStore;
use crate::{http, store};

/// What a request waits for a document that has to be made: less than what a feed reader waits for an answer.
const DEMAND_TIMEOUT: Duration = Duration::from_secs(5);
/// What `Retry-After` says while a document cannot be made.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// A complete read of the store takes at most one part in five of the time.
const READ_PAUSE_FACTOR: u32 = 4;
/// Between the two looks for a row that is not there: longer than a system takes to delete a row and make it anew.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// The stages from the store to the documents.
pub(crate) struct Service {
    /// Gives documents.
    pub(crate) publisher: Arc<Publisher>,
    /// Moves things.
    pub(crate) engine: Engine,
    /// What is published.
    pub(crate) view: Arc<View>,
}

/// Where the stages keep what they keep.
pub(crate) struct Places {
    state: Arc<dyn State>,
    documents: PathBuf,
    /// Deleted at the end, if it was made for this command only.
    _scratch: Option<tempfile::TempDir>,
    /// Decide every row at the first read, also those that are as they were: to know the faults of all.
    decide_all: bool,
    /// The file of the catalog, if it is kept.
    catalog: Option<PathBuf>,
    /// The file of summaries that are ready, if they are kept.
    summaries: Option<PathBuf>,
}

impl Places {
    /// Where the configuration says.
    pub(crate) async fn lasting(config: &Config) -> anyhow::Result<Self> {
        let state = state::open(config.state.url.expose()).await?;
        let documents = config.state.directory.join("documents");
        let catalog = Some(config.state.directory.join("catalog.snapshot"));
        let summaries = Some(config.state.directory.join("summaries.sqlite"));
        Ok(Self { state, documents, _scratch: None, decide_all: false, catalog, summaries })
    }

    /// A copy of what a service has recorded, which is forgotten at the end: shows what it would do, and does nothing.
    pub(crate) async fn scratch(config: &Config) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("no temporary directory can be made")?;
        let recorded = state::open_existing(config.state.url.expose()).await?;
        let scratch = match recorded {
            Some(recorded) => Scratch::copy_of(&*recorded, &[CATEGORIES_MARK, FILLED_MARK]).await?,
            None => Scratch::default(),
        };
        let documents = directory.path().join("documents");
        let state = Arc::new(scratch);
        Ok(Self { state, documents, _scratch: Some(directory), decide_all: true, catalog: None, summaries: None })
    }

    /// The same, for what does not need to know every fault: only rows that have changed are decided.
    pub(crate) async fn preview(config: &Config) -> anyhow::Result<Self> {
        Ok(Self { decide_all: false, ..Self::scratch(config).await? })
    }

    /// What is recorded there.
    pub(crate) fn state(&self) -> &dyn State {
        &*self.state
    }
}

impl Service {
    /// Opens everything and reads the ledger. Refuses an identity other than the recorded one.
    pub(crate) async fn start(config: &Config, base_url: Url, places: &Places) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let gazetteer = tables::gazetteer(config)?;
        if let Some(tables) = &config.localities.tables {
            let (tables, digest) = (tables.display(), gazetteer.digest());
            tracing::info!(%tables, digest, "administrative units are those of files");
        }
        let classify = options::classify(config, gazetteer)?;
        let store = store::open(config.store.url.expose(), &options::store(config))?;
        let feed = options::feed(config, base_url)?;
        let recorded = places.state.claim_identity(&feed.identity).await?;
        anyhow::ensure!(
            recorded == feed.identity,
            "the identity is `{}`, but `{recorded}` is recorded in state: ids once published never change, so set \
             identity.authority = \"{}\" and identity.since = \"{}\"",
            feed.identity,
            recorded.authority(),
            recorded.since(),
        );
        let circumstances = circumstances(config, &*store);
        let (feed, content) = (Arc::new(feed), Arc::new(options::content(config)));
        let summaries = places
            .summaries
            .clone()
            .filter(|_| content.shows(Content::Summary))
            .map(|path| SummariesOptions { path, circumstances: circumstances.clone(), feed: Arc::clone(&feed) });
        let snapshot = places.catalog.clone().map(|path| SnapshotOptions { path, circumstances });
        let view = Arc::new(View::default());
        let maker = Maker {
            store,
            state: Arc::clone(&places.state),
            view: Arc::clone(&view),
            options: feed,
            content,
            articles: Arc::default(),
        };
        let kept = DAY * config.documents.disk_days;
        let disk = DiskCopies::open(&places.documents, kept, clock.now())
            .with_context(|| format!("the directory `{}` cannot be used", places.documents.display()))?;
        let limits = PublisherOptions {
            memory_bytes_max: config.documents.memory_bytes_max,
            demand_timeout: DEMAND_TIMEOUT,
            retry_after: RETRY_AFTER,
        };
        let publisher = Arc::new(Publisher::new(maker, Arc::new(disk), Arc::clone(&clock), limits));
        let options = EngineOptions {
            decide_all: places.decide_all,
            snapshot,
            summaries,
            ..engine_options(config, clock, classify)
        };
        let engine = Engine::start(Arc::clone(&publisher), options).await?;
        Ok(Self { publisher, engine, view })
    }
}

/// What decides how rows of the store are read: the program, where they stand, and how they are understood. Without
/// passwords, for it is written down.
fn circumstances(config: &Config, store: &dyn ArticleStore) -> String {
    let (program, how, may_restore) = (env!("CARGO_PKG_VERSION"), options::store(config), config.store_may_restore);
    format!("{program} {} {how:?} {may_restore}", store.info().url)
}

fn engine_options(config: &Config, clock: Arc<dyn Clock>, classify: classify::Options) -> EngineOptions {
    EngineOptions {
        classify: Arc::new(classify),
        clock,
        poll_interval: config.store.poll_interval,
        read_pause_factor: READ_PAUSE_FACTOR,
        look_again_after: LOOK_AGAIN_AFTER,
        complete_read_interval: config.store.complete_read_interval,
        vanish_max_rows: config.store.vanish_max_rows,
        vanish_max_percent: config.store.vanish_max_percent,
        store_may_restore: config.store_may_restore,
        decide_all: false,
        snapshot: None,
        summaries: None,
    }
}

/// Options of the public listener.
pub(crate) fn http_options(config: &Config, base_url: Url) -> http::Options {
    let limits = http::Limits {
        connections_max: config.http.connections_max,
        headers_bytes_max: config.http.headers_bytes_max,
        headers_count_max: config.http.headers_count_max,
        target_bytes_max: config.http.target_bytes_max,
        first_request_timeout: config.http.first_request_timeout,
        header_timeout: config.http.header_timeout,
        idle_timeout: config.http.idle_timeout,
        shutdown_grace: config.http.shutdown_grace,
        hub_body_bytes_max: config.push.request_bytes_max,
        ..http::Limits::default()
    };
    http::Options {
        hubs: options::hubs(config, &base_url),
        hub: None,
        external_hubs: Vec::new(),
        client_header: config.push.client_header.clone(),
        base_url,
        host_names: config.http.host_names.clone(),
        redirects: config.redirects.clone(),
        title: config.site.title.clone(),
        language: config.site.language.clone(),
        cache: http::CacheTimes {
            max_age_s: config.http.cache_max_age_seconds,
            stale_while_revalidate_s: config.http.stale_while_revalidate_seconds,
            stale_if_error_s: config.http.stale_if_error_seconds,
        },
        limits,
        clock: Arc::new(SystemClock),
    }
}
