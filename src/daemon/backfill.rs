//! Occurrences of the past, made or made again: which instants a span has, and a few of them in the run queue at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Core;
use super::ask::{AskError, not_retired, span};
use super::planner::by_hand;
use crate::domain::definition::Definition;
use crate::domain::period::Period;
use crate::domain::text::stamp;
use crate::store::backfill::{self, Backfill, Progress};
use crate::store::definitions::StoredDefinition;
use crate::store::occurrences::NewOccurrence;

/// Occurrences in the run queue at the same time: an interrupted backfill leaves few behind.
const AT_ONCE: i64 = 20;

/// A span that somebody asks for.
#[derive(Debug)]
pub struct Wanted {
    occurrences: Arc<Vec<NewOccurrence>>,
    backfill: Backfill,
}

/// How far a backfill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Backfilled {
    /// Instants of the span.
    pub instants: usize,
    /// Instants that wait for their turn: asking for the same span again puts the next ones into the run queue.
    pub left: usize,
    /// What became of the others.
    #[serde(flatten)]
    pub progress: Progress,
}

impl Backfilled {
    /// Whether everything has ended.
    pub fn is_over(&self) -> bool {
        self.left == 0 && self.progress.open == 0
    }
}

/// What one look at a backfill found.
#[derive(Debug, Clone, Copy)]
pub struct Advanced {
    /// The backfill.
    pub backfill_id: i64,
    /// Whether it began with this.
    pub began: bool,
    /// How far it is.
    pub backfilled: Backfilled,
}

/// The instants of a span of instants or of local dates and times, its end exclusive. `most` is how many there may be.
pub fn wanted(
    stored: &StoredDefinition,
    parsed: &Definition,
    (from, to): (&str, &str),
    send: bool,
    most: usize,
    now: Timestamp,
) -> Result<Wanted, AskError> {
    let wrong = |words: &str| AskError::Wrong(words.to_owned());
    not_retired(stored)?;
    let span = span((from, to), parsed)?;
    if now < span.end {
        return Err(wrong("the end lies in the future; a backfill makes what is past"));
    }
    let instants = instants(parsed, span, most)?;
    if instants.is_empty() {
        return Err(wrong("no instant of this definition lies in the span"));
    }
    let new = |(nominal_at, ordinal)| {
        let new = by_hand(parsed, stored.definition_id, stored.version_id, nominal_at)?;
        Some(NewOccurrence { ordinal, ..new })
    };
    let backfill = Backfill { definition_id: stored.definition_id, from: span.start, to: span.end, send };
    Ok(Wanted { occurrences: Arc::new(instants.into_iter().filter_map(new).collect()), backfill })
}

/// Begins a backfill or goes on with it: puts the next instants into the run queue, and notes the end when all of them
/// have had their turn. Blocks.
pub fn advance(core: &Core, wanted: &Wanted) -> Result<Advanced, AskError> {
    let (occurrences, of, now) = (wanted.occurrences.clone(), wanted.backfill, core.now());
    let advance = move |tx: &rusqlite::Transaction<'_>| {
        let (backfill_id, began) = backfill::begin(tx, &of, now)?;
        let had = backfill::had(tx, backfill_id)?;
        let mut room = AT_ONCE - backfill::progress(tx, backfill_id)?.open;
        let mut left = 0;
        for new in occurrences.iter() {
            if had.contains(&stamp(new.nominal_at)) {
                continue;
            }
            if room <= 0 {
                left += 1;
            } else if backfill::add(tx, backfill_id, new, of.send)? {
                room -= 1;
            }
        }
        let instants = occurrences.len();
        let backfilled = Backfilled { instants, left, progress: backfill::progress(tx, backfill_id)? };
        if backfilled.is_over() {
            backfill::end(tx, backfill_id, now)?;
        }
        Ok(Advanced { backfill_id, began, backfilled })
    };
    Ok(core.store.write_blocking("go on with a backfill", advance)?)
}

/// The definition's instants in a span, with the schedule that names each; without schedules the ends of its periods.
fn instants(
    parsed: &Definition,
    span: Period,
    most: usize,
) -> Result<BTreeMap<Timestamp, Option<i64>>, AskError> {
    let mut instants = BTreeMap::new();
    let too_many =
        || AskError::Wrong(format!("more than {most} instants lie in the span; ask for a shorter one"));
    for (ordinal, schedule) in (0_i64..).zip(&parsed.schedules) {
        let just_before = span.start - SignedDuration::from_millis(1);
        for at in schedule.after(just_before).take_while(|at| *at < span.end) {
            instants.entry(at).or_insert(Some(ordinal));
            if most < instants.len() {
                return Err(too_many());
            }
        }
    }
    if parsed.schedules.is_empty() {
        let report = &parsed.report;
        let ends = report
            .period
            .ends_in(span, &report.zone, report.week_start, most.saturating_add(1))
            .ok_or_else(|| {
                let help = "make it with `legwork run NAME --period FROM..TO`";
                AskError::Wrong(format!("the period `{}` has no unit to step by; {help}", report.period))
            })?;
        instants.extend(ends.into_iter().map(|at| (at, None)));
    }
    if most < instants.len() {
        return Err(too_many());
    }
    Ok(instants)
}
