//! An article ready to stand in feeds: what follows from it alone is worked out once, for however many feeds and formats.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::filing::Subjects;
use super::model::{Entry, Filed, Story};
use super::{Content, Names, Options, entry};
use crate::domain::article::{Article, ArticleId};
use crate::domain::fault::Fault;
use crate::domain::ledger::ArticleRecord;

/// An article ready to stand in feeds. Exactly determined by options, content, article and record; and, as to where it is
/// filed, by names.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(super) article: ArticleId,
    /// `None`: set aside.
    pub(super) entry: Option<Entry>,
    /// What was left out or mended.
    pub(super) faults: Vec<Fault>,
    subjects: Option<Arc<Subjects>>,
}

/// Makes an article ready to stand in feeds. Total: whatever is wrong becomes a fault.
#[must_use]
pub fn prepare(
    options: &Options,
    names: Names<'_>,
    content: Content,
    (article, record): (&Article, &ArticleRecord),
) -> Prepared {
    Prepared::unfiled(options, content, (article, record)).refiled(options, names)
}

impl Options {
    /// What an article that is ready follows from, but where it is filed. Whoever adds an option decides here whether it is
    /// one of these.
    #[must_use]
    pub fn of_articles(&self) -> String {
        let Self {
            article_url,
            language,
            rights,
            zone,
            identity,
            excerpt_chars_max,
            html,
            title: _,
            description: _,
            base_url: _,
            hubs: _,
            home_url: _,
            logo_url: _,
            icon_url: _,
            window: _,
            ttl_minutes: _,
            tombstone_days: _,
            stub_days: _,
            home: _,
            custom: _,
        } = self;
        format!("{article_url:?} {language} {rights:?} {zone} {identity:?} {excerpt_chars_max} {html:?}")
    }
}

/// What is kept in a file of an article that is ready. What follows from names as well is not part of it.
#[derive(Serialize, Deserialize)]
struct Kept<S, F> {
    story: S,
    subjects: F,
}

impl Prepared {
    /// The same as [`prepare`], but filed nowhere yet.
    #[must_use]
    pub fn unfiled(options: &Options, content: Content, (article, record): (&Article, &ArticleRecord)) -> Self {
        let mut faults = Vec::new();
        let story = entry::story(options, content, (article, record), &mut faults);
        let subjects = Subjects::of(options, article, record);
        let entry = story.map(|story| Entry::new(story, Filed::default()));
        Self { article: article.id.clone(), entry, faults, subjects: Some(Arc::new(subjects)) }
    }

