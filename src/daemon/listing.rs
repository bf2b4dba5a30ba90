//! The lists of reports, sources and mailing lists: of a report how fresh it is, what became of it last, when it is due;
//! of a source how far it is collected. The same for command, page and API.

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use super::Core;
use crate::domain::schedule::MISSED_AFTER;
use crate::store::StoreError;
use crate::store::definitions::{DefinitionState, StoredDefinition};
use crate::store::overview::{self, Newest};
use crate::store::sources::{self, Collection};

/// A whole file that is younger lights the dot.
pub const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// What stands beside the dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is being made.
    Running,
    /// It could not be made, or not be delivered.
    Failed,
    /// It waits for a person.
    Held,
    /// A delivery is being tried again.
    Retrying,
    /// It should be there and is not.
    Late,
    /// It waits for its turn, or for its time.
    Due,
    /// Its file was made in the last 24 hours.
    Fresh,
    /// Its schedules are stopped.
    Paused,
    /// Its job file is gone.
    Retired,
    /// It has no schedule.
    #[serde(rename = "on demand")]
    OnDemand,
}

impl Verdict {
    /// All of them, the ones that ask for a person first.
    pub const ALL: [Self; 10] = [
        Self::Failed,
        Self::Held,
        Self::Late,
        Self::Retrying,
        Self::Running,
        Self::Due,
        Self::Fresh,
        Self::OnDemand,
        Self::Paused,
        Self::Retired,
    ];

    /// The word in lists, on pages and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Retrying => "retrying",
            Self::Late => "late",
            Self::Due => "due",
            Self::Fresh => "fresh",
            Self::Paused => "paused",
            Self::Retired => "retired",
            Self::OnDemand => "on demand",
        }
    }

    /// What a definition's newest facts amount to.
    pub fn of(state: DefinitionState, newest: &Newest, now: Timestamp) -> Self {
        let last = newest.last_state.as_deref();
        match state {
            DefinitionState::Paused => return Self::Paused,
            DefinitionState::Retired => return Self::Retired,
            DefinitionState::Active => {}
        }
        if last == Some("running") {
            Self::Running
        } else if last == Some("failed") || 0 < newest.failed {
            Self::Failed
        } else if 0 < newest.unknown + newest.held {
            Self::Held
        } else if 0 < newest.retrying {
            Self::Retrying
        } else if newest.next_at.is_some_and(|at| at + MISSED_AFTER < now) {
            Self::Late
        } else if last == Some("due") {
            Self::Due
        } else if is_recent(newest.generated_at, now) {
            Self::Fresh
        } else if newest.next_at.is_some() {
            Self::Due
        } else {
            Self::OnDemand
        }
    }
}

/// Whether a file lights the dot: made less than 24 hours ago.
pub fn is_recent(generated_at: Option<Timestamp>, now: Timestamp) -> bool {
    generated_at.is_some_and(|at| now.duration_since(at) < RECENT)
}

/// A definition as listed.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The definition.
    pub stored: StoredDefinition,
    /// Its newest facts.
    pub newest: Newest,
    /// Whether the dot is lit.
    pub recent: bool,
    /// What stands beside it.
    pub verdict: Verdict,
}

impl Listed {
    /// Looks a definition's newest facts up.
    pub fn look(connection: &Connection, stored: StoredDefinition, now: Timestamp) -> rusqlite::Result<Self> {
        let newest = overview::newest(connection, stored.definition_id)?;
        let recent = is_recent(newest.generated_at, now);
        let verdict = Verdict::of(stored.state, &newest, now);
        Ok(Self { stored, newest, recent, verdict })
    }
}

/// A source as listed.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
#[schemars(rename = "Source")]
pub struct ListedSource {
    /// Its name in the config.
    pub name: String,
    /// ringcentral, liveperson or koreai.
    pub kind: &'static str,
    /// The account there.
    pub account: Option<String>,
    /// What is collected of it.
    pub collects: Option<&'static str>,
    /// What is known of each feed.
    pub feeds: Vec<Collection>,
    /// What is left of each rate now.
    pub left: Vec<String>,
}

impl ListedSource {
    /// The sources of the config by name. Blocks.
    pub fn all(core: &Core) -> Result<Vec<Self>, StoreError> {
        let noted = core.store.read_blocking("read the sources", sources::collections)?;
        let now = core.now();
        let each = core.sources.all().map(|source| Self {
            name: source.name.clone(),
            kind: source.config.kind().name(),
            account: source.config.account().map(ToOwned::to_owned),
            collects: source.config.collect.as_ref().map(|collect| collect.feed.name()),
            feeds: noted.iter().filter(|feed| feed.source == source.name).cloned().collect(),
            left: source.left(now).iter().map(|(rate, left)| format!("{left} of {rate}")).collect(),
        });
        Ok(each.collect())
    }

    /// Its lines: a feed each; a source of which nothing is known yet has one too.
    pub fn lines(&self) -> Vec<Collection> {
        if self.feeds.is_empty() { vec![Collection::default()] } else { self.feeds.clone() }
    }
}

/// A mailing list as listed.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
#[schemars(rename = "List")]
pub struct ListedMailingList {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Whether the config names it; then it is changed there.
    pub of_config: bool,
}

impl ListedMailingList {
    /// Those of the config and those made on the page, by name.
    pub fn all(core: &Core) -> Vec<Self> {
        let lists = core.lists();
        let each = lists.iter().map(|(name, addresses)| Self {
            name: name.clone(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            of_config: core.config.lists.contains_key(name),
        });
        each.collect()
    }
}
