//! The nouns of the newsroom and of its feeds. No I/O, no async, no wall clock (but for `clock::SystemClock`).

pub mod address;
pub mod article;
pub mod category;
pub mod clock;
pub mod entry_id;
pub mod fault;
pub mod feed_key;
pub mod format;
pub mod found;
pub mod ledger;
pub mod place;
pub mod point;
pub mod scope;
pub mod secret;
