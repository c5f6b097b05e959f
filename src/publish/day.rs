//! The day by which the tables of administrative units are read. They may hold a reform before it comes: it happens at
//! midnight of the newspaper's zone, in the running service, and every article is then put into its feeds anew.
//!
//! The last change that has happened is recorded: a clock that goes wrong undoes no reform, and a restart while the store is
//! down serves what was served before.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;

use crate::catalog::Catalog;
use crate::catalog::classify;
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::place::Place;
use crate::domain::scope::Scope;
use crate::gazetteer::Gazetteer;
use crate::state::{State, StateError};

/// The mark that holds the day of the last change that has happened.
const DAY_MARK: &str = "localities_day";

/// The options by the recorded day; by today, if none is recorded.
pub(super) async fn recorded(
    state: &dyn State,
    options: &classify::Options,
    now: Timestamp,
) -> Result<Arc<classify::Options>, StateError> {
    let day = state.mark(DAY_MARK).await?.and_then(|day| day.parse().ok());
    let options = on(options, day.unwrap_or_else(|| today(options, now)));
    if day.is_none() {
        record(state, &options).await?;
    }
    Ok(options)
}

/// Records the last change that has happened.
pub(super) async fn record(state: &dyn State, options: &classify::Options) -> Result<(), StateError> {
    match options.gazetteer.last_change() {
        Some(day) => state.set_mark(DAY_MARK, &day.to_string()).await,
        None => Ok(()),
    }
}

/// The options of today, if a day has come on which something changes.
pub(super) fn turned(options: &classify::Options, now: Timestamp) -> Option<Arc<classify::Options>> {
    let today = today(options, now);
    options.gazetteer.next_change().filter(|next| *next <= today)?;
    Some(on(options, today))
}

/// Every article in the feeds; at the end those whose feed leads to another one now, so that this one is not empty for long.
pub(super) fn articles(catalog: &Catalog, before: &Gazetteer, now: &Gazetteer) -> Vec<ArticleId> {
    let moved = now.places().filter(|place| before.canonical(*place) != now.canonical(*place));
    let moved: BTreeSet<Scope> = moved.map(|place| Scope::Locality(before.canonical(place))).collect();
    let first: HashSet<ArticleId> =
        moved.iter().flat_map(|scope| catalog.newest(scope)).map(|entry| entry.id).collect();
    let others = catalog.public().filter(|id| !first.contains(id)).collect::<Vec<_>>();
    others.into_iter().chain(first.iter().cloned()).collect()
}

/// The feeds of places, and of categories in places, that say something else of their unit now.
pub(super) fn retold(catalog: &Catalog, before: &Gazetteer, now: &Gazetteer) -> Vec<Scope> {
    let place = |scope: &Scope| match scope {
        Scope::Locality(place) | Scope::Combination(_, place) => Some(*place),
        _ => None,
    };
    let mut known: HashMap<Place, bool> = HashMap::new();
    let mut is_other = |place: Place| {
        *known.entry(place).or_insert_with(|| {
            let past = |gazetteer: &Gazetteer| gazetteer.predecessors_of(place).len();
            before.change_of(place) != now.change_of(place) || past(before) != past(now)
        })
    };
    catalog.recorded().filter(|scope| place(scope).is_some_and(&mut is_other)).cloned().collect()
}

fn today(options: &classify::Options, now: Timestamp) -> NaiveDate {
    now.with_timezone(&options.zone).date_naive()
}

fn on(options: &classify::Options, day: NaiveDate) -> Arc<classify::Options> {
    let gazetteer = Arc::new(options.gazetteer.as_of(day));
    Arc::new(classify::Options { gazetteer, ..options.clone() })
}
