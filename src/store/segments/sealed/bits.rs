//! Numbers in as few bits as the greatest of them needs, one behind the other from the lowest bit of the first byte on: each
//! can be had without the others.

/// No number that is to be had by itself has more: with what stands before it in its first byte it fits into eight bytes.
pub(super) const BITS_MAX: u32 = 56;

/// How many bytes so many numbers take.
pub(super) fn length(rows: usize, bits: u8) -> usize {
    (rows * usize::from(bits)).div_ceil(8)
}

/// Adds numbers of so many bits, up to [`BITS_MAX`], or of 64: those are eight bytes each.
pub(super) fn pack(out: &mut Vec<u8>, numbers: impl ExactSizeIterator<Item = u64>, bits: u8) {
    let mut to = out.len();
    let end = to + length(numbers.len(), bits);
    // Eight bytes are written at a time.
    out.resize(end + 7, 0);
    // What does not make a byte yet, and how many bits that are.
    let (mut left, mut of_left) = (0, 0);
    for number in numbers {
        left |= number << of_left;
        of_left += u32::from(bits);
        if let Some(eight) = out.get_mut(to..).and_then(<[u8]>::first_chunk_mut) {
            *eight = left.to_le_bytes();
        }
        let whole = of_left / 8;
        to += usize::try_from(whole).unwrap_or(0);
        left = left.checked_shr(whole * 8).unwrap_or(0);
        of_left %= 8;
    }
    out.truncate(end);
}

/// Numbers as they were packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'r> {
    raw: &'r [u8],
    bits: usize,
    mask: u64,
}

impl<'r> Bits<'r> {
    /// So many numbers of so many bits each; `None` where these bytes are none.
    pub(super) fn of(raw: &'r [u8], rows: usize, bits: u8) -> Option<Self> {
        let mask = 1_u64.checked_shl(u32::from(bits)).filter(|_| u32::from(bits) <= BITS_MAX)? - 1;
        (raw.len() == length(rows, bits)).then_some(Self { raw, bits: usize::from(bits), mask })
    }

    /// The number of a row.
    #[inline]
    pub(super) fn get(&self, row: usize) -> u64 {
        let at = row * self.bits;
        let rest = self.raw.get(at / 8..).unwrap_or_default();
        let eight = rest.first_chunk().copied().unwrap_or_else(|| last(rest));
        u64::from_le_bytes(eight) >> (at % 8) & self.mask
    }
}

/// The last bytes, where fewer than eight are left.
#[cold]
fn last(rest: &[u8]) -> [u8; 8] {
    let mut eight = [0; 8];
    eight.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
    eight
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BITS_MAX, Bits, pack};

    #[test]
    fn bits_stand_from_the_lowest_on() {
        let mut packed = vec![7];
        pack(&mut packed, [5, 2, 7, 1].into_iter(), 3);
        assert_eq!(packed, [7, 0b1101_0101, 0b11]);
        pack(&mut packed, [u64::MAX, 1].into_iter(), 64);
        assert_eq!(packed[3..], [255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert!(Bits::of(&packed, 4, 3).is_none());
        assert!(Bits::of(&[0; 8], 1, 64).is_none() && Bits::of(&[0; 8], 1, 57).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_packed_is_had(numbers in prop::collection::vec(any::<u64>(), 0..60), bits in 1..=BITS_MAX) {
            let numbers: Vec<u64> = numbers.iter().map(|number| number & ((1 << bits) - 1)).collect();
            let bits = u8::try_from(bits).unwrap();
            let mut packed = Vec::new();
            pack(&mut packed, numbers.iter().copied(), bits);
            let had = Bits::of(&packed, numbers.len(), bits).unwrap();
            prop_assert_eq!((0..numbers.len()).map(|row| had.get(row)).collect::<Vec<_>>(), numbers);
        }
    }
}
