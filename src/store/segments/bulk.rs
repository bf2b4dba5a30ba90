//! New segments of closed hours straight into blocks, where nobody waits for the database meanwhile.
//!
//! Only whole interactions go this way that nobody has heard of, and of which their segments say everything: they are
//! folded from the beginning. Everything else becomes rows, and compaction takes it from there.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Transaction, params};

use super::fold::is_said;
use super::interaction::Interaction;
use super::row::{Numbers, Resolved, Segment};
use super::sealed::compact::merge;
use super::sealed::rows::Rows;
use super::sealed::{HOUR_MS, SealedError, hour_of};
use super::words::{END_REASONS, PARTICIPANTS, code_of};
use crate::domain::record::Millis;

/// Sealed rows of an hour that are packed again for each new one, at the most: files that are not in the order of time
/// would have the whole store packed again for each chunk.
const AGAIN_MAX: i64 = 4;

/// New segments by hour.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    /// The beginnings of the hours that are worth it.
    hours: HashSet<Millis>,
    rows: BTreeMap<Millis, Rows>,
}

/// Whether an interaction could be folded from the beginning.
fn fits(interaction: &Interaction) -> bool {
    let of_session = |segment: &Segment| segment.own.texts.first().is_some_and(Option::is_some);
    interaction.stored.is_none()
        && !interaction.segments.is_empty()
        && !interaction.segments.iter().any(of_session)
        && is_said(interaction)
}

impl Bulk {
    /// For the interactions of a chunk; only hours that end by `until` are sealed.
    pub(super) fn begin<'i>(
        tx: &Transaction<'_>,
        interactions: impl Iterator<Item = &'i Interaction>,
        until: Millis,
    ) -> rusqlite::Result<Self> {
        let mut counts: HashMap<Millis, i64> = HashMap::new();
        for segment in interactions.filter(|one| fits(one)).flat_map(|one| &one.segments) {
            *counts.entry(hour_of(segment.own.row_start)).or_default() += 1;
        }
        let mut sealed = tx.prepare_cached(
            "select coalesce(sum(rows), 0) from segment_block where first_start >= ?1 and first_start < ?2",
        )?;
        let mut hours = HashSet::new();
        for (hour, new) in counts.into_iter().filter(|(hour, _)| hour + HOUR_MS <= until) {
            let known: i64 = sealed.query_row(params![hour, hour + HOUR_MS], |row| row.get(0))?;
            if known <= new * AGAIN_MAX {
                hours.insert(hour);
            }
        }
        Ok(Self { hours, rows: BTreeMap::new() })
    }

    /// Whether an interaction goes this way.
    pub(super) fn takes(&self, interaction: &Interaction) -> bool {
        let there = |segment: &Segment| self.hours.contains(&hour_of(segment.own.row_start));
        !self.hours.is_empty() && fits(interaction) && interaction.segments.iter().all(there)
    }

    /// Takes an interaction under its new number.
    pub(super) fn take(&mut self, interaction: &Interaction, interaction_id: i64, resolved: &[Resolved]) {
        for (segment, resolved) in interaction.segments.iter().zip(resolved) {
            let own = &segment.own;
            let rows = self.rows.entry(hour_of(own.row_start)).or_insert_with(Rows::new);
            let mut row = rows.begin_row();
            row.text(Some(&segment.key));
            row.numbers(
                Numbers::from([
                    Some(own.row_start),
                    code_of(&PARTICIPANTS, Some(own.participant)),
                    own.queue_entry,
                    own.agent_id,
                    own.start,
                    own.end,
                    code_of(&END_REASONS, own.end_reason),
                ])
                .column(),
            );
            row.numbers(own.carried.column());
            for text in own.texts.iter().chain(&resolved.texts) {
                row.text(text.as_deref());
            }
            row.numbers(resolved.integers.column());
            row.numbers(&[interaction_id, interaction.account_id, segment.version]);
            row.text(Some(&interaction.key));
            row.end();
        }
    }

    /// Writes what was taken.
    pub(super) fn finish(self, tx: &Transaction<'_>) -> Result<(), SealedError> {
        merge(tx, self.rows)
    }
}
