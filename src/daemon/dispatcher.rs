//! Hands over what falls due, from memory and to the millisecond, or skips it by rule.
//!
//! The window of the coming minute is read from the store and read again whenever something may have changed; it is a
//! copy and nothing is lost with it. What is due goes into the run queue first and is written afterwards: its planned
//! row says already that it is to run.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::housekeeping::plan_anew;
use super::planner::{AHEAD, plan, seen};
use super::queue::RunQueue;
use super::timer::Timer;
use super::{Core, CoreError, Wake};
use crate::chain::chain;
use crate::clock::{Clock, Stopwatch};
use crate::domain::schedule::{MISSED_AFTER, Missed, MissedRule, Overlap};
use crate::store::definitions;
use crate::store::occurrences::{self, HandOver, OpenOccurrence, planned_before};

/// The window that is held in memory.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// It is read again this often.
const READ_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// Occurrences in the window at the most; the later ones are read when these are gone.
const WINDOW_MAX: u32 = 20_000;
/// A clock that differs by more from the time that has passed was set.
const JUMP: SignedDuration = SignedDuration::from_secs(90);
/// How long the next try waits when the store cannot be used.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// An occurrence that has fallen due with the rules of the schedule that named it. They are looked up only where they
/// matter: of what was missed, and of what meets a run.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) occurrence: OpenOccurrence,
    pub(super) missed: MissedRule,
    pub(super) overlap: Overlap,
}

/// Hands over until it is told to stop.
pub(super) async fn dispatcher(core: Arc<Core>, queue: Arc<RunQueue>, wake: Wake, stop: CancellationToken) {
    let timer = Timer::new(core.clock.clone());
    let mut window: VecDeque<OpenOccurrence> = VecDeque::new();
    let mut read_again = Timestamp::MIN;
    // A clock that ran ahead may have been corrected while no daemon ran.
    let seen = seen(&core).await.unwrap_or(Timestamp::MIN);
    let mut last = (core.now().max(seen), Stopwatch::start());
    // Whether the window ends before what has fallen due does.
    let mut cut = false;
    loop {
        let woken = wake.dispatcher.notified();
        let now = core.now();
        let looked = async {
            if notice_jump(&core, last, now).await? {
                read_again = Timestamp::MIN;
            }
            last = (now, Stopwatch::start());
            if read_again <= now {
                window = read_window(&core, now).await?;
                cut = window.len() == usize::try_from(WINDOW_MAX).unwrap_or(usize::MAX);
                let last_due = window.back().map_or(now, |occurrence| occurrence.due_at);
                read_again = if cut { last_due } else { now + READ_EVERY };
            }
            let due = window.iter().take_while(|occurrence| occurrence.due_at <= now).count();
            let due: Vec<OpenOccurrence> = window.drain(..due).collect();
            let newer = if cut { missed_later(&core, &due, now).await? } else { HashMap::new() };
            hand_over(&core, &queue, due, newer, now).await
        };
        let looked: Result<usize, CoreError> = looked.await;
        if let Err(error) = &looked {
            tracing::error!(error = chain(error), "handing over did not work; trying again");
            read_again = Timestamp::MIN;
            tokio::time::sleep(AFTER_FAILURE).await;
        }
        if matches!(looked, Ok(0)) {
            let next = window.front().map_or(read_again, |occurrence| occurrence.due_at.min(read_again));
            tokio::select! {
                () = stop.cancelled() => return,
                () = woken => read_again = Timestamp::MIN,
                () = timer.until(next) => {}
            }
        } else if stop.is_cancelled() {
            return;
        }
    }
}

/// Whether the clock was set since the last look. One that was set back has moved every next instant into the future:
/// they are computed anew.
async fn notice_jump(
    core: &Arc<Core>,
    (seen, since): (Timestamp, Stopwatch),
    now: Timestamp,
) -> Result<bool, CoreError> {
    let passed = SignedDuration::try_from(since.elapsed()).unwrap_or_default();
    let jump = now.duration_since(seen) - passed;
    if jump.abs() <= JUMP {
        return Ok(false);
    }
    // A settable clock goes on in steps: only backwards is a jump.
    if matches!(core.clock, Clock::System) || jump.is_negative() {
        tracing::warn!(from = %seen, to = %now, "the clock was set: planning anew");
    }
    if jump.is_negative() {
        plan_anew(core).await.map_err(CoreError::store("plan anew"))?;
        let undone =
            core.store.write("undo what ran ahead", move |tx| definitions::undo_ahead(tx, now)).await;
        undone.map_err(CoreError::store("plan anew"))?;
        plan(core, now + AHEAD).await?;
    }
    Ok(true)
}

