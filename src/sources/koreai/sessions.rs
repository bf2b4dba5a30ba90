//! A session of Kore.ai → records.
//!
//! What the vendor's public API does not give stays blank in a report: agent custom name, segment id (ours stands for it),
//! hold and mute, messages sent, mail subject; and who transferred, unless conversations are asked for one by one.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::Transfer;
use crate::domain::record::{
    ChannelType, DirectionWord, InteractionFields, Millis, Participant, Record, SegmentRecord, Text,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    pub(super) session_id: Text,
    #[serde(default)]
    pub(super) conversation_id: Option<Text>,
    #[serde(default)]
    channel: Option<Text>,
    #[serde(default, alias = "Direction")]
    direction: Option<Text>,
    #[serde(default)]
    session_start_time: Option<Text>,
    #[serde(default)]
    session_end_time: Option<Text>,
    #[serde(default)]
    skills: Vec<Value>,
    #[serde(default)]
    smart_status: Option<Text>,
    #[serde(default)]
    reason: Option<Text>,
    #[serde(default)]
    disconnecting_event: Option<Text>,
    #[serde(default)]
    dispositions: Vec<Value>,
    #[serde(default)]
    meta_info: Option<MetaInfo>,
    #[serde(default, alias = "customerInfo")]
    customerinfo: Option<CustomerInfo>,
    #[serde(default)]
    destinations: Vec<Destination>,
    #[serde(default, alias = "sessionLevelTags")]
    sessionleveltags: Vec<Value>,
    #[serde(default, alias = "userLevelTags")]
    userleveltags: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetaInfo {
    #[serde(default)]
    dialed_number: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CustomerInfo {
    #[serde(default)]
    customer_phone: Option<Text>,
    #[serde(default)]
    center_phone: Option<Text>,
    #[serde(default)]
    customer_first_name: Option<Text>,
    #[serde(default)]
    customer_last_name: Option<Text>,
    #[serde(default)]
    customer_email: Option<Text>,
}

/// A queue, or an agent who was reached directly.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    destination_type: Text,
    #[serde(default)]
    queue_id: Option<Text>,
    #[serde(default)]
    queue_name: Option<Text>,
    #[serde(default, alias = "EnterTime")]
    enter_time: Option<Text>,
    #[serde(default)]
    responding_agent: Option<Agent>,
    // A segment of an agent has the same fields at its own level.
    #[serde(flatten)]
    agent: Agent,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    #[serde(default)]
    agent_id: Option<Text>,
    #[serde(default)]
    name: Option<Text>,
    #[serde(default)]
    email: Option<Text>,
    #[serde(default)]
    accepted_time: Option<Text>,
    #[serde(default)]
    first_response_duration: Option<f64>,
    #[serde(default)]
    interaction_end_time: Option<Text>,
    #[serde(default)]
    interaction_duration: Option<f64>,
    #[serde(default, alias = "ConsultingAgents")]
    consulting_agents: Vec<Value>,
    #[serde(default, alias = "JoinedUsers")]
    joined_users: Vec<Value>,
}

/// A stamp: with `Z` it is UTC, without it is local to the request's offset, which is ours: 0.
pub(super) fn stamp(text: &str) -> Result<Millis, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let civil: DateTime = text.replace(' ', "T").parse().map_err(|_| format!("`{text}` is no stamp"))?;
    let at = civil.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
    Ok(at.timestamp().as_millisecond())
}

fn instant(text: Option<&Text>) -> Result<Option<Millis>, String> {
    text.filter(|text| !text.is_empty()).map(|text| stamp(text)).transpose()
}

fn ms(seconds: Option<f64>) -> Option<Millis> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::as_conversions,
        reason = "seconds of a call fit many times"
    )]
    seconds
        .filter(|seconds| seconds.is_finite() && 0.0 <= *seconds)
        .map(|seconds| (seconds * 1_000.0).round() as Millis)
}

