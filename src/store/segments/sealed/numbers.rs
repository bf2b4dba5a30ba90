//! Columns of numbers.
//!
//! They are stored as their distance from the least one, in as few bits as the greatest distance needs (`bits.rs`), or in
//! bytes where those are as narrow; absent ones are 0, and everything else is one more then. Where that takes fewer bytes,
//! what is stored so is by how much a number is above the one of another column, or of the row before; the least difference
//! stands in front. Blocks of formats before 4 have whole bytes only.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::bits::{self, BITS_MAX, Bits};
use super::column::{Damage, LZ4, Room, Stored, Wanted, each, packed, pick};
use super::directory::Entry;
use crate::domain::batch::NONE;

/// Some are absent.
const ABSENT: u8 = 1;
/// The width is one of bits, not of bytes.
const BITS: u8 = 16;

/// The base of a column whose numbers are told from the row before.
const ROW_BEFORE: u8 = 0xff;

/// What the numbers of a column may be told from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base<'a> {
    /// From nothing.
    None,
    /// From the row before.
    RowBefore,
    /// From another column, by its place.
    Column(usize, &'a [i64]),
}

impl Base<'_> {
    /// What the number of a row is told from; `before` is the last one that was there, and `least` the column's least,
    /// which stands in for what is absent.
    fn of(self, row: usize, before: Option<i64>, least: i64) -> i64 {
        match self {
            Self::None => 0,
            Self::RowBefore => before.unwrap_or(least),
            Self::Column(_, numbers) => {
                numbers.get(row).copied().filter(|number| *number != NONE).unwrap_or(least)
            }
        }
    }
}

const LENGTH: Damage = "a column has not its block's length";

impl Entry {
    /// The column whose numbers are needed first.
    pub(super) fn base(&self) -> Option<usize> {
        (self.base != ROW_BEFORE).then(|| usize::from(self.base).checked_sub(1)).flatten()
    }

    /// The wanted numbers, [`NONE`] where one is absent; `base` has the same rows of the column that [`Self::base`] names.
    pub(super) fn numbers(
        &self,
        data: &[u8],
        wanted: Wanted<'_>,
        base: &[i64],
        room: &mut Room,
    ) -> Result<Vec<i64>, Damage> {
        let stored = self.stored(data)?;
        let raw = if self.flags & LZ4 == 0 {
            stored
        } else {
            self.unpack(stored, &mut room.raw)?;
            &room.raw
        };
        let mut numbers = room.numbers.pop().unwrap_or_default();
        if self.base == 0 {
            self.distances(raw, wanted, self.min, &mut numbers)?;
            return Ok(numbers);
        }
        let (least, raw) = raw.split_first_chunk().ok_or("a column is too short")?;
        let least = i64::from_le_bytes(*least);
        if let Some(column) = self.base() {
            self.distances(raw, wanted, least, &mut numbers)?;
            self.add(Base::Column(column, base), &mut numbers);
        } else {
            // Each of them says something of those behind it.
            self.distances(raw, Wanted { picked: None, ..wanted }, least, &mut numbers)?;
            self.add(Base::RowBefore, &mut numbers);
            if let Some(rows) = wanted.picked {
                pick(&mut numbers, rows);
            }
        }
        Ok(numbers)
    }

    /// Adds to each difference what it was told from.
    fn add(&self, base: Base<'_>, numbers: &mut [i64]) {
        let mut before = None;
        for (row, number) in numbers.iter_mut().enumerate().filter(|(_, number)| **number != NONE) {
            *number = number.wrapping_add(base.of(row, before, self.min));
            before = Some(*number);
        }
    }

    /// Numbers out of their distances from the least one.
    fn distances(&self, raw: &[u8], wanted: Wanted<'_>, min: i64, out: &mut Vec<i64>) -> Result<(), Damage> {
        let absent = self.flags & ABSENT != 0;
        let number = |code: u64| match (absent, code) {
            (true, 0) => NONE,
            (true, code) => min.wrapping_add(code.wrapping_sub(1).cast_signed()),
            (false, code) => min.wrapping_add(code.cast_signed()),
        };
        out.clear();
        let picked = wanted.picked;
        if self.flags & BITS != 0 {
            let bits = Bits::of(raw, wanted.rows, self.width).ok_or(LENGTH)?;
            match picked {
                None => out.extend((0..wanted.rows).map(|row| number(bits.get(row)))),
                Some(rows) => out.extend(rows.iter().map(|row| number(bits.get(*row)))),
            }
            return Ok(());
        }
        let width = usize::from(self.width);
        if raw.len() != wanted.rows * width {
            return Err(LENGTH);
        }
        match width {
            0 => out.resize(picked.map_or(wanted.rows, <[usize]>::len), number(0)),
            1 => each(raw, picked, out, |[byte]| number(u64::from(byte))),
            2 => each(raw, picked, out, |two| number(u64::from(u16::from_le_bytes(two)))),
            3 => each(raw, picked, out, |[a, b, c]| number(u64::from(u32::from_le_bytes([a, b, c, 0])))),
            4 => each(raw, picked, out, |four| number(u64::from(u32::from_le_bytes(four)))),
            8 => each(raw, picked, out, |eight| number(u64::from_le_bytes(eight))),
            _ => return Err("a column has a width that nobody writes"),
        }
        Ok(())
    }
}

