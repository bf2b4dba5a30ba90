//! Kept files are what they were when they were made.
//!
//! A file that somebody changed is not sent: what is told of it would be false. Reading it for its digest costs as much
//! as sending it, so a file that was read once is known again by what the system says of it: the system's own change
//! time moves with every write.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{ParcelFile, from_io};
use crate::domain::delivery::Outcome;

/// Files that are known at the most.
const KNOWN_MAX: usize = 1_024;

/// What the system says of a file: device, inode, length, and change time in seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

/// Files that were read, or written, and found whole.
#[derive(Debug, Default)]
pub(super) struct Vouched(Mutex<HashMap<PathBuf, (Stamp, String)>>);

impl Vouched {
    /// A file that was just written with this digest.
    pub(super) fn vouch(&self, path: &Path, sha256: &str) {
        if let Ok(stamp) = stamp(path) {
            self.keep(path, stamp, sha256);
        }
    }

    fn keep(&self, path: &Path, stamp: Stamp, sha256: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if KNOWN_MAX <= known.len() {
            known.clear();
        }
        known.insert(path.to_owned(), (stamp, sha256.to_owned()));
    }

    /// Refuses a file that is not the one that was made.
    pub(super) async fn check(&self, file: &ParcelFile) -> Result<(), Outcome> {
        let before = stamp(&file.path).map_err(|error| from_io("read", &file.path, &error))?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&file.path).cloned();
        if known.is_some_and(|(stamp, sha256)| stamp == before && sha256 == file.sha256) {
            return Ok(());
        }
        let path = file.path.clone();
        let digest = tokio::task::spawn_blocking(move || crate::artifacts::digest_of(&path)).await;
        match digest {
            Ok(Ok(digest)) if digest == file.sha256 => {
                self.keep(&file.path, before, &digest);
                Ok(())
            }
            Ok(Ok(_)) => {
                let path = file.path.display();
                Err(Outcome::lasting(format!(
                    "the kept file `{path}` is not the one that was made: its digest differs"
                )))
            }
            Ok(Err(error)) => Err(from_io("read", &file.path, &error)),
            Err(_) => Err(Outcome::passing("reading the file panicked".to_owned())),
        }
    }
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec()))
}
