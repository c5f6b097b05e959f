//! All integration tests, in one binary: one file per subject.

mod store;
mod support;
