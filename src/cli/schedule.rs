//! `legwork schedule next`, `legwork period show`: what a rule means, without a job.

use std::fmt::Write as _;

use clap::Args;
use jiff::civil::Weekday;

use super::context::{Context, instant};
use super::exit::{Exit, told};
use super::out::{is_terminal, json, say};
use crate::config::{Referable, defaults};
use crate::domain::period::PeriodRule;
use crate::domain::schedule::Schedule;
use crate::domain::text::{local, rfc3339};
use crate::jobfile;
use crate::tomlfile::render;
use crate::zones::Zones;

/// Arguments of `schedule next`: the keys of a `[[schedule]]`.
#[derive(Debug, Args)]
pub(super) struct NextArguments {
    /// Five fields (minute hour day-of-month month day-of-week), or six with seconds first.
    #[arg(long, value_name = "EXPR")]
    cron: Option<String>,
    /// Elapsed time, as 15m.
    #[arg(long, value_name = "DURATION")]
    every: Option<String>,
    /// One local time, as 2026-12-01T06:00.
    #[arg(long, value_name = "TIME")]
    once: Option<String>,
    /// hourly, daily, weekly, monthly, quarterly or yearly.
    #[arg(long, value_name = "UNIT")]
    repeat: Option<String>,
    /// The time of --repeat, as 06:30.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The day of --repeat: a weekday, 1 to 31, last, or MM-DD.
    #[arg(long, value_name = "DAY")]
    on: Option<String>,
    /// A day that a month lacks: last or skip.
    #[arg(long, value_name = "RULE")]
    short_month: Option<String>,
    /// The first instant that counts.
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// The first instant that does not count any more.
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
    /// The zone in which civil times are read.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    time_zone: String,
    /// At a clock change: cron, skip or wall.
    #[arg(long, default_value = "cron", value_name = "RULE")]
    clock_change: String,
    /// Instants strictly after this one; now when absent.
    #[arg(long, value_name = "RFC3339")]
    after: Option<String>,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 5)]
    count: u32,
}

/// Arguments of `period show`.
#[derive(Debug, Args)]
pub(super) struct PeriodArguments {
    /// The rule, as 'previous week' or 2026-11-01..2026-11-08.
    rule: String,
    /// The report's zone.
    #[arg(long, value_name = "ZONE")]
    time_zone: String,
    /// The nominal instant; now when absent.
    #[arg(long, value_name = "RFC3339")]
    at: Option<String>,
    /// The first day of a week.
    #[arg(long, default_value = "monday", value_name = "WEEKDAY")]
    week_starts: String,
}

pub(super) fn next(context: &Context, arguments: &NextArguments) -> anyhow::Result<Exit> {
    let schedule = schedule(arguments)?;
    let mut at = arguments.after.as_deref().map_or(Ok(context.now()), |text| instant("--after", text))?;
    let mut instants = Vec::new();
    for _ in 0..arguments.count {
        let Some(next) = schedule.next(at) else { break };
        // Whole seconds: schedules know nothing finer.
        instants.push(next.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        at = next;
    }
    if context.json {
        json(&instants)?;
    } else {
        for instant in &instants {
            say!("{instant}")?;
        }
    }
    Ok(Exit::Done)
}

fn schedule(arguments: &NextArguments) -> anyhow::Result<Schedule> {
    let keys = [
        ("cron", &arguments.cron),
        ("every", &arguments.every),
        ("once", &arguments.once),
        ("repeat", &arguments.repeat),
        ("at", &arguments.at),
        ("on", &arguments.on),
        ("short_month", &arguments.short_month),
        ("start", &arguments.start),
        ("end", &arguments.end),
        ("time_zone", &Some(arguments.time_zone.clone())),
        ("clock_change", &Some(arguments.clock_change.clone())),
    ];
    let mut text = String::new();
    for (key, value) in keys {
        if let Some(value) = value {
            writeln!(text, "{key} = {}", toml::Value::String(value.clone())).unwrap_or_default();
        }
    }
    let (config, zones) = (defaults(), Zones::default());
    jobfile::parse_schedule(&text, &Referable::new(&config, &zones))
        .map_err(|problems| told(Exit::Wrong, render(&problems, is_terminal())))
}

pub(super) fn period(context: &Context, arguments: &PeriodArguments) -> anyhow::Result<Exit> {
    let wrong = |error: String| told(Exit::Wrong, error);
    let zone = Zones::default().find(&arguments.time_zone).map_err(wrong)?;
    let rule: PeriodRule = arguments.rule.parse().map_err(|error| wrong(format!("{error}")))?;
    let week_start = weekday(&arguments.week_starts)?;
    let nominal = arguments.at.as_deref().map_or(Ok(context.now()), |text| instant("--at", text))?;
    let period = rule.resolve(nominal, &zone, week_start).map_err(|error| wrong(error.to_string()))?;
    let seconds = period.end.duration_since(period.start).as_secs();
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    if context.json {
        json(&serde_json::json!({
            "start": rfc3339(period.start),
            "end": rfc3339(period.end),
            "seconds": seconds,
            "time_zone": zone.name(),
        }))?;
        return Ok(Exit::Done);
    }
    say!("start {}  {} {}", rfc3339(period.start), local(period.start, &zone), zone.name())?;
    say!("end   {}  {} {} (not included)", rfc3339(period.end), local(period.end, &zone), zone.name())?;
    say!("{hours} h {minutes} min")?;
    Ok(Exit::Done)
}

fn weekday(text: &str) -> anyhow::Result<Weekday> {
    let (_, weekday) = jobfile::WEEKDAYS.iter().find(|(name, _)| *name == text).ok_or_else(|| {
        told(Exit::Wrong, format!("--week-starts: `{text}` is no weekday; write it as monday"))
    })?;
    Ok(*weekday)
}
