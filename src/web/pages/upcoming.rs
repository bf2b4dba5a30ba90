//! Upcoming: what is due within a week, by hour and day; and the same as a calendar feed.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::daemon::ask::AskError;
use crate::domain::text::rfc3339;
use crate::domain::zone::Zone;
use crate::web::Shared;
use crate::web::access::Who;
use crate::web::acts::{Due, due};
use crate::web::fields::Fields;
use crate::web::refused::Refused;
use crate::web::view::values;

/// Instants shown at the most.
const INSTANTS_MAX: usize = 2_000;

#[derive(serde::Serialize)]
struct Cell {
    time: String,
    iso: String,
    name: String,
    note: String,
}

#[derive(serde::Serialize)]
struct Hour {
    text: String,
    cells: Vec<Vec<Cell>>,
}

impl Hour {
    fn new(hour: u32, days: usize) -> Self {
        Self { text: format!("{hour:02}:00"), cells: std::iter::repeat_with(Vec::new).take(days).collect() }
    }
}

/// The page: hours down, days across, in one zone.
pub(super) async fn show(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request,
) -> Result<Response, Refused> {
    let fields = Fields::of_query(&request);
    let asked = fields.get("zone").to_owned();
    let asker = who.clone();
    let values = site
        .block(move |core| {
            let all = due(core, &asker)?;
            let zone = if asked.is_empty() {
                all.first().map_or_else(Zone::utc, |due| due.zone.clone())
            } else {
                core.zones.find(&asked).map_err(AskError::Wrong)?
            };
            let zones: Vec<&str> = core.zones.names().collect();
            Ok(calendar_values(core.now(), &all, &zone, &zones))
        })
        .await?;
    site.page(Some(&who), "upcoming.html", values)
}

fn calendar_values(now: Timestamp, all: &[Due], zone: &Zone, zones: &[&str]) -> serde_json::Value {
    let mut dates = Vec::new();
    let mut date = zone.zoned(now).date();
    for _ in 0..8 {
        dates.push(date);
        date = date.tomorrow().unwrap_or(date);
    }
    let shown = all.get(..INSTANTS_MAX).unwrap_or(all);
    let mut notes: Vec<String> = shown
        .iter()
        .filter(|due| !due.note.is_empty())
        .map(|due| format!("{}: {}", due.name, due.note))
        .collect();
    notes.dedup();
    let mut hours: Vec<Hour> = (0..24).map(|hour| Hour::new(hour, dates.len())).collect();
    for due in shown {
        let local = zone.zoned(due.at);
        let day = dates.iter().position(|date| *date == local.date());
        let hour = usize::try_from(local.hour()).ok().and_then(|hour| hours.get_mut(hour));
        let Some(cell) = day.zip(hour).and_then(|(day, hour)| hour.cells.get_mut(day)) else { continue };
        cell.push(Cell {
            time: local.strftime("%H:%M").to_string(),
            iso: rfc3339(due.at),
            name: due.name.clone(),
            note: due.note.clone(),
        });
    }
    hours.retain(|hour| hour.cells.iter().any(|cell| !cell.is_empty()));
    values! {
        title => "Upcoming",
        zone => zone.name(),
        zones,
        days => dates.iter().map(|date| date.strftime("%a %-d %b").to_string()).collect::<Vec<_>>(),
        hours,
        notes,
        more => (INSTANTS_MAX < all.len()).then_some(INSTANTS_MAX),
    }
}

/// The feed, by RFC 5545.
pub(super) async fn calendar(
    State(site): State<Shared>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refused> {
    let (all, now) = site.block(move |core| Ok((due(core, &who)?, core.now()))).await?;
    let stamp = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut text = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Legwork//Upcoming//EN\r\n");
    for due in all.iter().take(INSTANTS_MAX) {
        let lines = [
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}-{}@legwork", due.name, stamp(due.at)),
            format!("DTSTAMP:{}", stamp(now)),
            format!("DTSTART:{}", stamp(due.at)),
            format!("SUMMARY:{}", escaped(&due.name)),
            format!("DESCRIPTION:{}", escaped(&due.note)),
            "END:VEVENT".to_owned(),
        ];
        for line in lines {
            fold(&line, &mut text);
        }
    }
    text.push_str("END:VCALENDAR\r\n");
    Ok(([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response())
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

/// Lines have 75 octets at the most; a longer one goes on behind a blank.
fn fold(line: &str, out: &mut String) {
    let mut octets = 0;
    for c in line.chars() {
        if 73 < octets + c.len_utf8() {
            out.push_str("\r\n ");
            octets = 1;
        }
        octets += c.len_utf8();
        out.push(c);
    }
    out.push_str("\r\n");
}
