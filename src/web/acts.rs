//! What pages and the API do alike: look what somebody may see, ask for what they may ask for, and note it.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::Shared;
use super::access::Who;
use super::refused::Refused;
use crate::daemon::Core;
use crate::daemon::ask::{self, AskError, Asked, Draft, RunWish};
use crate::daemon::backfill::{self, Backfilled};
use crate::domain::coming::coming;
use crate::domain::definition::Definition;
use crate::domain::zone::Zone;
use crate::store::definitions::{self, DefinitionState};
use crate::store::files::{self, KeptFile};
use crate::store::overview::{self, ToldOccurrence};
use crate::store::shelf::{self, ListQuery, Shelved};
use crate::store::sources::CollectRequest;
use crate::tomlfile::{Problem, Severity};

/// Coming instants of a report that are shown.
pub(crate) const COMING: usize = 5;
/// How far is looked ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Instants of one report at the most: those of one that runs each minute would hide all others.
const INSTANTS_EACH: usize = 200;
/// Instants of a backfill: more are for the command, which takes its time.
const BACKFILL_MAX: usize = 10_000;

/// A report that somebody may see. Blocks.
pub(super) fn seen(core: &Core, who: &Who, name: &str) -> Result<Shelved, AskError> {
    let found = core.store.read_blocking("read a report", |c| shelf::by_name(c, who.eyes(), name))?;
    // What somebody may not see is not there.
    found.ok_or_else(|| AskError::NotFound(format!("there is no report `{name}`")))
}

/// A run that somebody may see, and the state of its report. Blocks.
pub(super) fn seen_run(
    core: &Core,
    who: &Who,
    run_id: i64,
) -> Result<(ToldOccurrence, DefinitionState), AskError> {
    let found = core.store.read_blocking("read a run", |c| overview::occurrence_of_run(c, run_id))?;
    let found = found.ok_or_else(|| ask::no_run(run_id))?;
    let seen = seen(core, who, &found.name);
    let shelved = seen.map_err(|error| error.or_absent(ask::no_run(run_id)))?;
    Ok((found, shelved.stored.state))
}

/// An instant that is due.
pub(super) struct Due {
    pub(super) at: Timestamp,
    pub(super) name: String,
    pub(super) note: String,
    pub(super) zone: Zone,
}

/// What is due within a week, of the reports that somebody may see, in order. Blocks.
pub(super) fn due(core: &Core, who: &Who) -> Result<Vec<Due>, AskError> {
    let query = ListQuery::default();
    let shelf = core.store.read_blocking("read the list", |c| shelf::reports(c, who.eyes(), &query))?;
    let now = core.now();
    let end = now.checked_add(AHEAD).unwrap_or(now);
    let mut all = Vec::new();
    for shelved in shelf.into_iter().filter(|shelved| shelved.stored.state == DefinitionState::Active) {
        let Ok(definition) = core.definition(shelved.stored.version_id) else { continue };
        let name = &shelved.stored.name;
        let own = coming(&definition.schedules, now, INSTANTS_EACH).into_iter();
        all.extend(own.take_while(|each| each.at < end).map(|each| Due {
            at: each.at,
            name: name.clone(),
            note: each.note,
            zone: each.schedule.zone.clone(),
        }));
    }
    all.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
    Ok(all)
}

/// What is wrong with a text that somebody writes for a report, and the definition where nothing is. Blocks.
pub(super) fn read_text(
    core: &Core,
    name: &str,
    text: &str,
) -> Result<(Vec<Problem>, Option<Definition>), AskError> {
    let mut parsed = crate::jobfile::parse("toml", name, text, &core.referable());
    let mut wrong = |message: &str, help: &str| {
        parsed.problems.push(Problem::of_file("toml", message, help));
    };
    if parsed.name.as_ref().is_some_and(|own| own.as_str() != name) {
        wrong(
            "the text names another report",
            "remove `name` from the text: the report's name stands beside it",
        );
    } else if let Some(definition) = &parsed.definition
        && let Some(past) = ask::past(core, definition)?
    {
        wrong(&past, "name an instant to come");
    }
    let good = parsed.problems.iter().all(|problem| problem.severity != Severity::Error);
    Ok((parsed.problems, parsed.definition.filter(|_| good)))
}

/// Asks for a run by hand.
pub(super) async fn run(site: &Shared, who: &Who, name: &str, wish: RunWish) -> Result<Asked, Refused> {
    let (asker, asked) = (who.clone(), name.to_owned());
    let done = site.block(move |core| {
        let stored = seen(core, &asker, &asked)?.stored;
        let parsed = core.parse(&stored.name, &stored.text)?;
        ask::run(core, &ask::manual(&stored, &parsed, &wish, core.now())?)
    });
    let done = done.await?;
    site.wake.all();
    site.note(who, "run", name, None).await;
    Ok(done)
}

/// Puts the next instants of a span into the run queue.
pub(super) async fn backfill(
    site: &Shared,
    who: &Who,
    name: &str,
    (span, send): ((String, String), bool),
) -> Result<Backfilled, Refused> {
    let (asker, asked) = (who.clone(), name.to_owned());
    let detail = format!("{} to {}", span.0, span.1);
    let done = site.block(move |core| {
        let stored = seen(core, &asker, &asked)?.stored;
        let parsed = core.parse(&stored.name, &stored.text)?;
        let span = (span.0.as_str(), span.1.as_str());
        let wanted = backfill::wanted(&stored, &parsed, span, send, BACKFILL_MAX, core.now())?;
        backfill::advance(core, &wanted)
    });
    let advanced = done.await?;
    site.wake.all();
    // Whoever asks how far it is does nothing new.
    if advanced.began {
        site.note(who, "backfill", name, Some(detail)).await;
    }
    Ok(advanced.backfilled)
}