    /// A line of JSON to keep it by; `None` if there is something to tell of it, and of one with a body, which is large.
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        let (Some(entry), Some(subjects)) = (&self.entry, &self.subjects) else { return None };
        let tells = !self.faults.is_empty() || entry.content.is_some();
        let kept = Kept { story: &*entry.story, subjects: &**subjects };
        (!tells).then(|| serde_json::to_string(&kept).ok()).flatten()
    }

    /// What was kept, filed nowhere yet.
    ///
    /// # Errors
    /// It is no such line.
    pub fn from_json(line: &str) -> serde_json::Result<Self> {
        let Kept::<Story, Subjects> { story, subjects } = serde_json::from_str(line)?;
        Ok(Self {
            article: story.article.clone(),
            entry: Some(Entry::new(story, Filed::default())),
            faults: Vec::new(),
            subjects: Some(Arc::new(subjects)),
        })
    }

    /// An article that cannot be read.
    #[must_use]
    pub fn set_aside(article: ArticleId, fault: Fault) -> Self {
        Self { article, entry: None, faults: vec![fault], subjects: None }
    }

    /// Which article.
    #[must_use]
    pub const fn article(&self) -> &ArticleId {
        &self.article
    }

    /// The same article filed anew, after names changed.
    #[must_use]
    pub fn refiled(&self, options: &Options, names: Names<'_>) -> Self {
        let mut refiled = self.clone();
        if let (Some(entry), Some(subjects)) = (&mut refiled.entry, &self.subjects) {
            let filed = subjects.filed(options, names);
            if *entry.filed != filed {
                *entry = entry.filed_under(filed);
            }
        }
        refiled
    }

    /// Bytes that it holds, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let entry = self.entry.as_ref().map_or(0, Entry::weight);
        let subjects = self.subjects.as_ref().map_or(0, |subjects| subjects.weight());
        let faults: usize = self.faults.iter().map(|fault| size_of::<Fault>() + fault.detail.len()).sum();
        size_of::<Self>() + self.article.as_str().len() + entry + subjects + faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::Media;
    use crate::domain::point::Point;
    use crate::feed::testing::{article, options, record};

    const KEPT: &str = concat!(
        r#"{"story":{"article":"1","id":"tag:baovidu.example,2022:article/1","guid":"tag:baovidu.example,2022:article/1","#,
        r#""link":"https://baovidu.example/1.htm","title":"Cầu mới thông xe","published":"2026-11-19T23:30:00Z","#,
        r#""updated":"2026-11-19T23:30:00Z","summary":"Xe đã qua cầu.","correction":"Sửa ngày","#,
        r#""authors":["Lê Hà","Trần An"],"media":[{"url":"https://a.example/a.jpg","mime_type":"image/jpeg","#,
        r#""medium":"Image","length":null,"width":null,"height":null,"duration":null,"caption":null,"credit":null,"#,
        r#""alt":null}],"language":"en","rights":"© Báo khác","point":{"latitude":21.3,"longitude":105.4}},"#,
        r#""subjects":{"categories":["2"],"localities":["08287"],"found":[{"place":{"code":{"level":"District","#,
        r#""number":227},"since":null},"is_assigned":false}],"tags":[{"key":"lúa xuân","label":"Lúa xuân"}],"#,
        r#""day":"2026-11-20"}}"#
    );

    #[test]
    fn what_is_kept_is_what_it_was() {
        let media = vec![Media { url: "https://a.example/a.jpg".to_owned(), ..Media::default() }];
        let article = Article {
            media,
            byline: Some("Lê Hà - Trần An".to_owned()),
            correction: Some("Sửa ngày".to_owned()),
            language: Some("en".to_owned()),
            rights: Some("© Báo khác".to_owned()),
            point: Point::read(Some("21.3"), Some("105.4")).unwrap(),
            localities: vec!["08287".to_owned()],
            tags: vec!["Lúa xuân".to_owned()],
            ..article("1")
        };
        let found = vec!["suggested:227".parse().unwrap()];
        let record = |article: &Article| ArticleRecord { found: found.clone(), ..record(article) };
        let prepared = |content| Prepared::unfiled(&options(), content, (&article, &record(&article)));
        let summary = prepared(Content::Summary);
        let line = summary.to_json().unwrap();
        assert_eq!(line, KEPT, "a program of the same version must read it: raise FORMAT in publish::summaries");
        let kept = Prepared::from_json(&line).unwrap();
        assert_eq!((kept.article, kept.entry, kept.subjects), (summary.article, summary.entry, summary.subjects));
        assert_eq!(prepared(Content::Full).to_json(), None, "with its body");
        let mended = Article { title: "a\u{1}b".to_owned(), ..article.clone() };
        let mended = Prepared::unfiled(&options(), Content::Summary, (&mended, &record(&mended)));
        assert_eq!(mended.to_json(), None, "there is something to tell");
        assert!(Prepared::from_json("{}").is_err());
    }

    #[test]
    fn what_an_article_shows_follows_from_these_options() {
        let before = options().of_articles();
        assert_ne!(
            Options { article_url: Some("https://b.example/{id}".to_owned()), ..options() }.of_articles(),
            before
        );
        assert_eq!(Options { title: "Báo khác".to_owned(), ..options() }.of_articles(), before);
    }
}
