//! Occurrence → run → artifact → deliveries.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::make::{Failure, Finished, NoFile, make_file};
use super::ping::{self, Told};
use super::prepare::notice;
use super::queue::{RunQueue, Take, WAITING_MAX};
use super::timer::Timer;
use super::{Core, CoreError, Stop, Wake};
use crate::chain::chain;
use crate::domain::definition::Definition;
use crate::domain::period::PeriodRule;
use crate::store::definitions::{self, DefinitionState};
use crate::store::deliveries::add_notice;
use crate::store::occurrences::{OpenOccurrence, open_one, waiting};
use crate::store::runs;

/// The store's queue is looked at this often when nobody wakes the runner.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Works off the run queue until it is told to stop.
pub(super) async fn runner(core: Arc<Core>, queue: Arc<RunQueue>, wake: Wake, stop: Stop, work: TaskTracker) {
    let timer = Timer::new(core.clock.clone());
    // What waited when the last process ended.
    queue.overflow();
    while !stop.gently.is_cancelled() {
        let until = match queue.take(core.now()) {
            Take::Run(occurrence, cancel) => {
                let (core, queue, wake) = (core.clone(), queue.clone(), wake.clone());
                let halt = Halt { stop: stop.clone(), cancel };
                work.spawn(async move {
                    let occurrence_id = occurrence.occurrence_id;
                    let again = run_and_follow(&core, &queue, *occurrence, &halt).await;
                    queue.finish(occurrence_id);
                    if let Some(again) = again {
                        let place =
                            tokio::task::block_in_place(|| core.place(&again, core.rules(&again).overlap));
                        queue.push(again, place);
                    }
                    wake.courier.notify_one();
                });
                continue;
            }
            Take::Refill => {
                refill(&core, &queue).await;
                continue;
            }
            Take::After(at) => at,
            Take::Nothing => Timestamp::MAX,
        };
        tokio::select! {
            () = stop.gently.cancelled() => return,
            () = queue.changed() => {}
            // A command may have put something into the store's queue.
            () = wake.runner.notified() => queue.overflow(),
            () = timer.until(until) => {}
            // A wake-up that got lost costs this much.
            () = tokio::time::sleep(LOOK_EVERY) => queue.overflow(),
        }
    }
}

