//! The first rows of a file, as text: for mails.

use std::io;

use super::cells::CellText;
use super::encode::{FileSpec, Witness};
use crate::domain::table::Binding;

/// Characters of a cell that are kept.
const CELL_CHARS_MAX: usize = 60;

/// Keeps the first rows that it sees.
#[derive(Debug)]
pub struct FirstRows<'a> {
    text: CellText<'a>,
    wanted: usize,
    rows: Vec<Vec<String>>,
}

impl<'a> FirstRows<'a> {
    /// Keeps so many.
    pub fn new(file: &FileSpec<'a>, wanted: usize) -> Self {
        Self { text: file.text(), wanted, rows: Vec::new() }
    }

    /// The rows.
    pub fn into_rows(self) -> Vec<Vec<String>> {
        self.rows
    }
}

impl Witness for FirstRows<'_> {
    fn rows(&mut self, rows: usize, columns: &[Binding<'_>]) -> io::Result<()> {
        for row in 0..rows.min(self.wanted - self.rows.len()) {
            let mut cells = Vec::with_capacity(columns.len());
            for column in columns {
                let mut bytes = Vec::new();
                self.text.push(&mut bytes, column.cell(row));
                let text = String::from_utf8_lossy(&bytes);
                let short = match text.char_indices().nth(CELL_CHARS_MAX) {
                    None => text.into_owned(),
                    Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
                };
                // A line break in a cell would break the table's row in two.
                cells.push(short.replace(['\r', '\n'], " "));
            }
            self.rows.push(cells);
        }
        Ok(())
    }
}
