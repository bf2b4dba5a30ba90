//! What several reports have in common: words, conditions, durations.

use crate::domain::batch::Field;
use crate::domain::record::Millis;
use crate::domain::report::FilterKey;
use crate::domain::table::{Bind, Binding};

/// The participant's number of an agent.
pub(super) const AGENT: i64 = 1;
/// The participant's number of a bot.
const BOT: i64 = 3;
/// The channel type's number of mail.
pub(super) const EMAIL: i64 = 3;

pub(super) static DIRECTIONS: [&str; 2] = ["Inbound", "Outbound"];

/// Filters of reports that show segments in detail.
pub(super) static DETAIL_FILTERS: [FilterKey; 15] = [
    FilterKey::Queues,
    FilterKey::QueueGroups,
    FilterKey::Campaigns,
    FilterKey::DialGroups,
    FilterKey::Agents,
    FilterKey::Groups,
    FilterKey::Employees,
    FilterKey::Channels,
    FilterKey::Skills,
    FilterKey::SkillIds,
    FilterKey::Statuses,
    FilterKey::Dispositions,
    FilterKey::Accounts,
    FilterKey::Conversations,
    FilterKey::IntegrationSources,
];

pub(super) fn has_agent([participant]: [Option<i64>; 1]) -> bool {
    participant == Some(AGENT)
}

pub(super) fn not_bot([participant]: [Option<i64>; 1]) -> bool {
    participant != Some(BOT)
}

/// Talk time as the source gives it, else end minus start; up to the nominal instant while the interaction goes on.
pub(super) fn gross_talk(
    talk: Option<Millis>,
    start: Option<Millis>,
    end: Option<Millis>,
    ended_at: Option<Millis>,
    nominal: Millis,
) -> Option<Millis> {
    talk.or_else(|| Some(end_or_now(end, ended_at, nominal)? - start?))
}

/// The end; the nominal instant while the interaction goes on.
pub(super) fn end_or_now(end: Option<Millis>, ended_at: Option<Millis>, nominal: Millis) -> Option<Millis> {
    end.or((ended_at.is_none()).then_some(nominal))
}

/// Exit minus entry; a stint that goes on waits up to the nominal instant.
pub(super) fn queue_wait<'a>(b: &Bind<'a>) -> Binding<'a> {
    let nominal = b.nominal_ms;
    let of = [Field::QueueEntry, Field::QueueExit, Field::Start, Field::EndedAt];
    b.durations(of, |[entry, exit, start, ended_at]| {
        let waiting = start.is_none() && ended_at.is_none();
        Some(exit.or(waiting.then_some(nominal))? - entry?)
    })
}

/// A duration that an agent's row always has: zero where nothing happened.
pub(super) fn agent_duration<'a>(b: &Bind<'a>, field: Field) -> Binding<'a> {
    b.durations([Field::Participant, field], |[participant, ms]| {
        (participant == Some(AGENT)).then(|| ms.unwrap_or(0))
    })
}

/// Acceptance to the agent's first message.
pub(super) fn first_response<'a>(b: &Bind<'a>) -> Binding<'a> {
    b.durations([Field::Participant, Field::FirstResponseMs], |[participant, ms]| {
        ms.filter(|_| participant == Some(AGENT))
    })
}

/// The agent's messages on an agent's row.
pub(super) fn messages_sent<'a>(b: &Bind<'a>) -> Binding<'a> {
    b.numbers([Field::Participant, Field::MessagesSent], |[participant, sent]| {
        (participant == Some(AGENT)).then(|| sent.unwrap_or(0))
    })
}

/// How a portion ended; the first four, coarser words never come out of the store.
pub(super) static CLOSE_REASONS: [&str; 12] = [
    "completed",
    "transferred",
    "timeout",
    "abandoned",
    "closed_by_consumer",
    "closed_by_agent",
    "closed_by_system",
    "agent_transfer",
    "skill_transfer",
    "back_to_queue",
    "takeover",
    "other",
];

/// Whose a segment is: as said, else by who had it.
pub(super) fn user_type<'a>(b: &Bind<'a>) -> Binding<'a> {
    b.words([Field::UserType, Field::Participant], &["human", "bot", "system"], |[user_type, participant]| {
        user_type.or(match participant {
            Some(AGENT) => Some(1),
            Some(BOT) => Some(2),
            _ => None,
        })
    })
}
