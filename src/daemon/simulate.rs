//! What schedules would do over a span of time: the planner's instants and the dispatcher's rules, without a daemon.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::ask::AskError;
use super::dispatcher::{Decision, Due, decide};
use super::planner::named;
use super::{Core, Rules};
use crate::domain::definition::Definition;
use crate::domain::instant::parse_instant;
use crate::domain::period::Period;
use crate::domain::schedule::Overlap;
use crate::domain::text::local;
use crate::domain::units;
use crate::store::definitions::{DefinitionState, StoredDefinition};

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

impl Plot {
    /// Out of words: instants, spans as FROM..TO, a duration.
    pub fn read(
        (from, to): (&str, &str),
        down: &[String],
        run_takes: Option<&str>,
    ) -> Result<Self, AskError> {
        let wrong = |what: &str, error: &dyn std::fmt::Display| AskError::Wrong(format!("{what}: {error}"));
        let instant = |what: &str, text: &str| {
            let ms = parse_instant(text.trim()).map_err(|error| wrong(what, &error))?;
            Timestamp::from_millisecond(ms).map_err(|error| wrong(what, &error))
        };
        let plot = Self {
            from: instant("from", from)?,
            to: instant("to", to)?,
            down: down
                .iter()
                .map(|text| {
                    let help = format!("write `{text}` as FROM..TO");
                    let (from, to) = text.split_once("..").ok_or_else(|| wrong("down", &help))?;
                    Ok((instant("down", from)?, instant("down", to)?))
                })
                .collect::<Result<_, AskError>>()?,
            run_takes: match run_takes {
                Some(text) => units::duration(text).map_err(|error| wrong("run_takes", &error))?,
                None => SignedDuration::ZERO,
            }
            .max(SignedDuration::ZERO),
        };
        if plot.to <= plot.from {
            let help = "it is not after from; it is the first instant outside";
            return Err(wrong("to", &help));
        }
        Ok(plot)
    }
}

/// An instant and what becomes of it.
#[derive(Debug, Clone)]
struct Simulated {
    /// The instant.
    nominal_at: Timestamp,
    /// Which schedule names it.
    ordinal: usize,
    /// When it is handed over: when it falls due, or when the daemon is back.
    handed_over_at: Timestamp,
    /// How much later that is than it fell due.
    late: SignedDuration,
    /// The period of data.
    period: Period,
    /// The rule that skips it; `None` when it runs.
    skipped: Option<&'static str>,
    /// What a clock change did to it.
    note: Option<String>,
}

/// An instant as commands and the API tell it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
#[schemars(rename = "Simulated")]
pub struct ToldSimulated {
    /// The definition.
    pub name: String,
    /// The instant.
    pub nominal_at: Timestamp,
    /// The same in the schedule's zone.
    pub local: String,
    /// That zone.
    pub time_zone: String,
    /// When it is handed over: when it falls due, or when the daemon is back.
    pub handed_over_at: Timestamp,
    /// First instant of the period of data.
    pub period_start: Timestamp,
    /// First instant behind it.
    pub period_end: Timestamp,
    /// The rule that skips it; null when it runs.
    pub skipped: Option<&'static str>,
    /// How much later it is handed over than it fell due.
    pub late_seconds: i64,
    /// What a clock change did to it.
    pub note: Option<String>,
}

impl ToldSimulated {
    /// Whether it is not as on any other day.
    pub fn is_odd(&self) -> bool {
        self.skipped.is_some() || 0 < self.late_seconds || self.note.is_some()
    }
}

/// What became of all instants.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, schemars::JsonSchema)]
pub struct Counts {
    /// Those that run.
    pub run: u64,
    /// Of them, those that run late.
    pub late: u64,
    /// Those that a rule skips.
    pub skipped: u64,
    /// Those that a clock change moves or repeats.
    pub moved: u64,
}

/// What schedules would do.
#[derive(Debug, Default, serde::Serialize, schemars::JsonSchema)]
pub struct Outlook {
    /// In the order in which they are handed over.
    pub occurrences: Vec<ToldSimulated>,
    /// How many there are of each kind.
    pub counts: Counts,
}

/// What several definitions would do; of those only that are active. `most` is how many instants there may be. Blocks.
pub fn outlook(
    core: &Core,
    stored: &[StoredDefinition],
    plot: &Plot,
    most: usize,
) -> Result<Outlook, AskError> {
    let mut outlook = Outlook::default();
    for stored in stored.iter().filter(|stored| stored.state == DefinitionState::Active) {
        let parsed = core.parse(&stored.name, &stored.text)?;
        let left = most - outlook.occurrences.len();
        let simulated = simulate(core, &parsed, plot, left.saturating_add(1));
        if left < simulated.len() {
            let help = "ask for a shorter span, or name definitions";
            return Err(AskError::Wrong(format!("there are more than {most} instants in the span; {help}")));
        }
        for simulated in simulated {
            let Some(schedule) = parsed.schedules.get(simulated.ordinal) else { continue };
            let counts = &mut outlook.counts;
            if simulated.skipped.is_some() {
                counts.skipped += 1;
            } else {
                counts.run += 1;
                counts.late += u64::from(simulated.late.is_positive());
            }
            counts.moved += u64::from(simulated.note.is_some());
            outlook.occurrences.push(ToldSimulated {
                name: stored.name.clone(),
                nominal_at: simulated.nominal_at,
                local: local(simulated.nominal_at, &schedule.zone),
                time_zone: schedule.zone.name().to_owned(),
                handed_over_at: simulated.handed_over_at,
                period_start: simulated.period.start,
                period_end: simulated.period.end,
                skipped: simulated.skipped,
                late_seconds: simulated.late.as_secs(),
                note: simulated.note,
            });
        }
    }
    outlook.occurrences.sort_by_key(|simulated| simulated.handed_over_at);
    Ok(outlook)
}

/// What one definition would do, in the order in which its occurrences are handed over. No more than `most` instants of
/// each of its schedules are looked at.
fn simulate(core: &Core, definition: &Definition, plot: &Plot, most: usize) -> Vec<Simulated> {
    let mut each: Vec<(Simulated, Due)> = Vec::new();
    let mut named_already: HashSet<Timestamp> = HashSet::new();
    for (ordinal, schedule) in definition.schedules.iter().enumerate() {
        let just_before = plot.from - SignedDuration::from_millis(1);
        for nominal_at in schedule.after(just_before).take_while(|at| *at < plot.to).take(most) {
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
