//! Counts what a job's checks ask of the rows, while they are written.

use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use super::cells::CellText;
use super::encode::{FileSpec, Witness};
use crate::domain::checks::{Checks, Seen};
use crate::domain::record::Millis;
use crate::domain::table::{Binding, Cell};

/// Keys held in memory; more of them are sorted on disk, so that memory does not grow with the report.
const KEYS_MAX: usize = 1 << 20;
const HALF_HOUR_MS: i64 = 1_800_000;

/// Watches the rows of a file for its checks.
#[derive(Debug)]
pub struct Examine<'a> {
    text: CellText<'a>,
    columns: Vec<Watched<'a>>,
    unique: Vec<usize>,
    keys: Keys,
    half_hours: Option<usize>,
    seen: Seen,
}

#[derive(Debug)]
struct Watched<'a> {
    at: usize,
    header: &'a str,
    rule: &'a crate::domain::checks::ColumnRule,
}

impl<'a> Examine<'a> {
    /// Watches for these checks; columns that the file does not have were refused before.
    pub fn new(file: &FileSpec<'a>, checks: &'a Checks) -> Self {
        let at = |header: &str| file.columns.iter().position(|picked| picked.header == header);
        let watched = |(header, rule): (&'a String, _)| Some(Watched { at: at(header)?, header, rule });
        Self {
            text: file.text(),
            columns: checks.columns.iter().filter_map(watched).collect(),
            unique: checks.unique.iter().filter_map(|header| at(header)).collect(),
            keys: Keys::new(file.scratch),
            half_hours: checks.half_hours.as_ref().and_then(|rule| at(&rule.column)),
            seen: Seen::default(),
        }
    }

    /// What was seen.
    pub fn finish(mut self) -> io::Result<Seen> {
        self.seen.repeated_keys = self.keys.repeated()?;
        Ok(self.seen)
    }
}

impl Witness for Examine<'_> {
    fn rows(&mut self, rows: usize, columns: &[Binding<'_>]) -> io::Result<()> {
        let Self { text, columns: watched, unique, keys, half_hours, seen } = self;
        let mut bytes = Vec::new();
        for watched in watched.iter() {
            let Some(column) = columns.get(watched.at) else { continue };
            let broken = seen.broken.entry(watched.header.to_owned()).or_default();
            for row in 0..rows {
                let cell = column.cell(row);
                bytes.clear();
                text.push(&mut bytes, cell);
                let printed = String::from_utf8_lossy(&bytes);
                if let Some(rule) = watched.rule.broken_by(&printed, number(cell)) {
                    let found = broken.entry(rule).or_insert_with(|| (0, printed.into_owned()));
                    found.0 += 1;
                }
            }
        }
        if !unique.is_empty() {
            for row in 0..rows {
                bytes.clear();
                for column in unique.iter().filter_map(|at| columns.get(*at)) {
                    text.push(&mut bytes, column.cell(row));
                    // A separator that no text holds.
                    bytes.push(0xff);
                }
                keys.add(&bytes)?;
            }
        }
        if let Some(column) = half_hours.and_then(|at| columns.get(at)) {
            for row in 0..rows {
                if let Cell::Instant(ms, _) = column.cell(row) {
                    seen.half_hours.insert(ms.div_euclid(HALF_HOUR_MS));
                }
            }
        }
        Ok(())
    }
}

/// A cell as a number: durations in seconds.
fn number(cell: Cell<'_>) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::as_conversions,
        reason = "only compared with a job's bounds"
    )]
    let float = |number: Millis| number as f64;
    match cell {
        Cell::Duration(ms, _) => Some(float(ms) / 1_000.0),
        Cell::Number(number) => Some(float(number)),
        Cell::Hundredths(hundredths) | Cell::Percent(hundredths) => Some(float(hundredths) / 100.0),
        Cell::Double(double) => Some(double),
        Cell::Id(text) | Cell::Digits(text) => text.parse().ok(),
        Cell::Blank | Cell::Text(_) | Cell::Instant(..) | Cell::Flag(_) => None,
    }
}

/// Hashes of keys: sorted runs on disk, merged at the end.
#[derive(Debug)]
struct Keys {
    first: foldhash::quality::FixedState,
    second: foldhash::quality::FixedState,
    held: Vec<u128>,
    runs: Vec<File>,
    scratch: std::path::PathBuf,
}

impl Keys {
    fn new(scratch: &Path) -> Self {
        let state = foldhash::quality::FixedState::with_seed;
        Self {
            first: state(1),
            second: state(2),
            held: Vec::new(),
            runs: Vec::new(),
            scratch: scratch.to_owned(),
        }
    }

    fn add(&mut self, key: &[u8]) -> io::Result<()> {
        // 128 bits: among a billion rows two equal hashes of different keys are not to be expected.
        let half = |state: &foldhash::quality::FixedState| {
            let mut hasher = state.build_hasher();
            hasher.write(key);
            u128::from(hasher.finish())
        };
        self.held.push(half(&self.first) << 64 | half(&self.second));
        if self.held.len() == KEYS_MAX { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        let mut out = BufWriter::new(tempfile::tempfile_in(&self.scratch)?);
        for key in self.held.drain(..) {
            out.write_all(&key.to_le_bytes())?;
        }
        let mut run = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        run.rewind()?;
        self.runs.push(run);
        Ok(())
    }

    /// Rows whose key another row has, too, the first of each not counted.
    fn repeated(mut self) -> io::Result<u64> {
        self.held.sort_unstable();
        let mut runs: Vec<Box<dyn Iterator<Item = io::Result<u128>>>> =
            vec![Box::new(std::mem::take(&mut self.held).into_iter().map(Ok))];
        for run in self.runs {
            let mut run = BufReader::new(run);
            runs.push(Box::new(std::iter::from_fn(move || {
                let mut bytes = [0; 16];
                match run.read_exact(&mut bytes) {
                    Ok(()) => Some(Ok(u128::from_le_bytes(bytes))),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
                    Err(error) => Some(Err(error)),
                }
            })));
        }
        let mut heads: BTreeSet<(u128, usize)> = BTreeSet::new();
        for (at, run) in runs.iter_mut().enumerate() {
            if let Some(key) = run.next() {
                heads.insert((key?, at));
            }
        }
        let (mut repeated, mut last) = (0, None);
        while let Some((key, at)) = heads.pop_first() {
            repeated += u64::from(last == Some(key));
            last = Some(key);
            if let Some(next) = runs.get_mut(at).and_then(Iterator::next) {
                heads.insert((next?, at));
            }
        }
        Ok(repeated)
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn repeated_keys_are_counted_across_what_was_sorted_on_disk() {
        let mut keys = Keys::new(&std::env::temp_dir());
        for n in 0..500_u32 {
            keys.add(&(n % 400).to_le_bytes()).unwrap();
            if n % 170 == 0 {
                keys.spill().unwrap();
            }
        }
        assert_eq!(keys.repeated().unwrap(), 100);
    }
}
