//! Rows of `segment` as values: how they are read, compared and written.

use std::sync::LazyLock;

use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, Row, Transaction, params};

use super::interaction::{self, Interaction};
use super::row_keys::RowKeys;
use super::sealed;
use super::sealed::find::{Finder, Found, SealedAt};
use super::words::{END_REASONS, PARTICIPANTS, START_REASONS, code_of, word_of};
use crate::domain::batch::{NONE, known};
use crate::domain::record::{EndReason, Millis, Participant, StartReason, Text};

/// Columns of a segment's own fields that nothing but reports looks at: integers and codes of terms, in this order.
pub(super) const CARRIED: [&str; 34] = [
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
];

/// Places in [`CARRIED`] of what resolving needs after all.
pub(super) const QUEUE_EXIT: usize = 1;
pub(super) const FIRST_RESPONSE: usize = 7;
pub(super) const IN_BY: usize = 11;
pub(super) const IN_STATUS: usize = 12;
pub(super) const TRANSFER_REASON: usize = 13;
pub(super) const START_REASON: usize = 32;
pub(super) const HANDLE: usize = 33;

/// Text columns of a segment's own fields, in this order.
pub(super) const TEXTS: [&str; 4] = ["agent_session_key", "recording_file", "recording_url", "focuses"];
/// The place of the recordings among them, and that of the spans of focus.
pub(super) const RECORDINGS: usize = 1;
pub(super) const FOCUSES: usize = 3;

/// Numbers of which some are absent, in half of the memory that options take: segments are moved about a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers<const N: usize>([i64; N]);

impl<const N: usize> Numbers<N> {
    pub(super) fn get(&self, place: usize) -> Option<i64> {
        known(&self.0, place)
    }

    fn iter(&self) -> impl Iterator<Item = Option<i64>> {
        (0..N).map(|place| self.get(place))
    }
}

impl<const N: usize> From<[Option<i64>; N]> for Numbers<N> {
    fn from(numbers: [Option<i64>; N]) -> Self {
        Self(numbers.map(|number| number.unwrap_or(NONE)))
    }
}

impl<const N: usize> Default for Numbers<N> {
    fn default() -> Self {
        Self([NONE; N])
    }
}

/// A segment's own fields, as codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) row_start: Millis,
    pub(super) participant: Participant,
    pub(super) queue_entry: Option<Millis>,
    pub(super) agent_id: Option<i64>,
    pub(super) start: Option<Millis>,
    pub(super) end: Option<Millis>,
    pub(super) end_reason: Option<EndReason>,
    pub(super) carried: Numbers<{ CARRIED.len() }>,
    pub(super) texts: [Option<Text>; TEXTS.len()],
}

impl Own {
    /// A field of [`CARRIED`].
    pub(super) fn carried(&self, place: usize) -> Option<i64> {
        self.carried.get(place)
    }

    /// How it came about, where that was said.
    pub(super) fn start_reason(&self) -> Option<StartReason> {
        word_of(&START_REASONS, self.carried(START_REASON))
    }
}

/// Resolved columns: integers and codes, in this order.
const RESOLVED: [&str; 30] = [
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
];

/// Resolved text columns, in this order.
const RESOLVED_TEXTS: [&str; 5] = ["customer", "uii", "ani", "dnis", "email_subject"];

/// Of [`RESOLVED`], how many are the interaction's; `ended_at` is the last of them.
pub(super) const FROM_INTERACTION: usize = 11;
/// How many behind those follow from neighbours and messages. What stands behind them says whose the row is.
pub(super) const FROM_OTHERS: usize = 16;
pub(super) const RESOLVED_INTEGERS: usize = FROM_INTERACTION + FROM_OTHERS;

/// What a segment has from its interaction, its neighbours and its messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resolved {
    pub(super) integers: Numbers<RESOLVED_INTEGERS>,
    pub(super) texts: [Option<Text>; RESOLVED_TEXTS.len()],
}

/// A segment while its interaction is worked on.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) key: Text,
    pub(super) version: Millis,
    pub(super) own: Own,
    /// What the database holds, if it holds it.
    pub(super) stored: Option<Box<(Own, Resolved, Millis)>>,
    /// Where it is sealed; as a row of `segment` otherwise.
    pub(super) sealed: Option<SealedAt>,
}

