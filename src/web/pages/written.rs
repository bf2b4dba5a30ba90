//! A form → the TOML of a job, and back to its fields.
//!
//! The page makes the same text that a person would write into a job file, so that there is one meaning and one set of
//! rules. Each line remembers the field that it comes from: a problem of the text stands next to that field.

use crate::daemon::Core;
use crate::domain::definition::Definition;
use crate::domain::name::DefinitionName;
use crate::jobfile;
use crate::tomlfile::{Problem, Severity};
use crate::web::fields::Fields;

/// Schedules of a report at the most, as with the vendor.
pub(super) const SCHEDULES_MAX: usize = 6;

/// What is wrong with a field.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Wrong {
    /// The field.
    pub(super) field: String,
    /// What is wrong and what would be right.
    pub(super) text: String,
}

/// A form's meaning.
pub(super) struct Written {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) definition: Option<Definition>,
    pub(super) wrong: Vec<Wrong>,
}

/// Text with the field that each line comes from.
#[derive(Default)]
struct Lines {
    text: String,
    fields: Vec<String>,
}

impl Lines {
    fn line(&mut self, field: impl Into<String>, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.fields.push(field.into());
    }

    /// `key = "value"`, unless the value is empty.
    fn text(&mut self, field: &str, key: &str, value: &str) {
        if !value.is_empty() {
            self.line(field, &format!("{key} = {}", quoted(value)));
        }
    }
}

/// A TOML string. A line break within one would end the line that the field is known by: it is written as an escape.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => {}
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The identity that a report's name for people becomes: `Daily Segments (Sales)` is `daily-segments-sales`.
pub(super) fn identity(name: &str) -> String {
    let mut identity = String::new();
    for c in name.trim().to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' | '.' => identity.push(c),
            _ if identity.is_empty() || identity.ends_with('-') => {}
            _ => identity.push('-'),
        }
    }
    identity.trim_end_matches('-').trim_start_matches(['_', '.']).to_owned()
}

/// What a form means. Blocks.
pub(super) fn read(core: &Core, fields: &Fields) -> Written {
    let name = identity(fields.get("name"));
    let mut wrong = Vec::new();
    if let Err(error) = name.parse::<DefinitionName>() {
        let text = if fields.get("name").is_empty() {
            "give the report a name".to_owned()
        } else {
            format!("{error}")
        };
        wrong.push(Wrong { field: "name".to_owned(), text });
    }
    let lines = lines(fields);
    // One message about a name that is none.
    let known = if wrong.is_empty() { &name } else { "report" };
    let parsed = jobfile::parse("report", known, &lines.text, &core.referable());
    wrong.extend(
        parsed.problems.iter().filter(|p| p.severity == Severity::Error).map(|p| of_line(p, &lines.fields)),
    );
    for key in ["direction", "user_type"] {
        if 1 < fields.all("filter").filter(|filter| *filter == key).count() {
            let text = format!("`{key}` has one value; remove the other row");
            wrong.push(Wrong { field: "filters".to_owned(), text });
        }
    }
    if fields.get("generation") == "schedule" && schedules(fields).next().is_none() {
        let text = "say when, or choose Run On Demand".to_owned();
        wrong.push(Wrong { field: "generation".to_owned(), text });
    }
    wrong.dedup_by(|a, b| a.field == b.field && a.text == b.text);
    let definition = parsed.definition.filter(|_| wrong.is_empty());
    Written { name, text: lines.text, definition, wrong }
}

fn of_line(problem: &Problem, fields: &[String]) -> Wrong {
    let field = problem.line.checked_sub(1).and_then(|at| fields.get(at)).cloned();
    let help = problem.help.as_deref().map(|help| format!("; {help}")).unwrap_or_default();
    Wrong { field: field.unwrap_or_default(), text: format!("{}{help}", problem.message) }
}

/// The numbers of the schedules that are filled in.
fn schedules(fields: &Fields) -> impl Iterator<Item = usize> {
    (0..SCHEDULES_MAX).filter(|at| !fields.get(&format!("repeat{at}")).is_empty())
}

