//! The run queue: occurrences that have fallen due, and the runs that work.
//!
//! The store has every row of it; this is what the daemon acts on. Oldest nominal instant first, one run a definition
//! unless its schedule allows more, and never more than the config's limits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::occurrences::OpenOccurrence;

/// Occurrences that wait in memory; more wait in the store.
pub(super) const WAITING_MAX: usize = 10_000;
/// The store is asked for more when fewer wait in memory.
const REFILL_BELOW: usize = 5_000;
/// Runs of backfills at the same time: the reports of today come first.
const BACKFILL_RUNS: usize = 1;
/// Runs over a vendor at the same time, unless the config says how many.
const VENDOR_RUNS: usize = 2;

/// How many runs work at the same time.
#[derive(Debug, Clone, Default)]
pub struct RunLimits {
    /// By source; the others have two. Runs over a vendor mostly wait: they hold up none over the store.
    pub by_source: BTreeMap<String, usize>,
}

/// Where and beside what an occurrence runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whether it may run beside another run of its definition.
    pub beside: bool,
    /// The source that its report asks.
    pub source: String,
}

/// The run queue.
#[derive(Debug)]
pub struct RunQueue {
    limits: RunLimits,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<(Timestamp, i64), Waiting>,
    running: HashMap<i64, Running>,
    /// Some occurrences that wait stand in the store only.
    overflown: bool,
}

#[derive(Debug)]
struct Waiting {
    occurrence: OpenOccurrence,
    place: Place,
}

#[derive(Debug)]
struct Running {
    definition_id: i64,
    source: String,
    backfill: bool,
    cancel: CancellationToken,
}

/// What can be run now.
#[derive(Debug)]
pub(super) enum Take {
    /// This one; the token ends it.
    Run(Box<OpenOccurrence>, CancellationToken),
    /// Nothing before this instant.
    After(Timestamp),
    /// Nothing until something changes.
    Nothing,
    /// The store may have more than is in memory.
    Refill,
}

