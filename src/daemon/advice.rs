//! What a person can do about an occurrence, in words to type.

use crate::domain::text::rfc3339;
use crate::store::definitions::DefinitionState;
use crate::store::deliveries::ToldDelivery;
use crate::store::overview::ToldOccurrence;

/// Whether a check holds the file.
pub fn held_file(found: &ToldOccurrence) -> bool {
    found.run.as_ref().and_then(|run| run.file.as_ref()).is_some_and(|file| file.verdict == "held")
}

/// What to do next about an occurrence of a definition that is in a state.
pub fn what_next(found: &ToldOccurrence, sent: &[ToldDelivery], state: DefinitionState) -> String {
    let next = of_occurrence(found, sent);
    match state {
        DefinitionState::Paused => format!("{next}; its schedules are paused: legwork resume {}", found.name),
        DefinitionState::Retired => format!("{next}; it is retired: its job file is gone"),
        DefinitionState::Active => next,
    }
}

/// What to do next about a definition in a state that was never due.
pub fn never_due(name: &str, state: DefinitionState, next_at: Option<jiff::Timestamp>) -> String {
    let run = format!("legwork run {name}");
    match next_at {
        _ if state == DefinitionState::Paused => {
            format!("legwork resume {name}; it has never been due, and its schedules are paused")
        }
        _ if state == DefinitionState::Retired => {
            "bring its job file back; it has never been due, and it is retired".to_owned()
        }
        Some(at) => format!("wait; it has never been due yet, and is at {}; or: {run}", rfc3339(at)),
        None => format!("{run}; it has never been due, and no instant of it is to come"),
    }
}

fn of_occurrence(found: &ToldOccurrence, sent: &[ToldDelivery]) -> String {
    let name = &found.name;
    let any = |state| sent.iter().any(|delivery| delivery.state == state);
    let period = format!("--period {}..{}", rfc3339(found.period_start), rfc3339(found.period_end));
    let run = found.run.as_ref().map_or(0, |run| run.run_id);
    match found.state.as_str() {
        "failed" => format!("mend what the run says, then: legwork run {name} {period}"),
        "skipped" => format!("legwork run {name} {period}"),
        "due" if found.retry_at.is_some() => {
            format!("wait for the next try, or: legwork run {name} {period}")
        }
        "due" | "running" => "wait; the daemon is at it".to_owned(),
        _ if held_file(found) => format!(
            "look at the file; if it is right: legwork release {run}; if not: legwork discard {run} --reason …, or mend \
             the data and: legwork rerun {run}"
        ),
        _ if any("held") => "say whom it is for, with the command that stands beside it".to_owned(),
        _ if any("unknown") => format!(
            "ask the recipient whether it arrived (the Message-ID is in `legwork -o json why {name}`); if it did: \
             legwork discard {run} --reason arrived; if not: legwork release {run}"
        ),
        _ if any("failed") => format!("mend what the far end says, then: legwork deliver {run}"),
        _ if any("pending") => "wait; the next attempt is planned".to_owned(),
        _ => "nothing to do".to_owned(),
    }
}
