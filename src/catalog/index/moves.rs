//! How rows come into lists and leave them: of many at once each list is written once.

use std::cmp::Ordering;

use super::{Index, RowNumber, ScopeNumber, widen};

/// A row that enters or leaves a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) scope: ScopeNumber,
    pub(super) enters: bool,
    pub(super) row: RowNumber,
}

impl Index {
    /// Moves rows into and out of lists. True: a list got its first row, or lost its last one.
    pub(super) fn rearrange(&mut self, mut moves: Vec<Move>) -> bool {
        moves.sort_unstable_by(|a, b| {
            (a.scope, a.enters).cmp(&(b.scope, b.enters)).then_with(|| self.order(a.row, b.row))
        });
        let mut changed = false;
        for of_list in moves.chunk_by(|a, b| a.scope == b.scope) {
            let Some(scope) = of_list.first().map(|first| widen(first.scope)) else { continue };
            let Some(mut list) = self.lists.get_mut(scope).map(std::mem::take) else { continue };
            let was_empty = list.is_empty();
            let (leave, enter) = of_list.split_at(of_list.partition_point(|one| !one.enters));
            let of = |one: &Move| (self.place(&list, one.row), one.row);
            let mut leave: Vec<_> = leave.iter().map(of).filter(|(at, row)| list.get(*at) == Some(row)).collect();
            // They ascend already, unless the list is of a damaged file.
            leave.sort_unstable();
            leave.dedup();
            cut(&mut list, &leave);
            let mut enter: Vec<_> = enter.iter().map(|one| (self.place(&list, one.row), one.row)).collect();
            enter.sort_by_key(|(at, _)| *at);
            insert(&mut list, &enter);
            changed |= list.is_empty() != was_empty;
            if let Some(slot) = self.lists.get_mut(scope) {
                *slot = list;
            }
        }
        changed
    }

    /// Where a row belongs in a list, or stands in it.
    fn place(&self, list: &[RowNumber], number: RowNumber) -> usize {
        list.partition_point(|other| self.order(*other, number) == Ordering::Less)
    }
}

/// Takes the elements at these ascending places out of a list.
fn cut(list: &mut Vec<RowNumber>, old: &[(usize, RowNumber)]) {
    let Some((mut end, _)) = old.first().copied() else { return };
    let nexts = old.iter().skip(1).map(|(place, _)| *place).chain([list.len()]);
    for ((place, _), next) in old.iter().zip(nexts) {
        list.copy_within(place + 1..next, end);
        end += next - place - 1;
    }
    list.truncate(end);
}

/// Inserts elements before what stands at these ascending places of a list.
fn insert(list: &mut Vec<RowNumber>, new: &[(usize, RowNumber)]) {
    let mut end = list.len();
    list.resize(end + new.len(), 0);
    for (before, (place, number)) in new.iter().enumerate().rev() {
        list.copy_within(*place..end, place + before + 1);
        list.get_mut(place + before).into_iter().for_each(|slot| *slot = *number);
        end = *place;
    }
}
