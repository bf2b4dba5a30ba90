//! A run's file, from whichever source, and what follows from it: artifacts, findings, deliveries.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use super::Core;
use super::changes::Changes;
use super::collect::fetch_for;
use super::generate::{GenerateError, Generated, Order, generate};
use super::pass::pass_through;
use super::prepare::Made;
use super::progress::Progress;
use crate::artifacts;
use crate::chain::chain;
use crate::config::Config;
use crate::domain::checks::{Facts, OnFail, Usual};
use crate::domain::definition::Definition;
use crate::domain::output::Correction;
use crate::domain::period::Period;
use crate::domain::report::Report;
use crate::domain::source::Use;
use crate::domain::template::TemplateValues;
use crate::sources::SourceError;
use crate::store::deliveries::NewDelivery;
use crate::store::occurrences::OpenOccurrence;
use crate::store::runs::{self, MadeFile, NewArtifact, RunCounts};
use crate::store::segments::coverage;

/// What a run made.
#[derive(Debug, Clone)]
pub(super) enum Finished {
    /// The bytes of an earlier run of the same occurrence.
    Same { as_run: i64 },
    /// Files, the whole report's first; and notices beside their deliveries.
    New { files: Vec<MadeFile>, counts: RunCounts, notices: Vec<NewDelivery>, replaces: bool },
}

/// Why a run made no file.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) reason: String,
    /// Whether the same run may go well later.
    pub(super) may_repeat: bool,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self { reason, may_repeat: true }
    }
}

/// Why there is no file.
#[derive(Debug)]
pub(super) enum NoFile {
    /// A stop was asked for.
    Stopped,
    /// It went wrong.
    Failed(Failure),
}

impl From<String> for NoFile {
    fn from(reason: String) -> Self {
        Self::Failed(reason.into())
    }
}

impl From<GenerateError> for NoFile {
    fn from(error: GenerateError) -> Self {
        match &error {
            GenerateError::Stopped | GenerateError::Source(SourceError::Stopped) => Self::Stopped,
            GenerateError::Source(cause) => {
                Self::Failed(Failure { reason: chain(&error), may_repeat: cause.may_repeat() })
            }
            GenerateError::Read(_)
            | GenerateError::Write(_)
            | GenerateError::Artifact(_)
            | GenerateError::Panicked => Self::from(chain(&error)),
        }
    }
}

/// Earlier reports that make the usual range, unless the job's checks say how many.
const USUAL_BACK: usize = 8;
/// Weeks that are looked back at the most.
const USUAL_WEEKS_MAX: i64 = 104;

/// Makes the file of a run and judges it. Blocks.
pub(super) fn make_file(
    core: &Core,
    run_id: i64,
    occurrence: &OpenOccurrence,
    progress: &Progress,
) -> Result<Finished, NoFile> {
    let definition = core.definition(occurrence.version_id).map_err(|error| chain(&error))?;
    let file_name = file_name(&definition, occurrence, run_id).map_err(|error| chain(&error))?;
    let path = format!("{run_id}/{file_name}");
    let target: PathBuf = core.config.artifacts().join(&path);
    let order = Order {
        definition: &definition,
        period: occurrence.period,
        nominal: occurrence.nominal_at,
        target: &target,
    };
    let (generated, completeness) = from_source(core, run_id, order, progress)?;
    core.destinations.vouch(&target, &generated.file.sha256);
    let earlier = core
        .store
        .read_blocking("read the earlier file", |c| runs::earlier_file(c, occurrence.occurrence_id));
    // Only a person who asks for the same report again wants to know whether anything changed.
    let earlier = earlier.map_err(|error| chain(&error))?.filter(|_| occurrence.rerun);
    let before = earlier.as_ref().map(|earlier| core.config.artifacts().join(&earlier.path));
    let same = earlier.as_ref().is_some_and(|earlier| earlier.sha256 == generated.file.sha256);
    // A file that is gone, or is not what it was, is worth having again.
    let whole =
        |path: &PathBuf| artifacts::digest_of(path).is_ok_and(|digest| digest == generated.file.sha256);
    if let Some(earlier) = earlier.as_ref().filter(|earlier| same && earlier.kept)
        && before.as_ref().is_some_and(whole)
    {
        for name in generated.seen.parts.iter().map(|part| &part.name).chain([&file_name]) {
            artifacts::remove(&target.with_file_name(name)).map_err(|error| chain(&error))?;
        }
        return Ok(Finished::Same { as_run: earlier.run_id });
    }
    // What nobody got needs no correction: it is sent as if it were the first.
    let sent = earlier.as_ref().filter(|earlier| earlier.sent);
    let changes = sent.filter(|_| !same).map(|earlier| {
        Changes::between(earlier, before.as_deref(), &target, generated.rows, &definition.output)
    });
    let kept = sent.is_some() && (same || definition.output.correction == Correction::Keep);
    let revision = earlier.map_or(1, |earlier| earlier.revision + 1);
    let made = Unjudged { generated, file_name, path, changes, kept, revision };
    Ok(gather(core, run_id, occurrence, &definition, made, &completeness)?)
}

/// The file as its source makes it, and a sentence on its completeness.
fn from_source(
    core: &Core,
    run_id: i64,
    order: Order<'_>,
    progress: &Progress,
) -> Result<(Generated, String), NoFile> {
    let report = &order.definition.report;
    if report.by == Use::PassThrough {
        let generated = pass_through(core, run_id, order, progress)?;
        let connection = core.store.reader().map_err(|error| chain(&error))?;
        let told =
            completeness(&core.config, &connection, report, &order.period).map_err(|error| chain(&error))?;
        return Ok((generated, told));
    }
    if let Use::Fetch(feed) = report.by {
        fetch_for(core, run_id, &report.source, feed, order.period, progress)
            .map_err(GenerateError::Source)?;
    }
    let connection = core.store.reader().map_err(|error| chain(&error))?;
    let told =
        completeness(&core.config, &connection, report, &order.period).map_err(|error| chain(&error))?;
    Ok((generate(connection, order, progress)?, told))
}

