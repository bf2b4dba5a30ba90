//! Blocks in report order, with the rows of each that a report wants.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use super::block::{Block, Head, Rooms, head};
use super::{SealedError, place};
use crate::domain::batch::NONE;
use crate::domain::record::Millis;
use crate::store::segments::conditions::{Condition, Is, Test};

/// By which instant rows belong into a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::segments) enum By {
    /// The row's start.
    Start,
    /// The end of its interaction.
    InteractionEnd,
    /// Its own end, for rows with an outcome.
    ClosedEnd,
}

impl By {
    fn column(self) -> &'static str {
        match self {
            Self::Start => "row_start",
            Self::InteractionEnd => "ended_at",
            Self::ClosedEnd => "end_at",
        }
    }

    fn bounds(self) -> [&'static str; 2] {
        match self {
            Self::Start => ["first_start", "last_start"],
            Self::InteractionEnd => ["min_ended", "max_ended"],
            Self::ClosedEnd => ["min_end", "max_end"],
        }
    }
}

/// The blocks that may have rows of a period, one after the other.
pub(in crate::store::segments) struct Scan<'c> {
    connection: &'c Connection,
    /// Each with the least of its own bounds and of those behind it.
    waiting: VecDeque<(i64, Millis)>,
    by: By,
    start_ms: Millis,
    end_ms: Millis,
    conditions: &'c [Condition],
    rooms: Rooms,
}

/// Whether anything is sealed.
pub(in crate::store::segments) fn any(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("select exists (select 1 from segment_block)", [], |row| row.get(0))
}

impl<'c> Scan<'c> {
    /// Of the rows from `start_ms` up to before `end_ms` that meet all conditions.
    pub(in crate::store::segments) fn begin(
        connection: &'c Connection,
        by: By,
        (start_ms, end_ms): (Millis, Millis),
        conditions: &'c [Condition],
    ) -> rusqlite::Result<Self> {
        let [least, most] = by.bounds();
        // No block is longer than an hour: the index tells the first one that can reach into a period of starts.
        // Sorted behind the look-up of other bounds: else SQLite would walk through all blocks in order.
        let order = if by == By::Start { "first_start" } else { "+first_start" };
        let reaches = if by == By::Start { "first_start > ?1 - 3600000 and" } else { "" };
        let sql = format!(
            "select block_id, {least} from segment_block where {reaches} {least} < ?2 and {most} >= ?1 order by {order}"
        );
        let mut waiting: VecDeque<(i64, Millis)> = connection
            .prepare(&sql)?
            .query_map(params![start_ms, end_ms], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut behind = Millis::MAX;
        for (_, least) in waiting.iter_mut().rev() {
            *least = behind.min(*least);
            behind = *least;
        }
        Ok(Self { connection, waiting, by, start_ms, end_ms, conditions, rooms: Rooms::default() })
    }

    /// The least instant by which a row of the blocks to come can belong into the period.
    pub(in crate::store::segments) fn least_to_come(&self) -> Millis {
        self.waiting.front().map_or(Millis::MAX, |(_, least)| *least)
    }

    /// The next block that has wanted rows, and which of those that it says it has.
    pub(in crate::store::segments) fn next(&mut self) -> Result<Option<(Block, Vec<usize>)>, SealedError> {
        while let Some((block_id, least)) = self.waiting.pop_front() {
            let Some(head) = head(self.connection, block_id)? else { continue };
            if !self.conditions.iter().all(|condition| may_meet(&head, condition)) {
                continue;
            }
            let block = head.open_in(self.connection, &self.rooms)?;
            let rows = self.wanted(&block)?;
            // Readers rely on what is to come.
            let instants = block.numbers(place(self.by.column()).unwrap_or(usize::MAX))?;
            if rows.iter().any(|row| instants.get(*row).is_some_and(|at| *at < least)) {
                return Err(block.head.damaged("a row lies before its block's bounds"));
            }
            if !rows.is_empty() {
                // To take out half of them, or more, takes longer than to unpack them all.
                if block.rows() <= 2 * rows.len() {
                    return Ok(Some((block, rows)));
                }
                let all = (0..rows.len()).collect();
                return Ok(Some((block.pick(rows), all)));
            }
        }
        Ok(None)
    }

    fn wanted(&self, block: &Block) -> Result<Vec<usize>, SealedError> {
        let mut wanted = vec![true; block.rows()];
        for row in &block.gone {
            if let Some(wanted) = wanted.get_mut(*row) {
                *wanted = false;
            }
        }
        let inside = |at: &i64| self.start_ms <= *at && *at < self.end_ms;
        keep(&mut wanted, block, self.by.column(), inside)?;
        if self.by == By::ClosedEnd {
            keep(&mut wanted, block, "outcome", |outcome| *outcome != NONE)?;
        }
        for condition in self.conditions {
            let mut meets = vec![false; block.rows()];
            for clause in &condition.0 {
                let mut all = vec![true; block.rows()];
                for test in clause {
                    keep(&mut all, block, test.column, |value| holds(&test.is, *value))?;
                }
                meets.iter_mut().zip(all).for_each(|(meets, all)| *meets |= all);
            }
            wanted.iter_mut().zip(meets).for_each(|(wanted, meets)| *wanted &= meets);
        }
        Ok(wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(row, _)| row).collect())
    }
}

fn holds(is: &Is, value: i64) -> bool {
    match is {
        Is::In(values) => values.has(value),
        Is::Null => value == NONE,
        Is::Not(other) => value != *other,
    }
}

/// Leaves the rows whose value passes.
fn keep(
    rows: &mut [bool],
    block: &Block,
    column: &str,
    passes: impl Fn(&i64) -> bool,
) -> Result<(), SealedError> {
    let values = block.numbers(place(column).unwrap_or(usize::MAX))?;
    if values.is_empty() {
        if !passes(&NONE) {
            rows.fill(false);
        }
        return Ok(());
    }
    rows.iter_mut().zip(values).for_each(|(keep, value)| *keep &= passes(value));
    Ok(())
}

/// Whether a row of a block could meet a condition, by what its directory says.
fn may_meet(head: &Head, condition: &Condition) -> bool {
    let may_hold = |test: &Test| match &test.is {
        Is::In(codes) => {
            place(test.column).is_some_and(|column| head.directory.may_have(column, codes.all()))
        }
        Is::Null | Is::Not(_) => true,
    };
    condition.0.iter().any(|clause| clause.iter().all(may_hold))
}
