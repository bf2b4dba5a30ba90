//! Tasks and their lives.
//!
//! ```text
//!  jobs/ ──► loader ──┐                       ┌─► runner ──► courier
//!  socket ─► control ─┼─► (SQLite) ─► planner ┘      (each acts on what SQLite says;
//!  SIGHUP ────────────┘                               the arrows only wake, and carry nothing)
//! ```
//!
//! Stopping: no new claims; running work gets `[limits] stop`; what is left is interrupted and runs again at the next
//! start. Order: planner, runner and courier stop taking work; then running work is waited for; then connections are
//! closed; then the store.

pub mod advice;
mod alerts;
mod as_asked;
pub mod ask;
pub mod backfill;
mod changes;
pub mod collect;
pub mod control;
mod core;
mod courier;
mod dispatcher;
pub mod doctor;
pub mod generate;
pub mod housekeeping;
pub mod import;
mod lateness;
pub mod listing;
pub mod loader;
mod lock;
mod make;
mod pass;
mod ping;
pub mod planner;
pub mod prepare;
pub mod preview;
pub mod progress;
mod queue;
pub mod runner;
pub mod simulate;
mod summary;
pub mod systemd;
mod timer;
pub mod watching;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::core::Rules;
pub use self::core::{Core, CoreError};
use crate::config::Source;
use crate::domain::source::STORE;
pub use courier::deliver_due;
pub use lateness::Lateness;
pub use lock::{Lock, LockError};
pub use make::{completeness, usual_rows};
pub use queue::{Place, RunLimits, RunQueue};

/// Wakes the tasks. A lost wake-up costs half a minute, never work: each task acts on what the store says.
#[derive(Debug, Clone, Default)]
pub struct Wake {
    loader: Arc<Notify>,
    planner: Arc<Notify>,
    dispatcher: Arc<Notify>,
    runner: Arc<Notify>,
    courier: Arc<Notify>,
    collector: Arc<Notify>,
}

impl Wake {
    /// Everyone has a look.
    pub fn all(&self) {
        for task in
            [&self.loader, &self.planner, &self.dispatcher, &self.runner, &self.courier, &self.collector]
        {
            task.notify_one();
        }
    }
}

/// How a stop is asked for, in two steps.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// No new work.
    pub gently: CancellationToken,
    /// Running work ends now.
    pub now: CancellationToken,
}

fn run_limits(core: &Core) -> RunLimits {
    let all = core.config.limits.runs;
    let runs = |(name, source): (&String, &Source)| {
        // Over the store the machine itself is the limit.
        let most = if name == STORE { Some(source.runs.unwrap_or(all).min(all)) } else { source.runs };
        most.map(|most| (name.clone(), most))
    };
    RunLimits { by_source: core.config.sources.iter().filter_map(runs).collect() }
}

/// Runs the daemon until it is told to stop. Holds the lock of the state folder for as long.
pub async fn serve(core: Arc<Core>, wake: Wake, stop: Stop) -> Result<(), CoreError> {
    let listener = control::bind(&core.config.socket())?;
    core.recover().await?;
    let tasks = TaskTracker::new();
    let work = TaskTracker::new();
    tasks.spawn(planner::planner(core.clone(), wake.clone(), stop.gently.clone()));
    let queue = Arc::new(RunQueue::new(run_limits(&core)));
    tasks.spawn(dispatcher::dispatcher(core.clone(), queue.clone(), wake.clone(), stop.gently.clone()));
    tasks.spawn(runner::runner(core.clone(), queue, wake.clone(), stop.clone(), work.clone()));
    tasks.spawn(courier::courier(core.clone(), wake.clone(), stop.gently.clone(), work.clone()));
    tasks.spawn(loader::loader(core.clone(), wake.clone(), stop.gently.clone()));
    tasks.spawn(control::control(listener, wake.clone(), stop.gently.clone()));
    tasks.spawn(alerts::alerts(core.clone(), wake.clone(), stop.gently.clone()));
    tasks.spawn(doctor::look_ahead(core.clone(), wake.clone(), stop.gently.clone()));
    tasks.spawn(collect::collector(core.clone(), wake.clone(), stop.clone()));
    tasks.spawn(systemd::watchdog(core.clone(), stop.gently.clone()));
    let mut housekeeper = housekeeping::start(&core).await?;
    systemd::ready();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), state = %core.config.state.display(), "serving");
    stop.gently.cancelled().await;
    systemd::stopping();
    tracing::info!("stopping: no new work");
    tasks.close();
    tasks.wait().await;
    work.close();
    core.pings.close();
    let limit = std::time::Duration::try_from(core.config.limits.stop).unwrap_or_default();
    tokio::select! {
        () = async { tokio::join!(work.wait(), core.pings.wait()); } => {}
        () = stop.now.cancelled() => tracing::warn!("told to stop now"),
        () = tokio::time::sleep(limit) => tracing::warn!(running = work.len(), "running work did not end in time"),
    }
    stop.now.cancel();
    if let Err(error) = housekeeper.shutdown().await {
        tracing::warn!(%error, "housekeeping did not stop");
    }
    core.destinations.close().await;
    core.interrupt_running().await?;
    core.store.close();
    drop(std::fs::remove_file(core.config.socket()));
    tracing::info!("stopped");
    Ok(())
}
