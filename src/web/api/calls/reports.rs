//! Reports: what there is, new ones, and what is done with one.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use rusqlite::Connection;

use super::{Answer, OfSite, coming, json, json_or_default, limit, nothing};
use crate::daemon::Core;
use crate::daemon::ask::{self, AskError, SendTo};
use crate::daemon::listing::Listed;
use crate::domain::name::DefinitionName;
use crate::store::shelf::{self, ListQuery, Shelved};
use crate::tomlfile::{Problem, Severity};
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::acts::{self, seen};
use crate::web::api::shapes::{
    Asked, BackfillWish, Checked, Draft, NewReport, Report, ReportPage, ReportWhole, RunWish, Text,
};
use crate::web::api::{Caller, answer};
use crate::web::fields::Fields;
use crate::web::refused::Refused;

/// A report as listed. Blocks.
fn report(core: &Core, connection: &Connection, shelved: Shelved) -> rusqlite::Result<Report> {
    let definition = core.definition(shelved.stored.version_id).ok();
    let listed = Listed::look(connection, shelved.stored, core.now())?;
    Ok(Report {
        name: listed.stored.name,
        state: listed.stored.state.name(),
        generated_in_last_24_h: listed.recent,
        generated_at: listed.newest.generated_at,
        verdict: listed.verdict,
        rows: listed.newest.rows,
        next_at: listed.newest.next_at,
        time_zone: definition.as_ref().map(|definition| definition.report.zone.name().to_owned()),
        kind: definition.as_ref().map(|definition| definition.report.kind.name),
        period: definition.as_ref().map(|definition| definition.report.period.to_string()),
        file: listed.stored.file,
        made_by: shelved.made_by,
        private: shelved.private,
    })
}

pub(in crate::web::api) async fn list(
    State(site): OfSite,
    axum::Extension(who): Caller,
    request: Request<Body>,
) -> Answer {
    let fields = Fields::of_query(&request);
    let most = limit(&fields, 500)?;
    let query = ListQuery {
        mine: fields.get("view") == "mine",
        favourites: fields.get("view") == "favourites",
        search: fields.get("q").to_owned(),
        after: fields.get("after").to_owned(),
        page: Some((most + 1, 0)),
    };
    let page = site.block(move |core| {
        Ok(core.store.read_blocking("read the list", |connection| {
            let mut shelf = shelf::reports(connection, who.eyes(), &query)?;
            let more = usize::try_from(most).is_ok_and(|most| most < shelf.len());
            shelf.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            let next = shelf.last().filter(|_| more).map(|last| last.stored.name.clone());
            let reports = shelf.into_iter().map(|shelved| report(core, connection, shelved));
            Ok(ReportPage { reports: reports.collect::<Result<_, _>>()?, next })
        })?)
    });
    answer(StatusCode::OK, &page.await?)
}

/// A report with its text. Blocks.
fn whole(core: &Core, who: &Who, name: &str) -> Result<ReportWhole, AskError> {
    let shelved = seen(core, who, name)?;
    let (version, toml) = (shelved.stored.number, shelved.stored.text.clone());
    let definition = core.definition(shelved.stored.version_id).ok();
    let coming = definition.map(|definition| coming(name, &definition.schedules, core)).unwrap_or_default();
    let report = core.store.read_blocking("read a report", |c| report(core, c, shelved))?;
    Ok(ReportWhole { report, version, toml, coming })
}

pub(in crate::web::api) async fn show(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    answer(StatusCode::OK, &site.block(move |core| whole(core, &who, &name)).await?)
}

pub(in crate::web::api) async fn toml(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    let shelved = site.block(move |core| seen(core, &who, &name)).await?;
    answer(StatusCode::OK, &Text { name: shelved.stored.name, toml: shelved.stored.text })
}

pub(in crate::web::api) async fn check(
    State(site): OfSite,
    axum::Extension(_): Caller,
    request: Request<Body>,
) -> Answer {
    let new: NewReport = json(request).await?;
    let checked = site.block(move |core| {
        let (problems, definition) = acts::read_text(core, &new.name, &new.toml)?;
        let schedules = definition.as_ref().map_or(&[][..], |definition| &definition.schedules);
        let coming = coming(&new.name, schedules, core);
        let problems = problems.iter().map(Problem::one_line).collect();
        Ok(Checked { problems, good: definition.is_some(), coming })
    });
    answer(StatusCode::OK, &checked.await?)
}

async fn put(
    site: &Shared,
    who: &Who,
    name: &str,
    (toml, private): (String, Option<bool>),
    new: bool,
) -> Result<(), Refused> {
    let parsed: Result<DefinitionName, _> = name.parse();
    parsed.map_err(|error| Refused::wrong(error.to_string()))?;
    let (asked, text) = (name.to_owned(), toml.clone());
    let problems = site.block(move |core| Ok(acts::read_text(core, &asked, &text)?.0)).await?;
    let errors: Vec<String> =
        problems.iter().filter(|p| p.severity == Severity::Error).map(Problem::one_line).collect();
    if !errors.is_empty() {
        return Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, errors.join("\n")));
    }
    let draft = ask::Draft { name: name.to_owned(), text: toml, who: who.name.clone(), private, new };
    Ok(acts::put(site, who, draft).await?)
}

pub(in crate::web::api) async fn create(
    State(site): OfSite,
    axum::Extension(who): Caller,
    request: Request<Body>,
) -> Answer {
    let new: NewReport = json(request).await?;
    put(&site, &who, &new.name, (new.toml, Some(new.private)), true).await?;
    let made = site.block(move |core| whole(core, &who, &new.name)).await?;
    answer(StatusCode::CREATED, &made)
}

pub(in crate::web::api) async fn change(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Answer {
    let draft: Draft = json(request).await?;
    let (asker, known) = (who.clone(), name.clone());
    site.block(move |core| seen(core, &asker, &known).map(drop)).await?;
    put(&site, &who, &name, (draft.toml, draft.private), false).await?;
    answer(StatusCode::OK, &site.block(move |core| whole(core, &who, &name)).await?)
}

pub(in crate::web::api) async fn delete(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    acts::end(&site, &who, &name).await?;
    Ok(nothing())
}

pub(in crate::web::api) async fn run(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Answer {
    let wish: RunWish = json_or_default(request).await?;
    let send = match wish.to {
        Some(_) if wish.no_send => return Err(Refused::wrong("to and no_send exclude each other")),
        Some(to) => SendTo::Address(to),
        None if wish.no_send => SendTo::Nobody,
        None => SendTo::Destinations,
    };
    let done = acts::run(&site, &who, &name, ask::RunWish { period: wish.period, send }).await?;
    let done = Asked { occurrence_id: done.occurrence_id, waits_already: done.waits_already };
    answer(StatusCode::ACCEPTED, &done)
}

pub(in crate::web::api) async fn pause(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    acts::pause(&site, &who, &name).await?;
    Ok(nothing())
}

pub(in crate::web::api) async fn resume(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    acts::resume(&site, &who, &name).await?;
    Ok(nothing())
}

pub(in crate::web::api) async fn favour(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    acts::favour(&site, &who, &name, true).await?;
    Ok(nothing())
}

pub(in crate::web::api) async fn unfavour(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    acts::favour(&site, &who, &name, false).await?;
    Ok(nothing())
}

pub(in crate::web::api) async fn backfill(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Answer {
    let wish: BackfillWish = json(request).await?;
    answer(
        StatusCode::ACCEPTED,
        &acts::backfill(&site, &who, &name, ((wish.from, wish.to), wish.send)).await?,
    )
}
