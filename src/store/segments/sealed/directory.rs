//! What a block says of its columns before its data is read: where each stands and how, its bounds, and which codes occur.
//!
//! The number of entries in one byte; the entries; the codes that occur, column by column; the CRC-32 of all that, with the
//! block's format and rows before it. Those of formats 1 and 2 are entries alone.

use super::column::Damage;

/// How a column is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its number among [`super::COLUMNS`].
    pub(super) column: u8,
    /// Bytes of a number or of a text's length, or bits of a number.
    pub(super) width: u8,
    /// Bits that its coding gives a meaning.
    pub(super) flags: u8,
    /// What its numbers are told from: one more than a column's place, 255 for the row before, or 0 for nothing.
    pub(super) base: u8,
    /// Of how many codes it is told whether they occur, as a power of two; 0 where it is not told.
    pub(super) occurring: u8,
    /// Of its bytes in the block's data.
    pub(super) crc: u32,
    /// Where they begin there.
    pub(super) offset: u32,
    /// How many they are there.
    pub(super) stored: u32,
    /// How many they are when they are unpacked.
    pub(super) raw: u32,
    /// The least number; unused for texts.
    pub(super) min: i64,
    /// The greatest number; unused for texts.
    pub(super) max: i64,
}

/// Bytes of an entry.
const ENTRY: usize = 37;

impl Entry {
    /// Of a column whose place in the block is still unknown.
    pub(super) fn new(column: u8, width: u8) -> Self {
        Self {
            column,
            width,
            flags: 0,
            base: 0,
            occurring: 0,
            crc: 0,
            offset: 0,
            stored: 0,
            raw: 0,
            min: 0,
            max: 0,
        }
    }

    /// As bytes, all numbers little-endian.
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.column, self.width, self.flags, self.base, self.occurring]);
        for number in [self.crc, self.offset, self.stored, self.raw] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.min.to_le_bytes());
        out.extend_from_slice(&self.max.to_le_bytes());
    }

    fn read(bytes: &[u8; ENTRY]) -> Self {
        let short = |at: usize| {
            let four = bytes.get(at..).and_then(<[u8]>::first_chunk);
            u32::from_le_bytes(four.copied().unwrap_or_default())
        };
        let long = |at: usize| {
            let eight = bytes.get(at..).and_then(<[u8]>::first_chunk);
            i64::from_le_bytes(eight.copied().unwrap_or_default())
        };
        let [column, width, flags, base, occurring, ..] = *bytes;
        Self {
            column,
            width,
            flags,
            base,
            occurring,
            crc: short(5),
            offset: short(9),
            stored: short(13),
            raw: short(17),
            min: long(21),
            max: long(29),
        }
    }

    /// Bytes of the codes that occur.
    fn occurring_bytes(&self) -> usize {
        if self.occurring == 0 { 0 } else { (1_usize << self.occurring.min(MOST_OCCURRING)) / 8 }
    }

    /// The bit of a code among those that occur.
    fn bit(&self, code: i64) -> usize {
        let mask = (1_u64 << self.occurring.min(MOST_OCCURRING)) - 1;
        usize::try_from(code.wrapping_sub(self.min).cast_unsigned() & mask).unwrap_or(0)
    }

    /// Tells which codes occur, in fewer than two bits a row, or 64 of them: where their span is wider, codes that lie that
    /// far apart share a bit, so that one that is told to occur need not.
    fn occur(&mut self, codes: &[i64]) -> Vec<u8> {
        let span = self.max.wrapping_sub(self.min).cast_unsigned().saturating_add(1);
        let rows = u64::try_from(codes.len()).unwrap_or(u64::MAX);
        let bits = span.min(rows).max(64).next_power_of_two().trailing_zeros();
        self.occurring = u8::try_from(bits).unwrap_or(MOST_OCCURRING).min(MOST_OCCURRING);
        let mut occurring = vec![0; self.occurring_bytes()];
        // An absent one lies outside the bounds.
        for code in codes.iter().filter(|code| self.min <= **code) {
            let bit = self.bit(*code);
            if let Some(byte) = occurring.get_mut(bit / 8) {
                *byte |= 1 << (bit % 8);
            }
        }
        occurring
    }
}

/// As a power of two, the most codes of which it is told whether they occur: one for each row of a block that is full.
const MOST_OCCURRING: u8 = 13;

/// A directory while it grows.
#[derive(Debug, Default)]
pub(super) struct Growing {
    entries: Vec<u8>,
    count: u8,
    occurring: Vec<u8>,
}

impl Growing {
    /// Adds a column's entry, and which of its codes occur where they are given.
    pub(super) fn add(&mut self, mut entry: Entry, codes: Option<&[i64]>) {
        if let Some(codes) = codes {
            self.occurring.extend(entry.occur(codes));
        }
        entry.write(&mut self.entries);
        self.count += 1;
    }

