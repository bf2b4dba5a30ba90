//! Interactions as values: how their rows are read and written, and their segments found.

use std::sync::LazyLock;

use rusqlite::types::ToSql;
use rusqlite::{OptionalExtension, Transaction, params};

use super::fold::unfold;
use super::names::Names;
use super::row::{QUEUE_EXIT, SEGMENT_OF_INTERACTION, Segment, Statements, segment};
use super::sealed::block::key_hash;
use super::sealed::find::Finder;
use super::words::{CHANNEL_TYPES, DIRECTIONS, OPENERS, code_of, word_of};
use crate::domain::record::{InteractionFields, Millis, Text};

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
    /// Where the segments stand, as stored: a JSON list of [`row_start`, `record_id`]; empty where it has no row.
    pub(super) places: String,
    /// How many segments the database holds.
    pub(super) held: usize,
    pub(super) segments: Vec<Segment>,
}

impl Interaction {
    /// Whether nothing was known of it but its key, and what its own segments are.
    pub(super) fn is_unheard_of(&self) -> bool {
        self.stored.is_none() && self.fields == InteractionFields::default()
    }

    /// When it ended: as said, else as its segments say.
    pub(super) fn ended_at(&self) -> Option<Millis> {
        self.fields.interaction_end.or_else(|| self.end_of_segments())
    }

    /// Where a disconnecting event was said, the latest of its instants: nothing disconnects what goes on.
    pub(super) fn end_of_segments(&self) -> Option<Millis> {
        let latest = |segment: &Segment| {
            let own = &segment.own;
            [own.end, own.start, own.carried(QUEUE_EXIT), own.queue_entry].into_iter().flatten().max()
        };
        self.fields.disconnecting_event.as_ref()?;
        self.segments.iter().filter_map(latest).max()
    }

    /// Where the segments stand now.
    pub(super) fn places_now(&self) -> String {
        let places: Vec<(Millis, &str)> = self.segments.iter().map(|s| (s.own.row_start, &*s.key)).collect();
        // Numbers and texts: this cannot fail.
        serde_json::to_string(&places).unwrap_or_default()
    }
}

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

pub(super) static ADD: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<String> = (1..=INTERACTION.len()).map(|place| format!("?{place}")).collect();
    format!("insert into interaction ({}) values ({})", INTERACTION.join(", "), places.join(", "))
});

static CHANGE: LazyLock<String> = LazyLock::new(|| {
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

/// A list of tags as stored.
fn tags(list: &[Text]) -> Option<String> {
    if list.is_empty() { None } else { serde_json::to_string(list).ok() }
}

impl Statements<'_> {
    /// The interaction with its segments, or `None` when the store has none of this key.
    pub(super) fn load(
        &mut self,
        (finder, names): (&mut Finder, &mut Names),
        account_id: i64,
        key: &Text,
    ) -> rusqlite::Result<Option<Interaction>> {
        let found: Option<i64> = if self.keys.may_have_interaction(key_hash(account_id, key)) {
            self.find.query_row(params![key, account_id], |row| row.get(0)).optional()?
        } else {
            None
        };
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
    ) -> rusqlite::Result<()> {
        let f = &interaction.fields;
        let places = interaction.places_now();
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
            self.tx.prepare_cached(&CHANGE)?.execute(values.as_slice())?;
        } else {
            self.keys.add_interaction(interaction.account_id, &interaction.key);
            self.add_interaction.execute(values.as_slice())?;
        }
        Ok(())
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
            held: 0,
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
    interaction.held = interaction.segments.len();
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