/// A sentence on the completeness of a report's data.
pub fn completeness(
    config: &Config,
    connection: &Connection,
    report: &Report,
    period: &Period,
) -> rusqlite::Result<String> {
    let aside = config.sources.iter().filter(|(_, source)| {
        source.collect.as_ref().is_some_and(|collect| !collect.feed.fills(report.kind.name))
    });
    let aside: Vec<&str> = aside.map(|(name, _)| name.as_str()).collect();
    match report.by {
        Use::PassThrough => Ok(format!("as `{}` gave it, validated", report.source)),
        Use::Fetch(feed) if feed.lag_ms() < feed.settled_ms() => Ok(format!(
            "all that `{}` had for this period; it can add to it for {} h after its end",
            report.source,
            feed.settled_ms() / 3_600_000
        )),
        Use::Fetch(_) => Ok(format!("all that `{}` gave for this period", report.source)),
        Use::Store => coverage::completeness(connection, period, &report.zone, &aside),
    }
}

/// What a generation left, before it is judged.
struct Unjudged {
    generated: Generated,
    file_name: String,
    path: String,
    changes: Option<Changes>,
    /// Whether it waits until a person sends it.
    kept: bool,
    revision: u32,
}

/// Judges what was made, and says what follows from it.
fn gather(
    core: &Core,
    run_id: i64,
    occurrence: &OpenOccurrence,
    definition: &Definition,
    unjudged: Unjudged,
    completeness: &str,
) -> Result<Finished, String> {
    let Unjudged { generated, file_name, path, changes, kept, revision } = unjudged;
    let Generated { file, rows, clamped, counts, seen } = generated;
    let counts = RunCounts {
        rows_left_out: counts.left_out,
        clamped,
        newest_at: counts.newest_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
    };
    let usual = core.store.read_blocking("read earlier reports", |connection| {
        usual_rows(connection, occurrence.definition_id, occurrence.nominal_at, definition)
    });
    let usual = usual.map_err(|error| chain(&error))?;
    let checks = &definition.checks;
    let facts = Facts {
        rows,
        period: occurrence.period,
        zone: &definition.report.zone,
        usual,
        newest_at: counts.newest_at,
    };
    let findings = checks.findings(&seen.checked, &facts);
    let held = (!findings.is_empty() && checks.on_fail == OnFail::Hold).then(|| findings.join("; "));
    let generated_at = core.now();
    let new =
        |part: String, file_name: String, path: String, file: artifacts::Finished, rows: u64| NewArtifact {
            part,
            revision,
            held: held.clone(),
            file_name,
            path,
            bytes: file.bytes,
            rows,
            sha256: file.sha256,
            generated_at,
        };
    let whole = new(String::new(), file_name, path, file, rows);
    let made = Made {
        run_id,
        definition,
        occurrence,
        artifact: &whole,
        part: None,
        counts: &counts,
        completeness,
        usual,
        findings: &findings,
        first_rows: &seen.first_rows,
        changes: changes.as_ref(),
        kept,
    };
    let deliveries = |made: &Made<'_>| made.deliveries(core).map_err(|error| chain(&error));
    let mut all = deliveries(&made)?;
    let mut files = vec![MadeFile { artifact: whole.clone(), deliveries: all.clone() }];
    for part in seen.parts {
        let path = format!("{run_id}/{}", part.name);
        let artifact = new(format!("{}={}", part.column, part.value), part.name, path, part.file, part.rows);
        let of_part = Made { artifact: &artifact, part: Some((&part.column, &part.value)), ..made };
        let of_part = deliveries(&of_part)?;
        all.extend(of_part.iter().cloned());
        files.push(MadeFile { artifact, deliveries: of_part });
    }
    let notices = if held.is_some() && checks.tell { made.delayed(core, &all) } else { Vec::new() };
    let replaces = occurrence.rerun && !kept;
    Ok(Finished::New { files, counts, notices, replaces })
}

/// Rows of a definition's earlier reports of the weekday and time of an instant.
pub fn usual_rows(
    connection: &Connection,
    definition_id: i64,
    nominal: Timestamp,
    definition: &Definition,
) -> rusqlite::Result<Option<Usual>> {
    let back = definition.checks.volume.map_or(USUAL_BACK, |volume| volume.back);
    let weeks = i64::try_from(back).unwrap_or(USUAL_WEEKS_MAX).min(USUAL_WEEKS_MAX) + 1;
    let since =
        nominal.checked_sub(SignedDuration::from_hours(weeks * 7 * 24)).unwrap_or(Timestamp::UNIX_EPOCH);
    let earlier = runs::earlier_rows(connection, definition_id, since, nominal)?;
    Ok(Usual::of(&earlier, nominal, &definition.report.zone, back))
}

fn file_name(
    definition: &Definition,
    occurrence: &OpenOccurrence,
    run_id: i64,
) -> Result<String, crate::domain::template::TemplateError> {
    definition.output.file_name.render_file_name(&TemplateValues {
        name: &definition.name,
        description: &definition.description,
        report: definition.report.kind.name,
        zone: &definition.report.zone,
        period: occurrence.period,
        nominal: occurrence.nominal_at,
        rows: 0,
        run: run_id,
        part: "",
    })
}
