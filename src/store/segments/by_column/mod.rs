//! Large chunks, where nobody waits for the database meanwhile: segments go by column.
//!
//! An interaction goes one of three ways, with all of its segments in the chunk. Where nobody has heard of it, its segments
//! say everything of it and its hours are closed, they go straight into blocks: it is folded from the beginning. Where
//! blocks may have it, its segments are compared with those, and are either there already or go as records. Every other
//! one goes as records, as in a small chunk.
//!
//! What comes of a record does not depend on its way, but for two things: a text that a later line of the chunk overrides
//! is a term all the same, as if some row had it; and what is there already is not resolved anew where retention has taken
//! its neighbours.

mod agents;
mod facts;
mod grouped;
mod known;
mod own;
mod straight;
mod view;
mod ways;

use self::agents::Agents;
use self::facts::Facts;
use self::grouped::{Grouped, Way};
use self::view::View;
use super::row::{CARRIED, NUMBERS};
use super::write::Chunk;
use crate::domain::record::Millis;
use crate::domain::record::gathered::{Gathered, SegmentColumns};

/// A chunk's segments with what their lines come to in the database.
struct Sheet<'c> {
    segments: &'c SegmentColumns,
    accounts: Vec<i64>,
    agents: Vec<Option<i64>>,
    /// The columns from [`super::row::NUMBERS_AT`] on.
    own: Vec<View<'c>>,
    facts: Facts<'c>,
}

/// Writes a chunk; new segments of hours that end by `until` straight into blocks.
pub(super) fn write(chunk: &mut Chunk<'_>, gathered: &Gathered, until: Millis) -> rusqlite::Result<()> {
    let segments = &gathered.segments;
    let accounts = accounts(chunk, segments)?;
    let mut grouped = Grouped::of(segments, &accounts);
    ways::choose(chunk, gathered, (&accounts, &mut grouped), until)?;
    let agents = take_in_order(chunk, gathered, (&accounts, &grouped))?;
    if grouped.all(Way::Straight).chain(grouped.all(Way::Known)).next().is_none() {
        return chunk.settle();
    }
    let own = own::columns(chunk, segments, &agents)?;
    let facts = Facts::of(chunk, segments)?;
    let sheet = Sheet { segments, accounts, agents, own, facts };
    let changed = known::changed(chunk, &sheet, &grouped)?;
    let known: usize = grouped.all(Way::Known).map(|group| grouped.rows(group).len()).sum();
    let changing: usize = changed.iter().map(|group| grouped.rows(*group).len()).sum();
    chunk.tally.unchanged += u64::try_from(known - changing).unwrap_or(0);
    for row in changed.iter().flat_map(|group| grouped.rows(*group)) {
        sheet.take_as_record(chunk, *row)?;
    }
    chunk.settle()?;
    straight::write(chunk, &sheet, &grouped)
}

/// The account of each segment.
fn accounts(chunk: &mut Chunk<'_>, segments: &SegmentColumns) -> rusqlite::Result<Vec<i64>> {
    let mut accounts = Vec::with_capacity(segments.rows());
    let mut last = None;
    for row in 0..segments.rows() {
        let codes = (segments.source.code(row), segments.account.code(row));
        let account = match last {
            Some((known, account)) if known == codes => account,
            _ => chunk.account(
                segments.source.get(row).map(|text| &**text),
                segments.account.get(row).map(|text| &**text),
            )?,
        };
        last = Some((codes, account));
        accounts.push(account);
    }
    Ok(accounts)
}

/// Takes what goes as records, in the order of the lines, and looks up everybody's agent in that order: what the later
/// line says of an agent counts.
fn take_in_order(
    chunk: &mut Chunk<'_>,
    gathered: &Gathered,
    (accounts, grouped): (&[i64], &Grouped),
) -> rusqlite::Result<Vec<Option<i64>>> {
    let segments = &gathered.segments;
    let mut others = gathered.others.iter().peekable();
    let mut agents = Agents::new(segments);
    let mut found = Vec::with_capacity(segments.rows());
    for (row, account) in accounts.iter().copied().enumerate() {
        while let Some((_, other)) = others.next_if(|(before, _)| *before <= row) {
            chunk.take(other)?;
            agents.forget();
        }
        let agent = agents.of(chunk, row, account)?;
        if grouped.way(row) == Way::Records {
            chunk.segment(&segments.record(row), account, agent)?;
        }
        found.push(agent);
    }
    others.try_for_each(|(_, other)| chunk.take(other))?;
    Ok(found)
}

impl Sheet<'_> {
    /// Takes a segment as a record after all.
    fn take_as_record(&self, chunk: &mut Chunk<'_>, row: usize) -> rusqlite::Result<()> {
        let (account, agent) = (self.accounts.get(row).copied(), self.agents.get(row).copied());
        chunk.segment(&self.segments.record(row), account.unwrap_or(0), agent.flatten())
    }

    /// A field of [`CARRIED`].
    fn carried(&self, place: usize, row: usize) -> Option<i64> {
        self.own.get(NUMBERS - CARRIED.len() + place)?.known(row)
    }
}
