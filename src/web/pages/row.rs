//! A report as a row of the list: everything a supervisor asks about it, in words.

use jiff::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use crate::daemon::listing::{Listed, Verdict};
use crate::daemon::{Core, usual_rows};
use crate::domain::access::Role;
use crate::domain::definition::{Definition, Destination};
use crate::domain::text::{away, local, rfc3339};
use crate::domain::zone::Zone;
use crate::store::definitions;
use crate::store::files;
use crate::store::shelf::Shelved;
use crate::web::access::Who;

/// A row of the list.
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own in the row")]
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    description: String,
    kind: &'static str,
    period: String,
    format: &'static str,
    recent: bool,
    generated: Option<Moment>,
    verdict: &'static str,
    sign: &'static str,
    rows: Option<u64>,
    usual: Option<String>,
    next: Option<Moment>,
    to: Vec<String>,
    file: Option<String>,
    problem: Option<String>,
    made_by: Option<String>,
    private: bool,
    favourite: bool,
    paused: bool,
    scheduled: bool,
    has_file: bool,
    /// Whether this person may change it: those of files are changed there.
    own: bool,
}

/// An instant for people and programs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Moment {
    iso: String,
    text: String,
    zone: String,
    away: String,
}

impl Moment {
    pub(super) fn of(at: Timestamp, zone: &Zone, now: Timestamp) -> Self {
        Self { iso: rfc3339(at), text: local(at, zone), zone: zone.name().to_owned(), away: away(at, now) }
    }
}

/// A word and a sign: a colour alone would not do.
pub(super) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed => "✖",
        Verdict::Held => "▲",
        Verdict::Late => "◔",
        Verdict::Retrying => "↻",
        Verdict::Running => "▶",
        Verdict::Due => "◷",
        Verdict::Fresh => "●",
        Verdict::Paused => "‖",
        Verdict::Retired => "–",
        Verdict::OnDemand => "○",
    }
}

/// A report's row. Blocks.
pub(super) fn row(
    core: &Core,
    connection: &Connection,
    shelved: Shelved,
    who: &Who,
    now: Timestamp,
) -> rusqlite::Result<Row> {
    let Shelved { stored, made_by, private, favourite } = shelved;
    let parsed = core.definition(stored.version_id);
    let listed = Listed::look(connection, stored, now)?;
    let (stored, newest) = (&listed.stored, &listed.newest);
    let definition = parsed.as_ref().ok();
    let zone = definition.map_or_else(Zone::utc, |definition| definition.report.zone.clone());
    let moment = |at: Timestamp| Moment::of(at, &zone, now);
    let usual = definition
        .zip(newest.last_nominal_at)
        .map(|(definition, at)| usual_rows(connection, stored.definition_id, at, definition))
        .transpose()?
        .flatten();
    Ok(Row {
        description: definition.map(|definition| definition.description.clone()).unwrap_or_default(),
        kind: definition.map_or("", |definition| definition.report.kind.name),
        period: definition
            .map(|definition| definition.report.period.to_string().replace("T00:00:00", ""))
            .unwrap_or_default(),
        format: definition.map_or("file", |definition| definition.output.format.extension()),
        recent: listed.recent,
        generated: newest.generated_at.map(moment),
        // What is wrong under the config in force will fail at its next instant.
        verdict: if definition.is_none() { "failed" } else { listed.verdict.name() },
        sign: sign(if definition.is_none() { Verdict::Failed } else { listed.verdict }),
        rows: newest.rows.and_then(|rows| u64::try_from(rows).ok()),
        usual: usual.map(|usual| usual.to_string()),
        next: newest.next_at.map(moment),
        to: definition.map(|definition| destinations(definition)).unwrap_or_default(),
        problem: match &parsed {
            Ok(_) => definitions::load_problem(connection, stored)?,
            Err(error) => Some(error.to_string()),
        },
        private,
        favourite,
        paused: listed.verdict == Verdict::Paused,
        scheduled: definition.is_some_and(|definition| !definition.schedules.is_empty()),
        has_file: files::newest(connection, stored.definition_id)?.is_some(),
        own: stored.file.is_none() && who.may(Role::Edit),
        file: stored.file.clone(),
        name: stored.name.clone(),
        made_by,
    })
}

/// Where the file goes, in a few words each.
fn destinations(definition: &Definition) -> Vec<String> {
    let each = definition.destinations.iter().map(|destination| match destination {
        Destination::Email(email) => {
            let all = email.to.len() + email.cc.len() + email.bcc.len();
            match (all, email.to.first()) {
                (1, Some(address)) => address.bare().to_owned(),
                _ if email.split_by.is_some() => "email, split".to_owned(),
                _ => format!("email to {all}"),
            }
        }
        Destination::File(file) => format!("{} {}", file.place.name(), file.target),
        Destination::Webhook(webhook) => format!("webhook {}", webhook.target),
    });
    each.collect()
}
