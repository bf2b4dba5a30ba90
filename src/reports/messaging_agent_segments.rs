//! Messaging agent segments: eleven metrics per interval, skill and agent; as the documented JSON, and flat.
//!
//! A response counts from the earliest question since the message before; the first one from assignment. Totals are
//! pooled from raw sums. The vendor's page has the texts of the two non-responsive classes shifted by a row; the
//! corrected ones partition the segments.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::metrics::{Agents, Counting, Groups, Interval, Sums};
use crate::domain::batch::{BATCH_ROWS, Batch, Data, Dictionaries, Field};
use crate::domain::output::DATE_FORMAT;
use crate::domain::report::{FilterKey, MetricsChoice, Reads, Report, ReportType, SegmentRows};
use crate::domain::table::{Column, Picked, quotient};

const PAGE: &str = "vendor's page";
const OURS: &str = "our flat form of the vendor's document";
const UNIT: &str = "vendor's page, which names no unit";
const SHIFTED: &str = "vendor's page for skills; its page for agents has the texts shifted by a row";
const CLOCK: &str = "vendor's page; the clock of later responses is our reading";

/// The report.
pub static REPORT: ReportType = ReportType {
    name: "messaging-agent-segments",
    about: "LivePerson Messaging Operations, agent segment metrics",
    rows: "one per interval, skill and agent with closed messaging segments that end in the interval",
    reads: Reads::Metrics(SegmentRows::ClosedMessaging),
    filters: &[
        FilterKey::Agents,
        FilterKey::Groups,
        FilterKey::IntegrationSources,
        FilterKey::SkillIds,
        FilterKey::Channels,
        FilterKey::Accounts,
        FilterKey::Employees,
        FilterKey::Conversations,
    ],
    options: &["interval", "by_skill", "metrics", "response"],
    columns: &COLUMNS,
    pick: |report, _| pick(report),
    date_format: |_| DATE_FORMAT,
    envelope: None,
};

/// Columns before the metrics.
const KEYS: usize = 3;

/// The metrics' names, in the vendor's order; the first is always there.
pub fn metric_names() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().skip(KEYS).map(|column| column.header)
}

fn wanted(choice: &MetricsChoice, name: &str) -> bool {
    choice.only.is_empty()
        || metric_names().next() == Some(name)
        || choice.only.iter().any(|only| only == name)
}

fn pick(report: &Report) -> Vec<Picked> {
    let columns = COLUMNS.iter().enumerate();
    columns
        .filter(|(place, column)| *place < KEYS || wanted(&report.metrics, column.header))
        .map(|(_, column)| Picked::of(column))
        .collect()
}

