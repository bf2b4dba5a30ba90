//! A block as it stands in the database, and how it is made.

use std::sync::OnceLock;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::column::{ENTRY, Entry, Texts, of_numbers, of_texts};
use super::{COLUMNS, FORMAT, SealedError, at, is_text};
use crate::domain::batch::NONE;
use crate::domain::record::Millis;

/// What a block says of itself before its data is read.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) block_id: i64,
    pub(super) rows: usize,
    pub(super) first_start: Millis,
    format: i64,
    directory: Vec<u8>,
}

impl Head {
    /// The columns that [`Self::of`] reads.
    pub(super) const COLUMNS: &'static str = "block_id, rows, first_start, format, directory";

    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let rows: i64 = row.get(1)?;
        Ok(Self {
            block_id: row.get(0)?,
            rows: usize::try_from(rows).unwrap_or(0),
            first_start: row.get(2)?,
            format: row.get(3)?,
            directory: row.get(4)?,
        })
    }

    pub(super) fn damaged(&self, why: &'static str) -> SealedError {
        let from = jiff::Timestamp::from_millisecond(self.first_start).unwrap_or_default();
        SealedError::Damaged { block_id: self.block_id, from, why }
    }

    /// The entry of a column; `None` where it is absent in all rows.
    pub(super) fn entry(&self, column: usize) -> Option<Entry> {
        let number = u8::try_from(column).ok()?;
        let mut entries = self.directory.chunks_exact(ENTRY);
        entries.find(|entry| entry.first() == Some(&number)).and_then(Entry::read)
    }

    /// Its columns, to be unpacked as they are asked for.
    pub(super) fn open(self, connection: &Connection) -> Result<Block, SealedError> {
        if self.format != FORMAT {
            return Err(self.damaged("its format is none that this program knows"));
        }
        let mut statement =
            connection.prepare_cached("select data from segment_block where block_id = ?1")?;
        let data: Vec<u8> = statement.query_row([self.block_id], |row| row.get(0))?;
        let mut statement =
            connection.prepare_cached("select place from segment_gone where block_id = ?1 order by place")?;
        let gone = statement.query_map([self.block_id], |row| row.get::<_, i64>(0))?;
        let gone = gone.map(|place| place.map(|place| usize::try_from(place).unwrap_or(usize::MAX)));
        let gone = gone.collect::<Result<_, _>>()?;
        Ok(Block { head: self, data, gone, columns: std::array::from_fn(|_| OnceLock::new()) })
    }
}

/// The head of a block.
pub(super) fn head(connection: &Connection, block_id: i64) -> rusqlite::Result<Option<Head>> {
    let sql = format!("select {} from segment_block where block_id = ?1", Head::COLUMNS);
    connection.prepare_cached(&sql)?.query_row([block_id], Head::of).optional()
}

/// A column, unpacked.
#[derive(Debug)]
enum Unpacked {
    Absent,
    Numbers(Vec<i64>),
    Texts(Texts),
}

/// A block with its data.
#[derive(Debug)]
pub(in crate::store::segments) struct Block {
    pub(super) head: Head,
    data: Vec<u8>,
    /// Places of rows that are not there any more, in order.
    pub(super) gone: Vec<usize>,
    columns: [OnceLock<Unpacked>; COLUMNS.len()],
}

impl Block {
    fn column(&self, column: usize) -> Result<&Unpacked, SealedError> {
        let Some(cell) = self.columns.get(column) else { return Ok(&Unpacked::Absent) };
        if let Some(known) = cell.get() {
            return Ok(known);
        }
        let damaged = |why| self.head.damaged(why);
        let unpacked = match self.head.entry(column) {
            None => Unpacked::Absent,
            Some(entry) if is_text(column) => {
                Unpacked::Texts(entry.texts(&self.data, self.head.rows).map_err(damaged)?)
            }
            Some(entry) => Unpacked::Numbers(entry.numbers(&self.data, self.head.rows).map_err(damaged)?),
        };
        Ok(cell.get_or_init(|| unpacked))
    }

    /// A column of numbers; empty where it is absent in all rows.
    pub(in crate::store::segments) fn numbers(&self, column: usize) -> Result<&[i64], SealedError> {
        Ok(match self.column(column)? {
            Unpacked::Numbers(numbers) => numbers,
            Unpacked::Absent | Unpacked::Texts(_) => &[],
        })
    }

    /// A number of a row.
    pub(in crate::store::segments) fn number(
        &self,
        column: usize,
        row: usize,
    ) -> Result<Option<i64>, SealedError> {
        Ok(self.numbers(column)?.get(row).copied().filter(|number| *number != NONE))
    }

    /// A text of a row.
    pub(in crate::store::segments) fn text(
        &self,
        column: usize,
        row: usize,
    ) -> Result<Option<&str>, SealedError> {
        Ok(match self.column(column)? {
            Unpacked::Texts(texts) => texts.get(row),
            Unpacked::Absent | Unpacked::Numbers(_) => None,
        })
    }

    /// Hands out the texts of some rows, the blank where there is none.
    pub(in crate::store::segments) fn each_text<'b>(
        &'b self,
        column: usize,
        rows: &[usize],
        mut take: impl FnMut(&'b str),
    ) -> Result<(), SealedError> {
        match self.column(column)? {
            Unpacked::Texts(texts) => rows.iter().for_each(|row| take(texts.get(*row).unwrap_or_default())),
            Unpacked::Absent | Unpacked::Numbers(_) => rows.iter().for_each(|_| take("")),
        }
        Ok(())
    }

