//! From the bytes of a feed to text, and from a title to what it is compared by.

use std::borrow::Cow;

use encoding_rs::Encoding;

use crate::text::normalize::title_key;
use crate::text::plain::plain;

/// Where the declaration of an encoding ends at the latest, in bytes.
const DECLARATION_BYTES_MAX: usize = 200;

/// The text. What is UTF-8 is read as UTF-8, whatever the document says of itself: many declare UTF-16 and send UTF-8.
/// Else a byte order mark counts, then the declaration; single broken bytes become U+FFFD.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(bytes.split_at(length).1).0;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    // One byte a character, as the declaration is read in XML; a document of UTF-16 has a byte order mark.
    let declared = declared(bytes).filter(|encoding| encoding.is_ascii_compatible());
    declared.unwrap_or(encoding_rs::UTF_8).decode_without_bom_handling(bytes).0
}

fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(bytes.get(..DECLARATION_BYTES_MAX).unwrap_or(bytes));
    let declaration = head.split("?>").next().filter(|head| head.trim_start().starts_with("<?xml"))?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    Encoding::for_label(value.split(['"', '\'']).nth(1)?.as_bytes())
}

/// A title as readers see it, which is also what two titles are compared by: plain text, however often it was wrapped in
/// entities.
#[must_use]
pub fn title(written: &str) -> String {
    title_key(&plain(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_say_more_than_the_declaration() {
        let check = |bytes: &[u8], expect: &str| assert_eq!(decode(bytes), expect);
        check(
            "<?xml version=\"1.0\" encoding=\"utf-16\"?>Đất Tổ".as_bytes(),
            "<?xml version=\"1.0\" encoding=\"utf-16\"?>Đất Tổ",
        );
        check("\u{feff}Đất".as_bytes(), "Đất");
        check(b"\xff\xfeT\x00i\x00n\x00", "Tin");
        check(
            b"<?xml version='1.0' encoding='windows-1258'?>\xd0\xe2t",
            "<?xml version='1.0' encoding='windows-1258'?>Đât",
        );
        check(b"<?xml version='1.0' encoding='utf-8'?>T\xffin", "<?xml version='1.0' encoding='utf-8'?>T\u{fffd}in");
        check(b"T\xffin", "T\u{fffd}in");
    }

    #[test]
    fn titles_are_compared_as_readers_see_them() {
        let check = |written: &str, expect: &str| assert_eq!(title(written), expect, "{written}");
        check(" K&amp;yacute; ức\n  mùa <b>xuân</b> ", "Ký ức mùa xuân");
        check("K&amp;amp;yacute; ức", "Ký ức");
        check("R&D và AT&T", "R&D và AT&T");
        check("Giá < 5", "Giá < 5");
        check("Thu\u{309}y", "Thủy");
    }
}
