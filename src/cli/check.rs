//! `legwork check` and `legwork schema`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;

use super::context::Context;
use super::exit::{Exit, told};
use super::out::{is_terminal, json, say};
use crate::artifacts::xml;
use crate::config::{self, Config, Referable, RelayWay};
use crate::daemon::loader::{Folder, JobSource, read_folder};
use crate::domain::definition::{Destination, FileDestination, Place};
use crate::domain::record::Record;
use crate::import;
use crate::jobfile;
use crate::secret::SecretError;
use crate::tomlfile::{self, Problem, Severity, render};
use crate::zones::Zones;

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// A job file.
    Job,
    /// The config.
    Config,
    /// A line of an NDJSON import.
    Import,
    /// The columns of the CSV imports.
    ImportCsv,
    /// The XML form of a report, as XML Schema.
    ReportXml,
    /// The config with every default and its reason.
    Defaults,
}

pub(super) fn schema(of: SchemaOf) -> anyhow::Result<Exit> {
    match of {
        SchemaOf::Job => json(&jobfile::json_schema())?,
        SchemaOf::Config => json(&tomlfile::schema::<config::file::ConfigFile>())?,
        SchemaOf::Import => json(&tomlfile::schema::<Record>())?,
        SchemaOf::ImportCsv => {
            for kind in import::CsvKind::value_variants() {
                let name =
                    kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
                let (all, needed) = import::columns(*kind);
                let needed: Vec<String> = needed.iter().map(|any| any.join(" or ")).collect();
                say!("{name}: {}\n  needs {}", all.join(","), needed.join(", "))?;
            }
        }
        SchemaOf::ReportXml => say!("{}", xml::SCHEMA.trim_end())?,
        SchemaOf::Defaults => say!("{}", config::SHIPPED.trim_end())?,
    }
    Ok(Exit::Done)
}

pub(super) fn check(context: &Context, paths: &[PathBuf]) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let zones = Zones::default();
    let referable = Referable::new(&config, &zones);
    let paths = if paths.is_empty() { vec![config.jobs.clone()] } else { paths.to_vec() };
    let mut folder = Folder::default();
    for path in &paths {
        let read = read_folder(path, &referable)
            .map_err(|error| told(Exit::NotFound, format!("read `{}`: {error}", path.display())))?;
        folder.jobs.extend(read.jobs);
        folder.problems.extend(read.problems);
    }
    let mut problems = folder.all_problems();
    problems.extend(warnings(context, &config, &zones, &folder));
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    if context.json {
        json(&serde_json::json!({ "jobs": folder.jobs.len(), "errors": errors, "problems": problems }))?;
    } else {
        let text = render(&problems, is_terminal());
        if !text.is_empty() {
            use std::io::Write;
            write!(std::io::stderr(), "{text}")?;
        }
        for line in unit_lines(&folder) {
            say!("{line}")?;
        }
        let warnings = problems.len() - errors;
        say!(
            "{} job files, {errors} errors, {warnings} warnings",
            folder.jobs.len() + folder.problems.len()
        )?;
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Wrong })
}

fn warnings(context: &Context, config: &Config, zones: &Zones, folder: &Folder) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let file =
        config.file.as_ref().map_or_else(|| "the config".to_owned(), |file| file.display().to_string());
    let mut warn = |file: &str, message: String, help: &str| {
        warnings.push(Problem::of_file(file, message, help).warning());
    };
    for (name, relay) in &config.relays {
        if let RelayWay::Outbox(folder) = &relay.way {
            let message = format!("relay `{name}` writes mail to `{}` and sends nothing", folder.display());
            warn(&file, message, "give it a host when the trial is over");
        }
    }
    for (key, secret) in config.secrets() {
        match secret.read() {
            Ok(_) => {}
            // Only the unit can read its credentials; that is no mistake of the config.
            Err(error @ SecretError::OutsideUnit(_)) => {
                warn(&file, format!("{key}: {error}"), "it is read when the daemon runs");
            }
            Err(error) => warn(
                &file,
                format!("{key}: {}", crate::chain::chain(&error)),
                if key.starts_with("source.") {
                    "runs over the source fail until it can be read"
                } else {
                    "mails and uploads will wait until it can be read"
                },
            ),
        }
    }
    for job in &folder.jobs {
        for (message, help) in odd_things(context, job) {
            warn(&job.file, message, help);
        }
    }
    let mut named: BTreeMap<String, (&str, crate::domain::zone::Zone)> = BTreeMap::new();
    for job in &folder.jobs {
        if let Some(definition) = &job.parsed.definition {
            let zones = definition.schedules.iter().map(|s| &s.zone).chain([&definition.report.zone]);
            named.extend(zones.map(|zone| (zone.name().to_owned(), (job.file.as_str(), zone.clone()))));
        }
    }
    for (name, (job, zone)) in named {
        if zone.origin() == crate::domain::zone::ZoneOrigin::BuiltIn && name != "UTC" {
            warn(
                job,
                format!("this host has no zone `{name}`; the built-in rules stand in"),
                "install the host's zone data",
            );
        }
        if let Some(at) = zones.disagreement(&zone, context.now()) {
            let message =
                format!("from {at} on, this host's rules for `{name}` differ from the built-in ones");
            warn(job, message, "the host's rules hold; check that its zone data is up to date");
        }
    }
    warnings
}

/// What is allowed in a job and hardly meant, with the cure.
fn odd_things(context: &Context, job: &JobSource) -> Vec<(String, &'static str)> {
    let Some(definition) = &job.parsed.definition else { return Vec::new() };
    let mut odd = Vec::new();
    for (number, schedule) in (1..).zip(&definition.schedules) {
        if schedule.enabled && schedule.next(context.now()).is_none() {
            let message = format!("schedule {number} never fires again: its last instant is past");
            odd.push((
                message,
                "correct its date, or remove it; `apply` refuses a new job with it unless `--now` runs it at once",
            ));
        }
    }
    for destination in &definition.destinations {
        if let Some(folder) = folder_of(destination)
            && !std::path::Path::new(folder).is_dir()
        {
            let message = format!("the folder `{folder}` is not there");
            odd.push((message, "make it: until then the files wait"));
        }
    }
    odd
}

/// The folder of this machine that a destination is.
fn folder_of(destination: &Destination) -> Option<&str> {
    match destination {
        Destination::File(FileDestination { place: Place::Directory { .. }, target, .. }) => Some(target),
        Destination::File(_) | Destination::Email(_) | Destination::Webhook(_) => None,
    }
}

/// Lines that the unit needs for directory destinations.
fn unit_lines(folder: &Folder) -> Vec<String> {
    let mut paths: Vec<&str> = Vec::new();
    for definition in folder.jobs.iter().filter_map(|job| job.parsed.definition.as_ref()) {
        for destination in &definition.destinations {
            if let Some(folder) = folder_of(destination)
                && !paths.contains(&folder)
            {
                paths.push(folder);
            }
        }
    }
    if paths.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        "the unit needs these lines for the jobs' folders (`systemctl edit legwork`):".to_owned(),
        "  [Service]".to_owned(),
    ];
    let mut groups: Vec<u32> = Vec::new();
    for path in paths {
        lines.push(format!("  ReadWritePaths={path}"));
        if let Ok(metadata) = std::fs::metadata(path) {
            use std::os::unix::fs::MetadataExt;
            if !groups.contains(&metadata.gid()) {
                groups.push(metadata.gid());
            }
        }
    }
    for group in groups.into_iter().filter(|group| *group != 0) {
        lines.push(format!("  SupplementaryGroups={group}"));
    }
    lines
}