/// The columns in order.
static COLUMNS: [Column; 14] = [
    Column {
        header: "interval",
        meaning: "the interval's start in the report's zone; the period's without intervals",
        blank: "never",
        source: OURS,
        bind: |b| b.instant(Field::IntervalStart),
    },
    Column {
        header: "skillId",
        meaning: "the skill, `-1` where none routed the segment",
        blank: "without `by_skill`",
        source: OURS,
        bind: |b| b.text(Field::GroupSkill),
    },
    Column {
        header: "agentId",
        meaning: "the agent; a bot without an id is `BOT`",
        blank: "never",
        source: OURS,
        bind: |b| b.text(Field::GroupAgent),
    },
    Column {
        header: "totalAgentConversationSegments",
        meaning: "how often conversations were assigned",
        blank: "never",
        source: PAGE,
        bind: |b| b.number(Field::Segments),
    },
    Column {
        header: "avgAgentMessagesinAgentSegment",
        meaning: "counted messages ÷ segments",
        blank: "never",
        source: PAGE,
        bind: |b| b.quotient(Field::Messages, Field::Segments),
    },
    Column {
        header: "avgAgentSegmentDuration",
        meaning: "milliseconds from assignment to close or transfer, truncated",
        blank: "never: -1 without a value",
        source: UNIT,
        bind: |b| b.number(Field::AverageDurationMs),
    },
    Column {
        header: "interactiveAgentSegments",
        meaning: "segments with an answer of the consumer to a message of the agent",
        blank: "never",
        source: PAGE,
        bind: |b| b.number(Field::Interactive),
    },
    Column {
        header: "agentSegmentsAbandonedByConsumers",
        meaning: "segments that the consumer closed without a message of the agent",
        blank: "never",
        source: PAGE,
        bind: |b| b.number(Field::Abandoned),
    },
    Column {
        header: "agentSegmentsWithNonResponsiveConsumers",
        meaning: "segments with a message of the agent and no answer to it",
        blank: "never",
        source: SHIFTED,
        bind: |b| b.number(Field::NonResponsiveConsumers),
    },
    Column {
        header: "agentSegmentsWithNonResponsiveAgents",
        meaning: "segments without a message of the agent that were transferred, or closed by agent or system",
        blank: "never",
        source: SHIFTED,
        bind: |b| b.number(Field::NonResponsiveAgents),
    },
    Column {
        header: "avgTimetoFirstAgentMessageFromAgentAssignment",
        meaning: "milliseconds from assignment to the first message, in new conversations and after transfers",
        blank: "never: -1 without a value",
        source: PAGE,
        bind: |b| b.number(Field::AverageFirstMs),
    },
    Column {
        header: "avgTimetoFirstAgentMessageFromAgentAssignment_AfterTransfer",
        meaning: "the same after transfers",
        blank: "never: -1 without a value",
        source: PAGE,
        bind: |b| b.number(Field::AverageFirstTransferMs),
    },
    Column {
        header: "avgTimetoFirstAgentMessageFromAgentAssignment_NewConversation",
        meaning: "the same in new conversations",
        blank: "never: -1 without a value",
        source: PAGE,
        bind: |b| b.number(Field::AverageFirstNewMs),
    },
    Column {
        header: "avgTimeToResponseFromAgentAssignment",
        meaning: "milliseconds to a response, over all responses, truncated",
        blank: "never: -1 without a value",
        source: CLOCK,
        bind: |b| b.number(Field::AverageResponseMs),
    },
];

/// A figure of a group.
type Figure = fn(&Sums) -> i64;

/// The field behind each metric, in the order of [`metric_names`], and its value. Of the average of messages it is the
/// messages: what is printed is their quotient by the segments.
const METRICS: [(Field, Figure); 11] = [
    (Field::Segments, |sums| sums.segments),
    (Field::Messages, |sums| sums.messages),
    (Field::AverageDurationMs, |sums| sums.average((sums.segments, sums.duration_ms))),
    (Field::Interactive, |sums| sums.outcomes[0]),
    (Field::Abandoned, |sums| sums.outcomes[1]),
    (Field::NonResponsiveConsumers, |sums| sums.outcomes[2]),
    (Field::NonResponsiveAgents, |sums| sums.outcomes[3]),
    (Field::AverageFirstMs, |sums| sums.average(sums.first())),
    (Field::AverageFirstTransferMs, |sums| sums.average(sums.first_transfer)),
    (Field::AverageFirstNewMs, |sums| sums.average(sums.first_new)),
    (Field::AverageResponseMs, |sums| sums.average(sums.responses)),
];

/// The flat form: a row for each interval, skill (where asked for) and agent that has segments, as batches of `fields`.
pub fn flat(
    counting: &Counting,
    dictionaries: &Dictionaries,
    choice: &MetricsChoice,
    fields: &[Field],
    sink: &mut dyn FnMut(Batch) -> bool,
) {
    let figures: Vec<Option<Figure>> = fields
        .iter()
        .map(|field| METRICS.iter().find(|(known, _)| known == field).map(|(_, figure)| *figure))
        .collect();
    let only: &[String] = choice.by_skill.as_deref().unwrap_or_default();
    let mut batch = Batch::of(fields);
    let mut wanted = true;
    counting.each(dictionaries, choice.by_skill.is_some(), &mut |group| {
        if !only.is_empty() && !only.contains(&group.skill.0) {
            return true;
        }
        for (place, (field, figure)) in fields.iter().zip(&figures).enumerate() {
            match batch.column_mut(place) {
                Some(Data::Text(texts)) => {
                    texts.push(if *field == Field::GroupSkill { &group.skill.0 } else { &group.agent.0 });
                }
                Some(Data::Number(numbers)) => {
                    numbers.push(figure.map_or(group.interval.1, |figure| figure(&group.sums)));
                }
                Some(Data::Code(_)) | None => {}
            }
        }
        batch.rows += 1;
        if BATCH_ROWS <= batch.rows {
            wanted = sink(std::mem::replace(&mut batch, Batch::of(fields)));
        }
        wanted
    });
    if wanted && 0 < batch.rows {
        sink(batch);
    }
}

