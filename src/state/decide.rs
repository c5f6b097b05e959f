//! What a batch or a claim does to what stands in state: pure, the same for every backend. A backend locks, reads, asks
//! here, and writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DurationRound as _, TimeDelta};

use super::{Adopted, Adoption};
use crate::domain::address::{AddressRecord, Claim};
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::entry_id::Identity;
use crate::domain::ledger::{ArticleRecord, Batch, Committed, FeedRecord, Touch, Written, notice_until};
use crate::domain::scope::Scope;

/// How far a feed's `changed_at` may run ahead of its changes: longer than it takes from a decision to its commit.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(1);

/// What a batch comes to.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// Article records to write.
    pub(super) articles: Vec<ArticleRecord>,
    /// Feed records to write.
    pub(super) feeds: Vec<FeedRecord>,
    /// What to answer.
    pub(super) committed: Committed,
}

impl Decision {
    /// What to answer, if it was written under this number.
    pub(super) fn committed(self, number: Option<i64>) -> Committed {
        let Self { articles, feeds, committed } = self;
        let written = number.map(|number| Written { number: number.cast_unsigned(), articles, feeds });
        Committed { written, ..committed }
    }
}

/// The articles a batch is about.
pub(super) fn article_ids(batch: &Batch) -> Vec<&str> {
    batch.writes.iter().map(|write| write.record.id.as_str()).collect()
}

/// The feeds a batch is about, whether or not its writes are made.
pub(super) fn scopes(batch: &Batch) -> Vec<String> {
    let touches = batch.writes.iter().flat_map(|write| &write.touches).chain(&batch.touches);
    let mut scopes: BTreeSet<Scope> = touches.map(|touch| touch.scope.clone()).collect();
    scopes.extend(batch.announcements.iter().map(|announcement| announcement.scope.clone()));
    scopes.extend(batch.expiries.iter().map(|(scope, _)| scope.clone()));
    for scope in &batch.begins {
        scopes.extend(scope.parts().into_iter().flat_map(|(category, place)| [category, place, scope.clone()]));
    }
    scopes.into_iter().map(|scope| scope.to_string()).collect()
}

/// The articles that the store has withdrawn, each once, with the first instant.
pub(super) fn withdrawals(batch: &Batch) -> BTreeMap<&ArticleId, Timestamp> {
    let mut first = BTreeMap::new();
    for (id, at) in &batch.withdrawals {
        first.entry(id).or_insert(*at);
    }
    first
}

/// Decides a batch on what stands: `articles` and `feeds` hold the records of [`article_ids`] and [`scopes`].
pub(super) fn batch(batch: &Batch, articles: Vec<ArticleRecord>, feeds: Vec<FeedRecord>) -> Decision {
    let mut standing: HashMap<ArticleId, ArticleRecord> =
        articles.into_iter().map(|record| (record.id.clone(), record)).collect();
    let mut feeds: BTreeMap<Scope, FeedRecord> =
        feeds.into_iter().map(|record| (record.scope.clone(), record)).collect();
    let announced = announced(batch, &feeds);
    let of_notices = notice_touches(batch, &feeds, &announced);
    let mut decision = Decision::default();
    let mut made = BTreeMap::new();
    let mut touches: Vec<&Touch> = batch.touches.iter().chain(&of_notices).collect();
    for write in &batch.writes {
        let found = standing.get(&write.record.id);
        if found.map_or(0, |record| record.version) == write.record.version {
            let record = ArticleRecord { version: write.record.version + 1, ..write.record.clone() };
            touches.extend(&write.touches);
            decision.committed.articles.push(record.clone());
            made.insert(record.id.clone(), record.clone());
            standing.insert(record.id.clone(), record);
        } else {
            // First writer wins. Nothing stands only if the caller made up a version: then there is nothing to tell.
            decision.committed.articles.extend(found.cloned());
        }
    }
    decision.articles = made.into_values().collect();
    let counts = |touch: &Touch| feeds.contains_key(&touch.scope) || touch.scope.parts().is_none();
    let touches = touched(&touches).into_iter().filter(counts);
    decision.feeds = touches.map(|touch| next(feeds.get(&touch.scope), touch, batch.filling)).collect();
    for record in &mut decision.feeds {
        record.notice_until = announced.get(&record.scope).copied().or(record.notice_until);
    }
    decision.feeds.extend(begun(batch, &feeds));
    feeds.extend(decision.feeds.iter().map(|record| (record.scope.clone(), record.clone())));
    decision.committed.feeds = feeds.into_values().collect();
    decision
}

