//! What a definition reports: the type, its period, its filters and its options.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use jiff::civil::Weekday;

use super::criteria::{Said, VendorReport};
use super::output::Format;
use super::period::{Period, PeriodRule};
use super::source::Use;
use super::table::{Column, Picked};
use super::zone::Zone;

/// A report that Legwork can make: one file in `reports`.
#[derive(Debug)]
pub struct ReportType {
    /// The name in TOML, logs and pages.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// What one row is, and which rows there are.
    pub rows: &'static str,
    /// What it is made of.
    pub reads: Reads,
    /// The filters that make sense for it.
    pub filters: &'static [FilterKey],
    /// Its own options: keys of `[report]`.
    pub options: &'static [&'static str],
    /// Every column that it can have.
    pub columns: &'static [Column],
    /// The columns that a job asks for, in order, in a format.
    pub pick: fn(&Report, Format) -> Vec<Picked>,
    /// How its instants print unless the job says otherwise.
    pub date_format: fn(&ColumnChoice) -> &'static str,
    /// What stands around its rows in JSON, where its JSON is documented by a vendor.
    pub envelope: Option<fn(&Frame<'_>) -> Envelope>,
}

impl ReportType {
    /// How its vendor is asked for it, if only its vendor makes it.
    pub fn vendors_own(&self) -> Option<&'static VendorReport> {
        if let Reads::Vendor(report) = self.reads { Some(report) } else { None }
    }
}

/// What a report is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Segments, row by row.
    Segments(SegmentRows),
    /// Agents' login sessions, row by row.
    Sessions,
    /// Segments, counted in groups.
    Metrics(SegmentRows),
    /// Nothing that is here: only its vendor makes it.
    Vendor(&'static VendorReport),
}

/// Which segments a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentRows {
    /// Segments of agents, queue stints that nobody answered, portions of bots.
    All,
    /// Agents' legs of telephone calls in a direction; leg 1, the outside party, is none.
    Legs(Direction),
    /// Closed segments of people on channels with messages.
    ClosedOfPeople,
    /// Closed segments of people and bots in chat and messaging, SMS included.
    ClosedMessaging,
}

impl SegmentRows {
    /// Whether these are closed segments: they belong to the period in which they end, also while their interaction
    /// goes on.
    pub fn closed(self) -> bool {
        matches!(self, Self::ClosedOfPeople | Self::ClosedMessaging)
    }
}

/// A report of the catalogue.
#[derive(Clone, Copy)]
pub struct ReportKind(pub &'static ReportType);

impl std::ops::Deref for ReportKind {
    type Target = ReportType;

    fn deref(&self) -> &ReportType {
        self.0
    }
}

impl PartialEq for ReportKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ReportKind {}

impl fmt::Debug for ReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a JSON envelope may speak of.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The report.
    pub report: &'a Report,
    /// The period.
    pub period: Period,
}

/// What stands around the rows of a documented JSON.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Before the first row.
    pub before: String,
    /// Behind the last one, from the count of all rows that fit.
    pub after: fn(&Frame<'_>, u64) -> String,
}

/// What a definition reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which report.
    pub kind: ReportKind,
    /// The source's name in the config; `store` is the segment store.
    pub source: String,
    /// How the source makes it.
    pub by: Use,
    /// Rules period, file name and every printed time.
    pub zone: Zone,
    /// The period of data, from the nominal instant.
    pub period: PeriodRule,
    /// First day of a week.
    pub week_start: Weekday,
    /// How long a scheduled run waits for late data.
    pub settle: SignedDuration,
    /// Which rows are there.
    pub filters: Filters,
    /// Gross or net talk time.
    pub talk_time: TalkTime,
    /// What puts a row into a period.
    pub rows_by: RowsBy,
    /// Whether rows of what has not ended are there, too.
    pub in_progress: bool,
    /// Which columns.
    pub columns: ColumnChoice,
    /// Whether delimited text puts an apostrophe before the call id, so that spreadsheet programs keep it as text.
    pub uii_apostrophe: bool,
    /// One row per agent instead of one per login session.
    pub rollup: bool,
    /// The order of agent segments.
    pub sort: SegmentSort,
    /// Rows at the most; all of them when absent.
    pub limit: Option<u64>,
    /// Rows left out before the first.
    pub offset: u64,
    /// How messaging metrics are grouped.
    pub metrics: MetricsChoice,
    /// What a vendor is asked beside the period, by its own keys, for a report that only it makes.
    pub criteria: Vec<(&'static str, Said)>,
    /// The URL at which it is served page by page, without limit and offset; a file has none.
    pub served_at: Option<String>,
}

