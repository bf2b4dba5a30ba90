//! Looking at every block, whole: what a report notices of damage only when it reads there.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::block::{Block, head};
use super::compact::{note_change, remove};
use super::rows::{Rows, bounds};
use super::{OCCURRING, SealedError, at};
use crate::domain::batch::NONE;
use crate::domain::record::Millis;
use crate::store::{Store, StoreError};

/// Looks at every block; the ones that are damaged are named, and removed where that is asked for. Blocks.
pub fn examine(store: &Store, drop_damaged: bool) -> Result<Vec<String>, StoreError> {
    let ids: Vec<i64> = store.read_blocking("read the sealed segments", |connection| {
        let mut statement = connection.prepare("select block_id from segment_block order by first_start")?;
        statement.query_map([], |row| row.get(0))?.collect()
    })?;
    let mut damaged = Vec::new();
    for block_id in ids {
        let looked = store.read_blocking("look at sealed segments", |connection| {
            match look(connection, block_id) {
                Ok(()) => Ok(None),
                Err(SealedError::Sql(error)) => Err(error),
                Err(error @ SealedError::Damaged { .. }) => Ok(Some(error.to_string())),
            }
        })?;
        let Some(words) = looked else { continue };
        damaged.push(words);
        if drop_damaged {
            store.write_blocking("remove damaged segments", move |tx| {
                uncover(tx, block_id)?;
                remove(tx, block_id)?;
                note_change(tx, None)
            })?;
        }
    }
    Ok(damaged)
}

/// Unpacks all of a block, and compares with its rows what is told of them beside its data: by that, reports pass blocks by.
fn look(connection: &Connection, block_id: i64) -> Result<(), SealedError> {
    // Compaction may have replaced it meanwhile.
    let Some(head) = head(connection, block_id)? else { return Ok(()) };
    let block = head.open(connection)?;
    Rows::new().push_block(&block)?;
    let differs = if !has_its_keys(connection, &block)? {
        "its keys are not those of its rows"
    } else if !has_its_bounds(connection, &block)? {
        "its bounds are not those of its rows"
    } else if !tells_of_its_codes(&block)? {
        "its directory says that it has not what it has"
    } else {
        return Ok(());
    };
    Err(block.head.damaged(differs))
}

fn has_its_keys(connection: &Connection, block: &Block) -> Result<bool, SealedError> {
    let sql = "select keys, (select hashes from segment_block_interactions i where i.block_id = b.block_id)
               from segment_block b where block_id = ?1";
    let known: (Vec<u8>, Option<Vec<u8>>) =
        connection.query_row(sql, [block.head.block_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (rows, interactions) = block.hashes()?;
    // Blocks of format 1 have none of interactions.
    Ok(rows == known.0 && known.1.is_none_or(|known| interactions == known))
}

fn has_its_bounds(connection: &Connection, block: &Block) -> Result<bool, SealedError> {
    let sql = "select first_start, last_start, min_end, max_end, min_ended, max_ended
               from segment_block where block_id = ?1";
    let told: [Option<Millis>; 6] = connection.query_row(sql, [block.head.block_id], |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?])
    })?;
    let (ends, outcomes) = (block.numbers(at::END)?, block.numbers(at::OUTCOME)?);
    let closed = ends.iter().zip(outcomes).filter(|(_, outcome)| **outcome != NONE).map(|(end, _)| *end);
    let starts = bounds(block.numbers(at::ROW_START)?.iter().copied());
    let ended = bounds(block.numbers(at::ENDED)?.iter().copied());
    Ok(told.chunks(2).eq([starts, bounds(closed), ended].map(|of| [of.map(|of| of.0), of.map(|of| of.1)])))
}

fn tells_of_its_codes(block: &Block) -> Result<bool, SealedError> {
    for column in OCCURRING {
        let mut codes: Vec<i64> =
            block.numbers(column)?.iter().copied().filter(|code| *code != NONE).collect();
        codes.sort_unstable();
        codes.dedup();
        if !codes.iter().all(|code| block.head.directory.may_have(column, &[*code])) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes the span of a block out of what is declared whole: a report over it must not look complete.
fn uncover(tx: &Transaction<'_>, block_id: i64) -> rusqlite::Result<()> {
    let span = "select first_start, last_start + 1 from segment_block where block_id = ?1";
    let span = tx.query_row(span, [block_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    // Retention may have removed it meanwhile.
    let Some((from, to)): Option<(Millis, Millis)> = span else { return Ok(()) };
    tx.execute(
        "insert into coverage (account_id, from_at, to_at)
         select account_id, ?2, to_at from coverage where from_at < ?1 and to_at > ?2",
        [from, to],
    )?;
    tx.execute("delete from coverage where from_at >= ?1 and to_at <= ?2", [from, to])?;
    tx.execute("update coverage set to_at = ?1 where from_at < ?1 and to_at > ?1", [from])?;
    tx.execute(
        "update coverage set from_at = ?2 where from_at >= ?1 and from_at < ?2 and to_at > ?2",
        [from, to],
    )?;
    Ok(())
}
