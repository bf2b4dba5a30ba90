//! Turns the clock into occurrences: plans the coming minute, hands over what falls due.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::housekeeping::plan_anew;
use super::{Core, CoreError, Wake};
use crate::chain::chain;
use crate::domain::definition::Definition;
use crate::domain::schedule::{MISSED_AFTER, Missed};
use crate::store::definitions;
use crate::store::occurrences::{
    self, DueSchedule, HandOver, NewOccurrence, OpenOccurrence, Planned, busy, fallen_due, next_due,
    schedules_before,
};

/// Occurrences are planned this far ahead.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// The plan is drawn up this often.
const PLAN_EVERY: SignedDuration = SignedDuration::from_secs(20);
/// The longest sleep: a clock that was set is noticed after it.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// Missed instants of one schedule that get a row each; older ones get one row together.
const MISSED_LISTED: usize = 1_000;

/// Plans and hands over until it is told to stop.
pub(super) async fn planner(core: Arc<Core>, wake: Wake, stop: CancellationToken) {
    let mut planned_until = Timestamp::MIN;
    let mut last_look = core.now();
    loop {
        // Registered before looking: a wake-up between the look and the wait is not lost.
        let woken = wake.planner.notified();
        if let Err(error) = notice_clock_set_back(&core, &mut last_look).await {
            tracing::error!(error = chain(&error), "planning anew did not work; trying again");
        }
        let step = step(&core, &mut planned_until).await;
        let sleep = match step {
            Ok(handed_over) => {
                if 0 < handed_over {
                    wake.runner.notify_one();
                }
                sleep_until_next(&core).await
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "planning did not work; trying again");
                SLEEP_MAX
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => planned_until = Timestamp::MIN,
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

/// A clock that ran ahead and was corrected has moved every next instant into the future: they are computed anew.
async fn notice_clock_set_back(core: &Arc<Core>, last_look: &mut Timestamp) -> Result<(), CoreError> {
    let now = core.now();
    if now + WINDOW < *last_look {
        tracing::warn!(from = %last_look, to = %now, "the clock was set back: planning anew");
        plan_anew(core).await.map_err(CoreError::store("plan anew"))?;
        let undone =
            core.store.write("undo what ran ahead", move |tx| definitions::undo_ahead(tx, now)).await;
        undone.map_err(CoreError::store("plan anew"))?;
    }
    *last_look = now;
    Ok(())
}

async fn step(core: &Arc<Core>, planned_until: &mut Timestamp) -> Result<usize, CoreError> {
    let now = core.now();
    // What is planned already is planned again after a step of the clock; the keys refuse a second row.
    let fresh = now + PLAN_EVERY < *planned_until && *planned_until <= now + WINDOW;
    if !fresh {
        plan(core, now + WINDOW).await?;
        *planned_until = now + WINDOW;
    }
    hand_over(core).await
}

async fn sleep_until_next(core: &Core) -> Duration {
    let next = core.store.read("read the next instant", next_due).await.ok().flatten();
    let until = next
        .map_or(SLEEP_MAX, |at| Duration::try_from(at.duration_since(core.now())).unwrap_or(Duration::ZERO));
    until.clamp(Duration::from_millis(1), SLEEP_MAX)
}

/// Plans every instant before `until` that is not planned yet, in one transaction.
pub async fn plan(core: &Arc<Core>, until: Timestamp) -> Result<(), CoreError> {
    let due =
        core.store.read("read the schedules", move |connection| schedules_before(connection, until)).await;
    let due = due.map_err(CoreError::store("plan"))?;
    if due.is_empty() {
        return Ok(());
    }
    let planning = core.clone();
    let plan = tokio::task::spawn_blocking(move || {
        let now = planning.now();
        due.into_iter().filter_map(|schedule| plan_one(&planning, schedule, now, until)).collect::<Vec<_>>()
    });
    let plan = plan.await.unwrap_or_default();
    let written = core.store.write("write the plan", move |tx| occurrences::plan(tx, &plan)).await;
    written.map_err(CoreError::store("plan"))
}

fn plan_one(core: &Core, schedule: DueSchedule, now: Timestamp, until: Timestamp) -> Option<Planned> {
    let definition = match core.definition(schedule.version_id) {
        Ok(definition) => definition,
        Err(error) => {
            // Its instants stay unplanned, so that they are found when the config is mended.
            tracing::error!(definition_id = schedule.definition_id, error = chain(&error), "cannot plan");
            return None;
        }
    };
    let rule =
        usize::try_from(schedule.ordinal).ok().and_then(|ordinal| definition.schedules.get(ordinal))?;
    let mut instants: VecDeque<Timestamp> = VecDeque::new();
    let mut passed_over: Option<(Timestamp, Timestamp)> = None;
    let mut next = Some(schedule.next_at);
    while let Some(at) = next.filter(|at| *at < until) {
        instants.push_back(at);
        if MISSED_LISTED < instants.len()
            && at + MISSED_AFTER < now
            && let Some(oldest) = instants.pop_front()
        {
            passed_over = Some((passed_over.map_or(oldest, |(from, _)| from), oldest));
        }
        next = rule.next(at);
    }
    let occurrence =
        |nominal_at| new_occurrence(&definition, schedule.definition_id, schedule.version_id, nominal_at);
    let occurrences = instants.into_iter().filter_map(occurrence).collect();
    Some(Planned { schedule, occurrences, passed_over, next_at: next })
}

/// An occurrence with the period that follows from its instant.
pub fn new_occurrence(
    definition: &Definition,
    definition_id: i64,
    version_id: i64,
    nominal_at: Timestamp,
) -> Option<NewOccurrence> {
    let report = &definition.report;
    match report.period.resolve(nominal_at, &report.zone, report.week_start) {
        Ok(period) => Some(NewOccurrence { definition_id, version_id, nominal_at, period }),
        Err(error) => {
            tracing::error!(definition = %definition.name, %nominal_at, %error, "no period for this instant");
            None
        }
    }
}

/// Hands over what has fallen due, or skips it by rule. Returns how many went into the run queue.
pub async fn hand_over(core: &Arc<Core>) -> Result<usize, CoreError> {
    let now = core.now();
    let look = move |connection: &rusqlite::Connection| Ok((fallen_due(connection, now)?, busy(connection)?));
    let looked = core.store.read("read what is due", look).await;
    let (fallen, busy) = looked.map_err(CoreError::store("hand over"))?;
    if fallen.is_empty() {
        return Ok(0);
    }
    let deciding = core.clone();
    let decisions = tokio::task::spawn_blocking(move || {
        let missed_rule = |version_id| {
            let definition = deciding.definition(version_id).ok()?;
            // The strictest of the schedules would lose runs; the most willing one wins.
            let latest = definition.schedules.iter().any(|schedule| schedule.missed.runs != Missed::None);
            Some(if latest { Missed::Latest } else { Missed::None })
        };
        decide(&fallen, &busy.into_iter().collect(), now, missed_rule)
    });
    let decisions = decisions.await.unwrap_or_default();
    let due = decisions.iter().filter(|(_, decision)| *decision == HandOver::Due).count();
    for (occurrence_id, decision) in &decisions {
        if let HandOver::Skip(rule) = decision {
            tracing::warn!(occurrence_id, rule, "skipped");
        }
    }
    let written = core.store.write("hand over", move |tx| occurrences::hand_over(tx, &decisions, now)).await;
    written.map_err(CoreError::store("hand over"))?;
    Ok(due)
}

/// What becomes of occurrences that have fallen due, oldest first. Pure.
///
/// Overlap is judged against what worked already: of several that are found together each runs, one after the other,
/// for at their instants no run worked.
fn decide(
    fallen: &[OpenOccurrence],
    busy: &HashSet<i64>,
    now: Timestamp,
    missed_rule: impl Fn(i64) -> Option<Missed>,
) -> Vec<(i64, HandOver)> {
    let is_missed =
        |occurrence: &OpenOccurrence| !occurrence.manual && occurrence.nominal_at + MISSED_AFTER < now;
    let mut latest_missed: HashMap<i64, i64> = HashMap::new();
    for occurrence in fallen.iter().filter(|occurrence| is_missed(occurrence)) {
        latest_missed.insert(occurrence.definition_id, occurrence.occurrence_id);
    }
    let mut decisions = Vec::with_capacity(fallen.len());
    for occurrence in fallen {
        let definition_id = occurrence.definition_id;
        let runs_though_missed = || {
            latest_missed.get(&definition_id) == Some(&occurrence.occurrence_id)
                && missed_rule(occurrence.version_id) != Some(Missed::None)
        };
        let decision = if occurrence.manual {
            HandOver::Due
        } else if is_missed(occurrence) && !runs_though_missed() {
            HandOver::Skip("missed")
        } else if busy.contains(&definition_id) {
            HandOver::Skip("overlap")
        } else {
            HandOver::Due
        };
        decisions.push((occurrence.occurrence_id, decision));
    }
    decisions
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{HandOver, Missed, OpenOccurrence, decide};
    use crate::domain::period::Period;

    fn occurrence(occurrence_id: i64, nominal: &str, manual: bool) -> OpenOccurrence {
        let nominal_at = nominal.parse().unwrap();
        OpenOccurrence {
            occurrence_id,
            definition_id: 1,
            version_id: 1,
            nominal_at,
            manual,
            period: Period { start: nominal_at, end: nominal_at },
            send: true,
            send_to: None,
        }
    }

    fn check(rule: Missed, busy: &[i64], expected: &[HandOver]) {
        let fallen = [
            occurrence(1, "2026-11-20T06:00:00Z", false),
            occurrence(2, "2026-11-20T07:00:00Z", false),
            occurrence(3, "2026-11-20T08:00:00Z", false),
            occurrence(4, "2026-11-20T08:00:01Z", true),
        ];
        let now = "2026-11-20T08:00:02Z".parse().unwrap();
        let busy: HashSet<i64> = busy.iter().copied().collect();
        let decisions = decide(&fallen, &busy, now, |_| Some(rule));
        assert_eq!(decisions.into_iter().map(|(_, decision)| decision).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn of_the_missed_instants_the_latest_runs_and_the_next_one_after_it() {
        check(Missed::Latest, &[], &[HandOver::Skip("missed"), HandOver::Due, HandOver::Due, HandOver::Due]);
    }

    #[test]
    fn none_of_the_missed_instants_runs_when_the_job_says_so() {
        let skip = HandOver::Skip;
        check(Missed::None, &[], &[skip("missed"), skip("missed"), HandOver::Due, HandOver::Due]);
    }

    #[test]
    fn a_request_by_hand_waits_and_a_scheduled_one_is_skipped_while_a_run_works() {
        let skip = HandOver::Skip;
        check(Missed::Latest, &[1], &[skip("missed"), skip("overlap"), skip("overlap"), HandOver::Due]);
    }
}
