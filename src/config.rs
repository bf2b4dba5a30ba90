//! Settings of the daemon: `legwork.toml`. Jobs are not settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::address::Address;
use crate::domain::units;
use crate::domain::zone::Zone;
use crate::jobfile::Surroundings;
use crate::secret::{SecretName, environment};
use crate::tomlfile::{self, Problem, Severity, Source};
use crate::zones::Zones;

/// The shipped config: every setting with its default, its unit and its reason.
pub const SHIPPED: &str = include_str!("../config/legwork.toml");

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
        endpoints: BTreeMap::new(),
    }
}

/// Reads a config from its text.
pub fn parse(name: &str, text: &str) -> Result<Config, Vec<Problem>> {
    let (source, file, problems) = tomlfile::parse::<ConfigFile>(name, text);
    let mut reading = Reading { source: &source, problems };
    let config = file.map(|file| reading.config(file));
    let broken = reading.problems.iter().any(|problem| problem.severity == Severity::Error);
    match config {
        Some(config) if !broken => Ok(config),
        _ => Err(reading.problems),
    }
}

struct Reading<'a> {
    source: &'a Source,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn wrong(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(self.source.problem(path, message, help));
    }

    fn take<T>(&mut self, path: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(text) => {
                let (message, help) = text.split_once("; ").unwrap_or((&text, "see `legwork schema config`"));
                self.wrong(path, message, help);
                None
            }
        }
    }

    fn duration(&mut self, path: &str, text: Option<&String>, default: SignedDuration) -> SignedDuration {
        text.and_then(|text| self.take(path, units::duration(text))).unwrap_or(default)
    }

    fn config(&mut self, file: ConfigFile) -> Config {
        let default = defaults();
        let at_least_one = |n: Option<u32>, default: usize| {
            n.map_or(default, |n| usize::try_from(n.max(1)).unwrap_or(default))
        };
        Config {
            file: None,
            jobs: file.paths.jobs.unwrap_or(default.jobs),
            state: file.paths.state.unwrap_or(default.state),
            runtime: file.paths.runtime.unwrap_or(default.runtime),
            keep: Keep {
                files: self.duration("keep.files", file.keep.files.as_ref(), default.keep.files),
                bytes: file.keep.bytes.as_ref().and_then(|text| self.take("keep.bytes", units::size(text))),
                runs: self.duration("keep.runs", file.keep.runs.as_ref(), default.keep.runs),
                segments: self.duration("keep.segments", file.keep.segments.as_ref(), default.keep.segments),
                backups: file.keep.backups.unwrap_or(default.keep.backups),
            },
            limits: Limits {
                runs: at_least_one(file.limits.runs, default.limits.runs),
                deliveries: at_least_one(file.limits.deliveries, default.limits.deliveries),
                stop: self.duration("limits.stop", file.limits.stop.as_ref(), default.limits.stop),
            },
            relays: file.relay.into_iter().filter_map(|(name, table)| self.relay(name, table)).collect(),
            lists: file.list.into_iter().map(|(name, texts)| self.list(name, &texts)).collect(),
            endpoints: file.http.into_iter().filter_map(|(name, table)| self.endpoint(name, table)).collect(),
        }
    }

    fn list(&mut self, name: String, texts: &[String]) -> (String, Vec<Address>) {
        let path = format!("list.{name}");
        if name.contains('@') {
            self.wrong(&path, format!("the list `{name}` is named like an address"), "name it without `@`");
        }
        let each = texts.iter().enumerate();
        let addresses =
            each.filter_map(|(at, text)| self.take(&format!("{path}[{at}]"), text.parse())).collect();
        (name, addresses)
    }

    fn secret(&mut self, path: &str, name: Option<SecretName>) -> Option<SecretName> {
        let name = name?;
        if !name.is_valid() {
            let help = "write { credential = \"…\" }, { file = \"…\" } or { env = \"…\" }";
            self.wrong(path, "a secret has exactly one of `credential`, `file` and `env`", help);
            return None;
        }
        Some(name)
    }

    fn relay(&mut self, name: String, table: RelayTable) -> Option<(String, Relay)> {
        let path = format!("relay.{name}");
        let from = table.from.as_ref().and_then(|from| self.take(&format!("{path}.from"), from.parse()));
        let size = table
            .size_limit
            .as_ref()
            .and_then(|text| self.take(&format!("{path}.size_limit"), units::size(text)));
        let minute = SignedDuration::from_secs(60);
        let timeout = self.duration(&format!("{path}.timeout"), table.timeout.as_ref(), minute);
        let way = match (&table.outbox, &table.host) {
            (Some(folder), None) => RelayWay::Outbox(folder.clone()),
            (None, Some(host)) => RelayWay::Smtp(Box::new(self.smtp(&path, host.clone(), table)?)),
            _ => {
                self.wrong(
                    &path,
                    "a relay has exactly one of `host` and `outbox`",
                    "add host = \"smtp.example.com\"",
                );
                return None;
            }
        };
        Some((name, Relay { way, from: from?, size_limit: size.unwrap_or(25 << 20), timeout }))
    }

    fn smtp(&mut self, path: &str, host: String, table: RelayTable) -> Option<SmtpServer> {
        let tls = table.tls.unwrap_or(TlsWord::Starttls);
        if tls == TlsWord::None && !is_loopback(&host) {
            let help = "use tls = \"starttls\" or \"implicit\"; only loopback hosts may go without";
            self.wrong(&format!("{path}.tls"), format!("mail to `{host}` would travel in the clear"), help);
        }
        let password = self.secret(&format!("{path}.password"), table.password);
        let login = match (table.user, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            _ => {
                self.wrong(path, "a login needs `user` and `password`", "add the other one, or remove both");
                return None;
            }
        };
        let default_port = match tls {
            TlsWord::Starttls => 587,
            TlsWord::Implicit => 465,
            TlsWord::None => 25,
        };
        Some(SmtpServer {
            host,
            port: table.port.unwrap_or(default_port),
            tls,
            login,
            ca_file: table.ca_file,
            connections: usize::try_from(table.connections.unwrap_or(4).max(1)).unwrap_or(4),
        })
    }

    fn endpoint(&mut self, name: String, table: EndpointTable) -> Option<(String, Endpoint)> {
        let path = format!("http.{name}");
        let url = table.url?;
        let base = url.trim_end_matches('/');
        let host = base.split("://").nth(1).unwrap_or("").split(['/', ':']).next().unwrap_or("");
        let secure = base.starts_with("https://") || (base.starts_with("http://") && is_loopback(host));
        if !secure || base.contains(['?', '#', '@']) {
            let help =
                "write https://host/path without login, query or fragment; http:// only to loopback hosts";
            // The text is not repeated: a login may stand in it.
            self.wrong(&format!("{path}.url"), "this cannot be an endpoint", help);
            return None;
        }
        let token = self.secret(&format!("{path}.token"), table.token);
        let password = self.secret(&format!("{path}.password"), table.password);
        let login = match (token, table.user, password) {
            (None, None, None) => EndpointLogin::None,
            (Some(token), None, None) => EndpointLogin::Bearer(token),
            (None, Some(user), Some(password)) => EndpointLogin::Basic(user, password),
            _ => {
                self.wrong(
                    &path,
                    "an endpoint has `token`, or `user` and `password`, or none",
                    "keep one of the ways",
                );
                return None;
            }
        };
        let timeout =
            self.duration(&format!("{path}.timeout"), table.timeout.as_ref(), SignedDuration::from_secs(60));
        Some((name, Endpoint { url: base.to_owned(), login, ca_file: table.ca_file, timeout }))
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
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

    fn relays(&self) -> Vec<&str> {
        self.config.relays.keys().map(String::as_str).collect()
    }

    fn endpoints(&self) -> Vec<&str> {
        self.config.endpoints.keys().map(String::as_str).collect()
    }
}
