//! Writes to the ledger, and follows what is written there, by whomever: this process, another replica, or this process
//! without hearing that it was. What readers see is only ever taken from there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::articles::Articles;
use super::names;
use super::view::{Names, View};
use crate::domain::address::AddressRecord;
use crate::domain::ledger::{ArticleWrite, Batch, Committed, Written};
use crate::domain::scope::Scope;
use crate::gazetteer::Gazetteer;
use crate::state::{Changes, State, StateError};

/// Articles written in one transaction: any change that a newsroom makes at once stays one step; only a new release, or
/// an import of an archive, is parted.
const COMMIT_AT_A_TIME: usize = 20_000;

/// Follows the ledger.
pub(super) struct Follower {
    pub(super) state: Arc<dyn State>,
    pub(super) view: Arc<View>,
    /// What was decided and written last is kept there for the documents that are made next.
    pub(super) articles: Arc<Articles>,
    /// How far the view has followed.
    cursor: u64,
    /// Was a mark written that the view has not taken over?
    marks_changed: bool,
    /// Did categories or their addresses, or what became of places, change, and with them documents that no sequence counts?
    renamed: bool,
    /// Feeds whose record has moved on.
    moved: BTreeSet<Scope>,
}

impl Follower {
    /// The view has taken over the ledger up to `cursor`.
    pub(super) fn new(state: Arc<dyn State>, view: Arc<View>, articles: Arc<Articles>, cursor: u64) -> Self {
        Self { state, view, articles, cursor, marks_changed: false, renamed: false, moved: BTreeSet::new() }
    }

    /// How far the view has followed the ledger.
    pub(super) const fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Writes a batch, and has the view take over what is written. Gives what has changed.
    pub(super) async fn commit(&mut self, batch: Batch) -> Result<Committed, StateError> {
        let mut rest = batch;
        let filling = rest.filling;
        let mut writes = std::mem::take(&mut rest.writes).into_iter().peekable();
        let mut written = Vec::new();
        while writes.peek().is_some() || rest != (Batch { filling, ..Batch::default() }) {
            let part: Vec<ArticleWrite> = writes.by_ref().take(COMMIT_AT_A_TIME).collect();
            // Everything but the articles goes with the first of them.
            let first = std::mem::replace(&mut rest, Batch { filling, ..Batch::default() });
            written.push(self.state.commit(&Batch { writes: part, ..first }).await?.written);
        }
        let changes = self.written(written).await?;
        // Categories are published already, and recorded once everything else is: until then the mark is an older one.
        self.marks_changed |= changes.marks_changed;
        let names = self.with_addresses(changes.addresses);
        self.moved.extend(changes.feeds.iter().map(|feed| feed.scope.clone()));
        self.articles.keep_records(&changes.articles);
        let committed = Committed { articles: changes.articles, feeds: changes.feeds, written: None };
        self.apply(names, &committed, changes.cursor);
        Ok(committed)
    }

    /// What has changed with these transactions of ours: they say it themselves if nobody else has written before them.
    async fn written(&self, written: Vec<Option<Written>>) -> Result<Changes, StateError> {
        match <[_; 1]>::try_from(written) {
            Ok([Some(Written { number, articles, feeds })]) if number == self.cursor + 1 => {
                Ok(Changes { cursor: number, articles, feeds, ..Changes::default() })
            }
            _ => self.state.since(self.cursor).await,
        }
    }

    fn apply(&mut self, names: Option<Names>, committed: &Committed, cursor: u64) {
        let file = self.articles.file();
        if let Some(file) = file {
            file.follow(cursor);
        }
        self.view.apply(names, committed);
        if let Some(file) = file {
            file.take_out(&committed.articles);
        }
        self.cursor = cursor;
    }

    /// The present names with addresses that somebody has claimed; `None` if there is none.
    fn with_addresses(&mut self, claimed: Vec<AddressRecord>) -> Option<Names> {
        if claimed.is_empty() {
            return None;
        }
        let old = self.view.names();
        let mut book = old.addresses.book().clone();
        book.add(claimed);
        let names = Names { categories: old.categories.clone(), addresses: old.addresses.with_book(book) };
        self.renamed |= renamed(&old, &names);
        Some(names)
    }

    /// Did categories or their addresses, or what became of places, change since the last call?
    pub(super) const fn take_renamed(&mut self) -> bool {
        std::mem::replace(&mut self.renamed, false)
    }

    /// Takes over what was written since, by whomever: by this process, by another replica, or by this process without
    /// hearing that it was.
    pub(super) async fn follow(&mut self) -> Result<(), StateError> {
        let changes = self.state.since(self.cursor).await?;
        let mut names = self.with_addresses(changes.addresses);
        if changes.marks_changed || self.marks_changed {
            let old = self.view.names();
            let addresses = names.map_or_else(|| old.addresses.clone(), |names| names.addresses);
            let recorded = names::recorded(&*self.state, addresses).await?;
            self.renamed |= renamed(&old, &recorded);
            names = Some(recorded);
        }
        self.moved.extend(changes.feeds.iter().map(|feed| feed.scope.clone()));
        let committed = Committed { articles: changes.articles, feeds: changes.feeds, written: None };
        self.apply(names, &committed, changes.cursor);
        self.marks_changed = false;
        Ok(())
    }

    /// The feeds whose record has moved on since the last call.
    pub(super) fn take_moved(&mut self) -> BTreeSet<Scope> {
        std::mem::take(&mut self.moved)
    }

    /// Publishes other tables of administrative units. Documents say what became of places, which no sequence counts.
    pub(super) fn publish_places(&mut self, gazetteer: &Arc<Gazetteer>) {
        let old = self.view.names();
        let addresses = old.addresses.with_gazetteer(Arc::clone(gazetteer));
        self.view.apply(Some(Names { categories: old.categories.clone(), addresses }), &Committed::default());
        self.renamed = true;
    }

    /// Publishes names that are not recorded yet.
    pub(super) fn publish(&mut self, names: &Names) {
        self.renamed |= renamed(&self.view.names(), names);
        self.view.apply(Some(names.clone()), &Committed::default());
    }
}

/// Are categories, or the addresses of categories, otherwise?
pub(super) fn renamed(old: &Names, new: &Names) -> bool {
    let moved = new.categories.all().iter().any(|category| {
        let scope = Scope::Category(category.id.clone());
        new.addresses.current(&scope) != old.addresses.current(&scope)
    });
    moved || new.categories != old.categories
}
