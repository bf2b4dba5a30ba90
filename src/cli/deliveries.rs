//! `legwork deliveries`, `deliver`, `release`, `resend`, `discard`: what went out, and what people answer about it.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::context::{Context, definition, runtime};
use super::exit::{Exit, told};
use super::out::{StatusLine, json, say, table};
use crate::daemon::{Core, deliver_due, prepare};
use crate::domain::address::Address;
use crate::domain::text::rfc3339;
use crate::store::answers::{self, NOBODY, Which};
use crate::store::deliveries::{NewDelivery, ToldDelivery};
use crate::store::overview;

/// States of a delivery, for `deliveries --state`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum State {
    /// An attempt is due or waits for its time.
    Pending,
    /// The far end has it.
    Delivered,
    /// Written to an outbox folder, not sent.
    Outbox,
    /// Not tried again by itself.
    Failed,
    /// Nobody can know.
    Unknown,
    /// Waits for a person before its first attempt.
    Held,
    /// A person let it be.
    Discarded,
}

/// Arguments that name deliveries of a run.
#[derive(Debug, Args)]
pub(super) struct WhichArguments {
    /// The run's number.
    run: i64,
    /// Only to this address, of this file, or by this destination's name or folder.
    #[arg(long, value_name = "WHERE")]
    only: Option<String>,
}

impl WhichArguments {
    fn which(&self) -> Which {
        Which { run_id: self.run, only: self.only.clone() }
    }
}

pub(super) fn list(
    context: &Context,
    name: Option<&str>,
    state: Option<State>,
    count: u32,
) -> anyhow::Result<Exit> {
    let (_, store) = context.store()?;
    if let Some(name) = name {
        definition(&store, name)?;
    }
    let state = state.and_then(|state| state.to_possible_value()).map(|value| value.get_name().to_owned());
    let found = store.read_blocking("read the deliveries", |connection| {
        answers::list(connection, name, state.as_deref(), count)
    })?;
    if context.json {
        json(&found)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|delivery| {
            vec![
                delivery.run_id.map_or_else(|| "-".to_owned(), |run_id| run_id.to_string()),
                delivery.name.clone().unwrap_or_else(|| "notice".to_owned()),
                format!("{} via {}", delivery.kind, delivery.target),
                delivery.address.clone(),
                delivery.state.clone(),
                rfc3339(delivery.created_at),
                delivery.reply.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table(&["RUN", "NAME", "BY", "TO", "STATE", "SINCE (UTC)", "REPLY"], &rows)?;
    Ok(Exit::Done)
}

/// `deliver`: tries again what failed.
pub(super) fn deliver(context: &Context, arguments: &WhichArguments) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let which = arguments.which();
    some(&core, &which, |delivery| delivery.state == "failed", "failed")?;
    let (asked, now) = (which.clone(), context.now());
    let tried = core
        .store
        .write_blocking("try deliveries again", move |tx| answers::try_again(tx, &asked, "failed", now))?;
    say!("{tried} tried again")?;
    follow(&core, &which)
}

/// `release`: sends what is held, and tries again what nobody knows about.
pub(super) fn release(context: &Context, arguments: &WhichArguments) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let which = arguments.which();
    let held_file = held_file(&core, &which)?;
    let waits = |delivery: &ToldDelivery| matches!(delivery.state.as_str(), "held" | "unknown");
    if !held_file {
        some(&core, &which, waits, "held or unknown")?;
    }
    let (asked, now) = (which.clone(), context.now());
    let (released, tried) = core.store.write_blocking("release deliveries", move |tx| {
        Ok((answers::release(tx, &asked, now)?, answers::try_again(tx, &asked, "unknown", now)?))
    })?;
    say!("{released} released, {tried} tried again")?;
    follow(&core, &which)
}

/// Whether a check holds the run's file.
fn held_file(core: &Core, which: &Which) -> anyhow::Result<bool> {
    let found = core.store.read_blocking("read the run", |c| overview::occurrence_of_run(c, which.run_id))?;
    let file = found.and_then(|found| found.run).and_then(|run| run.file);
    Ok(which.only.is_none() && file.is_some_and(|file| file.verdict == "held"))
}

pub(super) fn resend(
    context: &Context,
    arguments: &WhichArguments,
    to: Option<&str>,
) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let which = arguments.which();
    let run_id = which.run_id;
    let sent = some(&core, &which, |_| true, "none is meant")?;
    let fits = |delivery: &ToldDelivery, to| {
        prepare::anew(&core, run_id, delivery, to).map(|new| (delivery.artifact_id, new))
    };
    let anew: Vec<(i64, NewDelivery)> = match to {
        None => {
            let mut seen = Vec::new();
            let first = |delivery: &&ToldDelivery| {
                let place = (
                    delivery.artifact_id,
                    delivery.kind.clone(),
                    delivery.target.clone(),
                    delivery.address.clone(),
                );
                let new = !seen.contains(&place) && delivery.address != NOBODY;
                seen.push(place);
                new
            };
            sent.iter().filter(first).filter_map(|delivery| fits(delivery, None)).collect()
        }
        Some(to) => {
            let address: Address = to.parse().map_err(|error| told(Exit::Wrong, format!("--to: {error}")))?;
            let mail = sent.iter().find(|delivery| delivery.kind == "email").ok_or_else(|| {
                told(Exit::Wrong, "the run sent no mail whose relay and subject could be used")
            })?;
            fits(mail, Some(&address)).into_iter().collect()
        }
    };
    let now = context.now();
    // A file without recipients waits for this.
    let answer = to.map(|to| format!("sent to {to}"));
    let waiting: Vec<i64> =
        sent.iter().filter(|d| d.address == NOBODY && d.state == "held").map(|d| d.delivery_id).collect();
    let added = core.store.write_blocking("send anew", move |tx| {
        let added = answers::send_anew(tx, &anew, now)?;
        if let Some(answer) = answer.filter(|_| 0 < added) {
            answers::settle(tx, &waiting, &answer, now)?;
        }
        Ok(added)
    })?;
    if added == 0 {
        return Err(told(
            Exit::Failed,
            "the file is gone: retention removed it; `legwork run` makes it again",
        ));
    }
    say!("{added} sent anew")?;
    follow(&core, &which)
}

