//! The words of the import format, and spans.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Millis;
use crate::domain::instant::{InstantText, instant_required};

/// A choice among a few words.
pub trait Word: Copy + PartialEq + 'static {
    /// Each of them as a CSV has it.
    const WORDS: &'static [(&'static str, Self)];

    /// The one that a text names, in any case.
    fn of(text: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, word)| *word)
    }
}

macro_rules! words {
    ($($name:ident { $($text:literal = $word:ident),+ $(,)? })+) => {$(
        impl Word for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($text, Self::$word)),+];
        }
    )+};
}

words! {
    Participant { "agent" = Agent, "queue" = Queue, "bot" = Bot, "external" = External }
    UserType { "human" = Human, "bot" = Bot, "system" = System }
    StartReason { "new" = New, "transfer" = Transfer, "takeover" = Takeover, "resume" = Resume }
    Opener { "customer" = Customer, "agent" = Agent, "system" = System }
    OfferOutcome { "accepted" = Accepted, "ring_no_answer" = RingNoAnswer, "declined" = Declined }
    Dialog { "main" = Main, "survey" = Survey }
    EndReason {
        "completed" = Completed,
        "transferred" = Transferred,
        "timeout" = Timeout,
        "abandoned" = Abandoned,
        "closed_by_consumer" = ClosedByConsumer,
        "closed_by_agent" = ClosedByAgent,
        "closed_by_system" = ClosedBySystem,
        "agent_transfer" = AgentTransfer,
        "skill_transfer" = SkillTransfer,
        "back_to_queue" = BackToQueue,
        "takeover" = Takeover,
        "other" = Other,
    }
    ChannelType { "voice" = Voice, "sms" = Sms, "email" = Email, "chat" = Chat }
    DirectionWord { "Inbound" = Inbound, "Outbound" = Outbound }
    Sender { "agent" = Agent, "customer" = Customer, "bot" = Bot, "system" = System }
    Audience { "public" = Public, "private" = Private }
}

impl Word for bool {
    const WORDS: &'static [(&'static str, Self)] = &[("true", true), ("false", false)];
}

/// A span of time `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// First instant inside.
    #[serde(deserialize_with = "instant_required")]
    #[schemars(with = "InstantText")]
    pub start: Millis,
    /// First instant outside.
    #[serde(deserialize_with = "instant_required")]
    #[schemars(with = "InstantText")]
    pub end: Millis,
}

/// Who had a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Participant {
    /// An agent.
    Agent,
    /// A queue from which nobody took it.
    Queue,
    /// A bot.
    Bot,
    /// The outside party of a call: leg 1. Never a row of a report.
    External,
}

/// Whether a person had a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserType {
    /// A person.
    Human,
    /// A bot.
    Bot,
    /// The platform.
    System,
}

/// How a portion came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StartReason {
    /// The first one of an interaction that the customer opened.
    New,
    /// Handed on from an earlier one.
    Transfer,
    /// Taken over by a manager.
    Takeover,
    /// Opened or opened again by the agent.
    Resume,
}

/// Who opened an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Opener {
    /// The customer.
    Customer,
    /// An agent.
    Agent,
    /// The platform.
    System,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    /// The agent took it.
    Accepted,
    /// It rang and nobody took it.
    #[default]
    RingNoAnswer,
    /// The agent declined.
    Declined,
}

/// The part of a conversation to which a message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialog {
    /// The conversation itself.
    #[default]
    Main,
    /// A survey after it.
    Survey,
}

/// How a portion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The interaction ended with it.
    Completed,
    /// It was handed on.
    Transferred,
    /// Its queue's waiting time ran out.
    Timeout,
    /// The customer left.
    Abandoned,
    /// The customer closed the conversation.
    ClosedByConsumer,
    /// The agent closed it.
    ClosedByAgent,
    /// The platform closed it.
    ClosedBySystem,
    /// Handed on to an agent.
    AgentTransfer,
    /// Handed on to a skill or queue.
    SkillTransfer,
    /// Given back to the queue.
    BackToQueue,
    /// Taken over by a manager.
    Takeover,
    /// Something else.
    Other,
}

/// What kind of channel an interaction came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChannelType {
    /// Telephone and video calls.
    Voice,
    /// Text messages by phone.
    Sms,
    /// Mail.
    Email,
    /// Chat and messaging of all other sorts.
    Chat,
}

/// Who began an interaction, in an import's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DirectionWord {
    /// The customer.
    #[serde(alias = "inbound", alias = "INBOUND")]
    Inbound,
    /// The contact centre.
    #[serde(alias = "outbound", alias = "OUTBOUND")]
    Outbound,
}

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    /// An agent.
    Agent,
    /// The customer.
    #[default]
    Customer,
    /// A bot.
    Bot,
    /// The platform.
    System,
}

/// Who can read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Customer and agents.
    #[default]
    Public,
    /// Agents only.
    Private,
}