/// One touch for each feed: the latest instant; it removes if any does.
fn touched(touches: &[&Touch]) -> Vec<Touch> {
    let mut merged: BTreeMap<&Scope, Touch> = BTreeMap::new();
    for touch in touches {
        let one = merged.entry(&touch.scope).or_insert_with(|| (*touch).clone());
        one.at = one.at.max(touch.at);
        one.removes |= touch.removes;
    }
    merged.into_values().collect()
}

/// Until when the feeds announce a change that begin to do so: the first who asks decides.
fn announced(batch: &Batch, feeds: &BTreeMap<Scope, FeedRecord>) -> BTreeMap<Scope, Timestamp> {
    let mut ends = BTreeMap::new();
    for one in &batch.announcements {
        if !feeds.get(&one.scope).is_some_and(|feed| feed.has_announced(one.change)) {
            ends.entry(one.scope.clone()).or_insert_with(|| notice_until(one.change, one.at));
        }
    }
    ends
}

/// The feeds that change because an announcement comes or goes.
fn notice_touches(
    batch: &Batch,
    feeds: &BTreeMap<Scope, FeedRecord>,
    announced: &BTreeMap<Scope, Timestamp>,
) -> Vec<Touch> {
    let is_due = |scope: &Scope, at: Timestamp| {
        feeds.get(scope).and_then(FeedRecord::notice_due).is_some_and(|until| until <= at)
    };
    let begin = batch.announcements.iter().filter(|one| announced.contains_key(&one.scope));
    let begin = begin.map(|one| (&one.scope, one.at));
    let end = batch.expiries.iter().map(|(scope, at)| (scope, *at)).filter(|(scope, at)| is_due(scope, *at));
    let touch = |(scope, at): (&Scope, Timestamp)| Touch { scope: scope.clone(), at, removes: false };
    begin.chain(end).map(touch).collect()
}

/// The first records of combinations that have none.
fn begun(batch: &Batch, feeds: &BTreeMap<Scope, FeedRecord>) -> Vec<FeedRecord> {
    let new: BTreeSet<&Scope> = batch.begins.iter().filter(|scope| !feeds.contains_key(scope)).collect();
    let first = |scope: &Scope| {
        let (category, place) = scope.parts()?;
        let changed_at = feeds.get(&category)?.changed_at.max(feeds.get(&place)?.changed_at);
        Some(FeedRecord { scope: scope.clone(), sequence: 1, changed_at, removal_sequence: 0, notice_until: None })
    };
    new.into_iter().filter_map(first).collect()
}

fn next(old: Option<&FeedRecord>, touch: Touch, filling: bool) -> FeedRecord {
    let sequence = old.map_or(0, |old| old.sequence) + 1;
    let kept = old.map_or(0, |old| old.removal_sequence);
    FeedRecord {
        sequence,
        changed_at: old.map_or(touch.at, |old| changed_at(old.changed_at, touch.at, filling)),
        removal_sequence: if touch.removes { sequence } else { kept },
        notice_until: old.and_then(|old| old.notice_until),
        scope: touch.scope,
    }
}

