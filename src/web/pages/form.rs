//! New Report: the form in the order that its users know, and the text behind it for what the form cannot say.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::report::{self, coming};
use super::to;
use super::written::{self, SCHEDULES_MAX, Written, Wrong, identity};
use crate::chain::chain;
use crate::daemon::Core;
use crate::daemon::ask::{AskError, Draft};
use crate::daemon::preview::{Preview, preview};
use crate::daemon::progress::{GivenUp, Progress};
use crate::domain::report::FilterKey;
use crate::reports::CATALOGUE;
use crate::store::offered;
use crate::tomlfile::{Problem, Severity};
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::acts::{self, seen};
use crate::web::fields::Fields;
use crate::web::refused::Refused;
use crate::web::view::values;

/// Rows of the preview.
const PREVIEW_ROWS: usize = 5;
/// Values of a filter that are offered.
const OFFERED_MAX: u32 = 80;
/// Periods that are offered by name.
const PERIODS: [&str; 15] = [
    "today",
    "yesterday",
    "this week",
    "last 7 days",
    "last 30 days",
    "previous week",
    "previous month",
    "previous quarter",
    "month to date",
    "last 24 hours",
    "previous hour",
    "last 30 minutes",
    "previous 30 minutes",
    "previous day",
    "since last run",
];
const REPEATS: [&str; 8] = ["hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "once", "cron"];
/// Filters with the bit of `term.roles` whose texts are offered.
const OFFERED: [(FilterKey, u32); 9] = [
    (FilterKey::Queues, 1),
    (FilterKey::Channels, 2),
    (FilterKey::Skills, 4),
    (FilterKey::Statuses, 8),
    (FilterKey::Dispositions, 16),
    (FilterKey::QueueGroups, 32),
    (FilterKey::Campaigns, 64),
    (FilterKey::Groups, 256),
    (FilterKey::Teams, 2_048),
];

/// What a form is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    New,
    Change,
}

/// What is shown of a form besides its fields.
#[derive(Default)]
struct Shown {
    wrong: Vec<Wrong>,
    coming: Vec<report::Coming>,
    preview: Option<serde_json::Value>,
    /// The text, where it is edited as such.
    text: Option<String>,
}

#[derive(serde::Serialize)]
struct FilterRow {
    key: String,
    value: String,
}

/// A row of the schedules.
#[derive(serde::Serialize)]
struct ScheduleRow {
    at: usize,
    repeat: String,
    day: String,
    hour: String,
    minute: String,
    half: String,
    zone: String,
    cron: String,
    once: String,
}

fn schedule_rows(fields: &Fields) -> Vec<ScheduleRow> {
    let row = |at: usize| {
        let get = |name: &str| fields.get(&format!("{name}{at}")).to_owned();
        ScheduleRow {
            at,
            repeat: get("repeat"),
            day: get("day"),
            hour: get("hour"),
            minute: get("minute"),
            half: get("half"),
            zone: get("zone"),
            cron: get("cron"),
            once: get("once"),
        }
    };
    let asked = fields.get("schedules").parse::<usize>().unwrap_or(1);
    let filled = (0..SCHEDULES_MAX).filter(|at| fields.has(&format!("repeat{at}"))).count();
    (0..asked.max(filled).clamp(1, SCHEDULES_MAX)).map(row).collect()
}

fn filter_rows(fields: &Fields) -> Vec<FilterRow> {
    let rows = fields.all("filter").zip(fields.all("value"));
    let mut rows: Vec<FilterRow> =
        rows.map(|(key, value)| FilterRow { key: key.to_owned(), value: value.to_owned() }).collect();
    if rows.is_empty() {
        rows.push(FilterRow { key: String::new(), value: String::new() });
    }
    rows
}

/// What the store and the config offer for the fields.
fn offered(core: &Core) -> Result<serde_json::Value, AskError> {
    let values = core.store.read_blocking("read what is offered", |connection| {
        let mut values = Vec::new();
        for (key, role) in OFFERED {
            for text in offered::terms(connection, role, OFFERED_MAX)? {
                values.push((key.name(), text));
            }
        }
        for text in offered::agents(connection, OFFERED_MAX)? {
            values.push((FilterKey::Agents.name(), text));
        }
        Ok(values)
    })?;
    let lists: Vec<String> = core.lists().keys().cloned().collect();
    let filters: Vec<&str> =
        FilterKey::ALL.iter().map(|key| key.name()).chain(["direction", "user_type"]).collect();
    let zones: Vec<&str> = core.zones.names().collect();
    // Those of the segment store: what only a vendor makes is written as text.
    let made_here = CATALOGUE.iter().filter(|report| report.vendors_own().is_none());
    let types: Vec<_> =
        made_here.map(|report| values! { name => report.name, about => report.about }).collect();
    Ok(values! { values, lists, filters, zones, types, periods => PERIODS, repeats => REPEATS })
}

/// Where a form goes, and what its page is called.
struct Place<'a> {
    purpose: Purpose,
    name: &'a str,
    private: bool,
}

