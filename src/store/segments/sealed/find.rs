//! Single sealed segments: by the place that their interaction names, or by their key.

use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params};

use super::block::{Block, Head, head, key_hash};
use super::{SealedError, at};
use crate::domain::record::Millis;

/// Blocks that stay unpacked: records come in the order of time, more or less.
const BLOCKS_KEPT: usize = 6;

/// Where a sealed segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::segments) struct SealedAt {
    block_id: i64,
    row: usize,
}

/// A sealed segment.
#[derive(Debug, Clone)]
pub(in crate::store::segments) struct Found {
    pub(in crate::store::segments) at: SealedAt,
    block: Arc<Block>,
}

impl Found {
    /// Whose it is.
    pub(in crate::store::segments) fn interaction_id(&self) -> Result<Option<i64>, SealedError> {
        self.number(at::INTERACTION)
    }

    /// When it begins.
    pub(in crate::store::segments) fn row_start(&self) -> Result<Option<Millis>, SealedError> {
        self.number(at::ROW_START)
    }

    /// Its version.
    pub(in crate::store::segments) fn version(&self) -> Result<Option<Millis>, SealedError> {
        self.number(at::VERSION)
    }

    /// A number of it.
    pub(in crate::store::segments) fn number(&self, column: usize) -> Result<Option<i64>, SealedError> {
        self.block.number(column, self.at.row)
    }

    /// A text of it.
    pub(in crate::store::segments) fn text(&self, column: usize) -> Result<Option<&str>, SealedError> {
        self.block.text(column, self.at.row)
    }
}

/// Looks for sealed segments, and keeps what it has unpacked.
#[derive(Debug, Default)]
pub(in crate::store::segments) struct Finder {
    blocks: VecDeque<Arc<Block>>,
    keys: Keys,
    /// Whether there are any blocks at all, as of the beginning of the chunk.
    any: bool,
}

impl Finder {
    /// Looks what has been sealed since.
    pub(in crate::store::segments) fn begin(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let newest: Option<i64> =
            tx.prepare_cached("select max(block_id) from segment_block")?.query_row([], |row| row.get(0))?;
        self.any = newest.is_some();
        self.keys.wanted = newest.unwrap_or(0);
        Ok(())
    }

