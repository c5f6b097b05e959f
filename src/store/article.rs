//! Makes an article of its rows, by the rules of `docs/STORE.md`: what is wrong with a published article is named; what
//! is wrong with one that is not meant for readers never hinders taking it down.

use std::collections::HashSet;

use url::Url;

use super::row::Row;
use crate::domain::article::{Article, ArticleId, Media, Status};
use crate::domain::category::CategoryId;
use crate::domain::clock::Timestamp;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::point::Point;
use crate::text::html::plain_text;
use crate::text::stamp::{self, StampError, StampNote, Zones};

/// Most categories, localities or tags of one article: each has a feed, and each is resolved whenever one is made.
const JOINED_MAX: usize = 100;
/// Longest subtag of a language tag, in characters (RFC 5646 section 2.1).
const SUBTAG_CHARS_MAX: usize = 8;

/// The rows of one article.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Its rows in `articles`: one, if all is well.
    pub(super) articles: Vec<Row<'static>>,
    /// Its rows in `article_categories`.
    pub(super) categories: Vec<Row<'static>>,
    /// Its rows in `article_localities`.
    pub(super) localities: Vec<Row<'static>>,
    /// Its rows in `article_tags`.
    pub(super) tags: Vec<Row<'static>>,
    /// Its rows in `article_media`.
    pub(super) media: Vec<Row<'static>>,
}

/// What articles are read with.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    /// Zones of naive stamps.
    pub(super) zones: &'a Zones,
    /// The categories that exist, as far as the articles name them.
    pub(super) categories: &'a HashSet<CategoryId>,
}

/// Makes the article, with the faults that do not keep it from being published; or says why it cannot be published.
pub(super) fn read(id: &ArticleId, rows: Rows, reading: &Reading<'_>) -> (Result<Box<Article>, Fault>, Vec<Fault>) {
    let mut reader = Reader { id, zones: reading.zones, notices: Vec::new() };
    let article = reader.article(rows, reading.categories);
    (article, reader.notices)
}

struct Reader<'a> {
    id: &'a ArticleId,
    zones: &'a Zones,
    notices: Vec<Fault>,
}