/// A text, or what an object calls itself.
fn word(value: &Value) -> Option<Text> {
    let of = |key: &str| value.get(key).and_then(Value::as_str);
    let text = value.as_str().or_else(|| of("email")).or_else(|| of("name")).or_else(|| of("value"));
    text.filter(|text| !text.is_empty()).map(Text::from)
}

/// A tag as `name: value`, or its name.
fn tag(value: &Value) -> Option<Text> {
    match (value.get("name").and_then(Value::as_str), value.get("value").and_then(Value::as_str)) {
        (_, Some(text)) | (Some(text), None) => Some(text.into()),
        (None, None) => word(value),
    }
}

/// Mail addresses only: a consultant by telephone has none.
fn emails(values: &[Value]) -> Vec<Text> {
    values.iter().filter_map(word).filter(|text| text.contains('@')).collect()
}

pub(super) fn records(
    session: &Session,
    transfers: &[(Millis, Transfer)],
    (source, account): &(Text, Text),
) -> Result<Vec<Record>, String> {
    let ended = instant(session.session_end_time.as_ref())?;
    let began = instant(session.session_start_time.as_ref())?;
    let facts = facts(session, ended);
    let skills: Vec<Text> = session.skills.iter().filter_map(word).collect();
    let dispositions: Vec<Text> = session.dispositions.iter().filter_map(word).collect();
    let mut records: Vec<SegmentRecord> = Vec::new();
    for (at, destination) in session.destinations.iter().enumerate() {
        let queue = &*destination.destination_type == "QueueEntry";
        let agent = if queue { destination.responding_agent.as_ref() } else { Some(&destination.agent) };
        let entry = if queue { instant(destination.enter_time.as_ref())? } else { None };
        let next = session.destinations.get(at + 1).map(begin_of).transpose()?.flatten();
        let start = agent.map(|agent| instant(agent.accepted_time.as_ref())).transpose()?.flatten();
        let said_end = agent.map(|agent| instant(agent.interaction_end_time.as_ref())).transpose()?.flatten();
        let end = start.and(said_end.or(next).or(ended));
        // No exit is told: acceptance ends the wait, else whatever comes next.
        let exit = entry.and(start.or(next).or(ended));
        let who = agent.filter(|_| start.is_some());
        if entry.or(start).is_none() {
            // Offered to an agent directly, and nobody took it: no portion of anybody's.
            continue;
        }
        let (by, why) = handed_on(transfers, entry.or(start));
        records.push(SegmentRecord {
            source: Some(source.clone()),
            account: Some(account.clone()),
            // The vendor tells no id: session and place stand for it, and stay the same while it goes on.
            id: place(session, at),
            interaction_id: session.session_id.clone(),
            participant: Some(if who.is_some() { Participant::Agent } else { Participant::Queue }),
            queue_id: destination.queue_id.clone(),
            queue_name: destination.queue_name.clone(),
            queue_entry: entry,
            queue_exit: exit,
            agent_id: who.and_then(|agent| agent.agent_id.clone()),
            agent_name: who.and_then(|agent| agent.name.clone()),
            agent_email: who.and_then(|agent| agent.email.clone()),
            start,
            end,
            // As it is given: stamps are cut to seconds, and their difference is off by one.
            talk_ms: who.and_then(|agent| ms(agent.interaction_duration)),
            first_response_ms: who.and_then(|agent| ms(agent.first_response_duration)),
            consultants: who.map(|agent| emails(&agent.consulting_agents)).unwrap_or_default(),
            joined_users: who.map(|agent| emails(&agent.joined_users)).unwrap_or_default(),
            skills: skills.clone(),
            transferred_in_by: by,
            transferred_in_status: why,
            interaction: facts.clone(),
            ..SegmentRecord::default()
        });
    }
    if records.is_empty()
        && let Some(start) = began
    {
        records.push(bot_only(session, (start, ended), facts, (source, account)));
    }
    // The API lists dispositions by session: they are shown on the last agent's segment.
    if let Some(last) = records.iter_mut().rev().find(|record| record.participant == Some(Participant::Agent))
    {
        last.disposition = dispositions.last().cloned();
    }
    for record in &records {
        record.validate()?;
    }
    Ok(records.into_iter().map(|record| Record::Segment(Box::new(record))).collect())
}

