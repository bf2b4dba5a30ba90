//! What each operation does: the same acts and the same words as commands and pages.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rusqlite::Connection;
use serde::de::DeserializeOwned;

use super::shapes::{
    Asked, AuditPage, Checked, Coming, Deliveries, Done, Draft, List, Lists, NewList, NewReport, NewToken,
    Occurrence, Reason, Recipient, Report, ReportPage, ReportWhole, Rerun, RunWish, Runs, ShownToken, Source,
    Sources, Text, Tokens, Type, Types, Upcoming,
};
use super::{Caller, answer};
use crate::daemon::Core;
use crate::daemon::ask::{self, AskError, SendTo};
use crate::daemon::listing::Listed;
use crate::domain::access::Role;
use crate::domain::name::DefinitionName;
use crate::reports::CATALOGUE;
use crate::store::access::{self, ApiToken};
use crate::store::answers::{self, Which};
use crate::store::deliveries;
use crate::store::faces::{self, ListQuery, Shelved};
use crate::store::overview::{self, ToldOccurrence};
use crate::store::sources as kept;
use crate::tomlfile::{Problem, Severity};
use crate::web::Shared;
use crate::web::access::{Who, new_token};
use crate::web::acts::{self, due, seen, seen_run};
use crate::web::fields::{self, Fields};
use crate::web::refused::Refused;

type Answer = Result<Response, Refused>;
type OfSite = State<Shared>;

/// A body as JSON.
async fn json<T: DeserializeOwned>(request: Request<Body>) -> Result<T, Refused> {
    let body = fields::body(request.into_body()).await?;
    serde_json::from_slice(&body).map_err(|error| Refused::wrong(format!("the body: {error}")))
}

/// The same, where no body means the defaults.
async fn json_or_default<T: DeserializeOwned + Default>(request: Request<Body>) -> Result<T, Refused> {
    let body = fields::body(request.into_body()).await?;
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&body).map_err(|error| Refused::wrong(format!("the body: {error}")))
}

fn limit(fields: &Fields, most: u32) -> Result<u32, Refused> {
    let text = fields.get("limit");
    if !fields.has("limit") {
        return Ok(100.min(most));
    }
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Refused::wrong(format!("limit is `{text}`; it may be 1 to {most}")))
}

fn wanted(fields: &Fields, name: &str) -> Option<String> {
    Some(fields.get(name).to_owned()).filter(|text| !text.is_empty())
}

fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

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

