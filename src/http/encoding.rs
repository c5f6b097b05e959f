//! Which coding a client gets (RFC 9110 section 12.5.3).

use http::{HeaderMap, header};

use crate::publish::document::Encoding;

/// Weights are counted in thousandths: three digits is what a weight may have (RFC 9110 section 12.4.2).
const WEIGHT_ONE: u16 = 1_000;

/// What `Accept-Encoding` says.
#[derive(Debug, Default)]
struct Wishes {
    /// Weights of the codings, in the order of [`Encoding::ALL`]; the last one that is said counts.
    named: [Option<u16>; Encoding::ALL.len()],
    /// Weight of `*`.
    any: Option<u16>,
}

/// The coding that the client likes best, the first of [`Encoding::ALL`] among equals; `None` if it takes none of ours.
/// Without the header it gets the document as it is: who can unpack says so.
pub(super) fn choose(headers: &HeaderMap) -> Option<Encoding> {
    let mut lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    if let (Some(line), None) = (lines.next(), lines.next())
        && *line == Encoding::Gzip.token()
    {
        // As many programs write it: there is nothing to weigh.
        return Some(Encoding::Gzip);
    }
    let wishes = Wishes::of(headers);
    let mut best = None;
    for (encoding, named) in Encoding::ALL.into_iter().zip(wishes.named) {
        let rank = rank(encoding, named.or(wishes.any));
        if rank > best.map_or((0, false), |(_, best)| best) {
            best = Some((encoding, rank));
        }
    }
    best.map(|(encoding, _)| encoding)
}

/// The weight, and whether the client named the coding: identity that it did not name is the last resort.
const fn rank(encoding: Encoding, weight: Option<u16>) -> (u16, bool) {
    match (weight, encoding) {
        (Some(0), _) => (0, false),
        (Some(weight), _) => (weight, true),
        (None, Encoding::Identity) => (1, false),
        (None, _) => (0, false),
    }
}

impl Wishes {
    fn of(headers: &HeaderMap) -> Self {
        let mut wishes = Self::default();
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        for (coding, weight) in lines.flat_map(|line| line.split(',')).filter_map(member) {
            wishes.hear(coding, weight);
        }
        wishes
    }

    fn hear(&mut self, coding: &str, weight: u16) {
        if coding == "*" {
            self.any = Some(weight);
        }
        // RFC 9110 section 8.4.1.3
        let coding = if coding.eq_ignore_ascii_case("x-gzip") { Encoding::Gzip.token() } else { coding };
        for (encoding, named) in Encoding::ALL.into_iter().zip(&mut self.named) {
            if coding.eq_ignore_ascii_case(encoding.token()) {
                *named = Some(weight);
            }
        }
    }
}

/// One member of the list; `None` if it is malformed, and then it says nothing.
fn member(text: &str) -> Option<(&str, u16)> {
    let (coding, parameter) = match text.split_once(';') {
        None => (text, None),
        Some((coding, parameter)) => (coding, Some(parameter.trim())),
    };
    let weight = match parameter {
        None => WEIGHT_ONE,
        Some(parameter) => weight(parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?)?,
    };
    let coding = coding.trim();
    (!coding.is_empty()).then_some((coding, weight))
}

/// `0` to `1` with at most three digits after the dot.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = match whole {
        "0" => 0,
        "1" => WEIGHT_ONE,
        _ => return None,
    };
    if fraction.len() > 3 {
        return None;
    }
    let mut weight = whole;
    for (digit, place) in fraction.bytes().zip([100, 10, 1]) {
        weight += u16::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?) * place;
    }
    (weight <= WEIGHT_ONE).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_liked_coding_is_chosen() {
        use Encoding::{Brotli, Gzip, Identity, Zstd};
        let cases: [(&[&str], Option<Encoding>); 28] = [
            (&[], Some(Identity)),
            (&[""], Some(Identity)),
            (&["gzip"], Some(Gzip)),
            (&["GZip"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["gzip, deflate, br, zstd"], Some(Zstd)),
            (&["gzip, deflate, br"], Some(Brotli)),
            (&["gzip", "br"], Some(Brotli)),
            (&["gzip;q=1.0, br;q=0.9"], Some(Gzip)),
            (&["gzip;q=0.001"], Some(Gzip)),
            (&["gzip ; q=0.5 , br ;q=0.501"], Some(Brotli)),
            (&["gzip;q=0"], Some(Identity)),
            (&["gzip;q=0.000, identity"], Some(Identity)),
            (&["gzip;q=0.5, identity;q=0.8"], Some(Identity)),
            (&["deflate"], Some(Identity)),
            (&["*"], Some(Zstd)),
            (&["*;q=0.1, gzip"], Some(Gzip)),
            (&["gzip;q=0, *"], Some(Zstd)),
            (&["zstd;q=0, br;q=0, *;q=0.5"], Some(Gzip)),
            (&["identity;q=0, gzip"], Some(Gzip)),
            (&["identity;q=0"], None),
            (&["*;q=0"], None),
            (&["*;q=0, identity;q=0.1"], Some(Identity)),
            (&["identity;q=0, deflate"], None),
            (&["gzip;q=2"], Some(Identity)),
            (&["gzip;q=0.1234, br;q=x"], Some(Identity)),
            (&["gzip;level=9"], Some(Identity)),
            (&[",, gzip,"], Some(Gzip)),
        ];
        for (lines, expect) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::ACCEPT_ENCODING, line.parse().unwrap());
            }
            assert_eq!(choose(&headers), expect, "{lines:?}");
        }
    }
}
