//! What a chunk's lines say of their interactions, column by column.

use super::super::names::role;
use super::super::words::{CHANNEL_TYPES, DIRECTIONS, word_of};
use super::super::write::Chunk;
use super::view::{Coder, View};
use crate::domain::batch::NONE;
use crate::domain::record::column::{Column, Own};
use crate::domain::record::gathered::SegmentColumns;
use crate::domain::record::{ChannelType, Millis, Text};

/// Numbers of an interaction that its segments have, in the order of `row::RESOLVED`: direction, channel, channel type,
/// support, status, reason, disconnecting event, integration source.
pub(super) const CODES: usize = 8;
/// The place of the channel type among them.
const CHANNEL_TYPE: usize = 2;
/// Texts of an interaction that its segments have, in the order of `row::RESOLVED_TEXTS`.
pub(super) const TEXTS: usize = 5;

/// What each line says.
pub(super) struct Facts<'c> {
    segments: &'c SegmentColumns,
    pub(super) codes: [View<'c>; CODES],
    pub(super) texts: [&'c Own; TEXTS],
}

/// What the lines of an interaction come to.
pub(super) struct Merged {
    /// As [`Facts::codes`].
    pub(super) codes: [i64; CODES],
    /// The rows that have the texts.
    pub(super) texts: [usize; TEXTS],
    /// The row that names the disconnecting event.
    event: usize,
}

/// When an interaction ended: as the lines say, and as follows from them where a disconnecting event was said. See
/// `Interaction::ended_at`.
pub(super) fn ends(segments: &SegmentColumns, rows: &[usize]) -> (Option<Millis>, Option<Millis>) {
    let said = rows.iter().rev().find_map(|row| segments.interaction_end.get(*row));
    let instants = [&segments.end, &segments.start, &segments.queue_exit, &segments.queue_entry];
    let latest = |row: &usize| instants.into_iter().filter_map(|column| column.get(*row)).max();
    let has_event = rows.iter().any(|row| segments.disconnecting_event.has(*row));
    (said, if has_event { rows.iter().filter_map(latest).max() } else { None })
}

impl<'c> Facts<'c> {
    pub(super) fn of(chunk: &mut Chunk<'_>, segments: &'c SegmentColumns) -> rusqlite::Result<Self> {
        let mut coder = Coder { tx: chunk.tx, names: chunk.names, rows: segments.rows() };
        let codes = [
            Coder::word(&DIRECTIONS, &segments.direction),
            coder.term(&segments.channel, role::CHANNEL)?,
            Coder::word(&CHANNEL_TYPES, &segments.channel_type),
            coder.term(&segments.support, role::NONE)?,
            coder.term(&segments.status, role::STATUS)?,
            coder.term(&segments.reason, role::NONE)?,
            coder.term(&segments.disconnecting_event, role::NONE)?,
            coder.term(&segments.integration_source, role::INTEGRATION_SOURCE)?,
        ];
        let texts =
            [&segments.customer, &segments.uii, &segments.ani, &segments.dnis, &segments.email_subject];
        Ok(Self { segments, codes, texts })
    }

    /// What the lines of an interaction come to, which must be in the order of their versions: what the later one says
    /// counts.
    pub(super) fn merged(&self, rows: &[usize]) -> Merged {
        // The row that says it; any of them where none does.
        let last = |says: &dyn Fn(usize) -> bool| match rows {
            [row] => *row,
            rows => rows.iter().rev().copied().find(|row| says(*row)).or(rows.first().copied()).unwrap_or(0),
        };
        let code = |column: &View<'_>| column.get(last(&|row| column.get(row) != NONE));
        Merged {
            codes: std::array::from_fn(|place| self.codes.get(place).map_or(NONE, code)),
            texts: self.texts.map(|column| last(&|row| column.has(row))),
            event: last(&|row| self.segments.disconnecting_event.has(row)),
        }
    }

    /// The disconnecting event that an interaction comes to.
    pub(super) fn event(&self, merged: &Merged) -> Option<&'c Text> {
        self.segments.disconnecting_event.get(merged.event)
    }

    /// The channel type that an interaction comes to.
    pub(super) fn channel_type(merged: &Merged) -> Option<ChannelType> {
        let code = merged.codes.get(CHANNEL_TYPE).copied().filter(|code| *code != NONE);
        word_of(&CHANNEL_TYPES, code)
    }
}
