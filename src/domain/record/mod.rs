//! Records: what a feeder tells the segment store, one a line.
//!
//! The serde types here are the import format; its JSON Schema (`legwork schema import`) comes from them. Instants are
//! RFC 3339 texts with an offset, or whole UTC milliseconds. A field that is absent or null says nothing. What a
//! record means together with its neighbours is [`super::resolve`]'s business.

mod agent;
pub mod column;
pub mod gathered;
mod interaction;
mod segment;
mod words;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::agent::{AgentRecord, AgentSessionRecord, AgentStateRecord, ManualDialRecord, OfferRecord};
pub use self::interaction::{InteractionFields, InteractionRecord, MessageRecord};
pub use self::segment::SegmentRecord;
pub use self::words::{
    Audience, ChannelType, Dialog, DirectionWord, EndReason, OfferOutcome, Opener, Participant, Sender, Span,
    StartReason, UserType, Word,
};
use super::instant::{InstantText, instant_required};

/// UTC milliseconds since 1970.
pub type Millis = i64;

/// A text that is shared rather than copied: feeds repeat most of theirs line after line.
pub type Text = Arc<str>;

/// The account and source of records that name none.
pub const DEFAULT_SCOPE: &str = "default";

/// One line of an import.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// A customer account of the contact centre or vendor.
    Account(AccountRecord),
    /// A person who takes segments.
    Agent(Box<AgentRecord>),
    /// One contact of a customer, on any channel.
    Interaction(Box<InteractionRecord>),
    /// One agent's, queue's or bot's portion of an interaction. May carry its interaction's fields.
    Segment(Box<SegmentRecord>),
    /// A message of an interaction.
    Message(MessageRecord),
    /// An agent's login session.
    AgentSession(AgentSessionRecord),
    /// A span that an agent spent in one state.
    AgentState(AgentStateRecord),
    /// A call or conversation offered to an agent.
    Offer(OfferRecord),
    /// A number that an agent dialled by hand.
    ManualDial(ManualDialRecord),
    /// A span for which the store is told to be whole.
    Coverage(CoverageRecord),
    /// Says which version of this format the lines after it have.
    Format(FormatRecord),
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($body:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($body)* }
    };
}

use record;

record!(
    /// An account.
    AccountRecord {
        /// The system it comes from; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account's id.
        pub id: Text,
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<Text>,
    }
);

record!(
    /// A span `[from, to)` for which the store holds all there is.
    CoverageRecord {
        /// The system it speaks of; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account within the source; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<Text>,
        /// First instant inside.
        #[serde(deserialize_with = "instant_required")]
        #[schemars(with = "InstantText")]
        pub from: Millis,
        /// First instant outside.
        #[serde(deserialize_with = "instant_required")]
        #[schemars(with = "InstantText")]
        pub to: Millis,
    }
);

/// The newest version of the import format. Version 1 had no offers, manual dials, legs, products, focus and the fields
/// beside them; each version reads what the ones before it read.
pub const FORMAT_VERSION: u32 = 2;

record!(
    /// The version of the lines that follow; a feed need not say it.
    FormatRecord {
        /// From 1 to [`FORMAT_VERSION`].
        pub version: u32,
    }
);

impl Record {
    /// Checks what the types cannot.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Self::Segment(segment) => segment.validate(),
            Self::Account(account) => required("id", &account.id),
            Self::Agent(agent) => required("id", &agent.id),
            Self::Interaction(interaction) => required("id", &interaction.id),
            Self::Message(message) => {
                required("id", &message.id).and_then(|()| required("interaction_id", &message.interaction_id))
            }
            Self::AgentSession(session) => {
                required("id", &session.id).and_then(|()| required("agent_id", &session.agent_id))
            }
            Self::AgentState(state) => required("id", &state.id)
                .and_then(|()| required("agent_session_id", &state.agent_session_id))
                .and_then(|()| required("state", &state.state)),
            Self::Offer(offer) => required("id", &offer.id)
                .and_then(|()| required("agent_id", &offer.agent_id))
                .and_then(|()| required("agent_session_id", &offer.agent_session_id)),
            Self::ManualDial(dial) => required("id", &dial.id)
                .and_then(|()| required("agent_id", &dial.agent_id))
                .and_then(|()| required("agent_session_id", &dial.agent_session_id)),
            Self::Format(format) if !(1..=FORMAT_VERSION).contains(&format.version) => Err(format!(
                "this is version {} of the import format; this Legwork reads 1 to {FORMAT_VERSION}",
                format.version
            )),
            Self::Coverage(coverage) if coverage.to <= coverage.from => {
                Err("`to` is not after `from`".to_owned())
            }
            Self::Coverage(_) | Self::Format(_) => Ok(()),
        }
    }
}

pub(super) fn required(field: &str, value: &str) -> Result<(), String> {
    if value.is_empty() { Err(format!("`{field}` is empty")) } else { Ok(()) }
}

impl CoverageRecord {
    /// Out of a span FROM..TO in RFC 3339, TO exclusive. `Err` says what would be right.
    pub fn of_span(text: &str, source: Option<&str>, account: Option<&str>) -> Result<Self, String> {
        let (from, to) = text.split_once("..").ok_or("write FROM..TO")?;
        let record = Self {
            source: source.map(Into::into),
            account: account.map(Into::into),
            from: super::instant::parse_instant(from.trim())?,
            to: super::instant::parse_instant(to.trim())?,
        };
        Record::Coverage(record.clone()).validate()?;
        Ok(record)
    }
}
