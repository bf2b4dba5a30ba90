//! A segment's own fields: from a record to codes.

use super::names::role;
use super::row::{self, Numbers, Own};
use super::words::{START_REASONS, USER_TYPES, code_of};
use super::write::Chunk;
use crate::domain::record::{Millis, SegmentRecord, Span, Text};
use crate::domain::resolve::union_ms;

/// What a segment says of its time on hold, on mute and snoozed: spans, which win, and sums.
pub(super) struct Sums<'a> {
    pub(super) spans: [&'a [Span]; 3],
    pub(super) sums: [Option<Millis>; 3],
    /// Its portion `[from, to)`.
    pub(super) from: Millis,
    pub(super) to: Option<Millis>,
}

impl Sums<'_> {
    /// Hold and mute together, hold, mute, snooze.
    pub(super) fn resolved(&self) -> [Option<Millis>; 4] {
        let [holds, mutes, snoozes] = self.spans;
        let sum = |spans: &[Span], sum| {
            if spans.is_empty() { sum } else { Some(union_ms(spans, self.from, self.to)) }
        };
        let [hold_ms, mute_ms, snooze_ms] = self.sums;
        let (hold_ms, mute_ms) = (sum(holds, hold_ms), sum(mutes, mute_ms));
        let hold_mute_ms = if holds.is_empty() || mutes.is_empty() {
            hold_ms.into_iter().chain(mute_ms).reduce(|a, b| a + b)
        } else {
            Some(union_ms(holds.iter().chain(mutes), self.from, self.to))
        };
        [hold_mute_ms, hold_ms, mute_ms, sum(snoozes, snooze_ms)]
    }
}

/// Spans of focus as they are stored.
pub(super) fn focuses_text(focuses: &[Span]) -> Option<String> {
    let spans: Vec<(Millis, Millis)> = focuses.iter().map(|span| (span.start, span.end)).collect();
    // Numbers: this cannot fail.
    (!spans.is_empty()).then(|| serde_json::to_string(&spans).unwrap_or_default())
}

impl Chunk<'_> {
    /// A segment's own fields as codes.
    pub(super) fn own(&mut self, record: &SegmentRecord, agent_id: Option<i64>) -> rusqlite::Result<Own> {
        let row_start = record.queue_entry.or(record.start).unwrap_or(0);
        let spans = Sums {
            spans: [&record.holds, &record.mutes, &record.snoozes],
            sums: [record.hold_ms, record.mute_ms, record.snooze_ms],
            from: record.start.unwrap_or(row_start),
            to: record.end,
        };
        Ok(Own {
            row_start,
            participant: record.participant(),
            queue_entry: record.queue_entry,
            agent_id,
            start: record.start,
            end: record.end,
            end_reason: record.end_reason,
            carried: self.carried(record, spans.resolved())?,
            texts: [
                record.agent_session_id.clone(),
                record.recording_file.clone(),
                record.recording_url.clone(),
                focuses_text(&record.focuses).map(Into::into),
            ],
        })
    }

    /// The fields of [`row::CARRIED`], in its order.
    fn carried(
        &mut self,
        record: &SegmentRecord,
        [hold_mute_ms, hold_ms, mute_ms, snooze_ms]: [Option<Millis>; 4],
    ) -> rusqlite::Result<Numbers<{ row::CARRIED.len() }>> {
        let (tx, names) = (self.tx, &mut self.names);
        let mut term = |text: &Option<Text>, role| names.shared(tx, text.as_ref(), role);
        let queue = term(&record.queue_name, role::QUEUE)?;
        let in_by = term(&record.transferred_in_by, role::NONE)?;
        let in_status = term(&record.transferred_in_status, role::NONE)?;
        let transfer_reason = term(&record.transfer_reason, role::NONE)?;
        let disposition = term(&record.disposition, role::DISPOSITION)?;
        let queue_id = term(&record.queue_id, role::QUEUE)?;
        let queue_group = term(&record.queue_group, role::QUEUE_GROUP)?;
        let campaign_id = term(&record.campaign_id, role::CAMPAIGN)?;
        let campaign = term(&record.campaign, role::CAMPAIGN)?;
        let dial_group = term(&record.dial_group, role::DIAL_GROUP)?;
        let agent_group = term(&record.agent_group, role::AGENT_GROUP)?;
        let agent_group_id = term(&record.agent_group_id, role::AGENT_GROUP)?;
        let skill_id = term(&record.skill_id, role::SKILL_ID)?;
        let termination_party = term(&record.termination_party, role::NONE)?;
        let termination_reason = term(&record.termination_reason, role::NONE)?;
        Ok([
            queue,
            record.queue_exit,
            record.talk_ms,
            hold_mute_ms,
            hold_ms,
            mute_ms,
            snooze_ms,
            record.first_response_ms,
            names.list(tx, &record.consultants, role::NONE)?,
            names.list(tx, &record.joined_users, role::NONE)?,
            names.list(tx, &record.skills, role::SKILLS)?,
            in_by,
            in_status,
            transfer_reason,
            disposition,
            record.leg,
            code_of(&USER_TYPES, record.user_type),
            queue_id,
            queue_group,
            campaign_id,
            campaign,
            dial_group,
            agent_group,
            agent_group_id,
            skill_id,
            record.ring_start,
            record.ring_ms,
            record.wrap_ms,
            record.agent_wait_ms,
            termination_party,
            termination_reason,
            Some(i64::from(record.transferred_by_disposition)),
            code_of(&START_REASONS, record.start_reason),
            record.handle_ms,
        ]
        .into())
    }
}
