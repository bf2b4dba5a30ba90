//! Batches → delimited text (RFC 4180), through the csv crate.

use std::cell::Cell;
use std::io::{self, Write};

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};
use jiff::Timestamp;

use crate::domain::definition::{CsvDialect, DATE_FORMAT, FormulaGuard, LineEnding, Report};
use crate::domain::record::Millis;
use crate::domain::segment::{Code, Dictionaries, Dictionary, NONE, SegmentBatch};
use crate::domain::table::{Bind, Binding, Column};
use crate::domain::zone::{OffsetCursor, Zone};

/// Text is handed to the file in pieces of this size.
const BUFFER: usize = 256 << 10;

/// Writes a report's rows as delimited text.
pub struct CsvEncoder<'a, W: Write> {
    writer: Writer<W>,
    columns: &'static [Column],
    report: &'a Report,
    dialect: &'a CsvDialect,
    dictionaries: Dictionaries,
    instants: InstantText<'a>,
    rows: u64,
    clamped: Cell<u64>,
}

impl<W: Write> std::fmt::Debug for CsvEncoder<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvEncoder").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<'a, W: Write> CsvEncoder<'a, W> {
    /// Begins the text: byte order mark and header are written even when no row follows.
    pub fn begin(
        mut out: W,
        columns: &'static [Column],
        report: &'a Report,
        dialect: &'a CsvDialect,
    ) -> io::Result<Self> {
        if dialect.bom {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let terminator = match dialect.line_ending {
            LineEnding::Crlf => Terminator::CRLF,
            LineEnding::Lf => Terminator::Any(b'\n'),
        };
        let mut writer = WriterBuilder::new()
            .delimiter(dialect.delimiter.byte())
            .terminator(terminator)
            .quote_style(QuoteStyle::Necessary)
            .buffer_capacity(BUFFER)
            .from_writer(out);
        writer.write_record(columns.iter().map(|column| column.header))?;
        Ok(Self {
            writer,
            columns,
            report,
            dialect,
            dictionaries: Dictionaries::default(),
            instants: InstantText::new(&report.zone, &dialect.date_format),
            rows: 0,
            clamped: Cell::new(0),
        })
    }

    /// Writes a batch. Batches must come in the order they were read in.
    pub fn write(&mut self, batch: &mut SegmentBatch) -> io::Result<()> {
        self.dictionaries.absorb(batch);
        let bind =
            Bind { batch, dictionaries: &self.dictionaries, report: self.report, clamped: &self.clamped };
        let bound: Vec<Binding<'_>> = self.columns.iter().map(|column| (column.bind)(&bind)).collect();
        let guard = self.dialect.formula_guard == FormulaGuard::Text;
        let mut cell = Vec::with_capacity(256);
        for row in 0..batch.rows {
            for column in &bound {
                cell.clear();
                match column {
                    Binding::Text(column, shown) => {
                        if shown.shows(row) {
                            push_text(&mut cell, column.text(row), guard);
                        }
                    }
                    Binding::Code(codes, dictionary) => {
                        push_code(&mut cell, codes.get(row), dictionary, guard);
                    }
                    Binding::Instant(column) => self.instants.push(&mut cell, at(column, row)),
                    Binding::Duration(column) => push_duration(&mut cell, at(column, row)),
                }
                self.writer.write_field(&cell)?;
            }
            self.writer.write_record(None::<&[u8]>)?;
        }
        self.rows += u64::try_from(batch.rows).unwrap_or(0);
        Ok(())
    }

    /// Ends the text: rows, durations that were set to zero, and the file below.
    pub fn finish(mut self) -> io::Result<(u64, u64, W)> {
        // Dropped, the csv crate's writer would swallow what goes wrong here.
        self.writer.flush()?;
        let out = self.writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        Ok((self.rows, self.clamped.get(), out))
    }
}

fn at(column: &[Millis], row: usize) -> Millis {
    column.get(row).copied().unwrap_or(NONE)
}

fn push_code(cell: &mut Vec<u8>, code: Option<&Code>, dictionary: &Dictionary, guard: bool) {
    if let Some(code) = code {
        push_text(cell, dictionary.text(*code), guard);
    }
}

