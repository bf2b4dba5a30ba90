//! What every task needs: config, store, zones, clock, ways out; and the definitions in force, parsed once each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use tokio_util::task::TaskTracker;

use super::lateness::Lateness;
use super::planner::Horizon;
use super::progress::Running;
use super::queue::Place;
use crate::clock::Clock;
use crate::config::{Config, Lists, Referable};
use crate::destinations::{Destinations, details};
use crate::domain::definition::Definition;
use crate::domain::schedule::{MissedRule, Overlap};
use crate::domain::source::STORE;
use crate::jobfile;
use crate::sources::Sources;
use crate::store::occurrences::OpenOccurrence;
use crate::store::{Store, StoreError, definitions, deliveries, mailing_lists, runs};
use crate::zones::Zones;

/// Parsed definitions kept in memory.
const PARSED_KEPT: usize = 4_096;

/// Why something that spans several parts failed.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The store.
    #[error("{what}")]
    Store {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: StoreError,
    },
    /// A file, folder or socket.
    #[error("{what} `{path}`")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: std::path::PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The housekeeping's scheduler.
    #[error("start the housekeeping: {0}")]
    Housekeeping(String),
    /// A definition's stored text is wrong under today's config.
    #[error("the definition is wrong under the config in force: {0}")]
    Definition(String),
}

impl CoreError {
    pub(super) fn store(what: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |source| Self::Store { what, source }
    }
}

/// The config's address lists, and beside them those made on the page. An address that is none any more is left out
/// loudly.
fn lists(store: &Store, config: &Config) -> Result<Lists, StoreError> {
    let mut lists = config.lists.clone();
    for (name, texts) in store.read_blocking("read the mailing lists", mailing_lists::all)? {
        let parsed = texts.iter().filter_map(|text| {
            let address = text.parse();
            if let Err(error) = &address {
                tracing::error!(list = name, error, "an address of a mailing list is wrong");
            }
            address.ok()
        });
        // The config came first.
        let addresses = parsed.collect();
        lists.entry(name).or_insert(addresses);
    }
    Ok(lists)
}

/// What a schedule says of bad days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) missed: MissedRule,
    pub(super) overlap: Overlap,
}

/// What every task needs.
#[derive(Debug)]
pub struct Core {
    /// The settings.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// The time zones.
    pub zones: Zones,
    /// The clock.
    pub clock: Clock,
    /// The ways out.
    pub destinations: Destinations,
    /// The vendors.
    pub sources: Sources,
    /// How late occurrences were handed over.
    pub lateness: Lateness,
    /// Runs under way.
    pub running: Running,
    /// Pings under way.
    pub(super) pings: TaskTracker,
    /// How far everything is planned.
    pub(super) horizon: Horizon,
    /// The row of the zone data in force; 0 while it is not known.
    zone_data: AtomicI64,
    lists: RwLock<Arc<Lists>>,
    parsed: Mutex<HashMap<i64, Arc<Definition>>>,
}

impl Core {
    /// Opens the store of a config.
    pub fn open(config: Config, clock: Clock) -> Result<Self, StoreError> {
        let store = Store::open(&config.database(), clock.now())?;
        let destinations = Destinations::new(&config);
        let sources = Sources::new(&config, clock.clone());
        // What was asked before this process counts in the vendors' windows, too.
        let rates = config.sources.values().flat_map(|source| &source.rates);
        let longest = rates.map(|rate| rate.span).max().unwrap_or_default();
        // A pause that was asked for lasts a day at the most.
        let longest = longest.max(SignedDuration::from_hours(24));
        let since = clock.now().checked_sub(longest).unwrap_or(Timestamp::UNIX_EPOCH);
        let asked =
            store.read_blocking("read requests", |c| crate::store::sources::requests_since(c, since))?;
        for (source, at, again_at) in asked {
            sources.recall(&source, at, again_at);
        }
        let zone_data = store.read_blocking("read the zone data", |connection| {
            let version = definitions::surrounding(connection, "zone-data")?;
            version.map_or(Ok(None), |version| definitions::zone_data(connection, &version))
        })?;
        let lists = lists(&store, &config)?;
        Ok(Self {
            config,
            store,
            zones: Zones::default(),
            clock,
            destinations,
            sources,
            lateness: Lateness::default(),
            running: Running::default(),
            pings: TaskTracker::new(),
            horizon: Horizon::default(),
            zone_data: AtomicI64::new(zone_data.unwrap_or(0)),
            lists: RwLock::new(Arc::new(lists)),
            parsed: Mutex::new(HashMap::new()),
        })
    }

    /// The row of the zone data that instants are computed with.
    pub(super) fn zone_data_id(&self) -> Option<i64> {
        Some(self.zone_data.load(Ordering::SeqCst)).filter(|id| 0 < *id)
    }

