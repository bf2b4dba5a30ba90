//! Housekeeping: retention, checkpoint, backup, zone data. Carried by tokio-cron-scheduler, in UTC.
//!
//! Half a second late and a run lost under load do not matter here; the schedules of reports have a planner of their
//! own for that reason.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_cron_scheduler::{Job, JobScheduler};

use super::planner::{next_instants, plan, replanned};
use super::{Core, CoreError};
use crate::artifacts;
use crate::chain::chain;
use crate::clock::Stopwatch;
use crate::store::definitions::{self, StoredDefinition};
use crate::store::segments::sealed::compact::{Compactor, GENTLE, QUIET};
use crate::store::segments::sealed::hour_of;
use crate::store::segments::write::SegmentWriter;
use crate::store::{StoreError, access, housekeeping, runs, sources};

/// Rows removed in one transaction, so that the writer is never held for long.
const REMOVED_AT_ONCE: u32 = 500;
/// How long requests to vendors are remembered.
const REQUESTS_KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);
/// Definitions planned anew in one transaction.
const PLANNED_AT_ONCE: u32 = 256;
/// How long segments are sealed at a time.
const SEALING_LIMIT: Duration = Duration::from_secs(10);
/// A pause between its transactions: others find the database free.
const SEALING_PAUSE: Duration = Duration::from_millis(10);
/// Messages between the scheduler's parts; it drops what does not fit.
const CHANNEL: usize = 8_192;

/// A housekeeping task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Removes what is older than `[keep]` says.
    Retention,
    /// Copies the write-ahead log back into the database.
    Checkpoint,
    /// Makes a copy of the database, and removes the oldest.
    Backup,
    /// Seals the segments of closed hours.
    Compaction,
    /// Looks whether the host's zone data has changed.
    ZoneData,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Retention, Self::Checkpoint, Self::Backup, Self::Compaction, Self::ZoneData];

    /// The name in logs and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Checkpoint => "checkpoint",
            Self::Backup => "backup",
            Self::Compaction => "compaction",
            Self::ZoneData => "zone-data",
        }
    }

    /// When it runs: six fields, UTC.
    fn cron(self) -> &'static str {
        match self {
            Self::Retention => "0 17 * * * *",
            Self::Checkpoint => "0 */10 * * * *",
            Self::Backup => "0 23 2 * * *",
            Self::Compaction => "30 */5 * * * *",
            Self::ZoneData => "0 7 * * * *",
        }
    }
}

/// Starts all tasks on their schedules. Zone data is looked at right away.
pub async fn start(core: &Arc<Core>) -> Result<JobScheduler, CoreError> {
    let fail = |error: tokio_cron_scheduler::JobSchedulerError| CoreError::Housekeeping(error.to_string());
    let scheduler = JobScheduler::new_with_channel_size(CHANNEL).await.map_err(fail)?;
    for task in Task::ALL {
        add(&scheduler, core, task, task.cron()).await?;
    }
    scheduler.start().await.map_err(fail)?;
    run(core, Task::ZoneData).await;
    Ok(scheduler)
}

/// Adds one task to a scheduler, on a cron pattern of six fields.
pub async fn add(
    scheduler: &JobScheduler,
    core: &Arc<Core>,
    task: Task,
    cron: &str,
) -> Result<(), CoreError> {
    let fail = |error: tokio_cron_scheduler::JobSchedulerError| CoreError::Housekeeping(error.to_string());
    let core = core.clone();
    let job = Job::new_async(cron, move |_, _| {
        let core = core.clone();
        Box::pin(async move { run(&core, task).await })
    });
    scheduler.add(job.map_err(fail)?).await.map_err(fail)?;
    Ok(())
}

/// Does one task now, and notes in log and database how it went.
pub async fn run(core: &Arc<Core>, task: Task) {
    let result = match task {
        Task::Retention => retention(core).await,
        Task::Checkpoint => checkpoint(core).await,
        Task::Backup => backup(core).await,
        Task::Compaction => compaction(core).await,
        Task::ZoneData => zone_data(core).await,
    };
    let (task, now) = (task.name(), core.now());
    let error = match result {
        Ok(done) => {
            tracing::info!(task, done, "housekeeping");
            None
        }
        Err(error) => {
            tracing::error!(task, error, "housekeeping did not work");
            Some(error)
        }
    };
    let note = move |tx: &rusqlite::Transaction<'_>| {
        housekeeping::note(tx, task, error.as_deref().map_or(Ok(()), Err), now)
    };
    if let Err(error) = core.store.write("note the housekeeping", note).await {
        tracing::error!(task, error = chain(&error), "housekeeping could not be noted");
    }
}

