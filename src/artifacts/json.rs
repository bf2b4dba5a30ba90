//! Rows → JSON: one document, or an object a line.
//!
//! Instants, durations, decimals and percentages are the texts of the other formats; counts are numbers, and so are ids
//! that a vendor documents as numbers. A cell without a value is null, a text that is blank is `""`.

use std::io::{self, BufWriter, Write};

use super::cells::CellText;
use super::encode::{Encoder, FileSpec, Rows};
use crate::domain::report::{Envelope, Frame};
use crate::domain::table::{Binding, Cell, DurationStyle, Picked};

/// Text is handed to the file in pieces of this size.
const BUFFER: usize = 256 << 10;

/// Digits of an id that JSON shows as a number, at the most: what fits every reader's long.
const NUMBER_DIGITS: usize = 18;

/// Writes objects.
struct Objects<'a, W: Write> {
    out: BufWriter<W>,
    /// `"key":` of each column.
    keys: Vec<Vec<u8>>,
    columns: &'a [Picked],
    text: CellText<'a>,
    cell: Vec<u8>,
}

impl<'a, W: Write> Objects<'a, W> {
    fn new(out: W, file: &FileSpec<'a>) -> io::Result<Self> {
        let key = |picked: &Picked| {
            let mut key = serde_json::to_vec(&picked.header)?;
            key.push(b':');
            Ok(key)
        };
        Ok(Self {
            out: BufWriter::with_capacity(BUFFER, out),
            keys: file.columns.iter().map(key).collect::<io::Result<_>>()?,
            columns: file.columns,
            text: file.text(),
            cell: Vec::with_capacity(256),
        })
    }

    fn object(&mut self, row: usize, columns: &[Binding<'_>]) -> io::Result<()> {
        self.out.write_all(b"{")?;
        let mut first = true;
        for ((binding, key), picked) in columns.iter().zip(&self.keys).zip(self.columns) {
            let cell = binding.cell(row);
            if picked.omit_blank && matches!(cell, Cell::Blank | Cell::Text("") | Cell::Id("")) {
                continue;
            }
            if !first {
                self.out.write_all(b",")?;
            }
            first = false;
            self.out.write_all(key)?;
            match cell {
                Cell::Blank | Cell::Id("") => self.out.write_all(b"null")?,
                Cell::Id(id) if is_number(id) => self.out.write_all(id.as_bytes())?,
                Cell::Text(text) | Cell::Id(text) | Cell::Digits(text) => {
                    serde_json::to_writer(&mut self.out, text)?;
                }
                Cell::Number(_)
                | Cell::Double(_)
                | Cell::Flag(_)
                | Cell::Duration(_, DurationStyle::Seconds) => {
                    self.cell.clear();
                    self.text.push(&mut self.cell, cell);
                    self.out.write_all(&self.cell)?;
                }
                Cell::Instant(..) | Cell::Duration(..) | Cell::Hundredths(_) | Cell::Percent(_) => {
                    self.cell.clear();
                    self.text.push(&mut self.cell, cell);
                    // A date format may hold anything, so this goes through the encoder, too.
                    let text = std::str::from_utf8(&self.cell).map_err(io::Error::other)?;
                    serde_json::to_writer(&mut self.out, text)?;
                }
            }
        }
        self.out.write_all(b"}")
    }

    fn into_inner(self) -> io::Result<W> {
        self.out.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// Whether an id is digits that a reader takes for the same number.
fn is_number(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= NUMBER_DIGITS
        && id.bytes().all(|byte| byte.is_ascii_digit())
        && (id == "0" || !id.starts_with('0'))
}

/// One document: a list of objects, a row a line; or what a vendor documents.
pub(super) struct Json<'a, W: Write> {
    objects: Objects<'a, W>,
    envelope: Option<Envelope>,
    frame: Frame<'a>,
    any: bool,
}

impl<'a, W: Write> Json<'a, W> {
    pub(super) fn begin(out: W, file: &FileSpec<'a>) -> io::Result<Self> {
        let frame = Frame { report: file.report, period: file.period };
        let envelope = file.report.kind.envelope.map(|envelope| envelope(&frame));
        let mut objects = Objects::new(out, file)?;
        objects.out.write_all(envelope.as_ref().map_or("[", |envelope| &envelope.before).as_bytes())?;
        Ok(Self { objects, envelope, frame, any: false })
    }
}

impl<W: Write> Encoder<W> for Json<'_, W> {
    fn rows(&mut self, rows: Rows<'_>, columns: &[Binding<'_>]) -> io::Result<()> {
        for row in rows {
            if self.any {
                self.objects.out.write_all(b",")?;
            }
            self.any = true;
            if self.envelope.is_none() {
                self.objects.out.write_all(b"\n")?;
            }
            self.objects.object(row, columns)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, fit: u64) -> io::Result<W> {
        match &self.envelope {
            Some(envelope) => {
                let after = (envelope.after)(&self.frame, fit);
                self.objects.out.write_all(format!("{after}\n").as_bytes())?;
            }
            None => self.objects.out.write_all(b"\n]\n")?,
        }
        self.objects.into_inner()
    }
}

/// One object a line.
pub(super) struct JsonLines<'a, W: Write>(Objects<'a, W>);

impl<'a, W: Write> JsonLines<'a, W> {
    pub(super) fn begin(out: W, file: &FileSpec<'a>) -> io::Result<Self> {
        Ok(Self(Objects::new(out, file)?))
    }
}

impl<W: Write> Encoder<W> for JsonLines<'_, W> {
    fn rows(&mut self, rows: Rows<'_>, columns: &[Binding<'_>]) -> io::Result<()> {
        for row in rows {
            self.0.object(row, columns)?;
            self.0.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: u64) -> io::Result<W> {
        self.0.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn ids_are_numbers_only_when_every_reader_gets_the_same_digits() {
        for (id, number) in [("0", true), ("1974446030", true), ("007", false), ("", false), ("-1", false)] {
            assert_eq!(is_number(id), number, "{id}");
        }
        assert!(!is_number("2020082616371234567890"), "longer than a long");
    }
}
