//! A bucket of an object store: one PUT, or parts that become visible together.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{
    Attribute, AttributeValue, Attributes, Error, GetOptions, PutMode, PutMultipartOptions, PutOptions,
    PutPayload, PutResult,
};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::places::{Item, Look, Put, Source};
use super::stores::{Open, is_connect, open, scrubbed, timeout};
use super::{Mark, client, from_io};
use crate::artifacts::hex;
use crate::chain::chain;
use crate::config::BucketTarget;
use crate::domain::delivery::{Outcome, Receipt};
use crate::network::Guard;

/// Files up to here travel in one request; larger ones in parts of this size at least: the smallest that S3 takes.
const PART_BYTES: u64 = 5 << 20;
/// Parts under way at once: memory is this times a part.
const PARTS_AT_ONCE: usize = 3;
/// S3 takes ten thousand.
const PARTS_MAX: u64 = 9_000;
/// Tries of one part before the attempt ends.
const PART_TRIES: u32 = 3;
/// What S3 says with 400 of a body that did not come through; the same body may do so later.
const BROKEN_BODIES: [&str; 4] = ["IncompleteBody", "RequestTimeout", "BadDigest", "ContentSHA256Mismatch"];
/// What is kept of a refusal.
const REPLY_CHARS_MAX: usize = 400;

/// A bucket of the config.
#[derive(Debug)]
pub(super) struct Bucket {
    target: BucketTarget,
    http: reqwest::Client,
}

impl Bucket {
    pub(super) fn new(target: &BucketTarget) -> Result<Self, Outcome> {
        let guard = Guard { private_network: target.private_network };
        let http = client::build(target.ca_file.as_deref(), guard, timeout(target))?;
        Ok(Self { target: target.clone(), http })
    }

    pub(super) async fn put(&self, item: Item<'_>, mark: Mark<'_>) -> Put {
        let open = match open(&self.target, &self.http) {
            Ok(open) => open,
            Err(outcome) => return outcome.into(),
        };
        let path = match Path::parse(item.path) {
            Ok(path) => path,
            Err(error) => return Outcome::lasting(format!("`{}` is no key: {error}", item.path)).into(),
        };
        if item.create_only {
            match open.head(&path).await {
                Ok(Some(_)) => return Put::Taken,
                Ok(None) => {}
                Err(error) => return open.judge(&error, false).into(),
            }
        }
        let done = if item.bytes() <= PART_BYTES {
            open.put_whole(&path, &item, mark).await
        } else {
            open.put_parts(&path, &item, mark).await
        };
        match done {
            Err(put) => put,
            Ok(result) => {
                let (place, bytes) = (format!("{}/{path}", open.name), item.bytes());
                let etag = result.e_tag.map(|tag| tag.trim_matches('"').to_owned());
                let reply = format!("{place} ({bytes} bytes, etag {})", etag.as_deref().unwrap_or("none"));
                let receipt = Receipt {
                    path: Some(place),
                    bytes: Some(bytes),
                    etag,
                    version: result.version,
                    queue_id: None,
                };
                Outcome::done(reply, receipt).into()
            }
        }
    }

    pub(super) async fn look(&self, path: &str, bytes: u64, sha256: &str) -> Look {
        let (open, path) = match (open(&self.target, &self.http), Path::parse(path)) {
            (Ok(open), Ok(path)) => (open, path),
            (Err(outcome), _) => return Look::Mute(outcome.reply().to_owned()),
            (_, Err(error)) => return Look::Mute(error.to_string()),
        };
        let (meta, label) = match open.head(&path).await {
            Ok(None) => return Look::Absent,
            Ok(Some(found)) => found,
            Err(error) => return Look::Mute(open.judge(&error, false).reply().to_owned()),
        };
        if meta.size != bytes {
            return Look::Other(format!("it has {} bytes", meta.size));
        }
        let found = match label {
            Some(label) => label,
            None => match open.digest(&path).await {
                Ok(digest) => digest,
                Err(error) => return Look::Mute(open.judge(&error, false).reply().to_owned()),
            },
        };
        if found != sha256 {
            return Look::Other("it holds other bytes".to_owned());
        }
        Look::Same(Receipt {
            path: Some(format!("{}/{path}", open.name)),
            bytes: Some(bytes),
            etag: meta.e_tag,
            version: meta.version,
            queue_id: None,
        })
    }

