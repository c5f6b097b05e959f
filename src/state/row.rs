//! Records as rows of text, the same for every backend. Reading a million rows one by one through a driver takes a
//! quarter of a minute, so rows come packed: one JSON array a line, in the order of the columns, many lines in one value.
//! They go the other way as one JSON array of objects, which the database unpacks.

use std::collections::HashMap;

use chrono::DateTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Changes, StateError};
use crate::domain::address::AddressRecord;
use crate::domain::article::ArticleId;
use crate::domain::category::CategoryId;
use crate::domain::clock::Timestamp;
use crate::domain::entry_id::Identity;
use crate::domain::found::{FindPolicy, FoundPlace};
use crate::domain::ledger::{ArticleRecord, Departure, FeedRecord, Fingerprint, Standing};
use crate::domain::scope::Scope;

const PUBLIC: &str = "public";
const SET_ASIDE: &str = "set_aside";

/// A row of `articles`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ArticleRow {
    id: String,
    guid: Option<String>,
    published: i64,
    updated: i64,
    fingerprint: String,
    digest: i64,
    store_updated: Option<i64>,
    categories: Vec<String>,
    scopes: Vec<String>,
    standing: String,
    gone_at: Option<i64>,
    version: u64,
    found: Vec<String>,
}

/// A row of `feeds`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FeedRow {
    scope: String,
    sequence: u64,
    changed_at: i64,
    removal_sequence: u64,
    notice_until: Option<i64>,
}

/// A row of `addresses`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AddressRow {
    path: String,
    scope: String,
    claim: u64,
    label: Option<String>,
}

/// A row that goes on the deny list.
#[derive(Debug, Serialize)]
pub(super) struct WithdrawalRow<'a> {
    article_id: &'a str,
    at: i64,
}

/// A row of `adopted_guids`.
#[derive(Debug, Serialize)]
pub(super) struct AdoptedRow<'a> {
    article_id: &'a str,
    guid: &'a str,
    at: i64,
}

/// An instant as state keeps it: microseconds since the epoch.
pub(super) const fn micros(at: Timestamp) -> i64 {
    at.timestamp_micros()
}

/// Reads an instant of the row `key`.
pub(super) fn instant(key: &str, micros: i64) -> Result<Timestamp, StateError> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| corrupt(key, format!("{micros} µs is no instant")))
}

/// Reads the recorded identity.
pub(super) fn identity(authority: &str, since: &str) -> Result<Identity, StateError> {
    Identity::new(authority, since).map_err(|error| corrupt("identity", error))
}

/// Reads what somebody has decided about places in texts.
pub(super) fn find_policies(rows: Vec<(String, String)>) -> Result<HashMap<ArticleId, FindPolicy>, StateError> {
    let policy = |(id, word): (String, String)| {
        let policy = FindPolicy::from_word(&word).ok_or_else(|| corrupt(&id, format!("policy `{word}`")))?;
        Ok((ArticleId::new(id), policy))
    };
    rows.into_iter().map(policy).collect()
}

/// Rows as one JSON parameter.
pub(super) fn json<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<String, StateError> {
    let rows: Vec<T> = rows.into_iter().collect();
    serde_json::to_string(&rows).map_err(|error| corrupt("batch", error))
}

/// So many rows at most.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// What is new: the number of the last transaction, whether a mark was written; feeds, addresses and articles, packed.
pub(super) type SinceRow = (i64, bool, Option<String>, Option<String>, Option<String>);

/// Reads packed rows.
pub(super) fn lines<T: DeserializeOwned>(packed: &str) -> Result<Vec<T>, StateError> {
    packed.lines().map(|line| serde_json::from_str(line).map_err(|error| corrupt(line, error))).collect()
}

