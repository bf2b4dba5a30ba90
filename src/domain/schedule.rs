//! Schedules: from a rule to instants, zone by zone.
//!
//! The clock rules are cronie's, applied per zone. A pattern is *fixed* when neither its minute nor its hour (nor its
//! seconds) begins with `*`; any other follows real time. In a gap a fixed pattern runs once, at the first instant
//! after it; in a fold at the first reading only. A jump of more than three hours is a correction of the calendar and
//! makes nothing up. Several civil times that resolve to one instant are one occurrence.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::blackout::Blackout;
use super::cron::{CronPattern, Evaluator};
use super::name::DefinitionName;
use super::repeat::Repeat;
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
    /// Each runs, the oldest first, up to a number.
    All,
}

/// What of missed instants runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissedRule {
    /// Which of them.
    pub runs: Missed,
    /// None that is older.
    pub window: SignedDuration,
    /// Of [`Missed::All`], the newest so many.
    pub cap: usize,
}

impl Default for MissedRule {
    fn default() -> Self {
        Self { runs: Missed::Latest, window: SignedDuration::from_hours(24), cap: 100 }
    }
}

/// What happens when an occurrence falls due while a run of the same definition works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// The new occurrence is skipped, with a row that says so.
    #[default]
    Skip,
    /// The new occurrence waits for the end of the other.
    Queue,
    /// The other is ended, the new occurrence runs.
    CancelRunning,
    /// Both run.
    Allow,
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
    /// Hourly to yearly, in the schedule's zone.
    Repeat(Repeat),
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
    /// The first instant that counts, inclusive.
    pub start: Option<Timestamp>,
    /// The first instant that does not count any more.
    pub end: Option<Timestamp>,
    /// Local days whose instants are skipped.
    pub blackout: Blackout,
    /// The most that an occurrence is put off, so that many do not fall due at once.
    pub jitter: SignedDuration,
    /// Whether it yields instants at all.
    pub enabled: bool,
    /// What to do about missed instants.
    pub missed: MissedRule,
    /// What to do about an occurrence that meets a running one.
    pub overlap: Overlap,
}

const THREE_HOURS: SignedDuration = SignedDuration::from_hours(3);
/// One past the last instant that a schedule may name: 2200-01-01T00:00:00Z.
const HORIZON_S: i64 = 7_258_118_400;

/// A rule over civil times.
enum Civil<'a> {
    Pattern(Evaluator),
    Repeat(&'a Repeat),
}

impl Civil<'_> {
    fn next_from(&self, from: DateTime) -> Option<DateTime> {
        match self {
            Self::Pattern(pattern) => pattern.next_from(from),
            Self::Repeat(repeat) => repeat.next_from(from).filter(|at| at.year() <= 2_200),
        }
    }
}

impl Schedule {
    /// A schedule of this rule and zone with everything else at its default.
    pub fn new(when: When, zone: Zone) -> Self {
        Self {
            when,
            zone,
            clock_change: ClockChange::default(),
            start: None,
            end: None,
            blackout: Blackout::default(),
            jitter: SignedDuration::ZERO,
            enabled: true,
            missed: MissedRule::default(),
            overlap: Overlap::default(),
        }
    }

