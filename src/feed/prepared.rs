//! An article ready to stand in feeds: what follows from it alone is worked out once, for however many feeds and formats.

use std::sync::Arc;

use super::filing::Subjects;
use super::model::Entry;
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
    let mut faults = Vec::new();
    let story = entry::story(options, content, (article, record), &mut faults);
    let subjects = Subjects::of(options, article, record);
    let entry = story.map(|story| Entry::new(story, subjects.filed(options, names)));
    Prepared { article: article.id.clone(), entry, faults, subjects: Some(Arc::new(subjects)) }
}

impl Prepared {
    /// An article that cannot be read.
    #[must_use]
    pub fn set_aside(article: ArticleId, fault: Fault) -> Self {
        Self { article, entry: None, faults: vec![fault], subjects: None }
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