fn place(session: &Session, at: usize) -> Text {
    format!("{}:{at}", session.session_id).into()
}

/// A session in which nobody but the bot was.
fn bot_only(
    session: &Session,
    (start, end): (Millis, Option<Millis>),
    interaction: InteractionFields,
    (source, account): (&Text, &Text),
) -> SegmentRecord {
    SegmentRecord {
        source: Some(source.clone()),
        account: Some(account.clone()),
        id: place(session, 0),
        interaction_id: session.session_id.clone(),
        participant: Some(Participant::Bot),
        start: Some(start),
        end,
        interaction,
        ..SegmentRecord::default()
    }
}

fn begin_of(destination: &Destination) -> Result<Option<Millis>, String> {
    Ok(instant(destination.enter_time.as_ref())?.or(instant(destination.agent.accepted_time.as_ref())?))
}

fn facts(session: &Session, ended: Option<Millis>) -> InteractionFields {
    let customer = session.customerinfo.as_ref();
    let named = customer.map(|customer| (&customer.customer_first_name, &customer.customer_last_name));
    let name = match named {
        Some((Some(first), Some(last))) => Some(format!("{first} {last}").into()),
        Some((one, other)) => one.clone().or_else(|| other.clone()),
        None => None,
    };
    let word = session.channel.as_deref().unwrap_or_default().to_ascii_lowercase();
    let channel_type = if word.contains("voice") || word.contains("audiocodes") || word.contains("phone") {
        ChannelType::Voice
    } else if word.contains("mail") {
        ChannelType::Email
    } else if word.contains("sms") {
        ChannelType::Sms
    } else {
        ChannelType::Chat
    };
    let outbound = session.direction.as_deref().is_some_and(|way| way.eq_ignore_ascii_case("outbound"));
    let number = session.meta_info.as_ref().and_then(|meta| meta.dialed_number.clone());
    InteractionFields {
        direction: Some(if outbound { DirectionWord::Outbound } else { DirectionWord::Inbound }),
        channel: session.channel.clone(),
        channel_type: Some(channel_type),
        customer_name: name,
        customer_email: customer.and_then(|customer| customer.customer_email.clone()),
        customer_phone: customer.and_then(|customer| customer.customer_phone.clone()),
        support_number: customer.and_then(|customer| customer.center_phone.clone()).or(number),
        status: session.smart_status.clone(),
        reason: session.reason.clone(),
        disconnecting_event: session.disconnecting_event.clone().filter(|event| !event.is_empty()),
        interaction_end: ended,
        session_tags: session.sessionleveltags.iter().filter_map(tag).collect(),
        user_tags: session.userleveltags.iter().filter_map(tag).collect(),
        ..InteractionFields::default()
    }
}

/// Who handed it on into what began at `at`, and why: the transfer that is nearest before it.
fn handed_on(transfers: &[(Millis, Transfer)], at: Option<Millis>) -> (Option<Text>, Option<Text>) {
    /// Stamps of the two answers differ by what is cut off of one.
    const CUT: Millis = 1_000;
    let Some(at) = at else { return (None, None) };
    let found = transfers.iter().filter(|(when, _)| *when <= at + CUT).max_by_key(|(when, _)| *when);
    match found {
        None => (None, None),
        Some((_, one)) if one.system_transfer => (Some("System".into()), one.system_transfer_reason.clone()),
        Some((_, one)) => {
            let by = one.transferred_by_agent_name.clone().or_else(|| one.transferred_by.clone());
            (by, one.transferred_type.clone())
        }
    }
}
