//! Rows → XLSX, through `rust_xlsxwriter` in constant memory: rows go to a temporary file at once.
//!
//! Instants, durations, counts, decimals and percentages are typed cells; every text is a string cell and never a
//! formula. Ids stay text: a spreadsheet program's numbers have 15 digits.

use std::io::{self, Write};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::cells::CellText;
use super::encode::{Encoder, FileSpec, Rows};
use crate::domain::record::Millis;
use crate::domain::table::{Binding, Cell, DurationStyle, InstantStyle, quotient};

/// Rows of a sheet at the most, the header counted.
const SHEET_ROWS: u32 = 1_048_576;
/// Characters of a sheet's name at the most.
const NAME_CHARS: usize = 31;
/// A column's width in characters: as its first rows need, within these.
const WIDTHS: (usize, usize) = (8, 48);
/// Days from the spreadsheet's day 0 to 1970.
const EPOCH_DAYS: i64 = 25_569;
const DAY_SECONDS: i64 = 86_400;

/// Writes rows as a spreadsheet.
pub(super) struct Xlsx<'a, W: Write> {
    out: W,
    workbook: Workbook,
    file: FileSpec<'a>,
    formats: Formats,
    text: CellText<'a>,
    cell: Vec<u8>,
    sheets: usize,
    row: u32,
    measured: bool,
}

/// Number formats of typed cells.
struct Formats {
    header: Format,
    /// `None` where the date format cannot be said in a spreadsheet's letters: then instants are text.
    instant: Option<Format>,
    duration: Format,
    hundredths: Format,
    percent: Format,
}

fn failed(error: XlsxError) -> io::Error {
    if matches!(error, XlsxError::MaxStringLengthExceeded) {
        return io::Error::other(
            "a text is longer than the 32,767 characters that a spreadsheet's cell holds; choose another format",
        );
    }
    if let XlsxError::IoError(error) = error { error } else { io::Error::other(error) }
}

impl<'a, W: Write> Xlsx<'a, W> {
    pub(super) fn begin(out: W, file: &FileSpec<'a>) -> io::Result<Self> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(file.scratch).map_err(failed)?;
        let nominal = file.nominal.to_zoned(jiff::tz::TimeZone::UTC);
        let (year, month, day) = (nominal.year(), nominal.month(), nominal.day());
        let created = ExcelDateTime::from_ymd(
            u16::try_from(year).unwrap_or(1970),
            u8::try_from(month).unwrap_or(1),
            u8::try_from(day).unwrap_or(1),
        )
        .and_then(|date| {
            date.and_hms(
                u16::try_from(nominal.hour()).unwrap_or(0),
                u8::try_from(nominal.minute()).unwrap_or(0),
                f64::from(nominal.second()),
            )
        })
        .map_err(failed)?;
        workbook.set_properties(
            &DocProperties::new().set_title(file.report.kind.name).set_creation_datetime(&created),
        );
        let plain = || Format::new();
        let formats = Formats {
            header: plain().set_bold(),
            instant: spreadsheet_date(&file.output.date_format).map(|code| plain().set_num_format(code)),
            duration: plain().set_num_format("[hh]:mm:ss"),
            hundredths: plain().set_num_format("0.00"),
            percent: plain().set_num_format("0.00%"),
        };
        let mut xlsx = Self {
            out,
            workbook,
            file: *file,
            formats,
            text: file.text(),
            cell: Vec::with_capacity(256),
            sheets: 0,
            row: 0,
            measured: false,
        };
        xlsx.sheet()?;
        Ok(xlsx)
    }

    /// Begins a sheet: header, frozen and bold.
    fn sheet(&mut self) -> io::Result<()> {
        self.sheets += 1;
        let mut name: String = self.file.report.kind.name.chars().take(NAME_CHARS - 4).collect();
        if 1 < self.sheets {
            name = format!("{name} {}", self.sheets);
        }
        let sheet = self.workbook.add_worksheet_with_constant_memory().map_err(failed)?;
        sheet.set_name(name).map_err(failed)?;
        sheet.set_freeze_panes(1, 0).map_err(failed)?;
        for (at, picked) in (0_u16..).zip(self.file.columns) {
            sheet.write_string_with_format(0, at, &*picked.header, &self.formats.header).map_err(failed)?;
            sheet.set_column_width(at, width(picked.header.chars().count())).map_err(failed)?;
        }
        self.row = 1;
        Ok(())
    }

    /// Widths by the header and the first rows.
    fn measure(&mut self, rows: Rows<'_>, columns: &[Binding<'_>]) -> io::Result<()> {
        for ((at, binding), picked) in (0_u16..).zip(columns).zip(self.file.columns) {
            let mut widest = picked.header.chars().count();
            for row in rows.into_iter().take(200) {
                self.cell.clear();
                self.text.push(&mut self.cell, binding.cell(row));
                widest = widest.max(String::from_utf8_lossy(&self.cell).chars().count());
            }
            let sheet = self.workbook.worksheet_from_index(self.sheets - 1).map_err(failed)?;
            sheet.set_column_width(at, width(widest)).map_err(failed)?;
        }
        self.measured = true;
        Ok(())
    }
}

