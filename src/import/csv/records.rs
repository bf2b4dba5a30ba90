//! Values → records, kind by kind; each takes its cells in the order of [`super::kinds::columns`].

use super::kinds::CsvKind;
use super::walk::Walk;
use crate::domain::record::{
    AccountRecord, AgentRecord, AgentSessionRecord, AgentStateRecord, CoverageRecord, InteractionFields,
    InteractionRecord, ManualDialRecord, MessageRecord, OfferRecord, Record, SegmentRecord,
};

pub(super) fn record_of(kind: CsvKind, walk: &mut Walk<'_>) -> Result<Record, String> {
    let record = match kind {
        CsvKind::Segment => Record::Segment(Box::new(segment(walk)?)),
        CsvKind::Interaction => Record::Interaction(Box::new(interaction(walk)?)),
        CsvKind::Message => Record::Message(message(walk)?),
        CsvKind::Agent => Record::Agent(Box::new(agent(walk)?)),
        CsvKind::Account => Record::Account(account(walk)?),
        CsvKind::AgentSession => Record::AgentSession(agent_session(walk)?),
        CsvKind::AgentState => Record::AgentState(agent_state(walk)?),
        CsvKind::Offer => Record::Offer(offer(walk)?),
        CsvKind::ManualDial => Record::ManualDial(manual_dial(walk)?),
        CsvKind::Coverage => Record::Coverage(coverage(walk)?),
    };
    record.validate()?;
    Ok(record)
}

fn interaction(walk: &mut Walk<'_>) -> Result<InteractionRecord, String> {
    Ok(InteractionRecord {
        source: walk.text()?,
        account: walk.text()?,
        id: walk.needed()?,
        updated_at: walk.instant()?,
        facts: interaction_fields(walk)?,
    })
}

fn message(walk: &mut Walk<'_>) -> Result<MessageRecord, String> {
    Ok(MessageRecord {
        source: walk.text()?,
        account: walk.text()?,
        id: walk.needed()?,
        interaction_id: walk.needed()?,
        at: walk.needed_instant()?,
        sender: walk.word()?.ok_or("`sender` is empty")?,
        agent_id: walk.text()?,
        audience: walk.word()?.unwrap_or_default(),
        seq: walk.number()?.unwrap_or(0),
        dialog: walk.word()?.unwrap_or_default(),
    })
}

fn agent(walk: &mut Walk<'_>) -> Result<AgentRecord, String> {
    Ok(AgentRecord {
        source: walk.text()?,
        account: walk.text()?,
        id: walk.needed()?,
        updated_at: walk.instant()?,
        name: walk.text()?,
        custom_name: walk.text()?,
        email: walk.text()?,
        first_name: walk.text()?,
        last_name: walk.text()?,
        username: walk.text()?,
        external_id: walk.text()?,
        employee_id: walk.text()?,
        phone: walk.text()?,
        team: walk.text()?,
        group: walk.text()?,
        group_id: walk.text()?,
    })
}

fn account(walk: &mut Walk<'_>) -> Result<AccountRecord, String> {
    Ok(AccountRecord { source: walk.text()?, id: walk.needed()?, name: walk.text()? })
}

fn agent_session(walk: &mut Walk<'_>) -> Result<AgentSessionRecord, String> {
    Ok(AgentSessionRecord {
        source: walk.text()?,
        account: walk.text()?,
        id: walk.needed()?,
        updated_at: walk.instant()?,
        agent_id: walk.needed()?,
        login: walk.needed_instant()?,
        logout: walk.instant()?,
        dial_group: walk.text()?,
        phone: walk.text()?,
        team: walk.text()?,
    })
}

fn agent_state(walk: &mut Walk<'_>) -> Result<AgentStateRecord, String> {
    Ok(AgentStateRecord {
        source: walk.text()?,
        account: walk.text()?,
        id: walk.needed()?,
        updated_at: walk.instant()?,
        agent_session_id: walk.needed()?,
        state: walk.needed()?,
        start: walk.needed_instant()?,
        end: walk.instant()?,
    })
}

