//! Rows of `segment` and `interaction` as values: how they are read, compared and written.

use std::sync::LazyLock;

use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, OptionalExtension, Row, Transaction, params};

use super::fold::unfold;
use super::names::Names;
use super::sealed;
use super::sealed::find::{Finder, Found, SealedAt};
use super::words::{
    CHANNEL_TYPES, DIRECTIONS, END_REASONS, OPENERS, PARTICIPANTS, START_REASONS, code_of, word_of,
};
use crate::domain::record::{EndReason, InteractionFields, Millis, Participant, StartReason, Text};

/// Columns of a segment's own fields that nothing but reports looks at: integers and codes of terms, in this order.
pub(super) const CARRIED: [&str; 34] = [
    "queue",
    "queue_exit",
    "talk_ms",
    "hold_mute_ms",
    "hold_ms",
    "mute_ms",
    "snooze_ms",
    "said_first_response_ms",
    "consultants",
    "joined_users",
    "skills",
    "said_in_by",
    "said_in_status",
    "transfer_reason",
    "disposition",
    "leg",
    "user_type",
    "queue_id",
    "queue_group",
    "campaign_id",
    "campaign",
    "dial_group",
    "agent_group",
    "agent_group_id",
    "skill_id",
    "ring_start",
    "ring_ms",
    "wrap_ms",
    "said_agent_wait_ms",
    "termination_party",
    "termination_reason",
    "transferred_by_disposition",
    "said_start_reason",
    "said_handle_ms",
];

/// Places in [`CARRIED`] of what resolving needs after all.
pub(super) const QUEUE_EXIT: usize = 1;
pub(super) const FIRST_RESPONSE: usize = 7;
pub(super) const IN_BY: usize = 11;
pub(super) const IN_STATUS: usize = 12;
pub(super) const TRANSFER_REASON: usize = 13;
pub(super) const START_REASON: usize = 32;
pub(super) const HANDLE: usize = 33;

/// Text columns of a segment's own fields, in this order.
pub(super) const TEXTS: [&str; 4] = ["agent_session_key", "recording_file", "recording_url", "focuses"];
/// The place of the spans of focus among them.
pub(super) const FOCUSES: usize = 3;

/// A segment's own fields, as codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) row_start: Millis,
    pub(super) participant: Participant,
    pub(super) queue_entry: Option<Millis>,
    pub(super) agent_id: Option<i64>,
    pub(super) start: Option<Millis>,
    pub(super) end: Option<Millis>,
    pub(super) end_reason: Option<EndReason>,
    pub(super) carried: [Option<i64>; CARRIED.len()],
    pub(super) texts: [Option<Text>; TEXTS.len()],
}

impl Own {
    /// A field of [`CARRIED`].
    pub(super) fn carried(&self, place: usize) -> Option<i64> {
        self.carried.get(place).copied().flatten()
    }

    /// How it came about, where that was said.
    pub(super) fn start_reason(&self) -> Option<StartReason> {
        word_of(&START_REASONS, self.carried(START_REASON))
    }
}

/// Resolved columns: integers and codes, in this order.
const RESOLVED: [&str; 30] = [
    "direction",
    "channel",
    "channel_type",
    "support",
    "status",
    "reason",
    "disconnecting_event",
    "integration_source",
    "session_tags",
    "user_tags",
    "ended_at",
    "last",
    "in_by",
    "in_by_agent",
    "in_status",
    "start_reason",
    "close_reason",
    "first_response_ms",
    "messages_sent",
    "outcome",
    "first_message_ms",
    "responses",
    "responses_ms",
    "turns",
    "turns_ms",
    "handle_ms",
    "handle_source",
    "interaction_id",
    "account_id",
    "version",
];

/// Resolved text columns, in this order.
const RESOLVED_TEXTS: [&str; 5] = ["customer", "uii", "ani", "dnis", "email_subject"];

/// Of [`RESOLVED`], how many describe the row and not whose it is.
pub(super) const RESOLVED_INTEGERS: usize = 27;

