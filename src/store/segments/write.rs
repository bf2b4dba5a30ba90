//! Records in: one transaction a chunk.
//!
//! A chunk's records are gathered by interaction first; then each interaction that was touched is resolved once and
//! only rows that changed are written. So a record that is there already costs a comparison, and a new interaction one
//! insert a row, in whatever order its records came.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::names::{Names, SaidAgent};
use super::row::{self, Interaction, Own, Resolved, Segment, Statements, direction_code, remove_segment};
use crate::domain::record::{
    Audience, CoverageRecord, InteractionFields, MessageRecord, Millis, Participant, Record, SegmentRecord,
    Sender, Text,
};
use crate::domain::resolve::{self, AgentMessage, Neighbour, TransferredBy};
use crate::store::StoreError;

/// What an import did with its records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Keys that were new.
    pub added: u64,
    /// Keys whose record replaced an older one.
    pub changed: u64,
    /// Records that were there already.
    pub unchanged: u64,
    /// Records older than what is stored.
    pub older: u64,
    /// Of the changed ones: the same key and version with other content; the later arrival won.
    pub contradicting: u64,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.added += other.added;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.older += other.older;
        self.contradicting += other.contradicting;
    }
}

/// Writes records through a connection of its own.
#[derive(Debug)]
pub struct SegmentWriter {
    connection: Connection,
    names: Names,
}

type Key = (i64, Text);

/// The interactions that a chunk touches, in the order in which they were touched.
#[derive(Default)]
struct Touched {
    index: HashMap<Key, usize, RandomState>,
    interactions: VecDeque<Interaction>,
}

impl SegmentWriter {
    /// A writer beside the store's own: `SQLite` lets one of them write at a time.
    pub fn open(store: &crate::store::Store) -> Result<Self, StoreError> {
        let fail = |source| StoreError::Open { path: store.path().to_owned(), source };
        let mut connection = Connection::open(store.path()).map_err(fail)?;
        crate::store::migrate::settle(&mut connection).map_err(fail)?;
        // An import is durable at its end (see `finish`); a power cut before that is repaired by importing again.
        connection
            .execute_batch(
                "pragma synchronous = normal; pragma foreign_keys = off; pragma wal_autocheckpoint = 0;
                 pragma cache_size = -65536",
            )
            .map_err(fail)?;
        Ok(Self { connection, names: Names::default() })
    }

    /// Writes one chunk in one transaction. `arrived` is the version of records that name none.
    pub fn write(&mut self, records: &[Record], arrived: Millis) -> Result<Tally, StoreError> {
        let result = self.write_chunk(records, arrived);
        if result.is_err() {
            self.names.forget();
        }
        result.map_err(|source| StoreError::sql("import records", source))
    }

    fn write_chunk(&mut self, records: &[Record], arrived: Millis) -> rusqlite::Result<Tally> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut chunk = Chunk {
            tx: &tx,
            statements: Statements::prepare(&tx)?,
            names: &mut self.names,
            touched: Touched::default(),
            again: Vec::new(),
            tally: Tally::default(),
            arrived,
        };
        for record in records {
            chunk.take(record)?;
        }
        let tally = chunk.settle()?;
        tx.commit()?;
        Ok(tally)
    }

    /// Copies the write-ahead log back into the database as far as readers allow. Holds no lock that another writer
    /// waits for; so it is a step of its own and not the tail of a transaction.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        let checkpoint = self.connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()));
        checkpoint.map_err(|source| StoreError::sql("checkpoint the import", source))
    }

    /// Declares a span as whole, by hand.
    pub fn cover(&mut self, coverage: &CoverageRecord) -> Result<(), StoreError> {
        self.write(&[Record::Coverage(coverage.clone())], 0).map(|_| ())
    }

    /// Makes everything written so far durable.
    pub fn finish(self) -> Result<(), StoreError> {
        let full = self.connection.execute_batch("pragma synchronous = full");
        full.map_err(|source| StoreError::sql("sync the import", source))?;
        // A checkpoint syncs the log first and the database after it.
        self.checkpoint()
    }
}

pub(super) struct Chunk<'a> {
    pub(super) tx: &'a Transaction<'a>,
    statements: Statements<'a>,
    pub(super) names: &'a mut Names,
    touched: Touched,
    /// Interactions to be resolved once more: a segment that they claimed belongs to another.
    again: Vec<i64>,
    pub(super) tally: Tally,
    pub(super) arrived: Millis,
}

