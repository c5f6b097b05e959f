//! All integration tests, in one binary: one file per subject.
#![cfg(test)]

mod http;
mod http_conditional;
mod http_limits;
mod support;
