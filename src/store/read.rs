//! The two reads, the same for every backend: each gets the rows of one snapshot and puts them together by article.
//! No join in SQL, because the newsroom's tables may lack every index.

use std::collections::{HashMap, HashSet};

use super::article::{self, Reading, Rows};
use super::contract::{ARTICLE_CATEGORIES, ARTICLE_LOCALITIES, ARTICLE_TAGS, ARTICLES, CATEGORIES, JOINED, Relation};
use super::row::Row;
use super::{Head, Loaded, Scan, StoreError};
use crate::domain::article::ArticleId;
use crate::domain::category::{Category, CategoryId};
use crate::domain::fault::{Fault, FaultCode, Subject};
use crate::text::stamp::Zones;

/// Which rows of a relation to read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which<'a> {
    /// All, of articles without the body.
    All,
    /// Those of these articles, with the body.
    Of(&'a [ArticleId]),
}

/// One snapshot of a store: a read transaction.
pub(super) trait Snapshot: Send {
    /// Calls `take` with every packed row of a relation, in any order; an absent relation has none.
    fn rows(
        &mut self,
        relation: &'static Relation,
        which: Which<'_>,
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Reads the digest of every article, and the categories.
pub(super) async fn scan(snapshot: &mut impl Snapshot) -> Result<Scan, StoreError> {
    let mut scan = Scan::default();
    let mut places = HashMap::new();
    snapshot.rows(&ARTICLES, Which::All, &mut |line| add_head(&mut scan, &mut places, line)).await?;
    for relation in JOINED {
        let mut add = |line: &[u8]| {
            let Ok(row) = Row::parse(relation, line, false) else { return };
            let place = row.id().and_then(|id| places.get(id));
            if let Some(head) = place.and_then(|place: &usize| scan.heads.get_mut(*place)) {
                head.digest = head.digest.wrapping_add(row.digest());
            }
        };
        snapshot.rows(relation, Which::All, &mut add).await?;
    }
    scan.categories = categories(snapshot, &mut scan.faults).await?;
    Ok(scan)
}

/// Loads articles in the order of `ids`.
pub(super) async fn load(
    snapshot: &mut impl Snapshot,
    ids: &[ArticleId],
    zones: &Zones,
) -> Result<Vec<Loaded>, StoreError> {
    let mut found: HashMap<ArticleId, (u64, Rows)> = HashMap::new();
    let mut add_article = |line: &[u8]| {
        if let Some((id, row)) = with_id(&ARTICLES, line, true) {
            let (digest, rows) = found.entry(id).or_default();
            *digest = digest.wrapping_add(row.digest());
            rows.articles.push(row);
        }
    };
    snapshot.rows(&ARTICLES, Which::Of(ids), &mut add_article).await?;
    for relation in JOINED {
        let mut add = |line: &[u8]| {
            let Some((id, row)) = with_id(relation, line, false) else { return };
            if let Some((digest, rows)) = found.get_mut(&id) {
                *digest = digest.wrapping_add(row.digest());
                rows.joined(relation).push(row);
            }
        };
        snapshot.rows(relation, Which::Of(ids), &mut add).await?;
    }
    let known: HashSet<CategoryId> =
        categories(snapshot, &mut Vec::new()).await?.into_iter().map(|category| category.id).collect();
    let reading = Reading { zones, categories: &known };
    let loaded = ids.iter().filter_map(|id| {
        let (digest, rows) = found.remove(id)?;
        let (article, notices) = article::read(id, rows, &reading);
        Some(Loaded { id: id.clone(), digest, article, notices })
    });
    Ok(loaded.collect())
}

impl Rows {
    fn joined(&mut self, relation: &'static Relation) -> &mut Vec<Row> {
        match relation {
            r if *r == ARTICLE_CATEGORIES => &mut self.categories,
            r if *r == ARTICLE_LOCALITIES => &mut self.localities,
            r if *r == ARTICLE_TAGS => &mut self.tags,
            _ => &mut self.media,
        }
    }
}

/// Digests are added up, because rows come in any order: that of an article is the sum of those of its rows.
fn add_head(scan: &mut Scan, places: &mut HashMap<ArticleId, usize>, line: &[u8]) {
    let row = match Row::parse(&ARTICLES, line, false) {
        Ok(row) => row,
        Err(why) => return scan.faults.push(of_relation(&ARTICLES, FaultCode::RowUnreadable, &why)),
    };
    let Some(id) = row.id() else {
        let (code, why) = match row.unreadable() {
            Some(("id", why)) => (FaultCode::RowUnreadable, format!("column id: {why}")),
            _ => (FaultCode::IdMissing, row.text("title").unwrap_or_default().to_owned()),
        };
        return scan.faults.push(of_relation(&ARTICLES, code, &why));
    };
    if let Some(head) = places.get(id).and_then(|place| scan.heads.get_mut(*place)) {
        head.digest = head.digest.wrapping_add(row.digest());
    } else {
        let id = ArticleId::new(id);
        places.insert(id.clone(), scan.heads.len());
        scan.heads.push(Head { id, digest: row.digest() });
    }
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
    snapshot.rows(&CATEGORIES, Which::All, &mut add).await?;
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
    let row = Row::parse(&CATEGORIES, line, false).map_err(|why| unreadable(&why))?;
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

fn with_id(relation: &'static Relation, line: &[u8], with_body: bool) -> Option<(ArticleId, Row)> {
    let row = Row::parse(relation, line, with_body).ok()?;
    Some((ArticleId::new(row.id()?), row))
}

fn of_relation(relation: &Relation, code: FaultCode, why: &str) -> Fault {
    Fault::new(Subject::Relation(relation.name.to_owned()), code, why)
}