async fn page(
    site: &Shared,
    who: &Who,
    fields: &Fields,
    shown: Shown,
    place: Place<'_>,
) -> Result<Response, Refused> {
    let offered = site.block(offered).await?;
    let (title, action) = match place.purpose {
        Purpose::New => ("New Report".to_owned(), "/new".to_owned()),
        Purpose::Change => (format!("Edit {}", place.name), format!("/reports/{}/edit", place.name)),
    };
    let status = if shown.wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let values = values! {
        title, action, offered,
        new => place.purpose == Purpose::New,
        name => place.name,
        private => place.private,
        fields => fields.0.iter().cloned().collect::<std::collections::HashMap<_, _>>(),
        filters => filter_rows(fields),
        schedules => schedule_rows(fields),
        schedules_max => SCHEDULES_MAX,
        wrong => shown.wrong,
        coming => shown.coming,
        preview => shown.preview,
        text => shown.text,
    };
    let page = site.page(Some(who), "form.html", values)?;
    Ok((status, page).into_response())
}

/// The empty form.
pub(super) async fn new(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request,
) -> Result<Response, Refused> {
    let asked = Fields::of_query(&request);
    let mut fields = asked.clone();
    for (name, value) in [
        ("type", "interaction-details-by-segment"),
        ("period", "yesterday"),
        ("format", "csv"),
        ("generation", "demand"),
        ("visibility", "public"),
    ] {
        if fields.get(name).is_empty() {
            fields.0.push((name.to_owned(), value.to_owned()));
        }
    }
    let text = (asked.get("as") == "toml").then(|| STARTER.to_owned());
    let place = Place { purpose: Purpose::New, name: "", private: false };
    page(&site, &who, &fields, Shown { text, ..Shown::default() }, place).await
}

/// What the text of a new report begins with.
const STARTER: &str = "description = \"\"\n\n[report]\ntype = \"interaction-details-by-segment\"\ntime_zone = \"UTC\"\n\
                       period = \"yesterday\"\n\n[output]\nformat = \"csv\"\n";

/// What a form says, whether as fields or as text. Blocks.
fn read(core: &Core, fields: &Fields) -> Result<Written, AskError> {
    if !fields.has("text") {
        return Ok(written::read(core, fields));
    }
    let name = identity(fields.get("name"));
    // A browser sends line breaks as CR LF.
    let text = fields.get("text").replace("\r\n", "\n");
    let (problems, definition) = acts::read_text(core, &name, &text)?;
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let mut wrong: Vec<Wrong> =
        errors.map(|problem| Wrong { field: "text".to_owned(), text: Problem::one_line(problem) }).collect();
    if let Err(error) = name.parse::<crate::domain::name::DefinitionName>() {
        wrong.push(Wrong { field: "name".to_owned(), text: error.to_string() });
    }
    let definition = definition.filter(|_| wrong.is_empty());
    Ok(Written { name, text, definition, wrong })
}

/// The next runs and the first rows of what a form says.
async fn look(site: &Shared, fields: &Fields) -> Result<Shown, Refused> {
    let given = fields.clone();
    // A preview reads the store as a report for a request does, and shares its places.
    let place = site.immediate.clone().try_acquire_owned().ok();
    let progress = Arc::new(Progress::default());
    // Whoever types on, or goes, does not leave it running.
    let _given_up = GivenUp(progress.clone());
    let shown = site.block(move |core| {
        let written = read(core, &given)?;
        let now = core.now();
        let text = given.has("text").then(|| written.text.clone());
        let Some(definition) = written.definition else {
            return Ok(Shown { wrong: written.wrong, text, ..Shown::default() });
        };
        let zone = &definition.report.zone;
        let looked = place.as_ref().map(|_| preview(core, &definition, PREVIEW_ROWS, &progress));
        let shown = match looked.transpose() {
            Ok(None) => values! { none => "too many reports are made just now for a look at the first rows" },
            Ok(Some(Preview::Rows(preview))) => values! {
                header => preview.header, rows => preview.rows,
                start => crate::domain::text::local(preview.period.start, zone),
                end => crate::domain::text::local(preview.period.end, zone),
                zone => zone.name(),
            },
            Ok(Some(Preview::OfVendor)) => values! { none => "the vendor makes this report when it runs" },
            Ok(Some(Preview::NoPeriod)) => values! { none => "its period is outside the years 1970 to 2199" },
            Err(error) => values! { none => chain(&error) },
        };
        let coming = coming(&definition.schedules, now);
        Ok(Shown { wrong: Vec::new(), coming, preview: Some(shown), text })
    });
    tokio::select! {
        shown = shown => shown,
        () = site.stop.cancelled() => Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon stops")),
    }
}

