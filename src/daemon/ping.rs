//! Dead-man pings: a URL hears of start, success and failure, and raises the alarm itself when it hears nothing.
//!
//! Best effort and beside the ledger: a ping that comes hours late says nothing, and its absence is the message.

use std::sync::Arc;

use super::Core;
use crate::chain::chain;
use crate::store::alerts;

/// What a ping tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Start,
    Success,
    Fail,
}

/// Tells a ping of the config, in the background.
pub(super) fn tell(core: &Arc<Core>, ping: Option<&String>, told: Told) {
    let Some(name) = ping.cloned() else { return };
    let Some(target) = core.config.pings.get(&name).cloned() else { return };
    let core = core.clone();
    core.clone().pings.spawn(async move {
        let ending = match told {
            Told::Start => "/start",
            Told::Success => "",
            Told::Fail => "/fail",
        };
        if let Err(error) = core.destinations.ping(&target, ending).await {
            tracing::warn!(ping = name, ?told, error, "a ping was not heard");
        }
    });
}

/// Tells how a run ended once the last of its deliveries has: all of them well, or not.
pub(super) async fn tell_when_settled(core: &Arc<Core>, run_id: i64, ping: Option<&String>) {
    if ping.is_none() {
        return;
    }
    match core.store.read("read a run's deliveries", move |c| alerts::settled(c, run_id)).await {
        Ok(None) => {}
        Ok(Some(good)) => tell(core, ping, if good { Told::Success } else { Told::Fail }),
        Err(error) => {
            tracing::warn!(run_id, error = chain(&error), "a ping could not be told how the run ended");
        }
    }
}
