//! Which article is in which scope, in what order, in few bytes: ids and scope references lie in two arenas, lists hold
//! row numbers. The budget (160 bytes an article with five scopes, three tags and a 16-byte id) is measured by
//! `benches/catalog.rs`.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Entry;
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::ledger::ArticleRecord;
use crate::domain::scope::Scope;

/// From this many records on, lists are sorted once instead of being searched for each.
const SORT_FROM_RECORDS: usize = 64;
/// Arenas are rewritten when this part of them, one in so many, is still in use.
const GARBAGE_RATIO: usize = 2;
/// Below this, garbage is not worth a rewrite. Rows.
const GARBAGE_ROWS_MIN: usize = 512;

type RowNumber = u32;
type ScopeNumber = u32;

#[derive(Debug, Clone, Copy)]
struct Row {
    id_at: u32,
    scopes_at: u32,
    id_bytes: u16,
    scopes: u16,
    /// Of the ledger's record.
    version: u32,
    published_us: i64,
    digest: u64,
}

/// The index. Row numbers stay valid until [`Index::compact`].
#[derive(Debug, Default)]
pub(super) struct Index {
    by_id: HashTable<RowNumber>,
    hasher: DefaultHashBuilder,
    rows: Vec<Row>,
    dead: usize,
    ids: String,
    scope_refs: Vec<ScopeNumber>,
    scopes: Vec<Scope>,
    scope_numbers: HashMap<Scope, ScopeNumber>,
    /// Per scope, oldest first: what is new goes to the end.
    lists: Vec<Vec<RowNumber>>,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn digest(&self, id: &str) -> Option<u64> {
        self.find(id).and_then(|number| self.row(number)).map(|row| row.digest)
    }

    pub(super) fn scopes_of(&self, id: &ArticleId) -> Vec<Scope> {
        let row = self.find(id.as_str()).and_then(|number| self.row(number));
        row.map(|row| self.scopes_of_row(row).filter_map(|at| self.scope(at)).cloned().collect()).unwrap_or_default()
    }

    /// Articles listed under a scope; of a combination those that are listed under both parts.
    pub(super) fn count(&self, scope: &Scope) -> usize {
        if scope.parts().is_some() { self.rows_of(scope).count() } else { self.list(scope).len() }
    }

    pub(super) fn has_any(&self, scope: &Scope) -> bool {
        self.rows_of(scope).next().is_some()
    }

    pub(super) fn scopes_with_rows(&self) -> impl Iterator<Item = &Scope> {
        self.scopes.iter().zip(&self.lists).filter(|(_, list)| !list.is_empty()).map(|(scope, _)| scope)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ArticleId> + '_ {
        self.by_id.iter().filter_map(|number| self.row(*number)).map(|row| ArticleId::new(self.id_of(row)))
    }

    pub(super) fn digests(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_id.iter().filter_map(|number| self.row(*number)).map(|row| (self.id_of(row), row.digest))
    }

