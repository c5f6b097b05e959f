//! What several subjects share.

pub(crate) mod feed_checker;
pub(crate) mod feeds;
