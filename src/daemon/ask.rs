//! What people ask for, by command, page or API. Each is a row in the store first; the daemon's tasks do the rest.
//!
//! Functions block unless they are async: a page calls them on a thread that may.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::collect::feed_of;
use super::loader::newly_past;
use super::planner::{self, by_hand, next_instants};
use super::{Core, CoreError, advice, prepare};
use crate::domain::address::Address;
use crate::domain::definition::{Definition, Destination};
use crate::domain::nearest::nearest;
use crate::domain::period::{Period, PeriodError, PeriodRule};
use crate::domain::source::STORE;
use crate::store::answers::{self, NOBODY, Which};
use crate::store::definitions::{self, DefinitionState, Revision, StoredDefinition};
use crate::store::deliveries::{NewDelivery, ToldDelivery};
use crate::store::occurrences::{self, ManualRequest};
use crate::store::sources::{self, CollectRequest};
use crate::store::{Store, StoreError, overview, shelf};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It is about something that is not there.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be asked for this way; the text says what would be right.
    #[error("{0}")]
    Wrong(String),
    /// The name is another's, or nobody's any more.
    #[error("{0}")]
    Taken(String),
    /// It can be asked for later.
    #[error("{0}")]
    Later(String),
    /// What it needs is gone.
    #[error("{0}")]
    Gone(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something below failed.
    #[error(transparent)]
    Core(#[from] CoreError),
}

impl AskError {
    /// The other error where something is not there: what somebody may not see is told like what does not exist.
    #[must_use]
    pub fn or_absent(self, absent: Self) -> Self {
        if matches!(self, Self::NotFound(_)) { absent } else { self }
    }
}

/// A definition by name, or the nearest name.
pub fn definition(store: &Store, name: &str) -> Result<StoredDefinition, AskError> {
    if let Some(found) = store.read_blocking("read a definition", |c| definitions::by_name(c, name))? {
        return Ok(found);
    }
    let all = store.read_blocking("read the definitions", definitions::all)?;
    let help = match nearest(name, all.iter().map(|stored| stored.name.as_str())) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => "; `legwork list` shows what there is, and `legwork apply` takes up new job files".to_owned(),
    };
    Err(AskError::NotFound(format!("there is no definition `{name}`{help}")))
}

/// Who gets the file of a run by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendTo {
    /// Nobody: the file is made and kept.
    Nobody,
    /// The definition's destinations.
    Destinations,
    /// This address instead of them.
    Address(String),
}

/// A run by hand as a person words it.
#[derive(Debug, Clone)]
pub struct RunWish {
    /// Another period than the definition's.
    pub period: Option<String>,
    /// Who gets the file.
    pub send: SendTo,
}

/// What a wish means for a definition at an instant.
pub fn manual(
    stored: &StoredDefinition,
    parsed: &Definition,
    wish: &RunWish,
    now: Timestamp,
) -> Result<ManualRequest, AskError> {
    let outside = || AskError::Wrong("the period lies outside the years 1970 to 2199".to_owned());
    not_retired(stored)?;
    let mut occurrence = by_hand(parsed, stored.definition_id, stored.version_id, now).ok_or_else(outside)?;
    if let Some(text) = &wish.period {
        occurrence.period = period(text, parsed, now)?;
    }
    let send_to = match &wish.send {
        SendTo::Address(to) => {
            to.parse::<Address>().map_err(AskError::Wrong)?;
            let mails = |destination: &Destination| matches!(destination, Destination::Email(_));
            if !parsed.destinations.iter().any(mails) {
                let none = "the definition has no email destination whose relay and subject could be used";
                return Err(AskError::Wrong(none.to_owned()));
            }
            Some(to.clone())
        }
        SendTo::Nobody | SendTo::Destinations => None,
    };
    let (other_period, send) = (wish.period.is_some(), wish.send != SendTo::Nobody);
    Ok(ManualRequest { occurrence, other_period, send, send_to })
}

/// That a definition is one that can be run.
pub(super) fn not_retired(stored: &StoredDefinition) -> Result<(), AskError> {
    if stored.state == DefinitionState::Retired {
        return Err(AskError::Wrong(format!("{} is retired: bring it back before it is run", stored.name)));
    }
    Ok(())
}

