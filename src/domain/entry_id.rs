//! Identity for ever: tag URIs (RFC 4151) of feeds and entries. They hold the newsroom's authority and the day it began
//! to use it, and the store's own stable ids; never a slug, a host that serves, or a scheme.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::article::ArticleId;
use super::place::Place;
use super::scope::Scope;

/// What stays as it is in the specific part of a tag URI: RFC 3986 unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who mints the ids: set once, recorded in state, and independent of the address that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    authority: String,
    since: String,
}

/// Why an authority or a date cannot stand in a tag URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// RFC 4151 section 2.1: a DNS name or an e-mail address.
    #[error("`{0}` is no authority: give a host name that the newsroom owned on that day, such as `baophutho.vn`")]
    Authority(String),
    /// RFC 4151 section 2.1: `2022`, `2022-03` or `2022-03-18`.
    #[error("`{0}` is no date for an identity: give a day on which the newsroom owned the name, such as `2022-03-18`")]
    Since(String),
}

impl Identity {
    /// Checks both parts against RFC 4151 section 2.1.
    ///
    /// # Errors
    /// [`IdentityError`] names the part that does not fit.
    pub fn new(authority: &str, since: &str) -> Result<Self, IdentityError> {
        let name_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '@' | '_');
        let ends_well = |s: &str| s.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let reversed: String = authority.chars().rev().collect();
        if !authority.chars().all(name_char) || !ends_well(authority) || !ends_well(&reversed) {
            return Err(IdentityError::Authority(authority.to_owned()));
        }
        let full = match since.len() {
            4 => format!("{since}-01-01"),
            7 => format!("{since}-01"),
            _ => since.to_owned(),
        };
        if full.len() != 10 || NaiveDate::from_str(&full).is_err() {
            return Err(IdentityError::Since(since.to_owned()));
        }
        Ok(Self { authority: authority.to_owned(), since: since.to_owned() })
    }

    /// The name part, such as `baophutho.vn`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The date part, such as `2022-03-18`.
    #[must_use]
    pub fn since(&self) -> &str {
        &self.since
    }

    /// `tag:{authority},{since}:article/{id}`.
    #[must_use]
    pub fn entry_id(&self, article: &ArticleId) -> String {
        format!("{self}:article/{}", utf8_percent_encode(article.as_str(), ESCAPED))
    }

    /// The article that an [`Identity::entry_id`] of ours is of, whether or not there is such an article. `None`: it is
    /// none of ours.
    #[must_use]
    pub fn article_of(&self, entry_id: &str) -> Option<ArticleId> {
        let specific = entry_id.strip_prefix(&format!("{self}:article/"))?;
        let article = ArticleId::new(percent_decode_str(specific).decode_utf8().ok()?);
        (self.entry_id(&article) == entry_id).then_some(article)
    }

    /// `tag:{authority},{since}:change/{place}/{day}`: of the announcement that a unit is no more from that day on.
    #[must_use]
    pub fn change_id(&self, place: Place, day: NaiveDate) -> String {
        format!("{self}:change/{}/{day}", in_path(place))
    }

    /// `tag:{authority},{since}:feed/...`, from the scope's stable id.
    #[must_use]
    pub fn feed_id(&self, scope: &Scope) -> String {
        let named = |kind: &str, name: &str| format!("{self}:feed/{kind}/{}", utf8_percent_encode(name, ESCAPED));
        match scope {
            Scope::All => format!("{self}:feed/all"),
            Scope::Category(id) => named("category", id.as_str()),
            Scope::Locality(place) => format!("{self}:feed/locality/{}", in_path(*place)),
            Scope::Combination(id, place) => {
                format!("{}/locality/{}", named("category", id.as_str()), in_path(*place))
            }
            Scope::Author(name) => named("author", name.as_str()),
            Scope::Tag(name) => named("tag", name.as_str()),
            Scope::Custom(name) => named("custom", name.as_str()),
            Scope::Language(tag) => named("language", tag.as_str()),
        }
    }
}

/// `{code}`, or `{code}/{first day}`.
fn in_path(place: Place) -> String {
    place.to_string().replace('@', "/")
}

/// `tag:{authority},{since}`, the prefix of every id.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tag:{},{}", self.authority, self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::category::CategoryId;

    #[test]
    fn ids_come_from_stable_ids_only() {
        let identity = Identity::new("baovidu.example", "2022-03-18").unwrap();
        assert_eq!(identity.entry_id(&ArticleId::new("182035")), "tag:baovidu.example,2022-03-18:article/182035");
        assert_eq!(
            identity.entry_id(&ArticleId::new("tin/đầu 1")),
            "tag:baovidu.example,2022-03-18:article/tin%2F%C4%91%E1%BA%A7u%201"
        );
        assert_eq!(identity.feed_id(&Scope::All), "tag:baovidu.example,2022-03-18:feed/all");
        let category = Scope::Category(CategoryId::new("7"));
        assert_eq!(identity.feed_id(&category), "tag:baovidu.example,2022-03-18:feed/category/7");
        for (scope, expect) in [
            ("locality:25", "locality/25"),
            ("locality:08287@2006-11-25", "locality/08287/2006-11-25"),
            ("combination:25+a/b", "category/a%2Fb/locality/25"),
            ("author:hà my", "author/h%C3%A0%20my"),
            ("tag:ocop", "tag/ocop"),
            ("custom:mien-nui", "custom/mien-nui"),
        ] {
            let id = identity.feed_id(&scope.parse().unwrap());
            assert_eq!(id, format!("tag:baovidu.example,2022-03-18:feed/{expect}"));
        }
    }

    #[test]
    fn the_id_of_a_change_comes_from_code_and_day() {
        let identity = Identity::new("baovidu.example", "2022").unwrap();
        let check = |place: &str, expect: &str| {
            let id = identity.change_id(place.parse().unwrap(), "2025-07-01".parse().unwrap());
            assert_eq!(id, format!("tag:baovidu.example,2022:change/{expect}"));
            assert_eq!(identity.article_of(&id), None);
        };
        check("227", "227/2025-07-01");
        check("08287@2006-11-25", "08287/2006-11-25/2025-07-01");
    }

    #[test]
    fn an_entry_id_tells_its_article() {
        let identity = Identity::new("baovidu.example", "2022").unwrap();
        let check = |entry_id: &str, expect: Option<&str>| {
            assert_eq!(identity.article_of(entry_id), expect.map(ArticleId::new), "{entry_id}");
        };
        for id in ["182035", "tin/đầu 1", "100%"] {
            check(&identity.entry_id(&ArticleId::new(id)), Some(id));
        }
        check("tag:baovidu.example,2023:article/1", None);
        check("tag:baovidu.example,2022:feed/all", None);
        // Another text, so another id: ids are compared byte by byte (RFC 4151 section 2.4).
        check("tag:baovidu.example,2022:article/%31", None);
        check("tag:baovidu.example,2022:article/a%2fb", None);
        check("tag:baovidu.example,2022:article/%FF", None);
    }

    #[test]
    fn what_rfc_4151_does_not_allow_is_refused() {
        for (authority, since) in [
            ("", "2022"),
            ("Bao Vi Du", "2022"),
            ("baovidu.example,2", "2022"),
            (".example", "2022"),
            ("baovidu.example", ""),
            ("baovidu.example", "18/03/2022"),
            ("baovidu.example", "2022-13"),
            ("baovidu.example", "2022-02-30"),
        ] {
            assert!(Identity::new(authority, since).is_err(), "{authority},{since}");
        }
        assert!(Identity::new("baovidu.example", "2022-03").is_ok());
    }
}