/// What a segment has from its interaction, its neighbours and its messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resolved {
    pub(super) integers: [Option<i64>; RESOLVED_INTEGERS],
    pub(super) texts: [Option<Text>; RESOLVED_TEXTS.len()],
}

/// A segment while its interaction is worked on.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) key: Text,
    pub(super) version: Millis,
    pub(super) own: Own,
    /// What the database holds, if it holds it.
    pub(super) stored: Option<Box<(Own, Resolved, Millis)>>,
    /// Where it is sealed; as a row of `segment` otherwise.
    pub(super) sealed: Option<SealedAt>,
}

/// A stored segment's columns, in the order of [`SEGMENT_COLUMNS`], which is that of blocks.
pub(super) trait Cells {
    fn number(&self, at: usize) -> rusqlite::Result<Option<i64>>;
    fn text(&self, at: usize) -> rusqlite::Result<Option<Text>>;
}

impl Cells for Row<'_> {
    fn number(&self, at: usize) -> rusqlite::Result<Option<i64>> {
        self.get(at)
    }

    fn text(&self, at: usize) -> rusqlite::Result<Option<Text>> {
        self.get(at)
    }
}

impl Cells for Found {
    fn number(&self, at: usize) -> rusqlite::Result<Option<i64>> {
        Ok(Self::number(self, at)?)
    }

    fn text(&self, at: usize) -> rusqlite::Result<Option<Text>> {
        Ok(Self::text(self, at)?.map(Into::into))
    }
}

/// An interaction while it is worked on.
#[derive(Debug, Clone)]
pub(super) struct Interaction {
    pub(super) interaction_id: i64,
    pub(super) account_id: i64,
    pub(super) key: Text,
    pub(super) version: Millis,
    pub(super) fields: InteractionFields,
    /// Whether it has no row: its sealed segments say everything of it.
    pub(super) folded: bool,
    /// What the database holds: its fields and its resolved end.
    pub(super) stored: Option<Box<(InteractionFields, Option<Millis>, Millis)>>,
    /// Where the segments stand, as stored: a JSON list of [`row_start`, `record_id`].
    pub(super) places: String,
    pub(super) segments: Vec<Segment>,
}

impl Interaction {
    /// When it ended: as said; else, where a disconnecting event was said, at the latest of its instants: nothing
    /// disconnects what goes on.
    pub(super) fn ended_at(&self) -> Option<Millis> {
        let latest = |segment: &Segment| {
            let own = &segment.own;
            [own.end, own.start, own.carried(QUEUE_EXIT), own.queue_entry].into_iter().flatten().max()
        };
        self.fields.interaction_end.or_else(|| {
            self.fields.disconnecting_event.as_ref()?;
            self.segments.iter().filter_map(latest).max()
        })
    }

    /// Where the segments stand now.
    pub(super) fn places_now(&self) -> String {
        let places: Vec<(Millis, &str)> = self.segments.iter().map(|s| (s.own.row_start, &*s.key)).collect();
        // Numbers and texts: this cannot fail.
        serde_json::to_string(&places).unwrap_or_default()
    }
}

/// The columns of [`Own`] that stand before the carried ones.
const OWN: [&str; 7] =
    ["row_start", "participant", "queue_entry", "agent_id", "start_at", "end_at", "end_reason"];

/// Every column of a segment in the order in which rows are read.
pub(super) static SEGMENT_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<&str> = ["record_id"]
        .into_iter()
        .chain(OWN)
        .chain(CARRIED)
        .chain(TEXTS)
        .chain(RESOLVED_TEXTS)
        .chain(RESOLVED)
        .collect();
    columns.join(", ")
});

/// How many they are; `version` is the last of them.
const SEGMENT_COLUMNS_COUNT: usize =
    1 + OWN.len() + CARRIED.len() + TEXTS.len() + RESOLVED_TEXTS.len() + RESOLVED.len();

// Blocks have them in the same order, and the interaction's key behind them.
const _: () = assert!(sealed::COLUMNS.len() == SEGMENT_COLUMNS_COUNT + 1, "a column is missing in blocks");