/// A column of numbers; `None` where all of them are absent. It is told from `base` where each number takes fewer whole bytes
/// then, or as many and all come to less.
pub(super) fn of_numbers(column: u8, numbers: &[i64], base: Base<'_>) -> Option<Stored> {
    let bounds = bounds(numbers)?;
    let plain = Telling::plain(numbers, bounds);
    let told =
        if base == Base::None || plain.bits == 0 { None } else { Telling::from(base, numbers, bounds) };
    let packed = |telling: &Telling<'_>| packed(telling.entry(column, bounds), telling.bytes(numbers));
    let Some(told) = told else { return Some(packed(&plain)) };
    // To compress both takes as long as all the rest: where one has narrower numbers, it is nearly always the smaller.
    Some(match told.bits.div_ceil(8).cmp(&plain.bits.div_ceil(8)) {
        Ordering::Less if told.length() < plain.length() => packed(&told),
        Ordering::Less | Ordering::Greater => packed(&plain),
        Ordering::Equal => {
            let (plain, told) = (packed(&plain), packed(&told));
            if told.bytes.len() < plain.bytes.len() { told } else { plain }
        }
    })
}

/// The least and the greatest of those numbers that are there, and whether some are not.
fn bounds(numbers: &[i64]) -> Option<(i64, i64, bool)> {
    let (mut least, mut greatest, mut absent) = (i64::MAX, i64::MIN, false);
    for number in numbers {
        absent |= *number == NONE;
        // NONE is the least of all: only above it does a number count downwards.
        least = least.min(if *number == NONE { i64::MAX } else { *number });
        greatest = greatest.max(*number);
    }
    (greatest != NONE).then_some((least, greatest, absent))
}

/// How numbers are stored, before they are.
struct Telling<'n> {
    base: u8,
    /// The numbers, or by how much each is above what it is told from.
    told: Cow<'n, [i64]>,
    /// The least of those.
    min: i64,
    absent: bool,
    /// How many each of them takes.
    bits: u8,
}

impl<'n> Telling<'n> {
    /// From nothing.
    fn plain(numbers: &'n [i64], (least, greatest, absent): (i64, i64, bool)) -> Self {
        Self::of(0, Cow::Borrowed(numbers), (least, greatest), absent)
    }

    /// From a base; `None` where they are too far above it.
    fn from(base: Base<'_>, numbers: &[i64], (least, _, absent): (i64, i64, bool)) -> Option<Self> {
        let (mut told, mut before) = (numbers.to_vec(), None);
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for (row, number) in told.iter_mut().enumerate().filter(|(_, number)| **number != NONE) {
            // The least of all stands for what is absent.
            let difference =
                number.checked_sub(base.of(row, before, least)).filter(|difference| *difference != NONE)?;
            before = Some(std::mem::replace(number, difference));
            (min, max) = (min.min(difference), max.max(difference));
        }
        max.checked_sub(min)?;
        let base = match base {
            Base::None => 0,
            Base::RowBefore => ROW_BEFORE,
            Base::Column(place, _) => u8::try_from(place + 1).unwrap_or(ROW_BEFORE),
        };
        Some(Self::of(base, Cow::Owned(told), (min, max), absent))
    }

    fn of(base: u8, told: Cow<'n, [i64]>, (min, max): (i64, i64), absent: bool) -> Self {
        let greatest = max.wrapping_sub(min).cast_unsigned().saturating_add(u64::from(absent));
        let bits = match u64::BITS - greatest.leading_zeros() {
            bits if bits <= BITS_MAX => bits,
            _ => u64::BITS,
        };
        Self { base, told, min, absent, bits: u8::try_from(bits).unwrap_or(u8::MAX) }
    }

    /// How many bytes they take.
    fn length(&self) -> usize {
        let front = if self.base == 0 { 0 } else { size_of::<i64>() };
        front + bits::length(self.told.len(), self.bits)
    }

    fn entry(&self, column: u8, (min, max, _): (i64, i64, bool)) -> Entry {
        // What has whole bytes is read faster so.
        let (width, bits) = match self.bits {
            0 | 8 | 16 | 24 | 32 | 64 => (self.bits / 8, 0),
            bits => (bits, BITS),
        };
        let flags = bits | if self.absent { ABSENT } else { 0 };
        Entry { flags, base: self.base, min, max, ..Entry::new(column, width) }
    }

