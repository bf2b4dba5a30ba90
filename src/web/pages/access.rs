//! Logging in and out; users, tokens and the audit.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::to;
use crate::daemon::ask::AskError;
use crate::domain::access::Role;
use crate::store::access;
use crate::web::Shared;
use crate::web::access::{By, COOKIE, Who};
use crate::web::fields::{self, Fields};
use crate::web::guard::Asker;
use crate::web::people;
use crate::web::refused::Refused;
use crate::web::serve::Peer;
use crate::web::view::values;

/// Lines of the audit on the page.
const AUDIT_MAX: u32 = 300;

/// The login.
pub(super) async fn login(
    State(site): State<Shared>,
    Extension(Asker(who)): Extension<Asker>,
    request: Request,
) -> Result<Response, Refused> {
    let fields = Fields::of_query(&request);
    if who.is_some() {
        return Ok(super::back(&fields.with("back", fields.get("to")), "/"));
    }
    let values = values! { title => "Log in", to => fields.get("to"), name => "", wrong => "" };
    site.page(None, "login.html", values)
}

/// Logs in.
pub(super) async fn enter(
    State(site): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = fields::form(request).await?;
    let value = match site.log_in(fields.get("name"), fields.get("password"), peer).await {
        Ok(value) => value,
        Err(refused) if refused.status == StatusCode::UNAUTHORIZED => {
            let values = values! {
                title => "Log in", to => fields.get("to"), name => fields.get("name"), wrong => refused.detail,
            };
            return Ok((refused.status, site.page(None, "login.html", values)?).into_response());
        }
        Err(refused) => return Err(refused),
    };
    let mut response = super::back(&fields.with("back", fields.get("to")), "/");
    cookie(&site, &mut response, &value, "")?;
    Ok(response)
}

/// Sets the session's cookie. Lax: a link in a mail must find its reader logged in, and nothing changes by GET.
fn cookie(site: &Shared, response: &mut Response, value: &str, more: &str) -> Result<(), Refused> {
    let public = site.core.config.web.public_url.as_deref().unwrap_or_default();
    let secure = if public.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
    let cookie = HeaderValue::from_str(&cookie).map_err(Refused::broken)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(())
}

/// Logs out.
pub(super) async fn leave(
    State(site): State<Shared>,
    Extension(Asker(who)): Extension<Asker>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let who = who.ok_or_else(|| Refused::nobody("nobody is logged in"))?;
    site.own_form(&who, request).await?;
    if let By::Session(digest) = who.by {
        let close = move |tx: &rusqlite::Transaction<'_>| access::close_session(tx, &digest);
        site.core.store.write("end a session", close).await.map_err(AskError::from)?;
    }
    let mut response = to("/login");
    cookie(&site, &mut response, "", "; Max-Age=0")?;
    Ok(response)
}

#[derive(serde::Serialize)]
struct Person {
    name: String,
    role: Role,
}

/// A token that was just made.
#[derive(serde::Serialize)]
struct Shown {
    name: String,
    token: String,
}

async fn page(
    site: &Shared,
    who: &Who,
    shown: Option<Shown>,
    wrong: Option<String>,
) -> Result<Response, Refused> {
    let (users, tokens, audit) = site
        .block(|core| {
            Ok(core.store.read_blocking("read who may what", |connection| {
                Ok((
                    access::users(connection)?,
                    access::tokens(connection)?,
                    access::audit(connection, AUDIT_MAX)?,
                ))
            })?)
        })
        .await?;
    let users: Vec<Person> =
        users.into_iter().map(|user| Person { name: user.name, role: user.role }).collect();
    let values = values! { title => "Access", users, tokens, audit, shown, wrong };
    site.page(Some(who), "access.html", values)
}

/// The page.
pub(super) async fn show(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refused> {
    page(&site, &who, None, None).await
}

/// Makes or removes a token.
pub(super) async fn change(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    let name = fields.get("name").to_owned();
    if fields.get("do") == "remove-token" {
        return match people::remove_token(&site, &who, &name).await {
            // Gone is what was wanted.
            Err(refused) if refused.status != StatusCode::NOT_FOUND => Err(refused),
            _ => Ok(to("/access")),
        };
    }
    let role: Role = fields.get("role").parse().map_err(Refused::wrong)?;
    let words = fields.get("accounts").split([',', ' ']).filter(|one| !one.is_empty());
    // A field that is left empty means all of them.
    let accounts: Vec<String> = words.map(ToOwned::to_owned).collect();
    let accounts = Some(accounts).filter(|accounts| !accounts.is_empty());
    let token = match people::make_token(&site, &who, &name, role, accounts).await {
        Ok(token) => token,
        Err(refused) if refused.status.is_client_error() => {
            return page(&site, &who, None, Some(refused.detail)).await;
        }
        Err(refused) => return Err(refused),
    };
    page(&site, &who, Some(Shown { name, token }), None).await
}
