//! A job file as written. The JSON Schema that `legwork schema` prints comes from these types.
//!
//! Every field is optional for serde, so that the rest of a file can be checked when one value is wrong; what is
//! required is required by the schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::schema_deliver::DeliverTable;
use super::words::{
    ClockChangeWord, CompressWord, CorrectionWord, DelimiterWord, DirectionWord, EmptyWord, FormatWord,
    FormulaGuardWord, LineEndingWord, MissedWord, OnFailWord, OverlapWord, RepeatWord, ResponseWord,
    RowsByWord, ShortMonthWord, SortWord, TalkTimeWord, UserTypeWord, WeekdayWord,
};

/// One report: what, when, and to whom.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// The definition's identity; the file's name without `.toml` when absent. A renamed file with the same name is
    /// the same definition.
    pub name: Option<String>,
    /// For people: stands in mails and lists.
    pub description: Option<String>,
    /// The mail address told when the report cannot be made or its file vanishes.
    pub owner: Option<String>,
    /// What is reported.
    #[schemars(required)]
    pub report: Option<ReportTable>,
    /// How the file looks.
    #[serde(default)]
    pub output: OutputTable,
    /// What is asked of the report before it is sent.
    #[serde(default)]
    pub checks: ChecksTable,
    /// Limits and retries of a run.
    #[serde(default)]
    pub run: RunTable,
    /// When. None: on demand only.
    #[serde(default)]
    pub schedule: Vec<ScheduleTable>,
    /// Where to. None: the file is made and kept.
    #[serde(default)]
    pub deliver: Vec<DeliverTable>,
}

/// What is reported.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportTable {
    /// The report's type; `legwork reports` lists them.
    #[serde(rename = "type")]
    #[schemars(required, with = "ReportName")]
    pub kind: Option<String>,
    /// Where the rows come from: `store`, the segment store, when absent; or a source of the config, which is asked when
    /// the report runs.
    pub source: Option<String>,
    /// The IANA zone that rules period, file name and every printed time, as "`America/New_York`".
    #[schemars(required)]
    pub time_zone: Option<String>,
    /// The period of data, as "yesterday", or { from = "2026-11-01", to = "2026-11-02" } with `to` exclusive.
    #[schemars(required)]
    pub period: Option<PeriodValue>,
    /// First day of a week; monday when absent.
    pub week_starts: Option<WeekdayWord>,
    /// How long a scheduled run waits for late data, as "15m"; the period stays. Not at all when absent.
    pub settle: Option<String>,
    /// Which rows are there; each list is "any of".
    #[serde(default)]
    pub filters: FiltersTable,
    /// Talk Time with hold and mute (gross, the default) or without (net).
    pub talk_time: Option<TalkTimeWord>,
    /// What puts a row into a period: its own start (the default), or the end of its interaction.
    pub rows_by: Option<RowsByWord>,
    /// Whether rows of what has not ended are there, too; false when absent.
    pub in_progress: Option<bool>,
    /// Which columns: "27" or "32" of interaction-details-by-segment; "standard" or "fields" of the segment metadata;
    /// for segments a list of names, or of tables with `name` and `header`.
    pub columns: Option<ColumnsValue>,
    /// Whether delimited text puts an apostrophe before the UII; true when absent.
    pub uii_apostrophe: Option<bool>,
    /// One row per agent instead of one per login session; false when absent.
    pub rollup: Option<bool>,
    /// The order of agent-segments; date (latest first) when absent.
    pub sort: Option<SortWord>,
    /// Rows of agent-segments at the most; all when absent.
    pub limit: Option<u64>,
    /// Rows of agent-segments left out before the first; 0 when absent.
    pub offset: Option<u64>,
    /// Length of an interval of messaging-agent-segments, as "30m", at least "5m"; one interval when absent.
    pub interval: Option<String>,
    /// Whether messaging-agent-segments has skills as a level: all of them ("all"), or those with these ids.
    pub by_skill: Option<Vec<String>>,
    /// The metrics of messaging-agent-segments by name; all when absent.
    pub metrics: Option<Vec<String>>,
    /// What counts as a response in messaging-agent-segments: message (the default) or turn.
    pub response: Option<ResponseWord>,
    /// What a vendor is asked beside the period for a report that only it makes, by its own keys, as
    /// { systemDisposition = "ANSWER" }; `legwork reports show TYPE` lists them.
    #[serde(default)]
    pub criteria: BTreeMap<String, CriterionValue>,
}

/// What is said of a criterion.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CriterionValue {
    /// Yes or no.
    Flag(bool),
    /// Never right, and told in the vendor's words.
    Number(i64),
    /// One of the vendor's words.
    Word(String),
    /// Ids.
    Ids(Vec<IdValue>),
}

/// An id, or the lack of one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum IdValue {
    /// The id.
    Id(i64),
    /// `none`: what has none.
    Word(String),
}

/// Names of reports, for the schema: the catalogue's.
struct ReportName;

