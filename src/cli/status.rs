//! `legwork list`, `show`, `next`, `runs`, `why`.

use jiff::Timestamp;

use super::context::Context;
use super::deliveries::exit_of_occurrence;
use super::exit::Exit;
use super::out::{json, say, table};
use crate::daemon::advice::{held_file, never_due, what_next};
use crate::daemon::ask::{self, definition};
use crate::daemon::listing::{Listed, Verdict};
use crate::daemon::{Core, completeness, control};
use crate::domain::coming::coming;
use crate::domain::definition::Definition;
use crate::domain::report::Report;
use crate::domain::text::{away, local, rfc3339};
use crate::domain::units::grouped;
use crate::domain::zone::Zone;
use crate::store::definitions::{self, DefinitionState, Eyes};
use crate::store::deliveries::{self, ToldDelivery};
use crate::store::overview::{self, ToldOccurrence};
use crate::store::segments::coverage;
use crate::store::sources;

#[derive(serde::Serialize)]
struct Row {
    name: String,
    state: &'static str,
    generated_in_last_24_h: bool,
    generated_at: Option<Timestamp>,
    verdict: Verdict,
    rows: Option<i64>,
    next_at: Option<Timestamp>,
    time_zone: Option<String>,
    file: Option<String>,
    problem: Option<String>,
}

pub(super) fn list(context: &Context) -> anyhow::Result<Exit> {
    let core = context.core()?;
    let (stored, problems) = core.store.read_blocking("read the list", |connection| {
        Ok((definitions::all(connection)?, definitions::load_problems(connection)?))
    })?;
    let now = context.now();
    let mut listed = Vec::new();
    for stored in stored.into_iter().filter(|stored| stored.state != DefinitionState::Retired) {
        let parsed = core.parse(&stored.name, &stored.text).ok();
        let (found, problem) = core.store.read_blocking("read the list", |connection| {
            let problem = definitions::load_problem(connection, &stored)?;
            Ok((Listed::look(connection, stored, now)?, problem))
        })?;
        listed.push(row(&found, parsed.as_ref(), problem));
    }
    if context.json {
        json(
            &serde_json::json!({ "definitions": listed, "problems": problems.iter().map(|p| &p.problem).collect::<Vec<_>>() }),
        )?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = listed.iter().map(|listed| cells(&core, listed, now)).collect();
    table(&["24 H", "NAME", "VERDICT", "LAST FILE", "ROWS", "NEXT DUE"], &rows)?;
    for problem in &problems {
        for line in problem.problem.lines() {
            say!("! {line}")?;
        }
    }
    if !control::wake(&core.config.socket()) {
        say!("\nno daemon runs on `{}`: nothing happens by schedule", core.config.state.display())?;
    }
    Ok(Exit::Done)
}

fn row(found: &Listed, definition: Option<&Definition>, problem: Option<String>) -> Row {
    let Listed { stored, newest, recent, verdict } = found;
    Row {
        name: stored.name.clone(),
        state: stored.state.name(),
        generated_in_last_24_h: *recent,
        generated_at: newest.generated_at,
        verdict: *verdict,
        rows: newest.rows,
        next_at: newest.next_at,
        time_zone: definition.map(|definition| definition.report.zone.name().to_owned()),
        file: stored.file.clone(),
        problem,
    }
}

fn cells(core: &Core, listed: &Row, now: Timestamp) -> Vec<String> {
    let zone =
        listed.time_zone.as_deref().and_then(|name| core.zones.find(name).ok()).unwrap_or_else(Zone::utc);
    let dot = if listed.generated_in_last_24_h { "● yes" } else { "  no" };
    let at = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| local(at, &zone));
    let next = match listed.next_at {
        Some(next) => format!("{} {} ({})", local(next, &zone), zone.name(), away(next, now)),
        None => "-".to_owned(),
    };
    let verdict = if listed.problem.is_some() {
        format!("{} !", listed.verdict.name())
    } else {
        listed.verdict.name().to_owned()
    };
    let rows = listed.rows.and_then(|rows| u64::try_from(rows).ok()).map_or_else(|| "-".to_owned(), grouped);
    vec![dot.to_owned(), listed.name.clone(), verdict, at(listed.generated_at), rows, next]
}

