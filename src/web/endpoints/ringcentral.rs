//! RingCentral's `reportsStreaming`: the two segment reports and the session report, from the segment store.
//!
//! The request is the seeds' as their reference corrects them: `returnTypes`, a slip of one page that lasted for hours,
//! is read as `returnType`; the unprefixed report name of the table is refused with the two that the examples send;
//! the samples' inclusive-looking ends are half-open, as everywhere.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Value, json};
use toml::value::Array;

use super::caller;
use super::immediate::{Immediate, answer};
use crate::daemon::Core;
use crate::daemon::ask::{self, AskError, Draft};
use crate::domain::access::Role;
use crate::domain::period::Period;
use crate::domain::zone::Zone;
use crate::store::definitions;
use crate::web::Shared;
use crate::web::access::{Who, digest};
use crate::web::fields;
use crate::web::guard::Asker;
use crate::web::refused::Refused;

/// The vendor's names and ours.
const REPORTS: [(&str, &str); 3] = [
    ("Inbound_Agent_Segment_Metadata_Report", "inbound-agent-segment-metadata"),
    ("Outbound_Agent_Segment_Metadata_Report", "outbound-agent-segment-metadata"),
    ("Agent_Session_Report_Raw", "agent-session-raw"),
];
/// The vendor's criteria and our filters. What only the vendor knows how to read (`secure…`, UII keys) is left alone
/// while it is empty.
const CRITERIA: [(&str, &str); 7] = [
    ("gateGroupIds", "queue_groups"),
    ("gateIds", "queues"),
    ("dialGroupIds", "dial_groups"),
    ("campaignIds", "campaigns"),
    ("agentGroupIds", "groups"),
    ("agentIds", "agents"),
    ("agentTeams", "teams"),
];

/// An error in the vendor's shape.
pub(super) fn error(refused: &Refused, path: &str, now: Timestamp) -> Response {
    let general = refused.status.canonical_reason().unwrap_or_default();
    let code = (refused.status == StatusCode::FORBIDDEN).then_some("access.denied.exception");
    let body = json!({
        "cause": null,
        "details": refused.detail,
        "developerMessage": refused.detail,
        "errorCode": code,
        "generalMessage": general,
        "requestUri": path,
        "timestamp": now.as_millisecond(),
        "validationErrors": [],
    });
    let mut response = (refused.status, axum::Json(body)).into_response();
    response.extensions_mut().insert(refused.clone());
    response
}

/// `POST …/accounts/{accountId}/reportsStreaming`.
pub(super) async fn reports_streaming(
    State(site): State<Shared>,
    Extension(asker): Extension<Asker>,
    Path(account): Path<String>,
    headers: HeaderMap,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let who = caller(&site, asker, &headers, &account).await?;
    let body = fields::body(request.into_body()).await?;
    let body: Value = serde_json::from_slice(&body)
        .map_err(|error| Refused::wrong(format!("the body is no JSON that can be read: {error}")))?;
    let asked = Asked::read(&site.core, &who, &account, &body)?;
    match asked.repeat.clone() {
        None => {
            let period = asked.period(site.core.now())?;
            let definition = Immediate::parse(&site.core, &asked.job("today"))?;
            let nominal = period.end;
            let immediate = Immediate { definition, period, nominal, account };
            answer(&site, &who, immediate, asked.media_type()).await
        }
        Some(repeat) => schedule(&site, &who, &account, &asked, &repeat, &body).await,
    }
}

/// What a body asks for.
struct Asked {
    kind: &'static str,
    zone: Zone,
    start: Option<DateTime>,
    end: Option<DateTime>,
    xml: bool,
    delimiter: &'static str,
    filters: Vec<(&'static str, Vec<String>)>,
    rollup: bool,
    /// The schedule, where it is not run at once.
    repeat: Option<Value>,
}

/// A text under a key; JSON null is none.
fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

fn one_of(key: &str, value: &str, all: &[&str], cure: &str) -> Refused {
    let all = all.join(", ");
    Refused::wrong(format!("{key} is `{value}`; {cure}{all}"))
}

impl Asked {
    fn read(core: &Core, who: &Who, account: &str, body: &Value) -> Result<Self, Refused> {
        if !body.is_object() {
            return Err(Refused::wrong("the body is no JSON object"));
        }
        let empty = json!({});
        let criteria = body.get("reportCriteria").filter(|value| value.is_object()).unwrap_or(&empty);
        if let Some(other) = text(body, "reportType").filter(|kind| *kind != "CASPER_REPORT") {
            return Err(one_of("reportType", other, &["CASPER_REPORT"], "served here is "));
        }
        let zone = text(criteria, "timezoneName");
        let zone = zone.ok_or_else(|| {
            Refused::wrong("reportCriteria.timezoneName is missing; send a zone as US/Arizona")
        })?;
        let zone = core.zones.find(zone).map_err(|error| Refused::wrong(format!("timezoneName: {error}")))?;
        Ok(Self {
            kind: kind(body, criteria)?,
            zone,
            start: timestamp(criteria, "startTimestamp")?,
            end: timestamp(criteria, "endTimestamp")?,
            xml: return_type(body, criteria)?,
            delimiter: delimiter(body)?,
            filters: filters(who, account, criteria)?,
            // The samples send an empty text for no.
            rollup: criteria.get("rollupAgent").is_some_and(|value| {
                value.as_bool() == Some(true)
                    || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
            }),
            repeat: repeat(criteria)?,
        })
    }