pub(super) async fn list(
    State(site): OfSite,
    axum::Extension(who): Caller,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let fields = Fields::of_query(&request);
    let most = limit(&fields, 500)?;
    let query = ListQuery {
        who: who.name.clone(),
        sees_all: who.may(Role::Admin),
        mine: fields.get("view") == "mine",
        favourites: fields.get("view") == "favourites",
        search: fields.get("q").to_owned(),
        after: fields.get("after").to_owned(),
        page: Some((most + 1, 0)),
    };
    let page = site.block(move |core| {
        Ok(core.store.read_blocking("read the list", |connection| {
            let mut shelf = faces::shelf(connection, &query)?;
            let more = usize::try_from(most).is_ok_and(|most| most < shelf.len());
            shelf.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            let next = shelf.last().filter(|_| more).map(|last| last.stored.name.clone());
            let reports = shelf.into_iter().map(|shelved| report(core, connection, shelved));
            Ok(ReportPage { reports: reports.collect::<Result<_, _>>()?, next })
        })?)
    });
    answer(&asked, StatusCode::OK, &page.await?)
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

fn coming(name: &str, schedules: &[crate::domain::schedule::Schedule], core: &Core) -> Vec<Coming> {
    acts::coming(schedules, core.now(), acts::COMING)
        .into_iter()
        .map(|(at, schedule, note)| Coming {
            name: name.to_owned(),
            at,
            time_zone: schedule.zone.name().to_owned(),
            note,
        })
        .collect()
}

pub(super) async fn show(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    asked: HeaderMap,
) -> Answer {
    answer(&asked, StatusCode::OK, &site.block(move |core| whole(core, &who, &name)).await?)
}

pub(super) async fn toml(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    asked: HeaderMap,
) -> Answer {
    let shelved = site.block(move |core| seen(core, &who, &name)).await?;
    answer(&asked, StatusCode::OK, &Text { name: shelved.stored.name, toml: shelved.stored.text })
}

/// The problems of a text, and the definition where it is one. Blocks.
fn read(
    core: &Core,
    name: &str,
    toml: &str,
) -> (Vec<Problem>, Option<crate::domain::definition::Definition>) {
    let mut parsed = crate::jobfile::parse("toml", name, toml, &core.referable());
    if parsed.name.as_ref().is_some_and(|own| own.as_str() != name) {
        let help = "remove `name` from the text, or send that name";
        parsed.problems.push(Problem::of_file("toml", "the text names another report", help));
        parsed.definition = None;
    }
    (parsed.problems, parsed.definition)
}

pub(super) async fn check(
    State(site): OfSite,
    axum::Extension(_): Caller,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let new: NewReport = json(request).await?;
    let checked = site.block(move |core| {
        let (problems, definition) = read(core, &new.name, &new.toml);
        let schedules = definition.as_ref().map_or(&[][..], |definition| &definition.schedules);
        let coming = coming(&new.name, schedules, core);
        let problems = problems.iter().map(Problem::one_line).collect();
        Ok(Checked { problems, good: definition.is_some(), coming })
    });
    answer(&asked, StatusCode::OK, &checked.await?)
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
    let problems = site.block(move |core| Ok(read(core, &asked, &text).0)).await?;
    let errors: Vec<String> =
        problems.iter().filter(|p| p.severity == Severity::Error).map(Problem::one_line).collect();
    if !errors.is_empty() {
        return Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, errors.join("\n")));
    }
    let draft = ask::Draft { name: name.to_owned(), text: toml, who: who.name.clone(), private, new };
    match acts::put(site, who, draft).await {
        Err(AskError::Wrong(clash)) => Err(Refused::new(StatusCode::CONFLICT, clash)),
        other => Ok(other?),
    }
}

pub(super) async fn create(
    State(site): OfSite,
    axum::Extension(who): Caller,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let new: NewReport = json(request).await?;
    put(&site, &who, &new.name, (new.toml, Some(new.private)), true).await?;
    let made = site.block(move |core| whole(core, &who, &new.name)).await?;
    answer(&asked, StatusCode::CREATED, &made)
}

pub(super) async fn change(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let draft: Draft = json(request).await?;
    let (asker, known) = (who.clone(), name.clone());
    site.block(move |core| seen(core, &asker, &known).map(drop)).await?;
    put(&site, &who, &name, (draft.toml, draft.private), false).await?;
    answer(&asked, StatusCode::OK, &site.block(move |core| whole(core, &who, &name)).await?)
}

pub(super) async fn delete(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    acts::end(&site, &who, &name).await?;
    Ok(nothing())
}

pub(super) async fn run(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    asked: HeaderMap,
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
    answer(&asked, StatusCode::ACCEPTED, &done)
}

pub(super) async fn pause(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    acts::pause(&site, &who, &name).await?;
    Ok(nothing())
}

pub(super) async fn resume(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    acts::resume(&site, &who, &name).await?;
    Ok(nothing())
}

pub(super) async fn newest_file(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    asked: HeaderMap,
) -> Answer {
    acts::newest_file(&site, &who, &name, &asked).await
}

pub(super) async fn run_file(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    asked: HeaderMap,
) -> Answer {
    acts::run_file(&site, &who, run_id, &asked).await
}

pub(super) async fn runs(
    State(site): OfSite,
    axum::Extension(who): Caller,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let fields = Fields::of_query(&request);
    let (most, name) = (limit(&fields, 500)?, wanted(&fields, "name"));
    let runs = site.block(move |core| {
        if let Some(name) = &name {
            seen(core, &who, name)?;
        }
        let mut runs =
            core.store.read_blocking("read the runs", |c| overview::occurrences(c, name.as_deref(), most))?;
        runs.retain(|run| seen(core, &who, &run.name).is_ok());
        Ok(Runs { runs })
    });
    answer(&asked, StatusCode::OK, &runs.await?)
}

