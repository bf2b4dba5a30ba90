//! Records in: one transaction a chunk.
//!
//! A chunk's records are gathered by interaction first; then each interaction that was touched is resolved once and
//! only rows that changed are written. So a record that is there already costs a comparison, and a new interaction one
//! insert a row, in whatever order its records came.

use std::borrow::Borrow;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::by_column;
use super::fold;
use super::interaction::{self, Interaction};
use super::names::{Names, SaidAgent, Took};
use super::row::{Segment, Statements};
use super::row_keys::RowKeys;
use super::sealed::compact::note_change;
use super::sealed::find::Finder;
use super::touched::Touched;
use crate::domain::record::gathered::Gathered;
use crate::domain::record::{
    Audience, CoverageRecord, Dialog, InteractionFields, MessageRecord, Millis, Participant, Record,
    SegmentRecord, Sender, Text,
};
use crate::store::checkpoint::checkpoint;
use crate::store::housekeeping::expire_interactions;
use crate::store::{StoreError, open_beside};

/// What an import did with its records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
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

/// The version of the rules by which rows are resolved; rows of older ones are resolved anew when the store is opened.
const RULES: i64 = 2;

/// Writes records through a connection of its own.
#[derive(Debug)]
pub struct SegmentWriter {
    connection: Connection,
    names: Names,
    finder: Finder,
    keys: RowKeys,
}

impl SegmentWriter {
    /// A writer beside the store's own: `SQLite` lets one of them write at a time.
    pub fn open(store: &crate::store::Store) -> Result<Self, StoreError> {
        let fail = |source| StoreError::Open { path: store.path().to_owned(), source };
        let connection = open_beside(store.path())?;
        // An import is durable at its end (see `finish`); a power cut before that is repaired by importing again.
        connection
            .execute_batch(
                "pragma synchronous = normal; pragma foreign_keys = off; pragma wal_autocheckpoint = 0;
                 pragma cache_size = -65536",
            )
            .map_err(fail)?;
        Ok(Self { connection, names: Names::default(), finder: Finder::default(), keys: RowKeys::default() })
    }

