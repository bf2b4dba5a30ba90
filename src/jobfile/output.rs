//! `[output]` → [`Output`].

use jiff::Timestamp;

use super::lower::Lowering;
use super::schema::{CsvTable, JobFile};
use super::words::{
    CompressWord, CorrectionWord, DelimiterWord, EmptyWord, FormatWord, FormulaGuardWord, LineEndingWord,
};
use crate::domain::output::{
    Compress, Correction, CsvDialect, Delimiter, Empty, Format, FormulaGuard, LineEnding, Output,
};
use crate::domain::report::Report;
use crate::domain::template::{Template, TemplateValues};

/// The form of the vendor's sample row, by its name.
const SAMPLE: (&str, &str) = ("sample", "%-m/%-d/%y %-I:%M %p");

impl Lowering<'_> {
    pub(super) fn output(
        &mut self,
        job: &JobFile,
        report: &Report,
        sample: &TemplateValues<'_>,
    ) -> Option<Output> {
        let table = &job.output;
        let format = match table.format {
            Some(FormatWord::Csv) | None => Format::Csv,
            Some(FormatWord::Tsv) => Format::Tsv,
            Some(FormatWord::Xml) => Format::Xml,
            Some(FormatWord::Json) => Format::Json,
            Some(FormatWord::Jsonl) => Format::Jsonl,
            Some(FormatWord::Xlsx) => Format::Xlsx,
        };
        let compress = match table.compress {
            Some(CompressWord::Gzip) => Compress::Gzip,
            Some(CompressWord::Zip) => Compress::Zip,
            Some(CompressWord::None) | None => Compress::None,
        };
        if table.split_sheets.is_some() && format != Format::Xlsx {
            self.wrong(
                "output.split_sheets",
                "only a spreadsheet has sheets",
                "remove it, or format = \"xlsx\"",
            );
        }
        self.default_file_name = format!(
            "{{{{ name }}}}_{{{{ period.start | date }}}}.{}{}",
            format.extension(),
            compress.suffix()
        );
        let text = table.file_name.clone().unwrap_or_else(|| self.default_file_name.clone());
        let file_name = Template::parse(&text, sample).and_then(|t| t.render_file_name(sample).map(|_| t));
        let file_name = self.take("output.file_name", file_name);
        let csv = self.csv(&table.csv, format);
        self.passed_output(&table.csv, report, format);
        let date_format = self.date_format(table.date_format.as_deref(), report);
        let empty = match table.empty {
            Some(EmptyWord::Skip) => Empty::Skip,
            Some(EmptyWord::Notice) => Empty::Notice,
            Some(EmptyWord::Send) | None => Empty::Send,
        };
        let split_sheets = table.split_sheets.unwrap_or(false);
        let correction = match table.correction {
            Some(CorrectionWord::Send) => Correction::Send,
            Some(CorrectionWord::Keep) | None => Correction::Keep,
        };
        Some(Output {
            file_name: file_name?,
            format,
            compress,
            csv,
            split_sheets,
            date_format,
            empty,
            correction,
        })
    }

    fn date_format(&mut self, said: Option<&str>, report: &Report) -> String {
        let Some(said) = said else { return (report.kind.date_format)(&report.columns).to_owned() };
        let (name, form) = SAMPLE;
        let format = if said == name { form } else { said };
        let epoch = Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        if let Err(error) = jiff::fmt::strtime::format(format, &epoch) {
            let help = "use strftime's letters, as \"%d.%m.%Y %H:%M\"";
            self.wrong("output.date_format", error.to_string(), help);
        }
        format.to_owned()
    }

    fn csv(&mut self, table: &CsvTable, format: Format) -> CsvDialect {
        let delimiter = match (table.delimiter, format) {
            (Some(DelimiterWord::Tab), _) | (None, Format::Tsv) => Delimiter::Tab,
            (Some(DelimiterWord::Comma) | None, _) => Delimiter::Comma,
            (Some(DelimiterWord::Pipe), _) => Delimiter::Pipe,
            (Some(DelimiterWord::Semicolon), _) => Delimiter::Semicolon,
        };
        if format == Format::Tsv && delimiter != Delimiter::Tab {
            let help = "remove `delimiter`, or use format = \"csv\"";
            self.wrong("output.csv.delimiter", "tsv is text with tabs", help);
        }
        CsvDialect {
            delimiter,
            bom: table.bom.unwrap_or(false),
            line_ending: match table.line_ending.unwrap_or(LineEndingWord::Crlf) {
                LineEndingWord::Crlf => LineEnding::Crlf,
                LineEndingWord::Lf => LineEnding::Lf,
            },
            formula_guard: match table.formula_guard.unwrap_or(FormulaGuardWord::Text) {
                FormulaGuardWord::Text => FormulaGuard::Text,
                FormulaGuardWord::Off => FormulaGuard::Off,
            },
        }
    }
}
