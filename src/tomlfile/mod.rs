//! TOML text → a value of a type, or every problem at once, each with its place.
//!
//! serde stops at the first mistake. So the text is first held against the JSON Schema of the type, which finds all
//! unknown keys, wrong types and missing values with their places; what is wrong is left out, and serde reads the
//! rest. The same schema is what `legwork schema` prints: an editor and the program cannot disagree.

mod check;
mod problem;

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

pub use problem::{Problem, Severity, render};

/// More than any file that a person writes; a longer one is refused before it is parsed.
const FILE_BYTES_MAX: usize = 1 << 20;

/// A text with its name and the places of its values.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    places: BTreeMap<String, Range<usize>>,
}

impl Source {
    /// The name of the file, as problems print it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A problem at a value, named by its path (`schedule[0].cron`), or at its nearest parent that is there.
    pub fn problem(&self, path: &str, message: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem::new(&self.name, &self.text, self.place(path), path, message.into(), Some(help.into()))
    }

    /// A problem at a part of a text value: bytes `start..end` of the value itself.
    pub fn problem_inside(&self, path: &str, part: Range<usize>, message: impl Into<String>) -> Problem {
        let place = self.place(path);
        let raw = self.text.get(place.clone()).unwrap_or("");
        // Only a plain one-line string has the same bytes in the file as in the value.
        let quoted = matches!(raw.as_bytes().first(), Some(b'"' | b'\'')) && !raw.contains(['\\', '\n']);
        let span = if quoted {
            let start = (place.start + 1 + part.start).min(place.end);
            start..(place.start + 1 + part.end).clamp(start, place.end)
        } else {
            place
        };
        Problem::new(&self.name, &self.text, span, path, message.into(), None)
    }

    /// Whether something stands at a path, right or wrong.
    pub fn has(&self, path: &str) -> bool {
        self.places.contains_key(path)
    }

    /// The line of a value, counted from 1.
    pub fn line(&self, path: &str) -> usize {
        problem::line_and_column(&self.text, self.place(path).start).0
    }

    fn place(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return place.clone();
            }
            match path.rfind(['.', '[']).and_then(|cut| path.get(..cut)) {
                Some(parent) => path = parent,
                None => return 0..0,
            }
        }
    }
}

/// The JSON Schema of a type, without references: what the check walks and what `legwork schema` prints.
pub fn schema<T: JsonSchema>() -> serde_json::Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The schema of a type, made once: making it takes longer than checking a file against it.
fn schema_once<T: JsonSchema + 'static>() -> Arc<serde_json::Value> {
    static MADE: LazyLock<Mutex<HashMap<TypeId, Arc<serde_json::Value>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(schema::<T>())).clone()
}

/// Reads a text from bytes: broken UTF-8 and oversized files are problems with a place.
pub fn decode(name: &str, bytes: Vec<u8>) -> Result<String, Problem> {
    if FILE_BYTES_MAX < bytes.len() {
        let message = format!("the file has {} bytes", bytes.len());
        return Err(Problem::new(name, "", 0..0, "", message, Some("use at most 1 MiB".to_owned())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let message = "this is not UTF-8".to_owned();
        Problem::new(name, &text, at..at + 1, "", message, Some("save the file as UTF-8".to_owned()))
    })
}

/// Reads a value of type `T`. With problems of the text's form there is no value; with others there is what could be
/// read, so that what the value means can be checked in the same go.
pub fn parse<T: JsonSchema + DeserializeOwned + 'static>(
    name: &str,
    text: &str,
) -> (Source, Option<T>, Vec<Problem>) {
    let mut source = Source { name: name.to_owned(), text: text.to_owned(), places: BTreeMap::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let problems = errors.iter().map(|error| {
            let place = error.span().unwrap_or(0..0);
            Problem::new(name, text, place, "", error.message().to_owned(), None)
        });
        return (source, None, problems.collect());
    }
    let schema = schema_once::<T>();
    let mut problems = Vec::new();
    let mut checker = check::Checker { name, text, places: &mut source.places, problems: &mut problems };
    let table = toml::Spanned::new(table.span(), DeValue::Table(table.into_inner()));
    let json = checker.check(&table, &schema, "").unwrap_or(serde_json::Value::Null);
    match serde_json::from_value(json) {
        Ok(value) => (source, Some(value), problems),
        Err(error) => {
            // Only reachable when the schema allows what the type does not; never pass it over in silence.
            if problems.is_empty() {
                problems.push(Problem::new(name, text, 0..0, "", error.to_string(), None));
            }
            (source, None, problems)
        }
    }
}