/// A login that was not used for so long has ended.
const LOGINS_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Removes files, runs and segments that are older than `[keep]` says, and leftovers of crashes.
async fn retention(core: &Arc<Core>) -> Result<String, String> {
    let now = core.now();
    let keep = &core.config.keep;
    let files = remove_files(core, now).await?;
    let runs_before = before(now, keep.runs);
    let runs = in_steps(core, move |tx| runs::forget(tx, runs_before, REMOVED_AT_ONCE)).await?;
    // Whole hours: sealed segments go by the block, and no block crosses an hour, so that all go at once.
    let segments_before = before(now, keep.segments).as_millisecond();
    let segments_before = hour_of(segments_before);
    let segments =
        in_steps(core, move |tx| housekeeping::expire_segments(tx, segments_before, REMOVED_AT_ONCE)).await?;
    let interactions = old_interactions(core, segments_before).await?;
    let logins_before = before(now, LOGINS_KEPT);
    let logins = move |tx: &rusqlite::Transaction<'_>| access::expire(tx, logins_before, runs_before);
    core.store.write("forget old logins", logins).await.map_err(|error| chain(&error))?;
    let sessions = move |tx: &rusqlite::Transaction<'_>| housekeeping::expire_sessions(tx, segments_before);
    core.store.write("remove old sessions", sessions).await.map_err(|error| chain(&error))?;
    let requests_before = before(now, REQUESTS_KEPT);
    in_steps(core, move |tx| sources::forget_requests(tx, requests_before, REMOVED_AT_ONCE)).await?;
    Ok(format!("removed {files} files, {runs} runs, {segments} segments, {interactions} interactions"))
}

/// Removes the interactions of which nothing is left, a few in each transaction; returns how many.
async fn old_interactions(core: &Arc<Core>, before: i64) -> Result<usize, String> {
    let core = core.clone();
    let remove = move || {
        let mut writer = SegmentWriter::open(&core.store)?;
        let mut total = 0;
        loop {
            match writer.expire_interactions(before, REMOVED_AT_ONCE)? {
                0 => break,
                removed => total += removed,
            }
        }
        writer.finish().map(|()| total)
    };
    let removed = tokio::task::spawn_blocking(remove).await.map_err(|error| chain(&error))?;
    removed.map_err(|error| chain(&error))
}

fn before(now: Timestamp, keep: SignedDuration) -> Timestamp {
    now.checked_sub(keep).unwrap_or(Timestamp::UNIX_EPOCH)
}

async fn in_steps(
    core: &Arc<Core>,
    step: impl Fn(&rusqlite::Transaction<'_>) -> rusqlite::Result<usize> + Clone + Send + 'static,
) -> Result<usize, String> {
    let mut total = 0;
    loop {
        let step = step.clone();
        let removed = core.store.write("remove what is old", move |tx| step(tx)).await;
        match removed.map_err(|error| chain(&error))? {
            0 => return Ok(total),
            removed => total += removed,
        }
    }
}

async fn remove_files(core: &Arc<Core>, now: Timestamp) -> Result<usize, String> {
    let read =
        |connection: &rusqlite::Connection| Ok((runs::removable(connection)?, runs::kept_bytes(connection)?));
    let (removable, mut kept) =
        core.store.read("read the files", read).await.map_err(|error| chain(&error))?;
    let limit = core.config.keep.bytes.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(i64::MAX);
    let old = before(now, core.config.keep.files);
    let mut removed = 0;
    for file in removable {
        if old <= file.generated_at && kept <= limit {
            continue;
        }
        artifacts::remove(&core.config.artifacts().join(&file.path)).map_err(|error| chain(&error))?;
        let artifact_id = file.artifact_id;
        let note =
            core.store.write("note a removed file", move |tx| runs::removed(tx, artifact_id, now)).await;
        note.map_err(|error| chain(&error))?;
        kept -= file.bytes;
        removed += 1;
    }
    Ok(removed)
}

async fn checkpoint(core: &Arc<Core>) -> Result<String, String> {
    // On a connection of its own: inside the writer's transaction there is nothing to checkpoint.
    let store = core.store.clone();
    let done = tokio::task::spawn_blocking(move || store.checkpoint()).await;
    done.map_err(|error| error.to_string())?.map_err(|error| chain(&error))?;
    Ok("log copied back".to_owned())
}

/// A stop waits for it no longer than [`SEALING_LIMIT`]; what is left waits for the next time.
async fn compaction(core: &Arc<Core>) -> Result<String, String> {
    let (store, until) = (core.store.clone(), core.now().as_millisecond() - QUIET);
    let sealed = tokio::task::spawn_blocking(move || {
        let watch = Stopwatch::start();
        let mut compactor = Compactor::open(&store, until, GENTLE, watch.reader())?;
        while watch.elapsed() < SEALING_LIMIT && compactor.step()? {
            std::thread::sleep(SEALING_PAUSE);
        }
        let sealed = compactor.sealed();
        compactor.checkpoint()?;
        Ok::<_, StoreError>(sealed)
    });
    let sealed = sealed.await.map_err(|error| error.to_string())?.map_err(|error| chain(&error))?;
    Ok(format!("{} segments sealed, at most {} ms at a time", sealed.rows, sealed.longest_transaction_ms))
}

async fn backup(core: &Arc<Core>) -> Result<String, String> {
    let folder = core.config.backups();
    let target = core.config.backup_of(core.now());
    let keep = usize::try_from(core.config.keep.backups).unwrap_or(usize::MAX);
    let store = core.store.clone();
    let made = tokio::task::spawn_blocking(move || -> Result<String, String> {
        store.backup(&target).map_err(|error| chain(&error))?;
        let mut copies: Vec<_> = std::fs::read_dir(&folder)
            .map_err(|error| error.to_string())?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "db"))
            .collect();
        copies.sort();
        let surplus = copies.len().saturating_sub(keep.max(1));
        for old in copies.iter().take(surplus) {
            std::fs::remove_file(old).map_err(|error| error.to_string())?;
        }
        Ok(format!("{}; {surplus} old ones removed", target.display()))
    });
    made.await.map_err(|error| error.to_string())?
}

