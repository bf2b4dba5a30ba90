//! What is due, the vendors, and the reports that can be made.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;

use super::{Answer, OfSite, json_or_default, limit};
use crate::daemon::ask;
use crate::daemon::listing::ListedSource;
use crate::reports::CATALOGUE;
use crate::web::acts::{self, due};
use crate::web::api::shapes::{Coming, Sources, SpanWish, Type, Types, Upcoming};
use crate::web::api::{Caller, answer};
use crate::web::fields::Fields;

pub(in crate::web::api) async fn upcoming(
    State(site): OfSite,
    axum::Extension(who): Caller,
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
    answer(StatusCode::OK, &found.await?)
}

pub(in crate::web::api) async fn sources(State(site): OfSite, axum::Extension(_): Caller) -> Answer {
    let found = site.block(|core| Ok(Sources { sources: ListedSource::all(core)? }));
    answer(StatusCode::OK, &found.await?)
}

pub(in crate::web::api) async fn collect(
    State(site): OfSite,
    axum::Extension(who): Caller,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Answer {
    let wish: SpanWish = json_or_default(request).await?;
    answer(StatusCode::ACCEPTED, &acts::collect(&site, &who, &name, (wish.from, wish.to)).await?)
}

pub(in crate::web::api) async fn collection(
    State(site): OfSite,
    axum::Extension(_): Caller,
    Path(id): Path<i64>,
) -> Answer {
    answer(StatusCode::OK, &site.block(move |core| ask::collect_request(core, id)).await?)
}

pub(in crate::web::api) async fn types(axum::Extension(_): Caller) -> Answer {
    let types = CATALOGUE.iter().map(|report| Type {
        name: report.name,
        about: report.about,
        rows: report.rows,
        filters: report.filters.iter().map(|key| key.name()).collect(),
        columns: report.columns.iter().map(|column| column.header).collect(),
        criteria: report.vendors_own().map(|own| own.criteria).unwrap_or_default(),
    });
    answer(StatusCode::OK, &Types { types: types.collect() })
}
