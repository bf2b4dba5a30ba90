//! One column of a block as bytes, and back.
//!
//! Numbers are stored as their distance from the least one, in as few bytes as the greatest distance needs; absent ones
//! are 0, and everything else is one more then. Where that takes fewer bytes, what is stored so is by how much a number is
//! above the one of another column, or of the row before; the least difference stands in front. Texts are their bytes,
//! followed by their lengths, one more than they are with 0 for absent. Either is compressed with lz4 where that saves an
//! eighth, and has a checksum.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use lz4_flex::block::{compress, decompress_into};

use super::directory::Entry;
use crate::domain::batch::NONE;
use crate::domain::output::is_plain;

/// Some are absent.
const ABSENT: u8 = 1;
/// The bytes are compressed.
const LZ4: u8 = 2;
/// How many bytes one of theirs can stand for at the most.
const LZ4_RATIO: u64 = 255;
/// No text needs quotes or a guard in delimited text, whatever its dialect. Blocks have what [`is_plain`] said when they were
/// sealed: were more to need quotes one day, another bit would have to say so.
const PLAIN: u8 = 4;
/// Lengths stand behind the texts, which are unpacked in place then; in formats 1 and 2 they stand before them.
const LENGTHS_LAST: u8 = 8;

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

/// Memory that columns are unpacked into, to be used again for the next block: what is given back to the system and taken
/// anew costs more than the unpacking.
#[derive(Debug, Default)]
pub(in crate::store::segments) struct Room {
    raw: Vec<u8>,
    pub(super) numbers: Vec<Vec<i64>>,
    pub(super) texts: Vec<Texts>,
    /// For whole blocks, as they are stored.
    pub(super) data: Vec<Vec<u8>>,
}

/// Of how many rows a column is, and which of them are wanted; all, where none were picked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) rows: usize,
    /// In order.
    pub(super) picked: Option<&'a [usize]>,
}

/// Leaves the values of some rows, which are in order.
pub(super) fn pick<T: Copy>(values: &mut Vec<T>, rows: &[usize]) {
    for (place, row) in rows.iter().enumerate() {
        if let Some(value) = values.get(*row).copied()
            && let Some(slot) = values.get_mut(place)
        {
            *slot = value;
        }
    }
    values.truncate(rows.len());
}

/// Why a column cannot be read.
pub(super) type Damage = &'static str;