impl RunQueue {
    /// An empty one.
    pub fn new(limits: RunLimits) -> Self {
        Self { limits, state: Mutex::default(), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an occurrence. One that is there already is left alone.
    pub fn push(&self, occurrence: OpenOccurrence, place: Place) {
        let mut state = self.state();
        let key = (occurrence.nominal_at, occurrence.occurrence_id);
        if state.running.contains_key(&occurrence.occurrence_id) {
            return;
        }
        if WAITING_MAX <= state.waiting.len() && !state.waiting.contains_key(&key) {
            state.overflown = true;
            return;
        }
        state.waiting.entry(key).or_insert(Waiting { occurrence, place });
        drop(state);
        self.changed.notify_one();
    }

    /// The occurrences that wait or run.
    pub fn occurrences(&self) -> HashSet<i64> {
        let state = self.state();
        state
            .waiting
            .keys()
            .map(|(_, occurrence_id)| occurrence_id)
            .chain(state.running.keys())
            .copied()
            .collect()
    }

    /// Definitions of which a run works or waits for a place. Backfills do not count: they are in nobody's way.
    pub fn busy(&self, now: Timestamp) -> HashSet<i64> {
        let state = self.state();
        let waiting = state.waiting.values().map(|waiting| &waiting.occurrence);
        let waiting = waiting.filter(|occurrence| {
            !occurrence.backfill && !occurrence.rerun && occurrence.retry_at.is_none_or(|at| at <= now)
        });
        let running = state.running.values().filter(|running| !running.backfill);
        let running = running.map(|running| running.definition_id);
        waiting.map(|occurrence| occurrence.definition_id).chain(running).collect()
    }

    /// Ends the runs of a definition; those of a backfill are in nobody's way.
    pub fn cancel(&self, definition_id: i64) {
        let state = self.state();
        let its = |running: &&Running| running.definition_id == definition_id && !running.backfill;
        for running in state.running.values().filter(its) {
            running.cancel.cancel();
        }
    }

    /// Takes the first occurrence that may run now.
    pub(super) fn take(&self, now: Timestamp) -> Take {
        let mut state = self.state();
        if state.overflown && state.waiting.len() < REFILL_BELOW {
            state.overflown = false;
            return Take::Refill;
        }
        let backfills = state.running.values().filter(|running| running.backfill).count();
        let runs =
            |definition_id| state.running.values().any(|running| running.definition_id == definition_id);
        let full = |source: &String| {
            let most = self.limits.by_source.get(source).copied().unwrap_or(VENDOR_RUNS);
            most <= state.running.values().filter(|running| running.source == *source).count()
        };
        let may = |waiting: &Waiting| {
            let occurrence = &waiting.occurrence;
            occurrence.retry_at.is_none_or(|at| at <= now)
                && !full(&waiting.place.source)
                && (waiting.place.beside || !runs(occurrence.definition_id))
                && (!occurrence.backfill || backfills < BACKFILL_RUNS)
        };
        // The reports of today first, however old the instants of a backfill are.
        let first = |backfill: bool| {
            let mut each = state.waiting.iter();
            let found = each.find(|(_, waiting)| waiting.occurrence.backfill == backfill && may(waiting));
            found.map(|(key, _)| *key)
        };
        let found = first(false).or_else(|| first(true));
        if let Some(Waiting { occurrence, place }) = found.and_then(|key| state.waiting.remove(&key)) {
            let cancel = CancellationToken::new();
            let running = Running {
                definition_id: occurrence.definition_id,
                source: place.source,
                backfill: occurrence.backfill || occurrence.rerun,
                cancel: cancel.clone(),
            };
            state.running.insert(occurrence.occurrence_id, running);
            return Take::Run(Box::new(occurrence), cancel);
        }
        let retries = state.waiting.values().filter_map(|waiting| waiting.occurrence.retry_at);
        retries.filter(|at| now < *at).min().map_or(Take::Nothing, Take::After)
    }

    /// A run has ended.
    pub(super) fn finish(&self, occurrence_id: i64) {
        self.state().running.remove(&occurrence_id);
        self.changed.notify_one();
    }

    /// The store may have more than is here.
    pub(super) fn overflow(&self) {
        self.state().overflown = true;
        self.changed.notify_one();
    }

    /// Something was added, or has ended.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Place, RunLimits, RunQueue, Take};
    use crate::domain::period::Period;
    use crate::store::occurrences::OpenOccurrence;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn occurrence(occurrence_id: i64, definition_id: i64, nominal_s: i64) -> OpenOccurrence {
        let nominal_at = Timestamp::from_second(nominal_s).unwrap();
        OpenOccurrence {
            occurrence_id,
            definition_id,
            version_id: 1,
            nominal_at,
            due_at: nominal_at,
            manual: false,
            ordinal: Some(0),
            backfill: false,
            rerun: false,
            period: Period { start: nominal_at, end: nominal_at },
            send: true,
            send_to: None,
            failures: 0,
            retry_at: None,
        }
    }

    fn queue(runs: usize) -> RunQueue {
        RunQueue::new(RunLimits { by_source: [("store".to_owned(), runs)].into() })
    }

    fn place(beside: bool) -> Place {
        Place { beside, source: "store".to_owned() }
    }

    fn taken(queue: &RunQueue) -> Option<i64> {
        match queue.take(NOW) {
            Take::Run(occurrence, _) => Some(occurrence.occurrence_id),
            Take::After(_) | Take::Nothing | Take::Refill => None,
        }
    }

    #[test]
    fn the_oldest_runs_first_and_one_a_definition() {
        let queue = queue(2);
        for (id, definition, nominal) in [(1, 7, 30), (2, 7, 10), (3, 8, 20), (4, 9, 5)] {
            queue.push(occurrence(id, definition, nominal), place(false));
        }
        assert_eq!((taken(&queue), taken(&queue), taken(&queue)), (Some(4), Some(2), None));
        queue.finish(4);
        assert_eq!((taken(&queue), taken(&queue)), (Some(3), None), "definition 7 works");
        queue.finish(2);
        assert_eq!(taken(&queue), Some(1));
    }

    #[test]
    fn a_retry_waits_for_its_instant_and_does_not_count_as_busy() {
        let queue = queue(2);
        let later = Timestamp::from_second(60).unwrap();
        queue.push(OpenOccurrence { retry_at: Some(later), ..occurrence(1, 7, 10) }, place(false));
        assert!(matches!(queue.take(NOW), Take::After(at) if at == later));
        assert!(
            queue.busy(NOW).is_empty() && queue.busy(later).contains(&7) && queue.occurrences().contains(&1)
        );
        assert!(matches!(queue.take(later), Take::Run(..)));
    }

    #[test]
    fn allowed_runs_stand_beside_each_other_and_backfills_take_one_place() {
        let queue = queue(3);
        queue.push(occurrence(1, 7, 10), place(true));
        queue.push(occurrence(2, 7, 20), place(true));
        for id in [3, 4] {
            queue.push(OpenOccurrence { backfill: true, ..occurrence(id, id, 1) }, place(false));
        }
        assert_eq!((taken(&queue), taken(&queue), taken(&queue)), (Some(1), Some(2), Some(3)));
        queue.finish(1);
        assert_eq!(taken(&queue), None, "another backfill works");
    }

    #[test]
    fn runs_that_wait_for_a_vendor_hold_up_none_over_the_store() {
        let queue = queue(1);
        for id in [1, 2, 3] {
            queue.push(occurrence(id, id, 1), Place { beside: false, source: "ringcx".to_owned() });
        }
        queue.push(occurrence(4, 4, 2), place(false));
        queue.push(occurrence(5, 5, 3), place(false));
        assert_eq!((taken(&queue), taken(&queue), taken(&queue)), (Some(1), Some(2), Some(4)));
        assert_eq!(taken(&queue), None, "two over the vendor and one over the store work");
        queue.finish(4);
        assert_eq!(taken(&queue), Some(5));
    }
}
