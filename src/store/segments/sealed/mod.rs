//! The sealed tier: segments of closed hours as sorted column blocks in BLOBs of the same database.
//!
//! A segment stands in one place: as a row of `segment`, or in one block of which it is not gone. A change makes the
//! sealed one gone and a row of the new one, in one transaction; the next compaction takes both into a new block. So no
//! reader compares versions, and a snapshot has each segment once.
//!
//! Layout, format 4: up to 8,192 rows in report order (`row_start`, `record_id`, `account_id`), cut where `row_start`
//! changes and at each hour, so that blocks never overlap. `directory` says of each column that is not absent in all rows
//! where it stands in `data` and how, which codes of queues, campaigns, skills and agents occur, and has a checksum
//! (`directory.rs`); each column has one of its own (`column.rs`), and numbers have as few bits as they need. `keys` has the
//! CRC-32 of each row's account and id, for look-ups by id; `segment_block_interactions` that of each interaction's account
//! and key once. All numbers are little-endian. Blocks of earlier formats are read as they are: in format 3, numbers have
//! whole bytes; in format 2, besides, directories have no codes and no checksum, and texts stand behind their lengths; in
//! format 1, besides, no column is told from another one.
//!
//! Segments of login sessions (`agent_session_key`) stay rows: the session reports look them up one by one.

mod bits;
pub(super) mod block;
mod column;
pub mod compact;
mod directory;
pub mod examine;
pub(super) mod find;
mod keys;
pub(super) mod merge;
mod numbers;
pub(super) mod rows;
pub(super) mod scan;
mod texts;

/// The layout's version, as each block names it. A new one needs a migration, so that programs that do not know it leave the
/// database alone.
const FORMAT: i64 = 4;

/// Rows of a block; more only where many begin in one millisecond.
const BLOCK_ROWS: usize = 8_192;

/// No block reaches over the end of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// The beginning of the hour in which an instant lies.
pub fn hour_of(at: i64) -> i64 {
    at - at.rem_euclid(HOUR_MS)
}

/// The columns of a segment. Their places are written into blocks: they never change, new ones come last.
pub(super) const COLUMNS: [&str; 82] = [
    "record_id",
    "row_start",
    "participant",
    "queue_entry",
    "agent_id",
    "start_at",
    "end_at",
    "end_reason",
    "queue",
    "queue_exit",
    "talk_ms",
    "hold_mute_ms",
    "hold_ms",
    "mute_ms",
    "snooze_ms",
    "said_first_response_ms",
    "consultants",
    "joined_users",
    "skills",
    "said_in_by",
    "said_in_status",
    "transfer_reason",
    "disposition",
    "leg",
    "user_type",
    "queue_id",
    "queue_group",
    "campaign_id",
    "campaign",
    "dial_group",
    "agent_group",
    "agent_group_id",
    "skill_id",
    "ring_start",
    "ring_ms",
    "wrap_ms",
    "said_agent_wait_ms",
    "termination_party",
    "termination_reason",
    "transferred_by_disposition",
    "said_start_reason",
    "said_handle_ms",
    "agent_session_key",
    "recording_file",
    "recording_url",
    "focuses",
    "customer",
    "uii",
    "ani",
    "dnis",
    "email_subject",
    "direction",
    "channel",
    "channel_type",
    "support",
    "status",
    "reason",
    "disconnecting_event",
    "integration_source",
    "session_tags",
    "user_tags",
    "ended_at",
    "last",
    "in_by",
    "in_by_agent",
    "in_status",
    "start_reason",
    "close_reason",
    "first_response_ms",
    "messages_sent",
    "outcome",
    "first_message_ms",
    "responses",
    "responses_ms",
    "turns",
    "turns_ms",
    "handle_ms",
    "handle_source",
    "interaction_id",
    "account_id",
    "version",
    "interaction_key",
];

/// Which of them are texts.
const TEXTS: [&str; 11] = [
    "record_id",
    "agent_session_key",
    "recording_file",
    "recording_url",
    "focuses",
    "customer",
    "uii",
    "ani",
    "dnis",
    "email_subject",
    "interaction_key",
];

/// The place of a column.
pub(super) fn place(column: &str) -> Option<usize> {
    COLUMNS.iter().position(|known| *known == column)
}

/// Whether each of them is a text: asked of every cell.
const IS_TEXT: [bool; COLUMNS.len()] = {
    let mut texts = [false; COLUMNS.len()];
    let mut at = 0;
    #[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
    while at < TEXTS.len() {
        texts[known(TEXTS[at])] = true;
        at += 1;
    }
    texts
};

