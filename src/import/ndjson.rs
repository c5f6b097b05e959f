//! NDJSON: one article a line, a JSON object with the names of `docs/STORE.md`. Names that we do not know are left
//! alone and told once; a name that stands twice counts as it stands last.

use serde_json::Value;

use super::fields::{BadRecord, Fields, wrong};
use super::record::{PublishedFrom, derived_slug};
use crate::domain::article::{Article, ArticleId, Media, Status};
use crate::text::normalize::collapse_white_space;
use crate::text::stamp::Zones;

/// An article as a line says it: its categories are still to be found or made.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The article, without its categories.
    pub article: Article,
    /// Its categories, the main one first.
    pub categories: Vec<CategoryWish>,
    /// Where its publication stamp comes from: `stated`, unless the line says otherwise.
    pub published_from: PublishedFrom,
    /// What an editor should know of its stamps and coordinates.
    pub notes: Vec<String>,
    /// Names that mean nothing to us.
    pub unknown_names: Vec<String>,
}

/// A category as a line or an option names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CategoryWish {
    /// The store's id, or a slug.
    pub key: String,
    /// Slug, if other than the key.
    pub slug: Option<String>,
    /// Name for readers.
    pub name: Option<String>,
    /// Id or slug of the category above it.
    pub parent: Option<String>,
}

/// Reads one line.
///
/// # Errors
/// [`BadRecord`] with the field and what is expected.
pub fn draft(line: &str, zones: &Zones) -> Result<Draft, BadRecord> {
    let mut fields = Fields::new(serde_json::from_str(line)?)?;
    let categories = fields.list("categories").into_iter().map(category).collect::<Result<_, _>>()?;
    let published_from = match fields.text("published_from")? {
        None => PublishedFrom::Stated,
        Some(word) => PublishedFrom::from_word(&word).ok_or(BadRecord::Word {
            name: "published_from",
            word,
            expected: "`stated`, `list`, `update`",
        })?,
    };
    let article = article(&mut fields, *zones)?;
    let unknown_names = fields.left().map(str::to_owned).collect();
    Ok(Draft { article, categories, published_from, notes: fields.notes, unknown_names })
}

fn article(fields: &mut Fields, zones: Zones) -> Result<Article, BadRecord> {
    let id = ArticleId::new(fields.id("id")?.ok_or(BadRecord::Missing { name: "id" })?);
    let title = fields.text("title")?.ok_or(BadRecord::Missing { name: "title" })?;
    let title = collapse_white_space(&title);
    let status = status(fields.text("status")?)?;
    let published_at = fields.stamp("published_at", zones)?;
    if status == Status::Published && published_at.is_none() {
        return Err(BadRecord::Missing { name: "published_at" });
    }
    let url = fields.text("url")?;
    let slug = fields.text("slug")?;
    let slug = if url.is_none() && slug.is_none() { derived_slug(&title, &id) } else { slug };
    if url.is_none() && slug.is_none() {
        return Err(BadRecord::NoAddress);
    }
    Ok(Article {
        guid: fields.text("guid")?,
        url,
        slug,
        lead: fields.text("lead")?,
        body_html: fields.text("body_html")?,
        byline: fields.text("byline")?,
        status,
        published_at,
        updated_at: fields.stamp("updated_at", zones)?,
        embargo_until: fields.stamp("embargo_until", zones)?,
        correction: fields.text("correction")?,
        language: fields.text("language")?,
        rights: fields.text("rights")?,
        point: fields.point(),
        categories: Vec::new(),
        localities: fields.texts("localities")?,
        tags: fields.texts("tags")?,
        media: fields.list("media").into_iter().map(media).collect::<Result<_, _>>()?,
        id,
        title,
    })
}

fn status(word: Option<String>) -> Result<Status, BadRecord> {
    match word.as_deref() {
        None | Some("published") => Ok(Status::Published),
        Some("draft") => Ok(Status::Draft),
        Some("withdrawn") => Ok(Status::Withdrawn),
        Some(_) => {
            let word = word.unwrap_or_default();
            Err(BadRecord::Word { name: "status", word, expected: "`published`, `draft`, `withdrawn`" })
        }
    }
}

