//! What the pages ask: the reports list with who sees what, favourites, what is under way, the values that a filter may
//! have, mailing lists.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::definitions::{self, StoredDefinition};
use super::{instant, optional_instant};
use crate::domain::text::stamp;

/// Whose eyes a list is for, and what it is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Who asks: private reports of others are not there.
    pub who: String,
    /// Whether private reports of others are there after all.
    pub sees_all: bool,
    /// Only reports that this person made.
    pub mine: bool,
    /// Only reports that this person marked.
    pub favourites: bool,
    /// A part of the name or of the definition's text, in any case.
    pub search: String,
    /// Only names behind this one.
    pub after: String,
    /// How many at the most, behind how many; all of them when absent.
    pub page: Option<(u32, u32)>,
}

/// A definition with what belongs to the page.
#[derive(Debug, Clone)]
pub struct Shelved {
    /// The definition.
    pub stored: StoredDefinition,
    /// Who made it on the page.
    pub made_by: Option<String>,
    /// Whether only its maker sees it.
    pub private: bool,
    /// Whether the one who asks marked it.
    pub favourite: bool,
}

const VISIBLE: &str = "
    d.state <> 'retired'
    and (?2 or d.private = 0 or d.made_by = ?1)
    and (not ?3 or d.made_by = ?1)
    and (not ?4 or exists (select 1 from favourite f where f.definition_id = d.definition_id and f.who = ?1))
    and (?5 = '' or instr(d.name, ?5) or instr(lower(v.text), ?5))
    and d.name > ?6";

fn shelved(row: &Row<'_>) -> rusqlite::Result<Shelved> {
    Ok(Shelved {
        stored: definitions::stored(row)?,
        made_by: row.get(7)?,
        private: row.get(8)?,
        favourite: row.get(9)?,
    })
}

/// Begins as `definitions::stored` reads it.
const SHELF: &str = "
    select d.definition_id, d.name, d.file, d.state, v.version_id, v.number, v.text, d.made_by, d.private,
           exists (select 1 from favourite f where f.definition_id = d.definition_id and f.who = ?1)
    from definition d join definition_version v on v.version_id = d.version_id";

/// Reports by name.
pub fn shelf(connection: &Connection, query: &ListQuery) -> rusqlite::Result<Vec<Shelved>> {
    let (most, behind) = query.page.map_or((-1, 0), |(most, behind)| (i64::from(most), i64::from(behind)));
    let sql = format!("{SHELF} where {VISIBLE} order by d.name limit ?7 offset ?8");
    let search = query.search.to_lowercase();
    connection
        .prepare_cached(&sql)?
        .query_map(
            params![
                query.who,
                query.sees_all,
                query.mine,
                query.favourites,
                search,
                query.after,
                most,
                behind
            ],
            shelved,
        )?
        .collect()
}

/// How many reports a list has on all its pages.
pub fn shelf_size(connection: &Connection, query: &ListQuery) -> rusqlite::Result<u64> {
    let sql = format!(
        "select count(*) from definition d join definition_version v on v.version_id = d.version_id where {VISIBLE}"
    );
    let search = query.search.to_lowercase();
    connection
        .prepare_cached(&sql)?
        .query_row(
            params![query.who, query.sees_all, query.mine, query.favourites, search, query.after],
            |row| row.get(0),
        )
        .map(|size: i64| size.unsigned_abs())
}

/// One report, if the one who asks may see it.
pub fn shelved_by_name(
    connection: &Connection,
    who: &str,
    sees_all: bool,
    name: &str,
) -> rusqlite::Result<Option<Shelved>> {
    let sql = format!("{SHELF} where d.name = ?2 and (?3 or d.private = 0 or d.made_by = ?1)");
    connection.prepare_cached(&sql)?.query_row(params![who, name, sees_all], shelved).optional()
}

/// Whether a name is, or was, that of somebody else's private report.
pub fn is_private_of_another(connection: &Connection, name: &str, who: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "select exists (select 1 from definition where name = ?1 and private = 1 and made_by is not ?2)",
        )?
        .query_row([name, who], |row| row.get(0))
}

/// Says who made a definition on the page, and whether only they see it: only its maker decides that.
pub fn set_maker(tx: &Transaction<'_>, name: &str, who: &str, private: Option<bool>) -> rusqlite::Result<()> {
    tx.execute(
        "update definition set made_by = coalesce(made_by, ?2),
                private = case when coalesce(made_by, ?2) = ?2 then coalesce(?3, private) else private end
         where name = ?1",
        params![name, who, private],
    )?;
    Ok(())
}

/// Marks a report, or takes the mark away.
pub fn set_favourite(
    tx: &Transaction<'_>,
    who: &str,
    definition_id: i64,
    favourite: bool,
) -> rusqlite::Result<()> {
    let sql = if favourite {
        "insert into favourite (who, definition_id) values (?1, ?2) on conflict do nothing"
    } else {
        "delete from favourite where who = ?1 and definition_id = ?2"
    };
    tx.execute(sql, params![who, definition_id])?;
    Ok(())
}

/// An occurrence that waits for its run or is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// The definition.
    pub definition_id: i64,
    /// Its name.
    pub name: String,
    /// due or running.
    pub state: String,
    /// The run that is at it.
    pub run_id: Option<i64>,
}

