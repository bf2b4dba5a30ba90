//! Records of segments: one agent's, queue's or bot's portion of an interaction.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::interaction::InteractionFields;
use super::words::{EndReason, Participant, Span, StartReason, UserType};
use super::{Millis, Text, record, required};
use crate::domain::instant::{InstantText, instant};

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
        /// The leg's number within the call, from 1 (the outside party) on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub leg: Option<i64>,
        /// Whether a person, a bot or the platform had it; else it follows from the participant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub user_type: Option<UserType>,
        /// The queue's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub queue_id: Option<Text>,
        /// The group of queues.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub queue_group: Option<Text>,
        /// The dialling campaign's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub campaign_id: Option<Text>,
        /// The dialling campaign's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub campaign: Option<Text>,
        /// The group of campaigns.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub dial_group: Option<Text>,
        /// The agent's login session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_session_id: Option<Text>,
        /// The agent group's name at that time; else the agent's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_group: Option<Text>,
        /// The agent group's id at that time; else the agent's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_group_id: Option<Text>,
        /// The skill that routed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub skill_id: Option<Text>,
        /// When it began to ring at the agent.
        #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<InstantText>")]
        pub ring_start: Option<Millis>,
        /// Ringing time where the source gives it; else `start` minus `ring_start`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ring_ms: Option<Millis>,
        /// Time of wrapping up after the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wrap_ms: Option<Millis>,
        /// Idle time of the agent before it, where the source gives it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_wait_ms: Option<Millis>,
        /// Who ended the leg, as `SYSTEM` or `CALLER`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub termination_party: Option<Text>,
        /// Why it ended, as `EOC`, `DROP` or `HANGUP`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub termination_reason: Option<Text>,
        /// Whether the agent transferred the call by a disposition.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub transferred_by_disposition: bool,
        /// The recording's file name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub recording_file: Option<Text>,
        /// Where the recording lies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub recording_url: Option<Text>,
        /// How the portion came about; else it follows from the portions before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub start_reason: Option<StartReason>,
        /// Spans in which the agent had the conversation selected.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub focuses: Vec<Span>,
        /// Handle time where the source gives it; else it follows from messages and focus.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub handle_ms: Option<Millis>,
        /// The interaction's fields, said once more.
        #[serde(flatten)]
        #[schemars(flatten)]
        pub interaction: InteractionFields,
    }
);

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
        if self.leg.is_some_and(|leg| leg < 1) {
            return Err("`leg` counts from 1".to_owned());
        }
        let negative = [
            self.talk_ms,
            self.hold_ms,
            self.mute_ms,
            self.snooze_ms,
            self.first_response_ms,
            self.ring_ms,
            self.wrap_ms,
            self.agent_wait_ms,
            self.handle_ms,
        ];
        if negative.into_iter().flatten().any(|ms| ms < 0) {
            return Err("a duration is negative".to_owned());
        }
        let backwards = |spans: &Vec<Span>| spans.iter().any(|span| span.end < span.start);
        if [&self.holds, &self.mutes, &self.snoozes, &self.focuses].into_iter().any(backwards) {
            return Err("a span ends before it starts".to_owned());
        }
        Ok(())
    }
}
