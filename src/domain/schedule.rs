//! Schedules: from a rule to instants, zone by zone.
//!
//! The clock rules are cronie's, applied per zone. A pattern is *fixed* when neither its minute nor its hour (nor its
//! seconds) begins with `*`; any other follows real time. In a gap a fixed pattern runs once, at the first instant
//! after it; in a fold at the first reading only. A jump of more than three hours is a correction of the calendar and
//! makes nothing up. Several civil times that resolve to one instant are one occurrence.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::cron::{CronPattern, Evaluator};
use super::zone::{Change, Zone};

/// What a schedule does when the wall clock jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockChange {
    /// cronie's rules: fixed times are made up after a gap and not repeated in a fold.
    #[default]
    Cron,
    /// Skipped in a gap, once in a fold.
    Skip,
    /// Whatever the wall clock shows: skipped in a gap, twice in a fold.
    Wall,
}

/// What happens to an occurrence that could not be handed over within [`MISSED_AFTER`] of its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missed {
    /// Each missed instant is skipped, with a row that says so.
    None,
    /// The latest of the missed instants runs, the others are skipped.
    #[default]
    Latest,
}

/// What happens when an occurrence falls due while a run of the same definition works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// The new occurrence is skipped, with a row that says so.
    #[default]
    Skip,
}

/// An occurrence handed over later than this after its instant was missed; sooner it just runs late.
pub const MISSED_AFTER: SignedDuration = SignedDuration::from_secs(90);

/// The rule that yields instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// A cron pattern in the schedule's zone.
    Cron(CronPattern),
    /// One instant, written as a local time.
    Once(DateTime),
    /// Elapsed time, counted from `start`.
    Every {
        /// The step, at least one second.
        step: SignedDuration,
        /// The instant from which steps are counted; itself an occurrence.
        start: Timestamp,
    },
}

/// When a definition's occurrences fall due, and what to do on a bad day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The rule.
    pub when: When,
    /// The zone in which civil times of the rule are read.
    pub zone: Zone,
    /// What to do when the wall clock jumps.
    pub clock_change: ClockChange,
    /// What to do about missed instants.
    pub missed: Missed,
    /// What to do about an occurrence that meets a running one.
    pub overlap: Overlap,
}

const THREE_HOURS: SignedDuration = SignedDuration::from_hours(3);
/// One past the last instant that a schedule may name: 2200-01-01T00:00:00Z.
const HORIZON_S: i64 = 7_258_118_400;

impl Schedule {
    /// The first instant strictly after `after`, or `None` when there is none before the year 2200.
    ///
    /// Whole seconds. Instants before 1970 are never named.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.max(Timestamp::UNIX_EPOCH - SignedDuration::from_secs(1));
        let next = match &self.when {
            When::Cron(pattern) => {
                self.next_of_pattern(&pattern.evaluator().ok()?, pattern.follows_clock(), after)
            }
            When::Once(civil) => self.once(*civil).filter(|at| after < *at),
            When::Every { step, start } => next_step(*step, *start, after),
        };
        next.filter(|at| at.as_second() < HORIZON_S)
    }

    /// The instant of a `once`: in a gap the first instant after it, unless the schedule skips gaps.
    fn once(&self, civil: DateTime) -> Option<Timestamp> {
        if self.clock_change != ClockChange::Cron && !self.zone.exists(civil) {
            return None;
        }
        self.zone.first_instant(civil)
    }

    fn next_of_pattern(
        &self,
        pattern: &Evaluator,
        follows_clock: bool,
        after: Timestamp,
    ) -> Option<Timestamp> {
        let rules = ClockRules {
            make_up: self.clock_change == ClockChange::Cron && !follows_clock,
            once: match self.clock_change {
                ClockChange::Cron => !follows_clock,
                ClockChange::Skip => true,
                ClockChange::Wall => false,
            },
        };
        let mut t = whole_second_after(after)?;
        // Each turn passes one stretch of equal offset that holds no match, or leaps to just before the next match:
        // the search inside a turn is bounded by the pattern's year field.
        loop {
            if HORIZON_S <= t.as_second() {
                return None;
            }
            let offset = self.zone.offset_at(t);
            let began = self.zone.change_before(t).filter(|change| is_recent(change, t));
            if began.is_some_and(|change| rules.makes_up(&change, t, pattern)) {
                return Some(t);
            }
            let mut from = offset.to_datetime(t);
            if let Some(change) = began.filter(|_| rules.once) {
                from = from.max(change.civil_before());
            }
            let civil = pattern.next_from(from)?;
            let at = offset.to_timestamp(civil).ok()?;
            let Some(end) = self.zone.next_change(t).map(|change| change.at) else { return Some(at) };
            if at < end {
                return Some(at);
            }
            t = end.max(just_before(civil)?);
        }
    }
}

struct ClockRules {
    make_up: bool,
    once: bool,
}

impl ClockRules {
    /// Whether a gap that ends at `t` swallowed a match, which then runs at its end.
    fn makes_up(&self, change: &Change, t: Timestamp, pattern: &Evaluator) -> bool {
        self.make_up
            && change.at == t
            && 0 < change.seconds()
            && pattern.next_from(change.civil_before()).is_some_and(|match_| match_ < change.civil_after())
    }
}

/// A change of at most three hours, at most three hours ago: older or wider ones make nothing up and repeat nothing.
fn is_recent(change: &Change, t: Timestamp) -> bool {
    t.duration_since(change.at) <= THREE_HOURS && i64::from(change.seconds().abs()) <= THREE_HOURS.as_secs()
}

fn whole_second_after(after: Timestamp) -> Option<Timestamp> {
    // Towards minus infinity: jiff's own seconds round towards zero.
    let floor = after.as_millisecond().div_euclid(1_000);
    Timestamp::from_second(floor + 1).ok()
}

/// An instant before every reading of this civil time in any zone, so that a leap to it passes no clock change that
/// could matter: there is no match between.
fn just_before(civil: DateTime) -> Option<Timestamp> {
    let utc = Offset::UTC.to_timestamp(civil).ok()?;
    utc.checked_sub(SignedDuration::from_hours(30)).ok()
}

fn next_step(step: SignedDuration, start: Timestamp, after: Timestamp) -> Option<Timestamp> {
    if after < start {
        return Some(start);
    }
    let step_ms = i64::try_from(step.as_millis()).ok().filter(|ms| 0 < *ms)?;
    let since = after.as_millisecond() - start.as_millisecond();
    let steps = since.div_euclid(step_ms) + 1;
    let at = start.as_millisecond().checked_add(steps.checked_mul(step_ms)?)?;
    Timestamp::from_millisecond(at).ok()
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
