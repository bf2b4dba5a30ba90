//! Settings of the daemon: `legwork.toml`. Jobs are not settings.

mod alerts;
pub mod file;
mod places;
mod read;
mod read_places;
mod sources;
mod web;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;

use crate::domain::address::Address;
use crate::domain::blackout::Blackout;
use crate::domain::source::{Feed, STORE, SourceKind};
use crate::domain::zone::Zone;
use crate::jobfile::Surroundings;
use crate::secret::{SecretName, environment};
use crate::tomlfile::{self, Problem};
use crate::zones::Zones;

pub use alerts::{Alerts, Ping, Summary};
pub use file::{AuthWord, TlsWord};
pub use places::{BucketAt, BucketLogin, BucketTarget, Endpoint, EndpointLogin, SftpHost, WebhookTarget};
pub use read::parse;
pub use sources::{
    Collect, Koreai, Liveperson, LivepersonLogin, Ringcentral, RingcentralLogin, Source, SourceAt,
};
pub use web::{Proxy, Web};

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
    /// Sources by name; the store is always there.
    pub sources: BTreeMap<String, Source>,
    /// Who is told of what goes wrong.
    pub alerts: Alerts,
    /// URLs that watch over runs, by name.
    pub pings: BTreeMap<String, Ping>,
    /// HTTP endpoints by name.
    pub http: BTreeMap<String, Endpoint>,
    /// `WebDAV` servers by name.
    pub webdav: BTreeMap<String, Endpoint>,
    /// Webhooks by name.
    pub webhooks: BTreeMap<String, WebhookTarget>,
    /// Buckets by kind (s3, gcs, azure) and name.
    pub buckets: BTreeMap<(String, String), BucketTarget>,
    /// SFTP hosts by name.
    pub sftp: BTreeMap<String, SftpHost>,
    /// The page and the API.
    pub web: Web,
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
    /// How the login is made; as the server offers where it is absent.
    pub auth: Option<AuthWord>,
    /// Connections at the same time.
    pub connections: usize,
    /// Mails over one connection at the most.
    pub mails_per_connection: Option<u32>,
    /// The least time between the beginnings of two mails.
    pub pace: Option<SignedDuration>,
    /// Whether its name may lead into a private network.
    pub private_network: bool,
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
        sources: [(STORE.to_owned(), Source::store())].into(),
        alerts: Alerts::default(),
        pings: BTreeMap::new(),
        http: BTreeMap::new(),
        webdav: BTreeMap::new(),
        webhooks: BTreeMap::new(),
        buckets: BTreeMap::new(),
        sftp: BTreeMap::new(),
        web: Web::default(),
    }
}

