//! How long an agent was idle before a leg of a call.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::record::Millis;

/// What an agent's leg of a call is; leg 1 is the outside party.
pub(super) const LEG: &str = " and s.participant = 1 and s.channel_type = 1 and coalesce(s.leg, 2) <> 1";

/// What the figure is computed from, where the source does not say it.
pub(super) const COLUMNS: [&str; 6] =
    ["s.agent_session_key", "s.leg", "s.channel_type", "s.ring_start", "s.start_at", "s.record_id"];

/// Idle from the end of the wrap of the call before to the ringing of this one, within one login session (rules.md,
/// segment metadata); nothing where there is no call before, or its end is not known. [`COLUMNS`] stand from column
/// `at` on.
pub(super) fn computed(
    connection: &Connection,
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<Option<Millis>> {
    let (session, leg): (Option<String>, Option<i64>) = (row.get(at)?, row.get(at + 1)?);
    let (channel_type, ring_start): (Option<i64>, Option<Millis>) = (row.get(at + 2)?, row.get(at + 3)?);
    let start: Option<Millis> = row.get(at + 4)?;
    let participant: i64 = row.get(1)?;
    let (Some(session), Some(start)) = (session, start) else { return Ok(None) };
    if participant != 1 || channel_type != Some(1) || leg == Some(1) {
        return Ok(None);
    }
    let key: String = row.get(at + 5)?;
    let account_id: i64 = row.get(4)?;
    let before: Option<(Option<Millis>, Millis)> = connection
        .prepare_cached(&format!(
            "select s.end_at, coalesce(s.wrap_ms, 0) from segment s
             where s.agent_session_key = ?1 and s.account_id = ?2 and (s.start_at, s.record_id) < (?3, ?4){LEG}
             order by s.start_at desc, s.record_id desc limit 1"
        ))?
        .query_row(params![session, account_id, start, key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((Some(end), wrap)) = before else { return Ok(None) };
    Ok(Some((ring_start.unwrap_or(start) - (end + wrap)).max(0)))
}
