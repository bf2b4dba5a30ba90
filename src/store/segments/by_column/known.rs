//! Which interactions blocks have already, with segments that are just as their lines say.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::fold::sealed_segments;
use super::super::own::focuses_text;
use super::super::row::{NUMBERS_AT, RESOLVED_AT, RESOLVED_TEXTS_AT, TEXTS_AT};
use super::super::sealed::at;
use super::super::sealed::block::Block;
use super::super::write::Chunk;
use super::Sheet;
use super::grouped::{Grouped, Way};
use crate::domain::batch::NONE;

/// Blocks whose pairs are gathered: what comes more or less in the order of time lies in one of a few.
const RUNS: usize = 6;

/// A line, and the place of the sealed segment in its block that has its key.
struct Pair {
    group: usize,
    row: usize,
    place: usize,
    same: bool,
}

/// The pairs of a block.
struct Run {
    block: Arc<Block>,
    pairs: Vec<Pair>,
}

/// The interactions that may be there and are not, or are otherwise: writing their segments would change something.
pub(super) fn changed(
    chunk: &mut Chunk<'_>,
    sheet: &Sheet<'_>,
    grouped: &Grouped,
) -> rusqlite::Result<Vec<usize>> {
    let mut changed = Vec::new();
    let mut runs: VecDeque<Run> = VecDeque::new();
    for group in grouped.all(Way::Known) {
        let rows = grouped.rows(group);
        let first = rows.first().copied().unwrap_or(0);
        let account = sheet.accounts.get(first).copied().unwrap_or(0);
        let key = sheet.segments.interaction_id.get(first);
        let sealed = sealed_segments(chunk.tx, chunk.finder, account, key)?;
        for row in rows {
            let id = Some(sheet.segments.id.get(*row));
            // What cannot be read is no match: as a record it fails with its damage.
            let found = sealed.iter().find(|one| one.text(at::RECORD_ID).is_ok_and(|known| known == id));
            let Some(found) = found else {
                changed.push(group);
                break;
            };
            let pair = Pair { group, row: *row, place: found.place(), same: true };
            match runs.iter_mut().find(|run| found.is_in(&run.block)) {
                Some(run) => run.pairs.push(pair),
                None => runs.push_back(Run { block: found.block(), pairs: vec![pair] }),
            }
            if RUNS < runs.len()
                && let Some(run) = runs.pop_front()
            {
                run.compare(sheet, &mut changed)?;
            }
        }
    }
    runs.into_iter().try_for_each(|run| run.compare(sheet, &mut changed))?;
    changed.sort_unstable();
    changed.dedup();
    Ok(changed)
}

impl Run {
    /// Finds out which lines say something else than what is sealed, of their segment or of its interaction, or are newer.
    fn compare(mut self, sheet: &Sheet<'_>, changed: &mut Vec<usize>) -> rusqlite::Result<()> {
        let (block, segments) = (&self.block, sheet.segments);
        let of = |stored: &[i64], place: usize| stored.get(place).copied().unwrap_or(NONE);
        for (place, own) in sheet.own.iter().enumerate() {
            let stored = block.numbers(NUMBERS_AT + place)?;
            if stored.is_empty() && own.is_empty() {
                continue;
            }
            for pair in &mut self.pairs {
                pair.same &= own.get(pair.row) == of(stored, pair.place);
            }
        }
        for (place, said) in sheet.facts.codes.iter().enumerate().filter(|(_, said)| !said.is_empty()) {
            let stored = block.numbers(RESOLVED_AT + place)?;
            for pair in &mut self.pairs {
                let said = said.get(pair.row);
                pair.same &= said == NONE || said == of(stored, pair.place);
            }
        }
        for (place, texts) in sheet.facts.texts.iter().enumerate().filter(|(_, texts)| !texts.is_empty()) {
            for pair in &mut self.pairs {
                let said = texts.get(pair.row);
                pair.same &= said.is_none() || block.text(RESOLVED_TEXTS_AT + place, pair.place)? == said;
            }
        }
        for pair in &mut self.pairs {
            let row = pair.row;
            let focuses = focuses_text(segments.focuses.get(row));
            let recordings = [segments.recording_file.get(row), segments.recording_url.get(row)];
            let own = [None, recordings[0], recordings[1], focuses.as_deref()];
            for (place, text) in own.into_iter().enumerate() {
                pair.same &= block.text(TEXTS_AT + place, pair.place)? == text;
            }
            // An end that is said may be one that would follow from the segments: then it is not kept as said.
            pair.same &= segments.interaction_end.get(row).is_none()
                && segments.updated_at.get(row) <= block.number(at::VERSION, pair.place)?;
        }
        changed.extend(self.pairs.iter().filter(|pair| !pair.same).map(|pair| pair.group));
        Ok(())
    }
}
