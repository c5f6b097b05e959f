//! All integration tests, in one binary: one file per subject.
#![cfg(test)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy.toml allows it in test functions, but not in what they share"
)]

mod import;
mod state;
mod store;
mod support;
