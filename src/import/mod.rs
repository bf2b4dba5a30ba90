//! Text → records: NDJSON, one object a line with `kind`; CSV, one kind a file, known by its header.
//!
//! Pure but for the reader that it is handed. A bad line is an item of its own, so that the rest can go in.

mod csv;
mod ndjson;

use std::io::BufRead;

use crate::domain::record::Record;

pub use self::csv::{CsvKind, columns};

/// Bytes of one line at the most; a longer one is refused without being kept in memory.
pub const LINE_BYTES_MAX: usize = 4 << 20;

/// One line of an import.
#[derive(Debug)]
pub enum Line {
    /// A record, and the line on which it begins.
    Good(Record, u64),
    /// A line that is none.
    Bad(BadLine),
}

/// A line that is no record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BadLine {
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong and what would be right.
    pub reason: String,
    /// The beginning of the line.
    pub text: String,
}

/// Why an import cannot even begin, or go on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input cannot be read.
    #[error("read the input")]
    Read(#[source] std::io::Error),
    /// The text is none that can be imported, or not from some line on.
    #[error("{0}")]
    Unusable(String),
}

/// Reads lines and hands each to `sink` until it says no. What the text is, is seen from its first byte: `{` begins
/// NDJSON, anything else a CSV header.
pub fn read(
    input: &mut dyn BufRead,
    kind: Option<CsvKind>,
    sink: &mut dyn FnMut(Line) -> bool,
) -> Result<(), ImportError> {
    let first = skip_blank(input).map_err(ImportError::Read)?;
    match first {
        None => Ok(()),
        Some(b'{') if kind.is_none() => ndjson::read(input, sink),
        Some(_) => csv::read(input, kind, sink),
    }
}

/// Skips a byte order mark; shows the first byte without taking it.
fn skip_blank(input: &mut dyn BufRead) -> std::io::Result<Option<u8>> {
    if input.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
        input.consume(3);
    }
    Ok(input.fill_buf()?.first().copied())
}

fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}
