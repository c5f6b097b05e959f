//! `loa categories`: the tree of the newsroom's categories, with the addresses of their feeds.

use std::collections::HashSet;

use serde::Serialize;

use super::{Global, Outcome, options, output};
use crate::domain::address::{AddressBook, FEEDS_PREFIX};
use crate::domain::category::{Category, CategoryId, CategoryTree};
use crate::domain::scope::Scope;
use crate::{state, store};

/// Spaces before a category for each one above it.
const INDENT: usize = 2;

/// List the categories of the store, with the addresses of their feeds.
///
/// An address is given when a service first publishes the category, and stays for ever.
///
/// Examples:
///   loa categories --config loa.toml
///   loa categories --json --config loa.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Write a JSON array, one object a category, parents before their children.
    #[arg(long)]
    json: bool,
}

/// A category as it is listed.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line<'a> {
    id: &'a str,
    parent_id: Option<&'a str>,
    name: &'a str,
    slug: &'a str,
    /// How deep it stands below the root, from 0.
    depth: usize,
    /// Path of its feeds without extension; `None` if none was given yet.
    path: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let config = global.start()?;
    let store = store::open(config.store.url.expose(), &options::store(&config))?;
    let (categories, faults) = store.categories().await?;
    let addresses = match state::open_existing(config.state.url.expose()).await? {
        Some(state) => state.addresses().await?,
        None => Vec::new(),
    };
    let (tree, book) = (CategoryTree::new(categories), AddressBook::new(addresses));
    let lines = lines(&tree, &book);
    output::print(&if args.json { serde_json::to_string_pretty(&lines)? + "\n" } else { text(&lines) })?;
    for fault in &faults {
        output::note(&format!("{}: {} ({})", fault.subject, fault.code.english(), fault.detail));
    }
    Ok(if faults.is_empty() { Outcome::Clean } else { Outcome::Faults })
}

/// The tree from the root down. Categories whose parents go in a circle hang below no root: they come last.
fn lines<'a>(tree: &'a CategoryTree, book: &AddressBook) -> Vec<Line<'a>> {
    let (mut lines, mut seen) = (Vec::new(), HashSet::new());
    let mut next: Vec<(&Category, usize)> = Vec::new();
    let roots = tree.children(None).into_iter().chain(tree.all());
    for root in roots {
        next.push((root, 0));
        while let Some((category, depth)) = next.pop() {
            if seen.insert(&category.id) {
                lines.push(line(category, depth, book));
                next.extend(tree.children(Some(&category.id)).into_iter().rev().map(|child| (child, depth + 1)));
            }
        }
    }
    lines
}

fn line<'a>(category: &'a Category, depth: usize, book: &AddressBook) -> Line<'a> {
    let path = book.current(&Scope::Category(category.id.clone())).map(|path| format!("{FEEDS_PREFIX}{path}"));
    let parent_id = category.parent_id.as_ref().map(CategoryId::as_str);
    Line { id: category.id.as_str(), parent_id, name: &category.name, slug: &category.slug, depth, path }
}

fn text(lines: &[Line<'_>]) -> String {
    let name = |line: &Line<'_>| format!("{:indent$}{}", "", line.name, indent = line.depth * INDENT);
    let width = lines.iter().map(|line| name(line).chars().count()).max().unwrap_or_default();
    let path = |line: &Line<'_>| line.path.clone().unwrap_or_else(|| "(not published yet)".to_owned());
    let rows: Vec<_> = lines.iter().map(|line| format!("{:width$}  {}\n", name(line), path(line))).collect();
    rows.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::AddressRecord;

    fn category(id: &str, parent: Option<&str>, name: &str) -> Category {
        let (id, parent_id) = (CategoryId::new(id), parent.map(CategoryId::new));
        Category { slug: id.to_string(), id, parent_id, name: name.to_owned(), position: 0 }
    }

    #[test]
    fn the_tree_is_indented_and_nobody_is_left_out() {
        let tree = CategoryTree::new(vec![
            category("1", None, "Chính trị"),
            category("2", Some("1"), "Xây dựng Đảng"),
            category("3", None, "Văn hóa"),
            category("4", Some("5"), "Vòng"),
            category("5", Some("4"), "Tròn"),
        ]);
        let scope = Scope::Category(CategoryId::new("2"));
        let path = "category/xay-dung-dang".to_owned();
        let book = AddressBook::new([AddressRecord { path, scope, claim: 1, label: None }]);
        let expect = "\
Chính trị        (not published yet)
  Xây dựng Đảng  /feeds/category/xay-dung-dang
Văn hóa          (not published yet)
Vòng             (not published yet)
  Tròn           (not published yet)
";
        assert_eq!(text(&lines(&tree, &book)), expect);
    }
}
