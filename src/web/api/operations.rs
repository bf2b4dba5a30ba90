//! The operations: what each takes and gives, who may, and what it is for. Routes and document come from this list.

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodFilter, on};
use serde_json::json;

use super::openapi::{Operation, Parameter};
use super::{ROOT, calls, shapes};
use crate::domain::access::Role;
use crate::web::Shared;
use crate::web::pages::{self, needs};

/// The routes and their description, as they are put together.
pub(super) struct Api {
    pub(super) router: Router<Shared>,
    pub(super) operations: Vec<Operation>,
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

fn named(about: &str) -> Parameter {
    let schema = json!({ "type": "string" });
    Parameter::path("name", schema, about.to_owned())
}

fn name() -> Parameter {
    named("The report's name.")
}

fn numbered(name: &'static str, about: &str) -> Parameter {
    let schema = json!({ "type": "integer", "format": "int64", "minimum": 1 });
    Parameter::path(name, schema, about.to_owned())
}

fn run() -> Parameter {
    numbered("run", "The run's number.")
}

fn text(name: &'static str, about: &str) -> Parameter {
    Parameter::query(name, json!({ "type": "string" }), about.to_owned())
}

/// Every operation.
pub(super) fn all() -> Api {
    let api = Api { router: Router::new(), operations: Vec::new() };
    answers(host(people(lists(surroundings(history(runs(acts(reports(api)))))))))
}

/// What reports there are, and new ones.
fn reports(api: Api) -> Api {
    use shapes::{Checked, NewReport, ReportPage, ReportWhole, Text};
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
    .add(
        Operation::get("/reports/{name}/toml", Role::View, "getToml", "Show a report's text.")
            .with(name())
            .gives::<Text>(StatusCode::OK),
        calls::reports::toml,
    )
}

/// What can be done with one.
fn acts(api: Api) -> Api {
    use shapes::{Draft, ReportWhole};
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
}

/// What it is made to do.
fn runs(api: Api) -> Api {
    use shapes::{Asked, BackfillWish, RunWish};

    use crate::daemon::backfill::Backfilled;
    api.add(
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
        Operation::put(
            "/reports/{name}/favourite",
            Role::View,
            "markReport",
            "Mark a report as a favourite.",
        )
        .with(name())
        .gives_nothing(),
        calls::reports::favour,
    )
    .add(
        Operation::delete("/reports/{name}/favourite", Role::View, "unmarkReport", "Take the mark away.")
            .with(name())
            .gives_nothing(),
        calls::reports::unfavour,
    )
    .add(
        Operation::post(
            "/reports/{name}/backfill",
            Role::Run,
            "backfillReport",
            "Make a span of the past, some instants at a time: ask again until `left` and `open` are 0.",
        )
        .with(name())
        .takes::<BackfillWish>()
        .gives::<Backfilled>(StatusCode::ACCEPTED),
        calls::reports::backfill,
    )
}

/// What was due, and what went out.
fn history(api: Api) -> Api {
    use shapes::{Deliveries, Occurrence, Runs, Why};
    api.add(
        Operation::get(
            "/reports/{name}/why",
            Role::View,
            "why",
            "Tell what happened to a report's last occurrence, and what to do next.",
        )
        .with(name())
        .gives::<Why>(StatusCode::OK),
        calls::history::why,
    )
    .add(
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
        .with(numbered("occurrence", "The number that the request's answer gave."))
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
    use shapes::{ImportDone, Sources, SpanWish, Types, Upcoming};

    use crate::store::sources::CollectRequest;
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
        Operation::post(
            "/sources/{name}/collect",
            Role::Edit,
            "collect",
            "Fetch a span of a vendor's rows into the store.",
        )
        .with(named("The source's name."))
        .takes::<SpanWish>()
        .gives::<CollectRequest>(StatusCode::ACCEPTED),
        calls::surroundings::collect,
    )
    .add(
        Operation::get("/collections/{collection}", Role::View, "getCollection", "Show how far that is.")
            .with(numbered("collection", "The number that the request's answer gave."))
            .gives::<CollectRequest>(StatusCode::OK),
        calls::surroundings::collection,
    )
    .add(
        Operation::post(
            "/import",
            Role::Edit,
            "import",
            "Put records into the segment store: NDJSON or CSV, plain or gzip, as `legwork schema import` describes.",
        )
        .with(text("kind", "The kind of a CSV whose header does not tell."))
        .with(Parameter::query(
            "strict",
            json!({ "type": "boolean", "default": false }),
            "Import only if no line is bad.".to_owned(),
        ))
        .with(text("covers", "Declare that the store is whole for this span now: FROM..TO, TO exclusive."))
        .with(text("source", "The source that `covers` speaks of."))
        .with(text("account", "The account that `covers` speaks of."))
        .takes_records()
        .gives::<ImportDone>(StatusCode::OK),
        calls::import::import,
    )
    .add(
        Operation::get("/report-types", Role::View, "listReportTypes", "List the reports that can be made.")
            .gives::<Types>(StatusCode::OK),
        calls::surroundings::types,
    )
}

/// Mailing lists.
fn lists(api: Api) -> Api {
    use shapes::{Lists, NewList};
    let list = || named("The list's name.");
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
}

/// Who may do what.
fn people(api: Api) -> Api {
    use shapes::{AuditPage, NewToken, NewUser, ShownToken, Tokens, Users};
    api.add(
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
        Operation::delete(
            "/tokens/{name}",
            Role::Admin,
            "removeToken",
            "Remove a token: it opens nothing more.",
        )
        .with(named("The token's name."))
        .gives_nothing(),
        calls::people::remove_token,
    )
    .add(
        Operation::get("/users", Role::Admin, "listUsers", "List the users.").gives::<Users>(StatusCode::OK),
        calls::people::users,
    )
    .add(
        Operation::put(
            "/users/{name}",
            Role::Admin,
            "putUser",
            "Make a user, or give one a new role and password.",
        )
        .with(named("The user's name."))
        .takes::<NewUser>()
        .gives_nothing(),
        calls::people::put_user,
    )
    .add(
        Operation::delete(
            "/users/{name}",
            Role::Admin,
            "removeUser",
            "Remove a user and end their sessions.",
        )
        .with(named("The user's name."))
        .gives_nothing(),
        calls::people::remove_user,
    )
    .add(
        Operation::get("/audit", Role::Admin, "listAudit", "List who did what, the newest first.")
            .with(limit(500))
            .gives::<AuditPage>(StatusCode::OK),
        calls::people::audit,
    )
}

/// The host's jobs folder, ways out, database, and schedules as a whole.
fn host(api: Api) -> Api {
    use shapes::{ApplyWish, Copied, Health};

    use crate::daemon::loader::Changes;
    use crate::daemon::simulate::Outlook;
    let instant = |name, about: &str| {
        let mut parameter = text(name, about);
        parameter.schema = json!({ "type": "string", "format": "date-time" });
        parameter.needed()
    };
    api.add(
        Operation::get(
            "/simulate",
            Role::View,
            "simulate",
            "Show what the schedules in force would do over a span of up to 93 days.",
        )
        .with(instant("from", "First instant inside."))
        .with(instant("to", "First instant outside."))
        .with(text("name", "Only this report; more than once for several."))
        .with(text("down", "A span FROM..TO in which no daemon runs; more than once for several."))
        .with(text("run_takes", "How long a run takes, as `90s` or `5m`."))
        .gives::<Outlook>(StatusCode::OK),
        calls::host::simulate,
    )
    .add(
        Operation::get("/plan", Role::Admin, "plan", "Show what taking up the jobs folder would change.")
            .gives::<Changes>(StatusCode::OK),
        calls::host::plan,
    )
    .add(
        Operation::post("/apply", Role::Admin, "apply", "Take up the jobs folder now.")
            .takes::<ApplyWish>()
            .gives::<Changes>(StatusCode::OK),
        calls::host::apply,
    )
    .add(
        Operation::post(
            "/doctor",
            Role::Admin,
            "doctor",
            "Look at the state folder and at every secret, destination and source. Sends nothing.",
        )
        .gives::<Health>(StatusCode::OK),
        calls::host::doctor,
    )
    .add(
        Operation::post("/backup", Role::Admin, "backup", "Write a whole copy of the database on the host.")
            .gives::<Copied>(StatusCode::CREATED),
        calls::host::backup,
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
        pages::events,
    )
}