fn is_text(place: usize) -> bool {
    IS_TEXT.get(place) == Some(&true)
}

/// The place of a column that is there; a name that is none does not compile.
#[expect(clippy::indexing_slicing, clippy::panic, reason = "checked when it is compiled")]
const fn known(column: &str) -> usize {
    let mut place = 0;
    while place < COLUMNS.len() {
        let (one, other) = (COLUMNS[place].as_bytes(), column.as_bytes());
        let mut at = 0;
        while at < one.len() && at < other.len() && one[at] == other[at] {
            at += 1;
        }
        if at == one.len() && at == other.len() {
            return place;
        }
        place += 1;
    }
    panic!("no such column");
}

/// Columns that are mostly the same as another one or near it, and that other one. No base is told from a third column, so
/// that unpacking ends.
const BASES: [(usize, usize); 7] = [
    (known("queue_entry"), at::ROW_START),
    (known("start_at"), at::ROW_START),
    (known("hold_ms"), known("hold_mute_ms")),
    (at::ENDED, at::END),
    (known("in_by"), known("said_in_by")),
    (known("in_status"), known("said_in_status")),
    (known("first_response_ms"), known("said_first_response_ms")),
];

/// Columns of which a directory says what codes occur: what narrow filters name.
const OCCURRING: [usize; 6] = [
    known("queue"),
    known("queue_id"),
    known("campaign"),
    known("campaign_id"),
    known("skill_id"),
    at::AGENT,
];

/// The column that a column is told from.
fn base_of(column: usize) -> Option<usize> {
    BASES.iter().find(|(known, _)| *known == column).map(|(_, base)| *base)
}

/// Places of the columns that the tier itself looks at.
pub(super) mod at {
    use super::known;

    pub(in crate::store::segments) const RECORD_ID: usize = known("record_id");
    pub(in crate::store::segments) const ROW_START: usize = known("row_start");
    pub(in crate::store::segments) const ACCOUNT: usize = known("account_id");
    pub(in crate::store::segments) const INTERACTION: usize = known("interaction_id");
    pub(in crate::store::segments) const VERSION: usize = known("version");
    pub(in crate::store::segments) const PARTICIPANT: usize = known("participant");
    pub(in crate::store::segments) const AGENT: usize = known("agent_id");
    pub(in crate::store::segments) const IN_BY_AGENT: usize = known("in_by_agent");
    pub(in crate::store::segments) const END: usize = known("end_at");
    pub(in crate::store::segments) const ENDED: usize = known("ended_at");
    pub(in crate::store::segments) const OUTCOME: usize = known("outcome");
    pub(in crate::store::segments) const INTERACTION_KEY: usize = known("interaction_key");
    pub(in crate::store::segments) const DIRECTION: usize = known("direction");
    pub(in crate::store::segments) const CHANNEL: usize = known("channel");
    pub(in crate::store::segments) const CHANNEL_TYPE: usize = known("channel_type");
    pub(in crate::store::segments) const SUPPORT: usize = known("support");
    pub(in crate::store::segments) const STATUS: usize = known("status");
    pub(in crate::store::segments) const REASON: usize = known("reason");
    pub(in crate::store::segments) const DISCONNECTING_EVENT: usize = known("disconnecting_event");
    pub(in crate::store::segments) const INTEGRATION_SOURCE: usize = known("integration_source");
    pub(in crate::store::segments) const CUSTOMER: usize = known("customer");
    pub(in crate::store::segments) const UII: usize = known("uii");
    pub(in crate::store::segments) const ANI: usize = known("ani");
    pub(in crate::store::segments) const DNIS: usize = known("dnis");
    pub(in crate::store::segments) const EMAIL_SUBJECT: usize = known("email_subject");
}

/// Why sealed segments cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// A statement failed.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    /// A block is not what was written.
    #[error(
        "the sealed segments from {from} on are damaged (block {block_id}: {why}); restore them from a backup, or import \
         that hour again after `legwork compact --drop-damaged`"
    )]
    Damaged {
        /// The block.
        block_id: i64,
        /// Its first instant.
        from: jiff::Timestamp,
        /// What was found.
        why: &'static str,
    },
}

impl From<SealedError> for rusqlite::Error {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::Sql(error) => error,
            damaged @ SealedError::Damaged { .. } => {
                Self::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, Box::new(damaged))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::COLUMNS;
    use crate::store::segments::row::SEGMENT_COLUMNS;

    #[test]
    fn blocks_have_the_columns_in_the_order_of_rows() {
        assert_eq!(COLUMNS.join(", "), format!("{}, interaction_key", *SEGMENT_COLUMNS));
    }
}
