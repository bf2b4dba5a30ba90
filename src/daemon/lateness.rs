//! How late occurrences are handed over: the newest of them, for figures.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How many are remembered.
const KEPT: usize = 4_096;

/// The newest lateness values.
#[derive(Debug, Default)]
pub struct Lateness {
    newest: Mutex<VecDeque<SignedDuration>>,
    noted: AtomicU64,
}

impl Lateness {
    /// Notes that something due at one instant was handed over at another.
    pub(super) fn note(&self, due_at: Timestamp, handed_over_at: Timestamp) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if KEPT <= newest.len() {
            newest.pop_front();
        }
        newest.push_back(handed_over_at.duration_since(due_at));
        self.noted.fetch_add(1, Ordering::Relaxed);
    }

    /// The value that this share of the newest ones does not exceed; `None` before the first one.
    pub fn quantile(&self, share: f64) -> Option<SignedDuration> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<SignedDuration> = newest.iter().copied().collect();
        sorted.sort_unstable();
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a place among a few thousand"
        )]
        let place = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
        sorted.get(place).copied()
    }

    /// How many were noted.
    pub fn noted(&self) -> u64 {
        self.noted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::Lateness;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let lateness = Lateness::default();
        assert_eq!(lateness.quantile(0.99), None);
        for ms in 1..=100 {
            let due = Timestamp::UNIX_EPOCH;
            lateness.note(due, due + SignedDuration::from_millis(ms));
        }
        assert_eq!(lateness.quantile(0.5), Some(SignedDuration::from_millis(50)));
        assert_eq!(lateness.quantile(0.99), Some(SignedDuration::from_millis(99)));
        assert_eq!(lateness.quantile(1.0), Some(SignedDuration::from_millis(100)));
    }
}
