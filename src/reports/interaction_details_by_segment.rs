//! Interaction Details by Segment: one row per segment or queue stint, the columns of the vendor's page in order.
//!
//! Rows: an agent's segment with the queue stint it was taken from; a queue stint that nobody answered (agent columns
//! blank); a direct transfer (queue columns blank); a bot's portion (`BOT`). Where the vendor's page is silent or
//! contradicts itself the rule and its reason stand at the column.

use super::shared::{
    AGENT, DETAIL_FILTERS, DIRECTIONS, EMAIL, agent_duration, first_response, gross_talk, has_agent,
    messages_sent, not_bot, queue_wait,
};
use crate::domain::batch::{AgentFact, Field};
use crate::domain::output::DATE_FORMAT;
use crate::domain::report::{ColumnChoice, Reads, ReportType, SegmentRows, TalkTime};
use crate::domain::table::{Bind, Binding, Column, Picked};

const PAGE: &str = "vendor's page, About Report Fields";
const TODAY: &str = "vendor's page of today";

/// Columns of the page as it was.
const NARROW: usize = 27;

/// The report.
pub static REPORT: ReportType = ReportType {
    name: "interaction-details-by-segment",
    about: "Kore.ai Interaction Details by Segment",
    rows: "one per agent's segment, unanswered queue stint or bot's portion of ended interactions, by queue entry, else \
           start",
    reads: Reads::Segments(SegmentRows::All),
    filters: &DETAIL_FILTERS,
    options: &["columns", "in_progress", "rows_by", "talk_time"],
    columns: &COLUMNS,
    pick: |report, _| {
        let columns = if report.columns == ColumnChoice::Wide { COLUMNS.len() } else { NARROW };
        Picked::all(COLUMNS.get(..columns).unwrap_or(&COLUMNS))
    },
    date_format: |_| DATE_FORMAT,
    envelope: None,
};

/// What only the last segment of an ended interaction shows.
fn is_last([last, ended_at]: [Option<i64>; 2]) -> bool {
    last == Some(1) && ended_at.is_some()
}

fn talk_time<'a>(b: &Bind<'a>) -> Binding<'a> {
    let (rule, nominal) = (b.report.talk_time, b.nominal_ms);
    let of = [Field::Participant, Field::TalkMs, Field::Start, Field::End, Field::EndedAt, Field::HoldMuteMs];
    b.durations(of, |[participant, talk, start, end, ended_at, hold_mute]| {
        if participant != Some(AGENT) {
            return None;
        }
        let gross = gross_talk(talk, start, end, ended_at, nominal).unwrap_or(0);
        Some(match rule {
            TalkTime::Gross => gross,
            TalkTime::Net => gross - hold_mute.unwrap_or(0),
        })
    })
}

