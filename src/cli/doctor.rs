//! `legwork doctor`: whether what is to come could go out.

use super::context::{Context, runtime};
use super::exit::Exit;
use super::out::{json, say};
use crate::daemon::doctor::{Health, examine};
use crate::store::definitions::{self, DefinitionState};

pub(super) fn doctor(context: &Context) -> anyhow::Result<Exit> {
    let core = context.core()?;
    let stored = core.store.read_blocking("read the definitions", definitions::all)?;
    let active = stored.iter().filter(|stored| stored.state != DefinitionState::Retired);
    let parsed: Vec<_> = active.filter_map(|stored| core.parse(&stored.name, &stored.text).ok()).collect();
    let found = runtime()?.block_on(examine(&core, &parsed));
    let bad = found.iter().any(|(.., health)| matches!(health, Health::Bad(_)));
    if context.json {
        let each = found.iter().map(|(kind, target, health)| {
            let (state, words) = state(health);
            serde_json::json!({ "kind": kind, "target": target, "state": state, "words": words })
        });
        json(&each.collect::<Vec<_>>())?;
    } else {
        for (kind, target, health) in &found {
            let (state, words) = state(health);
            say!("{state:<5} {kind} {target}: {words}")?;
        }
    }
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

fn state(health: &Health) -> (&'static str, &str) {
    match health {
        Health::Good(words) => ("ok", words),
        Health::Warning(words) => ("warn", words),
        Health::Bad(words) => ("BAD", words),
    }
}