    /// Before they are compressed; `numbers` say which of them are there.
    fn bytes(&self, numbers: &[i64]) -> Vec<u8> {
        let mut raw = Vec::with_capacity(self.length());
        if self.base != 0 {
            raw.extend_from_slice(&self.min.to_le_bytes());
        }
        let (min, absent) = (self.min, u64::from(self.absent));
        let codes = numbers.iter().zip(self.told.iter()).map(|(number, told)| {
            if *number == NONE { 0 } else { told.wrapping_sub(min).cast_unsigned() + absent }
        });
        bits::pack(&mut raw, codes, self.bits);
        raw
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::column::{Room, Wanted, pick};
    use super::super::directory::Entry;
    use super::{Base, of_numbers};
    use crate::domain::batch::NONE;

    const fn all(rows: usize) -> Wanted<'static> {
        Wanted { rows, picked: None }
    }

    #[test]
    fn no_memory_is_asked_for_that_a_column_cannot_fill() {
        let bytes = lz4_flex::block::compress(&[1; 4_000]);
        let (stored, crc) = (u32::try_from(bytes.len()).unwrap(), crc32fast::hash(&bytes));
        let numbers = |raw| {
            let entry = Entry { flags: super::super::column::LZ4, stored, crc, raw, ..Entry::new(3, 1) };
            let mut room = Room::default();
            let read = entry.numbers(&bytes, all(4_000), &[], &mut room).map(|numbers| numbers.len());
            (read, room.raw.capacity())
        };
        assert_eq!(numbers(4_000).0, Ok(4_000));
        assert_eq!(numbers(u32::MAX), (Err("a column is longer than its bytes can say"), 0));
    }

    /// A difference may be the number that stands for what is absent.
    #[test]
    fn what_lies_as_far_as_can_be_from_what_it_would_be_told_from_is_there() {
        let numbers = [NONE + 5, NONE + 300].repeat(40);
        let others = [5, 300].repeat(40);
        let stored = of_numbers(3, &numbers, Base::Column(7, &others)).unwrap();
        let read = stored.entry.numbers(&stored.bytes, all(80), &others, &mut Room::default());
        assert_eq!(read.unwrap(), numbers);
    }

    #[test]
    fn what_is_told_from_another_column_is_no_larger_for_it() {
        let (numbers, others) = ([1_000, 1_300], [0, 300]);
        let base = Base::Column(7, &others);
        assert_eq!(of_numbers(3, &numbers, base).unwrap().bytes.len(), 3);
        // The least difference, and nothing for a row.
        let [numbers, others] = [&numbers, &others].map(|numbers| numbers.repeat(40));
        assert_eq!(of_numbers(3, &numbers, Base::Column(7, &others)).unwrap().bytes.len(), 8);
    }

    fn numbers() -> impl Strategy<Value = i64> {
        prop_oneof![Just(NONE), Just(7), 0..300_i64, 0..20_000_000_i64, -1_000..i64::MAX, (i64::MIN + 1)..0]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_stored_is_read(
            numbers in prop::collection::vec(numbers(), 1..200),
            narrower in 0..64_u32,
            wanted in prop::collection::vec(any::<bool>(), 200),
        ) {
            let mut room = Room::default();
            // As they are, they nearly always need 64 bits.
            let numbers: Vec<i64> =
                numbers.iter().map(|number| if *number == NONE { NONE } else { number >> narrower }).collect();
            let picked: Vec<usize> = (0..numbers.len()).filter(|row| wanted[*row]).collect();
            let of_picked = |numbers: &[i64]| picked.iter().map(|row| numbers[*row]).collect::<Vec<_>>();
            let some_numbers = Wanted { picked: Some(&picked), ..all(numbers.len()) };
            let others: Vec<i64> = numbers.iter().map(|number| if number % 3 == 0 { NONE } else { number / 2 }).collect();
            for base in [Base::None, Base::RowBefore, Base::Column(7, &others), Base::Column(7, &numbers)] {
                let Some(stored) = of_numbers(3, &numbers, base) else {
                    prop_assert!(numbers.iter().all(|number| *number == NONE));
                    continue;
                };
                let entry = stored.entry;
                let base = if let Base::Column(_, base) = base { base } else { &[] };
                let mut read = entry.numbers(&stored.bytes, all(numbers.len()), base, &mut room).unwrap();
                prop_assert_eq!(&read, &numbers);
                let base = if base.is_empty() { Vec::new() } else { of_picked(base) };
                let few = entry.numbers(&stored.bytes, some_numbers, &base, &mut room).unwrap();
                prop_assert_eq!(&few, &of_picked(&numbers));
                pick(&mut read, &picked);
                prop_assert_eq!(&few, &read);
                let there = || numbers.iter().copied().filter(|number| *number != NONE);
                prop_assert_eq!((Some(entry.min), Some(entry.max)), (there().min(), there().max()));
            }
        }

        #[test]
        fn a_bit_that_flips_is_found(numbers in prop::collection::vec(0..60_000_i64, 8..100), bit in any::<prop::sample::Index>()) {
            let mut stored = of_numbers(0, &numbers, Base::None).unwrap();
            prop_assume!(!stored.bytes.is_empty());
            let at = bit.index(stored.bytes.len() * 8);
            stored.bytes[at / 8] ^= 1 << (at % 8);
            prop_assert!(stored.entry.numbers(&stored.bytes, all(numbers.len()), &[], &mut Room::default()).is_err());
        }
    }
}
