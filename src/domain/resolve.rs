//! What a row needs from its interaction and its neighbours.
//!
//! Resolved when records arrive and kept with each segment, so that a detail report is one ordered pass without a
//! join. Pure: the store hands in the segments of one interaction and writes back what changed.

use super::record::{
    ChannelType, DirectionWord, EndReason, InteractionFields, Millis, Participant, Span, Text,
};

/// The customer as reports print it: as said, else the first of name, email and phone.
pub fn customer(fields: &InteractionFields) -> Option<&Text> {
    [&fields.customer, &fields.customer_name, &fields.customer_email, &fields.customer_phone]
        .into_iter()
        .filter_map(|field| field.as_ref())
        .find(|text| !text.is_empty())
}

/// The Support column (koreai.md 2.1, column 5; rules.md for inbound email).
///
/// Voice: the number called or chosen. SMS outbound: its name or number. Email: the address used; inbound, where none
/// is known, the bot's name. Everything else is digital: the bot's name.
pub fn support(fields: &InteractionFields) -> Option<&str> {
    let outbound = fields.direction == Some(DirectionWord::Outbound);
    let bot = fields.bot_name.as_deref();
    let number = fields.support_number.as_deref();
    fields.support.as_deref().or_else(|| match fields.channel_type {
        Some(ChannelType::Voice) => number,
        Some(ChannelType::Sms) if outbound => number,
        Some(ChannelType::Email) if outbound => fields.support_email.as_deref(),
        Some(ChannelType::Email) => fields.support_email.as_deref().or(bot),
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

/// A segment as far as its neighbours matter. `A` identifies an agent, `T` a text.
#[derive(Debug, Clone)]
pub struct Neighbour<'a, A, T> {
    /// Queue entry where the row has a stint, else the start.
    pub row_start: Millis,
    /// The record's id; rows are ordered by (`row_start`, key as bytes).
    pub key: &'a str,
    /// Start of the portion.
    pub start: Option<Millis>,
    /// End of the portion, exclusive.
    pub end: Option<Millis>,
    /// Who had it.
    pub participant: Participant,
    /// The agent, where one had it.
    pub agent: Option<A>,
    /// How it ended.
    pub end_reason: Option<EndReason>,
    /// Why it was handed on.
    pub transfer_reason: Option<T>,
}

/// A message as far as segments count it: the public ones of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentMessage<A> {
    /// When it was sent.
    pub at: Millis,
    /// Its author, where known.
    pub agent: Option<A>,
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
    /// Acceptance to the agent's first public message, where there is one.
    pub first_response_ms: Option<Millis>,
    /// The agent's public messages in this segment.
    pub messages_sent: i64,
}

/// Resolves the segments of one interaction. The result stands in the order of the input.
pub fn neighbours<A: Copy + PartialEq, T: Copy>(
    segments: &[Neighbour<'_, A, T>],
    messages: &[AgentMessage<A>],
) -> Vec<FromNeighbours<A, T>> {
    let mut order: Vec<usize> = (0..segments.len()).collect();
    let place = |index: &usize| segments.get(*index).map(|s| (s.row_start, s.key.as_bytes()));
    order.sort_by(|a, b| place(a).cmp(&place(b)));
    let mut resolved: Vec<FromNeighbours<A, T>> = segments
        .iter()
        .map(|_| FromNeighbours {
            last: false,
            transferred_by: None,
            transfer_reason: None,
            first_response_ms: None,
            messages_sent: 0,
        })
        .collect();
    let mut before: Option<&Neighbour<'_, A, T>> = None;
    for (position, &index) in order.iter().enumerate() {
        let (Some(segment), Some(slot)) = (segments.get(index), resolved.get_mut(index)) else { continue };
        slot.last = position + 1 == order.len();
        if let Some(before) = before {
            slot.transferred_by = handed_over_by(before);
            slot.transfer_reason = slot.transferred_by.as_ref().and(before.transfer_reason);
        }
        before = Some(segment);
    }
    for message in messages {
        let Some(index) = segment_of(segments, message) else { continue };
        let (Some(segment), Some(slot)) = (segments.get(index), resolved.get_mut(index)) else { continue };
        slot.messages_sent += 1;
        let response = segment.start.map(|start| (message.at - start).max(0));
        slot.first_response_ms = match (slot.first_response_ms, response) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
    }
    resolved
}

/// Column 23: `Bot` after a bot's portion, `System` after a stint whose waiting time ran out, else the agent who
/// transferred.
fn handed_over_by<A: Copy, T>(before: &Neighbour<'_, A, T>) -> Option<TransferredBy<A>> {
    match (before.participant, before.end_reason) {
        (Participant::Bot, _) => Some(TransferredBy::Bot),
        (Participant::Queue, Some(EndReason::Timeout)) => Some(TransferredBy::System),
        (Participant::Agent, Some(EndReason::Transferred)) => before.agent.map(TransferredBy::Agent),
        _ => None,
    }
}

/// The segment to which an agent's message belongs.
///
/// At the very instant where one segment ends and the next starts it belongs to its author's, else to the ending one
/// (rules.md, all reports).
fn segment_of<A: Copy + PartialEq, T>(
    segments: &[Neighbour<'_, A, T>],
    message: &AgentMessage<A>,
) -> Option<usize> {
    let holds = |segment: &Neighbour<'_, A, T>| {
        segment.participant == Participant::Agent
            && segment.start.is_some_and(|start| start <= message.at)
            && segment.end.is_none_or(|end| message.at <= end)
    };
    let candidates = || segments.iter().enumerate().filter(|(_, segment)| holds(segment));
    let own = candidates().filter(|(_, segment)| message.agent.is_some() && segment.agent == message.agent);
    // An author's own segment that ends here loses to one that goes on: the later start wins.
    own.max_by_key(|(_, segment)| segment.start)
        .or_else(|| candidates().filter(|_| message.agent.is_none()).min_by_key(|(_, segment)| segment.start))
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::{AgentMessage, Neighbour, TransferredBy, neighbours, union_ms};
    use crate::domain::record::{EndReason, Participant, Span};

    fn segment(key: &str, start: i64, end: i64, agent: u8) -> Neighbour<'_, u8, u8> {
        Neighbour {
            row_start: start,
            key,
            start: Some(start),
            end: Some(end),
            participant: Participant::Agent,
            agent: Some(agent),
            end_reason: None,
            transfer_reason: None,
        }
    }

    #[test]
    fn overlapping_holds_and_mutes_count_once_and_are_clipped() {
        let spans = [(0, 50), (40, 60), (90, 200), (70, 70)].map(|(start, end)| Span { start, end });
        assert_eq!(union_ms(&spans, 10, Some(100)), 50 + 10);
    }

    #[test]
    fn the_last_segment_has_the_greatest_start_then_key() {
        let resolved =
            neighbours(&[segment("b", 5, 9, 1), segment("a", 5, 9, 2), segment("c", 1, 4, 3)], &[]);
        assert_eq!(resolved.iter().map(|r| r.last).collect::<Vec<_>>(), [true, false, false]);
    }

    #[test]
    fn who_handed_over_follows_from_the_row_before() {
        let bot = Neighbour { participant: Participant::Bot, agent: None, ..segment("1", 0, 5, 0) };
        let first = Neighbour {
            end_reason: Some(EndReason::Transferred),
            transfer_reason: Some(9),
            ..segment("2", 5, 10, 7)
        };
        let stint = Neighbour {
            participant: Participant::Queue,
            end_reason: Some(EndReason::Timeout),
            agent: None,
            ..segment("3", 10, 20, 0)
        };
        let resolved = neighbours(&[bot, first, stint, segment("4", 20, 30, 8)], &[]);
        let by: Vec<_> = resolved.iter().map(|r| r.transferred_by).collect();
        assert_eq!(
            by,
            [None, Some(TransferredBy::Bot), Some(TransferredBy::Agent(7)), Some(TransferredBy::System)]
        );
        assert_eq!(resolved[2].transfer_reason, Some(9));
    }

    #[test]
    fn a_message_at_the_seam_belongs_to_its_author() {
        let segments = [segment("1", 0, 10, 7), segment("2", 10, 20, 8)];
        let messages = [
            AgentMessage { at: 10, agent: Some(8) },
            AgentMessage { at: 10, agent: Some(7) },
            AgentMessage { at: 10, agent: None },
        ];
        let resolved = neighbours(&segments, &messages);
        assert_eq!([resolved[0].messages_sent, resolved[1].messages_sent], [2, 1]);
        assert_eq!(resolved[1].first_response_ms, Some(0));
    }
}
