//! CSV → records. A file holds one kind; its header says which.
//!
//! Lists stand with `|` between their values, spans as `start/end`. An empty cell says nothing.

use std::collections::HashSet;
use std::io::BufRead;

use csv::{ByteRecord, ReaderBuilder};
use foldhash::fast::RandomState;

use super::{BadLine, ImportError, Line, clip};
use crate::domain::instant::parse_instant;
use crate::domain::nearest::nearest;
use crate::domain::record::{
    AccountRecord, AgentRecord, AgentSessionRecord, AgentStateRecord, Audience, ChannelType, CoverageRecord,
    DirectionWord, EndReason, InteractionFields, InteractionRecord, MessageRecord, Millis, Participant,
    Record, SegmentRecord, Sender, Span, Text,
};

/// The kind of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum CsvKind {
    /// Accounts.
    Account,
    /// Agents.
    Agent,
    /// Interactions.
    Interaction,
    /// Segments and queue stints.
    Segment,
    /// Messages.
    Message,
    /// Agents' login sessions.
    AgentSession,
    /// Spans of login sessions.
    AgentState,
    /// Spans for which the store is whole.
    Coverage,
}

const KINDS: [CsvKind; 8] = [
    CsvKind::Segment,
    CsvKind::Interaction,
    CsvKind::Message,
    CsvKind::Agent,
    CsvKind::AgentSession,
    CsvKind::AgentState,
    CsvKind::Account,
    CsvKind::Coverage,
];

const INTERACTION_FIELDS: [&str; 15] = [
    "direction",
    "channel",
    "channel_type",
    "customer",
    "customer_name",
    "customer_email",
    "customer_phone",
    "support",
    "support_number",
    "support_email",
    "bot_name",
    "status",
    "reason",
    "disconnecting_event",
    "interaction_end",
];

/// The columns of a kind, and those of them without which a file is not of that kind.
pub fn columns(kind: CsvKind) -> (Vec<&'static str>, &'static [&'static str]) {
    let (own, needed): (&[&str], &[&str]) = match kind {
        CsvKind::Account => (&["source", "id", "name"], &["id", "name"]),
        CsvKind::Agent => (
            &["source", "account", "id", "updated_at", "name", "custom_name", "email"],
            &["id", "custom_name"],
        ),
        CsvKind::Interaction => (&["source", "account", "id", "updated_at"], &["id", "channel"]),
        CsvKind::Segment => (
            &[
                "source",
                "account",
                "id",
                "interaction_id",
                "updated_at",
                "participant",
                "queue_name",
                "queue_entry",
                "queue_exit",
                "agent_id",
                "agent_name",
                "agent_custom_name",
                "agent_email",
                "start",
                "end",
                "talk_ms",
                "hold_ms",
                "mute_ms",
                "snooze_ms",
                "holds",
                "mutes",
                "snoozes",
                "first_response_ms",
                "consultants",
                "joined_users",
                "skills",
                "transferred_in_by",
                "transferred_in_status",
                "end_reason",
                "transfer_reason",
                "disposition",
            ],
            &["id", "interaction_id", "start"],
        ),
        CsvKind::Message => (
            &["source", "account", "id", "interaction_id", "at", "sender", "agent_id", "audience"],
            &["id", "interaction_id", "at", "sender"],
        ),
        CsvKind::AgentSession => (
            &["source", "account", "id", "updated_at", "agent_id", "login", "logout"],
            &["id", "agent_id", "login"],
        ),
        CsvKind::AgentState => (
            &["source", "account", "id", "updated_at", "agent_session_id", "state", "start", "end"],
            &["id", "agent_session_id", "state", "start"],
        ),
        CsvKind::Coverage => (&["source", "account", "from", "to"], &["from", "to"]),
    };
    let mut all = own.to_vec();
    if matches!(kind, CsvKind::Interaction | CsvKind::Segment) {
        all.extend(INTERACTION_FIELDS);
    }
    (all, needed)
}

/// Other names under which feeds know a column.
fn canonical(kind: CsvKind, name: &str) -> &str {
    match (kind, name) {
        (CsvKind::Segment, "segment_id") | (CsvKind::Interaction, "interaction_id" | "session_id") => "id",
        (CsvKind::Segment | CsvKind::Message, "session_id") => "interaction_id",
        _ => name,
    }
}

pub(super) fn read(
    input: &mut dyn BufRead,
    kind: Option<CsvKind>,
    sink: &mut dyn FnMut(Line) -> bool,
) -> Result<(), ImportError> {
    let mut reader = ReaderBuilder::new().flexible(true).buffer_capacity(256 << 10).from_reader(input);
    let header = reader.byte_headers().map_err(|error| ImportError::Read(error.into()))?.clone();
    let names: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase()).collect();
    let kind = match kind {
        Some(kind) => kind,
        None => kind_of(&names)?,
    };
    let places = places(kind, &names)?;
    let (all, _) = columns(kind);
    let mut texts = Texts::default();
    let mut record = ByteRecord::new();
    let mut line;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => line = record.position().map_or(0, csv::Position::line),
            Err(error) => return Err(ImportError::Read(error.into())),
        }
        let item = if record.len() == names.len() {
            match record_of(
                kind,
                &mut Walk { record: &record, places: &places, columns: &all, texts: &mut texts, next: 0 },
            ) {
                Ok(record) => Line::Good(record, line),
                Err(reason) => bad(&record, line, reason),
            }
        } else {
            let reason = format!("{} cells, the header has {}", record.len(), names.len());
            bad(&record, line, reason)
        };
        if !sink(item) {
            return Ok(());
        }
    }
}

