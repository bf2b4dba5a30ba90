//! Table `alert`, and what is wrong now: what owners are told of.

use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use super::files::IS_THE_REPORT;
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

/// The state of a delivery is asked for twice, as the index has it and as it is meant: `SQLite` does not see that one
/// state is among three. Grouped first, so that one look a definition tells whether it went better since.
const CONDITIONS: &str = "
        select f.definition_id, 'failed', f.at, coalesce(
               (select error from occurrence o join run r using (occurrence_id)
                where o.definition_id = f.definition_id and o.nominal_at = f.at order by number desc limit 1), 'it failed')
        from (select definition_id, max(nominal_at) as at from occurrence indexed by occurrence_failed
              where state = 'failed' and ended_at > ?2 and manual = 0 group by definition_id) f
        where not exists (select 1 from occurrence n where n.definition_id = f.definition_id and n.nominal_at > f.at
                          and n.state = 'done')
        union all
        select o.definition_id, 'late', min(o.nominal_at), 'nothing was made for ' || min(o.nominal_at)
        from occurrence o where o.state in ('planned', 'due', 'running') and o.due_at < ?1 and o.manual = 0
                            and o.backfill_id is null and o.rerun = 0
        group by o.definition_id
        union all
        select a.definition_id, d.state, max(d.delivery_id),
               d.kind || ' to ' || d.address || ' via ' || d.target || ': '
               || coalesce((select reply from attempt t where t.delivery_id = d.delivery_id order by number desc limit 1), '')
        from delivery d join artifact a using (artifact_id)
        where d.state in ('held', 'failed', 'unknown') and d.state <> 'held' and d.ended_at > ?2
          and not exists (select 1 from delivery n where n.artifact_id = d.artifact_id and n.kind = d.kind
                          and n.target = d.target and n.address = d.address and n.number > d.number
                          and n.state in ('delivered', 'outbox'))
        group by a.definition_id, d.state
        union all
        select a.definition_id, 'held', max(d.delivery_id), coalesce(a.findings, d.reason)
        from delivery d join artifact a using (artifact_id)
        where d.state in ('held', 'failed', 'unknown') and d.state = 'held'
        group by a.definition_id
        union all
        select definition_id, 'held', max(artifact_id), findings from artifact where verdict = 'held' group by definition_id";

/// What is wrong now, one row a definition and kind. A failed occurrence counts until a later one went well; a
/// delivery that failed, is unknown or held counts until a person answers, for its file is missing at the far end.
/// `late_before`: what fell due before it and has no end is late. `since`: older failures are history.
pub fn conditions(
    connection: &Connection,
    late_before: Timestamp,
    since: Timestamp,
) -> rusqlite::Result<Vec<Condition>> {
    let mut statement = connection.prepare_cached(CONDITIONS)?;
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

/// A definition's name and version in force.
pub fn name(connection: &Connection, definition_id: i64) -> rusqlite::Result<(String, i64)> {
    connection
        .prepare_cached("select name, version_id from definition where definition_id = ?1")?
        .query_row([definition_id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Definitions of open alerts that do not run any more: paused or retired.
pub fn stopped(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "select distinct definition_id from alert join definition using (definition_id) where state <> 'active'",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// The newest file that went out of a definition's runs.
pub fn last_good(connection: &Connection, definition_id: i64) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached(&format!(
            "select max(a.generated_at) from artifact a where a.definition_id = ?1 and {IS_THE_REPORT}"
        ))?
        .query_row([definition_id], |row| super::optional_instant(row, 0))
}

/// The states of a run's deliveries, once none of them is under way.
pub fn settled(connection: &Connection, run_id: i64) -> rusqlite::Result<Option<bool>> {
    connection
        .prepare_cached(
            "select coalesce(sum(d.state = 'pending'), 0),
                    coalesce(sum(d.state in ('failed', 'unknown', 'held') or a.verdict = 'held'), 0)
             from artifact a left join delivery d using (artifact_id) where a.run_id = ?1",
        )?
        .query_row([run_id], |row| {
            let (pending, bad): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok((pending == 0).then_some(bad == 0))
        })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use crate::store::migrate::MIGRATIONS;

    #[test]
    fn what_is_asked_every_few_seconds_reads_no_whole_table() {
        let connection = Connection::open_in_memory().unwrap();
        for (_, sql) in MIGRATIONS {
            connection.execute_batch(sql).unwrap();
        }
        let sql = format!("explain query plan {}", super::CONDITIONS);
        let mut statement = connection.prepare(&sql).unwrap();
        let steps = statement.query_map(rusqlite::params!["", ""], |row| row.get::<_, String>(3)).unwrap();
        for step in steps {
            let step = step.unwrap();
            let whole = step.starts_with("SCAN ") && !step.contains("INDEX") && !step.starts_with("SCAN f");
            assert!(!whole, "{step}");
        }
    }
}
