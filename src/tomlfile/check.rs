//! Holds a TOML tree against a JSON Schema and turns what is right into JSON.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use crate::domain::nearest::nearest;

pub(super) struct Checker<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    pub(super) places: &'a mut BTreeMap<String, Range<usize>>,
    pub(super) problems: &'a mut Vec<Problem>,
}

type Node<'i> = Spanned<DeValue<'i>>;

impl Checker<'_> {
    /// The node as JSON, without what is wrong with it; `None` when nothing of it is right.
    #[expect(clippy::wildcard_enum_match_arm, reason = "each kind stands above, where it is wanted")]
    pub(super) fn check(&mut self, node: &Node<'_>, schema: &Value, path: &str) -> Option<Value> {
        self.places.insert(path.to_owned(), node.span());
        let words = words(schema);
        if !words.is_empty() {
            return self.word(node, &words, path);
        }
        if let Some(options) = alternatives(schema) {
            return self.alternative(node, &options, path);
        }
        let types = types(schema);
        let wants = |name: &str| types.is_empty() || types.contains(&name);
        match node.get_ref() {
            DeValue::String(text) if wants("string") => Some(Value::String(text.to_string())),
            // A bare date is a slip that cannot be misread: it counts as its text.
            DeValue::Datetime(instant) if wants("string") => Some(Value::String(instant.to_string())),
            DeValue::Boolean(value) if wants("boolean") => Some(Value::Bool(*value)),
            DeValue::Integer(digits) if wants("integer") => self.integer(node, digits, schema, path),
            DeValue::Integer(digits) if wants("number") => self.integer(node, digits, schema, path),
            DeValue::Float(digits) if wants("number") => {
                let number =
                    digits.as_str().replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
                if number.is_none() {
                    self.add(
                        node.span(),
                        path,
                        format!("`{}` is no number", digits.as_str()),
                        "write it like 0.5",
                    );
                }
                number.map(Value::from)
            }
            DeValue::Array(items) if wants("array") => {
                let nothing = Value::Null;
                let item_schema = schema.get("items").unwrap_or(&nothing);
                let checked = items.iter().enumerate();
                let checked =
                    checked.filter_map(|(at, item)| self.check(item, item_schema, &format!("{path}[{at}]")));
                Some(Value::Array(checked.collect()))
            }
            DeValue::Table(table) if wants("object") => Some(self.table(node.span(), table, schema, path)),
            _ => {
                self.wrong_type(node, &types, path);
                None
            }
        }
    }

    fn table(&mut self, span: Range<usize>, table: &DeTable<'_>, schema: &Value, path: &str) -> Value {
        let nothing = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut out = Map::new();
        for (key, node) in table {
            let key_text = key.get_ref().as_ref();
            let inner = if path.is_empty() { key_text.to_owned() } else { format!("{path}.{key_text}") };
            match properties.get(key_text).or(others) {
                Some(schema) => {
                    if let Some(value) = self.check(node, schema, &inner) {
                        out.insert(key_text.to_owned(), value);
                    }
                }
                None => self.unknown_key(key.span(), key_text, properties, path),
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !table.contains_key(name) {
                let place = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
                self.add(
                    span.clone(),
                    path,
                    format!("{place} has no `{name}`"),
                    describe(properties.get(name), name),
                );
            }
        }
        Value::Object(out)
    }

    fn unknown_key(&mut self, span: Range<usize>, key: &str, properties: &Map<String, Value>, path: &str) {
        let names = properties.keys().map(String::as_str);
        let help = match nearest(key, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", properties.keys().cloned().collect::<Vec<_>>().join(", ")),
        };
        let inside = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        self.add(span, path, format!("unknown key `{key}`{inside}"), help);
    }

    fn word(&mut self, node: &Node<'_>, words: &[&str], path: &str) -> Option<Value> {
        let listed = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let DeValue::String(text) = node.get_ref() else {
            self.add(node.span(), path, format!("expected one of {listed}"), "write it as a string");
            return None;
        };
        if words.contains(&text.as_ref()) {
            return Some(Value::String(text.to_string()));
        }
        let help = match nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"? There are {listed}"),
            None => format!("use one of {listed}"),
        };
        let clipped: String = text.chars().take(60).collect();
        self.add(node.span(), path, format!("`{clipped}` is not offered here"), help);
        None
    }

    fn alternative(&mut self, node: &Node<'_>, options: &[&Value], path: &str) -> Option<Value> {
        let fits = |schema: &&&Value| types(schema).contains(&type_of(node.get_ref()));
        if let Some(schema) = options.iter().find(fits) {
            return self.check(node, schema, path);
        }
        let types: Vec<&str> = options.iter().flat_map(|schema| types(schema)).collect();
        self.wrong_type(node, &types, path);
        None
    }

    fn integer(
        &mut self,
        node: &Node<'_>,
        digits: &toml::de::DeInteger<'_>,
        schema: &Value,
        path: &str,
    ) -> Option<Value> {
        let number = i64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix()).ok();
        let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
        let (least, most) = (bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX));
        if let Some(number) = number.filter(|number| (least..=most).contains(number)) {
            Some(Value::from(number))
        } else {
            let most = if most == i64::MAX { String::new() } else { format!(" to {most}") };
            self.add(
                node.span(),
                path,
                format!("`{}` is out of range", digits.as_str()),
                format!("use {least}{most}"),
            );
            None
        }
    }

    fn wrong_type(&mut self, node: &Node<'_>, types: &[&str], path: &str) {
        let name = |json: &str| match json {
            "string" => "a string in quotes",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list in [ ]",
            _ => "a table",
        };
        let wanted = types.iter().filter(|t| **t != "null").map(|t| name(t)).collect::<Vec<_>>().join(" or ");
        let found = match node.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let key = if path.is_empty() { "the file" } else { path };
        self.add(node.span(), path, format!("`{key}` is {found}"), format!("write {wanted}"));
    }

    fn add(&mut self, span: Range<usize>, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(self.name, self.text, span, path, message.into(), Some(help.into())));
    }
}

fn describe(schema: Option<&Value>, name: &str) -> String {
    let text = schema.and_then(|schema| schema.get("description")).and_then(Value::as_str).unwrap_or("");
    let first = text.split("\n\n").next().unwrap_or("").replace('\n', " ");
    format!("add `{name} = …`: {first}")
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) | DeValue::Datetime(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The alternatives of an `anyOf` or `oneOf`, without null; those of an alternative among them.
fn alternatives(schema: &Value) -> Option<Vec<&Value>> {
    let options = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let real = options.iter().filter(|option| option.get("type").and_then(Value::as_str) != Some("null"));
    Some(real.flat_map(|option| alternatives(option).unwrap_or_else(|| vec![option])).collect())
}

/// The words of an enumeration, in whichever form the schema gives them; empty when it is none.
fn words(schema: &Value) -> Vec<&str> {
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return vec![word];
    }
    if let Some(listed) = schema.get("enum").and_then(Value::as_array) {
        return listed.iter().filter_map(Value::as_str).collect();
    }
    match alternatives(schema) {
        Some(options) => {
            let each: Vec<Vec<&str>> = options.iter().map(|option| words(option)).collect();
            if each.iter().any(Vec::is_empty) { Vec::new() } else { each.into_iter().flatten().collect() }
        }
        None => Vec::new(),
    }
}
