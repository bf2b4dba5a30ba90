//! Single sealed segments: by the place that their interaction names, or by their key.

use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params};

use super::block::{Block, head, key_hash};
use super::keys::Keys;
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
#[derive(Debug)]
pub(in crate::store::segments) struct Finder {
    blocks: VecDeque<Arc<Block>>,
    keys: Keys,
    interactions: Keys,
    /// The newest block, as of the beginning of the chunk; 0 where there are none at all.
    newest: i64,
    /// Whether rows of blocks have gone.
    gone: bool,
}

impl Default for Finder {
    fn default() -> Self {
        let (keys, interactions) = (Keys::of_rows(), Keys::of_interactions());
        Self { blocks: VecDeque::new(), keys, interactions, newest: 0, gone: false }
    }
}

impl Finder {
    /// Looks what has been sealed since.
    pub(in crate::store::segments) fn begin(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let sql = "select coalesce(max(block_id), 0), exists (select 1 from segment_gone) from segment_block";
        (self.newest, self.gone) =
            tx.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut exists = tx.prepare_cached("select 1 from segment_block where block_id = ?1")?;
        let mut kept = VecDeque::with_capacity(BLOCKS_KEPT);
        for block in std::mem::take(&mut self.blocks) {
            if exists.exists([block.head.block_id])? {
                kept.push_back(block);
            }
        }
        self.blocks = kept;
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
        if self.newest == 0 {
            return Ok(None);
        }
        // Blocks do not overlap: only the last that begins before it can have it.
        let sql = "select block_id, last_start from segment_block where first_start <= ?1 order by first_start desc limit 1";
        let block: Option<(i64, Millis)> = tx
            .prepare_cached(sql)?
            .query_row([row_start], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((block_id, _)) = block.filter(|(_, last)| row_start <= *last) else { return Ok(None) };
        let Some(block) = self.block(tx, block_id)? else { return Ok(None) };
        let starts = block.numbers(at::ROW_START)?;
        let from = starts.partition_point(|start| *start < row_start);
        for (row, start) in starts.iter().enumerate().skip(from) {
            if *start != row_start {
                break;
            }
            if block.text(at::RECORD_ID, row)? == Some(record_id)
                && block.number(at::ACCOUNT, row)? == Some(account_id)
            {
                return self.there(tx, row, &block);
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
        if self.newest == 0 {
            return Ok(None);
        }
        self.keys.load(tx, self.newest)?;
        for block_id in self.keys.blocks(key_hash(account_id, record_id)) {
            // A block that was compacted since has its rows under another number.
            let Some(block) = self.block(tx, block_id)? else { continue };
            for row in 0..block.rows() {
                if block.text(at::RECORD_ID, row)? == Some(record_id)
                    && block.number(at::ACCOUNT, row)? == Some(account_id)
                    && let Some(found) = self.there(tx, row, &block)?
                {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// The segments of the interaction of this key.
    pub(in crate::store::segments) fn of_interaction(
        &mut self,
        tx: &Transaction<'_>,
        account_id: i64,
        key: &str,
    ) -> Result<Vec<Found>, SealedError> {
        let mut all = Vec::new();
        if self.newest == 0 {
            return Ok(all);
        }
        self.interactions.load(tx, self.newest)?;
        for block_id in self.interactions.blocks(key_hash(account_id, key)) {
            let Some(block) = self.block(tx, block_id)? else { continue };
            for row in block.of_interaction(account_id, key)? {
                all.extend(self.there(tx, row, &block)?);
            }
        }
        Ok(all)
    }

    /// Takes up the keys of all blocks, to ask [`Self::may_have_interactions`], [`Self::may_have_segments`] and
    /// [`Self::blocks_of_interaction`].
    pub(in crate::store::segments) fn load_keys(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        self.keys.load(tx, self.newest)?;
        self.interactions.load(tx, self.newest)
    }

    /// Whether a block may have segments of the interactions whose keys have these hashes, each by itself.
    pub(in crate::store::segments) fn may_have_interactions(&self, hashes: &[u32]) -> Vec<bool> {
        self.interactions.have(hashes)
    }

    /// The blocks that may have segments of such an interaction.
    pub(in crate::store::segments) fn blocks_of_interaction(&self, hash: u32) -> Vec<i64> {
        self.interactions.blocks(hash)
    }

    /// Whether a block may have the segments whose keys have these hashes, each by itself.
    pub(in crate::store::segments) fn may_have_segments(&self, hashes: &[u32]) -> Vec<bool> {
        self.keys.have(hashes)
    }

    /// Takes a segment out of its block.
    pub(in crate::store::segments) fn take_out(
        &mut self,
        tx: &Transaction<'_>,
        at: SealedAt,
    ) -> rusqlite::Result<()> {
        self.gone = true;
        tx.prepare_cached("insert into segment_gone (block_id, place) values (?1, ?2)")?
            .execute(params![at.block_id, i64::try_from(at.row).unwrap_or(i64::MAX)])?;
        Ok(())
    }

    /// The segment, if it has not gone: an unpacked block may be older than that.
    fn there(
        &self,
        tx: &Transaction<'_>,
        row: usize,
        block: &Arc<Block>,
    ) -> Result<Option<Found>, SealedError> {
        let at = SealedAt { block_id: block.head.block_id, row };
        let gone = self.gone
            && tx
                .prepare_cached("select 1 from segment_gone where block_id = ?1 and place = ?2")?
                .exists(params![at.block_id, i64::try_from(row).unwrap_or(i64::MAX)])?;
        Ok((!gone).then(|| Found { at, block: block.clone() }))
    }

    /// A block, if it is still there.
    fn block(&mut self, tx: &Transaction<'_>, block_id: i64) -> Result<Option<Arc<Block>>, SealedError> {
        if let Some(known) = self.blocks.iter().position(|block| block.head.block_id == block_id)
            && let Some(block) = self.blocks.remove(known)
        {
            self.blocks.push_front(block.clone());
            return Ok(Some(block));
        }
        let Some(head) = head(tx, block_id)? else { return Ok(None) };
        let block = Arc::new(head.open(tx)?);
        self.blocks.push_front(block.clone());
        self.blocks.truncate(BLOCKS_KEPT);
        Ok(Some(block))
    }
}
