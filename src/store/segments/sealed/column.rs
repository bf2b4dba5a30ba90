//! One column of a block as bytes, and back: what columns of numbers (`numbers.rs`) and of texts (`texts.rs`) have in common.
//! Either is compressed with lz4 where that saves an eighth, and has a checksum.

use lz4_flex::block::{compress, decompress_into};

use super::directory::Entry;
use super::texts::Texts;

/// The bytes are compressed.
pub(super) const LZ4: u8 = 2;
/// How many bytes one of theirs can stand for at the most.
const LZ4_RATIO: u64 = 255;

/// Memory that columns are unpacked into, to be used again for the next block: what is given back to the system and taken
/// anew costs more than the unpacking.
#[derive(Debug, Default)]
pub(in crate::store::segments) struct Room {
    pub(super) raw: Vec<u8>,
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
    pub(super) fn stored<'d>(&self, data: &'d [u8]) -> Result<&'d [u8], Damage> {
        let at = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let end = at.saturating_add(usize::try_from(self.stored).unwrap_or(usize::MAX));
        let stored = data.get(at..end).ok_or("a column lies outside its block")?;
        if crc32fast::hash(stored) == self.crc { Ok(stored) } else { Err("a column's checksum is wrong") }
    }

    /// Unpacks what is compressed; whatever was in `out` is written over.
    pub(super) fn unpack(&self, stored: &[u8], out: &mut Vec<u8>) -> Result<(), Damage> {
        // Formats 1 and 2 have the length in no checksum, and memory for as many bytes is asked for.
        if u64::from(self.stored).saturating_add(1) * LZ4_RATIO < u64::from(self.raw) {
            return Err("a column is longer than its bytes can say");
        }
        out.resize(usize::try_from(self.raw).unwrap_or(usize::MAX), 0);
        let length = decompress_into(stored, out).map_err(|_| "a column cannot be unpacked")?;
        out.truncate(length);
        Ok(())
    }
}

/// Adds what stands in so many bytes each, of some rows or of all.
pub(super) fn each<const N: usize, T>(
    raw: &[u8],
    rows: Option<&[usize]>,
    out: &mut Vec<T>,
    of: impl Fn([u8; N]) -> T,
) {
    let all = raw.as_chunks().0;
    match rows {
        None => out.extend(all.iter().map(|bytes| of(*bytes))),
        // All of them are there: were one passed over, room would have to be looked for at each.
        Some(rows) => out.extend(rows.iter().map(|row| of(all.get(*row).copied().unwrap_or([0; N])))),
    }
}

/// A column as it goes into a block, its place there still unknown.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) entry: Entry,
    pub(super) bytes: Vec<u8>,
}

/// Compresses it where that pays.
pub(super) fn packed(mut entry: Entry, raw: Vec<u8>) -> Stored {
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
