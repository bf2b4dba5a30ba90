//! Whether what is to come could go out: all destinations on demand, and those of a report an hour before it is due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::alerts::{State, messages};
use super::timer::Timer;
use super::{Core, CoreError, Wake};
use crate::chain::chain;
use crate::destinations::examine::{Health, folder};
use crate::domain::definition::{Definition, Destination};
use crate::domain::source::STORE;
use crate::secret::SecretError;
use crate::sources::SourceError;
use crate::store::alerts::{self, Condition};
use crate::store::definitions::{self, DefinitionState};
use crate::store::deliveries::add_notice;
use crate::store::{occurrences, sources};

/// The kind of alert.
pub(super) const AHEAD: &str = "ahead";
/// How long before its instant a report's destinations are looked at.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// The ledger is looked at this often.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// How long a round lasts.
const ROUND: SignedDuration = SignedDuration::from_mins(10);
/// What was seen of a destination holds for so long.
const HOLDS: SignedDuration = SignedDuration::from_mins(30);
/// Schedules looked at in one pass.
const AT_ONCE: u32 = 1_000;

/// The kind of what rows come from.
const SOURCE: &str = "source";
/// How long a vendor may take for a login, its budget included.
const GREETING_MAX: std::time::Duration = std::time::Duration::from_mins(1);

/// A destination: its kind, and its name in the config, or the folder.
type Way = (String, String);

/// Something that was looked at.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct Examined {
    /// state, secret, source, or a kind of destination.
    pub kind: String,
    /// Its name in the config, or a folder.
    pub target: String,
    /// ok, warn or BAD.
    pub state: &'static str,
    /// What was seen.
    pub words: String,
}

impl Examined {
    fn new(kind: impl Into<String>, target: impl Into<String>, health: Health) -> Self {
        let (state, words) = match health {
            Health::Good(words) => ("ok", words),
            Health::Warning(words) => ("warn", words),
            Health::Bad(words) => (BAD, words),
        };
        Self { kind: kind.into(), target: target.into(), state, words }
    }

    /// Whether nothing would go out here.
    pub fn is_bad(&self) -> bool {
        self.state == BAD
    }
}

const BAD: &str = "BAD";

/// Looks at the state folder, the secrets, and every destination of the config and of the definitions in force.
pub async fn examine(core: &Arc<Core>) -> Result<Vec<Examined>, CoreError> {
    let reading = core.clone();
    let read = move |connection: &rusqlite::Connection| {
        let stored = definitions::all(connection)?;
        let active = stored.iter().filter(|stored| stored.state != DefinitionState::Retired);
        Ok(active.filter_map(|stored| reading.parse(&stored.name, &stored.text).ok()).collect::<Vec<_>>())
    };
    let definitions = core.store.read("read the definitions", read).await;
    let definitions = definitions.map_err(CoreError::store("read the definitions"))?;
    Ok(look(core, &definitions).await)
}

async fn look(core: &Core, definitions: &[Definition]) -> Vec<Examined> {
    let state = &core.config.state;
    let mut found = vec![Examined::new("state", state.display().to_string(), folder(state))];
    for (key, secret) in core.config.secrets() {
        match secret.read() {
            Ok(_) => {}
            // What only the unit can read is not wrong; what it opens cannot be looked at from here.
            Err(error @ SecretError::OutsideUnit(_)) => {
                found.push(Examined::new("secret", key, Health::Warning(error.to_string())));
            }
            Err(error) => found.push(Examined::new("secret", key, Health::Bad(chain(&error)))),
        }
    }
    for (kind, target) in ways(core, definitions) {
        let health = core.destinations.examine(&kind, &target, core.now()).await;
        found.push(Examined::new(kind, target, health));
    }
    for source in core.sources.all() {
        let health = greeted(core, &source.name).await;
        found.push(Examined::new(SOURCE, source.name.clone(), health));
    }
    found
}

/// Whether a vendor takes our login and shows the account. It is asked once: a login that is refused again and again is
/// locked.
async fn greeted(core: &Core, name: &str) -> Health {
    let Some(source) = core.sources.get(name) else {
        return Health::Bad(format!("the config in force has no source `{name}`"));
    };
    if source.left(core.now()).iter().any(|(_, left)| *left == 0) {
        let words = "not looked at: what jobs ask of the account uses up its budget just now";
        return Health::Warning(words.to_owned());
    }
    let stop = CancellationToken::new();
    let errand = core.sources.glance(stop.clone());
    // Told to stop, not dropped: a login that is under way must be heard to its end.
    let limit = async {
        tokio::time::sleep(GREETING_MAX).await;
        stop.cancel();
        std::future::pending::<()>().await;
    };
    let greeting = tokio::select! {
        greeting = source.greet(&errand) => greeting,
        () = limit => Err(SourceError::Stopped),
    };
    let (asked, name) = (errand.take_asked(), source.name.clone());
    let note = move |tx: &rusqlite::Transaction<'_>| sources::note_requests(tx, &name, None, &asked);
    if let Err(error) = core.store.write("note requests", note).await {
        tracing::warn!(error = chain(&error), "requests could not be noted");
    }
    match greeting {
        Ok(words) => Health::Good(words),
        Err(SourceError::Stopped) => Health::Bad(format!("no answer within {} s", GREETING_MAX.as_secs())),
        Err(error) => Health::Bad(error.to_string()),
    }
}

