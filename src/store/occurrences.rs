//! Table `occurrence`, and `schedule.next_at`: what is planned, due and skipped.
//!
//! Invariant: an instant before a schedule's `next_at` and after the definition's beginning has a row here, or lies in
//! a span of `unplanned`.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{instant, optional_instant};
use crate::domain::period::Period;
use crate::domain::text::stamp;

/// A schedule whose next instant lies in the window that is being planned.
#[derive(Debug, Clone)]
pub struct DueSchedule {
    /// The definition.
    pub definition_id: i64,
    /// Which of its schedules.
    pub ordinal: i64,
    /// The first instant that is not planned yet.
    pub next_at: Timestamp,
    /// The version in force.
    pub version_id: i64,
}

/// Up to `most` schedules with an instant before `until` that stand behind `after`, the earliest first.
pub fn schedules_before(
    connection: &Connection,
    after: Option<&DueSchedule>,
    until: Timestamp,
    most: u32,
) -> rusqlite::Result<Vec<DueSchedule>> {
    let mut statement = connection.prepare_cached(
        "select s.definition_id, s.ordinal, s.next_at, d.version_id
         from schedule s join definition d using (definition_id)
         where s.next_at < ?1 and d.state = 'active' and (s.next_at, s.definition_id, s.ordinal) > (?3, ?4, ?5)
         order by s.next_at, s.definition_id, s.ordinal limit ?2",
    )?;
    let (at, definition_id, ordinal) =
        after.map_or((String::new(), 0, 0), |last| (stamp(last.next_at), last.definition_id, last.ordinal));
    let due = |row: &Row<'_>| {
        Ok(DueSchedule {
            definition_id: row.get(0)?,
            ordinal: row.get(1)?,
            next_at: instant(row, 2)?,
            version_id: row.get(3)?,
        })
    };
    statement.query_map(params![stamp(until), most, at, definition_id, ordinal], due)?.collect()
}

/// Definition, version and instant of schedules whose next instant stands behind an instant and definition and lies
/// before `to`, the earliest first.
pub fn next_behind(
    connection: &Connection,
    behind: (Timestamp, i64),
    to: Timestamp,
    most: u32,
) -> rusqlite::Result<Vec<(i64, i64, Timestamp)>> {
    let mut statement = connection.prepare_cached(
        "select s.definition_id, d.version_id, s.next_at from schedule s join definition d using (definition_id)
         where s.next_at >= ?1 and s.next_at < ?3 and (s.next_at, s.definition_id) > (?1, ?2) and d.state = 'active'
         order by s.next_at, s.definition_id limit ?4",
    )?;
    let each = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, instant(row, 2)?));
    statement.query_map(params![stamp(behind.0), behind.1, stamp(to), most], each)?.collect()
}

/// An occurrence to be planned.
#[derive(Debug, Clone)]
pub struct NewOccurrence {
    /// The definition.
    pub definition_id: i64,
    /// The version that it will use unless the definition changes before it is due.
    pub version_id: i64,
    /// Which schedule names it; `None` for a run by hand.
    pub ordinal: Option<i64>,
    /// The instant.
    pub nominal_at: Timestamp,
    /// When it falls due.
    pub due_at: Timestamp,
    /// The period of data.
    pub period: Period,
    /// The rule that skips it already now.
    pub skipped: Option<&'static str>,
}

/// What one schedule contributes to a plan.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The schedule as it was read.
    pub schedule: DueSchedule,
    /// Its occurrences in the window.
    pub occurrences: Vec<NewOccurrence>,
    /// Instants too many to list one by one: a span and its end.
    pub passed_over: Option<(Timestamp, Timestamp)>,
    /// Its first instant behind the window.
    pub next_at: Option<Timestamp>,
}

