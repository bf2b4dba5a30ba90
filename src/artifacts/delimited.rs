//! Rows → delimited text (RFC 4180), through the csv crate.

use std::io::{self, Write};

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::cells::CellText;
use super::encode::{Encoder, FileSpec, Rows};
use crate::domain::output::{CsvDialect, FormulaGuard, LineEnding};
use crate::domain::table::{Binding, Cell};

/// Text is handed to the file in pieces of this size.
const BUFFER: usize = 256 << 10;

/// Writes rows as delimited text.
pub(super) struct Delimited<'a, W: Write> {
    writer: Writer<W>,
    dialect: &'a CsvDialect,
    text: CellText<'a>,
    cell: Vec<u8>,
}

impl<'a, W: Write> Delimited<'a, W> {
    /// Begins the text: byte order mark and header are written even when no row follows.
    pub(super) fn begin(mut out: W, file: &FileSpec<'a>) -> io::Result<Self> {
        let dialect = &file.output.csv;
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
        writer.write_record(file.columns.iter().map(|picked| picked.header.as_bytes()))?;
        Ok(Self { writer, dialect, text: file.text(), cell: Vec::with_capacity(256) })
    }
}

impl<W: Write> Encoder<W> for Delimited<'_, W> {
    fn rows(&mut self, rows: Rows<'_>, columns: &[Binding<'_>]) -> io::Result<()> {
        let guard = self.dialect.formula_guard == FormulaGuard::Text;
        for row in rows {
            for column in columns {
                self.cell.clear();
                match column.cell(row) {
                    Cell::Text(text) | Cell::Id(text) => push_text(&mut self.cell, text, guard),
                    Cell::Digits(text) => {
                        self.cell.push(b'\'');
                        self.cell.extend_from_slice(text.as_bytes());
                    }
                    other @ (Cell::Blank
                    | Cell::Instant(..)
                    | Cell::Duration(..)
                    | Cell::Number(_)
                    | Cell::Hundredths(_)
                    | Cell::Percent(_)
                    | Cell::Double(_)
                    | Cell::Flag(_)) => self.text.push(&mut self.cell, other),
                }
                self.writer.write_field(&self.cell)?;
            }
            self.writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, _: u64) -> io::Result<W> {
        // Dropped, the csv crate's writer would swallow what goes wrong here.
        self.writer.flush()?;
        self.writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A text that begins like a formula gets an apostrophe: spreadsheet programs would compute it (CWE-1236). A negative
/// whole number, such as the skill `-1`, computes to itself.
fn push_text(cell: &mut Vec<u8>, text: &str, guard: bool) {
    let number = text
        .strip_prefix('-')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    if guard && !number && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']) {
        cell.push(b'\'');
    }
    cell.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::push_text;

    #[test]
    fn text_that_begins_like_a_formula_is_guarded() {
        for (text, guarded) in [
            ("=1+1", "'=1+1"),
            ("+1-800", "'+1-800"),
            ("@x", "'@x"),
            ("-1", "-1"),
            ("-1+1", "'-1+1"),
            ("-", "'-"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            let mut cell = Vec::new();
            push_text(&mut cell, text, true);
            assert_eq!(String::from_utf8(cell).unwrap(), guarded);
        }
    }
}
