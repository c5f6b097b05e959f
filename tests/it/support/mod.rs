//! What several subjects need.

pub(crate) mod app;
pub(crate) mod clock;
pub(crate) mod feed_checker;
pub(crate) mod feeds;
pub(crate) mod http;
pub(crate) mod hub;
pub(crate) mod log;
pub(crate) mod newsroom;
pub(crate) mod odd;
pub(crate) mod old_server;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod sqlite;
pub(crate) mod store;
pub(crate) mod subscriber;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt as _;

/// A database of one test's own.
pub(crate) trait Database: Sized + Sync {
    /// Makes it, empty.
    async fn create() -> Self;

    /// Runs statements that mean the same in every database of ours, in one transaction.
    async fn sql(&self, statements: &str);

    /// Its address.
    fn url(&self) -> String;

    /// Takes it away.
    async fn remove(self);
}

/// Runs a test on a database of its own, which is taken away afterwards, also when the test fails.
pub(crate) async fn on<D: Database>(test: impl AsyncFnOnce(&D)) {
    let database = D::create().await;
    let outcome = AssertUnwindSafe(test(&database)).catch_unwind().await;
    database.remove().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// How often a test with concurrent transactions is run: `tests/rounds` says it.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration; tests/rounds tells them by this variable")]
pub(crate) fn rounds() -> u64 {
    std::env::var("LOA_TEST_ROUNDS").map_or(3, |rounds| rounds.parse().expect("LOA_TEST_ROUNDS is a number"))
}

/// A name that no other test has: no chance, so that what is left behind tells its origin.
pub(crate) fn own_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("loa_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