impl Chunk<'_> {
    fn take(&mut self, record: &Record) -> rusqlite::Result<()> {
        match record {
            Record::Segment(segment) => self.segment(segment),
            Record::Interaction(interaction) => {
                let account = self.account(interaction.source.as_deref(), interaction.account.as_deref())?;
                let at = self.touch(account, &interaction.id)?;
                let version = interaction.updated_at.unwrap_or(self.arrived);
                let changed = self.merge(at, &interaction.facts, version, interaction.updated_at.is_some());
                if changed {
                    self.tally.changed += 1;
                } else {
                    self.tally.unchanged += 1;
                }
                Ok(())
            }
            Record::Message(message) => self.message(message),
            Record::Agent(agent) => {
                let account = self.account(agent.source.as_deref(), agent.account.as_deref())?;
                let said = SaidAgent::of(agent, agent.updated_at.unwrap_or(self.arrived));
                self.names.agent(self.tx, account, &said)?;
                self.tally.changed += 1;
                Ok(())
            }
            Record::Account(account) => self.account_record(account),
            Record::AgentSession(session) => self.agent_session(session),
            Record::AgentState(state) => self.agent_state(state),
            Record::Coverage(coverage) => self.coverage(coverage),
        }
    }

    pub(super) fn account(&mut self, source: Option<&str>, account: Option<&str>) -> rusqlite::Result<i64> {
        self.names.account(self.tx, source, account)
    }

    /// The place of an interaction in the chunk; loaded or begun when it was not there yet.
    fn touch(&mut self, account_id: i64, key: &Text) -> rusqlite::Result<usize> {
        let key = (account_id, key.clone());
        if let Some(at) = self.touched.index.get(&key) {
            return Ok(*at);
        }
        let interaction = match self.statements.load(account_id, &key.1)? {
            Some(interaction) => interaction,
            None => Interaction {
                interaction_id: 0,
                account_id,
                key: key.1.clone(),
                version: Millis::MIN,
                fields: InteractionFields::default(),
                stored: None,
                places: String::new(),
                segments: Vec::with_capacity(2),
            },
        };
        self.touched.interactions.push_back(interaction);
        self.touched.index.insert(key, self.touched.interactions.len() - 1);
        Ok(self.touched.interactions.len() - 1)
    }

    /// Adds what is said to what is known of an interaction; what is older fills in blanks only.
    fn merge(&mut self, at: usize, said: &InteractionFields, version: Millis, dated: bool) -> bool {
        let Some(interaction) = self.touched.interactions.get_mut(at) else { return false };
        let newer = interaction.version <= version;
        let known = &mut interaction.fields;
        let mut changed = false;
        macro_rules! merge {
            ($($field:ident),+) => {$(
                if said.$field.is_some()
                    && (newer || known.$field.is_none())
                    && known.$field != said.$field
                {
                    known.$field.clone_from(&said.$field);
                    changed = true;
                }
            )+};
        }
        merge!(
            direction,
            channel,
            channel_type,
            customer,
            customer_name,
            customer_email,
            customer_phone,
            support,
            support_number,
            support_email,
            bot_name,
            status,
            reason,
            disconnecting_event,
            interaction_end
        );
        // A dated record counts even when it says what was known: a later one with an older date must not undo it.
        if newer && (changed || (dated && *said != InteractionFields::default())) {
            interaction.version = version;
        }
        changed
    }

    fn segment(&mut self, record: &SegmentRecord) -> rusqlite::Result<()> {
        let account = self.account(record.source.as_deref(), record.account.as_deref())?;
        let version = record.updated_at.unwrap_or(self.arrived);
        let at = self.touch(account, &record.interaction_id)?;
        self.merge(at, &record.interaction, version, record.updated_at.is_some());
        let own = self.own(account, record, version)?;
        let Some(interaction) = self.touched.interactions.get_mut(at) else { return Ok(()) };
        match interaction.segments.iter_mut().find(|known| known.key == record.id) {
            None => {
                interaction.segments.push(Segment { key: record.id.clone(), version, own, stored: None });
                self.tally.added += 1;
            }
            Some(known) if known.own == own => {
                known.version = known.version.max(record.updated_at.unwrap_or(known.version));
                self.tally.unchanged += 1;
            }
            Some(known) if version < known.version => self.tally.older += 1,
            Some(known) => {
                self.tally.contradicting += u64::from(known.version == version);
                self.tally.changed += 1;
                known.version = version;
                known.own = own;
            }
        }
        Ok(())
    }

    fn own(&mut self, account: i64, record: &SegmentRecord, version: Millis) -> rusqlite::Result<Own> {
        let participant = record.participant();
        let said = SaidAgent {
            id: record.agent_id.as_deref(),
            name: record.agent_name.as_deref(),
            custom_name: record.agent_custom_name.as_deref(),
            email: record.agent_email.as_deref(),
            version,
        };
        let agent_id =
            if participant == Participant::Agent { self.names.agent(self.tx, account, &said)? } else { None };
        let row_start = record.queue_entry.or(record.start).unwrap_or(0);
        let from = record.start.unwrap_or(row_start);
        let spans = |spans: &[_], sum| {
            if spans.is_empty() { sum } else { Some(resolve::union_ms(spans, from, record.end)) }
        };
        let (hold_ms, mute_ms) = (spans(&record.holds, record.hold_ms), spans(&record.mutes, record.mute_ms));
        let hold_mute_ms = if record.holds.is_empty() || record.mutes.is_empty() {
            hold_ms.into_iter().chain(mute_ms).reduce(|a, b| a + b)
        } else {
            Some(resolve::union_ms(record.holds.iter().chain(&record.mutes), from, record.end))
        };
        let (tx, names) = (self.tx, &mut self.names);
        Ok(Own {
            row_start,
            participant,
            queue: names.term(tx, record.queue_name.as_deref())?,
            queue_entry: record.queue_entry,
            queue_exit: record.queue_exit,
            agent_id,
            start: record.start,
            end: record.end,
            talk_ms: record.talk_ms,
            hold_mute_ms,
            hold_ms,
            mute_ms,
            snooze_ms: spans(&record.snoozes, record.snooze_ms),
            said_first_response_ms: record.first_response_ms,
            consultants: names.list(tx, &record.consultants)?,
            joined_users: names.list(tx, &record.joined_users)?,
            skills: names.list(tx, &record.skills)?,
            said_in_by: names.term(tx, record.transferred_in_by.as_deref())?,
            said_in_status: names.term(tx, record.transferred_in_status.as_deref())?,
            end_reason: record.end_reason,
            transfer_reason: names.term(tx, record.transfer_reason.as_deref())?,
            disposition: names.term(tx, record.disposition.as_deref())?,
        })
    }

    fn message(&mut self, message: &MessageRecord) -> rusqlite::Result<()> {
        let account = self.account(message.source.as_deref(), message.account.as_deref())?;
        let at = self.touch(account, &message.interaction_id)?;
        let agent_id = match message.agent_id.as_deref() {
            None => None,
            id => {
                let said =
                    SaidAgent { id, name: None, custom_name: None, email: None, version: self.arrived };
                self.names.agent(self.tx, account, &said)?
            }
        };
        let Some(interaction) = self.touched.interactions.get_mut(at) else { return Ok(()) };
        if interaction.interaction_id == 0 {
            // The message's row needs the interaction's; its fields follow when the chunk is settled.
            interaction.interaction_id = row::add_interaction(self.tx, account, &interaction.key)?;
            interaction.stored = Some(Box::new((InteractionFields::default(), None, Millis::MIN)));
        }
        let sender = match message.sender {
            Sender::Agent => 1,
            Sender::Customer => 2,
            Sender::Bot => 3,
            Sender::System => 4,
        };
        let added = self
            .tx
            .prepare_cached(
                "insert into message (interaction_id, record_id, account_id, at, sender, agent_id, public)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict do nothing",
            )?
            .execute(params![
                interaction.interaction_id,
                message.id,
                account,
                message.at,
                sender,
                agent_id,
                message.audience == Audience::Public
            ])?;
        if added == 0 {
            self.tally.unchanged += 1;
        } else {
            self.tally.added += 1;
        }
        Ok(())
    }

    fn settle(mut self) -> rusqlite::Result<Tally> {
        while let Some(interaction) = self.touched.interactions.pop_front() {
            self.settle_one(&interaction)?;
        }
        for interaction_id in std::mem::take(&mut self.again) {
            let interaction = row::load_by_id(self.tx, interaction_id)?;
            self.settle_one(&interaction)?;
        }
        Ok(self.tally)
    }

    /// Resolves an interaction and writes what changed of it.
    fn settle_one(&mut self, interaction: &Interaction) -> rusqlite::Result<()> {
        let fields = &interaction.fields;
        let terms = [
            self.names.term(self.tx, fields.channel.as_deref())?,
            self.names.term(self.tx, fields.status.as_deref())?,
            self.names.term(self.tx, fields.reason.as_deref())?,
            self.names.term(self.tx, fields.disconnecting_event.as_deref())?,
        ];
        let ended_at = ended_at(interaction);
        let places = interaction.places_now();
        let as_stored = interaction.stored.as_ref().is_some_and(|known| {
            let (stored, end, version) = &**known;
            stored == fields
                && *end == ended_at
                && *version == interaction.version
                && interaction.places == places
        });
        let interaction_id = if as_stored {
            interaction.interaction_id
        } else {
            self.statements.write_interaction(interaction, terms, ended_at, &places)?
        };
        let resolved = self.resolve(interaction, terms, ended_at)?;
        for (segment, resolved) in interaction.segments.iter().zip(&resolved) {
            if let Some(known) = &segment.stored {
                let (own, stored, version) = &**known;
                if own == &segment.own && stored == resolved && *version == segment.version {
                    continue;
                }
                remove_segment(self.tx, own.row_start, &segment.key, interaction.account_id)?;
            }
            if !self.statements.add_segment(interaction, interaction_id, segment, resolved)? {
                self.take_over(interaction, interaction_id, segment, resolved)?;
            }
        }
        Ok(())
    }

    fn resolve(
        &mut self,
        interaction: &Interaction,
        terms: [Option<i64>; 4],
        ended_at: Option<Millis>,
    ) -> rusqlite::Result<Vec<Resolved>> {
        let neighbours: Vec<Neighbour<'_, i64, i64>> = interaction
            .segments
            .iter()
            .map(|segment| Neighbour {
                row_start: segment.own.row_start,
                key: &segment.key,
                start: segment.own.start,
                end: segment.own.end,
                participant: segment.own.participant,
                agent: segment.own.agent_id,
                end_reason: segment.own.end_reason,
                transfer_reason: segment.own.transfer_reason,
            })
            .collect();
        let messages = if interaction.stored.is_some() {
            agent_messages(self.tx, interaction.interaction_id)?
        } else {
            Vec::new()
        };
        let [channel, status, reason, disconnecting_event] = terms;
        let support = self.names.term(self.tx, resolve::support(&interaction.fields))?;
        let customer = resolve::customer(&interaction.fields);
        let mut resolved = Vec::with_capacity(neighbours.len());
        for (segment, around) in interaction.segments.iter().zip(resolve::neighbours(&neighbours, &messages))
        {
            let (by, by_agent) = match (segment.own.said_in_by, around.transferred_by) {
                (Some(said), _) => (Some(said), None),
                (None, None) => (None, None),
                (None, Some(TransferredBy::System)) => (self.names.term(self.tx, Some("System"))?, None),
                (None, Some(TransferredBy::Bot)) => (self.names.term(self.tx, Some("Bot"))?, None),
                (None, Some(TransferredBy::Agent(agent))) => (None, Some(agent)),
            };
            resolved.push(Resolved {
                direction: direction_code(interaction.fields.direction),
                channel,
                customer: customer.cloned(),
                support,
                status,
                reason,
                disconnecting_event,
                ended_at,
                last: around.last,
                in_by: by,
                in_by_agent: by_agent,
                in_status: segment.own.said_in_status.or(around.transfer_reason),
                first_response_ms: segment.own.said_first_response_ms.or(around.first_response_ms),
                messages_sent: around.messages_sent,
            });
        }
        Ok(resolved)
    }

    /// A segment whose key stands under another interaction: the newer record moves it, and both are resolved anew.
    fn take_over(
        &mut self,
        interaction: &Interaction,
        interaction_id: i64,
        segment: &Segment,
        resolved: &Resolved,
    ) -> rusqlite::Result<()> {
        let other: Option<(i64, Millis, Millis)> = self
            .tx
            .prepare_cached(
                "select interaction_id, row_start, version from segment where record_id = ?1 and account_id = ?2",
            )?
            .query_row(params![segment.key, interaction.account_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((other_id, row_start, version)) = other else { return Ok(()) };
        self.tally.added = self.tally.added.saturating_sub(1);
        if segment.version < version {
            self.tally.older += 1;
            // It was resolved as if the segment were its own.
            self.again.push(interaction_id);
            return Ok(());
        }
        self.tally.changed += 1;
        remove_segment(self.tx, row_start, &segment.key, interaction.account_id)?;
        self.statements.add_segment(interaction, interaction_id, segment, resolved)?;
        let waiting = self.touched.interactions.iter_mut().find(|waiting| waiting.interaction_id == other_id);
        if let Some(waiting) = waiting {
            // The other one's turn comes later in this chunk.
            waiting.segments.retain(|own| own.key != segment.key);
            return Ok(());
        }
        let other = row::load_by_id(self.tx, other_id)?;
        self.settle_one(&other)
    }
}

/// When an interaction ended: as said; else, where a disconnecting event was said, at the latest of its instants:
/// nothing disconnects what goes on.
fn ended_at(interaction: &Interaction) -> Option<Millis> {
    let latest = |segment: &Segment| {
        let own = &segment.own;
        [own.end, own.start, own.queue_exit, own.queue_entry].into_iter().flatten().max()
    };
    interaction.fields.interaction_end.or_else(|| {
        interaction.fields.disconnecting_event.as_ref()?;
        interaction.segments.iter().filter_map(latest).max()
    })
}

fn agent_messages(tx: &Transaction<'_>, interaction_id: i64) -> rusqlite::Result<Vec<AgentMessage<i64>>> {
    let mut statement = tx.prepare_cached(
        "select at, agent_id from message where interaction_id = ?1 and sender = 1 and public = 1",
    )?;
    let message = |row: &rusqlite::Row<'_>| Ok(AgentMessage { at: row.get(0)?, agent: row.get(1)? });
    statement.query_map([interaction_id], message)?.collect()
}
