//! `legwork deliveries`, `deliver`, `release`, `resend`, `discard`: what went out, and what people answer about it.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::context::{Context, daemon_ended, runtime};
use super::exit::Exit;
use super::out::{StatusLine, json, say, table};
use super::run::LOOKS_A_SECOND;
use crate::daemon::ask::{self, definition};
use crate::daemon::{Core, deliver_due};
use crate::domain::text::rfc3339;
use crate::store::answers::{self, Which};
use crate::store::definitions::Eyes;
use crate::store::deliveries::ToldDelivery;

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

impl State {
    /// As the ledger has it.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
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
    pub(super) fn run(&self) -> i64 {
        self.run
    }

    pub(super) fn only(&self) -> Option<&str> {
        self.only.as_deref()
    }

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
    let state = state.map(State::name);
    let found = store.read_blocking("read the deliveries", |connection| {
        answers::list(connection, Eyes::ALL, name, state.as_deref(), count)
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
    let tried = ask::deliver(&core, &which)?;
    say!("{tried} tried again")?;
    follow(&core, &which)
}

/// `release`: sends what is held, and tries again what nobody knows about.
pub(super) fn release(context: &Context, arguments: &WhichArguments) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let which = arguments.which();
    let (released, tried) = ask::release(&core, &which)?;
    say!("{released} released, {tried} tried again")?;
    follow(&core, &which)
}

pub(super) fn resend(
    context: &Context,
    arguments: &WhichArguments,
    to: Option<&str>,
) -> anyhow::Result<Exit> {
    let core = Arc::new(context.core()?);
    let which = arguments.which();
    let added = ask::resend(&core, &which, to)?;
    say!("{added} sent anew")?;
    follow(&core, &which)
}

pub(super) fn discard(context: &Context, arguments: &WhichArguments, reason: &str) -> anyhow::Result<Exit> {
    let core = context.core()?;
    let discarded = ask::discard(&core, &arguments.which(), reason)?;
    say!("{discarded} discarded")?;
    Ok(Exit::Done)
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
    let mut looks = 0;
    loop {
        looks += 1;
        let unserved = lock.is_none() && looks % LOOKS_A_SECOND == 0 && Context::is_unserved(&core.config)?;
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
        if unserved {
            return Err(daemon_ended());
        }
        line.show(&format!("{left} under way …"));
        std::thread::sleep(Duration::from_millis(1_000 / u64::from(LOOKS_A_SECOND)));
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
fn exit(sent: &[ToldDelivery]) -> Exit {
    exit_of_states(sent.iter().map(|delivery| delivery.state.as_str()))
}

/// What an occurrence in a state, a file that a check may hold, and deliveries in their states mean together.
pub(super) fn exit_of_occurrence<'a>(state: &str, held: bool, sent: impl Iterator<Item = &'a str>) -> Exit {
    let own = match state {
        "failed" => Some("failed"),
        "due" | "running" => Some("pending"),
        _ => None,
    };
    exit_of_states(sent.chain(own).chain(held.then_some("held")))
}

/// The worst one counts.
fn exit_of_states<'a>(states: impl Iterator<Item = &'a str>) -> Exit {
    let states: Vec<&str> = states.collect();
    let worst = [
        ("failed", Exit::Failed),
        ("held", Exit::Held),
        ("unknown", Exit::Unknown),
        ("pending", Exit::Later),
    ];
    worst.into_iter().find(|(state, _)| states.contains(state)).map_or(Exit::Done, |(_, exit)| exit)
}
