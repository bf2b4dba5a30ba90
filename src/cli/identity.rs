//! A command started as root becomes the owner of the state folder before it opens anything, so that it never leaves
//! files there that the daemon cannot open.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use rustix::process::{Gid, Uid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities, set_thread_gid,
    set_thread_groups, set_thread_uid,
};

/// Gives up root for the owner of a folder. The process must have one thread still: threads take over their maker's
/// identity.
///
/// One right of root is kept, to search and read folders: with `DynamicUser` the state folder lies below
/// `/var/lib/private`, which only root may enter.
pub(super) fn become_owner(state: &Path) -> anyhow::Result<()> {
    let Ok(metadata) = std::fs::metadata(state) else { return Ok(()) };
    if !getuid().is_root() || metadata.uid() == 0 {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
    set_keep_capabilities(true).context("keep the right to search folders")?;
    set_thread_groups(&[gid]).context("give up root's groups")?;
    set_thread_gid(gid).context("give up root's group")?;
    set_thread_uid(uid).context("give up root")?;
    let search = CapabilitySet::DAC_READ_SEARCH;
    let sets = CapabilitySets { effective: search, permitted: search, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).context("keep the right to search folders")
}
