//! How far generations are, and how they are stopped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// How far a generation is, and how it is stopped.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows written so far.
    pub rows: AtomicU64,
    /// Set to end early; the file then vanishes.
    pub stop: AtomicBool,
    /// The same for whoever waits for somebody outside.
    pub halt: CancellationToken,
}

impl Progress {
    /// Ends it early.
    pub fn end(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.halt.cancel();
    }
}

/// Ends a generation when it is let go, whoever lets go of it.
#[derive(Debug)]
pub struct GivenUp(pub Arc<Progress>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The runs of this process, and how far each is.
#[derive(Debug, Default)]
pub struct Running(Mutex<HashMap<i64, Arc<Progress>>>);

impl Running {
    fn all(&self) -> MutexGuard<'_, HashMap<i64, Arc<Progress>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, run_id: i64) -> Arc<Progress> {
        let progress = Arc::new(Progress::default());
        self.all().insert(run_id, progress.clone());
        progress
    }

    pub(super) fn end(&self, run_id: i64) {
        self.all().remove(&run_id);
    }

    /// Rows that a run has written so far; `None` where it does not run here.
    pub fn rows(&self, run_id: i64) -> Option<u64> {
        self.all().get(&run_id).map(|progress| progress.rows.load(Ordering::Relaxed))
    }
}
