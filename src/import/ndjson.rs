//! NDJSON → records.

use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{BadLine, Filling, ImportError, LINE_BYTES_MAX, clip};
use crate::domain::record::Record;
use crate::domain::record::column::Json;
use crate::domain::record::gathered::{Field, Gathered, SegmentColumns};

pub(super) fn read(input: &mut dyn BufRead, filling: &mut Filling<'_, '_>) -> Result<(), ImportError> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = (&mut *input).take(limit).read_until(b'\n', &mut line).map_err(ImportError::Read)?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        let whole = line.ends_with(b"\n") || line.len() < LINE_BYTES_MAX;
        let item = if whole {
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            if by_column(text, &mut filling.pack.records) {
                if filling.line() {
                    continue;
                }
                return Ok(());
            }
            parse(text, number)
        } else {
            let reason = format!("the line is longer than {} MiB", LINE_BYTES_MAX >> 20);
            let bad = BadLine { line: number, reason, text: clip(&String::from_utf8_lossy(&line)) };
            skip_line(input).map_err(ImportError::Read)?;
            Err(bad)
        };
        let more = match item {
            Ok(record) => filling.good(record),
            Err(bad) => filling.bad(bad),
        };
        if !more {
            return Ok(());
        }
    }
}

fn skip_line(input: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (taken, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(taken);
        if done {
            return Ok(());
        }
    }
}

fn parse(text: &[u8], line: u64) -> Result<Record, BadLine> {
    let bad = |reason: String| BadLine { line, reason, text: clip(&String::from_utf8_lossy(text)) };
    // serde counts the line within the text it was given, which is always the first.
    let reason = |error: serde_json::Error| error.to_string().replace(" at line 1 column ", " at column ");
    let record: Record = serde_json::from_slice(text).map_err(|error| bad(reason(error)))?;
    record.validate().map_err(bad)?;
    Ok(record)
}

/// Takes a segment's fields straight into columns; false where it is something else, or something about it is odd: then
/// it is read as a record, which knows the words for it.
fn by_column(text: &[u8], out: &mut Gathered) -> bool {
    let segments = &mut out.segments;
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = Row(segments).deserialize(&mut json).and_then(|()| json.end());
    let good = read.is_ok() && segments.end_row();
    if !good {
        segments.drop_row();
    }
    good
}

/// What is said where no words are needed.
const ODD: &str = "is to be read as a record";

/// A line that is a segment.
struct Row<'a>(&'a mut SegmentColumns);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a segment")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut kind, mut seen) = (false, [false; Field::COUNT]);
        while let Some(name) = map.next_key_seed(Name)? {
            match name {
                Key::Kind if !kind && map.next_value::<String>()? == "segment" => kind = true,
                Key::Field((field, place)) if seen.get(place) == Some(&false) => {
                    seen.iter_mut().skip(place).take(1).for_each(|seen| *seen = true);
                    map.next_value_seed(Cell(self.0, field))?;
                }
                Key::Kind | Key::Field(_) | Key::Unknown => return Err(A::Error::custom(ODD)),
            }
        }
        if kind { Ok(()) } else { Err(A::Error::custom(ODD)) }
    }
}

/// A field's name.
enum Key {
    Kind,
    /// With its place among all fields.
    Field((Field, usize)),
    Unknown,
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key, E> {
        let name = match name {
            "kind" => return Ok(Key::Kind),
            "segment_id" => "id",
            "session_id" => "interaction_id",
            name => name,
        };
        Ok(Field::named(name).map_or(Key::Unknown, Key::Field))
    }
}

/// A field's value.
struct Cell<'a>(&'a mut SegmentColumns, Field);

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Cell<'_> {
    fn put<E: Error>(self, value: Json<'_>) -> Result<(), E> {
        if self.0.put_json(self.1, value) { Ok(()) } else { Err(E::custom(ODD)) }
    }
}

impl<'de> Visitor<'de> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(Json::Null)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.put(Json::Text(text))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.put(Json::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.put(Json::Number(i64::try_from(number).map_err(E::custom)?))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.put(Json::Flag(flag))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let mut texts: Vec<String> = Vec::new();
        while let Some(text) = values.next_element()? {
            texts.push(text);
        }
        self.put(Json::Texts(&texts))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{by_column, parse};
    use crate::domain::record::gathered::Gathered;
    use crate::import::csv::{CsvKind, columns};

    /// Values of all sorts, most of which are right in one field or another.
    fn value() -> impl Strategy<Value = Value> {
        prop::sample::select(vec![
            Value::Null,
            json!(""),
            json!("x"),
            json!("1"),
            json!("agent"),
            json!("Agent"),
            json!("voice"),
            json!("inbound"),
            json!("2026-06-10T08:00:00Z"),
            json!(0),
            json!(-1),
            json!(1.5),
            json!(1_792_038_272_939_u64),
            json!(u64::MAX),
            json!(true),
            json!([]),
            json!([""]),
            json!(["a", "b"]),
            json!(["a|b"]),
            json!([{"start": 1, "end": 2}]),
            json!({"a": 1}),
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_000, ..ProptestConfig::default() })]

        /// What goes by column comes to the same record as what serde reads, and nothing that it refuses does.
        #[test]
        fn columns_hold_what_records_say(
            values in prop::collection::vec((any::<prop::sample::Index>(), value()), 0..4),
            kind in prop::sample::select(vec!["segment", "segment", "segment", "message", "x"]),
            twice in prop::bool::weighted(0.1),
        ) {
            let (all, _) = columns(CsvKind::Segment);
            let mut line = format!(r#"{{"kind":"{kind}","segment_id":"s","session_id":"c","start":1792038272939"#);
            for (field, value) in &values {
                write!(line, r#","{}":{value}"#, field.get(&all)).unwrap();
            }
            line.push_str(if twice { r#","kind":"segment"}"# } else { "}" });
            let mut gathered = Gathered::default();
            let slow = parse(line.as_bytes(), 1);
            if by_column(line.as_bytes(), &mut gathered) {
                prop_assert!(slow.is_ok(), "{}: {:?}", line, slow);
                let records: Vec<_> = gathered.into_records().collect();
                prop_assert_eq!(records, vec![slow.unwrap()], "{}", line);
            } else {
                prop_assert!(gathered.is_empty());
                if let Ok(slow) = slow {
                    gathered.push(slow.clone());
                    prop_assert_eq!(gathered.into_records().collect::<Vec<_>>(), vec![slow]);
                }
            }
        }
    }
}
