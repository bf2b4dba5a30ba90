//! Periods: the half-open span of data `[start, end)` that a run reports on.
//!
//! Computed from the *nominal* instant in the report's zone, so that a late run and a re-run report on the same data.
//! A local day has 23, 24 or 25 hours; neighbouring periods of one rule meet and never overlap.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{SignedDuration, Span, Timestamp};

use super::zone::Zone;

/// A resolved period: instants, start inclusive, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First instant inside.
    pub start: Timestamp,
    /// First instant outside.
    pub end: Timestamp,
}

/// A calendar unit or wall-clock slot for `previous …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A slot of 30 minutes from local midnight.
    HalfHour,
    /// A slot of an hour from local midnight.
    Hour,
    /// A local day.
    Day,
    /// A local week, from the rule's first weekday.
    Week,
    /// A local month.
    Month,
    /// A local quarter.
    Quarter,
}

/// How a report's period follows from the nominal instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeriodRule {
    /// Start of the local day to the nominal instant.
    Today,
    /// Start of the local week to the nominal instant.
    ThisWeek,
    /// Start of the local month to the nominal instant.
    MonthToDate,
    /// Elapsed time up to the nominal instant.
    Last(SignedDuration),
    /// That many whole local days before today; `yesterday` is one.
    LastDays(u16),
    /// The last whole unit.
    Previous(Unit),
    /// From the end of the last scheduled occurrence's period to the nominal instant. Where that lies is known to the
    /// ledger, when the run begins; until then the period is empty and ends at the nominal instant.
    SinceLastRun,
    /// Local times, `to` exclusive.
    Between {
        /// First local time inside.
        from: DateTime,
        /// First local time outside.
        to: DateTime,
    },
}

/// Why a period could not be read or computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The text names no rule.
    #[error(
        "`{0}` is not a period; use `today`, `yesterday`, `this week`, `month to date`, `last 7 days`, `last 4 hours`, \
         `last 90 minutes`, `previous 30 minutes | hour | day | week | month | quarter`, `since last run`, or FROM..TO as \
         2026-11-01..2026-11-02 (to is exclusive)"
    )]
    Unknown(String),
    /// A count of zero or far too much.
    #[error("`{0}` has a count out of range; use 1 to 3660 days, 87840 hours or 5270400 minutes")]
    Count(String),
    /// Start not before end.
    #[error("the period ends at {to}, which is not after its start {from}; `to` is exclusive")]
    Backwards {
        /// The start as read.
        from: DateTime,
        /// The end as read.
        to: DateTime,
    },
    /// Outside the years that instants can be computed for.
    #[error("the period lies outside the years 1970 to 2199")]
    OutOfRange,
}

impl PeriodRule {
    /// Minutes of a period of elapsed time; nothing for one by the calendar, whose days can have 23 or 25 hours.
    pub fn elapsed_minutes(&self) -> Option<u64> {
        match self {
            Self::Last(elapsed) => u64::try_from(elapsed.as_mins()).ok(),
            Self::Today
            | Self::ThisWeek
            | Self::MonthToDate
            | Self::LastDays(_)
            | Self::Previous(_)
            | Self::SinceLastRun
            | Self::Between { .. } => None,
        }
    }

    /// The instants at which periods of this rule end that lie in a span, beginning after its start; `None` where the
    /// rule has no unit to step by. There are no more than `most`.
    pub fn ends_in(
        &self,
        span: Period,
        zone: &Zone,
        week_start: Weekday,
        most: usize,
    ) -> Option<Vec<Timestamp>> {
        let unit = match self {
            Self::Last(elapsed) => {
                let steps = std::iter::successors(span.start.checked_add(*elapsed).ok(), |at| {
                    at.checked_add(*elapsed).ok()
                });
                return Some(steps.take_while(|at| *at <= span.end).take(most).collect());
            }
            Self::Today | Self::LastDays(_) => Unit::Day,
            Self::ThisWeek => Unit::Week,
            Self::MonthToDate => Unit::Month,
            Self::Previous(unit) => *unit,
            Self::SinceLastRun | Self::Between { .. } => return None,
        };
        // From the end backwards: each unit ends where the one behind it begins.
        let mut ends = Vec::new();
        let (_, mut end) = previous(unit, span.end, zone, week_start)?;
        let step = if let Self::LastDays(days) = self { usize::from(*days) } else { 1 };
        while span.start < end && ends.len() < most.saturating_mul(step) {
            ends.push(end);
            let (start, _) = previous(unit, end, zone, week_start)?;
            // A day that a zone skipped has no length.
            end = if start < end { start } else { end.checked_sub(SignedDuration::from_secs(1)).ok()? };
        }
        ends.reverse();
        Some(ends.into_iter().rev().step_by(step).collect::<Vec<_>>().into_iter().rev().collect())
    }

