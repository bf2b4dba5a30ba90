//! Batches out: one ordered pass over one snapshot.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codes::Codes;
pub use super::filters::ReadError;
use super::filters::{self, USER_TYPE, direction_code};
use super::{fields, wait};
use crate::domain::batch::{BATCH_ROWS, Batch, Data, Field, FieldKind, NONE};
use crate::domain::record::Millis;
use crate::domain::report::{Filters, RowsBy, SegmentRows, SegmentSort};

/// Rows of the first batch: whoever waits for the first bytes does not wait for a whole one.
const FIRST_ROWS: usize = 1_024;

/// Which segments a report wants.
#[derive(Debug, Clone, Copy)]
pub struct SegmentQuery<'a> {
    /// First instant inside, UTC milliseconds.
    pub start_ms: Millis,
    /// First instant outside.
    pub end_ms: Millis,
    /// Which segments are rows at all.
    pub rows: SegmentRows,
    /// What puts a row into the period; closed segments belong by their end, whatever is said here.
    pub rows_by: RowsBy,
    /// Whether rows of interactions that have not ended are there, too.
    pub in_progress: bool,
    /// Which rows are there.
    pub filters: &'a Filters,
    /// Only rows of this source; of all where there is none.
    pub source: Option<&'a str>,
    /// What the batches hold.
    pub fields: &'a [Field],
    /// The order of closed segments.
    pub sort: SegmentSort,
    /// Rows at the most.
    pub limit: Option<u64>,
    /// Rows left out before the first.
    pub offset: u64,
}

/// What a reading counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Rows of the period left out because their interaction had not ended.
    pub left_out: u64,
    /// Rows before limit and offset.
    pub fit: u64,
    /// Start of the store's newest row, UTC milliseconds.
    pub newest_ms: Option<Millis>,
}

