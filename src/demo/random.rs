//! Numbers that look random and are the same every time: `SplitMix64` (Steele, Lea, Flood: "Fast Splittable Pseudorandom
//! Number Generators", 2014). Not for secrets.

/// The odd constant of `SplitMix64`: 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The stream number `index` of those of a seed: the same arguments give the same numbers, in any order of asking.
    pub(super) fn new(seed: u64, index: u64) -> Self {
        let mut outer = Self { state: seed };
        let mut inner = Self { state: outer.next() ^ index };
        Self { state: inner.next() }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `from` to `to`, both included; `from` if `to` is less.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        let choices = to.saturating_sub(from).saturating_add(1);
        from + self.next() % choices
    }

    /// One of the items.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(items.len()).ok()?.checked_sub(1)?;
        items.get(usize::try_from(self.between(0, last)).ok()?)
    }

    /// True `per_mille` times in a thousand.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.between(0, 999) < per_mille
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_every_time_and_its_own() {
        let first = |seed, index| Random::new(seed, index).between(0, u64::MAX - 1);
        assert_eq!(first(7, 1), first(7, 1));
        assert_ne!(first(7, 1), first(7, 2));
        assert_ne!(first(7, 1), first(8, 1));
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut random = Random::new(1, 1);
        assert!((0..1000).all(|_| (3..=5).contains(&random.between(3, 5))));
        assert_eq!(random.between(4, 4), 4);
        assert_eq!(random.pick::<u8>(&[]), None);
        assert!(!random.chance(0) && random.chance(1000));
    }
}
