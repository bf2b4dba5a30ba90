//! Segments' own fields, column by column, as [`super::super::own`] has them record by record.

use super::super::names::role;
use super::super::own::Sums;
use super::super::row::NUMBERS;
use super::super::words::{END_REASONS, PARTICIPANTS, START_REASONS, USER_TYPES, code_of};
use super::super::write::Chunk;
use super::view::{View, lists, numbers, terms, words};
use crate::domain::batch::NONE;
use crate::domain::record::Millis;
use crate::domain::record::gathered::SegmentColumns;

/// Queue entry where there is a stint, else the start.
pub(super) fn row_start(segments: &SegmentColumns, row: usize) -> Millis {
    segments.queue_entry.get(row).or(segments.start.get(row)).unwrap_or(0)
}

/// The columns from `row::NUMBERS_AT` on.
pub(super) fn columns<'c>(
    chunk: &mut Chunk<'_>,
    segments: &'c SegmentColumns,
    agents: &[Option<i64>],
) -> rusqlite::Result<[View<'c>; NUMBERS]> {
    let rows = 0..segments.rows();
    let row_starts = rows.clone().map(|row| row_start(segments, row)).collect();
    let had_by = |row| code_of(&PARTICIPANTS, Some(segments.had_by(row))).unwrap_or(NONE);
    let participants = rows.clone().map(had_by).collect();
    let agents = agents.iter().map(|agent| agent.unwrap_or(NONE)).collect();
    let by_disposition = rows.map(|row| i64::from(segments.transferred_by_disposition.get(row))).collect();
    let [hold_mute_ms, hold_ms, mute_ms, snooze_ms] = sums(segments);
    let (tx, names) = (chunk.tx, &mut *chunk.names);
    let mut term = |column, role| terms((tx, names), column, role);
    let queue = term(&segments.queue_name, role::QUEUE)?;
    let in_by = term(&segments.transferred_in_by, role::NONE)?;
    let in_status = term(&segments.transferred_in_status, role::NONE)?;
    let transfer_reason = term(&segments.transfer_reason, role::NONE)?;
    let disposition = term(&segments.disposition, role::DISPOSITION)?;
    let queue_id = term(&segments.queue_id, role::QUEUE)?;
    let queue_group = term(&segments.queue_group, role::QUEUE_GROUP)?;
    let campaign_id = term(&segments.campaign_id, role::CAMPAIGN)?;
    let campaign = term(&segments.campaign, role::CAMPAIGN)?;
    let dial_group = term(&segments.dial_group, role::DIAL_GROUP)?;
    let agent_group = term(&segments.agent_group, role::AGENT_GROUP)?;
    let agent_group_id = term(&segments.agent_group_id, role::AGENT_GROUP)?;
    let skill_id = term(&segments.skill_id, role::SKILL_ID)?;
    let termination_party = term(&segments.termination_party, role::NONE)?;
    let termination_reason = term(&segments.termination_reason, role::NONE)?;
    let mut list = |column, role| lists((tx, names), column, role);
    Ok([
        View::Made(row_starts),
        View::Made(participants),
        numbers(&segments.queue_entry),
        View::Made(agents),
        numbers(&segments.start),
        numbers(&segments.end),
        words(&END_REASONS, &segments.end_reason),
        queue,
        numbers(&segments.queue_exit),
        numbers(&segments.talk_ms),
        hold_mute_ms,
        hold_ms,
        mute_ms,
        snooze_ms,
        numbers(&segments.first_response_ms),
        list(&segments.consultants, role::NONE)?,
        list(&segments.joined_users, role::NONE)?,
        list(&segments.skills, role::SKILLS)?,
        in_by,
        in_status,
        transfer_reason,
        disposition,
        numbers(&segments.leg),
        words(&USER_TYPES, &segments.user_type),
        queue_id,
        queue_group,
        campaign_id,
        campaign,
        dial_group,
        agent_group,
        agent_group_id,
        skill_id,
        numbers(&segments.ring_start),
        numbers(&segments.ring_ms),
        numbers(&segments.wrap_ms),
        numbers(&segments.agent_wait_ms),
        termination_party,
        termination_reason,
        View::Made(by_disposition),
        words(&START_REASONS, &segments.start_reason),
        numbers(&segments.handle_ms),
    ])
}

/// Hold and mute together, hold, mute, snooze.
fn sums(segments: &SegmentColumns) -> [View<'_>; 4] {
    let mut columns: [Vec<i64>; 4] = Default::default();
    for row in 0..segments.rows() {
        let sums = Sums {
            spans: [segments.holds.get(row), segments.mutes.get(row), segments.snoozes.get(row)],
            sums: [segments.hold_ms.get(row), segments.mute_ms.get(row), segments.snooze_ms.get(row)],
            from: segments.start.get(row).unwrap_or_else(|| row_start(segments, row)),
            to: segments.end.get(row),
        };
        for (column, sum) in columns.iter_mut().zip(sums.resolved()) {
            column.push(sum.unwrap_or(NONE));
        }
    }
    columns.map(View::Made)
}
