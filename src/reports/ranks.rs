//! Codes in the order of their texts, so that groups are sorted by numbers.

use std::cmp::Ordering;

use crate::domain::batch::{Code, Dictionary};

/// An id as a key: numbers first, by size, then the others as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(pub String);

impl Key {
    fn number(&self) -> Option<u128> {
        self.0.bytes().all(|byte| byte.is_ascii_digit()).then(|| self.0.parse().ok()).flatten()
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_kind = match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_kind.then_with(|| self.0.as_bytes().cmp(other.0.as_bytes()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A key and a code that stands for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ranked {
    /// The key.
    pub key: Key,
    /// The code.
    pub code: Code,
}

/// The codes of a dictionary, ranked. Equal texts have one rank; a rank holds until the dictionary has grown.
#[derive(Debug, Default)]
pub struct Ranks {
    sorted: Vec<Ranked>,
    /// By code.
    ranks: Vec<u32>,
    /// By rank, where its key stands in `sorted`.
    keys: Vec<usize>,
}

impl Ranks {
    /// Takes up the codes that are new in a dictionary, each by what `text` makes of its text.
    pub fn follow<'t>(&mut self, dictionary: &'t Dictionary, text: impl Fn(&'t str) -> &'t str) {
        let known = self.sorted.len();
        if known == dictionary.len() {
            return;
        }
        let new = (known..dictionary.len()).filter_map(|code| Code::try_from(code).ok());
        self.sorted.extend(new.map(|code| Ranked { key: Key(text(dictionary.text(code)).to_owned()), code }));
        // A stable sort sees that nearly all of it is in order.
        self.sorted.sort();
        self.ranks.resize(self.sorted.len(), 0);
        self.keys.clear();
        let mut before = None;
        for (place, Ranked { key, code }) in self.sorted.iter().enumerate() {
            if before != Some(key) {
                self.keys.push(place);
            }
            before = Some(key);
            let rank = usize::try_from(*code).ok().and_then(|code| self.ranks.get_mut(code));
            if let Some(rank) = rank {
                *rank = u32::try_from(self.keys.len() - 1).unwrap_or(u32::MAX);
            }
        }
    }

    /// The rank of a code.
    pub fn rank(&self, code: Code) -> u32 {
        usize::try_from(code).ok().and_then(|code| self.ranks.get(code)).copied().unwrap_or(u32::MAX)
    }

    /// What has a rank: its key, and the first code that was given it, which stays the same while the dictionary grows.
    pub fn ranked(&self, rank: u32) -> Option<&Ranked> {
        let place = self.keys.get(usize::try_from(rank).ok()?)?;
        self.sorted.get(*place)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Ranks};
    use crate::domain::batch::Dictionary;

    #[test]
    fn ids_sort_as_numbers_where_they_are() {
        let mut keys: Vec<Key> = ["b", "12", "-1", "9", "a", "0012"].map(|text| Key(text.to_owned())).into();
        keys.sort();
        assert_eq!(
            keys.iter().map(|key| key.0.as_str()).collect::<Vec<_>>(),
            ["9", "0012", "12", "-1", "a", "b"]
        );
    }

    #[test]
    fn ranks_follow_a_dictionary_that_grows_and_equal_texts_have_one() {
        let (mut dictionary, mut ranks) = (Dictionary::default(), Ranks::default());
        for texts in [["12", "b"], ["9", "BOT"]] {
            for text in texts {
                dictionary.push(text);
            }
            ranks.follow(&dictionary, |text| if text.is_empty() { "BOT" } else { text });
        }
        assert_eq!([0, 1, 2, 3, 4].map(|code| ranks.rank(code)), [2, 1, 3, 0, 2]);
        let keys: Vec<&str> = (0..5).filter_map(|rank| Some(ranks.ranked(rank)?.key.0.as_str())).collect();
        assert_eq!(keys, ["9", "12", "BOT", "b"]);
    }
}
