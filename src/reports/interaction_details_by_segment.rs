//! Interaction Details by Segment: one row per segment or queue stint, the 27 columns of the vendor's page in order.
//!
//! Rows: an agent's segment with the queue stint it was taken from; a queue stint that nobody answered (agent columns
//! blank); a direct transfer (queue columns blank); a bot's portion (`BOT`). Where the vendor's page is silent or
//! contradicts itself the rule and its reason stand at the column.

use std::borrow::Cow;

use crate::domain::definition::TalkTime;
use crate::domain::record::Participant;
use crate::domain::segment::SegmentBatch;
use crate::domain::table::{Binding, Column, Shown, known};

const PAGE: &str = "vendor's page, About Report Fields";

fn has_agent(batch: &SegmentBatch, row: usize) -> bool {
    batch.participant.get(row) == Some(&Participant::Agent)
}

fn is_last(batch: &SegmentBatch, row: usize) -> bool {
    batch.last.get(row) == Some(&true)
}

fn not_bot(batch: &SegmentBatch, row: usize) -> bool {
    batch.participant.get(row) != Some(&Participant::Bot)
}

/// The columns in order.
pub static COLUMNS: [Column; 27] = [
    Column {
        header: "Session ID",
        meaning: "the interaction's id, on every row of it",
        blank: "never",
        source: PAGE,
        bind: |b| Binding::Text(&b.batch.interaction_id, Shown::All),
    },
    Column {
        header: "Direction",
        meaning: "`Inbound` or `Outbound`",
        blank: "where the source did not say",
        source: PAGE,
        bind: |b| b.codes(&b.batch.direction),
    },
    Column {
        header: "Channel",
        meaning: "the channel's name, not its type",
        blank: "where the source did not say",
        source: PAGE,
        bind: |b| b.codes(&b.batch.channel),
    },
    Column {
        header: "Customer",
        meaning: "the first of name, email and phone that is known",
        blank: "where none is known",
        source: PAGE,
        bind: |b| Binding::Text(&b.batch.customer, Shown::All),
    },
    Column {
        header: "Support",
        meaning: "voice: the number called or chosen; SMS outbound: its name or number; email: the address used, \
                  inbound without one the bot's name; else the bot's name",
        blank: "where none is known",
        source: "vendor's page; inbound email is our rule, the page names only outbound and shows an address",
        bind: |b| b.codes(&b.batch.support),
    },
    Column {
        header: "Queue Name",
        meaning: "the queue entered",
        blank: "where there was none, and on a bot's row",
        source: PAGE,
        bind: |b| b.codes_where(&b.batch.queue, not_bot),
    },
    Column {
        header: "Queue Entry Time",
        meaning: "entry into this queue, in the report's zone",
        blank: "where there was no queue",
        source: PAGE,
        bind: |b| Binding::Instant(Cow::Borrowed(&b.batch.queue_entry)),
    },
    Column {
        header: "Queue Exit Time",
        meaning: "when this portion left the queue, in the report's zone",
        blank: "where there was no queue, or it is not known",
        source: PAGE,
        bind: |b| Binding::Instant(Cow::Borrowed(&b.batch.queue_exit)),
    },
    Column {
        header: "Queue Wait Time",
        meaning: "exit minus entry, HH:MM:SS",
        blank: "where one of them is blank",
        source: "vendor's example row: the two columns beside it",
        bind: |b| {
            b.durations(|row| Some(known(&b.batch.queue_exit, row)? - known(&b.batch.queue_entry, row)?))
        },
    },
    Column {
        header: "Agent Name",
        meaning: "the agent's name, or `BOT` where a bot answered",
        blank: "where nobody answered",
        source: PAGE,
        bind: |b| Binding::Code(Cow::Borrowed(&b.batch.agent), &b.dictionaries.agent_names),
    },
    Column {
        header: "Agent Custom Name",
        meaning: "the name that customers see",
        blank: "where no agent answered, or there is none",
        source: PAGE,
        bind: |b| Binding::Code(Cow::Borrowed(&b.batch.agent), &b.dictionaries.agent_custom_names),
    },
    Column {
        header: "Agent Email",
        meaning: "the agent's mail address",
        blank: "where no agent answered",
        source: PAGE,
        bind: |b| Binding::Code(Cow::Borrowed(&b.batch.agent), &b.dictionaries.agent_emails),
    },
    Column {
        header: "Segment ID",
        meaning: "the id of the agent's portion",
        blank: "where no agent picked up",
        source: PAGE,
        bind: |b| Binding::Text(&b.batch.segment_id, Shown::Where(has_agent, b.batch)),
    },
    Column {
        header: "Segment Start Time",
        meaning: "start of the portion, in the report's zone",
        blank: "where nobody answered",
        source: PAGE,
        bind: |b| Binding::Instant(Cow::Borrowed(&b.batch.start)),
    },
    Column {
        header: "Segment End Time",
        meaning: "end of the portion, in the report's zone",
        blank: "where nobody answered, or it is not known",
        source: PAGE,
        bind: |b| Binding::Instant(Cow::Borrowed(&b.batch.end)),
    },
    Column {
        header: "Talk Time",
        meaning: "HH:MM:SS; gross is end minus start, net leaves out hold and mute (`talk_time`)",
        blank: "where no agent answered",
        source: "vendor's example row shows gross, its metrics page says net: a switch, gross by default",
        bind: |b| {
            b.durations(|row| {
                if !has_agent(b.batch, row) {
                    return None;
                }
                let span = || Some(known(&b.batch.end, row)? - known(&b.batch.start, row)?);
                let gross = known(&b.batch.talk_ms, row).or_else(span).unwrap_or(0);
                Some(match b.report.talk_time {
                    TalkTime::Gross => gross,
                    TalkTime::Net => gross - known(&b.batch.hold_mute_ms, row).unwrap_or(0),
                })
            })
        },
    },
    Column {
        header: "Hold/Mute Time",
        meaning: "HH:MM:SS; the union of hold and mute, clipped to the segment",
        blank: "where no agent answered; `00:00:00` where one did",
        source: "vendor's page; the union is our rule, so that muting on hold is not counted twice",
        bind: |b| agent_duration(b, |batch| &batch.hold_mute_ms),
    },
    Column {
        header: "Snooze Time",
        meaning: "HH:MM:SS; time the segment was parked",
        blank: "where no agent answered; `00:00:00` where one did",
        source: PAGE,
        bind: |b| agent_duration(b, |batch| &batch.snooze_ms),
    },
    Column {
        header: "First Response Time",
        meaning: "HH:MM:SS; acceptance to the agent's first public message",
        blank: "where the agent sent none: a zero would read as an instant answer",
        source: "vendor's page; the blank is our rule",
        bind: |b| {
            b.durations(|row| known(&b.batch.first_response_ms, row).filter(|_| has_agent(b.batch, row)))
        },
    },
    Column {
        header: "Consultants",
        meaning: "mail addresses of those consulted, in order, each once, `|` between",
        blank: "where there was none",
        source: PAGE,
        bind: |b| b.codes(&b.batch.consultants),
    },
    Column {
        header: "Joined Users",
        meaning: "mail addresses of those who joined, in order, each once, `|` between",
        blank: "where there was none",
        source: PAGE,
        bind: |b| b.codes(&b.batch.joined_users),
    },
    Column {
        header: "Conversation Skills",
        meaning: "skills placed in this segment, `|` between",
        blank: "where there was none",
        source: "vendor's page; the separator is our rule, as in the columns before",
        bind: |b| b.codes(&b.batch.skills),
    },
    Column {
        header: "Transferred In By",
        meaning: "`System` after a queue's waiting time ran out, `Bot` after a bot, else the mail address of who did",
        blank: "where it was not transferred",
        source: PAGE,
        bind: |b| b.codes(&b.batch.transferred_in_by),
    },
    Column {
        header: "Transferred In Status",
        meaning: "why it was transferred here",
        blank: "where it was not transferred, or nobody said why",
        source: PAGE,
        bind: |b| b.codes(&b.batch.transferred_in_status),
    },
    Column {
        header: "Status",
        meaning: "the interaction's final status",
        blank: "except on the last segment of the interaction",
        source: PAGE,
        bind: |b| b.codes_where(&b.batch.status, is_last),
    },
    Column {
        header: "Reason",
        meaning: "the reason of the final status",
        blank: "except on the last segment of the interaction",
        source: PAGE,
        bind: |b| b.codes_where(&b.batch.reason, is_last),
    },
    Column {
        header: "Disconnecting Event",
        meaning: "`System`, `Bot`, `User` or `Agent` with `Hangup`",
        blank: "except on the last segment of the interaction",
        source: PAGE,
        bind: |b| b.codes_where(&b.batch.disconnecting_event, is_last),
    },
];

/// A duration that an agent's row always has: `00:00:00` where nothing happened.
fn agent_duration<'a>(
    b: &crate::domain::table::Bind<'a>,
    column: fn(&SegmentBatch) -> &Vec<i64>,
) -> Binding<'a> {
    b.durations(|row| has_agent(b.batch, row).then(|| known(column(b.batch), row).unwrap_or(0)))
}
