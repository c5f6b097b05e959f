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

mod flat;
mod moves;
mod refs;

use moves::Move;

/// Arenas are rewritten when this part of them, one in so many, is still in use.
const GARBAGE_RATIO: usize = 2;
/// Below this, garbage is not worth a rewrite. Rows.
const GARBAGE_ROWS_MIN: usize = 512;
/// The same, in bytes of scope references.
const GARBAGE_REFS_MIN: usize = 16 * GARBAGE_ROWS_MIN;

type RowNumber = u32;
type ScopeNumber = u32;

#[derive(Debug, Clone, Copy)]
struct Row {
    id_at: u32,
    scopes_at: u32,
    id_bytes: u16,
    scopes_bytes: u16,
    /// Of the ledger's record.
    version: u32,
    published_us: i64,
    digest: u64,
}

/// The index. Row numbers stay valid until [`Index::arrange`].
#[derive(Debug, Default)]
pub(super) struct Index {
    by_id: HashTable<RowNumber>,
    hasher: DefaultHashBuilder,
    rows: Vec<Row>,
    ids: String,
    /// See [`refs`].
    scope_refs: Vec<u8>,
    /// Bytes of scope references that no row points to any more.
    dead_refs: usize,
    scopes: Vec<Scope>,
    scope_numbers: HashMap<Scope, ScopeNumber, DefaultHashBuilder>,
    /// Per scope, oldest first: what is new goes to the end.
    lists: Vec<Vec<RowNumber>>,
}

