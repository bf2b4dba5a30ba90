//! Tables `definition`, `definition_version`, `schedule`, `unplanned`, `load_problem`.
//!
//! Invariants: a definition's `version_id` is its newest version; an active one has a `schedule` row for each of its
//! schedules; the rows of a paused or retired one have no `next_at`.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::instant;
use super::occurrences::NewOccurrence;
use crate::domain::text::stamp;

/// Whether a definition is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionState {
    /// Its schedules run.
    Active,
    /// A person stopped its schedules; it can be run by hand.
    Paused,
    /// Its file is gone; its history stays.
    Retired,
}

impl DefinitionState {
    /// The word in SQL and lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Retired => "retired",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "active" => Self::Active,
            "paused" => Self::Paused,
            _ => Self::Retired,
        }
    }
}

/// Whose eyes something is read for.
#[derive(Debug, Clone, Copy)]
pub struct Eyes<'a> {
    /// Private definitions of others are not there.
    pub who: &'a str,
    /// They are there after all.
    pub see_all: bool,
}

impl Eyes<'_> {
    /// Whoever works on the host itself.
    pub const ALL: Self = Self { who: "", see_all: true };
}

/// A definition as stored.
#[derive(Debug, Clone)]
pub struct StoredDefinition {
    /// Its key.
    pub definition_id: i64,
    /// Its name.
    pub name: String,
    /// The job file it came from.
    pub file: Option<String>,
    /// Whether it is worked on.
    pub state: DefinitionState,
    /// The version in force.
    pub version_id: i64,
    /// That version's number, counted from 1.
    pub number: i64,
    /// That version's text.
    pub text: String,
}

const SELECT: &str = "
    select d.definition_id, d.name, d.file, d.state, v.version_id, v.number, v.text
    from definition d join definition_version v on v.version_id = d.version_id";

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<StoredDefinition> {
    Ok(StoredDefinition {
        definition_id: row.get(0)?,
        name: row.get(1)?,
        file: row.get(2)?,
        state: DefinitionState::from_name(&row.get::<_, String>(3)?),
        version_id: row.get(4)?,
        number: row.get(5)?,
        text: row.get(6)?,
    })
}

/// All definitions by name, retired ones too.
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<StoredDefinition>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} order by d.name"))?;
    statement.query_map([], stored)?.collect()
}

/// One definition.
pub fn by_name(connection: &Connection, name: &str) -> rusqlite::Result<Option<StoredDefinition>> {
    connection.prepare_cached(&format!("{SELECT} where d.name = ?1"))?.query_row([name], stored).optional()
}

/// A schedule's next instant, or why it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This one.
    At(Timestamp),
    /// There is none left.
    Ended,
    /// The schedule is switched off.
    Disabled,
}

impl Next {
    fn columns(self) -> (Option<String>, Option<&'static str>) {
        match self {
            Self::At(at) => (Some(stamp(at)), None),
            Self::Ended => (None, Some("ended")),
            Self::Disabled => (None, Some("disabled")),
        }
    }
}

/// The next instants of a definition's schedules, in the schedules' order, and the zone data that they follow from.
#[derive(Debug, Clone)]
pub struct NextInstants {
    /// One a schedule.
    pub of: Vec<Next>,
    /// A row of `zone_data`.
    pub zone_data_id: Option<i64>,
}

/// What a version makes of an instant: when it falls due, by which schedule, over which period; nothing when none of its
/// schedules names it.
pub type Replanned = Box<dyn Fn(Timestamp) -> Option<NewOccurrence> + Send>;

/// A definition to be put in force.
pub struct Revision {
    /// Its name.
    pub name: String,
    /// The job file it comes from, if it comes from one.
    pub file: Option<String>,
    /// The text.
    pub text: String,
    /// The next instant of each schedule.
    pub next: NextInstants,
    /// What becomes of occurrences that are planned already.
    pub replanned: Replanned,
    /// Occurrences of past instants that fall due at once.
    pub at_once: Vec<NewOccurrence>,
}

/// Executes a statement that is prepared once a connection.
fn execute(tx: &Transaction<'_>, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
    tx.prepare_cached(sql)?.execute(values)
}

