//! `[feeds.custom.NAME]`: feeds that a newspaper puts together itself.

use std::collections::BTreeMap;

use super::layers::{CUSTOM, Layers, Setting, Value};
use super::reader::Reader;
use super::{CONTENTS, language};
use crate::feed::Content;
use crate::text::slug;

/// One custom feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomFeed {
    /// Its title.
    pub title: String,
    /// One sentence about it.
    pub description: Option<String>,
    /// Its language, if other than the site's.
    pub language: Option<String>,
    /// What its entries carry, if other than those of other feeds.
    pub content: Option<Content>,
    /// What is in it.
    pub include: CustomCriteria,
    /// What is not.
    pub exclude: CustomCriteria,
}

/// Criteria of a custom feed, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomCriteria {
    /// Slugs of categories.
    pub categories: Vec<String>,
    /// Addresses of places, such as `phu-tho/xa-hung-lo`.
    pub localities: Vec<String>,
    /// Names of authors.
    pub authors: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// BCP 47 tags.
    pub languages: Vec<String>,
}

/// Reads every custom feed.
pub(super) fn read(reader: &Reader<'_>, layers: &Layers) -> BTreeMap<String, CustomFeed> {
    let mut feeds: BTreeMap<String, CustomFeed> = BTreeMap::new();
    for (name, key, setting) in layers.named(CUSTOM) {
        set(reader, &format!("{CUSTOM}{name}.{key}"), feeds.entry(name.to_owned()).or_default(), (key, setting));
    }
    for (name, feed) in &feeds {
        let key = format!("{CUSTOM}{name}");
        if !slug::is_usable(name) {
            let problem = "cannot be part of an address: use lower-case letters, digits and single hyphens";
            reader.fault(&key, format!("`{name}` {problem}"));
        }
        if feed.title.trim().is_empty() {
            reader.fault(&key, "has no title; readers see it in their lists");
        }
    }
    feeds
}

fn set(reader: &Reader<'_>, path: &str, feed: &mut CustomFeed, (key, setting): (&str, &Setting)) {
    let text = || if let Value::Text(text) = &setting.value { text.clone() } else { String::new() };
    let list = || if let Value::List(items) = &setting.value { items.clone() } else { Vec::new() };
    let (criteria, kind) = match key.strip_prefix("except_") {
        Some(kind) => (&mut feed.exclude, kind),
        None => (&mut feed.include, key),
    };
    match kind {
        "categories" => criteria.categories = list(),
        "localities" => criteria.localities = list(),
        "authors" => criteria.authors = list(),
        "tags" => criteria.tags = list(),
        "languages" => criteria.languages = languages(reader, path, list()),
        "title" => feed.title = text(),
        "description" => feed.description = Some(text()).filter(|text| !text.is_empty()),
        "language" => feed.language = languages(reader, path, vec![text()]).into_iter().next(),
        "content" => {
            let word = text();
            feed.content = CONTENTS.iter().find(|(known, _)| *known == word).map(|(_, content)| *content);
            if feed.content.is_none() {
                reader.fault(path, format!("`{word}` is unknown, expected `summary` or `full`"));
            }
        }
        _ => {}
    }
}

fn languages(reader: &Reader<'_>, key: &str, tags: Vec<String>) -> Vec<String> {
    for tag in tags.iter().filter(|tag| language(tag).is_none()) {
        reader.fault(key, format!("`{tag}` cannot be used, expected a language tag such as `vi`"));
    }
    tags
}
