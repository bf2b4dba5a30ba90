//! The wall clock, read in one place only, so that everything else takes instants as arguments.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

/// A clock: the host's, or one that a test sets.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The host's wall clock.
    #[default]
    System,
    /// Shows what it was set to, in UTC milliseconds.
    Settable(Arc<watch::Sender<i64>>),
}

impl Clock {
    /// A clock that shows `at` until it is set.
    pub fn settable(at: Timestamp) -> Self {
        Self::Settable(Arc::new(watch::Sender::new(at.as_millisecond())))
    }

    /// Sets a settable clock; the host's is left alone.
    pub fn set(&self, at: Timestamp) {
        if let Self::Settable(shown) = self {
            shown.send_replace(at.as_millisecond());
        }
    }

    /// Done when a settable clock shows something else than `seen`; never for the host's.
    pub async fn differs_from(&self, seen: Timestamp) {
        match self {
            Self::System => std::future::pending().await,
            Self::Settable(shown) => {
                drop(shown.subscribe().wait_for(|ms| *ms != seen.as_millisecond()).await);
            }
        }
    }

    /// Now, to the millisecond: what the ledger can hold.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.exact().as_millisecond()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Now, as exact as the clock is.
    pub fn exact(&self) -> Timestamp {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
            Self::System => Timestamp::now(),
            Self::Settable(shown) => {
                Timestamp::from_millisecond(*shown.borrow()).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        }
    }
}

/// A stopwatch for durations that a person reads (rows per second, time taken), and by which work paces itself.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts at zero.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }

    /// The same for layers that do not know the clock.
    pub fn reader(self) -> impl Fn() -> std::time::Duration + Send {
        move || self.elapsed()
    }
}
