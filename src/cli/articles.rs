//! `loa articles`: takes articles down for good, and lets them back.

use clap::Subcommand;

use super::{Global, Outcome, options, output};
use crate::config::Config;
use crate::domain::article::ArticleId;
use crate::domain::clock::{Clock as _, SystemClock};
use crate::state::{self, State};
use crate::store;

/// Take articles down for good, or let them back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Take articles down for good, whatever the store says.
    ///
    /// A running service takes them out of every feed within 2 seconds; caches follow within 180 seconds. Readers get a
    /// tombstone, and for some days a stub in place of the text. Only `loa articles restore` lets them back.
    ///
    /// Example: loa articles withdraw 182035 --config loa.toml
    Withdraw(Ids),
    /// Let withdrawn articles back: what the store says of them counts again.
    ///
    /// Example: loa articles restore 182035 --config loa.toml
    Restore(Ids),
}

#[derive(Debug, clap::Args)]
struct Ids {
    /// Ids of the articles, as the store has them.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let config = global.start()?;
    let state = state::open(config.state.url.expose()).await?;
    match args.action {
        Action::Withdraw(Ids { ids }) => {
            let ids: Vec<_> = ids.into_iter().map(ArticleId::new).collect();
            withdraw(state.as_ref(), &ids).await?;
            note_unknown(&config, &ids).await;
            Ok(Outcome::Clean)
        }
        Action::Restore(Ids { ids }) => restore(state.as_ref(), ids).await,
    }
}

async fn withdraw(state: &dyn State, ids: &[ArticleId]) -> anyhow::Result<()> {
    for id in ids {
        state.withdraw(id, SystemClock.now()).await?;
        output::print(&format!("article {id} is withdrawn\n"))?;
    }
    Ok(())
}

/// A mistyped id would leave the article that was meant in its feeds. It is only a note: a withdrawal counts without the
/// store, which may be down, and before the article is there.
async fn note_unknown(config: &Config, ids: &[ArticleId]) {
    let store = store::open(config.store.url.expose(), &options::store(config));
    let loaded = match store {
        Ok(store) => store.load(ids).await,
        Err(error) => Err(error),
    };
    match loaded {
        Ok(loaded) => {
            for id in ids.iter().filter(|id| loaded.iter().all(|found| found.id != **id)) {
                output::note(&format!("the store has no article {id} now; is the id right?"));
            }
        }
        Err(error) => output::note(&format!("the ids could not be looked up ({error}); are they right?")),
    }
}

async fn restore(state: &dyn State, ids: Vec<String>) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Clean;
    for id in ids.into_iter().map(ArticleId::new) {
        if state.restore(&id, SystemClock.now()).await? {
            output::print(&format!("article {id} may come back\n"))?;
        } else {
            output::note(&format!("article {id} was not withdrawn, so there is nothing to restore"));
            outcome = Outcome::Faults;
        }
    }
    Ok(outcome)
}
