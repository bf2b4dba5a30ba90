//! New segments into the blocks of their hours.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use rusqlite::Transaction;

use super::block::{Block, head};
use super::compact::{cut, push_unsealed, remove, remove_unsealed, unsealed};
use super::rows::{Packed, Rows};
use super::{HOUR_MS, SealedError};
use crate::domain::record::Millis;

/// Rows that are packed along with new segments, at the most: they are held in memory, and the database meanwhile.
const ABSORBED_MAX: i64 = 65_536;

/// Puts new segments into the blocks of their hours, which are packed anew with what of them were rows; `fill` makes rows
/// of the new ones of an hour. Two threads do it, for it is most of the work: one from the first hour on, the other from the
/// last one back. Hours are too unlike to be shared out before.
pub(in crate::store::segments) fn merge<T: Sync>(
    tx: &Transaction<'_>,
    hours: &BTreeMap<Millis, T>,
    fill: &(dyn Fn(&T, &mut Rows) + Sync),
) -> Result<(), SealedError> {
    let mut left = ABSORBED_MAX;
    let taken_out = |(hour, new): (&Millis, _)| taken_out(tx, &mut left, *hour, new);
    let waiting = Mutex::new(hours.iter().map(taken_out).collect::<Result<VecDeque<_>, _>>()?);
    // A closure each, so that the lock is let go before the hour is packed.
    let first = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let last = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_back();
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let (mut room, mut packed) = (Rows::new(), Vec::new());
            while let Some(hour) = last() {
                packed.push(pack(hour, fill, &mut room)?);
            }
            Ok::<_, SealedError>(packed)
        });
        let mut room = Rows::new();
        while let Some(hour) = first() {
            pack(hour, fill, &mut room)?.iter().try_for_each(|block| block.write(tx))?;
        }
        // A panic there is one here.
        let packed = beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(packed.iter().rev().flatten().try_for_each(|block| block.write(tx))?)
    })
}

/// Packs an hour; `room` is memory for it, and is left empty.
fn pack<T>(
    mut hour: Hour<'_, T>,
    fill: &(dyn Fn(&T, &mut Rows) + Sync),
    room: &mut Rows,
) -> Result<Vec<Packed>, SealedError> {
    let rows = hour.rows.as_mut().unwrap_or(room);
    fill(hour.new, rows);
    hour.blocks.iter().try_for_each(|block| rows.push_block(block))?;
    let packed = cut(rows).iter().map(|places| rows.pack(places)).collect();
    room.clear();
    Ok(packed)
}

/// What becomes the blocks of an hour.
struct Hour<'n, T> {
    new: &'n T,
    blocks: Vec<Block>,
    /// What were rows, if any.
    rows: Option<Rows>,
}

/// Takes out what there is of an hour, its rows only if no more than `left` are: others stay until compaction.
fn taken_out<'n, T>(
    tx: &Transaction<'_>,
    left: &mut i64,
    hour: Millis,
    new: &'n T,
) -> Result<Hour<'n, T>, SealedError> {
    let known: Vec<i64> = tx
        .prepare_cached(
            "select block_id from segment_block where first_start >= ?1 and first_start < ?2 order by first_start",
        )?
        .query_map([hour, hour + HOUR_MS], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut blocks = Vec::with_capacity(known.len());
    for block_id in known {
        if let Some(head) = head(tx, block_id)? {
            blocks.push(head.open(tx)?);
        }
        remove(tx, block_id)?;
    }
    let span = (hour, hour + HOUR_MS - 1);
    let unsealed = unsealed(tx, span, *left)?;
    if !(1..=*left).contains(&unsealed) {
        return Ok(Hour { new, blocks, rows: None });
    }
    *left -= unsealed;
    let mut rows = Rows::new();
    push_unsealed(tx, span, &mut rows)?;
    remove_unsealed(tx, span)?;
    Ok(Hour { new, blocks, rows: Some(rows) })
}
