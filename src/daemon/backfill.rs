//! Occurrences of the past, made or made again: which instants a span has, and a few of them in the run queue at a time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Core;
use super::ask::AskError;
use super::planner::by_hand;
use crate::domain::definition::Definition;
use crate::domain::period::{Period, PeriodError, PeriodRule};
use crate::store::backfill::{self, Backfill, Progress};
use crate::store::definitions::{DefinitionState, StoredDefinition};
use crate::store::occurrences::NewOccurrence;

/// Occurrences in the run queue at the same time: an interrupted backfill leaves few behind.
const AT_ONCE: i64 = 20;

/// A span that somebody asks for.
#[derive(Debug)]
pub struct Asked {
    wanted: Vec<NewOccurrence>,
    backfill: Backfill,
}

/// How far a backfill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[schemars(rename = "Backfilled")]
pub struct State {
    /// Instants of the span.
    pub instants: usize,
    /// Instants that wait for their turn: asking for the same span again puts the next ones into the run queue.
    pub left: usize,
    /// What became of the others.
    #[serde(flatten)]
    pub progress: Progress,
}

impl State {
    /// Whether everything has ended.
    pub fn is_over(&self) -> bool {
        self.left == 0 && self.progress.open == 0
    }
}

/// The instants of a span of instants or of local dates and times, its end exclusive.
pub fn asked(
    stored: &StoredDefinition,
    parsed: &Definition,
    (from, to): (&str, &str),
    send: bool,
    now: Timestamp,
) -> Result<Asked, AskError> {
    let wrong = |words: &str| AskError::Wrong(words.to_owned());
    if stored.state == DefinitionState::Retired {
        return Err(AskError::Wrong(format!("{} is retired: bring it back before it is run", stored.name)));
    }
    let span = span((from.trim(), to.trim()), parsed)?;
    if now < span.end {
        return Err(wrong("the end lies in the future; a backfill makes what is past"));
    }
    let instants = instants(parsed, span)?;
    if instants.is_empty() {
        return Err(wrong("no instant of this definition lies in the span"));
    }
    let new = |(nominal_at, ordinal)| {
        let new = by_hand(parsed, stored.definition_id, stored.version_id, nominal_at)?;
        Some(NewOccurrence { ordinal, ..new })
    };
    let backfill = Backfill { definition_id: stored.definition_id, from: span.start, to: span.end, send };
    Ok(Asked { wanted: instants.into_iter().filter_map(new).collect(), backfill })
}

/// Begins a backfill or goes on with it: puts the next instants into the run queue, and notes the end when all of them
/// have had their turn. Returns its key, and how far it is. Blocks.
pub fn advance(core: &Core, asked: &Asked) -> Result<(i64, State), AskError> {
    let (wanted, of, now) = (asked.wanted.clone(), asked.backfill, core.now());
    let instants = wanted.len();
    let advance = move |tx: &rusqlite::Transaction<'_>| {
        let backfill_id = backfill::begin(tx, &of, now)?;
        let mut room = AT_ONCE - backfill::progress(tx, backfill_id)?.open;
        let mut left = 0;
        for new in &wanted {
            if backfill::has_had(tx, backfill_id, new)? {
                continue;
            }
            if room <= 0 {
                left += 1;
            } else if backfill::add(tx, backfill_id, new, of.send)? {
                room -= 1;
            }
        }
        let state = State { instants, left, progress: backfill::progress(tx, backfill_id)? };
        if state.is_over() {
            backfill::end(tx, backfill_id, now)?;
        }
        Ok((backfill_id, state))
    };
    Ok(core.store.write_blocking("go on with a backfill", advance)?)
}

fn span((from, to): (&str, &str), parsed: &Definition) -> Result<Period, AskError> {
    if let (Ok(start), Ok(end)) = (from.parse::<Timestamp>(), to.parse::<Timestamp>()) {
        if end <= start {
            let wrong = "the end is not after the beginning; it is the first instant outside";
            return Err(AskError::Wrong(wrong.to_owned()));
        }
        return Ok(Period { start, end });
    }
    let wrong = |error: PeriodError| AskError::Wrong(error.to_string());
    let rule = PeriodRule::between(from, to).map_err(wrong)?;
    rule.resolve(Timestamp::UNIX_EPOCH, &parsed.report.zone, parsed.report.week_start).map_err(wrong)
}

/// The definition's instants in a span, with the schedule that names each; without schedules the ends of its periods.
fn instants(parsed: &Definition, span: Period) -> Result<BTreeMap<Timestamp, Option<i64>>, AskError> {
    let mut instants = BTreeMap::new();
    for (ordinal, schedule) in (0_i64..).zip(&parsed.schedules) {
        let just_before = span.start - SignedDuration::from_millis(1);
        for at in schedule.after(just_before).take_while(|at| *at < span.end) {
            instants.entry(at).or_insert(Some(ordinal));
        }
    }
    if parsed.schedules.is_empty() {
        let report = &parsed.report;
        let ends = report.period.ends_in(span, &report.zone, report.week_start).ok_or_else(|| {
            let help = "make it with `legwork run NAME --period FROM..TO`";
            AskError::Wrong(format!("the period `{}` has no unit to step by; {help}", report.period))
        })?;
        instants.extend(ends.into_iter().map(|at| (at, None)));
    }
    Ok(instants)
}
