//! `legwork serve`.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::context::{Context, runtime};
use super::exit::{Exit, told};
use super::identity::become_owner;
use crate::config::{Config, RelayWay};
use crate::daemon::{Core, Lock, LockError, Stop, Wake, serve as daemon};
use crate::web;

pub(super) fn serve(context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    become_owner(&config.state)?;
    run(config, context.clock.clone())
}

fn run(config: Config, clock: crate::clock::Clock) -> anyhow::Result<Exit> {
    let _lock = match Lock::take(&config.state) {
        Ok(lock) => lock,
        Err(error @ LockError::Held { .. }) => return Err(told(Exit::Failed, error.to_string())),
        Err(error) => return Err(anyhow::Error::new(error)),
    };
    for (name, relay) in &config.relays {
        if let RelayWay::Outbox(folder) = &relay.way {
            tracing::warn!(relay = name, folder = %folder.display(), "this relay writes mail to a folder and sends nothing");
        }
    }
    let core = Arc::new(Core::open(config, clock)?);
    let stop = Stop::default();
    runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        let wake = Wake::default();
        let page = web::listen(&core).await?;
        let serving = async {
            let (gently, now) = (stop.gently.clone(), core.clone());
            let page = async {
                if let Some(page) = page {
                    web::serve(page, now, wake.clone(), gently).await;
                }
            };
            let reports = async {
                let ended = daemon(core, wake.clone(), stop.clone()).await;
                // Without the daemon there is nothing to show.
                stop.gently.cancel();
                ended
            };
            let ((), reports) = tokio::join!(page, reports);
            reports.map_err(anyhow::Error::new)
        };
        tokio::pin!(serving);
        loop {
            tokio::select! {
                result = &mut serving => return result.map(|()| Exit::Done),
                _ = terminate.recv() => again(&stop),
                _ = interrupt.recv() => again(&stop),
            }
        }
    })
}

/// The first signal stops gently, the second at once.
fn again(stop: &Stop) {
    if stop.gently.is_cancelled() {
        stop.now.cancel();
    }
    stop.gently.cancel();
}
