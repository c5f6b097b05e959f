//! Categories and their addresses, as they are published: who claims which path, and what was last published.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::view::Names;
use crate::catalog::classify::CustomFeed;
use crate::domain::address::{AddressBook, AddressRecord, Claim};
use crate::domain::category::{Category, CategoryId, CategoryTree};
use crate::domain::fault::{Fault, FaultCode, Subject};
use crate::domain::scope::Scope;
use crate::gazetteer::FeedAddresses;
use crate::state::{State, StateError};
use crate::text::slug;

/// The mark that holds the categories as last published.
pub(crate) const CATEGORIES_MARK: &str = "categories";
/// Rounds of claims: one, and one more for each replica that claims the same at the same time.
const CLAIM_ROUNDS_MAX: usize = 10;
/// Authors and tags with a suffix that are named; more of them are no news.
const SUFFIXED_MAX: usize = 100;

/// What was published before: the categories of the mark, beside these addresses.
pub(super) async fn recorded(state: &dyn State, addresses: FeedAddresses) -> Result<Names, StateError> {
    let mark = state.mark(CATEGORIES_MARK).await?.unwrap_or_default();
    Ok(Names { categories: CategoryTree::new(read(&mark)), addresses })
}

/// What a scope would like to be found at, if nobody else is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    scope: Scope,
    path: String,
    label: Option<String>,
}

/// The wishes of categories and custom feeds.
pub(super) fn wishes(tree: &CategoryTree, custom: &[CustomFeed]) -> Vec<Wish> {
    let category =
        |category: &Category| Wish { scope: Scope::Category(category.id.clone()), path: wish(category), label: None };
    let custom = custom.iter().map(|feed| Wish {
        scope: Scope::Custom(feed.name.clone()),
        path: format!("custom/{}", feed.name),
        label: None,
    });
    tree.all().iter().map(category).chain(custom).collect()
}

/// The wishes of authors and tags that have no address yet, in the order of their scopes.
pub(super) fn new_labels(labels: &HashMap<Scope, String>, addresses: &AddressBook) -> Vec<Wish> {
    let new: BTreeMap<_, _> = labels.iter().filter(|(scope, _)| addresses.current(scope).is_none()).collect();
    let wish = |(scope, label): (&Scope, &String)| Wish {
        scope: scope.clone(),
        path: wish_of_label(scope, label),
        label: Some(label.clone()),
    };
    new.into_iter().map(wish).collect()
}

/// Claims an address for every wish. The book with all of them; borrowed where nothing was to be claimed.
pub(super) async fn claim<'a>(
    state: &dyn State,
    known: &'a AddressBook,
    wishes: &[Wish],
) -> Result<Cow<'a, AddressBook>, StateError> {
    let mut book = Cow::Borrowed(known);
    for _ in 0..CLAIM_ROUNDS_MAX {
        let claims = claims(&book, wishes);
        if claims.is_empty() {
            break;
        }
        let records = state.claim_addresses(&claims).await?;
        book.to_mut().add(records);
    }
    Ok(book)
}

/// Records the categories as published.
pub(super) async fn record(state: &dyn State, tree: &CategoryTree) -> Result<(), StateError> {
    state.set_mark(CATEGORIES_MARK, &write(tree.all())).await
}

/// What is wrong with the categories.
pub(super) fn faults(names: &Names) -> Vec<Fault> {
    let tree = &names.categories;
    let mut faults = Vec::new();
    for category in tree.all() {
        let mut fault = |code, detail: &str| {
            faults.push(Fault::new(Subject::Category(category.id.clone()), code, detail));
        };
        let wish = wish(category);
        let current = names.addresses.current(&Scope::Category(category.id.clone())).unwrap_or_default();
        if current != wish {
            fault(FaultCode::SlugTaken, &format!("{wish}, now {current}"));
        }
        if !slug::is_usable(&category.slug) {
            fault(FaultCode::SlugUnusable, &category.slug);
        }
        let root = tree.self_and_ancestors(&category.id).last().and_then(|root| root.parent_id.clone());
        if let Some(parent) = root {
            fault(FaultCode::CategoryParentUnknown, parent.as_str());
        }
    }
    faults.extend(suffixed(names.addresses.book()).into_iter().take(SUFFIXED_MAX));
    faults
}

