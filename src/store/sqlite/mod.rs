//! The article store in an SQLite file.

pub mod embedded;
