//! All integration tests, in one binary: one file per subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking; clippy.toml allows it in test functions, but not in what they share"
)]

mod feed_golden;
mod feed_rules;
mod support;
