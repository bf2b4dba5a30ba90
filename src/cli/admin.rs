//! `legwork backup`, `completions`, `man`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::CommandFactory;

use super::Arguments;
use super::context::Context;
use super::exit::Exit;
use super::out::say;

pub(super) fn backup(context: &Context, file: Option<PathBuf>) -> anyhow::Result<Exit> {
    let (config, store) = context.store()?;
    let target = file.unwrap_or_else(|| config.backup_of(context.now()));
    store.backup(&target)?;
    say!("{}", target.display())?;
    Ok(Exit::Done)
}

pub(super) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "legwork", &mut text);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &text)?;
    Ok(Exit::Done)
}

pub(super) fn man(folder: &Path) -> anyhow::Result<Exit> {
    std::fs::create_dir_all(folder).with_context(|| format!("make `{}`", folder.display()))?;
    clap_mangen::generate_to(Arguments::command(), folder).context("write the manual pages")?;
    say!("{}", folder.display())?;
    Ok(Exit::Done)
}
