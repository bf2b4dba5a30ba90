//! Takes up `jobs/`: at start, on SIGHUP, when a command wakes it, and 2 s after the last change of a file.
//!
//! A broken file leaves the last good version in force. A removed file retires its definition and keeps its history;
//! a folder that cannot be read, or that would retire more than half of the definitions, retires nothing: an unmounted
//! share must not end all reports.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::ask::AskError;
use super::planner::{named, next_instants, plan, replanned};
use super::prepare::notice;
use super::{Core, CoreError, Wake};
use crate::chain::chain;
use crate::domain::definition::Definition;
use crate::domain::schedule::When;
use crate::jobfile::{self, Surroundings};
use crate::store::definitions::{self, DefinitionState, LoadProblem, Revision, StoredDefinition};
use crate::store::deliveries::add_notice;
use crate::tomlfile::{self, Problem};

/// A change counts after this much quiet: editors and `rsync` write in several steps.
const QUIET: Duration = Duration::from_secs(2);
/// The folder is looked at this often even when nothing was heard of it: network folders tell of no change.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// A job file that was read.
#[derive(Debug)]
pub struct JobSource {
    /// Its path, as problems print it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What it means, and what is wrong with it.
    pub parsed: jobfile::Parsed,
}

/// A jobs folder that was read.
#[derive(Debug, Default)]
pub struct Folder {
    /// Job files by name of file.
    pub jobs: Vec<JobSource>,
    /// Problems of files that could not be read at all, and of names that stand twice.
    pub problems: Vec<Problem>,
}

impl Folder {
    /// All problems, of files and of what they say.
    pub fn all_problems(&self) -> Vec<Problem> {
        let of_jobs = self.jobs.iter().flat_map(|job| job.parsed.problems.iter());
        self.problems.iter().chain(of_jobs).cloned().collect()
    }
}

/// Reads `*.toml` of a folder, or a single file. Fails only when the folder itself cannot be read.
pub fn read_folder(path: &Path, surroundings: &dyn Surroundings) -> std::io::Result<Folder> {
    let mut files = Vec::new();
    if path.is_file() {
        files.push(path.to_owned());
    } else {
        for entry in std::fs::read_dir(path)? {
            let file = entry?.path();
            let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if file.extension().is_some_and(|extension| extension == "toml") && !hidden {
                files.push(file);
            }
        }
    }
    files.sort();
    let mut folder = Folder::default();
    for path in files {
        let file = path.display().to_string();
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let read = std::fs::read(&path)
            .map_err(|error| {
                Problem::of_file(&file, format!("cannot be read: {error}"), "check the file's rights")
            })
            .and_then(|bytes| tomlfile::decode(&file, bytes));
        match read {
            Ok(text) => {
                let parsed = jobfile::parse(&file, &stem, &text, surroundings);
                folder.jobs.push(JobSource { file, text, parsed });
            }
            Err(problem) => folder.problems.push(problem),
        }
    }
    refuse_twice(&mut folder);
    Ok(folder)
}

/// Two files with one name: neither is taken up, or the order of a directory would decide.
fn refuse_twice(folder: &mut Folder) {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for job in &folder.jobs {
        if let Some(name) = &job.parsed.name {
            by_name.entry(name.to_string()).or_default().push(job.file.clone());
        }
    }
    for (name, files) in by_name.iter().filter(|(_, files)| 1 < files.len()) {
        for job in folder.jobs.iter_mut().filter(|job| files.contains(&job.file)) {
            let others: Vec<&str> =
                files.iter().filter(|file| **file != job.file).map(String::as_str).collect();
            let message = format!("the name `{name}` stands in {} too", others.join(", "));
            job.parsed.problems.push(Problem::of_file(&job.file, message, "give one of them another `name`"));
            job.parsed.definition = None;
        }
    }
}

