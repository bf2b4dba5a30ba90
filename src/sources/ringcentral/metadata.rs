//! `interaction-metadata`, the successor of the segment reports: voice and digital, JSON, three hours at most.
//!
//! Queue, ring, hold, wrap and who ended the call are not in it: the 30 columns of the segment metadata report cannot all be
//! filled from this feed, and stay blank.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::Ringcentral;
use crate::domain::instant::parse_instant;
use crate::domain::period::Period;
use crate::domain::record::{
    ChannelType, DirectionWord, InteractionFields, Millis, Participant, Record, SegmentRecord, Text,
};
use crate::sources::link::{Link, Nobody, id};
use crate::sources::{Sink, SourceError, halves};

/// An answer with so many segments may have lost the oldest: one client saw about 400 at most, the vendor says nothing.
const SUSPECT: usize = 400;
/// The shortest window that is still cut in two.
const WINDOW_MIN: SignedDuration = SignedDuration::from_secs(60);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Segment {
    #[serde(default)]
    dialog_id: Option<Text>,
    #[serde(default)]
    interaction_id: Option<Text>,
    #[serde(default)]
    channel_type: Option<Text>,
    #[serde(default)]
    channel_class: Option<Text>,
    #[serde(default)]
    channel_endpoint_address: Option<Text>,
    #[serde(default)]
    contact_endpoint_address: Option<Text>,
    #[serde(default)]
    dialog_origination: Option<Text>,
    // ISO 8601 in UTC, whatever the name says.
    #[serde(default)]
    dialog_end_time_ms: Option<Text>,
    segment_id: Text,
    #[serde(default)]
    segment_type: Option<Text>,
    #[serde(default)]
    segment_participant_id: Option<serde_json::Value>,
    #[serde(default)]
    segment_start_time_ms: Option<Text>,
    #[serde(default)]
    segment_end_time_ms: Option<Text>,
    #[serde(default)]
    segment_agent_group_id: Option<serde_json::Value>,
    #[serde(default)]
    agent_disposition: Option<Text>,
    #[serde(default)]
    campaign_id: Option<serde_json::Value>,
    #[serde(default)]
    campaign_name: Option<Text>,
}

#[derive(Deserialize)]
struct PlatformAccount {
    id: serde_json::Value,
}

impl Ringcentral {
    pub(super) async fn metadata(
        &self,
        link: &Link,
        (source, account): (&str, &str),
        span: Period,
        sink: Sink<'_>,
    ) -> Result<(), SourceError> {
        let rc_account = self.rc_account(link).await?;
        let url = format!(
            "{}/cx/integration/v1/accounts/{rc_account}/sub-accounts/{account}/interaction-metadata",
            self.at.api
        );
        let mut open = vec![span];
        while let Some(window) = open.pop() {
            let seconds = window.end.duration_since(window.start).as_secs();
            // Documented as the start of the window, though its name says otherwise; a client reads it as the end.
            let named = if self.at.window_by_end { window.end } else { window.start };
            let body = json!({
                "segmentEndTime": named.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                "timeInterval": seconds.clamp(1, 10_800),
                "timeZone": "UTC",
            });
            let text = body.to_string();
            let make = || link.post_json(&url, &text);
            let segments: Vec<Segment> = link.json(Self::ask(link, "rows"), &self.login, &make).await?;
            let suspect = SUSPECT <= segments.len();
            if suspect && window.end.duration_since(window.start) <= WINDOW_MIN {
                return Err(SourceError::Malformed(format!(
                    "{} segments within {seconds} s from {}: the vendor may have left some out",
                    segments.len(),
                    window.start
                )));
            }
            if suspect {
                open.extend(halves(window));
                continue;
            }
            let scope = (Text::from(source), Text::from(account));
            let mut records = Vec::with_capacity(segments.len());
            for segment in segments {
                let id = segment.segment_id.clone();
                let record = record(segment, &scope)
                    .map_err(|error| SourceError::Malformed(format!("segment {id}: {error}")))?;
                records.extend(record.map(|record| Record::Segment(Box::new(record))));
            }
            sink(records)?;
        }
        Ok(())
    }

    async fn rc_account(&self, link: &Link) -> Result<String, SourceError> {
        if let Some(known) = &self.at.rc_account {
            return Ok(known.clone());
        }
        let (token, _) = self.login.platform_token(link).await?;
        let url = format!("{}/restapi/v1.0/account/~", self.at.platform);
        let make = || link.http.get(&url).bearer_auth(token.expose());
        let found: PlatformAccount = link.json(Self::ask(link, "accounts"), &Nobody, &make).await?;
        let missing = || SourceError::Malformed("the RingCentral account has no id".to_owned());
        id(Some(&found.id)).map(|id| id.to_string()).ok_or_else(missing)
    }
}

/// A segment of an agent or bot; those of the voice menu are nobody's.
fn record(segment: Segment, (source, account): &(Text, Text)) -> Result<Option<SegmentRecord>, String> {
    let participant = match segment.segment_type.as_deref() {
        Some("IVR") => return Ok(None),
        Some("BOT") => Participant::Bot,
        _ => Participant::Agent,
    };
    let instant =
        |text: Option<&Text>| -> Result<Option<Millis>, String> { text.map(|text| utc(text)).transpose() };
    let voice = segment.channel_class.as_deref() == Some("VOICE");
    let outbound =
        segment.dialog_origination.as_deref().is_some_and(|way| way.eq_ignore_ascii_case("outbound"));
    // Guide and schema contradict each other on which of the two is the caller's; we go by the names.
    let (contact, ours) = (segment.contact_endpoint_address, segment.channel_endpoint_address);
    let (ani, dnis) = match (voice, outbound) {
        (true, false) => (contact.clone(), ours.clone()),
        (true, true) => (ours.clone(), contact.clone()),
        (false, _) => (None, None),
    };
    let interaction = segment.interaction_id.clone().or(segment.dialog_id).ok_or("it has no interaction")?;
    let record = SegmentRecord {
        source: Some(source.clone()),
        account: Some(account.clone()),
        id: segment.segment_id,
        interaction_id: interaction,
        participant: Some(participant),
        agent_id: id(segment.segment_participant_id.as_ref()),
        agent_group_id: id(segment.segment_agent_group_id.as_ref()),
        start: instant(segment.segment_start_time_ms.as_ref())?,
        end: instant(segment.segment_end_time_ms.as_ref())?,
        disposition: segment.agent_disposition,
        campaign_id: id(segment.campaign_id.as_ref()),
        campaign: segment.campaign_name,
        interaction: InteractionFields {
            direction: Some(if outbound { DirectionWord::Outbound } else { DirectionWord::Inbound }),
            channel: segment.channel_type,
            channel_type: Some(if voice { ChannelType::Voice } else { ChannelType::Chat }),
            uii: segment.interaction_id,
            ani,
            dnis,
            customer_phone: contact.filter(|_| voice),
            support_number: ours.filter(|_| voice),
            interaction_end: instant(segment.dialog_end_time_ms.as_ref())?,
            ..InteractionFields::default()
        },
        ..SegmentRecord::default()
    };
    record.validate()?;
    Ok(Some(record))
}

/// ISO 8601 in UTC, with or without saying so.
fn utc(text: &str) -> Result<Millis, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    parse_instant(&format!("{}Z", text.trim_end_matches('Z').replace(' ', "T")))
}