fn lines(fields: &Fields) -> Lines {
    let mut lines = Lines::default();
    lines.text("name", "description", described(fields));
    lines.text("owner", "owner", fields.get("owner"));
    lines.line("type", "");
    lines.line("type", "[report]");
    lines.line("type", &format!("type = {}", quoted(fields.get("type"))));
    lines.line("time_zone", &format!("time_zone = {}", quoted(fields.get("time_zone"))));
    if fields.get("period") == "between" {
        let (from, to) = (quoted(fields.get("from")), quoted(fields.get("to")));
        lines.line("period", &format!("period = {{ from = {from}, to = {to} }}"));
    } else {
        lines.line("period", &format!("period = {}", quoted(fields.get("period"))));
    }
    lines.text("columns", "columns", fields.get("columns"));
    if fields.get("in_progress") == "1" {
        lines.line("in_progress", "in_progress = true");
    }
    filters(&mut lines, fields);
    lines.line("format", "");
    lines.line("format", "[output]");
    lines.text("format", "format", fields.get("format"));
    lines.text("date_format", "date_format", fields.get("date_format"));
    lines.text("empty", "empty", fields.get("empty"));
    if fields.get("generation") == "schedule" {
        for at in schedules(fields) {
            schedule(&mut lines, fields, at);
        }
    }
    let to: Vec<String> = fields
        .get("send_to")
        .split([',', ';'])
        .map(str::trim)
        .filter(|to| !to.is_empty())
        .map(quoted)
        .collect();
    if !to.is_empty() {
        lines.line("send_to", "");
        lines.line("send_to", "[[deliver]]");
        lines.line("send_to", &format!("email = {{ to = [{}] }}", to.join(", ")));
    }
    lines
}

/// The description; where there is none and the name for people is more than the identity says, that name.
fn described(fields: &Fields) -> &str {
    let (name, description) = (fields.get("name"), fields.get("description"));
    if description.is_empty() && identity(name) != name { name } else { description }
}

/// Filters: rows with the same key are values of one list.
fn filters(lines: &mut Lines, fields: &Fields) {
    let rows = fields.all("filter").zip(fields.all("value"));
    let mut lists: Vec<(String, Vec<String>)> = Vec::new();
    for (key, value) in rows.filter(|(key, value)| !key.is_empty() && !value.is_empty()) {
        match lists.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) => values.push(quoted(value)),
            None => lists.push((key.to_owned(), vec![quoted(value)])),
        }
    }
    if lists.is_empty() {
        return;
    }
    // One order, whatever the rows' is: what is read back is written the same.
    lists.sort();
    lines.line("filters", "");
    lines.line("filters", "[report.filters]");
    for (key, values) in lists {
        // Only known keys are offered; another one is told as a problem of the text, which quoting keeps whole.
        let plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let word = if plain { key.clone() } else { quoted(&key) };
        let value = match (key.as_str(), values.first()) {
            ("direction" | "user_type", Some(first)) => first.clone(),
            _ => format!("[{}]", values.join(", ")),
        };
        lines.line("filters", &format!("{word} = {value}"));
    }
}

fn schedule(lines: &mut Lines, fields: &Fields, at: usize) {
    let field = format!("schedule{at}");
    let get = |name: &str| fields.get(&format!("{name}{at}"));
    lines.line(&field, "");
    lines.line(&field, "[[schedule]]");
    match get("repeat") {
        "cron" => lines.line(&field, &format!("cron = {}", quoted(get("cron")))),
        "once" => lines.line(&field, &format!("once = {}", quoted(get("once")))),
        repeat => {
            lines.line(&field, &format!("repeat = {}", quoted(repeat)));
            let minute = format!("{:0>2}", get("minute"));
            let time = if repeat == "hourly" {
                format!(":{minute}")
            } else {
                format!("{}:{minute}", hour_of_day(get("hour"), get("half")))
            };
            lines.line(&field, &format!("at = {}", quoted(&time)));
            let day = get("day");
            if !day.is_empty() && !matches!(repeat, "hourly" | "daily") {
                let number = day.parse::<u8>().is_ok() && repeat != "weekly";
                let day = if number { day.to_owned() } else { quoted(&day.to_lowercase()) };
                lines.line(&field, &format!("on = {day}"));
            }
        }
    }
    lines.text(&field, "time_zone", get("zone"));
}

/// 12 AM is midnight; without AM and PM the hour is that of 24.
fn hour_of_day(hour: &str, half: &str) -> String {
    let Ok(number) = hour.parse::<u8>() else { return hour.to_owned() };
    let hour = match half {
        "AM" => number % 12,
        "PM" => number % 12 + 12,
        _ => number,
    };
    format!("{hour:02}")
}

