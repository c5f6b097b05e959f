//! What Loa tells of itself: a log for people and machines, and metrics.

pub mod log;
pub mod metrics;
