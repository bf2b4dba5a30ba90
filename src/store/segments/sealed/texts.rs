//! Columns of texts: their bytes, followed by their lengths, one more than they are with 0 for absent.

use std::ops::Range;

use super::column::{Damage, LZ4, Room, Stored, Wanted, each, packed, pick};
use super::directory::Entry;
use crate::domain::output::is_plain;

/// No text needs quotes or a guard in delimited text, whatever its dialect. Blocks have what [`is_plain`] said when they were
/// sealed: were more to need quotes one day, another bit would have to say so.
const PLAIN: u8 = 4;
/// Lengths stand behind the texts, which are unpacked in place then; in formats 1 and 2 they stand before them.
const LENGTHS_LAST: u8 = 8;

impl Entry {
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

    /// The bytes of the texts, and those of the lengths of so many rows.
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
        self.ends.clear();
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

    use super::super::column::{Room, Wanted};
    use super::super::directory::Entry;
    use super::of_texts;

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

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_stored_is_read(
            texts in prop::collection::vec(prop::option::of("[a-zé\"\n]{0,12}|x{300}"), 1..60),
            wanted in prop::collection::vec(any::<bool>(), 60),
        ) {
            let mut room = Room::default();
            let all = Wanted { rows: texts.len(), picked: None };
            let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
            if let Some(stored) = of_texts(4, &texts) {
                let read = stored.entry.texts(&stored.bytes, all, &mut room).unwrap();
                for (row, text) in texts.iter().enumerate() {
                    prop_assert_eq!(read.get(row), *text);
                }
                let rows: Vec<usize> = (0..texts.len()).filter(|row| wanted[*row]).collect();
                let some_texts = Wanted { picked: Some(&rows), ..all };
                let few = stored.entry.texts(&stored.bytes, some_texts, &mut room).unwrap();
                let there: Vec<_> = (0..rows.len()).map(|row| few.get(row)).collect();
                prop_assert_eq!(there, rows.iter().map(|row| texts[*row]).collect::<Vec<_>>());
                prop_assert_eq!(few.get(rows.len()), None);
            }
        }
    }
}