    /// As it stands in a block of this program's format.
    pub(super) fn finish(self, rows: usize) -> Vec<u8> {
        let mut bytes = vec![self.count];
        bytes.extend(self.entries);
        bytes.extend(self.occurring);
        let crc = checksum(super::FORMAT, rows, &bytes);
        bytes.extend(crc.to_le_bytes());
        bytes
    }
}

fn checksum(format: i64, rows: usize, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&format.to_le_bytes());
    crc.update(&u64::try_from(rows).unwrap_or(u64::MAX).to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

/// A block's directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    bytes: Vec<u8>,
    /// Where its entries begin and where they end.
    entries: (usize, usize),
}

impl Directory {
    /// Looks whether it is what was written.
    pub(super) fn read(format: i64, rows: usize, mut bytes: Vec<u8>) -> Result<Self, Damage> {
        let mut entries = (0, bytes.len());
        if !(1..=super::FORMAT).contains(&format) {
            return Err("its format is none that this program knows");
        } else if 3 <= format {
            let (told, crc) = bytes.split_last_chunk().ok_or(WRONG)?;
            if checksum(format, rows, told) != u32::from_le_bytes(*crc) {
                return Err(WRONG);
            }
            let count = usize::from(*told.first().ok_or(WRONG)?);
            entries = (1, 1 + count * ENTRY);
            bytes.truncate(bytes.len() - crc.len());
        }
        let read = Self { bytes, entries };
        // Whatever were not found would pass for absent: those of another format under the number of this one, say.
        if read.is_whole() { Ok(read) } else { Err("its directory has not the form of its format") }
    }

    /// Whether it is entries in the order of columns, and nothing but what they say behind them.
    fn is_whole(&self) -> bool {
        let (begin, end) = self.entries;
        let occurring: usize = self.entries().map(|entry| Entry::read(entry).occurring_bytes()).sum();
        (end - begin).is_multiple_of(ENTRY)
            && self.bytes.len() == end + if begin == 0 { 0 } else { occurring }
            && self.entries().is_sorted_by(|before, entry| before[0] < entry[0])
    }

    fn entries(&self) -> impl Iterator<Item = &[u8; ENTRY]> {
        let (begin, end) = self.entries;
        self.bytes.get(begin..end).unwrap_or_default().as_chunks().0.iter()
    }

    /// The entry of a column; `None` where it is absent in all rows.
    pub(super) fn entry(&self, column: usize) -> Option<Entry> {
        let number = u8::try_from(column).ok()?;
        self.entries().find(|entry| entry[0] == number).map(Entry::read)
    }

    /// Whether a column may have one of these codes: never false where it has.
    pub(super) fn may_have(&self, column: usize, codes: &[i64]) -> bool {
        let mut from = self.entries.1;
        for entry in self.entries().map(Entry::read) {
            let bytes = entry.occurring_bytes();
            if usize::from(entry.column) != column {
                from += bytes;
                continue;
            }
            let occurring = self.bytes.get(from..from + bytes).unwrap_or_default();
            let occurs = |code: i64| {
                let bit = entry.bit(code);
                occurring.get(bit / 8).is_none_or(|byte| byte & (1 << (bit % 8)) != 0)
            };
            return codes.iter().any(|code| (entry.min..=entry.max).contains(code) && occurs(*code));
        }
        false
    }
}

