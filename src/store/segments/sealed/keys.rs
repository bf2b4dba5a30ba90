//! In which blocks a key can be: one table without pointers, of eight bytes a slot.

use std::hint::black_box;

use rusqlite::Transaction;

/// A slot without an entry. Not 0: memory of zeros that is read before it is written costs twice.
const FREE: u64 = u64::MAX;

/// Hashes whose slots are fetched side by side.
const AT_ONCE: usize = 64;

/// Slots of the smallest table; their number is a power of two.
const SLOTS_MIN: usize = 1 << 10;

/// Hashes of keys with the blocks in which they occur; loaded when the first key is looked for.
#[derive(Debug)]
pub(super) struct Keys {
    /// Selects the blocks behind one with the hashes of each.
    sql: &'static str,
    /// Selects how many bytes those hashes have.
    sql_bytes: &'static str,
    /// Hash above, block below, or [`FREE`]. A hash stands in the slot that its lower bits name, or behind it before the
    /// next free one.
    slots: Vec<u64>,
    used: usize,
    loaded: i64,
    /// How many hashes there were in blocks when that was last asked for.
    there: usize,
}

impl Keys {
    /// Those of rows.
    pub(super) fn of_rows() -> Self {
        Self::new(
            "select block_id, keys from segment_block where block_id > ?1 order by block_id",
            "select coalesce(sum(length(keys)), 0) from segment_block where block_id > ?1",
        )
    }

    /// Those of interactions.
    pub(super) fn of_interactions() -> Self {
        Self::new(
            "select block_id, hashes from segment_block_interactions where block_id > ?1 order by block_id",
            "select coalesce(sum(length(hashes)), 0) from segment_block_interactions where block_id > ?1",
        )
    }

    fn new(sql: &'static str, sql_bytes: &'static str) -> Self {
        Self { sql, sql_bytes, slots: Vec::new(), used: 0, loaded: 0, there: 0 }
    }

    /// Takes up the blocks up to `newest` that are new since.
    pub(super) fn load(&mut self, tx: &Transaction<'_>, newest: i64) -> rusqlite::Result<()> {
        if newest <= self.loaded {
            return Ok(());
        }
        self.forget_replaced(tx)?;
        let more = self.behind(tx, self.loaded)?;
        self.reserve(more);
        let mut statement = tx.prepare_cached(self.sql)?;
        let mut rows = statement.query([self.loaded])?;
        while let Some(row) = rows.next()? {
            let block: i64 = row.get(0)?;
            let block =
                u32::try_from(block).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, block))?;
            for some in row.get_ref(1)?.as_blob().unwrap_or_default().as_chunks().0.chunks(AT_ONCE) {
                self.fetch(some.iter().map(|four| u32::from_le_bytes(*four)));
                for four in some {
                    self.add(u32::from_le_bytes(*four), block);
                }
            }
        }
        self.loaded = newest;
        Ok(())
    }

    /// How many hashes are in the blocks behind one.
    fn behind(&self, tx: &Transaction<'_>, block_id: i64) -> rusqlite::Result<usize> {
        let bytes: i64 = tx.prepare_cached(self.sql_bytes)?.query_row([block_id], |row| row.get(0))?;
        Ok(usize::try_from(bytes / 4).unwrap_or(0))
    }

    /// Begins anew when most of what is here is of blocks that were replaced.
    fn forget_replaced(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        if 2 * self.there < self.used {
            self.there = self.behind(tx, 0)?;
            if 2 * self.there < self.used {
                *self = Self { there: self.there, ..Self::new(self.sql, self.sql_bytes) };
            }
        }
        Ok(())
    }

    /// Makes room for more hashes.
    fn reserve(&mut self, more: usize) {
        // At most three quarters full: what is not there is found out after a slot or two.
        let all = self.used + more;
        let wanted = (all + all / 3 + 1).next_power_of_two().max(SLOTS_MIN);
        if self.slots.len() < wanted {
            for slot in std::mem::replace(&mut self.slots, vec![FREE; wanted]) {
                if slot != FREE {
                    self.put(slot);
                }
            }
        }
    }

    fn add(&mut self, hash: u32, block: u32) {
        self.reserve(1);
        self.put(u64::from(hash) << 32 | u64::from(block));
        self.used += 1;
    }

    fn put(&mut self, entry: u64) {
        let mask = self.slots.len() - 1;
        let mut at = home(entry) & mask;
        while self.slots.get(at).is_some_and(|slot| *slot != FREE) {
            at = (at + 1) & mask;
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = entry;
        }
    }

    /// Whether each hash occurs in a block, or occurred.
    pub(super) fn have(&self, hashes: &[u32]) -> Vec<bool> {
        let mut have = Vec::with_capacity(hashes.len());
        for some in hashes.chunks(AT_ONCE) {
            self.fetch(some.iter().copied());
            have.extend(some.iter().map(|hash| self.of(*hash).next().is_some()));
        }
        have
    }

    /// Brings the slots of some hashes near. The table is larger than what a processor keeps near, and what is done with a
    /// slot hangs on what is in it: slot by slot, each would be waited for alone.
    fn fetch(&self, hashes: impl Iterator<Item = u32>) {
        let mask = self.slots.len().saturating_sub(1);
        let slot = |hash: u32| self.slots.get(home(u64::from(hash) << 32) & mask).copied().unwrap_or(0);
        black_box(hashes.map(slot).fold(0, |all, slot| all ^ slot));
    }

    /// The blocks in which a hash occurs, or occurred before they were replaced.
    pub(super) fn blocks(&self, hash: u32) -> Vec<i64> {
        self.of(hash).collect()
    }

    fn of(&self, hash: u32) -> impl Iterator<Item = i64> {
        let mask = self.slots.len().saturating_sub(1);
        let from = home(u64::from(hash) << 32);
        let slots =
            (from..).map_while(move |at| self.slots.get(at & mask).copied().filter(|slot| *slot != FREE));
        slots
            .filter(move |slot| slot >> 32 == u64::from(hash))
            .map(|slot| i64::try_from(slot & 0xffff_ffff).unwrap_or(i64::MAX))
    }
}