    pub(super) fn set_zone_data(&self, zone_data_id: i64) {
        self.zone_data.store(zone_data_id, Ordering::SeqCst);
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What job files may refer to.
    pub fn referable(&self) -> Referable<'_> {
        Referable { config: &self.config, zones: &self.zones, lists: self.lists() }
    }

    /// Address lists by name: those of the config, and those made on the page.
    pub fn lists(&self) -> Arc<Lists> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the address lists that were made on the page anew; definitions follow them at their next run. Blocks.
    pub fn refresh_lists(&self) -> Result<(), StoreError> {
        // The lock comes before the look, so that of two who refresh at once the later look stays.
        let mut known = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        *known = Arc::new(lists(&self.store, &self.config)?);
        drop(known);
        self.forget_parsed();
        Ok(())
    }

    /// Parses a stored definition under the config in force.
    pub fn parse(&self, name: &str, text: &str) -> Result<Definition, CoreError> {
        let parsed = jobfile::parse(name, name, text, &self.referable());
        parsed.definition.ok_or_else(|| {
            let problems: Vec<String> =
                parsed.problems.iter().map(crate::tomlfile::Problem::one_line).collect();
            CoreError::Definition(problems.join(" · "))
        })
    }

    /// The definition of a version; parsed once. Blocks.
    pub fn definition(&self, version_id: i64) -> Result<Arc<Definition>, CoreError> {
        let known = self.parsed.lock().unwrap_or_else(PoisonError::into_inner).get(&version_id).cloned();
        if let Some(definition) = known {
            return Ok(definition);
        }
        let (name, text) = self
            .store
            .read_blocking("read a definition", |connection| definitions::version(connection, version_id))
            .map_err(CoreError::store("read a definition"))?;
        let definition = Arc::new(self.parse(&name, &text)?);
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if PARSED_KEPT <= parsed.len() {
            parsed.clear();
        }
        parsed.insert(version_id, definition.clone());
        Ok(definition)
    }

    /// The rules of the schedule that named an occurrence; the defaults where none did. Blocks.
    pub(super) fn rules(&self, occurrence: &OpenOccurrence) -> Rules {
        let definition = self.definition(occurrence.version_id).ok();
        let schedule = definition.as_ref().zip(occurrence.ordinal);
        let schedule = schedule.and_then(|(definition, ordinal)| definition.schedules.get(ordinal));
        schedule.map_or_else(Rules::default, |schedule| Rules {
            missed: schedule.missed,
            overlap: schedule.overlap,
        })
    }

    /// Where an occurrence runs, and beside what. Blocks where the config has vendors, for then its definition is looked up.
    pub(super) fn place(&self, occurrence: &OpenOccurrence, overlap: Overlap) -> Place {
        let beside = overlap == Overlap::Allow;
        if self.sources.all().next().is_none() {
            return Place { beside, source: STORE.to_owned() };
        }
        let definition = tokio::task::block_in_place(|| self.definition(occurrence.version_id)).ok();
        let source = definition.as_ref().map_or(STORE, |definition| definition.report.source.as_str());
        Place { beside, source: source.to_owned() }
    }

    /// Forgets parsed definitions: their zones or mailing lists may have changed.
    pub fn forget_parsed(&self) {
        self.parsed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Settles what the last process left open: runs wait again, attempts end as the ledger's marks say.
    pub async fn recover(&self) -> Result<(), CoreError> {
        let now = self.now();
        let recover = move |tx: &rusqlite::Transaction<'_>| {
            let runs = runs::interrupt(tx, now)?;
            let attempts = deliveries::settle_left_open(tx, details::on_unknown, now)?;
            Ok((runs, attempts))
        };
        let settled = self.store.write("settle what was left open", recover).await;
        let (runs, attempts) = settled.map_err(CoreError::store("recover"))?;
        let orphans = match super::housekeeping::remove_orphans(self) {
            Ok(orphans) => orphans,
            Err(error) => {
                tracing::warn!(error, "leftover files could not be removed");
                0
            }
        };
        if 0 < runs + attempts + orphans {
            tracing::warn!(runs, attempts, orphans, "the last process left work open; it is taken up again");
        }
        Ok(())
    }

    /// Marks runs that still work as interrupted, at the end of a stop.
    pub(super) async fn interrupt_running(&self) -> Result<(), CoreError> {
        let now = self.now();
        let interrupted = self.store.write("interrupt runs", move |tx| runs::interrupt(tx, now)).await;
        let interrupted = interrupted.map_err(CoreError::store("interrupt runs"))?;
        if 0 < interrupted {
            tracing::warn!(runs = interrupted, "interrupted; they run again at the next start");
        }
        Ok(())
    }
}
