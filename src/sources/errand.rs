//! What one run, or one pass of collecting, asks of a vendor: counted, with an end to its patience, and to be stopped.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::SourceError;
use crate::clock::Clock;
use crate::domain::source::Asked;

/// One run's, or one pass's, dealings with a vendor.
#[derive(Debug)]
pub struct Errand {
    stop: CancellationToken,
    clock: Clock,
    patience: SignedDuration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    asked: Vec<Asked>,
    /// How long may still be waited.
    patience: SignedDuration,
}

impl Errand {
    /// One that ends when `stop` does, and waits so long in all.
    pub fn new(stop: CancellationToken, clock: Clock, patience: SignedDuration) -> Self {
        Self { stop, clock, patience, state: Mutex::new(State { asked: Vec::new(), patience }) }
    }

    /// The requests since this was asked the last time.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).asked)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn note(&self, asked: Asked) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.push(asked);
    }

    /// Waits; an error when that is longer than there is patience for, or when a stop comes first.
    pub(super) async fn wait(&self, wait: SignedDuration, why: &SourceError) -> Result<(), SourceError> {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.patience < wait {
                return Err(why.clone());
            }
            state.patience -= wait;
        }
        self.pause(wait).await
    }

    /// Waits for a place that our own pacing keeps free.
    pub(super) async fn pause(&self, wait: SignedDuration) -> Result<(), SourceError> {
        self.unless_stopped(tokio::time::sleep(std::time::Duration::try_from(wait).unwrap_or_default())).await
    }

    /// Something came whole: patience is as long as at first.
    pub fn renew(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).patience = self.patience;
    }

    /// Does something, unless a stop comes first.
    pub(super) async fn unless_stopped<T>(&self, doing: impl Future<Output = T>) -> Result<T, SourceError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(SourceError::Stopped),
            done = doing => Ok(done),
        }
    }
}