/// What taking up a folder would change.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Changes {
    /// New definitions, by name.
    pub added: Vec<String>,
    /// Definitions with another text, by name.
    pub changed: Vec<String>,
    /// Retired ones that come back, by name.
    pub revived: Vec<String>,
    /// Definitions whose file moved, by name.
    pub moved: Vec<String>,
    /// Definitions whose file is gone, by name.
    pub retired: Vec<String>,
    /// Of the retired ones: kept in force, since there are too many of them.
    pub retiring_refused: bool,
    /// Files that are wrong; the last good version stays in force.
    pub problems: Vec<LoadProblem>,
}

impl Changes {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        let lists = [&self.added, &self.changed, &self.revived, &self.moved, &self.retired];
        lists.iter().all(|list| list.is_empty())
    }

    /// What a wrong file defined when it was right stays in force, whatever the file calls it now.
    fn keep_what_is_wrong(&mut self, stored: &[StoredDefinition]) {
        let wrong: BTreeSet<&str> = self.problems.iter().map(|problem| problem.file.as_str()).collect();
        let of_wrong = stored.iter().filter(|s| s.file.as_deref().is_some_and(|file| wrong.contains(file)));
        let names: BTreeSet<&str> = of_wrong.map(|s| s.name.as_str()).collect();
        self.retired.retain(|name| !names.contains(name.as_str()));
    }
}

/// Compares a folder with what is stored. Pure.
pub fn compare(folder: &Folder, stored: &[StoredDefinition]) -> Changes {
    let mut changes = Changes::default();
    let by_name: BTreeMap<&str, &StoredDefinition> = stored.iter().map(|s| (s.name.as_str(), s)).collect();
    let mut kept: BTreeSet<String> = BTreeSet::new();
    for job in &folder.jobs {
        let name = job.parsed.name.as_ref().map(ToString::to_string);
        let Some(name) = name.clone().filter(|_| job.parsed.definition.is_some()) else {
            let problems: Vec<String> = job.parsed.problems.iter().map(Problem::one_line).collect();
            kept.extend(name.clone());
            changes.problems.push(LoadProblem { file: job.file.clone(), name, problem: problems.join("\n") });
            continue;
        };
        if by_name.get(name.as_str()).is_some_and(|known| is_of_page(known)) {
            let problem = format!(
                "{}: the name `{name}` is that of a report made on the page; give the job another `name`, or delete that \
                 report there",
                job.file
            );
            changes.problems.push(LoadProblem { file: job.file.clone(), name: None, problem });
            continue;
        }
        match by_name.get(name.as_str()) {
            None => changes.added.push(name.clone()),
            Some(known) if known.state == DefinitionState::Retired => changes.revived.push(name.clone()),
            Some(known) if known.text != job.text => changes.changed.push(name.clone()),
            Some(known) if known.file.as_ref() != Some(&job.file) => changes.moved.push(name.clone()),
            Some(_) => {}
        }
        kept.insert(name);
    }
    for problem in &folder.problems {
        let (file, problem) = (problem.file.clone(), problem.one_line());
        changes.problems.push(LoadProblem { file, name: None, problem });
    }
    let in_force = || stored.iter().filter(|s| s.state != DefinitionState::Retired && s.file.is_some());
    changes.retired = in_force().filter(|s| !kept.contains(&s.name)).map(|s| s.name.clone()).collect();
    changes.keep_what_is_wrong(stored);
    changes.retiring_refused = in_force().count() < 2 * changes.retired.len();
    changes
}

/// Whether a definition was made on the page and is in force: no file may take its name.
fn is_of_page(stored: &StoredDefinition) -> bool {
    stored.file.is_none() && stored.state != DefinitionState::Retired
}

/// What a take-up may do because a person said so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// To retire more than half of the definitions; else it retires none and says so.
    pub retire: bool,
    /// To run a `once` at once whose instant is past; else the file is refused.
    pub past: bool,
}

/// What taking up the jobs folder would change. Blocks.
pub fn look(core: &Core) -> Result<Changes, AskError> {
    let stored = core.store.read_blocking("read the definitions", definitions::all)?;
    let jobs = &core.config.jobs;
    let folder = read_folder(jobs, &core.referable())
        .map_err(|error| AskError::Later(format!("read `{}`: {error}", jobs.display())))?;
    let mut changes = compare(&folder, &stored);
    refuse_past(core, &folder, &stored, &mut changes);
    Ok(changes)
}

