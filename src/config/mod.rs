//! Settings of the daemon: `legwork.toml`. Jobs are not settings.

pub mod file;
mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use crate::domain::address::Address;
use crate::domain::blackout::Blackout;
use crate::domain::zone::Zone;
use crate::jobfile::Surroundings;
use crate::secret::{SecretName, environment};
use crate::tomlfile::{self, Problem};
use crate::zones::Zones;

pub use file::TlsWord;
pub use read::parse;

/// The shipped config: every setting with its default, its unit and its reason.
pub const SHIPPED: &str = include_str!("../../config/legwork.toml");

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file, when there is one.
    pub file: Option<PathBuf>,
    /// Job files.
    pub jobs: PathBuf,
    /// Database, artifacts and backups.
    pub state: PathBuf,
    /// The socket's folder.
    pub runtime: PathBuf,
    /// What is kept.
    pub keep: Keep,
    /// How much at once.
    pub limits: Limits,
    /// Mail relays by name.
    pub relays: BTreeMap<String, Relay>,
    /// Address lists by name.
    pub lists: BTreeMap<String, Vec<Address>>,
    /// Lists of days by name.
    pub blackouts: BTreeMap<String, Blackout>,
    /// What is to be heeded of each source, by name.
    pub sources: BTreeMap<String, SourceLimits>,
    /// HTTP endpoints by name.
    pub endpoints: BTreeMap<String, Endpoint>,
}

/// What is kept, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Report files.
    pub files: SignedDuration,
    /// Report files together.
    pub bytes: Option<u64>,
    /// Runs.
    pub runs: SignedDuration,
    /// Segments.
    pub segments: SignedDuration,
    /// Backups.
    pub backups: u32,
}

/// How much is done at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Runs.
    pub runs: usize,
    /// Deliveries.
    pub deliveries: usize,
    /// Time for running work after a stop signal.
    pub stop: SignedDuration,
}

/// What is to be heeded of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceLimits {
    /// Runs over it at the same time.
    pub runs: Option<usize>,
    /// How long after its end a period of it is complete.
    pub lag: SignedDuration,
}

/// A mail relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Where mail goes.
    pub way: RelayWay,
    /// The sender.
    pub from: Address,
    /// The largest message in bytes.
    pub size_limit: u64,
    /// How long one mail may take.
    pub timeout: SignedDuration,
}

/// Where a relay's mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayWay {
    /// A folder of `.eml` files: written, not sent.
    Outbox(PathBuf),
    /// A server.
    Smtp(Box<SmtpServer>),
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// Host name.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: TlsWord,
    /// Login name and password.
    pub login: Option<(String, SecretName)>,
    /// Certificates to trust besides the host's.
    pub ca_file: Option<PathBuf>,
    /// Connections at the same time.
    pub connections: usize,
}

/// An HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The base, without a slash at its end.
    pub url: String,
    /// How requests are authorised.
    pub login: EndpointLogin,
    /// Certificates to trust besides the host's.
    pub ca_file: Option<PathBuf>,
    /// How long the far end may be silent.
    pub timeout: SignedDuration,
}

