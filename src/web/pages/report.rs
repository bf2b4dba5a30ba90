//! One report: what it is, its history with every kept file, and what can be done with it.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::row::{self, Moment};
use super::{back, to};
use crate::daemon::Core;
use crate::daemon::ask::{self, AskError, RunWish, SendTo};
use crate::domain::access::Role;
use crate::domain::schedule::Schedule;
use crate::domain::text::rfc3339;
use crate::domain::zone::Zone;
use crate::store::definitions::{self, DefinitionState};
use crate::store::faces::{self, KeptFile, Shelved};
use crate::store::overview::{self, ToldOccurrence};
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::fields::Fields;
use crate::web::refused::Refused;
use crate::web::view::values;

/// Runs of the history: all that are kept, within reason.
const HISTORY_MAX: u32 = 200;
/// Coming instants shown.
pub(super) const COMING: usize = 5;

/// A report that somebody may see. Blocks.
pub(super) fn seen(core: &Core, who: &Who, name: &str) -> Result<Shelved, AskError> {
    let sees_all = who.may(Role::Admin);
    let found = core
        .store
        .read_blocking("read a report", |c| faces::shelved_by_name(c, &who.name, sees_all, name))?;
    // What somebody may not see is not there.
    found.ok_or_else(|| AskError::NotFound(format!("there is no report `{name}`")))
}

/// A run of the history.
#[derive(serde::Serialize)]
pub(super) struct Past {
    run_id: Option<i64>,
    nominal: Moment,
    manual: bool,
    state: String,
    rule: Option<String>,
    error: Option<String>,
    rows: Option<u64>,
    bytes: Option<u64>,
    file_name: Option<String>,
    kept: bool,
    verdict: Option<String>,
    revision: Option<i64>,
}

impl Past {
    pub(super) fn of(told: &ToldOccurrence, zone: &Zone, now: jiff::Timestamp) -> Self {
        let run = told.run.as_ref();
        let file = run.and_then(|run| run.file.as_ref());
        Self {
            run_id: run.map(|run| run.run_id),
            nominal: Moment::of(told.nominal_at, zone, now),
            manual: told.manual,
            state: told.state.clone(),
            rule: told.rule.clone(),
            error: run.and_then(|run| run.error.clone()),
            rows: file.and_then(|file| u64::try_from(file.rows).ok()),
            bytes: file.and_then(|file| u64::try_from(file.bytes).ok()),
            file_name: file.map(|file| file.file_name.clone()),
            kept: file.is_some_and(|file| file.removed_at.is_none()),
            verdict: file.map(|file| file.verdict.clone()),
            revision: file.map(|file| file.revision).filter(|revision| 1 < *revision),
        }
    }
}

/// A coming instant.
#[derive(serde::Serialize)]
pub(super) struct Coming {
    at: Moment,
    utc: String,
    note: String,
}

/// The next instants of schedules together. Pure.
pub(super) fn coming(schedules: &[Schedule], now: jiff::Timestamp, most: usize) -> Vec<Coming> {
    let mut instants = Vec::new();
    for schedule in schedules {
        let mut at = now;
        for _ in 0..most {
            let Some(next) = schedule.next(at) else { break };
            instants.push((next, schedule));
            at = next;
        }
    }
    instants.sort_by_key(|(at, _)| *at);
    instants.dedup_by_key(|(at, _)| *at);
    let told = |(at, schedule): (jiff::Timestamp, &Schedule)| {
        let mut notes: Vec<String> = schedule.note(at).into_iter().collect();
        if schedule.blackout.covers(at, &schedule.zone) {
            notes.push("skipped: blackout".to_owned());
        }
        Coming { at: Moment::of(at, &schedule.zone, now), utc: rfc3339(at), note: notes.join("; ") }
    };
    instants.into_iter().take(most).map(told).collect()
}

/// The report's page.
pub(super) async fn show(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let asker = who.clone();
    let values = site
        .block(move |core| {
            let shelved = seen(core, &asker, &name)?;
            let (stored, now) = (shelved.stored.clone(), core.now());
            let definition = core.definition(stored.version_id);
            let zone =
                definition.as_ref().map_or_else(|_| Zone::utc(), |definition| definition.report.zone.clone());
            let schedules = definition.as_ref().map_or(&[][..], |definition| &definition.schedules);
            let coming = coming(schedules, now, COMING);
            let read = |connection: &rusqlite::Connection| {
                let row = row::row(core, connection, shelved, &asker, now)?;
                let past = overview::occurrences(connection, Some(&name), HISTORY_MAX)?;
                Ok((row, past))
            };
            let (row, past) = core.store.read_blocking("read a report", read)?;
            let past: Vec<Past> = past.iter().map(|told| Past::of(told, &zone, now)).collect();
            Ok(values! {
                title => name, row => row, past => past, coming => coming, toml => stored.text,
                version => stored.number, state => stored.state.name(),
            })
        })
        .await?;
    site.page(Some(&who), "report.html", values)
}

