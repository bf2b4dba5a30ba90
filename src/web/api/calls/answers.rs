//! What is answered about a run.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;

use super::{Answer, OfSite, json, json_or_default};
use crate::daemon::Core;
use crate::daemon::ask;
use crate::store::answers::Which;
use crate::web::acts;
use crate::web::api::shapes::{Done, Only, Reason, Recipient, Rerun};
use crate::web::api::{Caller, answer};

pub(in crate::web::api) async fn rerun(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
) -> Answer {
    let occurrence_id =
        acts::answer(&site, &who, run_id, "rerun", move |core| ask::rerun(core, run_id)).await?;
    answer(StatusCode::ACCEPTED, &Rerun { occurrence_id })
}

pub(in crate::web::api) async fn deliver(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    request: Request<Body>,
) -> Answer {
    let Only { only } = json_or_default(request).await?;
    let which = Which { run_id, only };
    let deliveries =
        acts::answer(&site, &who, run_id, "deliver", move |core| ask::deliver(core, &which)).await?;
    answer(StatusCode::OK, &Done { deliveries })
}

pub(in crate::web::api) async fn release(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    request: Request<Body>,
) -> Answer {
    let Only { only } = json_or_default(request).await?;
    let which = Which { run_id, only };
    let released =
        acts::answer(&site, &who, run_id, "release", move |core| ask::release(core, &which)).await?;
    answer(StatusCode::OK, &Done { deliveries: released.0 + released.1 })
}

pub(in crate::web::api) async fn resend(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    request: Request<Body>,
) -> Answer {
    let Recipient { to, only } = json_or_default(request).await?;
    let which = Which { run_id, only };
    let resend = move |core: &Core| ask::resend(core, &which, to.as_deref());
    let deliveries = acts::answer(&site, &who, run_id, "resend", resend).await?;
    answer(StatusCode::OK, &Done { deliveries })
}

pub(in crate::web::api) async fn discard(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(run_id): Path<i64>,
    request: Request<Body>,
) -> Answer {
    let Reason { reason, only } = json(request).await?;
    let which = Which { run_id, only };
    let discard = move |core: &Core| ask::discard(core, &which, &reason);
    let deliveries = acts::answer(&site, &who, run_id, "discard", discard).await?;
    answer(StatusCode::OK, &Done { deliveries })
}