/// A category's slug or id, or an object `{id, slug, name, parent}`.
fn category(value: Value) -> Result<CategoryWish, BadRecord> {
    match value {
        Value::String(key) if !key.trim().is_empty() => {
            Ok(CategoryWish { key: key.trim().to_owned(), ..CategoryWish::default() })
        }
        Value::Number(number) => Ok(CategoryWish { key: number.to_string(), ..CategoryWish::default() }),
        Value::Object(_) => {
            let mut fields = Fields::new(value)?;
            let (id, slug, name) = (fields.id("id")?, fields.text("slug")?, fields.text("name")?);
            let key = id.or_else(|| slug.clone()).or_else(|| name.clone());
            let key = key.ok_or(BadRecord::Missing { name: "categories: id, slug or name" })?;
            Ok(CategoryWish { key, slug, name, parent: fields.id("parent")? })
        }
        other => Err(wrong("categories", "slugs, ids or objects", &other)),
    }
}

fn media(value: Value) -> Result<Media, BadRecord> {
    if let Value::String(url) = value {
        return Ok(Media { url, ..Media::default() });
    }
    let mut fields = Fields::new(value)?;
    Ok(Media {
        url: fields.text("url")?.ok_or(BadRecord::Missing { name: "media: url" })?,
        mime_type: fields.text("type")?,
        length: fields.number("length")?,
        width: fields.number("width")?,
        height: fields.number("height")?,
        duration: fields.number("duration")?,
        role: fields.text("role")?,
        caption: fields.text("caption")?,
        credit: fields.text("credit")?,
        alt: fields.text("alt")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Draft, String> {
        draft(line, &Zones::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_article() {
        let line = r#"{"id": 182035, "title": " Lúa  xuân\u0000 ", "published_at": "18/03/2022 06:30 GMT+7",
            "updated_at": 1647563400, "categories": ["thoi-su", {"id": 7, "slug": "kinh-te", "name": "Kinh tế"}],
            "localities": ["08287", "Việt Trì", "Việt Trì"], "tags": "lúa", "views": 3,
            "media": [{"url": "https://bao.example/a.jpg", "length": 12, "alt": "Lúa"}]}"#
            .replace('\n', " ");
        let draft = read(&line).unwrap();
        let article = &draft.article;
        assert_eq!((article.id.as_str(), article.title.as_str()), ("182035", "Lúa xuân"));
        assert_eq!(article.slug.as_deref(), Some("lua-xuan"));
        assert_eq!(article.published_at.unwrap().timestamp(), 1_647_559_800);
        assert_eq!((article.localities.len(), article.tags.len(), article.media.len()), (2, 1, 1));
        assert_eq!(draft.categories.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["thoi-su", "7"]);
        assert_eq!(draft.unknown_names, ["views"]);
    }

    #[test]
    fn what_cannot_be_taken_says_why() {
        let check = |line: &str, part: &str| {
            let error = read(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        };
        check("{", "no JSON: EOF");
        check("[1]", "expected an object, found a list");
        check(r#"{"title": "x"}"#, "`id` is missing or empty");
        check(r#"{"id": 1, "title": "  "}"#, "`title` is missing or empty");
        check(r#"{"id": true, "title": "x"}"#, "`id`: expected a text, found true or false");
        check(r#"{"id": 1, "title": "x"}"#, "`published_at` is missing");
        check(r#"{"id": 1, "title": "x", "published_at": "2022-03-18"}"#, "`published_at`: `2022-03-18` has no time");
        check(r#"{"id": 1, "title": "x", "status": "live"}"#, "`status`: `live` is none of");
        check(r#"{"id": 1, "title": "\ud800"}"#, "no JSON");
        check(r#"{"id": 1e999999, "title": "x"}"#, "no JSON");
        check(r#"{"id": "!", "title": "?", "status": "draft"}"#, "no slug can be made");
        check(&format!(r#"{{"id": 1, "tags": {}1{}}}"#, "[".repeat(200), "]".repeat(200)), "recursion limit");
        check(r#"{"id": 1, "title": "x", "status": "draft", "media": [{}]}"#, "`media: url` is missing");
        check(r#"{"id": 1, "title": "x", "status": "draft", "tags": [{}]}"#, "`tags`: expected a list of texts");
    }
}
