//! Rows of `segment` and `interaction` as values: how they are read, compared and written.

use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, OptionalExtension, Row, Transaction, params};

use crate::domain::record::{
    ChannelType, DirectionWord, EndReason, InteractionFields, Millis, Participant, Text,
};

/// A segment's own fields, as codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) row_start: Millis,
    pub(super) participant: Participant,
    pub(super) queue: Option<i64>,
    pub(super) queue_entry: Option<Millis>,
    pub(super) queue_exit: Option<Millis>,
    pub(super) agent_id: Option<i64>,
    pub(super) start: Option<Millis>,
    pub(super) end: Option<Millis>,
    pub(super) talk_ms: Option<Millis>,
    pub(super) hold_mute_ms: Option<Millis>,
    pub(super) hold_ms: Option<Millis>,
    pub(super) mute_ms: Option<Millis>,
    pub(super) snooze_ms: Option<Millis>,
    pub(super) said_first_response_ms: Option<Millis>,
    pub(super) consultants: Option<i64>,
    pub(super) joined_users: Option<i64>,
    pub(super) skills: Option<i64>,
    pub(super) said_in_by: Option<i64>,
    pub(super) said_in_status: Option<i64>,
    pub(super) end_reason: Option<EndReason>,
    pub(super) transfer_reason: Option<i64>,
    pub(super) disposition: Option<i64>,
}

/// What a segment has from its interaction and its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resolved {
    pub(super) direction: Option<i64>,
    pub(super) channel: Option<i64>,
    pub(super) customer: Option<Text>,
    pub(super) support: Option<i64>,
    pub(super) status: Option<i64>,
    pub(super) reason: Option<i64>,
    pub(super) disconnecting_event: Option<i64>,
    pub(super) ended_at: Option<Millis>,
    pub(super) last: bool,
    pub(super) in_by: Option<i64>,
    pub(super) in_by_agent: Option<i64>,
    pub(super) in_status: Option<i64>,
    pub(super) first_response_ms: Option<Millis>,
    pub(super) messages_sent: i64,
}

/// A segment while its interaction is worked on.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) key: Text,
    pub(super) version: Millis,
    pub(super) own: Own,
    /// What the database holds, if it holds it.
    pub(super) stored: Option<Box<(Own, Resolved, Millis)>>,
}

/// An interaction while it is worked on.
#[derive(Debug, Clone)]
pub(super) struct Interaction {
    pub(super) interaction_id: i64,
    pub(super) account_id: i64,
    pub(super) key: Text,
    pub(super) version: Millis,
    pub(super) fields: InteractionFields,
    /// What the database holds: its fields and its resolved end.
    pub(super) stored: Option<Box<(InteractionFields, Option<Millis>, Millis)>>,
    /// Where the segments stand, as stored: a JSON list of [`row_start`, `record_id`].
    pub(super) places: String,
    pub(super) segments: Vec<Segment>,
}

impl Interaction {
    /// Where the segments stand now.
    pub(super) fn places_now(&self) -> String {
        let places: Vec<(Millis, &str)> = self.segments.iter().map(|s| (s.own.row_start, &*s.key)).collect();
        // Numbers and texts: this cannot fail.
        serde_json::to_string(&places).unwrap_or_default()
    }
}

fn code_of<T: Copy + PartialEq>(words: &[T], word: Option<T>) -> Option<i64> {
    let word = word?;
    words.iter().position(|known| *known == word).and_then(|index| i64::try_from(index + 1).ok())
}

fn word_of<T: Copy>(words: &[T], code: Option<i64>) -> Option<T> {
    code.and_then(|code| usize::try_from(code - 1).ok()).and_then(|index| words.get(index)).copied()
}

const PARTICIPANTS: [Participant; 3] = [Participant::Agent, Participant::Queue, Participant::Bot];
const END_REASONS: [EndReason; 4] =
    [EndReason::Completed, EndReason::Transferred, EndReason::Timeout, EndReason::Abandoned];
const CHANNEL_TYPES: [ChannelType; 4] =
    [ChannelType::Voice, ChannelType::Sms, ChannelType::Email, ChannelType::Chat];
const DIRECTIONS: [DirectionWord; 2] = [DirectionWord::Inbound, DirectionWord::Outbound];

pub(super) fn participant(code: i64) -> Participant {
    word_of(&PARTICIPANTS, Some(code)).unwrap_or(Participant::Queue)
}

