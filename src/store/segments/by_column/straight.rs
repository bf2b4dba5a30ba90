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
use super::facts::{CODES, Facts, TEXTS, ends};
use super::grouped::{Grouped, Way};
use super::own::row_start;
use crate::domain::batch::NONE;
use crate::domain::messaging::Talk;
use crate::domain::record::Millis;
use crate::domain::resolve::{Portion, Whole, neighbours};

/// The rows of each hour in report order: then nothing is left to be sorted where the hour is new.
type Hours = BTreeMap<Millis, Vec<usize>>;

/// What rows come to that does not stand in the sheet, column by column: a row's values side by side would be fetched
/// anew for each column that is made of them.
#[derive(Default)]
struct Resolved {
    codes: [Filled; CODES],
    /// The rows that have the texts.
    texts: [Filled; TEXTS],
    ended_at: Filled,
    from_others: [Filled; FROM_OTHERS],
    interaction_id: Filled,
}

/// A column that is filled in any order; [`NONE`] where nothing was put.
#[derive(Default)]
struct Filled(Vec<i64>);

impl Filled {
    /// Puts the number of one of so many rows.
    fn put(&mut self, row: usize, rows: usize, number: i64) {
        if number == NONE {
            return;
        }
        if self.0.is_empty() {
            self.0.resize(rows, NONE);
        }
        if let Some(slot) = self.0.get_mut(row) {
            *slot = number;
        }
    }

    fn get(&self, row: usize) -> i64 {
        self.0.get(row).copied().unwrap_or(NONE)
    }
}

/// Writes the interactions that go straight into blocks.
pub(super) fn write(chunk: &mut Chunk<'_>, sheet: &Sheet<'_>, grouped: &Grouped) -> rusqlite::Result<()> {
    let mut resolved = Resolved::default();
    let mut portions = Vec::new();
    for group in grouped.all(Way::Straight) {
        resolve(chunk, sheet, grouped.rows(group), &mut portions, &mut resolved)?;
    }
    let hours = hours(sheet, grouped);
    if hours.is_empty() {
        return Ok(());
    }
    chunk.note_numbers()?;
    let arrived = chunk.arrived;
    Ok(merge(chunk.tx, &hours, &|rows, out| fill((sheet, &resolved), rows, arrived, out))?)
}

/// Resolves an interaction; `portions` is room for it.
fn resolve<'c>(
    chunk: &mut Chunk<'_>,
    sheet: &Sheet<'c>,
    rows: &[usize],
    portions: &mut Vec<Portion<'c, i64, i64>>,
    out: &mut Resolved,
) -> rusqlite::Result<()> {
    let segments = sheet.segments;
    let all = segments.rows();
    let merged = sheet.facts.merged(rows);
    let event = sheet.facts.event(&merged);
    let (said_end, end_of_segments) = ends(segments, rows);
    let ended_at = said_end.or(end_of_segments);
    let whole = Whole {
        ended: ended_at.is_some(),
        opened_by: None,
        disconnecting_event: event.map(|event| &**event),
    };
    let channel_type = Facts::channel_type(&merged);
    let interaction_id = chunk.next_number();
    let talk = Talk::default();
    portions.clear();
    portions.extend(rows.iter().map(|row| portion(sheet, *row)));
    for ((row, portion), around) in rows.iter().zip(portions.iter()).zip(neighbours(portions, whole)) {
        let said = Said {
            in_by: sheet.carried(row::IN_BY, *row),
            in_status: sheet.carried(row::IN_STATUS, *row),
            first_response_ms: sheet.carried(row::FIRST_RESPONSE, *row),
            handle_ms: sheet.carried(row::HANDLE, *row),
            focuses: segments.focuses.get(*row),
        };
        let others = Others { around, talk: &talk, channel_type };
        let from_others = from_others((chunk.tx, chunk.names), portion, &said, &others)?;
        for (column, number) in out.from_others.iter_mut().zip(from_others) {
            column.put(*row, all, number.unwrap_or(NONE));
        }
        for (column, code) in out.codes.iter_mut().zip(merged.codes) {
            column.put(*row, all, code);
        }
        let said = out.texts.iter_mut().zip(merged.texts).zip(&sheet.facts.texts);
        for ((column, said_in), _) in said.filter(|(_, texts)| !texts.is_empty()) {
            column.put(*row, all, i64::try_from(said_in).unwrap_or(NONE));
        }
        out.ended_at.put(*row, all, ended_at.unwrap_or(NONE));
        out.interaction_id.put(*row, all, interaction_id);
        chunk.tally.added += 1;
    }
    Ok(())
}

/// The hours of what goes straight into blocks.
fn hours(sheet: &Sheet<'_>, grouped: &Grouped) -> Hours {
    let segments = sheet.segments;
    let start = |row: usize| row_start(segments, row);
    let mut hours = Hours::new();
    // Lines are mostly in the order of time: then there is little to sort.
    for row in (0..segments.rows()).filter(|row| grouped.way(*row) == Way::Straight) {
        hours.entry(hour_of(start(row))).or_default().push(row);
    }
    let key = |row: usize| (segments.id.get(row), sheet.accounts.get(row).copied().unwrap_or(NONE));
    for rows in hours.values_mut() {
        rows.sort_by(|a, b| start(*a).cmp(&start(*b)).then_with(|| key(*a).cmp(&key(*b))));
    }
    hours
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

/// Adds the rows of an hour.
fn fill((sheet, resolved): (&Sheet<'_>, &Resolved), rows: &[usize], arrived: Millis, out: &mut Rows) {
    let segments = sheet.segments;
    let all = || rows.iter().copied();
    out.add_texts(at::RECORD_ID, all().map(|row| Some(segments.id.get(row))));
    for (place, own) in sheet.own.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
        out.add_numbers(NUMBERS_AT + place, |column| own.add_to(rows, column));
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
    for (place, (texts, said_in)) in sheet.facts.texts.iter().zip(&resolved.texts).enumerate() {
        if !texts.is_empty() {
            let text = |row| texts.get(usize::try_from(said_in.get(row)).unwrap_or(usize::MAX));
            out.add_texts(RESOLVED_TEXTS_AT + place, all().map(text));
        }
    }
    let codes = resolved.codes.iter().enumerate().map(|(place, codes)| (RESOLVED_AT + place, codes));
    let from_others = resolved.from_others.iter().enumerate();
    let from_others = from_others.map(|(place, numbers)| (FROM_OTHERS_AT + place, numbers));
    let rest = [(at::ENDED, &resolved.ended_at), (at::INTERACTION, &resolved.interaction_id)];
    for (column, filled) in codes.chain(from_others).chain(rest).filter(|(_, filled)| !filled.0.is_empty()) {
        out.add_numbers(column, |numbers| numbers.extend(all().map(|row| filled.get(row))));
    }
    let account = |row: usize| sheet.accounts.get(row).copied().unwrap_or(NONE);
    let version = |row: usize| segments.updated_at.get(row).unwrap_or(arrived);
    out.add_numbers(at::ACCOUNT, |numbers| numbers.extend(all().map(account)));
    out.add_numbers(at::VERSION, |numbers| numbers.extend(all().map(version)));
    out.add_texts(at::INTERACTION_KEY, all().map(|row| Some(segments.interaction_id.get(row))));
    out.end_rows(rows.len());
}
