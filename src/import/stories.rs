//! From a page to records: what the store knows already is completed, never doubled. Whether a page or a list that
//! names its story comes first makes no difference.

use chrono::Duration;

use super::page::{Listed, Page};
use super::record::{PublishedFrom, Record, derived_id, derived_slug};
use super::writer::{WriteError, Writer};
use crate::domain::article::{Article, ArticleId, Status};
use crate::domain::category::CategoryId;
use crate::domain::clock::Timestamp;

/// How long before a page's update stamp its story may have been published.
const LISTED_DAYS_MAX: i64 = 3;

/// What a page does not say.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub(super) category: Option<CategoryId>,
    pub(super) localities: Vec<String>,
    /// Are the places of the stories read from their texts?
    pub(super) reads_places: bool,
    pub(super) id: Option<String>,
    pub(super) url: Option<String>,
}

/// A story's record, or why there is none.
pub(super) enum Outcome {
    /// A story that the store does not have, or has otherwise.
    Write(Record),
    /// One that the store knew from a list, now with its text.
    Complete(Record),
    /// One that is there already, as new or newer.
    Known(ArticleId),
    /// Nobody can tell what it is.
    Fault(String),
}

/// The story of the page itself.
pub(super) async fn of_page(writer: &mut Writer, page: &Page, given: &Given) -> Result<Outcome, WriteError> {
    let updated = page.updated.instant;
    let known = writer.find(Some(&page.title), given.id.as_deref(), given.url.as_deref()).await?;
    let is_given =
        |a: &Article| given.id.as_deref() == Some(a.id.as_str()) || given.url.is_some() && given.url == a.url;
    let within =
        |a: &Article| a.published_at.is_some_and(|at| (updated - at).num_seconds() >= 0 && is_near(at, updated));
    let later = |a: &Article| a.updated_at.is_some_and(|at| at >= updated && is_near(updated, at));
    let is_it = |r: &&Record| {
        is_given(&r.article) || r.article.title == page.title && (within(&r.article) || later(&r.article))
    };
    let candidates: Vec<&Record> = known.iter().filter(is_it).collect();
    let (base, completes) = match candidates.as_slice() {
        [] => (new_page(page, given), false),
        [one] => match &given.id {
            Some(id) if id != one.article.id.as_str() => return Ok(Outcome::Fault(other_id(page, id, one))),
            _ if one.article.updated_at.is_some_and(|at| at > updated) => {
                return Ok(Outcome::Known(one.article.id.clone()));
            }
            _ => ((*one).clone(), one.article.body_html.is_none()),
        },
        several => return Ok(Outcome::Fault(two_candidates(&page.title, several))),
    };
    let record = completed(base, page, given);
    if record.article.url.is_none() && record.article.slug.is_none() {
        return Ok(Outcome::Fault("no slug can be made of the title; name an address with --url".to_owned()));
    }
    Ok(if completes { Outcome::Complete(record) } else { Outcome::Write(record) })
}

/// A story that a page lists.
pub(super) async fn of_list(writer: &mut Writer, listed: &Listed, given: &Given) -> Result<Outcome, WriteError> {
    let published = listed.published.instant;
    let known = writer.find(Some(&listed.title), None, None).await?;
    let at = |r: &&Record| r.article.published_at == Some(published);
    let near = |r: &&Record| {
        let instants = [r.article.published_at, r.article.updated_at];
        // What another list dates otherwise is another story.
        r.published_from != PublishedFrom::List
            && instants.into_iter().flatten().any(|at| at >= published && is_near(published, at))
    };
    let exact: Vec<&Record> = known.iter().filter(at).collect();
    let candidates = if exact.is_empty() { known.iter().filter(near).collect() } else { exact };
    Ok(match candidates.as_slice() {
        [] => new_listed(listed, given).map_or_else(no_slug, Outcome::Write),
        [one] if one.published_from == PublishedFrom::Update => {
            let mut record = (*one).clone();
            record.article.published_at = Some(published);
            record.published_from = PublishedFrom::List;
            Outcome::Write(record)
        }
        [one] => Outcome::Known(one.article.id.clone()),
        several => Outcome::Fault(two_candidates(&listed.title, several)),
    })
}

fn no_slug() -> Outcome {
    Outcome::Fault("no slug can be made of the title".to_owned())
}

fn is_near(earlier: Timestamp, later: Timestamp) -> bool {
    later - earlier <= Duration::days(LISTED_DAYS_MAX)
}

fn new_page(page: &Page, given: &Given) -> Record {
    let published = page.updated.instant;
    let id = given.id.as_ref().map_or_else(|| derived_id(&page.title, published), |id| ArticleId::new(id.as_str()));
    Record { article: bare(id, &page.title, published), published_from: PublishedFrom::Update }
}

fn new_listed(listed: &Listed, given: &Given) -> Option<Record> {
    let published = listed.published.instant;
    let id = derived_id(&listed.title, published);
    let mut article = bare(id, &listed.title, published);
    article.slug = Some(derived_slug(&listed.title, &article.id)?);
    article.lead.clone_from(&listed.lead);
    article.categories.extend(given.category.clone());
    Some(Record { article, published_from: PublishedFrom::List })
}

/// The story with all that the page and the options say. Its id, and where a list gave it its publication, stay.
fn completed(mut record: Record, page: &Page, given: &Given) -> Record {
    let article = &mut record.article;
    article.title.clone_from(&page.title);
    let is_known = article.body_html.is_some();
    article.lead = page.lead.clone().or(article.lead.take());
    article.body_html = page.body_html.clone().or(article.body_html.take());
    article.byline = page.byline.clone().or(article.byline.take());
    article.updated_at = Some(page.updated.instant);
    article.url = given.url.clone().or(article.url.take());
    if article.url.is_none() && article.slug.is_none() {
        article.slug = derived_slug(&article.title, &article.id);
    }
    if let Some(category) = given.category.as_ref().filter(|category| !article.categories.contains(category)) {
        article.categories.push(category.clone());
    }
    // A page's link to more news of a place says less of the story than its own text does.
    // Once the story has its text, an import changes nothing of that.
    let linked = page.locality.as_ref().filter(|_| !given.reads_places && !is_known);
    if given.reads_places {
        article.localities.retain(|locality| Some(locality) != page.locality.as_ref());
    }
    for locality in given.localities.iter().chain(linked) {
        if !article.localities.contains(locality) {
            article.localities.push(locality.clone());
        }
    }
    // The store keeps them in this order.
    article.localities.sort();
    record
}

fn bare(id: ArticleId, title: &str, published: Timestamp) -> Article {
    Article {
        id,
        guid: None,
        url: None,
        slug: None,
        title: title.to_owned(),
        lead: None,
        body_html: None,
        byline: None,
        status: Status::Published,
        published_at: Some(published),
        updated_at: None,
        embargo_until: None,
        correction: None,
        language: None,
        rights: None,
        point: None,
        categories: Vec::new(),
        localities: Vec::new(),
        tags: Vec::new(),
        media: Vec::new(),
    }
}

fn two_candidates(title: &str, candidates: &[&Record]) -> String {
    let ids: Vec<&str> = candidates.iter().map(|record| record.article.id.as_str()).collect();
    format!("`{title}` may be any of the articles {}; say which with --id", ids.join(", "))
}

fn other_id(page: &Page, id: &str, known: &Record) -> String {
    let known = &known.article.id;
    format!(
        "`{}` is article {known} already, and an id stays for ever; leave out --id {id}, or give --id {known}",
        page.title
    )
}
