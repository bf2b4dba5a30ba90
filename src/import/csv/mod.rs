//! CSV → records. A file holds one kind; its header says which.
//!
//! Lists stand with `|` between their values, spans as `start/end`. An empty cell says nothing.

mod kinds;
mod records;
mod walk;

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use clap::ValueEnum;
use csv::{ByteRecord, ReaderBuilder};

use self::kinds::canonical;
pub use self::kinds::{CsvKind, columns};
use self::records::record_of;
use self::walk::{RECORDS_SHARING, Texts, Walk};
use super::{BadLine, Filling, ImportError, LINE_BYTES_MAX, clip};
use crate::domain::nearest::nearest;
use crate::domain::record::gathered::{Field, Gathered};

/// What is read at once.
const BUFFER: usize = 256 << 10;
/// Bytes that are read for one record, with what is read ahead.
const RECORD_BYTES_MAX: usize = LINE_BYTES_MAX + BUFFER;

/// Why the last record of a text may be none.
const UNCLOSED: &str = "a quote is opened in this line and never closed; what follows it up to the end of the text is not imported";

/// What is put behind the text, on a line of its own: where it does not come back as one, a quote was still open.
const BEHIND: &[u8] = b"\n\x01end of text\x01";
/// What comes back.
const END: &[u8] = b"\x01end of text\x01";

pub(super) fn read(
    input: &mut dyn BufRead,
    kind: Option<CsvKind>,
    filling: &mut Filling<'_, '_>,
) -> Result<(), ImportError> {
    let taken = Cell::new(0);
    let bounded = Bounded { input: input.chain(BEHIND), taken: &taken };
    let mut reader = ReaderBuilder::new().flexible(true).buffer_capacity(BUFFER).from_reader(bounded);
    let header = reader.byte_headers().map_err(|error| failed(error, (&taken, 1)))?.clone();
    if header.as_slice() == END {
        return Ok(());
    }
    if header.as_slice().ends_with(END) {
        return Err(ImportError::Unusable(format!("line 1: {UNCLOSED}")));
    }
    let names: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase()).collect();
    let kind = match kind {
        Some(kind) => kind,
        None => kind_of(&names)?,
    };
    let places = places(kind, &names)?;
    let (all, _) = columns(kind);
    // Only segments go by column.
    let field = |name: &String| Some(Field::named(canonical(kind, name))?.0);
    let fields: Option<Vec<Field>> =
        if kind == CsvKind::Segment { names.iter().map(field).collect() } else { None };
    let mut texts = Texts::default();
    let mut record = ByteRecord::new();
    let mut records = 0_u64;
    loop {
        taken.set(0);
        let more = reader.read_byte_record(&mut record);
        let line = record.position().map_or(0, csv::Position::line);
        if !more.map_err(|error| failed(error, (&taken, line)))? || record.as_slice() == END {
            return Ok(());
        }
        records += 1;
        if records.is_multiple_of(RECORDS_SHARING) {
            texts.forget();
        }
        let more = if record.as_slice().ends_with(END) {
            filling.bad(bad(&record, line, UNCLOSED.to_owned()))
        } else if record.len() != names.len() {
            let reason = format!("{} cells, the header has {}", record.len(), names.len());
            filling.bad(bad(&record, line, reason))
        } else {
            let whole = std::str::from_utf8(record.as_slice()).ok();
            let by_column = |(whole, fields): (&str, &Vec<Field>)| {
                by_column(&record, whole, fields, &mut filling.pack.records)
            };
            if whole.zip(fields.as_ref()).is_some_and(by_column) {
                filling.line()
            } else {
                let (places, columns) = (&places, &all);
                let mut walk = Walk { record: &record, whole, places, columns, texts: &mut texts, next: 0 };
                match record_of(kind, &mut walk) {
                    Ok(record) => filling.good(record),
                    Err(reason) => filling.bad(bad(&record, line, reason)),
                }
            }
        };
        if !more {
            return Ok(());
        }
    }
}

/// Takes a segment's cells straight into columns; false where something about it is odd: then it is read as a record,
/// which knows the words for it.
fn by_column(record: &ByteRecord, whole: &str, fields: &[Field], out: &mut Gathered) -> bool {
    let segments = &mut out.segments;
    let fit = fields.iter().enumerate().all(|(place, field)| {
        // Where a letter reaches over two cells, neither is a text.
        let cell = record.range(place).and_then(|span| whole.get(span));
        cell.is_some_and(|cell| cell.is_empty() || segments.put_cell(*field, cell))
    });
    let good = fit && segments.end_row();
    if !good {
        segments.drop_row();
    }
    good
}

/// A text whose records are bounded: an open quote would put the rest of the file into one.
struct Bounded<'a, R> {
    input: R,
    /// Bytes since the last record.
    taken: &'a Cell<usize>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if RECORD_BYTES_MAX < self.taken.get() {
            return Err(io::Error::other("a record is too long"));
        }
        let read = self.input.read(buffer)?;
        self.taken.set(self.taken.get() + read);
        Ok(read)
    }
}

