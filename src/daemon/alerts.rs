//! What is wrong → who is told: at the first sight of it, once a day while it lasts, and once when it is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::prepare::{event, notice};
use super::timer::Timer;
use super::{Core, CoreError, Wake, doctor, summary};
use crate::chain::chain;
use crate::domain::definition::Definition;
use crate::domain::text::local;
use crate::store::alerts::{self, Alert, Condition};
use crate::store::deliveries::{NewDelivery, add_notice};

/// The ledger is looked at this often.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// Failures older than this are history.
const HISTORY: SignedDuration = SignedDuration::from_hours(35 * 24);

/// Looks until it is told to stop.
pub(super) async fn alerts(core: Arc<Core>, wake: Wake, stop: CancellationToken) {
    let timer = Timer::new(core.clock.clone());
    loop {
        // From the beginning of a look: what changes during it is seen by the next.
        let next = core.now() + LOOK_EVERY;
        if let Err(error) = pass(&core).await {
            tracing::error!(error = chain(&error), "what is wrong could not be told; trying again");
        }
        if let Err(error) = summary::send_if_due(&core).await {
            tracing::error!(error = chain(&error), "the daily mail could not be written; trying again");
        }
        // What was said is to go out now.
        wake.courier.notify_one();
        tokio::select! {
            () = stop.cancelled() => return,
            () = timer.until(next) => {}
        }
    }
}

/// What one pass has to say.
struct Word {
    condition: Condition,
    over: bool,
    messages: Vec<NewDelivery>,
}

async fn pass(core: &Arc<Core>) -> Result<(), CoreError> {
    let now = core.now();
    let late_before = now - core.config.alerts.late_after;
    let read = move |connection: &rusqlite::Connection| {
        Ok((
            alerts::conditions(connection, late_before, now - HISTORY)?,
            alerts::open(connection)?,
            alerts::stopped(connection)?,
        ))
    };
    let found = core.store.read("read what is wrong", read).await;
    let (mut conditions, open, stopped) = found.map_err(CoreError::store("read what is wrong"))?;
    // What is stopped by a person reminds nobody.
    conditions.retain(|condition| !stopped.contains(&condition.definition_id));
    if conditions.is_empty() && open.is_empty() {
        return Ok(());
    }
    let words = tokio::task::block_in_place(|| words(core, conditions, open, &stopped, now));
    if words.is_empty() {
        return Ok(());
    }
    let write = move |tx: &rusqlite::Transaction<'_>| {
        for word in &words {
            if word.over {
                alerts::over(tx, &word.condition)?;
            } else {
                alerts::told(tx, &word.condition, now)?;
            }
            for message in &word.messages {
                add_notice(tx, Some(word.condition.definition_id), message, now)?;
            }
        }
        Ok(())
    };
    core.store.write("note what was told", write).await.map_err(CoreError::store("note what was told"))
}

/// What is new, what lasts, and what is over. What lies ahead has its own end.
fn words(
    core: &Core,
    conditions: Vec<Condition>,
    open: Vec<Alert>,
    stopped: &[i64],
    now: Timestamp,
) -> Vec<Word> {
    let key = |condition: &Condition| (condition.definition_id, condition.kind.clone());
    let mut known: BTreeMap<_, Alert> =
        open.into_iter().map(|alert| (key(&alert.condition), alert)).collect();
    let mut words = Vec::new();
    for condition in conditions {
        let again = match known.remove(&key(&condition)) {
            None => false,
            Some(alert) if alert.told_at + core.config.alerts.remind_after <= now => true,
            Some(_) => continue,
        };
        let messages = messages(core, &condition, if again { State::Still } else { State::New }, now);
        words.push(Word { condition, over: false, messages });
    }
    for alert in known.into_values() {
        let silent = stopped.contains(&alert.condition.definition_id) || alert.since < now - HISTORY;
        if silent {
            words.push(Word { condition: alert.condition, over: true, messages: Vec::new() });
            continue;
        }
        if alert.condition.kind == doctor::AHEAD {
            continue;
        }
        let messages = messages(core, &alert.condition, State::Over(now.duration_since(alert.since)), now);
        words.push(Word { condition: alert.condition, over: true, messages });
    }
    words
}

/// Where in its life something is.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    New,
    Still,
    Over(SignedDuration),
}

/// A notice to the owner, and an event for the config's webhook.
pub(super) fn messages(core: &Core, condition: &Condition, state: State, now: Timestamp) -> Vec<NewDelivery> {
    let id = condition.definition_id;
    let read = |connection: &rusqlite::Connection| {
        Ok((alerts::name(connection, id)?, alerts::last_good(connection, id)?))
    };
    let Ok(((name, version_id), last_good)) = core.store.read_blocking("read a definition", read) else {
        return Vec::new();
    };
    let definition = core.definition(version_id).ok();
    let what = match condition.kind.as_str() {
        "late" => "is late",
        "held" => "is held",
        "unknown" => "may not have arrived",
        doctor::AHEAD => "would not go out",
        _ => "has failed",
    };
    let mut messages = Vec::new();
    if let Some((definition, owner)) = definition.as_deref().and_then(|d| Some((d, d.owner.as_ref()?))) {
        let subject = match state {
            State::New => format!("Legwork: {name} {what}"),
            State::Still => format!("Legwork: {name} still {what}"),
            State::Over(_) if matches!(condition.kind.as_str(), "held" | "unknown") => {
                format!("Legwork: {name} is settled")
            }
            State::Over(_) => format!("Legwork: {name} is well again"),
        };
        let body = body(definition, condition, what, state, last_good, now);
        messages.extend(notice(core, owner, &subject, &body, now));
    }
    if let Some(webhook) = &core.config.alerts.webhook {
        let (word, since) = match state {
            State::New => (condition.kind.as_str(), None),
            State::Still => return messages,
            State::Over(lasted) => ("recovered", Some(lasted.as_secs())),
        };
        let told = serde_json::json!({
            "report": name,
            "kind": condition.kind,
            "words": condition.words,
            "at": crate::domain::text::rfc3339(now),
            "lasted_s": since,
        });
        messages.push(event(webhook, word, told));
    }
    messages
}

fn body(
    definition: &Definition,
    condition: &Condition,
    what: &str,
    state: State,
    last_good: Option<Timestamp>,
    now: Timestamp,
) -> String {
    let (name, zone) = (&definition.name, &definition.report.zone);
    let at = format!("{} {}", local(now, zone), zone.name());
    let last = last_good.map_or_else(|| "none yet".to_owned(), |at| local(at, zone));
    match state {
        State::New | State::Still => format!(
            "The report {name} {what}, seen {at}.\n\n{words}\n\nLast good file: {last}\n\nWhat happened, and what to \
             type next:\n  legwork why {name}\n",
            words = condition.words
        ),
        State::Over(lasted) => {
            let minutes = lasted.as_secs() / 60;
            let span = if minutes < 60 {
                format!("{minutes} min")
            } else {
                format!("{} h {} min", minutes / 60, minutes % 60)
            };
            format!(
                "The report {name} is well again, seen {at}, after {span}.\n\nIt was:\n{}\n\nLast good file: {last}\n",
                condition.words
            )
        }
    }
}
