//! Rows of the segment reports → records. Both spellings of the header are read.

use std::collections::HashMap;
use std::io::Read;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::report::Direction;
use crate::domain::period::Period;
use crate::domain::record::{
    AgentRecord, ChannelType, DirectionWord, InteractionFields, Millis, Participant, Record, SegmentRecord,
    Text,
};
use crate::sources::{Sink, SourceError};

/// A field under the names that it goes by.
type Names = [&'static str; 2];

const UII: Names = ["UII", "uii"];
const SESSION: Names = ["Session ID", "session_id"];
const ANI: Names = ["ANI", "call_ani"];
const DNIS: Names = ["DNIS", "call_dnis"];
const CALL_TYPE: Names = ["Call Type", "call_type"];
const AGENT: Names = ["Agent ID", "agent_id"];
const LOGIN: Names = ["Agent Login ID", "agent_login_id"];
const FIRST: Names = ["Agent First Name", "agent_first"];
const LAST: Names = ["Agent Last Name", "agent_last"];
const USERNAME: Names = ["Agent Username", "agent_username"];
const PRODUCT_TYPE: Names = ["Product Type", "product_type"];
const PRODUCT_ID: Names = ["Product ID", "product_id"];
const PRODUCT: Names = ["Product Name", "product_name"];
const ENQUEUE: Names = ["Enqueue Dts", "enqueue_dts"];
const DEQUEUE: Names = ["Dequeue Dts", "dequeue_dts"];
const START: Names = ["Start Dts", "start_dts"];
const END: Names = ["End Dts", "end_dts"];
const WRAP: Names = ["Wrap Time", "wrap_time"];
const DIAL: Names = ["Dial Dts", "dial_dts"];
const DIAL_DURATION: Names = ["Dial Duration", "dial_duration"];
const HOLD: Names = ["Hold Duration", "hold_duration"];
const AGENT_WAIT: Names = ["Agent Wait Duration", "agent_wait_duration"];
const TERM_PARTY: Names = ["Term Party", "term_party"];
const TERM_REASON: Names = ["Term Reason", "term_reason"];
const DISPOSITION: Names = ["Agent Disposition", "agent_disposition"];
const RECORDING_FILE: Names = ["Segment Recording File Name", "segment_recording_filename"];
const RECORDING_URL: Names = ["Segment Recording URL", "segment_recording_url"];

/// What a row cannot do without.
const NEEDED: [Names; 6] = [UII, SESSION, CALL_TYPE, START, END, AGENT];

/// Records that are handed on together.
const AT_ONCE: usize = 4_096;

/// Hands on the records of an answer whose stamps are UTC. Every row becomes one, or the answer is none.
///
/// A row of the other direction, or of another day, is not what was asked for: then the rest is not believed.
pub(super) fn records(
    text: impl Read,
    (source, account): (&str, &str),
    asked: (Direction, Period),
    sink: Sink<'_>,
) -> Result<(), SourceError> {
    // The reader leaves a byte order mark before the first name.
    let mut reader = csv::ReaderBuilder::new().from_reader(text);
    let unreadable = |error: csv::Error| SourceError::Malformed(format!("a row is broken: {error}"));
    let header = reader.headers().map_err(unreadable)?.clone();
    let name = |name: &str| name.trim_start_matches('\u{feff}').trim().to_owned();
    let places: HashMap<String, usize> =
        header.iter().enumerate().map(|(at, text)| (name(text), at)).collect();
    if let Some([name, _]) = NEEDED.iter().find(|names| names.iter().all(|name| !places.contains_key(*name)))
    {
        let found: String = header.iter().collect::<Vec<_>>().join(",").chars().take(200).collect();
        return Err(SourceError::Malformed(format!("the header has no column `{name}`: {found}")));
    }
    let scope = (Text::from(source), Text::from(account));
    let mut records = Vec::with_capacity(AT_ONCE);
    let mut ends: HashMap<Text, Millis> = HashMap::new();
    for (at, row) in reader.records().enumerate() {
        let row = row.map_err(unreadable)?;
        let cells = Cells { row: &row, places: &places };
        let broken = |what: String| SourceError::Malformed(format!("row {}: {what}", at + 1));
        let segment = segment(&cells, &scope).and_then(|segment| as_asked(segment, asked)).map_err(broken)?;
        if let Some(end) = segment.end {
            let last = ends.entry(segment.interaction_id.clone()).or_insert(end);
            *last = end.max(*last);
        }
        records.extend(agent(&cells, &scope).map(|agent| Record::Agent(Box::new(agent))));
        records.push(Record::Segment(Box::new(segment)));
        if AT_ONCE <= records.len() {
            sink(ended(std::mem::take(&mut records), &mut ends))?;
        }
    }
    sink(ended(records, &mut ends))
}

/// Calls that go on are not in these reports: each call has ended with the last of its legs, which stand together.
fn ended(mut records: Vec<Record>, ends: &mut HashMap<Text, Millis>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Segment(segment) = record {
            segment.interaction.interaction_end = ends.get(&segment.interaction_id).copied();
        }
    }
    // The call that the next records may go on with is remembered.
    let open = records.iter().rev().find_map(|record| {
        let Record::Segment(segment) = record else { return None };
        Some(segment.interaction_id.clone())
    });
    ends.retain(|id, _| Some(id) == open.as_ref());
    records
}

/// How far from what was asked for a row may lie: nobody says which of its stamps a period is about.
const NEAR: SignedDuration = SignedDuration::from_hours(24);

