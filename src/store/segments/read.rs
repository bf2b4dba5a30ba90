//! Batches out: one ordered pass over one snapshot, of rows and of blocks.

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Rows, Statement, params, params_from_iter};

use super::batches::Reading;
use super::conditions::{self, Condition, Test};
pub use super::filters::ReadError;
use super::filters::{self, direction_code};
use super::sealed::block::Block;
use super::sealed::scan::{self, By, Scan};
use super::sealed::{self, SealedError};
use super::{fields, wait};
use crate::domain::batch::{BATCH_ROWS, Batch, Field};
use crate::domain::record::Millis;
use crate::domain::report::{Filters, RowsBy, SegmentRows, SegmentSort};

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
    if query.is_sorted_by_sql() {
        // What is sorted otherwise than the blocks are is sorted by SQLite, which spills to disk: they are rows for it.
        connection.execute_batch("pragma query_only = off; pragma temp_store = file")?;
    }
    let snapshot = connection.unchecked_transaction()?;
    let sealed = scan::any(&snapshot)?;
    let own = query.source.map(|source| filters::of_source(&snapshot, source)).transpose()?;
    let mut all = vec![rows(query.rows)];
    all.extend(filters::of_segments(&snapshot, query.filters)?);
    all.extend(own);
    let by = query.by();
    let mut blocks = None;
    let mut table = "segment";
    if sealed && query.is_sorted_by_sql() {
        unseal(&snapshot, Scan::begin(&snapshot, by, query.period(), &all)?, &query.columns(&all))?;
        table = BOTH;
    } else if sealed {
        blocks = Some(Scan::begin(&snapshot, by, query.period(), &all)?);
    }
    let conditions = conditions::sql(&all);
    let from = source(query, table, &conditions);
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
    let ended_only = !query.in_progress && !query.rows.closed();
    let mut passing = Passing {
        rows: statement.query(params![query.start_ms, query.end_ms])?,
        blocks,
        reading: Reading::new(&snapshot, query.fields),
        counts: ReadCounts { newest_ms: newest(&snapshot)?, ..ReadCounts::default() },
        ended_only,
        any_order: query.is_in_any_order(),
    };
    let whole = passing.pass(sink)?;
    let mut counts = passing.counts;
    if !whole {
        return Ok(counts);
    }
    let count = |sql: &str| -> rusqlite::Result<u64> {
        let count: i64 = snapshot.query_row(sql, params![query.start_ms, query.end_ms], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    if query.limit.is_some() || 0 < query.offset {
        // A segment is a row or sealed: what SQLite counts table by table, it need not put together first.
        let tables: &[&str] = if table == "segment" { &["segment"] } else { &["main.segment", UNSEALED] };
        counts.fit = 0;
        for table in tables {
            counts.fit += count(&format!("select count(*) from {}", source(query, table, &conditions)))?;
        }
    }
    if query.rows_by == RowsBy::InteractionEnd && ended_only {
        let inside = "s.row_start >= ?1 and s.row_start < ?2 and s.ended_at is null";
        counts.left_out = count(&format!("select count(*) from segment s where {inside}{conditions}"))?;
        if sealed {
            all.push(Condition::all(vec![Test::null("ended_at")]));
            let mut open = Scan::begin(&snapshot, By::Start, query.period(), &all)?;
            while let Some((_, rows)) = open.next()? {
                counts.left_out += u64::try_from(rows.len()).unwrap_or(0);
            }
        }
    }
    Ok(counts)
}

impl SegmentQuery<'_> {
    fn period(&self) -> (Millis, Millis) {
        (self.start_ms, self.end_ms)
    }

    fn by(&self) -> By {
        match (self.rows.closed(), self.rows_by) {
            (true, _) => By::ClosedEnd,
            (false, RowsBy::Start) => By::Start,
            (false, RowsBy::InteractionEnd) => By::InteractionEnd,
        }
    }

    /// The columns that its statement names.
    fn columns(&self, conditions: &[Condition]) -> Vec<&'static str> {
        let own = LEADING.iter().chain(&wait::COLUMNS).filter_map(|column| column.strip_prefix("s."));
        let fields = self.fields.iter().filter_map(|field| fields::column_of(*field));
        let tested =
            conditions.iter().flat_map(|condition| condition.0.iter().flatten().map(|test| test.column));
        // Whatever else may be sorted by, or tells the rows of a period.
        let more = ["outcome", "end_at", "interaction_id", "interaction_key", "skill_id", "agent_group_id"];
        let mut columns: Vec<&str> = own.chain(fields).chain(tested).chain(more).collect();
        columns.extend(["last", "messages_sent", "channel_type", "leg"]);
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Whether it does not matter in which order the rows come.
    fn is_in_any_order(&self) -> bool {
        self.rows.closed() && self.sort == SegmentSort::Any
    }

    /// Whether the rows come in another order than that of their start, or not all of them are wanted.
    fn is_sorted_by_sql(&self) -> bool {
        let sorted = self.rows.closed() && !self.is_in_any_order();
        sorted || self.limit.is_some() || 0 < self.offset
    }
}