fn bad(record: &ByteRecord, line: u64, reason: String) -> Line {
    let cells: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
    Line::Bad(BadLine { line, reason, text: clip(&cells.join(",")) })
}

/// The kind whose columns hold the whole header and whose needed ones are there.
fn kind_of(names: &[String]) -> Result<CsvKind, ImportError> {
    let fits = |kind: &&CsvKind| {
        let (all, needed) = columns(**kind);
        let has = |name: &str| names.iter().any(|known| canonical(**kind, known) == name);
        needed.iter().all(|name| has(name)) && names.iter().all(|name| all.contains(&canonical(**kind, name)))
    };
    KINDS.iter().find(fits).copied().ok_or_else(|| {
        ImportError::Header(
            "the CSV header fits no kind of record; say which with --kind to learn which column is wrong"
                .to_owned(),
        )
    })
}

/// For each known column, its place in the file.
fn places(kind: CsvKind, names: &[String]) -> Result<Vec<Option<usize>>, ImportError> {
    let (all, needed) = columns(kind);
    for name in names {
        if !all.contains(&canonical(kind, name)) {
            let help = match nearest(name, all.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", all.join(", ")),
            };
            return Err(ImportError::Header(format!(
                "the CSV header has an unknown column `{name}`; {help}"
            )));
        }
    }
    let places: Vec<Option<usize>> =
        all.iter().map(|column| names.iter().position(|name| canonical(kind, name) == *column)).collect();
    for (column, place) in all.iter().zip(&places) {
        if needed.contains(column) && place.is_none() && *column != "channel" && *column != "custom_name" {
            return Err(ImportError::Header(format!("the CSV header has no column `{column}`")));
        }
    }
    Ok(places)
}

type Cell<T> = Result<Option<T>, String>;

/// Takes the columns of a kind in their order, one call each.
struct Walk<'a> {
    record: &'a ByteRecord,
    /// For each column its place in the record.
    places: &'a [Option<usize>],
    columns: &'a [&'static str],
    texts: &'a mut Texts,
    next: usize,
}

/// Texts that were seen before, so that a repeated one costs a look-up and no allocation.
#[derive(Default)]
struct Texts(HashSet<Text, RandomState>);

/// Texts kept at the most; then the collection begins anew.
const TEXTS_KEPT: usize = 50_000;

impl Texts {
    fn shared(&mut self, text: &str) -> Text {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        if TEXTS_KEPT <= self.0.len() {
            self.0.clear();
        }
        let text = Text::from(text);
        self.0.insert(text.clone());
        text
    }
}

impl<'a> Walk<'a> {
    fn raw(&mut self) -> Result<(&'static str, Option<&'a str>), String> {
        let name = self.columns.get(self.next).copied().unwrap_or("");
        let place = self.places.get(self.next).copied().flatten();
        self.next += 1;
        let Some(bytes) = place.and_then(|place| self.record.get(place)).filter(|bytes| !bytes.is_empty())
        else {
            return Ok((name, None));
        };
        let text = std::str::from_utf8(bytes).map_err(|_| format!("`{name}` is not UTF-8"))?;
        Ok((name, Some(text)))
    }

    /// A text that other lines are likely to repeat.
    fn text(&mut self) -> Cell<Text> {
        let text = self.raw()?.1;
        Ok(text.map(|text| self.texts.shared(text)))
    }

    /// A text of this line's own.
    fn own(&mut self) -> Cell<Text> {
        Ok(self.raw()?.1.map(Text::from))
    }

    fn needed(&mut self) -> Result<Text, String> {
        let (name, text) = self.raw()?;
        text.map(Text::from).ok_or_else(|| format!("`{name}` is empty"))
    }

    fn instant(&mut self) -> Cell<Millis> {
        let (name, text) = self.raw()?;
        text.map(|text| parse_instant(text).map_err(|error| format!("`{name}`: {error}"))).transpose()
    }

    fn needed_instant(&mut self) -> Result<Millis, String> {
        let name = self.columns.get(self.next).copied().unwrap_or("");
        self.instant()?.ok_or_else(|| format!("`{name}` is empty"))
    }