/// Adds and removes rows, and shows what the form would do, without making anything.
pub(super) async fn check(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let part = Fields::of_query(&request).get("part") == "coming";
    let mut fields = site.own_form(&who, request).await?;
    // A report's name is no field of the form that changes it.
    let editing = fields.get("editing").to_owned();
    if !editing.is_empty() {
        fields = fields.with("name", &editing);
    }
    if part {
        let shown = look(&site, &fields).await?;
        let values =
            values! { wrong => shown.wrong, coming => shown.coming, preview => shown.preview, part => true };
        return site.page(Some(&who), "coming.html", values);
    }
    let doing = fields.get("do").to_owned();
    let shown = match doing.split_once(':').unwrap_or((&doing, "")) {
        ("add-filter", _) => {
            fields.0.extend([("filter".to_owned(), String::new()), ("value".to_owned(), String::new())]);
            Shown::default()
        }
        ("remove-filter", at) => {
            remove_filter(&mut fields, at.parse().unwrap_or(usize::MAX));
            Shown::default()
        }
        ("add-schedule", _) => {
            let more = (schedule_rows(&fields).len() + 1).to_string();
            fields = fields.with("schedules", &more).with("generation", "schedule");
            Shown::default()
        }
        _ => look(&site, &fields).await?,
    };
    let purpose = if editing.is_empty() { Purpose::New } else { Purpose::Change };
    let private = fields.get("visibility") == "private";
    page(&site, &who, &fields, shown, Place { purpose, name: &editing, private }).await
}

fn remove_filter(fields: &mut Fields, at: usize) {
    for name in ["filter", "value"] {
        let mut seen = 0;
        fields.0.retain(|(key, _)| {
            if key != name {
                return true;
            }
            seen += 1;
            seen != at + 1
        });
    }
}

/// Create.
pub(super) async fn create(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?;
    put(&site, &who, &fields, Purpose::New, "").await
}

/// Save.
pub(super) async fn change(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let fields = site.own_form(&who, request).await?.with("name", &name);
    editable(&site, &who, &name).await?;
    put(&site, &who, &fields, Purpose::Change, &name).await
}

async fn put(
    site: &Shared,
    who: &Who,
    fields: &Fields,
    purpose: Purpose,
    name: &str,
) -> Result<Response, Refused> {
    let given = fields.clone();
    let written = site.block(move |core| read(core, &given)).await?;
    let private = fields.get("visibility") == "private";
    let again = |wrong, text| Shown { wrong, text, ..Shown::default() };
    let text = fields.has("text").then(|| written.text.clone());
    if !written.wrong.is_empty() {
        return page(site, who, fields, again(written.wrong, text), Place { purpose, name, private }).await;
    }
    let draft = Draft {
        name: written.name.clone(),
        text: written.text,
        who: who.name.clone(),
        private: Some(private),
        new: purpose == Purpose::New,
    };
    let (field, told) = match acts::put(site, who, draft).await {
        Ok(()) => return Ok(to(&format!("/?q={0}#{0}", written.name))),
        Err(AskError::Taken(clash)) => ("name", clash),
        // Only an instant that is past is found as late as this.
        Err(AskError::Wrong(past)) => ("generation", past),
        Err(error) => return Err(error.into()),
    };
    let wrong = vec![Wrong { field: field.to_owned(), text: told }];
    page(site, who, fields, again(wrong, text), Place { purpose, name, private }).await
}

/// A report that may be changed here.
async fn editable(site: &Shared, who: &Who, name: &str) -> Result<(String, bool), Refused> {
    let (asker, asked) = (who.clone(), name.to_owned());
    let shelved = site.block(move |core| seen(core, &asker, &asked)).await?;
    if let Some(file) = shelved.stored.file {
        let cure = format!("{name} comes from `{file}`; change that file, or clone the report");
        return Err(Refused::new(StatusCode::CONFLICT, cure));
    }
    Ok((shelved.stored.text, shelved.private))
}

/// The form with a report's values.
pub(super) async fn edit(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let (text, private) = editable(&site, &who, &name).await?;
    filled(&site, &who, &name, text, Place { purpose: Purpose::Change, name: &name, private }).await
}

/// The form with another report's values and no name.
pub(super) async fn clone(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let (asker, asked) = (who.clone(), name.clone());
    let shelved = site.block(move |core| seen(core, &asker, &asked)).await?;
    let text = without_name(&shelved.stored.text);
    let place = Place { purpose: Purpose::New, name: "", private: shelved.private };
    filled(&site, &who, &format!("{name}-copy"), text, place).await
}

/// A job's text without the key that names it.
fn without_name(text: &str) -> String {
    let named = |line: &&str| {
        !line.trim_start().strip_prefix("name").is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let top = text.find("\n[").map_or(text.len(), |at| at + 1);
    let (head, rest) = text.split_at_checked(top).unwrap_or((text, ""));
    let head: Vec<&str> = head.lines().filter(named).filter(|line| !line.starts_with("#:schema")).collect();
    format!("{}\n{rest}", head.join("\n"))
}

async fn filled(
    site: &Shared,
    who: &Who,
    name: &str,
    text: String,
    place: Place<'_>,
) -> Result<Response, Refused> {
    let (fields, text) = match written::unread(name, &text) {
        Some(fields) => (fields, None),
        // It says more than the form can: its text is edited then.
        None => (Fields(vec![("name".to_owned(), name.to_owned())]), Some(text)),
    };
    page(site, who, &fields, Shown { text, ..Shown::default() }, place).await
}
