//! LivePerson's agent segments (actual handle time) and agent segment metrics (Messaging Operations), from the segment
//! store.
//!
//! Parameters, limits and error codes are those of the vendor's newest pages: the older one has names with blanks, which
//! are read too, and defaults that slipped from other rows, which are not.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use toml::value::Array;

use super::caller;
use super::immediate::{Immediate, answer};
use crate::domain::period::Period;
use crate::domain::zone::{Zone, ZoneOrigin};
use crate::web::Shared;
use crate::web::fields::Fields;
use crate::web::guard::Asker;
use crate::web::refused::Refused;

/// The longest window of agent segments.
const WINDOW_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far back agent segments are served.
const BACK_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Rows of a page at the most, and when nothing is said.
const LIMITS: (u64, u64) = (500, 100);
/// Minutes back of the metrics at the most, and of an interval at the least.
const TIMEFRAME_MAX: u32 = 1_440;
const INTERVAL_MIN: u32 = 5;
const JSON: &str = "application/json";

/// An error in the vendor's shape.
pub(super) fn error(refused: &Refused) -> Response {
    let (status, text) = (refused.status, &refused.detail);
    let body = match status {
        StatusCode::UNAUTHORIZED => json!({ "reason": "unauthorized", "message": text }),
        _ if status.is_server_error() => json!({ "internalCode": null, "message": text }),
        _ => json!({ "causes": [text], "message": status.canonical_reason() }),
    };
    let mut response = (status, axum::Json(body)).into_response();
    response.extensions_mut().insert(refused.clone());
    response
}

/// Parameters by name, whatever its case and with or without blanks.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(request: &Request) -> Self {
        let plain = |name: &str| name.replace([' ', '_'], "").to_lowercase();
        let fields = Fields::of_query(request).0.into_iter();
        Self(fields.map(|(name, value)| (plain(&name), value.trim().to_owned())).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| Refused::wrong(format!("{name} is `{text}`, which is no number that fits")))
    }

    /// Ids with commas between; `all` is none.
    fn ids(&self, name: &str) -> Vec<String> {
        let Some(text) = self.get(name).filter(|text| !text.eq_ignore_ascii_case("all")) else {
            return Vec::new();
        };
        text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(ToOwned::to_owned).collect()
    }
}

fn job(kind: &str, account: &str) -> (toml::Table, toml::Table) {
    let mut report = toml::Table::new();
    report.insert("type".to_owned(), kind.into());
    report.insert("time_zone".to_owned(), "UTC".into());
    report.insert("period".to_owned(), "today".into());
    let accounts = Array::from_iter([toml::Value::String(account.to_owned())]);
    (report, toml::Table::from_iter([("accounts".to_owned(), accounts.into())]))
}

fn whole(mut report: toml::Table, filters: toml::Table) -> toml::Table {
    report.insert("filters".to_owned(), filters.into());
    let output = toml::Table::from_iter([("format".to_owned(), "json".into())]);
    toml::Table::from_iter([("report".to_owned(), report.into()), ("output".to_owned(), output.into())])
}

fn texts(values: Vec<String>) -> toml::Value {
    values.into_iter().map(toml::Value::String).collect::<Array>().into()
}

/// `GET /api/account/{accountId}/agent-segments`.
pub(super) async fn agent_segments(
    State(site): State<Shared>,
    Extension(asker): Extension<Asker>,
    Path(account): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Refused> {
    let who = caller(&site, asker, &headers, &account).await?;
    let asked = Parameters::of(&request);
    let now = site.core.now();
    let source = asked.get("source").ok_or_else(|| Refused::wrong("source is required"))?;
    if 20 < source.len() || !source.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Refused::wrong("source has at most 20 of a-z, A-Z, 0-9 and _"));
    }
    let (period, zone) = window(&asked, now)?;
    let limit = asked.number::<u64>("limit")?.unwrap_or(LIMITS.1);
    if limit == 0 || LIMITS.0 < limit {
        return Err(Refused::wrong(format!("limit is {limit}; it may be 1 to {}", LIMITS.0)));
    }
    let (mut report, mut filters) = job("agent-segments", &account);
    if let Some(sort) = asked.get("sort").or_else(|| asked.get("sorttype")) {
        report.insert("sort".to_owned(), sort.to_lowercase().into());
    }
    report.insert("limit".to_owned(), i64::try_from(limit).unwrap_or(i64::MAX).into());
    report.insert("offset".to_owned(), asked.number::<u32>("offset")?.map_or(0, i64::from).into());
    for (name, key) in [
        ("conversationid", "conversations"),
        ("agentid", "agents"),
        ("employeeid", "employees"),
        ("skillid", "skill_ids"),
        ("groupid", "groups"),
    ] {
        if let Some(value) = asked.get(name) {
            filters.insert(key.to_owned(), texts(vec![value.to_owned()]));
        }
    }
    let mut definition = Immediate::parse(&site.core, &whole(report, filters))?;
    definition.report.served_at = Some(own_url(&site, &headers, &request));
    definition.report.zone = zone;
    answer(&site, &who, Immediate { definition, period, nominal: now, account }, JSON).await
}