/// What records that were taken over have changed.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The scopes that these articles were in, or are in.
    pub(super) affected: BTreeSet<Scope>,
    /// Did a list get its first row, or lose its last one?
    pub(super) lists_changed: bool,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn digest(&self, id: &str) -> Option<u64> {
        self.find(id).and_then(|number| self.row(number)).map(|row| row.digest)
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

    pub(super) fn published(&self, scope: &Scope) -> impl Iterator<Item = Timestamp> + '_ {
        self.rows_of(scope).filter_map(|row| Timestamp::from_timestamp_micros(row.published_us))
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

    /// Takes over records, each article once; what is not public leaves.
    pub(super) fn apply(&mut self, records: &[ArticleRecord]) -> Applied {
        let (mut affected, mut moves) = (Vec::new(), Vec::new());
        for record in records {
            self.take_over(record, &mut affected, &mut moves);
        }
        affected.sort_unstable();
        affected.dedup();
        let lists_changed = self.rearrange(moves);
        let affected = affected.into_iter().filter_map(|number| self.scope(number)).cloned().collect();
        let dead = self.rows.len() - self.by_id.len();
        if (dead > GARBAGE_ROWS_MIN && dead * GARBAGE_RATIO > self.rows.len())
            || (self.dead_refs > GARBAGE_REFS_MIN && self.dead_refs * GARBAGE_RATIO > self.scope_refs.len())
        {
            self.arrange();
        }
        Applied { affected, lists_changed }
    }

    /// Takes over a record of an article that is not here yet, and leaves the lists to [`Index::arrange`].
    pub(super) fn gather(&mut self, record: &ArticleRecord) {
        let scopes: Vec<ScopeNumber> = record.scopes.iter().map(|scope| self.number_of(scope)).collect();
        self.enter(record, &scopes);
    }

    fn take_over(&mut self, record: &ArticleRecord, affected: &mut Vec<ScopeNumber>, moves: &mut Vec<Move>) {
        let scopes: Vec<ScopeNumber> = record.scopes.iter().map(|scope| self.number_of(scope)).collect();
        affected.extend(&scopes);
        let known = self.find(record.id.as_str()).and_then(|number| Some((number, *self.row(number)?)));
        let before: Vec<ScopeNumber> = known.iter().flat_map(|(_, row)| self.scopes_of_row(row)).collect();
        affected.extend(&before);
        let mut carry = |scopes: &[ScopeNumber], others: &[ScopeNumber], enters, row| {
            let scopes = scopes.iter().filter(|scope| !others.contains(scope));
            moves.extend(scopes.map(|scope| Move { scope: *scope, enters, row }));
        };
        match known {
            // The instant of publication is frozen, so that it keeps its place in the lists that it stays in.
            Some((number, row)) if record.is_public() && row.published_us == record.published.timestamp_micros() => {
                carry(&before, &scopes, false, number);
                carry(&scopes, &before, true, number);
                self.update(number, record, &scopes);
            }
            known => {
                if let Some((number, _)) = known {
                    carry(&before, &[], false, number);
                    self.unlink(number);
                }
                if record.is_public() {
                    let number = self.enter(record, &scopes);
                    carry(&scopes, &[], true, number);
                }
            }
        }
    }

    /// A row for an article that has none.
    fn enter(&mut self, record: &ArticleRecord, scopes: &[ScopeNumber]) -> RowNumber {
        let row = Row {
            id_at: narrow(self.ids.len()),
            scopes_at: narrow(self.scope_refs.len()),
            id_bytes: u16::try_from(record.id.as_str().len()).unwrap_or(u16::MAX),
            scopes_bytes: refs::append(&mut self.scope_refs, scopes),
            version: version_of(record),
            published_us: record.published.timestamp_micros(),
            digest: record.digest,
        };
        self.ids.push_str(record.id.as_str());
        let number = narrow(self.rows.len());
        self.rows.push(row);
        self.link(number);
        number
    }

    /// Takes a record over into its row: its scopes, too.
    fn update(&mut self, number: RowNumber, record: &ArticleRecord, scopes: &[ScopeNumber]) {
        let at = narrow(self.scope_refs.len());
        let Some(row) = self.rows.get_mut(widen(number)) else { return };
        (row.version, row.digest) = (version_of(record), record.digest);
        let range = refs_of(row);
        let mut refs = Vec::new();
        let bytes = refs::append(&mut refs, scopes);
        if self.scope_refs.get(range.clone()) == Some(&refs) {
            return;
        }
        row.scopes_bytes = bytes;
        self.dead_refs += range.len();
        match self.scope_refs.get_mut(range.start..range.start + refs.len()) {
            Some(slots) if refs.len() <= range.len() => {
                slots.copy_from_slice(&refs);
                self.dead_refs -= refs.len();
            }
            _ => {
                row.scopes_at = at;
                self.scope_refs.extend(refs);
            }
        }
    }

    fn link(&mut self, number: RowNumber) {
        let (rows, ids, hasher) = (&self.rows, &self.ids, &self.hasher);
        let hash_of = |at: &RowNumber| hasher.hash_one(rows.get(widen(*at)).map(|row| slice(ids, row)));
        self.by_id.insert_unique(hash_of(&number), number, hash_of);
    }

    fn unlink(&mut self, number: RowNumber) {
        let Some(row) = self.row(number) else { return };
        let (hash, refs) = (self.hasher.hash_one(Some(slice(&self.ids, row))), usize::from(row.scopes_bytes));
        if let Ok(entry) = self.by_id.find_entry(hash, |at| *at == number) {
            entry.remove();
            self.dead_refs += refs;
        }
    }

    /// Writes everything anew in the order of publication: without what has left, each list at its length. One arena after
    /// the other, so that none but the largest is there twice.
    pub(super) fn arrange(&mut self) {
        let mut live: Vec<RowNumber> = self.by_id.iter().copied().collect();
        live.sort_unstable_by(|a, b| self.order(*a, *b));
        let live_rows = || live.iter().filter_map(|number| self.row(*number));
        let mut ids = String::with_capacity(live_rows().map(|row| usize::from(row.id_bytes)).sum());
        let mut refs = Vec::with_capacity(live_rows().map(|row| usize::from(row.scopes_bytes)).sum());
        for number in &live {
            let Some(row) = self.rows.get_mut(widen(*number)) else { continue };
            let at = narrow(ids.len());
            ids.push_str(slice(&self.ids, row));
            row.id_at = at;
        }
        self.ids = ids;
        for number in &live {
            let Some(row) = self.rows.get_mut(widen(*number)) else { continue };
            let at = narrow(refs.len());
            refs.extend(self.scope_refs.get(refs_of(row)).unwrap_or_default());
            row.scopes_at = at;
        }
        self.scope_refs = refs;
        self.dead_refs = 0;
        self.rows = live.iter().filter_map(|number| self.row(*number).copied()).collect();
        self.fill_lists();
        self.link_all(&[]);
    }

    /// Makes the lists of rows that stand in the order of publication.
    fn fill_lists(&mut self) {
        let mut lengths = vec![0; self.scopes.len()];
        for scope in refs::read(&self.scope_refs) {
            lengths.get_mut(widen(scope)).into_iter().for_each(|length| *length += 1);
        }
        self.lists = Vec::new();
        self.lists = lengths.into_iter().map(Vec::with_capacity).collect();
        for (number, row) in self.rows.iter().enumerate() {
            for scope in refs::read(self.scope_refs.get(refs_of(row)).unwrap_or_default()) {
                self.lists.get_mut(widen(scope)).into_iter().for_each(|list| list.push(narrow(number)));
            }
        }
    }

    /// Finds all rows by their ids, but for some, in ascending order.
    fn link_all(&mut self, but: &[RowNumber]) {
        self.by_id = HashTable::with_capacity(self.rows.len() - but.len().min(self.rows.len()));
        for number in (0..self.rows.len()).map(narrow).filter(|number| but.binary_search(number).is_err()) {
            self.link(number);
        }
    }

    /// Oldest first; of one instant the greater id first, so that the reverse reads "newest first, then by id".
    fn order(&self, a: RowNumber, b: RowNumber) -> Ordering {
        let key = |number| self.row(number).map(|row| (row.published_us, std::cmp::Reverse(self.id_of(row))));
        key(a).cmp(&key(b))
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
        refs::read(self.scope_refs.get(refs_of(row)).unwrap_or_default())
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

fn refs_of(row: &Row) -> Range<usize> {
    widen(row.scopes_at)..widen(row.scopes_at) + usize::from(row.scopes_bytes)
}

/// Nobody writes a record four billion times.
fn version_of(record: &ArticleRecord) -> u32 {
    u32::try_from(record.version).unwrap_or(u32::MAX)
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
    use crate::catalog::flat::{Sink, Source};
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

    /// A generator that is the same in every run.
    fn random() -> impl FnMut(u64) -> usize {
        let mut random = 1_u64;
        move |below| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((random >> 33) % below).unwrap()
        }
    }

    /// Records of some of 700 articles, which are in one of ten categories, or set aside, and keep their instant mostly.
    fn batch(next: &mut impl FnMut(u64) -> usize, size: usize) -> Vec<ArticleRecord> {
        let mut one = || {
            let id = next(700);
            let second = if next(20) == 0 { next(90) } else { id % 90 };
            record(id, i64::try_from(second).unwrap(), next(10))
        };
        let mut batch: Vec<_> = (0..size).map(|_| one()).collect();
        batch.sort_by(|a, b| a.id.cmp(&b.id));
        batch.dedup_by(|a, b| a.id == b.id);
        batch
    }

    fn lists(index: &Index) -> Vec<Vec<Entry>> {
        let scopes = (0..10).map(|n| format!("category:{n}").parse().unwrap()).chain([Scope::All]);
        scopes.map(|scope| index.newest(&scope).collect()).collect()
    }

    fn written(index: &Index) -> Index {
        let mut bytes = Vec::new();
        index.write(&mut Sink(&mut bytes)).unwrap();
        let length = u64::try_from(bytes.len()).unwrap();
        Index::read(&mut Source::new(bytes.as_slice(), length)).unwrap()
    }

    /// The lists after many changes, one by one, in bulk, with arenas rewritten and after restarts, equal those of a simple
    /// model.
    #[test]
    fn it_equals_a_sorted_map() {
        let mut index = Index::default();
        let mut model = std::collections::BTreeMap::new();
        let mut next = random();
        for round in 0..400 {
            let size = if round % 10 == 0 { 200 } else { 1 + next(5) };
            let batch = batch(&mut next, size);
            index.apply(&batch);
            for record in batch {
                model.insert(record.id.clone(), record);
            }
            if round % 50 == 49 {
                index = written(&index);
            }
        }
        let expected = |scope: &Scope| {
            let inside = model.values().filter(|r| r.is_public() && r.scopes.contains(scope));
            let mut expected: Vec<_> = inside.map(|r| (std::cmp::Reverse(r.published), r.id.clone())).collect();
            expected.sort();
            expected.into_iter().map(|(at, id)| (id, at.0)).collect::<Vec<_>>()
        };
        for scope in (0..10).map(|n| format!("category:{n}").parse().unwrap()).chain([Scope::All]) {
            let newest = index.newest(&scope).map(|entry| (entry.id, entry.published));
            assert_eq!(newest.collect::<Vec<_>>(), expected(&scope), "{scope}");
        }
        assert!(index.rows.len() < 3 * 700, "the arenas are rewritten: {} rows", index.rows.len());
        assert!(index.scope_refs.len() < 6 * 700, "and the scopes: {}", index.scope_refs.len());
        let mut gathered = Index::default();
        model.values().filter(|record| record.is_public()).for_each(|record| gathered.gather(record));
        gathered.arrange();
        assert_eq!(lists(&gathered), lists(&index), "all at once");
    }

    /// What was written and read back goes on as what was not.
    #[test]
    fn a_restart_changes_nothing_that_comes_after_it() {
        let (mut next, mut other) = (random(), random());
        let (mut one, mut restarted) = (Index::default(), Index::default());
        for round in 0..200 {
            let size = 1 + round % 40;
            let (a, b) = (one.apply(&batch(&mut next, size)), restarted.apply(&batch(&mut other, size)));
            assert_eq!((a.affected, a.lists_changed), (b.affected, b.lists_changed), "{round}");
            restarted = written(&restarted);
            assert_eq!(lists(&one), lists(&restarted), "{round}");
            assert_eq!(one.len(), restarted.len());
        }
    }

    /// An edit, or a move to another category, leaves the lists alone that it has nothing to do with, and no garbage behind.
    #[test]
    fn a_row_stays_where_it_is() {
        let mut index = Index::default();
        index.apply(&(0..100).map(|id| record(id, 5, 1)).collect::<Vec<_>>());
        for round in 0..10_000 {
            index.apply(&[record(7, 5, 1 + round % 2)]);
        }
        assert_eq!((index.rows.len(), index.scope_refs.len()), (100, 200));
    }
}
