//! Table `alert`, and what is wrong now: what owners are told of.

use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use super::instant;
use crate::domain::text::stamp;

/// Something that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// The definition.
    pub definition_id: i64,
    /// failed, late, held, unknown or ahead.
    pub kind: String,
    /// What it is about, in words.
    pub words: String,
}

/// What an owner was told and not yet told the end of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is about.
    pub condition: Condition,
    /// Since when.
    pub since: Timestamp,
    /// When the owner last heard of it.
    pub told_at: Timestamp,
}

/// What is wrong now, one row a definition and kind. A failed occurrence counts until a later one went well; a
/// delivery that failed, is unknown or held counts until a person answers, for its file is missing at the far end. `late_before`: what fell due before it and has no end is late. `since`: older failures
/// are history.
pub fn conditions(
    connection: &Connection,
    late_before: Timestamp,
    since: Timestamp,
) -> rusqlite::Result<Vec<Condition>> {
    // One that went well later than the occurrence `o` of the same definition.
    const NO_BETTER: &str = "not exists (select 1 from occurrence n where n.definition_id = o.definition_id
                             and n.nominal_at > o.nominal_at and n.state = 'done')";
    let sql = format!(
        "select o.definition_id, 'failed', max(o.nominal_at), coalesce(
                (select error from run r where r.occurrence_id = o.occurrence_id order by number desc limit 1), 'it failed')
         from occurrence o where o.state = 'failed' and o.ended_at > ?2 and o.manual = 0 and {NO_BETTER}
         group by o.definition_id
         union all
         select o.definition_id, 'late', min(o.nominal_at), 'nothing was made for ' || min(o.nominal_at)
         from occurrence o where o.state in ('planned', 'due', 'running') and o.due_at < ?1 and o.manual = 0
                             and o.backfill_id is null
         group by o.definition_id
         union all
         select a.definition_id, d.state, max(o.nominal_at),
                d.kind || ' to ' || d.address || ' via ' || d.target || ': '
                || coalesce((select reply from attempt t where t.delivery_id = d.delivery_id order by number desc limit 1), '')
         from delivery d join artifact a using (artifact_id) join run r using (run_id) join occurrence o using (occurrence_id)
         where d.state in ('failed', 'unknown') and d.ended_at > ?2
         group by a.definition_id, d.state
         union all
         select a.definition_id, 'held', max(o.nominal_at), coalesce(a.findings, d.reason)
         from delivery d join artifact a using (artifact_id) join run r using (run_id) join occurrence o using (occurrence_id)
         where d.state = 'held'
         group by a.definition_id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let condition =
        |row: &Row<'_>| Ok(Condition { definition_id: row.get(0)?, kind: row.get(1)?, words: row.get(3)? });
    let mut found: Vec<Condition> = statement
        .query_map(params![stamp(late_before), stamp(since)], condition)?
        .collect::<Result<_, _>>()?;
    found.sort();
    found.dedup_by(|a, b| (a.definition_id, &a.kind) == (b.definition_id, &b.kind));
    Ok(found)
}

/// What was told and is not over.
pub fn open(connection: &Connection) -> rusqlite::Result<Vec<Alert>> {
    let mut statement =
        connection.prepare_cached("select definition_id, kind, words, since, told_at from alert")?;
    let alert = |row: &Row<'_>| {
        Ok(Alert {
            condition: Condition { definition_id: row.get(0)?, kind: row.get(1)?, words: row.get(2)? },
            since: instant(row, 3)?,
            told_at: instant(row, 4)?,
        })
    };
    statement.query_map([], alert)?.collect()
}

/// Notes that an owner was told of something, now or again.
pub fn told(tx: &Transaction<'_>, condition: &Condition, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute(
        "insert into alert (definition_id, kind, words, since, told_at) values (?1, ?2, ?3, ?4, ?4)
         on conflict (definition_id, kind) do update set words = excluded.words, told_at = excluded.told_at",
        params![condition.definition_id, condition.kind, condition.words, stamp(now)],
    )?;
    Ok(())
}

/// Notes that something is over.
pub fn over(tx: &Transaction<'_>, condition: &Condition) -> rusqlite::Result<()> {
    tx.execute(
        "delete from alert where definition_id = ?1 and kind = ?2",
        params![condition.definition_id, condition.kind],
    )?;
    Ok(())
}

/// What a span of time brought, for the daily mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Day {
    /// Occurrences that made their file.
    pub done: u64,
    /// Names of definitions whose occurrences failed.
    pub failed: Vec<String>,
    /// Occurrences that a rule skipped.
    pub skipped: u64,
    /// Deliveries that reached their end well.
    pub delivered: u64,
}

/// What ended between two instants, the second exclusive.
pub fn day(connection: &Connection, from: Timestamp, to: Timestamp) -> rusqlite::Result<Day> {
    let mut day = Day::default();
    let mut statement = connection.prepare_cached(
        "select state, count(*) from occurrence where ended_at >= ?1 and ended_at < ?2 and ended_at is not null group by state",
    )?;
    let mut rows = statement.query(params![stamp(from), stamp(to)])?;
    while let Some(row) = rows.next()? {
        let (state, count): (String, i64) = (row.get(0)?, row.get(1)?);
        match state.as_str() {
            "done" => day.done = u64::try_from(count).unwrap_or(0),
            "skipped" => day.skipped = u64::try_from(count).unwrap_or(0),
            _ => {}
        }
    }
    let mut statement = connection.prepare_cached(
        "select distinct d.name from occurrence o join definition d using (definition_id)
         where o.state = 'failed' and o.ended_at >= ?1 and o.ended_at < ?2 order by d.name",
    )?;
    day.failed =
        statement.query_map(params![stamp(from), stamp(to)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    day.delivered = connection
        .prepare_cached(
            "select count(*) from occurrence o join run r using (occurrence_id) join artifact a using (run_id)
             join delivery d using (artifact_id)
             where o.ended_at >= ?1 and o.ended_at < ?2 and o.ended_at is not null and d.state in ('delivered', 'outbox')",
        )?
        .query_row(params![stamp(from), stamp(to)], |row| row.get::<_, i64>(0))
        .map(|count| u64::try_from(count).unwrap_or(0))?;
    Ok(day)
}

/// Names of definitions by key.
pub fn name(connection: &Connection, definition_id: i64) -> rusqlite::Result<(String, i64)> {
    connection
        .prepare_cached("select name, version_id from definition where definition_id = ?1")?
        .query_row([definition_id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The newest file that went out of a definition's runs.
pub fn last_good(connection: &Connection, definition_id: i64) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached(
            "select max(generated_at) from artifact where definition_id = ?1 and part = '' and verdict in ('good', 'released')",
        )?
        .query_row([definition_id], |row| super::optional_instant(row, 0))
}

/// The states of a run's deliveries, once none of them is under way.
pub fn settled(connection: &Connection, run_id: i64) -> rusqlite::Result<Option<bool>> {
    connection
        .prepare_cached(
            "select coalesce(sum(d.state = 'pending'), 0), coalesce(sum(d.state in ('failed', 'unknown', 'held')), 0)
             from artifact a left join delivery d using (artifact_id) where a.run_id = ?1",
        )?
        .query_row([run_id], |row| {
            let (pending, bad): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok((pending == 0).then_some(bad == 0))
        })
}