/// A stored segment's columns, in the order of [`SEGMENT_COLUMNS`], which is that of blocks.
pub(super) trait Cells {
    fn number(&self, at: usize) -> rusqlite::Result<Option<i64>>;
    fn text(&self, at: usize) -> rusqlite::Result<Option<Text>>;
}

impl Cells for Row<'_> {
    fn number(&self, at: usize) -> rusqlite::Result<Option<i64>> {
        self.get(at)
    }

    fn text(&self, at: usize) -> rusqlite::Result<Option<Text>> {
        self.get(at)
    }
}

impl Cells for Found {
    fn number(&self, at: usize) -> rusqlite::Result<Option<i64>> {
        Ok(Self::number(self, at)?)
    }

    fn text(&self, at: usize) -> rusqlite::Result<Option<Text>> {
        Ok(Self::text(self, at)?.map(Into::into))
    }
}

/// The columns of [`Own`] that stand before the carried ones.
const OWN: [&str; 7] =
    ["row_start", "participant", "queue_entry", "agent_id", "start_at", "end_at", "end_reason"];

/// Where each kind of column begins among those of a segment: own numbers behind the id, own texts, texts of the
/// interaction, and its numbers; what follows from others comes behind those.
pub(super) const NUMBERS_AT: usize = 1;
pub(super) const NUMBERS: usize = OWN.len() + CARRIED.len();
pub(super) const TEXTS_AT: usize = NUMBERS_AT + NUMBERS;
pub(super) const RESOLVED_TEXTS_AT: usize = TEXTS_AT + TEXTS.len();
pub(super) const RESOLVED_AT: usize = RESOLVED_TEXTS_AT + RESOLVED_TEXTS.len();
pub(super) const FROM_OTHERS_AT: usize = RESOLVED_AT + FROM_INTERACTION;

/// Every column of a segment in the order in which rows are read.
pub(super) static SEGMENT_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<&str> = ["record_id"]
        .into_iter()
        .chain(OWN)
        .chain(CARRIED)
        .chain(TEXTS)
        .chain(RESOLVED_TEXTS)
        .chain(RESOLVED)
        .collect();
    columns.join(", ")
});

/// How many they are; `version` is the last of them.
const SEGMENT_COLUMNS_COUNT: usize =
    1 + OWN.len() + CARRIED.len() + TEXTS.len() + RESOLVED_TEXTS.len() + RESOLVED.len();

// Blocks have them in the same order, and the interaction's key behind them.
const _: () = assert!(sealed::COLUMNS.len() == SEGMENT_COLUMNS_COUNT + 1, "a column is missing in blocks");

static ADD_SEGMENT: LazyLock<String> = LazyLock::new(|| {
    let columns = SEGMENT_COLUMNS_COUNT + 1;
    let places: Vec<String> = (1..=columns).map(|place| format!("?{place}")).collect();
    format!(
        "insert into segment ({}, interaction_key) values ({}) on conflict do nothing",
        *SEGMENT_COLUMNS,
        places.join(", ")
    )
});

pub(super) static SEGMENT_OF_INTERACTION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {} from segment where row_start = ?1 and record_id = ?2 and account_id = ?3 and interaction_id = ?4",
        *SEGMENT_COLUMNS
    )
});

pub(super) fn segment(row: &impl Cells, sealed: Option<SealedAt>) -> rusqlite::Result<Segment> {
    let mut at = 0;
    let mut next = || {
        at += 1;
        at
    };
    let own = Own {
        row_start: row.number(next())?.unwrap_or(0),
        participant: word_of(&PARTICIPANTS, row.number(next())?).unwrap_or(Participant::Queue),
        queue_entry: row.number(next())?,
        agent_id: row.number(next())?,
        start: row.number(next())?,
        end: row.number(next())?,
        end_reason: word_of(&END_REASONS, row.number(next())?),
        carried: integers(row, &mut next)?,
        texts: texts(row, &mut next)?,
    };
    let resolved = Resolved { texts: texts(row, &mut next)?, integers: integers(row, &mut next)? };
    let version = row.number(SEGMENT_COLUMNS_COUNT - 1)?.unwrap_or(Millis::MIN);
    let stored = Some(Box::new((own.clone(), resolved, version)));
    Ok(Segment { key: row.text(0)?.unwrap_or_default(), version, own, stored, sealed })
}

