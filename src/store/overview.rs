//! What the daily commands show: the list, the runs, one run.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::definitions::Eyes;
use super::files::IS_THE_REPORT;
use super::{instant, optional_instant};
use crate::domain::text::stamp;

/// A definition's newest facts.
#[derive(Debug, Clone, Default)]
pub struct Newest {
    /// When its newest file was made; what somebody made of another period by hand is not the report.
    pub generated_at: Option<Timestamp>,
    /// That file's rows.
    pub rows: Option<i64>,
    /// The state of its [`last`] occurrence.
    pub last_state: Option<String>,
    /// That occurrence's instant.
    pub last_nominal_at: Option<Timestamp>,
    /// Its deliveries that have failed, are unknown, and are still open.
    pub failed: i64,
    /// See `failed`.
    pub unknown: i64,
    /// See `failed`; and files that a check holds.
    pub held: i64,
    /// See `failed`; those of them that were tried and will be again.
    pub pending: i64,
    /// See `pending`.
    pub retrying: i64,
    /// The next planned instant.
    pub next_at: Option<Timestamp>,
}

/// Of a definition's occurrences that were due, the newest. A look by hand, which sends nothing, comes behind all others:
/// what is open of the report must not be hidden by it.
const LAST: &str = "where o.definition_id = ?1 and o.state <> 'planned'
     order by o.manual = 1 and o.send = 0, o.nominal_at desc limit 1";

/// A definition's newest facts.
pub fn newest(connection: &Connection, definition_id: i64) -> rusqlite::Result<Newest> {
    let mut newest = Newest::default();
    let artifact: Option<(Timestamp, i64)> = connection
        .prepare_cached(&format!(
            "select a.generated_at, a.rows from artifact a where a.definition_id = ?1 and {IS_THE_REPORT}
             order by a.generated_at desc limit 1"
        ))?
        .query_row([definition_id], |row| Ok((instant(row, 0)?, row.get(1)?)))
        .optional()?;
    if let Some((generated_at, rows)) = artifact {
        (newest.generated_at, newest.rows) = (Some(generated_at), Some(rows));
    }
    let last: Option<(i64, String, Timestamp)> = connection
        .prepare_cached(&format!("select occurrence_id, state, nominal_at from occurrence o {LAST}"))?
        .query_row([definition_id], |row| Ok((row.get(0)?, row.get(1)?, instant(row, 2)?)))
        .optional()?;
    if let Some((occurrence_id, state, nominal_at)) = last {
        (newest.last_state, newest.last_nominal_at) = (Some(state), Some(nominal_at));
        (newest.failed, newest.unknown, newest.pending, newest.retrying, newest.held) = connection
            .prepare_cached(
                "select coalesce(sum(d.state = 'failed'), 0), coalesce(sum(d.state = 'unknown'), 0),
                        coalesce(sum(d.state = 'pending'), 0),
                        coalesce(sum(d.state = 'pending' and exists
                            (select 1 from attempt t where t.delivery_id = d.delivery_id and t.ended_at is not null)), 0),
                        coalesce(sum(d.state = 'held'), 0) +
                            (select count(*) from artifact h join run using (run_id)
                             where run.occurrence_id = ?1 and h.part = '' and h.verdict = 'held')
                 from delivery d join artifact a using (artifact_id) join run r using (run_id)
                 where r.occurrence_id = ?1",
            )?
            .query_row([occurrence_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
    }
    newest.next_at = connection
        .prepare_cached(
            "select min(at) from
                 (select min(nominal_at) as at from occurrence
                  where definition_id = ?1 and state = 'planned' and manual = 0
                  union all select min(next_at) from schedule where definition_id = ?1)",
        )?
        .query_row([definition_id], |row| optional_instant(row, 0))?;
    Ok(newest)
}

/// An occurrence with its newest run, as told.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct ToldOccurrence {
    /// Its key.
    pub occurrence_id: i64,
    /// The definition.
    pub name: String,
    /// The definition's version.
    pub version: i64,
    /// The instant.
    pub nominal_at: Timestamp,
    /// Whether a person asked for it.
    pub manual: bool,
    /// First instant of the period.
    pub period_start: Timestamp,
    /// First instant behind the period.
    pub period_end: Timestamp,
    /// planned, due, running, done, failed or skipped.
    pub state: String,
    /// The rule that skipped it.
    pub rule: Option<String>,
    /// Whether deliveries were asked for.
    pub send: bool,
    /// When it is run again after a run that failed.
    pub retry_at: Option<Timestamp>,
    /// The newest run.
    pub run: Option<ToldRun>,
}

/// A run as told.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct ToldRun {
    /// Its key.
    pub run_id: i64,
    /// Its number within the occurrence.
    pub number: i64,
    /// running, done, failed or interrupted.
    pub state: String,
    /// Its start.
    pub started_at: Timestamp,
    /// Its end.
    pub ended_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
    /// Rows left out because their interaction had not ended.
    pub rows_left_out: Option<i64>,
    /// Durations set to zero because they came out negative.
    pub clamped: Option<i64>,
    /// The newest record of the store.
    pub newest_at: Option<Timestamp>,
    /// Its file.
    pub file: Option<ToldFile>,
}