/// How requests are authorised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointLogin {
    /// Not at all.
    None,
    /// A bearer token.
    Bearer(SecretName),
    /// Basic authentication.
    Basic(String, SecretName),
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read the config `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is wrong.
    #[error("the config has {} problem(s)", .0.len())]
    Wrong(Vec<Problem>),
}

/// The config's place: as said, else `$LEGWORK_CONFIG`, else `/etc/legwork/legwork.toml`.
pub fn place(said: Option<&Path>) -> PathBuf {
    said.map(Path::to_owned)
        .or_else(|| environment("LEGWORK_CONFIG").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("/etc/legwork/legwork.toml"))
}

/// Reads the config. A file that was not asked for by name may be absent: then everything is at its default.
pub fn load(said: Option<&Path>) -> Result<Config, ConfigError> {
    let path = place(said);
    let asked = said.is_some() || environment("LEGWORK_CONFIG").is_some();
    let name = path.display().to_string();
    let text = match std::fs::read(&path) {
        Ok(bytes) => tomlfile::decode(&name, bytes).map_err(|problem| ConfigError::Wrong(vec![problem]))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !asked => return Ok(defaults()),
        Err(source) => return Err(ConfigError::Read { path, source }),
    };
    let mut config = parse(&name, &text).map_err(ConfigError::Wrong)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    config.make_absolute(&folder);
    config.file = Some(path);
    Ok(config)
}

/// Everything at its default.
pub fn defaults() -> Config {
    let systemd_folder = |variable: &str, default: &str| {
        // systemd lists several folders with a colon between; ours is one.
        environment(variable)
            .and_then(|list| list.split(':').next().map(PathBuf::from))
            .unwrap_or_else(|| default.into())
    };
    Config {
        file: None,
        jobs: "/etc/legwork/jobs".into(),
        state: systemd_folder("STATE_DIRECTORY", "/var/lib/legwork"),
        runtime: systemd_folder("RUNTIME_DIRECTORY", "/run/legwork"),
        keep: Keep {
            files: SignedDuration::from_hours(35 * 24),
            bytes: None,
            runs: SignedDuration::from_hours(400 * 24),
            segments: SignedDuration::from_hours(400 * 24),
            backups: 7,
        },
        limits: Limits { runs: 2, deliveries: 16, stop: SignedDuration::from_secs(30) },
        relays: BTreeMap::new(),
        lists: BTreeMap::new(),
        blackouts: BTreeMap::new(),
        sources: BTreeMap::new(),
        endpoints: BTreeMap::new(),
    }
}

impl Config {
    fn make_absolute(&mut self, folder: &Path) {
        for path in [&mut self.jobs, &mut self.state, &mut self.runtime] {
            *path = folder.join(&*path);
        }
        for relay in self.relays.values_mut() {
            match &mut relay.way {
                RelayWay::Outbox(path) => *path = folder.join(&*path),
                RelayWay::Smtp(server) => {
                    if let Some(path) = &mut server.ca_file {
                        *path = folder.join(&*path);
                    }
                    if let Some((_, SecretName { file: Some(path), .. })) = &mut server.login {
                        *path = folder.join(&*path);
                    }
                }
            }
        }
        for endpoint in self.endpoints.values_mut() {
            if let Some(path) = &mut endpoint.ca_file {
                *path = folder.join(&*path);
            }
            if let EndpointLogin::Bearer(SecretName { file: Some(path), .. })
            | EndpointLogin::Basic(_, SecretName { file: Some(path), .. }) = &mut endpoint.login
            {
                *path = folder.join(&*path);
            }
        }
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.state.join("legwork.db")
    }

    /// Report files.
    pub fn artifacts(&self) -> PathBuf {
        self.state.join("artifacts")
    }

    /// Backup copies of the database.
    pub fn backups(&self) -> PathBuf {
        self.state.join("backups")
    }

    /// The socket by which commands wake the daemon.
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("legwork.sock")
    }

    /// Secrets that jobs over this config may need, with the key that names each.
    pub fn secrets(&self) -> Vec<(String, &SecretName)> {
        let mut secrets = Vec::new();
        for (name, relay) in &self.relays {
            if let RelayWay::Smtp(server) = &relay.way
                && let Some((_, secret)) = &server.login
            {
                secrets.push((format!("relay.{name}.password"), secret));
            }
        }
        for (name, endpoint) in &self.endpoints {
            match &endpoint.login {
                EndpointLogin::None => {}
                EndpointLogin::Bearer(secret) => secrets.push((format!("http.{name}.token"), secret)),
                EndpointLogin::Basic(_, secret) => secrets.push((format!("http.{name}.password"), secret)),
            }
        }
        secrets
    }
}

/// What job files may refer to: this config and this host's zones.
#[derive(Debug, Clone, Copy)]
pub struct Referable<'a> {
    /// The config.
    pub config: &'a Config,
    /// The zones.
    pub zones: &'a Zones,
}

impl Surroundings for Referable<'_> {
    fn zone(&self, name: &str) -> Result<Zone, String> {
        self.zones.find(name)
    }

    fn lists(&self) -> &BTreeMap<String, Vec<Address>> {
        &self.config.lists
    }

    fn blackouts(&self) -> &BTreeMap<String, Blackout> {
        &self.config.blackouts
    }

    fn relays(&self) -> Vec<&str> {
        self.config.relays.keys().map(String::as_str).collect()
    }

    fn endpoints(&self) -> Vec<&str> {
        self.config.endpoints.keys().map(String::as_str).collect()
    }
}
