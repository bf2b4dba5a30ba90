//! `legwork backfill`: occurrences of the past, made or made again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::context::{Context, runtime};
use super::exit::{Exit, told};
use super::out::{StatusLine, json, say};
use crate::daemon::ask::definition;
use crate::daemon::planner::by_hand;
use crate::daemon::runner::{Halt, run_one};
use crate::daemon::{Core, deliver_due};
use crate::domain::definition::Definition;
use crate::domain::period::{Period, PeriodRule};
use crate::domain::units::grouped;
use crate::store::backfill::{self, Backfill, Progress};
use crate::store::definitions::StoredDefinition;
use crate::store::occurrences::{self, NewOccurrence};

/// Occurrences in the run queue at the same time: an interrupted backfill leaves few behind.
const AT_ONCE: usize = 20;

/// Arguments of `backfill`.
#[derive(Debug, Args)]
pub(super) struct BackfillArguments {
    /// The definition.
    name: String,
    /// First instant or local date inside.
    #[arg(long, value_name = "TIME")]
    from: String,
    /// First instant or local date outside.
    #[arg(long, value_name = "TIME")]
    to: String,
    /// Deliver the files, too; else they are only kept.
    #[arg(long)]
    send: bool,
}

pub(super) fn run(context: &Context, arguments: &BackfillArguments) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let stored = definition(&core.store, &arguments.name)?;
    let parsed = core.parse(&stored.name, &stored.text)?;
    let span = span(arguments, &parsed)?;
    if context.now() < span.end {
        return Err(told(Exit::Wrong, "--to lies in the future; a backfill makes what is past"));
    }
    let instants = instants(&parsed, span)?;
    if instants.is_empty() {
        return Err(told(Exit::Wrong, "no instant of this definition lies in the span"));
    }
    let wanted = Backfill {
        definition_id: stored.definition_id,
        from: span.start,
        to: span.end,
        send: arguments.send,
    };
    let now = context.now();
    let backfill_id =
        core.store.write_blocking("begin a backfill", move |tx| backfill::begin(tx, &wanted, now))?;
    let new = |(nominal_at, ordinal): (&Timestamp, &Option<i64>)| {
        let new = by_hand(&parsed, stored.definition_id, stored.version_id, *nominal_at)?;
        Some(NewOccurrence { ordinal: *ordinal, ..new })
    };
    let wanted: Vec<NewOccurrence> = instants.iter().filter_map(new).collect();
    let making = Making { core: &core, stored: &stored, backfill_id, send: arguments.send };
    let progress = making.all(&wanted)?;
    let ended = context.now();
    core.store.write_blocking("end a backfill", move |tx| backfill::end(tx, backfill_id, ended))?;
    if context.json {
        json(&progress)?;
    } else {
        let told = |count: i64| grouped(u64::try_from(count).unwrap_or(0));
        let (done, failed) = (told(progress.done), told(progress.failed));
        say!("{done} made, {failed} failed, of {} instants; `legwork runs {}`", wanted.len(), stored.name)?;
    }
    Ok(if progress.failed == 0 { Exit::Done } else { Exit::Failed })
}

/// A span of instants or of local dates and times.
fn span(arguments: &BackfillArguments, parsed: &Definition) -> anyhow::Result<Period> {
    let (from, to) = (arguments.from.trim(), arguments.to.trim());
    let wrong = |error: String| told(Exit::Wrong, error);
    if let (Ok(start), Ok(end)) = (from.parse::<Timestamp>(), to.parse::<Timestamp>()) {
        if end <= start {
            return Err(wrong("--to is not after --from; it is the first instant outside".to_owned()));
        }
        return Ok(Period { start, end });
    }
    let report = &parsed.report;
    let rule = PeriodRule::between(from, to).map_err(|error| wrong(error.to_string()))?;
    rule.resolve(Timestamp::UNIX_EPOCH, &report.zone, report.week_start)
        .map_err(|error| wrong(error.to_string()))
}

/// The definition's instants in a span, with the schedule that names each; without schedules the ends of its periods.
fn instants(parsed: &Definition, span: Period) -> anyhow::Result<BTreeMap<Timestamp, Option<i64>>> {
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
            told(Exit::Wrong, format!("the period `{}` has no unit to step by; {help}", report.period))
        })?;
        instants.extend(ends.into_iter().map(|at| (at, None)));
    }
    Ok(instants)
}

struct Making<'a> {
    core: &'a Arc<Core>,
    stored: &'a StoredDefinition,
    backfill_id: i64,
    send: bool,
}

impl Making<'_> {
    /// Makes what is missing, a few at a time; in this process where no daemon runs.
    fn all(&self, wanted: &[NewOccurrence]) -> anyhow::Result<Progress> {
        let lock = Context::lock_unless_served(&self.core.config)?;
        let runtime = runtime()?;
        if lock.is_some() {
            runtime.block_on(self.core.recover())?;
        }
        let line = StatusLine::new();
        let mut left: &[NewOccurrence] = wanted;
        loop {
            let (chunk, rest) = left.split_at(left.len().min(AT_ONCE));
            left = rest;
            let (backfill_id, send, adding) = (self.backfill_id, self.send, chunk.to_vec());
            self.core.store.write_blocking("add to a backfill", move |tx| {
                adding.iter().try_for_each(|new| backfill::add(tx, backfill_id, new, send))
            })?;
            if lock.is_some() {
                runtime.block_on(self.by_itself())?;
            } else {
                Context::wake(&self.core.config);
            }
            let progress = self.follow(&line, wanted.len(), lock.is_some())?;
            if left.is_empty() {
                line.clear();
                if lock.is_some() {
                    runtime.block_on(self.core.destinations.close());
                }
                return Ok(progress);
            }
        }
    }

    /// No daemon runs: the same code, in this process.
    async fn by_itself(&self) -> anyhow::Result<()> {
        let backfill_id = self.backfill_id;
        let waiting = self.core.store.read("read the run queue", move |connection| {
            occurrences::waiting_of_backfill(connection, backfill_id)
        });
        for mine in waiting.await? {
            let occurrence_id = mine.occurrence_id;
            run_one(self.core, occurrence_id, &Halt::default()).await?;
            let made = self
                .core
                .store
                .read("read the run", move |c| occurrences::progress(c, occurrence_id))
                .await?;
            if let Some(run_id) = made.run_id.filter(|_| self.send) {
                deliver_due(self.core, run_id).await?;
            }
        }
        Ok(())
    }

    /// Waits until nothing of the backfill is open.
    fn follow(&self, line: &StatusLine, of: usize, by_itself: bool) -> anyhow::Result<Progress> {
        loop {
            let backfill_id = self.backfill_id;
            let progress =
                self.core.store.read_blocking("read a backfill", |c| backfill::progress(c, backfill_id))?;
            let ended = progress.done + progress.failed;
            line.show(&format!("{} {ended} of {of}, {} failed", bar(ended, of), progress.failed));
            if progress.open == 0 {
                return Ok(progress);
            }
            if by_itself {
                return Err(told(
                    Exit::Later,
                    format!("{} instants could not be made; try again", progress.open),
                ));
            }
            if Context::lock_unless_served(&self.core.config)?.is_some() {
                let name = &self.stored.name;
                return Err(told(
                    Exit::Later,
                    format!("the daemon is gone; `legwork backfill {name}` with the same span goes on"),
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A bar of twenty places.
fn bar(ended: i64, of: usize) -> String {
    let filled = usize::try_from(ended).unwrap_or(0).min(of) * 20 / of.max(1);
    format!("[{}{}]", "#".repeat(filled), ".".repeat(20 - filled))
}
