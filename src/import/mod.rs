//! Text → records: NDJSON, one object a line with `kind`; CSV, one kind a file, known by its header.
//!
//! Pure but for the reader that it is handed. Bad lines are told beside the records, so that the rest can go in.

mod csv;
mod ndjson;

use std::io::BufRead;

use crate::domain::record::Record;
use crate::domain::record::gathered::Gathered;

pub use self::csv::{CsvKind, columns};

/// Bytes of one line at the most; a longer one is refused without being kept in memory.
pub const LINE_BYTES_MAX: usize = 4 << 20;

/// Lines that were read, as many as travel together.
#[derive(Debug, Default)]
pub struct Pack {
    /// How many lines it may have.
    pub most: usize,
    /// How many it has.
    pub lines: u64,
    /// The records among them.
    pub records: Gathered,
    /// The others.
    pub bad: Vec<BadLine>,
}

impl Pack {
    /// An empty one.
    pub fn of(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Takes everything out and keeps the memory.
    pub fn clear(&mut self) {
        self.lines = 0;
        self.records.clear();
        self.bad.clear();
    }
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

/// Whoever takes a pack; gives back the one that is to be filled next, or nothing when it has enough.
pub type Sink<'s> = dyn FnMut(Pack) -> Option<Pack> + 's;

/// Reads lines into packs, `pack` first, and hands on each that is full, and what stands before an error. What the text
/// is, is seen from its first byte: `{` begins NDJSON, anything else a CSV header.
pub fn read(
    input: &mut dyn BufRead,
    kind: Option<CsvKind>,
    pack: Pack,
    sink: &mut Sink<'_>,
) -> Result<(), ImportError> {
    let mut filling = Filling { pack, sink };
    let read = match skip_blank(input).map_err(ImportError::Read)? {
        None => Ok(()),
        Some(b'{') if kind.is_none() => ndjson::read(input, &mut filling),
        Some(_) => csv::read(input, kind, &mut filling),
    };
    if 0 < filling.pack.lines {
        (filling.sink)(filling.pack);
    }
    read
}

/// A pack while it fills. Each line that is added says whether another one is wanted.
struct Filling<'a, 's> {
    pack: Pack,
    sink: &'a mut Sink<'s>,
}

impl Filling<'_, '_> {
    fn good(&mut self, record: Record) -> bool {
        self.pack.records.push(record);
        self.line()
    }

    fn bad(&mut self, line: BadLine) -> bool {
        self.pack.bad.push(line);
        self.line()
    }

    /// A line has been added.
    fn line(&mut self) -> bool {
        self.pack.lines += 1;
        if self.pack.records.len() + self.pack.bad.len() < self.pack.most {
            return true;
        }
        match (self.sink)(std::mem::take(&mut self.pack)) {
            Some(next) => {
                self.pack = next;
                true
            }
            None => false,
        }
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
