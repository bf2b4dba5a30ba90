//! Columns as the database has them, told from the chunk's own where they are looked at: nothing is copied.

use rusqlite::Transaction;

use super::super::names::Names;
use super::super::words::code_of;
use crate::domain::batch::NONE;
use crate::domain::record::Word;
use crate::domain::record::column::{Flags, Lists, Numbers, Shared, Words};

/// A column of numbers and codes; [`NONE`] where one is absent.
#[derive(Debug)]
pub(super) enum View<'c> {
    /// As they are, up to the last one that is there.
    Numbers(&'c [i64]),
    /// Codes of texts, and what each of them is in the database.
    Coded(&'c [u32], Vec<i64>),
    /// Put together from several columns.
    Made(Vec<i64>),
}

impl View<'_> {
    /// Whether all are absent.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.is_empty(),
            Self::Coded(codes, _) => codes.is_empty(),
            Self::Made(numbers) => numbers.is_empty(),
        }
    }

    /// The number of a row.
    #[inline]
    pub(super) fn get(&self, row: usize) -> i64 {
        match self {
            Self::Numbers(numbers) => numbers.get(row).copied().unwrap_or(NONE),
            Self::Coded(codes, known) => code(codes, known, row),
            Self::Made(numbers) => numbers.get(row).copied().unwrap_or(NONE),
        }
    }

    /// The number of a row, where there is one.
    pub(super) fn known(&self, row: usize) -> Option<i64> {
        Some(self.get(row)).filter(|number| *number != NONE)
    }

    /// Adds the numbers of some rows to a column.
    pub(super) fn add_to(&self, rows: &[usize], out: &mut Vec<i64>) {
        match self {
            Self::Coded(codes, known) => out.extend(rows.iter().map(|row| code(codes, known, *row))),
            Self::Numbers(_) | Self::Made(_) => out.extend(rows.iter().map(|row| self.get(*row))),
        }
    }
}

fn code(codes: &[u32], known: &[i64], row: usize) -> i64 {
    let code = codes.get(row).and_then(|code| usize::try_from(*code).ok());
    code.and_then(|code| known.get(code)).copied().unwrap_or(NONE)
}

/// Makes views of columns.
pub(super) struct Coder<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) names: &'a mut Names,
    /// How many rows there are.
    pub(super) rows: usize,
}

impl Coder<'_> {
    /// Texts by their codes in the database.
    pub(super) fn term<'c>(&mut self, column: &'c Shared, role: u32) -> rusqlite::Result<View<'c>> {
        coded(column, |text| self.names.term(self.tx, Some(text), role))
    }

    /// Lists of texts by theirs.
    pub(super) fn list<'c>(&mut self, column: &'c Lists, role: u32) -> rusqlite::Result<View<'c>> {
        coded(&column.0, |list| {
            let values: Vec<&str> = Lists::values(list).collect();
            self.names.list(self.tx, &values, role)
        })
    }

    pub(super) fn number<K>(column: &Numbers<K>) -> View<'_> {
        View::Numbers(column.all())
    }

    pub(super) fn word<T: Word>(codes: &[T], column: &Words<T>) -> View<'static> {
        View::Made(column.all().iter().map(|word| code_of(codes, *word).unwrap_or(NONE)).collect())
    }

    /// Yes or no, of every row.
    pub(super) fn flag(&self, column: &Flags) -> View<'static> {
        View::Made((0..self.rows).map(|row| i64::from(column.get(row))).collect())
    }
}

fn coded(
    column: &Shared,
    mut code: impl FnMut(&str) -> rusqlite::Result<Option<i64>>,
) -> rusqlite::Result<View<'_>> {
    // A text that only a line has which turned out to be none is not looked up.
    let mut used = vec![false; column.texts().len() + 1];
    for code in column.codes() {
        if let Some(used) = usize::try_from(*code).ok().and_then(|code| used.get_mut(code)) {
            *used = true;
        }
    }
    let mut known = vec![NONE];
    for (text, used) in column.texts().iter().zip(used.into_iter().skip(1)) {
        known.push(if used { code(text)?.unwrap_or(NONE) } else { NONE });
    }
    Ok(View::Coded(column.codes(), known))
}
