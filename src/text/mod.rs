//! Text in and out. Pure: no I/O, no clock.

pub mod html;
pub mod normalize;
pub mod slug;
pub mod stamp;
pub mod xml_chars;