fn failed(error: csv::Error, (taken, line): (&Cell<usize>, u64)) -> ImportError {
    if RECORD_BYTES_MAX < taken.get() {
        let limit = LINE_BYTES_MAX >> 20;
        return ImportError::Unusable(format!(
            "line {line}: a record of more than {limit} MiB; most likely a quote is opened there and never closed. What stands before it is imported"
        ));
    }
    ImportError::Read(error.into())
}

fn bad(record: &ByteRecord, line: u64, reason: String) -> BadLine {
    let cells: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
    BadLine { line, reason, text: clip(&cells.join(",")) }
}

/// The only kind whose columns hold the whole header, with what that kind needs.
fn kind_of(names: &[String]) -> Result<CsvKind, ImportError> {
    let fits = |kind: &CsvKind| {
        let (all, needed) = columns(*kind);
        let has = |name: &&str| names.iter().any(|known| canonical(*kind, known) == *name);
        needed.iter().all(|any| any.iter().any(has))
            && names.iter().all(|name| all.contains(&canonical(*kind, name)))
    };
    let fitting: Vec<CsvKind> = CsvKind::value_variants().iter().copied().filter(fits).collect();
    match fitting[..] {
        [kind] => Ok(kind),
        [] => Err(ImportError::Unusable(
            "the CSV header fits no kind of record; say which with --kind to learn which column is wrong"
                .to_owned(),
        )),
        [..] => {
            let kinds: Vec<String> = fitting
                .iter()
                .filter_map(|kind| Some(format!("--kind {}", kind.to_possible_value()?.get_name())))
                .collect();
            Err(ImportError::Unusable(format!(
                "the CSV header fits several kinds of record; say which: {}",
                kinds.join(" or ")
            )))
        }
    }
}

/// For each known column, its place in the file.
fn places(kind: CsvKind, names: &[String]) -> Result<Vec<Option<usize>>, ImportError> {
    let (all, needed) = columns(kind);
    let wrong = |message: String| ImportError::Unusable(format!("the CSV header {message}"));
    for (place, name) in names.iter().enumerate() {
        let column = canonical(kind, name);
        if !all.contains(&column) {
            let help = match nearest(name, all.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", all.join(", ")),
            };
            return Err(wrong(format!("has an unknown column `{}`; {help}", clip(name))));
        }
        if names.iter().take(place).any(|before| canonical(kind, before) == column) {
            return Err(wrong(format!("has the column `{column}` twice")));
        }
    }
    let places: Vec<Option<usize>> =
        all.iter().map(|column| names.iter().position(|name| canonical(kind, name) == *column)).collect();
    for any in needed {
        if !names.iter().any(|name| any.contains(&canonical(kind, name))) {
            return Err(wrong(format!("has no column `{}`", any.join("` or `"))));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;
    use proptest::prelude::*;

    use super::kinds::{CsvKind, columns};
    use super::records::record_of;
    use super::walk::{Texts, Walk};
    use super::{Field, by_column};
    use crate::domain::record::gathered::Gathered;

    /// Cells of all sorts, most of which are right in one column or another.
    const CELLS: [&str; 28] = [
        "0",
        "7",
        "-1",
        "1792038272939",
        "2026-06-10T08:00:00Z",
        "2026-06-10T08:00:00+02:00",
        "99999999999999999999",
        "agent",
        "Queue",
        "BOT",
        "external",
        "human",
        "completed",
        "new",
        "voice",
        "inbound",
        "Outbound",
        "true",
        "False",
        "Zo\u{eb}",
        "a|b",
        "a||a",
        "|",
        "x",
        "1/2",
        "2/1",
        "9|8/9",
        " ",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

        /// What goes by column comes to the same record as what goes cell by cell, and nothing that is no record does.
        #[test]
        fn columns_hold_what_records_say(
            lines in prop::collection::vec(
                prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&CELLS[..])), 0..5),
                1..4,
            ),
        ) {
            let (all, _) = columns(CsvKind::Segment);
            prop_assert_eq!(all.len(), Field::COUNT);
            let fields: Vec<Field> = all.iter().map(|name| Field::named(name).unwrap().0).collect();
            let places: Vec<_> = (0..all.len()).map(Some).collect();
            let (mut gathered, mut expected) = (Gathered::default(), Vec::new());
            let mut texts = Texts::default();
            for said in lines {
                // With keys and a start: else all of them would be refused for that.
                let needed = |name: &str| ["id", "interaction_id", "start"].contains(&name);
                let mut cells: Vec<&str> = all.iter().map(|name| if needed(name) { "8" } else { "" }).collect();
                for (place, cell) in said {
                    cells[place.index(all.len())] = cell;
                }
                let record = ByteRecord::from(cells);
                let whole = std::str::from_utf8(record.as_slice()).unwrap();
                let mut walk = Walk {
                    record: &record, whole: Some(whole), places: &places, columns: &all, texts: &mut texts, next: 0,
                };
                let slow = record_of(CsvKind::Segment, &mut walk);
                if by_column(&record, whole, &fields, &mut gathered) {
                    prop_assert!(slow.is_ok(), "{:?}", slow);
                    expected.extend(slow);
                } else if let Ok(slow) = slow {
                    // Odd: as a record it goes by column all the same, or beside.
                    expected.push(slow.clone());
                    gathered.push(slow);
                }
            }
            prop_assert_eq!(gathered.into_records().collect::<Vec<_>>(), expected);
        }
    }
}
