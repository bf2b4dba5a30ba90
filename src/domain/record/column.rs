//! One field of many segments: values one behind the other, in the form that is the cheapest to look at.
//!
//! A column ends with the last row that has a value; a field that nobody uses costs nothing. Each kind takes a cell as a
//! CSV has it, a value as JSON has it or one as a record has it, and says no to what a record would not take, and to what
//! it could not give back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::marker::PhantomData;

use foldhash::fast::RandomState;

use super::words::{Span, Word};
use super::{Millis, Text};
use crate::domain::batch::NONE;
use crate::domain::instant::{in_range, parse_instant};

/// A value as JSON has it.
#[derive(Debug, Clone, Copy)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// A text.
    Text(&'a str),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
    /// A list of texts.
    Texts(&'a [Cow<'a, str>]),
}

/// A column that is filled row by row.
pub trait Column: Default {
    /// What a record has in this field.
    type Value;

    /// Takes the cell of a row, which is not empty.
    fn cell(&mut self, row: usize, cell: &str) -> bool;

    /// Takes the value that a row has in JSON.
    fn json(&mut self, row: usize, value: Json<'_>) -> bool;

    /// Takes a record's value.
    fn put(&mut self, row: usize, value: &Self::Value) -> bool;

    /// Whether a row says anything here.
    fn has(&self, row: usize) -> bool;

    /// The value of a row, as a record has it.
    fn value(&self, row: usize) -> Self::Value;

    /// Forgets all rows from this one on.
    fn truncate(&mut self, rows: usize);
}

/// Numbers; [`NONE`] or nothing where one is absent.
#[derive(Debug)]
pub struct Numbers<K>(Vec<i64>, PhantomData<K>);

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self(Vec::new(), PhantomData)
    }
}

/// Which numbers there can be, and how they are written.
pub trait Number {
    /// The number, if there can be such a one.
    fn check(number: i64) -> Option<i64>;

    /// The number that a cell is.
    fn of_cell(cell: &str) -> Option<i64> {
        cell.parse().ok().and_then(Self::check)
    }

    /// The number that a text of JSON is; only instants may be texts there.
    fn of_text(_: &str) -> Option<i64> {
        None
    }
}

/// Instants in UTC milliseconds.
#[derive(Debug)]
pub struct Instant;
/// Durations in milliseconds, which are not negative.
#[derive(Debug)]
pub struct Duration;
/// Numbers that count from 1 on.
#[derive(Debug)]
pub struct Ordinal;

impl Number for Instant {
    fn check(number: i64) -> Option<i64> {
        in_range(number).ok()
    }

    fn of_cell(cell: &str) -> Option<i64> {
        parse_instant(cell).ok()
    }

    fn of_text(text: &str) -> Option<i64> {
        parse_instant(text).ok()
    }
}

impl Number for Duration {
    fn check(number: i64) -> Option<i64> {
        (0 <= number).then_some(number)
    }
}

impl Number for Ordinal {
    fn check(number: i64) -> Option<i64> {
        (1 <= number).then_some(number)
    }
}

impl<K> Numbers<K> {
    /// All of them, up to the last one that is there.
    pub fn all(&self) -> &[i64] {
        &self.0
    }

    /// The number of a row.
    pub fn get(&self, row: usize) -> Option<i64> {
        self.0.get(row).copied().filter(|number| *number != NONE)
    }

    fn add(&mut self, row: usize, number: i64) {
        self.0.resize(row, NONE);
        self.0.push(number);
    }
}

impl<K: Number> Column for Numbers<K> {
    type Value = Option<Millis>;

    fn cell(&mut self, row: usize, cell: &str) -> bool {
        K::of_cell(cell).is_some_and(|number| self.put(row, &Some(number)))
    }

    fn json(&mut self, row: usize, value: Json<'_>) -> bool {
        let number = match value {
            Json::Null => return true,
            Json::Number(number) => K::check(number),
            Json::Text(text) => K::of_text(text),
            Json::Flag(_) | Json::Texts(_) => None,
        };
        number.is_some_and(|number| self.put(row, &Some(number)))
    }

    fn put(&mut self, row: usize, value: &Self::Value) -> bool {
        if let Some(number) = value {
            self.add(row, *number);
        }
        *value != Some(NONE)
    }

    fn has(&self, row: usize) -> bool {
        self.get(row).is_some()
    }

    fn value(&self, row: usize) -> Self::Value {
        self.get(row)
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }
}

/// Words of a choice.
#[derive(Debug)]
pub struct Words<T>(Vec<Option<T>>);

impl<T> Default for Words<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Word> Words<T> {
    /// The word of a row.
    pub fn get(&self, row: usize) -> Option<T> {
        self.0.get(row).copied().flatten()
    }

