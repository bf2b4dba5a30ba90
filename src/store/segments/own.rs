//! A segment's own fields: from a record to codes.

use rusqlite::Transaction;

use super::names::{Names, role};
use super::row::Own;
use super::words::{START_REASONS, USER_TYPES, code_of};
use super::write::Chunk;
use crate::domain::record::{Millis, SegmentRecord, Span, Text, Word};
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

/// The fields of `row::CARRIED` in its order, out of a record or out of columns, which call them alike: `$coder`, a
/// `$Coder`, makes numbers of them; hold and mute together, hold, mute and snooze are in `$sums`.
macro_rules! carried {
    ($of:ident, $coder:ident: $Coder:ident, $sums:expr) => {{
        let [hold_mute_ms, hold_ms, mute_ms, snooze_ms] = $sums;
        [
            $coder.term(&$of.queue_name, role::QUEUE)?,
            $Coder::number(&$of.queue_exit),
            $Coder::number(&$of.talk_ms),
            hold_mute_ms,
            hold_ms,
            mute_ms,
            snooze_ms,
            $Coder::number(&$of.first_response_ms),
            $coder.list(&$of.consultants, role::NONE)?,
            $coder.list(&$of.joined_users, role::NONE)?,
            $coder.list(&$of.skills, role::SKILLS)?,
            $coder.term(&$of.transferred_in_by, role::NONE)?,
            $coder.term(&$of.transferred_in_status, role::NONE)?,
            $coder.term(&$of.transfer_reason, role::NONE)?,
            $coder.term(&$of.disposition, role::DISPOSITION)?,
            $Coder::number(&$of.leg),
            $Coder::word(&USER_TYPES, &$of.user_type),
            $coder.term(&$of.queue_id, role::QUEUE)?,
            $coder.term(&$of.queue_group, role::QUEUE_GROUP)?,
            $coder.term(&$of.campaign_id, role::CAMPAIGN)?,
            $coder.term(&$of.campaign, role::CAMPAIGN)?,
            $coder.term(&$of.dial_group, role::DIAL_GROUP)?,
            $coder.term(&$of.agent_group, role::AGENT_GROUP)?,
            $coder.term(&$of.agent_group_id, role::AGENT_GROUP)?,
            $coder.term(&$of.skill_id, role::SKILL_ID)?,
            $Coder::number(&$of.ring_start),
            $Coder::number(&$of.ring_ms),
            $Coder::number(&$of.wrap_ms),
            $Coder::number(&$of.agent_wait_ms),
            $coder.term(&$of.termination_party, role::NONE)?,
            $coder.term(&$of.termination_reason, role::NONE)?,
            $coder.flag(&$of.transferred_by_disposition),
            $Coder::word(&START_REASONS, &$of.start_reason),
            $Coder::number(&$of.handle_ms),
        ]
    }};
}

pub(super) use carried;

/// Makes numbers of a record's fields.
struct Coder<'a> {
    tx: &'a Transaction<'a>,
    names: &'a mut Names,
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "called as the one of columns is, see `carried`"
)]
impl Coder<'_> {
    fn term(&mut self, text: &Option<Text>, role: u32) -> rusqlite::Result<Option<i64>> {
        self.names.shared(self.tx, text.as_ref(), role)
    }

    fn list(&mut self, list: &[Text], role: u32) -> rusqlite::Result<Option<i64>> {
        self.names.list(self.tx, list, role)
    }

    fn number(number: &Option<i64>) -> Option<i64> {
        *number
    }

    fn word<T: Word>(codes: &[T], word: &Option<T>) -> Option<i64> {
        code_of(codes, *word)
    }

    fn flag(&self, flag: &bool) -> Option<i64> {
        Some(i64::from(*flag))
    }
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
        let mut coder = Coder { tx: self.tx, names: self.names };
        Ok(Own {
            row_start,
            participant: record.participant(),
            queue_entry: record.queue_entry,
            agent_id,
            start: record.start,
            end: record.end,
            end_reason: record.end_reason,
            carried: carried!(record, coder: Coder, spans.resolved()).into(),
            texts: [
                record.agent_session_id.clone(),
                record.recording_file.clone(),
                record.recording_url.clone(),
                focuses_text(&record.focuses).map(Into::into),
            ],
        })
    }
}
