//! `legwork run`: through the daemon when one runs, else by itself under the same lock.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::context::{Context, daemon_ended, runtime};
use super::deliveries::exit_of_occurrence;
use super::exit::{Exit, told};
use super::out::{StatusLine, json, say};
use crate::daemon::advice::held_file;
use crate::daemon::ask::{self, RunWish, SendTo, definition};
use crate::daemon::runner::{Halt, run_one};
use crate::daemon::{Core, deliver_due};
use crate::domain::definition::{Definition, Destination};
use crate::domain::units::grouped;
use crate::secret::SecretError;
use crate::store::deliveries;
use crate::store::occurrences::{self, HandOver, Progress};
use crate::store::overview::{self, ToldOccurrence};

/// How often what the daemon does is looked at.
pub(super) const LOOKS_A_SECOND: u32 = 20;

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// The definition.
    name: String,
    /// Another period: a rule such as `yesterday`, or FROM..TO (local, or RFC 3339), TO exclusive.
    #[arg(long)]
    period: Option<String>,
    /// Make the file, send nothing.
    #[arg(long, conflicts_with = "to")]
    no_send: bool,
    /// Send to this address instead of the definition's destinations.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
}

impl RunArguments {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn period(&self) -> Option<&str> {
        self.period.as_deref()
    }

    pub(super) fn to(&self) -> Option<&str> {
        self.to.as_deref()
    }

    pub(super) fn no_send(&self) -> bool {
        self.no_send
    }
}

pub(super) fn run(context: &Context, arguments: &RunArguments) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let stored = definition(&core.store, &arguments.name)?;
    let parsed = core.parse(&stored.name, &stored.text)?;
    let request = ask::manual(&stored, &parsed, &wish(arguments), context.now())?;
    let lock = Context::lock_unless_served(&core.config)?;
    if lock.is_some() && request.send {
        refuse_without_credentials(&core, &parsed)?;
    }
    let asked = ask::run(&core, &request)?;
    let occurrence_id = asked.occurrence_id;
    if asked.waits_already {
        say!("a run of {} waits already; following that one", arguments.name)?;
    }
    if lock.is_some() {
        runtime()?.block_on(by_itself(&core, occurrence_id))?;
    } else {
        Context::wake(&core.config);
        follow(&core, occurrence_id)?;
    }
    tell(context, &core, occurrence_id)
}

/// `rerun`: the same occurrence again, over its stored period.
pub(super) fn rerun(context: &Context, run_id: i64) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let found = core.store.read_blocking("read the run", |c| overview::occurrence_of_run(c, run_id))?;
    let found = found.ok_or_else(|| ask::no_run(run_id))?;
    let stored = definition(&core.store, &found.name)?;
    let parsed = core.parse(&stored.name, &stored.text)?;
    let lock = Context::lock_unless_served(&core.config)?;
    if lock.is_some() {
        refuse_without_credentials(&core, &parsed)?;
    }
    let occurrence_id = ask::rerun(&core, run_id)?;
    if lock.is_some() {
        runtime()?.block_on(by_itself(&core, occurrence_id))?;
    } else {
        Context::wake(&core.config);
        follow(&core, occurrence_id)?;
    }
    let newest = core.store.read_blocking("read the run", |c| overview::newest_run(c, occurrence_id))?;
    match newest {
        Some(newest) if newest.same_as.is_some() => {
            say!("run {}: the same bytes as before; nothing changes", newest.run_id)?;
            Ok(Exit::Done)
        }
        _ => tell(context, &core, occurrence_id),
    }
}

fn wish(arguments: &RunArguments) -> RunWish {
    let send = match &arguments.to {
        Some(to) => SendTo::Address(to.clone()),
        None if arguments.no_send => SendTo::Nobody,
        None => SendTo::Destinations,
    };
    RunWish { period: arguments.period.clone(), send }
}

/// Outside the unit its credentials cannot be read: nothing could be sent, so nothing is begun.
fn refuse_without_credentials(core: &Core, parsed: &Definition) -> anyhow::Result<()> {
    let used = |key: &str| {
        key.starts_with(&format!("source.{}.", parsed.report.source))
            || parsed.destinations.iter().any(|destination| match destination {
                Destination::Email(email) => key.starts_with(&format!("relay.{}.", email.relay)),
                Destination::File(file) => {
                    key.starts_with(&format!("{}.{}.", file.place.name(), file.target))
                }
                Destination::Webhook(webhook) => key.starts_with(&format!("webhook.{}.", webhook.target)),
            })
    };
    for (key, secret) in core.config.secrets().into_iter().filter(|(key, _)| used(key)) {
        if let Err(error @ SecretError::OutsideUnit(_)) = secret.read() {
            let cure = "start the daemon (`systemctl start legwork`) and run this again, or add --no-send";
            return Err(told(Exit::Wrong, format!("{key}: {error}; {cure}")));
        }
    }
    Ok(())
}

