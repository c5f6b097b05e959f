//! Makes the documents of one feed: from the catalog's list over the store's articles to bytes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join;

use super::articles::{Articles, Kept};
use super::document::{Document, Encoding};
use super::summaries::{Summaries, SummariesOptions};
use super::view::{Slice, View};
use crate::catalog::{Departed, Entry};
use crate::domain::article::ArticleId;
use crate::domain::fault::Fault;
use crate::domain::format::Format;
use crate::domain::ledger::{ArticleRecord, Standing};
use crate::domain::scope::Scope;
use crate::feed::{self, Content, Prepared};
use crate::observe::metrics;
use crate::parallel;
use crate::state::{INSTANCE_MARK, State, StateError};
use crate::store::{ArticleStore, Loaded, StoreError};

/// What entries carry, by feed.
#[derive(Debug, Clone)]
pub struct ContentPolicy {
    /// Where nothing else is said.
    pub default: Content,
    /// By path below `/feeds/`, such as `category/xay-dung-dang`.
    pub by_path: HashMap<String, Content>,
}

impl ContentPolicy {
    /// Is there a feed whose entries carry that?
    #[must_use]
    pub fn shows(&self, content: Content) -> bool {
        self.default == content || self.by_path.values().any(|its| *its == content)
    }
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
    /// Articles that are ready.
    pub articles: Arc<Articles>,
}

/// A document to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// How it is written.
    pub format: Format,
    /// What it is compressed to at once, so that nobody who asks waits for that.
    pub codings: Vec<Encoding>,
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
        let wanted = formats.iter().map(|format| Wanted { format: *format, codings: Vec::new() });
        self.make_wanted(scope, wanted.collect()).await
    }

    /// The same, compressed at once.
    ///
    /// # Errors
    /// [`MakeError`]; nothing half made is ever returned.
    pub async fn make_wanted(&self, scope: &Scope, wanted: Vec<Wanted>) -> Result<Made, MakeError> {
        let days = self.options.tombstone_days.max(self.options.stub_days);
        let slice = self.view.slice(scope, &self.options.window, days);
        let material = self.material(scope, slice).await?;
        let began = Instant::now();
        let made = tokio::task::spawn_blocking(move || material.render(&wanted)).await?;
        metrics::document_render(made.is_ok(), began.elapsed());
        made
    }

    /// Keeps summaries in a file from now on, if they are to be: those of this ledger, which the catalog has followed so far.
    pub(super) async fn open_summaries(
        &self,
        options: Option<SummariesOptions>,
        cursor: u64,
    ) -> Result<(), StateError> {
        if let (Some(options), Some(ledger)) = (options, self.state.mark(INSTANCE_MARK).await?)
            && let Some(file) = Summaries::open(&options, &ledger, cursor).await
        {
            self.articles.keep_in(file);
        }
        Ok(())
    }

    /// Takes summaries out of their file that are of no public article any more.
    pub async fn sweep_summaries(self) {
        if let Some(file) = self.articles.file() {
            file.sweep(|ids| self.view.with_catalog(|catalog| ids.retain(|id| catalog.digest(id).is_none()))).await;
        }
    }

    fn content_of(&self, scope: &Scope) -> Content {
        let names = self.view.names();
        let path = names.addresses.current(scope);
        path.and_then(|path| self.content.by_path.get(&path)).copied().unwrap_or(self.content.default)
    }

    /// Everything that the pure part needs: the articles that are not ready from store and ledger, at the same time.
    async fn material(&self, scope: &Scope, slice: Slice) -> Result<Material, MakeError> {
        let content = self.content_of(scope);
        let mut kept: Vec<Option<Kept>> = slice.newest.iter().map(|entry| self.articles.get(entry, content)).collect();
        let (mut rows, mut records, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (entry, _) in slice.newest.iter().zip(&kept).filter(|(_, kept)| kept.is_none()) {
            match self.articles.decided(entry) {
                Some((row, record)) => {
                    rows.push(row);
                    records.push(record);
                }
                None => missing.push(entry),
            }
        }
        let mut read = self.articles.read(&missing, content).await;
        let absent = missing.into_iter().filter(|entry| !read.contains_key(&entry.id));
        let ids: Vec<ArticleId> = absent.map(|entry| entry.id.clone()).collect();
        for (entry, kept) in slice.newest.iter().zip(&mut kept).filter(|(_, kept)| kept.is_none()) {
            *kept = read.remove(&entry.id);
        }
        let all: Vec<ArticleId> = ids.iter().chain(slice.departed.iter().map(|gone| &gone.id)).cloned().collect();
        let of_state = async {
            if all.is_empty() { Ok(Vec::new()) } else { self.state.records(&all).await.map_err(MakeError::State) }
        };
        let of_store = async {
            let loaded = match content {
                _ if ids.is_empty() => return Ok(Vec::new()),
                Content::Full => self.store.load(&ids),
                Content::Summary => self.store.load_summaries(&ids),
            };
            loaded.await.map_err(MakeError::Store)
        };
        let (of_state, of_store) = try_join(of_state, of_store).await?;
        records.extend(of_state);
        rows.extend(of_store);
        Ok(Material {
            options: Arc::clone(&self.options),
            articles: Arc::clone(&self.articles),
            scope: scope.clone(),
            content,
            slice,
            kept,
            records: records.into_iter().map(|record| (record.id.clone(), record)).collect(),
            rows: rows.into_iter().map(|row| (row.id.clone(), row)).collect(),
        })
    }
}

