//! Records of agents: who they are, their login sessions, and what happened in those.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::OfferOutcome;
use super::{Millis, Text, record};
use crate::domain::instant::{InstantText, instant, instant_required};

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
        /// First name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub first_name: Option<Text>,
        /// Last name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub last_name: Option<Text>,
        /// The name the agent logs in with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<Text>,
        /// The customer's own id of the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<Text>,
        /// The agent's number in the brand's own books.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub employee_id: Option<Text>,
        /// The phone the agent logs in with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone: Option<Text>,
        /// The team.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub team: Option<Text>,
        /// The agent group's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub group: Option<Text>,
        /// The agent group's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub group_id: Option<Text>,
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
        /// The group of campaigns logged in to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub dial_group: Option<Text>,
        /// The phone used to log in; else the agent's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone: Option<Text>,
        /// The team at that time; else the agent's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub team: Option<Text>,
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
        /// The state: `available`, `engaged`, `break`, `away`, `lunch`, `training`, `ring-no-answer`,
        /// `pending-disposition`, `working`, or what else the source has; and two that run beside them: `off-hook`,
        /// `monitoring`.
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
    /// A call or conversation that was offered to an agent.
    OfferRecord {
        /// The system it comes from; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account within the source; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<Text>,
        /// The offer's id.
        pub id: Text,
        /// When the record was last changed; an older one never replaces a newer one.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub updated_at: Option<Millis>,
        /// The agent.
        pub agent_id: Text,
        /// The agent's login session.
        pub agent_session_id: Text,
        /// When it was presented: ringing begins.
        #[serde(deserialize_with = "instant_required")]
        #[schemars(with = "InstantText")]
        pub at: Millis,
        /// When ringing ended.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub end: Option<Millis>,
        /// What became of it.
        pub outcome: OfferOutcome,
    }
);

record!(
    /// A number that an agent dialled by hand.
    ManualDialRecord {
        /// The system it comes from; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<Text>,
        /// The account within the source; `default` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<Text>,
        /// The dial's id.
        pub id: Text,
        /// When the record was last changed; an older one never replaces a newer one.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub updated_at: Option<Millis>,
        /// The agent.
        pub agent_id: Text,
        /// The agent's login session.
        pub agent_session_id: Text,
        /// When it was dialled.
        #[serde(deserialize_with = "instant_required")]
        #[schemars(with = "InstantText")]
        pub at: Millis,
        /// Whether it connected.
        pub connected: bool,
    }
);