/// No daemon runs: the same code, in this process. Attempts that are to be repeated wait for a daemon.
async fn by_itself(core: &Arc<Core>, occurrence_id: i64) -> anyhow::Result<()> {
    core.recover().await?;
    let now = core.now();
    let decisions = vec![(occurrence_id, HandOver::Due)];
    core.store.write("hand over", move |tx| occurrences::hand_over(tx, &decisions, now)).await?;
    run_one(core, occurrence_id, &Halt::default()).await?;
    let progress = core.store.read("read the run", move |c| occurrences::progress(c, occurrence_id)).await?;
    if let Some(run_id) = progress.run_id {
        deliver_due(core, run_id).await?;
    }
    core.destinations.close().await;
    Ok(())
}

/// Waits for the daemon to end the run and its first attempts, and shows how it is getting on.
fn follow(core: &Core, occurrence_id: i64) -> anyhow::Result<()> {
    let line = StatusLine::new();
    let mut last: Option<Progress> = None;
    let mut looks = 0;
    loop {
        looks += 1;
        let unserved = looks % LOOKS_A_SECOND == 0 && Context::is_unserved(&core.config)?;
        let progress =
            core.store.read_blocking("read the run", |c| occurrences::progress(c, occurrence_id))?;
        let ended = matches!(progress.state.as_str(), "done" | "failed" | "skipped");
        if ended && !has_untried(core, progress.run_id)? {
            line.clear();
            return Ok(());
        }
        if unserved {
            return Err(daemon_ended());
        }
        if last.as_ref() != Some(&progress) {
            let deliveries = if ended {
                format!(", {} deliveries under way", progress.open_deliveries)
            } else {
                String::new()
            };
            line.show(&format!("{}{deliveries} …", progress.state));
            last = Some(progress);
        }
        std::thread::sleep(Duration::from_millis(1_000 / u64::from(LOOKS_A_SECOND)));
    }
}

/// Whether some delivery has not had its first attempt yet.
fn has_untried(core: &Core, run_id: Option<i64>) -> anyhow::Result<bool> {
    let Some(run_id) = run_id else { return Ok(false) };
    let sent = core.store.read_blocking("read the deliveries", |c| deliveries::of_run(c, run_id))?;
    Ok(sent
        .iter()
        .any(|d| d.state == "pending" && d.attempts.iter().all(|attempt| attempt.ended_at.is_none())))
}

fn tell(context: &Context, core: &Core, occurrence_id: i64) -> anyhow::Result<Exit> {
    let found = core.store.read_blocking("read the run", |c| overview::occurrence(c, occurrence_id))?;
    let Some(found) = found else { return Err(told(Exit::Failed, "the run is gone")) };
    let sent = match &found.run {
        Some(run) => {
            core.store.read_blocking("read the deliveries", |c| deliveries::of_run(c, run.run_id))?
        }
        None => Vec::new(),
    };
    if context.json {
        json(&serde_json::json!({ "occurrence": found, "deliveries": sent }))?;
    } else {
        tell_file(core, &found)?;
        super::deliveries::tell(&sent)?;
    }
    if found.state == "skipped" || found.run.as_ref().is_some_and(|run| run.error.is_some()) {
        return Ok(Exit::Failed);
    }
    let states = sent.iter().map(|delivery| delivery.state.as_str());
    Ok(exit_of_occurrence(&found.state, held_file(&found), states))
}

fn tell_file(core: &Core, found: &ToldOccurrence) -> anyhow::Result<()> {
    let Some(run) = &found.run else {
        say!(
            "{}: {}{}",
            found.name,
            found.state,
            found.rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default()
        )?;
        return Ok(());
    };
    match (&run.file, &run.error) {
        (Some(file), _) => {
            let rows = u64::try_from(file.rows).unwrap_or(0);
            say!(
                "{} ({} rows, {} bytes)",
                core.config.artifacts().join(&file.path).display(),
                grouped(rows),
                file.bytes
            )?;
            if let Some(findings) = file.findings.as_ref().filter(|_| file.verdict == "held") {
                say!(
                    "held: {findings}; `legwork release {0}` sends it, `legwork discard {0} --reason …` does not",
                    run.run_id
                )?;
            }
        }
        (None, Some(error)) => say!("run {} failed: {error}", run.run_id)?,
        (None, None) => say!("run {}: {}", run.run_id, run.state)?,
    }
    Ok(())
}
