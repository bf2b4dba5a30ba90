//! Agent Segment Metadata, inbound and outbound: one row per agent leg of a telephone call.
//!
//! The header is the vendor's corrected one; the sample on its first page was that of another report. The leg of the
//! outside party never appears. `columns = "fields"` gives the first page's field names in their order, durations in
//! whole seconds, and stamps as `YYYY-MM-DD HH:MM:SS`.

use super::shared::{DETAIL_FILTERS, end_or_now};
use crate::domain::batch::{AgentFact, Field};
use crate::domain::output::DATE_FORMAT;
use crate::domain::record::Millis;
use crate::domain::report::{ColumnChoice, Direction, Reads, Report, ReportType, SegmentRows};
use crate::domain::table::{Bind, Binding, Column, DurationStyle, Picked};

const GUIDE: &str = "vendor's guide, corrected header";
const SAMPLE: &str = "vendor's guide and its sample row";
const OURS: &str = "our rule: the vendor names the figure and not its formula";

/// How instants print on the vendor's sample row.
const SAMPLE_DATE: &str = "%m/%d/%Y %H:%M:%S";

const fn report(name: &'static str, about: &'static str, direction: Direction) -> ReportType {
    ReportType {
        name,
        about,
        rows: "one per agent leg of ended telephone calls in this direction, by queue entry, else start; never leg 1",
        reads: Reads::Segments(SegmentRows::Legs(direction)),
        filters: &DETAIL_FILTERS,
        options: &["columns", "in_progress", "rows_by", "uii_apostrophe"],
        columns: &COLUMNS,
        pick: |report, _| pick(report),
        date_format: |columns| if *columns == ColumnChoice::Fields { DATE_FORMAT } else { SAMPLE_DATE },
        envelope: None,
    }
}

/// Legs of calls that came in.
pub static INBOUND: ReportType = report(
    "inbound-agent-segment-metadata",
    "RingCentral Agent Segment Metadata, inbound",
    Direction::Inbound,
);

/// Legs of calls that were dialled.
pub static OUTBOUND: ReportType = report(
    "outbound-agent-segment-metadata",
    "RingCentral Agent Segment Metadata, outbound",
    Direction::Outbound,
);

/// The vendor's field names in their order, and where their columns stand in [`COLUMNS`].
const FIELDS: [(&str, usize); 30] = [
    ("uii", 1),
    ("account_id", 0),
    ("session_id", 2),
    ("call_ani", 3),
    ("call_dnis", 4),
    ("call_type", 5),
    ("agent_login_id", 7),
    ("agent_id", 6),
    ("agent_first", 8),
    ("agent_last", 9),
    ("agent_username", 10),
    ("product_type", 11),
    ("product_id", 12),
    ("product_name", 13),
    ("enqueue_dts", 14),
    ("dequeue_dts", 15),
    ("queue_duration", 16),
    ("start_dts", 17),
    ("end_dts", 18),
    ("duration", 19),
    ("wrap_time", 20),
    ("dial_dts", 21),
    ("dial_duration", 22),
    ("hold_duration", 23),
    ("agent_wait_duration", 24),
    ("term_party", 25),
    ("term_reason", 26),
    ("agent_disposition", 27),
    ("segment_recording_filename", 28),
    ("segment_recording_url", 29),
];

fn pick(report: &Report) -> Vec<Picked> {
    if report.columns != ColumnChoice::Fields {
        return Picked::all(&COLUMNS);
    }
    let column = |(name, place): &(&'static str, usize)| {
        COLUMNS.get(*place).map(|column| Picked { header: (*name).into(), ..Picked::of(column) })
    };
    FIELDS.iter().filter_map(column).collect()
}