/// Plans everything anew when the zone data has changed.
async fn zone_data(core: &Arc<Core>) -> Result<String, String> {
    let version = core.zones.version();
    let known = core
        .store
        .read("read the surroundings", |connection| definitions::surrounding(connection, "zone-data"));
    let known = known.await.map_err(|error| chain(&error))?;
    let noted = version.clone();
    let note = move |tx: &rusqlite::Transaction<'_>| definitions::add_zone_data(tx, &noted);
    let zone_data_id = core.store.write("note the zone data", note).await.map_err(|error| chain(&error))?;
    if known.as_deref() == Some(version.as_str()) {
        core.set_zone_data(zone_data_id);
        return Ok(format!("unchanged: {version}"));
    }
    plan(core, core.now()).await.map_err(|error| chain(&error))?;
    core.zones.refresh();
    core.forget_parsed();
    core.set_zone_data(zone_data_id);
    if known.is_some() {
        plan_anew(core).await.map_err(|error| chain(&error))?;
    }
    let noted = version.clone();
    let note = move |tx: &rusqlite::Transaction<'_>| definitions::set_surrounding(tx, "zone-data", &noted);
    core.store.write("note the zone data", note).await.map_err(|error| chain(&error))?;
    Ok(format!("{} → {version}", known.unwrap_or_else(|| "first look".to_owned())))
}

/// Computes every next instant anew, from now on: for changed zone data, and for a clock that ran ahead.
pub(super) async fn plan_anew(core: &Arc<Core>) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let read = move |connection: &rusqlite::Connection| {
            definitions::active_after(connection, after, PLANNED_AT_ONCE)
        };
        let stored = core.store.read("read the definitions", read).await?;
        let Some(last) = stored.last() else { return Ok(()) };
        after = last.definition_id;
        let planning = core.clone();
        let now = core.now();
        // One that today's config makes wrong keeps its plan until it is mended.
        let anew = tokio::task::spawn_blocking(move || {
            let plan = |stored: StoredDefinition| {
                let definition = planning.parse(&stored.name, &stored.text).ok()?;
                Some((stored, next_instants(&planning, &definition, now), replanned(&planning, &definition)))
            };
            stored.into_iter().filter_map(plan).collect::<Vec<_>>()
        });
        let anew = anew.await.unwrap_or_default();
        let write = move |tx: &rusqlite::Transaction<'_>| {
            anew.iter().try_for_each(|(stored, next, replanned)| {
                definitions::recompute(tx, stored, next, replanned, now)
            })
        };
        core.store.write("plan anew", write).await?;
    }
}

/// Removes files that the ledger does not know: leftovers of a crash. Only when nothing runs.
pub fn remove_orphans(core: &Core) -> Result<usize, String> {
    let known =
        core.store.read_blocking("read the files", runs::known_paths).map_err(|error| chain(&error))?;
    artifacts::remove_orphans(&core.config.artifacts(), &known).map_err(|error| chain(&error))
}
