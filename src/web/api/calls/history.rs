//! What was due, what was made of it, and what went out.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};

use super::{Answer, OfSite, limit, wanted};
use crate::daemon::ask::AskError;
use crate::daemon::{Core, advice};
use crate::store::answers;
use crate::store::definitions::DefinitionState;
use crate::store::deliveries;
use crate::store::overview::{self, ToldOccurrence};
use crate::web::acts::{self, seen, seen_run};
use crate::web::api::shapes::{Deliveries, Occurrence, Runs, Why};
use crate::web::api::{Caller, answer};
use crate::web::fields::Fields;

pub(in crate::web::api) async fn newest_file(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    asked: HeaderMap,
) -> Answer {
    acts::newest_file(&site, &who, &name, &asked).await
}

pub(in crate::web::api) async fn run_file(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    asked: HeaderMap,
) -> Answer {
    acts::run_file(&site, &who, run_id, &asked).await
}

pub(in crate::web::api) async fn runs(
    State(site): OfSite,
    axum::Extension(who): Caller,
    request: Request<Body>,
) -> Answer {
    let fields = Fields::of_query(&request);
    let (most, name) = (limit(&fields, 500)?, wanted(&fields, "name"));
    let runs = site.block(move |core| {
        if let Some(name) = &name {
            seen(core, &who, name)?;
        }
        let runs = core.store.read_blocking("read the runs", |c| {
            overview::occurrences(c, who.eyes(), name.as_deref(), most)
        })?;
        Ok(Runs { runs })
    });
    answer(StatusCode::OK, &runs.await?)
}

/// An occurrence with its deliveries, of a report in a state. Blocks.
fn told(core: &Core, occurrence: ToldOccurrence, state: DefinitionState) -> Result<Occurrence, AskError> {
    let run_id = occurrence.run.as_ref().map(|run| run.run_id);
    let deliveries = core.store.read_blocking("read the deliveries", |connection| {
        run_id.map_or(Ok(Vec::new()), |run_id| deliveries::of_run(connection, run_id))
    })?;
    let next = advice::what_next(&occurrence, &deliveries, state);
    Ok(Occurrence { occurrence, deliveries, next })
}

pub(in crate::web::api) async fn run_of(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
) -> Answer {
    let found = site.block(move |core| {
        let (found, state) = seen_run(core, &who, run_id)?;
        told(core, found, state)
    });
    answer(StatusCode::OK, &found.await?)
}

pub(in crate::web::api) async fn occurrence(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(occurrence_id): Path<i64>,
) -> Answer {
    let found = site.block(move |core| {
        let absent = || AskError::NotFound(format!("there is no occurrence {occurrence_id}"));
        let found =
            core.store.read_blocking("read an occurrence", |c| overview::occurrence(c, occurrence_id))?;
        let found = found.ok_or_else(absent)?;
        let shelved = seen(core, &who, &found.name).map_err(|error| error.or_absent(absent()))?;
        told(core, found, shelved.stored.state)
    });
    answer(StatusCode::OK, &found.await?)
}

pub(in crate::web::api) async fn why(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
) -> Answer {
    let found = site.block(move |core| {
        let stored = seen(core, &who, &name)?.stored;
        let last = core
            .store
            .read_blocking("read the last occurrence", |c| overview::last(c, stored.definition_id))?;
        let Some(last) = last else {
            let newest = core
                .store
                .read_blocking("read the next instant", |c| overview::newest(c, stored.definition_id))?;
            let next = advice::never_due(&name, stored.state, newest.next_at);
            return Ok(Why { occurrence: None, deliveries: Vec::new(), next });
        };
        let Occurrence { occurrence, deliveries, next } = told(core, last, stored.state)?;
        Ok(Why { occurrence: Some(occurrence), deliveries, next })
    });
    answer(StatusCode::OK, &found.await?)
}

pub(in crate::web::api) async fn deliveries(
    State(site): OfSite,
    axum::Extension(who): Caller,
    request: Request<Body>,
) -> Answer {
    let fields = Fields::of_query(&request);
    let (most, name, state) = (limit(&fields, 500)?, wanted(&fields, "name"), wanted(&fields, "state"));
    let found = site.block(move |core| {
        let deliveries = core.store.read_blocking("read the deliveries", |connection| {
            answers::list(connection, who.eyes(), name.as_deref(), state.as_deref(), most)
        })?;
        Ok(Deliveries { deliveries })
    });
    answer(StatusCode::OK, &found.await?)
}
