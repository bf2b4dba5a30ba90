//! Rows → delimited text (RFC 4180), quoted as the csv crate quotes: a test holds the two against each other.
//!
//! A report's text is mostly the same few thousand texts over and over: each is escaped once, together with what ends
//! its cell, and copied from then on. What is unlike in each row is written by tables.

use std::io::{self, Write};

use super::cells::{CellText, DayText, Ending, wide_duration};
use super::encode::{Encoder, FileSpec, Rows};
use crate::domain::batch::{Code, Dictionary, NONE, TextColumn};
use crate::domain::output::{CsvDialect, DATE_FORMAT, FormulaGuard, LineEnding};
use crate::domain::table::{Binding, Cell, DurationStyle, InstantStyle};
use crate::domain::zone::Zone;

/// Text is handed to the file in pieces of about this size: it is still in the processor's cache then.
const PIECE: usize = 256 << 10;

/// Bytes that are copied at once.
const WIDE: usize = 32;

/// Codes from this one on are escaped each time: memory stays bounded, however many texts a store has.
const KEPT: usize = 16 << 10;

/// A text as it stands in the file, with what ends its cell.
#[derive(Debug, Clone, Copy)]
struct Ready {
    bytes: [u8; WIDE],
    /// 0 before it was made; above [`WIDE`] where it does not fit.
    length: u8,
}

impl Ready {
    const UNMADE: Self = Self { bytes: [0; WIDE], length: 0 };

    fn of(text: &[u8]) -> Self {
        let mut bytes = [0; WIDE];
        match bytes.get_mut(..text.len()) {
            Some(room) => {
                room.copy_from_slice(text);
                Self { bytes, length: u8::try_from(text.len()).unwrap_or(u8::MAX) }
            }
            None => Self { bytes, length: u8::MAX },
        }
    }
}

/// Text while it grows.
#[derive(Debug, Default)]
struct Page {
    bytes: Vec<u8>,
    length: usize,
}

impl Page {
    fn reserve(&mut self, more: usize) {
        if self.bytes.len() < self.length + more {
            self.bytes.resize((self.length + more).next_power_of_two(), 0);
        }
    }

    /// Adds a text that was made ready; false where that was not done, or it is too long for it. Room was reserved.
    #[inline]
    fn put(&mut self, ready: &Ready) -> bool {
        let length = usize::from(ready.length);
        match self.bytes.get_mut(self.length..self.length + WIDE) {
            Some(room) if 0 < length && length <= WIDE => {
                room.copy_from_slice(&ready.bytes);
                self.length += length;
                true
            }
            _ => false,
        }
    }

    fn add(&mut self, text: &[u8]) {
        self.reserve(text.len());
        if let Some(room) = self.bytes.get_mut(self.length..self.length + text.len()) {
            room.copy_from_slice(text);
            self.length += text.len();
        }
    }