/// Reads what waits in the store into the queue.
async fn refill(core: &Arc<Core>, queue: &Arc<RunQueue>) {
    let most = u32::try_from(WAITING_MAX).unwrap_or(u32::MAX);
    let found = core.store.read("read the run queue", move |connection| waiting(connection, most)).await;
    match found {
        Ok(found) => {
            let full = found.len() == WAITING_MAX;
            tokio::task::block_in_place(|| {
                for occurrence in found {
                    let place = core.place(&occurrence, core.rules(&occurrence).overlap);
                    queue.push(occurrence, place);
                }
            });
            if full {
                queue.overflow();
            }
        }
        Err(error) => {
            tracing::error!(error = chain(&error), "the run queue could not be read; trying again");
            queue.overflow();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// What ends a run early.
#[derive(Debug, Default)]
pub struct Halt {
    /// The daemon stops.
    pub stop: Stop,
    /// A newer occurrence takes its place.
    pub cancel: CancellationToken,
}

/// Runs one occurrence; returns it where it is to be run again.
async fn run_and_follow(
    core: &Arc<Core>,
    queue: &RunQueue,
    occurrence: OpenOccurrence,
    halt: &Halt,
) -> Option<OpenOccurrence> {
    let occurrence_id = occurrence.occurrence_id;
    if let Err(error) = run_one(core, occurrence_id, halt).await {
        tracing::error!(error = chain(&error), "a run could not be recorded; it is taken up again");
        tokio::time::sleep(Duration::from_secs(1)).await;
        return Some(occurrence);
    }
    let left =
        core.store.read("read an occurrence", move |connection| open_one(connection, occurrence_id)).await;
    match left {
        Ok(left) => left.filter(|left| left.retry_at.is_some()),
        Err(error) => {
            tracing::error!(
                error = chain(&error),
                "an occurrence could not be read; the queue is read again"
            );
            queue.overflow();
            None
        }
    }
}

/// Runs one occurrence to its end: done or failed, in the ledger either way. A stop leaves it to be interrupted.
pub async fn run_one(core: &Arc<Core>, occurrence_id: i64, halt: &Halt) -> Result<(), CoreError> {
    let now = core.now();
    let claim = move |tx: &rusqlite::Transaction<'_>| runs::claim(tx, occurrence_id, now);
    let claimed = core.store.write("claim an occurrence", claim).await;
    // What to make is what the row says now: an edit may have come since it was handed over.
    let Some((run_id, mut occurrence)) = claimed.map_err(CoreError::store("claim an occurrence"))? else {
        return Ok(());
    };
    tracing::info!(run_id, occurrence_id, nominal_at = %occurrence.nominal_at, "run started");
    let (reading, version_id) = (core.clone(), occurrence.version_id);
    let definition = tokio::task::spawn_blocking(move || reading.definition(version_id)).await;
    let definition = definition.map_err(|error| CoreError::Definition(error.to_string())).flatten().ok();
    let mut begun = Ok(());
    if definition.as_ref().is_some_and(|definition| definition.report.period == PeriodRule::SinceLastRun) {
        let begin = move |tx: &rusqlite::Transaction<'_>| runs::begin_since_last_run(tx, occurrence_id, now);
        begun = core.store.write("begin a period", begin).await.map(|period| occurrence.period = period);
    }
    let limit = definition.as_ref().and_then(|definition| definition.run.time_limit);
    let watched = definition.as_ref().and_then(|definition| definition.run.ping.clone());
    let watched = watched.filter(|_| !occurrence.manual && !occurrence.backfill && !occurrence.rerun);
    ping::tell(core, watched.as_ref(), Told::Start);
    let made = match begun {
        Ok(()) => make(core, run_id, &occurrence, limit, halt).await,
        // The run is claimed: it must have an end.
        Err(error) => Err(Failure::from(chain(&error))),
    };
    let Some(made) = made.transpose() else { return Ok(()) };
    // The run's end is known only here. Left unwritten it would block its definition, so a full disk is waited out.
    let mut wait = Duration::from_secs(1);
    while let Err(error) = record(core, run_id, &occurrence, definition.as_deref(), &made).await {
        tracing::error!(run_id, error = chain(&error), "the end of a run could not be written; trying again");
        tokio::select! {
            () = halt.stop.now.cancelled() => return Err(error),
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_mins(1)),
        }
    }
    match made {
        Ok(_) => ping::tell_when_settled(core, run_id, watched.as_ref()).await,
        Err(_) => ping::tell(core, watched.as_ref(), Told::Fail),
    }
    Ok(())
}

/// Writes how a run ended.
async fn record(
    core: &Arc<Core>,
    run_id: i64,
    occurrence: &OpenOccurrence,
    definition: Option<&Definition>,
    made: &Result<Finished, Failure>,
) -> Result<(), CoreError> {
    let now = core.now();
    let failure = match made.clone() {
        Ok(Finished::Same { as_run }) => {
            tracing::info!(run_id, as_run, "run done: the same bytes as before");
            let end = move |tx: &rusqlite::Transaction<'_>| runs::finish_same(tx, run_id, as_run, now);
            return core.store.write("end a run", end).await.map_err(CoreError::store("end a run"));
        }
        Ok(Finished::New { files, counts, notices, replaces }) => {
            if let Some(whole) = files.first() {
                let (rows, file, held) = (whole.artifact.rows, &whole.artifact.path, &whole.artifact.held);
                let deliveries: usize = files.iter().map(|file| file.deliveries.len()).sum();
                tracing::info!(run_id, rows, file, deliveries, held, "run done");
            }
            let definition_id = occurrence.definition_id;
            let end = move |tx: &rusqlite::Transaction<'_>| {
                runs::finish(tx, run_id, &files, &counts, replaces, now)?;
                notices.iter().try_for_each(|notice| add_notice(tx, Some(definition_id), notice, now))
            };
            return core.store.write("end a run", end).await.map_err(CoreError::store("end a run"));
        }
        Err(failure) => failure,
    };
    let rules = definition.map(|definition| definition.run.clone()).unwrap_or_default();
    let wait = rules.wait_after(occurrence.failures + 1);
    // Whoever asks for a run by hand is there to ask again.
    let wait = wait
        .filter(|_| failure.may_repeat && !occurrence.manual && !occurrence.backfill && !occurrence.rerun);
    let retry_at = wait.and_then(|wait| now.checked_add(wait).ok());
    tracing::error!(
        run_id,
        reason = failure.reason,
        retry_at = retry_at.map(tracing::field::display),
        "run failed"
    );
    let pause_after = rules.pause_after.filter(|_| retry_at.is_none() && !occurrence.manual);
    let definition_id = occurrence.definition_id;
    let told = definition.and_then(|definition| {
        let (owner, count) = (definition.owner.as_ref()?, pause_after?);
        let subject = format!("Legwork: {} is paused after {count} failures", definition.name);
        let body = format!(
            "The report {name} has failed {count} times in a row; its schedules are paused.\n\nThe last reason:\n{reason}\n\n\
             When that is mended: legwork resume {name}\n",
            name = definition.name,
            reason = failure.reason
        );
        notice(core, owner, &subject, &body, now)
    });
    let reason = failure.reason;
    let end = move |tx: &rusqlite::Transaction<'_>| {
        runs::fail(tx, run_id, &reason, retry_at, now)?;
        if let Some(count) = pause_after
            && runs::all_failed(tx, definition_id, count)?
            && definitions::is_active(tx, definition_id)?
        {
            tracing::warn!(definition_id, count, "paused: it failed too often");
            definitions::stop(tx, definition_id, DefinitionState::Paused, now)?;
            if let Some(notice) = &told {
                add_notice(tx, Some(definition_id), notice, now)?;
            }
        }
        Ok(())
    };
    core.store.write("end a run", end).await.map_err(CoreError::store("end a run"))
}

