//! A job file as written → a [`Definition`]: what the schema cannot know.

use jiff::Timestamp;

use super::Surroundings;
use super::schema::{DeliverTable, DirectoryTable, EmailTable, HttpTable, JobFile, PauseTable, RunTable};
use super::words::{MethodWord, OnUnknownWord};
use crate::domain::address::Address;
use crate::domain::definition::{
    Definition, Destination, DirectoryDestination, EmailDestination, HttpDestination, HttpMethod, OnUnknown,
    RunRules,
};
use crate::domain::name::DefinitionName;
use crate::domain::nearest::nearest;
use crate::domain::period::Period;
use crate::domain::template::{Template, TemplateValues};
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
            self.destinations(&job.deliver, &sample(name, &description, &utc));
            return None;
        };
        let zone = report.zone.clone();
        let sample = sample(name, &description, &zone);
        let output = self.output(job, &report, &sample);
        let run = self.run(&job.run);
        let schedules = self.schedules(&job.schedule, &zone);
        let destinations = self.destinations(&job.deliver, &sample);
        Some(Definition {
            name: name.clone(),
            description: description.clone(),
            owner,
            report,
            output: output?,
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
        })
    }

    fn destinations(&mut self, tables: &[DeliverTable], sample: &TemplateValues<'_>) -> Vec<Destination> {
        let mut destinations = Vec::new();
        for (at, table) in tables.iter().enumerate() {
            let path = format!("deliver[{at}]");
            let destination = match (&table.email, &table.directory, &table.http) {
                (Some(email), None, None) => {
                    self.email(&format!("{path}.email"), email, sample).map(Destination::Email)
                }
                (None, Some(directory), None) => {
                    self.directory(&format!("{path}.directory"), directory).map(Destination::Directory)
                }
                (None, None, Some(http)) => {
                    self.http(&format!("{path}.http"), http, sample).map(Destination::Http)
                }
                _ => {
                    let help = "keep one; add a [[deliver]] for another";
                    self.wrong(
                        &path,
                        "a [[deliver]] has exactly one of `email`, `directory` and `http`",
                        help,
                    );
                    None
                }
            };
            if destination.as_ref().is_some_and(|destination| destinations.contains(destination)) {
                self.wrong(&path, "this destination stands here twice", "remove one of them");
            }
            destinations.extend(destination);
        }
        destinations
    }

    fn email(
        &mut self,
        path: &str,
        table: &EmailTable,
        sample: &TemplateValues<'_>,
    ) -> Option<EmailDestination> {
        let relay = self.relay(path, table.relay.as_deref());
        let to = self.addresses(&format!("{path}.to"), table.to.as_deref().unwrap_or_default());
        let cc = self.addresses(&format!("{path}.cc"), &table.cc);
        let bcc = self.addresses(&format!("{path}.bcc"), &table.bcc);
        if table.to.as_ref().is_some_and(Vec::is_empty) {
            self.wrong(
                &format!("{path}.to"),
                "there is no recipient",
                "add an address or the name of a list",
            );
        }
        let subject = table.subject.as_deref().unwrap_or("{{ name }} {{ period.start | date }}");
        let subject = self.take(&format!("{path}.subject"), Template::parse(subject, sample))?;
        Some(EmailDestination {
            relay: relay?,
            to,
            cc,
            bcc,
            subject,
            on_unknown: on_unknown(table.on_unknown, OnUnknown::Hold),
        })
    }

    fn relay(&mut self, path: &str, named: Option<&str>) -> Option<String> {
        let relays: Vec<String> = self.surroundings.relays().into_iter().map(ToOwned::to_owned).collect();
        let listed = relays.join(", ");
        match (named, relays.as_slice()) {
            (Some(name), _) if relays.iter().any(|relay| relay == name) => Some(name.to_owned()),
            (Some(name), _) => {
                let help = match nearest(name, relays.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if relays.is_empty() => format!("add [relay.{name}] to the config"),
                    None => format!("the config has {listed}"),
                };
                self.wrong(&format!("{path}.use"), format!("there is no relay `{name}`"), help);
                None
            }
            (None, [only]) => Some(only.clone()),
            (None, []) => {
                self.wrong(
                    path,
                    "the config has no mail relay",
                    "add one: [relay.main] with host, tls and from",
                );
                None
            }
            (None, _) if relays.iter().any(|relay| relay == "default") => Some("default".to_owned()),
            (None, _) => {
                self.wrong(
                    path,
                    "the config has several relays and none is named `default`",
                    format!("add use = one of {listed}"),
                );
                None
            }
        }
    }

    /// Addresses and lists, expanded; an address that stands twice is taken once.
    fn addresses(&mut self, path: &str, texts: &[String]) -> Vec<Address> {
        let mut addresses: Vec<Address> = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            let place = format!("{path}[{at}]");
            let found = if text.contains('@') {
                self.take(&place, text.parse::<Address>()).into_iter().collect()
            } else {
                self.list(&place, text)
            };
            for address in found {
                if !addresses.iter().any(|known| known.bare().eq_ignore_ascii_case(address.bare())) {
                    addresses.push(address);
                }
            }
        }
        addresses
    }

    fn list(&mut self, path: &str, name: &str) -> Vec<Address> {
        let lists = self.surroundings.lists();
        match lists.get(name) {
            Some(list) if list.is_empty() => {
                self.wrong(path, format!("the list `{name}` is empty"), "add an address to it in the config");
                Vec::new()
            }
            Some(list) => list.clone(),
            None => {
                let help = match nearest(name, lists.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write an address, or add the list to [list] in the config".to_owned(),
                };
                self.wrong(path, format!("there is no list `{name}`"), help);
                Vec::new()
            }
        }
    }

    fn directory(&mut self, path: &str, table: &DirectoryTable) -> Option<DirectoryDestination> {
        let folder = table.path.clone()?;
        let plain = folder.starts_with('/') && folder.split('/').all(|part| part != ".." && part != ".");
        if !plain || folder.chars().any(char::is_control) {
            self.wrong(
                &format!("{path}.path"),
                "the folder is not an absolute path",
                "write it from `/` on, without `..`",
            );
            return None;
        }
        let mode = table.mode.as_deref().unwrap_or("0640");
        let bits = u32::from_str_radix(mode, 8).ok().filter(|bits| *bits <= 0o777 && 0o400 & bits != 0);
        let wrong = || format!("`{mode}` is not a file mode; write octal digits, as \"0640\"");
        let mode = self.take(&format!("{path}.mode"), bits.ok_or_else(wrong))?;
        Some(DirectoryDestination {
            path: folder,
            mode,
            on_unknown: on_unknown(table.on_unknown, OnUnknown::Resend),
        })
    }

    fn http(
        &mut self,
        path: &str,
        table: &HttpTable,
        sample: &TemplateValues<'_>,
    ) -> Option<HttpDestination> {
        let endpoint = table.endpoint.clone()?;
        let endpoints = self.surroundings.endpoints();
        if !endpoints.contains(&endpoint.as_str()) {
            let help = match nearest(&endpoint, endpoints) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add [http.{endpoint}] to the config"),
            };
            self.wrong(&format!("{path}.use"), format!("there is no HTTP endpoint `{endpoint}`"), help);
            return None;
        }
        let text = table.path.clone().unwrap_or_else(|| self.default_file_name.clone());
        let template = Template::parse(&text, sample).and_then(|t| t.render_path(sample).map(|_| t));
        let template = self.take(&format!("{path}.path"), template)?;
        let (method, default) = match table.method.unwrap_or(MethodWord::Put) {
            MethodWord::Put => (HttpMethod::Put, OnUnknown::Resend),
            MethodWord::Post => (HttpMethod::Post, OnUnknown::Hold),
        };
        Some(HttpDestination {
            endpoint,
            path: template,
            method,
            on_unknown: on_unknown(table.on_unknown, default),
        })
    }
}

fn on_unknown(word: Option<OnUnknownWord>, default: OnUnknown) -> OnUnknown {
    match word {
        Some(OnUnknownWord::Hold) => OnUnknown::Hold,
        Some(OnUnknownWord::Resend) => OnUnknown::Resend,
        None => default,
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
    }
}
