//! Agent segments: closed segments with their actual handle time, as CSV and as the documented JSON.

use super::shared::DETAIL_FILTERS;
use crate::domain::batch::{AgentFact, Field};
use crate::domain::output::{DATE_FORMAT, Format};
use crate::domain::report::{Envelope, Frame, Reads, ReportType, SegmentRows};
use crate::domain::table::{Column, InstantStyle, Picked};

const PAGE: &str = "vendor's page";
const EPOCH: &str = "vendor's newest page; its older sample has seconds that match no other field";

/// The report.
pub static REPORT: ReportType = ReportType {
    name: "agent-segments",
    about: "LivePerson Actual Handle Time, agent segments",
    rows: "one per closed segment of a person on a channel with messages, by its end, also of open conversations",
    reads: Reads::Segments(SegmentRows::ClosedOfPeople),
    filters: &DETAIL_FILTERS,
    options: &["sort", "limit", "offset"],
    columns: &COLUMNS,
    pick: |_, format| {
        let mut columns = Picked::all(&COLUMNS);
        if matches!(format, Format::Json) {
            // The documented object, with one more key only where the figure was not measured.
            columns.pop();
            columns.push(Picked { omit_blank: true, ..Picked::of(&NOT_MEASURED) });
        }
        columns
    },
    date_format: |_| DATE_FORMAT,
    envelope: Some(envelope),
};

fn envelope(frame: &Frame<'_>) -> Envelope {
    let (from, to) = (frame.period.start, frame.period.end);
    let text = |at: jiff::Timestamp| {
        let local = frame.report.zone.zoned(at);
        let format =
            if local.offset().seconds() == 0 { "%Y-%m-%dT%H:%M:%S%.fZ" } else { "%Y-%m-%dT%H:%M:%S%.f%:z" };
        local.strftime(format).to_string()
    };
    Envelope {
        before: format!(
            "{{\"timeframe\":{{\"startTime\":\"{}\",\"startTimeL\":{},\"endTime\":\"{}\",\"endTimeL\":{}}},\"segments\":[",
            text(from),
            from.as_millisecond(),
            text(to),
            to.as_millisecond()
        ),
        after: pagination,
    }
}

/// The vendor's page's default.
const PAGE_ROWS: u64 = 100;

/// Count and references: self, first and last always, next and previous where there are any. A file has no URL of its
/// own, so there is nothing to refer to.
fn pagination(frame: &Frame<'_>, fit: u64) -> String {
    let report = frame.report;
    let (limit, offset) = (report.limit.unwrap_or(PAGE_ROWS).max(1), report.offset);
    let reference = |rel: &str, offset: u64| {
        let url = report.served_at.as_ref()?;
        let href = format!("{url}&limit={limit}&offset={offset}");
        Some(serde_json::json!({ "rel": rel, "href": href }))
    };
    let last = fit.saturating_sub(1) / limit * limit;
    let references: Vec<serde_json::Value> = [
        reference("self", offset),
        (offset + limit < fit).then(|| reference("next", offset + limit)).flatten(),
        (0 < offset).then(|| reference("previous", offset.saturating_sub(limit))).flatten(),
        reference("first", 0),
        reference("last", last),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!("],\"pagination\":{{\"count\":{fit},\"references\":{}}}}}", serde_json::Value::from(references))
}

static END_REASONS: [&str; 12] = [
    "other",
    "other",
    "backToQueue",
    "closedByConsumer",
    "closedByConsumer",
    "closedByAgent",
    "closedBySystem",
    "agentTransfer",
    "skillTransfer",
    "backToQueue",
    "other",
    "other",
];

/// What the last column becomes in the documented JSON.
static NOT_MEASURED: Column = Column {
    header: "totalHandleTimeSource",
    meaning: "`reported` or `estimate`",
    blank: "where the handle time was measured by focus",
    source: "our label, so that an estimate never passes for a measurement",
    bind: |b| b.word(Field::HandleSource, &["", "reported", "estimate"]),
};

/// The columns in order.
static COLUMNS: [Column; 13] = [
    Column {
        header: "segmentId",
        meaning: "the segment's id",
        blank: "never",
        source: PAGE,
        bind: |b| b.text(Field::SegmentId),
    },
    Column {
        header: "startTime",
        meaning: "assignment, RFC 3339 in UTC",
        blank: "never",
        source: PAGE,
        bind: |b| b.instant_as(Field::Start, InstantStyle::Rfc3339),
    },
    Column {
        header: "startTimeL",
        meaning: "the same in epoch milliseconds",
        blank: "never",
        source: EPOCH,
        bind: |b| b.number(Field::Start),
    },
    Column {
        header: "endTime",
        meaning: "close or transfer, RFC 3339 in UTC",
        blank: "never",
        source: PAGE,
        bind: |b| b.instant_as(Field::End, InstantStyle::Rfc3339),
    },
    Column {
        header: "endTimeL",
        meaning: "the same in epoch milliseconds",
        blank: "never",
        source: EPOCH,
        bind: |b| b.number(Field::End),
    },
    Column {
        header: "conversationId",
        meaning: "the conversation's id",
        blank: "never",
        source: PAGE,
        bind: |b| b.text(Field::InteractionId),
    },
    Column {
        header: "agentId",
        meaning: "the agent; a number in JSON where it is one",
        blank: "where no agent is known",
        source: PAGE,
        bind: |b| b.agent_id(),
    },
    Column {
        header: "employeeId",
        meaning: "the agent's number in the brand's own books",
        blank: "where none is configured",
        source: PAGE,
        bind: |b| b.agent(AgentFact::EmployeeId),
    },
    Column {
        header: "skillId",
        meaning: "the skill that routed it; a number in JSON where it is one",
        blank: "where there is none",
        source: PAGE,
        bind: |b| b.id(Field::SkillId),
    },
    Column {
        header: "groupId",
        meaning: "the agent group; a number in JSON where it is one",
        blank: "where there is none",
        source: PAGE,
        bind: |b| b.id(Field::AgentGroupId),
    },
    Column {
        header: "endReason",
        meaning: "`closedByConsumer`, `closedByAgent`, `closedBySystem`, `agentTransfer`, `skillTransfer`, `backToQueue` or `other`",
        blank: "never",
        source: "vendor's newest page; a takeover is `other`, which the page leaves open",
        bind: |b| b.word(Field::CloseReason, &END_REASONS),
    },
    Column {
        header: "totalHandleTimeMillis",
        meaning: "the time the agent spent on it, milliseconds: from focus where the store has it, else as reported, else an estimate from the messages",
        blank: "never",
        source: "vendor's overview; the estimate is ours and labelled",
        bind: |b| b.number(Field::HandleMs),
    },
    Column {
        header: "handleTimeSource",
        meaning: "`focus`, `reported` or `estimate`; JSON says it as `totalHandleTimeSource`, and not for focus",
        blank: "never",
        source: "our label, so that an estimate never passes for a measurement",
        bind: |b| b.word(Field::HandleSource, &["focus", "reported", "estimate"]),
    },
];
