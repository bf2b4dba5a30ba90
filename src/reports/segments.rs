//! Segments: one row per segment or queue stint of every source in the store, in vendor-neutral words; the job names
//! the columns, their order and their headers.

use super::shared::{
    AGENT, CLOSE_REASONS, DETAIL_FILTERS, DIRECTIONS, agent_duration, end_or_now, first_response, gross_talk,
    messages_sent, queue_wait, user_type,
};
use crate::domain::batch::{AgentFact, Field};
use crate::domain::output::DATE_FORMAT;
use crate::domain::report::{ColumnChoice, Reads, Report, ReportType, SegmentRows};
use crate::domain::table::{Bind, Binding, Column, Picked};

const STORE: &str = "the segment store";

/// The report.
pub static REPORT: ReportType = ReportType {
    name: "segments",
    about: "Segments of all sources, with the columns of your choice",
    rows: "one per agent's segment, unanswered queue stint or bot's portion of ended interactions, by queue entry, else \
           start",
    reads: Reads::Segments(SegmentRows::All),
    filters: &DETAIL_FILTERS,
    options: &["columns", "in_progress", "rows_by"],
    columns: &COLUMNS,
    pick: |report, _| pick(report),
    date_format: |_| DATE_FORMAT,
    envelope: None,
};

/// The columns that the job names; all of them when it names none. A name that is none was refused with the job.
fn pick(report: &Report) -> Vec<Picked> {
    let ColumnChoice::Picked(wanted) = &report.columns else { return Picked::all(&COLUMNS) };
    let find = |(name, header): &(String, String)| {
        let column = COLUMNS.iter().find(|column| column.header == name)?;
        Some(Picked { header: header.clone().into(), ..Picked::of(column) })
    };
    wanted.iter().filter_map(find).collect()
}

fn duration<'a>(b: &Bind<'a>) -> Binding<'a> {
    let nominal = b.nominal_ms;
    b.durations([Field::Start, Field::End, Field::EndedAt], |[start, end, ended_at]| {
        Some(end_or_now(end, ended_at, nominal)? - start?)
    })
}

fn talk_time<'a>(b: &Bind<'a>) -> Binding<'a> {
    let nominal = b.nominal_ms;
    let of = [Field::Participant, Field::TalkMs, Field::Start, Field::End, Field::EndedAt];
    b.durations(of, |[participant, talk, start, end, ended_at]| {
        (participant == Some(AGENT)).then(|| gross_talk(talk, start, end, ended_at, nominal).unwrap_or(0))
    })
}

fn ring_time<'a>(b: &Bind<'a>) -> Binding<'a> {
    b.durations([Field::RingStart, Field::RingMs, Field::Start], |[ring_start, ring, start]| {
        ring.or_else(|| Some(start? - ring_start?))
    })
}

