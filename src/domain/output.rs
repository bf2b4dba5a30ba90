//! How a report's file looks.

use super::template::Template;

/// How the file looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The file's name.
    pub file_name: Template,
    /// What the file is.
    pub format: Format,
    /// Whether it is packed.
    pub compress: Compress,
    /// The dialect of delimited text.
    pub csv: CsvDialect,
    /// Whether an XLSX file goes on in further sheets above the row limit of one.
    pub split_sheets: bool,
    /// How instants print, in strftime's letters.
    pub date_format: String,
    /// What to do when the report has no rows.
    pub empty: Empty,
    /// What to do when it is made again with other bytes.
    pub correction: Correction,
}

/// A dialect of delimited text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvDialect {
    /// Between two cells.
    pub delimiter: Delimiter,
    /// Whether the file begins with a byte order mark, for spreadsheet programs.
    pub bom: bool,
    /// Behind each row.
    pub line_ending: LineEnding,
    /// Which cells are made harmless for spreadsheet programs.
    pub formula_guard: FormulaGuard,
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self {
            delimiter: Delimiter::Comma,
            bom: false,
            line_ending: LineEnding::Crlf,
            formula_guard: FormulaGuard::Text,
        }
    }
}

/// How instants print unless the job says otherwise.
pub const DATE_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// Between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// Tab.
    Tab,
    /// `|`
    Pipe,
    /// `;`
    Semicolon,
}

impl Delimiter {
    /// The byte itself.
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
            Self::Semicolon => b';',
        }
    }
}

/// Behind each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnding {
    /// Carriage return and line feed (RFC 4180).
    Crlf,
    /// Line feed.
    Lf,
}

/// Which cells get an apostrophe when they begin like a formula (CWE-1236).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormulaGuard {
    /// Text cells; instants, durations and numbers stay as they are.
    Text,
    /// None.
    Off,
}

/// Whether a text stands in delimited text as it is, whatever the dialect: it needs neither quotes nor a guard. Of some
/// others that is so, too. Sealed blocks keep the answer: a dialect that quotes or guards more makes theirs wrong.
pub fn is_plain(text: &str) -> bool {
    let special = |byte: u8| matches!(byte, b'"' | b'\r' | b'\n' | b',' | b'\t' | b'|' | b';');
    let formula = matches!(text.as_bytes().first(), Some(b'=' | b'+' | b'-' | b'@' | 0));
    // Without an end inside of a text, many bytes are compared at once.
    !formula && !text.bytes().fold(false, |found, byte| found | special(byte))
}

/// What to do when a report has no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Empty {
    /// Send the file with its header.
    #[default]
    Send,
    /// Keep the file, send nothing.
    Skip,
    /// Keep the file; mails say that there was nothing, other places get nothing.
    Notice,
}

/// What happens when a report is made again and its bytes have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Correction {
    /// The new revision is kept; a person may send it.
    #[default]
    Keep,
    /// It is sent, and says what changed.
    Send,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Delimited text.
    Csv,
    /// Delimited text with tabs.
    Tsv,
    /// XML.
    Xml,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// A spreadsheet.
    Xlsx,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Csv, Self::Tsv, Self::Xml, Self::Json, Self::Jsonl, Self::Xlsx];

    /// The ending of its file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Xml => "xml",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Xlsx => "xlsx",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Tsv => "text/tab-separated-values; charset=utf-8",
            Self::Xml => "application/xml",
            Self::Json => "application/json",
            Self::Jsonl => "application/jsonl",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compress {
    /// It is not.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// A zip archive with this one file.
    Zip,
}

impl Compress {
    /// What stands behind the format's ending.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zip => ".zip",
        }
    }
}

impl Output {
    /// The media type of the file as it is sent.
    pub fn media_type(&self) -> &'static str {
        match self.compress {
            Compress::None => self.format.media_type(),
            Compress::Gzip => "application/gzip",
            Compress::Zip => "application/zip",
        }
    }
}
