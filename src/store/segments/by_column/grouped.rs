//! Which segments of a chunk belong to one interaction.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

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
        // Groups by hash. Where two have one hash, the later ones stand under the next free number.
        let mut index: HashMap<u32, usize, RandomState> = HashMap::default();
        index.reserve(segments.rows());
        let key = |row: usize| (accounts.get(row), segments.interaction_id.get(row));
        let (mut hashes, mut of_row) =
            (Vec::with_capacity(accounts.len()), Vec::with_capacity(accounts.len()));
        let mut first_rows: Vec<usize> = Vec::new();
        let mut counts: Vec<usize> = Vec::new();
        for (row, account) in accounts.iter().enumerate() {
            let hash = key_hash(*account, segments.interaction_id.get(row));
            hashes.push(hash);
            let mut slot = hash;
            let group = loop {
                let group = *index.entry(slot).or_insert(first_rows.len());
                match first_rows.get(group) {
                    Some(first) if key(*first) == key(row) => break group,
                    Some(_) => slot = slot.wrapping_add(1),
                    None => {
                        first_rows.push(row);
                        counts.push(0);
                        break group;
                    }
                }
            };
            of_row.push(group);
            if let Some(count) = counts.get_mut(group) {
                *count += 1;
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
