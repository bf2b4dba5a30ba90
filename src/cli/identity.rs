//! A command started as root becomes the owner of the state folder before it opens anything, so that it never leaves
//! files there that the daemon cannot open.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use rustix::process::getuid;
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

/// Gives up root for the owner of a folder. The process must have one thread still: threads take over their maker's
/// identity.
pub(super) fn become_owner(state: &Path) -> anyhow::Result<()> {
    let Ok(metadata) = std::fs::metadata(state) else { return Ok(()) };
    if !getuid().is_root() || metadata.uid() == 0 {
        return Ok(());
    }
    let (uid, gid) =
        (rustix::process::Uid::from_raw(metadata.uid()), rustix::process::Gid::from_raw(metadata.gid()));
    set_thread_groups(&[gid]).context("give up root's groups")?;
    set_thread_gid(gid).context("give up root's group")?;
    set_thread_uid(uid).context("give up root")?;
    Ok(())
}