/// A text that begins like a formula gets an apostrophe: spreadsheet programs would compute it (CWE-1236).
fn push_text(cell: &mut Vec<u8>, text: &str, guard: bool) {
    if guard && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']) {
        cell.push(b'\'');
    }
    cell.extend_from_slice(text.as_bytes());
}

/// HH:MM:SS in whole seconds, truncated; hours do not wrap at 24.
fn push_duration(cell: &mut Vec<u8>, ms: Millis) {
    if ms == NONE {
        return;
    }
    let seconds = ms.max(0) / 1_000;
    push_number(cell, seconds / 3_600);
    cell.push(b':');
    push_number(cell, seconds / 60 % 60);
    cell.push(b':');
    push_number(cell, seconds % 60);
}

/// At least two digits.
fn push_number(cell: &mut Vec<u8>, number: i64) {
    if number < 100 {
        let digit = |n: i64| b'0' + u8::try_from(n).unwrap_or(0);
        cell.extend_from_slice(&[digit(number / 10), digit(number % 10)]);
    } else {
        cell.extend_from_slice(number.to_string().as_bytes());
    }
}

const DAY_MS: i64 = 86_400_000;

/// Instants in the report's zone. The default format keeps the text of the last local day.
struct InstantText<'a> {
    zone: &'a Zone,
    format: &'a str,
    offsets: OffsetCursor<'a>,
    day: i64,
    date: Vec<u8>,
}

impl<'a> InstantText<'a> {
    fn new(zone: &'a Zone, format: &'a str) -> Self {
        Self { zone, format, offsets: OffsetCursor::new(zone), day: i64::MIN, date: Vec::new() }
    }

    fn push(&mut self, cell: &mut Vec<u8>, ms: Millis) {
        if ms == NONE {
            return;
        }
        if self.format == DATE_FORMAT {
            self.push_default(cell, ms);
        } else if let Ok(at) = Timestamp::from_millisecond(ms) {
            // The format was checked with the job.
            let text = jiff::fmt::strtime::format(self.format, &self.zone.zoned(at)).unwrap_or_default();
            cell.extend_from_slice(text.as_bytes());
        }
    }

    fn push_default(&mut self, cell: &mut Vec<u8>, ms: Millis) {
        let local = ms + self.offsets.offset_ms(ms);
        let day = local.div_euclid(DAY_MS);
        if day != self.day {
            // A civil date has no offset: the local day counted from 1970 names it.
            let date = Timestamp::from_second(day * 86_400).map(|at| at.strftime("%Y-%m-%d ").to_string());
            self.date = date.unwrap_or_default().into_bytes();
            self.day = day;
        }
        cell.extend_from_slice(&self.date);
        let seconds = local.rem_euclid(DAY_MS) / 1_000;
        push_number(cell, seconds / 3_600);
        cell.push(b':');
        push_number(cell, seconds / 60 % 60);
        cell.push(b':');
        push_number(cell, seconds % 60);
    }
}

#[cfg(test)]
mod tests {
    use super::{push_duration, push_text};
    use crate::domain::segment::NONE;

    fn duration(ms: i64) -> String {
        let mut cell = Vec::new();
        push_duration(&mut cell, ms);
        String::from_utf8(cell).unwrap()
    }

    #[test]
    fn durations_truncate_and_never_wrap() {
        let texts = [0, 999, 59_999, 3_600_000, 90_061_000, 1_162_883_000, NONE].map(duration);
        assert_eq!(texts, ["00:00:00", "00:00:00", "00:00:59", "01:00:00", "25:01:01", "323:01:23", ""]);
    }

    #[test]
    fn text_that_begins_like_a_formula_is_guarded() {
        for (text, guarded) in
            [("=1+1", "'=1+1"), ("+1-800", "'+1-800"), ("@x", "'@x"), ("a=b", "a=b"), ("", "")]
        {
            let mut cell = Vec::new();
            push_text(&mut cell, text, true);
            assert_eq!(String::from_utf8(cell).unwrap(), guarded);
        }
    }
}
