//! The config file as written. The JSON Schema that `legwork schema config` prints comes from these types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::secret::SecretName;

/// The config file as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Folders; relative ones are below the config file's own.
    #[serde(default)]
    pub paths: PathsTable,
    /// What is kept, and how long.
    #[serde(default)]
    pub keep: KeepTable,
    /// How much is done at once.
    #[serde(default)]
    pub limits: LimitsTable,
    /// Mail relays by name.
    #[serde(default)]
    pub relay: BTreeMap<String, RelayTable>,
    /// Address lists by name.
    #[serde(default)]
    pub list: BTreeMap<String, Vec<String>>,
    /// Lists of days on which schedules may be silent, by name: "2026-12-25", or "2026-12-24..2027-01-02" with TO
    /// exclusive.
    #[serde(default)]
    pub blackout: BTreeMap<String, Vec<String>>,
    /// Where segments come from, by name; `store` is the segment store.
    #[serde(default)]
    pub source: BTreeMap<String, SourceTable>,
    /// HTTP endpoints by name.
    #[serde(default)]
    pub http: BTreeMap<String, EndpointTable>,
}

/// Folders.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathsTable {
    /// Job files.
    pub jobs: Option<PathBuf>,
    /// Database, artifacts and backups.
    pub state: Option<PathBuf>,
    /// The socket by which commands wake the daemon.
    pub runtime: Option<PathBuf>,
}

/// What is kept, and how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepTable {
    /// Report files, counted from their making.
    pub files: Option<String>,
    /// Report files together; the oldest go first. No limit when absent.
    pub bytes: Option<String>,
    /// Runs with their deliveries and attempts.
    pub runs: Option<String>,
    /// Segments, counted from their start.
    pub segments: Option<String>,
    /// Backup copies of the database.
    pub backups: Option<u32>,
}

/// How much is done at once.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    /// Runs at the same time.
    pub runs: Option<u32>,
    /// Deliveries at the same time.
    pub deliveries: Option<u32>,
    /// How long running work may go on after a stop signal.
    pub stop: Option<String>,
}

/// Where segments come from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceTable {
    /// Runs over it at the same time; no limit but that of all runs when absent.
    pub runs: Option<u32>,
    /// How long after its end a period of this source is complete, as "15m"; scheduled runs wait for it.
    pub lag: Option<String>,
}

/// A mail relay: a host, or an outbox folder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelayTable {
    /// A folder that gets `.eml` files instead of sending: for trials.
    pub outbox: Option<PathBuf>,
    /// The relay's host name, as its certificate has it.
    pub host: Option<String>,
    /// The port; 587 for starttls, 465 for implicit, 25 for none.
    pub port: Option<u16>,
    /// starttls (the default), implicit, or none (loopback hosts only).
    pub tls: Option<TlsWord>,
    /// The sender, as "Legwork <reports@example.com>".
    #[schemars(required)]
    pub from: Option<String>,
    /// The login name.
    pub user: Option<String>,
    /// The login's password, by name: { credential = "smtp" }, { file = "…" } or { env = "…" }.
    pub password: Option<SecretName>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// The largest message; the relay's own limit holds when it is smaller.
    pub size_limit: Option<String>,
    /// How long one mail may take.
    pub timeout: Option<String>,
    /// Connections at the same time.
    pub connections: Option<u32>,
}

/// How a relay is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsWord {
    /// Plain first, then STARTTLS, which must be offered.
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all; loopback hosts only.
    None,
}

/// An HTTP endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointTable {
    /// The base, as "<https://files.example.com/incoming>".
    #[schemars(required)]
    pub url: Option<String>,
    /// The bearer token, by name.
    pub token: Option<SecretName>,
    /// The login name for basic authentication.
    pub user: Option<String>,
    /// Its password, by name.
    pub password: Option<SecretName>,
    /// A file with certificates to trust besides the host's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// How long the far end may be silent.
    pub timeout: Option<String>,
}