/// When a feed that changed at `old` has changed, if a change of the instant `at` is added.
///
/// Readers get it as Last-Modified: the start of the second after it, shown once that has begun. Two states that share a
/// second would share it, and the second one would be answered 304 (RFC 9110 section 8.8.2.2). An instant is taken before
/// its change is committed, so another process may have committed a later one, and the older state may be on show. Hence
/// every change comes to a later second, of which the header waits.
///
/// Changes that come faster than the seconds would carry a feed off into the future. One that is [`AHEAD_MAX`] ahead stays
/// there: its second has not begun, so nobody has seen it, and of the states that share it only the last is ever shown.
///
/// While an empty ledger is filled nothing is on show, and the latest instant counts.
fn changed_at(old: Timestamp, at: Timestamp, filling: bool) -> Timestamp {
    let second = TimeDelta::seconds(1);
    match old.duration_trunc(second).map(|floor| floor + second) {
        Ok(later) if !filling && at < later && old - at <= AHEAD_MAX => later,
        _ => old.max(at),
    }
}

/// The paths and the scopes that claims are about.
pub(super) fn claimed(claims: &[Claim]) -> (Vec<&str>, Vec<String>) {
    claims.iter().map(|claim| (claim.path.as_str(), claim.scope.to_string())).unzip()
}

/// What claims come to.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// Records to write.
    pub(super) changed: Vec<AddressRecord>,
    /// The record of every path claimed, as it now stands.
    pub(super) standing: Vec<AddressRecord>,
}

/// Decides claims on what stands: `addresses` holds every record of the paths and scopes of [`claimed`], `last` is the
/// number of the last claim of all. A path of another scope is left alone, and a scope that already has its path claims
/// nothing.
pub(super) fn claims(addresses: Vec<AddressRecord>, mut last: u64, claims: &[Claim]) -> Claimed {
    let mut by_path: BTreeMap<String, AddressRecord> = BTreeMap::new();
    let mut current: HashMap<Scope, (u64, Option<String>)> = HashMap::new();
    for record in addresses {
        let newest = current.entry(record.scope.clone()).or_default();
        *newest = (record.claim.max(newest.0), newest.1.take().or_else(|| record.label.clone()));
        by_path.insert(record.path.clone(), record);
    }
    let mut changed = BTreeMap::new();
    for Claim { path, scope, label } in claims {
        let owner = by_path.get(path);
        let (newest, known) = current.get(scope).cloned().unwrap_or_default();
        if owner.is_some_and(|record| record.scope != *scope || record.claim == newest) {
            continue;
        }
        last += 1;
        let label = known.or_else(|| label.clone());
        let record = AddressRecord { path: path.clone(), scope: scope.clone(), claim: last, label: label.clone() };
        current.insert(scope.clone(), (last, label));
        by_path.insert(path.clone(), record.clone());
        changed.insert(path.clone(), record);
    }
    let paths: BTreeSet<&String> = claims.iter().map(|claim| &claim.path).collect();
    let standing = by_path.values().filter(|record| paths.contains(&record.path)).cloned().collect();
    Claimed { changed: changed.into_values().collect(), standing }
}

/// Decides which guids are adopted: `identity` mints ids, `standing` holds all guids that have been adopted, `records`
/// at least those of the articles and of the guids named. A wish that is granted counts for those after it.
pub(super) fn adoption(
    adoption: &Adoption,
    identity: &Identity,
    standing: &HashMap<ArticleId, String>,
    records: &[ArticleRecord],
) -> Vec<Adopted> {
    let mut guids = Guids::new(standing, records);
    let mut answers = Vec::new();
    for (id, guid) in &adoption.guids {
        let made_for = identity.article_of(guid);
        let answer = guids.answer(id, guid, made_for.as_ref(), adoption.also_published);
        if answer == Adopted::Recorded {
            guids.adopted.insert(id, guid);
            guids.adopters.insert(guid, id);
        }
        answers.push(answer);
    }
    answers
}

/// Which article has which guid.
struct Guids<'a> {
    adopted: HashMap<&'a ArticleId, &'a str>,
    adopters: HashMap<&'a str, &'a ArticleId>,
    /// What was published, under the guid that readers know (`None`: under the id that Loa made).
    published: HashMap<&'a ArticleId, Option<&'a str>>,
    /// The other way round. Several, if the store gave them one guid.
    publishers: HashMap<&'a str, Vec<&'a ArticleId>>,
}

