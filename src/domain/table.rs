//! Columns of a report, and how they bind to a batch.
//!
//! A report is a list of column definitions; an encoder binds each column once per batch and then asks for cells. A
//! column knows nothing of formats, an encoder nothing of segments.

use std::borrow::Cow;
use std::cell::{Cell as Counter, RefCell};

use super::batch::{AgentFact, BLANK, Batch, Code, Dictionaries, Dictionary, Field, NONE, TextColumn, known};
use super::record::Millis;
use super::report::Report;

/// A column of a report.
#[derive(Debug)]
pub struct Column {
    /// The header's text, and the key in JSON.
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

/// A column as a job wants it.
#[derive(Debug, Clone)]
pub struct Picked {
    /// The column.
    pub column: &'static Column,
    /// Its header in this file.
    pub header: Cow<'static, str>,
    /// Whether JSON leaves the key out where the cell is blank.
    pub omit_blank: bool,
}

impl Picked {
    /// A column under its own header.
    pub fn of(column: &'static Column) -> Self {
        Self { column, header: column.header.into(), omit_blank: false }
    }

    /// Columns under their own headers.
    pub fn all(columns: &'static [Column]) -> Vec<Self> {
        columns.iter().map(Self::of).collect()
    }
}

/// The fields that columns ask for: what a reader must bring.
pub fn fields(columns: &[Picked], report: &Report) -> Vec<Field> {
    let (batch, dictionaries, clamped) = (Batch::default(), Dictionaries::default(), Counter::new(0));
    let asked = RefCell::new(Vec::new());
    let bind = Bind {
        batch: &batch,
        dictionaries: &dictionaries,
        report,
        nominal_ms: 0,
        clamped: &clamped,
        asked: Some(&asked),
    };
    for picked in columns {
        drop((picked.column.bind)(&bind));
    }
    let mut fields = asked.into_inner();
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// What a column binds to.
#[derive(Debug, Clone, Copy)]
pub struct Bind<'a> {
    /// The rows.
    pub batch: &'a Batch,
    /// What their codes mean.
    pub dictionaries: &'a Dictionaries,
    /// The report's options.
    pub report: &'a Report,
    /// The nominal instant: how far what goes on has come.
    pub nominal_ms: Millis,
    /// Counts durations that came out negative and were set to zero: the sign of a clock that ran backwards.
    pub clamped: &'a Counter<u64>,
    /// Notes which fields are asked for, instead of rows.
    pub asked: Option<&'a RefCell<Vec<Field>>>,
}

/// How an instant prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstantStyle {
    /// In the report's zone, by its date format.
    Local,
    /// RFC 3339 in UTC, with the fraction of a second where there is one.
    Rfc3339,
}