/// Writes a plan. A schedule that changed since it was read is left to the next round.
pub fn plan(
    tx: &Transaction<'_>,
    plan: &[Planned],
    zone_data_id: Option<i64>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut advance = tx.prepare_cached(
        "update schedule set next_at = ?4, idle = ?6, zone_data_id = ?7
         where definition_id = ?1 and ordinal = ?2 and next_at = ?3
           and (select version_id from definition d where d.definition_id = ?1) = ?5",
    )?;
    // Where two schedules meet, the one that no blackout silences wins.
    let mut insert = tx.prepare_cached(
        "insert into occurrence (definition_id, version_id, nominal_at, due_at, manual, ordinal, period_start, period_end,
                                 state, rule, ended_at)
         values (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10)
         on conflict (definition_id, nominal_at) do update
         set state = excluded.state, rule = null, ended_at = null, ordinal = excluded.ordinal, due_at = excluded.due_at,
             version_id = excluded.version_id, period_start = excluded.period_start, period_end = excluded.period_end
         where state = 'skipped' and rule = 'blackout' and excluded.state = 'planned'",
    )?;
    for planned in plan {
        let schedule = &planned.schedule;
        let advanced = advance.execute(params![
            schedule.definition_id,
            schedule.ordinal,
            stamp(schedule.next_at),
            planned.next_at.map(stamp),
            schedule.version_id,
            planned.next_at.is_none().then_some("ended"),
            zone_data_id,
        ])?;
        if advanced == 0 {
            continue;
        }
        if let Some((from, to)) = planned.passed_over {
            tx.execute(
                "insert into unplanned (definition_id, rule, from_at, to_at) values (?1, 'missed', ?2, ?3)",
                params![schedule.definition_id, stamp(from), stamp(to)],
            )?;
        }
        for new in &planned.occurrences {
            insert.execute(params![
                new.definition_id,
                new.version_id,
                stamp(new.nominal_at),
                stamp(new.due_at),
                new.ordinal,
                stamp(new.period.start),
                stamp(new.period.end),
                if new.skipped.is_some() { "skipped" } else { "planned" },
                new.skipped,
                new.skipped.map(|_| stamp(now)),
            ])?;
        }
    }
    Ok(())
}

/// What a person asked for by hand.
#[derive(Debug, Clone)]
pub struct ManualRequest {
    /// The occurrence: nominal is the instant of the request.
    pub occurrence: NewOccurrence,
    /// Whether the period was chosen by hand.
    pub other_period: bool,
    /// Whether deliveries are made.
    pub send: bool,
    /// An address that replaces the definition's destinations.
    pub send_to: Option<String>,
}

/// Plans a run by hand. One place per definition: while another waits, that one's id is returned as the error.
pub fn request(tx: &Transaction<'_>, request: &ManualRequest) -> rusqlite::Result<Result<i64, i64>> {
    let new = &request.occurrence;
    let waiting: Option<i64> = tx
        .query_row(
            "select occurrence_id from occurrence
             where definition_id = ?1 and manual = 1 and state in ('planned', 'due')",
            [new.definition_id],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(occurrence_id) = waiting {
        return Ok(Err(occurrence_id));
    }
    // The request's millisecond may be taken, by a schedule or an earlier request: the next free one is as good.
    let mut nominal = new.nominal_at;
    loop {
        let inserted = tx.execute(
            "insert into occurrence
                 (definition_id, version_id, nominal_at, due_at, manual, period_start, period_end, state, send, send_to,
                  other_period)
             values (?1, ?2, ?3, ?3, 1, ?4, ?5, 'planned', ?6, ?7, ?8)
             on conflict (definition_id, nominal_at) do nothing",
            params![
                new.definition_id,
                new.version_id,
                stamp(nominal),
                stamp(new.period.start),
                stamp(new.period.end),
                request.send,
                request.send_to,
                request.other_period
            ],
        )?;
        if 0 < inserted {
            return Ok(Ok(tx.last_insert_rowid()));
        }
        nominal += jiff::SignedDuration::from_millis(1);
    }
}

/// An occurrence that is not ended.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a column of the row, and each can be with any other"
)]
#[derive(Debug, Clone)]
pub struct OpenOccurrence {
    /// Its key.
    pub occurrence_id: i64,
    /// The definition.
    pub definition_id: i64,
    /// The version to use.
    pub version_id: i64,
    /// The instant.
    pub nominal_at: Timestamp,
    /// When it falls due.
    pub due_at: Timestamp,
    /// Whether a person asked for it.
    pub manual: bool,
    /// Which schedule named it.
    pub ordinal: Option<usize>,
    /// Whether it is made for a backfill.
    pub backfill: bool,
    /// Whether a person asked for the same report again.
    pub rerun: bool,
    /// The period of data.
    pub period: Period,
    /// Whether deliveries are made.
    pub send: bool,
    /// An address that replaces the definition's destinations.
    pub send_to: Option<String>,
    /// Its runs that failed.
    pub failures: u32,
    /// When the next run may begin, after one that failed.
    pub retry_at: Option<Timestamp>,
}

