//! Table `backfill`: occurrences of the past made, or made again, by hand.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::occurrences::NewOccurrence;
use crate::domain::text::stamp;

/// A span to be made or made again.
#[derive(Debug, Clone, Copy)]
pub struct Backfill {
    /// The definition.
    pub definition_id: i64,
    /// First instant inside.
    pub from: Timestamp,
    /// First instant outside.
    pub to: Timestamp,
    /// Whether deliveries are made.
    pub send: bool,
}

/// Begins a backfill, or goes on with the same one where it was left; returns its key, and whether it is a new one.
pub fn begin(tx: &Transaction<'_>, backfill: &Backfill, now: Timestamp) -> rusqlite::Result<(i64, bool)> {
    let (from, to) = (stamp(backfill.from), stamp(backfill.to));
    let open: Option<i64> = tx
        .query_row(
            "select backfill_id from backfill
             where definition_id = ?1 and from_at = ?2 and to_at = ?3 and send = ?4 and ended_at is null",
            params![backfill.definition_id, from, to, backfill.send],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(backfill_id) = open {
        return Ok((backfill_id, false));
    }
    tx.execute(
        "insert into backfill (definition_id, from_at, to_at, send, created_at) values (?1, ?2, ?3, ?4, ?5)",
        params![backfill.definition_id, from, to, backfill.send, stamp(now)],
    )?;
    Ok((tx.last_insert_rowid(), true))
}

/// The instants that this backfill has had already, as they are stored.
pub fn had(connection: &Connection, backfill_id: i64) -> rusqlite::Result<HashSet<String>> {
    connection
        .prepare_cached(
            "select nominal_at from occurrence
             where definition_id = (select definition_id from backfill where backfill_id = ?1) and backfill_id = ?1",
        )?
        .query_map([backfill_id], |row| row.get(0))?
        .collect()
}

/// Puts an instant into the run queue: its occurrence again, over its stored period, or a new one. One that waits or works
/// for another reason is left alone: false then.
pub fn add(
    tx: &Transaction<'_>,
    backfill_id: i64,
    new: &NewOccurrence,
    send: bool,
) -> rusqlite::Result<bool> {
    let known: Option<(i64, bool)> = tx
        .prepare_cached(
            "select occurrence_id, state in ('done', 'failed', 'skipped')
             from occurrence where definition_id = ?1 and nominal_at = ?2",
        )?
        .query_row(params![new.definition_id, stamp(new.nominal_at)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match known {
        Some((_, false)) => return Ok(false),
        Some((occurrence_id, true)) => {
            tx.prepare_cached(
                "update occurrence
                 set state = 'due', rule = null, ended_at = null, backfill_id = ?2, send = ?3, send_to = null,
                     interruptions = 0, failures = 0, retry_at = null
                 where occurrence_id = ?1",
            )?
            .execute(params![occurrence_id, backfill_id, send])?;
        }
        None => {
            tx.prepare_cached(
                "insert into occurrence (definition_id, version_id, nominal_at, due_at, manual, ordinal, backfill_id,
                                         period_start, period_end, state, send)
                 values (?1, ?2, ?3, ?3, 0, ?4, ?5, ?6, ?7, 'due', ?8)",
            )?
            .execute(params![
                new.definition_id,
                new.version_id,
                stamp(new.nominal_at),
                new.ordinal,
                backfill_id,
                stamp(new.period.start),
                stamp(new.period.end),
                send
            ])?;
        }
    }
    Ok(true)
}

/// Ends a backfill.
pub fn end(tx: &Transaction<'_>, backfill_id: i64, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute("update backfill set ended_at = ?2 where backfill_id = ?1", params![backfill_id, stamp(now)])?;
    Ok(())
}

/// How far a backfill is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct Progress {
    /// Occurrences that wait or run.
    pub open: i64,
    /// Occurrences with a file.
    pub done: i64,
    /// Occurrences that failed.
    pub failed: i64,
}

/// How far a backfill is.
pub fn progress(connection: &Connection, backfill_id: i64) -> rusqlite::Result<Progress> {
    let count = "count(*) filter (where state";
    let sql = format!(
        "select {count} in ('due', 'running')), {count} = 'done'), {count} in ('failed', 'skipped'))
         from occurrence where definition_id = (select definition_id from backfill where backfill_id = ?1)
           and backfill_id = ?1"
    );
    connection.prepare_cached(&sql)?.query_row([backfill_id], |row| {
        Ok(Progress { open: row.get(0)?, done: row.get(1)?, failed: row.get(2)? })
    })
}
