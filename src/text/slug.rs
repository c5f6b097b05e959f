//! Parts of addresses made of names and titles.

use super::html::plain_text;
use super::normalize::nfc;

/// Longest slug that we make or accept, in bytes.
pub const SLUG_BYTES_MAX: usize = 100;

/// The slug of a name or title: lower-case ASCII letters and digits, single hyphens, at most [`SLUG_BYTES_MAX`] bytes
/// (cut between words). Entities are decoded first, so that no `nbsp` gets into an address. Empty where the text has
/// nothing to make one of.
#[must_use]
pub fn slug(text: &str) -> String {
    let mut slug = slug::slugify(nfc(&plain_text(text)).as_ref());
    if slug.len() > SLUG_BYTES_MAX {
        let head = slug.get(..=SLUG_BYTES_MAX).unwrap_or_default();
        let end = head.rfind('-').unwrap_or(SLUG_BYTES_MAX);
        slug.truncate(end);
    }
    slug
}

/// Can this be part of an address as it stands: lower-case ASCII letters, digits, single hyphens inside, and between 1
/// and [`SLUG_BYTES_MAX`] bytes?
#[must_use]
pub fn is_usable(slug: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=SLUG_BYTES_MAX).contains(&slug.len())
        && slug.bytes().all(plain)
        && !slug.starts_with('-')
        && !slug.ends_with('-')
        && !slug.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    #[test]
    fn slugs_of_names() {
        let check = |text: &str, expect: &str| {
            assert_eq!(slug(text), expect);
            assert_eq!(slug(&text.nfd().collect::<String>()), expect, "decomposed");
        };
        check("Xây dựng Đảng", "xay-dung-dang");
        check("Đời sống – Xã hội", "doi-song-xa-hoi");
        check("Ứng dụng&nbsp; bản đồ số", "ung-dung-ban-do-so");
        check("Phường Đạ B'Lao", "phuong-da-b-lao");
        check("Tuổi trẻ & <b>việc làm</b>", "tuoi-tre-viec-lam");
        check(" ... ", "");
        check("", "");
    }

    #[test]
    fn a_long_slug_is_cut_between_words() {
        let long = slug(&"thong tin ".repeat(30));
        assert!(long.len() <= SLUG_BYTES_MAX && (long.ends_with("-tin") || long.ends_with("thong")), "{long}");
        assert_eq!(slug(&"a".repeat(300)).len(), SLUG_BYTES_MAX);
    }

    #[test]
    fn usable_slugs() {
        for good in ["a", "phu-tho-24h", "2022"] {
            assert!(is_usable(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "đ", "a b", "a/b", "..", &"a".repeat(101)] {
            assert!(!is_usable(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_we_make_is_usable(text in any::<String>()) {
            let made = slug(&text);
            prop_assert!(made.is_empty() || is_usable(&made), "{}", made);
        }
    }
}