/// Puts a definition in force: a new one, a new version, or the same version from another file.
pub fn put(tx: &Transaction<'_>, revision: &Revision, now: Timestamp) -> rusqlite::Result<()> {
    execute(
        tx,
        "insert into definition (name, file, state, created_at) values (?1, ?2, 'active', ?3)
         on conflict (name) do update set file = excluded.file,
             -- What a file makes is everybody's.
             private = iif(excluded.file is null, private, 0), made_by = iif(excluded.file is null, made_by, null)",
        params![revision.name, revision.file, stamp(now)],
    )?;
    let (definition_id, state): (i64, String) = tx
        .prepare_cached("select definition_id, state from definition where name = ?1")?
        .query_row([&revision.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let current: Option<String> = tx
        .prepare_cached(
            "select v.text from definition d join definition_version v on v.version_id = d.version_id
             where d.definition_id = ?1",
        )?
        .query_row([definition_id], |row| row.get(0))
        .optional()?;
    let state = DefinitionState::from_name(&state);
    if state == DefinitionState::Retired {
        execute(tx, "update definition set state = 'active' where definition_id = ?1", [definition_id])?;
        end_unplanned(tx, definition_id, now)?;
    }
    if current.as_deref() != Some(revision.text.as_str()) {
        execute(
        tx,
            "insert into definition_version (definition_id, number, text, created_at)
             select ?1, coalesce(max(number), 0) + 1, ?2, ?3 from definition_version where definition_id = ?1",
            params![definition_id, revision.text, stamp(now)],
        )?;
        let version_id = tx.last_insert_rowid();
        execute(
            tx,
            "update definition set version_id = ?2 where definition_id = ?1",
            [definition_id, version_id],
        )?;
        note_unplanned(tx, definition_id, now)?;
        replan(tx, definition_id, version_id, &revision.replanned, now)?;
    } else if state != DefinitionState::Retired {
        return Ok(());
    }
    set_next(tx, definition_id, &revision.next)?;
    for new in &revision.at_once {
        execute(
        tx,
            "insert into occurrence (definition_id, version_id, nominal_at, due_at, manual, ordinal, period_start,
                                     period_end, state)
             select definition_id, version_id, ?2, ?3, 0, ?4, ?5, ?6, 'planned' from definition where definition_id = ?1
             on conflict (definition_id, nominal_at) do nothing",
            params![
                definition_id,
                stamp(new.nominal_at),
                stamp(now),
                new.ordinal,
                stamp(new.period.start),
                stamp(new.period.end)
            ],
        )?;
    }
    if state == DefinitionState::Paused {
        idle(tx, definition_id, state)?;
    }
    Ok(())
}

/// Planned occurrences that are not due follow the new version: kept if it names the instant too, else removed.
fn replan(
    tx: &Transaction<'_>,
    definition_id: i64,
    version_id: i64,
    replanned: &Replanned,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "select occurrence_id, nominal_at from occurrence
         where definition_id = ?1 and state = 'planned' and manual = 0 and due_at > ?2",
    )?;
    let planned: Vec<(i64, Timestamp)> = statement
        .query_map(params![definition_id, stamp(now)], |row| Ok((row.get(0)?, instant(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    for (occurrence_id, nominal) in planned {
        match replanned(nominal) {
            Some(new) => execute(
                tx,
                "update occurrence
                 set version_id = ?2, period_start = ?3, period_end = ?4, due_at = ?5, ordinal = ?6
                 where occurrence_id = ?1",
                params![
                    occurrence_id,
                    version_id,
                    stamp(new.period.start),
                    stamp(new.period.end),
                    stamp(new.due_at),
                    new.ordinal
                ],
            )?,
            None => execute(tx, "delete from occurrence where occurrence_id = ?1", [occurrence_id])?,
        };
    }
    Ok(())
}

/// Instants that could not be planned before an edit (the version in force was wrong under the config) are not hidden:
/// one row records the span.
fn note_unplanned(tx: &Transaction<'_>, definition_id: i64, now: Timestamp) -> rusqlite::Result<()> {
    execute(
        tx,
        "insert into unplanned (definition_id, rule, from_at, to_at)
         select definition_id, 'missed', min(next_at), ?2 from schedule
         where definition_id = ?1 and next_at <= ?2 group by definition_id",
        params![definition_id, stamp(now)],
    )?;
    Ok(())
}

/// Sets the next instants of a definition's schedules; schedules that it no longer has vanish.
pub fn set_next(tx: &Transaction<'_>, definition_id: i64, next: &NextInstants) -> rusqlite::Result<()> {
    tx.prepare_cached("delete from schedule where definition_id = ?1")?.execute([definition_id])?;
    let mut insert = tx.prepare_cached(
        "insert into schedule (definition_id, ordinal, next_at, idle, zone_data_id) values (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (ordinal, next_one) in (0_i64..).zip(&next.of) {
        let (at, idle) = next_one.columns();
        insert.execute(params![definition_id, ordinal, at, idle, next.zone_data_id])?;
    }
    Ok(())
}

/// Takes the next instants of a definition that is paused or retired away.
fn idle(tx: &Transaction<'_>, definition_id: i64, state: DefinitionState) -> rusqlite::Result<()> {
    execute(
        tx,
        "update schedule set next_at = null, idle = ?2 where definition_id = ?1",
        params![definition_id, state.name()],
    )?;
    Ok(())
}

/// Stops a definition's schedules. What is planned and not due is taken back; one row records the span.
pub fn stop(
    tx: &Transaction<'_>,
    definition_id: i64,
    state: DefinitionState,
    now: Timestamp,
) -> rusqlite::Result<()> {
    execute(
        tx,
        "update definition set state = ?2 where definition_id = ?1",
        params![definition_id, state.name()],
    )?;
    idle(tx, definition_id, state)?;
    // An instant that waits for late data lies before now and is taken back, too.
    let first: Option<String> = tx.query_row(
        "select min(nominal_at) from occurrence
         where definition_id = ?1 and state = 'planned' and manual = 0 and due_at > ?2",
        params![definition_id, stamp(now)],
        |row| row.get(0),
    )?;
    let from = first.filter(|first| *first < stamp(now)).unwrap_or_else(|| stamp(now));
    execute(
        tx,
        "delete from occurrence where definition_id = ?1 and state = 'planned' and manual = 0 and due_at > ?2",
        params![definition_id, stamp(now)],
    )?;
    end_unplanned(tx, definition_id, now)?;
    execute(
        tx,
        "insert into unplanned (definition_id, rule, from_at) values (?1, ?2, ?3)",
        params![definition_id, state.name(), from],
    )?;
    Ok(())
}

/// Starts a paused definition's schedules again, from now on; false when it changed since it was read.
pub fn resume(
    tx: &Transaction<'_>,
    stored: &StoredDefinition,
    next: &NextInstants,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let definition_id = stored.definition_id;
    let resumed = execute(
        tx,
        "update definition set state = 'active' where definition_id = ?1 and version_id = ?2 and state = 'paused'",
        params![definition_id, stored.version_id],
    )?;
    if resumed == 0 {
        return Ok(false);
    }
    end_unplanned(tx, definition_id, now)?;
    set_next(tx, definition_id, next)?;
    Ok(true)
}

fn end_unplanned(tx: &Transaction<'_>, definition_id: i64, now: Timestamp) -> rusqlite::Result<()> {
    execute(
        tx,
        "update unplanned set to_at = ?2 where definition_id = ?1 and to_at is null",
        params![definition_id, stamp(now)],
    )?;
    Ok(())
}

/// What the loader could not take up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct LoadProblem {
    /// The file, or the folder itself.
    pub file: String,
    /// The definition that the file names, where that could be read.
    pub name: Option<String>,
    /// What is wrong, one line a problem.
    pub problem: String,
}

/// The problems of the last look at the jobs folder.
pub fn load_problems(connection: &Connection) -> rusqlite::Result<Vec<LoadProblem>> {
    let mut statement =
        connection.prepare_cached("select file, name, problem from load_problem order by file")?;
    let problem =
        |row: &Row<'_>| Ok(LoadProblem { file: row.get(0)?, name: row.get(1)?, problem: row.get(2)? });
    statement.query_map([], problem)?.collect()
}

/// The problem of the file that a definition comes from, or of one that would be it.
pub fn load_problem(
    connection: &Connection,
    definition: &StoredDefinition,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "select problem from load_problem where file = ?1 or name = ?2 order by file limit 1",
        )?
        .query_row(params![definition.file, definition.name], |row| row.get(0))
        .optional()
}

/// Replaces the problems. One that stays keeps the instant at which it was first seen.
pub fn set_load_problems(
    tx: &Transaction<'_>,
    problems: &[LoadProblem],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let kept: Vec<&str> = problems.iter().map(|problem| problem.file.as_str()).collect();
    let known = load_problems(tx)?;
    for gone in known.iter().filter(|known| !kept.contains(&known.file.as_str())) {
        execute(tx, "delete from load_problem where file = ?1", [&gone.file])?;
    }
    for problem in problems {
        execute(
            tx,
            "insert into load_problem (file, name, problem, since) values (?1, ?2, ?3, ?4)
             on conflict (file) do update set name = excluded.name, problem = excluded.problem",
            params![problem.file, problem.name, problem.problem, stamp(now)],
        )?;
    }
    Ok(())
}

/// The name and text of a version.
pub fn version(connection: &Connection, version_id: i64) -> rusqlite::Result<(String, String)> {
    connection
        .prepare_cached(
            "select d.name, v.text from definition_version v join definition d using (definition_id)
             where v.version_id = ?1",
        )?
        .query_row([version_id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Plans anew with the version in force: for changed zone data.
pub fn recompute(
    tx: &Transaction<'_>,
    stored: &StoredDefinition,
    next: &NextInstants,
    replanned: &Replanned,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let in_force: bool = tx.query_row(
        "select version_id = ?2 and state = 'active' from definition where definition_id = ?1",
        params![stored.definition_id, stored.version_id],
        |row| row.get(0),
    )?;
    if !in_force {
        // An edit or a pause came between: it has planned anew itself.
        return Ok(());
    }
    replan(tx, stored.definition_id, stored.version_id, replanned, now)?;
    set_next(tx, stored.definition_id, next)
}

/// Definitions with a schedule that has neither a next instant nor a reason for having none: there should be none.
pub fn lost(connection: &Connection) -> rusqlite::Result<Vec<StoredDefinition>> {
    let sql = format!(
        "{SELECT} where d.definition_id in
             (select definition_id from schedule where next_at is null and idle is null limit 100)"
    );
    connection.prepare_cached(&sql)?.query_map([], stored)?.collect()
}

/// Up to `most` active definitions whose key is above `after`, in the order of keys.
pub fn active_after(
    connection: &Connection,
    after: i64,
    most: u32,
) -> rusqlite::Result<Vec<StoredDefinition>> {
    let sql = format!(
        "{SELECT} where d.definition_id > ?1 and d.state = 'active' order by d.definition_id limit ?2"
    );
    connection.prepare_cached(&sql)?.query_map([after, i64::from(most)], stored)?.collect()
}

/// Whether a definition's schedules run.
pub fn is_active(connection: &Connection, definition_id: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("select state = 'active' from definition where definition_id = ?1")?
        .query_row([definition_id], |row| row.get(0))
}

/// The key of a version of the zone data, if it was ever noted.
pub fn zone_data(connection: &Connection, version: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row("select zone_data_id from zone_data where version = ?1", [version], |row| row.get(0))
        .optional()
}

/// Notes a version of the zone data and returns its key.
pub fn add_zone_data(tx: &Transaction<'_>, version: &str) -> rusqlite::Result<i64> {
    execute(tx, "insert into zone_data (version) values (?1) on conflict (version) do nothing", [version])?;
    tx.query_row("select zone_data_id from zone_data where version = ?1", [version], |row| row.get(0))
}

/// What the daemon remembered of its surroundings under a name.
pub fn surrounding(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("select value from surrounding where name = ?1", [name], |row| row.get(0)).optional()
}

/// Remembers something of the surroundings.
pub fn set_surrounding(tx: &Transaction<'_>, name: &str, value: &str) -> rusqlite::Result<()> {
    execute(
        tx,
        "insert into surrounding (name, value) values (?1, ?2) on conflict (name) do update set value = excluded.value",
        [name, value],
    )?;
    Ok(())
}

/// Takes back what a clock that ran ahead has done to instants that are still to come.
pub fn undo_ahead(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    execute(
        tx,
        "update occurrence set state = 'planned', rule = null, ended_at = null
         where state = 'skipped' and rule = 'missed' and due_at > ?1",
        [stamp(now)],
    )?;
    // No wait of ours is longer than a day.
    let day_ahead = now + jiff::SignedDuration::from_hours(25);
    execute(
        tx,
        "update delivery set next_attempt_at = ?1 where state = 'pending' and next_attempt_at > ?2",
        [stamp(now), stamp(day_ahead)],
    )?;
    Ok(())
}
