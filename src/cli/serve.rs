//! `loa serve`: publish, until told to stop.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::{Either, select};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::service::{Places, Service, http_options};
use super::{Global, Outcome, options, output};
use crate::config::Config;
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::clock::SystemClock;
use crate::domain::format::Format;
use crate::http;
use crate::lifecycle::{Ended, Lifecycle, Signals};
use crate::observe::metrics;

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
    let listener = bind(config.http.listen, "http.listen").await?;
    let listen = listener.local_addr().context("the listener has no address")?;
    let base_url = options::base_url(config, listen)?;
    let recorder = metrics::start().context("metrics cannot be collected")?;
    let places = Places::lasting(config).await?;
    let service = Service::start(config, base_url.clone(), &places).await?;

    let lifecycle = Lifecycle::new();
    let stop = lifecycle.stop().clone();
    lifecycle.spawn("engine", service.engine.run(stop.clone()));
    let (documents, published) = (Arc::clone(&service.publisher), service.publisher);
    let told = stop.clone();
    lifecycle.spawn("documents", async move { documents.refreshing(told).await });
    lifecycle.spawn("http", http::serve(listener, published, http_options(config, base_url.clone()), stop.clone()));
    if let Some(address) = config.http.metrics_listen {
        let private = bind(address, "http.metrics_listen").await?;
        let page = recorder.clone();
        let render = move || page.render();
        lifecycle.spawn("metrics", http::serve_metrics(private, render, Arc::new(SystemClock), stop.clone()));
    }
    lifecycle.spawn("upkeep", upkeep(recorder, stop.clone()));
    let signals = Signals::watch().context("signals cannot be watched")?;
    output::print(&addresses(listen, &base_url))?;
    let service = lifecycle.run(signals, config.http.shutdown_grace + END_GRACE);
    match both(service, beside(base_url, stop)).await {
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
