//! Occurrence → run → artifact → deliveries.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use super::generate::{GenerateError, Generated, Order, Progress, generate};
use super::prepare::Made;
use super::{Core, CoreError, Stop, Wake};
use crate::chain::chain;
use crate::domain::definition::Definition;
use crate::domain::template::TemplateValues;
use crate::store::occurrences::{OpenOccurrence, waiting};
use crate::store::runs::{self, NewArtifact, RunCounts};
use crate::store::segments::coverage;

/// How often the queue is looked at when nobody wakes it.
const POLL: Duration = Duration::from_secs(5);

/// Works off the run queue until it is told to stop: oldest first, one run a definition, `[limits] runs` at once.
pub(super) async fn runner(core: Arc<Core>, wake: Wake, stop: Stop, work: TaskTracker) {
    let running: Arc<Mutex<HashSet<i64>>> = Arc::default();
    loop {
        let woken = wake.runner.notified();
        match core.store.read("read the run queue", waiting).await {
            Ok(queue) => {
                for occurrence in queue {
                    if !enter(&running, occurrence.definition_id, core.config.limits.runs) {
                        continue;
                    }
                    let (core, wake, stop, running) =
                        (core.clone(), wake.clone(), stop.clone(), running.clone());
                    work.spawn(async move {
                        let definition_id = occurrence.definition_id;
                        if let Err(error) = run_one(&core, occurrence, &stop).await {
                            tracing::error!(
                                error = chain(&error),
                                "a run could not be recorded; it is taken up again"
                            );
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                        running.lock().unwrap_or_else(PoisonError::into_inner).remove(&definition_id);
                        wake.courier.notify_one();
                        wake.runner.notify_one();
                    });
                }
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "the run queue could not be read; trying again");
            }
        }
        tokio::select! {
            () = stop.gently.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

fn enter(running: &Mutex<HashSet<i64>>, definition_id: i64, most: usize) -> bool {
    let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
    running.len() < most && running.insert(definition_id)
}

/// Runs one occurrence to its end: done or failed, in the ledger either way. A stop leaves it to be interrupted.
pub async fn run_one(core: &Arc<Core>, occurrence: OpenOccurrence, stop: &Stop) -> Result<(), CoreError> {
    let now = core.now();
    let occurrence_id = occurrence.occurrence_id;
    let claimed =
        core.store.write("claim an occurrence", move |tx| runs::claim(tx, occurrence_id, now)).await;
    let Some(run_id) = claimed.map_err(CoreError::store("claim an occurrence"))? else { return Ok(()) };
    tracing::info!(run_id, occurrence_id, nominal_at = %occurrence.nominal_at, "run started");
    let made = make(core, run_id, &occurrence, stop).await;
    let Some(made) = made.transpose() else { return Ok(()) };
    // The run's end is known only here. Left unwritten it would block its definition, so a full disk is waited out.
    let mut wait = Duration::from_secs(1);
    while let Err(error) = record(core, run_id, &made).await {
        tracing::error!(run_id, error = chain(&error), "the end of a run could not be written; trying again");
        tokio::select! {
            () = stop.now.cancelled() => return Err(error),
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_mins(1)),
        }
    }
    Ok(())
}

/// Writes how a run ended.
async fn record(core: &Arc<Core>, run_id: i64, made: &Result<Finished, String>) -> Result<(), CoreError> {
    let now = core.now();
    let recorded = match made.clone() {
        Ok((artifact, counts, deliveries)) => {
            tracing::info!(
                run_id,
                rows = artifact.rows,
                file = artifact.path,
                deliveries = deliveries.len(),
                "run done"
            );
            let end = move |tx: &rusqlite::Transaction<'_>| {
                runs::finish(tx, run_id, &artifact, &counts, &deliveries, now)
            };
            core.store.write("end a run", end).await
        }
        Err(reason) => {
            tracing::error!(run_id, reason, "run failed");
            core.store.write("end a run", move |tx| runs::fail(tx, run_id, &reason, now)).await
        }
    };
    recorded.map_err(CoreError::store("end a run"))
}

type Finished = (NewArtifact, RunCounts, Vec<crate::store::deliveries::NewDelivery>);

/// Makes the file and what follows from it; `None` when a stop came first.
async fn make(
    core: &Arc<Core>,
    run_id: i64,
    occurrence: &OpenOccurrence,
    stop: &Stop,
) -> Result<Option<Finished>, String> {
    let progress = Arc::new(Progress::default());
    let making = {
        let (core, occurrence, progress) = (core.clone(), occurrence.clone(), progress.clone());
        tokio::task::spawn_blocking(move || make_file(&core, run_id, &occurrence, &progress))
    };
    tokio::pin!(making);
    let joined = tokio::select! {
        joined = &mut making => joined,
        () = stop.now.cancelled() => {
            progress.stop.store(true, Ordering::Relaxed);
            making.await
        }
    };
    let made = match joined {
        Ok(Err(reason)) if reason == STOPPED => return Ok(None),
        Ok(result) => result?,
        // A panic in a run ends the run, not the daemon.
        Err(error) => return Err(format!("the run panicked: {error}")),
    };
    Ok(Some(made))
}

const STOPPED: &str = "stopped";

fn make_file(
    core: &Core,
    run_id: i64,
    occurrence: &OpenOccurrence,
    progress: &Progress,
) -> Result<Finished, String> {
    let definition = core.definition(occurrence.version_id).map_err(|error| chain(&error))?;
    let file_name = file_name(&definition, occurrence, run_id).map_err(|error| chain(&error))?;
    let path = format!("{run_id}/{file_name}");
    let target: PathBuf = core.config.artifacts().join(&path);
    let connection = core.store.reader().map_err(|error| chain(&error))?;
    let completeness = coverage::completeness(&connection, &occurrence.period, &definition.report.zone)
        .map_err(|error| chain(&error))?;
    let generated = match generate(
        connection,
        Order {
            definition: &definition,
            period: occurrence.period,
            nominal: occurrence.nominal_at,
            target: &target,
        },
        progress,
    ) {
        Err(GenerateError::Stopped) => return Err(STOPPED.to_owned()),
        Err(error) => return Err(chain(&error)),
        Ok(generated) => generated,
    };
    let Generated { file, rows, clamped, counts } = generated;
    let artifact = NewArtifact {
        file_name,
        path,
        bytes: file.bytes,
        rows,
        sha256: file.sha256,
        generated_at: core.now(),
    };
    let counts = RunCounts {
        rows_left_out: counts.left_out,
        clamped,
        newest_at: counts.newest_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
    };
    let made = Made {
        run_id,
        definition: &definition,
        occurrence,
        artifact: &artifact,
        counts: &counts,
        completeness,
    };
    let deliveries = made.deliveries(core).map_err(|error| chain(&error))?;
    Ok((artifact, counts, deliveries))
}

fn file_name(
    definition: &Definition,
    occurrence: &OpenOccurrence,
    run_id: i64,
) -> Result<String, crate::domain::template::TemplateError> {
    definition.output.file_name.render_file_name(&TemplateValues {
        name: &definition.name,
        description: &definition.description,
        report: definition.report.kind.name,
        zone: &definition.report.zone,
        period: occurrence.period,
        nominal: occurrence.nominal_at,
        rows: 0,
        run: run_id,
    })
}