/// A directory that is not what was written.
const WRONG: Damage = "its directory's checksum is wrong";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use proptest::prelude::*;

    use super::super::FORMAT;
    use super::super::column::{Room, Wanted};
    use super::super::numbers::{Base, of_numbers};
    use super::*;
    use crate::domain::batch::NONE;

    /// A directory as format 1 has it, byte by byte: 7, nothing, 9.
    #[test]
    fn a_directory_of_format_1_is_read() {
        let data = [1_u8, 0, 3];
        let mut bytes = vec![3, 1, 1, 0, 0];
        for number in [crc32fast::hash(&data), 0, 3, 3] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for bound in [7_i64, 9] {
            bytes.extend_from_slice(&bound.to_le_bytes());
        }
        let directory = Directory::read(1, 3, bytes).unwrap();
        let entry = directory.entry(3).unwrap();
        assert_eq!(entry.base(), None);
        let wanted = Wanted { rows: 3, picked: None };
        assert_eq!(entry.numbers(&data, wanted, &[], &mut Room::default()).unwrap(), [7, NONE, 9]);
        // Of what lies between the bounds nothing is told.
        assert_eq!([[6], [8], [10]].map(|code| directory.may_have(3, &code)), [false, true, false]);
        assert!(!directory.may_have(2, &[8]) && directory.entry(2).is_none());
    }

    /// The same of format 4, as it is written: 1, 0, 3 in two bits each; which of 7 to 70 occur stands behind the entry, and a
    /// checksum behind all.
    #[test]
    fn a_directory_of_format_4_is_written_so() {
        let numbers = [7, NONE, 9];
        let mut growing = Growing::default();
        let stored = of_numbers(3, &numbers, Base::None).unwrap();
        growing.add(stored.entry, Some(&numbers));
        let mut bytes = vec![1, 3, 2, 17, 0, 6];
        for number in [crc32fast::hash(&[0b11_00_01]), 0, 1, 1] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for bound in [7_i64, 9] {
            bytes.extend_from_slice(&bound.to_le_bytes());
        }
        bytes.extend_from_slice(&[0b101, 0, 0, 0, 0, 0, 0, 0]);
        let checked = [&[4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0], &bytes[..]].concat();
        bytes.extend_from_slice(&crc32fast::hash(&checked).to_le_bytes());
        assert_eq!(growing.finish(5), bytes);
    }

    #[test]
    fn a_directory_without_the_form_of_its_format_is_damage() {
        let mut whole = Growing::default();
        for place in 0..2 {
            let stored = of_numbers(place, &[7, 8], Base::None).unwrap();
            whole.add(stored.entry, None);
        }
        let form = |count: u8, entries: &[u8]| {
            let growing = Growing { entries: entries.to_vec(), count, occurring: Vec::new() };
            Directory::read(FORMAT, 2, growing.finish(2)).is_ok()
        };
        let entries = &whole.entries;
        let turned = [&entries[ENTRY..], &entries[..ENTRY]].concat();
        assert!(form(2, entries) && form(0, &[]));
        assert!(!form(1, entries) && !form(3, entries) && !form(2, &turned));
        // Its checksum counts since format 3 only.
        let bytes = whole.finish(2);
        assert!([1, 2].iter().all(|format| Directory::read(*format, 2, bytes.clone()).is_err()));
    }

    /// Columns with their numbers, and whether it is told which occur.
    fn columns() -> impl Strategy<Value = Vec<(Vec<i64>, bool)>> {
        let codes = |most: i64| prop_oneof![Just(NONE), 0..most, 0..most];
        let numbers = |most| prop::collection::vec(codes(most), 1..300);
        let column = prop_oneof![numbers(40), numbers(5_000), numbers(i64::MAX)];
        prop::collection::vec((column, any::<bool>()), 1..5)
    }

    fn written(columns: &[(Vec<i64>, bool)]) -> Vec<u8> {
        let mut growing = Growing::default();
        for (place, (numbers, told)) in (0..).zip(columns) {
            if let Some(stored) = of_numbers(place, numbers, Base::None) {
                growing.add(stored.entry, told.then_some(&numbers[..]));
            }
        }
        growing.finish(300)
    }

    #[test]
    fn what_does_not_occur_is_told() {
        let even: Vec<i64> = (0..200).map(|n| 1_000 + n / 2 * 2).collect();
        let directory =
            Directory::read(FORMAT, 300, written(&[(even.clone(), false), (even, true)])).unwrap();
        assert!(directory.may_have(0, &[1_003]) && directory.may_have(1, &[1_003, 1_004]));
        assert!(!directory.may_have(1, &[1_003, 1_005, 999, 1_200]));
        // More than a directory tells apart.
        let many: Vec<i64> = (0..9_000).map(|n| n * 7_919).collect();
        let directory = Directory::read(FORMAT, 300, written(&[(many.clone(), true)])).unwrap();
        assert_eq!(directory.entry(0).unwrap().occurring, MOST_OCCURRING);
        assert!(many.iter().all(|number| directory.may_have(0, &[*number])));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_occurs_is_never_passed_over(columns in columns()) {
            let directory = Directory::read(FORMAT, 300, written(&columns)).unwrap();
            for (place, (numbers, _)) in columns.iter().enumerate() {
                for number in numbers.iter().filter(|number| **number != NONE) {
                    prop_assert!(directory.may_have(place, &[*number]));
                }
                let there = numbers.iter().copied().filter(|number| *number != NONE);
                let bounds = directory.entry(place).map(|entry| (entry.min, entry.max));
                prop_assert_eq!(bounds, there.clone().min().zip(there.max()));
            }
        }

        #[test]
        fn a_bit_that_flips_is_found(columns in columns(), bit in any::<prop::sample::Index>()) {
            let mut bytes = written(&columns);
            let at = bit.index(bytes.len() * 8);
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert!(Directory::read(FORMAT, 300, bytes).is_err());
            prop_assert!(Directory::read(FORMAT, 301, written(&columns)).is_err());
        }
    }
}
