//! What a monitor wants to know, as the ledger has it.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::definitions::Eyes;
use super::files::IS_THE_REPORT;
use super::occurrences::is_open;
use super::optional_instant;

/// What a monitor wants to know.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// Each report in force.
    pub reports: Vec<ReportGauge>,
    /// Kind, state and number of deliveries that are not at their end.
    pub deliveries: Vec<(String, String, i64)>,
    /// Occurrences that wait for their run.
    pub due: i64,
    /// Occurrences that are run.
    pub running: i64,
}

/// A report for a monitor.
#[derive(Debug, Clone)]
pub struct ReportGauge {
    /// Its name.
    pub name: String,
    /// When its newest whole file was made.
    pub generated_at: Option<Timestamp>,
    /// Since when its oldest open occurrence is due.
    pub due_at: Option<Timestamp>,
}

/// What a monitor wants to know, as the ledger has it now.
pub fn read(connection: &Connection, eyes: Eyes<'_>) -> rusqlite::Result<Gauges> {
    let open = is_open("");
    let reports = connection
        .prepare_cached(&format!(
            "select d.name,
                    (select max(a.generated_at) from artifact a where a.definition_id = d.definition_id and {IS_THE_REPORT}),
                    o.due_at
             from definition d left join (
                 select definition_id, min(due_at) as due_at from occurrence
                 where {open} and state <> 'planned' group by definition_id) o using (definition_id)
             where d.state <> 'retired' and (?2 or d.private = 0 or d.made_by = ?1) order by d.name"
        ))?
        .query_map(params![eyes.who, eyes.see_all], |row| {
            Ok(ReportGauge {
                name: row.get(0)?,
                generated_at: optional_instant(row, 1)?,
                due_at: optional_instant(row, 2)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    let deliveries = connection
        .prepare_cached(
            "select kind, state, count(*) from delivery where state in ('pending', 'held', 'failed', 'unknown')
             group by kind, state",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let (due, running) = connection
        .prepare_cached(&format!(
            "select coalesce(sum(state = 'due'), 0), coalesce(sum(state = 'running'), 0) from occurrence where {open}"
        ))?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Gauges { reports, deliveries, due, running })
}
