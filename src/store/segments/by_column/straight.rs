//! New interactions of closed hours: resolved and put into blocks.

use std::collections::BTreeMap;

use super::super::own::focuses_text;
use super::super::resolved::{Others, Said, from_others};
use super::super::row::{
    self, FROM_OTHERS, FROM_OTHERS_AT, NUMBERS_AT, RESOLVED_AT, RESOLVED_TEXTS_AT, TEXTS_AT,
};
use super::super::sealed::merge::merge;
use super::super::sealed::rows::Rows;
use super::super::sealed::{at, hour_of};
use super::super::write::Chunk;
use super::Sheet;
use super::facts::{CODES, Facts, Merged, TEXTS, ends};
use super::grouped::{Grouped, Way};
use super::own::row_start;
use crate::domain::batch::NONE;
use crate::domain::messaging::Talk;
use crate::domain::record::Millis;
use crate::domain::resolve::{Portion, Whole, neighbours};

/// The segments of an hour.
type Hours = BTreeMap<Millis, Vec<Resolved>>;

/// A segment with what does not stand in the sheet.
struct Resolved {
    /// Its row there.
    row: usize,
    codes: [i64; CODES],
    texts: [usize; TEXTS],
    ended_at: i64,
    from_others: [i64; FROM_OTHERS],
    interaction_id: i64,
}

/// Writes the interactions that go straight into blocks.
pub(super) fn write(chunk: &mut Chunk<'_>, sheet: &Sheet<'_>, grouped: &Grouped) -> rusqlite::Result<()> {
    let mut hours = Hours::new();
    for group in grouped.all(Way::Straight) {
        resolve(chunk, sheet, grouped.rows(group), &mut hours)?;
    }
    if hours.is_empty() {
        return Ok(());
    }
    chunk.note_numbers()?;
    let arrived = chunk.arrived;
    Ok(merge(chunk.tx, &hours, &|resolved, rows| fill(sheet, resolved, arrived, rows))?)
}

/// Resolves an interaction and deals its segments out to their hours.
fn resolve(
    chunk: &mut Chunk<'_>,
    sheet: &Sheet<'_>,
    rows: &[usize],
    hours: &mut Hours,
) -> rusqlite::Result<()> {
    let segments = sheet.segments;
    let merged = sheet.facts.merged(rows);
    let event = sheet.facts.event(&merged);
    let (said_end, end_of_segments) = ends(segments, rows);
    let Merged { codes, texts, .. } = merged;
    let ended_at = said_end.or(end_of_segments);
    let whole = Whole {
        ended: ended_at.is_some(),
        opened_by: None,
        disconnecting_event: event.map(|event| &**event),
    };
    let channel_type = Facts::channel_type(&merged);
    let interaction_id = chunk.next_number();
    let talk = Talk::default();
    let portions: Vec<Portion<'_, i64, i64>> = rows.iter().map(|row| portion(sheet, *row)).collect();
    for ((row, portion), around) in rows.iter().zip(&portions).zip(neighbours(&portions, whole)) {
        let said = Said {
            in_by: sheet.carried(row::IN_BY, *row),
            in_status: sheet.carried(row::IN_STATUS, *row),
            first_response_ms: sheet.carried(row::FIRST_RESPONSE, *row),
            handle_ms: sheet.carried(row::HANDLE, *row),
            focuses: segments.focuses.get(*row),
        };
        let others = Others { around, talk: &talk, channel_type };
        let from_others = from_others((chunk.tx, chunk.names), portion, &said, &others)?;
        hours.entry(hour_of(portion.row_start)).or_default().push(Resolved {
            row: *row,
            codes,
            texts,
            ended_at: ended_at.unwrap_or(NONE),
            from_others: from_others.map(|number| number.unwrap_or(NONE)),
            interaction_id,
        });
        chunk.tally.added += 1;
    }
    Ok(())
}

fn portion<'c>(sheet: &Sheet<'c>, row: usize) -> Portion<'c, i64, i64> {
    let segments = sheet.segments;
    Portion {
        row_start: row_start(segments, row),
        key: segments.id.get(row),
        queued: segments.queue_entry.get(row).is_some(),
        start: segments.start.get(row),
        end: segments.end.get(row),
        participant: segments.had_by(row),
        agent: sheet.agents.get(row).copied().flatten(),
        start_reason: segments.start_reason.get(row),
        end_reason: segments.end_reason.get(row),
        transfer_reason: sheet.carried(row::TRANSFER_REASON, row),
    }
}

/// Adds the rows of an hour in their order: then nothing is left to be sorted where the hour is new.
fn fill(sheet: &Sheet<'_>, resolved: &[Resolved], arrived: Millis, out: &mut Rows) {
    let segments = sheet.segments;
    let account = |row: usize| sheet.accounts.get(row).copied().unwrap_or(NONE);
    let key = |row: usize| (segments.id.get(row), account(row));
    let mut ordered: Vec<(Millis, &Resolved)> =
        resolved.iter().map(|one| (row_start(segments, one.row), one)).collect();
    ordered.sort_by(|(start, a), (other, b)| start.cmp(other).then_with(|| key(a.row).cmp(&key(b.row))));
    let resolved = || ordered.iter().map(|(_, one)| *one);
    let places: Vec<usize> = resolved().map(|one| one.row).collect();
    let all = || places.iter().copied();
    out.add_texts(at::RECORD_ID, all().map(|row| Some(segments.id.get(row))));
    for (place, own) in sheet.own.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
        out.add_numbers(NUMBERS_AT + place, |column| own.add_to(&places, column));
    }
    for (place, own) in [&segments.recording_file, &segments.recording_url].into_iter().enumerate() {
        if !own.is_empty() {
            out.add_texts(TEXTS_AT + row::RECORDINGS + place, all().map(|row| own.get(row)));
        }
    }
    if !segments.focuses.is_empty() {
        let focuses: Vec<Option<String>> = all().map(|row| focuses_text(segments.focuses.get(row))).collect();
        out.add_texts(TEXTS_AT + row::FOCUSES, focuses.iter().map(Option::as_deref));
    }
    for (place, texts) in sheet.facts.texts.iter().enumerate().filter(|(_, texts)| !texts.is_empty()) {
        let text = |one: &Resolved| one.texts.get(place).and_then(|row| texts.get(*row));
        out.add_texts(RESOLVED_TEXTS_AT + place, resolved().map(text));
    }
    let mut add = |column, number: &dyn Fn(&Resolved) -> i64| {
        out.add_numbers(column, |numbers| numbers.extend(resolved().map(number)));
    };
    for (place, _) in sheet.facts.codes.iter().enumerate().filter(|(_, codes)| !codes.is_empty()) {
        add(RESOLVED_AT + place, &|one| one.codes.get(place).copied().unwrap_or(NONE));
    }
    add(at::ENDED, &|one| one.ended_at);
    for place in 0..FROM_OTHERS {
        add(FROM_OTHERS_AT + place, &|one| one.from_others.get(place).copied().unwrap_or(NONE));
    }
    add(at::INTERACTION, &|one| one.interaction_id);
    add(at::ACCOUNT, &|one| account(one.row));
    add(at::VERSION, &|one| segments.updated_at.get(one.row).unwrap_or(arrived));
    out.add_texts(at::INTERACTION_KEY, all().map(|row| Some(segments.interaction_id.get(row))));
    out.end_rows(places.len());
}
