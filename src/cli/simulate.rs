//! `legwork simulate`: what would run, be skipped, moved or late.

use clap::Args;
use jiff::SignedDuration;

use super::context::Context;
use super::exit::Exit;
use super::out::{json, say, table};
use crate::daemon::ask::definition;
use crate::daemon::simulate::{Outlook, Plot, ToldSimulated, outlook};
use crate::domain::units::{self, grouped};
use crate::store::definitions;

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub(super) struct SimulateArguments {
    /// Definitions; all when absent.
    pub(super) names: Vec<String>,
    /// First instant inside.
    #[arg(long, value_name = "RFC3339")]
    pub(super) from: String,
    /// First instant outside.
    #[arg(long, value_name = "RFC3339")]
    pub(super) to: String,
    /// A span in which no daemon runs; may be given several times.
    #[arg(long, value_name = "FROM..TO")]
    pub(super) down: Vec<String>,
    /// How long a run takes, to see occurrences that meet.
    #[arg(long, default_value = "0s", value_name = "DURATION")]
    pub(super) run_takes: String,
    /// Only what is not as on any other day: skipped, late, moved by a clock change.
    #[arg(long)]
    pub(super) odd: bool,
}

pub(super) fn run(context: &Context, arguments: &SimulateArguments) -> anyhow::Result<Exit> {
    let span = (arguments.from.as_str(), arguments.to.as_str());
    let plot = Plot::read(span, &arguments.down, Some(&arguments.run_takes))?;
    let core = context.core()?;
    let stored = if arguments.names.is_empty() {
        core.store.read_blocking("read the definitions", definitions::all)?
    } else {
        arguments.names.iter().map(|name| definition(&core.store, name)).collect::<Result<_, _>>()?
    };
    let mut outlook = outlook(&core, &stored, &plot, usize::MAX)?;
    if arguments.odd {
        outlook.occurrences.retain(ToldSimulated::is_odd);
    }
    if context.json {
        json(&outlook)?;
    } else {
        tell(&outlook)?;
    }
    Ok(Exit::Done)
}

fn outcome(simulated: &ToldSimulated) -> String {
    match simulated.skipped {
        Some(rule) => format!("skipped: {rule}"),
        None if 0 < simulated.late_seconds => {
            format!("runs {} late", units::spoken(SignedDuration::from_secs(simulated.late_seconds)))
        }
        None => "runs".to_owned(),
    }
}

fn tell(Outlook { occurrences, counts }: &Outlook) -> std::io::Result<()> {
    let cells = |simulated: &ToldSimulated| {
        vec![
            simulated.local.clone(),
            simulated.time_zone.clone(),
            simulated.name.clone(),
            outcome(simulated),
            simulated.note.clone().unwrap_or_default(),
        ]
    };
    table(&["NOMINAL", "ZONE", "NAME", "WHAT", "NOTE"], &occurrences.iter().map(cells).collect::<Vec<_>>())?;
    say!(
        "\n{} run, {} of them late; {} skipped; {} moved or repeated by a clock change",
        grouped(counts.run),
        grouped(counts.late),
        grouped(counts.skipped),
        grouped(counts.moved)
    )
}
