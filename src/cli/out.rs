//! What commands print: tables for people, JSON for programs.

use std::io::{IsTerminal, Write};

/// Prints a line to standard output.
macro_rules! say {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        writeln!(std::io::stdout().lock(), $($part)*)
    }};
}
pub(super) use say;

/// Prints a value as JSON.
pub(super) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Prints rows under headers, each column as wide as its widest cell.
pub(super) fn table(headers: &[&str], rows: &[Vec<String>]) -> std::io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(headers.get(column).map(|header| header.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headers.len()).map(width).collect();
    let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
    let mut out = std::io::stdout().lock();
    for row in std::iter::once(&headers).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(cell.chars().count()) + 2));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Whether standard error shows colours and moving lines.
pub(super) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// A line on standard error that is written over while work goes on; without a terminal nothing is shown.
#[derive(Debug)]
pub(super) struct StatusLine {
    shown: bool,
}

impl StatusLine {
    pub(super) fn new() -> Self {
        Self { shown: is_terminal() }
    }

    pub(super) fn show(&self, text: &str) {
        if self.shown {
            drop(write!(std::io::stderr(), "\r\x1b[2K{text}"));
        }
    }

    pub(super) fn clear(&self) {
        self.show("");
    }
}