/// Makes the file and what follows from it; `None` when a stop came first.
async fn make(
    core: &Arc<Core>,
    run_id: i64,
    occurrence: &OpenOccurrence,
    limit: Option<SignedDuration>,
    halt: &Halt,
) -> Result<Option<Finished>, Failure> {
    let progress = core.running.begin(run_id);
    let making = {
        let (core, occurrence, progress) = (core.clone(), occurrence.clone(), progress.clone());
        tokio::task::spawn_blocking(move || make_file(&core, run_id, &occurrence, &progress))
    };
    tokio::pin!(making);
    let too_long = async {
        match limit.and_then(|limit| Duration::try_from(limit).ok()) {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let mut ended_early = None;
    // Whoever only waits for a vendor does not hold up a stop: its run is made again at the next start.
    let waits = progress.halt.clone();
    let gently = halt.stop.gently.clone();
    let hurry = async {
        gently.cancelled().await;
        waits.cancel();
        std::future::pending::<()>().await;
    };
    let joined = tokio::select! {
        () = hurry => making.await,
        joined = &mut making => joined,
        () = halt.stop.now.cancelled() => {
            progress.end();
            making.await
        }
        () = halt.cancel.cancelled() => {
            let reason = "ended: its next occurrence fell due (overlap = \"cancel-running\")".to_owned();
            ended_early = Some(Failure { reason, may_repeat: false });
            progress.end();
            making.await
        }
        () = too_long => {
            let limit = limit.map_or(0, |limit| limit.as_secs());
            ended_early = Some(Failure::from(format!("took longer than its time limit of {limit} s")));
            progress.end();
            making.await
        }
    };
    core.running.end(run_id);
    match joined {
        Ok(Err(NoFile::Stopped)) => ended_early.map_or(Ok(None), Err),
        Ok(Err(NoFile::Failed(failure))) => Err(failure),
        Ok(Ok(finished)) => Ok(Some(finished)),
        // A panic in a run ends the run, not the daemon.
        Err(error) => Err(Failure::from(format!("the run panicked: {error}"))),
    }
}
