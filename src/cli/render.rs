//! `loa render`: one document to standard output.

use super::service::{Places, Service};
use super::{Global, Outcome, options, output};
use crate::publish::{Published as _, Route};

/// Write one document to standard output, as a service would serve it now.
///
/// Nothing is recorded: what a service has recorded is used, and left as it is.
///
/// Examples:
///   loa render /feeds/all.rss --config loa.toml
///   loa render category/thoi-su.atom --config loa.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Address of the document: /feeds/..., or what follows it.
    path: String,
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let config = global.start()?;
    let base_url = options::base_url(&config, config.http.listen)?;
    let places = Places::scratch(&config).await?;
    let mut service = Service::start(&config, base_url, &places).await?;
    service.engine.settle().await.map_err(anyhow::Error::msg)?;
    let path = args.path.trim_start_matches('/');
    let path = format!("/feeds/{}", path.strip_prefix("feeds/").unwrap_or(path));
    let key = match service.publisher.route(&path) {
        Route::Feed(key) => key,
        Route::Moved(to) => anyhow::bail!("`{path}` has moved to `{to}`"),
        Route::Page(_) | Route::Gone | Route::Starting | Route::Unknown => {
            anyhow::bail!("`{path}` is no feed; `loa categories` lists the paths, each ends in .rss, .atom or .json")
        }
    };
    service.publisher.want(&key.scope);
    service.engine.settle().await.map_err(anyhow::Error::msg)?;
    let made = service.publisher.maker().make(&key.scope, &[key.format]).await?;
    for fault in &made.faults {
        output::note(&fault.to_string());
    }
    for document in &made.documents {
        output::print(&String::from_utf8_lossy(&document.identity().bytes))?;
    }
    Ok(if made.faults.is_empty() { Outcome::Clean } else { Outcome::Faults })
}
