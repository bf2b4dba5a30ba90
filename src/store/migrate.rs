//! Opening: pragmas, migrations, backups.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::segments::write::SegmentWriter;
use super::{BUSY_LIMIT, StoreError};

/// Numbered files, forward only. A shipped one never changes: a test holds its digest.
pub(super) const MIGRATIONS: [(&str, &str); 14] = [
    ("0001_ledger.sql", include_str!("../../migrations/0001_ledger.sql")),
    ("0002_segments.sql", include_str!("../../migrations/0002_segments.sql")),
    ("0003_event_model.sql", include_str!("../../migrations/0003_event_model.sql")),
    ("0004_planning.sql", include_str!("../../migrations/0004_planning.sql")),
    ("0005_answers.sql", include_str!("../../migrations/0005_answers.sql")),
    ("0006_deliveries.sql", include_str!("../../migrations/0006_deliveries.sql")),
    ("0007_sources.sql", include_str!("../../migrations/0007_sources.sql")),
    ("0008_faces.sql", include_str!("../../migrations/0008_faces.sql")),
    ("0009_looks.sql", include_str!("../../migrations/0009_looks.sql")),
    ("0010_sealed.sql", include_str!("../../migrations/0010_sealed.sql")),
    ("0011_folded.sql", include_str!("../../migrations/0011_folded.sql")),
    ("0012_other_periods.sql", include_str!("../../migrations/0012_other_periods.sql")),
    ("0013_block_format.sql", include_str!("../../migrations/0013_block_format.sql")),
    ("0014_numbers_in_bits.sql", include_str!("../../migrations/0014_numbers_in_bits.sql")),
];

/// The version that this program knows: the number of migrations.
pub const VERSION: i64 = 14;

const _: () = assert!(MIGRATIONS.len() == 14, "VERSION counts the migrations");

/// Opens for writing; makes the file and brings it up to date after a copy of it was made.
pub(super) fn open(path: &Path, now: Timestamp) -> Result<Connection, StoreError> {
    if let Some(folder) = path.parent() {
        let io = |source| StoreError::Io { what: "make the folder", path: folder.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    }
    let fail = |source| StoreError::Open { path: path.to_owned(), source };
    let mut connection = Connection::open(path).map_err(fail)?;
    settle(&mut connection).map_err(fail)?;
    // The page size only counts before the first table; larger pages make the report's scan cheaper.
    connection.execute_batch("pragma page_size = 8192").map_err(fail)?;
    let mode: String =
        connection.query_row("pragma journal_mode = wal", [], |row| row.get(0)).map_err(fail)?;
    debug_assert_eq!(mode, "wal");
    connection.execute_batch("pragma synchronous = full").map_err(fail)?;
    let io = |source| StoreError::Io { what: "close to others", path: path.to_owned(), source };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(io)?;
    upgrade(&mut connection, path, now)?;
    // Off until here: a migration that makes a table anew drops the old one while others refer to it.
    connection.execute_batch("pragma foreign_keys = on").map_err(fail)?;
    let anew = SegmentWriter::resolve_anew(&mut connection);
    anew.map_err(|source| StoreError::sql("resolve the segments by the rules of this version", source))?;
    Ok(connection)
}

/// What every connection needs, reading or writing.
pub(crate) fn settle(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.execute_batch("pragma trusted_schema = off; pragma cache_size = -8192")?;
    // A plan holds for all values: else statements over tables with partial indexes are planned anew at each call.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    // SQLite's own waiting sleeps up to 100 ms at a time and can miss every gap between an import's transactions.
    connection.busy_handler(Some(|tries| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        u128::try_from(tries).unwrap_or(0) < BUSY_LIMIT.as_millis()
    }))
}

fn upgrade(connection: &mut Connection, path: &Path, now: Timestamp) -> Result<(), StoreError> {
    let fail = |source| StoreError::sql("read the database's version", source);
    let found: i64 = connection.query_row("pragma user_version", [], |row| row.get(0)).map_err(fail)?;
    if VERSION < found {
        return Err(StoreError::Future { path: path.to_owned(), found, known: VERSION });
    }
    if found == VERSION {
        return Ok(());
    }
    if 0 < found {
        let copy = path.with_extension(format!("before-{VERSION}-{}.db", now.strftime("%Y%m%dT%H%M%SZ")));
        backup_to(connection, &copy)?;
    }
    let pending = MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0));
    for (index, (_, sql)) in pending {
        let fail = |source| StoreError::sql("apply a migration", source);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
        // Another process may have come first.
        let current: i64 =
            transaction.query_row("pragma user_version", [], |row| row.get(0)).map_err(fail)?;
        if current == i64::try_from(index).unwrap_or(i64::MAX) {
            transaction.execute_batch(sql).map_err(fail)?;
            transaction.pragma_update(None, "user_version", current + 1).map_err(fail)?;
        }
        transaction.commit().map_err(fail)?;
    }
    Ok(())
}

/// Writes a whole copy of the database while others go on using it; the copy appears under its name when complete.
pub(super) fn backup_to(connection: &Connection, target: &Path) -> Result<(), StoreError> {
    let part = PathBuf::from(format!("{}.part", target.display()));
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io { what, path, source }
    };
    if let Some(folder) = target.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(io("make the folder", folder))?;
    }
    if part.exists() {
        std::fs::remove_file(&part).map_err(io("remove", &part))?;
    }
    let fail = |source| StoreError::sql("back up the database", source);
    // A snapshot copy in one statement: it is compact, and writers go on meanwhile.
    if let Err(error) = connection.execute("vacuum into ?1", [part.to_string_lossy()]) {
        // What there is of it would keep a full disk full.
        drop(std::fs::remove_file(&part));
        return Err(fail(error));
    }
    std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o600))
        .map_err(io("close to others", &part))?;
    std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(io("sync", &part))?;
    std::fs::rename(&part, target).map_err(io("rename", &part))
}