/// A span of two instants, or of two local dates or times of a definition's zone; its end exclusive.
pub(super) fn span((from, to): (&str, &str), parsed: &Definition) -> Result<Period, AskError> {
    if let (Ok(start), Ok(end)) = (from.trim().parse::<Timestamp>(), to.trim().parse::<Timestamp>()) {
        if end <= start {
            let wrong = "the end is not after the beginning; it is the first instant outside";
            return Err(AskError::Wrong(wrong.to_owned()));
        }
        return Ok(Period { start, end });
    }
    let wrong = |error: PeriodError| AskError::Wrong(error.to_string());
    let rule = PeriodRule::between(from, to).map_err(wrong)?;
    rule.resolve(Timestamp::UNIX_EPOCH, &parsed.report.zone, parsed.report.week_start).map_err(wrong)
}

/// A period as a rule, as two local times, or as two instants.
fn period(text: &str, parsed: &Definition, now: Timestamp) -> Result<Period, AskError> {
    if let Some(ends) = text.split_once("..") {
        return span(ends, parsed);
    }
    let wrong = |error: PeriodError| AskError::Wrong(error.to_string());
    let rule: PeriodRule = text.parse().map_err(wrong)?;
    rule.resolve(now, &parsed.report.zone, parsed.report.week_start).map_err(wrong)
}

/// A run that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its occurrence.
    pub occurrence_id: i64,
    /// Whether an earlier request waits already; this is that one then.
    pub waits_already: bool,
}

/// Asks for a run by hand. One place per definition: while one waits, it is that one.
pub fn run(core: &Core, request: &ManualRequest) -> Result<Asked, AskError> {
    let request = request.clone();
    let asked = core.store.write_blocking("ask for a run", move |tx| occurrences::request(tx, &request))?;
    Ok(match asked {
        Ok(occurrence_id) => Asked { occurrence_id, waits_already: false },
        Err(occurrence_id) => Asked { occurrence_id, waits_already: true },
    })
}

/// Asks for the occurrence of a run once more, over its stored period.
pub fn rerun(core: &Core, run_id: i64) -> Result<i64, AskError> {
    let found = core.store.read_blocking("read the run", |c| overview::occurrence_of_run(c, run_id))?;
    let found = found.ok_or_else(|| no_run(run_id))?;
    let asked = core.store.write_blocking("ask for a run", move |tx| answers::rerun(tx, run_id))?;
    asked.ok_or_else(|| AskError::Later(format!("run {run_id} is {}; wait for its end", found.state)))
}

/// That there is no such run.
pub fn no_run(run_id: i64) -> AskError {
    AskError::NotFound(format!("there is no run {run_id}; `legwork runs` lists them"))
}

/// A definition that somebody writes on the page or over the API.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// Its text, as a job file has it.
    pub text: String,
    /// Who writes it.
    pub who: String,
    /// Whether only they see it; as it was when absent.
    pub private: Option<bool>,
    /// Whether it must not be there yet; else it must be.
    pub new: bool,
}

/// Puts a draft in force. It acts forward only, like an edit of a job file.
pub async fn put(core: &Arc<Core>, draft: Draft) -> Result<(), AskError> {
    let now = core.now();
    planner::plan(core, now).await?;
    let reading = core.clone();
    let (name, text) = (draft.name.clone(), draft.text.clone());
    let revision = tokio::task::spawn_blocking(move || {
        let parsed = reading.parse(&name, &text)?;
        if let Some(past) = past(&reading, &parsed)? {
            return Err(AskError::Wrong(past));
        }
        Ok::<_, AskError>(Revision {
            next: next_instants(&reading, &parsed, now),
            replanned: planner::replanned(&reading, &parsed),
            name,
            file: None,
            text,
            at_once: Vec::new(),
        })
    });
    let revision = revision.await.map_err(|error| CoreError::Definition(error.to_string()))??;
    let put = move |tx: &rusqlite::Transaction<'_>| {
        if let Some(clash) = clash(tx, &draft)? {
            return Ok(Err(clash));
        }
        definitions::put(tx, &revision, now)?;
        shelf::set_maker(tx, &draft.name, &draft.who, draft.private)?;
        Ok(Ok(()))
    };
    core.store.write("put a report in force", put).await?.map_err(AskError::Taken)
}

/// What is wrong with a draft's `once` that is past. One that the version in force names as well has had its turn.
/// Blocks.
pub fn past(core: &Core, draft: &Definition) -> Result<Option<String>, AskError> {
    let name = draft.name.to_string();
    let known = core.store.read_blocking("read a definition", |c| definitions::by_name(c, &name))?;
    let past = newly_past(core, draft, known.as_ref(), core.now());
    let wrong = |at| format!("`once` names {at}, which is past; correct it, or run the report now");
    Ok(past.first().map(|(_, at)| wrong(at)))
}

