//! Pages for people. Each works without script; a small one shows progress as it happens.

mod access;
mod assets;
mod deliveries;
mod form;
mod lists;
mod report;
mod reports;
mod row;
mod run;
mod sources;
mod upcoming;
mod written;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};

use super::access::Who;
use super::fields::{self, Fields};
use super::guard::{Asker, door};
use super::refused::Refused;
use super::view::FORM;
use super::{Shared, Site};
use crate::domain::access::Role;

pub(super) use reports::events;

/// Every page, and the role that it needs.
pub(super) fn routes(site: &Shared) -> Router<Shared> {
    let (view, run, edit, admin) = (Role::View, Role::Run, Role::Edit, Role::Admin);
    let pages = Router::new()
        .route("/", needs(view, get(reports::list)))
        .route("/reports", needs(run, post(reports::bulk)))
        .route("/events", needs(view, get(events)))
        .route("/new", needs(edit, get(form::new).post(form::create)))
        .route("/new/check", needs(edit, post(form::check)))
        .route("/reports/{name}", needs(view, get(report::show)))
        .route("/reports/{name}/row", needs(view, get(reports::row)))
        .route("/reports/{name}/file", needs(view, get(report::file)))
        .route("/reports/{name}/toml", needs(view, get(report::toml)))
        .route("/reports/{name}/run", needs(run, post(report::run)))
        .route("/reports/{name}/pause", needs(edit, post(report::pause)))
        .route("/reports/{name}/resume", needs(edit, post(report::resume)))
        .route("/reports/{name}/delete", needs(edit, post(report::delete)))
        .route("/reports/{name}/favourite", needs(view, post(report::favourite)))
        .route("/reports/{name}/edit", needs(edit, get(form::edit).post(form::change)))
        .route("/reports/{name}/clone", needs(edit, get(form::clone)))
        .route("/runs/{run}", needs(view, get(run::show)))
        .route("/runs/{run}/file", needs(view, get(run::file)))
        .route("/runs/{run}/answer", needs(run, post(run::answer)))
        .route("/upcoming", needs(view, get(upcoming::show)))
        .route("/upcoming.ics", needs(view, get(upcoming::calendar)))
        .route("/sources", needs(view, get(sources::show)))
        .route("/deliveries", needs(view, get(deliveries::show)))
        .route("/lists", needs(view, get(lists::show)).merge(needs(edit, post(lists::change))))
        .route("/access", needs(admin, get(access::show).post(access::change)))
        .route("/login", get(access::login).post(access::enter))
        .route("/logout", post(access::leave))
        .fallback(async || Refused::absent("there is no such page"))
        .method_not_allowed_fallback(async || {
            Refused::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, "this page cannot be asked that way")
        });
    pages
        .layer(from_fn(door))
        .layer(from_fn_with_state(site.clone(), tell))
        .route("/assets/{name}", get(assets::asset))
        .route("/d/{token}", get(run::linked).layer(from_fn(door)))
}

/// Routes for whoever has a role.
pub(super) fn needs(role: Role, routes: MethodRouter<Shared>) -> MethodRouter<Shared> {
    let check = move |Extension(Asker(who)): Extension<Asker>, mut request: Request, next: Next| async move {
        let who = who.ok_or_else(|| Refused::nobody("log in"))?;
        who.needs_everywhere(role)?;
        request.extensions_mut().insert(who);
        Ok::<_, Refused>(next.run(request).await)
    };
    routes.layer(from_fn(check))
}

/// Shows refusals as pages.
async fn tell(
    State(site): State<Shared>,
    Extension(Asker(who)): Extension<Asker>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let response = next.run(request).await;
    match response.extensions().get::<Refused>() {
        Some(refused) => {
            let mut page = site.refusal(who.as_ref(), refused, &path);
            page.extensions_mut().insert(refused.clone());
            page
        }
        // What axum refuses by itself has no page.
        None if response.status() == axum::http::StatusCode::BAD_REQUEST && !is_html(&response) => site
            .refusal(who.as_ref(), &Refused::wrong("the address names something that is no number"), &path),
        None => response,
    }
}

fn is_html(response: &Response) -> bool {
    let media = response.headers().get(axum::http::header::CONTENT_TYPE);
    media.is_some_and(|media| media.as_bytes().starts_with(b"text/html"))
}

impl Site {
    /// The fields of a form that one of our pages showed to this person.
    async fn own_form(&self, who: &Who, request: Request<Body>) -> Result<Fields, Refused> {
        let fields = fields::form(request).await?;
        if self.key.verifies(FORM, &who.form_text(), fields.get("form")) {
            Ok(fields)
        } else {
            Err(Refused::forbidden(
                "the form is not one of ours, or is older than your login; load the page again",
            ))
        }
    }
}

/// To a page, by GET.
fn to(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// Back to the page of ours that a form names, else to another.
fn back(fields: &Fields, otherwise: &str) -> Response {
    let asked = fields.get("back");
    let own = asked.starts_with('/')
        && !asked.starts_with("//")
        && !asked.contains('\\')
        && !asked.contains(char::is_control);
    to(if own { asked } else { otherwise })
}
