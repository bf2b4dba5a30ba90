//! Batches out: one ordered pass over one snapshot.

use std::collections::HashMap;
use std::fmt::Write;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::row::participant;
use crate::domain::definition::{Direction, Filters, RowsBy};
use crate::domain::record::{Millis, Participant};
use crate::domain::segment::{AgentNames, BATCH_ROWS, BLANK, BOT, Code, NONE, SegmentBatch};

/// Which segments a report wants.
#[derive(Debug, Clone, Copy)]
pub struct SegmentQuery<'a> {
    /// First instant inside, UTC milliseconds.
    pub start_ms: Millis,
    /// First instant outside.
    pub end_ms: Millis,
    /// What puts a row into the period.
    pub rows_by: RowsBy,
    /// Which rows are there.
    pub filters: &'a Filters,
}

/// What a reading counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Rows of the period left out because their interaction had not ended.
    pub left_out: u64,
    /// Start of the store's newest row, UTC milliseconds.
    pub newest_ms: Option<Millis>,
}

/// Reads the wanted segments of ended interactions in report order and hands them out in batches until `sink` says no.
pub fn read(
    connection: &Connection,
    query: &SegmentQuery<'_>,
    sink: &mut dyn FnMut(SegmentBatch) -> bool,
) -> rusqlite::Result<ReadCounts> {
    let snapshot = connection.unchecked_transaction()?;
    let conditions = conditions(&snapshot, query.filters)?;
    let from = match query.rows_by {
        RowsBy::Start => format!("segment s where s.row_start >= ?1 and s.row_start < ?2{conditions}"),
        // The cross joins fix the order: interactions of the period first, then their rows.
        RowsBy::InteractionEnd => format!(
            "interaction i cross join json_each(i.segments) j
             cross join segment s on s.row_start = j.value ->> 0 and s.record_id = j.value ->> 1
                  and s.account_id = i.account_id and s.interaction_id = i.interaction_id
             where i.ended_at >= ?1 and i.ended_at < ?2{conditions}"
        ),
    };
    let sql = format!("select {COLUMNS} from {from} order by s.row_start, s.record_id, s.account_id");
    let mut statement = snapshot.prepare(&sql)?;
    let mut rows = statement.query(params![query.start_ms, query.end_ms])?;
    let mut reading = Reading::new(&snapshot);
    let mut counts = ReadCounts { left_out: 0, newest_ms: newest(&snapshot)? };
    while let Some(row) = rows.next()? {
        if row.get_ref(0)? == ValueRef::Null {
            counts.left_out += 1;
            continue;
        }
        reading.push(row)?;
        if BATCH_ROWS <= reading.batch.rows && !sink(reading.take()) {
            return Ok(counts);
        }
    }
    if 0 < reading.batch.rows {
        sink(reading.take());
    }
    if query.rows_by == RowsBy::InteractionEnd {
        let sql = format!(
            "select count(*) from segment s where s.row_start >= ?1 and s.row_start < ?2 and s.ended_at is null{conditions}"
        );
        let count: i64 = snapshot.query_row(&sql, params![query.start_ms, query.end_ms], |row| row.get(0))?;
        counts.left_out = u64::try_from(count).unwrap_or(0);
    }
    Ok(counts)
}

fn newest(connection: &Connection) -> rusqlite::Result<Option<Millis>> {
    connection.query_row("select max(row_start) from segment", [], |row| row.get(0))
}

const COLUMNS: &str = "
    s.ended_at, s.interaction_key, s.record_id, s.customer, s.participant, s.last, s.direction, s.channel, s.support,
    s.queue, s.queue_entry, s.queue_exit, s.agent_id, s.start_at, s.end_at, s.talk_ms, s.hold_mute_ms, s.snooze_ms,
    s.first_response_ms, s.consultants, s.joined_users, s.skills, s.in_by, s.in_status, s.status, s.reason,
    s.disconnecting_event, s.in_by_agent";

/// Codes of the database → dense codes of this report, given out in the order of first sight.
struct Reading<'c> {
    connection: &'c Connection,
    terms: HashMap<i64, Code>,
    agents: HashMap<i64, Code>,
    /// Agents as terms: how one is named in `Transferred In By`.
    agent_terms: HashMap<i64, Code>,
    directions: [Code; 2],
    next_term: Code,
    next_agent: Code,
    batch: SegmentBatch,
}

