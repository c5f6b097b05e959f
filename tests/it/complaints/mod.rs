//! What readers, aggregators and newsrooms have complained of elsewhere: `docs/COMPLAINTS.md` numbers the complaints, and
//! each that concerns making or serving feeds has a test here, named after its number.

mod contents;
mod dates;
mod defects;
mod ids;
mod page;
mod text;
mod validators;

use loa::domain::format::Format;
use roxmltree::{Document, Node};

use crate::support::app::{App, Site};
use crate::support::newsroom::small;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

/// A newsroom of four articles ([`small`]) after some statements more, and a service that has read it.
async fn newsroom(more: &str, test: impl AsyncFnOnce(&Sqlite, &Site, App)) {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        if !more.is_empty() {
            db.sql(more).await;
        }
        let site = Site::on(db);
        let app = site.running().await;
        test(db, &site, app).await;
    })
    .await;
}

/// Entries of a document of either XML format, in their order.
fn entries<'a, 'input>(document: &'a Document<'input>) -> Vec<Node<'a, 'input>> {
    document.descendants().filter(|node| ["item", "entry"].contains(&node.tag_name().name())).collect()
}

/// The text of an entry's child, by its name without prefix.
fn text_of(entry: Node<'_, '_>, name: &str) -> Option<String> {
    let child = entry.children().find(|node| node.tag_name().name() == name)?;
    Some(child.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect())
}

/// The text of a child of every entry.
fn values(xml: &str, name: &str) -> Vec<String> {
    let document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    entries(&document).into_iter().filter_map(|entry| text_of(entry, name)).collect()
}

/// The text of a child of the entry whose id or guid ends with `id`.
fn value(xml: &str, id: &str, name: &str) -> Option<String> {
    let document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    let is_it = |entry: &Node<'_, '_>| {
        ["guid", "id"].iter().any(|name| text_of(*entry, name).is_some_and(|found| found.ends_with(id)))
    };
    text_of(entries(&document).into_iter().find(is_it)?, name)
}

/// The ids under which readers know the entries of a document: RSS by `guid`.
fn ids(format: Format, body: &str) -> Vec<String> {
    match format {
        Format::Rss => values(body, "guid"),
        Format::Atom => values(body, "id"),
        Format::Json => {
            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            json["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
        }
    }
}

/// What an editor is told, as `subject code`.
fn told(app: &App) -> Vec<String> {
    let faults = app.view.with_status(|status| status.faults.clone());
    faults.into_values().flatten().map(|fault| format!("{} {}", fault.subject, fault.code)).collect()
}
