//! Text → [`Definition`], or every problem at once. Pure: zones, relays and lists come in as a value.

mod checks;
mod deliver;
mod email;
mod headers;
mod lower;
mod output;
mod passed;
mod report;
mod schedule;
pub mod schema;
mod schema_deliver;
mod words;

use std::collections::BTreeMap;

use crate::domain::address::Address;
use crate::domain::blackout::Blackout;
use crate::domain::definition::Definition;
use crate::domain::name::DefinitionName;
use crate::domain::schedule::Schedule;
use crate::domain::source::{Feed, SourceKind};
use crate::domain::zone::Zone;
use crate::tomlfile::{self, Problem, Severity};

pub use schedule::WEEKDAYS;

/// What a job file may refer to. Made from the config and the host.
pub trait Surroundings {
    /// A zone by its IANA name, or what is wrong and what would be right.
    fn zone(&self, name: &str) -> Result<Zone, String>;
    /// Address lists by name.
    fn lists(&self) -> &BTreeMap<String, Vec<Address>>;
    /// Lists of days by name.
    fn blackouts(&self) -> &BTreeMap<String, Blackout>;
    /// Names of mail relays.
    fn relays(&self) -> Vec<&str>;
    /// Sources by name, the store among them, with what is collected of each.
    fn sources(&self) -> Vec<(&str, SourceKind, Option<Feed>)>;
    /// Names of places or webhooks of a kind: s3, gcs, azure, sftp, webdav, http, webhook, ping.
    fn places(&self, kind: &str) -> Vec<&str>;
}

/// A job file that was read.
#[derive(Debug)]
pub struct Parsed {
    /// The name, where at least that could be read: what a broken file leaves in force is found by it.
    pub name: Option<DefinitionName>,
    /// The definition, when no problem is an error.
    pub definition: Option<Definition>,
    /// Errors and warnings, in the order of the text.
    pub problems: Vec<Problem>,
}

/// Reads a job file. `file` is the name that problems print; `default_name` stands where the text has no `name`.
pub fn parse(file: &str, default_name: &str, text: &str, surroundings: &dyn Surroundings) -> Parsed {
    let (source, job, problems) = tomlfile::parse::<schema::JobFile>(file, text);
    let Some(job) = job else {
        return Parsed { name: default_name.parse().ok(), definition: None, problems };
    };
    let mut lowering = lower::Lowering::new(&source, surroundings, problems);
    let name = lowering.name(&job, default_name);
    let definition = name.as_ref().and_then(|name| lowering.definition(name, &job));
    let mut problems = lowering.into_problems();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    let broken = problems.iter().any(|problem| problem.severity == Severity::Error);
    Parsed { name, definition: definition.filter(|_| !broken), problems }
}

/// One `[[schedule]]` by itself, in UTC unless it names a zone.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScheduleFile {
    #[serde(default)]
    schedule: Vec<schema::ScheduleTable>,
}

/// Reads the keys of one `[[schedule]]`, a line each.
pub fn parse_schedule(keys: &str, surroundings: &dyn Surroundings) -> Result<Schedule, Vec<Problem>> {
    let text = format!("[[schedule]]\n{keys}\n");
    let (source, file, problems) = tomlfile::parse::<ScheduleFile>("schedule", &text);
    let Some(file) = file else { return Err(problems) };
    let mut lowering = lower::Lowering::new(&source, surroundings, problems);
    let schedules = lowering.schedules(&file.schedule, &Zone::utc());
    let problems = lowering.into_problems();
    schedules.into_iter().next().filter(|_| problems.is_empty()).ok_or(problems)
}

/// The JSON Schema of a job file.
pub fn json_schema() -> serde_json::Value {
    tomlfile::schema::<schema::JobFile>()
}