pub(super) fn direction_code(direction: Option<DirectionWord>) -> Option<i64> {
    code_of(&DIRECTIONS, direction)
}

const SEGMENT_COLUMNS: &str = "
    record_id, version, row_start, participant, queue, queue_entry, queue_exit, agent_id, start_at, end_at, talk_ms,
    hold_mute_ms, hold_ms, mute_ms, snooze_ms, said_first_response_ms, consultants, joined_users, skills, said_in_by,
    said_in_status, end_reason, transfer_reason, disposition, direction, channel, customer, support, status, reason,
    disconnecting_event, ended_at, last, in_by, in_by_agent, in_status, first_response_ms, messages_sent";

fn segment(row: &Row<'_>) -> rusqlite::Result<Segment> {
    let own = Own {
        row_start: row.get(2)?,
        participant: participant(row.get(3)?),
        queue: row.get(4)?,
        queue_entry: row.get(5)?,
        queue_exit: row.get(6)?,
        agent_id: row.get(7)?,
        start: row.get(8)?,
        end: row.get(9)?,
        talk_ms: row.get(10)?,
        hold_mute_ms: row.get(11)?,
        hold_ms: row.get(12)?,
        mute_ms: row.get(13)?,
        snooze_ms: row.get(14)?,
        said_first_response_ms: row.get(15)?,
        consultants: row.get(16)?,
        joined_users: row.get(17)?,
        skills: row.get(18)?,
        said_in_by: row.get(19)?,
        said_in_status: row.get(20)?,
        end_reason: word_of(&END_REASONS, row.get(21)?),
        transfer_reason: row.get(22)?,
        disposition: row.get(23)?,
    };
    let resolved = Resolved {
        direction: row.get(24)?,
        channel: row.get(25)?,
        customer: row.get(26)?,
        support: row.get(27)?,
        status: row.get(28)?,
        reason: row.get(29)?,
        disconnecting_event: row.get(30)?,
        ended_at: row.get(31)?,
        last: row.get(32)?,
        in_by: row.get(33)?,
        in_by_agent: row.get(34)?,
        in_status: row.get(35)?,
        first_response_ms: row.get(36)?,
        messages_sent: row.get(37)?,
    };
    let version = row.get(1)?;
    Ok(Segment {
        key: row.get(0)?,
        version,
        own: own.clone(),
        stored: Some(Box::new((own, resolved, version))),
    })
}

const ADD_INTERACTION: &str = "
    insert into interaction values
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
              ?21)";

const CHANGE_INTERACTION: &str = "
    update interaction set account_id = ?2, record_id = ?3, version = ?4, direction = ?5, channel = ?6,
                channel_type = ?7, customer = ?8, customer_name = ?9, customer_email = ?10, customer_phone = ?11,
                support = ?12, support_number = ?13, support_email = ?14, bot_name = ?15, status = ?16, reason = ?17,
                disconnecting_event = ?18, said_end = ?19, ended_at = ?20, segments = ?21
         where interaction_id = ?1";

