//! How long an agent was idle before a leg of a call.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::conditions::Test;
use crate::domain::record::Millis;

/// What an agent's leg of a call is; leg 1 is the outside party. Never null.
macro_rules! leg {
    () => {
        "(s.participant = 1 and s.channel_type is 1 and s.leg is not 1)"
    };
}
const LEG: &str = leg!();

/// The same as tests of columns.
pub(super) fn is_leg() -> Vec<Test> {
    vec![Test::one_of("participant", vec![1]), Test::one_of("channel_type", vec![1]), Test::not("leg", 1)]
}

/// What the figure is computed from, where the source does not say it.
pub(super) const COLUMNS: [&str; 5] =
    [LEG, "s.agent_session_key", "s.ring_start", "s.start_at", "s.record_id"];

const CALL_BEFORE: &str = concat!(
    "select s.end_at, coalesce(s.wrap_ms, 0) from segment s
     where s.agent_session_key = ?1 and s.account_id = ?2 and (s.start_at, s.record_id) < (?3, ?4) and ",
    leg!(),
    " order by s.start_at desc, s.record_id desc limit 1"
);

/// Idle from the end of the wrap of the call before to the ringing of this one, within one login session; nothing
/// where there is no call before, or its end is not known. RingCentral does not say from where it counts: this is what
/// an agent would call waiting. [`COLUMNS`] stand from column `at` on.
pub(super) fn computed(
    connection: &Connection,
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<Option<Millis>> {
    if !row.get::<_, bool>(at)? {
        return Ok(None);
    }
    let (session, start): (Option<String>, Option<Millis>) = (row.get(at + 1)?, row.get(at + 3)?);
    let (Some(session), Some(start)) = (session, start) else { return Ok(None) };
    let ring_start: Option<Millis> = row.get(at + 2)?;
    let key: String = row.get(at + 4)?;
    let account_id: i64 = row.get(4)?;
    let before: Option<(Option<Millis>, Millis)> = connection
        .prepare_cached(CALL_BEFORE)?
        .query_row(params![session, account_id, start, key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((Some(end), wrap)) = before else { return Ok(None) };
    Ok(Some((ring_start.unwrap_or(start) - (end + wrap)).max(0)))
}
