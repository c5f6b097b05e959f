//! The two reads, the same for every backend: each gets the rows of one snapshot and puts them together by article.
//! No join in SQL, because the newsroom's tables may lack every index.

use std::collections::{HashMap, HashSet};

use super::article::{self, Reading, Rows};
use super::contract::{ARTICLE_CATEGORIES, ARTICLE_LOCALITIES, ARTICLE_TAGS, ARTICLES, CATEGORIES, JOINED, Relation};
use super::row::{Row, for_each_row};
use super::{Loaded, Piece, StoreError};
use crate::domain::article::ArticleId;
use crate::domain::category::{Category, CategoryId};
use crate::domain::fault::{Fault, FaultCode, Subject};
use crate::text::stamp::Zones;

/// Of which articles the body is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bodies {
    /// Of all.
    All,
    /// Of those that have no lead, or one of which it is not sure that a reader sees something of it.
    Unled,
}

/// Some rows as they travel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    /// What they are rows of.
    pub(super) relation: &'static Relation,
    /// The rows, packed.
    pub(super) rows: &'a [u8],
    /// The body of an article, which then is the only row.
    pub(super) body: Option<&'a [u8]>,
}

/// One snapshot of a store: a read transaction.
pub(super) trait Snapshot: Send {
    /// Calls `take` with every packed row of a relation, of articles without the body, in any order; an absent relation has
    /// none.
    fn all(
        &mut self,
        relation: &'static Relation,
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Calls `take` with everything of some articles: their rows with the bodies, each in a block of its own, or, without
    /// those that are not needed, in one block with the others behind the columns; then the rows joined to them and the
    /// categories that these name, all of one relation in one block.
    fn of(
        &mut self,
        ids: &[ArticleId],
        bodies: Bodies,
        take: &mut (dyn FnMut(Block<'_>) + Send),
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Lets every row of every article pass by; returns what is wrong with rows without a readable id.
pub(super) async fn scan(
    snapshot: &mut impl Snapshot,
    take: &mut (dyn FnMut(Piece<'_>) + Send),
) -> Result<Vec<Fault>, StoreError> {
    let mut faults = Vec::new();
    let mut add = |line: &[u8]| match article_row(line) {
        Ok(row) => pass(&row, true, take),
        Err(fault) => faults.push(fault),
    };
    snapshot.all(&ARTICLES, &mut add).await?;
    for relation in JOINED {
        let mut add = |line: &[u8]| {
            if let Ok(row) = Row::parse(relation, line) {
                pass(&row, false, take);
            }
        };
        snapshot.all(relation, &mut add).await?;
    }
    Ok(faults)
}

fn pass(row: &Row<'_>, of_article: bool, take: &mut (dyn FnMut(Piece<'_>) + Send)) {
    if let Some(id) = row.id() {
        take(Piece { id, digest: row.digest(), of_article });
    }
}

/// Loads articles in the order of `ids`.
pub(super) async fn load(
    snapshot: &mut impl Snapshot,
    ids: &[ArticleId],
    bodies: Bodies,
    zones: &Zones,
) -> Result<Vec<Loaded>, StoreError> {
    let mut found: HashMap<ArticleId, (u64, Rows)> = HashMap::with_capacity(ids.len());
    let mut known: HashSet<CategoryId> = HashSet::new();
    let mut add = |block: Block<'_>| match block.relation {
        r if *r == ARTICLES => for_each_row(block.rows, |line| add_article(&mut found, line, block.body)),
        r if *r == CATEGORIES => {
            for_each_row(block.rows, |line| known.extend(category(line).map(|category| category.id)));
        }
        _ => for_each_row(block.rows, |line| add_joined(&mut found, block.relation, line)),
    };
    snapshot.of(ids, bodies, &mut add).await?;
    let reading = Reading { zones, categories: &known };
    let loaded = ids.iter().filter_map(|id| {
        let (digest, rows) = found.remove(id)?;
        let (article, notices) = article::read(id, rows, &reading);
        Some(Loaded { id: id.clone(), digest, article, notices })
    });
    Ok(loaded.collect())
}

fn add_article(found: &mut HashMap<ArticleId, (u64, Rows)>, line: &[u8], body: Option<&[u8]>) {
    let Ok(row) = Row::parse(&ARTICLES, line) else { return };
    let Some(id) = row.id().map(ArticleId::new) else { return };
    let (digest, rows) = found.entry(id).or_default();
    *digest = digest.wrapping_add(row.digest());
    rows.articles.push(row.with_body(body).into_owned());
}

fn add_joined(found: &mut HashMap<ArticleId, (u64, Rows)>, relation: &'static Relation, line: &[u8]) {
    let Ok(row) = Row::parse(relation, line) else { return };
    if let Some((digest, rows)) = row.id().and_then(|id| found.get_mut(id)) {
        *digest = digest.wrapping_add(row.digest());
        rows.joined(relation).push(row.into_owned());
    }
}

impl Rows {
    fn joined(&mut self, relation: &'static Relation) -> &mut Vec<Row<'static>> {
        match relation {
            r if *r == ARTICLE_CATEGORIES => &mut self.categories,
            r if *r == ARTICLE_LOCALITIES => &mut self.localities,
            r if *r == ARTICLE_TAGS => &mut self.tags,
            _ => &mut self.media,
        }
    }
}

/// A row of `articles` that has an id, or what keeps it from having one.
fn article_row(line: &[u8]) -> Result<Row<'_>, Fault> {
    let row = Row::parse(&ARTICLES, line).map_err(|why| of_relation(&ARTICLES, FaultCode::RowUnreadable, &why))?;
    if row.id().is_some() {
        return Ok(row);
    }
    let (code, why) = match row.unreadable() {
        Some(("id", why)) => (FaultCode::RowUnreadable, format!("column id: {why}")),
        _ => (FaultCode::IdMissing, row.text("title").unwrap_or_default().to_owned()),
    };
    Err(of_relation(&ARTICLES, code, &why))
}

/// Reads all categories.
pub(super) async fn categories(
    snapshot: &mut impl Snapshot,
    faults: &mut Vec<Fault>,
) -> Result<Vec<Category>, StoreError> {
    let mut categories: Vec<Category> = Vec::new();
    let mut add = |line: &[u8]| match category(line) {
        Ok(category) => categories.push(category),
        Err(fault) => faults.push(fault),
    };
    snapshot.all(&CATEGORIES, &mut add).await?;
    categories.sort_by(|a, b| (&a.id, a.position, &a.slug, &a.name).cmp(&(&b.id, b.position, &b.slug, &b.name)));
    categories.dedup_by(|next, first| {
        let twice = next.id == first.id;
        if twice {
            faults.push(Fault::new(Subject::Category(next.id.clone()), FaultCode::IdDuplicate, &next.name));
        }
        twice
    });
    Ok(categories)
}

/// A category needs an id and a slug or a name; each of these two stands in for the other.
fn category(line: &[u8]) -> Result<Category, Fault> {
    let unreadable = |why: &str| of_relation(&CATEGORIES, FaultCode::RowUnreadable, why);
    let row = Row::parse(&CATEGORIES, line).map_err(|why| unreadable(&why))?;
    if let Some((column, why)) = row.unreadable() {
        return Err(unreadable(&format!("category {}: column {column}: {why}", row.id().unwrap_or("without id"))));
    }
    let id = row.id().ok_or_else(|| of_relation(&CATEGORIES, FaultCode::IdMissing, row.text("name").unwrap_or("")))?;
    let (slug, name) = (row.owned("slug"), row.owned("name"));
    let Some(either) = name.clone().or_else(|| slug.clone()) else {
        return Err(unreadable(&format!("category {id}: neither slug nor name")));
    };
    Ok(Category {
        id: CategoryId::new(id),
        parent_id: row.text("parent_id").map(CategoryId::new),
        slug: slug.unwrap_or_else(|| either.clone()),
        name: name.unwrap_or(either),
        position: article::position(&row).unwrap_or_default(),
    })
}

fn of_relation(relation: &Relation, code: FaultCode, why: &str) -> Fault {
    Fault::new(Subject::Relation(relation.name.to_owned()), code, why)
}
