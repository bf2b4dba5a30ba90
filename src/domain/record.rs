//! Records: what a feeder tells the segment store, one a line.
//!
//! The serde types here are the import format; its JSON Schema (`legwork schema import`) comes from them. Instants are
//! RFC 3339 texts with an offset, or whole UTC milliseconds. A field that is absent or null says nothing. What a
//! record means together with its neighbours is [`super::resolve`]'s business.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instant::{InstantText, instant, instant_required};

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
    Agent(AgentRecord),
    /// One contact of a customer, on any channel.
    Interaction(InteractionRecord),
    /// One agent's, queue's or bot's portion of an interaction. May carry its interaction's fields.
    Segment(Box<SegmentRecord>),
    /// A message of an interaction.
    Message(MessageRecord),
    /// An agent's login session.
    AgentSession(AgentSessionRecord),
    /// A span that an agent spent in one state.
    AgentState(AgentStateRecord),
    /// A span for which the store is told to be whole.
    Coverage(CoverageRecord),
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($body:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($body)* }
    };
}

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
    /// An agent.
    AgentRecord {
        /// The system it comes from; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account within the source; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<Text>,
        /// The agent's id.
        pub id: Text,
        /// When the record was last changed; an older one never replaces a newer one.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub updated_at: Option<Millis>,
        /// Full name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<Text>,
        /// The name that customers see.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub custom_name: Option<Text>,
        /// Mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<Text>,
    }
);

record!(
    /// An interaction. Says only the fields that it has: several lines about one interaction add up.
    InteractionRecord {
        /// The system it comes from; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account within the source; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<Text>,
        /// The interaction's id.
        #[serde(alias = "session_id", alias = "interaction_id")]
        pub id: Text,
        /// When the record was last changed; an older one never replaces a newer one.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub updated_at: Option<Millis>,
        /// What is known of it.
        #[serde(flatten)]
        #[schemars(flatten)]
        pub facts: InteractionFields,
    }
);

/// What is known of an interaction; a segment line may carry the same fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub struct InteractionFields {
    /// `Inbound` or `Outbound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<DirectionWord>,
    /// The channel's name, as reports print it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Text>,
    /// What kind of channel it is; decides what stands in the Support column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_type: Option<ChannelType>,
    /// The customer as reports print it; else the first of name, email and phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Text>,
    /// The customer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_name: Option<Text>,
    /// The customer's mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_email: Option<Text>,
    /// The customer's phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_phone: Option<Text>,
    /// The Support column as reports print it; else it follows from channel type and direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<Text>,
    /// The number called, chosen or used; for SMS also its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_number: Option<Text>,
    /// The mail address written to or from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_email: Option<Text>,
    /// The bot's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_name: Option<Text>,
    /// The final status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Text>,
    /// The reason of the final status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// Who ended it, as `Agent Hangup`. An interaction that has one has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disconnecting_event: Option<Text>,
    /// When it ended; absent while it goes on.
    #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<InstantText>")]
    pub interaction_end: Option<Millis>,
}

record!(
    /// A segment or an unanswered queue stint. A newer record of a key replaces the older one whole.
    SegmentRecord {
        /// The system it comes from; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account within the source; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<Text>,
        /// The segment's id, or the queue stint's where nobody answered.
        #[serde(alias = "segment_id")]
        pub id: Text,
        /// The interaction it belongs to.
        #[serde(alias = "session_id")]
        pub interaction_id: Text,
        /// When the record was last changed; an older one never replaces a newer one.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub updated_at: Option<Millis>,
        /// Who had it; else an agent where one is named, else the queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub participant: Option<Participant>,
        /// The queue it came through.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub queue_name: Option<Text>,
        /// Entry into this queue.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub queue_entry: Option<Millis>,
        /// When this portion left the queue.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub queue_exit: Option<Millis>,
        /// The agent's id; else the email, else the name stands for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_id: Option<Text>,
        /// The agent's name, said once more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_name: Option<Text>,
        /// The name that customers see, said once more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_custom_name: Option<Text>,
        /// The agent's mail address, said once more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_email: Option<Text>,
        /// Start of the portion: acceptance by the agent or bot.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub start: Option<Millis>,
        /// End of the portion, exclusive.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub end: Option<Millis>,
        /// Gross talk time where the source gives it; else end minus start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub talk_ms: Option<Millis>,
        /// Time on hold where the source gives a sum.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub hold_ms: Option<Millis>,
        /// Time on mute where the source gives a sum.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mute_ms: Option<Millis>,
        /// Snoozed time where the source gives a sum.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub snooze_ms: Option<Millis>,
        /// Spans on hold; they win over the sum.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub holds: Vec<Span>,
        /// Spans on mute; they win over the sum.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub mutes: Vec<Span>,
        /// Snoozed spans; they win over the sum.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub snoozes: Vec<Span>,
        /// Acceptance to the agent's first message where the source gives it; else it follows from the messages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub first_response_ms: Option<Millis>,
        /// Mail addresses of those consulted, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub consultants: Vec<Text>,
        /// Mail addresses of those who joined, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub joined_users: Vec<Text>,
        /// Skills placed in this segment.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub skills: Vec<Text>,
        /// Who transferred it here: `System`, `Bot` or a mail address; else it follows from the row before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub transferred_in_by: Option<Text>,
        /// Why it was transferred here; else it follows from the row before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub transferred_in_status: Option<Text>,
        /// How the portion ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub end_reason: Option<EndReason>,
        /// Why it was transferred on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub transfer_reason: Option<Text>,
        /// The code that the agent gave the outcome.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub disposition: Option<Text>,
        /// The interaction's fields, said once more.
        #[serde(flatten)]
        #[schemars(flatten)]
        pub interaction: InteractionFields,
    }
);

