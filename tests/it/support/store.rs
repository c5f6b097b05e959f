//! A complete read of a store, all of it at once.

use std::collections::BTreeMap;

use loa::domain::article::ArticleId;
use loa::domain::category::Category;
use loa::domain::fault::Fault;
use loa::store::{ArticleStore, Piece, StoreError};

/// A row of a complete read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: ArticleId,
    pub(crate) digest: u64,
}

/// A complete read.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// By id.
    pub(crate) heads: Vec<Head>,
    pub(crate) categories: Vec<Category>,
    /// Of rows without an id, then of categories.
    pub(crate) faults: Vec<Fault>,
}

/// Reads everything, and adds up the digests of each article.
pub(crate) async fn scan(store: &dyn ArticleStore) -> Result<Scan, StoreError> {
    let mut sums: BTreeMap<ArticleId, u64> = BTreeMap::new();
    let mut joined_have_begun = false;
    let mut take = |piece: Piece<'_>| {
        assert!(!(piece.of_article && joined_have_begun), "rows of articles come first");
        joined_have_begun |= !piece.of_article;
        if piece.of_article {
            let sum = sums.entry(ArticleId::new(piece.id)).or_default();
            *sum = sum.wrapping_add(piece.digest);
        } else if let Some(sum) = sums.get_mut(piece.id) {
            *sum = sum.wrapping_add(piece.digest);
        }
    };
    let mut faults = store.scan(&mut take).await?;
    let (categories, of_categories) = store.categories().await?;
    faults.extend(of_categories);
    let heads = sums.into_iter().map(|(id, digest)| Head { id, digest }).collect();
    Ok(Scan { heads, categories, faults })
}