static ADD_SEGMENT: LazyLock<String> = LazyLock::new(|| {
    let columns = SEGMENT_COLUMNS_COUNT + 1;
    let places: Vec<String> = (1..=columns).map(|place| format!("?{place}")).collect();
    format!(
        "insert into segment ({}, interaction_key) values ({}) on conflict do nothing",
        *SEGMENT_COLUMNS,
        places.join(", ")
    )
});

static SEGMENT_OF_INTERACTION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {} from segment where row_start = ?1 and record_id = ?2 and account_id = ?3 and interaction_id = ?4",
        *SEGMENT_COLUMNS
    )
});

/// Columns of an interaction, in the order in which they are written.
const INTERACTION: [&str; 29] = [
    "interaction_id",
    "account_id",
    "record_id",
    "version",
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
    "said_end",
    "ended_at",
    "segments",
    "uii",
    "integration_source",
    "ani",
    "dnis",
    "opened_by",
    "email_subject",
    "session_tags",
    "user_tags",
];

static ADD_INTERACTION: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<String> = (1..=INTERACTION.len()).map(|place| format!("?{place}")).collect();
    format!("insert into interaction ({}) values ({})", INTERACTION.join(", "), places.join(", "))
});

static CHANGE_INTERACTION: LazyLock<String> = LazyLock::new(|| {
    let columns = INTERACTION.iter().enumerate().skip(1);
    let sets: Vec<String> = columns.map(|(at, column)| format!("{column} = ?{}", at + 1)).collect();
    format!("update interaction set {} where interaction_id = ?1", sets.join(", "))
});

/// The terms of an interaction's fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct InteractionTerms {
    pub(super) channel: Option<i64>,
    pub(super) status: Option<i64>,
    pub(super) reason: Option<i64>,
    pub(super) disconnecting_event: Option<i64>,
    pub(super) integration_source: Option<i64>,
}

pub(super) fn segment(row: &impl Cells, sealed: Option<SealedAt>) -> rusqlite::Result<Segment> {
    let mut at = 0;
    let mut next = || {
        at += 1;
        at
    };
    let own = Own {
        row_start: row.number(next())?.unwrap_or(0),
        participant: word_of(&PARTICIPANTS, row.number(next())?).unwrap_or(Participant::Queue),
        queue_entry: row.number(next())?,
        agent_id: row.number(next())?,
        start: row.number(next())?,
        end: row.number(next())?,
        end_reason: word_of(&END_REASONS, row.number(next())?),
        carried: integers(row, &mut next)?,
        texts: texts(row, &mut next)?,
    };
    let resolved = Resolved { texts: texts(row, &mut next)?, integers: integers(row, &mut next)? };
    let version = row.number(SEGMENT_COLUMNS_COUNT - 1)?.unwrap_or(Millis::MIN);
    let stored = Some(Box::new((own.clone(), resolved, version)));
    Ok(Segment { key: row.text(0)?.unwrap_or_default(), version, own, stored, sealed })
}

fn integers<const N: usize>(
    row: &impl Cells,
    next: &mut impl FnMut() -> usize,
) -> rusqlite::Result<[Option<i64>; N]> {
    let mut values = [None; N];
    for value in &mut values {
        *value = row.number(next())?;
    }
    Ok(values)
}

fn texts<const N: usize>(
    row: &impl Cells,
    next: &mut impl FnMut() -> usize,
) -> rusqlite::Result<[Option<Text>; N]> {
    let mut values = [const { None }; N];
    for value in &mut values {
        *value = row.text(next())?;
    }
    Ok(values)
}

/// A list of tags as stored.
fn tags(list: &[Text]) -> Option<String> {
    if list.is_empty() { None } else { serde_json::to_string(list).ok() }
}

/// The statements that every record needs, prepared once a chunk.
pub(super) struct Statements<'a> {
    tx: &'a Transaction<'a>,
    find: CachedStatement<'a>,
    add_interaction: CachedStatement<'a>,
    add_segment: CachedStatement<'a>,
}

