//! What a feed is about: the key of the catalog and of the ledger. A scope is named by stable ids, never by slugs.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::category::CategoryId;
use super::place::Place;

/// A name as a key: folded (see `text::names`), so that two spellings of one name are one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct NameKey(Arc<str>);

impl NameKey {
    /// Takes a folded name.
    pub fn new(folded: impl Into<Arc<str>>) -> Self {
        Self(folded.into())
    }

    /// The folded name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a feed is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Every published article: the front page feed.
    All,
    /// A category with everything below it in the tree.
    Category(CategoryId),
    /// A place with everything below it in the administrative hierarchy of the article's day.
    Locality(Place),
    /// What is in both a category and a place. No article is listed under it: it is the common part of two lists. Its
    /// feed has a record from the first time that somebody asks for it.
    Combination(CategoryId, Place),
    /// What somebody has written.
    Author(NameKey),
    /// What bears a tag.
    Tag(NameKey),
    /// What a rule of the configuration selects.
    Custom(NameKey),
    /// What is written in a language other than the site's. It has no address: custom feeds select by it.
    Language(NameKey),
}

impl Scope {
    /// The category and the place of a combination.
    #[must_use]
    pub fn parts(&self) -> Option<(Self, Self)> {
        match self {
            Self::Combination(category, place) => Some((Self::Category(category.clone()), Self::Locality(*place))),
            _ => None,
        }
    }

    /// Every combination of one of `scopes` with one of `others`.
    #[must_use]
    pub fn combinations<'a>(
        scopes: impl IntoIterator<Item = &'a Self>,
        others: impl IntoIterator<Item = &'a Self, IntoIter: Clone>,
    ) -> BTreeSet<Self> {
        let combined = |a: &Self, b: &Self| match (a, b) {
            (Self::Category(category), Self::Locality(place)) | (Self::Locality(place), Self::Category(category)) => {
                Some(Self::Combination(category.clone(), *place))
            }
            _ => None,
        };
        let others = others.into_iter();
        scopes.into_iter().flat_map(|a| others.clone().filter_map(move |b| combined(a, b))).collect()
    }
}

/// The written form of a scope in state: `all`, `category:{id}`, `locality:{place}`, `combination:{place}+{category id}`,
/// `author:{name}`, `tag:{name}`, `custom:{name}`, `language:{tag}`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Category(id) => write!(f, "category:{id}"),
            Self::Locality(place) => write!(f, "locality:{place}"),
            Self::Combination(category, place) => write!(f, "combination:{place}+{category}"),
            Self::Author(name) => write!(f, "author:{name}"),
            Self::Tag(name) => write!(f, "tag:{name}"),
            Self::Custom(name) => write!(f, "custom:{name}"),
            Self::Language(tag) => write!(f, "language:{tag}"),
        }
    }
}

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope, expected `all`, or a kind and what it is of, such as `category:{{id}}`")]
pub struct NotAScope(pub String);

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        let read = || {
            let Some((kind, of)) = text.split_once(':') else { return (text == "all").then_some(Self::All) };
            if of.is_empty() {
                return None;
            }
            match kind {
                "category" => Some(Self::Category(CategoryId::new(of))),
                "locality" => of.parse().ok().map(Self::Locality),
                "combination" => {
                    let (place, category) = of.split_once('+').filter(|(_, category)| !category.is_empty())?;
                    Some(Self::Combination(CategoryId::new(category), place.parse().ok()?))
                }
                "author" => Some(Self::Author(NameKey::new(of))),
                "tag" => Some(Self::Tag(NameKey::new(of))),
                "custom" => Some(Self::Custom(NameKey::new(of))),
                "language" => Some(Self::Language(NameKey::new(of))),
                _ => None,
            }
        };
        read().ok_or_else(|| NotAScope(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_survives_being_written_down() {
        for text in [
            "all",
            "category:7",
            "category:a:b c+d",
            "locality:25",
            "locality:08287@2006-11-25",
            "combination:08287@2006-11-25+7",
            "combination:25+a+b:c",
            "author:hà my",
            "tag:+x:y",
            "custom:mien-nui",
            "language:en",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in
            ["", "category:", "everything", "locality:x", "combination:25", "combination:25+", "combination:+7", "of:x"]
        {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn combinations_are_of_a_category_and_a_place() {
        let scopes = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Scope>>();
        let (one, all) =
            (scopes(&["locality:25", "tag:x"]), scopes(&["all", "category:1", "category:2", "locality:25"]));
        let found: Vec<_> = Scope::combinations(&one, &all).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["combination:25+1", "combination:25+2"]);
    }
}
