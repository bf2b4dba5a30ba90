//! Which interactions blocks have already, with segments that are just as their lines say.

use std::collections::VecDeque;

use super::super::own::focuses_text;
use super::super::row::{NUMBERS_AT, RESOLVED_AT, RESOLVED_TEXTS_AT, TEXTS_AT};
use super::super::sealed::at;
use super::super::sealed::find::Found;
use super::super::write::Chunk;
use super::Sheet;
use super::grouped::{Grouped, Way};
use super::view::View;
use crate::domain::batch::NONE;

/// Blocks whose pairs are gathered: what comes more or less in the order of time lies in one of a few.
const RUNS: usize = 6;

/// A line and the sealed segment that has its key.
struct Pair {
    group: usize,
    row: usize,
    found: Found,
    same: bool,
}

/// The interactions that may be there and are not, or are otherwise: writing their segments would change something.
pub(super) fn changed(
    chunk: &mut Chunk<'_>,
    sheet: &Sheet<'_>,
    grouped: &Grouped,
) -> rusqlite::Result<Vec<usize>> {
    let mut changed = Vec::new();
    // Those of one block together: they are compared column by column.
    let mut runs: VecDeque<Vec<Pair>> = VecDeque::new();
    for group in grouped.all(Way::Known) {
        let found = found(chunk, sheet, grouped.rows(group))?;
        for row in grouped.rows(group) {
            let id = Some(sheet.segments.id.get(*row));
            let one = found.iter().find(|one| one.text(at::RECORD_ID).is_ok_and(|known| known == id));
            let Some(found) = one.cloned() else {
                changed.push(group);
                break;
            };
            let is_its = |run: &&mut Vec<Pair>| run.first().is_some_and(|one| one.found.is_beside(&found));
            let known = runs.iter_mut().find(is_its);
            let pair = Pair { group, row: *row, found, same: true };
            match known {
                Some(run) => run.push(pair),
                None => runs.push_back(vec![pair]),
            }
            if RUNS < runs.len() {
                compare(sheet, runs.pop_front(), &mut changed)?;
            }
        }
    }
    for run in runs {
        compare(sheet, Some(run), &mut changed)?;
    }
    changed.sort_unstable();
    changed.dedup();
    Ok(changed)
}

/// The segments that blocks have of the interaction of some rows. Of one that retention removed, blocks may have segments
/// under an older number.
fn found(chunk: &mut Chunk<'_>, sheet: &Sheet<'_>, rows: &[usize]) -> rusqlite::Result<Vec<Found>> {
    let first = rows.first().copied().unwrap_or(0);
    let account = sheet.accounts.get(first).copied().unwrap_or(0);
    let key = sheet.segments.interaction_id.get(first);
    let mut found = chunk.finder.of_interaction(chunk.tx, account, key)?;
    let mut newest = None;
    for one in &found {
        newest = newest.max(one.interaction_id()?);
    }
    found.retain(|one| one.interaction_id().is_ok_and(|id| id == newest));
    Ok(found)
}

/// Finds out which lines of a block's pairs say something else than what is sealed, of their segment or of its interaction,
/// or are newer.
fn compare(sheet: &Sheet<'_>, run: Option<Vec<Pair>>, changed: &mut Vec<usize>) -> rusqlite::Result<()> {
    let mut pairs = run.unwrap_or_default();
    let Some(block) = pairs.first().map(|pair| pair.found.block()) else { return Ok(()) };
    let segments = sheet.segments;
    for (place, own) in sheet.own.iter().enumerate() {
        let stored = block.numbers(NUMBERS_AT + place)?;
        if stored.is_empty() && own.is_empty() {
            continue;
        }
        for pair in &mut pairs {
            pair.same &= own.get(pair.row) == pair.found.of(stored);
        }
    }
    let said = sheet.facts.codes.iter().enumerate().filter(|(_, said): &(usize, &View<'_>)| !said.is_empty());
    for (place, said) in said {
        let stored = block.numbers(RESOLVED_AT + place)?;
        for pair in &mut pairs {
            let said = said.get(pair.row);
            pair.same &= said == NONE || said == pair.found.of(stored);
        }
    }
    for (place, texts) in sheet.facts.texts.iter().enumerate().filter(|(_, texts)| !texts.is_empty()) {
        for pair in &mut pairs {
            let said = texts.get(pair.row);
            pair.same &= said.is_none() || pair.found.text(RESOLVED_TEXTS_AT + place)? == said;
        }
    }
    for pair in &mut pairs {
        let (row, one) = (pair.row, &pair.found);
        let focuses = focuses_text(segments.focuses.get(row));
        let own =
            [None, segments.recording_file.get(row), segments.recording_url.get(row), focuses.as_deref()];
        for (place, text) in own.into_iter().enumerate() {
            pair.same &= one.text(TEXTS_AT + place)? == text;
        }
        // An end that is said may be one that would follow from the segments: then it is not kept as said.
        pair.same &=
            segments.interaction_end.get(row).is_none() && segments.updated_at.get(row) <= one.version()?;
    }
    changed.extend(pairs.iter().filter(|pair| !pair.same).map(|pair| pair.group));
    Ok(())
}
