//! Which keys rows may have, so that a large import need not ask the database for each of its own: most are new, or
//! stand in blocks.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use rusqlite::Transaction;

use super::names::data_version;
use super::sealed::block::key_hash;

/// Rows of a table beyond which nothing is remembered: reading their keys would take longer than it saves, and memory.
const ROWS_MAX: usize = 250_000;

/// Hashes of keys. What is not among them has no row; what is, may have one.
#[derive(Debug, Default)]
pub(super) struct RowKeys {
    /// The state of the database that they were read in, which changes when somebody else writes.
    version: Option<i64>,
    /// Whether all of them are here.
    whole: bool,
    interactions: HashSet<u32, RandomState>,
    segments: HashSet<u32, RandomState>,
}

impl RowKeys {
    /// Reads them anew where somebody else has written. To be called inside a transaction that may write.
    pub(super) fn begin(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let version = data_version(tx)?;
        if self.version != Some(version) {
            self.forget();
            self.whole = read(tx, "select account_id, record_id from interaction", &mut self.interactions)?
                && read(tx, "select account_id, record_id from segment", &mut self.segments)?;
            self.version = Some(version);
            self.bound();
        }
        Ok(())
    }

    /// Knows nothing any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Lets go of them where they have become too many; they are not read again before somebody else writes.
    fn bound(&mut self) {
        if !self.whole || ROWS_MAX < self.interactions.len().max(self.segments.len()) {
            *self = Self { version: self.version, ..Self::default() };
        }
    }

    /// Whether an interaction whose key has this hash may have a row.
    pub(super) fn may_have_interaction(&self, hash: u32) -> bool {
        !self.whole || self.interactions.contains(&hash)
    }

    /// Whether a segment whose key has this hash may have a row.
    pub(super) fn may_have_segment(&self, hash: u32) -> bool {
        !self.whole || self.segments.contains(&hash)
    }

    /// An interaction has a row from now on.
    pub(super) fn add_interaction(&mut self, account_id: i64, key: &str) {
        if self.whole {
            self.interactions.insert(key_hash(account_id, key));
            self.bound();
        }
    }

    /// A segment has a row from now on.
    pub(super) fn add_segment(&mut self, account_id: i64, key: &str) {
        if self.whole {
            self.segments.insert(key_hash(account_id, key));
            self.bound();
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
