//! What a command works on: config, store, and whether the daemon runs.

use std::path::PathBuf;

use anyhow::Context as _;
use jiff::Timestamp;

use super::exit::{Exit, told};
use super::identity::become_owner;
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError};
use crate::daemon::{Core, Lock, LockError, control};
use crate::domain::instant::parse_instant;
use crate::store::Store;
use crate::tomlfile::render;

/// The arguments that every command has.
#[derive(Debug)]
pub(super) struct Context {
    config: Option<PathBuf>,
    /// Whether results are printed as JSON.
    pub(super) json: bool,
    /// The clock.
    pub(super) clock: Clock,
}

impl Context {
    pub(super) fn new(config: Option<PathBuf>, json: bool) -> Self {
        Self { config, json, clock: Clock::System }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The config; with its problems told when it is wrong.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        match config::load(self.config.as_deref()) {
            Ok(config) => Ok(config),
            Err(ConfigError::Wrong(problems)) => {
                let text = render(&problems, super::out::is_terminal());
                Err(told(Exit::Wrong, format!("the config is wrong\n\n{text}")))
            }
            Err(error) => Err(anyhow::Error::new(error)),
        }
    }

    /// The config and its store.
    pub(super) fn store(&self) -> anyhow::Result<(Config, Store)> {
        let config = self.config()?;
        become_owner(&config.state)?;
        let store = Store::open(&config.database(), self.now())
            .with_context(|| format!("use the state folder `{}` (try sudo)", config.state.display()))?;
        Ok((config, store))
    }

    /// Everything, for a command that changes something or runs a report.
    pub(super) fn core(&self) -> anyhow::Result<Core> {
        let config = self.config()?;
        become_owner(&config.state)?;
        let state = config.state.display().to_string();
        Core::open(config, self.clock.clone())
            .with_context(|| format!("use the state folder `{state}` (try sudo)"))
    }

    /// The lock when no daemon runs; `None` when one does.
    pub(super) fn lock_unless_served(config: &Config) -> anyhow::Result<Option<Lock>> {
        match Lock::take(&config.state) {
            Ok(lock) => Ok(Some(lock)),
            Err(LockError::Held { .. }) => Ok(None),
            Err(error) => Err(anyhow::Error::new(error)),
        }
    }

    /// Whether no daemon runs any more. To be asked before a look at how far it is, which may have been its last word.
    pub(super) fn is_unserved(config: &Config) -> anyhow::Result<bool> {
        // Its socket is asked first: whoever tries the lock stands in the way of a daemon that starts just then.
        Ok(!control::is_there(&config.socket()) && Self::lock_unless_served(config)?.is_some())
    }

    /// Wakes the daemon, if one runs; it would look by itself within a minute.
    pub(super) fn wake(config: &Config) -> bool {
        control::wake(&config.socket())
    }
}

/// That a daemon has ended whose work a command follows.
pub(super) fn daemon_ended() -> anyhow::Error {
    told(Exit::Later, "the daemon has ended; what was asked for goes on at its next start")
}

/// An instant that an argument names.
pub(super) fn instant(argument: &str, text: &str) -> anyhow::Result<Timestamp> {
    let ms = parse_instant(text.trim()).map_err(|error| told(Exit::Wrong, format!("{argument}: {error}")))?;
    Ok(Timestamp::from_millisecond(ms)?)
}

/// A runtime for commands that send or run.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")
}
