//! A file in a folder: written under a temporary name, synced, renamed.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Mark, Parcel, ParcelFile, from_io};
use crate::artifacts::hex;
use crate::domain::delivery::Outcome;

pub(super) async fn send(parcel: &Parcel, mode: u32, mark: Mark<'_>) -> Outcome {
    let Some(file) = parcel.file.clone() else {
        return Outcome::Lasting { reply: "there is no file to deliver".to_owned() };
    };
    if let Err(reply) = mark().await {
        return Outcome::Passing { reply, retry_after: None };
    }
    let folder = PathBuf::from(&parcel.target);
    let (name, delivery_id) = (parcel.address.clone(), parcel.delivery_id);
    let copied = tokio::task::spawn_blocking(move || copy(&file, &folder, &name, delivery_id, mode)).await;
    copied.unwrap_or_else(|_| Outcome::Unsure { reply: "the copy ended without a word".to_owned() })
}

fn copy(file: &ParcelFile, folder: &Path, name: &str, delivery_id: i64, mode: u32) -> Outcome {
    let target = folder.join(name);
    // The name is the delivery's own, so a try after a crash overwrites its own leftover.
    let part = folder.join(format!(".{name}.{delivery_id}{}", crate::artifacts::PART));
    match copy_to(file, &part, mode) {
        Ok(()) => {}
        Err(outcome) => {
            drop(std::fs::remove_file(&part));
            return outcome;
        }
    }
    if let Err(error) = std::fs::rename(&part, &target) {
        drop(std::fs::remove_file(&part));
        return from_io("rename to", &target, &error);
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Ok(()) => Outcome::Done { reply: format!("{} ({} bytes)", target.display(), file.bytes) },
        // The file has its name, but a power cut could still take it.
        Err(error) => Outcome::Unsure { reply: format!("sync the folder `{}`: {error}", folder.display()) },
    }
}

fn copy_to(file: &ParcelFile, part: &Path, mode: u32) -> Result<(), Outcome> {
    let mut source = File::open(&file.path).map_err(|error| from_io("open", &file.path, &error))?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut target = options.open(part).map_err(|error| from_io("create", part, &error))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = source.read(&mut buffer).map_err(|error| from_io("read", &file.path, &error))?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        digest.update(bytes);
        target.write_all(bytes).map_err(|error| from_io("write", part, &error))?;
    }
    if hex(&digest.finalize()) != file.sha256 {
        let reply = format!(
            "the kept file `{}` is not the one that was made: its digest differs",
            file.path.display()
        );
        return Err(Outcome::Lasting { reply });
    }
    // Set after opening: the process's umask would cut the bits.
    target
        .set_permissions(Permissions::from_mode(mode))
        .map_err(|error| from_io("set the mode of", part, &error))?;
    target.sync_all().map_err(|error| from_io("sync", part, &error))
}