/// Every column, in the order of a job that names none.
static COLUMNS: [Column; 74] = [
    Column {
        header: "account",
        meaning: "the account's id",
        blank: "never",
        source: STORE,
        bind: |b| b.codes(Field::Account),
    },
    Column {
        header: "source",
        meaning: "the system it comes from",
        blank: "never",
        source: STORE,
        bind: |b| b.codes(Field::Source),
    },
    Column {
        header: "interaction_id",
        meaning: "the interaction's id",
        blank: "never",
        source: STORE,
        bind: |b| b.text(Field::InteractionId),
    },
    Column {
        header: "segment_id",
        meaning: "the segment's id, or the queue stint's",
        blank: "never",
        source: STORE,
        bind: |b| b.text(Field::SegmentId),
    },
    Column {
        header: "uii",
        meaning: "the call id of the telephone platform",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.text(Field::Uii),
    },
    Column {
        header: "leg",
        meaning: "the leg's number within the call",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.number(Field::Leg),
    },
    Column {
        header: "direction",
        meaning: "`Inbound` or `Outbound`",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.word(Field::Direction, &DIRECTIONS),
    },
    Column {
        header: "channel",
        meaning: "the channel's name",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::Channel),
    },
    Column {
        header: "channel_type",
        meaning: "`voice`, `sms`, `email` or `chat`",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.word(Field::ChannelType, &["voice", "sms", "email", "chat"]),
    },
    Column {
        header: "integration_source",
        meaning: "where the conversation started",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::IntegrationSource),
    },
    Column {
        header: "customer",
        meaning: "the first of name, email and phone that is known",
        blank: "where none is known",
        source: STORE,
        bind: |b| b.text(Field::Customer),
    },
    Column {
        header: "ani",
        meaning: "the caller's number",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.text(Field::Ani),
    },
    Column {
        header: "dnis",
        meaning: "the number dialled",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.text(Field::Dnis),
    },
    Column {
        header: "support",
        meaning: "the number, address or bot that the customer reached",
        blank: "where none is known",
        source: STORE,
        bind: |b| b.codes(Field::Support),
    },
    Column {
        header: "email_subject",
        meaning: "the subject of a mail",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.text(Field::EmailSubject),
    },
    Column {
        header: "session_tags",
        meaning: "tags of the interaction, `, ` between",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.codes(Field::SessionTags),
    },
    Column {
        header: "user_tags",
        meaning: "tags of the customer, `, ` between",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.codes(Field::UserTags),
    },
    Column {
        header: "participant",
        meaning: "`agent`, `queue` (nobody answered) or `bot`",
        blank: "never",
        source: STORE,
        bind: |b| b.word(Field::Participant, &["agent", "queue", "bot"]),
    },
    Column {
        header: "user_type",
        meaning: "`human`, `bot` or `system`",
        blank: "on a queue's row",
        source: STORE,
        bind: user_type,
    },
    Column {
        header: "queue_name",
        meaning: "the queue's name",
        blank: "where there was none",
        source: STORE,
        bind: |b| b.codes(Field::Queue),
    },
    Column {
        header: "queue_id",
        meaning: "the queue's id",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::QueueId),
    },
    Column {
        header: "queue_group",
        meaning: "the group of queues",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::QueueGroup),
    },
    Column {
        header: "campaign",
        meaning: "the campaign's name",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::Campaign),
    },
    Column {
        header: "campaign_id",
        meaning: "the campaign's id",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::CampaignId),
    },
    Column {
        header: "dial_group",
        meaning: "the group of campaigns",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::DialGroup),
    },
    Column {
        header: "queue_entry",
        meaning: "entry into the queue, in the report's zone",
        blank: "where there was none",
        source: STORE,
        bind: |b| b.instant(Field::QueueEntry),
    },
    Column {
        header: "queue_exit",
        meaning: "exit from the queue, in the report's zone",
        blank: "where there was none, or it is not known",
        source: STORE,
        bind: |b| b.instant(Field::QueueExit),
    },
    Column {
        header: "queue_wait",
        meaning: "exit minus entry, HH:MM:SS",
        blank: "where one of them is blank",
        source: STORE,
        bind: queue_wait,
    },
    Column {
        header: "agent_id",
        meaning: "the agent's or bot's id",
        blank: "on a queue's row",
        source: STORE,
        bind: |b| b.agent(AgentFact::Id),
    },
    Column {
        header: "agent_name",
        meaning: "the agent's name, `BOT` on a bot's row",
        blank: "on a queue's row",
        source: STORE,
        bind: |b| b.agent(AgentFact::Name),
    },
    Column {
        header: "agent_custom_name",
        meaning: "the name that customers see",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.agent(AgentFact::CustomName),
    },
    Column {
        header: "agent_email",
        meaning: "the agent's mail address",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.agent(AgentFact::Email),
    },
    Column {
        header: "agent_username",
        meaning: "the name to log in with",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.agent(AgentFact::Username),
    },
    Column {
        header: "agent_external_id",
        meaning: "the customer's own id of the agent",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.agent(AgentFact::ExternalId),
    },
    Column {
        header: "employee_id",
        meaning: "the agent's number in the brand's own books",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.agent(AgentFact::EmployeeId),
    },
    Column {
        header: "agent_group",
        meaning: "the agent group's name at that time, else the agent's",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.codes(Field::AgentGroup),
    },
    Column {
        header: "agent_group_id",
        meaning: "the agent group's id at that time, else the agent's",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.codes(Field::AgentGroupId),
    },
    Column {
        header: "team",
        meaning: "the agent's team",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.agent(AgentFact::Team),
    },
    Column {
        header: "agent_session_id",
        meaning: "the agent's login session",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.text(Field::AgentSession),
    },
    Column {
        header: "skills",
        meaning: "skills placed in the segment, `|` between",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.codes(Field::Skills),
    },
    Column {
        header: "skill_id",
        meaning: "the skill that routed it",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::SkillId),
    },
    Column {
        header: "start_reason",
        meaning: "`new`, `transfer`, `takeover` or `resume`",
        blank: "on a queue's row",
        source: STORE,
        bind: |b| b.word(Field::StartReason, &["new", "transfer", "takeover", "resume"]),
    },
    Column {
        header: "start",
        meaning: "start of the portion, in the report's zone",
        blank: "where nobody answered",
        source: STORE,
        bind: |b| b.instant(Field::Start),
    },
    Column {
        header: "end",
        meaning: "end of the portion, in the report's zone",
        blank: "where nobody answered, or it is not known",
        source: STORE,
        bind: |b| b.instant(Field::End),
    },
    Column {
        header: "duration",
        meaning: "end minus start, HH:MM:SS",
        blank: "where one of them is not known",
        source: STORE,
        bind: duration,
    },
    Column {
        header: "talk_time",
        meaning: "gross talk, HH:MM:SS",
        blank: "where no agent answered",
        source: STORE,
        bind: talk_time,
    },
    Column {
        header: "hold_time",
        meaning: "on hold, HH:MM:SS",
        blank: "where no agent answered",
        source: STORE,
        bind: |b| agent_duration(b, Field::HoldMs),
    },
    Column {
        header: "hold_mute_time",
        meaning: "the union of hold and mute, HH:MM:SS",
        blank: "where no agent answered",
        source: STORE,
        bind: |b| agent_duration(b, Field::HoldMuteMs),
    },
    Column {
        header: "snooze_time",
        meaning: "parked, HH:MM:SS",
        blank: "where no agent answered",
        source: STORE,
        bind: |b| agent_duration(b, Field::SnoozeMs),
    },
    Column {
        header: "ring_start",
        meaning: "when it began to ring, in the report's zone",
        blank: "where it did not ring",
        source: STORE,
        bind: |b| b.instant(Field::RingStart),
    },
    Column {
        header: "ring_time",
        meaning: "ringing, HH:MM:SS",
        blank: "where it did not ring",
        source: STORE,
        bind: ring_time,
    },
    Column {
        header: "wrap_time",
        meaning: "wrapping up, HH:MM:SS",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.durations([Field::WrapMs], |[wrap]| wrap),
    },
    Column {
        header: "agent_wait_time",
        meaning: "idle time before it, HH:MM:SS",
        blank: "where it is not known",
        source: STORE,
        bind: |b| b.durations([Field::AgentWaitMs], |[wait]| wait),
    },
    Column {
        header: "first_response_time",
        meaning: "acceptance to the agent's first message, HH:MM:SS",
        blank: "where the agent sent none",
        source: STORE,
        bind: first_response,
    },
    Column {
        header: "messages_sent",
        meaning: "the agent's public messages",
        blank: "where no agent answered",
        source: STORE,
        bind: messages_sent,
    },
    Column {
        header: "handle_time",
        meaning: "the time the agent spent on it, HH:MM:SS",
        blank: "on the telephone, and while it is open",
        source: STORE,
        bind: |b| b.durations([Field::HandleMs], |[handle]| handle),
    },
    Column {
        header: "handle_source",
        meaning: "`focus`, `reported` or `estimate`",
        blank: "where there is no handle time",
        source: STORE,
        bind: |b| b.word(Field::HandleSource, &["focus", "reported", "estimate"]),
    },
    Column {
        header: "outcome",
        meaning: "`interactive`, `abandoned`, `non_responsive_consumer` or `non_responsive_agent`",
        blank: "on the telephone, and while it is open",
        source: STORE,
        bind: |b| {
            b.word(
                Field::Outcome,
                &["interactive", "abandoned", "non_responsive_consumer", "non_responsive_agent"],
            )
        },
    },
    Column {
        header: "consultants",
        meaning: "mail addresses of those consulted, `|` between",
        blank: "where there was none",
        source: STORE,
        bind: |b| b.codes(Field::Consultants),
    },
    Column {
        header: "joined_users",
        meaning: "mail addresses of those who joined, `|` between",
        blank: "where there was none",
        source: STORE,
        bind: |b| b.codes(Field::JoinedUsers),
    },
    Column {
        header: "transferred_in_by",
        meaning: "`System`, `Bot`, or who transferred it here",
        blank: "where it was not transferred",
        source: STORE,
        bind: |b| b.codes(Field::TransferredInBy),
    },
    Column {
        header: "transferred_in_status",
        meaning: "why it was transferred here",
        blank: "where it was not, or nobody said why",
        source: STORE,
        bind: |b| b.codes(Field::TransferredInStatus),
    },
    Column {
        header: "close_reason",
        meaning: "how the portion ended, as `closed_by_agent`, `skill_transfer`",
        blank: "on a queue's row, and while it is open",
        source: STORE,
        bind: |b| b.word(Field::CloseReason, &CLOSE_REASONS),
    },
    Column {
        header: "transfer_reason",
        meaning: "why it was transferred on",
        blank: "where it was not, or nobody said why",
        source: STORE,
        bind: |b| b.codes(Field::TransferReason),
    },
    Column {
        header: "termination_party",
        meaning: "who ended the leg",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::TerminationParty),
    },
    Column {
        header: "termination_reason",
        meaning: "why it ended",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::TerminationReason),
    },
    Column {
        header: "disposition",
        meaning: "the code that the agent gave the outcome",
        blank: "where none was given",
        source: STORE,
        bind: |b| b.codes(Field::Disposition),
    },
    Column {
        header: "recording_file",
        meaning: "the recording's file name",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.text(Field::RecordingFile),
    },
    Column {
        header: "recording_url",
        meaning: "where the recording lies",
        blank: "where there is none",
        source: STORE,
        bind: |b| b.text(Field::RecordingUrl),
    },
    Column {
        header: "status",
        meaning: "final status of the interaction, on every row",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::Status),
    },
    Column {
        header: "reason",
        meaning: "reason of the final status, on every row",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::Reason),
    },
    Column {
        header: "disconnecting_event",
        meaning: "who ended the interaction, on every row",
        blank: "where the source did not say",
        source: STORE,
        bind: |b| b.codes(Field::DisconnectingEvent),
    },
    Column {
        header: "interaction_end",
        meaning: "when the interaction ended, in the report's zone",
        blank: "while it goes on",
        source: STORE,
        bind: |b| b.instant(Field::EndedAt),
    },
    Column {
        header: "last_segment",
        meaning: "`true` on the last row of its interaction, else `false`",
        blank: "never",
        source: STORE,
        bind: |b| b.flag(Field::Last),
    },
];