/// What is under way, the oldest first.
pub fn under_way(connection: &Connection, most: u32) -> rusqlite::Result<Vec<UnderWay>> {
    connection
        .prepare_cached(
            "select o.definition_id, d.name, o.state, r.run_id from occurrence o join definition d using (definition_id)
             left join run r on r.occurrence_id = o.occurrence_id and r.state = 'running'
             where o.state in ('due', 'running') order by o.nominal_at limit ?1",
        )?
        .query_map([most], |row| {
            Ok(UnderWay {
                definition_id: row.get(0)?,
                name: row.get(1)?,
                state: row.get(2)?,
                run_id: row.get(3)?,
            })
        })?
        .collect()
}

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// The definition.
    pub name: String,
    /// Its run.
    pub run_id: i64,
    /// Its name.
    pub file_name: String,
    /// Its place below the artifacts folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its digest in hex.
    pub sha256: String,
    /// When it was made.
    pub generated_at: Timestamp,
    /// When retention removed it.
    pub removed_at: Option<Timestamp>,
    /// good, held, released or discarded.
    pub verdict: String,
}

const FILES: &str = "
    select d.name, a.run_id, a.file_name, a.path, a.bytes, a.sha256, a.generated_at, a.removed_at, a.verdict
    from artifact a join definition d using (definition_id)";

fn kept_file(row: &Row<'_>) -> rusqlite::Result<KeptFile> {
    Ok(KeptFile {
        name: row.get(0)?,
        run_id: row.get(1)?,
        file_name: row.get(2)?,
        path: row.get(3)?,
        bytes: row.get::<_, i64>(4)?.unsigned_abs(),
        sha256: row.get(5)?,
        generated_at: instant(row, 6)?,
        removed_at: optional_instant(row, 7)?,
        verdict: row.get(8)?,
    })
}

/// The newest whole file of a definition that nobody holds: what the dot counts.
pub fn newest_file(connection: &Connection, definition_id: i64) -> rusqlite::Result<Option<KeptFile>> {
    let sql = format!(
        "{FILES} where a.definition_id = ?1 and a.part = '' and a.verdict in ('good', 'released')
         and a.removed_at is null order by a.generated_at desc limit 1"
    );
    connection.prepare_cached(&sql)?.query_row([definition_id], kept_file).optional()
}

/// A file by its place below the artifacts folder; one that is held is for nobody.
pub fn file_by_path(connection: &Connection, path: &str) -> rusqlite::Result<Option<KeptFile>> {
    let sql = format!("{FILES} where a.path = ?1 and a.verdict in ('good', 'released')");
    connection.prepare_cached(&sql)?.query_row([path], kept_file).optional()
}

/// The whole file of a run.
pub fn file_of_run(connection: &Connection, run_id: i64) -> rusqlite::Result<Option<KeptFile>> {
    let sql = format!("{FILES} where a.run_id = ?1 and a.part = ''");
    connection.prepare_cached(&sql)?.query_row([run_id], kept_file).optional()
}

/// Texts that the segment store has seen in a role (a bit of `term.roles`), in their order.
pub fn terms(connection: &Connection, role: u32, most: u32) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("select text from term where roles & ?1 <> 0 and text <> '' order by text limit ?2")?
        .query_map(params![role, most], |row| row.get(0))?
        .collect()
}

/// Email addresses of agents that the segment store knows.
pub fn agents(connection: &Connection, most: u32) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("select distinct email from agent where email is not null order by email limit ?1")?
        .query_map([most], |row| row.get(0))?
        .collect()
}

/// Accounts that the segment store knows.
pub fn accounts(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("select distinct account from account order by account")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Whether the segment store knows an account.
pub fn has_account(connection: &Connection, account: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("select exists (select 1 from account where account = ?1)")?
        .query_row([account], |row| row.get(0))
}

/// The mailing lists made on the page: name and addresses as text.
pub fn lists(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    connection
        .prepare_cached("select name, addresses from mailing_list")?
        .query_map([], |row| {
            let json: String = row.get(1)?;
            Ok((row.get(0)?, serde_json::from_str(&json).unwrap_or_default()))
        })?
        .collect()
}

/// The reports whose text names something, such as a mailing list, as a string of its own.
pub fn uses(connection: &Connection, name: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "select d.name from definition d join definition_version v on v.version_id = d.version_id
             where d.state <> 'retired' and (instr(v.text, char(34) || ?1 || char(34)) or instr(v.text, char(39) || ?1 || char(39)))
             order by d.name limit 20",
        )?
        .query_map([name], |row| row.get(0))?
        .collect()
}

/// Writes a mailing list, or removes it when it has no addresses.
pub fn set_list(
    tx: &Transaction<'_>,
    name: &str,
    addresses: &[String],
    who: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    if addresses.is_empty() {
        tx.execute("delete from mailing_list where name = ?1", [name])?;
        return Ok(());
    }
    tx.execute(
        "insert into mailing_list (name, addresses, changed_by, changed_at) values (?1, ?2, ?3, ?4)
         on conflict (name) do update set addresses = excluded.addresses, changed_by = excluded.changed_by,
                                          changed_at = excluded.changed_at",
        params![name, serde_json::Value::from(addresses.to_vec()).to_string(), who, stamp(now)],
    )?;
    Ok(())
}

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
pub fn gauges(connection: &Connection) -> rusqlite::Result<Gauges> {
    let reports = connection
        .prepare_cached(
            "select d.name,
                    (select max(generated_at) from artifact a where a.definition_id = d.definition_id
                     and a.part = '' and a.verdict in ('good', 'released')),
                    o.due_at
             from definition d left join (
                 select definition_id, min(due_at) as due_at from occurrence where state in ('due', 'running')
                 group by definition_id) o using (definition_id)
             where d.state <> 'retired' order by d.name",
        )?
        .query_map([], |row| {
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
        .prepare_cached(
            "select coalesce(sum(state = 'due'), 0), coalesce(sum(state = 'running'), 0) from occurrence
             where state in ('due', 'running')",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Gauges { reports, deliveries, due, running })
}