/// An occurrence with its deliveries. Blocks.
fn told(core: &Core, occurrence: ToldOccurrence) -> Result<Occurrence, AskError> {
    let run_id = occurrence.run.as_ref().map(|run| run.run_id);
    let deliveries = core.store.read_blocking("read the deliveries", |connection| {
        run_id.map_or(Ok(Vec::new()), |run_id| deliveries::of_run(connection, run_id))
    })?;
    Ok(Occurrence { occurrence, deliveries })
}

pub(super) async fn run_of(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    asked: HeaderMap,
) -> Answer {
    let found = site.block(move |core| told(core, seen_run(core, &who, run_id)?));
    answer(&asked, StatusCode::OK, &found.await?)
}

pub(super) async fn occurrence(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(occurrence_id): Path<i64>,
    asked: HeaderMap,
) -> Answer {
    let found = site.block(move |core| {
        let absent = || AskError::NotFound(format!("there is no occurrence {occurrence_id}"));
        let found =
            core.store.read_blocking("read an occurrence", |c| overview::occurrence(c, occurrence_id))?;
        let found = found.ok_or_else(absent)?;
        seen(core, &who, &found.name).map_err(|_| absent())?;
        told(core, found)
    });
    answer(&asked, StatusCode::OK, &found.await?)
}

pub(super) async fn deliveries(
    State(site): OfSite,
    axum::Extension(who): Caller,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let fields = Fields::of_query(&request);
    let (most, name, state) = (limit(&fields, 500)?, wanted(&fields, "name"), wanted(&fields, "state"));
    let found = site.block(move |core| {
        let mut deliveries = core.store.read_blocking("read the deliveries", |connection| {
            answers::list(connection, name.as_deref(), state.as_deref(), most)
        })?;
        deliveries.retain(|one| one.name.as_ref().is_none_or(|name| seen(core, &who, name).is_ok()));
        Ok(Deliveries { deliveries })
    });
    answer(&asked, StatusCode::OK, &found.await?)
}

pub(super) async fn upcoming(
    State(site): OfSite,
    axum::Extension(who): Caller,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let most = usize::try_from(limit(&Fields::of_query(&request), 2_000)?).unwrap_or(usize::MAX);
    let found = site.block(move |core| {
        let each = due(core, &who)?.into_iter().take(most).map(|due| Coming {
            name: due.name,
            at: due.at,
            time_zone: due.zone.name().to_owned(),
            note: due.note,
        });
        Ok(Upcoming { upcoming: each.collect() })
    });
    answer(&asked, StatusCode::OK, &found.await?)
}

pub(super) async fn sources(State(site): OfSite, axum::Extension(_): Caller, asked: HeaderMap) -> Answer {
    let found = site.block(|core| {
        let noted = core.store.read_blocking("read the sources", kept::collections)?;
        let now = core.now();
        let each = core.sources.all().map(|source| Source {
            name: source.name.clone(),
            kind: source.config.kind().name(),
            account: source.config.account().map(ToOwned::to_owned),
            feeds: noted.iter().filter(|feed| feed.source == source.name).cloned().collect(),
            left: source.left(now).iter().map(|(rate, left)| format!("{left} of {rate}")).collect(),
        });
        Ok(Sources { sources: each.collect() })
    });
    answer(&asked, StatusCode::OK, &found.await?)
}

pub(super) async fn types(axum::Extension(_): Caller, asked: HeaderMap) -> Answer {
    let types = CATALOGUE.iter().map(|report| Type {
        name: report.name,
        about: report.about,
        rows: report.rows,
        filters: report.filters.iter().map(|key| key.name()).collect(),
        columns: report.columns.iter().map(|column| column.header).collect(),
    });
    answer(&asked, StatusCode::OK, &Types { types: types.collect() })
}

