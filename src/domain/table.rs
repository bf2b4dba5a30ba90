//! Columns of a report, and how they bind to a batch.
//!
//! A report is a list of column definitions; an encoder binds each column once per batch and then writes cells. A
//! column knows nothing of CSV, an encoder nothing of segments.

use std::borrow::Cow;
use std::cell::Cell;

use super::definition::Report;
use super::record::Millis;
use super::segment::{BLANK, Code, Dictionaries, Dictionary, NONE, SegmentBatch, TextColumn};

/// A column of a report.
#[derive(Debug)]
pub struct Column {
    /// The header's text.
    pub header: &'static str,
    /// What the column means, with unit and zone.
    pub meaning: &'static str,
    /// When it is blank.
    pub blank: &'static str,
    /// Where the rule stands.
    pub source: &'static str,
    /// Binds the column to a batch.
    pub bind: for<'a> fn(&Bind<'a>) -> Binding<'a>,
}

/// What a column binds to.
#[derive(Debug, Clone, Copy)]
pub struct Bind<'a> {
    /// The rows.
    pub batch: &'a SegmentBatch,
    /// What their codes mean.
    pub dictionaries: &'a Dictionaries,
    /// The report's options.
    pub report: &'a Report,
    /// Counts durations that came out negative and were set to zero: the sign of a clock that ran backwards.
    pub clamped: &'a Cell<u64>,
}

/// A column bound to a batch: what an encoder reads cells from.
#[derive(Debug)]
pub enum Binding<'a> {
    /// Text of its own for each row.
    Text(&'a TextColumn, Shown<'a>),
    /// Text by code.
    Code(Cow<'a, [Code]>, &'a Dictionary),
    /// UTC instants, printed in the report's zone; [`NONE`] is blank.
    Instant(Cow<'a, [Millis]>),
    /// Durations, printed in whole seconds, truncated; [`NONE`] is blank.
    Duration(Cow<'a, [Millis]>),
}

/// Which rows of a text column show their text.
#[derive(Debug)]
pub enum Shown<'a> {
    /// Every row.
    All,
    /// Those for which this holds.
    Where(fn(&SegmentBatch, usize) -> bool, &'a SegmentBatch),
}

impl Shown<'_> {
    /// Whether a row shows its text.
    pub fn shows(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::Where(holds, batch) => holds(batch, row),
        }
    }
}

impl<'a> Bind<'a> {
    /// Codes that are blank unless a row passes.
    pub fn codes_where(&self, codes: &'a [Code], holds: fn(&SegmentBatch, usize) -> bool) -> Binding<'a> {
        let shown =
            codes.iter().enumerate().map(|(row, code)| if holds(self.batch, row) { *code } else { BLANK });
        Binding::Code(Cow::Owned(shown.collect()), &self.dictionaries.terms)
    }

    /// Codes as they are.
    pub fn codes(&self, codes: &'a [Code]) -> Binding<'a> {
        Binding::Code(Cow::Borrowed(codes), &self.dictionaries.terms)
    }

    /// A duration computed for each row; a negative one is set to zero and counted.
    pub fn durations(&self, of: impl Fn(usize) -> Option<Millis>) -> Binding<'a> {
        let clamp = |ms: Millis| {
            if ms < 0 {
                self.clamped.set(self.clamped.get() + 1);
            }
            ms.max(0)
        };
        Binding::Duration((0..self.batch.rows).map(|row| of(row).map_or(NONE, clamp)).collect())
    }
}

/// A value of a column that may be absent.
pub fn known(column: &[Millis], row: usize) -> Option<Millis> {
    column.get(row).copied().filter(|value| *value != NONE)
}