impl<'a> Statements<'a> {
    pub(super) fn prepare(tx: &'a Transaction<'a>) -> rusqlite::Result<Self> {
        Ok(Self {
            tx,
            find: tx.prepare_cached(
                "select interaction_id from interaction where record_id = ?1 and account_id = ?2",
            )?,
            add_interaction: tx.prepare_cached(&ADD_INTERACTION)?,
            add_segment: tx.prepare_cached(&ADD_SEGMENT)?,
        })
    }

    /// The interaction with its segments, or `None` when the store has none of this key.
    pub(super) fn load(
        &mut self,
        (finder, names): (&mut Finder, &mut Names),
        account_id: i64,
        key: &Text,
    ) -> rusqlite::Result<Option<Interaction>> {
        let found: Option<i64> =
            self.find.query_row(params![key, account_id], |row| row.get(0)).optional()?;
        match found {
            Some(interaction_id) => load_by_id(self.tx, finder, interaction_id).map(Some),
            None => unfold(self.tx, (finder, names), account_id, key),
        }
    }

    /// Writes an interaction's fields: a row of this number, or over the old one.
    pub(super) fn write_interaction(
        &mut self,
        (interaction_id, interaction): (i64, &Interaction),
        terms: InteractionTerms,
        ended_at: Option<Millis>,
        places: &str,
    ) -> rusqlite::Result<()> {
        let f = &interaction.fields;
        let direction = code_of(&DIRECTIONS, f.direction);
        let channel_type = code_of(&CHANNEL_TYPES, f.channel_type);
        let opened_by = code_of(&OPENERS, f.opened_by);
        let (session_tags, user_tags) = (tags(&f.session_tags), tags(&f.user_tags));
        let values: [&dyn ToSql; INTERACTION.len()] = [
            &interaction_id,
            &interaction.account_id,
            &interaction.key,
            &interaction.version,
            &direction,
            &terms.channel,
            &channel_type,
            &f.customer,
            &f.customer_name,
            &f.customer_email,
            &f.customer_phone,
            &f.support,
            &f.support_number,
            &f.support_email,
            &f.bot_name,
            &terms.status,
            &terms.reason,
            &terms.disconnecting_event,
            &f.interaction_end,
            &ended_at,
            &places,
            &f.uii,
            &terms.integration_source,
            &f.ani,
            &f.dnis,
            &opened_by,
            &f.email_subject,
            &session_tags,
            &user_tags,
        ];
        if interaction.stored.is_some() && !interaction.folded {
            self.tx.prepare_cached(&CHANGE_INTERACTION)?.execute(values.as_slice())?;
        } else {
            self.add_interaction.execute(values.as_slice())?;
        }
        Ok(())
    }

