//! All integration tests, in one binary: one file per subject.

mod state;
mod store;
mod support;