/// Which columns a file has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ColumnChoice {
    /// Those of the vendor's page.
    #[default]
    Standard,
    /// The 32 of the vendor's page of today.
    Wide,
    /// The vendor's field names, in their order.
    Fields,
    /// Those that the job names: name and header.
    Picked(Vec<(String, String)>),
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

/// The order of agent segments. Behind the key stand the end, latest first, and the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SegmentSort {
    /// By end, latest first.
    #[default]
    Date,
    /// By conversation id.
    Conversation,
    /// By agent id.
    Agent,
    /// By employee id.
    Employee,
    /// By skill id.
    Skill,
    /// By agent group id.
    Group,
    /// In any order: for whoever only counts.
    Any,
}

/// How messaging metrics are grouped, and which of them are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricsChoice {
    /// Length of an interval in minutes; one for the whole period when absent.
    pub interval_minutes: Option<u32>,
    /// Whether skills are a level of their own, and which: none named means all.
    pub by_skill: Option<Vec<String>>,
    /// The metrics by name; all when empty. The number of segments is always there.
    pub only: Vec<String>,
    /// What counts as a response.
    pub response: ResponseRule,
}

/// What counts as a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseRule {
    /// Each counted message of the agent.
    #[default]
    Message,
    /// The first one after assignment or after a message of the customer.
    Turn,
}

/// A filter that is a list: a row passes when it has one of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilterKey {
    /// Queues by name or id.
    Queues,
    /// Groups of queues.
    QueueGroups,
    /// Campaigns by name or id.
    Campaigns,
    /// Groups of campaigns.
    DialGroups,
    /// Agents by mail address, name or id.
    Agents,
    /// Agent groups by name or id.
    Groups,
    /// Teams.
    Teams,
    /// Employee ids.
    Employees,
    /// Channels by name.
    Channels,
    /// Skills placed in the segment.
    Skills,
    /// Skills that routed it, by id.
    SkillIds,
    /// Final statuses of the interaction, wherever the row stands in it.
    Statuses,
    /// Dispositions of the segment.
    Dispositions,
    /// Accounts by id.
    Accounts,
    /// Interactions by id.
    Conversations,
    /// Where a conversation started, in any case.
    IntegrationSources,
}

impl FilterKey {
    /// Every one.
    pub const ALL: [Self; 16] = [
        Self::Queues,
        Self::QueueGroups,
        Self::Campaigns,
        Self::DialGroups,
        Self::Agents,
        Self::Groups,
        Self::Teams,
        Self::Employees,
        Self::Channels,
        Self::Skills,
        Self::SkillIds,
        Self::Statuses,
        Self::Dispositions,
        Self::Accounts,
        Self::Conversations,
        Self::IntegrationSources,
    ];

    /// The key in TOML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queues => "queues",
            Self::QueueGroups => "queue_groups",
            Self::Campaigns => "campaigns",
            Self::DialGroups => "dial_groups",
            Self::Agents => "agents",
            Self::Groups => "groups",
            Self::Teams => "teams",
            Self::Employees => "employees",
            Self::Channels => "channels",
            Self::Skills => "skills",
            Self::SkillIds => "skill_ids",
            Self::Statuses => "statuses",
            Self::Dispositions => "dispositions",
            Self::Accounts => "accounts",
            Self::Conversations => "conversations",
            Self::IntegrationSources => "integration_sources",
        }
    }
}

impl fmt::Display for FilterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A filter decides only whether a row is there; a list that is absent lets everything pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// Values by key; none of the lists is empty.
    pub lists: BTreeMap<FilterKey, Vec<String>>,
    /// Inbound or outbound.
    pub direction: Option<Direction>,
    /// People or bots.
    pub user_type: Option<UserTypeFilter>,
    /// What a value means that the store has never seen in its role.
    pub unseen: Unseen,
}

/// What a filter's value means that the store has never seen in its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unseen {
    /// A mistake: an empty report would read as a quiet day.
    #[default]
    Wrong,
    /// Nothing passes: a program that asks by ids knows what an empty answer is.
    Nothing,
}

/// Who began an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The customer.
    Inbound,
    /// The contact centre.
    Outbound,
}

/// Whose segments are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserTypeFilter {
    /// Those of people.
    Human,
    /// Those of bots.
    Bot,
}