    /// Adds a segment's row; false when the key is taken, by a row of another interaction.
    pub(super) fn add_segment(
        &mut self,
        interaction: &Interaction,
        interaction_id: i64,
        segment: &Segment,
        resolved: &Resolved,
    ) -> rusqlite::Result<bool> {
        let o = &segment.own;
        let participant = code_of(&PARTICIPANTS, Some(o.participant));
        let end_reason = code_of(&END_REASONS, o.end_reason);
        let statement = &mut self.add_segment;
        let own: [&dyn ToSql; 1 + OWN.len()] = [
            &segment.key,
            &o.row_start,
            &participant,
            &o.queue_entry,
            &o.agent_id,
            &o.start,
            &o.end,
            &end_reason,
        ];
        let mut at = 0;
        for value in own {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        for value in &o.carried {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        for value in o.texts.iter().chain(&resolved.texts) {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        for value in &resolved.integers {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        let whose: [&dyn ToSql; 4] =
            [&interaction_id, &interaction.account_id, &segment.version, &interaction.key];
        for value in whose {
            at += 1;
            statement.raw_bind_parameter(at, value)?;
        }
        Ok(0 < statement.raw_execute()?)
    }
}

/// The interaction with its segments.
pub(super) fn load_by_id(
    tx: &Transaction<'_>,
    finder: &mut Finder,
    interaction_id: i64,
) -> rusqlite::Result<Interaction> {
    let mut statement = tx.prepare_cached(
        "select account_id, record_id, version, direction, c.text, channel_type, customer, customer_name,
                customer_email, customer_phone, support, support_number, support_email, bot_name, s.text, r.text,
                d.text, said_end, ended_at, segments, uii, i.text, ani, dnis, opened_by, email_subject, session_tags,
                user_tags
         from interaction
         left join term c on c.term_id = channel left join term s on s.term_id = status
         left join term r on r.term_id = reason left join term d on d.term_id = disconnecting_event
         left join term i on i.term_id = integration_source
         where interaction_id = ?1",
    )?;
    let mut interaction = statement.query_row([interaction_id], |row| {
        let list = |column| {
            let text: Option<String> = row.get(column)?;
            Ok::<Vec<Text>, rusqlite::Error>(
                text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            )
        };
        let fields = InteractionFields {
            direction: word_of(&DIRECTIONS, row.get(3)?),
            channel: row.get(4)?,
            channel_type: word_of(&CHANNEL_TYPES, row.get(5)?),
            customer: row.get(6)?,
            customer_name: row.get(7)?,
            customer_email: row.get(8)?,
            customer_phone: row.get(9)?,
            support: row.get(10)?,
            support_number: row.get(11)?,
            support_email: row.get(12)?,
            bot_name: row.get(13)?,
            status: row.get(14)?,
            reason: row.get(15)?,
            disconnecting_event: row.get(16)?,
            interaction_end: row.get(17)?,
            uii: row.get(20)?,
            integration_source: row.get(21)?,
            ani: row.get(22)?,
            dnis: row.get(23)?,
            opened_by: word_of(&OPENERS, row.get(24)?),
            email_subject: row.get(25)?,
            session_tags: list(26)?,
            user_tags: list(27)?,
        };
        let version = row.get(2)?;
        Ok(Interaction {
            interaction_id,
            account_id: row.get(0)?,
            key: row.get(1)?,
            version,
            fields: fields.clone(),
            folded: false,
            stored: Some(Box::new((fields, row.get(18)?, version))),
            places: row.get(19)?,
            segments: Vec::new(),
        })
    })?;
    // A place whose row is gone was taken by retention, or by another interaction.
    let places: Vec<(Millis, String)> = serde_json::from_str(&interaction.places).unwrap_or_default();
    let mut statement = tx.prepare_cached(&SEGMENT_OF_INTERACTION)?;
    for (row_start, key) in places {
        let place = params![row_start, key, interaction.account_id, interaction_id];
        let row = statement.query_row(place, |row| segment(row, None)).optional()?;
        interaction.segments.extend(match row {
            Some(row) => Some(row),
            None => sealed_segment(tx, finder, (row_start, &key), &interaction)?,
        });
    }
    Ok(interaction)
}

/// A segment of an interaction that is sealed.
fn sealed_segment(
    tx: &Transaction<'_>,
    finder: &mut Finder,
    (row_start, key): (Millis, &str),
    interaction: &Interaction,
) -> rusqlite::Result<Option<Segment>> {
    let Some(found) = finder.by_place(tx, row_start, key, interaction.account_id)? else { return Ok(None) };
    if found.interaction_id()? != Some(interaction.interaction_id) {
        return Ok(None);
    }
    segment(&found, Some(found.at)).map(Some)
}

/// Reserves an interaction's number and key.
pub(super) fn add_interaction(
    tx: &Transaction<'_>,
    id: i64,
    account_id: i64,
    key: &str,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "insert into interaction (interaction_id, account_id, record_id, version) values (?1, ?2, ?3, 0)",
    )?
    .execute(params![id, account_id, key])
    .map(drop)
}

/// Removes a segment, wherever it is.
pub(super) fn remove_segment(
    tx: &Transaction<'_>,
    finder: &mut Finder,
    sealed: Option<SealedAt>,
    row_start: Millis,
    (key, account_id): (&str, i64),
) -> rusqlite::Result<()> {
    if let Some(at) = sealed {
        return finder.take_out(tx, at);
    }
    tx.prepare_cached("delete from segment where row_start = ?1 and record_id = ?2 and account_id = ?3")?
        .execute(params![row_start, key, account_id])?;
    Ok(())
}
