//! `legwork plan`, `apply`, `pause`, `resume`, `export`.

use std::sync::Arc;

use super::context::{Context, runtime};
use super::exit::Exit;
use super::out::{json, say};
use crate::daemon::ask::{self, definition};
use crate::daemon::loader::{Allowed, Changes, look, take_up};

fn print(changes: &Changes, json_wanted: bool) -> anyhow::Result<()> {
    if json_wanted {
        return json(changes);
    }
    let lists = [
        ("+", "new", &changes.added),
        ("~", "changed", &changes.changed),
        ("^", "comes back", &changes.revived),
        (">", "file moved", &changes.moved),
        ("-", "retires", &changes.retired),
    ];
    for (sign, what, names) in lists {
        for name in names {
            say!("{sign} {name}  {what}")?;
        }
    }
    for problem in &changes.problems {
        say!("! {}", problem.problem)?;
    }
    if changes.retiring_refused {
        say!(
            "! more than half of the definitions would retire: none does; `legwork apply --allow-retire` does it"
        )?;
    }
    if changes.is_empty() && changes.problems.is_empty() {
        say!("no changes")?;
    }
    Ok(())
}

pub(super) fn plan(context: &Context) -> anyhow::Result<Exit> {
    tell_plan(&look(&context.core()?)?, context.json)
}

/// Tells what would change, and whether something would.
pub(super) fn tell_plan(changes: &Changes, as_json: bool) -> anyhow::Result<Exit> {
    print(changes, as_json)?;
    Ok(if !changes.problems.is_empty() {
        Exit::Wrong
    } else if changes.is_empty() {
        Exit::Done
    } else {
        Exit::Pending
    })
}

pub(super) fn apply(context: &Context, allowed: Allowed) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let jobs = core.config.jobs.clone();
    let changes = runtime()?.block_on(take_up(&core, &jobs, allowed))?;
    Context::wake(&core.config);
    tell_applied(&changes, context.json)
}

/// Tells what has changed, and whether all of it could.
pub(super) fn tell_applied(changes: &Changes, as_json: bool) -> anyhow::Result<Exit> {
    print(changes, as_json)?;
    Ok(if changes.problems.is_empty() && !changes.retiring_refused { Exit::Done } else { Exit::Wrong })
}

pub(super) fn pause(context: &Context, name: &str) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let stored = definition(&core.store, name)?;
    if runtime()?.block_on(ask::pause(&core, &stored))? {
        Context::wake(&core.config);
        say!("{name} is paused; `legwork resume {name}` starts it again")?;
    } else {
        say!("{name} is paused already")?;
    }
    Ok(Exit::Done)
}

pub(super) fn resume(context: &Context, name: &str) -> anyhow::Result<Exit> {
    let core = context.core()?;
    let stored = definition(&core.store, name)?;
    ask::resume(&core, &stored)?;
    Context::wake(&core.config);
    say!("{name} runs again; nothing of the pause is made up")?;
    Ok(Exit::Done)
}

pub(super) fn export(context: &Context, name: &str) -> anyhow::Result<Exit> {
    let (_, store) = context.store()?;
    let stored = definition(&store, name)?;
    if context.json {
        json(&serde_json::json!({ "name": stored.name, "version": stored.number, "toml": stored.text }))?;
    } else {
        say!("{}", stored.text.trim_end())?;
    }
    Ok(Exit::Done)
}