impl JsonSchema for ReportName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReportName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = crate::reports::CATALOGUE.iter().map(|report| report.name).collect();
        schemars::json_schema!({ "type": ["string", "null"], "enum": names })
    }
}

/// Columns by the name of a set, or one by one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ColumnsValue {
    /// The name of a set.
    Set(String),
    /// One by one.
    List(Vec<ColumnValue>),
}

/// A column of the segments report.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ColumnValue {
    /// Its name, which is its header, too.
    Name(String),
    /// Its name, and another header.
    Renamed(RenamedColumn),
}

/// A column under another header.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenamedColumn {
    /// The column's name.
    #[schemars(required)]
    pub name: Option<String>,
    /// Its header in the file.
    #[schemars(required)]
    pub header: Option<String>,
}

/// A period by name or by its bounds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PeriodValue {
    /// By name.
    Name(String),
    /// By its bounds.
    Bounds(PeriodBounds),
}

/// Local bounds of a period.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodBounds {
    /// First local date or time inside, as "2026-11-01" or "2026-11-01T06:00".
    #[schemars(required)]
    pub from: Option<String>,
    /// First local date or time outside.
    #[schemars(required)]
    pub to: Option<String>,
}

/// Which rows are there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FiltersTable {
    /// Queues by name or id.
    #[serde(default)]
    pub queues: Vec<String>,
    /// Groups of queues.
    #[serde(default)]
    pub queue_groups: Vec<String>,
    /// Campaigns by name or id.
    #[serde(default)]
    pub campaigns: Vec<String>,
    /// Groups of campaigns.
    #[serde(default)]
    pub dial_groups: Vec<String>,
    /// Agents by email, name or id.
    #[serde(default)]
    pub agents: Vec<String>,
    /// Agent groups by name or id.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Teams.
    #[serde(default)]
    pub teams: Vec<String>,
    /// Employee ids.
    #[serde(default)]
    pub employees: Vec<String>,
    /// Channel names.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Skills; a row passes when it has one of them.
    #[serde(default)]
    pub skills: Vec<String>,
    /// Skills that routed the segment, by id.
    #[serde(default)]
    pub skill_ids: Vec<String>,
    /// Final statuses of the interaction.
    #[serde(default)]
    pub statuses: Vec<String>,
    /// Dispositions of the segment.
    #[serde(default)]
    pub dispositions: Vec<String>,
    /// Accounts by id.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Interactions by id.
    #[serde(default)]
    pub conversations: Vec<String>,
    /// Where conversations started, as APP, SMS; in any case.
    #[serde(default)]
    pub integration_sources: Vec<String>,
    /// Inbound or Outbound.
    pub direction: Option<DirectionWord>,
    /// Segments of people (human) or of bots (bot).
    pub user_type: Option<UserTypeWord>,
}

/// How the file looks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputTable {
    /// The file's format: csv (the default), tsv, xml, json, jsonl or xlsx.
    pub format: Option<FormatWord>,
    /// How the file is packed: none (the default), gzip or zip.
    pub compress: Option<CompressWord>,
    /// How instants print, in strftime's letters, or "sample" for the form of the vendor's sample row; the report's own
    /// when absent.
    pub date_format: Option<String>,
    /// Whether an XLSX file goes on in further sheets above the 1,048,575 rows of one; false when absent.
    pub split_sheets: Option<bool>,
    /// The file's name, a template as "{{ name }}_{{ period.start | date }}.csv".
    pub file_name: Option<String>,
    /// The dialect of the text.
    #[serde(default)]
    pub csv: CsvTable,
    /// What to do when there are no rows: send the file with its header (the default), skip sending, or send a notice
    /// without a file by mail.
    pub empty: Option<EmptyWord>,
    /// What to do when `legwork rerun` makes other bytes: keep them (the default), or send them as a correction.
    pub correction: Option<CorrectionWord>,
}

/// What is asked of the report before it is sent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecksTable {
    /// Bounds of the number of rows.
    pub rows: Option<RowsTable>,
    /// The number of rows against earlier reports of the same weekday and time.
    pub volume: Option<VolumeTable>,
    /// Half hours of the day that must have rows.
    pub half_hours: Option<HalfHoursTable>,
    /// Headers of columns that together tell each row from every other.
    #[serde(default)]
    pub unique: Vec<String>,
    /// Rules for cells, by header.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnTable>,
    /// How old the newest record of the store may be at the period's end, as "2h".
    pub fresh: Option<String>,
    /// When something is found: hold the report until a person looks (the default), or send it with what was found.
    pub on_fail: Option<OnFailWord>,
    /// Whether recipients of mail are told that a held report is delayed; false when absent.
    pub tell: Option<bool>,
}

/// Bounds of the number of rows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsTable {
    /// At least so many.
    pub min: Option<u64>,
    /// At the most so many.
    pub max: Option<u64>,
}

/// The number of rows against earlier reports.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeTable {
    /// How far below the lowest and above the highest of them, as a share of it: 0.5 is half.
    #[schemars(required)]
    pub band: Option<f64>,
    /// How many of them count; 8 when absent. Fewer than three are no range.
    pub back: Option<u32>,
}