const ADD_SEGMENT: &str = "
    insert into segment values
                 (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
                  ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41)
             on conflict do nothing";

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
            add_interaction: tx.prepare_cached(ADD_INTERACTION)?,
            add_segment: tx.prepare_cached(ADD_SEGMENT)?,
        })
    }

    /// The interaction with its segments, or `None` when the store has none of this key.
    pub(super) fn load(&mut self, account_id: i64, key: &str) -> rusqlite::Result<Option<Interaction>> {
        let found: Option<i64> =
            self.find.query_row(params![key, account_id], |row| row.get(0)).optional()?;
        found.map(|interaction_id| load_by_id(self.tx, interaction_id)).transpose()
    }

    /// Writes an interaction's fields: a new row, or over the old one.
    pub(super) fn write_interaction(
        &mut self,
        interaction: &Interaction,
        terms: [Option<i64>; 4],
        ended_at: Option<Millis>,
        places: &str,
    ) -> rusqlite::Result<i64> {
        let f = &interaction.fields;
        let direction = direction_code(f.direction);
        let channel_type = code_of(&CHANNEL_TYPES, f.channel_type);
        let [channel, status, reason, disconnecting_event] = terms;
        let id = interaction.stored.as_ref().map(|_| interaction.interaction_id);
        let values: [&dyn ToSql; 21] = [
            &id,
            &interaction.account_id,
            &interaction.key,
            &interaction.version,
            &direction,
            &channel,
            &channel_type,
            &f.customer,
            &f.customer_name,
            &f.customer_email,
            &f.customer_phone,
            &f.support,
            &f.support_number,
            &f.support_email,
            &f.bot_name,
            &status,
            &reason,
            &disconnecting_event,
            &f.interaction_end,
            &ended_at,
            &places,
        ];
        if let Some(id) = id {
            self.tx.prepare_cached(CHANGE_INTERACTION)?.execute(values.as_slice())?;
            return Ok(id);
        }
        self.add_interaction.execute(values.as_slice())?;
        Ok(self.tx.last_insert_rowid())
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
        let values: [&dyn ToSql; 41] = [
            &o.row_start,
            &segment.key,
            &interaction.account_id,
            &interaction_id,
            &segment.version,
            &participant,
            &o.queue,
            &o.queue_entry,
            &o.queue_exit,
            &o.agent_id,
            &o.start,
            &o.end,
            &o.talk_ms,
            &o.hold_mute_ms,
            &o.hold_ms,
            &o.mute_ms,
            &o.snooze_ms,
            &o.said_first_response_ms,
            &o.consultants,
            &o.joined_users,
            &o.skills,
            &o.said_in_by,
            &o.said_in_status,
            &end_reason,
            &o.transfer_reason,
            &o.disposition,
            &interaction.key,
            &resolved.direction,
            &resolved.channel,
            &resolved.customer,
            &resolved.support,
            &resolved.status,
            &resolved.reason,
            &resolved.disconnecting_event,
            &resolved.ended_at,
            &resolved.last,
            &resolved.in_by,
            &resolved.in_by_agent,
            &resolved.in_status,
            &resolved.first_response_ms,
            &resolved.messages_sent,
        ];
        let added = self.add_segment.execute(values.as_slice())?;
        Ok(0 < added)
    }
}

/// The interaction with its segments.
pub(super) fn load_by_id(tx: &Transaction<'_>, interaction_id: i64) -> rusqlite::Result<Interaction> {
    let mut statement = tx.prepare_cached(
        "select account_id, record_id, version, direction, c.text, channel_type, customer, customer_name,
                customer_email, customer_phone, support, support_number, support_email, bot_name, s.text, r.text,
                d.text, said_end, ended_at, segments
         from interaction
         left join term c on c.term_id = channel left join term s on s.term_id = status
         left join term r on r.term_id = reason left join term d on d.term_id = disconnecting_event
         where interaction_id = ?1",
    )?;
    let mut interaction = statement.query_row([interaction_id], |row| {
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
        };
        let version = row.get(2)?;
        Ok(Interaction {
            interaction_id,
            account_id: row.get(0)?,
            key: row.get(1)?,
            version,
            fields: fields.clone(),
            stored: Some(Box::new((fields, row.get(18)?, version))),
            places: row.get(19)?,
            segments: Vec::new(),
        })
    })?;
    // A place whose row is gone was taken by retention, or by another interaction.
    let places: Vec<(Millis, String)> = serde_json::from_str(&interaction.places).unwrap_or_default();
    let mut statement = tx.prepare_cached(&format!(
        "select {SEGMENT_COLUMNS} from segment
         where row_start = ?1 and record_id = ?2 and account_id = ?3 and interaction_id = ?4"
    ))?;
    for (row_start, key) in places {
        let place = params![row_start, key, interaction.account_id, interaction_id];
        interaction.segments.extend(statement.query_row(place, segment).optional()?);
    }
    Ok(interaction)
}

/// Reserves an interaction's key.
pub(super) fn add_interaction(tx: &Transaction<'_>, account_id: i64, key: &str) -> rusqlite::Result<i64> {
    tx.prepare_cached("insert into interaction (account_id, record_id, version) values (?1, ?2, 0)")?
        .execute(params![account_id, key])?;
    Ok(tx.last_insert_rowid())
}

/// Removes a segment's row.
pub(super) fn remove_segment(
    tx: &Transaction<'_>,
    row_start: Millis,
    key: &str,
    account_id: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached("delete from segment where row_start = ?1 and record_id = ?2 and account_id = ?3")?
        .execute(params![row_start, key, account_id])?;
    Ok(())
}