impl From<&ArticleRecord> for ArticleRow {
    fn from(record: &ArticleRecord) -> Self {
        let (standing, gone_at) = match record.standing {
            Standing::Public => (PUBLIC, None),
            Standing::SetAside => (SET_ASIDE, None),
            Standing::Gone { at, reason } => (reason.as_str(), Some(micros(at))),
        };
        Self {
            id: record.id.to_string(),
            guid: record.guid.clone(),
            published: micros(record.published),
            updated: micros(record.updated),
            fingerprint: format!("{:032x}", u128::from_be_bytes(record.fingerprint)),
            digest: record.digest.cast_signed(),
            store_updated: record.store_updated.map(micros),
            categories: record.categories.iter().map(ToString::to_string).collect(),
            scopes: record.scopes.iter().map(ToString::to_string).collect(),
            standing: standing.to_owned(),
            gone_at,
            version: record.version,
            found: record.found.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&FeedRecord> for FeedRow {
    fn from(record: &FeedRecord) -> Self {
        Self {
            scope: record.scope.to_string(),
            sequence: record.sequence,
            changed_at: micros(record.changed_at),
            removal_sequence: record.removal_sequence,
            notice_until: record.notice_until.map(micros),
        }
    }
}

impl From<&AddressRecord> for AddressRow {
    fn from(record: &AddressRecord) -> Self {
        let label = record.label.clone();
        Self { path: record.path.clone(), scope: record.scope.to_string(), claim: record.claim, label }
    }
}

impl<'a> WithdrawalRow<'a> {
    /// The row of an article withdrawn at an instant.
    pub(super) fn new(id: &'a ArticleId, at: Timestamp) -> Self {
        Self { article_id: id.as_str(), at: micros(at) }
    }
}

impl<'a> AdoptedRow<'a> {
    /// The row of a guid adopted at an instant.
    pub(super) fn new(id: &'a ArticleId, guid: &'a str, at: Timestamp) -> Self {
        Self { article_id: id.as_str(), guid, at: micros(at) }
    }
}

/// The id of the last one of packed articles.
pub(super) fn last_id(packed: &str) -> Result<String, StateError> {
    let line = packed.lines().next_back().unwrap_or_default();
    let row: ArticleRow = serde_json::from_str(line).map_err(|error| corrupt(line, error))?;
    Ok(row.id)
}

/// Makes records of rows. A million articles share a few hundred scopes, so each is kept in memory once.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    scopes: HashMap<String, Scope>,
    categories: HashMap<String, CategoryId>,
}

impl Decoder {
    /// Reads packed articles.
    pub(super) fn articles(&mut self, packed: &str) -> Result<Vec<ArticleRecord>, StateError> {
        packed
            .lines()
            .map(|line| {
                serde_json::from_str(line).map_err(|error| corrupt(line, error)).and_then(|row| self.article(row))
            })
            .collect()
    }

    /// Reads what is new since `cursor`, and articles of it beside that.
    pub(super) fn changes(
        &mut self,
        row: Option<SinceRow>,
        cursor: u64,
    ) -> Result<(Changes, Vec<ArticleRecord>), StateError> {
        let Some((written, marks_changed, feeds, addresses, articles)) = row else {
            return Ok((Changes { cursor, ..Changes::default() }, Vec::new()));
        };
        let changes = Changes {
            cursor: written.cast_unsigned(),
            articles: Vec::new(),
            feeds: self.feeds(&feeds.unwrap_or_default())?,
            addresses: self.addresses(&addresses.unwrap_or_default())?,
            marks_changed,
        };
        Ok((changes, self.articles(&articles.unwrap_or_default())?))
    }

    /// Reads packed feeds.
    pub(super) fn feeds(&mut self, packed: &str) -> Result<Vec<FeedRecord>, StateError> {
        lines::<FeedRow>(packed)?.into_iter().map(|row| self.feed(&row)).collect()
    }

    /// Reads packed addresses.
    pub(super) fn addresses(&mut self, packed: &str) -> Result<Vec<AddressRecord>, StateError> {
        let address = |row: AddressRow| {
            let scope = self.scope(&row.path, &row.scope)?;
            Ok(AddressRecord { scope, path: row.path, claim: row.claim, label: row.label })
        };
        lines::<AddressRow>(packed)?.into_iter().map(address).collect()
    }

    fn article(&mut self, row: ArticleRow) -> Result<ArticleRecord, StateError> {
        let key = row.id.as_str();
        Ok(ArticleRecord {
            published: instant(key, row.published)?,
            updated: instant(key, row.updated)?,
            fingerprint: fingerprint(key, &row.fingerprint)?,
            digest: row.digest.cast_unsigned(),
            store_updated: row.store_updated.map(|at| instant(key, at)).transpose()?,
            categories: row.categories.iter().map(|id| self.category(id)).collect(),
            scopes: row.scopes.iter().map(|scope| self.scope(key, scope)).collect::<Result<_, _>>()?,
            standing: standing(key, &row.standing, row.gone_at)?,
            version: row.version,
            found: found(key, &row.found)?,
            id: ArticleId::new(key),
            guid: row.guid,
        })
    }

    fn feed(&mut self, row: &FeedRow) -> Result<FeedRecord, StateError> {
        Ok(FeedRecord {
            scope: self.scope(&row.scope, &row.scope)?,
            sequence: row.sequence,
            changed_at: instant(&row.scope, row.changed_at)?,
            removal_sequence: row.removal_sequence,
            notice_until: row.notice_until.map(|at| instant(&row.scope, at)).transpose()?,
        })
    }

    fn scope(&mut self, key: &str, text: &str) -> Result<Scope, StateError> {
        if let Some(scope) = self.scopes.get(text) {
            return Ok(scope.clone());
        }
        let scope: Scope = text.parse().map_err(|error| corrupt(key, error))?;
        self.scopes.insert(text.to_owned(), scope.clone());
        Ok(scope)
    }

    fn category(&mut self, text: &str) -> CategoryId {
        if let Some(category) = self.categories.get(text) {
            return category.clone();
        }
        let category = CategoryId::new(text);
        self.categories.insert(text.to_owned(), category.clone());
        category
    }
}

fn found(key: &str, texts: &[String]) -> Result<Vec<FoundPlace>, StateError> {
    texts.iter().map(|text| text.parse().map_err(|error| corrupt(key, error))).collect()
}

fn fingerprint(key: &str, text: &str) -> Result<Fingerprint, StateError> {
    let number = u128::from_str_radix(text, 16).map_err(|error| corrupt(key, format!("fingerprint: {error}")))?;
    Ok(number.to_be_bytes())
}

fn standing(key: &str, word: &str, gone_at: Option<i64>) -> Result<Standing, StateError> {
    match (word, gone_at, Departure::from_word(word)) {
        (PUBLIC, None, _) => Ok(Standing::Public),
        (SET_ASIDE, None, _) => Ok(Standing::SetAside),
        (_, Some(at), Some(reason)) => Ok(Standing::Gone { at: instant(key, at)?, reason }),
        _ => Err(corrupt(key, format!("standing `{word}` with {gone_at:?}"))),
    }
}

/// A row that cannot be read.
pub(super) fn corrupt(key: &str, why: impl std::fmt::Display) -> StateError {
    StateError::Corrupt { key: key.to_owned(), why: why.to_string() }
}
