//! What an article is filed under: as the store and its text name it, and as feeds show it. The first follows from the
//! article alone; the second from the categories, the places and their addresses as well, so it is made anew with them.

use std::mem::size_of;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::model::{Filed, Locality, Term};
use super::{Names, Options};
use crate::domain::article::Article;
use crate::domain::category::CategoryId;
use crate::domain::found::FoundPlace;
use crate::domain::ledger::ArticleRecord;
use crate::domain::scope::Scope;
use crate::gazetteer::Unit;
use crate::text::names::{self, Name};
use crate::text::plain::plain;
use crate::text::xml_chars::XmlText;

/// What an article is filed under, as the store and its text name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subjects {
    categories: Vec<CategoryId>,
    localities: Vec<String>,
    found: Vec<FoundPlace>,
    tags: Vec<Name>,
    /// The article's day: places are what they were then.
    day: NaiveDate,
}

impl Subjects {
    pub(super) fn of(options: &Options, article: &Article, record: &ArticleRecord) -> Self {
        Self {
            categories: article.categories.clone(),
            localities: article.localities.clone(),
            found: record.found.clone(),
            tags: names::tags(article.tags.iter().map(String::as_str)),
            day: record.published.with_timezone(&options.zone).date_naive(),
        }
    }

    /// As feeds show it now.
    pub(super) fn filed(&self, options: &Options, names: Names<'_>) -> Filed {
        let places = self.places(options, names);
        Filed {
            categories: self.categories(names),
            places: each_once(places.iter().flat_map(|(_, terms)| terms)),
            localities: places.into_iter().map(|(locality, _)| locality).collect(),
            tags: self.tags(names),
        }
    }

    /// Bytes that it holds, about.
    pub(super) fn weight(&self) -> usize {
        let localities = self.localities.iter().map(|text| size_of::<String>() + text.len());
        let tags = self.tags.iter().map(|tag| size_of::<Name>() + 2 * tag.label.len());
        let lists = size_of_val(self.categories.as_slice()) + size_of_val(self.found.as_slice());
        size_of::<Self>() + lists + localities.sum::<usize>() + tags.sum::<usize>()
    }

    /// Each category, then those above it; each once, and only those that have a feed.
    fn categories(&self, names: Names<'_>) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        for category in self.categories.iter().flat_map(|id| names.categories.self_and_ancestors(id)) {
            let path = names.addresses.current(&Scope::Category(category.id.clone()));
            let Some(slug) = path.as_deref().and_then(|path| path.strip_prefix("category/")).map(XmlText::new) else {
                continue;
            };
            let name = plain(&category.name);
            let name = if name.is_empty() { slug.clone() } else { name };
            if terms.iter().all(|term| term.slug != slug) {
                terms.push(Term { slug, name });
            }
        }
        terms
    }

    /// The units that the article is located in, as the store or its own text says, each with those above it, as of the
    /// article's day.
    fn places(&self, options: &Options, names: Names<'_>) -> Vec<(Locality, Vec<Term>)> {
        let gazetteer = names.addresses.gazetteer();
        let texts = self.localities.iter().map(String::as_str);
        let term = |unit: &Unit| {
            let path = gazetteer.path_of(gazetteer.place_of(unit))?;
            Some(Term { slug: XmlText::new(path), name: XmlText::new(&unit.full_name()) })
        };
        let by_name = gazetteer.units_named(texts, self.day, &options.home).into_iter();
        let located = by_name.chain(gazetteer.units_found(&self.found, self.day));
        let with_those_above = |unit: &Unit| {
            // A story may be about a unit that was no more on its day.
            let above = gazetteer.self_and_ancestors(unit, unit.nearest_day(self.day));
            let terms: Vec<Term> = above.into_iter().filter_map(term).collect();
            let (own, above) = terms.split_first()?;
            let within = above.iter().map(|term| term.name.clone()).collect();
            let locality = Locality { code: unit.code, name: own.name.clone(), within, path: own.slug.clone() };
            Some((locality, terms))
        };
        located.filter_map(with_those_above).collect()
    }

    /// The tags that have a feed, as the article spells them.
    fn tags(&self, names: Names<'_>) -> Vec<Term> {
        let term = |tag: &Name| {
            let path = names.addresses.current(&Scope::Tag(tag.key.clone()))?;
            Some(Term { slug: XmlText::new(path.strip_prefix("tag/")?), name: XmlText::new(&tag.label) })
        };
        self.tags.iter().filter_map(term).collect()
    }
}

fn each_once<'a>(terms: impl Iterator<Item = &'a Term>) -> Vec<Term> {
    let mut unique: Vec<Term> = Vec::new();
    for term in terms {
        if !unique.contains(term) {
            unique.push(term.clone());
        }
    }
    unique
}
