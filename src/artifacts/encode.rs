//! Batches → a file, whatever its format: columns are bound once per batch, and one encoder writes the cells.
//!
//! A format is one encoder here; it knows columns and cells, and nothing of reports.

use std::cell::Cell as Counter;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;

use super::cells::CellText;
use super::delimited::Delimited;
use super::json::{Json, JsonLines};
use super::xlsx::Xlsx;
use super::xml::Xml;
use crate::domain::batch::{Batch, Dictionaries};
use crate::domain::output::{Format, Output};
use crate::domain::period::Period;
use crate::domain::record::Millis;
use crate::domain::report::Report;
use crate::domain::table::{Bind, Binding, Picked};

/// What a file is made of.
#[derive(Debug, Clone, Copy)]
pub struct FileSpec<'a> {
    /// Its columns.
    pub columns: &'a [Picked],
    /// The report.
    pub report: &'a Report,
    /// How it looks.
    pub output: &'a Output,
    /// The period of data.
    pub period: Period,
    /// The nominal instant: the time inside of formats that have one, so that the same occurrence gives the same bytes.
    pub nominal: Timestamp,
    /// A folder for what a format must put aside while it is written.
    pub scratch: &'a Path,
}

impl<'a> FileSpec<'a> {
    pub(super) fn text(&self) -> CellText<'a> {
        CellText::new(&self.report.zone, &self.output.date_format)
    }
}

/// Rows of a batch: all of them, or some in their order.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// So many, from the first on.
    All(usize),
    /// These.
    Some(&'a [usize]),
}

impl<'a> IntoIterator for Rows<'a> {
    type Item = usize;
    type IntoIter = std::iter::Chain<std::ops::Range<usize>, std::iter::Copied<std::slice::Iter<'a, usize>>>;

    fn into_iter(self) -> Self::IntoIter {
        let (all, some) = match self {
            Self::All(rows) => (0..rows, &[][..]),
            Self::Some(rows) => (0..0, rows),
        };
        all.chain(some.iter().copied())
    }
}

/// Sees the cells of a report on their way into the file.
pub trait Witness {
    /// The rows of a batch, in the columns of the file.
    fn rows(&mut self, rows: usize, columns: &[Binding<'_>]) -> io::Result<()>;
}

/// Writes rows in one format.
pub(super) trait Encoder<W> {
    /// Writes rows of a batch.
    fn rows(&mut self, rows: Rows<'_>, columns: &[Binding<'_>]) -> io::Result<()>;

    /// Ends the file; `fit` is how many rows there were before limit and offset.
    fn finish(self: Box<Self>, fit: u64) -> io::Result<W>;
}

/// Writes a report's rows.
pub struct ReportWriter<'a, W> {
    encoder: Box<dyn Encoder<W> + 'a>,
    file: FileSpec<'a>,
    dictionaries: Dictionaries,
    rows: u64,
    clamped: Counter<u64>,
}

impl<W> std::fmt::Debug for ReportWriter<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReportWriter").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// The encoder of a file's format.
pub(super) fn encoder<'a, W: Write + Send + 'a>(
    out: W,
    file: &FileSpec<'a>,
) -> io::Result<Box<dyn Encoder<W> + 'a>> {
    Ok(match file.output.format {
        Format::Csv | Format::Tsv => Box::new(Delimited::begin(out, file)),
        Format::Json => Box::new(Json::begin(out, file)?),
        Format::Jsonl => Box::new(JsonLines::begin(out, file)?),
        Format::Xml => Box::new(Xml::begin(out, file)?),
        Format::Xlsx => Box::new(Xlsx::begin(out, file)?),
    })
}

/// What was written.
#[derive(Debug)]
pub struct Written<W> {
    /// Where to.
    pub out: W,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Durations that came out negative and were set to zero.
    pub clamped: u64,
}

impl<'a, W: Write + Send + 'a> ReportWriter<'a, W> {
    /// Begins the file.
    pub fn begin(out: W, file: FileSpec<'a>) -> io::Result<Self> {
        let encoder = encoder(out, &file)?;
        Ok(Self { encoder, file, dictionaries: Dictionaries::default(), rows: 0, clamped: Counter::new(0) })
    }

    /// Writes a batch, before the eyes of witnesses. Batches must come in the order they were read in.
    pub fn write(&mut self, batch: &mut Batch, witnesses: &mut [&mut (dyn Witness + '_)]) -> io::Result<()> {
        self.dictionaries.absorb(batch);
        let nominal_ms: Millis = self.file.nominal.as_millisecond();
        let bind = Bind {
            batch,
            dictionaries: &self.dictionaries,
            report: self.file.report,
            nominal_ms,
            clamped: &self.clamped,
            asked: None,
        };
        let bound: Vec<Binding<'_>> =
            self.file.columns.iter().map(|picked| (picked.column.bind)(&bind)).collect();
        self.encoder.rows(Rows::All(batch.rows), &bound)?;
        for witness in witnesses {
            witness.rows(batch.rows, &bound)?;
        }
        self.rows += u64::try_from(batch.rows).unwrap_or(0);
        Ok(())
    }

    /// Ends the file; `fit` is how many rows there were before limit and offset.
    pub fn finish(self, fit: u64) -> io::Result<Written<W>> {
        let out = self.encoder.finish(fit)?;
        Ok(Written { out, rows: self.rows, clamped: self.clamped.get() })
    }
}
