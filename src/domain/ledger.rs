//! What Loa remembers of what it has published: the ledger's records. State keeps them, the catalog is made of them.

use chrono::TimeDelta;

use super::article::ArticleId;
use super::category::CategoryId;
use super::clock::Timestamp;
use super::found::FoundPlace;
use super::scope::Scope;

/// Days for which a feed announces that its unit is no more: who looks in once a quarter sees it.
pub const NOTICE_DAYS: i64 = 90;

/// A hash of what a reader sees of an article: title, lead, body, byline, media, correction.
pub type Fingerprint = [u8; 16];

/// The ledger's record of one article that was published at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleRecord {
    /// The store's id.
    pub id: ArticleId,
    /// The stored guid at first publication; frozen since.
    pub guid: Option<String>,
    /// The later of publication and end of embargo; frozen at first publication.
    pub published: Timestamp,
    /// Last change that a reader can see; never earlier than `published`.
    pub updated: Timestamp,
    /// What a reader saw when this record was written.
    pub fingerprint: Fingerprint,
    /// Digest of the store's row (with its joined rows) on which this record was decided.
    pub digest: u64,
    /// The store's `updated_at` of that row: tells a store that went backwards.
    pub store_updated: Option<Timestamp>,
    /// The article's own categories, the main one first.
    pub categories: Vec<CategoryId>,
    /// Every scope it is in: sorted, ancestors and `all` included. Kept after it has gone, for tombstones.
    pub scopes: Vec<Scope>,
    /// Places that its text names and its row does not, sorted.
    pub found: Vec<FoundPlace>,
    /// Where it stands.
    pub standing: Standing,
    /// Counts the writes of this record, from 1. A writer names the version it decided on; the first writer wins.
    pub version: u64,
}

impl ArticleRecord {
    /// Is it in its feeds?
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.standing == Standing::Public
    }
}

/// Where an article that was published stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In its feeds.
    Public,
    /// In no feed because its row cannot be published; no tombstone, comes back when the row is mended.
    SetAside,
    /// It left its feeds at this instant.
    Gone {
        /// When Loa took it out.
        at: Timestamp,
        /// Why.
        reason: Departure,
    },
}

/// Why an article left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// Back to draft, under embargo, or its date moved later: may return.
    Left,
    /// Its row vanished, as two complete reads agreed: may return.
    Vanished,
    /// Withdrawn for good: returns only by `loa articles restore`, or by the store where that is allowed.
    Withdrawn,
}

impl Departure {
    /// The word in state.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Vanished => "vanished",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word in state.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Left, Self::Vanished, Self::Withdrawn].into_iter().find(|reason| reason.as_str() == word)
    }
}

/// The ledger's record of one feed. A scope that never held an article, nor an announcement, has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRecord {
    /// Which feed.
    pub scope: Scope,
    /// Counts the committed changes of the feed, from 1.
    pub sequence: u64,
    /// The instant of the last publication, edit, removal or announcement in it, or the first second after the change before if that
    /// is later: no two states of a feed that readers may have seen share a second.
    pub changed_at: Timestamp,
    /// The sequence at which an article last had to leave it. A document older than this is never served again.
    pub removal_sequence: u64,
    /// When it ceases to announce that its unit is no more; `None`: it never began. Fixed once begun. What it says is in
    /// the documents of every state before that instant ([`FeedRecord::announces`]), so the ledger alone decides.
    pub notice_until: Option<Timestamp>,
}

impl FeedRecord {
    /// Has it begun to announce a change of this instant? What it announced before may have been an earlier change.
    #[must_use]
    pub fn has_announced(&self, change: Timestamp) -> bool {
        self.notice_until.is_some_and(|until| notice_until(change, change) <= until)
    }

    /// Is the announcement of a change of this instant in its present state?
    #[must_use]
    pub fn announces(&self, change: Timestamp) -> bool {
        self.has_announced(change) && self.notice_due().is_some()
    }

    /// When the announcement that is in its present state has to leave; `None`: there is none.
    #[must_use]
    pub fn notice_due(&self) -> Option<Timestamp> {
        self.notice_until.filter(|until| self.changed_at < *until)
    }
}

/// Until when a change is announced that somebody first asks for at an instant: counted from the later of both.
#[must_use]
pub fn notice_until(change: Timestamp, asked_at: Timestamp) -> Timestamp {
    change.max(asked_at).checked_add_signed(TimeDelta::days(NOTICE_DAYS)).unwrap_or(Timestamp::MAX_UTC)
}

/// One change of an article's record, as the engine decided it.
#[derive(Debug, Clone, PartialEq)]
pub struct ArticleWrite {
    /// The record to write. Its `version` is the version it was decided on, 0 for a new one; state writes the next.
    pub record: ArticleRecord,
    /// The feeds that it changes.
    pub touches: Vec<Touch>,
}

/// A feed that a change touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// Which feed.
    pub scope: Scope,
    /// When it changed. The feed's own `changed_at` never goes back.
    pub at: Timestamp,
    /// Must an article leave this feed's older documents (withdrawn, embargoed, back to draft, vanished)?
    pub removes: bool,
}

/// A feed whose unit is no more, and that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Which feed.
    pub scope: Scope,
    /// When the unit ended.
    pub change: Timestamp,
    /// When somebody asked.
    pub at: Timestamp,
}

/// What one transaction writes: all of it, or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Changed articles.
    pub writes: Vec<ArticleWrite>,
    /// Feeds that change for another reason (a category's name, its place in the tree).
    pub touches: Vec<Touch>,
    /// Combinations that somebody has asked for: those without a record get their first one, changed when the earlier of
    /// its two feeds last changed, which is never before its own last change. From then on it is touched like every
    /// other feed; a touch of a combination without a record does nothing.
    pub begins: Vec<Scope>,
    /// Feeds that are to announce a change: those that have not begun to do so begin, and change; the others stay as they
    /// are.
    pub announcements: Vec<Announcement>,
    /// Feeds whose announcement is to leave, as found at an instant: they change, unless it has left already or is not due.
    pub expiries: Vec<(Scope, Timestamp)>,
    /// Articles that the store has withdrawn: they go on the deny list for good.
    pub withdrawals: Vec<(ArticleId, Timestamp)>,
    /// Is this a part of the first fill? Its touches carry the articles' own instants and nothing is served yet, so a
    /// feed comes to the latest of them, whatever the order and the size of the parts.
    pub filling: bool,
}

/// What the transaction left behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    /// The record of every article in the batch as it now stands: ours, or the one of another writer who was first.
    pub articles: Vec<ArticleRecord>,
    /// The record of every feed that the batch touched, as it now stands.
    pub feeds: Vec<FeedRecord>,
    /// What it has written of articles and feeds, if anything and if state can tell.
    pub written: Option<Written>,
}

/// What one transaction has written of articles and feeds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// The number of the transaction: one more than that of the one before.
    pub number: u64,
    /// Records as they are now.
    pub articles: Vec<ArticleRecord>,
    /// The same of feeds.
    pub feeds: Vec<FeedRecord>,
}