    /// The segment of this key that begins at this instant.
    pub(in crate::store::segments) fn by_place(
        &mut self,
        tx: &Transaction<'_>,
        row_start: Millis,
        record_id: &str,
        account_id: i64,
    ) -> Result<Option<Found>, SealedError> {
        if !self.any {
            return Ok(None);
        }
        // Blocks do not overlap: only the last that begins before it can have it.
        let sql = "select block_id, last_start from segment_block where first_start <= ?1 order by first_start desc limit 1";
        let block: Option<(i64, Millis)> = tx
            .prepare_cached(sql)?
            .query_row([row_start], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((block_id, _)) = block.filter(|(_, last)| row_start <= *last) else { return Ok(None) };
        let block = self.block(tx, block_id)?;
        let starts = block.numbers(at::ROW_START)?;
        let from = starts.partition_point(|start| *start < row_start);
        for (row, start) in starts.iter().enumerate().skip(from) {
            if *start != row_start {
                break;
            }
            if block.text(at::RECORD_ID, row)? == Some(record_id)
                && block.number(at::ACCOUNT, row)? == Some(account_id)
            {
                return there(tx, SealedAt { block_id, row }, &block);
            }
        }
        Ok(None)
    }

    /// The segment of this key, wherever it is.
    pub(in crate::store::segments) fn by_key(
        &mut self,
        tx: &Transaction<'_>,
        record_id: &str,
        account_id: i64,
    ) -> Result<Option<Found>, SealedError> {
        if !self.any {
            return Ok(None);
        }
        self.keys.load(tx)?;
        let hash = key_hash(account_id, record_id);
        for block_id in self.keys.blocks(hash) {
            let exists = "select exists (select 1 from segment_block where block_id = ?1)";
            // A block that was compacted since has its rows under another number.
            if !tx.prepare_cached(exists)?.query_row([block_id], |row| row.get::<_, bool>(0))? {
                continue;
            }
            let block = self.block(tx, block_id)?;
            for row in 0..block.rows() {
                if block.text(at::RECORD_ID, row)? == Some(record_id)
                    && block.number(at::ACCOUNT, row)? == Some(account_id)
                    && let Some(found) = there(tx, SealedAt { block_id, row }, &block)?
                {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    fn block(&mut self, tx: &Transaction<'_>, block_id: i64) -> Result<Arc<Block>, SealedError> {
        if let Some(known) = self.blocks.iter().position(|block| block.head.block_id == block_id)
            && let Some(block) = self.blocks.remove(known)
        {
            self.blocks.push_front(block.clone());
            return Ok(block);
        }
        let head: Option<Head> = head(tx, block_id)?;
        let head = head.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let block = Arc::new(head.open(tx)?);
        self.blocks.push_front(block.clone());
        self.blocks.truncate(BLOCKS_KEPT);
        Ok(block)
    }
}

/// The segment, if it has not gone: an unpacked block may be older than that.
fn there(tx: &Transaction<'_>, at: SealedAt, block: &Arc<Block>) -> Result<Option<Found>, SealedError> {
    let gone: bool = tx
        .prepare_cached("select exists (select 1 from segment_gone where block_id = ?1 and place = ?2)")?
        .query_row(params![at.block_id, i64::try_from(at.row).unwrap_or(i64::MAX)], |row| row.get(0))?;
    Ok((!gone).then(|| Found { at, block: block.clone() }))
}

/// Takes a segment out of its block.
pub(in crate::store::segments) fn take_out(tx: &Transaction<'_>, at: SealedAt) -> rusqlite::Result<()> {
    tx.prepare_cached("insert into segment_gone (block_id, place) values (?1, ?2)")?
        .execute(params![at.block_id, i64::try_from(at.row).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// In which blocks a hash occurs: eight bytes a sealed row, loaded when the first key is looked for.
#[derive(Debug, Default)]
struct Keys {
    /// Hash above, place among `blocks` below; sorted.
    entries: Vec<u64>,
    /// Where the entries of each 16 leading bits begin.
    begins: Vec<usize>,
    blocks: Vec<i64>,
    loaded: i64,
    wanted: i64,
}

impl Keys {
    fn load(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        if self.wanted <= self.loaded {
            return Ok(());
        }
        let mut statement = tx.prepare_cached(
            "select block_id, keys from segment_block where block_id > ?1 order by block_id",
        )?;
        let mut rows = statement.query([self.loaded])?;
        while let Some(row) = rows.next()? {
            let place = u64::try_from(self.blocks.len()).unwrap_or(u64::MAX);
            self.blocks.push(row.get(0)?);
            let keys = row.get_ref(1)?.as_blob().unwrap_or_default();
            let hashes = keys.as_chunks().0.iter().map(|four| u64::from(u32::from_le_bytes(*four)));
            self.entries.extend(hashes.map(|hash| hash << 32 | place));
        }
        self.entries.sort_unstable();
        let begin = |lead| self.entries.partition_point(|entry| entry >> 48 < lead);
        self.begins = (0..=1_u64 << 16).map(begin).collect();
        self.loaded = self.wanted;
        Ok(())
    }

    fn blocks(&self, hash: u32) -> Vec<i64> {
        let lead = usize::try_from(hash >> 16).unwrap_or(0);
        let (Some(from), Some(to)) = (self.begins.get(lead), self.begins.get(lead + 1)) else {
            return Vec::new();
        };
        let near = self.entries.get(*from..*to).unwrap_or_default();
        let same = near.iter().filter(|entry| **entry >> 32 == u64::from(hash));
        let place = |entry: &u64| usize::try_from(entry & 0xffff_ffff).unwrap_or(usize::MAX);
        same.filter_map(|entry| self.blocks.get(place(entry)).copied()).collect()
    }
}
