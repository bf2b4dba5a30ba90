//! What each operation does: the same acts and the same words as commands and pages.

pub(super) mod answers;
pub(super) mod history;
pub(super) mod host;
pub(super) mod import;
pub(super) mod people;
pub(super) mod reports;
pub(super) mod surroundings;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::shapes::Coming;
use crate::daemon::Core;
use crate::domain::coming;
use crate::domain::schedule::Schedule;
use crate::web::Shared;
use crate::web::acts;
use crate::web::fields::{self, Fields};
use crate::web::refused::Refused;

type Answer = Result<Response, Refused>;
type OfSite = State<Shared>;

/// A body as JSON.
async fn json<T: DeserializeOwned>(request: Request<Body>) -> Result<T, Refused> {
    read(&fields::body(request.into_body()).await?)
}

/// The same, where no body means the defaults.
async fn json_or_default<T: DeserializeOwned + Default>(request: Request<Body>) -> Result<T, Refused> {
    let body = fields::body(request.into_body()).await?;
    if body.is_empty() { Ok(T::default()) } else { read(&body) }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::wrong(format!("the body: {error}")))
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

fn coming(name: &str, schedules: &[Schedule], core: &Core) -> Vec<Coming> {
    let told = |each: coming::Coming<'_>| Coming {
        name: name.to_owned(),
        at: each.at,
        time_zone: each.schedule.zone.name().to_owned(),
        note: each.note,
    };
    coming::coming(schedules, core.now(), acts::COMING).into_iter().map(told).collect()
}
