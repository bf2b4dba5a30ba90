//! NDJSON → records.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, Read};
use std::thread::ScopedJoinHandle;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{BadLine, Filling, ImportError, LINE_BYTES_MAX, Pack, clip};
use crate::domain::record::Record;
use crate::domain::record::column::Json;
use crate::domain::record::gathered::{Field, Gathered, SegmentColumns};

/// Text that is cut off at once, in bytes.
const PIECE: usize = 32 << 20;

/// Reads packs, two at a time: to parse a line takes longer than to store what it says.
pub(super) fn read(input: &mut dyn BufRead, filling: &mut Filling<'_, '_>) -> Result<(), ImportError> {
    let (mut ours, mut theirs) = (Piece::default(), Piece::default());
    let mut beside = Pack::of(filling.pack.most);
    loop {
        ours.begin(theirs.last_line());
        let mut more = ours.cut(input, filling.pack.most);
        theirs.begin(ours.last_line());
        if let Ok(true) = more {
            more = theirs.cut(input, beside.most);
        }
        std::thread::scope(|scope| {
            let thread = (!theirs.ends.is_empty()).then(|| scope.spawn(|| theirs.fill(&mut beside)));
            ours.fill(&mut filling.pack);
            // A panic there is one here.
            if let Some(Err(panic)) = thread.map(ScopedJoinHandle::join) {
                std::panic::resume_unwind(panic);
            }
        });
        for pack in [&mut filling.pack, &mut beside] {
            if 0 < pack.lines {
                let Some(next) = (filling.sink)(std::mem::take(pack)) else { return Ok(()) };
                *pack = next;
            }
        }
        if !more? {
            return Ok(());
        }
    }
}

/// Whole lines of a text.
#[derive(Debug, Default)]
struct Piece {
    /// The number of its first line, less one.
    before: u64,
    text: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
    /// Lines that are too long, of which nothing is kept.
    long: Vec<BadLine>,
}

impl Piece {
    /// Begins anew behind a line.
    fn begin(&mut self, before: u64) {
        self.before = before;
        self.text.clear();
        self.ends.clear();
        self.long.clear();
    }

    /// The number of its last line.
    fn last_line(&self) -> u64 {
        self.before + u64::try_from(self.ends.len()).unwrap_or(0)
    }

    /// Cuts off up to so many lines; false at the end of the text. What stands before an error is here.
    fn cut(&mut self, input: &mut dyn BufRead, most: usize) -> Result<bool, ImportError> {
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        while self.ends.len() < most && self.text.len() < PIECE {
            let begin = self.text.len();
            let read = (&mut *input).take(limit).read_until(b'\n', &mut self.text);
            if read.map_err(ImportError::Read)? == 0 {
                return Ok(false);
            }
            let line = self.text.get(begin..).unwrap_or_default();
            let long = !line.ends_with(b"\n") && LINE_BYTES_MAX <= line.len();
            if long {
                let reason = format!("the line is longer than {} MiB", LINE_BYTES_MAX >> 20);
                let text = clip(&String::from_utf8_lossy(line));
                self.long.push(BadLine { line: self.last_line() + 1, reason, text });
                self.text.truncate(begin);
            }
            self.ends.push(self.text.len());
            if long {
                skip_line(input).map_err(ImportError::Read)?;
            }
        }
        Ok(true)
    }

