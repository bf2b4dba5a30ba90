//! A definition: what to report, when, and to whom. Valid by construction; built by `jobfile` only.

use jiff::civil::Weekday;

use super::address::Address;
use super::name::DefinitionName;
use super::period::PeriodRule;
use super::schedule::Schedule;
use super::template::Template;
use super::zone::Zone;

/// The checked meaning of a job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its identity.
    pub name: DefinitionName,
    /// For people; empty when there is none.
    pub description: String,
    /// Told when the report fails or its file is withdrawn by mistake.
    pub owner: Option<Address>,
    /// What is reported.
    pub report: Report,
    /// How the file looks.
    pub output: Output,
    /// When; none means on demand only.
    pub schedules: Vec<Schedule>,
    /// Where to; none means that the file is only kept.
    pub destinations: Vec<Destination>,
}

/// The reports there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// One row per segment or queue stint, 27 columns.
    InteractionDetailsBySegment,
}

impl ReportKind {
    /// The name in TOML, logs and pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::InteractionDetailsBySegment => "interaction-details-by-segment",
        }
    }
}

/// What a definition reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which report.
    pub kind: ReportKind,
    /// Rules period, file name and every printed time.
    pub zone: Zone,
    /// The period of data, from the nominal instant.
    pub period: PeriodRule,
    /// First day of a week.
    pub week_start: Weekday,
    /// Which rows are there.
    pub filters: Filters,
    /// Gross or net talk time.
    pub talk_time: TalkTime,
    /// What puts a row into a period.
    pub rows_by: RowsBy,
}

/// Talk Time of the interaction details report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TalkTime {
    /// Segment end minus start, as in the vendor's own example row.
    #[default]
    Gross,
    /// Gross minus hold and mute, as on the vendor's metrics page.
    Net,
}

/// What puts a row into a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowsBy {
    /// Its own start.
    #[default]
    Start,
    /// The end of its interaction: consecutive periods then miss and repeat nothing.
    InteractionEnd,
}

/// A filter decides only whether a row is there; each list is "any of", an empty one lets everything pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// Queue names.
    pub queues: Vec<String>,
    /// Agents by email, name or id.
    pub agents: Vec<String>,
    /// Channel names.
    pub channels: Vec<String>,
    /// Inbound or outbound.
    pub direction: Option<Direction>,
    /// Skills; a row passes when it has one of them.
    pub skills: Vec<String>,
    /// Final status of the interaction, wherever the row stands in it.
    pub statuses: Vec<String>,
    /// Dispositions of the segment.
    pub dispositions: Vec<String>,
}

/// Who began an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The customer.
    Inbound,
    /// The contact centre.
    Outbound,
}

impl Direction {
    /// The word in TOML, in imports and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "Inbound",
            Self::Outbound => "Outbound",
        }
    }
}

/// How the file looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The file's name.
    pub file_name: Template,
    /// The dialect of the text.
    pub csv: CsvDialect,
    /// What to do when the report has no rows.
    pub empty: Empty,
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
    /// How instants print, in strftime's letters.
    pub date_format: String,
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self {
            delimiter: Delimiter::Comma,
            bom: false,
            line_ending: LineEnding::Crlf,
            formula_guard: FormulaGuard::Text,
            date_format: DATE_FORMAT.to_owned(),
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

/// What to do when a report has no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Empty {
    /// Send the file with its header.
    #[default]
    Send,
    /// Keep the file, send nothing.
    Skip,
}

/// A place that a report goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Mail, one delivery an address.
    Email(EmailDestination),
    /// A folder of this machine or a mounted share.
    Directory(DirectoryDestination),
    /// An HTTP endpoint.
    Http(HttpDestination),
}

/// Mail to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailDestination {
    /// The relay's name in the config.
    pub relay: String,
    /// Visible recipients.
    pub to: Vec<Address>,
    /// Visible copies.
    pub cc: Vec<Address>,
    /// Copies that stand in no header.
    pub bcc: Vec<Address>,
    /// The subject.
    pub subject: Template,
    /// What to do when nobody can know whether it was sent.
    pub on_unknown: OnUnknown,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryDestination {
    /// An absolute path.
    pub path: String,
    /// Permission bits of the file.
    pub mode: u32,
    /// What to do when nobody can know whether it was written.
    pub on_unknown: OnUnknown,
}

/// An HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpDestination {
    /// The endpoint's name in the config.
    pub endpoint: String,
    /// Path below the endpoint's URL.
    pub path: Template,
    /// PUT or POST.
    pub method: HttpMethod,
    /// What to do when nobody can know whether it arrived.
    pub on_unknown: OnUnknown,
}

/// How a file is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// The same URL holds the same file afterwards, however often it is repeated.
    Put,
    /// Each request may count.
    Post,
}

/// What to do with a delivery whose outcome cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknown {
    /// Try again: right where a repeat overwrites the same thing.
    Resend,
    /// Leave it to a person.
    Hold,
}
