//! Text in and out. Pure: no I/O, no clock.

pub mod byline;
pub mod collate;
pub mod html;
mod html_scan;
pub mod names;
pub mod normalize;
pub mod paragraphs;
pub mod plain;
pub mod slug;
pub mod stamp;
mod stamp_words;
pub mod tones;
pub mod xml_chars;
