//! `/api/v1`: what the page and the daily commands do, for programs.
//!
//! One list of operations makes both the routes and the `OpenAPI` document, so that neither can know what the other does
//! not. Errors are RFC 9457's `application/problem+json`.

mod calls;
mod idempotent;
mod openapi;
mod operations;
mod shapes;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Serialize;
use serde_json::json;

use self::operations::Api;
use super::Shared;
use super::guard::door;
use super::refused::Refused;

/// Under this everything stands.
const ROOT: &str = "/api/v1";

/// Every operation.
pub(super) fn routes(site: &Shared) -> Router<Shared> {
    let Api { router, operations } = operations::all();
    let document = openapi::document(&operations);
    let router = router.route(
        &format!("{ROOT}/openapi.json"),
        get(async move || ([(header::CONTENT_TYPE, "application/json")], document.clone())),
    );
    router
        .route(
            &format!("{ROOT}/{{*rest}}"),
            axum::routing::any(async || Refused::absent("there is no such operation")),
        )
        .layer(from_fn_with_state(site.clone(), idempotent::idempotent))
        .layer(from_fn(door))
        .layer(from_fn_with_state(site.clone(), tell))
}

/// Shows refusals as problems.
async fn tell(State(_): State<Shared>, request: Request<Body>, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    match response.extensions().get::<Refused>() {
        Some(refused) => problem(refused, &path),
        // What axum refuses by itself has no body worth reading.
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let allow = response.headers().get(header::ALLOW).cloned();
            let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "this operation has another method");
            let mut answer = problem(&refused, &path);
            answer.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
            answer
        }
        None if response.status() == StatusCode::BAD_REQUEST
            && response
                .headers()
                .get(header::CONTENT_TYPE)
                .is_some_and(|media| media.as_bytes().starts_with(b"text/plain")) =>
        {
            problem(&Refused::wrong("the path names something that is no number"), &path)
        }
        None => response,
    }
}

fn problem(refused: &Refused, path: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": refused.status.canonical_reason(),
        "status": refused.status.as_u16(),
        "detail": refused.detail,
        "instance": path,
    });
    let mut response = (refused.status, body.to_string()).into_response();
    let media = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    if refused.status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.extensions_mut().insert(refused.clone());
    response
}

/// An answer as JSON, with the tag of its bytes.
fn answer<T: Serialize>(status: StatusCode, value: &T) -> Result<Response, Refused> {
    let body = serde_json::to_string(value).map_err(Refused::broken)?;
    let etag = format!("\"{}\"", super::access::digest(&body));
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::ETAG, etag)];
    Ok((status, headers, body).into_response())
}

type Caller = Extension<super::access::Who>;
