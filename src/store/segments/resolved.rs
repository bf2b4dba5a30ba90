//! What a segment has from its neighbours and messages, as columns.

use rusqlite::Transaction;

use super::names::{Names, role};
use super::row;
use super::words::{END_REASONS, HANDLE_SOURCES, OUTCOMES, START_REASONS, code_of};
use crate::domain::messaging::{Closing, Metrics, Talk};
use crate::domain::record::{ChannelType, EndReason, Millis, Participant, Span};
use crate::domain::resolve::{FromNeighbours, Portion, TransferredBy};

/// What was said of a segment, of what would follow from others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) in_by: Option<i64>,
    pub(super) in_status: Option<i64>,
    pub(super) first_response_ms: Option<Millis>,
    pub(super) handle_ms: Option<Millis>,
    pub(super) focuses: &'a [Span],
}

/// From what else columns follow.
pub(super) struct Others<'a> {
    pub(super) around: FromNeighbours<i64, i64>,
    pub(super) talk: &'a Talk,
    pub(super) channel_type: Option<ChannelType>,
}

/// The columns of `row::RESOLVED` that stand behind those of the interaction.
pub(super) fn from_others(
    (tx, names): (&Transaction<'_>, &mut Names),
    portion: &Portion<'_, i64, i64>,
    said: &Said<'_>,
    others: &Others<'_>,
) -> rusqlite::Result<[Option<i64>; row::FROM_OTHERS]> {
    let Others { around, talk, .. } = others;
    let (by, by_agent) = match (said.in_by, around.transferred_by) {
        (Some(said), _) => (Some(said), None),
        (None, Some(TransferredBy::Agent(agent))) => (None, Some(agent)),
        (None, None) => (None, None),
        (None, Some(TransferredBy::System)) => (names.term(tx, Some("System"), role::NONE)?, None),
        (None, Some(TransferredBy::Bot)) => (names.term(tx, Some("Bot"), role::NONE)?, None),
    };
    let agents = portion.participant == Participant::Agent;
    let first_response = talk.first_response_ms(portion.start).filter(|_| agents);
    let metrics = metrics(portion, said, others);
    Ok([
        Some(i64::from(around.last)),
        by,
        by_agent,
        said.in_status.or(around.transfer_reason),
        code_of(&START_REASONS, around.start_reason),
        code_of(&END_REASONS, around.close_reason),
        said.first_response_ms.or(first_response),
        Some(if agents { talk.sent() } else { 0 }),
        code_of(&OUTCOMES, metrics.map(|m| m.outcome)),
        metrics.and_then(|m| m.first_message_ms),
        metrics.map(|m| m.responses.count),
        metrics.map(|m| m.responses.sum_ms),
        metrics.map(|m| m.turns.count),
        metrics.map(|m| m.turns.sum_ms),
        metrics.map(|m| m.handle_ms),
        code_of(&HANDLE_SOURCES, metrics.map(|m| m.handle_source)),
    ])
}

/// What is counted of a closed segment of an agent or a bot; not on the telephone, where there are no messages.
fn metrics(portion: &Portion<'_, i64, i64>, said: &Said<'_>, others: &Others<'_>) -> Option<Metrics> {
    if others.channel_type == Some(ChannelType::Voice) {
        return None;
    }
    Some(others.talk.metrics(&Closing {
        start: portion.start?,
        end: portion.end?,
        start_reason: others.around.start_reason?,
        closed_by_consumer: others.around.close_reason? == EndReason::ClosedByConsumer,
        focuses: said.focuses,
        handle_ms: said.handle_ms,
    }))
}