/// The columns in order; the first 27 are those of the page as it was, all 32 those of today.
static COLUMNS: [Column; 32] = [
    Column {
        header: "Session ID",
        meaning: "the interaction's id, on every row of it",
        blank: "never",
        source: PAGE,
        bind: |b| b.text(Field::InteractionId),
    },
    Column {
        header: "Direction",
        meaning: "`Inbound` or `Outbound`",
        blank: "where the source did not say",
        source: PAGE,
        bind: |b| b.word(Field::Direction, &DIRECTIONS),
    },
    Column {
        header: "Channel",
        meaning: "the channel's name, not its type",
        blank: "where the source did not say",
        source: PAGE,
        bind: |b| b.codes(Field::Channel),
    },
    Column {
        header: "Customer",
        meaning: "the first of name, email and phone that is known",
        blank: "where none is known",
        source: PAGE,
        bind: |b| b.text(Field::Customer),
    },
    Column {
        header: "Support",
        meaning: "voice: the number called or chosen; SMS outbound: its name or number; email: the address used, \
                  inbound without one the bot's name; else the bot's name",
        blank: "where none is known",
        source: "vendor's page; inbound email is our rule, the page names only outbound and shows an address",
        bind: |b| b.codes(Field::Support),
    },
    Column {
        header: "Queue Name",
        meaning: "the queue entered",
        blank: "where there was none, and on a bot's row",
        source: PAGE,
        bind: |b| b.codes_where(Field::Queue, [Field::Participant], not_bot),
    },
    Column {
        header: "Queue Entry Time",
        meaning: "entry into this queue, in the report's zone",
        blank: "where there was no queue",
        source: PAGE,
        bind: |b| b.instant(Field::QueueEntry),
    },
    Column {
        header: "Queue Exit Time",
        meaning: "when this portion left the queue, in the report's zone",
        blank: "where there was no queue, or it is not known",
        source: PAGE,
        bind: |b| b.instant(Field::QueueExit),
    },
    Column {
        header: "Queue Wait Time",
        meaning: "exit minus entry, HH:MM:SS",
        blank: "where one of them is blank",
        source: "vendor's example row: the two columns beside it",
        bind: queue_wait,
    },
    Column {
        header: "Agent Name",
        meaning: "the agent's name, or `BOT` where a bot answered",
        blank: "where nobody answered",
        source: PAGE,
        bind: |b| b.agent(AgentFact::Name),
    },
    Column {
        header: "Agent Custom Name",
        meaning: "the name that customers see",
        blank: "where no agent answered, or there is none",
        source: PAGE,
        bind: |b| b.agent(AgentFact::CustomName),
    },
    Column {
        header: "Agent Email",
        meaning: "the agent's mail address",
        blank: "where no agent answered",
        source: PAGE,
        bind: |b| b.agent(AgentFact::Email),
    },
    Column {
        header: "Segment ID",
        meaning: "the id of the agent's portion",
        blank: "where no agent picked up",
        source: PAGE,
        bind: |b| b.text_where(Field::SegmentId, [Field::Participant], has_agent),
    },
    Column {
        header: "Segment Start Time",
        meaning: "start of the portion, in the report's zone",
        blank: "where nobody answered",
        source: PAGE,
        bind: |b| b.instant(Field::Start),
    },
    Column {
        header: "Segment End Time",
        meaning: "end of the portion, in the report's zone",
        blank: "where nobody answered, or it is not known",
        source: PAGE,
        bind: |b| b.instant(Field::End),
    },
    Column {
        header: "Talk Time",
        meaning: "HH:MM:SS; gross is end minus start, net leaves out hold and mute (`talk_time`)",
        blank: "where no agent answered",
        source: "vendor's example row shows gross, its metrics page says net: a switch, gross by default",
        bind: talk_time,
    },
    Column {
        header: "Hold/Mute Time",
        meaning: "HH:MM:SS; the union of hold and mute, clipped to the segment",
        blank: "where no agent answered; `00:00:00` where one did",
        source: "vendor's page; the union is our rule, so that muting on hold is not counted twice",
        bind: |b| agent_duration(b, Field::HoldMuteMs),
    },
    Column {
        header: "Snooze Time",
        meaning: "HH:MM:SS; time the segment was parked",
        blank: "where no agent answered; `00:00:00` where one did",
        source: PAGE,
        bind: |b| agent_duration(b, Field::SnoozeMs),
    },
    Column {
        header: "First Response Time",
        meaning: "HH:MM:SS; acceptance to the agent's first public message",
        blank: "where the agent sent none: a zero would read as an instant answer",
        source: "vendor's page; the blank is our rule",
        bind: first_response,
    },
    Column {
        header: "Consultants",
        meaning: "mail addresses of those consulted, in order, each once, `|` between",
        blank: "where there was none",
        source: PAGE,
        bind: |b| b.codes(Field::Consultants),
    },
    Column {
        header: "Joined Users",
        meaning: "mail addresses of those who joined, in order, each once, `|` between",
        blank: "where there was none",
        source: PAGE,
        bind: |b| b.codes(Field::JoinedUsers),
    },
    Column {
        header: "Conversation Skills",
        meaning: "skills placed in this segment, `|` between",
        blank: "where there was none",
        source: "vendor's page; the separator is our rule, as in the columns before",
        bind: |b| b.codes(Field::Skills),
    },
    Column {
        header: "Transferred In By",
        meaning: "`System` after a queue's waiting time ran out, `Bot` after a bot, else the mail address of who did",
        blank: "where it was not transferred",
        source: PAGE,
        bind: |b| b.codes(Field::TransferredInBy),
    },
    Column {
        header: "Transferred In Status",
        meaning: "why it was transferred here",
        blank: "where it was not transferred, or nobody said why",
        source: PAGE,
        bind: |b| b.codes(Field::TransferredInStatus),
    },
    Column {
        header: "Status",
        meaning: "the interaction's final status",
        blank: "except on the last segment of the interaction",
        source: PAGE,
        bind: |b| b.codes_where(Field::Status, [Field::Last, Field::EndedAt], is_last),
    },
    Column {
        header: "Reason",
        meaning: "the reason of the final status",
        blank: "except on the last segment of the interaction",
        source: PAGE,
        bind: |b| b.codes_where(Field::Reason, [Field::Last, Field::EndedAt], is_last),
    },
    Column {
        header: "Disconnecting Event",
        meaning: "`System`, `Bot`, `User` or `Agent` with `Hangup`",
        blank: "except on the last segment of the interaction",
        source: PAGE,
        bind: |b| b.codes_where(Field::DisconnectingEvent, [Field::Last, Field::EndedAt], is_last),
    },
    Column {
        header: "Disposition",
        meaning: "the code that the agent gave this segment's outcome, the latest where it was edited",
        blank: "where none was given in this segment",
        source: TODAY,
        bind: |b| b.codes(Field::Disposition),
    },
    Column {
        header: "Messages Sent",
        meaning: "the agent's public messages in the main dialog of this segment; for mail, mails sent",
        blank: "where no agent answered; 0 where one did",
        source: TODAY,
        bind: messages_sent,
    },
    Column {
        header: "Email Subject",
        meaning: "the subject of the mail",
        blank: "on other channels than mail",
        source: TODAY,
        bind: |b| b.text_where(Field::EmailSubject, [Field::ChannelType], |[kind]| kind == Some(EMAIL)),
    },
    Column {
        header: "Session Tags",
        meaning: "tags of the interaction, `, ` between, on every row",
        blank: "where there is none",
        source: "vendor's page of today; the separator and every row are our rule",
        bind: |b| b.codes(Field::SessionTags),
    },
    Column {
        header: "User Tags",
        meaning: "tags of the customer, `, ` between, on every row",
        blank: "where there is none",
        source: "vendor's page of today; the separator and every row are our rule",
        bind: |b| b.codes(Field::UserTags),
    },
];
