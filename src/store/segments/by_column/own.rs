//! Segments' own fields, column by column, as [`super::super::own`] has them record by record.

use super::super::names::role;
use super::super::own::{Sums, carried};
use super::super::words::{END_REASONS, PARTICIPANTS, START_REASONS, USER_TYPES, code_of};
use super::super::write::Chunk;
use super::view::{Coder, View};
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
) -> rusqlite::Result<Vec<View<'c>>> {
    let rows = 0..segments.rows();
    let row_starts = rows.clone().map(|row| row_start(segments, row)).collect();
    let had_by = |row| code_of(&PARTICIPANTS, Some(segments.had_by(row))).unwrap_or(NONE);
    let participants = rows.map(had_by).collect();
    let agents = agents.iter().map(|agent| agent.unwrap_or(NONE)).collect();
    let mut coder = Coder { tx: chunk.tx, names: chunk.names, rows: segments.rows() };
    let own = [
        View::Made(row_starts),
        View::Made(participants),
        Coder::number(&segments.queue_entry),
        View::Made(agents),
        Coder::number(&segments.start),
        Coder::number(&segments.end),
        Coder::word(&END_REASONS, &segments.end_reason),
    ];
    Ok(own.into_iter().chain(carried!(segments, coder: Coder, sums(segments))).collect())
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