pub(super) fn runs(context: &Context, name: Option<&str>, count: u32) -> anyhow::Result<Exit> {
    let (_, store) = context.store()?;
    if let Some(name) = name {
        definition(&store, name)?;
    }
    let found = store.read_blocking("read the runs", |connection| {
        overview::occurrences(connection, Eyes::ALL, name, count)
    })?;
    if context.json {
        json(&found)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = found.iter().map(run_cells).collect();
    table(&["RUN", "NAME", "NOMINAL (UTC)", "STATE", "ROWS", "FILE OR REASON"], &rows)?;
    Ok(Exit::Done)
}

fn run_cells(told: &ToldOccurrence) -> Vec<String> {
    let run = told.run.as_ref();
    let file = run.and_then(|run| run.file.as_ref());
    let reason = told.rule.clone().or_else(|| run.and_then(|run| run.error.clone()));
    vec![
        run.map_or_else(|| "-".to_owned(), |run| run.run_id.to_string()),
        told.name.clone(),
        format!("{}{}", rfc3339(told.nominal_at), if told.manual { " by hand" } else { "" }),
        told.state.clone(),
        file.and_then(|file| u64::try_from(file.rows).ok()).map_or_else(|| "-".to_owned(), grouped),
        reason.or_else(|| file.map(|file| file.file_name.clone())).unwrap_or_default(),
    ]
}

pub(super) fn next(context: &Context, name: Option<&str>, count: u32) -> anyhow::Result<Exit> {
    let core = context.core()?;
    let stored = match name {
        Some(name) => vec![definition(&core.store, name)?],
        None => core.store.read_blocking("read the definitions", definitions::all)?,
    };
    let (now, most) = (context.now(), usize::try_from(count).unwrap_or(usize::MAX));
    let mut told_next = Vec::new();
    for stored in stored.iter().filter(|stored| stored.state == DefinitionState::Active) {
        let parsed = core.parse(&stored.name, &stored.text)?;
        told_next.extend(
            coming(&parsed.schedules, now, most)
                .into_iter()
                .map(|each| (each.at, each.schedule.zone.clone(), stored.name.clone(), each.note)),
        );
    }
    told_next.sort_by_key(|(at, ..)| *at);
    if context.json {
        let each = told_next.iter().map(|(at, zone, name, note)| {
            serde_json::json!({
                "name": name,
                "at": rfc3339(*at),
                "local": local(*at, zone),
                "time_zone": zone.name(),
                "note": note,
            })
        });
        json(&each.collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = told_next
        .iter()
        .map(|(at, zone, name, note)| {
            vec![local(*at, zone), zone.name().to_owned(), away(*at, now), name.clone(), note.clone()]
        })
        .collect();
    table(&["NEXT DUE", "ZONE", "", "NAME", "NOTE"], &rows)?;
    Ok(Exit::Done)
}

pub(super) fn show(context: &Context, what: &str) -> anyhow::Result<Exit> {
    let core = context.core()?;
    if let Ok(run_id) = what.parse::<i64>() {
        let found = core
            .store
            .read_blocking("read a run", |connection| overview::occurrence_of_run(connection, run_id))?;
        return tell(context, &core, &found.ok_or_else(|| ask::no_run(run_id))?);
    }
    let stored = definition(&core.store, what)?;
    let found = core.store.read_blocking("read the runs", |connection| {
        overview::occurrences(connection, Eyes::ALL, Some(what), 10)
    })?;
    if context.json {
        json(
            &serde_json::json!({ "name": stored.name, "state": stored.state.name(), "version": stored.number,
            "file": stored.file, "toml": stored.text, "runs": found }),
        )?;
        return Ok(Exit::Done);
    }
    let file = stored.file.as_deref().unwrap_or("-");
    say!("{}  {}  version {}  {file}\n", stored.name, stored.state.name(), stored.number)?;
    say!("{}\n", stored.text.trim_end())?;
    table(
        &["RUN", "NAME", "NOMINAL (UTC)", "STATE", "ROWS", "FILE OR REASON"],
        &found.iter().map(run_cells).collect::<Vec<_>>(),
    )?;
    Ok(Exit::Done)
}

pub(super) fn why(context: &Context, name: &str) -> anyhow::Result<Exit> {
    let core = context.core()?;
    let stored = definition(&core.store, name)?;
    let (found, newest) = core.store.read_blocking("read the last occurrence", |connection| {
        let newest = overview::occurrences(connection, Eyes::ALL, Some(name), 1)?;
        Ok((overview::last(connection, stored.definition_id)?, newest.into_iter().next()))
    })?;
    if let Some(found) = found {
        let exit = tell(context, &core, &found)?;
        if let Some(look) =
            newest.filter(|newest| newest.occurrence_id != found.occurrence_id && !context.json)
        {
            let run = look.run.as_ref().map_or_else(String::new, |run| format!(" in run {}", run.run_id));
            say!("since then it was looked at by hand{run}: legwork runs {name}")?;
        }
        Ok(exit)
    } else {
        let next = core
            .store
            .read_blocking("read the next instant", |c| overview::newest(c, stored.definition_id))?
            .next_at;
        let next = never_due(name, stored.state, next);
        if context.json {
            json(&serde_json::json!({ "occurrence": null, "deliveries": [], "next": next }))?;
        } else {
            say!("next: {next}")?;
        }
        Ok(Exit::Done)
    }
}

/// Tells an occurrence from its instant to each far end's own reply.
fn tell(context: &Context, core: &Core, found: &ToldOccurrence) -> anyhow::Result<Exit> {
    let sent = match &found.run {
        Some(run) => core
            .store
            .read_blocking("read the deliveries", |connection| deliveries::of_run(connection, run.run_id))?,
        None => Vec::new(),
    };
    let exit = exit_of(found, &sent);
    let stored = definition(&core.store, &found.name)?;
    let next = what_next(found, &sent, stored.state);
    if context.json {
        json(&serde_json::json!({ "occurrence": found, "deliveries": sent, "next": next }))?;
        return Ok(exit);
    }
    let report = core.parse(&stored.name, &stored.text).map(|definition| definition.report).ok();
    let zone = report.as_ref().map_or_else(Zone::utc, |report| report.zone.clone());
    say!("{}  version {}", found.name, found.version)?;
    let by = if found.manual { "asked for by hand at" } else { "due at" };
    say!("  {by} {} {}", local(found.nominal_at, &zone), zone.name())?;
    say!(
        "  period {} to {} (end not included)",
        local(found.period_start, &zone),
        local(found.period_end, &zone)
    )?;
    say!(
        "  state  {}{}",
        found.state,
        found.rule.as_ref().map(|rule| format!(" by the rule `{rule}`")).unwrap_or_default()
    )?;
    if let Some(at) = found.retry_at {
        say!("         run again at {}", local(at, &zone))?;
    }
    if let Some(run) = &found.run {
        tell_run(core, run, found, (report.as_ref(), &zone))?;
    }
    for delivery in &sent {
        tell_delivery(delivery, &zone)?;
    }
    if found.run.as_ref().is_some_and(|run| run.file.is_some()) && sent.is_empty() {
        say!(
            "  sent   to nobody: {}",
            if found.send {
                "no destination, or the job skips empty reports"
            } else {
                "it was run with --no-send"
            }
        )?;
    }
    let waits = |delivery: &ToldDelivery| delivery.state == "pending";
    let open = matches!(found.state.as_str(), "due" | "running") || sent.iter().any(waits);
    if open && !control::wake(&core.config.socket()) {
        let state = core.config.state.display();
        say!(
            "\nnext: start the daemon, it goes on from here: systemctl start legwork; none runs on `{state}`"
        )?;
    } else {
        say!("\nnext: {next}")?;
    }
    Ok(exit)
}

fn tell_run(
    core: &Core,
    run: &overview::ToldRun,
    found: &ToldOccurrence,
    (report, zone): (Option<&Report>, &Zone),
) -> anyhow::Result<()> {
    let ended =
        run.ended_at.map_or_else(|| "still running".to_owned(), |at| format!("ended {}", local(at, zone)));
    let again = if 1 < run.number { format!(" (try {})", run.number) } else { String::new() };
    say!("  run    {}{again} {}: started {}, {ended}", run.run_id, run.state, local(run.started_at, zone))?;
    if let Some(error) = &run.error {
        say!("         {error}")?;
    }
    let requests = core.store.read_blocking("read requests", |c| sources::requests_of(c, run.run_id))?;
    if 0 < requests {
        say!("         {requests} requests to the source")?;
    }
    if let Some(left_out) = run.rows_left_out.filter(|rows| 0 < *rows) {
        say!("         {left_out} rows left out: their interactions had not ended")?;
    }
    if let Some(clamped) = run.clamped.filter(|cells| 0 < *cells) {
        say!("         {clamped} durations came out negative and were set to zero")?;
    }
    if let Some(file) = &run.file {
        let period = crate::domain::period::Period { start: found.period_start, end: found.period_end };
        let told = core.store.read_blocking("read the coverage", |c| match report {
            Some(report) => completeness(&core.config, c, report, &period),
            None => coverage::completeness(c, &period, zone, &[]),
        })?;
        let rows = u64::try_from(file.rows).unwrap_or(0);
        say!(
            "  file   {} ({} rows, {} bytes)",
            core.config.artifacts().join(&file.path).display(),
            grouped(rows),
            file.bytes
        )?;
        say!("         sha256 {}", file.sha256)?;
        if 1 < file.revision {
            say!("         revision {}", file.revision)?;
        }
        if let Some(findings) = &file.findings {
            let verdict = match file.verdict.as_str() {
                "held" => "held by the checks",
                "released" => "released by a person; the checks found",
                _ => "discarded by a person; the checks found",
            };
            say!("         {verdict}: {findings}")?;
        }
        say!("         completeness: {told}")?;
        if let Some(removed) = file.removed_at {
            say!("         removed by retention {}", local(removed, zone))?;
        }
    }
    Ok(())
}

fn tell_delivery(delivery: &ToldDelivery, zone: &Zone) -> anyhow::Result<()> {
    let again =
        delivery.next_attempt_at.map(|at| format!(", again at {}", local(at, zone))).unwrap_or_default();
    let state = if delivery.state == "outbox" { "written to outbox, not sent" } else { &delivery.state };
    let reason = delivery.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    say!("  {} {} via {}: {state}{reason}{again}", delivery.kind, delivery.address, delivery.target)?;
    for attempt in &delivery.attempts {
        let reply = attempt.reply.as_deref().unwrap_or("under way");
        say!("         {}. {} {reply}", attempt.number, local(attempt.started_at, zone))?;
    }
    Ok(())
}

fn exit_of(found: &ToldOccurrence, sent: &[ToldDelivery]) -> Exit {
    let sent = sent.iter().map(|delivery| delivery.state.as_str());
    exit_of_occurrence(&found.state, held_file(found), sent)
}