    /// Ends an upload in parts that a crash cut short. Best effort: one that is gone is gone.
    pub(super) async fn abort(&self, path: &str, upload: &str) {
        if let (Ok(open), Ok(path)) = (open(&self.target, &self.http), Path::parse(path)) {
            drop(open.within(0, open.store.abort_multipart(&path, &upload.to_owned())).await);
        }
    }

    /// A URL by which whoever has it can fetch an object for a while.
    pub(super) async fn signed_url(&self, path: &str, expires: Duration) -> Result<String, Outcome> {
        let open = open(&self.target, &self.http)?;
        let path = Path::parse(path).map_err(|error| Outcome::lasting(error.to_string()))?;
        let signed = open.store.signed_url(reqwest::Method::GET, &path, expires).await;
        let url =
            signed.map_err(|error| Outcome::lasting(format!("sign a link: {}", scrubbed(&chain(&error)))))?;
        Ok(url.to_string())
    }

    /// Whether the bucket can be written to: an object is put and removed.
    pub(super) async fn probe(&self, name: &str) -> Outcome {
        let open = match open(&self.target, &self.http) {
            Ok(open) => open,
            Err(outcome) => return outcome,
        };
        let path = Path::from(name);
        let bytes = PutPayload::from_static(b"legwork");
        let putting = open.store.put_opts(&path, bytes, PutOptions::default());
        if let Err(error) = open.within(0, putting).await {
            return open.judge(&error, false);
        }
        let removed = futures_util::stream::once(std::future::ready(Ok(path)));
        let removing = open.store.delete_stream(removed.boxed()).try_collect::<Vec<_>>();
        match open.within(0, removing).await {
            Ok(_) => {
                Outcome::done(format!("{}: an object was put and removed", open.name), Receipt::default())
            }
            Err(_) => Outcome::done(
                format!("{}: an object was put; it may not be removed: `{name}` stays", open.name),
                Receipt::default(),
            ),
        }
    }
}

