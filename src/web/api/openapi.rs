//! The description of the API: `OpenAPI` 3.1, out of the operations themselves and the types of their bodies.

use axum::http::{Method, StatusCode};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::domain::access::Role;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
}

/// A parameter.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) place: Place,
    pub(super) name: &'static str,
    pub(super) schema: Value,
    pub(super) about: String,
    pub(super) needed: bool,
}

impl Parameter {
    pub(super) fn query(name: &'static str, schema: Value, about: String) -> Self {
        Self { place: Place::Query, name, schema, about, needed: false }
    }

    pub(super) fn path(name: &'static str, schema: Value, about: String) -> Self {
        Self { place: Place::Path, name, schema, about, needed: true }
    }

    pub(super) fn needed(self) -> Self {
        Self { needed: true, ..self }
    }
}

type Schema = fn(&mut SchemaGenerator) -> schemars::Schema;

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<T>()
}

/// What an operation answers.
#[derive(Debug, Clone, Copy)]
enum Gives {
    Nothing,
    Json(StatusCode, Schema),
    File,
    Events,
}

/// What an operation takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    Nothing,
    Json(Schema),
    Records,
}

/// An operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) role: Role,
    id: &'static str,
    about: &'static str,
    parameters: Vec<Parameter>,
    takes: Takes,
    gives: Gives,
}

impl Operation {
    fn new(method: Method, path: &'static str, role: Role, id: &'static str, about: &'static str) -> Self {
        Self {
            method,
            path,
            role,
            id,
            about,
            parameters: Vec::new(),
            takes: Takes::Nothing,
            gives: Gives::Nothing,
        }
    }

    pub(super) fn get(path: &'static str, role: Role, id: &'static str, about: &'static str) -> Self {
        Self::new(Method::GET, path, role, id, about)
    }

    pub(super) fn post(path: &'static str, role: Role, id: &'static str, about: &'static str) -> Self {
        Self::new(Method::POST, path, role, id, about)
    }

    pub(super) fn put(path: &'static str, role: Role, id: &'static str, about: &'static str) -> Self {
        Self::new(Method::PUT, path, role, id, about)
    }

    pub(super) fn delete(path: &'static str, role: Role, id: &'static str, about: &'static str) -> Self {
        Self::new(Method::DELETE, path, role, id, about)
    }

    pub(super) fn with(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Takes::Json(schema_of::<T>);
        self
    }

    pub(super) fn takes_records(mut self) -> Self {
        self.takes = Takes::Records;
        self
    }

    pub(super) fn gives<T: JsonSchema>(mut self, status: StatusCode) -> Self {
        self.gives = Gives::Json(status, schema_of::<T>);
        self
    }

    pub(super) fn gives_nothing(mut self) -> Self {
        self.gives = Gives::Nothing;
        self
    }

    pub(super) fn gives_file(mut self) -> Self {
        self.gives = Gives::File;
        self
    }

    pub(super) fn gives_events(mut self) -> Self {
        self.gives = Gives::Events;
        self
    }

    fn describe(&self, generator: &mut SchemaGenerator) -> Value {
        let parameters = self.parameters.iter().map(|parameter| {
            let path = parameter.place == Place::Path;
            json!({
                "name": parameter.name,
                "in": if path { "path" } else { "query" },
                "required": parameter.needed,
                "description": parameter.about,
                "schema": parameter.schema,
            })
        });
        let mut parameters: Vec<Value> = parameters.collect();
        if self.method != Method::GET {
            parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
        }
        let mut responses = Map::new();
        let (status, mut answer) = match self.gives {
            Gives::Nothing => (StatusCode::NO_CONTENT, json!({ "description": "Done." })),
            Gives::Json(status, schema) => {
                let schema = schema(generator);
                let answer = json!({ "description": "The answer.", "content": { "application/json": { "schema": schema } } });
                (status, answer)
            }
            Gives::File => {
                let any =
                    json!({ "schema": { "type": "string", "contentMediaType": "application/octet-stream" } });
                (StatusCode::OK, json!({ "description": "The file.", "content": { "*/*": any } }))
            }
            Gives::Events => {
                let any = json!({ "schema": { "type": "string" } });
                (
                    StatusCode::OK,
                    json!({ "description": "A line at each change.", "content": { "text/event-stream": any } }),
                )
            }
        };
        if status == StatusCode::OK && self.method == Method::GET {
            let etag = json!({ "description": "The tag of these bytes.", "schema": { "type": "string" } });
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("headers".to_owned(), json!({ "ETag": etag }));
            }
            responses
                .insert("304".to_owned(), json!({ "description": "The same as before (If-None-Match)." }));
        }
        responses.insert(status.as_u16().to_string(), answer);
        responses.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Problem" }));
        let mut told = json!({
            "operationId": self.id,
            "summary": self.about,
            "description": format!("Needs the role {}.", self.role),
            "parameters": parameters,
            "responses": responses,
        });
        let body = match self.takes {
            Takes::Nothing => None,
            Takes::Json(schema) => Some(json!({ "application/json": { "schema": schema(generator) } })),
            Takes::Records => {
                let text = json!({ "schema": { "type": "string" } });
                Some(json!({ "application/x-ndjson": text, "text/csv": text }))
            }
        };
        if let (Some(content), Some(told)) = (body, told.as_object_mut()) {
            told.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        }
        told
    }
}

/// The whole document, as text.
pub(super) fn document(operations: &[Operation]) -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for operation in operations {
        let path = paths.entry(format!("{}{}", super::ROOT, operation.path)).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            let method = operation.method.as_str().to_lowercase();
            path.insert(method, operation.describe(&mut generator));
        }
    }
    let problem = json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
            "detail": { "type": "string" }, "instance": { "type": "string" },
        },
    });
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem);
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Legwork",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Scheduled segment reports for contact centres. Instants are RFC 3339 in UTC.",
        },
        "security": [{ "bearer": [] }, { "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "token": { "type": "apiKey", "in": "header", "name": "X-Auth-Token" },
            },
            "parameters": {
                "IdempotencyKey": {
                    "name": "Idempotency-Key", "in": "header", "required": false,
                    "description": "The same request under the same key gets the first one's answer for a day.",
                    "schema": { "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$" },
                },
            },
            "responses": {
                "Problem": {
                    "description": "What is wrong and what would be right.",
                    "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
                },
            },
            "schemas": schemas,
        },
    });
    document.to_string()
}
