//! A newsroom's store that is odd when a test wants it to be, and counts what it is asked.

use std::future::ready;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use loa::domain::article::ArticleId;
use loa::domain::fault::Fault;
use loa::store::log::{LogCursor, LogRead};
use loa::store::{ArticleStore, Categories, Loaded, Options, Piece, StoreError, StoreInfo, open};
use loa::text::stamp::Zones;
use tokio::time::sleep;

/// What is odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// Nothing.
    Nothing,
    /// Whoever reads its change log is told of this article, too.
    Repeats(ArticleId),
    /// It says all the time that something was committed, and fails when it is asked what.
    Fails,
    /// Reading everything takes until it is odd no more.
    SlowToRead,
    /// It fails when it is asked for more than one article at once: what is decided is known, what is made of it is not.
    FailsForMany,
    /// A row is never loaded as it was loaded before. Do readers see that?
    Restless {
        /// They do, in the title.
        seen: bool,
    },
}

/// A store in front of a good one.
#[derive(Debug)]
pub(crate) struct OddStore {
    good: Arc<dyn ArticleStore>,
    oddity: Mutex<Oddity>,
    scans: AtomicU32,
    log_reads: AtomicU32,
    loads: AtomicU32,
}

impl OddStore {
    /// In front of the store at this address. Nothing is odd yet.
    pub(crate) fn before(url: &str) -> Arc<Self> {
        let options =
            Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 20_000 };
        Arc::new(Self {
            good: open(url, &options).unwrap(),
            oddity: Mutex::new(Oddity::Nothing),
            scans: AtomicU32::new(0),
            log_reads: AtomicU32::new(0),
            loads: AtomicU32::new(0),
        })
    }

    /// From now on this is odd. What it is asked is counted anew.
    pub(crate) fn becomes(&self, oddity: Oddity) {
        *self.oddity.lock().unwrap() = oddity;
        self.scans.store(0, Ordering::SeqCst);
        self.log_reads.store(0, Ordering::SeqCst);
        self.loads.store(0, Ordering::SeqCst);
    }

    /// How often everything was read, or began to be.
    pub(crate) fn scans(&self) -> u32 {
        self.scans.load(Ordering::SeqCst)
    }

    /// How often its change log was read.
    pub(crate) fn log_reads(&self) -> u32 {
        self.log_reads.load(Ordering::SeqCst)
    }

    /// How often articles were loaded.
    pub(crate) fn loads(&self) -> u32 {
        self.loads.load(Ordering::SeqCst)
    }

    fn is(&self) -> Oddity {
        self.oddity.lock().unwrap().clone()
    }
}

/// Some failure.
const fn away() -> StoreError {
    StoreError::Timeout { timeout_ms: 1 }
}

impl ArticleStore for OddStore {
    fn info(&self) -> &StoreInfo {
        self.good.info()
    }

    fn change_detection(&self) -> String {
        self.good.change_detection()
    }

    fn change_marker(&self) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        self.good.change_marker()
    }

    fn scan<'a>(
        &'a self,
        take: &'a mut (dyn FnMut(Piece<'_>) + Send),
    ) -> BoxFuture<'a, Result<Vec<Fault>, StoreError>> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            while self.is() == Oddity::SlowToRead {
                sleep(Duration::from_millis(10)).await;
            }
            self.good.scan(take).await
        })
    }

    fn load<'a>(&'a self, ids: &'a [ArticleId]) -> BoxFuture<'a, Result<Vec<Loaded>, StoreError>> {
        let count = self.loads.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            if self.is() == Oddity::Fails || (self.is() == Oddity::FailsForMany && ids.len() > 1) {
                return Err(away());
            }
            let mut rows = self.good.load(ids).await?;
            if let Oddity::Restless { seen } = self.is() {
                for row in &mut rows {
                    row.digest = row.digest.wrapping_add(count.into());
                    if let (true, Ok(article)) = (seen, &mut row.article) {
                        article.title = format!("{}, {count}", article.title);
                    }
                }
            }
            Ok(rows)
        })
    }

    fn categories(&self) -> BoxFuture<'_, Result<Categories, StoreError>> {
        self.good.categories()
    }

    fn log_end(&self) -> BoxFuture<'_, Result<Option<LogCursor>, StoreError>> {
        self.good.log_end()
    }

    fn log_since<'a>(&'a self, cursor: &'a LogCursor) -> BoxFuture<'a, Result<LogRead, StoreError>> {
        self.log_reads.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if self.is() == Oddity::Fails {
                return Err(away());
            }
            let mut read = self.good.log_since(cursor).await?;
            if let (Oddity::Repeats(id), LogRead::Changes(changes)) = (self.is(), &mut read)
                && !changes.articles.contains(&id)
            {
                changes.articles.push(id);
            }
            Ok(read)
        })
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        if self.is() == Oddity::Fails { Box::pin(ready(())) } else { self.good.woken() }
    }
}
