//! Actual handle time: closed segments page by page.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{ACTIVITY, Liveperson, with_query};
use crate::domain::period::Period;
use crate::domain::record::{
    AgentRecord, ChannelType, EndReason, InteractionFields, Millis, Participant, Record, SegmentRecord, Text,
    UserType,
};
use crate::sources::link::{Link, id};
use crate::sources::{Sink, SourceError};

/// The vendor does not say whether the bounds of a window are inside: windows overlap by this, and a segment that comes
/// twice is one.
const OVERLAP: SignedDuration = SignedDuration::from_secs(1);
/// Its page of errors knows a smaller limit than its table.
const PAGE_SAFE: u32 = 100;
/// A window whose pages do not add up to their count is fetched again so often.
const FETCHES_MAX: u32 = 3;
/// Below this an epoch counts seconds (the older sample), else milliseconds.
const SECONDS_BELOW: i64 = 100_000_000_000;

#[derive(Deserialize)]
struct Page {
    // The table calls it `segment`, both examples `segments`.
    #[serde(alias = "segment")]
    segments: Vec<Segment>,
    #[serde(default)]
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    count: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Segment {
    segment_id: Text,
    #[serde(default)]
    start_time: Option<Text>,
    #[serde(default, rename = "startTimeL")]
    start_epoch: Option<i64>,
    #[serde(default)]
    end_time: Option<Text>,
    #[serde(default, rename = "endTimeL")]
    end_epoch: Option<i64>,
    conversation_id: Text,
    #[serde(default)]
    agent_id: Option<serde_json::Value>,
    #[serde(default)]
    employee_id: Option<Text>,
    #[serde(default)]
    skill_id: Option<serde_json::Value>,
    #[serde(default)]
    group_id: Option<serde_json::Value>,
    #[serde(default, alias = "EndReason")]
    end_reason: Option<Text>,
    #[serde(default)]
    total_handle_time_millis: Option<Millis>,
}

impl Liveperson {
    pub(super) async fn handle_time(
        &self,
        link: &Link,
        source: &str,
        span: Period,
        sink: Sink<'_>,
    ) -> Result<(), SourceError> {
        let mut limit = self.at.page;
        let mut fetches = 0;
        loop {
            fetches += 1;
            match self.window(link, source, (span, limit), sink).await {
                Err(SourceError::Lasting(words)) if words.contains("limit") && PAGE_SAFE < limit => {
                    limit = PAGE_SAFE;
                }
                // Rows came or went while the pages were turned.
                Ok((found, count)) if found < count && fetches < FETCHES_MAX => {}
                Ok((found, count)) if found < count => {
                    return Err(SourceError::Malformed(format!(
                        "the vendor counts {count} segments in {} to {} and gives {found}",
                        span.start, span.end
                    )));
                }
                Ok(_) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// How many different segments the pages held, and how many the last of them counted.
    async fn window(
        &self,
        link: &Link,
        source: &str,
        (span, limit): (Period, u32),
        sink: Sink<'_>,
    ) -> Result<(usize, usize), SourceError> {
        let host = self.service(link, ACTIVITY).await?;
        let url = format!("{host}/api/account/{}/agent-segments", self.at.account);
        let [from, to] = [
            span.start.checked_sub(OVERLAP).unwrap_or(span.start),
            span.end.checked_add(OVERLAP).unwrap_or(span.end),
        ];
        let (mut offset, mut seen) = (0, HashSet::new());
        loop {
            let query = [
                ("source", self.at.caller.clone()),
                ("from", from.to_string()),
                ("to", to.to_string()),
                ("limit", limit.to_string()),
                ("offset", offset.to_string()),
            ];
            let make = || link.http.get(with_query(&url, &query));
            let page: Page = link.json(Self::ask(link, "rows"), &self.login, &make).await?;
            let on_page = page.segments.len();
            let mut records = Vec::with_capacity(2 * on_page);
            for segment in page.segments {
                let id = segment.segment_id.clone();
                if seen.insert(id.clone()) {
                    let scope = (Text::from(source), Text::from(self.at.account.as_str()));
                    let both = both(segment, &scope);
                    records.extend(
                        both.map_err(|error| SourceError::Malformed(format!("segment {id}: {error}")))?,
                    );
                }
            }
            sink(records)?;
            offset += on_page;
            // Next links are not followed: the vendor's examples of them are broken in four ways.
            let count = page.pagination.map(|pagination| pagination.count);
            let more = match count {
                Some(count) => 0 < on_page && offset < count,
                // The older shape has no count: a page that is not full is the last one.
                None => usize::try_from(limit).is_ok_and(|limit| limit <= on_page),
            };
            if !more {
                return Ok((seen.len(), count.unwrap_or(seen.len())));
            }
        }
    }
}

/// The instant of a text, else of its epoch: the older sample's epochs match no text.
fn instant(text: Option<&Text>, epoch: Option<i64>) -> Result<Millis, String> {
    if let Some(text) = text {
        let at: Timestamp = text.parse().map_err(|_| format!("`{text}` is no instant"))?;
        return Ok(at.as_millisecond());
    }
    match epoch {
        Some(seconds) if seconds < SECONDS_BELOW => Ok(seconds * 1_000),
        Some(ms) => Ok(ms),
        None => Err("it has no start or no end".to_owned()),
    }
}

fn both(segment: Segment, (source, account): &(Text, Text)) -> Result<Vec<Record>, String> {
    let start = instant(segment.start_time.as_ref(), segment.start_epoch)?;
    let end = instant(segment.end_time.as_ref(), segment.end_epoch)?;
    let reason = match segment.end_reason.as_deref() {
        Some("closedByConsumer") => EndReason::ClosedByConsumer,
        Some("closedByAgent") => EndReason::ClosedByAgent,
        Some("closedBySystem") => EndReason::ClosedBySystem,
        Some("agentTransfer") => EndReason::AgentTransfer,
        Some("skillTransfer") => EndReason::SkillTransfer,
        Some("backToQueue") => EndReason::BackToQueue,
        _ => EndReason::Other,
    };
    let closed =
        matches!(reason, EndReason::ClosedByConsumer | EndReason::ClosedByAgent | EndReason::ClosedBySystem);
    let agent = id(segment.agent_id.as_ref());
    let record = SegmentRecord {
        source: Some(source.clone()),
        account: Some(account.clone()),
        id: segment.segment_id,
        interaction_id: segment.conversation_id,
        participant: Some(Participant::Agent),
        user_type: Some(UserType::Human),
        agent_id: agent.clone(),
        skill_id: id(segment.skill_id.as_ref()),
        agent_group_id: id(segment.group_id.as_ref()),
        start: Some(start),
        end: Some(end),
        end_reason: Some(reason),
        // A negative one is the vendor's mistake; none is honest.
        handle_ms: segment.total_handle_time_millis.filter(|ms| 0 <= *ms),
        interaction: InteractionFields {
            channel: Some("Messaging".into()),
            channel_type: Some(ChannelType::Chat),
            interaction_end: closed.then_some(end),
            ..InteractionFields::default()
        },
        ..SegmentRecord::default()
    };
    record.validate()?;
    let person = agent.zip(segment.employee_id).map(|(id, employee)| {
        Record::Agent(Box::new(AgentRecord {
            source: Some(source.clone()),
            account: Some(account.clone()),
            id,
            employee_id: Some(employee),
            ..AgentRecord::default()
        }))
    });
    Ok(person.into_iter().chain([Record::Segment(Box::new(record))]).collect())
}
