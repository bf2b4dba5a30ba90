//! The reports list: who sees which definition, what is marked, what is under way.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::definitions::{self, Eyes, StoredDefinition};
use super::occurrences::is_open;

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Only reports that the one who asks made.
    pub mine: bool,
    /// Only reports that they marked.
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
pub fn reports(connection: &Connection, eyes: Eyes<'_>, query: &ListQuery) -> rusqlite::Result<Vec<Shelved>> {
    let (most, behind) = query.page.map_or((-1, 0), |(most, behind)| (i64::from(most), i64::from(behind)));
    let sql = format!("{SHELF} where {VISIBLE} order by d.name limit ?7 offset ?8");
    let search = query.search.to_lowercase();
    connection
        .prepare_cached(&sql)?
        .query_map(
            params![eyes.who, eyes.see_all, query.mine, query.favourites, search, query.after, most, behind],
            shelved,
        )?
        .collect()
}

/// How many reports a list has on all its pages.
pub fn size(connection: &Connection, eyes: Eyes<'_>, query: &ListQuery) -> rusqlite::Result<u64> {
    let sql = format!(
        "select count(*) from definition d join definition_version v on v.version_id = d.version_id where {VISIBLE}"
    );
    let search = query.search.to_lowercase();
    connection
        .prepare_cached(&sql)?
        .query_row(
            params![eyes.who, eyes.see_all, query.mine, query.favourites, search, query.after],
            |row| row.get(0),
        )
        .map(|size: i64| size.unsigned_abs())
}

/// One report, if the one who asks may see it.
pub fn by_name(connection: &Connection, eyes: Eyes<'_>, name: &str) -> rusqlite::Result<Option<Shelved>> {
    let sql = format!("{SHELF} where d.name = ?2 and (?3 or d.private = 0 or d.made_by = ?1)");
    connection.prepare_cached(&sql)?.query_row(params![eyes.who, name, eyes.see_all], shelved).optional()
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

/// What is wrong with a report now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Trouble {
    /// The report.
    pub name: String,
    /// The alert's kind.
    pub kind: String,
    /// What it is about, in words.
    pub words: String,
}

/// The open alerts about reports that the one who asks may see.
pub fn troubles(connection: &Connection, eyes: Eyes<'_>, most: u32) -> rusqlite::Result<Vec<Trouble>> {
    connection
        .prepare_cached(
            "select d.name, a.kind, a.words from alert a join definition d using (definition_id)
             where ?2 or d.private = 0 or d.made_by = ?1
             order by a.definition_id, a.kind limit ?3",
        )?
        .query_map(params![eyes.who, eyes.see_all, most], |row| {
            Ok(Trouble { name: row.get(0)?, kind: row.get(1)?, words: row.get(2)? })
        })?
        .collect()
}

/// An occurrence that waits for its run or is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// The report.
    pub name: String,
    /// due or running.
    pub state: String,
    /// The run that is at it.
    pub run_id: Option<i64>,
}

/// What is under way of the reports that the one who asks may see, the oldest first.
pub fn under_way(connection: &Connection, eyes: Eyes<'_>, most: u32) -> rusqlite::Result<Vec<UnderWay>> {
    connection
        .prepare_cached(&format!(
            "select d.name, o.state, r.run_id from occurrence o join definition d using (definition_id)
             left join run r on r.occurrence_id = o.occurrence_id and r.state = 'running'
             where {} and o.state <> 'planned' and (?2 or d.private = 0 or d.made_by = ?1)
             order by o.nominal_at limit ?3",
            is_open("o.")
        ))?
        .query_map(params![eyes.who, eyes.see_all, most], |row| {
            Ok(UnderWay { name: row.get(0)?, state: row.get(1)?, run_id: row.get(2)? })
        })?
        .collect()
}