impl<'a> Guids<'a> {
    fn new(standing: &'a HashMap<ArticleId, String>, records: &'a [ArticleRecord]) -> Self {
        let adopted: HashMap<_, _> = standing.iter().map(|(id, guid)| (id, guid.as_str())).collect();
        let guid = |record: &'a ArticleRecord| record.guid.as_deref().map(str::trim).filter(|guid| !guid.is_empty());
        let published: HashMap<_, _> = records.iter().map(|record| (&record.id, guid(record))).collect();
        let mut publishers: HashMap<&str, Vec<&ArticleId>> = HashMap::new();
        for (id, guid) in published.iter().filter_map(|(id, guid)| Some((*id, (*guid)?))) {
            publishers.entry(guid).or_default().push(id);
        }
        Self { adopters: adopted.iter().map(|(id, guid)| (*guid, *id)).collect(), adopted, published, publishers }
    }

    /// What becomes of one wish for a guid, which may be the id that Loa makes for an article.
    fn answer(&self, id: &ArticleId, guid: &str, made_for: Option<&ArticleId>, also_published: bool) -> Adopted {
        let published = self.published.get(id).copied();
        match (self.adopted.get(id), self.adopters.get(guid)) {
            (Some(adopted), _) if *adopted == guid => return Adopted::Known,
            (Some(adopted), _) => return Adopted::OtherGuid((*adopted).to_owned()),
            (None, Some(owner)) => return Adopted::OtherArticle((*owner).clone()),
            (None, None) => {}
        }
        let is_own = made_for == Some(id) && published.flatten().is_none();
        if is_own || published.flatten() == Some(guid) {
            return Adopted::Known;
        }
        let publishers = self.publishers.get(guid).into_iter().flatten().copied();
        if let Some(owner) = made_for.into_iter().chain(publishers).filter(|owner| *owner != id).min() {
            return Adopted::OtherArticle(owner.clone());
        }
        match published {
            Some(published) if !also_published => Adopted::Published(published.map(str::to_owned)),
            _ => Adopted::Recorded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_comes_to_a_second_of_its_own() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let check = |old: &str, change: &str, filling: bool, expect: &str| {
            assert_eq!(changed_at(at(old), at(change), filling), at(expect), "{old}, then {change}");
        };
        let old = "2026-11-20T09:00:00.25Z";
        check(old, "2026-11-20T09:00:01Z", false, "2026-11-20T09:00:01Z");
        check(old, "2026-11-20T09:07:00.5Z", false, "2026-11-20T09:07:00.5Z");
        // In the same second, at the same instant, earlier: the state before may be on show from 09:00:01 on.
        check(old, "2026-11-20T09:00:00.75Z", false, "2026-11-20T09:00:01Z");
        check(old, old, false, "2026-11-20T09:00:01Z");
        check(old, "2026-11-20T08:59:00.25Z", false, "2026-11-20T09:00:01Z");
        check("2026-11-20T09:00:01Z", old, false, "2026-11-20T09:00:02Z");
        check("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z", false, "1970-01-01T00:00:00Z");
        // Further ahead than that it is not pushed.
        check(old, "2026-11-20T08:59:00.249999Z", false, old);
        // The articles' own instants, in any order.
        check(old, "2022-03-18T06:30:00Z", true, old);
        check(old, "2026-11-20T09:00:00.1Z", true, old);
        check(old, "2026-11-20T09:00:00.75Z", true, "2026-11-20T09:00:00.75Z");
    }

    #[test]
    fn a_mass_of_changes_in_one_instant_stays_near_it() {
        let first: Timestamp = "2026-11-20T09:00:00.5Z".parse().unwrap();
        let last = (0..5000).fold(first, |old, _| changed_at(old, first, false));
        assert_eq!(last, "2026-11-20T09:01:01Z".parse::<Timestamp>().unwrap());
    }
}