/// Reads the wanted segments in report order and hands them out in batches until `sink` says no.
pub fn read(
    connection: &Connection,
    query: &SegmentQuery<'_>,
    sink: &mut dyn FnMut(Batch) -> bool,
) -> Result<ReadCounts, ReadError> {
    let snapshot = connection.unchecked_transaction()?;
    let own = query.source.map(|source| filters::of_source(&snapshot, source)).transpose()?;
    let own = own.unwrap_or_default();
    let filters = filters::of_segments(&snapshot, query.filters)?;
    let conditions = format!("{}{filters}{own}", rows(query.rows));
    let from = source(query, &conditions);
    let columns = query.fields.iter().map(|field| fields::of_segment(*field).unwrap_or("null"));
    let waits = query.fields.contains(&Field::AgentWaitMs);
    let behind = wait::COLUMNS.into_iter().filter(|_| waits);
    let columns: Vec<&str> = LEADING.into_iter().chain(columns).chain(behind).collect();
    let limit = query.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let sql = format!(
        "select {} from {from}{} limit {limit} offset {}",
        columns.join(", "),
        order(query),
        query.offset
    );
    let mut statement = snapshot.prepare(&sql)?;
    let mut rows = statement.query(params![query.start_ms, query.end_ms])?;
    let mut reading = Reading::new(&snapshot, query.fields);
    let mut counts = ReadCounts { newest_ms: newest(&snapshot)?, ..ReadCounts::default() };
    let ended_only = !query.in_progress && !query.rows.closed();
    let mut first = true;
    while let Some(row) = rows.next()? {
        if ended_only && row.get_ref(0)? == ValueRef::Null {
            counts.left_out += 1;
            continue;
        }
        reading.push(row)?;
        counts.fit += 1;
        let enough = if first { FIRST_ROWS } else { BATCH_ROWS };
        if enough <= reading.batch.rows {
            first = false;
            if !sink(reading.take()) {
                return Ok(counts);
            }
        }
    }
    if 0 < reading.batch.rows {
        sink(reading.take());
    }
    let count = |sql: &str| -> rusqlite::Result<u64> {
        let count: i64 = snapshot.query_row(sql, params![query.start_ms, query.end_ms], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    if query.limit.is_some() || 0 < query.offset {
        counts.fit = count(&format!("select count(*) from {from}"))?;
    }
    if query.rows_by == RowsBy::InteractionEnd && ended_only {
        let inside = "s.row_start >= ?1 and s.row_start < ?2 and s.ended_at is null";
        counts.left_out = count(&format!("select count(*) from segment s where {inside}{conditions}"))?;
    }
    Ok(counts)
}

/// What reading needs of every row, before the fields.
const LEADING: [&str; 5] = ["s.ended_at", "s.participant", "s.agent_id", "s.in_by_agent", "s.account_id"];

fn rows(rows: SegmentRows) -> String {
    match rows {
        SegmentRows::All => " and s.participant in (1, 2, 3)".to_owned(),
        SegmentRows::Legs(direction) => {
            format!(" and {} and s.direction = {}", wait::LEG, direction_code(direction))
        }
        SegmentRows::ClosedOfPeople => format!(" and s.participant in (1, 3) and {USER_TYPE} = 1"),
        // 2 is SMS, 4 chat.
        SegmentRows::ClosedMessaging => {
            format!(" and s.participant in (1, 3) and {USER_TYPE} in (1, 2) and s.channel_type in (2, 4)")
        }
    }
}

fn source(query: &SegmentQuery<'_>, conditions: &str) -> String {
    if query.rows.closed() {
        return format!(
            "segment s where s.outcome is not null and s.end_at >= ?1 and s.end_at < ?2{conditions}"
        );
    }
    match query.rows_by {
        RowsBy::Start => format!("segment s where s.row_start >= ?1 and s.row_start < ?2{conditions}"),
        // The cross joins fix the order: interactions of the period first, then their rows.
        RowsBy::InteractionEnd => format!(
            "interaction i cross join json_each(i.segments) j
             cross join segment s on s.row_start = j.value ->> 0 and s.record_id = j.value ->> 1
                  and s.account_id = i.account_id and s.interaction_id = i.interaction_id
             where i.ended_at >= ?1 and i.ended_at < ?2{conditions}"
        ),
    }
}

fn order(query: &SegmentQuery<'_>) -> String {
    if !query.rows.closed() {
        return " order by s.row_start, s.record_id, s.account_id".to_owned();
    }
    let of_agent = |column| format!("(select {column} from agent a where a.agent_id = s.agent_id)");
    let of_term = |column: &str| format!("(select text from term t where t.term_id = {column})");
    let key = match query.sort {
        SegmentSort::Date => None,
        SegmentSort::Conversation => Some("s.interaction_key".to_owned()),
        SegmentSort::Agent => Some(of_agent("a.record_id")),
        SegmentSort::Employee => Some(of_agent("a.employee_id")),
        SegmentSort::Skill => Some(of_term("s.skill_id")),
        SegmentSort::Group => {
            Some(of_term(&format!("coalesce(s.agent_group_id, {})", of_agent("a.agent_group_id"))))
        }
    };
    let key = key.map_or_else(String::new, |key| format!("coalesce({key}, ''), "));
    format!(" order by {key}s.end_at desc, s.record_id, s.account_id")
}

fn newest(connection: &Connection) -> rusqlite::Result<Option<Millis>> {
    connection.query_row("select max(row_start) from segment", [], |row| row.get(0))
}

/// A batch while it fills.
struct Reading<'c> {
    connection: &'c Connection,
    fields: &'c [Field],
    codes: Codes<'c>,
    /// Whether a field needs the row's agent.
    agents: bool,
    batch: Batch,
}

impl<'c> Reading<'c> {
    fn new(connection: &'c Connection, fields: &'c [Field]) -> Self {
        let of_agents = [Field::Agent, Field::AgentGroup, Field::AgentGroupId];
        Self {
            connection,
            fields,
            codes: Codes::new(connection),
            agents: fields.iter().any(|field| of_agents.contains(field)),
            batch: Batch::of(fields),
        }
    }

    fn take(&mut self) -> Batch {
        std::mem::replace(&mut self.batch, Batch::of(self.fields))
    }

    fn push(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let bot = row.get::<_, i64>(1)? == 3;
        let agent =
            if self.agents { Some(self.codes.agent(&mut self.batch, row.get(2)?, bot)?) } else { None };
        for (place, field) in self.fields.iter().enumerate() {
            let at = LEADING.len() + place;
            match field.kind() {
                FieldKind::Text => {
                    if let Some(Data::Text(texts)) = self.batch.column_mut(place) {
                        texts.push(text(row, at)?);
                    }
                }
                FieldKind::Number => {
                    let mut number: Option<i64> = row.get(at)?;
                    if number.is_none() && *field == Field::AgentWaitMs {
                        number = wait::computed(self.connection, row, LEADING.len() + self.fields.len())?;
                    }
                    if let Some(Data::Number(numbers)) = self.batch.column_mut(place) {
                        numbers.push(number.unwrap_or(NONE));
                    }
                }
                FieldKind::Term | FieldKind::Agent => {
                    let (batch, codes) = (&mut self.batch, &mut self.codes);
                    let code = match (field, agent) {
                        (Field::Agent, Some(agent)) => agent.code,
                        (Field::AgentGroup, Some(agent)) => {
                            let said: Option<i64> = row.get(at)?;
                            codes.term(batch, said.or(agent.group))?
                        }
                        (Field::AgentGroupId, Some(agent)) => {
                            let said: Option<i64> = row.get(at)?;
                            codes.term(batch, said.or(agent.group_id))?
                        }
                        (Field::Account, _) => codes.account(batch, row.get(at)?)?[0],
                        (Field::Source, _) => codes.account(batch, row.get(at)?)?[1],
                        (Field::TransferredInBy, _) => match row.get(3)? {
                            Some(agent_id) => codes.agent_term(batch, agent_id)?,
                            None => codes.term(batch, row.get(at)?)?,
                        },
                        _ => codes.term(batch, row.get(at)?)?,
                    };
                    if let Some(Data::Code(column)) = self.batch.column_mut(place) {
                        column.push(code);
                    }
                }
            }
        }
        self.batch.rows += 1;
        Ok(())
    }
}

/// A text; blank where there is none.
fn text<'r>(row: &'r Row<'_>, at: usize) -> rusqlite::Result<&'r str> {
    Ok(match row.get_ref(at)? {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).unwrap_or(""),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => "",
    })
}

/// The segment's version, for tests and repairs: `None` when the store has none of this key.
pub fn version_of(connection: &Connection, record_id: &str) -> rusqlite::Result<Option<Millis>> {
    connection
        .query_row("select version from segment where record_id = ?1", [record_id], |row| row.get(0))
        .optional()
}