/// Takes files out of the changes whose `once` is past.
fn refuse_past(core: &Core, folder: &Folder, stored: &[StoredDefinition], changes: &mut Changes) {
    let now = core.now();
    for job in &folder.jobs {
        let Some(definition) = &job.parsed.definition else { continue };
        let name = definition.name.to_string();
        let lists = [&changes.added, &changes.changed, &changes.revived];
        if !lists.iter().any(|list| list.contains(&name)) {
            continue;
        }
        if let Some((_, at)) = newly_past(core, definition, named_so(stored, definition), now).first() {
            let problem = format!(
                "{}: `once` names {at}, which is past; correct it, or run it now with `legwork apply --now`",
                job.file
            );
            for list in [&mut changes.added, &mut changes.changed, &mut changes.revived] {
                list.retain(|listed| *listed != name);
            }
            changes.problems.push(LoadProblem { file: job.file.clone(), name: Some(name), problem });
        }
    }
    changes.keep_what_is_wrong(stored);
}

/// Past instants of a definition's `once` schedules, with the schedules' places. Those that the version in force names,
/// too, have had their turn.
pub(super) fn newly_past(
    core: &Core,
    definition: &Definition,
    known: Option<&StoredDefinition>,
    now: Timestamp,
) -> Vec<(usize, Timestamp)> {
    let past = past_instants(definition, now);
    if past.is_empty() {
        return Vec::new();
    }
    let in_force = known.filter(|known| known.state != DefinitionState::Retired);
    let known = in_force.and_then(|stored| core.parse(&stored.name, &stored.text).ok());
    let known = known.map(|known| past_instants(&known, now)).unwrap_or_default();
    past.into_iter().filter(|(_, at)| !known.values().any(|known| known == at)).collect()
}

/// The instants of a definition's `once` schedules that are past, by the schedules' places.
fn past_instants(definition: &Definition, now: Timestamp) -> BTreeMap<usize, Timestamp> {
    let each = definition.schedules.iter().enumerate();
    let once = each.filter(|(_, schedule)| schedule.enabled && matches!(schedule.when, When::Once(_)));
    let first = once.filter_map(|(at, schedule)| Some((at, schedule.next(Timestamp::UNIX_EPOCH)?)));
    first.filter(|(_, instant)| *instant <= now).collect()
}

/// Takes up a folder: puts definitions in force, retires, notes problems, tells owners.
pub async fn take_up(core: &Arc<Core>, path: &Path, allowed: Allowed) -> Result<Changes, CoreError> {
    // An edit acts forward only: what the versions in force name up to now is planned before they are replaced.
    plan(core, core.now()).await?;
    let stored = core.store.read("read the definitions", definitions::all).await;
    let stored = stored.map_err(CoreError::store("take up the jobs"))?;
    let reading = core.clone();
    let folder_path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_folder(&folder_path, &reading.referable())).await;
    let folder = match read {
        Ok(Ok(folder)) => folder,
        Ok(Err(error)) => {
            let problem = format!("the jobs folder cannot be read: {error}; nothing is retired");
            return guarded(core, path, &stored, problem).await;
        }
        Err(error) => return Err(CoreError::Definition(format!("reading the jobs panicked: {error}"))),
    };
    let mut changes = compare(&folder, &stored);
    if allowed.retire {
        changes.retiring_refused = false;
    }
    if !allowed.past {
        refuse_past(core, &folder, &stored, &mut changes);
    }
    let now = core.now();
    let revisions = revisions(core, &folder, &stored, &changes, now);
    let mut problems = changes.problems.clone();
    if changes.retiring_refused {
        let problem = format!(
            "{} of the definitions have no file any more ({}): none is retired; `legwork apply --allow-retire` does it",
            changes.retired.len(),
            changes.retired.join(", ")
        );
        problems.push(LoadProblem { file: path.display().to_string(), name: None, problem });
    }
    tell_owners(core, path, &stored, &problems, now).await?;
    let retired: Vec<i64> = if changes.retiring_refused {
        Vec::new()
    } else {
        stored.iter().filter(|s| changes.retired.contains(&s.name)).map(|s| s.definition_id).collect()
    };
    let write = move |tx: &rusqlite::Transaction<'_>| {
        for revision in &revisions {
            // A report may have been made on the page meanwhile: the next look names the clash.
            if !definitions::by_name(tx, &revision.name)?.is_some_and(|known| is_of_page(&known)) {
                definitions::put(tx, revision, now)?;
            }
        }
        for definition_id in &retired {
            definitions::stop(tx, *definition_id, DefinitionState::Retired, now)?;
        }
        definitions::set_load_problems(tx, &problems, now)
    };
    core.store.write("take up the jobs", write).await.map_err(CoreError::store("take up the jobs"))?;
    Ok(changes)
}

