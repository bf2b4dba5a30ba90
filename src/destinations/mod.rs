//! Artifacts out: one attempt at one delivery.
//!
//! Every destination keeps one contract: whole file or none; the outcome says whether trying again can help; `Unsure`
//! exactly when nobody but the far end can know.

mod bucket;
mod client;
pub mod details;
mod directory;
pub mod examine;
mod http;
mod mail;
mod outbox;
mod places;
mod sftp;
mod smtp;
mod stores;
mod vouched;
mod webdav;
mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use jiff::Timestamp;

use crate::config::{BucketTarget, Config, Endpoint, Relay, RelayWay, SftpHost, WebhookTarget};
use crate::domain::definition::Place;
use crate::domain::delivery::Outcome;
use crate::network::key::Key;
use bucket::Bucket;
use client::Client;
use details::{Details, FileDetails, Link, PAGE};
use directory::Directory;
use http::Http;
use places::Way;
use sftp::Sftp;
use vouched::Vouched;
use webdav::Webdav;
use webhook::Webhook;

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
    /// Whether the body of an earlier attempt had begun: what stands at the far end may be ours.
    pub repeated: bool,
    /// Whether nobody knows how the last attempt ended.
    pub unsure: bool,
    /// Uploads in parts that earlier attempts began.
    pub uploads: Vec<String>,
    /// Now.
    pub now: Timestamp,
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

/// Writes the durable mark that the body begins, and the id of an upload in parts that begins with it. Nothing of the
/// body may be sent when it fails.
pub type Mark<'a> =
    &'a (dyn Fn(Option<&str>) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync);