async fn read_window(core: &Arc<Core>, now: Timestamp) -> Result<VecDeque<OpenOccurrence>, CoreError> {
    // After a stop or a jump everything up to now must be a row before the rules can look at it.
    if !core.horizon.reaches(now) {
        plan(core, now + AHEAD).await?;
    }
    let read = move |connection: &rusqlite::Connection| planned_before(connection, now + WINDOW, WINDOW_MAX);
    let planned = core.store.read("read the window", read).await;
    Ok(planned.map_err(CoreError::store("read the window"))?.into())
}

/// Looks up the rules of what was missed or meets a run.
async fn with_rules(
    core: &Arc<Core>,
    due: Vec<OpenOccurrence>,
    busy: &HashSet<i64>,
    now: Timestamp,
) -> Vec<Entry> {
    let without =
        |occurrence| Entry { occurrence, missed: MissedRule::default(), overlap: Overlap::default() };
    let matters: Vec<bool> =
        due.iter().map(|one| is_missed(one, now) || busy.contains(&one.definition_id)).collect();
    if !matters.contains(&true) {
        return due.into_iter().map(without).collect();
    }
    let reading = core.clone();
    let looked_up = tokio::task::spawn_blocking(move || {
        let each = due.into_iter().zip(matters);
        let each = each.map(|(one, matters)| if matters { entry(&reading, one) } else { without(one) });
        each.collect::<Vec<_>>()
    });
    // A panic is logged by its thread; the rows are planned still and are read again.
    looked_up.await.unwrap_or_default()
}

fn entry(core: &Core, occurrence: OpenOccurrence) -> Entry {
    let definition = core.definition(occurrence.version_id).ok();
    let schedule = occurrence
        .ordinal
        .and_then(|ordinal| definition.as_ref().and_then(|definition| definition.schedules.get(ordinal)));
    let (missed, overlap) = schedule.map(|schedule| (schedule.missed, schedule.overlap)).unwrap_or_default();
    Entry { occurrence, missed, overlap }
}

/// Missed occurrences that stand behind a window that was cut, by definition: the rules count them, too.
async fn missed_later(
    core: &Arc<Core>,
    due: &[OpenOccurrence],
    now: Timestamp,
) -> Result<HashMap<i64, usize>, CoreError> {
    let Some(last) = due.last().map(|occurrence| occurrence.due_at) else { return Ok(HashMap::new()) };
    let read = move |connection: &rusqlite::Connection| {
        occurrences::planned_between(connection, last, now - MISSED_AFTER)
    };
    let later = core.store.read("count missed occurrences", read).await;
    Ok(later.map_err(CoreError::store("count missed occurrences"))?.into_iter().collect())
}

/// Hands over what has fallen due, or skips it. Returns how many occurrences there were.
async fn hand_over(
    core: &Arc<Core>,
    queue: &RunQueue,
    due: Vec<OpenOccurrence>,
    newer: HashMap<i64, usize>,
    now: Timestamp,
) -> Result<usize, CoreError> {
    if due.is_empty() {
        return Ok(0);
    }
    // What was handed over already and could not be written must not meet itself.
    let queued = queue.occurrences();
    let (known, due): (Vec<OpenOccurrence>, Vec<OpenOccurrence>) =
        due.into_iter().partition(|occurrence| queued.contains(&occurrence.occurrence_id));
    let busy = queue.busy(now);
    let due = with_rules(core, due, &busy, now).await;
    let decisions = decide(&due, newer, &busy, now);
    let mut written: Vec<(i64, HandOver)> =
        known.iter().map(|occurrence| (occurrence.occurrence_id, HandOver::Due)).collect();
    for (entry, decision) in due.into_iter().zip(decisions) {
        let occurrence_id = entry.occurrence.occurrence_id;
        match decision {
            Decision::Run { cancels } => {
                if cancels {
                    queue.cancel(entry.occurrence.definition_id);
                }
                written.push((occurrence_id, HandOver::Due));
                let due_at = entry.occurrence.due_at;
                queue.push(entry.occurrence, entry.overlap == Overlap::Allow);
                core.lateness.note(due_at, core.clock.exact());
            }
            Decision::Skip(rule) => {
                tracing::warn!(occurrence_id, rule, "skipped");
                written.push((occurrence_id, HandOver::Skip(rule)));
            }
        }
    }
    let count = written.len();
    let write = move |tx: &rusqlite::Transaction<'_>| occurrences::hand_over(tx, &written, now);
    core.store.write("hand over", write).await.map_err(CoreError::store("hand over"))?;
    Ok(count)
}

/// Whether an occurrence could not be handed over in time; what a person asked for never is.
fn is_missed(occurrence: &OpenOccurrence, now: Timestamp) -> bool {
    !occurrence.manual && occurrence.due_at + MISSED_AFTER < now
}

/// What becomes of an occurrence that has fallen due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It runs; `cancels` what works of its definition.
    Run { cancels: bool },
    /// A rule skips it.
    Skip(&'static str),
}

