//! Which scopes an article is in: by what the store says of it, by the newsroom's categories, by the gazetteer, and by
//! the rules of custom feeds. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};

use super::finding::{Finding, Given};
use crate::domain::address::AddressBook;
use crate::domain::article::Article;
use crate::domain::category::{CategoryId, CategoryTree};
use crate::domain::clock::Timestamp;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::found::{FindPolicy, FoundPlace};
use crate::domain::ledger::ArticleRecord;
use crate::domain::place::{Place, UnitCode};
use crate::domain::scope::{NameKey, Scope};
use crate::gazetteer::{Gazetteer, Located, Unit, Unresolved};
use crate::text::names::{self, Name};

/// Counts the changes of this file that put articles into other scopes: what an older one has decided is decided anew.
const VERSION: u32 = 2;
/// Longest language tag, in bytes (RFC 5646 section 4.4.1 asks for 35).
const LANGUAGE_BYTES_MAX: usize = 35;

/// What decides the scopes besides article and categories; from the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    /// The administrative units.
    pub gazetteer: Arc<Gazetteer>,
    /// Provinces in which a locality without a parent is looked for first.
    pub home: Vec<UnitCode>,
    /// The zone in which an article has its day.
    pub zone: Tz,
    /// Language of articles that name none.
    pub language: String,
    /// What is done about places that a text names, where nobody has decided otherwise for an article.
    pub find: FindPolicy,
    /// Names in author lines that are nobody's.
    pub nobody: Vec<NameKey>,
    /// The custom feeds.
    pub custom: Vec<CustomFeed>,
}

/// What a custom feed holds: what fulfils every kind of criterion in `include` that has any, and none in `exclude`.
#[derive(Debug, Clone)]
pub struct CustomFeed {
    /// Its name in addresses.
    pub name: NameKey,
    /// What is in it; nothing said: everything.
    pub include: Criteria,
    /// What is not.
    pub exclude: Criteria,
}

/// Criteria by kind. One is enough to fulfil a kind.
#[derive(Debug, Clone, Default)]
pub struct Criteria {
    /// Slugs of categories, present or past ones.
    pub categories: Vec<String>,
    /// Places, with everything below them.
    pub localities: Vec<Place>,
    /// Authors.
    pub authors: Vec<NameKey>,
    /// Tags.
    pub tags: Vec<NameKey>,
    /// BCP 47 tags.
    pub languages: Vec<String>,
}

impl Options {
    /// The day of an article that is published at this instant.
    #[must_use]
    pub fn day_of(&self, published: Timestamp) -> NaiveDate {
        published.with_timezone(&self.zone).date_naive()
    }

    /// A value that differs when the same articles may come into other scopes.
    #[must_use]
    pub fn digest(&self) -> String {
        let Self { gazetteer, home, zone, language, find, nobody, custom } = self;
        let all = format!("{VERSION} {} {home:?} {zone} {language} {find} {nobody:?} {custom:?}", gazetteer.digest());
        let hash = Sha256::digest(all);
        hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)).to_string()
    }
}

/// Puts articles into scopes.
#[derive(Debug)]
pub struct Classifier<'a> {
    options: &'a Options,
    tree: &'a CategoryTree,
    custom: Vec<Rule>,
}

/// A custom feed's criteria as scopes.
#[derive(Debug)]
struct Rule {
    scope: Scope,
    include: Vec<BTreeSet<Scope>>,
    exclude: BTreeSet<Scope>,
}

/// Where an article belongs.
#[derive(Debug, Default)]
pub struct Classified<'a> {
    /// Every scope it is in, those above included; sorted.
    pub scopes: Vec<Scope>,
    /// How its authors and tags are spelled.
    pub labels: Vec<(Scope, String)>,
    /// The units that it is located in, as of its day: those that the store gives, or those found and assigned.
    pub units: Vec<&'a Unit>,
    /// Places that its text names and the store does not give.
    pub found: Vec<FoundPlace>,
    /// What an editor should know.
    pub faults: Vec<Fault>,
}

impl<'a> Classifier<'a> {
    /// Makes it for the categories of one moment and the addresses that they have had.
    #[must_use]
    pub fn new(options: &'a Options, tree: &'a CategoryTree, addresses: &AddressBook) -> Self {
        let rule = |feed: &CustomFeed| Rule {
            scope: Scope::Custom(feed.name.clone()),
            include: feed.include.scopes(addresses, &options.gazetteer),
            exclude: feed.exclude.scopes(addresses, &options.gazetteer).into_iter().flatten().collect(),
        };
        Self { options, tree, custom: options.custom.iter().map(rule).collect() }
    }

