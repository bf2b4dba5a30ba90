//! The config file as written → [`Config`], or every problem at once.

use jiff::SignedDuration;

use super::file::{ConfigFile, RelayTable, TlsWord};
use super::{Config, Keep, Limits, Relay, RelayWay, SmtpServer, defaults};
use crate::domain::address::Address;
use crate::domain::blackout::Blackout;
use crate::domain::units;
use crate::secret::SecretName;
use crate::tomlfile::{self, Problem, Severity, Source};

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

pub(super) struct Reading<'a> {
    source: &'a Source,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    pub(super) fn wrong(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(self.source.problem(path, message, help));
    }

    /// Whether anything is wrong already: a further complaint may only be its consequence.
    pub(super) fn has_problems(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    pub(super) fn take<T>(&mut self, path: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(text) => {
                let (message, help) = text.split_once("; ").unwrap_or((&text, "see `legwork schema config`"));
                self.wrong(path, message, help);
                None
            }
        }
    }

    pub(super) fn duration(
        &mut self,
        path: &str,
        text: Option<&String>,
        default: SignedDuration,
    ) -> SignedDuration {
        text.and_then(|text| self.take(path, units::duration(text))).unwrap_or(default)
    }

    fn config(&mut self, file: ConfigFile) -> Config {
        let default = defaults();
        let at_least_one = |n: Option<u32>, default: usize| {
            n.map_or(default, |n| usize::try_from(n.max(1)).unwrap_or(default))
        };
        let (alerts, web) = (file.alerts, file.web);
        let mut config = Config {
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
            blackouts: file.blackout.into_iter().map(|(name, texts)| self.blackout(name, &texts)).collect(),
            sources: default
                .sources
                .into_iter()
                .chain(file.source.into_iter().filter_map(|(name, table)| self.source(name, table)))
                .collect(),
            http: self.endpoints("http", file.http),
            webdav: self.endpoints("webdav", file.webdav),
            webhooks: file
                .webhook
                .into_iter()
                .filter_map(|(name, table)| self.webhook(name, table))
                .collect(),
            buckets: self.buckets(file.s3, file.gcs, file.azure),
            sftp: file.sftp.into_iter().filter_map(|(name, table)| self.sftp(name, table)).collect(),
            alerts: default.alerts,
            web: default.web,
            pings: file.ping.into_iter().filter_map(|(name, table)| self.ping(name, table)).collect(),
        };
        config.alerts = self.alerts(&alerts, &config);
        config.web = self.web(web, &config.lists);
        config
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

    fn blackout(&mut self, name: String, texts: &[String]) -> (String, Blackout) {
        let path = format!("blackout.{name}");
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            self.wrong(
                &path,
                format!("the list `{name}` is named like a day"),
                "begin its name with a letter",
            );
        }
        let mut blackout = Blackout::default();
        for (at, text) in texts.iter().enumerate() {
            if let Some(days) = self.take(&format!("{path}[{at}]"), Blackout::parse(text)) {
                blackout.extend(&days);
            }
        }
        (name, blackout)
    }

    pub(super) fn secret(&mut self, path: &str, name: Option<SecretName>) -> Option<SecretName> {
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
        let pace =
            table.rate.as_deref().and_then(|rate| self.take(&format!("{path}.rate"), units::pace(rate)));
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
            auth: table.auth,
            connections: usize::try_from(table.connections.unwrap_or(4).max(1)).unwrap_or(4),
            mails_per_connection: table.mails_per_connection.map(|mails| mails.max(1)),
            pace,
            private_network: table.private_network.unwrap_or(false),
        })
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