/// The columns in order.
static COLUMNS: [Column; 30] = [
    Column {
        header: "Account ID",
        meaning: "the sub-account",
        blank: "never",
        source: GUIDE,
        bind: |b| b.codes(Field::Account),
    },
    Column {
        header: "UII",
        meaning: "the call's id; the interaction's where there is none; delimited text puts an apostrophe before it (`uii_apostrophe`)",
        blank: "never",
        source: GUIDE,
        bind: uii,
    },
    Column {
        header: "Session ID",
        meaning: "the leg's number within the call; 1, the outside party, is never there",
        blank: "where the source did not say",
        source: GUIDE,
        bind: |b| b.number(Field::Leg),
    },
    Column {
        header: "ANI",
        meaning: "the caller's number",
        blank: "where the source did not say",
        source: GUIDE,
        bind: |b| b.text(Field::Ani),
    },
    Column {
        header: "DNIS",
        meaning: "the number dialled",
        blank: "on outbound calls",
        source: GUIDE,
        bind: |b| b.text_where(Field::Dnis, [Field::Direction], |[direction]| direction == Some(1)),
    },
    Column {
        header: "Call Type",
        meaning: "`INBOUND` or `OUTBOUND`",
        blank: "never",
        source: GUIDE,
        bind: |b| b.word(Field::Direction, &["INBOUND", "OUTBOUND"]),
    },
    Column {
        header: "Agent ID",
        meaning: "the agent",
        blank: "never",
        source: GUIDE,
        bind: |b| b.agent(AgentFact::Id),
    },
    Column {
        header: "Agent Login ID",
        meaning: "the agent's login session, as in the session report",
        blank: "where the source did not say",
        source: GUIDE,
        bind: |b| b.text(Field::AgentSession),
    },
    Column {
        header: "Agent First Name",
        meaning: "first name; else the full name up to its last blank",
        blank: "where no name is known",
        source: GUIDE,
        bind: |b| b.agent(AgentFact::FirstName),
    },
    Column {
        header: "Agent Last Name",
        meaning: "last name; else the full name behind its last blank",
        blank: "where no name is known",
        source: GUIDE,
        bind: |b| b.agent(AgentFact::LastName),
    },
    Column {
        header: "Agent Username",
        meaning: "the name to log in with",
        blank: "where the source did not say",
        source: GUIDE,
        bind: |b| b.agent(AgentFact::Username),
    },
    Column {
        header: "Product Type",
        meaning: "`Queue` or `Campaign`, as the vendor's sample prints them",
        blank: "where the leg has neither",
        source: SAMPLE,
        bind: product_type,
    },
    Column {
        header: "Product ID",
        meaning: "the queue's or campaign's id",
        blank: "where the source did not say",
        source: GUIDE,
        bind: |b| product(b, Field::CampaignId, Field::QueueId),
    },
    Column {
        header: "Product Name",
        meaning: "the queue's or campaign's name",
        blank: "where the source did not say",
        source: GUIDE,
        bind: |b| product(b, Field::Campaign, Field::Queue),
    },
    Column {
        header: "Enqueue Dts",
        meaning: "entry into the queue, in the report's zone",
        blank: "where the leg has no queue",
        source: GUIDE,
        bind: |b| b.instant(Field::QueueEntry),
    },
    Column {
        header: "Dequeue Dts",
        meaning: "exit from the queue, in the report's zone",
        blank: "where the leg has no queue",
        source: GUIDE,
        bind: |b| b.instant(Field::QueueExit),
    },
    Column {
        header: "Queue Duration",
        meaning: "dequeue minus enqueue",
        blank: "where one of them is blank",
        source: SAMPLE,
        bind: queue_duration,
    },
    Column {
        header: "Start Dts",
        meaning: "when the agent answered, in the report's zone",
        blank: "never",
        source: GUIDE,
        bind: |b| b.instant(Field::Start),
    },
    Column {
        header: "End Dts",
        meaning: "when the leg ended, in the report's zone",
        blank: "where it is not known",
        source: GUIDE,
        bind: |b| b.instant(Field::End),
    },
    Column {
        header: "Duration",
        meaning: "end minus start",
        blank: "where the end is not known",
        source: SAMPLE,
        bind: duration,
    },
    Column {
        header: "Wrap Time",
        meaning: "time of wrapping up",
        blank: "never: zero where the source did not say",
        source: GUIDE,
        bind: |b| styled(b, [Field::WrapMs], |[wrap]| Some(wrap.unwrap_or(0))),
    },
    Column {
        header: "Dial Dts",
        meaning: "when it began to ring at the agent, in the report's zone",
        blank: "where it did not ring",
        source: GUIDE,
        bind: |b| b.instant(Field::RingStart),
    },
    Column {
        header: "Dial Duration",
        meaning: "ringing time: as the source gives it, else start minus dial",
        blank: "never: zero where it did not ring",
        source: GUIDE,
        bind: dial_duration,
    },
    Column {
        header: "Hold Duration",
        meaning: "time on hold; mute is not in it",
        blank: "never: zero where there was none",
        source: GUIDE,
        bind: |b| styled(b, [Field::HoldMs], |[hold]| Some(hold.unwrap_or(0))),
    },
    Column {
        header: "Agent Wait Duration",
        meaning: "idle time of the agent: as the source gives it, else from the end of the wrap of the call before in the same login session to the ringing",
        blank: "where there is no call before, or its end is not known",
        source: OURS,
        bind: |b| styled(b, [Field::AgentWaitMs], |[wait]| wait),
    },
    Column {
        header: "Term Party",
        meaning: "who ended the leg, as `SYSTEM`, `CALLER`",
        blank: "where the source did not say",
        source: GUIDE,
        bind: |b| b.codes(Field::TerminationParty),
    },
    Column {
        header: "Term Reason",
        meaning: "why it ended: `EOC`, `DROP`, `HANGUP`",
        blank: "where the source did not say",
        source: GUIDE,
        bind: |b| b.codes(Field::TerminationReason),
    },
    Column {
        header: "Agent Disposition",
        meaning: "the disposition that the agent gave",
        blank: "where none was given",
        source: GUIDE,
        bind: |b| b.codes(Field::Disposition),
    },
    Column {
        header: "Segment Recording File Name",
        meaning: "the recording's file name",
        blank: "where there is no recording",
        source: GUIDE,
        bind: |b| b.text(Field::RecordingFile),
    },
    Column {
        header: "Segment Recording URL",
        meaning: "where the recording lies",
        blank: "where there is no recording",
        source: GUIDE,
        bind: |b| b.text(Field::RecordingUrl),
    },
];