/// Asks for a span of a source's rows.
pub(super) async fn collect(
    site: &Shared,
    who: &Who,
    name: &str,
    span: (Option<Timestamp>, Option<Timestamp>),
) -> Result<CollectRequest, Refused> {
    let asked = name.to_owned();
    let request = site.block(move |core| ask::collect(core, &asked, span)).await?;
    site.wake.all();
    site.note(who, "collect", name, Some(format!("{} to {}", request.from, request.to))).await;
    Ok(request)
}

/// Stops a report's schedules.
pub(super) async fn pause(site: &Shared, who: &Who, name: &str) -> Result<(), Refused> {
    let (asker, asked) = (who.clone(), name.to_owned());
    let stored = site.block(move |core| Ok(seen(core, &asker, &asked)?.stored)).await?;
    ask::pause(&site.core, &stored).await?;
    site.wake.all();
    site.note(who, "pause", name, None).await;
    Ok(())
}

/// Starts them again.
pub(super) async fn resume(site: &Shared, who: &Who, name: &str) -> Result<(), Refused> {
    let (asker, asked) = (who.clone(), name.to_owned());
    site.block(move |core| ask::resume(core, &seen(core, &asker, &asked)?.stored)).await?;
    site.wake.all();
    site.note(who, "resume", name, None).await;
    Ok(())
}

/// Puts a report in force that was written here.
pub(super) async fn put(site: &Shared, who: &Who, draft: Draft) -> Result<(), AskError> {
    let (name, action) = (draft.name.clone(), if draft.new { "create" } else { "change" });
    ask::put(&site.core, draft).await?;
    site.wake.all();
    site.note(who, action, &name, None).await;
    Ok(())
}

/// Retires a report that no file made; its history stays.
pub(super) async fn end(site: &Shared, who: &Who, name: &str) -> Result<(), Refused> {
    let (asker, asked) = (who.clone(), name.to_owned());
    let ended = site.block(move |core| {
        let stored = seen(core, &asker, &asked)?.stored;
        if let Some(file) = &stored.file {
            let cure = format!("{asked} comes from `{file}`; remove that file, and it retires");
            return Err(AskError::Wrong(cure));
        }
        if stored.state == DefinitionState::Retired {
            return Err(AskError::NotFound(format!("there is no report `{asked}` any more")));
        }
        let (id, now) = (stored.definition_id, core.now());
        let stop =
            move |tx: &rusqlite::Transaction<'_>| definitions::stop(tx, id, DefinitionState::Retired, now);
        Ok(core.store.write_blocking("retire a report", stop)?)
    });
    ended.await?;
    site.wake.all();
    site.note(who, "delete", name, None).await;
    Ok(())
}

/// Marks a report for whoever asks, or takes the mark away.
pub(super) async fn favour(site: &Shared, who: &Who, name: &str, wanted: bool) -> Result<(), Refused> {
    let (asker, asked) = (who.clone(), name.to_owned());
    let done = site.block(move |core| {
        let (id, name) = (seen(core, &asker, &asked)?.stored.definition_id, asker.name);
        let mark = move |tx: &rusqlite::Transaction<'_>| shelf::set_favourite(tx, &name, id, wanted);
        Ok(core.store.write_blocking("mark a report", mark)?)
    });
    done.await
}

/// Does what somebody answers about a run.
pub(super) async fn answer<T: Send + 'static>(
    site: &Shared,
    who: &Who,
    run_id: i64,
    action: &str,
    act: impl FnOnce(&Core) -> Result<T, AskError> + Send + 'static,
) -> Result<T, Refused> {
    let asker = who.clone();
    let (name, done) = site
        .block(move |core| {
            let (found, _) = seen_run(core, &asker, run_id)?;
            Ok((found.name, act(core)?))
        })
        .await?;
    site.wake.all();
    site.note(who, action, &name, Some(format!("run {run_id}"))).await;
    Ok(done)
}

/// The newest whole file: what the CSV icon downloads.
pub(super) async fn newest_file(
    site: &Shared,
    who: &Who,
    name: &str,
    asked: &HeaderMap,
) -> Result<Response, Refused> {
    let (asker, name) = (who.clone(), name.to_owned());
    let file = site.block(move |core| {
        let id = seen(core, &asker, &name)?.stored.definition_id;
        let file = core.store.read_blocking("read a file", |c| files::newest(c, id))?;
        file.ok_or_else(|| AskError::NotFound(format!("{name} has no file yet; run it first")))
    });
    download(site, who, &file.await?, asked).await
}

/// The file of a run.
pub(super) async fn run_file(
    site: &Shared,
    who: &Who,
    run_id: i64,
    asked: &HeaderMap,
) -> Result<Response, Refused> {
    let asker = who.clone();
    let file = site.block(move |core| {
        seen_run(core, &asker, run_id)?;
        file_of(core, run_id)
    });
    download(site, who, &file.await?, asked).await
}

/// The file of a run, whoever asks. Blocks.
pub(super) fn file_of(core: &Core, run_id: i64) -> Result<KeptFile, AskError> {
    let file = core.store.read_blocking("read a file", |c| files::of_run(c, run_id))?;
    file.ok_or_else(|| AskError::NotFound(format!("run {run_id} made no file")))
}

/// Sends a file and notes who got it.
pub(super) async fn download(
    site: &Shared,
    who: &Who,
    file: &KeptFile,
    asked: &HeaderMap,
) -> Result<Response, Refused> {
    let response = site.send(file, asked).await?;
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let detail = format!("run {}, {} bytes, sha256 {}", file.run_id, file.bytes, file.sha256);
    site.note(who, "download", &file.name, Some(detail)).await;
    Ok(response)
}
