//! A block as it stands in the database.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::{Connection, MAIN_DB, Row};

use super::column::{Room, Wanted, pick};
use super::directory::Directory;
use super::texts::Texts;
use super::{COLUMNS, SealedError, at, base_of, is_text};
use crate::domain::batch::{NONE, TextColumn};
use crate::domain::record::Millis;

/// What a block says of itself before its data is read.
#[derive(Debug, Clone)]
pub(in crate::store::segments) struct Head {
    pub(super) block_id: i64,
    pub(super) rows: usize,
    pub(super) first_start: Millis,
    pub(super) directory: Directory,
}

/// Bytes of a row's key among a block's keys: a hash.
const KEY_BYTES: i64 = 4;

impl Head {
    fn of(row: &Row<'_>) -> Result<Self, SealedError> {
        let rows: i64 = row.get("rows")?;
        let mut head = Self {
            block_id: row.get("block_id")?,
            rows: usize::try_from(rows).unwrap_or(0),
            first_start: row.get("first_start")?,
            directory: Directory::default(),
        };
        // Formats 1 and 2 have it in no checksum, and memory for as many rows is asked for.
        if rows.checked_mul(KEY_BYTES) != Some(row.get("keys")?) {
            return Err(head.damaged("it has not as many keys as rows"));
        }
        let directory = Directory::read(row.get("format")?, head.rows, row.get("directory")?);
        head.directory = directory.map_err(|why| head.damaged(why))?;
        // Each row has a start: a directory that says otherwise is none.
        if head.directory.entry(at::ROW_START).is_none() {
            return Err(head.damaged("its directory has no starts"));
        }
        Ok(head)
    }

    pub(super) fn damaged(&self, why: &'static str) -> SealedError {
        let from = jiff::Timestamp::from_millisecond(self.first_start).unwrap_or_default();
        SealedError::Damaged { block_id: self.block_id, from, why }
    }

    /// Its columns, to be unpacked as they are asked for.
    pub(in crate::store::segments) fn open(self, connection: &Connection) -> Result<Block, SealedError> {
        self.open_in(connection, &Rooms::default())
    }

    /// The same in memory that blocks before it have left.
    pub(in crate::store::segments) fn open_in(
        self,
        connection: &Connection,
        rooms: &Rooms,
    ) -> Result<Block, SealedError> {
        // Straight into memory that is there already: as a value of a statement it would be copied twice.
        let blob = connection.blob_open(MAIN_DB, "segment_block", "data", self.block_id, true)?;
        let mut data = lock(rooms).data.pop().unwrap_or_default();
        data.resize(blob.len(), 0);
        blob.read_at_exact(&mut data, 0)?;
        let mut statement =
            connection.prepare_cached("select place from segment_gone where block_id = ?1 order by place")?;
        let gone = statement.query_map([self.block_id], |row| row.get::<_, i64>(0))?;
        let gone = gone.map(|place| place.map(|place| usize::try_from(place).unwrap_or(usize::MAX)));
        let gone = gone.collect::<Result<_, _>>()?;
        let columns = std::array::from_fn(|_| OnceLock::new());
        let (picked, by_interaction, room) = (None, OnceLock::new(), rooms.clone());
        Ok(Block { head: self, data, gone, picked, columns, by_interaction, room })
    }
}

/// The head of a block, if it is there still.
pub(in crate::store::segments) fn head(
    connection: &Connection,
    block_id: i64,
) -> Result<Option<Head>, SealedError> {
    // A BLOB's length is told before its bytes.
    let sql = "select block_id, rows, first_start, format, directory, length(keys) as keys
               from segment_block where block_id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query([block_id])?;
    found.next()?.map(Head::of).transpose()
}

/// Memory that blocks one after the other are unpacked into.
pub(in crate::store::segments) type Rooms = Arc<Mutex<Room>>;

fn lock(rooms: &Rooms) -> MutexGuard<'_, Room> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// The rows that are all that is wanted of it, if so: it is as if it had no others.
    picked: Option<Vec<usize>>,
    columns: [OnceLock<Unpacked>; COLUMNS.len()],
    by_interaction: OnceLock<Vec<(u32, u32)>>,
    room: Rooms,
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut room = lock(&self.room);
        for column in &mut self.columns {
            match column.take() {
                Some(Unpacked::Numbers(numbers)) => room.numbers.push(numbers),
                Some(Unpacked::Texts(texts)) => room.texts.push(texts),
                Some(Unpacked::Absent) | None => {}
            }
        }
        room.data.push(std::mem::take(&mut self.data));
    }
}

impl Block {
    fn column(&self, column: usize) -> Result<&Unpacked, SealedError> {
        let Some(cell) = self.columns.get(column) else { return Ok(&Unpacked::Absent) };
        if let Some(known) = cell.get() {
            return Ok(known);
        }
        let damaged = |why| self.head.damaged(why);
        let unpacked = match self.head.directory.entry(column) {
            None => Unpacked::Absent,
            Some(entry) if is_text(column) => Unpacked::Texts(
                entry.texts(&self.data, self.wanted(), &mut lock(&self.room)).map_err(damaged)?,
            ),
            Some(entry) => {
                let base = match entry.base() {
                    None => &[],
                    Some(base) if base_of(column) == Some(base) => self.numbers(base)?,
                    // Following it, a damaged block could send us round and round.
                    Some(_) => return Err(damaged("a column is told from one that nobody tells it from")),
                };
                let numbers = entry.numbers(&self.data, self.wanted(), base, &mut lock(&self.room));
                Unpacked::Numbers(numbers.map_err(damaged)?)
            }
        };
        Ok(cell.get_or_init(|| unpacked))
    }

