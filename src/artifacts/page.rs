//! Delimited text while it grows, and cells that are made ready for it.
//!
//! Most cells are short and are copied at one width, whatever their length: the next cell is written over what was too
//! much. So there is always room behind the text for a whole line of short cells.

use std::ops::Range;

use super::cells::Ending;

/// Bytes that are copied at once.
pub(super) const WIDE: usize = 32;

/// Text while it grows.
#[derive(Debug, Default)]
pub(super) struct Page {
    bytes: Vec<u8>,
    length: usize,
    /// Room for a line of short cells.
    line: usize,
}

impl Page {
    /// For lines of so many cells.
    pub(super) fn new(cells: usize) -> Self {
        Self { bytes: Vec::new(), length: 0, line: cells * WIDE }
    }

    /// Makes room for a line.
    pub(super) fn begin_line(&mut self) {
        self.reserve(0);
    }

    fn reserve(&mut self, more: usize) {
        let needed = self.length + more + self.line;
        if self.bytes.len() < needed {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
    }

    /// Adds text of any length, and room for a line behind it.
    pub(super) fn add(&mut self, text: &[u8]) {
        self.reserve(text.len());
        if let Some(room) = self.bytes.get_mut(self.length..self.length + text.len()) {
            room.copy_from_slice(text);
            self.length += text.len();
        }
    }

    /// Adds a cell that was made ready; room for its line was made.
    #[inline]
    pub(super) fn put(&mut self, cells: &Cells, place: u32) {
        let Some(ready) = usize::try_from(place).ok().and_then(|place| cells.ready.get(place)) else {
            return;
        };
        let length = ready.0[LENGTH];
        if length == LONG {
            self.add(cells.long.get(ready.place()).unwrap_or_default());
        } else if let Some(room) = self.bytes.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut::<WIDE>)
        {
            *room = ready.0;
            self.length += usize::from(length);
        }
    }

    /// What has grown.
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// How long it is.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Cuts it off.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

/// A cell as it stands in the file, with what ends it. The last byte says how long it is, and the whole lies in half a
/// cache line: one look brings it.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Ready([u8; WIDE]);

/// Where its length stands; a text that would reach there is long.
const LENGTH: usize = WIDE - 1;
/// The length of a cell that was not made ready.
const UNMADE: u8 = 0;
/// The length of a long cell: it is kept elsewhere, and here stands where.
const LONG: u8 = 255;

impl Ready {
    const UNMADE: Self = Self([0; WIDE]);

    /// Where a long text is kept.
    fn place(&self) -> Range<usize> {
        let four = |at: usize| self.0.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        let [begin, length] =
            [four(0), four(4)].map(|four| usize::try_from(u32::from_le_bytes(four)).unwrap_or(usize::MAX));
        begin..begin.saturating_add(length)
    }

    /// Writes the cell by `write`, which says how long it is; `None` where it cannot.
    #[inline]
    pub(super) fn write(&mut self, write: impl FnOnce(&mut [u8; WIDE]) -> Option<usize>) -> Option<()> {
        let length = write(&mut self.0)?;
        self.0[LENGTH] = u8::try_from(length).ok()?;
        Some(())
    }

    /// Takes a text and what ends it; `wide` are the text's bytes with what is behind them, where there is enough of it.
    #[inline]
    pub(super) fn copy(
        &mut self,
        long: &mut Vec<u8>,
        text: &[u8],
        wide: Option<&[u8; WIDE]>,
        ending: Ending,
    ) {
        let length = text.len() + usize::from(ending.length);
        let Some(wide) = wide.filter(|_| length < LENGTH) else {
            let begin = long.len();
            long.extend_from_slice(text);
            long.extend_from_slice(ending.text());
            return self.settle(long, begin);
        };
        self.0 = *wide;
        if let Some(behind) = self.0.get_mut(text.len()..text.len() + 2) {
            behind.copy_from_slice(&ending.bytes);
        }
        self.0[LENGTH] = u8::try_from(length).unwrap_or(LONG);
    }

    /// Takes what stands in `long` from `begin` on: it stays there where it does not fit.
    pub(super) fn settle(&mut self, long: &mut Vec<u8>, begin: usize) {
        let text = long.get(begin..).unwrap_or_default();
        match self.0.get_mut(..text.len()) {
            Some(room) if text.len() < LENGTH => {
                room.copy_from_slice(text);
                self.0[LENGTH] = u8::try_from(text.len()).unwrap_or(LONG);
                long.truncate(begin);
            }
            _ => {
                let four = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
                self.0[..4].copy_from_slice(&four(begin));
                self.0[4..8].copy_from_slice(&four(text.len()));
                self.0[LENGTH] = LONG;
            }
        }
    }
}

/// Cells of a column that were made ready, by place.
#[derive(Debug, Default)]
pub(super) struct Cells {
    ready: Vec<Ready>,
    long: Vec<u8>,
}

impl Cells {
    /// Begins so many cells anew; all of them are to be made.
    pub(super) fn begin(&mut self, count: usize) -> (&mut [Ready], &mut Vec<u8>) {
        self.long.clear();
        self.ready.resize(count, Ready::UNMADE);
        (&mut self.ready, &mut self.long)
    }

    /// Whether a cell was made.
    #[inline]
    pub(super) fn has(&self, place: usize) -> bool {
        self.ready.get(place).is_some_and(|ready| ready.0[LENGTH] != UNMADE)
    }

    /// Makes the cell of a place; `make` adds its text. False where it is a long one and those have `most` bytes already.
    #[cold]
    pub(super) fn make(&mut self, place: usize, most: usize, make: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.ready.len() <= place {
            self.ready.resize((place + 1).next_power_of_two(), Ready::UNMADE);
        }
        let Some(ready) = self.ready.get_mut(place) else { return false };
        let begin = self.long.len();
        make(&mut self.long);
        ready.settle(&mut self.long, begin);
        if most < self.long.len() && begin < self.long.len() {
            *ready = Ready::UNMADE;
            self.long.truncate(begin);
            return false;
        }
        true
    }
}
