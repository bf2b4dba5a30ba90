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
use crate::store::{Store, StoreError};
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
        let config = self.used()?;
        let store =
            Store::open(&config.database(), self.now()).map_err(|error| cured(error.into(), &config))?;
        Ok((config, store))
    }

    /// Everything, for a command that changes something or runs a report.
    pub(super) fn core(&self) -> anyhow::Result<Core> {
        let config = self.used()?;
        Core::open(config.clone(), self.clock.clone()).map_err(|error| cured(error.into(), &config))
    }

    /// The config, where its state folder is one that is in use. Without a config only the daemon begins one: a forgotten
    /// `--config` must not read as a store without reports.
    fn used(&self) -> anyhow::Result<Config> {
        let config = self.config()?;
        if config.file.is_none() && !config.database().exists() {
            let (place, database) = (config::place(None), config.database());
            return Err(told(
                Exit::NotFound,
                format!(
                    "there is no config at `{}` and no database at `{}`; say where the config is by --config or \
                     $LEGWORK_CONFIG",
                    place.display(),
                    database.display()
                ),
            ));
        }
        become_owner(&config.state)?;
        Ok(config)
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

/// Why a store cannot be used, with what helps.
fn cured(error: anyhow::Error, config: &Config) -> anyhow::Error {
    let of_store = error.chain().find_map(|cause| cause.downcast_ref::<StoreError>());
    let cure = if of_store.is_some_and(StoreError::is_unreadable) {
        format!(
            "the database is damaged; stop the daemon, put the newest copy of `{}` in its place, and start it again",
            config.backups().display()
        )
    } else if of_store.is_some_and(StoreError::is_without_room) {
        format!("the state folder `{}` needs room on its disk", config.state.display())
    } else {
        format!("use the state folder `{}` (try sudo)", config.state.display())
    };
    error.context(cure)
}