/// The skills that are shown: all, or those named.
fn skills<'a>(groups: &'a Groups, only: &'a [String]) -> impl Iterator<Item = (&'a str, &'a Agents)> {
    let shown = groups.skills.iter().filter(|(skill, _)| only.is_empty() || only.contains(&skill.0));
    shown.map(|(skill, agents)| (skill.0.as_str(), agents))
}

/// The documented JSON of these intervals with LivePerson's key order.
#[derive(Debug)]
pub struct Document<'a> {
    /// The intervals, or one for the whole period.
    pub intervals: &'a [Interval],
    /// What was asked for.
    pub choice: &'a MetricsChoice,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut whole = Groups::default();
        for (_, groups) in self.intervals {
            whole.add(groups);
        }
        let whole = Body { groups: &whole, choice: self.choice };
        if self.choice.interval_minutes.is_none() {
            return whole.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("metricsByIntervals", &Intervals(self))?;
        map.serialize_entry("timeframeSummary", &whole)?;
        map.end()
    }
}

struct Intervals<'a>(&'a Document<'a>);

impl Serialize for Intervals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let choice = self.0.choice;
        let intervals = self.0.intervals.iter();
        serializer.collect_seq(
            intervals.map(|(start, groups)| OneInterval { start: *start, body: Body { groups, choice } }),
        )
    }
}

#[derive(serde::Serialize)]
struct OneInterval<'a> {
    #[serde(rename = "timestamp")]
    start: i64,
    #[serde(rename = "metricsData")]
    body: Body<'a>,
}

/// The metrics of an interval or of the whole timeframe.
struct Body<'a> {
    groups: &'a Groups,
    choice: &'a MetricsChoice,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let choice = self.choice;
        let mut map = serializer.serialize_map(None)?;
        if let Some(only) = &choice.by_skill {
            map.serialize_entry("metricsPerSkill", &PerSkill { groups: self.groups, only, choice })?;
        }
        map.serialize_entry("agentsMetrics", &PerAgent { agents: &self.groups.agents(), choice })?;
        map.serialize_entry("metricsTotal", &Metrics { sums: &self.groups.total(), choice })?;
        map.end()
    }
}

struct PerSkill<'a> {
    groups: &'a Groups,
    only: &'a [String],
    choice: &'a MetricsChoice,
}

impl Serialize for PerSkill<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let agents = skills(self.groups, self.only);
        serializer
            .collect_map(agents.map(|(skill, agents)| (skill, PerAgent { agents, choice: self.choice })))
    }
}

struct PerAgent<'a> {
    agents: &'a Agents,
    choice: &'a MetricsChoice,
}

impl Serialize for PerAgent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("metricsPerAgent", &ByAgent(self))?;
        map.end()
    }
}

struct ByAgent<'a>(&'a PerAgent<'a>);

impl Serialize for ByAgent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let choice = self.0.choice;
        serializer.collect_map(self.0.agents.iter().map(|(agent, sums)| (&agent.0, Metrics { sums, choice })))
    }
}

/// The metrics of one group, in the vendor's order.
struct Metrics<'a> {
    sums: &'a Sums,
    choice: &'a MetricsChoice,
}

impl Serialize for Metrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, (field, figure)) in metric_names().zip(METRICS) {
            if !wanted(self.choice, name) {
                continue;
            }
            let (segments, messages) = (self.sums.segments, self.sums.messages);
            if field == Field::Messages && segments != 0 && messages % segments != 0 {
                map.serialize_entry(name, &quotient(messages, segments))?;
            } else if field == Field::Messages {
                // Whole doubles print without a fraction.
                map.serialize_entry(name, &messages.checked_div(segments).unwrap_or(0))?;
            } else {
                map.serialize_entry(name, &figure(self.sums))?;
            }
        }
        map.end()
    }
}