/// How a duration prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationStyle {
    /// HH:MM:SS in whole seconds, truncated; hours do not wrap at 24.
    Clock,
    /// Whole seconds, truncated, as a number.
    Seconds,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Blank,
    /// Text.
    Text(&'a str),
    /// An id that JSON shows as a number where it is one.
    Id(&'a str),
    /// Digits that spreadsheet programs must not take for a number; delimited text gives them an apostrophe.
    Digits(&'a str),
    /// An instant, UTC milliseconds.
    Instant(Millis, InstantStyle),
    /// A duration in milliseconds.
    Duration(Millis, DurationStyle),
    /// A whole number.
    Number(i64),
    /// Hundredths: two decimals.
    Hundredths(i64),
    /// Hundredths of a percent: two decimals and a sign.
    Percent(i64),
    /// A quotient of whole numbers.
    Double(f64),
    /// Yes or no.
    Flag(bool),
}

/// A column bound to a batch: what an encoder reads cells from.
#[derive(Debug)]
pub enum Binding<'a> {
    /// Text of its own for each row, and on which rows it shows: on all where that is `None`.
    Text(Option<&'a TextColumn>, Option<Vec<bool>>),
    /// Digits, and those of another field where a row has none; whether they show as [`Cell::Digits`].
    Digits(Option<&'a TextColumn>, Option<&'a TextColumn>, bool),
    /// Text by code.
    Code(Cow<'a, [Code]>, &'a Dictionary),
    /// An id by code.
    Id(&'a [Code], &'a Dictionary),
    /// A word by its number, counted from 1.
    Word(Cow<'a, [i64]>, &'static [&'static str]),
    /// UTC instants.
    Instant(Cow<'a, [Millis]>, InstantStyle),
    /// Durations.
    Duration(Vec<Millis>, DurationStyle),
    /// Whole numbers.
    Number(Cow<'a, [i64]>),
    /// Hundredths.
    Hundredths(Vec<i64>),
    /// Hundredths of a percent.
    Percent(Vec<i64>),
    /// Numerators and denominators.
    Quotient(&'a [i64], &'a [i64]),
    /// 1 is yes, 0 is no.
    Flag(&'a [i64]),
}

impl Binding<'_> {
    /// The cell of a row.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        let number =
            |numbers: &[i64], cell: fn(i64) -> Cell<'static>| known(numbers, row).map_or(Cell::Blank, cell);
        match self {
            Self::Text(Some(column), shown) => {
                let shows = shown.as_ref().is_none_or(|shown| shown.get(row) == Some(&true));
                Cell::Text(if shows { column.text(row) } else { "" })
            }
            Self::Text(None, _) => Cell::Text(""),
            Self::Digits(first, second, kept) => {
                let [first, second] =
                    [first, second].map(|column| column.map_or("", |column| column.text(row)));
                let text = if first.is_empty() { second } else { first };
                if *kept { Cell::Digits(text) } else { Cell::Text(text) }
            }
            Self::Code(codes, dictionary) => {
                Cell::Text(codes.get(row).map_or("", |code| dictionary.text(*code)))
            }
            Self::Id(codes, dictionary) => Cell::Id(codes.get(row).map_or("", |code| dictionary.text(*code))),
            Self::Word(numbers, words) => {
                let place = known(numbers, row).and_then(|number| usize::try_from(number - 1).ok());
                Cell::Text(place.and_then(|place| words.get(place)).copied().unwrap_or(""))
            }
            Self::Instant(instants, style) => {
                known(instants, row).map_or(Cell::Blank, |ms| Cell::Instant(ms, *style))
            }
            Self::Duration(durations, style) => {
                known(durations, row).map_or(Cell::Blank, |ms| Cell::Duration(ms, *style))
            }
            Self::Number(numbers) => number(numbers, Cell::Number),
            Self::Hundredths(numbers) => number(numbers, Cell::Hundredths),
            Self::Percent(numbers) => number(numbers, Cell::Percent),
            Self::Quotient(above, below) => match (known(above, row), known(below, row)) {
                (Some(above), Some(below)) if below != 0 => Cell::Double(quotient(above, below)),
                _ => Cell::Double(0.0),
            },
            Self::Flag(numbers) => known(numbers, row).map_or(Cell::Blank, |number| Cell::Flag(number == 1)),
        }
    }
}

/// A quotient as the nearest double.
pub fn quotient(above: i64, below: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "counts are far below 2^53")]
    let (above, below) = (above as f64, below as f64);
    above / below
}

impl<'a> Bind<'a> {
    fn ask(&self, field: Field) {
        if let Some(asked) = self.asked {
            asked.borrow_mut().push(field);
        }
    }

    fn numbers_of(&self, field: Field) -> &'a [i64] {
        self.ask(field);
        self.batch.numbers(field)
    }

    fn codes_of(&self, field: Field) -> &'a [Code] {
        self.ask(field);
        self.batch.codes(field)
    }

    fn texts_of(&self, field: Field) -> Option<&'a TextColumn> {
        self.ask(field);
        self.batch.texts(field)
    }

    /// Numbers of several fields, row by row.
    fn rows<const N: usize, T>(&self, of: [Field; N], value: impl Fn([Option<i64>; N]) -> T) -> Vec<T> {
        let columns = of.map(|field| self.numbers_of(field));
        (0..self.batch.rows).map(|row| value(columns.map(|column| known(column, row)))).collect()
    }

    /// Text as it is.
    pub fn text(&self, field: Field) -> Binding<'a> {
        Binding::Text(self.texts_of(field), None)
    }

    /// Text on the rows that pass.
    pub fn text_where<const N: usize>(
        &self,
        field: Field,
        of: [Field; N],
        holds: impl Fn([Option<i64>; N]) -> bool,
    ) -> Binding<'a> {
        Binding::Text(self.texts_of(field), Some(self.rows(of, holds)))
    }

    /// Digits, the second field's where the first is blank; with `kept`, delimited text keeps them from being taken for
    /// a number.
    pub fn digits(&self, first: Field, second: Field, kept: bool) -> Binding<'a> {
        Binding::Digits(self.texts_of(first), self.texts_of(second), kept)
    }

    /// Terms as they are.
    pub fn codes(&self, field: Field) -> Binding<'a> {
        Binding::Code(Cow::Borrowed(self.codes_of(field)), &self.dictionaries.terms)
    }

    /// Terms on the rows that pass.
    pub fn codes_where<const N: usize>(
        &self,
        field: Field,
        of: [Field; N],
        holds: impl Fn([Option<i64>; N]) -> bool,
    ) -> Binding<'a> {
        let shown = self.rows(of, holds);
        let codes = self.codes_of(field).iter().zip(shown);
        let codes = codes.map(|(code, shown)| if shown { *code } else { BLANK }).collect();
        Binding::Code(Cow::Owned(codes), &self.dictionaries.terms)
    }

    /// The first of two terms on the rows that pass, the second on the others.
    pub fn codes_by_row(
        &self,
        first: Field,
        second: Field,
        takes_first: impl Fn(usize) -> bool,
    ) -> Binding<'a> {
        let (first, second) = (self.codes_of(first), self.codes_of(second));
        let pairs = first.iter().zip(second).enumerate();
        let codes = pairs.map(|(row, (first, second))| if takes_first(row) { *first } else { *second });
        Binding::Code(codes.collect(), &self.dictionaries.terms)
    }

    /// Whether a term is there, row by row.
    pub fn has(&self, field: Field) -> Vec<bool> {
        self.codes_of(field).iter().map(|code| *code != BLANK).collect()
    }

    /// A term as an id.
    pub fn id(&self, field: Field) -> Binding<'a> {
        Binding::Id(self.codes_of(field), &self.dictionaries.terms)
    }

    /// A fact of the row's agent.
    pub fn agent(&self, fact: AgentFact) -> Binding<'a> {
        Binding::Code(Cow::Borrowed(self.codes_of(Field::Agent)), self.dictionaries.agents(fact))
    }

    /// The agent's id, as an id.
    pub fn agent_id(&self) -> Binding<'a> {
        Binding::Id(self.codes_of(Field::Agent), self.dictionaries.agents(AgentFact::Id))
    }

    /// A word by its number.
    pub fn word(&self, field: Field, words: &'static [&'static str]) -> Binding<'a> {
        Binding::Word(Cow::Borrowed(self.numbers_of(field)), words)
    }

    /// A word by a number computed for each row.
    pub fn words<const N: usize>(
        &self,
        of: [Field; N],
        words: &'static [&'static str],
        number: impl Fn([Option<i64>; N]) -> Option<i64>,
    ) -> Binding<'a> {
        Binding::Word(self.rows(of, |values| number(values).unwrap_or(NONE)).into(), words)
    }

    /// An instant in the report's zone.
    pub fn instant(&self, field: Field) -> Binding<'a> {
        Binding::Instant(Cow::Borrowed(self.numbers_of(field)), InstantStyle::Local)
    }

    /// An instant of its own style.
    pub fn instant_as(&self, field: Field, style: InstantStyle) -> Binding<'a> {
        Binding::Instant(Cow::Borrowed(self.numbers_of(field)), style)
    }

    /// A number.
    pub fn number(&self, field: Field) -> Binding<'a> {
        Binding::Number(Cow::Borrowed(self.numbers_of(field)))
    }

    /// A number computed for each row.
    pub fn numbers<const N: usize>(
        &self,
        of: [Field; N],
        number: impl Fn([Option<i64>; N]) -> Option<i64>,
    ) -> Binding<'a> {
        Binding::Number(self.rows(of, |values| number(values).unwrap_or(NONE)).into())
    }

    /// Hundredths computed for each row.
    pub fn hundredths<const N: usize>(&self, of: [Field; N], value: impl Fn([i64; N]) -> i64) -> Binding<'a> {
        Binding::Hundredths(self.rows(of, |values| value(values.map(|value| value.unwrap_or(0)))))
    }

    /// Hundredths of a percent computed for each row.
    pub fn percent<const N: usize>(&self, of: [Field; N], value: impl Fn([i64; N]) -> i64) -> Binding<'a> {
        Binding::Percent(self.rows(of, |values| value(values.map(|value| value.unwrap_or(0)))))
    }

    /// A quotient of two fields.
    pub fn quotient(&self, above: Field, below: Field) -> Binding<'a> {
        Binding::Quotient(self.numbers_of(above), self.numbers_of(below))
    }

    /// Yes or no.
    pub fn flag(&self, field: Field) -> Binding<'a> {
        Binding::Flag(self.numbers_of(field))
    }

    /// A duration computed for each row, as HH:MM:SS; a negative one is set to zero and counted.
    pub fn durations<const N: usize>(
        &self,
        of: [Field; N],
        value: impl Fn([Option<i64>; N]) -> Option<Millis>,
    ) -> Binding<'a> {
        self.durations_as(DurationStyle::Clock, of, value)
    }

    /// A duration of its own style.
    pub fn durations_as<const N: usize>(
        &self,
        style: DurationStyle,
        of: [Field; N],
        value: impl Fn([Option<i64>; N]) -> Option<Millis>,
    ) -> Binding<'a> {
        let clamp = |ms: Millis| {
            if ms < 0 {
                self.clamped.set(self.clamped.get() + 1);
            }
            ms.max(0)
        };
        Binding::Duration(self.rows(of, |values| value(values).map_or(NONE, clamp)), style)
    }
}
