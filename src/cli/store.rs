//! `loa store`: what a person decides about the article store.

use clap::Subcommand;

use super::{Global, Outcome, output};
use crate::domain::clock::{Clock as _, SystemClock};
use crate::state;

/// Decide about the article store.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let a held change of the store through.
    ///
    /// When very many articles vanish at once, or the store goes back in time, Loa holds its feeds as they were and
    /// raises an alarm (/readyz, metrics, log). If the change is meant, this lets it through.
    ///
    /// Example: loa store accept --config loa.toml
    Accept,
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let Action::Accept = args.action;
    let config = global.start()?;
    let state = state::open(config.state.url.expose()).await?;
    state.accept_store(SystemClock.now()).await?;
    output::print("the store is accepted as it is now; running services follow within seconds\n")?;
    Ok(Outcome::Clean)
}
