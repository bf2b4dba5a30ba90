//! Files that somebody else wrote: validated before they are believed, kept as they are or put into another format.
//!
//! Delimited text is read once, on its way to the disk: the header must be a known one, every row must have its number of
//! cells, and the end must be an end. Only what a job asks for beyond the file itself (checks, first rows, files by
//! recipient, another format) makes cells of it.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::rc::Rc;

use quick_xml::events::Event;

use super::encode::{Encoder, FileSpec, Rows, Witness, Written, encoder};
use crate::domain::batch::{BATCH_ROWS, TextColumn};
use crate::domain::table::Binding;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;
/// A row is shorter than this, and what is read ahead.
const ROW_BYTES_MAX: usize = 4 << 20;
const OPEN_QUOTE: &str = "a quote is opened and never closed";
const ENDLESS: &str = "a row has no end: a quote is opened and never closed";
/// A header that is none is told up to here.
pub const TOLD_CHARS: usize = 160;

/// Why a file is not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PassedError {
    /// It is not what is documented.
    #[error("{0}")]
    Malformed(String),
    /// It could not be read to its end, or not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// How the text comes.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Between two cells.
    pub delimiter: u8,
    /// Whether the end of the text can be told from its being cut off; else its last row must end with a line break.
    pub ends_by_length: bool,
}

/// Looks at some rows, and says what is wrong with one.
pub type LookAt<'a> = &'a dyn Fn(&csv::ByteRecord) -> Result<(), String>;

/// The first rows, and after them each of so many, are looked at.
const LOOKED_AT: (u64, u64) = (64, 1_024);

/// Sees each row's cells.
pub type SeeCells<'a> = &'a mut dyn FnMut(&csv::ByteRecord) -> io::Result<()>;

/// What copies bytes on their way.
struct Tee<R, W> {
    input: R,
    out: Option<W>,
    last: u8,
    /// Bytes since the last row or tag ended: a quote that is never closed makes one of everything.
    since: Rc<Cell<usize>>,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if ROW_BYTES_MAX < self.since.get() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, ENDLESS));
        }
        let read = self.input.read(buffer)?;
        self.since.set(self.since.get() + read);
        if let Some(bytes) = buffer.get(..read) {
            if let Some(out) = &mut self.out {
                out.write_all(bytes)?;
            }
            self.last = bytes.last().copied().unwrap_or(self.last);
        }
        Ok(read)
    }
}

/// Delimited text whose header has been read.
pub struct PassedText<R, W> {
    reader: csv::Reader<Tee<BufReader<R>, W>>,
    header: csv::ByteRecord,
    dialect: Dialect,
    since: Rc<Cell<usize>>,
}

impl<R, W> std::fmt::Debug for PassedText<R, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PassedText").field("header", &self.header).finish_non_exhaustive()
    }
}

impl<R: Read, W: Write> PassedText<R, W> {
    /// Reads up to the end of the header. `out` gets every byte as it comes.
    pub fn begin(input: BufReader<R>, out: Option<W>, dialect: Dialect) -> Result<Self, PassedError> {
        let since = Rc::new(Cell::new(0));
        let tee = Tee { input, out, last: b'\n', since: since.clone() };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(dialect.delimiter)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(tee);
        let header = reader.byte_headers().map_err(read_error)?.clone();
        if header.is_empty() {
            let words = "the answer is empty: not even a header, so it is no report without rows";
            return Err(PassedError::Malformed(words.to_owned()));
        }
        Ok(Self { reader, header, dialect, since })
    }

    /// The header's names.
    pub fn names(&self) -> Vec<String> {
        // The csv reader leaves a byte order mark before the first name, and with it the name's quotes.
        let name = |cell: &[u8]| {
            let text = String::from_utf8_lossy(cell);
            let text = text.trim();
            text.strip_prefix('\u{feff}').map_or(text, |text| text.trim_matches('"')).to_owned()
        };
        self.header.iter().map(name).collect()
    }