const OPEN: &str = "
    select occurrence_id, definition_id, version_id, nominal_at, manual, period_start, period_end, send, send_to, due_at,
           ordinal, backfill_id is not null, failures, retry_at, rerun
    from occurrence";

fn open(row: &Row<'_>) -> rusqlite::Result<OpenOccurrence> {
    Ok(OpenOccurrence {
        occurrence_id: row.get(0)?,
        definition_id: row.get(1)?,
        version_id: row.get(2)?,
        nominal_at: instant(row, 3)?,
        manual: row.get(4)?,
        period: Period { start: instant(row, 5)?, end: instant(row, 6)? },
        send: row.get(7)?,
        send_to: row.get(8)?,
        due_at: instant(row, 9)?,
        ordinal: row.get::<_, Option<i64>>(10)?.and_then(|ordinal| usize::try_from(ordinal).ok()),
        backfill: row.get(11)?,
        failures: row.get(12)?,
        retry_at: optional_instant(row, 13)?,
        rerun: row.get(14)?,
    })
}

/// What an index of open occurrences asks for; see the migration that makes it.
const IS_OPEN: &str = "state in ('planned', 'due', 'running')";

/// That an occurrence is open, in SQL that the index serves; the alias ends with its dot, or is empty.
pub(super) fn is_open(alias: &str) -> String {
    format!("{alias}{IS_OPEN}")
}

/// Up to `most` planned occurrences that fall due before `until`, the earliest first.
pub fn planned_before(
    connection: &Connection,
    until: Timestamp,
    most: u32,
) -> rusqlite::Result<Vec<OpenOccurrence>> {
    let sql = format!(
        "{OPEN} where state = 'planned' and {IS_OPEN} and due_at < ?1 order by due_at, occurrence_id limit ?2"
    );
    connection.prepare_cached(&sql)?.query_map(params![stamp(until), most], open)?.collect()
}