    /// The period for a nominal instant.
    pub fn resolve(
        &self,
        nominal: Timestamp,
        zone: &Zone,
        week_start: Weekday,
    ) -> Result<Period, PeriodError> {
        self.bounds(nominal, zone, week_start)
            .map(|(start, end)| Period { start, end })
            .ok_or(PeriodError::OutOfRange)
    }

    fn bounds(&self, nominal: Timestamp, zone: &Zone, week_start: Weekday) -> Option<(Timestamp, Timestamp)> {
        let today = zone.civil(nominal).date();
        let day = |date: Date| zone.day_start(date);
        Some(match self {
            Self::Today => (day(today)?, nominal),
            Self::ThisWeek => (day(start_of_week(today, week_start)?)?, nominal),
            Self::MonthToDate => (day(today.first_of_month())?, nominal),
            Self::Last(elapsed) => (nominal.checked_sub(*elapsed).ok()?, nominal),
            Self::LastDays(days) => {
                let from = today.checked_sub(Span::new().days(i64::from(*days))).ok()?;
                (day(from)?, day(today)?)
            }
            Self::SinceLastRun => (nominal, nominal),
            Self::Previous(unit) => return previous(*unit, nominal, zone, week_start),
            Self::Between { from, to } => (zone.first_instant(*from)?, zone.first_instant(*to)?),
        })
    }
}

fn previous(
    unit: Unit,
    nominal: Timestamp,
    zone: &Zone,
    week_start: Weekday,
) -> Option<(Timestamp, Timestamp)> {
    let today = zone.civil(nominal).date();
    let dates = |from: Date, to: Date| Some((zone.day_start(from)?, zone.day_start(to)?));
    let back = |date: Date, span: Span| date.checked_sub(span).ok();
    match unit {
        Unit::HalfHour | Unit::Hour => {
            let minutes = if unit == Unit::Hour { 60 } else { 30 };
            let end = slot_start(nominal, zone, minutes)?;
            let inside = end.checked_sub(SignedDuration::from_millis(1)).ok()?;
            Some((slot_start(inside, zone, minutes)?, end))
        }
        Unit::Day => dates(back(today, Span::new().days(1))?, today),
        Unit::Week => {
            let this = start_of_week(today, week_start)?;
            dates(back(this, Span::new().weeks(1))?, this)
        }
        Unit::Month => {
            let this = today.first_of_month();
            dates(back(this, Span::new().months(1))?, this)
        }
        Unit::Quarter => {
            let into = i64::from((today.month() - 1).rem_euclid(3));
            let this = back(today.first_of_month(), Span::new().months(into))?;
            dates(back(this, Span::new().months(3))?, this)
        }
    }
}

/// The start of the wall-clock slot in which an instant lies. A clock change cuts a slot: each reading of a repeated
/// half hour is a slot of its own, so that slots tile the day.
fn slot_start(at: Timestamp, zone: &Zone, minutes: i64) -> Option<Timestamp> {
    let since_midnight = SignedDuration::from_nanos(
        zone.civil(at).time().duration_since(jiff::civil::Time::midnight()).as_nanos().try_into().ok()?,
    );
    let slot = SignedDuration::from_mins(minutes);
    let into = SignedDuration::from_millis(
        i64::try_from(since_midnight.as_millis().rem_euclid(slot.as_millis())).ok()?,
    );
    let start = Timestamp::from_millisecond(at.as_millisecond()).ok()?.checked_sub(into).ok()?;
    Some(zone.change_before(at).map_or(start, |change| start.max(change.at)))
}

fn start_of_week(date: Date, first: Weekday) -> Option<Date> {
    let into = date.weekday().since(first);
    date.checked_sub(Span::new().days(i64::from(into))).ok()
}

impl FromStr for PeriodRule {
    type Err = PeriodError;

    /// Reads a rule by name, or `FROM..TO` in local dates or times.
    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if let Some((from, to)) = text.split_once("..") {
            return Self::between(from, to);
        }
        match words.as_slice() {
            ["today"] => Ok(Self::Today),
            ["yesterday"] => Ok(Self::LastDays(1)),
            ["this", "week"] => Ok(Self::ThisWeek),
            ["month", "to", "date"] | ["this", "month"] => Ok(Self::MonthToDate),
            ["since", "last", "run"] => Ok(Self::SinceLastRun),
            ["last", count, unit] => last(text, count, unit),
            ["previous", "30", "minutes"] => Ok(Self::Previous(Unit::HalfHour)),
            ["previous", "hour"] => Ok(Self::Previous(Unit::Hour)),
            ["previous", "day"] => Ok(Self::Previous(Unit::Day)),
            ["previous", "week"] => Ok(Self::Previous(Unit::Week)),
            ["previous", "month"] => Ok(Self::Previous(Unit::Month)),
            ["previous", "quarter"] => Ok(Self::Previous(Unit::Quarter)),
            _ => Err(PeriodError::Unknown(text.to_owned())),
        }
    }
}