    /// Resolves rows of older rules anew: what a migration cannot compute. Interrupted, it begins again.
    pub(in crate::store) fn resolve_anew(connection: &mut Connection) -> rusqlite::Result<()> {
        let rules: i64 = connection.query_row("select rules from resolution", [], |row| row.get(0))?;
        if RULES <= rules {
            return Ok(());
        }
        let mut last = 0;
        let (mut names, mut finder, mut keys) = (Names::default(), Finder::default(), RowKeys::default());
        loop {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let ids: Vec<i64> = tx
                .prepare_cached(
                    "select interaction_id from interaction where interaction_id > ?1 order by 1 limit 1000",
                )?
                .query_map([last], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut chunk = Chunk::begin(&tx, (&mut names, &mut finder, &mut keys), Millis::MIN)?;
            for interaction_id in &ids {
                let interaction = interaction::load_by_id(&tx, chunk.finder, *interaction_id)?;
                chunk.settle_one(&interaction)?;
            }
            let rows_from = chunk.rows_from;
            chunk.note_numbers()?;
            drop(chunk);
            note_change(&tx, rows_from)?;
            let Some(reached) = ids.last() else {
                tx.commit()?;
                break;
            };
            last = *reached;
            tx.commit()?;
        }
        // Then what is folded, block by block: one that changes has a row again.
        let sql = "select block_id from segment_block order by block_id";
        let blocks: Vec<i64> =
            connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for block_id in blocks {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut chunk = Chunk::begin(&tx, (&mut names, &mut finder, &mut keys), Millis::MIN)?;
            for (account_id, key) in fold::keys_of(&tx, block_id)? {
                let loaded = chunk.statements.load((chunk.finder, chunk.names), account_id, &key)?;
                if let Some(interaction) = loaded.filter(|interaction| interaction.folded) {
                    chunk.settle_one(&interaction)?;
                }
            }
            let rows_from = chunk.rows_from;
            chunk.note_numbers()?;
            drop(chunk);
            note_change(&tx, rows_from)?;
            tx.commit()?;
        }
        connection.execute("update resolution set rules = ?1", [RULES]).map(drop)
    }

    /// Writes one chunk in one transaction. `arrived` is the version of records that name none.
    pub fn write<R: Borrow<Record>>(
        &mut self,
        records: impl IntoIterator<Item = R>,
        arrived: Millis,
    ) -> Result<Tally, StoreError> {
        // A few records are asked for one by one.
        self.keys.forget();
        self.in_transaction(arrived, |chunk| {
            for record in records {
                chunk.take(record.borrow())?;
            }
            chunk.settle()
        })
    }

    /// The same by column: new segments of hours that end by `until` go straight into blocks, and those that blocks have
    /// are compared with them. Fast for large chunks, which hold the database the longer.
    pub fn write_sealed(
        &mut self,
        records: &Gathered,
        arrived: Millis,
        until: Millis,
    ) -> Result<Tally, StoreError> {
        self.in_transaction(arrived, |chunk| {
            chunk.statements.keys.begin(chunk.tx)?;
            by_column::write(chunk, records, until)
        })
    }

    fn in_transaction(
        &mut self,
        arrived: Millis,
        write: impl FnOnce(&mut Chunk<'_>) -> rusqlite::Result<()>,
    ) -> Result<Tally, StoreError> {
        let all = || {
            let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut chunk = Chunk::begin(&tx, (&mut self.names, &mut self.finder, &mut self.keys), arrived)?;
            write(&mut chunk)?;
            let (tally, rows_from) = (chunk.tally, chunk.rows_from);
            drop(chunk);
            note_change(&tx, rows_from)?;
            tx.commit()?;
            Ok(tally)
        };
        let result = all();
        if result.is_err() {
            self.names.forget();
            self.keys.forget();
            self.finder = Finder::default();
        }
        result.map_err(|source| StoreError::sql("import records", source))
    }

    /// Copies the write-ahead log back into the database as far as readers allow.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        checkpoint(&self.connection).map(drop)
    }

    /// Declares a span as whole, by hand.
    pub fn cover(&mut self, coverage: &CoverageRecord) -> Result<(), StoreError> {
        self.write([Record::Coverage(coverage.clone())], 0).map(|_| ())
    }

    /// Removes up to `most` interactions of which nothing is left since `before`; returns how many.
    pub fn expire_interactions(&mut self, before: Millis, most: u32) -> Result<usize, StoreError> {
        let mut expire = || {
            let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let removed = expire_interactions(&tx, before, most)?;
            tx.commit()?;
            Ok(removed)
        };
        expire().map_err(|source| StoreError::sql("remove old interactions", source))
    }

    /// Makes everything written so far durable.
    pub fn finish(self) -> Result<(), StoreError> {
        // The commit of a write syncs the log with all that is in it. A checkpoint alone does so only where it finds
        // something that no reader holds back.
        let synced = self
            .connection
            .execute_batch("pragma synchronous = full; update segment_changes set count = count");
        synced.map_err(|source| StoreError::sql("sync the import", source))?;
        self.checkpoint()
    }
}

pub(super) struct Chunk<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) statements: Statements<'a>,
    pub(super) names: &'a mut Names,
    pub(super) finder: &'a mut Finder,
    pub(super) touched: Touched,
    /// Interactions to be resolved once more: a segment that they claimed belongs to another.
    pub(super) again: Vec<i64>,
    pub(super) tally: Tally,
    pub(super) arrived: Millis,
    /// The least start of the rows that were written.
    pub(super) rows_from: Option<Millis>,
    /// What the next new interaction is called.
    pub(super) next_interaction: i64,
}

