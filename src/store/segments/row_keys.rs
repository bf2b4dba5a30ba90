//! Which keys rows may have, so that a large import need not ask the database for each of its own: most are new, or
//! stand in blocks.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use rusqlite::Transaction;

use super::sealed::block::key_hash;

/// Rows beyond which nothing is remembered: reading their keys would take longer than it saves.
const ROWS_MAX: usize = 2_000_000;

/// Hashes of keys. What is not among them has no row; what is, may have one.
#[derive(Debug, Default)]
pub(super) struct RowKeys {
    /// The state of the database that they were read in, which changes when somebody else writes.
    version: Option<i64>,
    interactions: HashSet<u32, RandomState>,
    segments: HashSet<u32, RandomState>,
}

impl RowKeys {
    /// Reads them anew where somebody else has written. To be called inside a transaction that may write.
    pub(super) fn begin(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let version: i64 = tx.prepare_cached("pragma data_version")?.query_row([], |row| row.get(0))?;
        if self.version != Some(version) {
            self.forget();
            let whole = read(tx, "select account_id, record_id from interaction", &mut self.interactions)?
                && read(tx, "select account_id, record_id from segment", &mut self.segments)?;
            self.version = whole.then_some(version);
        }
        Ok(())
    }

    /// Knows nothing any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether an interaction of this key may have a row.
    pub(super) fn may_have_interaction(&self, account_id: i64, key: &str) -> bool {
        self.version.is_none() || self.interactions.contains(&key_hash(account_id, key))
    }

    /// Whether a segment of this key may have a row.
    pub(super) fn may_have_segment(&self, account_id: i64, key: &str) -> bool {
        self.version.is_none() || self.segments.contains(&key_hash(account_id, key))
    }

    /// An interaction has a row from now on.
    pub(super) fn add_interaction(&mut self, account_id: i64, key: &str) {
        if self.version.is_some() {
            self.interactions.insert(key_hash(account_id, key));
        }
    }

    /// A segment has a row from now on.
    pub(super) fn add_segment(&mut self, account_id: i64, key: &str) {
        if self.version.is_some() {
            self.segments.insert(key_hash(account_id, key));
        }
    }
}

/// Takes up the keys of a table; false where there are too many.
fn read(tx: &Transaction<'_>, sql: &str, keys: &mut HashSet<u32, RandomState>) -> rusqlite::Result<bool> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if ROWS_MAX <= keys.len() {
            return Ok(false);
        }
        keys.insert(key_hash(row.get(0)?, row.get_ref(1)?.as_str()?));
    }
    Ok(true)
}
