//! Writes records into the embedded store, a transaction for each batch. Writing what is there already changes nothing,
//! so that whatever was cut off can be run again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::ndjson::{self, CategoryWish};
use super::record::Record;
use crate::domain::article::Article;
use crate::domain::category::{Category, CategoryId};
use crate::store::StoreError;
use crate::store::sqlite::embedded::{Embedded, Row};
use crate::text::slug::{is_usable, slug};
use crate::text::stamp::Zones;

/// What writing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Articles that were not in the store.
    pub new: u64,
    /// Articles that were, otherwise.
    pub changed: u64,
    /// Articles that were just so.
    pub unchanged: u64,
}

impl Tally {
    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
    }
}

/// Why nothing could be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A category of which no address can be made.
    #[error("category `{key}`: no slug can be made of it, expected lower-case letters, digits and single hyphens")]
    Category {
        /// As it was named.
        key: String,
    },
}

/// The one writer of a store.
#[derive(Debug)]
pub struct Writer {
    store: Embedded,
    categories: Vec<Category>,
    /// Ids by id and by slug.
    category_ids: HashMap<String, CategoryId>,
    is_dry: bool,
}

impl Writer {
    /// Opens the embedded store, which is made if it is missing.
    ///
    /// # Errors
    /// [`WriteError::Store`].
    pub async fn open(path: &Path) -> Result<Self, WriteError> {
        Self::new(Embedded::open(path).await?, false).await
    }

    /// Opens the store so that everything happens as in earnest, and nothing of it stays.
    ///
    /// # Errors
    /// [`WriteError::Store`].
    pub async fn open_dry(path: &Path) -> Result<Self, WriteError> {
        let mut store = if path.exists() { Embedded::open(path).await? } else { Embedded::in_memory().await? };
        store.begin().await?;
        Self::new(store, true).await
    }

    async fn new(mut store: Embedded, is_dry: bool) -> Result<Self, WriteError> {
        let known = store.categories().await?;
        let mut writer = Self { store, categories: Vec::new(), category_ids: HashMap::new(), is_dry };
        for category in known {
            writer.remember(category);
        }
        Ok(writer)
    }

    /// Writes records in one transaction: all of them, or, on error, none. Of several with one id the last counts.
    ///
    /// # Errors
    /// [`WriteError::Store`].
    pub async fn write_batch(&mut self, records: &[Record]) -> Result<Tally, WriteError> {
        let last: BTreeMap<&str, &Record> = records.iter().map(|record| (record.article.id.as_str(), record)).collect();
        self.begin().await?;
        let written = write(&mut self.store, &last).await;
        self.end(written).await
    }

    /// Writes categories: new ones and changed ones.
    ///
    /// # Errors
    /// [`WriteError::Store`], also where two would have one slug.
    pub async fn categories(&mut self, categories: &[Category]) -> Result<(), WriteError> {
        self.begin().await?;
        let written = self.store.put_categories(categories).await.map_err(WriteError::from);
        self.end(written).await?;
        for category in categories {
            self.remember(category.clone());
        }
        Ok(())
    }

    /// Finds a category by its id or slug, or makes it, and the one above it if need be; tells what was made.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn category(&mut self, wish: &CategoryWish) -> Result<(CategoryId, Vec<Category>), WriteError> {
        let wished = wish.slug.as_deref().unwrap_or(&wish.key);
        let slug = if is_usable(wished) { wished.to_owned() } else { slug(wished) };
        if let Some(known) = [wish.key.as_str(), wished, &slug].into_iter().find_map(|key| self.category_ids.get(key)) {
            return Ok((known.clone(), Vec::new()));
        }
        if slug.is_empty() {
            return Err(WriteError::Category { key: wish.key.clone() });
        }
        let (parent_id, mut made) = match &wish.parent {
            Some(key) if *key != wish.key => {
                let above = CategoryWish { key: key.clone(), ..CategoryWish::default() };
                let (id, made) = Box::pin(self.category(&above)).await?;
                (Some(id), made)
            }
            _ => (None, Vec::new()),
        };
        let last = self.categories.iter().map(|category| category.position).max();
        let category = Category {
            id: CategoryId::new(if wish.slug.is_some() { wish.key.as_str() } else { slug.as_str() }),
            parent_id,
            name: wish.name.clone().unwrap_or_else(|| name_of(&wish.key)),
            slug,
            position: last.map_or(0, |last| last.saturating_add(1)),
        };
        self.categories(std::slice::from_ref(&category)).await?;
        made.push(category.clone());
        Ok((category.id, made))
    }

    /// The articles of this title, this id or this address, in the order of their ids. Rows that others have written
    /// and that could not be imported are left out.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn find(
        &mut self,
        title: Option<&str>,
        id: Option<&str>,
        url: Option<&str>,
    ) -> Result<Vec<Record>, WriteError> {
        let found = self.store.find(title, id, url).await?;
        Ok(found.iter().filter_map(|row| stored_record(row)).collect())
    }

    /// Closes the store in order.
    ///
    /// # Errors
    /// [`WriteError::Store`].
    pub async fn close(mut self) -> Result<(), WriteError> {
        if self.is_dry {
            self.store.rollback().await?;
        }
        Ok(self.store.close().await?)
    }

    /// A dry run is one transaction, begun when the store was opened.
    async fn begin(&mut self) -> Result<(), WriteError> {
        if !self.is_dry {
            self.store.begin().await?;
        }
        Ok(())
    }

    async fn end<T>(&mut self, written: Result<T, WriteError>) -> Result<T, WriteError> {
        match (&written, self.is_dry) {
            (Ok(_), false) => self.store.commit().await?,
            (Err(_), false) => self.store.rollback().await?,
            (_, true) => {}
        }
        written
    }

    fn remember(&mut self, category: Category) {
        for key in [category.slug.as_str(), category.id.as_str()] {
            self.category_ids.insert(key.to_owned(), category.id.clone());
        }
        self.categories.push(category);
    }
}

async fn write(store: &mut Embedded, records: &BTreeMap<&str, &Record>) -> Result<Tally, WriteError> {
    let ids: Vec<&str> = records.keys().copied().collect();
    let known = store.revisions(&ids).await?;
    let mut tally = Tally::default();
    let mut changed: Vec<(&Record, String)> = Vec::new();
    for (id, record) in records {
        let revision = record.revision();
        match known.get(*id) {
            Some(old) if old.as_ref() == Some(&revision) => tally.unchanged += 1,
            Some(_) => {
                tally.changed += 1;
                changed.push((record, revision));
            }
            None => {
                tally.new += 1;
                changed.push((record, revision));
            }
        }
    }
    let row = |(record, revision)| row(record, revision);
    let rows: Vec<Row<'_>> = changed.iter().map(|(record, revision)| (*record, revision.as_str())).map(row).collect();
    store.put(&rows).await?;
    Ok(tally)
}

fn row<'a>(record: &'a Record, revision: &'a str) -> Row<'a> {
    Row { article: &record.article, revision, published_from: record.published_from.as_str() }
}

/// The store's rows are read by the reader of NDJSON: one reader for both.
fn stored_record(row: &str) -> Option<Record> {
    let draft = ndjson::draft(row, &Zones::default()).ok()?;
    let categories = draft.categories.into_iter().map(|wish| CategoryId::new(wish.key)).collect();
    Some(Record { article: Article { categories, ..draft.article }, published_from: draft.published_from })
}

/// `xay-dung-dang` is named `Xay dung dang` until somebody gives it a better name.
fn name_of(key: &str) -> String {
    let spaced = if is_usable(key) { key.replace('-', " ") } else { key.to_owned() };
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