/// The request's own URL without limit and offset.
fn own_url(site: &Shared, headers: &HeaderMap, request: &Request) -> String {
    let host = headers.get(axum::http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let base = site.core.config.web.public_url.clone().unwrap_or_else(|| format!("http://{host}"));
    let mut query = Fields::of_query(request);
    // Parameters are read in any case.
    query.0.retain(|(name, _)| !["limit", "offset"].iter().any(|own| name.eq_ignore_ascii_case(own)));
    let query = query.to_query();
    format!("{base}{}?{query}", request.uri().path())
}

/// The window, and the offset in which its bounds are told back.
fn window(asked: &Parameters, now: Timestamp) -> Result<(Period, Zone), Refused> {
    let mut zone = Zone::utc();
    let mut bound = |name: &str| -> Result<Option<Timestamp>, Refused> {
        let millis = format!("{name}millis");
        match (asked.get(name), asked.number::<i64>(&millis)?) {
            (Some(_), Some(_)) => {
                Err(Refused::wrong(format!("{name} and {name}Millis exclude each other; send one of them")))
            }
            (None, None) => Ok(None),
            (None, Some(ms)) => {
                let at = Timestamp::from_millisecond(ms);
                at.map(Some).map_err(|_| Refused::wrong(format!("{name}Millis is {ms}, which is no instant")))
            }
            (Some(text), None) => {
                // A plus that was sent as it is reads as a blank.
                let text = text.replace(' ', "+");
                let wrong =
                    || Refused::wrong(format!("{name} is `{text}`; send RFC 3339, as 2021-11-21T12:09:40Z"));
                let at: Timestamp = text.parse().map_err(|_| wrong())?;
                let pieces = DateTimeParser::new().parse_pieces(&text).map_err(|_| wrong())?;
                if let Some(offset) = pieces.to_numeric_offset().filter(|offset| offset.seconds() != 0) {
                    zone = Zone::new(offset.to_string(), TimeZone::fixed(offset), ZoneOrigin::Host);
                }
                Ok(Some(at))
            }
        }
    };
    let day = SignedDuration::from_hours(24);
    let (from, to) = (bound("from")?, bound("to")?);
    let start = from.unwrap_or_else(|| now.checked_sub(day).unwrap_or(Timestamp::UNIX_EPOCH));
    let end = to.unwrap_or(now);
    if end <= start {
        return Err(Refused::wrong("to is not behind from"));
    }
    if WINDOW_MAX < end.duration_since(start) {
        return Err(Refused::wrong("the window is longer than a week"));
    }
    if BACK_MAX < now.duration_since(start) {
        return Err(Refused::wrong(
            "from lies more than a month back; a report of the page or of a job reaches further",
        ));
    }
    Ok((Period { start, end }, zone))
}

/// `GET /operations/api/account/{accountId}/msgagentsegments`.
pub(super) async fn msg_agent_segments(
    State(site): State<Shared>,
    Extension(asker): Extension<Asker>,
    Path(account): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Refused> {
    let who = caller(&site, asker, &headers, &account).await?;
    let asked = Parameters::of(&request);
    let now = site.core.now();
    if asked.get("v") != Some("1") {
        return Err(Refused::wrong("v is required, and is 1"));
    }
    let timeframe =
        asked.number::<u32>("timeframe")?.ok_or_else(|| Refused::wrong("timeframe is required"))?;
    if timeframe == 0 || TIMEFRAME_MAX < timeframe {
        return Err(Refused::wrong(format!(
            "timeframe is {timeframe}; it may be 1 to {TIMEFRAME_MAX} minutes"
        )));
    }
    let (mut report, mut filters) = job("messaging-agent-segments", &account);
    report.insert("period".to_owned(), format!("last {timeframe} minutes").into());
    if let Some(interval) = asked.number::<u32>("interval")? {
        if interval < INTERVAL_MIN || timeframe < interval || timeframe % interval != 0 {
            let rule = "it must be at least 5, at most the timeframe, and divide it";
            return Err(Refused::wrong(format!("interval is {interval}; {rule}")));
        }
        report.insert("interval".to_owned(), format!("{interval}m").into());
    }
    if asked.get("skillids").is_some() {
        let ids = asked.ids("skillids");
        let ids = if ids.is_empty() { vec!["all".to_owned()] } else { ids };
        report.insert("by_skill".to_owned(), texts(ids));
    }
    let wanted = asked.ids("metrics");
    if !wanted.is_empty() {
        report.insert("metrics".to_owned(), texts(wanted));
    }
    for (name, key) in [("agentids", "agents"), ("groupids", "groups"), ("source", "integration_sources")] {
        let ids = asked.ids(name);
        if !ids.is_empty() {
            filters.insert(key.to_owned(), texts(ids));
        }
    }
    match asked.get("usertype").map(str::to_lowercase).as_deref() {
        None | Some("all") => {}
        Some(word @ ("human" | "bot")) => drop(filters.insert("user_type".to_owned(), word.into())),
        Some(other) => return Err(Refused::wrong(format!("userType is `{other}`; send human, bot or all"))),
    }
    let definition = Immediate::parse(&site.core, &whole(report, filters))?;
    let start = now.checked_sub(SignedDuration::from_mins(timeframe.into())).unwrap_or(Timestamp::UNIX_EPOCH);
    let period = Period { start, end: now };
    answer(&site, &who, Immediate { definition, period, nominal: now, account }, JSON).await
}
