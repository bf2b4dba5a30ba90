//! Turns schedules into occurrences ahead of time: every instant of the coming minutes is a row before it is due.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::timer::Timer;
use super::{Core, CoreError, Wake};
use crate::chain::chain;
use crate::domain::definition::Definition;
use crate::domain::schedule::{MISSED_AFTER, Schedule};
use crate::domain::source::Use;
use crate::domain::text::stamp;
use crate::store::definitions::{self, Next, NextInstants, Replanned};
use crate::store::occurrences::{self, DueSchedule, NewOccurrence, Planned, schedules_before};

/// Occurrences are planned this far ahead.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_secs(120);
/// The plan is drawn up this often.
const PLAN_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// Schedules of one transaction: the writer is never held for long.
const AT_ONCE: u32 = 256;
/// Missed instants of one schedule that get a row each; older ones get one row together.
const MISSED_LISTED: usize = 1_000;
/// How long the next try waits when the store cannot be used.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How far everything is planned, UTC milliseconds, exclusive.
#[derive(Debug)]
pub struct Horizon(AtomicI64);

impl Default for Horizon {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Horizon {
    /// Whether everything before an instant is planned.
    pub(super) fn reaches(&self, at: Timestamp) -> bool {
        at.as_millisecond() <= self.0.load(Ordering::SeqCst)
    }

