//! One mail a day, also when all is well: its absence is the alarm.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;

use super::prepare::notice;
use super::{Core, CoreError};
use crate::config::Summary;
use crate::domain::text::local;
use crate::domain::units::grouped;
use crate::store::alerts::{self, Alert, Day};
use crate::store::definitions;
use crate::store::deliveries::add_notice;
use crate::store::sources::{self, Collection};

/// Under this name the ledger keeps when the last one was written.
const REMEMBERED: &str = "summary";
/// Names told one by one.
const TOLD_MAX: usize = 20;

/// Writes the mail when its time of day has come and today's is not there yet.
pub(super) async fn send_if_due(core: &Arc<Core>) -> Result<(), CoreError> {
    let Some(summary) = &core.config.alerts.summary else { return Ok(()) };
    let now = core.now();
    let Some(due) = due(summary, now) else { return Ok(()) };
    let remembered =
        core.store.read("read the last daily mail", |c| definitions::surrounding(c, REMEMBERED)).await;
    let remembered = remembered.map_err(CoreError::store("read the last daily mail"))?;
    let last: Option<Timestamp> = remembered.and_then(|text| text.parse().ok());
    if last.is_some_and(|last| due <= last) {
        return Ok(());
    }
    let from = last.unwrap_or(now - jiff::SignedDuration::from_hours(24));
    let configured: BTreeSet<String> = core.sources.all().map(|source| source.name.clone()).collect();
    let read = move |connection: &rusqlite::Connection| {
        let open = alerts::open(connection)?;
        let names = open.iter().map(|alert| alerts::name(connection, alert.condition.definition_id));
        let names: Vec<String> = names.map(|found| found.map(|(name, _)| name)).collect::<Result<_, _>>()?;
        let mut failing = sources::collections(connection)?;
        // What is not in the config any more fails nobody.
        failing.retain(|source| source.failure.is_some() && configured.contains(&source.source));
        Ok((alerts::day(connection, from, now)?, open, names, failing))
    };
    let read = core.store.read("read the day", read).await;
    let (day, open, names, failing) = read.map_err(CoreError::store("read the day"))?;
    let open = Open { alerts: &open, names: &names, failing: &failing };
    let (subject, body) = text(summary, from, now, &day, &open);
    let mails: Vec<_> = summary.to.iter().filter_map(|to| notice(core, to, &subject, &body, now)).collect();
    let write = move |tx: &rusqlite::Transaction<'_>| {
        definitions::set_surrounding(tx, REMEMBERED, &now.to_string())?;
        mails.iter().try_for_each(|mail| add_notice(tx, None, mail, now))
    };
    core.store.write("write the daily mail", write).await.map_err(CoreError::store("write the daily mail"))
}

/// What is wrong now.
struct Open<'a> {
    alerts: &'a [Alert],
    /// The definitions that they are about, in their order.
    names: &'a [String],
    /// Sources whose last pass failed.
    failing: &'a [Collection],
}

/// The instant of today's mail, if it has come.
fn due(summary: &Summary, now: Timestamp) -> Option<Timestamp> {
    let today = summary.zone.civil(now).date();
    let due = summary.zone.first_instant(today.to_datetime(summary.at))?;
    (due <= now).then_some(due)
}

fn text(summary: &Summary, from: Timestamp, now: Timestamp, day: &Day, open: &Open<'_>) -> (String, String) {
    let Open { alerts, names, failing } = open;
    let zone = &summary.zone;
    let date = zone.civil(now).date();
    let count = alerts.len() + failing.len();
    let subject = if count == 0 {
        format!("Legwork {date}: all is well, {} reports made", grouped(day.done))
    } else {
        format!("Legwork {date}: {count} open, {} reports made", grouped(day.done))
    };
    let mut body = format!("From {} to {}, {}:\n\n", local(from, zone), local(now, zone), zone.name());
    for (label, count) in
        [("made", day.done), ("delivered", day.delivered), ("skipped by a rule", day.skipped)]
    {
        writeln!(body, "  {label:<18} {}", grouped(count)).unwrap_or_default();
    }
    writeln!(body, "  {:<18} {}", "failed", day.failed.len()).unwrap_or_default();
    for name in day.failed.iter().take(TOLD_MAX) {
        writeln!(body, "      {name}").unwrap_or_default();
    }
    body.push_str("\nOpen now:\n");
    for kind in ["failed", "late", "held", "unknown", "ahead"] {
        let of: Vec<&String> = alerts
            .iter()
            .zip(*names)
            .filter(|(alert, _)| alert.condition.kind == kind)
            .map(|(_, name)| name)
            .collect();
        writeln!(body, "  {kind:<18} {}", of.len()).unwrap_or_default();
        for name in of.iter().take(TOLD_MAX) {
            writeln!(body, "      {name}").unwrap_or_default();
        }
    }
    if !failing.is_empty() {
        writeln!(body, "  {:<18} {}", "sources failing", failing.len()).unwrap_or_default();
    }
    for source in failing.iter().take(TOLD_MAX) {
        let words = source.failure.as_deref().unwrap_or_default();
        let feed = if source.feed.is_empty() { String::new() } else { format!(" {}", source.feed) };
        writeln!(body, "      {}{feed}: {words}", source.source).unwrap_or_default();
    }
    body.push_str("\nThis mail comes every day. If it does not, look at the machine.\n");
    (subject, body)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::due;
    use crate::config::Summary;
    use crate::domain::zone::{Zone, ZoneOrigin};

    #[test]
    fn the_mail_is_due_at_its_local_time_each_day() {
        let zone = Zone::new("Europe/Berlin", TimeZone::get("Europe/Berlin").unwrap(), ZoneOrigin::Host);
        let summary = Summary { to: Vec::new(), at: jiff::civil::time(7, 0, 0, 0), zone };
        let at = |text: &str| due(&summary, text.parse().unwrap()).map(|at| at.to_string());
        assert_eq!(at("2026-07-01T04:59:59Z"), None);
        assert_eq!(at("2026-07-01T05:00:00Z").unwrap(), "2026-07-01T05:00:00Z");
        assert_eq!(at("2026-11-21T06:30:00Z").unwrap(), "2026-11-21T06:00:00Z");
    }
}
