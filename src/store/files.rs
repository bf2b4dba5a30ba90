//! Table `artifact`, read for whoever fetches a file.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{instant, optional_instant};

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

/// That `artifact a` is a whole file which nobody holds, of its definition's own period.
pub(super) const IS_THE_REPORT: &str = "a.part = '' and a.verdict in ('good', 'released')
    and (select o.other_period from run r join occurrence o using (occurrence_id) where r.run_id = a.run_id) = 0";

/// The newest whole file of a definition's own period that nobody holds: what the dot counts.
pub fn newest(connection: &Connection, definition_id: i64) -> rusqlite::Result<Option<KeptFile>> {
    let sql = format!(
        "{FILES} where a.definition_id = ?1 and {IS_THE_REPORT} and a.removed_at is null
         order by a.generated_at desc limit 1"
    );
    connection.prepare_cached(&sql)?.query_row([definition_id], kept_file).optional()
}

/// A file by its place below the artifacts folder; one that is held is for nobody.
pub fn by_path(connection: &Connection, path: &str) -> rusqlite::Result<Option<KeptFile>> {
    let sql = format!("{FILES} where a.path = ?1 and a.verdict in ('good', 'released')");
    connection.prepare_cached(&sql)?.query_row([path], kept_file).optional()
}

/// The whole file of a run.
pub fn of_run(connection: &Connection, run_id: i64) -> rusqlite::Result<Option<KeptFile>> {
    let sql = format!("{FILES} where a.run_id = ?1 and a.part = ''");
    connection.prepare_cached(&sql)?.query_row([run_id], kept_file).optional()
}