/// How many scheduled occurrences of each definition are planned and fall due between two instants, both exclusive.
pub fn planned_between(
    connection: &Connection,
    after: Timestamp,
    before: Timestamp,
) -> rusqlite::Result<Vec<(i64, usize)>> {
    let sql = format!(
        "select definition_id, count(*) from occurrence
         where state = 'planned' and {IS_OPEN} and manual = 0 and due_at > ?1 and due_at < ?2 group by definition_id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let count = |row: &Row<'_>| Ok((row.get(0)?, usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0)));
    statement.query_map(params![stamp(after), stamp(before)], count)?.collect()
}

/// Up to `most` occurrences that wait in the run queue, the oldest first.
pub fn waiting(connection: &Connection, most: u32) -> rusqlite::Result<Vec<OpenOccurrence>> {
    let sql = format!("{OPEN} where state = 'due' and {IS_OPEN} order by nominal_at, occurrence_id limit ?1");
    connection.prepare_cached(&sql)?.query_map([most], open)?.collect()
}

/// Occurrences of a backfill that wait in the run queue, the oldest first.
pub fn waiting_of_backfill(
    connection: &Connection,
    backfill_id: i64,
) -> rusqlite::Result<Vec<OpenOccurrence>> {
    let sql = format!(
        "{OPEN} where state = 'due' and {IS_OPEN} and backfill_id = ?1 order by nominal_at, occurrence_id"
    );
    connection.prepare_cached(&sql)?.query_map([backfill_id], open)?.collect()
}

/// One occurrence that is not ended.
pub fn open_one(connection: &Connection, occurrence_id: i64) -> rusqlite::Result<Option<OpenOccurrence>> {
    let sql = format!("{OPEN} where occurrence_id = ?1 and state in ('planned', 'due', 'running')");
    connection.prepare_cached(&sql)?.query_row([occurrence_id], open).optional()
}

/// What becomes of an occurrence whose instant has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOver {
    /// It goes into the run queue.
    Due,
    /// A rule skips it.
    Skip(&'static str),
}

/// Writes what becomes of occurrences whose instant has come.
pub fn hand_over(
    tx: &Transaction<'_>,
    decisions: &[(i64, HandOver)],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut due = tx.prepare_cached(
        "update occurrence set state = 'due' where occurrence_id = ?1 and state = 'planned' and due_at <= ?2",
    )?;
    let mut skip = tx.prepare_cached(
        "update occurrence set state = 'skipped', rule = ?2, ended_at = ?3 where occurrence_id = ?1 and state = 'planned'",
    )?;
    for (occurrence_id, decision) in decisions {
        match decision {
            HandOver::Due => due.execute(params![occurrence_id, stamp(now)])?,
            HandOver::Skip(rule) => skip.execute(params![occurrence_id, rule, stamp(now)])?,
        };
    }
    Ok(())
}

/// An occurrence's state, and the end of its newest run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// planned, due, running, done, failed or skipped.
    pub state: String,
    /// The newest run.
    pub run_id: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
    /// The rule that skipped it.
    pub rule: Option<String>,
    /// Deliveries that have not ended.
    pub open_deliveries: i64,
}

/// How an occurrence is getting on.
pub fn progress(connection: &Connection, occurrence_id: i64) -> rusqlite::Result<Progress> {
    let mut statement = connection.prepare_cached(
        "select o.state, r.run_id, r.error, o.rule,
                (select count(*) from delivery d join artifact a using (artifact_id)
                 where a.run_id = r.run_id and d.state = 'pending')
         from occurrence o left join run r on r.occurrence_id = o.occurrence_id
         where o.occurrence_id = ?1 order by r.number desc limit 1",
    )?;
    statement.query_row([occurrence_id], |row| {
        Ok(Progress {
            state: row.get(0)?,
            run_id: row.get(1)?,
            error: row.get(2)?,
            rule: row.get(3)?,
            open_deliveries: row.get(4)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{IS_OPEN, OPEN};
    use crate::store::migrate::MIGRATIONS;

    #[test]
    fn what_is_asked_at_each_look_is_found_by_index() {
        let connection = Connection::open_in_memory().unwrap();
        for (_, sql) in MIGRATIONS {
            connection.execute_batch(sql).unwrap();
        }
        for (sql, index) in [
            (format!("{OPEN} where state = 'planned' and {IS_OPEN} and due_at < ''"), "occurrence_open"),
            (format!("{OPEN} where state = 'due' and {IS_OPEN}"), "occurrence_open"),
            (
                "select occurrence_id from occurrence o where ended_at < '' limit 5".to_owned(),
                "occurrence_ended",
            ),
            (
                "select definition_id from schedule where next_at < '' order by next_at".to_owned(),
                "schedule_next",
            ),
            (
                "select definition_id from schedule where next_at is null and idle is null".to_owned(),
                "schedule_lost",
            ),
        ] {
            let plan: String =
                connection.query_row(&format!("explain query plan {sql}"), [], |row| row.get(3)).unwrap();
            assert!(plan.contains(index), "{sql}: {plan}");
        }
    }
}