fn width(characters: usize) -> f64 {
    let (least, most) = WIDTHS;
    f64::from(u8::try_from(characters.clamp(least, most) + 2).unwrap_or(u8::MAX))
}

impl<W: Write + Send> Encoder<W> for Xlsx<'_, W> {
    fn rows(&mut self, rows: Rows<'_>, columns: &[Binding<'_>]) -> io::Result<()> {
        if !self.measured {
            self.measure(rows, columns)?;
        }
        for row in rows {
            if self.row == SHEET_ROWS {
                if !self.file.output.split_sheets {
                    return Err(io::Error::other(format!(
                        "the report has more than the {} rows that a sheet holds; set split_sheets = true in [output], or \
                         choose another format",
                        SHEET_ROWS - 1
                    )));
                }
                self.sheet()?;
                self.measure(rows, columns)?;
            }
            let sheet = self.workbook.worksheet_from_index(self.sheets - 1).map_err(failed)?;
            for (at, binding) in (0_u16..).zip(columns) {
                let place = (self.row, at);
                write(sheet, place, binding.cell(row), &self.formats, &mut self.text, &mut self.cell)
                    .map_err(failed)?;
            }
            self.row += 1;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, _: u64) -> io::Result<W> {
        self.workbook.save_to_writer(&mut self.out).map_err(failed)?;
        Ok(self.out)
    }
}

fn write(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: Cell<'_>,
    formats: &Formats,
    text: &mut CellText<'_>,
    buffer: &mut Vec<u8>,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Blank | Cell::Text("") | Cell::Id("") | Cell::Digits("") => return Ok(()),
        Cell::Text(value) | Cell::Id(value) | Cell::Digits(value) => {
            sheet.write_string(row, column, value)?
        }
        Cell::Instant(ms, InstantStyle::Local) if formats.instant.is_some() => {
            let format = formats.instant.as_ref().unwrap_or(&formats.duration);
            sheet.write_number_with_format(row, column, serial(text.local_ms(ms)), format)?
        }
        Cell::Instant(..) => {
            buffer.clear();
            text.push(buffer, cell);
            sheet.write_string(row, column, String::from_utf8_lossy(buffer))?
        }
        Cell::Duration(ms, DurationStyle::Clock) => {
            let days = quotient(ms.max(0) / 1_000, DAY_SECONDS);
            sheet.write_number_with_format(row, column, days, &formats.duration)?
        }
        Cell::Duration(ms, DurationStyle::Seconds) => {
            sheet.write_number(row, column, quotient(ms.max(0) / 1_000, 1))?
        }
        Cell::Number(number) => sheet.write_number(row, column, quotient(number, 1))?,
        Cell::Hundredths(hundredths) => {
            sheet.write_number_with_format(row, column, quotient(hundredths, 100), &formats.hundredths)?
        }
        Cell::Percent(hundredths) => {
            sheet.write_number_with_format(row, column, quotient(hundredths, 10_000), &formats.percent)?
        }
        Cell::Double(double) => sheet.write_number(row, column, double)?,
        Cell::Flag(flag) => sheet.write_boolean(row, column, flag)?,
    };
    Ok(())
}

/// Local milliseconds since 1970, cut to the second, as a spreadsheet's days.
fn serial(local_ms: Millis) -> f64 {
    quotient(local_ms.div_euclid(1_000) + EPOCH_DAYS * DAY_SECONDS, DAY_SECONDS)
}

/// A date format in a spreadsheet's letters, where it can be said in them.
fn spreadsheet_date(strftime: &str) -> Option<String> {
    let mut code = String::new();
    let mut letters = strftime.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            if letter.is_alphanumeric() || matches!(letter, '"' | '\\' | '[' | ']' | ';') {
                return None;
            }
            code.push(letter);
            continue;
        }
        let (unpadded, letter) = match letters.next()? {
            '-' => (true, letters.next()?),
            letter => (false, letter),
        };
        code.push_str(match (letter, unpadded) {
            ('Y', false) => "yyyy",
            ('y', false) => "yy",
            ('m' | 'M', false) => "mm",
            ('m', true) => "m",
            ('d', false) => "dd",
            ('d', true) => "d",
            ('H' | 'I', false) => "hh",
            ('H' | 'I', true) => "h",
            ('S', false) => "ss",
            ('p', false) => "AM/PM",
            ('F', false) => "yyyy-mm-dd",
            ('T', false) => "hh:mm:ss",
            _ => return None,
        });
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::{serial, spreadsheet_date};

    #[test]
    fn date_formats_translate_where_they_can() {
        let said = |format| spreadsheet_date(format);
        assert_eq!(said("%Y-%m-%d %H:%M:%S").as_deref(), Some("yyyy-mm-dd hh:mm:ss"));
        assert_eq!(said("%-m/%-d/%y %-I:%M %p").as_deref(), Some("m/d/yy h:mm AM/PM"));
        assert_eq!(said("%A, %d"), None);
    }

    #[test]
    fn a_day_is_one_and_1970_is_where_spreadsheets_have_it() {
        assert_eq!(serial(0).to_string(), "25569");
        assert_eq!(serial(43_200_999).to_string(), "25569.5");
    }
}