/// The ways out: connections to relays are kept for a while.
#[derive(Debug)]
pub struct Destinations {
    relays: BTreeMap<String, (Relay, Option<SmtpPool>)>,
    http: BTreeMap<String, Endpoint>,
    webdav: BTreeMap<String, Endpoint>,
    webhooks: BTreeMap<String, WebhookTarget>,
    buckets: BTreeMap<(String, String), BucketTarget>,
    sftp: BTreeMap<String, SftpHost>,
    /// The key that signs links to our own page.
    web_key: PathBuf,
    vouched: Vouched,
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
        Self {
            relays: config.relays.iter().map(relay).collect(),
            web_key: config.web_key(),
            http: config.http.clone(),
            webdav: config.webdav.clone(),
            webhooks: config.webhooks.clone(),
            buckets: config.buckets.clone(),
            sftp: config.sftp.clone(),
            vouched: Vouched::default(),
        }
    }

    /// Says that a file on disk is whole and the one whose digest is known: it was just written.
    pub fn vouch(&self, path: &Path, sha256: &str) {
        self.vouched.vouch(path, sha256);
    }

    /// Makes one attempt.
    pub async fn send(&self, parcel: &Parcel, mark: Mark<'_>) -> Outcome {
        match &parcel.details {
            Details::Email(_) | Details::Notice { .. } => self.mail(parcel, mark).await,
            Details::File(details) => {
                self.file(parcel, details, mark).await.unwrap_or_else(|outcome| outcome)
            }
            Details::Webhook(details) => match self.webhooks.get(&parcel.target) {
                None => gone("webhook", &parcel.target),
                Some(target) => match Client::new(&target.endpoint) {
                    Err(outcome) => outcome,
                    Ok(client) => {
                        let webhook = Webhook { client, secret: target.secret.clone() };
                        webhook.send(parcel, details, mark).await
                    }
                },
            },
        }
    }

    async fn file(&self, parcel: &Parcel, details: &FileDetails, mark: Mark<'_>) -> Result<Outcome, Outcome> {
        let target = parcel.target.as_str();
        let endpoint = |table: &BTreeMap<String, Endpoint>, what| {
            table.get(target).ok_or_else(|| gone(what, target)).and_then(Client::new)
        };
        let (client, bucket, sftp);
        let way = match &details.place {
            Place::Directory { mode } => Way::Directory(Directory { folder: target, mode: *mode }),
            Place::Http { .. } => {
                client = endpoint(&self.http, "HTTP endpoint")?;
                Way::Http(Http { client: &client })
            }
            Place::Webdav => {
                client = endpoint(&self.webdav, "WebDAV server")?;
                Way::Webdav(Webdav { client: &client })
            }
            place @ (Place::S3 | Place::Gcs | Place::Azure) => {
                bucket = self.bucket(place.name(), target)?;
                Way::Bucket(&bucket)
            }
            Place::Sftp { mode } => {
                let host = self.sftp.get(target).ok_or_else(|| gone("SFTP host", target))?;
                sftp = Sftp { host: host.clone(), mode: *mode };
                Way::Sftp(&sftp)
            }
        };
        if let Some(file) = &parcel.file {
            self.vouched.check(file).await?;
        }
        Ok(places::send(&way, parcel, details, mark).await)
    }

    fn bucket(&self, place: &str, target: &str) -> Result<Bucket, Outcome> {
        let key = (place.to_owned(), target.to_owned());
        Bucket::new(self.buckets.get(&key).ok_or_else(|| gone("bucket", target))?)
    }

    /// A URL by which whoever has it can fetch a file for a while.
    async fn signed_url(&self, link: &Link, now: Timestamp) -> Result<String, Outcome> {
        if link.place == PAGE {
            let key = Key::open(&self.web_key)
                .map_err(|error| Outcome::passing(format!("the key that signs links: {error}")))?;
            let span = jiff::SignedDuration::try_from(std::time::Duration::from_secs(link.expires_s));
            let ends = now.saturating_add(span.unwrap_or_default()).unwrap_or(now);
            return Ok(format!("{}/d/{}", link.target, key.link(&link.address, ends)));
        }
        let bucket = self.bucket(&link.place, &link.target)?;
        bucket.signed_url(&link.address, std::time::Duration::from_secs(link.expires_s)).await
    }

    /// The link by which a mail's file is fetched, where the file is too large to be attached.
    pub fn link_of<'a>(&self, parcel: &'a Parcel) -> Option<&'a Link> {
        let (relay, _) = self.relays.get(&parcel.target)?;
        linked(parcel, relay).ok().flatten()
    }

    async fn mail(&self, parcel: &Parcel, mark: Mark<'_>) -> Outcome {
        let Some((relay, pool)) = self.relays.get(&parcel.target) else {
            return gone("relay", &parcel.target);
        };
        if let Some(file) = &parcel.file
            && let Err(outcome) = self.vouched.check(file).await
        {
            return outcome;
        }
        let link = match linked(parcel, relay) {
            Err(outcome) => return outcome,
            Ok(None) => None,
            // Signed when it is sent: a link in the ledger would be a key for whoever reads it.
            Ok(Some(link)) => match self.signed_url(link, parcel.now).await {
                Ok(url) => Some(url),
                Err(outcome) => return outcome,
            },
        };
        let message = match mail::build(&relay.from, parcel, link.as_deref()).await {
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
    Outcome::passing(format!("the config has no {what} `{name}` any more"))
}

/// The link that a mail carries instead of a file that is too large for its relay.
///
/// # Errors
/// The mail would not fit, and its job names no bucket to fetch the file from.
fn linked<'a>(parcel: &'a Parcel, relay: &Relay) -> Result<Option<&'a Link>, Outcome> {
    let Details::Email(details) = &parcel.details else { return Ok(None) };
    if details.without_file {
        return Ok(None);
    }
    let attached = parcel.file.as_ref().map_or(0, |file| file.bytes);
    match too_large(mail_bytes(attached), relay.size_limit, "the config's size_limit") {
        None => Ok(None),
        Some(outcome) => details.link.as_ref().map(Some).ok_or(outcome),
    }
}

/// Bytes of a mail with a file of this length attached: base64 makes four bytes of three and adds two for each line of
/// 76; the texts take a few kilobytes.
fn mail_bytes(attached: u64) -> u64 {
    attached / 57 * 78 + 16_384
}

/// A refusal, said before anything is sent, of a mail that would not fit.
fn too_large(mail: u64, limit: u64, whose: &str) -> Option<Outcome> {
    (limit < mail).then(|| {
        Outcome::lasting(format!(
            "the mail would have about {} MiB and {whose} is {} MiB: nothing was sent; send the file to a place \
             instead, name a bucket that it goes to in the email's `link`, or set `[web] public_url`",
            mail.div_ceil(1 << 20),
            limit >> 20
        ))
    })
}

/// The outcome of a file operation that failed before the far end had the whole file.
#[expect(clippy::wildcard_enum_match_arm, reason = "the list of kinds is long and grows")]
fn from_io(what: &str, path: &Path, error: &std::io::Error) -> Outcome {
    use std::io::ErrorKind;
    let reply = format!("{what} `{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied => Outcome::lasting(format!(
            "{reply}; `legwork check` prints the unit's lines that this folder needs"
        )),
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename => Outcome::lasting(reply),
        // A share that is not mounted, a full disk: these come back.
        _ => Outcome::passing(reply),
    }
}