    pub(super) fn newest(&self, scope: &Scope) -> impl Iterator<Item = Entry> + '_ {
        self.rows_of(scope).filter_map(|row| {
            let published = Timestamp::from_timestamp_micros(row.published_us)?;
            Some(Entry { id: ArticleId::new(self.id_of(row)), published, digest: row.digest, version: row.version })
        })
    }

    /// The rows of a scope, newest first. A combination is the shorter list of its parts without what is not in the other.
    fn rows_of(&self, scope: &Scope) -> impl Iterator<Item = &Row> + '_ {
        let (list, other) = match scope.parts() {
            None => (self.list(scope), None),
            Some((a, b)) => {
                let (shorter, longer) = if self.list(&a).len() <= self.list(&b).len() { (a, b) } else { (b, a) };
                let other = self.scope_numbers.get(&longer).copied();
                (if other.is_some() { self.list(&shorter) } else { &[] }, other)
            }
        };
        let rows = list.iter().rev().filter_map(|number| self.row(*number));
        rows.filter(move |row| other.is_none_or(|other| self.scopes_of_row(row).any(|number| number == other)))
    }

    /// Takes over records; what is not public leaves.
    pub(super) fn apply(&mut self, records: &[ArticleRecord]) {
        let mut touched = BTreeSet::new();
        let in_bulk = records.len() >= SORT_FROM_RECORDS;
        if in_bulk {
            self.leave_in_bulk(records);
        }
        for record in records {
            if !in_bulk {
                self.leave(&record.id);
            }
            if record.is_public() {
                touched.extend(self.enter(record, in_bulk));
            }
        }
        if in_bulk {
            for number in touched {
                self.sort(number);
            }
        }
        if self.dead > GARBAGE_ROWS_MIN && self.dead * GARBAGE_RATIO > self.rows.len() {
            self.compact();
        }
    }

    fn enter(&mut self, record: &ArticleRecord, in_bulk: bool) -> Vec<ScopeNumber> {
        let scopes: Vec<ScopeNumber> = record.scopes.iter().map(|scope| self.number_of(scope)).collect();
        let row = Row {
            id_at: narrow(self.ids.len()),
            scopes_at: narrow(self.scope_refs.len()),
            id_bytes: u16::try_from(record.id.as_str().len()).unwrap_or(u16::MAX),
            scopes: u16::try_from(scopes.len()).unwrap_or(u16::MAX),
            version: u32::try_from(record.version).unwrap_or(u32::MAX),
            published_us: record.published.timestamp_micros(),
            digest: record.digest,
        };
        self.ids.push_str(record.id.as_str());
        self.scope_refs.extend(&scopes);
        let number = narrow(self.rows.len());
        self.rows.push(row);
        let (rows, ids, hasher) = (&self.rows, &self.ids, &self.hasher);
        let hash_of = |at: &RowNumber| hasher.hash_one(rows.get(widen(*at)).map(|row| slice(ids, row)));
        self.by_id.insert_unique(hash_of(&number), number, hash_of);
        for scope in &scopes {
            let at = if in_bulk { None } else { Some(self.place(*scope, number)) };
            if let Some(list) = self.lists.get_mut(widen(*scope)) {
                list.insert(at.unwrap_or(list.len()), number);
            }
        }
        scopes
    }

    /// Where a row belongs in a list, or stands in it.
    fn place(&self, scope: ScopeNumber, number: RowNumber) -> usize {
        let list = self.lists.get(widen(scope)).map_or(&[][..], Vec::as_slice);
        list.partition_point(|other| self.order(*other, number) == Ordering::Less)
    }

    fn leave(&mut self, id: &ArticleId) {
        let Some(number) = self.find(id.as_str()) else { return };
        let Some(row) = self.row(number).copied() else { return };
        for scope in self.scopes_of_row(&row).collect::<Vec<_>>() {
            let at = self.place(scope, number);
            if let Some(list) = self.lists.get_mut(widen(scope))
                && list.get(at) == Some(&number)
            {
                list.remove(at);
            }
        }
        self.unlink(number);
    }

    fn leave_in_bulk(&mut self, records: &[ArticleRecord]) {
        let leaving: BTreeSet<RowNumber> = records.iter().filter_map(|record| self.find(record.id.as_str())).collect();
        if leaving.is_empty() {
            return;
        }
        for list in &mut self.lists {
            list.retain(|number| !leaving.contains(number));
        }
        for number in leaving {
            self.unlink(number);
        }
    }

    fn unlink(&mut self, number: RowNumber) {
        let Some(hash) = self.row(number).map(|row| self.hasher.hash_one(Some(slice(&self.ids, row)))) else { return };
        if let Ok(entry) = self.by_id.find_entry(hash, |at| *at == number) {
            entry.remove();
            self.dead += 1;
        }
    }

    fn sort(&mut self, scope: ScopeNumber) {
        let Some(slot) = self.lists.get_mut(widen(scope)) else { return };
        let mut list = std::mem::take(slot);
        list.sort_by(|a, b| self.order(*a, *b));
        if let Some(slot) = self.lists.get_mut(widen(scope)) {
            *slot = list;
        }
    }

    /// Oldest first; of one instant the greater id first, so that the reverse reads "newest first, then by id".
    fn order(&self, a: RowNumber, b: RowNumber) -> Ordering {
        let key = |number| self.row(number).map(|row| (row.published_us, std::cmp::Reverse(self.id_of(row))));
        key(a).cmp(&key(b))
    }

    /// Writes the arenas anew without what has left.
    fn compact(&mut self) {
        let mut fresh = Self { scopes: std::mem::take(&mut self.scopes), ..Self::default() };
        fresh.scope_numbers = std::mem::take(&mut self.scope_numbers);
        fresh.lists = vec![Vec::new(); fresh.scopes.len()];
        let mut moved: HashMap<RowNumber, RowNumber> = HashMap::with_capacity(self.by_id.len());
        let mut live: Vec<RowNumber> = self.by_id.iter().copied().collect();
        live.sort_unstable();
        for number in live {
            let Some(row) = self.row(number).copied() else { continue };
            let copy = Row { id_at: narrow(fresh.ids.len()), scopes_at: narrow(fresh.scope_refs.len()), ..row };
            fresh.ids.push_str(self.id_of(&row));
            fresh.scope_refs.extend(self.scopes_of_row(&row));
            moved.insert(number, narrow(fresh.rows.len()));
            fresh.rows.push(copy);
        }
        for (list, old) in fresh.lists.iter_mut().zip(&self.lists) {
            list.extend(old.iter().filter_map(|number| moved.get(number)));
        }
        let (rows, ids, hasher) = (&fresh.rows, &fresh.ids, &fresh.hasher);
        let hash_of = |at: &RowNumber| hasher.hash_one(rows.get(widen(*at)).map(|row| slice(ids, row)));
        for number in moved.into_values() {
            fresh.by_id.insert_unique(hash_of(&number), number, hash_of);
        }
        *self = fresh;
    }

    fn find(&self, id: &str) -> Option<RowNumber> {
        let same = |number: &RowNumber| self.row(*number).is_some_and(|row| self.id_of(row) == id);
        self.by_id.find(self.hasher.hash_one(Some(id)), same).copied()
    }

    fn row(&self, number: RowNumber) -> Option<&Row> {
        self.rows.get(widen(number))
    }

    fn id_of(&self, row: &Row) -> &str {
        slice(&self.ids, row)
    }

    fn scopes_of_row(&self, row: &Row) -> impl Iterator<Item = ScopeNumber> + '_ {
        let range: Range<usize> = widen(row.scopes_at)..widen(row.scopes_at) + usize::from(row.scopes);
        self.scope_refs.get(range).unwrap_or_default().iter().copied()
    }

    fn scope(&self, number: ScopeNumber) -> Option<&Scope> {
        self.scopes.get(widen(number))
    }

    fn list(&self, scope: &Scope) -> &[RowNumber] {
        let list = self.scope_numbers.get(scope).and_then(|number| self.lists.get(widen(*number)));
        list.map_or(&[], Vec::as_slice)
    }

    fn number_of(&mut self, scope: &Scope) -> ScopeNumber {
        if let Some(number) = self.scope_numbers.get(scope) {
            return *number;
        }
        let number = narrow(self.scopes.len());
        self.scopes.push(scope.clone());
        self.lists.push(Vec::new());
        self.scope_numbers.insert(scope.clone(), number);
        number
    }
}

