//! What readers, aggregators and newsrooms have complained of elsewhere: `docs/COMPLAINTS.md` numbers the complaints, and
//! each that concerns making or serving feeds has a test here, named after its number.

mod contents;
mod dates;
mod defects;
mod ids;
mod page;
mod text;
mod validators;

use loa::catalog::classify::{Criteria, CustomFeed};
use loa::domain::format::Format;
use loa::domain::scope::NameKey;
use loa::feed::Custom;
use loa::text::names;
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

/// Feeds of every kind: articles 2 and 3 are in each of them, if [`links`] are made.
const EVERY_KIND: [&str; 7] = [
    "all",
    "category/kinh-te",
    "locality/phu-tho",
    "author/le-hoa",
    "tag/nong-san",
    "custom/nong-san",
    "category/kinh-te/locality/phu-tho",
];

/// Puts an article under a tag and into a place.
fn links(id: &str) -> String {
    format!(
        "INSERT INTO article_tags VALUES ('{id}', 'Nông sản', 0); INSERT INTO article_localities VALUES ('{id}', '25')"
    )
}

/// A newsroom with [`EVERY_KIND`] of feed: the custom one takes in a tag, and leaves out another.
async fn newsroom_with_every_kind(more: &str, test: impl AsyncFnOnce(&Sqlite, &Site, App)) {
    on::<Sqlite>(async |db| {
        db.sql(&[small(), links("2"), links("3")].join("; ")).await;
        if !more.is_empty() {
            db.sql(more).await;
        }
        let mut site = Site::on(db);
        let name = NameKey::new("nong-san");
        let tags = |tag: &str| Criteria { tags: vec![names::key(tag)], ..Criteria::default() };
        let rule = CustomFeed { name: name.clone(), include: tags("nông sản"), exclude: tags("quảng cáo") };
        site.classify.custom.push(rule);
        site.custom.insert(name, Custom { title: "Nông sản".to_owned(), description: None, language: None });
        let mut app = site.running().await;
        // A combination is made when it is first asked for.
        let combination = app.get_of_running(&format!("/feeds/{}.rss", EVERY_KIND[6])).await;
        assert_eq!(combination.status, 200, "{}", combination.text());
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
