//! `legwork doctor`: whether what is to come could go out.

use std::sync::Arc;

use super::context::{Context, runtime};
use super::exit::Exit;
use super::out::{json, say};
use crate::daemon::doctor::{Examined, examine};

pub(super) fn doctor(context: &Context) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let found = runtime()?.block_on(examine(&core))?;
    if context.json {
        json(&found)?;
    } else {
        for Examined { kind, target, state, words } in &found {
            say!("{state:<5} {kind} {target}: {words}")?;
        }
    }
    Ok(if found.iter().any(Examined::is_bad) { Exit::Failed } else { Exit::Done })
}