fn home(entry: u64) -> usize {
    usize::try_from(entry >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rusqlite::{Connection, params};

    use super::Keys;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_block_of_a_hash_is_found(
            pairs in prop::collection::vec((prop_oneof![0..40_u32, any::<u32>()], 1..9_u32), 0..3_000),
        ) {
            let mut keys = Keys::of_rows();
            for (hash, block) in &pairs {
                keys.add(*hash, *block);
            }
            for (hash, _) in pairs.iter().chain(&[(77, 0)]) {
                let mut found = keys.blocks(*hash);
                found.sort_unstable();
                let mut there: Vec<i64> =
                    pairs.iter().filter(|(known, _)| known == hash).map(|(_, block)| i64::from(*block)).collect();
                there.sort_unstable();
                prop_assert_eq!(found, there);
            }
        }

        /// What is there is found however often blocks were replaced, and those that were replaced do not pile up.
        #[test]
        fn blocks_that_were_replaced_are_forgotten(
            steps in prop::collection::vec((prop::collection::vec(0..40_u32, 1..9), 0..4_usize), 1..40),
        ) {
            let mut connection = Connection::open_in_memory().unwrap();
            connection.execute_batch("create table segment_block (block_id integer primary key, keys blob)").unwrap();
            let tx = connection.transaction().unwrap();
            let (mut keys, mut there) = (Keys::of_rows(), BTreeMap::<i64, Vec<u32>>::new());
            let mut most = 0;
            for (block, (hashes, replaced)) in (1..).zip(steps) {
                // Some of the newest blocks; the oldest stay.
                for old in there.keys().rev().take(replaced).copied().collect::<Vec<_>>() {
                    tx.execute("delete from segment_block where block_id = ?1", [old]).unwrap();
                    there.remove(&old);
                }
                let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
                tx.execute("insert into segment_block values (?1, ?2)", params![block, bytes]).unwrap();
                there.insert(block, hashes);
                keys.load(&tx, block).unwrap();
                most = most.max(there.values().map(Vec::len).sum());
                prop_assert!(keys.used <= 2 * most + 8, "{} of {most}", keys.used);
                for (block, hashes) in &there {
                    prop_assert!(hashes.iter().all(|hash| keys.blocks(*hash).contains(block)));
                }
            }
        }
    }
}
