//! Which article an entry of the old feed is. Every article of the store passes by once; what is kept of them is only
//! what may be meant.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::{OldEntry, address, text};
use crate::domain::article::{Article, ArticleId, Status};
use crate::domain::clock::Timestamp;

/// How far the dates of an entry and of an article of the same title may lie apart: old feeds call a Vietnamese time one
/// of another zone and are up to 14 hours off, and a title that comes again does so the next day at the earliest.
const APART_MAX: TimeDelta = TimeDelta::hours(24);
/// What stands where a text was damaged on its way. A guid with it is not the one that readers know.
const DAMAGE: char = char::REPLACEMENT_CHARACTER;

/// By what an entry was found, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// The store gives the article this guid.
    Guid,
    /// One address.
    Address,
    /// One title, and published at most 24 hours apart.
    Title,
}

/// An article that may be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which article.
    pub id: ArticleId,
    /// When it is published.
    pub published: Option<Timestamp>,
    /// The address that its entry has in our feeds.
    pub address: Option<String>,
}

/// What was found for an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// One article.
    Matched(Candidate, How),
    /// Several articles fit equally well.
    Ambiguous(Vec<ArticleId>),
    /// The guid was damaged on its way: nobody can tell what readers know.
    Damaged,
    /// None.
    Unmatched,
}

/// An entry, and what was found for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The entry.
    pub entry: OldEntry,
    /// What was found.
    pub outcome: Outcome,
}

/// Finds the articles of entries.
#[derive(Debug)]
pub struct Matcher {
    entries: Vec<OldEntry>,
    /// Of each entry, what fits it.
    fitting: Vec<Vec<(How, Candidate)>>,
    by_guid: HashMap<String, Vec<usize>>,
    by_address: HashMap<String, Vec<usize>>,
    by_title: HashMap<String, Vec<usize>>,
}

impl Matcher {
    /// For these entries.
    #[must_use]
    pub fn new(entries: Vec<OldEntry>) -> Self {
        let (mut by_guid, mut by_address, mut by_title) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (at, entry) in entries.iter().enumerate() {
            add(&mut by_guid, entry.guid.clone(), at);
            for key in entry.links.iter().filter_map(|link| address::key(link)) {
                add(&mut by_address, key, at);
            }
            add(&mut by_title, text::title(&entry.title), at);
        }
        by_title.remove("");
        Self { fitting: vec![Vec::new(); entries.len()], entries, by_guid, by_address, by_title }
    }

    /// Looks at an article and at the address that its entry has in our feeds.
    pub fn offer(&mut self, article: &Article, address: Option<&str>) {
        let of = |map: &HashMap<String, Vec<usize>>, key: Option<String>| {
            key.and_then(|key| map.get(&key)).cloned().unwrap_or_default()
        };
        let guid = article.guid.as_deref().map(|guid| guid.trim().to_owned());
        let by_guid = of(&self.by_guid, guid).into_iter().map(|at| (How::Guid, at));
        let by_address = of(&self.by_address, address.and_then(address::key)).into_iter().map(|at| (How::Address, at));
        let title = (article.status == Status::Published).then(|| text::title(&article.title));
        let by_title = of(&self.by_title, title).into_iter().map(|at| (How::Title, at));
        let published = article.due_at();
        for (how, at) in by_guid.chain(by_address).chain(by_title) {
            let (Some(entry), Some(fitting)) = (self.entries.get(at), self.fitting.get_mut(at)) else { continue };
            let is_near = apart(entry.published, published).is_some_and(|apart| apart <= APART_MAX);
            let is_known = fitting.iter().any(|(_, known)| known.id == article.id);
            if !is_known && (how != How::Title || is_near) {
                let (id, address) = (article.id.clone(), address.map(str::to_owned));
                fitting.push((how, Candidate { id, published, address }));
            }
        }
    }

    /// What was found, in the order of the entries.
    #[must_use]
    pub fn finish(self) -> Vec<Found> {
        let found = |(entry, fitting): (OldEntry, Vec<(How, Candidate)>)| {
            let outcome = if entry.guid.contains(DAMAGE) { Outcome::Damaged } else { choose(&entry, fitting) };
            Found { entry, outcome }
        };
        self.entries.into_iter().zip(self.fitting).map(found).collect()
    }
}

fn add(map: &mut HashMap<String, Vec<usize>>, key: String, at: usize) {
    let entries = map.entry(key).or_default();
    if entries.last() != Some(&at) {
        entries.push(at);
    }
}