fn as_asked(
    segment: SegmentRecord,
    (direction, period): (Direction, Period),
) -> Result<SegmentRecord, String> {
    let outbound = segment.interaction.direction == Some(DirectionWord::Outbound);
    if outbound != matches!(direction, Direction::Outbound) {
        return Err("it is of the other direction than was asked for".to_owned());
    }
    let [first, last] = [period.start.checked_sub(NEAR), period.end.checked_add(NEAR)]
        .map(|at| at.map_or(0, Timestamp::as_millisecond));
    match segment.start {
        Some(start) if start < first || last < start => {
            Err(format!("it is not of {} to {}, which was asked for", period.start, period.end))
        }
        _ => Ok(segment),
    }
}

struct Cells<'a> {
    row: &'a csv::StringRecord,
    places: &'a HashMap<String, usize>,
}

impl Cells<'_> {
    /// A cell's text; nothing for a blank one. Text of fixed width comes with trailing blanks.
    fn text(&self, names: Names) -> Option<Text> {
        let at = names.iter().find_map(|name| self.places.get(*name))?;
        self.row.get(*at).map(str::trim).filter(|text| !text.is_empty()).map(Text::from)
    }

    fn instant(&self, names: Names) -> Result<Option<Millis>, String> {
        self.text(names).map(|text| stamp(&text).ok_or_else(|| format!("`{text}` is no stamp"))).transpose()
    }

    fn duration(&self, names: Names) -> Result<Option<Millis>, String> {
        self.text(names)
            .map(|text| duration(&text).ok_or_else(|| format!("`{text}` is no duration")))
            .transpose()
    }
}

fn segment(cells: &Cells<'_>, (source, account): &(Text, Text)) -> Result<SegmentRecord, String> {
    // The apostrophe keeps spreadsheet programs from taking it for a number.
    let uii = cells.text(UII).ok_or("a row without UII")?;
    let uii = Text::from(uii.trim_start_matches('\''));
    let session = cells.text(SESSION).ok_or("a row without Session ID")?;
    let leg: i64 = session.parse().map_err(|_| format!("`{session}` is no Session ID"))?;
    let outbound = cells.text(CALL_TYPE).is_some_and(|kind| kind.eq_ignore_ascii_case("OUTBOUND"));
    // The guide says QUEUE and CAMPAIGN, its sample prints Queue.
    let campaign = cells.text(PRODUCT_TYPE).map_or(outbound, |kind| kind.eq_ignore_ascii_case("campaign"));
    let (product_id, product) = (cells.text(PRODUCT_ID), cells.text(PRODUCT));
    let (queue, queue_id, campaign, campaign_id) =
        if campaign { (None, None, product, product_id) } else { (product, product_id, None, None) };
    let segment = SegmentRecord {
        source: Some(source.clone()),
        account: Some(account.clone()),
        id: format!("{uii}-{leg}").into(),
        interaction_id: uii.clone(),
        participant: Some(if leg == 1 { Participant::External } else { Participant::Agent }),
        leg: Some(leg),
        queue_name: queue,
        queue_id,
        campaign,
        campaign_id,
        queue_entry: cells.instant(ENQUEUE)?,
        queue_exit: cells.instant(DEQUEUE)?,
        agent_id: cells.text(AGENT),
        agent_session_id: cells.text(LOGIN),
        start: cells.instant(START)?,
        end: cells.instant(END)?,
        wrap_ms: cells.duration(WRAP)?,
        ring_start: cells.instant(DIAL)?,
        ring_ms: cells.duration(DIAL_DURATION)?,
        hold_ms: cells.duration(HOLD)?,
        agent_wait_ms: cells.duration(AGENT_WAIT)?,
        termination_party: cells.text(TERM_PARTY),
        termination_reason: cells.text(TERM_REASON),
        disposition: cells.text(DISPOSITION),
        recording_file: cells.text(RECORDING_FILE),
        recording_url: cells.text(RECORDING_URL),
        interaction: InteractionFields {
            direction: Some(if outbound { DirectionWord::Outbound } else { DirectionWord::Inbound }),
            channel: Some("Voice".into()),
            channel_type: Some(ChannelType::Voice),
            uii: Some(uii),
            ani: cells.text(ANI),
            dnis: cells.text(DNIS),
            ..InteractionFields::default()
        },
        ..SegmentRecord::default()
    };
    segment.validate()?;
    Ok(segment)
}

fn agent(cells: &Cells<'_>, (source, account): &(Text, Text)) -> Option<AgentRecord> {
    let (first, last) = (cells.text(FIRST), cells.text(LAST));
    let name = match (&first, &last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}").into()),
        (one, other) => one.clone().or_else(|| other.clone()),
    };
    Some(AgentRecord {
        source: Some(source.clone()),
        account: Some(account.clone()),
        id: cells.text(AGENT)?,
        name,
        first_name: first,
        last_name: last,
        username: cells.text(USERNAME),
        ..AgentRecord::default()
    })
}

/// A stamp in UTC: the guide's form, that of its older page, or ISO 8601 with a fraction.
fn stamp(text: &str) -> Option<Millis> {
    let form = if text.contains('/') { "%m/%d/%Y %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.f" };
    let civil = DateTime::strptime(form, text).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// `HH:MM:SS`, or whole seconds with commas between thousands.
fn duration(text: &str) -> Option<Millis> {
    if !text.contains(':') {
        return text.replace(',', "").parse::<Millis>().ok().map(|seconds| seconds * 1_000);
    }
    let mut seconds: Millis = 0;
    for part in text.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(part.parse::<u32>().ok()?.into())?;
    }
    seconds.checked_mul(1_000)
}