/// Authors and tags whose address has a suffix because another one has it without.
fn suffixed(addresses: &AddressBook) -> BTreeSet<Fault> {
    let fault = |record: &AddressRecord| {
        let label = record.label.as_deref()?;
        // Most addresses end without a number, and need no slug made.
        let (stem, _) =
            record.path.rsplit_once('-').filter(|(_, end)| end.bytes().all(|byte| byte.is_ascii_digit()))?;
        let is_wish = wish_of_label(&record.scope, label) == record.path;
        let is_taken = addresses.owner(stem).is_some_and(|owner| *owner != record.scope);
        (is_taken && !is_wish)
            .then(|| Fault::new(Subject::Scope(record.scope.clone()), FaultCode::SlugTaken, &record.path))
    };
    addresses.records().filter_map(fault).collect()
}

/// The path that an author or a tag wants.
fn wish_of_label(scope: &Scope, label: &str) -> String {
    let (kind, otherwise) = if matches!(scope, Scope::Author(_)) { ("author", "tac-gia") } else { ("tag", "the") };
    let slug = Some(slug::slug(label)).filter(|slug| slug::is_usable(slug));
    format!("{kind}/{}", slug.as_deref().unwrap_or(otherwise))
}

/// What custom feeds name and nobody knows.
pub(super) fn unknown_criteria(custom: &[CustomFeed], addresses: &AddressBook) -> Vec<Fault> {
    let fault = |feed: &CustomFeed, slug: &str| {
        Fault::new(Subject::Scope(Scope::Custom(feed.name.clone())), FaultCode::CriterionUnknown, slug)
    };
    custom.iter().flat_map(|feed| feed.unknown_categories(addresses).map(move |slug| fault(feed, slug))).collect()
}

/// Categories that are new, gone, renamed or moved.
pub(super) fn changed(old: &CategoryTree, new: &CategoryTree) -> HashSet<CategoryId> {
    differing(old, new, |category| (category.slug.clone(), category.name.clone(), category.parent_id.clone()))
}

/// Categories that are new, gone or renamed: their feeds are called otherwise, whatever is in them.
pub(super) fn retitled(old: &CategoryTree, new: &CategoryTree) -> HashSet<CategoryId> {
    differing(old, new, |category| (category.slug.clone(), category.name.clone()))
}

/// Categories that are shown otherwise.
fn differing<T: PartialEq>(
    old: &CategoryTree,
    new: &CategoryTree,
    shown: impl Fn(&Category) -> T,
) -> HashSet<CategoryId> {
    let differs = |a: &CategoryTree, b: &CategoryTree| {
        let differing = a.all().iter().filter(|category| b.get(&category.id).map(&shown) != Some(shown(category)));
        differing.map(|category| category.id.clone()).collect::<Vec<_>>()
    };
    differs(old, new).into_iter().chain(differs(new, old)).collect()
}

/// The path that a category wants.
fn wish(category: &Category) -> String {
    if slug::is_usable(&category.slug) {
        return format!("category/{}", category.slug);
    }
    let made = [&category.slug, &category.name].into_iter().map(|text| slug::slug(text));
    let made = made.into_iter().find(|slug| slug::is_usable(slug));
    format!("category/{}", made.as_deref().unwrap_or("chuyen-muc"))
}

/// What has to be claimed so that every wish has its address.
fn claims(addresses: &AddressBook, wishes: &[Wish]) -> Vec<Claim> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut claims = Vec::new();
    for Wish { scope, path, label } in wishes {
        let Some(path) = addresses.claim_for(scope, path, &taken) else { continue };
        taken.insert(path.clone());
        claims.push(Claim { path, scope: scope.clone(), label: label.clone() });
    }
    claims
}

/// Categories as JSON rows: id, parent, slug, name, position.
fn write(categories: &[Category]) -> String {
    let row = |c: &Category| {
        serde_json::json!([c.id.as_str(), c.parent_id.as_ref().map(CategoryId::as_str), c.slug, c.name, c.position])
    };
    serde_json::Value::Array(categories.iter().map(row).collect()).to_string()
}

