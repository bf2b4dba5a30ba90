//! Which interactions blocks have already, with segments that are just as their lines say.

use std::collections::BTreeMap;

use super::super::own::focuses_text;
use super::super::row::{NUMBERS_AT, RESOLVED_AT, RESOLVED_TEXTS_AT, TEXTS_AT};
use super::super::sealed::at;
use super::super::sealed::block::{Block, Rooms, head};
use super::super::write::Chunk;
use super::Sheet;
use super::grouped::{Grouped, Way};
use crate::domain::batch::NONE;

/// A line, and the place of the sealed segment in its block that has its key.
struct Pair {
    row: usize,
    place: usize,
    same: bool,
}

/// The interactions that may be there and are not, or are otherwise: writing their segments would change something. Each
/// block is looked at once, whatever the order of the lines.
pub(super) fn changed(
    chunk: &mut Chunk<'_>,
    sheet: &Sheet<'_>,
    grouped: &Grouped,
) -> rusqlite::Result<Vec<usize>> {
    let mut in_block: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for group in grouped.all(Way::Known) {
        let first = grouped.rows(group).first().copied().unwrap_or(0);
        for block_id in chunk.finder.blocks_of_interaction(grouped.hash(first)) {
            in_block.entry(block_id).or_default().push(group);
        }
    }
    // Of an interaction that retention removed, blocks may have more under an older number.
    let mut newest = vec![None; grouped.groups().end];
    // The number of the interaction in which a line's segment is just as it says.
    let mut same_in = vec![None; sheet.segments.rows()];
    let rooms = Rooms::default();
    for (block_id, groups) in in_block {
        // A block that was replaced has its rows under another number.
        let Some(head) = head(chunk.tx, block_id)? else { continue };
        let block = head.open_in(chunk.tx, &rooms)?;
        let mut pairs = Vec::new();
        for group in groups {
            let rows = grouped.rows(group);
            for place in sheet.places_in(&block, rows)? {
                let number = block.number(at::INTERACTION, place)?;
                if let Some(newest) = newest.get_mut(group) {
                    *newest = number.max(*newest);
                }
                let key = block.text(at::RECORD_ID, place)?;
                let row = rows.iter().find(|row| key == Some(sheet.segments.id.get(**row)));
                pairs.extend(row.map(|row| Pair { row: *row, place, same: true }));
            }
        }
        sheet.compare(&block, &mut pairs)?;
        for pair in pairs.into_iter().filter(|pair| pair.same) {
            if let Some(same_in) = same_in.get_mut(pair.row) {
                *same_in = block.number(at::INTERACTION, pair.place)?.max(*same_in);
            }
        }
    }
    let is_same = |group: usize| {
        let newest = newest.get(group).copied().flatten();
        newest.is_some() && grouped.rows(group).iter().all(|row| same_in.get(*row) == Some(&newest))
    };
    Ok(grouped.all(Way::Known).filter(|group| !is_same(*group)).collect())
}

impl Sheet<'_> {
    /// The places in a block of the segments that it still has of an interaction's.
    fn places_in(&self, block: &Block, rows: &[usize]) -> rusqlite::Result<Vec<usize>> {
        let first = rows.first().copied().unwrap_or(0);
        let account = self.accounts.get(first).copied().unwrap_or(0);
        let mut places = block.of_interaction(account, self.segments.interaction_id.get(first))?;
        places.retain(|place| block.has(*place));
        Ok(places)
    }

    /// Finds out which lines say something else than what is sealed, of their segment or of its interaction, or are newer.
    fn compare(&self, block: &Block, pairs: &mut [Pair]) -> rusqlite::Result<()> {
        let segments = self.segments;
        let of = |stored: &[i64], place: usize| stored.get(place).copied().unwrap_or(NONE);
        for (place, own) in self.own.iter().enumerate() {
            let stored = block.numbers(NUMBERS_AT + place)?;
            if stored.is_empty() && own.is_empty() {
                continue;
            }
            for pair in pairs.iter_mut() {
                pair.same &= own.get(pair.row) == of(stored, pair.place);
            }
        }
        for (place, said) in self.facts.codes.iter().enumerate().filter(|(_, said)| !said.is_empty()) {
            let stored = block.numbers(RESOLVED_AT + place)?;
            for pair in pairs.iter_mut() {
                let said = said.get(pair.row);
                pair.same &= said == NONE || said == of(stored, pair.place);
            }
        }
        for (place, texts) in self.facts.texts.iter().enumerate().filter(|(_, texts)| !texts.is_empty()) {
            for pair in pairs.iter_mut() {
                let said = texts.get(pair.row);
                pair.same &= said.is_none() || block.text(RESOLVED_TEXTS_AT + place, pair.place)? == said;
            }
        }
        for pair in pairs.iter_mut() {
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
        Ok(())
    }
}
