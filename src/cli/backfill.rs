//! `legwork backfill`: occurrences of the past, made or made again.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::context::{Context, runtime};
use super::exit::{Exit, told};
use super::out::{StatusLine, json, say};
use crate::daemon::ask::definition;
use crate::daemon::backfill::{Advanced, Backfilled, Wanted, advance, wanted};
use crate::daemon::runner::{Halt, run_one};
use crate::daemon::{Core, deliver_due};
use crate::domain::units::grouped;
use crate::store::occurrences;

/// How often is looked what the daemon has made.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Arguments of `backfill`.
#[derive(Debug, Args)]
pub(super) struct BackfillArguments {
    /// The definition.
    pub(super) name: String,
    /// First instant or local date inside.
    #[arg(long, value_name = "TIME")]
    pub(super) from: String,
    /// First instant or local date outside.
    #[arg(long, value_name = "TIME")]
    pub(super) to: String,
    /// Deliver the files, too; else they are only kept.
    #[arg(long)]
    pub(super) send: bool,
}

pub(super) fn run(context: &Context, arguments: &BackfillArguments) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let stored = definition(&core.store, &arguments.name)?;
    let parsed = core.parse(&stored.name, &stored.text)?;
    let span = (arguments.from.as_str(), arguments.to.as_str());
    let wanted = wanted(&stored, &parsed, span, arguments.send, usize::MAX, context.now())?;
    tell(&make(&core, &wanted, arguments)?, &stored.name, context.json)
}

/// Tells what became of a span.
pub(super) fn tell(backfilled: &Backfilled, name: &str, as_json: bool) -> anyhow::Result<Exit> {
    if as_json {
        json(backfilled)?;
    } else {
        say!("{}; `legwork runs {name}`", sentence(backfilled))?;
    }
    Ok(if backfilled.progress.failed == 0 { Exit::Done } else { Exit::Failed })
}

fn sentence(state: &Backfilled) -> String {
    let told = |count: i64| grouped(u64::try_from(count).unwrap_or(0));
    let (done, failed) = (told(state.progress.done), told(state.progress.failed));
    format!("{done} made, {failed} failed, of {} instants", state.instants)
}

/// Makes what is missing, a few at a time; in this process where no daemon runs.
fn make(core: &Arc<Core>, wanted: &Wanted, arguments: &BackfillArguments) -> anyhow::Result<Backfilled> {
    let lock = Context::lock_unless_served(&core.config)?;
    let runtime = runtime()?;
    if lock.is_some() {
        runtime.block_on(core.recover())?;
    }
    let line = StatusLine::new();
    let mut before = None;
    loop {
        let Advanced { backfill_id, backfilled: state, .. } = advance(core, wanted)?;
        line.show(&progress(&state));
        if state.is_over() {
            line.clear();
            if lock.is_some() {
                runtime.block_on(core.destinations.close());
            }
            return Ok(state);
        }
        if lock.is_some() {
            if before.replace(state) == Some(state) {
                let words = format!("{} instants could not be made; try again", state.progress.open);
                return Err(told(Exit::Later, words));
            }
            runtime.block_on(by_itself(core, backfill_id, arguments.send))?;
            continue;
        }
        Context::wake(&core.config);
        if Context::is_unserved(&core.config)? {
            let words = format!(
                "the daemon has ended; `legwork backfill {}` with the same span goes on",
                arguments.name
            );
            return Err(told(Exit::Later, words));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// No daemon runs: the same code, in this process.
async fn by_itself(core: &Arc<Core>, backfill_id: i64, send: bool) -> anyhow::Result<()> {
    let waiting =
        core.store.read("read the run queue", move |c| occurrences::waiting_of_backfill(c, backfill_id));
    for mine in waiting.await? {
        let occurrence_id = mine.occurrence_id;
        run_one(core, occurrence_id, &Halt::default()).await?;
        let made = core.store.read("read the run", move |c| occurrences::progress(c, occurrence_id)).await?;
        if let Some(run_id) = made.run_id.filter(|_| send) {
            deliver_due(core, run_id).await?;
        }
    }
    Ok(())
}

/// A bar of twenty places, and the numbers.
pub(super) fn progress(state: &Backfilled) -> String {
    let ended = state.progress.done + state.progress.failed;
    let filled = usize::try_from(ended).unwrap_or(0).min(state.instants) * 20 / state.instants.max(1);
    let bar = format!("[{}{}]", "#".repeat(filled), ".".repeat(20 - filled));
    format!("{bar} {ended} of {}, {} failed", state.instants, state.progress.failed)
}
