//! Messaging Interactions: conversations with assignments, transfers and messages, from which the store computes any
//! window.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use super::{HISTORY, Liveperson, with_query};
use crate::domain::period::Period;
use crate::domain::record::{
    AgentRecord, Audience, ChannelType, Dialog, EndReason, InteractionFields, InteractionRecord,
    MessageRecord, Millis, Opener, Participant, Record, SegmentRecord, Sender, StartReason, Text, UserType,
};
use crate::sources::link::{Link, id};
use crate::sources::{Sink, SourceError};

/// Conversations a page: the vendor's limit.
const PAGE: usize = 100;
/// The longest range of starts that may be asked for, a day less than the vendor's three months.
const STARTS: SignedDuration = SignedDuration::from_hours(89 * 24);

/// What of a conversation is asked for.
const CONTENT: [&str; 3] = ["agentParticipants", "transfers", "messageRecords"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default, rename = "_metadata")]
    metadata: Option<Metadata>,
    conversation_history_records: Vec<Conversation>,
}

#[derive(Deserialize)]
struct Metadata {
    count: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Conversation {
    info: Info,
    #[serde(default)]
    agent_participants: Vec<Assignment>,
    #[serde(default)]
    transfers: Vec<Transfer>,
    #[serde(default)]
    message_records: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    conversation_id: Text,
    // `endTime` moves with the survey: this one does not.
    #[serde(default, rename = "conversationEndTimeL")]
    end: Option<Millis>,
    #[serde(default)]
    close_reason: Option<Text>,
    #[serde(default)]
    source: Option<Text>,
    /// Cut by the search; there is more when it is asked for by itself.
    #[serde(default)]
    is_partial: bool,
    #[serde(default)]
    latest_skill_id: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    #[serde(default)]
    agent_id: Option<serde_json::Value>,
    #[serde(default)]
    agent_full_name: Option<Text>,
    #[serde(default)]
    agent_nickname: Option<Text>,
    #[serde(default)]
    agent_login_name: Option<Text>,
    #[serde(default)]
    agent_group_id: Option<serde_json::Value>,
    #[serde(default)]
    agent_group_name: Option<Text>,
    #[serde(default)]
    user_type: Option<serde_json::Value>,
    #[serde(default)]
    permission: Option<Text>,
    #[serde(rename = "timeL")]
    at: Millis,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transfer {
    #[serde(rename = "timeL")]
    at: Millis,
    #[serde(default)]
    reason: Option<Text>,
    #[serde(default)]
    source_skill_id: Option<serde_json::Value>,
    #[serde(default)]
    target_skill_id: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: Text,
    #[serde(rename = "timeL")]
    at: Millis,
    #[serde(default)]
    seq: Option<i64>,
    #[serde(default)]
    dialog_id: Option<Text>,
    #[serde(default)]
    participant_id: Option<serde_json::Value>,
    // "agent" in the table, "Agent" in the example.
    #[serde(default)]
    sent_by: Option<Text>,
    #[serde(default)]
    audience: Option<Text>,
}

impl Liveperson {
    pub(super) async fn interactions(
        &self,
        link: &Link,
        source: &str,
        span: Period,
        sink: Sink<'_>,
    ) -> Result<(), SourceError> {
        let host = self.service(link, HISTORY).await?;
        let url = format!("{host}/messaging_history/api/account/{}/conversations/search", self.at.account);
        // Whatever moved in the span, whenever it started: a conversation can go on for weeks.
        let earliest = span.end.checked_sub(STARTS).unwrap_or(span.start);
        let body = json!({
            "start": { "from": earliest.as_millisecond(), "to": span.end.as_millisecond() },
            "latestUpdateTime": { "from": span.start.as_millisecond(), "to": span.end.as_millisecond() },
            "contentToRetrieve": CONTENT,
        });
        let text = body.to_string();
        let scope = (Text::from(source), Text::from(self.at.account.as_str()));
        let mut offset = 0;
        loop {
            // The vendor's advice would skip a record a page: the next offset is how many have come.
            let query = [
                ("limit", PAGE.to_string()),
                ("offset", offset.to_string()),
                ("sort", "start:asc".to_owned()),
                ("v", "2".to_owned()),
                ("source", self.at.caller.clone()),
            ];
            let make = || link.post_json(&with_query(&url, &query), &text);
            let page: Page = link.json(Self::ask(link, "rows"), &self.login, &make).await?;
            let on_page = page.conversation_history_records.len();
            let mut records = Vec::new();
            for mut conversation in page.conversation_history_records {
                let id = conversation.info.conversation_id.clone();
                if conversation.info.is_partial {
                    conversation = self.whole(link, &host, &id).await?;
                }
                let of = of(conversation, &scope);
                records.extend(
                    of.map_err(|error| SourceError::Malformed(format!("conversation {id}: {error}")))?,
                );
            }
            sink(records)?;
            offset += on_page;
            let count = page.metadata.map_or(usize::MAX, |metadata| metadata.count);
            if on_page == 0 || count <= offset || (count == usize::MAX && on_page < PAGE) {
                if count != usize::MAX && offset < count {
                    return Err(SourceError::Malformed(format!(
                        "the vendor counts {count} conversations and gives {offset}"
                    )));
                }
                return Ok(());
            }
        }
    }
}

impl Liveperson {
    /// A conversation that a search has cut.
    async fn whole(&self, link: &Link, host: &str, id: &str) -> Result<Conversation, SourceError> {
        let account = &self.at.account;
        let url =
            format!("{host}/messaging_history/api/account/{account}/conversations/conversation/search?v=2");
        let text = json!({ "conversationId": id, "contentToRetrieve": CONTENT }).to_string();
        let make = || link.post_json(&url, &text);
        let page: Page = link.json(Self::ask(link, "rows"), &self.login, &make).await?;
        let found =
            page.conversation_history_records.into_iter().find(|one| &*one.info.conversation_id == id);
        found
            .filter(|one| !one.info.is_partial)
            .ok_or_else(|| SourceError::Malformed(format!("the conversation {id} is told in part only")))
    }
}

/// A conversation as records: itself, its people, its segments, its messages.
fn of(mut conversation: Conversation, scope: &(Text, Text)) -> Result<Vec<Record>, String> {
    let (source, account) = scope;
    let id_of = conversation.info.conversation_id.clone();
    let mut records = vec![Record::Interaction(Box::new(InteractionRecord {
        source: Some(source.clone()),
        account: Some(account.clone()),
        id: id_of.clone(),
        updated_at: None,
        facts: InteractionFields {
            channel: Some("Messaging".into()),
            channel_type: Some(ChannelType::Chat),
            interaction_end: conversation.info.end,
            integration_source: conversation.info.source.clone(),
            // Nothing in the answer says who opened it; that agents do is rare.
            opened_by: Some(Opener::Customer),
            ..InteractionFields::default()
        },
    }))];
    conversation
        .agent_participants
        .retain(|one| one.permission.as_deref().is_none_or(|word| word.starts_with("ASSIGNED")));
    conversation.agent_participants.sort_by_key(|one| one.at);
    conversation.transfers.sort_by_key(|one| one.at);
    for segment in segments(&conversation, scope) {
        segment.validate()?;
        records.push(Record::Segment(Box::new(segment)));
    }
    for one in &conversation.agent_participants {
        records.extend(person(one, scope).map(|agent| Record::Agent(Box::new(agent))));
    }
    for message in conversation.message_records {
        let by = message.sent_by.as_deref().unwrap_or_default();
        let sender = if by.eq_ignore_ascii_case("agent") {
            Sender::Agent
        } else if by.eq_ignore_ascii_case("consumer") {
            Sender::Customer
        } else {
            Sender::System
        };
        let private = message.audience.as_deref().is_some_and(|to| !to.eq_ignore_ascii_case("all"));
        // The main dialog has the conversation's own id; a survey has one of its own.
        let survey = message.dialog_id.as_ref().is_some_and(|dialog| *dialog != id_of);
        records.push(Record::Message(MessageRecord {
            source: Some(source.clone()),
            account: Some(account.clone()),
            id: message.message_id,
            interaction_id: id_of.clone(),
            at: message.at,
            sender,
            agent_id: id(message.participant_id.as_ref()).filter(|_| sender == Sender::Agent),
            audience: if private { Audience::Private } else { Audience::Public },
            seq: message.seq.unwrap_or(0),
            dialog: if survey { Dialog::Survey } else { Dialog::Main },
        }));
    }
    Ok(records)
}

/// A segment opens at an assignment and ends at the first of: a transfer, an assignment to another agent, the close.
fn segments(conversation: &Conversation, (source, account): &(Text, Text)) -> Vec<SegmentRecord> {
    let info = &conversation.info;
    let transfers = &conversation.transfers;
    // Before the first transfer the skill is the one that it left.
    let first = transfers.iter().find_map(|one| id(one.source_skill_id.as_ref()));
    let mut skill = first.or_else(|| id(info.latest_skill_id.as_ref()));
    let mut segments: Vec<SegmentRecord> = Vec::new();
    for (at, one) in conversation.agent_participants.iter().enumerate() {
        let agent = id(one.agent_id.as_ref());
        let open = segments.last().is_some_and(|last| last.end.is_none_or(|end| one.at < end));
        // Assigned once more while it has it: nothing changes.
        if open && segments.last().is_some_and(|last| last.agent_id == agent) {
            continue;
        }
        let into = transfers.iter().rfind(|transfer| transfer.at <= one.at);
        skill = into.and_then(|transfer| id(transfer.target_skill_id.as_ref())).or(skill);
        let away = transfers.iter().find(|transfer| one.at < transfer.at);
        let next = conversation
            .agent_participants
            .iter()
            .skip(at + 1)
            .find(|other| id(other.agent_id.as_ref()) != agent)
            .map(|other| other.at);
        let closed = info.end.map(|end| end.max(one.at));
        let ends = [away.map(|transfer| transfer.at), next, closed];
        let end = ends.into_iter().flatten().min();
        let why =
            away.filter(|transfer| end == Some(transfer.at)).and_then(|transfer| transfer.reason.as_deref());
        let end_reason = match (why, info.close_reason.as_deref()) {
            (Some("Agent"), _) => Some(EndReason::AgentTransfer),
            (Some("Skill"), _) => Some(EndReason::SkillTransfer),
            (Some("back2Q"), _) => Some(EndReason::BackToQueue),
            (Some("TakeOver"), _) => Some(EndReason::Takeover),
            (None, _) if end.is_none() => None,
            (None, _) if end == next && end != closed => Some(EndReason::AgentTransfer),
            (None, Some("CONSUMER")) => Some(EndReason::ClosedByConsumer),
            (None, Some("AGENT")) => Some(EndReason::ClosedByAgent),
            (None, Some("SYSTEM")) => Some(EndReason::ClosedBySystem),
            (Some(_) | None, _) => Some(EndReason::Other),
        };
        let taken_over = into.is_some_and(|transfer| transfer.reason.as_deref() == Some("TakeOver"));
        let user_type = match id(one.user_type.as_ref()).as_deref() {
            Some("0") => UserType::System,
            Some("2") => UserType::Bot,
            _ => UserType::Human,
        };
        segments.push(SegmentRecord {
            source: Some(source.clone()),
            account: Some(account.clone()),
            id: format!("{}:{}:{}", info.conversation_id, agent.as_deref().unwrap_or(""), one.at).into(),
            interaction_id: info.conversation_id.clone(),
            participant: Some(if user_type == UserType::Bot { Participant::Bot } else { Participant::Agent }),
            user_type: Some(user_type),
            agent_id: agent,
            agent_group_id: id(one.agent_group_id.as_ref()),
            agent_group: one.agent_group_name.clone(),
            skill_id: skill.clone(),
            start: Some(one.at),
            end,
            end_reason,
            start_reason: taken_over.then_some(StartReason::Takeover),
            ..SegmentRecord::default()
        });
    }
    segments
}

fn person(one: &Assignment, (source, account): &(Text, Text)) -> Option<AgentRecord> {
    Some(AgentRecord {
        source: Some(source.clone()),
        account: Some(account.clone()),
        id: id(one.agent_id.as_ref())?,
        name: one.agent_full_name.clone(),
        custom_name: one.agent_nickname.clone(),
        username: one.agent_login_name.clone(),
        group: one.agent_group_name.clone(),
        group_id: id(one.agent_group_id.as_ref()),
        ..AgentRecord::default()
    })
}