impl<'a> Chunk<'a> {
    pub(super) fn begin(
        tx: &'a Transaction<'a>,
        (names, finder, keys): (&'a mut Names, &'a mut Finder, &'a mut RowKeys),
        arrived: Millis,
    ) -> rusqlite::Result<Self> {
        finder.begin(tx)?;
        names.begin(tx)?;
        let next = "select next_interaction from segment_changes";
        let next_interaction = tx.prepare_cached(next)?.query_row([], |row| row.get(0))?;
        Ok(Self {
            tx,
            statements: Statements::prepare(tx, keys)?,
            names,
            finder,
            touched: Touched::default(),
            again: Vec::new(),
            tally: Tally::default(),
            arrived,
            rows_from: None,
            next_interaction,
        })
    }

    /// Notes which numbers of interactions have been given.
    pub(super) fn note_numbers(&self) -> rusqlite::Result<()> {
        self.tx
            .prepare_cached("update segment_changes set next_interaction = ?1 where next_interaction < ?1")?
            .execute([self.next_interaction])
            .map(drop)
    }
}

impl Chunk<'_> {
    pub(super) fn take(&mut self, record: &Record) -> rusqlite::Result<()> {
        match record {
            Record::Segment(segment) => {
                let account = self.account(segment.source.as_deref(), segment.account.as_deref())?;
                let agent_id = self.agent_of(segment, account)?;
                self.segment(segment, account, agent_id)
            }
            Record::Interaction(interaction) => {
                let account = self.account(interaction.source.as_deref(), interaction.account.as_deref())?;
                let at = self.touch(account, &interaction.id)?;
                let known = self.touched.interactions.get(at);
                let is_new = known.is_some_and(Interaction::is_unheard_of);
                let version = interaction.updated_at.unwrap_or(self.arrived);
                let changed = self.merge(at, &interaction.facts, version, interaction.updated_at.is_some());
                match (changed, is_new) {
                    (true, true) => self.tally.added += 1,
                    (true, false) => self.tally.changed += 1,
                    (false, _) => self.tally.unchanged += 1,
                }
                Ok(())
            }
            Record::Message(message) => self.message(message),
            Record::Agent(agent) => {
                let account = self.account(agent.source.as_deref(), agent.account.as_deref())?;
                let said = SaidAgent::of(agent, agent.updated_at.unwrap_or(self.arrived));
                match self.names.agent_record(self.tx, account, &said)? {
                    Took::New => self.tally.added += 1,
                    Took::Changed => self.tally.changed += 1,
                    Took::Known => self.tally.unchanged += 1,
                }
                Ok(())
            }
            Record::Account(account) => self.account_record(account),
            Record::AgentSession(session) => self.agent_session(session),
            Record::AgentState(state) => self.agent_state(state),
            Record::Offer(offer) => self.offer(offer),
            Record::ManualDial(dial) => self.manual_dial(dial),
            Record::Coverage(coverage) => self.coverage(coverage),
            Record::Format(_) => Ok(()),
        }
    }

    pub(super) fn account(&mut self, source: Option<&str>, account: Option<&str>) -> rusqlite::Result<i64> {
        self.names.account(self.tx, source, account)
    }