/// Rows and blocks, in order together.
struct Passing<'s, 'c> {
    rows: Rows<'s>,
    blocks: Option<Scan<'c>>,
    reading: Reading<'c>,
    counts: ReadCounts,
    /// Whether rows of interactions that go on are left out.
    ended_only: bool,
    any_order: bool,
}

impl Passing<'_, '_> {
    /// Passes everything on; false when it was not wanted to the end.
    fn pass(&mut self, sink: &mut dyn FnMut(Batch) -> bool) -> Result<bool, ReadError> {
        self.rows.advance()?;
        while self.any_order && self.rows.get().is_some() {
            if !self.take_row(sink)? {
                return Ok(false);
            }
        }
        loop {
            let blocks = self.blocks.as_mut();
            // From here on there are only blocks, of which it is known how early their rows can end.
            let ends_from = blocks.as_deref().map(Scan::least_to_come).filter(|_| self.any_order);
            let Some((block, mut wanted)) = blocks.map(Scan::next).transpose()?.flatten() else { break };
            self.reading.batch.ends_from = ends_from;
            if self.ended_only {
                let all = wanted.len();
                let ended = block.numbers(sealed::at::ENDED)?;
                wanted.retain(|row| crate::domain::batch::known(ended, *row).is_some());
                self.counts.left_out += u64::try_from(all - wanted.len()).unwrap_or(0);
            }
            let mut rest = &wanted[..];
            while !rest.is_empty() {
                // As far as no row comes before.
                let run = match self.rows.get() {
                    None => rest.len(),
                    Some(row) => before(&block, rest, row)?,
                };
                let (own, behind) = rest.split_at_checked(run).unwrap_or((rest, &[]));
                if !self.take_sealed(&block, own, sink)? {
                    return Ok(false);
                }
                rest = behind;
                if !rest.is_empty() && !self.take_row(sink)? {
                    return Ok(false);
                }
            }
        }
        while self.rows.get().is_some() {
            if !self.take_row(sink)? {
                return Ok(false);
            }
        }
        if 0 < self.reading.batch.rows {
            sink(self.reading.take());
        }
        Ok(true)
    }

