//! The scopes of an article as bytes, seven bits each, the lowest first, the highest bit set but in the last one (LEB128):
//! most newsrooms have fewer than 16,384 feeds, so that two bytes do where a number takes four.

use super::ScopeNumber;

const MORE: u8 = 0x80;
const BITS: usize = 7;

/// Appends scopes; in how many bytes.
pub(super) fn append(bytes: &mut Vec<u8>, scopes: &[ScopeNumber]) -> u16 {
    let before = bytes.len();
    for scope in scopes {
        let mut rest = *scope;
        while rest >= u32::from(MORE) {
            bytes.push(low_bits(rest) | MORE);
            rest >>= BITS;
        }
        bytes.push(low_bits(rest));
    }
    u16::try_from(bytes.len() - before).unwrap_or(u16::MAX)
}

/// The scopes that were appended. Bytes that are not ours give other numbers, or none.
pub(super) fn read(bytes: &[u8]) -> impl Iterator<Item = ScopeNumber> + '_ {
    let one = |bytes: &[u8]| {
        let bits = bytes.iter().zip((0..ScopeNumber::BITS).step_by(BITS));
        bits.fold(0, |number, (byte, shift)| number | (u32::from(byte & !MORE) << shift))
    };
    bytes.chunk_by(|byte, _| byte & MORE != 0).map(one)
}

fn low_bits(number: ScopeNumber) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low & !MORE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_appended_is_read(lists in prop::collection::vec(prop::collection::vec(any::<u32>(), 0..9), 0..4)) {
            let mut bytes = Vec::new();
            for list in &lists {
                let at = bytes.len();
                let length = usize::from(append(&mut bytes, list));
                prop_assert_eq!(read(&bytes[at..at + length]).collect::<Vec<_>>(), list.clone());
            }
            prop_assert_eq!(read(&bytes).collect::<Vec<_>>(), lists.concat());
        }
    }

    #[test]
    fn few_scopes_take_few_bytes() {
        let bytes_of = |scope| append(&mut Vec::new(), &[scope]);
        assert_eq!([0, 127, 128, 16_383, 16_384, u32::MAX].map(bytes_of), [1, 1, 2, 2, 3, 5]);
    }
}
