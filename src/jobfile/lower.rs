//! A job file as written → a [`Definition`]: what the schema cannot know.

use jiff::Timestamp;

use super::Surroundings;
use super::headers::Headers;
use super::schema::{JobFile, PauseTable, RunTable};
use crate::domain::definition::{Definition, RunRules};
use crate::domain::name::DefinitionName;
use crate::domain::period::Period;
use crate::domain::template::TemplateValues;
use crate::domain::units;
use crate::domain::zone::Zone;
use crate::tomlfile::{Problem, Source};

/// Characters of a description at the most.
const DESCRIPTION_MAX: usize = 500;

pub(super) struct Lowering<'a> {
    pub(super) source: &'a Source,
    pub(super) surroundings: &'a dyn Surroundings,
    pub(super) problems: Vec<Problem>,
    /// The name of a file that nothing else names: its ending says what it is.
    pub(super) default_file_name: String,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(
        source: &'a Source,
        surroundings: &'a dyn Surroundings,
        problems: Vec<Problem>,
    ) -> Self {
        Self { source, surroundings, problems, default_file_name: String::new() }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    pub(super) fn wrong(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(self.source.problem(path, message, help));
    }

    /// Keeps a value, or notes at `path` why it is none.
    pub(super) fn take<T, E: ToString>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                // Messages carry their cure behind a semicolon or colon; the problem's help line is the second half.
                let text = error.to_string();
                let (message, help) = text.split_once("; ").unwrap_or((&text, ""));
                let help = if help.is_empty() { "see `legwork schema job`" } else { help };
                let problem = self.source.problem(path, message, help);
                self.problems.push(problem);
                None
            }
        }
    }

    pub(super) fn name(&mut self, job: &JobFile, default_name: &str) -> Option<DefinitionName> {
        if let Some(name) = &job.name {
            self.take("name", name.parse())
        } else {
            let parsed: Result<DefinitionName, _> = default_name.parse();
            self.take(
                "",
                parsed.map_err(|error| {
                    format!("the file's name is no definition name: {error}; add `name = \"…\"`")
                }),
            )
        }
    }

    pub(super) fn definition(&mut self, name: &DefinitionName, job: &JobFile) -> Option<Definition> {
        let description = job.description.clone().unwrap_or_default();
        if DESCRIPTION_MAX < description.chars().count() {
            self.wrong(
                "description",
                "the description is too long",
                format!("use at most {DESCRIPTION_MAX} characters"),
            );
        }
        let owner = job.owner.as_deref().and_then(|owner| self.take("owner", owner.parse()));
        let report = job.report.as_ref().and_then(|table| self.report(table));
        let Some(report) = report else {
            // Without a zone neither schedules nor templates can be judged; addresses can.
            let utc = Zone::utc();
            self.destinations(&job.deliver, &sample(name, &description, &utc), &Headers::Unknown);
            return None;
        };
        let zone = report.zone.clone();
        let sample = sample(name, &description, &zone);
        let output = self.output(job, &report, &sample);
        let run = self.run(&job.run);
        let schedules = self.schedules(&job.schedule, &zone);
        let headers = output.as_ref().map_or(Headers::Unknown, |output| Headers::of(&report, output.format));
        let checks = self.checks(&job.checks, &headers);
        self.passed_checks(&job.checks, &report);
        let destinations = self.destinations(&job.deliver, &sample, &headers);
        Some(Definition {
            name: name.clone(),
            description: description.clone(),
            owner,
            report,
            output: output?,
            checks,
            run: run?,
            schedules,
            destinations,
        })
    }

    pub(super) fn zone(&mut self, path: &str, name: &str) -> Option<Zone> {
        let zone = self.surroundings.zone(name);
        self.take(path, zone)
    }

    fn run(&mut self, table: &RunTable) -> Option<RunRules> {
        let default = RunRules::default();
        let time_limit = match table.time_limit.as_deref() {
            Some(text) => Some(self.take("run.time_limit", units::duration(text))?),
            None => None,
        };
        let retry_after = match table.retry_after.as_deref() {
            Some(text) => self.take("run.retry_after", units::duration(text))?,
            None => default.retry_after,
        };
        let pause_after = table.pause_after.as_ref().and_then(|PauseTable { failures }| *failures);
        if pause_after == Some(0) {
            self.wrong("run.pause_after.failures", "0 failures", "use at least 1, or remove `pause_after`");
        }
        Some(RunRules {
            time_limit,
            retries: table.retries.unwrap_or(default.retries),
            retry_after,
            pause_after,
            ping: table.ping.as_ref().and_then(|name| self.named("run", "ping", name)),
        })
    }
}

/// Values that every template is rendered over when its job is checked.
fn sample<'a>(name: &'a DefinitionName, description: &'a str, zone: &'a Zone) -> TemplateValues<'a> {
    let at = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    TemplateValues {
        name,
        description,
        report: "interaction-details-by-segment",
        zone,
        period: Period { start: at(1_793_505_600), end: at(1_793_595_600) },
        nominal: at(1_793_617_200),
        rows: 1,
        run: 1,
        part: "",
    }
}