impl PeriodRule {
    /// A rule of two local dates or times, `to` exclusive.
    pub fn between(from: &str, to: &str) -> Result<Self, PeriodError> {
        let (from, to) = (local(from)?, local(to)?);
        if to <= from {
            return Err(PeriodError::Backwards { from, to });
        }
        Ok(Self::Between { from, to })
    }
}

fn local(text: &str) -> Result<DateTime, PeriodError> {
    let text = text.trim();
    let parsed = match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => Ok(date.at(0, 0, 0, 0)),
        _ => text.parse::<DateTime>(),
    };
    let civil = parsed.map_err(|_| PeriodError::Unknown(text.to_owned()))?;
    if (1970..2200).contains(&civil.year()) { Ok(civil) } else { Err(PeriodError::OutOfRange) }
}

fn last(text: &str, count: &str, unit: &str) -> Result<PeriodRule, PeriodError> {
    let number: i64 = count.parse().map_err(|_| PeriodError::Unknown(text.to_owned()))?;
    let within = |most: i64| {
        if (1..=most).contains(&number) { Ok(number) } else { Err(PeriodError::Count(text.to_owned())) }
    };
    match unit {
        "day" | "days" => {
            let days = u16::try_from(within(3_660)?).map_err(|_| PeriodError::Count(text.to_owned()))?;
            Ok(PeriodRule::LastDays(days))
        }
        "hour" | "hours" => Ok(PeriodRule::Last(SignedDuration::from_hours(within(87_840)?))),
        "minute" | "minutes" => Ok(PeriodRule::Last(SignedDuration::from_mins(within(5_270_400)?))),
        _ => Err(PeriodError::Unknown(text.to_owned())),
    }
}

