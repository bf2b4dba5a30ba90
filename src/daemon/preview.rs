//! The first rows of a report that is not in force yet, so that whoever writes it sees what it will say.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use super::Core;
use super::generate::{GenerateError, Order, write_to};
use super::progress::Progress;
use crate::artifacts::behind::PIECE;
use crate::domain::definition::Definition;
use crate::domain::output::{Compress, CsvDialect, Delimiter, Format};
use crate::domain::period::Period;
use crate::domain::source::Use;

/// More of the file is never looked at.
const BYTES_MAX: usize = 64 << 10;

/// Takes the beginning of a file and then asks for a stop.
struct Beginning<'a> {
    bytes: Vec<u8>,
    rows: usize,
    most: usize,
    progress: &'a Progress,
}

impl Write for Beginning<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        self.rows += bytes.split(|byte| *byte == b'\n').skip(1).count();
        // The header and the rows that are wanted, and one to see that they are whole.
        if self.most + 2 <= self.rows || BYTES_MAX <= self.bytes.len() {
            self.progress.stop.store(true, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What can be shown of a report before it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// Its first rows over the store as it is now.
    Rows(FirstRows),
    /// A vendor makes it, and would have to be asked.
    OfVendor,
    /// Its period lies outside the years that can be told.
    NoPeriod,
}

/// The beginning of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstRows {
    /// The period that it is about.
    pub period: Period,
    /// The columns.
    pub header: Vec<String>,
    /// The first rows.
    pub rows: Vec<Vec<String>>,
}

/// The first rows over the store as it is now, until `progress` ends it. Blocks.
pub fn preview(
    core: &Core,
    definition: &Definition,
    most: usize,
    progress: &Progress,
) -> Result<Preview, GenerateError> {
    if definition.report.by == Use::PassThrough {
        return Ok(Preview::OfVendor);
    }
    let nominal = core.now();
    let report = &definition.report;
    let Ok(period) = report.period.resolve(nominal, &report.zone, report.week_start) else {
        return Ok(Preview::NoPeriod);
    };
    let mut shown = definition.clone();
    shown.destinations.clear();
    shown.checks = crate::domain::checks::Checks::default();
    shown.output.format = Format::Csv;
    shown.output.compress = Compress::None;
    shown.output.csv = CsvDialect { delimiter: Delimiter::Comma, bom: false, ..shown.output.csv };
    let reader = core.store.reader().map_err(|error| GenerateError::Write(io::Error::other(error)))?;
    let order = Order { definition: &shown, period, nominal, target: Path::new("preview") };
    let mut beginning = Beginning { bytes: Vec::new(), rows: 0, most, progress };
    match write_to(reader, order, progress, (&mut beginning, PIECE)) {
        Ok(_) | Err(GenerateError::Stopped) => {}
        Err(error) => return Err(error),
    }
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(&beginning.bytes[..])
        .into_records();
    let cells = |record: csv::StringRecord| record.iter().map(ToOwned::to_owned).collect::<Vec<String>>();
    let header = records.next().and_then(Result::ok).map(cells).unwrap_or_default();
    let rows = records.map_while(Result::ok).map(cells).take(most).collect();
    Ok(Preview::Rows(FirstRows { period, header, rows }))
}
