//! One file for each value of a column, written beside the whole one in the same pass.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::cells::CellText;
use super::encode::{Encoder, FileSpec, Rows, Witness, encoder};
use crate::domain::table::Binding;

/// Files at once at the most: each has its own buffer.
const PARTS_MAX: usize = 1_000;

/// Begins the file of a value.
type Begin<'a, W> = dyn FnMut(&str) -> io::Result<W> + 'a;

/// Writes each row into the file of its value.
pub struct Split<'a, W> {
    file: FileSpec<'a>,
    column: usize,
    text: CellText<'a>,
    begin: Box<Begin<'a, W>>,
    parts: BTreeMap<String, Part<'a, W>>,
}

struct Part<'a, W> {
    encoder: Box<dyn Encoder<W> + 'a>,
    rows: u64,
    /// Rows of the batch at hand.
    chosen: Vec<usize>,
}

impl<W> std::fmt::Debug for Split<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Split").field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}

impl<'a, W: Write + Send + 'a> Split<'a, W> {
    /// By the column at this place.
    pub fn new(file: FileSpec<'a>, column: usize, begin: impl FnMut(&str) -> io::Result<W> + 'a) -> Self {
        Self { file, column, text: file.text(), begin: Box::new(begin), parts: BTreeMap::new() }
    }

    /// Ends the files: value, where it was written to, and its rows.
    pub fn finish(self) -> io::Result<Vec<(String, W, u64)>> {
        let end =
            |(value, part): (String, Part<'a, W>)| Ok((value, part.encoder.finish(part.rows)?, part.rows));
        self.parts.into_iter().map(end).collect()
    }
}

impl<'a, W: Write + Send + 'a> Witness for Split<'a, W> {
    fn rows(&mut self, rows: usize, columns: &[Binding<'_>]) -> io::Result<()> {
        let Some(column) = columns.get(self.column) else { return Ok(()) };
        let mut bytes = Vec::new();
        for row in 0..rows {
            bytes.clear();
            self.text.push(&mut bytes, column.cell(row));
            let value = String::from_utf8_lossy(&bytes);
            if let Some(part) = self.parts.get_mut(value.as_ref()) {
                part.chosen.push(row);
                continue;
            }
            if self.parts.len() == PARTS_MAX {
                return Err(io::Error::other(format!(
                    "the column of `split_by` has more than {PARTS_MAX} values; split by another one"
                )));
            }
            let out = (self.begin)(&value)?;
            let part = Part { encoder: encoder(out, &self.file)?, rows: 0, chosen: vec![row] };
            self.parts.insert(value.into_owned(), part);
        }
        for part in self.parts.values_mut().filter(|part| !part.chosen.is_empty()) {
            part.encoder.rows(Rows::Some(&part.chosen), columns)?;
            part.rows += u64::try_from(part.chosen.len()).unwrap_or(0);
            part.chosen.clear();
        }
        Ok(())
    }
}
