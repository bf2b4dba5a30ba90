//! Repeats in plain words: hourly to yearly, at a time, on a day. Evaluated on civil time only, as cron patterns are.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Span, ToSpan};

/// `repeat = "monthly"` with its `at`, `on` and `short_month`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// How often, and on which day.
    pub unit: RepeatUnit,
    /// Hour of the day, 0 to 23; hourly repeats have none.
    pub hour: i8,
    /// Minute of the hour, 0 to 59.
    pub minute: i8,
    /// What becomes of a day that a month lacks.
    pub short_month: ShortMonth,
}

/// How often, and on which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatUnit {
    /// Each hour.
    Hourly,
    /// Each day.
    Daily,
    /// Each week on this weekday.
    Weekly(Weekday),
    /// Each month on this day.
    Monthly(MonthDay),
    /// In January, April, July and October on this day.
    Quarterly(MonthDay),
    /// Each year in this month (1 to 12) on this day.
    Yearly(i8, MonthDay),
}

/// A day of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthDay {
    /// Its number, 1 to 31.
    Day(i8),
    /// The last one.
    Last,
}

/// What becomes of a day that a month lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShortMonth {
    /// The month's last day stands for it.
    #[default]
    Last,
    /// The month is passed over.
    Skip,
}

/// Months without a match at the most: a 29 February that is skipped in 2100 comes again after eight years.
const MONTHS_AHEAD: u32 = 12 * 9;

impl Repeat {
    /// Whether it follows real time over a clock change: every hour does, as `0 * * * *` would.
    pub fn follows_clock(&self) -> bool {
        self.unit == RepeatUnit::Hourly
    }

    /// The first match at or after a civil time, to the second.
    pub fn next_from(&self, from: DateTime) -> Option<DateTime> {
        let on = |date: Date| Some(date.at(self.hour, self.minute, 0, 0)).filter(|at| from <= *at);
        let today = from.date();
        match self.unit {
            RepeatUnit::Hourly => {
                let this_hour = today.at(from.hour(), self.minute, 0, 0);
                if from <= this_hour { Some(this_hour) } else { this_hour.checked_add(1.hour()).ok() }
            }
            RepeatUnit::Daily => on(today).or_else(|| on(today.tomorrow().ok()?)),
            RepeatUnit::Weekly(weekday) => {
                let ahead = i64::from(today.weekday().until(weekday));
                let next = |days: i64| on(today.checked_add(Span::new().days(days)).ok()?);
                next(ahead).or_else(|| next(ahead + 7))
            }
            RepeatUnit::Monthly(day) => self.in_months(from, day, |_| true),
            RepeatUnit::Quarterly(day) => self.in_months(from, day, |month| month % 3 == 1),
            RepeatUnit::Yearly(in_month, day) => self.in_months(from, day, |month| month == in_month),
        }
    }

    fn in_months(&self, from: DateTime, day: MonthDay, takes: impl Fn(i8) -> bool) -> Option<DateTime> {
        let mut first = from.date().first_of_month();
        for _ in 0..MONTHS_AHEAD {
            if takes(first.month())
                && let Some(date) = self.day_of(first, day)
                && from <= date.at(self.hour, self.minute, 0, 0)
            {
                return Some(date.at(self.hour, self.minute, 0, 0));
            }
            first = first.checked_add(1.month()).ok()?;
        }
        None
    }

    /// The day in the month that begins on `first`.
    fn day_of(&self, first: Date, day: MonthDay) -> Option<Date> {
        let last = first.last_of_month();
        match day {
            MonthDay::Last => Some(last),
            MonthDay::Day(day) if day <= last.day() => first.with().day(day).build().ok(),
            MonthDay::Day(_) if self.short_month == ShortMonth::Last => Some(last),
            MonthDay::Day(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{DateTime, Weekday};

    use super::{MonthDay, Repeat, RepeatUnit, ShortMonth};

    fn check(unit: RepeatUnit, short_month: ShortMonth, from: &str, expected: &[&str]) {
        let repeat = Repeat { unit, hour: 6, minute: 30, short_month };
        let mut from: DateTime = from.parse().unwrap();
        for expected in expected {
            let next = repeat.next_from(from).unwrap();
            assert_eq!(next.to_string(), *expected);
            from = next.checked_add(jiff::Span::new().seconds(1)).unwrap();
        }
    }

    #[test]
    fn a_day_that_a_month_lacks_is_its_last_or_none() {
        let on_31 = RepeatUnit::Monthly(MonthDay::Day(31));
        let last = ["2026-01-31T06:30:00", "2026-02-28T06:30:00", "2026-03-31T06:30:00"];
        check(on_31, ShortMonth::Last, "2026-01-31T06:30:00", &last);
        check(
            on_31,
            ShortMonth::Skip,
            "2026-01-31T06:30:01",
            &["2026-03-31T06:30:00", "2026-05-31T06:30:00"],
        );
        let leap = RepeatUnit::Yearly(2, MonthDay::Day(29));
        check(leap, ShortMonth::Skip, "2096-03-01T00:00:00", &["2104-02-29T06:30:00"]);
        check(leap, ShortMonth::Last, "2096-03-01T00:00:00", &["2097-02-28T06:30:00", "2098-02-28T06:30:00"]);
    }

    #[test]
    fn each_unit_steps_by_the_calendar() {
        let last = RepeatUnit::Quarterly(MonthDay::Last);
        check(last, ShortMonth::Last, "2026-02-01T00:00:00", &["2026-04-30T06:30:00", "2026-07-31T06:30:00"]);
        let friday = RepeatUnit::Weekly(Weekday::Friday);
        check(
            friday,
            ShortMonth::Last,
            "2026-11-20T06:30:01",
            &["2026-11-27T06:30:00", "2026-12-04T06:30:00"],
        );
        check(RepeatUnit::Daily, ShortMonth::Last, "2026-12-31T07:00:00", &["2027-01-01T06:30:00"]);
        check(
            RepeatUnit::Hourly,
            ShortMonth::Last,
            "2026-12-31T23:31:00",
            &["2027-01-01T00:30:00", "2027-01-01T01:30:00"],
        );
    }
}