    /// Adds a cell of any length, and room for a line of others behind it.
    fn add_cell(&mut self, text: &[u8], ending: Ending, behind: usize) {
        self.reserve(text.len() + 2 + behind);
        if let Some(room) = self.bytes.get_mut(self.length..self.length + text.len() + 2) {
            let (cell, behind) = room.split_at_mut(text.len());
            cell.copy_from_slice(text);
            behind.copy_from_slice(&ending.bytes);
            self.length += text.len() + usize::from(ending.length);
        }
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// How texts are quoted and guarded.
#[derive(Debug)]
struct Quoting {
    /// Bytes that make quotes necessary.
    special: [bool; 256],
    guard: bool,
}

impl Quoting {
    fn new(dialect: &CsvDialect) -> Self {
        let mut special = [false; 256];
        for byte in [dialect.delimiter.byte(), b'"', b'\r', b'\n'] {
            if let Some(place) = special.get_mut(usize::from(byte)) {
                *place = true;
            }
        }
        Self { special, guard: dialect.formula_guard == FormulaGuard::Text }
    }

    fn is_special(&self, byte: u8) -> bool {
        self.special.get(usize::from(byte)) == Some(&true)
    }

    /// Adds a text that may be anything.
    fn push_text(&self, out: &mut Vec<u8>, text: &str) {
        let prefix: &[u8] = if self.guard && is_formula(text) { b"'" } else { b"" };
        self.push(out, prefix, text.as_bytes());
    }

    fn push(&self, out: &mut Vec<u8>, prefix: &[u8], text: &[u8]) {
        if !text.iter().any(|byte| self.is_special(*byte)) {
            out.extend_from_slice(prefix);
            out.extend_from_slice(text);
            return;
        }
        out.push(b'"');
        out.extend_from_slice(prefix);
        for byte in text {
            if *byte == b'"' {
                out.push(b'"');
            }
            out.push(*byte);
        }
        out.push(b'"');
    }
}

/// Texts of a column that are escaped already.
#[derive(Debug, Default)]
struct Kept {
    /// By code, or by a word's number.
    texts: Vec<Ready>,
}

impl Kept {
    /// Escapes the codes of a batch that are met for the first time.
    fn codes(&mut self, codes: &[Code], dictionary: &Dictionary, ending: Ending, quoting: &Quoting) {
        let most = codes.iter().max().and_then(|code| usize::try_from(*code).ok()).unwrap_or(0);
        if self.texts.len() <= most.min(KEPT - 1) {
            self.texts.resize(most.min(KEPT - 1) + 1, Ready::UNMADE);
        }
        let mut scratch = Vec::new();
        for code in codes {
            let place = usize::try_from(*code).unwrap_or(usize::MAX);
            if let Some(ready) = self.texts.get_mut(place).filter(|ready| ready.length == 0) {
                scratch.clear();
                quoting.push_text(&mut scratch, dictionary.text(*code));
                scratch.extend_from_slice(ending.text());
                *ready = Ready::of(&scratch);
            }
        }
    }

    /// Escapes the words, the blank before them.
    fn words(&mut self, words: &[&str], ending: Ending, quoting: &Quoting) {
        if self.texts.is_empty() {
            for word in std::iter::once(&"").chain(words) {
                let mut scratch = Vec::new();
                quoting.push_text(&mut scratch, word);
                scratch.extend_from_slice(ending.text());
                self.texts.push(Ready::of(&scratch));
            }
        }
    }
}

/// How the cells of a column are written in one batch.
enum Way<'b> {
    /// By code.
    Codes(&'b [Code]),
    /// By a word's number.
    Words(&'b [i64]),
    /// Text without anything that needs quotes, and on which rows it shows.
    Clean(&'b TextColumn, Option<&'b [bool]>),
    /// Instants as the tables have them.
    Instants(&'b [i64]),
    /// Durations as the tables have them.
    Durations(&'b [i64]),
    /// Each cell by itself.
    Each,
}

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

/// Rows of bound columns → text.
pub(super) struct DelimitedText<'a> {
    quoting: Quoting,
    cells: CellText<'a>,
    /// Whether instants print as the tables have them.
    plain_dates: bool,
    bom: bool,
    /// Behind each column's cells: the delimiter, or the line's end.
    endings: Vec<Ending>,
    kept: Vec<Kept>,
    days: Vec<DayText<'a>>,
    page: Page,
    /// A cell before its quotes, and behind them.
    cell: Vec<u8>,
    scratch: Vec<u8>,
}

impl<'a> DelimitedText<'a> {
    /// For so many columns.
    pub(super) fn new(dialect: &CsvDialect, zone: &'a Zone, date_format: &'a str, columns: usize) -> Self {
        let delimiter = Ending { bytes: [dialect.delimiter.byte(), 0], length: 1 };
        let line_end = match dialect.line_ending {
            LineEnding::Crlf => Ending { bytes: *b"\r\n", length: 2 },
            LineEnding::Lf => Ending { bytes: [b'\n', 0], length: 1 },
        };
        let mut endings = vec![delimiter; columns];
        if let Some(last) = endings.last_mut() {
            *last = line_end;
        }
        Self {
            quoting: Quoting::new(dialect),
            cells: CellText::new(zone, date_format),
            plain_dates: date_format == DATE_FORMAT,
            bom: dialect.bom,
            endings,
            kept: (0..columns).map(|_| Kept::default()).collect(),
            days: (0..columns).map(|_| DayText::new(zone)).collect(),
            page: Page::default(),
            cell: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Adds byte order mark and header.
    pub(super) fn header<'h>(&mut self, headers: impl Iterator<Item = &'h str>) {
        if self.bom {
            self.page.add("\u{feff}".as_bytes());
        }
        let begin = self.page.length;
        for (header, ending) in headers.zip(&self.endings) {
            self.scratch.clear();
            self.quoting.push(&mut self.scratch, b"", header.as_bytes());
            self.page.add_cell(&self.scratch, *ending, self.endings.len() * WIDE);
        }
        self.end_line(begin);
    }

    /// A line that is nothing but its end would be no record: its one empty cell is quoted.
    fn end_line(&mut self, begin: usize) {
        let [ending] = self.endings[..] else { return };
        if self.page.length == begin + usize::from(ending.length) {
            self.page.length = begin;
            self.page.add(b"\"\"");
            self.page.add(ending.text());
        }
    }

    /// Adds rows; hands over what has grown large enough.
    pub(super) fn rows(
        &mut self,
        rows: Rows<'_>,
        columns: &[Binding<'_>],
        out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        // Files for some recipients are many: they keep nothing.
        let keeps = matches!(rows, Rows::All(_));
        let ways: Vec<Way<'_>> = (0..)
            .zip(columns)
            .map(|(place, column)| if keeps { self.way(place, column) } else { Way::Each })
            .collect();
        for row in rows {
            self.page.reserve(columns.len() * WIDE);
            let begin = self.page.length;
            for (place, way) in ways.iter().enumerate() {
                if !self.quick(place, way, row)
                    && let Some(column) = columns.get(place)
                {
                    self.slow(place, column, row);
                }
            }
            self.end_line(begin);
            if PIECE <= self.page.length {
                out(self.page.text())?;
                self.page.length = 0;
            }
        }
        Ok(())
    }

    /// How a column's cells are written; what is kept for it is made ready.
    fn way<'b>(&mut self, place: usize, column: &'b Binding<'_>) -> Way<'b> {
        let Some((kept, ending)) = self.kept.get_mut(place).zip(self.endings.get(place).copied()) else {
            return Way::Each;
        };
        match column {
            Binding::Code(codes, dictionary) => {
                kept.codes(codes, dictionary, ending, &self.quoting);
                Way::Codes(codes)
            }
            Binding::Id(codes, dictionary) => {
                kept.codes(codes, dictionary, ending, &self.quoting);
                Way::Codes(codes)
            }
            Binding::Word(numbers, words) => {
                kept.words(words, ending, &self.quoting);
                Way::Words(numbers)
            }
            Binding::Text(Some(texts), shown)
                if !texts.bytes().iter().any(|byte| self.quoting.is_special(*byte)) =>
            {
                Way::Clean(texts, shown.as_deref())
            }
            Binding::Instant(instants, InstantStyle::Local) if self.plain_dates => Way::Instants(instants),
            Binding::Duration(durations, DurationStyle::Clock) => Way::Durations(durations),
            Binding::Text(..)
            | Binding::Digits(..)
            | Binding::Instant(..)
            | Binding::Duration(..)
            | Binding::Number(_)
            | Binding::Hundredths(_)
            | Binding::Percent(_)
            | Binding::Quotient(..)
            | Binding::Flag(_) => Way::Each,
        }
    }

    /// Writes a cell from what is kept; false where that cannot be.
    #[inline]
    fn quick(&mut self, place: usize, way: &Way<'_>, row: usize) -> bool {
        match way {
            Way::Codes(codes) => {
                let code = codes.get(row).map_or(0, |code| usize::try_from(*code).unwrap_or(usize::MAX));
                self.kept
                    .get(place)
                    .and_then(|kept| kept.texts.get(code))
                    .is_some_and(|ready| self.page.put(ready))
            }
            Way::Words(numbers) => {
                // Absent, or no word of ours: the blank.
                let number = numbers.get(row).and_then(|number| usize::try_from(*number).ok()).unwrap_or(0);
                let texts = self.kept.get(place).map(|kept| &kept.texts[..]).unwrap_or_default();
                texts.get(number).or(texts.first()).is_some_and(|ready| self.page.put(ready))
            }
            Way::Instants(instants) => {
                let ms = instants.get(row).copied().unwrap_or(NONE);
                let (Some(day), Some(ending)) = (self.days.get_mut(place), self.endings.get(place)) else {
                    return false;
                };
                day.wide(ms, *ending).is_some_and(|(bytes, length)| self.page.put(&Ready { bytes, length }))
            }
            Way::Durations(durations) => {
                let ms = durations.get(row).copied().unwrap_or(NONE);
                let Some(ending) = self.endings.get(place) else { return false };
                wide_duration(ms, *ending)
                    .is_some_and(|(bytes, length)| self.page.put(&Ready { bytes, length }))
            }
            Way::Clean(texts, shown) => {
                let shows = shown.is_none_or(|shown| shown.get(row) == Some(&true));
                let text = if shows { texts.text(row) } else { "" };
                let Some(ending) = self.endings.get(place) else { return false };
                let plain = !self.quoting.guard || !is_formula(text);
                if plain {
                    self.page.add_cell(text.as_bytes(), *ending, self.endings.len() * WIDE);
                }
                plain
            }
            Way::Each => false,
        }
    }

    /// Writes any cell.
    fn slow(&mut self, place: usize, column: &Binding<'_>, row: usize) {
        self.scratch.clear();
        match column.cell(row) {
            Cell::Text(text) | Cell::Id(text) => self.quoting.push_text(&mut self.scratch, text),
            Cell::Digits(text) => self.quoting.push(&mut self.scratch, b"'", text.as_bytes()),
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
                self.quoting.push(&mut self.scratch, b"", &self.cell);
            }
        }
        if let Some(ending) = self.endings.get(place) {
            self.page.add_cell(&self.scratch, *ending, self.endings.len() * WIDE);
        }
    }
}

/// Whether spreadsheet programs would compute a text (CWE-1236). A negative whole number, such as the skill `-1`,
/// computes to itself.
fn is_formula(text: &str) -> bool {
    let begins = matches!(text.as_bytes().first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | 0));
    let number = || {
        text.strip_prefix('-')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    begins && !number()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use csv::{Terminator, WriterBuilder};
    use proptest::prelude::*;

    use super::{DelimitedText, Rows, is_formula};
    use crate::artifacts::cells::CellText;
    use crate::domain::batch::{Dictionary, NONE, TextColumn};
    use crate::domain::output::{CsvDialect, DATE_FORMAT, Delimiter, FormulaGuard, LineEnding};
    use crate::domain::table::{Binding, Cell, DurationStyle, InstantStyle};
    use crate::domain::zone::Zone;
    use crate::zones::Zones;

    #[test]
    fn text_that_begins_like_a_formula_is_guarded() {
        for (text, guarded) in [
            ("=1+1", true),
            ("+1-800", true),
            ("@x", true),
            ("-1", false),
            ("-1+1", true),
            ("-", true),
            ("a=b", false),
            ("", false),
        ] {
            assert_eq!(is_formula(text), guarded, "{text}");
        }
    }

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

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_text_is_the_csv_crates_byte_for_byte(
            dialect in dialects(),
            texts in prop::collection::vec(text(), 1..6),
            rows in prop::collection::vec((text(), 0..6_u32, -1..5_i64, instants(), durations(), any::<bool>()), 0..40),
            odd in any::<bool>(),
            chosen in prop::sample::subsequence((0..8_usize).collect::<Vec<_>>(), 1..8),
        ) {
            let zone = Zones::default().find("America/New_York").unwrap();
            let mut dictionary = Dictionary::default();
            for text in &texts {
                dictionary.push(text.as_str());
            }
            let mut column = TextColumn::default();
            for row in &rows {
                column.push(&row.0);
            }
            let codes: Vec<u32> = rows.iter().map(|row| row.1).collect();
            let instants: Vec<i64> = rows.iter().map(|row| row.3).collect();
            let all = || -> Vec<Binding<'_>> { vec![
                Binding::Text(Some(&column), None),
                Binding::Text(Some(&column), Some(rows.iter().map(|row| row.5).collect())),
                Binding::Code(Cow::Borrowed(&codes), &dictionary),
                Binding::Id(&codes, &dictionary),
                Binding::Word(rows.iter().map(|row| row.2).collect(), &WORDS),
                Binding::Instant(Cow::Borrowed(&instants), InstantStyle::Local),
                Binding::Duration(rows.iter().map(|row| row.4).collect(), DurationStyle::Clock),
                Binding::Digits(Some(&column), None, true),
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
