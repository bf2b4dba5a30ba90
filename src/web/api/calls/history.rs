//! What was due, what was made of it, and what went out.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};

use super::{Answer, OfSite, limit, wanted};
use crate::daemon::Core;
use crate::daemon::ask::AskError;
use crate::store::answers;
use crate::store::deliveries;
use crate::store::overview::{self, ToldOccurrence};
use crate::web::acts::{self, seen, seen_run};
use crate::web::api::shapes::{Deliveries, Occurrence, Runs};
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

/// An occurrence with its deliveries. Blocks.
fn told(core: &Core, occurrence: ToldOccurrence) -> Result<Occurrence, AskError> {
    let run_id = occurrence.run.as_ref().map(|run| run.run_id);
    let deliveries = core.store.read_blocking("read the deliveries", |connection| {
        run_id.map_or(Ok(Vec::new()), |run_id| deliveries::of_run(connection, run_id))
    })?;
    Ok(Occurrence { occurrence, deliveries })
}

pub(in crate::web::api) async fn run_of(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
) -> Answer {
    let found = site.block(move |core| told(core, seen_run(core, &who, run_id)?));
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
        seen(core, &who, &found.name).map_err(|error| error.or_absent(absent()))?;
        told(core, found)
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
