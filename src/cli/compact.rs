//! `legwork compact`: segments of closed hours into sealed blocks, and a look at the blocks there are.

use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::exit::Exit;
use super::out::{StatusLine, json, say};
use crate::clock::Stopwatch;
use crate::domain::units::grouped;
use crate::store::Store;
use crate::store::segments::sealed::compact::{Compactor, GENTLE, QUIET, Sealed, WHOLE};
use crate::store::segments::sealed::examine::examine;

/// A pause between transactions while a daemon runs: it finds the database free.
const PAUSE: Duration = Duration::from_millis(5);
/// Transactions between two checkpoints.
const CHECKPOINT_EVERY: u64 = 64;

/// Arguments of `compact`.
#[derive(Debug, Args)]
pub(super) struct CompactArguments {
    /// Also hours that have ended only just now.
    #[arg(long)]
    now: bool,
    /// Unpack every block and check it; seals nothing.
    #[arg(long, conflicts_with = "now")]
    check: bool,
    /// Remove blocks that are damaged; their hours are to be imported again.
    #[arg(long, conflicts_with_all = ["now", "check"])]
    drop_damaged: bool,
}

pub(super) fn compact(context: &Context, arguments: &CompactArguments) -> anyhow::Result<Exit> {
    let (config, store) = context.store()?;
    if arguments.check || arguments.drop_damaged {
        let damaged = examine(&store, arguments.drop_damaged)?;
        if context.json {
            json(&serde_json::json!({ "damaged": damaged, "removed": arguments.drop_damaged }))?;
        } else if damaged.is_empty() {
            say!("every sealed block is whole")?;
        }
        for words in damaged.iter().filter(|_| !context.json) {
            say!("{words}")?;
        }
        let good = damaged.is_empty() || arguments.drop_damaged;
        return Ok(if good { Exit::Done } else { Exit::Failed });
    }
    // As an import, it keeps no daemon from starting.
    let served = Context::lock_unless_served(&config)?.is_none();
    let watch = Stopwatch::start();
    let now = context.now().as_millisecond();
    let until = if arguments.now { now } else { now - QUIET };
    let sealed = seal(&store, until, served)?;
    if context.json {
        json(&sealed)?;
    } else {
        let (rows, folded) = (grouped(sealed.rows), grouped(sealed.folded));
        let seconds = watch.elapsed().as_secs_f64();
        say!(
            "{rows} segments sealed in {seconds:.1} s, at most {} ms at a time; {folded} interactions need no row of their \
             own any more",
            sealed.longest_transaction_ms
        )?;
    }
    Ok(Exit::Done)
}

/// Seals the hours that end before an instant, telling how far it is.
pub(super) fn seal(store: &Store, until: i64, served: bool) -> anyhow::Result<Sealed> {
    let step = if served { GENTLE } else { WHOLE };
    let mut compactor = Compactor::open(store, until, step, Stopwatch::start().reader())?;
    let line = StatusLine::new();
    while compactor.step()? {
        let sealed = compactor.sealed();
        line.show(&format!("{} segments sealed", grouped(sealed.rows)));
        if sealed.steps.is_multiple_of(CHECKPOINT_EVERY) {
            compactor.checkpoint()?;
        }
        if served {
            std::thread::sleep(PAUSE);
        }
    }
    line.clear();
    compactor.checkpoint()?;
    Ok(compactor.sealed())
}