/// The newest whole file: what the CSV icon downloads.
pub(super) async fn file(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    asked: HeaderMap,
) -> Result<Response, Refused> {
    let asker = who.clone();
    let file = site
        .block(move |core| {
            let shelved = seen(core, &asker, &name)?;
            let id = shelved.stored.definition_id;
            let file = core.store.read_blocking("read a file", |c| faces::newest_file(c, id))?;
            file.ok_or_else(|| AskError::NotFound(format!("{name} has no file yet; run it first")))
        })
        .await?;
    download(&site, &who, &file, &asked).await
}

/// Sends a file and notes who got it.
pub(super) async fn download(
    site: &Shared,
    who: &Who,
    file: &KeptFile,
    asked: &HeaderMap,
) -> Result<Response, Refused> {
    let response = site.send(file, asked).await?;
    let detail = format!("run {}, {} bytes, sha256 {}", file.run_id, file.bytes, file.sha256);
    site.note(who, "download", &file.name, Some(detail)).await?;
    Ok(response)
}

/// The definition's text.
pub(super) async fn toml(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let asker = who.clone();
    let asked = name.clone();
    let shelved = site.block(move |core| seen(core, &asker, &asked)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/toml; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.toml\"")),
    ];
    Ok((headers, shelved.stored.text).into_response())
}

/// Asks for a run to the report's destinations.
pub(super) async fn ask_for_run(site: &Shared, who: &Who, name: &str) -> Result<(), Refused> {
    let (asker, asked) = (who.clone(), name.to_owned());
    site.block(move |core| {
        let stored = seen(core, &asker, &asked)?.stored;
        let parsed = core.parse(&stored.name, &stored.text)?;
        let wish = RunWish { period: None, send: SendTo::Destinations };
        ask::run(core, &ask::manual(&stored, &parsed, &wish, core.now())?)
    })
    .await?;
    site.wake.all();
    site.note(who, "run", name, None).await
}

/// The run icon.
pub(super) async fn run(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    ask_for_run(&site, &who, &name).await?;
    Ok(answered(&fields, &name))
}

/// Back to where the button was, at the report's row.
fn answered(fields: &Fields, name: &str) -> Response {
    let here = fields.get("back");
    if here.is_empty() || here.contains('#') {
        return back(fields, &format!("/reports/{name}"));
    }
    back(&fields.with("back", &format!("{here}#{name}")), "/")
}

/// Stops the schedules.
pub(super) async fn pause(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    let (asker, asked) = (who.clone(), name.clone());
    let stored = site.block(move |core| Ok(seen(core, &asker, &asked)?.stored)).await?;
    ask::pause(&Arc::clone(&site.core), &stored).await?;
    site.wake.all();
    site.note(&who, "pause", &name, None).await?;
    Ok(answered(&fields, &name))
}

/// Starts them again.
pub(super) async fn resume(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    let (asker, asked) = (who.clone(), name.clone());
    site.block(move |core| ask::resume(core, &seen(core, &asker, &asked)?.stored)).await?;
    site.wake.all();
    site.note(&who, "resume", &name, None).await?;
    Ok(answered(&fields, &name))
}

/// Retires a report that was made on the page; its history stays.
pub(super) async fn end(site: &Shared, who: &Who, name: &str) -> Result<(), Refused> {
    let (asker, asked) = (who.clone(), name.to_owned());
    site.block(move |core| {
        let stored = seen(core, &asker, &asked)?.stored;
        if let Some(file) = &stored.file {
            let cure = format!("{asked} comes from `{file}`; remove that file, and it retires");
            return Err(AskError::Wrong(cure));
        }
        let (id, now) = (stored.definition_id, core.now());
        let stop =
            move |tx: &rusqlite::Transaction<'_>| definitions::stop(tx, id, DefinitionState::Retired, now);
        Ok(core.store.write_blocking("retire a report", stop)?)
    })
    .await?;
    site.wake.all();
    site.note(who, "delete", name, None).await
}

/// The end of a report, confirmed by its name.
pub(super) async fn delete(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    if fields.get("confirm") != "DELETE" {
        return Err(Refused::wrong(format!("type DELETE to confirm that {name} ends")));
    }
    end(&site, &who, &name).await?;
    Ok(to("/"))
}

/// Marks a report, or takes the mark away.
pub(super) async fn favourite(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    let (asker, asked) = (who.clone(), name.clone());
    let wanted = fields.get("on") == "1";
    site.block(move |core| {
        let (id, name) = (seen(core, &asker, &asked)?.stored.definition_id, asker.name);
        let mark = move |tx: &rusqlite::Transaction<'_>| faces::set_favourite(tx, &name, id, wanted);
        Ok(core.store.write_blocking("mark a report", mark)?)
    })
    .await?;
    Ok(answered(&fields, &name))
}
