//! Rows by column, on their way into blocks.

use std::ops::Range;

use rusqlite::{Row, Transaction, params};

use super::block::{Block, key_hash};
use super::directory::Growing;
use super::numbers::{Base, of_numbers};
use super::texts::of_texts;
use super::{COLUMNS, FORMAT, OCCURRING, SealedError, at, base_of, is_text};
use crate::domain::batch::NONE;
use crate::domain::record::Millis;

/// The texts of a column, one behind the other.
#[derive(Debug, Default)]
struct TextColumn {
    bytes: String,
    /// Where each begins and ends; [`NOWHERE`] where there is none.
    spans: Vec<(usize, usize)>,
}

/// Where a text stands that there is not.
const NOWHERE: (usize, usize) = (usize::MAX, 0);

impl TextColumn {
    fn push(&mut self, text: &str) {
        let begin = self.bytes.len();
        self.bytes.push_str(text);
        self.spans.push((begin, self.bytes.len()));
    }

    fn get(&self, row: usize) -> Option<&str> {
        let (begin, end) = *self.spans.get(row)?;
        self.bytes.get(begin..end)
    }
}

/// Places of rows.
struct Places<'a> {
    all: &'a [usize],
    /// The same where they stand one behind the other.
    run: Option<Range<usize>>,
}

impl<'a> Places<'a> {
    fn of(all: &'a [usize]) -> Self {
        let first = all.first().copied().unwrap_or(0);
        let together = all.iter().copied().eq(first..first + all.len());
        Self { all, run: together.then_some(first..first + all.len()) }
    }
}

/// Rows by column. A column is written only from its first value on: most are absent in most centres.
#[derive(Debug)]
pub(in crate::store::segments) struct Rows {
    pub(super) count: usize,
    numbers: Vec<Vec<i64>>,
    texts: Vec<TextColumn>,
}

impl Rows {
    pub(super) fn new() -> Self {
        let texts = COLUMNS.iter().map(|_| TextColumn::default()).collect();
        Self { count: 0, numbers: vec![Vec::new(); COLUMNS.len()], texts }
    }

