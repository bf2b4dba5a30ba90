//! Words as the codes of the database: their place in these lists, counted from 1.

use crate::domain::messaging::{HandleSource, Outcome};
use crate::domain::record::{
    ChannelType, DirectionWord, EndReason, OfferOutcome, Opener, Participant, StartReason, UserType,
};

pub(super) const PARTICIPANTS: [Participant; 4] =
    [Participant::Agent, Participant::Queue, Participant::Bot, Participant::External];
pub(super) const END_REASONS: [EndReason; 12] = [
    EndReason::Completed,
    EndReason::Transferred,
    EndReason::Timeout,
    EndReason::Abandoned,
    EndReason::ClosedByConsumer,
    EndReason::ClosedByAgent,
    EndReason::ClosedBySystem,
    EndReason::AgentTransfer,
    EndReason::SkillTransfer,
    EndReason::BackToQueue,
    EndReason::Takeover,
    EndReason::Other,
];
pub(super) const CHANNEL_TYPES: [ChannelType; 4] =
    [ChannelType::Voice, ChannelType::Sms, ChannelType::Email, ChannelType::Chat];
pub(super) const DIRECTIONS: [DirectionWord; 2] = [DirectionWord::Inbound, DirectionWord::Outbound];
pub(super) const USER_TYPES: [UserType; 3] = [UserType::Human, UserType::Bot, UserType::System];
pub(super) const START_REASONS: [StartReason; 4] =
    [StartReason::New, StartReason::Transfer, StartReason::Takeover, StartReason::Resume];
pub(super) const OPENERS: [Opener; 3] = [Opener::Customer, Opener::Agent, Opener::System];
pub(super) const OFFER_OUTCOMES: [OfferOutcome; 3] =
    [OfferOutcome::Accepted, OfferOutcome::RingNoAnswer, OfferOutcome::Declined];
pub(super) const OUTCOMES: [Outcome; 4] =
    [Outcome::Interactive, Outcome::Abandoned, Outcome::NonResponsiveConsumer, Outcome::NonResponsiveAgent];
pub(super) const HANDLE_SOURCES: [HandleSource; 3] =
    [HandleSource::Focus, HandleSource::Reported, HandleSource::Estimate];

pub(super) fn code_of<T: Copy + PartialEq>(words: &[T], word: Option<T>) -> Option<i64> {
    let word = word?;
    words.iter().position(|known| *known == word).and_then(|index| i64::try_from(index + 1).ok())
}

pub(super) fn word_of<T: Copy>(words: &[T], code: Option<i64>) -> Option<T> {
    code.and_then(|code| usize::try_from(code - 1).ok()).and_then(|index| words.get(index)).copied()
}