fn apart(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<TimeDelta> {
    Some((a? - b?).abs())
}

/// Of what fits in the surest way, the one that is nearest in time.
fn choose(entry: &OldEntry, mut fitting: Vec<(How, Candidate)>) -> Outcome {
    let Some(how) = fitting.iter().map(|(how, _)| *how).min() else { return Outcome::Unmatched };
    fitting.retain(|(by, _)| *by == how);
    let distance = |candidate: &Candidate| apart(entry.published, candidate.published).unwrap_or(TimeDelta::MAX);
    let nearest = fitting.iter().map(|(_, candidate)| distance(candidate)).min();
    fitting.retain(|(_, candidate)| Some(distance(candidate)) == nearest);
    let mut candidates: Vec<Candidate> = fitting.into_iter().map(|(_, candidate)| candidate).collect();
    match candidates.pop() {
        Some(only) if candidates.is_empty() => Outcome::Matched(only, how),
        last => {
            let mut ids: Vec<ArticleId> = candidates.into_iter().chain(last).map(|candidate| candidate.id).collect();
            ids.sort();
            Outcome::Ambiguous(ids)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn entry(guid: &str, link: &str, title: &str, published: Option<&str>) -> OldEntry {
        let (guid, title, published) = (guid.to_owned(), title.to_owned(), published.map(at));
        OldEntry { links: vec![link.to_owned(), guid.clone()], has_guid: true, guid, title, published }
    }

    fn article(id: &str, title: &str, published: &str) -> Article {
        Article {
            id: ArticleId::new(id),
            guid: None,
            url: None,
            slug: None,
            title: title.to_owned(),
            lead: None,
            body_html: None,
            byline: None,
            status: Status::Published,
            published_at: Some(at(published)),
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

    const NOON: &str = "2026-03-18T12:00:00+07:00";

    /// Which article an entry is.
    fn matched(outcome: Outcome) -> (String, How) {
        let Outcome::Matched(candidate, how) = outcome else { panic!("{outcome:?}") };
        (candidate.id.to_string(), how)
    }

    /// What is found for one entry among articles with their addresses.
    fn found(entry: OldEntry, articles: &[(Article, &str)]) -> Outcome {
        let mut matcher = Matcher::new(vec![entry]);
        for (article, address) in articles {
            matcher.offer(article, Some(address));
        }
        matcher.finish().remove(0).outcome
    }

    #[test]
    fn the_address_is_surer_than_the_title_and_the_guid_surer_still() {
        let articles = || {
            [
                (article("1", "Tin", NOON), "https://a.example/khac"),
                (article("2", "Khác", NOON), "https://a.example/tin"),
                (Article { guid: Some(" g3 ".to_owned()), ..article("3", "Khác", NOON) }, "https://a.example/3"),
            ]
        };
        let check = |guid: &str, link: &str, id: &str, how: How| {
            let outcome = found(entry(guid, link, "Tin", Some(NOON)), &articles());
            assert_eq!(matched(outcome), (id.to_owned(), how), "{guid} {link}");
        };
        check("g", "http://www.a.example/tin/?utm_source=rss", "2", How::Address);
        check("http://a.example/tin", "https://dem.example/1", "2", How::Address);
        check("g", "https://a.example/cu", "1", How::Title);
        check("g3", "https://a.example/cu", "3", How::Guid);
    }

    #[test]
    fn one_title_on_two_days_is_two_articles() {
        let articles = [
            (article("hom-nay", "Thời tiết", "2026-03-18T05:00:00+07:00"), ""),
            (article("hom-qua", "Thời tiết", "2026-03-17T05:00:00+07:00"), ""),
            (article("chieu", "Thời  tiết", "2026-03-18T17:00:00+07:00"), ""),
            (Article { status: Status::Draft, ..article("nhap", "Thời tiết", NOON) }, ""),
        ];
        let check = |published: Option<&str>, expect: Outcome| {
            let outcome = found(entry("g", "https://a.example/x", "Thời tiết", published), &articles);
            assert_eq!(outcome, expect, "{published:?}");
        };
        let by_title = |published: &str| {
            matched(found(entry("g", "https://a.example/x", "Thời tiết", Some(published)), &articles))
        };
        assert_eq!(by_title("2026-03-18T05:00:00+07:00"), ("hom-nay".to_owned(), How::Title));
        // Called UTC, and so seven hours off.
        assert_eq!(by_title("2026-03-17T05:00:00Z"), ("hom-qua".to_owned(), How::Title));
        check(
            Some("2026-03-18T11:00:00+07:00"),
            Outcome::Ambiguous(vec![ArticleId::new("chieu"), ArticleId::new("hom-nay")]),
        );
        check(Some("2026-03-20T05:00:00+07:00"), Outcome::Unmatched);
        check(None, Outcome::Unmatched);
    }

    #[test]
    fn several_rows_of_one_address_are_told_apart_by_time() {
        let articles = [
            (article("1", "A", "2026-03-18T05:00:00+07:00"), "https://a.example/x"),
            (article("2", "B", "2026-03-10T05:00:00+07:00"), "https://a.example/x"),
        ];
        let outcome = found(entry("g", "https://a.example/x", "", Some(NOON)), &articles);
        assert_eq!(matched(outcome), ("1".to_owned(), How::Address));
        let outcome = found(entry("g", "https://a.example/x", "", None), &articles);
        assert_eq!(outcome, Outcome::Ambiguous(vec![ArticleId::new("1"), ArticleId::new("2")]));
    }

    #[test]
    fn a_damaged_guid_is_not_taken_over() {
        let articles = [(article("1", "A", NOON), "https://a.example/x")];
        assert_eq!(found(entry("tin-\u{fffd}", "https://a.example/x", "A", Some(NOON)), &articles), Outcome::Damaged);
    }
}
