//! Table `housekeeping`, and the cleaning of the segment store.

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::optional_instant;
use super::segments::sealed::compact::{expire, note_change};
use crate::domain::text::stamp;

/// Blocks of sealed segments that one step removes: a few thousand rows each.
const EXPIRED_BLOCKS: u32 = 2;

/// A housekeeping task as told.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Housekept {
    /// Its name.
    pub task: String,
    /// When it last went well.
    pub last_success_at: Option<Timestamp>,
    /// What went wrong the last time, if anything.
    pub last_error: Option<String>,
}

/// Notes how a task went.
pub fn note(
    tx: &Transaction<'_>,
    task: &str,
    result: Result<(), &str>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (success, error) = match result {
        Ok(()) => (Some(stamp(now)), None),
        Err(error) => (None, Some(error)),
    };
    tx.execute(
        "insert into housekeeping (task, last_success_at, last_error) values (?1, ?2, ?3)
         on conflict (task) do update
         set last_success_at = coalesce(excluded.last_success_at, last_success_at), last_error = excluded.last_error",
        params![task, success, error],
    )?;
    Ok(())
}

/// All tasks that ever ran.
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<Housekept>> {
    let mut statement = connection
        .prepare_cached("select task, last_success_at, last_error from housekeeping order by task")?;
    let kept = statement.query_map([], |row| {
        Ok(Housekept {
            task: row.get(0)?,
            last_success_at: optional_instant(row, 1)?,
            last_error: row.get(2)?,
        })
    })?;
    kept.collect()
}

/// Removes up to `most` segments that start before `before_ms`, and cuts coverage back to it. Returns how many.
pub fn expire_segments(tx: &Transaction<'_>, before_ms: i64, most: u32) -> rusqlite::Result<usize> {
    let removed = tx.execute(
        "delete from segment where (row_start, record_id, account_id) in
             (select row_start, record_id, account_id from segment where row_start < ?1
              order by row_start, record_id, account_id limit ?2)",
        params![before_ms, most],
    )?;
    if 0 < removed {
        note_change(tx, None)?;
    }
    let removed = removed + expire(tx, before_ms, EXPIRED_BLOCKS)?;
    tx.execute("delete from coverage where to_at <= ?1", [before_ms])?;
    tx.execute("update coverage set from_at = ?1 where from_at < ?1", [before_ms])?;
    Ok(removed)
}

/// Removes the login sessions that began before `before_ms`, with what happened in them: they are few.
pub fn expire_sessions(tx: &Transaction<'_>, before_ms: i64) -> rusqlite::Result<()> {
    for sql in [
        "delete from agent_state where (agent_session_id, account_id) in
             (select record_id, account_id from agent_session where login_at < ?1)",
        "delete from offer where at < ?1",
        "delete from manual_dial where at < ?1",
        "delete from agent_session where login_at < ?1",
    ] {
        tx.execute(sql, [before_ms])?;
    }
    Ok(())
}

/// Removes up to `most` interactions, with their messages, that ended before `before_ms`, or never ended and have had
/// nothing since then. Their segments started before that too, so they are gone already. To be called where foreign keys
/// are off: else each removal would look through all segments for its number.
pub(super) fn expire_interactions(
    tx: &Transaction<'_>,
    before_ms: i64,
    most: u32,
) -> rusqlite::Result<usize> {
    let mut statement = tx.prepare_cached(
        "select interaction_id from interaction i
         where (ended_at < ?1 or (ended_at is null and version < ?1
                   and not exists (select 1 from message m where m.interaction_id = i.interaction_id and m.at >= ?1)))
           and not exists (select 1 from json_each(i.segments) j where j.value ->> 0 >= ?1)
         limit ?2",
    )?;
    let old: Vec<i64> =
        statement.query_map(params![before_ms, most], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for interaction_id in &old {
        tx.prepare_cached("delete from message where interaction_id = ?1")?.execute([interaction_id])?;
        tx.prepare_cached("delete from interaction where interaction_id = ?1")?.execute([interaction_id])?;
    }
    Ok(old.len())
}
