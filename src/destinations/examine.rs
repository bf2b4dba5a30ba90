//! Whether a destination could be reached, logged in to and written to, without sending anything of a report.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::client::Client;
use super::{Destinations, RelayWay, Sftp, gone};
use crate::config::{Endpoint, Ping};
use crate::domain::delivery::Outcome;

/// A certificate that ends sooner is told.
const CERTIFICATE_LEFT_MIN: SignedDuration = SignedDuration::from_hours(14 * 24);
/// A far end's clock may differ by so much.
const CLOCK_MAX: SignedDuration = SignedDuration::from_secs(60);
/// Less free space than this is told.
const SPACE_MIN: u64 = 1 << 30;
/// What is put and taken away again to see whether it may be.
const PROBE: &str = ".legwork-doctor";

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It works; this was seen.
    Good(String),
    /// It works, and will not for ever.
    Warning(String),
    /// Nothing would arrive.
    Bad(String),
}

impl Health {
    fn of(outcome: &Outcome) -> Self {
        if outcome.is_done() {
            Self::Good(outcome.reply().to_owned())
        } else {
            Self::Bad(outcome.reply().to_owned())
        }
    }
}

impl Destinations {
    /// Looks at one destination: its kind, and its name in the config, or the folder.
    pub async fn examine(&self, kind: &str, target: &str, now: Timestamp) -> Health {
        match kind {
            "relay" => match self.relays.get(target) {
                None => Health::of(&gone("relay", target)),
                Some((relay, pool)) => match (pool, &relay.way) {
                    (Some(pool), _) => match pool.examine().await {
                        Err(outcome) => Health::of(&outcome),
                        Ok((words, certificate)) => certified(words, certificate.as_deref(), now),
                    },
                    (None, RelayWay::Outbox(folder)) => {
                        Health::Warning(format!("writes mail to `{}` and sends nothing", folder.display()))
                    }
                    (None, RelayWay::Smtp(_)) => Health::of(&gone("connection pool of relay", target)),
                },
            },
            "http" => self.endpoint(self.http.get(target), target, false, now).await,
            "webhook" => {
                self.endpoint(self.webhooks.get(target).map(|webhook| &webhook.endpoint), target, false, now)
                    .await
            }
            "webdav" => self.endpoint(self.webdav.get(target), target, true, now).await,
            "sftp" => match self.sftp.get(target) {
                None => Health::of(&gone("SFTP host", target)),
                Some(host) => Health::of(&Sftp { host: host.clone(), mode: 0o640 }.probe(PROBE).await),
            },
            "directory" => {
                // A share whose server is gone hangs whoever touches it.
                let path = PathBuf::from(target);
                let looking = tokio::task::spawn_blocking(move || folder(&path));
                match tokio::time::timeout(Duration::from_secs(20), looking).await {
                    Ok(Ok(health)) => health,
                    Ok(Err(_)) | Err(_) => {
                        Health::Bad("does not answer; is the share's server there?".to_owned())
                    }
                }
            }
            kind => match self.bucket(kind, target) {
                Err(outcome) => Health::of(&outcome),
                Ok(bucket) => Health::of(&bucket.probe(PROBE).await),
            },
        }
    }

    async fn endpoint(
        &self,
        endpoint: Option<&Endpoint>,
        target: &str,
        writes: bool,
        now: Timestamp,
    ) -> Health {
        let Some(endpoint) = endpoint else { return Health::of(&gone("endpoint", target)) };
        let client = match Client::new(endpoint) {
            Ok(client) => client,
            Err(outcome) => return Health::of(&outcome),
        };
        let seen = match client.greet().await {
            Ok(seen) => seen,
            Err(outcome) => return Health::of(&outcome),
        };
        if writes && let Err(outcome) = client.put_and_remove(PROBE).await {
            return Health::of(&outcome);
        }
        let far = seen.date.and_then(|date| Timestamp::try_from(date).ok());
        if let Some(far) = far.filter(|far| CLOCK_MAX < now.duration_since(*far).abs()) {
            return Health::Warning(format!("{}; its clock shows {far}, this machine's {now}", seen.words));
        }
        let words = if writes { format!("{}; a file was put and removed", seen.words) } else { seen.words };
        certified(words, seen.certificate.as_deref(), now)
    }

    /// Tells a ping something: its URL with an ending.
    pub async fn ping(&self, ping: &Ping, ending: &str) -> Result<(), String> {
        let url = ping.url.read().map_err(|error| crate::chain::chain(&error))?;
        let endpoint = Endpoint {
            url: format!("{}{ending}", url.expose().trim_end_matches('/')),
            login: crate::config::EndpointLogin::None,
            ca_file: ping.ca_file.clone(),
            timeout: SignedDuration::from_secs(10),
            private_network: ping.private_network,
        };
        let client = Client::new(&endpoint).map_err(|outcome| outcome.reply().to_owned())?;
        client.ping().await
    }
}

/// With the end of the certificate, where there is one.
fn certified(words: String, certificate: Option<&[u8]>, now: Timestamp) -> Health {
    let end = certificate.and_then(|der| Certificate::from_der(der).ok()).and_then(|certificate| {
        let end = certificate.tbs_certificate().validity().not_after.to_system_time();
        Timestamp::try_from(end).ok()
    });
    match end {
        None => Health::Good(words),
        Some(end) if end.duration_since(now) < CERTIFICATE_LEFT_MIN => {
            Health::Warning(format!("{words}; its certificate ends {end}"))
        }
        Some(end) => Health::Good(format!("{words}; certificate until {}", end.strftime("%Y-%m-%d"))),
    }
}

/// Whether a folder can be written to, and has space.
pub fn folder(path: &Path) -> Health {
    let probe = path.join(PROBE);
    let written = std::fs::write(&probe, b"legwork").and_then(|()| std::fs::remove_file(&probe));
    if let Err(error) = written {
        drop(std::fs::remove_file(&probe));
        return Health::of(&super::from_io("write to", path, &error));
    }
    let setgid = std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o2000 != 0);
    let group = if setgid { "; files get its group" } else { "" };
    match rustix::fs::statvfs(path) {
        Err(error) => Health::Warning(format!("can be written to; its free space is not known: {error}")),
        Ok(space) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let words = format!("can be written to, {} MiB free{group}", free >> 20);
            if free < SPACE_MIN { Health::Warning(words) } else { Health::Good(words) }
        }
    }
}
