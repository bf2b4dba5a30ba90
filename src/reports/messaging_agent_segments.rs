//! Messaging agent segments: eleven metrics per interval, skill and agent; as the documented JSON, and flat.
//!
//! A response counts from the earliest question since the message before; the first one from assignment. Totals are
//! pooled from raw sums. The vendor's page has the texts of the two non-responsive classes shifted by a row; the
//! corrected ones partition the segments.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::metrics::{Agents, Counting, Groups, Sums};
use super::ranks::Ranked;
use crate::domain::batch::{BATCH_ROWS, BLANK, Batch, Code, Data, Field};
use crate::domain::output::DATE_FORMAT;
use crate::domain::period::Period;
use crate::domain::record::Millis;
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
        bind: |b| b.codes(Field::GroupSkill),
    },
    Column {
        header: "agentId",
        meaning: "the agent; a bot without an id is `BOT`",
        blank: "never",
        source: OURS,
        bind: |b| b.codes(Field::GroupAgent),
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

/// The flat form on its way: a row for each interval, skill (where asked for) and agent that has segments, as batches.
#[derive(Debug)]
pub struct Flat<'a> {
    fields: &'a [Field],
    figures: Vec<Option<Figure>>,
    /// The skills that are shown; all where it is empty.
    only: &'a [String],
    counting: Counting,
    skills: Terms,
    agents: Terms,
    /// How many terms have been handed on.
    terms: Code,
    batch: Batch,
}

/// The terms that stand for skills or agents in batches, by the code that they have in counting; 0 is none yet.
type Terms = Vec<Code>;

impl<'a> Flat<'a> {
    /// Nothing counted yet; its batches will have `fields`.
    pub fn begin(period: Period, choice: &'a MetricsChoice, fields: &'a [Field]) -> Self {
        let figure =
            |field: &Field| METRICS.iter().find(|(known, _)| known == field).map(|(_, figure)| *figure);
        Self {
            fields,
            figures: fields.iter().map(figure).collect(),
            only: choice.by_skill.as_deref().unwrap_or_default(),
            counting: Counting::begin(period, choice, choice.by_skill.is_some()),
            skills: Terms::new(),
            agents: Terms::new(),
            terms: BLANK,
            batch: Batch::of(fields),
        }
    }

    /// Counts a batch of segments, and hands on the rows of the intervals that are complete by now. False as soon as
    /// `sink` says no.
    pub fn count(&mut self, segments: Batch, sink: &mut dyn FnMut(Batch) -> bool) -> bool {
        let until = segments.ends_from;
        self.counting.count(segments);
        until.is_none_or(|until| self.hand_on(until, sink))
    }

    /// Hands on what is left.
    pub fn finish(mut self, sink: &mut dyn FnMut(Batch) -> bool) {
        if self.hand_on(Millis::MAX, sink) && 0 < self.batch.rows {
            sink(self.batch);
        }
    }

    fn hand_on(&mut self, until: Millis, sink: &mut dyn FnMut(Batch) -> bool) -> bool {
        let Self { fields, figures, only, counting, skills, agents, terms, batch } = self;
        counting.settle(until, &mut |group| {
            if !only.is_empty() && !only.contains(&group.skill.key.0) {
                return true;
            }
            let [skill, agent] = [(&mut *skills, group.skill), (&mut *agents, group.agent)]
                .map(|(known, ranked)| term(known, ranked, terms, batch));
            for (place, (field, figure)) in fields.iter().zip(&*figures).enumerate() {
                match batch.column_mut(place) {
                    Some(Data::Code(codes)) => {
                        codes.push(if *field == Field::GroupSkill { skill } else { agent });
                    }
                    Some(Data::Number(numbers)) => {
                        numbers.push(figure.map_or(group.start, |figure| figure(&group.sums)));
                    }
                    Some(Data::Text(_)) | None => {}
                }
            }
            batch.rows += 1;
            batch.rows < BATCH_ROWS || sink(std::mem::replace(batch, Batch::of(fields)))
        })
    }
}

/// The term of a skill or an agent; the batch says it where it is new.
fn term(known: &mut Terms, Ranked { key, code }: &Ranked, terms: &mut Code, batch: &mut Batch) -> Code {
    let place = usize::try_from(*code).unwrap_or(0);
    if known.len() <= place {
        known.resize(place + 1, BLANK);
    }
    let Some(term) = known.get_mut(place) else { return BLANK };
    if *term == BLANK {
        *terms += 1;
        *term = *terms;
        batch.fresh_terms.push(key.0.as_str().into());
    }
    *term
}

/// The skills that are shown: all, or those named.
fn skills<'a>(groups: &'a Groups, only: &'a [String]) -> impl Iterator<Item = (&'a str, &'a Agents)> {
    let shown = groups.skills.iter().filter(|(skill, _)| only.is_empty() || only.contains(&skill.0));
    shown.map(|(skill, agents)| (skill.0.as_str(), agents))
}

/// The documented JSON on its way, with LivePerson's key order: each interval is written as soon as it is complete.
#[derive(Debug)]
pub struct Document<'a, W> {
    out: W,
    choice: &'a MetricsChoice,
    counting: Counting,
    whole: Groups,
    /// Whether an interval has been written.
    begun: bool,
    rows: u64,
}

impl<'a, W: Write> Document<'a, W> {
    /// Nothing counted yet.
    pub fn begin(mut out: W, period: Period, choice: &'a MetricsChoice) -> io::Result<Self> {
        if choice.interval_minutes.is_some() {
            out.write_all(b"{\"metricsByIntervals\":[")?;
        }
        let counting = Counting::begin(period, choice, true);
        Ok(Self { out, choice, counting, whole: Groups::default(), begun: false, rows: 0 })
    }

    /// Counts a batch of segments, and writes the intervals that are complete by now.
    pub fn count(&mut self, segments: Batch) -> io::Result<()> {
        let until = segments.ends_from;
        self.counting.count(segments);
        until.map_or(Ok(()), |until| self.write(until))
    }

    /// Rows of the flat form that say as much as what was written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what is left.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.write(Millis::MAX)?;
        let whole = Body { groups: &self.whole, choice: self.choice };
        if self.choice.interval_minutes.is_some() {
            self.out.write_all(b"],\"timeframeSummary\":")?;
            serde_json::to_writer(&mut self.out, &whole)?;
            self.out.write_all(b"}")?;
        } else {
            serde_json::to_writer(&mut self.out, &whole)?;
        }
        self.out.write_all(b"\n")?;
        Ok((self.out, self.rows))
    }

    fn write(&mut self, until: Millis) -> io::Result<()> {
        let Self { out, choice, counting, whole, begun, rows } = self;
        let mut written = Ok(());
        counting.settle_intervals(until, &mut |start, groups| {
            *rows += groups.rows(choice);
            whole.add(&groups);
            if choice.interval_minutes.is_some() {
                let comma: &[u8] = if *begun { b"," } else { b"" };
                let interval = OneInterval { start, body: Body { groups: &groups, choice } };
                written =
                    out.write_all(comma).and_then(|()| Ok(serde_json::to_writer(&mut *out, &interval)?));
            }
            *begun = true;
            written.is_ok()
        });
        written
    }
}

impl Groups {
    /// How many rows the flat form has of them.
    fn rows(&self, choice: &MetricsChoice) -> u64 {
        let rows = match &choice.by_skill {
            Some(only) => skills(self, only).map(|(_, agents)| agents.len()).sum(),
            None => self.agents().len(),
        };
        u64::try_from(rows).unwrap_or(u64::MAX)
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