impl Entry {
    /// The column's bytes out of the block's data, as they are stored.
    fn stored<'d>(&self, data: &'d [u8]) -> Result<&'d [u8], Damage> {
        let at = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let end = at.saturating_add(usize::try_from(self.stored).unwrap_or(usize::MAX));
        let stored = data.get(at..end).ok_or("a column lies outside its block")?;
        if crc32fast::hash(stored) == self.crc { Ok(stored) } else { Err("a column's checksum is wrong") }
    }

    /// Unpacks what is compressed; whatever was in `out` is written over.
    fn unpack(&self, stored: &[u8], out: &mut Vec<u8>) -> Result<(), Damage> {
        // Formats 1 and 2 have the length in no checksum, and memory for as many bytes is asked for.
        if u64::from(self.stored).saturating_add(1) * LZ4_RATIO < u64::from(self.raw) {
            return Err("a column is longer than its bytes can say");
        }
        out.resize(usize::try_from(self.raw).unwrap_or(usize::MAX), 0);
        let length = decompress_into(stored, out).map_err(|_| "a column cannot be unpacked")?;
        out.truncate(length);
        Ok(())
    }

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
        let width = usize::from(self.width);
        if raw.len() != wanted.rows * width {
            return Err("a column has not its block's length");
        }
        let absent = self.flags & ABSENT != 0;
        let number = |code: u64| match (absent, code) {
            (true, 0) => NONE,
            (true, code) => min.wrapping_add(code.wrapping_sub(1).cast_signed()),
            (false, code) => min.wrapping_add(code.cast_signed()),
        };
        out.clear();
        let picked = wanted.picked;
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

    /// The wanted texts.
    pub(super) fn texts(&self, data: &[u8], wanted: Wanted<'_>, room: &mut Room) -> Result<Texts, Damage> {
        let mut texts = room.texts.pop().unwrap_or_default();
        let stored = self.stored(data)?;
        let mut raw = texts.begin();
        texts.plain = self.flags & PLAIN != 0;
        let compressed = self.flags & LZ4 != 0;
        if let Some(rows) = wanted.picked {
            let all = if compressed {
                self.unpack(stored, &mut room.raw)?;
                &room.raw
            } else {
                stored
            };
            let [own, lengths] = self.parts(all, wanted.rows)?;
            self.lengths(lengths, &mut texts.lengths)?;
            texts.pick(own, rows, raw)?;
            return Ok(texts);
        }
        // Unpacked where they are used.
        if compressed {
            self.unpack(stored, &mut raw)?;
        } else {
            raw.clear();
            raw.extend_from_slice(stored);
        }
        let [own, lengths] = self.parts(&raw, wanted.rows)?;
        self.lengths(lengths, &mut texts.lengths)?;
        let own = own.len();
        if self.flags & LENGTHS_LAST == 0 {
            drop(raw.drain(..raw.len() - own));
        }
        raw.truncate(own);
        texts.fill(raw)?;
        Ok(texts)
    }

    /// The bytes of the texts, and those of their lengths.
    fn parts<'r>(&self, raw: &'r [u8], rows: usize) -> Result<[&'r [u8]; 2], Damage> {
        let of_lengths = rows * usize::from(self.width);
        let of_texts = raw.len().checked_sub(of_lengths).ok_or("a text column is too short")?;
        let lengths_last = self.flags & LENGTHS_LAST != 0;
        let (first, second) =
            raw.split_at_checked(if lengths_last { of_texts } else { of_lengths }).unwrap_or_default();
        Ok(if lengths_last { [first, second] } else { [second, first] })
    }

    fn lengths(&self, raw: &[u8], out: &mut Vec<u32>) -> Result<(), Damage> {
        match self.width {
            1 => each(raw, None, out, |[byte]| u32::from(byte)),
            2 => each(raw, None, out, |two| u32::from(u16::from_le_bytes(two))),
            4 => each(raw, None, out, u32::from_le_bytes),
            _ => return Err("a text column has a width that nobody writes"),
        }
        Ok(())
    }
}

/// Adds what stands in so many bytes each, of some rows or of all.
fn each<const N: usize, T>(raw: &[u8], rows: Option<&[usize]>, out: &mut Vec<T>, of: impl Fn([u8; N]) -> T) {
    let all = raw.as_chunks().0;
    match rows {
        None => out.extend(all.iter().map(|bytes| of(*bytes))),
        Some(rows) => out.extend(rows.iter().filter_map(|row| all.get(*row)).map(|bytes| of(*bytes))),
    }
}

/// How long a text is, by the number that is stored.
fn length_of(stored: u32) -> usize {
    usize::try_from(stored.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// Texts do not stand where their lengths say.
const ELSEWHERE: Damage = "a text column's lengths are not those of its texts";

/// The texts of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    bytes: String,
    ends: Vec<usize>,
    /// One more than the text's; 0 where there is none.
    lengths: Vec<u32>,
    /// Whether it is known that none needs quotes or a guard.
    pub(super) plain: bool,
}

impl Texts {
    /// Forgets what is there; returns the memory of its bytes, which hold anything.
    fn begin(&mut self) -> Vec<u8> {
        self.ends.clear();
        self.lengths.clear();
        std::mem::take(&mut self.bytes).into_bytes()
    }

    /// Takes the bytes of the texts whose lengths are known.
    fn fill(&mut self, bytes: Vec<u8>) -> Result<(), Damage> {
        self.bytes = String::from_utf8(bytes).map_err(|_| "a text column is no UTF-8")?;
        let (mut end, mut inside) = (0, false);
        let Self { bytes, ends, lengths, .. } = self;
        ends.clear();
        ends.extend(lengths.iter().map(|length| {
            end += length_of(*length);
            inside |= !bytes.is_char_boundary(end);
            end
        }));
        if end == bytes.len() && !inside { Ok(()) } else { Err(ELSEWHERE) }
    }

    /// Takes the texts of some rows, which are in order, out of the bytes of all whose lengths are known; into `room`, which
    /// holds anything.
    fn pick(&mut self, all: &[u8], rows: &[usize], mut room: Vec<u8>) -> Result<(), Damage> {
        let mut end = 0;
        self.ends.extend(self.lengths.iter().map(|length| {
            end += length_of(*length);
            end
        }));
        if end != all.len() {
            return Err(ELSEWHERE);
        }
        room.clear();
        pick(&mut self.lengths, rows);
        for (row, length) in rows.iter().zip(&self.lengths) {
            let end = self.ends.get(*row).copied().unwrap_or(0);
            room.extend_from_slice(all.get(end.saturating_sub(length_of(*length))..end).unwrap_or_default());
        }
        self.fill(room)
    }

    /// A row's text.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let length = usize::try_from(self.lengths.get(row)?.checked_sub(1)?).ok()?;
        let end = *self.ends.get(row)?;
        self.bytes.get(end - length..end)
    }

    /// The texts of a run of rows, one behind the other, and how long each is.
    pub(super) fn run(&self, rows: Range<usize>) -> (&str, impl Iterator<Item = usize>) {
        let end_before =
            |row: usize| row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let all = self.bytes.get(end_before(rows.start)..end_before(rows.end)).unwrap_or_default();
        let lengths = self.lengths.get(rows).unwrap_or_default();
        (all, lengths.iter().map(|length| length_of(*length)))
    }
}