    /// Half-open, in the named zone; missing bounds are those of today so far.
    fn period(&self, now: Timestamp) -> Result<Period, Refused> {
        let instant = |at: DateTime| {
            self.zone
                .first_instant(at)
                .ok_or_else(|| Refused::wrong(format!("{at} lies outside the years 1970 to 2199")))
        };
        let today = self.zone.day_start(self.zone.civil(now).date()).unwrap_or(now);
        let start = self.start.map_or(Ok(today), instant)?;
        let end = self.end.map_or(Ok(now), instant)?;
        if end <= start {
            return Err(Refused::wrong("endTimestamp is not behind startTimestamp; the end is exclusive"));
        }
        Ok(Period { start, end })
    }

    fn media_type(&self) -> &'static str {
        if self.xml { "application/xml" } else { "text/csv; charset=utf-8" }
    }

    /// The same as a job.
    fn job(&self, period: &str) -> toml::Table {
        let text = |text: &str| toml::Value::String(text.to_owned());
        let mut report = toml::Table::new();
        report.insert("type".to_owned(), text(self.kind));
        report.insert("time_zone".to_owned(), text(self.zone.name()));
        report.insert("period".to_owned(), text(period));
        if self.rollup {
            report.insert("rollup".to_owned(), true.into());
        }
        let lists = self.filters.iter().map(|(key, values)| {
            let values: Array = values.iter().map(|value| text(value)).collect();
            ((*key).to_owned(), toml::Value::Array(values))
        });
        report.insert("filters".to_owned(), toml::Value::Table(lists.collect()));
        let mut output = toml::Table::new();
        output.insert("format".to_owned(), text(if self.xml { "xml" } else { "csv" }));
        if !self.xml {
            let mut csv = toml::Table::new();
            csv.insert("delimiter".to_owned(), text(self.delimiter));
            // A program reads it: an apostrophe more than the vendor's would be a wrong value.
            csv.insert("formula_guard".to_owned(), text("off"));
            output.insert("csv".to_owned(), csv.into());
        }
        let mut job = toml::Table::new();
        job.insert("report".to_owned(), report.into());
        job.insert("output".to_owned(), output.into());
        job
    }
}

fn kind(body: &Value, criteria: &Value) -> Result<&'static str, Refused> {
    let named = text(body, "reportTypeName").or_else(|| text(criteria, "reportName"));
    let named = named.ok_or_else(|| Refused::wrong("reportTypeName is missing"))?;
    if let Some((_, kind)) = REPORTS.iter().find(|(name, _)| *name == named) {
        return Ok(kind);
    }
    if named == "Agent_Segment_Metadata_Report" {
        // The vendor's table names it, its examples never do.
        let cure = "the report is two: send Inbound_Agent_Segment_Metadata_Report or \
                    Outbound_Agent_Segment_Metadata_Report";
        return Err(Refused::wrong(cure));
    }
    Err(one_of("reportTypeName", named, &REPORTS.map(|(name, _)| name), "served here are "))
}

/// `YYYY-MM-DD HH:MM:SS`, with a fraction or without.
fn timestamp(criteria: &Value, key: &str) -> Result<Option<DateTime>, Refused> {
    let Some(text) = text(criteria, key) else { return Ok(None) };
    // An offset behind the time is none here: the zone has a parameter of its own.
    let time = text.get(10..).unwrap_or_default();
    let plain = text.len() <= 30 && !time.contains(['Z', 'z', '+', '-', '[']);
    let parsed = plain.then(|| text.parse::<DateTime>().ok()).flatten();
    let wrong = format!("{key} is `{text}`; send it as 2020-08-01 00:00:00, local to timezoneName");
    parsed.map(Some).ok_or_else(|| Refused::wrong(wrong))
}

