//! All integration tests, in one binary: one file per subject.

mod feed_golden;
mod feed_rules;
mod support;
