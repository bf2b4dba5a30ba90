//! Files at places: one contract, whatever the place.
//!
//! Whole file or none under the name that readers look at: a place that shows half a file gets it under a temporary
//! name first. What stands there already is asked for before it is judged. The manifest follows the file, the marker
//! follows both.

use super::bucket::Bucket;
use super::details::FileDetails;
use super::directory::Directory;
use super::http::Http;
use super::sftp::Sftp;
use super::webdav::Webdav;
use super::{Mark, Parcel, ParcelFile};
use crate::domain::definition::{Exists, OnUnknown};
use crate::domain::delivery::{Outcome, Receipt};

/// Something that gets a name at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    /// Its path below the place's own.
    pub(super) path: &'a str,
    /// Its bytes.
    pub(super) source: Source<'a>,
    /// Its media type.
    pub(super) media_type: &'a str,
    /// Whether a name that is taken is a clash.
    pub(super) create_only: bool,
}

/// Where an item's bytes are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// In a file of ours.
    File(&'a ParcelFile),
    /// Here.
    Bytes(&'a [u8]),
}

impl Item<'_> {
    /// Its length.
    pub(super) fn bytes(&self) -> u64 {
        match self.source {
            Source::File(file) => file.bytes,
            Source::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }
}

/// How an item's upload ended.
#[derive(Debug)]
pub(super) enum Put {
    /// As this.
    Ended(Outcome),
    /// The name is taken; nothing was changed.
    Taken,
}

impl From<Outcome> for Put {
    fn from(outcome: Outcome) -> Self {
        Self::Ended(outcome)
    }
}

/// What stands under a name.
#[derive(Debug)]
pub(super) enum Look {
    /// Nothing.
    Absent,
    /// The very bytes.
    Same(Receipt),
    /// Something else, in words.
    Other(String),
    /// The far end does not say.
    Mute(String),
}

/// A place that keeps files.
#[derive(Debug)]
pub(super) enum Way<'a> {
    Directory(Directory<'a>),
    Http(Http<'a>),
    Webdav(Webdav<'a>),
    Bucket(&'a Bucket),
    Sftp(&'a Sftp),
}

impl Way<'_> {
    async fn put(&self, item: Item<'_>, parcel: &Parcel, mark: Mark<'_>) -> Put {
        match self {
            Self::Directory(directory) => directory.put(item, parcel.delivery_id, mark).await,
            Self::Http(http) => http.put(item, parcel, mark).await,
            Self::Webdav(webdav) => webdav.put(item, parcel.delivery_id, mark).await,
            Self::Bucket(bucket) => bucket.put(item, mark).await,
            Self::Sftp(sftp) => sftp.put(item, parcel.delivery_id, mark).await,
        }
    }

    /// Removes what an earlier try may have left under its temporary name.
    async fn clear(&self, path: &str, delivery_id: i64) {
        match self {
            Self::Directory(directory) => directory.clear(path, delivery_id),
            Self::Webdav(webdav) => webdav.clear(path, delivery_id).await,
            Self::Sftp(sftp) => sftp.clear(path, delivery_id).await,
            Self::Http(_) | Self::Bucket(_) => {}
        }
    }

    async fn look(&self, path: &str, bytes: u64, sha256: &str) -> Look {
        match self {
            Self::Directory(directory) => directory.look(path, bytes, sha256).await,
            Self::Http(http) => http.look(path, bytes, sha256).await,
            Self::Webdav(webdav) => webdav.look(path, bytes, sha256).await,
            Self::Bucket(bucket) => bucket.look(path, bytes, sha256).await,
            Self::Sftp(sftp) => sftp.look(path, bytes, sha256).await,
        }
    }
}

/// One attempt at a file and what belongs to it.
pub(super) async fn send(way: &Way<'_>, parcel: &Parcel, details: &FileDetails, mark: Mark<'_>) -> Outcome {
    let Some(file) = &parcel.file else { return Outcome::lasting("there is no file to deliver") };
    if let Way::Bucket(bucket) = way {
        // Parts of an upload that a crash cut short cost money until somebody ends it.
        for upload in &parcel.uploads {
            bucket.abort(&parcel.address, upload).await;
        }
    }
    let path = parcel.address.as_str();
    let asks = parcel.unsure && details.on_unknown == OnUnknown::Check;
    let mut there = None;
    // A repeat for the sake of what stands beside the file leaves the file alone.
    if asks || parcel.repeated && (details.marker || details.manifest.is_some()) {
        match way.look(path, file.bytes, &file.sha256).await {
            Look::Same(receipt) => {
                // The very bytes may be those of an earlier run, and ours a part that nobody else would remove.
                way.clear(path, parcel.delivery_id).await;
                there = Some(Outcome::done("asked: the far end has the whole file".to_owned(), receipt));
            }
            Look::Absent | Look::Other(_) => {}
            Look::Mute(_) if !asks => {}
            Look::Mute(reply) => {
                return Outcome::Unsure { reply: format!("the far end could not be asked: {reply}") };
            }
        }
    }
    let outcome = match there {
        Some(outcome) => outcome,
        None => main(way, parcel, file, details, mark).await,
    };
    if outcome.is_done()
        && let Err(missing) = beside(way, parcel, details).await
    {
        return missing;
    }
    outcome
}

/// The file itself.
async fn main(
    way: &Way<'_>,
    parcel: &Parcel,
    file: &ParcelFile,
    details: &FileDetails,
    mark: Mark<'_>,
) -> Outcome {
    let path = parcel.address.as_str();
    let item = Item {
        path,
        source: Source::File(file),
        media_type: &details.media_type,
        create_only: details.exists != Exists::Replace,
    };
    match way.put(item, parcel, mark).await {
        Put::Ended(outcome) => outcome,
        Put::Taken => match way.look(path, file.bytes, &file.sha256).await {
            // What an earlier try of this delivery may have left is no clash.
            Look::Same(receipt) if details.exists == Exists::SameIsFine || parcel.repeated => {
                Outcome::done("the same bytes stand there already".to_owned(), receipt)
            }
            Look::Same(_) => Outcome::lasting(format!(
                "`{path}` is there already, with the same bytes; exists = \"same-is-fine\" would take that"
            )),
            Look::Other(words) => Outcome::lasting(format!(
                "`{path}` is there already: {words}; give the file another name, or set exists = \"replace\""
            )),
            Look::Absent => Outcome::passing(format!("`{path}` was there and is gone again")),
            Look::Mute(words) => Outcome::lasting(format!(
                "`{path}` is there already, and cannot be read to compare it: {words}"
            )),
        },
    }
}

/// Manifest and marker, in this order: who waits for the marker finds everything else.
async fn beside(way: &Way<'_>, parcel: &Parcel, details: &FileDetails) -> Result<(), Outcome> {
    let manifest = details.manifest.as_ref().map(|text| (".json", text.as_bytes(), "application/json"));
    let marker = details.marker.then_some((".ok", &b""[..], "text/plain"));
    for (ending, bytes, media_type) in manifest.into_iter().chain(marker) {
        let path = format!("{}{ending}", parcel.address);
        let item = Item { path: &path, source: Source::Bytes(bytes), media_type, create_only: false };
        // The mark was made for the file; these are repeated with it.
        let no_mark: Mark<'_> = &|_| Box::pin(std::future::ready(Ok(())));
        let reply = match way.put(item, parcel, no_mark).await {
            Put::Ended(outcome) if outcome.is_done() => continue,
            Put::Ended(outcome @ Outcome::Lasting { .. }) => return Err(outcome),
            Put::Ended(outcome) => outcome.reply().to_owned(),
            Put::Taken => "its name is taken".to_owned(),
        };
        return Err(Outcome::passing(format!("the file is there, `{path}` is not: {reply}")));
    }
    Ok(())
}

/// The name under which a file travels: hidden, and the delivery's own, so that a repeat overwrites its leftover.
pub(super) fn part_path(path: &str, delivery_id: i64) -> String {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}.{name}.{delivery_id}{}", crate::artifacts::PART)
}
