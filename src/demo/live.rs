//! A newsroom at work: one story after another is published, mended, taken back, published again and corrected, and some
//! are withdrawn, in an order that never changes, so that one can watch a feed reader follow.

use super::Newsroom;
use crate::domain::article::{Article, ArticleId, Status};
use crate::domain::clock::Timestamp;

/// Stories in one store: at one deed every 5 seconds enough for 40 hours. More would grow without end.
pub const STORIES_MAX: u64 = 5_000;
/// Of so many stories the first is withdrawn: stubs stand for days, and should not push the news out of the feeds.
const WITHDRAWN_EVERY: u64 = 5;
/// What is added to the lead of a story that goes on.
const CONTINUED: &str = " Tin đang được tiếp tục cập nhật.";
/// What readers are told of a mistake.
const CORRECTION: &str = "Bản đăng lúc đầu ghi chưa đúng một chi tiết. Tòa soạn xin lỗi bạn đọc.";
/// Letters of a word in which a slip of the keys is seen.
const SLIP_LETTERS_MIN: usize = 3;

/// What is done to a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It goes out, with a slip in its title.
    Publish,
    /// The slip is mended.
    Mend,
    /// It becomes a draft again.
    TakeBack,
    /// The draft goes out again.
    PublishAgain,
    /// A mistake is corrected, and readers are told.
    Correct,
    /// Its lead is brought up to date.
    Continue,
    /// It is withdrawn for good.
    Withdraw,
}

impl Deed {
    /// In the words of a log, Vietnamese, then English.
    #[must_use]
    pub const fn told(self) -> [&'static str; 2] {
        match self {
            Self::Publish => ["đã đăng", "published"],
            Self::Mend => ["đã sửa lỗi gõ", "typo mended"],
            Self::TakeBack => ["đã đưa về bản nháp", "back to draft"],
            Self::PublishAgain => ["đã đăng lại", "published again"],
            Self::Correct => ["đã đính chính", "corrected"],
            Self::Continue => ["đã cập nhật sapo", "lead updated"],
            Self::Withdraw => ["đã gỡ hẳn", "withdrawn"],
        }
    }

    /// The deed that follows on the same story; `None`: the next story's turn.
    const fn next(self, story: u64) -> Option<Self> {
        match self {
            Self::Publish => Some(Self::Mend),
            Self::Mend => Some(Self::TakeBack),
            Self::TakeBack => Some(Self::PublishAgain),
            Self::PublishAgain => Some(Self::Correct),
            Self::Correct if story % WITHDRAWN_EVERY == 1 => Some(Self::Withdraw),
            Self::Correct => Some(Self::Continue),
            Self::Continue | Self::Withdraw => None,
        }
    }
}

/// The newsroom at work.
#[derive(Debug)]
pub struct Live {
    newsroom: Newsroom,
    /// Counts the stories from 1.
    story: u64,
    deed: Deed,
    /// The story as it is to stand; `None`: not begun.
    article: Option<Article>,
}

impl Live {
    /// Begins with a story: the first that the store does not have, see [`Live::id`].
    #[must_use]
    pub const fn new(newsroom: Newsroom, story: u64) -> Self {
        Self { newsroom, story, deed: Deed::Publish, article: None }
    }

    /// The id of a story.
    #[must_use]
    pub fn id(newsroom: &Newsroom, story: u64) -> ArticleId {
        ArticleId::new(newsroom.articles.saturating_add(story).to_string())
    }

    /// The newsroom.
    #[must_use]
    pub const fn newsroom(&self) -> &Newsroom {
        &self.newsroom
    }

    /// The next deed, done now: the article as it stands after it. `None` when all [`STORIES_MAX`] stories are told.
    pub fn next(&mut self, now: Timestamp) -> Option<(Deed, Article)> {
        if self.story > STORIES_MAX {
            return None;
        }
        let deed = self.deed;
        let right = match self.article.take() {
            Some(article) => article,
            None => self.newsroom.desk.live(self.newsroom.articles.saturating_add(self.story), now)?,
        };
        let right = done(deed, right, now);
        let shown = Article {
            title: if deed == Deed::Publish { slipped(&right.title) } else { right.title.clone() },
            ..right.clone()
        };
        let next = deed.next(self.story);
        self.deed = next.unwrap_or(Deed::Publish);
        self.article = next.map(|_| right);
        self.story += u64::from(next.is_none());
        Some((deed, shown))
    }
}

fn done(deed: Deed, article: Article, now: Timestamp) -> Article {
    let article = Article { updated_at: Some(now), ..article };
    match deed {
        Deed::Publish | Deed::Mend => article,
        Deed::TakeBack => Article { status: Status::Draft, ..article },
        Deed::PublishAgain => Article { status: Status::Published, ..article },
        Deed::Correct => Article { correction: Some(CORRECTION.to_owned()), ..article },
        Deed::Continue => Article { lead: article.lead.map(|lead| lead + CONTINUED), ..article },
        Deed::Withdraw => Article { status: Status::Withdrawn, ..article },
    }
}

/// The title with the last two letters of its longest word in the wrong order.
fn slipped(title: &str) -> String {
    let letters = |word: &&str| word.chars().count();
    let is_plain = |word: &&str| word.chars().all(char::is_alphabetic) && letters(word) >= SLIP_LETTERS_MIN;
    let Some(word) = title.split(' ').filter(is_plain).max_by_key(letters) else { return title.to_owned() };
    let mut slip: Vec<char> = word.chars().collect();
    let last = slip.len() - 1;
    slip.swap(last - 1, last);
    title.replacen(word, &slip.into_iter().collect::<String>(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Options;

    fn now() -> Timestamp {
        "2026-11-22T22:10:00Z".parse().unwrap()
    }

    fn live(story: u64) -> Live {
        let anchor = "2026-11-22T22:00:00Z".parse().unwrap();
        Live::new(Newsroom::new(Options { articles: 50, seed: 1, anchor }).unwrap(), story)
    }

    #[test]
    fn stories_go_through_everything_in_an_order_that_never_changes() {
        use Deed::{Continue, Correct, Mend, Publish, PublishAgain, TakeBack, Withdraw};
        let deeds = |mut live: Live| (0..12).filter_map(|_| live.next(now())).collect::<Vec<_>>();
        let all = deeds(live(1));
        assert_eq!(all, deeds(live(1)));
        let order: Vec<Deed> = all.iter().map(|(deed, _)| *deed).collect();
        let begin = [Publish, Mend, TakeBack, PublishAgain, Correct];
        assert_eq!(order, [&begin[..], &[Withdraw], &begin, &[Continue]].concat());
        let ids: Vec<&str> = all.iter().map(|(_, article)| article.id.as_str()).collect();
        assert_eq!(ids, [["51"; 6], ["52"; 6]].concat());
        for ((_, before), (deed, after)) in all.iter().zip(all.iter().skip(1)) {
            assert_ne!(before, after, "{deed:?} changes something");
        }
        assert_eq!(live(2).newsroom().feeds_of(&all[6].1)[0], "all");
    }

    #[test]
    fn the_store_does_not_grow_without_end() {
        let mut last = live(STORIES_MAX);
        assert_eq!((0..10).filter_map(|_| last.next(now())).count(), 6);
        assert_eq!(live(STORIES_MAX + 1).next(now()), None);
    }

    #[test]
    fn a_slip_is_seen_and_small() {
        for (title, expect) in [("Cầu mới thông xe", "Cầu mới thôgn xe"), ("Ở xã", "Ở xã"), ("", "")] {
            assert_eq!(slipped(title), expect);
        }
    }
}