/// Everything that the pure part needs.
struct Material {
    options: Arc<feed::Options>,
    articles: Arc<Articles>,
    scope: Scope,
    content: Content,
    slice: Slice,
    /// Of each article of the slice, if it was ready.
    kept: Vec<Option<Kept>>,
    records: HashMap<ArticleId, ArticleRecord>,
    rows: HashMap<ArticleId, Loaded>,
}

impl Material {
    fn render(self, wanted: &[Wanted]) -> Result<Made, MakeError> {
        let ready = self.ready()?;
        let names = self.slice.names.filing();
        let record = self.slice.record.as_ref();
        let input = feed::Input {
            scope: &self.scope,
            addresses: names.addresses,
            categories: names.categories,
            record,
            articles: ready.iter().map(Kept::prepared).collect(),
            gone: self.gone()?,
        };
        let built = feed::build(&self.options, &input);
        let mut made = Made { documents: Vec::new(), faults: built.faults };
        let sequence = record.map_or(0, |record| record.sequence);
        let changed_at = record.map(|record| record.changed_at);
        for Wanted { format, codings } in wanted {
            let document = |body: &str| {
                let document = Document::new(*format, sequence, changed_at, body.to_owned());
                for coding in codings {
                    document.body().encode(*coding);
                }
                document
            };
            let (document, faults) =
                feed::render_into(&built.feed, *format, document).map_err(MakeError::Unrenderable)?;
            made.faults.extend(faults);
            made.documents.push(document);
        }
        Ok(made)
    }

    /// The records of the articles that have left the feed, of exactly the catalog's moment.
    fn gone(&self) -> Result<Vec<&ArticleRecord>, MakeError> {
        let of = |gone: &Departed| {
            let is_of = |record: &&ArticleRecord| matches!(record.standing, Standing::Gone { at, .. } if at == gone.at);
            self.records.get(&gone.id).filter(is_of).ok_or_else(|| gone.id.clone())
        };
        let (found, behind): (Vec<_>, Vec<_>) = self.slice.departed.iter().map(of).partition(Result::is_ok);
        let behind: Vec<ArticleId> = behind.into_iter().filter_map(Result::err).collect();
        if behind.is_empty() { Ok(found.into_iter().flatten().collect()) } else { Err(MakeError::Behind(behind)) }
    }

    /// The articles of the feed: those that were ready, and those that were loaded, which are so from now on.
    fn ready(&self) -> Result<Vec<Kept>, MakeError> {
        let ready = |(entry, kept): (&Entry, Option<Kept>)| match kept.or_else(|| self.prepare(entry)) {
            Some(kept) if kept.is_under(&self.slice.names) => Ok(kept),
            Some(kept) => {
                let refiled = kept.prepared().refiled(&self.options, self.slice.names.filing());
                Ok(self.keep(entry, refiled))
            }
            None => Err(entry.id.clone()),
        };
        let all = self.slice.newest.iter().zip(self.kept.iter().cloned()).collect();
        let all = parallel::map(all, self.unready(), ready);
        let (ready, behind): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
        let ready = ready.into_iter().flatten().collect();
        let behind: Vec<ArticleId> = behind.into_iter().filter_map(Result::err).collect();
        if behind.is_empty() { Ok(ready) } else { Err(MakeError::Behind(behind)) }
    }

    /// How many articles there is something to be done for.
    fn unready(&self) -> usize {
        let is_ready = |kept: &Option<Kept>| kept.as_ref().is_some_and(|kept| kept.is_under(&self.slice.names));
        self.kept.iter().filter(|kept| !is_ready(kept)).count()
    }

    /// An article of exactly the catalog's moment, by what was loaded; `None`: store or ledger have moved on.
    fn prepare(&self, entry: &Entry) -> Option<Kept> {
        let Entry { id, digest, .. } = entry;
        let record = self.records.get(id).filter(|record| entry.is_of(record))?;
        let row = self.rows.get(id).filter(|row| row.digest == *digest)?;
        let prepared = match &row.article {
            Ok(article) => Prepared::unfiled(&self.options, self.content, (article, record)),
            // The row is as it was when it was published, but this program, or its configuration, reads it otherwise.
            Err(fault) => Prepared::set_aside(id.clone(), fault.clone()),
        };
        self.articles.put_new(entry, self.content, &prepared);
        Some(Kept::unfiled(prepared))
    }

    fn keep(&self, entry: &Entry, prepared: Prepared) -> Kept {
        let kept = Kept::new(prepared, &self.slice.names);
        self.articles.put(entry, self.content, kept.clone());
        kept
    }
}
