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
use super::{Core, CoreError, Rules, Wake};
use crate::chain::chain;
use crate::clock::{Clock, Stopwatch};
use crate::domain::schedule::{MISSED_AFTER, Missed, Overlap};
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

/// What is judged of an occurrence that has fallen due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) definition_id: i64,
    pub(super) due_at: Timestamp,
    pub(super) manual: bool,
    pub(super) rules: Rules,
}

impl Due {
    /// Whether it could not be handed over in time; what a person asked for never is missed.
    fn is_missed(&self, now: Timestamp) -> bool {
        !self.manual && self.due_at + MISSED_AFTER < now
    }
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

/// What is to be judged of occurrences. Rules are looked up only where they matter: of what was missed, and of what meets
/// a run.
fn judged(core: &Core, occurrences: &[OpenOccurrence], busy: &HashSet<i64>, now: Timestamp) -> Vec<Due> {
    let mut due: Vec<Due> = occurrences
        .iter()
        .map(|one| Due {
            definition_id: one.definition_id,
            due_at: one.due_at,
            manual: one.manual,
            rules: Rules::default(),
        })
        .collect();
    let matters = |due: &Due| due.is_missed(now) || busy.contains(&due.definition_id);
    if due.iter().any(matters) {
        tokio::task::block_in_place(|| {
            for (due, occurrence) in due.iter_mut().zip(occurrences) {
                if matters(due) {
                    due.rules = core.rules(occurrence);
                }
            }
        });
    }
    due
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
    let judged = judged(core, &due, &busy, now);
    let decisions = decide(&judged, newer, &busy, now);
    let mut written: Vec<(i64, HandOver)> =
        known.iter().map(|occurrence| (occurrence.occurrence_id, HandOver::Due)).collect();
    for ((occurrence, judged), decision) in due.into_iter().zip(judged).zip(decisions) {
        let (occurrence_id, due_at) = (occurrence.occurrence_id, occurrence.due_at);
        match decision {
            Decision::Run { cancels } => {
                if cancels {
                    queue.cancel(occurrence.definition_id);
                }
                written.push((occurrence_id, HandOver::Due));
                let place = core.place(&occurrence, judged.rules.overlap);
                queue.push(occurrence, place);
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
    due: &[Due],
    mut newer: HashMap<i64, usize>,
    busy: &HashSet<i64>,
    now: Timestamp,
) -> Vec<Decision> {
    let mut decisions = Vec::with_capacity(due.len());
    for one in due.iter().rev() {
        let Rules { missed, overlap } = one.rules;
        let wanted = !one.is_missed(now) || {
            let place = newer.entry(one.definition_id).or_default();
            *place += 1;
            let most = match missed.runs {
                Missed::None => 0,
                Missed::Latest => 1,
                Missed::All => missed.cap,
            };
            *place <= most && now.duration_since(one.due_at) <= missed.window
        };
        let overlaps = !one.manual && busy.contains(&one.definition_id);
        decisions.push(match (wanted, overlaps, overlap) {
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

    use jiff::SignedDuration;

    use super::{Decision, Due, Missed, Overlap, Rules, decide};
    use crate::domain::schedule::MissedRule;

    const RUN: Decision = Decision::Run { cancels: false };
    const MISSED: Decision = Decision::Skip("missed");

    /// Two hours missed, one fresh, one by hand.
    fn decided(missed: MissedRule, overlap: Overlap, busy: &[i64]) -> Vec<Decision> {
        let due = ["06:00:00", "07:00:00", "08:00:00", "08:00:01"].map(|time| Due {
            definition_id: 1,
            due_at: format!("2026-11-20T{time}Z").parse().unwrap(),
            manual: time == "08:00:01",
            rules: Rules { missed, overlap },
        });
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
