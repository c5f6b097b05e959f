//! What comes, what changes, what leaves: the one function that compares a row of the store with the ledger's record.
//! Pure; the table of DESIGN 4 "What leaves and what comes back" in code. `docs/STORE.md` tells it to the web team.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::classify::Classifier;
use super::fingerprint::{fingerprint, same_text};
use crate::domain::article::{Article, ArticleId, Status};
use crate::domain::clock::Timestamp;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::found::FindPolicy;
use crate::domain::ledger::{ArticleRecord, ArticleWrite, Departure, Standing, Touch};
use crate::domain::scope::Scope;

/// What the decision depends on, besides the row and the record.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The instant that decides what is visible.
    pub now: Timestamp,
    /// Puts articles into scopes, by the categories of the same snapshot as the row.
    pub classifier: &'a Classifier<'a>,
    /// Is it on the deny list?
    pub denied: bool,
    /// Is the ledger still being filled for the first time? Then feeds changed when their articles did, not now.
    pub first_fill: bool,
}

/// A row as the decision sees it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Which article.
    pub id: &'a ArticleId,
    /// Digest of the row.
    pub digest: u64,
    /// The article, or why it cannot be published.
    pub article: Result<&'a Article, &'a Fault>,
    /// The guid that it had in a former feed, if it took one over: it wins over every other.
    pub adopted: Option<&'a str>,
    /// What somebody has decided about the places in its text.
    pub find: Option<FindPolicy>,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// The ledger's new record, with the feeds it touches. `None`: the ledger stays as it is.
    pub write: Option<ArticleWrite>,
    /// Look again at this instant: it becomes due then.
    pub due: Option<Timestamp>,
    /// The store has withdrawn it: it goes on the deny list.
    pub withdraw: bool,
    /// What an editor should know.
    pub faults: Vec<Fault>,
    /// How the authors and tags of the record written are spelled.
    pub labels: Vec<(Scope, String)>,
}

/// Compares a row with its record.
#[must_use]
pub fn decide(record: Option<&ArticleRecord>, row: Row<'_>, now: &Circumstances<'_>) -> Decision {
    let withdrawn = row.article.is_ok_and(|article| article.status == Status::Withdrawn);
    if withdrawn || now.denied {
        let write = record.and_then(|record| leave(record, row.digest, Departure::Withdrawn, now.now));
        let refused = row.article.is_ok_and(|article| article.status == Status::Published);
        let faults = refused.then(|| Fault::of_article(row.id, FaultCode::WithdrawalFinal, "")).into_iter().collect();
        return Decision { write, withdraw: withdrawn && !now.denied, faults, ..Decision::default() };
    }
    let article = match row.article {
        Ok(article) => article,
        Err(fault) => return set_aside(record, &row, fault, now),
    };
    // What readers have seen does not hide again because a clock went back.
    let seen = |due: Timestamp| record.is_some_and(|record| record.is_public() && due <= record.published);
    match (article.status, article.due_at()) {
        (Status::Published, Some(due)) if due <= now.now || seen(due) => publish(record, &row, article, due, now),
        (Status::Published, Some(due)) => Decision {
            write: record.and_then(|record| leave(record, row.digest, Departure::Left, now.now)),
            due: Some(due),
            ..Decision::default()
        },
        _ => Decision {
            write: record.and_then(|record| leave(record, row.digest, Departure::Left, now.now)),
            ..Decision::default()
        },
    }
}

/// The record of an article that was withdrawn by command: needs no row, so that it works while the store is down.
#[must_use]
pub fn withdraw(record: &ArticleRecord, now: Timestamp) -> Option<ArticleWrite> {
    leave(record, record.digest, Departure::Withdrawn, now)
}

/// The record of an article whose row has vanished, as two complete reads agreed.
#[must_use]
pub fn vanish(record: &ArticleRecord, now: Timestamp) -> Option<ArticleWrite> {
    leave(record, record.digest, Departure::Vanished, now)
}

/// The record under other categories; `None` if its scopes stay the same.
#[must_use]
pub fn re_scope(record: &ArticleRecord, now: &Circumstances<'_>) -> Option<ArticleWrite> {
    let scopes = now.classifier.reclassify(record);
    if scopes == record.scopes || !record.is_public() {
        return None;
    }
    let touches = moved(&record.scopes, &scopes, now.now);
    Some(ArticleWrite { record: ArticleRecord { scopes, ..record.clone() }, touches })
}

/// A row that cannot be published: what is in the feeds leaves without a tombstone, to come back once mended. What
/// cannot be read may be an embargo or a withdrawal, so no document made before may be served any more.
fn set_aside(record: Option<&ArticleRecord>, row: &Row<'_>, fault: &Fault, now: &Circumstances<'_>) -> Decision {
    let write = record.filter(|record| record.is_public()).map(|record| ArticleWrite {
        record: ArticleRecord { standing: Standing::SetAside, digest: row.digest, ..record.clone() },
        touches: touches(&record.scopes, now.now, true),
    });
    Decision { write, faults: vec![fault.clone()], ..Decision::default() }
}