impl<'c> Reading<'c> {
    fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            terms: HashMap::new(),
            agents: HashMap::new(),
            agent_terms: HashMap::new(),
            directions: [BLANK; 2],
            next_term: 1,
            next_agent: BOT + 1,
            batch: SegmentBatch::default(),
        }
    }

    fn take(&mut self) -> SegmentBatch {
        std::mem::take(&mut self.batch)
    }

    fn push(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let text = |column| match row.get_ref(column)? {
            ValueRef::Text(bytes) => Ok(std::str::from_utf8(bytes).unwrap_or("")),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => {
                Ok::<_, rusqlite::Error>("")
            }
        };
        let who = participant(row.get(4)?);
        self.batch.interaction_id.push(text(1)?);
        self.batch.segment_id.push(text(2)?);
        self.batch.customer.push(text(3)?);
        self.batch.participant.push(who);
        self.batch.last.push(row.get(5)?);
        let direction = self.direction(row.get(6)?);
        self.batch.direction.push(direction);
        let agent = if who == Participant::Bot { BOT } else { self.agent(row.get(12)?)? };
        self.batch.agent.push(agent);
        let mut codes = [BLANK; 11];
        let transferred_by: Option<i64> = row.get(27)?;
        for (slot, column) in codes.iter_mut().zip([7, 8, 9, 19, 20, 21, 22, 23, 24, 25, 26]) {
            *slot = match transferred_by {
                Some(agent_id) if column == 22 => self.agent_term(agent_id)?,
                _ => self.term(row.get(column)?)?,
            };
        }
        let batch = &mut self.batch;
        let columns = [
            &mut batch.channel,
            &mut batch.support,
            &mut batch.queue,
            &mut batch.consultants,
            &mut batch.joined_users,
            &mut batch.skills,
            &mut batch.transferred_in_by,
            &mut batch.transferred_in_status,
            &mut batch.status,
            &mut batch.reason,
            &mut batch.disconnecting_event,
        ];
        for (column, code) in columns.into_iter().zip(codes) {
            column.push(code);
        }
        let times = [
            &mut batch.queue_entry,
            &mut batch.queue_exit,
            &mut batch.start,
            &mut batch.end,
            &mut batch.talk_ms,
            &mut batch.hold_mute_ms,
            &mut batch.snooze_ms,
            &mut batch.first_response_ms,
        ];
        for (column, from) in times.into_iter().zip([10, 11, 13, 14, 15, 16, 17, 18]) {
            column.push(row.get::<_, Option<Millis>>(from)?.unwrap_or(NONE));
        }
        batch.rows += 1;
        Ok(())
    }

    fn direction(&mut self, code: Option<i64>) -> Code {
        let (slot, direction) = match code {
            Some(1) => (0, Direction::Inbound),
            Some(2) => (1, Direction::Outbound),
            _ => return BLANK,
        };
        if self.directions.get(slot) == Some(&BLANK) {
            let code = self.fresh_term(direction.name().into());
            if let Some(known) = self.directions.get_mut(slot) {
                *known = code;
            }
        }
        self.directions.get(slot).copied().unwrap_or(BLANK)
    }

    fn fresh_term(&mut self, text: Box<str>) -> Code {
        self.batch.fresh_terms.push(text);
        self.next_term += 1;
        self.next_term - 1
    }

    fn term(&mut self, term_id: Option<i64>) -> rusqlite::Result<Code> {
        let Some(term_id) = term_id else { return Ok(BLANK) };
        if let Some(code) = self.terms.get(&term_id) {
            return Ok(*code);
        }
        let text: String = self
            .connection
            .prepare_cached("select text from term where term_id = ?1")?
            .query_row([term_id], |row| row.get(0))?;
        let code = self.fresh_term(text.into());
        self.terms.insert(term_id, code);
        Ok(code)
    }

    /// How an agent who transferred is named: the mail address, else the name, else the id.
    fn agent_term(&mut self, agent_id: i64) -> rusqlite::Result<Code> {
        if let Some(code) = self.agent_terms.get(&agent_id) {
            return Ok(*code);
        }
        let text: String = self
            .connection
            .prepare_cached("select coalesce(email, name, record_id) from agent where agent_id = ?1")?
            .query_row([agent_id], |row| row.get(0))?;
        let code = self.fresh_term(text.into());
        self.agent_terms.insert(agent_id, code);
        Ok(code)
    }

    fn agent(&mut self, agent_id: Option<i64>) -> rusqlite::Result<Code> {
        let Some(agent_id) = agent_id else { return Ok(BLANK) };
        if let Some(code) = self.agents.get(&agent_id) {
            return Ok(*code);
        }
        // An agent whose name was never said is shown by address or id: a blank would read as nobody.
        let names = self
            .connection
            .prepare_cached(
                "select coalesce(name, email, record_id), coalesce(custom_name, ''), coalesce(email, '')
                 from agent where agent_id = ?1",
            )?
            .query_row([agent_id], |row| {
                Ok(AgentNames { name: row.get(0)?, custom_name: row.get(1)?, email: row.get(2)? })
            })?;
        self.batch.fresh_agents.push(names);
        let code = self.next_agent;
        self.next_agent += 1;
        self.agents.insert(agent_id, code);
        Ok(code)
    }
}

/// The filters as conditions over codes. A value that the store has never seen lets nothing pass.
fn conditions(connection: &Connection, filters: &Filters) -> rusqlite::Result<String> {
    let mut sql = String::new();
    let term = "select term_id from term where text = ?1";
    let skill = "select term_id from term where instr('|' || text || '|', '|' || ?1 || '|') > 0";
    let agent = "select agent_id from agent where lower(email) = lower(?1) or name = ?1 or record_id = ?1";
    let lists = [
        ("queue", term, &filters.queues),
        ("channel", term, &filters.channels),
        ("skills", skill, &filters.skills),
        ("status", term, &filters.statuses),
        ("disposition", term, &filters.dispositions),
        ("agent_id", agent, &filters.agents),
    ];
    for (column, look_up, values) in lists {
        if values.is_empty() {
            continue;
        }
        let mut codes: Vec<String> = Vec::new();
        for value in values {
            let mut statement = connection.prepare_cached(look_up)?;
            let found = statement.query_map([value], |row| row.get::<_, i64>(0))?;
            for code in found {
                codes.push(code?.to_string());
            }
        }
        // Codes are our own integers, so they can stand in the text; no user's text does.
        write!(sql, " and s.{column} in ({})", codes.join(",")).unwrap_or_default();
    }
    if let Some(direction) = filters.direction {
        let code = match direction {
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        write!(sql, " and s.direction = {code}").unwrap_or_default();
    }
    Ok(sql)
}

/// The segment's version, for tests and repairs: `None` when the store has none of this key.
pub fn version_of(connection: &Connection, record_id: &str) -> rusqlite::Result<Option<Millis>> {
    connection
        .query_row("select version from segment where record_id = ?1", [record_id], |row| row.get(0))
        .optional()
}