impl Open {
    async fn head(&self, path: &Path) -> Result<Option<(object_store::ObjectMeta, Option<String>)>, Error> {
        let asked = self.store.get_opts(path, GetOptions { head: true, ..GetOptions::default() });
        match self.within(0, asked).await {
            Ok(found) => {
                let label = found.attributes.get(&Attribute::Metadata("sha256".into()));
                Ok(Some((found.meta, label.map(|value| value.as_ref().to_owned()))))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn digest(&self, path: &Path) -> Result<String, Error> {
        let found = self.within(0, self.store.get_opts(path, GetOptions::default())).await?;
        let mut pieces = found.into_stream();
        let mut digest = Sha256::new();
        while let Some(piece) = self.within(0, async { pieces.next().await.transpose() }).await? {
            digest.update(&piece);
        }
        Ok(hex(&digest.finalize()))
    }

    fn attributes(&self, item: &Item<'_>) -> Attributes {
        let mut attributes = Attributes::new();
        if self.labels {
            attributes.insert(Attribute::ContentType, AttributeValue::from(item.media_type.to_owned()));
            if let Source::File(file) = item.source {
                attributes
                    .insert(Attribute::Metadata("sha256".into()), AttributeValue::from(file.sha256.clone()));
            }
        }
        attributes
    }

    async fn put_whole(&self, path: &Path, item: &Item<'_>, mark: Mark<'_>) -> Result<PutResult, Put> {
        let bytes = match item.source {
            Source::Bytes(bytes) => bytes.to_vec(),
            Source::File(file) => {
                tokio::fs::read(&file.path).await.map_err(|error| from_io("read", &file.path, &error))?
            }
        };
        mark(None).await.map_err(Outcome::passing)?;
        let mode = if item.create_only { PutMode::Create } else { PutMode::Overwrite };
        let options = PutOptions { mode, attributes: self.attributes(item), ..PutOptions::default() };
        let putting = self.store.put_opts(path, bytes.into(), options);
        self.within(item.bytes(), putting).await.map_err(|error| {
            let clash = matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. });
            if clash && item.create_only { Put::Taken } else { self.judge(&error, true).into() }
        })
    }

    async fn put_parts(&self, path: &Path, item: &Item<'_>, mark: Mark<'_>) -> Result<PutResult, Put> {
        let options =
            PutMultipartOptions { attributes: self.attributes(item), ..PutMultipartOptions::default() };
        let upload = self.within(0, self.store.create_multipart_opts(path, options)).await;
        let upload = upload.map_err(|error| self.judge(&error, false))?;
        // Written down before the first part, so that a crash leaves nothing that nobody knows of.
        let put = match mark(Some(&upload)).await {
            Err(reply) => Err(Outcome::passing(reply).into()),
            Ok(()) => self.send_parts(path, item, &upload).await,
        };
        if put.is_err() {
            drop(self.within(0, self.store.abort_multipart(path, &upload)).await);
        }
        put
    }

    async fn send_parts(&self, path: &Path, item: &Item<'_>, upload: &String) -> Result<PutResult, Put> {
        let Source::File(file) = item.source else {
            return Err(Outcome::lasting("only files travel in parts").into());
        };
        let size = part_bytes(item.bytes());
        let opened = tokio::fs::File::open(&file.path).await;
        let opened = opened.map_err(|error| from_io("open", &file.path, &error))?;
        let pieces = futures_util::stream::try_unfold((opened, 0_usize), |(mut opened, number)| async move {
            // Grown step by step it would end up twice as large. A little more, to see the end of the file.
            let room = usize::try_from(size).unwrap_or(0) + 1_024;
            let mut part = Vec::with_capacity(room);
            (&mut opened).take(size).read_to_end(&mut part).await?;
            Ok::<_, std::io::Error>(if part.is_empty() {
                None
            } else {
                Some(((number, PutPayload::from(part)), (opened, number + 1)))
            })
        });
        let parts: Vec<PartId> = pieces
            .map_err(|error| Put::from(from_io("read", &file.path, &error)))
            .map_ok(|(number, part)| self.send_part(path, upload, number, part))
            .try_buffered(PARTS_AT_ONCE)
            .try_collect()
            .await?;
        if item.create_only {
            match self.head(path).await {
                Ok(None) => {}
                Ok(Some(_)) => return Err(Put::Taken),
                Err(error) => return Err(self.judge(&error, false).into()),
            }
        }
        let completed = self.within(0, self.store.complete_multipart(path, upload, parts)).await;
        completed.map_err(|error| self.judge(&error, true).into())
    }

    async fn send_part(
        &self,
        path: &Path,
        upload: &String,
        number: usize,
        part: PutPayload,
    ) -> Result<PartId, Put> {
        let mut tries = 1;
        loop {
            let bytes = u64::try_from(part.content_length()).unwrap_or(0);
            match self.within(bytes, self.store.put_part(path, upload, number, part.clone())).await {
                Ok(part) => return Ok(part),
                // The part is at hand; the rest of the upload is worth another try of it.
                Err(error) => {
                    let outcome = self.judge(&error, false);
                    if tries == PART_TRIES || !matches!(outcome, Outcome::Passing { .. }) {
                        return Err(outcome.into());
                    }
                    tries += 1;
                }
            }
        }
    }

    /// What an error means. `visible`: the request would have made the object visible.
    fn judge(&self, error: &Error, visible: bool) -> Outcome {
        let mut reply = format!("{}: {}", self.name, scrubbed(&chain(error)));
        if let Some((cut, _)) = reply.char_indices().nth(REPLY_CHARS_MAX) {
            reply.truncate(cut);
        }
        match self.wire.status() {
            // No answer, or a good one that broke off: the object may be there.
            0 | 200..=299 if visible && !is_connect(error) => Outcome::Unsure { reply },
            0 | 200..=299 | 408 | 425 | 429 | 500.. => Outcome::passing(reply),
            400 if BROKEN_BODIES.iter().any(|word| reply.contains(word)) => Outcome::passing(reply),
            _ => Outcome::lasting(reply),
        }
    }
}

fn part_bytes(bytes: u64) -> u64 {
    PART_BYTES.max(bytes.div_ceil(PARTS_MAX).next_multiple_of(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::part_bytes;

    #[test]
    fn parts_are_few_enough_for_any_file() {
        assert_eq!(part_bytes(100 << 20), 5 << 20);
        let large = 5_u64 << 40;
        assert!(large.div_ceil(part_bytes(large)) <= 9_000);
    }
}
