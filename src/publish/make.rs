//! Makes the documents of one feed: from the catalog's list over the store's articles to bytes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::document::Document;
use super::view::{Slice, View};
use crate::catalog::Entry;
use crate::domain::article::{Article, ArticleId};
use crate::domain::fault::Fault;
use crate::domain::format::Format;
use crate::domain::ledger::ArticleRecord;
use crate::domain::scope::Scope;
use crate::feed::{self, Content};
use crate::observe::metrics;
use crate::state::{State, StateError};
use crate::store::{ArticleStore, Loaded, StoreError};

/// What entries carry, by feed.
#[derive(Debug, Clone)]
pub struct ContentPolicy {
    /// Where nothing else is said.
    pub default: Content,
    /// By path below `/feeds/`, such as `category/xay-dung-dang`.
    pub by_path: HashMap<String, Content>,
}

/// Makes documents.
#[derive(Debug, Clone)]
pub struct Maker {
    /// Where the articles are.
    pub store: Arc<dyn ArticleStore>,
    /// Where their records are.
    pub state: Arc<dyn State>,
    /// What is published.
    pub view: Arc<View>,
    /// What all feeds have in common.
    pub options: Arc<feed::Options>,
    /// What entries carry.
    pub content: Arc<ContentPolicy>,
}

/// The documents of one feed.
#[derive(Debug)]
pub struct Made {
    /// In the order of the formats asked for.
    pub documents: Vec<Document>,
    /// Entries left out or mended on the way.
    pub faults: Vec<Fault>,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// State did not answer.
    #[error(transparent)]
    State(#[from] StateError),
    /// The store or the ledger has moved on since the catalog was made: reconcile, then try again.
    #[error("{} articles have changed since the catalog was made", .0.len())]
    Behind(Vec<ArticleId>),
    /// The document does not come out well-formed, whatever is left out.
    #[error("{0}")]
    Unrenderable(Fault),
    /// Rendering broke off.
    #[error("rendering broke off: {0}")]
    Broke(#[from] tokio::task::JoinError),
}

impl Maker {
    /// Makes the documents of one feed, of one moment, in these formats.
    ///
    /// # Errors
    /// [`MakeError`]; nothing half made is ever returned.
    pub async fn make(&self, scope: &Scope, formats: &[Format]) -> Result<Made, MakeError> {
        let days = self.options.tombstone_days.max(self.options.stub_days);
        let mut slice = self.view.slice(scope, self.options.window.entries_max, days);
        let held = feed::window_len(slice.newest.iter().map(|entry| entry.published), &self.options.window);
        slice.newest.truncate(held);
        let material = self.material(slice).await?;
        let (options, scope, formats) = (Arc::clone(&self.options), scope.clone(), formats.to_vec());
        let content = self.content_of(&scope);
        let began = Instant::now();
        let work = move || material.render(&options, &scope, content, &formats);
        let made = tokio::task::spawn_blocking(work).await?;
        metrics::document_render(made.is_ok(), began.elapsed());
        made
    }

    fn content_of(&self, scope: &Scope) -> Content {
        let names = self.view.names();
        let path = names.addresses.current(scope);
        path.and_then(|path| self.content.by_path.get(&path)).copied().unwrap_or(self.content.default)
    }

    async fn material(&self, slice: Slice) -> Result<Material, MakeError> {
        let ids: Vec<ArticleId> = slice.newest.iter().map(|entry| entry.id.clone()).collect();
        let gone_ids = slice.departed.iter().map(|gone| gone.id.clone());
        let all: Vec<ArticleId> = ids.iter().cloned().chain(gone_ids).collect();
        let records = if all.is_empty() { Vec::new() } else { self.state.records(&all).await? };
        let loaded = if ids.is_empty() { Vec::new() } else { self.store.load(&ids).await? };

        let mut records: HashMap<ArticleId, ArticleRecord> = records.into_iter().map(|r| (r.id.clone(), r)).collect();
        let mut rows: HashMap<ArticleId, Loaded> = loaded.into_iter().map(|row| (row.id.clone(), row)).collect();
        let (mut pairs, mut faults, mut behind) = (Vec::new(), Vec::new(), Vec::new());
        for Entry { id, digest, .. } in &slice.newest {
            let record = records.remove(id).filter(|record| record.is_public() && record.digest == *digest);
            let row = rows.remove(id).filter(|row| row.digest == *digest);
            match (record, row.map(|row| row.article)) {
                (Some(record), Some(Ok(article))) => pairs.push((*article, record)),
                // The row is as it was when it was published, but this program, or its configuration, reads it otherwise.
                (Some(_), Some(Err(fault))) => faults.push(fault),
                _ => behind.push(id.clone()),
            }
        }
        if !behind.is_empty() {
            return Err(MakeError::Behind(behind));
        }
        let present: HashSet<&ArticleId> = ids.iter().collect();
        let gone = slice.departed.iter().filter(|gone| !present.contains(&gone.id));
        let gone = gone.filter_map(|gone| records.remove(&gone.id)).collect();
        Ok(Material { slice, pairs, gone, faults })
    }
}

/// Everything that the pure part needs.
struct Material {
    slice: Slice,
    pairs: Vec<(Article, ArticleRecord)>,
    gone: Vec<ArticleRecord>,
    faults: Vec<Fault>,
}

impl Material {
    fn render(
        self,
        options: &feed::Options,
        scope: &Scope,
        content: Content,
        formats: &[Format],
    ) -> Result<Made, MakeError> {
        let input = feed::Input {
            scope,
            addresses: &self.slice.names.addresses,
            categories: &self.slice.names.categories,
            content,
            record: self.slice.record.as_ref(),
            articles: self.pairs.iter().map(|(article, record)| (article, record)).collect(),
            gone: self.gone.iter().collect(),
        };
        let built = feed::build(options, &input);
        let mut made = Made { documents: Vec::new(), faults: built.faults };
        made.faults.extend(self.faults.iter().cloned());
        let sequence = self.slice.record.as_ref().map_or(0, |record| record.sequence);
        let changed_at = self.slice.record.as_ref().map(|record| record.changed_at);
        for format in formats {
            let rendered = feed::render(&built.feed, *format).map_err(MakeError::Unrenderable)?;
            made.faults.extend(rendered.faults);
            made.documents.push(Document::new(*format, sequence, changed_at, rendered.body));
        }
        Ok(made)
    }
}
