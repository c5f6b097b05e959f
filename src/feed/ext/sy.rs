//! The syndication module: how often the feed may change. The `rss` crate's own type always writes an `updateBase` of
//! 1970, so it is not used.

use super::Element;

/// RDF Site Summary 1.0, module Syndication.
pub(in crate::feed) const NAMESPACE: &str = "http://purl.org/rss/1.0/modules/syndication/";

const MINUTES_PER_HOUR: u32 = 60;

/// How often to ask, if each `ttl_minutes` is often enough: so many times an hour, at least once.
pub(in crate::feed) fn elements(ttl_minutes: u32) -> [Element; 2] {
    let frequency = MINUTES_PER_HOUR.checked_div(ttl_minutes).unwrap_or_default().max(1);
    [Element::new("sy:updatePeriod").text("hourly"), Element::new("sy:updateFrequency").text(&frequency)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_become_times_an_hour() {
        let check = |ttl_minutes: u32, expect: u32| {
            let [_, frequency] = elements(ttl_minutes);
            assert_eq!(frequency, Element::new("sy:updateFrequency").text(&expect), "{ttl_minutes}");
        };
        check(5, 12);
        check(45, 1);
        check(60, 1);
        check(1_440, 1);
        check(0, 1);
    }
}
