//! One run: from its instant to each far end's own reply, and what a person can answer.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::report::Past;
use super::row::Moment;
use super::to;
use crate::daemon::ask::{self, AskError};
use crate::daemon::completeness;
use crate::domain::period::Period;
use crate::domain::zone::Zone;
use crate::store::answers::Which;
use crate::store::deliveries::{self, ToldDelivery};
use crate::store::overview::{ToldOccurrence, ToldRun};
use crate::store::{files, sources};
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::acts::{self, seen_run};
use crate::web::refused::Refused;
use crate::web::view::values;

/// A step of the timeline.
#[derive(serde::Serialize)]
struct Step {
    what: &'static str,
    at: Option<Moment>,
    words: String,
}

#[derive(serde::Serialize)]
struct Try {
    number: u32,
    at: Moment,
    class: String,
    reply: String,
}

#[derive(serde::Serialize)]
struct Sent {
    kind: String,
    target: String,
    address: String,
    state: String,
    words: String,
    next: Option<Moment>,
    tries: Vec<Try>,
}

fn sent(delivery: &ToldDelivery, zone: &Zone, now: jiff::Timestamp) -> Sent {
    let tries = delivery.attempts.iter().map(|attempt| Try {
        number: attempt.number,
        at: Moment::of(attempt.started_at, zone, now),
        class: attempt.class.clone().unwrap_or_else(|| "under way".to_owned()),
        reply: attempt.reply.clone().unwrap_or_default(),
    });
    Sent {
        kind: delivery.kind.clone(),
        target: delivery.target.clone(),
        address: delivery.address.clone(),
        state: if delivery.state == "outbox" {
            "written to outbox, not sent".to_owned()
        } else {
            delivery.state.clone()
        },
        words: delivery.reason.clone().unwrap_or_default(),
        next: delivery.next_attempt_at.map(|at| Moment::of(at, zone, now)),
        tries: tries.collect(),
    }
}

/// The run's page.
pub(super) async fn show(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(run_id): Path<i64>,
) -> Result<Response, Refused> {
    let asker = who.clone();
    let values = site
        .block(move |core| {
            let (found, _) = seen_run(core, &asker, run_id)?;
            let now = core.now();
            let definition = ask::definition(&core.store, &found.name)?;
            let parsed = core.definition(definition.version_id).ok();
            let zone = parsed.as_ref().map_or_else(Zone::utc, |parsed| parsed.report.zone.clone());
            let run = found.run.clone();
            let read = |connection: &rusqlite::Connection| {
                let Some(run) = &run else { return Ok((Vec::new(), 0, None)) };
                let period = Period { start: found.period_start, end: found.period_end };
                let whole = match &parsed {
                    Some(parsed) if run.file.is_some() => {
                        Some(completeness(&core.config, connection, &parsed.report, &period)?)
                    }
                    _ => None,
                };
                let requests = sources::requests_of(connection, run.run_id)?;
                Ok((deliveries::of_run(connection, run.run_id)?, requests, whole))
            };
            let (all, requests, whole) = core.store.read_blocking("read a run", read)?;
            let mut steps = steps(&found, &zone, now);
            if let Some(run) = &run {
                steps.extend(of_run(run, requests, whole, &zone, now));
            }
            let any = |state: &str| all.iter().any(|delivery| delivery.state == state);
            let file = run.as_ref().and_then(|run| run.file.as_ref());
            let held = file.is_some_and(|file| file.verdict == "held");
            Ok(values! {
                title => format!("{} run {run_id}", found.name),
                name => found.name,
                run_id => run_id,
                past => Past::of(&found, &zone, now),
                sha256 => file.map(|file| file.sha256.clone()),
                findings => file.and_then(|file| file.findings.clone()),
                steps => steps,
                sent => all.iter().map(|delivery| sent(delivery, &zone, now)).collect::<Vec<_>>(),
                can => values! {
                    deliver => any("failed"),
                    release => held || any("held") || any("unknown"),
                    discard => held || any("held") || any("failed") || any("unknown"),
                    resend => file.is_some_and(|file| file.removed_at.is_none()) && !all.is_empty(),
                    rerun => matches!(found.state.as_str(), "done" | "failed"),
                },
                live => matches!(found.state.as_str(), "due" | "running") || any("pending"),
            })
        })
        .await?;
    site.page(Some(&who), "run.html", values)
}

