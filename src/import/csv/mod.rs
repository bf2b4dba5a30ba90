//! CSV → records. A file holds one kind; its header says which.
//!
//! Lists stand with `|` between their values, spans as `start/end`. An empty cell says nothing.

mod kinds;
mod records;
mod walk;

use std::io::BufRead;

use csv::{ByteRecord, ReaderBuilder};

pub use self::kinds::{CsvKind, columns};
use self::kinds::{KINDS, canonical};
use self::records::record_of;
use self::walk::{Texts, Walk};
use super::{BadLine, ImportError, Line, clip};
use crate::domain::nearest::nearest;

pub(super) fn read(
    input: &mut dyn BufRead,
    kind: Option<CsvKind>,
    sink: &mut dyn FnMut(Line) -> bool,
) -> Result<(), ImportError> {
    let mut reader = ReaderBuilder::new().flexible(true).buffer_capacity(256 << 10).from_reader(input);
    let header = reader.byte_headers().map_err(|error| ImportError::Read(error.into()))?.clone();
    let names: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase()).collect();
    let kind = match kind {
        Some(kind) => kind,
        None => kind_of(&names)?,
    };
    let places = places(kind, &names)?;
    let (all, _) = columns(kind);
    let mut texts = Texts::default();
    let mut record = ByteRecord::new();
    let mut line;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => line = record.position().map_or(0, csv::Position::line),
            Err(error) => return Err(ImportError::Read(error.into())),
        }
        let item = if record.len() == names.len() {
            let whole = std::str::from_utf8(record.as_slice()).ok();
            let (places, columns) = (&places, &all);
            let mut walk = Walk { record: &record, whole, places, columns, texts: &mut texts, next: 0 };
            match record_of(kind, &mut walk) {
                Ok(record) => Line::Good(record, line),
                Err(reason) => bad(&record, line, reason),
            }
        } else {
            let reason = format!("{} cells, the header has {}", record.len(), names.len());
            bad(&record, line, reason)
        };
        if !sink(item) {
            return Ok(());
        }
    }
}

fn bad(record: &ByteRecord, line: u64, reason: String) -> Line {
    let cells: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
    Line::Bad(BadLine { line, reason, text: clip(&cells.join(",")) })
}

/// The kind whose columns hold the whole header and whose needed ones are there.
fn kind_of(names: &[String]) -> Result<CsvKind, ImportError> {
    let fits = |kind: &&CsvKind| {
        let (all, needed) = columns(**kind);
        let has = |name: &str| names.iter().any(|known| canonical(**kind, known) == name);
        needed.iter().all(|name| has(name)) && names.iter().all(|name| all.contains(&canonical(**kind, name)))
    };
    KINDS.iter().find(fits).copied().ok_or_else(|| {
        ImportError::Header(
            "the CSV header fits no kind of record; say which with --kind to learn which column is wrong"
                .to_owned(),
        )
    })
}

/// For each known column, its place in the file.
fn places(kind: CsvKind, names: &[String]) -> Result<Vec<Option<usize>>, ImportError> {
    let (all, needed) = columns(kind);
    for name in names {
        if !all.contains(&canonical(kind, name)) {
            let help = match nearest(name, all.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", all.join(", ")),
            };
            return Err(ImportError::Header(format!(
                "the CSV header has an unknown column `{name}`; {help}"
            )));
        }
    }
    let places: Vec<Option<usize>> =
        all.iter().map(|column| names.iter().position(|name| canonical(kind, name) == *column)).collect();
    for (column, place) in all.iter().zip(&places) {
        if needed.contains(column) && place.is_none() && *column != "channel" && *column != "custom_name" {
            return Err(ImportError::Header(format!("the CSV header has no column `{column}`")));
        }
    }
    Ok(places)
}
