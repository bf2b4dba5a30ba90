//! Records of interactions and their messages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::{Audience, ChannelType, Dialog, DirectionWord, Opener, Sender};
use super::{Millis, Text, record};
use crate::domain::instant::{InstantText, instant, instant_required};

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
    /// The call id of the telephone platform; the interaction's id stands for it where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uii: Option<Text>,
    /// Where a conversation started, as `APP`, `SMS`, `FACEBOOK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_source: Option<Text>,
    /// The number of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ani: Option<Text>,
    /// The number dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnis: Option<Text>,
    /// Who opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_by: Option<Opener>,
    /// The subject of a mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_subject: Option<Text>,
    /// Tags of the interaction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session_tags: Vec<Text>,
    /// Tags of the customer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_tags: Vec<Text>,
}

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
        /// Its place among messages of the same instant.
        #[serde(default)]
        pub seq: i64,
        /// The part of the conversation; the main one when absent.
        #[serde(default)]
        pub dialog: Dialog,
    }
);
