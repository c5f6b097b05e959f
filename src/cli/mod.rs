//! The commands, one file each. The only place that knows `clap`, `config` and `anyhow`.

mod adopt;
mod adopt_report;
mod adopt_target;
mod articles;
mod categories;
mod check;
mod demo;
mod demo_live;
mod demo_subscriber;
pub mod import;
mod localities;
mod localities_explain;
mod localities_find;
mod localities_history;
mod localities_tables;
mod options;
mod output;
mod push;
mod render;
mod serve;
mod service;
mod store;
mod subscriptions;
mod tables;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::config::{Config, Sources};
use crate::observe;

/// Done, without a fault.
const EXIT_CLEAN: u8 = 0;
/// Done, with faults that are listed.
const EXIT_FAULTS: u8 = 1;
/// Could not run.
const EXIT_FAILED: u8 = 2;

/// Feeds of a newsroom's articles: RSS, Atom and JSON Feed.
#[derive(Debug, Parser)]
#[command(name = "loa", version, max_term_width = 100, long_about = LONG_ABOUT, after_help = EXIT_HELP)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const LONG_ABOUT: &str = "\
Loa reads a newsroom's article store and publishes it as feeds: RSS 2.0, Atom 1.0 and JSON Feed 1.1, for the front \
page, every category and locality, authors, tags, and any mix of these.

  loa demo                                          a newsroom to try out, served at once
  loa import --category thoi-su page.txt            articles into the embedded store
  loa adopt https://baovidu.example/rss/tin.rss     take over the feed that the paper has now
  loa check --config loa.toml                       is everything right?
  loa serve --config loa.toml                       publish
  loa render /feeds/all.rss --config loa.toml       one document, to standard output
  loa articles withdraw 182035 --config loa.toml    take one down for good
  loa localities show 'xã Hùng Lô'                  what a place was and is, and its address
  loa subscriptions list --config loa.toml          who gets changed feeds pushed

Settings come from built-in defaults, then --config FILE, then LOA_... environment variables, then flags.";

const EXIT_HELP: &str = "Exit status: 0 success, 1 done with faults that are listed, 2 could not run.";

/// What every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Configuration file (TOML); every key is explained in config/default.toml.
    #[arg(long, global = true, value_name = "FILE", env = "LOA_CONFIG")]
    config: Option<PathBuf>,
    /// Article store: `sqlite:PATH` or `postgres://...`; better in a file where it holds a password.
    #[arg(long, global = true, value_name = "URL")]
    store: Option<String>,
    /// Loa's own memory: `sqlite:PATH` or `postgres://...`.
    #[arg(long, global = true, value_name = "URL")]
    state: Option<String>,
    /// Directory of newer tables of administrative units; `loa localities export` writes some to start from.
    #[arg(long, global = true, value_name = "DIR")]
    tables: Option<String>,
    /// How log lines are written: text or json.
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Least important level that is logged: error, warn, info, debug or trace.
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl Global {
    /// Loads the configuration of a service, with the flags it has of its own as key, value and name; then starts the
    /// log.
    pub(crate) fn start_service(
        &self,
        flags: impl IntoIterator<Item = (&'static str, Option<String>, &'static str)>,
    ) -> anyhow::Result<Config> {
        let config = self.load(flags)?;
        observe::log::start(&options::log(&config));
        Ok(config)
    }

    /// Loads the configuration of a command that ends by itself: it says what there is to say, so there is a log only
    /// where one is asked for.
    pub(crate) fn start(&self) -> anyhow::Result<Config> {
        let config = self.load([])?;
        if self.log_level.is_some() {
            observe::log::start(&options::log(&config));
        }
        Ok(config)
    }

    fn load(
        &self,
        flags: impl IntoIterator<Item = (&'static str, Option<String>, &'static str)>,
    ) -> anyhow::Result<Config> {
        let own = [
            ("store.url", self.store.clone(), "--store"),
            ("state.url", self.state.clone(), "--state"),
            ("localities.tables", self.tables.clone(), "--tables"),
            ("log.format", self.log_format.clone(), "--log-format"),
            ("log.level", self.log_level.clone(), "--log-level"),
        ];
        let given = own.into_iter().chain(flags).filter_map(|(key, value, flag)| Some((key, value?, flag)));
        Ok(Config::load(Sources::of_process(self.config.clone(), given.collect()))?)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Import(import::Args),
    Adopt(adopt::Args),
    Check(check::Args),
    Render(render::Args),
    Categories(categories::Args),
    Localities(localities::Args),
    Articles(articles::Args),
    Store(store::Args),
    Subscriptions(subscriptions::Args),
}

impl Command {
    async fn run(self, global: &Global) -> anyhow::Result<Outcome> {
        match self {
            Self::Demo(args) => demo::run(args, global).await,
            Self::Serve(args) => serve::run(args, global).await,
            Self::Import(args) => {
                let config = global.start()?;
                let (store_url, state_url) = (config.store.url.expose(), config.state.url.expose());
                let setting = import::Setting { store_url, state_url, zones: options::zones(&config) };
                let faulty = import::run(&args, setting).await?;
                Ok(if faulty { Outcome::Faults } else { Outcome::Clean })
            }
            Self::Adopt(args) => adopt::run(args, global).await,
            Self::Check(args) => check::run(args, global).await,
            Self::Render(args) => render::run(args, global).await,
            Self::Categories(args) => categories::run(args, global).await,
            Self::Localities(args) => localities::run(&args, global).await,
            Self::Articles(args) => articles::run(args, global).await,
            Self::Store(args) => store::run(args, global).await,
            Self::Subscriptions(args) => subscriptions::run(args, global).await,
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Without a fault.
    Clean,
    /// With faults, which it has listed.
    Faults,
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { EXIT_FAILED } else { EXIT_CLEAN });
        }
    };
    match run(cli) {
        Ok(Outcome::Clean) => ExitCode::from(EXIT_CLEAN),
        Ok(Outcome::Faults) => ExitCode::from(EXIT_FAULTS),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
    runtime.block_on(cli.command.run(&cli.global))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
