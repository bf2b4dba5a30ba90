//! `legwork simulate`: what would run, be skipped, moved or late.

use clap::Args;
use jiff::SignedDuration;

use super::context::{Context, instant};
use super::exit::{Exit, told};
use super::out::{json, say, table};
use crate::daemon::ask::definition;
use crate::daemon::simulate::{Plot, Simulated, simulate};
use crate::domain::text::{local, rfc3339};
use crate::domain::units::{self, grouped};
use crate::domain::zone::Zone;
use crate::store::definitions::{self, DefinitionState};

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub(super) struct SimulateArguments {
    /// Definitions; all when absent.
    names: Vec<String>,
    /// First instant inside.
    #[arg(long, value_name = "RFC3339")]
    from: String,
    /// First instant outside.
    #[arg(long, value_name = "RFC3339")]
    to: String,
    /// A span in which no daemon runs; may be given several times.
    #[arg(long, value_name = "FROM..TO")]
    down: Vec<String>,
    /// How long a run takes, to see occurrences that meet.
    #[arg(long, default_value = "0s", value_name = "DURATION")]
    run_takes: String,
    /// Only what is not as on any other day: skipped, late, moved by a clock change.
    #[arg(long)]
    odd: bool,
}

/// What became of all instants.
#[derive(Debug, Default, serde::Serialize)]
struct Counts {
    run: u64,
    late: u64,
    skipped: u64,
    moved: u64,
}

struct Row {
    name: String,
    zone: Zone,
    simulated: Simulated,
}

pub(super) fn run(context: &Context, arguments: &SimulateArguments) -> anyhow::Result<Exit> {
    let plot = plot(arguments)?;
    let core = context.core()?;
    let stored = if arguments.names.is_empty() {
        core.store.read_blocking("read the definitions", definitions::all)?
    } else {
        arguments.names.iter().map(|name| definition(&core.store, name)).collect::<Result<_, _>>()?
    };
    let mut rows = Vec::new();
    for stored in stored.iter().filter(|stored| stored.state == DefinitionState::Active) {
        let parsed = core.parse(&stored.name, &stored.text)?;
        rows.extend(simulate(&core, &parsed, &plot).into_iter().filter_map(|simulated| {
            let zone = parsed.schedules.get(simulated.ordinal)?.zone.clone();
            Some(Row { name: stored.name.clone(), zone, simulated })
        }));
    }
    rows.sort_by_key(|row| row.simulated.handed_over_at);
    let counts = count(&rows);
    if arguments.odd {
        rows.retain(|row| outcome(&row.simulated) != "runs" || row.simulated.note.is_some());
    }
    tell(context, &rows, &counts)?;
    Ok(Exit::Done)
}

fn count(rows: &[Row]) -> Counts {
    let mut counts = Counts::default();
    for Row { simulated, .. } in rows {
        if simulated.skipped.is_some() {
            counts.skipped += 1;
        } else {
            counts.run += 1;
            counts.late += u64::from(simulated.late.is_positive());
        }
        counts.moved += u64::from(simulated.note.is_some());
    }
    counts
}

fn outcome(simulated: &Simulated) -> String {
    match simulated.skipped {
        Some(rule) => format!("skipped: {rule}"),
        None if simulated.late.is_positive() => {
            format!("runs {} late", units::spoken(simulated.late))
        }
        None => "runs".to_owned(),
    }
}

fn tell(context: &Context, rows: &[Row], counts: &Counts) -> anyhow::Result<()> {
    if context.json {
        let each = rows.iter().map(|Row { name, zone, simulated }| {
            serde_json::json!({
                "name": name,
                "nominal_at": rfc3339(simulated.nominal_at),
                "local": local(simulated.nominal_at, zone),
                "time_zone": zone.name(),
                "handed_over_at": rfc3339(simulated.handed_over_at),
                "period_start": rfc3339(simulated.period.start),
                "period_end": rfc3339(simulated.period.end),
                "skipped": simulated.skipped,
                "late_seconds": simulated.late.as_secs(),
                "note": simulated.note,
            })
        });
        return json(&serde_json::json!({ "occurrences": each.collect::<Vec<_>>(), "counts": counts }));
    }
    let cells = |Row { name, zone, simulated }: &Row| {
        vec![
            local(simulated.nominal_at, zone),
            zone.name().to_owned(),
            name.clone(),
            outcome(simulated),
            simulated.note.clone().unwrap_or_default(),
        ]
    };
    table(&["NOMINAL", "ZONE", "NAME", "WHAT", "NOTE"], &rows.iter().map(cells).collect::<Vec<_>>())?;
    say!(
        "\n{} run, {} of them late; {} skipped; {} moved or repeated by a clock change",
        grouped(counts.run),
        grouped(counts.late),
        grouped(counts.skipped),
        grouped(counts.moved)
    )?;
    Ok(())
}

fn plot(arguments: &SimulateArguments) -> anyhow::Result<Plot> {
    let from = instant("--from", &arguments.from)?;
    let to = instant("--to", &arguments.to)?;
    if to <= from {
        return Err(told(Exit::Wrong, "--to is not after --from; TO is the first instant outside"));
    }
    let mut down = Vec::new();
    for text in &arguments.down {
        let (from, to) = text
            .split_once("..")
            .ok_or_else(|| told(Exit::Wrong, format!("--down: write `{text}` as FROM..TO")))?;
        down.push((instant("--down", from)?, instant("--down", to)?));
    }
    let run_takes = units::duration(&arguments.run_takes)
        .map_err(|error| told(Exit::Wrong, format!("--run-takes: {error}")))?;
    Ok(Plot { from, to, down, run_takes: SignedDuration::max(run_takes, SignedDuration::ZERO) })
}
