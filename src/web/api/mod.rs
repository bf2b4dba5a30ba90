//! `/api/v1`: everything that the page and the commands do, for programs.
//!
//! One list of operations makes both the routes and the `OpenAPI` document, so that neither can know what the other does
//! not. Errors are RFC 9457's `application/problem+json`.

mod calls;
mod idempotent;
mod openapi;
mod shapes;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on};
use axum::{Extension, Router};
use serde::Serialize;
use serde_json::json;

use self::openapi::{Operation, Parameter, Place};
use super::Shared;
use super::guard::door;
use super::pages::needs;
use super::refused::Refused;
use crate::domain::access::Role;

/// Under this everything stands.
const ROOT: &str = "/api/v1";

/// The routes and their description, as they are put together.
struct Api {
    router: Router<Shared>,
    operations: Vec<Operation>,
}

impl Api {
    /// Adds an operation: its route for whoever has the role, and its place in the document.
    fn add<H, T>(mut self, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        let filter = match operation.method {
            Method::POST => MethodFilter::POST,
            Method::PUT => MethodFilter::PUT,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let path = format!("{ROOT}{}", operation.path);
        self.router = self.router.route(&path, needs(operation.role, on(filter, handler)));
        self.operations.push(operation);
        self
    }
}

fn limit(most: u32) -> Parameter {
    let about = format!("How many at the most, up to {most}.");
    Parameter::query(
        "limit",
        json!({ "type": "integer", "minimum": 1, "maximum": most, "default": 100 }),
        about,
    )
}

fn name() -> Parameter {
    let about = "The report's name.".to_owned();
    Parameter { place: Place::Path, name: "name", schema: json!({ "type": "string" }), about }
}

fn run() -> Parameter {
    let about = "The run's number.".to_owned();
    let schema = json!({ "type": "integer", "format": "int64", "minimum": 1 });
    Parameter { place: Place::Path, name: "run", schema, about }
}

fn text(name: &'static str, about: &str) -> Parameter {
    Parameter::query(name, json!({ "type": "string" }), about.to_owned())
}

/// Every operation.
pub(super) fn routes(site: &Shared) -> Router<Shared> {
    let api = Api { router: Router::new(), operations: Vec::new() };
    let Api { router, operations } = answers(people(surroundings(history(acts(reports(api))))));
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

/// What reports there are, and new ones.
fn reports(api: Api) -> Api {
    use shapes::{Checked, NewReport, ReportPage, ReportWhole};
    api.add(
        Operation::get("/reports", Role::View, "listReports", "List the reports.")
            .with(text("q", "A part of the name or of the definition, in any case."))
            .with(text("view", "`mine` or `favourites`; all when absent."))
            .with(limit(500))
            .with(text("after", "The name behind which the page begins: the last one's `next`."))
            .gives::<ReportPage>(StatusCode::OK),
        calls::reports::list,
    )
    .add(
        Operation::post("/reports", Role::Edit, "createReport", "Make a report out of a job's TOML.")
            .takes::<NewReport>()
            .gives::<ReportWhole>(StatusCode::CREATED),
        calls::reports::create,
    )
    .add(
        Operation::post(
            "/check",
            Role::View,
            "checkReport",
            "Say what is wrong with a job's TOML, or what it would do.",
        )
        .takes::<NewReport>()
        .gives::<Checked>(StatusCode::OK),
        calls::reports::check,
    )
    .add(
        Operation::get(
            "/reports/{name}",
            Role::View,
            "getReport",
            "Show a report with its text and coming instants.",
        )
        .with(name())
        .gives::<ReportWhole>(StatusCode::OK),
        calls::reports::show,
    )
}

/// What can be done with one.
fn acts(api: Api) -> Api {
    use shapes::{Asked, Draft, ReportWhole, RunWish, Text};
    api.add(
        Operation::put(
            "/reports/{name}",
            Role::Edit,
            "changeReport",
            "Change a report that was not made by a file.",
        )
        .with(name())
        .takes::<Draft>()
        .gives::<ReportWhole>(StatusCode::OK),
        calls::reports::change,
    )
    .add(
        Operation::delete(
            "/reports/{name}",
            Role::Edit,
            "deleteReport",
            "Retire a report; its history stays.",
        )
        .with(name())
        .gives_nothing(),
        calls::reports::delete,
    )
    .add(
        Operation::post("/reports/{name}/run", Role::Run, "runReport", "Ask for a run by hand.")
            .with(name())
            .takes::<RunWish>()
            .gives::<Asked>(StatusCode::ACCEPTED),
        calls::reports::run,
    )
    .add(
        Operation::post("/reports/{name}/pause", Role::Edit, "pauseReport", "Stop a report's schedules.")
            .with(name())
            .gives_nothing(),
        calls::reports::pause,
    )
    .add(
        Operation::post(
            "/reports/{name}/resume",
            Role::Edit,
            "resumeReport",
            "Start them again, from now on.",
        )
        .with(name())
        .gives_nothing(),
        calls::reports::resume,
    )
    .add(
        Operation::get(
            "/reports/{name}/file",
            Role::View,
            "getNewestFile",
            "Download the newest whole file.",
        )
        .with(name())
        .gives_file(),
        calls::history::newest_file,
    )
    .add(
        Operation::get("/reports/{name}/toml", Role::View, "getToml", "Show a report's text.")
            .with(name())
            .gives::<Text>(StatusCode::OK),
        calls::reports::toml,
    )
}

/// What was due, and what went out.
fn history(api: Api) -> Api {
    use shapes::{Deliveries, Occurrence, Runs};
    api.add(
        Operation::get("/runs", Role::View, "listRuns", "List what was due, the newest first.")
            .with(text("name", "Only of this report."))
            .with(limit(500))
            .gives::<Runs>(StatusCode::OK),
        calls::history::runs,
    )
    .add(
        Operation::get("/runs/{run}", Role::View, "getRun", "Show a run with its deliveries and attempts.")
            .with(run())
            .gives::<Occurrence>(StatusCode::OK),
        calls::history::run_of,
    )
    .add(
        Operation::get("/runs/{run}/file", Role::View, "getRunFile", "Download a run's file.")
            .with(run())
            .gives_file(),
        calls::history::run_file,
    )
    .add(
        Operation::get(
            "/occurrences/{occurrence}",
            Role::View,
            "getOccurrence",
            "Show what became of a request.",
        )
        .with(Parameter {
            place: Place::Path,
            name: "occurrence",
            schema: json!({ "type": "integer", "format": "int64", "minimum": 1 }),
            about: "The number that the request's answer gave.".to_owned(),
        })
        .gives::<Occurrence>(StatusCode::OK),
        calls::history::occurrence,
    )
    .add(
        Operation::get("/deliveries", Role::View, "listDeliveries", "List deliveries, the newest first.")
            .with(text("name", "Only of this report."))
            .with(text("state", "Only in this state."))
            .with(limit(500))
            .gives::<Deliveries>(StatusCode::OK),
        calls::history::deliveries,
    )
}

/// Vendors, reports that can be made, and what is due.
fn surroundings(api: Api) -> Api {
    use shapes::{Sources, Types, Upcoming};
    api.add(
        Operation::get("/upcoming", Role::View, "listUpcoming", "List what is due within a week.")
            .with(limit(2_000))
            .gives::<Upcoming>(StatusCode::OK),
        calls::surroundings::upcoming,
    )
    .add(
        Operation::get(
            "/sources",
            Role::View,
            "listSources",
            "List the vendors and how far each is collected.",
        )
        .gives::<Sources>(StatusCode::OK),
        calls::surroundings::sources,
    )
    .add(
        Operation::get("/report-types", Role::View, "listReportTypes", "List the reports that can be made.")
            .gives::<Types>(StatusCode::OK),
        calls::surroundings::types,
    )
}

/// Mailing lists, and who may do what.
fn people(api: Api) -> Api {
    use shapes::{AuditPage, Lists, NewList, NewToken, ShownToken, Tokens};
    let list = || Parameter {
        place: Place::Path,
        name: "name",
        schema: json!({ "type": "string" }),
        about: "The list's name.".to_owned(),
    };
    api.add(
        Operation::get("/lists", Role::View, "listMailingLists", "List the mailing lists.")
            .gives::<Lists>(StatusCode::OK),
        calls::people::lists,
    )
    .add(
        Operation::put("/lists/{name}", Role::Edit, "putMailingList", "Make or change a mailing list.")
            .with(list())
            .takes::<NewList>()
            .gives::<Lists>(StatusCode::OK),
        calls::people::put_list,
    )
    .add(
        Operation::delete("/lists/{name}", Role::Edit, "deleteMailingList", "Remove a mailing list.")
            .with(list())
            .gives_nothing(),
        calls::people::delete_list,
    )
    .add(
        Operation::get("/tokens", Role::Admin, "listTokens", "List the tokens for programs.")
            .gives::<Tokens>(StatusCode::OK),
        calls::people::tokens,
    )
    .add(
        Operation::post(
            "/tokens",
            Role::Admin,
            "makeToken",
            "Make a token; it is shown in this answer only.",
        )
        .takes::<NewToken>()
        .gives::<ShownToken>(StatusCode::CREATED),
        calls::people::make_token,
    )
    .add(
        Operation::get("/audit", Role::Admin, "listAudit", "List who did what, the newest first.")
            .with(limit(500))
            .gives::<AuditPage>(StatusCode::OK),
        calls::people::audit,
    )
}

/// What a person or program answers about a run.
fn answers(api: Api) -> Api {
    use shapes::{Done, Only, Reason, Recipient, Rerun};
    api.add(
        Operation::post(
            "/runs/{run}/rerun",
            Role::Run,
            "rerun",
            "Make a run's report again over today's data.",
        )
        .with(run())
        .gives::<Rerun>(StatusCode::ACCEPTED),
        calls::answers::rerun,
    )
    .add(
        Operation::post("/runs/{run}/deliver", Role::Run, "deliver", "Try again what failed.")
            .with(run())
            .takes::<Only>()
            .gives::<Done>(StatusCode::OK),
        calls::answers::deliver,
    )
    .add(
        Operation::post(
            "/runs/{run}/release",
            Role::Run,
            "release",
            "Send what is held; try again what is unknown.",
        )
        .with(run())
        .takes::<Only>()
        .gives::<Done>(StatusCode::OK),
        calls::answers::release,
    )
    .add(
        Operation::post("/runs/{run}/resend", Role::Run, "resend", "Send the file anew.")
            .with(run())
            .takes::<Recipient>()
            .gives::<Done>(StatusCode::OK),
        calls::answers::resend,
    )
    .add(
        Operation::post("/runs/{run}/discard", Role::Run, "discard", "Let deliveries be.")
            .with(run())
            .takes::<Reason>()
            .gives::<Done>(StatusCode::OK),
        calls::answers::discard,
    )
    .add(
        Operation::get("/events", Role::View, "events", "Follow what is under way, as server-sent events.")
            .gives_events(),
        super::pages::events,
    )
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