fn integers<const N: usize>(
    row: &impl Cells,
    next: &mut impl FnMut() -> usize,
) -> rusqlite::Result<Numbers<N>> {
    let mut values = [None; N];
    for value in &mut values {
        *value = row.number(next())?;
    }
    Ok(values.into())
}

fn texts<const N: usize>(
    row: &impl Cells,
    next: &mut impl FnMut() -> usize,
) -> rusqlite::Result<[Option<Text>; N]> {
    let mut values = [const { None }; N];
    for value in &mut values {
        *value = row.text(next())?;
    }
    Ok(values)
}

/// The statements that every record needs, prepared once a chunk.
pub(super) struct Statements<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) find: CachedStatement<'a>,
    taken: CachedStatement<'a>,
    pub(super) add_interaction: CachedStatement<'a>,
    add_segment: CachedStatement<'a>,
    pub(super) keys: &'a mut RowKeys,
}

impl<'a> Statements<'a> {
    pub(super) fn prepare(tx: &'a Transaction<'a>, keys: &'a mut RowKeys) -> rusqlite::Result<Self> {
        Ok(Self {
            tx,
            find: tx.prepare_cached(
                "select interaction_id from interaction where record_id = ?1 and account_id = ?2",
            )?,
            taken: tx.prepare_cached("select 1 from segment where record_id = ?1 and account_id = ?2")?,
            add_interaction: tx.prepare_cached(&interaction::ADD)?,
            add_segment: tx.prepare_cached(&ADD_SEGMENT)?,
            keys,
        })
    }

    /// Whether an interaction has a row, whose key has this hash.
    pub(super) fn has_interaction(
        &mut self,
        hash: u32,
        (account_id, key): (i64, &str),
    ) -> rusqlite::Result<bool> {
        Ok(self.keys.may_have_interaction(hash) && self.find.exists(params![key, account_id])?)
    }

    /// Whether a segment has a row, whose key has this hash.
    pub(super) fn has_segment(
        &mut self,
        hash: u32,
        (account_id, key): (i64, &str),
    ) -> rusqlite::Result<bool> {
        Ok(self.keys.may_have_segment(hash) && self.taken.exists(params![key, account_id])?)
    }

    /// Adds a segment's row; false when the key is taken, by a row of another interaction.
    pub(super) fn add_segment(
        &mut self,
        interaction: &Interaction,
        interaction_id: i64,
        segment: &Segment,
        resolved: &Resolved,
    ) -> rusqlite::Result<bool> {
        self.keys.add_segment(interaction.account_id, &segment.key);
        let o = &segment.own;
        let participant = code_of(&PARTICIPANTS, Some(o.participant));
        let end_reason = code_of(&END_REASONS, o.end_reason);
        let statement = &mut self.add_segment;
        let own: [&dyn ToSql; 1 + OWN.len()] = [
            &segment.key,
            &o.row_start,
            &participant,
            &o.queue_entry,
            &o.agent_id,
            &o.start,
            &o.end,
            &end_reason,
        ];
        let mut at = 0;
        for value in own {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        for value in o.carried.iter() {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        for value in o.texts.iter().chain(&resolved.texts) {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        for value in resolved.integers.iter() {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        let whose: [&dyn ToSql; 4] =
            [&interaction_id, &interaction.account_id, &segment.version, &interaction.key];
        for value in whose {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        Ok(0 < statement.raw_execute()?)
    }
}

/// Removes a segment, wherever it is.
pub(super) fn remove_segment(
    tx: &Transaction<'_>,
    finder: &mut Finder,
    sealed: Option<SealedAt>,
    row_start: Millis,
    (key, account_id): (&str, i64),
) -> rusqlite::Result<()> {
    if let Some(at) = sealed {
        return finder.take_out(tx, at);
    }
    tx.prepare_cached("delete from segment where row_start = ?1 and record_id = ?2 and account_id = ?3")?
        .execute(params![row_start, key, account_id])?;
    Ok(())
}