/// Reads back what [`write`] wrote; nothing if it is damaged, for the store will tell again.
fn read(text: &str) -> Vec<Category> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn category(id: &str, parent: Option<&str>, slug: &str) -> Category {
        let parent_id = parent.map(CategoryId::new);
        Category {
            id: CategoryId::new(id), parent_id, slug: slug.to_owned(), name: "Đời sống".to_owned(), position: 1
        }
    }

    #[test]
    fn categories_survive_the_mark() {
        let tree = vec![category("1", None, "doi-song"), category("2", Some("1"), "nét đẹp")];
        assert_eq!(read(&write(&tree)), tree);
        assert_eq!(read("damaged"), []);
    }

    #[test]
    fn of_one_wish_each_gets_another_path_and_a_bad_slug_is_mended() {
        let tree = CategoryTree::new(vec![
            category("1", None, "doi-song"),
            category("2", None, "doi-song"),
            category("3", None, "Đời Sống!"),
            category("4", None, "…"),
        ]);
        let claims = claims(&AddressBook::default(), &wishes(&tree, &[]));
        let claims: Vec<_> = claims.iter().map(|claim| (claim.scope.to_string(), claim.path.clone())).collect();
        let expect = [
            ("category:1", "doi-song"),
            ("category:2", "doi-song-2"),
            ("category:3", "doi-song-3"),
            ("category:4", "doi-song-4"),
        ];
        assert_eq!(claims, expect.map(|(scope, slug)| (scope.to_owned(), format!("category/{slug}"))));
    }

    #[test]
    fn new_authors_and_tags_get_addresses_of_their_names() {
        let labels = [("author:hà my", "Hà My"), ("author:hạ my", "Hạ My"), ("tag:ocop", "OCOP"), ("tag:中", "中")];
        let labels = labels.map(|(scope, label)| (scope.parse().unwrap(), label.to_owned()));
        let known =
            AddressRecord { path: "tag/ocop".to_owned(), scope: "tag:ocop".parse().unwrap(), claim: 1, label: None };
        let book = AddressBook::new([known]);
        let wishes = new_labels(&labels.into(), &book);
        let paths: Vec<_> = wishes.iter().map(|wish| wish.path.as_str()).collect();
        assert_eq!(paths, ["author/ha-my", "author/ha-my", "tag/zhong"]);
        let claims = claims(&book, &wishes);
        let claimed: Vec<_> = claims.iter().map(|claim| claim.path.as_str()).collect();
        assert_eq!(claimed, ["author/ha-my", "author/ha-my-2", "tag/zhong"]);
        assert_eq!(claims[0].label.as_deref(), Some("Hà My"));
    }

    #[test]
    fn a_number_that_belongs_to_the_name_is_no_suffix() {
        let record = |scope: &str, path: &str, label: &str| AddressRecord {
            path: path.to_owned(),
            scope: scope.parse().unwrap(),
            claim: 1,
            label: Some(label.to_owned()),
        };
        let book = AddressBook::new([
            record("tag:covid", "tag/covid", "Covid"),
            record("tag:covid-19", "tag/covid-19", "Covid-19"),
            record("author:hà my", "author/ha-my", "Hà My"),
            record("author:hạ my", "author/ha-my-2", "Hạ My"),
        ]);
        let faults: Vec<_> = suffixed(&book).iter().map(|fault| fault.subject.to_string()).collect();
        assert_eq!(faults, ["author:hạ my"]);
    }

    #[test]
    fn faults_name_what_an_editor_can_mend() {
        let categories = CategoryTree::new(vec![category("1", Some("9"), "a b"), category("2", None, "tot")]);
        let names = Names { categories, addresses: FeedAddresses::default() };
        let codes: Vec<_> = faults(&names).iter().map(|fault| fault.code.code()).collect();
        assert_eq!(codes, ["slug_taken", "slug_unusable", "category_parent_unknown", "slug_taken"]);
    }
}