/// A column as it goes into a block, its place there still unknown.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) entry: Entry,
    pub(super) bytes: Vec<u8>,
}

fn packed(mut entry: Entry, raw: Vec<u8>) -> Stored {
    let small = compress(&raw);
    entry.raw = u32::try_from(raw.len()).unwrap_or(u32::MAX);
    let saves = small.len() < raw.len() - raw.len() / 8;
    if saves {
        entry.flags |= LZ4;
    }
    let bytes = if saves { small } else { raw };
    entry.crc = crc32fast::hash(&bytes);
    entry.stored = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    Stored { entry, bytes }
}

/// A column of numbers; `None` where all of them are absent. It is told from `base` where its numbers are narrower then, or
/// as wide and come to fewer bytes.
pub(super) fn of_numbers(column: u8, numbers: &[i64], base: Base<'_>) -> Option<Stored> {
    let bounds = bounds(numbers)?;
    let plain = Telling::plain(numbers, bounds);
    let told =
        if base == Base::None || plain.width == 0 { None } else { Telling::from(base, numbers, bounds) };
    let packed = |telling: &Telling<'_>| packed(telling.entry(column, bounds), telling.bytes(numbers));
    let Some(told) = told else { return Some(packed(&plain)) };
    // To compress both takes as long as all the rest: where one has narrower numbers, it is nearly always the smaller.
    Some(match told.width.cmp(&plain.width) {
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
    width: u8,
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
        let width = match max.wrapping_sub(min).cast_unsigned().saturating_add(u64::from(absent)) {
            0 => 0,
            1..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xff_ffff => 3,
            0x100_0000..=0xffff_ffff => 4,
            _ => 8,
        };
        Self { base, told, min, absent, width }
    }

    /// How many bytes they take.
    fn length(&self) -> usize {
        let front = if self.base == 0 { 0 } else { size_of::<i64>() };
        front + self.told.len() * usize::from(self.width)
    }

    fn entry(&self, column: u8, (min, max, _): (i64, i64, bool)) -> Entry {
        let flags = if self.absent { ABSENT } else { 0 };
        Entry { flags, base: self.base, min, max, ..Entry::new(column, self.width) }
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
        match self.width {
            0 => {}
            1 => push_codes::<1>(&mut raw, codes),
            2 => push_codes::<2>(&mut raw, codes),
            3 => push_codes::<3>(&mut raw, codes),
            4 => push_codes::<4>(&mut raw, codes),
            _ => push_codes::<8>(&mut raw, codes),
        }
        raw
    }
}

/// Adds the lower bytes of codes.
fn push_codes<const N: usize>(raw: &mut Vec<u8>, codes: impl ExactSizeIterator<Item = u64>) {
    let before = raw.len();
    raw.resize(before + N * codes.len(), 0);
    let slots = raw.get_mut(before..).unwrap_or_default().as_chunks_mut::<N>().0;
    for (slot, code) in slots.iter_mut().zip(codes) {
        if let Some(lower) = code.to_le_bytes().first_chunk() {
            *slot = *lower;
        }
    }
}

/// A column of texts; `None` where all of them are absent.
pub(super) fn of_texts(column: u8, texts: &[Option<&str>]) -> Option<Stored> {
    let longest = texts.iter().flatten().map(|text| text.len()).max()?;
    let width: u8 = match longest {
        0..=0xfe => 1,
        0xff..=0xfffe => 2,
        _ => 4,
    };
    let bytes: usize = texts.iter().flatten().map(|text| text.len()).sum();
    let mut raw = Vec::with_capacity(bytes + texts.len() * usize::from(width));
    for text in texts.iter().flatten() {
        raw.extend_from_slice(text.as_bytes());
    }
    for text in texts {
        let length = text.as_ref().map_or(0, |text| text.len() + 1);
        raw.extend_from_slice(length.to_le_bytes().get(..usize::from(width)).unwrap_or_default());
    }
    let plain = if texts.iter().flatten().all(|text| is_plain(text)) { PLAIN } else { 0 };
    Some(packed(Entry { flags: LENGTHS_LAST | plain, ..Entry::new(column, width) }, raw))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Base, Entry, Room, Wanted, of_numbers, of_texts, pick};
    use crate::domain::batch::NONE;

    const fn all(rows: usize) -> Wanted<'static> {
        Wanted { rows, picked: None }
    }

    /// A program that cut a text inside of a character would have others read the next row's.
    #[test]
    fn lengths_that_cut_a_character_are_damage() {
        let stored = of_texts(4, &[Some("é"), Some("x")]).unwrap();
        let mut bytes = stored.bytes;
        assert_eq!(bytes, "éx\u{3}\u{2}".as_bytes());
        let elsewhere = "a text column's lengths are not those of its texts";
        for (lengths, picked, why) in [
            ([2, 3], None, elsewhere),
            ([2, 3], Some(&[0, 1][..]), elsewhere),
            ([2, 3], Some(&[1][..]), "a text column is no UTF-8"),
            ([3, 3], None, elsewhere),
            ([3, 3], Some(&[0][..]), elsewhere),
        ] {
            bytes[3..].copy_from_slice(&lengths);
            let entry = Entry { crc: crc32fast::hash(&bytes), ..stored.entry };
            let read = entry.texts(&bytes, Wanted { rows: 2, picked }, &mut Room::default());
            assert_eq!(read.unwrap_err(), why);
        }
    }

    #[test]
    fn no_memory_is_asked_for_that_a_column_cannot_fill() {
        let bytes = lz4_flex::block::compress(&[1; 4_000]);
        let (stored, crc) = (u32::try_from(bytes.len()).unwrap(), crc32fast::hash(&bytes));
        let numbers = |raw| {
            let entry = Entry { flags: super::LZ4, stored, crc, raw, ..Entry::new(3, 1) };
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
        assert_eq!(of_numbers(3, &numbers, base).unwrap().bytes.len(), 4);
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
            texts in prop::collection::vec(prop::option::of("[a-zé\"\n]{0,12}|x{300}"), 1..60),
            wanted in prop::collection::vec(any::<bool>(), 200),
        ) {
            let mut room = Room::default();
            let some = |rows: usize| (0..rows).filter(|row| wanted[*row]).collect::<Vec<_>>();
            let picked = some(numbers.len());
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
            let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
            if let Some(stored) = of_texts(4, &texts) {
                let read = stored.entry.texts(&stored.bytes, all(texts.len()), &mut room).unwrap();
                for (row, text) in texts.iter().enumerate() {
                    prop_assert_eq!(read.get(row), *text);
                }
                let rows = some(texts.len());
                let some_texts = Wanted { picked: Some(&rows), ..all(texts.len()) };
                let few = stored.entry.texts(&stored.bytes, some_texts, &mut room).unwrap();
                let there: Vec<_> = (0..rows.len()).map(|row| few.get(row)).collect();
                prop_assert_eq!(there, rows.iter().map(|row| texts[*row]).collect::<Vec<_>>());
                prop_assert_eq!(few.get(rows.len()), None);
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