fn slice<'a>(ids: &'a str, row: &Row) -> &'a str {
    let start = widen(row.id_at);
    ids.get(start..start + usize::from(row.id_bytes)).unwrap_or_default()
}

/// Arena offsets are 32 bits wide: four billion articles, or 4 GiB of ids, are past every newsroom.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn widen(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::Standing;

    fn record(id: usize, second: i64, category: usize) -> ArticleRecord {
        ArticleRecord {
            id: ArticleId::new(format!("bai-{id}")),
            guid: None,
            published: Timestamp::from_timestamp(second, 0).unwrap(),
            updated: Timestamp::from_timestamp(second, 0).unwrap(),
            fingerprint: [0; 16],
            digest: 0,
            store_updated: None,
            categories: Vec::new(),
            scopes: vec![Scope::All, format!("category:{category}").parse().unwrap()],
            found: Vec::new(),
            standing: if category == 9 { Standing::SetAside } else { Standing::Public },
            version: 1,
        }
    }

    /// The lists after many changes, one by one, in bulk, and with compaction, equal those of a simple model.
    #[test]
    fn it_equals_a_sorted_map() {
        let mut index = Index::default();
        let mut model = std::collections::BTreeMap::new();
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((random >> 33) % below).unwrap()
        };
        for round in 0..400 {
            let size = if round % 10 == 0 { 200 } else { 1 + next(5) };
            let mut batch: Vec<ArticleRecord> =
                (0..size).map(|_| record(next(700), i64::try_from(next(90)).unwrap(), next(10))).collect();
            batch.sort_by(|a, b| a.id.cmp(&b.id));
            batch.dedup_by(|a, b| a.id == b.id);
            index.apply(&batch);
            for record in batch {
                model.insert(record.id.clone(), record);
            }
        }
        for scope in (0..10).map(|n| format!("category:{n}").parse().unwrap()).chain([Scope::All]) {
            let inside = model.values().filter(|r| r.is_public() && r.scopes.contains(&scope));
            let mut expected: Vec<_> = inside.map(|r| (std::cmp::Reverse(r.published), r.id.clone())).collect();
            expected.sort();
            let expected: Vec<_> = expected.into_iter().map(|(at, id)| (id, at.0)).collect();
            let newest = index.newest(&scope).map(|entry| (entry.id, entry.published));
            assert_eq!(newest.collect::<Vec<_>>(), expected, "{scope}");
        }
        assert!(index.rows.len() < 3 * 700, "the arenas are rewritten: {} rows", index.rows.len());
    }
}