    /// Where this article belongs, if it is published at this instant. `find`: what somebody has decided about the places
    /// in its text.
    #[must_use]
    pub fn classify(&self, article: &Article, published: Timestamp, find: Option<FindPolicy>) -> Classified<'a> {
        let day = self.options.day_of(published);
        let texts = article.localities.iter().map(String::as_str);
        let Located { mut units, unresolved } = self.options.gazetteer.locate(texts, day, &self.options.home);
        let found = self.found(article, day, &units, find.unwrap_or(self.options.find));
        units.extend(self.options.gazetteer.units_found(&found, day));
        let mut scopes = BTreeSet::from([Scope::All]);
        scopes.extend(self.categories(&article.categories));
        let places = units.iter().flat_map(|unit| self.options.gazetteer.feeds_of(unit, day));
        scopes.extend(places.map(Scope::Locality));
        scopes.extend(self.language(article));
        let labels = self.named(article);
        scopes.extend(labels.iter().map(|(scope, _)| scope.clone()));
        let custom = self.custom(&scopes);
        scopes.extend(custom);
        let faults = unresolved.iter().map(|why| Fault::of_article(&article.id, code(why), why)).collect();
        Classified { scopes: scopes.into_iter().collect(), labels, units, found, faults }
    }

    fn found(&self, article: &Article, day: NaiveDate, given: &[&Unit], policy: FindPolicy) -> Vec<FoundPlace> {
        if policy == FindPolicy::Off {
            return Vec::new();
        }
        let gazetteer = &self.options.gazetteer;
        let given = Given { units: given, carries_any: !article.localities.is_empty() };
        Finding::new(gazetteer, article, day, &self.options.home).kept(gazetteer, &given, day, policy)
    }

    /// The scopes of an article under these categories and rules, by its record alone.
    #[must_use]
    pub fn reclassify(&self, record: &ArticleRecord) -> Vec<Scope> {
        let stays = |scope: &&Scope| !matches!(scope, Scope::Category(_) | Scope::Custom(_));
        let mut scopes: BTreeSet<Scope> = record.scopes.iter().filter(stays).cloned().collect();
        scopes.extend(self.categories(&record.categories));
        let custom = self.custom(&scopes);
        scopes.extend(custom);
        scopes.into_iter().collect()
    }

    /// Its categories and all above them.
    fn categories(&self, categories: &'a [CategoryId]) -> impl Iterator<Item = Scope> {
        let above = categories.iter().flat_map(|id| self.tree.self_and_ancestors(id));
        above.map(|category| Scope::Category(category.id.clone()))
    }

    fn language(&self, article: &Article) -> Option<Scope> {
        let tag = article.language.as_deref().map(str::trim).filter(|tag| tag.len() <= LANGUAGE_BYTES_MAX)?;
        (!tag.is_empty() && !tag.eq_ignore_ascii_case(&self.options.language)).then(|| language(tag))
    }

    fn named(&self, article: &Article) -> Vec<(Scope, String)> {
        let authors = names::authors(article.byline.as_deref().unwrap_or_default(), &self.options.nobody);
        let tags = names::tags(article.tags.iter().map(String::as_str));
        let author = |Name { key, label }| (Scope::Author(key), label);
        authors.into_iter().map(author).chain(tags.into_iter().map(|tag| (Scope::Tag(tag.key), tag.label))).collect()
    }

    /// The custom feeds that an article in these scopes is in.
    fn custom(&self, scopes: &BTreeSet<Scope>) -> Vec<Scope> {
        let spoken = language(&self.options.language);
        let has_other = scopes.iter().any(|scope| matches!(scope, Scope::Language(_)));
        let is_in = |scope: &Scope| scopes.contains(scope) || (!has_other && *scope == spoken);
        let holds =
            |rule: &&Rule| rule.include.iter().all(|kind| kind.iter().any(is_in)) && !rule.exclude.iter().any(is_in);
        self.custom.iter().filter(holds).map(|rule| rule.scope.clone()).collect()
    }
}

impl CustomFeed {
    /// The slugs that it names and that no category has ever had.
    pub fn unknown_categories<'a>(&'a self, addresses: &'a AddressBook) -> impl Iterator<Item = &'a str> {
        let named = self.include.categories.iter().chain(&self.exclude.categories).map(String::as_str);
        named.filter(|slug| addresses.owner(&format!("category/{slug}")).is_none())
    }
}

impl Criteria {
    /// Each kind that has criteria, as scopes. A category that nobody knows is a scope that nothing is in.
    fn scopes(&self, addresses: &AddressBook, gazetteer: &Gazetteer) -> Vec<BTreeSet<Scope>> {
        let category = |slug: &String| {
            let known = addresses.owner(&format!("category/{slug}")).cloned();
            known.unwrap_or_else(|| Scope::Custom(NameKey::new(format!("category/{slug}"))))
        };
        let kinds: [BTreeSet<Scope>; 5] = [
            self.categories.iter().map(category).collect(),
            self.localities.iter().map(|place| Scope::Locality(gazetteer.canonical(*place))).collect(),
            self.authors.iter().cloned().map(Scope::Author).collect(),
            self.tags.iter().cloned().map(Scope::Tag).collect(),
            self.languages.iter().map(|tag| language(tag)).collect(),
        ];
        kinds.into_iter().filter(|kind| !kind.is_empty()).collect()
    }
}

/// Language tags are compared without case (RFC 5646 section 2.1.1).
fn language(tag: &str) -> Scope {
    Scope::Language(NameKey::new(tag.to_ascii_lowercase()))
}

const fn code(why: &Unresolved) -> FaultCode {
    match why {
        Unresolved::Unknown { .. } => FaultCode::LocalityUnknown,
        Unresolved::NotThen { .. } => FaultCode::LocalityNotThen,
        Unresolved::Ambiguous { .. } => FaultCode::LocalityAmbiguous,
    }
}
