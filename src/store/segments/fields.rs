//! Fields → columns of the tables.

use crate::domain::batch::Field;

/// The expression that gives a field of `segment s`.
const COLUMNS: [(Field, &str); 70] = [
    (Field::Account, "s.account_id"),
    (Field::Source, "s.account_id"),
    (Field::InteractionId, "s.interaction_key"),
    (Field::SegmentId, "s.record_id"),
    (Field::Uii, "s.uii"),
    (Field::Leg, "s.leg"),
    (Field::Customer, "s.customer"),
    (Field::Ani, "s.ani"),
    (Field::Dnis, "s.dnis"),
    (Field::EmailSubject, "s.email_subject"),
    (Field::SessionTags, "s.session_tags"),
    (Field::UserTags, "s.user_tags"),
    (Field::IntegrationSource, "s.integration_source"),
    (Field::Participant, "s.participant"),
    (Field::UserType, "s.user_type"),
    (Field::Last, "s.last"),
    (Field::Direction, "s.direction"),
    (Field::Channel, "s.channel"),
    (Field::ChannelType, "s.channel_type"),
    (Field::Support, "s.support"),
    (Field::Queue, "s.queue"),
    (Field::QueueId, "s.queue_id"),
    (Field::QueueGroup, "s.queue_group"),
    (Field::Campaign, "s.campaign"),
    (Field::CampaignId, "s.campaign_id"),
    (Field::DialGroup, "s.dial_group"),
    (Field::QueueEntry, "s.queue_entry"),
    (Field::QueueExit, "s.queue_exit"),
    (Field::Agent, "s.agent_id"),
    (Field::AgentGroup, "s.agent_group"),
    (Field::AgentGroupId, "s.agent_group_id"),
    (Field::AgentSession, "s.agent_session_key"),
    (Field::Start, "s.start_at"),
    (Field::End, "s.end_at"),
    (Field::TalkMs, "s.talk_ms"),
    (Field::HoldMuteMs, "s.hold_mute_ms"),
    (Field::HoldMs, "s.hold_ms"),
    (Field::SnoozeMs, "s.snooze_ms"),
    (Field::RingStart, "s.ring_start"),
    (Field::RingMs, "s.ring_ms"),
    (Field::WrapMs, "s.wrap_ms"),
    (Field::AgentWaitMs, "s.said_agent_wait_ms"),
    (Field::FirstResponseMs, "s.first_response_ms"),
    (Field::MessagesSent, "s.messages_sent"),
    (Field::Consultants, "s.consultants"),
    (Field::JoinedUsers, "s.joined_users"),
    (Field::Skills, "s.skills"),
    (Field::SkillId, "s.skill_id"),
    (Field::TransferredInBy, "s.in_by"),
    (Field::TransferredInStatus, "s.in_status"),
    (Field::TransferReason, "s.transfer_reason"),
    (Field::TerminationParty, "s.termination_party"),
    (Field::TerminationReason, "s.termination_reason"),
    (Field::Disposition, "s.disposition"),
    (Field::RecordingFile, "s.recording_file"),
    (Field::RecordingUrl, "s.recording_url"),
    (Field::StartReason, "s.start_reason"),
    (Field::CloseReason, "s.close_reason"),
    (Field::Outcome, "s.outcome"),
    (Field::FirstMessageMs, "s.first_message_ms"),
    (Field::Responses, "s.responses"),
    (Field::ResponsesMs, "s.responses_ms"),
    (Field::Turns, "s.turns"),
    (Field::TurnsMs, "s.turns_ms"),
    (Field::HandleMs, "s.handle_ms"),
    (Field::HandleSource, "s.handle_source"),
    (Field::Status, "s.status"),
    (Field::Reason, "s.reason"),
    (Field::DisconnectingEvent, "s.disconnecting_event"),
    (Field::EndedAt, "s.ended_at"),
];

/// The column of `segment` that holds a field.
pub(super) fn column_of(field: Field) -> Option<&'static str> {
    of_segment(field).and_then(|expression| expression.strip_prefix("s."))
}

/// The expression that gives a field of `segment s`; fields of login sessions and of groups have none.
pub(super) fn of_segment(field: Field) -> Option<&'static str> {
    COLUMNS.iter().find(|(known, _)| *known == field).map(|(_, column)| *column)
}