/// Whether XML is asked for.
fn return_type(body: &Value, criteria: &Value) -> Result<bool, Refused> {
    let asked = ["returnType", "returnTypes"].into_iter();
    let asked = asked.flat_map(|key| [text(criteria, key), text(body, key)]).flatten().next();
    match asked.unwrap_or("CSV") {
        word if word.eq_ignore_ascii_case("CSV") => Ok(false),
        word if word.eq_ignore_ascii_case("XML") => Ok(true),
        other => Err(one_of("returnType", other, &["CSV", "XML"], "served here are ")),
    }
}

fn delimiter(body: &Value) -> Result<&'static str, Refused> {
    match text(body, "delimiter").unwrap_or("COMMA") {
        "COMMA" => Ok("comma"),
        "PIPE" => Ok("pipe"),
        "TAB" => Ok("tab"),
        other => Err(one_of("delimiter", other, &["COMMA", "PIPE", "TAB"], "served here are ")),
    }
}

/// Ids come as numbers, account ids as texts.
fn values(criteria: &Value, key: &str) -> Result<Vec<String>, Refused> {
    let list = match criteria.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Refused::wrong(format!("{key} is no list"))),
    };
    let one = |value: &Value| match value {
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text.trim().to_owned()),
        // The vendor's own samples have a null in such a list.
        Value::Null => Ok(String::new()),
        // What is not read would be a filter that is not there.
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(Refused::wrong(format!("{key} holds `{value}`, which is no id")))
        }
    };
    let all: Vec<String> = list.iter().map(one).collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|value| !value.is_empty()).collect())
}

fn filters(who: &Who, account: &str, criteria: &Value) -> Result<Vec<(&'static str, Vec<String>)>, Refused> {
    let mut accounts = values(criteria, "accountIds")?;
    if accounts.is_empty() {
        accounts.push(account.to_owned());
    }
    if let Some(other) = accounts.iter().find(|other| !who.reads(other)) {
        return Err(Refused::absent(format!("the account {other} is not known here")));
    }
    let mut filters = vec![("accounts", accounts)];
    for (key, filter) in CRITERIA {
        let values = values(criteria, key)?;
        if !values.is_empty() {
            filters.push((filter, values));
        }
    }
    // What only the vendor knows how to read is left alone while it is empty.
    let own = |key: &str| key.starts_with("secure") || key.ends_with("UiiTableKey");
    let filled = |value: &Value| !(value.is_null() || value == "" || value == &json!([]));
    let unread = criteria.as_object().into_iter().flatten().find(|(key, value)| own(key) && filled(value));
    if let Some((key, _)) = unread {
        return Err(Refused::wrong(format!("{key} is not served here; leave it empty")));
    }
    Ok(filters)
}