/// Out of its feeds, for a reason. A reason once given gives way only to withdrawal.
fn leave(record: &ArticleRecord, digest: u64, reason: Departure, now: Timestamp) -> Option<ArticleWrite> {
    let (at, touched) = match record.standing {
        Standing::Public | Standing::SetAside => (now, touches(&record.scopes, now, true)),
        Standing::Gone { reason: old, .. } if old == reason || reason != Departure::Withdrawn => return None,
        // The tombstone keeps its instant; the feeds change because of the stub.
        Standing::Gone { at, .. } => (at, touches(&record.scopes, now, true)),
    };
    let record = ArticleRecord { standing: Standing::Gone { at, reason }, digest, ..record.clone() };
    Some(ArticleWrite { record, touches: touched })
}

/// Into its feeds, or changed within them.
fn publish(
    record: Option<&ArticleRecord>,
    row: &Row<'_>,
    article: &Article,
    due: Timestamp,
    now: &Circumstances<'_>,
) -> Decision {
    let published = record.map_or(due, |record| record.published);
    let classified = now.classifier.classify(article, published, row.find);
    let seen = fingerprint(article, &classified.units);
    let guid = || record.map_or_else(|| article.guid.clone(), |record| record.guid.clone());
    let fresh = ArticleRecord {
        id: row.id.clone(),
        guid: row.adopted.map(str::to_owned).or_else(guid),
        published,
        updated: record.map_or_else(|| first_updated(article, due, now), |old| next_updated(old, article, &seen, now)),
        fingerprint: seen,
        digest: row.digest,
        store_updated: article.updated_at,
        categories: article.categories.clone(),
        scopes: classified.scopes,
        found: classified.found,
        standing: Standing::Public,
        version: record.map_or(0, |record| record.version),
    };
    let touches = match record {
        // No feed is asked for before everything is read: there are no combinations to touch.
        None if now.first_fill => plain_touches(&fresh.scopes, fresh.updated),
        None => touches(&fresh.scopes, now.now, false),
        Some(old) if *old == fresh => return Decision { faults: classified.faults, ..Decision::default() },
        Some(old) if old.is_public() && old.fingerprint == seen && old.guid == fresh.guid => {
            moved(&old.scopes, &fresh.scopes, now.now)
        }
        Some(old) => {
            let mut touches = touches(&fresh.scopes, now.now, false);
            touches.extend(moved(&old.scopes, &fresh.scopes, now.now));
            touches
        }
    };
    let write = Some(ArticleWrite { record: fresh, touches });
    Decision { write, faults: classified.faults, labels: classified.labels, ..Decision::default() }
}

/// `updated` at first publication: the store's, if it lies between publication and now.
fn first_updated(article: &Article, due: Timestamp, now: &Circumstances<'_>) -> Timestamp {
    article.updated_at.filter(|updated| *updated <= now.now).map_or(due, |updated| updated.max(due))
}

/// `updated` of what was published before: it moves only if a reader sees something else, or sees it again. To the
/// store's `updated_at` if that moved on and is no future; else to the instant at which the change was found.
fn next_updated(old: &ArticleRecord, article: &Article, seen: &[u8; 16], now: &Circumstances<'_>) -> Timestamp {
    let returns_after = match old.standing {
        Standing::Gone { at, .. } => Some(at),
        Standing::Public | Standing::SetAside => None,
    };
    if returns_after.is_none() && same_text(&old.fingerprint, seen) {
        return old.updated;
    }
    let told = article.updated_at.filter(|updated| *updated > old.updated && *updated <= now.now);
    let updated = told.unwrap_or(now.now).max(old.published).max(old.updated);
    // RFC 6721 section 3: a tombstone yields to an entry updated after it.
    returns_after.map_or(updated, |gone| updated.max(gone + TimeDelta::seconds(1)))
}

/// The feeds that an article enters or leaves, with their combinations. What it has left must not be served as it was:
/// the article may be withdrawn later, and then only the feeds that it is in are told.
fn moved(old: &[Scope], new: &[Scope], at: Timestamp) -> Vec<Touch> {
    let (was, is): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
    let left: Vec<&Scope> = was.difference(&is).copied().collect();
    let entered: Vec<&Scope> = is.difference(&was).copied().collect();
    let all = |changed: &[&Scope], others: &[Scope], removes| {
        let combined = Scope::combinations(changed.iter().copied(), others);
        let scopes = changed.iter().copied().cloned().chain(combined);
        scopes.map(|scope| Touch { scope, at, removes }).collect::<Vec<_>>()
    };
    all(&left, old, true).into_iter().chain(all(&entered, new, false)).collect()
}

/// All these feeds, with their combinations.
fn touches(scopes: &[Scope], at: Timestamp, removes: bool) -> Vec<Touch> {
    let combined =
        Scope::combinations(scopes.iter().filter(|scope| matches!(scope, Scope::Category(_))), scopes.iter());
    scopes.iter().cloned().chain(combined).map(|scope| Touch { scope, at, removes }).collect()
}

fn plain_touches(scopes: &[Scope], at: Timestamp) -> Vec<Touch> {
    scopes.iter().cloned().map(|scope| Touch { scope, at, removes: false }).collect()
}