fn uii<'a>(b: &Bind<'a>) -> Binding<'a> {
    let apostrophe = b.report.uii_apostrophe && b.report.columns != ColumnChoice::Fields;
    b.digits(Field::Uii, Field::InteractionId, apostrophe)
}

/// A duration as HH:MM:SS, or in whole seconds beside the vendor's field names.
fn styled<'a, const N: usize>(
    b: &Bind<'a>,
    of: [Field; N],
    value: impl Fn([Option<i64>; N]) -> Option<Millis>,
) -> Binding<'a> {
    let fields = b.report.columns == ColumnChoice::Fields;
    b.durations_as(if fields { DurationStyle::Seconds } else { DurationStyle::Clock }, of, value)
}

fn queue_duration<'a>(b: &Bind<'a>) -> Binding<'a> {
    styled(b, [Field::QueueEntry, Field::QueueExit], |[entry, exit]| Some(exit? - entry?))
}

fn duration<'a>(b: &Bind<'a>) -> Binding<'a> {
    let nominal = b.nominal_ms;
    styled(b, [Field::Start, Field::End, Field::EndedAt], |[start, end, ended_at]| {
        Some(end_or_now(end, ended_at, nominal)? - start?)
    })
}

fn dial_duration<'a>(b: &Bind<'a>) -> Binding<'a> {
    styled(b, [Field::RingStart, Field::RingMs, Field::Start], |[ring_start, ring, start]| {
        Some(ring.or_else(|| Some(start? - ring_start?)).unwrap_or(0))
    })
}

/// A leg of a campaign shows the campaign, another its queue.
fn product<'a>(b: &Bind<'a>, campaign: Field, queue: Field) -> Binding<'a> {
    let campaigns = campaigns(b);
    b.codes_by_row(campaign, queue, |row| campaigns.get(row) == Some(&true))
}

fn campaigns(b: &Bind<'_>) -> Vec<bool> {
    b.has(Field::Campaign).into_iter().zip(b.has(Field::CampaignId)).map(|(name, id)| name || id).collect()
}

fn product_type<'a>(b: &Bind<'a>) -> Binding<'a> {
    let queues = b.has(Field::Queue).into_iter().zip(b.has(Field::QueueId)).map(|(name, id)| name || id);
    let number = |(campaign, queue)| match (campaign, queue) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    };
    let numbers: Vec<i64> = campaigns(b).into_iter().zip(queues).map(number).collect();
    Binding::Word(numbers.into(), &["Queue", "Campaign"])
}
