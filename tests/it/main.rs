//! All integration tests, in one binary: one file per subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy.toml allows it in test functions, but not in what they share"
)]

mod import;
mod store;
mod support;