    /// All of them, up to the last one that is there.
    pub fn all(&self) -> &[Option<T>] {
        &self.0
    }

    fn add(&mut self, row: usize, word: T) {
        self.0.resize(row, None);
        self.0.push(Some(word));
    }
}

impl<T: Word> Column for Words<T> {
    type Value = Option<T>;

    fn cell(&mut self, row: usize, cell: &str) -> bool {
        T::of(cell).is_some_and(|word| self.put(row, &Some(word)))
    }

    fn json(&mut self, row: usize, value: Json<'_>) -> bool {
        match value {
            Json::Null => true,
            // Only as it is written; what else JSON may have for it is seen to elsewhere.
            Json::Text(text) => {
                let word = T::WORDS.iter().find(|(word, _)| *word == text);
                word.is_some_and(|(_, word)| self.put(row, &Some(*word)))
            }
            Json::Number(_) | Json::Flag(_) | Json::Texts(_) => false,
        }
    }

    fn put(&mut self, row: usize, value: &Self::Value) -> bool {
        if let Some(word) = value {
            self.add(row, *word);
        }
        true
    }

    fn has(&self, row: usize) -> bool {
        self.get(row).is_some()
    }

    fn value(&self, row: usize) -> Self::Value {
        self.get(row)
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }
}

/// Yes or no; no where nothing was said.
#[derive(Debug, Default)]
pub struct Flags(Words<bool>);

impl Flags {
    /// The flag of a row.
    pub fn get(&self, row: usize) -> bool {
        self.0.get(row).unwrap_or_default()
    }
}

impl Column for Flags {
    type Value = bool;

    fn cell(&mut self, row: usize, cell: &str) -> bool {
        self.0.cell(row, cell)
    }

    fn json(&mut self, row: usize, value: Json<'_>) -> bool {
        if let Json::Flag(flag) = value { self.put(row, &flag) } else { false }
    }

    fn put(&mut self, row: usize, value: &bool) -> bool {
        self.0.put(row, &value.then_some(true))
    }

    fn has(&self, row: usize) -> bool {
        self.get(row)
    }

    fn value(&self, row: usize) -> bool {
        self.get(row)
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }
}

/// Takes a text, unless it is the empty one: a column would give that back as none.
fn said(column: &mut impl Column, row: usize, text: &str) -> bool {
    !text.is_empty() && column.cell(row, text)
}

/// Takes a text that may be absent, as JSON has it.
fn json_text(column: &mut impl Column, row: usize, value: Json<'_>) -> bool {
    match value {
        Json::Null => true,
        Json::Text(text) => said(column, row, text),
        Json::Number(_) | Json::Flag(_) | Json::Texts(_) => false,
    }
}

/// Texts that rows share: each of them once, and their codes.
#[derive(Debug, Default)]
pub struct Shared {
    /// 0 where there is none.
    codes: Vec<u32>,
    /// The text of code 1 first.
    texts: Vec<Text>,
    index: HashMap<Text, u32, RandomState>,
}

impl Shared {
    /// The codes of rows, counted from 1 on and 0 where there is none, up to the last one that is there.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The texts in the order of their codes. A text may be here that no row has any more.
    pub fn texts(&self) -> &[Text] {
        &self.texts
    }

    /// The code of a row.
    pub fn code(&self, row: usize) -> u32 {
        self.codes.get(row).copied().unwrap_or(0)
    }

    /// The text of a row.
    pub fn get(&self, row: usize) -> Option<&Text> {
        let before = self.code(row).checked_sub(1)?;
        self.texts.get(usize::try_from(before).ok()?)
    }

    fn add(&mut self, row: usize, text: &str) {
        let code = if let Some(known) = self.index.get(text) {
            *known
        } else {
            let text = Text::from(text);
            self.texts.push(text.clone());
            let code = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
            self.index.insert(text, code);
            code
        };
        self.codes.resize(row, 0);
        self.codes.push(code);
    }
}

impl Column for Shared {
    type Value = Option<Text>;

    fn cell(&mut self, row: usize, cell: &str) -> bool {
        self.add(row, cell);
        true
    }

    fn json(&mut self, row: usize, value: Json<'_>) -> bool {
        json_text(self, row, value)
    }

    fn put(&mut self, row: usize, value: &Self::Value) -> bool {
        value.as_ref().is_none_or(|text| said(self, row, text))
    }

    fn has(&self, row: usize) -> bool {
        self.code(row) != 0
    }

    fn value(&self, row: usize) -> Self::Value {
        self.get(row).cloned()
    }

