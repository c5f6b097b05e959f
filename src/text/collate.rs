//! The order of Vietnamese dictionaries (the Unicode collation algorithm with CLDR's rules for `vi`): a, ă, â ... d, đ,
//! e, ê; where names differ in tones only: none, huyền, hỏi, ngã, sắc, nặng. Numbers count as numbers: Phường 2 stands
//! before Phường 10.

use std::cmp::Ordering;
use std::sync::LazyLock;

use icu_collator::options::CollatorOptions;
use icu_collator::preferences::CollationNumericOrdering;
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};
use icu_locale_core::locale;

/// `None` would be a build without the data of CLDR, which a test excludes.
static COLLATOR: LazyLock<Option<CollatorBorrowed<'static>>> = LazyLock::new(|| {
    let mut preferences = CollatorPreferences::from(locale!("vi"));
    preferences.numeric_ordering = Some(CollationNumericOrdering::True);
    Collator::try_new(preferences, CollatorOptions::default()).ok()
});

/// Compares as a Vietnamese reader sorts. What is the same to a reader (composed or not, NFC or NFD) stands by code
/// point, so that only equal texts are equal: the order is total.
#[must_use]
pub fn vietnamese(a: &str, b: &str) -> Ordering {
    let read = COLLATOR.as_ref().map_or(Ordering::Equal, |collator| collator.compare(a, b));
    read.then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization as _;

    /// The words stand in order as they are.
    fn check(words: &str) {
        let expect: Vec<&str> = words.split(", ").collect();
        let mut sorted: Vec<&str> = expect.iter().rev().copied().collect();
        sorted.sort_by(|a, b| vietnamese(a, b));
        assert_eq!(sorted, expect);
    }

    #[test]
    fn letters_tones_and_numbers_stand_as_in_a_dictionary() {
        check("An, Ành, Ảnh, Ãnh, Ánh, Ạnh, Ăn, Ân, Ấn, Ất");
        check("ma, mà, mả, mã, má, mạ, man");
        check("Dân, Dũng, Đăng, Đông, Em, Ếch, Hà, In");
        check("on, ôn, ơn, tu, tư, tự, vinh, ý");
        check("Phường 1, Phường 2, Phường 10, Phường 10A, Phường An Hòa, Xã 3");
        check("Hạ Hòa, Hà Nam, Hà Nội, Hải Dương, Hải Phòng");
        check("việt, Việt, việt trì, Việt Trì");
    }

    #[test]
    fn composed_and_decomposed_stand_together() {
        let decomposed: String = "Việt Trì".nfd().collect();
        for other in ["Việt Tri", "Việt Trí"] {
            assert_eq!(vietnamese(&decomposed, other), vietnamese("Việt Trì", other), "{other}");
        }
        assert_eq!(vietnamese(&decomposed, "Việt Trì"), decomposed.as_str().cmp("Việt Trì"), "by code point");
    }

    proptest! {
        #[test]
        fn only_equal_texts_are_equal_and_the_order_has_two_sides(a in any::<String>(), b in any::<String>()) {
            prop_assert_eq!(vietnamese(&a, &b), vietnamese(&b, &a).reverse());
            prop_assert_eq!(vietnamese(&a, &b) == Ordering::Equal, a == b);
        }
    }
}
