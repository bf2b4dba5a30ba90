//! Artifacts on disk: a file has its name only when it is whole and synced.

pub mod behind;
mod cells;
mod delimited;
pub mod disk;
pub mod encode;
pub mod examine;
pub mod first_rows;
mod json;
pub mod pack;
mod page;
pub mod passed;
mod quoting;
pub mod split;
mod xlsx;
pub mod xml;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use self::disk::OnDisk;

/// Behind the name of a file that is not whole.
pub const PART: &str = ".part";

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{what} `{path}`{}", if source.kind() == io::ErrorKind::StorageFull { ", whose disk is full; make room there" } else { "" })]
pub struct ArtifactError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArtifactError {
    let path = path.to_owned();
    move |source| ArtifactError { what, path, source }
}

/// A whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its length.
    pub bytes: u64,
    /// Its digest in hex.
    pub sha256: String,
}

/// A file while it is written: under a temporary name, gone unless it is finished.
#[derive(Debug)]
pub struct PartFile {
    file: OnDisk,
    part: PathBuf,
    target: PathBuf,
    digest: Sha256,
    named: bool,
}

impl PartFile {
    /// Begins a file that nobody else can read; folders that are missing are made.
    pub fn create(target: &Path) -> Result<Self, ArtifactError> {
        Self::begin(target, true)
    }

    /// The same for one of hundreds that are written at once: it takes less memory and more of the kernel's time.
    pub fn one_of_many(target: &Path) -> Result<Self, ArtifactError> {
        Self::begin(target, false)
    }

    fn begin(target: &Path, past_cache: bool) -> Result<Self, ArtifactError> {
        if let Some(folder) = target.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(failed("make the folder", folder))?;
        }
        let part = PathBuf::from(format!("{}{PART}", target.display()));
        let mut options = OpenOptions::new();
        // A leftover of a crash is overwritten: nobody else writes below the artifacts folder.
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&part).map_err(failed("create", &part))?;
        let (file, target) = (OnDisk::new(file, past_cache), target.to_owned());
        Ok(Self { file, part, target, digest: Sha256::new(), named: false })
    }

    /// The name that it is to have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Syncs the file, gives it its name, and syncs the name.
    pub fn finish(mut self) -> Result<Finished, ArtifactError> {
        let bytes = self.file.finish().map_err(failed("write", &self.part))?;
        self.file.sync().map_err(failed("sync", &self.part))?;
        std::fs::rename(&self.part, &self.target).map_err(failed("rename", &self.part))?;
        self.named = true;
        if let Some(folder) = self.target.parent() {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed("sync the folder", folder))?;
        }
        let digest = std::mem::take(&mut self.digest).finalize();
        Ok(Finished { bytes, sha256: hex(&digest) })
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.named {
            // Best effort: what stays is found as an orphan by housekeeping.
            drop(std::fs::remove_file(&self.part));
        }
    }
}

/// Bytes in hex, lower case.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// The digest of a file in hex. Blocks.
pub fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = io::Read::read(&mut file, &mut buffer)?;
        if read == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Removes everything below the artifacts folder that the ledger does not know: leftovers of a crash. Returns how many
/// files there were.
pub fn remove_orphans(folder: &Path, known: &[String]) -> Result<usize, ArtifactError> {
    let known: std::collections::HashSet<PathBuf> = known.iter().map(|path| folder.join(path)).collect();
    let mut removed = 0;
    let Ok(runs) = std::fs::read_dir(folder) else { return Ok(0) };
    for run in runs.flatten() {
        let run = run.path();
        let Ok(files) = std::fs::read_dir(&run) else { continue };
        for file in files.flatten().map(|file| file.path()).filter(|file| !known.contains(file)) {
            std::fs::remove_file(&file).map_err(failed("remove", &file))?;
            removed += 1;
        }
        // Only an empty folder can be removed this way.
        drop(std::fs::remove_dir(&run));
    }
    Ok(removed)
}

/// Removes one file and its folder if that is empty then. A file that is gone already is no error.
pub fn remove(path: &Path) -> Result<(), ArtifactError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => {
            if let Some(folder) = path.parent() {
                drop(std::fs::remove_dir(folder));
            }
            Ok(())
        }
    }
}