/// The schedule of a report that is not run at once.
fn repeat(criteria: &Value) -> Result<Option<Value>, Refused> {
    let schedule = criteria.get("schedule").filter(|schedule| schedule.is_object());
    let option = schedule.and_then(|schedule| text(schedule, "repeatOption"));
    match option.unwrap_or("ONCE") {
        "ONCE" | "SINGLE" => Ok(None),
        "MINUTE" | "HOURLY" | "DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY" => Ok(schedule.cloned()),
        "CALENDAR" => Err(Refused::wrong(
            "CALENDAR names no rule; send DAILY, WEEKLY or MONTHLY, or make the report on the page",
        )),
        other => {
            let all = ["ONCE", "SINGLE", "MINUTE", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"];
            Err(one_of("repeatOption", other, &all, "known are "))
        }
    }
}

/// Makes a definition of a request that repeats; it goes to the config's `repeat_to`.
async fn schedule(
    site: &Shared,
    who: &Who,
    account: &str,
    asked: &Asked,
    repeat: &Value,
    body: &Value,
) -> Result<Response, Refused> {
    who.needs(Role::Edit)?;
    let to = &site.core.config.web.repeat_to;
    if to.is_empty() {
        let cure = "no destination is configured for reports that repeat: set `[web] repeat_to`, or make the report on \
                    the page";
        return Err(Refused::wrong(cure));
    }
    let (period, tables) = rule(repeat)?;
    let mut job = asked.job(&period);
    // Who asked stands in the audit: the same request under another token is the same report.
    let whence = format!("scheduled over reportsStreaming for the account {account}");
    job.insert("description".to_owned(), whence.into());
    job.insert("schedule".to_owned(), tables.into_iter().map(toml::Value::Table).collect::<Array>().into());
    let to: Array = to.iter().map(|address| toml::Value::String(address.to_string())).collect();
    let mut email = toml::Table::new();
    email.insert("to".to_owned(), to.into());
    let deliver = toml::Table::from_iter([("email".to_owned(), toml::Value::Table(email))]);
    job.insert("deliver".to_owned(), Array::from_iter([toml::Value::Table(deliver)]).into());
    let text = toml::to_string(&job).map_err(Refused::broken)?;
    // The same request for the same account again is the same report.
    let mark: String = digest(&format!("{account} {body}")).chars().take(8).collect();
    let name = format!("{}-{mark}", asked.kind);
    let known = {
        let name = name.clone();
        site.block(move |core| {
            core.store
                .read_blocking("read a report", |c| definitions::by_name(c, &name))
                .map_err(AskError::from)
        })
        .await?
    };
    let in_force = known.filter(|known| known.state != definitions::DefinitionState::Retired);
    if in_force.as_ref().is_some_and(|known| known.text != text) {
        let taken =
            format!("this request made {name}, which was changed since; change it there, or delete it first");
        return Err(Refused::new(StatusCode::CONFLICT, taken));
    }
    if in_force.is_none() {
        Immediate::parse(&site.core, &job)?;
        let draft =
            Draft { name: name.clone(), text, who: who.name.clone(), private: Some(false), new: true };
        ask::put(&site.core, draft).await?;
        site.wake.all();
        site.note(who, "create", &name, Some("over reportsStreaming".to_owned())).await;
    }
    Ok((StatusCode::CREATED, axum::Json(json!({ "name": name }))).into_response())
}

/// The period and the schedule that a vendor's schedule means.
fn rule(schedule: &Value) -> Result<(String, Vec<toml::Table>), Refused> {
    let interval = number(schedule, "interval")?.unwrap_or(1).max(1);
    let time = text(schedule, "startTime").map(|time| time.chars().take(5).collect::<String>());
    let time = time.unwrap_or_else(|| "00:00".to_owned());
    let mut days = Vec::new();
    let mut table = toml::Table::new();
    let mut put = |key: &str, value: toml::Value| drop(table.insert(key.to_owned(), value));
    let minute = time.get(2..).unwrap_or(":00").to_owned();
    let period = match text(schedule, "repeatOption").unwrap_or_default() {
        "MINUTE" => {
            put("every", format!("{interval}m").into());
            format!("last {interval} minutes")
        }
        "HOURLY" if interval == 1 => {
            put("repeat", "hourly".into());
            put("at", minute.into());
            "previous hour".to_owned()
        }
        "HOURLY" => {
            put("every", format!("{interval}h").into());
            format!("last {interval} hours")
        }
        _ if interval != 1 => {
            return Err(Refused::wrong("an interval above 1 is served for MINUTE and HOURLY only"));
        }
        "DAILY" => {
            put("repeat", "daily".into());
            put("at", time.into());
            "yesterday".to_owned()
        }
        "WEEKLY" => {
            days = values(schedule, "daysOfWeek")?;
            put("repeat", "weekly".into());
            put("at", time.into());
            "previous week".to_owned()
        }
        "MONTHLY" => {
            let day = number(schedule, "dayOfTheMonth")?.unwrap_or(1);
            put("repeat", "monthly".into());
            put("on", i64::try_from(day).unwrap_or(i64::MAX).into());
            put("at", time.into());
            "previous month".to_owned()
        }
        _ => {
            let cure = "YEARLY has no period of a year here; make the report on the page with the period that it means";
            return Err(Refused::wrong(cure));
        }
    };
    if let Some(zone) = text(schedule, "scheduleTimezoneName") {
        put("time_zone", zone.into());
    }
    if days.is_empty() {
        return Ok((period, vec![table]));
    }
    let on = |day: &String| {
        let mut own = table.clone();
        own.insert("on".to_owned(), day.to_lowercase().into());
        own
    };
    Ok((period, days.iter().map(on).collect()))
}

/// A whole number, written as one or as a text.
fn number(schedule: &Value, key: &str) -> Result<Option<u64>, Refused> {
    match schedule.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(value) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.parse()
                .map(Some)
                .map_err(|_| Refused::wrong(format!("{key} is `{text}`, which is no whole number")))
        }
    }
}
