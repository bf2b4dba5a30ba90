//! Rows → delimited text (RFC 4180), quoted as the csv crate quotes: a test holds the two against each other.
//!
//! Cells are made ready column by column, a few hundred rows at a time, and lines are put together from them by copies
//! alone. A report's text is mostly the same few thousand texts over and over: each is escaped once, together with what
//! ends its cell. What is unlike in each row is written by tables.

use std::io::{self, Write};
use std::ops::Range;

use super::cells::{CellText, DayText, Ending, write_duration, write_integer};
use super::encode::{Encoder, FileSpec, Rows};
use super::page::{Cells, Page, Ready, WIDE};
use super::quoting::Quoting;
use crate::domain::batch::{BLANK, Code, Dictionary, NONE, TextColumn};
use crate::domain::output::{CsvDialect, DATE_FORMAT, LineEnding};
use crate::domain::table::{Binding, Cell, DurationStyle, InstantStyle};
use crate::domain::zone::Zone;

/// Text is handed to the file in pieces of about this size: it is still in the processor's own cache then.
const PIECE: usize = 64 << 10;

/// Rows whose cells are made ready together: they stay in the processor's own cache until their lines are written.
const TILE: usize = 256;

/// Codes from this one on are escaped each time: memory stays bounded, however many texts a store has.
const KEPT: usize = 16 << 10;
/// Bytes of long texts that a column keeps.
const KEPT_BYTES: usize = 1 << 20;

/// Writes rows as delimited text.
pub(super) struct Delimited<'a, W: Write> {
    out: W,
    text: DelimitedText<'a>,
}

impl<'a, W: Write> Delimited<'a, W> {
    /// Begins the text: byte order mark and header are written even when no row follows.
    pub(super) fn begin(out: W, file: &FileSpec<'a>) -> Self {
        let (output, zone) = (file.output, &file.report.zone);
        let mut text = DelimitedText::new(&output.csv, zone, &output.date_format, file.columns.len());
        text.header(file.columns.iter().map(|picked| &*picked.header));
        Self { out, text }
    }
}

impl<W: Write> Encoder<W> for Delimited<'_, W> {
    fn rows(&mut self, rows: Rows<'_>, columns: &[Binding<'_>]) -> io::Result<()> {
        let out = &mut self.out;
        self.text.rows(rows, columns, &mut |piece| out.write_all(piece))
    }

    fn finish(mut self: Box<Self>, _: u64) -> io::Result<W> {
        self.out.write_all(self.text.page.text())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A column's cells.
struct OfColumn<'a> {
    /// Behind each: the delimiter, or the line's end.
    ending: Ending,
    /// Texts of codes, or of words by their number.
    kept: Cells,
    /// Cells of the rows at hand, where they are not kept.
    of_rows: Cells,
    /// The place of each row's cell, among one or the other.
    places: Vec<u32>,
    by_row: bool,
    day: DayText<'a>,
}

/// Rows of bound columns → text.
pub(super) struct DelimitedText<'a> {
    each: Each<'a>,
    bom: bool,
    columns: Vec<OfColumn<'a>>,
    page: Page,
}

impl<'a> DelimitedText<'a> {
    /// For so many columns.
    pub(super) fn new(dialect: &CsvDialect, zone: &'a Zone, date_format: &'a str, columns: usize) -> Self {
        let delimiter = Ending { bytes: [dialect.delimiter.byte(), 0], length: 1 };
        let line_end = match dialect.line_ending {
            LineEnding::Crlf => Ending { bytes: *b"\r\n", length: 2 },
            LineEnding::Lf => Ending { bytes: [b'\n', 0], length: 1 },
        };
        let column = |place: usize| OfColumn {
            ending: if place + 1 < columns { delimiter } else { line_end },
            kept: Cells::default(),
            of_rows: Cells::default(),
            places: Vec::new(),
            by_row: true,
            day: DayText::new(zone),
        };
        let each = Each {
            quoting: Quoting::new(dialect),
            plain_dates: date_format == DATE_FORMAT,
            cells: CellText::new(zone, date_format),
            cell: Vec::new(),
        };
        Self { each, bom: dialect.bom, columns: (0..columns).map(column).collect(), page: Page::new(columns) }
    }

