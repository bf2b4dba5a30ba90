//! `Idempotency-Key`: a request that is sent again because its answer was lost is done once.

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;

use crate::daemon::ask::AskError;
use crate::store::access::{self, Before};
use crate::web::Shared;
use crate::web::access::digest;
use crate::web::fields;
use crate::web::guard::Asker;
use crate::web::refused::Refused;

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Makes tokens: one is shown once, so its answer is not kept, and a second request makes a second token, or finds the name
/// taken. Imports: a second one finds its records there already, and bodies are larger than what is kept here.
const NOT_KEPT: [&str; 2] = ["/api/v1/tokens", "/api/v1/import"];
/// A longer key is none.
const KEY_MAX: usize = 200;

/// Answers a request that has been answered before from the ledger.
pub(super) async fn idempotent(
    State(site): State<Shared>,
    Extension(asker): Extension<Asker>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let key = request.headers().get("idempotency-key").filter(|_| !request.method().is_safe()).cloned();
    let kept = !NOT_KEPT.contains(&request.uri().path());
    let (Some(key), Some(who), true) = (key, asker.0, kept) else { return next.run(request).await };
    let key = key.to_str().unwrap_or_default().to_owned();
    let shared = site.clone();
    // Whoever hangs up must find the answer under the key afterwards: the work is not the connection's.
    let work = async move { answer(&shared, &who.name, &key, request, next).await };
    match site.work.spawn(work).await {
        Ok(Ok(response)) => response,
        Ok(Err(refused)) => refused.into_response(),
        Err(error) => Refused::broken(error).into_response(),
    }
}

async fn answer(
    site: &Shared,
    who: &str,
    key: &str,
    request: Request<Body>,
    next: Next,
) -> Result<Response, Refused> {
    if key.is_empty() || KEY_MAX < key.len() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refused::wrong(format!("the Idempotency-Key has 1 to {KEY_MAX} visible characters")));
    }
    let (parts, body) = request.into_parts();
    let body = fields::body(body).await?;
    let meant = format!("{} {}\n{}", parts.method, parts.uri, String::from_utf8_lossy(&body));
    let (own, given, mark) = (who.to_owned(), key.to_owned(), digest(&meant));
    let now = site.core.now();
    let begin = move |tx: &rusqlite::Transaction<'_>| {
        access::begin_idempotent(tx, &own, &given, &mark, (now, now - KEPT))
    };
    match site.core.store.write("note a request", begin).await.map_err(AskError::from)? {
        Before::New => {}
        Before::Answered(status, body) => {
            let status = StatusCode::from_u16(status).map_err(Refused::broken)?;
            return Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response());
        }
        Before::UnderWay => {
            return Err(Refused::new(StatusCode::CONFLICT, "the same request is being answered"));
        }
        Before::Another => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Refused::new(status, "another request had this Idempotency-Key; take a new one"));
        }
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(Refused::broken)?;
    let done = parts.status.is_success();
    let (own, given, status) = (who.to_owned(), key.to_owned(), parts.status.as_u16());
    let text = String::from_utf8_lossy(&body).into_owned();
    let end = move |tx: &rusqlite::Transaction<'_>| {
        access::end_idempotent(tx, &own, &given, done.then_some((status, text.as_str())))
    };
    site.core.store.write("keep an answer", end).await.map_err(AskError::from)?;
    Ok(Response::from_parts(parts, Body::from(body)))
}