    /// Reads its lines into a pack.
    fn fill(&self, pack: &mut Pack) {
        let (mut long, mut order) = (self.long.iter().peekable(), Order::default());
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        for (line, (begin, end)) in (self.before + 1..).zip(begins.zip(&self.ends)) {
            let text = self.text.get(begin..*end).unwrap_or_default().trim_ascii();
            if let Some(bad) = long.next_if(|bad| bad.line == line) {
                pack.bad.push(bad.clone());
            } else if text.is_empty() {
                continue;
            } else if !by_column(text, &mut order, &mut pack.records) {
                match parse(text, line) {
                    Ok(record) => pack.records.push(record),
                    Err(bad) => pack.bad.push(bad),
                }
            }
            pack.lines += 1;
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
fn by_column(text: &[u8], order: &mut Order, out: &mut Gathered) -> bool {
    // Whether it is UTF-8 is found out at once, and not text by text.
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let segments = &mut out.segments;
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Row(segments, order).deserialize(&mut json).and_then(|()| json.end());
    let good = read.is_ok() && segments.end_row();
    if !good {
        segments.drop_row();
    }
    good
}

/// What is said where no words are needed.
const ODD: &str = "is to be read as a record";

/// Which field stood behind each one, and which first: a program writes all lines in much the same order.
struct Order([Option<(Field, usize)>; Field::COUNT + 1]);

impl Default for Order {
    fn default() -> Self {
        Self([None; Field::COUNT + 1])
    }
}

/// A line that is a segment.
struct Row<'a>(&'a mut SegmentColumns, &'a mut Order);

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
        let Self(segments, Order(order)) = self;
        let mut next = order.first_mut();
        while let Some(name) = map.next_key_seed(Name(next.as_deref().copied().flatten()))? {
            match name {
                Key::Kind if !kind && map.next_value::<Said<'_>>()?.0 == "segment" => kind = true,
                Key::Field((field, place)) if seen.get(place) == Some(&false) => {
                    seen.iter_mut().skip(place).take(1).for_each(|seen| *seen = true);
                    if let Some(next) = next {
                        *next = Some((field, place));
                    }
                    next = order.get_mut(place + 1);
                    map.next_value_seed(Cell(segments, field))?;
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

/// A text, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Said<'a>(#[serde(borrow)] Cow<'a, str>);

/// What is most likely to come.
struct Name(Option<(Field, usize)>);

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
        if let Some((field, place)) = self.0
            && Field::name(place) == name
        {
            return Ok(Key::Field((field, place)));
        }
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
        let mut texts: Vec<Cow<'_, str>> = Vec::new();
        while let Some(Said(text)) = values.next_element()? {
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

    use super::{Order, by_column, parse};
    use crate::domain::record::Record;
    use crate::domain::record::gathered::Gathered;
    use crate::import::csv::{CsvKind, columns};
    use crate::import::{LINE_BYTES_MAX, Pack};

    /// Values of all sorts, most of which are right in one field or another.
    fn value() -> impl Strategy<Value = Value> {
        prop::sample::select(vec![
            Value::Null,
            json!(""),
            json!("x"),
            json!("a \"quoted\" word"),
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
            json!(["caf\u{e9} \\ \"bar\""]),
            json!(["a|b"]),
            json!([{"start": 1, "end": 2}]),
            json!({"a": 1}),
        ])
    }

    #[test]
    fn of_a_line_that_is_too_long_nothing_is_kept() {
        let line = |id: &str| format!(r#"{{"kind":"segment","id":"{id}","interaction_id":"c","start":1}}"#);
        let text = format!("{}\n{}\n{}\n", line("a"), line(&"x".repeat(LINE_BYTES_MAX)), line("b"));
        let mut packs = Vec::new();
        let mut sink = |pack| {
            packs.push(pack);
            Some(Pack::of(9))
        };
        crate::import::read(&mut text.as_bytes(), None, Pack::of(9), &mut sink).unwrap();
        let [pack] = &packs[..] else { panic!("one is enough") };
        assert_eq!((pack.lines, pack.records.len()), (3, 2));
        assert_eq!(pack.bad.iter().map(|bad| (bad.line, bad.text.len())).collect::<Vec<_>>(), [(2, 200)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever the size of packs, lines keep their order and their numbers.
        #[test]
        fn packs_are_filled_in_the_order_of_lines(
            lines in prop::collection::vec(0..5_u8, 1..60),
            most in 1..9_usize,
            ended in any::<bool>(),
        ) {
            let (mut text, mut good, mut bad) = (String::new(), Vec::new(), Vec::new());
            for (line, kind) in (1..).zip(&lines) {
                match kind {
                    0 => text.push_str("  "),
                    1 => {
                        text.push_str("{\"kind\":\"x\"}");
                        bad.push(line);
                    }
                    kind => {
                        // By column, and as a record.
                        let more = if *kind == 2 { r#","holds":[{"start":1,"end":2}]"# } else { "" };
                        write!(text, r#"{{"kind":"segment","id":"{line}","interaction_id":"c","start":1{more}}}"#).unwrap();
                        good.push(line.to_string());
                    }
                }
                text.push('\n');
            }
            if !ended {
                text.pop();
            }
            let text = format!("{{}}\n{text}");
            let (mut records, mut refused, mut counted) = (Vec::new(), Vec::new(), 0);
            crate::import::read(&mut text.as_bytes(), None, Pack::of(most), &mut |pack| {
                assert!(pack.records.len() + pack.bad.len() <= most);
                counted += pack.lines;
                refused.extend(pack.bad.iter().map(|bad| bad.line));
                let segments = pack.records.into_records().filter_map(|record| {
                    if let Record::Segment(segment) = record { Some(segment.id.to_string()) } else { None }
                });
                records.extend(segments);
                Some(Pack::of(most))
            }).unwrap();
            let expected: Vec<u64> = std::iter::once(1).chain(bad.iter().map(|line: &u64| line + 1)).collect();
            prop_assert_eq!(counted, u64::try_from(records.len() + refused.len()).unwrap());
            prop_assert_eq!(records, good);
            prop_assert_eq!(refused, expected);
        }
    }

    /// What every segment has, under either name; an escaped name, and one that is said twice.
    const IDS: [&str; 6] = [
        r#""id":"s","interaction_id":"c","start":1792038272939"#,
        r#""id":"s","interaction_id":"c","start":1792038272939"#,
        r#""segment_id":"s","session_id":"c","start":1792038272939"#,
        r#""id":"s","session_id":"c","\u0073tart":1792038272939"#,
        r#""id":"s","segment_id":"s","interaction_id":"c","start":1792038272939"#,
        r#""interaction_id":"c","id":"s","start":1792038272939"#,
    ];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_000, ..ProptestConfig::default() })]

        /// What goes by column comes to the same record as what serde reads, and nothing that it refuses does; whatever
        /// the fields of the lines before.
        #[test]
        fn columns_hold_what_records_say(
            names in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            lines in prop::collection::vec(
                (
                    (0..6_usize, prop::collection::vec(value(), 0..6)),
                    prop::sample::select(vec!["segment", "segment", "segment", "message", "x"]),
                    prop::sample::select(IDS.to_vec()),
                    prop::bool::weighted(0.1),
                ),
                1..5,
            ),
        ) {
            let (all, _) = columns(CsvKind::Segment);
            let mut order = Order::default();
            for ((turned, values), kind, ids, twice) in lines {
                let mut line = format!(r#"{{"kind":"{kind}",{ids}"#);
                // Mostly in the order of the line before, from some field on.
                for (field, value) in names.iter().cycle().skip(turned).zip(&values) {
                    write!(line, r#","{}":{value}"#, field.get(&all)).unwrap();
                }
                line.push_str(if twice { r#","kind":"segment"}"# } else { "}" });
                let mut gathered = Gathered::default();
                let slow = parse(line.as_bytes(), 1);
                if by_column(line.as_bytes(), &mut order, &mut gathered) {
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
}