    /// Which of several headers it is.
    pub fn known(&self, known: &[Vec<&str>]) -> Result<usize, PassedError> {
        let found = self.names();
        known.iter().position(|names| found == *names).ok_or_else(|| {
            let names = known.first().map(Vec::as_slice).unwrap_or_default();
            let at = names.iter().zip(&found).position(|(name, found)| name != found);
            let at = at.unwrap_or(names.len().min(found.len()));
            let text: String = found.join(",").chars().take(TOLD_CHARS).collect();
            PassedError::Malformed(format!(
                "the header is not the report's: column {} is `{}` instead of `{}`; it begins `{text}`",
                at + 1,
                found.get(at).map_or("missing", String::as_str),
                names.get(at).unwrap_or(&"nothing")
            ))
        })
    }

    /// Reads the rows to the end; `cells` sees them where somebody wants to.
    pub fn rows(
        mut self,
        mut cells: Option<SeeCells<'_>>,
        look_at: LookAt<'_>,
        seen: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(Option<W>, u64), PassedError> {
        let width = self.header.len();
        let (mut record, mut rows, mut record_open) = (csv::ByteRecord::new(), 0_u64, false);
        while self.reader.read_byte_record(&mut record).map_err(read_error)? {
            rows += 1;
            self.since.set(0);
            // Rows, not lines: a cell may hold line breaks.
            let broken = |what: String| PassedError::Malformed(format!("row {rows}: {what}"));
            if record.len() != width {
                return Err(broken(format!("{} cells under a header of {width}", record.len())));
            }
            if std::str::from_utf8(record.as_slice()).is_err() {
                return Err(broken("it is not UTF-8".to_owned()));
            }
            let last = record.len().checked_sub(1).and_then(|at| record.get(at));
            record_open = last.is_some_and(|cell| cell.ends_with(b"\n"));
            let (first, each) = LOOKED_AT;
            if rows <= first || rows.is_multiple_of(each) {
                look_at(&record).map_err(broken)?;
            }
            if let Some(cells) = &mut cells {
                cells(&record)?;
            }
            if rows.is_multiple_of(4_096) && !seen(4_096) {
                return Err(PassedError::Io(io::Error::other("stopped")));
            }
        }
        // The text ended inside of quotes: the last cell took its line break in.
        if 0 < rows && record_open {
            return Err(PassedError::Malformed(OPEN_QUOTE.to_owned()));
        }
        let tee = self.reader.into_inner();
        if !self.dialect.ends_by_length && tee.last != b'\n' {
            let words = "the answer ends inside of a row, and its length was not told: it may have been cut";
            return Err(PassedError::Malformed(words.to_owned()));
        }
        Ok((tee.out, rows))
    }
}

fn read_error(error: csv::Error) -> PassedError {
    let text = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() {
        return read_failure(error);
    }
    PassedError::Malformed(text)
}

fn read_failure(error: io::Error) -> PassedError {
    let endless = error.kind() == io::ErrorKind::InvalidData;
    if endless { PassedError::Malformed(ENDLESS.to_owned()) } else { PassedError::Io(error) }
}

/// Rows of text, a batch at a time, into a file and before the eyes of witnesses.
pub struct TextRows<'a, W> {
    encoder: Option<Box<dyn Encoder<W> + 'a>>,
    columns: Vec<TextColumn>,
    rows: usize,
    written: u64,
}

impl<W> std::fmt::Debug for TextRows<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextRows").field("written", &self.written).finish_non_exhaustive()
    }
}