impl Reader<'_> {
    fn article(&mut self, rows: Rows, known: &HashSet<CategoryId>) -> Result<Box<Article>, Fault> {
        let [row] = rows.articles.as_slice() else {
            return Err(self.fault(FaultCode::IdDuplicate, format!("{} rows", rows.articles.len())));
        };
        let mut article = self.plain(row)?;
        if article.status == Status::Published {
            self.require_publishable(row, &mut article)?;
        }
        article.point = self.point(row);
        article.categories = self.joined(rows.categories, "category_id").into_iter().map(CategoryId::new).collect();
        article.localities = self.joined(rows.localities, "locality");
        article.tags = self.joined(rows.tags, "tag");
        article.media = self.media(rows.media);
        for category in article.categories.iter().filter(|id| !known.contains(*id)) {
            self.notices.push(self.fault(FaultCode::CategoryUnknown, category));
        }
        if article.status != Status::Published {
            self.notices.clear();
        }
        Ok(Box::new(article))
    }

    /// Everything that needs no judgement.
    fn plain(&self, row: &Row<'_>) -> Result<Article, Fault> {
        let status = match row.text("status").map(|word| word.trim().to_ascii_lowercase()).as_deref() {
            Some("published") => Status::Published,
            Some("draft") => Status::Draft,
            Some("withdrawn") => Status::Withdrawn,
            other => {
                self.require_readable(row)?;
                return Err(self.fault(FaultCode::StatusUnknown, other.unwrap_or("NULL")));
            }
        };
        Ok(Article {
            id: self.id.clone(),
            guid: row.owned("guid"),
            url: row.owned("url").filter(|url| is_web_address(url)),
            slug: row.owned("slug"),
            title: row.owned("title").unwrap_or_default(),
            lead: row.owned("lead"),
            body_html: row.owned("body_html"),
            byline: row.owned("byline"),
            status,
            published_at: None,
            updated_at: None,
            embargo_until: None,
            correction: row.owned("correction"),
            language: row.owned("language"),
            rights: row.owned("rights"),
            point: None,
            categories: Vec::new(),
            localities: Vec::new(),
            tags: Vec::new(),
            media: Vec::new(),
        })
    }

    /// What a published article must have, and the stamps.
    fn require_publishable(&mut self, row: &Row<'_>, article: &mut Article) -> Result<(), Fault> {
        self.require_readable(row)?;
        if plain_text(&article.title).trim().is_empty() {
            return Err(self.fault(FaultCode::TitleMissing, &article.title));
        }
        self.stamps(row, article)?;
        if article.url.is_none() && article.slug.is_none() {
            return Err(self.fault(FaultCode::LinkMissing, row.text("url").unwrap_or("")));
        }
        if let Some(language) = article.language.take_if(|language| !is_language_tag(language)) {
            self.notices.push(self.fault(FaultCode::LanguageUnusable, language));
        }
        if row.text("published_from") == Some("update") {
            self.notices.push(self.fault(FaultCode::PublicationFromUpdate, row.text("published_at").unwrap_or("")));
        }
        Ok(())
    }

    fn require_readable(&self, row: &Row<'_>) -> Result<(), Fault> {
        let Some((column, why)) = row.unreadable() else { return Ok(()) };
        let code = if column == "embargo_until" { FaultCode::EmbargoUnreadable } else { FaultCode::RowUnreadable };
        Err(self.fault(code, format!("column {column}: {why}")))
    }

    fn stamps(&mut self, row: &Row<'_>, article: &mut Article) -> Result<(), Fault> {
        let Some(text) = row.text("published_at") else {
            return Err(self.fault(FaultCode::PublishedAtMissing, ""));
        };
        let published = self.stamp("published_at", text).map_err(|error| {
            let code = match error {
                StampError::Absurd { .. } => FaultCode::StampAbsurd,
                _ => FaultCode::StampUnreadable,
            };
            self.fault(code, format!("published_at: {error}"))
        })?;
        article.published_at = Some(published);
        if let Some(text) = row.text("embargo_until") {
            let embargo = self.stamp("embargo_until", text);
            article.embargo_until = Some(embargo.map_err(|error| self.fault(FaultCode::EmbargoUnreadable, error))?);
        }
        if let Some(text) = row.text("updated_at") {
            match self.stamp("updated_at", text) {
                Ok(updated) => article.updated_at = Some(updated),
                Err(error) => self.notices.push(self.fault(FaultCode::UpdatedAtUnusable, error)),
            }
            if article.updated_at.is_some_and(|updated| updated < published) {
                self.notices.push(self.fault(FaultCode::UpdatedBeforePublished, text));
            }
        }
        Ok(())
    }

    fn stamp(&mut self, column: &str, text: &str) -> Result<Timestamp, StampError> {
        let stamp = stamp::read(text, self.zones)?;
        for note in stamp.notes {
            let code = match note {
                StampNote::Gap | StampNote::Ambiguous => FaultCode::StampAmbiguous,
                StampNote::Weekday { .. } => FaultCode::StampWeekday,
            };
            self.notices.push(self.fault(code, format!("{column} `{text}`: {note}")));
        }
        Ok(stamp.instant)
    }

    fn point(&mut self, row: &Row<'_>) -> Option<Point> {
        Point::read(row.text("latitude"), row.text("longitude")).unwrap_or_else(|error| {
            self.notices.push(self.fault(FaultCode::PointUnusable, error));
            None
        })
    }

    /// The values of joined rows in their order; a row without one is left out, with a notice.
    fn joined(&mut self, rows: Vec<Row<'_>>, column: &str) -> Vec<String> {
        let mut values = Vec::new();
        for row in in_order(rows, column) {
            match row.owned(column) {
                Some(value) => values.push(value),
                None => self.notices.push(self.fault(FaultCode::JoinedRowUnreadable, reason(&row, column))),
            }
        }
        let mut seen = HashSet::new();
        values.retain(|value| seen.insert(value.clone()));
        if values.len() > JOINED_MAX {
            self.notices.push(self.fault(FaultCode::JoinedRowsTooMany, format!("{} of {column}", values.len())));
            values.truncate(JOINED_MAX);
        }
        values
    }

    fn media(&mut self, rows: Vec<Row<'_>>) -> Vec<Media> {
        let mut media = Vec::new();
        for row in in_order(rows, "url") {
            match row.owned("url").filter(|url| row.unreadable().is_none() && is_web_address(url)) {
                Some(url) => media.push(one_media(&row, url)),
                None => self.notices.push(self.fault(FaultCode::MediaUnusable, reason(&row, "url"))),
            }
        }
        media
    }

    fn fault(&self, code: FaultCode, detail: impl std::fmt::Display) -> Fault {
        Fault::of_article(self.id, code, detail)
    }
}

fn one_media(row: &Row<'_>, url: String) -> Media {
    let pixels = |column| number(row, column).and_then(|n| u32::try_from(n).ok());
    Media {
        url,
        mime_type: row.owned("type"),
        length: number(row, "length"),
        width: pixels("width"),
        height: pixels("height"),
        duration: pixels("duration"),
        role: row.owned("role"),
        caption: row.owned("caption"),
        credit: row.owned("credit"),
        alt: row.owned("alt"),
    }
}

/// By position (rows without one last), then by the value: the same order whatever the database's.
fn in_order<'a>(mut rows: Vec<Row<'a>>, column: &str) -> Vec<Row<'a>> {
    rows.sort_by_cached_key(|row| (position(row).unwrap_or(i64::MAX), row.owned(column), row.digest()));
    rows
}

/// The row's place among its siblings.
pub(super) fn position(row: &Row<'_>) -> Option<i64> {
    row.text("position")?.trim().parse().ok()
}

/// The whole part of a number that is not negative.
fn number(row: &Row<'_>, column: &str) -> Option<u64> {
    row.text(column)?.trim().split('.').next()?.parse().ok()
}

fn reason(row: &Row<'_>, column: &str) -> String {
    match row.unreadable() {
        Some((column, why)) => format!("column {column}: {why}"),
        None => format!("column {column}: {}", row.text(column).unwrap_or("nothing there")),
    }
}

fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Has it the shape of a BCP 47 tag (RFC 5646 section 2.1)?
fn is_language_tag(text: &str) -> bool {
    let subtag = |part: &str| {
        (1..=SUBTAG_CHARS_MAX).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let primary = text.split('-').next().unwrap_or_default();
    primary.len() >= 2 && primary.bytes().all(|byte| byte.is_ascii_alphabetic()) && text.split('-').all(subtag)
}