fn steps(found: &ToldOccurrence, zone: &Zone, now: jiff::Timestamp) -> Vec<Step> {
    let moment = |at| Moment::of(at, zone, now);
    let mut steps = vec![Step {
        what: if found.manual { "asked for" } else { "due" },
        at: Some(moment(found.nominal_at)),
        words: format!(
            "period {} to {} (end not included), version {}",
            crate::domain::text::local(found.period_start, zone),
            crate::domain::text::local(found.period_end, zone),
            found.version
        ),
    }];
    if let Some(rule) = &found.rule {
        steps.push(Step { what: "skipped", at: None, words: format!("by the rule `{rule}`") });
    }
    steps
}

fn of_run(
    run: &ToldRun,
    requests: i64,
    whole: Option<String>,
    zone: &Zone,
    now: jiff::Timestamp,
) -> Vec<Step> {
    let moment = |at| Some(Moment::of(at, zone, now));
    let again = if 1 < run.number { format!("try {}", run.number) } else { String::new() };
    let mut steps = vec![Step { what: "started", at: moment(run.started_at), words: again }];
    if 0 < requests {
        let words = format!("{requests} requests to the source");
        steps.push(Step { what: "asked the vendor", at: None, words });
    }
    if let Some(rows) = run.rows_left_out.filter(|rows| 0 < *rows) {
        let words = format!("{rows} rows whose interactions had not ended");
        steps.push(Step { what: "left out", at: None, words });
    }
    if let Some(cells) = run.clamped.filter(|cells| 0 < *cells) {
        let words = format!("{cells} durations came out negative");
        steps.push(Step { what: "set to zero", at: None, words });
    }
    if let Some(file) = &run.file {
        let rows = u64::try_from(file.rows).unwrap_or(0);
        let words = format!("{} rows, {} bytes", crate::domain::units::grouped(rows), file.bytes);
        steps.push(Step { what: "file whole", at: moment(file.generated_at), words });
        if let Some(removed) = file.removed_at {
            steps.push(Step { what: "removed", at: moment(removed), words: "by retention".to_owned() });
        }
    }
    if let Some(whole) = whole {
        steps.push(Step { what: "completeness", at: None, words: whole });
    }
    let words = run.error.clone().unwrap_or_default();
    match (run.ended_at, run.state.as_str()) {
        (None, _) => steps.push(Step { what: "running", at: None, words }),
        (Some(at), "done") => steps.push(Step { what: "done", at: moment(at), words }),
        (Some(at), "failed") => steps.push(Step { what: "failed", at: moment(at), words }),
        (Some(at), _) => steps.push(Step { what: "interrupted", at: moment(at), words }),
    }
    steps
}

/// The file of a run.
pub(super) async fn file(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(run_id): Path<i64>,
    asked: HeaderMap,
) -> Result<Response, Refused> {
    acts::run_file(&site, &who, run_id, &asked).await
}

/// What a person answers about a run's deliveries.
pub(super) async fn answer(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(run_id): Path<i64>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    let action = fields.get("answer").to_owned();
    acts::answer(&site, &who, run_id, &action, move |core| {
        let which = Which { run_id, only: None };
        match fields.get("answer") {
            "deliver" => ask::deliver(core, &which).map(drop),
            "release" => ask::release(core, &which).map(drop),
            "resend" => {
                let to = Some(fields.get("to")).filter(|to| !to.is_empty());
                ask::resend(core, &which, to).map(drop)
            }
            "rerun" => ask::rerun(core, run_id).map(drop),
            "discard" => ask::discard(core, &which, fields.get("reason")).map(drop),
            _ => Err(AskError::Wrong("there is no such answer".to_owned())),
        }
    })
    .await?;
    Ok(to(&format!("/runs/{run_id}")))
}

/// A signed link. Whoever has it gets the file until it ends.
pub(super) async fn linked(
    State(site): State<Shared>,
    Path(token): Path<String>,
    asked: HeaderMap,
) -> Result<Response, Refused> {
    let ended = "this link is not one of ours, or has ended; ask for a new one";
    let path = site.key.open_link(&token, site.core.now()).ok_or_else(|| Refused::absent(ended))?;
    let file = site.block(move |core| {
        let file = core.store.read_blocking("read a file", |c| files::by_path(c, &path))?;
        file.ok_or_else(|| AskError::NotFound(ended.to_owned()))
    });
    let file = file.await?;
    let who = Who {
        name: "link".to_owned(),
        role: crate::domain::access::Role::View,
        accounts: None,
        by: crate::web::access::By::Token,
    };
    acts::download(&site, &who, &file, &asked).await
}
