//! `loa serve`: publish, until told to stop.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::{Either, select};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::service::{Places, Service, http_options};
use super::{Global, Outcome, options, output, push};
use crate::config::Config;
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::clock::SystemClock;
use crate::domain::format::Format;
use crate::lifecycle::{Ended, Lifecycle, Signals};
use crate::observe::metrics;
use crate::state::INSTANCE_MARK;
use crate::{http, purge};

/// What the process is given beyond the grace of its listeners, to write down what it knows.
const END_GRACE: Duration = Duration::from_secs(2);
/// How often the recorder of metrics tidies up.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Publish the feeds.
///
/// Reads the store, keeps its own memory in state, and answers on --listen until it gets SIGTERM or Ctrl-C.
///
/// Examples:
///   loa serve --config loa.toml
///   loa serve --store sqlite:loa-data/articles.sqlite --listen 127.0.0.1:0
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Address to answer on; port 0 takes a free one and prints it.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let config = global.start_service([("http.listen", args.listen, "--listen")])?;
    serve(&config, async |_, _| ()).await
}

/// Publishes what the configuration says, and does something beside that, which is given the public address and the word
/// to stop.
pub(crate) async fn serve(
    config: &Config,
    beside: impl AsyncFnOnce(Url, CancellationToken),
) -> anyhow::Result<Outcome> {
    let listener = public_listener(config.http.listen).await?;
    let listen = listener.local_addr().context("the listener has no address")?;
    let base_url = options::base_url(config, listen)?;
    let recorder = metrics::start().context("metrics cannot be collected")?;
    let places = Places::lasting(config).await?;
    let service = Service::start(config, base_url.clone(), &places).await?;

    let lifecycle = Lifecycle::new();
    let stop = lifecycle.stop().clone();
    let ledger = places.state().mark(INSTANCE_MARK).await?.unwrap_or_default();
    let hubs = options::external_hubs(config)?;
    let pings = hubs.iter().map(|hub| options::ping(config, &base_url, &ledger, Arc::clone(hub)));
    for told in options::purge(config, &base_url, &ledger).into_iter().chain(pings) {
        // Before the engine moves anything on.
        let (publisher, moves) = (Arc::clone(&service.publisher), service.publisher.follow_moves());
        lifecycle.spawn("purge", purge::run(publisher, moves, told, stop.clone()));
    }
    let hub = push::hub(config, &base_url, &service.publisher).await?;
    if let Some(hub) = &hub {
        lifecycle.spawn("hub", Arc::clone(hub).run(stop.clone()));
    }
    let http = http::Options { hub, external_hubs: hubs, ..http_options(config, base_url.clone()) };
    lifecycle.spawn("engine", service.engine.run(stop.clone()));
    let disk = Arc::clone(service.publisher.disk());
    lifecycle.spawn("disk", Arc::clone(&disk).run(stop.clone()));
    let (documents, published) = (Arc::clone(&service.publisher), service.publisher);
    let told = stop.clone();
    lifecycle.spawn("documents", async move { documents.refreshing(told).await });
    lifecycle.spawn("http", http::serve(listener, published, http, stop.clone()));
    if let Some(address) = config.http.metrics_listen {
        let private = bind(address, "http.metrics_listen").await?;
        let page = recorder.clone();
        let render = move || page.render();
        lifecycle.spawn("metrics", http::serve_metrics(private, render, Arc::new(SystemClock), stop.clone()));
    }
    lifecycle.spawn("upkeep", upkeep(recorder, stop.clone()));
    let signals = Signals::watch().context("signals cannot be watched")?;
    output::print(&addresses(listen, &base_url))?;
    tell_ready();
    let grace = config.http.shutdown_grace.max(config.push.shutdown_grace);
    let service = lifecycle.run(signals, grace + END_GRACE);
    let ended = both(service, beside(base_url, stop)).await;
    // What was made while the others ended.
    disk.flush().context("the last good documents cannot be written")?;
    match ended {
        Ended::Cleanly => Ok(Outcome::Clean),
        Ended::Broken => anyhow::bail!("a part of the service broke off, see the log; start it again"),
        Ended::Cut => anyhow::bail!("stopped before every answer under way was finished"),
    }
}

/// How the service ended. What runs beside it may finish its own end, unless nothing may any more.
async fn both(service: impl Future<Output = Ended>, beside: impl Future<Output = ()>) -> Ended {
    match select(pin!(service), pin!(beside)).await {
        Either::Left((Ended::Cut, _)) => Ended::Cut,
        Either::Left((ended, beside)) => {
            beside.await;
            ended
        }
        Either::Right(((), service)) => service.await,
    }
}

/// What to open: the pages for people, and the front page feed in each format.
fn addresses(listen: SocketAddr, base_url: &Url) -> String {
    let line = |format: Format| {
        format!("  {:<9} {base_url}{}all.{format}\n", format.name(), FEEDS_PREFIX.trim_start_matches('/'))
    };
    let feeds: String = Format::ALL.into_iter().map(line).collect();
    format!("serving at http://{listen}/ as {base_url}\n{feeds}")
}

/// The listener for readers: the one that whoever started us holds over restarts (`LISTEN_FDS`, as systemd does), so that no
/// connection is refused meanwhile; else one of our own.
async fn public_listener(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let mut passed = ListenFd::from_env();
    anyhow::ensure!(passed.len() <= 1, "LISTEN_FDS passes {} sockets, expected the one for readers", passed.len());
    match passed.take_tcp_listener(0).context("LISTEN_FDS passes something else than a TCP socket")? {
        Some(listener) => {
            listener.set_nonblocking(true).context("the passed socket cannot be used")?;
            TcpListener::from_std(listener).context("the passed socket cannot be used")
        }
        None => bind(address, "http.listen").await,
    }
}

/// Tells systemd, if it is systemd that started us and asks (`NOTIFY_SOCKET`).
fn tell_ready() {
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        tracing::warn!(%error, "systemd cannot be told that the service is ready");
    }
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address}; choose another address with {key}"))
}

async fn upkeep(recorder: metrics_exporter_prometheus::PrometheusHandle, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(UPKEEP_EVERY) => recorder.run_upkeep(),
        }
    }
}
