//! Which segments of a chunk belong to one interaction.

use std::ops::Range;

use super::super::sealed::block::key_hash;
use crate::domain::record::gathered::SegmentColumns;

/// The way that an interaction goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Segment by segment.
    Records,
    /// Into new blocks.
    Straight,
    /// Compared with what blocks may have of it; then it is there already, or goes segment by segment.
    Known,
}

/// Rows by the hashes of their keys. In a table of hashes each look-up of a large chunk would be waited for.
pub(super) struct ByHash(Vec<u64>);

impl ByHash {
    pub(super) fn of(hashes: &[u32]) -> Self {
        let with_row = |(row, hash): (usize, &u32)| u64::from(*hash) << 32 | u64::try_from(row).unwrap_or(0);
        let mut rows: Vec<u64> = hashes.iter().enumerate().map(with_row).collect();
        rows.sort_unstable();
        Self(rows)
    }

    /// The rows that share a hash, in their order, for each hash that several have.
    pub(super) fn shared(&self) -> impl Iterator<Item = impl Iterator<Item = usize>> {
        let several = self.0.chunk_by(|a, b| a >> 32 == b >> 32).filter(|rows| 1 < rows.len());
        several.map(|rows| rows.iter().map(|row| usize::try_from(row & 0xffff_ffff).unwrap_or(0)))
    }
}

/// The first row of each row's key.
fn firsts<K: PartialEq>(hashes: &[u32], key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut firsts: Vec<usize> = (0..hashes.len()).collect();
    // Those of one hash are of one key but for some among millions.
    let mut of_keys = Vec::new();
    for rows in ByHash::of(hashes).shared() {
        of_keys.clear();
        for row in rows {
            let known = of_keys.iter().copied().find(|first| key(*first) == key(row));
            if known.is_none() {
                of_keys.push(row);
            }
            if let Some(slot) = firsts.get_mut(row) {
                *slot = known.unwrap_or(row);
            }
        }
    }
    firsts
}

/// Segments by interaction, in the order of the first line of each.
#[derive(Debug)]
pub(super) struct Grouped {
    /// The hash of each row's interaction.
    hashes: Vec<u32>,
    /// The group of each row.
    of_row: Vec<usize>,
    /// All rows, those of a group together and in the order of their lines.
    rows: Vec<usize>,
    /// Where each group ends among them.
    ends: Vec<usize>,
    ways: Vec<Way>,
}

impl Grouped {
    pub(super) fn of(segments: &SegmentColumns, accounts: &[i64]) -> Self {
        let hash = |(row, account): (usize, &i64)| key_hash(*account, segments.interaction_id.get(row));
        let hashes: Vec<u32> = accounts.iter().enumerate().map(hash).collect();
        let firsts = firsts(&hashes, |row| (accounts.get(row), segments.interaction_id.get(row)));
        let (mut of_row, mut counts) = (Vec::with_capacity(firsts.len()), Vec::<usize>::new());
        for (row, first) in firsts.into_iter().enumerate() {
            let group = if first == row { counts.len() } else { of_row.get(first).copied().unwrap_or(0) };
            of_row.push(group);
            match counts.get_mut(group) {
                Some(count) => *count += 1,
                None => counts.push(1),
            }
        }
        let ways = vec![Way::Records; counts.len()];
        // First where each group begins; as its rows come, that moves to where it ends.
        let mut ends = Vec::with_capacity(counts.len());
        let mut begun = 0;
        for count in counts {
            ends.push(begun);
            begun += count;
        }
        let mut rows = vec![0; of_row.len()];
        for (row, group) in of_row.iter().enumerate() {
            if let Some(end) = ends.get_mut(*group)
                && let Some(slot) = rows.get_mut(*end)
            {
                *slot = row;
                *end += 1;
            }
        }
        Self { hashes, of_row, rows, ends, ways }
    }

    /// The rows of a group, in the order of their lines; one at the least.
    pub(super) fn rows(&self, group: usize) -> &[usize] {
        let end = |group: usize| self.ends.get(group).copied().unwrap_or(0);
        let begin = group.checked_sub(1).map_or(0, end);
        self.rows.get(begin..end(group)).unwrap_or_default()
    }

    /// The hash of a row's interaction.
    pub(super) fn hash(&self, row: usize) -> u32 {
        self.hashes.get(row).copied().unwrap_or(0)
    }

    /// All groups.
    pub(super) fn groups(&self) -> Range<usize> {
        0..self.ends.len()
    }

    /// The groups that go one way.
    pub(super) fn all(&self, way: Way) -> impl Iterator<Item = usize> {
        self.groups().filter(move |group| self.ways.get(*group) == Some(&way))
    }

    /// The group of a row.
    pub(super) fn group(&self, row: usize) -> usize {
        self.of_row.get(row).copied().unwrap_or(usize::MAX)
    }

    /// The way of a row.
    pub(super) fn way(&self, row: usize) -> Way {
        self.ways.get(self.group(row)).copied().unwrap_or(Way::Records)
    }

    /// Sends a group another way.
    pub(super) fn send(&mut self, group: usize, way: Way) {
        if let Some(known) = self.ways.get_mut(group) {
            *known = way;
        }
    }
}