    /// How many rows it was sealed with, and which of them are wanted.
    fn wanted(&self) -> Wanted<'_> {
        Wanted { rows: self.head.rows, picked: self.picked.as_deref() }
    }

    /// Leaves some of its rows, which are in order and there still. They are numbered anew: their numbers are no places in
    /// the block any more.
    pub(super) fn pick(mut self, rows: Vec<usize>) -> Self {
        let mut room = lock(&self.room);
        for column in &mut self.columns {
            match column.get_mut() {
                Some(Unpacked::Numbers(numbers)) => pick(numbers, &rows),
                // It is unpacked anew.
                Some(Unpacked::Texts(_)) => {
                    if let Some(Unpacked::Texts(texts)) = column.take() {
                        room.texts.push(texts);
                    }
                }
                Some(Unpacked::Absent) | None => {}
            }
        }
        drop(room);
        self.by_interaction.take();
        self.gone.clear();
        self.picked = Some(rows);
        self
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

    /// Adds the texts of some rows to a column, the blank where there is none.
    pub(in crate::store::segments) fn push_texts(
        &self,
        column: usize,
        rows: &[usize],
        out: &mut TextColumn,
    ) -> Result<(), SealedError> {
        match (self.column(column)?, run(rows)) {
            (Unpacked::Texts(texts), Some(run)) => {
                let (all, lengths) = texts.run(run);
                out.extend(all, lengths, texts.plain);
            }
            (Unpacked::Texts(texts), None) => {
                for text in rows.iter().map(|row| texts.get(*row).unwrap_or_default()) {
                    out.extend(text, std::iter::once(text.len()), texts.plain);
                }
            }
            (Unpacked::Absent | Unpacked::Numbers(_), _) => out.extend("", rows.iter().map(|_| 0), true),
        }
        Ok(())
    }

    /// Adds the numbers of some rows to a column.
    pub(in crate::store::segments) fn push_numbers(
        &self,
        column: usize,
        rows: &[usize],
        out: &mut Vec<i64>,
    ) -> Result<(), SealedError> {
        let numbers = self.numbers(column)?;
        match run(rows).and_then(|run| numbers.get(run)) {
            Some(run) => out.extend_from_slice(run),
            None => out.extend(rows.iter().map(|row| numbers.get(*row).copied().unwrap_or(NONE))),
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

    /// How many rows it was sealed with, or how many of them were picked.
    pub(in crate::store::segments) fn rows(&self) -> usize {
        self.picked.as_ref().map_or(self.head.rows, Vec::len)
    }

    /// The rows of an interaction, whether they are there still or not.
    pub(in crate::store::segments) fn of_interaction(
        &self,
        account_id: i64,
        key: &str,
    ) -> Result<Vec<usize>, SealedError> {
        let order = if let Some(known) = self.by_interaction.get() {
            known
        } else {
            let hashes = self.interaction_hashes()?;
            self.by_interaction.get_or_init(|| hashes)
        };
        let hash = key_hash(account_id, key);
        let from = order.partition_point(|(known, _)| *known < hash);
        let mut rows = Vec::new();
        for (_, row) in order.iter().skip(from).take_while(|(known, _)| *known == hash) {
            let row = usize::try_from(*row).unwrap_or(usize::MAX);
            if self.text(at::INTERACTION_KEY, row)? == Some(key)
                && self.number(at::ACCOUNT, row)? == Some(account_id)
            {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// Each row's interaction's hash with the row, in order.
    fn interaction_hashes(&self) -> Result<Vec<(u32, u32)>, SealedError> {
        let mut hashes = Vec::with_capacity(self.rows());
        for row in 0..self.rows() {
            let account = self.number(at::ACCOUNT, row)?.unwrap_or(NONE);
            let key = self.text(at::INTERACTION_KEY, row)?.unwrap_or_default();
            hashes.push((key_hash(account, key), u32::try_from(row).unwrap_or(u32::MAX)));
        }
        hashes.sort_unstable();
        Ok(hashes)
    }

    /// The hashes of its rows' keys, and those of its interactions, as they stand beside it.
    pub(super) fn hashes(&self) -> Result<(Vec<u8>, Vec<u8>), SealedError> {
        let mut rows = Vec::with_capacity(self.rows() * 4);
        for row in 0..self.rows() {
            let account = self.number(at::ACCOUNT, row)?.unwrap_or(NONE);
            let hash = key_hash(account, self.text(at::RECORD_ID, row)?.unwrap_or_default());
            rows.extend_from_slice(&hash.to_le_bytes());
        }
        let mut interactions: Vec<u32> =
            self.interaction_hashes()?.into_iter().map(|(hash, _)| hash).collect();
        interactions.dedup();
        Ok((rows, interactions.into_iter().flat_map(u32::to_le_bytes).collect()))
    }

    /// Whether a row is there still.
    pub(in crate::store::segments) fn has(&self, row: usize) -> bool {
        self.gone.binary_search(&row).is_err()
    }
}

/// Rows, which are in order, as a run without a gap.
fn run(rows: &[usize]) -> Option<Range<usize>> {
    let (first, last) = (*rows.first()?, *rows.last()?);
    (last - first + 1 == rows.len()).then_some(first..last + 1)
}

/// A row's hash: what its key is looked up by.
pub(in crate::store::segments) fn key_hash(account_id: i64, record_id: &str) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&account_id.to_le_bytes());
    hash.update(record_id.as_bytes());
    hash.finalize()
}