/// Half hours of the day that must have rows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HalfHoursTable {
    /// The header of the column of instants that is looked at.
    #[schemars(required)]
    pub column: Option<String>,
    /// The first local time, as "08:00".
    #[schemars(required)]
    pub from: Option<String>,
    /// The first local time that does not count any more, as "20:00"; "00:00" is the end of the day.
    #[schemars(required)]
    pub to: Option<String>,
    /// On these days; all of them when absent.
    pub days: Option<Vec<WeekdayWord>>,
}

/// A rule for the cells of a column.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnTable {
    /// Whether it must not be blank; false when absent.
    pub required: Option<bool>,
    /// What it may be, where it is not blank.
    #[serde(default)]
    pub one_of: Vec<String>,
    /// The lowest number; durations in seconds.
    pub min: Option<f64>,
    /// The highest number; durations in seconds.
    pub max: Option<f64>,
}

/// The dialect of the text.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvTable {
    /// Between two cells; comma when absent.
    pub delimiter: Option<DelimiterWord>,
    /// Whether the file begins with a byte order mark; false when absent.
    pub bom: Option<bool>,
    /// Behind each row; crlf when absent.
    pub line_ending: Option<LineEndingWord>,
    /// Which cells get an apostrophe when they begin like a formula: text (the default) or off.
    pub formula_guard: Option<FormulaGuardWord>,
}

/// Limits and retries of a run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunTable {
    /// The longest that a run may take, as "30m"; longer ones fail. No limit when absent.
    pub time_limit: Option<String>,
    /// How often a scheduled run that failed is tried again; 2 when absent.
    pub retries: Option<u32>,
    /// How long the first retry waits, as "1m"; each further one waits twice as long, an hour at the most.
    pub retry_after: Option<String>,
    /// When the schedules are paused by themselves; never when absent.
    pub pause_after: Option<PauseTable>,
    /// A `[ping]` of the config that is told of start, success and failure of each scheduled run.
    pub ping: Option<String>,
}

/// When schedules are paused by themselves. The owner is told.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseTable {
    /// After so many occurrences in a row that failed.
    #[schemars(required)]
    pub failures: Option<u32>,
}

/// A rule that yields instants: exactly one of `cron`, `once`, `every` and `repeat`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleTable {
    /// Five fields (minute hour day-of-month month day-of-week), or six with seconds first, as "0 6 * * Mon-Fri".
    pub cron: Option<String>,
    /// One local time, as "2026-12-01T06:00".
    pub once: Option<String>,
    /// Elapsed time, as "15m"; counted from `start`, else from 1970-01-01T00:00Z.
    pub every: Option<String>,
    /// By the calendar: hourly, daily, weekly, monthly, quarterly or yearly.
    pub repeat: Option<RepeatWord>,
    /// The time of a `repeat`, as "06:30"; of an hourly one the minute, as ":30". Its beginning when absent.
    pub at: Option<String>,
    /// The day of a `repeat`: a weekday (weekly; monday when absent), 1 to 31 or "last" (monthly, and quarterly in the
    /// quarter's first month; 1 when absent), "MM-DD" (yearly; "01-01" when absent).
    pub on: Option<OnValue>,
    /// A day that a month lacks: last (its last day; the default), or skip.
    pub short_month: Option<ShortMonthWord>,
    /// The first instant that counts, as "2026-11-01T00:00Z", or a local date or time.
    pub start: Option<String>,
    /// The first instant that does not count any more, written like `start`.
    pub end: Option<String>,
    /// Days whose instants are skipped: "2026-12-25", "2026-12-24..2027-01-02" with TO exclusive, or a list of the
    /// config's `blackout` table.
    #[serde(default)]
    pub blackout: Vec<String>,
    /// Each occurrence is put off by up to this, always the same for one instant, as "5m".
    pub jitter: Option<String>,
    /// Whether the schedule is on; true when absent.
    pub enabled: Option<bool>,
    /// The zone in which `cron`, `once` and `repeat` are read; the report's when absent.
    pub time_zone: Option<String>,
    /// At a clock change: cron (fixed times are made up in a gap, not repeated in a fold; the default), skip, or wall.
    pub clock_change: Option<ClockChangeWord>,
    /// What of the instants missed while the daemon was down runs: the latest (the default), none, or all.
    pub missed: Option<MissedWord>,
    /// No missed instant older than this runs, as "24h", the default.
    pub missed_window: Option<String>,
    /// With missed = "all", the newest so many run; 100 when absent.
    pub missed_cap: Option<u64>,
    /// What happens when an occurrence meets a run of the same definition: skip (the default), queue, cancel-running, or
    /// allow.
    pub overlap: Option<OverlapWord>,
}

/// The day of a `repeat`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OnValue {
    /// A day of the month.
    Number(i64),
    /// A weekday, "last", or month and day.
    Text(String),
}