    /// A value of a row, as the database has it.
    pub(in crate::store::segments) fn value(
        &self,
        column: usize,
        row: usize,
    ) -> Result<rusqlite::types::Value, SealedError> {
        use rusqlite::types::Value;
        Ok(if is_text(column) {
            self.text(column, row)?.map_or(Value::Null, |text| Value::Text(text.to_owned()))
        } else {
            self.number(column, row)?.map_or(Value::Null, Value::Integer)
        })
    }

    /// How many rows it was sealed with.
    pub(in crate::store::segments) fn rows(&self) -> usize {
        self.head.rows
    }

    /// Whether a row is there still.
    pub(in crate::store::segments) fn has(&self, row: usize) -> bool {
        self.gone.binary_search(&row).is_err()
    }
}

/// A row's hash: what its key is looked up by.
pub(super) fn key_hash(account_id: i64, record_id: &str) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&account_id.to_le_bytes());
    hash.update(record_id.as_bytes());
    hash.finalize()
}

/// Rows by column, on their way into a block.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) count: usize,
    numbers: Vec<Vec<i64>>,
    texts: Vec<Vec<Option<Box<str>>>>,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self { count: 0, numbers: vec![Vec::new(); COLUMNS.len()], texts: vec![Vec::new(); COLUMNS.len()] }
    }

    /// Adds a row whose columns stand in the order of [`COLUMNS`].
    pub(super) fn push(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        for (at, (numbers, texts)) in self.numbers.iter_mut().zip(&mut self.texts).enumerate() {
            if is_text(at) {
                texts.push(row.get(at)?);
            } else {
                numbers.push(row.get::<_, Option<i64>>(at)?.unwrap_or(NONE));
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Adds the rows that a block still has.
    pub(super) fn push_block(&mut self, block: &Block) -> Result<(), SealedError> {
        let there: Vec<usize> = (0..block.rows()).filter(|row| block.has(*row)).collect();
        for at in 0..COLUMNS.len() {
            if is_text(at) {
                let Some(texts) = self.texts.get_mut(at) else { continue };
                for row in &there {
                    texts.push(block.text(at, *row)?.map(Into::into));
                }
            } else {
                let (Some(numbers), column) = (self.numbers.get_mut(at), block.numbers(at)?) else {
                    continue;
                };
                numbers.extend(there.iter().map(|row| column.get(*row).copied().unwrap_or(NONE)));
            }
        }
        self.count += there.len();
        Ok(())
    }

    fn number(&self, column: usize, row: usize) -> i64 {
        self.numbers.get(column).and_then(|numbers| numbers.get(row)).copied().unwrap_or(NONE)
    }

    fn key(&self, row: usize) -> &str {
        self.texts.first().and_then(|texts| texts.get(row)).and_then(Option::as_deref).unwrap_or_default()
    }

    /// The rows in report order, by their places here.
    pub(super) fn ordered(&self) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.count).collect();
        rows.sort_by(|a, b| {
            let of = |row: usize| (self.start(row), self.key(row), self.number(at::ACCOUNT, row));
            of(*a).cmp(&of(*b))
        });
        rows
    }

    /// A row's start.
    pub(super) fn start(&self, row: usize) -> Millis {
        self.number(at::ROW_START, row)
    }

    /// Packs some of the rows, in this order.
    pub(super) fn pack(&self, rows: &[usize]) -> Packed {
        let (mut directory, mut data) = (Vec::new(), Vec::new());
        for at in 0..COLUMNS.len() {
            let number = u8::try_from(at).unwrap_or(u8::MAX);
            let stored = if is_text(at) {
                let texts = rows
                    .iter()
                    .map(|row| self.texts.get(at).and_then(|texts| texts.get(*row)).cloned().flatten());
                of_texts(number, &texts.collect::<Vec<_>>())
            } else {
                of_numbers(number, &rows.iter().map(|row| self.number(at, *row)).collect::<Vec<_>>())
            };
            let Some(mut stored) = stored else { continue };
            stored.entry.offset = u32::try_from(data.len()).unwrap_or(u32::MAX);
            stored.entry.write(&mut directory);
            data.append(&mut stored.bytes);
        }
        let bounds = |values: &mut dyn Iterator<Item = i64>| {
            values.filter(|value| *value != NONE).fold(None, |bounds: Option<(i64, i64)>, value| {
                Some(bounds.map_or((value, value), |(least, most)| (least.min(value), most.max(value))))
            })
        };
        let closed = rows.iter().filter(|row| self.number(at::OUTCOME, **row) != NONE);
        Packed {
            first_start: rows.first().map_or(0, |row| self.start(*row)),
            last_start: rows.last().map_or(0, |row| self.start(*row)),
            rows: rows.len(),
            closed: bounds(&mut closed.map(|row| self.number(at::END, *row))),
            ended: bounds(&mut rows.iter().map(|row| self.number(at::ENDED, *row))),
            keys: rows
                .iter()
                .flat_map(|row| key_hash(self.number(at::ACCOUNT, *row), self.key(*row)).to_le_bytes())
                .collect(),
            directory,
            data,
        }
    }
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
        Ok(())
    }
}
