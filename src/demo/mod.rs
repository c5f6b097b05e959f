//! A self-made newspaper for trying out: `Báo Trung Du`, with sections, all units of Phú Thọ by official code, and as
//! many articles as wanted in Vietnamese put together from our own phrases. The same options give the same newspaper,
//! byte for byte; each article is made of its number alone, so a million of them need no memory.
//!
//! The phrases have one to four syllables, so that the text compresses as real Vietnamese prose does (gzip to 0.30 to
//! 0.35) and figures measured on it mean something.

mod calendar;
mod grammar;
pub mod live;
mod places;
mod prose;
mod random;
mod sections;
mod spelling;
mod story;

use crate::domain::article::Article;
use crate::domain::category::{Category, CategoryTree};
use crate::domain::clock::Timestamp;

pub use grammar::GrammarError;

/// The newspaper's name.
pub const TITLE: &str = "Báo Trung Du";
/// One sentence about it.
pub const DESCRIPTION: &str = "Tờ báo tự tạo của một tỉnh trung du, để dùng thử Loa; mọi tin bài đều là hư cấu";
/// Its front page: a name that never resolves (RFC 2606).
pub const HOME_URL: &str = "https://baotrungdu.example/";
/// Where its pictures would be.
pub const MEDIA_URL: &str = "https://media.baotrungdu.example/";
/// Rights line.
pub const RIGHTS: &str = "© Báo Trung Du";
/// Who mints its ids, and since when (RFC 4151).
pub const IDENTITY: (&str, &str) = ("baotrungdu.example", "2025");

/// Which newspaper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many articles.
    pub articles: u64,
    /// Another number gives another newspaper.
    pub seed: u64,
    /// Where its time stands: the newest articles are some hours older, a few scheduled ones come later.
    pub anchor: Timestamp,
}

/// The newspaper.
#[derive(Debug)]
pub struct Newsroom {
    desk: story::Desk,
    articles: u64,
}

impl Newsroom {
    /// Opens it.
    ///
    /// # Errors
    /// [`GrammarError`] for a mistake in the word lists, which a test excludes.
    pub fn new(options: Options) -> Result<Self, GrammarError> {
        Ok(Self { desk: story::Desk::new(options)?, articles: options.articles })
    }

    /// Its sections, parents first.
    #[must_use]
    pub fn categories(&self) -> Vec<Category> {
        sections::categories()
    }

    /// All its articles, the oldest first, made as they are asked for.
    pub fn articles(&self) -> impl Iterator<Item = Article> + '_ {
        (1..=self.articles).filter_map(|number| self.desk.article(number))
    }

    /// The feeds, as paths below `/feeds/`, in which one of its articles is to be found: the front page and its sections
    /// with those above them.
    #[must_use]
    pub fn feeds_of(&self, article: &Article) -> Vec<String> {
        let tree = CategoryTree::new(self.categories());
        let sections = article.categories.iter().flat_map(|id| tree.self_and_ancestors(id));
        let mut feeds = vec!["all".to_owned()];
        for path in sections.map(|section| format!("category/{}", section.slug)) {
            if !feeds.contains(&path) {
                feeds.push(path);
            }
        }
        feeds
    }
}

#[cfg(test)]
mod tests;