    /// The first instant strictly after `after`, or `None` when there is none before the schedule's end or the year
    /// 2200, or when it is not enabled.
    ///
    /// Whole seconds. Instants before 1970 are never named. Instants of a blackout are named: they are skipped by a row
    /// that says so.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.after(after).next()
    }

    /// The instants strictly after `after`, as [`Schedule::next`] names them one by one.
    pub fn after(&self, after: Timestamp) -> Instants<'_> {
        let civil = match &self.when {
            When::Cron(pattern) => pattern.evaluator().ok().map(Civil::Pattern),
            When::Repeat(repeat) => Some(Civil::Repeat(repeat)),
            When::Once(_) | When::Every { .. } => None,
        };
        let before = |at: Timestamp| at.checked_sub(SignedDuration::from_millis(1)).unwrap_or(at);
        let first = self.start.map_or(Timestamp::UNIX_EPOCH, |start| start.max(Timestamp::UNIX_EPOCH));
        let at = self.enabled.then(|| after.max(before(first)));
        Instants { schedule: self, civil, at }
    }

    /// How long an occurrence is put off: the same for one definition and instant whenever it is asked for.
    pub fn jitter_of(&self, name: &DefinitionName, nominal: Timestamp) -> SignedDuration {
        let bound = u64::try_from(self.jitter.as_millis()).unwrap_or(0);
        if bound == 0 {
            return SignedDuration::ZERO;
        }
        let digest = Sha256::digest(format!("{name} {}", nominal.as_millisecond()));
        let hash = digest.iter().take(8).fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
        SignedDuration::from_millis(i64::try_from(hash % bound).unwrap_or(0))
    }

    /// What a clock change does to an instant of this schedule, for people; `None` on a usual day.
    pub fn note(&self, at: Timestamp) -> Option<String> {
        let civil = self.zone.civil(at);
        if let Some(gap) =
            self.zone.change_before(at).filter(|change| change.at == at && 0 < change.seconds())
            && !self.names(civil)
        {
            let (from, to) = (gap.civil_before().time(), gap.civil_after().time());
            return Some(format!("moved: the clock goes from {from} to {to}"));
        }
        let reading = self.zone.reading(at)?;
        Some(format!("the {reading} {} of that day: the clock goes back", civil.time()))
    }

    fn names(&self, civil: DateTime) -> bool {
        match &self.when {
            When::Cron(pattern) => {
                pattern.evaluator().is_ok_and(|pattern| pattern.next_from(civil) == Some(civil))
            }
            When::Repeat(repeat) => repeat.next_from(civil) == Some(civil),
            When::Once(once) => *once == civil,
            When::Every { .. } => true,
        }
    }

    /// The instant of a `once`: in a gap the first instant after it, unless the schedule skips gaps.
    fn once(&self, civil: DateTime) -> Option<Timestamp> {
        if self.clock_change != ClockChange::Cron && !self.zone.exists(civil) {
            return None;
        }
        self.zone.first_instant(civil)
    }

    fn next_civil(&self, pattern: &Civil<'_>, follows_clock: bool, after: Timestamp) -> Option<Timestamp> {
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
            let Some(change) = self.zone.next_change(t) else { return Some(at) };
            if at < change.at {
                return Some(at);
            }
            // A fold shows civil times again that lie before this match.
            let again =
                pattern.next_from(change.civil_after()).is_none_or(|again| again < change.civil_before());
            t = if again { change.at } else { change.at.max(just_before(civil)?) };
        }
    }
}

/// The instants of a schedule, strictly increasing.
pub struct Instants<'a> {
    schedule: &'a Schedule,
    /// The rule over civil times, parsed once.
    civil: Option<Civil<'a>>,
    at: Option<Timestamp>,
}

impl std::fmt::Debug for Instants<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instants").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Iterator for Instants<'_> {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        let (schedule, after) = (self.schedule, self.at?);
        let next = match (&schedule.when, &self.civil) {
            (When::Cron(pattern), Some(civil)) => schedule.next_civil(civil, pattern.follows_clock(), after),
            (When::Repeat(repeat), Some(civil)) => schedule.next_civil(civil, repeat.follows_clock(), after),
            (When::Once(civil), _) => schedule.once(*civil).filter(|at| after < *at),
            (When::Every { step, start }, _) => next_step(*step, *start, after),
            (When::Cron(_) | When::Repeat(_), None) => None,
        };
        self.at = next.filter(|at| at.as_second() < HORIZON_S && schedule.end.is_none_or(|end| *at < end));
        self.at
    }
}

struct ClockRules {
    make_up: bool,
    once: bool,
}

impl ClockRules {
    /// Whether a gap that ends at `t` swallowed a match, which then runs at its end.
    fn makes_up(&self, change: &Change, t: Timestamp, pattern: &Civil<'_>) -> bool {
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

/// An instant before every reading of this civil time in any zone: a leap to it passes no change that could matter,
/// where there is no match between.
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