fn named_so<'a>(stored: &'a [StoredDefinition], definition: &Definition) -> Option<&'a StoredDefinition> {
    stored.iter().find(|stored| stored.name == definition.name.as_str())
}

fn revisions(
    core: &Arc<Core>,
    folder: &Folder,
    stored: &[StoredDefinition],
    changes: &Changes,
    now: Timestamp,
) -> Vec<Revision> {
    let touched: BTreeSet<&String> =
        [&changes.added, &changes.changed, &changes.revived, &changes.moved].into_iter().flatten().collect();
    let wanted = folder.jobs.iter().filter_map(|job| Some((job, job.parsed.definition.as_ref()?)));
    wanted
        .filter(|(_, definition)| touched.contains(&definition.name.to_string()))
        .map(|(job, definition)| Revision {
            name: definition.name.to_string(),
            file: Some(job.file.clone()),
            text: job.text.clone(),
            next: next_instants(core, definition, now),
            // What is past and was not refused was asked for.
            at_once: newly_past(core, definition, named_so(stored, definition), now)
                .into_iter()
                .filter_map(|(ordinal, at)| named(core, definition, ordinal, at))
                .collect(),
            replanned: replanned(core, definition),
        })
        .collect()
}

/// Notes that the folder could not be taken up; everything stays in force.
async fn guarded(
    core: &Arc<Core>,
    path: &Path,
    stored: &[StoredDefinition],
    problem: String,
) -> Result<Changes, CoreError> {
    tracing::error!(folder = %path.display(), problem, "jobs not taken up");
    let problems = vec![LoadProblem { file: path.display().to_string(), name: None, problem }];
    let now = core.now();
    tell_owners(core, path, stored, &problems, now).await?;
    let noted = problems.clone();
    let write = move |tx: &rusqlite::Transaction<'_>| definitions::set_load_problems(tx, &noted, now);
    core.store.write("note a load problem", write).await.map_err(CoreError::store("take up the jobs"))?;
    Ok(Changes { problems, ..Changes::default() })
}

/// Tells the owners of all job files once, when a problem of the folder itself appears.
async fn tell_owners(
    core: &Arc<Core>,
    path: &Path,
    stored: &[StoredDefinition],
    problems: &[LoadProblem],
    now: Timestamp,
) -> Result<(), CoreError> {
    let folder = path.display().to_string();
    let Some(problem) = problems.iter().find(|problem| problem.file == folder) else { return Ok(()) };
    let known = core.store.read("read the load problems", definitions::load_problems).await;
    let known = known.map_err(CoreError::store("tell the owners"))?;
    if known.iter().any(|known| known.file == folder) {
        return Ok(());
    }
    let owners: BTreeMap<String, crate::domain::address::Address> = stored
        .iter()
        .filter(|s| s.state != DefinitionState::Retired && s.file.is_some())
        .filter_map(|s| core.parse(&s.name, &s.text).ok()?.owner)
        .map(|owner| (owner.bare().to_owned(), owner))
        .collect();
    let body = format!("{}\n\nAll reports go on as before.\nFolder: {folder}\n", problem.problem);
    for owner in owners.values() {
        let subject = "Legwork: the jobs folder was not taken up";
        if let Some(notice) = notice(core, owner, subject, &body, now) {
            let write = move |tx: &rusqlite::Transaction<'_>| add_notice(tx, None, &notice, now);
            core.store.write("tell an owner", write).await.map_err(CoreError::store("tell the owners"))?;
        } else {
            tracing::warn!(owner = owner.bare(), "no relay to tell the owner by");
        }
    }
    Ok(())
}