impl fmt::Display for PeriodRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Today => f.write_str("today"),
            Self::ThisWeek => f.write_str("this week"),
            Self::MonthToDate => f.write_str("month to date"),
            Self::Last(elapsed) if elapsed.as_mins() % 60 == 0 => {
                write!(f, "last {} hours", elapsed.as_hours())
            }
            Self::Last(elapsed) => write!(f, "last {} minutes", elapsed.as_mins()),
            Self::LastDays(1) => f.write_str("yesterday"),
            Self::LastDays(days) => write!(f, "last {days} days"),
            Self::SinceLastRun => f.write_str("since last run"),
            Self::Previous(Unit::HalfHour) => f.write_str("previous 30 minutes"),
            Self::Previous(Unit::Hour) => f.write_str("previous hour"),
            Self::Previous(Unit::Day) => f.write_str("previous day"),
            Self::Previous(Unit::Week) => f.write_str("previous week"),
            Self::Previous(Unit::Month) => f.write_str("previous month"),
            Self::Previous(Unit::Quarter) => f.write_str("previous quarter"),
            Self::Between { from, to } => write!(f, "{from}..{to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;
    use jiff::tz::TimeZone;

    use jiff::SignedDuration;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::{PeriodRule, Unit};
    use crate::domain::zone::{Zone, ZoneOrigin};

    /// Zones whose days have 22 to 26 hours, halves included; one lacks a day.
    const ZONES: [&str; 8] = [
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "America/Havana",
        "Africa/Casablanca",
        "Pacific/Apia",
        "Asia/Kathmandu",
    ];

    proptest! {
        #[test]
        fn slots_tile_every_day_and_days_tile_every_quarter(
            zone in prop::sample::select(ZONES.as_slice()),
            day in 0_i64..47_000,
            unit in prop::sample::select([Unit::HalfHour, Unit::Hour].as_slice()),
        ) {
            let zone = Zone::new(zone, TimeZone::get(zone).unwrap(), ZoneOrigin::Host);
            let today = date(1971, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
            let noon = zone.first_instant(today.at(12, 0, 0, 0)).unwrap();
            let before = |unit, at| PeriodRule::Previous(unit).resolve(at, &zone, Weekday::Monday).unwrap();
            let yesterday = before(Unit::Day, noon);
            let mut reached = yesterday.end;
            while yesterday.start < reached {
                let slot = before(unit, reached);
                prop_assert_eq!(slot.end, reached);
                prop_assert!(slot.start < slot.end && slot.end.duration_since(slot.start) <= SignedDuration::from_hours(1));
                reached = slot.start;
            }
            prop_assert_eq!(reached, yesterday.start);
            let quarter = before(Unit::Quarter, noon);
            let mut reached = quarter.start;
            let mut date = zone.civil(quarter.start).date();
            while reached < quarter.end {
                let next = date.tomorrow().unwrap();
                let rule = PeriodRule::Between { from: date.at(0, 0, 0, 0), to: next.at(0, 0, 0, 0) };
                let day = rule.resolve(noon, &zone, Weekday::Monday).unwrap();
                prop_assert_eq!(day.start, reached);
                (reached, date) = (day.end, next);
            }
            prop_assert_eq!(reached, quarter.end);
        }
    }

    fn check(rule: &str, zone: &str, nominal: &str, expected: &str) {
        let zone = Zone::new(zone, TimeZone::get(zone).unwrap(), ZoneOrigin::Host);
        let rule: PeriodRule = rule.parse().unwrap();
        let period = rule.resolve(nominal.parse().unwrap(), &zone, Weekday::Monday).unwrap();
        assert_eq!(format!("{} {}", period.start, period.end), expected, "{rule} {}", zone.name());
    }

    #[test]
    fn a_local_day_has_23_24_or_25_hours() {
        let new_york = "America/New_York";
        check("yesterday", new_york, "2026-03-09T10:00:00Z", "2026-03-08T05:00:00Z 2026-03-09T04:00:00Z");
        check("yesterday", new_york, "2026-11-02T11:00:00Z", "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z");
        check(
            "yesterday",
            "Australia/Lord_Howe",
            "2026-10-05T00:00:00Z",
            "2026-10-03T13:30:00Z 2026-10-04T13:00:00Z",
        );
    }

    #[test]
    fn calendar_units_are_whole_and_local() {
        let zone = "Europe/Berlin";
        let nominal = "2026-11-21T05:00:00Z";
        check("today", zone, nominal, "2026-11-20T23:00:00Z 2026-11-21T05:00:00Z");
        check("last 7 days", zone, nominal, "2026-11-13T23:00:00Z 2026-11-20T23:00:00Z");
        check("this week", zone, nominal, "2026-11-15T23:00:00Z 2026-11-21T05:00:00Z");
        check("previous week", zone, nominal, "2026-11-08T23:00:00Z 2026-11-15T23:00:00Z");
        check("previous month", zone, nominal, "2026-09-30T22:00:00Z 2026-10-31T23:00:00Z");
        check("previous quarter", zone, nominal, "2026-06-30T22:00:00Z 2026-09-30T22:00:00Z");
        check("month to date", zone, nominal, "2026-10-31T23:00:00Z 2026-11-21T05:00:00Z");
        check("last 4 hours", zone, nominal, "2026-11-21T01:00:00Z 2026-11-21T05:00:00Z");
        check("previous hour", zone, "2026-11-21T05:10:30Z", "2026-11-21T04:00:00Z 2026-11-21T05:00:00Z");
        check("2026-10-25..2026-10-26", zone, nominal, "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
    }

    #[test]
    fn slots_tile_a_day_with_a_half_hour_fold() {
        // At 15:00Z Lord Howe's clock goes from 02:00 back to 01:30: the second reading is a slot of its own.
        let zone = "Australia/Lord_Howe";
        check("previous hour", zone, "2026-04-04T15:10:00Z", "2026-04-04T14:00:00Z 2026-04-04T15:00:00Z");
        check("previous hour", zone, "2026-04-04T15:40:00Z", "2026-04-04T15:00:00Z 2026-04-04T15:30:00Z");
        check(
            "previous 30 minutes",
            zone,
            "2026-04-04T15:00:00Z",
            "2026-04-04T14:30:00Z 2026-04-04T15:00:00Z",
        );
    }

    #[test]
    fn a_day_that_a_zone_skipped_is_empty_and_its_neighbours_meet() {
        check(
            "2011-12-30..2011-12-31",
            "Pacific/Apia",
            "2012-01-05T00:00:00Z",
            "2011-12-30T10:00:00Z 2011-12-30T10:00:00Z",
        );
    }

    #[test]
    fn what_is_no_period_says_what_would_be() {
        for text in [
            "tomorrow",
            "last 0 days",
            "last 5 fortnights",
            "2026-11-02..2026-11-01",
            "2026-02-30..2026-03-01",
            "",
        ] {
            assert!(text.parse::<PeriodRule>().is_err(), "{text}");
        }
    }
}
