//! Whether blocks have an interaction's segments already, just as its lines say.

use rusqlite::Transaction;

use super::super::own::focuses_text;
use super::super::row::{NUMBERS_AT, RESOLVED_AT, RESOLVED_TEXTS_AT, TEXTS_AT};
use super::super::sealed::at;
use super::super::sealed::find::{Finder, Found};
use super::super::write::Chunk;
use super::Sheet;

/// Whether writing these segments of one interaction would change nothing.
pub(super) fn are_there(chunk: &mut Chunk<'_>, sheet: &Sheet<'_>, rows: &[usize]) -> rusqlite::Result<bool> {
    let Some(first) = rows.first() else { return Ok(true) };
    let found = interaction(chunk.tx, chunk.finder, sheet, *first)?;
    for row in rows {
        let id = Some(sheet.segments.id.get(*row));
        let one = found.iter().find(|one| one.text(at::RECORD_ID).is_ok_and(|known| known == id));
        if !one.map_or(Ok(false), |one| is_same(sheet, *row, one))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The segments that blocks have of a row's interaction. Of one that retention removed, blocks may have segments under an
/// older number.
fn interaction(
    tx: &Transaction<'_>,
    finder: &mut Finder,
    sheet: &Sheet<'_>,
    row: usize,
) -> rusqlite::Result<Vec<Found>> {
    let account = sheet.accounts.get(row).copied().unwrap_or(0);
    let mut found = finder.of_interaction(tx, account, sheet.segments.interaction_id.get(row))?;
    let mut newest = None;
    for one in &found {
        newest = newest.max(one.interaction_id()?);
    }
    found.retain(|one| one.interaction_id().is_ok_and(|id| id == newest));
    Ok(found)
}

/// Whether a line says what is sealed, of its segment and of its interaction, and is not newer.
fn is_same(sheet: &Sheet<'_>, row: usize, one: &Found) -> rusqlite::Result<bool> {
    let segments = sheet.segments;
    // An end that is said may be one that would follow from the segments: then it is not kept as said.
    if segments.interaction_end.get(row).is_some() || one.version()? < segments.updated_at.get(row) {
        return Ok(false);
    }
    for (place, own) in sheet.own.iter().enumerate() {
        if one.number(NUMBERS_AT + place)? != own.known(row) {
            return Ok(false);
        }
    }
    let focuses = focuses_text(segments.focuses.get(row));
    let own = [None, segments.recording_file.get(row), segments.recording_url.get(row), focuses.as_deref()];
    for (place, text) in own.into_iter().enumerate() {
        if one.text(TEXTS_AT + place)? != text {
            return Ok(false);
        }
    }
    for (place, said) in sheet.facts.codes.iter().enumerate() {
        let said = said.known(row);
        if said.is_some() && one.number(RESOLVED_AT + place)? != said {
            return Ok(false);
        }
    }
    for (place, texts) in sheet.facts.texts.iter().enumerate() {
        let said = texts.get(row);
        if said.is_some() && one.text(RESOLVED_TEXTS_AT + place)? != said {
            return Ok(false);
        }
    }
    Ok(true)
}