    /// Adds byte order mark and header.
    pub(super) fn header<'h>(&mut self, headers: impl Iterator<Item = &'h str>) {
        if self.bom {
            self.page.add("\u{feff}".as_bytes());
        }
        let begin = self.page.len();
        let mut cell = Vec::new();
        for (header, column) in headers.zip(&self.columns) {
            cell.clear();
            self.each.quoting.push(&mut cell, b"", header.as_bytes());
            cell.extend_from_slice(column.ending.text());
            self.page.add(&cell);
        }
        let only = self.only();
        end_line(&mut self.page, begin, only);
    }

    /// Adds rows; hands over what has grown large enough.
    pub(super) fn rows(
        &mut self,
        rows: Rows<'_>,
        columns: &[Binding<'_>],
        out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        match rows {
            Rows::All(count) => {
                for begin in (0..count).step_by(TILE) {
                    self.tile(begin..count.min(begin + TILE), columns);
                    self.hand_over(out)?;
                }
            }
            // Files for some recipients are many: they keep nothing.
            Rows::Some(rows) => {
                let (mut cell, only) = (Vec::new(), self.only());
                for row in rows {
                    let begin = self.page.len();
                    for (binding, own) in columns.iter().zip(&self.columns) {
                        cell.clear();
                        self.each.push(&mut cell, binding, *row, own.ending);
                        self.page.add(&cell);
                    }
                    end_line(&mut self.page, begin, only);
                    self.hand_over(out)?;
                }
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if PIECE <= self.page.len() {
            out(self.page.text())?;
            self.page.truncate(0);
        }
        Ok(())
    }

    /// Adds a few hundred rows.
    fn tile(&mut self, rows: Range<usize>, columns: &[Binding<'_>]) {
        for (binding, own) in columns.iter().zip(&mut self.columns) {
            own.make_ready(binding, rows.clone(), &mut self.each);
        }
        let sources: Vec<(&Cells, &[u32])> = self.columns.iter().map(OfColumn::source).collect();
        let only = self.only();
        for row in 0..rows.len() {
            self.page.begin_line();
            let begin = self.page.len();
            for (cells, places) in &sources {
                self.page.put(cells, places.get(row).copied().unwrap_or(0));
            }
            end_line(&mut self.page, begin, only);
        }
    }

    /// What ends the cells of the only column.
    fn only(&self) -> Option<Ending> {
        if let [column] = &self.columns[..] { Some(column.ending) } else { None }
    }
}

/// A line that is nothing but its end would be no record: its one empty cell is quoted.
fn end_line(page: &mut Page, begin: usize, only: Option<Ending>) {
    if let Some(ending) = only.filter(|ending| page.len() == begin + usize::from(ending.length)) {
        page.truncate(begin);
        page.add(b"\"\"");
        page.add(ending.text());
    }
}

impl OfColumn<'_> {
    /// Where the cells of the rows at hand are.
    fn source(&self) -> (&Cells, &[u32]) {
        (if self.by_row { &self.of_rows } else { &self.kept }, &self.places)
    }

    /// Makes the cells of some rows ready.
    fn make_ready(&mut self, binding: &Binding<'_>, rows: Range<usize>, each: &mut Each<'_>) {
        let kept = if let Binding::Code(codes, dictionary) = binding {
            self.codes(codes, dictionary, &rows, &each.quoting)
        } else if let Binding::Id(codes, dictionary) = binding {
            self.codes(codes, dictionary, &rows, &each.quoting)
        } else if let Binding::Word(numbers, words) = binding {
            self.words(numbers, words, &rows, &each.quoting);
            true
        } else {
            false
        };
        self.by_row = !kept;
        if kept {
            return;
        }
        self.places.clear();
        self.places.extend((0..).take(rows.len()));
        match binding {
            Binding::Text(Some(texts), shown) => self.texts(texts, shown.as_deref(), &rows, &each.quoting),
            Binding::Instant(instants, InstantStyle::Local) if each.plain_dates => {
                let (ending, day) = (self.ending, &mut self.day);
                let (ready, long) = self.of_rows.begin(rows.len());
                for (row, ready) in rows.zip(ready) {
                    let ms = instants.get(row).copied().unwrap_or(NONE);
                    if ready.write(|room| day.write(room, ms, ending)).is_none() {
                        each.make(ready, long, (binding, row), ending);
                    }
                }
            }
            Binding::Duration(durations, DurationStyle::Clock) => {
                let (ready, long) = self.of_rows.begin(rows.len());
                for (row, ready) in rows.zip(ready) {
                    let ms = durations.get(row).copied().unwrap_or(NONE);
                    if ready.write(|room| write_duration(room, ms, self.ending)).is_none() {
                        each.make(ready, long, (binding, row), self.ending);
                    }
                }
            }
            Binding::Number(numbers) => {
                let (ready, long) = self.of_rows.begin(rows.len());
                for (row, ready) in rows.zip(ready) {
                    let number = numbers.get(row).copied().unwrap_or(NONE);
                    if ready.write(|room| write_integer(room, number, self.ending)).is_none() {
                        each.make(ready, long, (binding, row), self.ending);
                    }
                }
            }
            Binding::Text(None, _)
            | Binding::Code(..)
            | Binding::Id(..)
            | Binding::Word(..)
            | Binding::Digits(..)
            | Binding::Instant(..)
            | Binding::Duration(..)
            | Binding::Hundredths(_)
            | Binding::Percent(_)
            | Binding::Quotient(..)
            | Binding::Flag(_) => {
                let (ready, long) = self.of_rows.begin(rows.len());
                rows.zip(ready).for_each(|(row, ready)| each.make(ready, long, (binding, row), self.ending));
            }
        }
    }

    /// By code; false where there is too much to be kept.
    fn codes(
        &mut self,
        codes: &[Code],
        dictionary: &Dictionary,
        rows: &Range<usize>,
        quoting: &Quoting,
    ) -> bool {
        self.places.clear();
        self.places.extend_from_slice(codes.get(rows.clone()).unwrap_or_default());
        self.places.resize(rows.len(), BLANK);
        for code in &self.places {
            let place = usize::try_from(*code).unwrap_or(usize::MAX);
            if self.kept.has(place) {
                continue;
            }
            let text = |cell: &mut Vec<u8>| quoting.push_cell(cell, dictionary.text(*code), self.ending);
            if KEPT <= place || !self.kept.make(place, KEPT_BYTES, text) {
                return false;
            }
        }
        true
    }

    /// By a word's number, counted from 1.
    fn words(&mut self, numbers: &[i64], words: &[&str], rows: &Range<usize>, quoting: &Quoting) {
        for (place, word) in std::iter::once(&"").chain(words).enumerate() {
            if !self.kept.has(place) {
                self.kept.make(place, usize::MAX, |cell| quoting.push_cell(cell, word, self.ending));
            }
        }
        self.places.clear();
        for row in rows.clone() {
            let number = numbers.get(row).and_then(|number| u32::try_from(*number).ok());
            // Absent, or no word of ours: the blank.
            let known = |number: &u32| usize::try_from(*number).is_ok_and(|number| number <= words.len());
            self.places.push(number.filter(known).unwrap_or(0));
        }
    }

    fn texts(&mut self, texts: &TextColumn, shown: Option<&[bool]>, rows: &Range<usize>, quoting: &Quoting) {
        let all = texts.bytes();
        let plain = texts.is_plain();
        let whole = texts.span(rows.start).start..texts.span(rows.end.saturating_sub(1)).end;
        let special = !plain && all.get(whole).is_none_or(|bytes| quoting.is_special(bytes));
        let (ready, long) = self.of_rows.begin(rows.len());
        for (row, ready) in rows.clone().zip(ready) {
            let shows = shown.is_none_or(|shown| shown.get(row) == Some(&true));
            let text = if shows { texts.text(row) } else { "" };
            if plain || quoting.is_plain(text) && !(special && quoting.is_special(text.as_bytes())) {
                let wide = all.get(texts.span(row).start..).and_then(<[u8]>::first_chunk::<WIDE>);
                ready.copy(long, text.as_bytes(), wide, self.ending);
            } else {
                let begin = long.len();
                quoting.push_cell(long, text, self.ending);
                ready.settle(long, begin);
            }
        }
    }
}

/// Writes any cell.
struct Each<'a> {
    quoting: Quoting,
    /// Whether instants print as the tables have them.
    plain_dates: bool,
    cells: CellText<'a>,
    /// A cell before its quotes.
    cell: Vec<u8>,
}

impl Each<'_> {
    /// Makes the cell of a row ready.
    fn make(
        &mut self,
        ready: &mut Ready,
        long: &mut Vec<u8>,
        (column, row): (&Binding<'_>, usize),
        ending: Ending,
    ) {
        let begin = long.len();
        self.push(long, column, row, ending);
        ready.settle(long, begin);
    }

    fn push(&mut self, out: &mut Vec<u8>, column: &Binding<'_>, row: usize, ending: Ending) {
        match column.cell(row) {
            Cell::Text(text) | Cell::Id(text) => self.quoting.push_text(out, text),
            Cell::Digits(text) => self.quoting.push(out, b"'", text.as_bytes()),
            other @ (Cell::Blank
            | Cell::Instant(..)
            | Cell::Duration(..)
            | Cell::Number(_)
            | Cell::Hundredths(_)
            | Cell::Percent(_)
            | Cell::Double(_)
            | Cell::Flag(_)) => {
                self.cell.clear();
                self.cells.push(&mut self.cell, other);
                self.quoting.push(out, b"", &self.cell);
            }
        }
        out.extend_from_slice(ending.text());
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use csv::{Terminator, WriterBuilder};
    use proptest::prelude::*;

    use super::{DelimitedText, KEPT, KEPT_BYTES, Rows};
    use crate::artifacts::cells::CellText;
    use crate::artifacts::quoting::is_formula;
    use crate::domain::batch::{Dictionary, NONE, TextColumn};
    use crate::domain::output::{CsvDialect, DATE_FORMAT, Delimiter, FormulaGuard, LineEnding, is_plain};
    use crate::domain::table::{Binding, Cell, DurationStyle, InstantStyle};
    use crate::domain::zone::Zone;
    use crate::zones::Zones;

    const WORDS: [&str; 3] = ["Inbound", "a, b", "=x"];

    /// The same rows through the csv crate, cell by cell.
    fn by_csv_crate(
        dialect: &CsvDialect,
        zone: &Zone,
        format: &str,
        columns: &[Binding<'_>],
        rows: usize,
    ) -> Vec<u8> {
        let terminator = match dialect.line_ending {
            LineEnding::Crlf => Terminator::CRLF,
            LineEnding::Lf => Terminator::Any(b'\n'),
        };
        let mut writer = WriterBuilder::new()
            .delimiter(dialect.delimiter.byte())
            .terminator(terminator)
            .from_writer(Vec::new());
        let mut cells = CellText::new(zone, format);
        for row in 0..rows {
            let record = columns.iter().map(|column| {
                let mut text = Vec::new();
                let cell = column.cell(row);
                let guard = dialect.formula_guard == FormulaGuard::Text;
                if matches!(cell, Cell::Digits(_))
                    || matches!(cell, Cell::Text(value) | Cell::Id(value) if guard && is_formula(value))
                {
                    text.push(b'\'');
                }
                cells.push(&mut text, cell);
                text
            });
            writer.write_record(record).unwrap();
        }
        writer.into_inner().unwrap()
    }

    fn dialects() -> impl Strategy<Value = CsvDialect> {
        let delimiters = prop::sample::select(vec![
            Delimiter::Comma,
            Delimiter::Tab,
            Delimiter::Pipe,
            Delimiter::Semicolon,
        ]);
        (delimiters, any::<bool>(), any::<bool>()).prop_map(|(delimiter, crlf, guard)| CsvDialect {
            delimiter,
            line_ending: if crlf { LineEnding::Crlf } else { LineEnding::Lf },
            bom: false,
            formula_guard: if guard { FormulaGuard::Text } else { FormulaGuard::Off },
        })
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z]{0,40}", "[-=+@,;|\"\t\r\n x1]{0,8}", "\\PC{0,12}"]
    }

    fn instants() -> impl Strategy<Value = i64> {
        // Around a change of New York's clock, and anywhere.
        prop_oneof![
            Just(NONE),
            1_793_400_000_000..1_793_700_000_000_i64,
            -70_000_000_000_000..250_000_000_000_000_i64
        ]
    }

    fn durations() -> impl Strategy<Value = i64> {
        prop_oneof![Just(NONE), -5_000..500_000_000_i64]
    }

    fn numbers() -> impl Strategy<Value = i64> {
        prop_oneof![Just(NONE), Just(i64::MIN + 1), Just(i64::MAX), -12..120_i64, any::<i64>()]
    }

    /// What the codes of a dictionary come to, in one go each.
    fn written(dialect: &CsvDialect, dictionary: &Dictionary, batches: &[Vec<u32>]) -> Vec<u8> {
        let zone = Zone::utc();
        let mut text = DelimitedText::new(dialect, &zone, DATE_FORMAT, 2);
        let mut ours = Vec::new();
        for codes in batches {
            let columns = [Binding::Code(Cow::Borrowed(codes), dictionary), Binding::Id(codes, dictionary)];
            let mut take = |piece: &[u8]| {
                ours.extend_from_slice(piece);
                Ok(())
            };
            text.rows(Rows::All(codes.len()), &columns, &mut take).unwrap();
        }
        ours.extend_from_slice(text.page.text());
        ours
    }

    fn texts_beyond_what_is_kept(text: impl Fn(usize) -> String, count: usize) {
        let dialect = CsvDialect::default();
        let mut dictionary = Dictionary::default();
        for code in 1..=count {
            dictionary.push(text(code));
        }
        let all: Vec<u32> = (0..=u32::try_from(count).unwrap()).collect();
        // Then those that are kept once more, and those that are not, and both.
        let batches = [all.clone(), vec![3, 1], all[count - 5..].to_vec(), vec![2, all[count]]];
        let codes = batches.concat();
        let columns = [Binding::Code(Cow::Borrowed(&codes), &dictionary), Binding::Id(&codes, &dictionary)];
        let wanted = by_csv_crate(&dialect, &Zone::utc(), DATE_FORMAT, &columns, codes.len());
        assert!(written(&dialect, &dictionary, &batches) == wanted);
    }

    #[test]
    fn codes_beyond_those_that_are_kept_are_written_as_well() {
        texts_beyond_what_is_kept(|code| format!("text {code}"), KEPT + 300);
    }

    #[test]
    fn so_are_long_texts_of_which_there_are_too_many() {
        let long = "long, ".repeat(2_000);
        let count = 2 * KEPT_BYTES / long.len();
        texts_beyond_what_is_kept(
            |code| if code % 2 == 0 { code.to_string() } else { format!("{long}{code}") },
            2 * count,
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_text_is_the_csv_crates_byte_for_byte(
            dialect in dialects(),
            texts in prop::collection::vec(text(), 1..6),
            rows in prop::collection::vec((text(), 0..6_u32, -1..5_i64, instants(), durations(), any::<bool>(), numbers()), 0..40),
            times in 1..12_usize,
            odd in any::<bool>(),
            chosen in prop::sample::subsequence((0..16_usize).collect::<Vec<_>>(), 1..16),
        ) {
            // More than are made ready together, too.
            let rows: Vec<_> = std::iter::repeat_n(rows, times).flatten().collect();
            let zone = Zones::default().find("America/New_York").unwrap();
            let mut dictionary = Dictionary::default();
            for text in &texts {
                dictionary.push(text.as_str());
            }
            let mut column = TextColumn::default();
            for row in &rows {
                // Some are known to be plain, and others among them are not.
                column.extend(&row.0, std::iter::once(row.0.len()), is_plain(&row.0));
            }
            let mut plain = TextColumn::default();
            for text in rows.iter().map(|row| if is_plain(&row.0) { &*row.0 } else { "" }) {
                plain.extend(text, std::iter::once(text.len()), true);
            }
            let codes: Vec<u32> = rows.iter().map(|row| row.1).collect();
            let instants: Vec<i64> = rows.iter().map(|row| row.3).collect();
            let numbers: Vec<i64> = rows.iter().map(|row| row.6).collect();
            let durations: Vec<i64> = rows.iter().map(|row| row.4).collect();
            let flags: Vec<i64> = rows.iter().map(|row| i64::from(row.5)).collect();
            let all = || -> Vec<Binding<'_>> { vec![
                Binding::Text(Some(&column), None),
                Binding::Text(Some(&column), Some(rows.iter().map(|row| row.5).collect())),
                Binding::Code(Cow::Borrowed(&codes), &dictionary),
                Binding::Id(&codes, &dictionary),
                Binding::Word(rows.iter().map(|row| row.2).collect(), &WORDS),
                Binding::Instant(Cow::Borrowed(&instants), InstantStyle::Local),
                Binding::Duration(rows.iter().map(|row| row.4).collect(), DurationStyle::Clock),
                Binding::Digits(Some(&column), None, true),
                Binding::Instant(Cow::Borrowed(&instants), InstantStyle::Rfc3339),
                Binding::Duration(rows.iter().map(|row| row.4).collect(), DurationStyle::Seconds),
                Binding::Number(Cow::Borrowed(&numbers)),
                Binding::Hundredths(durations.clone()),
                Binding::Percent(durations.clone()),
                Binding::Quotient(&durations, &numbers),
                Binding::Flag(&flags),
                Binding::Text(Some(&plain), None),
            ] };
            let columns: Vec<Binding<'_>> =
                all().into_iter().enumerate().filter(|(at, _)| chosen.contains(at)).map(|(_, column)| column).collect();
            let format = if odd { "%d, %B %Y %H:%M" } else { DATE_FORMAT };
            let wanted = by_csv_crate(&dialect, &zone, format, &columns, rows.len());
            let some: Vec<usize> = (0..rows.len()).collect();
            // With what is kept, and without.
            for of in [Rows::All(rows.len()), Rows::Some(&some)] {
                let mut ours = Vec::new();
                let mut text = DelimitedText::new(&dialect, &zone, format, columns.len());
                text.rows(of, &columns, &mut |piece| { ours.extend_from_slice(piece); Ok(()) }).unwrap();
                ours.extend_from_slice(text.page.text());
                prop_assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&wanted));
            }
        }
    }
}