    /// The place of an interaction in the chunk; loaded or begun when it was not there yet.
    fn touch(&mut self, account_id: i64, key: &Text) -> rusqlite::Result<usize> {
        if let Some(at) = self.touched.place(account_id, key) {
            return Ok(at);
        }
        let interaction = match self.statements.load((self.finder, self.names), account_id, key)? {
            Some(interaction) => interaction,
            None => Interaction {
                interaction_id: 0,
                account_id,
                key: key.clone(),
                version: Millis::MIN,
                fields: InteractionFields::default(),
                folded: false,
                stored: None,
                places: String::new(),
                held: 0,
                segments: Vec::with_capacity(2),
            },
        };
        Ok(self.touched.add(interaction))
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
            interaction_end,
            uii,
            integration_source,
            ani,
            dnis,
            opened_by,
            email_subject
        );
        macro_rules! merge_lists {
            ($($field:ident),+) => {$(
                if !said.$field.is_empty()
                    && (newer || known.$field.is_empty())
                    && known.$field != said.$field
                {
                    known.$field.clone_from(&said.$field);
                    changed = true;
                }
            )+};
        }
        merge_lists!(session_tags, user_tags);
        // A dated record counts even when it says what was known: a later one with an older date must not undo it.
        if newer && (changed || (dated && *said != InteractionFields::default())) {
            interaction.version = version;
        }
        changed
    }

    /// The agent or bot that a segment names.
    fn agent_of(&mut self, record: &SegmentRecord, account: i64) -> rusqlite::Result<Option<i64>> {
        let version = record.updated_at.unwrap_or(self.arrived);
        match record.participant() {
            Participant::Agent | Participant::Bot => {
                self.names.agent(self.tx, account, &SaidAgent::in_segment(record, version))
            }
            Participant::Queue | Participant::External => Ok(None),
        }
    }

    /// Takes a segment whose account and agent are known already.
    pub(super) fn segment(
        &mut self,
        record: &SegmentRecord,
        account: i64,
        agent_id: Option<i64>,
    ) -> rusqlite::Result<()> {
        let version = record.updated_at.unwrap_or(self.arrived);
        let at = self.touch(account, &record.interaction_id)?;
        self.merge(at, &record.interaction, version, record.updated_at.is_some());
        let own = self.own(record, agent_id)?;
        if !self.touched.leave_home(account, &record.id, at, version) {
            self.tally.older += 1;
            return Ok(());
        }
        let Some(interaction) = self.touched.interactions.get_mut(at) else { return Ok(()) };
        // What a new segment says of its interaction is as new as itself, also when it was known.
        let says = if record.interaction == InteractionFields::default() { Millis::MIN } else { version };
        match interaction.segments.iter_mut().find(|known| known.key == record.id) {
            None => {
                let key = record.id.clone();
                interaction.segments.push(Segment { key, version, own, stored: None, sealed: None });
                interaction.version = interaction.version.max(says);
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
                interaction.version = interaction.version.max(says);
            }
        }
        Ok(())
    }

    fn message(&mut self, message: &MessageRecord) -> rusqlite::Result<()> {
        let account = self.account(message.source.as_deref(), message.account.as_deref())?;
        let at = self.touch(account, &message.interaction_id)?;
        let agent_id = match message.agent_id.as_deref() {
            None => None,
            Some(id) => self.names.agent(self.tx, account, &SaidAgent::by_id(id, self.arrived))?,
        };
        let Some(interaction) = self.touched.interactions.get_mut(at) else { return Ok(()) };
        if interaction.interaction_id == 0 || interaction.folded {
            // The message's row needs the interaction's; its fields follow when the chunk is settled.
            if interaction.interaction_id == 0 {
                interaction.interaction_id = self.next_interaction;
                self.next_interaction += 1;
            }
            self.statements.keys.add_interaction(account, &interaction.key);
            interaction::add_interaction(self.tx, interaction.interaction_id, account, &interaction.key)?;
            interaction.stored = Some(Box::new((InteractionFields::default(), None, Millis::MIN)));
            interaction.folded = false;
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
                "insert into message (interaction_id, record_id, account_id, at, sender, agent_id, public, seq, main)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) on conflict do nothing",
            )?
            .execute(params![
                interaction.interaction_id,
                message.id,
                account,
                message.at,
                sender,
                agent_id,
                message.audience == Audience::Public,
                message.seq,
                message.dialog == Dialog::Main
            ])?;
        if added == 0 {
            self.tally.unchanged += 1;
        } else {
            self.tally.added += 1;
        }
        Ok(())
    }
}