/// Every destination of the config, and the folders of jobs.
fn ways(core: &Core, definitions: &[Definition]) -> Vec<Way> {
    let config = &core.config;
    let mut ways: BTreeSet<Way> = BTreeSet::new();
    let mut all = |kind: &str, names: Vec<&String>| {
        ways.extend(names.into_iter().map(|name| (kind.to_owned(), name.clone())));
    };
    all("relay", config.relays.keys().collect());
    all("http", config.http.keys().collect());
    all("webdav", config.webdav.keys().collect());
    all("webhook", config.webhooks.keys().collect());
    all("sftp", config.sftp.keys().collect());
    ways.extend(config.buckets.keys().cloned());
    // Vendors are looked at by themselves.
    ways.extend(definitions.iter().flat_map(ways_of).filter(|(kind, _)| kind != SOURCE));
    ways.into_iter().collect()
}

/// The destinations of a definition, and its source where that is a vendor.
fn ways_of(definition: &Definition) -> Vec<Way> {
    let way = |destination: &Destination| match destination {
        Destination::Email(email) => ("relay".to_owned(), email.relay.clone()),
        Destination::File(file) => (file.place.name().to_owned(), file.target.clone()),
        Destination::Webhook(webhook) => ("webhook".to_owned(), webhook.target.clone()),
    };
    let source = &definition.report.source;
    let vendor = (source != STORE).then(|| (SOURCE.to_owned(), source.clone()));
    definition.destinations.iter().map(way).chain(vendor).collect()
}

/// Looks ahead until it is told to stop: a task of its own, for a far end that is silent takes its time.
pub(super) async fn look_ahead(core: Arc<Core>, wake: Wake, stop: CancellationToken) {
    let timer = Timer::new(core.clock.clone());
    let mut ahead = Ahead::new(core.now());
    loop {
        // From the beginning of a look: what changes during it is seen by the next.
        let next = core.now() + LOOK_EVERY;
        tokio::select! {
            () = stop.cancelled() => return,
            looked = ahead.look(&core) => if let Err(error) = looked {
                tracing::error!(error = chain(&error), "the way ahead could not be looked at; trying again");
            },
        }
        wake.courier.notify_one();
        tokio::select! {
            () = stop.cancelled() => return,
            () = timer.until(next) => {}
        }
    }
}

/// What of the coming hour has been looked at.
#[derive(Debug)]
struct Ahead {
    /// Instant and definition behind which nothing has been looked at in this round.
    behind: (Timestamp, i64),
    /// When the round began.
    since: Timestamp,
    seen: BTreeMap<Way, (Timestamp, Health)>,
}

impl Ahead {
    fn new(now: Timestamp) -> Self {
        Self { behind: (now, 0), since: now, seen: BTreeMap::new() }
    }

    /// Looks at the destinations of what falls due within the hour. A round takes in what is new in the hour; what was
    /// seen of a destination holds for a while, so that rounds cost little.
    async fn look(&mut self, core: &Arc<Core>) -> Result<(), CoreError> {
        let now = core.now();
        if self.since + ROUND <= now || now < self.since {
            (self.behind, self.since) = ((now, 0), now);
        }
        let behind = self.behind;
        let read = move |c: &rusqlite::Connection| occurrences::next_behind(c, behind, now + BEFORE, AT_ONCE);
        let found = core.store.read("read what is to come", read).await;
        let found = found.map_err(CoreError::store("read what is to come"))?;
        self.seen.retain(|_, (at, _)| now < *at + HOLDS && *at <= now);
        for (definition_id, version_id, at) in found {
            self.behind = (at, definition_id);
            let Ok(definition) = tokio::task::block_in_place(|| core.definition(version_id)) else {
                continue;
            };
            let mut bad = Vec::new();
            for way in ways_of(&definition) {
                if let Health::Bad(words) = self.health(core, &way, now).await {
                    bad.push(format!("{} {}: {words}", way.0, way.1));
                }
            }
            tell(core, definition_id, bad.join("\n"), now).await?;
        }
        Ok(())
    }

    async fn health(&mut self, core: &Core, way: &Way, now: Timestamp) -> Health {
        if let Some((_, health)) = self.seen.get(way) {
            return health.clone();
        }
        let health = if way.0 == SOURCE {
            greeted(core, &way.1).await
        } else {
            core.destinations.examine(&way.0, &way.1, now).await
        };
        self.seen.insert(way.clone(), (now, health.clone()));
        health
    }
}

/// Tells the owner while there is time, and when it is mended.
async fn tell(core: &Arc<Core>, definition_id: i64, words: String, now: Timestamp) -> Result<(), CoreError> {
    let open = core.store.read("read what was told", alerts::open).await;
    let open = open.map_err(CoreError::store("read what was told"))?;
    let known = open
        .into_iter()
        .find(|alert| alert.condition.definition_id == definition_id && alert.condition.kind == AHEAD);
    let condition = Condition { definition_id, kind: AHEAD.to_owned(), words };
    let (condition, state) = match (known, condition.words.is_empty()) {
        (None, true) | (Some(_), false) => return Ok(()),
        (None, false) => (condition, State::New),
        (Some(alert), true) => (alert.condition, State::Over(now.duration_since(alert.since))),
    };
    let messages = tokio::task::block_in_place(|| messages(core, &condition, state, now));
    let write = move |tx: &rusqlite::Transaction<'_>| {
        match state {
            State::Over(_) => alerts::over(tx, &condition)?,
            State::New | State::Still => alerts::told(tx, &condition, now)?,
        }
        messages.iter().try_for_each(|message| add_notice(tx, Some(definition_id), message, now))
    };
    core.store.write("note what was told", write).await.map_err(CoreError::store("note what was told"))
}