fn offer(walk: &mut Walk<'_>) -> Result<OfferRecord, String> {
    Ok(OfferRecord {
        source: walk.text()?,
        account: walk.text()?,
        id: walk.needed()?,
        updated_at: walk.instant()?,
        agent_id: walk.needed()?,
        agent_session_id: walk.needed()?,
        at: walk.needed_instant()?,
        end: walk.instant()?,
        outcome: walk.word()?.ok_or("`outcome` is empty")?,
    })
}

fn manual_dial(walk: &mut Walk<'_>) -> Result<ManualDialRecord, String> {
    Ok(ManualDialRecord {
        source: walk.text()?,
        account: walk.text()?,
        id: walk.needed()?,
        updated_at: walk.instant()?,
        agent_id: walk.needed()?,
        agent_session_id: walk.needed()?,
        at: walk.needed_instant()?,
        connected: walk.word()?.ok_or("`connected` is empty")?,
    })
}

fn coverage(walk: &mut Walk<'_>) -> Result<CoverageRecord, String> {
    Ok(CoverageRecord {
        source: walk.text()?,
        account: walk.text()?,
        from: walk.needed_instant()?,
        to: walk.needed_instant()?,
    })
}

fn segment(walk: &mut Walk<'_>) -> Result<SegmentRecord, String> {
    Ok(SegmentRecord {
        source: walk.text()?,
        account: walk.text()?,
        id: walk.needed()?,
        interaction_id: walk.needed()?,
        updated_at: walk.instant()?,
        participant: walk.word()?,
        queue_name: walk.text()?,
        queue_entry: walk.instant()?,
        queue_exit: walk.instant()?,
        agent_id: walk.text()?,
        agent_name: walk.text()?,
        agent_custom_name: walk.text()?,
        agent_email: walk.text()?,
        start: walk.instant()?,
        end: walk.instant()?,
        talk_ms: walk.millis()?,
        hold_ms: walk.millis()?,
        mute_ms: walk.millis()?,
        snooze_ms: walk.millis()?,
        holds: walk.spans()?,
        mutes: walk.spans()?,
        snoozes: walk.spans()?,
        first_response_ms: walk.millis()?,
        consultants: walk.list()?,
        joined_users: walk.list()?,
        skills: walk.list()?,
        transferred_in_by: walk.text()?,
        transferred_in_status: walk.text()?,
        end_reason: walk.word()?,
        transfer_reason: walk.text()?,
        disposition: walk.text()?,
        leg: walk.number()?,
        user_type: walk.word()?,
        queue_id: walk.text()?,
        queue_group: walk.text()?,
        campaign_id: walk.text()?,
        campaign: walk.text()?,
        dial_group: walk.text()?,
        agent_session_id: walk.text()?,
        agent_group: walk.text()?,
        agent_group_id: walk.text()?,
        skill_id: walk.text()?,
        ring_start: walk.instant()?,
        ring_ms: walk.millis()?,
        wrap_ms: walk.millis()?,
        agent_wait_ms: walk.millis()?,
        termination_party: walk.text()?,
        termination_reason: walk.text()?,
        transferred_by_disposition: walk.word()?.unwrap_or(false),
        recording_file: walk.own()?,
        recording_url: walk.own()?,
        start_reason: walk.word()?,
        focuses: walk.spans()?,
        handle_ms: walk.millis()?,
        interaction: interaction_fields(walk)?,
    })
}

fn interaction_fields(walk: &mut Walk<'_>) -> Result<InteractionFields, String> {
    Ok(InteractionFields {
        direction: walk.word()?,
        channel: walk.text()?,
        channel_type: walk.word()?,
        customer: walk.own()?,
        customer_name: walk.own()?,
        customer_email: walk.own()?,
        customer_phone: walk.own()?,
        support: walk.text()?,
        support_number: walk.text()?,
        support_email: walk.text()?,
        bot_name: walk.text()?,
        status: walk.text()?,
        reason: walk.text()?,
        disconnecting_event: walk.text()?,
        interaction_end: walk.instant()?,
        uii: walk.own()?,
        integration_source: walk.text()?,
        ani: walk.own()?,
        dnis: walk.text()?,
        opened_by: walk.word()?,
        email_subject: walk.own()?,
        session_tags: walk.list()?,
        user_tags: walk.list()?,
    })
}
