//! Waiting for an instant of the wall clock, and hearing when somebody sets it.
//!
//! A timer of the monotonic clock would miss a step: a sleep of an hour stays an hour when the wall clock is set. Linux
//! wakes at a wall-clock instant and tells of each step; elsewhere short sleeps notice it within a second.

use std::os::fd::OwnedFd;
use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::unix::AsyncFd;

use crate::clock::Clock;

/// Where the clock's steps are not told, they are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Waits for instants of a clock.
pub(super) struct Timer {
    clock: Clock,
    fd: Option<AsyncFd<OwnedFd>>,
}

impl Timer {
    /// A timer of this clock.
    pub(super) fn new(clock: Clock) -> Self {
        let fd = match &clock {
            Clock::System => wall_clock_timer().ok(),
            Clock::Settable(_) => None,
        };
        Self { clock, fd }
    }

    /// Returns at an instant, or earlier: when the clock was set, or after a second where that is not told.
    pub(super) async fn until(&self, at: Timestamp) {
        let now = self.clock.now();
        if at <= now {
            return;
        }
        match (&self.clock, &self.fd) {
            (Clock::Settable(_), _) => self.clock.differs_from(now).await,
            (Clock::System, Some(fd)) if arm(fd, at).is_ok() => expired(fd).await,
            (Clock::System, _) => {
                let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
                tokio::time::sleep(left.min(LOOK_EVERY)).await;
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "its sound successor is an unsafe fn; here the descriptor is owned for as long as it is used"
)]
fn wall_clock_timer() -> std::io::Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    AsyncFd::new(rustix::time::timerfd_create(TimerfdClockId::Realtime, flags)?)
}

fn arm(fd: &AsyncFd<OwnedFd>, at: Timestamp) -> std::io::Result<()> {
    let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
    let value = Timespec { tv_sec: at.as_second(), tv_nsec: i64::from(at.subsec_nanosecond()) };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    rustix::time::timerfd_settime(fd, flags, &Itimerspec { it_interval: zero, it_value: value })?;
    Ok(())
}

/// Done when the timer fires, and when it is cancelled because the clock was set: either way there is reason to look.
async fn expired(fd: &AsyncFd<OwnedFd>) {
    loop {
        let Ok(mut guard) = fd.readable().await else { return tokio::time::sleep(LOOK_EVERY).await };
        let mut count = [0_u8; 8];
        if guard.try_io(|fd| Ok(rustix::io::read(fd, &mut count)?)).is_ok() {
            return;
        }
    }
}