impl<'a, W: Write + Send + 'a> TextRows<'a, W> {
    /// Into a file of the format that `file` says, or for witnesses only where there is no `out`.
    pub fn begin(out: Option<W>, file: &FileSpec<'a>) -> io::Result<Self> {
        let encoder = out.map(|out| encoder(out, file)).transpose()?;
        Ok(Self { encoder, columns: vec![TextColumn::default(); file.columns.len()], rows: 0, written: 0 })
    }

    /// Adds a row.
    pub fn push<'t>(
        &mut self,
        cells: impl Iterator<Item = &'t str>,
        witnesses: &mut [&mut (dyn Witness + '_)],
    ) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        self.rows += 1;
        if BATCH_ROWS <= self.rows { self.flush(witnesses) } else { Ok(()) }
    }

    fn flush(&mut self, witnesses: &mut [&mut (dyn Witness + '_)]) -> io::Result<()> {
        let columns = std::mem::take(&mut self.columns);
        let bound: Vec<Binding<'_>> =
            columns.iter().map(|column| Binding::Text(Some(column), None)).collect();
        if let Some(encoder) = &mut self.encoder {
            encoder.rows(Rows::All(self.rows), &bound)?;
        }
        for witness in witnesses {
            witness.rows(self.rows, &bound)?;
        }
        drop(bound);
        self.columns = vec![TextColumn::default(); columns.len()];
        self.written += u64::try_from(self.rows).unwrap_or(0);
        self.rows = 0;
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self, witnesses: &mut [&mut (dyn Witness + '_)]) -> io::Result<Option<Written<W>>> {
        if 0 < self.rows {
            self.flush(witnesses)?;
        }
        let rows = self.written;
        let out = self.encoder.map(|encoder| encoder.finish(rows)).transpose()?;
        Ok(out.map(|out| Written { out, rows, clamped: 0 }))
    }
}

/// XML that somebody else wrote, kept as it is: well-formed to its end, with rows directly below its root, each of `width`
/// fields, as elements or attributes. Without a row nothing shows that it is the report.
pub fn xml<R: Read, W: Write>(input: BufReader<R>, out: W, width: usize) -> Result<(W, u64), PassedError> {
    let since = Rc::new(Cell::new(0));
    let tee = Tee { input, out: Some(out), last: b'\n', since: since.clone() };
    let mut reader = quick_xml::Reader::from_reader(BufReader::with_capacity(BUFFER, tee));
    let (mut depth, mut rows, mut roots, mut fields, mut buffer) = (0_u64, 0_u64, 0_u64, 0, Vec::new());
    let narrow = |row: u64, fields: usize| {
        (fields != width)
            .then(|| PassedError::Malformed(format!("row {row} has {fields} fields, the report {width}")))
    };
    loop {
        let event = reader.read_event_into(&mut buffer);
        since.set(0);
        match event {
            Err(quick_xml::Error::Io(error)) => {
                let shared = |error: std::sync::Arc<io::Error>| io::Error::new(error.kind(), error);
                return Err(read_failure(std::sync::Arc::try_unwrap(error).unwrap_or_else(shared)));
            }
            Err(error) => return Err(PassedError::Malformed(format!("the answer is not XML: {error}"))),
            Ok(Event::Start(ref row) | Event::Empty(ref row)) if depth == 1 => {
                rows += 1;
                fields = row.attributes().count();
                let alone = matches!(event, Ok(Event::Empty(_)));
                if let Some(error) = narrow(rows, fields).filter(|_| alone) {
                    return Err(error);
                }
            }
            Ok(Event::Start(_) | Event::Empty(_)) if depth == 2 => fields += 1,
            Ok(Event::End(_)) if depth == 2 => {
                if let Some(error) = narrow(rows, fields) {
                    return Err(error);
                }
            }
            _ => {}
        }
        match event {
            Ok(Event::Start(_)) => {
                roots += u64::from(depth == 0);
                depth += 1;
            }
            Ok(Event::Empty(_)) => roots += u64::from(depth == 0),
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) if depth == 0 && roots == 1 && rows == 0 => {
                return Err(PassedError::Malformed(
                    "the XML has no row that would show what it is".to_owned(),
                ));
            }
            Ok(Event::Eof) if depth == 0 && roots == 1 => {
                let out = reader.into_inner().into_inner().out;
                let gone = || PassedError::Malformed("the file is gone".to_owned());
                return Ok((out.ok_or_else(gone)?, rows));
            }
            Ok(Event::Eof) => {
                return Err(PassedError::Malformed("the answer ends inside of its XML".to_owned()));
            }
            _ => {}
        }
        buffer.clear();
    }
}

/// A reader whose first byte can be seen.
pub fn buffered<R: Read>(input: R) -> BufReader<R> {
    BufReader::with_capacity(BUFFER, input)
}

/// The first byte that is no blank and no byte order mark, without taking it.
pub fn first_byte<R: Read>(input: &mut BufReader<R>) -> io::Result<Option<u8>> {
    let bytes = input.fill_buf()?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Ok(bytes.iter().find(|byte| !byte.is_ascii_whitespace()).copied())
}