    fn millis(&mut self) -> Cell<Millis> {
        let (name, text) = self.raw()?;
        let wrong = |text: &str| format!("`{name}`: `{text}` is not a whole number of milliseconds");
        text.map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    fn list(&mut self) -> Result<Vec<Text>, String> {
        let text = self.raw()?.1;
        Ok(text.map(|text| text.split('|').map(|text| self.texts.shared(text)).collect()).unwrap_or_default())
    }

    fn spans(&mut self) -> Result<Vec<Span>, String> {
        let (name, text) = self.raw()?;
        let span = |text: &str| {
            let (start, end) =
                text.split_once('/').ok_or_else(|| format!("`{name}`: `{text}` is not start/end"))?;
            Ok(Span { start: parse_instant(start)?, end: parse_instant(end)? })
        };
        text.map_or(Ok(Vec::new()), |text| text.split('|').map(span).collect())
    }

    /// One of a few words, in any case.
    fn word<T: Copy>(&mut self, words: &[(&str, T)]) -> Cell<T> {
        let (name, text) = self.raw()?;
        let Some(text) = text else { return Ok(None) };
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            Ok(Some(*value))
        } else {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Err(format!("`{name}`: `{}` is none of {}", clip(text), words.join(", ")))
        }
    }
}

fn record_of(kind: CsvKind, walk: &mut Walk<'_>) -> Result<Record, String> {
    let record = match kind {
        CsvKind::Segment => Record::Segment(Box::new(segment(walk)?)),
        CsvKind::Interaction => Record::Interaction(InteractionRecord {
            source: walk.text()?,
            account: walk.text()?,
            id: walk.needed()?,
            updated_at: walk.instant()?,
            facts: interaction_fields(walk)?,
        }),
        CsvKind::Message => Record::Message(MessageRecord {
            source: walk.text()?,
            account: walk.text()?,
            id: walk.needed()?,
            interaction_id: walk.needed()?,
            at: walk.needed_instant()?,
            sender: walk
                .word(&[
                    ("agent", Sender::Agent),
                    ("customer", Sender::Customer),
                    ("bot", Sender::Bot),
                    ("system", Sender::System),
                ])?
                .ok_or("`sender` is empty")?,
            agent_id: walk.text()?,
            audience: walk
                .word(&[("public", Audience::Public), ("private", Audience::Private)])?
                .unwrap_or_default(),
        }),
        CsvKind::Agent => Record::Agent(AgentRecord {
            source: walk.text()?,
            account: walk.text()?,
            id: walk.needed()?,
            updated_at: walk.instant()?,
            name: walk.text()?,
            custom_name: walk.text()?,
            email: walk.text()?,
        }),
        CsvKind::Account => {
            Record::Account(AccountRecord { source: walk.text()?, id: walk.needed()?, name: walk.text()? })
        }
        CsvKind::AgentSession => Record::AgentSession(AgentSessionRecord {
            source: walk.text()?,
            account: walk.text()?,
            id: walk.needed()?,
            updated_at: walk.instant()?,
            agent_id: walk.needed()?,
            login: walk.needed_instant()?,
            logout: walk.instant()?,
        }),
        CsvKind::AgentState => Record::AgentState(AgentStateRecord {
            source: walk.text()?,
            account: walk.text()?,
            id: walk.needed()?,
            updated_at: walk.instant()?,
            agent_session_id: walk.needed()?,
            state: walk.needed()?,
            start: walk.needed_instant()?,
            end: walk.instant()?,
        }),
        CsvKind::Coverage => Record::Coverage(CoverageRecord {
            source: walk.text()?,
            account: walk.text()?,
            from: walk.needed_instant()?,
            to: walk.needed_instant()?,
        }),
    };
    record.validate()?;
    Ok(record)
}

fn segment(walk: &mut Walk<'_>) -> Result<SegmentRecord, String> {
    Ok(SegmentRecord {
        source: walk.text()?,
        account: walk.text()?,
        id: walk.needed()?,
        interaction_id: walk.needed()?,
        updated_at: walk.instant()?,
        participant: walk.word(&[
            ("agent", Participant::Agent),
            ("queue", Participant::Queue),
            ("bot", Participant::Bot),
        ])?,
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
        end_reason: walk.word(&[
            ("completed", EndReason::Completed),
            ("transferred", EndReason::Transferred),
            ("timeout", EndReason::Timeout),
            ("abandoned", EndReason::Abandoned),
        ])?,
        transfer_reason: walk.text()?,
        disposition: walk.text()?,
        interaction: interaction_fields(walk)?,
    })
}

fn interaction_fields(walk: &mut Walk<'_>) -> Result<InteractionFields, String> {
    Ok(InteractionFields {
        direction: walk
            .word(&[("Inbound", DirectionWord::Inbound), ("Outbound", DirectionWord::Outbound)])?,
        channel: walk.text()?,
        channel_type: walk.word(&[
            ("voice", ChannelType::Voice),
            ("sms", ChannelType::Sms),
            ("email", ChannelType::Email),
            ("chat", ChannelType::Chat),
        ])?,
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
    })
}