/// A file as told.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct ToldFile {
    /// Its name.
    pub file_name: String,
    /// Its place below the artifacts folder.
    pub path: String,
    /// Its length.
    pub bytes: i64,
    /// Its rows.
    pub rows: i64,
    /// Its digest in hex.
    pub sha256: String,
    /// When it was made.
    pub generated_at: Timestamp,
    /// When retention removed it.
    pub removed_at: Option<Timestamp>,
    /// Counted within the occurrence.
    pub revision: i64,
    /// good, held, released or discarded.
    pub verdict: String,
    /// What the checks found.
    pub findings: Option<String>,
}

const OCCURRENCES: &str = "
    select o.occurrence_id, d.name, v.number, o.nominal_at, o.manual, o.period_start, o.period_end, o.state, o.rule,
           o.send, r.run_id, r.number, r.state, r.started_at, r.ended_at, r.error, r.rows_left_out, r.clamped,
           r.newest_at, a.file_name, a.path, a.bytes, a.rows, a.sha256, a.generated_at, a.removed_at, o.retry_at,
           a.revision, a.verdict, a.findings
    from occurrence o
    join definition d on d.definition_id = o.definition_id
    join definition_version v on v.version_id = o.version_id
    left join run r on r.occurrence_id = o.occurrence_id
         and r.number = (select max(number) from run n where n.occurrence_id = o.occurrence_id and n.same_as is null)
    left join artifact a on a.run_id = r.run_id and a.part = ''";

fn told(row: &Row<'_>) -> rusqlite::Result<ToldOccurrence> {
    let file = match row.get::<_, Option<String>>(19)? {
        None => None,
        Some(file_name) => Some(ToldFile {
            file_name,
            path: row.get(20)?,
            bytes: row.get(21)?,
            rows: row.get(22)?,
            sha256: row.get(23)?,
            generated_at: instant(row, 24)?,
            removed_at: optional_instant(row, 25)?,
            revision: row.get(27)?,
            verdict: row.get(28)?,
            findings: row.get(29)?,
        }),
    };
    let run = match row.get::<_, Option<i64>>(10)? {
        None => None,
        Some(run_id) => Some(ToldRun {
            run_id,
            number: row.get(11)?,
            state: row.get(12)?,
            started_at: instant(row, 13)?,
            ended_at: optional_instant(row, 14)?,
            error: row.get(15)?,
            rows_left_out: row.get(16)?,
            clamped: row.get(17)?,
            newest_at: optional_instant(row, 18)?,
            file,
        }),
    };
    Ok(ToldOccurrence {
        occurrence_id: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        nominal_at: instant(row, 3)?,
        manual: row.get(4)?,
        period_start: instant(row, 5)?,
        period_end: instant(row, 6)?,
        state: row.get(7)?,
        rule: row.get(8)?,
        send: row.get(9)?,
        retry_at: optional_instant(row, 26)?,
        run,
    })
}

/// The newest occurrences that were due, of one definition or of all.
pub fn occurrences(
    connection: &Connection,
    eyes: Eyes<'_>,
    name: Option<&str>,
    most: u32,
) -> rusqlite::Result<Vec<ToldOccurrence>> {
    let sql = format!(
        "{OCCURRENCES} where (?1 is null or d.name = ?1) and o.state <> 'planned'
           and (?4 or d.private = 0 or d.made_by = ?3)
         order by o.nominal_at desc, o.occurrence_id desc limit ?2"
    );
    connection.prepare_cached(&sql)?.query_map(params![name, most, eyes.who, eyes.see_all], told)?.collect()
}

/// The occurrence by which a definition is judged: the newest that was due and is more than a look by hand, where there
/// is one.
pub fn last(connection: &Connection, definition_id: i64) -> rusqlite::Result<Option<ToldOccurrence>> {
    let sql = format!("{OCCURRENCES} {LAST}");
    connection.prepare_cached(&sql)?.query_row([definition_id], told).optional()
}

/// One occurrence.
pub fn occurrence(connection: &Connection, occurrence_id: i64) -> rusqlite::Result<Option<ToldOccurrence>> {
    let sql = format!("{OCCURRENCES} where o.occurrence_id = ?1");
    connection.prepare_cached(&sql)?.query_row([occurrence_id], told).optional()
}

/// An occurrence's newest run, whatever came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestRun {
    /// Its key.
    pub run_id: i64,
    /// The earlier run that made the same bytes.
    pub same_as: Option<i64>,
}

/// An occurrence's newest run.
pub fn newest_run(connection: &Connection, occurrence_id: i64) -> rusqlite::Result<Option<NewestRun>> {
    connection
        .prepare_cached(
            "select run_id, same_as from run where occurrence_id = ?1 order by number desc limit 1",
        )?
        .query_row([occurrence_id], |row| Ok(NewestRun { run_id: row.get(0)?, same_as: row.get(1)? }))
        .optional()
}

/// The occurrence of a run.
pub fn occurrence_of_run(connection: &Connection, run_id: i64) -> rusqlite::Result<Option<ToldOccurrence>> {
    let sql =
        format!("{OCCURRENCES} where o.occurrence_id = (select occurrence_id from run where run_id = ?1)");
    connection.prepare_cached(&sql)?.query_row([run_id], told).optional()
}

/// Instants of a definition that are planned and not due, the next first.
pub fn planned(
    connection: &Connection,
    definition_id: i64,
    now: Timestamp,
) -> rusqlite::Result<Vec<Timestamp>> {
    let mut statement = connection.prepare_cached(
        "select nominal_at from occurrence
         where definition_id = ?1 and state = 'planned' and nominal_at > ?2 order by nominal_at",
    )?;
    statement.query_map(params![definition_id, stamp(now)], |row| instant(row, 0))?.collect()
}
