//! What nobody can guess, and what is left to chance.

/// Random bytes of a challenge.
const CHALLENGE_BYTES: usize = 24;

/// A challenge: 48 hexadecimal digits, so of the alphabet that WebSub allows since 2026 (5.3).
pub(super) fn challenge() -> Result<String, getrandom::Error> {
    let mut bytes = [0; CHALLENGE_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

/// A random part of 1, from 0 to below 1. Chance that is not to be had is one half: it only spreads what is done.
pub(super) fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / (f64::from(u32::MAX) + 1.0))
}

/// Lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_of_the_alphabet_and_differ() {
        let (one, other) = (challenge().unwrap(), challenge().unwrap());
        assert_ne!(one, other);
        assert!(one.len() == 48 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!((0.0..1.0).contains(&chance()));
    }
}