    /// Takes everything out and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.numbers.iter_mut().for_each(Vec::clear);
        for texts in &mut self.texts {
            texts.bytes.clear();
            texts.spans.clear();
        }
    }

    fn number_at(&mut self, column: usize, number: i64) {
        if number == NONE {
            return;
        }
        if let Some(numbers) = self.numbers.get_mut(column) {
            numbers.resize(self.count, NONE);
            numbers.push(number);
        }
    }

    fn text_at(&mut self, column: usize, text: Option<&str>) {
        let Some(text) = text else { return };
        if let Some(texts) = self.texts.get_mut(column) {
            texts.spans.resize(self.count, NOWHERE);
            texts.push(text);
        }
    }

    /// Has the numbers of rows to come added to a column, [`NONE`] where one is absent.
    pub(in crate::store::segments) fn add_numbers(&mut self, column: usize, add: impl FnOnce(&mut Vec<i64>)) {
        if let Some(numbers) = self.numbers.get_mut(column) {
            numbers.resize(self.count, NONE);
            add(numbers);
        }
    }

    /// Adds the texts of rows to come to a column.
    pub(in crate::store::segments) fn add_texts<'t>(
        &mut self,
        column: usize,
        texts: impl Iterator<Item = Option<&'t str>>,
    ) {
        let Some(known) = self.texts.get_mut(column) else { return };
        known.spans.resize(self.count, NOWHERE);
        for text in texts {
            match text {
                Some(text) => known.push(text),
                None => known.spans.push(NOWHERE),
            }
        }
    }

    /// Ends rows whose columns have been added.
    pub(in crate::store::segments) fn end_rows(&mut self, rows: usize) {
        self.count += rows;
    }

    /// Adds a row of the database whose columns stand in that order.
    pub(super) fn push_row(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        for column in 0..COLUMNS.len() {
            if is_text(column) {
                self.text_at(column, row.get_ref(column)?.as_str_or_null()?);
            } else {
                self.number_at(column, row.get::<_, Option<i64>>(column)?.unwrap_or(NONE));
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Adds the rows that a block still has.
    pub(super) fn push_block(&mut self, block: &Block) -> Result<(), SealedError> {
        let there: Vec<usize> = (0..block.rows()).filter(|row| block.has(*row)).collect();
        let before = self.count;
        for column in 0..COLUMNS.len() {
            self.count = before;
            if is_text(column) {
                for row in &there {
                    self.text_at(column, block.text(column, *row)?);
                    self.count += 1;
                }
            } else {
                let numbers = block.numbers(column)?;
                for row in there.iter().filter(|_| !numbers.is_empty()) {
                    self.number_at(column, numbers.get(*row).copied().unwrap_or(NONE));
                    self.count += 1;
                }
            }
        }
        self.count = before + there.len();
        Ok(())
    }

    /// Whether no row has a value.
    fn is_absent(&self, column: usize) -> bool {
        self.numbers.get(column).is_none_or(Vec::is_empty)
            && self.texts.get(column).is_none_or(|texts| texts.spans.is_empty())
    }

    /// The numbers of some rows: where they are, if the rows stand one behind the other; else in `room`.
    fn numbers_of<'r>(&'r self, column: usize, rows: &Places<'_>, room: &'r mut Vec<i64>) -> &'r [i64] {
        let run = rows.run.clone();
        if let Some(together) = run.and_then(|run| self.numbers.get(column)?.get(run)) {
            return together;
        }
        room.clear();
        room.extend(rows.all.iter().map(|row| self.number(column, *row)));
        room
    }

    fn number(&self, column: usize, row: usize) -> i64 {
        self.numbers.get(column).and_then(|numbers| numbers.get(row)).copied().unwrap_or(NONE)
    }

    fn text(&self, column: usize, row: usize) -> Option<&str> {
        self.texts.get(column).and_then(|texts| texts.get(row))
    }

    /// The rows in report order, by their places here.
    pub(super) fn ordered(&self) -> Vec<usize> {
        let of = |row: usize| {
            let key = self.text(at::RECORD_ID, row).unwrap_or_default();
            (self.start(row), key, self.number(at::ACCOUNT, row))
        };
        let mut rows: Vec<usize> = (0..self.count).collect();
        rows.sort_by(|a, b| of(*a).cmp(&of(*b)));
        rows
    }

    /// A row's start.
    pub(in crate::store::segments) fn start(&self, row: usize) -> Millis {
        self.number(at::ROW_START, row)
    }

    /// Packs some of the rows, in this order.
    pub(super) fn pack(&self, rows: &[usize]) -> Packed {
        let (mut directory, mut data) = (Growing::default(), Vec::new());
        let places = Places::of(rows);
        let (mut room, mut of_base) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for column in (0..COLUMNS.len()).filter(|column| !self.is_absent(*column)) {
            let number = u8::try_from(column).unwrap_or(u8::MAX);
            let (stored, codes) = if is_text(column) {
                let texts: Vec<Option<&str>> = rows.iter().map(|row| self.text(column, *row)).collect();
                (of_texts(number, &texts), None)
            } else {
                let base = match base_of(column) {
                    Some(base) => Base::Column(base, self.numbers_of(base, &places, &mut of_base)),
                    None if column == at::ROW_START => Base::RowBefore,
                    None => Base::None,
                };
                let numbers = self.numbers_of(column, &places, &mut room);
                (of_numbers(number, numbers, base), OCCURRING.contains(&column).then_some(numbers))
            };
            let Some(mut stored) = stored else { continue };
            stored.entry.offset = u32::try_from(data.len()).unwrap_or(u32::MAX);
            directory.add(stored.entry, codes);
            data.append(&mut stored.bytes);
        }
        let closed = rows.iter().filter(|row| self.number(at::OUTCOME, **row) != NONE);
        let hash = |row: usize, column: usize| {
            key_hash(self.number(at::ACCOUNT, row), self.text(column, row).unwrap_or_default())
        };
        let mut interactions: Vec<u32> = rows.iter().map(|row| hash(*row, at::INTERACTION_KEY)).collect();
        interactions.sort_unstable();
        interactions.dedup();
        Packed {
            first_start: rows.first().map_or(0, |row| self.start(*row)),
            last_start: rows.last().map_or(0, |row| self.start(*row)),
            rows: rows.len(),
            closed: bounds(closed.map(|row| self.number(at::END, *row))),
            ended: bounds(rows.iter().map(|row| self.number(at::ENDED, *row))),
            keys: rows.iter().flat_map(|row| hash(*row, at::RECORD_ID).to_le_bytes()).collect(),
            interactions: interactions.into_iter().flat_map(u32::to_le_bytes).collect(),
            directory: directory.finish(rows.len()),
            data,
        }
    }
}

/// The least and the greatest of the numbers that are there.
pub(super) fn bounds(numbers: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    let there = numbers.filter(|number| *number != NONE);
    there
        .map(|number| (number, number))
        .reduce(|(least, most), (number, _)| (least.min(number), most.max(number)))
}

/// A block before it is written.
#[derive(Debug)]
pub(super) struct Packed {
    first_start: Millis,
    last_start: Millis,
    rows: usize,
    closed: Option<(Millis, Millis)>,
    ended: Option<(Millis, Millis)>,
    keys: Vec<u8>,
    interactions: Vec<u8>,
    directory: Vec<u8>,
    data: Vec<u8>,
}

impl Packed {
    pub(super) fn write(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        // `block_id` is one more than any before: one that was read is never another one later.
        tx.prepare_cached(
            "insert into segment_block (format, first_start, last_start, rows, min_end, max_end, min_ended, max_ended,
                                        keys, directory, data)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            FORMAT,
            self.first_start,
            self.last_start,
            i64::try_from(self.rows).unwrap_or(i64::MAX),
            self.closed.map(|bounds| bounds.0),
            self.closed.map(|bounds| bounds.1),
            self.ended.map(|bounds| bounds.0),
            self.ended.map(|bounds| bounds.1),
            self.keys,
            self.directory,
            self.data,
        ])?;
        tx.prepare_cached("insert into segment_block_interactions (block_id, hashes) values (?1, ?2)")?
            .execute(params![tx.last_insert_rowid(), self.interactions])
            .map(drop)
    }
}