/// What becomes of occurrences that have fallen due, oldest first. Pure.
///
/// Overlap is judged against what worked already: of several that are found together each runs, one after the other,
/// for at their instants no run worked. `newer` counts missed instants of a definition behind these.
pub(super) fn decide(
    due: &[Entry],
    mut newer: HashMap<i64, usize>,
    busy: &HashSet<i64>,
    now: Timestamp,
) -> Vec<Decision> {
    let mut decisions = Vec::with_capacity(due.len());
    for entry in due.iter().rev() {
        let occurrence = &entry.occurrence;
        let definition_id = occurrence.definition_id;
        let wanted = if is_missed(occurrence, now) {
            let place = newer.entry(definition_id).or_default();
            *place += 1;
            let most = match entry.missed.runs {
                Missed::None => 0,
                Missed::Latest => 1,
                Missed::All => entry.missed.cap,
            };
            *place <= most && now.duration_since(occurrence.due_at) <= entry.missed.window
        } else {
            true
        };
        let overlaps = !occurrence.manual && busy.contains(&definition_id);
        decisions.push(match (wanted, overlaps, entry.overlap) {
            (false, _, _) => Decision::Skip("missed"),
            (true, true, Overlap::Skip) => Decision::Skip("overlap"),
            (true, true, Overlap::CancelRunning) => Decision::Run { cancels: true },
            (true, ..) => Decision::Run { cancels: false },
        });
    }
    decisions.reverse();
    decisions
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use jiff::{SignedDuration, Timestamp};

    use super::{Decision, Entry, Missed, MissedRule, OpenOccurrence, Overlap, decide};
    use crate::domain::period::Period;

    const RUN: Decision = Decision::Run { cancels: false };
    const MISSED: Decision = Decision::Skip("missed");

    fn entry(occurrence_id: i64, due: &str, missed: MissedRule, overlap: Overlap) -> Entry {
        let due_at: Timestamp = due.parse().unwrap();
        let occurrence = OpenOccurrence {
            occurrence_id,
            definition_id: 1,
            version_id: 1,
            nominal_at: due_at,
            due_at,
            manual: occurrence_id == 4,
            ordinal: Some(0),
            backfill: false,
            period: Period { start: due_at, end: due_at },
            send: true,
            send_to: None,
            failures: 0,
            retry_at: None,
        };
        Entry { occurrence, missed, overlap }
    }

    /// Two hours missed, one fresh, one by hand.
    fn decided(missed: MissedRule, overlap: Overlap, busy: &[i64]) -> Vec<Decision> {
        let due = [(1, "06:00:00"), (2, "07:00:00"), (3, "08:00:00"), (4, "08:00:01")]
            .map(|(id, time)| entry(id, &format!("2026-11-20T{time}Z"), missed, overlap));
        let now = "2026-11-20T08:00:02Z".parse().unwrap();
        decide(&due, HashMap::new(), &busy.iter().copied().collect::<HashSet<_>>(), now)
    }

    fn missed(runs: Missed) -> MissedRule {
        MissedRule { runs, ..MissedRule::default() }
    }

    #[test]
    fn of_the_missed_instants_none_the_latest_or_all_run_and_the_fresh_one_after_them() {
        let skip = Overlap::Skip;
        assert_eq!(decided(missed(Missed::None), skip, &[]), [MISSED, MISSED, RUN, RUN]);
        assert_eq!(decided(missed(Missed::Latest), skip, &[]), [MISSED, RUN, RUN, RUN]);
        assert_eq!(decided(missed(Missed::All), skip, &[]), [RUN, RUN, RUN, RUN]);
    }

    #[test]
    fn the_missed_window_and_the_cap_bound_what_runs() {
        let window = SignedDuration::from_mins(90);
        let all = missed(Missed::All);
        assert_eq!(decided(MissedRule { window, ..all }, Overlap::Skip, &[]), [MISSED, RUN, RUN, RUN]);
        assert_eq!(decided(MissedRule { cap: 1, ..all }, Overlap::Skip, &[]), [MISSED, RUN, RUN, RUN]);
        let short = MissedRule { window: SignedDuration::from_mins(5), ..missed(Missed::Latest) };
        assert_eq!(decided(short, Overlap::Skip, &[]), [MISSED, MISSED, RUN, RUN]);
    }

    #[test]
    fn an_occurrence_that_meets_a_run_does_as_its_schedule_says_and_one_by_hand_waits() {
        let latest = missed(Missed::Latest);
        let overlap = Decision::Skip("overlap");
        assert_eq!(decided(latest, Overlap::Skip, &[1]), [MISSED, overlap, overlap, RUN]);
        assert_eq!(decided(latest, Overlap::Queue, &[1]), [MISSED, RUN, RUN, RUN]);
        let cancels = Decision::Run { cancels: true };
        assert_eq!(decided(latest, Overlap::CancelRunning, &[1]), [MISSED, cancels, cancels, RUN]);
        assert_eq!(decided(latest, Overlap::Allow, &[1]), [MISSED, RUN, RUN, RUN]);
    }
}