    fn set(&self, to: Timestamp) {
        self.0.store(to.as_millisecond(), Ordering::SeqCst);
    }
}

/// Plans ahead until it is told to stop.
pub(super) async fn planner(core: Arc<Core>, wake: Wake, stop: CancellationToken) {
    let timer = Timer::new(core.clock.clone());
    loop {
        // Registered before looking: a wake-up between the look and the wait is not lost.
        let woken = wake.planner.notified();
        let now = core.now();
        let planned = plan(&core, now + AHEAD).await;
        let repaired = match repair(&core).await {
            Ok(()) => note_seen(&core, now).await,
            Err(error) => Err(error),
        };
        let failed = planned.as_ref().err().or(repaired.as_ref().err());
        if let Some(error) = failed {
            tracing::error!(error = chain(error), "planning did not work; trying again");
        } else {
            wake.dispatcher.notify_one();
        }
        let waited = async {
            if failed.is_some() {
                tokio::time::sleep(AFTER_FAILURE).await;
            } else {
                timer.until(now + PLAN_EVERY).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => {}
            () = waited => {}
        }
    }
}

/// Plans every instant before `until` that is not planned yet, a chunk a transaction.
pub async fn plan(core: &Arc<Core>, until: Timestamp) -> Result<(), CoreError> {
    let mut last: Option<DueSchedule> = None;
    loop {
        // Each is looked at once: one that cannot be planned keeps nobody behind it.
        let after = last.take();
        let read = move |connection: &rusqlite::Connection| {
            schedules_before(connection, after.as_ref(), until, AT_ONCE)
        };
        let due = core.store.read("read the schedules", read).await.map_err(CoreError::store("plan"))?;
        let found = due.len();
        last = due.last().cloned();
        if found == 0 {
            break;
        }
        let planning = core.clone();
        let plan = tokio::task::spawn_blocking(move || {
            let now = planning.now();
            let each = due.into_iter().filter_map(|schedule| plan_one(&planning, schedule, now, until));
            each.collect::<Vec<_>>()
        });
        let plan =
            plan.await.map_err(|error| CoreError::Definition(format!("planning panicked: {error}")))?;
        let (now, zone_data) = (core.now(), core.zone_data_id());
        let write = move |tx: &rusqlite::Transaction<'_>| occurrences::plan(tx, &plan, zone_data, now);
        core.store.write("write the plan", write).await.map_err(CoreError::store("plan"))?;
        if found < usize::try_from(AT_ONCE).unwrap_or(usize::MAX) {
            break;
        }
    }
    core.horizon.set(until);
    Ok(())
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
    let ordinal = usize::try_from(schedule.ordinal).ok()?;
    let rule = definition.schedules.get(ordinal)?;
    let mut instants: VecDeque<Timestamp> = VecDeque::new();
    let mut passed_over: Option<(Timestamp, Timestamp)> = None;
    let mut following = rule.after(schedule.next_at);
    let mut next = Some(schedule.next_at);
    while let Some(at) = next.filter(|at| *at < until) {
        instants.push_back(at);
        if MISSED_LISTED < instants.len()
            && at + MISSED_AFTER < now
            && let Some(oldest) = instants.pop_front()
        {
            passed_over = Some((passed_over.map_or(oldest, |(from, _)| from), oldest));
        }
        next = following.next();
    }
    let occurrence = |nominal_at| {
        let new = named(core, &definition, ordinal, nominal_at)?;
        Some(NewOccurrence { definition_id: schedule.definition_id, version_id: schedule.version_id, ..new })
    };
    let occurrences = instants.into_iter().filter_map(occurrence).collect();
    Some(Planned { schedule, occurrences, passed_over, next_at: next })
}

/// The occurrence that a schedule names: its period, when it falls due, and whether a blackout skips it. Its ids are left
/// to the caller.
pub(super) fn named(
    core: &Core,
    definition: &Definition,
    ordinal: usize,
    nominal_at: Timestamp,
) -> Option<NewOccurrence> {
    let schedule = definition.schedules.get(ordinal)?;
    let mut new = by_hand(definition, 0, 0, nominal_at)?;
    new.ordinal = i64::try_from(ordinal).ok();
    new.skipped = schedule.blackout.covers(nominal_at, &schedule.zone).then_some("blackout");
    // Late data delays the run and never moves the period; jitter comes on top of that.
    let feed = match definition.report.by {
        Use::Fetch(feed) => SignedDuration::from_millis(feed.lag_ms()),
        Use::Store | Use::PassThrough => SignedDuration::ZERO,
    };
    let said = core.config.sources.get(&definition.report.source);
    let lag = said.map_or(SignedDuration::ZERO, |source| source.lag).max(feed);
    let settled = nominal_at.checked_add(definition.report.settle).unwrap_or(nominal_at);
    // A period that is not over yet is asked for as it is: only one that is can be waited for.
    let waits = new.period.end <= nominal_at;
    let complete = new.period.end.checked_add(lag).ok().filter(|_| waits).unwrap_or(nominal_at);
    let jitter = schedule.jitter_of(&definition.name, nominal_at);
    let due_at = settled.max(complete);
    new.due_at = due_at.checked_add(jitter).unwrap_or(due_at);
    Some(new)
}

/// An occurrence that falls due at once, with the period that follows from its instant.
pub fn by_hand(
    definition: &Definition,
    definition_id: i64,
    version_id: i64,
    nominal_at: Timestamp,
) -> Option<NewOccurrence> {
    let report = &definition.report;
    match report.period.resolve(nominal_at, &report.zone, report.week_start) {
        Ok(period) => Some(NewOccurrence {
            definition_id,
            version_id,
            ordinal: None,
            nominal_at,
            due_at: nominal_at,
            period,
            skipped: None,
        }),
        Err(error) => {
            tracing::error!(definition = %definition.name, %nominal_at, %error, "no period for this instant");
            None
        }
    }
}

/// The next instant of each schedule after `now`.
pub fn next_instants(core: &Core, definition: &Definition, now: Timestamp) -> NextInstants {
    let next = |schedule: &Schedule| match schedule.next(now) {
        _ if !schedule.enabled => Next::Disabled,
        Some(at) => Next::At(at),
        None => Next::Ended,
    };
    NextInstants { of: definition.schedules.iter().map(next).collect(), zone_data_id: core.zone_data_id() }
}

/// What a definition makes of an instant that is planned already.
pub fn replanned(core: &Arc<Core>, definition: &Definition) -> Replanned {
    let (core, definition) = (core.clone(), definition.clone());
    Box::new(move |nominal| {
        let just_before = nominal - SignedDuration::from_millis(1);
        let names = |schedule: &Schedule| schedule.next(just_before) == Some(nominal);
        let each = definition.schedules.iter().enumerate().filter(|(_, schedule)| names(schedule));
        let mut found = each.filter_map(|(ordinal, _)| named(&core, &definition, ordinal, nominal));
        let first = found.next()?;
        // A planned row is no skipped one: a schedule that no blackout silences is wanted.
        if first.skipped.is_none() { Some(first) } else { found.find(|new| new.skipped.is_none()) }
    })
}

/// The name under which the newest instant is noted that a daemon has seen.
const SEEN: &str = "seen";

async fn note_seen(core: &Arc<Core>, now: Timestamp) -> Result<(), CoreError> {
    let seen = stamp(now);
    let write = move |tx: &rusqlite::Transaction<'_>| definitions::set_surrounding(tx, SEEN, &seen);
    core.store.write("note the clock", write).await.map_err(CoreError::store("note the clock"))
}

/// The newest instant that the daemon before this one has seen: one in the future says that its clock ran ahead.
pub(super) async fn seen(core: &Arc<Core>) -> Option<Timestamp> {
    let read = |connection: &rusqlite::Connection| definitions::surrounding(connection, SEEN);
    core.store.read("read the surroundings", read).await.ok().flatten()?.parse().ok()
}

/// Gives schedules that have neither a next instant nor an end a next instant. There are none unless something is
/// broken: this is one look into an index that is empty.
async fn repair(core: &Arc<Core>) -> Result<(), CoreError> {
    let lost = core.store.read("look for lost schedules", definitions::lost).await;
    let lost = lost.map_err(CoreError::store("look for lost schedules"))?;
    for stored in lost {
        tracing::error!(definition = stored.name, "a schedule has no next instant and no end: it gets one");
        if let Ok(definition) = core.parse(&stored.name, &stored.text) {
            let now = core.now();
            let next = next_instants(core, &definition, now);
            let write =
                move |tx: &rusqlite::Transaction<'_>| definitions::set_next(tx, stored.definition_id, &next);
            core.store
                .write("repair a schedule", write)
                .await
                .map_err(CoreError::store("repair a schedule"))?;
        }
    }
    Ok(())
}
