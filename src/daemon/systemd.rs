//! What systemd is told: readiness, the watchdog, the stop. Outside the unit all of it does nothing.

use std::sync::Arc;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use super::Core;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

pub(super) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: running work gets its time")]);
}

/// Feeds the watchdog, but only after the store has answered: a daemon that cannot read its store is not alive.
pub(super) async fn watchdog(core: Arc<Core>, stop: CancellationToken) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(limit / 3) => {}
        }
        let ping = core
            .store
            .read("ping", |connection| connection.query_row("select 1", [], |row| row.get::<_, i64>(0)));
        if ping.await.is_ok() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}