fn all_lists(site: &Shared) -> Lists {
    let own = &site.core.config.lists;
    let lists = site.core.lists();
    let each = lists.iter().map(|(name, addresses)| List {
        name: name.clone(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        of_config: own.contains_key(name),
    });
    Lists { lists: each.collect() }
}

pub(super) async fn lists(State(site): OfSite, axum::Extension(_): Caller, asked: HeaderMap) -> Answer {
    answer(&asked, StatusCode::OK, &all_lists(&site))
}

pub(super) async fn put_list(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let new: NewList = json(request).await?;
    if new.addresses.is_empty() {
        return Err(Refused::wrong("a list has at least one address; DELETE removes it"));
    }
    acts::set_list(&site, &who, &name, &new.addresses).await?;
    answer(&asked, StatusCode::OK, &all_lists(&site))
}

pub(super) async fn delete_list(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    if !site.core.lists().contains_key(&name) {
        return Err(Refused::absent(format!("there is no mailing list `{name}`")));
    }
    acts::set_list(&site, &who, &name, &[]).await?;
    Ok(nothing())
}

pub(super) async fn tokens(State(site): OfSite, axum::Extension(_): Caller, asked: HeaderMap) -> Answer {
    let read = |core: &Core| Ok(core.store.read_blocking("read the tokens", access::tokens)?);
    answer(&asked, StatusCode::OK, &Tokens { tokens: site.block(read).await? })
}

pub(super) async fn make_token(
    State(site): OfSite,
    axum::Extension(who): Caller,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let new: NewToken = json(request).await?;
    if new.name.trim().is_empty() || 100 < new.name.len() {
        return Err(Refused::wrong("give the token a name of at most 100 bytes"));
    }
    let token = ApiToken {
        name: new.name.clone(),
        role: new.role,
        accounts: new.accounts,
        created_by: who.name.clone(),
        created_at: site.core.now(),
        seen_at: None,
    };
    let (value, digest) = new_token().map_err(Refused::broken)?;
    let add = move |tx: &rusqlite::Transaction<'_>| access::add_token(tx, &token, &digest);
    if !site.core.store.write("keep a token", add).await.map_err(AskError::from)? {
        let taken = format!("there is a token `{}` already", new.name);
        return Err(Refused::new(StatusCode::CONFLICT, taken));
    }
    site.note(&who, "make token", &new.name, Some(format!("role {}", new.role))).await;
    answer(&asked, StatusCode::CREATED, &ShownToken { name: new.name, token: value })
}

pub(super) async fn audit(
    State(site): OfSite,
    axum::Extension(_): Caller,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let most = limit(&Fields::of_query(&request), 500)?;
    let read =
        move |core: &Core| Ok(core.store.read_blocking("read the audit", |c| access::audit(c, most))?);
    answer(&asked, StatusCode::OK, &AuditPage { audit: site.block(read).await? })
}

pub(super) async fn rerun(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    asked: HeaderMap,
) -> Answer {
    let occurrence_id =
        acts::answer(&site, &who, run_id, "rerun", move |core| ask::rerun(core, run_id)).await?;
    answer(&asked, StatusCode::ACCEPTED, &Rerun { occurrence_id })
}

pub(super) async fn deliver(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    asked: HeaderMap,
) -> Answer {
    let which = Which { run_id, only: None };
    let deliveries =
        acts::answer(&site, &who, run_id, "deliver", move |core| ask::deliver(core, &which)).await?;
    answer(&asked, StatusCode::OK, &Done { deliveries })
}

pub(super) async fn release(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    asked: HeaderMap,
) -> Answer {
    let which = Which { run_id, only: None };
    let released =
        acts::answer(&site, &who, run_id, "release", move |core| ask::release(core, &which)).await?;
    answer(&asked, StatusCode::OK, &Done { deliveries: released.0 + released.1 })
}

pub(super) async fn resend(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let Recipient { to, only } = json_or_default(request).await?;
    let which = Which { run_id, only };
    let resend = move |core: &Core| ask::resend(core, &which, to.as_deref());
    let deliveries = acts::answer(&site, &who, run_id, "resend", resend).await?;
    answer(&asked, StatusCode::OK, &Done { deliveries })
}

pub(super) async fn discard(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    asked: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let Reason { reason, only } = json(request).await?;
    let which = Which { run_id, only };
    let discard = move |core: &Core| ask::discard(core, &which, &reason);
    let deliveries = acts::answer(&site, &who, run_id, "discard", discard).await?;
    answer(&asked, StatusCode::OK, &Done { deliveries })
}
