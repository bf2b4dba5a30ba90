//! The interactions that a chunk of records touches, and in which of them each segment stands.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::interaction::Interaction;
use crate::domain::record::{Millis, Text};

type Key = (i64, Text);

/// Interactions in the order in which they were touched.
#[derive(Default)]
pub(super) struct Touched {
    hasher: RandomState,
    /// Places by the hash of account and key. Where two have one hash, the later ones stand under the next free number.
    index: HashMap<u64, usize, RandomState>,
    /// Hashes of the segments' keys. Only when one comes again, it is looked at where it stood before.
    seen: HashSet<u64, RandomState>,
    /// In which interaction each segment of the chunk stands, once that was asked.
    homes: Option<HashMap<Key, usize, RandomState>>,
    pub(super) interactions: VecDeque<Interaction>,
}

impl Touched {
    /// The place of an interaction that was touched.
    pub(super) fn place(&self, account_id: i64, key: &Text) -> Option<usize> {
        let mut hash = self.hash(account_id, key);
        loop {
            let at = *self.index.get(&hash)?;
            let known = self.interactions.get(at)?;
            if known.key == *key && known.account_id == account_id {
                return Some(at);
            }
            hash = hash.wrapping_add(1);
        }
    }

    /// Adds an interaction that was not touched yet, and returns its place.
    pub(super) fn add(&mut self, interaction: Interaction) -> usize {
        let mut hash = self.hash(interaction.account_id, &interaction.key);
        while self.index.contains_key(&hash) {
            hash = hash.wrapping_add(1);
        }
        self.index.insert(hash, self.interactions.len());
        self.interactions.push_back(interaction);
        self.interactions.len() - 1
    }

    /// Moves a segment's home to the interaction at `to`; false where it stands elsewhere in a newer version.
    pub(super) fn leave_home(&mut self, account_id: i64, key: &Text, to: usize, version: Millis) -> bool {
        let is_new = self.seen.insert(self.hash(account_id, key));
        if is_new && self.homes.is_none() {
            return true;
        }
        let mut homes = self.homes.take().unwrap_or_else(|| self.look_for_homes());
        let home = homes.entry((account_id, key.clone())).or_insert(to);
        let left = std::mem::replace(home, to);
        let mut newer = true;
        if left != to
            && let Some(left_one) = self.interactions.get_mut(left)
        {
            newer = !left_one.segments.iter().any(|known| known.key == *key && version < known.version);
            if newer {
                left_one.segments.retain(|known| known.key != *key);
            } else {
                *home = left;
            }
        }
        self.homes = Some(homes);
        newer
    }

    /// Where the segments stand whose keys have been seen.
    fn look_for_homes(&self) -> HashMap<Key, usize, RandomState> {
        let mut homes = HashMap::default();
        for (at, interaction) in self.interactions.iter().enumerate() {
            for segment in &interaction.segments {
                if !self.seen.contains(&self.hash(interaction.account_id, &segment.key)) {
                    continue;
                }
                // Where it stands in the database and a record has put it elsewhere, it stands elsewhere.
                let home = homes.entry((interaction.account_id, segment.key.clone())).or_insert(at);
                if segment.stored.is_none() {
                    *home = at;
                }
            }
        }
        homes
    }

    fn hash(&self, account_id: i64, key: &str) -> u64 {
        self.hasher.hash_one((account_id, key))
    }
}
