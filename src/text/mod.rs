//! Text in and out. Pure: no I/O, no clock.

pub mod collate;
pub mod html;
mod html_scan;
pub mod normalize;
pub mod slug;
pub mod stamp;
mod stamp_words;
pub mod xml_chars;
