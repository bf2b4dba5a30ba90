//! The flat form: one segment a line, its interaction's fields with it.

use serde_json::Value;

use super::Centre;
use crate::domain::record::{InteractionFields, Record, SegmentRecord};
use crate::import::{CsvKind, columns};

/// The header of the flat form.
pub fn csv_header() -> Vec<&'static str> {
    columns(CsvKind::Segment).0
}

/// The cells of a segment in the flat form, in the header's order.
fn csv_row(segment: &SegmentRecord, fields: &InteractionFields) -> Vec<String> {
    // Texts, numbers and lists of them: this cannot fail.
    let own = serde_json::to_value(segment).unwrap_or_default();
    let shared = serde_json::to_value(fields).unwrap_or_default();
    let cell = |name: &str| own.get(name).or_else(|| shared.get(name)).map(cell).unwrap_or_default();
    csv_header().into_iter().map(cell).collect()
}

/// A value as the CSV form has it: lists with `|`, spans as `start/end`.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join("|"),
        Value::Object(span) => span.values().map(cell).collect::<Vec<_>>().join("/"),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

impl Centre {
    /// The records of an interaction as rows of the flat form. Messages and offers have no place in it.
    pub fn flat(records: &[Record]) -> Vec<Vec<String>> {
        let facts = |record: &Record| {
            if let Record::Interaction(interaction) = record { Some(interaction.facts.clone()) } else { None }
        };
        let fields = records.iter().find_map(facts).unwrap_or_default();
        let row = |record: &Record| {
            if let Record::Segment(segment) = record { Some(csv_row(segment, &fields)) } else { None }
        };
        records.iter().filter_map(row).collect()
    }
}