impl Config {
    /// Paths of the file are below its own folder.
    fn make_absolute(&mut self, folder: &Path) {
        let mut paths: Vec<&mut PathBuf> = vec![&mut self.jobs, &mut self.state, &mut self.runtime];
        let mut secrets: Vec<&mut SecretName> = Vec::new();
        for relay in self.relays.values_mut() {
            match &mut relay.way {
                RelayWay::Outbox(path) => paths.push(path),
                RelayWay::Smtp(server) => {
                    paths.extend(&mut server.ca_file);
                    secrets.extend(server.login.as_mut().map(|(_, secret)| secret));
                }
            }
        }
        let webhooks = self.webhooks.values_mut().map(|webhook| {
            secrets.extend(&mut webhook.secret);
            &mut webhook.endpoint
        });
        for endpoint in
            webhooks.chain(self.http.values_mut()).chain(self.webdav.values_mut()).collect::<Vec<_>>()
        {
            paths.extend(&mut endpoint.ca_file);
            match &mut endpoint.login {
                EndpointLogin::None => {}
                EndpointLogin::Bearer(secret) | EndpointLogin::Basic(_, secret) => secrets.push(secret),
            }
        }
        for bucket in self.buckets.values_mut() {
            paths.extend(&mut bucket.ca_file);
            match &mut bucket.login {
                BucketLogin::None => {}
                BucketLogin::Key { secret, session_token, .. } => {
                    secrets.push(secret);
                    secrets.extend(session_token);
                }
                BucketLogin::Account(secret) | BucketLogin::Sas(secret) => secrets.push(secret),
            }
        }
        for ping in self.pings.values_mut() {
            paths.extend(&mut ping.ca_file);
            secrets.push(&mut ping.url);
        }
        for host in self.sftp.values_mut() {
            paths.push(&mut host.known_hosts);
            secrets.push(&mut host.key);
        }
        for source in self.sources.values_mut() {
            let Source { at, ca_file, .. } = source;
            paths.extend(ca_file);
            secrets.extend(at.secrets_mut());
        }
        for path in paths.into_iter().chain(secrets.into_iter().filter_map(|secret| secret.file.as_mut())) {
            *path = folder.join(&*path);
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

    /// The copy of the database that is made at an instant.
    pub fn backup_of(&self, now: jiff::Timestamp) -> PathBuf {
        self.backups().join(format!("legwork-{}.db", now.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// The key that signs links and forms of the page.
    pub fn web_key(&self) -> PathBuf {
        self.state.join("web.key")
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
        for (kind, table) in [("http", &self.http), ("webdav", &self.webdav)] {
            for (name, endpoint) in table {
                secrets
                    .extend(endpoint.secret().map(|(key, secret)| (format!("{kind}.{name}.{key}"), secret)));
            }
        }
        for (name, webhook) in &self.webhooks {
            let own = webhook.secret.as_ref().map(|secret| ("secret", secret));
            let all = own.into_iter().chain(webhook.endpoint.secret());
            secrets.extend(all.map(|(key, secret)| (format!("webhook.{name}.{key}"), secret)));
        }
        for ((kind, name), bucket) in &self.buckets {
            secrets.extend(bucket.secrets().map(|(key, secret)| (format!("{kind}.{name}.{key}"), secret)));
        }
        secrets.extend(self.pings.iter().map(|(name, ping)| (format!("ping.{name}.url"), &ping.url)));
        secrets.extend(self.sftp.iter().map(|(name, host)| (format!("sftp.{name}.key"), &host.key)));
        for (name, source) in &self.sources {
            let own = source.secrets().into_iter();
            secrets.extend(own.map(|(key, secret)| (format!("source.{name}.{key}"), secret)));
        }
        secrets
    }
}

/// What job files may refer to: this config and this host's zones.
#[derive(Debug, Clone)]
pub struct Referable<'a> {
    /// The config.
    pub config: &'a Config,
    /// The zones.
    pub zones: &'a Zones,
    /// Address lists by name: those of the config, and those made on the page.
    pub lists: Arc<Lists>,
}

/// Address lists by name.
pub type Lists = BTreeMap<String, Vec<Address>>;

impl<'a> Referable<'a> {
    /// With the config's address lists only.
    pub fn new(config: &'a Config, zones: &'a Zones) -> Self {
        Self { config, zones, lists: Arc::new(config.lists.clone()) }
    }
}

impl Surroundings for Referable<'_> {
    fn zone(&self, name: &str) -> Result<Zone, String> {
        self.zones.find(name)
    }

    fn lists(&self) -> &BTreeMap<String, Vec<Address>> {
        &self.lists
    }

    fn blackouts(&self) -> &BTreeMap<String, Blackout> {
        &self.config.blackouts
    }

    fn relays(&self) -> Vec<&str> {
        self.config.relays.keys().map(String::as_str).collect()
    }

    fn sources(&self) -> Vec<(&str, SourceKind, Option<Feed>)> {
        let feed = |source: &Source| source.collect.as_ref().map(|collect| collect.feed);
        self.config
            .sources
            .iter()
            .map(|(name, source)| (name.as_str(), source.kind(), feed(source)))
            .collect()
    }

    fn places(&self, kind: &str) -> Vec<&str> {
        fn names<T>(table: &BTreeMap<String, T>) -> Vec<&str> {
            table.keys().map(String::as_str).collect()
        }
        match kind {
            "http" => names(&self.config.http),
            "webdav" => names(&self.config.webdav),
            "webhook" => names(&self.config.webhooks),
            "ping" => names(&self.config.pings),
            "sftp" => names(&self.config.sftp),
            _ => {
                let buckets = self.config.buckets.keys().filter(|(of, _)| of == kind);
                buckets.map(|(_, name)| name.as_str()).collect()
            }
        }
    }
}