    fn take_sealed(
        &mut self,
        block: &Block,
        mut rows: &[usize],
        sink: &mut dyn FnMut(Batch) -> bool,
    ) -> Result<bool, ReadError> {
        while !rows.is_empty() {
            let room = BATCH_ROWS - self.reading.batch.rows;
            let (own, behind) = rows.split_at_checked(room).unwrap_or((rows, &[]));
            self.reading.push_sealed(block, own)?;
            self.counts.fit += u64::try_from(own.len()).unwrap_or(0);
            rows = behind;
            if !self.hand_over(sink) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take_row(&mut self, sink: &mut dyn FnMut(Batch) -> bool) -> Result<bool, ReadError> {
        let Some(row) = self.rows.get() else { return Ok(true) };
        if self.ended_only && row.get_ref(0)? == ValueRef::Null {
            self.counts.left_out += 1;
        } else {
            self.reading.push(row)?;
            self.counts.fit += 1;
        }
        self.rows.advance()?;
        Ok(self.hand_over(sink))
    }

    /// Hands the batch over when it is full; false when no more is wanted.
    fn hand_over(&mut self, sink: &mut dyn FnMut(Batch) -> bool) -> bool {
        if self.reading.batch.rows < BATCH_ROWS {
            return true;
        }
        sink(self.reading.take())
    }
}

/// How many of a block's rows come before a row.
fn before(block: &Block, rows: &[usize], row: &Row<'_>) -> Result<usize, ReadError> {
    let start: Millis = row.get(ROW_START)?;
    let starts = block.numbers(sealed::at::ROW_START)?;
    if rows.last().is_some_and(|last| starts.get(*last).is_some_and(|at| *at < start)) {
        return Ok(rows.len());
    }
    let own = (start, row.get_ref(ROW_START + 1)?.as_str().unwrap_or_default(), row.get::<_, i64>(ACCOUNT)?);
    let mut run = 0;
    for at in rows {
        let key = block.text(sealed::at::RECORD_ID, *at)?.unwrap_or_default();
        let account = block.number(sealed::at::ACCOUNT, *at)?;
        if own <= (starts.get(*at).copied().unwrap_or(Millis::MIN), key, account.unwrap_or(0)) {
            break;
        }
        run += 1;
    }
    Ok(run)
}

/// Copies columns of sealed rows into a table of this connection, under the names of `segment`.
fn unseal(connection: &Connection, mut scan: Scan<'_>, columns: &[&'static str]) -> Result<(), ReadError> {
    connection.execute_batch(
        "drop table if exists temp.unsealed;
         create temp table unsealed as select * from main.segment where 0",
    )?;
    let marks: Vec<String> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
    let sql = format!("insert into temp.unsealed ({}) values ({})", columns.join(", "), marks.join(", "));
    let places: Vec<usize> =
        columns.iter().map(|column| sealed::place(column).unwrap_or(usize::MAX)).collect();
    let mut insert: Statement<'_> = connection.prepare(&sql)?;
    while let Some((block, rows)) = scan.next()? {
        for row in rows {
            let values = places.iter().map(|column| block.value(*column, row));
            insert.execute(params_from_iter(values.collect::<Result<Vec<_>, SealedError>>()?))?;
        }
    }
    Ok(())
}

/// What reading needs of every row, before the fields.
pub(super) const LEADING: [&str; 7] = [
    "s.ended_at",
    "s.participant",
    "s.agent_id",
    "s.in_by_agent",
    "s.account_id",
    "s.row_start",
    "s.record_id",
];
/// Places among them; the id stands behind the start.
const ACCOUNT: usize = 4;
const ROW_START: usize = 5;

fn rows(rows: SegmentRows) -> Condition {
    match rows {
        SegmentRows::All => Condition::any_of(&["participant"], &[1, 2, 3]),
        SegmentRows::Legs(direction) => {
            let mut tests = wait::is_leg();
            tests.push(Test::one_of("direction", vec![direction_code(direction)]));
            Condition::all(tests)
        }
        SegmentRows::ClosedOfPeople => {
            let mut of_people = filters::of_user_types(&[1]);
            of_people.require(&Test::one_of("participant", vec![1, 3]));
            of_people
        }
        SegmentRows::ClosedMessaging => {
            let mut messaging = filters::of_user_types(&[1, 2]);
            messaging.require(&Test::one_of("participant", vec![1, 3]));
            // 2 is SMS, 4 chat.
            messaging.require(&Test::one_of("channel_type", vec![2, 4]));
            messaging
        }
    }
}

/// Rows, and sealed ones that were copied.
const BOTH: &str = "(select * from main.segment union all select * from temp.unsealed)";
const UNSEALED: &str = "temp.unsealed";

fn source(query: &SegmentQuery<'_>, table: &str, conditions: &str) -> String {
    if query.rows.closed() {
        return format!(
            "{table} s where s.outcome is not null and s.end_at >= ?1 and s.end_at < ?2{conditions}"
        );
    }
    match query.rows_by {
        RowsBy::Start => format!("{table} s where s.row_start >= ?1 and s.row_start < ?2{conditions}"),
        RowsBy::InteractionEnd => {
            // The cross joins fix the order: interactions of the period first, then their rows.
            let of_rows = "interaction i cross join json_each(i.segments) j
                           cross join main.segment s on s.row_start = j.value ->> 0 and s.record_id = j.value ->> 1
                                and s.account_id = i.account_id and s.interaction_id = i.interaction_id
                           where i.ended_at >= ?1 and i.ended_at < ?2";
            // A sealed one's interaction may be folded; what was copied is of the period anyway.
            let copied = "temp.unsealed s where s.ended_at >= ?1 and s.ended_at < ?2";
            match table {
                UNSEALED => format!("{copied}{conditions}"),
                BOTH => format!(
                    "(select s.* from {of_rows} union all select s.* from {copied}) s where true{conditions}"
                ),
                _ => format!("{of_rows}{conditions}"),
            }
        }
    }
}

fn order(query: &SegmentQuery<'_>) -> String {
    if query.is_in_any_order() {
        return String::new();
    }
    if !query.rows.closed() {
        return " order by s.row_start, s.record_id, s.account_id".to_owned();
    }
    let of_agent = |column| format!("(select {column} from agent a where a.agent_id = s.agent_id)");
    let of_term = |column: &str| format!("(select text from term t where t.term_id = {column})");
    let key = match query.sort {
        SegmentSort::Date | SegmentSort::Any => None,
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

/// The start of the newest row.
pub(super) const NEWEST: &str = "
    select max(at) from (
        select max(row_start) as at from segment
        union all select * from (select last_start from segment_block order by first_start desc limit 1))";

fn newest(connection: &Connection) -> rusqlite::Result<Option<Millis>> {
    connection.query_row(NEWEST, [], |row| row.get(0))
}

/// The segment's version, for tests and repairs: `None` when the store has none of this key.
pub fn version_of(connection: &Connection, record_id: &str) -> rusqlite::Result<Option<Millis>> {
    connection
        .query_row("select version from segment where record_id = ?1", [record_id], |row| row.get(0))
        .optional()
}
