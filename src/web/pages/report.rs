//! One report: what it is, its history with every kept file, and what can be done with it.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::row::{self, Moment};
use super::{back, to};
use crate::daemon::ask::{RunWish, SendTo};
use crate::domain::coming;
use crate::domain::schedule::Schedule;
use crate::domain::text::rfc3339;
use crate::domain::zone::Zone;
use crate::store::definitions::DefinitionState;
use crate::store::overview::{self, ToldOccurrence};
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::acts::{self, COMING, seen};
use crate::web::fields::Fields;
use crate::web::refused::Refused;
use crate::web::view::values;

/// Runs of the history: all that are kept, within reason.
const HISTORY_MAX: u32 = 200;

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

/// The next instants of schedules, as shown. Pure.
pub(super) fn coming(schedules: &[Schedule], now: jiff::Timestamp) -> Vec<Coming> {
    let told = |each: coming::Coming<'_>| Coming {
        at: Moment::of(each.at, &each.schedule.zone, now),
        utc: rfc3339(each.at),
        note: each.note,
    };
    coming::coming(schedules, now, COMING).into_iter().map(told).collect()
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
            let paused = stored.state != DefinitionState::Active;
            let coming = if paused { Vec::new() } else { coming(schedules, now) };
            let read = |connection: &rusqlite::Connection| {
                let row = row::row(core, connection, shelved, &asker, now)?;
                let past = overview::occurrences(connection, asker.eyes(), Some(&name), HISTORY_MAX)?;
                Ok((row, past))
            };
            let (row, past) = core.store.read_blocking("read a report", read)?;
            let past: Vec<Past> = past.iter().map(|told| Past::of(told, &zone, now)).collect();
            Ok(values! {
                title => name, row => row, past => past, coming => coming, toml => stored.text,
                number => stored.number, state => stored.state.name(),
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
    acts::newest_file(&site, &who, &name, &asked).await
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

/// What the run icon asks for.
pub(super) fn to_destinations() -> RunWish {
    RunWish { period: None, send: SendTo::Destinations }
}

/// The run icon.
pub(super) async fn run(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    acts::run(&site, &who, &name, to_destinations()).await?;
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
    acts::pause(&site, &who, &name).await?;
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
    acts::resume(&site, &who, &name).await?;
    Ok(answered(&fields, &name))
}

/// The end of a report, confirmed by a typed word.
pub(super) async fn delete(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    if !fields.get("confirm").eq_ignore_ascii_case("DELETE") {
        return Err(Refused::wrong(format!("type DELETE to confirm that {name} ends")));
    }
    acts::end(&site, &who, &name).await?;
    Ok(to("/"))
}

/// Marks a report, or takes the mark away.
pub(super) async fn favourite(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let wanted = Fields::of_query(&request).get("on") == "1";
    let fields = site.own_form(&who, request).await?;
    acts::favour(&site, &who, &name, wanted).await?;
    Ok(answered(&fields, &name))
}