/// Takes up the folder whenever there is reason to, until it is told to stop.
pub(super) async fn loader(core: Arc<Core>, wake: Wake, stop: CancellationToken) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    let folder = core.config.jobs.clone();
    let mut taken_up = None;
    loop {
        // Listening before reading: a change made meanwhile is heard afterwards.
        let watch = Watch::new(&folder);
        let woken = wake.loader.notified();
        let seen = files_as_they_are(folder.clone()).await;
        if seen.is_none() || seen != taken_up {
            let worked = take_up_and_log(&core, &wake, &folder).await;
            taken_up = seen.filter(|_| worked);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => {
                tracing::info!("told to load the jobs again");
                taken_up = None;
            }
            () = woken => {}
            () = watch.changed_and_quiet() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// A folder's files with what changes when they do: name, length, last change, and which file it is. `None` when it
/// cannot be read.
type Files = BTreeSet<(OsString, u64, i64, u64)>;

async fn files_as_they_are(folder: PathBuf) -> Option<Files> {
    let read = move || -> std::io::Result<Files> {
        let files = std::fs::read_dir(&folder)?.map(|entry| {
            let entry = entry?;
            let metadata = std::fs::metadata(entry.path())?;
            let changed = metadata.mtime().wrapping_mul(1_000_000_000).wrapping_add(metadata.mtime_nsec());
            Ok((entry.file_name(), metadata.len(), changed, metadata.ino()))
        });
        files.collect()
    };
    tokio::task::spawn_blocking(read).await.ok()?.ok()
}

/// Whether it worked.
async fn take_up_and_log(core: &Arc<Core>, wake: &Wake, folder: &Path) -> bool {
    match take_up(core, folder, Allowed::default()).await {
        Ok(changes) => {
            for problem in &changes.problems {
                tracing::error!(
                    file = problem.file,
                    problem = problem.problem,
                    "the last good version stays in force"
                );
            }
            if !changes.is_empty() {
                let Changes { added, changed, revived, retired, retiring_refused, .. } = &changes;
                tracing::info!(?added, ?changed, ?revived, ?retired, retiring_refused, "jobs taken up");
                wake.planner.notify_one();
                wake.dispatcher.notify_one();
            }
            wake.courier.notify_one();
            true
        }
        Err(error) => {
            tracing::error!(error = chain(&error), "the jobs could not be taken up; trying again");
            false
        }
    }
}

#[expect(
    deprecated,
    reason = "its sound successor is an unsafe fn; here the descriptor is owned for as long as it is used"
)]
fn owned_fd(fd: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}

/// Hears of changes in a folder, where the kernel can tell.
struct Watch {
    inotify: Option<AsyncFd<OwnedFd>>,
}

impl Watch {
    fn new(folder: &Path) -> Self {
        use inotify::{CreateFlags, WatchFlags};
        let open = || -> std::io::Result<AsyncFd<OwnedFd>> {
            let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            let changes = WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF;
            inotify::add_watch(&inotify, folder, changes)?;
            owned_fd(inotify)
        };
        Self { inotify: open().ok() }
    }

    /// Done when something changed and nothing has for [`QUIET`].
    async fn changed_and_quiet(&self) {
        let Some(inotify) = &self.inotify else { return std::future::pending().await };
        self.heard(inotify).await;
        while tokio::time::timeout(QUIET, self.heard(inotify)).await.is_ok() {}
    }

    async fn heard(&self, inotify: &AsyncFd<OwnedFd>) {
        loop {
            let Ok(mut guard) = inotify.readable().await else { return std::future::pending().await };
            let mut events = [0_u8; 4_096];
            // What changed is of no interest: the folder is read again as a whole.
            let read = guard.try_io(|fd| Ok(rustix::io::read(fd, &mut events)?));
            if read.is_ok() {
                return;
            }
        }
    }
}
