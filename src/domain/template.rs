//! Templates for file names and subjects, and what they may name.
//!
//! A template is checked when its job is checked, by rendering it over a sample; strictness and a fuel limit make sure
//! that what passed the check renders at night too.

use jiff::Timestamp;
use minijinja::value::{Object, Value};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use std::sync::Arc;

use super::name::DefinitionName;
use super::period::Period;
use super::zone::Zone;

/// A template's text. Checked by [`Template::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

/// Why a template was refused.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template does not parse or render.
    #[error(
        "{0}; a template knows name, description, report, zone, rows, run, part, nominal, period.start and period.end; the \
         last three with | date, | time or | format(\"%Y…\")"
    )]
    Render(String),
    /// A rendered file name that is not one safe path component.
    #[error("file name `{name}` {reason}; it must be one plain name inside the destination's folder")]
    FileName {
        /// What came out.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What a template may name: `name`, `description`, `report`, `zone`, `rows`, `run`, `part`, and the instants `period.start`,
/// `period.end` and `nominal` with the filters `date`, `time` and `format("%Y…")`.
#[derive(Debug, Clone)]
pub struct TemplateValues<'a> {
    /// The definition's name.
    pub name: &'a DefinitionName,
    /// Its description, empty when there is none.
    pub description: &'a str,
    /// The report's type.
    pub report: &'a str,
    /// The zone in which instants print.
    pub zone: &'a Zone,
    /// The period of data.
    pub period: Period,
    /// The nominal instant.
    pub nominal: Timestamp,
    /// Rows of the artifact; known only behind the file name.
    pub rows: u64,
    /// The run's number.
    pub run: i64,
    /// The value whose rows a file for some recipients holds; empty for the whole report.
    pub part: &'a str,
}

/// An instant inside a template: prints as local date and time, takes the filters.
#[derive(Debug)]
struct Instant(jiff::Zoned);

impl Object for Instant {
    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M"))
    }
}

fn strftime(value: &Value, format: &str) -> Result<String, minijinja::Error> {
    let Some(instant) = value.downcast_object_ref::<Instant>() else {
        return Err(minijinja::Error::new(
            ErrorKind::InvalidOperation,
            "only instants can be formatted as a date",
        ));
    };
    jiff::fmt::strtime::format(format, &instant.0)
        .map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(10_000));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("date", |value: Value| strftime(&value, "%Y-%m-%d"));
    environment.add_filter("time", |value: Value| strftime(&value, "%H:%M"));
    environment.add_filter("format", |value: Value, format: String| strftime(&value, &format));
    environment
}

impl Template {
    /// A template that renders over the sample.
    pub fn parse(text: &str, sample: &TemplateValues<'_>) -> Result<Self, TemplateError> {
        let template = Self(text.to_owned());
        template.render(sample)?;
        Ok(template)
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Renders to one line of text: control characters become blanks.
    pub fn render(&self, values: &TemplateValues<'_>) -> Result<String, TemplateError> {
        let text = self.render_lines(values)?;
        Ok(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    }

    /// Renders to text; of control characters only line feeds are left.
    pub fn render_lines(&self, values: &TemplateValues<'_>) -> Result<String, TemplateError> {
        let instant = |at: Timestamp| Value::from_object(Instant(values.zone.zoned(at)));
        let context = minijinja::context! {
            name => values.name.as_str(),
            description => values.description,
            report => values.report,
            zone => values.zone.name(),
            period => minijinja::context! {
                start => instant(values.period.start),
                end => instant(values.period.end),
            },
            nominal => instant(values.nominal),
            rows => values.rows,
            run => values.run,
            part => values.part,
        };
        let text = environment().render_str(&self.0, context).map_err(|error| {
            let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
            TemplateError::Render(format!("{}{detail}", error.kind()))
        })?;
        Ok(text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect())
    }

    /// Renders to one safe path component, or says why it is none.
    pub fn render_file_name(&self, values: &TemplateValues<'_>) -> Result<String, TemplateError> {
        let name = self.render(values)?;
        match unsafe_because(&name) {
            None => Ok(name),
            Some(reason) => Err(TemplateError::FileName { name, reason }),
        }
    }

    /// Renders to a relative path of safe components (`segments/2026-11-01.csv`), or says why it is none.
    pub fn render_path(&self, values: &TemplateValues<'_>) -> Result<String, TemplateError> {
        let path = self.render(values)?;
        match path.split('/').find_map(unsafe_because) {
            None => Ok(path),
            Some(reason) => Err(TemplateError::FileName { name: path, reason }),
        }
    }
}

/// Why a text is not one safe path component (CWE-22), or `None` when it is.
fn unsafe_because(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        return Some("has an empty part");
    }
    if name.contains(['/', '\\', '\0']) {
        return Some("leads into another folder");
    }
    if name.starts_with('.') {
        return Some("begins with a dot");
    }
    // 255 bytes are the limit of the usual file systems; `.part` and a run number stand behind it for a while.
    if 200 < name.len() {
        return Some("is longer than 200 bytes");
    }
    None
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{Template, TemplateValues};
    use crate::domain::period::Period;
    use crate::domain::zone::{Zone, ZoneOrigin};

    fn rendered(text: &str) -> Result<String, String> {
        let zone =
            Zone::new("America/New_York", TimeZone::get("America/New_York").unwrap(), ZoneOrigin::Host);
        let values = TemplateValues {
            name: &"daily".parse().unwrap(),
            description: "",
            report: "interaction-details-by-segment",
            zone: &zone,
            period: Period {
                start: "2026-11-01T04:00:00Z".parse().unwrap(),
                end: "2026-11-02T05:00:00Z".parse().unwrap(),
            },
            nominal: "2026-11-02T11:00:00Z".parse().unwrap(),
            rows: 7,
            run: 42,
            part: "",
        };
        Template::parse(text, &values)
            .and_then(|t| t.render_file_name(&values))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn instants_print_in_the_reports_zone() {
        assert_eq!(rendered("{{ name }}_{{ period.start | date }}.csv").unwrap(), "daily_2026-11-01.csv");
        assert_eq!(
            rendered("{{ nominal | format('%Y%m%dT%H%M') }}-{{ run }}.csv").unwrap(),
            "20261102T0600-42.csv"
        );
    }

    #[test]
    fn a_name_that_leaves_its_folder_is_refused() {
        for text in ["../x.csv", "a/b.csv", ".hidden", "", "a\\b", "{{ nominal }}/x", &"x".repeat(201)] {
            assert!(rendered(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_name_or_filter_is_refused() {
        for text in [
            "{{ nam }}",
            "{{ name | date }}",
            "{{ period.start | dat }}",
            "{{ name",
            "{{ nominal | format('%!') }}",
        ] {
            assert!(rendered(text).is_err(), "{text}");
        }
    }
}
