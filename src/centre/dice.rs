//! Repeatable chance: splitmix64.

use crate::domain::record::Text;

/// The same numbers for the same seed, on every machine.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `most`, `most` not included.
    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.roll() % most.max(1)
    }

    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// `from` to `to`, `to` not included.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = u64::try_from(to - from).unwrap_or(1);
        from + i64::try_from(self.below(width)).unwrap_or(0)
    }

    pub(super) fn index(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).unwrap_or(1);
        usize::try_from(self.below(length)).unwrap_or(0)
    }

    pub(super) fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let index = self.index(choices.len());
        choices.get(index).copied().unwrap_or_default()
    }

    /// One or two values in a share of the cases, else none.
    pub(super) fn some(&mut self, share: u64, value: fn(usize) -> String) -> Vec<Text> {
        if !self.percent(share) {
            return Vec::new();
        }
        let count = 1 + usize::from(self.percent(30));
        (0..count).map(|_| value(self.index(20)).into()).collect()
    }
}
