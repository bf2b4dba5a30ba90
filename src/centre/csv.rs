//! The flat form: one segment a line, its interaction's fields with it.

use super::{Centre, SOURCE};
use crate::domain::record::{InteractionFields, Record, SegmentRecord, Span, Text};
use crate::import::{CsvKind, columns};

/// The header of the flat form.
pub fn csv_header() -> Vec<&'static str> {
    columns(CsvKind::Segment).0
}

fn spans(spans: &[Span]) -> String {
    spans.iter().map(|span| format!("{}/{}", span.start, span.end)).collect::<Vec<_>>().join("|")
}

/// The cells of a segment in the flat form, in the header's order.
pub fn csv_row(segment: &SegmentRecord, fields: &InteractionFields) -> Vec<String> {
    let text = |text: &Option<Text>| text.as_deref().unwrap_or("").to_owned();
    let list = |texts: &[Text]| texts.iter().map(|text| &**text).collect::<Vec<_>>().join("|");
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let word =
        |word: Option<serde_json::Value>| word.as_ref().and_then(|w| w.as_str()).unwrap_or("").to_owned();
    let json = |value: serde_json::Result<serde_json::Value>| value.ok();
    let s = segment;
    vec![
        SOURCE.to_owned(),
        text(&s.account),
        s.id.to_string(),
        s.interaction_id.to_string(),
        number(s.updated_at),
        word(json(serde_json::to_value(s.participant))),
        text(&s.queue_name),
        number(s.queue_entry),
        number(s.queue_exit),
        text(&s.agent_id),
        text(&s.agent_name),
        text(&s.agent_custom_name),
        text(&s.agent_email),
        number(s.start),
        number(s.end),
        number(s.talk_ms),
        number(s.hold_ms),
        number(s.mute_ms),
        number(s.snooze_ms),
        spans(&s.holds),
        spans(&s.mutes),
        spans(&s.snoozes),
        number(s.first_response_ms),
        list(&s.consultants),
        list(&s.joined_users),
        list(&s.skills),
        text(&s.transferred_in_by),
        text(&s.transferred_in_status),
        word(json(serde_json::to_value(s.end_reason))),
        text(&s.transfer_reason),
        text(&s.disposition),
        word(json(serde_json::to_value(fields.direction))),
        text(&fields.channel),
        word(json(serde_json::to_value(fields.channel_type))),
        text(&fields.customer),
        text(&fields.customer_name),
        text(&fields.customer_email),
        text(&fields.customer_phone),
        text(&fields.support),
        text(&fields.support_number),
        text(&fields.support_email),
        text(&fields.bot_name),
        text(&fields.status),
        text(&fields.reason),
        text(&fields.disconnecting_event),
        number(fields.interaction_end),
    ]
}

impl Centre {
    /// The records of an interaction as rows of the flat form. Messages have no place in it.
    pub fn flat(records: &[Record]) -> Vec<Vec<String>> {
        let fields = records.iter().find_map(|record| match record {
            Record::Interaction(interaction) => Some(interaction.facts.clone()),
            Record::Account(_)
            | Record::Agent(_)
            | Record::Segment(_)
            | Record::Message(_)
            | Record::AgentSession(_)
            | Record::AgentState(_)
            | Record::Offer(_)
            | Record::ManualDial(_)
            | Record::Format(_)
            | Record::Coverage(_) => None,
        });
        let fields = fields.unwrap_or_default();
        let segments = records.iter().filter_map(|record| match record {
            Record::Segment(segment) => Some(csv_row(segment, &fields)),
            Record::Account(_)
            | Record::Agent(_)
            | Record::Interaction(_)
            | Record::Message(_)
            | Record::AgentSession(_)
            | Record::AgentState(_)
            | Record::Offer(_)
            | Record::ManualDial(_)
            | Record::Format(_)
            | Record::Coverage(_) => None,
        });
        segments.collect()
    }
}
