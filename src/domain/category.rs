//! The newsroom's sections and their tree.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// The store's id of a category: stable, unlike its slug and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct CategoryId(Arc<str>);

impl CategoryId {
    /// Takes the id as the store writes it.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as the store writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One section of the newsroom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// The store's id.
    pub id: CategoryId,
    /// The section above it, if any.
    pub parent_id: Option<CategoryId>,
    /// Its part of addresses, as the store has it now.
    pub slug: String,
    /// Its name for readers.
    pub name: String,
    /// Its place among its siblings.
    pub position: i64,
}

/// All categories, with their tree. Broken links are harmless: a parent that is missing, or that would close a
/// circle, counts as none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CategoryTree {
    /// In the order of `position`, then id.
    categories: Vec<Category>,
    by_id: HashMap<CategoryId, usize>,
}

impl CategoryTree {
    /// Orders the categories; of two with one id the first in that order stays.
    #[must_use]
    pub fn new(mut categories: Vec<Category>) -> Self {
        categories.sort_by(|a, b| (a.position, &a.id).cmp(&(b.position, &b.id)));
        let mut seen = HashSet::new();
        categories.retain(|category| seen.insert(category.id.clone()));
        let by_id = categories.iter().enumerate().map(|(at, category)| (category.id.clone(), at)).collect();
        Self { categories, by_id }
    }

    /// All categories, in the order of `position`, then id.
    #[must_use]
    pub fn all(&self) -> &[Category] {
        &self.categories
    }

    /// The category of this id.
    #[must_use]
    pub fn get(&self, id: &CategoryId) -> Option<&Category> {
        self.by_id.get(id).and_then(|at| self.categories.get(*at))
    }

    /// The category itself, then its parent, and so on up to the root. Empty if the id is unknown.
    #[must_use]
    pub fn self_and_ancestors(&self, id: &CategoryId) -> Vec<&Category> {
        let mut path: Vec<&Category> = Vec::new();
        let mut next = self.get(id);
        while let Some(category) = next {
            if path.iter().any(|seen| seen.id == category.id) {
                break;
            }
            path.push(category);
            next = category.parent_id.as_ref().and_then(|parent| self.get(parent));
        }
        path
    }

    /// The direct children of a category (of the root, for `None`), in their order.
    #[must_use]
    pub fn children(&self, parent: Option<&CategoryId>) -> Vec<&Category> {
        let parent_of = |category: &Category| category.parent_id.as_ref().filter(|id| self.get(id).is_some()).cloned();
        self.categories.iter().filter(|category| parent_of(category).as_ref() == parent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(id: &str, parent: Option<&str>, position: i64) -> Category {
        Category {
            id: CategoryId::new(id),
            parent_id: parent.map(CategoryId::new),
            slug: id.to_owned(),
            name: id.to_owned(),
            position,
        }
    }

    #[test]
    fn a_path_goes_up_and_a_circle_ends() {
        let tree = CategoryTree::new(vec![
            category("leaf", Some("mid"), 0),
            category("mid", Some("top"), 0),
            category("top", None, 0),
            category("a", Some("b"), 1),
            category("b", Some("a"), 1),
            category("orphan", Some("nowhere"), 2),
        ]);
        let path = |id: &str| {
            let up = tree.self_and_ancestors(&CategoryId::new(id));
            up.iter().map(|c| c.id.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(path("leaf"), "leaf mid top");
        assert_eq!(path("a"), "a b");
        assert_eq!(path("orphan"), "orphan");
        assert_eq!(path("unknown"), "");
        assert_eq!(tree.children(None).len(), 2, "top and the orphan");
    }
}