/// The fields that a text was made from; `None` where it says more than the form can.
pub(super) fn unread(name: &str, text: &str) -> Option<Fields> {
    let table: toml::Table = text.parse().ok()?;
    let mut fields = Vec::new();
    let mut put = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
    let text_of = |table: &toml::Table, key: &str| {
        table.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
    };
    let report = table.get("report")?.as_table()?;
    put("name", name);
    put("description", &text_of(&table, "description"));
    put("owner", &text_of(&table, "owner"));
    for key in ["type", "time_zone", "columns"] {
        put(key, &text_of(report, key));
    }
    let period = report.get("period")?;
    if let Some(bounds) = period.as_table() {
        put("period", "between");
        put("from", &text_of(bounds, "from"));
        put("to", &text_of(bounds, "to"));
    } else {
        put("period", period.as_str()?);
    }
    if report.get("in_progress").and_then(toml::Value::as_bool) == Some(true) {
        put("in_progress", "1");
    }
    for (key, value) in report.get("filters").and_then(toml::Value::as_table).into_iter().flatten() {
        let list: Vec<&str> = match value.as_array() {
            Some(values) => values.iter().filter_map(toml::Value::as_str).collect(),
            None => vec![value.as_str()?],
        };
        for value in list {
            put("filter", key);
            put("value", value);
        }
    }
    if let Some(output) = table.get("output").and_then(toml::Value::as_table) {
        for key in ["format", "date_format", "empty"] {
            put(key, &text_of(output, key));
        }
    }
    let all = table.get("schedule").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    put("generation", if all.is_empty() { "demand" } else { "schedule" });
    for (at, schedule) in all.iter().enumerate() {
        unread_schedule(schedule.as_table()?, at, &mut put);
    }
    if let Some([deliver]) = table.get("deliver").and_then(toml::Value::as_array).map(Vec::as_slice) {
        let to = deliver.get("email")?.get("to")?.as_array()?;
        let to: Vec<&str> = to.iter().filter_map(toml::Value::as_str).collect();
        put("send_to", &to.join(", "));
    }
    let fields = Fields(fields);
    // What the form would not write again as it stands is left to the text.
    (lines(&fields).text == text).then_some(fields)
}

fn unread_schedule(schedule: &toml::Table, at: usize, put: &mut impl FnMut(&str, &str)) {
    let text = |key: &str| schedule.get(key).and_then(toml::Value::as_str).unwrap_or_default();
    let mut put = |name: &str, value: &str| put(&format!("{name}{at}"), value);
    put("zone", text("time_zone"));
    for key in ["cron", "once"] {
        if schedule.contains_key(key) {
            put("repeat", key);
            put(key, text(key));
            return;
        }
    }
    put("repeat", text("repeat"));
    let (hour, minute) = text("at").split_once(':').unwrap_or_default();
    put("minute", minute);
    if let Ok(hour) = hour.parse::<u8>() {
        put("hour", &(if hour % 12 == 0 { 12 } else { hour % 12 }).to_string());
        put("half", if hour < 12 { "AM" } else { "PM" });
    }
    match schedule.get("on") {
        Some(toml::Value::Integer(day)) => put("day", &day.to_string()),
        _ => put("day", text("on")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, identity, lines, unread};

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_name_for_people_becomes_an_identity() {
        for (name, expected) in [
            ("Daily Segments (Sales)", "daily-segments-sales"),
            ("  segments-yesterday ", "segments-yesterday"),
            ("Täglich", "t-glich"),
            ("---", ""),
        ] {
            assert_eq!(identity(name), expected);
        }
    }

    #[test]
    fn what_a_form_writes_can_be_edited_in_it() {
        let filled = fields(&[
            ("name", "sales"),
            ("description", "Line one\n\"two\" \\ three"),
            ("type", "interaction-details-by-segment"),
            ("time_zone", "America/New_York"),
            ("period", "yesterday"),
            ("filter", "queues"),
            ("value", "Sales_Queue_US"),
            ("filter", "queues"),
            ("value", "Support"),
            ("filter", "direction"),
            ("value", "Inbound"),
            ("format", "csv"),
            ("generation", "schedule"),
            ("repeat0", "monthly"),
            ("day0", "last"),
            ("hour0", "12"),
            ("minute0", "5"),
            ("half0", "AM"),
            ("repeat1", "cron"),
            ("cron1", "0 6 * * Mon-Fri"),
            ("zone1", "Europe/Berlin"),
            ("send_to", "supervisors"),
        ]);
        let text = lines(&filled).text;
        assert!(text.contains("repeat = \"monthly\"\nat = \"00:05\"\non = \"last\""), "{text}");
        assert!(
            text.contains("direction = \"Inbound\"\nqueues = [\"Sales_Queue_US\", \"Support\"]"),
            "{text}"
        );
        let again = unread("sales", &text).expect("the form reads what it wrote");
        assert_eq!(lines(&again).text, text);
        assert!(unread("sales", &text.replace("period", "settle = \"5m\"\nperiod")).is_none());
    }

    #[test]
    fn no_field_can_write_another_key() {
        let text =
            lines(&fields(&[("description", "x\"\nowner = \"a@b.example"), ("type", "t\"]\n[checks")])).text;
        let table: toml::Table = text.parse().unwrap();
        assert!(!table.contains_key("owner") && !table.contains_key("checks"), "{text}");
    }
}
