//! The vendors' own endpoints: the scripts that call them today can call these, with a Legwork token.
//!
//! An immediate call is no run: it makes no definition, no occurrence, no artifact and lights no dot. The audit has a
//! line with its rows and digest.

mod immediate;
mod liveperson;
mod ringcentral;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};

use super::Shared;
use super::access::Who;
use super::guard::{Asker, door};
use super::refused::Refused;
use crate::daemon::ask::AskError;
use crate::domain::access::Role;
use crate::store::offered;

/// What whoever brings a vendor's login is told.
const OWN_TOKEN: &str = "this is Legwork, not the vendor: make a token with `legwork token add NAME --role view`, and send it \
                         as `Authorization: Bearer …` or `X-Auth-Token: …`";

/// Every endpoint, with and without the prefixes that the vendors' clients have.
pub(super) fn routes(site: &Shared) -> Router<Shared> {
    let not_here = |path| (path, any(async || Err::<(), _>(Refused::nobody(OWN_TOKEN))));
    let mut ringcentral = Router::new();
    for prefix in ["", "/voice"] {
        let path = format!("{prefix}/api/v1/admin/accounts/{{account}}/reportsStreaming");
        ringcentral = ringcentral.route(&path, post(ringcentral::reports_streaming));
    }
    // Where the vendor's clients log in.
    let logins: [(&str, MethodRouter<Shared>); 8] = [
        "/restapi/oauth/token",
        "/api/auth/login/rc/accesstoken",
        "/api/auth/login/admin",
        "/api/auth/token/refresh",
        "/api/v1/auth/login",
        "/api/v1/admin/token",
        "/voice/api/v1/admin/token",
        "/v1/auth/login",
    ]
    .map(not_here);
    for (path, route) in logins {
        ringcentral = ringcentral.route(path, route);
    }
    let mut liveperson = Router::new()
        .route("/api/account/{account}/agent-segments", get(liveperson::agent_segments))
        .route("/operations/api/account/{account}/msgagentsegments", get(liveperson::msg_agent_segments));
    let logins: [(&str, MethodRouter<Shared>); 3] = [
        "/api/account/{account}/login",
        "/sentinel/api/account/{account}/app/token",
        "/sentinel/api/v2/account/{account}/app/token",
    ]
    .map(not_here);
    for (path, route) in logins {
        liveperson = liveperson.route(path, route);
    }
    let ringcentral =
        ringcentral.layer(from_fn(door)).layer(from_fn_with_state(site.clone(), ringcentral_shape));
    let liveperson =
        liveperson.layer(from_fn(door)).layer(from_fn_with_state(site.clone(), liveperson_shape));
    ringcentral.merge(liveperson)
}

async fn ringcentral_shape(State(site): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    match response.extensions().get::<Refused>() {
        Some(refused) => ringcentral::error(refused, &path, site.core.now()),
        None => response,
    }
}

async fn liveperson_shape(State(_): State<Shared>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    match response.extensions().get::<Refused>() {
        Some(refused) => liveperson::error(refused),
        None => response,
    }
}

/// Whoever calls an endpoint for an account that the store knows.
async fn caller(site: &Shared, asker: Asker, headers: &HeaderMap, account: &str) -> Result<Who, Refused> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scheme = authorization.and_then(|value| value.trim().split(' ').next());
    if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("oauth")) {
        return Err(Refused::nobody(format!("OAuth 1 is not spoken here: {OWN_TOKEN}")));
    }
    let who = asker.0.ok_or_else(|| Refused::nobody(OWN_TOKEN))?;
    who.needs(Role::View)?;
    let unknown = || Refused::absent(format!("the account {account} is not known here"));
    // An account of somebody else's is told apart from one that is not there by nobody.
    if !who.reads(account) {
        return Err(unknown());
    }
    let asked = account.to_owned();
    let known = site
        .block(move |core| {
            core.store
                .read_blocking("look for an account", |c| offered::has_account(c, &asked))
                .map_err(AskError::from)
        })
        .await?;
    if known { Ok(who) } else { Err(unknown()) }
}
