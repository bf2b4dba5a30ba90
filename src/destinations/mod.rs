//! Artifacts out: one attempt at one delivery.
//!
//! Every destination keeps one contract: whole file or none; the outcome says whether trying again can help; `Unsure`
//! exactly when nobody but the far end can know.

pub mod details;
mod directory;
mod http;
mod mail;
mod outbox;
mod smtp;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use crate::config::{Config, Endpoint, Relay, RelayWay};
use crate::domain::delivery::Outcome;
use details::Details;

pub use smtp::SmtpPool;

/// A delivery and its file, ready for an attempt.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The delivery's key: part of temporary names.
    pub delivery_id: i64,
    /// The relay's or endpoint's name, or the folder.
    pub target: String,
    /// One address, or the file's name at the far end.
    pub address: String,
    /// What the destination is.
    pub details: Details,
    /// The Message-ID of a mail.
    pub message_id: Option<String>,
    /// The file; a notice has none.
    pub file: Option<ParcelFile>,
}

/// The file of a parcel.
#[derive(Debug, Clone)]
pub struct ParcelFile {
    /// Where it stands.
    pub path: PathBuf,
    /// Its name for the recipient.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its digest in hex.
    pub sha256: String,
}

/// Writes the durable mark that the body begins. Nothing of the body may be sent when it fails.
pub type Mark<'a> = &'a (dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync);

/// The ways out: connections to relays are kept for a while.
#[derive(Debug)]
pub struct Destinations {
    relays: BTreeMap<String, (Relay, Option<SmtpPool>)>,
    endpoints: BTreeMap<String, Endpoint>,
}

impl Destinations {
    /// The ways that a config offers. Nothing is connected yet.
    pub fn new(config: &Config) -> Self {
        let relay = |(name, relay): (&String, &Relay)| {
            let pool = match &relay.way {
                RelayWay::Smtp(server) => Some(SmtpPool::new((**server).clone(), relay.timeout)),
                RelayWay::Outbox(_) => None,
            };
            (name.clone(), (relay.clone(), pool))
        };
        Self { relays: config.relays.iter().map(relay).collect(), endpoints: config.endpoints.clone() }
    }

    /// Makes one attempt.
    pub async fn send(&self, parcel: &Parcel, mark: Mark<'_>) -> Outcome {
        match &parcel.details {
            Details::Email(_) | Details::Notice { .. } => self.mail(parcel, mark).await,
            Details::Directory { mode, .. } => directory::send(parcel, *mode, mark).await,
            Details::Http { .. } => match self.endpoints.get(&parcel.target) {
                Some(endpoint) => http::send(endpoint, parcel, mark).await,
                None => gone("HTTP endpoint", &parcel.target),
            },
        }
    }

    async fn mail(&self, parcel: &Parcel, mark: Mark<'_>) -> Outcome {
        let Some((relay, pool)) = self.relays.get(&parcel.target) else {
            return gone("relay", &parcel.target);
        };
        let attached = parcel.file.as_ref().map_or(0, |file| file.bytes);
        if let Some(outcome) = too_large(mail_bytes(attached), relay.size_limit, "the config's size_limit") {
            return outcome;
        }
        let message = match mail::build(&relay.from, parcel).await {
            Ok(message) => message,
            Err(outcome) => return outcome,
        };
        match (pool, &relay.way) {
            (Some(pool), _) => pool.send(&message, mark).await,
            (None, RelayWay::Outbox(folder)) => {
                outbox::write(folder, parcel, &message.formatted(), mark).await
            }
            (None, RelayWay::Smtp(_)) => gone("connection pool of relay", &parcel.target),
        }
    }

    /// Says goodbye to the relays.
    pub async fn close(&self) {
        for (_, pool) in self.relays.values() {
            if let Some(pool) = pool {
                pool.close().await;
            }
        }
    }
}

/// A name that the config has lost since the run. It may come back with the next edit, so it is tried again.
fn gone(what: &str, name: &str) -> Outcome {
    Outcome::Passing { reply: format!("the config has no {what} `{name}` any more"), retry_after: None }
}

/// Refuses a kept file that is not the one that was made: what is told of it would be false.
async fn check_digest(file: &ParcelFile) -> Result<(), Outcome> {
    let path = file.path.clone();
    let digest = tokio::task::spawn_blocking(move || crate::artifacts::digest_of(&path)).await;
    match digest {
        Ok(Ok(digest)) if digest == file.sha256 => Ok(()),
        Ok(Ok(_)) => {
            let path = file.path.display();
            let reply = format!("the kept file `{path}` is not the one that was made: its digest differs");
            Err(Outcome::Lasting { reply })
        }
        Ok(Err(error)) => Err(from_io("read", &file.path, &error)),
        Err(_) => Err(Outcome::Passing { reply: "reading the file panicked".to_owned(), retry_after: None }),
    }
}

/// Bytes of a mail with a file of this length attached: base64 makes four bytes of three and adds two for each line of
/// 76; the texts take a few kilobytes.
fn mail_bytes(attached: u64) -> u64 {
    attached / 57 * 78 + 16_384
}

/// A refusal, said before anything is sent, of a mail that would not fit.
fn too_large(mail: u64, limit: u64, whose: &str) -> Option<Outcome> {
    (limit < mail).then(|| Outcome::Lasting {
        reply: format!(
            "the mail would have about {} MiB and {whose} is {} MiB: nothing was sent; send the file to a directory or \
             an HTTP endpoint instead",
            mail.div_ceil(1 << 20),
            limit >> 20
        ),
    })
}

/// The outcome of a file operation that failed before the far end had the whole file.
#[expect(clippy::wildcard_enum_match_arm, reason = "the list of kinds is long and grows")]
fn from_io(what: &str, path: &Path, error: &std::io::Error) -> Outcome {
    use std::io::ErrorKind;
    let reply = format!("{what} `{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied => Outcome::Lasting {
            reply: format!("{reply}; `legwork check` prints the unit's lines that this folder needs"),
        },
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename => Outcome::Lasting { reply },
        // A share that is not mounted, a full disk: these come back.
        _ => Outcome::Passing { reply, retry_after: None },
    }
}
