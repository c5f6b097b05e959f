//! `loa store`: the change log in the newsroom's database, and what a person decides about the article store.

use std::hash::{BuildHasher as _, RandomState};

use clap::Subcommand;

use super::{Global, Outcome, options, output};
use crate::config::Config;
use crate::domain::clock::{Clock as _, SystemClock};
use crate::state;
use crate::store::install::{self, Watch, Wishes};

/// The change log in the newsroom's database, and decisions about the article store.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Install(Install),
    Uninstall(Uninstall),
    Status(Status),
    /// Let a held change of the store through.
    ///
    /// When very many articles vanish at once, or the store goes back in time, Loa holds its feeds as they were and
    /// raises an alarm (/readyz, metrics, log). If the change is meant, this lets it through.
    ///
    /// Example: loa store accept --config loa.toml
    Accept,
}

/// Make a change log in the newsroom's database, so that changes are found within milliseconds.
///
/// Makes a table of changes, and triggers on the tables that the articles stand in. Needs a role that may do so: mostly
/// their owner, given by --store; the service itself goes on with one that only reads. Repeat it when the schema has
/// changed. docs/STORE.md says what is logged and what it costs.
///
/// Examples:
///   loa store install --config owner.toml --grant loa
///   loa store install --config owner.toml --watch posts=id --watch sections
///   loa store install --store sqlite:newsroom.db --print
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct Install {
    /// A table behind a relation that is a view, and its column that holds the article's id as the view shows it. Without
    /// a column: a table of the categories, or one of whose changes only a complete read can tell what they mean.
    #[arg(long, value_name = "TABLE[=COLUMN]")]
    watch: Vec<Watch>,
    /// A role that may read the log: that of the service.
    #[arg(long, value_name = "ROLE")]
    grant: Vec<String>,
    /// Write the SQL for a database's keeper, and do nothing.
    #[arg(long)]
    print: bool,
}

/// Take the change log and its triggers away; nothing of them is left.
///
/// Example: loa store uninstall --config owner.toml
#[derive(Debug, clap::Args)]
struct Uninstall {
    /// Write the SQL for a database's keeper, and do nothing.
    #[arg(long)]
    print: bool,
}

/// Tell whether the change log is installed and covers everything, and how it stands.
///
/// Ends with 1 if it is not installed or not complete.
///
/// Example: loa store status --config loa.toml --json
#[derive(Debug, clap::Args)]
struct Status {
    /// Write a JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let config = global.start()?;
    match args.action {
        Action::Install(args) => install(args, &config).await,
        Action::Uninstall(args) => uninstall(&args, &config).await,
        Action::Status(args) => status(&args, &config).await,
        Action::Accept => {
            let state = state::open(config.state.url.expose()).await?;
            state.accept_store(SystemClock.now()).await?;
            output::print("the store is accepted as it is now; running services follow within seconds\n")?;
            Ok(Outcome::Clean)
        }
    }
}

async fn install(args: Install, config: &Config) -> anyhow::Result<Outcome> {
    let (url, options) = (config.store.url.expose(), options::store(config));
    let wishes = Wishes { watch: args.watch, grants: args.grant, id: unused_name() };
    let script = install::script(url, &options, &wishes).await?;
    if args.print {
        output::print(&script)?;
        return Ok(Outcome::Clean);
    }
    install::run(url, &script).await?;
    output::print(&install::status(url, &options).await?.to_string())?;
    Ok(Outcome::Clean)
}

async fn uninstall(args: &Uninstall, config: &Config) -> anyhow::Result<Outcome> {
    let (url, options) = (config.store.url.expose(), options::store(config));
    let script = install::removal(url, &options).await?;
    if args.print {
        output::print(&script)?;
        return Ok(Outcome::Clean);
    }
    install::run(url, &script).await?;
    output::print("the change log is gone; changes are found by complete reads (level C)\n")?;
    Ok(Outcome::Clean)
}

async fn status(args: &Status, config: &Config) -> anyhow::Result<Outcome> {
    let status = install::status(config.store.url.expose(), &options::store(config)).await?;
    let text = if args.json { serde_json::to_string_pretty(&status)? + "\n" } else { status.to_string() };
    output::print(&text)?;
    Ok(if status.complete { Outcome::Clean } else { Outcome::Faults })
}

/// A name that no log had before: 128 bits of chance, from where the standard library has the keys of its hash maps.
fn unused_name() -> String {
    let half = |number: u8| RandomState::new().hash_one(number);
    format!("{:016x}{:016x}", half(0), half(1))
}
