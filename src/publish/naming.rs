//! What categories are called, and where: the addresses that they want, and the mark in state that keeps the categories as
//! last published.

use std::collections::HashSet;

use crate::domain::address::AddressBook;
use crate::domain::category::{Category, CategoryId, CategoryTree};
use crate::domain::scope::Scope;
use crate::text::slug;

/// The mark that holds the categories as last published.
pub(crate) const CATEGORIES_MARK: &str = "categories";

/// The path that a category wants.
pub(super) fn wish(category: &Category) -> String {
    let made = [&category.slug, &category.name].into_iter().map(|text| slug::slug(text)).find(|slug| !slug.is_empty());
    let made = if slug::is_usable(&category.slug) { Some(category.slug.clone()) } else { made };
    format!("category/{}", made.unwrap_or_else(|| "chuyen-muc".to_owned()))
}

/// Is the parent there, and not itself below the category?
pub(super) fn stands_above(tree: &CategoryTree, parent: &CategoryId, category: &Category) -> bool {
    tree.get(parent).is_some() && tree.self_and_ancestors(parent).iter().all(|above| above.id != category.id)
}

/// What has to be claimed so that every category has its address.
pub(super) fn claims(addresses: &AddressBook, tree: &CategoryTree) -> Vec<(Scope, String)> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut claims = Vec::new();
    for category in tree.all() {
        let scope = Scope::Category(category.id.clone());
        let Some(path) = addresses.claim_for(&scope, &wish(category)) else { continue };
        // Two new categories with one wish: the second claims in the next round, when the first has its address.
        if taken.insert(path.clone()) {
            claims.push((scope, path));
        }
    }
    claims
}

/// Categories that are new, gone, renamed or moved.
pub(super) fn changed_categories(old: &CategoryTree, new: &CategoryTree) -> HashSet<CategoryId> {
    let shown = |category: &Category| (category.slug.clone(), category.name.clone(), category.parent_id.clone());
    let differs = |a: &CategoryTree, b: &CategoryTree| {
        let differing = a.all().iter().filter(|category| b.get(&category.id).map(shown) != Some(shown(category)));
        differing.map(|category| category.id.clone()).collect::<Vec<_>>()
    };
    differs(old, new).into_iter().chain(differs(new, old)).collect()
}

/// Categories as JSON rows: id, parent, slug, name, position.
pub(super) fn write_categories(categories: &[Category]) -> String {
    let row = |c: &Category| {
        serde_json::json!([c.id.as_str(), c.parent_id.as_ref().map(CategoryId::as_str), c.slug, c.name, c.position])
    };
    serde_json::Value::Array(categories.iter().map(row).collect()).to_string()
}

/// Reads back what [`write_categories`] wrote; nothing if it is damaged, for the store will tell again.
pub(super) fn read_categories(text: &str) -> Vec<Category> {
    type Line = (String, Option<String>, String, String, i64);
    let rows: Vec<Line> = serde_json::from_str(text).unwrap_or_default();
    let category = |(id, parent, slug, name, position): Line| Category {
        id: CategoryId::new(id),
        parent_id: parent.map(CategoryId::new),
        slug,
        name,
        position,
    };
    rows.into_iter().map(category).collect()
}
