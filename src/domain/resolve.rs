//! What a row needs from its interaction and its neighbours.
//!
//! Resolved when records arrive and kept with each segment, so that a detail report is one ordered pass without a
//! join. Pure: the store hands in the segments of one interaction and writes back what changed.

use super::record::{
    ChannelType, DirectionWord, EndReason, InteractionFields, Millis, Opener, Participant, Span, StartReason,
    Text,
};

/// The customer as reports print it: as said, else the first of name, email and phone.
pub fn customer(fields: &InteractionFields) -> Option<&Text> {
    [&fields.customer, &fields.customer_name, &fields.customer_email, &fields.customer_phone]
        .into_iter()
        .filter_map(|field| field.as_ref())
        .find(|text| !text.is_empty())
}

/// The Support column of the interaction details.
///
/// Voice: the number called or chosen. SMS outbound: its name or number. Email: the address used; inbound, where none
/// is known, the bot's name. Everything else is digital: the bot's name.
pub fn support(fields: &InteractionFields) -> Option<&Text> {
    let outbound = fields.direction == Some(DirectionWord::Outbound);
    let bot = fields.bot_name.as_ref();
    let number = fields.support_number.as_ref();
    fields.support.as_ref().or_else(|| match fields.channel_type {
        Some(ChannelType::Voice) => number,
        Some(ChannelType::Sms) if outbound => number,
        Some(ChannelType::Email) if outbound => fields.support_email.as_ref(),
        Some(ChannelType::Email) => fields.support_email.as_ref().or(bot),
        Some(ChannelType::Sms | ChannelType::Chat) | None => bot,
    })
}

/// Milliseconds of the union of spans, each clipped to `[start, end)`; overlapping spans count once.
pub fn union_ms<'a>(spans: impl IntoIterator<Item = &'a Span>, start: Millis, end: Option<Millis>) -> Millis {
    let clip = |span: &Span| (span.start.max(start), end.map_or(span.end, |end| span.end.min(end)));
    let mut clipped: Vec<(Millis, Millis)> =
        spans.into_iter().map(clip).filter(|(from, to)| from < to).collect();
    clipped.sort_unstable();
    let (mut total, mut reached) = (0, Millis::MIN);
    for (from, to) in clipped {
        total += (to - from.max(reached)).max(0);
        reached = reached.max(to);
    }
    total
}

/// Who is named in `Transferred In By`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferredBy<A> {
    /// The queue's waiting time ran out.
    System,
    /// A bot handed over.
    Bot,
    /// This agent transferred.
    Agent(A),
}

/// A segment as far as its interaction matters. `A` identifies an agent, `T` a text.
#[derive(Debug, Clone)]
pub struct Portion<'a, A, T> {
    /// Queue entry where the row has a stint, else the start.
    pub row_start: Millis,
    /// The record's id; rows are ordered by (`row_start`, key as bytes).
    pub key: &'a str,
    /// Whether it came through a queue.
    pub queued: bool,
    /// Start of the portion.
    pub start: Option<Millis>,
    /// End of the portion, exclusive.
    pub end: Option<Millis>,
    /// Who had it.
    pub participant: Participant,
    /// The agent, where one had it.
    pub agent: Option<A>,
    /// How it came about, where that was said.
    pub start_reason: Option<StartReason>,
    /// How it ended.
    pub end_reason: Option<EndReason>,
    /// Why it was handed on.
    pub transfer_reason: Option<T>,
}

impl<A, T> Portion<'_, A, T> {
    /// Whether an agent or a bot had it.
    pub fn held(&self) -> bool {
        matches!(self.participant, Participant::Agent | Participant::Bot)
    }
}

#[cfg(test)]
impl<'a, A, T> Portion<'a, A, T> {
    /// A person's plain portion.
    pub const fn of_agent(key: &'a str, start: Millis, end: Millis, agent: A) -> Self {
        Self {
            row_start: start,
            key,
            queued: false,
            start: Some(start),
            end: Some(end),
            participant: Participant::Agent,
            agent: Some(agent),
            start_reason: None,
            end_reason: None,
            transfer_reason: None,
        }
    }
}

/// An interaction as far as its segments matter.
#[derive(Debug, Clone, Copy)]
pub struct Whole<'a> {
    /// Whether it has ended.
    pub ended: bool,
    /// Who opened it.
    pub opened_by: Option<Opener>,
    /// Who ended it, as reports print it.
    pub disconnecting_event: Option<&'a str>,
}

