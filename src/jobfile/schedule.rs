//! `[[schedule]]` as written → [`Schedule`].

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{SignedDuration, Timestamp};

use super::lower::Lowering;
use super::schema::{OnValue, ScheduleTable};
use super::words::{ClockChangeWord, MissedWord, OverlapWord, RepeatWord, ShortMonthWord};
use crate::domain::blackout::Blackout;
use crate::domain::cron::CronPattern;
use crate::domain::nearest::nearest;
use crate::domain::repeat::{MonthDay, Repeat, RepeatUnit, ShortMonth};
use crate::domain::schedule::{ClockChange, Missed, MissedRule, Overlap, Schedule, When};
use crate::domain::units;
use crate::domain::zone::Zone;

/// Schedules of a definition at the most.
const SCHEDULES_MAX: usize = 24;
/// Missed instants of a schedule beyond this number have one row together and cannot run.
const CAP_MAX: usize = 1_000;
/// Longer jitter would move a report into another part of the day.
const JITTER_MAX: SignedDuration = SignedDuration::from_hours(1);

/// Weekdays by name.
pub const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

impl Lowering<'_> {
    pub(super) fn schedules(&mut self, tables: &[ScheduleTable], report_zone: &Zone) -> Vec<Schedule> {
        if SCHEDULES_MAX < tables.len() {
            self.wrong(
                "schedule",
                format!("{} schedules", tables.len()),
                format!("use at most {SCHEDULES_MAX}"),
            );
        }
        let each = tables.iter().enumerate();
        each.filter_map(|(at, table)| self.schedule(&format!("schedule[{at}]"), table, report_zone)).collect()
    }

    fn schedule(&mut self, path: &str, table: &ScheduleTable, report_zone: &Zone) -> Option<Schedule> {
        let zone = match table.time_zone.as_deref() {
            Some(name) => self.zone(&format!("{path}.time_zone"), name)?,
            None => report_zone.clone(),
        };
        let start = self.bound(&format!("{path}.start"), table.start.as_deref(), &zone).ok()?;
        let end = self.bound(&format!("{path}.end"), table.end.as_deref(), &zone).ok()?;
        if let (Some(start), Some(end)) = (start, end)
            && end <= start
        {
            self.wrong(
                &format!("{path}.end"),
                "the schedule ends before it starts",
                "`end` is the first instant outside",
            );
            return None;
        }
        let mut schedule = Schedule::new(self.when(path, table, start)?, zone);
        (schedule.start, schedule.end) = (start, end);
        schedule.clock_change = match table.clock_change {
            Some(ClockChangeWord::Skip) => ClockChange::Skip,
            Some(ClockChangeWord::Wall) => ClockChange::Wall,
            Some(ClockChangeWord::Cron) | None => ClockChange::Cron,
        };
        schedule.blackout = self.blackout(&format!("{path}.blackout"), &table.blackout);
        schedule.jitter = self.jitter(&format!("{path}.jitter"), table.jitter.as_deref())?;
        schedule.missed = self.missed(path, table)?;
        schedule.overlap = match table.overlap {
            Some(OverlapWord::Queue) => Overlap::Queue,
            Some(OverlapWord::CancelRunning) => Overlap::CancelRunning,
            Some(OverlapWord::Allow) => Overlap::Allow,
            Some(OverlapWord::Skip) | None => Overlap::Skip,
        };
        if schedule.next(Timestamp::UNIX_EPOCH).is_none() {
            let help = "no instant of the years 1970 to 2199 fits; check day and month, start and end, and clock changes \
                        of the zone";
            self.wrong(path, "this schedule never fires", help);
            return None;
        }
        schedule.enabled = table.enabled.unwrap_or(true);
        Some(schedule)
    }

    /// An instant, or a local date or time of the schedule's zone; the error is noted.
    fn bound(&mut self, path: &str, text: Option<&str>, zone: &Zone) -> Result<Option<Timestamp>, ()> {
        let Some(text) = text else { return Ok(None) };
        let local = || {
            let civil = text.parse::<Date>().ok().filter(|_| text.len() == 10).map(|day| day.at(0, 0, 0, 0));
            civil.or_else(|| text.parse::<DateTime>().ok()).and_then(|civil| zone.first_instant(civil))
        };
        let wrong = || {
            format!(
                "`{text}` is neither an instant nor a local time; write \"2026-11-01T00:00Z\" or \"2026-11-01\""
            )
        };
        let found = text.parse::<Timestamp>().ok().or_else(local);
        self.take(path, found.ok_or_else(wrong)).map(Some).ok_or(())
    }

    fn when(&mut self, path: &str, table: &ScheduleTable, start: Option<Timestamp>) -> Option<When> {
        let known = [
            ("cron", table.cron.is_some()),
            ("once", table.once.is_some()),
            ("every", table.every.is_some()),
            ("repeat", table.repeat.is_some()),
        ];
        // A value that is wrong was told of already; what seems to be missing because of it is no second mistake.
        if known.iter().any(|(key, right)| !right && self.source.has(&format!("{path}.{key}"))) {
            return None;
        }
        if table.repeat.is_none() {
            let parts = [
                ("at", table.at.is_some()),
                ("on", table.on.is_some()),
                ("short_month", table.short_month.is_some()),
            ];
            for (key, _) in parts.iter().filter(|(_, there)| *there) {
                let message = format!("`{key}` belongs to `repeat`");
                self.wrong(&format!("{path}.{key}"), message, "remove it, or use `repeat`");
            }
        }
        match (&table.cron, &table.once, &table.every, table.repeat) {
            (Some(cron), None, None, None) => match CronPattern::parse(cron) {
                Ok(pattern) => Some(When::Cron(pattern)),
                Err(error) => {
                    let part = error.start..error.end;
                    let problem = self.source.problem_inside(&format!("{path}.cron"), part, error.message);
                    self.problems.push(problem);
                    None
                }
            },
            (None, Some(once), None, None) => {
                let civil = once.parse::<DateTime>().ok().filter(|_| once.len() >= 16);
                let wrong =
                    || format!("`{once}` is not a local date and time; write it as \"2026-12-01T06:00\"");
                self.take(&format!("{path}.once"), civil.map(When::Once).ok_or_else(wrong))
            }
            (None, None, Some(every), None) => self.every(path, every, start),
            (None, None, None, Some(repeat)) => self.repeat(path, table, repeat).map(When::Repeat),
            _ => {
                self.wrong(
                    path,
                    "a schedule has exactly one of `cron`, `once`, `every` and `repeat`",
                    if known.iter().any(|(_, right)| *right) {
                        "keep one; add a [[schedule]] for another"
                    } else {
                        "add one, as cron = \"0 6 * * *\""
                    },
                );
                None
            }
        }
    }

    fn every(&mut self, path: &str, every: &str, start: Option<Timestamp>) -> Option<When> {
        let key = format!("{path}.every");
        let step = self.take(&key, units::duration(every))?;
        if step.as_secs() < 1 {
            self.wrong(&key, "a step of no time", "use at least \"1s\"");
            return None;
        }
        Some(When::Every { step, start: start.unwrap_or(Timestamp::UNIX_EPOCH) })
    }

    fn repeat(&mut self, path: &str, table: &ScheduleTable, repeat: RepeatWord) -> Option<Repeat> {
        let hourly = matches!(repeat, RepeatWord::Hourly);
        let at = table.at.as_deref().unwrap_or(if hourly { ":00" } else { "00:00" });
        let time = match (at.split_once(':'), hourly) {
            (Some(("", minute)), true) => number(minute, 59).map(|minute| (0, minute)),
            (Some((hour, minute)), false) => number(hour, 23).zip(number(minute, 59)),
            _ => None,
        };
        let form = if hourly { "\":30\"" } else { "\"06:30\"" };
        let wrong = || format!("`{at}` is no time for this repeat; write {form}");
        let (hour, minute) = self.take(&format!("{path}.at"), time.ok_or_else(wrong))?;
        let unit = self.unit(path, table.on.as_ref(), repeat)?;
        let short_month = match table.short_month {
            Some(ShortMonthWord::Skip) => ShortMonth::Skip,
            Some(ShortMonthWord::Last) | None => ShortMonth::Last,
        };
        Some(Repeat { unit, hour, minute, short_month })
    }

    fn unit(&mut self, path: &str, on: Option<&OnValue>, repeat: RepeatWord) -> Option<RepeatUnit> {
        let key = format!("{path}.on");
        let text = on.map(|on| match on {
            OnValue::Number(number) => number.to_string(),
            OnValue::Text(text) => text.to_ascii_lowercase(),
        });
        let text = text.as_deref();
        let month_day = |text: Option<&str>| match text {
            None => Some(MonthDay::Day(1)),
            Some("last") => Some(MonthDay::Last),
            Some(text) => number(text, 31).filter(|day| 1 <= *day).map(MonthDay::Day),
        };
        let (unit, form) = match repeat {
            RepeatWord::Hourly => {
                (text.is_none().then_some(RepeatUnit::Hourly), "nothing: an hour has no days")
            }
            RepeatWord::Daily => {
                (text.is_none().then_some(RepeatUnit::Daily), "nothing: it runs on each day")
            }
            RepeatWord::Weekly => (weekday(text).map(RepeatUnit::Weekly), "a weekday, as \"monday\""),
            RepeatWord::Monthly => (month_day(text).map(RepeatUnit::Monthly), "1 to 31, or \"last\""),
            RepeatWord::Quarterly => (month_day(text).map(RepeatUnit::Quarterly), "1 to 31, or \"last\""),
            RepeatWord::Yearly => (year_day(text), "month and day, as \"12-31\""),
        };
        let wrong = || format!("`{}` is no day of this repeat; use {form}", text.unwrap_or_default());
        self.take(&key, unit.ok_or_else(wrong))
    }

    /// Days, ranges, and lists of the config.
    fn blackout(&mut self, path: &str, texts: &[String]) -> Blackout {
        let mut blackout = Blackout::default();
        for (at, text) in texts.iter().enumerate() {
            let place = format!("{path}[{at}]");
            let lists = self.surroundings.blackouts();
            if let Some(list) = lists.get(text) {
                blackout.extend(list);
            } else if text.starts_with(|first: char| first.is_ascii_digit()) {
                if let Some(days) = self.take(&place, Blackout::parse(text)) {
                    blackout.extend(&days);
                }
            } else {
                let help = match nearest(text, lists.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "write days as \"2026-12-25\", or add the list to [blackout] in the config".to_owned()
                    }
                };
                self.wrong(&place, format!("there is no list of days `{text}`"), help);
            }
        }
        blackout
    }

    fn jitter(&mut self, path: &str, text: Option<&str>) -> Option<SignedDuration> {
        let Some(text) = text else { return Some(SignedDuration::ZERO) };
        let jitter = self.take(path, units::duration(text))?;
        if JITTER_MAX < jitter {
            self.wrong(path, format!("a jitter of `{text}`"), "use at most \"1h\"");
            return None;
        }
        Some(jitter)
    }

    fn missed(&mut self, path: &str, table: &ScheduleTable) -> Option<MissedRule> {
        let default = MissedRule::default();
        let window = match table.missed_window.as_deref() {
            Some(text) => self.take(&format!("{path}.missed_window"), units::duration(text))?,
            None => default.window,
        };
        let cap = table.missed_cap.map_or(default.cap, |cap| usize::try_from(cap).unwrap_or(usize::MAX));
        if CAP_MAX < cap {
            self.wrong(
                &format!("{path}.missed_cap"),
                format!("a cap of {cap}"),
                format!("use at most {CAP_MAX}"),
            );
        }
        if cap == 0 {
            self.wrong(
                &format!("{path}.missed_cap"),
                "a cap of 0",
                "use missed = \"none\" to run none of them",
            );
        }
        let runs = match table.missed {
            Some(MissedWord::None) => Missed::None,
            Some(MissedWord::All) => Missed::All,
            Some(MissedWord::Latest) | None => Missed::Latest,
        };
        Some(MissedRule { runs, window, cap })
    }
}

/// A number of at most two digits, nothing else.
fn number(text: &str, most: i8) -> Option<i8> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= most)
}

fn weekday(text: Option<&str>) -> Option<Weekday> {
    let Some(text) = text else { return Some(Weekday::Monday) };
    WEEKDAYS.iter().find(|(name, _)| *name == text).map(|(_, weekday)| *weekday)
}

fn year_day(text: Option<&str>) -> Option<RepeatUnit> {
    let (month, day) = text.unwrap_or("01-01").split_once('-')?;
    let (month, day) = (number(month, 12)?, number(day, 31)?);
    // 2024 has a 29 February.
    Date::new(2_024, month, day).ok()?;
    Some(RepeatUnit::Yearly(month, MonthDay::Day(day)))
}