/// Why a draft's name is not free, or not there to be changed.
fn clash(connection: &rusqlite::Connection, draft: &Draft) -> rusqlite::Result<Option<String>> {
    let name = &draft.name;
    let known = definitions::by_name(connection, name)?;
    // A name that comes back brings its history: what was private is its maker's for good.
    if shelf::is_private_of_another(connection, name, &draft.who)? {
        return Ok(Some(format!("the name `{name}` is taken; give this one another name")));
    }
    let known = known.filter(|known| known.state != DefinitionState::Retired);
    Ok(match known {
        Some(StoredDefinition { file: Some(file), .. }) => {
            Some(format!("`{name}` is a job of `{file}`; give this one another name, or change that file"))
        }
        Some(_) if draft.new => {
            Some(format!("there is a report `{name}` already; give this one another name"))
        }
        None if !draft.new => Some(format!("there is no report `{name}` any more")),
        _ => None,
    })
}

/// Asks for a span of a source's rows in the store: a day up to now unless it says otherwise, its end exclusive.
pub fn collect(
    core: &Core,
    name: &str,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<CollectRequest, AskError> {
    let Some(source) = core.sources.get(name) else {
        let help = match nearest(name, core.sources.all().map(|source| source.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None if name == STORE => "the store is what others are collected into".to_owned(),
            None => "`legwork sources` lists them".to_owned(),
        };
        return Err(AskError::NotFound(format!("there is no source `{name}` to collect; {help}")));
    };
    feed_of(source).map_err(|error| AskError::Wrong(error.to_string()))?;
    let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
    let now = core.now();
    let end = to.unwrap_or_else(|| whole(now));
    let start = from.unwrap_or_else(|| end.checked_sub(SignedDuration::from_hours(24)).unwrap_or(end));
    if end <= start {
        return Err(AskError::Wrong("the span's end is not after its beginning".to_owned()));
    }
    if now < end {
        let wrong = "the span's end lies in the future; leave it out to collect up to now";
        return Err(AskError::Wrong(wrong.to_owned()));
    }
    let (name, span) = (source.name.clone(), Period { start, end });
    let id = core.store.write_blocking("ask for a span", move |tx| sources::ask_for(tx, &name, span))?;
    collect_request(core, id)
}

/// What became of a span that was asked for.
pub fn collect_request(core: &Core, id: i64) -> Result<CollectRequest, AskError> {
    let found = core.store.read_blocking("read what was asked for", |c| sources::collect_request(c, id))?;
    found.ok_or_else(|| AskError::NotFound(format!("nobody asked for a span {id}")))
}

/// Stops a definition's schedules; false when they are stopped already.
pub async fn pause(core: &Arc<Core>, stored: &StoredDefinition) -> Result<bool, AskError> {
    let now = core.now();
    // What fell due before the pause is no part of it.
    planner::plan(core, now).await?;
    match stored.state {
        DefinitionState::Paused => Ok(false),
        DefinitionState::Retired => {
            Err(AskError::Wrong(format!("{} is retired: its file is gone", stored.name)))
        }
        DefinitionState::Active => {
            let id = stored.definition_id;
            let stop =
                move |tx: &rusqlite::Transaction<'_>| definitions::stop(tx, id, DefinitionState::Paused, now);
            core.store.write("pause", stop).await?;
            Ok(true)
        }
    }
}

/// Starts a paused definition's schedules again, from now on.
pub fn resume(core: &Core, stored: &StoredDefinition) -> Result<(), AskError> {
    let name = &stored.name;
    if stored.state != DefinitionState::Paused {
        return Err(AskError::Wrong(format!("{name} is {}, not paused", stored.state.name())));
    }
    let now = core.now();
    let parsed = core.parse(name, &stored.text)?;
    let next = next_instants(core, &parsed, now);
    let paused = stored.clone();
    let resumed =
        core.store.write_blocking("resume", move |tx| definitions::resume(tx, &paused, &next, now))?;
    if resumed { Ok(()) } else { Err(AskError::Later(format!("{name} changed meanwhile; try again"))) }
}

/// Has the failed deliveries of a run tried again; returns how many.
pub fn deliver(core: &Core, which: &Which) -> Result<usize, AskError> {
    some(core, which, |delivery| delivery.state == "failed", "failed")?;
    let (which, now) = (which.clone(), core.now());
    let again = move |tx: &rusqlite::Transaction<'_>| answers::try_again(tx, &which, "failed", now);
    Ok(core.store.write_blocking("try deliveries again", again)?)
}

/// Sends what is held, and tries again what nobody knows about; returns how many of each.
pub fn release(core: &Core, which: &Which) -> Result<(usize, usize), AskError> {
    let waits = |delivery: &ToldDelivery| matches!(delivery.state.as_str(), "held" | "unknown");
    if !held_file(core, which)? {
        some(core, which, waits, "held or unknown")?;
    }
    let (which, now) = (which.clone(), core.now());
    let release = move |tx: &rusqlite::Transaction<'_>| {
        Ok((answers::release(tx, &which, now)?, answers::try_again(tx, &which, "unknown", now)?))
    };
    Ok(core.store.write_blocking("release deliveries", release)?)
}

/// Sends the file of a run anew, to everyone again or by mail to one address; returns how many deliveries.
pub fn resend(core: &Core, which: &Which, to: Option<&str>) -> Result<usize, AskError> {
    let run_id = which.run_id;
    let sent = some(core, which, |_| true, "none is meant")?;
    let fits = |delivery: &ToldDelivery, to| {
        prepare::anew(core, run_id, delivery, to).map(|new| (delivery.artifact_id, new))
    };
    let anew: Vec<(i64, NewDelivery)> = match to {
        None => first_of_each_place(&sent).into_iter().filter_map(|delivery| fits(delivery, None)).collect(),
        Some(to) => {
            let address: Address =
                to.parse().map_err(|error| AskError::Wrong(format!("the address to send to: {error}")))?;
            let none = "the run sent no mail whose relay and subject could be used";
            let mail = sent.iter().find(|delivery| delivery.kind == "email");
            let mail = mail.ok_or_else(|| AskError::Wrong(none.to_owned()))?;
            fits(mail, Some(&address)).into_iter().collect()
        }
    };
    let now = core.now();
    // A file without recipients waits for this.
    let answer = to.map(|to| format!("sent to {to}"));
    let waiting: Vec<i64> =
        sent.iter().filter(|d| d.address == NOBODY && d.state == "held").map(|d| d.delivery_id).collect();
    let added = core.store.write_blocking("send anew", move |tx| {
        let added = answers::send_anew(tx, &anew, now)?;
        if let Some(answer) = answer.filter(|_| 0 < added) {
            answers::settle(tx, &waiting, &answer, now)?;
        }
        Ok(added)
    })?;
    if added == 0 {
        let gone = "the file is gone: retention removed it; `legwork run` makes it again";
        return Err(AskError::Gone(gone.to_owned()));
    }
    Ok(added)
}

fn first_of_each_place(sent: &[ToldDelivery]) -> Vec<&ToldDelivery> {
    let place = |d: &ToldDelivery| (d.artifact_id, d.kind.clone(), d.target.clone(), d.address.clone());
    let mut seen = Vec::new();
    let first = |delivery: &&ToldDelivery| {
        let new = !seen.contains(&place(delivery)) && delivery.address != NOBODY;
        seen.push(place(delivery));
        new
    };
    sent.iter().filter(first).collect()
}

/// Lets deliveries be that are held, failed or unknown; returns how many.
pub fn discard(core: &Core, which: &Which, reason: &str) -> Result<usize, AskError> {
    let open = |delivery: &ToldDelivery| matches!(delivery.state.as_str(), "held" | "failed" | "unknown");
    if reason.trim().is_empty() {
        let empty = "the reason is empty; say why, for whoever reads this later";
        return Err(AskError::Wrong(empty.to_owned()));
    }
    if !held_file(core, which)? {
        some(core, which, open, "held, failed or unknown")?;
    }
    let (which, reason, now) = (which.clone(), reason.to_owned(), core.now());
    let discard = move |tx: &rusqlite::Transaction<'_>| answers::discard(tx, &which, &reason, now);
    Ok(core.store.write_blocking("discard deliveries", discard)?)
}

/// Whether a check holds the run's file.
fn held_file(core: &Core, which: &Which) -> Result<bool, AskError> {
    let found = core.store.read_blocking("read the run", |c| overview::occurrence_of_run(c, which.run_id))?;
    Ok(which.only.is_none() && found.as_ref().is_some_and(advice::held_file))
}

/// The deliveries of a run that are meant, at least one of which fits.
fn some(
    core: &Core,
    which: &Which,
    fits: impl Fn(&ToldDelivery) -> bool,
    state: &str,
) -> Result<Vec<ToldDelivery>, AskError> {
    let run_id = which.run_id;
    let (known, found) = core.store.read_blocking("read the deliveries", |connection| {
        Ok((overview::occurrence_of_run(connection, run_id)?, which.deliveries(connection)?))
    })?;
    if known.is_none() {
        return Err(no_run(run_id));
    }
    if !found.iter().any(fits) {
        let help = format!("`legwork show {run_id}` shows what it sent");
        return Err(AskError::NotFound(format!("run {run_id} has no such delivery ({state}); {help}")));
    }
    Ok(found)
}
