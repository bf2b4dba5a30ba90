//! A file in a folder: written under a temporary name, synced, renamed.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::places::{Item, Look, Put, Source, part_path};
use super::{Mark, from_io};
use crate::artifacts::digest_of;
use crate::domain::delivery::{Outcome, Receipt};

/// A folder as one delivery uses it.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    pub(super) folder: &'a str,
    /// Permission bits of the file.
    pub(super) mode: u32,
}

impl Directory<'_> {
    pub(super) async fn put(&self, item: Item<'_>, delivery_id: i64, mark: Mark<'_>) -> Put {
        if let Err(reply) = mark(None).await {
            return Outcome::passing(reply).into();
        }
        let copying = Copying {
            from: match item.source {
                Source::File(file) => From::File(file.path.clone()),
                Source::Bytes(bytes) => From::Bytes(bytes.to_vec()),
            },
            target: Path::new(self.folder).join(item.path),
            part: Path::new(self.folder).join(part_path(item.path, delivery_id)),
            mode: self.mode,
            create_only: item.create_only,
        };
        let copied = tokio::task::spawn_blocking(move || copying.run()).await;
        copied
            .unwrap_or_else(|_| Outcome::Unsure { reply: "the copy ended without a word".to_owned() }.into())
    }

    /// Removes what an earlier try may have left. Best effort.
    pub(super) fn clear(&self, path: &str, delivery_id: i64) {
        drop(std::fs::remove_file(Path::new(self.folder).join(part_path(path, delivery_id))));
    }

    pub(super) async fn look(&self, path: &str, bytes: u64, sha256: &str) -> Look {
        let (target, sha256) = (Path::new(self.folder).join(path), sha256.to_owned());
        let looked = tokio::task::spawn_blocking(move || look(&target, bytes, &sha256)).await;
        looked.unwrap_or_else(|_| Look::Mute("looking ended without a word".to_owned()))
    }
}

fn look(target: &Path, bytes: u64, sha256: &str) -> Look {
    let length = match std::fs::metadata(target) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Look::Absent,
        Err(error) => return Look::Mute(error.to_string()),
    };
    if length != bytes {
        return Look::Other(format!("it has {length} bytes"));
    }
    match digest_of(target) {
        Ok(found) if found == sha256 => Look::Same(receipt(target, bytes)),
        Ok(_) => Look::Other("it holds other bytes".to_owned()),
        Err(error) => Look::Mute(error.to_string()),
    }
}

fn receipt(target: &Path, bytes: u64) -> Receipt {
    Receipt { path: Some(target.display().to_string()), bytes: Some(bytes), ..Receipt::default() }
}

enum From {
    File(PathBuf),
    Bytes(Vec<u8>),
}

struct Copying {
    from: From,
    target: PathBuf,
    part: PathBuf,
    mode: u32,
    create_only: bool,
}

impl Copying {
    fn run(&self) -> Put {
        let bytes = match self.write_part() {
            Ok(bytes) => bytes,
            Err(outcome) => {
                drop(std::fs::remove_file(&self.part));
                return outcome.into();
            }
        };
        match self.name() {
            Ok(()) => {}
            Err(error) if self.create_only && error.kind() == std::io::ErrorKind::AlreadyExists => {
                drop(std::fs::remove_file(&self.part));
                return Put::Taken;
            }
            Err(error) => {
                drop(std::fs::remove_file(&self.part));
                return from_io("rename to", &self.target, &error).into();
            }
        }
        let folder = self.target.parent().unwrap_or(Path::new("/"));
        match File::open(folder).and_then(|folder| folder.sync_all()) {
            Ok(()) => {
                let reply = format!("{} ({bytes} bytes)", self.target.display());
                Outcome::done(reply, receipt(&self.target, bytes)).into()
            }
            // The file has its name, but a power cut could still take it.
            Err(error) => {
                Outcome::Unsure { reply: format!("sync the folder `{}`: {error}", folder.display()) }.into()
            }
        }
    }

    fn write_part(&self) -> Result<u64, Outcome> {
        let part = &self.part;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut target = options.open(part).map_err(|error| from_io("create", part, &error))?;
        let bytes = match &self.from {
            From::File(path) => {
                let mut source = File::open(path).map_err(|error| from_io("open", path, &error))?;
                // The kernel copies where it can, without a way through this process.
                std::io::copy(&mut source, &mut target).map_err(|error| from_io("write", part, &error))?
            }
            From::Bytes(bytes) => {
                target.write_all(bytes).map_err(|error| from_io("write", part, &error))?;
                u64::try_from(bytes.len()).unwrap_or(0)
            }
        };
        // Set after opening: the process's umask would cut the bits.
        target
            .set_permissions(Permissions::from_mode(self.mode))
            .map_err(|error| from_io("set the mode of", part, &error))?;
        target.sync_all().map_err(|error| from_io("sync", part, &error))?;
        Ok(bytes)
    }

    /// Gives the part its name: instead of what has it, or only if it is free.
    fn name(&self) -> std::io::Result<()> {
        if !self.create_only {
            return std::fs::rename(&self.part, &self.target);
        }
        match renameat_with(CWD, &self.part, CWD, &self.target, RenameFlags::NOREPLACE) {
            // Shares that do not know the flag know links, which do not replace either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                std::fs::hard_link(&self.part, &self.target)?;
                // The file has its name; a second one is a leftover and no failure.
                drop(std::fs::remove_file(&self.part));
                Ok(())
            }
            renamed => Ok(renamed?),
        }
    }
}