record!(
    /// A message.
    MessageRecord {
        /// The system it comes from; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account within the source; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<Text>,
        /// The message's id.
        pub id: Text,
        /// The interaction it belongs to.
        #[serde(alias = "session_id")]
        pub interaction_id: Text,
        /// When it was sent.
        #[serde(deserialize_with = "instant_required")]
        #[schemars(with = "InstantText")]
        pub at: Millis,
        /// Who sent it.
        pub sender: Sender,
        /// The sending agent's id, where an agent sent it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_id: Option<Text>,
        /// Who can read it; everybody when absent.
        #[serde(default)]
        pub audience: Audience,
    }
);

record!(
    /// A login session of an agent.
    AgentSessionRecord {
        /// The system it comes from; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account within the source; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<Text>,
        /// The session's id.
        pub id: Text,
        /// When the record was last changed; an older one never replaces a newer one.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub updated_at: Option<Millis>,
        /// The agent.
        pub agent_id: Text,
        /// Login.
        #[serde(deserialize_with = "instant_required")]
        #[schemars(with = "InstantText")]
        pub login: Millis,
        /// Logout; absent while it goes on.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub logout: Option<Millis>,
    }
);

record!(
    /// A span of a login session.
    AgentStateRecord {
        /// The system it comes from; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account within the source; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<Text>,
        /// The span's id.
        pub id: Text,
        /// When the record was last changed; an older one never replaces a newer one.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub updated_at: Option<Millis>,
        /// The login session.
        pub agent_session_id: Text,
        /// The state's name in the source.
        pub state: Text,
        /// Its start.
        #[serde(deserialize_with = "instant_required")]
        #[schemars(with = "InstantText")]
        pub start: Millis,
        /// Its end, exclusive; absent while it goes on.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub end: Option<Millis>,
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
}

/// How a portion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// The interaction ended with it.
    Completed,
    /// It was handed on.
    Transferred,
    /// Its queue's waiting time ran out.
    Timeout,
    /// The customer left.
    Abandoned,
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

impl SegmentRecord {
    /// Who had it: as said, else an agent where one is named, else the queue.
    pub fn participant(&self) -> Participant {
        let named = self.agent_id.is_some() || self.agent_email.is_some() || self.agent_name.is_some();
        self.participant.unwrap_or(if named { Participant::Agent } else { Participant::Queue })
    }

    /// Checks what the types cannot: keys that are there, spans that run forwards, a start to belong to a period by.
    pub fn validate(&self) -> Result<(), String> {
        required("id", &self.id)?;
        required("interaction_id", &self.interaction_id)?;
        if self.queue_entry.is_none() && self.start.is_none() {
            return Err("neither `queue_entry` nor `start`: the row would belong to no period".to_owned());
        }
        if self.participant() != Participant::Queue && self.start.is_none() {
            return Err("no `start`, though an agent or bot had it".to_owned());
        }
        let negative = [self.talk_ms, self.hold_ms, self.mute_ms, self.snooze_ms, self.first_response_ms];
        if negative.into_iter().flatten().any(|ms| ms < 0) {
            return Err("a duration is negative".to_owned());
        }
        let backwards = |spans: &[Span]| spans.iter().any(|span| span.end < span.start);
        if backwards(&self.holds) || backwards(&self.mutes) || backwards(&self.snoozes) {
            return Err("a span ends before it starts".to_owned());
        }
        Ok(())
    }
}

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
            Self::AgentState(state) => required("id", &state.id),
            Self::Coverage(coverage) if coverage.to <= coverage.from => {
                Err("`to` is not after `from`".to_owned())
            }
            Self::Coverage(_) => Ok(()),
        }
    }
}

fn required(field: &str, value: &str) -> Result<(), String> {
    if value.is_empty() { Err(format!("`{field}` is empty")) } else { Ok(()) }
}
