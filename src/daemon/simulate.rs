//! What schedules would do over a span of time: the planner's instants and the dispatcher's rules, without a daemon.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::dispatcher::{Decision, Due, decide};
use super::planner::named;
use super::{Core, Rules};
use crate::domain::definition::Definition;
use crate::domain::period::Period;
use crate::domain::schedule::Overlap;

/// The span, and what goes wrong in it.
#[derive(Debug, Clone)]
pub struct Plot {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant outside.
    pub to: Timestamp,
    /// Spans in which no daemon runs, each with its end.
    pub down: Vec<(Timestamp, Timestamp)>,
    /// How long a run takes.
    pub run_takes: SignedDuration,
}

/// An instant and what becomes of it.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// The instant.
    pub nominal_at: Timestamp,
    /// Which schedule names it.
    pub ordinal: usize,
    /// When it is handed over: when it falls due, or when the daemon is back.
    pub handed_over_at: Timestamp,
    /// How much later that is than it fell due.
    pub late: SignedDuration,
    /// The period of data.
    pub period: Period,
    /// The rule that skips it; `None` when it runs.
    pub skipped: Option<&'static str>,
    /// What a clock change did to it.
    pub note: Option<String>,
}

/// What one definition would do, in the order in which its occurrences are handed over.
pub fn simulate(core: &Core, definition: &Definition, plot: &Plot) -> Vec<Simulated> {
    let mut each: Vec<(Simulated, Due)> = Vec::new();
    let mut named_already: HashSet<Timestamp> = HashSet::new();
    for (ordinal, schedule) in definition.schedules.iter().enumerate() {
        let just_before = plot.from - SignedDuration::from_millis(1);
        for nominal_at in schedule.after(just_before).take_while(|at| *at < plot.to) {
            let Some(new) = named(core, definition, ordinal, nominal_at) else { continue };
            // Schedules that meet make one occurrence: of one that no blackout silences, if there is such a one.
            if !named_already.insert(nominal_at) {
                let silenced = |(known, _): &(Simulated, Due)| {
                    known.nominal_at == nominal_at && known.skipped.is_some() && new.skipped.is_none()
                };
                let Some(place) = each.iter().position(silenced) else { continue };
                each.remove(place);
            }
            let back = plot.down.iter().find(|(from, to)| *from <= new.due_at && new.due_at < *to);
            let handed_over_at = back.map_or(new.due_at, |(_, to)| *to);
            let simulated = Simulated {
                nominal_at,
                ordinal,
                handed_over_at,
                late: handed_over_at.duration_since(new.due_at),
                period: new.period,
                skipped: new.skipped,
                note: schedule.note(nominal_at),
            };
            let rules = Rules { missed: schedule.missed, overlap: schedule.overlap };
            each.push((simulated, Due { definition_id: 0, due_at: new.due_at, manual: false, rules }));
        }
    }
    each.sort_by_key(|(simulated, due)| (simulated.handed_over_at, due.due_at));
    judge(&mut each, plot.run_takes);
    each.into_iter().map(|(simulated, _)| simulated).collect()
}

/// Judges occurrences that are handed over together, group by group.
fn judge(each: &mut [(Simulated, Due)], run_takes: SignedDuration) {
    let mut free_at = Timestamp::MIN;
    for group in each.chunk_by_mut(|a, b| a.0.handed_over_at == b.0.handed_over_at) {
        let Some(now) = group.first().map(|(simulated, _)| simulated.handed_over_at) else { continue };
        let due: Vec<Due> =
            group.iter().filter(|(simulated, _)| simulated.skipped.is_none()).map(|(_, due)| *due).collect();
        let busy: HashSet<i64> = (now < free_at).then_some(0).into_iter().collect();
        let mut decisions = decide(&due, HashMap::new(), &busy, now).into_iter();
        for (simulated, one) in group.iter_mut().filter(|(simulated, _)| simulated.skipped.is_none()) {
            match decisions.next() {
                Some(Decision::Skip(rule)) => simulated.skipped = Some(rule),
                Some(Decision::Run { cancels }) => {
                    let beside = cancels || one.rules.overlap == Overlap::Allow;
                    let begins = if beside { now } else { free_at.max(now) };
                    free_at = begins.checked_add(run_takes).unwrap_or(begins);
                }
                None => {}
            }
        }
    }
}