pub(super) fn discard(context: &Context, arguments: &WhichArguments, reason: &str) -> anyhow::Result<Exit> {
    let core = context.core()?;
    let which = arguments.which();
    if reason.trim().is_empty() {
        return Err(told(Exit::Wrong, "--reason is empty; say why, for whoever reads this later"));
    }
    let open = |delivery: &ToldDelivery| matches!(delivery.state.as_str(), "held" | "failed" | "unknown");
    if !held_file(&core, &which)? {
        some(&core, &which, open, "held, failed or unknown")?;
    }
    let (reason, now) = (reason.to_owned(), context.now());
    let discarded = core
        .store
        .write_blocking("discard deliveries", move |tx| answers::discard(tx, &which, &reason, now))?;
    say!("{discarded} discarded")?;
    Ok(Exit::Done)
}

/// The deliveries of a run that are meant, at least one of which fits.
fn some(
    core: &Core,
    which: &Which,
    fits: impl Fn(&ToldDelivery) -> bool,
    state: &str,
) -> anyhow::Result<Vec<ToldDelivery>> {
    let run_id = which.run_id;
    let (known, found) = core.store.read_blocking("read the deliveries", |connection| {
        Ok((overview::occurrence_of_run(connection, run_id)?, which.deliveries(connection)?))
    })?;
    if known.is_none() {
        return Err(told(Exit::NotFound, format!("there is no run {run_id}; `legwork runs` lists them")));
    }
    if !found.iter().any(fits) {
        let help = format!("`legwork show {run_id}` shows what it sent");
        return Err(told(Exit::NotFound, format!("run {run_id} has no such delivery ({state}); {help}")));
    }
    Ok(found)
}

/// Waits until nothing of a run is under way, with the daemon or without one, and tells how it went.
fn follow(core: &Arc<Core>, which: &Which) -> anyhow::Result<Exit> {
    let lock = Context::lock_unless_served(&core.config)?;
    if lock.is_some() {
        let runtime = runtime()?;
        runtime.block_on(async {
            core.recover().await?;
            deliver_due(core, which.run_id).await?;
            core.destinations.close().await;
            Ok::<_, anyhow::Error>(())
        })?;
    } else {
        Context::wake(&core.config);
    }
    let line = StatusLine::new();
    loop {
        let sent = core.store.read_blocking("read the deliveries", |c| which.deliveries(c))?;
        let now = core.now();
        let under_way = |delivery: &&ToldDelivery| {
            delivery.state == "pending" && delivery.next_attempt_at.is_some_and(|at| at <= now)
        };
        let left = sent.iter().filter(under_way).count();
        if left == 0 || lock.is_some() {
            line.clear();
            tell(&sent)?;
            return Ok(exit(&sent));
        }
        line.show(&format!("{left} under way …"));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Prints each delivery with the far end's last words.
pub(super) fn tell(sent: &[ToldDelivery]) -> std::io::Result<()> {
    for delivery in sent {
        let reply = delivery.attempts.last().and_then(|attempt| attempt.reply.as_deref());
        let reply = reply.or(delivery.reason.as_deref());
        say!(
            "{} {}: {} ({})",
            delivery.kind,
            delivery.address,
            delivery.state,
            reply.unwrap_or("not tried yet")
        )?;
    }
    Ok(())
}

/// What deliveries together mean for the exit code.
pub(super) fn exit(sent: &[ToldDelivery]) -> Exit {
    let any = |state| sent.iter().any(|delivery| delivery.state == state);
    if any("failed") {
        Exit::Failed
    } else if any("held") {
        Exit::Held
    } else if any("unknown") {
        Exit::Unknown
    } else if any("pending") {
        Exit::Later
    } else {
        Exit::Done
    }
}