/// What a segment gets from its neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromNeighbours<A, T> {
    /// Whether it is the last segment of its interaction: the greatest start, then key.
    pub last: bool,
    /// Who transferred it here, where nothing was said.
    pub transferred_by: Option<TransferredBy<A>>,
    /// Why, where nothing was said.
    pub transfer_reason: Option<T>,
    /// How it came about; for agents and bots.
    pub start_reason: Option<StartReason>,
    /// How it ended, in the words that agent segments know; for agents and bots.
    pub close_reason: Option<EndReason>,
}

/// Places of an interaction's segments in row order, the outside party left out.
fn row_order<A, T>(segments: &[Portion<'_, A, T>]) -> Vec<usize> {
    let inside = |(_, segment): &(usize, &Portion<'_, A, T>)| segment.participant != Participant::External;
    let mut order: Vec<usize> = segments.iter().enumerate().filter(inside).map(|(index, _)| index).collect();
    let place = |index: &usize| segments.get(*index).map(|s| (s.row_start, s.key.as_bytes()));
    order.sort_by(|a, b| place(a).cmp(&place(b)));
    order
}

/// Resolves the segments of one interaction. The result stands in the order of the input.
pub fn neighbours<A: Copy + PartialEq, T: Copy>(
    segments: &[Portion<'_, A, T>],
    whole: Whole<'_>,
) -> Vec<FromNeighbours<A, T>> {
    let nothing = || FromNeighbours {
        last: false,
        transferred_by: None,
        transfer_reason: None,
        start_reason: None,
        close_reason: None,
    };
    let mut resolved: Vec<FromNeighbours<A, T>> = segments.iter().map(|_| nothing()).collect();
    let order = row_order(segments);
    let mut before: Option<&Portion<'_, A, T>> = None;
    let mut held_before: Option<&Portion<'_, A, T>> = None;
    for (position, &index) in order.iter().enumerate() {
        let (Some(segment), Some(slot)) = (segments.get(index), resolved.get_mut(index)) else { continue };
        let next = order.get(position + 1).and_then(|next| segments.get(*next));
        slot.last = next.is_none();
        if let Some(before) = before {
            slot.transferred_by = handed_over_by(before);
            slot.transfer_reason = slot.transferred_by.as_ref().and(before.transfer_reason);
        }
        if segment.held() {
            slot.start_reason = Some(start_reason(segment, held_before, whole.opened_by));
            slot.close_reason = segment.end.map(|_| close_reason(segment, next, whole));
            held_before = Some(segment);
        }
        before = Some(segment);
    }
    resolved
}

/// Column 23: `Bot` after a bot's portion, `System` after a stint whose waiting time ran out, else the agent who
/// transferred.
fn handed_over_by<A: Copy, T>(before: &Portion<'_, A, T>) -> Option<TransferredBy<A>> {
    use EndReason::{AgentTransfer, BackToQueue, SkillTransfer, Timeout, Transferred};
    match (before.participant, before.end_reason) {
        (Participant::Bot, _) => Some(TransferredBy::Bot),
        (Participant::Queue, Some(Timeout)) => Some(TransferredBy::System),
        (Participant::Agent, Some(Transferred | AgentTransfer | SkillTransfer | BackToQueue)) => {
            before.agent.map(TransferredBy::Agent)
        }
        _ => None,
    }
}

/// What was said wins; a takeover is known by how the portion before ended; the first portion is a
/// resume when an agent opened the interaction. A person after a bot comes by transfer.
fn start_reason<A, T>(
    segment: &Portion<'_, A, T>,
    before: Option<&Portion<'_, A, T>>,
    opened_by: Option<Opener>,
) -> StartReason {
    segment.start_reason.unwrap_or(match before {
        None if opened_by == Some(Opener::Agent) => StartReason::Resume,
        None => StartReason::New,
        Some(before) if before.end_reason == Some(EndReason::Takeover) => StartReason::Takeover,
        Some(_) => StartReason::Transfer,
    })
}

/// The agent-segment words for how a portion ended; the store's older, coarser words are made finer by what is known
/// of the row after it and of the interaction's end.
fn close_reason<A, T>(
    segment: &Portion<'_, A, T>,
    next: Option<&Portion<'_, A, T>>,
    whole: Whole<'_>,
) -> EndReason {
    match segment.end_reason {
        Some(EndReason::Completed) => closed_by(whole.disconnecting_event),
        Some(EndReason::Transferred) => match next {
            Some(next) if next.queued => EndReason::SkillTransfer,
            Some(_) => EndReason::AgentTransfer,
            None => EndReason::Other,
        },
        Some(EndReason::Timeout) => EndReason::BackToQueue,
        Some(EndReason::Abandoned) => EndReason::ClosedByConsumer,
        Some(said) => said,
        None if whole.ended && next.is_none() => closed_by(whole.disconnecting_event),
        None => EndReason::Other,
    }
}

fn closed_by(disconnecting_event: Option<&str>) -> EndReason {
    match disconnecting_event {
        Some("User Hangup") => EndReason::ClosedByConsumer,
        Some("Agent Hangup" | "Agent Closed") => EndReason::ClosedByAgent,
        Some("System Hangup" | "Bot Hangup") => EndReason::ClosedBySystem,
        _ => EndReason::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Portion, TransferredBy, Whole, neighbours, union_ms};
    use crate::domain::record::{EndReason, Opener, Participant, Span, StartReason};

    const fn segment(key: &str, start: i64, end: i64, agent: u8) -> Portion<'_, u8, u8> {
        Portion::of_agent(key, start, end, agent)
    }

    const OPEN: Whole<'_> = Whole { ended: false, opened_by: None, disconnecting_event: None };

    #[test]
    fn overlapping_holds_and_mutes_count_once_and_are_clipped() {
        let spans = [(0, 50), (40, 60), (90, 200), (70, 70)].map(|(start, end)| Span { start, end });
        assert_eq!(union_ms(&spans, 10, Some(100)), 50 + 10);
    }

    #[test]
    fn the_last_segment_has_the_greatest_start_then_key_and_is_never_the_outside_party() {
        let outside = Portion { participant: Participant::External, ..segment("z", 9, 9, 0) };
        let rows = [segment("b", 5, 9, 1), segment("a", 5, 9, 2), segment("c", 1, 4, 3), outside];
        let resolved = neighbours(&rows, OPEN);
        assert_eq!(resolved.iter().map(|r| r.last).collect::<Vec<_>>(), [true, false, false, false]);
    }

    #[test]
    fn who_handed_over_follows_from_the_row_before() {
        let bot = Portion { participant: Participant::Bot, agent: None, ..segment("1", 0, 5, 0) };
        let first = Portion {
            end_reason: Some(EndReason::Transferred),
            transfer_reason: Some(9),
            ..segment("2", 5, 10, 7)
        };
        let stint = Portion {
            participant: Participant::Queue,
            queued: true,
            end_reason: Some(EndReason::Timeout),
            agent: None,
            ..segment("3", 10, 20, 0)
        };
        let resolved = neighbours(&[bot, first, stint, segment("4", 20, 30, 8)], OPEN);
        let by: Vec<_> = resolved.iter().map(|r| r.transferred_by).collect();
        assert_eq!(
            by,
            [None, Some(TransferredBy::Bot), Some(TransferredBy::Agent(7)), Some(TransferredBy::System)]
        );
        assert_eq!(resolved[2].transfer_reason, Some(9));
        assert_eq!(
            resolved[1].close_reason,
            Some(EndReason::SkillTransfer),
            "the next row came through a queue"
        );
        let starts: Vec<_> = resolved.iter().map(|r| r.start_reason).collect();
        let (new, transfer) = (Some(StartReason::New), Some(StartReason::Transfer));
        assert_eq!(starts, [new, transfer, None, transfer], "a person after a bot comes by transfer");
    }

    #[test]
    fn what_closed_the_interaction_closed_its_last_segment() {
        let whole =
            Whole { ended: true, opened_by: Some(Opener::Agent), disconnecting_event: Some("User Hangup") };
        let resolved = neighbours(&[segment("1", 0, 5, 1), segment("2", 5, 9, 1)], whole);
        let reasons: Vec<_> = resolved.iter().map(|r| r.close_reason).collect();
        assert_eq!(reasons, [Some(EndReason::Other), Some(EndReason::ClosedByConsumer)]);
        assert_eq!(resolved[0].start_reason, Some(StartReason::Resume));
    }
}