    fn truncate(&mut self, rows: usize) {
        self.codes.truncate(rows);
        if rows == 0 {
            // Anew: what one text repeats, the next one need not.
            self.texts.clear();
            self.index.clear();
        }
    }
}

/// Lists of texts that rows share, as a CSV has them: `|` between their values.
#[derive(Debug, Default)]
pub struct Lists(pub Shared);

impl Lists {
    /// The values of a list.
    pub fn values(list: &str) -> impl Iterator<Item = &str> {
        list.split('|')
    }

    fn add<T: AsRef<str>>(&mut self, row: usize, values: &[T]) -> bool {
        match values {
            [] => true,
            values if values.iter().any(|text| text.as_ref().contains('|')) => false,
            [one] => said(&mut self.0, row, one.as_ref()),
            several => {
                let several: Vec<&str> = several.iter().map(AsRef::as_ref).collect();
                self.0.cell(row, &several.join("|"))
            }
        }
    }
}

impl Column for Lists {
    type Value = Vec<Text>;

    fn cell(&mut self, row: usize, cell: &str) -> bool {
        self.0.cell(row, cell)
    }

    fn json(&mut self, row: usize, value: Json<'_>) -> bool {
        if let Json::Texts(texts) = value { self.add(row, texts) } else { false }
    }

    fn put(&mut self, row: usize, value: &Vec<Text>) -> bool {
        self.add(row, value)
    }

    fn has(&self, row: usize) -> bool {
        self.0.has(row)
    }

    fn value(&self, row: usize) -> Vec<Text> {
        self.0.get(row).map(|list| Self::values(list).map(Into::into).collect()).unwrap_or_default()
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }
}

/// Texts of which each row has its own.
#[derive(Debug, Default)]
pub struct Own {
    bytes: String,
    /// Where each ends; where nothing is in between, there is none.
    ends: Vec<usize>,
}

impl Own {
    /// The text of a row.
    pub fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)?;
        let begin = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(begin..end).filter(|text| !text.is_empty())
    }

    /// Whether no row has one.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl Column for Own {
    type Value = Option<Text>;

    fn cell(&mut self, row: usize, cell: &str) -> bool {
        self.ends.resize(row, self.bytes.len());
        self.bytes.push_str(cell);
        self.ends.push(self.bytes.len());
        true
    }

    fn json(&mut self, row: usize, value: Json<'_>) -> bool {
        json_text(self, row, value)
    }

    fn put(&mut self, row: usize, value: &Self::Value) -> bool {
        value.as_ref().is_none_or(|text| said(self, row, text))
    }

    fn has(&self, row: usize) -> bool {
        self.get(row).is_some()
    }

    fn value(&self, row: usize) -> Self::Value {
        self.get(row).map(Into::into)
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }
}

/// Keys: texts of which each row has its own and none is without.
#[derive(Debug, Default)]
pub struct Keys(Own);

impl Keys {
    /// The key of a row; empty while it has none.
    pub fn get(&self, row: usize) -> &str {
        self.0.get(row).unwrap_or_default()
    }
}

impl Column for Keys {
    type Value = Text;

    fn cell(&mut self, row: usize, cell: &str) -> bool {
        self.0.cell(row, cell)
    }

    fn json(&mut self, row: usize, value: Json<'_>) -> bool {
        if let Json::Text(text) = value { said(self, row, text) } else { false }
    }

    fn put(&mut self, row: usize, value: &Text) -> bool {
        said(self, row, value)
    }

    fn has(&self, row: usize) -> bool {
        self.0.has(row)
    }

    fn value(&self, row: usize) -> Text {
        self.get(row).into()
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }
}

/// Lists of spans, which run forwards.
#[derive(Debug, Default)]
pub struct Spans(Vec<Vec<Span>>);

impl Spans {
    /// Whether no row has any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The spans of a row.
    pub fn get(&self, row: usize) -> &[Span] {
        self.0.get(row).map_or(&[], Vec::as_slice)
    }
}

impl Column for Spans {
    type Value = Vec<Span>;

    /// Cells of spans are rare enough to be read as records.
    fn cell(&mut self, _: usize, _: &str) -> bool {
        false
    }

    /// Nor are those of JSON.
    fn json(&mut self, _: usize, _: Json<'_>) -> bool {
        false
    }

    fn put(&mut self, row: usize, value: &Vec<Span>) -> bool {
        if !value.is_empty() {
            self.0.resize(row, Vec::new());
            self.0.push(value.clone());
        }
        true
    }

    fn has(&self, row: usize) -> bool {
        !self.get(row).is_empty()
    }

    fn value(&self, row: usize) -> Vec<Span> {
        self.get(row).to_vec()
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }
}
