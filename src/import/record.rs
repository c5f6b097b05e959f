//! What every way in produces: an article, and where its publication stamp comes from.

use sha2::{Digest as _, Sha256};

use crate::domain::article::{Article, ArticleId, Status};
use crate::domain::category::CategoryId;
use crate::domain::clock::Timestamp;
use crate::text::normalize::title_key;
use crate::text::slug::slug;
use crate::text::stamp::stored;

/// Bytes of a derived id: among a million articles, two equal ones once in 280 such newsrooms.
const DERIVED_ID_BYTES: usize = 6;
/// Bytes of a revision.
const REVISION_BYTES: usize = 16;

/// An article on its way into the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The article; its categories are ones that the store has.
    pub article: Article,
    /// Where `published_at` comes from.
    pub published_from: PublishedFrom,
}

/// Where a publication stamp comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishedFrom {
    /// The source says when it was published.
    Stated,
    /// A list of stories already given.
    List,
    /// Only an update stamp is known.
    Update,
}

impl PublishedFrom {
    /// The word in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::List => "list",
            Self::Update => "update",
        }
    }

    /// Reads the word in the store.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Stated, Self::List, Self::Update].into_iter().find(|from| from.as_str() == word)
    }
}

impl Record {
    /// A value that differs whenever anything of the record does.
    #[must_use]
    pub fn revision(&self) -> String {
        let a = &self.article;
        let mut hash = FieldHash::default();
        hash.list([a.title.as_str(), status_word(a.status), self.published_from.as_str()].into_iter());
        for text in [&a.guid, &a.url, &a.slug, &a.lead, &a.body_html, &a.byline, &a.correction, &a.language, &a.rights]
        {
            hash.field(text.as_deref());
        }
        if let Some(point) = a.point {
            hash.field(Some(&point.to_string()));
        }
        for instant in [a.published_at, a.updated_at, a.embargo_until] {
            hash.field(instant.map(stored).as_deref());
        }
        hash.list(a.categories.iter().map(CategoryId::as_str));
        hash.list(a.localities.iter().map(String::as_str));
        hash.list(a.tags.iter().map(String::as_str));
        for m in &a.media {
            hash.field(Some(&m.url));
            for text in [&m.mime_type, &m.role, &m.caption, &m.credit, &m.alt] {
                hash.field(text.as_deref());
            }
            for number in [m.length, m.width.map(u64::from), m.height.map(u64::from), m.duration.map(u64::from)] {
                hash.field(number.map(|number| number.to_string()).as_deref());
            }
        }
        hex(&hash.0.finalize(), REVISION_BYTES)
    }
}

/// The id of a story that has none: derived from its title and the first stamp known of it.
#[must_use]
pub fn derived_id(title: &str, first_known: Timestamp) -> ArticleId {
    let digest = Sha256::digest(format!("{}\n{}", title_key(title), stored(first_known)));
    ArticleId::new(hex(&digest, DERIVED_ID_BYTES))
}

/// The address part of a story that has neither address nor slug: of its title, else of its id. `None` if neither has
/// a letter or digit.
#[must_use]
pub fn derived_slug(title: &str, id: &ArticleId) -> Option<String> {
    [slug(title), slug(id.as_str())].into_iter().find(|slug| !slug.is_empty())
}

/// The word for a status in the store.
const fn status_word(status: Status) -> &'static str {
    match status {
        Status::Published => "published",
        Status::Draft => "draft",
        Status::Withdrawn => "withdrawn",
    }
}

/// Hashes fields so that no two sequences of fields look the same.
#[derive(Default)]
struct FieldHash(Sha256);

impl FieldHash {
    fn field(&mut self, text: Option<&str>) {
        self.0.update(text.map_or(u64::MAX, |text| text.len().try_into().unwrap_or(u64::MAX)).to_le_bytes());
        self.0.update(text.unwrap_or_default());
    }

    fn list<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        texts.for_each(|text| self.field(Some(text)));
        self.field(None);
    }
}

fn hex(bytes: &[u8], count: usize) -> String {
    let halves = bytes.iter().take(count).flat_map(|byte| [byte >> 4, byte & 0x0f]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_depends_on_the_folded_title_and_the_instant_only() {
        let at = chrono::DateTime::from_timestamp(1_647_559_800, 0).unwrap();
        let id = derived_id("Mùa vải chín ở Thanh Hà", at);
        assert_eq!(id, derived_id(" Mu\u{300}a  vải chín\nở Thanh Hà", at));
        assert_ne!(id, derived_id("Mùa vải chín ở Thanh Ha", at));
        assert_ne!(id, derived_id("Mùa vải chín ở Thanh Hà", at + chrono::Duration::seconds(1)));
        assert_eq!(id.as_str().len(), 2 * DERIVED_ID_BYTES);
    }
}
